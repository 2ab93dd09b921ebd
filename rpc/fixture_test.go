package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/documents"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// village is a whole node in memory with the collective "lmb", one operator for each role, and a second collective "far".
type village struct {
	signer       *leaving
	t            testing.TB
	server       *rpc.Server
	config       rpc.Config // of the server
	store        eventstore.Store
	access       *access.Service
	books        *projections.Library
	url          string            // of the API over HTTP
	http         *http.Client      // that speaks to it
	keys         map[string]string // operator -> bearer key
	now          time.Time         // what the node takes for now
	logs         *bytes.Buffer
	documents    *documents.Store
	documentsDir string
	vault        *people.Vault
	persons      *eventstore.Memory // where it keeps
}

// observers tells several of new events.
type observers []ledger.Observer

func (all observers) Observe(collective string, events []*eventv1.Event) {
	for _, o := range all {
		o.Observe(collective, events)
	}
}

// The operators of "lmb", one a role, named after it; "stranger" holds no role anywhere, "chief" is the server's admin and
// therefore the admin of both collectives, "neighbour" is the treasurer of "far" alone.
var roles = map[string]apiv1.Role{
	"treasurer": apiv1.Role_ROLE_TREASURER, "approver": apiv1.Role_ROLE_APPROVER, "supervisor": apiv1.Role_ROLE_SUPERVISOR,
	"cashier": apiv1.Role_ROLE_CASHIER, "board": apiv1.Role_ROLE_BOARD, "auditor": apiv1.Role_ROLE_AUDITOR, "admin": apiv1.Role_ROLE_ADMIN,
}

// source lets a library read from a service that is made after it.
type source struct{ *ledger.Service }

func (s *source) Replay(ctx context.Context, collective string, after uint64) iter.Seq2[*eventv1.Event, error] {
	return s.Service.Replay(ctx, collective, after)
}

// rotationOf is what the program gives a store to know rotations by.
func rotationOf(e eventstore.Event) (transparency.Rotation, bool) {
	if e.Type != "log_key_rotated" {
		return transparency.Rotation{}, false
	}
	decoded, err := ledger.Decode(e)
	if err != nil {
		return transparency.Rotation{}, false
	}
	f := decoded.GetLogKeyRotated()
	return transparency.Rotation{Version: e.Version, Generation: f.Generation, OldKey: f.OldKey, NewKey: f.NewKey}, true
}

// leaving is a signer that can be away.
type leaving struct {
	transparency.Signer
	away atomic.Bool
}

// Sign implements transparency.Signer.
func (l *leaving) Sign(ctx context.Context, head transparency.Head, old uint64, proof []transparency.Hash) ([]byte, error) {
	if l.away.Load() {
		return nil, transparency.ErrSignerAway
	}
	return l.Signer.Sign(ctx, head, old, proof)
}

func newVillage(t testing.TB, inner eventstore.Store) *village {
	t.Helper()
	v := &village{t: t, now: time.Date(2021, 9, 30, 10, 0, 0, 0, time.UTC), keys: map[string]string{}, logs: new(bytes.Buffer)}
	local, err := transparency.OpenSigner(filepath.Join(t.TempDir(), "signer"), bytes.Repeat([]byte{7}, transparency.SecretBytes))
	fatalIf(t, err)
	t.Cleanup(func() { local.Close() })
	signer := &leaving{Signer: local}
	v.signer = signer
	log, err := transparency.Open(inner, filepath.Join(t.TempDir(), "log"), signer, ledger.LogOrigin, transparency.Options{HeadInterval: time.Millisecond, Rotation: rotationOf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	v.store = log
	clock := func() time.Time { return v.now }
	from := new(source)
	books := projections.NewLibrary(from)
	feed := rpc.NewFeed(books)
	v.persons = eventstore.NewMemory()
	v.vault = people.NewVault(v.persons, from, people.Options{Clock: clock, Logger: slog.New(slog.NewTextHandler(v.logs, nil))})
	from.Service = ledger.NewService(log, ledger.Options{Clock: clock, Observer: observers{feed, v.vault}})
	v.books = books
	v.access = access.NewService(log, clock)
	v.documentsDir = filepath.Join(t.TempDir(), "documents")
	v.documents, err = documents.Open(v.documentsDir, documents.Options{BytesMax: 1 << 20})
	fatalIf(t, err)
	v.config = rpc.Config{
		Documents: v.documents, Seeds: rpc.SeedStreams{Store: eventstore.NewMemory()},
		Ledger: from.Service, Access: v.access, Books: books, Events: log, Log: log, Clock: clock, Feed: feed, People: v.vault,
		VerifierKey: func(origin string) string { return transparency.VerifierKeyOf(context.Background(), signer, origin) }, Signer: signer,
		Logger: slog.New(slog.NewTextHandler(v.logs, nil)), Version: "test", Store: "memory",
	}
	v.server = rpc.New(v.config)
	v.listen()
	v.operators()
	v.found("lmb", "chief")
	v.found("far", "chief")
	for name, role := range roles {
		v.must("chief", &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "lmb", Operator: name, Role: role})
	}
	v.must("chief", &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "far", Operator: "neighbour", Role: apiv1.Role_ROLE_TREASURER})
	return v
}

// listen serves the API on the loopback interface, by a server changed first.
func (v *village) listen(change ...func(*http.Server)) *http.Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		v.t.Fatal(err)
	}
	server := rpc.NewHTTPServer(v.server.Handler(), slog.New(slog.DiscardHandler))
	for _, f := range change {
		f(server)
	}
	go func() { _ = server.Serve(listener) }()
	v.t.Cleanup(func() { server.Close() })
	v.url = "http://" + listener.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	v.t.Cleanup(transport.CloseIdleConnections)
	v.http = &http.Client{Transport: transport}
	return server
}

func (v *village) operators() {
	key, err := v.access.CreateOperator(context.Background(),
		access.CreateOperator{Operator: "chief", DisplayName: "管理员", Admin: true, IssueKey: true}, access.Meta{ID: uuid.New(), Actor: "chief"})
	if err != nil {
		v.t.Fatal(err)
	}
	v.keys["chief"] = key
	names := []string{"stranger", "neighbour"}
	for name := range roles {
		names = append(names, name)
	}
	for _, name := range names {
		answer := v.must("chief", &apiv1.CreateOperatorRequest{CommandId: id(), Operator: name, DisplayName: "岗位", IssueKey: true})
		v.keys[name] = answer.(*apiv1.CreateOperatorResponse).Key
	}
}

func (v *village) found(collective, by string) {
	fund := func(id string, purposes ...string) *apiv1.Fund {
		return &apiv1.Fund{Id: id, Name: id, Purposes: purposes}
	}
	v.must(by, &apiv1.FoundCollectiveRequest{
		CommandId: id(), CollectiveId: collective, Name: "龙门社区", FirstDay: "2021-07-01",
		Bodies:     []*apiv1.Body{{Id: "heads", Name: "户代表会议", Size: 60, Quorum: "2/3", Pass: "0.5", PassBase: apiv1.VoteBase_VOTE_BASE_PRESENT, PassStrictly: true}},
		Funds:      []*apiv1.Fund{fund("dividend"), fund("reserve", "repair"), fund("welfare", "hardship", "student"), fund("maintenance", "upkeep")},
		PolicyBody: "heads", SpendingBody: "heads", CharterBody: "heads", FoundingBody: "heads",
		FoundingMinutesSha256: strings.Repeat("ab", 32),
	})
}

// open adds what the books need before the first yuan: a bank account, a policy and a spending rule.
func (v *village) open() *village {
	v.must("treasurer", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "lmb", MoneyAccount: "bank", Kind: apiv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK, Name: "信用社"})
	v.resolve("policy-1", apiv1.Matter_MATTER_POLICY)
	v.must("approver", &apiv1.AdoptPolicyRequest{
		CommandId: id(), CollectiveId: "lmb", EffectiveOn: "2021-07-01", IncomeKinds: []string{"rent"}, ResolutionId: "policy-1",
		Shares: []*apiv1.PolicyShare{{Fund: "dividend", Share: "0.7"}, {Fund: "reserve", Share: "1/10"}, {Fund: "welfare", Share: "0.1"}, {Fund: "maintenance", Share: "rest"}},
	})
	v.resolve("spending-1", apiv1.Matter_MATTER_SPENDING_RULE)
	v.must("approver", &apiv1.AdoptSpendingRuleRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "spending-1", Tiers: []*apiv1.Tier{
		{Operation: apiv1.Operation_OPERATION_PAYMENT},
		{Operation: apiv1.Operation_OPERATION_PAYMENT, From: "1000.00", Approvals: 1, Review: true},
	}})
	return v
}

func (v *village) resolve(resolution string, matter apiv1.Matter) {
	v.must("approver", &apiv1.RecordResolutionRequest{
		CommandId: id(), CollectiveId: "lmb", ResolutionId: resolution, Title: "决议", Body: "heads", DecidedOn: "2021-07-01",
		Electorate: 60, Present: 50, VotesFor: 40, VotesAgainst: 5, Abstained: 5, MinutesSha256: strings.Repeat("cd", 32), Matter: matter,
	})
	v.must("supervisor", &apiv1.ConfirmResolutionRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: resolution})
}

// income is a command that goes through.
func income(amount string) *apiv1.RecordIncomeRequest {
	return &apiv1.RecordIncomeRequest{
		CommandId: id(), CollectiveId: "lmb", Kind: "rent", Amount: amount, OccurredOn: "2021-09-10", MoneyAccount: "bank",
		Payer: "org/市场", Narration: "市场租金",
		Documents: []*apiv1.Document{{Kind: "receipt", Issuer: "market", Number: id()}},
	}
}

func id() string { return ledger.NewCommandID().String() }

// inProcess calls any method in process as an operator; "" is anonymous.
func (v *village) inProcess(as string, req proto.Message) (proto.Message, error) {
	ctx := v.t.Context()
	if as != "" {
		ctx = rpc.AsOperator(ctx, as)
	}
	m := methodOf(req)
	res := newMessage(m.Output())
	err := connect.NewClient(v.server.InProcess()).CallUnary(ctx, connect.Spec{Procedure: procedure(m)}, req, res)
	return res, err
}

// must calls a method that has to go through.
func (v *village) must(as string, req proto.Message) proto.Message {
	v.t.Helper()
	res, err := v.inProcess(as, req)
	if err != nil {
		v.t.Fatalf("%T as %q: %v", req, as, err)
	}
	return res
}

// reply is an answer over plain HTTP.
type reply struct {
	status int
	header http.Header
	body   string
}

// refusal is the refusal in the details of an error, as any client of the JSON API reads it.
func (r reply) refusal() (code, reason string) {
	var failure struct {
		Code    string
		Details []struct {
			Type  string
			Debug struct{ Reason string }
		}
	}
	_ = json.Unmarshal([]byte(r.body), &failure)
	for _, d := range failure.Details {
		if d.Type == "mingzhang.api.v1.Refusal" {
			reason = d.Debug.Reason
		}
	}
	return failure.Code, reason
}

// post sends JSON to a procedure with an operator's key; "" sends none.
func (v *village) post(as, path, body string, headers ...string) reply {
	v.t.Helper()
	return v.send(http.MethodPost, as, path, strings.NewReader(body), append(headers, "Content-Type", "application/json")...)
}

func (v *village) send(method, as, path string, body io.Reader, headers ...string) reply {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+v.keys[as])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}

// audit is a client of AuditService in process.
func (v *village) audit() apiv1connect.AuditServiceClient {
	return apiv1connect.NewAuditServiceClient(connect.NewClient(v.server.InProcess()))
}

func fatalIf(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// overHTTP is a client of the API over HTTP, without a key.
func (v *village) overHTTP(options ...connecthttp.Option) *connect.Client {
	return connect.NewClient(connecthttp.NewTransport(v.http, v.url, options...))
}

func asOperator(t testing.TB, who string) context.Context { return rpc.AsOperator(t.Context(), who) }

// withKey sends a bearer key with every call.
func withKey(key string) connect.ClientInterceptor {
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			info, _ := connect.CallInfoForClientContext(ctx)
			info.RequestHeader().Set("Authorization", "Bearer "+key)
			return next(ctx, spec)
		}
	}
}
