package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"golang.org/x/net/html"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// document is a page that was read as HTML.
type document struct {
	root *html.Node
	path string
}

// page fetches a page, which has to be there.
func (n *node) page(path string) *document {
	n.t.Helper()
	answer, body := n.get(path)
	if answer.StatusCode != http.StatusOK {
		n.t.Fatalf("%s: %d\n%s", path, answer.StatusCode, body)
	}
	root, err := html.Parse(strings.NewReader(body))
	n.must(err)
	return &document{root, path}
}

// each visits every element.
func (d *document) each(visit func(*html.Node)) {
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode {
			visit(n)
		}
	}
}

func attributeOf(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// wordsIn is the text of an element, with single spaces.
func wordsIn(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// column reads the amounts in the cells of a class, of all lines of a page.
func (d *document) column(class string) (list []string) {
	d.each(func(n *html.Node) {
		if n.Data == "td" && slices.Contains(strings.Fields(attributeOf(n, "class")), class) && slices.Contains(strings.Fields(attributeOf(n.Parent.Parent.Parent, "class")), "lines") {
			list = append(list, wordsIn(n))
		}
	})
	return list
}

// links are the addresses on this server that a page leads to.
func (d *document) links() (list []string) {
	d.each(func(n *html.Node) {
		if n.Data == "a" || n.Data == "form" {
			href := attributeOf(n, map[string]string{"a": "href", "form": "action"}[n.Data])
			href, _, _ = strings.Cut(href, "#")
			if href != "" {
				list = append(list, href)
			}
		}
	})
	return list
}

// fenOf reads an amount as a page writes it: +98,000.00, −4,200.00.
func fenOf(text string) int64 {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "+"), ",", "")
	return fen(strings.Replace(text, "−", "-", 1))
}

// TestBoard is the public board of the demo.
func TestBoard(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	t.Run("Figures", func(t *testing.T) { testFigures(t, n) })
	t.Run("TotalsOfLists", func(t *testing.T) { testTotalsOfLists(t, n) })
	t.Run("Crawl", func(t *testing.T) { testCrawl(t, n) })
	t.Run("AddressesWithoutPage", func(t *testing.T) { testAddressesWithoutPage(t, n) })
	t.Run("KnownThen", func(t *testing.T) { testKnownThen(t, n) })
	t.Run("Weight", func(t *testing.T) { testWeight(t, n) })
	t.Run("Inquiries", func(t *testing.T) { testInquiries(t, n) })
	t.Run("Editions", func(t *testing.T) { testEditions(t, n) })
	t.Run("Pictures", func(t *testing.T) { testPictures(t, n) })
}

// testFigures: the figures of the demo stand where its people look for them.
func testFigures(t *testing.T, n *node) {
	for path, want := range map[string][]string{
		"/b/liminba/":                           {"2022年", "126,765.05", "壹拾贰万陆仟柒佰陆拾伍元零伍分", "196,000.00"},
		"/b/liminba/2021/":                      {"196,000.00", "158,228.92", "135,771.08", "137,200.00", "137,173.92", "19,600.00", "68,626.08", "29,400.00", "20,900.00", "16,845.00", "第一次分红", "42.72", "2,200.00", "6,300.00", "4,200.00", "8,355.00"},
		"/b/liminba/2021-q3/":                   {"第三季度", "37,771.08", "151,828.92", "26.08"},
		"/b/liminba/2021-09/":                   {"37,771.08", "11,100.00", "7,045.00"},
		"/b/liminba/all/":                       {"490,000.00", "363,234.95", "126,765.05", "274,379.95", "36,000.00", "14,700.00", "5,600.00"},
		"/b/liminba/funds/welfare/":             {"28,700.00"},
		"/b/liminba/funds/welfare/2021/":        {"9,800.00", "19,600.00", "8,500.00", "20,900.00", "7,600.00", "17,400.00", "11,100.00"},
		"/b/liminba/v/r2020-1/":                 {"98,000.00", "玖万捌仟元整", "68,600.00", "70%", "分配办法第 1 版", "利民坝市场经营公司", "租金"},
		"/b/liminba/v/p2021-18/":                {"8,355.00", "15,400.00", "7,045.00", "绿化栽种", "移民代表会", "质询这一笔", "青禾苗木合作社"},
		"/b/liminba/rounds/":                    {"3211 人", "42.73", "26.08", "困难救助第一轮", "6 人"},
		"/b/liminba/rules/":                     {"70%", "赞成 431", "应到 665", "集体资金分配管理办法", "要有移民代表会的决议"},
		"/b/liminba/months/":                    {"2022年12月", "2020年3月", "监督委员会还没看"},
		"/b/liminba/lines/2021/purpose/relief/": {"2,200.00"},
		"/b/liminba/lines/2021/income/rent/":    {"196,000.00"},
		"/en/b/liminba/2021/":                   {"196,000.00", "Where it came from", "135,771.08", "dividends"},
		"/en/b/liminba/v/p2021-18/":             {"8,355.00", "Ask about this line", "planting"},
		"/en/b/liminba/rules/":                  {"of those present"},
		"/large/b/liminba/2021/":                {`class="large"`, "常规字", `href="/large/b/liminba/lines/2021/"`, `href="/b/liminba/2021/"`, `href="/en/large/b/liminba/2021/"`},
		"/en/large/b/liminba/2021/":             {`class="large"`, "Normal print", `href="/en/large/b/liminba/lines/2021/"`},
	} {
		_, body := n.get(path)
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s has no %s", path, text)
			}
		}
	}
}

// testTotalsOfLists: the two columns of every list come to the figures that lead to it, and the balances of a fund run to its closing.
func testTotalsOfLists(t *testing.T, n *node) {
	sums := func(path string) (in, out int64) {
		for path != "" {
			page := n.page(path)
			for _, text := range page.column("in") {
				in += fenOf(text)
			}
			for _, text := range page.column("out") {
				if !strings.HasPrefix(text, "(") {
					out -= fenOf(text)
				}
			}
			path = ""
			page.each(func(e *html.Node) {
				if e.Data == "a" && attributeOf(e, "rel") == "next" && strings.Contains(attributeOf(e, "class"), "button") && strings.Contains(attributeOf(e, "href"), "/page/") {
					path = attributeOf(e, "href")
				}
			})
		}
		return in, out
	}
	for path, want := range map[string][2]string{
		"/b/liminba/lines/2020/": {"98000.00", "0.00"}, "/b/liminba/lines/2021/": {"196000.00", "158228.92"}, "/b/liminba/lines/2021-q3/": {"0.00", "151828.92"},
		"/b/liminba/lines/all/": {"490000.00", "363234.95"}, "/b/liminba/funds/welfare/2021/": {"19600.00", "8500.00"}, "/b/liminba/funds/dividend/all/": {"343000.00", "274379.95"},
		"/b/liminba/lines/2021/purpose/scholarship/": {"0.00", "6300.00"}, "/b/liminba/lines/all/purpose/relief/": {"0.00", "5600.00"}, "/b/liminba/lines/2022/income/rent/": {"196000.00", "0.00"},
	} {
		if in, out := sums(path); in != fen(want[0]) || out != fen(want[1]) {
			t.Errorf("%s: the lines come to %s and %s, not %s and %s", path, amountOf(in), amountOf(out), want[0], want[1])
		}
	}
	running := n.page("/b/liminba/funds/welfare/2021/").column("balance")
	for i, text := range running {
		running[i] = strings.TrimPrefix(text, "余 ")
	}
	if got := strings.Join(running, " "); got != "7,600.00 17,400.00 11,100.00 20,900.00" {
		t.Errorf("the balance ran %s", got)
	}
}

// testCrawl follows every link from the first page, in both languages: each leads to a page, which is whole HTML, keeps its language, has one
// heading of the first rank, no id twice, a label for every input, and nobody's name in it.
func testCrawl(t *testing.T, n *node) {
	private := regexp.MustCompile(`\btreasurer\b|\bapprover\b|\badmin\b|member/|party/`)
	for _, start := range []string{"/b/liminba/", "/en/b/liminba/"} {
		seen, queue := map[string]bool{start: true}, []string{start}
		english := strings.HasPrefix(start, "/en/")
		for len(queue) > 0 && len(seen) < 2000 {
			path := queue[0]
			queue = queue[1:]
			answer, body := n.get(path)
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d", path, answer.StatusCode)
			}
			if !english && private.MatchString(body) {
				t.Errorf("%s names %q", path, private.FindString(body))
			}
			if strings.Contains(body, "<script>") || strings.Contains(body, " style=") || strings.Contains(body, "javascript:") || strings.Contains(body, "%!") {
				t.Errorf("%s has inline script or style, or a broken text", path)
			}
			root, err := html.Parse(strings.NewReader(body))
			n.must(err)
			d := &document{root, path}
			ids, labels, inputs, headings := map[string]int{}, map[string]bool{}, []string{}, 0
			d.each(func(e *html.Node) {
				if id := attributeOf(e, "id"); id != "" {
					ids[id]++
				}
				switch e.Data {
				case "label":
					labels[attributeOf(e, "for")] = true
				case "input", "textarea", "select":
					if attributeOf(e, "type") != "hidden" {
						inputs = append(inputs, attributeOf(e, "id"))
					}
				case "h1":
					headings++
				case "html":
					if lang := attributeOf(e, "lang"); lang != map[bool]string{false: "zh-Hans", true: "en"}[english] {
						t.Errorf("%s is in %q", path, lang)
					}
				}
			})
			if headings != 1 {
				t.Errorf("%s has %d headings", path, headings)
			}
			for id, times := range ids {
				if times > 1 {
					t.Errorf("%s has the id %s %d times", path, id, times)
				}
			}
			for _, id := range inputs {
				if !labels[id] {
					t.Errorf("%s: the input %q has no label", path, id)
				}
			}
			for _, link := range d.links() {
				sameLanguage := strings.HasPrefix(link, "/en/") == english
				if !sameLanguage || !strings.HasPrefix(strings.TrimPrefix(link, "/en"), "/b/") || seen[link] {
					continue
				}
				seen[link] = true
				if strings.HasSuffix(link, "/") {
					queue = append(queue, link)
				} else if answer, _ := n.get(link); answer.StatusCode != http.StatusOK { // a table, a text, the feed
					t.Errorf("%s: %s", link, answer.Status)
				}
			}
		}
		if len(seen) < 250 {
			t.Errorf("%s leads to %d pages alone", start, len(seen))
		}
		t.Logf("%s leads to %d pages", start, len(seen))
	}
}

// testAddressesWithoutPage: what is no page says so, and what lacks its last slash leads on.
func testAddressesWithoutPage(t *testing.T, n *node) {
	for _, path := range []string{
		"/b/nowhere/", "/b/liminba/2019/", "/b/liminba/2021-q5/", "/b/liminba/2021-13/", "/b/liminba/banana/", "/b/liminba/lines/banana/", "/b/liminba/lines/2021/page/1/",
		"/b/liminba/lines/2021/page/2/", "/b/liminba/lines/2021/page/999999999999/", "/b/liminba/lines/2021/page/0/", "/b/liminba/lines/2021/page/-1/", "/b/liminba/lines/2021/page/x/",
		"/b/liminba/lines/2021/page/201/", "/b/liminba/lines/2021/purpose/gold/", "/b/liminba/lines/2021/purpose/%27%3B--/", "/b/liminba/lines/2021/income/gold/", "/b/liminba/funds/gold/", "/b/liminba/funds/gold/2021/", "/b/liminba/funds/..%2F..%2Fetc/",
		"/b/liminba/v/r2021-999/", "/b/liminba/v/r2021-01/", "/b/liminba/v/x2021-1/", "/b/liminba/v/%E4%BB%982021-1/", "/b/liminba/v/r2021-99999999999/", "/b/liminba/editions/1/", "/b/liminba/editions/01/",
		"/b/liminba/editions/99999999999999/", "/b/liminba/inquiries/1/", "/b/liminba/inquiries/x/", "/b/liminba/inquiries/new/r2021-999/", "/b/liminba/known/2021-02-30/", "/b/liminba/known/yesterday/",
		"/b/liminba/known/0/", "/b/liminba/known/99999999999999999999/", "/b/%3Cscript%3E/", "/b/LIMINBA/", "/en/b/liminba/banana/", "/b/liminba/known/2020-03-05/2021/",
	} {
		answer, body := n.get(path)
		if answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "<h1>") || strings.Contains(body, "banana") && !strings.Contains(body, "hreflang") {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	for from, to := range map[string]string{
		"/b/liminba": "/b/liminba/", "/b/liminba/2021": "/b/liminba/2021/", "/en/b/liminba/lines/2021": "/en/b/liminba/lines/2021/", "/large/b/liminba/2021": "/large/b/liminba/2021/",
		"/b/liminba/known/?day=2021-09-30": "/b/liminba/known/2021-09-30/", "/en/b/liminba/known/?day=2021-09-30": "/en/b/liminba/known/2021-09-30/",
	} {
		if answer, _ := n.get(from); answer.Header.Get("Location") != to {
			t.Errorf("%s leads to %q, not %s", from, answer.Header.Get("Location"), to)
		}
	}
	if answer, body := n.get("/b/liminba/known/?day=%3Cb%3E"); answer.StatusCode != http.StatusOK || !strings.Contains(body, "2021-09-30 这样的日期") || strings.Contains(body, "<b>") {
		t.Errorf("a day that is none: %d", answer.StatusCode)
	}
}

// testKnownThen: the same pages, of a day that is over, say so, have the figures of that day, and stay with it.
func testKnownThen(t *testing.T, n *node) {
	answer, body := n.get("/b/liminba/known/2021-09-30/")
	for _, want := range []string{"2021年9月30日晚上", "截至 2021年9月30日", "37,771.08", "7,045.00", `href="/b/liminba/known/2021-09-30/lines/2021/"`, `href="/b/liminba/"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%d: as known on 30 September 2021 there is no %s", answer.StatusCode, want)
		}
	}
	if strings.Contains(body, "135,771.08") || strings.Contains(body, "2022年") {
		t.Error("as known on 30 September 2021 the future is shown")
	}
	if _, body := n.get("/b/liminba/known/30/"); !strings.Contains(body, "前 30 笔") {
		t.Error("a version is no moment")
	}
	if _, body := n.get("/b/liminba/2021/"); strings.Contains(body, "晚上") {
		t.Error("the present is shown as the past")
	}
	if answer, _ := n.get("/b/liminba/known/2021-09-30/v/r2021-2/"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a line of December as known in September: %d", answer.StatusCode)
	}
}

// firstPageMax bounds the first page with everything it loads, compressed, in bytes.
const firstPageMax = 60_000

// testWeight: the first page with all it loads is light enough for an old phone.
func testWeight(t *testing.T, n *node) {
	for _, path := range []string{"/b/liminba/", "/b/liminba/all/", "/en/b/liminba/all/"} {
		_, body := n.get(path)
		total := zipped(t, []byte(body))
		d := n.page(path)
		d.each(func(e *html.Node) {
			if address := attributeOf(e, map[string]string{"link": "href", "script": "src", "img": "src"}[e.Data]); strings.HasPrefix(address, "/assets/") {
				answer, asset := n.get(address)
				if answer.StatusCode != http.StatusOK {
					t.Errorf("%s: %d", address, answer.StatusCode)
				}
				total += zipped(t, []byte(asset))
			}
		})
		t.Logf("%s: %d bytes compressed", path, total)
		if total > firstPageMax {
			t.Errorf("%s is %d bytes, more than %d", path, total, firstPageMax)
		}
	}
}

func zipped(t *testing.T, data []byte) int {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// post sends a form as a browser does.
func (n *node) post(path string, form url.Values) (int, string) {
	n.t.Helper()
	answer, err := http.PostForm(n.url+path, form)
	n.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	n.must(err)
	return answer.StatusCode, string(body)
}

// testInquiries: anybody asks, gets a number and a clock, and an answer beside the line; what was asked stays unseen until a supervisor words it.
func testInquiries(t *testing.T, n *node) {
	command := ""
	n.page("/b/liminba/inquiries/new/p2021-18/").each(func(e *html.Node) {
		if attributeOf(e, "name") == "command" {
			command = attributeOf(e, "value")
		}
	})
	form := url.Values{"command": {command}, "voucher": {"付2021-18"}, "text": {"树苗为什么这么贵?<b>张三</b>"}}
	status, body := n.post("/b/liminba/inquiries/new/", form)
	for _, want := range []string{"编号 1", "最迟 2023年1月15日", "盐", "&lt;b&gt;张三", `href="/b/liminba/inquiries/1/"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%d: the receipt has no %s", status, want)
		}
	}
	if _, again := n.post("/b/liminba/inquiries/new/", form); !strings.Contains(again, "编号 1") {
		t.Error("sent twice it has another number")
	}
	for _, path := range []string{"/b/liminba/", "/b/liminba/inquiries/", "/b/liminba/inquiries/1/", "/b/liminba/v/p2021-18/"} {
		if _, body := n.get(path); !strings.Contains(body, "还有 10 天") || strings.Contains(body, "张三") || strings.Contains(body, "树苗") {
			t.Errorf("%s does not show the clock, or shows what was asked", path)
		}
	}
	if _, body := n.get("/b/liminba/lines/2021/"); !strings.Contains(body, "有质询") {
		t.Error("the line in the list is not marked")
	}
	governance := apiv1connect.NewGovernanceServiceClient(n.client())
	_, err := governance.PublishInquiry(n.as("supervisor"), &apiv1.PublishInquiryRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", Inquiry: 1, Wording: "树苗的价钱是怎么来的?", SimulatedAt: "2023-01-17T09:00:00+08:00"})
	n.must(err)
	if _, body := n.get("/b/liminba/inquiries/"); !strings.Contains(body, "树苗的价钱") || !strings.Contains(body, `<span class="tag bad">超期 2 天`) {
		t.Error("the wording is missing, or that it is overdue")
	}
	if _, body := n.get("/b/liminba/known/2023-01-10/inquiries/1/"); !strings.Contains(body, "还有 5 天") || strings.Contains(body, "树苗") {
		t.Error("as known before it was worded there is its wording, or not its clock")
	}
	_, err = governance.AnswerInquiry(n.as("treasurer"), &apiv1.AnswerInquiryRequest{
		CommandId: uuid.NewString(), CollectiveId: "liminba", Inquiry: 1, Text: "三家比价,合同在案。", Outcome: apiv1.InquiryOutcome_INQUIRY_OUTCOME_EXPLAINED,
	})
	n.must(err)
	for path, want := range map[string]string{"/b/liminba/v/p2021-18/": "三家比价", "/en/b/liminba/inquiries/1/": "explained", "/b/liminba/inquiries/": "已答复"} {
		if _, body := n.get(path); !strings.Contains(body, want) {
			t.Errorf("%s has no %s", path, want)
		}
	}
	for want, text := range map[string]string{"请写下要问的事": " \r\n ", "最多500个字": strings.Repeat("字", 501)} {
		if _, body := n.post("/b/liminba/inquiries/new/", url.Values{"command": {uuid.NewString()}, "text": {text}}); !strings.Contains(body, want) || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%q is taken", text[:3])
		}
	}
	last := ""
	for i := range 6 {
		_, last = n.post("/b/liminba/inquiries/new/", url.Values{"command": {uuid.NewString()}, "text": {fmt.Sprintf("第%d问", i)}})
	}
	if !strings.Contains(last, "第5问") || !strings.Contains(last, "过一会儿再发") {
		t.Errorf("who asks too often is not told so kindly:\n%s", last)
	}
	if answer, _ := n.get("/b/liminba/inquiries/new/"); answer.Header.Get("Cache-Control") != "private, no-store" {
		t.Error("the form may be kept by a cache, with its command id")
	}
}

// testEditions: an edition is shown with its text, and a later one that corrects it with what differs.
func testEditions(t *testing.T, n *node) {
	books := apiv1connect.NewBooksServiceClient(n.client())
	publish := func(corrects uint32, reason string) {
		_, err := books.PublishEdition(n.as("treasurer"), &apiv1.PublishEditionRequest{
			CommandId: uuid.NewString(), CollectiveId: "liminba", From: "2021-01-01", To: "2021-12-31", Corrects: corrects, Reason: reason,
		})
		n.must(err)
	}
	publish(0, "")
	_, err := apiv1connect.NewGovernanceServiceClient(n.client()).ReviewPeriod(n.as("supervisor"), &apiv1.ReviewPeriodRequest{
		CommandId: uuid.NewString(), CollectiveId: "liminba", Month: "2021-12", Verdict: apiv1.Verdict_VERDICT_REFUSED, Remark: "缺一张发票",
		Items: []*apiv1.ReviewItem{{Voucher: "收2021-2", Verdict: apiv1.Verdict_VERDICT_REMARKED, Remark: "请补合同"}},
	})
	n.must(err)
	publish(1, "补上监督意见")
	for path, want := range map[string][]string{
		"/b/liminba/editions/":   {"第 2 期", "已由第 2 期更正", "现行", "补上监督意见"},
		"/b/liminba/editions/1/": {"已由第 2 期更正", "第 2 期改了什么", "mingzhang/edition@v1", "<ins>"},
		"/b/liminba/editions/2/": {"与第 1 期相比", "<ins>"},
		"/b/liminba/2021/":       {"第 2 期", "监督委员会不同意", "2021年12月的账"},
		"/b/liminba/months/":     {"缺一张发票", "请补合同", "1 人不同意"},
		"/b/liminba/v/r2021-2/":  {"请补合同", "监督委员有意见"},
		"/b/liminba/verify/":     {"mingzhang verify", "--pin mingzhang.example/liminba#"},
	} {
		_, body := n.get(path)
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s has no %s", path, text)
			}
		}
	}
}

// testPictures looks at the pages in a browser: nothing is wider than the screen, and pictures are kept where they are wanted.
func testPictures(t *testing.T, n *node) {
	ctx := browsertest.Browser(t)
	for name, path := range map[string]string{
		"first": "/b/liminba/2021/", "lines": "/b/liminba/lines/2021/", "line": "/b/liminba/v/p2021-18/", "income": "/b/liminba/v/r2021-1/", "fund": "/b/liminba/funds/welfare/2021/", "rounds": "/b/liminba/rounds/",
		"rules": "/b/liminba/rules/", "editions": "/b/liminba/editions/", "edition": "/b/liminba/editions/1/", "months": "/b/liminba/months/", "inquiries": "/b/liminba/inquiries/", "ask": "/b/liminba/inquiries/new/p2021-18/",
		"verify": "/b/liminba/verify/", "known": "/b/liminba/known/2021-09-30/", "knownform": "/b/liminba/known/", "large": "/large/b/liminba/2021/", "all": "/b/liminba/all/", "english": "/en/b/liminba/2021/", "englishline": "/en/b/liminba/v/p2021-18/", "month": "/b/liminba/2021-09/",
	} {
		browsertest.Do(t, ctx, chromedp.EmulateViewport(360, 740))
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+path))
		if wide := browsertest.Do(t, ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); wide > 360 {
			t.Errorf("%s is %d wide on a phone of 360, for %v", path, wide, browsertest.Do(t, ctx, chromedp.Evaluate[[]string](
				`[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 360.01 && !e.closest('nav.tabs')).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 30))`)))
		}
		browsertest.Picture(t, ctx, "board-"+name+"-360", 360, 740)
		browsertest.Do(t, ctx, chromedp.EmulateViewport(1280, 900))
		browsertest.Accessible(t, ctx, path)
		browsertest.Picture(t, ctx, "board-"+name+"-1280", 1280, 900)
	}
}

// TestVerifyInTheBrowser: with the pin of an edition the page finds that nothing was changed, and with another root that it was; a log
// that is not public is said to be one.
func TestVerifyInTheBrowser(t *testing.T) {
	files := seeds.Demo()
	open := newNode(t, nil)
	for i := range files {
		files[i].Data = bytes.ReplaceAll(bytes.Clone(files[i].Data), []byte("PUBLIC_LOG_COMMITTEE"), []byte("PUBLIC_LOG_FULL"))
	}
	open.play(files...)
	closed := newNode(t, nil).play(seeds.Demo()...)
	ctx := browsertest.Browser(t)
	for _, c := range []struct {
		name, state, words string
		node               *node
		later              bool // something is booked after the edition
		pin                func(string) string
	}{
		{"the newest pin", "good", "没有改过", open, false, nil},
		{"an older pin", "good", "没有改过", open, true, nil},
		{"another root", "bad", "账簿被改过", open, false, func(pin string) string {
			at := strings.LastIndex(pin, ":") + 1
			return pin[:at] + strings.Repeat("A", 20) + pin[at+20:]
		}},
		{"a pin of more events", "bad", "少了", open, false, func(pin string) string { return "99999" + pin[strings.LastIndex(pin, ":"):] }},
		{"no pin", "good", "签名对", open, false, func(string) string { return "" }},
		{"a pin of another log", "bad", "另一本账", open, false, func(pin string) string { return "elsewhere.example/log" + pin[strings.LastIndex(pin, "#"):] }},
		{"no pin at all", "bad", "印记写得不对", open, false, func(string) string { return "hello" }},
		{"a log for the committee", "unknown", "看不出", closed, true, nil},
	} {
		books := apiv1connect.NewBooksServiceClient(c.node.client())
		edition := func(from, to string) string {
			answer, err := books.PublishEdition(c.node.as("treasurer"), &apiv1.PublishEditionRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", From: from, To: to})
			if err != nil {
				return ""
			}
			return answer.Receipt.Pin
		}
		pin := edition("2021-01-01", "2021-12-31")
		if pin == "" { // it was published before
			list, err := apiv1connect.NewDisclosureServiceClient(c.node.client()).ListEditions(c.node.as("admin"), &apiv1.ListEditionsRequest{CollectiveId: "liminba"})
			c.node.must(err)
			pin = list.Editions[0].Pin
		}
		if c.later {
			edition("2022-01-01", "2022-12-31")
		}
		if c.pin != nil {
			pin = c.pin(pin)
		}
		browsertest.Do(t, ctx, chromedp.Navigate(c.node.url+"/b/liminba/verify/"))
		browsertest.Until(t, ctx, `!document.getElementById('check').disabled`)
		browsertest.Do(t, ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.getElementById('pin').value = %q; document.getElementById('check').click(); true`, pin)))
		browsertest.Until(t, ctx, `document.getElementById('verdict').dataset.state && !document.getElementById('verdict').textContent.includes('正在')`)
		state := browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.getElementById('verdict').dataset.state`))
		text := browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.getElementById('verdict').textContent`))
		if state != c.state || !strings.Contains(text, c.words) {
			t.Errorf("%s: %s: %s", c.name, state, text)
		}
		if c.name == "an older pin" || c.name == "another root" {
			browsertest.Picture(t, ctx, "board-verified-"+c.state+"-360", 360, 740)
		}
	}
}
