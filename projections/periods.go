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
