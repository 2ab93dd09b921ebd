package projections

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file keeps the library's books within its memory, and copies of them between runs of the program.

// LibraryOptions of a Library. The zero value works.
type LibraryOptions struct {
	MemoryMax int64            // bytes of all books together, about; default BooksMemory, below 0: no bound
	Snapshots ledger.Snapshots // default none: books are folded from the first event whenever they are loaded
	Logger    *slog.Logger     // default none
	Clock     func() time.Time // of the self check's results; default time.Now
}

// BooksMemory is the default of LibraryOptions.MemoryMax: 1 GiB.
const BooksMemory = 1 << 30

const snapshotKind = "book"

// OpenLibrary keeps books read from a source. It reads nothing before it is asked. A book beyond the memory is given up,
// the one not used for longest first; who holds it reads on, as of its last event, and the next to ask gets it anew.
func OpenLibrary(source Source, o LibraryOptions) *Library {
	if o.MemoryMax == 0 {
		o.MemoryMax = BooksMemory
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Library{source: source, options: o, shelves: map[string]*shelf{}}
}

// Bytes estimates the memory the book takes, within about a third, at the cost of a few microseconds to a millisecond.
func (b *Book) Bytes() int64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return snapshot.Size(b)
}

// touch makes a shelf the one used last.
func (l *Library) touch(s *shelf) { s.used.Store(l.clicks.Add(1)) }

// measure notes how much memory the book takes. The shelf's lock is held.
func (s *shelf) measure() {
	s.measured = s.book.Version()
	s.bytes.Store(s.book.Bytes())
}

// grown is called when a resident book has folded events. The shelf's lock is held.
func (l *Library) grown(collective string, s *shelf) {
	if s.bytes.Load() == 0 || s.book.Version() >= 2*s.measured+64 {
		s.measure()
		l.worker.Do("trim", func(context.Context) { l.trim(nil) }) // not here: it locks other shelves
	}
	l.copyIfWorth(collective, s)
}

// reopen gives a book from a copy, or an empty one.
func (l *Library) reopen(ctx context.Context, collective string) *Book {
	if l.options.Snapshots != nil {
		book := new(Book)
		if v := l.options.Snapshots.Load(ctx, snapshotKind, collective, book); v != 0 && book.version == v && book.id == collective {
			return book
		}
	}
	return NewBook(collective)
}

// blames says whether a book that began with a copy has to be read from the first event: what cannot follow a copy may be
// the copy's fault, and the log alone decides. The copy is dropped.
func (l *Library) blames(s *shelf, collective string, err error) bool {
	var damage *eventstore.CorruptError
	var gap *GapError
	if !errors.As(err, &damage) && !errors.As(err, &gap) {
		return false
	}
	l.options.Logger.Error("copy of the books dropped: the log does not follow it", "collective", collective, "version", s.kept.Load(), "error", err)
	l.options.Snapshots.Drop(snapshotKind, collective)
	s.kept.Store(0)
	return true
}

// copyIfWorth has a copy made in the background when enough was folded since the last one. The copy is made of the log, by a
// book of its own, so that no command waits for it. The shelf's lock is held.
func (l *Library) copyIfWorth(collective string, s *shelf) {
	version := s.book.Version()
	if l.options.Snapshots == nil || !snapshot.Worth(s.kept.Load(), version) {
		return
	}
	l.worker.Do(collective, func(ctx context.Context) {
		if !snapshot.Worth(s.kept.Load(), version) {
			return
		}
		book := l.reopen(ctx, collective)
		err := l.readSlowly(ctx, collective, book, version)
		if err == nil {
			err = l.keep(ctx, s, book)
		}
		if err != nil && ctx.Err() == nil {
			l.options.Logger.Warn("book not copied", "collective", collective, "error", err)
		}
	})
}

// readSlowly folds events up to a version, on half of one core.
func (l *Library) readSlowly(ctx context.Context, collective string, book *Book, version uint64) error {
	pacer := new(snapshot.Pacer)
	for e, err := range l.source.Replay(ctx, collective, book.Version()) {
		if err == nil && e.Version > version {
			return nil
		}
		if err == nil {
			err = book.Fold(e)
		}
		if err == nil {
			err = pacer.Step(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keep saves a book that nobody folds into. Readers do not wait for it.
func (l *Library) keep(ctx context.Context, s *shelf, book *Book) error {
	book.mu.RLock()
	defer book.mu.RUnlock()
	s.kept.Store(book.version) // also when it fails: it is tried again when as much was folded again, not at once
	return l.options.Snapshots.Save(ctx, snapshotKind, book.id, book.version, book)
}

// trim gives up the books that were not used for longest until the others fit. The one given stays.
func (l *Library) trim(stays *shelf) {
	if l.options.MemoryMax < 0 {
		return
	}
	var resident []*shelf
	var sum int64
	l.mu.Lock()
	for _, s := range l.shelves {
		if n := s.bytes.Load(); n > 0 {
			resident = append(resident, s)
			sum += n
		}
	}
	l.mu.Unlock()
	if sum <= l.options.MemoryMax {
		return
	}
	slices.SortFunc(resident, func(a, b *shelf) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	for _, s := range resident {
		if sum <= l.options.MemoryMax {
			return
		}
		if s != stays {
			sum -= l.giveUp(s)
		}
	}
}

// giveUp takes a book off its shelf and says how much memory it took. The shelf stays: it knows the newest version heard of.
func (l *Library) giveUp(s *shelf) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.book == nil || s.loading != nil {
		return 0
	}
	book, bytes := s.book, s.bytes.Load()
	s.book = nil
	s.bytes.Store(0)
	if l.options.Snapshots != nil && snapshot.WorthAtEnd(s.kept.Load(), book.Version()) {
		l.worker.Do("leaving "+book.id, func(ctx context.Context) {
			if err := l.keep(ctx, s, book); err != nil && ctx.Err() == nil {
				l.options.Logger.Warn("book not copied", "collective", book.id, "error", err)
			}
		})
	}
	return bytes
}

// Close ends the work in the background and copies the books that have grown. Nothing is observed any more by then; the
// source is still needed.
func (l *Library) Close(ctx context.Context) {
	l.worker.Close()
	if l.options.Snapshots == nil {
		return
	}
	l.mu.Lock()
	shelves := make([]*shelf, 0, len(l.shelves))
	for _, s := range l.shelves {
		shelves = append(shelves, s)
	}
	l.mu.Unlock()
	for _, s := range shelves {
		s.mu.Lock()
		if s.book != nil && s.loading == nil && snapshot.WorthAtEnd(s.kept.Load(), s.book.Version()) {
			if err := l.keep(ctx, s, s.book); err != nil {
				l.options.Logger.Warn("book not copied", "collective", s.book.id, "error", err)
			}
		}
		s.mu.Unlock()
	}
}
