package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about money paid to members: grant rounds and dividends.

// Limits of payouts.
const (
	applicantsMax = 2000  // of one round
	payeesMax     = 80000 // of one dividend, so that its roster fits into one append
	rosterChunk   = 2500  // payees of one event
	fileMax       = 1000  // payees of one payout file, the banks' limit
)

// round is a grant round.
type round struct {
	fact             *eventv1.GrantRoundOpened
	state            string // open, reviewed, notice, awarded
	noticeFrom, till Day
	order            []uint32 // members in the order they applied
	lines            map[uint32]*grantLine
	total            Fen // of all lines
}

type grantLine struct {
	amount Fen
	state  string // applied, awarded, paid, cancelled
}

// touched says whether part of an award is paid or cancelled.
func (r *round) touched() bool {
	for _, l := range r.lines {
		if l.state == "paid" || l.state == "cancelled" {
			return true
		}
	}
	return false
}

func (r *round) setAll(state string) {
	for _, l := range r.lines {
		l.state = state
	}
}

// run is a dividend.
type run struct {
	fund    string   // that bore it
	payees  []uint32 // ascending
	amounts []Fen
	paid    []uint32 // by payee's line: 0 owed, else the file that is to pay or paid it
	files   []*payoutFile
	dead    bool // its declaration was turned back
}

type payoutFile struct {
	fact    *eventv1.DividendFileSent
	settled bool
}

func (r *run) lineOf(payee uint32) (int, bool) { return slices.BinarySearch(r.payees, payee) }

func (s *Collective) evolvePayout(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantRoundOpened:
		s.rounds[f.GrantRoundOpened.Id] = &round{fact: f.GrantRoundOpened, state: "open", lines: map[uint32]*grantLine{}}
		s.reserveRound(f.GrantRoundOpened, 1)
	case *eventv1.Event_GrantApplicantsAdded:
		r := s.rounds[f.GrantApplicantsAdded.RoundId]
		for i, m := range f.GrantApplicantsAdded.Members {
			amount := Fen(f.GrantApplicantsAdded.AmountsFen[i])
			r.order = append(r.order, m)
			r.lines[m] = &grantLine{amount, "applied"}
			r.total += amount
		}
		r.state = "open" // what was reviewed has changed
	case *eventv1.Event_GrantRoundReviewed:
		s.rounds[f.GrantRoundReviewed.RoundId].state = "reviewed"
	case *eventv1.Event_GrantNoticePublished:
		r := s.rounds[f.GrantNoticePublished.RoundId]
		r.state, r.noticeFrom, r.till = "notice", Day(f.GrantNoticePublished.NoticeFrom), Day(f.GrantNoticePublished.NoticeTo)
	case *eventv1.Event_GrantsAwarded:
		r := s.rounds[f.GrantsAwarded.RoundId]
		r.state = "awarded"
		r.setAll("awarded")
		s.reserveRound(r.fact, -1)
	case *eventv1.Event_GrantPaid:
		s.rounds[f.GrantPaid.RoundId].lines[f.GrantPaid.Member].state = "paid"
	case *eventv1.Event_GrantCancelled:
		s.rounds[f.GrantCancelled.RoundId].lines[f.GrantCancelled.Member].state = "cancelled"
	default:
		s.evolveDividend(e)
	}
}

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
		}
	}
}

// reserveRound holds a round's budget of its resolution until the award draws what it needs.
func (s *Collective) reserveRound(f *eventv1.GrantRoundOpened, sign Fen) {
	if res := s.resolutions[f.ResolutionId]; res != nil {
		res.reserved += sign * Fen(f.BudgetFen)
	}
}

// undo brings back what a reversed voucher had settled: a grant or a dividend is owed again, an award waits again.
func (s *Collective) undo(v *eventv1.Voucher) {
	if r := s.rounds[v.GrantRoundId]; r != nil {
		if member, ok := memberOf(v.Party); ok {
			r.lines[member].state = "awarded"
		} else {
			r.state = "notice"
			r.setAll("applied")
			s.reserveRound(r.fact, 1)
		}
	}
	if r := s.runs[v.DividendRunId]; r != nil {
		if v.DividendFile == 0 {
			r.dead = true
			return
		}
		for i, file := range r.paid {
			if file == v.DividendFile {
				r.paid[i] = 0
			}
		}
	}
}

func memberOf(party string) (uint32, bool) {
	const prefix = "member/"
	if len(party) <= len(prefix) || party[:len(prefix)] != prefix {
		return 0, false
	}
	n, err := strconv.ParseUint(party[len(prefix):], 10, 32)
	return uint32(n), err == nil
}

func memberParty(member uint32) string { return "member/" + strconv.FormatUint(uint64(member), 10) }

// A round: its id is new; fund and purpose; the fund covers the budget from today on; tier and resolution.
func (c *OpenGrantRound) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkSlug("round_id", c.Round), checkText("title", c.Title, 120), checkAmount("budget", c.Budget)); err != nil {
		return err
	}
	if d.s.rounds[c.Round] != nil {
		return refuse(AlreadyExists).with("id", c.Round).at("round_id")
	}
	fund, err := d.fund("fund", c.Fund)
	if err != nil {
		return err
	}
	if err := cmp.Or(d.purpose(fund, c.Purpose), d.fundCovers(c.Fund, d.today, c.Budget)); err != nil {
		return err
	}
	t, err := d.tier(eventv1.Operation_OPERATION_GRANT_ROUND, c.Fund, c.Purpose, c.Budget)
	if err != nil {
		return err
	}
	if err := d.authority(c.Resolution, eventv1.Matter_MATTER_PAYMENT, t.ResolutionBody, c.Fund, c.Purpose, c.Budget, 0); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantRoundOpened{GrantRoundOpened: &eventv1.GrantRoundOpened{Id: c.Round, Fund: c.Fund, Purpose: c.Purpose,
		BudgetFen: int64(c.Budget), Title: c.Title, Approvals: t.Approvals, Review: t.Review, ResolutionId: c.Resolution}}})
	return nil
}

// inState finds a round in one of the states.
func (d *decision) inState(id string, states ...string) (*round, error) {
	if err := d.founded(); err != nil {
		return nil, err
	}
	r := d.s.rounds[id]
	if r == nil {
		return nil, refuse(RoundUnknown).with("round", clip(id)).at("round_id")
	}
	if !slices.Contains(states, r.state) {
		return nil, refuse(RoundState).with("round", id).with("state", r.state).at("round_id")
	}
	return r, nil
}

// Applicants are members today, once in a round, within the budget.
func (c *AddApplicants) decide(d *decision) error {
	r, err := d.inState(c.Round, "open", "reviewed")
	if err != nil {
		return err
	}
	if n := len(c.Members); n == 0 || n != len(c.Amounts) || n > fileMax || n+len(r.lines) > applicantsMax {
		return refuse(TooMany).with("what", "applicants").with("max", applicantsMax).with("count", n+len(r.lines)).at("applicants")
	}
	total := r.total
	amounts := make([]int64, len(c.Amounts))
	seen := make(map[uint32]bool, len(c.Members))
	for i, m := range c.Members {
		if err := checkAmount("applicants.amount", c.Amounts[i]); err != nil {
			return err
		}
		if who, ok := d.s.members[m]; !ok || !who.on(d.today) {
			return refuse(MemberUnknown).with("member", m).with("day", d.today).at("applicants.member")
		}
		if r.lines[m] != nil || seen[m] {
			return refuse(RepeatedEntry).with("entry", m).at("applicants.member")
		}
		seen[m] = true
		total += c.Amounts[i]
		amounts[i] = int64(c.Amounts[i])
	}
	if budget := Fen(r.fact.BudgetFen); total > budget {
		return refuse(BudgetExceeded).with("round", c.Round).with("budget", budget).with("total", total).with("short", total-budget).at("applicants")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsAdded{GrantApplicantsAdded: &eventv1.GrantApplicantsAdded{
		RoundId: c.Round, Members: c.Members, AmountsFen: amounts}}})
	return nil
}

// A round with applicants is reviewed before its notice.
func (c *ReviewGrantRound) decide(d *decision) error {
	r, err := d.inState(c.Round, "open")
	if err != nil {
		return err
	}
	if len(r.lines) == 0 {
		return refuse(RoundEmpty).with("round", c.Round).at("round_id")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantRoundReviewed{GrantRoundReviewed: &eventv1.GrantRoundReviewed{RoundId: c.Round}}})
	return nil
}

// A notice starts today or later and ends on its last day; a round that needs review has it.
func (c *PublishGrantNotice) decide(d *decision) error {
	r, err := d.inState(c.Round, "open", "reviewed")
	if err != nil {
		return err
	}
	switch {
	case len(r.lines) == 0:
		return refuse(RoundEmpty).with("round", c.Round).at("round_id")
	case r.fact.Review && r.state != "reviewed":
		return refuse(ReviewNeeded).with("subject", c.Round).at("round_id")
	case !c.From.Valid() || !c.To.Valid() || c.To < c.From || c.From < d.today:
		return refuse(NoticeInvalid).with("from", c.From).with("to", c.To).with("today", d.today).at("notice_from")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantNoticePublished{GrantNoticePublished: &eventv1.GrantNoticePublished{
		RoundId: c.Round, NoticeFrom: int32(c.From), NoticeTo: int32(c.To)}}})
	return nil
}

// An award comes after the last day of the notice, by the clock and not by the voucher's day, and moves what all applicants
// get from the fund to what is owed, so that two rounds cannot promise the same yuan.
func (c *AwardGrants) decide(d *decision) error {
	r, err := d.inState(c.Round, "notice")
	if err != nil {
		return err
	}
	if err := d.voucherDay("occurred_on", c.On); err != nil {
		return err
	}
	if d.today <= r.till || c.On <= r.till {
		return refuse(NoticeRunning).with("notice_to", r.till).with("today", min(d.today, c.On)).at("occurred_on")
	}
	v := &eventv1.Voucher{Narration: r.fact.Title, GrantRoundId: c.Round, ResolutionId: r.fact.ResolutionId,
		Postings: []*eventv1.Posting{line(FundAccount(r.fact.Fund), r.total), line(PayableGrant, -r.total)}}
	if v.ResolutionId != "" {
		v.DrawnFen = int64(r.total)
	}
	d.book(Transfer, c.On, v)
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_GrantsAwarded{GrantsAwarded: &eventv1.GrantsAwarded{RoundId: c.Round}}})
	return nil
}

// owed finds what an awarded round owes a member.
func (d *decision) owed(id string, member uint32) (*round, Fen, error) {
	r, err := d.inState(id, "awarded")
	if err != nil {
		return nil, 0, err
	}
	l := r.lines[member]
	if l == nil || l.state != "awarded" {
		return nil, 0, refuse(GrantNotOwed).with("round", id).with("member", member).at("member")
	}
	return r, l.amount, nil
}

// A grant is paid once to each member that is owed one.
func (c *PayGrant) decide(d *decision) error {
	r, amount, err := d.owed(c.Round, c.Member)
	if err != nil {
		return err
	}
	if err := d.voucherDay("occurred_on", c.On); err != nil {
		return err
	}
	from, err := d.moneyAccount("money_account", c.Money)
	if err != nil {
		return err
	}
	d.book(Payment, c.On, &eventv1.Voucher{Narration: r.fact.Title, Party: memberParty(c.Member), GrantRoundId: c.Round,
		Postings: []*eventv1.Posting{line(PayableGrant, amount), line(from, -amount)}})
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_GrantPaid{GrantPaid: &eventv1.GrantPaid{RoundId: c.Round, Member: c.Member, MoneyAccount: c.Money}}})
	return nil
}

// What a member does not take goes back to the fund.
func (c *CancelGrant) decide(d *decision) error {
	r, amount, err := d.owed(c.Round, c.Member)
	if err != nil {
		return err
	}
	if err := d.voucherDay("occurred_on", c.On); err != nil {
		return err
	}
	v := &eventv1.Voucher{Narration: r.fact.Title, Party: memberParty(c.Member), GrantRoundId: c.Round, ResolutionId: r.fact.ResolutionId,
		Postings: []*eventv1.Posting{line(PayableGrant, amount), line(FundAccount(r.fact.Fund), -amount)}}
	if v.ResolutionId != "" {
		v.DrawnFen = -int64(amount)
	}
	d.book(Transfer, c.On, v)
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_GrantCancelled{GrantCancelled: &eventv1.GrantCancelled{RoundId: c.Round, Member: c.Member}}})
	return nil
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
	if _, err := d.deal(order); err != nil {
		return err
	}
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
		return dealt{}, refuse(TooMany).with("what", "payees").with("max", payeesMax).with("count", n)
	case pool < n:
		return dealt{}, refuse(PoolTooSmall).with("pool", pool).with("payees", n).at("pool")
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
	r, err := d.open(c.Number)
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
	v := &eventv1.Voucher{Narration: o.Narration, ResolutionId: o.ResolutionId, DrawnFen: int64(out.declared), DividendRunId: o.RunId, RequestNumber: c.Number,
		Postings: []*eventv1.Posting{line(FundAccount(o.Fund), out.declared), line(PayableDividend, -out.declared)}}
	d.book(Transfer, c.On, v)
	if err := d.sides(); err != nil {
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

// next gives the next payees to send: of the first slice of 1,000 roster lines that has any owed.
func (r *run) next() (payees []uint32) {
	for i, p := range r.payees {
		if r.paid[i] == 0 {
			payees = append(payees, p)
		}
		if len(payees) == fileMax || (i+1)%fileMax == 0 && len(payees) > 0 {
			break
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
	if err := d.voucherDay("occurred_on", c.On); err != nil {
		return err
	}
	paid := Fen(f.fact.TotalFen)
	failed := map[uint32]bool{}
	for _, p := range c.Failed {
		if !slices.Contains(f.fact.Payees, p) || failed[p] {
			return refuse(PayeeNotOwed).with("run", c.Run).with("payee", p).at("failed")
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
