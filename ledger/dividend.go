package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about dividends (分红): asked for, declared over a roster, paid in files.

// Limits of dividends.
const (
	payeesMax   = 80000 // of one dividend, so that its roster fits into one append
	rosterChunk = 2500  // payees of one event
	fileMax     = 1000  // payees of one payout file, the banks' limit
)

// run is a dividend.
type run struct {
	fund     string   // that bore it
	payees   []uint32 // ascending
	amounts  []Fen
	paid     []uint32 // by payee's line: 0 owed, else the file that is to pay or paid it
	files    []*payoutFile
	declared rest // the voucher of its declaration
	sent     int  // lines up to here have been in a file at least once
	dead     bool // its declaration was turned back
}

type payoutFile struct {
	fact    *eventv1.DividendFileSent
	settled bool
}

func (r *run) lineOf(payee uint32) (int, bool) { return slices.BinarySearch(r.payees, payee) }

func (s *Collective) evolveDividend(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_EntitlementsListed:
		r := s.runs[f.EntitlementsListed.RunId]
		if r == nil || r.dead {
			r = new(run)
			s.runs[f.EntitlementsListed.RunId] = r
		}
		r.payees = append(r.payees, f.EntitlementsListed.Payees...)
		for _, a := range f.EntitlementsListed.AmountsFen {
			r.amounts = append(r.amounts, Fen(a))
		}
		r.paid = append(r.paid, make([]uint32, len(f.EntitlementsListed.Payees))...)
	case *eventv1.Event_DividendDeclared:
		s.runs[f.DividendDeclared.RunId].declared = restOn(e)
		if r := s.runs[f.DividendDeclared.RunId]; r != nil && len(e.Vouchers) > 0 {
			r.fund = fundOf(e.Vouchers[0])
		}
		if f.DividendDeclared.LastTaker != 0 {
			s.lastTaker = f.DividendDeclared.LastTaker
		}
	case *eventv1.Event_DividendFileSent:
		r := s.runs[f.DividendFileSent.RunId]
		r.files = append(r.files, &payoutFile{fact: f.DividendFileSent})
		r.mark(f.DividendFileSent.Payees, f.DividendFileSent.File)
	case *eventv1.Event_DividendFileSettled:
		r := s.runs[f.DividendFileSettled.RunId]
		r.files[f.DividendFileSettled.File-1].settled = true
		r.mark(f.DividendFileSettled.Failed, 0)
	}
}

// mark notes which file pays the payees, 0 when none does.
func (r *run) mark(payees []uint32, file uint32) {
	for _, p := range payees {
		if i, ok := r.lineOf(p); ok {
			r.paid[i] = file
			r.sent = max(r.sent, i+1)
		}
	}
}

// A dividend request, in order: its id is new; the fund covers the pool from today on; tier and resolution; a roster.
func (c *RequestDividend) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkSlug("run_id", c.Run), checkAmount("pool", c.Pool), checkText("narration", c.Narration, 200)); err != nil {
		return err
	}
	if r := d.s.runs[c.Run]; r != nil && !r.dead {
		return refuse(RunExists).with("run", c.Run).at("run_id")
	}
	for _, o := range d.s.requests {
		if o.fact.GetDividend().GetRunId() == c.Run {
			return refuse(RunExists).with("run", c.Run).at("run_id")
		}
	}
	if _, err := d.fund("fund", c.Fund); err != nil {
		return err
	}
	order := &eventv1.DividendOrder{RunId: c.Run, Fund: c.Fund, PoolFen: int64(c.Pool), Basis: cmp.Or(c.Basis, eventv1.DividendBasis_DIVIDEND_BASIS_HEAD),
		Method: cmp.Or(c.Method, eventv1.DividendMethod_DIVIDEND_METHOD_EQUAL), RecordDate: int32(c.RecordDate), ResolutionId: c.Resolution, Narration: c.Narration}
	if err := checkDividendKind(order); err != nil {
		return err
	}
	out, err := d.deal(order)
	if err != nil {
		return err
	}
	order.Payees, order.RateFen = uint32(len(out.payees)), int64(out.rate)
	if err := d.fundCovers(c.Fund, d.today, c.Pool); err != nil {
		return err
	}
	t, err := d.tier(eventv1.Operation_OPERATION_DIVIDEND, c.Fund, "", c.Pool)
	if err != nil {
		return err
	}
	// Members' money is distributed by their own decision: a dividend always takes a resolution.
	body := cmp.Or(t.ResolutionBody, d.s.charter.CharterBody)
	if err := d.authority(c.Resolution, eventv1.Matter_MATTER_DIVIDEND, body, c.Fund, "", c.Pool, 0); err != nil {
		return err
	}
	d.ask(&eventv1.RequestMade{Order: &eventv1.RequestMade_Dividend{Dividend: order}}, demandsOf(t))
	return nil
}

func checkDividendKind(o *eventv1.DividendOrder) error {
	_, basis := eventv1.DividendBasis_name[int32(o.Basis)]
	_, method := eventv1.DividendMethod_name[int32(o.Method)]
	if !basis || !method {
		return refuse(FieldInvalid).because("there is no such basis or method", "没有这种分法").at("basis")
	}
	return nil
}

// dealt is a pool dealt out.
type dealt struct {
	payees    []uint32
	amounts   []int64
	rate      Fen // the smaller amount
	declared  Fen
	lastTaker uint32
}

// deal divides a pool over the roster of its record date. equal: everybody the same whole fen, the rest stays in the fund.
// exact: by largest fraction, which for equal shares gives the odd fen one each to payees in order, starting after the last
// one that took one in the previous exact dividend.
func (d *decision) deal(o *eventv1.DividendOrder) (dealt, error) {
	on, pool := Day(o.RecordDate), Fen(o.PoolFen)
	if !on.Valid() {
		return dealt{}, refuse(DateInvalid).with("date", on).at("record_date")
	}
	if on > d.today {
		return dealt{}, refuse(DateInFuture).with("date", on).with("today", d.today).at("record_date")
	}
	out := dealt{payees: d.s.roster(on, o.Basis)}
	n := Fen(len(out.payees))
	switch {
	case n == 0:
		return dealt{}, refuse(RosterEmpty).with("date", on).at("record_date")
	case n > payeesMax:
		return dealt{}, refuse(TooMany).with("what", "payees").with("max", payeesMax).with("count", int(n))
	case pool < n:
		return dealt{}, refuse(PoolTooSmall).with("pool", pool).with("payees", int(n)).at("pool")
	}
	out.rate = pool / n
	out.declared = out.rate * n
	out.amounts = slices.Repeat([]int64{int64(out.rate)}, int(n))
	if o.Method == eventv1.DividendMethod_DIVIDEND_METHOD_EXACT {
		i, _ := slices.BinarySearch(out.payees, d.s.lastTaker+1)
		for ; out.declared < pool; out.declared++ {
			i %= int(n)
			out.amounts[i]++
			out.lastTaker = out.payees[i]
			i++
		}
	}
	return out, nil
}

// Declaring is the last approval. The roster goes into the log in pieces before it, in the same append.
func (c *DeclareDividend) decide(d *decision) error {
	r, err := d.acting(c.Number)
	if err != nil {
		return err
	}
	order, ok := r.fact.Order.(*eventv1.RequestMade_Dividend)
	if !ok {
		return r.otherKind()
	}
	o := order.Dividend
	if err := d.voucherDay("occurred_on", c.On); err != nil {
		return err
	}
	out, err := d.deal(o)
	if err != nil {
		return err
	}
	if len(out.payees) != int(o.Payees) || int64(out.rate) != o.RateFen {
		return refuse(RosterChanged).with("run", o.RunId).with("asked", o.Payees).with("now", len(out.payees)).at("request_number")
	}
	v := &eventv1.Voucher{Narration: o.Narration, ResolutionId: o.ResolutionId, DrawnFen: int64(out.declared), DividendRunId: o.RunId, RequestNumber: c.Number,
		Postings: []*eventv1.Posting{line(FundAccount(o.Fund), out.declared), line(PayableDividend, -out.declared)}}
	d.book(Transfer, c.On, v)
	if err := cmp.Or(d.sides(), d.inTerm(o.ResolutionId, c.On)); err != nil {
		return err
	}
	given := len(r.approvedBy)
	if given < int(r.fact.Approvals) {
		if err := d.approve(r, c.Digest); err != nil {
			return err
		}
		given++
	}
	if err := cmp.Or(seen(r, c.Digest), r.ready(given)); err != nil {
		return err
	}
	for first := 0; first < len(out.payees); first += rosterChunk {
		end := min(first+rosterChunk, len(out.payees))
		d.emit(&eventv1.Event{Fact: &eventv1.Event_EntitlementsListed{EntitlementsListed: &eventv1.EntitlementsListed{
			RunId: o.RunId, FirstLine: uint32(first) + 1, Payees: out.payees[first:end], AmountsFen: out.amounts[first:end]}}})
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_DividendDeclared{DividendDeclared: &eventv1.DividendDeclared{
		RunId: o.RunId, RequestNumber: c.Number, Basis: o.Basis, Method: o.Method, PoolFen: o.PoolFen, RateFen: int64(out.rate),
		Payees: uint32(len(out.payees)), RemainderFen: o.PoolFen - int64(out.declared), LastTaker: out.lastTaker}}})
	return nil
}

// findRun finds a declared dividend.
func (d *decision) findRun(id string) (*run, error) {
	if err := d.founded(); err != nil {
		return nil, err
	}
	r := d.s.runs[id]
	if r == nil || r.dead {
		return nil, refuse(RunUnknown).with("run", clip(id)).at("run_id")
	}
	return r, nil
}

// A payout file holds payees that are owed and in no other file; without a list, the next owed ones in the roster's order,
// in slices of 1,000 lines as banks take them.
func (c *SendDividendFile) decide(d *decision) error {
	r, err := d.findRun(c.Run)
	if err != nil {
		return err
	}
	if _, err := d.moneyAccount("money_account", c.Money); err != nil {
		return err
	}
	payees := slices.Sorted(slices.Values(c.Payees)) // in order of their lines
	if len(payees) == 0 {
		payees = r.next()
	}
	if n := len(payees); n > fileMax {
		return refuse(TooMany).with("what", "payees").with("max", fileMax).with("count", n).at("payees")
	}
	if len(payees) == 0 {
		return refuse(NothingOwed).with("run", c.Run).at("run_id")
	}
	var total Fen
	seen := map[uint32]bool{}
	for _, p := range payees {
		i, ok := r.lineOf(p)
		if !ok || r.paid[i] != 0 || seen[p] {
			return refuse(PayeeNotOwed).with("run", c.Run).with("payee", p).at("payees")
		}
		seen[p] = true
		total += r.amounts[i]
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_DividendFileSent{DividendFileSent: &eventv1.DividendFileSent{RunId: c.Run,
		File: uint32(len(r.files)) + 1, MoneyAccount: c.Money, Payees: payees, TotalFen: int64(total)}}})
	return nil
}

// next gives the next payees to send, at most fileMax. Lines that were never in a file come first, slice by slice of fileMax
// roster lines, so that a file keeps its place in the roster whoever is left out of it; then whoever is still owed.
func (r *run) next() (payees []uint32) {
	for from := r.sent; from < len(r.payees) && len(payees) == 0; from = (from/fileMax + 1) * fileMax {
		payees = r.owedIn(from, min((from/fileMax+1)*fileMax, len(r.payees)))
	}
	if len(payees) == 0 {
		payees = r.owedIn(0, len(r.payees))
	}
	return payees[:min(len(payees), fileMax)]
}

// owedIn lists who is owed among the lines from..to-1.
func (r *run) owedIn(from, to int) (payees []uint32) {
	for i := from; i < to; i++ {
		if r.paid[i] == 0 {
			payees = append(payees, r.payees[i])
		}
	}
	return payees
}

// Results are recorded once for each file: what the bank paid leaves the money account, what failed stays owed.
func (c *RecordDividendResults) decide(d *decision) error {
	r, err := d.findRun(c.Run)
	if err != nil {
		return err
	}
	if c.File == 0 || int(c.File) > len(r.files) {
		return refuse(FileUnknown).with("run", c.Run).with("file", c.File).at("file")
	}
	f := r.files[c.File-1]
	if f.settled {
		return refuse(FileSettled).with("run", c.Run).with("file", c.File).at("file")
	}
	if err := cmp.Or(d.voucherDay("occurred_on", c.On), r.declared.before(c.On)); err != nil {
		return err
	}
	paid := Fen(f.fact.TotalFen)
	failed := map[uint32]bool{}
	for _, p := range c.Failed {
		if !slices.Contains(f.fact.Payees, p) || failed[p] {
			return refuse(PayeeNotInFile).with("run", c.Run).with("file", c.File).with("payee", p).at("failed")
		}
		failed[p] = true
		i, _ := r.lineOf(p)
		paid -= r.amounts[i]
	}
	fact := &eventv1.Event{Fact: &eventv1.Event_DividendFileSettled{DividendFileSettled: &eventv1.DividendFileSettled{
		RunId: c.Run, File: c.File, Failed: slices.Sorted(maps.Keys(failed))}}}
	if paid == 0 {
		d.emit(fact) // every line failed: no money moved
		return nil
	}
	d.book(Payment, c.On, &eventv1.Voucher{Narration: "分红 " + c.Run + " 第 " + strconv.Itoa(int(c.File)) + " 个文件", DividendRunId: c.Run, DividendFile: c.File,
		Postings: []*eventv1.Posting{line(PayableDividend, paid), line(MoneyAccount(f.fact.MoneyAccount), -paid)}})
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(fact)
	return nil
}
