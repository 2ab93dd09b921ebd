package ledger

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about resolutions, policies and spending rules.

// resolution is a recorded vote and what became of its authority.
type resolution struct {
	fact            *eventv1.ResolutionRecorded
	recorder        string
	confirmed, used bool
	shares          bool // it set shares, and may set more
	reserved, drawn Fen  // held by open requests; spent by vouchers
}

// remaining is what is neither drawn nor held. It is negative while facts went beyond the authority and no other resolution
// has ratified them.
func (r *resolution) remaining() Fen { return Fen(r.fact.AuthorityFen) - r.reserved - r.drawn }

// left is what can still be drawn.
func (r *resolution) left() Fen { return max(r.remaining(), 0) }

// spends says whether resolutions of a matter carry an authority over a fund's money.
func spends(m eventv1.Matter) bool {
	switch m {
	case eventv1.Matter_MATTER_PAYMENT, eventv1.Matter_MATTER_DIVIDEND, eventv1.Matter_MATTER_TRANSFER, eventv1.Matter_MATTER_COST, eventv1.Matter_MATTER_DEPOSIT:
		return true
	}
	return false
}

// A resolution: its id is new; the electorate is the body's size on record; votes fit into those present; an authority
// stands exactly where money is spent. Whether it passed is computed (M15): quorum of the size, then votes for of the base.
func (c *RecordResolution) decide(d *decision) error {
	r := c.Resolution
	if err := cmp.Or(d.founded(), checkSlug("resolution_id", r.Id), checkText("title", r.Title, 120)); err != nil {
		return err
	}
	body := d.s.bodies[r.Body]
	votes := uint64(r.VotesFor) + uint64(r.VotesAgainst) + uint64(r.Abstained)
	switch {
	case d.s.resolutions[r.Id] != nil:
		return refuse(ResolutionExists).with("resolution", r.Id).at("resolution_id")
	case body == nil:
		return refuse(BodyUnknown).with("body", clip(r.Body)).at("body")
	case !Day(r.DecidedOn).Valid():
		return refuse(DateInvalid).with("date", Day(r.DecidedOn)).at("decided_on")
	case Day(r.DecidedOn) > d.today:
		return refuse(DateInFuture).with("date", Day(r.DecidedOn)).with("today", d.today).at("decided_on")
	case r.Electorate != body.Size:
		return refuse(ElectorateWrong).with("body", body.Id).with("size", body.Size).with("electorate", r.Electorate).at("electorate")
	case votes > uint64(r.Present) || r.Present > r.Electorate:
		return refuse(VotesWrong).with("votes", votes).with("present", r.Present).with("electorate", r.Electorate).at("present")
	case len(r.MinutesSha256) != 32:
		return refuse(FieldInvalid).because("a SHA-256 has 32 bytes", "SHA-256 应为 32 个字节").at("minutes_sha256")
	}
	if err := d.checkMatter(r); err != nil {
		return err
	}
	r = proto.CloneOf(r) // the command stays as it came, also for a second try after a conflict
	r.Passed = passed(body, r)
	d.emit(&eventv1.Event{Fact: &eventv1.Event_ResolutionRecorded{ResolutionRecorded: r}})
	return nil
}

func (d *decision) checkMatter(r *eventv1.ResolutionRecorded) error {
	if _, known := eventv1.Matter_name[int32(r.Matter)]; !known || r.Matter == 0 {
		return refuse(FieldInvalid).because("there is no such matter", "没有这种决议事项").at("matter")
	}
	if err := checkTerm(r); err != nil {
		return err
	}
	if !spends(r.Matter) && r.Matter != eventv1.Matter_MATTER_INCOME {
		if r.Fund != "" || r.Purpose != "" || r.AuthorityFen != 0 {
			return refuse(FieldInvalid).because("only a resolution that spends or moves money names fund, purpose and authority", "只有支出或调剂资金的决议才写明基金、用途和额度").at("authority")
		}
		return nil
	}
	if r.Matter == eventv1.Matter_MATTER_COST {
		return checkCostMatter(r)
	}
	fund, err := d.fund("fund", r.Fund)
	if err != nil {
		return err
	}
	if r.Purpose != "" && r.Matter == eventv1.Matter_MATTER_DEPOSIT {
		return refuse(FieldInvalid).because("a resolution about a deposit names the fund that gets what is kept, and no purpose", "关于押金的决议只写明扣留部分归入的基金,不写用途").at("purpose")
	}
	if r.Purpose != "" {
		if err := d.purpose(fund, r.Purpose); err != nil {
			return err
		}
	}
	if r.Matter == eventv1.Matter_MATTER_INCOME {
		if r.AuthorityFen != 0 || r.Purpose != "" {
			return refuse(FieldInvalid).because("a resolution about income names a fund and no amount", "关于收入的决议只写明基金,不写额度和用途").at("authority")
		}
		return nil
	}
	return checkAmount("authority", Fen(r.AuthorityFen))
}

// checkTerm admits a term of a resolution that is drawn on, and no other.
func checkTerm(r *eventv1.ResolutionRecorded) error {
	from, until := Day(r.ValidFrom), Day(r.ValidUntil)
	switch {
	case from == 0 && until == 0:
		return nil
	case !spends(r.Matter) && r.Matter != eventv1.Matter_MATTER_INCOME:
		return refuse(FieldInvalid).because("only a resolution that is drawn on has a term", "只有据以收支的决议才有期限").at("valid_from")
	case from != 0 && !from.Valid():
		return refuse(DateInvalid).with("date", from).at("valid_from")
	case until != 0 && !until.Valid():
		return refuse(DateInvalid).with("date", until).at("valid_until")
	case until != 0 && until < firstDrawn(r):
		return refuse(FieldInvalid).because("its last day is before its first", "期限的末日早于首日").at("valid_until")
	}
	return nil
}

// firstDrawn is the first day a resolution with a term may be drawn on.
func firstDrawn(r *eventv1.ResolutionRecorded) Day { return Day(cmp.Or(r.ValidFrom, r.DecidedOn)) }

// inTerm refuses a day outside the term of a resolution that has one: the day it is asked for at request, the business day
// when it is drawn. An unknown or empty resolution is nobody's concern here.
func (d *decision) inTerm(id string, on Day) error {
	r := d.s.resolutions[id]
	if r == nil || r.fact.ValidFrom == 0 && r.fact.ValidUntil == 0 {
		return nil
	}
	first, last := firstDrawn(r.fact), Day(r.fact.ValidUntil)
	if on >= first && (last == 0 || on <= last) {
		return nil
	}
	end := "—"
	if last != 0 {
		end = last.String()
	}
	return refuse(ResolutionLapsed).with("resolution", id).with("valid_from", first).with("valid_until", end).with("date", on).at("resolution_id")
}

// passed computes a vote: present/size >= quorum, and for/base >= (or >) pass. Abstentions count as present.
func passed(b *eventv1.Body, r *eventv1.ResolutionRecorded) bool {
	base := r.Electorate
	if b.PassBase == eventv1.VoteBase_VOTE_BASE_PRESENT {
		base = r.Present
	}
	if compareParts(r.Present, r.Electorate, b.Quorum) < 0 || r.VotesFor == 0 {
		return false
	}
	c := compareParts(r.VotesFor, base, b.Pass)
	return c > 0 || c == 0 && !b.PassStrictly
}

// compareParts compares n/of with a fraction, exactly.
func compareParts(n, of uint32, f *eventv1.Fraction) int {
	hi1, lo1 := bits.Mul64(uint64(n), f.Denominator)
	hi2, lo2 := bits.Mul64(uint64(of), f.Numerator)
	return cmp.Or(cmp.Compare(hi1, hi2), cmp.Compare(lo1, lo2))
}

// A resolution is confirmed once.
func (c *ConfirmResolution) decide(d *decision) error {
	r := d.s.resolutions[c.ID]
	if r == nil {
		return refuse(ResolutionUnknown).with("resolution", clip(c.ID)).at("resolution_id")
	}
	if r.confirmed {
		return refuse(AlreadyDone).with("subject", c.ID).at("resolution_id")
	}
	if r.recorder == d.m.Actor {
		return refuse(OwnRequest)
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_ResolutionConfirmed{ResolutionConfirmed: &eventv1.ResolutionConfirmed{Id: c.ID}}})
	return nil
}

// standing finds a resolution that may be acted upon: known, passed, confirmed, about the matter, by the body (if any).
func (d *decision) standing(id string, matter eventv1.Matter, body string) (*resolution, error) {
	r := d.s.resolutions[id]
	switch {
	case id == "":
		return nil, refuse(ResolutionNeeded).with("body", body).at("resolution_id")
	case r == nil:
		return nil, refuse(ResolutionUnknown).with("resolution", clip(id)).at("resolution_id")
	case !r.fact.Passed:
		return nil, refuse(ResolutionNotPassed).with("resolution", id).at("resolution_id")
	case !r.confirmed:
		return nil, refuse(ResolutionUnconfirmed).with("resolution", id).at("resolution_id")
	case r.fact.Matter != matter:
		return nil, otherMatter(id, "it is about "+plain(r.fact.Matter.String(), "MATTER_"), "决议事项是 "+plain(r.fact.Matter.String(), "MATTER_"))
	case body != "" && r.fact.Body != body:
		return nil, otherMatter(id, "it is of "+r.fact.Body+", needed is one of "+body, "由 "+r.fact.Body+" 作出,需要 "+body+" 的决议")
	}
	return r, nil
}

func otherMatter(id, english, chinese string) *Refusal {
	return refuse(ResolutionOther).with("resolution", id).because(english, chinese).at("resolution_id")
}

// adopting finds a resolution that adopts something, once.
func (d *decision) adopting(id string, matter eventv1.Matter, body string) error {
	r, err := d.standing(id, matter, body)
	if err != nil {
		return err
	}
	if r.used || r.shares {
		return refuse(AlreadyDone).with("subject", id).at("resolution_id")
	}
	return nil
}

// authority checks that a resolution covers an outlay, when its tier needs one or the command names one: at request, so that
// its term is judged by today. restored is what the same command gives back to it first.
func (d *decision) authority(id string, matter eventv1.Matter, body, fund, purpose string, amount, restored Fen) error {
	return d.authorityOn(d.today, id, matter, body, fund, purpose, amount, restored)
}

// authorityOn is authority with another day for the term: the business day, where the resolution is drawn.
func (d *decision) authorityOn(on Day, id string, matter eventv1.Matter, body, fund, purpose string, amount, restored Fen) error {
	if id == "" && body == "" {
		return nil
	}
	r, err := d.standing(id, matter, body)
	if err != nil {
		return err
	}
	switch {
	case r.fact.Fund != fund:
		return otherMatter(id, "it is about the fund "+r.fact.Fund, "只涉及基金 "+r.fact.Fund)
	case r.fact.Purpose != "" && r.fact.Purpose != purpose:
		return otherMatter(id, "it is about "+r.fact.Purpose, "只用于 "+r.fact.Purpose)
	}
	if err := d.inTerm(id, on); err != nil {
		return err
	}
	if left := r.left() + restored; amount > left {
		return d.exhausted(id, left, amount).at("resolution_id")
	}
	return nil
}

// exhausted refuses for want of authority; the figure lapsed_request names a lapsed request that holds some of it, if any.
func (d *decision) exhausted(id string, left, amount Fen) *Refusal {
	r := refuse(ResolutionExhausted).with("resolution", id).with("remaining", left).with("amount", amount).with("short", amount-left)
	if lapsed := d.lapsedHolding(id); lapsed != 0 {
		r = r.with("lapsed_request", lapsed)
	}
	return r
}

// A policy: shares sum to exactly one over funds that take part; the resolution of the policy body stands; and no live
// split of one of its kinds lies on or after its first day.
func (c *AdoptPolicy) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if !c.Effective.Valid() {
		return refuse(DateInvalid).with("date", c.Effective).at("effective_on")
	}
	if n := len(c.Kinds); n == 0 || n > 20 {
		return refuse(TooMany).with("what", "kinds").with("max", 20).with("count", n).at("income_kinds")
	}
	for i, k := range c.Kinds {
		if err := checkSlug("income_kinds", k); err != nil {
			return err
		}
		if slices.Contains(c.Kinds[:i], k) {
			return refuse(RepeatedEntry).with("entry", k).at("income_kinds")
		}
	}
	if len(c.Shares) == 0 {
		return refuse(TooMany).with("what", "shares").with("max", policySharesMax).with("count", 0).at("shares")
	}
	shares, err := parseShares(c.Shares)
	if err != nil {
		return err
	}
	for _, s := range shares {
		f, err := d.fund("shares", s.Fund)
		if err != nil {
			return err
		}
		if f.Restricted {
			return refuse(FundRestricted).with("fund", s.Fund).at("shares")
		}
	}
	rounding := cmp.Or(c.Rounding, eventv1.Rounding_ROUNDING_LARGEST_FRACTION)
	if _, known := eventv1.Rounding_name[int32(rounding)]; !known {
		return refuse(FieldInvalid).because("there is no such rounding", "没有这种取整办法").at("rounding")
	}
	if err := d.adopting(c.Resolution, eventv1.Matter_MATTER_POLICY, d.s.charter.PolicyBody); err != nil {
		return err
	}
	for _, k := range c.Kinds {
		if last := d.s.lastSplit(k); last >= c.Effective {
			return refuse(PolicyOverlapsSplit).with("kind", k).with("last", last).with("effective", c.Effective).at("effective_on")
		}
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_PolicyAdopted{PolicyAdopted: &eventv1.PolicyAdopted{Version: uint32(len(d.s.policies)) + 1,
		EffectiveOn: int32(c.Effective), IncomeKinds: c.Kinds, Shares: shares, Rounding: rounding, ResolutionId: c.Resolution}}})
	return nil
}

// lastSplit is the last day with a live split of a kind, 0 for none.
func (s *Collective) lastSplit(kind string) Day {
	t := s.splits[kind]
	if t == nil {
		return 0
	}
	for i := len(t.days) - 1; i >= 0; i-- {
		if t.balances[i] > t.before(i) {
			return t.days[i]
		}
	}
	return 0
}

// A spending rule: its tiers name existing funds, purposes and bodies, and the resolution of the spending body stands.
func (c *AdoptSpendingRule) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if n := len(c.Tiers); n == 0 || n > 100 {
		return refuse(TooMany).with("what", "tiers").with("max", 100).with("count", n).at("tiers")
	}
	seen := map[string]bool{}
	for _, t := range c.Tiers {
		if err := d.checkTier(t); err != nil {
			return err
		}
		key := fmt.Sprint(t.Operation, " ", t.Fund, " ", t.Purpose, " ", Fen(t.FromFen))
		if t.Emergency {
			key += " emergency"
		}
		if seen[key] {
			return refuse(RepeatedEntry).with("entry", key).at("tiers")
		}
		seen[key] = true
	}
	if c.RequestDays > requestDaysMax {
		return refuse(TooMany).with("what", "days").with("max", requestDaysMax).with("count", c.RequestDays).at("request_days")
	}
	if err := d.adopting(c.Resolution, eventv1.Matter_MATTER_SPENDING_RULE, d.s.charter.SpendingBody); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_SpendingRuleAdopted{SpendingRuleAdopted: &eventv1.SpendingRuleAdopted{
		Version: d.s.ruleVersion + 1, Tiers: c.Tiers, ResolutionId: c.Resolution, RequestDays: c.RequestDays}}})
	return nil
}

func (d *decision) checkTier(t *eventv1.Tier) error {
	_, known := eventv1.Operation_name[int32(t.Operation)]
	award := t.Operation == eventv1.Operation_OPERATION_GRANT_ROUND
	switch {
	case !known || t.Operation == 0:
		return refuse(FieldInvalid).because("there is no such operation", "没有这种支出类别").at("tiers.operation")
	case t.FromFen < 0 || Fen(t.FromFen) > AmountMax:
		return refuse(AmountNotPositive).with("amount", Fen(t.FromFen)).at("tiers.from")
	case t.Approvals > 5 || award && t.Approvals > 1:
		return refuse(FieldInvalid).because("at most 5 approvals, and 1 for a grant round, which its award is", "审批最多 5 人;救助奖学每轮 1 人,即核定者").at("tiers.approvals")
	case t.ResolutionBody != "" && t.Operation == eventv1.Operation_OPERATION_REVERSAL:
		return refuse(FieldInvalid).because("a reversal restores authority and takes no resolution", "冲销恢复决议额度,不需要决议").at("tiers.resolution_body")
	case t.ResolutionBody != "" && d.s.bodies[t.ResolutionBody] == nil:
		return refuse(BodyUnknown).with("body", t.ResolutionBody).at("tiers.resolution_body")
	}
	if err := checkEmergency(t); err != nil {
		return err
	}
	if t.Fund != "" {
		f, err := d.fund("tiers.fund", t.Fund)
		if err != nil {
			return err
		}
		if t.Purpose != "" {
			return d.purpose(f, t.Purpose)
		}
		return nil
	}
	for _, f := range d.s.funds {
		if t.Purpose == "" || slices.Contains(f.Purposes, t.Purpose) {
			return nil
		}
	}
	return refuse(PurposeUnknown).with("purpose", clip(t.Purpose)).at("tiers.purpose")
}

// tier finds the line of the spending rule for an outlay: of the lines that match, one naming the purpose before one naming
// the fund before one naming neither; among equals the highest from. Until a rule is adopted nothing can be paid.
func (d *decision) tier(op eventv1.Operation, fund, purpose string, amount Fen) (*eventv1.Tier, error) {
	if d.s.rule == nil {
		return nil, refuse(SpendingRuleMissing)
	}
	if t := d.s.findTier(op, fund, purpose, amount); t != nil {
		return t, nil
	}
	return nil, refuse(TierMissing).with("fund", fund).with("operation", plain(op.String(), "OPERATION_")).with("amount", amount)
}

// findTier never gives an emergency tier.
func (s *Collective) findTier(op eventv1.Operation, fund, purpose string, amount Fen) *eventv1.Tier {
	return FindTier(s.rule, false, op, fund, purpose, amount)
}

// FindTier is the line of a spending rule that an outlay falls under, nil when there is none: see tier. Emergency tiers are
// for emergencies alone, and nothing else is for them.
func FindTier(rule *eventv1.SpendingRuleAdopted, emergency bool, op eventv1.Operation, fund, purpose string, amount Fen) *eventv1.Tier {
	var best *eventv1.Tier
	rank := func(t *eventv1.Tier) int {
		r := 0
		if t.Purpose != "" {
			r += 2
		}
		if t.Fund != "" {
			r++
		}
		return r
	}
	for _, t := range rule.GetTiers() {
		if t.Emergency != emergency || t.Operation != op || t.Fund != "" && t.Fund != fund || t.Purpose != "" && t.Purpose != purpose || Fen(t.FromFen) > amount {
			continue
		}
		if best == nil || rank(t) > rank(best) || rank(t) == rank(best) && t.FromFen > best.FromFen {
			best = t
		}
	}
	return best
}

// plain turns the name of an enum value into a word: MATTER_SPENDING_RULE into spending rule.
func plain(name, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", " "))
}

func subject(kind string, number uint32) string { return kind + " " + strconv.Itoa(int(number)) }
