package ledger

import (
	"slices"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file is about flags (公开提示). Purposes, resolutions and tiers stop decisions. They do not stop facts: money that the
// bank has already moved is booked whatever the rules say, and what it lacks becomes a flag on its voucher, which everybody
// sees until a body ratifies it or the voucher is turned back. A ratifying resolution of the matter payment bears the amount,
// like an outlay it had allowed beforehand.

// flag is one flag of a voucher that stands.
type flag struct {
	kind          eventv1.FlagKind
	amount        Fen
	exceeds       string // resolution that was exceeded
	body          string // that ratifies it; empty: any
	fund, purpose string // of the voucher
	ratifiedBy    string // resolution; empty while it is open
	drew          Fen    // of the ratifying resolution
	gave          Fen    // back to the exceeded one
}

// raiseFlags keeps the flags of a voucher; a reversal ends those of its original and undoes what ratifying them did.
func (s *Collective) raiseFlags(v *eventv1.Voucher) {
	if v.Reverses != nil {
		for _, f := range s.flags[RefOf(v.Reverses)] {
			if r := s.resolutions[f.ratifiedBy]; r != nil {
				r.drawn -= f.drew
			}
			if r := s.resolutions[f.exceeds]; r != nil {
				r.drawn += f.gave
			}
		}
		delete(s.flags, RefOf(v.Reverses))
		return
	}
	for _, f := range v.Flags {
		s.flags[RefOf(v.Ref)] = append(s.flags[RefOf(v.Ref)], &flag{kind: f.Kind, amount: Fen(f.AmountFen), exceeds: strings.Clone(f.ResolutionId),
			body: strings.Clone(f.Body), fund: strings.Clone(fundOf(v)), purpose: strings.Clone(v.Purpose)})
	}
}

// flagged finds a flag of a voucher that stands, nil when there is none.
func (s *Collective) flagged(voucher VoucherRef, kind eventv1.FlagKind) *flag {
	for _, f := range s.flags[voucher] {
		if f.kind == kind {
			return f
		}
	}
	return nil
}

// bears is what a resolution would draw by ratifying a flag: its amount, less what it bears already for another flag of the
// same voucher, for a yuan that left a fund once is allowed once.
func (s *Collective) bears(voucher VoucherRef, f *flag, resolution string) Fen {
	amount := f.amount
	for _, other := range s.flags[voucher] {
		if other.ratifiedBy == resolution {
			amount -= other.drew
		}
	}
	return max(amount, 0)
}

// ratify draws the ratifying resolution. A resolution that was exceeded gets the amount back, so that it is whole: what went
// beyond it rests on the other one now.
func (s *Collective) ratify(r *eventv1.FlagRatified) {
	voucher := RefOf(r.Voucher)
	f := s.flagged(voucher, r.Kind)
	if f == nil || s.resolutions[r.ResolutionId] == nil {
		return // a fact, whatever it rests on
	}
	f.drew = s.bears(voucher, f, r.ResolutionId)
	f.ratifiedBy = r.ResolutionId
	s.resolutions[r.ResolutionId].drawn += f.drew
	if exceeded := s.resolutions[f.exceeds]; exceeded != nil {
		f.gave = min(f.amount, exceeded.drawn)
		exceeded.drawn -= f.gave
	}
}

// RatifyFlag says that a body agreed afterwards to what a flag is about.
type RatifyFlag struct {
	Voucher    VoucherRef
	Kind       eventv1.FlagKind
	Resolution string
}

// Name is the method's name.
func (*RatifyFlag) Name() string { return "RatifyFlag" }

// A flag is ratified once, by a resolution of the matter payment for the voucher's fund, of the flag's body when it names
// one, in its term today, with authority for the amount; never by the one that was exceeded.
func (c *RatifyFlag) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if _, ok := d.s.locate(c.Voucher); !ok {
		return refuse(VoucherUnknown).with("voucher", c.Voucher).at("voucher")
	}
	f := d.s.flagged(c.Voucher, c.Kind)
	if f == nil {
		return refuse(FlagUnknown).with("voucher", c.Voucher).with("flag", plain(c.Kind.String(), "FLAG_KIND_")).at("kind")
	}
	if f.ratifiedBy != "" {
		return refuse(AlreadyDone).with("subject", c.Voucher).at("kind")
	}
	if c.Resolution == "" {
		return refuse(ResolutionNeeded).with("body", d.anyOf(f.body)).at("resolution_id")
	}
	if c.Resolution == f.exceeds {
		return otherMatter(c.Resolution, "it is the one that was exceeded", "它就是被超出的决议")
	}
	if err := d.authority(c.Resolution, eventv1.Matter_MATTER_PAYMENT, f.body, f.fund, f.purpose, d.s.bears(c.Voucher, f, c.Resolution), 0); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_FlagRatified{FlagRatified: &eventv1.FlagRatified{Voucher: c.Voucher.Proto(), Kind: c.Kind, ResolutionId: c.Resolution}}})
	return nil
}

// differenceFlags says what a difference lacks that books an amount as the bank has it: beyond its resolution, or past the
// amount from which a tier asks for one. total is the right amount, of which diff is new.
func (d *decision) differenceFlags(v *eventv1.Voucher, total, diff Fen) (flags []*eventv1.Flag) {
	if diff <= 0 {
		return nil
	}
	if v.DrawnFen != 0 {
		if left := d.s.resolutions[v.ResolutionId].left(); diff > left {
			flags = append(flags, &eventv1.Flag{Kind: eventv1.FlagKind_FLAG_KIND_EXCEEDS_AUTHORITY, AmountFen: int64(diff - left), ResolutionId: v.ResolutionId})
		}
	} else if v.Purpose != "" && fundOf(v) != "" {
		before, after := d.s.findTier(eventv1.Operation_OPERATION_PAYMENT, fundOf(v), v.Purpose, total-diff), d.s.findTier(eventv1.Operation_OPERATION_PAYMENT, fundOf(v), v.Purpose, total)
		if body := after.GetResolutionBody(); body != "" {
			lacking := diff
			if before.GetResolutionBody() == "" {
				lacking = total // until now it needed none
			}
			flags = append(flags, &eventv1.Flag{Kind: eventv1.FlagKind_FLAG_KIND_WITHOUT_RESOLUTION, AmountFen: int64(lacking), Body: body})
		}
	}
	outside := func(f *eventv1.Flag) bool { return f.Kind == eventv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE }
	if slices.ContainsFunc(v.Flags, outside) {
		flags = append(flags, &eventv1.Flag{Kind: eventv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE, AmountFen: int64(diff)})
	}
	return flags
}

// outlayFlags says what an outlay nobody was asked about lacks: its purpose, and what the tier asks that would have governed
// it. Where no rule or no tier speaks of it, nobody could have approved it.
func (d *decision) outlayFlags(fund *eventv1.Fund, purpose string, amount Fen) (flags []*eventv1.Flag) {
	lacks := func(kind eventv1.FlagKind, body string) {
		flags = append(flags, &eventv1.Flag{Kind: kind, AmountFen: int64(amount), Body: body})
	}
	if !slices.Contains(fund.Purposes, purpose) {
		lacks(eventv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE, "")
	}
	t := d.s.findTier(eventv1.Operation_OPERATION_PAYMENT, fund.Id, purpose, amount)
	if t == nil || !demandsOf(t).none() {
		lacks(eventv1.FlagKind_FLAG_KIND_WITHOUT_APPROVAL, "")
	}
	if body := t.GetResolutionBody(); body != "" {
		lacks(eventv1.FlagKind_FLAG_KIND_WITHOUT_RESOLUTION, body)
	}
	return flags
}

// checkEmergency holds what only an emergency tier has: a largest amount, a body that ratifies, and days to do it in.
func checkEmergency(t *eventv1.Tier) error {
	if !t.Emergency {
		if t.CapFen != 0 || t.RatifyDays != 0 {
			return refuse(FieldInvalid).because("only an emergency tier has a cap and days to ratify", "只有应急档才有上限和追认期限").at("tiers.emergency")
		}
		return nil
	}
	switch {
	case t.Operation != eventv1.Operation_OPERATION_PAYMENT:
		return refuse(FieldInvalid).because("only a payment can be an emergency", "只有支出可以是应急支出").at("tiers.emergency")
	case t.ResolutionBody == "":
		return refuse(FieldInvalid).because("an emergency tier names the body that ratifies", "应急档应写明由哪个机构追认").at("tiers.resolution_body")
	case t.CapFen <= 0 || Fen(t.CapFen) > AmountMax || t.CapFen < t.FromFen:
		return refuse(FieldInvalid).because("the cap is above zero and not below from", "上限应大于零且不低于起点金额").at("tiers.cap")
	case t.RatifyDays < 1 || t.RatifyDays > 366:
		return refuse(FieldInvalid).because("an emergency is ratified within 1 to 366 days", "应急支出应在 1 至 366 天内追认").at("tiers.ratify_days")
	}
	return nil
}

// emergencyTier finds the emergency tier of a payment and holds its cap.
func (d *decision) emergencyTier(fund, purpose string, amount Fen) (*eventv1.Tier, error) {
	if d.s.rule == nil {
		return nil, refuse(SpendingRuleMissing)
	}
	t := FindTier(d.s.rule, true, eventv1.Operation_OPERATION_PAYMENT, fund, purpose, amount)
	switch {
	case t == nil:
		return nil, refuse(TierMissing).with("fund", fund).with("operation", "emergency payment").with("amount", amount)
	case amount > Fen(t.CapFen):
		return nil, refuse(EmergencyCap).with("cap", Fen(t.CapFen)).with("amount", amount).with("short", amount-Fen(t.CapFen)).at("amount")
	}
	return t, nil
}
