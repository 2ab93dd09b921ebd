package transparency

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// onWeb serves a directory, through a handler of the test's own if it has one, and gives it as a stranger reads it.
func onWeb(t testing.TB, dir string, between func(w http.ResponseWriter, r *http.Request, files http.Handler)) *Web {
	t.Helper()
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if between == nil {
			files.ServeHTTP(w, r)
			return
		}
		between(w, r, files)
	}))
	t.Cleanup(server.Close)
	w, err := NewWeb(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.pause = time.Millisecond
	t.Cleanup(w.Close)
	return w
}

func checkFiles(ctx context.Context, files Files, verifierKey string) (*PublishedLog, []eventstore.Event, error) {
	l, err := OpenPublished(ctx, files, verifierKey)
	if err != nil {
		return nil, nil, err
	}
	var events []eventstore.Event
	err = l.Check(ctx, func(version uint64, eventType string, data []byte) error {
		events = append(events, eventstore.Event{Stream: village, Version: version, Type: eventType, Data: bytes.Clone(data)})
		return nil
	})
	return l, events, err
}

// What a web server hands out is what lies in the directory, at each size at which tiles begin and end, and each file is fetched
// once.
func TestLogOnTheWeb(t *testing.T) {
	log := newPrinted(t, villageLog, 70_000)
	for _, size := range []int{0, 1, 2, 255, 256, 257, 511, 70_000} {
		dir := t.TempDir()
		log.publish(t, dir, size)
		var asked atomic.Int64
		web := onWeb(t, dir, func(w http.ResponseWriter, r *http.Request, files http.Handler) {
			asked.Add(1)
			files.ServeHTTP(w, r)
		})
		l, events, err := checkFiles(t.Context(), web, log.key.vkey)
		if err != nil || len(events) != size || l.Head.Size != uint64(size) || l.Listed || l.HeadOnly {
			t.Fatalf("size %d: %d events, %+v, %v", size, len(events), l, err)
		}
		for i, e := range events {
			if !bytes.Equal(e.Data, log.events[i].Data) || e.Version != log.events[i].Version {
				t.Fatalf("size %d: event %d is another", size, i+1)
			}
		}
		files := 2
		for range tilesOf(uint64(size)) {
			files++
		}
		if size > 0 {
			files++ // whether there are events at all
		}
		if asked.Load() != int64(files) {
			t.Errorf("size %d: %d files were fetched, not %d", size, asked.Load(), files)
		}
	}
}

func TestWebServersThatFail(t *testing.T) {
	log := newPrinted(t, villageLog, 300)
	dir := t.TempDir()
	log.publish(t, dir, 300)
	other := onWeb(t, dir, nil)
	const bundle = "/tile/entries/000"
	for name, c := range map[string]struct {
		serve func(w http.ResponseWriter, r *http.Request, try int64) bool // false: as ever
		wants string                                                       // empty: it goes well
		bad   bool                                                         // a *PublishedError
		tries int64
	}{
		"busy twice":      {func(w http.ResponseWriter, _ *http.Request, try int64) bool { w.WriteHeader(503); return try < 3 }, "", false, 3},
		"broken for good": {func(w http.ResponseWriter, _ *http.Request, _ int64) bool { w.WriteHeader(500); return true }, "the server answers 500", false, webTries},
		"forbidden":       {func(w http.ResponseWriter, _ *http.Request, _ int64) bool { w.WriteHeader(403); return true }, "the server answers 403", false, 1},
		"gone":            {func(w http.ResponseWriter, _ *http.Request, _ int64) bool { w.WriteHeader(404); return true }, "it is missing", true, 1},
		"another host": {func(w http.ResponseWriter, r *http.Request, _ int64) bool {
			http.Redirect(w, r, other.base+"tile/entries/000", http.StatusFound)
			return true
		}, errOtherHost.Error(), false, 1},
		"the same host": {func(w http.ResponseWriter, r *http.Request, _ int64) bool {
			if r.URL.RawQuery != "" {
				return false
			}
			http.Redirect(w, r, bundle+"?again", http.StatusFound)
			return true
		}, "", false, 2},
		"round and round": {func(w http.ResponseWriter, r *http.Request, _ int64) bool {
			http.Redirect(w, r, bundle, http.StatusFound)
			return true
		}, "sends on and on", false, webTries * (webRedirects + 1)},
		"another file": {func(w http.ResponseWriter, _ *http.Request, _ int64) bool {
			_, _ = w.Write([]byte("<html>"))
			return true
		}, "tile/entries/000: event 1", true, 1},
		"without end": {func(w http.ResponseWriter, r *http.Request, _ int64) bool { endless(w, r); return true }, "it has more than", true, 1},
		"cut off": {func(w http.ResponseWriter, _ *http.Request, _ int64) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("a"))
			return true
		}, "unexpected EOF", false, webTries},
		"the connection is": {func(http.ResponseWriter, *http.Request, int64) bool { panic(http.ErrAbortHandler) }, "EOF", false, webTries},
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int64
			web := onWeb(t, dir, func(w http.ResponseWriter, r *http.Request, files http.Handler) {
				if r.URL.Path == bundle {
					try := tries.Add(1)
					recorded := &held{ResponseWriter: w}
					if c.serve(recorded, r, try) {
						recorded.release()
						return
					}
				}
				files.ServeHTTP(w, r)
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			l, err := OpenPublished(ctx, web, log.key.vkey)
			if err != nil {
				t.Fatal(err)
			}
			tries.Store(0)
			err = l.Check(ctx, func(uint64, string, []byte) error { return nil })
			if c.wants == "" && err != nil || c.wants != "" && (err == nil || !strings.Contains(err.Error(), c.wants)) {
				t.Errorf("%v, want %q", err, c.wants)
			}
			if bad := new(PublishedError); errors.As(err, &bad) != c.bad {
				t.Errorf("%v: said of the log: %v, want %v", err, !c.bad, c.bad)
			}
			if tries.Load() != c.tries && c.wants != "EOF" { // Go's own client tries again too where a connection is cut
				t.Errorf("%d tries, want %d", tries.Load(), c.tries)
			}
		})
	}
}

// held keeps the status of an answer back until it is known to be meant.
type held struct {
	http.ResponseWriter
	status int
}

func (h *held) WriteHeader(status int) { h.status = status }

func (h *held) Write(p []byte) (int, error) {
	h.release()
	return h.ResponseWriter.Write(p)
}

func (h *held) release() {
	if h.status != 0 {
		h.ResponseWriter.WriteHeader(h.status)
	}
	h.status = 0
}

func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return
		}
	}
}

// A log that grows between the checkpoint and the tiles: the partial files of before are gone, the full ones do.
func TestLogThatGrowsWhileItIsRead(t *testing.T) {
	log := newPrinted(t, villageLog, 600)
	dir := t.TempDir()
	log.publish(t, dir, 300)
	for _, files := range []Files{Dir(dir), onWeb(t, dir, nil)} {
		log.publish(t, dir, 300)
		l, err := OpenPublished(t.Context(), files, log.key.vkey)
		if err != nil {
			t.Fatal(err)
		}
		log.publish(t, dir, 600)
		events := 0
		if err := l.Check(t.Context(), func(uint64, string, []byte) error { events++; return nil }); err != nil || events != 300 {
			t.Errorf("%d events, %v", events, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// Where a server hands out a checkpoint alone, that is said; where it lacks some files it is not taken for that.
func TestHeadAloneOnTheWeb(t *testing.T) {
	log := newPrinted(t, villageLog, 300)
	dir := t.TempDir()
	p := log.publication(t, 300)
	p.HeadOnly = true
	if _, err := Publish(t.Context(), dir, p); err != nil {
		t.Fatal(err)
	}
	if l, err := OpenPublished(t.Context(), onWeb(t, dir, nil), ""); err != nil || !l.HeadOnly {
		t.Errorf("%+v, %v", l, err)
	}
	whole := t.TempDir()
	log.publish(t, whole, 300)
	for _, gone := range []string{"tile/0/000", "tile/entries/000"} {
		if err := os.Rename(filepath.Join(whole, gone), filepath.Join(dir, "aside")); err != nil {
			t.Fatal(err)
		}
		_, _, err := checkFiles(t.Context(), onWeb(t, whole, nil), "")
		if bad := (*PublishedError)(nil); !errors.As(err, &bad) || bad.File != gone {
			t.Errorf("without %s: %v", gone, err)
		}
		if err := os.Rename(filepath.Join(dir, "aside"), filepath.Join(whole, gone)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAddressesOfTheWeb(t *testing.T) {
	for _, bad := range []string{"", "ftp://example.org/a", "http://", "example.org", "http://example.org/?a", "http://example.org/#a", "http://a b/", "file:///etc"} {
		if _, err := NewWeb(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for address, want := range map[string]string{"http://example.org": "http://example.org/", "https://example.org:8/a/": "https://example.org:8/a/"} {
		if w, err := NewWeb(address); err != nil || w.base != want {
			t.Errorf("%q is %+v, %v", address, w, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := onWeb(t, t.TempDir(), nil).Read(ctx, "a", 1); !errors.Is(err, context.Canceled) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cancelled: %v", err)
	}
}

// The root of every beginning of a log is the one that its leaves alone give.
func TestRootOfEveryBeginning(t *testing.T) {
	const size = 1300
	leaves := newPrinted(t, villageLog, size).leaves(size)
	levels := newLevels(leaves)
	for n := range size + 1 {
		if got, want := levels.rootAt(uint64(n)), rootOf(leaves[:n]); got != want {
			t.Errorf("the first %d leaves have the root %v, not %v", n, want, got)
		}
	}
	many := make([]tlog.Hash, 2*tileWidth*tileWidth+300)
	for i := range many {
		many[i] = tlog.RecordHash([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	levels = newLevels(many)
	for _, n := range []int{0, 1, 65_535, 65_536, 65_537, 65_792, 131_071, 131_072, len(many) - 1, len(many)} {
		if levels.rootAt(uint64(n)) != rootOf(many[:n]) {
			t.Errorf("the first %d leaves have another root", n)
		}
	}
}
