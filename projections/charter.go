package projections

import (
	"slices"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// charter is the collective itself: what it was founded with and what was added since, each with the version that added it.
type charter struct {
	founded    *eventv1.CollectiveFounded
	bodies     []changedBody // in the order of the charter, then of their changes
	funds      []openedFund
	changed    []openedFund // funds as they were changed later
	opening    []adopted[*eventv1.OpeningProposed]
	money      []openedMoney
	policies   []adopted[*eventv1.PolicyAdopted]
	rules      []adopted[*eventv1.SpendingRuleAdopted]
	closed     []closing
	witnesses  []adopted[*eventv1.WitnessPolicyAdopted]
	trueUps    []bookedTrueUp
	members    []*member
	byNumber   map[uint32]*member
	households map[uint32]int32 // household number -> place, from 0
	holders    []*shareholder   // in the order in which shares were first set
	holderOf   map[uint32]*shareholder
}

type (
	openedFund struct {
		fund    *eventv1.Fund
		version uint64
	}
	changedBody struct {
		body    *eventv1.Body
		version uint64
	}
	openedMoney struct {
		opened  *eventv1.MoneyAccountOpened
		version uint64
	}
	adopted[T any] struct {
		fact    T
		version uint64
	}
	closing struct {
		month     ledger.Month
		version   uint64
		statement []byte
	}
	member struct {
		number    uint32
		household int32
		joined    ledger.Day
		enrolled  uint64 // version
		exits     []exit // in the order of the log
	}
)

// foldCharter takes the facts about the collective, its rules and its members.
func (b *Book) foldCharter(e *eventv1.Event) {
	c := &b.charter
	switch f := e.Fact.(type) {
	case *eventv1.Event_CollectiveFounded:
		c.founded = f.CollectiveFounded
		for _, body := range f.CollectiveFounded.Bodies {
			c.bodies = append(c.bodies, changedBody{body, e.Version})
		}
		for _, fund := range f.CollectiveFounded.Funds {
			c.funds = append(c.funds, openedFund{fund, e.Version})
		}
	case *eventv1.Event_FundOpened:
		c.funds = append(c.funds, openedFund{f.FundOpened.Fund, e.Version})
	case *eventv1.Event_MoneyAccountOpened:
		c.money = append(c.money, openedMoney{f.MoneyAccountOpened, e.Version})
	case *eventv1.Event_MembersEnrolled:
		c.enrol(f.MembersEnrolled, e.Version)
	case *eventv1.Event_MembersDeparted:
		for _, number := range f.MembersDeparted.Members {
			m := c.byNumber[number]
			m.exits = append(m.exits, exit{ledger.Day(f.MembersDeparted.LeftOn), e.Version})
		}
	case *eventv1.Event_MembersReadmitted:
		c.foldReadmitted(f.MembersReadmitted, e.Version)
	case *eventv1.Event_SharesSet:
		c.foldShares(f.SharesSet, e.Version)
	case *eventv1.Event_PolicyAdopted:
		c.policies = append(c.policies, adopted[*eventv1.PolicyAdopted]{f.PolicyAdopted, e.Version})
	case *eventv1.Event_SpendingRuleAdopted:
		c.rules = append(c.rules, adopted[*eventv1.SpendingRuleAdopted]{f.SpendingRuleAdopted, e.Version})
	case *eventv1.Event_TrueUpBooked:
		b.foldTrueUp(f.TrueUpBooked, e)
	case *eventv1.Event_PeriodClosed:
		c.closed = append(c.closed, closing{ledger.Month(f.PeriodClosed.Month), e.Version, f.PeriodClosed.StatementSha256})
	case *eventv1.Event_BodyChanged:
		c.bodies = append(c.bodies, changedBody{f.BodyChanged.Body, e.Version})
	case *eventv1.Event_FundChanged:
		c.changed = append(c.changed, openedFund{f.FundChanged.Fund, e.Version})
	case *eventv1.Event_WitnessPolicyAdopted:
		c.witnesses = append(c.witnesses, adopted[*eventv1.WitnessPolicyAdopted]{f.WitnessPolicyAdopted, e.Version})
	case *eventv1.Event_OpeningProposed:
		c.opening = append(c.opening, adopted[*eventv1.OpeningProposed]{f.OpeningProposed, e.Version})
	}
}

func (c *charter) enrol(f *eventv1.MembersEnrolled, version uint64) {
	if c.byNumber == nil {
		c.byNumber, c.households = map[uint32]*member{}, map[uint32]int32{}
	}
	for i, number := range f.Members {
		place, ok := c.households[f.Households[i]]
		if !ok {
			place = int32(len(c.households))
			c.households[f.Households[i]] = place
		}
		m := &member{number: number, household: place, joined: ledger.Day(f.JoinedOn), enrolled: version}
		c.members = append(c.members, m)
		c.byNumber[number] = m
	}
}

// count counts members and their households on a day.
func (c *charter) count(on ledger.Day, w view) (members, households int) {
	seen := make([]bool, len(c.households))
	for _, m := range c.members {
		if !m.on(on, w) {
			continue
		}
		members++
		if !seen[m.household] {
			seen[m.household] = true
			households++
		}
	}
	return members, households
}

// Collective is a collective's charter and state. The messages are parts of events and must not be changed.
type Collective struct {
	Charter             *eventv1.CollectiveFounded // nil when it was not founded by the moment
	Bodies              []*eventv1.Body            // in the order of the charter, as they were changed last
	Funds               []*eventv1.Fund            // in the order of the charter, then of their opening, as they were changed last
	MoneyAccounts       []*eventv1.MoneyAccountOpened
	Members, Households int          // on the day asked for
	Shares              uint64       // of all members on that day
	Holds               int          // that stand on that day
	ClosedThrough       ledger.Month // last closed month, 0 for none
	FirstOpenDay        ledger.Day   // first day a voucher may occur
	Version             uint64       // number of its events by the moment
}

// Knows says whether an account ever moved, or is that of an opened fund or money account or of an agreed gift.
func (b *Book) Knows(a ledger.Account) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, moved := b.accounts.ids[string(a)]
	return moved ||
		a.Kind() == ledger.KindGift && b.gifts.byID[a.ID()] != nil ||
		slices.ContainsFunc(b.charter.funds, func(f openedFund) bool { return ledger.FundAccount(f.fund.Id) == a }) ||
		slices.ContainsFunc(b.charter.money, func(m openedMoney) bool { return ledger.MoneyAccount(m.opened.Id) == a })
}

// Collective gives charter and state; members are counted on the given day.
func (b *Book) Collective(on ledger.Day, m Moment) Collective {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w, c := b.view(m), &b.charter
	answer := Collective{Version: w.version}
	if w.version == 0 {
		return answer
	}
	answer.Charter = c.founded
	answer.FirstOpenDay = ledger.Day(c.founded.FirstDay)
	answer.Members, answer.Households = c.count(on, w)
	answer.Shares, answer.Holds = c.shares(on, w), b.holding(on, w)
	answer.Bodies = c.bodiesAt(w)
	for _, f := range c.funds {
		if f.version <= w.version {
			answer.Funds = append(answer.Funds, c.fundAt(f.fund, w))
		}
	}
	for _, a := range c.money {
		if a.version <= w.version {
			answer.MoneyAccounts = append(answer.MoneyAccounts, a.opened)
		}
	}
	for _, p := range c.closed {
		if p.version <= w.version {
			answer.ClosedThrough, answer.FirstOpenDay = p.month, p.month.Next().First()
		}
	}
	return answer
}

// Policy (分配办法) is an adopted allocation policy. The message is part of an event and must not be changed.
type Policy struct {
	*eventv1.PolicyAdopted
	AdoptedAt time.Time // when it was recorded, UTC
}

// Policies lists the allocation policies adopted by the moment and in effect by its day, by version.
func (b *Book) Policies(m Moment) []Policy {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var list []Policy
	for _, p := range b.charter.policies {
		if p.version <= w.version && (w.asOf == 0 || ledger.Day(p.fact.EffectiveOn) <= w.asOf) {
			list = append(list, Policy{p.fact, instant(*b.recorded.at(int(p.version - 1)))})
		}
	}
	return list
}

// SpendingRule (支出办法) gives the rule in force at the moment, on its day, nil when none was adopted. It must not be changed.
func (b *Book) SpendingRule(m Moment) *eventv1.SpendingRuleAdopted {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var rule *eventv1.SpendingRuleAdopted
	for _, r := range b.charter.rules {
		if b.recordedBy(r.version, w) {
			rule = r.fact
		}
	}
	return rule
}

// bodiesAt lists the bodies as they stood.
func (c *charter) bodiesAt(w view) (list []*eventv1.Body) {
	for _, b := range c.bodies {
		if b.version > w.version {
			break
		}
		i := slices.IndexFunc(list, func(o *eventv1.Body) bool { return o.Id == b.body.Id })
		if i < 0 {
			list = append(list, b.body)
		} else {
			list[i] = b.body
		}
	}
	return list
}

// fundAt is a fund as it stood.
func (c *charter) fundAt(f *eventv1.Fund, w view) *eventv1.Fund {
	for _, changed := range c.changed {
		if changed.version <= w.version && changed.fund.Id == f.Id {
			f = changed.fund
		}
	}
	return f
}

func (c *charter) checkBody(id string) string {
	if !slices.ContainsFunc(c.bodies, func(b changedBody) bool { return b.body.Id == id }) {
		return "it changes the unknown body " + id
	}
	return ""
}

func (c *charter) checkFund(id string) string {
	if !slices.ContainsFunc(c.funds, func(f openedFund) bool { return f.fund.Id == id }) {
		return "it changes the unknown fund " + id
	}
	return ""
}

// Opening gives the opening balances proposed last by the moment, confirmed or not; nil when none were. It must not be changed.
func (b *Book) Opening(m Moment) *eventv1.OpeningProposed {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var last *eventv1.OpeningProposed
	for _, p := range b.charter.opening {
		if p.version <= w.version {
			last = p.fact
		}
	}
	return last
}
