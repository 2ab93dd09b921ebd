package projections

import (
	"cmp"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// States of a dividend run, of its files and of its entitlements.
const (
	RunDeclared  = "declared"
	RunCancelled = "cancelled"

	FileSent     = "sent"
	FileSettled  = "settled"
	FileReversed = "reversed"

	EntitlementOwed      = "owed"
	EntitlementSent      = "sent"
	EntitlementPaid      = "paid"
	EntitlementHeld      = "held"     // owed, and not to be sent on the day asked for
	EntitlementReturned  = "returned" // owed again: the bank sent it back
	EntitlementCancelled = "cancelled"
)

// run is a dividend with its roster and files. It is shown from its declaration on; the roster comes just before.
type run struct {
	fact      *eventv1.DividendDeclared // nil while only its roster is known
	order     *eventv1.DividendOrder    // what was requested
	declared  mark
	cancelled mark
	payees    []uint32 // ascending
	amounts   []int64  // fen, of each payee
	total     ledger.Fen
	files     []*file // by number - 1
	returns   []*payback
}

type file struct {
	sent     *eventv1.DividendFileSent
	payees   []uint32 // ascending
	at       mark     // of sending
	settled  *eventv1.DividendFileSettled
	when     mark  // of settling
	voucher  int32 // row from 1, 0: the bank paid nobody
	paid     ledger.Fen
	reversed mark
}

func (r *run) file(number uint32) *file {
	if number == 0 || int(number) > len(r.files) {
		return nil
	}
	return r.files[number-1]
}

func (b *Book) foldEntitlements(f *eventv1.EntitlementsListed) {
	r := b.runs.byID[f.RunId]
	if r == nil || r.fact != nil {
		r = new(run)
		b.runs.add(f.RunId, r)
	}
	r.payees = append(r.payees, f.Payees...)
	r.amounts = append(r.amounts, f.AmountsFen...)
	for _, amount := range f.AmountsFen {
		r.total += ledger.Fen(amount)
	}
}

func (b *Book) foldDeclared(f *eventv1.DividendDeclared, at mark) {
	r := b.runs.byID[f.RunId]
	r.fact, r.declared = f, at
	r.order = b.requests.items[f.RequestNumber-1].made.GetDividend()
}

func (b *Book) foldFileSent(f *eventv1.DividendFileSent, at mark) {
	r := b.runs.byID[f.RunId]
	payees := f.Payees
	if !slices.IsSorted(payees) {
		payees = slices.Sorted(slices.Values(payees))
	}
	r.files = append(r.files, &file{sent: f, payees: payees, at: at})
}

func (b *Book) foldFileSettled(f *eventv1.DividendFileSettled, at mark, first int, booked bool) {
	r := b.runs.byID[f.RunId]
	s := r.file(f.File)
	s.settled, s.when = f, at
	s.paid = ledger.Fen(s.sent.TotalFen)
	for _, payee := range f.Failed {
		if i, ok := slices.BinarySearch(r.payees, payee); ok {
			s.paid -= ledger.Fen(r.amounts[i])
		}
	}
	if booked {
		s.voucher = int32(first + 1)
	}
}

// turnBackDividend takes the reversal of a run's voucher: of a file, whose payees are owed again, of a return, whose payees
// were paid after all, or of the declaration, which cancels the run.
func (b *Book) turnBackDividend(v *eventv1.Voucher, at mark) {
	r := b.runs.byID[v.DividendRunId]
	switch {
	case v.DividendFile != 0:
		r.file(v.DividendFile).reversed = at
	case v.Ref.GetClass() == ledger.Receipt:
		r.payback(b.journal.find(ledger.RefOf(v.Reverses))).reversed = at
	default:
		r.cancelled = at
	}
}

// state is what is seen of a file; empty while it was not sent.
func (s *file) state(w view) string {
	switch {
	case !w.counts(s.at) && !w.counts(s.when):
		return ""
	case w.counts(s.reversed):
		return FileReversed
	case s.settled != nil && w.counts(s.when):
		return FileSettled
	}
	return FileSent
}

// DividendRun (分红一次) is one dividend and how far it was paid, amounts in fen. Declared = Paid + Owed unless cancelled.
type DividendRun struct {
	*eventv1.DividendDeclared                        // part of an event: must not be changed
	Order                     *eventv1.DividendOrder // what was requested: fund, record date, resolution, narration
	State                     string                 // RunDeclared or RunCancelled
	Declared                  ledger.Fen
	DeclaredOn                ledger.Day
	Paid, Owed                ledger.Fen
	PaidCount                 int // payees paid
	Files                     []DividendFile
	Returns                   []DividendReturn
}

// DividendFile is one payout file.
type DividendFile struct {
	*eventv1.DividendFileSent                   // number, money account, payees, control total; must not be changed
	State                     string            // FileSent, FileSettled or FileReversed
	Paid                      ledger.Fen        // that the bank paid; 0 before it is settled and after it is reversed
	Failed                    []uint32          // payees the bank could not pay; must not be changed
	Voucher                   ledger.VoucherRef // zero when none was booked
}

// Dividends lists the runs declared by the moment, in order of declaration, after the given place, and where to go on
// (0: the end).
func (b *Book) Dividends(after, limit int, m Moment) ([]DividendRun, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.runs.items, after, limit, func(r *run) (DividendRun, bool) {
		if !w.counts(r.declared) {
			return DividendRun{}, false
		}
		return b.dividend(r, w), true
	})
}

func (b *Book) dividend(r *run, w view) DividendRun {
	d := DividendRun{DividendDeclared: r.fact, Order: r.order, State: RunDeclared, Declared: r.total, DeclaredOn: r.declared.day}
	for _, s := range r.files {
		f := DividendFile{DividendFileSent: s.sent, State: s.state(w)}
		if f.State == "" {
			continue
		}
		if f.State != FileSent {
			f.Failed, f.Voucher = s.settled.Failed, b.refAt(s.voucher)
		}
		if f.State == FileSettled {
			f.Paid = s.paid
			d.Paid += s.paid
			d.PaidCount += len(s.payees) - len(s.settled.Failed)
		}
		d.Files = append(d.Files, f)
	}
	for _, p := range r.returns {
		if back, ok := b.dividendReturn(p, w); ok {
			d.Returns = append(d.Returns, back)
			if !back.Reversed {
				d.Paid -= back.Amount
				d.PaidCount -= len(p.fact.Payees)
			}
		}
	}
	d.Owed = d.Declared - d.Paid
	if w.counts(r.cancelled) {
		d.State, d.Owed = RunCancelled, 0
	}
	return d
}

// Entitlement is what one payee of a dividend gets.
type Entitlement struct {
	Payee  uint32 // member or household number
	Amount ledger.Fen
	State  string // EntitlementOwed, EntitlementSent, EntitlementPaid, EntitlementHeld, EntitlementReturned or EntitlementCancelled
	File   uint32 // that paid it or is to pay it; 0 while owed
	Hold   uint32 // number of the hold when held, else 0
	Shares uint64 // it was dealt by, with the basis share; else 0
}

// lastRun is the run with an id; a cancelled run's id may have been used again, and the last one counts. nil for none.
func (b *Book) lastRun(id string, w view) (last *run) {
	for _, r := range b.runs.items {
		if r.fact != nil && r.fact.RunId == id && w.counts(r.declared) {
			last = r
		}
	}
	return last
}

// Entitlements gives a page of a run's roster, by line, after the given line, and where to go on (0: the end); holds are those
// of the given day. ok is false when no such run was declared by the moment.
func (b *Book) Entitlements(runID string, on ledger.Day, after, limit int, m Moment) (lines []Entitlement, next int, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	r := b.lastRun(runID, w)
	if r == nil {
		return nil, 0, false
	}
	from := min(max(after, 0), len(r.payees))
	to := min(from+page(limit), len(r.payees))
	if next = to; to == len(r.payees) {
		next = 0
	}
	lines = r.entitlements(from, to, w)
	if r.fact.Basis == eventv1.DividendBasis_DIVIDEND_BASIS_SHARE {
		for i := range lines {
			lines[i].Shares = b.charter.sharesOn(lines[i].Payee, ledger.Day(r.order.GetRecordDate()), r.declared.version)
		}
	}
	markHeld(lines, b.held(eventv1.Benefit_BENEFIT_DIVIDEND, r.fact.Basis == eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD, on, w))
	return lines, next, true
}

// entitlements gives lines from (counted from 0) up to, not including, to.
func (r *run) entitlements(from, to int, w view) []Entitlement {
	list := make([]Entitlement, to-from)
	cancelled := w.counts(r.cancelled)
	for i := range list {
		list[i] = Entitlement{Payee: r.payees[from+i], Amount: ledger.Fen(r.amounts[from+i]), State: EntitlementOwed}
		if cancelled {
			list[i].State = EntitlementCancelled
		}
	}
	if cancelled {
		return list
	}
	returned := r.returned(list, w)
	for _, s := range r.files {
		state := s.state(w)
		if state != FileSent && state != FileSettled {
			continue
		}
		s.mark(list, state, returned)
	}
	return list
}

// mark shows on the lines of a page what a file does for them, but not what came back. Both are in ascending order of payees.
func (s *file) mark(page []Entitlement, state string, returned map[paidBy]bool) {
	if len(page) == 0 {
		return
	}
	first, _ := slices.BinarySearch(s.payees, page[0].Payee)
	for _, payee := range s.payees[first:] {
		i, ok := slices.BinarySearchFunc(page, payee, func(e Entitlement, payee uint32) int { return cmp.Compare(e.Payee, payee) })
		if i == len(page) {
			return
		}
		if !ok || state == FileSettled && (slices.Contains(s.settled.Failed, payee) || returned[paidBy{s.sent.File, payee}]) {
			continue
		}
		if state == FileSent && page[i].State == EntitlementPaid {
			continue // sent again after a return or reversal that does not count yet
		}
		page[i].File = s.sent.File
		if page[i].State = EntitlementSent; state == FileSettled {
			page[i].State = EntitlementPaid
		}
	}
}
