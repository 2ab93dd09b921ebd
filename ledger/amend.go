package ledger

import (
	"cmp"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about changes of the charter (章程变更): a body grows or shrinks, a fund gets another name or other
// purposes. Each takes a resolution of the charter body under the charter as it was, and uses it up.

type (
	// ChangeBody puts a changed body in the place of the one with its id. Votes recorded from then on are counted by it.
	ChangeBody struct {
		Body       *eventv1.Body
		Resolution string
	}
	// ChangeFund gives a fund another name or other purposes. What was asked for or opened before keeps its purpose.
	ChangeFund struct {
		Fund       *eventv1.Fund
		Resolution string
	}
)

func (*ChangeBody) Name() string { return "ChangeBody" }
func (*ChangeFund) Name() string { return "ChangeFund" }

func (s *Collective) evolveCharter(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_BodyChanged:
		s.bodies[f.BodyChanged.Body.Id] = f.BodyChanged.Body
		s.use(f.BodyChanged.ResolutionId)
	case *eventv1.Event_FundChanged:
		s.funds[f.FundChanged.Fund.Id] = f.FundChanged.Fund
		s.use(f.FundChanged.ResolutionId)
	case *eventv1.Event_WitnessPolicyAdopted:
		s.witnesses = f.WitnessPolicyAdopted
		s.use(f.WitnessPolicyAdopted.ResolutionId)
	}
}

// The body exists, differs, and is as well formed as one of a founding.
func (c *ChangeBody) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	now := d.s.bodies[c.Body.GetId()]
	if now == nil {
		return refuse(BodyUnknown).with("body", clip(c.Body.GetId())).at("body.id")
	}
	if err := checkBody("body", c.Body); err != nil {
		return err
	}
	if err := d.amends("body", now, c.Body, c.Resolution); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_BodyChanged{BodyChanged: &eventv1.BodyChanged{Body: c.Body, ResolutionId: c.Resolution}}})
	return nil
}

// The fund exists and differs; whether it is restricted never changes, because gifts were given to it as it was.
func (c *ChangeFund) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkFund(c.Fund)); err != nil {
		return err
	}
	now, err := d.fund("fund.id", c.Fund.Id)
	if err != nil {
		return err
	}
	if c.Fund.Restricted != now.Restricted {
		return refuse(FieldInvalid).because("whether a fund is restricted never changes", "是否为专项微基金不能变更").at("fund.restricted")
	}
	if err := d.amends("fund", now, c.Fund, c.Resolution); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_FundChanged{FundChanged: &eventv1.FundChanged{Fund: c.Fund, ResolutionId: c.Resolution}}})
	return nil
}

// amends holds what both have in common: something changes, by a resolution that changed nothing before.
func (d *decision) amends(field string, now, then proto.Message, resolution string) error {
	if proto.Equal(now, then) {
		return refuse(FieldInvalid).because("it is that already", "与现行的相同").at(field)
	}
	return d.adopting(resolution, eventv1.Matter_MATTER_CHARTER, d.s.charter.CharterBody)
}
