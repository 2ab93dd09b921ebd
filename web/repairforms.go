package web

import (
	"time"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// repairForms put right what was booked, and end months and years.
var repairForms = []*form{
	{
		name: "reversal", method: "BooksService/RequestReversal", roles: treasurer, title: words{"冲销", "Turn a voucher back"}, button: words{"冲销", "Turn it back"},
		about: words{"整张凭证反着再记一次,原凭证还在。原来需要审批的,冲销也要审批。", "The whole voucher is booked the other way round; it stays where it is. What needed approval needs it again."},
		fields: append([]*field{
			{path: "vouchers", label: words{"凭证号", "Vouchers"}, kind: kindNames, must: true, help: words{"如 付2021-18;几张一起用空格分开。", "Such as 付2021-18; several apart by spaces."}},
		}, amendFields()...),
	},
	{
		name: "difference", method: "BooksService/RequestCorrection", roles: treasurer, title: words{"金额记错了", "A wrong amount"}, button: words{"更正", "Put it right"},
		about: words{"只记差额,原凭证还在;跨年也用这个办法。", "The difference alone is booked and the voucher stays; across years too."},
		fields: append([]*field{
			{path: "difference_of", label: words{"哪张凭证", "Which voucher"}, must: true, max: 24}, amountField("right_amount", "应当是多少", "What it should have been"),
		}, amendFields()...),
	},
	{
		name: "correct-income", method: "BooksService/RequestCorrection", roles: treasurer, title: words{"收款记错了", "Put a receipt right"}, button: words{"更正", "Put it right"},
		about: words{"冲销错的,同时记上对的;作为一件事整体核对。", "The wrong one is turned back and the right one booked, as one matter checked as a whole."},
		fields: append([]*field{reversesField(), replacementsField([]*field{
			{path: "inflow.inflow", label: words{"应当是", "It was"}, kind: kindChoice, must: true, choices: fixedChoices(
				named{"INFLOW_KIND_INCOME", "收入", "income"}, named{"INFLOW_KIND_DEPOSIT", "押金", "a deposit"}, named{"INFLOW_KIND_GIFT", "捐赠", "a gift"})},
			{path: "inflow.kind", label: words{"种类", "Kind"}, max: 40, help: words{"收入或押金的种类,如 rent、bid;捐赠空着。", "Of income or deposit, like rent or bid; empty for a gift."}},
			fundField("inflow.fund", "基金(捐赠,或按决议)", "Fund of a gift, or by resolution", false), amountField("inflow.amount", "金额", "Amount"), partyField("inflow.payer", "谁付的", "Who paid", false),
			textField("inflow.narration", "摘要", "What for", false, 200), accountField("inflow.money_account", "收到哪里", "Where it lies"),
			{path: "inflow.resolution_id", label: words{"决议", "Resolution"}, kind: kindChoice, choices: resolutions()},
			nestedPapers("inflow.documents"),
		})}, amendFields()...),
	},
	{
		name: "correct-payment", method: "BooksService/RequestCorrection", roles: treasurer, title: words{"付款记错了", "Put a payment right"}, button: words{"更正", "Put it right"},
		about: words{"冲销错的,同时记上对的;和原付款一样要审批。", "The wrong one is turned back and the right one booked; it needs approval as the payment did."},
		fields: append([]*field{reversesField(), replacementsField([]*field{
			{path: "outflow.fund+outflow.purpose", label: words{"用在什么事", "What it was for"}, kind: kindChoice, must: true, choices: spending},
			amountField("outflow.amount", "金额", "Amount"), partyField("outflow.payee", "付给谁", "Who was paid", false),
			textField("outflow.narration", "摘要", "What for", false, 200), accountField("outflow.money_account", "从哪里付", "Paid from"),
			{path: "outflow.resolution_id", label: words{"决议", "Resolution"}, kind: kindChoice, choices: resolutions()},
			nestedPapers("outflow.documents"),
		})}, amendFields()...),
	},
	{
		name: "book-correction", method: "BooksService/BookCorrection", roles: treasurer, title: words{"记已批准的冲销、更正", "Book an approved correction"},
		about:  words{"批准以后由会计记账。", "Booked by the treasurer once it is approved."},
		fields: []*field{requestField("correction")},
	},
	{
		name: "close", method: "GovernanceService/ClosePeriod", roles: treasurer, title: words{"结账", "Close a month"}, button: words{"结账", "Close it"},
		about:  words{"结账以后,这个月的凭证再也不能增加。然后由监督委员会审查、签认。", "Then no voucher can be added to that month. The supervisors review and sign it next."},
		above:  closeAbove,
		fields: []*field{{path: "month", label: words{"哪个月", "Month"}, kind: kindMonth, must: true, initial: openMonth}},
	},
	{
		name: "true-up", method: "BooksService/BookTrueUp", roles: treasurer, title: words{"年终清算", "True up a year"}, button: words{"清算", "True it up"},
		about:  words{"按当年净收入重算各基金应得,补记差额。", "What each fund should have of the year's net income is computed anew and the difference booked."},
		fields: []*field{{path: "year", label: words{"年度", "Year"}, kind: kindNumber, must: true, initial: func(f *filling) string { return f.today()[:4] }}, dayField("occurred_on", "记在哪天", "Day"), narrationField()},
	},
	{
		name: "edition", method: "BooksService/PublishEdition", roles: treasurer, title: words{"公示一期", "Publish an edition"}, button: words{"公示", "Publish it"},
		about: words{"把这些天的收支固定成一期,得到印记,可以印海报。以后有改动另出更正,这一期不变。", "The figures of these days are frozen as an edition with a pin for posters. Later changes make a correction; this one stays."},
		fields: []*field{
			{path: "from", label: words{"第一天", "First day"}, kind: kindDay, must: true, initial: func(f *filling) string { return f.today()[:8] + "01" }}, dayField("to", "最后一天", "Last day"),
			{path: "corrects", rare: true, label: words{"更正第几期", "Corrects edition"}, kind: kindNumber, help: words{"这些天已有一期时填。", "Where these days have one already."}},
			rarely(textField("reason", "更正原因(公开)", "Why it is corrected, in public", false, 200)),
		},
	},
	{
		name: "opening", method: "BooksService/ProposeOpening", roles: treasurer, title: words{"期初余额", "Opening balances"}, button: words{"提出", "Propose them"},
		about: words{"不从零开始的集体,在第一张凭证以前录入;由监督委员会核对确认才记账。", "For a collective that does not start at zero, before the first voucher; booked when a supervisor has compared and confirmed them."},
		fields: []*field{
			dayField("occurred_on", "哪天的余额", "Day"),
			{path: "lines", label: words{"各科目", "Balances"}, kind: kindRows, least: 2, must: true, add: words{"再加一行", "Add a line"},
				help: words{"资金、应收为正;基金、应付、押金为负;合计必须为零。", "Money and receivables positive; funds, debts and deposits negative; together nothing."},
				fields: []*field{
					{path: "account", label: words{"科目", "Account"}, kind: kindChoice, must: true, choices: openingAccounts},
					amountField("amount", "金额", "Amount"), partyField("party", "谁的(押金、捐赠)", "Whose (deposits, gifts)", false)}},
		},
	},
}

// amendFields are those that every correction has.
func amendFields() []*field {
	return []*field{
		{path: "occurred_on", label: words{"记在哪天", "Day"}, kind: kindDay, help: words{"空着就是记账当天。", "Empty: the day it is booked."}},
		narrationField(),
		{path: "cover", rare: true, label: words{"基金已经用掉、不够退时,挂账待扣(要负责人和监督委员会同意)", "Where a fund has spent it: leave the rest pending (approver and supervisor agree)"}, kind: kindCheck, checked: "COVER_PENDING"},
		{path: "transfers", rare: true, label: words{"同时调剂", "Transfers that cover it"}, kind: kindRows, add: words{"加一笔调剂", "Add a transfer"}, fields: []*field{
			fundField("from_fund", "从", "From", true), fundField("to_fund", "到", "To", true), amountField("amount", "金额", "Amount"),
			{path: "resolution_id", label: words{"决议", "Resolution"}, kind: kindChoice, must: true, choices: resolutions(apiv1.Matter_MATTER_TRANSFER)}}},
	}
}

func reversesField() *field {
	return &field{path: "reverses", label: words{"冲销哪些凭证", "Vouchers turned back"}, kind: kindNames, must: true, help: words{"几张用空格分开。", "Several apart by spaces."}}
}

func replacementsField(order []*field) *field {
	return &field{path: "replacements", label: words{"正确的凭证", "Right vouchers"}, kind: kindRows, least: 1, must: true, add: words{"再加一张", "Add one"},
		fields: append([]*field{{path: "corrects", label: words{"代替哪张", "In place of"}, must: true, max: 24}}, order...)}
}

func nestedPapers(path string) *field {
	d := papersField("other")
	d.path, d.least = path, 0
	return d
}

// daysAfter is a day some days later.
func daysAfter(day string, n int) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return at.AddDate(0, 0, n).Format(time.DateOnly)
}
