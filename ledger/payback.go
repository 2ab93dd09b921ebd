package ledger

import (
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about paid dividends that the bank sends back (退票): the money is there again, and the payees are owed again.

// RecordReturnedDividend records what the bank paid of a dividend and sent back later.
type RecordReturnedDividend struct {
	Run    string
	Payees []uint32
	On     Day
	Money  string
}

// Name is the method's name.
func (*RecordReturnedDividend) Name() string { return "RecordReturnedDividend" }

// payoutReturn is money of a dividend that came back.
type payoutReturn struct {
	payees []uint32 // ascending
	files  []uint32 // that had paid each
	booked rest     // its voucher
	turned bool     // that was turned back: they are paid after all
}

// Money comes back of payees whose file is settled and who were paid in it, on that day or later. It is booked as a receipt;
// whoever it belonged to is owed again and can be sent again.
func (c *RecordReturnedDividend) decide(d *decision) error {
	r, err := d.findRun(c.Run)
	if err != nil {
		return err
	}
	if n := len(c.Payees); n == 0 || n > fileMax {
		return refuse(TooMany).with("what", "payees").with("max", fileMax).with("count", n).at("payees")
	}
	to, err := d.moneyAccount("money_account", c.Money)
	if err != nil {
		return err
	}
	if err := d.voucherDay("occurred_on", c.On); err != nil {
		return err
	}
	payees := slices.Sorted(slices.Values(c.Payees))
	var total Fen
	for k, p := range payees {
		if k > 0 && payees[k-1] == p {
			return refuse(RepeatedEntry).with("entry", p).at("payees")
		}
		i, ok := r.lineOf(p)
		if !ok || r.paid[i] == 0 || !r.files[r.paid[i]-1].settled {
			return refuse(PayeeNotPaid).with("payee", p).with("run", c.Run).at("payees")
		}
		if err := r.files[r.paid[i]-1].booked.before(c.On); err != nil {
			return err
		}
		total += r.amounts[i]
	}
	d.book(Receipt, c.On, &eventv1.Voucher{Narration: "分红 " + c.Run + " 退回", DividendRunId: c.Run,
		Postings: []*eventv1.Posting{line(to, total), line(PayableDividend, -total)}})
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_DividendReturned{DividendReturned: &eventv1.DividendReturned{RunId: c.Run, Payees: payees, MoneyAccount: c.Money}}})
	return nil
}

// giveBack makes payees owed again and keeps which files had paid them.
func (r *run) giveBack(f *eventv1.DividendReturned, booked rest) {
	back := &payoutReturn{payees: f.Payees, files: make([]uint32, len(f.Payees)), booked: booked}
	for k, p := range f.Payees {
		if i, ok := r.lineOf(p); ok {
			back.files[k], r.paid[i] = r.paid[i], 0
		}
	}
	r.returns = append(r.returns, back)
}

// paidAgain says whether a file pays somebody whose money had come back here.
func (b *payoutReturn) paidAgain(payees []uint32, failed map[uint32]bool) bool {
	return !b.turned && slices.ContainsFunc(b.payees, func(p uint32) bool {
		_, in := slices.BinarySearch(payees, p)
		return in && !failed[p]
	})
}

// undoDividend takes back what a reversed voucher of a dividend did. The voucher's class tells a file's payment, a return and
// the declaration apart.
func (s *Collective) undoDividend(r *run, v *eventv1.Voucher) {
	switch {
	case v.DividendFile != 0:
		for i, file := range r.paid {
			if file == v.DividendFile {
				r.paid[i] = 0
			}
		}
	case RefOf(v.Ref).Class == Receipt:
		r.takeBack(RefOf(v.Reverses))
	default:
		r.dead = true
		s.takers = slices.DeleteFunc(s.takers, func(t taker) bool { return t.run == r })
	}
}

// takeBack makes the payees of a return paid again.
func (r *run) takeBack(voucher VoucherRef) {
	for _, back := range r.returns {
		if back.booked.ref != voucher {
			continue
		}
		back.turned = true
		for k, p := range back.payees {
			if i, ok := r.lineOf(p); ok {
				r.paid[i] = back.files[k]
			}
		}
	}
}

// dividendRests refuses to turn back what rests under a later fact: a declaration with a file or a supplement, a file of which
// money came back, a return whose payees were sent again.
func (d *decision) dividendRests(field string, v *eventv1.Voucher) error {
	r := d.s.runs[v.DividendRunId]
	if r == nil {
		return nil
	}
	english, chinese := "", ""
	switch {
	case v.DividendFile != 0:
		if back := r.returnOf(func(b *payoutReturn) bool { return slices.Contains(b.files, v.DividendFile) }); back != nil {
			english, chinese = "some of it came back with "+back.booked.ref.String()+"; turn that back first", "其中有款项已由 "+back.booked.ref.String()+" 退回,请先冲销后者"
		}
	case RefOf(v.Ref).Class == Receipt:
		if r.returnOf(func(b *payoutReturn) bool { return b.booked.ref == RefOf(v.Ref) && r.sentAgain(b.payees) }) != nil {
			english, chinese = "somebody whose money came back with it is in a file again", "其中有人已列入新的发放文件"
		}
	case len(r.files) > 0:
		english, chinese = "a payout file of the dividend is sent", "这次分红已有发放文件"
	case slices.ContainsFunc(r.supplements, func(s *run) bool { return !s.dead }):
		english, chinese = "a supplement to the dividend is declared", "这次分红已有补发"
	}
	if english == "" {
		return nil
	}
	return refuse(VoucherNotReversible).with("voucher", RefOf(v.Ref)).because(english, chinese).at(field)
}

// returnOf finds a standing return.
func (r *run) returnOf(is func(*payoutReturn) bool) *payoutReturn {
	for _, b := range r.returns {
		if !b.turned && is(b) {
			return b
		}
	}
	return nil
}

func (r *run) sentAgain(payees []uint32) bool {
	return slices.ContainsFunc(payees, func(p uint32) bool {
		i, ok := r.lineOf(p)
		return ok && r.paid[i] != 0
	})
}
