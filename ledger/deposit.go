package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about giving deposits back (退还押金). A deposit is its payer's: returning it takes the approvals of its tier
// and no resolution; keeping part of it takes one, of the matter deposit, for the fund that gets it.

// RequestDepositReturn asks to give a deposit back, whole or in part; SettlePayment carries it out.
type RequestDepositReturn struct {
	Kind, Party      string
	Amount           Fen // paid out; 0: all of it is kept
	Deducted         Fen // kept; 0: none
	Fund, Resolution string
	Narration        string
	Documents        []Document `json:",omitempty"`
}

// Name is the method's name.
func (*RequestDepositReturn) Name() string { return "RequestDepositReturn" }

func (c *RequestDepositReturn) papers() []Document { return c.Documents }

// A return, in order: its form and fund; the party's deposit on every day from today on; tier and resolution; papers.
func (c *RequestDepositReturn) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := d.depositReturnForm(c); err != nil {
		return err
	}
	key := partyAccount{DepositAccount(c.Kind), c.Party}
	if err := d.s.parties[key].covers(key, d.today, c.Amount+c.Deducted); err != nil {
		return err
	}
	t, err := d.tier(eventv1.Operation_OPERATION_DEPOSIT_RETURN, c.Fund, "", c.Amount+c.Deducted)
	if err != nil {
		return err
	}
	if c.Deducted > 0 {
		if c.Resolution == "" {
			return refuse(ResolutionNeeded).with("body", d.anyOf(t.ResolutionBody)).at("resolution_id")
		}
		if err := d.authority(c.Resolution, eventv1.Matter_MATTER_DEPOSIT, t.ResolutionBody, c.Fund, "", c.Deducted, 0); err != nil {
			return err
		}
	}
	order := &eventv1.DepositReturnOrder{Kind: c.Kind, Party: c.Party, AmountFen: int64(c.Amount), DeductedFen: int64(c.Deducted),
		Fund: c.Fund, ResolutionId: c.Resolution, Narration: c.Narration}
	if order.Documents, err = d.papers(c.Documents, cmp.Or(c.Amount, c.Deducted)); err != nil {
		return err
	}
	d.ask(&eventv1.RequestMade{Order: &eventv1.RequestMade_DepositReturn{DepositReturn: order}}, demandsOf(t))
	return nil
}

func (d *decision) depositReturnForm(c *RequestDepositReturn) error {
	if err := cmp.Or(checkSlug("kind", c.Kind), d.checkParty("party", c.Party, true), checkText("narration", c.Narration, 200)); err != nil {
		return err
	}
	if c.Amount != 0 || c.Deducted == 0 {
		if err := checkAmount("amount", c.Amount); err != nil {
			return err
		}
	}
	if c.Deducted == 0 {
		if c.Fund != "" || c.Resolution != "" {
			return refuse(FieldInvalid).because("fund and resolution are for the part that is kept", "基金和决议只用于扣留部分").at("deducted")
		}
		return nil
	}
	if err := checkAmount("deducted", c.Deducted); err != nil {
		return err
	}
	fund, err := d.fund("fund", c.Fund)
	if err != nil {
		return err
	}
	if fund.Restricted {
		return refuse(FundRestricted).with("fund", c.Fund).at("fund")
	}
	return nil
}

// covers refuses an amount that a party's part of an account does not have from a day on.
func (t *Timeline) covers(key partyAccount, on Day, amount Fen) error {
	if t == nil {
		t = new(Timeline)
	}
	if day, available, short, found := t.firstShort(key.account.Sign(), []change{{on, -key.account.Sign() * amount}}); found {
		return (&shortage{key, day, available, short}).refusal()
	}
	return nil
}

// anyOf names the body a resolution has to be of, or all of them.
func (d *decision) anyOf(body string) string {
	return cmp.Or(body, strings.Join(slices.Sorted(maps.Keys(d.s.bodies)), " / "))
}

// returnDeposit pays a deposit back and moves what is kept to its fund, both in one fact.
func (d *decision) returnDeposit(r *request, o *eventv1.DepositReturnOrder, on Day, money string) error {
	deposit := func(amount int64) *eventv1.Posting {
		return &eventv1.Posting{Account: string(DepositAccount(o.Kind)), AmountFen: amount, Party: o.Party}
	}
	documents := o.Documents
	if err := d.stillCitable(documents); err != nil {
		return err
	}
	if o.AmountFen > 0 {
		from, err := d.moneyAccount("money_account", money)
		if err != nil {
			return err
		}
		d.book(Payment, on, &eventv1.Voucher{Narration: o.Narration, Party: o.Party, RequestNumber: r.fact.Number, Documents: documents,
			Postings: []*eventv1.Posting{deposit(o.AmountFen), line(from, -Fen(o.AmountFen))}})
		documents = nil
	} else if money != "" {
		return refuse(FieldInvalid).because("all of the deposit is kept, no money moves", "押金全部扣留,没有款项支付").at("money_account")
	}
	if o.DeductedFen > 0 {
		d.book(Transfer, on, &eventv1.Voucher{Narration: o.Narration, Party: o.Party, RequestNumber: r.fact.Number, Documents: documents,
			ResolutionId: o.ResolutionId, DrawnFen: o.DeductedFen, Postings: []*eventv1.Posting{deposit(o.DeductedFen), line(FundAccount(o.Fund), -Fen(o.DeductedFen))}})
	}
	if err := cmp.Or(d.sides(), d.inTerm(o.ResolutionId, on), r.ready(len(r.approvedBy))); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_DepositReturned{DepositReturned: &eventv1.DepositReturned{Number: r.fact.Number, MoneyAccount: money}}})
	return nil
}

// returnsDeposit tells a voucher that gave a deposit back or kept part of it.
func returnsDeposit(v *eventv1.Voucher) bool {
	return RefOf(v.Ref).Class != Receipt && len(v.Postings) > 0 && Account(v.Postings[0].Account).Kind() == KindDeposit
}
