package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// This file has the tests of money that moves outside requests: refunds, fees, returned income, and the flags they raise.

const (
	emergency         = eventv1.FlagKind_FLAG_KIND_EMERGENCY
	exceedsAuthority  = eventv1.FlagKind_FLAG_KIND_EXCEEDS_AUTHORITY
	withoutResolution = eventv1.FlagKind_FLAG_KIND_WITHOUT_RESOLUTION
	withoutApproval   = eventv1.FlagKind_FLAG_KIND_WITHOUT_APPROVAL
	outsidePurpose    = eventv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE
)

// adopt puts another spending rule in force.
func adopt(b *lt.Books, day, id string, requestDays uint32, tiers ...*eventv1.Tier) {
	b.T.Helper()
	b.Resolve(day, id, eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do(day, lt.Approver, &ledger.AdoptSpendingRule{Tiers: tiers, Resolution: id, RequestDays: requestDays})
}

// flagsOf writes the flags of the vouchers of events: "emergency 50.00 by 2021-12-30 of representatives".
func flagsOf(events []*eventv1.Event) string {
	var all []string
	for _, v := range lt.Vouchers(events) {
		for _, f := range v.Flags {
			text := fmt.Sprint(strings.ToLower(strings.TrimPrefix(f.Kind.String(), "FLAG_KIND_")), " ", ledger.Fen(f.AmountFen))
			if f.ResolutionId != "" {
				text += " over " + f.ResolutionId
			}
			if f.RatifyBy != 0 {
				text += " by " + ledger.Day(f.RatifyBy).String()
			}
			if f.Body != "" {
				text += " of " + f.Body
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// stand compares balances; D R W M and bank are the accounts of the demonstration.
func stand(t *testing.T, b *lt.Books, day string, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if account, ok := columns[pairs[i]]; ok {
			pairs[i] = string(account)
		}
	}
	expect(t, b, day, pairs...)
}

func left(t *testing.T, b *lt.Books, resolution, want string) {
	t.Helper()
	if got := b.State.Remaining(resolution); got != lt.Yuan(want) {
		t.Errorf("%s has %v left, want %s", resolution, got, want)
	}
	if difference, wrong := b.State.Sums(); difference != 0 || len(wrong) != 0 {
		t.Errorf("the sides differ by %v; wrong: %v", difference, wrong)
	}
}

// TestRefund: row 7's planting, 8,355.00 of 9,000.00 authority, comes back in parts, on its own day or later, and never
// above what was paid.
func TestRefund(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	refund := func(amount, on string) *ledger.RecordRefund {
		return &ledger.RecordRefund{Payment: lt.Ref("付2021-18"), Amount: lt.Yuan(amount), On: lt.Day(on), Money: "bank"}
	}
	b.Refuse("2021-12-20", lt.Treasurer, refund("355.00", "2021-09-09"), ledger.DateBeforeOriginal, "original=2021-09-10")
	b.Refuse("2021-12-20", lt.Treasurer, refund("8,355.01", "2021-12-20"), ledger.RefundExceeds, "original=8355.00", "returned=0.00", "short=0.01")
	made := b.Do("2021-12-20", lt.Treasurer, refund("355.00", "2021-10-08")) // entered late
	v := made[0].Vouchers[0]
	if got := fmt.Sprint(lt.Refs(made), " ", ledger.RefOf(v.Refunds), " ", v.Purpose, " ", v.ResolutionId, " ", ledger.Fen(v.DrawnFen), " ", v.Party); got != "收2021-3 付2021-18 planting planting-2021 -355.00 party/supplier" {
		t.Errorf("the refund is %s", got)
	}
	stand(t, b, "2021-10-07", "M", "7,045.00", "bank", "37,771.08")
	stand(t, b, "2021-10-08", "M", "7,400.00", "bank", "38,126.08")
	left(t, b, "planting-2021", "1,000.00")
	b.Do("2021-12-20", lt.Treasurer, refund("5,000.00", "2021-12-20"))
	b.Refuse("2021-12-20", lt.Treasurer, refund("3,000.01", "2021-12-20"), ledger.RefundExceeds, "returned=5355.00", "short=0.01")

	// The payment stands as long as a refund rests on it; a refund itself is turned back, not changed.
	b.Refuse("2021-12-20", lt.Treasurer, reverses("付2021-18"), ledger.VoucherNotReversible)
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("付2021-18"), RightAmount: 1}, ledger.VoucherNotReversible)
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("收2021-3"), RightAmount: 1}, ledger.VoucherNotReversible)
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("收2021-3"), Amount: 1, On: lt.Day("2021-12-20"), Money: "bank"}, ledger.FieldInvalid)
	for _, ref := range []string{"收2021-3", "收2021-4"} {
		if got := book(t, b, "2021-12-20", reverses(ref)); ledger.RefOf(got[0].Vouchers[0].Refunds) != lt.Ref("付2021-18") {
			t.Errorf("the reversal of %s says it refunds %v", ref, got[0].Vouchers[0].Refunds)
		}
	}
	stand(t, b, "2021-12-20", "M", "16,845.00", "bank", "135,771.08")
	left(t, b, "planting-2021", "645.00")
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("收2021-5"), Amount: 1, On: lt.Day("2021-12-20"), Money: "bank"}, ledger.VoucherIsReversal)
	book(t, b, "2021-12-20", reverses("付2021-18"))
	b.Refuse("2021-12-20", lt.Treasurer, refund("1.00", "2021-12-20"), ledger.VoucherReversed)
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("付2021-99"), Amount: 1, On: lt.Day("2021-12-20"), Money: "bank"}, ledger.VoucherUnknown)
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("付2021-19"), Amount: 1, On: lt.Day("2021-12-20"), Money: "purse"}, ledger.VoucherIsReversal)
}

// TestRefundOfACorrectedPayment: a payment counts with the differences booked on it, whichever of them is named.
func TestRefundOfACorrectedPayment(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	book(t, b, "2021-12-20", &ledger.RequestCorrection{DifferenceOf: lt.Ref("付2021-18"), RightAmount: lt.Yuan("8,535.00")})
	refund := func(ref, amount string) *ledger.RecordRefund {
		return &ledger.RecordRefund{Payment: lt.Ref(ref), Amount: lt.Yuan(amount), On: lt.Day("2021-12-20"), Money: "bank"}
	}
	b.Refuse("2021-12-20", lt.Treasurer, refund("付2021-19", "8,535.01"), ledger.RefundExceeds, "voucher=付2021-18", "original=8535.00")
	b.Do("2021-12-20", lt.Treasurer, refund("付2021-19", "8,400.00"))
	b.Refuse("2021-12-20", lt.Treasurer, refund("付2021-18", "135.01"), ledger.RefundExceeds, "returned=8400.00")
	b.Refuse("2021-12-20", lt.Treasurer, reverses("付2021-19"), ledger.VoucherNotReversible) // 8,355.00 alone would not cover it
	b.Do("2021-12-20", lt.Treasurer, refund("付2021-18", "135.00"))
	stand(t, b, "2021-12-20", "M", "25,200.00")
	left(t, b, "planting-2021", "9,000.00")
	book(t, b, "2021-12-20", reverses("收2021-3"))
	book(t, b, "2021-12-20", reverses("收2021-4"))
	book(t, b, "2021-12-20", reverses("付2021-19"))
	b.Do("2021-12-20", lt.Treasurer, refund("付2021-18", "8,355.00"))
	left(t, b, "planting-2021", "9,000.00")
}

// TestRefundInAClosedMonth: the payment's month may be closed, the refund's may not.
func TestRefundInAClosedMonth(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	for m := ledger.Month(202003); m <= 202109; m = m.Next() {
		b.Do("2021-12-20", lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	c := &ledger.RecordRefund{Payment: lt.Ref("付2021-18"), Amount: lt.Yuan("355.00"), On: lt.Day("2021-09-30"), Money: "bank"}
	b.Refuse("2021-12-20", lt.Treasurer, c, ledger.PeriodClosed, "first_open=2021-10-01")
	c.On = lt.Day("2021-10-01")
	b.Do("2021-12-20", lt.Treasurer, c)
	stand(t, b, "2021-10-01", "M", "7,400.00")
}

// TestFees: what the bank took is booked whatever the rules say, and says what they would have asked for.
func TestFees(t *testing.T) {
	payment := eventv1.Operation_OPERATION_PAYMENT
	for name, c := range map[string]struct {
		tiers         []*eventv1.Tier
		fund, purpose string
		want          string
	}{
		"allowed":     {[]*eventv1.Tier{{Operation: payment}}, "maintenance", "repair", ""},
		"approval":    {[]*eventv1.Tier{{Operation: payment, Approvals: 1}}, "maintenance", "repair", "without_approval 30.00"},
		"review":      {[]*eventv1.Tier{{Operation: payment, Review: true}}, "maintenance", "repair", "without_approval 30.00"},
		"resolution":  {[]*eventv1.Tier{{Operation: payment, ResolutionBody: "representatives"}}, "maintenance", "repair", "without_resolution 30.00 of representatives"},
		"larger ones": {[]*eventv1.Tier{{Operation: payment}, {Operation: payment, FromFen: 30_01, Approvals: 1}}, "maintenance", "repair", ""},
		"purpose":     {[]*eventv1.Tier{{Operation: payment}}, "maintenance", "bank_fee", "outside_purpose 30.00"},
		"no tier":     {[]*eventv1.Tier{{Operation: payment, Fund: "welfare"}}, "reserve", "development", "without_approval 30.00"},
		"everything": {[]*eventv1.Tier{{Operation: payment, Approvals: 1, ResolutionBody: "representatives"}}, "dividend", "bank_fee",
			"outside_purpose 30.00; without_approval 30.00; without_resolution 30.00 of representatives"},
	} {
		b := lt.Demo(t, "2020-12-20")
		adopt(b, "2020-12-20", "fees", 0, c.tiers...)
		made := b.Do("2020-12-21", lt.Treasurer, &ledger.RecordFee{Fund: c.fund, Purpose: c.purpose, Amount: lt.Yuan("30.00"), On: lt.Day("2020-12-21"), Money: "bank", Payee: "org/信用社"})
		if got := flagsOf(made); got != c.want || lt.Refs(made) != "付2020-1" {
			t.Errorf("%s: %s is flagged %q, want %q", name, lt.Refs(made), got, c.want)
		}
		if got := b.Balance(lt.Bank, "2020-12-21"); got != lt.Yuan("97,970.00") {
			t.Errorf("%s: the bank has %v", name, got)
		}
	}
	none := lt.Demo(t, "2020-03-02")
	none.Do("2020-03-03", lt.Treasurer, &ledger.ReceiveGift{Fund: "maintenance", Amount: 100_00, On: 20200303, Money: "bank"})
	if got := flagsOf(none.Do("2020-03-03", lt.Treasurer, &ledger.RecordFee{Fund: "maintenance", Purpose: "repair", Amount: 10_00, On: 20200303, Money: "bank"})); got != "without_approval 10.00" {
		t.Errorf("without any rule: %q", got)
	}
	// Only arithmetic refuses, and what names nothing.
	none.Refuse("2020-03-03", lt.Treasurer, &ledger.RecordFee{Fund: "maintenance", Purpose: "repair", Amount: 90_01, On: 20200303, Money: "bank"}, ledger.FundOverdrawn, "short=0.01")
	none.Refuse("2020-03-03", lt.Treasurer, &ledger.RecordFee{Fund: "school", Purpose: "repair", Amount: 1, On: 20200303, Money: "bank"}, ledger.FundUnknown)
	none.Refuse("2020-03-03", lt.Treasurer, &ledger.RecordFee{Fund: "maintenance", Purpose: "Fee", Amount: 1, On: 20200303, Money: "bank"}, ledger.IDInvalid)
	// Where no tier speaks of it, a supervisor looks at its reversal.
	none.Do("2020-03-03", lt.Treasurer, reverses("付2020-1"))
	none.Do("2020-03-03", lt.Supervisor, &ledger.ReviewRequest{Number: none.Last()})
	none.Do("2020-03-03", lt.Treasurer, &ledger.BookCorrection{Number: none.Last()})
	stand(t, none, "2020-03-03", "M", "100.00", "bank", "100.00")
	none.Refuse("2020-03-03", lt.Supervisor, &ledger.RatifyFlag{Voucher: lt.Ref("付2020-1"), Kind: withoutApproval, Resolution: "policy-v1"}, ledger.FlagUnknown, "flag=without approval")
}

// TestFeeIsPutRight: a fee typed wrong is raised with the flag it has, for the new part.
func TestFeeIsPutRight(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	adopt(b, "2020-12-20", "fees", 0, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT})
	b.Do("2020-12-20", lt.Treasurer, &ledger.RecordFee{Fund: "maintenance", Purpose: "bank_fee", Amount: lt.Yuan("30.00"), On: lt.Day("2020-12-20"), Money: "bank"})
	if got := flagsOf(b.Do("2020-12-20", lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("付2020-1"), RightAmount: lt.Yuan("35.00")})); got != "outside_purpose 5.00" {
		t.Errorf("raised: %q", got)
	}
	if got := flagsOf(b.Do("2020-12-20", lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("付2020-2"), RightAmount: lt.Yuan("1.00")})); got != "" {
		t.Errorf("lowered: %q", got)
	}
}

// TestExceedingDifference: the bank paid 9,180.00 of an authority of 9,000.00. It is booked, everybody sees 180.00, nobody can
// draw on the resolution, and another one makes it whole.
func TestExceedingDifference(t *testing.T) {
	const day = "2021-12-20"
	b := lt.Demo(t, day)
	raise := func(of, to string) *ledger.RequestCorrection {
		return &ledger.RequestCorrection{DifferenceOf: lt.Ref(of), RightAmount: lt.Yuan(to)}
	}
	if got := flagsOf(book(t, b, day, raise("付2021-18", "9,000.00"))); got != "" {
		t.Errorf("up to the authority it is flagged %q", got)
	}
	left(t, b, "planting-2021", "0.00")
	book(t, b, day, reverses("付2021-19"))
	if got := flagsOf(book(t, b, day, raise("付2021-18", "9,180.00"))); got != "exceeds_authority 180.00 over planting-2021" {
		t.Errorf("flagged %q", got)
	}
	left(t, b, "planting-2021", "-180.00")
	pay := newPayment()
	pay.Resolution, pay.Purpose, pay.Amount = "planting-2021", "planting", 1
	b.Refuse(day, lt.Treasurer, pay, ledger.ResolutionExhausted, "remaining=0.00", "short=0.01")
	if got := flagsOf(book(t, b, day, raise("付2021-21", "845.00"))); got != "exceeds_authority 20.00 over planting-2021" { // 825.00 before
		t.Errorf("raised again it is flagged %q", got)
	}
	left(t, b, "planting-2021", "-200.00")

	ratify := func(voucher, resolution string) *ledger.RatifyFlag {
		return &ledger.RatifyFlag{Voucher: lt.Ref(voucher), Kind: exceedsAuthority, Resolution: resolution}
	}
	b.Resolve(day, "small", eventv1.Matter_MATTER_PAYMENT, "household_heads", "maintenance", "179.99")
	b.Resolve(day, "reserve", eventv1.Matter_MATTER_PAYMENT, "household_heads", "reserve", "500.00")
	b.Resolve(day, "more", eventv1.Matter_MATTER_PAYMENT, "household_heads", "maintenance", "500.00")
	b.Refuse(day, lt.Supervisor, ratify("付2021-21", "small"), ledger.ResolutionExhausted, "short=0.01")
	b.Refuse(day, lt.Supervisor, ratify("付2021-21", "reserve"), ledger.ResolutionOther)
	b.Refuse(day, lt.Supervisor, ratify("付2021-21", "planting-2021"), ledger.ResolutionOther)
	b.Refuse(day, lt.Supervisor, ratify("付2021-21", ""), ledger.ResolutionNeeded)
	b.Refuse(day, lt.Supervisor, ratify("付2021-18", "more"), ledger.FlagUnknown)
	b.Refuse(day, lt.Supervisor, ratify("付2021-99", "more"), ledger.VoucherUnknown)
	b.Refuse(day, lt.Treasurer, ratify("付2021-21", "more"), ledger.RoleMissing)
	b.Refuse(day, lt.Approver, ratify("付2021-21", "more"), ledger.RoleMissing)
	b.Do(day, lt.Supervisor, ratify("付2021-21", "more"))
	b.Refuse(day, lt.Supervisor, ratify("付2021-21", "more"), ledger.AlreadyDone)
	left(t, b, "more", "320.00")
	left(t, b, "planting-2021", "-20.00")
	b.Do(day, lt.Supervisor, ratify("付2021-22", "more"))
	left(t, b, "more", "300.00")
	left(t, b, "planting-2021", "0.00")

	// Turned back, a ratified difference gives everybody back what was theirs.
	book(t, b, day, reverses("付2021-22"))
	left(t, b, "more", "320.00")
	left(t, b, "planting-2021", "0.00")
	book(t, b, day, reverses("付2021-21"))
	left(t, b, "more", "500.00")
	left(t, b, "planting-2021", "645.00")
	b.Refuse(day, lt.Supervisor, ratify("付2021-21", "more"), ledger.FlagUnknown)
}

// TestRatifiedOnce: one yuan that left a fund is allowed once, however many flags say what it lacked.
func TestRatifiedOnce(t *testing.T) {
	const day = "2020-12-20"
	b := lt.Demo(t, day)
	b.Do(day, lt.Treasurer, &ledger.RecordFee{Fund: "maintenance", Purpose: "bank_fee", Amount: lt.Yuan("30.00"), On: lt.Day(day), Money: "bank"})
	b.Resolve(day, "fees", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "100.00")
	b.Resolve(day, "heads", eventv1.Matter_MATTER_PAYMENT, "household_heads", "maintenance", "100.00")
	ratify := func(kind eventv1.FlagKind, resolution string) *ledger.RatifyFlag {
		return &ledger.RatifyFlag{Voucher: lt.Ref("付2020-1"), Kind: kind, Resolution: resolution}
	}
	b.Do(day, lt.Supervisor, ratify(outsidePurpose, "fees"))
	b.Do(day, lt.Supervisor, ratify(withoutApproval, "fees"))
	left(t, b, "fees", "70.00")
	b.Refuse(day, lt.Supervisor, ratify(withoutResolution, "heads"), ledger.ResolutionOther) // the tier names the representatives
	b.Do(day, lt.Supervisor, ratify(withoutResolution, "fees"))
	left(t, b, "fees", "70.00")
	book(t, b, day, reverses("付2020-1"))
	left(t, b, "fees", "100.00")
}

// TestReturnedIncome: the bank takes row 1's rent back. The lessee owes it, the funds keep their parts, and its second coming
// does not split.
func TestReturnedIncome(t *testing.T) {
	const day = "2020-12-31"
	b := lt.Demo(t, "2020-12-20")
	returned := func(amount, on string) *ledger.RecordReturnedIncome {
		return &ledger.RecordReturnedIncome{Receipt: lt.Ref("收2020-1"), Amount: lt.Yuan(amount), On: lt.Day(on), Money: "bank"}
	}
	b.Refuse(day, lt.Treasurer, returned("1.00", "2020-12-19"), ledger.DateBeforeOriginal)
	b.Refuse(day, lt.Treasurer, returned("98,000.01", day), ledger.RefundExceeds, "original=98000.00", "short=0.01")
	if refs := lt.Refs(b.Do(day, lt.Treasurer, returned("60,000.00", "2020-12-25"))); refs != "付2020-1" {
		t.Errorf("booked %s", refs)
	}
	stand(t, b, day, "D", "68,600.00", "R", "9,800.00", "W", "9,800.00", "M", "9,800.00", "bank", "38,000.00", "receivable/rent", "60,000.00")
	b.Refuse(day, lt.Treasurer, returned("38,000.01", day), ledger.RefundExceeds, "returned=60000.00")
	b.Refuse(day, lt.Treasurer, reverses("收2020-1"), ledger.VoucherNotReversible)
	b.Refuse(day, lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("收2020-1"), RightAmount: 1}, ledger.VoucherNotReversible)

	collect := func(amount, payer, on string) *ledger.CollectReceivable {
		return &ledger.CollectReceivable{Kind: "rent", Amount: lt.Yuan(amount), On: lt.Day(on), Money: "bank", Payer: payer}
	}
	b.Refuse(day, lt.Treasurer, collect("60,000.01", "party/lessee", day), ledger.AccountOverdrawn, "account=receivable/rent", "available=60000.00", "short=0.01")
	b.Refuse(day, lt.Treasurer, collect("1.00", "party/other", day), ledger.AccountOverdrawn, "available=0.00")
	b.Refuse(day, lt.Treasurer, collect("1.00", "party/lessee", "2020-12-24"), ledger.AccountOverdrawn, "day=2020-12-24")
	b.Refuse(day, lt.Treasurer, collect("1.00", "", day), ledger.PartyInvalid)
	for _, kind := range []string{"pending", "cost-recovery"} {
		b.Refuse(day, lt.Treasurer, &ledger.CollectReceivable{Kind: kind, Amount: 1, On: lt.Day(day), Money: "bank", Payer: "party/lessee"}, ledger.FieldInvalid)
		b.Refuse(day, lt.Treasurer, &ledger.RecordIncome{Kind: kind, Amount: 1, On: lt.Day(day), Money: "bank"}, ledger.FieldInvalid)
	}
	b.Do(day, lt.Treasurer, collect("60,000.00", "party/lessee", day))
	stand(t, b, day, "D", "68,600.00", "bank", "98,000.00", "receivable/rent", "0.00")

	// The return rests under the collection, the receipt under the return.
	b.Refuse(day, lt.Treasurer, reverses("付2020-1"), ledger.AccountOverdrawn, "short=60000.00")
	b.Do(day, lt.Treasurer, reverses("收2020-2"))
	if v := b.Do(day, lt.Treasurer, reverses("付2020-1"))[0].Vouchers[0]; ledger.RefOf(v.Returns) != lt.Ref("收2020-1") {
		t.Errorf("the reversal of the return says it returns %v", v.Returns)
	}
	b.Do(day, lt.Treasurer, reverses("收2020-1"))
	stand(t, b, day, "D", "0.00", "bank", "0.00", "receivable/rent", "0.00")
	b.Refuse(day, lt.Treasurer, returned("1.00", day), ledger.VoucherReversed)
}

// TestOnlyIncomeIsReturned: gifts, deposits and payments go back in ways of their own; income that a resolution put into one
// fund is income.
func TestOnlyIncomeIsReturned(t *testing.T) {
	const day = "2020-12-20"
	b := lt.Demo(t, day)
	b.Do(day, lt.Treasurer, &ledger.ReceiveGift{Fund: "welfare", Amount: 100_00, On: lt.Day(day), Money: "bank"})
	b.Resolve(day, "land", eventv1.Matter_MATTER_INCOME, "household_heads", "reserve", "")
	b.Do(day, lt.Treasurer, &ledger.RecordIncome{Kind: "land", Fund: "reserve", Resolution: "land", Amount: 500_00, On: lt.Day(day), Money: "bank"})
	b.Refuse(day, lt.Treasurer, &ledger.RecordReturnedIncome{Receipt: lt.Ref("收2020-2"), Amount: 1, On: lt.Day(day), Money: "bank"}, ledger.FieldInvalid)
	b.Do(day, lt.Treasurer, &ledger.RecordReturnedIncome{Receipt: lt.Ref("收2020-3"), Amount: 200_00, On: lt.Day(day), Money: "bank"})
	stand(t, b, day, "receivable/land", "200.00", "R", "10,300.00")
	// Nobody was named, and so anybody can pay it.
	b.Refuse(day, lt.Treasurer, &ledger.CollectReceivable{Kind: "land", Amount: 200_01, On: lt.Day(day), Money: "bank", Payer: "org/乡政府"}, ledger.AccountOverdrawn, "short=0.01")
	b.Do(day, lt.Treasurer, &ledger.CollectReceivable{Kind: "land", Amount: 200_00, On: lt.Day(day), Money: "bank", Payer: "org/乡政府"})
	stand(t, b, day, "receivable/land", "0.00")
}
