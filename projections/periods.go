package projections

import (
	"time"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// ClosedPeriod (结账) is a month that was closed.
type ClosedPeriod struct {
	Month    ledger.Month
	Version  uint64    // of the event that closed it
	ClosedAt time.Time // when that was recorded, UTC
}

// ClosedPeriods lists the months closed by the moment, in order.
func (b *Book) ClosedPeriods(m Moment) []ClosedPeriod {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var list []ClosedPeriod
	for _, p := range b.charter.closed {
		if p.version <= w.version {
			list = append(list, ClosedPeriod{p.month, p.version, instant(*b.recorded.at(int(p.version - 1)))})
		}
	}
	return list
}

// LastDay is the day on which the last event known at the moment was recorded, in the collective's zone; 0 when there is none.
func (b *Book) LastDay(m Moment) ledger.Day {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	if w.version == 0 || b.charter.founded == nil {
		return 0
	}
	zone, err := time.LoadLocation(b.charter.founded.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return ledger.DayOf(instant(*b.recorded.at(int(w.version - 1))), zone)
}
