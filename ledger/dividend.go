package ledger

import (
	"cmp"
	"maps"
	"math/bits"
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

	order       *eventv1.DividendOrder // what was asked for
	supplements []*run                 // runs for payees that this one left out
	returns     []*payoutReturn
	disclosed   bool // its lines are under a sum tree
}

type payoutFile struct {
	fact    *eventv1.DividendFileSent
	settled bool
	booked  rest // the voucher of what the bank paid; none when it paid nobody
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
		s.evolveDeclared(f.DividendDeclared, e)
	case *eventv1.Event_DividendFileSent:
		r := s.runs[f.DividendFileSent.RunId]
		r.files = append(r.files, &payoutFile{fact: f.DividendFileSent})
		r.mark(f.DividendFileSent.Payees, f.DividendFileSent.File)
	case *eventv1.Event_DividendFileSettled:
		r := s.runs[f.DividendFileSettled.RunId]
		file := r.files[f.DividendFileSettled.File-1]
		file.settled, file.booked = true, restOn(e)
		r.mark(f.DividendFileSettled.Failed, 0)
	case *eventv1.Event_DividendReturned:
		s.runs[f.DividendReturned.RunId].giveBack(f.DividendReturned, restOn(e))
	default:
		s.evolveHold(e)
	}
}

func (s *Collective) evolveDeclared(f *eventv1.DividendDeclared, e *eventv1.Event) {
	r := s.runs[f.RunId]
	r.declared = restOn(e)
	if len(e.Vouchers) > 0 {
		r.fund = fundOf(e.Vouchers[0])
	}
	if f.LastTaker != 0 {
		s.takers = append(s.takers, taker{r, f.LastTaker})
	}
	if first := s.runs[f.Supplements]; first != nil {
		first.supplements = append(first.supplements, r)
	}
}

// taker is the last payee that took an odd fen of an exact dividend.
type taker struct {
	run   *run
	payee uint32
}

// lastTaker is the last taker of the newest exact dividend that stands, 0 when there is none.
func (s *Collective) lastTaker() uint32 {
	if n := len(s.takers); n > 0 {
		return s.takers[n-1].payee
	}
	return 0
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
	if err := cmp.Or(checkDividendKind(order), d.supplementForm(c, order)); err != nil {
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
	rate      Fen    // of one share; with exact what is sure of it
	shares    uint64 // in all
	declared  Fen
	lastTaker uint32
}

// deal divides a pool over the roster of its record date. Members and households have one share each unless the basis is
// shares. equal: the same whole fen for every share, the rest stays in the fund. exact: by largest fraction of what each
// payee's shares would get; payees with equal fractions take the odd fen in order, starting after the last one that took one
// in the previous exact dividend.
func (d *decision) deal(o *eventv1.DividendOrder) (dealt, error) {
	on, pool := Day(o.RecordDate), Fen(o.PoolFen)
	if !on.Valid() {
		return dealt{}, refuse(DateInvalid).with("date", on).at("record_date")
	}
	if on > d.today {
		return dealt{}, refuse(DateInFuture).with("date", on).with("today", d.today).at("record_date")
	}
	if o.Supplements != "" {
		return d.dealSupplement(o)
	}
	payees, shares := d.s.entitled(o)
	out := dealt{payees: payees, shares: sum(shares)}
	switch n := len(payees); {
	case n == 0:
		return dealt{}, refuse(RosterEmpty).with("date", on).at("record_date")
	case n > payeesMax:
		return dealt{}, refuse(TooMany).with("what", "payees").with("max", payeesMax).with("count", n)
	case uint64(pool) < out.shares:
		return dealt{}, refuse(PoolTooSmall).with("pool", pool).with("payees", out.shares).at("pool")
	}
	out.rate = pool / Fen(out.shares)
	if o.Method == eventv1.DividendMethod_DIVIDEND_METHOD_EXACT {
		out.declared = pool
		out.amounts, out.lastTaker = dealExact(pool, payees, shares, d.s.lastTaker())
		return out, nil
	}
	out.dealEqual(shares)
	return out, nil
}

// dealEqual gives every share the rate.
func (out *dealt) dealEqual(shares []uint64) {
	out.amounts = make([]int64, len(shares))
	for i, n := range shares {
		out.amounts[i] = int64(out.rate) * int64(n)
	}
	out.declared = out.rate * Fen(sum(shares))
}

// dealExact gives each payee the whole fen of pool × shares / all shares, computed in 128 bits, and the fen that are left one
// each to the largest fractions. The pool covers one fen a share. It returns who took the last of them, 0 when none was left.
func dealExact(pool Fen, payees []uint32, shares []uint64, lastTaker uint32) (amounts []int64, last uint32) {
	all, left := sum(shares), pool
	fractions := make([]uint64, len(payees))
	for i, n := range shares {
		high, low := bits.Mul64(uint64(pool), n)
		whole, fraction := bits.Div64(high, low, all) // high < all, for pool < 2^63 and n <= all
		amounts, fractions[i] = append(amounts, int64(whole)), fraction
		left -= Fen(whole)
	}
	start, _ := slices.BinarySearch(payees, lastTaker+1)
	order := make([]int, len(payees))
	for i := range order {
		order[i] = (start + i) % len(payees)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(fractions[b], fractions[a]) })
	for _, i := range order[:left] { // fewer than payees: every fraction is below one fen
		amounts[i]++
		last = payees[i]
	}
	return amounts, last
}

func sum(numbers []uint64) (all uint64) {
	for _, n := range numbers {
		all += n
	}
	return all
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
	if digest, now := d.s.rosterDigest(o); digest != r.roster {
		return refuse(RosterChanged).with("run", o.RunId).with("asked", o.Payees).with("now", now).at("request_number")
	}
	out, err := d.deal(o)
	if err != nil {
		return err
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
	declared := &eventv1.DividendDeclared{RunId: o.RunId, RequestNumber: c.Number, Basis: o.Basis, Method: o.Method, PoolFen: o.PoolFen, RateFen: int64(out.rate),
		Payees: uint32(len(out.payees)), RemainderFen: o.PoolFen - int64(out.declared), LastTaker: out.lastTaker, Supplements: o.Supplements}
	if o.Basis == eventv1.DividendBasis_DIVIDEND_BASIS_SHARE {
		declared.Shares = out.shares
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_DividendDeclared{DividendDeclared: declared}})
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
// in slices of 1,000 lines as banks take them. Nobody whose dividend is held today is in it: a list that names one is refused,
// without a list the line is left out and keeps its place for later.
func (c *SendDividendFile) decide(d *decision) error {
	r, err := d.findRun(c.Run)
	if err != nil {
		return err
	}
	if _, err := d.moneyAccount("money_account", c.Money); err != nil {
		return err
	}
	held := d.s.held(eventv1.Benefit_BENEFIT_DIVIDEND, r.ofHouseholds(), d.today)
	payees := slices.Sorted(slices.Values(c.Payees)) // in order of their lines
	if len(payees) == 0 {
		payees = r.next(held)
	}
	if n := len(payees); n > fileMax {
		return refuse(TooMany).with("what", "payees").with("max", fileMax).with("count", n).at("payees")
	}
	if len(payees) == 0 {
		return cmp.Or(refuseHeld(held, r.owedIn(0, len(r.payees), nil), "run_id"), error(refuse(NothingOwed).with("run", c.Run).at("run_id")))
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
	if err := refuseHeld(held, payees, "payees"); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_DividendFileSent{DividendFileSent: &eventv1.DividendFileSent{RunId: c.Run,
		File: uint32(len(r.files)) + 1, MoneyAccount: c.Money, Payees: payees, TotalFen: int64(total)}}})
	return nil
}

// next gives the next payees to send, at most fileMax. Lines that were never in a file come first, slice by slice of fileMax
// roster lines, so that a file keeps its place in the roster whoever is left out of it; then whoever is still owed. Who is held
// is passed over.
func (r *run) next(held holds) (payees []uint32) {
	for from := r.sent; from < len(r.payees) && len(payees) == 0; from = (from/fileMax + 1) * fileMax {
		payees = r.owedIn(from, min((from/fileMax+1)*fileMax, len(r.payees)), held)
	}
	if len(payees) == 0 {
		payees = r.owedIn(0, len(r.payees), held)
	}
	return payees[:min(len(payees), fileMax)]
}

// owedIn lists who is owed and not held among the lines from..to-1.
func (r *run) owedIn(from, to int, held holds) (payees []uint32) {
	for i := from; i < to; i++ {
		if r.paid[i] == 0 && held[r.payees[i]] == 0 {
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
	for _, back := range r.returns { // what came back is not paid again before it came
		if back.paidAgain(f.fact.Payees, failed) {
			if err := back.booked.before(c.On); err != nil {
				return err
			}
		}
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
