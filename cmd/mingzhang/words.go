package main

import "google.golang.org/protobuf/reflect/protoreflect"

// Words for what the schema, which is in English, does not say in Chinese. A name without one here is shown in English: what
// is added to the API works at once and gets its word later.

func fieldWord(f protoreflect.FieldDescriptor, l language) string {
	if l == english {
		return ""
	}
	if word := chineseFields[string(f.Parent().Name()+"."+f.Name())]; word != "" {
		return word
	}
	return chineseFields[string(f.Name())]
}

// enumChinese is the word for an enum's value in tables; empty where there is none. On the command line and in JSON the value is as the
// schema has it.
func enumChinese(v protoreflect.EnumValueDescriptor) string { return chineseEnums[string(v.Name())] }

// valueChinese is the word for a value that is no enum and has one in tables.
func valueChinese(f protoreflect.FieldDescriptor, text string) string {
	switch {
	case f.Kind() == protoreflect.BoolKind:
		return "是"
	case f.FullName() == "mingzhang.api.v1.Inquiry.state":
		return map[string]string{"received": "待审阅", "published": "待答复", "declined": "不予公开", "answered": "已答复"}[text]
	case f.FullName() == "mingzhang.api.v1.Erasure.state":
		return map[string]string{"requested": "待批准", "approved": "已批准", "rejected": "已驳回"}[text]
	}
	return ""
}

var chineseEnums = map[string]string{
	"PERSONAL_FIELD_PERSON": "本人", "PERSONAL_FIELD_NAME": "姓名", "PERSONAL_FIELD_MASK": "掩码", "PERSONAL_FIELD_ID_NO": "身份证号",
	"PERSONAL_FIELD_PHONE": "电话", "PERSONAL_FIELD_BANK_ACCOUNT": "银行账号", "PERSONAL_FIELD_ADDRESS": "住址", "PERSONAL_FIELD_REASON": "事由",
	"ERASURE_KIND_RESTRICT": "限制", "ERASURE_KIND_ERASE": "删除",
	"ERASURE_BASIS_PURPOSE_MET": "目的已实现", "ERASURE_BASIS_PERIOD_ENDED": "保存期限已满", "ERASURE_BASIS_CONSENT_WITHDRAWN": "撤回同意",
	"ERASURE_BASIS_UNLAWFUL": "违法处理", "ERASURE_BASIS_ORDER": "机关命令",
	"PERSONAL_DATA_STATE_KEPT": "在册", "PERSONAL_DATA_STATE_RESTRICTED": "已限制", "PERSONAL_DATA_STATE_ERASED": "已注销",
	"PERSONAL_DATA_STATE_MISSING":   "缺失",
	"WITNESS_POLICY_STATE_IN_FORCE": "现行", "WITNESS_POLICY_STATE_PENDING": "待生效", "WITNESS_POLICY_STATE_REPLACED": "已替换",
	"INQUIRY_KIND_LINE": "质询", "INQUIRY_KIND_TOPIC": "点题公开",
	"DECLINE_REASON_PERSONAL_DATA": "涉及个人信息", "DECLINE_REASON_ABUSIVE": "辱骂或威胁", "DECLINE_REASON_NOT_OURS": "与集体的钱无关", "DECLINE_REASON_REPEATED": "重复提问",
	"INQUIRY_OUTCOME_EXPLAINED": "已说明", "INQUIRY_OUTCOME_CORRECTED": "已更正", "INQUIRY_OUTCOME_WILL_CORRECT": "将更正",
	"COUNTERPARTY_KIND_ORGANISATION": "单位", "COUNTERPARTY_KIND_MEMBER": "成员", "COUNTERPARTY_KIND_PARTY": "个人",
	"ROUND_KIND_DIVIDEND": "分红", "ROUND_KIND_GRANT": "救助奖学",
}

var chineseServices = map[string]string{
	"BooksService": "账务", "GovernanceService": "议事", "RegistryService": "登记", "AuditService": "审计", "DisclosureService": "公示", "DocumentsService": "原始凭证",
}

var chineseVerbs = map[string]string{
	"FoundCollective": "成立集体", "GrantRole": "授予角色", "RevokeRole": "收回角色", "RotateLogKey": "更换签名密钥", "RetireLogKey": "停用旧的签名密钥", "GetTile": "账簿的树的一块", "WatchHeads": "跟踪签名的根", "OpenMoneyAccount": "增设资金账户",
	"EnrolMembers": "成员入社", "DepartMembers": "成员退出", "CreateOperator": "增加操作员", "IssueKey": "发密钥", "RevokeKey": "作废密钥",
	"InviteOperator": "邀请操作员设密码或通行密钥", "SuspendOperator": "停用操作员", "ReinstateOperator": "恢复操作员", "ListAccessFacts": "登录和密钥的记录",
	"ListOperators": "列出操作员", "RecordResolution": "记录决议", "ConfirmResolution": "确认决议", "AdoptPolicy": "通过分配办法",
	"AdoptSpendingRule": "通过支出办法", "OpenFund": "设立基金", "ClosePeriod": "结账", "ConfirmOpening": "确认期初余额",
	"ReviewRequest": "审核申请", "ApproveRequest": "批准申请", "RejectRequest": "驳回申请", "DeclareDividend": "宣告分红",
	"ReviewGrantRound": "审核一轮救助或奖学", "AwardGrants": "公示期满后发放救助或奖学", "CancelGrant": "取消一人的救助或奖学",
	"RecordIncome": "记收入,按当日的办法分配", "ReceiveDeposit": "收押金", "ReceiveGift": "收捐赠", "MoveMoney": "资金账户之间划转(提现、存现)",
	"ProposeOpening": "提出期初余额", "RequestPayment": "申请付款", "RequestTransfer": "申请基金之间调剂", "RequestReversal": "申请冲销",
	"RequestCorrection": "申请更正", "RequestDividend": "申请分红", "WithdrawRequest": "撤回申请", "SettlePayment": "支付已批准的付款",
	"BookTransfer": "记已批准的调剂", "BookCorrection": "记已批准的冲销或更正", "OpenGrantRound": "开启一轮救助或奖学", "AddApplicants": "增加申请人",
	"PublishGrantNotice": "公示一轮救助或奖学", "PayGrant": "发给一位成员", "SendDividendFile": "向银行发出分红文件",
	"RecordDividendResults": "记银行发放结果", "Apply": "办理一批命令", "Preview": "预览一个命令", "PreviewApply": "预览一批命令",
	"ListVouchers": "列出凭证", "GetVoucher": "查看凭证", "GetBalances": "各科目余额", "GetTrialBalance": "试算平衡表", "ListRequests": "列出申请",
	"ListGrantRounds": "列出救助和奖学", "ListDividends": "列出分红", "ListEntitlements": "列出各人分红", "GetHead": "账簿的签名根",
	"ProveInclusion": "证明一笔记录在账簿里", "ProveConsistency": "证明账簿仍包含从前的全部记录",
	"VerifyLog": "重新核验账簿", "ReadLog": "读出账簿原文", "ListCollectives": "列出集体", "GetCollective": "集体的章程和状况",
	"GetFundStatement": "收支表", "ListPolicies": "列出分配办法", "GetSpendingRule": "支出办法", "ListResolutions": "列出决议",
	"ListReceiptsAndPayments": "收支明细", "GetBoard": "公示栏首页", "ListPeriods": "列出公示期间", "GetLine": "一笔收支的来龙去脉", "ListRounds": "列出救助、奖学和分红(公开)", "GetVersion": "服务器版本",
	"RecordRefund": "记退款", "RecordFee": "记银行手续费", "RecordReturnedIncome": "记退票(银行退回的收入)", "CollectReceivable": "收回应收款",
	"RecordReturnedDividend": "记银行退回的分红", "RecordReturnedGrant": "记银行退回的救助或奖学", "RequestDepositReturn": "申请退还押金",
	"AgreeGift": "登记定向捐赠", "ChangeGiftPurpose": "变更定向捐赠的用途", "RemoveApplicants": "去掉申请人", "BookTrueUp": "年终清算",
	"RatifyFlag": "追认", "ExpireRequest": "了结过期的申请", "CancelGrantRound": "撤销一轮救助或奖学", "RaiseObjection": "记异议",
	"AnswerObjection": "答复异议", "HoldPayee": "暂缓发放", "ReleaseHold": "解除暂缓", "ReviewPeriod": "监督审查一个月", "ChangeBody": "变更机构",
	"ChangeFund": "变更基金", "SetShares": "登记股份", "ReadmitMembers": "撤销误记的退出", "Explain": "溯源", "ListChanges": "两个时点之间的变动",
	"ListRoles": "岗位", "ListEvents": "操作日志", "ListAnomalies": "疑点", "ListTasks": "待办", "CompareOpening": "比对期初余额", "ListHolds": "列出暂缓发放", "ListShares": "列出股份",
	"ListGiftAgreements": "列出定向捐赠的约定", "Watch": "跟踪账簿", "ListTrueUps": "列出年终清算", "ListPeriodReviews": "列出监督审查",
	"ListFlags": "列出待追认的提示", "ListGifts": "列出定向捐赠", "Upload": "保存原始凭证", "Download": "取出原始凭证", "ListGarbage": "列出无凭证引用的文件",
	"PublishEdition": "公示一期", "ListEditions": "列出各期公示", "GetEdition": "一期公示的文本", "DiscloseRound": "公布一轮明细的合计树", "ProveLine": "证明一人的一行明细",
	"AdoptWitnessPolicy": "通过见证章程", "ListSeals": "列出五瓣章(各月的见证)", "GetSeal": "一个月的签名根和见证签名", "GetWitnessPolicy": "见证章程",
	"ListForks": "列出账簿分叉的证据", "SubmitCosignature": "交见证签名", "ReportFork": "举报账簿分叉",
	"KeepPersonalData": "登记个人信息", "ListPersonalData": "列出个人信息(掩码)", "OpenPersonalField": "查看一项个人信息并取得证明",
	"RequestErasure": "申请限制或删除个人信息", "ApproveErasure": "批准限制或删除个人信息", "RejectErasure": "驳回限制或删除个人信息", "ListErasures": "列出个人信息的处置",
	"RaiseInquiry": "提出质询或点题公开(不用密钥)", "ListInquiries": "列出质询、期限和答复", "ReadInquiry": "审阅质询的原文", "PublishInquiry": "公开质询",
	"DeclineInquiry": "不予公开质询", "AnswerInquiry": "答复质询",
}

// chineseFields are words for names of fields, of all messages or, with the message and a point before, of that one.
var chineseFields = map[string]string{
	"Seal.size": "笔数", "Seal.policy_version": "见证章程", "ListSealsResponse.policy_version": "现行见证章程", "SealGroup.signed": "已签", "GetSealRequest.size": "笔数",
	"WitnessPolicy.policy_version": "第几版", "WitnessPolicy.text": "章程原文", "GetWitnessPolicyResponse.policies": "各版见证章程",
	"GetSealResponse.request": "请见证人签名用的文字", "GetSealResponse.seal": "五瓣章", "SubmitCosignatureResponse.seal": "五瓣章", "added": "新收到的签名",
	"Witness.key": "公钥", "GetHeadResponse.size": "笔数", "PersonalRecord.fields": "各项", "Erasure.basis": "依据", "Erasure.fields": "各项",
	"OpenPersonalFieldResponse.value": "内容",
	"inquiry":                         "质询", "inquiries": "质询", "wording": "公开文字", "reworded": "已改写", "due_on": "答复期限", "overdue": "已逾期", "days_left": "剩余天数", "received_on": "收到日期",
	"read_on": "公开或不予公开的日期", "decline_reason": "不予公开的理由", "same_as": "同第几号", "answers": "答复", "outcome": "结果", "InquiryAnswer.corrected_by": "更正凭证", "AnswerInquiryRequest.corrected_by": "更正凭证",
	"answered_on": "答复日期", "answered_at": "答复时间", "asked_by": "提出人", "commitment": "承诺", "inquiry_due_on": "答复期限", "inquiry_opening": "质询凭据", "salt": "盐", "counts": "件数",
	"ReadInquiryResponse.text": "原文", "InquiryOpening.text": "原文", "InquiryAnswer.text": "答复", "InquiryCounts.received": "待审阅", "InquiryCounts.published": "待答复", "answered": "已答复", "InquiryCounts.declined": "不予公开",
	"InquiryCounts.total": "共", "DeclineInquiryRequest.reason": "理由", "ListInquiriesRequest.open": "只看未了结的", "day": "按这一天",
	"groups": "见证组", "witnesses": "见证人", "threshold": "需要签名", "sealed": "已盖章", "missing": "未签", "closed_at": "结账时间", "seals": "五瓣章",
	"committee_only": "只有委员会", "adopted_version": "见于第几笔", "in_force": "现行", "forks": "分叉", "first": "其一", "second": "其二", "old_size": "记得的笔数",
	"id_no": "证件号", "phone": "电话", "bank_account": "银行账号", "address": "住址", "mask": "掩码", "masked": "掩码", "party_id": "当事人", "record_id": "记录",
	"record_ids": "记录", "erasure": "处置", "carried_out": "已执行", "decided_by": "决定人", "decided_at": "决定时间",
	"has_password": "有密码", "passkeys": "通行密钥", "identities": "统一身份", "sessions": "登录中", "suspended": "已停用", "invited_until": "邀请有效到", "secret": "邀请码",
	"link": "链接", "AccessFact.type": "事项", "AccessFact.method": "登录方式", "facts": "记录",
	"AccessFact.name": "名称",
	"id":              "编号", "number": "号码", "name": "名称", "title": "标题", "kind": "种类", "class": "类别", "state": "状态", "version": "第几笔",
	"amount": "金额", "balance": "余额", "opening": "期初", "closing": "期末", "debit": "借方", "credit": "贷方", "received": "收入", "spent": "支出",
	"total": "合计", "paid": "已付", "owed": "未付", "budget": "预算", "pool": "总额", "rate": "每份", "remainder": "结余", "declared": "宣告金额",
	"authority": "授权金额", "reserved": "已占用", "drawn": "已支用", "remaining": "尚余", "debit_total": "借方合计", "credit_total": "贷方合计",
	"occurred_on": "日期", "decided_on": "决议日期", "effective_on": "生效日期", "joined_on": "入社日期", "left_on": "退出日期",
	"record_date": "登记日", "declared_on": "宣告日期", "recorded_at": "记账时间", "requested_at": "申请时间", "adopted_at": "通过时间",
	"notice_from": "公示开始", "notice_to": "公示结束", "first_day": "首日", "first_open_day": "可记账首日", "closed_through": "已结账到",
	"from": "从", "to": "到", "as_of": "截至日期", "as_known_at": "当时所知", "month": "月份", "expires_at": "有效期到",
	"narration": "摘要", "reason": "理由", "account": "科目", "money_account": "资金账户", "money_accounts": "资金账户", "money": "资金",
	"fund": "基金", "funds": "基金", "from_fund": "从基金", "to_fund": "到基金", "purpose": "用途", "purposes": "用途", "restricted": "限定",
	"notes": "每笔另注", "counterparty": "对方", "counterparty_kind": "对方是", "papers": "凭证张数", "papers_with_file": "有影像", "payer": "付款人", "payee": "收款人", "payees": "收款人", "donor": "捐赠人", "party": "对方", "member": "成员", "members": "成员",
	"households": "户", "group": "组", "operator": "操作员", "operators": "操作员", "display_name": "名称", "admin": "管理员", "key_ids": "密钥编号",
	"key_id": "密钥编号", "role": "角色", "actor": "经手", "body": "机构", "bodies": "机构", "size": "规模", "issuer": "开具方", "cited": "引用金额", "sha256": "文件摘要值", "media_type": "文件类型", "pass_base": "计票基数", "pass_strictly": "须超过通过线", "quorum": "法定人数", "pass": "通过线",
	"electorate": "应到", "present": "实到", "votes_for": "赞成", "votes_against": "反对", "abstained": "弃权", "passed": "通过", "confirmed": "已确认",
	"matter": "事项", "resolution_id": "决议", "resolution_body": "决议机构", "resolutions": "决议", "minutes_sha256": "记录摘要值",
	"operation": "操作", "approvals": "批准人数", "approvals_needed": "需批准", "approved_by": "批准人", "review": "须审核", "review_needed": "须审核",
	"reviewed_by": "审核人", "requested_by": "申请人", "request_number": "申请号", "requests": "申请", "tiers": "档次", "rule_version": "办法版本",
	"shares": "份额", "share": "份额", "income_kinds": "收入种类", "income_kind": "收入种类", "rounding": "尾差", "policies": "分配办法",
	"vouchers": "凭证", "voucher": "凭证", "postings": "分录", "documents": "原始凭证", "lines": "明细", "reverses": "冲销", "corrects": "更正",
	"reversed_by": "被冲销", "rounds": "轮次", "round_id": "轮次", "applicants": "申请人", "run_id": "分红", "runs": "分红", "basis": "按什么分",
	"method": "方法", "file": "文件", "files": "文件", "failed": "未付成", "entitlements": "应得", "collectives": "集体", "currency": "币种",
	"time_zone": "时区", "public_log": "账簿公开", "simulated_clock": "模拟时钟", "log_origin": "账簿来源", "balances": "余额", "expected_version": "应在第几笔",
	"simulated_at": "模拟时间", "digest": "摘要值", "descending": "新的在前", "right_amount": "应有金额", "difference_of": "差额所属", "replacements": "更正后的凭证",
	"grant_round_id": "救助奖学轮次", "dividend_run_id": "分红", "paid_count": "已付人数", "root": "根", "events": "笔数", "store": "存储", "note": "签名文", "verifier_key": "验证公钥",
	"retention": "保管期限", "refunds": "退款所属", "returns": "退票所属", "policy_version": "分配办法版本", "true_up_year": "清算年度", "flags": "提示",
	"flag": "提示", "ratify_by": "追认期限", "ratified_by": "追认决议", "reviews": "审查意见", "verdict": "结论", "remark": "意见", "objection": "异议",
	"objections": "异议", "hold": "暂缓", "holds": "暂缓", "gift_id": "定向捐赠", "gifts": "定向捐赠", "cost": "由当年收入承担", "emergency": "应急",
	"cover": "不足时", "transfers": "同时调剂", "inflow": "收入", "outflow": "支出", "supplements": "补发所属", "only": "只发给", "payment": "付款凭证",
	"deducted": "扣留", "consent": "同意书", "year": "年度", "valid_from": "生效日", "valid_until": "失效日", "parts": "组成", "part_of": "所属小计",
	"cap": "上限", "ratify_days": "追认天数", "request_days": "申请有效天数", "text": "文字", "upheld": "成立", "household": "户", "benefit": "待遇",
	"until": "到期日", "items": "逐项意见", "expires_on": "到期日", "raised_by": "提出人", "raised_at": "提出时间", "answered_by": "答复人",
	"amount_from": "金额不低于", "amount_to": "金额不高于", "corrections": "只看更正", "references": "依据", "figures": "数字", "steps": "步骤",
	"old": "原", "new": "现", "difference": "相差", "old_state": "原状态", "new_state": "现状态", "days_late": "迟记天数", "past": "含已卸任",
	"roles": "岗位", "granted_by": "授予人", "revoked_by": "收回人", "type": "类型", "gross": "收入总额", "final": "应得", "adjusted": "调整",
	"pending": "挂账", "months": "月份", "signed": "同意", "refused": "不同意", "remarked": "有意见", "reviewed_at": "审查时间", "left": "余额",
	"document": "文件", "file_name": "文件名", "received_at": "收到时间", "older_than_days": "早于天数", "before": "原", "after": "现",
	"generation": "代", "level": "层", "entries": "事件本身", "n": "序号", "width": "个数", "data": "数据", "after_size": "在多少笔以后", "proof": "证明", "proof_missing": "没有证明的原因",
	"edition": "公示", "editions": "各期公示", "corrected_by": "被更正", "pin": "印记", "content_sha256": "文本摘要值", "figures_version": "数字到第几笔",
	"published_version": "公示在第几笔", "disclosed_at": "公布在第几笔", "sum_root": "合计树的根",
	"anomalies": "疑点", "Anomaly.day": "日期", "Task.due_on": "期限", "TaskCount.kind": "种类", "AnomalyRule.count": "个数", "TaskCount.count": "个数", "sentence_zh": "说明", "summary_zh": "办了什么",
	"voucher_count": "凭证张数", "rule": "规则", "rules": "规则", "tasks": "待办", "subject": "对象", "since": "自", "since_version": "自第几笔", "all": "全部的",
	"dividend": "分红", "held_by": "暂缓人", "held_at": "暂缓时间", "released_at": "解除时间",
}
