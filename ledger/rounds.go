package ledger

import (
	"cmp"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about what happens to a grant round besides its plain course in grant.go: applicants taken out, the round
// given up, objections during the notice, and money that came back.

// objectionsMax bounds the objections of one round.
const objectionsMax = 1000

type (
	// RemoveApplicants takes applicants out before the notice; what was reviewed has then changed.
	RemoveApplicants struct {
		Round   string
		Members []uint32
	}
	// CancelGrantRound gives a round up before its award.
	CancelGrantRound struct {
		Round string
		Why   string
	}
	// RaiseObjection records a resident's objection during the notice. Member 0: against the round as a whole.
	RaiseObjection struct {
		Round  string
		Member uint32
		Text   string
	}
	// AnswerObjection says what became of an objection.
	AnswerObjection struct {
		Round  string
		Number uint32
		Upheld bool
		Text   string
	}
	// RecordReturnedGrant records that the bank sent a paid grant back.
	RecordReturnedGrant struct {
		Round  string
		Member uint32
		On     Day
		Money  string
	}
)

func (*RemoveApplicants) Name() string    { return "RemoveApplicants" }
func (*CancelGrantRound) Name() string    { return "CancelGrantRound" }
func (*RaiseObjection) Name() string      { return "RaiseObjection" }
func (*AnswerObjection) Name() string     { return "AnswerObjection" }
func (*RecordReturnedGrant) Name() string { return "RecordReturnedGrant" }

// objection is one objection of a round.
type objection struct {
	raiser   string
	member   uint32 // 0: the whole round
	answered bool
}

// openObjection is the number of the first objection without an answer, 0 when there is none.
func (r *round) openObjection() int {
	return slices.IndexFunc(r.objections, func(o *objection) bool { return !o.answered }) + 1
}

// strike takes a line out of what the round gives, and keeps it in its list.
func (r *round) strike(member uint32) {
	if l := r.lines[member]; l != nil && l.state == "applied" {
		l.state = "struck"
		r.total -= l.amount
	}
}

// last is the newest live voucher of a line, zero when there is none: it decides what the line is.
func (l *grantLine) last() (r rest) {
	if n := len(l.live); n > 0 {
		r = l.live[n-1]
	}
	return r
}

// push books a voucher of the line.
func (l *grantLine) push(v rest, state string) {
	l.live, l.state = append(l.live, v), state
}

// pop takes the newest voucher away, which was turned back: what the one before it said holds again.
func (l *grantLine) pop() {
	l.live = l.live[:max(len(l.live)-1, 0)]
	l.state = "awarded"
	if l.last().ref.Class == Payment {
		l.state = "paid"
	}
}

func (s *Collective) evolveRound(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantApplicantsRemoved:
		r := s.rounds[f.GrantApplicantsRemoved.RoundId]
		for _, m := range f.GrantApplicantsRemoved.Members {
			r.total -= r.lines[m].amount
			delete(r.lines, m)
		}
		r.order = slices.DeleteFunc(r.order, func(m uint32) bool { return r.lines[m] == nil })
		r.state = "open" // what was reviewed has changed
	case *eventv1.Event_GrantRoundCancelled:
		r := s.rounds[f.GrantRoundCancelled.RoundId]
		r.state = "cancelled"
		s.reserveRound(r.fact, -1)
	case *eventv1.Event_GrantObjectionRaised:
		r := s.rounds[f.GrantObjectionRaised.RoundId]
		r.objections = append(r.objections, &objection{raiser: e.Actor, member: f.GrantObjectionRaised.Member})
	case *eventv1.Event_GrantObjectionAnswered:
		r := s.rounds[f.GrantObjectionAnswered.RoundId]
		o := r.objections[f.GrantObjectionAnswered.Number-1]
		o.answered = true
		switch {
		case !f.GrantObjectionAnswered.Upheld:
		case o.member != 0:
			r.strike(o.member)
		default:
			r.state = "open"
		}
	case *eventv1.Event_GrantReturned:
		s.rounds[f.GrantReturned.RoundId].lines[f.GrantReturned.Member].push(restOn(e), "awarded")
	}
}

// Applicants leave before the notice; from then on only an objection strikes them.
func (c *RemoveApplicants) decide(d *decision) error {
	r, err := d.inState(c.Round, "open", "reviewed")
	if err != nil {
		return err
	}
	if n := len(c.Members); n == 0 || n > applicationsMax {
		return refuse(TooMany).with("what", "applicants").with("max", applicationsMax).with("count", n).at("members")
	}
	seen := make(map[uint32]bool, len(c.Members))
	for _, m := range c.Members {
		if seen[m] {
			return refuse(RepeatedEntry).with("entry", m).at("members")
		}
		seen[m] = true
		if err := r.applicant(m, "members"); err != nil {
			return err
		}
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsRemoved{GrantApplicantsRemoved: &eventv1.GrantApplicantsRemoved{
		RoundId: c.Round, Members: c.Members}}})
	return nil
}

// applicant refuses a member who does not stand in the round.
func (r *round) applicant(member uint32, field string) error {
	if l := r.lines[member]; l == nil || l.state == "struck" {
		return refuse(ApplicantUnknown).with("round", r.fact.Id).with("member", member).at(field)
	}
	return nil
}

// A round is given up at any time before its award, and says why in public; its budget is free again.
func (c *CancelGrantRound) decide(d *decision) error {
	if _, err := d.inState(c.Round, "open", "reviewed", "notice"); err != nil {
		return err
	}
	if err := checkReason("reason", c.Why); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantRoundCancelled{GrantRoundCancelled: &eventv1.GrantRoundCancelled{RoundId: c.Round, Reason: c.Why}}})
	return nil
}

// checkReason admits a public text of at most 200 characters that says something.
func checkReason(field, s string) error {
	if s == "" {
		return refuse(FieldInvalid).because("it is empty", "不能为空").at(field)
	}
	return checkText(field, s, 200)
}

// An objection is recorded on or before the last day of the notice, by the clock.
func (c *RaiseObjection) decide(d *decision) error {
	r, err := d.inState(c.Round, "notice")
	if err != nil {
		return err
	}
	if d.today > r.till {
		return refuse(NoticeOver).with("notice_to", r.till).with("today", d.today).at("round_id")
	}
	if c.Member != 0 {
		if err := r.applicant(c.Member, "member"); err != nil {
			return err
		}
	}
	if err := checkReason("text", c.Text); err != nil {
		return err
	}
	n := len(r.objections) + 1
	if n > objectionsMax {
		return refuse(TooMany).with("what", "objections").with("max", objectionsMax).with("count", n).at("round_id")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantObjectionRaised{GrantObjectionRaised: &eventv1.GrantObjectionRaised{
		RoundId: c.Round, Number: uint32(n), Member: c.Member, Text: c.Text}}})
	return nil
}

// An objection is answered once, by somebody who had no part in it or in the round. One that is found right strikes its
// applicant; one against the whole round sends it back to where applicants are added, reviewed and noticed.
func (c *AnswerObjection) decide(d *decision) error {
	r, err := d.inState(c.Round, "open", "reviewed", "notice")
	if err != nil {
		return err
	}
	if c.Number == 0 || int(c.Number) > len(r.objections) {
		return refuse(ObjectionUnknown).with("round", c.Round).with("objection", c.Number).at("objection")
	}
	o := r.objections[c.Number-1]
	switch {
	case o.answered:
		return refuse(AlreadyDone).with("subject", subject("objection", c.Number)).at("objection")
	case o.raiser == d.m.Actor || r.opener == d.m.Actor || r.reviewer == d.m.Actor:
		return refuse(OwnRequest)
	}
	if err := checkReason("text", c.Text); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GrantObjectionAnswered{GrantObjectionAnswered: &eventv1.GrantObjectionAnswered{
		RoundId: c.Round, Number: c.Number, Upheld: c.Upheld, Text: c.Text}}})
	return nil
}

// unanswered refuses to award while an objection is open.
func (r *round) unanswered() error {
	if n := r.openObjection(); n > 0 {
		return refuse(ObjectionOpen).with("round", r.fact.Id).with("objection", n).at("round_id")
	}
	return nil
}

// corrects says whether a notice may take the place of the one that stands: it begins with it or from today on, and gives
// residents no less time. The same notice again is no correction.
func (c *PublishGrantNotice) corrects(r *round, today Day) bool {
	extends := c.From == r.noticeFrom && c.To > r.till && c.To >= today
	anew := c.From >= today && c.To >= r.till && c.From != r.noticeFrom
	return extends || anew
}

// What came back is owed again: the member is paid once more, or the part is cancelled.
func (c *RecordReturnedGrant) decide(d *decision) error {
	r, err := d.inState(c.Round, "awarded")
	if err != nil {
		return err
	}
	l := r.lines[c.Member]
	if l == nil || l.state != "paid" {
		return refuse(GrantNotPaid).with("round", c.Round).with("member", c.Member).at("member")
	}
	if err := cmp.Or(d.voucherDay("occurred_on", c.On), l.last().before(c.On)); err != nil {
		return err
	}
	to, err := d.moneyAccount("money_account", c.Money)
	if err != nil {
		return err
	}
	d.book(Receipt, c.On, &eventv1.Voucher{Narration: r.fact.Title, Party: memberParty(c.Member), GrantRoundId: c.Round,
		Postings: []*eventv1.Posting{line(to, l.amount), line(PayableGrant, -l.amount)}})
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_GrantReturned{GrantReturned: &eventv1.GrantReturned{RoundId: c.Round, Member: c.Member, MoneyAccount: c.Money}}})
	return nil
}

// lastOfLine refuses to turn back a member's voucher that a later one of the same member rests on: a payment that came back,
// a return that was paid again.
func (d *decision) lastOfLine(v *eventv1.Voucher) *Refusal {
	r := d.s.rounds[v.GrantRoundId]
	member, ok := memberOf(v.Party)
	if r == nil || !ok {
		return nil
	}
	l := r.lines[member]
	if l == nil || len(l.live) == 0 || l.last().ref == RefOf(v.Ref) {
		return nil
	}
	by := l.last().ref.String()
	return refuse(VoucherNotReversible).with("voucher", RefOf(v.Ref)).because(by+" rests on it; turn that back first", by+" 以它为依据,请先冲销 "+by)
}
