package rpc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// An explanation is a list of steps from the figure asked about to what it rests on. Each step has a kind, the things it rests
// on, its figures, and one sentence in Chinese and one in English. Sentences name no party.

// story gathers the steps of an explanation.
type story struct {
	steps  []*apiv1.ExplainStep
	addsUp bool
	zone   *time.Location // of the collective, for times in sentences
}

// ref names a thing a step rests on; figure is a named value.
type (
	ref    struct{ kind, id string }
	figure struct{ name, value string }
)

// tell adds a step. What is empty among references and figures is left out.
func (s *story) tell(kind string, refs []ref, figures []figure, zh, en string) {
	step := &apiv1.ExplainStep{Kind: kind, SentenceZh: zh, SentenceEn: en}
	for _, r := range refs {
		if r.id != "" {
			step.References = append(step.References, &apiv1.ExplainReference{Kind: r.kind, Id: r.id})
		}
	}
	for _, f := range figures {
		if f.value != "" {
			step.Figures = append(step.Figures, &apiv1.ExplainFigure{Name: f.name, Value: f.value})
		}
	}
	s.steps = append(s.steps, step)
}

// hold notes whether figures come to what they should.
func (s *story) hold(is bool) { s.addsUp = s.addsUp && is }

// yuan writes an amount for a sentence, with thousands separators; count writes a number so.
func yuan(a ledger.Fen) string { return grouped(a.String()) }

func count(n uint32) string { return grouped(number(n)) }

// clock writes a time for a sentence: to the minute, as the collective's clocks show it.
func (s *story) clock(t time.Time) string { return t.In(s.zone).Format("2006-01-02 15:04") }

// grouped sets thousands separators into the whole part of a decimal number.
func grouped(text string) string {
	whole, decimals, has := strings.Cut(text, ".")
	digits, negative := strings.CutPrefix(whole, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if negative {
		digits = "-" + digits
	}
	if has {
		digits += "." + decimals
	}
	return digits
}

func number[N ~uint32 | ~uint64 | ~int](n N) string { return strconv.FormatUint(uint64(n), 10) }

// Explain answers "why": of a balance, a voucher, a dividend or a refusal.
func (s auditService) Explain(ctx context.Context, r *apiv1.ExplainRequest) (*apiv1.ExplainResponse, error) {
	at, from, err := s.place(ctx, r)
	if err != nil {
		return nil, err
	}
	told := &story{addsUp: true, zone: at.facts.Zone}
	answer := &apiv1.ExplainResponse{Version: at.version}
	switch subject := r.Subject.(type) {
	case *apiv1.ExplainRequest_Account:
		err = explainBalance(told, at, r, from, answer)
	case *apiv1.ExplainRequest_Voucher:
		err = s.explainVoucher(ctx, told, at, r.CollectiveId, subject.Voucher)
	case *apiv1.ExplainRequest_Dividend:
		err = explainDividend(told, at, subject.Dividend)
	case *apiv1.ExplainRequest_Refusal:
		err = explainRefusal(told, subject.Refusal)
	default:
		err = refuse(ledger.FieldInvalid, "subject", "problem", "name an account, a voucher, a dividend or a refusal", problemChinese, "请给出科目、凭证、分红或拒绝原因")
	}
	if err != nil {
		return nil, err
	}
	answer.Steps, answer.AddsUp = told.steps, told.addsUp
	return answer, nil
}

// factWords are what vouchers of a fact are called in sentences. A fact without words goes by its name.
var factWords = map[string][2]string{
	"opening_confirmed":     {"期初余额", "opening balances"},
	"income_recorded":       {"收入分配", "income, split or put into one fund"},
	"deposit_received":      {"收到押金", "deposits received"},
	"gift_received":         {"收到捐赠", "gifts received"},
	"money_moved":           {"资金划转", "money carried between money accounts"},
	"request_made":          {"即时支付", "payments settled at once"},
	"payment_settled":       {"支付", "payments"},
	"transfer_made":         {"基金调剂", "transfers between funds"},
	"correction_made":       {"更正重记", "right vouchers in place of wrong ones"},
	"grants_awarded":        {"救助奖学核准", "grants awarded"},
	"grant_paid":            {"救助奖学发放", "grants paid"},
	"grant_cancelled":       {"救助奖学取消", "grants cancelled"},
	"dividend_declared":     {"分红宣布", "dividends declared"},
	"dividend_file_settled": {"分红发放", "dividends paid"},
}

func wordsOf(g projections.Group) (zh, en string) {
	if g.Reversal {
		return "冲销", "reversals"
	}
	if words, ok := factWords[g.Fact]; ok {
		return words[0], words[1]
	}
	return g.Fact, g.Fact
}

// explainBalance tells what a balance is made of: opening, kinds of vouchers, their sum, and a page of the vouchers.
func explainBalance(told *story, at reading, r *apiv1.ExplainRequest, place string, answer *apiv1.ExplainResponse) error {
	account := ledger.Account(r.GetAccount())
	if account == "" {
		return refuse(ledger.AccountUnknown, "account", "account", "")
	}
	if err := checkAccount(at.book, r.GetAccount()); err != nil {
		return err
	}
	p := new(reader)
	from := p.dayOr0("from", r.From)
	after, err := projections.ParseCursor(place)
	switch {
	case p.err != nil:
		return p.err
	case err != nil:
		return refuse(pageTokenInvalid, "page_token")
	case from != 0 && at.moment.AsOf != 0 && at.moment.AsOf < from:
		return refuse(ledger.FieldInvalid, "as_of", "problem", "it is before from", problemChinese, "早于 from")
	}
	b, next := at.book.ExplainBalance(account, from, r.Descending, after, pageLimit(r), at.moment)
	tellBalance(told, b, from, at)
	answer.Lines = each(b.Changes, explainLineOf)
	answer.NextPageToken = nextToken(r, at.version, next.String())
	return nil
}

func tellBalance(told *story, b projections.BalanceStory, from ledger.Day, at reading) {
	account := string(b.Account)
	onZH, onEN := "现在", "now"
	if day := at.moment.AsOf; day != 0 {
		onZH, onEN = "截至 "+day.String()+" ", "as of "+day.String()
	}
	told.tell("balance", []ref{{"account", account}}, []figure{{"balance", b.Closing.String()}, {"as_of", at.moment.AsOf.String()}, {"version", number(at.version)}},
		fmt.Sprintf("%s %s的余额是 %s(所知到第 %d 笔)。", account, onZH, yuan(b.Closing), at.version),
		fmt.Sprintf("The balance of %s %s is %s, as known at version %d.", account, onEN, yuan(b.Closing), at.version))
	sum, terms := b.Opening, []string{}
	if from != 0 {
		told.tell("opening", []ref{{"account", account}}, []figure{{"opening", b.Opening.String()}, {"from", from.String()}},
			fmt.Sprintf("%s 之前的余额是 %s。", from, yuan(b.Opening)), fmt.Sprintf("Before %s it was %s.", from, yuan(b.Opening)))
		terms = append(terms, yuan(b.Opening))
	}
	for _, g := range b.Groups {
		zh, en := wordsOf(g)
		told.tell("group", []ref{{"account", account}},
			[]figure{{"fact", g.Fact}, {"reversals", strconv.FormatBool(g.Reversal)}, {"postings", number(g.Postings)}, {"sum", g.Sum.String()}},
			fmt.Sprintf("%s:%d 笔,合计 %s。", zh, g.Postings, yuan(g.Sum)), fmt.Sprintf("%s: %d postings, %s in all.", capital(en), g.Postings, yuan(g.Sum)))
		sum += g.Sum
		terms = append(terms, yuan(g.Sum))
	}
	told.hold(sum == b.Closing)
	if len(terms) == 0 {
		terms = []string{"0.00"}
	}
	formula := strings.ReplaceAll(strings.Join(terms, " + "), "+ -", "- ") + " = " + yuan(sum)
	told.tell("sum", []ref{{"account", account}}, []figure{{"sum", sum.String()}, {"balance", b.Closing.String()}}, formula+"。", formula+".")
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func explainLineOf(c projections.Change) *apiv1.ExplainLine {
	return &apiv1.ExplainLine{
		Voucher: c.Ref.String(), OccurredOn: c.OccurredOn.String(), Narration: c.Narration, Fact: c.Fact, Change: c.Change.String(),
		Balance: c.Balance.String(), Reverses: c.Reverses.String(), Version: c.Version, RecordedAt: instant(c.RecordedAt),
	}
}

// categoryWords say what a caller can do about a refusal.
var categoryWords = map[string][2]string{
	"invalid_argument":    {"请求的写法不对,改写后再提交。", "The request is written wrongly: write it differently."},
	"not_found":           {"所指的对象不存在。", "What it names does not exist."},
	"already_exists":      {"已经办过,而内容不同。", "It was done before, with other content."},
	"failed_precondition": {"账簿的规则眼下不允许。", "A rule of the books stands against it now."},
	"permission_denied":   {"这位操作员的岗位不允许。", "The operator's role does not allow it."},
	"aborted":             {"账簿已有新的记录,请重新读取后再办。", "The books went on meanwhile: read again."},
}

// explainRefusal tells the rule behind a reason code, by the table that every refusal is written from.
func explainRefusal(told *story, code string) error {
	reason := ledger.Reason(code)
	for _, row := range ReasonTable() {
		if row.Reason != reason {
			continue
		}
		told.tell("refusal", []ref{{"refusal", code}}, []figure{{"code", row.Code.String()}}, row.Chinese, row.English)
		if words, ok := categoryWords[row.Code.String()]; ok {
			told.tell("remedy", []ref{{"refusal", code}}, []figure{{"code", row.Code.String()}}, words[0], words[1])
		}
		return nil
	}
	return refuse(ledger.FieldInvalid, "refusal", "problem", "there is no such reason code; docs/refusals.md lists them", problemChinese, "没有这个原因代码,见 docs/refusals.md")
}

// explainDividend tells why a rate is what it is, and what one payee gets.
func explainDividend(told *story, at reading, subject *apiv1.ExplainDividend) error {
	d, ok := at.book.ExplainDividend(subject.RunId, 0, at.moment)
	if !ok {
		return refuse(ledger.RunUnknown, "dividend.run_id", "run", subject.RunId)
	}
	if subject.Payee != 0 {
		if d, ok = at.book.ExplainDividend(subject.RunId, subject.Payee, at.moment); !ok {
			return refuse(ledger.MemberUnknown, "dividend.payee", "member", number(subject.Payee))
		}
	}
	tellRate(told, d)
	if d.Line != nil {
		tellEntitlement(told, d)
	}
	tellPool(told, d)
	tellSteps(told, &d.Request, d.Steps)
	tellAuthority(told, d.Authority, d.Declaration.String())
	tellPaid(told, d)
	return nil
}

func tellRate(told *story, d projections.DividendStory) {
	pool, rate, remainder := ledger.Fen(d.PoolFen), ledger.Fen(d.RateFen), ledger.Fen(d.RemainderFen)
	zhPer, enPer := "人", "member"
	if apiv1.DividendBasis(d.Basis) == apiv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD {
		zhPer, enPer = "户", "household"
	}
	figures := []figure{{"pool", pool.String()}, {"payees", number(d.Payees)}, {"rate", rate.String()}, {"declared", d.Declared.String()}, {"remainder", remainder.String()}}
	refs := []ref{{"dividend_run", d.RunId}, {"voucher", d.Declaration.String()}, {"resolution", d.Order.GetResolutionId()}}
	told.hold(d.Declared+remainder == pool)
	if apiv1.DividendMethod(d.Method) == apiv1.DividendMethod_DIVIDEND_METHOD_EQUAL {
		told.hold(rate*ledger.Fen(d.Payees) == d.Declared)
		told.tell("rate", refs, figures,
			fmt.Sprintf("%s ÷ %s = %s,每%s相同;%s × %s = %s,余 %s 留在基金。", yuan(pool), count(d.Payees), yuan(rate), zhPer, count(d.Payees), yuan(rate), yuan(d.Declared), yuan(remainder)),
			fmt.Sprintf("%s / %s = %s for every %s; %s × %s = %s, and %s stays in the fund.", yuan(pool), count(d.Payees), yuan(rate), enPer, count(d.Payees), yuan(rate), yuan(d.Declared), yuan(remainder)))
		return
	}
	more := d.Declared - rate*ledger.Fen(d.Payees)
	told.tell("rate", refs, append(figures, figure{"odd_fen", number(uint64(more))}),
		fmt.Sprintf("%s ÷ %s:每%s %s,其中 %d %s各多一分;合计 %s,余 %s。", yuan(pool), count(d.Payees), zhPer, yuan(rate), int64(more), zhPer, yuan(d.Declared), yuan(remainder)),
		fmt.Sprintf("%s / %s: %s for every %s, and %d of them one fen more; %s in all, %s remains.", yuan(pool), count(d.Payees), yuan(rate), enPer, int64(more), yuan(d.Declared), yuan(remainder)))
}

func tellEntitlement(told *story, d projections.DividendStory) {
	odd := d.Line.Amount - ledger.Fen(d.RateFen)
	zh, en := "", ""
	if odd != 0 {
		zh, en = ",含零头一分", ", the odd fen included"
	}
	states := map[string][2]string{
		projections.EntitlementOwed: {"待付", "owed"}, projections.EntitlementSent: {"已送银行", "sent to the bank"},
		projections.EntitlementPaid: {"已付", "paid"}, projections.EntitlementCancelled: {"已取消", "cancelled"},
	}[d.Line.State]
	told.tell("entitlement", []ref{{"dividend_run", d.RunId}},
		[]figure{{"payee", number(d.Line.Payee)}, {"amount", d.Line.Amount.String()}, {"odd_fen", number(uint64(odd))}, {"state", d.Line.State}, {"file", number(d.Line.File)}},
		fmt.Sprintf("%d 号应得 %s%s,%s。", d.Line.Payee, yuan(d.Line.Amount), zh, states[0]),
		fmt.Sprintf("Number %d gets %s%s: %s.", d.Line.Payee, yuan(d.Line.Amount), en, states[1]))
}

// tellPool tells where the pool comes from: the fund before the declaration, and the policies that filled it.
func tellPool(told *story, d projections.DividendStory) {
	fund := d.Order.GetFund()
	pool := ledger.Fen(d.PoolFen)
	told.hold(pool <= d.Balance)
	told.tell("pool", []ref{{"fund", fund}}, []figure{{"balance", d.Balance.String()}, {"pool", pool.String()}, {"record_date", ledger.Day(d.Order.GetRecordDate()).String()}},
		fmt.Sprintf("宣布前 fund/%s 有 %s,拿出 %s 分给 %s 在册的人。", fund, yuan(d.Balance), yuan(pool), ledger.Day(d.Order.GetRecordDate())),
		fmt.Sprintf("Before the declaration fund/%s held %s; %s of it goes to those on the roster of %s.", fund, yuan(d.Balance), yuan(pool), ledger.Day(d.Order.GetRecordDate())))
	carried := d.Balance
	for _, in := range d.Sources {
		carried -= in.Sum
		resolution := in.Policy.GetResolutionId()
		told.tell("policy", []ref{{"policy", number(in.Version)}, {"resolution", resolution}, {"fund", fund}},
			[]figure{{"vouchers", number(in.Vouchers)}, {"sum", in.Sum.String()}, {"share", shareOf(in.Policy, fund)}},
			fmt.Sprintf("上次分红以来,第 %d 版分配办法(决议 %s)的 %d 笔收入给它分来 %s,份额 %s。", in.Version, resolution, in.Vouchers, yuan(in.Sum), shareOf(in.Policy, fund)),
			fmt.Sprintf("Since the dividend before, %d incomes under policy %d (resolution %s) brought it %s, a share of %s.", in.Vouchers, in.Version, resolution, yuan(in.Sum), shareOf(in.Policy, fund)))
	}
	if carried != 0 {
		told.tell("carried", []ref{{"fund", fund}}, []figure{{"carried", carried.String()}},
			fmt.Sprintf("其余 %s 是以前结余,以及不经分配的收支。", yuan(carried)),
			fmt.Sprintf("The other %s was carried over, or came and went without a split.", yuan(carried)))
	}
}

func tellPaid(told *story, d projections.DividendStory) {
	told.hold(d.State == projections.RunCancelled || d.Paid+d.Owed == d.Declared)
	refs := []ref{{"dividend_run", d.RunId}}
	for _, f := range d.Files {
		refs = append(refs, ref{"voucher", f.Voucher.String()})
	}
	told.tell("paid", refs, []figure{{"state", d.State}, {"paid", d.Paid.String()}, {"paid_count", number(d.PaidCount)}, {"owed", d.Owed.String()}, {"files", number(len(d.Files))}},
		fmt.Sprintf("已由 %d 个文件付给 %d 位,共 %s;待付 %s。", len(d.Files), d.PaidCount, yuan(d.Paid), yuan(d.Owed)),
		fmt.Sprintf("%d payees were paid %s in %d files; %s is owed.", d.PaidCount, yuan(d.Paid), len(d.Files), yuan(d.Owed)))
}

// shareOf is a fund's share by a policy, empty when there is none.
func shareOf(p *eventv1.PolicyAdopted, fund string) string {
	for _, s := range p.GetShares() {
		if s.Fund == fund {
			return ledger.FormatFraction(s.Share)
		}
	}
	return ""
}
