package sqlite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// TestCompact: after it neither the file nor its WAL has a byte of a deleted stream, the file is smaller, and the others are as they were; appends
// go on at the next position.
func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	for i := range 50 {
		mustAppend(t, s, "person", uint64(i), strings.Repeat("erased-needle ", 100))
		mustAppend(t, s, "other", uint64(i), "kept")
	}
	found := func() (in []string) {
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			data, err := os.ReadFile(name)
			if err == nil && bytes.Contains(data, []byte("erased-needle")) {
				in = append(in, filepath.Base(name))
			}
		}
		return in
	}
	if len(found()) == 0 {
		t.Fatal("the look finds nothing that is there")
	}
	if err := s.Compact(t.Context()); err != nil { // nothing was deleted: nothing to do
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "person"); err != nil {
		t.Fatal(err)
	}
	before := stampOf(path).size
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if in := found(); len(in) > 0 {
		t.Errorf("it is in %v still", in)
	}
	if after := stampOf(path).size; after >= before {
		t.Errorf("the file had %d bytes and has %d", before, after)
	}
	mustAppend(t, s, "other", 50, "kept")
	if _, err := s.Append(t.Context(), "person", 0, []eventstore.NewEvent{{Type: "x", Data: []byte("x")}}); !errors.Is(err, eventstore.ErrDeleted) {
		t.Errorf("append to the deleted stream: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path)
	wantText(t, s, "other", strings.TrimSpace(strings.Repeat("kept ", 51)))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Compact(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// TestCompactAfterCrash: a process that died between the deletion and the checkpoint leaves the bytes in the WAL; the next one's Compact
// removes them, though it deleted nothing itself.
func TestCompactAfterCrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "person", 0, strings.Repeat("erased-needle ", 100))
	wal, err := os.ReadFile(path + "-wal") // as it is before the deletion's checkpoint empties it
	if err != nil || !bytes.Contains(wal, []byte("erased-needle")) {
		t.Fatalf("the WAL has nothing: %v", err)
	}
	if err := s.Delete(t.Context(), "person"); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "other", 0, "kept")
	crashed := filepath.Join(t.TempDir(), "events.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if suffix == "-wal" {
			data = append(data, wal...) // what was there before lies behind what counts
		}
		if err := os.WriteFile(crashed+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := openTest(t, crashed)
	if err := again.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		if data, err := os.ReadFile(crashed + suffix); err == nil && bytes.Contains(data, []byte("erased-needle")) {
			t.Errorf("it is in events.db%s still", suffix)
		}
	}
	wantText(t, again, "other", "kept")
}
