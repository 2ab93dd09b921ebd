package rpc_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// restart replaces the node's server by a new one over the same log, as after a restart: nothing is in memory.
func (v *village) restart() {
	clock := func() time.Time { return v.now }
	from := new(source)
	books := projections.NewLibrary(from)
	from.Service = ledger.NewService(v.store, ledger.Options{Clock: clock, Observer: books})
	v.server = rpc.New(rpc.Config{Ledger: from.Service, Access: v.access, Books: books, Events: v.store, Log: v.store.(rpc.Log), Clock: clock})
}

// walk reads every page of a list and calls between after each but the last.
func walk[R proto.Message](v *village, req proto.Message, token func(R) string, set func(string), items func(R) []string, between func()) []string {
	v.t.Helper()
	var all []string
	for {
		page := v.must("auditor", req).(R)
		all = append(all, items(page)...)
		next := token(page)
		set(next)
		if next == "" {
			return all
		}
		between()
	}
}

// TestListsSurviveWhatHappensBetweenPages: new and late entries and restarts between the pages neither add nor drop nor double
// anything, whatever the filter and the length of the pages; the list stays what it was at its first page.
func TestListsSurviveWhatHappensBetweenPages(t *testing.T) {
	var v *village
	day := 0
	book := func(rt *rapid.T) {
		r := income(fmt.Sprintf("%d.00", rapid.IntRange(1, 40).Draw(rt, "amount")))
		day++
		r.OccurredOn = fmt.Sprintf("2021-%02d-%02d", 7+day%3, 1+day%28) // most of them late
		r.Payer = rapid.SampledFrom([]string{"org/市场", "org/食堂"}).Draw(rt, "payer")
		r.Narration = rapid.SampledFrom([]string{"市场租金", "食堂租金"}).Draw(rt, "narration")
		receipt := v.must("treasurer", r).(*apiv1.RecordIncomeResponse).Receipt
		if rapid.IntRange(0, 4).Draw(rt, "turn back") == 0 {
			v.must("treasurer", &apiv1.RequestReversalRequest{CommandId: id(), CollectiveId: "lmb", Vouchers: []string{receipt.Vouchers[0].Number}, Narration: "录错", OccurredOn: r.OccurredOn})
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		v, day = newVillage(t, eventstore.NewMemory()).open(), 0 // one of its own, so that 1,000 lines are all there is
		for range rapid.IntRange(1, 40).Draw(rt, "before") {
			book(rt)
		}
		between := func() {
			book(rt)
			if rapid.IntRange(0, 2).Draw(rt, "restart") == 0 {
				v.restart()
			}
		}
		req := &apiv1.ListVouchersRequest{
			CollectiveId: "lmb", Descending: rapid.Bool().Draw(rt, "descending"), Party: rapid.SampledFrom([]string{"", "org/食堂"}).Draw(rt, "party"),
			Text: rapid.SampledFrom([]string{"", "市场"}).Draw(rt, "text"), AmountTo: rapid.SampledFrom([]string{"", "20.00"}).Draw(rt, "to"),
			Corrections: rapid.Bool().Draw(rt, "corrections"), AsOf: rapid.SampledFrom([]string{"", "2021-08-20"}).Draw(rt, "as of"), PageSize: 1000,
		}
		numbers := func(a *apiv1.ListVouchersResponse) []string {
			return each(a.Vouchers, func(m *apiv1.Voucher) string { return m.Number })
		}
		want := numbers(v.must("auditor", req).(*apiv1.ListVouchersResponse))
		req.PageSize = uint32(rapid.IntRange(max(1, len(want)/6), max(1, len(want))+1).Draw(rt, "page"))
		got := walk(v, req, (*apiv1.ListVouchersResponse).GetNextPageToken, func(s string) { req.PageToken = s }, numbers, between)
		if !slices.Equal(got, want) {
			rt.Fatalf("%v: %v, want %v", req, got, want)
		}

		explained := &apiv1.ExplainRequest{CollectiveId: "lmb", Subject: &apiv1.ExplainRequest_Account{Account: "fund/welfare"}, Descending: req.Descending, PageSize: 1000}
		balances := func(a *apiv1.ExplainResponse) []string {
			if !a.AddsUp {
				rt.Fatalf("%v does not add up", a.Steps)
			}
			return each(a.Lines, func(l *apiv1.ExplainLine) string { return l.Voucher + " " + l.Balance })
		}
		want = balances(v.must("auditor", explained).(*apiv1.ExplainResponse))
		explained.PageSize = uint32(len(want)/3 + 1)
		got = walk(v, explained, (*apiv1.ExplainResponse).GetNextPageToken, func(s string) { explained.PageToken = s }, balances, between)
		if !slices.Equal(got, want) {
			rt.Fatalf("explained: %v, want %v", got, want)
		}

		since := &apiv1.ListChangesRequest{CollectiveId: "lmb", Since: "12", AsOf: "2021-08-30", PageSize: 1000}
		booked := func(a *apiv1.ListChangesResponse) []string {
			return each(a.Vouchers, func(b *apiv1.BookedVoucher) string { return b.Voucher.Number })
		}
		want = booked(v.must("auditor", since).(*apiv1.ListChangesResponse))
		since.PageSize = uint32(len(want)/3 + 1)
		got = walk(v, since, (*apiv1.ListChangesResponse).GetNextPageToken, func(s string) { since.PageToken = s }, booked, between)
		if !slices.Equal(got, want) {
			rt.Fatalf("changes: %v, want %v", got, want)
		}

		log := &apiv1.ListEventsRequest{CollectiveId: "lmb", Actor: "treasurer", Descending: req.Descending, PageSize: 1000}
		versions := func(a *apiv1.ListEventsResponse) []string {
			return each(a.Events, func(e *apiv1.EventHeader) string { return fmt.Sprint(e.Version) })
		}
		want = versions(v.must("auditor", log).(*apiv1.ListEventsResponse))
		log.PageSize = uint32(len(want)/3 + 1)
		got = walk(v, log, (*apiv1.ListEventsResponse).GetNextPageToken, func(s string) { log.PageToken = s }, versions, between)
		if !slices.Equal(got, want) {
			rt.Fatalf("events: %v, want %v", got, want)
		}
	})
}

func each[T any](list []T, f func(T) string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = f(x)
	}
	return out
}

// TestPageTokensAreSealed: a token with any byte changed is refused, and so is one of another query.
func TestPageTokensAreSealed(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	for range 4 {
		v.must("treasurer", income("10.00"))
	}
	first := &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 2, Party: "org/市场"}
	token := v.must("auditor", first).(*apiv1.ListVouchersResponse).NextPageToken
	content, err := base64.RawURLEncoding.DecodeString(token)
	fatalIf(t, err)
	for i := range content {
		bent := slices.Clone(content)
		bent[i] ^= 1
		req := proto.CloneOf(first)
		req.PageToken = base64.RawURLEncoding.EncodeToString(bent)
		if _, err := v.inProcess("auditor", req); reasonOf(err) != "page_token_invalid" || rpc.RefusalOf(err).GetField() != "page_token" {
			t.Errorf("byte %d bent: %v", i, err)
		}
	}
	for what, change := range map[string]func(*apiv1.ListVouchersRequest){
		"party": func(r *apiv1.ListVouchersRequest) { r.Party = "" }, "text": func(r *apiv1.ListVouchersRequest) { r.Text = "租" },
		"as of": func(r *apiv1.ListVouchersRequest) { r.AsOf = "2021-09-30" }, "known": func(r *apiv1.ListVouchersRequest) { r.AsKnownAt = "10" },
		"amount": func(r *apiv1.ListVouchersRequest) { r.AmountFrom = "1.00" }, "collective": func(r *apiv1.ListVouchersRequest) { r.CollectiveId = "far" },
	} {
		req := proto.CloneOf(first)
		req.PageToken = token
		change(req)
		who := "auditor"
		if req.CollectiveId == "far" {
			who = "neighbour"
		}
		if _, err := v.inProcess(who, req); reasonOf(err) != "page_token_invalid" {
			t.Errorf("another %s: %v", what, err)
		}
	}
	v.restart()
	first.PageToken = token
	if page := v.must("auditor", first).(*apiv1.ListVouchersResponse); len(page.Vouchers) != 2 || page.NextPageToken != "" {
		t.Errorf("after a restart the token gives %v", page)
	}
}

// TestReadsRefuseWhatMakesNoSense of the reads for committees.
func TestReadsRefuseWhatMakesNoSense(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	number := v.must("treasurer", income("98.01")).(*apiv1.RecordIncomeResponse).Receipt.Vouchers[0].Number
	explain := func(change func(*apiv1.ExplainRequest)) *apiv1.ExplainRequest {
		r := &apiv1.ExplainRequest{CollectiveId: "lmb", Subject: &apiv1.ExplainRequest_Account{Account: "fund/welfare"}}
		change(r)
		return r
	}
	for what, c := range map[string]struct {
		req    proto.Message
		reason ledger.Reason
		field  string
	}{
		"nothing to explain": {explain(func(r *apiv1.ExplainRequest) { r.Subject = nil }), ledger.FieldInvalid, "subject"},
		"an empty account":   {explain(func(r *apiv1.ExplainRequest) { r.Subject = &apiv1.ExplainRequest_Account{} }), ledger.AccountUnknown, "account"},
		"no such account":    {explain(func(r *apiv1.ExplainRequest) { r.Subject = &apiv1.ExplainRequest_Account{Account: "fund/x1"} }), ledger.AccountUnknown, "account"},
		"from after as of":   {explain(func(r *apiv1.ExplainRequest) { r.From, r.AsOf = "2021-09-02", "2021-09-01" }), ledger.FieldInvalid, "as_of"},
		"no such voucher":    {explain(func(r *apiv1.ExplainRequest) { r.Subject = &apiv1.ExplainRequest_Voucher{Voucher: "付2021-9"} }), ledger.VoucherUnknown, "voucher"},
		"no voucher number":  {explain(func(r *apiv1.ExplainRequest) { r.Subject = &apiv1.ExplainRequest_Voucher{Voucher: "x"} }), ledger.VoucherNumberInvalid, "voucher"},
		"a voucher not yet": {explain(func(r *apiv1.ExplainRequest) {
			r.AsKnownAt, r.Subject = "10", &apiv1.ExplainRequest_Voucher{Voucher: number}
		}), ledger.VoucherUnknown, "voucher"},
		"no such reason": {explain(func(r *apiv1.ExplainRequest) { r.Subject = &apiv1.ExplainRequest_Refusal{Refusal: "because"} }), ledger.FieldInvalid, "refusal"},
		"no such dividend": {explain(func(r *apiv1.ExplainRequest) {
			r.Subject = &apiv1.ExplainRequest_Dividend{Dividend: &apiv1.ExplainDividend{RunId: "d1"}}
		}), ledger.RunUnknown, "dividend.run_id"},
		"since in the future": {&apiv1.ListChangesRequest{CollectiveId: "lmb", Since: "12", AsKnownAt: "11"}, ledger.FieldInvalid, "since"},
		"since what":          {&apiv1.ListChangesRequest{CollectiveId: "lmb", Since: "lately"}, "as_known_at_invalid", "since"},
		"amounts crossed":     {&apiv1.ListVouchersRequest{CollectiveId: "lmb", AmountFrom: "2.00", AmountTo: "1.00"}, ledger.FieldInvalid, "amount_to"},
		"no amount":           {&apiv1.ListVouchersRequest{CollectiveId: "lmb", AmountFrom: "1e5"}, ledger.AmountInvalid, "amount_from"},
		"no command id":       {&apiv1.ListEventsRequest{CollectiveId: "lmb", CommandId: "x"}, ledger.FieldInvalid, "command_id"},
		"days crossed":        {&apiv1.ListEventsRequest{CollectiveId: "lmb", From: "2021-09-02", To: "2021-09-01"}, ledger.FieldInvalid, "to"},
		"the log as of a day": {&apiv1.ListEventsRequest{CollectiveId: "lmb", AsOf: "2021-09-02"}, ledger.FieldInvalid, "as_of"},
	} {
		if _, err := v.inProcess("auditor", c.req); reasonOf(err) != c.reason || rpc.RefusalOf(err).GetField() != c.field {
			t.Errorf("%s: %v at %q, want %s at %s", what, err, rpc.RefusalOf(err).GetField(), c.reason, c.field)
		}
	}
}

// TestExplainNamesNoParty: a voucher's explanation has its figures, references and sentences in both languages, and no sentence
// says who paid or was paid.
func TestExplainNamesNoParty(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	receipt := v.must("treasurer", income("98.01")).(*apiv1.RecordIncomeResponse).Receipt
	a := v.must("supervisor", &apiv1.ExplainRequest{CollectiveId: "lmb", Subject: &apiv1.ExplainRequest_Voucher{Voucher: receipt.Vouchers[0].Number}}).(*apiv1.ExplainResponse)
	if !a.AddsUp || a.Version != receipt.Version {
		t.Errorf("adds up %v at %d", a.AddsUp, a.Version)
	}
	steps := map[string]*apiv1.ExplainStep{}
	var parts []string
	for _, step := range a.Steps {
		if step.SentenceZh == "" || step.SentenceEn == "" || strings.Contains(step.SentenceZh+step.SentenceEn, "org/") {
			t.Errorf("step %v", step)
		}
		steps[step.Kind] = step
		if step.Kind == "part" {
			parts = append(parts, figureOf(step, "exact")+" "+figureOf(step, "part")+" "+figureOf(step, "odd_fen"))
		}
	}
	if want := []string{"68.607 68.61 1", "9.801 9.80 0", "9.801 9.80 0", "9.801 9.80 0"}; !slices.Equal(parts, want) {
		t.Errorf("parts %v, want %v", parts, want)
	}
	head := v.must("auditor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse)
	if tree := steps["tree"]; figureOf(tree, "root") != head.Root || figureOf(tree, "size") != fmt.Sprint(head.Size) || figureOf(tree, "leaf_index") != fmt.Sprint(receipt.Version-1) || len(figureOf(tree, "leaf_hash")) != 64 {
		t.Errorf("tree %v, head %v", tree, head)
	}
	if event := steps["event"]; event.References[2].Id != receipt.CommandId || figureOf(event, "type") != "income_recorded" {
		t.Errorf("event %v", event)
	}
	if document := steps["document"]; figureOf(document, "issuer") != "market" {
		t.Errorf("document %v", document)
	}
}

func figureOf(step *apiv1.ExplainStep, name string) string {
	for _, f := range step.GetFigures() {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func TestRolesAreListedWithTheirHistory(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	v.now = v.now.AddDate(0, 0, 1)
	v.must("chief", &apiv1.RevokeRoleRequest{CommandId: id(), CollectiveId: "lmb", Operator: "cashier", Role: apiv1.Role_ROLE_CASHIER})
	list := func(r *apiv1.ListRolesRequest) []string {
		r.CollectiveId = "lmb"
		answer := v.must("chief", r).(*apiv1.ListRolesResponse)
		return each(answer.Roles, func(h *apiv1.RoleHolding) string {
			return h.Operator + " by " + h.GrantedBy + " gone by " + h.RevokedBy
		})
	}
	now, ever, yesterday := list(&apiv1.ListRolesRequest{}), list(&apiv1.ListRolesRequest{Past: true}), list(&apiv1.ListRolesRequest{AsOf: "2021-09-30"})
	if len(now) != 7 || len(ever) != 8 || len(yesterday) != 8 || now[0] != "chief by chief gone by " || !slices.Contains(ever, "cashier by chief gone by chief") ||
		!slices.Contains(yesterday, "cashier by chief gone by ") || slices.Contains(now, "cashier by chief gone by ") {
		t.Errorf("now %v\never %v\nyesterday %v", now, ever, yesterday)
	}
}
