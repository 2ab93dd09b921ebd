package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// linesData is a page of the lines of a period: all of them, or those of one kind of income, one purpose or one fund.
type linesData struct {
	*span
	page     int
	more     bool
	list     *apiv1.ListReceiptsAndPaymentsResponse
	figures  *apiv1.GetBoardResponse
	fund     *apiv1.FundLine  // of a list of one fund
	total    *apiv1.FlowTotal // of a list of one kind of income or one purpose
	title    string
	base     string // of the list's addresses, without the page: lines/2021/
	switchTo func(period string) string
}

// linesPage lists the lines of a period, newest first.
func (s *site) linesPage(b *board) (templ.Component, error) {
	p, err := b.span(b.request.PathValue("period"))
	if err != nil {
		return nil, err
	}
	income, purpose := b.request.PathValue("income"), b.request.PathValue("purpose")
	suffix := ""
	d := &linesData{span: p, title: b.text("收支明细", "Receipts and payments")}
	end := &apiv1.FlowEnd{}
	switch {
	case income != "":
		suffix, end = "income/"+income+"/", &apiv1.FlowEnd{Kind: apiv1.FlowEndKind_FLOW_END_KIND_INCOME, Id: income}
		d.title = b.text("收入:"+b.incomeKind(income), "Income: "+b.incomeKind(income))
	case purpose != "":
		suffix, end = "purpose/"+purpose+"/", &apiv1.FlowEnd{Kind: apiv1.FlowEndKind_FLOW_END_KIND_PURPOSE, Id: purpose}
		d.title = b.text("用途:"+b.purpose(purpose), "Purpose: "+b.purpose(purpose))
	}
	d.base, d.switchTo = "lines/"+p.id+"/"+suffix, func(period string) string { return "lines/" + period + "/" + suffix }
	if err := b.readLines(d, &apiv1.ListReceiptsAndPaymentsRequest{Purpose: purpose, IncomeKind: income}); err != nil {
		return nil, err
	}
	for _, t := range d.figures.FlowTotals {
		if suffix != "" && t.End.Kind == end.Kind && t.End.Id == end.Id {
			d.total = t
		}
	}
	if len(d.list.Vouchers) == 0 && suffix != "" {
		if known, err := b.knows(end); err != nil || !known {
			return nil, cmp.Or(err, errNotFound)
		}
	}
	return linesPage(b, d), nil
}

// knows says whether a purpose is one of a fund, or a kind of income one of a policy, or any line of any day is of it: a bank's fee is in no
// fund's list.
func (b *board) knows(end *apiv1.FlowEnd) (bool, error) {
	request := &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: 1}
	if end.Kind == apiv1.FlowEndKind_FLOW_END_KIND_PURPOSE {
		if slices.ContainsFunc(b.about.Funds, func(f *apiv1.Fund) bool { return slices.Contains(f.Purposes, end.Id) }) {
			return true, nil
		}
		request.Purpose = end.Id
	} else {
		answer, err := b.site.disclosure.ListPolicies(b.public(), &apiv1.ListPoliciesRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment})
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(answer.Policies, func(p *apiv1.Policy) bool { return slices.Contains(p.IncomeKinds, end.Id) }) {
			return true, nil
		}
		request.IncomeKind = end.Id
	}
	answer, err := b.site.disclosure.ListReceiptsAndPayments(b.public(), request)
	if err != nil {
		return false, noSuch(err)
	}
	return len(answer.Vouchers) > 0, nil
}

// fundPage lists the lines of a fund with its balance after each, oldest first.
func (s *site) fundPage(b *board) (templ.Component, error) {
	p, err := b.span(b.request.PathValue("period"))
	if err != nil {
		return nil, err
	}
	fund := b.request.PathValue("fund")
	d := &linesData{span: p, title: b.fundName(fund), base: "funds/" + fund + "/" + p.id + "/"}
	d.switchTo = func(period string) string { return "funds/" + fund + "/" + period + "/" }
	known := false
	for _, f := range b.about.Funds {
		known = known || f.Id == fund
	}
	if !known {
		return nil, errNotFound
	}
	request := &apiv1.ListReceiptsAndPaymentsRequest{Fund: fund, Ascending: true}
	if err := b.readLines(d, request); err != nil {
		return nil, err
	}
	for _, f := range d.figures.Funds {
		if f.Fund == fund {
			d.fund = f
		}
	}
	return fundPage(b, d), nil
}

// readLines fills in the page of the address. Lists go on by tokens, so the pages before are leafed through; pagesMax bounds that.
func (b *board) readLines(d *linesData, request *apiv1.ListReceiptsAndPaymentsRequest) (err error) {
	if d.page, err = b.pageNumber(); err != nil {
		return err
	}
	if d.figures, err = b.site.disclosure.GetBoard(b.public(), &apiv1.GetBoardRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, From: d.from, To: d.to}); err != nil {
		return err
	}
	request.CollectiveId, request.AsKnownAt, request.From, request.To, request.PageSize = b.about.Id, b.moment, d.from, d.to, pageLines
	for n := 1; ; n++ {
		if d.list, err = b.site.disclosure.ListReceiptsAndPayments(b.public(), request); err != nil {
			if noSuch(err) == errNotFound && request.Fund != "" { // a fund that never moved has no lines
				d.list = &apiv1.ListReceiptsAndPaymentsResponse{}
				return nil
			}
			return noSuch(err)
		}
		withhold(b.lasting(), d.list.Notes...)
		d.more = d.list.NextPageToken != ""
		if n == d.page {
			return nil
		}
		if !d.more {
			return errNotFound
		}
		request.PageToken = d.list.NextPageToken
	}
}

// lineData is everything a page says of one voucher.
type lineData struct {
	*apiv1.GetLineResponse
	resolution *apiv1.Resolution
	policy     *apiv1.Policy
	inquiries  []*apiv1.Inquiry
}

// linePage is one voucher.
func (s *site) linePage(b *board) (templ.Component, error) {
	number, ok := voucherNumber(b.request.PathValue("voucher"))
	if !ok {
		return nil, errNotFound
	}
	answer, err := s.disclosure.GetLine(b.public(), &apiv1.GetLineRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, Voucher: number})
	if err != nil {
		return nil, noSuch(err)
	}
	withhold(b.lasting(), answer.Note)
	d := &lineData{GetLineResponse: answer}
	if d.resolution, err = b.resolution(answer.Voucher.ResolutionId); err != nil {
		return nil, err
	}
	if answer.Voucher.PolicyVersion != 0 {
		policies, err := s.disclosure.ListPolicies(b.public(), &apiv1.ListPoliciesRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment})
		if err != nil {
			return nil, err
		}
		for _, p := range policies.Policies {
			if p.Version == answer.Voucher.PolicyVersion {
				d.policy = p
			}
		}
	}
	inquiries, err := s.disclosure.ListInquiries(b.public(), &apiv1.ListInquiriesRequest{
		CollectiveId: b.about.Id, AsKnownAt: b.moment, Voucher: answer.Voucher.Number, PageSize: 100,
	})
	if err != nil {
		return nil, err
	}
	d.inquiries = inquiries.Inquiries
	return linePage(b, d), nil
}

// resolution finds a resolution by its id; nil for none.
func (b *board) resolution(id string) (*apiv1.Resolution, error) {
	request := &apiv1.ListResolutionsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: 1000}
	for id != "" {
		answer, err := b.site.disclosure.ListResolutions(b.public(), request)
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Resolutions {
			if r.Id == id {
				return r, nil
			}
		}
		if request.PageToken = answer.NextPageToken; answer.NextPageToken == "" {
			break
		}
	}
	return nil, nil
}

// lineFund names the fund that a line touches, or how many.
func (b *board) lineFund(v *apiv1.Voucher) string {
	var funds []string
	for _, p := range v.Postings {
		if kind, id, _ := strings.Cut(p.Account, "/"); kind == "fund" {
			funds = append(funds, id)
		}
	}
	switch {
	case len(funds) == 0:
		return b.text("不动基金", "no fund")
	case len(funds) == 1:
		return b.fundName(funds[0])
	case v.PolicyVersion != 0:
		return b.text("按办法分进各基金", "split among the funds")
	default:
		names := make([]string, len(funds))
		for i, id := range funds {
			names[i] = b.fundName(id)
		}
		return strings.Join(names, b.text("、", ", "))
	}
}

// counterparty says who paid or was paid, as far as everybody may know; empty for nobody.
func (b *board) counterparty(n *apiv1.LineNote) string {
	switch n.GetCounterpartyKind() {
	case apiv1.CounterpartyKind_COUNTERPARTY_KIND_ORGANISATION:
		return n.Counterparty
	case apiv1.CounterpartyKind_COUNTERPARTY_KIND_MEMBER:
		return cmp.Or(n.Counterparty, b.text("成员 ××", "a member"))
	case apiv1.CounterpartyKind_COUNTERPARTY_KIND_PARTY:
		return cmp.Or(n.Counterparty, b.text("个人 ××", "a person"))
	}
	return ""
}

// withhold takes people's masks out of what stays where it cannot be called back: files, and pages of a version, which caches keep.
func withhold(lasting bool, notes ...*apiv1.LineNote) {
	for _, n := range notes {
		if lasting && n.GetCounterpartyKind() != apiv1.CounterpartyKind_COUNTERPARTY_KIND_ORGANISATION {
			n.Counterparty = ""
		}
	}
}

// lasting says whether the page stays where it cannot be called back.
func (b *board) lasting() bool { return b.static || b.moment != "" }

// narration is the public text of a voucher, or what it is where it has none.
func (b *board) narration(l *apiv1.Voucher) string {
	switch {
	case l.Narration != "":
		return l.Narration
	case l.GrantRoundId != "":
		return "发放救助或奖学"
	case l.DividendRunId != "":
		return "发放分红"
	case l.Purpose != "":
		return b.purpose(l.Purpose)
	}
	return l.Number
}

// classWord says what class a voucher is of.
func (v *visit) classWord(number string) string {
	switch {
	case strings.HasPrefix(number, "收"):
		return v.text("收款凭证", "receipt")
	case strings.HasPrefix(number, "付"):
		return v.text("付款凭证", "payment")
	}
	return v.text("转账凭证", "transfer")
}

// signed writes an amount with the sign it has in its column; what is below zero there gets the opposite one.
func signed(amount, sign string) string {
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		if sign == "−" {
			return "+" + grouped(rest)
		}
		return "−" + grouped(rest)
	}
	if isZero(amount) {
		return grouped(amount)
	}
	return sign + grouped(amount)
}

// share writes an exact part: one in a hundred or ten as per cent, others as they are.
func (v *visit) share(fraction string) string {
	above, below, ok := strings.Cut(fraction, "/")
	zeros := map[string]string{"1": "00", "10": "0", "100": ""}
	if pad, whole := zeros[below]; ok && whole && len(above) < 4 {
		return above + pad + "%"
	}
	return fraction
}

func flagClass(f *apiv1.Flag) string {
	if f.RatifiedBy != "" {
		return ""
	}
	return "bad"
}

func verdictClass(v apiv1.Verdict) string {
	switch v {
	case apiv1.Verdict_VERDICT_REFUSED:
		return "bad"
	case apiv1.Verdict_VERDICT_REMARKED:
		return "warn"
	}
	return "good"
}

// pageAt is the address within the board of a page of the list.
func (d *linesData) pageAt(page int) string {
	if page == 1 {
		return d.base
	}
	return d.base + "page/" + strconv.Itoa(page) + "/"
}

// fundStrip lays out the running balance of a fund across its page.
func fundStrip(figures *apiv1.GetBoardResponse, place int) strip {
	return stripOf(10000, 900, &yearData{figures: figures}, place)
}

// purposesOf are the purposes that a fund pays for.
func (b *board) purposesOf(fund string) []string {
	for _, f := range b.about.Funds {
		if f.Id == fund {
			return f.Purposes
		}
	}
	return nil
}

// proofOf says in plain words what holds a line in its place.
func (b *board) proofOf(d *lineData) string {
	place, head := strconv.FormatUint(d.Voucher.Version, 10), strconv.FormatUint(d.HeadSize, 10)
	switch {
	case d.SealedBy != "":
		month := b.month(d.SealedBy)
		return b.text("它是账簿的第 "+place+" 笔,在"+month+"的五瓣章之内:改了它,章就对不上。",
			"It is event "+place+" of the books, under the seal of "+month+": change it, and the seal does not fit.")
	case d.HeadSize >= d.Voucher.Version:
		return b.text("它是账簿的第 "+place+" 笔,在最新的签名根(前 "+head+" 笔)之内:改了它,签名就对不上。",
			"It is event "+place+" of the books, under the newest signed head, of the first "+head+" events: change it, and the signature does not fit.")
	}
	return b.text("它是账簿的第 "+place+" 笔,还没有签名的根盖住它,稍后再看。", "It is event "+place+" of the books, and no signed head covers it yet; look again later.")
}
