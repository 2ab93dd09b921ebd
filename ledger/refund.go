package ledger

import (
	"cmp"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about money that moves back, and about money the bank moves on its own: none of it was asked for, all of
// it has happened, and so only arithmetic stands in its way.

// The accounts of what is owed that are settled by the books themselves and never by money coming in.
const (
	receivablePending = "pending"       // what funds have to make good out of their next splits
	receivableCost    = "cost-recovery" // costs that the year's income bears until the true-up
)

type (
	// RecordRefund records money of a payment that came back.
	RecordRefund struct {
		Payment   VoucherRef
		Amount    Fen
		On        Day
		Money     string
		Narration string
		Documents []Document `json:",omitempty"`
	}
	// RecordFee records money the bank took on its own.
	RecordFee struct {
		Fund, Purpose    string
		Amount           Fen
		On               Day
		Money            string
		Payee, Narration string
		Documents        []Document `json:",omitempty"`
	}
	// RecordReturnedIncome records that the bank took back income.
	RecordReturnedIncome struct {
		Receipt   VoucherRef
		Amount    Fen
		On        Day
		Money     string
		Narration string
		Documents []Document `json:",omitempty"`
	}
	// CollectReceivable records money in that was owed.
	CollectReceivable struct {
		Kind             string // the account is receivable/<Kind>
		Amount           Fen
		On               Day
		Money            string
		Payer, Narration string
		Documents        []Document `json:",omitempty"`
	}
)

// Name is the method's name, for every command here.
func (*RecordRefund) Name() string         { return "RecordRefund" }
func (*RecordFee) Name() string            { return "RecordFee" }
func (*RecordReturnedIncome) Name() string { return "RecordReturnedIncome" }
func (*CollectReceivable) Name() string    { return "CollectReceivable" }

func (c *RecordRefund) papers() []Document         { return c.Documents }
func (c *RecordFee) papers() []Document            { return c.Documents }
func (c *RecordReturnedIncome) papers() []Document { return c.Documents }
func (c *CollectReceivable) papers() []Document    { return c.Documents }

// Recalls asks for the payment and its differences.
func (c *RecordRefund) Recalls(s *Collective) []uint64 { return s.locateAll(s.chain(c.Payment)) }

// Recalls asks for the receipt and its differences.
func (c *RecordReturnedIncome) Recalls(s *Collective) []uint64 {
	return s.locateAll(s.chain(c.Receipt))
}

// giveBack adds up what refunds and returns take of a voucher; a reversal of one counts negative.
func (s *Collective) giveBack(v *eventv1.Voucher) {
	if original := cmp.Or(RefOf(v.Refunds), RefOf(v.Returns)); original != (VoucherRef{}) {
		if s.returned[original] += Amount(v); s.returned[original] == 0 {
			delete(s.returned, original)
		}
	}
}

// chain is a voucher with the differences booked on it: first the voucher they put right, whichever of them is named.
func (s *Collective) chain(ref VoucherRef) []VoucherRef {
	for {
		of, isDifference := s.differences[ref]
		if !isDifference {
			break
		}
		ref = of
	}
	all := []VoucherRef{ref}
	for {
		next, done := s.settled[ref]
		if _, isDifference := s.differences[next]; !done || !isDifference {
			return all
		}
		all = append(all, next)
		ref = next
	}
}

// recalled is a stored voucher the command asked for, nil when it was not handed over.
func (d *decision) recalled(ref VoucherRef) *eventv1.Voucher {
	version, _ := d.s.locate(ref)
	for _, v := range d.m.Recalled[version].GetVouchers() {
		if RefOf(v.Ref) == ref {
			return v
		}
	}
	return nil
}

// moved finds a voucher whose money moves back: it exists, stands and is no reversal. left is its amount with its
// differences, less what moved back before.
func (d *decision) moved(field string, ref VoucherRef) (v *eventv1.Voucher, total, left Fen, err error) {
	if _, reversal := d.s.reversals[ref]; reversal {
		return nil, 0, 0, refuse(VoucherIsReversal).with("voucher", ref).at(field)
	}
	for i, part := range d.s.chain(ref) {
		w := d.recalled(part)
		if w == nil {
			return nil, 0, 0, refuse(VoucherUnknown).with("voucher", ref).at(field)
		}
		if _, reversed := d.s.reversals[d.s.settled[part]]; reversed {
			return nil, 0, 0, refuse(VoucherReversed).with("voucher", part).at(field)
		}
		if i == 0 {
			v = w
		}
		total += Amount(w)
	}
	return v, total, total - d.s.returned[RefOf(v.Ref)], nil
}

// movesBack checks that part of a voucher may move back on a day, and finds the money account it moves over.
func (d *decision) movesBack(v *eventv1.Voucher, total, left, amount Fen, on Day, money string) (Account, error) {
	if err := notBefore(on, v); err != nil {
		return "", err
	}
	if amount > left {
		return "", refuse(RefundExceeds).with("voucher", RefOf(v.Ref)).with("original", total).with("returned", total-left).with("amount", amount).with("short", amount-left).at("amount")
	}
	return d.moneyAccount("money_account", money)
}

// A refund is part of a payment with a purpose that came back on its day or later: money to where the payment took it from,
// and the authority it had drawn is free again. All refunds of a payment together are at most its amount.
func (c *RecordRefund) decide(d *decision) error {
	if err := d.moneyBack(c.Amount, c.On, c.Narration); err != nil {
		return err
	}
	v, total, left, err := d.moved("payment", c.Payment)
	if err != nil {
		return err
	}
	if RefOf(v.Ref).Class != Payment || v.Purpose == "" {
		return refuse(FieldInvalid).because("it is no payment with a purpose; turn it back or record a return instead", "它不是有用途的付款;请改用冲销或退票").at("payment")
	}
	money, err := d.movesBack(v, total, left, c.Amount, c.On, c.Money)
	if err != nil {
		return err
	}
	back := &eventv1.Voucher{Narration: cmp.Or(c.Narration, "退款 "+RefOf(v.Ref).String()), Party: v.Party, Purpose: v.Purpose, Refunds: v.Ref,
		Postings: []*eventv1.Posting{line(money, c.Amount)}}
	for _, p := range v.Postings {
		if p.AmountFen > 0 { // a payment has one debit: the fund or gift that bore it
			back.Postings = append(back.Postings, &eventv1.Posting{Account: p.Account, AmountFen: -int64(c.Amount), Party: p.Party})
		}
	}
	if v.DrawnFen != 0 {
		back.ResolutionId, back.DrawnFen = v.ResolutionId, -int64(c.Amount)
	}
	return d.bookAtOnce(Receipt, c.On, back, c.Documents, c.Amount, &eventv1.Event{Fact: &eventv1.Event_RefundReceived{RefundReceived: &eventv1.RefundReceived{}}})
}

// moneyBack checks what all commands here have in common.
func (d *decision) moneyBack(amount Fen, on Day, narration string) error {
	if err := d.founded(); err != nil {
		return err
	}
	return cmp.Or(checkAmount("amount", amount), d.voucherDay("occurred_on", on), checkText("narration", narration, 200))
}

// bookAtOnce books one voucher with its papers and judges it.
func (d *decision) bookAtOnce(class Class, on Day, v *eventv1.Voucher, documents []Document, amount Fen, fact *eventv1.Event) (err error) {
	if v.Documents, err = d.papers(documents, amount); err != nil {
		return err
	}
	d.book(class, on, v)
	if err := d.sides(); err != nil {
		return err
	}
	d.emitPosted(fact)
	return nil
}

// A fee leaves fund and money account as the bank took it. What the rules would have asked for becomes flags.
func (c *RecordFee) decide(d *decision) error {
	if err := d.moneyBack(c.Amount, c.On, c.Narration); err != nil {
		return err
	}
	if err := cmp.Or(checkSlug("purpose", c.Purpose), d.checkParty("payee", c.Payee, false)); err != nil {
		return err
	}
	fund, err := d.fund("fund", c.Fund)
	if err != nil {
		return err
	}
	money, err := d.moneyAccount("money_account", c.Money)
	if err != nil {
		return err
	}
	v := &eventv1.Voucher{Narration: c.Narration, Party: c.Payee, Purpose: c.Purpose, Flags: d.outlayFlags(fund, c.Purpose, c.Amount),
		Postings: []*eventv1.Posting{line(FundAccount(c.Fund), c.Amount), line(money, -c.Amount)}}
	return d.bookAtOnce(Payment, c.On, v, c.Documents, c.Amount, &eventv1.Event{Fact: &eventv1.Event_FeeCharged{FeeCharged: &eventv1.FeeCharged{Fund: c.Fund}}})
}

// Returned income is owed again by who paid it: receivable against money. The funds keep their parts, for the money is still
// the collective's; collecting it does not split it a second time. Returns of a receipt together are at most its amount.
func (c *RecordReturnedIncome) decide(d *decision) error {
	if err := d.moneyBack(c.Amount, c.On, c.Narration); err != nil {
		return err
	}
	v, total, left, err := d.moved("receipt", c.Receipt)
	if err != nil {
		return err
	}
	kind := d.incomeKind(v)
	if kind == "" {
		return refuse(FieldInvalid).because("it is no income that was split; turn it back instead", "它不是已分配的收入,请改用冲销").at("receipt")
	}
	money, err := d.movesBack(v, total, left, c.Amount, c.On, c.Money)
	if err != nil {
		return err
	}
	back := &eventv1.Voucher{Narration: cmp.Or(c.Narration, "退票 "+RefOf(v.Ref).String()), Party: v.Party, Returns: v.Ref,
		Postings: []*eventv1.Posting{{Account: string(ReceivableAccount(kind)), AmountFen: int64(c.Amount), Party: v.Party}, line(money, -c.Amount)}}
	return d.bookAtOnce(Payment, c.On, back, c.Documents, c.Amount, &eventv1.Event{Fact: &eventv1.Event_IncomeReturned{IncomeReturned: &eventv1.IncomeReturned{Kind: kind}}})
}

// incomeKind is the kind of a voucher that received income, also of income that a resolution put into one fund.
func (d *decision) incomeKind(v *eventv1.Voucher) string {
	if RefOf(v.Ref).Class != Receipt {
		return ""
	}
	version, _ := d.s.locate(RefOf(v.Ref))
	return cmp.Or(v.IncomeKind, d.m.Recalled[version].GetIncomeRecorded().GetKind())
}

// Collecting takes what a party owes, never more, and splits nothing. What is owed under nobody's name, as opening balances
// may have it, can be collected from anybody once what is owed under his own is paid.
func (c *CollectReceivable) decide(d *decision) error {
	if err := d.moneyBack(c.Amount, c.On, c.Narration); err != nil {
		return err
	}
	if err := cmp.Or(checkReceivable("kind", c.Kind), d.checkParty("payer", c.Payer, true)); err != nil {
		return err
	}
	money, err := d.moneyAccount("money_account", c.Money)
	if err != nil {
		return err
	}
	account := ReceivableAccount(c.Kind)
	owed := &eventv1.Posting{Account: string(account), AmountFen: -int64(c.Amount), Party: c.Payer}
	if t := d.s.parties[partyAccount{account, c.Payer}]; t == nil || t.Now() == 0 {
		if t := d.s.parties[partyAccount{account, unnamed}]; t != nil && t.Now() > 0 {
			owed.Party = ""
		}
	}
	v := &eventv1.Voucher{Narration: c.Narration, Party: c.Payer, Postings: []*eventv1.Posting{line(money, c.Amount), owed}}
	return d.bookAtOnce(Receipt, c.On, v, c.Documents, c.Amount, &eventv1.Event{Fact: &eventv1.Event_ReceivableCollected{ReceivableCollected: &eventv1.ReceivableCollected{Account: string(account)}}})
}

// checkReceivable refuses kinds that the books settle themselves.
func checkReceivable(field, kind string) error {
	if kind == receivablePending || kind == receivableCost {
		return refuse(FieldInvalid).because("the books settle this account themselves", "这个科目由账簿自行结清").at(field)
	}
	return checkSlug(field, kind)
}

// unnamed stands for nobody's name among the parties of an account; no party is written like it.
const unnamed = "-"

// partyOf is whose part of its account a posting is, empty where an account is not kept by parties.
func partyOf(p *eventv1.Posting) string {
	switch Account(p.Account).Kind() {
	case KindDeposit:
		return p.Party
	case KindReceivable:
		return cmp.Or(p.Party, unnamed)
	}
	return ""
}
