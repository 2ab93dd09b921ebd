package web

import (
	"bytes"
	"context"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// person is somebody at a desk with a browser that runs no script.
type person struct {
	*node
	operator string
}

// person signs somebody in.
func (n *node) person(operator string) *person {
	n.t.Helper()
	if n.keys[operator] == "" {
		_, key, err := n.access.IssueKey(context.Background(), access.IssueKey{Operator: operator}, access.Meta{ID: uuid.New(), Actor: "admin"})
		n.must(err)
		n.keys[operator] = key
	}
	return &person{n, operator}
}

// send asks for a page as a browser on this site does.
func (p *person) send(method, path string, body io.Reader, contentType string) (*http.Response, string) {
	p.t.Helper()
	request, err := http.NewRequest(method, p.url+path, body)
	p.must(err)
	request.AddCookie(&http.Cookie{Name: "mingzhang", Value: p.keys[p.operator]})
	if method == http.MethodPost {
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("Origin", p.url)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	p.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	p.must(err)
	return answer, string(text)
}

func (p *person) get(path string) (*http.Response, string) {
	p.t.Helper()
	return p.send(http.MethodGet, path, nil, "")
}

// file is a file that somebody chose.
type file struct {
	name string
	data []byte
}

// post sends a form with the step of the button that was pressed.
func (p *person) post(path, step string, values map[string]string, files map[string]file) (*http.Response, string) {
	p.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	write := func(name, value string) { p.must(w.WriteField(name, value)) }
	for name, value := range values {
		write(name, value)
	}
	for name, f := range files {
		part, err := w.CreateFormFile(name, f.name)
		p.must(err)
		_, err = part.Write(f.data)
		p.must(err)
	}
	write("step", step)
	p.must(w.Close())
	return p.send(http.MethodPost, path, &body, w.FormDataContentType())
}

var (
	inputPattern  = regexp.MustCompile(`<input[^>]*>`)
	selectPattern = regexp.MustCompile(`(?s)<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>`)
	areaPattern   = regexp.MustCompile(`(?s)<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>`)
	chosenPattern = regexp.MustCompile(`<option value="([^"]*)" selected`)
)

func attribute(tag, name string) (string, bool) {
	m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return "", strings.Contains(tag, " "+name+" ") || strings.Contains(tag, " "+name+">") || strings.Contains(tag, " "+name+"/>")
	}
	return htmlText(m[1]), true
}

func htmlText(escaped string) string {
	return strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&#43;", "+", "&amp;", "&").Replace(escaped)
}

// controls are what a browser would send of a page's form as it stands.
func controls(page string) map[string]string {
	values := map[string]string{}
	for _, tag := range inputPattern.FindAllString(page, -1) {
		name, _ := attribute(tag, "name")
		kind, _ := attribute(tag, "type")
		value, _ := attribute(tag, "value")
		_, checked := attribute(tag, "checked")
		if name == "" || kind == "file" || ((kind == "radio" || kind == "checkbox") && !checked) {
			continue
		}
		values[name] = value
	}
	for _, m := range selectPattern.FindAllStringSubmatch(page, -1) {
		values[htmlText(m[1])] = ""
		if chosen := chosenPattern.FindStringSubmatch(m[2]); chosen != nil {
			values[htmlText(m[1])] = htmlText(chosen[1])
		}
	}
	for _, m := range areaPattern.FindAllStringSubmatch(page, -1) {
		values[htmlText(m[1])] = htmlText(m[2])
	}
	return values
}

// open opens a form and gives what it has in it.
func (p *person) open(form string) (path string, values map[string]string) {
	p.t.Helper()
	path = "/d/liminba/form/" + form + "/"
	answer, page := p.get(path)
	if answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: status %d: %s", path, answer.StatusCode, textOf(page))
	}
	return path, controls(page)
}

// fill opens a form, fills it in, looks at the preview, and confirms. It gives the address of what was recorded.
func (p *person) fill(form string, with map[string]string, files map[string]file) string {
	p.t.Helper()
	path, values := p.open(form)
	maps.Copy(values, with)
	answer, page := p.post(path, "preview", values, files)
	if answer.StatusCode != http.StatusOK || !strings.Contains(page, `value="record"`) {
		p.t.Fatalf("%s: preview: status %d: %s", form, answer.StatusCode, textOf(page))
	}
	return p.confirm(path, page)
}

// confirm presses the button of a confirming page.
func (p *person) confirm(path, page string) string {
	p.t.Helper()
	answer, page := p.post(path, "record", controls(page), nil)
	if answer.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("%s: record: status %d: %s", path, answer.StatusCode, textOf(page))
	}
	return answer.Header.Get("Location")
}

var tagPattern = regexp.MustCompile(`(?s)<style.*?</style>|<[^>]*>|\s+`)

// textOf is what a page says, for the messages of tests.
func textOf(page string) string {
	if _, main, ok := strings.Cut(page, "<main"); ok {
		page = main
	}
	return strings.Join(strings.Fields(htmlText(tagPattern.ReplaceAllString(page, " "))), " ")
}

// TestIncomeThroughThePage: the demo's rent is split to the fen in the preview, recorded once, and shown.
func TestIncomeThroughThePage(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	path, values := p.open("income")
	maps.Copy(values, map[string]string{"amount": "98,000", "kind": "rent", "occurred_on": "2023年1月6日", "money_account": "bank", "payer": "利民坝市场经营公司",
		"narration": "2022年下半年租金", "documents.0.number": "2023-01-06-1", "documents.0.issuer": "bank", "simulated_at": "2023-01-06"})
	answer, page := p.post(path, "preview", values, nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", answer.StatusCode, textOf(page))
	}
	for _, want := range []string{"98,000.00", "玖万捌仟元整", "+68,600.00", "+9,800.00", "收2023-1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the preview has no %s: %s", want, textOf(page))
		}
	}
	location := p.confirm(path, page)
	if u, err := url.Parse(location); err != nil || u.Query().Get("voucher") != "收2023-1" {
		t.Fatalf("recorded at %s", location)
	}
	if answer, page := p.get(location); answer.StatusCode != http.StatusOK || !strings.Contains(page, "玖万捌仟元整") {
		t.Errorf("status %d: %s", answer.StatusCode, textOf(page))
	}
}
