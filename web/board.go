package web

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// board is a visit to the public pages of one collective: as they are, or as they were known at an earlier moment.
type board struct {
	*visit
	about  *apiv1.Collective
	moment string // a day or a version, as_known_at of the API; empty: now
}

// boardPages are the public pages. Each has a second address under known/<moment>, where it shows what was known then.
func (s *site) boardPages() map[string]page {
	pages := map[string]page{}
	for pattern, make := range map[string]func(*board) (templ.Component, error){
		"": s.yearPage, "{period}/": s.yearPage,
		"lines/{period}/": s.linesPage, "lines/{period}/page/{page}/": s.linesPage,
		"lines/{period}/income/{income}/": s.linesPage, "lines/{period}/income/{income}/page/{page}/": s.linesPage,
		"lines/{period}/purpose/{purpose}/": s.linesPage, "lines/{period}/purpose/{purpose}/page/{page}/": s.linesPage,
		"funds/{fund}/": s.fundPage, "funds/{fund}/{period}/": s.fundPage, "funds/{fund}/{period}/page/{page}/": s.fundPage,
		"v/{voucher}/": s.linePage,
		"rounds/":      s.roundsPage, "rules/": s.rulesPage, "editions/": s.editionsPage, "editions/{edition}/": s.editionPage, "months/": s.monthsPage,
		"inquiries/": s.inquiriesPage, "inquiries/{inquiry}/": s.inquiryPage,
	} {
		pages["GET /b/{collective}/"+pattern+"{$}"] = s.public(s.boardPage(make))
		pages["GET /b/{collective}"+strings.TrimSuffix("/"+pattern, "/")] = s.boardPage(withSlash)
		pages["GET /b/{collective}/known/{moment}/"+pattern+"{$}"] = s.pinned(s.boardPage(make))
	}
	pages["GET /b/{collective}/known/{$}"] = s.boardPage(s.knownPage)
	pages["GET /b/{collective}/verify/{$}"] = s.boardPage(s.verifyPage)
	pages["GET /b/{collective}/inquiries/new/{$}"] = s.boardPage(s.askPage)
	pages["GET /b/{collective}/inquiries/new/{voucher}/{$}"] = s.boardPage(s.askPage)
	pages["POST /b/{collective}/inquiries/new/{$}"] = s.boardPage(s.ask)
	return pages
}

// boardPage makes a page of one of a board: whose it is, and of which moment.
func (s *site) boardPage(make func(*board) (templ.Component, error)) page {
	return func(v *visit) (templ.Component, error) {
		b := &board{visit: v, moment: v.request.PathValue("moment")}
		if b.moment != "" && !isMoment(b.moment) {
			return nil, errNotFound
		}
		answer, err := s.disclosure.GetCollective(v.public(), &apiv1.GetCollectiveRequest{CollectiveId: v.collective(), AsKnownAt: b.moment})
		if err != nil {
			return nil, noSuch(err)
		}
		b.about = answer.Collective
		return make(b)
	}
}

// withSlash leads somebody who typed an address without its last slash to the page.
func withSlash(b *board) (templ.Component, error) {
	http.Redirect(b.writer, b.request, b.href(b.path+"/"), http.StatusMovedPermanently)
	return nil, nil
}

var version = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

// isMoment says whether an address names a moment: a version, or a day.
func isMoment(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil || version.MatchString(s)
}

// noSuch turns the refusal of a name in an address into the page for addresses without a page.
func noSuch(err error) error {
	if code := connect.CodeOf(err); code == connect.CodeNotFound || code == connect.CodeInvalidArgument {
		return errNotFound
	}
	return err
}

// root is the address of the collective's first page, of now.
func (b *board) root() string { return "/b/" + b.about.Id + "/" }

// check is where the books are checked in a browser: the page of this server, or that which lies in the root of a published directory.
func (b *board) check() string {
	if b.static {
		return relative(prefixed(b.path, b.lang, b.large), verifyFile)
	}
	return b.now("verify/")
}

// at is the address of a page of the board, of the same moment: lines/2021/.
func (b *board) at(rest string) string {
	if b.moment != "" {
		return b.href(b.root() + "known/" + b.moment + "/" + rest)
	}
	return b.href(b.root() + rest)
}

// now is the address of a page of the board as it is now.
func (b *board) now(rest string) string { return b.href(b.root() + rest) }

// rest is the address of this page within the board, without the moment.
func (b *board) rest() string {
	rest := strings.TrimPrefix(b.path, b.root())
	if b.moment != "" {
		rest = strings.TrimPrefix(rest, "known/"+b.moment+"/")
	}
	return rest
}

// momentName says which moment is shown.
func (b *board) momentName() string {
	if version.MatchString(b.moment) {
		return b.text("前 "+b.moment+" 笔", "the first "+b.moment+" events")
	}
	return b.text(b.day(b.moment)+"晚上", "at the end of "+b.day(b.moment))
}

// heldName is what the closing of a period is called: of the last one it is in hand.
func (b *board) heldName(p *span) string {
	if p.after == nil {
		return b.text("现在手上有", "In hand")
	}
	return b.text("期末结余", "Left at the end")
}

// asOf is the last day that the figures of a period up to a day can speak of: that day, or the moment at hand if it is earlier.
func (b *board) asOf(last string) string {
	now := b.moment
	if now == "" {
		zone, err := time.LoadLocation(b.about.TimeZone)
		if err != nil {
			zone = time.UTC
		}
		now = b.site.config.Clock().In(zone).Format(time.DateOnly)
	}
	if len(now) == len(last) && now < last { // days alone compare; a moment may be a version
		return now
	}
	return last
}

// places says where the money lies, and what of it is no fund's.
func (b *board) places(figures *apiv1.GetBoardResponse) string {
	var parts []string
	for _, m := range figures.Money {
		parts = append(parts, m.Name+" "+grouped(m.Balance))
	}
	text := b.text("钱在哪里:", "Where the money lies: ") + strings.Join(parts, b.text("、", ", "))
	for _, o := range figures.Others {
		if !isZero(o.Balance) {
			text += b.text("；另有", "; beside the funds ") + b.slug(otherWords, o.Account) + " " + grouped(o.Balance)
		}
	}
	return text
}

// tab is a part of the board.
type tab struct {
	name, href string
	here       bool
}

// tabs are the parts of the board, the one at hand marked.
func (b *board) tabs() []tab {
	rest, last := b.rest(), "all"
	if p, ok := parsePeriod(strings.TrimSuffix(rest, "/")); ok {
		last = p.id
	}
	part := func(name, href string, prefixes ...string) tab {
		here := false
		for _, prefix := range prefixes {
			here = here || strings.HasPrefix(rest, prefix)
		}
		return tab{name, href, here}
	}
	first := part(b.text("公示", "Board"), b.at(""))
	if _, ok := parsePeriod(strings.TrimSuffix(rest, "/")); ok || rest == "" {
		first.here = true
	}
	return []tab{
		first,
		part(b.text("明细", "Lines"), b.at("lines/"+last+"/"), "lines/", "v/", "funds/"),
		part(b.text("发放", "Paid out"), b.at("rounds/"), "rounds/"),
		part(b.text("办法与决议", "Rules"), b.at("rules/"), "rules/"),
		part(b.text("月份与签章", "Months"), b.at("months/"), "months/"),
		part(b.text("各期公示", "Editions"), b.at("editions/"), "editions/"),
		part(b.text("质询", "Inquiries"), b.at("inquiries/"), "inquiries/"),
		part(b.text("核验", "Check"), b.check(), "verify/", "known/"),
	}
}

// shortName is the name of a period in a list.
func (b *board) shortName(id string) string {
	p, _ := parsePeriod(id)
	switch p.kind {
	case "quarter":
		return b.text(id[:4]+"年"+[4]string{"一", "二", "三", "四"}[id[6]-'1']+"季度", "Q"+id[6:]+" "+id[:4])
	case "month":
		if b.lang == english {
			return b.month(id)[:3] + " " + id[:4]
		}
	case "all":
		return b.text("全部", "All")
	}
	return b.periodName(p)
}

// fundsTitle names the funds of a board by their number.
func fundsTitle(n int) string {
	if n > 1 && n < 10 {
		return [10]string{2: "两", 3: "三", 4: "四", 5: "五", 6: "六", 7: "七", 8: "八", 9: "九"}[n] + "个基金"
	}
	return "基金"
}

// knownPage takes a day from the form that asks for one, and otherwise shows that form.
func (s *site) knownPage(b *board) (templ.Component, error) {
	query := b.request.URL.Query()
	day := strings.TrimSpace(query.Get("day"))
	if day == "" {
		return knownPage(b, ""), nil
	}
	if !isMoment(day) {
		return knownPage(b, b.text("请写成 2021-09-30 这样的日期。", "Write a day as 2021-09-30.")), nil
	}
	http.Redirect(b.writer, b.request, b.href(b.root()+"known/"+day+"/"), http.StatusSeeOther)
	return nil, nil
}

// voucherID is the number of a voucher in addresses: p2021-19 for 付2021-19, r for 收 and t for 转.
func voucherID(number string) string {
	for zh, letter := range map[string]string{"收": "r", "付": "p", "转": "t"} {
		if rest, ok := strings.CutPrefix(number, zh); ok {
			return letter + rest
		}
	}
	return number
}

var voucherForm = regexp.MustCompile(`^[rpt][0-9]{4}-[1-9][0-9]{0,9}$`)

// voucherNumber is the number that an address names, as the API takes it.
func voucherNumber(id string) (number string, ok bool) {
	return strings.ToUpper(id), voucherForm.MatchString(id)
}

// yearData is what the first page of a period shows.
type yearData struct {
	*span
	figures      *apiv1.GetBoardResponse
	newest       *apiv1.ListReceiptsAndPaymentsResponse
	rounds       []*apiv1.Round
	inquiries    []*apiv1.Inquiry // open
	counts       *apiv1.InquiryCounts
	editions     []*apiv1.Edition // of these days
	flags        []*apiv1.OpenFlag
	review       *apiv1.PeriodReview // of the last month; nil when it is open or nobody looked
	wide, narrow flowPicture
}

// yearPage is the first page: a year, a quarter, a month or all days.
func (s *site) yearPage(b *board) (templ.Component, error) {
	p, err := b.span(b.request.PathValue("period"))
	if err != nil {
		return nil, err
	}
	d := &yearData{span: p}
	if d.figures, err = s.disclosure.GetBoard(b.public(), &apiv1.GetBoardRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, From: p.from, To: p.to}); err != nil {
		return nil, err
	}
	if d.newest, err = s.disclosure.ListReceiptsAndPayments(b.public(), &apiv1.ListReceiptsAndPaymentsRequest{
		CollectiveId: b.about.Id, AsKnownAt: b.moment, From: p.from, To: p.to, PageSize: pageLines,
	}); err != nil {
		return nil, err
	}
	withhold(b.lasting(), d.newest.Notes...)
	onlyFunds(d.newest, newestLines)
	rounds, err := s.disclosure.ListRounds(b.public(), &apiv1.ListRoundsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, AsOf: p.to, PageSize: 100})
	if err != nil {
		return nil, err
	}
	for _, r := range rounds.Rounds {
		if p.from == "" || r.OpenedOn >= p.from {
			d.rounds = append(d.rounds, r)
		}
	}
	inquiries, err := s.disclosure.ListInquiries(b.public(), &apiv1.ListInquiriesRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, Open: true, PageSize: 20})
	if err != nil {
		return nil, err
	}
	d.inquiries, d.counts = inquiries.Inquiries, inquiries.Counts
	flags, err := s.disclosure.ListFlags(b.public(), &apiv1.ListFlagsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, AsOf: p.to, PageSize: 20})
	if err != nil {
		return nil, err
	}
	d.flags = flags.Flags
	if d.review, err = b.reviewOf(p.lastMonth()); err != nil {
		return nil, err
	}
	if d.books != nil {
		for _, n := range d.books.Editions {
			e, err := s.disclosure.GetEdition(b.public(), &apiv1.GetEditionRequest{CollectiveId: b.about.Id, Number: n})
			if err != nil {
				return nil, err
			}
			d.editions = append(d.editions, e.Edition)
		}
	}
	nodes, flows := b.flowsOf(d)
	d.wide, d.narrow = layFlow(wideFlow, nodes, flows), layFlow(narrowFlow, nodes, flows)
	return yearPage(b, d), nil
}

// newestLines is the number of lines on the first page.
const newestLines = 10

// onlyFunds leaves of a page the first lines that move a fund; where there is none, the first ones.
func onlyFunds(list *apiv1.ListReceiptsAndPaymentsResponse, most int) {
	var vouchers []*apiv1.Voucher
	var notes []*apiv1.LineNote
	for i, n := range list.Notes {
		if len(vouchers) < most && !(isZero(n.Received) && isZero(n.Spent)) {
			vouchers, notes = append(vouchers, list.Vouchers[i]), append(notes, n)
		}
	}
	if len(vouchers) == 0 {
		vouchers, notes = list.Vouchers[:min(most, len(list.Vouchers))], list.Notes[:min(most, len(list.Notes))]
	}
	list.Vouchers, list.Notes = vouchers, notes
}

// reviewOf is what supervisors say of a closed month; nil while it is open.
func (b *board) reviewOf(month string) (*apiv1.PeriodReview, error) {
	request := &apiv1.ListPeriodReviewsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: 1000}
	for month != "" {
		answer, err := b.site.disclosure.ListPeriodReviews(b.public(), request)
		if err != nil {
			return nil, err
		}
		for _, m := range answer.Months {
			if m.Month == month {
				return m, nil
			}
		}
		if request.PageToken = answer.NextPageToken; answer.NextPageToken == "" {
			break
		}
	}
	return nil, nil
}

// flowsOf are the nodes and ribbons of a period's picture: what there was and what came in, the funds, what went out and what is left.
// The columns balance, for a fund's closing is its opening with what came in, less what went out.
func (b *board) flowsOf(d *yearData) (nodes []flowNode, flows []ribbon) {
	node := func(n flowNode) int {
		nodes = append(nodes, n)
		return len(nodes) - 1
	}
	sources := map[string]int{}
	source := func(e *apiv1.FlowEnd) int {
		key := e.Kind.String() + e.Id
		if at, ok := sources[key]; ok {
			return at
		}
		n := flowNode{column: 0, name: b.endName(e), class: "source", href: b.at("lines/" + d.id + "/")}
		for _, t := range d.figures.FlowTotals {
			if t.End.Kind == e.Kind && t.End.Id == e.Id {
				n.amount = t.Gave
			}
		}
		if e.Kind == apiv1.FlowEndKind_FLOW_END_KIND_INCOME && e.Id != "" {
			n.href = b.at("lines/" + d.id + "/income/" + e.Id + "/")
		}
		sources[key] = node(n)
		return sources[key]
	}
	fund := func(e *apiv1.FlowEnd) bool { return e.Kind == apiv1.FlowEndKind_FLOW_END_KIND_FUND }
	for _, f := range d.figures.Flows { // sources first: nodes of a column stand in this order
		if !fund(f.From) && fen(f.Amount) > 0 {
			source(f.From)
		}
	}
	opening := -1
	for _, f := range d.figures.Funds {
		if fen(f.Opening) > 0 && opening < 0 {
			opening = node(flowNode{column: 0, name: b.text("期初结余", "Held before"), amount: d.figures.Total.Opening, class: "held", href: b.at("lines/" + d.id + "/")})
		}
	}
	funds := map[string]int{}
	for _, f := range d.figures.Funds {
		if isZero(f.Opening) && isZero(f.Received) && isZero(f.Spent) {
			continue
		}
		funds[f.Fund] = node(flowNode{column: 1, name: b.fundName(f.Fund), amount: "", class: b.fundClass(f.Fund), href: b.at("funds/" + f.Fund + "/" + d.id + "/")})
	}
	name := func(i int) string { return nodes[i].name }
	link := func(from, to int, amount, class string) {
		flows = append(flows, ribbon{from: from, to: to, amount: amount, class: class, title: name(from) + " → " + name(to) + " " + grouped(amount)})
	}
	for _, f := range d.figures.Flows {
		to, ok := funds[f.To.Id]
		switch {
		case !fund(f.To) || !ok || fen(f.Amount) <= 0:
		case fund(f.From):
			at := node(flowNode{column: 0, name: b.text("从"+b.fundName(f.From.Id)+"调剂", "from "+b.fundName(f.From.Id)), amount: f.Amount, class: b.fundClass(f.From.Id), href: b.at("funds/" + f.From.Id + "/" + d.id + "/")})
			link(at, to, f.Amount, b.fundClass(f.To.Id))
		default:
			link(source(f.From), to, f.Amount, b.fundClass(f.To.Id))
		}
	}
	for _, f := range d.figures.Funds {
		at, ok := funds[f.Fund]
		if !ok {
			continue
		}
		class := b.fundClass(f.Fund)
		if fen(f.Opening) > 0 {
			link(opening, at, f.Opening, class)
		}
		for _, out := range d.figures.Flows {
			if !fund(out.From) || out.From.Id != f.Fund || fen(out.Amount) <= 0 {
				continue
			}
			n := flowNode{column: 2, name: b.endName(out.To), amount: out.Amount, class: class, href: b.at("funds/" + f.Fund + "/" + d.id + "/")}
			switch out.To.Kind {
			case apiv1.FlowEndKind_FLOW_END_KIND_PURPOSE:
				n.href = b.at("lines/" + d.id + "/purpose/" + out.To.Id + "/")
			case apiv1.FlowEndKind_FLOW_END_KIND_FUND:
				n.name = b.text("调剂到"+b.fundName(out.To.Id), "to "+b.fundName(out.To.Id))
			}
			link(at, node(n), out.Amount, class)
		}
		if fen(f.Closing) > 0 {
			left := flowNode{column: 2, name: b.text("结余", "left"), amount: f.Closing, class: class + " held", href: b.at("funds/" + f.Fund + "/" + d.id + "/")}
			link(at, node(left), f.Closing, class)
		}
	}
	return nodes, flows
}

// negativeFlows are those a picture cannot show: more was turned back than went.
func (d *yearData) negativeFlows() (list []*apiv1.Flow) {
	for _, f := range d.figures.Flows {
		if strings.HasPrefix(f.Amount, "-") {
			list = append(list, f)
		}
	}
	return list
}

// barsOf lays out the months of a period; a single month has no picture.
func (b *board) barsOf(name string, width, height int64, d *yearData) barPicture {
	var months []barInput
	list := d.figures.Months
	for _, m := range list[max(len(list)-36, 0):] {
		months = append(months, barInput{
			name: b.month(m.Month), short: strings.TrimLeft(m.Month[5:], "0"), in: m.Total.Received, out: m.Total.Spent, href: b.monthAt(d.span, m.Month),
		})
	}
	return layBars(name, width, height, months, b.round)
}

// monthAt is the address of a month; empty for one before or after the books.
func (b *board) monthAt(p *span, month string) string {
	if this, _, _ := neighbours(p.periods.Months, month); this == nil {
		return ""
	}
	return b.at(month + "/")
}

// round writes a round amount of fen for an axis: 10万, 100k.
func (v *visit) round(fen int64) string {
	yuan := fen / 100
	switch {
	case v.lang == chinese && yuan >= 1_0000_0000 && yuan%1_0000_0000 == 0:
		return strconv.FormatInt(yuan/1_0000_0000, 10) + "亿"
	case v.lang == chinese && yuan >= 1_0000 && yuan%1000 == 0:
		return strings.TrimSuffix(px(yuan/1000), ".0") + "万"
	case v.lang == english && yuan >= 1_000_000 && yuan%100_000 == 0:
		return px(yuan/100_000) + "m"
	case v.lang == english && yuan >= 1000 && yuan%100 == 0:
		return px(yuan/100) + "k"
	case yuan > 0:
		return strconv.FormatInt(yuan, 10)
	}
	return "0." + strconv.FormatInt(fen+100, 10)[1:]
}

// stripOf lays out the running balance of a fund, the place-th of the board.
func stripOf(width, height int64, d *yearData, place int) strip {
	var closings []string
	for _, m := range d.figures.Months {
		closings = append(closings, m.Funds[place].Closing)
	}
	opening := d.figures.Funds[place].Opening
	return layStrip(width, height, opening, closings)
}

// most is the longest bar of the funds, for the geometry of all of them.
func (d *yearData) most() (most int64) {
	for _, f := range d.figures.Funds {
		most = max(most, max(fen(f.Spent), 0)+max(fen(f.Closing), 0))
	}
	return most
}

// pageNumber is the page of a list in the address, from 1. A list has at most pagesMax.
func (b *board) pageNumber() (int, error) {
	text := b.request.PathValue("page")
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 || strconv.Itoa(n) != text {
		return 0, errNotFound
	}
	if n > pagesMax {
		return 0, &problem{status: http.StatusNotFound, zh: "这一页太靠后了,请换一个短一些的期间。", en: "That page is too far back: choose a shorter period."}
	}
	return n, nil
}

// pagesMax bounds how far a list is leafed through, pageLines is the number of lines on a page.
const (
	pagesMax  = 200
	pageLines = 100
)
