package eventstoretest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Fault is what a Faulty does with one call.
type Fault int

const (
	Pass       Fault = iota // carry the call out
	FailBefore              // answer ErrInjected and carry nothing out
	FailAfter               // carry the call out (a read: to its end), then answer ErrInjected
	FailMidway              // a read: ErrInjected after the first event; others: as FailBefore
	NoSpace                 // an append: answer ErrNoSpace and store nothing; others: as Pass
	Repeat                  // a subscription: every event is delivered twice; others: as Pass
)

// ErrInjected is the failure a Faulty makes up. To its user it means what any unknown error of a store means.
var ErrInjected = errors.New("injected failure")

// Call is one call of a Faulty, as its script sees it.
type Call struct {
	Number   int    // from 1, over all calls
	Method   string // "Append", "Version", "Read", "ReadAll", "Subscribe" or "Delete"
	Stream   string // empty for ReadAll and Subscribe
	Expected uint64 // of an append
	Events   []eventstore.NewEvent
}

// Faulty is a store that fails as its script says and watches how it is used. It adds no delay and keeps no time.
//
// It complains through Errorf when its user appends to a stream whose last append had an unknown outcome without reading the
// stream first, changes data it handed in or was given, tries one append more than 100 times, goes on after Close, or never
// closes. The first of these expects a user that has one append per stream under way at a time.
type Faulty struct {
	store  eventstore.Store
	t      testing.TB
	script func(Call) Fault

	mu      sync.Mutex
	calls   int
	doubt   map[string]bool
	tries   map[string]int
	watched []watched
	closed  bool
}

// watched is data that nobody may change any more.
type watched struct {
	what string
	data []byte
	sum  [sha256.Size]byte
}

// watchedMax bounds what a long test keeps: the oldest data are watched, the rest is not.
const watchedMax = 20_000

// triesMax is how often one append to one version may be tried: more is a retry without an end.
const triesMax = 100

// NewFaulty wraps a store. The script is asked before each call, one call at a time; nil passes everything. What was done
// wrong with the data is said at the end of the test.
func NewFaulty(t testing.TB, store eventstore.Store, script func(Call) Fault) *Faulty {
	if script == nil {
		script = func(Call) Fault { return Pass }
	}
	f := &Faulty{store: store, t: t, script: script, doubt: make(map[string]bool), tries: make(map[string]int)}
	t.Cleanup(f.finish)
	return f
}

func (f *Faulty) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.t.Errorf("event store misused: it was never closed")
	}
	for _, w := range f.watched {
		if sha256.Sum256(w.data) != w.sum {
			f.t.Errorf("event store misused: the data of %s was changed", w.what)
		}
	}
}

// next counts the call, looks for misuse and asks the script.
func (f *Faulty) next(ctx context.Context, call Call) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	call.Number = f.calls
	if ctx == nil {
		f.t.Errorf("event store misused: %s %s without a context", call.Method, call.Stream)
	}
	if f.closed {
		f.t.Errorf("event store misused: %s %s after Close", call.Method, call.Stream)
	}
	switch call.Method {
	case "Append":
		if f.doubt[call.Stream] {
			f.t.Errorf("event store misused: append to %s, whose last append had an unknown outcome, without reading it first", call.Stream)
		}
		try := fmt.Sprintf("%s at version %d", call.Stream, call.Expected)
		if f.tries[try]++; f.tries[try] == triesMax+1 {
			f.t.Errorf("event store misused: append to %s was tried more than %d times", try, triesMax)
		}
	case "Read", "Version":
		delete(f.doubt, call.Stream)
	}
	return f.script(call)
}

// watch remembers data that must not change.
func (f *Faulty) watch(data []byte, what string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watched) < watchedMax {
		f.watched = append(f.watched, watched{fmt.Sprintf(what, args...), data, sha256.Sum256(data)})
	}
}

// Append implements eventstore.Store.
func (f *Faulty) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	fault := f.next(ctx, Call{Method: "Append", Stream: stream, Expected: expected, Events: events})
	if fault == NoSpace {
		return 0, fmt.Errorf("append to %s: %w", stream, eventstore.ErrNoSpace)
	}
	var position uint64
	var err error
	if fault != FailBefore && fault != FailMidway {
		for i, e := range events {
			f.watch(e.Data, "event %d appended to %s at version %d", i+1, stream, expected)
		}
		position, err = f.store.Append(ctx, stream, expected, events)
	}
	if err == nil && failing(fault) {
		f.mu.Lock()
		f.doubt[stream] = true
		f.mu.Unlock()
		return 0, fmt.Errorf("append to %s: %w", stream, ErrInjected)
	}
	return position, err
}

// Version implements eventstore.Store.
func (f *Faulty) Version(ctx context.Context, stream string) (uint64, error) {
	if failing(f.next(ctx, Call{Method: "Version", Stream: stream})) {
		return 0, fmt.Errorf("version of %s: %w", stream, ErrInjected)
	}
	return f.store.Version(ctx, stream)
}

// Read implements eventstore.Store.
func (f *Faulty) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return f.read(ctx, Call{Method: "Read", Stream: stream}, f.store.Read(ctx, stream, after))
}

// ReadAll implements eventstore.Store.
func (f *Faulty) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return f.read(ctx, Call{Method: "ReadAll"}, f.store.ReadAll(ctx, after))
}

// Subscribe implements eventstore.Store.
func (f *Faulty) Subscribe(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return f.read(ctx, Call{Method: "Subscribe"}, f.store.Subscribe(ctx, after))
}

// read passes a sequence on with its fault. The call is counted when the sequence is run, not when it is made.
func (f *Faulty) read(ctx context.Context, call Call, seq iter.Seq2[eventstore.Event, error]) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		fault := f.next(ctx, call)
		injected := fmt.Errorf("%s %s: %w", call.Method, call.Stream, ErrInjected)
		if fault == FailBefore {
			yield(eventstore.Event{}, injected)
			return
		}
		for e, err := range seq {
			if err == nil {
				f.watch(e.Data, "event %s/%d that was read", e.Stream, e.Version)
			}
			if !yield(e, err) || err != nil {
				return
			}
			if fault == Repeat && call.Method == "Subscribe" && !yield(e, nil) {
				return
			}
			if fault == FailMidway {
				break
			}
		}
		if failing(fault) {
			yield(eventstore.Event{}, injected)
		}
	}
}

// Delete implements eventstore.Store.
func (f *Faulty) Delete(ctx context.Context, stream string) error {
	fault := f.next(ctx, Call{Method: "Delete", Stream: stream})
	if fault == FailAfter || !failing(fault) {
		if err := f.store.Delete(ctx, stream); err != nil {
			return err
		}
	}
	if failing(fault) {
		return fmt.Errorf("delete %s: %w", stream, ErrInjected)
	}
	return nil
}

func failing(fault Fault) bool {
	return fault == FailBefore || fault == FailAfter || fault == FailMidway
}

// Close implements eventstore.Store. It never fails by script.
func (f *Faulty) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	return f.store.Close()
}
