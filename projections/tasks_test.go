package projections

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// staffed is a village with two of each who check and approve, and a cashier.
func staffed(t *testing.T, through string) *lt.Books {
	b := lt.Demo(t, through)
	for operator, role := range map[string]eventv1.Role{"supervisor-2": eventv1.Role_ROLE_SUPERVISOR, "approver-2": eventv1.Role_ROLE_APPROVER, "cashier": eventv1.Role_ROLE_CASHIER} {
		b.Do(through, "admin", &ledger.GrantRole{Operator: operator, Role: role})
	}
	return b
}

// waitingFor writes the tasks of some kinds on a day, one a line: kind, subject, amount, since, due, method, operators.
func waitingFor(t *testing.T, b *lt.Books, day string, kinds ...string) string {
	t.Helper()
	var s strings.Builder
	for _, task := range fold(t, b.Events).Tasks(lt.Day(day), Moment{}) {
		for _, kind := range kinds {
			if strings.HasPrefix(task.Kind, kind) {
				fmt.Fprintf(&s, "%s %s %v since %v", task.Kind, task.Subject, task.Amount, task.Since)
				if task.DueOn != 0 {
					fmt.Fprint(&s, " due ", task.DueOn)
				}
				fmt.Fprintln(&s, "", task.Method, task.Operators)
			}
		}
	}
	return s.String()
}

// steps carries out commands one after another and says after each what waits.
type taskStep struct {
	date, actor string
	command     ledger.Command
	want        string
}

func walkTasks(t *testing.T, b *lt.Books, kinds []string, steps []taskStep) {
	t.Helper()
	for i, s := range steps {
		if s.command != nil {
			b.Do(s.date, s.actor, s.command)
		}
		if got := waitingFor(t, b, s.date, kinds...); got != strings.TrimLeft(s.want, "\n") {
			t.Fatalf("step %d, %T by %s: what waits is\n%swant\n%s", i+1, s.command, s.actor, got, s.want)
		}
	}
}

// TestTasksOfAPayment: request, review, approval, settlement; whoever took one step is not asked for the next.
func TestTasksOfAPayment(t *testing.T) {
	b := staffed(t, "2022-03-01") // roof-2022 is confirmed
	pay := &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("12,000.00"), Payee: "party/roofer", Narration: "屋顶", Resolution: "roof-2022"}
	n := fmt.Sprint(b.Last() + 1)
	walkTasks(t, b, []string{"request"}, []taskStep{
		{"2022-03-02", "", nil, ""},
		{"2022-03-02", lt.Treasurer, pay, "request_review " + n + " 12000.00 since 2022-03-02 ReviewRequest [supervisor supervisor-2]\n"},
		{"2022-03-03", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last() + 1}, "request_approve " + n + " 12000.00 since 2022-03-03 ApproveRequest [approver approver-2]\n"},
		{"2022-03-04", lt.Approver, &ledger.ApproveRequest{Number: b.Last() + 1}, "request_settle " + n + " 12000.00 since 2022-03-04 SettlePayment [cashier treasurer]\n"},
		{"2022-03-05", "cashier", &ledger.SettlePayment{Number: b.Last() + 1, On: 20220305, Money: "bank"}, ""},
	})
}

// TestTasksSeparateDuties: an approver who became a supervisor does not review, nor settle, what he approved; a request that lapsed is ended.
func TestTasksSeparateDuties(t *testing.T) {
	c := watched()
	grant := func(operator string, role eventv1.Role) {
		c.add(&eventv1.Event{Fact: &eventv1.Event_RoleGranted{RoleGranted: &eventv1.RoleGranted{Operator: operator, Role: role}}})
	}
	grant("approver", eventv1.Role_ROLE_APPROVER)
	grant("approver-2", eventv1.Role_ROLE_APPROVER)
	grant("treasurer", eventv1.Role_ROLE_TREASURER)
	c.on(20210901).request("repair", "", 500_00)
	c.events[len(c.events)-2].GetRequestMade().Approvals = 2
	c.events[len(c.events)-2].GetRequestMade().ExpiresOn = 20210930
	c.add(&eventv1.Event{Fact: &eventv1.Event_RoleRevoked{RoleRevoked: &eventv1.RoleRevoked{Operator: "approver", Role: eventv1.Role_ROLE_APPROVER}}})
	grant("approver", eventv1.Role_ROLE_CASHIER)
	one := func(day ledger.Day) string {
		for _, task := range fold(t, c.events).Tasks(day, Moment{}) {
			if strings.HasPrefix(task.Kind, "request") {
				return fmt.Sprintln(task.Kind, task.Method, task.Operators, task.DueOn)
			}
		}
		return ""
	}
	if got, want := one(20210930), "request_approve ApproveRequest [approver-2] 2021-09-30\n"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if got, want := one(20211001), "request_expire ExpireRequest [approver-2 treasurer] 2021-09-30\n"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	c.actor = "approver-2"
	c.add(&eventv1.Event{Fact: &eventv1.Event_RequestApproved{RequestApproved: &eventv1.RequestApproved{Number: 1}}})
	if got, want := one(20210930), "request_settle SettlePayment [treasurer] 2021-09-30\n"; got != want { // the cashier approved it
		t.Errorf("%s, not %s", got, want)
	}
}

// TestTasksOfADividend: the declaration is the last approval; then files to send and results to record, without who is held.
func TestTasksOfADividend(t *testing.T) {
	b := staffed(t, "2021-07-05")
	b.Do("2021-07-19", lt.Approver, &ledger.HoldPayee{Payee: 17, Kind: eventv1.HoldKind_HOLD_KIND_ESTATE})
	n := b.Last() + 1
	name := fmt.Sprint(n)
	b.Do("2021-07-20", lt.Treasurer, &ledger.RequestDividend{Run: "2021", Fund: "dividend", Pool: lt.Yuan("137,200.00"), RecordDate: 20210720, Resolution: "dividend-2021"})
	walkTasks(t, b, []string{"request", "dividend"}, []taskStep{
		{"2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: n}, "request_settle " + name + " 137200.00 since 2021-07-20 DeclareDividend [approver approver-2]\n"},
		{"2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: n, On: 20210720}, "dividend_send 2021 137131.20 since 2021-07-20 SendDividendFile [cashier treasurer]\n"},
		{"2021-07-21", "cashier", &ledger.SendDividendFile{Run: "2021", Money: "bank"}, `
dividend_send 2021 94453.92 since 2021-07-20 SendDividendFile [cashier treasurer]
dividend_record 2021/1 42677.28 since 2021-07-21 RecordDividendResults [cashier treasurer]
`},
		{"2021-07-22", "cashier", &ledger.RecordDividendResults{Run: "2021", File: 1, On: 20210722, Failed: []uint32{5}}, "dividend_send 2021 94496.64 since 2021-07-22 SendDividendFile [cashier treasurer]\n"},
	})
}

// TestTasksOfAMonth: close, then one review of each supervisor.
func TestTasksOfAMonth(t *testing.T) {
	b := lt.Liminba(t)
	b.Do("2020-05-19", "admin", &ledger.GrantRole{Operator: "supervisor-2", Role: eventv1.Role_ROLE_SUPERVISOR})
	signed := func() *ledger.ReviewPeriod {
		return &ledger.ReviewPeriod{Month: 202003, Verdict: eventv1.Verdict_VERDICT_SIGNED}
	}
	april := "month_close 2020-04 0.00 since 2020-05-01 ClosePeriod [treasurer]\n"
	walkTasks(t, b, []string{"month"}, []taskStep{
		{"2020-05-20", "", nil, "month_close 2020-03 0.00 since 2020-04-01 ClosePeriod [treasurer]\n"},
		{"2020-05-21", lt.Treasurer, &ledger.ClosePeriod{Month: 202003}, april + "month_review 2020-03 0.00 since 2020-05-21 ReviewPeriod [supervisor supervisor-2]\n"},
		{"2020-05-22", lt.Supervisor, signed(), april + "month_review 2020-03 0.00 since 2020-05-21 ReviewPeriod [supervisor-2]\n"},
		{"2020-05-22", "supervisor-2", signed(), april},
	})
	b.Do("2020-05-23", lt.Treasurer, &ledger.ClosePeriod{Month: 202004})
	if got := waitingFor(t, b, "2020-05-31", "month_close"); got != "" {
		t.Errorf("May is not over, and waits to be closed: %s", got)
	}
	if got := waitingFor(t, b, "2020-06-01", "month_close"); got == "" {
		t.Error("May is over, and nobody closes it")
	}
}

// TestTasksOfAGrantRound: review, notice, award after its last day, payment of who is not held; an objection stops the award.
func TestTasksOfAGrantRound(t *testing.T) {
	b := staffed(t, "2020-12-20")
	walkTasks(t, b, []string{"grant", "objection"}, []taskStep{
		{"2021-01-04", lt.Treasurer, &ledger.OpenGrantRound{Round: "relief-9", Title: "救助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("900.00")}, ""},
		{"2021-01-05", lt.Treasurer, &ledger.AddApplicants{Round: "relief-9", Members: []uint32{1, 2}, Amounts: []ledger.Fen{500_00, 300_00}}, "grant_review relief-9 800.00 since 2021-01-05 ReviewGrantRound [supervisor supervisor-2]\n"},
		{"2021-01-06", lt.Supervisor, &ledger.ReviewGrantRound{Round: "relief-9"}, "grant_notice relief-9 800.00 since 2021-01-06 PublishGrantNotice [treasurer]\n"},
		{"2021-01-07", lt.Treasurer, &ledger.PublishGrantNotice{Round: "relief-9", From: 20210107, To: 20210114}, ""},
		{"2021-01-08", "supervisor-2", &ledger.RaiseObjection{Round: "relief-9", Member: 2, Text: "已迁出"}, "objection_answer relief-9/1 0.00 since 2021-01-08 due 2021-01-14 AnswerObjection [approver approver-2]\n"},
		{"2021-01-15", "", nil, "objection_answer relief-9/1 0.00 since 2021-01-08 due 2021-01-14 AnswerObjection [approver approver-2]\n"},
		{"2021-01-15", lt.Approver, &ledger.AnswerObjection{Round: "relief-9", Number: 1, Upheld: true, Text: "属实"}, "grant_award relief-9 500.00 since 2021-01-15 AwardGrants [approver approver-2]\n"},
		{"2021-01-15", lt.Approver, &ledger.AwardGrants{Round: "relief-9", On: 20210115}, "grant_pay relief-9 500.00 since 2021-01-15 PayGrant [cashier treasurer]\n"},
		{"2021-01-16", lt.Approver, &ledger.HoldPayee{Payee: 1, Kind: eventv1.HoldKind_HOLD_KIND_COURT, Benefit: eventv1.Benefit_BENEFIT_GRANT}, ""},
		{"2021-01-17", lt.Approver, &ledger.ReleaseHold{Hold: 1}, "grant_pay relief-9 500.00 since 2021-01-15 PayGrant [cashier treasurer]\n"},
		{"2021-01-18", "cashier", &ledger.PayGrant{Round: "relief-9", Member: 1, On: 20210118, Money: "bank"}, ""},
	})
}

// TestOtherTasks: resolutions, opening balances, flags, erasures and inquiries.
func TestOtherTasks(t *testing.T) {
	b := staffed(t, "2020-12-20")
	record := bytes.Repeat([]byte{7}, 16)
	walkTasks(t, b, []string{"resolution", "erasure", "inquiry"}, []taskStep{
		{"2021-01-04", lt.Approver, lt.Resolution("2021-01-03", "roads", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "900.00"), "resolution_confirm roads 900.00 since 2021-01-04 ConfirmResolution [supervisor supervisor-2]\n"},
		{"2021-01-04", lt.Supervisor, &ledger.ConfirmResolution{ID: "roads"}, ""},
		{"2021-01-05", lt.Treasurer, &ledger.CommitPersonalData{Member: 1, Record: record, Root: bytes.Repeat([]byte{1}, 32)}, ""},
		{"2021-01-05", lt.Supervisor, &ledger.RequestErasure{Kind: eventv1.ErasureKind_ERASURE_KIND_ERASE, Basis: eventv1.ErasureBasis_ERASURE_BASIS_ORDER, Records: [][]byte{record}},
			"erasure_decide 1 0.00 since 2021-01-05 ApproveErasure [approver approver-2 supervisor-2]\n"},
		{"2021-01-06", lt.Approver, &ledger.RejectErasure{Number: 1}, ""},
		{"2021-01-07", "", &ledger.RaiseInquiry{Kind: eventv1.InquiryKind_INQUIRY_KIND_TOPIC, Record: record, Commitment: bytes.Repeat([]byte{1}, 32)},
			"inquiry_read 1 0.00 since 2021-01-07 due 2021-01-17 PublishInquiry [supervisor supervisor-2]\n"},
		{"2021-01-08", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "公开路灯的开支"}, "inquiry_answer 1 0.00 since 2021-01-08 due 2021-01-17 AnswerInquiry [approver approver-2 treasurer]\n"},
		{"2021-01-09", lt.Treasurer, &ledger.AnswerInquiry{Number: 1, Text: "下月公开", Outcome: eventv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT},
			"inquiry_correct 1 0.00 since 2021-01-09 AnswerInquiry [approver approver-2 treasurer]\n"},
		{"2021-02-09", lt.Treasurer, &ledger.AnswerInquiry{Number: 1, Text: "已公开", Outcome: eventv1.InquiryOutcome_INQUIRY_OUTCOME_EXPLAINED}, ""},
	})
}

// TestFlagTask: what the bank took without an authority waits to be ratified while its voucher stands.
func TestFlagTask(t *testing.T) {
	c := watched()
	v := c.spend(20210910, "org/x", 500_00)
	v.Flags = []*eventv1.Flag{{Kind: eventv1.FlagKind_FLAG_KIND_EMERGENCY, AmountFen: 500_00, RatifyBy: 20211010}}
	known := uint64(len(c.events))
	c.reverse(v, 20210912)
	flags := func(m Moment) (list []string) {
		for _, task := range fold(t, c.events).Tasks(20210920, m) {
			if task.Kind == TaskFlagRatify {
				list = append(list, fmt.Sprint(task.Subject, " ", task.Amount, " ", task.Since, " ", task.DueOn, " ", task.Method))
			}
		}
		return list
	}
	if got := fmt.Sprint(flags(Moment{AsKnownAt: known})); got != "[付2021-1 500.00 2021-09-10 2021-10-10 RatifyFlag]" {
		t.Errorf("what waits is %s", got)
	}
	if got := flags(Moment{}); len(got) != 0 {
		t.Errorf("turned back, it still waits: %v", got)
	}
}

// TestOpeningTask: opening balances wait for somebody else than who proposed them.
func TestOpeningTask(t *testing.T) {
	c := watched()
	c.add(&eventv1.Event{Fact: &eventv1.Event_RoleGranted{RoleGranted: &eventv1.RoleGranted{Operator: "supervisor", Role: eventv1.Role_ROLE_SUPERVISOR}}})
	c.on(20210105).add(&eventv1.Event{Fact: &eventv1.Event_OpeningProposed{OpeningProposed: &eventv1.OpeningProposed{OccurredOn: 20201231,
		Lines: []*eventv1.OpeningLine{{Account: "money/bank", AmountFen: 100_00}, {Account: "fund/reserve", AmountFen: -100_00}}}}})
	opening := func(m Moment) string {
		for _, task := range fold(t, c.events).Tasks(20210110, m) {
			if task.Kind == TaskOpeningConfirm {
				return fmt.Sprint(task.Subject, task.Amount, task.Since, task.Operators)
			}
		}
		return ""
	}
	want := "opening 100.00 2021-01-05 [supervisor]"
	if got := opening(Moment{}); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("%s, not %s", got, want)
	}
	known := uint64(len(c.events))
	c.actor = "supervisor"
	c.add(&eventv1.Event{Fact: &eventv1.Event_OpeningConfirmed{OpeningConfirmed: &eventv1.OpeningConfirmed{}}}, voucher(ledger.Transfer, 20201231, "期初", "money/bank", 100_00, "fund/reserve", -100_00))
	if got := opening(Moment{}); got != "" {
		t.Errorf("confirmed, it still waits: %s", got)
	}
	if opening(Moment{AsKnownAt: known}) == "" {
		t.Error("as known before it was confirmed it does not wait")
	}
}
