package ledger_test

import (
	"fmt"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// swap gives an operator another role in the place of the one held.
func swap(b *lt.Books, date, operator string, from, to eventv1.Role) {
	b.Do(date, lt.Admin, &ledger.RevokeRole{Operator: operator, Role: from})
	b.Do(date, lt.Admin, &ledger.GrantRole{Operator: operator, Role: to})
}

// TestOnePersonOneDuty: whoever recorded, asked, opened or reviewed something does not confirm, review, approve, award or pay
// it, whatever role is held by then.
func TestOnePersonOneDuty(t *testing.T) {
	const day = "2021-12-20"
	treasurer, approver, supervisor := eventv1.Role_ROLE_TREASURER, eventv1.Role_ROLE_APPROVER, eventv1.Role_ROLE_SUPERVISOR
	t.Run("resolution", func(t *testing.T) {
		b := lt.Demo(t, day)
		b.Do(day, lt.Approver, lt.Resolution(day, "one", eventv1.Matter_MATTER_OTHER, "representatives", "", ""))
		swap(b, day, lt.Approver, approver, supervisor)
		b.Refuse(day, lt.Approver, &ledger.ConfirmResolution{ID: "one"}, ledger.OwnRequest)
		b.Do(day, lt.Supervisor, &ledger.ConfirmResolution{ID: "one"})
	})
	t.Run("request", func(t *testing.T) {
		b := lt.Demo(t, day)
		b.Resolve(day, "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "12,000.00")
		c := newPayment()
		c.Amount = lt.Yuan("12,000.00") // from 10,000 a review is needed
		b.Do(day, lt.Treasurer, c)
		n := b.Last()
		b.Do(day, lt.Supervisor, &ledger.ReviewRequest{Number: n})
		swap(b, day, lt.Supervisor, supervisor, approver)
		b.Refuse(day, lt.Supervisor, &ledger.ApproveRequest{Number: n}, ledger.OwnRequest)
		b.Do(day, lt.Approver, &ledger.ApproveRequest{Number: n})
		swap(b, day, lt.Approver, approver, treasurer)
		b.Refuse(day, lt.Approver, &ledger.SettlePayment{Number: n, On: lt.Day(day), Money: "bank"}, ledger.OwnRequest)
		b.Do(day, lt.Treasurer, &ledger.SettlePayment{Number: n, On: lt.Day(day), Money: "bank"})
	})
	t.Run("round", func(t *testing.T) {
		b := lt.Demo(t, day)
		b.Do(day, lt.Treasurer, &ledger.OpenGrantRound{Round: "more", Title: "补助", Fund: "welfare", Purpose: "relief", Budget: 100_00})
		b.Do(day, lt.Treasurer, &ledger.AddApplicants{Round: "more", Members: []uint32{1}, Amounts: []ledger.Fen{100_00}})
		swap(b, day, lt.Treasurer, treasurer, supervisor)
		b.Refuse(day, lt.Treasurer, &ledger.ReviewGrantRound{Round: "more"}, ledger.OwnRequest)
		b.Do(day, lt.Supervisor, &ledger.ReviewGrantRound{Round: "more"})
		swap(b, day, lt.Treasurer, supervisor, treasurer)
		b.Do(day, lt.Treasurer, &ledger.PublishGrantNotice{Round: "more", From: lt.Day(day), To: lt.Day("2021-12-22")})
		swap(b, "2021-12-23", lt.Supervisor, supervisor, approver)
		b.Refuse("2021-12-23", lt.Supervisor, &ledger.AwardGrants{Round: "more", On: lt.Day("2021-12-23")}, ledger.OwnRequest)
		b.Do("2021-12-23", lt.Approver, &ledger.AwardGrants{Round: "more", On: lt.Day("2021-12-23")})
	})
}

// TestNothingIsPaidBeforeItIsOwed: a grant is not paid before the day of its award, nor a dividend before its declaration, even
// when another round's or run's money stands in the account that day.
func TestNothingIsPaidBeforeItIsOwed(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	for _, id := range []string{"early", "late"} {
		b.Do("2021-12-21", lt.Treasurer, &ledger.OpenGrantRound{Round: id, Title: "补助", Fund: "welfare", Purpose: "relief", Budget: 100_00})
		b.Do("2021-12-21", lt.Treasurer, &ledger.AddApplicants{Round: id, Members: []uint32{1}, Amounts: []ledger.Fen{100_00}})
		b.Do("2021-12-21", lt.Supervisor, &ledger.ReviewGrantRound{Round: id})
		b.Do("2021-12-21", lt.Treasurer, &ledger.PublishGrantNotice{Round: id, From: lt.Day("2021-12-21"), To: lt.Day("2021-12-22")})
	}
	b.Do("2021-12-28", lt.Approver, &ledger.AwardGrants{Round: "early", On: lt.Day("2021-12-25")})
	b.Do("2021-12-28", lt.Approver, &ledger.AwardGrants{Round: "late", On: lt.Day("2021-12-28")})
	pay := func(on string) *ledger.PayGrant {
		return &ledger.PayGrant{Round: "late", Member: 1, On: lt.Day(on), Money: "bank"}
	}
	b.Refuse("2021-12-28", lt.Treasurer, pay("2021-12-26"), ledger.DateBeforeOriginal, "original=2021-12-28")
	b.Do("2021-12-28", lt.Treasurer, pay("2021-12-28"))
}

// TestAwardTurnedBack: a round whose award is turned back holds its budget again; the same command cannot spend it.
func TestAwardTurnedBack(t *testing.T) {
	const day = "2021-12-20"
	b := lt.Demo(t, day)
	b.Do(day, lt.Approver, &ledger.RecordResolution{Resolution: lt.Resolution(day, "grants", eventv1.Matter_MATTER_PAYMENT, "representatives", "welfare", "6,300.00").Resolution})
	b.Do(day, lt.Supervisor, &ledger.ConfirmResolution{ID: "grants"})
	b.Do(day, lt.Treasurer, &ledger.OpenGrantRound{Round: "more", Title: "补助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("6,300.00"), Resolution: "grants"})
	b.Do(day, lt.Treasurer, &ledger.AddApplicants{Round: "more", Members: []uint32{1}, Amounts: []ledger.Fen{lt.Yuan("2,000.00")}})
	b.Do(day, lt.Supervisor, &ledger.ReviewGrantRound{Round: "more"})
	b.Do(day, lt.Treasurer, &ledger.PublishGrantNotice{Round: "more", From: lt.Day(day), To: lt.Day("2021-12-22")})
	b.Refuse(day, lt.Treasurer, &ledger.PublishGrantNotice{Round: "more", From: lt.Day(day), To: lt.Day("2121-12-22")}, ledger.NoticeInvalid)
	award := lt.Refs(b.Do("2021-12-23", lt.Approver, &ledger.AwardGrants{Round: "more", On: lt.Day("2021-12-23")}))
	// 4,300.00 of the authority are free now. A second round takes them, so the first cannot have its 6,300.00 back.
	b.Do("2021-12-23", lt.Treasurer, &ledger.OpenGrantRound{Round: "other", Title: "补助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("4,300.00"), Resolution: "grants"})
	b.Refuse("2021-12-23", lt.Treasurer, reverses(award), ledger.ResolutionExhausted, "short=4300.00")
}

// TestRaisedPayment: a small payment that needed no resolution is raised to the bank's amount, past the amount from which one
// is needed, and says so.
func TestRaisedPayment(t *testing.T) {
	const day = "2021-12-20"
	b := lt.Demo(t, day)
	b.Resolve(day, "rule-v2", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do(day, lt.Approver, &ledger.AdoptSpendingRule{Resolution: "rule-v2", Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_PAYMENT},
		{Operation: eventv1.Operation_OPERATION_PAYMENT, FromFen: 100_00, ResolutionBody: "representatives"}}})
	ref := lt.Refs(b.Do(day, lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: 1, Payee: "party/supplier", Money: "bank"}))
	raise := func(to string) *ledger.RequestCorrection {
		return &ledger.RequestCorrection{DifferenceOf: lt.Ref(ref), RightAmount: lt.Yuan(to)}
	}
	below := b.Do(day, lt.Treasurer, raise("99.99"))[0].Vouchers[0]
	if len(below.Flags) != 0 {
		t.Errorf("below the amount it is flagged %v", below.Flags)
	}
	ref = ledger.RefOf(below.Ref).String()
	past := b.Do(day, lt.Treasurer, raise("8,900.00"))[0].Vouchers[0] // 8,800.02 more than 99.99: 8,900.01 in all
	if len(past.Flags) != 1 || past.Flags[0].Kind != eventv1.FlagKind_FLAG_KIND_WITHOUT_RESOLUTION || past.Flags[0].Body != "representatives" || past.Flags[0].AmountFen != 8_900_01 {
		t.Errorf("past the amount it is flagged %v", past.Flags)
	}
}

// TestOpeningIsPutRightUnderReview: what a supervisor confirmed, the treasurer alone does not change; and a wrong opening that
// was turned back can be entered again.
func TestOpeningIsPutRightUnderReview(t *testing.T) {
	b := lt.Liminba(t)
	b.Do("2020-06-01", lt.Treasurer, opening("1.00", "1.00"))
	b.Do("2020-06-01", lt.Supervisor, &ledger.ConfirmOpening{})
	events := b.Do("2020-06-01", lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("转2020-1"), RightAmount: lt.Yuan("1,000,000.00")})
	if r := events[0].GetRequestMade(); r == nil || !r.Review {
		t.Fatalf("an opening is changed by %v", events)
	}
	b.Do("2020-06-01", lt.Treasurer, &ledger.WithdrawRequest{Number: b.Last()})
	b.Do("2020-06-01", lt.Treasurer, reverses("转2020-1"))
	b.Refuse("2020-06-01", lt.Treasurer, &ledger.BookCorrection{Number: b.Last()}, ledger.ReviewNeeded)
	b.Do("2020-06-01", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	b.Do("2020-06-01", lt.Treasurer, &ledger.BookCorrection{Number: b.Last()})
	b.Do("2020-06-02", lt.Treasurer, opening("2.00", "2.00"))
	b.Do("2020-06-02", lt.Supervisor, &ledger.ConfirmOpening{})
	expect(t, b, "2020-06-02", "money/bank", "2.00", "fund/reserve", "2.00")
}

// TestBankLineAgain: the same bank line with the same content is the same entry as long as a live voucher cites it, even after
// its month is closed; once that voucher is turned back it is a new entry.
func TestBankLineAgain(t *testing.T) {
	b := lt.Liminba(t)
	gift := &ledger.ReceiveGift{Fund: "welfare", Amount: 400_00, On: lt.Day("2020-05-20"), Money: "bank",
		Documents: []ledger.Document{{Kind: "bank_line", Issuer: "bank", Number: "7", Total: 1000_00}}}
	first := b.Do("2020-05-20", lt.Treasurer, gift)
	again := func(date string) string {
		events, err := b.Try(date, lt.Treasurer, gift)
		return fmt.Sprint(lt.Refs(events), err)
	}
	done := fmt.Sprintf("done before at version %d", first[0].Version)
	if got := again("2020-05-21"); got != done {
		t.Errorf("sent again with room left on the line: %s", got)
	}
	for _, m := range []ledger.Month{202003, 202004, 202005} {
		b.Do("2020-06-01", lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	if got := again("2020-06-01"); got != done {
		t.Errorf("sent again after the close: %s", got)
	}
	book(t, b, "2020-06-01", reverses(lt.Refs(first)))
	gift.On = lt.Day("2020-06-01")
	if got := again("2020-06-01"); got != "收2020-3<nil>" && got != "收2020-3 <nil>" {
		t.Errorf("entered again after its reversal: %s", got)
	}
}

// TestPublicText: what looks like a phone, identity or card number is refused however it is grouped; amounts, years and dates
// are not.
func TestPublicText(t *testing.T) {
	note := func(text string) error {
		return income(t, func(c *ledger.RecordIncome) { c.Narration = text })
	}
	for _, text := range []string{"13800000000", "电话138 0000 0000", "138-00000000", "138.0000.0000", "0833-1234567", "110105 19491231 002X", "11010519491231002X",
		"6200 0000 0000 0000", "6200–0000–0000–0000", "软\u00ad连字", "行\u2028分隔", "标\U000e0041签"} {
		if !refusedAs(note(text), ledger.TextInvalid) {
			t.Errorf("%q may be published", text)
		}
	}
	for _, text := range []string{"2020 2021 2022 三年租金", "2019-2020-2021年度绿化", "救助 500 1200 1300 元", "2020-12-20 租金 98000.00", "第3标段 1200 米", "2020—2021 2021—2022"} {
		if err := note(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestPayoutSlices: lines never sent go out slice by slice even while earlier ones have come back.
func TestPayoutSlices(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-20", lt.Treasurer, newDividend(func(*ledger.RequestDividend) {}))
	b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	b.Do("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day("2021-07-20")})
	send := func() string {
		f := b.Do("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"})[0].GetDividendFileSent()
		return fmt.Sprint(len(f.Payees), " from ", f.Payees[0])
	}
	results := func(file uint32, failed ...uint32) {
		b.Do("2021-07-20", lt.Treasurer, &ledger.RecordDividendResults{Run: "2021", File: file, On: lt.Day("2021-07-20"), Failed: failed})
	}
	var got []string
	for file := range uint32(4) {
		got = append(got, send())
		results(file+1, file*1000+7)
	}
	got = append(got, send())
	if want := "[1000 from 1 1000 from 1001 1000 from 2001 211 from 3001 4 from 7]"; fmt.Sprint(got) != want {
		t.Errorf("files of %v, want %s", got, want)
	}
}
