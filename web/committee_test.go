package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/mingzhang-ledger/mingzhang/access"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// committeePaths are the pages of the desk over the demo's books, one of each kind, with the roles that may see each.
var committeePaths = []struct {
	path, roles string // by their first letters: treasurer, approver, supervisor, cashier, u: auditor, board, x: no role
}{
	{"committee/", "tascu"}, {"months/", "tascubx"}, {"months/2021-09/", "tasu"}, {"months/2021-09/sample/", "tasu"}, {"months/2022-12/", "tasu"},
	{"anomalies/", "asu"}, {"anomalies/2021/", "asu"}, {"anomalies/2021-q3/", "asu"}, {"anomalies/2021-09/", "asu"}, {"inquiries/", "tascubx"},
	{"requests/", "tascu"}, {"requests/4/", "tascu"}, {"vouchers/", "tasu"}, {"vouchers/P2021-18/", "tascu"}, {"vouchers/R2021-1/", "tascu"}, {"balances/", "tasu"},
	{"explain/fund/dividend/", "tasu"}, {"explain/money/bank/", "tasu"}, {"compare/", "tasu"}, {"compare/?day=2021-12-31&a=30&b=100", "tasu"}, {"log/", "tasu"}, {"log/40/", "tasu"},
	{"registers/", "tascubx"}, {"registers/resolutions/", "tascubx"}, {"registers/resolutions/planting-2021/", "tascubx"}, {"registers/grants/", "tasu"},
	{"registers/grants/relief-2021/", "tasu"}, {"registers/dividends/", "tasu"}, {"registers/dividends/dividend-2021/", "tasu"}, {"registers/dividends/dividend-2021/17/", "tasu"},
	{"registers/holds/", "tasu"}, {"registers/gifts/", "tasu"}, {"registers/rules/", "tascubx"}, {"registers/roles/", "tasu"},
}

// give gives a command as an operator, at a time of the demo's clock, and gives its receipt.
func (n *node) command(operator, at string, method string, request proto.Message) *apiv1.Receipt {
	n.t.Helper()
	result := n.try(operator, at, method, request)
	if result.Code != "" {
		n.t.Fatalf("%s: %s", method, result.Message)
	}
	receipt, err := receiptOf(result)
	n.must(err)
	return receipt
}

func (n *node) try(operator, at string, method string, request proto.Message) *apiv1.ApplyResult {
	n.t.Helper()
	m := request.ProtoReflect()
	set := func(name, value string) {
		m.Set(m.Descriptor().Fields().ByTextName(name), protoreflect.ValueOfString(value))
	}
	set("command_id", uuid.NewString())
	set("collective_id", "liminba")
	set("simulated_at", at)
	text, err := protojson.Marshal(request)
	n.must(err)
	answer, err := apiv1connect.NewBooksServiceClient(n.client()).Apply(n.as("admin"), &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{{Method: method, As: operator, RequestJson: string(text)}}})
	n.must(err)
	return answer.Results[0]
}

// version is how many events the demo has.
func (n *node) version() uint64 {
	n.t.Helper()
	answer, err := apiv1connect.NewDisclosureServiceClient(n.client()).GetCollective(n.as("admin"), &apiv1.GetCollectiveRequest{CollectiveId: "liminba"})
	n.must(err)
	return answer.Version
}

// demo is a server with the demo's books and an operator for every role.
func demo(t testing.TB) *node {
	n := newNode(t, nil).play(seeds.Demo()...)
	for operator, role := range map[string]apiv1.Role{"cashier": apiv1.Role_ROLE_CASHIER, "auditor": apiv1.Role_ROLE_AUDITOR, "board": apiv1.Role_ROLE_BOARD, "stranger": 0} {
		_, err := n.access.CreateOperator(context.Background(), access.CreateOperator{Operator: operator, DisplayName: operator}, access.Meta{ID: uuid.New(), Actor: "admin"})
		n.must(err)
		if role != 0 {
			n.command("admin", "2023-01-11T09:00:00+08:00", "GrantRole", &apiv1.GrantRoleRequest{Operator: operator, Role: role})
		}
	}
	return n
}

// TestCommitteePagesByRole: every page is shown to the roles that the API shows its content to, in both languages, and refused to others in words.
func TestCommitteePagesByRole(t *testing.T) {
	n := demo(t)
	for letter, operator := range map[string]string{"t": "treasurer", "a": "approver", "s": "supervisor", "c": "cashier", "u": "auditor", "b": "board", "x": "stranger"} {
		p := n.person(operator)
		for _, page := range committeePaths {
			want := http.StatusForbidden
			if strings.Contains(page.roles, letter) {
				want = http.StatusOK
			}
			for _, language := range []string{"", "/en"} {
				answer, body := p.get(language + "/d/liminba/" + page.path)
				if answer.StatusCode != want {
					t.Errorf("%s at %s%s: %d, want %d: %s", operator, language, page.path, answer.StatusCode, want, textOf(body))
				}
				if strings.Count(body, "<h1") != 1 {
					t.Errorf("%s%s has not one heading of the page", language, page.path)
				}
				if language == "/en" && want == http.StatusOK && !strings.Contains(body, `href="/d/liminba/`+strings.ReplaceAll(page.path, "&", "&amp;")+`"`) {
					t.Errorf("%s does not lead to its page in Chinese", page.path)
				}
			}
		}
	}
	for _, page := range committeePaths {
		if answer, body := n.get("/d/liminba/" + page.path); answer.StatusCode != http.StatusUnauthorized && answer.StatusCode != http.StatusSeeOther && answer.StatusCode != http.StatusFound {
			t.Errorf("without a key %s: %d %s", page.path, answer.StatusCode, textOf(body))
		}
	}
	for _, path := range []string{"requests/999/", "requests/x/", "vouchers/P2099-1/", "log/0/", "log/99999/", "months/2021-13/", "anomalies/2021-q5/", "registers/grants/none/", "registers/resolutions/none/"} {
		answer, body := n.person("supervisor").get("/d/liminba/" + path)
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, answer.StatusCode, textOf(body))
		}
	}
}

// TestParts: an approver sees a voucher and is told which parts are not for him.
func TestPartsThatARoleMayNotSee(t *testing.T) {
	n := demo(t)
	for operator, words := range map[string][]string{"approver": {"逐步的说明：您的岗位看不到", "包含证明：您的岗位看不到"}, "treasurer": {"包含证明：您的岗位看不到"}} {
		_, body := n.person(operator).get("/d/liminba/vouchers/P2021-18/")
		for _, w := range words {
			if !strings.Contains(textOf(body), w) {
				t.Errorf("%s is not told %q: %s", operator, w, textOf(body))
			}
		}
	}
	_, body := n.person("supervisor").get("/d/liminba/vouchers/P2021-18/")
	if strings.Contains(body, "您的岗位看不到") || !strings.Contains(textOf(body), "以上数字互相对得上") || !strings.Contains(body, "planting-2021") {
		t.Errorf("the supervisor reads %s", textOf(body))
	}
}

var hrefPattern = regexp.MustCompile(`href="([^"]*)"`)

// links are the addresses that a page leads to.
func links(page string) []string {
	var all []string
	for _, m := range hrefPattern.FindAllStringSubmatch(page, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

// follow opens the first link of a page whose address holds a text.
func (p *person) follow(page, holds string) string {
	p.t.Helper()
	for _, to := range links(page) {
		if decoded, err := url.QueryUnescape(to); err == nil && strings.Contains(decoded, holds) {
			answer, body := p.get(to)
			if answer.StatusCode != http.StatusOK {
				p.t.Fatalf("%s: %d %s", to, answer.StatusCode, textOf(body))
			}
			return body
		}
	}
	p.t.Fatalf("no link to %s: %s", holds, textOf(page))
	return ""
}

// press follows a link to a form, looks at what it would do, and confirms.
func (p *person) press(page, form string, with map[string]string) {
	p.t.Helper()
	body := p.follow(page, "/form/"+form+"/")
	values := controls(body)
	maps.Copy(values, with)
	path := "/d/liminba/form/" + form + "/"
	answer, preview := p.post(path, "preview", values, nil)
	if answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %s", form, answer.StatusCode, textOf(preview))
	}
	p.confirm(path, preview)
}

// TestPaymentFromTheCommitteesSide: a payment is asked for, and from then on everybody does his part from his list of what waits, one tap
// to the item, one to the form; in the end the voucher explains itself.
func TestPaymentFromTheCommitteesSide(t *testing.T) {
	n := demo(t)
	at := func(clock string) string { return "2023-01-12T" + clock + ":00+08:00" }
	n.command("approver", at("09:00"), "RecordResolution", &apiv1.RecordResolutionRequest{ResolutionId: "press-2023", Title: "添置压机", Body: "representatives", DecidedOn: "2023-01-12", Electorate: 60, Present: 50,
		VotesFor: 45, VotesAgainst: 3, Abstained: 2, MinutesSha256: strings.Repeat("ab", 32), Matter: apiv1.Matter_MATTER_PAYMENT, Fund: "reserve", Purpose: "development", Authority: "3000.00"})
	supervisor, approver, treasurer := n.person("supervisor"), n.person("approver"), n.person("treasurer")

	_, desk := supervisor.get("/d/liminba/")
	item := supervisor.follow(desk, "/registers/resolutions/press-2023/")
	supervisor.press(item, "confirm-resolution", nil)

	asked := n.command("treasurer", at("10:00"), "RequestPayment", &apiv1.RequestPaymentRequest{Fund: "reserve", Purpose: "development", Amount: "2400.00", Payee: "org/锦程电子设备公司", Narration: "压机一台",
		ResolutionId: "press-2023", Documents: []*apiv1.Document{{Kind: "invoice", Issuer: "supplier-5", Number: "2023-0001"}}})
	request := fmt.Sprintf("/d/liminba/requests/%d/", asked.RequestNumber)
	_, desk = approver.get("/d/liminba/committee/")
	if strings.Contains(desk, "压机") {
		t.Errorf("the approver is asked before the review: %s", textOf(desk))
	}
	_, desk = supervisor.get("/d/liminba/committee/")
	item = supervisor.follow(desk, request)
	for _, want := range []string{"2,400.00", "贰仟肆佰元整", "锦程电子设备公司", "公积金", "现有", "添置压机", "3,000.00", "2023-0001", "还没有"} {
		if !strings.Contains(textOf(item), want) {
			t.Errorf("who reviews does not see %q: %s", want, textOf(item))
		}
	}
	if !strings.Contains(item, "/form/reject/") {
		t.Error("who reviews cannot refuse")
	}
	supervisor.press(item, "review", nil)
	if _, item = supervisor.get(request); strings.Contains(item, "/form/review/") {
		t.Error("reviewed, and still asked to review")
	}
	_, desk = approver.get("/d/liminba/committee/")
	approver.press(approver.follow(desk, request), "approve", nil)
	_, desk = treasurer.get("/d/liminba/committee/")
	treasurer.press(treasurer.follow(desk, request), "settle", map[string]string{"occurred_on": "2023-01-12"})

	_, item = supervisor.get(request)
	voucher := textOf(supervisor.follow(item, "/vouchers/付2023-1/"))
	for _, want := range []string{"压机一台", "2,400.00", "贰仟肆佰元整", "supervisor", "approver", "treasurer", "press-2023", "审核", "批准", "2023-0001", "以上数字互相对得上", "包含证明有"} {
		if !strings.Contains(voucher, want) {
			t.Errorf("the voucher does not say %q: %s", want, voucher)
		}
	}
	if _, desk = supervisor.get("/d/liminba/committee/"); strings.Contains(desk, "压机") {
		t.Errorf("it is done and still waits: %s", textOf(desk))
	}
}

// TestMonthReview: a supervisor refuses one voucher of a month, says nothing of the others and signs the month with a remark; everybody reads it
// on the public reads.
func TestMonthReview(t *testing.T) {
	n := demo(t)
	p := n.person("supervisor")
	_, page := p.get("/d/liminba/months/2021-09/?voucher=%E4%BB%982021-18&remark=%E7%BC%BA%E5%8E%9F%E4%BB%B6")
	values := controls(page)
	var row string
	said := 0
	for name, value := range values {
		if value == "付2021-18" {
			row = strings.TrimSuffix(name, "voucher")
		}
		if strings.HasSuffix(name, ".verdict") && value != "" {
			said++
		}
	}
	if row == "" || said != 1 || values[row+"verdict"] != "VERDICT_REMARKED" || values[row+"remark"] != "缺原件" {
		t.Fatalf("what the address asks about is not begun, or more is: %d %v", said, values)
	}
	path := "/d/liminba/form/review-month/"

	// A refusal without a reason is refused beside its line, with everything still there.
	values[row+"verdict"], values[row+"remark"], values["verdict"] = "VERDICT_REFUSED", "", "VERDICT_REMARKED"
	values["remark"] = "其余相符"
	answer, again := p.post(path, "preview", values, nil)
	if answer.StatusCode != http.StatusUnprocessableEntity || controls(again)[row+"verdict"] != "VERDICT_REFUSED" || controls(again)["remark"] != "其余相符" || !strings.Contains(again, `class="wrong"`) {
		t.Fatalf("a refusal without a reason: %d %s", answer.StatusCode, textOf(again))
	}
	values = controls(again)
	values[row+"remark"] = "发票没有原件"
	answer, preview := p.post(path, "preview", values, nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("preview: %d %s", answer.StatusCode, textOf(preview))
	}
	p.confirm(path, preview)

	disclosure := apiv1connect.NewDisclosureServiceClient(n.client())
	reviews, err := disclosure.ListPeriodReviews(t.Context(), &apiv1.ListPeriodReviewsRequest{CollectiveId: "liminba", PageSize: 1000})
	n.must(err)
	for _, m := range reviews.Months {
		if m.Month != "2021-09" {
			continue
		}
		if m.Remarked != 1 || len(m.Reviews) != 1 || m.Reviews[0].Remark != "其余相符" || len(m.Reviews[0].Items) != 1 || m.Reviews[0].Items[0].Voucher != "付2021-18" ||
			m.Reviews[0].Items[0].Verdict != apiv1.Verdict_VERDICT_REFUSED || m.Reviews[0].Items[0].Remark != "发票没有原件" {
			t.Errorf("the review is %v", m)
		}
	}
	line, err := disclosure.GetLine(t.Context(), &apiv1.GetLineRequest{CollectiveId: "liminba", Voucher: "付2021-18"})
	n.must(err)
	if r := line.Voucher.Reviews; len(r) != 1 || r[0].Remark != "发票没有原件" {
		t.Errorf("on the board its line says %v", r)
	}
	_, page = p.get("/d/liminba/months/2021-09/")
	if text := textOf(page); !strings.Contains(text, "发票没有原件") || strings.Contains(page, `name="command_id"`) {
		t.Errorf("afterwards the month says %s", text)
	}
	if _, page = p.get("/d/liminba/months/2021-09/?again=1"); !strings.Contains(page, `name="command_id"`) {
		t.Error("a supervisor cannot change his word")
	}
	if answer, _ := n.person("treasurer").get("/d/liminba/months/2021-09/?again=1"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a treasurer is let at a review: %d", answer.StatusCode)
	}
}

var amountPattern = regexp.MustCompile(`<span class="n[^"]*">([−0-9,.]+)</span>`)

// TestEveryBalanceExplainsItself: each figure of the trial balance leads to a page with the same figure as its total, whose last line has it as the
// running balance; and from there to a voucher: three taps.
func TestEveryBalanceExplainsItself(t *testing.T) {
	n := demo(t)
	p := n.person("supervisor")
	trial, err := apiv1connect.NewAuditServiceClient(n.client()).GetTrialBalance(n.as("supervisor"), &apiv1.GetTrialBalanceRequest{CollectiveId: "liminba", To: "2022-09-30"})
	n.must(err)
	_, page := p.get("/d/liminba/balances/?to=2022-09-30")
	for _, line := range trial.Lines {
		why := p.follow(page, "/explain/"+line.Account+"/")
		figure := strings.TrimPrefix(line.Closing, "-")
		if isZero(figure) {
			figure = "0.00"
		}
		head, rest, _ := strings.Cut(why, `class="equation"`)
		total := amountPattern.FindAllStringSubmatch(head, -1)
		if len(total) != 1 || total[0][1] != grouped(figure) {
			t.Errorf("%s: %v, want %s", line.Account, total, grouped(figure))
		}
		if !strings.Contains(textOf("<main"+rest), "以上数字互相对得上") {
			t.Errorf("%s does not add up: %s", line.Account, textOf(why))
		}
		if _, running, ok := strings.Cut(rest, "<tbody>"); ok {
			if _, running, ok = strings.Cut(running, "<tbody>"); ok {
				if first := amountPattern.FindAllStringSubmatch(running, 2); len(first) < 2 || first[1][1] != grouped(figure) {
					t.Errorf("%s: the newest line ends with %v, want %s", line.Account, first, figure)
				}
			}
			p.follow(why, "/vouchers/")
		}
	}
	if len(trial.Lines) < 6 {
		t.Errorf("only %d accounts were looked at", len(trial.Lines))
	}
}

// TestCompareShowsALateCorrection: what was known before and after a wrong voucher was turned back and booked right, for a day before both.
func TestCompareShowsALateCorrection(t *testing.T) {
	n := demo(t)
	at := func(clock string) string { return "2023-01-12T" + clock + ":00+08:00" }
	n.command("treasurer", at("09:00"), "RecordIncome", &apiv1.RecordIncomeRequest{Kind: "rent", Amount: "360.00", OccurredOn: "2023-01-02", MoneyAccount: "bank", Narration: "摊位租金"})
	before := n.version()
	n.command("treasurer", at("10:00"), "RequestCorrection", &apiv1.RequestCorrectionRequest{Reverses: []string{"收2023-1"}, Narration: "金额记错", OccurredOn: "2023-01-02", Replacements: []*apiv1.Replacement{{
		Corrects: "收2023-1", Order: &apiv1.Replacement_Inflow{Inflow: &apiv1.Inflow{Inflow: apiv1.InflowKind_INFLOW_KIND_INCOME, Kind: "rent", Amount: "630.00", MoneyAccount: "bank", Narration: "摊位租金"}}}}})
	p := n.person("supervisor")
	_, page := p.get(fmt.Sprintf("/d/liminba/compare/?day=2023-01-02&a=%d", before))
	text := textOf(page)
	for _, want := range []string{"收2023-1", "冲销", "收2023-2", "−360.00", "更正", "收2023-3", "630.00", "晚 10 天", "+270.00", "+27.00", "储备金"} {
		if !strings.Contains(text, want) {
			t.Errorf("the comparison does not say %q: %s", want, text)
		}
	}
	if _, page = p.get(fmt.Sprintf("/d/liminba/compare/?day=2023-01-01&a=%d", before)); !strings.Contains(textOf(page), "没有一个余额变了") {
		t.Errorf("a day before it: %s", textOf(page))
	}
	_, page = p.get("/d/liminba/vouchers/R2023-1/")
	for _, want := range []string{"原凭证（已冲销） 收2023-1", "冲销 收2023-2", "更正 收2023-3"} {
		if !strings.Contains(textOf(page), want) {
			t.Errorf("the wrong voucher does not show %q: %s", want, textOf(page))
		}
	}
}

// TestAnomaliesOfASplitBill: two bills of 990.00 on one day, one payee, under the line at 1,000.00 (X5): raised with the rule, its threshold and the figures, with links to both and the way to
// remark on them.
func TestAnomaliesOfASplitBill(t *testing.T) {
	n := demo(t)
	at := func(clock string) string { return "2023-01-12T" + clock + ":00+08:00" }
	n.command("approver", at("09:00"), "RecordResolution", &apiv1.RecordResolutionRequest{ResolutionId: "spending-2023", Title: "支出办法", Body: "household_heads", DecidedOn: "2023-01-12", Electorate: 665, Present: 600,
		VotesFor: 590, VotesAgainst: 5, Abstained: 5, MinutesSha256: strings.Repeat("ab", 32), Matter: apiv1.Matter_MATTER_SPENDING_RULE})
	n.command("supervisor", at("09:10"), "ConfirmResolution", &apiv1.ConfirmResolutionRequest{ResolutionId: "spending-2023"})
	n.command("approver", at("09:20"), "AdoptSpendingRule", &apiv1.AdoptSpendingRuleRequest{ResolutionId: "spending-2023", Tiers: []*apiv1.Tier{
		{Operation: apiv1.Operation_OPERATION_PAYMENT}, {Operation: apiv1.Operation_OPERATION_PAYMENT, From: "1000.00", Approvals: 1, Review: true}}})
	for i := range 2 {
		n.command("treasurer", at(fmt.Sprintf("10:0%d", i)), "RequestPayment", &apiv1.RequestPaymentRequest{Fund: "maintenance", Purpose: "daily_management", Amount: "990.00", Payee: "org/老周五金", Narration: "水管配件",
			OccurredOn: "2023-01-12", MoneyAccount: "bank", Documents: []*apiv1.Document{{Kind: "invoice", Issuer: "laozhou", Number: fmt.Sprint(31 + i)}}})
	}
	p := n.person("supervisor")
	_, page := p.get("/d/liminba/anomalies/2023-01/")
	_, raised, _ := strings.Cut(page, `id="split_under_tier"`)
	raised, _, _ = strings.Cut(raised, "</section>")
	for _, want := range []string{"1,000.00", "1,980.00", "付2023-1", "付2023-2", "老周五金", "/form/ask/"} {
		if !strings.Contains(raised, want) {
			t.Errorf("the rule does not say %q: %s", want, raised)
		}
	}
	p.follow(raised, "/vouchers/付2023-1/")
	if answer, _ := n.person("treasurer").get("/d/liminba/anomalies/2023-01/"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("the treasurer reads what is worth a look: %d", answer.StatusCode)
	}
}

// TestLogOfEverything: by person, by day, by content, and on to the event with its fields, its leaf and its proof.
func TestLogOfEverything(t *testing.T) {
	n := demo(t)
	p := n.person("supervisor")
	_, page := p.get("/d/liminba/log/?actor=approver&from=2021-09-01&to=2021-09-30")
	if text := textOf(page); strings.Count(text, "approver") < 2 || strings.Contains(page, ">treasurer</a>") || !strings.Contains(text, "2021年9月2日") {
		t.Errorf("by person and day: %s", text)
	}
	_, page = p.get("/d/liminba/log/?text=" + url.QueryEscape("绿化栽种"))
	event := p.follow(page, "/d/liminba/log/")
	if !strings.Contains(event, "绿化栽种") {
		event = textOf(event)
		t.Errorf("the newest event with it: %s", event)
	}
	_, event = p.get("/d/liminba/log/40/")
	proof, err := apiv1connect.NewAuditServiceClient(n.client()).ProveInclusion(n.as("supervisor"), &apiv1.ProveInclusionRequest{CollectiveId: "liminba", Version: 40})
	n.must(err)
	for _, want := range []string{"recorded_at", "command_digest", "actor", proof.Leaf, proof.Root} {
		if !strings.Contains(event, want) {
			t.Errorf("event 40 does not show %q: %s", want, textOf(event))
		}
	}
	answer, file := p.get("/d/liminba/log/40/proof.txt")
	if file != proof.Proof || !strings.Contains(answer.Header.Get("Content-Disposition"), "proof-40.txt") {
		t.Errorf("the proof is %q", file)
	}
	for _, p := range []*person{n.person("treasurer"), n.person("approver")} {
		if answer, _ := p.get("/d/liminba/log/40/proof.txt"); answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s got a proof: %d", p.operator, answer.StatusCode)
		}
	}
	if answer, _ := p.get("/d/liminba/log/?text=" + url.QueryEscape(strings.Repeat("长", 300))); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a search that is too long: %d", answer.StatusCode)
	}
}

// TestCommitteePagesEscape: markup in narrations, names, remarks, questions and the address comes out as text.
func TestCommitteePagesEscape(t *testing.T) {
	n := demo(t)
	at := func(clock string) string { return "2023-01-12T" + clock + ":00+08:00" }
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(2)>`
	n.command("treasurer", at("09:00"), "RecordIncome", &apiv1.RecordIncomeRequest{Kind: "rent", Amount: "12.34", OccurredOn: "2023-01-12", MoneyAccount: "bank", Payer: "org/" + evil[:28], Narration: evil,
		Documents: []*apiv1.Document{{Kind: "receipt", Issuer: evil[:28], Number: evil[:28]}}})
	n.command("supervisor", at("10:00"), "ReviewPeriod", &apiv1.ReviewPeriodRequest{Month: "2021-09", Verdict: apiv1.Verdict_VERDICT_REMARKED, Remark: evil, Items: []*apiv1.ReviewItem{{Voucher: "付2021-18", Verdict: apiv1.Verdict_VERDICT_REMARKED, Remark: evil}}})
	p := n.person("supervisor")
	escaped := html.EscapeString(evil)[:20]
	q := url.QueryEscape(evil)
	for _, path := range []string{"vouchers/", "vouchers/R2023-1/", "vouchers/P2021-18/", "months/2021-09/", "months/2023-01/", "explain/fund/dividend/", "compare/", "log/", "log/?text=" + q, "log/?actor=" + q,
		"vouchers/?text=" + q[:40], "months/2021-08/?voucher=" + q + "&remark=" + q, "explain/" + url.PathEscape(evil) + "/", "compare/?a=" + q, "requests/?state=" + q, "form/ask/?voucher=" + q + "&text=" + q} {
		for _, language := range []string{"", "/en"} {
			answer, body := p.get(language + "/d/liminba/" + path)
			if answer.StatusCode >= 500 {
				t.Errorf("%s: %d", path, answer.StatusCode)
			}
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, `"'>`) {
				t.Errorf("%s%s lets markup through", language, path)
			}
		}
	}
	if _, body := p.get("/d/liminba/vouchers/R2023-1/"); !strings.Contains(body, "&lt;script&gt;alert(1)") {
		t.Errorf("the narration is not there: want %s", escaped)
	}
}

// TestSampleIsNobodysChoice: ten vouchers follow from the digest of the statement, whatever the order they come in; another digest draws others.
func TestSampleIsNobodysChoice(t *testing.T) {
	var list []*apiv1.Voucher
	for i := range 100 {
		list = append(list, &apiv1.Voucher{Number: fmt.Sprintf("付2021-%d", i+1), OccurredOn: "2021-09-01"})
	}
	numbers := func(digest string, list []*apiv1.Voucher) map[string]bool {
		drawn, err := draw(digest, list)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for _, v := range drawn {
			all[v.Number] = true
		}
		return all
	}
	one := numbers(hex.EncodeToString(make([]byte, 32)), list)
	turned := append(append([]*apiv1.Voucher{}, list[50:]...), list[:50]...)
	if len(one) != 10 || !maps.Equal(one, numbers(hex.EncodeToString(make([]byte, 32)), turned)) {
		t.Errorf("drawn: %v", one)
	}
	if maps.Equal(one, numbers(strings.Repeat("01", 32), list)) {
		t.Error("another month draws the same")
	}
	if short := numbers(strings.Repeat("01", 32), list[:4]); len(short) != 4 {
		t.Errorf("of four: %v", short)
	}
}

// TestInquiryFromTheDesk: a question of somebody without a key waits in the list of a supervisor, who reads it, which he has to ask for, words it, and
// answers it; it stands beside its voucher.
func TestInquiryFromTheDesk(t *testing.T) {
	n := demo(t)
	_, err := apiv1connect.NewDisclosureServiceClient(n.client()).RaiseInquiry(t.Context(), &apiv1.RaiseInquiryRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", SimulatedAt: "2023-01-12T09:00:00+08:00",
		Kind: apiv1.InquiryKind_INQUIRY_KIND_LINE, Voucher: "付2021-18", Text: "栽的是什么树,张三家门口也栽了吗"})
	n.must(err)
	p := n.person("supervisor")
	_, desk := p.get("/d/liminba/committee/")
	item := p.follow(desk, "/inquiries/1/")
	if strings.Contains(item, "张三") || !strings.Contains(item, "绿化栽种") {
		t.Fatalf("before it is read: %s", textOf(item))
	}
	if answer, body := p.send(http.MethodPost, "/d/liminba/inquiries/1/", nil, "application/x-www-form-urlencoded"); answer.StatusCode != http.StatusOK || !strings.Contains(body, "张三") {
		t.Errorf("read: %d %s", answer.StatusCode, textOf(body))
	}
	if _, body := n.person("treasurer").send(http.MethodPost, "/d/liminba/inquiries/1/", nil, "application/x-www-form-urlencoded"); strings.Contains(body, "张三") || !strings.Contains(textOf(body), "您的岗位看不到") {
		t.Errorf("the treasurer reads it: %s", textOf(body))
	}
	p.press(item, "inquiry-publish", map[string]string{"wording": "栽的是什么树?"})
	treasurer := n.person("treasurer")
	_, desk = treasurer.get("/d/liminba/")
	treasurer.press(treasurer.follow(desk, "/inquiries/1/"), "inquiry-answer", map[string]string{"text": "香樟 30 株,栽在进村路两旁。", "outcome": "INQUIRY_OUTCOME_EXPLAINED"})
	_, voucher := p.get("/d/liminba/vouchers/P2021-18/")
	for _, want := range []string{"栽的是什么树?", "香樟 30 株", "已答复"} {
		if !strings.Contains(textOf(voucher), want) {
			t.Errorf("its voucher does not say %q: %s", want, textOf(voucher))
		}
	}
}

// TestEveryFormOfTheCommittee: what the other tests of this file do not give, from the empty form to what was recorded, without script.
func TestEveryFormOfTheCommittee(t *testing.T) {
	n := demo(t)
	at := func(clock string) string { return "2023-01-12T" + clock + ":00+08:00" }
	supervisor := n.person("supervisor")

	n.command("treasurer", at("09:00"), "RecordFee", &apiv1.RecordFeeRequest{Fund: "maintenance", Purpose: "daily_management", Amount: "36.00", OccurredOn: "2023-01-11", MoneyAccount: "bank", Narration: "账户管理费",
		Documents: []*apiv1.Document{{Kind: "bank_line", Issuer: "bank", Number: "fee-1"}}})
	n.command("approver", at("09:10"), "RecordResolution", &apiv1.RecordResolutionRequest{ResolutionId: "fee-2023", Title: "追认手续费", Body: "representatives", DecidedOn: "2023-01-12", Electorate: 60, Present: 50,
		VotesFor: 45, VotesAgainst: 3, Abstained: 2, MinutesSha256: strings.Repeat("ab", 32), Matter: apiv1.Matter_MATTER_PAYMENT, Fund: "maintenance", Purpose: "daily_management", Authority: "100.00"})
	n.command("supervisor", at("09:20"), "ConfirmResolution", &apiv1.ConfirmResolutionRequest{ResolutionId: "fee-2023"})
	disclosure := apiv1connect.NewDisclosureServiceClient(n.client())
	flags, err := disclosure.ListFlags(t.Context(), &apiv1.ListFlagsRequest{CollectiveId: "liminba"})
	n.must(err)
	if len(flags.Flags) == 0 {
		t.Fatal("the fee raised no flag")
	}
	for _, one := range flags.Flags {
		supervisor.fill("ratify", map[string]string{"voucher+kind": one.Voucher + "+" + one.Flag.Kind.String(), "resolution_id": "fee-2023"}, nil)
	}
	flags, err = disclosure.ListFlags(t.Context(), &apiv1.ListFlagsRequest{CollectiveId: "liminba"})
	n.must(err)
	if len(flags.Flags) != 0 {
		t.Errorf("still open: %v", flags.Flags)
	}

	n.command("treasurer", at("10:00"), "OpenGrantRound", &apiv1.OpenGrantRoundRequest{RoundId: "relief-2023", Title: "困难救助", Fund: "welfare", Purpose: "relief", Budget: "900.00"})
	n.command("treasurer", at("10:10"), "AddApplicants", &apiv1.AddApplicantsRequest{RoundId: "relief-2023", Applicants: []*apiv1.GrantApplicant{{Member: 17, Amount: "500.00"}}})
	_, desk := supervisor.get("/d/liminba/committee/")
	supervisor.press(supervisor.follow(desk, "/registers/grants/relief-2023/"), "grant-review", nil)

	_, voucher := supervisor.get("/d/liminba/vouchers/P2021-18/")
	supervisor.press(voucher, "ask", map[string]string{"text": "李四是谁家的亲戚"})
	_, desk = supervisor.get("/d/liminba/committee/")
	supervisor.press(supervisor.follow(desk, "/inquiries/1/"), "inquiry-decline", map[string]string{"reason": "DECLINE_REASON_PERSONAL_DATA"})
	list, err := disclosure.ListInquiries(t.Context(), &apiv1.ListInquiriesRequest{CollectiveId: "liminba"})
	n.must(err)
	if len(list.Inquiries) != 1 || list.Inquiries[0].State != "declined" || list.Inquiries[0].Wording != "" {
		t.Errorf("the inquiry is %v", list.Inquiries)
	}

	// There is nothing to confirm in the demo's books: the form says so in the words of the refusal.
	path, values := supervisor.open("confirm-opening")
	if answer, page := supervisor.post(path, "preview", values, nil); answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, `role="alert"`) {
		t.Errorf("no opening to confirm: %d %s", answer.StatusCode, textOf(page))
	}
}
