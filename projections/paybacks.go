package projections

import (
	"cmp"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// payback is money of a dividend that the bank sent back.
type payback struct {
	fact     *eventv1.DividendReturned
	files    []uint32 // that had paid each payee
	when     mark
	voucher  int32 // row from 1
	amount   ledger.Fen
	reversed mark
}

// paidBy is one payment to one payee of a run.
type paidBy struct{ file, payee uint32 }

// paidIn gives the file that paid a payee and was not taken back since, 0 for none.
func (r *run) paidIn(payee uint32) uint32 {
	for _, s := range r.files {
		if s.settled == nil || s.reversed.version != 0 || slices.Contains(s.settled.Failed, payee) {
			continue
		}
		if _, in := slices.BinarySearch(s.payees, payee); in && !r.cameBack(paidBy{s.sent.File, payee}) {
			return s.sent.File
		}
	}
	return 0
}

// cameBack says whether a payment came back, by a return that stands.
func (r *run) cameBack(payment paidBy) bool {
	return slices.ContainsFunc(r.returns, func(p *payback) bool {
		i, in := slices.BinarySearch(p.fact.Payees, payment.payee)
		return in && p.files[i] == payment.file && p.reversed.version == 0
	})
}

// payback finds a return by the row of its voucher.
func (r *run) payback(voucher int32) *payback {
	for _, p := range r.returns {
		if p.voucher == voucher {
			return p
		}
	}
	return nil
}

// checkReturned holds that money comes back only of those who were paid.
func (b *Book) checkReturned(f *eventv1.DividendReturned, booked bool) string {
	r := b.runs.byID[f.RunId]
	if r == nil || r.fact == nil || !booked || !ascending(0, f.Payees) {
		return "it returns money of dividend " + f.RunId + " that was not paid"
	}
	for _, p := range f.Payees {
		if r.paidIn(p) == 0 {
			return "it returns money of dividend " + f.RunId + " to somebody who was not paid"
		}
	}
	return ""
}

func (b *Book) foldReturned(f *eventv1.DividendReturned, at mark, first int) {
	r := b.runs.byID[f.RunId]
	p := &payback{fact: f, when: at, voucher: int32(first + 1), files: make([]uint32, len(f.Payees))}
	for k, payee := range f.Payees {
		p.files[k] = r.paidIn(payee)
		if i, ok := slices.BinarySearch(r.payees, payee); ok {
			p.amount += ledger.Fen(r.amounts[i])
		}
	}
	r.returns = append(r.returns, p)
}

// returned shows on a page who is owed again, and lists the payments that came back.
func (r *run) returned(page []Entitlement, w view) map[paidBy]bool {
	payments := map[paidBy]bool{}
	for _, p := range r.returns {
		if !w.counts(p.when) || w.counts(p.reversed) {
			continue
		}
		for k, payee := range p.fact.Payees {
			payments[paidBy{p.files[k], payee}] = true
			if i, ok := slices.BinarySearchFunc(page, payee, func(e Entitlement, payee uint32) int { return cmp.Compare(e.Payee, payee) }); ok {
				page[i].State = EntitlementReturned
			}
		}
	}
	return payments
}

// DividendReturn is money of a run that the bank sent back.
type DividendReturn struct {
	*eventv1.DividendReturned            // payees and money account; must not be changed
	Amount                    ledger.Fen // fen
	On                        ledger.Day
	Voucher                   ledger.VoucherRef
	Reversed                  bool // its voucher was turned back: they were paid after all
}

func (b *Book) dividendReturn(p *payback, w view) (DividendReturn, bool) {
	return DividendReturn{p.fact, p.amount, p.when.day, b.refAt(p.voucher), w.counts(p.reversed)}, w.counts(p.when)
}
