package web

import apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"

// registerForms keep who belongs to the collective and where its money lies.
var registerForms = []*form{
	{
		name: "money-account", method: "RegistryService/OpenMoneyAccount", roles: treasurer, title: words{"增设资金账户", "Add a money account"}, button: words{"增设", "Add it"},
		about: words{"银行户、库存现金、代管机构。名称公开,不写账号。", "A bank account, cash, a custodian. The name is public: no account number."},
		fields: []*field{
			textField("name", "名称", "Name", true, 60),
			{path: "kind", label: words{"种类", "Kind"}, kind: kindChoice, must: true, choices: fixedChoices(
				named{"MONEY_ACCOUNT_KIND_BANK", "银行", "bank"}, named{"MONEY_ACCOUNT_KIND_CASH", "现金", "cash"}, named{"MONEY_ACCOUNT_KIND_CUSTODIAN", "代管机构", "custodian"})},
			{path: "money_account", label: words{"编号", "Id"}, must: true, max: 40, help: words{"如 bank、cash。", "Such as bank or cash."}},
		},
	},
	{
		name: "enrol", method: "RegistryService/EnrolMembers", roles: treasurer, title: words{"成员入社", "Enrol members"}, button: words{"登记", "Enrol them"},
		about: words{"只登记号码,姓名另存在个人信息里。", "Numbers alone; names are kept apart as personal data."},
		fields: []*field{
			textField("group", "哪个组(编号)", "Group (id)", true, 40), dayField("joined_on", "哪天入社", "First day"),
			{path: "members+households", label: words{"成员号和户号", "Member and household"}, kind: kindTable, must: true,
				help:   words{"每行一人:成员号、空格、户号,如 3212 666。一次最多 4,000 行,可以整列粘贴。", "A line each: member, space, household, like 3212 666. At most 4,000 lines; columns can be pasted."},
				fields: []*field{{path: "members", kind: kindNumber}, {path: "households", kind: kindNumber}}},
		},
	},
	{
		name: "depart", method: "RegistryService/DepartMembers", roles: treasurer, title: words{"成员退出", "Members leave"}, button: words{"登记退出", "Record it"},
		about:  words{"从第二天起不再是成员;已经应得的仍然应得。", "From the day after they are no members; what is due to them stays due."},
		fields: []*field{dayField("left_on", "最后一天", "Last day"), membersField("members", "成员号", "Members", true)},
	},
	{
		name: "readmit", method: "RegistryService/ReadmitMembers", roles: treasurer, title: words{"撤销误记的退出", "Take a mistaken departure back"}, button: words{"撤销退出", "Take it back"},
		about:  words{"当作从来没有退出过。", "As if they had never left."},
		fields: []*field{membersField("members", "成员号", "Members", true)},
	},
	{
		name: "shares", method: "RegistryService/SetShares", roles: treasurer, title: words{"登记股份", "Set shares"}, button: words{"登记", "Set them"},
		about: words{"按章程机构的决议。", "By a resolution of the charter body."},
		fields: []*field{dayField("effective_on", "从哪天起", "First day"),
			{path: "members+shares", label: words{"成员号和股数", "Member and shares"}, kind: kindTable, must: true, help: words{"每行一人:成员号、空格、股数。", "A line each: member, space, shares."},
				fields: []*field{{path: "members", kind: kindNumber}, {path: "shares", kind: kindNumber}}},
			resolutionField(true, words{}, apiv1.Matter_MATTER_CHARTER)},
	},
	{
		name: "personal", method: "RegistryService/KeepPersonalData", roles: treasurer, private: true, title: words{"登记个人信息", "Keep personal data"}, button: words{"登记", "Keep it"},
		about: words{"与账簿分开保存,公开处只有掩码;依法可以删除。填一位成员,或一个个人代号。", "Kept apart from the books, masked in public, erasable by law. Of a member, or of a party by its code."},
		fields: []*field{
			{path: "member", label: words{"成员号", "Member"}, kind: kindNumber}, textField("party_id", "或个人代号", "Or code of a party", false, 40),
			{path: "round_id", label: words{"为哪一轮救助、奖学", "For the round"}, kind: kindChoice, choices: rounds()},
			textField("name", "姓名", "Name", false, 60), textField("id_no", "证件号", "Identity number", false, 24), textField("phone", "电话", "Phone", false, 30),
			textField("bank_account", "银行账号", "Bank account", false, 48), textField("address", "住址", "Address", false, 120), {path: "reason", label: words{"事由", "Reason"}, kind: kindLong, max: 400},
		},
	},
	{
		name: "erasure", method: "RegistryService/RequestErasure", roles: []apiv1.Role{apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_SUPERVISOR}, title: words{"申请限制或删除个人信息", "Ask for an erasure"}, button: words{"提出", "Ask for it"},
		about: words{"由另一个人批准后执行。", "Carried out when somebody else approves it."},
		fields: []*field{
			{path: "kind", label: words{"怎样处置", "What becomes of it"}, kind: kindChoice, must: true, choices: fixedChoices(named{"ERASURE_KIND_RESTRICT", "限制", "restrict"}, named{"ERASURE_KIND_ERASE", "删除", "erase"})},
			{path: "basis", label: words{"依据", "Ground"}, kind: kindChoice, must: true, choices: fixedChoices(
				named{"ERASURE_BASIS_PURPOSE_MET", "目的已实现", "its purpose is met"}, named{"ERASURE_BASIS_PERIOD_ENDED", "保存期限已满", "its period has ended"},
				named{"ERASURE_BASIS_CONSENT_WITHDRAWN", "撤回同意", "consent was withdrawn"}, named{"ERASURE_BASIS_UNLAWFUL", "违法处理", "it was unlawful"}, named{"ERASURE_BASIS_ORDER", "机关命令", "an order"})},
			{path: "record_ids", label: words{"哪些记录", "Records"}, kind: kindNames, must: true, help: words{"记录编号,用空格分开。", "Ids of the records, apart by spaces."}},
			{path: "fields", label: words{"只处置哪一项", "Only the field"}, kind: kindChoice, listed: true, help: words{"空着就是全部。", "Empty: all of them."}, choices: fixedChoices(
				named{"PERSONAL_FIELD_NAME", "姓名", "name"}, named{"PERSONAL_FIELD_ID_NO", "证件号", "identity number"}, named{"PERSONAL_FIELD_PHONE", "电话", "phone"},
				named{"PERSONAL_FIELD_BANK_ACCOUNT", "银行账号", "bank account"}, named{"PERSONAL_FIELD_ADDRESS", "住址", "address"}, named{"PERSONAL_FIELD_REASON", "事由", "reason"})},
		},
	},
	{
		name: "erasure-approve", method: "RegistryService/ApproveErasure", roles: []apiv1.Role{apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR}, title: words{"批准个人信息的处置", "Approve an erasure"}, button: words{"批准", "Approve it"},
		about:  words{"删除以后再也找不回来。", "What is erased is gone for good."},
		fields: []*field{{path: "erasure", label: words{"第几号处置", "Number of the erasure"}, kind: kindChoice, must: true, choices: openErasures}},
	},
	{
		name: "erasure-reject", method: "RegistryService/RejectErasure", roles: []apiv1.Role{apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR}, title: words{"驳回个人信息的处置", "Reject an erasure"}, button: words{"驳回", "Reject it"},
		about:  words{"信息照旧保存。", "The data stays."},
		fields: []*field{{path: "erasure", label: words{"第几号处置", "Number of the erasure"}, kind: kindChoice, must: true, choices: openErasures}},
	},
	{
		name: "hold", method: "GovernanceService/HoldPayee", roles: []apiv1.Role{apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR}, title: words{"暂缓发放", "Hold a payee"}, button: words{"暂缓", "Hold it"},
		about: words{"钱仍然是他的,只是暂时不付;不没收。", "What is due stays due and is not paid for now; nothing is forfeited."},
		fields: []*field{
			{path: "payee", label: words{"成员号或户号", "Member or household"}, kind: kindNumber, must: true}, {path: "household", label: words{"这是户号", "It is a household"}, kind: kindCheck},
			{path: "kind", label: words{"为什么", "Why"}, kind: kindChoice, must: true, choices: fixedChoices(
				named{"HOLD_KIND_NO_ACCOUNT", "没有账户", "no account"}, named{"HOLD_KIND_ESTATE", "继承未定", "estate"}, named{"HOLD_KIND_COURT", "法院", "court"}, named{"HOLD_KIND_BLACKLIST", "黑名单(要有决议)", "black list (by resolution)"})},
			{path: "benefit", label: words{"暂缓什么", "What is held"}, kind: kindChoice, choices: fixedChoices(
				named{"BENEFIT_ALL", "全部", "all"}, named{"BENEFIT_DIVIDEND", "分红", "dividends"}, named{"BENEFIT_GRANT", "救助、奖学", "grants"})},
			{path: "until", label: words{"到哪天为止", "Last day"}, kind: kindDay}, resolutionField(false, words{}, apiv1.Matter_MATTER_HOLD),
			textField("reason", "理由(公开,不写姓名)", "Reason, in public, without names", true, 200),
		},
	},
	{
		name: "release", method: "GovernanceService/ReleaseHold", roles: []apiv1.Role{apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR}, title: words{"解除暂缓", "Release a hold"}, button: words{"解除", "Release it"},
		about:  words{"解除以后就可以发放。", "Then it can be paid."},
		fields: []*field{{path: "hold", label: words{"第几号暂缓", "Number of the hold"}, kind: kindChoice, must: true, choices: activeHolds}},
	},
}
