package rpc_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

var figure = regexp.MustCompile(`\{(\w+)\}`)

// figures are the names in braces in a sentence, sorted.
func figures(sentence string) []string {
	var names []string
	for _, m := range figure.FindAllStringSubmatch(sentence, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestEveryReasonIsComplete: a code that is not unknown, and two sentences about the same figures that leave no brace.
func TestEveryReasonIsComplete(t *testing.T) {
	for _, row := range rpc.ReasonTable() {
		if row.Code == 0 || row.Code == connect.CodeUnknown {
			t.Errorf("%s has no code", row.Reason)
		}
		zh, en := figures(row.Chinese), figures(row.English)
		if !slices.Equal(zh, en) {
			t.Errorf("%s: figures %v in Chinese, %v in English", row.Reason, zh, en)
		}
		refusal := &ledger.Refusal{Reason: row.Reason, Field: "FIELD"}
		for _, name := range zh {
			if name != "field" {
				refusal.Figures = append(refusal.Figures, ledger.Figure{Name: name, Value: "VALUE{" + name + "}"})
			}
		}
		m := rpc.RefusalMessage(refusal)
		for _, s := range []string{m.SentenceZh, m.SentenceEn} {
			rest := strings.NewReplacer("VALUE{", "").Replace(s)
			if strings.Count(s, "VALUE{") != len(refusal.Figures) && !repeats(row.Chinese) || strings.Contains(rest, "{") || s == "" {
				t.Errorf("%s does not fill its figures: %s", row.Reason, s)
			}
		}
	}
	for category := ledger.Invalid; category <= ledger.Stale; category++ {
		if !slices.ContainsFunc(rpc.ReasonTable(), func(r rpc.ReasonRow) bool { return ledger.Reasons[r.Reason].Category == category }) {
			t.Errorf("no reason of category %d", category)
		}
	}
}

func repeats(sentence string) bool {
	return len(figure.FindAllString(sentence, -1)) != len(figures(sentence))
}

// TestBadInputIsRefusedByName sends what people and programs get wrong, and looks at code, reason and field of the refusal,
// over HTTP and as a line of a batch: they are the same.
func TestBadInputIsRefusedByName(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	version := func() uint64 {
		n, err := v.store.Version(t.Context(), ledger.StreamOf("lmb"))
		fatalIf(t, err)
		return n
	}
	before := version()
	type wrong struct {
		field string
		value any
		code  string
		want  ledger.Reason
		at    string
	}
	cases := []wrong{
		{"collectiveId", "lm\u202eb", "invalid_argument", ledger.IDInvalid, "collective_id"},
		{"collectiveId", "nowhere", "not_found", ledger.CollectiveUnknown, "collective_id"},
		{"narration", "left\u202eright", "invalid_argument", ledger.TextInvalid, "narration"},
		{"narration", "bell\u0007", "invalid_argument", ledger.TextInvalid, "narration"},
		{"narration", strings.Repeat("字", 201), "invalid_argument", ledger.FieldInvalid, "narration"},
		{"narration", 7, "invalid_argument", ledger.FieldInvalid, "narration"},
		{"narration", []string{"a"}, "invalid_argument", ledger.FieldInvalid, "narration"},
		{"payer", "小王", "invalid_argument", ledger.PartyInvalid, "payer"},
		{"payer", strings.Repeat("p", 129), "invalid_argument", ledger.PartyInvalid, "payer"},
		{"moneyAccount", "safe", "not_found", ledger.MoneyAccountUnknown, "money_account"},
		{"occurredOn", "2021-10-01", "failed_precondition", ledger.DateInFuture, "occurred_on"},
		{"occurredOn", "2021-06-30", "failed_precondition", ledger.DateBeforeFirst, "occurred_on"},
		{"expectedVersion", "3", "aborted", ledger.VersionStale, "expected_version"},
		{"expectedVersion", "-3", "invalid_argument", ledger.FieldInvalid, "expected_version"},
		{"documents", []any{map[string]any{"kind": "napkin", "issuer": "a", "number": "1"}}, "invalid_argument", ledger.FieldInvalid, "documents[0].kind"},
		{"documents", []any{map[string]any{"kind": "receipt", "issuer": "a", "number": "1", "total": "1"}}, "invalid_argument", ledger.AmountInvalid, "documents.total"},
		{"amout", "1.00", "invalid_argument", "field_unknown", "amout"},
		{"documents", "paper", "invalid_argument", "request_malformed", ""},
		{"commandId", "1", "invalid_argument", ledger.FieldInvalid, "command_id"},
		{"commandId", "00000000-0000-0000-0000-000000000000", "invalid_argument", ledger.FieldInvalid, "command_id"},
	}
	for _, amount := range []string{"12345.332", "1e5", "-1", "0", "1", "+1.00", "01.00", "1,000.00", "１２.００", "١٢.٠٠", "NaN", "Infinity", " 1.00", "1.00 ", "", "0x1.00", strings.Repeat("9", 50)} {
		cases = append(cases, wrong{"amount", amount, "invalid_argument", ledger.AmountInvalid, "amount"})
	}
	for _, amount := range []string{"0.00", "-1.00", "-0.01"} {
		cases = append(cases, wrong{"amount", amount, "invalid_argument", ledger.AmountNotPositive, "amount"})
	}
	for _, amount := range []string{"10000000000000.01", "10000000000000000.00", "99999999999999999999999999999999.99"} {
		cases = append(cases, wrong{"amount", amount, "invalid_argument", ledger.AmountTooLarge, "amount"})
	}
	for _, day := range []string{"1900-02-29", "2022-13-01", "2021-02-30", "2021-9-1", "21-09-10", "2021/09/10", "", "２０２１-09-10", "2021-09-10T00:00:00Z", "0000-00-00"} {
		cases = append(cases, wrong{"occurredOn", day, "invalid_argument", ledger.DateInvalid, "occurred_on"})
	}
	for _, slug := range []string{"", "R", "Rent", "rent ", "../rent", "rent/..", "rent%2f", "租金", "rent\u200b", "rent\x00", "-rent", strings.Repeat("a", 41)} {
		cases = append(cases, wrong{"kind", slug, "invalid_argument", ledger.IDInvalid, "kind"})
	}
	for _, c := range cases {
		body := map[string]any{}
		fatalIf(t, json.Unmarshal([]byte(jsonOf(t, income("1.00"))), &body))
		body[c.field] = c.value
		text, err := json.Marshal(body)
		fatalIf(t, err)
		what := fmt.Sprintf("%s = %.40q", c.field, fmt.Sprint(c.value))
		reply := v.post("treasurer", books+"RecordIncome", string(text))
		v.checkRefusal(what, reply, c.code, c.want, c.at)
		line := v.must("treasurer", &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{{Method: "RecordIncome", RequestJson: string(text)}}}).(*apiv1.ApplyResponse).Results[0]
		if line.Code != c.code || ledger.Reason(line.Refusal.GetReason()) != c.want || line.Refusal.GetField() != c.at || line.Message == "" || line.ResponseJson != "" {
			t.Errorf("%s in a batch: %v", what, line)
		}
	}
	if after := version(); after != before {
		t.Errorf("%d events of bad input were stored", after-before)
	}
}

// checkRefusal holds a refusal over HTTP against what is expected: code, reason, field, and sentences without a brace or a
// character that steers the direction of text.
func (v *village) checkRefusal(what string, r reply, code string, want ledger.Reason, field string) {
	v.t.Helper()
	var failure struct {
		Code, Message string
		Details       []struct {
			Debug struct{ Reason, Field, SentenceZh, SentenceEn string }
		}
	}
	if err := json.Unmarshal([]byte(r.body), &failure); err != nil || len(failure.Details) != 1 {
		v.t.Errorf("%s: %d %s", what, r.status, r.body)
		return
	}
	d := failure.Details[0].Debug
	if failure.Code != code || ledger.Reason(d.Reason) != want || d.Field != field {
		v.t.Errorf("%s: %s %s at %q, want %s %s at %q: %s", what, failure.Code, d.Reason, d.Field, code, want, field, failure.Message)
	}
	if failure.Message != d.SentenceZh+" / "+d.SentenceEn || strings.ContainsAny(failure.Message, "{}\u202e\u0007\x00\u200b") {
		v.t.Errorf("%s: message %q", what, failure.Message)
	}
}

// TestMalformedBodies sends what is no request at all.
func TestMalformedBodies(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	for _, c := range []struct {
		what, path, body, code string
		want                   ledger.Reason
		field                  string
	}{
		{"nothing", books + "RecordIncome", "", "invalid_argument", "request_malformed", ""},
		{"half a text", books + "RecordIncome", `{"amount":"1`, "invalid_argument", "request_malformed", ""},
		{"a list", books + "RecordIncome", `[]`, "invalid_argument", "request_malformed", ""},
		{"two values", books + "RecordIncome", `{}[]`, "invalid_argument", "request_malformed", ""},
		{"a field twice", books + "RecordIncome", `{"amount":"1.00","amount":"2.00"}`, "invalid_argument", "request_malformed", ""},
		{"bytes that are no text", books + "RecordIncome", "{\"amount\":\"\xff\"}", "invalid_argument", "request_malformed", ""},
		{"an unknown field inside", books + "RecordIncome", `{"documents":[{"kin":"x"}]}`, "invalid_argument", "field_unknown", "kin"},
		{"10 MB of text", books + "RecordIncome", `{"narration":"` + strings.Repeat("a", 10<<20) + `"}`, "resource_exhausted", "request_too_large", ""},
		{"an unknown method", books + "RecordIncom", `{}`, "unimplemented", "method_unknown", "method"},
		{"an empty batch", books + "Apply", `{}`, "invalid_argument", ledger.FieldInvalid, "lines"},
		{"a batch of 5,001 lines", books + "Apply", `{"lines":[` + strings.Repeat(`{"method":"RecordIncome"},`, 5000) + `{"method":"RecordIncome"}]}`, "invalid_argument", ledger.FieldInvalid, "lines"},
		{"a role that is none", "/mingzhang.api.v1.RegistryService/GrantRole", `{"commandId":"` + id() + `","collectiveId":"lmb","operator":"board","role":"ROLE_KING"}`, "invalid_argument", ledger.FieldInvalid, "role"},
		{"a role left out", "/mingzhang.api.v1.RegistryService/GrantRole", `{"commandId":"` + id() + `","collectiveId":"lmb","operator":"board"}`, "invalid_argument", ledger.FieldInvalid, "role"},
		{"a voucher number", books + "RequestReversal", `{"commandId":"` + id() + `","collectiveId":"lmb","vouchers":["付21-1"]}`, "invalid_argument", ledger.VoucherNumberInvalid, "vouchers"},
		{"a short voucher number", books + "RequestReversal", `{"commandId":"` + id() + `","collectiveId":"lmb","vouchers":["P1"]}`, "invalid_argument", ledger.VoucherNumberInvalid, "vouchers[0]"},
		{"a share left out", "/mingzhang.api.v1.GovernanceService/AdoptPolicy", `{"commandId":"` + id() + `","collectiveId":"lmb","effectiveOn":"2021-09-01","incomeKinds":["rent"],"resolutionId":"r1","shares":[{"fund":"reserve"}]}`, "invalid_argument", ledger.ShareInvalid, "shares[0].share"},
		{"a page too long", audit + "ListVouchers", `{"collectiveId":"lmb","pageSize":1001}`, "invalid_argument", ledger.FieldInvalid, "page_size"},
		{"days the wrong way round", audit + "GetTrialBalance", `{"collectiveId":"lmb","from":"2021-09-02","to":"2021-09-01"}`, "invalid_argument", ledger.FieldInvalid, "to"},
		{"no account", audit + "ListVouchers", `{"collectiveId":"lmb","account":"fund/../x"}`, "not_found", ledger.AccountUnknown, "account"},
		{"a slip of the pen", audit + "GetBalances", `{"collectiveId":"lmb","account":"money/bnk"}`, "not_found", ledger.AccountUnknown, "account"},
		{"no voucher", audit + "GetVoucher", `{"collectiveId":"lmb","number":"P2021-99"}`, "not_found", ledger.VoucherUnknown, "number"},
		{"no run", audit + "ListEntitlements", `{"collectiveId":"lmb","runId":"none"}`, "not_found", ledger.RunUnknown, "run_id"},
	} {
		who := "treasurer"
		if strings.Contains(c.path, "RegistryService") {
			who = "chief"
		}
		v.checkRefusal(c.what, v.post(who, c.path, c.body), c.code, c.want, c.field)
	}
	if reply := v.send(http.MethodPost, "treasurer", books+"RecordIncome", strings.NewReader("x"), "Content-Type", "text/plain"); reply.status != 415 {
		t.Errorf("a content type nobody speaks: %d", reply.status)
	}
}

// TestEveryRuleOfTheSchemaHasWords: a rule used in the schema whose breach could not be put in Chinese fails here.
func TestEveryRuleOfTheSchemaHasWords(t *testing.T) {
	known := rpc.ProblemRules()
	seen := map[string]bool{}
	for _, m := range methodDescriptors() {
		rulesOf(m.Input(), seen, map[protoreflect.FullName]bool{})
	}
	for rule := range seen {
		if !slices.Contains(known, rule) {
			t.Errorf("the rule %s has no words", rule)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %v found in the schema", slices.Sorted(maps.Keys(seen)))
	}
}

// TestEnumsOfAPIAndEventsAgree: the conversions between them are by number.
func TestEnumsOfAPIAndEventsAgree(t *testing.T) {
	for _, pair := range enumPairs() {
		for i := range pair.api.Values().Len() {
			value := pair.api.Values().Get(i)
			if stored := pair.event.Values().ByNumber(value.Number()); stored == nil || stored.Name() != value.Name() {
				t.Errorf("%s %d is stored as %v", value.Name(), value.Number(), stored)
			}
		}
	}
}

// TestErrorsOfAccess have their own reasons and sentences.
func TestErrorsOfAccess(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	reply := v.post("chief", "/mingzhang.api.v1.RegistryService/IssueKey", `{"commandId":"`+id()+`","operator":"nobody-else"}`)
	v.checkRefusal("a key for nobody", reply, "not_found", access.OperatorUnknown, "operator")
}
