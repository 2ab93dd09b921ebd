package web

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// afterDemo is the demo with its months open: the books of 20 December 2022.
func afterDemo(t *testing.T) *node {
	demo := seeds.Demo()
	return newNode(t, nil).play(demo[:2]...)
}

// do fills a form in as somebody and gives what its outcome's address says.
func (n *node) do(as, form string, with map[string]string, files map[string]file) url.Values {
	n.t.Helper()
	u, err := url.Parse(n.person(as).fill(form, with, files))
	n.must(err)
	if answer, page := n.person(as).get(u.String()); answer.StatusCode != http.StatusOK {
		n.t.Fatalf("%s: its outcome: status %d: %s", form, answer.StatusCode, textOf(page))
	}
	return u.Query()
}

// resolve records a resolution of a body through the page and has a supervisor confirm it.
func (n *node) resolve(id, body, matter string, with map[string]string) {
	n.t.Helper()
	size, present, votes := "665", "500", "480"
	if body == "representatives" {
		size, present, votes = "60", "50", "48"
	}
	got := n.do("approver", "resolution", merged(map[string]string{"title": "决议 " + id, "resolution_id": id, "body": body, "decided_on": "2022-12-20", "electorate": size, "present": present,
		"votes_for": votes, "votes_against": "1", "abstained": "1", "matter": matter}, with), map[string]file{"minutes_sha256": {"minutes.pdf", []byte("minutes of " + id)}})
	if got.Get("passed") != "true" {
		n.t.Fatalf("%s did not pass: %v", id, got)
	}
	_, err := apiv1connect.NewGovernanceServiceClient(n.client()).ConfirmResolution(n.as("supervisor"), &apiv1.ConfirmResolutionRequest{CommandId: newID(), CollectiveId: seeds.Liminba, ResolutionId: id})
	n.must(err)
}

// TestEveryFormBooks: each command of treasurer, cashier and approver that the demo does not give, from the empty form to what was recorded,
// without script.
func TestEveryFormBooks(t *testing.T) {
	n := afterDemo(t)
	governance := apiv1connect.NewGovernanceServiceClient(n.client())
	given := map[string]bool{}
	do := func(as, form string, with map[string]string) url.Values {
		t.Helper()
		given[form] = true
		return n.do(as, form, with, nil)
	}
	balance := func(account, want string) {
		t.Helper()
		if got := n.balances()[account]; got != want {
			t.Errorf("%s has %q, not %s", account, got, want)
		}
	}
	review := func(request uint32) {
		t.Helper()
		_, err := governance.ReviewRequest(n.as("supervisor"), &apiv1.ReviewRequestRequest{CommandId: newID(), CollectiveId: seeds.Liminba, RequestNumber: request})
		n.must(err)
	}
	number := func(q url.Values) uint32 {
		var n uint32
		for _, c := range q.Get("request") {
			n = n*10 + uint32(c-'0')
		}
		return n
	}
	paper := map[string]string{"documents.0.number": "", "documents.0.issuer": ""}
	typed := func(with ...string) map[string]string {
		m := maps.Clone(paper)
		for i := 0; i < len(with); i += 2 {
			m[with[i]] = with[i+1]
		}
		return m
	}

	// Places, deposits, gifts, money moved.
	do("treasurer", "money-account", map[string]string{"name": "库存现金", "kind": "MONEY_ACCOUNT_KIND_CASH", "money_account": "cash"})
	do("treasurer", "move", typed("amount", "1000", "from", "bank", "to", "cash"))
	balance("money/cash", "1000.00")
	do("treasurer", "deposit", typed("amount", "20,000", "kind", "lease", "payer", "某经营公司"))
	balance("deposit/lease", "20000.00")
	do("treasurer", "gift", typed("amount", "500", "fund", "welfare", "donor", "某商会"))
	do("treasurer", "gift-agree", map[string]string{"title": "图书角", "gift_id": "books", "purpose": "scholarship", "donor": "某书店"})
	do("treasurer", "gift", typed("amount", "300", "gift_id", "books", "donor", "某书店"))
	balance("gift/books", "300.00")
	given["gift-purpose"] = true
	n.do("treasurer", "gift-purpose", map[string]string{"gift_id": "books", "purpose": "relief", "consent.number": "1", "consent.issuer": "donor"}, map[string]file{"consent.sha256": {"consent.png", picture()}})

	// Income that comes back and is collected.
	in := do("treasurer", "income", typed("amount", "1000", "kind", "rent"))
	balance("fund/reserve", "13100.00")
	do("treasurer", "returned-income", typed("receipt", in.Get("voucher"), "amount", "1000"))
	balance("receivable/rent", "1000.00")
	do("treasurer", "collect", typed("amount", "1000", "kind", "rent", "payer", "某经营公司"))
	balance("receivable/rent", "0.00")
	do("treasurer", "fee", typed("amount", "5", "fund", "maintenance"))

	// A payment from its resolution to a refund and a correction.
	n.resolve("repair-more", "representatives", "MATTER_PAYMENT", map[string]string{"fund": "maintenance", "authority": "5000", "purpose": "repair"})
	asked := do("treasurer", "payment", typed("amount", "2000", "fund+purpose", "maintenance+repair", "payee", "某维修部", "resolution_id", "repair-more", "narration", "屋面维修"))
	n.person("approver").approve(t, "approve", asked.Get("request"))
	given["approve"] = true
	paid := do("treasurer", "settle", map[string]string{"request_number": asked.Get("request")})
	do("treasurer", "refund", typed("payment", paid.Get("voucher"), "amount", "150.50"))
	for _, end := range []string{"withdraw", "reject"} {
		q := do("treasurer", "payment", typed("amount", "10", "fund+purpose", "maintenance+repair", "payee", "某维修部", "resolution_id", "repair-more"))
		if given[end] = true; end == "withdraw" {
			do("treasurer", end, map[string]string{"request_number": q.Get("request")})
		} else {
			n.person("approver").approve(t, end, q.Get("request"), "reason", "重复申请")
		}
	}
	wrong := do("treasurer", "income", typed("amount", "100", "kind", "interest"))
	do("treasurer", "difference", map[string]string{"difference_of": wrong.Get("voucher"), "right_amount": "120"})
	also := do("treasurer", "income", typed("amount", "100", "kind", "interest"))
	do("treasurer", "reversal", map[string]string{"vouchers": also.Get("voucher"), "narration": "重复"})
	third := do("treasurer", "income", typed("amount", "890", "kind", "interest"))
	do("treasurer", "correct-income", map[string]string{"reverses": third.Get("voucher"), "replacements.0.corrects": third.Get("voucher"), "replacements.0.inflow.inflow": "INFLOW_KIND_INCOME",
		"replacements.0.inflow.kind": "interest", "replacements.0.inflow.amount": "980", "replacements.0.inflow.money_account": "bank"})
	asked = do("treasurer", "payment", typed("amount", "300", "fund+purpose", "maintenance+repair", "payee", "某维修部", "resolution_id", "repair-more"))
	n.person("approver").approve(t, "approve", asked.Get("request"))
	paid = do("treasurer", "settle", map[string]string{"request_number": asked.Get("request")})
	fix := do("treasurer", "correct-payment", map[string]string{"reverses": paid.Get("voucher"), "replacements.0.corrects": paid.Get("voucher"), "replacements.0.outflow.fund+outflow.purpose": "maintenance+repair",
		"replacements.0.outflow.amount": "310", "replacements.0.outflow.payee": "某维修部", "replacements.0.outflow.money_account": "bank", "replacements.0.outflow.resolution_id": "repair-more"})
	n.person("approver").approve(t, "approve", fix.Get("request"))
	do("treasurer", "book-correction", map[string]string{"request_number": fix.Get("request")})

	// Rules and registers.
	for _, id := range []string{"charter-1", "charter-2", "charter-3", "charter-4"} {
		n.resolve(id, "household_heads", "MATTER_CHARTER", nil)
	}
	do("approver", "fund-open", map[string]string{"fund.id": "education", "fund.name": "教育基金", "fund.purposes": "scholarship study_aid", "fund.restricted": "yes", "resolution_id": "charter-1"})
	do("approver", "fund-change", map[string]string{"fund.id": "maintenance", "fund.name": "储备金", "fund.purposes": "daily_management planting repair bank_fee", "resolution_id": "charter-2"})
	do("approver", "body-change", map[string]string{"body.id": "representatives", "body.name": "移民代表会", "body.size": "60", "body.quorum": "2/3", "body.pass": "1/2", "body.pass_base": "VOTE_BASE_PRESENT", "body.pass_strictly": "yes", "resolution_id": "charter-3"})
	do("treasurer", "depart", map[string]string{"left_on": "2022-12-19", "members": "3210, 3211"})
	do("treasurer", "readmit", map[string]string{"members": "3211"})
	do("treasurer", "shares", map[string]string{"effective_on": "2022-12-20", "members+shares": "1 10\n2\t20", "resolution_id": "charter-4"})
	do("treasurer", "personal", map[string]string{"member": "17", "name": "测试甲", "phone": "01012345678"})
	held := do("approver", "hold", map[string]string{"payee": "17", "kind": "HOLD_KIND_NO_ACCOUNT", "reason": "账户已销"})
	do("approver", "release", map[string]string{"hold": held.Get("hold")})

	// Transfers.
	n.resolve("transfer-1", "household_heads", "MATTER_TRANSFER", map[string]string{"fund": "reserve", "authority": "1000"})
	n.resolve("spending-2", "household_heads", "MATTER_SPENDING_RULE", nil)
	do("approver", "spending-rule", map[string]string{"tiers#": "4", "resolution_id": "spending-2", "request_days": "1",
		"tiers.0.operation": "OPERATION_TRANSFER", "tiers.0.approvals": "1", "tiers.0.resolution_body": "household_heads",
		"tiers.1.operation": "OPERATION_DEPOSIT_RETURN", "tiers.1.approvals": "0",
		"tiers.2.operation": "OPERATION_GRANT_ROUND", "tiers.2.approvals": "1", "tiers.2.review": "yes",
		"tiers.3.operation": "OPERATION_PAYMENT", "tiers.3.approvals": "1"})
	moved := do("treasurer", "transfer", map[string]string{"amount": "400", "from_fund": "reserve", "to_fund": "welfare", "resolution_id": "transfer-1"})
	n.person("approver").approve(t, "approve", moved.Get("request"))
	do("treasurer", "book-transfer", map[string]string{"request_number": moved.Get("request")})
	back := do("treasurer", "deposit-return", typed("kind", "lease", "party", "某经营公司", "amount", "20000"))
	do("treasurer", "settle", map[string]string{"request_number": back.Get("request")})
	balance("deposit/lease", "0.00")
	late := do("treasurer", "payment", typed("amount", "10", "fund+purpose", "maintenance+repair", "payee", "某维修部"))

	// A round with an objection and with somebody whose money comes back.
	do("treasurer", "grant-open", map[string]string{"title": "冬季救助", "round_id": "winter", "fund+purpose": "welfare+relief", "budget": "900"})
	do("treasurer", "grant-applicants", map[string]string{"round_id": "winter", "applicants": "17 300\n18,300.00\n19 300"})
	do("treasurer", "grant-remove", map[string]string{"round_id": "winter", "members": "19"})
	_, err := governance.ReviewGrantRound(n.as("supervisor"), &apiv1.ReviewGrantRoundRequest{CommandId: newID(), CollectiveId: seeds.Liminba, RoundId: "winter"})
	n.must(err)
	do("treasurer", "grant-notice", map[string]string{"round_id": "winter", "notice_from": "2022-12-20", "notice_to": "2022-12-22"})
	do("treasurer", "objection", map[string]string{"round_id": "winter", "member": "18", "text": "已有补助"})
	do("approver", "objection-answer", map[string]string{"round_id": "winter", "objection": "1", "text": "核实无误"})
	do("approver", "grant-award", map[string]string{"round_id": "winter", "occurred_on": "2022-12-24", "simulated_at": "2022-12-24"})
	do("treasurer", "grant-pay", map[string]string{"round_id": "winter", "member": "17"})
	do("treasurer", "grant-returned", map[string]string{"round_id": "winter", "member": "17"})
	do("approver", "grant-cancel", map[string]string{"round_id": "winter", "member": "18"})
	do("treasurer", "grant-open", map[string]string{"title": "不办了", "round_id": "off", "fund+purpose": "welfare+relief", "budget": "900"})
	do("approver", "round-cancel", map[string]string{"round_id": "off", "reason": "改期"})
	do("treasurer", "expire", map[string]string{"request_number": late.Get("request")})
	do("treasurer", "dividend-returned", map[string]string{"run_id": "dividend-2021", "payees": "17 18"})
	do("treasurer", "disclose", map[string]string{"kind": "ROUND_KIND_DIVIDEND", "round_id": "dividend-2021"})
	do("treasurer", "edition", map[string]string{"from": "2022-12-01", "to": "2022-12-24"})

	// Personal data ends.
	records, err := apiv1connect.NewRegistryServiceClient(n.client()).ListPersonalData(n.as("treasurer"), &apiv1.ListPersonalDataRequest{CollectiveId: seeds.Liminba})
	n.must(err)
	for _, end := range []string{"erasure-reject", "erasure-approve"} {
		e := do("treasurer", "erasure", map[string]string{"kind": "ERASURE_KIND_RESTRICT", "basis": "ERASURE_BASIS_ORDER", "record_ids": records.Records[0].RecordId})
		do("approver", end, map[string]string{"erasure": e.Get("erasure")})
	}
	n.resolve("witness-1", "household_heads", "MATTER_CHARTER", nil)
	do("approver", "witnesses", map[string]string{"groups.0.name": "committee", "groups.0.threshold": "1", "groups.0.witnesses.0.name": "w1", "groups.0.witnesses.0.key": witnessKey, "resolution_id": "witness-1"})
	do("treasurer", "close", map[string]string{"month": "2020-03"})
	_, _ = review, number

	demo := []string{"income", "payment", "settle", "approve", "dividend", "declare", "dividend-file", "dividend-results", "grant-open", "grant-applicants", "grant-notice", "grant-award", "grant-pay", "close",
		"policy", "spending-rule", "resolution", "money-account", "enrol"}
	elsewhere := []string{"opening", "true-up"} // each has a test of its own
	for _, form := range committeeForms {
		elsewhere = append(elsewhere, form.name)
	}
	for name := range deskForms {
		if !given[name] && !slices.Contains(demo, name) && !slices.Contains(elsewhere, name) {
			t.Errorf("no test gives the form %s", name)
		}
	}
}

// approve opens the form of a request as a link on the desk does, and confirms it.
func (p *person) approve(t *testing.T, form, request string, with ...string) {
	t.Helper()
	path := "/d/liminba/form/" + form + "/"
	answer, page := p.get(path + "?request_number=" + request)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d: %s", form, answer.StatusCode, textOf(page))
	}
	values := controls(page)
	for i := 0; i < len(with); i += 2 {
		values[with[i]] = with[i+1]
	}
	answer, page = p.post(path, "preview", values, nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d: %s", form, answer.StatusCode, textOf(page))
	}
	p.confirm(path, page)
}

// TestBankFilesAndSlips: 42.72 × 3,211 = 137,173.92, of which 26.08 stay; the files for the bank and the slips say so to the fen.
func TestBankFilesAndSlips(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	answer, page := p.get("/d/liminba/runs/dividend-2021/")
	if answer.StatusCode != http.StatusOK || !strings.Contains(page, "137,173.92") || !strings.Contains(page, "26.08") || !strings.Contains(page, "42.72") {
		t.Errorf("status %d: %s", answer.StatusCode, textOf(page))
	}
	lines := 0
	for _, file := range []string{"1", "2", "3", "4"} {
		answer, text := p.get("/d/liminba/runs/dividend-2021/" + file + ".csv")
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(text, "\ufeff成员号,金额\r\n") {
			t.Fatalf("file %s: status %d: %.40q", file, answer.StatusCode, text)
		}
		lines += strings.Count(text, ",42.72\r\n")
	}
	if lines != 3211 {
		t.Errorf("the files have %d lines of 42.72", lines)
	}
	for _, path := range []string{"/d/liminba/runs/dividend-2021/9.csv", "/d/liminba/runs/nothing/", "/d/liminba/runs/dividend-2021/x.csv", "/d/liminba/slips/dividend-2021/page/99"} {
		if answer, _ := p.get(path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
	}
	answer, page = p.get("/d/liminba/slips/dividend-2021/")
	if answer.StatusCode != http.StatusOK || strings.Count(page, `class="payslip"`) != slipsOnPage || !strings.Contains(page, "肆拾贰元柒角贰分") {
		t.Errorf("slips: status %d, %d slips", answer.StatusCode, strings.Count(page, `class="payslip"`))
	}
	if answer, _ := n.get("/d/liminba/runs/dividend-2021/1.csv"); answer.StatusCode == http.StatusOK {
		t.Error("a stranger takes the bank's file")
	}
}

// TestPhotoFirst: a picture taken before anything is typed comes into the form that is chosen then.
func TestPhotoFirst(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	answer, page := p.get("/d/liminba/photo/")
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d", answer.StatusCode)
	}
	answer, page = p.post("/d/liminba/photo/", "income", controls(page), map[string]file{"documents.0.sha256": {"a.png", picture()}})
	if answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d: %s", answer.StatusCode, textOf(page))
	}
	_, page = p.get(answer.Header.Get("Location"))
	values := controls(page)
	maps.Copy(values, rent())
	_, page = p.post("/d/liminba/form/income/", "preview", values, nil)
	p.confirm("/d/liminba/form/income/", page)
	all := n.vouchers()
	if got := all[len(all)-1].Documents; len(got) != 1 || got[0].Size != uint64(len(picture())) || !bytes.Contains([]byte(got[0].MediaType), []byte("png")) {
		t.Errorf("the voucher has the papers %v", got)
	}
}

// witnessKey is the public key of an invented witness.
const witnessKey = "witness.example/first+0a45d9d8+BI8gtf6mUJu+0cJHwM6Onh5z7UrJ+V1hA6Ya5Qb6dCdr"

func newID() string { return uuid.NewString() }
