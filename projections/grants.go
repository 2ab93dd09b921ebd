package projections

import (
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// States of a grant round and of its lines.
const (
	RoundOpen      = "open"
	RoundReviewed  = "reviewed"
	RoundNotice    = "notice"
	RoundAwarded   = "awarded"
	RoundCancelled = "cancelled"

	LineApplied   = "applied"
	LineAwarded   = "awarded"
	LinePaid      = "paid"
	LineCancelled = "cancelled"
	LineStruck    = "struck"
)

// round is a grant round with every step since.
type round struct {
	opened     *eventv1.GrantRoundOpened
	mark       // of opening
	notices    []notice
	steps      []step
	lines      []*line
	byMember   map[uint32]*line
	objections []*objection
	reason     string // why it was cancelled
}

type line struct {
	member          uint32
	amount          ledger.Fen
	mark            // of applying
	struck, removed mark
	steps           []step
}

type notice struct {
	mark
	fact *eventv1.GrantNoticePublished
}

// step is a change of a round's or line's state, and the voucher that made it (row from 1, 0: none).
type step struct {
	mark
	state   string
	voucher int32
}

// foldGrant takes the facts about grant rounds. The event's vouchers are in the journal from row first on.
func (b *Book) foldGrant(e *eventv1.Event, at mark, first int) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantRoundOpened:
		r := &round{opened: f.GrantRoundOpened, mark: at, byMember: map[uint32]*line{}}
		b.rounds.add(r.opened.Id, r)
		b.hold(r.opened.ResolutionId, at, ledger.Fen(r.opened.BudgetFen))
	case *eventv1.Event_GrantApplicantsAdded:
		r := b.rounds.byID[f.GrantApplicantsAdded.RoundId]
		for i, member := range f.GrantApplicantsAdded.Members {
			l := &line{member: member, amount: ledger.Fen(f.GrantApplicantsAdded.AmountsFen[i]), mark: at}
			r.lines = append(r.lines, l)
			r.byMember[member] = l
		}
		if len(r.steps) > 0 {
			r.steps = append(r.steps, step{mark: at, state: RoundOpen}) // what was reviewed has changed
		}
	case *eventv1.Event_GrantRoundReviewed:
		r := b.rounds.byID[f.GrantRoundReviewed.RoundId]
		r.steps = append(r.steps, step{mark: at, state: RoundReviewed})
	case *eventv1.Event_GrantNoticePublished:
		r := b.rounds.byID[f.GrantNoticePublished.RoundId]
		r.notices = append(r.notices, notice{at, f.GrantNoticePublished})
		r.steps = append(r.steps, step{mark: at, state: RoundNotice})
	case *eventv1.Event_GrantsAwarded:
		r := b.rounds.byID[f.GrantsAwarded.RoundId]
		r.steps = append(r.steps, step{mark: at, state: RoundAwarded})
		b.hold(r.opened.ResolutionId, at.notBefore(r.day), -ledger.Fen(r.opened.BudgetFen))
	case *eventv1.Event_GrantPaid:
		l := b.rounds.byID[f.GrantPaid.RoundId].byMember[f.GrantPaid.Member]
		l.steps = append(l.steps, step{at, LinePaid, int32(first + 1)})
	case *eventv1.Event_GrantCancelled:
		l := b.rounds.byID[f.GrantCancelled.RoundId].byMember[f.GrantCancelled.Member]
		l.steps = append(l.steps, step{at, LineCancelled, int32(first + 1)})
	}
}

// turnBackGrant takes the reversal of a round's voucher: of one member's payment or cancellation, which makes the line
// awarded again, of one member's return, which makes it paid again, or of the award, which puts the whole round back to its notice and holds its budget again.
func (b *Book) turnBackGrant(v *eventv1.Voucher, at mark) {
	r := b.rounds.byID[v.GrantRoundId]
	if member, ok := memberOf(v.Party); ok {
		l := r.byMember[member]
		if v.Ref.Class == ledger.Receipt { // money that had come back: it is paid again
			l.steps = append(l.steps, step{at, LinePaid, l.lastPaid()})
			return
		}
		l.steps = append(l.steps, step{mark: at, state: LineAwarded})
		return
	}
	r.steps = append(r.steps, step{mark: at, state: RoundNotice})
	b.hold(r.opened.ResolutionId, at.notBefore(r.day), ledger.Fen(r.opened.BudgetFen))
}

// last is the last step that counts.
func (w view) last(steps []step) (s step, ok bool) {
	for i := len(steps) - 1; i >= 0; i-- {
		if w.counts(steps[i].mark) {
			return steps[i], true
		}
	}
	return step{}, false
}

// GrantRound (救助、奖学一轮) is one round of grants and how far it got, amounts in fen.
type GrantRound struct {
	*eventv1.GrantRoundOpened             // part of an event: must not be changed
	State                     string      // RoundOpen, RoundReviewed, RoundNotice, RoundAwarded or RoundCancelled
	Reason                    string      // why it was cancelled
	NoticeFrom, NoticeTo      ledger.Day  // 0 before the notice
	Total, Paid               ledger.Fen  // asked for by all lines that are not struck; paid to members
	Applicants, PaidCount     int         // lines that are not struck; members paid
	Lines                     []GrantLine // in order of application
	Objections                []GrantObjection
}

// GrantLine is one applicant of a round.
type GrantLine struct {
	Member  uint32
	Amount  ledger.Fen
	State   string            // LineApplied, LineAwarded, LinePaid, LineCancelled or LineStruck
	Voucher ledger.VoucherRef // that paid or cancelled it; zero for none
}

// GrantRounds lists the rounds opened by the moment, in order of opening, after the first `after` of them, and where to go
// on (0: the end).
func (b *Book) GrantRounds(after, limit int, m Moment) ([]GrantRound, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.rounds.items, after, limit, func(r *round) (GrantRound, bool) {
		if !w.counts(r.mark) {
			return GrantRound{}, false
		}
		return b.grantRound(r, w), true
	})
}

func (b *Book) grantRound(r *round, w view) GrantRound {
	g := GrantRound{GrantRoundOpened: r.opened, State: RoundOpen, Lines: make([]GrantLine, 0, len(r.lines))}
	reached, ok := w.last(r.steps)
	if ok {
		g.State = reached.state
	}
	for _, n := range r.notices {
		if w.counts(n.mark) {
			g.NoticeFrom, g.NoticeTo = ledger.Day(n.fact.NoticeFrom), ledger.Day(n.fact.NoticeTo)
		}
	}
	if g.State == RoundCancelled {
		g.Reason = r.reason
	}
	g.Objections = b.grantObjections(r, w)
	for _, l := range r.lines {
		if !w.counts(l.mark) || w.counts(l.removed) {
			continue
		}
		line := b.grantLine(l, reached, w)
		g.Lines = append(g.Lines, line)
		if line.State == LineStruck {
			continue
		}
		g.Applicants++
		g.Total += line.Amount
		if line.State == LinePaid {
			g.Paid += line.Amount
			g.PaidCount++
		}
	}
	return g
}

// grantLine gives a line its own last step, as long as the round stands awarded and was awarded before that step.
func (b *Book) grantLine(l *line, reached step, w view) GrantLine {
	g := GrantLine{Member: l.member, Amount: l.amount, State: LineApplied}
	if w.counts(l.struck) {
		g.State = LineStruck
		return g
	}
	if reached.state != RoundAwarded {
		return g
	}
	g.State = LineAwarded
	if s, ok := w.last(l.steps); ok && s.version > reached.version {
		g.State, g.Voucher = s.state, b.refAt(s.voucher)
	}
	return g
}
