package web

import (
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// roundForms are grants and dividends.
var roundForms = []*form{
	{
		name: "grant-open", method: "BooksService/OpenGrantRound", roles: treasurer, title: words{"开启一轮救助、奖学", "Open a round of grants"}, button: words{"开启", "Open it"},
		about: words{"先定预算;再加申请人,由监督委员会审核,公示期满后由负责人批准,然后发放。", "A budget first; then applicants, a supervisor's review, the notice, the approver's award, and payment."},
		fields: []*field{
			textField("title", "名目", "Title", true, 120), idField("round_id", "round", "编号", "Id"),
			{path: "fund+purpose", label: words{"用途", "What it is for"}, kind: kindRadio, must: true, choices: spending},
			amountField("budget", "预算", "Budget"),
			resolutionField(false, words{"支出办法要求时选。", "Where the spending rule asks for one."}, apiv1.Matter_MATTER_PAYMENT),
		},
	},
	{
		name: "grant-applicants", method: "BooksService/AddApplicants", roles: treasurer, title: words{"增加申请人", "Add applicants"}, button: words{"加入名单", "Add them"},
		about: words{"只写成员号和金额。理由等个人情况不进账簿,请在“登记个人信息”里填。", "Member numbers and amounts alone. Reasons and other personal matters stay out of the books: they go to personal data."},
		fields: []*field{roundField("open"), {path: "applicants", label: words{"成员号和金额", "Member and amount"}, kind: kindTable, must: true,
			help:   words{"每行一人:成员号、空格、金额,如 17 500。可以从表格里两列一起粘贴。", "A line each: member, space, amount, like 17 500. Two columns of a table can be pasted."},
			fields: []*field{{path: "member", kind: kindNumber}, {path: "amount", kind: kindMoney}}}},
	},
	{
		name: "grant-remove", method: "BooksService/RemoveApplicants", roles: treasurer, title: words{"去掉申请人", "Take applicants out"}, button: words{"去掉", "Take them out"},
		about:  words{"公示以前可以。", "Before the notice."},
		fields: []*field{roundField("open", "reviewed"), membersField("members", "成员号", "Members", true)},
	},
	{
		name: "grant-notice", method: "BooksService/PublishGrantNotice", roles: treasurer, title: words{"公示一轮救助、奖学", "Publish a round"}, button: words{"开始公示", "Publish it"},
		about: words{"监督委员会审核以后公示;期满且没有未答复的异议,负责人才能批准。", "After the review. The approver may award when the notice is over and every objection is answered."},
		fields: []*field{roundField("reviewed"), dayField("notice_from", "公示第一天", "First day"),
			{path: "notice_to", label: words{"公示最后一天", "Last day"}, kind: kindDay, must: true, initial: func(f *filling) string { return daysAfter(f.today(), 9) }}},
	},
	{
		name: "grant-pay", method: "BooksService/PayGrant", roles: payer, title: words{"发给一位成员", "Pay a member's grant"}, button: words{"确认已发", "It is paid"},
		about:  words{"负责人批准以后,逐人发放。", "After the award, member by member."},
		fields: []*field{roundField("awarded"), memberField("member", "成员号", "Member"), dayField("occurred_on", "哪天发的", "Day it was paid"), accountField("money_account", "从哪里付", "Paid from")},
	},
	{
		name: "grant-returned", method: "BooksService/RecordReturnedGrant", roles: payer, title: words{"救助、奖学被银行退回", "A grant the bank sent back"},
		about:  words{"钱回来了,仍然应付给本人。", "The money is back and still due to the member."},
		fields: []*field{roundField("awarded"), memberField("member", "成员号", "Member"), dayField("occurred_on", "哪天退的", "Day it came back"), accountField("money_account", "回到哪里", "Where it lies")},
	},
	{
		name: "grant-award", method: "GovernanceService/AwardGrants", roles: approver, title: words{"批准一轮救助、奖学", "Award a round"}, button: words{"批准", "Award it"},
		about:  words{"公示期满、异议都已答复以后。批准后由会计逐人发放。", "When the notice is over and objections are answered. Then the treasurer pays each member."},
		fields: []*field{roundField("notice"), dayField("occurred_on", "哪天批准", "Day of the award")},
	},
	{
		name: "grant-cancel", method: "GovernanceService/CancelGrant", roles: approver, title: words{"取消一人的救助、奖学", "Cancel a member's grant"}, button: words{"取消这一份", "Cancel it"},
		about:  words{"还没有发的那一份退回基金。", "An unpaid part goes back to the fund."},
		fields: []*field{roundField("awarded"), memberField("member", "成员号", "Member"), dayField("occurred_on", "哪天", "Day")},
	},
	{
		name: "round-cancel", method: "GovernanceService/CancelGrantRound", roles: approver, title: words{"撤销一轮救助、奖学", "Cancel a round"}, button: words{"撤销", "Cancel it"},
		about:  words{"批准以前可以撤销,预算放回。", "Before its award; its budget is free again."},
		fields: []*field{roundField("open", "reviewed", "notice"), textField("reason", "理由(公开)", "Reason, in public", true, 200)},
	},
	{
		name: "objection", method: "GovernanceService/RaiseObjection", title: words{"记一条异议", "Record an objection"}, button: words{"记下异议", "Record it"},
		roles:  []apiv1.Role{apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_SUPERVISOR},
		about:  words{"公示期间收到的异议;答复以前不能批准。", "One that came during the notice; nothing is awarded before it is answered."},
		fields: []*field{roundField("notice"), {path: "member", label: words{"对哪位申请人(成员号)", "About the applicant (member)"}, kind: kindNumber, help: words{"对整轮有异议就空着。", "Empty: the round as a whole."}}, textField("text", "内容(公开,不写姓名)", "What it says, in public, without names", true, 200)},
	},
	{
		name: "objection-answer", method: "GovernanceService/AnswerObjection", roles: approver, title: words{"答复异议", "Answer an objection"}, button: words{"答复", "Answer"},
		about: words{"异议成立,申请人就退出这一轮。", "One that is upheld takes its applicant out of the round."},
		fields: []*field{roundField("notice"), {path: "objection", label: words{"第几号异议", "Number of the objection"}, kind: kindNumber, must: true},
			{path: "upheld", label: words{"异议成立", "It is upheld"}, kind: kindCheck}, textField("text", "答复(公开)", "Answer, in public", true, 200)},
	},
	{
		name: "dividend", method: "BooksService/RequestDividend", roles: treasurer, title: words{"申请分红", "Ask for a dividend"}, button: words{"提出申请", "Ask for it"},
		about: words{"按登记日的名单计算每份多少、余多少。监督委员会审核、负责人宣告以后再发。", "Rate and remainder are computed from the roster of the record day. It is reviewed, declared by the approver, and then paid."},
		fields: []*field{
			fundField("fund", "从哪项基金", "Fund that bears it", true), amountField("pool", "拿出多少来分", "Amount to deal out"),
			{path: "basis", label: words{"按什么分", "Who takes a share"}, kind: kindChoice, must: true, initial: func(*filling) string { return "DIVIDEND_BASIS_HEAD" }, choices: fixedChoices(
				named{"DIVIDEND_BASIS_HEAD", "按人", "every member"}, named{"DIVIDEND_BASIS_HOUSEHOLD", "按户", "every household"}, named{"DIVIDEND_BASIS_SHARE", "按股", "every share"})},
			{path: "method", label: words{"尾差", "Odd fen"}, kind: kindChoice, must: true, initial: func(*filling) string { return "DIVIDEND_METHOD_EQUAL" }, choices: fixedChoices(
				named{"DIVIDEND_METHOD_EQUAL", "人人一样多,余数留在基金", "everybody the same; the rest stays in the fund"}, named{"DIVIDEND_METHOD_EXACT", "分尽,有的多一分", "all is dealt out; some get a fen more"})},
			dayField("record_date", "登记日", "Record day"), resolutionField(true, words{}, apiv1.Matter_MATTER_DIVIDEND), narrationField(), idField("run_id", "dividend", "编号", "Id"),
			{path: "supplements", rare: true, label: words{"补发哪一次", "Supplement to"}, kind: kindChoice, choices: runs, help: words{"只在给漏掉的人补发时选。", "Only for those whom a run left out."}},
			rarely(membersField("only", "只发给(补发时)", "Only these (supplement)", false)),
		},
	},
	{
		name: "declare", method: "GovernanceService/DeclareDividend", roles: approver, title: words{"宣告分红", "Declare a dividend"}, button: words{"宣告", "Declare it"},
		about:  words{"宣告以后,基金里的这笔钱就是应付给大家的了。", "From then on the money is owed to the payees."},
		above:  requestAbove("dividend"),
		fields: []*field{seenRequest(), seenDigest(), dayField("occurred_on", "哪天宣告", "Day")},
	},
	{
		name: "dividend-file", method: "BooksService/SendDividendFile", roles: payer, title: words{"发出分红文件", "Send a file to the bank"}, button: words{"做成文件", "Make the file"},
		about:  words{"每个文件最多 1,000 人,按号码顺序;暂缓的人不在内。做好以后下载交给银行,银行有了结果再登记,那时才动钱。", "At most 1,000 payees a file, in order; who is held is left out. Download it for the bank; money moves when its results are recorded."},
		fields: []*field{runField(), accountField("money_account", "从哪里付", "Paid from"), rarely(membersField("payees", "只发给这些号码", "Only these numbers", false))},
	},
	{
		name: "dividend-results", method: "BooksService/RecordDividendResults", roles: payer, title: words{"登记银行发放结果", "Record the bank's results"}, button: words{"登记结果", "Record them"},
		about: words{"没有发成的号码粘贴在下面,或选银行给的文件;都发成了就空着。", "Paste the numbers that failed, or choose the bank's file; leave it empty when all were paid."},
		fields: []*field{runField(), {path: "file", label: words{"第几个文件", "Number of the file"}, kind: kindNumber, must: true}, dayField("occurred_on", "银行哪天付的", "Day the bank paid"),
			{path: "failed", label: words{"没有发成的号码", "Numbers that failed"}, kind: kindNumbers, listed: true, help: words{"每行第一个数当作号码。", "The first number of each line counts."}}},
	},
	{
		name: "dividend-returned", method: "BooksService/RecordReturnedDividend", roles: payer, title: words{"分红被银行退回", "Dividends the bank sent back"},
		about:  words{"付出以后又退回:仍然应付给本人,可以再发。", "Paid and then sent back: still due, and can be sent again."},
		fields: []*field{runField(), membersField("payees", "退回的号码", "Whose money came back", true), dayField("occurred_on", "哪天退的", "Day it came back"), accountField("money_account", "回到哪里", "Where it lies")},
	},
	{
		name: "disclose", method: "BooksService/DiscloseRound", roles: treasurer, title: words{"公布一轮明细的合计树", "Disclose the lines of a round"}, button: words{"公布", "Disclose it"},
		about: words{"公布以后,人人可以要一张自己那一行的证明,别人的看不到。", "Then everybody can have the own line proved, and see no other."},
		fields: []*field{{path: "kind", label: words{"哪一种", "What was paid out"}, kind: kindChoice, must: true, choices: fixedChoices(
			named{"ROUND_KIND_DIVIDEND", "分红", "a dividend"}, named{"ROUND_KIND_GRANT", "救助、奖学", "grants"})},
			{path: "round_id", label: words{"哪一次", "Which"}, kind: kindChoice, must: true, choices: roundsAndRuns}},
	},
}
