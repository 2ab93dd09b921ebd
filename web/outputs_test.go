package web

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// publish publishes an edition of some days.
func (n *node) publish(from, to string) *apiv1.Edition {
	n.t.Helper()
	books := apiv1connect.NewBooksServiceClient(n.client())
	_, err := books.PublishEdition(n.as("treasurer"), &apiv1.PublishEditionRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", From: from, To: to})
	n.must(err)
	answer, err := apiv1connect.NewDisclosureServiceClient(n.client()).ListEditions(context.Background(), &apiv1.ListEditionsRequest{CollectiveId: "liminba"})
	n.must(err)
	return answer.Editions[len(answer.Editions)-1]
}

// under gives the address of a site that people reach under an origin.
func (n *node) under(origin string) string {
	n.t.Helper()
	server := httptest.NewServer(New(Config{Services: n.server.InProcess(), Clock: func() time.Time { return n.now }, Origin: origin}))
	n.t.Cleanup(server.Close)
	return server.URL
}

// tool is a program from outside, or a test that says aloud what it skips.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT TESTED: printed posters, for there is no %s (make packages installs it)", name)
	}
	return path
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool(t, name), args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}

// TestPosterPrinted: the demo's quarters fit on one A3 sheet each, an independent reader reads the pin off the picture of it, the capitals
// are there, and no letter is smaller than 12 pt on A3, 10 pt on A4.
func TestPosterPrinted(t *testing.T) {
	tool(t, "pdfinfo")
	n := newNode(t, nil).play(seeds.Demo()...)
	edition := n.publish("2021-07-01", "2021-09-30")
	year := n.publish("2022-01-01", "2022-12-31")
	ctx := browsertest.Browser(t)
	pages := func(path, name string) (int, string) {
		browsertest.Do(t, ctx, chromedp.Navigate(path))
		file := browsertest.PDF(t, ctx, name)
		info := run(t, "pdfinfo", file)
		count, err := strconv.Atoi(strings.TrimSpace(regexp.MustCompile(`Pages:(.*)`).FindStringSubmatch(info)[1]))
		n.must(err)
		size := "841.89 x 1190.55" // points
		if strings.HasSuffix(path, "/a4/") {
			size = "594.96 x 841.92"
		}
		if got := regexp.MustCompile(`Page size: *([0-9.]+ x [0-9.]+)`).FindStringSubmatch(info)[1]; !near(got, size) {
			t.Errorf("%s is printed on %s, not on %s", path, got, size)
		}
		return count, file
	}
	for _, of := range []string{"/b/liminba/poster/2021-q3/a3/", "/b/liminba/poster/2022-q1/a3/", "/b/liminba/poster/2022-q3/a3/", "/en/b/liminba/poster/2022-q3/a3/"} { // the quarters with most lines
		if count, _ := pages(n.url+of, "poster"+strings.ReplaceAll(of, "/", "-")); count != 1 {
			t.Errorf("%s has %d sheets", of, count)
		}
	}
	count, file := pages(n.url+"/b/liminba/poster/2/a4/", "poster-year-a4")
	if text := run(t, "pdftotext", "-layout", file, "-"); count < 2 || strings.Count(text, "凭证号") != count-1 && strings.Count(text, "凭证号") != count || !strings.Contains(strings.ReplaceAll(text, " ", ""), "2/"+strconv.Itoa(count)) {
		t.Errorf("%d sheets of A4, the head of the table on %d of them:\n%s", count, strings.Count(text, "凭证号"), text)
	}
	nowhere := n.under("") // a server that does not know what people type
	for _, c := range []struct{ path, pin string }{
		{nowhere + "/b/liminba/poster/1/a3/", edition.Pin}, {nowhere + "/b/liminba/poster/2022/a4/", year.Pin},
		{n.under("https://books.example") + "/b/liminba/poster/1/a3/", "https://books.example/b/liminba/verify/#" + pinOf(edition)},
	} {
		_, file := pages(c.path, "poster-code")
		run(t, "pdftoppm", "-r", "150", "-png", file, file)
		last := ""
		for _, sheet := range strings.Fields(run(t, "sh", "-c", "ls "+file+"-*.png")) {
			out, _ := exec.Command(tool(t, "zbarimg"), "-q", "--raw", sheet).Output() // a sheet without a code is status 4
			last += strings.TrimSpace(string(out))
		}
		run(t, "sh", "-c", "rm "+file+"-*.png")
		if last != c.pin {
			t.Errorf("%s: the code says %q, not %q", c.path, last, c.pin)
		}
	}
	for paper, points := range map[string]string{"a3": "12", "a4": "10"} {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/b/liminba/poster/1/"+paper+"/"))
		small := browsertest.Do(t, ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll('main *')].filter(e => !e.closest('svg') && [...e.childNodes].some(c => c.nodeType === 3 && c.data.trim())
			&& parseFloat(getComputedStyle(e).fontSize) < `+points+` / 0.75 - 0.01).map(e => e.tagName + ' ' + getComputedStyle(e).fontSize + ' ' + e.textContent)`))
		if len(small) > 0 {
			t.Errorf("%s: too small: %q", paper, small)
		}
		if side := browsertest.Do(t, ctx, chromedp.Evaluate[float64](`document.querySelector('.qr').getBoundingClientRect().width / 96 * 25.4`)); side*28/37 < 30 {
			t.Errorf("%s: the code has a side of less than 30 mm: %.1f with its quiet zone", paper, side)
		}
	}
}

// near compares sizes of paper to a point.
func near(a, b string) bool {
	var x, y [2]float64
	for i, text := range [2]string{a, b} {
		w, h, _ := strings.Cut(text, " x ")
		x[i], _ = strconv.ParseFloat(w, 64)
		y[i], _ = strconv.ParseFloat(h, 64)
	}
	return max(x[0]-x[1], x[1]-x[0], y[0]-y[1], y[1]-y[0]) < 1
}

// TestPosterText: what a poster says is what the API says, with the capitals of notices.
func TestPosterText(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	edition := n.publish("2021-07-01", "2021-09-30")
	answer, body := n.get("/b/liminba/poster/1/a3/")
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, body)
	}
	for _, want := range []string{
		"利民坝社区集体资金收支公示", "2021年第三季度", "第 1 期公示", "单位：元", "137,173.92", "壹拾叁万柒仟壹佰柒拾叁元玖角贰分", "189,600.00", "壹拾捌万玖仟陆佰元整", "0.00", "零元整",
		"151,828.92", "37,771.08", "叁万柒仟柒佰柒拾壹元零捌分", "8,355.00", "捌仟叁佰伍拾伍元整", "付2021-18", "绿化栽种", "青禾苗木合作社", "成员 ××", "公示期：自", "经手", "监督委员会",
		inGroups(edition.ContentSha256), inGroups(pinOf(edition)), "打印于 2023年1月10日", "明账 test", "共 13 笔",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the poster does not say %q", want)
		}
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "草稿") {
		t.Error("the poster of an edition has a script, or calls itself a draft")
	}
	statement, err := apiv1connect.NewDisclosureServiceClient(n.client()).GetFundStatement(context.Background(), &apiv1.GetFundStatementRequest{CollectiveId: "liminba", From: "2021-07-01", To: "2021-09-30"})
	n.must(err)
	for _, f := range append(statement.Funds, statement.Total) {
		for _, amount := range []string{f.Opening, f.Received, f.Spent, f.Closing} {
			if !strings.Contains(body, ">"+grouped(amount)+"<") {
				t.Errorf("%s: %s is not there", f.Name, amount)
			}
		}
	}
	if _, draft := n.get("/b/liminba/poster/2022-q1/a4/"); !strings.Contains(draft, "草稿") || strings.Contains(draft, "SHA-256") {
		t.Error("a poster without an edition does not say so")
	}
	for path, status := range map[string]int{"/b/liminba/poster/9/a3/": 404, "/b/liminba/poster/2021-q5/a3/": 404, "/b/liminba/poster/1/a2/": 404, "/b/liminba/poster/1/": 302, "/b/nobody/poster/1/a3/": 404,
		"/b/liminba/poster/2021-13/a3/": 404, "/b/liminba/poster/0/a3/": 404, "/b/liminba/poster/x/a3/": 404} {
		if answer, _ := n.get(path); answer.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, status)
		}
	}
}

// TestPosterOfOldEdition: a poster of an edition has the figures that were known then, and says that it was corrected.
func TestPosterOfOldEdition(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.publish("2022-12-01", "2022-12-31")
	books := apiv1connect.NewBooksServiceClient(n.client())
	// December is closed; a fact of the day after the last one changes a later board alone. The correction of the edition is enough here.
	_, err := books.PublishEdition(n.as("treasurer"), &apiv1.PublishEditionRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", From: "2022-12-01", To: "2022-12-31", Corrects: 1, Reason: "漏了一张附件"})
	n.must(err)
	if _, body := n.get("/b/liminba/poster/1/a3/"); !strings.Contains(body, "作废：已由第 2 期更正") {
		t.Error("the poster of a corrected edition does not say so")
	}
	if _, body := n.get("/b/liminba/poster/2/a3/"); !strings.Contains(body, "更正第 1 期：漏了一张附件") {
		t.Error("the poster of a correction does not say what it corrects")
	}
	if _, body := n.get("/b/liminba/poster/2022-12/a3/"); !strings.Contains(body, "第 2 期公示") {
		t.Error("the poster of a month is not that of its newest edition")
	}
}

// sealed adopts a witness policy, closes January 2023 and has three of five witnesses sign it.
func (n *node) sealed() {
	n.t.Helper()
	n.now = time.Date(2023, 2, 10, 2, 0, 0, 0, time.UTC)
	governance := apiv1connect.NewGovernanceServiceClient(n.client())
	at := "2023-02-09T09:00:00+08:00"
	_, err := governance.RecordResolution(n.as("approver"), &apiv1.RecordResolutionRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", SimulatedAt: at, ResolutionId: "witnesses", Title: "推选见证人",
		Body: "household_heads", DecidedOn: "2023-02-09", Electorate: 665, Present: 600, VotesFor: 600, MinutesSha256: strings.Repeat("ab", 32), Matter: apiv1.Matter_MATTER_CHARTER})
	n.must(err)
	_, err = governance.ConfirmResolution(n.as("supervisor"), &apiv1.ConfirmResolutionRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", SimulatedAt: at, ResolutionId: "witnesses"})
	n.must(err)
	group := &apiv1.WitnessGroup{Name: "committee", Threshold: 3}
	names := []string{"first", "second", "third", "fourth", "fifth"}
	for _, name := range names {
		group.Witnesses = append(group.Witnesses, &apiv1.Witness{Name: name, Key: lt.WitnessKey(name)})
	}
	_, err = governance.AdoptWitnessPolicy(n.as("approver"), &apiv1.AdoptWitnessPolicyRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", SimulatedAt: at, ResolutionId: "witnesses", Groups: []*apiv1.WitnessGroup{group}})
	n.must(err)
	_, err = governance.ClosePeriod(n.as("treasurer"), &apiv1.ClosePeriodRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", SimulatedAt: at, Month: "2023-01"})
	n.must(err)
	n.cosign(names[:3]...)
}

// cosign has witnesses sign January 2023.
func (n *node) cosign(names ...string) {
	n.t.Helper()
	disclosure := apiv1connect.NewDisclosureServiceClient(n.client())
	seal, err := disclosure.GetSeal(context.Background(), &apiv1.GetSealRequest{CollectiveId: "liminba", Month: "2023-01"})
	n.must(err)
	note, err := signednote.Parse([]byte(seal.Note))
	n.must(err)
	for _, name := range names {
		seed := lt.WitnessSeed(name)
		key, err := witness.NewKey("witness.example/"+name, seed[:])
		n.must(err)
		c, err := key.Cosign(note.Text, n.now)
		n.must(err)
		note.Signatures = append(note.Signatures, c.Line(key.Verifier()))
	}
	_, err = disclosure.SubmitCosignature(context.Background(), &apiv1.SubmitCosignatureRequest{CollectiveId: "liminba", Note: string(note.Bytes())})
	n.must(err)
}

// TestPosterSeal: who has signed is a full petal, the others have a line to sign on; and a signature, which is no event, gives the page another
// tag.
func TestPosterSeal(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.sealed()
	_, body := n.get("/b/liminba/poster/2023-01/a3/")
	if full, dashed := strings.Count(body, `fill="currentColor" stroke="currentColor"`), strings.Count(body, "stroke-dasharray"); full != 3 || dashed != 2 {
		t.Errorf("%d petals are full and %d are not", full, dashed)
	}
	for _, want := range []string{"committee:5 人中已签 3 人,要 3 人", "五瓣章已盖", "fourth", "3/5"} {
		if !strings.Contains(body, want) {
			t.Errorf("the poster does not say %q", want)
		}
	}
}

// TestWall: on a screen of 1920 by 1080 no letter is smaller than 28 px, figures are of 48 px or more, nothing is cut off; the scenes follow one
// another with script and without; and a screen whose server is away says how old its figures are until it answers again.
func TestWall(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.publish("2021-07-01", "2021-09-30")
	ctx := browsertest.Browser(t)
	browsertest.Do(t, ctx, chromedp.EmulateViewport(1920, 1080))
	for i, path := range []string{"/b/liminba/wall/", "/b/liminba/wall/2/", "/b/liminba/wall/3/", "/b/liminba/wall/4/", "/en/b/liminba/wall/", "/en/b/liminba/wall/2/", "/en/b/liminba/wall/3/", "/en/b/liminba/wall/4/"} {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+path))
		browsertest.Until(t, ctx, `document.getAnimations().every(a => a.playState === 'finished')`)
		browsertest.Picture(t, ctx, "wall"+strconv.Itoa(i+1), 1920, 1080)
		small := browsertest.Do(t, ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll('main *')].filter(e => !e.closest('svg, .hidden') && [...e.childNodes].some(c => c.nodeType === 3 && c.data.trim())
			&& parseFloat(getComputedStyle(e).fontSize) < (e.matches('td .n, .four .n') ? 48 : 27.99)).map(e => e.tagName + ' ' + getComputedStyle(e).fontSize + ' ' + e.textContent)`))
		if len(small) > 0 {
			t.Errorf("%s: too small: %q", path, small)
		}
		if cut := browsertest.Do(t, ctx, chromedp.Evaluate[string](`[document.querySelector('main').scrollHeight, document.querySelector('main').scrollWidth, document.querySelector('footer').getBoundingClientRect().bottom <= 1080].join()`)); cut != "1080,1920,true" {
			t.Errorf("%s: it does not fit: %s", path, cut)
		}
	}
	// The same pages with seconds instead of twenties, and a server that can be away.
	away := false
	backend := New(Config{Services: n.server.InProcess(), Clock: func() time.Time { return n.now }})
	fast := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		r.Header.Del("Accept-Encoding")
		recorded := httptest.NewRecorder()
		backend.ServeHTTP(recorded, r)
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorded.Code)
		body := bytes.ReplaceAll(recorded.Body.Bytes(), []byte(`data-seconds="20"`), []byte(`data-seconds="1"`))
		_, _ = w.Write(bytes.ReplaceAll(body, []byte(`content="20; url=`), []byte(`content="1; url=`)))
	}))
	t.Cleanup(fast.Close)
	browsertest.Do(t, ctx, chromedp.Navigate(fast.URL+"/b/liminba/wall/"))
	browsertest.Until(t, ctx, `document.body.innerText.includes('最近的收支') && location.pathname === '/b/liminba/wall/'`)
	browsertest.Until(t, ctx, `document.body.innerText.includes('有疑问')`)
	browsertest.Until(t, ctx, `document.body.innerText.includes('今年收入') && document.querySelector('.stale').hidden`)
	away = true
	browsertest.Until(t, ctx, `!document.querySelector('.stale').hidden && document.querySelector('.stale').textContent.includes('1 分钟前')`)
	browsertest.Picture(t, ctx, "wall-stale", 1920, 1080)
	away = false
	browsertest.Until(t, ctx, `document.querySelector('.stale').hidden`)
	if !strings.Contains(string(mustGet(t, fast.URL+"/b/liminba/wall/4/")), `<noscript><meta http-equiv="refresh" content="1; url=/b/liminba/wall/"`) {
		t.Error("without script the last scene does not lead to the first")
	}
}

func mustGet(t *testing.T, url string) []byte {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	return b.Bytes()
}

func TestSpoken(t *testing.T) {
	for amount, want := range map[string][2]string{
		"0.00": {"零元", "nothing"}, "196000.00": {"十九万六千元", "one hundred and ninety-six thousand yuan"},
		"137173.92": {"十三万七千一百七十三元九角二分", "one hundred and thirty-seven thousand one hundred and seventy-three yuan and ninety-two fen"},
		"20300.00":  {"两万零三百元", "twenty thousand three hundred yuan"}, "42.72": {"四十二元七角二分", "forty-two yuan and seventy-two fen"},
		"10.00": {"十元", "ten yuan"}, "110.00": {"一百一十元", "one hundred and ten yuan"}, "2.00": {"两元", "two yuan"}, "0.02": {"两分", "two fen"}, "0.20": {"两角", "twenty fen"},
		"2.02": {"两元零二分", "two yuan and two fen"}, "22222.22": {"两万二千二百二十二元二角二分", "twenty-two thousand two hundred and twenty-two yuan and twenty-two fen"},
		"100010001.00": {"一亿零一万零一元", "one hundred million ten thousand and one yuan"}, "-8.50": {"负八元五角", "minus eight yuan and fifty fen"},
		"1000000.05": {"一百万元零五分", "one million yuan and five fen"}, "200.00": {"二百元", "two hundred yuan"}, "12000.00": {"一万二千元", "twelve thousand yuan"},
		"100000000000.00": {"一千亿元", "one hundred billion yuan"}, "1.2": {"1.2", "1.2"}, "x": {"x", "x"},
	} {
		if zh, en := spoken(amount), spokenEnglish(amount); zh != want[0] || en != want[1] {
			t.Errorf("%s: %s, %s", amount, zh, en)
		}
	}
}

// TestLoudspeaker: sentences alone, amounts in words, those of the API.
func TestLoudspeaker(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.publish("2021-07-01", "2021-09-30")
	answer, body := n.get("/b/liminba/loudspeaker/2021-q3.txt")
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || got != "text/plain; charset=utf-8" {
		t.Fatal(answer.Status, got)
	}
	for _, want := range []string{
		"利民坝社区集体资金公示,2021年第三季度。\n", "这是第1期公示,", "收入零元,支出十五万一千八百二十八元九角二分。\n", "期末一共有三万七千七百七十一元零八分。\n",
		"储备金:收入零元,支出八千三百五十五元,还有七千零四十五元。\n", "下面逐笔念动用基金的3笔。\n", "2021年7月20日,第一次分红,十三万七千一百七十三元九角二分。\n", "另有10笔不动基金",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("it does not say %q:\n%s", want, body)
		}
	}
	if strings.ContainsAny(body, "¥<>*") {
		t.Errorf("there is something in it that cannot be read aloud:\n%s", body)
	}
	if _, newest := n.get("/b/liminba/loudspeaker.txt"); !strings.Contains(newest, "2022年第四季度") || !strings.Contains(newest, "还没有发布公示") {
		t.Errorf("the newest quarter:\n%s", newest)
	}
	if _, other := n.get("/en/b/liminba/loudspeaker/1.txt"); !strings.Contains(other, "This is edition 1, published on 5 January 2023.") || !strings.Contains(other, "eight thousand three hundred and fifty-five yuan") {
		t.Errorf("the English twin:\n%s", other)
	}
}
