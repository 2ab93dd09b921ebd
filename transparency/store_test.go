package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Storage {
		dir := t.TempDir()
		return eventstoretest.Storage{Durable: true, Open: func() (eventstore.Store, error) {
			inner, err := sqlite.Open(filepath.Join(dir, "log.db"), sqlite.Options{})
			if err != nil {
				return nil, err
			}
			return Open(inner, dir, testSigner(t, dir), StreamOrigin, Options{})
		}}
	})
}

// wantHead demands that the stream's head, in memory and on disk, is that of the stored bytes.
func wantHead(t testing.TB, s *Store, inner *fake, stream, origin string) {
	t.Helper()
	h, _, err := s.Head(t.Context(), stream)
	if err != nil {
		t.Fatalf("head of %s: %v", stream, err)
	}
	log := inner.get(stream)
	if h.Size != uint64(len(log)) || h.Root != naiveLogRoot(origin, log) {
		t.Errorf("head of %s is %v; the log has %d events and root %x", stream, h, len(log), naiveLogRoot(origin, log))
	}
	if r, err := s.Verify(t.Context(), stream); err != nil || !r.OK || !r.LeavesOK || r.Events != h.Size || r.HeadSize != h.Size || r.Root != h.Root || r.Origin != origin {
		t.Errorf("verify %s says %+v, %v", stream, r, err)
	}
}

const villageLog = "example.org/log/shangzhuang"

func TestAppendsOfManySizes(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	version := 0
	for n := range 40 {
		var events []eventstore.NewEvent
		for i := range n {
			events = append(events, event(version+i+1))
		}
		if _, err := s.Append(t.Context(), village, uint64(version), events); err != nil {
			t.Fatal(err)
		}
		version += n
		if n%7 == 3 {
			wantHead(t, s, inner, village, villageLog)
		}
		if n%13 == 5 {
			closeStore(t, s)
			s = openStore(t, inner, dir)
		}
	}
	wantHead(t, s, inner, village, villageLog)
	for _, after := range []uint64{0, 1, 256, 257, 600, 779, 780, 1000} {
		log, err := readAll(t, s, village, after)
		if err != nil || len(log) != max(0, version-int(after)) {
			t.Errorf("read after %d of %d: %d events, %v", after, version, len(log), err)
		}
	}
}

func TestCloseWritesTheHead(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{HeadInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, village, 0, 100)
	closeStore(t, s)
	closeStore(t, s)
	h, _, err := openOwn(testSecret, readFile(t, headPath(dir, village)))
	if err != nil || h.Size != 100 || h.Root != naiveLogRoot(villageLog, inner.get(village)) {
		t.Errorf("head after close: %v, %v", h, err)
	}
	if _, err := s.Append(t.Context(), village, 100, nil); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if _, err := readAll(t, s, village, 0); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if _, _, err := s.Head(t.Context(), village); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("head after close: %v", err)
	}
	if _, err := s.Verify(t.Context(), village); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("verify after close: %v", err)
	}
}

// The writer of heads needs no Close and no call: a crash soon after an append finds the head written.
func TestHeadFollowsAppends(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 0, 50)
	deadline := time.Now().Add(10 * time.Second)
	for {
		h, _, err := openOwn(testSecret, readFile(t, headPath(dir, village)))
		if err != nil {
			t.Fatalf("a head read while it is written: %v", err)
		}
		if h.Size == 50 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the head stays at size %d", h.Size)
		}
		time.Sleep(time.Millisecond)
	}
}

// A crash at any moment: the files are those of some earlier moment, the log has all events.
func TestCrashBetweenCommitAndHead(t *testing.T) {
	events := 12
	if testing.Short() {
		events = 6
	}
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	heads, nodes, memories := [][]byte{}, [][]byte{nil}, [][]byte{nil}
	for i := range events {
		appendMany(t, s, village, i, i+1)
		if i == 0 {
			heads = append(heads, firstHead(t))
		}
		if _, _, err := s.Head(t.Context(), village); err != nil {
			t.Fatal(err)
		}
		heads = append(heads, readFile(t, headPath(dir, village)))
		nodes = append(nodes, readFile(t, nodesPath(dir, village)))
		memories = append(memories, readFile(t, memoryPath(dir, villageLog)))
	}
	closeStore(t, s)
	log := inner.get(village)
	for head := range heads {
		for leaf := range nodes {
			for n := head; n <= events; n++ {
				writeFile(t, headPath(dir, village), heads[head])
				writeFile(t, nodesPath(dir, village), nodes[leaf])
				inner.set(village, log[:n])
				crashed(t, dir)
				// The signer remembers what the head file has, or more of what was stored.
				if memory := memories[head+(n-head)*(leaf%3)/2]; memory == nil {
					_ = os.Remove(memoryPath(dir, villageLog))
				} else {
					writeFile(t, memoryPath(dir, villageLog), memory)
				}
				s := openStore(t, inner, dir)
				if n > 0 {
					wantHeadAfter(t, s, inner, (head+leaf+n)%3)
				}
				closeStore(t, s)
			}
		}
	}
}

// wantHeadAfter looks at the head after the stream was loaded in one of three ways.
func wantHeadAfter(t *testing.T, s *Store, inner *fake, way int) {
	t.Helper()
	var err error
	switch way {
	case 0:
		_, err = readAll(t, s, village, 0)
	case 1:
		_, err = readAll(t, s, village, 2)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantHead(t, s, inner, village, villageLog)
}

func firstHead(t *testing.T) []byte {
	var empty tree
	msg, err := testKey(t, villageLog).sign(Head{Origin: villageLog, Root: empty.root()})
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// The head of size 0 stands before the first event is stored, so a crash in between is harmless whatever the append's size.
func TestFirstHeadComesBeforeTheLog(t *testing.T) {
	crash := errors.New("crash")
	for _, stored := range []int{0, 3} {
		inner, dir := newFake(), t.TempDir()
		s := openStore(t, inner, dir)
		inner.onAppend = func() error {
			if got := readFile(t, headPath(dir, village)); !bytes.Equal(got, firstHead(t)) {
				t.Errorf("the head before the first append is %q", got)
			}
			if stored == 0 {
				return crash
			}
			return nil
		}
		inner.afterAppend = func() error { return crash }
		if _, err := s.Append(t.Context(), village, 0, []eventstore.NewEvent{event(1), event(2), event(3)}); !errors.Is(err, crash) {
			t.Fatal(err)
		}
		closeStore(t, s)
		writeFile(t, headPath(dir, village), firstHead(t)) // as it was at the crash
		crashed(t, dir)
		s = openStore(t, inner, dir)
		if log, err := readAll(t, s, village, 0); err != nil || len(log) != stored {
			t.Errorf("after the crash: %d events of %d, %v", len(log), stored, err)
		}
	}
}

// A founding that failed must not decide what the log is called.
func TestFoundingAgainUnderAnotherName(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	full := true
	inner.onAppend = func() error {
		if full {
			return eventstore.ErrNoSpace
		}
		return nil
	}
	first := []eventstore.NewEvent{{Type: "collective_founded", Data: []byte("example.org/first\n")}}
	if _, err := s.Append(t.Context(), village, 0, first); !errors.Is(err, eventstore.ErrNoSpace) {
		t.Fatal(err)
	}
	full = false
	inner.afterAppend = func() error {
		if h, _, err := openOwn(testSecret, readFile(t, headPath(dir, village))); err != nil || h.Origin != "example.org/second" {
			t.Errorf("the head before the second founding is %v, %v", h, err)
		}
		return nil
	}
	second := []eventstore.NewEvent{{Type: "collective_founded", Data: []byte("example.org/second\n")}, event(2)}
	if _, err := s.Append(t.Context(), village, 0, second); err != nil {
		t.Fatal(err)
	}
	wantHead(t, s, inner, village, "example.org/second")
	closeStore(t, s)
	wantHead(t, openStore(t, inner, dir), inner, village, "example.org/second")
}

func TestNothingIsStoredWithoutAHead(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	if err := os.Mkdir(headPath(dir, village)+tmpSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), village, 0, []eventstore.NewEvent{event(1)}); err == nil || len(inner.get(village)) != 0 {
		t.Errorf("append without a head: %v, %d events stored", err, len(inner.get(village)))
	}
	bad := []eventstore.NewEvent{{Type: "collective_founded", Data: []byte("bad origin\n")}}
	if _, err := s.Append(t.Context(), village, 0, bad); err == nil || len(inner.get(village)) != 0 {
		t.Errorf("append of a bad origin: %v, %d events stored", err, len(inner.get(village)))
	}
	if err := os.Remove(headPath(dir, village) + tmpSuffix); err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, village, 0, 3)
	// A later head that cannot be written keeps nobody from appending, and is written when it can be.
	wantHead(t, s, inner, village, villageLog)
	if err := os.Mkdir(headPath(dir, village)+tmpSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, village, 3, 6)
	eventually(t, func() bool { return s.Health().HeadsErr != nil })
	if err := os.Remove(headPath(dir, village) + tmpSuffix); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		h, _, err := openOwn(testSecret, readFile(t, headPath(dir, village)))
		return err == nil && h.Size == 6 && s.Health().HeadsErr == nil
	})
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

// An append whose outcome is unknown may have been stored. The tree finds out by itself.
func TestUnknownOutcome(t *testing.T) {
	inner := newFake()
	s := openStore(t, inner, t.TempDir())
	appendMany(t, s, village, 0, 5)
	lost := errors.New("answer lost")
	inner.afterAppend = func() error { return lost }
	if _, err := s.Append(t.Context(), village, 5, []eventstore.NewEvent{event(6), event(7)}); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	inner.afterAppend = nil
	wantHead(t, s, inner, village, villageLog)
	appendMany(t, s, village, 7, 9)
	wantHead(t, s, inner, village, villageLog)
}

// Other processes append to the same store.
func TestForeignAppends(t *testing.T) {
	inner := newFake()
	s := openStore(t, inner, t.TempDir())
	appendMany(t, s, village, 0, 5)
	appendMany(t, inner, village, 5, 8)
	appendMany(t, s, village, 8, 9) // leaves a gap in the tree
	wantHead(t, s, inner, village, villageLog)
	appendMany(t, inner, village, 9, 11)
	var conflict *eventstore.ConflictError
	if _, err := s.Append(t.Context(), village, 9, []eventstore.NewEvent{event(10)}); !errors.As(err, &conflict) || conflict.Actual != 11 {
		t.Fatal(err)
	}
	wantHead(t, s, inner, village, villageLog)
	appendMany(t, inner, village, 11, 13)
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 13 {
		t.Fatalf("%d events, %v", len(log), err)
	}
	wantHead(t, s, inner, village, villageLog)
	log := copyLog(inner.get(village))
	log[10].Data[0] ^= 1
	inner.set(village, log)
	if _, err := readAll(t, s, village, 0); !isDamage(err, 11) {
		t.Errorf("an edit of a foreign event after it was seen: %v", err)
	}
}

// Many goroutines append to few streams, answers come late and out of order, another process appends too, readers read.
func TestConcurrentUse(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	inner.afterAppend = func() error {
		time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		return nil
	}
	streams := []string{village, "access", "collectives"}
	each := 150
	if testing.Short() {
		each = 60
	}
	var wg sync.WaitGroup
	var versions [3]atomic.Uint64 // acknowledged or decided, whichever is known first: so appends of one stream overlap
	run := func(f func(random *rand.Rand, i int)) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(rand.Uint64(), 0))
			for i := range each {
				f(random, i)
			}
		})
	}
	for range 6 {
		run(func(random *rand.Rand, i int) {
			k := random.IntN(len(streams))
			expected := versions[k].Load()
			n := 1 + random.IntN(3)
			var events []eventstore.NewEvent
			for j := range n {
				events = append(events, event(int(expected)+j+1))
			}
			versions[k].CompareAndSwap(expected, expected+uint64(n)) // before it is acknowledged
			_, err := s.Append(t.Context(), streams[k], expected, events)
			var conflict *eventstore.ConflictError
			if errors.As(err, &conflict) {
				versions[k].Store(conflict.Actual)
			} else if err != nil {
				t.Errorf("append: %v", err)
			}
		})
	}
	run(func(random *rand.Rand, i int) {
		stream := streams[random.IntN(len(streams))]
		if n := len(inner.get(stream)); n > 0 && i%10 == 0 {
			_, _ = inner.store(stream, uint64(n), []eventstore.NewEvent{event(n + 1)})
		}
	})
	for range 2 {
		run(func(random *rand.Rand, i int) {
			stream, after := streams[random.IntN(len(streams))], uint64(random.IntN(3)*20)
			if _, err := readAll(t, s, stream, after); err != nil {
				t.Errorf("read %s after %d: %v", stream, after, err)
			}
			if i%10 == 0 {
				if r, err := s.Verify(t.Context(), stream); err != nil || !r.OK {
					t.Errorf("verify %s: %+v, %v", stream, r, err)
				}
			}
		})
	}
	wg.Wait()
	for _, stream := range streams {
		n := len(inner.get(stream))
		// One quiet append shows the tree whatever a foreign process did last.
		if _, err := s.Append(t.Context(), stream, uint64(n), []eventstore.NewEvent{event(n + 1)}); err != nil {
			t.Fatal(err)
		}
		origin, _ := villageOrigin(stream, inner.get(stream)[0])
		wantHead(t, s, inner, stream, origin)
	}
	closeStore(t, s)
	s = openStore(t, inner, dir)
	for _, stream := range streams {
		origin, _ := villageOrigin(stream, inner.get(stream)[0])
		wantHead(t, s, inner, stream, origin)
	}
}

func TestCancelledReads(t *testing.T) {
	inner := newFake()
	s := openStore(t, inner, t.TempDir())
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var events []eventstore.NewEvent
	for i := range 5000 {
		events = append(events, event(i+1))
	}
	if _, err := s.Append(t.Context(), village, 0, events); err != nil {
		t.Fatal(err)
	}
	for _, after := range []uint64{0, 100} {
		for _, stopAt := range []int{0, 1, 255, 256, 257, 2000, 4899} {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			var last error
			for _, err := range s.Read(ctx, village, after) {
				if last = err; err != nil {
					break
				}
				if n++; n >= stopAt {
					cancel()
				}
			}
			cancel()
			if !errors.Is(last, context.Canceled) && stopAt < 4899 {
				t.Errorf("read after %d cancelled at %d ended after %d events with %v", after, stopAt, n, last)
			}
			n = 0
			for _, err := range s.Read(t.Context(), village, after) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n > stopAt {
					break
				}
			}
			if inner.reading.Load() != 0 {
				t.Errorf("the inner store is still read after the read was left at %d", stopAt)
			}
		}
	}
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	s.forget()
	for _, err := range s.Read(dead, village, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("read with a dead context: %v", err)
		}
	}
	if _, err := s.Append(dead, village, 5000, nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("append with a dead context: %v", err)
	}
}

// A consumer may append to the stream that it reads.
func TestAppendInsideARead(t *testing.T) {
	inner, dir := makeLog(t, 3)
	s := openStore(t, inner, dir)
	n := 0
	for _, err := range s.Read(t.Context(), village, 0) {
		if err != nil {
			t.Fatal(err)
		}
		appendMany(t, s, village, 3+n, 4+n)
		n++
	}
	if n != 3 {
		t.Errorf("the read gave %d events", n)
	}
	wantHead(t, s, inner, village, villageLog)
}

// A long log is not read to append to it, as long as its leaf file fits its head.
func TestLongLogIsLoadedFromLeaves(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	var events []eventstore.NewEvent
	for i := range loadWholeMax + 500 {
		events = append(events, event(i+1))
	}
	if _, err := s.Append(t.Context(), village, 0, events[:loadWholeMax+400]); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	head, leafFile := readFile(t, headPath(dir, village)), readFile(t, nodesPath(dir, village))
	good := inner.get(village)
	if _, err := inner.store(village, loadWholeMax+400, events[loadWholeMax+400:]); err != nil {
		t.Fatal(err)
	}
	crashed(t, dir)
	s = openStore(t, inner, dir)
	inner.set(village, edited(inner.get(village), 7))
	appendMany(t, s, village, loadWholeMax+500, loadWholeMax+501)
	h, _, err := s.Head(t.Context(), village)
	inner.set(village, edited(inner.get(village), 7)) // back to what it was
	if err != nil || h.Root != naiveLogRoot(villageLog, inner.get(village)) {
		t.Errorf("head %v, %v", h, err)
	}
	closeStore(t, s)

	for what, nodes := range map[string][]byte{"short": leafFile[:3200], "wrong": append(make([]byte, 32), leafFile[32:]...)} {
		writeFile(t, headPath(dir, village), head)
		writeFile(t, nodesPath(dir, village), nodes)
		inner.set(village, edited(good, 7))
		s = openStore(t, inner, dir)
		if _, err := s.Append(t.Context(), village, loadWholeMax+400, nil); !isDamage(err, 0) {
			t.Errorf("leaf file %s: append to an edited log: %v", what, err)
		}
		closeStore(t, s)
	}
	writeFile(t, nodesPath(dir, village), leafFile)
	inner.set(village, good[:loadWholeMax+10])
	s = openStore(t, inner, dir)
	if _, _, err := s.Head(t.Context(), village); !isDamage(err, loadWholeMax+11) {
		t.Errorf("head of a log that was cut: %v", err)
	}
}

// edited flips a bit of event n.
func edited(log []eventstore.Event, n int) []eventstore.Event {
	log = slices.Clone(log)
	log[n].Data = bytes.Clone(log[n].Data)
	log[n].Data[0] ^= 1
	return log
}

func TestDelete(t *testing.T) {
	inner, dir := eventstore.NewMemory(), t.TempDir()
	s := openStore(t, inner, dir)
	const person = "person-1"
	appendMany(t, s, person, 0, 5)
	appendMany(t, s, "access", 0, 2)
	if _, _, err := s.Head(t.Context(), person); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), person); err != nil {
			t.Fatal(err)
		}
	}
	want := func() {
		t.Helper()
		if log, err := readAll(t, s, person, 0); err != nil || len(log) != 0 {
			t.Errorf("read of a deleted stream: %d events, %v", len(log), err)
		}
		if _, err := s.Append(t.Context(), person, 0, []eventstore.NewEvent{event(1)}); !errors.Is(err, eventstore.ErrDeleted) {
			t.Errorf("append to a deleted stream: %v", err)
		}
		if r, err := s.Verify(t.Context(), person); err != nil || !r.OK || r.Events != 0 {
			t.Errorf("verify of a deleted stream: %+v, %v", r, err)
		}
		if _, err := os.Stat(nodesPath(dir, person)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the leaf hashes are still there: %v", err)
		}
		if got := string(readFile(t, headPath(dir, person))); got != "mingzhang/deleted@v1\nperson-1\n" {
			t.Errorf("in place of the head: %q", got)
		}
	}
	want()
	s.forget()
	want()
	if log, err := readAll(t, s, "access", 0); err != nil || len(log) != 2 {
		t.Errorf("the other stream: %d events, %v", len(log), err)
	}
	if _, err := s.AdoptHead(t.Context(), person); err == nil {
		t.Error("a head of a deleted stream was adopted")
	}
}

func TestDeleteAfterACrashInBetween(t *testing.T) {
	inner, dir := makeLog(t, 5)
	writeFile(t, headPath(dir, village), []byte("mingzhang/deleted@v1\n"+village+"\n"))
	s := openStore(t, inner, dir)
	if _, err := readAll(t, s, village, 0); !isDamage(err, 0) {
		t.Errorf("read of a half deleted stream: %v", err)
	}
	if err := s.Delete(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 0 {
		t.Errorf("read of a deleted stream: %d events, %v", len(log), err)
	}
}

// Who reads or verifies a stream while it is deleted sees it go, not break.
func TestDeleteUnderReads(t *testing.T) {
	for round := range 30 {
		inner := eventstore.NewMemory()
		s := openStore(t, inner, t.TempDir())
		appendMany(t, s, "person-1", 0, 20)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 5 {
					if _, err := readAll(t, s, "person-1", 0); err != nil && !errors.Is(err, eventstore.ErrDeleted) {
						t.Errorf("round %d: read: %v", round, err)
					}
					if _, err := s.Verify(t.Context(), "person-1"); err != nil {
						t.Errorf("round %d: verify: %v", round, err)
					}
				}
			})
		}
		wg.Go(func() {
			if err := s.Delete(t.Context(), "person-1"); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if _, err := s.Append(t.Context(), "person-1", 0, []eventstore.NewEvent{event(1)}); !errors.Is(err, eventstore.ErrDeleted) {
			t.Fatalf("round %d: append: %v", round, err)
		}
		closeStore(t, s)
	}
}

// The deletion lands between the look at the head and the look at the log.
func TestDeleteAtTheStartOfARead(t *testing.T) {
	for _, loaded := range []bool{false, true} {
		inner, dir := makeLog(t, 5)
		s := openStore(t, inner, dir)
		if loaded {
			if err := s.ready(t.Context(), s.stream(village)); err != nil {
				t.Fatal(err)
			}
		}
		skip := 1 // reading the first event
		if loaded {
			skip = 0
		}
		inner.onRead = func() {
			if skip--; skip == -1 {
				if err := s.Delete(t.Context(), village); err != nil {
					t.Error(err)
				}
			}
		}
		if _, err := readAll(t, s, village, 0); !errors.Is(err, eventstore.ErrDeleted) {
			t.Errorf("loaded %v: read ended with %v", loaded, err)
		}
		if h := s.Health(); len(h.Damaged) > 0 {
			t.Errorf("loaded %v: %v", loaded, h.Damaged)
		}
	}
}

// A read that ends while the stream is being deleted must not bring back its head.
func TestReadEndsInsideADelete(t *testing.T) {
	inner, dir := makeLog(t, 5)
	var more []eventstore.NewEvent
	for i := range (batchesAhead + 3) * batchEvents {
		more = append(more, event(i+6))
	}
	if _, err := inner.store(village, 5, more); err != nil {
		t.Fatal(err)
	}
	crashed(t, dir)
	s := openStore(t, inner, dir)
	next, stop := iter.Pull2(s.Read(t.Context(), village, 0))
	defer stop()
	if _, err, ok := next(); err != nil || !ok {
		t.Fatal(err)
	}
	inner.onDelete = func() {
		for {
			if _, err, ok := next(); err != nil || !ok {
				return
			}
		}
	}
	if err := s.Delete(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if got := string(readFile(t, headPath(dir, village))); got != "mingzhang/deleted@v1\n"+village+"\n" {
		t.Errorf("in place of the head: %q", got)
	}
	if _, err := os.Stat(nodesPath(dir, village)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leaf hashes are there again: %v", err)
	}
}

// Appends come back in any order; the tree is that of the log without a look at it.
func TestAppendsComeBackInAnyOrder(t *testing.T) {
	sizes := []int{1, 3, 2, 1, 4}
	var leaves []tlog.Hash
	for i := range 11 {
		leaves = append(leaves, tlog.Hash{byte(i)})
	}
	var want tree
	for _, leaf := range leaves {
		want.add(leaf)
	}
	for round := range 120 {
		st := &stream{loaded: true, log: &logName{name: "o"}, underway: len(sizes)}
		for _, k := range rand.New(rand.NewPCG(uint64(round), 1)).Perm(len(sizes)) {
			from := 0
			for _, n := range sizes[:k] {
				from += n
			}
			if due, err := st.done(st.log, 0, uint64(from), sizes[k], leaves[from:from+sizes[k]], nil); !due || err != nil {
				t.Fatal(due, err)
			}
		}
		if st.tree.size != want.size || st.tree.root() != want.root() || !slices.Equal(st.pending, leaves) || st.behind || len(st.ahead) > 0 {
			t.Fatalf("round %d: tree of %d of %d events, behind %v, %d ahead", round, st.tree.size, want.size, st.behind, len(st.ahead))
		}
	}
}

// A stream that is being loaded again takes no leaves, and looks once more when it is loaded.
func TestAppendDuringALoad(t *testing.T) {
	st := &stream{log: &logName{name: "o"}, underway: 1}
	if due, err := st.done(st.log, 0, 0, 1, []tlog.Hash{{1}}, nil); !due || err != nil || !st.behind || st.tree.size != 0 {
		t.Errorf("due %v, behind %v, tree of %d events, %v", due, st.behind, st.tree.size, err)
	}
}

func TestAudit(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 0, 10)
	for i := range 5 {
		appendMany(t, s, fmt.Sprintf("person-%d", i), 0, 4)
	}
	if h := s.Health(); !h.Audit.Started.IsZero() {
		t.Errorf("health before any audit: %+v", h)
	}
	report, err := s.Audit(t.Context())
	if err != nil || report.Streams != 6 || report.Events != 30 || len(report.Damaged) != 0 || report.Err != "" || report.Finished.IsZero() {
		t.Errorf("audit: %+v, %v", report, err)
	}
	inner.set("person-2", edited(inner.get("person-2"), 1))
	inner.set("person-4", nil)
	for _, stream := range []string{"person-2", "person-4"} {
		if _, _, err := s.Head(t.Context(), stream); err != nil { // which covers the events, and does not read them again
			t.Fatal(err)
		}
	}
	if _, err := s.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := s.Health()
	if len(h.Audit.Damaged) != 2 || h.Audit.Damaged[0].Stream != "person-2" || h.Audit.Damaged[0].FirstBad != 2 ||
		h.Audit.Damaged[1].Stream != "person-4" || h.Audit.Damaged[1].FirstBad != 1 || len(h.Damaged) != 2 {
		t.Errorf("health after an audit of damaged streams: %+v", h)
	}
	if _, err := s.Append(t.Context(), "person-2", 4, []eventstore.NewEvent{event(5)}); !isDamage(err, 2) {
		t.Errorf("append to a stream that the audit found damaged: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Audit(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled audit: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := OpenSigner(t.TempDir(), testSecret[:31]); err == nil {
		t.Error("a secret of 31 bytes was accepted")
	}
	file := t.TempDir() + "/file"
	writeFile(t, file, nil)
	if _, err := Open(newFake(), file, testSigner(t, t.TempDir()), StreamOrigin, Options{}); err == nil {
		t.Error("a file was accepted as the directory")
	}
}

// TestHeadsFollowOtherProcesses: a store that only listens has the same head as the one that appends, and one that hears an event which
// is none of the product stops the stream there, not the head after it.
func TestHeadsFollowOtherProcesses(t *testing.T) {
	inner := eventstore.NewMemory()
	shared := func(check func(eventstore.Event) error) *Store {
		s, err := Open(keptOpen{inner}, t.TempDir(), testSigner(t, t.TempDir()), villageOrigin, Options{Shared: true, Check: check})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	writer := shared(nil)
	appendMany(t, writer, village, 0, 5)
	refused := errors.New("none of ours")
	listener := shared(func(e eventstore.Event) error {
		if e.Version == 21 {
			return refused
		}
		return nil
	})
	if log, err := readAll(t, listener, village, 0); err != nil || len(log) != 5 {
		t.Fatalf("%d events, %v", len(log), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	heard := make(chan uint64)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer stop()
	listening.Go(func() {
		for e, err := range listener.Subscribe(ctx, 0) {
			if err != nil {
				return
			}
			select {
			case heard <- e.Version:
			case <-ctx.Done():
				return
			}
		}
	})
	until := func(version uint64) {
		t.Helper()
		for v := range heard {
			if v == version {
				return
			}
		}
	}
	until(5)
	appendMany(t, writer, village, 5, 20)
	until(20)
	// The event that was just heard is in the tree as soon as the next one is asked for; the head is written at once when asked.
	appendMany(t, writer, village, 20, 21)
	until(21)
	appendMany(t, writer, village, 21, 22)
	until(22)
	want, _, err := writer.Head(t.Context(), village)
	if err != nil || want.Size != 22 {
		t.Fatalf("%+v, %v", want, err)
	}
	if _, _, err := listener.Head(t.Context(), village); !isDamage(err, 21) {
		t.Errorf("the listener's head over an event that it refuses: %v", err)
	}
	third := shared(nil)
	if got, _, err := third.Head(t.Context(), village); err != nil || got.Root != want.Root {
		t.Errorf("%+v, %v", got, err)
	}
}

type keptOpen struct{ *eventstore.Memory }

func (keptOpen) Close() error { return nil }

// repeating is a store that takes an append of what stands there already for the same append again.
type repeating struct{ *fake }

func (r repeating) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	position, err := r.fake.Append(ctx, stream, expected, events)
	log := r.get(stream)
	if err == nil || expected+uint64(len(events)) > uint64(len(log)) {
		return position, err
	}
	for i, e := range events {
		if have := log[expected+uint64(i)]; have.Type != e.Type || !bytes.Equal(have.Data, e.Data) {
			return position, err
		}
	}
	return log[expected+uint64(len(events))-1].Position, nil
}

// TestAppendOfWhatStandsThere: two nodes may decide the same event for a command that was sent to both. The one that hears of it
// before it appends has not found a log that is shorter than its head.
func TestAppendOfWhatStandsThere(t *testing.T) {
	s := openStore(t, repeating{newFake()}, t.TempDir())
	appendMany(t, s, village, 0, 5)
	again := s.inner.(repeating).get(village)[4]
	events := []eventstore.NewEvent{{Type: again.Type, Data: again.Data}}
	if _, err := s.Append(t.Context(), village, 4, events); err != nil {
		t.Errorf("the same again: %v", err)
	}
	appendMany(t, s, village, 5, 7)
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 7 {
		t.Errorf("%d events, %v", len(log), err)
	}
}
