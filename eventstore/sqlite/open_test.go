package sqlite

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

// wantRefusal checks that opening fails for the reason, in one sentence that names the path.
func wantRefusal(t *testing.T, path string, options Options, reason error, words string) {
	t.Helper()
	s, err := Open(path, options)
	if err == nil {
		t.Errorf("%s was opened", path)
		s.Close()
		return
	}
	if reason != nil && !errors.Is(err, reason) {
		t.Errorf("error %q, want one that is %q", err, reason)
	}
	if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), filepath.Dir(path)) {
		t.Errorf("error %q, want one line that names the path and says %q", err, words)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sound := filepath.Join(dir, "sound.db")
	s := openTest(t, sound)
	for i := range 50 {
		mustAppend(t, s, "a", uint64(i), strings.Repeat("x", 2000))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(name string, statements ...string) string {
		path := write(name, good)
		if err := raw(t, path, statements...); err != nil {
			t.Fatal(err)
		}
		return path
	}

	wantRefusal(t, filepath.Join(dir, "none", "events.db"), Options{}, fs.ErrNotExist, "does not exist")
	wantRefusal(t, filepath.Join(sound, "events.db"), Options{}, nil, "is not a directory")
	wantRefusal(t, filepath.Join(dir, "none.db"), Options{MustExist: true}, fs.ErrNotExist, "does not exist")
	wantRefusal(t, write("empty.db", nil), Options{MustExist: true}, ErrNotStore, "is empty")
	wantRefusal(t, write("text.db", []byte(strings.Repeat("not a database\n", 1000))), Options{}, ErrNotStore, "is no database")
	wantRefusal(t, changed("newer.db", "PRAGMA user_version=2"), Options{}, ErrNewer, "schema version 2")
	wantRefusal(t, changed("zero.db", "PRAGMA user_version=0"), Options{}, ErrDamaged, "schema version 0")
	wantRefusal(t, changed("id.db", "PRAGMA application_id=7"), Options{}, ErrNotStore, "another program's database")
	wantRefusal(t, changed("empty-index.db", "PRAGMA writable_schema=ON", "DELETE FROM sqlite_schema WHERE name = 'events_stay'", "UPDATE sqlite_schema SET sql = 'x' WHERE name = 'events'"), Options{}, ErrDamaged, "damaged")
	wantRefusal(t, write("truncated.db", good[:len(good)/2]), Options{}, ErrDamaged, "damaged")
	wantRefusal(t, write("one-page.db", good[:4096]), Options{}, ErrDamaged, "damaged")
	oneBit := bytes.Clone(good)
	oneBit[4102] ^= 1 << 5 // where the free space of the page begins
	wantRefusal(t, write("one-bit.db", oneBit), Options{}, ErrDamaged, "(Tree 2 page 2")
	wantRefusal(t, write("header.db", good[:50]), Options{}, ErrDamaged, "damaged")

	other := filepath.Join(dir, "other.db")
	if err := raw(t, other, "CREATE TABLE t (n INTEGER)"); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, other, Options{}, ErrNotStore, "another program's database")
	if after, err := os.ReadFile(other); err != nil || after[18] != 1 {
		t.Errorf("the refused database was changed: journal mode byte %d, %v", after[18], err)
	}

	// After all this the directory is free and the sound file still opens.
	openTest(t, sound)
}

// TestOpenAgain: an empty file, and one that a crash left before the WAL mode was set, are simply opened.
func TestOpenAgain(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, empty)
	mustAppend(t, s, "a", 0, "one")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := raw(t, empty, "PRAGMA journal_mode=DELETE"); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, empty)
	mustAppend(t, s, "a", 1, "two")
	if _, err := os.Stat(empty + "-wal"); err != nil {
		t.Errorf("not in WAL mode: %v", err)
	}
	wantText(t, s, "a", "one two")
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.db")
	// What a dead process left behind locks nobody out.
	if err := os.WriteFile(filepath.Join(dir, LockFile), []byte("99999999 a-host-of-old with more words in it\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, path)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, path, Options{}, nil, fmt.Sprintf("in use by process %d on host %s", os.Getpid(), host))
	wantRefusal(t, filepath.Join(dir, "second.db"), Options{}, nil, "in use by process")
	var locked *LockedError
	if _, err := Lock(dir); !errors.As(err, &locked) || *locked != (LockedError{Dir: dir, PID: os.Getpid(), Host: host}) {
		t.Errorf("lock of a directory in use: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// A caller that has the lock opens several files under it, but none twice and none elsewhere.
	lock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	one, err := Open(path, Options{Lock: lock})
	if err != nil {
		t.Fatal(err)
	}
	two, err := Open(filepath.Join(dir, "two.db"), Options{Lock: lock})
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, path, Options{Lock: lock}, nil, "is open already in this process")
	wantRefusal(t, filepath.Join(t.TempDir(), "events.db"), Options{Lock: lock}, nil, "is not in the locked directory")
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.As(err, &locked) {
		t.Errorf("the stores released a lock that was not theirs: %v", err)
	}
	again, err := Open(path, Options{Lock: lock})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(again.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	openTest(t, path)
}
