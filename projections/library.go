package projections

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
)

// Source gives the events of a collective after a version, decoded and in order, up to the last one stored when it is
// asked; an error comes once, as the last thing. An event of a passing fact need be valid only until the next one is asked
// for (ledger.PassingFact). ledger.Service is one, and decodes on other cores than the folding one.
type Source interface {
	Replay(ctx context.Context, collective string, after uint64) iter.Seq2[*eventv1.Event, error]
}

// ErrBehind says that the stream has not reached the version that was asked for: it is not stored (yet), or the collective
// does not exist (Have 0).
type ErrBehind struct {
	Have, Want uint64
}

func (e *ErrBehind) Error() string {
	return fmt.Sprintf("the books are at version %d, version %d was asked for", e.Have, e.Want)
}

// Library keeps the books of the collectives that were asked for, as many of those used last as fit into its memory. It
// implements ledger.Observer. Its methods may be called at once.
type Library struct {
	source  Source
	options LibraryOptions
	worker  snapshot.Worker
	clicks  atomic.Uint64
	checks  checks

	mu      sync.Mutex // guards shelves; never held while a shelf's lock is taken
	shelves map[string]*shelf
}

// shelf is the place of one book.
type shelf struct {
	mu      sync.Mutex    // guards all that follows; held while new events are folded, never while the stream is read
	book    *Book         // nil until it is loaded
	known   uint64        // newest version heard of; no reader gets less
	loading chan struct{} // closed when the reading under way ends; nil when none is
	err     error         // of the last reading, for those who waited for it
	dropped bool          // no longer in the library: ask it again

	measured uint64        // version at which bytes was taken
	bytes    atomic.Int64  // memory of the book, about; 0 when there is none
	used     atomic.Uint64 // when it was used last, in clicks of the library
	kept     atomic.Uint64 // version of the newest copy
}

// NewLibrary keeps books read from a source, without copies between runs. It reads nothing before it is asked.
func NewLibrary(source Source) *Library { return OpenLibrary(source, LibraryOptions{}) }

func (l *Library) shelf(collective string) *shelf {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.shelves[collective]
	if s == nil {
		s = new(shelf)
		l.shelves[collective] = s
	}
	return s
}

// Resident is how many books are in memory, those being read included.
func (l *Library) Resident() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.shelves)
}

// drop forgets a shelf without a book, so that asking for collectives that do not exist costs no memory. The shelf's lock is held.
func (l *Library) drop(collective string, s *shelf) {
	s.dropped = true
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shelves[collective] == s {
		delete(l.shelves, collective)
	}
}

// Observe takes events that were just stored, in order, before their command is answered: every book given out from then on
// has them. A resident book folds them here; a book that is being read or misses earlier events gets them from the stream.
// A founding begins a new book.
func (l *Library) Observe(collective string, events []*eventv1.Event) {
	if len(events) == 0 {
		return
	}
	l.mu.Lock()
	s := l.shelves[collective]
	if s == nil && events[0].Version == 1 {
		s = &shelf{book: NewBook(collective)}
		l.shelves[collective] = s
	}
	l.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = max(s.known, events[len(events)-1].Version)
	if s.loading != nil || s.book == nil {
		return
	}
	have := s.book.Version()
	for _, e := range events {
		if e.Version > have && s.book.Fold(e) != nil {
			return // a gap, or an impossible event: known is ahead of the book, so the next reader asks the stream
		}
	}
	l.grown(collective, s)
}

// Book gives the book of a collective at minVersion or later, reading its stream when it is not resident or is behind; while
// one caller reads, others wait. When the source is unavailable, a resident book of minVersion does, though more is known of. The book is shared and goes on growing.
//
// Errors: *ErrBehind when the stream ends before minVersion or does not exist; *eventstore.CorruptError, every time, when it
// is damaged; the context's error; whatever the source says otherwise. An error never comes with a book.
func (l *Library) Book(ctx context.Context, collective string, minVersion uint64) (*Book, error) {
	for {
		s := l.shelf(collective)
		s.mu.Lock()
		if s.dropped {
			s.mu.Unlock()
			continue
		}
		want := max(minVersion, s.known, 1)
		l.touch(s)
		if s.book != nil && s.book.Version() >= want {
			defer s.mu.Unlock()
			return s.book, nil
		}
		if s.loading == nil {
			s.loading = make(chan struct{})
			s.mu.Unlock()
			return l.load(ctx, collective, s, minVersion)
		}
		loading := s.loading
		s.mu.Unlock()
		select {
		case <-loading:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the books of %s: %w", collective, ctx.Err())
		}
		s.mu.Lock()
		err := s.err
		s.mu.Unlock()
		var behind *ErrBehind
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &behind) {
			return nil, err // another caller's impatience or wish is not ours; a damaged stream is
		}
	}
}

// load reads the stream into the shelf's book until it is where it has to be. Only the caller that set loading comes here.
func (l *Library) load(ctx context.Context, collective string, s *shelf, minVersion uint64) (*Book, error) {
	s.mu.Lock()
	book := s.book
	s.mu.Unlock()
	copied := false
	if book == nil {
		book = l.reopen(ctx, collective)
		s.kept.Store(book.Version())
		copied = book.Version() > 0
	}
	for {
		before := book.Version()
		err := l.read(ctx, collective, book)
		if copied && l.blames(s, collective, err) {
			book, copied = NewBook(collective), false
			continue
		}
		s.mu.Lock()
		want := max(minVersion, s.known, 1)
		have := book.Version()
		if err == nil && have < want && have > before {
			s.mu.Unlock()
			continue // more was stored while we read
		}
		if err == nil && have < want {
			err = &ErrBehind{have, want}
		} else if s.book != nil && have >= minVersion && sourceFailed(ctx, err) {
			err = nil // reads go on with what is in memory: more was heard of, and cannot be had now
		}
		l.end(collective, s, book, err)
		s.mu.Unlock()
		l.trim(s)
		if err != nil {
			return nil, err
		}
		return book, nil
	}
}

// sourceFailed says whether err is of a source that cannot be read now, rather than of what it holds or of a caller who left.
func sourceFailed(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !errors.As(err, new(*eventstore.CorruptError)) && !errors.As(err, new(*GapError)) && !errors.As(err, new(*ErrBehind))
}

// end puts the book on the shelf, or takes it away when its stream is damaged, and wakes those who wait. The shelf's lock is held.
func (l *Library) end(collective string, s *shelf, book *Book, err error) {
	var behind *ErrBehind
	var corrupt *eventstore.CorruptError
	var gap *GapError
	switch {
	case err == nil, errors.As(err, &behind) && behind.Have > 0:
		s.book = book // whole as far as the stream goes, even when the caller asked for more
	case errors.As(err, &corrupt), errors.As(err, &gap):
		s.book = nil
	default:
		// The source failed or the caller left: a resident book stays, being whole as far as it goes; what was gathered for
		// a new one is thrown away.
	}
	s.err = err
	close(s.loading)
	s.loading = nil
	if s.book == nil {
		l.drop(collective, s)
		s.bytes.Store(0)
		return
	}
	s.measure()
	l.copyIfWorth(collective, s)
}

// read folds what the source has beyond the book.
func (l *Library) read(ctx context.Context, collective string, book *Book) error {
	for e, err := range l.source.Replay(ctx, collective, book.Version()) {
		if err != nil {
			return fmt.Errorf("read the books of %s at version %d: %w", collective, book.Version(), err)
		}
		if err := book.Fold(e); err != nil {
			return fmt.Errorf("fold the books of %s: %w", collective, err)
		}
	}
	return nil
}
