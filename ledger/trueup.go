package ledger

import (
	"cmp"
	"maps"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about costs that the year's income bears and about the true-up (年终清算): income is split when it is
// received, before the year's net income is known; at its end every fund gets what the split of the net gives it (V5).

// yearBook is what a true-up needs of one year: what was split and trued up under each policy, and the costs.
type yearBook struct {
	cost     Fen // paid in the year and borne by its income
	policies map[uint32]*policyYear
}

// policyYear is one policy's part of a year.
type policyYear struct {
	gross Fen                  // income split, reversals taken away
	borne Fen                  // cost it bore in earlier true-ups
	parts [policySharesMax]Fen // splits and earlier true-ups, in the order of its shares
}

func (s *Collective) year(y int) *yearBook {
	if s.years[y] == nil {
		s.years[y] = &yearBook{policies: map[uint32]*policyYear{}}
	}
	return s.years[y]
}

func (y *yearBook) policy(version uint32) *policyYear {
	if y.policies[version] == nil {
		y.policies[version] = new(policyYear)
	}
	return y.policies[version]
}

// countYear counts a voucher in its year: a split or true-up under its policy, a cost for itself. A reversal, which copies
// the postings turned, takes its original's part away by the same sums.
func (s *Collective) countYear(v *eventv1.Voucher) {
	if v.PolicyVersion == 0 {
		for _, p := range v.Postings {
			if Account(p.Account) == ReceivableCost {
				s.year(Day(v.OccurredOn).Year()).cost += Fen(p.AmountFen)
			}
		}
		return
	}
	policy := s.policies[v.PolicyVersion-1]
	y := s.year(cmp.Or(int(v.TrueUpYear), Day(v.OccurredOn).Year())).policy(v.PolicyVersion)
	parts, sum := partsOf(v, policy.Shares)
	for i := range policy.Shares {
		y.parts[i] += parts[i]
	}
	if v.TrueUpYear != 0 {
		y.borne -= sum
		return
	}
	y.gross += sum
	if policy.Rounding == eventv1.Rounding_ROUNDING_CARRY {
		s.carried(policy).add(parts, sum)
	}
}

func (s *Collective) carried(p *eventv1.PolicyAdopted) *carried {
	if s.carries[p.Version] == nil {
		s.carries[p.Version] = &carried{parts: make([]Fen, len(p.Shares))}
	}
	return s.carries[p.Version]
}

func (c *carried) add(parts [policySharesMax]Fen, sum Fen) {
	for i := range c.parts {
		c.parts[i] += parts[i]
	}
	c.total += sum
}

// split divides an income by a policy, after what this command decided before.
func (d *decision) split(p *eventv1.PolicyAdopted, amount Fen) (parts, odd []Fen) {
	if p.Rounding != eventv1.Rounding_ROUNDING_CARRY {
		return splitLargest(amount, p.Shares)
	}
	return splitCarry(d.carried(p), amount, p.Shares), make([]Fen, len(p.Shares))
}

// splitDifference divides what an income was wrong by: each fund gets the difference of its parts.
func (d *decision) splitDifference(p *eventv1.PolicyAdopted, v *eventv1.Voucher, diff Fen) []Fen {
	if p.Rounding == eventv1.Rounding_ROUNDING_CARRY {
		return splitCarry(d.carried(p), diff, p.Shares)
	}
	parts, _ := splitLargest(Amount(v)+diff, p.Shares)
	before, _ := partsOf(v, p.Shares)
	for i := range parts {
		parts[i] -= before[i]
	}
	return parts
}

// carried is what a policy has split, with what this command decided before.
func (d *decision) carried(p *eventv1.PolicyAdopted) carried {
	c := carried{parts: make([]Fen, len(p.Shares))}
	if have := d.s.carries[p.Version]; have != nil {
		c.total = have.total
		copy(c.parts, have.parts)
	}
	for _, v := range d.vouchers {
		if v.PolicyVersion == p.Version && v.TrueUpYear == 0 {
			c.add(partsOf(v, p.Shares))
		}
	}
	return c
}

// BookTrueUp settles the provisional splits of a year by its net income.
type BookTrueUp struct {
	Year      int
	On        Day
	Narration string
}

// Name is the method's name.
func (*BookTrueUp) Name() string { return "BookTrueUp" }

// bearsCost says whether a voucher books a cost that the year's income bears.
func bearsCost(v *eventv1.Voucher) bool {
	return slices.ContainsFunc(v.Postings, func(p *eventv1.Posting) bool { return Account(p.Account) == ReceivableCost })
}

// checkCostMatter checks a resolution about a cost: it names no fund, because no fund bears it.
func checkCostMatter(r *eventv1.ResolutionRecorded) error {
	if r.Fund != "" {
		return refuse(FieldInvalid).because("the year's income bears a cost, not a fund", "成本由当年收入承担,不写基金").at("fund")
	}
	if r.Purpose != "" {
		if err := checkSlug("purpose", r.Purpose); err != nil {
			return err
		}
	}
	return checkAmount("authority", Fen(r.AuthorityFen))
}

// A true-up: its year has split income that covers the costs; each policy bears them by the income it split, each fund then
// gets the difference between the split of the net and what it has, and what a fund cannot give back is left pending.
func (c *BookTrueUp) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkText("narration", c.Narration, 200), d.voucherDay("occurred_on", c.On)); err != nil {
		return err
	}
	if c.Year < 1900 || c.On.Year() < c.Year {
		return refuse(FieldInvalid).because("it comes in its year or later", "应在当年或以后办理").at("year")
	}
	fact := &eventv1.TrueUpBooked{Year: uint32(c.Year)}
	lines, err := d.trueUpLines(c.Year)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if v := d.trueUpVoucher(c, l); len(v.Postings) > 0 {
			d.book(Transfer, c.On, v)
		}
		fact.Lines = append(fact.Lines, l)
	}
	if len(d.vouchers) == 0 {
		return refuse(TrueUpEmpty).with("year", c.Year).at("year")
	}
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_TrueUpBooked{TrueUpBooked: fact}})
	return nil
}

// trueUpLines gives each policy its cost and each of its funds what the split of the net gives it.
func (d *decision) trueUpLines(year int) ([]*eventv1.TrueUpLine, error) {
	book := d.s.years[year]
	if book == nil {
		return nil, refuse(TrueUpEmpty).with("year", year).at("year")
	}
	var versions []uint32
	var weights []uint64
	var gross Fen
	for _, version := range slices.Sorted(maps.Keys(book.policies)) {
		if g := book.policies[version].gross; g > 0 {
			versions, weights = append(versions, version), append(weights, uint64(g))
			gross += g
		}
	}
	if book.cost > gross || gross == 0 {
		return nil, refuse(CostExceedsIncome).with("year", year).with("cost", book.cost).with("income", gross).at("year")
	}
	costs, _ := splitByWeights(book.cost, weights, uint64(gross))
	var lines []*eventv1.TrueUpLine
	for i, version := range versions {
		policy, y := d.s.policies[version-1], book.policies[version]
		final, _ := splitLargest(y.gross-costs[i], policy.Shares)
		l := &eventv1.TrueUpLine{PolicyVersion: version, GrossFen: int64(y.gross), CostFen: int64(costs[i])}
		for k, share := range policy.Shares {
			before := y.parts[k]
			l.Parts = append(l.Parts, &eventv1.TrueUpPart{Fund: share.Fund, FinalFen: int64(final[k]), BeforeFen: int64(before), AdjustedFen: int64(final[k] - before)})
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// trueUpVoucher is the voucher of one policy; without postings when nothing changes. It fills in what funds leave pending.
func (d *decision) trueUpVoucher(c *BookTrueUp, l *eventv1.TrueUpLine) *eventv1.Voucher {
	v := &eventv1.Voucher{Narration: c.Narration, PolicyVersion: l.PolicyVersion, TrueUpYear: uint32(c.Year)}
	var cost Fen
	for _, p := range l.Parts {
		adjusted := Fen(p.AdjustedFen)
		cost -= adjusted
		lacks := max(-adjusted-max(d.spare(p.Fund, c.On), 0), 0)
		p.PendingFen = int64(lacks)
		v.Postings = append(v.Postings, giveFund(p.Fund, adjusted, -lacks)...)
	}
	if cost != 0 {
		v.Postings = append(v.Postings, line(ReceivableCost, -cost))
	}
	return v
}
