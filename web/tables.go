package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/spreadsheet"
)

// tableLinesMost is how many lines a table has at most; longer books are exported by the command line (docs/exports.md).
const tableLinesMost = 50_000

// cellKind says what the cells of a column are.
type cellKind int

const (
	textCell   cellKind = iota
	amountCell          // yuan with two decimals, as the API gives it
	countCell           // a whole number
)

// tableColumn is a column: its name for programs, and what people read above it.
type tableColumn struct {
	name, zh, en string
	kind         cellKind
}

// dataTable is a table of the board in its three forms: the API's answer as JSON, and rows for CSV and XLSX, which have the same figures.
type dataTable struct {
	columns []tableColumn
	rows    [][]string
	answer  proto.Message
}

// tableKind is a table that is offered.
type tableKind struct {
	name, zh, en string
	call         string // method of the API with the same answer
	period       bool   // of a period, or of everything
	read         func(s *site, v *visit, at stretch) (*dataTable, error)
}

var tableKinds = []tableKind{
	{"funds", "基金收支", "Funds", "GetFundStatement", true, (*site).fundsTable},
	{"months", "各月收支", "Months", "GetBoard", true, (*site).monthsTable},
	{"flow", "资金流向", "Flow of money", "GetBoard", true, (*site).flowTable},
	{"lines", "逐笔明细", "Every line", "ListReceiptsAndPayments", true, (*site).linesTable},
	{"rounds", "救助、奖学和分红", "Grants and dividends", "ListRounds", false, (*site).roundsTable},
	{"editions", "各期公示", "Editions", "ListEditions", false, (*site).editionsTable},
	{"inquiries", "质询", "Inquiries", "ListInquiries", false, (*site).inquiriesTable},
	{"resolutions", "决议", "Resolutions", "ListResolutions", false, (*site).resolutionsTable},
	{"seals", "封账会签", "Seals", "ListSeals", false, (*site).sealsTable},
}

// tableForms are the endings of tables and what they are.
var tableForms = []struct{ ending, contentType string }{
	{"csv", "text/csv; charset=utf-8"},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"json", "application/json"},
}

// table answers with a table of everything (/tables/lines.csv) or of a period (/tables/lines/2021-q3.csv).
func (s *site) table(v *visit) (templ.Component, error) {
	stem, ending, ok := strings.Cut(v.request.PathValue("file"), ".")
	name, period := stem, ""
	if table := v.request.PathValue("table"); table != "" {
		name, period = table, stem
	}
	i := slices.IndexFunc(tableKinds, func(k tableKind) bool { return k.name == name })
	if !ok || i < 0 || period != "" && !tableKinds[i].period {
		return nil, errNotFound
	}
	var at stretch
	if period != "" {
		var err error
		if at, err = stretchNamed(period); err != nil {
			return nil, err
		}
	}
	for _, form := range tableForms {
		if form.ending != ending {
			continue
		}
		t, err := tableKinds[i].read(s, v, at)
		if err != nil {
			return nil, err
		}
		var data []byte
		switch ending {
		case "csv":
			data, err = t.csv()
		case "xlsx":
			data, err = t.xlsx(tableKinds[i])
		case "json":
			data, err = t.json()
		}
		if err != nil {
			return nil, err
		}
		v.writer.Header().Set("Content-Disposition", `inline; filename="`+fileName(v.collective(), name, period)+"."+ending+`"`)
		v.writer.Header().Set("Access-Control-Allow-Origin", "*") // it is public: a board of others may read it with a script
		v.file(form.contentType, data)
		return nil, nil
	}
	return nil, errNotFound
}

// fileName is what a table is called on the disk of whoever keeps it.
func fileName(collective, name, period string) string {
	if period == "" {
		return collective + "-" + name
	}
	return collective + "-" + name + "-" + period
}

// json is the answer of the API as its callers get it. The library puts blanks in at random; they are taken out again.
func (t *dataTable) json() ([]byte, error) {
	text, err := protojson.Marshal(t.answer)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// csv is RFC 4180 in UTF-8 with a byte order mark, without which spreadsheets on a Chinese Windows take it for GBK. Texts are no formulas.
func (t *dataTable) csv() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	_ = w.Write(names) // the writer keeps its first error
	for _, row := range t.rows {
		cells := slices.Clone(row)
		for i := range cells {
			if t.columns[i].kind == textCell {
				cells[i] = spreadsheet.Inert(cells[i])
			}
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// xlsx is a workbook with one sheet. An amount is a number whose digits stand in the file exactly as the API gave them: SetCellDefault writes
// them as they are, where SetCellValue would go through a float. A text is a string, which no spreadsheet takes for a formula.
func (t *dataTable) xlsx(kind tableKind) (_ []byte, err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	const sheet = "Sheet1"
	text, err1 := f.NewStyle(&excelize.Style{NumFmt: 49, Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}})
	format := "#,##0.00"
	amount, err2 := f.NewStyle(&excelize.Style{CustomNumFmt: &format, Alignment: &excelize.Alignment{Vertical: "top"}})
	head, err3 := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	set := func(column, row int, write func(sheet, cell string) error, style int) error {
		cell, err := excelize.CoordinatesToCellName(column+1, row+1)
		if err != nil {
			return err
		}
		return errors.Join(write(sheet, cell), f.SetCellStyle(sheet, cell, cell, style))
	}
	for i, c := range t.columns {
		if err := set(i, 0, func(sheet, cell string) error { return f.SetCellStr(sheet, cell, c.zh+" "+c.en) }, head); err != nil {
			return nil, err
		}
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return nil, err
		}
		width := map[cellKind]float64{textCell: 22, amountCell: 16, countCell: 10}[c.kind]
		if err := f.SetColWidth(sheet, name, name, width); err != nil {
			return nil, err
		}
	}
	for y, row := range t.rows {
		for x, value := range row {
			style, write := text, func(sheet, cell string) error { return f.SetCellStr(sheet, cell, value) }
			switch {
			case value == "":
				continue
			case t.columns[x].kind == amountCell:
				style, write = amount, func(sheet, cell string) error { return f.SetCellDefault(sheet, cell, value) }
			case t.columns[x].kind == countCell:
				style, write = 0, func(sheet, cell string) error { return f.SetCellDefault(sheet, cell, value) }
			}
			if err := set(x, y+1, write, style); err != nil {
				return nil, err
			}
		}
	}
	if err := errors.Join(
		f.SetPanes(sheet, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
		f.SetSheetName(sheet, kind.zh),
	); err != nil {
		return nil, err
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (s *site) fundsTable(v *visit, at stretch) (*dataTable, error) {
	answer, err := s.disclosure.GetFundStatement(v.public(), &apiv1.GetFundStatementRequest{CollectiveId: v.collective(), From: at.from, To: at.to, AsOf: at.to})
	if err != nil {
		return nil, err
	}
	t := &dataTable{answer: answer, columns: append([]tableColumn{{"fund", "基金", "Fund", textCell}, {"name", "名称", "Name", textCell}}, turnover...)}
	for _, f := range answer.Funds {
		t.add(f.Fund, f.Name, f.Opening, f.Received, f.Spent, f.Closing)
	}
	t.add("total", "合计", answer.Total.Opening, answer.Total.Received, answer.Total.Spent, answer.Total.Closing)
	return t, nil
}

// turnover are the columns of a fund in a period.
var turnover = []tableColumn{
	{"opening", "期初", "Opening", amountCell}, {"received", "收入", "Received", amountCell},
	{"spent", "支出", "Spent", amountCell}, {"closing", "期末", "Closing", amountCell},
}

func (t *dataTable) add(cells ...string) { t.rows = append(t.rows, cells) }

// figures reads the board of a period without what another table has.
func (s *site) figures(v *visit, at stretch) (*apiv1.GetBoardResponse, error) {
	return s.disclosure.GetBoard(v.public(), &apiv1.GetBoardRequest{CollectiveId: v.collective(), From: at.from, To: at.to, AsKnownAt: at.known})
}

func (s *site) monthsTable(v *visit, at stretch) (*dataTable, error) {
	answer, err := s.figures(v, at)
	if err != nil {
		return nil, err
	}
	t := &dataTable{answer: answer, columns: append([]tableColumn{{"month", "月份", "Month", textCell}, {"fund", "基金", "Fund", textCell}}, turnover...)}
	for _, m := range answer.Months {
		for _, f := range m.Funds {
			t.add(m.Month, f.Fund, f.Opening, f.Received, f.Spent, f.Closing)
		}
		t.add(m.Month, "total", m.Total.Opening, m.Total.Received, m.Total.Spent, m.Total.Closing)
	}
	return t, nil
}

func (s *site) flowTable(v *visit, at stretch) (*dataTable, error) {
	answer, err := s.figures(v, at)
	if err != nil {
		return nil, err
	}
	t := &dataTable{answer: answer, columns: []tableColumn{
		{"from_kind", "来源", "From", textCell}, {"from_id", "来源名", "Which", textCell}, {"to_kind", "去向", "To", textCell}, {"to_id", "去向名", "Which", textCell},
		{"amount", "金额", "Amount", amountCell},
	}}
	for _, f := range answer.Flows {
		t.add(flowWord(f.From), f.From.Id, flowWord(f.To), f.To.Id, f.Amount)
	}
	return t, nil
}

// flowWord is what kind of end it is, for programs.
func flowWord(e *apiv1.FlowEnd) string {
	return strings.ToLower(strings.TrimPrefix(e.Kind.String(), "FLOW_END_KIND_"))
}

func (s *site) linesTable(v *visit, at stretch) (*dataTable, error) {
	lines, err := s.lines(v, at, tableLinesMost)
	if err != nil {
		return nil, err
	}
	answer := &apiv1.ListReceiptsAndPaymentsResponse{}
	t := &dataTable{answer: answer, columns: []tableColumn{
		{"voucher", "凭证号", "Voucher", textCell}, {"occurred_on", "日期", "Day", textCell}, {"narration", "事由", "What for", textCell},
		{"amount", "金额", "Amount", amountCell}, {"fund_changes", "基金变动", "Change of funds", textCell}, {"counterparty", "对方", "With whom", textCell},
		{"purpose", "用途", "Purpose", textCell}, {"income_kind", "收入类别", "Kind of income", textCell}, {"resolution", "决议", "Resolution", textCell},
		{"reverses", "冲销", "Reverses", textCell}, {"corrects", "更正", "Corrects", textCell}, {"reversed_by", "被冲销", "Reversed by", textCell},
		{"supervisors", "监督意见", "Supervisors", textCell}, {"recorded_at", "入账时间", "Recorded at", textCell}, {"version", "账簿第几笔", "Version", countCell},
	}}
	for _, l := range lines {
		answer.Vouchers, answer.Notes = append(answer.Vouchers, l.Voucher), append(answer.Notes, l.note)
		var changes, words []string
		for _, p := range l.parts() {
			changes = append(changes, p.fund+" "+p.amount)
		}
		for _, r := range l.Reviews {
			words = append(words, strings.ToLower(strings.TrimPrefix(r.Verdict.String(), "VERDICT_"))+" "+r.Remark)
		}
		t.add(l.Number, l.OccurredOn, l.Narration, l.Amount, strings.Join(changes, "; "), l.note.GetCounterparty(), l.Purpose, l.IncomeKind, l.ResolutionId,
			l.Reverses, l.Corrects, l.ReversedBy, strings.Join(words, "; "), l.RecordedAt, strconv.FormatUint(l.Version, 10))
	}
	about, err := s.about(v, "")
	if err != nil {
		return nil, err
	}
	answer.Version = about.Version
	return t, nil
}

func (s *site) roundsTable(v *visit, _ stretch) (*dataTable, error) {
	answer := &apiv1.ListRoundsResponse{}
	r := &apiv1.ListRoundsRequest{CollectiveId: v.collective(), PageSize: pageMost}
	for {
		page, err := s.disclosure.ListRounds(v.public(), r)
		if err != nil {
			return nil, err
		}
		answer.Rounds, answer.Version = append(answer.Rounds, page.Rounds...), page.Version
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			break
		}
	}
	t := &dataTable{answer: answer, columns: []tableColumn{
		{"kind", "类别", "Kind", textCell}, {"id", "编号", "Id", textCell}, {"title", "名称", "Title", textCell}, {"fund", "基金", "Fund", textCell}, {"purpose", "用途", "Purpose", textCell},
		{"state", "进度", "State", textCell}, {"budget", "预算", "Budget", amountCell}, {"people", "人数", "People", countCell}, {"total", "合计", "Total", amountCell},
		{"paid", "已发", "Paid", amountCell}, {"paid_count", "已发人数", "People paid", countCell}, {"rate", "每份", "A share", amountCell}, {"remainder", "余数", "Remainder", amountCell},
		{"notice_from", "公示起", "Notice from", textCell}, {"notice_to", "公示止", "Notice to", textCell}, {"opened_on", "日期", "Opened on", textCell},
		{"objections", "异议", "Objections", countCell}, {"resolution", "决议", "Resolution", textCell}, {"voucher", "凭证号", "Voucher", textCell},
	}}
	for _, one := range answer.Rounds {
		t.add(strings.ToLower(strings.TrimPrefix(one.Kind.String(), "ROUND_KIND_")), one.Id, one.Title, one.Fund, one.Purpose, one.State, one.Budget, count(one.People), one.Total,
			one.Paid, count(one.PaidCount), one.Rate, one.Remainder, one.NoticeFrom, one.NoticeTo, one.OpenedOn, count(uint32(len(one.Objections))), one.ResolutionId, one.Voucher)
	}
	return t, nil
}

func (s *site) editionsTable(v *visit, _ stretch) (*dataTable, error) {
	answer := &apiv1.ListEditionsResponse{}
	r := &apiv1.ListEditionsRequest{CollectiveId: v.collective(), PageSize: pageMost}
	for {
		page, err := s.disclosure.ListEditions(v.public(), r)
		if err != nil {
			return nil, err
		}
		answer.Editions, answer.Version = append(answer.Editions, page.Editions...), page.Version
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			break
		}
	}
	t := &dataTable{answer: answer, columns: []tableColumn{
		{"number", "期", "Number", countCell}, {"from", "起", "From", textCell}, {"to", "止", "To", textCell}, {"corrects", "更正第几期", "Corrects", countCell},
		{"corrected_by", "被第几期更正", "Corrected by", countCell}, {"reason", "原因", "Reason", textCell}, {"content_sha256", "内容 SHA-256", "SHA-256", textCell},
		{"pin", "印记", "Pin", textCell}, {"recorded_at", "发布时间", "Published at", textCell}, {"figures_version", "数字按第几笔", "Figures of version", countCell},
	}}
	for _, e := range answer.Editions {
		t.add(count(e.Number), e.From, e.To, count(e.Corrects), count(e.CorrectedBy), e.Reason, e.ContentSha256, e.Pin, e.RecordedAt, strconv.FormatUint(e.FiguresVersion, 10))
	}
	return t, nil
}

// inquiriesTable has what is published of questions: a wording only where a supervisor has read it.
func (s *site) inquiriesTable(v *visit, _ stretch) (*dataTable, error) {
	answer := &apiv1.ListInquiriesResponse{}
	r := &apiv1.ListInquiriesRequest{CollectiveId: v.collective(), PageSize: pageMost}
	for {
		page, err := s.disclosure.ListInquiries(v.public(), r)
		if err != nil {
			return nil, err
		}
		answer.Inquiries, answer.Version, answer.Counts, answer.Day = append(answer.Inquiries, page.Inquiries...), page.Version, page.Counts, page.Day
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			break
		}
	}
	t := &dataTable{answer: answer, columns: []tableColumn{
		{"number", "编号", "Number", countCell}, {"voucher", "凭证号", "Voucher", textCell}, {"state", "进度", "State", textCell}, {"received_on", "收到", "Received on", textCell},
		{"due_on", "答复期限", "Due on", textCell}, {"overdue", "超期", "Overdue", textCell}, {"wording", "问题", "Question", textCell}, {"reworded", "改写过", "Reworded", textCell},
		{"answers", "答复", "Answers", textCell},
	}}
	for _, q := range answer.Inquiries {
		var texts []string
		for _, a := range q.Answers {
			texts = append(texts, a.Text)
		}
		t.add(count(q.Number), q.Voucher, q.State, q.ReceivedOn, q.DueOn, strconv.FormatBool(q.Overdue), q.Wording, strconv.FormatBool(q.Reworded), strings.Join(texts, "\n"))
	}
	return t, nil
}

func (s *site) resolutionsTable(v *visit, _ stretch) (*dataTable, error) {
	answer := &apiv1.ListResolutionsResponse{}
	r := &apiv1.ListResolutionsRequest{CollectiveId: v.collective(), PageSize: pageMost}
	for {
		page, err := s.disclosure.ListResolutions(v.public(), r)
		if err != nil {
			return nil, err
		}
		answer.Resolutions, answer.Version = append(answer.Resolutions, page.Resolutions...), page.Version
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			break
		}
	}
	t := &dataTable{answer: answer, columns: []tableColumn{
		{"id", "编号", "Id", textCell}, {"title", "名称", "Title", textCell}, {"body", "机构", "Body", textCell}, {"decided_on", "日期", "Day", textCell},
		{"matter", "事项", "Matter", textCell}, {"electorate", "应到", "Electorate", countCell}, {"present", "实到", "Present", countCell}, {"votes_for", "同意", "For", countCell},
		{"votes_against", "反对", "Against", countCell}, {"abstained", "弃权", "Abstained", countCell}, {"passed", "通过", "Passed", textCell}, {"confirmed", "已确认", "Confirmed", textCell},
		{"fund", "基金", "Fund", textCell}, {"purpose", "用途", "Purpose", textCell}, {"authority", "授权", "Authority", amountCell}, {"drawn", "已用", "Drawn", amountCell}, {"remaining", "剩余", "Remaining", amountCell},
	}}
	for _, one := range answer.Resolutions {
		t.add(one.Id, one.Title, one.Body, one.DecidedOn, strings.ToLower(strings.TrimPrefix(one.Matter.String(), "MATTER_")), count(one.Electorate), count(one.Present),
			count(one.VotesFor), count(one.VotesAgainst), count(one.Abstained), strconv.FormatBool(one.Passed), strconv.FormatBool(one.Confirmed),
			one.Fund, one.Purpose, one.Authority, one.Drawn, one.Remaining)
	}
	return t, nil
}

func (s *site) sealsTable(v *visit, _ stretch) (*dataTable, error) {
	answer := &apiv1.ListSealsResponse{}
	r := &apiv1.ListSealsRequest{CollectiveId: v.collective(), PageSize: pageMost}
	for {
		page, err := s.disclosure.ListSeals(v.public(), r)
		if err != nil {
			return nil, err
		}
		answer.Seals, answer.Version, answer.PolicyVersion = append(answer.Seals, page.Seals...), page.Version, page.PolicyVersion
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			break
		}
	}
	t := &dataTable{answer: answer, columns: []tableColumn{
		{"month", "月份", "Month", textCell}, {"closed_at", "结账时间", "Closed at", textCell}, {"size", "笔数", "Size", countCell}, {"root", "根", "Root", textCell},
		{"sealed", "已盖五瓣章", "Sealed", textCell}, {"group", "见证组", "Group", textCell}, {"threshold", "要几人", "Needed", countCell},
		{"signed", "已签", "Signed", textCell}, {"missing", "未签", "Missing", textCell},
	}}
	for _, one := range answer.Seals {
		head := []string{one.Month, one.ClosedAt, strconv.FormatUint(one.Size, 10), one.Root, strconv.FormatBool(one.Sealed)}
		for _, g := range one.Groups {
			t.add(append(slices.Clone(head), g.Name, count(g.Threshold), strings.Join(g.Signed, " "), strings.Join(g.Missing, " "))...)
		}
		if len(one.Groups) == 0 {
			t.add(append(head, "", "", "", "")...)
		}
	}
	return t, nil
}
