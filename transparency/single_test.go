package transparency

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// grown is a log of any size that costs little: its hashes alone, and an entry where one is asked for.
type grown struct {
	levels levels
	key    *logKey
	note   []byte
}

func newGrown(t testing.TB, size int) *grown {
	t.Helper()
	key, err := newLogKey(testSecret, villageLog)
	if err != nil {
		t.Fatal(err)
	}
	leaves := make([]tlog.Hash, size)
	for i := range leaves {
		leaves[i] = tlog.RecordHash(grownEntry(uint64(i)))
	}
	g := &grown{levels: newLevels(leaves), key: key}
	if g.note, err = key.sign(Head{Origin: villageLog, Size: uint64(size), Root: g.levels.rootAt(uint64(size))}); err != nil {
		t.Fatal(err)
	}
	return g
}

func grownEntry(leaf uint64) []byte {
	return Entry(villageLog, "noted", binary.BigEndian.AppendUint64(nil, leaf))
}

func (g *grown) Read(_ context.Context, name string, _ int64) ([]byte, error) {
	switch name {
	case VerifierFile:
		return []byte(g.key.vkey + "\n"), nil
	case CheckpointFile:
		return g.note, nil
	}
	t, ok := parseTile(name)
	if _, within := t.within(uint64(len(g.levels[0]))); !ok || !within {
		return nil, fs.ErrNotExist
	}
	if t.level != entriesLevel {
		return g.levels.data(t), nil
	}
	var bundle []byte
	for i := range t.width {
		var err error
		if bundle, err = appendBundled(bundle, grownEntry(t.n*tileWidth+uint64(i))); err != nil {
			return nil, err
		}
	}
	return bundle, nil
}

// hashBytesMax is what the proof of one event of a million may read of tiles.
const hashBytesMax = 34_000

// The proof of any event of a log of a million reads at most 34 kB of hashes, and the same holds for the most costly sizes near it.
func TestProofOfOneEventIsSmall(t *testing.T) {
	sizes := []int{1_000_000}
	if !testing.Short() {
		sizes = append(sizes, 1_048_575, 983_039)
	}
	for _, size := range sizes {
		g := newGrown(t, size)
		l, err := OpenPublished(t.Context(), g, g.key.vkey)
		if err != nil {
			t.Fatal(err)
		}
		var most int64
		for _, version := range []uint64{1, 2, 256, 257, 65_536, 65_537, 500_000, 777_777, uint64(size) - 1, uint64(size)} {
			var fetched Fetched
			eventType, data, err := l.Event(t.Context(), version, &fetched)
			if err != nil || eventType != "noted" || binary.BigEndian.Uint64(data) != version-1 {
				t.Fatalf("event %d of %d: %s %x, %v", version, size, eventType, data, err)
			}
			most = max(most, fetched.Hashes)
		}
		for _, old := range []uint64{0, 1, 255, 65_536, 700_001, uint64(size)} {
			var fetched Fetched
			if root, err := l.EarlierRoot(t.Context(), old, &fetched); err != nil || root != g.levels.rootAt(old) {
				t.Errorf("root of the first %d of %d: %v, %v", old, size, root, err)
			}
		}
		t.Logf("%d events: at most %d bytes of hashes", size, most)
		if most > hashBytesMax {
			t.Errorf("%d events: %d bytes of hashes were read, %d are the most", size, most, hashBytesMax)
		}
	}
}

// Each bit of a file on the path of an event is flipped: none goes unnoticed, and whatever is read of the rest does not matter.
func TestEveryBitOnThePathOfAnEvent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	g := newGrown(t, 600)
	for _, version := range []uint64{1, 300, 600} {
		seen := map[string][]byte{}
		l, err := OpenPublished(ctx, recording{g, seen}, g.key.vkey)
		if err != nil {
			t.Fatal(err)
		}
		clear(seen)
		if _, _, err := l.Event(ctx, version, new(Fetched)); err != nil {
			t.Fatal(err)
		}
		for name, text := range seen {
			step := 3 // of 8: every byte, and every place in a byte
			if tl, _ := parseTile(name); tl.level == entriesLevel || testing.Short() {
				step = 61
			}
			for bit := 0; bit < 8*len(text); bit += step {
				data := bytes.Clone(text)
				data[bit/8] ^= 1 << (bit % 8)
				l.files = changed{seen, name, data}
				eventType, got, err := l.Event(ctx, version, new(Fetched))
				bad := (*PublishedError)(nil)
				if err == nil && (eventType != "noted" || binary.BigEndian.Uint64(got) != version-1) || err != nil && !errors.As(err, &bad) {
					t.Fatalf("bit %d of %s: %s %x, %v", bit, name, eventType, got, err)
				}
				if tl, _ := parseTile(name); err == nil && tl.level != entriesLevel {
					t.Fatalf("bit %d of %s goes unnoticed", bit, name)
				}
			}
		}
		if len(seen) < 2 {
			t.Errorf("event %d: only %d files were read", version, len(seen))
		}
	}
}

type recording struct {
	Files
	seen map[string][]byte
}

func (r recording) Read(ctx context.Context, name string, most int64) ([]byte, error) {
	data, err := r.Files.Read(ctx, name, most)
	if err == nil {
		r.seen[name] = data
	}
	return data, err
}

// changed are files of which one is another.
type changed struct {
	files map[string][]byte
	name  string
	data  []byte
}

func (c changed) Read(_ context.Context, name string, _ int64) ([]byte, error) {
	if name == c.name {
		return c.data, nil
	}
	if data, ok := c.files[name]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}
