package web

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// waiting is what waits for whoever looks, or for anybody.
func (s *site) waiting(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "tasks")
	if err != nil {
		return nil, err
	}
	all := v.query("all") != ""
	answer, err := s.audit.ListTasks(v.ctx, &apiv1.ListTasksRequest{CollectiveId: f.books.Id, All: all, PageSize: 200, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return waitingPage(f, answer, all), nil
}

// taskKind is what a kind of task is called, and where its subject is shown.
type taskKind struct{ zh, en, reference string }

// taskKinds are the kinds of tasks, in the order in which they stand on the page.
var taskKinds = map[string]taskKind{
	"request_review": {"待审核的申请", "Requests to review", "request"}, "request_approve": {"待批准的申请", "Requests to approve", "request"},
	"request_settle": {"待办理的申请", "Requests to settle", "request"}, "request_expire": {"已过期的申请", "Requests that have lapsed", "request"},
	"opening_confirm": {"待确认的期初余额", "Opening balances to confirm", ""}, "resolution_confirm": {"待确认的决议", "Resolutions to confirm", "resolution"},
	"month_close": {"待结账的月份", "Months to close", "month"}, "month_review": {"待审查的月份", "Months to review", "month"}, "month_sign": {"待签章的月份", "Months to seal", "month"},
	"grant_review": {"待审核的救助奖学", "Grant rounds to review", "grant_round"}, "grant_notice": {"待公示的救助奖学", "Grant rounds to put up", "grant_round"},
	"grant_award": {"待核准的救助奖学", "Grant rounds to award", "grant_round"}, "grant_pay": {"待发放的救助奖学", "Grants to pay", "grant_round"},
	"objection_answer": {"待答复的异议", "Objections to answer", "grant_round"}, "flag_ratify": {"待追认的支出", "Outlays to ratify", "voucher"},
	"erasure_decide": {"待决定的删除", "Erasures to decide on", ""}, "dividend_send": {"待送银行的分红", "Dividends to send", "dividend_run"},
	"dividend_record": {"待登记结果的分红", "Dividend results to record", "dividend_run"}, "inquiry_read": {"待审阅的质询", "Inquiries to read", "inquiry"},
	"inquiry_answer": {"待答复的质询", "Inquiries to answer", "inquiry"}, "inquiry_correct": {"待更正的质询", "Inquiries to put right", "inquiry"},
}

// taskPlace is the page on which a task is done, or on which its item is shown.
func (f *folio) taskPlace(t *apiv1.Task) string {
	subject, _, _ := strings.Cut(t.Subject, "/") // relief-2021/2 is an objection of that round
	to := f.reference(taskKinds[t.Kind].reference, subject)
	if to == "" || t.Kind == "month_close" {
		return f.doing(t.Method, t.Subject)
	}
	switch t.Kind {
	case "month_sign":
		to += "#seal"
	case "month_review":
		to += "#review"
	}
	return to
}

// taskShown is how many tasks of a kind stand open; the rest is folded.
const taskShown = 6

// taskGroups are the tasks kind by kind, in the order in which the services give the first of each.
func taskGroups(list []*apiv1.Task) [][]*apiv1.Task {
	var groups [][]*apiv1.Task
	at := map[string]int{}
	for _, t := range list {
		i, ok := at[t.Kind]
		if !ok {
			i = len(groups)
			at[t.Kind] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}

// taskCount is how many tasks of a kind there are on all pages.
func taskCount(counts []*apiv1.TaskCount, kind string) string {
	for _, c := range counts {
		if c.Kind == kind {
			return number(c.Count)
		}
	}
	return "0"
}

// deeds are what the buttons of tasks say, by the method that does them.
var deeds = map[string]words{
	"ReviewRequest": {"审核", "Review"}, "ApproveRequest": {"批准", "Approve"}, "RejectRequest": {"驳回", "Reject"}, "SettlePayment": {"支付", "Pay"},
	"BookTransfer": {"记调剂", "Book the transfer"}, "BookCorrection": {"记更正", "Book the correction"}, "DeclareDividend": {"宣告分红", "Declare it"},
	"ExpireRequest": {"了结过期的申请", "End it"}, "ConfirmResolution": {"确认属实", "Confirm it"}, "ReviewGrantRound": {"审核", "Review"},
	"PublishGrantNotice": {"公示", "Put it up"}, "AwardGrants": {"批准", "Award it"}, "PayGrant": {"发放", "Pay"}, "AnswerObjection": {"答复异议", "Answer the objection"},
	"RatifyFlag": {"追认", "Ratify"}, "SendDividendFile": {"做发放文件", "Make a payout file"}, "RecordDividendResults": {"登记结果", "Record the results"},
}

func (f *folio) deed(method string) string { return f.word(deeds, method) }

// mayReject says whether one of the tasks is to agree to a request.
func (f *folio) mayReject(tasks []*apiv1.Task) bool {
	return slices.ContainsFunc(tasks, func(t *apiv1.Task) bool {
		return t.Kind == "request_review" || t.Kind == "request_approve" || t.Method == "DeclareDividend"
	})
}

// tasksPart is what waits for whoever stands at his desk.
func (s *site) tasksPart(d *desk) (templ.Component, error) {
	answer, err := s.audit.ListTasks(d.ctx, &apiv1.ListTasksRequest{CollectiveId: d.collective(), PageSize: 200})
	if refusal, err := withheld(err); refusal != nil || err != nil {
		return nil, err
	}
	f, err := s.folio(d.visit, "tasks")
	if err != nil {
		return nil, err
	}
	return tasksSection(f, answer), nil
}

// sectionsPart leads from the desk to what is read there.
func (s *site) sectionsPart(d *desk) (templ.Component, error) {
	if !d.has(apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR, apiv1.Role_ROLE_AUDITOR) {
		return nil, nil
	}
	f, err := s.folio(d.visit, "desk")
	if err != nil {
		return nil, err
	}
	return sectionsNav(f), nil
}
