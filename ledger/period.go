package ledger

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// A month closes after its last day, in order, none skipped, and for good (M19; 财会〔2024〕12号 art. 24). Only a correction that is
// asked for with a day inside it stands in the way. The fact keeps the trial balance of the month and its digest.
func (c *ClosePeriod) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if !c.Month.First().Valid() {
		return refuse(DateInvalid).with("date", c.Month).at("month")
	}
	next := d.s.FirstOpenDay().Month()
	switch {
	case c.Month < next:
		return refuse(PeriodClosed).with("month", c.Month).with("first_open", d.s.FirstOpenDay()).at("month")
	case c.Month > next:
		return refuse(PeriodOutOfOrder).with("month", c.Month).with("next", next).at("month")
	case d.today <= c.Month.Last():
		return refuse(PeriodNotOver).with("month", c.Month).with("today", d.today).at("month")
	}
	for _, number := range slices.Sorted(maps.Keys(d.s.requests)) {
		if r := d.s.requests[number]; Day(r.fact.GetCorrection().GetOccurredOn()).Month() == c.Month && !r.lapsed(d.today) {
			return refuse(PeriodCorrection).with("month", c.Month).with("request", number).at("month")
		}
	}
	totals := d.s.totals(c.Month)
	digest := sha256.Sum256([]byte(StatementText(d.s.charter.CollectiveId, c.Month, totals)))
	d.emit(&eventv1.Event{Fact: &eventv1.Event_PeriodClosed{PeriodClosed: &eventv1.PeriodClosed{
		Month: int32(c.Month), Totals: totals, StatementSha256: digest[:]}}})
	return nil
}

// totals is the trial balance of a month: every account that ever moved, in order of its path.
func (s *Collective) totals(m Month) []*eventv1.AccountTotal {
	var out []*eventv1.AccountTotal
	for _, a := range slices.Sorted(maps.Keys(s.accounts)) {
		acc := s.accounts[a]
		t := &eventv1.AccountTotal{Account: string(a), OpeningFen: int64(acc.At(m.First().Add(-1))), ClosingFen: int64(acc.At(m.Last()))}
		if moved := s.turnover[m][a]; moved != nil {
			t.DebitFen, t.CreditFen = int64(moved.debit), int64(moved.credit)
		}
		out = append(out, t)
	}
	return out
}

// StatementText is the text a closed month's digest covers: "mingzhang/statement@v1", the collective, the month, then one
// line an account: path, opening, debits, credits, closing, in yuan, separated by single spaces. Every line ends with \n.
func StatementText(collective string, m Month, totals []*eventv1.AccountTotal) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mingzhang/statement@v1\n%s\n%v\n", collective, m)
	for _, t := range totals {
		fmt.Fprintf(&b, "%s %v %v %v %v\n", t.Account, Fen(t.OpeningFen), Fen(t.DebitFen), Fen(t.CreditFen), Fen(t.ClosingFen))
	}
	return b.String()
}
