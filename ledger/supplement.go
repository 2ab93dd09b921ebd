package ledger

import (
	"math"
	"math/bits"
	"slices"
	"strconv"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about supplementary runs (补发): a dividend for payees that an earlier run left out, at that run's rate. It is
// asked for, reviewed and declared like any dividend; a roster that was declared never changes.

// onlyMax is how many payees a supplementary run may name.
const onlyMax = 1000

// supplementForm completes the order of a supplementary run: fund, basis and record date of the run it supplements, which
// stands and supplements none itself; everybody gets that run's rate, which of an exact run is the smaller amount.
func (d *decision) supplementForm(c *RequestDividend, o *eventv1.DividendOrder) error {
	if c.Supplements == "" {
		if len(c.Only) > 0 {
			return refuse(FieldInvalid).because("only a supplementary run names its payees", "只有补发才列出领取人").at("only")
		}
		return nil
	}
	first := d.s.runs[c.Supplements]
	switch {
	case first == nil || first.dead:
		return refuse(RunUnknown).with("run", clip(c.Supplements)).at("supplements")
	case first.order.Supplements != "":
		return refuse(FieldInvalid).because("it is a supplement itself; name the run "+first.order.Supplements, "它本身是补发,请写明 "+first.order.Supplements).at("supplements")
	case c.Fund != first.order.Fund:
		return sameAsFirst("fund", first.order.Fund)
	case c.Basis != 0 && c.Basis != first.order.Basis:
		return sameAsFirst("basis", plain(first.order.Basis.String(), "DIVIDEND_BASIS_"))
	case int32(c.RecordDate) != first.order.RecordDate:
		return sameAsFirst("record_date", Day(first.order.RecordDate).String())
	case o.Method != eventv1.DividendMethod_DIVIDEND_METHOD_EQUAL:
		return refuse(FieldInvalid).because("a supplement gives everybody the same rate", "补发每份金额相同").at("method")
	case len(c.Only) > onlyMax:
		return refuse(TooMany).with("what", "payees").with("max", onlyMax).with("count", len(c.Only)).at("only")
	}
	o.Basis, o.Supplements, o.Only = first.order.Basis, c.Supplements, slices.Sorted(slices.Values(c.Only))
	for i, p := range o.Only[min(1, len(o.Only)):] {
		if p == o.Only[i] {
			return refuse(RepeatedEntry).with("entry", p).at("only")
		}
	}
	return nil
}

func sameAsFirst(field, want string) error {
	return refuse(FieldInvalid).because("a supplement has the "+field+" of its run: "+want, "补发应与原分红一致:"+want).at(field)
}

// leftOut says whether a supplementary run is for a payee of its roster: one of those it names, in no standing run yet.
func (s *Collective) leftOut(o *eventv1.DividendOrder, payee uint32) bool {
	if len(o.Only) > 0 {
		if _, named := slices.BinarySearch(o.Only, payee); !named {
			return false
		}
	}
	first := s.runs[o.Supplements]
	return first != nil && !first.covers(payee)
}

// covers says whether a payee has a line in the run or in a standing supplement to it.
func (r *run) covers(payee uint32) bool {
	if _, ok := r.lineOf(payee); ok {
		return true
	}
	return slices.ContainsFunc(r.supplements, func(s *run) bool {
		_, ok := s.lineOf(payee)
		return ok && !s.dead
	})
}

// dealSupplement gives everybody who was left out the rate of the first run; the pool is exactly what that takes.
func (d *decision) dealSupplement(o *eventv1.DividendOrder) (dealt, error) {
	first := d.s.runs[o.Supplements]
	if first == nil || first.dead {
		return dealt{}, refuse(RunUnknown).with("run", o.Supplements).at("supplements")
	}
	for _, p := range o.Only {
		if first.covers(p) {
			return dealt{}, refuse(PayeeHasShare).with("payee", p).with("run", o.Supplements).at("only")
		}
	}
	payees, shares := d.s.entitled(o)
	for _, p := range o.Only {
		if _, ok := slices.BinarySearch(payees, p); !ok {
			return dealt{}, refuse(PayeeUnknown).with("payee", p).with("run", o.Supplements).with("date", Day(o.RecordDate)).at("only")
		}
	}
	out := dealt{payees: payees, rate: Fen(first.order.RateFen), shares: sum(shares)}
	if len(payees) == 0 {
		return dealt{}, refuse(RosterEmpty).with("date", Day(o.RecordDate)).at("supplements")
	}
	if n := len(payees); n > payeesMax {
		return dealt{}, refuse(TooMany).with("what", "payees").with("max", payeesMax).with("count", n)
	}
	if high, low := bits.Mul64(uint64(out.rate), out.shares); high > 0 || low > math.MaxInt64 {
		return dealt{}, refuse(TooMany).with("what", "shares").with("max", int64(math.MaxInt64/out.rate)).with("count", out.shares).at("supplements")
	}
	out.dealEqual(shares)
	if pool := Fen(o.PoolFen); pool != out.declared {
		return dealt{}, refuse(SupplementPool).with("run", o.Supplements).with("shares", out.shares).with("rate", out.rate).with("due", out.declared).with("pool", pool).at("pool")
	}
	return out, nil
}

// putSupplement adds what a supplementary run has besides to the text that approvals bind to.
func putSupplement(l *orderLines, o *eventv1.DividendOrder) {
	if o.Supplements == "" {
		return
	}
	l.put("supplements", o.Supplements)
	for _, p := range o.Only {
		l.put("only", strconv.FormatUint(uint64(p), 10))
	}
}
