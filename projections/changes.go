package projections

import (
	"fmt"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file answers "what changed" between two versions, both looked at as of the same business day.

// BalanceChange is an account whose balance differs, fen, positive on the account's own side.
type BalanceChange struct {
	Account  ledger.Account
	Old, New ledger.Fen
}

// BalanceChanges lists the accounts whose balance at one version is not that at another, in order of the path. What is asked
// for is how a day's figures changed, so both moments should have the same AsOf.
func (b *Book) BalanceChanges(from, to Moment) []BalanceChange {
	b.mu.RLock()
	defer b.mu.RUnlock()
	before, after := b.view(from), b.view(to)
	var list []BalanceChange
	for _, id := range b.accounts.byPath {
		a := b.accounts.list[id]
		was, _, _ := a.at(before)
		is, _, _ := a.at(after)
		if was != is {
			list = append(list, BalanceChange{a.name, a.name.Sign() * was, a.name.Sign() * is})
		}
	}
	return list
}

// Booked is a voucher that came into the books.
type Booked struct {
	Voucher
	DaysLate int // from its business day to the day on which it was recorded; 0 when it was recorded by its day
}

// BookedBetween gives a page of the vouchers that count at one moment and were not yet known at another, in the order of the
// log, after a row (0: the first), and where to go on, 0 at the end. A page may be short, even empty, before the end: it
// looks at scanMax vouchers.
func (b *Book) BookedBetween(from, to Moment, after, limit int) (list []Booked, next int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	before, w := b.view(from), b.view(to)
	limit = page(limit)
	for row := max(before.rows, after); row < w.rows; row++ {
		if row-max(before.rows, after) == scanMax {
			return list, row
		}
		if !b.seen(int32(row+1), w) {
			continue
		}
		if len(list) == limit {
			return list, next
		}
		var v Booked
		b.voucher(&v.Voucher, row, w, nil)
		v.DaysLate = max(v.OccurredOn.DaysTo(b.recordedOn(v.Version)), 0)
		list = append(list, v)
		next = row + 1
	}
	return list, 0
}

// Registers whose items change.
const (
	RegisterRequest    = "request"
	RegisterResolution = "resolution"
	RegisterRound      = "grant_round"
	RegisterRun        = "dividend_run"
	RegisterPolicy     = "policy"
	RegisterRule       = "spending_rule"
	RegisterMonth      = "month"
	RegisterRole       = "role"
	RegisterInquiry    = "inquiry"
)

// States that only registers of this list have. A resolution is recorded, then confirmed; a policy and a rule adopted; a month
// closed; a role held.
const (
	StateRecorded  = "recorded"
	StateConfirmed = "confirmed"
	StateAdopted   = "adopted"
	StateClosed    = "closed"
	StateHeld      = "held"
)

// RegisterChange is an item of a register that is in another state, or has another figure. A state is empty while the item
// does not count. The figure is, in fen: of a request its amount, of a resolution what is drawn, of a round and a run what is
// paid, of others 0.
type RegisterChange struct {
	Register, ID         string
	OldState, NewState   string
	OldFigure, NewFigure ledger.Fen
}

// RegisterChanges lists the items of the registers that differ between two moments, at most limit, register by register in
// the order of their appearance, and says how many there are.
func (b *Book) RegisterChanges(from, to Moment, limit int) (list []RegisterChange, count int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	limit = page(limit)
	before, after := b.view(from), b.view(to)
	note := func(register, id string, look func(w view) (string, ledger.Fen)) {
		c := RegisterChange{Register: register, ID: id}
		c.OldState, c.OldFigure = look(before)
		c.NewState, c.NewFigure = look(after)
		if c.OldState == c.NewState && c.OldFigure == c.NewFigure {
			return
		}
		if count++; count <= limit {
			list = append(list, c)
		}
	}
	b.lookAtOutlays(before, note)
	b.lookAtRules(note)
	return list, count
}

type noteChange func(register, id string, look func(w view) (state string, figure ledger.Fen))

// lookAtOutlays looks at requests, resolutions, rounds and runs; requests without a step since are left out.
func (b *Book) lookAtOutlays(before view, note noteChange) {
	for _, q := range b.requests.items {
		if q.version <= before.version && (len(q.steps) == 0 || q.steps[len(q.steps)-1].version <= before.version) {
			continue
		}
		note(RegisterRequest, fmt.Sprint(q.made.Number), func(w view) (string, ledger.Fen) {
			if !b.asked(q, w) {
				return "", 0
			}
			return q.progress(w), q.amount
		})
	}
	for _, r := range b.resolutions.items {
		note(RegisterResolution, r.fact.Id, func(w view) (string, ledger.Fen) {
			switch {
			case !w.counts(r.recorded):
				return "", 0
			case w.counts(r.confirmed):
				return StateConfirmed, w.sum(&r.draws)
			}
			return StateRecorded, w.sum(&r.draws)
		})
	}
	for _, r := range b.rounds.items {
		note(RegisterRound, r.opened.Id, func(w view) (string, ledger.Fen) {
			if !w.counts(r.mark) {
				return "", 0
			}
			g := b.grantRound(r, w)
			return g.State, g.Paid
		})
	}
	for _, r := range b.runs.items {
		if r.fact == nil {
			continue
		}
		note(RegisterRun, r.fact.RunId, func(w view) (string, ledger.Fen) {
			if !w.counts(r.declared) {
				return "", 0
			}
			d := b.dividend(r, w)
			return d.State, d.Paid
		})
	}
}

// progress is a request's state with the steps on the way: reviewed and approved count as states of their own.
func (q *request) progress(w view) string {
	state := RequestOpen
	for _, s := range q.steps {
		if w.counts(s.mark) && s.kind < stepRejected {
			state = stepNames[s.kind]
		}
	}
	if ended := q.state(w); ended != RequestOpen {
		return ended
	}
	return state
}

// lookAtRules looks at policies, spending rules, closed months, inquiries and roles.
func (b *Book) lookAtRules(note noteChange) {
	adopted := func(register string, id any, state string, counts func(w view) bool) {
		note(register, fmt.Sprint(id), func(w view) (string, ledger.Fen) {
			if counts(w) {
				return state, 0
			}
			return "", 0
		})
	}
	for _, p := range b.charter.policies {
		adopted(RegisterPolicy, p.fact.Version, StateAdopted, mark{p.version, ledger.Day(p.fact.EffectiveOn)}.countsIn)
	}
	for _, r := range b.charter.rules {
		adopted(RegisterRule, r.fact.Version, StateAdopted, func(w view) bool { return b.recordedBy(r.version, w) })
	}
	for _, c := range b.charter.closed {
		adopted(RegisterMonth, c.month, StateClosed, func(w view) bool { return b.recordedBy(c.version, w) })
	}
	for _, q := range b.inquiries.list {
		note(RegisterInquiry, fmt.Sprint(q.fact.Number), func(w view) (string, ledger.Fen) {
			if !w.counts(q.received) {
				return "", 0
			}
			return q.state(w), 0
		})
	}
	for _, r := range b.roles {
		adopted(RegisterRole, r.operator+"/"+roleName(r.role), StateHeld, func(w view) bool {
			return b.recordedBy(r.since, w) && (r.revoked == 0 || !b.recordedBy(r.revoked, w))
		})
	}
}

func (m mark) countsIn(w view) bool { return w.counts(m) }

// roleName is a role in lower case, e.g. treasurer.
func roleName(r eventv1.Role) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
}
