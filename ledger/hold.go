package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about holds (暂缓发放): what is due to somebody stays due and is not paid for now. A hold posts nothing and
// takes nothing: it ends with its last day or its release, and then the same money is paid. Nothing here forfeits anything.

// heldListMax is how many payees a refusal lists.
const heldListMax = 100

// hold is a hold and whether it was released.
type hold struct {
	fact     *eventv1.PayeeHeld
	released bool
}

// holds gives the number of a hold for each payee that is held.
type holds map[uint32]uint32

// The commands about holds.
type (
	// HoldPayee holds what is due to a member or household.
	HoldPayee struct {
		Payee      uint32
		Household  bool
		Kind       eventv1.HoldKind
		Benefit    eventv1.Benefit // 0: all
		Until      Day             // last day of the hold; 0: until released
		Resolution string          // for the black list
		Reason     string
	}
	// ReleaseHold ends a hold.
	ReleaseHold struct{ Hold uint32 }
)

// Name is the method's name.
func (*HoldPayee) Name() string { return "HoldPayee" }

// Name is the method's name.
func (*ReleaseHold) Name() string { return "ReleaseHold" }

// A hold is for somebody known, until today or later. An administrative one (no account, heirs unknown, a court) is always
// possible. The black list takes a resolution, and holds a dividend only where the charter says so: a member's part in the
// common income is a right.
func (c *HoldPayee) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkText("reason", c.Reason, 200), d.holdForm(c)); err != nil {
		return err
	}
	benefit := cmp.Or(c.Benefit, eventv1.Benefit_BENEFIT_ALL)
	if c.Kind == eventv1.HoldKind_HOLD_KIND_BLACKLIST {
		if benefit != eventv1.Benefit_BENEFIT_GRANT && !d.s.charter.BlacklistHoldsDividend {
			return refuse(HoldNotAllowed).at("benefit")
		}
		if c.Resolution == "" {
			return refuse(ResolutionNeeded).with("body", strings.Join(slices.Sorted(maps.Keys(d.s.bodies)), ", ")).at("resolution_id")
		}
		if _, err := d.standing(c.Resolution, eventv1.Matter_MATTER_HOLD, ""); err != nil {
			return err
		}
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_PayeeHeld{PayeeHeld: &eventv1.PayeeHeld{Number: uint32(len(d.s.holds)) + 1, Payee: c.Payee, Household: c.Household,
		Kind: c.Kind, Benefit: benefit, Until: int32(c.Until), ResolutionId: c.Resolution, Reason: c.Reason}}})
	return nil
}

func (d *decision) holdForm(c *HoldPayee) error {
	_, kind := eventv1.HoldKind_name[int32(c.Kind)]
	_, benefit := eventv1.Benefit_name[int32(c.Benefit)]
	switch {
	case !kind || c.Kind == 0 || !benefit:
		return refuse(FieldInvalid).because("there is no such kind of hold or benefit", "没有这种暂缓或待遇").at("kind")
	case c.Until != 0 && !c.Until.Valid():
		return refuse(DateInvalid).with("date", c.Until).at("until")
	case c.Until != 0 && c.Until < d.today:
		return refuse(FieldInvalid).because("the last day of a hold is today or later", "暂缓的末日应为今天或以后").at("until")
	case c.Household && c.Benefit == eventv1.Benefit_BENEFIT_GRANT:
		return refuse(FieldInvalid).because("grants are paid to members: hold the member", "救助奖学按成员发放,请暂缓成员").at("household")
	case c.Kind != eventv1.HoldKind_HOLD_KIND_BLACKLIST && c.Resolution != "":
		return refuse(FieldInvalid).because("only the black list takes a resolution", "只有黑名单才写明决议").at("resolution_id")
	case !d.s.knows(c.Payee, c.Household):
		return refuse(MemberUnknown).with("member", c.Payee).with("day", d.today).at("payee")
	}
	return nil
}

// knows says whether there ever was a member, or a household with a member, of a number.
func (s *Collective) knows(payee uint32, household bool) bool {
	if !household {
		_, ok := s.members[payee]
		return ok
	}
	for _, m := range s.members {
		if m.household == payee {
			return true
		}
	}
	return false
}

// A hold is released once.
func (c *ReleaseHold) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if c.Hold == 0 || int(c.Hold) > len(d.s.holds) {
		return refuse(HoldUnknown).with("hold", c.Hold).at("hold")
	}
	if d.s.holds[c.Hold-1].released {
		return refuse(AlreadyDone).with("subject", subject("hold", c.Hold)).at("hold")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_PayeeReleased{PayeeReleased: &eventv1.PayeeReleased{Number: c.Hold}}})
	return nil
}

func (s *Collective) evolveHold(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_PayeeHeld:
		s.holds = append(s.holds, &hold{fact: f.PayeeHeld})
	case *eventv1.Event_PayeeReleased:
		for _, h := range s.holds {
			h.released = h.released || h.fact.Number == f.PayeeReleased.Number
		}
	}
}

// held lists the members, or the households, whose benefit is held on a day. A hold is about exactly what is due to its payee: a
// member's does not reach what is due to the household, nor the other way round.
func (s *Collective) held(benefit eventv1.Benefit, household bool, on Day) holds {
	list := holds{}
	for _, h := range s.holds {
		f := h.fact
		if !h.released && f.Household == household && (f.Until == 0 || on <= Day(f.Until)) && (f.Benefit == benefit || f.Benefit == eventv1.Benefit_BENEFIT_ALL) {
			list[f.Payee] = f.Number
		}
	}
	return list
}

// refuseHeld refuses to pay payees of whom some are held, naming those.
func refuseHeld(held holds, payees []uint32, field string) error {
	var names []string
	for _, p := range payees {
		if held[p] != 0 {
			names = append(names, strconv.FormatUint(uint64(p), 10))
		}
	}
	if len(names) == 0 {
		return nil
	}
	list := strings.Join(names[:min(len(names), heldListMax)], ", ")
	if len(names) > heldListMax {
		list += ", …"
	}
	return refuse(PayeesHeld).with("payees", list).with("count", len(names)).at(field)
}

// grantNotHeld refuses to pay or cancel a member's grant while it is held.
func (d *decision) grantNotHeld(member uint32) error {
	return refuseHeld(d.s.held(eventv1.Benefit_BENEFIT_GRANT, false, d.today), []uint32{member}, "member")
}

// ofHouseholds says whether the run's payees are households.
func (r *run) ofHouseholds() bool {
	return r.order.GetBasis() == eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD
}
