package headmemory

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func head(size uint64) Head {
	return Head{Origin: "example.org/log/1", Size: size, Root: [32]byte{byte(size), byte(size >> 8)}}
}

func create(t testing.TB, h Head) (*File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memory")
	f, err := Create(path, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, path
}

func TestRemembers(t *testing.T) {
	f, path := create(t, head(0))
	for size := range uint64(5) {
		if err := f.Advance(head(size)); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || got != head(size) || f.Head() != got {
			t.Fatalf("at %d it remembers %+v, %v", size, got, err)
		}
	}
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Advance(head(9)); !errors.Is(err, ErrBroken) {
		t.Errorf("a closed file advances: %v", err)
	}
	f, err := Open(path)
	if err != nil || f.Head() != head(4) {
		t.Fatalf("opened again it remembers %+v, %v", f, err)
	}
	f.Close()
	if info, err := os.Stat(path); err != nil || info.Size() != 2*slotBytes || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

func TestNeverGoesBack(t *testing.T) {
	first := head(7)
	first.Generation = 2
	f, path := create(t, first)
	other := first
	other.Root[9]++
	elsewhere := first
	elsewhere.Origin, elsewhere.Size = "example.org/log/2", 8
	older := head(8)
	older.Generation = 1
	for name, h := range map[string]Head{"smaller": head(6), "another root": other, "another log": elsewhere, "an earlier generation": older} {
		if err := f.Advance(h); !errors.Is(err, ErrBackwards) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := Read(path); err != nil || got != first {
		t.Errorf("it remembers %+v, %v", got, err)
	}
}

func TestCreateKeepsWhatIsThere(t *testing.T) {
	_, path := create(t, head(3))
	if _, err := Create(path, head(0)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created over a memory: %v", err)
	}
	if _, err := Open(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened what is not there: %v", err)
	}
	for _, origin := range []string{"", "a b", "a\nb", strings.Repeat("a", OriginBytesMax+1)} {
		if _, err := Create(path+"y", Head{Origin: origin}); err == nil {
			t.Errorf("the origin %q was taken", origin)
		}
	}
	long, err := Create(path+"z", Head{Origin: strings.Repeat("a", OriginBytesMax), Size: 1<<64 - 1, Generation: 1<<64 - 1})
	if err != nil {
		t.Fatal(err)
	}
	long.Close()
}

// images are the files before and after one Advance.
func images(t *testing.T) (path string, before, after []byte) {
	t.Helper()
	f, path := create(t, head(4))
	if err := f.Advance(head(5)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Advance(head(6)); err != nil {
		t.Fatal(err)
	}
	after, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return path, before, after
}

// A write that is cut at any byte, whichever end of the sector came first, loses what was being written and nothing else.
func TestTornAtEveryByte(t *testing.T) {
	_, before, after := images(t)
	from := 0
	for before[from] == after[from] {
		from++
	}
	from -= from % slotBytes
	for cut := 0; cut <= slotBytes; cut++ {
		front, back := bytes.Clone(before), bytes.Clone(before)
		copy(front[from:from+cut], after[from:])
		copy(back[from+cut:from+slotBytes], after[from+cut:])
		for _, b := range [][]byte{front, back} {
			want := head(5)
			if bytes.Equal(b, after) {
				want = head(6)
			}
			if _, got, err := decode(b); err != nil || got != want {
				t.Fatalf("cut at %d it remembers %+v, %v", cut, got, err)
			}
		}
	}
}

// After a torn write the next one takes the torn slot, so that the whole one stays.
func TestWritesOverTheTornSlot(t *testing.T) {
	path, _, after := images(t)
	for damaged := range 2 {
		b := bytes.Clone(after)
		b[damaged*slotBytes+60]++
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		kept := f.Head()
		if err := f.Advance(head(9)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		now, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole := (1 - damaged) * slotBytes
		if !bytes.Equal(now[whole:whole+slotBytes], b[whole:whole+slotBytes]) {
			t.Errorf("the slot with %+v was written over", kept)
		}
		if got, err := Read(path); err != nil || got != head(9) {
			t.Errorf("it remembers %+v, %v", got, err)
		}
	}
}

// Whatever bit is flipped: what it remembers is the last head or the one before, never another.
func TestEveryBit(t *testing.T) {
	_, _, b := images(t)
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if _, got, err := decode(b); err != nil || got != head(6) && got != head(5) {
			t.Fatalf("bit %d flipped it remembers %+v, %v", i, got, err)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

func TestDamagedIsRefused(t *testing.T) {
	path, before, after := images(t)
	both := bytes.Clone(after)
	both[50]++
	both[slotBytes+50]++
	swapped := append(bytes.Clone(after[slotBytes:]), after[:slotBytes]...)
	slot := func(sequence uint64, h Head) []byte {
		b, err := encodeSlot(sequence, h)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	other := head(6)
	other.Root[1]++
	elsewhere := head(6)
	elsewhere.Origin = "example.org/log/2"
	for name, b := range map[string][]byte{
		"empty":              nil,
		"both slots damaged": both,
		"zeros":              make([]byte, 2*slotBytes),
		"cut":                after[:slotBytes],
		"longer":             append(bytes.Clone(after), 0),
		"slots swapped":      swapped,
		"not in a row":       append(slot(4, head(4)), slot(7, head(5))...),
		"nor here":           append(slot(8, head(5)), slot(5, head(4))...),
		"nor back":           append(slot(6, head(4)), slot(5, head(5))...),
		"going back":         append(slot(4, head(6)), slot(5, head(5))...),
		"two roots":          append(slot(4, head(6)), slot(5, other)...),
		"two logs":           append(slot(4, head(6)), slot(5, elsewhere)...),
	} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := Open(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got != head(5) {
		t.Errorf("the whole file is %+v, %v", got, err)
	}
}

// A failed sync leaves it open what is on the disk: nothing more is taken until somebody looks.
func TestFailedSyncStops(t *testing.T) {
	f, path := create(t, head(1))
	broken := errors.New("no")
	f.sync = func(*os.File) error { return broken }
	if err := f.Advance(head(2)); !errors.Is(err, ErrBroken) || !errors.Is(err, broken) {
		t.Fatalf("a failed sync is %v", err)
	}
	if f.Head() != head(1) {
		t.Errorf("it remembers %+v", f.Head())
	}
	f.sync = syncData
	for _, h := range []Head{head(1), head(2), head(3)} {
		if err := f.Advance(h); !errors.Is(err, ErrBroken) {
			t.Errorf("it goes on with %d: %v", h.Size, err)
		}
	}
	f.Close()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Advance(head(3)); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

func FuzzSlot(f *testing.F) {
	for i := range uint64(3) {
		b, err := encodeSlot(i, head(i))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(fmt.Sprintf("%s\nsequence 0\n", firstLine)))
	f.Fuzz(func(t *testing.T, slot []byte) {
		sequence, h, ok := decodeSlot(slot)
		if !ok {
			return
		}
		if again, err := encodeSlot(sequence, h); err != nil || !bytes.Equal(again, slot) {
			t.Fatalf("%q is written as %q, %v", slot, again, err)
		}
	})
}
