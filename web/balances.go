package web

import (
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// balances is the trial balance of a period. Each figure leads to its explanation.
func (s *site) balances(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "balances")
	if err != nil {
		return nil, err
	}
	asked := &apiv1.GetTrialBalanceRequest{CollectiveId: f.books.Id, From: v.query("from"), To: v.query("to"), AsKnownAt: v.query("known")}
	answer, err := s.audit.GetTrialBalance(v.ctx, asked)
	if err != nil {
		return nil, err
	}
	return balancesPage(f, asked, answer), nil
}

// explained is a balance with the vouchers that make it.
type explained struct {
	account         string
	from, to, known string
	*apiv1.ExplainResponse
	noSteps  *apiv1.Refusal
	vouchers *apiv1.ListVouchersResponse // for callers who are told no steps
}

// closing is the balance that is explained.
func (e *explained) closing() string { return e.figure("balance", "balance") }

// figure is a figure of the first step of a kind; empty where there is none.
func (e *explained) figure(kind, name string) string {
	for _, step := range e.GetSteps() {
		if step.Kind == kind {
			return figureOf(step, name)
		}
	}
	return ""
}

// explainAccount says why a balance is what it is: /explain/fund/dividend/.
func (s *site) explainAccount(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "balances")
	if err != nil {
		return nil, err
	}
	e := &explained{account: strings.TrimSuffix(v.request.PathValue("account"), "/"), from: v.query("from"), to: v.query("to"), known: v.query("known")}
	e.ExplainResponse, err = s.audit.Explain(v.ctx, &apiv1.ExplainRequest{
		CollectiveId: f.books.Id, Subject: &apiv1.ExplainRequest_Account{Account: e.account}, From: e.from, AsOf: e.to, AsKnownAt: e.known,
		Descending: true, PageToken: v.query("page"),
	})
	if e.noSteps, err = withheld(err); err != nil {
		return nil, err
	}
	if e.noSteps != nil {
		e.vouchers, err = s.audit.ListVouchers(v.ctx, &apiv1.ListVouchersRequest{
			CollectiveId: f.books.Id, Account: e.account, From: e.from, To: e.to, AsKnownAt: e.known, Descending: true, PageToken: v.query("page"),
		})
		if err != nil {
			return nil, err
		}
	}
	return explainPage(f, e), nil
}

// groupName is what the sentence of a step calls its kind of vouchers: the words before its colon.
func (f *folio) groupName(step *apiv1.ExplainStep) string {
	name, _ := f.atColon(step.SentenceZh, step.SentenceEn)
	return name
}
