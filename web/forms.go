package web

import (
	"strings"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// Fields that many forms have.

func amountField(path, zh, en string) *field {
	return &field{path: path, label: words{zh, en}, kind: kindMoney, must: true}
}

func dayField(path, zh, en string) *field {
	return &field{path: path, label: words{zh, en}, kind: kindDay, must: true, initial: today}
}

func accountField(path, zh, en string) *field {
	return &field{path: path, label: words{zh, en}, kind: kindChoice, must: true, choices: moneyAccounts, initial: firstAccount}
}

func narrationField() *field {
	return &field{path: "narration", label: words{"摘要", "What for"}, max: 200,
		help: words{"人人看得到的一句话,不写姓名、电话、账号。", "One line that everybody reads: no names, phone or account numbers."}}
}

func fundField(path, zh, en string, must bool) *field {
	return &field{path: path, label: words{zh, en}, kind: kindChoice, must: must, choices: funds}
}

func resolutionField(must bool, help words, matters ...apiv1.Matter) *field {
	return &field{path: "resolution_id", label: words{"决议", "Resolution"}, kind: kindChoice, must: must, choices: resolutions(matters...), help: help}
}

func requestField(kinds ...string) *field {
	return &field{path: "request_number", label: words{"哪一号申请", "Which request"}, kind: kindRadio, must: true, choices: requests(kinds...)}
}

func roundField(states ...string) *field {
	return &field{path: "round_id", label: words{"哪一轮", "Which round"}, kind: kindChoice, must: true, choices: rounds(states...)}
}

func runField() *field {
	return &field{path: "run_id", label: words{"哪一次分红", "Which dividend"}, kind: kindChoice, must: true, choices: runs}
}

func memberField(path, zh, en string) *field {
	return &field{path: path, label: words{zh, en}, kind: kindNumber, must: true}
}

func membersField(path, zh, en string, must bool) *field {
	return &field{path: path, label: words{zh, en}, kind: kindNumbers, must: must,
		help: words{"用空格、逗号或换行分开;一段写成 20-25。可以从表格里整列粘贴。", "Apart by spaces, commas or lines; a range as 20-25. A column of a table can be pasted."}}
}

func partyField(path, zh, en string, must bool) *field {
	return &field{path: path, label: words{zh, en}, kind: kindParty, must: must}
}

// rarely folds a field behind the others.
func rarely(d *field) *field {
	d.rare = true
	return d
}

// idField is the id of something new: made from the day and the form's number, so that it is nobody else's.
func idField(path, prefix, zh, en string) *field {
	return &field{path: path, label: words{zh, en}, must: true, max: 40, rare: true,
		help: words{"以后用它来指这一件;可以改,只用小写字母、数字和连字符。", "It names this from now on. Change it if you like: small letters, digits and hyphens."},
		initial: func(f *filling) string {
			return prefix + "-" + strings.ReplaceAll(f.today(), "-", "") + "-" + f.values["command_id"][:4]
		}}
}

func textField(path, zh, en string, must bool, max int) *field {
	return &field{path: path, label: words{zh, en}, must: must, max: max}
}

// papersField are the papers behind a command: each a picture or a PDF with what is printed on it.
func papersField(kind string) *field {
	return &field{path: "documents", label: words{"单据", "Papers"}, kind: kindRows, least: 1, add: words{"再加一张单据", "Add a paper"},
		help:   words{"拍照或选 PDF;照片只给查账的人看,公示上只写有几张。没有照片也可以只填号码。", "Take a picture or choose a PDF: pictures are for those who check the books, the board says only how many there are. A number alone will do."},
		fields: paperFields("", kind)}
}

// paperFields are those of one paper. at begins their paths.
func paperFields(at, kind string) []*field {
	return []*field{
		{path: at + "sha256", label: words{"照片或文件", "Picture or file"}, kind: kindFile},
		{path: at + "kind", label: words{"种类", "Kind"}, kind: kindChoice, must: true, initial: func(*filling) string { return kind }, choices: fixedChoices(
			named{"invoice", "发票", "invoice"}, named{"receipt", "收据", "receipt"}, named{"bank_line", "银行流水", "bank line"}, named{"contract", "合同", "contract"},
			named{"minutes", "会议记录", "minutes"}, named{"list", "名单", "list"}, named{"other", "其他", "other"})},
		{path: at + "number", label: words{"号码", "Number"}, must: true, max: 64, help: words{"印在上面的号码;没有就写日期加序号,如 2021-07-20-1。", "As printed; where there is none the day and a count, like 2021-07-20-1."}},
		{path: at + "issuer", label: words{"谁开的", "Issued by"}, must: true, max: 64, help: words{"单位的公开名称或代号,不写个人姓名。", "The public name or code of an organisation, never a person's name."}},
		{path: at + "total", rare: true, label: words{"票面总额", "Total on the paper"}, kind: kindMoney, help: words{"只在一张单据分几次用时填。", "Only where one paper serves several times."}},
		{path: at + "cited", rare: true, label: words{"这次用其中多少", "Part used this time"}, kind: kindMoney},
	}
}

// deskForms are the forms of a desk, by their names.
var deskForms = formsByName(incomingForms, outgoingForms, roundForms, repairForms, registerForms, ruleForms, committeeForms)

func formsByName(groups ...[]*form) map[string]*form {
	all := map[string]*form{}
	for _, group := range groups {
		for _, form := range group {
			if all[form.name] != nil {
				panic("web: there are two forms " + form.name)
			}
			all[form.name] = form
		}
	}
	return all
}

// incomingForms are money in.
var incomingForms = []*form{
	{
		name: "income", method: "BooksService/RecordIncome", roles: treasurer, title: words{"收一笔", "Money in"},
		about: words{"租金、利息等收入,按当日有效的分配办法分到各基金。押金、捐赠不在这里记:它们不分配。", "Rent, interest and other income, split among the funds by the policy of its day. Deposits and gifts go elsewhere: they never split."},
		fields: []*field{
			amountField("amount", "金额", "Amount"),
			{path: "kind", label: words{"是什么收入", "Kind of income"}, kind: kindRadio, must: true, choices: incomeKinds},
			partyField("payer", "谁付的", "Who paid", false),
			dayField("occurred_on", "哪天到账", "Day it came"),
			accountField("money_account", "收到哪里", "Where it lies"),
			narrationField(),
			papersField("bank_line"),
			{path: "fund", rare: true, label: words{"归哪项基金", "Fund it goes to"}, kind: kindChoice, choices: funds,
				help: words{"只用于没有分配办法的收入;要有指明这项基金的决议。按办法分配的收入这里空着。", "Only for income without a policy, with a resolution that names the fund. Leave it empty for income that is split."}},
			rarely(resolutionField(false, words{"同上,只用于没有分配办法的收入。", "The same: only for income without a policy."}, apiv1.Matter_MATTER_INCOME)),
		},
	},
	{
		name: "deposit", method: "BooksService/ReceiveDeposit", roles: treasurer, title: words{"收押金", "Deposit in"},
		about: words{"押金、保证金是别人的钱,暂存在集体,不分配,以后要退。", "A deposit stays somebody else's money: it is kept, never split, and given back."},
		fields: []*field{
			amountField("amount", "金额", "Amount"),
			{path: "kind", label: words{"哪种押金", "Kind of deposit"}, kind: kindChoice, must: true, choices: fixedChoices(
				named{"lease", "租赁押金", "lease deposit"}, named{"bid", "投标保证金", "bid deposit"}, named{"performance", "履约保证金", "performance bond"}, named{"other-deposit", "其他押金", "other"})},
			partyField("payer", "谁的钱", "Whose it is", true),
			dayField("occurred_on", "哪天到账", "Day it came"),
			accountField("money_account", "收到哪里", "Where it lies"), narrationField(), papersField("receipt"),
		},
	},
	{
		name: "gift", method: "BooksService/ReceiveGift", roles: treasurer, title: words{"收捐赠", "Gift in"},
		about: words{"捐给一项基金,或属于已登记的定向捐赠;两者选一。捐赠不分配。", "A gift to a fund, or money of an agreed gift: one of the two. Gifts never split."},
		fields: []*field{
			amountField("amount", "金额", "Amount"),
			fundField("fund", "捐给哪项基金", "Given to the fund", false),
			{path: "gift_id", label: words{"或属于哪一笔定向捐赠", "Or belongs to the agreed gift"}, kind: kindChoice, choices: gifts},
			partyField("donor", "谁捐的", "Who gave", false),
			dayField("occurred_on", "哪天到账", "Day it came"),
			accountField("money_account", "收到哪里", "Where it lies"), narrationField(), papersField("receipt"),
		},
	},
	{
		name: "collect", method: "BooksService/CollectReceivable", roles: treasurer, title: words{"收回应收款", "Money owed to us comes in"},
		about: words{"例如银行退回的租金后来又付来:已经分过,不再分。", "Such as rent that the bank had returned and that is paid again: it was split before and is not split twice."},
		fields: []*field{
			amountField("amount", "金额", "Amount"),
			{path: "kind", label: words{"收回什么", "What was owed"}, kind: kindChoice, must: true, choices: accountsOf("receivable")},
			partyField("payer", "谁付的", "Who paid", true),
			dayField("occurred_on", "哪天到账", "Day it came"),
			accountField("money_account", "收到哪里", "Where it lies"), narrationField(), papersField("bank_line"),
		},
	},
	{
		name: "refund", method: "BooksService/RecordRefund", roles: treasurer, title: words{"付出去的钱退回来", "Refund of a payment"},
		about: words{"全部或部分退回原来的基金,占用的决议额度也放回。", "Whole or in part, to the fund that paid; the authority it drew is free again."},
		fields: []*field{
			{path: "payment", label: words{"原付款凭证", "Voucher of the payment"}, must: true, max: 24, help: words{"如 付2021-19。", "Such as 付2021-19 or P2021-19."}},
			amountField("amount", "退回金额", "Amount that came back"),
			dayField("occurred_on", "哪天到账", "Day it came"),
			accountField("money_account", "收到哪里", "Where it lies"), narrationField(), papersField("bank_line"),
		},
	},
	{
		name: "gift-agree", method: "BooksService/AgreeGift", roles: treasurer, title: words{"登记定向捐赠", "Agree on a gift with a purpose"},
		about: words{"捐赠人指定了用途:钱单独存放,只用于此事。先登记,再收钱。", "The donor has named a purpose: its money lies apart and serves that alone. Register it first; then record the money."},
		fields: []*field{
			textField("title", "名目", "Title", true, 120), idField("gift_id", "gift", "编号", "Id"),
			{path: "purpose", label: words{"用途(编号)", "Purpose (id)"}, must: true, max: 40, help: words{"如 scholarship、library。", "Such as scholarship or library."}},
			partyField("donor", "谁捐的", "Who gives", false),
		},
	},
	{
		name: "gift-purpose", method: "BooksService/ChangeGiftPurpose", roles: treasurer, title: words{"变更定向捐赠的用途", "Change the purpose of a gift"},
		about: words{"要有捐赠人的书面同意。", "With its donor's consent on paper."},
		fields: append([]*field{
			{path: "gift_id", label: words{"哪一笔捐赠", "Which gift"}, kind: kindChoice, must: true, choices: gifts},
			{path: "purpose", label: words{"新用途(编号)", "New purpose (id)"}, must: true, max: 40},
		}, paperFields("consent.", "other")[:4]...),
	},
}

// outgoingForms are money out.
var outgoingForms = []*form{
	{
		name: "payment", method: "BooksService/RequestPayment", roles: treasurer, title: words{"付一笔", "Payment"}, button: words{"提出申请", "Ask for it"},
		about: words{"先选用途,基金随之而定。提出后按支出办法等审核、批准,然后付款。", "Choose the purpose; the fund follows from it. Then it waits for review and approval by the spending rule, and is paid."},
		fields: []*field{
			amountField("amount", "金额", "Amount"),
			{path: "fund+purpose", label: words{"用在什么事", "What it is for"}, kind: kindRadio, choices: spending,
				help: words{"用定向捐赠或当年收入支付时不选。", "None when an agreed gift or the year's income bears it."}},
			partyField("payee", "付给谁", "Who is paid", true),
			narrationField(),
			resolutionField(false, words{"支出办法要求决议时选;后面是还可用的额度。", "Where the spending rule asks for one; beside it stands what is left."}, apiv1.Matter_MATTER_PAYMENT, apiv1.Matter_MATTER_COST),
			papersField("invoice"),
			{path: "gift_id", rare: true, label: words{"改由定向捐赠支付", "An agreed gift bears it"}, kind: kindChoice, choices: gifts},
			{path: "cost", rare: true, label: words{"由当年收入承担(成本,年终清算)", "The year's income bears it (a cost, until the true-up)"}, kind: kindCheck},
			{path: "emergency", rare: true, label: words{"应急:先付,以后追认", "Emergency: paid ahead of its resolution, ratified afterwards"}, kind: kindCheck},
			{path: "money_account", rare: true, label: words{"不需审批时直接从哪里付", "Paid at once from"}, kind: kindChoice, choices: moneyAccounts,
				help: words{"只有支出办法规定不需批准的小额才能直接付;别的空着。", "Only for amounts that need no approval by the spending rule; leave it empty for all else."}},
			{path: "occurred_on", rare: true, label: words{"直接付款的日期", "Day of paying at once"}, kind: kindDay},
			{path: "purpose", rare: true, label: words{"用途(捐赠或成本)", "Purpose of a gift or cost"}, kind: kindChoice, choices: purposes, help: words{"只在用定向捐赠或当年收入支付时填。", "Only where a gift or the year's income bears it."}},
		},
	},
	{
		name: "settle", method: "BooksService/SettlePayment", roles: payer, title: words{"支付已批准的申请", "Pay an approved request"}, button: words{"确认已付", "It is paid"},
		about: words{"钱真正付出的那天记。退还押金也在这里付。", "On the day the money goes. Deposits are given back here too."},
		fields: []*field{
			requestField("payment", "deposit return"), dayField("occurred_on", "哪天付的", "Day it was paid"),
			{path: "money_account", label: words{"从哪里付", "Paid from"}, kind: kindChoice, choices: moneyAccounts, initial: firstAccount, help: words{"押金全部扣留时不选。", "None for a deposit of which all is kept."}},
		},
	},
	{
		name: "withdraw", method: "BooksService/WithdrawRequest", roles: treasurer, title: words{"撤回申请", "Withdraw a request"}, button: words{"撤回", "Withdraw it"},
		about:  words{"只能撤回自己提出、还没有办结的申请。", "Only one's own, while it is open."},
		fields: []*field{requestField()},
	},
	{
		name: "expire", method: "GovernanceService/ExpireRequest", title: words{"了结过期的申请", "End a lapsed request"}, button: words{"了结", "End it"},
		roles:  []apiv1.Role{apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR},
		about:  words{"期限已过的申请不能再办;了结后占用的额度放回。", "A request whose last day is over can no more be carried out; ending it frees its authority."},
		fields: []*field{requestField()},
	},
	{
		name: "fee", method: "BooksService/RecordFee", roles: treasurer, title: words{"记银行手续费", "Bank fee"},
		about: words{"银行已经扣走的钱:照实记;规则没有允许的会公开标出,等追认。", "What the bank took on its own is booked as it was; what no rule allows is flagged in public until ratified."},
		fields: []*field{
			amountField("amount", "金额", "Amount"), fundField("fund", "由哪项基金承担", "Fund that bears it", true),
			{path: "purpose", label: words{"用途", "Purpose"}, must: true, max: 40, initial: func(*filling) string { return "bank_fee" }},
			partyField("payee", "谁收的", "Who took it", false), dayField("occurred_on", "哪天扣的", "Day it went"),
			accountField("money_account", "从哪里扣的", "Where it was taken"), narrationField(), papersField("bank_line"),
		},
	},
	{
		name: "returned-income", method: "BooksService/RecordReturnedIncome", roles: treasurer, title: words{"收入被银行退回(退票)", "Income the bank took back"},
		about: words{"已经分配的收入被银行退回:成为应收款,以后收回时不再分配。", "Income that was split and that the bank took back: it is owed again and will not split twice."},
		fields: []*field{
			{path: "receipt", label: words{"原收款凭证", "Voucher of the income"}, must: true, max: 24, help: words{"如 收2021-2。", "Such as 收2021-2 or R2021-2."}},
			amountField("amount", "退回金额", "Amount"), dayField("occurred_on", "哪天退的", "Day it went back"),
			accountField("money_account", "从哪里退的", "Where it left"), narrationField(), papersField("bank_line"),
		},
	},
	{
		name: "deposit-return", method: "BooksService/RequestDepositReturn", roles: treasurer, title: words{"退还押金", "Give a deposit back"}, button: words{"提出申请", "Ask for it"},
		about: words{"全部或部分退还;要扣下一部分须有决议,并指明扣下的归哪项基金。", "Whole or in part; keeping some of it needs a resolution and names the fund that gets it."},
		fields: []*field{
			{path: "kind", label: words{"哪种押金", "Kind of deposit"}, kind: kindChoice, must: true, choices: accountsOf("deposit")},
			partyField("party", "退给谁", "Whose it is", true),
			{path: "amount", label: words{"退还金额", "Given back"}, kind: kindMoney},
			{path: "deducted", label: words{"扣留金额", "Kept"}, kind: kindMoney},
			fundField("fund", "扣下的归哪项基金", "Fund that gets what is kept", false),
			resolutionField(false, words{"扣留时要有。", "For keeping some of it."}, apiv1.Matter_MATTER_DEPOSIT), narrationField(), papersField("receipt"),
		},
	},
	{
		name: "move", method: "BooksService/MoveMoney", roles: treasurer, title: words{"提现、存现、转账", "Move money between accounts"},
		about: words{"钱还是集体的,只是换个地方放。", "The money stays the collective's and lies elsewhere."},
		fields: []*field{
			amountField("amount", "金额", "Amount"),
			{path: "from", label: words{"从哪里", "From"}, kind: kindChoice, must: true, choices: moneyAccounts},
			{path: "to", label: words{"到哪里", "To"}, kind: kindChoice, must: true, choices: moneyAccounts},
			dayField("occurred_on", "哪天", "Day"), narrationField(), papersField("bank_line"),
		},
	},
	{
		name: "transfer", method: "BooksService/RequestTransfer", roles: treasurer, title: words{"基金之间调剂", "Move money between funds"}, button: words{"提出申请", "Ask for it"},
		about: words{"要有章程规定的机构的决议;批准后再记账。", "With a resolution of the body the rules name; booked once it is approved."},
		fields: []*field{
			amountField("amount", "金额", "Amount"), fundField("from_fund", "从哪项基金", "From the fund", true), fundField("to_fund", "到哪项基金", "To the fund", true),
			resolutionField(true, words{}, apiv1.Matter_MATTER_TRANSFER), narrationField(),
		},
	},
	{
		name: "book-transfer", method: "BooksService/BookTransfer", roles: treasurer, title: words{"记已批准的调剂", "Book an approved transfer"},
		about:  words{"批准以后由会计记账。", "Booked by the treasurer once it is approved."},
		fields: []*field{requestField("transfer"), dayField("occurred_on", "哪天", "Day")},
	},
}
