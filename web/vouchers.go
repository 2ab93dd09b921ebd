package web

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// voucherList is the journal: every voucher, found by any of its marks.
func (s *site) voucherList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "vouchers")
	if err != nil {
		return nil, err
	}
	asked := &apiv1.ListVouchersRequest{
		CollectiveId: f.books.Id, Account: v.query("account"), From: v.query("from"), To: v.query("to"), Class: v.query("class"), Party: v.query("party"),
		Purpose: v.query("purpose"), ResolutionId: v.query("resolution"), AmountFrom: v.query("min"), AmountTo: v.query("max"), Text: v.query("text"),
		Corrections: v.query("corrections") != "", Descending: true, PageToken: v.query("page"),
	}
	answer, err := s.audit.ListVouchers(v.ctx, asked)
	if err != nil {
		return nil, err
	}
	return voucherListPage(f, asked, answer), nil
}

// voucherStory is a voucher with everything that it rests on.
type voucherStory struct {
	*apiv1.Voucher
	steps   []*apiv1.ExplainStep
	addsUp  bool
	noSteps *apiv1.Refusal // why the caller is told no steps
	proof   *apiv1.ProveInclusionResponse
	noProof *apiv1.Refusal
	tasks   []*apiv1.Task
	asked   []*apiv1.Inquiry
	pair    []*apiv1.Voucher // wrong, reversal and right, in the order of the log; empty for a voucher that stands alone
}

// told are the steps that say more than the page does by itself: without the postings, and without the place in the log.
func (v *voucherStory) told() []*apiv1.ExplainStep {
	return slices.DeleteFunc(slices.Clone(v.steps), func(s *apiv1.ExplainStep) bool { return s.Kind == "voucher" || s.Kind == "tree" })
}

// voucher is one voucher that explains itself.
func (s *site) voucher(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "vouchers")
	if err != nil {
		return nil, err
	}
	answer, err := s.audit.GetVoucher(v.ctx, &apiv1.GetVoucherRequest{CollectiveId: f.books.Id, Number: v.request.PathValue("number")})
	if err != nil {
		return nil, err
	}
	told := &voucherStory{Voucher: answer.Voucher}
	explained, err := s.audit.Explain(v.ctx, &apiv1.ExplainRequest{CollectiveId: f.books.Id, Subject: &apiv1.ExplainRequest_Voucher{Voucher: told.Number}})
	if told.noSteps, err = withheld(err); err != nil {
		return nil, err
	}
	if told.noSteps == nil {
		told.steps, told.addsUp = explained.Steps, explained.AddsUp
	}
	told.proof, err = s.audit.ProveInclusion(v.ctx, &apiv1.ProveInclusionRequest{CollectiveId: f.books.Id, Version: told.Version})
	if told.noProof, err = withheld(err); err != nil {
		return nil, err
	}
	if told.pair, err = s.pairOf(f, told); err != nil {
		return nil, err
	}
	if len(told.Inquiries) > 0 {
		if told.asked, err = s.inquiries(v, &apiv1.ListInquiriesRequest{CollectiveId: f.books.Id, Voucher: told.Number}); err != nil {
			return nil, err
		}
	}
	if told.tasks, err = s.mineOf(f, told.Number, "flag_"); err != nil {
		return nil, err
	}
	return voucherPage(f, told), nil
}

// pairOf are a wrong voucher, the one that turns it back and the right one in its place, if the voucher is one of them.
func (s *site) pairOf(f *folio, told *voucherStory) ([]*apiv1.Voucher, error) {
	numbers := []string{told.Reverses, told.Corrects, told.ReversedBy}
	for _, step := range told.steps {
		if step.Kind == "corrected_by" {
			for _, r := range step.References {
				numbers = append(numbers, r.Id)
			}
		}
	}
	found := map[string]*apiv1.Voucher{told.Number: told.Voucher}
	for i := 0; i < len(numbers) && i < pairMax; i++ {
		number := numbers[i]
		if number == "" || found[number] != nil {
			continue
		}
		answer, err := s.audit.GetVoucher(f.ctx, &apiv1.GetVoucherRequest{CollectiveId: f.books.Id, Number: number})
		if err != nil {
			return nil, err
		}
		found[number] = answer.Voucher
		numbers = append(numbers, answer.Voucher.Reverses, answer.Voucher.Corrects, answer.Voucher.ReversedBy)
	}
	if len(found) == 1 {
		return nil, nil
	}
	pair := make([]*apiv1.Voucher, 0, len(found))
	for _, v := range found {
		pair = append(pair, v)
	}
	slices.SortFunc(pair, func(a, b *apiv1.Voucher) int {
		if a.Version != b.Version {
			return int(a.Version) - int(b.Version)
		}
		return strings.Compare(a.Corrects, b.Corrects) // of one event: the reversal, which corrects nothing, first
	})
	return pair, nil
}

// pairMax is how many numbers are followed from a voucher to those it is corrected with.
const pairMax = 20

// part says what a voucher is in a correction.
func (f *folio) part(v *apiv1.Voucher) string {
	switch {
	case v.Reverses != "":
		return f.text("冲销", "Reversal")
	case v.Corrects != "":
		return f.text("更正", "Right")
	case v.ReversedBy != "":
		return f.text("原凭证(已冲销)", "Wrong (turned back)")
	}
	return f.text("原凭证", "Original")
}

// fundOf names the funds that a voucher touches, as long as they are few.
func (f *folio) fundOf(v *apiv1.Voucher) string {
	var names []string
	for _, p := range v.Postings {
		if id, ok := strings.CutPrefix(p.Account, "fund/"); ok && !slices.Contains(names, f.fund(id)) {
			names = append(names, f.fund(id))
		}
	}
	if len(names) > 2 {
		return f.text(names[0]+"等 "+number(len(names))+" 项", names[0]+" and "+number(len(names)-1)+" more")
	}
	return strings.Join(names, f.text("、", ", "))
}

var classWords = map[string]words{"receipt": {"收款", "Receipts"}, "payment": {"付款", "Payments"}, "transfer": {"转账", "Transfers"}}

var paperWords = map[string]words{
	"invoice": {"发票", "Invoice"}, "receipt": {"收据", "Receipt"}, "bank_line": {"银行流水", "Bank line"}, "contract": {"合同", "Contract"},
	"minutes": {"会议记录", "Minutes"}, "list": {"名单", "List"}, "other": {"其他", "Other"},
}

// verdict says what a supervisor said, and how the tag of it looks.
func (f *folio) verdict(k apiv1.Verdict) (kind, text string) {
	switch k {
	case apiv1.Verdict_VERDICT_SIGNED:
		return "good", f.text("签认", "Signed")
	case apiv1.Verdict_VERDICT_REFUSED:
		return "bad", f.text("拒签", "Refused")
	case apiv1.Verdict_VERDICT_REMARKED:
		return "warn", f.text("附意见", "Remarked")
	}
	return "", f.text("未审", "Not reviewed")
}

// stepWords are the headings of the steps of an explanation.
var stepWords = map[string]words{
	"voucher": {"这笔账", "The voucher"}, "event": {"谁记的", "Who booked it"}, "policy": {"怎样分", "How it was split"}, "part": {"一份", "A part"},
	"placed": {"列入基金", "Into one fund"}, "tier": {"要谁同意", "Who has to agree"}, "request_made": {"申请", "Asked for"}, "request_reviewed": {"审核", "Reviewed"},
	"request_approved": {"批准", "Approved"}, "request_settled": {"办结", "Settled"}, "request_rejected": {"驳回", "Rejected"}, "request_withdrawn": {"撤回", "Withdrawn"},
	"resolution": {"决议", "The vote"}, "authority": {"额度", "Authority"}, "document": {"原始凭证", "The paper"}, "reverses": {"冲销", "Reversal"},
	"corrects": {"更正", "Correction"}, "reversed_by": {"已被冲销", "Turned back"}, "corrected_by": {"已被更正", "Put right"}, "grant_round": {"救助奖学", "Grant round"},
	"dividend_run": {"分红", "Dividend"}, "tree": {"在日志里", "In the log"}, "balance": {"余额", "Balance"}, "opening": {"期初", "Opening"}, "group": {"组成", "Made of"},
	"sum": {"合计", "Sum"}, "rate": {"每份", "Rate"}, "entitlement": {"应得", "Entitlement"}, "pool": {"总额", "Pool"}, "carried": {"零头", "Odd fen"}, "paid": {"发放", "Paid"},
}

// pictured says whether a paper can be shown as a picture.
func pictured(d *apiv1.Document) bool {
	return d.Sha256 != "" && (d.MediaType == "image/jpeg" || d.MediaType == "image/png")
}

// paperCount says how many papers stand behind a voucher.
func (f *folio) paperCount(v *apiv1.Voucher) string {
	if len(v.Documents) == 0 {
		return f.text("没有单据", "no paper")
	}
	return f.text(number(len(v.Documents))+" 张单据", number(len(v.Documents))+" papers")
}
