package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/capitals"
)

// outcome is what became of a form. Its address says which vouchers, requests and files it made; vouchers and requests are looked up again, and
// other values are shown as the address has them, to whoever opens it.
type outcome struct {
	form      *form
	about     *apiv1.Collective
	commandID string
	version   string
	vouchers  []*apiv1.Voucher
	request   *apiv1.Request
	notes     []remark
	links     []link
}

type link struct{ href, text string }

// vouchersMax is how many vouchers one page of an outcome shows; a correction has at most 41.
const vouchersMax = 50

func (s *site) donePage(v *visit) (templ.Component, error) {
	form := deskForms[v.request.PathValue("form")]
	if form == nil {
		return nil, errNotFound
	}
	if _, err := s.rolesOf(v); err != nil {
		return nil, err
	}
	answer, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	q := v.request.URL.Query()
	o := &outcome{form: form, about: answer.Collective, commandID: q.Get("id"), version: q.Get("version")}
	numbers := q["voucher"]
	for _, number := range numbers[:min(len(numbers), vouchersMax)] {
		got, err := s.audit.GetVoucher(v.ctx, &apiv1.GetVoucherRequest{CollectiveId: v.collective(), Number: number})
		if err != nil {
			return nil, err
		}
		o.vouchers = append(o.vouchers, got.Voucher)
	}
	if number := q.Get("request"); number != "" {
		if o.request, err = s.request(v, number); err != nil {
			return nil, err
		}
	}
	note := func(name, zh, en string) {
		if value := q.Get(name); value != "" {
			o.notes = append(o.notes, remark{"", fmt.Sprintf(v.text(zh, en), value)})
		}
	}
	switch q.Get("passed") {
	case "true":
		o.notes = append(o.notes, remark{"good", v.text("按章程的表决规则,这项决议通过。请监督委员会核对确认。", "By the rule of the charter it passed. A supervisor compares it with the minutes next.")})
	case "false":
		o.notes = append(o.notes, remark{"bad", v.text("按章程的表决规则,这项决议没有通过。", "By the rule of the charter it did not pass.")})
	}
	note("rule", "成为第 %s 版。", "It is version %s.")
	note("file", "第 %s 个发放文件。", "Payout file %s.")
	note("hold", "第 %s 号暂缓。", "Hold %s.")
	note("objection", "第 %s 号异议。", "Objection %s.")
	note("edition", "第 %s 期公示。", "Edition %s.")
	note("pin", "印记 %s。", "Pin %s.")
	note("erasure", "第 %s 号处置。", "Erasure %s.")
	if o.request != nil && o.request.State == "open" {
		waits, _ := v.waitsFor(o.request)
		if waits.zh == "" {
			waits = words{"可以办理了", "it can be carried out now"}
		}
		o.notes = append(o.notes, remark{"", v.text("下一步:", "Next: ") + v.say(waits) + v.text("。", ".")})
	}
	o.links = s.linksAfter(v, o)
	return doneView(v, o), nil
}

// linksAfter are what one does next.
func (s *site) linksAfter(v *visit, o *outcome) []link {
	links := []link{{v.href("/d/" + o.about.Id + "/"), v.text("回到工作台", "To the desk")}}
	for _, voucher := range o.vouchers {
		if len(o.vouchers) == 1 {
			links = append(links, link{v.href("/d/" + o.about.Id + "/receipt/" + voucher.Number + "/"), v.text("打印收据", "Print it")})
			if voucher.Reverses == "" {
				links = append(links, link{v.formAddress("reversal", "vouchers", voucher.Number), v.text("记错了?冲销", "Wrong? Turn it back")})
			}
		}
		if voucher.DividendRunId != "" {
			links = append(links, link{v.href("/d/" + o.about.Id + "/runs/" + voucher.DividendRunId + "/"), v.text("这次分红", "This dividend")})
		}
	}
	if o.form.name == "dividend-file" {
		links = append(links, link{v.href("/d/" + o.about.Id + "/#waiting"), v.text("下载给银行的文件", "Download the file for the bank")})
	}
	return append(links, link{v.formAddress(o.form.name), v.text("再办一件同样的", "Another of the same")})
}

// request is one request by its number, whatever its state; nil for none.
func (s *site) request(v *visit, number string) (*apiv1.Request, error) {
	request := &apiv1.ListRequestsRequest{CollectiveId: v.collective(), PageSize: 1000}
	for range choicePagesMax {
		answer, err := s.audit.ListRequests(v.ctx, request)
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Requests {
			if itoa(int(r.Number)) == number {
				return r, nil
			}
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return nil, nil
}

var requestStates = map[string]words{
	"open": {"办理中", "open"}, "settled": {"已办结", "settled"}, "rejected": {"已驳回", "rejected"}, "withdrawn": {"已撤回", "withdrawn"}, "expired": {"已过期", "expired"},
}

// requestTitle names a request without its amount.
func (v *visit) requestTitle(r *apiv1.Request) string {
	return v.text("第 ", "Request ") + itoa(int(r.Number)) + v.text(" 号申请 · ", " · ") + v.say(requestKinds[r.Kind])
}

// requestUnder is the second line of a request in a list.
func (v *visit) requestUnder(r *apiv1.Request) string {
	var parts []string
	for _, text := range []string{r.Narration, r.Payee} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if r.ExpiresOn != "" {
		parts = append(parts, v.text("期限 ", "until ")+v.day(r.ExpiresOn))
	}
	return strings.Join(parts, " · ")
}

// requestLines are the facts of a request.
func (v *visit) requestLines(about *apiv1.Collective, r *apiv1.Request) []typedLine {
	var lines []typedLine
	add := func(zh, en, value string) {
		if value != "" {
			lines = append(lines, typedLine{v.text(zh, en), value})
		}
	}
	add("状态", "State", v.say(requestStates[r.State]))
	add("摘要", "What for", r.Narration)
	if r.Fund != "" {
		add("基金", "Fund", v.fundName(about, r.Fund))
	}
	if r.Purpose != "" {
		add("用途", "Purpose", v.term(r.Purpose))
	}
	add("收款人", "Payee", r.Payee)
	add("决议", "Resolution", r.ResolutionId)
	if r.Deducted != "" && !isZero(r.Deducted) {
		add("扣留", "Kept", grouped(r.Deducted))
	}
	add("提出人", "Asked by", r.RequestedBy)
	switch {
	case r.ReviewedBy != "":
		add("审核", "Reviewed by", r.ReviewedBy)
	case r.ReviewNeeded:
		add("审核", "Review", v.text("要监督委员会审核", "needed of a supervisor"))
	}
	if r.ApprovalsNeeded > 0 {
		add("批准", "Approvals", fmt.Sprintf(v.text("%d 人中已有 %d 人 %s", "%[2]d of %[1]d %[3]s"), r.ApprovalsNeeded, len(r.ApprovedBy), strings.Join(r.ApprovedBy, " ")))
	}
	if r.ExpiresOn != "" {
		add("期限", "Until", v.day(r.ExpiresOn))
	}
	add("凭证", "Vouchers", strings.Join(r.Vouchers, " "))
	return lines
}

// roundUnder is the second line of a grant round in a list.
func (v *visit) roundUnder(r *apiv1.GrantRound) string {
	text := v.say(roundStates[r.State]) + " · " + itoa(int(r.Applicants)) + v.text(" 人 · 预算 ", " members · budget ") + grouped(r.Budget)
	if r.State == "notice" {
		text += v.text(" · 公示到 ", " · notice until ") + v.day(r.NoticeTo)
	}
	if r.State == "awarded" {
		text += v.text(" · 已发 ", " · paid ") + grouped(r.Paid)
	}
	return text
}

var (
	// roundSteps are the forms that a round in a state can have.
	roundSteps = map[string][]string{"open": {"grant-applicants"}, "reviewed": {"grant-notice"}, "notice": {"objection", "grant-award"}, "awarded": {"grant-pay"}}
	// roundWaits say who else has to act.
	roundWaits = map[string]words{"open": {"名单齐了等监督委员会审核", "then waits for a supervisor's review"}, "notice": {"公示期满等负责人批准", "waits for the award after the notice"}}
)

// ownSide is an amount of a posting on the account's own side: positive where the account grows.
func ownSide(account, amount string) string {
	if strings.HasPrefix(account, "money/") || strings.HasPrefix(account, "receivable/") {
		return amount
	}
	return turned(amount)
}

func capitalsOf(amount string) string { return capitals.Yuan(amount) }

// closeAbove is what to look at before a month is closed.
func closeAbove(f *filling) (templ.Component, error) {
	month := normalMonth(f.values["month"])
	if month == "" {
		month = openMonth(f)
	}
	open, err := f.site.openRequests(f.visit)
	if err != nil {
		return nil, err
	}
	if !isDay(month + "-01") {
		return closeList(f, nil), nil
	}
	from, to := month+"-01", daysAfter(daysAfter(month+"-01", 31)[:8]+"01", -1)
	statement, err := f.site.disclosure.GetFundStatement(f.ctx, &apiv1.GetFundStatementRequest{CollectiveId: f.collective(), From: from, To: to})
	if err != nil {
		return nil, err
	}
	check := &monthCheck{month: month, open: open, statement: statement}
	request := &apiv1.ListVouchersRequest{CollectiveId: f.collective(), From: from, To: to, PageSize: 1000}
	for range choicePagesMax {
		answer, err := f.site.audit.ListVouchers(f.ctx, request)
		if err != nil {
			return nil, err
		}
		for _, v := range answer.Vouchers {
			check.vouchers++
			if len(v.Documents) == 0 && v.Reverses == "" && v.GrantRoundId == "" && v.DividendRunId == "" {
				check.bare = append(check.bare, v.Number)
			}
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return closeList(f, check), nil
}

// monthCheck is what there is to say of a month that is to be closed.
type monthCheck struct {
	month     string
	vouchers  int
	bare      []string // vouchers without a paper
	open      []*apiv1.Request
	statement *apiv1.GetFundStatementResponse
}

// paperPage sends a paper that is kept. A picture or a PDF is shown, alone and without any power over this site; all else is saved.
func (s *site) paperPage(v *visit) (templ.Component, error) {
	stream, err := s.documents.Download(v.ctx, &apiv1.DownloadRequest{CollectiveId: v.collective(), Sha256: v.request.PathValue("sha256")})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	first, err := stream.Receive()
	if err != nil {
		return nil, err
	}
	h := v.writer.Header()
	media, disposition := first.Document.GetMediaType(), "attachment"
	if strings.HasPrefix(media, "image/") || media == "application/pdf" {
		disposition = "inline"
	}
	h.Set("Content-Type", media)
	h.Set("Content-Length", fmt.Sprint(first.Document.GetSize()))
	h.Set("Content-Disposition", disposition+`; filename="`+first.Document.GetFileName()+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	v.writer.WriteHeader(http.StatusOK)
	for piece := first; ; {
		if _, err := v.writer.Write(piece.Data); err != nil {
			return nil, nil // who left needs no answer
		}
		if piece, err = stream.Receive(); err != nil {
			return nil, nil // the end, or a fault that a short answer tells
		}
	}
}
