package rpc

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file answers what waits for whom: the tasks of the books, and the signatures that months lack.

// waiting is a task with what is not in the books.
type waiting struct {
	projections.Task
	witnesses []string // whose signatures are missing
}

func (s auditService) ListTasks(ctx context.Context, r *apiv1.ListTasksRequest) (*apiv1.ListTasksResponse, error) {
	at, place, err := s.place(ctx, r)
	if err != nil {
		return nil, err
	}
	var on ledger.Day // of the first page, whatever day it is meanwhile
	after := 0
	if place != "" {
		if n, err := fmt.Sscanf(place, "%d-%d", &on, &after); n != 2 || err != nil || !on.Valid() {
			return nil, refuse(pageTokenInvalid, "page_token")
		}
	}
	on = cmp.Or(on, at.moment.AsOf, s.today(at))
	list, err := s.waiting(ctx, r.CollectiveId, at, on)
	if err != nil {
		return nil, err
	}
	if me := callerOf(ctx).operator.ID; !r.All {
		list = slices.DeleteFunc(list, func(t waiting) bool { return !slices.Contains(t.Operators, me) })
	}
	answer := &apiv1.ListTasksResponse{Version: at.version, Day: on.String(), Counts: taskCounts(list)}
	list, next := slice(list, after, pageLimit(r))
	answer.Tasks = each(list, func(t waiting) *apiv1.Task { return taskOf(t, on) })
	if next != 0 {
		answer.NextPageToken = nextToken(r, at.version, fmt.Sprintf("%d-%d", on, next))
	}
	return answer, nil
}

// waiting is everything that waits for anybody.
func (s auditService) waiting(ctx context.Context, collective string, at reading, on ledger.Day) ([]waiting, error) {
	tasks := at.book.Tasks(on, at.moment)
	missing, err := s.unsigned(ctx, collective, at)
	if err != nil {
		return nil, err
	}
	supervisors := holders(at, eventv1.Role_ROLE_SUPERVISOR)
	for _, m := range missing {
		m.task.Roles, m.task.Operators = []eventv1.Role{eventv1.Role_ROLE_SUPERVISOR}, supervisors
		tasks = append(tasks, m.task)
	}
	projections.SortTasks(tasks)
	return each(tasks, func(t projections.Task) waiting {
		w := waiting{Task: t}
		if i := slices.IndexFunc(missing, func(m unsigned) bool { return m.task.Kind == t.Kind && m.task.Subject == t.Subject }); i >= 0 {
			w.witnesses = missing[i].witnesses
		}
		return w
	}), nil
}

// unsigned is a closed month that too few have signed.
type unsigned struct {
	task      projections.Task
	witnesses []string
}

// unsigned lists the closed months that are not sealed under the witness policy that they go by; none while there is no policy.
func (s auditService) unsigned(ctx context.Context, collective string, at reading) (list []unsigned, err error) {
	_, sealings, _, err := disclosureService(s).sealings(ctx, collective, at)
	if err != nil {
		return nil, err
	}
	for _, one := range sealings {
		if one.Sealed || one.Policy == nil {
			continue
		}
		u := unsigned{task: projections.Task{Kind: projections.TaskMonthSign, Subject: one.Month.String(), Since: at.book.RecordedOn(one.Size), SinceVersion: one.Size,
			Method: "SubmitCosignature"}}
		for _, g := range one.Groups {
			if len(g.Signed) < int(g.Threshold) {
				u.witnesses = append(u.witnesses, g.Missing...)
			}
		}
		list = append(list, u)
	}
	return list, nil
}

// holders are the operators with a role, sorted.
func holders(at reading, role eventv1.Role) (operators []string) {
	for _, h := range at.book.Roles(false, at.moment) {
		if h.Role == role {
			operators = append(operators, h.Operator)
		}
	}
	slices.Sort(operators)
	return operators
}

// taskCounts counts the tasks of each kind, in the order of the kinds' first tasks.
func taskCounts(list []waiting) (counts []*apiv1.TaskCount) {
	for _, t := range list {
		i := slices.IndexFunc(counts, func(c *apiv1.TaskCount) bool { return c.Kind == t.Kind })
		if i < 0 {
			i = len(counts)
			counts = append(counts, &apiv1.TaskCount{Kind: t.Kind})
		}
		counts[i].Count++
	}
	return counts
}

func taskOf(t waiting, on ledger.Day) *apiv1.Task {
	m := &apiv1.Task{
		Kind: t.Kind, Subject: t.Subject, Title: t.Title, Since: t.Since.String(), SinceVersion: t.SinceVersion, DueOn: t.DueOn.String(),
		Overdue: t.DueOn != 0 && on > t.DueOn, Method: t.Method, Roles: each(t.Roles, func(r eventv1.Role) apiv1.Role { return apiv1.Role(r) }),
		Operators: t.Operators, Witnesses: t.witnesses,
	}
	if t.Amount != 0 {
		m.Amount = t.Amount.String()
	}
	words := taskWords[t.Kind]
	if t.Kind == projections.TaskRequestSettle {
		words = settleWords[t.Method]
	}
	m.SentenceZh, m.SentenceEn = fmt.Sprintf(words[0], t.Subject), fmt.Sprintf(words[1], t.Subject)
	if t.Amount != 0 {
		m.SentenceZh += ",金额 " + yuan(t.Amount)
		m.SentenceEn += ", " + yuan(t.Amount)
	}
	m.SentenceZh += "。"
	m.SentenceEn += "."
	return m
}

// taskWords says of each kind of task what is to be done with its subject, in Chinese and English.
var taskWords = map[string][2]string{
	projections.TaskRequestReview:     {"审核第 %s 号申请", "Review request %s"},
	projections.TaskRequestApprove:    {"批准或驳回第 %s 号申请", "Approve or reject request %s"},
	projections.TaskRequestExpire:     {"第 %s 号申请已过期,应予了结", "Request %s has lapsed: end it"},
	projections.TaskOpeningConfirm:    {"核对并确认期初余额(%s)", "Check and confirm the opening balances (%s)"},
	projections.TaskResolutionConfirm: {"对照会议记录确认决议 %s", "Hold the record of resolution %s against the minutes"},
	projections.TaskMonthClose:        {"%s 已过,可以结账", "%s is over and can be closed"},
	projections.TaskMonthReview:       {"审查 %s 的账", "Review the books of %s"},
	projections.TaskMonthSign:         {"%s 的签名还不够,待盖五瓣章", "%s has too few signatures for its seal"},
	projections.TaskGrantReview:       {"审核 %s 的申请人和金额", "Review applicants and amounts of %s"},
	projections.TaskGrantNotice:       {"公示 %s", "Publish the notice of %s"},
	projections.TaskGrantAward:        {"%s 公示期满,可以核定", "The notice of %s is over: award it"},
	projections.TaskGrantPay:          {"发放 %s", "Pay the grants of %s"},
	projections.TaskObjectionAnswer:   {"答复异议 %s", "Answer objection %s"},
	projections.TaskFlagRatify:        {"凭证 %s 缺少授权,待追认", "Voucher %s lacks authority and waits to be ratified"},
	projections.TaskErasureDecide:     {"决定第 %s 号个人信息处置申请", "Decide about erasure %s of personal data"},
	projections.TaskDividendSend:      {"向银行发出分红 %s 的文件", "Send a payout file of dividend %s to the bank"},
	projections.TaskInquiryRead:       {"阅看第 %s 号质询,公开或不予公开", "Read inquiry %s, and publish or decline it"},
	projections.TaskInquiryAnswer:     {"答复第 %s 号质询", "Answer inquiry %s"},
	projections.TaskInquiryCorrect:    {"第 %s 号质询答复为将更正,更正后再答复", "Inquiry %s was answered with a correction to come: correct, and answer again"},
	projections.TaskDividendRecord:    {"记银行对分红文件 %s 的发放结果", "Record what the bank paid of dividend file %s"},
}

// settleWords are the words for carrying out a request, by the command that does it.
var settleWords = map[string][2]string{
	"SettlePayment":   {"支付第 %s 号申请", "Pay request %s"},
	"BookTransfer":    {"记第 %s 号申请的调剂", "Book the transfer of request %s"},
	"BookCorrection":  {"记第 %s 号申请的更正", "Book the correction of request %s"},
	"DeclareDividend": {"宣告第 %s 号申请的分红", "Declare the dividend of request %s"},
}
