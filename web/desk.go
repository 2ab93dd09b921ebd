package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// desk is the page of whoever works in a collective: what his roles let him do, and what waits for him.
type desk struct {
	*visit
	about *apiv1.Collective
	roles []apiv1.Role
}

// has says whether the visitor holds one of some roles.
func (d *desk) has(roles ...apiv1.Role) bool {
	return slices.ContainsFunc(roles, func(r apiv1.Role) bool { return slices.Contains(d.roles, r) })
}

// deskPart makes a part of the desk, nil where it is not for this visitor. Parts stand one below the other in the order of deskParts.
type deskPart func(*desk) (templ.Component, error)

// deskParts are all parts of a desk.
func (s *site) deskParts() []deskPart {
	return []deskPart{s.doorsPart, s.tasksPart, s.waitingPart, s.todayPart, s.commandsPart}
}

// deskPages are the pages of treasurer, cashier and approver.
func (s *site) deskPages() map[string]page {
	all := map[string]page{
		"GET /d/{collective}/{$}":             s.deskPage,
		"GET /d/{collective}/done/{form}/{$}": s.donePage,
		"GET /d/{collective}/papers/{sha256}": s.paperPage,
	}
	all["GET /d/{collective}/photo/{$}"] = s.photoPage
	all["POST /d/{collective}/photo/{$}"] = s.photoPage
	for name, form := range deskForms {
		all["GET /d/{collective}/form/"+name+"/{$}"] = s.formPage(form)
		all["POST /d/{collective}/form/"+name+"/{$}"] = s.formPage(form)
	}
	return all
}

// formAddress is that of a form of the desk, with values to begin with: name, value, name, value.
func (v *visit) formAddress(name string, with ...string) string {
	address := v.href("/d/" + v.collective() + "/form/" + name + "/")
	for i := 0; i+1 < len(with); i += 2 {
		sep := "&"
		if i == 0 {
			sep = "?"
		}
		address += sep + url.QueryEscape(with[i]) + "=" + url.QueryEscape(with[i+1])
	}
	return address
}

// newDesk reads what every part needs. Who holds no role here has no desk.
func (s *site) newDesk(v *visit) (*desk, error) {
	roles, err := s.rolesOf(v)
	if err != nil {
		return nil, err
	}
	answer, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	if len(roles) == 0 {
		return nil, &problem{http.StatusForbidden, "您在这个集体没有岗位。", "You hold no role in this collective."}
	}
	return &desk{visit: v, about: answer.Collective, roles: roles}, nil
}

func (s *site) deskPage(v *visit) (templ.Component, error) {
	d, err := s.newDesk(v)
	if err != nil {
		return nil, err
	}
	sections, err := s.sectionsPart(d)
	if err != nil {
		return nil, err
	}
	var parts []templ.Component
	for _, part := range s.deskParts() {
		c, err := part(d)
		if err != nil {
			return nil, err
		}
		if c != nil {
			parts = append(parts, c)
		}
	}
	return deskView(d, sections, parts), nil
}

// doorsPart is the three large buttons.
func (s *site) doorsPart(d *desk) (templ.Component, error) {
	if d.has(apiv1.Role_ROLE_TREASURER) {
		return doorsView(d), nil
	}
	return nil, nil
}

// waitingPart is what is under way: each open request with who has to act next.
func (s *site) waitingPart(d *desk) (templ.Component, error) {
	if !d.has(apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_CASHIER) {
		return nil, nil
	}
	all, err := s.openRequests(d.visit)
	if err != nil {
		return nil, err
	}
	var waiting []*apiv1.GrantRound
	if d.has(apiv1.Role_ROLE_TREASURER) {
		answer, err := s.audit.ListGrantRounds(d.ctx, &apiv1.ListGrantRoundsRequest{CollectiveId: d.collective(), PageSize: 1000})
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Rounds {
			if r.State != "cancelled" && (r.State != "awarded" || r.Paid != r.Total) {
				waiting = append(waiting, r)
			}
		}
	}
	var owed []*apiv1.DividendRun
	if d.has(apiv1.Role_ROLE_TREASURER) {
		runs, err := s.dividends(d.visit)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			if !isZero(r.Owed) {
				owed = append(owed, r)
			}
		}
	}
	return waitingView(d, all, waiting, owed), nil
}

// todayPart is the newest vouchers.
func (s *site) todayPart(d *desk) (templ.Component, error) {
	if !d.has(apiv1.Role_ROLE_TREASURER) {
		return nil, nil
	}
	answer, err := s.audit.ListVouchers(d.ctx, &apiv1.ListVouchersRequest{CollectiveId: d.collective(), Descending: true, PageSize: 6})
	if err != nil {
		return nil, err
	}
	return newestView(d, answer.Vouchers), nil
}

// commandGroups are the forms as the desk lists them.
var commandGroups = []struct {
	title words
	names []string
}{
	{words{"收", "Money in"}, []string{"income", "deposit", "gift", "gift-agree", "gift-purpose", "collect", "refund"}},
	{words{"付", "Money out"}, []string{"payment", "settle", "withdraw", "expire", "deposit-return", "fee", "returned-income", "move"}},
	{words{"调剂", "Transfers"}, []string{"transfer", "book-transfer"}},
	{words{"救助、奖学", "Grants"}, []string{"grant-open", "grant-applicants", "grant-remove", "grant-notice", "grant-award", "grant-pay", "grant-cancel", "grant-returned", "round-cancel", "objection", "objection-answer"}},
	{words{"分红", "Dividends"}, []string{"dividend", "declare", "dividend-file", "dividend-results", "dividend-returned", "disclose"}},
	{words{"更正", "Putting right"}, []string{"reversal", "difference", "correct-income", "correct-payment", "book-correction"}},
	{words{"月底、年底", "End of month and year"}, []string{"close", "edition", "true-up"}},
	{words{"审批", "Approvals"}, []string{"approve", "reject"}},
	{words{"监督", "Supervision"}, []string{"review", "confirm-resolution", "confirm-opening", "grant-review", "ratify", "ask", "inquiry-publish", "inquiry-decline", "inquiry-answer"}},
	{words{"决议和办法", "Resolutions and rules"}, []string{"resolution", "policy", "spending-rule", "fund-open", "fund-change", "body-change", "witnesses"}},
	{words{"成员和账户", "Members and accounts"}, []string{"enrol", "depart", "readmit", "shares", "hold", "release", "personal", "erasure", "erasure-approve", "erasure-reject", "money-account", "opening"}},
}

// commandsPart lists every command that the visitor may give.
func (s *site) commandsPart(d *desk) (templ.Component, error) {
	var groups []commandGroup
	for _, g := range commandGroups {
		group := commandGroup{title: d.say(g.title)}
		for _, name := range g.names {
			if form := deskForms[name]; d.has(form.roles...) {
				group.forms = append(group.forms, form)
			}
		}
		if len(group.forms) > 0 {
			groups = append(groups, group)
		}
	}
	return commandsView(d, groups), nil
}

type commandGroup struct {
	title string
	forms []*form
}

// nextStep is the form that an open request waits for, for a visitor who may give it; empty for none.
func (d *desk) nextStep(r *apiv1.Request) (name string, who words) {
	waits, role := d.waitsFor(r)
	if role != apiv1.Role_ROLE_UNSPECIFIED {
		return "", waits
	}
	name = map[string]string{"payment": "settle", "deposit return": "settle", "transfer": "book-transfer", "correction": "book-correction"}[r.Kind]
	if form := deskForms[name]; form == nil || !d.has(form.roles...) {
		return "", words{"等会计办理", "waits for the treasurer"}
	}
	return name, words{"可以办理了", "ready"}
}
