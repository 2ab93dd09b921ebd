package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// closedTest leaves a store of 60 events, some longer than a page, that was closed in order, and gives its bytes.
func closedTest(t *testing.T, path string) []byte {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i := range 60 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("%03d", i), pageRepeats(i)))
	}
	mustAppend(t, s, "a", 0, texts...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return good
}

// rewrite changes the file behind the store's back. Kept, it looks as if nobody had.
func rewrite(t *testing.T, path string, keep bool, change func()) {
	t.Helper()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	change()
	to := before.ModTime().Add(time.Millisecond) // a clock may stand still for so long
	if keep {
		to = before.ModTime()
	}
	if err := os.Chtimes(path, to, to); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if same := after.ModTime().Equal(before.ModTime()) && after.Size() == before.Size(); same != keep {
		t.Fatalf("size and time are the same: %v", same)
	}
}

// TestBytesFlippedAfterClose flips a byte of the structure of each page of a store that was closed in order. When that shows in
// the time of the file, Open refuses it. When it does not, nothing is written to it, nothing unchecked is read from it, and the
// next Open refuses it.
func TestBytesFlippedAfterClose(t *testing.T) {
	dir := t.TempDir()
	pages := len(closedTest(t, filepath.Join(dir, "count.db"))) / 4096
	opened := 0
	for page := range pages {
		for _, keep := range []bool{false, true} {
			path := filepath.Join(dir, fmt.Sprintf("page%d-%v.db", page, keep))
			bad := bytes.Clone(closedTest(t, path))
			at := page * 4096
			if page == 0 {
				at = 100 // behind the header of the file
			}
			bad[at] ^= 0x5a
			rewrite(t, path, keep, func() {
				if err := os.WriteFile(path, bad, 0o600); err != nil {
					t.Fatal(err)
				}
			})
			var told atomic.Int32
			s, err := Open(path, Options{Fatal: func(error) { told.Add(1) }})
			if err == nil {
				if opened++; !keep {
					t.Errorf("page %d: a changed file was opened", page)
				}
				wantNothing(t, s, path, bad)
				if told.Load() != 1 {
					t.Errorf("page %d: Fatal was called %d times", page, told.Load())
				}
				_, err = Open(path, Options{})
			}
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("page %d, time kept %v: %v", page, keep, err)
			}
		}
	}
	if opened == 0 {
		t.Error("each Open waited for the check: a file that is as it was closed is not known again")
	}
}

// wantNothing demands that a damaged store takes nothing and gives nothing that nobody checks.
func wantNothing(t *testing.T, s *Store, path string, bytesThen []byte) {
	t.Helper()
	if _, err := s.Append(t.Context(), "a", 60, texted("new")); !errors.Is(err, ErrDamaged) {
		t.Errorf("append: %v", err)
	}
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, ErrDamaged) {
		t.Errorf("delete: %v", err)
	}
	for e, err := range s.ReadAll(t.Context(), 0) {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("read of all: %s/%d, %v", e.Stream, e.Version, err)
		}
	}
	for e, err := range s.Subscribe(t.Context(), 0) {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("subscription: %s/%d, %v", e.Stream, e.Version, err)
		}
	}
	for e, err := range s.Read(t.Context(), "a", 0) {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("read after the check: %s/%d, %v", e.Stream, e.Version, err)
		}
	}
	if err := s.Close(); !errors.Is(err, ErrDamaged) {
		t.Errorf("close: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bytesThen) {
		t.Errorf("the damaged file was changed, %v", err)
	}
}

// TestWriterAfterClose: what another program does to a store that was closed in order is found by the next Open, whatever the
// time of the file says.
func TestWriterAfterClose(t *testing.T) {
	for _, keep := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "events.db")
		closedTest(t, path)
		rewrite(t, path, keep, func() {
			if err := raw(t, path, "INSERT INTO events VALUES (61, 'a', 7, 'noted', x'00')", "INSERT INTO events VALUES (62, 'b', 1, 'noted', x'00')"); err != nil {
				t.Fatal(err)
			}
		})
		s := openTest(t, path)
		if d := s.Damaged(); len(d) != 1 || d[0].Stream != "a" || d[0].Version != 7 {
			t.Errorf("time kept %v: damaged streams %v", keep, d)
		}
		var corrupt *eventstore.CorruptError
		if _, err := s.Append(t.Context(), "a", 60, texted("new")); !errors.As(err, &corrupt) {
			t.Errorf("time kept %v: append: %v", keep, err)
		}
		mustAppend(t, s, "b", 1, "b2")
	}
}

// TestStamp: the lock file knows how a store was closed only while nobody has it open, and only when it was closed in order.
func TestStamp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.db")
	left := func() map[string]stamp {
		t.Helper()
		file, err := os.Open(filepath.Join(dir, LockFile))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		return readStamps(file)
	}
	closedTest(t, path)
	want := stampOf(path)
	if got := left(); len(got) != 1 || got["events.db"] != want || want.size == 0 {
		t.Errorf("after Close: %v, want %v", got, want)
	}
	lock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := left(); len(got) != 0 {
		t.Errorf("a crash now would leave %v", got)
	}
	other, err := Open(filepath.Join(dir, "other \"one\".db"), Options{Lock: lock})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	if got := left(); len(got) != 2 || got["events.db"] != want || got["other \"one\".db"] == (stamp{}) {
		t.Errorf("after two stores: %v", got)
	}
	s, err := Open(path, Options{Fatal: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	s.writer.commit = func() error { return errors.New("no sync") }
	if _, err := s.Append(t.Context(), "a", 60, texted("new")); err == nil {
		t.Error("an append without a sync")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := left(); len(got) != 1 {
		t.Errorf("after a commit of unknown outcome: %v", got)
	}
}
