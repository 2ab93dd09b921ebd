package ledger

import (
	"fmt"
	"strings"
)

// Refusal says that a rule does not allow a command. Nothing was stored. It is an answer, not a failure: the reason is
// stable, the figures are those of the rule, and the sentence is for a treasurer.
type Refusal struct {
	Reason  Reason
	Figures []Figure // in the order of the sentence
	Field   string   // field of the command that is wrong; empty when no single one is
}

// Figure is one named figure of a refusal; amounts are in yuan, days are YYYY-MM-DD.
type Figure struct{ Name, Value string }

func refuse(r Reason) *Refusal { return &Refusal{Reason: r} }

func (r *Refusal) with(name string, value any) *Refusal {
	r.Figures = append(r.Figures, Figure{name, fmt.Sprint(value)})
	return r
}

// because adds what is wrong, in both languages: the figures problem and problem_zh.
func (r *Refusal) because(english, chinese string) *Refusal {
	return r.with("problem", english).with("problem_zh", chinese)
}

func (r *Refusal) at(field string) *Refusal {
	r.Field = field
	return r
}

// Error is the reason and the English sentence.
func (r *Refusal) Error() string { return string(r.Reason) + ": " + r.English() }

// Figure gives the value of a named figure, empty when there is none.
func (r *Refusal) Figure(name string) string {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// English is one sentence for people, and a second one when there are ways out: the figure ways.
func (r *Refusal) English() string {
	s := r.Fill(Reasons[r.Reason].English)
	if r.Figure("ways") != "" {
		s += " It can be booked on a later day, with transfers that cover it, or with cover pending."
	}
	return s
}

// Chinese is the same in Chinese.
func (r *Refusal) Chinese() string {
	s := r.FillChinese(Reasons[r.Reason].Chinese)
	if r.Figure("ways") != "" {
		s += "可以改到以后的日期,或同时调剂资金,或挂账待扣。"
	}
	return s
}

// Fill puts the figures and the field in the place of their names in braces.
func (r *Refusal) Fill(sentence string) string {
	pairs := make([]string, 0, 2*len(r.Figures)+2)
	for _, f := range r.Figures {
		pairs = append(pairs, "{"+f.Name+"}", f.Value)
	}
	return strings.NewReplacer(append(pairs, "{field}", r.Field)...).Replace(sentence)
}

// FillChinese is Fill with problem_zh for {problem}, where there is one.
func (r *Refusal) FillChinese(sentence string) string {
	if problem := r.Figure("problem_zh"); problem != "" {
		sentence = strings.ReplaceAll(sentence, "{problem}", problem)
	}
	return r.Fill(sentence)
}

// Reason is a stable code of a refusal.
type Reason string

// Category groups reasons by what the caller can do; the API turns it into a code.
type Category int

// The categories.
const (
	Invalid      Category = iota + 1 // the command is not well formed: write it differently
	Missing                          // it names something that does not exist
	Duplicate                        // it was done before, with other content
	Precondition                     // a rule of the books stands against it now
	Denied                           // the operator's role does not allow it
	Stale                            // the collective went on meanwhile: read again
)

// ReasonInfo is what is known of a reason. A sentence names its figures in braces.
type ReasonInfo struct {
	Category         Category
	Chinese, English string
}

// The reasons. docs/refusals.md is made from this table.
const (
	AmountInvalid         Reason = "amount_invalid"
	AmountNotPositive     Reason = "amount_not_positive"
	AmountTooLarge        Reason = "amount_too_large"
	DateInvalid           Reason = "date_invalid"
	MonthInvalid          Reason = "month_invalid"
	TextInvalid           Reason = "text_invalid"
	IDInvalid             Reason = "id_invalid"
	CollectiveIDInvalid   Reason = "collective_id_invalid"
	VoucherNumberInvalid  Reason = "voucher_number_invalid"
	PartyInvalid          Reason = "party_invalid"
	FieldInvalid          Reason = "field_invalid"
	LogKeyGeneration      Reason = "log_key_generation"
	LogKeyOther           Reason = "log_key_other"
	ShareInvalid          Reason = "share_invalid"
	SharesNotOne          Reason = "shares_not_one"
	RepeatedEntry         Reason = "repeated_entry"
	Unbalanced            Reason = "unbalanced"
	TooMany               Reason = "too_many"
	CommandIDReused       Reason = "command_id_reused"
	VersionStale          Reason = "version_stale"
	RoleMissing           Reason = "role_missing"
	DutiesConflict        Reason = "duties_conflict"
	OwnRequest            Reason = "own_request"
	ClockBehind           Reason = "clock_behind"
	ClockApart            Reason = "clock_apart"
	ClockNotSimulated     Reason = "clock_not_simulated"
	CollectiveUnknown     Reason = "collective_unknown"
	CollectiveExists      Reason = "collective_exists"
	AlreadyExists         Reason = "already_exists"
	FundUnknown           Reason = "fund_unknown"
	FundRestricted        Reason = "fund_restricted"
	PurposeUnknown        Reason = "purpose_unknown"
	PurposeNotAllowed     Reason = "purpose_not_allowed"
	MoneyAccountUnknown   Reason = "money_account_unknown"
	AccountUnknown        Reason = "account_unknown"
	BodyUnknown           Reason = "body_unknown"
	RoleNotHeld           Reason = "role_not_held"
	MemberUnknown         Reason = "member_unknown"
	MemberExists          Reason = "member_exists"
	DocumentDuplicate     Reason = "duplicate_document"
	DateInFuture          Reason = "date_in_future"
	DateBeforeFirst       Reason = "date_before_first_day"
	DateBeforeOriginal    Reason = "date_before_original"
	PeriodClosed          Reason = "period_closed"
	PeriodOutOfOrder      Reason = "period_out_of_order"
	PeriodNotOver         Reason = "period_not_over"
	PeriodCorrection      Reason = "period_correction_open"
	PolicyMissing         Reason = "policy_missing"
	PolicyOverlapsSplit   Reason = "policy_overlaps_split"
	SpendingRuleMissing   Reason = "spending_rule_missing"
	TierMissing           Reason = "tier_missing"
	ElectorateWrong       Reason = "electorate_wrong"
	VotesWrong            Reason = "votes_wrong"
	ResolutionNeeded      Reason = "resolution_needed"
	ResolutionUnknown     Reason = "resolution_unknown"
	ResolutionExists      Reason = "resolution_exists"
	ResolutionNotPassed   Reason = "resolution_not_passed"
	ResolutionUnconfirmed Reason = "resolution_unconfirmed"
	ResolutionOther       Reason = "resolution_other_matter"
	ResolutionExhausted   Reason = "resolution_exhausted"
	FundOverdrawn         Reason = "fund_overdrawn"
	AccountOverdrawn      Reason = "account_overdrawn"
	RequestUnknown        Reason = "request_unknown"
	RequestClosed         Reason = "request_closed"
	RequestOtherKind      Reason = "request_other_kind"
	RequestChanged        Reason = "request_changed"
	RequestOfOther        Reason = "request_of_other"
	ReviewNeeded          Reason = "review_needed"
	ReviewNotNeeded       Reason = "review_not_needed"
	ApprovalNeeded        Reason = "approval_needed"
	AlreadyDone           Reason = "already_done"
	RecordUnknown         Reason = "record_unknown"
	ErasureUnknown        Reason = "erasure_unknown"
	RetentionRunning      Reason = "retention_running"
	PersonalDataNeeded    Reason = "personal_data_needed"
	VoucherUnknown        Reason = "voucher_unknown"
	VoucherReversed       Reason = "voucher_reversed"
	VoucherIsReversal     Reason = "voucher_is_reversal"
	VoucherNotReversible  Reason = "voucher_not_reversible"
	CorrectionEmpty       Reason = "correction_empty"
	RoundUnknown          Reason = "round_unknown"
	RoundState            Reason = "round_state"
	RoundEmpty            Reason = "round_empty"
	BudgetExceeded        Reason = "budget_exceeded"
	NoticeRunning         Reason = "notice_running"
	NoticeInvalid         Reason = "notice_invalid"
	GrantNotOwed          Reason = "grant_not_owed"
	RunUnknown            Reason = "run_unknown"
	RunExists             Reason = "run_exists"
	RosterEmpty           Reason = "roster_empty"
	PoolTooSmall          Reason = "pool_too_small"
	PayeeNotOwed          Reason = "payee_not_owed"
	PayeeNotInFile        Reason = "payee_not_in_file"
	RosterChanged         Reason = "roster_changed"
	NothingOwed           Reason = "nothing_owed"
	FileUnknown           Reason = "file_unknown"
	FileSettled           Reason = "file_settled"
	SharesDeclared        Reason = "shares_declared"
	PayeeUnknown          Reason = "payee_unknown"
	PayeeHasShare         Reason = "payee_has_share"
	SupplementPool        Reason = "supplement_pool"
	PayeeNotPaid          Reason = "payee_not_paid"
	PayeesHeld            Reason = "payees_held"
	HoldNotAllowed        Reason = "hold_not_allowed"
	HoldUnknown           Reason = "hold_unknown"
	OpeningLate           Reason = "opening_late"
	OpeningMissing        Reason = "opening_missing"
	TrueUpEmpty           Reason = "true_up_empty"
	CostExceedsIncome     Reason = "cost_exceeds_income"
	ResolutionLapsed      Reason = "resolution_lapsed"
	EmergencyCap          Reason = "emergency_cap"
	FlagUnknown           Reason = "flag_unknown"
	RefundExceeds         Reason = "refund_exceeds"
	RequestExpired        Reason = "request_expired"
	RequestRunning        Reason = "request_running"
	GiftUnknown           Reason = "gift_unknown"
	ApplicantUnknown      Reason = "applicant_unknown"
	ObjectionUnknown      Reason = "objection_unknown"
	ObjectionOpen         Reason = "objection_open"
	NoticeOver            Reason = "notice_over"
	GrantNotPaid          Reason = "grant_not_paid"
	PeriodNotClosed       Reason = "period_not_closed"
	StatementChanged      Reason = "statement_changed"
	VoucherOtherMonth     Reason = "voucher_other_month"
	RetentionTooShort     Reason = "retention_too_short"

	EditionUnknown    Reason = "edition_unknown"
	EditionExists     Reason = "edition_exists"
	EditionReplaced   Reason = "edition_replaced"
	EditionOtherDays  Reason = "edition_other_days"
	LinesChanged      Reason = "lines_changed"
	ThresholdInvalid  Reason = "threshold_invalid"
	WitnessKeyInvalid Reason = "witness_key_invalid"

	InquiryUnknown   Reason = "inquiry_unknown"
	InquiryUnread    Reason = "inquiry_unread"
	InquiriesWaiting Reason = "inquiries_waiting"
)

// Reasons describes every reason.
var Reasons = map[Reason]ReasonInfo{
	AmountInvalid:        {Invalid, "金额“{amount}”写法不对:应为元,恰好两位小数,如 98000.00。", "The amount \"{amount}\" is not written as yuan with exactly two decimals, e.g. 98000.00."},
	AmountNotPositive:    {Invalid, "金额 {amount} 必须大于零。", "The amount {amount} must be above zero."},
	AmountTooLarge:       {Invalid, "金额 {amount} 超过上限 {max} 元。", "The amount {amount} is above the limit of {max} yuan."},
	DateInvalid:          {Invalid, "日期“{date}”不存在或写法不对,应如 2021-07-20。", "\"{date}\" is not a date that exists, written like 2021-07-20."},
	MonthInvalid:         {Invalid, "月份“{month}”写法不对,应如 2021-07。", "\"{month}\" is not a month written like 2021-07."},
	CollectiveIDInvalid:  {Invalid, "集体编号“{id}”只能用小写字母、数字和连字符,3 至 40 个字符,首尾为字母或数字。", "The collective's id \"{id}\" may only have 3 to 40 lower-case letters, digits and hyphens, and begins and ends with a letter or digit."},
	TextInvalid:          {Invalid, "{field} 的文字不合要求:{problem}。", "The text of {field} is not allowed: {problem}."},
	IDInvalid:            {Invalid, "编号“{id}”只能用小写字母、数字、连字符和下划线,2 至 40 个字符,首尾为字母或数字。", "The id \"{id}\" may only have 2 to 40 lower-case letters, digits, hyphens and underscores, and begins and ends with a letter or digit."},
	VoucherNumberInvalid: {Invalid, "凭证号“{voucher}”写法不对,应如 付2021-19 或 P2021-19。", "\"{voucher}\" is not a voucher number like 付2021-19 or P2021-19."},
	PartyInvalid:         {Invalid, "往来方“{party}”写法不对:应为 org/公开名称、member/编号 或 party/代号。", "The party \"{party}\" is not written as org/<public name>, member/<number> or party/<opaque id>."},
	LogKeyGeneration:     {Precondition, "现在用的是第 {current} 代公钥,下一代不是 {generation}。", "The key of generation {current} signs now: {generation} is not the next one."},
	LogKeyOther:          {Precondition, "账簿上现在用的公钥是 {key};签名用的是另一把,请查明原因。", "By the log the key {key} signs now, and what signs has another one: find out why."},
	FieldInvalid:         {Invalid, "{field} 不合要求:{problem}。", "{field} is not valid: {problem}."},
	ShareInvalid:         {Invalid, "份额“{share}”写法不对:应为小数、分数或一次 rest。", "The share \"{share}\" is not a decimal or fraction up to one, or rest once."},
	SharesNotOne:         {Invalid, "各份额合计 {sum},必须恰好等于 1。", "The shares sum to {sum} and must sum to exactly 1."},
	RepeatedEntry:        {Invalid, "“{entry}”重复列出。", "\"{entry}\" is listed twice."},
	Unbalanced:           {Invalid, "期初余额不平:借方 {debit},贷方 {credit},相差 {difference}。可疑的行:{suspects}。", "The opening balances do not balance: debit {debit}, credit {credit}, difference {difference}. Lines that would explain it: {suspects}."},
	TooMany:              {Invalid, "{what}最多 {max},这里有 {count}。", "At most {max} {what} are possible, here are {count}."},

	CommandIDReused: {Duplicate, "命令编号 {command_id} 已在第 {version} 笔用于别的内容。", "The command id {command_id} was used for other content at version {version}."},
	VersionStale:    {Stale, "账簿已到第 {actual} 笔,不是所称的第 {expected} 笔,请重新查看。", "The books are at version {actual}, not {expected}: read again."},

	RoleMissing:       {Denied, "操作员 {operator} 没有办理此事的角色(需要:{roles})。", "The operator {operator} has no role that may do this (needed: {roles})."},
	DutiesConflict:    {Denied, "操作员 {operator} 已是 {held},不得兼任 {role}。", "The operator {operator} is {held} and may not be {role} as well."},
	OwnRequest:        {Denied, "同一件事的经手、审核、审批不能是同一个人。", "Nobody handles, reviews and approves the same matter: these are different people."},
	ClockBehind:       {Precondition, "服务器时间 {now} 比最后一笔的时间 {last} 早 10 分钟以上,请先校准时间。", "The clock says {now}, more than 10 minutes before the last record at {last}: set the clock first."},
	ClockApart:        {Precondition, "服务器时间 {now} 与账簿所在服务器的时间 {store} 相差 5 分钟以上,请先校准时间。", "The clock says {now}, that of the store {store}: more than 5 minutes apart. Set the clock first."},
	ClockNotSimulated: {Invalid, "只有演示账簿才能指定办理时间。", "Only a collective with a simulated clock takes a time with its commands."},
	RoleNotHeld:       {Precondition, "操作员 {operator} 没有角色 {role}。", "The operator {operator} does not hold the role {role}."},

	CollectiveUnknown:   {Missing, "没有名为 {collective} 的集体。", "There is no collective {collective}."},
	CollectiveExists:    {Duplicate, "集体 {collective} 已经成立。", "The collective {collective} is founded already."},
	AlreadyExists:       {Duplicate, "“{id}”已经存在。", "\"{id}\" exists already."},
	FundUnknown:         {Missing, "没有基金 {fund}。", "There is no fund {fund}."},
	FundRestricted:      {Precondition, "{fund} 是专项微基金,不参与分配。", "The fund {fund} is restricted and takes no part in this."},
	PurposeUnknown:      {Missing, "没有一项基金有用途 {purpose}。", "No fund has the purpose {purpose}."},
	PurposeNotAllowed:   {Precondition, "{fund} 不能用于 {purpose},只可用于:{allowed}。", "The fund {fund} may not be used for {purpose}, only for: {allowed}."},
	MoneyAccountUnknown: {Missing, "没有资金账户 {money_account}。", "There is no money account {money_account}."},
	AccountUnknown:      {Missing, "没有科目 {account}。", "There is no account {account}."},
	BodyUnknown:         {Missing, "章程里没有机构 {body}。", "The charter has no body {body}."},
	MemberUnknown:       {Missing, "{day} 没有编号为 {member} 的成员。", "There is no member {member} on {day}."},
	MemberExists:        {Duplicate, "编号 {member} 已经登记。", "The member {member} is enrolled already."},

	DocumentDuplicate:  {Duplicate, "单据 {document} 已被凭证引用 {cited} 元,票面 {total} 元,不能再引用 {amount} 元。", "The document {document} over {total} is cited with {cited} already and cannot be cited with {amount} more."},
	DateInFuture:       {Precondition, "日期 {date} 晚于今天 {today}。", "The day {date} is after today, {today}."},
	DateBeforeFirst:    {Precondition, "日期 {date} 早于账簿首日 {first}。", "The day {date} is before the first day of the books, {first}."},
	DateBeforeOriginal: {Precondition, "日期 {date} 早于原凭证 {voucher} 的日期 {original}。", "The day {date} is before {original}, the day of {voucher}."},
	PeriodClosed:       {Precondition, "{month} 已经结账,最早可记 {first_open}。", "The month {month} is closed; the first open day is {first_open}."},
	PeriodOutOfOrder:   {Precondition, "应先结 {next},不能先结 {month}。", "The next month to close is {next}, not {month}."},
	PeriodNotOver:      {Precondition, "{month} 还没有过完,今天是 {today}。", "The month {month} is not over: today is {today}."},

	PeriodCorrection: {Precondition, "第 {request} 号更正申请要记入 {month},先办结它才能结账。", "The correction {request} is asked for in {month}: book or end it before the month closes."},

	PolicyMissing:       {Precondition, "{date} 没有适用于“{kind}”收入的分配办法;请先通过办法,或指明一项基金和决议。", "No allocation policy for {kind} is in force on {date}; adopt one, or name one fund and a resolution."},
	PolicyOverlapsSplit: {Precondition, "“{kind}”收入已按旧办法分配到 {last},新办法只能从其后开始,不能从 {effective} 开始。", "Income of kind {kind} is split up to {last}; a new policy has to start after that, not on {effective}."},
	SpendingRuleMissing: {Precondition, "还没有通过支出办法,不能付款。", "No spending rule is adopted: nothing can be paid yet."},
	TierMissing:         {Precondition, "支出办法没有规定 {fund} 的“{operation}”{amount} 元。", "The spending rule has no tier for {operation} of {amount} from {fund}."},

	ElectorateWrong:       {Precondition, "{body} 登记有 {size} 人,不是 {electorate} 人。", "The body {body} has {size} members on record, not {electorate}."},
	VotesWrong:            {Invalid, "票数不对:赞成、反对、弃权合计 {votes},到会 {present},应到 {electorate}。", "The votes do not fit: {votes} votes of {present} present of {electorate}."},
	ResolutionNeeded:      {Precondition, "此项支出需要 {body} 的决议。", "This needs a resolution of {body}."},
	ResolutionUnknown:     {Missing, "没有决议 {resolution}。", "There is no resolution {resolution}."},
	ResolutionExists:      {Duplicate, "决议 {resolution} 已经登记。", "The resolution {resolution} is recorded already."},
	ResolutionNotPassed:   {Precondition, "决议 {resolution} 没有通过。", "The resolution {resolution} did not pass."},
	ResolutionUnconfirmed: {Precondition, "决议 {resolution} 还没有经监督委员会核对。", "The resolution {resolution} is not confirmed by a supervisor yet."},
	ResolutionOther:       {Precondition, "决议 {resolution} 的内容不是此事:{problem}。", "The resolution {resolution} is about something else: {problem}."},
	ResolutionExhausted:   {Precondition, "决议 {resolution} 还可用 {remaining} 元,需要 {amount} 元,差 {short} 元。", "The resolution {resolution} has {remaining} left, {amount} is needed, short {short}."},

	FundOverdrawn:    {Precondition, "{account} 在 {day} 只有 {available} 元,差 {short} 元。", "{account} has {available} on {day}: short {short}."},
	AccountOverdrawn: {Precondition, "{account} 在 {day} 只有 {available} 元,差 {short} 元。", "{account} has {available} on {day}: short {short}."},

	RequestUnknown:   {Missing, "没有第 {request} 号申请。", "There is no request {request}."},
	RequestClosed:    {Precondition, "第 {request} 号申请已经办结。", "The request {request} is closed."},
	RequestOtherKind: {Precondition, "第 {request} 号申请是“{kind}”,不能这样办理。", "The request {request} is a {kind} and is not settled this way."},
	RequestChanged:   {Precondition, "第 {request} 号申请的内容与所见不符。", "The request {request} is not what was seen."},
	RequestOfOther:   {Denied, "第 {request} 号申请由 {maker} 提出,只能由本人撤回。", "The request {request} was made by {maker}, who alone may withdraw it."},
	ReviewNeeded:     {Precondition, "{subject} 还没有经监督委员会审核。", "{subject} is not reviewed by a supervisor yet."},
	ReviewNotNeeded:  {Precondition, "{subject} 不需要监督委员会审核。", "{subject} needs no review."},
	ApprovalNeeded:   {Precondition, "{subject} 需要 {needed} 人批准,已有 {given} 人。", "{subject} needs {needed} approvals and has {given}."},
	AlreadyDone:      {Precondition, "{subject} 已经办过此事。", "This was done for {subject} before."},

	VoucherUnknown:       {Missing, "没有凭证 {voucher}。", "There is no voucher {voucher}."},
	VoucherReversed:      {Precondition, "凭证 {voucher} 已被冲销。", "The voucher {voucher} is reversed already."},
	VoucherIsReversal:    {Precondition, "凭证 {voucher} 本身是冲销,不能再冲销。", "The voucher {voucher} is a reversal itself."},
	VoucherNotReversible: {Precondition, "凭证 {voucher} 不能这样更正:{problem}。", "The voucher {voucher} cannot be put right this way: {problem}."},
	CorrectionEmpty:      {Invalid, "更正没有内容。", "The correction changes nothing."},

	RoundUnknown:   {Missing, "没有 {round} 这一轮。", "There is no grant round {round}."},
	RoundState:     {Precondition, "{round} 这一轮目前是“{state}”,不能办理此事。", "The round {round} is {state}: this is not possible now."},
	RoundEmpty:     {Precondition, "{round} 这一轮没有申请人。", "The round {round} has no applicants."},
	BudgetExceeded: {Precondition, "{round} 这一轮预算 {budget} 元,合计 {total} 元,超出 {short} 元。", "The round {round} has a budget of {budget}, the applicants need {total}: short {short}."},
	NoticeRunning:  {Precondition, "公示到 {notice_to} 为止,今天是 {today}。", "The notice runs until {notice_to}; today is {today}."},
	NoticeInvalid:  {Invalid, "公示起止不对:{from} 至 {to},今天是 {today}。", "The notice from {from} to {to} is not possible; today is {today}."},
	GrantNotOwed:   {Precondition, "成员 {member} 在 {round} 这一轮没有待付的钱。", "Nothing is owed to member {member} in the round {round}."},

	RunUnknown:     {Missing, "没有 {run} 这次分红。", "There is no dividend run {run}."},
	RunExists:      {Duplicate, "{run} 这次分红已经有了。", "The dividend run {run} exists already."},
	RosterEmpty:    {Precondition, "{date} 没有可分的成员。", "There is nobody to pay on {date}."},
	PoolTooSmall:   {Precondition, "{pool} 元分给 {payees} 份,每份不到一分钱。", "A pool of {pool} gives {payees} payees or shares less than one fen each."},
	PayeeNotOwed:   {Precondition, "{payee} 号在 {run} 这次分红里没有可发的钱。", "Nothing can be sent to payee {payee} of the run {run}."},
	PayeeNotInFile: {Precondition, "{payee} 号不在 {run} 这次分红的第 {file} 个文件里,或重复列出。", "Payee {payee} is not in file {file} of the run {run}, or is listed twice."},
	RosterChanged:  {Precondition, "{run} 这次分红申请时有 {asked} 名,现在名单有 {now} 名,人员或股份已变,请撤回后重新申请。", "The run {run} was asked for {asked} payees and the roster has {now} now, with other members or shares: withdraw it and ask again."},
	NothingOwed:    {Precondition, "{run} 这次分红已没有待发的钱。", "Nothing is left to send in the run {run}."},
	FileUnknown:    {Missing, "{run} 这次分红没有第 {file} 个文件。", "The run {run} has no file {file}."},
	FileSettled:    {Precondition, "{run} 这次分红的第 {file} 个文件已经登记结果。", "The results of file {file} of the run {run} are recorded already."},

	SharesDeclared: {Precondition, "成员 {member} 在 {run} 这次分红里已按 {date} 的 {shares} 股计算,不能改动那一天的股份。", "Member {member} had {shares} shares on {date} in the run {run}, which is declared: the shares of that day stay."},
	PayeeUnknown:   {Precondition, "{payee} 号在 {date} 不在 {run} 这次分红的范围内。", "Payee {payee} had no claim to the run {run} on {date}."},
	PayeeHasShare:  {Precondition, "{payee} 号在 {run} 这次分红里已经有份。", "Payee {payee} has a share in the run {run} already."},
	SupplementPool: {Precondition, "补发 {run}:{shares} 份、每份 {rate} 元,总额应为 {due} 元,不是 {pool} 元。", "The supplement to the run {run} pays {shares} shares {rate} each: the pool is {due}, not {pool}."},
	PayeeNotPaid:   {Precondition, "{payee} 号在 {run} 这次分红里没有已付的钱。", "Payee {payee} was not paid in the run {run}."},
	PayeesHeld:     {Precondition, "暂缓发放中,不能支付:{payees} 号(共 {count} 个)。", "Held and not to be paid now: {payees} ({count} in all)."},
	HoldNotAllowed: {Precondition, "章程没有规定黑名单可以暂缓分红,只能暂缓救助奖学。", "The charter does not let the black list hold a dividend: it may hold grants only."},
	HoldUnknown:    {Missing, "没有第 {hold} 号暂缓。", "There is no hold {hold}."},

	OpeningLate:    {Precondition, "账簿已有凭证,不能再录期初余额。", "The books have vouchers already: opening balances come first."},
	OpeningMissing: {Missing, "没有待核对的期初余额。", "No opening balances are proposed."},

	TrueUpEmpty:       {Precondition, "{year} 年的分配与净收入相符,没有要清算的。", "The splits of {year} are those of its net income: there is nothing to true up."},
	CostExceedsIncome: {Precondition, "{year} 年按办法分配的收入是 {income} 元,不够承担成本 {cost} 元。", "The income split in {year} is {income} and cannot bear costs of {cost}."},
	ResolutionLapsed:  {Precondition, "决议 {resolution} 的期限是 {valid_from} 至 {valid_until},{date} 不在期限内。", "The resolution {resolution} may be drawn on from {valid_from} to {valid_until}, not on {date}."},
	EmergencyCap:      {Precondition, "应急支出上限 {cap} 元,{amount} 元超出 {short} 元。", "An emergency payment is at most {cap}: {amount} is {short} too much."},
	FlagUnknown:       {Missing, "凭证 {voucher} 没有“{flag}”提示。", "The voucher {voucher} has no flag \"{flag}\"."},
	RefundExceeds:     {Precondition, "凭证 {voucher} 共 {original} 元,已退 {returned} 元,再退 {amount} 元超出 {short} 元。", "The voucher {voucher} is over {original}, {returned} of it came back before: {amount} is {short} too much."},
	RequestExpired:    {Precondition, "第 {request} 号申请的期限到 {expires_on} 为止,今天是 {today},已经过期。", "The request {request} could be acted on until {expires_on}; today is {today}."},
	RequestRunning:    {Precondition, "第 {request} 号申请的期限到 {expires_on} 为止,今天是 {today},尚未过期。", "The request {request} can be acted on until {expires_on}; today is {today}."},
	GiftUnknown:       {Missing, "没有定向捐赠 {gift}。", "There is no gift {gift}."},
	ApplicantUnknown:  {Missing, "成员 {member} 不在 {round} 这一轮的申请人中。", "The member {member} is no applicant of the round {round}."},
	ObjectionUnknown:  {Missing, "{round} 这一轮没有第 {objection} 号异议。", "The round {round} has no objection {objection}."},
	ObjectionOpen:     {Precondition, "{round} 这一轮的第 {objection} 号异议还没有答复。", "The objection {objection} of the round {round} is not answered yet."},
	NoticeOver:        {Precondition, "公示已于 {notice_to} 结束,今天是 {today}。", "The notice ended on {notice_to}; today is {today}."},
	GrantNotPaid:      {Precondition, "成员 {member} 在 {round} 这一轮没有已付的钱可退回。", "Nothing is paid to member {member} in the round {round} that could come back."},
	PeriodNotClosed:   {Precondition, "{month} 还没有结账。", "The month {month} is not closed."},
	StatementChanged:  {Precondition, "{month} 的报表与所见不符。", "The statement of {month} is not what was seen."},
	VoucherOtherMonth: {Precondition, "凭证 {voucher} 的日期是 {date},不在 {month}。", "The voucher {voucher} occurred on {date}, not in {month}."},
	RetentionTooShort: {Precondition, "{kind} 类单据至少保管 {needed} 年,不能只保管 {given} 年(∞ 为永久)。", "Papers of the kind {kind} are kept at least {needed} years, not {given} (∞ is for ever)."},

	EditionUnknown:     {Missing, "没有第 {edition} 期公示。", "There is no edition {edition}."},
	EditionExists:      {Duplicate, "{from} 至 {to} 已有第 {edition} 期公示;如有改动,请指明更正这一期并写明原因。", "The days {from} to {to} have the edition {edition} already: say that it is corrected, and why."},
	EditionReplaced:    {Precondition, "第 {edition} 期公示已由第 {by} 期更正。", "The edition {edition} was replaced: the one that stands is {by}."},
	EditionOtherDays:   {Precondition, "第 {edition} 期公示的日期是 {from} 至 {to},更正必须是同样的日期。", "The edition {edition} is of {from} to {to}: a correction is of the same days."},
	LinesChanged:       {Precondition, "{round} 的合计树有 {lines} 行共 {total} 元,账簿上有 {lines_now} 行共 {total_now} 元。", "The tree of {round} has {lines} lines of {total} in all, the books have {lines_now} of {total_now}."},
	ThresholdInvalid:   {Invalid, "见证组 {group} 有 {witnesses} 人,需要的签名应为 1 至 {witnesses} 个,不能是 {threshold} 个。", "The group {group} has {witnesses} witnesses and cannot need {threshold} signatures: 1 to {witnesses}."},
	WitnessKeyInvalid:  {Invalid, "见证人 {witness} 的公钥“{key}”写法不对:应为 mingzhang witness init 印出的那一行。", "The public key of the witness {witness}, \"{key}\", is not a cosignature key as mingzhang witness init prints it."},
	RecordUnknown:      {Missing, "没有个人信息记录 {record}。", "There is no record of personal data {record}."},
	ErasureUnknown:     {Missing, "没有第 {erasure} 号个人信息处置。", "There is no erasure {erasure}."},
	RetentionRunning:   {Precondition, "记录 {record} 是 {party} 最后一笔凭证({year} 年)的依据,凭证保管三十年,{from} 起才能删除;现在可以先限制。", "The record {record} stands behind vouchers of {party}, the last of {year}, which are kept for thirty years: it can be erased from {from} on, and be restricted now."},
	PersonalDataNeeded: {Precondition, "{party} 还有未了的事({matter}),办完以后记录 {record} 才能删除;现在可以先限制。", "Something is under way with {party} ({matter}): the record {record} can be erased when that is over, and be restricted now."},

	InquiryUnknown:   {Missing, "没有第 {inquiry} 号质询。", "There is no inquiry {inquiry}."},
	InquiryUnread:    {Precondition, "第 {inquiry} 号质询还没有公开;请监督委员会先审阅并公开,再答复。", "The inquiry {inquiry} is not published yet: a supervisor reads and publishes it first, then it is answered."},
	InquiriesWaiting: {Precondition, "已有 {waiting} 件质询等监督委员会审阅(最多 {max} 件);请过几天再提,或直接请监督委员会代为提出。", "{waiting} inquiries wait for a supervisor to read them, and no more than {max} can: ask again in a few days, or have a supervisor ask for you."},
}
