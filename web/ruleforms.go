package web

import (
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// ruleForms are what an approver decides, and what bodies have decided.
var ruleForms = []*form{
	{
		name: "approve", method: "GovernanceService/ApproveRequest", roles: approver, title: words{"批准申请", "Approve a request"}, button: words{"批准", "Approve it"},
		about: words{"批准的是下面写的这一件,内容变了就不算数。", "The approval is bound to what stands below; it is void for anything else."},
		above: requestAbove("payment", "transfer", "correction", "deposit return"), fields: []*field{seenRequest(), seenDigest()},
	},
	{
		name: "reject", method: "GovernanceService/RejectRequest", roles: []apiv1.Role{apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR}, title: words{"驳回申请", "Reject a request"}, button: words{"驳回", "Reject it"},
		about: words{"驳回就办结了;要办得重新申请。", "It ends the request; for another try it is asked for anew."},
		above: requestAbove(), fields: []*field{seenRequest(), textField("reason", "理由(公开)", "Reason, in public", true, 200)},
	},
	{
		name: "resolution", method: "GovernanceService/RecordResolution", roles: approver, title: words{"记录决议", "Record a resolution"}, button: words{"记录", "Record it"},
		about: words{"照会议记录填写;是否通过由章程的规则算出。监督委员会核对确认以后才能用。", "As the minutes say; whether it passed follows from the charter. It serves once a supervisor has confirmed it."},
		fields: []*field{
			textField("title", "议题", "Title", true, 120), idField("resolution_id", "resolution", "编号", "Id"),
			{path: "body", label: words{"哪个机构", "Body"}, kind: kindChoice, must: true, choices: bodies}, dayField("decided_on", "哪天表决", "Day of the vote"),
			{path: "electorate", label: words{"应到", "Entitled"}, kind: kindNumber, must: true}, {path: "present", label: words{"实到", "Present"}, kind: kindNumber, must: true},
			{path: "votes_for", label: words{"赞成", "For"}, kind: kindNumber, must: true}, {path: "votes_against", label: words{"反对", "Against"}, kind: kindNumber, initial: nobody},
			{path: "abstained", label: words{"弃权", "Abstained"}, kind: kindNumber, initial: nobody},
			{path: "minutes_sha256", label: words{"会议记录", "Minutes"}, kind: kindDigest, must: true, help: words{"选照片或文件:这里只取它的指纹,原件请自己存好。", "A picture or file: only its digest is taken, keep the original."}},
			{path: "matter", label: words{"关于什么", "What it is about"}, kind: kindChoice, must: true, choices: matters},
			{path: "fund", label: words{"动用哪项基金", "Fund"}, kind: kindChoice, choices: funds, when: moneyMatters, help: words{"只有动钱的决议填。", "Only where money is spent or moved."}},
			{path: "authority", label: words{"授权金额", "Amount it authorises"}, kind: kindMoney, when: moneyMatters},
			{path: "purpose", label: words{"只用于", "The only purpose"}, kind: kindChoice, choices: purposes, when: moneyMatters},
			{path: "valid_from", rare: true, label: words{"从哪天起可用", "First day it may be used"}, kind: kindDay, when: moneyMatters},
			{path: "valid_until", rare: true, label: words{"到哪天为止", "Last day"}, kind: kindDay, when: moneyMatters},
		},
	},
	{
		name: "policy", method: "GovernanceService/AdoptPolicy", roles: approver, title: words{"通过分配办法", "Adopt an allocation policy"}, button: words{"通过", "Adopt it"},
		about: words{"从某天起,这些收入怎样分到各基金。各部分合计恰好是一。", "How income of these kinds is split among the funds from a day on. The parts come to exactly one."},
		fields: []*field{
			{path: "effective_on", label: words{"从哪天起", "First day"}, kind: kindDay, must: true, initial: today},
			{path: "income_kinds", label: words{"哪些收入", "Kinds of income"}, kind: kindNames, must: true, help: words{"如 rent interest,用空格分开。", "Such as rent interest, apart by spaces."}},
			{path: "shares", label: words{"各部分", "Parts"}, kind: kindRows, least: 4, must: true, add: words{"再加一部分", "Add a part"},
				help: words{"写 0.7、7/10 或 70% 的分数;最后一个可以写 rest,即其余。要把一部分再分,写名称和下级。", "Write 0.7 or 7/10; one may be rest. To divide a part again, give it a name and parts of its own."},
				fields: []*field{
					{path: "fund", label: words{"基金", "Fund"}, kind: kindChoice, choices: funds}, {path: "share", label: words{"多少", "Share"}, kind: kindShare, must: true, max: 40},
					{path: "name", rare: true, label: words{"小计名称(编号)", "Name of a subtotal (id)"}, max: 40},
					{path: "parts", rare: true, label: words{"小计再分成", "What the subtotal is divided into"}, kind: kindRows, add: words{"加一个下级", "Add a part of it"}, fields: []*field{
						fundField("fund", "基金", "Fund", true), {path: "share", label: words{"占小计多少", "Share of the subtotal"}, kind: kindShare, must: true, max: 40}}}}},
			{path: "rounding", rare: true, label: words{"零头给谁", "Odd fen"}, kind: kindChoice, choices: fixedChoices(
				named{"ROUNDING_LARGEST_FRACTION", "给小数最大的", "largest fraction"}, named{"ROUNDING_CARRY", "记着,下次补", "carried to the next"})},
			resolutionField(true, words{}, apiv1.Matter_MATTER_POLICY),
		},
	},
	{
		name: "spending-rule", method: "GovernanceService/AdoptSpendingRule", roles: approver, title: words{"通过支出办法", "Adopt a spending rule"}, button: words{"通过", "Adopt it"},
		about: words{"多大的支出要谁同意。新的整个代替旧的。", "Who has to agree to what. It replaces the one before as a whole."},
		fields: []*field{
			{path: "tiers", label: words{"档次", "Tiers"}, kind: kindRows, least: 1, must: true, add: words{"再加一档", "Add a tier"}, fields: []*field{
				{path: "operation", label: words{"什么事", "Operation"}, kind: kindChoice, must: true, choices: fixedChoices(
					named{"OPERATION_PAYMENT", "付款", "payment"}, named{"OPERATION_GRANT_ROUND", "救助、奖学", "grants"}, named{"OPERATION_DIVIDEND", "分红", "dividend"}, named{"OPERATION_TRANSFER", "调剂", "transfer"},
					named{"OPERATION_DEPOSIT_RETURN", "退还押金", "deposit return"}, named{"OPERATION_REVERSAL", "冲销", "reversal"}, named{"OPERATION_COST", "成本", "cost"})},
				{path: "fund", label: words{"哪项基金", "Fund"}, kind: kindChoice, choices: funds}, {path: "purpose", label: words{"哪种用途", "Purpose"}, kind: kindChoice, choices: purposes},
				{path: "from", label: words{"从多少起", "From"}, kind: kindMoney}, {path: "approvals", label: words{"要几人批准", "Approvals"}, kind: kindNumber},
				{path: "review", label: words{"要监督委员会先审核", "A supervisor reviews first"}, kind: kindCheck},
				{path: "resolution_body", label: words{"要哪个机构的决议", "Resolution of"}, kind: kindChoice, choices: bodies},
				{path: "emergency", rare: true, label: words{"应急档", "Emergencies only"}, kind: kindCheck}, {path: "cap", rare: true, label: words{"应急上限", "At most"}, kind: kindMoney},
				{path: "ratify_days", rare: true, label: words{"几天内追认", "Ratified within days"}, kind: kindNumber}}},
			{path: "request_days", rare: true, label: words{"申请几天不办就过期", "Days after which a request lapses"}, kind: kindNumber, help: words{"空着就不过期。", "Empty: never."}},
			resolutionField(true, words{}, apiv1.Matter_MATTER_SPENDING_RULE),
		},
	},
	{
		name: "fund-open", method: "GovernanceService/OpenFund", roles: approver, title: words{"设立基金", "Open a fund"}, button: words{"设立", "Open it"},
		about:  words{"按章程机构的决议增设;专项微基金只靠捐赠,不参与分配。", "By a resolution of the charter body. A restricted one lives on gifts and takes no part in splits."},
		fields: append(fundFields(&field{path: "fund.id", label: words{"编号", "Id"}, must: true, max: 40}), resolutionField(true, words{}, apiv1.Matter_MATTER_CHARTER)),
	},
	{
		name: "fund-change", method: "GovernanceService/ChangeFund", roles: approver, title: words{"变更基金", "Change a fund"}, button: words{"变更", "Change it"},
		about:  words{"名称和用途以后就是这样;按章程机构的决议。", "Its name and purposes from now on, by a resolution of the charter body."},
		fields: append(fundFields(&field{path: "fund.id", label: words{"哪项基金", "Which fund"}, kind: kindChoice, must: true, choices: funds}), resolutionField(true, words{}, apiv1.Matter_MATTER_CHARTER)),
	},
	{
		name: "body-change", method: "GovernanceService/ChangeBody", roles: approver, title: words{"变更议事机构", "Change a body"}, button: words{"变更", "Change it"},
		about: words{"人数和表决规则以后就是这样;按章程机构的决议。", "Its size and thresholds from now on, by a resolution of the charter body."},
		fields: []*field{
			{path: "body.id", label: words{"哪个机构", "Which body"}, kind: kindChoice, must: true, choices: bodies}, textField("body.name", "名称", "Name", true, 60),
			{path: "body.size", label: words{"人数", "Size"}, kind: kindNumber, must: true}, {path: "body.quorum", label: words{"到会至少", "Quorum"}, must: true, max: 40, help: words{"如 2/3。", "Such as 2/3."}},
			{path: "body.pass", label: words{"赞成至少", "Passing share"}, must: true, max: 40},
			{path: "body.pass_base", label: words{"按什么算", "Share of"}, kind: kindChoice, must: true, choices: fixedChoices(named{"VOTE_BASE_ALL", "全体", "all"}, named{"VOTE_BASE_PRESENT", "到会的", "those present"})},
			{path: "body.pass_strictly", label: words{"必须超过,刚好不算", "It has to be exceeded"}, kind: kindCheck}, resolutionField(true, words{}, apiv1.Matter_MATTER_CHARTER),
		},
	},
	{
		name: "witnesses", method: "GovernanceService/AdoptWitnessPolicy", roles: approver, title: words{"通过见证章程", "Adopt a witness policy"}, button: words{"通过", "Adopt it"},
		about: words{"每月的账要谁签名才算盖章;按章程机构的决议。", "Whose signatures seal a month, by a resolution of the charter body."},
		fields: []*field{
			{path: "groups", label: words{"见证组", "Groups"}, kind: kindRows, least: 1, must: true, add: words{"再加一组", "Add a group"}, fields: []*field{
				textField("name", "组名(编号)", "Name (id)", true, 40), {path: "threshold", label: words{"至少几人签", "Signatures needed"}, kind: kindNumber, must: true},
				{path: "witnesses", label: words{"见证人", "Witnesses"}, kind: kindRows, least: 1, must: true, add: words{"再加一人", "Add a witness"}, fields: []*field{
					textField("name", "代号", "Name", true, 60), textField("key", "公钥", "Key", true, 200)}}}},
			resolutionField(true, words{}, apiv1.Matter_MATTER_CHARTER),
		},
	},
}

func nobody(*filling) string { return "0" }

func fundFields(id *field) []*field {
	return []*field{id, textField("fund.name", "名称", "Name", true, 60),
		{path: "fund.purposes", label: words{"可以用于", "Purposes"}, kind: kindNames, help: words{"用途编号,用空格分开,如 relief scholarship;没有就不能付款。", "Ids apart by spaces, like relief scholarship; with none it pays nothing."}},
		{path: "fund.restricted", label: words{"专项微基金:只靠捐赠,不参与分配", "Restricted: lives on gifts, takes no part in splits"}, kind: kindCheck}}
}

// moneyMatters are the matters of resolutions that give authority over money.
const moneyMatters = "matter=MATTER_PAYMENT|MATTER_DIVIDEND|MATTER_TRANSFER|MATTER_INCOME|MATTER_DEPOSIT|MATTER_COST"

var matters = fixedChoices(
	named{"MATTER_PAYMENT", "付款、救助奖学", "payments and grants"}, named{"MATTER_DIVIDEND", "分红", "a dividend"}, named{"MATTER_TRANSFER", "基金之间调剂", "a transfer"},
	named{"MATTER_POLICY", "分配办法", "an allocation policy"}, named{"MATTER_SPENDING_RULE", "支出办法", "a spending rule"}, named{"MATTER_CHARTER", "章程、基金、机构、股份", "charter, funds, bodies, shares"},
	named{"MATTER_INCOME", "收入归一项基金", "income for one fund"}, named{"MATTER_DEPOSIT", "扣留押金", "keeping a deposit"}, named{"MATTER_HOLD", "黑名单暂缓", "holds for the black list"},
	named{"MATTER_COST", "成本支出", "costs"}, named{"MATTER_OTHER", "其他", "something else"})
