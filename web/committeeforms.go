package web

import (
	"cmp"
	"slices"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// committeeForms are what a supervisor says of what others did.
var committeeForms = []*form{
	{
		name: "review", method: "GovernanceService/ReviewRequest", roles: supervisor, title: words{"审核申请", "Review a request"}, button: words{"审核通过", "It is in order"},
		about: words{"核对单据、用途和决议。审核的是下面写的这一件,内容变了就不算数。", "Compare papers, purpose and resolution. The review is bound to what stands below; it is void for anything else."},
		above: requestAbove(), fields: []*field{seenRequest(), seenDigest()},
	},
	{
		name: "confirm-resolution", method: "GovernanceService/ConfirmResolution", roles: supervisor, title: words{"确认决议", "Confirm a resolution"}, button: words{"确认属实", "It is true to the minutes"},
		about:  words{"拿会议记录核对日期、人数和票数;属实才确认,确认以后才能据以办事。", "Compare day, attendance and votes with the minutes. Only what was confirmed can be acted upon."},
		fields: []*field{{path: "resolution_id", label: words{"哪一份决议", "Which resolution"}, kind: kindRadio, must: true, choices: unconfirmed}},
	},
	{
		name: "confirm-opening", method: "GovernanceService/ConfirmOpening", roles: supervisor, title: words{"确认期初余额", "Confirm the opening balances"}, button: words{"确认并入账", "Confirm and book"},
		about: words{"拿旧账和银行对账单逐项核对会计提出的期初余额;下一步显示会记成什么。", "Compare what the treasurer proposed with the old books and the bank's statement, line by line. The next step shows what is booked."},
	},
	{
		name: "grant-review", method: "GovernanceService/ReviewGrantRound", roles: supervisor, title: words{"审核一轮救助、奖学", "Review a round of grants"}, button: words{"审核通过", "It is in order"},
		about:  words{"核对每位申请人的资格和金额。审核以后由会计公示。", "Check every applicant and amount. Then the treasurer puts the round up for notice."},
		fields: []*field{roundField("open")},
	},
	{
		name: "ratify", method: "GovernanceService/RatifyFlag", roles: supervisor, title: words{"追认", "Ratify an outlay"}, button: words{"记下追认", "Record it"},
		about: words{"已经付了而当时没有授权的钱,由决议事后同意。追认以后,公开的提示写明是哪一份决议。", "A body agreed afterwards to what was paid without authority. The public mark then names the resolution."},
		fields: []*field{
			{path: "voucher+kind", label: words{"哪一笔", "Which outlay"}, kind: kindRadio, must: true, choices: openFlags},
			{path: "resolution_id", label: words{"追认的决议", "Resolution"}, kind: kindChoice, must: true, choices: resolutions()},
		},
	},
	{
		name: reviewMonthForm, method: "GovernanceService/ReviewPeriod", roles: supervisor, title: words{"审查一个月", "Review a month"}, button: words{"记下我的审查", "Record my review"},
		about: words{"逐笔或整月签认、拒签、附意见。您说的人人看得到。", "Sign, refuse or remark, voucher by voucher or as a whole. Everybody reads what you say."},
		above: monthAbove, view: reviewFormView,
		fields: []*field{
			{path: "month", label: words{"月份", "Month"}, kind: kindHidden}, {path: "statement_sha256", kind: kindHidden},
			{path: "items", label: words{"逐笔", "Vouchers"}, kind: kindRows, fields: []*field{
				{path: "voucher", label: words{"凭证", "Voucher"}, kind: kindText, alone: true}, {path: "verdict", label: words{"怎么说", "What you say"}, kind: kindRadio, must: true, choices: verdicts},
				textField("remark", "意见(公开,不写姓名)", "Remark, in public, without names", false, 200),
			}},
			{path: "verdict", label: words{"整个月", "The month as a whole"}, kind: kindRadio, must: true, choices: verdicts},
			textField("remark", "总的意见(公开,不写姓名)", "Remark on the whole, in public, without names", false, 200),
		},
	},
	{
		name: "ask", method: "DisclosureService/RaiseInquiry", roles: asker, title: words{"提出质询", "Ask about a voucher"}, button: words{"提出", "Ask"}, private: true,
		about: words{"质询马上编号,十天内要答复,人人看得到。", "It gets its number at once, is to be answered within ten days, and everybody sees it."},
		fields: []*field{
			{path: "kind", label: words{"问什么", "What it is about"}, kind: kindChoice, must: true, initial: func(*filling) string { return "INQUIRY_KIND_LINE" }, choices: fixedChoices(
				named{"INQUIRY_KIND_LINE", "质询一张凭证", "One voucher"}, named{"INQUIRY_KIND_TOPIC", "点题公开", "A matter that is to be disclosed"})},
			{path: "voucher", label: words{"哪一笔", "Which voucher"}, max: 24, help: words{"质询一张凭证才填。", "For a question about one voucher."}}, {path: "text", label: words{"想问什么", "What you ask"}, kind: kindLong, must: true, max: 500},
			{path: "wording", label: words{"公开的写法", "Public wording"}, kind: kindLong, max: 200, help: words{"不写姓名。监督委员填了就马上公开;空着就等监督委员会审阅。", "Without names. Filled in by a supervisor it is published at once; empty, it waits for the committee to read it."}},
		},
	},
	{
		name: "inquiry-publish", method: "GovernanceService/PublishInquiry", roles: supervisor, title: words{"公开质询", "Publish an inquiry"}, button: words{"公开", "Publish it"},
		about:  words{"写成不涉及个人的一句话。和原话不同会注明“改写过”。", "Word it without anybody's personal affairs. Another wording than what was asked is marked as such."},
		fields: []*field{inquiryField("received"), {path: "wording", label: words{"公开的写法", "Public wording"}, kind: kindLong, must: true, max: 200}},
	},
	{
		name: "inquiry-decline", method: "GovernanceService/DeclineInquiry", roles: supervisor, title: words{"不予公开", "Decline an inquiry"}, button: words{"不予公开", "Decline it"},
		about: words{"编号和理由仍然留在公示上,问话的内容不出现。", "Its number and the reason stay on the board; what was asked does not appear."},
		fields: []*field{inquiryField("received"),
			{path: "reason", label: words{"理由", "Reason"}, kind: kindRadio, must: true, choices: fixedChoices(
				named{"DECLINE_REASON_PERSONAL_DATA", "不说到某人的事就问不成", "It cannot be worded without somebody's affairs"}, named{"DECLINE_REASON_ABUSIVE", "辱骂或威胁", "It insults or threatens"},
				named{"DECLINE_REASON_NOT_OURS", "不是集体的钱", "It is not about the collective's money"}, named{"DECLINE_REASON_REPEATED", "已经问过", "It was asked before"})},
			{path: "same_as", label: words{"和第几号相同", "Same as number"}, kind: kindNumber, when: "reason=DECLINE_REASON_REPEATED"}},
	},
	{
		name: "inquiry-answer", method: "GovernanceService/AnswerInquiry", roles: []apiv1.Role{apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_APPROVER},
		title: words{"答复质询", "Answer an inquiry"}, button: words{"公开答复", "Publish the answer"},
		about: words{"答复就公开在那一笔旁边,不写姓名。", "It stands in public beside the line, without names."},
		fields: []*field{inquiryField("published", "answered"), {path: "text", label: words{"答复", "Answer"}, kind: kindLong, must: true, max: 1000},
			{path: "outcome", label: words{"结果", "Outcome"}, kind: kindRadio, must: true, choices: fixedChoices(
				named{"INQUIRY_OUTCOME_EXPLAINED", "账是对的,说明如上", "The books are right"}, named{"INQUIRY_OUTCOME_CORRECTED", "账错了,已经更正", "They were wrong and are put right"},
				named{"INQUIRY_OUTCOME_WILL_CORRECT", "账错了,将要更正", "They are wrong and will be put right"})},
			{path: "corrected_by", label: words{"更正的凭证", "Voucher that put it right"}, max: 24, when: "outcome=INQUIRY_OUTCOME_CORRECTED"}},
	},
}

// reviewMonthForm is the name of the form that reviews a month.
const reviewMonthForm = "review-month"

var verdicts = fixedChoices(named{"VERDICT_SIGNED", "签认", "Sign"}, named{"VERDICT_REFUSED", "拒签", "Refuse"}, named{"VERDICT_REMARKED", "附意见", "Remark"})

// verdictList are the verdicts in the words of the visit.
func (f *filling) verdictList() []choice {
	list, _ := verdicts(f) // a fixed list is never an error
	return list
}

// unconfirmed are the resolutions that wait for a supervisor.
func unconfirmed(f *filling) ([]choice, error) {
	var list []choice
	request := &apiv1.ListResolutionsRequest{CollectiveId: f.collective(), PageSize: 1000}
	for range pagesMax {
		answer, err := f.site.disclosure.ListResolutions(f.ctx, request)
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Resolutions {
			if !r.Confirmed {
				note := f.day(r.DecidedOn) + f.text(",应到 ", ", entitled ") + number(r.Electorate) + f.text(",实到 ", ", present ") + number(r.Present) +
					f.text(",赞成 ", ", for ") + number(r.VotesFor) + f.text(",反对 ", ", against ") + number(r.VotesAgainst) + f.text(",弃权 ", ", abstained ") + number(r.Abstained)
				if !isZero(r.Authority) {
					note += f.text(",额度 ", ", authority ") + grouped(r.Authority)
				}
				list = append(list, choice{value: r.Id, label: r.Title, note: note})
			}
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return list, nil
}

// openFlags are the outlays that wait to be ratified.
func openFlags(f *filling) ([]choice, error) {
	var list []choice
	request := &apiv1.ListFlagsRequest{CollectiveId: f.collective(), PageSize: 1000}
	for range pagesMax {
		answer, err := f.site.disclosure.ListFlags(f.ctx, request)
		if err != nil {
			return nil, err
		}
		for _, one := range answer.Flags {
			list = append(list, choice{value: one.Voucher + "+" + one.Flag.Kind.String(), label: one.Voucher + " · " + f.day(one.OccurredOn), note: f.flag(one.Flag)})
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return list, nil
}

// inquiryField is the inquiry that a form is about, among those in some states.
func inquiryField(states ...string) *field {
	return &field{path: "inquiry", label: words{"哪一号质询", "Which inquiry"}, kind: kindRadio, must: true, choices: func(f *filling) ([]choice, error) {
		all, err := f.site.inquiries(f.visit, &apiv1.ListInquiriesRequest{CollectiveId: f.collective()})
		if err != nil {
			return nil, err
		}
		var list []choice
		for _, q := range all {
			for _, state := range states {
				if q.State == state {
					list = append(list, choice{value: number(q.Number), label: f.text("第 "+number(q.Number)+" 号", "No. "+number(q.Number)) + " " + q.Voucher, note: q.Wording})
				}
			}
		}
		return list, nil
	}}
}

// monthAbove makes the page around the form that reviews a month.
func monthAbove(f *filling) (templ.Component, error) {
	page, err := f.site.folio(f.visit, "months")
	if err != nil {
		return nil, err
	}
	m, err := f.site.month(page, cmp.Or(f.values["month"], page.books.ClosedThrough))
	if err != nil {
		return nil, err
	}
	m.form = f
	m.fill()
	return monthView(page, m), nil
}

// reviewFormView is that page: the form stands in it.
func reviewFormView(_ *filling, page templ.Component) templ.Component { return page }

// fill puts into a review what a month's page begins with: every voucher with nothing said of it, but for the one that the address asks about.
func (m *monthStory) fill() {
	m.form.values["month"] = m.month
	if m.form.values["statement_sha256"] == "" {
		m.form.values["statement_sha256"] = m.review.GetStatementSha256()
	}
	for i, v := range m.reviewable() {
		name := rowPrefix("items", i)
		m.form.values[name+"voucher"] = v.Number
		if m.form.request.Method == "GET" && m.form.query("voucher") == v.Number {
			m.form.values[name+"verdict"] = "VERDICT_REMARKED"
			m.form.values[name+"remark"] = m.form.query("remark")
		}
	}
}

// reviewable are the vouchers that one review can speak of.
func (m *monthStory) reviewable() []*apiv1.Voucher { return m.vouchers[:min(len(m.vouchers), rowsMax)] }

// taskForm is the form that does a task, and the control that takes the task's subject.
type taskForm struct{ form, control string }

// taskForms are the forms of tasks, by the method that does them.
var taskForms = map[string]taskForm{
	"ReviewRequest": {"review", "request_number"}, "ApproveRequest": {"approve", "request_number"}, "RejectRequest": {"reject", "request_number"},
	"SettlePayment": {"settle", "request_number"}, "BookTransfer": {"book-transfer", "request_number"}, "BookCorrection": {"book-correction", "request_number"},
	"DeclareDividend": {"declare", "request_number"}, "ExpireRequest": {"expire", "request_number"}, "ConfirmOpening": {"confirm-opening", ""},
	"ConfirmResolution": {"confirm-resolution", "resolution_id"}, "ClosePeriod": {"close", "month"}, "ReviewGrantRound": {"grant-review", "round_id"},
	"PublishGrantNotice": {"grant-notice", "round_id"}, "AwardGrants": {"grant-award", "round_id"}, "PayGrant": {"grant-pay", "round_id"},
	"AnswerObjection": {"objection-answer", "round_id"}, "RatifyFlag": {"ratify", ""}, "ApproveErasure": {"erasure-approve", "erasure"},
	"RejectErasure": {"erasure-reject", "erasure"}, "SendDividendFile": {"dividend-file", "run_id"}, "RecordDividendResults": {"dividend-results", "run_id"},
	"PublishInquiry": {"inquiry-publish", "inquiry"}, "DeclineInquiry": {"inquiry-decline", "inquiry"}, "AnswerInquiry": {"inquiry-answer", "inquiry"},
}

// doing is the address of the form that does something to a subject; empty where there is none.
func (f *folio) doing(method, subject string) string {
	form, ok := taskForms[method]
	if !ok {
		return ""
	}
	subject, rest, _ := strings.Cut(subject, "/") // relief-2021/2 is an objection of that round, dividend-2021/3 a file of that run
	values := []string{}
	if form.control != "" {
		values = append(values, form.control, subject)
	}
	switch {
	case rest != "" && method == "AnswerObjection":
		values = append(values, "objection", rest)
	case rest != "" && method == "RecordDividendResults":
		values = append(values, "file", rest)
	}
	return f.formAddress(form.form, values...)
}

// mineOf are the tasks about a subject, of kinds that begin so, that whoever looks may do now; none for roles that have no tasks.
func (s *site) mineOf(f *folio, subject string, kinds ...string) ([]*apiv1.Task, error) {
	var found []*apiv1.Task
	request := &apiv1.ListTasksRequest{CollectiveId: f.books.Id, PageSize: 1000}
	for range pagesMax {
		answer, err := s.audit.ListTasks(f.ctx, request)
		if refusal, err := withheld(err); refusal != nil || err != nil {
			return nil, err
		}
		for _, t := range answer.Tasks {
			if about, _, _ := strings.Cut(t.Subject, "/"); about == subject && slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(t.Kind, kind) }) {
				found = append(found, t)
			}
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return found, nil
}
