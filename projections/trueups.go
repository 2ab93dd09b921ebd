package projections

import (
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// bookedTrueUp is a true-up and its vouchers, whose rows follow each other.
type bookedTrueUp struct {
	mark
	fact *eventv1.TrueUpBooked
	rows []int32 // counted from 1
}

func (b *Book) foldTrueUp(f *eventv1.TrueUpBooked, e *eventv1.Event) {
	t := bookedTrueUp{fact: f, mark: mark{e.Version, ledger.Day(e.Vouchers[0].OccurredOn)}}
	for i := range e.Vouchers {
		t.rows = append(t.rows, int32(b.journal.rows.n-len(e.Vouchers)+i+1))
	}
	b.charter.trueUps = append(b.charter.trueUps, t)
}

// TrueUp (年终清算) is the settlement of a year's provisional splits by its net income. The message is part of an event and
// must not be changed.
type TrueUp struct {
	*eventv1.TrueUpBooked
	OccurredOn ledger.Day
	Vouchers   []ledger.VoucherRef
}

// TrueUps lists the true-ups booked by the moment, in order of booking. One that was turned back stays listed; its vouchers
// say so.
func (b *Book) TrueUps(m Moment) []TrueUp {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var list []TrueUp
	for _, t := range b.charter.trueUps {
		if w.counts(t.mark) {
			list = append(list, TrueUp{t.fact, t.day, b.refs(t.rows, w)})
		}
	}
	return list
}
