package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// SelfCheck is the result of folding one collective's books anew and comparing them with those in use and with their copy.
type SelfCheck struct {
	Collective string
	At         time.Time // when it ended, UTC
	Version    uint64    // at which they were compared
	OK         bool
	Differs    []string // of "books in use" and "copy"; empty when OK
	Compared   []string // of the same
}

// What a self check compares with books folded from the first event.
const (
	BooksInUse = "books in use"
	BooksCopy  = "copy"
)

// checks are the last results, by collective.
type checks struct {
	mu   sync.Mutex
	last map[string]SelfCheck
}

// LastCheck gives the last result of a collective; ok is false when there is none since the program began.
func (l *Library) LastCheck(collective string) (c SelfCheck, ok bool) {
	l.checks.mu.Lock()
	defer l.checks.mu.Unlock()
	c, ok = l.checks.last[collective]
	return c, ok
}

// LastChecks lists the last result of every collective that was checked, in order of their ids.
func (l *Library) LastChecks() []SelfCheck {
	l.checks.mu.Lock()
	defer l.checks.mu.Unlock()
	list := make([]SelfCheck, 0, len(l.checks.last))
	for _, c := range l.checks.last {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b SelfCheck) int { return strings.Compare(a.Collective, b.Collective) })
	return list
}

// checkTriesMax bounds how often a fresh book runs after one in use that goes on meanwhile.
const checkTriesMax = 10

// Check folds a collective's books from the first event on, slowly, and compares their digest with that of the books in
// use, if they are in memory, and of their copy, if there is one (M14). What differs is told to the logger, dropped, and made
// anew from the log when it is next asked for. The result is kept for LastCheck.
//
// Errors: as of Book; the log being damaged is not for this check to tell, and leaves the last result.
func (l *Library) Check(ctx context.Context, collective string) (SelfCheck, error) {
	c := SelfCheck{Collective: collective}
	copied := l.reopen(ctx, collective)
	fresh := NewBook(collective)
	if err := l.catchUp(ctx, collective, fresh); err != nil {
		return c, fmt.Errorf("check the books of %s: %w", collective, err)
	}
	if fresh.Version() == 0 {
		return c, fmt.Errorf("check the books of %s: %w", collective, &ErrBehind{0, 1})
	}
	if copied.Version() > 0 {
		same, err := l.sameCopy(ctx, collective, copied, fresh)
		if err != nil {
			return c, err
		}
		if c.note(BooksCopy, same); !same {
			l.options.Snapshots.Drop(snapshotKind, collective)
		}
	}
	if err := l.checkInUse(ctx, collective, fresh, &c); err != nil {
		return c, err
	}
	c.Version, c.At, c.OK = fresh.Version(), l.options.Clock().UTC(), len(c.Differs) == 0
	if !c.OK {
		l.options.Logger.Error("the books differ from books folded anew, and are dropped", "collective", collective, "version", c.Version, "what", c.Differs)
	}
	l.checks.mu.Lock()
	defer l.checks.mu.Unlock()
	if l.checks.last == nil {
		l.checks.last = map[string]SelfCheck{}
	}
	l.checks.last[collective] = c
	return c, nil
}

func (c *SelfCheck) note(what string, same bool) {
	c.Compared = append(c.Compared, what)
	if !same {
		c.Differs = append(c.Differs, what)
	}
}

// catchUp folds what the stream has beyond the book, on half of one core.
func (l *Library) catchUp(ctx context.Context, collective string, book *Book) error {
	return l.readSlowly(ctx, collective, book, ^uint64(0))
}

// sameCopy brings the copy to the version of the fresh book and compares.
func (l *Library) sameCopy(ctx context.Context, collective string, copied, fresh *Book) (bool, error) {
	err := l.readSlowly(ctx, collective, copied, fresh.Version())
	var damage *eventstore.CorruptError
	var gap *GapError
	if errors.As(err, &damage) || errors.As(err, &gap) {
		return false, nil // what follows from the first event does not follow the copy
	}
	if err != nil {
		return false, fmt.Errorf("check the copy of the books of %s: %w", collective, err)
	}
	return copied.Digest() == fresh.Digest(), nil
}

// checkInUse compares the resident book at a version both have, and takes it off its shelf when it differs.
func (l *Library) checkInUse(ctx context.Context, collective string, fresh *Book, c *SelfCheck) error {
	s := l.shelf(collective)
	for range checkTriesMax {
		s.mu.Lock()
		book := s.book
		s.mu.Unlock()
		if book == nil {
			return nil
		}
		if fresh.Version() < book.Version() {
			if err := l.catchUp(ctx, collective, fresh); err != nil {
				return fmt.Errorf("check the books of %s: %w", collective, err)
			}
		}
		digest, version := book.digest()
		if version != fresh.Version() {
			continue
		}
		same := digest == fresh.Digest()
		c.note(BooksInUse, same)
		if !same {
			l.remove(s, book)
		}
		return nil
	}
	return nil // it grows faster than it can be checked: another time
}

// remove takes a book off its shelf when it is still there.
func (l *Library) remove(s *shelf, book *Book) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.book == book && s.loading == nil {
		s.book = nil
		s.bytes.Store(0)
	}
}
