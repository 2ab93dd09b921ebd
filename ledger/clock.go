package ledger

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// clockApartMax keeps any two nodes that pass within clockSlackMax of each other, which Decide forgives.
	clockApartMax   = clockSlackMax / 2
	clockApartEvery = 30 * time.Second
	clockApartAgain = 2 * time.Second // when the store did not tell its time
	clockApartWait  = time.Second
)

// apart compares the clock of this process with the store's now and then.
type apart struct {
	ask func(context.Context) (time.Time, error) // nil: there is nothing to compare with

	asking  sync.Mutex
	due     atomic.Int64 // when to ask again, in nanoseconds since begun; 0 before the first time
	refusal atomic.Pointer[Refusal]
}

// begun is what due counts from: by a clock that nobody sets.
var begun = time.Now()

// check refuses with clock_apart. A store that does not tell its time changes nothing: what was known stays.
func (a *apart) check(ctx context.Context, clock func() time.Time) error {
	if a.ask == nil {
		return nil
	}
	if due := a.due.Load(); due == 0 {
		a.compare(ctx, clock) // nothing is decided before the first comparison, if the store tells its time
	} else if time.Since(begun) > time.Duration(due) && a.asking.TryLock() {
		a.asking.Unlock()
		a.compare(ctx, clock)
	}
	if r := a.refusal.Load(); r != nil {
		return r
	}
	return nil
}

func (a *apart) compare(ctx context.Context, clock func() time.Time) {
	a.asking.Lock()
	defer a.asking.Unlock()
	if due := a.due.Load(); due != 0 && time.Since(begun) <= time.Duration(due) {
		return // somebody else just did
	}
	ctx, cancel := context.WithTimeout(ctx, clockApartWait)
	defer cancel()
	there, err := a.ask(ctx)
	if err != nil { // the store is away, or this caller is: the next that can will ask soon
		a.due.Store(int64(time.Since(begun) + clockApartAgain))
		return
	}
	a.due.Store(int64(time.Since(begun) + clockApartEvery))
	here := clock()
	if here.Sub(there).Abs() <= clockApartMax {
		a.refusal.Store(nil)
		return
	}
	a.refusal.Store(refuse(ClockApart).with("now", here.UTC().Format(time.RFC3339)).with("store", there.UTC().Format(time.RFC3339)))
}

// ClockApart says whether commands are refused because the clock is too far from the store's; it asks the store when the last answer
// is older than half a minute.
func (s *Service) ClockApart(ctx context.Context) bool { return s.apart.check(ctx, s.clock) != nil }
