package rpc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// chineseIn says whether a text has a Chinese character.
func chineseIn(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// speaks holds that a pair of sentences is one in Chinese and one in English, with all of their values.
func speaks(t *testing.T, what, zh, en string) {
	t.Helper()
	plain := strings.NewReplacer("收", "", "付", "", "转", "").Replace(en) // numbers of vouchers are the same in both
	if !chineseIn(zh) || en == "" || chineseIn(plain) || strings.Contains(zh+en, "%!") {
		t.Errorf("%s: %q and %q", what, zh, en)
	}
}

// TestEveryFactHasASentence: a fact that the schema knows has its line in the operation log, in both languages, empty as it may be and with
// every field filled in.
func TestEveryFactHasASentence(t *testing.T) {
	facts := (*eventv1.Event)(nil).ProtoReflect().Descriptor().Oneofs().ByName("fact").Fields()
	seen := map[string]string{}
	for i := range facts.Len() {
		f := facts.Get(i)
		bare, full := new(eventv1.Event), new(eventv1.Event)
		bare.ProtoReflect().Mutable(f)
		fill(full.ProtoReflect().Mutable(f).Message())
		for how, e := range map[string]*eventv1.Event{"bare": bare, "full": full} {
			zh, en := rpc.SummaryOf(e)
			speaks(t, fmt.Sprint(how, " ", f.Name()), zh, en)
			if how == "full" {
				if other := seen[en]; other != "" {
					t.Errorf("%s and %s have one sentence: %s", f.Name(), other, en)
				}
				seen[en] = string(f.Name())
			}
		}
	}
	income := &eventv1.Event{Fact: &eventv1.Event_IncomeRecorded{IncomeRecorded: &eventv1.IncomeRecorded{Kind: "rent"}}, Vouchers: []*eventv1.Voucher{{
		Ref: ledger.VoucherRef{Class: ledger.Receipt, Year: 2020, Number: 1}.Proto(), Postings: []*eventv1.Posting{{AmountFen: 98_000_00}, {AmountFen: -98_000_00}}}}}
	if zh, en := rpc.SummaryOf(income); zh != "登记收入 98,000.00(rent) 收2020-1" || en != "recorded income 98,000.00 (rent) 收2020-1" {
		t.Errorf("%q, %q", zh, en)
	}
	if zh, en := rpc.SummaryOf(new(eventv1.Event)); zh != "" || en != "" {
		t.Errorf("a fact nobody knows: %q, %q", zh, en)
	}
}

// TestChecksHaveWords: every rule in every form, and every kind of task.
func TestChecksHaveWords(t *testing.T) {
	forms := map[string][]string{
		projections.DuplicateDocument: {projections.SameNumber, projections.SameFile, projections.SameBill}, projections.MissingDocument: {projections.NoPaper, projections.NoFile},
		projections.PolicyDrift: {projections.OtherPolicy, projections.OtherShares}, projections.GrantWithoutNotice: {projections.NoNotice, projections.ShortNotice},
		projections.RoundNumbers: {projections.RoundPayee, projections.RoundPurpose, projections.BelowTheLimit},
	}
	seen := map[string]bool{}
	for _, rule := range projections.AnomalyRules {
		speaks(t, rule, rpc.AnomalyRuleWords[rule][0], rpc.AnomalyRuleWords[rule][1])
		for _, form := range append(forms[rule], "")[:max(1, len(forms[rule]))] {
			a := rpc.AnomalyOf(projections.Anomaly{Rule: rule, Form: form, Party: "org/x", Count: 2, Of: 3, Days: 4, Sum: 5_00, Threshold: 6_00, Policy: 7, PolicyDue: 8})
			speaks(t, rule+" "+form, a.SentenceZh, a.SentenceEn)
			if seen[a.SentenceEn] || strings.Contains(a.SentenceEn, "org/x") || len(a.Figures) == 0 || a.Figures[0].Value != "2" {
				t.Errorf("%s %s: %q with %v", rule, form, a.SentenceEn, a.Figures)
			}
			seen[a.SentenceEn] = true
		}
	}
	for kind, words := range rpc.TaskWords() {
		speaks(t, kind, fmt.Sprintf(words[0], "7"), fmt.Sprintf(words[1], "7"))
	}
}

// shop is a payment of 990.00 that is settled at once, with a bill of its own.
func shop(amount, number string) *apiv1.RequestPaymentRequest {
	return &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "maintenance", Purpose: "upkeep", Amount: amount, Payee: "org/五金店", Narration: "买灯",
		MoneyAccount: "bank", OccurredOn: "2021-09-29", Documents: []*apiv1.Document{{Kind: "invoice", Issuer: "shop", Number: number}}}
}

// TestListAnomalies: X5 over the API. Two bills of 990.00 on one day to one payee, below the line of 1,000.00, and what else shows of them;
// as known before the second there is nothing to see.
func TestListAnomalies(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	rent := income("90000.00")
	rent.OccurredOn = "2021-09-29"
	v.must("treasurer", rent)
	v.must("treasurer", shop("990.00", "1"))
	book, err := v.books.Book(t.Context(), "lmb", 0)
	fatalIf(t, err)
	before := book.Version()
	v.must("treasurer", shop("990.00", "2"))
	ask := func(change func(*apiv1.ListAnomaliesRequest)) *apiv1.ListAnomaliesResponse {
		t.Helper()
		r := &apiv1.ListAnomaliesRequest{CollectiveId: "lmb", From: "2021-09-01", To: "2021-09-30"}
		change(r)
		return v.must("supervisor", r).(*apiv1.ListAnomaliesResponse)
	}
	rules := func(a *apiv1.ListAnomaliesResponse) []string {
		return each(a.Anomalies, func(a *apiv1.Anomaly) string { return a.Rule + " " + strings.Join(a.Vouchers, " ") })
	}
	all := ask(func(*apiv1.ListAnomaliesRequest) {})
	want := []string{"split_under_tier 付2021-1 付2021-2", "duplicate_document 付2021-1 付2021-2", "missing_document 收2021-1"}
	if got := rules(all); !slices.Equal(got, want) || len(all.Rules) != len(projections.AnomalyRules) || all.Rules[0].Count != 1 || all.Rules[2].Count != 0 {
		t.Fatalf("found %v of %v", got, all.Rules)
	}
	split := all.Anomalies[0]
	if split.Party != "org/五金店" || split.Fund != "maintenance" || split.Purpose != "upkeep" || split.Day != "2021-09-29" || split.VoucherCount != 2 ||
		!strings.Contains(split.SentenceZh, "每笔低于 1,000.00,合计 1,980.00") || !proto.Equal(split.References[0], &apiv1.ExplainReference{Kind: "spending_rule", Id: "1"}) {
		t.Errorf("the split is %v", split)
	}
	if got := rules(ask(func(r *apiv1.ListAnomaliesRequest) { r.AsKnownAt = fmt.Sprint(before) })); !slices.Equal(got, want[2:]) {
		t.Errorf("as known before the second bill: %v", got)
	}
	if got := rules(ask(func(r *apiv1.ListAnomaliesRequest) { r.Descending = true })); got[0] != want[2] {
		t.Errorf("newest first: %v", got)
	}
	if a := ask(func(r *apiv1.ListAnomaliesRequest) { r.Rules = []string{"late_entry", "split_under_tier"} }); len(a.Rules) != 2 || len(a.Anomalies) != 1 || a.Anomalies[0].Rule != "split_under_tier" {
		t.Errorf("two rules: %v", a)
	}
	if a := ask(func(r *apiv1.ListAnomaliesRequest) { r.From, r.To = "", "" }); a.From != "2021-07-01" || a.To != "2021-09-30" || len(a.Anomalies) != 3 {
		t.Errorf("the last quarter: %s to %s, %d", a.From, a.To, len(a.Anomalies))
	}

	// One a page, with midnight between the pages: the second page is of the first one's period.
	r := &apiv1.ListAnomaliesRequest{CollectiveId: "lmb", PageSize: 1}
	got := walk(v, r, (*apiv1.ListAnomaliesResponse).GetNextPageToken, func(s string) { r.PageToken = s }, rules, func() { v.now = v.now.Add(24 * time.Hour) })
	if !slices.Equal(got, want) {
		t.Errorf("page by page: %v", got)
	}

	for what, c := range map[string]*apiv1.ListAnomaliesRequest{
		"a year and two days": {CollectiveId: "lmb", From: "2020-09-01", To: "2021-09-03"}, "from the future": {CollectiveId: "lmb", From: "2031-09-01"},
		"crossed": {CollectiveId: "lmb", From: "2021-09-02", To: "2021-09-01"}, "an unknown rule": {CollectiveId: "lmb", Rules: []string{"weekend"}},
	} {
		if _, err := v.inProcess("supervisor", c); err == nil {
			t.Errorf("%s is not refused", what)
		}
	}
	v.must("supervisor", &apiv1.ListAnomaliesRequest{CollectiveId: "lmb", From: "2020-09-01", To: "2021-09-02"})
	v.refused("treasurer", &apiv1.ListAnomaliesRequest{CollectiveId: "lmb"}, ledger.RoleMissing)
	v.refused("cashier", &apiv1.ListAnomaliesRequest{CollectiveId: "lmb"}, ledger.RoleMissing)
}

// TestListTasks: each role sees what it may do now, whoever asks for all sees everything, and months wait for signatures that are in no
// book.
func TestListTasks(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("90000.00"))
	later := shop("5000.00", "1")
	later.MoneyAccount, later.OccurredOn = "", ""
	number := v.must("treasurer", later).(*apiv1.RequestPaymentResponse).Receipt.RequestNumber
	mine := func(who string, all bool) []string {
		t.Helper()
		a := v.must(who, &apiv1.ListTasksRequest{CollectiveId: "lmb", All: all}).(*apiv1.ListTasksResponse)
		return each(a.Tasks, func(task *apiv1.Task) string { return task.Kind + " " + task.Subject })
	}
	check := func(who string, want ...string) {
		t.Helper()
		if got := mine(who, false); !slices.Equal(got, want) {
			t.Errorf("%s has to do %v, not %v", who, got, want)
		}
	}
	closing, review := "month_close 2021-07", fmt.Sprint("request_review ", number)
	check("treasurer", closing)
	check("supervisor", review)
	check("approver")
	check("cashier")
	check("auditor")
	if got, want := mine("auditor", true), []string{closing, review}; !slices.Equal(got, want) {
		t.Errorf("everything is %v, not %v", got, want)
	}
	v.must("supervisor", &apiv1.ReviewRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: number})
	check("supervisor")
	check("approver", fmt.Sprint("request_approve ", number))
	v.must("approver", &apiv1.ApproveRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: number})
	check("approver")
	check("cashier", fmt.Sprint("request_settle ", number))
	check("treasurer", closing, fmt.Sprint("request_settle ", number))
	v.must("cashier", &apiv1.SettlePaymentRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: number, OccurredOn: "2021-09-30", MoneyAccount: "bank"})
	check("cashier")

	v.resolve("witnesses", apiv1.Matter_MATTER_CHARTER)
	v.must("approver", &apiv1.AdoptWitnessPolicyRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "witnesses", Groups: []*apiv1.WitnessGroup{committee(1, "first", "second")}})
	v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: "2021-07"})
	check("supervisor", "month_review 2021-07", "month_sign 2021-07")
	a := v.must("supervisor", &apiv1.ListTasksRequest{CollectiveId: "lmb"}).(*apiv1.ListTasksResponse)
	sign := a.Tasks[1]
	if !slices.Equal(sign.Witnesses, []string{"first", "second"}) || sign.Method != "SubmitCosignature" || !slices.Equal(sign.Operators, []string{"supervisor"}) ||
		sign.Since != a.Day || sign.SentenceZh != "2021-07 的签名还不够,待盖五瓣章。" || len(a.Counts) != 2 || a.Counts[1].Kind != "month_sign" || a.Counts[1].Count != 1 {
		t.Errorf("it waits for signatures as %v, counted %v", sign, a.Counts)
	}
	v.must("supervisor", &apiv1.ReviewPeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: "2021-07", Verdict: apiv1.Verdict_VERDICT_SIGNED})
	note := v.seal(&apiv1.GetSealRequest{Month: "2021-07"}).Note
	v.must("", &apiv1.SubmitCosignatureRequest{CollectiveId: "lmb", Note: cosigned(t, note, v.now, "first")})
	check("supervisor")

	// One a page, and a day in between.
	req := &apiv1.ListTasksRequest{CollectiveId: "lmb", All: true, AsKnownAt: fmt.Sprint(a.Version), PageSize: 1}
	kinds := func(a *apiv1.ListTasksResponse) []string {
		return each(a.Tasks, func(task *apiv1.Task) string { return task.Kind })
	}
	want := kinds(v.must("auditor", &apiv1.ListTasksRequest{CollectiveId: "lmb", All: true, AsKnownAt: fmt.Sprint(a.Version)}).(*apiv1.ListTasksResponse))
	got := walk(v, req, (*apiv1.ListTasksResponse).GetNextPageToken, func(s string) { req.PageToken = s }, kinds, func() { v.now = v.now.Add(24 * time.Hour) })
	if !slices.Equal(got, want) || len(want) < 2 {
		t.Errorf("page by page %v, at once %v", got, want)
	}
	v.refused("board", &apiv1.ListTasksRequest{CollectiveId: "lmb"}, ledger.RoleMissing)
}

// TestEventsByContent: the operation log is found by narration, number, amount, id and sentence, whatever the case, and goes on from page to
// page.
func TestEventsByContent(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("90000.00"))
	v.must("treasurer", shop("990.00", "A-17"))
	for range 3 {
		v.must("treasurer", income("12.34"))
	}
	find := func(r *apiv1.ListEventsRequest) []string {
		t.Helper()
		r.CollectiveId = "lmb"
		a := v.must("auditor", r).(*apiv1.ListEventsResponse)
		return each(a.Events, func(e *apiv1.EventHeader) string { return strings.Join(append(e.Vouchers, e.Type), " ") })
	}
	asked, paid, rent := "request_made", "付2021-1 payment_settled", "收2021-1 income_recorded"
	for text, want := range map[string][]string{
		"买灯": {asked, paid}, "a-17": {asked, paid}, "付2021-1": {paid}, "五金店": {asked, paid}, "for UPKEEP": {asked}, "90,000.00": {rent}, "90000.00": {rent}, "登记收入 90,000": {rent},
		"Recorded Income 90": {rent}, "spending-1": {"resolution_recorded", "resolution_confirmed", "spending_rule_adopted"}, "nowhere": {}, "12.34": {"收2021-2 income_recorded", "收2021-3 income_recorded", "收2021-4 income_recorded"},
	} {
		if got := find(&apiv1.ListEventsRequest{Text: text}); !slices.Equal(got, want) {
			t.Errorf("%q finds %q, not %q", text, got, want)
		}
	}
	if got := find(&apiv1.ListEventsRequest{Text: "12.34", Descending: true, Actor: "treasurer", Type: "income_recorded", From: "2021-09-30", To: "2021-09-30"}); !slices.Equal(got, []string{"收2021-4 income_recorded", "收2021-3 income_recorded", "收2021-2 income_recorded"}) {
		t.Errorf("newest first: %q", got)
	}
	if got := find(&apiv1.ListEventsRequest{Text: "12.34", Actor: "approver"}); len(got) != 0 {
		t.Errorf("of somebody else: %q", got)
	}
	for _, descending := range []bool{false, true} {
		r := &apiv1.ListEventsRequest{CollectiveId: "lmb", Text: "12.34", Descending: descending, PageSize: 1}
		got := walk(v, r, (*apiv1.ListEventsResponse).GetNextPageToken, func(s string) { r.PageToken = s }, func(a *apiv1.ListEventsResponse) []string {
			return each(a.Events, func(e *apiv1.EventHeader) string { return e.Vouchers[0] })
		}, func() { v.must("treasurer", income("12.34")) })
		want := []string{"收2021-2", "收2021-3", "收2021-4"}
		if descending {
			want = []string{"收2021-6", "收2021-5", "收2021-4", "收2021-3", "收2021-2"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("page by page, descending %t: %v", descending, got)
		}
	}
	all := v.must("auditor", &apiv1.ListEventsRequest{CollectiveId: "lmb", PageSize: 1000}).(*apiv1.ListEventsResponse)
	for _, e := range all.Events {
		speaks(t, e.Type, e.SummaryZh, strings.NewReplacer("龙门社区", "", "信用社", "", "决议", "").Replace(e.SummaryEn)) // names as they were entered
	}
	if v.must("auditor", &apiv1.ListEventsRequest{CollectiveId: "lmb", AsKnownAt: "3", Text: "12.34"}).(*apiv1.ListEventsResponse).Events != nil {
		t.Error("as known at 3, what came later is found")
	}
}

// TestEventsLookAtSoMany: a page of a search looks at 10,000 events and says where to go on, however rare what is looked for.
func TestEventsLookAtSoMany(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	rare := income("2.00")
	rare.Narration = "Rarely"
	v.must("treasurer", rare)
	for range 22 {
		lines := make([]*apiv1.ApplyLine, 500)
		for i := range lines {
			lines[i] = lineOf(t, "RecordIncome", "", income("1.00"))
		}
		v.apply("treasurer", true, lines...)
	}
	r := &apiv1.ListEventsRequest{CollectiveId: "lmb", Text: "rarely", Descending: true}
	first := v.must("auditor", r).(*apiv1.ListEventsResponse)
	if len(first.Events) != 0 || first.NextPageToken == "" {
		t.Fatalf("the first page has %d events, next %q", len(first.Events), first.NextPageToken)
	}
	r.PageToken = first.NextPageToken
	if second := v.must("auditor", r).(*apiv1.ListEventsResponse); len(second.Events) != 1 || second.NextPageToken != "" {
		t.Errorf("the second has %v", second)
	}
}
