package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// seedLine is a command of the demo.
type seedLine struct {
	Method, As string
	Request    map[string]any
}

func seedLines(t testing.TB, file seeds.File) []seedLine {
	t.Helper()
	var lines []seedLine
	scanner := bufio.NewScanner(bytes.NewReader(file.Data))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if len(scanner.Bytes()) == 0 || scanner.Bytes()[0] == '#' {
			continue
		}
		var l seedLine
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.UseNumber()
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		l.Request = snake(l.Request).(map[string]any)
		lines = append(lines, l)
	}
	return lines
}

// snake writes the names of a request as the schema has them.
func snake(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			var b strings.Builder
			for _, r := range name {
				if unicode.IsUpper(r) {
					b.WriteByte('_')
				}
				b.WriteRune(unicode.ToLower(r))
			}
			out[b.String()] = snake(value)
		}
		return out
	case []any:
		for i := range v {
			v[i] = snake(v[i])
		}
	}
	return v
}

// formOf is the form that a command is typed into; nil where no desk of treasurer, cashier or approver has one.
func formOf(l seedLine) *form {
	if l.Method == "RequestCorrection" {
		switch replacements, _ := l.Request["replacements"].([]any); {
		case l.Request["difference_of"] != nil:
			return deskForms["difference"]
		case at(replacements[0].(map[string]any), "inflow") != nil:
			return deskForms["correct-income"]
		}
		return deskForms["correct-payment"]
	}
	for _, name := range slices.Sorted(maps.Keys(deskForms)) {
		if _, method, _ := strings.Cut(deskForms[name].method, "/"); method == l.Method {
			return deskForms[name]
		}
	}
	return nil
}

// typedIn are the controls into which somebody types a request.
func typedIn(fields []*field, prefix string, request map[string]any) map[string]string {
	values := map[string]string{}
	for _, d := range fields {
		name := prefix + d.path
		paths := strings.Split(d.path, "+")
		switch d.kind {
		case kindRows:
			list, _ := at(request, d.path).([]any)
			for i, row := range list {
				maps.Copy(values, typedIn(d.fields, rowPrefix(name, i), row.(map[string]any)))
			}
		case kindTable:
			var lines []string
			if len(paths) == 1 {
				list, _ := at(request, d.path).([]any)
				for _, row := range list {
					var cells []string
					for _, column := range d.fields {
						cells = append(cells, fmt.Sprint(row.(map[string]any)[column.path]))
					}
					lines = append(lines, strings.Join(cells, "\t"))
				}
			} else {
				first, _ := at(request, paths[0]).([]any)
				second, _ := at(request, paths[1]).([]any)
				for i := range first {
					lines = append(lines, fmt.Sprint(first[i], " ", second[i]))
				}
			}
			values[name] = strings.Join(lines, "\n")
		case kindNumbers, kindNames:
			list, _ := at(request, d.path).([]any)
			values[name] = strings.Trim(fmt.Sprint(list), "[]")
		case kindFile, kindDigest:
			if digest, ok := at(request, d.path).(string); ok {
				values[name+digestSuffix] = digest
			}
		case kindCheck:
			if at(request, d.path) != nil {
				values[name] = "yes"
			}
		case kindHidden: // comes with the address
		default:
			var parts []string
			for _, p := range paths {
				if list, ok := at(request, p).([]any); ok {
					parts = append(parts, fmt.Sprint(list[0]))
				} else if v := at(request, p); v != nil {
					parts = append(parts, fmt.Sprint(v))
				}
			}
			if len(parts) == len(paths) {
				values[name] = strings.Join(parts, "+")
			}
		}
	}
	return values
}

func at(request map[string]any, path string) any {
	var v any = request
	for _, part := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// typeIn types a command into its form and confirms it.
func (p *person) typeIn(form *form, l seedLine) string {
	p.t.Helper()
	query := url.Values{}
	for _, d := range form.fields {
		if v := at(l.Request, d.path); d.kind == kindHidden && v != nil {
			query.Set(d.path, fmt.Sprint(v))
		}
	}
	path := "/d/" + fmt.Sprint(l.Request["collective_id"]) + "/form/" + form.name + "/"
	answer, page := p.get(path + "?" + query.Encode())
	if answer.StatusCode != 200 {
		p.t.Fatalf("%s: status %d: %s", path, answer.StatusCode, textOf(page))
	}
	values := controls(page)
	maps.Copy(values, typedIn(form.fields, "", l.Request))
	values[momentName] = fmt.Sprint(l.Request["simulated_at"])
	answer, page = p.post(path, "preview", values, nil)
	if answer.StatusCode != 200 || !strings.Contains(page, `value="record"`) {
		p.t.Fatalf("%s: preview of %v: status %d: %s", path, l.Request, answer.StatusCode, textOf(page))
	}
	return p.confirm(path, page)
}

// give gives a command to the services as it is.
func (n *node) give(l seedLine) {
	n.t.Helper()
	if l.Request["command_id"] == nil {
		l.Request["command_id"] = newID()
	}
	line, err := json.Marshal(map[string]any{"method": l.Method, "as": l.As, "request": l.Request})
	n.must(err)
	n.play(seeds.File{Name: l.Method, Data: line})
}

// vouchers are all vouchers of the demo's collective.
func (n *node) vouchers() []*apiv1.Voucher { return n.vouchersOf(seeds.Liminba) }

func (n *node) vouchersOf(collective string) []*apiv1.Voucher {
	n.t.Helper()
	answer, err := apiv1connect.NewAuditServiceClient(n.client()).ListVouchers(n.as("treasurer"), &apiv1.ListVouchersRequest{CollectiveId: collective, PageSize: 1000})
	n.must(err)
	return answer.Vouchers
}

func (n *node) balances() map[string]string {
	n.t.Helper()
	answer, err := apiv1connect.NewAuditServiceClient(n.client()).GetBalances(n.as("treasurer"), &apiv1.GetBalancesRequest{CollectiveId: seeds.Liminba})
	n.must(err)
	all := map[string]string{}
	for _, b := range answer.Balances {
		all[b.Account] = b.Balance
	}
	return all
}

// TestDemoThroughThePages enters the demo's three years by hand: every command of treasurer and approver is opened, typed, looked at and
// confirmed on the pages, without script. The vouchers are those of the demo to the fen and the letter.
func TestDemoThroughThePages(t *testing.T) {
	demo := seeds.Demo()
	want := newNode(t, nil).play(demo...)
	n := newNode(t, nil).play(demo[0])
	typed := map[string]int{}
	for _, file := range demo[1:] {
		for _, l := range seedLines(t, file) {
			if form := formOf(l); form != nil && (l.As == "treasurer" || l.As == "approver") {
				n.person(l.As).typeIn(form, l)
				typed[form.name]++
				continue
			}
			n.give(l)
		}
	}
	if diff := cmp.Diff(want.vouchers(), n.vouchers(), protocmp.Transform()); diff != "" {
		t.Errorf("vouchers: -demo +pages:\n%s", diff)
	}
	if diff := cmp.Diff(want.balances(), n.balances()); diff != "" {
		t.Errorf("balances: -demo +pages:\n%s", diff)
	}
	if got := n.balances()["money/bank"]; got != "126765.05" {
		t.Errorf("the bank has %s", got)
	}
	for form, times := range map[string]int{"income": 5, "payment": 7, "settle": 7, "approve": 7, "dividend": 2, "declare": 2, "dividend-file": 8, "dividend-results": 8, "grant-open": 4,
		"grant-applicants": 4, "grant-notice": 4, "grant-award": 4, "grant-pay": 30, "close": 34, "policy": 1, "spending-rule": 1, "resolution": 9, "money-account": 1, "enrol": 5} {
		if typed[form] != times {
			t.Errorf("%s was typed %d times, not %d", form, typed[form], times)
		}
	}
}

// recorded puts the id of the one record of personal data where an example says RECORD.
func (n *node) recorded(l seedLine) {
	n.t.Helper()
	if l.Request["record_ids"] == nil {
		return
	}
	answer, err := apiv1connect.NewRegistryServiceClient(n.client()).ListPersonalData(n.as("treasurer"), &apiv1.ListPersonalDataRequest{CollectiveId: "qingshan"})
	n.must(err)
	l.Request["record_ids"] = []any{answer.Records[0].RecordId}
}

// TestCommandsOfTheDocsThroughThePages types every example of docs/commands.md that is a treasurer's, a cashier's or an approver's into its
// form: there is one of every command. What the pages book is what the commands book. Questions are left out: anybody
// asks them, from the board.
func TestCommandsOfTheDocsThroughThePages(t *testing.T) {
	text, err := os.ReadFile("../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, `{"method"`) {
			lines = append(lines, line)
		}
	}
	want, n := newNode(t, nil), newNode(t, nil)
	typed := map[string]bool{}
	for _, line := range lines {
		both := seedLines(t, seeds.File{Data: []byte(line)})
		l, again := both[0], seedLines(t, seeds.File{Data: []byte(line)})[0]
		if l.Method == "RotateLogKey" {
			continue // of a key that this node does not have
		}
		want.recorded(again)
		n.recorded(l)
		want.give(again)
		if form := formOf(l); form != nil && form.name != "ask" && (l.As == "treasurer" || l.As == "approver" || l.As == "cashier") {
			n.person(l.As).typeIn(form, l)
			typed[form.name] = true
			continue
		}
		n.give(l)
	}
	if diff := cmp.Diff(want.vouchersOf("qingshan"), n.vouchersOf("qingshan"), protocmp.Transform()); diff != "" {
		t.Errorf("vouchers: -commands +pages:\n%s", diff)
	}
	for name, form := range deskForms {
		if !typed[name] && !slices.Contains(committeeForms, form) && !slices.Contains([]string{"release", "expire", "objection", "erasure-reject", "correct-payment"}, name) { // in TestEveryFormBooks, and of the committee in TestEveryFormOfTheCommittee
			t.Errorf("no example was typed into the form %s", name)
		}
	}
}
