package ledger_test

import (
	"fmt"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// This file has a test for each rule about money; the worked figures are in testdata/scenarios.

// expect compares balances at the end of a day, written account amount.
func expect(t *testing.T, b *lt.Books, day string, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := b.Balance(ledger.Account(pairs[i]), day); got != lt.Yuan(pairs[i+1]) {
			t.Errorf("%s on %s is %v, want %s", pairs[i], day, got, pairs[i+1])
		}
	}
}

// book takes a correction through review and approval.
func book(t *testing.T, b *lt.Books, date string, c *ledger.RequestCorrection) []*eventv1.Event {
	t.Helper()
	events := b.Do(date, lt.Treasurer, c)
	if events[0].GetCorrectionMade() != nil {
		return events
	}
	if events[0].GetRequestMade().Review {
		b.Do(date, lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	}
	b.Do(date, lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	return b.Do(date, lt.Treasurer, &ledger.BookCorrection{Number: b.Last()})
}

func reverses(refs ...string) *ledger.RequestCorrection {
	c := new(ledger.RequestCorrection)
	for _, r := range refs {
		c.Reverses = append(c.Reverses, lt.Ref(r))
	}
	return c
}

// TestIncomeByResolution: income without a policy goes into one fund that a resolution names, or nowhere.
func TestIncomeByResolution(t *testing.T) {
	b := lt.Liminba(t)
	c := &ledger.RecordIncome{Kind: "compensation", Amount: lt.Yuan("1,000.00"), On: lt.Day("2020-06-01"), Money: "bank", Fund: "reserve"}
	b.Refuse("2020-06-01", lt.Treasurer, c, ledger.ResolutionNeeded)
	b.Resolve("2020-06-01", "to-reserve", eventv1.Matter_MATTER_INCOME, "household_heads", "reserve", "")
	c.Resolution = "to-reserve"
	c.Fund = "welfare"
	b.Refuse("2020-06-01", lt.Treasurer, c, ledger.ResolutionOther)
	c.Fund = "reserve"
	fact := b.Do("2020-06-01", lt.Treasurer, c)[0]
	if r := fact.GetIncomeRecorded(); r.PolicyVersion != 0 || fact.Vouchers[0].IncomeKind != "" || fact.Vouchers[0].ResolutionId != "to-reserve" {
		t.Errorf("recorded as %v", fact)
	}
	expect(t, b, "2020-06-01", "fund/reserve", "1,000.00", "fund/dividend", "0.00", "money/bank", "1,000.00")
	rent := lt.Rent("2020-06-01", "1.00")
	rent.Fund, rent.Resolution = "reserve", "to-reserve"
	b.Refuse("2020-06-01", lt.Treasurer, rent, ledger.FieldInvalid) // rent has a policy
}

// TestSplitRecord: the fact of an income says policy, shares, parts and who took the odd fen.
func TestSplitRecord(t *testing.T) {
	b := lt.Liminba(t)
	fact := b.Do("2020-06-01", lt.Treasurer, &ledger.RecordIncome{Kind: "interest", Amount: lt.Yuan("187.43"), On: lt.Day("2020-06-01"), Money: "bank"})[0].GetIncomeRecorded()
	got := ""
	for _, p := range fact.Parts {
		got += fmt.Sprintf("%s %s %v %d; ", p.Fund, ledger.FormatFraction(p.Share), ledger.Fen(p.AmountFen), p.OddFen)
	}
	if want := "dividend 7/10 131.20 0; reserve 1/10 18.75 1; welfare 1/10 18.74 0; maintenance 1/10 18.74 0; "; got != want || fact.PolicyVersion != 1 {
		t.Errorf("policy %d, parts %s", fact.PolicyVersion, got)
	}
	if v := b.Vouchers()[0]; len(v.Postings) != 5 || v.IncomeKind != "interest" {
		t.Errorf("the voucher is %v", v)
	}
	tiny := b.Do("2020-06-01", lt.Treasurer, &ledger.RecordIncome{Kind: "interest", Amount: 1, On: lt.Day("2020-06-01"), Money: "bank"})[0]
	if n := len(tiny.Vouchers[0].Postings); n != 2 { // a part of nothing has no posting
		t.Errorf("one fen has %d postings", n)
	}
}

// TestShares: shares are exact and sum to exactly one; rest is the exact complement.
func TestShares(t *testing.T) {
	for name, c := range map[string]struct {
		shares []string
		want   string // parts of 187.43, or the reason
	}{
		"decimals":        {[]string{"0.7", "0.1", "0.1", "0.1"}, "131.20 18.75 18.74 18.74"},
		"fractions":       {[]string{"7/10", "1/10", "1/10", "1/10"}, "131.20 18.75 18.74 18.74"},
		"rest":            {[]string{"rest", "0.1", "0.1", "0.1"}, "131.20 18.75 18.74 18.74"},
		"thirds":          {[]string{"1/3", "1/3", "0", "rest"}, "62.48 62.48 0.00 62.47"},
		"nested":          {[]string{"0.1", "0.225", "0.18", "0.495"}, "18.74 42.17 33.74 92.78"}, // 10 % and 90 % of (25/20/55)
		"one":             {[]string{"1", "0", "0", "0"}, "187.43 0.00 0.00 0.00"},
		"too little":      {[]string{"0.7", "0.1", "0.1", "0.09"}, "shares_not_one"},
		"too much":        {[]string{"0.7", "0.1", "0.1", "0.1000000001"}, "shares_not_one"},
		"thirds of 0.33":  {[]string{"0.33", "0.33", "0.33", "0"}, "shares_not_one"},
		"no rest is left": {[]string{"0.7", "0.2", "0.1", "rest"}, "shares_not_one"},
		"two rests":       {[]string{"0.7", "0.1", "rest", "rest"}, "repeated_entry"},
		"exponent":        {[]string{"7e-1", "0.1", "0.1", "0.1"}, "share_invalid"},
		"negative":        {[]string{"-0.1", "0.9", "0.1", "0.1"}, "share_invalid"},
		"percent":         {[]string{"70%", "10%", "10%", "10%"}, "share_invalid"},
		"over zero":       {[]string{"1/0", "0", "0", "0"}, "share_invalid"},
		"above one":       {[]string{"2", "0", "0", "0"}, "share_invalid"},
		"Chinese digits":  {[]string{"０.7", "0.1", "0.1", "0.1"}, "share_invalid"},
		"too fine":        {[]string{"1/999999999989", "1/999999999961", "0", "rest"}, "share_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			shares, err := ledger.ParseShares(lt.Shares(c.shares[0], c.shares[1], c.shares[2], c.shares[3]))
			if err != nil {
				if !refusedAs(err, ledger.Reason(c.want)) {
					t.Fatalf("got %v, want %s", err, c.want)
				}
				return
			}
			got := ""
			parts, _ := ledger.SplitLargest(lt.Yuan("187.43"), shares)
			for _, p := range parts {
				got += " " + p.String()
			}
			if got[1:] != c.want {
				t.Errorf("got %s, want %s", got[1:], c.want)
			}
		})
	}
}

// TestMoveMoney: money between money accounts is a 付 voucher and touches no fund.
func TestMoveMoney(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	b.Do("2020-12-20", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH})
	move := &ledger.MoveMoney{From: "bank", To: "cash", Amount: lt.Yuan("300.00"), On: lt.Day("2020-12-20"), Narration: "提取现金"}
	if refs := lt.Refs(b.Do("2020-12-20", lt.Treasurer, move)); refs != "付2020-1" {
		t.Errorf("booked %s", refs)
	}
	expect(t, b, "2020-12-20", "money/bank", "97,700.00", "money/cash", "300.00", "fund/dividend", "68,600.00")
	b.Refuse("2020-12-20", lt.Treasurer, &ledger.MoveMoney{From: "cash", To: "cash", Amount: 1, On: lt.Day("2020-12-20")}, ledger.FieldInvalid)
	b.Refuse("2020-12-20", lt.Treasurer, &ledger.MoveMoney{From: "cash", To: "bank", Amount: lt.Yuan("300.01"), On: lt.Day("2020-12-20")}, ledger.AccountOverdrawn, "account=money/cash", "short=0.01")
}

// TestOpening: balances come first, balance to the fen, and a supervisor confirms them.
func TestOpening(t *testing.T) {
	b := lt.Liminba(t)
	b.Do("2020-06-01", lt.Treasurer, opening("100.00", "100.00"))
	b.Do("2020-06-01", lt.Treasurer, opening("200.00", "200.00")) // replaces the first
	b.Refuse("2020-06-01", lt.Treasurer, &ledger.ConfirmOpening{}, ledger.RoleMissing)
	if refs := lt.Refs(b.Do("2020-06-01", lt.Supervisor, &ledger.ConfirmOpening{})); refs != "转2020-1" {
		t.Errorf("booked %s", refs)
	}
	expect(t, b, "2020-06-01", "money/bank", "200.00", "fund/reserve", "200.00")
	b.Refuse("2020-06-01", lt.Supervisor, &ledger.ConfirmOpening{}, ledger.OpeningMissing)
	b.Refuse("2020-06-01", lt.Treasurer, opening("100.00", "100.00"), ledger.OpeningLate)

	for name, c := range map[string]struct {
		lines []ledger.OpeningLine
		want  ledger.Reason
	}{
		"wrong side":    {[]ledger.OpeningLine{{Account: lt.Bank, Amount: -5}, {Account: lt.Reserve, Amount: 5}}, ledger.AmountNotPositive},
		"nothing":       {[]ledger.OpeningLine{{Account: lt.Bank, Amount: 0}, {Account: lt.Reserve, Amount: 0}}, ledger.AmountNotPositive},
		"one line":      {[]ledger.OpeningLine{{Account: lt.Bank, Amount: 5}}, ledger.TooMany},
		"twice":         {[]ledger.OpeningLine{{Account: lt.Bank, Amount: 5}, {Account: lt.Bank, Amount: 5}}, ledger.RepeatedEntry},
		"unknown fund":  {[]ledger.OpeningLine{{Account: lt.Bank, Amount: 5}, {Account: "fund/lottery", Amount: -5}}, ledger.FundUnknown},
		"unknown money": {[]ledger.OpeningLine{{Account: "money/purse", Amount: 5}, {Account: lt.Reserve, Amount: -5}}, ledger.MoneyAccountUnknown},
		"owed to whom":  {[]ledger.OpeningLine{{Account: lt.Bank, Amount: 5}, {Account: "deposit/lease", Amount: -5}}, ledger.PartyInvalid},
		"no fen":        {[]ledger.OpeningLine{{Account: lt.Bank, Amount: 5}, {Account: lt.Reserve, Amount: -4}}, ledger.Unbalanced},
	} {
		t.Run(name, func(t *testing.T) {
			lt.Liminba(t).Refuse("2020-06-01", lt.Treasurer, &ledger.ProposeOpening{On: lt.Day("2020-06-01"), Lines: c.lines}, c.want)
		})
	}
	late := lt.Liminba(t)
	late.Do("2020-06-01", lt.Treasurer, opening("100.00", "100.00"))
	late.Do("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "1.00"))
	late.Refuse("2020-06-01", lt.Supervisor, &ledger.ConfirmOpening{}, ledger.OpeningLate)
}

// TestDepositParties: one party's deposit never pays another's back.
func TestDepositParties(t *testing.T) {
	b := lt.Liminba(t)
	for _, c := range []struct{ party, amount string }{{"party/one", "100.00"}, {"party/two", "50.00"}} {
		b.Do("2020-06-01", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "bid", Amount: lt.Yuan(c.amount), On: lt.Day("2020-06-01"), Money: "bank", Payer: c.party})
	}
	lower := &ledger.RequestCorrection{DifferenceOf: lt.Ref("收2020-2"), RightAmount: lt.Yuan("20.00")}
	if refs := lt.Refs(book(t, b, "2020-06-02", lower)); refs != "收2020-3" {
		t.Errorf("booked %s", refs)
	}
	expect(t, b, "2020-06-02", "deposit/bid", "120.00", "money/bank", "120.00")
	// The first deposit stays in the books; the second alone cannot be turned back whole any more.
	b.Refuse("2020-06-02", lt.Treasurer, reverses("收2020-2"), ledger.VoucherNotReversible)
	// 80.00 of the first went back to its payer; the deposits of all would still cover turning it back, its payer's do not.
	b.State.Evolve(&eventv1.Event{Version: b.State.Version() + 1, RecordedAt: lt.Noon("2020-06-02").UnixMicro(), Vouchers: []*eventv1.Voucher{{
		Ref: lt.Ref("付2020-1").Proto(), OccurredOn: 20200602, Postings: []*eventv1.Posting{
			{Account: "deposit/bid", AmountFen: 80_00, Party: "party/one"}, {Account: "money/bank", AmountFen: -80_00}}}}})
	b.Do("2020-06-02", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "bid", Amount: lt.Yuan("500.00"), On: lt.Day("2020-06-02"), Money: "bank", Payer: "party/two"})
	b.Refuse("2020-06-03", lt.Treasurer, reverses("收2020-1"), ledger.AccountOverdrawn, "account=deposit/bid", "available=20.00", "short=80.00")
}

// TestInstalments: live vouchers together cite at most what a paper is over; a reversal frees what it cited.
func TestInstalments(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
	pay := func(amount string) *ledger.RequestPayment {
		c := newPayment()
		c.Amount = lt.Yuan(amount)
		c.Documents = []ledger.Document{{Kind: "invoice", Issuer: "supplier", Number: "R-1", Total: lt.Yuan("1,000.00")}}
		return c
	}
	settle := func(c *ledger.RequestPayment) string {
		b.Do("2021-12-20", lt.Treasurer, c)
		b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
		return lt.Refs(b.Do("2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: lt.Day("2021-12-20"), Money: "bank"}))
	}
	settle(pay("400.00"))
	b.Refuse("2021-12-20", lt.Treasurer, pay("600.01"), ledger.DocumentDuplicate, "cited=400.00", "total=1000.00")
	second := settle(pay("600.00"))
	b.Refuse("2021-12-20", lt.Treasurer, pay("0.01"), ledger.DocumentDuplicate, "cited=1000.00")
	book(t, b, "2021-12-20", reverses(second))
	b.Do("2021-12-20", lt.Treasurer, pay("600.00"))
	// Two requests may cite the same paper; only one of them can be paid.
	first := b.Last()
	b.Do("2021-12-20", lt.Treasurer, pay("600.00"))
	for _, n := range []uint32{first, b.Last()} {
		b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: n})
	}
	b.Do("2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: first, On: lt.Day("2021-12-20"), Money: "bank"})
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: lt.Day("2021-12-20"), Money: "bank"}, ledger.DocumentDuplicate)
}

// TestPapersForm refuses papers that are none.
func TestPapersForm(t *testing.T) {
	good := ledger.Document{Kind: "invoice", Issuer: "supplier", Number: "1"}
	for name, c := range map[string]struct {
		change func(*ledger.Document)
		want   ledger.Reason
	}{
		"kind":        {func(d *ledger.Document) { d.Kind = "rumour" }, ledger.FieldInvalid},
		"no issuer":   {func(d *ledger.Document) { d.Issuer = "" }, ledger.FieldInvalid},
		"no number":   {func(d *ledger.Document) { d.Number = "" }, ledger.FieldInvalid},
		"long number": {func(d *ledger.Document) { d.Number = string(make([]byte, 65)) }, ledger.FieldInvalid},
		"a person":    {func(d *ledger.Document) { d.Issuer = "某人" }, ledger.FieldInvalid},
		"half digest": {func(d *ledger.Document) { d.SHA256 = []byte{1, 2} }, ledger.FieldInvalid},
		"negative":    {func(d *ledger.Document) { d.Cited = -1 }, ledger.AmountNotPositive},
		"over total":  {func(d *ledger.Document) { d.Total, d.Cited = 1, 2 }, ledger.DocumentDuplicate},
	} {
		t.Run(name, func(t *testing.T) {
			doc := good
			c.change(&doc)
			rent := lt.Rent("2020-06-01", "1.00")
			rent.Documents = []ledger.Document{doc}
			lt.Liminba(t).Refuse("2020-06-01", lt.Treasurer, rent, c.want)
			// A replacement's papers are checked the same way.
			if c.want == ledger.FieldInvalid {
				correction := reverses("收2020-1")
				correction.Replacements = []ledger.Replacement{{Corrects: correction.Reverses[0], Inflow: &ledger.Inflow{
					As: eventv1.InflowKind_INFLOW_KIND_INCOME, Kind: "rent", Amount: 2, Money: "bank", Documents: rent.Documents}}}
				b := lt.Liminba(t)
				b.Do("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "0.01"))
				b.Refuse("2020-06-01", lt.Treasurer, correction, c.want)
			}
		})
	}
	rent := lt.Rent("2020-06-01", "1.00")
	rent.Documents = []ledger.Document{good, good}
	lt.Liminba(t).Refuse("2020-06-01", lt.Treasurer, rent, ledger.RepeatedEntry)
	rent.Documents = make([]ledger.Document, 21)
	lt.Liminba(t).Refuse("2020-06-01", lt.Treasurer, rent, ledger.TooMany, "what=documents")
}

// TestCorrectedPaper: a paper whose total was typed wrong is cited with its right total once the wrong voucher is turned back.
func TestCorrectedPaper(t *testing.T) {
	b := lt.Liminba(t)
	b.Do("2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "89,000.00"))
	right := lt.Rent("2020-12-20", "98,000.00")
	c := reverses("收2020-1")
	c.On = lt.Day("2020-12-20")
	c.Replacements = []ledger.Replacement{{Corrects: lt.Ref("收2020-1"), Inflow: &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_INCOME, Kind: "rent",
		Amount: right.Amount, Money: "bank", Payer: right.Payer, Documents: right.Documents}}}
	if refs := lt.Refs(b.Do("2020-12-21", lt.Treasurer, c)); refs != "收2020-2 收2020-3" {
		t.Errorf("booked %s", refs)
	}
	expect(t, b, "2020-12-20", "money/bank", "98,000.00")
	b.Refuse("2020-12-21", lt.Treasurer, lt.Rent("2020-12-20", "0.01"), ledger.DocumentDuplicate, "cited=98000.00", "total=98000.00")
	// Two replacements cannot cite one paper beyond its total either.
	b = lt.Liminba(t)
	b.Do("2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "89,000.00"))
	c.Replacements = append(c.Replacements, c.Replacements[0])
	b.Refuse("2020-12-21", lt.Treasurer, c, ledger.DocumentDuplicate)
}

// TestTransfer: money between funds takes a resolution about the giving fund, and no purpose.
func TestTransfer(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	b.Resolve("2020-12-20", "rule-v2", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do("2020-12-20", lt.Approver, &ledger.AdoptSpendingRule{Tiers: append(lt.Rule(), &eventv1.Tier{Operation: eventv1.Operation_OPERATION_TRANSFER, Approvals: 1}), Resolution: "rule-v2"})
	c := &ledger.RequestTransfer{From: "reserve", To: "maintenance", Amount: lt.Yuan("500.00")}
	b.Refuse("2020-12-20", lt.Treasurer, c, ledger.ResolutionNeeded, "body=household_heads")
	b.Resolve("2020-12-20", "move", eventv1.Matter_MATTER_TRANSFER, "household_heads", "reserve", "800.00")
	c.Resolution = "move"
	b.Do("2020-12-20", lt.Treasurer, c)
	n, on := b.Last(), lt.Day("2020-12-20")
	b.Refuse("2020-12-20", lt.Treasurer, &ledger.BookTransfer{Number: n, On: on}, ledger.ApprovalNeeded)
	b.Do("2020-12-20", lt.Approver, &ledger.ApproveRequest{Number: n})
	if refs := lt.Refs(b.Do("2020-12-20", lt.Treasurer, &ledger.BookTransfer{Number: n, On: on})); refs != "转2020-1" {
		t.Errorf("booked %s", refs)
	}
	expect(t, b, "2020-12-20", "fund/reserve", "9,300.00", "fund/maintenance", "10,300.00", "money/bank", "98,000.00")
	if left := b.State.Remaining("move"); left != lt.Yuan("300.00") {
		t.Errorf("%v are left", left)
	}
	// Turned back, it needs an approval like the transfer itself.
	made := b.Do("2020-12-21", lt.Treasurer, reverses("转2020-1"))[0].GetRequestMade()
	if made == nil || made.Approvals != 1 {
		t.Fatalf("got %v", made)
	}
	b.Do("2020-12-21", lt.Approver, &ledger.ApproveRequest{Number: made.Number})
	b.Do("2020-12-21", lt.Treasurer, &ledger.BookCorrection{Number: made.Number})
	expect(t, b, "2020-12-21", "fund/reserve", "9,800.00", "fund/maintenance", "9,800.00")
	for name, c := range map[string]struct {
		c    ledger.RequestTransfer
		want ledger.Reason
	}{
		"to itself":    {ledger.RequestTransfer{From: "reserve", To: "reserve", Amount: 1}, ledger.FieldInvalid},
		"to nowhere":   {ledger.RequestTransfer{From: "reserve", To: "lottery", Amount: 1}, ledger.FundUnknown},
		"too much":     {ledger.RequestTransfer{From: "reserve", To: "welfare", Amount: lt.Yuan("9,800.01")}, ledger.FundOverdrawn},
		"wrong fund":   {ledger.RequestTransfer{From: "welfare", To: "reserve", Amount: 1, Resolution: "move"}, ledger.ResolutionOther},
		"more than it": {ledger.RequestTransfer{From: "reserve", To: "welfare", Amount: lt.Yuan("800.01"), Resolution: "move"}, ledger.ResolutionExhausted},
	} {
		t.Run(name, func(t *testing.T) { b.Refuse("2020-12-21", lt.Treasurer, &c.c, c.want) })
	}
}

// TestCorrectionTier: putting right goes through the tier of what is put right, and through that of what is booked instead.
func TestCorrectionTier(t *testing.T) {
	b := lt.Demo(t, "2022-12-31")
	for ref, want := range map[string]string{
		"收2022-2":  "booked",        // money in has no tier
		"付2021-7":  "1 without",     // daily management of 4,200.00
		"付2022-11": "1 with review", // the roof, from 10,000.00 on
		"付2022-12": "1 with review", // the workshop
		"付2021-1":  "1 with review", // a grant, as its round
		"付2021-8":  "1 with review", // a bank file, as its dividend
	} {
		t.Run(ref, func(t *testing.T) {
			made := b.Do("2022-12-31", lt.Treasurer, reverses(ref))[0].GetRequestMade()
			got := "booked"
			if made != nil {
				got = fmt.Sprintf("%d %s", made.Approvals, map[bool]string{true: "with review", false: "without"}[made.Review])
			}
			if got != want {
				t.Errorf("it is %s, want %s", got, want)
			}
		})
	}
	// A small payment replaced by a large one needs the review of the large one.
	b.Resolve("2022-12-31", "large", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "10,000.00")
	c := reverses("付2021-18")
	c.Replacements = []ledger.Replacement{{Corrects: c.Reverses[0], Payment: &ledger.RequestPayment{Fund: "maintenance", Purpose: "planting",
		Amount: lt.Yuan("10,000.00"), Payee: "party/supplier", Resolution: "large", Money: "bank"}}}
	if made := b.Do("2022-12-31", lt.Treasurer, c)[0].GetRequestMade(); !made.Review {
		t.Error("no review is asked for")
	}
	b.Refuse("2022-12-31", lt.Treasurer, &ledger.BookCorrection{Number: b.Last()}, ledger.ReviewNeeded)
}

// TestReplacementsShareAuthority: what a reversal gives back is there once, however many vouchers are booked instead.
func TestReplacementsShareAuthority(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	c := reverses("付2021-18")
	for range 2 {
		c.Replacements = append(c.Replacements, ledger.Replacement{Corrects: c.Reverses[0], Payment: &ledger.RequestPayment{Fund: "maintenance", Purpose: "planting",
			Amount: lt.Yuan("4,500.01"), Payee: "party/supplier", Resolution: "planting-2021", Money: "bank"}})
	}
	b.Refuse("2021-12-20", lt.Treasurer, c, ledger.ResolutionExhausted, "remaining=4499.99", "short=0.02")
	c.Replacements[1].Payment.Amount = lt.Yuan("4,499.99")
	if refs := lt.Refs(book(t, b, "2021-12-20", c)); refs != "付2021-19 付2021-20 付2021-21" {
		t.Errorf("booked %s", refs)
	}
	if left := b.State.Remaining("planting-2021"); left != 0 {
		t.Errorf("%v are left", left)
	}
}

// TestNewestPolicy: of two policies that start on one day the one adopted last is in force.
func TestNewestPolicy(t *testing.T) {
	b := lt.Liminba(t)
	for _, p := range []struct{ id, share string }{{"policy-v2", "0.5"}, {"policy-v3", "0.4"}} {
		b.Resolve("2020-06-01", p.id, eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
		b.Do("2020-06-01", lt.Approver, &ledger.AdoptPolicy{Effective: 20200601, Kinds: []string{"rent"}, Shares: lt.Shares("rest", p.share, "0", "0"), Resolution: p.id})
	}
	b.Do("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "100.00"))
	b.Do("2020-06-01", lt.Treasurer, &ledger.RecordIncome{Kind: "interest", Amount: 100, On: 20200601, Money: "bank"}) // v1 goes on for it
	expect(t, b, "2020-06-01", "fund/reserve", "40.10", "fund/dividend", "60.70", "fund/welfare", "0.10")
}

// TestReversalTier: a spending rule may have its own line for reversals.
func TestReversalTier(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	b.Resolve("2020-12-20", "rule-v2", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do("2020-12-20", lt.Approver, &ledger.AdoptSpendingRule{Tiers: append(lt.Rule(), &eventv1.Tier{Operation: eventv1.Operation_OPERATION_REVERSAL, Approvals: 1, Review: true}), Resolution: "rule-v2"})
	if made := b.Do("2020-12-20", lt.Treasurer, reverses("收2020-1"))[0].GetRequestMade(); made == nil || made.Approvals != 1 || !made.Review {
		t.Errorf("got %v", made)
	}
}

// TestCorrectionForm refuses corrections that do not hang together.
func TestCorrectionForm(t *testing.T) {
	inflow := &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_INCOME, Kind: "rent", Amount: 1, Money: "bank"}
	for name, c := range map[string]struct {
		c    *ledger.RequestCorrection
		want ledger.Reason
	}{
		"twice":             {reverses("收2020-1", "收2020-1"), ledger.RepeatedEntry},
		"both ways":         {&ledger.RequestCorrection{Reverses: reverses("收2020-1").Reverses, DifferenceOf: lt.Ref("收2020-1"), RightAmount: 1}, ledger.FieldInvalid},
		"no amount":         {&ledger.RequestCorrection{DifferenceOf: lt.Ref("收2020-1")}, ledger.AmountNotPositive},
		"of something else": {&ledger.RequestCorrection{Reverses: reverses("收2020-1").Reverses, Replacements: []ledger.Replacement{{Corrects: lt.Ref("收2020-9"), Inflow: inflow}}}, ledger.FieldInvalid},
		"nothing instead":   {&ledger.RequestCorrection{Reverses: reverses("收2020-1").Reverses, Replacements: []ledger.Replacement{{Corrects: lt.Ref("收2020-1")}}}, ledger.FieldInvalid},
		"unknown inflow":    {&ledger.RequestCorrection{Reverses: reverses("收2020-1").Reverses, Replacements: []ledger.Replacement{{Corrects: lt.Ref("收2020-1"), Inflow: &ledger.Inflow{Amount: 1, Money: "bank"}}}}, ledger.FieldInvalid},
		"no money account":  {&ledger.RequestCorrection{Reverses: reverses("收2020-1").Reverses, Replacements: []ledger.Replacement{{Corrects: lt.Ref("收2020-1"), Payment: newPayment()}}}, ledger.MoneyAccountUnknown},
		"21":                {&ledger.RequestCorrection{Reverses: make([]ledger.VoucherRef, 21)}, ledger.TooMany},
		"tomorrow":          {&ledger.RequestCorrection{Reverses: reverses("收2020-1").Reverses, On: lt.Day("2020-12-21")}, ledger.DateInFuture},
	} {
		t.Run(name, func(t *testing.T) {
			lt.Demo(t, "2020-12-20").Refuse("2020-12-20", lt.Treasurer, c.c, c.want)
		})
	}
}

// TestDifferenceOfIncome splits the right amount anew and books each fund's difference, so that the fund balances are those
// of the right amount.
func TestDifferenceOfIncome(t *testing.T) {
	for _, right := range []string{"0.01", "0.03", "187.42", "187.44", "98,000.00"} {
		b := lt.Liminba(t)
		b.Do("2020-06-01", lt.Treasurer, &ledger.RecordIncome{Kind: "interest", Amount: lt.Yuan("187.43"), On: lt.Day("2020-06-01"), Money: "bank"})
		v := lt.Vouchers(book(t, b, "2020-06-02", &ledger.RequestCorrection{DifferenceOf: lt.Ref("收2020-1"), RightAmount: lt.Yuan(right)}))[0]
		if v.Negative != (lt.Yuan(right) < lt.Yuan("187.43")) || v.IncomeKind != "interest" || ledger.RefOf(v.Corrects) != lt.Ref("收2020-1") {
			t.Errorf("the difference is %v", v)
		}
		direct := lt.Liminba(t)
		direct.Do("2020-06-01", lt.Treasurer, &ledger.RecordIncome{Kind: "interest", Amount: lt.Yuan(right), On: lt.Day("2020-06-01"), Money: "bank"})
		for _, a := range []ledger.Account{lt.Dividend, lt.Reserve, lt.Welfare, lt.Maintenance, lt.Bank} {
			if got, want := b.Balance(a, "2020-06-02"), direct.Balance(a, "2020-06-02"); got != want {
				t.Errorf("%s after the difference to %s has %v, want %v", a, right, got, want)
			}
		}
	}
}

// TestDifferenceOfDifference: a difference that raised an amount can be put right by its own amount; one that lowered it has
// to be turned back.
func TestDifferenceOfDifference(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	difference := func(ref, right string) *ledger.RequestCorrection {
		return &ledger.RequestCorrection{DifferenceOf: lt.Ref(ref), RightAmount: lt.Yuan(right)}
	}
	book(t, b, "2021-12-20", difference("付2021-18", "8,455.00"))
	expect(t, b, "2021-12-20", "fund/maintenance", "16,745.00")
	book(t, b, "2021-12-20", difference("付2021-19", "180.00"))
	expect(t, b, "2021-12-20", "fund/maintenance", "16,665.00")

	b = lt.Demo(t, "2021-12-20")
	book(t, b, "2021-12-20", difference("付2021-18", "8,300.00"))
	expect(t, b, "2021-12-20", "fund/maintenance", "16,900.00")
	b.Refuse("2021-12-20", lt.Treasurer, difference("付2021-19", "10.00"), ledger.VoucherNotReversible)
	book(t, b, "2021-12-20", reverses("付2021-19"))
	book(t, b, "2021-12-20", difference("付2021-18", "8,400.00"))
	expect(t, b, "2021-12-20", "fund/maintenance", "16,800.00")
}

// TestDifferenceOfLists: what belongs to a list of people has no difference.
func TestDifferenceOfLists(t *testing.T) {
	b := lt.Demo(t, "2022-12-31")
	for _, ref := range []string{"付2021-1", "付2021-8"} {
		b.Refuse("2022-12-31", lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref(ref), RightAmount: lt.Yuan("1.00")}, ledger.VoucherNotReversible)
	}
}

// TestReversalMeetsNextDay: a correction is judged again on the day it is booked.
func TestReversalMeetsNextDay(t *testing.T) {
	b := lt.Demo(t, "2021-09-10")
	b.Do("2021-09-11", lt.Treasurer, reverses("付2021-18"))
	n := b.Last()
	b.Do("2021-09-11", lt.Approver, &ledger.ApproveRequest{Number: n})
	b.Do("2021-09-12", lt.Treasurer, reverses("付2021-18"))
	other := b.Last()
	b.Do("2021-09-12", lt.Approver, &ledger.ApproveRequest{Number: other})
	booked := b.Do("2021-09-13", lt.Treasurer, &ledger.BookCorrection{Number: n})[0]
	if on := booked.Vouchers[0].OccurredOn; on != 20210913 || booked.Vouchers[0].RequestNumber != n {
		t.Errorf("booked on %d for request %d", on, booked.Vouchers[0].RequestNumber)
	}
	b.Refuse("2021-09-13", lt.Treasurer, &ledger.BookCorrection{Number: other}, ledger.VoucherReversed)
}

// TestGrants: a round is bound to its budget, reviewed as it is, awarded as a whole and paid once to each.
func TestGrants(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	open := func(id, budget string) *ledger.OpenGrantRound {
		return &ledger.OpenGrantRound{Round: id, Title: "补助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan(budget)}
	}
	apply := func(id string, member uint32, amount string) *ledger.AddApplicants {
		return &ledger.AddApplicants{Round: id, Members: []uint32{member}, Amounts: []ledger.Fen{lt.Yuan(amount)}}
	}
	notice := func(id string) *ledger.PublishGrantNotice {
		return &ledger.PublishGrantNotice{Round: id, From: lt.Day("2021-01-04"), To: lt.Day("2021-01-10")}
	}
	b.Refuse("2021-01-04", lt.Treasurer, &ledger.OpenGrantRound{Round: "wrong", Title: "补助", Fund: "welfare", Purpose: "repair", Budget: 1}, ledger.PurposeNotAllowed)
	b.Do("2021-01-04", lt.Treasurer, open("first", "6,000.00"))
	b.Refuse("2021-01-04", lt.Treasurer, open("first", "6,000.00"), ledger.AlreadyExists)
	b.Do("2021-01-04", lt.Treasurer, apply("first", 1, "5,000.00"))
	b.Refuse("2021-01-04", lt.Treasurer, apply("first", 1, "1.00"), ledger.RepeatedEntry)
	b.Refuse("2021-01-04", lt.Treasurer, apply("first", 4000, "1.00"), ledger.MemberUnknown)
	b.Refuse("2021-01-04", lt.Treasurer, apply("first", 2, "1,000.01"), ledger.BudgetExceeded, "budget=6000.00", "total=6000.01", "short=0.01")
	b.Refuse("2021-01-04", lt.Treasurer, notice("first"), ledger.ReviewNeeded)
	b.Do("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "first"})
	b.Do("2021-01-04", lt.Treasurer, apply("first", 2, "1,000.00"))
	b.Refuse("2021-01-04", lt.Treasurer, notice("first"), ledger.ReviewNeeded) // what was reviewed has changed
	b.Do("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "first"})
	b.Do("2021-01-04", lt.Treasurer, notice("first"))
	b.Refuse("2021-01-04", lt.Treasurer, apply("first", 3, "1.00"), ledger.RoundState, "state=notice")
	b.Refuse("2021-01-04", lt.Treasurer, &ledger.PayGrant{Round: "first", Member: 1, On: lt.Day("2021-01-04"), Money: "bank"}, ledger.RoundState)

	// Two rounds over the same money may run; only one of them can be awarded.
	b.Do("2021-01-04", lt.Treasurer, open("second", "6,000.00"))
	b.Do("2021-01-04", lt.Treasurer, apply("second", 3, "6,000.00"))
	b.Do("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "second"})
	b.Do("2021-01-04", lt.Treasurer, notice("second"))
	// The notice runs by the clock: an earlier business day does not shorten it, and none lies inside it.
	b.Refuse("2021-01-10", lt.Approver, &ledger.AwardGrants{Round: "first", On: lt.Day("2021-01-10")}, ledger.NoticeRunning, "today=2021-01-10")
	b.Refuse("2021-01-11", lt.Approver, &ledger.AwardGrants{Round: "first", On: lt.Day("2021-01-10")}, ledger.NoticeRunning)
	b.Do("2021-01-11", lt.Approver, &ledger.AwardGrants{Round: "first", On: lt.Day("2021-01-11")})
	b.Refuse("2021-01-11", lt.Approver, &ledger.AwardGrants{Round: "first", On: lt.Day("2021-01-11")}, ledger.RoundState)
	b.Refuse("2021-01-11", lt.Approver, &ledger.AwardGrants{Round: "second", On: lt.Day("2021-01-11")}, ledger.FundOverdrawn, "available=3800.00", "short=2200.00")

	// A payment turned back is owed again; an award is turned back only while nothing of it is paid or cancelled.
	pay := &ledger.PayGrant{Round: "first", Member: 1, On: lt.Day("2021-01-11"), Money: "bank"}
	paid := lt.Refs(b.Do("2021-01-11", lt.Treasurer, pay))
	b.Refuse("2021-01-11", lt.Treasurer, pay, ledger.GrantNotOwed)
	b.Refuse("2021-01-11", lt.Treasurer, reverses("转2021-1"), ledger.VoucherNotReversible)
	book(t, b, "2021-01-11", reverses(paid))
	expect(t, b, "2021-01-11", "payable/grant", "6,000.00", "money/bank", "98,000.00")
	cancelled := lt.Refs(b.Do("2021-01-11", lt.Approver, &ledger.CancelGrant{Round: "first", Member: 2, On: lt.Day("2021-01-11")}))
	b.Refuse("2021-01-11", lt.Treasurer, &ledger.PayGrant{Round: "first", Member: 2, On: lt.Day("2021-01-11"), Money: "bank"}, ledger.GrantNotOwed)
	book(t, b, "2021-01-11", reverses(cancelled))
	book(t, b, "2021-01-11", reverses("转2021-1"))
	expect(t, b, "2021-01-11", "payable/grant", "0.00", "fund/welfare", "9,800.00")
	b.Do("2021-01-11", lt.Approver, &ledger.AwardGrants{Round: "second", On: lt.Day("2021-01-11")})
	b.Refuse("2021-01-11", lt.Approver, &ledger.AwardGrants{Round: "first", On: lt.Day("2021-01-11")}, ledger.FundOverdrawn)
}

// TestGrantAuthority: a round holds its budget of the resolution, draws what it awards, and gives back what is cancelled.
func TestGrantAuthority(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	b.Resolve("2020-12-20", "relief", eventv1.Matter_MATTER_PAYMENT, "representatives", "welfare", "1,000.00")
	left := func(want string) {
		t.Helper()
		if got := b.State.Remaining("relief"); got != lt.Yuan(want) {
			t.Fatalf("the resolution has %v left, want %s", got, want)
		}
	}
	b.Do("2021-01-04", lt.Treasurer, &ledger.OpenGrantRound{Round: "first", Title: "补助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("900.00"), Resolution: "relief"})
	left("100.00")
	b.Do("2021-01-04", lt.Treasurer, &ledger.AddApplicants{Round: "first", Members: []uint32{1, 2}, Amounts: []ledger.Fen{lt.Yuan("500.00"), lt.Yuan("300.00")}})
	b.Do("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "first"})
	b.Do("2021-01-04", lt.Treasurer, &ledger.PublishGrantNotice{Round: "first", From: lt.Day("2021-01-04"), To: lt.Day("2021-01-10")})
	award := &ledger.AwardGrants{Round: "first", On: lt.Day("2021-01-11")}
	b.Do("2021-01-11", lt.Approver, award)
	left("200.00")
	book(t, b, "2021-01-11", reverses("转2021-1"))
	left("100.00")
	b.Do("2021-01-11", lt.Approver, award)
	left("200.00")
	b.Do("2021-01-11", lt.Approver, &ledger.CancelGrant{Round: "first", Member: 2, On: lt.Day("2021-01-11")})
	left("500.00")
}

// TestDividendLines: every member of the record date has a line, the sum is what was declared, and the lines of an exact
// dividend start after the last taker of the one before.
func TestDividendLines(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-20", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2021-07-20"), Members: []uint32{3211}}) // leaves on the record date: is paid
	lines := func(run, pool string, record string) (map[ledger.Fen]int, []uint32, *eventv1.DividendDeclared) {
		t.Helper()
		b.Resolve("2021-07-22", "d-"+run, eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", pool)
		b.Do("2021-07-22", lt.Treasurer, &ledger.RequestDividend{Run: run, Fund: "dividend", Pool: lt.Yuan(pool), RecordDate: lt.Day(record),
			Method: eventv1.DividendMethod_DIVIDEND_METHOD_EXACT, Resolution: "d-" + run})
		b.Do("2021-07-22", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
		events := b.Do("2021-07-22", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day("2021-07-22")})
		counts, takers := map[ledger.Fen]int{}, []uint32{}
		declared := events[len(events)-1].GetDividendDeclared()
		for _, e := range events {
			l := e.GetEntitlementsListed()
			for i, payee := range l.GetPayees() {
				counts[ledger.Fen(l.AmountsFen[i])]++
				if l.AmountsFen[i] > declared.RateFen {
					takers = append(takers, payee)
				}
			}
		}
		return counts, takers, declared
	}
	counts, takers, declared := lines("2021", "137,200.00", "2021-07-20")
	if counts[lt.Yuan("42.73")] != 2608 || counts[lt.Yuan("42.72")] != 603 || len(counts) != 2 || declared.RemainderFen != 0 || declared.LastTaker != 2608 || takers[0] != 1 {
		t.Errorf("lines %v, declared %v, first taker %d", counts, declared, takers[0])
	}
	b.Do("2021-07-22", lt.Treasurer, &ledger.ReceiveGift{Fund: "dividend", Amount: lt.Yuan("32.12"), On: lt.Day("2021-07-22"), Money: "bank"})
	counts, takers, declared = lines("again", "32.12", "2021-07-21") // 3,210 members are left: two fen over
	if counts[2] != 2 || counts[1] != 3208 || fmt.Sprint(takers) != "[2609 2610]" || declared.LastTaker != 2610 {
		t.Errorf("lines %v, declared %v, takers %v", counts, declared, takers)
	}
	expect(t, b, "2021-07-22", "fund/dividend", "0.00", "payable/dividend", "137,232.12")
	b.Do("2021-07-22", lt.Treasurer, &ledger.ReceiveGift{Fund: "dividend", Amount: lt.Yuan("39.10"), On: lt.Day("2021-07-22"), Money: "bank"})
	counts, takers, declared = lines("around", "39.10", "2021-07-21") // 700 fen over: 600 to the end of the list, 100 from its start
	if counts[2] != 700 || takers[0] != 1 || takers[99] != 100 || takers[100] != 2611 || declared.LastTaker != 100 {
		t.Errorf("lines %v, declared %v, takers %v", counts, declared, takers)
	}
}

// TestDividendFiles: what failed is sent again and only that; results are recorded once; a file turned back is owed again.
func TestDividendFiles(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	day := lt.Day("2021-07-20")
	b.Do("2021-07-20", lt.Treasurer, newDividend(func(c *ledger.RequestDividend) { c.Pool = lt.Yuan("137,200.00") }))
	n := b.Last()
	b.Refuse("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: n, On: day}, ledger.ReviewNeeded)
	b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: n})
	b.Refuse("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: n, On: day, Digest: lt.Minutes("another")}, ledger.RequestChanged)
	b.Do("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: n, On: day})
	b.Refuse("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: n, On: day}, ledger.RequestClosed)
	send := func(payees ...uint32) *eventv1.DividendFileSent {
		return b.Do("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank", Payees: payees})[0].GetDividendFileSent()
	}
	for _, want := range []string{"1000 42720.00", "1000 42720.00", "1000 42720.00", "211 9013.92"} {
		f := send()
		if got := fmt.Sprint(len(f.Payees), " ", ledger.Fen(f.TotalFen)); got != want {
			t.Errorf("file %d has %s, want %s", f.File, got, want)
		}
	}
	results := func(file uint32, failed ...uint32) *ledger.RecordDividendResults {
		return &ledger.RecordDividendResults{Run: "2021", File: file, On: day, Failed: failed}
	}
	b.Refuse("2021-07-20", lt.Treasurer, results(2, 500), ledger.PayeeNotInFile)
	b.Refuse("2021-07-20", lt.Treasurer, results(2, 1500, 1500), ledger.PayeeNotInFile)
	b.Do("2021-07-20", lt.Treasurer, results(1))
	b.Do("2021-07-20", lt.Treasurer, results(2, 1500))
	b.Do("2021-07-20", lt.Treasurer, results(3, 2500))
	b.Do("2021-07-20", lt.Treasurer, results(4, 3100))
	expect(t, b, "2021-07-20", "payable/dividend", "128.16", "money/bank", "52,554.24")
	b.Refuse("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank", Payees: []uint32{1500, 1501}}, ledger.PayeeNotOwed, "payee=1501")
	b.Refuse("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank", Payees: []uint32{1500, 1500}}, ledger.PayeeNotOwed)
	if f := send(1500, 2500, 3100); ledger.Fen(f.TotalFen) != lt.Yuan("128.16") {
		t.Errorf("sent again: %v", f)
	}
	refs := len(b.Vouchers())
	b.Do("2021-07-20", lt.Treasurer, results(5, 1500, 2500, 3100)) // all fail again: no voucher
	if len(b.Vouchers()) != refs {
		t.Error("a file of which nothing was paid has a voucher")
	}
	if f := send(); fmt.Sprint(f.Payees) != "[1500 2500 3100]" {
		t.Errorf("without a list, what failed goes out together, not %v", f.Payees)
	}
	last := lt.Refs(b.Do("2021-07-20", lt.Treasurer, results(6)))
	expect(t, b, "2021-07-20", "payable/dividend", "0.00", "money/bank", "52,426.08")
	b.Refuse("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"}, ledger.NothingOwed)
	book(t, b, "2021-07-20", reverses(last))
	expect(t, b, "2021-07-20", "payable/dividend", "128.16")
	send(1500, 2500, 3100)
	b.Do("2021-07-20", lt.Treasurer, results(7))
	b.Refuse("2021-07-20", lt.Treasurer, reverses("转2021-2"), ledger.VoucherNotReversible)
}

// TestDividendTurnedBack: a declaration of which nothing is sent can be turned back, and its run asked for anew.
func TestDividendTurnedBack(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	declare := func(method eventv1.DividendMethod) {
		t.Helper()
		b.Do("2021-07-20", lt.Treasurer, newDividend(func(c *ledger.RequestDividend) { c.Method = method }))
		b.Refuse("2021-07-20", lt.Treasurer, newDividend(func(*ledger.RequestDividend) {}), ledger.RunExists)
		b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
		b.Do("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day("2021-07-20")})
	}
	declare(eventv1.DividendMethod_DIVIDEND_METHOD_EQUAL)
	expect(t, b, "2021-07-20", "fund/dividend", "37,209.46", "payable/dividend", "99,990.54")
	book(t, b, "2021-07-20", reverses("转2021-2"))
	expect(t, b, "2021-07-20", "fund/dividend", "137,200.00", "payable/dividend", "0.00")
	b.Refuse("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"}, ledger.RunUnknown)
	declare(eventv1.DividendMethod_DIVIDEND_METHOD_EXACT)
	expect(t, b, "2021-07-20", "fund/dividend", "37,200.00", "payable/dividend", "100,000.00")
	if f := b.Do("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"})[0].GetDividendFileSent(); len(f.Payees) != 1000 {
		t.Errorf("the first file has %d lines", len(f.Payees))
	}
}

// TestConcurrentSpends: of two spends that the fund covers only once, one passes (M4).
func TestConcurrentSpends(t *testing.T) {
	b := lt.Demo(t, "2021-09-10")
	b.Resolve("2021-09-11", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "20,000.00")
	for range 2 { // both may be asked for: nothing is spent yet
		c := newPayment()
		c.Amount = lt.Yuan("5,000.00")
		b.Do("2021-09-11", lt.Treasurer, c)
		b.Do("2021-09-11", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	}
	b.Do("2021-09-11", lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: lt.Day("2021-09-11"), Money: "bank"})
	b.Refuse("2021-09-11", lt.Treasurer, &ledger.SettlePayment{Number: b.Last() - 1, On: lt.Day("2021-09-11"), Money: "bank"}, ledger.FundOverdrawn, "available=2045.00", "short=2955.00")
}

// TestManyAccounts: the accounts of a collective stay few enough for a month's totals to fit into one event.
func TestManyAccounts(t *testing.T) {
	b := lt.Liminba(t)
	opened := 1 // the bank, with the first deposit
	for i := 0; opened < ledger.AccountsMax; i++ {
		b.Do("2020-06-01", lt.Treasurer, &ledger.ReceiveDeposit{Kind: fmt.Sprintf("kind-%03d", i), Amount: 1, On: lt.Day("2020-06-01"), Money: "bank", Payer: "party/p1"})
		opened++
	}
	b.Refuse("2020-06-01", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "one-more", Amount: 1, On: lt.Day("2020-06-01"), Money: "bank", Payer: "party/p1"}, ledger.TooMany, "what=accounts")
	b.Do("2020-06-01", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "kind-000", Amount: 1, On: lt.Day("2020-06-01"), Money: "bank", Payer: "party/p2"})
}
