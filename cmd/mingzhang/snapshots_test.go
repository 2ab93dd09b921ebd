package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// longDirectory makes a data directory with a collective of some more than n events, and closes it.
func longDirectory(t testing.TB, dir string, n int) {
	t.Helper()
	if _, err := makeDirectory(t.Context(), dir, making{}); err != nil {
		t.Fatal(err)
	}
	d := openQuietly(t, dir)
	defer closeDirectory(t, d)
	for _, step := range ledgertest.Until(ledgertest.Demonstration(), "2020-05-19") {
		m := ledger.Meta{ID: ledger.NewCommandID(), Actor: step.Actor, Now: ledgertest.Noon(step.Date)}
		if _, err := d.ledger.Do(t.Context(), ledgertest.LiminbaID, step.Command, m); err != nil {
			t.Fatal(err)
		}
	}
	for left := n; left > 0; left -= 1000 {
		orders := make([]ledger.Order, min(left, 1000))
		for i := range orders {
			orders[i] = ledger.Order{Command: theRent(), Meta: ledger.Meta{ID: ledger.NewCommandID(), Actor: ledgertest.Treasurer}}
		}
		for _, o := range d.ledger.DoAll(t.Context(), ledgertest.LiminbaID, orders) {
			if o.Err != nil {
				t.Fatal(o.Err)
			}
		}
	}
	if _, err := d.books.Book(t.Context(), ledgertest.LiminbaID, 0); err != nil {
		t.Fatal(err)
	}
}

func openQuietly(t testing.TB, dir string) *directory {
	t.Helper()
	d, err := openDirectory(dir, slog.New(slog.DiscardHandler), opening{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func closeDirectory(t testing.TB, d *directory) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestSnapshotsChangeNothing damages, swaps and deletes the copies in a data directory: all answers stay as they are, and
// what cannot be used is gone.
func TestSnapshotsChangeNothing(t *testing.T) {
	base := t.TempDir()
	dir, other := filepath.Join(base, "one"), filepath.Join(base, "other")
	longDirectory(t, dir, 1500)
	longDirectory(t, other, 1500)
	copies := []string{filepath.Join(snapshotsDir, "book", ledgertest.LiminbaID), filepath.Join(snapshotsDir, "state", ledgertest.LiminbaID)}
	whole := map[string][]byte{}
	for _, path := range copies {
		b, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		whole[path] = b
	}
	want := must(t, "statement", "--data", dir, "--json")
	for what, bend := range map[string]func(path string, b []byte) []byte{
		"as they were":                 func(_ string, b []byte) []byte { return b },
		"cut":                          func(_ string, b []byte) []byte { return b[:len(b)/2] },
		"empty":                        func(string, []byte) []byte { return nil },
		"flipped":                      func(_ string, b []byte) []byte { c := append([]byte(nil), b...); c[len(c)-500] ^= 1; return c },
		"swapped":                      func(path string, _ []byte) []byte { return whole[copies[(len(path)-len(copies[0]))&1^1]] },
		"of the same place, elsewhere": func(path string, _ []byte) []byte { b, _ := os.ReadFile(filepath.Join(other, path)); return b },
	} {
		for _, path := range copies {
			if err := os.WriteFile(filepath.Join(dir, path), bend(path, whole[path]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := must(t, "statement", "--data", dir, "--json"); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		if got := must(t, "verify", "--data", dir, "--json"); !strings.Contains(got, `"ok":true`) && !strings.Contains(got, `"ok": true`) {
			t.Errorf("%s: verify says %s", what, got)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, snapshotsDir)); err != nil {
		t.Fatal(err)
	}
	if got := must(t, "statement", "--data", dir, "--json"); got != want {
		t.Errorf("deleted: %s, want %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, copies[0])); err != nil {
		t.Errorf("the next command leaves no copy: %v", err)
	}
	// Where no copy can be written, commands do their work.
	if err := os.RemoveAll(filepath.Join(dir, snapshotsDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, snapshotsDir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := must(t, "statement", "--data", dir, "--json"); got != want {
		t.Errorf("without a directory: %s, want %s", got, want)
	}
}

// TestSelfCheckOfBooksIsShown bends the copy of a collective's books: the check finds it, /healthz and VerifyLog say so, the
// books were right all the time, and the next check is content.
func TestSelfCheckOfBooksIsShown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	longDirectory(t, dir, 1200)
	d := openQuietly(t, dir)
	defer closeDirectory(t, d)
	logger := slog.New(slog.DiscardHandler)
	type health struct {
		Sound        bool
		BooksChecked int
		BooksOldest  string
		BooksDiffer  []struct {
			Collective string
			Version    uint64
			What       []string
		}
	}
	ask := func() (h health, code int) {
		w := httptest.NewRecorder()
		d.healthz(w, httptest.NewRequest("GET", "/healthz", nil))
		if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil {
			t.Fatal(err)
		}
		return h, w.Code
	}
	if h, code := ask(); code != 200 || !h.Sound || h.BooksChecked != 0 || h.BooksOldest != "" {
		t.Errorf("before the first check: %d %+v", code, h)
	}
	d.checkBooks(t.Context(), logger)
	if h, code := ask(); code != 200 || !h.Sound || h.BooksChecked != 1 || h.BooksOldest == "" || h.BooksDiffer != nil {
		t.Errorf("after a check: %d %+v", code, h)
	}
	if c, ok := d.books.LastCheck(ledgertest.LiminbaID); !ok || !c.OK || len(c.Compared) == 0 {
		t.Errorf("the copy was not compared: %+v", c)
	}

	wrong := projections.NewBook(ledgertest.LiminbaID)
	for e, err := range d.ledger.Events(t.Context(), ledgertest.LiminbaID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Version == 100 {
			e.Vouchers[0].Narration = "改写"
		}
		if err := wrong.Fold(e); err != nil {
			t.Fatal(err)
		}
	}
	secrets, err := readSecrets(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := openSnapshots(dir, secrets[0], d.log.Store, logger).Save(t.Context(), "book", ledgertest.LiminbaID, wrong.Version(), wrong); err != nil {
		t.Fatal(err)
	}
	d.checkBooks(t.Context(), logger)
	h, code := ask()
	if code != 503 || h.Sound || len(h.BooksDiffer) != 1 || h.BooksDiffer[0].Collective != ledgertest.LiminbaID || h.BooksDiffer[0].Version != wrong.Version() {
		t.Errorf("after a check of a bent copy: %d %+v", code, h)
	}
	d.checkBooks(t.Context(), logger)
	if h, code := ask(); code != 200 || !h.Sound || h.BooksDiffer != nil {
		t.Errorf("after the copy was dropped: %d %+v", code, h)
	}
}

func TestServeRefusesTooLittleMemory(t *testing.T) {
	for _, flag := range []string{"--books-memory", "--states-memory"} {
		_, said, err := command(t, "serve", "--data", t.TempDir(), flag, "1")
		if failure := (*failure)(nil); !errors.As(err, &failure) || failure.code != exitUsage || !strings.Contains(failure.en, flag) {
			t.Errorf("%s: %v, %s", flag, err, said)
		}
	}
}
