package projections

import (
	"fmt"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// States of a hold on a day.
const (
	HoldActive   = "active"
	HoldExpired  = "expired" // its last day is over
	HoldReleased = "released"
)

// held is a hold and the version that released it, 0 while it stands.
type held struct {
	fact         *eventv1.PayeeHeld
	at, released uint64
}

// checkHold holds that holds are numbered without a gap and released once.
func (b *Book) checkHold(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_PayeeHeld:
		if int(f.PayeeHeld.Number) != len(b.holds)+1 {
			return fmt.Sprintf("hold %d comes where %d is due", f.PayeeHeld.Number, len(b.holds)+1)
		}
	case *eventv1.Event_PayeeReleased:
		if n := int(f.PayeeReleased.Number); n == 0 || n > len(b.holds) || b.holds[n-1].released != 0 {
			return fmt.Sprintf("it releases hold %d, which does not stand", n)
		}
	}
	return ""
}

func (b *Book) foldHold(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_PayeeHeld:
		b.holds = append(b.holds, &held{fact: f.PayeeHeld, at: e.Version})
	case *eventv1.Event_PayeeReleased:
		b.holds[f.PayeeReleased.Number-1].released = e.Version
	}
}

// state is what is seen of a hold on a day; empty while it was not made.
func (h *held) state(on ledger.Day, w view) string {
	switch {
	case h.at > w.version:
		return ""
	case h.released != 0 && h.released <= w.version:
		return HoldReleased
	case h.fact.Until != 0 && on > ledger.Day(h.fact.Until):
		return HoldExpired
	}
	return HoldActive
}

// held gives the number of a hold for each member, or household, whose benefit is held on a day.
func (b *Book) held(benefit eventv1.Benefit, household bool, on ledger.Day, w view) map[uint32]uint32 {
	list := map[uint32]uint32{}
	for _, h := range b.holds {
		if h.state(on, w) == HoldActive && h.fact.Household == household && (h.fact.Benefit == benefit || h.fact.Benefit == eventv1.Benefit_BENEFIT_ALL) {
			list[h.fact.Payee] = h.fact.Number
		}
	}
	return list
}

// markHeld shows on a page who is held: of those who are owed, not of those in a file or paid.
func markHeld(page []Entitlement, holds map[uint32]uint32) {
	for i, e := range page {
		if n := holds[e.Payee]; n != 0 && (e.State == EntitlementOwed || e.State == EntitlementReturned) {
			page[i].State, page[i].Hold = EntitlementHeld, n
		}
	}
}

// Hold (暂缓发放) is a hold with what became of it. The message is part of an event and must not be changed.
type Hold struct {
	*eventv1.PayeeHeld
	State   string    // HoldActive, HoldExpired or HoldReleased
	HeldAt  time.Time // when it was recorded, UTC
	EndedAt time.Time // when it was released, UTC; zero for none
	HeldBy  string    // operator
}

// Holds lists the holds known by the moment as they stand on a day, by number, after the first `after` of them, and where to
// go on (0: the end).
func (b *Book) Holds(on ledger.Day, after, limit int, m Moment) ([]Hold, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.holds, after, limit, func(h *held) (Hold, bool) {
		state := h.state(on, w)
		if state == "" {
			return Hold{}, false
		}
		answer := Hold{PayeeHeld: h.fact, State: state, HeldAt: instant(*b.recorded.at(int(h.at - 1))), HeldBy: b.names.texts[*b.actors.at(int(h.at - 1))]}
		if state == HoldReleased {
			answer.EndedAt = instant(*b.recorded.at(int(h.released - 1)))
		}
		return answer, true
	})
}

// holding counts the holds that stand on a day.
func (b *Book) holding(on ledger.Day, w view) (count int) {
	for _, h := range b.holds {
		if h.state(on, w) == HoldActive {
			count++
		}
	}
	return count
}
