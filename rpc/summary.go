package rpc

import (
	"fmt"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// summaryOf says in one line what an event did, in Chinese and English: the sentences of the operation log, all of them in one place. Who
// did it is not in the line, and nobody else is: people go by their numbers. A fact of a kind that this program does not know has none.
func summaryOf(e *eventv1.Event) (zh, en string) {
	zh, en = factSummary(e)
	if len(e.Vouchers) == 0 {
		return zh, en
	}
	numbers := make([]string, 0, vouchersShown)
	for _, v := range e.Vouchers[:min(len(e.Vouchers), vouchersShown)] {
		numbers = append(numbers, ledger.RefOf(v.Ref).String())
	}
	booked := strings.Join(numbers, " ")
	if more := len(e.Vouchers) - vouchersShown; more > 0 {
		booked += fmt.Sprintf(" +%d", more)
	}
	return zh + " " + booked, en + " " + booked
}

// vouchersShown bounds the numbers of vouchers in a summary.
const vouchersShown = 8

// fen writes stored fen for a sentence.
func fen(amount int64) string { return yuan(ledger.Fen(amount)) }

// booked is the amount of an event's vouchers: the debits of the first.
func booked(e *eventv1.Event) string {
	var sum int64
	if len(e.Vouchers) > 0 {
		for _, p := range e.Vouchers[0].Postings {
			sum += max(p.AmountFen, 0)
		}
	}
	return fen(sum)
}

// days writes a span of days.
func days(from, to int32) string { return ledger.Day(from).String() + "–" + ledger.Day(to).String() }

// plainName is the name of an enum's value without its prefix, in small letters.
func plainName(name, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", " "))
}

func factSummary(e *eventv1.Event) (zh, en string) {
	for _, words := range []func(*eventv1.Event) (string, string){charterSummary, governanceSummary, entrySummary, requestSummary, payoutSummary, trustSummary, accessSummary} {
		if zh, en = words(e); zh != "" {
			return zh, en
		}
	}
	return "", ""
}

// both writes one pair of sentences with the same values.
func both(zh, en string, values ...any) (string, string) {
	return fmt.Sprintf(zh, values...), fmt.Sprintf(en, values...)
}

// charterSummary is about the collective, its funds and its members.
func charterSummary(e *eventv1.Event) (zh, en string) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_CollectiveFounded:
		return both("成立集体 %s", "founded the collective %s", f.CollectiveFounded.Name)
	case *eventv1.Event_FundOpened:
		return both("设立基金 %s %s,依据决议 %s", "opened the fund %s %s by resolution %s", f.FundOpened.Fund.GetId(), f.FundOpened.Fund.GetName(), f.FundOpened.ResolutionId)
	case *eventv1.Event_FundChanged:
		return both("变更基金 %s,依据决议 %s", "changed the fund %s by resolution %s", f.FundChanged.Fund.GetId(), f.FundChanged.ResolutionId)
	case *eventv1.Event_BodyChanged:
		return both("变更机构 %s,依据决议 %s", "changed the body %s by resolution %s", f.BodyChanged.Body.GetId(), f.BodyChanged.ResolutionId)
	case *eventv1.Event_RoleGranted:
		return fmt.Sprintf("授予 %s 角色 %s", f.RoleGranted.Operator, roleChinese[f.RoleGranted.Role]), fmt.Sprintf("granted %s the role %s", f.RoleGranted.Operator, ledger.RoleName(f.RoleGranted.Role))
	case *eventv1.Event_RoleRevoked:
		return fmt.Sprintf("收回 %s 的角色 %s", f.RoleRevoked.Operator, roleChinese[f.RoleRevoked.Role]), fmt.Sprintf("revoked the role %[2]s of %[1]s", f.RoleRevoked.Operator, ledger.RoleName(f.RoleRevoked.Role))
	case *eventv1.Event_MoneyAccountOpened:
		return both("增设资金账户 %s %s", "opened the money account %s %s", f.MoneyAccountOpened.Id, f.MoneyAccountOpened.Name)
	case *eventv1.Event_MembersEnrolled:
		return both("%d 名成员入社,组 %s", "enrolled %d members of group %s", len(f.MembersEnrolled.Members), f.MembersEnrolled.Group)
	case *eventv1.Event_MembersDeparted:
		return both("%d 名成员退出,最后一天 %s", "%d members left, their last day %s", len(f.MembersDeparted.Members), ledger.Day(f.MembersDeparted.LeftOn))
	case *eventv1.Event_MembersReadmitted:
		return both("撤销误记的 %d 名成员退出", "took back the mistaken departure of %d members", len(f.MembersReadmitted.Members))
	case *eventv1.Event_SharesSet:
		return both("登记 %d 名成员的股份,自 %s,依据决议 %s", "set the shares of %d members from %s by resolution %s", len(f.SharesSet.Members), ledger.Day(f.SharesSet.EffectiveOn), f.SharesSet.ResolutionId)
	}
	return "", ""
}

// roleChinese are the words for roles.
var roleChinese = map[eventv1.Role]string{
	eventv1.Role_ROLE_TREASURER: "会计", eventv1.Role_ROLE_APPROVER: "负责人", eventv1.Role_ROLE_SUPERVISOR: "监督", eventv1.Role_ROLE_CASHIER: "出纳",
	eventv1.Role_ROLE_BOARD: "公示", eventv1.Role_ROLE_AUDITOR: "审计", eventv1.Role_ROLE_ADMIN: "管理",
}

// verdictWords are the words for a supervisor's verdict.
var verdictWords = map[eventv1.Verdict][2]string{
	eventv1.Verdict_VERDICT_SIGNED: {"同意", "signed"}, eventv1.Verdict_VERDICT_REFUSED: {"不同意", "refused"}, eventv1.Verdict_VERDICT_REMARKED: {"有意见", "remarked on"},
}

// passedWords say whether a vote passed.
var passedWords = map[bool][2]string{true: {"通过", "passed"}, false: {"未通过", "not passed"}}

// governanceSummary is about resolutions, policies, rules and months.
func governanceSummary(e *eventv1.Event) (zh, en string) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_ResolutionRecorded:
		r, passed := f.ResolutionRecorded, passedWords[f.ResolutionRecorded.Passed]
		zh, en = fmt.Sprintf("记录决议 %s《%s》,%s", r.Id, r.Title, passed[0]), fmt.Sprintf("recorded resolution %s, %s, %s", r.Id, r.Title, passed[1])
		if r.AuthorityFen != 0 {
			zh, en = zh+",额度 "+fen(r.AuthorityFen), en+", authority "+fen(r.AuthorityFen)
		}
		return zh, en
	case *eventv1.Event_ResolutionConfirmed:
		return both("对照会议记录确认决议 %s", "confirmed resolution %s against the minutes", f.ResolutionConfirmed.Id)
	case *eventv1.Event_PolicyAdopted:
		return both("通过第 %d 版分配办法,自 %s,依据决议 %s", "adopted policy %d from %s by resolution %s", f.PolicyAdopted.Version, ledger.Day(f.PolicyAdopted.EffectiveOn), f.PolicyAdopted.ResolutionId)
	case *eventv1.Event_SpendingRuleAdopted:
		return both("通过第 %d 版支出办法,依据决议 %s", "adopted spending rule %d by resolution %s", f.SpendingRuleAdopted.Version, f.SpendingRuleAdopted.ResolutionId)
	case *eventv1.Event_PeriodClosed:
		return both("结账 %s", "closed %s", ledger.Month(f.PeriodClosed.Month))
	case *eventv1.Event_PeriodReviewed:
		r, verdict := f.PeriodReviewed, verdictWords[f.PeriodReviewed.Verdict]
		zh, en = fmt.Sprintf("审查 %s:%s", ledger.Month(r.Month), verdict[0]), fmt.Sprintf("reviewed: %s %s", verdict[1], ledger.Month(r.Month))
		if n := len(r.Items); n > 0 {
			zh, en = fmt.Sprintf("%s,逐项意见 %d 条", zh, n), fmt.Sprintf("%s, %d single vouchers", en, n)
		}
		return zh, en
	case *eventv1.Event_FlagRatified:
		return both("追认凭证 %s,依据决议 %s", "ratified voucher %s by resolution %s", ledger.RefOf(f.FlagRatified.Voucher), f.FlagRatified.ResolutionId)
	case *eventv1.Event_EditionPublished:
		p := f.EditionPublished
		if p.Corrects != 0 {
			return both("公示第 %d 期 %s,更正第 %d 期", "published edition %d of %s in place of %d", p.Number, days(p.FirstDay, p.LastDay), p.Corrects)
		}
		return both("公示第 %d 期 %s", "published edition %d of %s", p.Number, days(p.FirstDay, p.LastDay))
	case *eventv1.Event_RoundDisclosed:
		return both("公布 %s 的明细合计树:%d 行,合计 %s", "disclosed the lines of %s: %d lines, %s in all", f.RoundDisclosed.Id, f.RoundDisclosed.Count, fen(f.RoundDisclosed.TotalFen))
	case *eventv1.Event_InquiryReceived:
		q := f.InquiryReceived
		if q.Voucher != nil {
			return both("收到第 %d 号质询,问 %s,应于 %s 前答复", "received inquiry %d about %s, to be answered by %s", q.Number, ledger.RefOf(q.Voucher), ledger.Day(q.DueOn))
		}
		return both("收到第 %d 号点题公开,应于 %s 前答复", "received inquiry %d about a matter, to be answered by %s", q.Number, ledger.Day(q.DueOn))
	case *eventv1.Event_InquiryPublished:
		return both("公开第 %d 号质询的文字", "published the wording of inquiry %d", f.InquiryPublished.Number)
	case *eventv1.Event_InquiryDeclined:
		reason := declineWords[f.InquiryDeclined.Reason]
		return fmt.Sprintf("第 %d 号质询不予公开:%s", f.InquiryDeclined.Number, reason[0]), fmt.Sprintf("declined to publish inquiry %d: %s", f.InquiryDeclined.Number, reason[1])
	case *eventv1.Event_InquiryAnswered:
		outcome := outcomeWords[f.InquiryAnswered.Outcome]
		return fmt.Sprintf("答复第 %d 号质询:%s", f.InquiryAnswered.Number, outcome[0]), fmt.Sprintf("answered inquiry %d: %s", f.InquiryAnswered.Number, outcome[1])
	}
	return "", ""
}

// declineWords say why the wording of an inquiry is not published.
var declineWords = map[eventv1.DeclineReason][2]string{
	eventv1.DeclineReason_DECLINE_REASON_PERSONAL_DATA: {"涉及个人隐私", "personal data"}, eventv1.DeclineReason_DECLINE_REASON_ABUSIVE: {"辱骂或威胁", "abusive"},
	eventv1.DeclineReason_DECLINE_REASON_NOT_OURS: {"与集体资金无关", "not about the collective's money"}, eventv1.DeclineReason_DECLINE_REASON_REPEATED: {"重复提问", "asked before"},
}

// outcomeWords say what came of an inquiry.
var outcomeWords = map[eventv1.InquiryOutcome][2]string{
	eventv1.InquiryOutcome_INQUIRY_OUTCOME_EXPLAINED: {"已说明", "explained"}, eventv1.InquiryOutcome_INQUIRY_OUTCOME_CORRECTED: {"已更正", "corrected"},
	eventv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT: {"将更正", "to be corrected"},
}

// entrySummary is about money that came in or moved on its own.
func entrySummary(e *eventv1.Event) (zh, en string) {
	amount := booked(e)
	switch f := e.Fact.(type) {
	case *eventv1.Event_IncomeRecorded:
		return both("登记收入 %s(%s)", "recorded income %s (%s)", amount, f.IncomeRecorded.Kind)
	case *eventv1.Event_DepositReceived:
		return both("收到押金 %s(%s)", "received a deposit of %s (%s)", amount, f.DepositReceived.Kind)
	case *eventv1.Event_GiftReceived:
		return both("收到捐赠 %s,归 %s", "received a gift of %s for %s", amount, f.GiftReceived.Fund+f.GiftReceived.GiftId)
	case *eventv1.Event_MoneyMoved:
		return both("划转资金 %s,%s → %s", "moved money %s from %s to %s", amount, f.MoneyMoved.From, f.MoneyMoved.To)
	case *eventv1.Event_OpeningProposed:
		return both("提出期初余额 %d 行,截至 %s", "proposed %d opening balances of %s", len(f.OpeningProposed.Lines), ledger.Day(f.OpeningProposed.OccurredOn))
	case *eventv1.Event_OpeningConfirmed:
		return both("确认期初余额 %s", "confirmed the opening balances %s", amount)
	case *eventv1.Event_RefundReceived:
		return both("收到退款 %s", "received a refund of %s", amount)
	case *eventv1.Event_IncomeReturned:
		return both("银行退回收入 %s(%s)", "the bank took back income %s (%s)", amount, f.IncomeReturned.Kind)
	case *eventv1.Event_ReceivableCollected:
		return both("收回应收款 %s(%s)", "collected %s of %s", amount, f.ReceivableCollected.Account)
	case *eventv1.Event_FeeCharged:
		return both("银行手续费 %s,由 %s 承担", "bank fee of %s borne by %s", amount, f.FeeCharged.Fund)
	case *eventv1.Event_CorrectionMade:
		if f.CorrectionMade.Number != 0 {
			return both("更正 %s,第 %d 号申请", "booked the correction %s of request %[2]d", amount, f.CorrectionMade.Number)
		}
		return both("更正 %s", "booked a correction of %s", amount)
	case *eventv1.Event_GiftAgreed:
		return both("登记定向捐赠 %s《%s》,用途 %s", "agreed the gift %s, %s, for %s", f.GiftAgreed.Id, f.GiftAgreed.Title, f.GiftAgreed.Purpose)
	case *eventv1.Event_GiftPurposeChanged:
		return both("变更定向捐赠 %s 的用途为 %s", "changed the purpose of gift %s to %s", f.GiftPurposeChanged.GiftId, f.GiftPurposeChanged.Purpose)
	case *eventv1.Event_TrueUpBooked:
		return both("%d 年年终清算", "trued up the year %d", f.TrueUpBooked.Year)
	}
	return "", ""
}

// requestSummary is about outlays that were asked for.
func requestSummary(e *eventv1.Event) (zh, en string) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_RequestMade:
		return madeSummary(f.RequestMade)
	case *eventv1.Event_RequestReviewed:
		return both("审核第 %d 号申请", "reviewed request %d", f.RequestReviewed.Number)
	case *eventv1.Event_RequestApproved:
		return both("批准第 %d 号申请", "approved request %d", f.RequestApproved.Number)
	case *eventv1.Event_RequestRejected:
		return both("驳回第 %d 号申请:%s", "rejected request %d: %s", f.RequestRejected.Number, f.RequestRejected.Reason)
	case *eventv1.Event_RequestWithdrawn:
		return both("撤回第 %d 号申请", "withdrew request %d", f.RequestWithdrawn.Number)
	case *eventv1.Event_RequestExpired:
		return both("了结过期的第 %d 号申请", "ended the lapsed request %d", f.RequestExpired.Number)
	case *eventv1.Event_PaymentSettled:
		return both("支付第 %d 号申请 %s", "paid request %d, %s", f.PaymentSettled.Number, booked(e))
	case *eventv1.Event_TransferMade:
		return both("记第 %d 号申请的调剂 %s", "booked the transfer of request %d, %s", f.TransferMade.Number, booked(e))
	case *eventv1.Event_DepositReturned:
		return both("退还押金,第 %d 号申请 %s", "returned a deposit by request %d, %s", f.DepositReturned.Number, booked(e))
	}
	return "", ""
}

// madeSummary is about a request by what it asks for.
func madeSummary(r *eventv1.RequestMade) (zh, en string) {
	switch o := r.Order.(type) {
	case *eventv1.RequestMade_Payment:
		p := o.Payment
		from := p.Fund + p.GiftId
		if p.Cost {
			from = string(ledger.ReceivableCost)
		}
		return both("提出第 %d 号申请:付款 %s,%s / %s", "made request %d: pay %s from %s for %s", r.Number, fen(p.AmountFen), from, p.Purpose)
	case *eventv1.RequestMade_Transfer:
		t := o.Transfer
		return both("提出第 %d 号申请:调剂 %s,%s → %s", "made request %d: transfer %s from %s to %s", r.Number, fen(t.AmountFen), t.FromFund, t.ToFund)
	case *eventv1.RequestMade_Dividend:
		return both("提出第 %d 号申请:分红 %s,总额 %s", "made request %d: dividend %s of %s", r.Number, o.Dividend.RunId, fen(o.Dividend.PoolFen))
	case *eventv1.RequestMade_DepositReturn:
		return both("提出第 %d 号申请:退还押金 %s(%s)", "made request %d: return a deposit of %s (%s)", r.Number, fen(o.DepositReturn.AmountFen), o.DepositReturn.Kind)
	}
	return both("提出第 %d 号申请:更正,%s", "made request %d: a correction, %s", r.Number, r.GetCorrection().GetNarration())
}

// payoutSummary is about grants, dividends and holds.
func payoutSummary(e *eventv1.Event) (zh, en string) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantRoundOpened:
		return both("开启救助奖学 %s《%s》,预算 %s", "opened grant round %s, %s, budget %s", f.GrantRoundOpened.Id, f.GrantRoundOpened.Title, fen(f.GrantRoundOpened.BudgetFen))
	case *eventv1.Event_GrantApplicantsAdded:
		return both("%s 增加 %d 名申请人", "added %[2]d applicants to %[1]s", f.GrantApplicantsAdded.RoundId, len(f.GrantApplicantsAdded.Members))
	case *eventv1.Event_GrantApplicantsRemoved:
		return both("%s 去掉 %d 名申请人", "removed %[2]d applicants from %[1]s", f.GrantApplicantsRemoved.RoundId, len(f.GrantApplicantsRemoved.Members))
	case *eventv1.Event_GrantRoundReviewed:
		return both("审核救助奖学 %s", "reviewed grant round %s", f.GrantRoundReviewed.RoundId)
	case *eventv1.Event_GrantNoticePublished:
		return both("公示 %s,%s", "published the notice of %s, %s", f.GrantNoticePublished.RoundId, days(f.GrantNoticePublished.NoticeFrom, f.GrantNoticePublished.NoticeTo))
	case *eventv1.Event_GrantsAwarded:
		return both("核定 %s,共 %s", "awarded %s, %s in all", f.GrantsAwarded.RoundId, booked(e))
	case *eventv1.Event_GrantPaid:
		return both("发放 %s 给第 %d 号成员 %s", "paid member %[2]d %[3]s of %[1]s", f.GrantPaid.RoundId, f.GrantPaid.Member, booked(e))
	case *eventv1.Event_GrantCancelled:
		return both("取消 %s 第 %d 号成员的 %s", "cancelled %[3]s of member %[2]d in %[1]s", f.GrantCancelled.RoundId, f.GrantCancelled.Member, booked(e))
	case *eventv1.Event_GrantReturned:
		return both("银行退回 %s 第 %d 号成员的 %s", "the bank sent back %[3]s of member %[2]d in %[1]s", f.GrantReturned.RoundId, f.GrantReturned.Member, booked(e))
	case *eventv1.Event_GrantRoundCancelled:
		return both("撤销救助奖学 %s:%s", "cancelled grant round %s: %s", f.GrantRoundCancelled.RoundId, f.GrantRoundCancelled.Reason)
	case *eventv1.Event_GrantObjectionRaised:
		return both("记对 %s 的第 %d 号异议", "recorded objection %[2]d against %[1]s", f.GrantObjectionRaised.RoundId, f.GrantObjectionRaised.Number)
	case *eventv1.Event_GrantObjectionAnswered:
		a := f.GrantObjectionAnswered
		outcome := map[bool][2]string{true: {"成立", "upheld"}, false: {"不成立", "dismissed"}}[a.Upheld]
		return fmt.Sprintf("答复对 %s 的第 %d 号异议:%s", a.RoundId, a.Number, outcome[0]), fmt.Sprintf("answered objection %d against %s: %s", a.Number, a.RoundId, outcome[1])
	case *eventv1.Event_EntitlementsListed:
		return both("分红 %s 的名单,从第 %d 行起 %d 行", "listed the roster of dividend %[1]s: %[3]d lines from line %[2]d", f.EntitlementsListed.RunId, f.EntitlementsListed.FirstLine, len(f.EntitlementsListed.Payees))
	case *eventv1.Event_DividendDeclared:
		d := f.DividendDeclared
		return both("宣告分红 %s,总额 %s,每份 %s,%d 份名单,结余 %s", "declared dividend %s of %s, rate %s, %d payees, remainder %s", d.RunId, fen(d.PoolFen), fen(d.RateFen), d.Payees, fen(d.RemainderFen))
	case *eventv1.Event_DividendFileSent:
		return both("发出分红 %s 第 %d 个文件,%d 人 %s", "sent file %[2]d of dividend %[1]s: %[3]d payees, %[4]s", f.DividendFileSent.RunId, f.DividendFileSent.File, len(f.DividendFileSent.Payees), fen(f.DividendFileSent.TotalFen))
	case *eventv1.Event_DividendFileSettled:
		return both("记分红 %s 第 %d 个文件的结果,付成 %s,未付成 %d 人", "recorded the results of file %[2]d of dividend %[1]s: %[3]s paid, %[4]d failed", f.DividendFileSettled.RunId, f.DividendFileSettled.File, booked(e), len(f.DividendFileSettled.Failed))
	case *eventv1.Event_DividendReturned:
		return both("银行退回分红 %s,%d 人 %s", "the bank sent back %[3]s of dividend %[1]s, %[2]d payees", f.DividendReturned.RunId, len(f.DividendReturned.Payees), booked(e))
	case *eventv1.Event_PayeeHeld:
		who, kind := map[bool][2]string{true: {"户", "household"}, false: {"成员", "member"}}[f.PayeeHeld.Household], plainName(f.PayeeHeld.Kind.String(), "HOLD_KIND_")
		return fmt.Sprintf("暂缓发放第 %d 号%s(暂缓 %d):%s", f.PayeeHeld.Payee, who[0], f.PayeeHeld.Number, holdChinese[f.PayeeHeld.Kind]),
			fmt.Sprintf("held what is due to %s %d (hold %d): %s", who[1], f.PayeeHeld.Payee, f.PayeeHeld.Number, kind)
	case *eventv1.Event_PayeeReleased:
		return both("解除暂缓 %d", "released hold %d", f.PayeeReleased.Number)
	}
	return "", ""
}

// holdChinese are the words for the grounds of holds.
var holdChinese = map[eventv1.HoldKind]string{
	eventv1.HoldKind_HOLD_KIND_NO_ACCOUNT: "无账户", eventv1.HoldKind_HOLD_KIND_ESTATE: "继承未定", eventv1.HoldKind_HOLD_KIND_COURT: "法院", eventv1.HoldKind_HOLD_KIND_BLACKLIST: "黑名单",
}

// trustSummary is about keys of the log, witnesses and personal data.
func trustSummary(e *eventv1.Event) (zh, en string) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_LogKeyRotated:
		return both("更换签名密钥,第 %d 代", "rotated the log's key, generation %d", f.LogKeyRotated.Generation)
	case *eventv1.Event_WitnessPolicyAdopted:
		return both("通过第 %d 版见证章程,依据决议 %s", "adopted witness policy %d by resolution %s", f.WitnessPolicyAdopted.Version, f.WitnessPolicyAdopted.ResolutionId)
	case *eventv1.Event_PersonalDataCommitted:
		c := f.PersonalDataCommitted
		if c.Member != 0 {
			return both("登记第 %d 号成员的个人信息(只有承诺值)", "committed to personal data of member %d", c.Member)
		}
		return both("登记当事人 %s 的个人信息(只有承诺值)", "committed to personal data of party %s", c.Party)
	case *eventv1.Event_ErasureRequested:
		q := f.ErasureRequested
		kind := map[eventv1.ErasureKind][2]string{eventv1.ErasureKind_ERASURE_KIND_RESTRICT: {"限制", "restrict"}, eventv1.ErasureKind_ERASURE_KIND_ERASE: {"删除", "erase"}}[q.Kind]
		return fmt.Sprintf("第 %d 号申请:%s %d 份个人信息", q.Number, kind[0], len(q.Records)), fmt.Sprintf("asked by erasure %d to %s %d records of personal data", q.Number, kind[1], len(q.Records))
	case *eventv1.Event_ErasureApproved:
		return both("批准第 %d 号个人信息处置", "approved erasure %d", f.ErasureApproved.Number)
	case *eventv1.Event_ErasureRejected:
		return both("驳回第 %d 号个人信息处置", "rejected erasure %d", f.ErasureRejected.Number)
	case *eventv1.Event_CosignatureAdded:
		return both("收到对前 %d 笔的见证签名", "added a witness's signature of the first %d events", f.CosignatureAdded.Size)
	case *eventv1.Event_ForkReported:
		return "收到账簿分叉的证据", "evidence of a fork of the log was reported"
	case *eventv1.Event_PersonalDataKept:
		return "保存一份个人信息", "kept a record of personal data"
	case *eventv1.Event_InquiryTextKept:
		return "保存一份质询的原文", "kept the text of an inquiry"
	}
	return "", ""
}

// accessSummary is about operators, their keys and sessions.
func accessSummary(e *eventv1.Event) (zh, en string) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_NameReserved:
		return both("保留集体编号 %s", "reserved the id %s", f.NameReserved.CollectiveId)
	case *eventv1.Event_OperatorCreated:
		return both("增加操作员 %s", "created operator %s", f.OperatorCreated.Id)
	case *eventv1.Event_KeyIssued:
		return both("发给 %s 密钥 %s", "issued %s the key %s", f.KeyIssued.Operator, f.KeyIssued.KeyId)
	case *eventv1.Event_KeyRevoked:
		return both("作废密钥 %s", "revoked key %s", f.KeyRevoked.KeyId)
	case *eventv1.Event_InvitationIssued:
		return both("邀请 %s 设置登录方式", "invited %s to set up signing in", f.InvitationIssued.Operator)
	case *eventv1.Event_PasswordSet:
		return both("%s 设置密码", "%s set a password", f.PasswordSet.Operator)
	case *eventv1.Event_PasswordRemoved:
		return both("去掉 %s 的密码", "removed the password of %s", f.PasswordRemoved.Operator)
	case *eventv1.Event_PasskeyAdded:
		return both("%s 增加通行密钥", "%s added a passkey", f.PasskeyAdded.Operator)
	case *eventv1.Event_PasskeyRemoved:
		return "去掉一个通行密钥", "removed a passkey"
	case *eventv1.Event_IdentityLinked:
		return both("%s 关联 %s 的身份", "%s linked an identity of %s", f.IdentityLinked.Operator, f.IdentityLinked.Issuer)
	case *eventv1.Event_IdentityUnlinked:
		return both("解除与 %s 的身份关联", "unlinked an identity of %s", f.IdentityUnlinked.Issuer)
	case *eventv1.Event_SessionStarted:
		method := signInWords[f.SessionStarted.Method]
		return fmt.Sprintf("%s 登录(%s)", f.SessionStarted.Operator, method[0]), fmt.Sprintf("%s signed in by %s", f.SessionStarted.Operator, method[1])
	case *eventv1.Event_SessionConfirmed:
		method := signInWords[f.SessionConfirmed.Method]
		return "再次确认身份(" + method[0] + ")", "confirmed a session by " + method[1]
	case *eventv1.Event_SessionEnded:
		return both("退出登录 %s", "ended session %s", f.SessionEnded.KeyId)
	case *eventv1.Event_OperatorSuspended:
		return both("停用操作员 %s", "suspended operator %s", f.OperatorSuspended.Operator)
	case *eventv1.Event_OperatorReinstated:
		return both("恢复操作员 %s", "reinstated operator %s", f.OperatorReinstated.Operator)
	}
	return "", ""
}

// signInWords say how somebody showed who he is.
var signInWords = map[eventv1.SignInMethod][2]string{
	eventv1.SignInMethod_SIGN_IN_METHOD_PASSWORD: {"密码", "password"}, eventv1.SignInMethod_SIGN_IN_METHOD_PASSKEY: {"通行密钥", "passkey"},
	eventv1.SignInMethod_SIGN_IN_METHOD_OIDC: {"统一身份认证", "an identity elsewhere"}, eventv1.SignInMethod_SIGN_IN_METHOD_INVITATION: {"邀请", "invitation"},
}
