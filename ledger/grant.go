package ledger

import (
	"cmp"
	"slices"
	"strconv"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about grant rounds (救助、奖学): opened, reviewed, on notice, awarded, paid.

// Limits of grants: applicants of one round and of one command, and the length of a notice.
const (
	applicantsMax   = 2000
	applicationsMax = 1000
	noticeMax       = 90 // days from the first to the last of a notice
)

// round is a grant round.
type round struct {
	fact             *eventv1.GrantRoundOpened
	opener, reviewer string
	award            rest   // the voucher of the award
	state            string // open, reviewed, notice, awarded, cancelled
	noticeFrom, till Day
	order            []uint32 // members in the order they applied
	lines            map[uint32]*grantLine
	total            Fen // of all lines that are not struck
	objections       []*objection
	disclosed        bool // its lines are under a sum tree
}

type grantLine struct {
	amount Fen
	state  string // applied, awarded, paid, cancelled, struck
	live   []rest // vouchers of this member that are not turned back, in the order of the log
}

// touched says whether part of an award is paid or cancelled, or was paid and came back.
func (r *round) touched() bool {
	for _, l := range r.lines {
		if len(l.live) > 0 {
			return true
		}
	}
	return false
}

// setAll moves every line that stands in the round.
func (r *round) setAll(state string) {
	for _, l := range r.lines {
		if l.state != "struck" {
			l.state = state
		}
	}
}

func (s *Collective) evolveGrant(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantRoundOpened:
		s.rounds[f.GrantRoundOpened.Id] = &round{fact: f.GrantRoundOpened, opener: e.Actor, state: "open", lines: map[uint32]*grantLine{}}
		s.reserveRound(f.GrantRoundOpened, 1)
	case *eventv1.Event_GrantApplicantsAdded:
		r := s.rounds[f.GrantApplicantsAdded.RoundId]
		for i, m := range f.GrantApplicantsAdded.Members {
			amount := Fen(f.GrantApplicantsAdded.AmountsFen[i])
			r.order = append(r.order, m)
			r.lines[m] = &grantLine{amount: amount, state: "applied"}
			r.total += amount
		}
		r.state = "open" // what was reviewed has changed
	case *eventv1.Event_GrantRoundReviewed:
		r := s.rounds[f.GrantRoundReviewed.RoundId]
		r.state, r.reviewer = "reviewed", e.Actor
	case *eventv1.Event_GrantNoticePublished:
		r := s.rounds[f.GrantNoticePublished.RoundId]
		r.state, r.noticeFrom, r.till = "notice", Day(f.GrantNoticePublished.NoticeFrom), Day(f.GrantNoticePublished.NoticeTo)
	case *eventv1.Event_GrantsAwarded:
		r := s.rounds[f.GrantsAwarded.RoundId]
		r.state, r.award = "awarded", restOn(e)
		r.setAll("awarded")
		s.reserveRound(r.fact, -1)
	case *eventv1.Event_GrantPaid:
		s.rounds[f.GrantPaid.RoundId].lines[f.GrantPaid.Member].push(restOn(e), "paid")
	case *eventv1.Event_GrantCancelled:
		s.rounds[f.GrantCancelled.RoundId].lines[f.GrantCancelled.Member].push(restOn(e), "cancelled")
	default:
		s.evolveDividend(e)
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
			r.lines[member].pop()
		} else {
			r.state, r.disclosed = "notice", false // awarded again it may have other lines
			r.setAll("applied")
			s.reserveRound(r.fact, 1)
		}
	}
	if r := s.runs[v.DividendRunId]; r != nil {
		s.undoDividend(r, v)
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
	if n := len(c.Members); n == 0 || n != len(c.Amounts) || n > applicationsMax || n+len(r.lines) > applicantsMax {
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
	if r.total == 0 {
		return refuse(RoundEmpty).with("round", c.Round).at("round_id")
	}
	if r.opener == d.m.Actor {
		return refuse(OwnRequest)
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantRoundReviewed{GrantRoundReviewed: &eventv1.GrantRoundReviewed{RoundId: c.Round}}})
	return nil
}

// A notice starts today or later and ends on its last day; a round that needs review has it. Published again it corrects
// the notice that stands.
func (c *PublishGrantNotice) decide(d *decision) error {
	r, err := d.inState(c.Round, "open", "reviewed", "notice")
	if err != nil {
		return err
	}
	again := r.state == "notice"
	switch {
	case r.total == 0:
		return refuse(RoundEmpty).with("round", c.Round).at("round_id")
	case r.fact.Review && r.state == "open":
		return refuse(ReviewNeeded).with("subject", c.Round).at("round_id")
	case !c.From.Valid() || !c.To.Valid() || c.To < c.From || c.To > c.From.Add(noticeMax) || !again && c.From < d.today || again && !c.corrects(r, d.today):
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
	if err := r.unanswered(); err != nil {
		return err
	}
	if r.total == 0 {
		return refuse(RoundEmpty).with("round", c.Round).at("round_id")
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
	// The round holds its budget of the resolution; what it draws must be there even if the authority was used meanwhile.
	if err := d.authorityOn(c.On, v.ResolutionId, eventv1.Matter_MATTER_PAYMENT, "", r.fact.Fund, r.fact.Purpose, r.total, Fen(r.fact.BudgetFen)); err != nil {
		return err
	}
	if r.opener == d.m.Actor || r.reviewer == d.m.Actor {
		return refuse(OwnRequest)
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

// A grant is paid once to each member that is owed one, while it is not held.
func (c *PayGrant) decide(d *decision) error {
	r, amount, err := d.owed(c.Round, c.Member)
	if err != nil {
		return err
	}
	if err := cmp.Or(d.grantNotHeld(c.Member), d.voucherDay("occurred_on", c.On), r.award.before(c.On), r.lines[c.Member].last().before(c.On)); err != nil {
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

// What a member does not take goes back to the fund; what is held is never taken away.
func (c *CancelGrant) decide(d *decision) error {
	r, amount, err := d.owed(c.Round, c.Member)
	if err != nil {
		return err
	}
	if err := cmp.Or(d.grantNotHeld(c.Member), d.voucherDay("occurred_on", c.On), r.award.before(c.On), r.lines[c.Member].last().before(c.On)); err != nil {
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

// rest is the voucher that other vouchers rest on: nothing is paid of an award or a dividend before its day.
type rest struct {
	ref VoucherRef
	day Day
}

func restOn(e *eventv1.Event) (r rest) {
	if len(e.Vouchers) > 0 {
		r = rest{RefOf(e.Vouchers[0].Ref), Day(e.Vouchers[0].OccurredOn)}
	}
	return r
}

func (r rest) before(on Day) error {
	if on < r.day {
		return refuse(DateBeforeOriginal).with("date", on).with("voucher", r.ref).with("original", r.day).at("occurred_on")
	}
	return nil
}
