package ledger_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// This file has the tests of deposits given back, gifts with a purpose of their own, terms, emergencies and lapsed requests.

const depositReturn = eventv1.Operation_OPERATION_DEPOSIT_RETURN

// kept is a deposit of 19,600.00 on the day before row 1, and a rule that speaks of returning it.
func kept(t *testing.T) *lt.Books {
	b := lt.Liminba(t)
	b.Do("2020-12-19", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "lease", Amount: lt.Yuan("19,600.00"), On: lt.Day("2020-12-19"), Money: "bank", Payer: "party/lessee"})
	b.Do("2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "98,000.00"))
	adopt(b, "2020-12-20", "returns", 0, &eventv1.Tier{Operation: depositReturn, Approvals: 1, ResolutionBody: "representatives"})
	b.Resolve("2020-12-20", "keep", eventv1.Matter_MATTER_DEPOSIT, "representatives", "maintenance", "1,600.00")
	return b
}

func returning(amount, deducted string) *ledger.RequestDepositReturn {
	c := &ledger.RequestDepositReturn{Kind: "lease", Party: "party/lessee", Amount: lt.Yuan(amount), Deducted: lt.Yuan(deducted), Narration: "退押金"}
	if c.Deducted > 0 {
		c.Fund, c.Resolution = "maintenance", "keep"
	}
	return c
}

// TestDepositReturn is the vector: deposit 19,600, row 1, then 18,000 back and 1,600 to M, in one fact of two vouchers.
func TestDepositReturn(t *testing.T) {
	const day = "2020-12-21"
	b := kept(t)
	stand(t, b, "2020-12-20", "bank", "117,600.00", "D", "68,600.00", "R", "9,800.00", "W", "9,800.00", "M", "9,800.00", "deposit/lease", "19,600.00")
	b.Do(day, lt.Treasurer, returning("18,000.00", "1,600.00"))
	left(t, b, "keep", "0.00")
	settle := &ledger.SettlePayment{Number: 1, On: lt.Day(day), Money: "bank"}
	b.Refuse(day, lt.Treasurer, settle, ledger.ApprovalNeeded)
	b.Refuse(day, lt.Treasurer, &ledger.BookTransfer{Number: 1, On: lt.Day(day)}, ledger.RequestOtherKind, "kind=deposit return")
	b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: 1})
	b.Refuse(day, lt.Treasurer, &ledger.SettlePayment{Number: 1, On: lt.Day("2020-12-18"), Money: "bank"}, ledger.AccountOverdrawn, "account=deposit/lease", "day=2020-12-18")
	made := b.Do(day, lt.Treasurer, settle)
	if refs := lt.Refs(made); refs != "付2020-1 转2020-1" || len(made) != 1 || made[0].GetDepositReturned() == nil {
		t.Fatalf("booked %s in %v", refs, made)
	}
	stand(t, b, day, "M", "11,400.00", "deposit/lease", "0.00", "bank", "99,600.00")
	left(t, b, "keep", "0.00")
	b.Refuse(day, lt.Treasurer, returning("0.01", "0.00"), ledger.AccountOverdrawn, "available=0.00")

	// Each voucher is turned back by itself, in the tier of the return, and revives its part of the deposit.
	if r := b.Do(day, lt.Treasurer, reverses("付2020-1"))[0].GetRequestMade(); r.GetApprovals() != 1 {
		t.Errorf("the reversal asks for %v", r)
	}
	b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	b.Do(day, lt.Treasurer, &ledger.BookCorrection{Number: b.Last()})
	stand(t, b, day, "M", "11,400.00", "deposit/lease", "18,000.00", "bank", "117,600.00")
	book(t, b, day, reverses("转2020-1"))
	stand(t, b, day, "M", "9,800.00", "deposit/lease", "19,600.00", "bank", "117,600.00")
	left(t, b, "keep", "1,600.00")
}

// TestDepositReturnParts: part of it, all of it kept, and everything a request may not be.
func TestDepositReturnParts(t *testing.T) {
	const day = "2020-12-21"
	b := kept(t)
	b.Do(day, lt.Treasurer, returning("9,600.00", "0.00"))
	b.Do(day, lt.Treasurer, returning("0.00", "1,600.00"))
	b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: 1})
	b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: 2})
	if refs := lt.Refs(b.Do(day, lt.Treasurer, &ledger.SettlePayment{Number: 1, On: lt.Day(day), Money: "bank"})); refs != "付2020-1" {
		t.Errorf("part of it: %s", refs)
	}
	b.Refuse(day, lt.Treasurer, &ledger.SettlePayment{Number: 2, On: lt.Day(day), Money: "bank"}, ledger.FieldInvalid)
	if refs := lt.Refs(b.Do(day, lt.Treasurer, &ledger.SettlePayment{Number: 2, On: lt.Day(day)})); refs != "转2020-1" {
		t.Errorf("all kept: %s", refs)
	}
	stand(t, b, day, "M", "11,400.00", "deposit/lease", "8,400.00", "bank", "108,000.00")

	b.Resolve(day, "keep-2", eventv1.Matter_MATTER_DEPOSIT, "household_heads", "maintenance", "100.00")
	b.Resolve(day, "microfund", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Do(day, lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: "education", Name: "教育基金", Restricted: true}, Resolution: "microfund"})
	for name, c := range map[string]struct {
		change func(*ledger.RequestDepositReturn)
		want   ledger.Reason
	}{
		"nothing":         {func(c *ledger.RequestDepositReturn) { *c = *returning("0.00", "0.00") }, ledger.AmountNotPositive},
		"negative":        {func(c *ledger.RequestDepositReturn) { c.Amount = -1 }, ledger.AmountNotPositive},
		"negative kept":   {func(c *ledger.RequestDepositReturn) { c.Deducted = -1 }, ledger.AmountNotPositive},
		"too much":        {func(c *ledger.RequestDepositReturn) { c.Amount = lt.Yuan("8,399.01") }, ledger.AccountOverdrawn},
		"other party":     {func(c *ledger.RequestDepositReturn) { c.Party = "party/other" }, ledger.AccountOverdrawn},
		"other kind":      {func(c *ledger.RequestDepositReturn) { c.Kind = "bid" }, ledger.AccountOverdrawn},
		"no party":        {func(c *ledger.RequestDepositReturn) { c.Party = "" }, ledger.PartyInvalid},
		"fund, none kept": {func(c *ledger.RequestDepositReturn) { c.Deducted = 0 }, ledger.FieldInvalid},
		"no fund":         {func(c *ledger.RequestDepositReturn) { c.Fund = "" }, ledger.FundUnknown},
		"restricted fund": {func(c *ledger.RequestDepositReturn) { c.Fund = "education" }, ledger.FundRestricted},
		"no resolution":   {func(c *ledger.RequestDepositReturn) { c.Resolution = "" }, ledger.ResolutionNeeded},
		"another body's":  {func(c *ledger.RequestDepositReturn) { c.Resolution = "keep-2" }, ledger.ResolutionOther},
		"another matter":  {func(c *ledger.RequestDepositReturn) { c.Resolution = "policy-v1" }, ledger.ResolutionOther},
		"spent":           {func(*ledger.RequestDepositReturn) {}, ledger.ResolutionExhausted},
		"personal number": {func(c *ledger.RequestDepositReturn) { c.Narration = "13800000000" }, ledger.TextInvalid},
	} {
		good := returning("100.00", "1.00")
		c.change(good)
		t.Run(name, func(t *testing.T) { b.Refuse(day, lt.Treasurer, good, c.want) })
	}
	adopt(b, day, "no-returns", 0, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT})
	b.Refuse(day, lt.Treasurer, returning("1.00", "0.00"), ledger.TierMissing, "operation=deposit return")
	r := lt.Resolution(day, "with-purpose", eventv1.Matter_MATTER_DEPOSIT, "household_heads", "maintenance", "1.00")
	r.Resolution.Purpose = "repair"
	b.Refuse(day, lt.Approver, r, ledger.FieldInvalid)
	r.Resolution.Purpose, r.Resolution.AuthorityFen = "", 0
	b.Refuse(day, lt.Approver, r, ledger.AmountNotPositive)
}

// TestDepositOrderText: approvals bind to every part of a return.
func TestDepositOrderText(t *testing.T) {
	b := kept(t)
	text := "mingzhang/approval@v1\ncollective liminba\nrequest 1\nkind deposit return\ndeposit lease\nparty party/lessee\namount 18000.00\ndeducted 1600.00\nfund maintenance\nresolution keep\n"
	digest := sha256.Sum256([]byte(text))
	if got := b.Do("2020-12-21", lt.Treasurer, returning("18,000.00", "1,600.00"))[0].GetRequestMade().Digest; string(got) != string(digest[:]) {
		t.Errorf("digest %x, want %x", got, digest)
	}
}

// TestEarmarkedGift: 5,000.00 for books, 3,200.00 spent, 1,800.00 left; never for anything else without the donor's consent.
func TestEarmarkedGift(t *testing.T) {
	const day = "2020-12-20"
	b := lt.Demo(t, day)
	adopt(b, day, "payments", 0, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 1, ResolutionBody: "representatives"},
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Fund: "welfare"})
	agree := &ledger.AgreeGift{ID: "books", Donor: "org/商会", Purpose: "library", Title: "图书捐赠"}
	b.Do(day, lt.Treasurer, agree)
	b.Refuse(day, lt.Treasurer, agree, ledger.AlreadyExists)
	b.Refuse(day, lt.Treasurer, &ledger.AgreeGift{ID: "b2", Purpose: "library"}, ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, &ledger.AgreeGift{ID: "b2", Purpose: "The library", Title: "书"}, ledger.IDInvalid)
	receive := func(gift, fund string) *ledger.ReceiveGift {
		return &ledger.ReceiveGift{Gift: gift, Fund: fund, Amount: lt.Yuan("5,000.00"), On: lt.Day(day), Money: "bank"}
	}
	b.Refuse(day, lt.Treasurer, receive("books", "welfare"), ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, receive("pens", ""), ledger.GiftUnknown)
	v := b.Do(day, lt.Treasurer, receive("books", ""))[0].Vouchers[0]
	if v.Party != "org/商会" || ledger.RefOf(v.Ref) != lt.Ref("收2020-2") {
		t.Errorf("received as %v", v)
	}
	stand(t, b, day, "gift/books", "5,000.00", "D", "68,600.00", "W", "9,800.00", "bank", "103,000.00")

	pay := func(amount string, change func(*ledger.RequestPayment)) *ledger.RequestPayment {
		c := &ledger.RequestPayment{Gift: "books", Purpose: "library", Amount: lt.Yuan(amount), Payee: "org/书店"}
		if change != nil {
			change(c)
		}
		return c
	}
	b.Refuse(day, lt.Treasurer, pay("5,000.01", nil), ledger.AccountOverdrawn, "account=gift/books", "short=0.01")
	b.Refuse(day, lt.Treasurer, pay("1.00", func(c *ledger.RequestPayment) { c.Purpose = "relief" }), ledger.PurposeNotAllowed, "allowed=library")
	b.Refuse(day, lt.Treasurer, pay("1.00", func(c *ledger.RequestPayment) { c.Fund = "welfare" }), ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, pay("1.00", func(c *ledger.RequestPayment) { c.Resolution = "policy-v1" }), ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, pay("1.00", func(c *ledger.RequestPayment) { c.Emergency = true }), ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, pay("1.00", func(c *ledger.RequestPayment) { c.Cost = true }), ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, pay("1.00", func(c *ledger.RequestPayment) { c.Gift = "pens" }), ledger.GiftUnknown)
	b.Do(day, lt.Treasurer, pay("3,200.00", nil))
	b.Refuse(day, lt.Treasurer, &ledger.SettlePayment{Number: 1, On: lt.Day(day), Money: "bank"}, ledger.ApprovalNeeded)
	b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: 1})
	b.Do(day, lt.Treasurer, &ledger.SettlePayment{Number: 1, On: lt.Day(day), Money: "bank"})
	stand(t, b, day, "gift/books", "1,800.00", "bank", "99,800.00")
	b.Refuse(day, lt.Treasurer, reverses("收2020-2"), ledger.AccountOverdrawn, "short=3200.00")
	b.Do(day, lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("付2020-1"), Amount: lt.Yuan("200.00"), On: lt.Day(day), Money: "bank"})
	stand(t, b, day, "gift/books", "2,000.00")
	book(t, b, day, reverses("收2020-3"))
	again := &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("付2020-1")}, Replacements: []ledger.Replacement{{Corrects: lt.Ref("付2020-1"), Payment: pay("1.00", nil)}}}
	b.Refuse(day, lt.Treasurer, again, ledger.FieldInvalid)
	book(t, b, day, reverses("付2020-1"))
	stand(t, b, day, "gift/books", "5,000.00", "bank", "103,000.00")
	again = &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2020-2")}, Replacements: []ledger.Replacement{{Corrects: lt.Ref("收2020-2"),
		Inflow: &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_GIFT, Gift: "books", Amount: 1, Money: "bank"}}}}
	b.Refuse(day, lt.Treasurer, again, ledger.FieldInvalid)

	// The purpose changes with the donor's consent on paper, and what was asked for under the old one is not paid.
	b.Do(day, lt.Treasurer, pay("100.00", nil))
	b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	consent := ledger.Document{Kind: "other", Issuer: "chamber", Number: "2020-7", SHA256: lt.Minutes("consent")}
	change := func(purpose string, paper ledger.Document) *ledger.ChangeGiftPurpose {
		return &ledger.ChangeGiftPurpose{ID: "books", Purpose: purpose, Consent: paper}
	}
	b.Refuse(day, lt.Treasurer, change("school", ledger.Document{}), ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, change("school", ledger.Document{Kind: "other", Issuer: "chamber", Number: "2020-7"}), ledger.FieldInvalid)
	b.Refuse(day, lt.Treasurer, change("library", consent), ledger.AlreadyDone)
	b.Refuse(day, lt.Treasurer, &ledger.ChangeGiftPurpose{ID: "pens", Purpose: "school", Consent: consent}, ledger.GiftUnknown)
	b.Do(day, lt.Treasurer, change("school", consent))
	b.Refuse(day, lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: lt.Day(day), Money: "bank"}, ledger.PurposeNotAllowed, "allowed=school")
	b.Do(day, lt.Treasurer, &ledger.AgreeGift{ID: "nobody", Purpose: "library", Title: "无名捐赠"})
	b.Refuse(day, lt.Treasurer, &ledger.ChangeGiftPurpose{ID: "nobody", Purpose: "school", Consent: consent}, ledger.FieldInvalid)
}

// TestTerm: a standing resolution is drawn on from its first day to its last: today's day when asked, the business day when
// paid.
func TestTerm(t *testing.T) {
	const day = "2021-12-20"
	b := lt.Demo(t, day)
	term := func(id string, from, until ledger.Day) *ledger.RecordResolution {
		c := lt.Resolution(day, id, eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
		c.Resolution.ValidFrom, c.Resolution.ValidUntil = int32(from), int32(until)
		return c
	}
	b.Refuse(day, lt.Approver, term("bad", 20211231, 20211230), ledger.FieldInvalid)
	b.Refuse(day, lt.Approver, term("bad", 0, 20211219), ledger.FieldInvalid) // before it was decided
	b.Refuse(day, lt.Approver, term("bad", 20211301, 0), ledger.DateInvalid)
	b.Refuse(day, lt.Approver, term("bad", 0, 20211301), ledger.DateInvalid)
	policy := lt.Resolution(day, "bad", eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
	policy.Resolution.ValidUntil = 20211231
	b.Refuse(day, lt.Approver, policy, ledger.FieldInvalid)
	b.Do(day, lt.Approver, term("standing", 20211222, 20211231))
	b.Do(day, lt.Supervisor, &ledger.ConfirmResolution{ID: "standing"})
	b.Do(day, lt.Approver, term("open", 20211222, 0))
	b.Do(day, lt.Supervisor, &ledger.ConfirmResolution{ID: "open"})
	pay := newPayment()
	pay.Resolution, pay.Amount = "standing", 100_00
	b.Refuse("2021-12-21", lt.Treasurer, pay, ledger.ResolutionLapsed, "valid_from=2021-12-22", "valid_until=2021-12-31", "date=2021-12-21")
	open := *pay
	open.Resolution = "open"
	b.Refuse("2021-12-21", lt.Treasurer, &open, ledger.ResolutionLapsed, "valid_until=—")
	for range 2 {
		b.Do("2021-12-22", lt.Treasurer, pay)
		b.Do("2021-12-22", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	}
	first := b.Last() - 1
	// Entered in the new year: the bank paid one in the old year, and the other is not paid any more.
	b.Do("2022-01-05", lt.Treasurer, &open)
	settle := func(number uint32, on string) *ledger.SettlePayment {
		return &ledger.SettlePayment{Number: number, On: lt.Day(on), Money: "bank"}
	}
	b.Refuse("2022-01-05", lt.Treasurer, settle(first, "2022-01-05"), ledger.ResolutionLapsed, "date=2022-01-05")
	b.Refuse("2022-01-05", lt.Treasurer, settle(first, "2021-12-21"), ledger.ResolutionLapsed, "date=2021-12-21")
	ref := lt.Refs(b.Do("2022-01-05", lt.Treasurer, settle(first, "2021-12-31")))
	b.Refuse("2022-01-05", lt.Treasurer, pay, ledger.ResolutionLapsed)
	left(t, b, "standing", "8,800.00")
	// A correction is judged by the day the money moved.
	right := *pay
	right.Amount, right.Money = 120_00, "bank"
	book(t, b, "2022-01-05", &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref(ref)}, Replacements: []ledger.Replacement{{Corrects: lt.Ref(ref), Payment: &right}}})
	left(t, b, "standing", "8,780.00")
}

func emergencyTier() *eventv1.Tier {
	return &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Fund: "maintenance", Emergency: true, CapFen: 2_000_00, RatifyDays: 10, ResolutionBody: "representatives", Approvals: 1}
}

// TestEmergency: paid first by approval alone, up to the cap, and shown until the body ratifies it.
func TestEmergency(t *testing.T) {
	const day = "2021-12-20"
	b := lt.Demo(t, day)
	adopt(b, day, "emergencies", 0, append(lt.Rule(), emergencyTier())...)
	pay := newPayment()
	pay.Resolution, pay.Amount = "", 1_500_00
	b.Refuse(day, lt.Treasurer, pay, ledger.ResolutionNeeded) // an ordinary payment goes by ordinary tiers
	pay.Emergency = true
	for name, c := range map[string]struct {
		change func(*ledger.RequestPayment)
		want   ledger.Reason
	}{
		"above the cap":  {func(c *ledger.RequestPayment) { c.Amount = 2_000_01 }, ledger.EmergencyCap},
		"no such tier":   {func(c *ledger.RequestPayment) { c.Fund, c.Purpose = "reserve", "development" }, ledger.TierMissing},
		"a resolution":   {func(c *ledger.RequestPayment) { c.Resolution = "repair" }, ledger.FieldInvalid},
		"purpose":        {func(c *ledger.RequestPayment) { c.Purpose = "relief" }, ledger.PurposeNotAllowed},
		"more than left": {func(c *ledger.RequestPayment) { c.Amount = lt.Yuan("20,000.00") }, ledger.FundOverdrawn},
	} {
		bad := *pay
		c.change(&bad)
		t.Run(name, func(t *testing.T) { b.Refuse(day, lt.Treasurer, &bad, c.want) })
	}
	asked := b.Do(day, lt.Treasurer, pay)[0].GetRequestMade()
	text := fmt.Sprintf("mingzhang/approval@v1\ncollective liminba\nrequest %d\nkind payment\nfund maintenance\npurpose repair\namount 1500.00\npayee %s\nresolution \nemergency 10 representatives\n", asked.Number, pay.Payee)
	if digest := sha256.Sum256([]byte(text)); string(asked.Digest) != string(digest[:]) {
		t.Errorf("the digest does not cover %q", text)
	}
	b.Refuse(day, lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: lt.Day(day), Money: "bank"}, ledger.ApprovalNeeded)
	b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	b.Do(day, lt.Admin, &ledger.GrantRole{Operator: "cashier", Role: eventv1.Role_ROLE_CASHIER})
	made := b.Do("2021-12-22", "cashier", &ledger.SettlePayment{Number: b.Last(), On: lt.Day("2021-12-21"), Money: "bank"})
	if got := flagsOf(made); got != "emergency 1500.00 by 2021-12-31 of representatives" {
		t.Errorf("flagged %q", got)
	}
	ratify := &ledger.RatifyFlag{Voucher: lt.Ref(lt.Refs(made)), Kind: emergency, Resolution: "heads"}
	b.Resolve("2022-01-03", "heads", eventv1.Matter_MATTER_PAYMENT, "household_heads", "maintenance", "1,500.00")
	b.Refuse("2022-01-03", lt.Supervisor, ratify, ledger.ResolutionOther)
	b.Resolve("2022-01-03", "storm", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "1,500.00")
	ratify.Resolution = "storm"
	b.Do("2022-01-03", lt.Supervisor, ratify) // late, and all the same
	left(t, b, "storm", "0.00")
	book(t, b, "2022-01-03", reverses(lt.Refs(made)))
	left(t, b, "storm", "1,500.00")

	for name, change := range map[string]func(*eventv1.Tier){
		"no body":            func(t *eventv1.Tier) { t.ResolutionBody = "" },
		"no cap":             func(t *eventv1.Tier) { t.CapFen = 0 },
		"cap below from":     func(t *eventv1.Tier) { t.FromFen = 2_000_01 },
		"no days":            func(t *eventv1.Tier) { t.RatifyDays = 0 },
		"many days":          func(t *eventv1.Tier) { t.RatifyDays = 367 },
		"not a payment":      func(t *eventv1.Tier) { t.Operation = eventv1.Operation_OPERATION_TRANSFER },
		"cap of an ordinary": func(t *eventv1.Tier) { t.Emergency, t.RatifyDays = false, 0 },
		"days of another":    func(t *eventv1.Tier) { t.Emergency, t.CapFen = false, 0 },
	} {
		tier := emergencyTier()
		change(tier)
		if err := rule(t, tier); !refusedAs(err, ledger.FieldInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExpiry: after its last day nothing is done about a request but ending it.
func TestExpiry(t *testing.T) {
	const day = "2021-12-20"
	b := lt.Demo(t, day)
	tier := &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 1, Review: true}
	adopt(b, day, "days", 10, tier, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_TRANSFER}, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_DIVIDEND},
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_REVERSAL, Review: true})
	b.Resolve(day, "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "1,000.00")
	b.Resolve(day, "move", eventv1.Matter_MATTER_TRANSFER, "household_heads", "reserve", "1,000.00")
	b.Resolve(day, "share", eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", "68,626.08")
	pay := newPayment()
	pay.Resolution, pay.Amount = "repair", 800_00
	made := b.Do(day, lt.Treasurer, pay)[0].GetRequestMade()
	if made.ExpiresOn != 20211230 {
		t.Errorf("it expires on %d", made.ExpiresOn)
	}
	n := b.Last()
	more := *pay
	more.Amount = 200_01
	if r := b.Refuse("2021-12-20", lt.Treasurer, &more, ledger.ResolutionExhausted); r.Figure("lapsed_request") != "" {
		t.Errorf("the refusal points at request %s, which has not lapsed", r.Figure("lapsed_request"))
	}
	b.Do(day, lt.Treasurer, &ledger.RequestTransfer{From: "reserve", To: "welfare", Amount: 100_00, Resolution: "move"})
	b.Do(day, lt.Treasurer, &ledger.RequestDividend{Run: "2021b", Fund: "dividend", Pool: lt.Yuan("68,626.08"), RecordDate: lt.Day(day), Resolution: "share"})
	dated := reverses("付2021-18")
	dated.On = lt.Day(day)
	b.Do(day, lt.Treasurer, dated)
	b.Refuse("2021-12-30", lt.Approver, &ledger.ExpireRequest{Number: n}, ledger.RequestRunning, "expires_on=2021-12-30", "today=2021-12-30")
	b.Do("2021-12-30", lt.Supervisor, &ledger.ReviewRequest{Number: n})

	const late = "2022-01-01"
	on := lt.Day("2021-12-30") // the business day does not help: the clock counts
	for actor, commands := range map[string][]ledger.Command{
		lt.Supervisor: {&ledger.ReviewRequest{Number: n}, &ledger.ReviewRequest{Number: n + 3}},
		lt.Approver:   {&ledger.ApproveRequest{Number: n}, &ledger.DeclareDividend{Number: n + 2, On: on}},
		lt.Treasurer:  {&ledger.SettlePayment{Number: n, On: on, Money: "bank"}, &ledger.BookTransfer{Number: n + 1, On: on}, &ledger.BookCorrection{Number: n + 3}},
	} {
		for _, c := range commands {
			b.Refuse(late, actor, c, ledger.RequestExpired, "expires_on=2021-12-30", "today=2022-01-01")
		}
	}
	left(t, b, "repair", "200.00")
	pay.Amount = 200_01
	if r := b.Refuse(late, lt.Treasurer, pay, ledger.ResolutionExhausted, "remaining=200.00"); r.Figure("lapsed_request") != fmt.Sprint(n) {
		t.Errorf("the refusal does not point at request %d: %v", n, r.Figures)
	}
	// A lapsed correction does not keep its month open.
	for m := ledger.Month(202003); m <= 202112; m = m.Next() {
		b.Do(late, lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	b.Refuse(late, lt.Admin, &ledger.ExpireRequest{Number: n}, ledger.RoleMissing)
	b.Do(late, lt.Treasurer, &ledger.ExpireRequest{Number: n})
	left(t, b, "repair", "1,000.00")
	b.Refuse(late, lt.Treasurer, &ledger.ExpireRequest{Number: n}, ledger.RequestClosed)
	b.Do(late, lt.Approver, &ledger.ExpireRequest{Number: n + 1})
	b.Do(late, lt.Supervisor, &ledger.ExpireRequest{Number: n + 2})
	b.Do(late, lt.Supervisor, &ledger.RejectRequest{Number: n + 3, Why: "过期"}) // as it was possible before
	left(t, b, "share", "68,626.08")

	b.Resolve(late, "many", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Refuse(late, lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{tier}, Resolution: "many", RequestDays: 3661}, ledger.TooMany)
	b.Do(late, lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{tier}, Resolution: "many"})
	if made := b.Do(late, lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: 1, Payee: "org/a"})[0].GetRequestMade(); made.ExpiresOn != 0 {
		t.Errorf("without days it expires on %d", made.ExpiresOn)
	}
	b.Refuse(late, lt.Treasurer, &ledger.ExpireRequest{Number: b.Last()}, ledger.RequestRunning, "expires_on=—")
}

// outsideFacts goes on from the other facts with those of this file and of outside_test.go, on 2020-04-02.
func outsideFacts(b *lt.Books) {
	const day, on = "2020-04-10", ledger.Day(20200410)
	adopt(b, day, "spending-rule-2", 30, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT},
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, FromFen: 500_00, Approvals: 1}, &eventv1.Tier{Operation: depositReturn},
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Fund: "maintenance", Emergency: true, CapFen: 100_00, RatifyDays: 10, ResolutionBody: "household_heads"})
	standing := lt.Resolution(day, "standing", eventv1.Matter_MATTER_PAYMENT, "household_heads", "maintenance", "300.00")
	standing.Resolution.ValidFrom, standing.Resolution.ValidUntil = 20200401, 20201231
	b.Do(day, lt.Approver, standing)
	b.Do(day, lt.Supervisor, &ledger.ConfirmResolution{ID: "standing"})
	b.Resolve(day, "keep", eventv1.Matter_MATTER_DEPOSIT, "household_heads", "maintenance", "50.00")
	consent := ledger.Document{Kind: "other", Issuer: "chamber", Number: "2020-7", SHA256: lt.Minutes("consent"), MediaType: "application/pdf", Size: 4321}
	for _, c := range []ledger.Command{
		&ledger.RecordRefund{Payment: lt.Ref("付2020-2"), Amount: 20_00, On: on, Money: "cash", Narration: "退款"},
		&ledger.RecordFee{Fund: "maintenance", Purpose: "bank_fee", Amount: 5_00, On: on, Money: "bank", Payee: "org/信用社", Narration: "手续费"},
		&ledger.RecordReturnedIncome{Receipt: lt.Ref("收2020-5"), Amount: 400_00, On: on, Money: "bank", Narration: "退票"},
		&ledger.CollectReceivable{Kind: "rent", Amount: 100_00, On: on, Money: "bank", Payer: "party/lessee", Narration: "补交"},
		&ledger.AgreeGift{ID: "books", Donor: "org/商会", Purpose: "library", Title: "图书捐赠"},
		&ledger.ReceiveGift{Gift: "books", Amount: 80_00, On: on, Money: "bank", Narration: "捐书"},
		&ledger.RequestPayment{Gift: "books", Purpose: "library", Amount: 30_00, Payee: "org/书店", Money: "bank", Narration: "购书"},
		&ledger.ChangeGiftPurpose{ID: "books", Purpose: "school", Consent: consent},
		&ledger.RequestDepositReturn{Kind: "lease", Party: "party/lessee", Amount: 250_00, Deducted: 50_00, Fund: "maintenance", Resolution: "keep", Narration: "退押金"},
	} {
		b.Do(day, lt.Treasurer, c)
	}
	b.Do(day, "cashier", &ledger.SettlePayment{Number: b.Last(), On: on, Money: "cash"})
	b.Do(day, lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: 90_00, Payee: "org/水电", Money: "bank", Narration: "抢修", Emergency: true})
	b.Do(day, lt.Supervisor, &ledger.RatifyFlag{Voucher: lt.Ref("付2020-10"), Kind: emergency, Resolution: "standing"})
	b.Do(day, lt.Treasurer, &ledger.RequestPayment{Fund: "reserve", Purpose: "development", Amount: 500_00, Payee: "org/a", Narration: "勘测"})
	b.Do("2020-05-11", lt.Approver, &ledger.ExpireRequest{Number: b.Last()})
}
