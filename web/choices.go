package web

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// Lists that fields choose from. Each asks the services; what is left stands beside a choice, and why it cannot be taken.

// pagesMax is how many pages of a list a form reads, of 1,000 entries each.
const pagesMax = 20

// fixedChoices is a list that is the same everywhere.
func fixedChoices(list ...named) func(*filling) ([]choice, error) {
	return func(f *filling) ([]choice, error) {
		all := make([]choice, len(list))
		for i, c := range list {
			all[i] = choice{value: c.value, label: f.text(c.zh, c.en)}
		}
		return all, nil
	}
}

// named is a value with its name in both languages.
type named struct{ value, zh, en string }

// moneyAccounts are the places where money lies, the first of them chosen beforehand.
func moneyAccounts(f *filling) ([]choice, error) {
	var list []choice
	for _, m := range f.about.MoneyAccounts {
		list = append(list, choice{value: m.Id, label: m.Name, note: f.left("money/" + m.Id)})
	}
	return list, nil
}

func firstAccount(f *filling) string {
	if len(f.about.MoneyAccounts) == 0 {
		return ""
	}
	return f.about.MoneyAccounts[0].Id
}

// left says what lies in an account now, for those who may read balances.
func (f *filling) left(account string) string {
	if balance, ok := f.balances()[account]; ok {
		return f.text("余 ", "has ") + grouped(balance)
	}
	return ""
}

// balances are those of every account, read once; none for callers who may not see them.
func (f *filling) balances() map[string]string {
	if f.known == nil {
		f.known = map[string]string{}
		answer, err := f.site.audit.GetBalances(f.ctx, &apiv1.GetBalancesRequest{CollectiveId: f.collective()})
		if err == nil {
			for _, b := range answer.Balances {
				f.known[b.Account] = b.Balance
			}
		}
	}
	return f.known
}

// funds are all funds with what is left in each.
func funds(f *filling) ([]choice, error) {
	var list []choice
	for _, fund := range f.about.Funds {
		list = append(list, choice{value: fund.Id, label: fund.Name, note: f.left("fund/" + fund.Id)})
	}
	return list, nil
}

// spending are the purposes of every fund, each under its fund with what is left: choosing a purpose chooses the fund. A fund without
// purposes is greyed with the rule.
func spending(f *filling) ([]choice, error) {
	var list []choice
	for _, fund := range f.about.Funds {
		group := strings.TrimSpace(fund.Name + "  " + f.left("fund/"+fund.Id))
		if len(fund.Purposes) == 0 {
			list = append(list, choice{value: fund.Id + "+", label: fund.Name, group: group,
				off: f.text("章程没有给它规定用途:只能按决议分红或调剂,不能付款。", "The charter gives it no purposes: it is dealt out or moved by resolution, and pays nothing.")})
		}
		for _, purpose := range fund.Purposes {
			list = append(list, choice{value: fund.Id + "+" + purpose, label: f.term(purpose), group: group})
		}
	}
	return list, nil
}

// incomeKinds are the kinds of income that the newest policies split, and what a kind without a policy needs.
func incomeKinds(f *filling) ([]choice, error) {
	answer, err := f.site.disclosure.ListPolicies(f.ctx, &apiv1.ListPoliciesRequest{CollectiveId: f.collective()})
	if err != nil {
		return nil, err
	}
	var list []choice
	for _, p := range answer.Policies {
		for _, kind := range p.IncomeKinds {
			if !offers(list, kind) {
				list = append(list, choice{value: kind, label: f.term(kind), group: f.text("按办法分到各基金", "Split by the policy")})
			}
		}
	}
	for _, kind := range []string{"rent", "interest", "subsidy", "sale", "compensation", "other-income"} {
		if !offers(list, kind) {
			list = append(list, choice{value: kind, label: f.term(kind), group: f.text("没有分配办法:在下面指明一项基金和决议", "No policy: name one fund and a resolution below")})
		}
	}
	return list, nil
}

// resolutions are those that passed and are confirmed, about one of the matters; with what is left of the authority of each.
func resolutions(matters ...apiv1.Matter) func(*filling) ([]choice, error) {
	return func(f *filling) ([]choice, error) {
		var list []choice
		request := &apiv1.ListResolutionsRequest{CollectiveId: f.collective(), PageSize: 1000}
		for range pagesMax {
			answer, err := f.site.disclosure.ListResolutions(f.ctx, request)
			if err != nil {
				return nil, err
			}
			for _, r := range answer.Resolutions {
				if len(matters) > 0 && !slices.Contains(matters, r.Matter) {
					continue
				}
				c := choice{value: r.Id, label: r.Title + "(" + f.day(r.DecidedOn) + ")"}
				switch {
				case !r.Passed:
					c.off = f.text("没有通过", "did not pass")
				case !r.Confirmed:
					c.off = f.text("监督委员会还没有确认", "not confirmed by a supervisor yet")
				case r.Authority != "" && !isZero(r.Authority):
					c.note = f.text("还可用 ", "left ") + grouped(r.Remaining)
				}
				list = append(list, c)
			}
			if request.PageToken = answer.NextPageToken; request.PageToken == "" {
				break
			}
		}
		slices.Reverse(list) // the newest first
		return list, nil
	}
}

// requests are the open requests of some kinds, and what each lacks.
func requests(kinds ...string) func(*filling) ([]choice, error) {
	return func(f *filling) ([]choice, error) {
		all, err := f.site.openRequests(f.visit)
		if err != nil {
			return nil, err
		}
		var list []choice
		for _, r := range all {
			if len(kinds) > 0 && !slices.Contains(kinds, r.Kind) {
				continue
			}
			c := choice{value: itoa(int(r.Number)), label: f.requestLine(r)}
			if waits, _ := f.waitsFor(r); waits.zh != "" && len(kinds) > 0 {
				c.off = f.say(waits)
			}
			list = append(list, c)
		}
		return list, nil
	}
}

// openRequests are those that wait for somebody.
func (s *site) openRequests(v *visit) ([]*apiv1.Request, error) {
	var all []*apiv1.Request
	request := &apiv1.ListRequestsRequest{CollectiveId: v.collective(), State: "open", PageSize: 1000}
	for range pagesMax {
		answer, err := s.audit.ListRequests(v.ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Requests...)
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return all, nil
}

var requestKinds = map[string]words{
	"payment": {"付款", "payment"}, "transfer": {"调剂", "transfer"}, "correction": {"更正", "correction"}, "dividend": {"分红", "dividend"}, "deposit return": {"退还押金", "deposit return"},
}

// requestLine names a request in one line.
func (v *visit) requestLine(r *apiv1.Request) string {
	text := v.text("第 ", "No. ") + itoa(int(r.Number)) + v.text(" 号 ", " ") + v.say(requestKinds[r.Kind])
	if r.Amount != "" {
		text += " " + grouped(r.Amount)
	}
	if r.Narration != "" {
		text += " · " + r.Narration
	}
	return text
}

// waitsFor says what an open request still needs before it can be carried out, and who gives it; nothing when it is ready.
func (v *visit) waitsFor(r *apiv1.Request) (words, apiv1.Role) {
	switch {
	case r.ReviewNeeded && r.ReviewedBy == "":
		return words{"等监督委员会审核", "waits for a supervisor's review"}, apiv1.Role_ROLE_SUPERVISOR
	case r.Kind == "dividend":
		return words{"等负责人宣告", "waits for the approver to declare it"}, apiv1.Role_ROLE_APPROVER
	case int(r.ApprovalsNeeded) > len(r.ApprovedBy):
		return words{"等负责人批准(" + itoa(len(r.ApprovedBy)) + "/" + itoa(int(r.ApprovalsNeeded)) + ")", "waits for approval (" + itoa(len(r.ApprovedBy)) + " of " + itoa(int(r.ApprovalsNeeded)) + ")"},
			apiv1.Role_ROLE_APPROVER
	}
	return words{}, apiv1.Role_ROLE_UNSPECIFIED
}

// rounds are the grant rounds in some states.
func rounds(states ...string) func(*filling) ([]choice, error) {
	return func(f *filling) ([]choice, error) {
		var list []choice
		request := &apiv1.ListGrantRoundsRequest{CollectiveId: f.collective(), PageSize: 1000}
		for range pagesMax {
			answer, err := f.site.audit.ListGrantRounds(f.ctx, request)
			if err != nil {
				return nil, err
			}
			for _, r := range answer.Rounds {
				if len(states) == 0 || slices.Contains(states, r.State) {
					list = append(list, choice{value: r.Id, label: r.Title, note: f.say(roundStates[r.State]) + f.text(",预算 ", ", budget ") + grouped(r.Budget)})
				}
			}
			if request.PageToken = answer.NextPageToken; request.PageToken == "" {
				break
			}
		}
		slices.Reverse(list)
		return list, nil
	}
}

var roundStates = map[string]words{
	"open": {"正在收申请", "open"}, "reviewed": {"已审核", "reviewed"}, "notice": {"公示中", "in notice"}, "awarded": {"已批准,待发", "awarded"}, "cancelled": {"已撤销", "cancelled"},
}

// runs are the dividends that were declared.
func runs(f *filling) ([]choice, error) {
	all, err := f.site.dividends(f.visit)
	if err != nil {
		return nil, err
	}
	var list []choice
	for _, r := range all {
		list = append(list, choice{value: r.Id, label: r.Id + "(" + f.day(r.DeclaredOn) + ")", note: f.text("未发 ", "owed ") + grouped(r.Owed)})
	}
	slices.Reverse(list)
	return list, nil
}

func (s *site) dividends(v *visit) ([]*apiv1.DividendRun, error) {
	var all []*apiv1.DividendRun
	request := &apiv1.ListDividendsRequest{CollectiveId: v.collective(), PageSize: 1000}
	for range pagesMax {
		answer, err := s.audit.ListDividends(v.ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Runs...)
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return all, nil
}

// bodies are the organs that vote.
func bodies(f *filling) ([]choice, error) {
	var list []choice
	for _, b := range f.about.Bodies {
		list = append(list, choice{value: b.Id, label: b.Name, note: itoa(int(b.Size)) + f.text(" 人", " people")})
	}
	return list, nil
}

// gifts are the gifts with a purpose of their own.
func gifts(f *filling) ([]choice, error) {
	var list []choice
	request := &apiv1.ListGiftsRequest{CollectiveId: f.collective(), PageSize: 1000}
	for range pagesMax {
		answer, err := f.site.disclosure.ListGifts(f.ctx, request)
		if err != nil {
			return nil, err
		}
		for _, g := range answer.Gifts {
			list = append(list, choice{value: g.Id, label: g.Title, note: f.text("余 ", "has ") + grouped(g.Left)})
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return list, nil
}

// openMonth is the month that closes next: the one after the last closed, or that of the first day.
func openMonth(f *filling) string {
	if len(f.about.FirstOpenDay) >= 7 {
		return f.about.FirstOpenDay[:7]
	}
	return f.today()[:7]
}

// today is the default of a business day.
func today(f *filling) string { return f.today() }

// purposes are those of all funds.
func purposes(f *filling) ([]choice, error) {
	var list []choice
	for _, fund := range f.about.Funds {
		for _, purpose := range fund.Purposes {
			if !offers(list, purpose) {
				list = append(list, choice{value: purpose, label: f.term(purpose), note: fund.Name})
			}
		}
	}
	return list, nil
}

// accountsOf are the accounts of a sort, like deposit, with what stands in each.
func accountsOf(sort string) func(*filling) ([]choice, error) {
	return func(f *filling) ([]choice, error) {
		var list []choice
		for _, account := range sortedNames(f.balances()) {
			if id, ok := strings.CutPrefix(account, sort+"/"); ok {
				list = append(list, choice{value: id, label: f.term(id), note: f.left(account)})
			}
		}
		return list, nil
	}
}

// openingAccounts are the accounts that a collective may begin with.
func openingAccounts(f *filling) ([]choice, error) {
	var list []choice
	for _, m := range f.about.MoneyAccounts {
		list = append(list, choice{value: "money/" + m.Id, label: m.Name})
	}
	for _, fund := range f.about.Funds {
		list = append(list, choice{value: "fund/" + fund.Id, label: fund.Name})
	}
	for _, path := range []string{"receivable/rent", "deposit/lease", "deposit/bid", "payable/dividend", "payable/grant"} {
		list = append(list, choice{value: path, label: f.account(path)})
	}
	return list, nil
}

// roundsAndRuns are the dividends that were declared and the rounds that were awarded.
func roundsAndRuns(f *filling) ([]choice, error) {
	list, err := runs(f)
	if err != nil {
		return nil, err
	}
	awarded, err := rounds("awarded")(f)
	return append(list, awarded...), err
}

// activeHolds are the holds that stand.
func activeHolds(f *filling) ([]choice, error) {
	var list []choice
	request := &apiv1.ListHoldsRequest{CollectiveId: f.collective(), PageSize: 1000}
	for range pagesMax {
		answer, err := f.site.audit.ListHolds(f.ctx, request)
		if err != nil {
			return nil, err
		}
		for _, h := range answer.Holds {
			if h.State != "released" {
				list = append(list, choice{value: itoa(int(h.Number)), label: f.text("第 ", "No. ") + itoa(int(h.Number)) + f.text(" 号:", ": ") + itoa(int(h.Payee)), note: h.Reason})
			}
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return list, nil
}

// openErasures are the erasures that wait for approval.
func openErasures(f *filling) ([]choice, error) {
	var list []choice
	request := &apiv1.ListErasuresRequest{CollectiveId: f.collective(), PageSize: 1000}
	for range pagesMax {
		answer, err := f.site.registry.ListErasures(f.ctx, request)
		if err != nil {
			return nil, err
		}
		for _, e := range answer.Erasures {
			if e.State == "requested" {
				list = append(list, choice{value: itoa(int(e.Number)), label: f.text("第 ", "No. ") + itoa(int(e.Number)) + f.text(" 号", ""), note: e.RequestedBy})
			}
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			break
		}
	}
	return list, nil
}

// seenRequest is the request that a page shows and the command is about; it comes with the address.
func seenRequest() *field { return &field{path: "request_number", kind: kindHidden} }

// seenDigest binds the command to what the page shows of that request.
func seenDigest() *field {
	return &field{path: "digest", kind: kindHidden, initial: func(f *filling) string {
		if r, err := f.seen(); err == nil && r != nil {
			return r.Digest
		}
		return ""
	}}
}

// seen is the open request that the form is about; nil for none.
func (f *filling) seen() (*apiv1.Request, error) {
	all, err := f.site.openRequests(f.visit)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if itoa(int(r.Number)) == f.values["request_number"] {
			return r, nil
		}
	}
	return nil, nil
}

// requestAbove shows the request that a form is about, or those it could be about.
func requestAbove(kinds ...string) func(*filling) (templ.Component, error) {
	return func(f *filling) (templ.Component, error) {
		one, err := f.seen()
		if err != nil {
			return nil, err
		}
		if one != nil {
			return requestFacts(f, one), nil
		}
		all, err := f.site.openRequests(f.visit)
		if err != nil {
			return nil, err
		}
		return requestLinks(f, slices.DeleteFunc(all, func(r *apiv1.Request) bool { return len(kinds) > 0 && !slices.Contains(kinds, r.Kind) })), nil
	}
}
