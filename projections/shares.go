package projections

import (
	"fmt"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// shareholder is a member for whom shares were set.
type shareholder struct {
	member uint32
	steps  []shareStep // in the order of the log
}

// shareStep says how many shares somebody has from a day on.
type shareStep struct {
	from    ledger.Day
	shares  uint64
	version uint64
}

// exit is the end of a membership (left: its last day) or the taking back of one (left 0).
type exit struct {
	left    ledger.Day
	version uint64
}

// leftBy is the last day of a membership as known at a version, 0 while it goes on.
func (m *member) leftBy(version uint64) ledger.Day {
	for i := len(m.exits) - 1; i >= 0; i-- {
		if m.exits[i].version <= version {
			return m.exits[i].left
		}
	}
	return 0
}

// on says whether somebody is a member on a day, as known in a view.
func (m *member) on(day ledger.Day, w view) bool {
	left := m.leftBy(w.version)
	return m.enrolled <= w.version && m.joined <= day && (left == 0 || day <= left)
}

// checkMembers holds that facts about members come after their enrolment.
func (c *charter) checkMembers(e *eventv1.Event) string {
	members := e.GetMembersDeparted().GetMembers()
	switch f := e.Fact.(type) {
	case *eventv1.Event_MembersReadmitted:
		members = f.MembersReadmitted.Members
	case *eventv1.Event_SharesSet:
		if members = f.SharesSet.Members; len(members) != len(f.SharesSet.Shares) {
			return "it sets shares without numbers of them"
		}
	}
	for _, number := range members {
		if c.byNumber[number] == nil {
			return fmt.Sprintf("it is about the unknown member %d", number)
		}
	}
	return ""
}

func (c *charter) foldReadmitted(f *eventv1.MembersReadmitted, version uint64) {
	for _, number := range f.Members {
		m := c.byNumber[number]
		m.exits = append(m.exits, exit{0, version})
	}
}

func (c *charter) foldShares(f *eventv1.SharesSet, version uint64) {
	if c.holderOf == nil {
		c.holderOf = map[uint32]*shareholder{}
	}
	for i, number := range f.Members {
		h := c.holderOf[number]
		if h == nil {
			h = &shareholder{member: number}
			c.holders = append(c.holders, h)
			c.holderOf[number] = h
		}
		h.steps = append(h.steps, shareStep{ledger.Day(f.EffectiveOn), f.Shares[i], version})
	}
}

// at is what counts on a day as known at a version: the step that began last, of those of one day the one set last.
func (h *shareholder) at(on ledger.Day, version uint64) (best shareStep) {
	for _, s := range h.steps {
		if s.version <= version && s.from <= on && s.from >= best.from {
			best = s
		}
	}
	return best
}

func (c *charter) sharesOn(member uint32, on ledger.Day, version uint64) uint64 {
	if h := c.holderOf[member]; h != nil {
		return h.at(on, version).shares
	}
	return 0
}

// MemberShares (股份) is how many shares a member has.
type MemberShares struct {
	Member uint32
	Shares uint64
	From   ledger.Day // first day of that number
}

// Shares lists the members with shares on a day, in the order in which shares were first set for them, after the first `after`
// of those, and where to go on (0: the end). Who is no member that day has none.
func (b *Book) Shares(on ledger.Day, after, limit int, m Moment) ([]MemberShares, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.charter.holders, after, limit, func(h *shareholder) (MemberShares, bool) {
		s := h.at(on, w.version)
		return MemberShares{h.member, s.shares, s.from}, s.shares > 0 && b.charter.byNumber[h.member].on(on, w)
	})
}

// shares sums the shares of all members on a day.
func (c *charter) shares(on ledger.Day, w view) (sum uint64) {
	for _, h := range c.holders {
		if n := h.at(on, w.version).shares; n > 0 && c.byNumber[h.member].on(on, w) {
			sum += n
		}
	}
	return sum
}
