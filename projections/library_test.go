package projections

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

var _ ledger.Observer = (*Library)(nil)
var _ Source = (*ledger.Service)(nil)

// shelfSource is a source of hand-written streams that counts its readings and can be held up.
type shelfSource struct {
	mu      sync.Mutex
	streams map[string][]*eventv1.Event
	fail    error // given at the end of every reading

	reads   atomic.Int32
	entered chan struct{} // told of every reading, when not nil
	gate    chan struct{} // waited for by every reading, when not nil
}

func (s *shelfSource) Replay(ctx context.Context, collective string, after uint64) iter.Seq2[*eventv1.Event, error] {
	return func(yield func(*eventv1.Event, error) bool) {
		s.mu.Lock()
		events, fail, entered, gate := s.streams[collective], s.fail, s.entered, s.gate
		s.mu.Unlock()
		s.reads.Add(1)
		if entered != nil {
			entered <- struct{}{}
		}
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
		for _, e := range events[min(after, uint64(len(events))):] {
			if !yield(e, nil) {
				return
			}
		}
		if fail != nil {
			yield(nil, fail)
		}
	}
}

// store puts the stream's first n events into the source.
func (s *shelfSource) store(collective string, events []*eventv1.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[collective] = events
}

func newSource(events []*eventv1.Event) *shelfSource {
	return &shelfSource{streams: map[string][]*eventv1.Event{"liminba": events}}
}

func TestLibraryReadsOnceAndFollows(t *testing.T) {
	d := newDemo()
	n := len(d.events)
	source := newSource(d.events[:20])
	l := NewLibrary(source)
	book, err := l.Book(t.Context(), "liminba", 0)
	if err != nil || book.Version() != 20 {
		t.Fatalf("book %v, %v", book, err)
	}
	source.store("liminba", d.events)
	l.Observe("liminba", d.events[20:30])
	l.Observe("liminba", d.events[25:n]) // some of it again
	again, err := l.Book(t.Context(), "liminba", uint64(n))
	if err != nil || again != book || book.Version() != uint64(n) {
		t.Fatalf("book at %d, %v", book.Version(), err)
	}
	if got := source.reads.Load(); got != 1 {
		t.Errorf("the stream was read %d times, want once", got)
	}
	if book.Digest() != fold(t, d.events).Digest() {
		t.Error("the book is not what its events make")
	}
}

func TestLibraryReadsTheStreamAfterAGap(t *testing.T) {
	d := newDemo()
	n := uint64(len(d.events))
	source := newSource(d.events[:20])
	l := NewLibrary(source)
	if _, err := l.Book(t.Context(), "liminba", 0); err != nil {
		t.Fatal(err)
	}
	source.store("liminba", d.events)
	l.Observe("liminba", d.events[n-1:])
	book, err := l.Book(t.Context(), "liminba", 0) // asks for nothing special and still gets what was observed
	if err != nil || book.Version() != n {
		t.Fatalf("book %v, %v", book, err)
	}
	if got := source.reads.Load(); got != 2 {
		t.Errorf("the stream was read %d times, want twice", got)
	}
}

func TestLibraryBeginsABookWithItsFounding(t *testing.T) {
	d := newDemo()
	source := newSource(nil)
	l := NewLibrary(source)
	l.Observe("liminba", nil)
	l.Observe("liminba", d.events[:2])
	l.Observe("liminba", d.events[2:10])
	if book, err := l.Book(t.Context(), "liminba", 10); err != nil || book.Version() != 10 {
		t.Fatalf("book %v, %v", book, err)
	}
	if got := source.reads.Load(); got != 0 {
		t.Errorf("the stream was read %d times", got)
	}
	l.Observe("elsewhere", d.events[5:6]) // not resident: nobody asked for it
	if len(l.shelves) != 1 {
		t.Errorf("%d shelves", len(l.shelves))
	}
}

func TestLibrarySaysWhenItIsBehind(t *testing.T) {
	d := newDemo()
	source := newSource(d.events[:20])
	l := NewLibrary(source)
	for _, c := range []struct {
		collective string
		min        uint64
		want       ErrBehind
	}{{"liminba", 25, ErrBehind{20, 25}}, {"nowhere", 0, ErrBehind{0, 1}}, {"liminba", 21, ErrBehind{20, 21}}} {
		_, err := l.Book(t.Context(), c.collective, c.min)
		var behind *ErrBehind
		if !errors.As(err, &behind) || *behind != c.want {
			t.Errorf("%s at %d: %v, want %v", c.collective, c.min, err, &c.want)
		}
	}
	if len(l.shelves) != 1 {
		t.Errorf("%d shelves: asking for nowhere left one", len(l.shelves))
	}
	source.store("liminba", d.events)
	if book, err := l.Book(t.Context(), "liminba", 25); err != nil || book.Version() < 25 {
		t.Errorf("book %v, %v", book, err)
	}
}

func TestLibraryNeverGivesADamagedBook(t *testing.T) {
	d := newDemo()
	damage := &eventstore.CorruptError{Stream: "collective-liminba", Version: 21, Reason: "flipped"}
	bent := newDemo().events
	bent[30].Vouchers = append(bent[30].Vouchers, voucher(ledger.Receipt, 20210101, "x", "money/bank", 1, "fund/reserve", -2))
	holed := append(append([]*eventv1.Event{}, d.events[:20]...), d.events[21:]...)
	for name, source := range map[string]*shelfSource{
		"the store says so":     {streams: map[string][]*eventv1.Event{"liminba": d.events[:20]}, fail: damage},
		"an event cannot be":    newSource(bent),
		"an event is left out":  newSource(holed),
		"the store is in a way": {streams: map[string][]*eventv1.Event{"liminba": d.events[:20]}, fail: errors.New("disk on fire")},
	} {
		l := NewLibrary(source)
		for range 3 {
			if book, err := l.Book(t.Context(), "liminba", 1); err == nil {
				t.Errorf("%s: got a book at version %d", name, book.Version())
			}
		}
		if got := source.reads.Load(); got != 3 {
			t.Errorf("%s: the stream was read %d times in three tries", name, got)
		}
	}

	// A resident book that is told of an impossible event is not given out again.
	source := newSource(d.events[:30])
	l := NewLibrary(source)
	if _, err := l.Book(t.Context(), "liminba", 0); err != nil {
		t.Fatal(err)
	}
	source.store("liminba", bent)
	l.Observe("liminba", bent[30:31])
	for range 2 {
		_, err := l.Book(t.Context(), "liminba", 0)
		var corrupt *eventstore.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Version != 31 {
			t.Errorf("after an impossible event: %v", err)
		}
	}
	source.store("liminba", d.events)
	if _, err := l.Book(t.Context(), "liminba", 0); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func TestLibraryTakesAwayABookWhoseStreamIsDamaged(t *testing.T) {
	d := newDemo()
	source := newSource(d.events[:20])
	l := NewLibrary(source)
	if _, err := l.Book(t.Context(), "liminba", 0); err != nil {
		t.Fatal(err)
	}
	source.mu.Lock()
	source.fail = &eventstore.CorruptError{Stream: "collective-liminba", Version: 21, Reason: "flipped"}
	source.mu.Unlock()
	for _, version := range []uint64{25, 0, 20} {
		var damage *eventstore.CorruptError
		if _, err := l.Book(t.Context(), "liminba", version); !errors.As(err, &damage) {
			t.Errorf("version %d of a damaged stream: %v", version, err)
		}
	}
}

// TestLibraryForgetsAShelfOnce holds a reader between finding a shelf and looking at it, while the shelf is dropped: its book
// has to be the one that events are told to.
func TestLibraryForgetsAShelfOnce(t *testing.T) {
	d := newDemo()
	l := NewLibrary(newSource(d.events))
	s := l.shelf("liminba")
	s.mu.Lock()
	book := make(chan *Book)
	go func() {
		b, err := l.Book(t.Context(), "liminba", 0)
		if err != nil {
			t.Error(err)
		}
		book <- b
	}()
	time.Sleep(10 * time.Millisecond)
	l.drop("liminba", s)
	s.mu.Unlock()
	if b := <-book; l.shelf("liminba").book != b {
		t.Error("the book is on a shelf that nobody finds")
	}
}

func TestLibraryKeepsABookWhenTheStoreFails(t *testing.T) {
	d := newDemo()
	source := newSource(d.events[:20])
	l := NewLibrary(source)
	if _, err := l.Book(t.Context(), "liminba", 0); err != nil {
		t.Fatal(err)
	}
	source.mu.Lock()
	source.fail = errors.New("unreachable")
	source.mu.Unlock()
	if _, err := l.Book(t.Context(), "liminba", 25); !errors.Is(err, source.fail) {
		t.Errorf("asked for more: %v", err)
	}
	if book, err := l.Book(t.Context(), "liminba", 0); err != nil || book.Version() != 20 {
		t.Errorf("asked for what is there: %v", err)
	}
}

// TestLibraryGoesOnWhenMoreIsKnown: a book that heard of more than it has is shown while the store cannot be reached, unless
// a reader wants more than it has.
func TestLibraryGoesOnWhenMoreIsKnown(t *testing.T) {
	d := newDemo()
	source := newSource(d.events[:20])
	l := NewLibrary(source)
	if _, err := l.Book(t.Context(), "liminba", 0); err != nil {
		t.Fatal(err)
	}
	l.Observe("liminba", d.events[len(d.events)-1:]) // a gap: the stream has to be read
	source.mu.Lock()
	source.fail = errors.New("unreachable")
	source.mu.Unlock()
	if book, err := l.Book(t.Context(), "liminba", 20); err != nil || book.Version() != 20 {
		t.Errorf("the book it has: %v", err)
	}
	if _, err := l.Book(t.Context(), "liminba", 21); !errors.Is(err, source.fail) {
		t.Errorf("a version it has not: %v", err)
	}
}

func TestLibraryOneReadsAndOthersWait(t *testing.T) {
	d := newDemo()
	source := newSource(d.events[:20])
	source.entered, source.gate = make(chan struct{}, 8), make(chan struct{})
	l := NewLibrary(source)

	impatient, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := l.Book(impatient, "liminba", 0)
		gone <- err
	}()
	<-source.entered
	books := make(chan *Book, 4)
	for range 4 {
		go func() {
			book, err := l.Book(t.Context(), "liminba", 0)
			if err != nil {
				t.Error(err)
			} else if book.Version() != 22 {
				t.Errorf("book at %d, though version 22 was observed before it was given out", book.Version())
			}
			books <- book
		}()
	}
	time.Sleep(10 * time.Millisecond) // long enough for them to wait; if not, they find the same
	// The reader leaves: one of the others reads instead, and what is stored meanwhile is in the book.
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the reader that left got %v", err)
	}
	<-source.entered
	source.store("liminba", d.events[:22])
	l.Observe("liminba", d.events[20:22])
	close(source.gate)
	first := <-books
	for range 3 {
		if other := <-books; other != first {
			t.Error("two books of one collective")
		}
	}

	waiting, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	source.mu.Lock()
	source.gate, source.streams["other"] = make(chan struct{}), d.events
	source.mu.Unlock()
	if _, err := l.Book(waiting, "other", 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a reading that takes too long: %v", err)
	}
}

// TestLibraryIsCurrentForEveryReader stores and observes events one by one while readers come and go: a reader that asks
// after an event was observed gets a book that has it.
func TestLibraryIsCurrentForEveryReader(t *testing.T) {
	d := newDemo()
	for range 20 {
		source := newSource(d.events[:5])
		l := NewLibrary(source)
		var observed atomic.Uint64
		var readers sync.WaitGroup
		for range 3 {
			readers.Add(1)
			go func() {
				defer readers.Done()
				for {
					due := observed.Load()
					book, err := l.Book(t.Context(), "liminba", 0)
					if err != nil || book.Version() < due {
						t.Errorf("version %d was observed, the book is at %v: %v", due, book, err)
						return
					}
					if due == uint64(len(d.events)) {
						return
					}
				}
			}()
		}
		for n := 6; n <= len(d.events); n++ {
			source.store("liminba", d.events[:n])
			l.Observe("liminba", d.events[n-1:n])
			observed.Store(uint64(n))
		}
		readers.Wait()
	}
}
