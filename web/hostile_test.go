package web

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// corpus are texts of which each is a formula to a spreadsheet and markup or an address to a page that does not escape it. They are short, so
// that they fit where names do.
var corpus = []string{
	`=<script>alert(1)</script>`, `+"'><img src=x onerror=y>`, `@</textarea><svg onload=y>`, `-1" onfocus="y" autofocus="`, `=]]></script><hostile>`,
	`=javascript:alert(1)`, `=cmd|'/C calc'!A1`, "\uff1d<hostile hostile>",
}

// poisoner puts texts of the corpus wherever a command takes one.
type poisoner struct {
	*node
	next    int
	taken   map[string]int    // by method and field
	instead map[string]string // of what, so that what was the same stays the same
}

// requestOf makes the empty request of a method.
func requestOf(method string) proto.Message {
	var found proto.Message
	protoregistry.GlobalFiles.RangeFilesByPackage("mingzhang.api.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			if m := file.Services().Get(i).Methods().ByName(protoreflect.Name(method)); m != nil {
				found = dynamicpb.NewMessage(m.Input())
			}
		}
		return found == nil
	})
	return found
}

// poison replaces every string of a request, given or not, for which the services take a text of the corpus.
func (p *poisoner) poison(l seedLine, whole proto.Message, m protoreflect.Message, at string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f, name := fields.Get(i), at+"."+string(fields.Get(i).Name())
		switch {
		case f.IsMap():
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			for j := range min(m.Get(f).List().Len(), 3) {
				p.poison(l, whole, m.Get(f).List().Get(j).Message(), name)
			}
		case f.Kind() == protoreflect.MessageKind && m.Has(f):
			p.poison(l, whole, m.Mutable(f).Message(), name)
		case f.Kind() == protoreflect.StringKind && !f.IsList() && (f.ContainingOneof() == nil || m.Has(f)):
			before := m.Get(f)
			text, again := p.instead[before.String()]
			if !again {
				text = corpus[p.next%len(corpus)]
				p.next++
			}
			for _, text := range []string{text, "org/" + text} {
				if m.Set(f, protoreflect.ValueOfString(text)); p.would(l, whole) {
					if p.taken[name]++; before.String() != "" {
						p.instead[before.String()] = text
					}
					before = m.Get(f)
					break
				}
			}
			if m.Set(f, before); before.String() == "" {
				m.Clear(f)
			}
		}
	}
}

func (p *poisoner) line(l seedLine, request proto.Message) *apiv1.ApplyLine {
	text, err := protojson.Marshal(request)
	p.must(err)
	return &apiv1.ApplyLine{Method: l.Method, As: l.As, RequestJson: string(text)}
}

func (p *poisoner) would(l seedLine, request proto.Message) bool {
	p.t.Helper()
	answer, err := apiv1connect.NewBooksServiceClient(p.client()).Preview(p.as("admin"), &apiv1.PreviewRequest{Line: p.line(l, request)})
	p.must(err)
	return answer.Result.Code == ""
}

// play gives commands with texts of the corpus in them.
func (p *poisoner) play(lines []seedLine) {
	p.t.Helper()
	for i, l := range lines {
		if id, _ := l.Request["operator"].(string); l.Method == "CreateOperator" {
			if _, there, err := p.access.Operator(context.Background(), id); err == nil && there {
				continue // in the demo and in the documentation
			}
		}
		if l.Request["command_id"] == nil {
			l.Request["command_id"] = newID()
		}
		text, err := json.Marshal(l.Request)
		p.must(err)
		request := requestOf(l.Method)
		p.must(protojson.Unmarshal(text, request))
		p.poison(l, request, request.ProtoReflect(), l.Method)
		answer, err := apiv1connect.NewBooksServiceClient(p.client()).Apply(p.as("admin"), &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{p.line(l, request)}})
		p.must(err)
		if r := answer.Results[0]; r.Code != "" {
			p.t.Fatalf("line %d, %s: %s", i+1, l.Method, r.Message)
		}
	}
}

// ours are the elements and attributes that stand in the templates.
func ours(t *testing.T) (elements, attributes map[string]bool) {
	elements, attributes = map[string]bool{}, map[string]bool{"hidden": true, "required": true, "novalidate": true, "multiple": true, "open": true} // and those that have no value
	names, err := filepath.Glob("*.templ")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	element, attribute := regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9-]*)`), regexp.MustCompile(`\s(data-[a-z-]+|[a-zA-Z][a-zA-Z0-9:_-]*\??=)`)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range element.FindAllSubmatch(text, -1) {
			elements[strings.ToLower(string(m[1]))] = true
		}
		for _, m := range attribute.FindAllSubmatch(text, -1) {
			attributes[strings.TrimRight(strings.ToLower(string(m[1])), "?=")] = true
		}
	}
	code, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range code {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:aria|data)-[a-z-]+)"`).FindAllSubmatch(text, -1) {
			attributes[string(m[1])] = true
		}
	}
	return elements, attributes
}

// checker looks at what a site gives out.
type checker struct {
	t                    *testing.T
	elements, attributes map[string]bool
	seen                 map[string]int // places where a text of the corpus stood as text
}

// output checks one file of the site, by what it says it is.
func (c *checker) output(name, contentType string, data []byte) {
	c.t.Helper()
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		c.t.Errorf("%s is %q", name, contentType)
	}
	for _, text := range corpus {
		if media != "text/html" && bytes.Contains(data, []byte(text)) {
			c.seen[media+" "+text]++
		}
	}
	switch media {
	case "text/html":
		c.page(name, data)
	case "text/csv":
		c.csv(name, data)
	case "application/json":
		if !json.Valid(data) {
			c.t.Errorf("%s is no JSON", name)
		}
	case "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":
		c.workbook(name, data)
	case "application/atom+xml":
		c.feed(name, data)
	case "text/plain", "image/png", "application/pdf":
	default:
		c.t.Errorf("%s is %s, which nothing here looks at", name, media)
	}
}

func (c *checker) page(name string, data []byte) {
	c.t.Helper()
	root, err := html.Parse(bytes.NewReader(data))
	if err != nil {
		c.t.Errorf("%s: %v", name, err)
		return
	}
	for e := range root.Descendants() {
		if e.Type == html.TextNode {
			for _, text := range corpus {
				if strings.Contains(e.Data, text) {
					c.seen[text]++
				}
			}
		}
		if e.Type == html.CommentNode {
			c.t.Errorf("%s has the comment %q", name, e.Data)
		}
		if e.Type != html.ElementNode {
			continue
		}
		if tag := strings.ToLower(e.Data); !c.elements[tag] && tag != "tbody" { // which the parser puts in
			c.t.Errorf("%s has the element <%s>", name, tag)
		}
		source := ""
		for _, a := range e.Attr {
			key := strings.ToLower(a.Key)
			if !c.attributes[key] || strings.HasPrefix(key, "on") || key == "style" || key == "srcdoc" {
				c.t.Errorf("%s has the attribute %s=%q of <%s>", name, a.Key, a.Val, e.Data)
			}
			switch key {
			case "href", "src", "action", "formaction", "poster", "data":
				if u, err := url.Parse(a.Val); err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(a.Val, `/\`) {
					c.t.Errorf("%s leads to %q", name, a.Val)
				}
			}
			if key == "src" {
				source = a.Val
			}
		}
		if e.Data == "script" && (!strings.Contains(source, "assets/") || e.FirstChild != nil) {
			c.t.Errorf("%s has a script from %q", name, source)
		}
	}
}

var figure = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{2})?$`)

// csv: no cell is a formula, but for figures, of which a spreadsheet makes what they are.
func (c *checker) csv(name string, data []byte) {
	c.t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))).ReadAll()
	if err != nil {
		c.t.Errorf("%s: %v", name, err)
	}
	for _, row := range rows {
		for _, cell := range row {
			first := strings.TrimLeftFunc(cell, unicode.IsSpace)
			if first != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", []rune(first)[0]) && !figure.MatchString(cell) {
				c.t.Errorf("%s has the cell %q", name, cell)
			}
		}
	}
}

// workbook: no cell holds a formula, none leads anywhere.
func (c *checker) workbook(name string, data []byte) {
	c.t.Helper()
	parts, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		c.t.Errorf("%s: %v", name, err)
		return
	}
	for _, part := range parts.File {
		r, err := part.Open()
		if err != nil {
			c.t.Fatal(err)
		}
		decoder := xml.NewDecoder(r)
		for {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				c.t.Errorf("%s, %s: %v", name, part.Name, err)
				break
			}
			if e, ok := token.(xml.StartElement); ok && slices.Contains([]string{"f", "hyperlink", "script", "img", "svg", "hostile", "ddeLink", "externalReference"}, e.Name.Local) {
				c.t.Errorf("%s, %s has the element %s", name, part.Name, e.Name.Local)
			}
			if text, ok := token.(xml.CharData); ok && slices.Contains(corpus, string(text)) {
				c.seen["workbook "+string(text)]++
			}
		}
	}
}

func (c *checker) feed(name string, data []byte) {
	c.t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			c.t.Errorf("%s: %v", name, err)
			return
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Space != "http://www.w3.org/2005/Atom" {
			c.t.Errorf("%s has the element %v", name, e.Name)
		}
	}
}

var digits = regexp.MustCompile(`[0-9]+`)

// crawl follows the links of a site from its first pages, at most two of each kind, whatever the language and the print.
func (c *checker) crawl(get func(string) (*http.Response, string), starts ...string) (pages int) {
	c.t.Helper()
	kinds, queue := map[string]int{}, starts
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		u, err := url.Parse(at)
		if err != nil {
			continue // the page that has it was reported
		}
		kind := digits.ReplaceAllString(strings.TrimPrefix(strings.TrimPrefix(u.Path, englishPrefix), largePrefix), "0")
		if kinds[kind]++; kinds[kind] > 2 || strings.HasPrefix(u.Path, "/assets/") {
			continue
		}
		answer, body := get(at)
		if answer.StatusCode >= http.StatusInternalServerError {
			c.t.Errorf("%s: status %d", at, answer.StatusCode)
		}
		if answer.StatusCode/100 == 3 {
			queue = append(queue, answer.Header.Get("Location"))
			continue
		}
		if answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			c.t.Errorf("%s may be taken for what it does not say it is", at)
		}
		pages++
		c.output(at, answer.Header.Get("Content-Type"), []byte(body))
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, link := range linksOf([]byte(body)) {
			if to, err := u.Parse(link); err == nil && to.Host == "" {
				to.Fragment = ""
				queue = append(queue, to.String())
			}
		}
	}
	return pages
}

// TestHostileTextsComeOutOfNothing: texts of the corpus go in through every command that takes one, the demo's and those of docs/commands.md.
// Whatever comes out, pages of the board and of the desks, papers to print, tables, feed and files, has no element, attribute or address that
// is not the templates', and no formula.
func TestHostileTextsComeOutOfNothing(t *testing.T) {
	n := newNode(t, nil)
	p := &poisoner{node: n, taken: map[string]int{}, instead: map[string]string{}}
	for _, file := range seeds.Demo()[:2] {
		p.play(seedLines(t, file))
	}
	text, err := os.ReadFile("../docs/commands.md")
	n.must(err)
	for line := range strings.SplitSeq(string(text), "\n") {
		if !strings.HasPrefix(line, `{"method"`) {
			continue
		}
		l := seedLines(t, seeds.File{Data: []byte(line)})[0]
		if l.Method == "RotateLogKey" {
			continue // of a key that this node does not have
		}
		n.recorded(l)
		p.play([]seedLine{l})
	}
	for _, field := range []string{
		"FoundCollective.name", "FoundCollective.bodies.name", "FoundCollective.funds.name", "CreateOperator.display_name", "OpenMoneyAccount.name", "RecordIncome.narration",
		"RecordIncome.payer", "RecordIncome.documents.number", "RequestPayment.narration", "RequestPayment.payee", "RecordResolution.title", "OpenGrantRound.title",
		"ReviewPeriod.remark", "RaiseInquiry.text", "PublishInquiry.wording", "AnswerInquiry.text", "HoldPayee.reason", "RejectRequest.reason", "AnswerObjection.text",
	} {
		if p.taken[field] == 0 {
			t.Errorf("no text of the corpus went in through %s", field)
		}
	}
	n.publish("2021-07-01", "2021-09-30")

	c := &checker{t: t, seen: map[string]int{}}
	c.elements, c.attributes = ours(t)
	for _, prefix := range []string{"", englishPrefix} {
		for _, id := range []string{"liminba", "qingshan"} {
			board := prefix + "/b/" + id + "/"
			if got := c.crawl(n.get, prefix+"/", board, board+"wall/", board+"poster/2021-q3/a3/", board+"poster/2021-q3/a4/", board+"loudspeaker.txt", board+"embed/", board+"data/", board+"editions.atom",
				board+"tables/lines.csv", board+"tables/lines.xlsx", board+"tables/lines.json", board+"inquiries/", board+"verify/", "/sign-in/?next="+url.QueryEscape(corpus[1])); got < 30 {
				t.Errorf("of the board %s there are %d pages alone", board, got)
			}
		}
	}
	for _, operator := range []string{"treasurer", "approver", "supervisor", "admin"} {
		starts := []string{"/d/", "/en/d/", "/account/", "/admin/"}
		for _, id := range []string{"liminba", "qingshan"} {
			desk := "/d/" + id + "/"
			starts = append(starts, desk, desk+"committee/", desk+"log/", desk+"vouchers/", desk+"registers/", desk+"months/", desk+"inquiries/", "/en"+desk, "/admin/"+id+"/")
		}
		if got := c.crawl(n.person(operator).get, starts...); got < 10 {
			t.Errorf("at the desk of %s there are %d pages alone", operator, got)
		}
	}
	files := 0
	n.must(Publish(context.Background(), Config{Services: n.server.InProcess(), Clock: func() time.Time { return n.now }}, []string{"liminba", "qingshan"}, []string{"qingshan"}, func(name string, data []byte) error {
		if contentType := contentType(name); !strings.HasPrefix(name, "assets/") {
			if path.Ext(name) == ".atom" {
				contentType = "application/atom+xml"
			}
			if path.Ext(name) == ".xlsx" {
				contentType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
			}
			c.output("file "+name, contentType, data)
			files++
		}
		return nil
	}))
	if files < 50 {
		t.Errorf("%d files are published", files)
	}
	for _, text := range corpus {
		if c.seen[text] == 0 {
			t.Errorf("%s stands in no page as text", text)
		}
	}
	t.Logf("%d fields: %v; seen: %v", len(p.taken), slices.Sorted(maps.Keys(p.taken)), c.seen)
}

// TestAddressesLeadNowhereElse: whatever is written into the address of a page, no link and no redirect of it leaves the site.
func TestAddressesLeadNowhereElse(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	links := regexp.MustCompile(`(?:href|action|src)="([^"]*)"`)
	for _, path := range []string{
		"/en/%2Fevil.example/", "/large/%2Fevil.example/", "/en/large/%2fevil.example", "/en/%5Cevil.example/", "/en//evil.example/", "/en/%2F%2Fevil.example/%2E%2E/",
		"/b/liminba/%2F%2Fevil.example", "/b/liminba/%3Fevil.example/", "/d/%2Fevil.example/", "/en/javascript:alert(1)/", "/b/liminba/known/%2Fevil.example/",
	} {
		answer, page := n.get(path)
		to := []string{answer.Header.Get("Location")}
		for _, link := range links.FindAllStringSubmatch(page, -1) {
			to = append(to, strings.ReplaceAll(link[1], "&#43;", "+"))
		}
		for _, link := range to {
			u, err := url.Parse(link)
			if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(link, "//") || strings.HasPrefix(link, `/\`) {
				t.Errorf("%s leads to %q", path, link)
			}
		}
	}
	_, page := n.get("/en/b/a%3Fb%23c/")
	if !strings.Contains(page, `href="/b/a%3Fb%23c/"`) {
		t.Error("the other language of an escaped address is not at it")
	}
}

// TestPlaceIsKept: a missing slash and signing in lose neither the language nor the large print.
func TestPlaceIsKept(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	for path, want := range map[string]string{
		"/en/sign-in":                    "/en/sign-in/",
		"/en/large/account":              "/en/large/account/",
		"/large/b/liminba":               "/large/b/liminba/",
		"/en/b/liminba/poster":           "/en/b/liminba/poster/",
		"/en":                            "/en/",
		"/en/large/account/?x=1":         "/en/large/sign-in/?next=" + url.QueryEscape("/en/large/account/?x=1"),
		"/large/d/liminba/form/income/":  "/large/sign-in/?next=" + url.QueryEscape("/large/d/liminba/form/income/"),
		"/d/liminba/committee/?month=%2": "/sign-in/?next=" + url.QueryEscape("/d/liminba/committee/?month=%2"),
	} {
		if answer, _ := n.get(path); answer.Header.Get("Location") != want {
			t.Errorf("%s: %d leads to %q, not %q", path, answer.StatusCode, answer.Header.Get("Location"), want)
		}
	}
}

// TestFormsOfOldBrowsers: one without Sec-Fetch-Site sends the origin alone. It has to be let in, whatever the proxy in front calls this
// server; so no page with a form may tell the browser to send no referrer, for then the origin is null.
func TestFormsOfOldBrowsers(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	const origin = "https://ledger.example"
	pages := New(Config{Services: n.server.InProcess(), Origin: origin, Clock: func() time.Time { return n.now }})
	at := "/invitation/" + n.invite("treasurer") + "/"
	opened := httptest.NewRecorder()
	pages.ServeHTTP(opened, httptest.NewRequest(http.MethodGet, "http://inner.example:8480"+at, nil))
	if got := opened.Header().Get("Referrer-Policy"); opened.Code != http.StatusOK || got != "same-origin" {
		t.Errorf("the invitation: status %d, referrer policy %q", opened.Code, got)
	}
	for from, want := range map[string]int{origin: http.StatusSeeOther, "https://evil.example": http.StatusForbidden, "null": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodPost, "http://inner.example:8480"+at, strings.NewReader(url.Values{"password": {sentence}, "password_again": {sentence}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", from)
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s: status %d", from, w.Code)
		}
	}
}
