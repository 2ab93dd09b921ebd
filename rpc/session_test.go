package rpc_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

const (
	sessions = "/mingzhang.api.v1.SessionService/"
	sentence = "稻花香里说丰年,听取蛙声一片"
)

// signIn gives an operator a password by an invitation, the way people get one, and keeps the key of his session under name.
func (v *village) signIn(operator, name string) *village {
	v.t.Helper()
	secret := v.must("chief", &apiv1.InviteOperatorRequest{CommandId: id(), Operator: operator}).(*apiv1.InviteOperatorResponse).Secret
	v.must("", &apiv1.AcceptInvitationRequest{Secret: secret, Password: sentence})
	reply := v.post("", sessions+"SignIn", `{"operator":"`+operator+`","password":"`+sentence+`"}`)
	var answer struct{ Session struct{ Key string } }
	if err := json.Unmarshal([]byte(reply.body), &answer); err != nil || !strings.HasPrefix(answer.Session.Key, "mzs_") {
		v.t.Fatalf("signing in as %s: %d %s", operator, reply.status, reply.body)
	}
	v.keys[name] = answer.Session.Key
	return v
}

// withSession calls a method in process by the key kept under a name, as pages do.
func (v *village) withSession(name string, req proto.Message) (proto.Message, error) {
	m := methodOf(req)
	res := newMessage(m.Output())
	ctx := rpc.WithKey(v.t.Context(), v.keys[name])
	err := connect.NewClient(v.server.InProcess()).CallUnary(ctx, connect.Spec{Procedure: procedure(m)}, req, res)
	return res, err
}

// TestSessionIsAKey: it does what its operator can, over HTTP and in process, until it is ended.
func TestSessionIsAKey(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open().signIn("treasurer", "session")
	body := jsonOf(t, income("1.00"))
	if reply := v.post("session", books+"RecordIncome", body); reply.status != 200 {
		t.Errorf("over HTTP: %d %s", reply.status, reply.body)
	}
	if _, err := v.withSession("session", income("2.00")); err != nil {
		t.Errorf("in process: %v", err)
	}
	if _, err := v.withSession("session", wellFormed(t, (*apiv1.ConfirmOpeningRequest)(nil).ProtoReflect().Descriptor())); reasonOf(err) != ledger.RoleMissing {
		t.Errorf("what a treasurer may not: %v", err)
	}
	// Who calls by a key is not who holds the process: lines as others want their keys.
	line := &apiv1.ApplyLine{Method: "RecordIncome", As: "cashier", RequestJson: jsonOf(t, income("1.00"))}
	res, err := v.withSession("session", &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{line}})
	fatalIf(t, err)
	if got := res.(*apiv1.ApplyResponse).Results[0].Refusal.GetReason(); got != "key_not_given" {
		t.Errorf("a line as somebody else: %q", got)
	}
	who := v.post("session", sessions+"WhoAmI", `{"collectiveId":"lmb"}`)
	if !strings.Contains(who.body, `"operator":"treasurer"`) || !strings.Contains(who.body, "ROLE_TREASURER") || !strings.Contains(who.body, `"confirmedUntil":"2021-09-30T10:05:00`) || who.header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("who am I: %s %v", who.body, who.header)
	}
	if reply := v.post("session", sessions+"SignOut", `{}`); reply.status != 200 {
		t.Fatalf("signing out: %s", reply.body)
	}
	if reply := v.post("session", sessions+"WhoAmI", `{}`); reply.status != 401 {
		t.Errorf("after it, over HTTP: %d %s", reply.status, reply.body)
	}
	if _, err := v.withSession("session", &apiv1.WhoAmIRequest{}); reasonOf(err) != "unauthenticated" {
		t.Errorf("after it, in process: %v", err)
	}
	if _, err := v.withSession("session", &apiv1.GetVersionRequest{}); reasonOf(err) != "unauthenticated" {
		t.Errorf("a public read by an ended session: %v", err)
	}
}

// TestGraveNeedsAConfirmedSession: five minutes after signing in, what is grave is refused in every way it can be called, a preview
// says so beforehand, keys of machines are not asked, and confirming lets it through.
func TestGraveNeedsAConfirmedSession(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open().signIn("chief", "session")
	v.now = v.now.Add(5 * time.Minute)
	grant := func() *apiv1.GrantRoleRequest {
		return &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "far", Operator: "stranger", Role: apiv1.Role_ROLE_AUDITOR}
	}
	batch := func(lines ...*apiv1.ApplyLine) *apiv1.ApplyRequest { return &apiv1.ApplyRequest{Lines: lines} }
	inBatch := func(res proto.Message, err error) ledger.Reason {
		fatalIf(t, err)
		return ledger.Reason(res.(*apiv1.ApplyResponse).Results[0].Refusal.GetReason())
	}
	try := func() map[string]ledger.Reason {
		_, overHTTP := v.post("session", "/mingzhang.api.v1.RegistryService/GrantRole", jsonOf(t, grant())).refusal()
		_, inProcess := v.withSession("session", grant())
		reply := v.post("session", books+"Apply", jsonOf(t, batch(lineOf(t, "GrantRole", "", grant()))))
		answer := new(apiv1.ApplyResponse)
		fatalIf(t, unmarshal(reply.body, answer))
		return map[string]ledger.Reason{
			"over HTTP": ledger.Reason(overHTTP), "in process": reasonOf(inProcess), "in a batch over HTTP": ledger.Reason(answer.Results[0].Refusal.GetReason()),
			"in a batch":         inBatch(v.withSession("session", batch(lineOf(t, "GrantRole", "", grant())))),
			"about an operator":  inBatch(v.withSession("session", batch(lineOf(t, "IssueKey", "", &apiv1.IssueKeyRequest{CommandId: id(), Operator: "board"})))),
			"as itself by name":  inBatch(v.withSession("session", batch(lineOf(t, "GrantRole", "chief", grant())))),
			"an invitation":      errorOf(v.withSession("session", &apiv1.InviteOperatorRequest{CommandId: id(), Operator: "board"})),
			"a new passkey":      errorOf(v.withSession("session", &apiv1.BeginPasskeyRegistrationRequest{})),
			"linking identities": errorOf(v.withSession("session", &apiv1.BeginIdentitySignInRequest{Link: true})),
		}
	}
	preview := func() *apiv1.PreviewResult {
		res, err := v.withSession("session", &apiv1.PreviewRequest{Line: lineOf(t, "GrantRole", "", grant())})
		fatalIf(t, err)
		return res.(*apiv1.PreviewResponse).Result
	}
	for how, got := range try() {
		if got != access.ConfirmNeeded {
			t.Errorf("%s: %q", how, got)
		}
	}
	if p := preview(); p.Code != "" || !p.ConfirmNeeded || p.Receipt == nil {
		t.Errorf("preview: %v", p)
	}
	all, err := v.withSession("session", &apiv1.PreviewApplyRequest{Lines: []*apiv1.ApplyLine{lineOf(t, "GrantRole", "", grant()), lineOf(t, "IssueKey", "", &apiv1.IssueKeyRequest{CommandId: id(), Operator: "board"})}})
	fatalIf(t, err)
	for i, r := range all.(*apiv1.PreviewApplyResponse).Results {
		if r.Code != "" || !r.ConfirmNeeded {
			t.Errorf("line %d of a preview: %v", i, r)
		}
	}
	if _, err := v.withSession("session", &apiv1.ListOperatorsRequest{}); err != nil {
		t.Errorf("what is not grave: %v", err)
	}
	if reply := v.post("chief", "/mingzhang.api.v1.RegistryService/GrantRole", jsonOf(t, grant())); reply.status != 200 {
		t.Errorf("by a machine's key: %s", reply.body)
	}
	// The keys that come along for lines as others are looked at as well.
	reply := v.post("treasurer", books+"Apply", jsonOf(t, batch(lineOf(t, "GrantRole", "chief", grant()))), rpc.KeysHeader, v.keys["session"])
	if !strings.Contains(reply.body, string(access.ConfirmNeeded)) {
		t.Errorf("a line as the holder of a session: %s", reply.body)
	}
	if reply := v.post("session", sessions+"Confirm", `{"password":"wrong one"}`); reply.status != 403 {
		t.Errorf("a wrong password: %d %s", reply.status, reply.body)
	}
	if reply := v.post("session", sessions+"Confirm", `{"password":"`+sentence+`"}`); reply.status != 200 || !strings.Contains(reply.body, "2021-09-30T10:10:00") {
		t.Errorf("confirming: %d %s", reply.status, reply.body)
	}
	for how, got := range try() {
		if got == access.ConfirmNeeded {
			t.Errorf("confirmed, %s: %q", how, got)
		}
	}
	if p := preview(); p.ConfirmNeeded {
		t.Errorf("confirmed, preview: %v", p)
	}
}

func errorOf(_ proto.Message, err error) ledger.Reason { return reasonOf(err) }

func unmarshal(text string, m proto.Message) error { return protojson.Unmarshal([]byte(text), m) }

// TestEveryGraveMethodAsks: each of them, called by a session that was not confirmed, is refused for that, if for nothing before.
func TestEveryGraveMethodAsks(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	for who := range roles {
		v.signIn(who, who)
	}
	v.signIn("chief", "chief-session")
	v.now = v.now.Add(6 * time.Minute)
	asked := map[string]bool{}
	for _, m := range methodDescriptors() {
		name := string(m.Name())
		if m.IsStreamingServer() || m.IsStreamingClient() {
			continue
		}
		for _, who := range append(slices.Collect(maps.Keys(roles)), "chief-session") {
			if _, err := v.withSession(who, wellFormed(t, m.Input())); reasonOf(err) == access.ConfirmNeeded {
				asked[name] = true
			}
		}
		if name == "SignOut" || name == "EndSessions" { // those are over
			for who := range roles {
				v.signIn(who, who)
			}
			v.signIn("chief", "chief-session")
			v.now = v.now.Add(6 * time.Minute)
		}
	}
	for name := range access.Grave {
		if !asked[name] {
			t.Errorf("%s does not ask", name)
		}
		delete(asked, name)
	}
	if len(asked) != 0 {
		t.Errorf("%v ask and are not in the table", slices.Sorted(maps.Keys(asked)))
	}
}

// TestSignInTellsNothing: over HTTP, status, headers and body of a wrong password and of an unknown name are the same.
func TestSignInTellsNothing(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).signIn("treasurer", "session")
	try := func(who, password string) reply {
		r := v.post("", sessions+"SignIn", `{"operator":"`+who+`","password":"`+password+`"}`)
		r.header.Del("Date")
		return r
	}
	wrong := try("treasurer", "a wrong password")
	if _, got := wrong.refusal(); wrong.status != 403 || ledger.Reason(got) != access.SignInFailed || strings.Contains(wrong.body, "treasurer") {
		t.Errorf("a wrong password: %d %s", wrong.status, wrong.body)
	}
	for _, who := range []string{"nobody-here", "board", "UNION SELECT", "租金"} {
		other := try(who, "a wrong password")
		if other.status != wrong.status || other.body != wrong.body || !maps.EqualFunc(other.header, wrong.header, slices.Equal) {
			t.Errorf("%s: %d %s %v, want %d %s %v", who, other.status, other.body, other.header, wrong.status, wrong.body, wrong.header)
		}
	}
	for range 4 {
		try("treasurer", "a wrong password")
		try("nobody-here", "a wrong password")
	}
	late, unknown := try("treasurer", sentence), try("nobody-here", sentence)
	if _, got := late.refusal(); late.status != 429 || ledger.Reason(got) != access.TooOften || late.body != unknown.body {
		t.Errorf("too often: %d %s\nand %s", late.status, late.body, unknown.body)
	}
	if strings.Contains(v.logs.String(), "wrong password") || strings.Contains(v.logs.String(), sentence) {
		t.Error("the log has a password")
	}
}

// TestAddressesCount: pages tell from where their visitors come, and one address that fails is not everybody.
func TestAddressesCount(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).signIn("treasurer", "session")
	from := func(address, who, password string) ledger.Reason {
		res := new(apiv1.SignInResponse)
		ctx := rpc.FromAddress(t.Context(), address)
		return reasonOf(connect.NewClient(v.server.InProcess()).CallUnary(ctx, connect.Spec{Procedure: sessions + "SignIn"}, &apiv1.SignInRequest{Operator: who, Password: password}, res))
	}
	for range 20 {
		if got := from("192.0.2.7", id(), "a wrong password"); got != access.SignInFailed {
			t.Fatal(got)
		}
	}
	if got := from("192.0.2.7", "treasurer", sentence); got != access.TooOften {
		t.Errorf("from there: %q", got)
	}
	if got := from("192.0.2.8", "treasurer", sentence); got != "" {
		t.Errorf("from elsewhere: %q", got)
	}
}

// TestSessionsOfOthers: people see and end their own, admins anybody's.
func TestSessionsOfOthers(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).signIn("treasurer", "one").signIn("board", "two").signIn("chief", "three")
	list := func(name, operator string) []*apiv1.Session {
		res, err := v.withSession(name, &apiv1.ListSessionsRequest{Operator: operator})
		if err != nil {
			t.Errorf("list of %q by %s: %v", operator, name, err)
		}
		return res.(*apiv1.ListSessionsResponse).Sessions
	}
	own := list("one", "")
	if len(own) != 2 || !own[0].Current || own[1].Current || own[0].Method != apiv1.SignInMethod_SIGN_IN_METHOD_PASSWORD || own[0].SeenAt == "" {
		t.Errorf("own sessions %v", own)
	}
	if _, err := v.withSession("two", &apiv1.ListSessionsRequest{Operator: "treasurer"}); reasonOf(err) != access.OperatorUnknown {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := v.withSession("two", &apiv1.EndSessionRequest{SessionId: own[0].SessionId}); reasonOf(err) != access.SessionUnknown {
		t.Errorf("ending somebody else's: %v", err)
	}
	if got := list("three", "treasurer"); len(got) != 2 || got[0].Current {
		t.Errorf("by an admin: %v", got)
	}
	if _, err := v.withSession("three", &apiv1.EndSessionRequest{SessionId: own[0].SessionId}); err != nil {
		t.Error(err)
	}
	if _, err := v.withSession("one", &apiv1.WhoAmIRequest{}); reasonOf(err) != "unauthenticated" {
		t.Errorf("ended by an admin: %v", err)
	}
	// A key of a machine lists and ends its operator's sessions too; what a person does by himself it cannot.
	if _, err := v.inProcess("board", &apiv1.EndSessionsRequest{}); err != nil {
		t.Error(err)
	}
	for _, r := range []proto.Message{&apiv1.SetPasswordRequest{NewPassword: sentence}, &apiv1.ConfirmRequest{Password: sentence}, &apiv1.SignOutRequest{}, &apiv1.RemovePasswordRequest{}, &apiv1.BeginPasskeyConfirmRequest{}} {
		if _, err := v.inProcess("board", r); reasonOf(err) != access.SessionNeeded {
			t.Errorf("%T without a session: %v", r, err)
		}
	}
}

// TestSuspendedOperatorDoesNothing, not even for who holds the process.
func TestSuspendedOperatorDoesNothing(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open().signIn("treasurer", "session")
	v.must("chief", &apiv1.SuspendOperatorRequest{CommandId: id(), Operator: "treasurer"})
	if reply := v.post("treasurer", books+"RecordIncome", jsonOf(t, income("1.00"))); reply.status != 401 {
		t.Errorf("by a key: %d %s", reply.status, reply.body)
	}
	if _, err := v.withSession("session", income("1.00")); reasonOf(err) != "unauthenticated" {
		t.Errorf("by a session: %v", err)
	}
	if _, err := v.inProcess("treasurer", income("1.00")); reasonOf(err) != access.OperatorSuspended {
		t.Errorf("in process: %v", err)
	}
	line := lineOf(t, "RecordIncome", "treasurer", income("1.00"))
	if got := v.must("chief", &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{line}}).(*apiv1.ApplyResponse).Results[0].Refusal.GetReason(); ledger.Reason(got) != access.OperatorSuspended {
		t.Errorf("a line in process: %q", got)
	}
	listed := v.must("chief", &apiv1.ListOperatorsRequest{}).(*apiv1.ListOperatorsResponse)
	i := slices.IndexFunc(listed.Operators, func(o *apiv1.Operator) bool { return o.Id == "treasurer" })
	if o := listed.Operators[i]; !o.Suspended || !o.HasPassword || o.Sessions != 0 || len(o.KeyIds) != 1 {
		t.Errorf("listed as %v", o)
	}
	facts := v.must("chief", &apiv1.ListAccessFactsRequest{Operator: "treasurer", PageSize: 1}).(*apiv1.ListAccessFactsResponse)
	if len(facts.Facts) != 1 || facts.Facts[0].Type != "operator_suspended" || facts.Facts[0].Actor != "chief" || facts.NextBefore == 0 {
		t.Errorf("facts %v", facts)
	}
	v.must("chief", &apiv1.ReinstateOperatorRequest{CommandId: id(), Operator: "treasurer"})
	if reply := v.post("treasurer", books+"RecordIncome", jsonOf(t, income("1.00"))); reply.status != 200 {
		t.Errorf("reinstated: %s", reply.body)
	}
}

// TestPasswordsAreNoLines: methods of signing in are calls of their own.
func TestPasswordsAreNoLines(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	line := &apiv1.ApplyLine{Method: "SignIn", RequestJson: `{"operator":"treasurer","password":"x"}`}
	if got := v.must("chief", &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{line}}).(*apiv1.ApplyResponse).Results[0].Refusal.GetReason(); got != "method_unknown" {
		t.Errorf("%q", got)
	}
}

// TestInvitationHasALink, where the origin of the pages is known; a repetition and a preview tell no secret that opens anything.
func TestInvitationHasALink(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	door, err := access.NewDoor(v.access, access.DoorOptions{Origin: "https://ledger.example", Clock: func() time.Time { return v.now }})
	fatalIf(t, err)
	v.config.Door = door
	v.server = rpc.New(v.config)
	r := &apiv1.InviteOperatorRequest{CommandId: id(), Operator: "board"}
	preview := v.must("chief", &apiv1.PreviewRequest{Line: lineOf(t, "InviteOperator", "", r)}).(*apiv1.PreviewResponse).Result
	first := v.must("chief", r).(*apiv1.InviteOperatorResponse)
	again := v.must("chief", r).(*apiv1.InviteOperatorResponse)
	if preview.Code != "" || first.Link != "https://ledger.example/invitation/"+first.Secret+"/" || again.Secret != "" || again.Link != "" || again.ExpiresAt != first.ExpiresAt {
		t.Errorf("preview %v, first %v, again %v", preview, first, again)
	}
	whom := v.must("", &apiv1.OpenInvitationRequest{Secret: first.Secret}).(*apiv1.OpenInvitationResponse)
	if whom.Operator != "board" || whom.DisplayName != "岗位" {
		t.Errorf("for %v", whom)
	}
	ways := v.must("", &apiv1.GetSignInWaysRequest{}).(*apiv1.GetSignInWaysResponse)
	if !ways.Passkeys || ways.IdentityService != "" || ways.Origin != "https://ledger.example" {
		t.Errorf("ways %v", ways)
	}
}
