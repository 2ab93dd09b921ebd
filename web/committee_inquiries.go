package web

import (
	"strconv"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// inquiries are the inquiries that a request asks for, on all its pages.
func (s *site) inquiries(v *visit, request *apiv1.ListInquiriesRequest) ([]*apiv1.Inquiry, error) {
	var all []*apiv1.Inquiry
	request.PageSize = 1000
	for range pagesMax {
		answer, err := s.disclosure.ListInquiries(v.ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Inquiries...)
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return all, nil
}

// inquiryList is the inquiries with their clocks, those that are open first.
func (s *site) inquiryList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "inquiries")
	if err != nil {
		return nil, err
	}
	answer, err := s.disclosure.ListInquiries(v.ctx, &apiv1.ListInquiriesRequest{CollectiveId: f.books.Id, Open: v.query("all") == "", PageSize: 100, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return inquiryListPage(f, answer), nil
}

// askedStory is one inquiry with what a supervisor may read of it.
type askedStory struct {
	*apiv1.Inquiry
	read    *apiv1.ReadInquiryResponse // nil while nobody asked to read it
	refused *apiv1.Refusal             // why it is not shown
	voucher *apiv1.Voucher
	tasks   []*apiv1.Task
}

// inquiryStory is one inquiry. What was asked is shown when a supervisor asks to read it, which is noted, and not by merely coming by.
func (s *site) inquiryStory(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "inquiries")
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(v.request.PathValue("number"), 10, 32)
	if err != nil || n == 0 {
		return nil, errNotFound
	}
	list, err := s.inquiries(v, &apiv1.ListInquiriesRequest{CollectiveId: f.books.Id, Number: uint32(n)})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errNotFound
	}
	told := &askedStory{Inquiry: list[0]}
	if v.request.Method == "POST" {
		told.read, err = s.audit.ReadInquiry(v.ctx, &apiv1.ReadInquiryRequest{CollectiveId: f.books.Id, Inquiry: told.Number})
		if told.refused, err = withheld(err); err != nil {
			return nil, err
		}
	}
	if told.Voucher != "" {
		answer, err := s.audit.GetVoucher(v.ctx, &apiv1.GetVoucherRequest{CollectiveId: f.books.Id, Number: told.Voucher})
		if refusal, err := withheld(err); err != nil {
			return nil, err
		} else if refusal == nil {
			told.voucher = answer.Voucher
		}
	}
	if told.tasks, err = s.mineOf(f, number(told.Number), "inquiry_"); err != nil {
		return nil, err
	}
	return inquiryView(f, told), nil
}

var inquiryStates = map[string]words{
	"received": {"等人审阅", "waits to be read"}, "published": {"等答复", "waits for an answer"}, "answered": {"已答复", "answered"}, "declined": {"不予公开", "declined"},
}

// titled is what an inquiry is called in a list: its wording, or that there is none yet.
func (f *folio) titled(q *apiv1.Inquiry) string {
	switch {
	case q.Wording != "":
		return q.Wording
	case q.State == "declined":
		return f.text("不予公开:", "Declined: ") + called(f.visit, declineWords, q.DeclineReason)
	}
	return f.text("还没有公开的写法", "no public wording yet")
}

// inquiryNotice is how an inquiry stands out beside its line.
func inquiryNotice(q *apiv1.Inquiry) string {
	switch {
	case q.Overdue:
		return "bad"
	case q.State == "received" || q.State == "published":
		return "warn"
	}
	return ""
}
