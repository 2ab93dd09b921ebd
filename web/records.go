package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// This file shows what stands beside the money: rounds, rules, editions, months.

// recordsMax bounds a list that is shown on one page.
const recordsMax = 1000

// roundsPage lists grant rounds and dividends.
func (s *site) roundsPage(b *board) (templ.Component, error) {
	answer, err := s.disclosure.ListRounds(b.public(), &apiv1.ListRoundsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	return roundsPage(b, answer.Rounds), nil
}

// rulesData is the rules and the votes they rest on.
type rulesData struct {
	policies    []*apiv1.Policy // the newest first
	spending    *apiv1.GetSpendingRuleResponse
	resolutions []*apiv1.Resolution // the newest first
	flags       []*apiv1.OpenFlag
}

// rulesPage shows how income is divided, who agrees to an outlay, and every resolution.
func (s *site) rulesPage(b *board) (templ.Component, error) {
	policies, err := s.disclosure.ListPolicies(b.public(), &apiv1.ListPoliciesRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment})
	if err != nil {
		return nil, err
	}
	d := &rulesData{policies: policies.Policies}
	if d.spending, err = s.disclosure.GetSpendingRule(b.public(), &apiv1.GetSpendingRuleRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment}); err != nil {
		return nil, err
	}
	resolutions, err := s.disclosure.ListResolutions(b.public(), &apiv1.ListResolutionsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	flags, err := s.disclosure.ListFlags(b.public(), &apiv1.ListFlagsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	d.resolutions, d.flags = resolutions.Resolutions, flags.Flags
	slices.Reverse(d.policies)
	slices.Reverse(d.resolutions)
	return rulesPage(b, d), nil
}

// editionsPage lists frozen boards, the newest first.
func (s *site) editionsPage(b *board) (templ.Component, error) {
	answer, err := s.disclosure.ListEditions(b.public(), &apiv1.ListEditionsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	slices.Reverse(answer.Editions)
	return editionsPage(b, answer.Editions), nil
}

// editionData is one edition and what differs from the one it corrects and the one that corrects it.
type editionData struct {
	*apiv1.GetEditionResponse
	older, newer []difference
}

// editionPage is one edition.
func (s *site) editionPage(b *board) (templ.Component, error) {
	text := b.request.PathValue("edition")
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil || number == 0 || strconv.FormatUint(number, 10) != text {
		return nil, errNotFound
	}
	read := func(n uint32) (*apiv1.GetEditionResponse, error) {
		return s.disclosure.GetEdition(b.public(), &apiv1.GetEditionRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, Number: n})
	}
	answer, err := read(uint32(number))
	if err != nil {
		return nil, noSuch(err)
	}
	d := &editionData{GetEditionResponse: answer}
	if n := answer.Edition.Corrects; n != 0 {
		older, err := read(n)
		if err != nil {
			return nil, err
		}
		d.older = differences(older.Text, answer.Text)
	}
	if n := answer.Edition.CorrectedBy; n != 0 {
		newer, err := read(n)
		if err != nil {
			return nil, err
		}
		d.newer = differences(answer.Text, newer.Text)
	}
	return editionPage(b, d), nil
}

// difference is a line of a text that the other one does not have.
type difference struct {
	added bool
	line  string
}

// monthData is a closed month: the witnesses of its head, and what supervisors say.
type monthData struct {
	seal   *apiv1.Seal
	review *apiv1.PeriodReview
}

// monthsPage lists closed months, the last first.
func (s *site) monthsPage(b *board) (templ.Component, error) {
	seals, err := s.disclosure.ListSeals(b.public(), &apiv1.ListSealsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	reviews, err := s.disclosure.ListPeriodReviews(b.public(), &apiv1.ListPeriodReviewsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	byMonth := map[string]*apiv1.PeriodReview{}
	for _, r := range reviews.Months {
		byMonth[r.Month] = r
	}
	var months []monthData
	for _, one := range seals.Seals {
		months = append(months, monthData{one, byMonth[one.Month]})
	}
	slices.Reverse(months)
	return monthsPage(b, months, seals.PolicyVersion), nil
}

// roundKind says what a round pays out.
func (b *board) roundKind(r *apiv1.Round) string {
	if r.Kind == apiv1.RoundKind_ROUND_KIND_DIVIDEND {
		return b.text("分红", "dividend")
	}
	return b.purpose(r.Purpose)
}

func roundClass(r *apiv1.Round) string {
	switch r.State {
	case "cancelled":
		return "warn"
	case "awarded", "declared":
		return "good"
	}
	return ""
}

func objectionClass(o *apiv1.RoundObjection) string {
	if o.State == "open" {
		return "warn"
	}
	return ""
}

// tier says a line of the spending rule in words.
func (b *board) tier(t *apiv1.Tier) string {
	var zh, en strings.Builder
	if t.Fund != "" {
		zh.WriteString(b.fundName(t.Fund))
	}
	zh.WriteString(operationWords[t.Operation].zh)
	en.WriteString(operationWords[t.Operation].en)
	if t.Fund != "" {
		en.WriteString(" from " + b.fundName(t.Fund))
	}
	if t.Purpose != "" {
		zh.WriteString("(" + b.purpose(t.Purpose) + ")")
		en.WriteString(" for " + b.purpose(t.Purpose))
	}
	if t.From != "" && !isZero(t.From) {
		zh.WriteString(",满 " + grouped(t.From) + " 元的")
		en.WriteString(" of " + grouped(t.From) + " or more")
	}
	if t.Emergency {
		zh.WriteString(",应急不超过 " + grouped(t.Cap) + " 元,先付后 " + count(t.RatifyDays) + " 天内追认")
		en.WriteString(", in an emergency up to " + grouped(t.Cap) + ", ratified within " + count(t.RatifyDays) + " days")
	}
	zh.WriteString(":批准 " + count(t.Approvals) + " 人")
	en.WriteString(": approvals " + count(t.Approvals))
	if t.Review {
		zh.WriteString(",监督委员先审核")
		en.WriteString(", reviewed by a supervisor first")
	}
	if t.ResolutionBody != "" {
		zh.WriteString(",要有" + b.bodyName(t.ResolutionBody) + "的决议")
		en.WriteString(", by a resolution of " + b.bodyName(t.ResolutionBody))
	}
	return b.text(zh.String(), en.String())
}

// passWord says what a vote has to reach.
func passWord(body *apiv1.Body) string {
	of := "应到人数的"
	if body.PassBase == apiv1.VoteBase_VOTE_BASE_PRESENT {
		of = "到会人数的"
	}
	if body.PassStrictly {
		return "超过" + of
	}
	return "达到" + of
}

func passWordEn(body *apiv1.Body) string {
	of := "of all: "
	if body.PassBase == apiv1.VoteBase_VOTE_BASE_PRESENT {
		of = "of those present: "
	}
	if body.PassStrictly {
		return "more than this part " + of
	}
	return "at least this part " + of
}

// policyTerms says what a policy is for, and who gets the odd fen.
func (b *board) policyTerms(p *apiv1.Policy) string {
	kinds := make([]string, len(p.IncomeKinds))
	for i, k := range p.IncomeKinds {
		kinds[i] = b.incomeKind(k)
	}
	odd := roundingWords[p.Rounding]
	return b.text("适用于"+strings.Join(kinds, "、")+";"+odd.zh, "For "+strings.Join(kinds, ", ")+"; "+odd.en)
}
