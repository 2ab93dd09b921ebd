package rpc_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// serviceDescriptors are the services in the order of the docs.
func serviceDescriptors() []protoreflect.ServiceDescriptor {
	var all []protoreflect.ServiceDescriptor
	for _, f := range []protoreflect.FileDescriptor{
		apiv1.File_mingzhang_api_v1_registry_service_proto, apiv1.File_mingzhang_api_v1_session_service_proto, apiv1.File_mingzhang_api_v1_governance_service_proto,
		apiv1.File_mingzhang_api_v1_books_service_proto, apiv1.File_mingzhang_api_v1_audit_service_proto,
		apiv1.File_mingzhang_api_v1_disclosure_service_proto, apiv1.File_mingzhang_api_v1_documents_service_proto,
	} {
		for i := range f.Services().Len() {
			all = append(all, f.Services().Get(i))
		}
	}
	return all
}

func methodDescriptors() []protoreflect.MethodDescriptor {
	var all []protoreflect.MethodDescriptor
	for _, s := range serviceDescriptors() {
		for i := range s.Methods().Len() {
			all = append(all, s.Methods().Get(i))
		}
	}
	return all
}

func procedure(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// methodOf finds the method whose request a message is.
func methodOf(req proto.Message) protoreflect.MethodDescriptor {
	for _, m := range methodDescriptors() {
		if m.Input().FullName() == req.ProtoReflect().Descriptor().FullName() {
			return m
		}
	}
	panic("no method takes " + string(req.ProtoReflect().Descriptor().FullName()))
}

func newMessage(d protoreflect.MessageDescriptor) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(err)
	}
	return t.New().Interface()
}

// commandOf is the row of ledger.Matrix that a method is judged by.
func commandOf(method string) string {
	if method == "RequestReversal" {
		return "RequestCorrection"
	}
	return method
}

// callersOf says who may call a method, from the two tables; ok is false when neither has a row.
func callersOf(method string) (callers access.Callers, ok bool) {
	if callers, ok = access.Matrix[method]; ok {
		return callers, true
	}
	allowed, ok := ledger.Matrix[commandOf(method)]
	if slices.Contains(allowed, ledger.Anybody) {
		return access.Callers{Public: true}, ok
	}
	return access.Callers{Roles: allowed}, ok
}

// wellFormed makes a request that keeps every rule of the schema; what it asks for need not make sense.
func wellFormed(t testing.TB, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	m := newMessage(d)
	fill(m.ProtoReflect())
	if err := protovalidate.Validate(m); err != nil {
		t.Fatalf("the made-up %s is not well formed: %v", d.Name(), err)
	}
	return m
}

var texts = map[string]string{
	"collective_id": "lmb", "amount": "1.00", "pool": "1.00", "budget": "1.00", "right_amount": "1.00", "authority": "1.00",
	"month": "2021-08", "payer": "org/a", "payee": "org/a", "donor": "org/a", "share": "1", "quorum": "1/2", "pass": "1/2",
	"number": "付2021-19", "corrects": "付2021-19", "difference_of": "付2021-19", "vouchers": "付2021-19", "reverses": "付2021-19",
	"account": "fund/reserve", "currency": "CNY", "time_zone": "Asia/Shanghai", "as_of": "", "as_known_at": "", "page_token": "",
	"simulated_at": "", "expires_at": "", "class": "", "state": "", "method": "RecordIncome", "request_json": "{}", "as": "",
	"payment": "付2021-19", "receipt": "收2021-1", "voucher": "收2021-1", "deducted": "1.00", "party": "org/a", "cap": "1.00", "until": "",
	"digest": "", "sha256": "", "total": "", "cited": "", "media_type": "", "log_origin": "", "operator": "nobody-else", "reason": "why",
	"valid_from": "", "valid_until": "", "corrected_by": "付2021-19", "rules": "late_entry",
}

func fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.HasOptionalKeyword(), f.Name() == "min_version", f.Name() == "page_size", f.Name() == "page_token", f.Name() == "after":
			continue
		case f.FullName() == "mingzhang.api.v1.RaiseInquiryRequest.wording": // for supervisors alone
			continue
		case f.Message() == m.Descriptor(): // a share within a share
			continue
		case f.ContainingOneof() != nil && f.ContainingOneof().Fields().Get(0) != f:
			continue
		case f.IsList():
			list := m.Mutable(f).List()
			list.Append(element(f, list.NewElement()))
			if f.Name() == "lines" && m.Descriptor().Name() == "ProposeOpeningRequest" {
				list.Append(element(f, list.NewElement()))
			}
		case f.Kind() == protoreflect.MessageKind:
			fill(m.Mutable(f).Message())
		default:
			m.Set(f, element(f, m.NewField(f)))
		}
	}
}

func element(f protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.MessageKind:
		fill(v.Message())
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.Uint32Kind:
		if f.Name() == "year" {
			return protoreflect.ValueOfUint32(2021)
		}
		if f.Name() == "generation" {
			return protoreflect.ValueOfUint32(2)
		}
		return protoreflect.ValueOfUint32(1)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text(f))
	}
	return v
}

func text(f protoreflect.FieldDescriptor) string {
	name := string(f.Name())
	switch {
	case name == "command_id":
		return id()
	case name == "content_sha256": // the number finds it
		return ""
	case strings.HasPrefix(name, "record_id"):
		return "01234567-89ab-4cde-8f01-23456789abcd"
	case strings.HasSuffix(name, "_sha256") || name == "sha256" && f.Parent().Name() != "Document":
		return strings.Repeat("ab", 32)
	case name == "kind" && f.Parent().Name() == "Document":
		return "receipt"
	case f.Parent().Name() == "FinishIdentitySignInRequest":
		return "gone"
	case strings.HasSuffix(name, "_on"), name == "first_day", name == "record_date", strings.HasPrefix(name, "notice_"), strings.HasPrefix(name, "valid_"):
		return "2021-09-10"
	case name == "from" || name == "to":
		switch {
		case f.Parent().Name() == "MoveMoneyRequest":
			return "bank"
		case f.Parent().Name() == "Tier":
			return "0.00"
		case f.Parent().Name() == "PublishEditionRequest":
			return "2021-09-10"
		}
		return ""
	}
	if s, ok := texts[name]; ok {
		return s
	}
	return "reserve"
}

// TestEveryMethodHasOneRow: a new method without a row in one of the two tables fails here, and so does a row without one.
func TestEveryMethodHasOneRow(t *testing.T) {
	known := map[string]bool{}
	for _, m := range methodDescriptors() {
		name := string(m.Name())
		known[commandOf(name)] = true
		_, reads := access.Matrix[name]
		_, commands := ledger.Matrix[commandOf(name)]
		if reads == commands && name != "FoundCollective" {
			t.Errorf("%s: row in access.Matrix %v, in ledger.Matrix %v; it needs one", name, reads, commands)
		}
	}
	for _, name := range append(slices.Collect(maps.Keys(access.Matrix)), slices.Collect(maps.Keys(ledger.Matrix))...) {
		if !known[name] {
			t.Errorf("%s has a row and is no method", name)
		}
	}
	for name, callers := range access.Matrix {
		kinds := 0
		for _, is := range []bool{callers.Public, callers.Operator, callers.Admin, len(callers.Roles) > 0} {
			if is {
				kinds++
			}
		}
		if kinds != 1 {
			t.Errorf("%s says %d kinds of callers, want 1", name, kinds)
		}
	}
}

// everybody are the callers of the matrix: nobody, one operator a role, and three without a role in "lmb".
func everybody() []string {
	return append([]string{"", "stranger", "neighbour", "chief"}, slices.Sorted(maps.Keys(roles))...)
}

// expected says what the tables let a caller do: "" everything, else the reason of the refusal.
func expected(callers access.Callers, who string) ledger.Reason {
	switch {
	case callers.Public:
		return ""
	case who == "":
		return "unauthenticated"
	case callers.Operator, callers.Admin && who == "chief":
		return ""
	}
	role := eventv1.Role(roles[who])
	if who == "chief" {
		role = eventv1.Role_ROLE_ADMIN // its founder is the first admin of a collective
	}
	if role != 0 && slices.Contains(callers.Roles, role) {
		return ""
	}
	return ledger.RoleMissing
}

// TestWhoMayCallWhat calls every method as everybody, over HTTP and in process: whom the tables let in is never refused for
// who he is, everybody else always is, and before anything else is looked at.
func TestWhoMayCallWhat(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	calls := 0
	for _, m := range methodDescriptors() {
		callers, ok := callersOf(string(m.Name()))
		if !ok {
			t.Errorf("%s has no row", m.Name())
			continue
		}
		for _, who := range everybody() {
			want := expected(callers, who)
			for path, got := range v.tryAll(m, who) {
				calls++
				denied := got == "unauthenticated" || got == ledger.RoleMissing
				if denied != (want != "") || denied && got != want {
					t.Errorf("%s as %q %s: %q, want %q", m.Name(), who, path, got, want)
				}
			}
		}
	}
	t.Logf("%d calls", calls)
}

// tryAll calls a method in every way and gives the reasons of the refusals.
func (v *village) tryAll(m protoreflect.MethodDescriptor, who string) map[string]ledger.Reason {
	if m.IsStreamingServer() || m.IsStreamingClient() {
		return map[string]ledger.Reason{"streaming": v.tryStream(m, who)}
	}
	body, err := protojson.Marshal(wellFormed(v.t, m.Input()))
	fatalIf(v.t, err)
	_, overHTTP := v.post(who, procedure(m), string(body)).refusal()
	_, err = v.inProcess(who, wellFormed(v.t, m.Input()))
	return map[string]ledger.Reason{"over HTTP": ledger.Reason(overHTTP), "in process": reasonOf(err)}
}

func (v *village) tryStream(m protoreflect.MethodDescriptor, who string) ledger.Reason {
	ctx := v.t.Context()
	if who != "" {
		ctx = rpc.AsOperator(ctx, who)
	}
	var err error
	switch r := wellFormed(v.t, m.Input()).(type) {
	case *apiv1.ReadLogRequest:
		stream, opened := v.audit().ReadLog(ctx, r)
		fatalIf(v.t, opened)
		defer stream.Close()
		_, err = stream.Receive()
	case *apiv1.WatchRequest:
		stream, opened := v.audit().Watch(ctx, r)
		fatalIf(v.t, opened)
		defer stream.Close()
		_, err = stream.Receive()
	case *apiv1.WatchHeadsRequest:
		stream, opened := v.audit().WatchHeads(ctx, r)
		fatalIf(v.t, opened)
		defer stream.Close()
		_, err = stream.Receive()
	default:
		return v.tryDocuments(ctx, m)
	}
	return reasonOf(err)
}

func reasonOf(err error) ledger.Reason {
	return ledger.Reason(rpc.RefusalOf(err).GetReason())
}

// TestPublicLogOpensTheLogToEverybody: a collective that chose so shows log and head without a key, and nothing else.
func TestPublicLogOpensTheLogToEverybody(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	founding := wellFormed(t, (*apiv1.FoundCollectiveRequest)(nil).ProtoReflect().Descriptor()).(*apiv1.FoundCollectiveRequest)
	founding.CollectiveId, founding.PublicLog = "open-village", apiv1.PublicLog_PUBLIC_LOG_FULL
	founding.FirstDay = "2021-07-01"
	founding.SimulatedClock = false
	v.must("chief", founding)
	for name, want := range map[string]ledger.Reason{"GetHead": "", "VerifyLog": "", "ListVouchers": "unauthenticated", "GetBalances": "unauthenticated"} {
		reply := v.post("", "/mingzhang.api.v1.AuditService/"+name, `{"collectiveId":"open-village"}`)
		if _, got := reply.refusal(); ledger.Reason(got) != want {
			t.Errorf("%s without a key: %q, want %q (%s)", name, got, want, reply.body)
		}
	}
	for name, field := range map[string]string{"ProveInclusion": "version", "ProveConsistency": "oldSize"} {
		if reply := v.post("", "/mingzhang.api.v1.AuditService/"+name, `{"collectiveId":"open-village","`+field+`":"1"}`); reply.status != 200 {
			t.Errorf("%s without a key: %d %s", name, reply.status, reply.body)
		}
		if reply := v.post("", "/mingzhang.api.v1.AuditService/"+name, `{"collectiveId":"lmb","`+field+`":"1"}`); reply.status != 401 {
			t.Errorf("%s of a log that is not public: %d %s", name, reply.status, reply.body)
		}
	}
	stream, err := v.audit().ReadLog(t.Context(), &apiv1.ReadLogRequest{CollectiveId: "open-village"})
	fatalIf(t, err)
	defer stream.Close()
	if first, err := stream.Receive(); err != nil || len(first.Events) != 1 || first.Events[0].Type != "collective_founded" {
		t.Errorf("log without a key: %v, %v", first, err)
	}
	if reply := v.post("", "/mingzhang.api.v1.AuditService/GetHead", `{"collectiveId":"lmb"}`); reply.status != 401 {
		t.Errorf("head of a log that is not public: %d %s", reply.status, reply.body)
	}
}

// TestKeysAreForHTTPAndContextsForTheProcess: what names the caller on one side means nothing on the other.
func TestKeysAreForHTTPAndContextsForTheProcess(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	const path = "/mingzhang.api.v1.AuditService/GetBalances"
	for _, c := range []struct {
		what, header string
		want         int
	}{
		{"the treasurer's key", "Bearer " + v.keys["treasurer"], 200},
		{"another spelling of the scheme", "bearer " + v.keys["treasurer"], 200},
		{"another scheme", "Basic " + v.keys["treasurer"], 401},
		{"no scheme", v.keys["treasurer"], 401},
		{"a key that was never issued", "Bearer mz_aaaaaaaaaaaaaaaa_" + strings.Repeat("A", 43) + "_00000000", 401},
		{"the name of an operator", "Bearer treasurer", 401},
		{"no key", "", 401},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{"Authorization", c.header}
		}
		if reply := v.post("", path, `{"collectiveId":"lmb"}`, headers...); reply.status != c.want {
			t.Errorf("%s: %d %s, want %d", c.what, reply.status, reply.body, c.want)
		}
	}
	if reply := v.post("", "/mingzhang.api.v1.DisclosureService/GetVersion", `{}`, "Authorization", "Bearer old"); reply.status != 401 {
		t.Errorf("a key that is not valid on a public read: %d, want 401", reply.status)
	}
	if _, err := v.inProcess("nobody-else", &apiv1.GetBalancesRequest{CollectiveId: "lmb"}); reasonOf(err) != access.OperatorUnknown {
		t.Errorf("in process as somebody who does not exist: %v", err)
	}
	// A server whose contexts carry an operator, by mistake or malice, still asks for a key.
	ctx, info := connect.NewClientContext(rpc.AsOperator(t.Context(), "treasurer"))
	info.RequestHeader().Set("Authorization", "Bearer "+v.keys["board"])
	res := new(apiv1.GetBalancesResponse)
	err := v.overHTTP().CallUnary(ctx, connect.Spec{Procedure: path}, &apiv1.GetBalancesRequest{CollectiveId: "lmb"}, res)
	if reasonOf(err) != ledger.RoleMissing {
		t.Errorf("a context over HTTP: %v", err)
	}
}

// TestGrantRoleNeedsAnOperator: roles go to operators that exist, and only admins learn which do.
func TestGrantRoleNeedsAnOperator(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	grant := func() proto.Message {
		return &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "lmb", Operator: "nobody-else", Role: apiv1.Role_ROLE_AUDITOR}
	}
	if _, err := v.inProcess("chief", grant()); reasonOf(err) != access.OperatorUnknown {
		t.Errorf("as admin: %v", err)
	}
	if _, err := v.inProcess("treasurer", grant()); reasonOf(err) != ledger.RoleMissing {
		t.Errorf("as treasurer: %v", err)
	}
}

// TestKeyLivesByItsCommands: a key issued over HTTP works there, and not after it was revoked.
func TestKeyLivesByItsCommands(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	const registry = "/mingzhang.api.v1.RegistryService/"
	issued := v.must("chief", &apiv1.IssueKeyRequest{CommandId: id(), Operator: "board", ExpiresAt: "2021-10-01T00:00:00+08:00"}).(*apiv1.IssueKeyResponse)
	v.keys["second"] = issued.Key
	v.keys["board"] = issued.Key
	read := func() int {
		return v.post("board", "/mingzhang.api.v1.DisclosureService/GetVersion", `{}`).status
	}
	if got := read(); got != 200 {
		t.Errorf("a fresh key: %d", got)
	}
	reply := v.post("chief", registry+"RevokeKey", `{"commandId":"`+uuid.NewString()+`","keyId":"`+issued.KeyId+`"}`)
	if reply.status != 200 {
		t.Fatalf("revoke: %s", reply.body)
	}
	if got := read(); got != 401 {
		t.Errorf("a revoked key: %d", got)
	}
	listed := v.post("chief", registry+"ListOperators", `{}`)
	if listed.status != 200 || strings.Contains(listed.body, issued.KeyId) || strings.Contains(listed.body, "mz_") {
		t.Errorf("operators: %s", listed.body)
	}
}
