package web

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// formulas are texts that a spreadsheet would carry out.
var formulas = []string{`=HYPERLINK("http://evil.example","x")`, "+1+1", "-2+3", "@SUM(A1)", " =1", "\u3000=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", "'quoted", `a"b,c`, "<script>alert(1)</script>"}

// withFormulas records an income for each.
func (n *node) withFormulas() {
	n.t.Helper()
	n.now = time.Date(2023, 2, 10, 2, 0, 0, 0, time.UTC)
	books := apiv1connect.NewBooksServiceClient(n.client())
	for i, text := range formulas {
		_, err := books.RecordIncome(n.as("treasurer"), &apiv1.RecordIncomeRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", SimulatedAt: "2023-01-20T09:00:00+08:00", Kind: "rent", Amount: "0.1" + string('0'+rune(i%10)),
			OccurredOn: "2023-01-15", MoneyAccount: "bank", Narration: text})
		n.must(err)
	}
}

// TestTables: every table is there in three forms with the same rows; JSON is the answer of the API; amounts in the workbook are numbers with
// the very digits of the API; no text is a formula; and from each form every text comes back.
func TestTables(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.publish("2021-07-01", "2021-09-30")
	n.withFormulas()
	for _, kind := range tableKinds {
		for _, period := range []string{"", "2021-q3", "2023-01"} {
			stem := "/b/liminba/tables/" + kind.name
			if period != "" {
				stem += "/" + period
			}
			answer, text := n.get(stem + ".csv")
			if period != "" && !kind.period {
				if answer.StatusCode != http.StatusNotFound {
					t.Errorf("%s: %d", stem, answer.StatusCode)
				}
				continue
			}
			if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(text, "\ufeff") || strings.Count(text, "\n") != strings.Count(text, "\r\n") {
				t.Fatalf("%s.csv: %s %v\n%s", stem, answer.Status, answer.Header, text)
			}
			rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
			n.must(err)
			answer, text = n.get(stem + ".xlsx")
			if answer.StatusCode != http.StatusOK {
				t.Fatal(stem, answer.Status)
			}
			f, err := excelize.OpenReader(strings.NewReader(text))
			n.must(err)
			if got := f.GetSheetList(); len(got) != 1 || got[0] != kind.zh {
				t.Errorf("%s: sheets %v", stem, got)
			}
			cells, err := f.GetRows(kind.zh, excelize.Options{RawCellValue: true})
			n.must(err)
			if len(cells) != len(rows) {
				t.Fatalf("%s: %d rows in CSV, %d in XLSX", stem, len(rows), len(cells))
			}
			for y := range rows {
				for x := range rows[y] {
					plain, cell := rows[y][x], ""
					if x < len(cells[y]) {
						cell = cells[y][x]
					}
					if first := strings.TrimLeft(plain, " \t\u3000\u00a0"); first != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", []rune(first)[0]) && !amountForm(plain) {
						t.Errorf("%s: a formula: %q", stem, plain)
					}
					if y > 0 && strings.TrimPrefix(plain, "'") != cell {
						t.Errorf("%s: row %d column %s: %q in CSV, %q in XLSX", stem, y, rows[0][x], plain, cell)
					}
					name, _ := excelize.CoordinatesToCellName(x+1, y+1)
					if formula, _ := f.GetCellFormula(kind.zh, name); formula != "" {
						t.Errorf("%s %s: formula %q", stem, name, formula)
					}
				}
			}
			f.Close()
		}
	}
	rows, _ := csv.NewReader(strings.NewReader(strings.TrimPrefix(bodyOf(n.get("/b/liminba/tables/lines/2023-01.csv")), "\ufeff"))).ReadAll()
	var narrations []string
	for _, row := range rows[1:] {
		narrations = append(narrations, strings.TrimPrefix(row[2], "'"))
	}
	want := slices.Clone(formulas)
	want[10] = "quoted" // its own apostrophe is behind ours
	for i := range narrations {
		narrations[i] = strings.TrimPrefix(narrations[i], "'")
	}
	for i, text := range want {
		want[i] = strings.TrimSpace(text)
		narrations[i] = strings.TrimSpace(narrations[i])
	}
	if !slices.Equal(narrations, want) {
		t.Errorf("texts %q, want %q", narrations, want)
	}
	disclosure := apiv1connect.NewDisclosureServiceClient(n.client())
	statement, err := disclosure.GetFundStatement(context.Background(), &apiv1.GetFundStatementRequest{CollectiveId: "liminba", From: "2021-07-01", To: "2021-09-30", AsOf: "2021-09-30"})
	n.must(err)
	var got apiv1.GetFundStatementResponse
	n.must(protojson.Unmarshal([]byte(bodyOf(n.get("/b/liminba/tables/funds/2021-q3.json"))), &got))
	if !proto.Equal(&got, statement) {
		t.Errorf("JSON %v, the API %v", &got, statement)
	}
	if text := bodyOf(n.get("/b/liminba/tables/funds/2021-q3.csv")); !strings.Contains(text, "\r\nwelfare,公益金,17400.00,0.00,6300.00,11100.00\r\n") || !strings.Contains(text, "\r\ntotal,合计,189600.00,0.00,151828.92,37771.08\r\n") {
		t.Errorf("funds:\n%s", text)
	}
	for path, status := range map[string]int{"/b/liminba/tables/nothing.csv": 404, "/b/liminba/tables/lines.pdf": 404, "/b/liminba/tables/lines/2021-q9.csv": 404, "/b/liminba/tables/lines": 404, "/b/nobody/tables/lines.csv": 404} {
		if answer, _ := n.get(path); answer.StatusCode != status {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

func bodyOf(_ *http.Response, text string) string { return text }

// amountForm says whether a cell is an amount.
func amountForm(cell string) bool { return strings.Trim(cell, "-0123456789.") == "" }

// TestWorkbookDigits: an amount that no float holds stands in the file as it is.
func TestWorkbookDigits(t *testing.T) {
	table := &dataTable{columns: []tableColumn{{"amount", "金额", "Amount", amountCell}, {"text", "文字", "Text", textCell}}, rows: [][]string{{"90071992547409.93", "=1"}, {"-0.10", "1.50"}, {"9223372036854775.07", ""}}}
	data, err := table.xlsx(tableKinds[0])
	if err != nil {
		t.Fatal(err)
	}
	again, err := table.xlsx(tableKinds[0])
	if err != nil || !bytes.Equal(data, again) {
		t.Error("the same table gives another workbook", err)
	}
	files, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := files.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(sheet)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<v>90071992547409.93</v>", "<v>-0.10</v>", "<v>9223372036854775.07</v>"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in the sheet:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "<v>1.50</v>") || strings.Contains(string(text), "<f>") {
		t.Errorf("a text became a number or a formula:\n%s", text)
	}
}

// TestFeed: the feed is Atom with what RFC 4287 wants of it, and an entry of an edition keeps its id wherever it is read.
func TestFeed(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	type feed struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string   `xml:"id"`
		Title   string   `xml:"title"`
		Updated string   `xml:"updated"`
		Author  string   `xml:"author>name"`
		Links   []struct {
			Rel  string `xml:"rel,attr"`
			Href string `xml:"href,attr"`
		} `xml:"link"`
		Entries []struct {
			ID      string `xml:"id"`
			Title   string `xml:"title"`
			Updated string `xml:"updated"`
			Content string `xml:"content"`
			Link    struct {
				Href string `xml:"href,attr"`
			} `xml:"link"`
		} `xml:"entry"`
	}
	read := func(address string) (f feed) {
		t.Helper()
		n.must(xml.Unmarshal(mustGet(t, address), &f))
		return f
	}
	if f := read(n.url + "/b/liminba/editions.atom"); len(f.Entries) != 0 || f.Updated == "" {
		t.Errorf("the feed without editions: %+v", f)
	}
	first := n.publish("2021-07-01", "2021-09-30")
	n.publish("2021-10-01", "2021-12-31")
	books := apiv1connect.NewBooksServiceClient(n.client())
	_, err := books.PublishEdition(n.as("treasurer"), &apiv1.PublishEditionRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", From: "2021-07-01", To: "2021-09-30", Corrects: 1, Reason: "漏页 <1>"})
	n.must(err)
	f, elsewhere := read(n.under("")+"/b/liminba/editions.atom"), read(n.under("https://books.example")+"/en/b/liminba/editions.atom")
	if f.ID != "tag:mingzhang.example,2020-03-01:liminba/editions" || f.Author != "利民坝社区集体" || len(f.Entries) != 3 || len(f.Links) != 2 {
		t.Fatalf("%+v", f)
	}
	ids := map[string]bool{}
	for i, e := range f.Entries {
		if _, err := time.Parse(time.RFC3339, e.Updated); err != nil || ids[e.ID] || !strings.HasPrefix(e.ID, "tag:mingzhang.example,2023-01-") || e.ID != elsewhere.Entries[i].ID || e.Updated > f.Updated {
			t.Errorf("entry %d: %+v", i, e)
		}
		ids[e.ID] = true
		if to, err := url.Parse(elsewhere.Entries[i].Link.Href); err != nil || to.Host != "books.example" || to.Path != "/en"+e.Link.Href {
			t.Errorf("entry %d leads to %s and %s", i, e.Link.Href, elsewhere.Entries[i].Link.Href)
		}
		if answer, _ := n.get(e.Link.Href); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", e.Link.Href, answer.Status)
		}
	}
	if e := f.Entries[2]; e.Title != typeset("第 1 期公示:2021年第三季度") || !strings.Contains(e.Content, first.ContentSha256) || !strings.Contains(e.Content, "已由第 3 期更正") {
		t.Errorf("the oldest: %+v", e)
	}
	if e := f.Entries[0]; !strings.Contains(e.Content, "漏页 <1>") {
		t.Errorf("the newest: %+v", e)
	}
}

// TestEmbed: only the page made for it may be framed, and it has neither script nor cookie.
func TestEmbed(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	answer, body := n.get("/b/liminba/embed/")
	csp := answer.Header.Get("Content-Security-Policy")
	if answer.StatusCode != 200 || !strings.Contains(csp, "frame-ancestors *") || strings.Contains(csp, "script-src") || strings.Contains(body, "<script") || answer.Header.Get("Set-Cookie") != "" || len(body) > 4<<10 {
		t.Errorf("%s, %d bytes, %v\n%s", answer.Status, len(body), answer.Header, body)
	}
	if !strings.Contains(body, "126,765.05") {
		t.Error("the closing of the year is not there")
	}
	for _, path := range []string{"/b/liminba/", "/b/liminba/data/", "/b/liminba/poster/2021-q3/a3/", "/b/liminba/wall/", "/b/liminba/tables/funds.csv", "/b/liminba/nothing/"} {
		if answer, _ := n.get(path); !strings.Contains(answer.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s may be framed", path)
		}
	}
	if body := string(mustGet(t, n.under("")+"/en/b/liminba/data/")); !strings.Contains(body, `&lt;iframe src=&#34;https://HOST/en/b/liminba/embed/&#34;`) || !strings.Contains(body, `href="/b/liminba/tables/lines.xlsx"`) {
		t.Error("the page of data does not show how to embed the board, or where tables are")
	}
}
