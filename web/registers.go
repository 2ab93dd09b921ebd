package web

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// registers is the list of what is kept beside the journal.
func (s *site) registers(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	return registersPage(f), nil
}

func (s *site) resolutionList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	answer, err := s.disclosure.ListResolutions(v.ctx, &apiv1.ListResolutionsRequest{CollectiveId: f.books.Id, PageSize: 100, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return resolutionListPage(f, answer), nil
}

func (s *site) resolutionPage(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	r, err := s.resolution(f, v.request.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errNotFound
	}
	drawn, err := s.audit.ListVouchers(v.ctx, &apiv1.ListVouchersRequest{CollectiveId: f.books.Id, ResolutionId: r.Id, PageSize: 200})
	refused, err := withheld(err)
	if err != nil {
		return nil, err
	}
	tasks, err := s.mineOf(f, r.Id, "resolution_")
	if err != nil {
		return nil, err
	}
	return resolutionView(f, r, drawn.GetVouchers(), refused, tasks), nil
}

func (s *site) grantList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	answer, err := s.audit.ListGrantRounds(v.ctx, &apiv1.ListGrantRoundsRequest{CollectiveId: f.books.Id, PageSize: 100, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return grantListPage(f, answer), nil
}

// registerPages bounds how many pages of 1,000 items are gone through for one of them.
const registerPages = 100

func (s *site) grantPage(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	for token, page := "", 0; page < registerPages; page++ {
		answer, err := s.audit.ListGrantRounds(v.ctx, &apiv1.ListGrantRoundsRequest{CollectiveId: f.books.Id, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Rounds {
			if r.Id == v.request.PathValue("id") {
				tasks, err := s.mineOf(f, r.Id, "grant_", "objection_")
				if err != nil {
					return nil, err
				}
				return grantView(f, r, tasks), nil
			}
		}
		if token = answer.NextPageToken; token == "" {
			break
		}
	}
	return nil, errNotFound
}

func (s *site) dividendList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	answer, err := s.audit.ListDividends(v.ctx, &apiv1.ListDividendsRequest{CollectiveId: f.books.Id, PageSize: 100, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return dividendListPage(f, answer), nil
}

// dividendStory is a dividend with why its rate is what it is, and a page of its payees.
type dividendStory struct {
	*apiv1.DividendRun
	steps        []*apiv1.ExplainStep
	addsUp       bool
	noSteps      *apiv1.Refusal
	entitlements *apiv1.ListEntitlementsResponse
	tasks        []*apiv1.Task
	payee        uint32 // of whom the explanation is; 0: of the whole
}

func (s *site) dividendPage(v *visit) (templ.Component, error) { return s.dividend(v, 0) }

// dividendPayee explains what one payee of a dividend gets.
func (s *site) dividendPayee(v *visit) (templ.Component, error) {
	payee, err := strconv.ParseUint(v.request.PathValue("payee"), 10, 32)
	if err != nil || payee == 0 {
		return nil, errNotFound
	}
	return s.dividend(v, uint32(payee))
}

func (s *site) dividend(v *visit, payee uint32) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	told := &dividendStory{payee: payee}
	for token, page := "", 0; told.DividendRun == nil && page < registerPages; page++ {
		answer, err := s.audit.ListDividends(v.ctx, &apiv1.ListDividendsRequest{CollectiveId: f.books.Id, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Runs {
			if r.Id == v.request.PathValue("id") {
				told.DividendRun = r
			}
		}
		if token = answer.NextPageToken; token == "" {
			break
		}
	}
	if told.DividendRun == nil {
		return nil, errNotFound
	}
	explained, err := s.audit.Explain(v.ctx, &apiv1.ExplainRequest{CollectiveId: f.books.Id, Subject: &apiv1.ExplainRequest_Dividend{Dividend: &apiv1.ExplainDividend{RunId: told.Id, Payee: payee}}})
	if told.noSteps, err = withheld(err); err != nil {
		return nil, err
	}
	told.steps, told.addsUp = explained.GetSteps(), explained.GetAddsUp()
	if payee == 0 {
		if told.tasks, err = s.mineOf(f, told.Id, "dividend_"); err != nil {
			return nil, err
		}
		told.entitlements, err = s.audit.ListEntitlements(v.ctx, &apiv1.ListEntitlementsRequest{CollectiveId: f.books.Id, RunId: told.Id, PageSize: 100, PageToken: v.query("page")})
		if err != nil {
			return nil, err
		}
	}
	return dividendView(f, told), nil
}

func (s *site) holdList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	answer, err := s.audit.ListHolds(v.ctx, &apiv1.ListHoldsRequest{CollectiveId: f.books.Id, PageSize: 200, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return holdListPage(f, answer), nil
}

func (s *site) giftList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	answer, err := s.audit.ListGiftAgreements(v.ctx, &apiv1.ListGiftAgreementsRequest{CollectiveId: f.books.Id, PageSize: 200, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return giftListPage(f, answer), nil
}

// ruleBook is how income is split and who has to agree to an outlay.
func (s *site) ruleBook(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	policies, err := s.disclosure.ListPolicies(v.ctx, &apiv1.ListPoliciesRequest{CollectiveId: f.books.Id})
	if err != nil {
		return nil, err
	}
	rule, err := s.disclosure.GetSpendingRule(v.ctx, &apiv1.GetSpendingRuleRequest{CollectiveId: f.books.Id})
	if err != nil {
		return nil, err
	}
	return ruleBookPage(f, policies.Policies, rule), nil
}

func (s *site) roleList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "registers")
	if err != nil {
		return nil, err
	}
	answer, err := s.audit.ListRoles(v.ctx, &apiv1.ListRolesRequest{CollectiveId: f.books.Id, Past: true})
	if err != nil {
		return nil, err
	}
	return roleListPage(f, answer.Roles), nil
}

var holdWords = map[apiv1.HoldKind]words{
	apiv1.HoldKind_HOLD_KIND_NO_ACCOUNT: {"没有账户", "no account"}, apiv1.HoldKind_HOLD_KIND_ESTATE: {"待继承", "estate"},
	apiv1.HoldKind_HOLD_KIND_COURT: {"法院通知", "court"}, apiv1.HoldKind_HOLD_KIND_BLACKLIST: {"决议暂缓", "by resolution"},
}

var benefitWords = map[apiv1.Benefit]words{
	apiv1.Benefit_BENEFIT_ALL: {"全部", "all"}, apiv1.Benefit_BENEFIT_DIVIDEND: {"分红", "dividend"}, apiv1.Benefit_BENEFIT_GRANT: {"救助奖学", "grants"},
}

// called picks the words of a value of an enum in the visit's language.
func called[K comparable](v *visit, list map[K]words, key K) string {
	w, ok := list[key]
	if !ok {
		return ""
	}
	return v.say(w)
}

// agreement says what a tier of the spending rule demands.
func (f *folio) agreement(t *apiv1.Tier) string {
	var needs []string
	if t.Review {
		needs = append(needs, f.text("监督委员审核", "a supervisor's review"))
	}
	if t.Approvals > 0 {
		needs = append(needs, f.text(number(t.Approvals)+" 人批准", number(t.Approvals)+" approvals"))
	}
	if t.ResolutionBody != "" {
		needs = append(needs, f.text(f.body(t.ResolutionBody)+"决议", "a resolution of "+f.body(t.ResolutionBody)))
	}
	if t.Emergency {
		needs = append(needs, f.text("先付,"+number(t.RatifyDays)+" 天内追认,最多 "+grouped(t.Cap), "paid first, ratified within "+number(t.RatifyDays)+" days, at most "+grouped(t.Cap)))
	}
	if len(needs) == 0 {
		return f.text("会计自己办", "the treasurer alone")
	}
	return strings.Join(needs, f.text("、", ", "))
}
