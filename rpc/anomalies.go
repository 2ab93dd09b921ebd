package rpc

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file answers what is worth a look. The rules are in package projections; here they get their words.

const (
	// anomalyDays is the period that a request gets which names no first day: about a quarter.
	anomalyDays = 91
	// anomalyDaysMax is the longest period: a year and a day.
	anomalyDaysMax = 366
)

func (s auditService) ListAnomalies(ctx context.Context, r *apiv1.ListAnomaliesRequest) (*apiv1.ListAnomaliesResponse, error) {
	span, err := period(r.From, r.To)
	if err != nil {
		return nil, err
	}
	at, place, err := s.place(ctx, r)
	if err != nil {
		return nil, err
	}
	// Where the request leaves the last day to today, the pages after the first go on with the day of the first.
	after := 0
	if place != "" {
		if n, err := fmt.Sscanf(place, "%d-%d", &span.To, &after); n != 2 || err != nil || !span.To.Valid() {
			return nil, refuse(pageTokenInvalid, "page_token")
		}
	}
	span.To = cmp.Or(span.To, at.moment.AsOf, s.today(at))
	if span.From == 0 {
		span.From = max(span.To.Add(-anomalyDays), ledger.FirstDay)
	}
	switch {
	case span.To < span.From:
		return nil, refuse(ledger.FieldInvalid, "from", "problem", "it is after today", problemChinese, "晚于今天")
	case span.From.DaysTo(span.To) > anomalyDaysMax:
		return nil, refuse(ledger.FieldInvalid, "from", "problem", "the period has at most 366 days", problemChinese, "时段最长 366 天")
	}
	found := at.book.Anomalies(span, r.Rules, at.moment)
	answer := &apiv1.ListAnomaliesResponse{Version: at.version, From: span.From.String(), To: span.To.String()}
	for _, rule := range projections.AnomalyRules {
		if len(r.Rules) == 0 || slices.Contains(r.Rules, rule) {
			words := anomalyRules[rule]
			answer.Rules = append(answer.Rules, &apiv1.AnomalyRule{Rule: rule, SentenceZh: words[0], SentenceEn: words[1]})
		}
	}
	for _, a := range found {
		answer.Rules[slices.IndexFunc(answer.Rules, func(x *apiv1.AnomalyRule) bool { return x.Rule == a.Rule })].Count++
	}
	if r.Descending {
		slices.Reverse(found)
	}
	found, next := slice(found, after, pageLimit(r))
	answer.Anomalies = each(found, anomalyOf)
	if next != 0 {
		answer.NextPageToken = nextToken(r, at.version, fmt.Sprintf("%d-%d", span.To, next))
	}
	return answer, nil
}

// slice is a page of a list that was made whole, and where to go on, 0 at its end.
func slice[T any](list []T, after, limit int) (page []T, next int) {
	list = list[min(max(after, 0), len(list)):]
	if len(list) > limit {
		return list[:limit], after + limit
	}
	return list, 0
}

// anomalyRules says of each rule what it looks for, in Chinese and English.
var anomalyRules = map[string][2]string{
	projections.SplitUnderTier: {
		fmt.Sprintf("化整为零:同一收款人的几笔付款相隔不超过 %d 天,每笔都低于支出办法中某一档的起点金额,合计达到或超过它。", projections.SplitDays),
		fmt.Sprintf("Split bills: payments to one payee at most %d days apart, each below the amount from which a line of the spending rule asks for more, together at or above it.", projections.SplitDays)},
	projections.DuplicateDocument: {
		"重复票据:同一出具方同一号码的票据被引用的金额超过票面;或同一文件用在不同号码的票据上;或同一天、同一收款人、票面金额相同而号码不同的票据。",
		"Papers used twice: one issuer's number cited beyond its total; one file under several numbers; bills of one day, payee and total under several numbers."},
	projections.SamePayee: {
		fmt.Sprintf("收款人集中:一个季度内,一个收款人从一项基金得到 %d 笔或更多付款,且超过该基金付款笔数的一半。", projections.PayeeCount),
		fmt.Sprintf("One payee above all: in a calendar quarter a payee gets %d payments of a fund or more, and more than half of all.", projections.PayeeCount)},
	projections.MissingDocument: {
		fmt.Sprintf("缺少票据:%s 元及以上的付款或收入没有票据,或 %s 元及以上的只有号码、没有文件。", yuan(projections.NoPaperFrom), yuan(projections.NoFileFrom)),
		fmt.Sprintf("Papers missing: payments and incomes of %s and more without a paper, or of %s and more with papers by their numbers alone, without a file.", yuan(projections.NoPaperFrom), yuan(projections.NoFileFrom))},
	projections.LateEntry: {
		fmt.Sprintf("迟记:业务日期 %d 天以后才记入。", projections.LateDays),
		fmt.Sprintf("Late entries: recorded more than %d days after their business day.", projections.LateDays)},
	projections.PolicyDrift: {
		"分配不符:收入没有按当日有效的分配办法分配;或各基金所得偏离办法规定的份额,每次分配超过一分。",
		"Splits off the policy: income split by another policy than the one in force on its day; or funds off their shares by more than a fen a split."},
	projections.GrantWithoutNotice: {
		fmt.Sprintf("公示不足:救助或奖学在核定之前没有公示,或公示不满 %d 天。", projections.NoticeDays),
		fmt.Sprintf("Notice too short: grants awarded without a notice, or after one of fewer than %d days.", projections.NoticeDays)},
	projections.RoundNumbers: {
		fmt.Sprintf("整数扎堆:%d 天内同一收款人或同一用途连续 %d 笔或更多付款都是 %s 元的整数倍;或同一收款人有 %d 笔或更多付款刚好低于支出办法的某一档(差额不超过 %d 分之一)。", projections.RoundDays, projections.RoundCount, yuan(projections.RoundUnit), projections.RoundCount, projections.BelowPart),
		fmt.Sprintf("Round amounts: within %d days %d payments in a row or more to one payee or for one purpose, all multiples of %s; or as many to one payee just below a line of the spending rule, by its %dth part at most.", projections.RoundDays, projections.RoundCount, yuan(projections.RoundUnit), projections.BelowPart)},
}

func anomalyOf(a projections.Anomaly) *apiv1.Anomaly {
	m := &apiv1.Anomaly{
		Rule: a.Rule, Day: a.Day.String(), Vouchers: each(a.Vouchers, ledger.VoucherRef.String), VoucherCount: uint32(a.VoucherCount), Requests: a.Requests,
		Party: a.Party, Fund: a.Fund, Purpose: a.Purpose,
	}
	for _, r := range []ref{{"grant_round", a.Round}, {"document", a.Document}, {"spending_rule", versionText(a.SpendingRule)}, {"policy", versionText(a.Policy)}, {"policy", versionText(a.PolicyDue)}} {
		if r.id != "" {
			m.References = append(m.References, &apiv1.ExplainReference{Kind: r.kind, Id: r.id})
		}
	}
	figures, zh, en := anomalyWords(a)
	for _, f := range figures {
		m.Figures = append(m.Figures, &apiv1.ExplainFigure{Name: f.name, Value: f.value})
	}
	m.SentenceZh, m.SentenceEn = zh, en
	return m
}

// versionText is a version in words of references; empty for none.
func versionText(version uint32) string {
	if version == 0 {
		return ""
	}
	return number(version)
}

// anomalyWords are the figures of an anomaly and its sentence.
func anomalyWords(a projections.Anomaly) (figures []figure, zh, en string) {
	put := func(name, value string) { figures = append(figures, figure{name, value}) }
	count, days, sum, threshold := number(a.Count), number(a.Days), yuan(a.Sum), yuan(a.Threshold)
	put("count", count)
	switch a.Rule {
	case projections.SplitUnderTier:
		put("days", days)
		put("threshold", a.Threshold.String())
		put("sum", a.Sum.String())
		return figures, fmt.Sprintf("同一收款人 %s 笔,前后相隔 %s 天,每笔低于 %s,合计 %s:合并为一笔应按更严的一档办理(相隔不超过 %d 天)。", count, days, threshold, sum, projections.SplitDays),
			fmt.Sprintf("%s payments to one payee over %s days, each below %s, come to %s: as one bill they would have needed more consent (at most %d days apart).", count, days, threshold, sum, projections.SplitDays)
	case projections.DuplicateDocument:
		switch a.Form {
		case projections.SameNumber:
			put("total", a.Threshold.String())
			put("cited", a.Sum.String())
			return figures, fmt.Sprintf("同一号码的票据票面 %s,被 %s 处共引用 %s。", threshold, count, sum),
				fmt.Sprintf("A paper of %s is cited in %s places with %s in all under one number.", threshold, count, sum)
		case projections.SameFile:
			return figures, fmt.Sprintf("同一个文件在 %s 处作为不同号码的票据。", count), fmt.Sprintf("One file stands in %s places for papers of different numbers.", count)
		}
		put("total", a.Threshold.String())
		return figures, fmt.Sprintf("同一天、同一收款人有 %s 张票面都是 %s、号码不同的票据。", count, threshold),
			fmt.Sprintf("%s bills of %s each, of one day and payee, have different numbers.", count, threshold)
	case projections.SamePayee:
		put("of", number(a.Of))
		put("sum", a.Sum.String())
		return figures, fmt.Sprintf("%s 起的季度内,同一收款人得到该基金 %d 笔付款中的 %s 笔,合计 %s(达到 %d 笔且超过一半)。", a.First, a.Of, count, sum, projections.PayeeCount),
			fmt.Sprintf("In the quarter from %s one payee got %s of the fund's %d payments, %s in all (%d or more, and more than half).", a.First, count, a.Of, sum, projections.PayeeCount)
	case projections.MissingDocument:
		put("amount", a.Sum.String())
		put("threshold", a.Threshold.String())
		if a.Form == projections.NoPaper {
			return figures, fmt.Sprintf("金额 %s,没有票据(%s 起应有)。", sum, threshold), fmt.Sprintf("Amount %s, no paper (asked for from %s).", sum, threshold)
		}
		return figures, fmt.Sprintf("金额 %s,票据只有号码,没有文件(%s 起应有)。", sum, threshold), fmt.Sprintf("Amount %s, papers by their numbers alone, no file (asked for from %s).", sum, threshold)
	case projections.LateEntry:
		put("days_late", days)
		return figures, fmt.Sprintf("业务日期 %s,%s 天后才记入(超过 %d 天)。", a.Day, days, projections.LateDays), fmt.Sprintf("Business day %s, recorded %s days later (more than %d).", a.Day, days, projections.LateDays)
	case projections.PolicyDrift:
		return driftWords(a, figures)
	case projections.GrantWithoutNotice:
		put("days", days)
		put("sum", a.Sum.String())
		if a.Form == projections.NoNotice {
			return figures, fmt.Sprintf("%s 未经公示就核定(应公示 %d 天)。", sum, projections.NoticeDays), fmt.Sprintf("%s was awarded without a notice (due: %d days).", sum, projections.NoticeDays)
		}
		return figures, fmt.Sprintf("%s 公示 %s 天后核定(应公示 %d 天)。", sum, days, projections.NoticeDays), fmt.Sprintf("%s was awarded after %s days of notice (due: %d).", sum, days, projections.NoticeDays)
	}
	put("days", days)
	put("sum", a.Sum.String())
	switch a.Form {
	case projections.BelowTheLimit:
		put("threshold", a.Threshold.String())
		return figures, fmt.Sprintf("同一收款人 %s 笔,前后相隔 %s 天,每笔都刚好低于 %s(差额不超过 %d 分之一)。", count, days, threshold, projections.BelowPart),
			fmt.Sprintf("%s payments to one payee over %s days, each just below %s (by its %dth part at most).", count, days, threshold, projections.BelowPart)
	case projections.RoundPurpose:
		return figures, fmt.Sprintf("同一用途 %s 笔,前后相隔 %s 天,都是 %s 的整数倍,合计 %s。", count, days, yuan(projections.RoundUnit), sum),
			fmt.Sprintf("%s payments for one purpose over %s days, all multiples of %s, %s in all.", count, days, yuan(projections.RoundUnit), sum)
	}
	return figures, fmt.Sprintf("同一收款人 %s 笔,前后相隔 %s 天,都是 %s 的整数倍,合计 %s。", count, days, yuan(projections.RoundUnit), sum),
		fmt.Sprintf("%s payments to one payee over %s days, all multiples of %s, %s in all.", count, days, yuan(projections.RoundUnit), sum)
}

func driftWords(a projections.Anomaly, figures []figure) (_ []figure, zh, en string) {
	count := number(a.Count)
	if a.Form == projections.OtherShares {
		figures = append(figures, figure{"got", a.Sum.String()}, figure{"off", a.Threshold.String()})
		return figures, fmt.Sprintf("第 %d 版分配办法的 %s 笔分配中,该基金得到 %s,与规定份额相差 %s(每次分配超过一分)。", a.Policy, count, yuan(a.Sum), yuan(a.Threshold)),
			fmt.Sprintf("In %s splits by policy %d the fund got %s, %s off its share (more than a fen a split).", count, a.Policy, yuan(a.Sum), yuan(a.Threshold))
	}
	figures = append(figures, figure{"sum", a.Sum.String()}, figure{"used", number(a.Policy)}, figure{"due", number(a.PolicyDue)})
	if a.PolicyDue == 0 {
		return figures, fmt.Sprintf("%s 笔收入共 %s 按第 %d 版分配办法分配,而当日没有有效的办法。", count, yuan(a.Sum), a.Policy),
			fmt.Sprintf("%s incomes of %s were split by policy %d; none was in force on their day.", count, yuan(a.Sum), a.Policy)
	}
	return figures, fmt.Sprintf("%s 笔收入共 %s 按第 %d 版分配办法分配,而当日有效的是第 %d 版。", count, yuan(a.Sum), a.Policy, a.PolicyDue),
		fmt.Sprintf("%s incomes of %s were split by policy %d; in force on their day was policy %d.", count, yuan(a.Sum), a.Policy, a.PolicyDue)
}
