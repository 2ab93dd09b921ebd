package projections

import (
	"cmp"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Round (发放) is a grant round or a dividend: exactly one of Grant and Run is set.
type Round struct {
	Grant     *GrantRound
	Run       *DividendRun
	OpenedOn  ledger.Day
	Voucher   ledger.VoucherRef       // that awarded or declared it; zero before
	Disclosed *eventv1.RoundDisclosed // its last disclosure; nil while there is none; must not be changed
	Published uint64                  // version of that disclosure's event
}

// Rounds lists grant rounds and dividends by the moment, the last opened or declared first, after the first `after` of that list,
// and where to go on (0: the end).
func (b *Book) Rounds(after, limit int, m Moment) (list []Round, next int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	type item struct {
		opened mark
		show   func(*Round)
	}
	var items []item
	for _, r := range b.rounds.items {
		if w.counts(r.mark) {
			items = append(items, item{r.mark, func(shown *Round) {
				g := b.grantRound(r, w)
				shown.Grant = &g
				if reached, ok := w.last(r.steps); ok && reached.state == RoundAwarded {
					shown.Voucher = b.bookedBy(reached.version)
				}
				shown.Disclosed, shown.Published = b.disclosedBy(w, func(d *disclosure) bool {
					return d.fact.Kind == eventv1.RoundKind_ROUND_KIND_GRANT && d.fact.Id == r.opened.Id
				})
			}})
		}
	}
	for i, r := range b.runs.items {
		if w.counts(r.declared) {
			items = append(items, item{r.declared, func(shown *Round) {
				d := b.dividend(r, w)
				shown.Run, shown.Voucher = &d, b.bookedBy(r.declared.version)
				shown.Disclosed, shown.Published = b.disclosedBy(w, func(d *disclosure) bool {
					return d.fact.Kind == eventv1.RoundKind_ROUND_KIND_DIVIDEND && d.run == i
				})
			}})
		}
	}
	slices.SortFunc(items, func(x, y item) int { return cmp.Compare(y.opened.version, x.opened.version) })
	items = items[min(max(after, 0), len(items)):]
	if limit = page(limit); len(items) > limit {
		items, next = items[:limit], after+limit
	}
	for _, one := range items {
		shown := Round{OpenedOn: one.opened.day}
		one.show(&shown)
		list = append(list, shown)
	}
	return list, next
}

// bookedBy names the first voucher of an event; zero for none.
func (b *Book) bookedBy(version uint64) ledger.VoucherRef {
	if row := b.firstRow(version); row < b.journal.rows.n && b.journal.rows.at(row).version == version {
		return b.refAt(int32(row + 1))
	}
	return ledger.VoucherRef{}
}

// disclosedBy is the last disclosure that is about a round and counts in a view.
func (b *Book) disclosedBy(w view, about func(*disclosure) bool) (*eventv1.RoundDisclosed, uint64) {
	for _, d := range slices.Backward(b.disclosures) {
		on := ledger.DayOf(instant(*b.recorded.at(int(d.version - 1))), b.zone)
		if about(d) && w.counts(mark{d.version, on}) {
			return d.fact, d.version
		}
	}
	return nil, 0
}
