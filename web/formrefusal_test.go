package web

import (
	"bytes"
	"image"
	"image/png"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// rent is what a treasurer types for a rent after the demo.
func rent() map[string]string {
	return map[string]string{"amount": "98000", "kind": "rent", "occurred_on": "2023-01-06", "money_account": "bank", "payer": "利民坝市场经营公司",
		"narration": "2022年下半年租金", "documents.0.number": "2023-01-06-1", "documents.0.issuer": "bank", "simulated_at": "2023-01-06"}
}

// beside is the sentence that stands beside a control; empty for none.
func beside(page, name string) string {
	_, rest, ok := strings.Cut(page, `id="`+strings.NewReplacer("+", "&#43;").Replace(name)+`-wrong"`)
	if !ok {
		_, rest, ok = strings.Cut(page, `id="`+name+`-wrong"`)
	}
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest, ">")
	sentence, _, _ := strings.Cut(rest, "</p>")
	return htmlText(sentence)
}

// TestRefusalsStandBesideTheirFields: what is wrong is said where it was typed, in plain words, and what was typed is kept.
func TestRefusalsStandBesideTheirFields(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	for _, c := range []struct {
		as, form, control, typed, says string
		others                         map[string]string
	}{
		{"treasurer", "income", "amount", "", "请填写", nil},
		{"treasurer", "income", "amount", "12.345", "恰好两位小数", nil},
		{"treasurer", "income", "amount", "0", "必须大于零", nil},
		{"treasurer", "income", "occurred_on", "2022-12-31", "结账", nil},
		{"treasurer", "income", "occurred_on", "2023-02-30", "不存在", nil},
		{"treasurer", "income", "kind", "", "请选择", nil},
		{"treasurer", "income", "kind", "subsidy", "没有适用于", nil},
		{"treasurer", "income", "money_account", "safe", "没有资金账户", nil},
		{"treasurer", "income", "payer", "a\x01b", "控制字符", nil},
		{"treasurer", "income", "narration", strings.Repeat("租", 201), "超过 200 个字", nil},
		{"treasurer", "income", "narration", "联系13800138000", "", nil},
		{"treasurer", "income", "documents.0.number", "", "请填写", nil},
		{"treasurer", "income", "documents.0.total", "x", "两位小数", nil},
		{"treasurer", "income", "simulated_at", "yesterday", "", nil},
		{"treasurer", "payment", "amount", "1000000", "储备金", map[string]string{"fund+purpose": "maintenance+repair", "payee": "利民坝水电维修部", "resolution_id": "repair-2022"}},
		{"treasurer", "payment", "fund+purpose", "welfare+repair", "公益金 不能用于 维修", map[string]string{"amount": "10", "payee": "某店"}},
		{"treasurer", "payment", "resolution_id", "", "决议", map[string]string{"amount": "10", "fund+purpose": "maintenance+repair", "payee": "某店"}},
		{"treasurer", "payment", "payee", "", "请填写", map[string]string{"amount": "10", "fund+purpose": "maintenance+repair"}},
		{"treasurer", "grant-applicants", "applicants", "17 500\n18", "第 2 行", map[string]string{"round_id": "relief-2021"}},
		{"treasurer", "grant-applicants", "round_id", "relief-2021", "不能办理", map[string]string{"applicants": "17 500"}},
		{"treasurer", "depart", "members", "17, x", "不是号码", map[string]string{"left_on": "2023-01-06"}},
		{"treasurer", "depart", "members", "9999", "没有编号", map[string]string{"left_on": "2023-01-06"}},
		{"treasurer", "reversal", "vouchers", "付2021-999", "没有凭证", nil},
		{"treasurer", "reversal", "vouchers", "x", "写法不对", nil},
		{"treasurer", "close", "month", "2023-03", "应先结", nil},
		{"treasurer", "move", "to", "", "请选择", map[string]string{"amount": "5", "from": "bank"}},
		{"treasurer", "enrol", "members+households", "17 1", "已经登记", map[string]string{"group": "g1", "joined_on": "2023-01-06"}},
		{"approver", "resolution", "minutes_sha256", "", "请选择文件", nil},
		{"approver", "resolution", "votes_for", "x", "整数", nil},
		{"approver", "policy", "shares.1.share", "lots", "写法不对", map[string]string{"income_kinds": "rent", "resolution_id": "policy-2020", "shares.0.fund": "dividend", "shares.0.share": "70%", "shares.1.fund": "reserve"}},
		{"approver", "fund-open", "fund.id", "A B", "小写字母", map[string]string{"fund.name": "教育基金", "resolution_id": "policy-2020"}},
	} {
		p := n.person(c.as)
		path, values := p.open(c.form)
		if c.form == "income" {
			maps.Copy(values, rent())
		}
		maps.Copy(values, map[string]string{"simulated_at": "2023-01-06"})
		maps.Copy(values, c.others)
		values[c.control] = c.typed
		answer, page := p.post(path, "preview", values, nil)
		if answer.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s %s=%q: status %d: %s", c.form, c.control, c.typed, answer.StatusCode, textOf(page))
			continue
		}
		if said := beside(page, c.control); said == "" || !strings.Contains(said, c.says) {
			t.Errorf("%s %s=%q: beside it stands %q; the page says %s", c.form, c.control, c.typed, said, textOf(page))
		}
		kept := controls(page)
		for name, value := range values {
			if kept[name] != value && name != "occurred_on" && !strings.HasSuffix(name, "#") && value != "" && deskForms[c.form].kindOf(name) != kindRadio && !strings.ContainsRune(value, '\x01') {
				t.Errorf("%s %s=%q: %s was %q and is %q", c.form, c.control, c.typed, name, value, kept[name])
			}
		}
	}
}

// kindOf is the kind of the field that a control belongs to.
func (f *form) kindOf(name string) kind {
	if d := fieldIn(f.fields, name); d != nil {
		return d.kind
	}
	return kindText
}

// outliving is a store that stays when a process ends.
type outliving struct{ eventstore.Store }

func (outliving) Close() error { return nil }

// TestOneFormOneEffect: a double tap, twenty at once, a reload, the way back, and a server that starts anew in between all book once.
func TestOneFormOneEffect(t *testing.T) {
	store, dir := outliving{eventstore.NewMemory()}, t.TempDir()
	n := newNodeIn(t, store, dir).play(seeds.Demo()...)
	p := n.person("treasurer")
	before := len(n.vouchers())
	path, values := p.open("income")
	maps.Copy(values, rent())
	_, page := p.post(path, "preview", values, nil)
	confirming := controls(page)
	locations := make([]string, 20)
	var all sync.WaitGroup
	for i := range locations {
		all.Go(func() {
			answer, page := p.post(path, "record", confirming, nil)
			if locations[i] = answer.Header.Get("Location"); locations[i] == "" {
				t.Errorf("status %d: %s", answer.StatusCode, textOf(page))
			}
		})
	}
	all.Wait()
	for _, l := range locations {
		if l != locations[0] {
			t.Errorf("one tap leads to %s, another to %s", locations[0], l)
		}
	}
	n.stop()
	again := newNodeIn(t, store, dir) // the process ended and another began
	again.keys = n.keys
	q := again.person("treasurer")
	if answer, page := q.post(path, "record", confirming, nil); answer.Header.Get("Location") != locations[0] {
		t.Errorf("after a restart: %q: %s", answer.Header.Get("Location"), textOf(page))
	}
	if answer, page := q.post(path, "preview", values, nil); answer.StatusCode != http.StatusOK || !strings.Contains(page, "已经记过了") {
		t.Errorf("the way back: status %d: %s", answer.StatusCode, textOf(page))
	}
	values["amount"] = "1"
	if answer, page := q.post(path, "preview", values, nil); answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "开一张新表单") {
		t.Errorf("other content under the same id: status %d: %s", answer.StatusCode, textOf(page))
	}
	if got := len(again.vouchers()); got != before+1 {
		t.Errorf("%d vouchers were booked", got-before)
	}
}

// TestStalePreviewIsShownAnew: what was confirmed is what is booked. When the books went on in between, the form shows the new figures.
func TestStalePreviewIsShownAnew(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	path, values := p.open("income")
	maps.Copy(values, rent())
	_, first := p.post(path, "preview", values, nil)
	p.fill("income", map[string]string{"amount": "100", "kind": "interest", "occurred_on": "2023-01-06", "simulated_at": "2023-01-06", "documents.0.number": "", "documents.0.issuer": ""}, nil)
	answer, second := p.post(path, "record", controls(first), nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(second, "又记了别的") || !strings.Contains(second, "收2023-2") || strings.Contains(first, "收2023-2") {
		t.Fatalf("status %d: %s", answer.StatusCode, textOf(second))
	}
	p.confirm(path, second)
}

// hostile are texts that break pages which do not escape them.
var hostile = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'-alert(1)-'`, `</textarea><svg onload=alert(1)>`, `{{7*7}}`, `javascript:alert(1)`, `&lt;b&gt;`}

// TestHostileTextsComeOutAsText: through every control of every form, shown again on the form and on the confirming page.
func TestHostileTextsComeOutAsText(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	for name, form := range deskForms {
		as := "approver"
		for _, role := range form.roles {
			if role == treasurer[0] {
				as = "treasurer"
			}
		}
		if len(form.roles) == 1 && form.roles[0] == supervisor[0] {
			as = "supervisor"
		}
		p := n.person(as)
		path, values := p.open(name)
		for _, text := range hostile {
			typed := maps.Clone(values)
			for control := range typed {
				if control != "command_id" && !strings.HasSuffix(control, "#") {
					typed[control] = text
				}
			}
			for _, step := range []string{"preview", "edit"} {
				_, page := p.post(path, step, typed, nil)
				for _, live := range []string{"<script>alert", "<img src=x", "<svg onload", `href="javascript:`} {
					if strings.Contains(page, live) {
						t.Errorf("%s, %s of %s: %s stands in the page", name, step, text, live)
					}
				}
			}
		}
	}
	p := n.person("treasurer")
	location := p.fill("income", merged(rent(), map[string]string{"narration": hostile[0], "payer": hostile[1], "documents.0.issuer": `"><b>`, "documents.0.number": `<i>`}), nil)
	number := "收2023-1"
	for _, path := range []string{location, "/d/liminba/", "/d/liminba/receipt/" + number + "/", "/d/liminba/done/income/?id=<script>alert(1)</script>&version=<script>alert(1)&pin=<script>alert(1)"} {
		answer, page := p.get(strings.NewReplacer("<", "%3C", ">", "%3E").Replace(path))
		if answer.StatusCode != http.StatusOK || strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") {
			t.Errorf("%s: status %d: %s", path, answer.StatusCode, page)
		}
	}
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// TestFormsOfOtherSites: a form that another site sends with the visitor's cookie does nothing, nor does one without a session.
func TestFormsOfOtherSites(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	before := len(n.vouchers())
	path, values := p.open("income")
	maps.Copy(values, rent())
	_, page := p.post(path, "preview", values, nil)
	for _, from := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}} {
		var body bytes.Buffer
		for name, value := range controls(page) {
			body.WriteString(name + "=" + value + "&")
		}
		body.WriteString("step=record")
		request, err := http.NewRequest(http.MethodPost, n.url+path, &body)
		n.must(err)
		request.AddCookie(&http.Cookie{Name: "mingzhang", Value: n.keys["treasurer"]})
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range from {
			request.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(request)
		n.must(err)
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%v: status %d", from, answer.StatusCode)
		}
	}
	n.keys["nobody"] = "mzk_of_nobody"
	stranger := &person{n, "nobody"}
	if answer, page := stranger.post(path, "record", controls(page), nil); answer.StatusCode/100 == 2 || strings.Contains(page, "收2023") {
		t.Errorf("a stranger: status %d", answer.StatusCode)
	}
	if got := len(n.vouchers()); got != before {
		t.Errorf("%d vouchers were booked", got-before)
	}
}

// TestWhoMayGiveNoForm: a form is for those whose command it is.
func TestWhoMayGiveNoForm(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	for _, c := range []struct{ as, form string }{{"approver", "income"}, {"supervisor", "payment"}, {"treasurer", "resolution"}, {"treasurer", "approve"}} {
		if answer, page := n.person(c.as).get("/d/liminba/form/" + c.form + "/"); answer.StatusCode != http.StatusForbidden || !strings.Contains(page, "办理") {
			t.Errorf("%s opens %s: status %d: %s", c.as, c.form, answer.StatusCode, textOf(page))
		}
	}
}

// picture is a small picture.
func picture() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 30))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestPapers: a photograph is kept when the form is previewed, travels as its digest, stands on the voucher, and is sent to those who may
// see it, alone and without power. What is no paper is refused beside its control.
func TestPapers(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	path, values := p.open("income")
	maps.Copy(values, rent())
	answer, page := p.post(path, "preview", values, map[string]file{"documents.0.sha256": {"x.html", []byte("<script>alert(1)</script><html>")}})
	if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(beside(page, "documents.0.sha256"), "不能保存") {
		t.Errorf("a page as a paper: status %d: %s", answer.StatusCode, textOf(page))
	}
	answer, page = p.post(path, "preview", values, map[string]file{"documents.0.sha256": {filepath.Join("C:", `evil"><b>.png`), picture()}})
	if answer.StatusCode != http.StatusOK || strings.Contains(page, "<b>.png") {
		t.Fatalf("status %d: %s", answer.StatusCode, textOf(page))
	}
	digest := controls(page)["documents.0.sha256.sha256"]
	if len(digest) != 64 {
		t.Fatalf("the digest is %q", digest)
	}
	if answer, page := p.post(path, "edit", controls(page), nil); answer.StatusCode != http.StatusOK || controls(page)["documents.0.sha256.sha256"] != digest || !strings.Contains(page, "已收到") {
		t.Errorf("going back lost the paper: status %d", answer.StatusCode)
	}
	p.confirm(path, page)
	all := n.vouchers()
	if got := all[len(all)-1].Documents; len(got) != 1 || got[0].Sha256 != digest || got[0].MediaType != "image/png" || got[0].Size == 0 {
		t.Errorf("the voucher has the papers %v", got)
	}
	answer, body := p.get("/d/liminba/papers/" + digest)
	if answer.StatusCode != http.StatusOK || body != string(picture()) || answer.Header.Get("Content-Type") != "image/png" ||
		!strings.HasPrefix(answer.Header.Get("Content-Disposition"), "inline") || answer.Header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" ||
		answer.Header.Get("Cache-Control") != "private, no-store" { // after signing out the device has it no more
		t.Errorf("status %d: %v", answer.StatusCode, answer.Header)
	}
	if answer, _ := n.get("/d/liminba/papers/" + digest); answer.StatusCode == http.StatusOK {
		t.Error("a stranger sees the paper")
	}
}

// TestRowsWithoutScript: rows of a group are added and taken away by buttons that send the form, and what was typed moves with them.
func TestRowsWithoutScript(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("approver")
	path, values := p.open("policy")
	for i, fund := range []string{"dividend", "reserve", "welfare", "maintenance"} {
		values["shares."+itoa(i)+".fund"], values["shares."+itoa(i)+".share"] = fund, "1/4"
	}
	_, page := p.post(path, "more:shares", values, nil)
	if got := controls(page); got["shares#"] != "5" || got["shares.2.fund"] != "welfare" {
		t.Fatalf("after one more: %v", got)
	}
	_, page = p.post(path, "less:shares.1", controls(page), nil)
	if got := controls(page); got["shares#"] != "4" || got["shares.1.fund"] != "welfare" || got["shares.3.fund"] != "" {
		t.Fatalf("after one less: %v", got)
	}
	_, page = p.post(path, "more:shares.0.parts", controls(page), nil)
	if got := controls(page); got["shares.0.parts#"] != "1" {
		t.Fatalf("a part of a part: %v", got)
	}
	for _, step := range []string{"more:nothing", "less:", "less:.", "less:shares", "less:shares.x", "less:shares.-1", "less:shares.99", "more:shares.9.parts", "more:amount"} {
		if answer, _ := p.post(path, step, controls(page), nil); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", step, answer.StatusCode)
		}
	}
}
