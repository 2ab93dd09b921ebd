package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// printed is a log of so many events that a test publishes.
type printed struct {
	events []eventstore.Event
	key    *logKey
}

func newPrinted(t testing.TB, origin string, size int) printed {
	t.Helper()
	key, err := newLogKey(testSecret, origin)
	if err != nil {
		t.Fatal(err)
	}
	p := printed{key: key}
	for n := range size {
		p.events = append(p.events, eventstore.Event{Stream: village, Version: uint64(n) + 1, Type: "noted", Data: fmt.Appendf(nil, "event %d of %s", n+1, origin)})
	}
	return p
}

func (p printed) leaves(size int) []tlog.Hash {
	leaves := make([]tlog.Hash, size)
	for i, e := range p.events[:size] {
		leaves[i] = tlog.RecordHash(Entry(p.key.Name(), e.Type, e.Data))
	}
	return leaves
}

func (p printed) publication(t testing.TB, size int) Publication {
	t.Helper()
	msg, err := p.key.sign(Head{Origin: p.key.Name(), Size: uint64(size), Root: rootOf(p.leaves(size))})
	if err != nil {
		t.Fatal(err)
	}
	return Publication{Note: msg, VerifierKey: p.key.vkey, Read: func(_ context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for _, e := range p.events[after:] {
				if !yield(e, nil) {
					return
				}
			}
		}
	}}
}

func (p printed) publish(t testing.TB, dir string, size int) Published {
	t.Helper()
	done, err := Publish(t.Context(), dir, p.publication(t, size))
	if err != nil {
		t.Fatalf("publish %d events: %v", size, err)
	}
	return done
}

// checkDir verifies a directory as a stranger does and gives its events.
func checkDir(ctx context.Context, dir, verifierKey string) (*PublishedLog, []eventstore.Event, error) {
	return checkFiles(ctx, Dir(dir), verifierKey)
}

func (p printed) wantPublished(t testing.TB, dir string, size int) {
	t.Helper()
	l, events, err := checkDir(t.Context(), dir, p.key.vkey)
	if err != nil {
		t.Fatalf("check %d published events: %v", size, err)
	}
	if l.Head.Size != uint64(size) || l.Others != 0 || l.HeadOnly {
		t.Errorf("published is %+v, want %d events and nothing besides", l, size)
	}
	if !slices.EqualFunc(events, p.events[:size], func(a, b eventstore.Event) bool {
		return a.Version == b.Version && a.Type == b.Type && bytes.Equal(a.Data, b.Data)
	}) {
		t.Errorf("the published events are not those of the log, at size %d", size)
	}
}

func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tileSizes are those at which tiles begin and end.
func tileSizes() []int {
	sizes := []int{0, 1, 2, 255, 256, 257, 511, 512}
	if !testing.Short() {
		sizes = append(sizes, 65_535, 65_536, 65_537, 66_100)
	}
	return sizes
}

// oracle holds the stored hashes of a log as tlog numbers them, from which its own tiles are made.
func oracle(t testing.TB, leaves []tlog.Hash) tlog.HashReaderFunc {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			list[i] = stored[at]
		}
		return list, nil
	})
	for n, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(int64(n), leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	return reader
}

// The tiles are those that tlog makes, at each size and nothing besides, and tlog's reader of tiles accepts them with proofs of
// every kind.
func TestTilesAreThoseOfTlog(t *testing.T) {
	sizes := tileSizes()
	log := newPrinted(t, villageLog, slices.Max(sizes))
	reader := oracle(t, log.leaves(len(log.events)))
	for _, size := range sizes {
		dir := filepath.Join(t.TempDir(), "out")
		log.publish(t, dir, size)
		log.wantPublished(t, dir, size)
		files := contents(t, dir)
		delete(files, CheckpointFile)
		delete(files, VerifierFile)
		hashTiles := 0
		for _, tl := range tlog.NewTiles(tileHeight, 0, int64(size)) {
			want, err := tlog.ReadTileData(tl, reader)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.Replace(tl.Path(), "tile/8/", "tile/", 1)
			if got, ok := files[name]; !ok || got != string(want) {
				t.Errorf("size %d: %s is not the tile of tlog (there: %v)", size, name, ok)
			}
			hashTiles++
			if tl.L == 0 {
				if _, ok := files[strings.Replace(name, "tile/0/", "tile/entries/", 1)]; !ok {
					t.Errorf("size %d: no bundle beside %s", size, name)
				}
				hashTiles++
			}
		}
		if hashTiles != len(files) {
			t.Errorf("size %d: %d files, want %d: %v", size, len(files), hashTiles, slices.Sorted(maps.Keys(files)))
		}
		if size > 0 {
			readWithTlog(t, log, dir, size)
		}
	}
}

// readWithTlog proves inclusion and consistency from the files alone, with tlog's own reader.
func readWithTlog(t *testing.T, log printed, dir string, size int) {
	t.Helper()
	root := rootOf(log.leaves(size))
	tiles := tlog.TileHashReader(tlog.Tree{N: int64(size), Hash: root}, tileFiles(dir))
	for _, n := range []int{0, size / 3, size - 1} {
		proof, err := tlog.ProveRecord(int64(size), int64(n), tiles)
		if err == nil {
			err = tlog.CheckRecord(proof, int64(size), root, int64(n), log.leaves(n + 1)[n])
		}
		if err != nil {
			t.Errorf("size %d: event %d: %v", size, n+1, err)
		}
		old := rootOf(log.leaves(n + 1))
		proof2, err := tlog.ProveTree(int64(size), int64(n)+1, tiles)
		if err == nil {
			err = tlog.CheckTree(proof2, int64(size), root, int64(n)+1, old)
		}
		if err != nil {
			t.Errorf("size %d: consistency with %d: %v", size, n+1, err)
		}
	}
}

type tileFiles string

func (tileFiles) Height() int { return tileHeight }

func (d tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := os.ReadFile(filepath.Join(string(d), strings.Replace(t.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}

func TestTileNames(t *testing.T) {
	for name, want := range map[string]tile{
		"tile/0/000":                {0, 0, 256},
		"tile/0/x001/x234/067.p/17": {0, 1234067, 17},
		"tile/entries/x001/000":     {entriesLevel, 1000, 256},
		"tile/63/999.p/255":         {63, 999, 255},
	} {
		if got, ok := parseTile(name); !ok || got != want || got.name() != name {
			t.Errorf("%s is %+v, %v, and %s again", name, got, ok, got.name())
		}
	}
	for _, name := range []string{"", "tile", "tile/", "tile/0", "tile/0/", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/0", "tile/0/0000", "tile/0/x000/001",
		"tile/0/1/000", "tile/0/001/x002", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/+01", "tile/8/0/000/x", "x/0/000",
		"tile/0/" + strings.Repeat("x999/", 12) + "999", "tile/0/000.p/1.p/1"} {
		if got, ok := parseTile(name); ok {
			t.Errorf("%q is taken for %+v", name, got)
		}
	}
}

// What is published step by step is, byte for byte, what is published at once; only partial tiles of before stay besides, until
// the full ones have a checkpoint.
func TestPublishedInPiecesIsPublishedAtOnce(t *testing.T) {
	sizes := []int{0, 1, 2, 60, 255, 256, 257, 300, 511, 512, 513, 900}
	if !testing.Short() {
		sizes = append(sizes, 65_530, 65_537)
	}
	log := newPrinted(t, villageLog, slices.Max(sizes))
	pieces := filepath.Join(t.TempDir(), "pieces")
	before := 0
	for _, size := range sizes {
		if done := log.publish(t, pieces, size); done.Before != uint64(before) {
			t.Errorf("size %d was published before, says Publish, not %d", done.Before, before)
		}
		before = size
		once := filepath.Join(t.TempDir(), "once")
		log.publish(t, once, size)
		got, want := contents(t, pieces), contents(t, once)
		for name := range got {
			if _, ok := want[name]; ok {
				continue
			}
			tl, ok := parseTile(name)
			if _, full := (tile{tl.level, tl.n, tileWidth}).within(uint64(size)); !ok || tl.width == tileWidth || full {
				t.Errorf("size %d: %s should not be there", size, name)
			}
			delete(got, name)
		}
		if !maps.Equal(got, want) {
			t.Errorf("size %d: the files differ: %v and %v", size, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		log.wantPublished(t, pieces, size)
		if again := log.publish(t, pieces, size); again.Files != 0 {
			t.Errorf("size %d: %d files were written again", size, again.Files)
		}
	}
	if files := contents(t, pieces); before > 900 && files["tile/2/000.p/1"] == "" {
		t.Error("there is no tile of level 2")
	}
}

// A crash at each step leaves a directory whose checkpoint, if it has one, has all its tiles; the same command then completes it.
func TestPublishCrashedAnywhere(t *testing.T) {
	log := newPrinted(t, villageLog, 513)
	errCrash := errors.New("crash")
	crashes := 0
	froms := []int{-1, 200, 255, 300}
	if testing.Short() {
		froms = froms[2:3]
	}
	for _, from := range froms {
		for stop := 0; ; stop++ {
			dir := filepath.Join(t.TempDir(), "out")
			if from >= 0 {
				log.publish(t, dir, from)
			}
			step := 0
			p := &publisher{dir: dir, Publication: log.publication(t, 513), changed: map[string]bool{}, step: func(string, string) error {
				if step++; step > stop {
					return errCrash
				}
				return nil
			}}
			_, err := p.publish(t.Context())
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			crashes++
			if _, err := os.Stat(filepath.Join(dir, CheckpointFile)); err == nil {
				if _, _, err := checkDir(t.Context(), dir, log.key.vkey); err != nil {
					t.Fatalf("from %d, crash at step %d: %v", from, stop, err)
				}
			} else if from >= 0 {
				t.Fatalf("from %d, crash at step %d: the checkpoint is gone", from, stop)
			}
			log.publish(t, dir, 513)
			log.wantPublished(t, dir, 513)
		}
	}
	if crashes < 30*len(froms) {
		t.Errorf("only %d crashes were tried", crashes)
	}
}

// A directory of another log, of a longer or another copy of this one, or one that was changed is refused and left as it is.
func TestPublishRefusesWhatDoesNotFit(t *testing.T) {
	log := newPrinted(t, villageLog, 400)
	fork := newPrinted(t, villageLog, 400)
	fork.events[100].Data = []byte("forged")
	other := newPrinted(t, "example.org/other", 400)
	otherKey := newPrinted(t, villageLog, 400)
	secret := bytes.Clone(testSecret)
	secret[0] ^= 1
	var err error
	if otherKey.key, err = newLogKey(secret, villageLog); err != nil {
		t.Fatal(err)
	}
	keep := func(string) error { return nil }
	for name, c := range map[string]struct {
		with   printed
		size   int
		damage func(dir string) error
		wants  string
	}{
		"another collective": {other, 400, keep, `it is of the log "example.org/log/shangzhuang", this log is example.org/other`},
		"an older copy":      {log, 200, keep, "300 events are published and the log has 200"},
		"a fork":             {fork, 400, keep, "one of them is a fork"},
		"a fork, same size":  {fork, 300, keep, "one of them is a fork"},
		"another key":        {otherKey, 400, keep, "it is not the key of this log"},
		"another key, no vkey": {otherKey, 400, func(dir string) error { return os.Remove(filepath.Join(dir, VerifierFile)) },
			"the key of this log did not sign it"},
		"a changed tile": {log, 400, func(dir string) error { return flipIn(filepath.Join(dir, "tile/0/000"), 77) }, "tile/0/000: it does not have the hashes of the log"},
		"a changed bundle": {log, 400, func(dir string) error { return flipIn(filepath.Join(dir, "tile/entries/000"), 3000) },
			"tile/entries/000: event "},
		"a changed checkpoint": {log, 400, func(dir string) error { return flipIn(filepath.Join(dir, CheckpointFile), 40) }, "checkpoint: "},
		"a bundle that is a pipe": {log, 400, func(dir string) error {
			path := filepath.Join(dir, "tile/entries/000")
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}, "it is no plain file"},
		"no more than the checkpoint": {log, -1, keep, "events were published here"},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		log.publish(t, dir, 300)
		if err := c.damage(dir); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		p := c.with.publication(t, max(c.size, 300))
		if c.size == 200 {
			p = c.with.publication(t, 200)
		}
		p.HeadOnly = c.size < 0
		_, err := Publish(t.Context(), dir, p)
		if bad := (*PublishedError)(nil); !errors.As(err, &bad) || !strings.Contains(err.Error(), c.wants) {
			t.Errorf("%s: %v, want %q", name, err, c.wants)
		}
		if !maps.Equal(before, contents(t, dir)) {
			t.Errorf("%s: the directory was changed", name)
		}
	}
}

func flipIn(path string, bit int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[bit/8] ^= 1 << (bit % 8)
	return os.WriteFile(path, data, 0o600)
}

// Files that are gone are made again from the log, and those of a crash are cleared away.
func TestPublishMakesMissingFilesAgain(t *testing.T) {
	log := newPrinted(t, villageLog, 300)
	dir := filepath.Join(t.TempDir(), "out")
	log.publish(t, dir, 300)
	want := contents(t, dir)
	for name := range want {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".checkpoint.1.tmp"), []byte("part"), 0o600); err != nil {
			t.Fatal(err)
		}
		log.publish(t, dir, 300)
		if !maps.Equal(want, contents(t, dir)) {
			t.Errorf("without %s it was not made whole", name)
		}
	}
}

func TestPublishTheHeadAlone(t *testing.T) {
	log := newPrinted(t, villageLog, 300)
	dir := filepath.Join(t.TempDir(), "out")
	for _, size := range []int{200, 300} {
		p := log.publication(t, size)
		p.HeadOnly = true
		if _, err := Publish(t.Context(), dir, p); err != nil {
			t.Fatal(err)
		}
		if files := slices.Sorted(maps.Keys(contents(t, dir))); !slices.Equal(files, []string{CheckpointFile, VerifierFile}) {
			t.Errorf("published are %v", files)
		}
		l, err := OpenPublished(t.Context(), Dir(dir), "")
		if err != nil || !l.HeadOnly || l.Head.Size != uint64(size) {
			t.Errorf("published is %+v, %v", l, err)
		}
	}
}

// Each bit of a small published directory is flipped: all are noticed, and none makes the check hang.
func TestEveryBitOfAPublishedDirectory(t *testing.T) {
	log := newPrinted(t, villageLog, 61)
	dir := filepath.Join(t.TempDir(), "out")
	log.publish(t, dir, 40)
	log.publish(t, dir, 61)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	bits, step := 0, 1
	if testing.Short() {
		step = 31 // coprime to 8: all bits of a byte come, and all bytes
	}
	for name, text := range contents(t, dir) {
		path := filepath.Join(dir, name)
		entry := bundleEntry(t, name, text)
		for bit := 0; bit < 8*len(text); bit += step {
			bits++
			data := []byte(text)
			data[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := checkDir(ctx, dir, "")
			var bad *PublishedError
			if !errors.As(err, &bad) {
				t.Fatalf("bit %d of %s: %v", bit, name, err)
			}
			if bad.File != name {
				t.Fatalf("bit %d of %s is said to be in %s: %v", bit, name, bad.File, err)
			}
			if entry != nil && bad.Version != 0 && bad.Version != entry(bit/8) {
				t.Fatalf("bit %d of %s is in event %d, not %d", bit, name, entry(bit/8), bad.Version)
			}
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log.wantPublished(t, dir, 61)
	t.Logf("%d bits", bits)
}

// bundleEntry tells the event that a byte of a bundle belongs to; nil for another file.
func bundleEntry(t testing.TB, name, text string) func(at int) uint64 {
	tl, ok := parseTile(name)
	if !ok || tl.level != entriesLevel {
		return nil
	}
	entries, err := splitBundle([]byte(text), tl.width)
	if err != nil {
		t.Fatal(err)
	}
	return func(at int) uint64 {
		for i, e := range entries {
			if at < 2+len(e) {
				return uint64(i) + 1
			}
			at -= 2 + len(e)
		}
		return 0
	}
}

// Files removed, cut, made longer, exchanged, or taken from another log.
func TestPublishedFilesExchanged(t *testing.T) {
	log, other := newPrinted(t, villageLog, 600), newPrinted(t, "example.org/other", 600)
	dir, foreign := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "foreign")
	log.publish(t, dir, 600)
	other.publish(t, foreign, 600)
	files, others := contents(t, dir), contents(t, foreign)
	wrong := func(what, name, content string, gone bool) {
		t.Helper()
		path := filepath.Join(dir, name)
		var err error
		if gone {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = checkDir(t.Context(), dir, log.key.vkey)
		if bad := (*PublishedError)(nil); !errors.As(err, &bad) {
			t.Errorf("%s %s: %v", name, what, err)
		} else if bad.File != name && !(name == CheckpointFile || what == "removed") {
			t.Errorf("%s %s: said to be in %s", name, what, err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if name != VerifierFile {
			wrong("removed", name, "", true)
		}
		wrong("cut", name, text[:len(text)-1], false)
		wrong("emptied", name, "", false)
		wrong("made longer", name, text+"\x00", false)
		wrong("of another log", name, others[name], false)
		for second, content := range files {
			if second != name {
				wrong("exchanged for "+second, name, content, false)
			}
		}
	}
	log.wantPublished(t, dir, 600)
	if _, _, err := checkDir(t.Context(), dir, other.key.vkey); err == nil {
		t.Error("the key of another log is taken")
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, _, err := checkDir(t.Context(), dir, log.key.vkey); err != nil || l.Others != 1 {
		t.Errorf("with a foreign file beside it: %+v, %v", l, err)
	}
}

// A checkpoint that claims more events than there are takes neither time nor memory.
func TestPublishedCheckpointOfTooMuch(t *testing.T) {
	log := newPrinted(t, villageLog, 300)
	dir := filepath.Join(t.TempDir(), "out")
	log.publish(t, dir, 300)
	msg, err := log.key.sign(Head{Origin: villageLog, Size: headSizeMax, Root: rootOf(log.leaves(300))})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, CheckpointFile), msg, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = checkDir(t.Context(), dir, "")
	if err == nil || err.Error() != "tile/0/001: it is missing" {
		t.Errorf("a checkpoint of 2^62 events: %v", err)
	}
}

func TestParseEntry(t *testing.T) {
	entry := Entry(villageLog, "noted", []byte("a\n\nb"))
	if name, data, err := ParseEntry(villageLog, entry); err != nil || name != "noted" || string(data) != "a\n\nb" {
		t.Errorf("%q is %s %q, %v", entry, name, data, err)
	}
	for _, bad := range []string{"", "mingzhang/event@v1\n", string(Entry("example.org/other", "noted", []byte("a"))), string(Entry(villageLog, "No", []byte("a"))),
		string(Entry(villageLog, "noted", nil)), strings.TrimSuffix(string(Entry(villageLog, "noted", []byte("\n"))), "\n\n"),
		string(Entry(villageLog, "noted", make([]byte, eventstore.EventBytesMax+1)))} {
		if _, _, err := ParseEntry(villageLog, []byte(bad)); err == nil {
			t.Errorf("%.200q is taken", bad)
		}
	}
}

func FuzzSplitBundle(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x00"), 2)
	f.Fuzz(func(t *testing.T, bundle []byte, width int) {
		if width < 0 || width > tileWidth {
			return
		}
		entries, err := splitBundle(bundle, width)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			if again, err = appendBundled(again, e); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, bundle) || len(entries) != width {
			t.Errorf("%q is %q again", bundle, again)
		}
	})
}
