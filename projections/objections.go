package projections

import (
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// States of an objection.
const (
	ObjectionOpen      = "open"
	ObjectionUpheld    = "upheld"
	ObjectionDismissed = "dismissed"
)

// objection is an objection of a round with its answer, nil while it is open.
type objection struct {
	raised             *eventv1.GrantObjectionRaised
	answered           *eventv1.GrantObjectionAnswered
	version, answer    uint64
	raisedBy, answerer int32 // numbers into Book.names
}

// foldRound takes the facts about a round besides its plain course.
func (b *Book) foldRound(e *eventv1.Event, at mark) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantApplicantsRemoved:
		r := b.rounds.byID[f.GrantApplicantsRemoved.RoundId]
		for _, member := range f.GrantApplicantsRemoved.Members {
			r.byMember[member].removed = at
			delete(r.byMember, member)
		}
		r.steps = append(r.steps, step{mark: at, state: RoundOpen}) // what was reviewed has changed
	case *eventv1.Event_GrantRoundCancelled:
		r := b.rounds.byID[f.GrantRoundCancelled.RoundId]
		r.steps = append(r.steps, step{mark: at, state: RoundCancelled})
		r.reason = f.GrantRoundCancelled.Reason
		b.hold(r.opened.ResolutionId, at, -ledger.Fen(r.opened.BudgetFen))
	case *eventv1.Event_GrantObjectionRaised:
		r := b.rounds.byID[f.GrantObjectionRaised.RoundId]
		r.objections = append(r.objections, &objection{raised: f.GrantObjectionRaised, version: at.version, raisedBy: b.names.id(e.Actor)})
	case *eventv1.Event_GrantObjectionAnswered:
		r := b.rounds.byID[f.GrantObjectionAnswered.RoundId]
		o := r.objections[f.GrantObjectionAnswered.Number-1]
		o.answered, o.answer, o.answerer = f.GrantObjectionAnswered, at.version, b.names.id(e.Actor)
		r.uphold(o, at)
	case *eventv1.Event_GrantReturned:
		l := b.rounds.byID[f.GrantReturned.RoundId].byMember[f.GrantReturned.Member]
		l.steps = append(l.steps, step{mark: at, state: LineAwarded})
	}
}

// uphold carries out an objection that was found right: its applicant is struck, or the round begins anew.
func (r *round) uphold(o *objection, at mark) {
	l := r.byMember[o.raised.Member]
	switch {
	case !o.answered.Upheld:
	case o.raised.Member == 0:
		r.steps = append(r.steps, step{mark: at, state: RoundOpen})
	case l != nil && l.struck.version == 0: // an applicant may have left before the answer
		l.struck = at
	}
}

// checkRoundStep holds that facts about a round name members and objections it has.
func (b *Book) checkRoundStep(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantApplicantsRemoved:
		r := b.rounds.byID[f.GrantApplicantsRemoved.RoundId]
		for _, member := range f.GrantApplicantsRemoved.Members {
			if r == nil || r.byMember[member] == nil {
				return "it removes somebody who is no applicant of round " + f.GrantApplicantsRemoved.RoundId
			}
		}
	case *eventv1.Event_GrantRoundCancelled:
		return b.checkRound(f.GrantRoundCancelled.RoundId)
	case *eventv1.Event_GrantObjectionRaised:
		if r := b.rounds.byID[f.GrantObjectionRaised.RoundId]; r == nil || int(f.GrantObjectionRaised.Number) != len(r.objections)+1 {
			return "it raises an objection out of turn in round " + f.GrantObjectionRaised.RoundId
		}
	case *eventv1.Event_GrantObjectionAnswered:
		n := int(f.GrantObjectionAnswered.Number)
		if r := b.rounds.byID[f.GrantObjectionAnswered.RoundId]; r == nil || n == 0 || n > len(r.objections) || r.objections[n-1].answered != nil {
			return "it answers an objection that is not open in round " + f.GrantObjectionAnswered.RoundId
		}
	case *eventv1.Event_GrantReturned:
		return b.checkLine(f.GrantReturned.RoundId, f.GrantReturned.Member, e)
	case *eventv1.Event_PeriodReviewed:
		return b.checkReview(f.PeriodReviewed)
	case *eventv1.Event_BodyChanged:
		return b.charter.checkBody(f.BodyChanged.Body.GetId())
	case *eventv1.Event_FundChanged:
		return b.charter.checkFund(f.FundChanged.Fund.GetId())
	case *eventv1.Event_WitnessPolicyAdopted:
		return b.charter.checkWitnessPolicy(f.WitnessPolicyAdopted)
	}
	return ""
}

// lastPaid is the row from 1 of a line's last payment, 0 when there was none.
func (l *line) lastPaid() (row int32) {
	for _, s := range l.steps {
		if s.state == LinePaid {
			row = s.voucher
		}
	}
	return row
}

// GrantObjection (异议) is an objection to a round, as it stood.
type GrantObjection struct {
	*eventv1.GrantObjectionRaised // part of an event: must not be changed
	State                         string
	Answer                        string    // empty while open
	RaisedBy, AnsweredBy          string    // operators
	RaisedAt                      time.Time // UTC
}

// grantObjections lists a round's objections by number.
func (b *Book) grantObjections(r *round, w view) (list []GrantObjection) {
	for _, o := range r.objections {
		if o.version > w.version {
			break
		}
		g := GrantObjection{GrantObjectionRaised: o.raised, State: ObjectionOpen, RaisedBy: b.names.texts[o.raisedBy],
			RaisedAt: instant(*b.recorded.at(int(o.version - 1)))}
		if o.answered != nil && o.answer <= w.version {
			g.State, g.Answer, g.AnsweredBy = ObjectionDismissed, o.answered.Text, b.names.texts[o.answerer]
			if o.answered.Upheld {
				g.State = ObjectionUpheld
			}
		}
		list = append(list, g)
	}
	return list
}
