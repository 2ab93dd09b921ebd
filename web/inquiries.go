package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// inquiriesPage lists what was asked, the newest first.
func (s *site) inquiriesPage(b *board) (templ.Component, error) {
	answer, err := s.disclosure.ListInquiries(b.public(), &apiv1.ListInquiriesRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	slices.Reverse(answer.Inquiries)
	return inquiriesPage(b, answer), nil
}

// inquiryPage is one inquiry.
func (s *site) inquiryPage(b *board) (templ.Component, error) {
	text := b.request.PathValue("inquiry")
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil || number == 0 || strconv.FormatUint(number, 10) != text {
		return nil, errNotFound
	}
	answer, err := s.disclosure.ListInquiries(b.public(), &apiv1.ListInquiriesRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, Number: uint32(number)})
	if err != nil {
		return nil, noSuch(err)
	}
	if len(answer.Inquiries) != 1 {
		return nil, errNotFound
	}
	return inquiryPage(b, answer.Inquiries[0]), nil
}

// askForm is an inquiry on its way: the command's id travels with it, so that sending it twice has one effect.
type askForm struct {
	command string
	voucher string // number; empty for a matter that is to be disclosed
	text    string
	wrong   string // what is wrong with the text, in the visit's language
	trouble string // why it was not taken
}

// textMax is the longest inquiry, in characters.
const textMax = 500

// askPage is the form for an inquiry: about the line in the address, or about a matter.
func (s *site) askPage(b *board) (templ.Component, error) {
	form := &askForm{command: uuid.NewString()}
	if id := b.request.PathValue("voucher"); id != "" {
		number, ok := voucherNumber(id)
		if !ok {
			return nil, errNotFound
		}
		line, err := s.disclosure.GetLine(b.public(), &apiv1.GetLineRequest{CollectiveId: b.about.Id, Voucher: number})
		if err != nil {
			return nil, noSuch(err)
		}
		form.voucher = line.Voucher.Number
	}
	return askPage(b, form), nil
}

// ask takes the form. The answer shows the opening, which nobody else keeps, so it is not at an address of its own.
func (s *site) ask(b *board) (templ.Component, error) {
	b.request.Body = http.MaxBytesReader(b.writer, b.request.Body, 64<<10)
	if err := b.request.ParseForm(); err != nil {
		return nil, &problem{status: http.StatusBadRequest, zh: "表单不完整,请回到上一页再发一次。", en: "The form is not whole: go back and send it again."}
	}
	form := &askForm{command: b.request.PostFormValue("command"), voucher: b.request.PostFormValue("voucher")}
	form.text = strings.TrimSpace(strings.ReplaceAll(b.request.PostFormValue("text"), "\r\n", "\n"))
	if err := uuid.Validate(form.command); err != nil {
		form.command = uuid.NewString()
	}
	switch n := utf8.RuneCountInString(form.text); {
	case n == 0:
		form.wrong = b.text("请写下要问的事。", "Write down what you ask.")
	case n > textMax:
		form.wrong = b.text("最多500个字,现在有"+strconv.Itoa(n)+"个。", "At most 500 characters; there are "+strconv.Itoa(n)+".")
	}
	if form.wrong != "" {
		return askPage(b, form), nil
	}
	kind := apiv1.InquiryKind_INQUIRY_KIND_TOPIC
	if form.voucher != "" {
		kind = apiv1.InquiryKind_INQUIRY_KIND_LINE
	}
	answer, err := s.disclosure.RaiseInquiry(b.public(), &apiv1.RaiseInquiryRequest{
		CommandId: form.command, CollectiveId: b.about.Id, Kind: kind, Voucher: form.voucher, Text: form.text,
	})
	if refusal := rpc.RefusalOf(err); refusal != nil {
		form.trouble = b.text(refusal.SentenceZh, refusal.SentenceEn)
		return askPage(b, form), nil
	}
	if err != nil {
		return nil, err
	}
	return askedPage(b, answer.Receipt), nil
}

// clock says how long an open inquiry has still to wait, or for how long it is overdue.
func (v *visit) clock(q *apiv1.Inquiry) string {
	switch days := int(q.DaysLeft); {
	case days > 0:
		return v.text("还有 "+strconv.Itoa(days)+" 天", strconv.Itoa(days)+plural(days, " day left", " days left"))
	case days == 0:
		return v.text("今天到期", "due today")
	default:
		return v.text("超期 "+strconv.Itoa(-days)+" 天", strconv.Itoa(-days)+plural(-days, " day overdue", " days overdue"))
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// openInquiry says whether an inquiry still waits.
func openInquiry(q *apiv1.Inquiry) bool { return q.State == "received" || q.State == "published" }

var declineWords = map[apiv1.DeclineReason]words{
	apiv1.DeclineReason_DECLINE_REASON_PERSONAL_DATA: {"不写出某个人的私事就说不清", "it cannot be worded without naming a person's affairs"},
	apiv1.DeclineReason_DECLINE_REASON_ABUSIVE:       {"有辱骂或威胁", "it insults or threatens"},
	apiv1.DeclineReason_DECLINE_REASON_NOT_OURS:      {"与集体的钱无关", "it is not about the collective's money"},
	apiv1.DeclineReason_DECLINE_REASON_REPEATED:      {"以前问过,见", "it was asked before:"},
}

var answerWords = map[apiv1.InquiryOutcome]words{
	apiv1.InquiryOutcome_INQUIRY_OUTCOME_EXPLAINED: {"已说明,账是对的", "explained: the books are right"},
	apiv1.InquiryOutcome_INQUIRY_OUTCOME_CORRECTED: {"已更正", "corrected"}, apiv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT: {"账错了,将更正", "will be corrected"},
}

// inquiryState is the word for where an inquiry stands.
func (v *visit) inquiryState(q *apiv1.Inquiry) string { return v.state(q.State) }

func inquiryClass(q *apiv1.Inquiry) string {
	if q.State == "answered" {
		return "good"
	}
	return ""
}

func answerClass(a *apiv1.InquiryAnswer) string {
	if a.Outcome == apiv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT {
		return "warn"
	}
	return "good"
}
