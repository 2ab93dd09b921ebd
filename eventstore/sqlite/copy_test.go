package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// A copy taken while the store is written to has, of every stream, what was acknowledged before, without a gap; a store opens
// it and goes on.
func TestCopyWhileWriting(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "events.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	data := func(stream string, v uint64) []byte { return fmt.Appendf(nil, "%s %d", stream, v) }
	put := func(stream string, v uint64) {
		if _, err := s.Append(t.Context(), stream, v-1, []eventstore.NewEvent{{Type: "x", Data: data(stream, v)}}); err != nil {
			t.Error(err)
		}
	}
	for v := uint64(1); v <= 200; v++ {
		put("a", v)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for v := uint64(201); ; v++ {
			select {
			case <-stop:
				return
			default:
				put("a", v)
				put("b", v-200)
			}
		}
	}()
	to := filepath.Join(t.TempDir(), "copy of 50%?#.db")
	if err := Copy(t.Context(), filepath.Join(dir, "events.db"), to); err != nil {
		t.Error(err)
	}
	close(stop)
	<-stopped
	versions := map[string]uint64{}
	for e, err := range Scan(t.Context(), to) {
		if err != nil {
			t.Fatal(err)
		}
		if versions[e.Stream]++; e.Version != versions[e.Stream] || !bytes.Equal(e.Data, data(e.Stream, e.Version)) {
			t.Fatalf("%s %d: version %d is %q", e.Stream, versions[e.Stream], e.Version, e.Data)
		}
	}
	if versions["a"] < 200 {
		t.Errorf("the copy has %d events of the 200 acknowledged before it", versions["a"])
	}
	entries, err := os.ReadDir(filepath.Dir(to))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the copy there is %v %v", entries, err)
	}
	again, err := Open(to, Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Append(t.Context(), "a", versions["a"], []eventstore.NewEvent{{Type: "x", Data: []byte("y")}}); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestCopyRefuses(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "events.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	there, other := filepath.Join(dir, "there"), filepath.Join(dir, "other")
	for path, text := range map[string]string{there: "x", other: "this is no database, and it is long enough for SQLite to see that it is none"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Copy(t.Context(), filepath.Join(dir, "events.db"), there); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a file: %v", err)
	}
	if err := Copy(t.Context(), filepath.Join(dir, "none"), filepath.Join(dir, "to")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("from nothing: %v", err)
	}
	if err := Copy(t.Context(), other, filepath.Join(dir, "to")); !errors.Is(err, ErrNotStore) {
		t.Errorf("from another file: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "to")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed copy is there: %v", err)
	}
	for _, err := range Scan(t.Context(), other) {
		if !errors.Is(err, ErrNotStore) {
			t.Errorf("scan of another file: %v", err)
		}
	}
}

// A copy that ends in the middle, here at a damaged page, leaves nothing under its name.
func TestCopyOfADamagedFileLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "events.db"), filepath.Join(dir, "to")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for v := range uint64(50) {
		if _, err := s.Append(t.Context(), "a", v, []eventstore.NewEvent{{Type: "x", Data: bytes.Repeat([]byte("x"), 1000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(file[len(file)-4096:], bytes.Repeat([]byte{0xff}, 64))
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Copy(t.Context(), path, to); !errors.Is(err, ErrDamaged) {
		t.Errorf("a copy of a damaged file: %v", err)
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left something: %v", err)
	}
	for _, err := range Scan(t.Context(), path) {
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("a scan of it: %v", err)
		}
	}
}
