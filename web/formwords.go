package web

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/capitals"
)

// hints say what to do next, for refusals whose sentence says only what is the matter.
var hints = map[string]words{
	"policy_missing":          {"请先让负责人按决议通过分配办法,或在下面选一项基金和决议。", "Have the approver adopt a policy by a resolution first, or choose one fund and its resolution below."},
	"fund_overdrawn":          {"请减少金额、改到以后的日期,或先申请调剂。", "Lower the amount, choose a later day, or ask for a transfer first."},
	"account_overdrawn":       {"请核对金额、日期和账户。", "Check the amount, the day and the account."},
	"purpose_not_allowed":     {"请换一项可以用于此事的基金。", "Choose a fund that may be used for this."},
	"resolution_needed":       {"请先让负责人记录决议、监督委员会确认,再在这里选它。", "Have the approver record the resolution and a supervisor confirm it; then choose it here."},
	"resolution_unconfirmed":  {"请监督委员会先核对会议记录并确认。", "A supervisor has to compare it with the minutes and confirm it first."},
	"resolution_exhausted":    {"请减少金额,或由原机构另作决议。", "Lower the amount, or have the body decide anew."},
	"duplicate_document":      {"请查一查是不是已经记过;同一张单据分次报销,每次只引用其中一部分。", "See whether it is booked already; a paper paid in parts is cited with one part each time."},
	"period_closed":           {"请把日期改到还没有结账的月份。", "Choose a day in a month that is open."},
	"date_in_future":          {"请核对日期。", "Check the day."},
	"spending_rule_missing":   {"请先让负责人按决议通过支出办法。", "Have the approver adopt a spending rule by a resolution first."},
	"tier_missing":            {"请让议事机构在支出办法里补上这一档。", "Have the body add this tier to the spending rule."},
	"approval_needed":         {"请负责人先在工作台批准。", "An approver has to approve it at his desk first."},
	"review_needed":           {"请监督委员会先审核。", "A supervisor has to review it first."},
	"command_id_reused":       {"这张表单已经记过一次;要记另一笔,请开一张新表单。", "This form was booked before: begin a new one for something else."},
	"text_names_person":       {"", ""},
	"own_request":             {"请换一个人办理。", "Somebody else has to do this."},
	"role_missing":            {"", ""},
	"notice_running":          {"请等公示期满。", "Wait until the notice is over."},
	"voucher_unknown":         {"请照凭证上的号码填写。", "Write the number as it stands on the voucher."},
	"member_unknown":          {"请核对成员号。", "Check the member's number."},
	"request_changed":         {"请回到申请重新查看。", "Go back to the request and look again."},
	"roster_changed":          {"", ""},
	"payees_held":             {"请把这些号码从名单里去掉,或先解除暂缓。", "Leave these numbers out, or release the holds first."},
	"period_out_of_order":     {"请按月份先后结账。", "Close the months in order."},
	"document_kind":           {"请拍成照片,或存成 PDF。", "Take a picture of it, or save it as a PDF."},
	"document_too_large":      {"请拍得小一些,或分成几个文件。", "Make the picture smaller, or send it in several files."},
	"amount_invalid":          {"", ""},
	"resolution_other_matter": {"请选为此事所作的决议。", "Choose the resolution that was passed for this."},
}

// slugWords are names for the slugs that this product's own papers use. A slug without one here is shown as it is.
var slugWords = map[string]words{
	"rent": {"租金", "rent"}, "interest": {"利息", "interest"}, "lease": {"租赁押金", "lease deposit"}, "bid": {"投标保证金", "bid deposit"},
	"subsidy": {"补助拨款", "subsidy"}, "sale": {"出售", "sale"}, "compensation": {"补偿款", "compensation"}, "other-income": {"其他收入", "other income"},
	"performance": {"履约保证金", "performance bond"}, "other-deposit": {"其他押金", "other deposit"}, "grant": {"救助奖学", "grants"},
	"relief": {"困难救助", "relief"}, "scholarship": {"奖学助学", "scholarships"}, "daily_management": {"日常管理", "daily management"},
	"planting": {"绿化栽种", "planting"}, "repair": {"维修", "repairs"}, "development": {"发展生产", "development"}, "bank_fee": {"银行手续费", "bank fees"},
	"dividend": {"分红", "dividend"}, "pending": {"挂账待扣", "pending"}, "cost-recovery": {"待分摊成本", "costs to recover"},
	"invoice": {"发票", "invoice"}, "receipt": {"收据", "receipt"}, "bank_line": {"银行流水", "bank line"}, "contract": {"合同", "contract"},
	"minutes": {"会议记录", "minutes"}, "list": {"名单", "list"}, "other": {"其他", "other"},
}

// term is the name of a slug, or the slug itself.
func (v *visit) term(id string) string {
	if w, ok := slugWords[id]; ok {
		return v.say(w)
	}
	return id
}

// account is the name of an account of the collective.
func (f *filling) account(path string) string { return f.accountOf(f.about, path) }

var accountKinds = map[string]words{
	"payable": {"应付:", "owed: "}, "receivable": {"应收:", "receivable: "}, "deposit": {"押金:", "deposit: "}, "gift": {"定向捐赠:", "gift: "}, "project": {"项目:", "project: "},
}

// accountOf names an account for people: a fund by its name, money by where it lies.
func (v *visit) accountOf(about *apiv1.Collective, path string) string {
	sort, id, _ := strings.Cut(path, "/")
	switch sort {
	case "fund":
		for _, fund := range about.GetFunds() {
			if fund.Id == id {
				return fund.Name
			}
		}
	case "money":
		for _, m := range about.GetMoneyAccounts() {
			if m.Id == id {
				return m.Name
			}
		}
	}
	if w, ok := accountKinds[sort]; ok {
		return v.say(w) + v.term(id)
	}
	return path
}

// fundName is the public name of a fund.
func (v *visit) fundName(about *apiv1.Collective, id string) string {
	return v.accountOf(about, "fund/"+id)
}

// fundClass colours a row by its fund.
func fundClass(account string) string {
	if id, ok := strings.CutPrefix(account, "fund/"); ok {
		return "fund-" + id
	}
	return ""
}

// change is what a previewed command does to an account, on the account's own side, where one posting says it; else empty.
func (f *filling) change(account string) string {
	found := ""
	for _, v := range f.result.Receipt.GetVouchers() {
		for _, p := range v.Postings {
			if p.Account != account {
				continue
			}
			if found != "" {
				return ""
			}
			found = p.Amount
		}
	}
	if found == "" || strings.HasPrefix(account, "money/") || strings.HasPrefix(account, "receivable/") {
		return found
	}
	return turned(found)
}

// inOrder puts balances in the order of the collective's funds, all else after them.
func (f *filling) inOrder(balances []*apiv1.BalanceChange) []*apiv1.BalanceChange {
	place := func(b *apiv1.BalanceChange) int {
		for i, fund := range f.about.GetFunds() {
			if b.Account == "fund/"+fund.Id {
				return i
			}
		}
		return len(f.about.GetFunds())
	}
	sorted := slices.Clone(balances)
	slices.SortStableFunc(sorted, func(a, b *apiv1.BalanceChange) int { return place(a) - place(b) })
	return sorted
}

// typedCapitals is what was typed in capitals; empty for what is no amount.
func typedCapitals(typed string) string {
	amount := normalAmount(typed)
	if text := capitals.Yuan(amount); text != amount {
		return text
	}
	return ""
}

// turned turns the sign of an amount of the API.
func turned(amount string) string {
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		return rest
	}
	if isZero(amount) {
		return amount
	}
	return "-" + amount
}

// plusMinus writes an amount with its sign, + or −.
func plusMinus(amount string) string {
	if strings.HasPrefix(amount, "-") || isZero(amount) {
		return grouped(amount)
	}
	return "+" + grouped(amount)
}

// sides puts a posting in its column; on a reversal, whose amount is negative, in that of the original.
func sides(posting, voucher string) (debit, credit string) {
	negative := strings.HasPrefix(posting, "-")
	if strings.HasPrefix(voucher, "-") {
		if negative {
			return posting, ""
		}
		return "", turned(posting)
	}
	if negative {
		return "", turned(posting)
	}
	return posting, ""
}

var lackWords = map[apiv1.FlagKind]words{
	apiv1.FlagKind_FLAG_KIND_EXCEEDS_AUTHORITY:  {"超出决议授权", "exceeds its authority"},
	apiv1.FlagKind_FLAG_KIND_WITHOUT_RESOLUTION: {"没有决议", "has no resolution"},
	apiv1.FlagKind_FLAG_KIND_WITHOUT_APPROVAL:   {"没有批准", "has no approval"},
	apiv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE:    {"用途不在基金范围内", "is outside the fund's purposes"},
	apiv1.FlagKind_FLAG_KIND_EMERGENCY:          {"应急支出,待追认", "is an emergency to be ratified"},
}

// flag says what a voucher lacks.
func (v *visit) flag(flag *apiv1.Flag) string {
	text := v.text("公开提示:", "Flagged: ") + v.say(lackWords[flag.Kind]) + " " + grouped(flag.Amount)
	if flag.RatifyBy != "" {
		text += v.text(",须在 ", ", to be ratified by ") + v.day(flag.RatifyBy) + v.text(" 前追认", "")
	}
	return text + v.text("。", ".")
}

// remark is one sentence of a list, kind as of a notice.
type remark struct{ kind, text string }

// notes say what a command records beside vouchers, and what has to follow.
func (f *filling) notes() []remark {
	r := f.result.GetReceipt()
	var lines []remark
	add := func(kind, zh, en string, args ...any) {
		lines = append(lines, remark{kind, fmt.Sprintf(f.text(zh, en), args...)})
	}
	if f.result.CheckedOnly {
		add("", "写法和权限没有问题。", "Form and permission are right.")
		return lines
	}
	if n := r.GetRequestNumber(); n > 0 && len(r.Vouchers) == 0 {
		add("", "第 %d 号申请。", "Request %d.", n)
	}
	if f.result.ReviewNeeded {
		add("", "先要监督委员会审核。", "A supervisor reviews it first.")
	}
	if n := f.result.ApprovalsNeeded; n > 0 {
		add("", "要 %d 人批准。", "It needs %d approvals.", n)
	} else if r.GetRequestNumber() > 0 && len(r.Facts) == 1 && r.Facts[0] == "request_made" {
		add("", "按支出办法不需要批准。", "By the spending rule it needs no approval.")
	}
	if r.GetPassed() {
		add("good", "按章程的表决规则,这项决议通过。", "By the rule of the charter this resolution passed.")
	} else if r != nil && r.Passed != nil {
		add("bad", "按章程的表决规则,这项决议没有通过;可以照实记录,但不能据以办事。", "By the rule of the charter this resolution did not pass. It may be recorded as it was; nothing can rest on it.")
	}
	if n := r.GetRuleVersion(); n > 0 {
		add("", "成为第 %d 版。", "It becomes version %d.", n)
	}
	if n := r.GetFile(); n > 0 {
		add("", "第 %d 个发放文件,%d 位收款人。", "Payout file %d with %d payees.", n, len(r.Payees))
	}
	if n := r.GetEdition(); n > 0 {
		add("", "第 %d 期公示,印记 %s。", "Edition %d, pin %s.", n, r.Pin)
	}
	if len(lines) == 0 && len(r.GetVouchers()) == 0 {
		add("", "不动钱,只记下这件事。", "No money moves; the fact is recorded.")
	}
	return lines
}

// typedLine is one thing that was filled in, for reading it over.
type typedLine struct{ label, value string }

// typed lists what was filled in, with the names of what was chosen.
func (f *filling) typed() []typedLine {
	var lines []typedLine
	var walk func(fields []*field, prefix, under string)
	walk = func(fields []*field, prefix, under string) {
		for _, d := range fields {
			name := prefix + d.path
			label := under + f.say(d.label)
			if d.grouped() {
				for i := range f.count(d, name) {
					if !f.blank(d.fields, rowPrefix(name, i)) {
						walk(d.fields, rowPrefix(name, i), label+" "+strconv.Itoa(i+1)+" · ")
					}
				}
				continue
			}
			if value := f.shown(d, name); value != "" {
				lines = append(lines, typedLine{label, value})
			}
		}
	}
	walk(f.form.fields, "", "")
	return lines
}

// shown is what a control says, for people.
func (f *filling) shown(d *field, name string) string {
	typed := strings.TrimSpace(f.values[name])
	switch d.kind {
	case kindHidden:
		return ""
	case kindFile, kindDigest:
		if f.values[name+digestSuffix] == "" {
			return ""
		}
		return f.values[name+titleSuffix] + " " + short(f.values[name+digestSuffix])
	case kindChoice, kindRadio:
		for _, c := range f.lists[d] {
			if c.value == typed {
				return c.label
			}
		}
	case kindMoney:
		return grouped(normalAmount(typed))
	case kindDay:
		return f.day(normalDay(typed))
	case kindMonth:
		return f.month(normalMonth(typed))
	case kindCheck:
		if typed != "" {
			return f.text("是", "yes")
		}
	case kindShare:
		return normalShare(typed)
	case kindParty:
		if typed != "" {
			return f.party(name, typed)
		}
	case kindTable:
		if n := len(strings.FieldsFunc(typed, func(r rune) bool { return r == '\n' })); n > 10 {
			return fmt.Sprintf(f.text("%d 行", "%d lines"), n)
		}
	}
	return typed
}

// folded are the fields that are seldom needed.
func (f *filling) folded(fields []*field) []*field {
	var folded []*field
	for _, d := range fields {
		if d.rare {
			folded = append(folded, d)
		}
	}
	return folded
}

// unfold says whether one of the folded fields has something in it or something wrong with it.
func (f *filling) unfold(fields []*field, prefix string) bool {
	for _, d := range fields {
		name := prefix + d.path
		if f.wrong[name] != "" || !f.blank([]*field{d}, prefix) {
			return true
		}
	}
	return false
}

// labels names fields in one line.
func (f *filling) labels(fields []*field) string {
	all := make([]string, len(fields))
	for i, d := range fields {
		all[i] = f.say(d.label)
	}
	return strings.Join(all, f.text("、", ", "))
}

// buttonText is what the button that gives the command says: the sum in figures, where there is one.
func (f *filling) buttonText() string {
	text := cmp.Or(f.say(f.form.button), f.text("确认记账", "Book it"))
	if all := f.result.GetReceipt().GetVouchers(); len(all) == 1 {
		text += " " + grouped(all[0].Amount) + f.text(" 元", " yuan")
	}
	return text
}

// home is the desk of the form's collective, or the first page.
func (f *filling) home() string {
	if f.about == nil {
		return f.href("/")
	}
	return f.href("/d/" + f.about.Id + "/")
}

// paper is the address of a paper that is kept.
func (v *visit) paper(sha256 string) string {
	return v.href("/d/" + v.collective() + "/papers/" + sha256)
}

// short is the beginning of a digest, for comparing by eye.
func short(digest string) string { return digest[:min(len(digest), 12)] }

func or(text, otherwise string) string { return cmp.Or(text, otherwise) }

func itoa(n int) string { return strconv.Itoa(n) }

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// groupsOf are the headings of a list in order.
func groupsOf(list []choice) []string {
	var groups []string
	for _, c := range list {
		if !slices.Contains(groups, c.group) {
			groups = append(groups, c.group)
		}
	}
	return groups
}

// offers says whether a list has a value.
func offers(list []choice, value string) bool {
	return slices.ContainsFunc(list, func(c choice) bool { return c.value == value })
}

// optionText is a choice in a list that drops down, which has no room for a second line.
func optionText(c choice) string {
	text := c.label
	if c.note != "" {
		text += " · " + c.note
	}
	if c.off != "" {
		text += " · " + c.off
	}
	return text
}

// controlAttributes are those that every control has: its name and id, whether it is needed, and what is said about it.
func controlAttributes(f *filling, d *field, name string) templ.Attributes {
	a := describedBy(f, d, name)
	a["id"], a["name"] = name, name
	if d.must {
		a["aria-required"] = "true"
	}
	if d.max > 0 {
		a["maxlength"] = strconv.Itoa(d.max)
	}
	if d.mode != "" {
		a["inputmode"] = d.mode
	}
	return a
}

func describedBy(f *filling, d *field, name string) templ.Attributes {
	a := templ.Attributes{}
	var by []string
	if d.help.zh != "" {
		by = append(by, name+"-help")
	}
	if f.wrong[name] != "" {
		by = append(by, name+"-wrong")
		a["aria-invalid"] = "true"
	}
	if len(by) > 0 {
		a["aria-describedby"] = strings.Join(by, " ")
	}
	return a
}

// whenAttributes tell the script for which choice a field is meant.
func whenAttributes(d *field, prefix string) templ.Attributes {
	if d.when == "" {
		return nil
	}
	return templ.Attributes{"data-when": prefix + d.when}
}
