package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// adminPages are where admins look after operators and roles.
func (s *site) adminPages() map[string]page {
	return map[string]page{
		"GET /admin/{$}":                      s.admin,
		"GET /admin/operators/log/{$}":        s.accessLog,
		"GET /admin/operator/{operator}/{$}":  s.operator,
		"POST /admin/operators/new/{$}":       s.adminCreate,
		"POST /admin/operator/{operator}/{$}": s.operatorChange,
		"GET /admin/{collective}/{$}":         s.roles,
		"POST /admin/{collective}/{$}":        s.roleChange,
	}
}

// managed is the page of all operators.
type managed struct {
	operators   []*apiv1.Operator
	collectives []*apiv1.Collective
	commandID   string
	typed       map[string]string
	wrong       string
}

func (s *site) admin(v *visit) (templ.Component, error) { return s.adminPage(v, new(managed)) }

func (s *site) adminPage(v *visit, m *managed) (templ.Component, error) {
	operators, err := s.registry.ListOperators(v.ctx, &apiv1.ListOperatorsRequest{})
	if err != nil {
		return nil, err
	}
	listed, err := s.disclosure.ListCollectives(v.public(), &apiv1.ListCollectivesRequest{PageSize: 1000})
	if err != nil {
		return nil, err
	}
	m.operators, m.collectives, m.commandID = operators.Operators, listed.Collectives, uuid.NewString()
	return adminView(v, m), nil
}

func (s *site) adminCreate(v *visit) (templ.Component, error) {
	if err := v.small(); err != nil {
		return nil, err
	}
	id := strings.ToLower(strings.TrimSpace(v.posted("operator")))
	_, err := s.registry.CreateOperator(v.ctx, &apiv1.CreateOperatorRequest{
		CommandId: v.posted("command_id"), Operator: id, DisplayName: strings.TrimSpace(v.posted("display_name")), Admin: v.posted("admin") != "",
	})
	switch refusal := rpc.RefusalOf(err); {
	case err == nil:
		http.Redirect(v.writer, v.request, v.href("/admin/operator/"+id+"/"), http.StatusSeeOther)
		return nil, nil
	case passedOn(refusal):
		return nil, err
	default:
		page, pageErr := s.adminPage(v, &managed{wrong: v.sentence(refusal), typed: map[string]string{"operator": id, "display_name": v.posted("display_name")}})
		return v.refused(err, page), pageErr
	}
}

// passedOn says whether the frame answers a refusal, and not the page that it came to.
func passedOn(r *apiv1.Refusal) bool {
	return r == nil || r.Reason == reasonSignedOut || r.Reason == reasonConfirm || r.Reason == "role_missing"
}

// managedOne is the page of one operator.
type managedOne struct {
	operator *apiv1.Operator
	sessions []*apiv1.Session
	facts    []*apiv1.AccessFact
	ids      [5]string // of the commands that the page may give
	wrong    string

	invitation *apiv1.InviteOperatorResponse // shown this once
	code       *qrCode
	key        *apiv1.IssueKeyResponse // shown this once
}

func (s *site) operator(v *visit) (templ.Component, error) { return s.operatorPage(v, new(managedOne)) }

func (s *site) operatorPage(v *visit, m *managedOne) (templ.Component, error) {
	operators, err := s.registry.ListOperators(v.ctx, &apiv1.ListOperatorsRequest{})
	if err != nil {
		return nil, err
	}
	for _, o := range operators.Operators {
		if o.Id == v.request.PathValue("operator") {
			m.operator = o
		}
	}
	if m.operator == nil {
		return nil, errNotFound
	}
	sessions, err := s.session.ListSessions(v.ctx, &apiv1.ListSessionsRequest{Operator: m.operator.Id})
	if err != nil {
		return nil, err
	}
	facts, err := s.registry.ListAccessFacts(v.ctx, &apiv1.ListAccessFactsRequest{Operator: m.operator.Id, PageSize: 20})
	if err != nil {
		return nil, err
	}
	m.sessions, m.facts = sessions.Sessions, facts.Facts
	for i := range m.ids {
		m.ids[i] = uuid.NewString()
	}
	return operatorView(v, m), nil
}

// operatorChange gives one command about an operator. What is shown once is shown in the answer itself: no address leads to it again.
func (s *site) operatorChange(v *visit) (templ.Component, error) {
	if err := v.small(); err != nil {
		return nil, err
	}
	id, command := v.request.PathValue("operator"), v.posted("command_id")
	m, err := new(managedOne), error(nil)
	switch v.posted("what") {
	case "invite":
		if m.invitation, err = s.registry.InviteOperator(v.ctx, &apiv1.InviteOperatorRequest{CommandId: command, Operator: id}); err == nil && m.invitation.Link != "" {
			m.code, err = newQR(m.invitation.Link)
		}
	case "key":
		m.key, err = s.registry.IssueKey(v.ctx, &apiv1.IssueKeyRequest{CommandId: command, Operator: id})
	case "revoke":
		_, err = s.registry.RevokeKey(v.ctx, &apiv1.RevokeKeyRequest{CommandId: command, KeyId: v.posted("key")})
	case "suspend":
		_, err = s.registry.SuspendOperator(v.ctx, &apiv1.SuspendOperatorRequest{CommandId: command, Operator: id})
	case "reinstate":
		_, err = s.registry.ReinstateOperator(v.ctx, &apiv1.ReinstateOperatorRequest{CommandId: command, Operator: id})
	case "end":
		_, err = s.session.EndSessions(v.ctx, &apiv1.EndSessionsRequest{Operator: id})
	default:
		return nil, errNotFound
	}
	switch refusal := rpc.RefusalOf(err); {
	case err == nil && m.invitation == nil && m.key == nil:
		http.Redirect(v.writer, v.request, v.href("/admin/operator/"+id+"/"), http.StatusSeeOther)
		return nil, nil
	case err == nil:
		return s.operatorPage(v, m)
	case passedOn(refusal):
		return nil, err
	default:
		page, pageErr := s.operatorPage(v, &managedOne{wrong: v.sentence(refusal)})
		return v.refused(err, page), pageErr
	}
}

// accessLog is who did what about signing in.
func (s *site) accessLog(v *visit) (templ.Component, error) {
	q := v.request.URL.Query()
	before, err := number64(q.Get("before"))
	if err != nil {
		return nil, errNotFound
	}
	answer, err := s.registry.ListAccessFacts(v.ctx, &apiv1.ListAccessFactsRequest{Operator: strings.TrimSpace(q.Get("operator")), Before: before, PageSize: 100})
	if err != nil {
		return nil, err
	}
	return accessLogView(v, answer, q.Get("operator")), nil
}

// posts are the roles of one collective, now and before.
type posts struct {
	about     *apiv1.Collective
	roles     []*apiv1.RoleHolding
	commandID string
	operator  string // as it was typed
	role      apiv1.Role
	wrong     string
}

func (s *site) roles(v *visit) (templ.Component, error) { return s.rolesPage(v, new(posts)) }

func (s *site) rolesPage(v *visit, p *posts) (templ.Component, error) {
	answer, err := s.audit.ListRoles(v.ctx, &apiv1.ListRolesRequest{CollectiveId: v.collective(), Past: true})
	if err != nil {
		return nil, err
	}
	about, err := s.disclosure.GetCollective(v.public(), &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	p.about, p.roles, p.commandID = about.Collective, answer.Roles, uuid.NewString()
	return rolesView(v, p), nil
}

func (s *site) roleChange(v *visit) (templ.Component, error) {
	if err := v.small(); err != nil {
		return nil, err
	}
	p := &posts{operator: strings.ToLower(strings.TrimSpace(v.posted("operator"))), role: apiv1.Role(apiv1.Role_value[v.posted("role")])}
	var err error
	switch v.posted("what") {
	case "grant":
		_, err = s.registry.GrantRole(v.ctx, &apiv1.GrantRoleRequest{CommandId: v.posted("command_id"), CollectiveId: v.collective(), Operator: p.operator, Role: p.role})
	case "revoke":
		_, err = s.registry.RevokeRole(v.ctx, &apiv1.RevokeRoleRequest{CommandId: v.posted("command_id"), CollectiveId: v.collective(), Operator: p.operator, Role: p.role})
	default:
		return nil, errNotFound
	}
	switch refusal := rpc.RefusalOf(err); {
	case err == nil:
		http.Redirect(v.writer, v.request, v.href("/admin/"+v.collective()+"/"), http.StatusSeeOther)
		return nil, nil
	case passedOn(refusal):
		return nil, err
	default:
		p.wrong = v.sentence(refusal)
		page, pageErr := s.rolesPage(v, p)
		return v.refused(err, page), pageErr
	}
}

// roleTitles are what roles are called and what each does, in the order in which they are offered.
var roleTitles = []struct {
	role                   apiv1.Role
	zh, en, doesZh, doesEn string
}{
	{apiv1.Role_ROLE_TREASURER, "会计", "Treasurer", "记账、提出申请", "keeps the books and asks for payments"},
	{apiv1.Role_ROLE_CASHIER, "出纳", "Cashier", "付已批准的款", "pays what was approved"},
	{apiv1.Role_ROLE_APPROVER, "负责人", "Approver", "批准、记录决议", "approves and records resolutions"},
	{apiv1.Role_ROLE_SUPERVISOR, "监督", "Supervisor", "审核、审查、签月", "reviews, and signs months"},
	{apiv1.Role_ROLE_ADMIN, "管理", "Administrator", "授予和收回岗位,不看账", "grants and revokes roles, and reads no books"},
	{apiv1.Role_ROLE_AUDITOR, "审计", "Auditor", "只看", "reads only"},
	{apiv1.Role_ROLE_BOARD, "公示", "Board", "管公示栏", "looks after the board"},
}

// role is what a role is called.
func (v *visit) role(role apiv1.Role) string {
	for _, r := range roleTitles {
		if r.role == role {
			return v.text(r.zh, r.en)
		}
	}
	return role.String()
}

// accessFact is a fact of signing in as a sentence without its subject.
func (v *visit) accessFact(f *apiv1.AccessFact) string {
	words := map[string][2]string{
		"operator_created": {"新增操作员", "added the operator"}, "key_issued": {"发密钥", "issued a key"}, "key_revoked": {"作废密钥", "ended a key"},
		"invitation_issued": {"邀请", "invited"}, "password_set": {"设密码", "set a password"}, "password_removed": {"去掉密码", "removed the password"},
		"passkey_added": {"添加通行密钥", "added a passkey"}, "passkey_removed": {"去掉通行密钥", "removed a passkey"},
		"identity_linked": {"连接统一身份", "linked an identity"}, "identity_unlinked": {"断开统一身份", "unlinked an identity"},
		"session_started": {"登录", "signed in"}, "session_confirmed": {"再次确认", "confirmed"}, "session_ended": {"结束登录", "ended a session"},
		"operator_suspended": {"停用", "suspended"}, "operator_reinstated": {"恢复", "reinstated"},
	}[f.Type]
	if words[0] == "" {
		return f.Type
	}
	text := v.text(words[0], words[1])
	if f.Method != "" {
		text += v.text("(", " (") + v.method(f.Method) + v.text(")", ")")
	}
	if f.Name != "" {
		text += v.text(":", ": ") + f.Name
	}
	return text
}

// method is how somebody signed in, in words.
func (v *visit) method(name string) string {
	words := map[string][2]string{
		"password": {"密码", "password"}, "passkey": {"通行密钥", "passkey"}, "oidc": {"统一身份认证", "identity service"}, "invitation": {"邀请", "invitation"},
	}[name]
	return v.text(words[0], words[1])
}

func (v *visit) methodOf(m apiv1.SignInMethod) string {
	return v.method(strings.ToLower(strings.TrimPrefix(m.String(), "SIGN_IN_METHOD_")))
}

// number64 reads a number of an address; empty is 0.
func number64(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

func countOf(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

// signsInBy lists by what an operator can sign in.
func (v *visit) signsInBy(o *apiv1.Operator) string {
	var all []string
	if o.HasPassword {
		all = append(all, v.text("密码", "password"))
	}
	for _, some := range []struct {
		n      uint32
		zh, en string
	}{{o.Passkeys, "通行密钥", "passkeys"}, {o.Identities, "统一身份", "identities"}, {uint32(len(o.KeyIds)), "程序密钥", "keys for machines"}} {
		if some.n > 0 {
			all = append(all, v.text(some.zh+" "+countOf(some.n)+" 个", countOf(some.n)+" "+some.en))
		}
	}
	if len(all) == 0 {
		return v.text("还不能登录", "nothing yet")
	}
	return strings.Join(all, v.text("、", ", "))
}

func joined(all []string) string { return strings.Join(all, ", ") }

// roleChanges are who was granted and revoked what, the newest first.
func (v *visit) roleChanges(roles []*apiv1.RoleHolding) []string {
	type change struct{ at, text string }
	var all []change
	for _, h := range roles {
		all = append(all, change{h.Since, v.moment(h.Since) + " " + h.GrantedBy + v.text(" 授予 ", " granted ") + h.Operator + v.text(":", ": ") + v.role(h.Role)})
		if h.Until != "" {
			all = append(all, change{h.Until, v.moment(h.Until) + " " + h.RevokedBy + v.text(" 收回 ", " revoked ") + h.Operator + v.text(":", ": ") + v.role(h.Role)})
		}
	}
	slices.SortStableFunc(all, func(a, b change) int { return strings.Compare(b.at, a.at) })
	lines := make([]string, len(all))
	for i, c := range all {
		lines[i] = c.text
	}
	return lines
}

// sessionNote says how a session began and when it was last used.
func (v *visit) sessionNote(n *apiv1.Session) string {
	note := v.methodOf(n.Method)
	if n.SeenAt != "" {
		note += v.text(",最近使用 ", ", last used ") + v.moment(n.SeenAt)
	}
	return note
}
