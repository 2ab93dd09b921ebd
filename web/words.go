package web

import (
	"strings"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// Words for what the API says in slugs and values: a slug without a word here is shown as it is written, with spaces.

var purposeWords = map[string]words{
	"relief": {"困难救助", "relief"}, "scholarship": {"奖学助学", "scholarships"}, "daily_management": {"日常管理", "daily management"},
	"planting": {"绿化栽种", "planting"}, "repair": {"维修维护", "repairs"}, "development": {"发展生产", "development"},
	"hardship": {"困难帮扶", "hardship"}, "study_aid": {"助学", "study aid"}, "cleaning": {"环境卫生", "cleaning"}, "visits": {"走访慰问", "visits"},
	"emergency": {"应急", "emergencies"}, "office": {"办公", "office"}, "wages": {"工资劳务", "wages"}, "fee": {"手续费", "bank fees"}, "bank_fee": {"手续费", "bank fees"},
}

var incomeWords = map[string]words{
	"rent": {"租金", "rent"}, "interest": {"利息", "interest"}, "subsidy": {"补助", "subsidies"}, "grant": {"补助", "grants"}, "sale": {"出售", "sales"},
	"service": {"服务收入", "services"}, "contract": {"发包收入", "contract fees"}, "other": {"其他收入", "other income"},
}

var fundWords = map[string]string{
	"dividend": "dividends", "reserve": "reserve", "welfare": "welfare", "maintenance": "maintenance",
}

// slug is the word of a purpose or kind of income that has none.
func (v *visit) slug(words map[string]words, slug string) string {
	if w, ok := words[slug]; ok {
		return v.say(w)
	}
	return strings.ReplaceAll(slug, "_", " ")
}

func (v *visit) purpose(slug string) string    { return v.slug(purposeWords, slug) }
func (v *visit) incomeKind(slug string) string { return v.slug(incomeWords, slug) }

var stateWords = map[string]words{
	"open": {"申请中", "applications"}, "reviewed": {"已审核", "reviewed"}, "notice": {"公示中", "under notice"}, "awarded": {"已发放", "awarded"},
	"cancelled": {"已撤销", "cancelled"}, "declared": {"已宣告", "declared"}, "upheld": {"成立", "upheld"}, "dismissed": {"不成立", "dismissed"},
	"received": {"已收到,监督委员会还没看", "received, not read yet"}, "published": {"等待答复", "awaiting an answer"},
	"declined": {"不予公开", "not published"}, "answered": {"已答复", "answered"},
}

// state is the word for where a round, an objection or an inquiry stands.
func (v *visit) state(state string) string { return v.slug(stateWords, state) }

var flagWords = map[apiv1.FlagKind]words{
	apiv1.FlagKind_FLAG_KIND_EXCEEDS_AUTHORITY: {"超过授权金额", "exceeds its authority"}, apiv1.FlagKind_FLAG_KIND_WITHOUT_RESOLUTION: {"没有决议", "without a resolution"},
	apiv1.FlagKind_FLAG_KIND_WITHOUT_APPROVAL: {"没有批准", "without approval"}, apiv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE: {"不合用途", "outside its purpose"},
	apiv1.FlagKind_FLAG_KIND_EMERGENCY: {"应急先付", "paid as an emergency"},
}

var verdictWords = map[apiv1.Verdict]words{
	apiv1.Verdict_VERDICT_SIGNED: {"同意", "signed"}, apiv1.Verdict_VERDICT_REFUSED: {"不同意", "refused"}, apiv1.Verdict_VERDICT_REMARKED: {"有意见", "remarked"},
}

var matterWords = map[apiv1.Matter]words{
	apiv1.Matter_MATTER_POLICY: {"分配办法", "allocation policy"}, apiv1.Matter_MATTER_SPENDING_RULE: {"支出办法", "spending rule"}, apiv1.Matter_MATTER_PAYMENT: {"付款", "payment"},
	apiv1.Matter_MATTER_DIVIDEND: {"分红", "dividend"}, apiv1.Matter_MATTER_TRANSFER: {"基金之间调剂", "transfer between funds"}, apiv1.Matter_MATTER_CHARTER: {"章程", "charter"},
	apiv1.Matter_MATTER_INCOME: {"收入", "income"}, apiv1.Matter_MATTER_OTHER: {"其他", "other"}, apiv1.Matter_MATTER_DEPOSIT: {"押金", "deposit"},
	apiv1.Matter_MATTER_HOLD: {"暂缓发放", "hold"}, apiv1.Matter_MATTER_COST: {"成本", "cost"},
}

var operationWords = map[apiv1.Operation]words{
	apiv1.Operation_OPERATION_PAYMENT: {"付款", "payments"}, apiv1.Operation_OPERATION_GRANT_ROUND: {"救助奖学", "grant rounds"}, apiv1.Operation_OPERATION_DIVIDEND: {"分红", "dividends"},
	apiv1.Operation_OPERATION_TRANSFER: {"基金之间调剂", "transfers"}, apiv1.Operation_OPERATION_DEPOSIT_RETURN: {"退还押金", "deposit returns"},
	apiv1.Operation_OPERATION_REVERSAL: {"冲销更正", "reversals and corrections"}, apiv1.Operation_OPERATION_COST: {"年终清算的成本", "costs of a true-up"},
}

var basisWords = map[apiv1.DividendBasis]words{
	apiv1.DividendBasis_DIVIDEND_BASIS_HEAD: {"按人", "per head"}, apiv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD: {"按户", "per household"}, apiv1.DividendBasis_DIVIDEND_BASIS_SHARE: {"按股", "per share"},
}

var roundingWords = map[apiv1.Rounding]words{
	apiv1.Rounding_ROUNDING_LARGEST_FRACTION: {"余数最大的先得一分", "the largest fraction gets the odd fen"}, apiv1.Rounding_ROUNDING_CARRY: {"余数留到下次", "odd fen are carried to the next split"},
}

var otherWords = map[string]words{
	"receivable": {"应收款", "receivable"}, "payable": {"应付未付", "payable"}, "deposit": {"押金", "deposits"}, "project": {"专项资金", "projects"}, "gift": {"定向捐赠", "gifts with a purpose"},
}

// fundName is a fund's public name, with an English word where there is one.
func (b *board) fundName(id string) string {
	for _, f := range b.about.Funds {
		if f.Id == id {
			if en := fundWords[id]; en != "" && b.lang == english {
				return f.Name + " (" + en + ")"
			}
			return f.Name
		}
	}
	return id
}

// fundClass is the class that gives a fund its colour; funds beyond the four share shades of their own.
func (b *board) fundClass(id string) string {
	if fundWords[id] != "" {
		return "fund-" + id
	}
	return "fund-other"
}

// bodyName is the public name of a body.
func (b *board) bodyName(id string) string {
	for _, body := range b.about.Bodies {
		if body.Id == id {
			return body.Name
		}
	}
	return id
}

// endName is the word for an end of a flow that is no fund.
func (b *board) endName(e *apiv1.FlowEnd) string {
	switch e.Kind {
	case apiv1.FlowEndKind_FLOW_END_KIND_FUND:
		return b.fundName(e.Id)
	case apiv1.FlowEndKind_FLOW_END_KIND_INCOME:
		if e.Id == "" {
			return b.text("决议收入", "income by resolution")
		}
		return b.incomeKind(e.Id)
	case apiv1.FlowEndKind_FLOW_END_KIND_GIFT:
		return b.text("捐赠", "gifts")
	case apiv1.FlowEndKind_FLOW_END_KIND_PURPOSE:
		return b.purpose(e.Id)
	case apiv1.FlowEndKind_FLOW_END_KIND_DIVIDEND:
		return b.text("分给成员", "paid out to members")
	case apiv1.FlowEndKind_FLOW_END_KIND_TRUE_UP:
		return b.text("年终清算", "true-up")
	case apiv1.FlowEndKind_FLOW_END_KIND_OPENING:
		return b.text("建账余额", "balances at the start")
	case apiv1.FlowEndKind_FLOW_END_KIND_ACCOUNT:
		kind, _, _ := strings.Cut(e.Id, "/")
		return b.slug(otherWords, kind)
	default:
		return b.text("其他", "other")
	}
}
