package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// TestWhatPeopleType: amounts, days and shares as people write them become those of the services; what cannot be read stays as it is, so
// that it is refused in the services' words, and nothing is rounded.
func TestWhatPeopleType(t *testing.T) {
	for typed, want := range map[string]string{
		"98000": "98000.00", "98,000.00": "98000.00", "\uff19\uff18\uff10\uff10\uff10": "98000.00", "\uffe598\uff0c000\uff0e5": "98000.50", "98000元": "98000.00", " 1 000 ": "1000.00",
		"0.5": "0.50", "007": "7.00", "-5": "-5.00", "\u221212.30": "-12.30", "12。34": "12.34", "9007199254740993.99": "9007199254740993.99",
		"1.234": "1.234", "1e3": "1e3", "": "", ".5": ".5", "十元": "十元", "1.2.3": "1.2.3",
	} {
		if got := normalAmount(typed); got != want {
			t.Errorf("amount %q is %q, not %q", typed, got, want)
		}
	}
	for typed, want := range map[string]string{
		"2021-07-20": "2021-07-20", "2021年7月20日": "2021-07-20", "2021/7/2": "2021-07-02", "2021.7.2": "2021-07-02", "20210720": "2021-07-20", "\uff12\uff10\uff12\uff11-7-2": "2021-07-02", "July": "July",
	} {
		if got := normalDay(typed); got != want {
			t.Errorf("day %q is %q, not %q", typed, got, want)
		}
	}
	for typed, want := range map[string]string{"70%": "70/100", "\uff17\uff10\uff05": "70/100", "7 / 10": "7/10", "0.7": "0.7", "rest": "rest"} {
		if got := normalShare(typed); got != want {
			t.Errorf("share %q is %q, not %q", typed, got, want)
		}
	}
	for typed, want := range map[string]int{"17, 20-25": 7, "1\n2\n3": 3, "3至5、9": 4, "": 0, "5-1": -1, "1-9999999": -1, "x": -1, "1-5000 1": -1} {
		numbers, wrong := parseNumbers(typed)
		if wrong != nil {
			if want != -1 {
				t.Errorf("numbers %q: %s", typed, wrong.en)
			}
			continue
		}
		if len(numbers) != want {
			t.Errorf("numbers %q are %d, not %d", typed, len(numbers), want)
		}
	}
}

// TestGraveCommandsAskWhoIsThere: a session that was not confirmed a moment ago is asked for the password between the last word and the
// booking, what was confirmed goes on by itself, and a wrong password books nothing.
func TestGraveCommandsAskWhoIsThere(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.signedIn(t, "treasurer")
	n.now = n.now.Add(6 * 60 * 1e9) // the password of the invitation is five minutes old
	path := "/d/liminba/form/edition/"
	status, _, page := b.get(path)
	b.holds("the form", status, 200, page)
	values := controls(page)
	values["from"], values["to"] = "2022-12-01", "2022-12-31"
	send := func(step string, with map[string]string) (int, string, string) {
		var pairs []string
		for name, value := range with {
			pairs = append(pairs, name, value)
		}
		return b.post(path, append(pairs, "step", step)...)
	}
	status, _, page = send("preview", values)
	b.holds("the preview", status, 200, page, "再问一次密码")
	status, _, page = send("record", controls(page))
	b.holds("the last word", status, 403, page, "confirm_again")
	stopped := controls(page)
	if stopped["step"] != "record" || stopped["command_id"] != values["command_id"] {
		t.Fatalf("what goes on is %v", stopped)
	}
	delete(stopped, "step")
	status, _, page = send("record", merged(stopped, map[string]string{"confirm_again": "not the password"}))
	if status/100 != 4 || !strings.Contains(page, "confirm_again") {
		t.Fatalf("a wrong password: %d %s", status, textOf(page))
	}
	status, at, page := send("record", merged(stopped, map[string]string{"confirm_again": sentence}))
	b.holds("the right one", status, 200, page, "第 1 期公示")
	if u, err := url.Parse(at); err != nil || u.Query().Get("edition") != "1" {
		t.Errorf("it leads to %s", at)
	}
}

// TestLostFieldsAreShownAnew: a confirming form of which something is missing or changed is shown again, and books nothing.
func TestLostFieldsAreShownAnew(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	before := len(n.vouchers())
	path, values := p.open("income")
	_, page := p.post(path, "preview", merged(values, rent()), nil)
	confirming := controls(page)
	for name, value := range map[string]string{"amount": "980", "narration": "", "payer": "别的公司"} {
		answer, page := p.post(path, "record", merged(confirming, map[string]string{name: value}), nil)
		if answer.StatusCode != 200 || !strings.Contains(page, `value="record"`) {
			t.Errorf("%s: status %d: %s", name, answer.StatusCode, textOf(page))
		}
	}
	if got := len(n.vouchers()); got != before {
		t.Errorf("%d vouchers were booked", got-before)
	}
}

// TestDeskOfEachRole: each sees what waits, whose turn it is, and only what is his to do.
func TestDeskOfEachRole(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.resolve("roof", "representatives", "MATTER_PAYMENT", map[string]string{"decided_on": "2023-01-05", "fund": "maintenance", "authority": "5000"})
	asked := n.do("treasurer", "payment", map[string]string{"amount": "300", "fund+purpose": "maintenance+repair", "payee": "某维修部", "resolution_id": "roof", "narration": "补瓦", "documents.0.number": "", "documents.0.issuer": ""}, nil)
	_, page := n.person("treasurer").get("/d/liminba/")
	for _, want := range []string{"补瓦", "等负责人批准（0/1）", `/form/withdraw/?request_number=` + asked.Get("request"), "/form/income/", "/photo/"} {
		if !strings.Contains(htmlText(page), want) {
			t.Errorf("the treasurer's desk has no %s", want)
		}
	}
	if strings.Contains(page, "/form/resolution/") {
		t.Error("the treasurer's desk has the approver's commands")
	}
	n.person("approver").approve(t, "approve", asked.Get("request"))
	if _, page := n.person("treasurer").get("/d/liminba/"); !strings.Contains(page, "/form/settle/?request_number=") {
		t.Errorf("the approved request cannot be paid from the desk: %s", textOf(page))
	}
	_, page = n.person("approver").get("/d/liminba/")
	if !strings.Contains(page, "/form/resolution/") || strings.Contains(page, "/form/income/") {
		t.Errorf("the approver's desk: %s", textOf(page))
	}
	if answer, _ := n.get("/d/liminba/"); answer.StatusCode == 200 {
		t.Error("a stranger has a desk")
	}
}
