package ledger_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// The cases of TestReasons for the reasons of rounds, reviews, charter changes and papers.
func init() {
	refusals[ledger.ApplicantUnknown] = func(t *testing.T) error {
		return on(opened(t), "2021-01-04", lt.Treasurer, &ledger.RemoveApplicants{Round: "gifts", Members: []uint32{1}})
	}
	refusals[ledger.ObjectionUnknown] = func(t *testing.T) error {
		return on(noticed(t), "2021-01-12", lt.Approver, &ledger.AnswerObjection{Round: "gifts", Number: 1, Text: "属实"})
	}
	refusals[ledger.ObjectionOpen] = func(t *testing.T) error {
		b := noticed(t)
		b.Do("2021-01-12", lt.Supervisor, &ledger.RaiseObjection{Round: "gifts", Text: "未按规定公示"})
		return on(b, "2021-01-21", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-21")})
	}
	refusals[ledger.NoticeOver] = func(t *testing.T) error {
		return on(noticed(t), "2021-01-21", lt.Supervisor, &ledger.RaiseObjection{Round: "gifts", Text: "迟到的异议"})
	}
	refusals[ledger.GrantNotPaid] = func(t *testing.T) error {
		return on(awarded(t), "2021-01-21", lt.Treasurer, &ledger.RecordReturnedGrant{Round: "gifts", Member: 1, On: lt.Day("2021-01-21"), Money: "bank"})
	}
	refusals[ledger.PeriodNotClosed] = func(t *testing.T) error {
		return on(closed(t), "2021-06-21", lt.Supervisor, &ledger.ReviewPeriod{Month: 202004, Verdict: eventv1.Verdict_VERDICT_SIGNED})
	}
	refusals[ledger.StatementChanged] = func(t *testing.T) error {
		return on(closed(t), "2021-06-21", lt.Supervisor, &ledger.ReviewPeriod{Month: 202003, Verdict: eventv1.Verdict_VERDICT_SIGNED, Statement: lt.Minutes("another")})
	}
	refusals[ledger.VoucherOtherMonth] = func(t *testing.T) error {
		return on(closed(t), "2021-06-21", lt.Supervisor, &ledger.ReviewPeriod{Month: 202003, Verdict: eventv1.Verdict_VERDICT_REFUSED,
			Items: []ledger.ReviewItem{{Voucher: lt.Ref("收2020-1"), Verdict: eventv1.Verdict_VERDICT_REFUSED, Remark: "没有合同"}}})
	}
	refusals[ledger.RetentionTooShort] = func(t *testing.T) error {
		return income(t, func(c *ledger.RecordIncome) {
			c.Documents = []ledger.Document{{Kind: "contract", Issuer: "lessee", Number: "2020-1", Retention: eventv1.Retention_RETENTION_TEN_YEARS}}
		})
	}
}

// noticed has a round of 50.00 for member 1 and 70.00 for member 2, on notice from 2021-01-11 to 2021-01-20.
func noticed(t *testing.T) *lt.Books {
	b := opened(t)
	b.Do("2021-01-04", lt.Treasurer, &ledger.AddApplicants{Round: "gifts", Members: []uint32{1, 2}, Amounts: []ledger.Fen{50_00, 70_00}})
	b.Do("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "gifts"})
	b.Do("2021-01-11", lt.Treasurer, notice("2021-01-11", "2021-01-20"))
	return b
}

func notice(from, to string) *ledger.PublishGrantNotice {
	return &ledger.PublishGrantNotice{Round: "gifts", From: lt.Day(from), To: lt.Day(to)}
}

// awarded has that round awarded on 2021-01-21.
func awarded(t *testing.T) *lt.Books {
	b := noticed(t)
	b.Do("2021-01-21", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-21")})
	return b
}

func payGrant(member uint32, on string) *ledger.PayGrant {
	return &ledger.PayGrant{Round: "gifts", Member: member, On: lt.Day(on), Money: "bank"}
}

func grantReturned(member uint32, on string) *ledger.RecordReturnedGrant {
	return &ledger.RecordReturnedGrant{Round: "gifts", Member: member, On: lt.Day(on), Money: "bank"}
}

// refold folds the books anew and wants the same state.
func refold(t *testing.T, b *lt.Books) {
	t.Helper()
	fresh := ledger.NewCollective()
	for _, e := range b.Events {
		fresh.Evolve(e)
	}
	if fresh.Dump() != b.State.Dump() {
		t.Error("folding the events anew gives another state")
	}
	if difference, wrong := b.State.Sums(); difference != 0 || len(wrong) != 0 {
		t.Errorf("books out of balance by %v, wrong: %v", difference, wrong)
	}
}

// TestRemoveApplicants: who leaves before the notice is gone, asks for a new review, and may apply again.
func TestRemoveApplicants(t *testing.T) {
	b := opened(t)
	remove := func(members ...uint32) *ledger.RemoveApplicants {
		return &ledger.RemoveApplicants{Round: "gifts", Members: members}
	}
	b.Do("2021-01-04", lt.Treasurer, &ledger.AddApplicants{Round: "gifts", Members: []uint32{1, 2, 3}, Amounts: []ledger.Fen{50_00, 70_00, 880_00}})
	b.Do("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "gifts"})
	b.Refuse("2021-01-04", lt.Treasurer, remove(), ledger.TooMany)
	b.Refuse("2021-01-04", lt.Treasurer, remove(3, 3), ledger.RepeatedEntry, "entry=3")
	b.Refuse("2021-01-04", lt.Treasurer, remove(3, 4), ledger.ApplicantUnknown, "member=4")
	b.Do("2021-01-04", lt.Treasurer, remove(3))
	if got := b.State.RoundState("gifts"); got != "open" {
		t.Errorf("the round is %s, want open: its review is gone", got)
	}
	b.Refuse("2021-01-05", lt.Treasurer, notice("2021-01-11", "2021-01-20"), ledger.ReviewNeeded)
	b.Do("2021-01-05", lt.Treasurer, &ledger.AddApplicants{Round: "gifts", Members: []uint32{3}, Amounts: []ledger.Fen{30_00}})
	b.Do("2021-01-05", lt.Treasurer, remove(1, 2))
	b.Do("2021-01-05", lt.Supervisor, &ledger.ReviewGrantRound{Round: "gifts"})
	b.Do("2021-01-05", lt.Treasurer, notice("2021-01-11", "2021-01-20"))
	b.Refuse("2021-01-12", lt.Treasurer, remove(3), ledger.RoundState, "state=notice")
	b.Do("2021-01-21", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-21")})
	expect(t, b, "2021-01-21", "payable/grant", "30.00", "fund/welfare", "9,770.00")
	refold(t, b)
}

// TestRoundOfNobody: a round everybody left is not reviewed.
func TestRoundOfNobody(t *testing.T) {
	b := opened(t)
	b.Do("2021-01-04", lt.Treasurer, &ledger.AddApplicants{Round: "gifts", Members: []uint32{1}, Amounts: []ledger.Fen{50_00}})
	b.Do("2021-01-04", lt.Treasurer, &ledger.RemoveApplicants{Round: "gifts", Members: []uint32{1}})
	b.Refuse("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "gifts"}, ledger.RoundEmpty)
}

// TestCancelGrantRound: a round is given up before its award in any state; its budget is free and nothing follows.
func TestCancelGrantRound(t *testing.T) {
	cancel := &ledger.CancelGrantRound{Round: "gifts", Why: "并入下一轮"}
	for name, make := range map[string]func(*testing.T) *lt.Books{"open": opened, "notice": noticed} {
		t.Run(name, func(t *testing.T) {
			b := make(t)
			b.Refuse("2021-01-12", lt.Approver, &ledger.CancelGrantRound{Round: "gifts"}, ledger.FieldInvalid)
			b.Refuse("2021-01-12", lt.Approver, &ledger.CancelGrantRound{Round: "gifts", Why: "电话 13800000000"}, ledger.TextInvalid)
			b.Do("2021-01-12", lt.Approver, cancel)
			b.Refuse("2021-01-12", lt.Approver, cancel, ledger.RoundState, "state=cancelled")
			b.Refuse("2021-01-12", lt.Treasurer, &ledger.AddApplicants{Round: "gifts", Members: []uint32{9}, Amounts: []ledger.Fen{1}}, ledger.RoundState)
			b.Refuse("2021-01-21", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-21")}, ledger.RoundState)
			refold(t, b)
		})
	}
	awarded(t).Refuse("2021-01-21", lt.Approver, cancel, ledger.RoundState, "state=awarded")

	b := lt.Demo(t, "2020-12-20")
	b.Resolve("2021-01-03", "relief", eventv1.Matter_MATTER_PAYMENT, "representatives", "welfare", "1,000.00")
	b.Do("2021-01-04", lt.Treasurer, &ledger.OpenGrantRound{Round: "gifts", Title: "补助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("900.00"), Resolution: "relief"})
	if got := b.State.Remaining("relief"); got != 100_00 {
		t.Errorf("%v of the resolution are free, want 100.00", got)
	}
	b.Do("2021-01-05", lt.Approver, cancel)
	if got := b.State.Remaining("relief"); got != 1000_00 {
		t.Errorf("%v of the resolution are free after the cancellation, want 1,000.00", got)
	}
}

// TestCancelAfterAwardTurnedBack: an award that was turned back holds its budget again, and a cancellation frees it once.
func TestCancelAfterAwardTurnedBack(t *testing.T) {
	b := awarded(t)
	book(t, b, "2021-01-22", reverses("转2021-1"))
	b.Do("2021-01-22", lt.Approver, &ledger.CancelGrantRound{Round: "gifts", Why: "重新评定"})
	expect(t, b, "2021-01-22", "payable/grant", "0.00", "fund/welfare", "9,800.00")
	refold(t, b)
}

// TestCorrectedNotice: a notice is corrected while it runs and afterwards, and never leaves residents less time.
func TestCorrectedNotice(t *testing.T) {
	b := noticed(t)
	for _, c := range []*ledger.PublishGrantNotice{
		notice("2021-01-11", "2021-01-20"), // the same
		notice("2021-01-11", "2021-01-19"), // shorter
		notice("2021-01-13", "2021-01-19"), // shorter
		notice("2021-01-12", "2021-01-25"), // begins in the past
		notice("2021-01-14", "2021-04-15"), // too long
	} {
		b.Refuse("2021-01-13", lt.Treasurer, c, ledger.NoticeInvalid)
	}
	b.Do("2021-01-13", lt.Treasurer, notice("2021-01-13", "2021-01-20"))
	b.Do("2021-01-13", lt.Treasurer, notice("2021-01-13", "2021-01-22"))
	b.Refuse("2021-01-22", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-22")}, ledger.NoticeRunning, "notice_to=2021-01-22")
	b.Refuse("2021-01-25", lt.Treasurer, notice("2021-01-13", "2021-01-24"), ledger.NoticeInvalid) // over before it is published
	b.Do("2021-01-25", lt.Treasurer, notice("2021-01-25", "2021-01-26"))
	if got := b.State.RoundState("gifts"); got != "notice" {
		t.Errorf("the round is %s, want notice", got)
	}
	b.Do("2021-01-27", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-27")})
	refold(t, b)
}

// TestObjections: an objection is recorded during the notice, answered by somebody else, and one found right strikes its
// applicant; the award pays the rest.
func TestObjections(t *testing.T) {
	raise := func(member uint32) *ledger.RaiseObjection {
		return &ledger.RaiseObjection{Round: "gifts", Member: member, Text: "不符合条件"}
	}
	answer := func(number uint32, upheld bool) *ledger.AnswerObjection {
		return &ledger.AnswerObjection{Round: "gifts", Number: number, Upheld: upheld, Text: "已核实"}
	}
	award := &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-21")}
	b := noticed(t)
	b.Refuse("2021-01-12", lt.Supervisor, raise(3), ledger.ApplicantUnknown, "member=3")
	b.Refuse("2021-01-12", lt.Supervisor, &ledger.RaiseObjection{Round: "gifts"}, ledger.FieldInvalid)
	b.Refuse("2021-01-12", lt.Approver, raise(1), ledger.RoleMissing)
	b.Do("2021-01-20", lt.Supervisor, raise(1))
	b.Do("2021-01-20", lt.Treasurer, raise(2))
	b.Refuse("2021-01-21", lt.Supervisor, raise(1), ledger.NoticeOver, "notice_to=2021-01-20")
	b.Refuse("2021-01-21", lt.Approver, award, ledger.ObjectionOpen, "objection=1")
	b.Do("2021-01-21", lt.Approver, answer(1, true))
	b.Refuse("2021-01-21", lt.Approver, answer(1, false), ledger.AlreadyDone)
	b.Refuse("2021-01-21", lt.Approver, award, ledger.ObjectionOpen, "objection=2")
	b.Do("2021-01-21", lt.Approver, answer(2, false))
	if got := lt.Refs(b.Do("2021-01-21", lt.Approver, award)); got != "转2021-1" {
		t.Fatalf("the award books %s", got)
	}
	expect(t, b, "2021-01-21", "payable/grant", "70.00", "fund/welfare", "9,730.00")
	b.Refuse("2021-01-21", lt.Treasurer, payGrant(1, "2021-01-21"), ledger.GrantNotOwed)
	b.Do("2021-01-21", lt.Treasurer, payGrant(2, "2021-01-21"))
	refold(t, b)

	t.Run("turned back award keeps who was struck", func(t *testing.T) {
		b := noticed(t)
		b.Do("2021-01-20", lt.Supervisor, raise(1))
		b.Do("2021-01-20", lt.Approver, answer(1, true))
		b.Do("2021-01-21", lt.Approver, award)
		book(t, b, "2021-01-22", reverses("转2021-1"))
		b.Do("2021-01-22", lt.Approver, award)
		expect(t, b, "2021-01-22", "payable/grant", "70.00")
		refold(t, b)
	})
	t.Run("nobody left", func(t *testing.T) {
		b := noticed(t)
		for n := uint32(1); n <= 2; n++ {
			b.Do("2021-01-20", lt.Supervisor, raise(n))
			b.Do("2021-01-20", lt.Approver, answer(n, true))
		}
		b.Refuse("2021-01-20", lt.Supervisor, raise(1), ledger.ApplicantUnknown)
		b.Refuse("2021-01-20", lt.Treasurer, notice("2021-01-20", "2021-01-25"), ledger.RoundEmpty)
		b.Refuse("2021-01-21", lt.Approver, award, ledger.RoundEmpty)
		b.Do("2021-01-21", lt.Approver, &ledger.CancelGrantRound{Round: "gifts", Why: "无人符合条件"})
		refold(t, b)
	})
	t.Run("the whole round", func(t *testing.T) {
		b := noticed(t)
		b.Do("2021-01-20", lt.Treasurer, raise(0))
		b.Do("2021-01-20", lt.Supervisor, raise(1))
		b.Do("2021-01-20", lt.Approver, answer(1, true))
		if got := b.State.RoundState("gifts"); got != "open" {
			t.Errorf("the round is %s, want open", got)
		}
		b.Refuse("2021-01-20", lt.Treasurer, notice("2021-01-20", "2021-01-25"), ledger.ReviewNeeded)
		b.Do("2021-01-20", lt.Treasurer, &ledger.RemoveApplicants{Round: "gifts", Members: []uint32{1}})
		b.Do("2021-01-20", lt.Supervisor, &ledger.ReviewGrantRound{Round: "gifts"})
		b.Do("2021-01-20", lt.Treasurer, notice("2021-01-20", "2021-01-25"))
		late := &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-26")}
		b.Refuse("2021-01-26", lt.Approver, late, ledger.ObjectionOpen, "objection=2")
		b.Do("2021-01-26", lt.Approver, answer(2, true)) // she has left already
		b.Do("2021-01-26", lt.Approver, late)
		expect(t, b, "2021-01-26", "payable/grant", "70.00")
		refold(t, b)
	})
	t.Run("one person one duty", func(t *testing.T) {
		b := noticed(t)
		b.Do("2021-01-12", lt.Supervisor, raise(1))
		b.Do("2021-01-12", lt.Admin, &ledger.GrantRole{Operator: "second", Role: eventv1.Role_ROLE_SUPERVISOR})
		b.Do("2021-01-12", "second", raise(2))
		swap(b, "2021-01-13", "second", eventv1.Role_ROLE_SUPERVISOR, eventv1.Role_ROLE_APPROVER)
		b.Refuse("2021-01-13", "second", answer(2, true), ledger.OwnRequest)
		b.Do("2021-01-13", "second", answer(1, false))
		swap(b, "2021-01-14", lt.Supervisor, eventv1.Role_ROLE_SUPERVISOR, eventv1.Role_ROLE_APPROVER)
		b.Refuse("2021-01-14", lt.Supervisor, answer(2, true), ledger.OwnRequest)
	})
}

// TestReturnedGrant: what the bank sends back is owed again, is paid again or given up, and its vouchers are turned back from
// the newest on.
func TestReturnedGrant(t *testing.T) {
	b := awarded(t)
	b.Do("2021-01-22", lt.Treasurer, payGrant(1, "2021-01-22")) // 付2021-1
	b.Refuse("2021-01-25", lt.Treasurer, grantReturned(2, "2021-01-25"), ledger.GrantNotPaid, "member=2")
	b.Refuse("2021-01-25", lt.Treasurer, grantReturned(1, "2021-01-21"), ledger.DateBeforeOriginal, "original=2021-01-22")
	if got := lt.Refs(b.Do("2021-01-25", lt.Treasurer, grantReturned(1, "2021-01-24"))); got != "收2021-1" {
		t.Fatalf("the return books %s, want 收2021-1", got)
	}
	expect(t, b, "2021-01-23", "payable/grant", "70.00", "money/bank", "97,950.00")
	expect(t, b, "2021-01-24", "payable/grant", "120.00", "money/bank", "98,000.00")
	b.Refuse("2021-01-25", lt.Treasurer, grantReturned(1, "2021-01-25"), ledger.GrantNotPaid)
	r := b.Refuse("2021-01-25", lt.Treasurer, reverses("付2021-1"), ledger.VoucherNotReversible)
	if !strings.Contains(r.English(), "收2021-1 rests on it") {
		t.Errorf("refused as %v", r)
	}
	b.Refuse("2021-01-25", lt.Treasurer, reverses("转2021-1"), ledger.VoucherNotReversible)
	b.Refuse("2021-01-25", lt.Treasurer, payGrant(1, "2021-01-23"), ledger.DateBeforeOriginal, "voucher=收2021-1")

	t.Run("turned back, it is paid again", func(t *testing.T) {
		b := again(t, b)
		book(t, b, "2021-01-26", reverses("收2021-1"))
		expect(t, b, "2021-01-26", "payable/grant", "70.00", "money/bank", "97,950.00")
		b.Refuse("2021-01-26", lt.Treasurer, payGrant(1, "2021-01-26"), ledger.GrantNotOwed)
		book(t, b, "2021-01-27", reverses("付2021-1"))
		expect(t, b, "2021-01-27", "payable/grant", "120.00", "money/bank", "98,000.00")
		b.Do("2021-01-27", lt.Treasurer, payGrant(1, "2021-01-27"))
		refold(t, b)
	})
	t.Run("paid once more", func(t *testing.T) {
		b := again(t, b)
		b.Do("2021-01-26", lt.Treasurer, payGrant(1, "2021-01-26")) // 付2021-2
		b.Refuse("2021-01-27", lt.Treasurer, reverses("收2021-1"), ledger.VoucherNotReversible)
		book(t, b, "2021-01-27", reverses("付2021-2"))
		b.Do("2021-01-28", lt.Approver, &ledger.CancelGrant{Round: "gifts", Member: 1, On: lt.Day("2021-01-28")})
		expect(t, b, "2021-01-28", "payable/grant", "70.00", "fund/welfare", "9,730.00", "money/bank", "98,000.00")
		b.Refuse("2021-01-28", lt.Treasurer, reverses("收2021-1"), ledger.VoucherNotReversible)
		refold(t, b)
	})
	t.Run("in a closed month", func(t *testing.T) {
		b := again(t, b)
		for m := ledger.Month(202003); m <= 202101; m = m.Next() {
			b.Do("2021-02-01", lt.Treasurer, &ledger.ClosePeriod{Month: m})
		}
		b.Do("2021-02-01", lt.Treasurer, payGrant(2, "2021-02-01"))
		b.Refuse("2021-02-02", lt.Treasurer, grantReturned(2, "2021-01-31"), ledger.PeriodClosed, "first_open=2021-02-01")
		b.Do("2021-02-02", lt.Treasurer, grantReturned(2, "2021-02-01"))
		refold(t, b)
	})
}

// again is a copy of books, so that cases can go on from the same point.
func again(t *testing.T, b *lt.Books) *lt.Books {
	fresh := lt.New(t)
	fresh.Continue(b)
	return fresh
}

// roundKinds adds commands about rounds and reviews to those that are drawn, and gives how often each comes.
func (v *village) roundKinds(rt *rapid.T, kinds map[string]func() (string, ledger.Command), round *func() string, day func() ledger.Day, money func() string, voucher func() ledger.VoucherRef) []string {
	member := func() uint32 { return uint32(1 + evenly(rt, "member", 6)) }
	yes := func() bool { return evenly(rt, "yes", 2) == 1 }
	kinds["remove"] = func() (string, ledger.Command) {
		return lt.Treasurer, &ledger.RemoveApplicants{Round: (*round)(), Members: []uint32{member()}}
	}
	kinds["give up"] = func() (string, ledger.Command) {
		return lt.Approver, &ledger.CancelGrantRound{Round: (*round)(), Why: "不办"}
	}
	kinds["object"] = func() (string, ledger.Command) {
		c := &ledger.RaiseObjection{Round: (*round)(), Text: "异议"}
		if evenly(rt, "about one", 3) > 0 {
			c.Member = member()
		}
		return lt.Supervisor, c
	}
	kinds["answer"] = func() (string, ledger.Command) {
		return lt.Approver, &ledger.AnswerObjection{Round: (*round)(), Number: uint32(1 + evenly(rt, "objection", 3)), Upheld: yes(), Text: "答复"}
	}
	kinds["back"] = func() (string, ledger.Command) {
		return lt.Treasurer, &ledger.RecordReturnedGrant{Round: (*round)(), Member: member(), On: day(), Money: money()}
	}
	kinds["judge"] = func() (string, ledger.Command) {
		c := &ledger.ReviewPeriod{Month: v.State.ClosedThrough(), Verdict: eventv1.Verdict(1 + evenly(rt, "verdict", 3)), Remark: "审查"}
		if yes() {
			c.Items = []ledger.ReviewItem{{Voucher: voucher(), Verdict: eventv1.Verdict(1 + evenly(rt, "verdict", 3)), Remark: "缺单据"}}
		}
		return lt.Supervisor, c
	}
	return []string{"remove", "give up", "object", "object", "answer", "answer", "back", "back", "judge"}
}
