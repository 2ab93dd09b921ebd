package projections

import (
	"fmt"
	"slices"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// reviews are the supervisors' reviews of closed months, in the order of the log.
type reviews struct {
	list      []*review
	byVoucher map[int32][]wordOn // row from 1 -> what reviews say of it, in the order of the log
}

type (
	review struct {
		fact     *eventv1.PeriodReviewed
		version  uint64
		actor    int32  // who reviewed, a number into Book.names
		replaced uint64 // version of the same supervisor's next review of the month, 0 while this one stands
	}
	wordOn struct {
		review *review
		item   *eventv1.ReviewItem
	}
)

// stands says whether a review is its supervisor's last word on the month.
func (w view) stands(r *review) bool {
	return r.version <= w.version && (r.replaced == 0 || r.replaced > w.version)
}

func (b *Book) foldReview(e *eventv1.Event) {
	f := e.GetPeriodReviewed()
	if f == nil {
		return
	}
	if b.reviews.byVoucher == nil {
		b.reviews.byVoucher = map[int32][]wordOn{}
	}
	r := &review{fact: f, version: e.Version, actor: b.names.id(e.Actor)}
	for _, old := range b.reviews.list {
		if old.replaced == 0 && old.actor == r.actor && old.fact.Month == f.Month {
			old.replaced = e.Version
		}
	}
	b.reviews.list = append(b.reviews.list, r)
	for _, item := range f.Items {
		place := b.journal.find(ledger.RefOf(item.Voucher))
		b.reviews.byVoucher[place] = append(b.reviews.byVoucher[place], wordOn{r, item})
	}
}

// checkReview holds that a review is about a closed month and about vouchers that exist.
func (b *Book) checkReview(f *eventv1.PeriodReviewed) string {
	if !slices.ContainsFunc(b.charter.closed, func(c closing) bool { return int32(c.month) == f.Month }) {
		return fmt.Sprintf("it reviews %v, which is not closed", ledger.Month(f.Month))
	}
	for _, item := range f.Items {
		if b.journal.find(ledger.RefOf(item.Voucher)) == 0 {
			return fmt.Sprintf("it reviews the unknown voucher %v", ledger.RefOf(item.Voucher))
		}
	}
	return ""
}

// VoucherReview is a supervisor's standing word on one voucher: refused or remarked.
type VoucherReview struct {
	Verdict eventv1.Verdict
	Remark  string
}

// wordsOn lists what standing reviews say of the row counted from 1, nil for nothing.
func (b *Book) wordsOn(place int32, w view) (list []VoucherReview) {
	for _, word := range b.reviews.byVoucher[place] {
		if w.stands(word.review) {
			list = append(list, VoucherReview{word.item.Verdict, word.item.Remark})
		}
	}
	return list
}

// PeriodReview (监督审查) is a closed month and what supervisors say of it.
type PeriodReview struct {
	Month                     ledger.Month
	Statement                 []byte // digest of the statement of its closing; must not be changed
	Signed, Refused, Remarked int    // standing reviews by their verdict
	Reviews                   []SupervisorReview
}

// SupervisorReview is one supervisor's standing review. The message is part of an event and must not be changed.
type SupervisorReview struct {
	*eventv1.PeriodReviewed
	Supervisor string    // operator id
	ReviewedAt time.Time // UTC
	Version    uint64
}

// PeriodReviews lists the months closed by the moment, in the order of closing, after the first `after` of them, each with the
// reviews that stood then, and where to go on (0: the end). Months that nobody reviewed are listed too.
func (b *Book) PeriodReviews(after, limit int, m Moment) ([]PeriodReview, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	closed := make([]*closing, len(b.charter.closed))
	for i := range b.charter.closed {
		closed[i] = &b.charter.closed[i]
	}
	return list(closed, after, limit, func(c *closing) (PeriodReview, bool) {
		if c.version > w.version {
			return PeriodReview{}, false
		}
		return b.periodReview(c, w), true
	})
}

func (b *Book) periodReview(c *closing, w view) PeriodReview {
	p := PeriodReview{Month: c.month, Statement: c.statement}
	for _, r := range b.reviews.list {
		if ledger.Month(r.fact.Month) != c.month || !w.stands(r) {
			continue
		}
		switch r.fact.Verdict {
		case eventv1.Verdict_VERDICT_SIGNED:
			p.Signed++
		case eventv1.Verdict_VERDICT_REFUSED:
			p.Refused++
		case eventv1.Verdict_VERDICT_REMARKED:
			p.Remarked++
		}
		p.Reviews = append(p.Reviews, SupervisorReview{r.fact, b.names.texts[r.actor], instant(*b.recorded.at(int(r.version - 1))), r.version})
	}
	return p
}
