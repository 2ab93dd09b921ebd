package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// fakeLog is logs told by a text each.
type fakeLog struct {
	text map[string]string
	err  error
}

func (l *fakeLog) Anchor(_ context.Context, collective string, version uint64) ([]byte, error) {
	if uint64(len(l.text[collective])) < version {
		return nil, errors.New("shorter")
	}
	sum := sha256.Sum256([]byte(l.text[collective][:version]))
	return sum[:], l.err
}

func (l *fakeLog) Holds(ctx context.Context, collective string, version uint64, anchor []byte) (bool, error) {
	if l.err != nil {
		return false, l.err
	}
	is, err := l.Anchor(ctx, collective, version)
	return err == nil && bytes.Equal(is, anchor), nil
}

type shelf struct {
	name  string
	items []int64
}

func testStore(t *testing.T) (*Store, *fakeLog, *bytes.Buffer) {
	log := &fakeLog{text: map[string]string{"abc": "12345678", "xyz": "12345678"}}
	log.text["xyz"] = "1234567x"
	said := new(bytes.Buffer)
	return NewStore(Options{Dir: filepath.Join(t.TempDir(), "snapshots"), Key: []byte("secret"), Build: "one", Log: log,
		Logger: slog.New(slog.NewTextHandler(said, nil))}), log, said
}

func save(t *testing.T, s *Store, kind, collective string, version uint64, v any) {
	t.Helper()
	if err := s.Save(t.Context(), kind, collective, version, v); err != nil {
		t.Fatal(err)
	}
}

func TestStoreKeepsAndGivesBack(t *testing.T) {
	s, _, said := testStore(t)
	want := &shelf{"账簿", make([]int64, 300_000)} // more than two pieces
	if v := s.Load(t.Context(), "book", "abc", new(shelf)); v != 0 {
		t.Errorf("version %d of nothing", v)
	}
	save(t, s, "book", "abc", 7, &shelf{"old", nil})
	save(t, s, "book", "abc", 8, want)
	save(t, s, "state", "abc", 3, &shelf{"state", nil})
	var got shelf
	if v := s.Load(t.Context(), "book", "abc", &got); v != 8 || !reflect.DeepEqual(&got, want) {
		t.Errorf("version %d", v)
	}
	for _, path := range []string{"book/abc", "book", "state/abc"} {
		info, err := os.Stat(filepath.Join(s.o.Dir, path))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(s.o.Dir, "book")); len(entries) != 1 {
		t.Errorf("%d files", len(entries))
	}
	if said.Len() > 0 {
		t.Error(said)
	}
	s.Drop("book", "abc")
	s.Drop("book", "abc")
	if v := s.Load(t.Context(), "book", "abc", new(shelf)); v != 0 {
		t.Errorf("version %d of what was removed", v)
	}
}

// TestStoreTakesOnlyWhatItWrote cuts and flips a file at every byte.
func TestStoreTakesOnlyWhatItWrote(t *testing.T) {
	s, _, said := testStore(t)
	save(t, s, "book", "abc", 8, &shelf{"账簿", []int64{1, 2, 3}})
	path := s.path("book", "abc")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, i int, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if v := s.Load(t.Context(), "book", "abc", new(shelf)); v != 0 {
			t.Errorf("%s at byte %d: taken at version %d", what, i, v)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s at byte %d: still there", what, i)
		}
	}
	for i := range whole {
		try("cut", i, whole[:i])
		for bit := range 8 {
			bent := bytes.Clone(whole)
			bent[i] ^= 1 << bit
			try("flipped", i, bent)
		}
	}
	try("longer", len(whole), append(bytes.Clone(whole), 0))
	if strings.Contains(said.String(), "账簿") || !strings.Contains(said.String(), "snapshot not used") {
		t.Errorf("the log says %.300s", said)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := s.Load(t.Context(), "book", "abc", new(shelf)); v != 8 {
		t.Error("the whole file is not taken")
	}
}

func TestStoreRefusesWhatIsOfSomethingElse(t *testing.T) {
	for name, change := range map[string]func(s *Store, log *fakeLog) (kind, collective string, into any){
		"another build": func(s *Store, _ *fakeLog) (string, string, any) { s.o.Build = "two"; return "book", "abc", new(shelf) },
		"another secret": func(s *Store, _ *fakeLog) (string, string, any) {
			s.o.Key = []byte("x")
			return "book", "abc", new(shelf)
		},
		"other fields": func(*Store, *fakeLog) (string, string, any) { return "book", "abc", new(struct{ name string }) },
		"a log of equal length": func(_ *Store, l *fakeLog) (string, string, any) {
			l.text["abc"] = "1234567y"
			return "book", "abc", new(shelf)
		},
		"a shorter log": func(_ *Store, l *fakeLog) (string, string, any) {
			l.text["abc"] = "1234567"
			return "book", "abc", new(shelf)
		},
		"a log that is not there": func(_ *Store, l *fakeLog) (string, string, any) {
			delete(l.text, "abc")
			return "book", "abc", new(shelf)
		},
		"a log that cannot tell": func(_ *Store, l *fakeLog) (string, string, any) {
			l.err = errors.New("x")
			return "book", "abc", new(shelf)
		},
		"another collective": func(s *Store, l *fakeLog) (string, string, any) {
			l.text["xyz"] = l.text["abc"]
			move(t, s, "book/abc", "book/xyz")
			return "book", "xyz", new(shelf)
		},
		"another kind": func(s *Store, _ *fakeLog) (string, string, any) {
			move(t, s, "book/abc", "state/abc")
			return "state", "abc", new(shelf)
		},
	} {
		s, log, said := testStore(t)
		save(t, s, "book", "abc", 8, &shelf{"x", nil})
		kind, collective, into := change(s, log)
		if v := s.Load(t.Context(), kind, collective, into); v != 0 || !strings.Contains(said.String(), "not used") {
			t.Errorf("%s: taken at version %d; %s", name, v, said)
		}
	}
}

func move(t *testing.T, s *Store, from, to string) {
	t.Helper()
	to = filepath.Join(s.o.Dir, to)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.Rename(filepath.Join(s.o.Dir, from), to)); err != nil {
		t.Fatal(err)
	}
}

func TestStoreLeavesTheOldOneWhenItCannotSave(t *testing.T) {
	s, log, _ := testStore(t)
	save(t, s, "book", "abc", 7, &shelf{"x", nil})
	if err := s.Save(t.Context(), "book", "abc", 9, &shelf{"y", nil}); err == nil {
		t.Error("saved at a version the log does not have")
	}
	if err := s.Save(t.Context(), "book", "abc", 8, &struct{ f func() }{}); err == nil {
		t.Error("saved a function")
	}
	log.err = errors.New("away")
	if err := s.Save(t.Context(), "book", "abc", 8, &shelf{"y", nil}); !errors.Is(err, log.err) {
		t.Errorf("saved without an anchor: %v", err)
	}
	log.err = nil
	var got shelf
	if v := s.Load(t.Context(), "book", "abc", &got); v != 7 || got.name != "x" {
		t.Errorf("version %d %v", v, got)
	}
	s.o.Dir = "/dev/null/x"
	if err := s.Save(t.Context(), "book", "abc", 8, &got); err == nil {
		t.Error("saved where there is no directory")
	}
}

func TestHeadingHasOneForm(t *testing.T) {
	h := heading{build: "b", kind: "book", collective: "abc", version: 7, anchor: []byte("x"), payload: 9}
	raw := h.encode()
	if got, err := parseHeading(raw); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range raw {
		if _, err := parseHeading(raw[:n]); err == nil {
			t.Errorf("%d of %d bytes are a heading", n, len(raw))
		}
	}
	binary.LittleEndian.PutUint32(raw[len(h.schema):], 1<<31)
	if _, err := parseHeading(raw); err == nil {
		t.Error("a text longer than the heading")
	}
}
