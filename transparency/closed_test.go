package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
)

// markOf is the content of the file closed, empty when there is none.
func markOf(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, closedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// forge adds an event to a stream behind everybody's back.
func forge(t *testing.T, inner *fake, stream string) {
	t.Helper()
	log := inner.get(stream)
	if _, err := inner.store(stream, uint64(len(log)), []eventstore.NewEvent{event(len(log) + 1)}); err != nil {
		t.Fatal(err)
	}
}

func wantForged(t *testing.T, s *Store, stream string, version uint64, what string) {
	t.Helper()
	r, err := s.Verify(t.Context(), stream)
	if err != nil || r.OK || r.FirstBad != version {
		t.Errorf("%s: verify says %+v, %v", what, r, err)
	}
	_, err = readAll(t, s, stream, 0)
	var damage *eventstore.CorruptError
	if !errors.As(err, &damage) || damage.Version != version || !strings.Contains(damage.Reason, "closed") {
		t.Errorf("%s: read ended with %v", what, err)
	}
	if _, err := s.Append(t.Context(), stream, uint64(version), []eventstore.NewEvent{event(int(version) + 1)}); !isDamage(err, version) {
		t.Errorf("%s: append: %v", what, err)
	}
}

// What somebody adds to the log of a store that was closed stays refused: after reads, after appends to other streams, after
// another Close, after a crash. Its head stays what it was.
func TestEventsAddedWhileClosed(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	appendMany(t, s, "access", 0, 3)
	closeStore(t, s)
	head := readFile(t, headPath(dir, village))
	forge(t, inner, village)
	forge(t, inner, "person-1") // a log without a head
	forge(t, inner, "person-2")
	forge(t, inner, "person-2")
	for round, end := range []string{"closed after reads", "closed after appends", "crashed", "crashed again", "closed"} {
		s := openStore(t, inner, dir)
		if round > 0 {
			appendMany(t, s, "access", 2+round, 3+round)
			if got, want := markOf(t, dir), "mingzhang/open@v1\n"+village+"\nperson-1\nperson-2\n"; got != want {
				t.Errorf("%s: while open: %q, want %q", end, got, want)
			}
		}
		wantForged(t, s, village, 6, end)
		wantForged(t, s, "person-1", 1, end)
		wantForged(t, s, "person-2", 1, end)
		left := markOf(t, dir)
		closeStore(t, s)
		if got := markOf(t, dir); got != "mingzhang/closed@v1\n" {
			t.Errorf("%s: after Close: %q", end, got)
		}
		if strings.HasPrefix(end, "crashed") {
			writeFile(t, filepath.Join(dir, closedFile), []byte(left))
		}
		if !bytes.Equal(readFile(t, headPath(dir, village)), head) {
			t.Fatalf("%s: the head has moved", end)
		}
	}
}

// Without the file a longer log is what a crash leaves, and the next Close makes it good for those that were used. Those that
// were not are named in the file and not refused later.
func TestCrashLeavesNoRefusal(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	appendMany(t, s, "access", 0, 3)
	closeStore(t, s)
	crashed(t, dir)
	forge(t, inner, village)
	forge(t, inner, "access")
	s = openStore(t, inner, dir)
	if log, err := readAll(t, s, "access", 0); err != nil || len(log) != 4 {
		t.Errorf("%d events, %v", len(log), err)
	}
	closeStore(t, s)
	if got := markOf(t, dir); got != "mingzhang/closed@v1\n"+village+"\n" {
		t.Errorf("after Close: %q", got)
	}
	s = openStore(t, inner, dir)
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 6 {
		t.Errorf("the stream that nobody had used: %d events, %v", len(log), err)
	}
	closeStore(t, s)
	if got := markOf(t, dir); got != "mingzhang/closed@v1\n" {
		t.Errorf("after another Close: %q", got)
	}
	writeFile(t, filepath.Join(dir, closedFile), []byte("mingzhang/closed@v1\n%zz\n"))
	if m, err := (files{dir}).readMark(); err != nil || !m.none() {
		t.Errorf("a file that says nothing was read as %+v, %v", m, err)
	}
}

// The file is gone before the first append reaches the inner store, not before: reads and empty appends leave it. An append
// is not handed on while the file cannot be removed.
func TestClosedEndsBeforeTheFirstAppend(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	if _, err := readAll(t, s, village, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), village, 5, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	if markOf(t, dir) == "" {
		t.Fatal("the file is gone without an append")
	}
	inner.onAppend = func() error {
		if got := markOf(t, dir); got != "" {
			t.Errorf("an append is handed on with the file there: %q", got)
		}
		return nil
	}
	path := filepath.Join(dir, closedFile)
	removeFile(t, path)
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil { // what cannot be removed
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), village, 5, []eventstore.NewEvent{event(6)}); err == nil || len(inner.get(village)) != 5 {
		t.Errorf("an append was handed on with the file there: %v", err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, []byte(closedLine))
	appendMany(t, s, village, 5, 8)
}

// A head that could not be written leaves its stream out of what Close says.
func TestCloseWithoutAHead(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	if err := os.Mkdir(headPath(dir, village)+tmpSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, village, 5, 7)
	if err := s.Close(); err == nil {
		t.Error("the head was written")
	}
	if got := markOf(t, dir); got != "mingzhang/closed@v1\n"+village+"\n" {
		t.Errorf("after Close: %q", got)
	}
	removeFile(t, headPath(dir, village)+tmpSuffix)
	s = openStore(t, inner, dir)
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 7 {
		t.Errorf("%d events, %v", len(log), err)
	}
}

// A person may accept what was added. From then on the stream is like any other, also when the process crashes.
func TestAdoptWhatWasAdded(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	appendMany(t, s, "access", 0, 1)
	closeStore(t, s)
	forge(t, inner, village)
	s = openStore(t, inner, dir)
	appendMany(t, s, "access", 1, 2)
	wantForged(t, s, village, 6, "before")
	removeFile(t, headPath(dir, village))
	if h, err := s.AdoptHead(t.Context(), village); err != nil || h.Size != 6 {
		t.Fatalf("adopt: %+v, %v", h, err)
	}
	if got := markOf(t, dir); got != "" {
		t.Errorf("after adopting: %q", got)
	}
	appendMany(t, s, village, 6, 8)
	wantHead(t, s, inner, village, villageLog)
}

// A shared store never says closed, nor believes it, nor leaves it standing.
func TestSharedIsNeverClosed(t *testing.T) {
	inner, dir := makeLog(t, 5)
	forge(t, inner, village)
	s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, village, 6, 7)
	closeStore(t, s)
	if got := markOf(t, dir); got != "" {
		t.Errorf("a shared store left %q", got)
	}
}

// Verify beside appends must not take their events for somebody else's.
func TestVerifyBesideFirstAppends(t *testing.T) {
	inner, dir := makeLog(t, 5)
	for range 50 {
		s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{HeadInterval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 5 {
				if r, err := s.Verify(context.Background(), village); err != nil || !r.OK {
					t.Errorf("verify: %+v, %v", r, err)
				}
			}
		}()
		n := len(inner.get(village))
		appendMany(t, s, village, n, n+3)
		<-done
		closeStore(t, s)
	}
}

// checked refuses events that say so.
func checked(e eventstore.Event) error {
	if bytes.Contains(e.Data, []byte("garbage")) {
		return errors.New("no event of the product")
	}
	if bytes.Contains(e.Data, []byte("elsewhere")) {
		return &eventstore.CorruptError{Stream: e.Stream, Version: 99, Reason: "it says version 99"}
	}
	return nil
}

// No head advances over an event that Options.Check refuses: not at load, long log or short, nor later.
func TestCheck(t *testing.T) {
	for _, n := range []int{0, 5, loadWholeMax + 10} {
		for text, reason := range map[string]string{"garbage": "no event of the product", "elsewhere": "it says version 99"} {
			inner, dir := newFake(), t.TempDir()
			s := openStore(t, inner, dir)
			var events []eventstore.NewEvent
			for i := range n {
				events = append(events, event(i+1))
			}
			if _, err := s.Append(t.Context(), village, 0, events); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			crashed(t, dir)
			head, _ := os.ReadFile(headPath(dir, village))
			bad := eventstore.NewEvent{Type: "noted", Data: []byte(villageLog + "\n" + text)}
			if _, err := inner.store(village, uint64(n), []eventstore.NewEvent{bad}); err != nil {
				t.Fatal(err)
			}
			for _, use := range []func(s *Store) error{
				func(s *Store) error { _, err := readAll(t, s, village, 0); return err },
				func(s *Store) error { _, err := readAll(t, s, village, 1); return err },
				func(s *Store) error { _, _, err := s.Head(t.Context(), village); return err },
				func(s *Store) error {
					r, err := s.Verify(t.Context(), village)
					return errors.Join(err, &eventstore.CorruptError{Version: r.FirstBad, Reason: r.Reason})
				},
			} {
				s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{Check: checked})
				if err != nil {
					t.Fatal(err)
				}
				var damage *eventstore.CorruptError
				if err := use(s); !errors.As(err, &damage) || damage.Version != uint64(n)+1 || damage.Reason != reason {
					t.Errorf("%d events and %s: %v", n, text, err)
				}
				closeStore(t, s)
				if after, _ := os.ReadFile(headPath(dir, village)); !bytes.Equal(after, head) {
					t.Fatalf("%d events and %s: the head has moved", n, text)
				}
			}
		}
	}
}

func TestCheckOfWhatOthersAppendMeanwhile(t *testing.T) {
	inner := newFake()
	s, err := Open(inner, t.TempDir(), testSigner(t, t.TempDir()), villageOrigin, Options{Check: checked})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	appendMany(t, s, village, 0, 5)
	if _, err := inner.store(village, 5, []eventstore.NewEvent{{Type: "noted", Data: []byte("garbage")}}); err != nil {
		t.Fatal(err)
	}
	var conflict *eventstore.ConflictError
	if _, err := s.Append(t.Context(), village, 5, []eventstore.NewEvent{event(6)}); !errors.As(err, &conflict) {
		t.Fatal(err)
	}
	if h, _, err := s.Head(t.Context(), village); !isDamage(err, 6) {
		t.Errorf("head: %+v, %v", h, err)
	}
}

// Verify asks Options.Check about events that are under the head too, and so does AdoptHead.
func TestCheckOfAllEvents(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{Check: func(e eventstore.Event) error {
		if e.Version == 3 {
			return errors.New("no event of the product")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 5 {
		t.Errorf("read of what the head covers: %d events, %v", len(log), err)
	}
	if r, err := s.Verify(t.Context(), village); err != nil || r.OK || r.FirstBad != 3 || r.Reason != "no event of the product" {
		t.Errorf("verify: %+v, %v", r, err)
	}
	removeFile(t, headPath(dir, village))
	if _, err := s.AdoptHead(t.Context(), village); !isDamage(err, 3) {
		t.Errorf("adopt: %v", err)
	}
}

// Streams of names that are none of the product's are listed and damaged; the others are checked as ever.
func TestForeignStreams(t *testing.T) {
	for _, after := range []string{"a crash", "Close"} {
		dir := t.TempDir()
		inner, err := sqlite.Open(filepath.Join(dir, "log.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ours := func(stream string, first eventstore.Event) (string, error) {
			if stream != village {
				return "", fmt.Errorf("no stream of this product")
			}
			return villageOrigin(stream, first)
		}
		open := func() *Store {
			s, err := Open(inner, dir, testSigner(t, dir), ours, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		appendMany(t, s, village, 0, 5)
		if _, err := s.Append(t.Context(), "foreign", 0, []eventstore.NewEvent{event(1)}); err == nil {
			t.Error("an append to a stream without a log")
		}
		closeStore(t, s)
		if after == "a crash" {
			crashed(t, dir)
		}
		inner, err = sqlite.Open(filepath.Join(dir, "log.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		appendMany(t, inner, "foreign", 0, 1)
		appendMany(t, inner, "foreign-long", 0, 3)
		s = open()
		names, err := s.Streams(t.Context())
		if want := []string{village, "foreign", "foreign-long"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("streams: %q, %v", names, err)
		}
		for _, name := range names {
			r, err := s.Verify(t.Context(), name)
			if err != nil || r.OK != (name == village) {
				t.Errorf("after %s: verify %s says %+v, %v", after, name, r, err)
			}
			if name == "foreign" && after == "a crash" && !strings.Contains(r.Reason, "no stream of this product") {
				t.Errorf("reason: %s", r.Reason)
			}
		}
		closeStore(t, s)
	}
}

// A name that no stream may have is told like any other damage.
func TestForeignStreamNames(t *testing.T) {
	inner, dir := makeLog(t, 5)
	const name = "two words\nand a line"
	inner.set(name, []eventstore.Event{{Stream: name, Version: 1, Type: "noted", Data: []byte("x")}})
	s := openStore(t, inner, dir)
	if r, err := s.Verify(t.Context(), name); err != nil || r.OK || r.FirstBad != 1 || !strings.Contains(r.Reason, "no stream of this product") {
		t.Errorf("verify: %+v, %v", r, err)
	}
	if _, err := s.Verify(t.Context(), "no such"); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("verify of a bad name without events: %v", err)
	}
	appendMany(t, s, village, 5, 6)
	m, err := s.files.readMark()
	if err != nil || len(m.but) != 1 || !m.closed(name) || m.all {
		t.Errorf("while open: %+v, %v", m, err)
	}
}
