package ledger

import (
	"cmp"
	"fmt"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about what is booked at once: money in, money between money accounts, opening balances.

// Income is split by the policy in force for its kind on its business day. Without one it is refused, unless the command
// names one fund and a resolution (M1, M8).
func (c *RecordIncome) decide(d *decision) error {
	return d.recordInflow(&Inflow{As: eventv1.InflowKind_INFLOW_KIND_INCOME, Kind: c.Kind, Fund: c.Fund, Amount: c.Amount, Money: c.Money,
		Payer: c.Payer, Narration: c.Narration, Resolution: c.Resolution, Documents: c.Documents}, c.On)
}

// A deposit stays its payer's and never splits (V11).
func (c *ReceiveDeposit) decide(d *decision) error {
	return d.recordInflow(&Inflow{As: eventv1.InflowKind_INFLOW_KIND_DEPOSIT, Kind: c.Kind, Amount: c.Amount, Money: c.Money,
		Payer: c.Payer, Narration: c.Narration, Documents: c.Documents}, c.On)
}

// A gift goes to the one fund it was given to, or to what was agreed with its donor, and never splits (M8).
func (c *ReceiveGift) decide(d *decision) error {
	return d.recordInflow(&Inflow{As: eventv1.InflowKind_INFLOW_KIND_GIFT, Fund: c.Fund, Gift: c.Gift, Amount: c.Amount, Money: c.Money,
		Payer: c.Donor, Narration: c.Narration, Documents: c.Documents}, c.On)
}

func (d *decision) recordInflow(in *Inflow, on Day) error {
	if err := d.founded(); err != nil {
		return err
	}
	v, fact, err := d.inflow(in, on)
	if err != nil {
		return err
	}
	d.book(Receipt, on, v)
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(fact)
	return nil
}

// inflow makes the voucher of money in, not yet numbered, and the fact that goes with it.
func (d *decision) inflow(in *Inflow, on Day) (*eventv1.Voucher, *eventv1.Event, error) {
	if err := cmp.Or(checkAmount("amount", in.Amount), d.voucherDay("occurred_on", on), checkText("narration", in.Narration, 200),
		d.checkParty("payer", in.Payer, in.As == eventv1.InflowKind_INFLOW_KIND_DEPOSIT)); err != nil {
		return nil, nil, err
	}
	money, err := d.moneyAccount("money_account", in.Money)
	if err != nil {
		return nil, nil, err
	}
	v := &eventv1.Voucher{Narration: in.Narration, Party: in.Payer, Postings: []*eventv1.Posting{line(money, in.Amount)}}
	var fact *eventv1.Event
	switch in.As {
	case eventv1.InflowKind_INFLOW_KIND_INCOME:
		fact, err = d.income(in, on, v)
	case eventv1.InflowKind_INFLOW_KIND_DEPOSIT:
		if err = checkSlug("kind", in.Kind); err == nil {
			v.Postings = append(v.Postings, &eventv1.Posting{Account: string(DepositAccount(in.Kind)), AmountFen: -int64(in.Amount), Party: in.Payer})
			fact = &eventv1.Event{Fact: &eventv1.Event_DepositReceived{DepositReceived: &eventv1.DepositReceived{Kind: in.Kind}}}
		}
	case eventv1.InflowKind_INFLOW_KIND_GIFT:
		if in.Gift != "" {
			fact, err = d.earmarked(in, v)
		} else if _, err = d.fund("fund", in.Fund); err == nil {
			v.Postings = append(v.Postings, line(FundAccount(in.Fund), -in.Amount))
			fact = &eventv1.Event{Fact: &eventv1.Event_GiftReceived{GiftReceived: &eventv1.GiftReceived{Fund: in.Fund}}}
		}
	default:
		err = refuse(FieldInvalid).because("there is no such inflow", "没有这种收入类别").at("inflow")
	}
	if err != nil {
		return nil, nil, err
	}
	v.Documents, err = d.papers(in.Documents, in.Amount)
	return v, fact, err
}

// earmarked adds the posting of a gift with a purpose of its own; its donor is the agreed one unless another paid.
func (d *decision) earmarked(in *Inflow, v *eventv1.Voucher) (*eventv1.Event, error) {
	if err := giftOnly(in.Fund, "", false); err != nil {
		return nil, err
	}
	g, err := d.gift(in.Gift)
	if err != nil {
		return nil, err
	}
	v.Party = cmp.Or(in.Payer, g.donor)
	v.Postings = append(v.Postings, line(GiftAccount(in.Gift), -in.Amount))
	return &eventv1.Event{Fact: &eventv1.Event_GiftReceived{GiftReceived: &eventv1.GiftReceived{GiftId: in.Gift}}}, nil
}

// income adds the fund postings of income to its voucher.
func (d *decision) income(in *Inflow, on Day, v *eventv1.Voucher) (*eventv1.Event, error) {
	if err := checkReceivable("kind", in.Kind); err != nil { // what the bank takes back of it stands in receivable/<kind>
		return nil, err
	}
	fact := &eventv1.IncomeRecorded{Kind: in.Kind}
	event := &eventv1.Event{Fact: &eventv1.Event_IncomeRecorded{IncomeRecorded: fact}}
	policy := d.s.policyFor(in.Kind, on)
	if in.Fund != "" {
		if policy != nil {
			return nil, refuse(FieldInvalid).because(fmt.Sprintf("policy %d splits this kind of income; no fund can be named", policy.Version), fmt.Sprintf("这种收入按第 %d 版分配办法分配,不能指定基金", policy.Version)).at("fund")
		}
		if _, err := d.fund("fund", in.Fund); err != nil {
			return nil, err
		}
		if err := d.incomeResolution(in, on); err != nil {
			return nil, err
		}
		v.Postings = append(v.Postings, line(FundAccount(in.Fund), -in.Amount))
		v.ResolutionId = in.Resolution
		fact.Parts = []*eventv1.SplitPart{{Fund: in.Fund, Share: &eventv1.Fraction{Numerator: 1, Denominator: 1}, AmountFen: int64(in.Amount)}}
		return event, nil
	}
	if policy == nil {
		return nil, refuse(PolicyMissing).with("kind", in.Kind).with("date", on).at("kind")
	}
	fact.PolicyVersion, fact.Rounding = policy.Version, policy.Rounding
	v.IncomeKind, v.PolicyVersion = in.Kind, policy.Version
	parts, odd := d.split(policy, in.Amount)
	for i, share := range policy.Shares {
		cleared := min(parts[i], d.pending(share.Fund, on))
		fact.Parts = append(fact.Parts, &eventv1.SplitPart{Fund: share.Fund, Share: share.Share, AmountFen: int64(parts[i]), OddFen: int64(odd[i]), ClearedFen: int64(cleared)})
		v.Postings = append(v.Postings, giveFund(share.Fund, parts[i], cleared)...)
	}
	return event, nil
}

func (d *decision) incomeResolution(in *Inflow, on Day) error {
	r, err := d.standing(in.Resolution, eventv1.Matter_MATTER_INCOME, "")
	if err == nil && r.fact.Fund != in.Fund {
		return otherMatter(in.Resolution, "it is about the fund "+r.fact.Fund, "只涉及基金 "+r.fact.Fund)
	}
	if err == nil {
		err = d.inTerm(in.Resolution, on)
	}
	return err
}

// Money carried between two money accounts is a payment voucher: cash drawn, cash paid in.
func (c *MoveMoney) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkAmount("amount", c.Amount)); err != nil {
		return err
	}
	if err := cmp.Or(d.voucherDay("occurred_on", c.On), checkText("narration", c.Narration, 200)); err != nil {
		return err
	}
	from, err := d.moneyAccount("from", c.From)
	if err != nil {
		return err
	}
	to, err := d.moneyAccount("to", c.To)
	if err != nil {
		return err
	}
	if from == to {
		return refuse(FieldInvalid).because("money has to move from one account to another", "资金应从一个账户转到另一个账户").at("to")
	}
	v := &eventv1.Voucher{Narration: c.Narration, Postings: []*eventv1.Posting{line(to, c.Amount), line(from, -c.Amount)}}
	if v.Documents, err = d.papers(c.Documents, c.Amount); err != nil {
		return err
	}
	d.book(Payment, c.On, v)
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_MoneyMoved{MoneyMoved: &eventv1.MoneyMoved{From: c.From, To: c.To}}})
	return nil
}

// Opening balances come before every voucher, on known accounts, each on its own side, and balance to the fen. Proposing
// again replaces what was proposed.
func (c *ProposeOpening) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := d.openingPossible(c.On); err != nil {
		return err
	}
	if n := len(c.Lines); n < 2 || n > 200 {
		return refuse(TooMany).with("what", "lines").with("max", 200).with("count", n).at("lines")
	}
	fact := &eventv1.OpeningProposed{OccurredOn: int32(c.On)}
	var debit, credit Fen
	for i, l := range c.Lines {
		if err := d.checkOpeningLine(l, c.Lines[:i]); err != nil {
			return err
		}
		if l.Amount > 0 {
			debit += l.Amount
		} else {
			credit -= l.Amount
		}
		fact.Lines = append(fact.Lines, &eventv1.OpeningLine{Account: string(l.Account), AmountFen: int64(l.Amount), Party: l.Party})
	}
	if debit != credit {
		return refuse(Unbalanced).with("debit", debit).with("credit", credit).with("difference", debit-credit).
			with("suspects", suspects(c.Lines, debit-credit)).at("lines")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_OpeningProposed{OpeningProposed: fact}})
	return nil
}

func (d *decision) openingPossible(on Day) error {
	if d.s.live > 0 {
		return refuse(OpeningLate)
	}
	return d.voucherDay("occurred_on", on)
}

func (d *decision) checkOpeningLine(l OpeningLine, earlier []OpeningLine) error {
	if !l.Account.Valid() {
		return refuse(AccountUnknown).with("account", clip(string(l.Account))).at("lines.account")
	}
	switch l.Account.Kind() {
	case KindFund:
		if _, err := d.fund("lines.account", l.Account.ID()); err != nil {
			return err
		}
	case KindMoney:
		if _, err := d.moneyAccount("lines.account", l.Account.ID()); err != nil {
			return err
		}
	case KindReceivable:
	case KindDeposit: // its party is checked below
	default:
		// What is owed to members rests on a round or a run, and gifts on an agreement: they enter as entries of their own.
		return refuse(AccountUnknown).with("account", string(l.Account)).at("lines.account")
	}
	if slices.ContainsFunc(earlier, func(o OpeningLine) bool { return o.Account == l.Account && o.Party == l.Party }) {
		return refuse(RepeatedEntry).with("entry", string(l.Account)).at("lines.account")
	}
	if err := d.checkOpeningParty(l); err != nil {
		return err
	}
	if err := checkAmount("lines.amount", l.Amount.abs()); err != nil {
		return err
	}
	if l.Amount*l.Account.Sign() < 0 {
		return refuse(AmountNotPositive).with("amount", l.Amount).at("lines.amount")
	}
	return nil
}

// checkOpeningParty asks whose a deposit is, admits the debtor of a receivable, and nobody where there are no parties.
func (d *decision) checkOpeningParty(l OpeningLine) error {
	if k := l.Account.Kind(); l.Party != "" && k != KindDeposit && k != KindReceivable {
		return refuse(FieldInvalid).because("money and funds are nobody's part", "资金和基金不分往来方").at("lines.party")
	}
	return d.checkParty("lines.party", l.Party, l.Account.Kind() == KindDeposit)
}

// Confirming books the proposed balances as one transfer voucher.
func (*ConfirmOpening) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	p := d.s.opening
	if p == nil {
		return refuse(OpeningMissing)
	}
	if err := d.openingPossible(Day(p.OccurredOn)); err != nil {
		return err
	}
	if d.s.proposer == d.m.Actor {
		return refuse(OwnRequest)
	}
	v := &eventv1.Voucher{Narration: "期初余额"}
	for _, l := range p.Lines {
		v.Postings = append(v.Postings, &eventv1.Posting{Account: l.Account, AmountFen: l.AmountFen, Party: l.Party})
	}
	d.book(Transfer, Day(p.OccurredOn), v)
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_OpeningConfirmed{OpeningConfirmed: &eventv1.OpeningConfirmed{}}})
	return nil
}
