package projections

import (
	"fmt"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

const exceeds, withoutApproval, outsidePurpose = eventv1.FlagKind_FLAG_KIND_EXCEEDS_AUTHORITY, eventv1.FlagKind_FLAG_KIND_WITHOUT_APPROVAL, eventv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE

// openFlags writes the open flags: "付2021-19 exceeds_authority 180.00".
func openFlags(b *Book, m Moment) string {
	var all []string
	list, _ := b.OpenFlags(0, 100, m)
	for _, f := range list {
		all = append(all, fmt.Sprint(f.Voucher, " ", strings.ToLower(strings.TrimPrefix(f.Kind.String(), "FLAG_KIND_")), " ", ledger.Fen(f.AmountFen)))
	}
	return strings.Join(all, "; ")
}

func standing(t *testing.T, b *Book, id string, m Moment, drawn, remaining string) {
	t.Helper()
	list, _ := b.Resolutions(0, PageMax, m)
	for _, r := range list {
		if r.Id == id {
			if r.Drawn != lt.Yuan(drawn) || r.Remaining != lt.Yuan(remaining) || r.Reserved+r.Drawn+r.Remaining != ledger.Fen(r.AuthorityFen) {
				t.Errorf("%s at %+v: drawn %v, remaining %v, want %s and %s", id, m, r.Drawn, r.Remaining, drawn, remaining)
			}
			return
		}
	}
	t.Errorf("%s is not there at %+v", id, m)
}

// TestFlagsAreShownUntilRatified: 9,180.00 paid on an authority of 9,000.00, ratified, turned back; at each moment what was
// known then, and the same authority as the rules reckon with.
func TestFlagsAreShownUntilRatified(t *testing.T) {
	const day = "2021-12-20"
	g := lt.Demo(t, day)
	g.Do(day, lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("付2021-18"), RightAmount: lt.Yuan("9,180.00")})
	g.Do(day, lt.Approver, &ledger.ApproveRequest{Number: g.Last()})
	raised := g.Do(day, lt.Treasurer, &ledger.BookCorrection{Number: g.Last()})[0].Version
	g.Resolve(day, "more", eventv1.Matter_MATTER_PAYMENT, "household_heads", "maintenance", "500.00")
	ratified := g.Do(day, lt.Supervisor, &ledger.RatifyFlag{Voucher: lt.Ref("付2021-19"), Kind: exceeds, Resolution: "more"})[0].Version
	g.Do("2021-12-21", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("付2021-19")}})
	g.Do("2021-12-21", lt.Approver, &ledger.ApproveRequest{Number: g.Last()})
	g.Do("2021-12-21", lt.Treasurer, &ledger.BookCorrection{Number: g.Last()})
	b := fold(t, g.Events)
	for name, c := range map[string]struct {
		m                    Moment
		open, by             string
		drawn, left, drawnBy string
	}{
		"raised":               {Moment{AsKnownAt: raised}, "付2021-19 exceeds_authority 180.00", "", "9,180.00", "-180.00", ""},
		"raised, day before":   {Moment{AsKnownAt: raised, AsOf: 20211219}, "", "", "8,355.00", "645.00", ""},
		"ratified":             {Moment{AsKnownAt: ratified}, "", "more", "9,000.00", "0.00", "180.00"},
		"ratified, day before": {Moment{AsKnownAt: ratified, AsOf: 20211219}, "", "", "8,355.00", "645.00", ""}, // not voted yet
		"turned, day before":   {Moment{AsOf: 20211220}, "", "more", "9,000.00", "0.00", "180.00"},
		"turned":               {Moment{}, "", "more", "8,355.00", "645.00", "0.00"},
	} {
		if got := openFlags(b, c.m); got != c.open {
			t.Errorf("%s: open are %q, want %q", name, got, c.open)
		}
		standing(t, b, "planting-2021", c.m, c.drawn, c.left)
		if c.drawnBy != "" {
			standing(t, b, "more", c.m, c.drawnBy, fmt.Sprint(lt.Yuan("500.00")-lt.Yuan(c.drawnBy)))
		}
		if v, ok := b.Voucher(lt.Ref("付2021-19"), c.m); ok && (len(v.Flags) != 1 || v.Flags[0].RatifiedBy != c.by) {
			t.Errorf("%s: the voucher says %v", name, v.Flags)
		}
	}
	if left := g.State.Balance(lt.Maintenance, 20211221); left != b.Balance(lt.Maintenance, Moment{}) {
		t.Errorf("the state has %v", left)
	}
}

// TestOneFeeManyFlags: flags of one voucher go one by one, a page at a time, and draw a resolution once.
func TestOneFeeManyFlags(t *testing.T) {
	const day = "2020-12-20"
	g := lt.Demo(t, day)
	g.Do(day, lt.Treasurer, &ledger.RecordFee{Fund: "dividend", Purpose: "bank_fee", Amount: 30_00, On: lt.Day(day), Money: "bank"})
	g.Resolve(day, "fees", eventv1.Matter_MATTER_PAYMENT, "representatives", "dividend", "100.00")
	before := fold(t, g.Events)
	if got := openFlags(before, Moment{}); got != "付2020-1 outside_purpose 30.00; 付2020-1 without_approval 30.00" {
		t.Errorf("open are %q", got)
	}
	first, next := before.OpenFlags(0, 1, Moment{})
	second, end := before.OpenFlags(next, 1, Moment{})
	if len(first) != 1 || len(second) != 1 || end != 0 || second[0].Kind != withoutApproval || first[0].Fund != "dividend" || first[0].Purpose != "bank_fee" {
		t.Errorf("pages: %v, %v, %d", first, second, end)
	}
	for _, kind := range []eventv1.FlagKind{withoutApproval, outsidePurpose} {
		g.Do(day, lt.Supervisor, &ledger.RatifyFlag{Voucher: lt.Ref("付2020-1"), Kind: kind, Resolution: "fees"})
	}
	after := fold(t, g.Events)
	if got := openFlags(after, Moment{}); got != "" {
		t.Errorf("open are %q", got)
	}
	standing(t, after, "fees", Moment{}, "30.00", "70.00")
	if before.Digest() == after.Digest() {
		t.Error("the digest does not cover ratification")
	}
	bad := &eventv1.Event{Version: after.Version() + 1, Fact: &eventv1.Event_FlagRatified{FlagRatified: &eventv1.FlagRatified{Voucher: lt.Ref("付2020-1").Proto(), Kind: outsidePurpose, ResolutionId: "fees"}}}
	if err := after.Fold(bad); err == nil {
		t.Error("a flag is ratified twice")
	}
}

// TestRefundsAndReturnsNameTheirVoucher, also when they are turned back.
func TestRefundsAndReturnsNameTheirVoucher(t *testing.T) {
	const day = "2021-12-20"
	g := lt.Demo(t, day)
	g.Do(day, lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("付2021-18"), Amount: 355_00, On: lt.Day(day), Money: "bank"})
	g.Do(day, lt.Treasurer, &ledger.RecordReturnedIncome{Receipt: lt.Ref("收2021-2"), Amount: 8_000_00, On: lt.Day(day), Money: "bank"})
	g.Do(day, lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("付2021-19")}})
	b := fold(t, g.Events)
	for ref, want := range map[string]string{"收2021-3": "付2021-18 ", "付2021-19": " 收2021-2", "付2021-20": " 收2021-2", "付2021-18": " "} {
		if v, ok := b.Voucher(lt.Ref(ref), Moment{}); !ok || fmt.Sprint(v.Refunds.String(), " ", v.Returns.String()) != want {
			t.Errorf("%s: refunds %q, returns %q", ref, v.Refunds.String(), v.Returns.String())
		}
	}
	if err := b.CheckInvariant(); err != nil {
		t.Error(err)
	}
	standing(t, b, "planting-2021", Moment{}, "8,000.00", "1,000.00")
}

// TestGiftRegister: 5,000.00 received, 3,400.00 paid, 200.00 of it refunded: 3,200.00 spent, 1,800.00 left.
func TestGiftRegister(t *testing.T) {
	const day = "2020-12-20"
	g := lt.Demo(t, day)
	g.Resolve(day, "rule", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	g.Do(day, lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_PAYMENT}}, Resolution: "rule"})
	agreed := g.Do(day, lt.Treasurer, &ledger.AgreeGift{ID: "books", Donor: "org/商会", Purpose: "library", Title: "图书"})[0].Version
	g.Do(day, lt.Treasurer, &ledger.ReceiveGift{Gift: "books", Amount: 5_000_00, On: lt.Day(day), Money: "bank"})
	g.Do("2020-12-22", lt.Treasurer, &ledger.RequestPayment{Gift: "books", Purpose: "library", Amount: 3_400_00, Payee: "org/书店", Money: "bank"})
	g.Do("2020-12-23", lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("付2020-1"), Amount: 200_00, On: lt.Day("2020-12-23"), Money: "bank"})
	g.Do("2020-12-23", lt.Treasurer, &ledger.ReceiveGift{Gift: "books", Amount: 70_00, On: lt.Day("2020-12-23"), Money: "bank"})
	g.Do("2020-12-23", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2020-4")}})
	changed := g.Do("2020-12-24", lt.Treasurer, &ledger.ChangeGiftPurpose{ID: "books", Purpose: "school",
		Consent: ledger.Document{Kind: "other", Issuer: "chamber", Number: "7", SHA256: lt.Minutes("consent")}})[0].Version
	b := fold(t, g.Events)
	for name, c := range map[string]struct {
		m    Moment
		want string
	}{
		"before":      {Moment{AsKnownAt: agreed - 1}, ""},
		"agreed":      {Moment{AsKnownAt: agreed}, "library 0.00 0.00 0.00 0"},
		"received":    {Moment{AsOf: 20201220}, "school 5000.00 0.00 5000.00 1"},
		"paid":        {Moment{AsOf: 20201222}, "school 5000.00 3400.00 1600.00 1"},
		"not changed": {Moment{AsKnownAt: changed - 1}, "library 5000.00 3200.00 1800.00 0"},
		"now":         {Moment{}, "school 5000.00 3200.00 1800.00 1"},
	} {
		list, _ := b.Gifts(0, 10, c.m)
		got := ""
		for _, g := range list {
			got = fmt.Sprint(g.PurposeNow, " ", g.Received, " ", g.Spent, " ", g.Left, " ", len(g.Changes))
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, bad := range []*eventv1.Event{
		{Fact: &eventv1.Event_GiftAgreed{GiftAgreed: &eventv1.GiftAgreed{Id: "books"}}},
		{Fact: &eventv1.Event_GiftPurposeChanged{GiftPurposeChanged: &eventv1.GiftPurposeChanged{GiftId: "pens"}}},
		{Fact: &eventv1.Event_GiftReceived{GiftReceived: &eventv1.GiftReceived{GiftId: "pens"}}},
		{Fact: &eventv1.Event_RequestExpired{RequestExpired: &eventv1.RequestExpired{Number: 99}}},
		{Fact: &eventv1.Event_DepositReturned{DepositReturned: &eventv1.DepositReturned{Number: 99}}},
	} {
		bad.Version = b.Version() + 1
		if err := b.Fold(bad); err == nil {
			t.Errorf("%v is folded", bad.Fact)
		}
	}
}

// TestDepositReturnInTheRegister: what is asked, held and settled; and a request that lapsed.
func TestDepositReturnInTheRegister(t *testing.T) {
	const day = "2020-12-20"
	g := lt.Demo(t, day)
	g.Do(day, lt.Treasurer, &ledger.ReceiveDeposit{Kind: "lease", Amount: lt.Yuan("19,600.00"), On: lt.Day(day), Money: "bank", Payer: "party/lessee"})
	g.Resolve(day, "rule", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	g.Do(day, lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_DEPOSIT_RETURN}}, Resolution: "rule", RequestDays: 5})
	g.Resolve(day, "keep", eventv1.Matter_MATTER_DEPOSIT, "representatives", "maintenance", "2,000.00")
	returning := &ledger.RequestDepositReturn{Kind: "lease", Party: "party/lessee", Amount: lt.Yuan("18,000.00"), Deducted: lt.Yuan("1,600.00"), Fund: "maintenance", Resolution: "keep"}
	asked := g.Do(day, lt.Treasurer, returning)[0].Version
	lapsing := *returning
	lapsing.Amount, lapsing.Deducted = 1_00, 400_00
	g.Do(day, lt.Treasurer, &lapsing)
	g.Do(day, lt.Treasurer, &ledger.SettlePayment{Number: 1, On: lt.Day(day), Money: "bank"})
	expired := g.Do("2020-12-26", lt.Supervisor, &ledger.ExpireRequest{Number: 2})[0].Version
	b := fold(t, g.Events)
	requests, _ := b.Requests("", 0, 10, Moment{})
	settled, lapsed := requests[0], requests[1]
	if got := fmt.Sprint(settled.Kind, " ", settled.State, " ", settled.Fund, " ", settled.Amount, " ", settled.Payee, " ", settled.Vouchers); got != "deposit return settled maintenance 18000.00 party/lessee [付2020-1 转2020-1]" {
		t.Errorf("the return is %s", got)
	}
	if lapsed.State != RequestExpired || lapsed.EndedBy != lt.Supervisor || lapsed.Made.ExpiresOn != 20201225 {
		t.Errorf("the lapsed one is %+v", lapsed)
	}
	if list, _ := b.Requests(RequestExpired, 0, 10, Moment{}); len(list) != 1 {
		t.Errorf("%d are expired", len(list))
	}
	if list, _ := b.Requests(RequestOpen, 0, 10, Moment{AsKnownAt: expired - 1}); len(list) != 1 {
		t.Errorf("%d were open", len(list))
	}
	resolutions := func(m Moment) Resolution {
		list, _ := b.Resolutions(0, 100, m)
		return list[len(list)-1]
	}
	if r := resolutions(Moment{AsKnownAt: asked}); r.Id != "keep" || r.Reserved != lt.Yuan("1,600.00") {
		t.Errorf("asked: %s reserved %v", r.Id, r.Reserved)
	}
	standing(t, b, "keep", Moment{AsKnownAt: expired - 1}, "1,600.00", "0.00")
	standing(t, b, "keep", Moment{}, "1,600.00", "400.00")
}
