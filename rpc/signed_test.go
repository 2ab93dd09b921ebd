package rpc_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// withReceipt asks for proofs with every call over HTTP.
func withReceipt(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		info, _ := connect.CallInfoForClientContext(ctx)
		info.RequestHeader().Set(rpc.ReceiptHeader, rpc.ReceiptProof)
		return next(ctx, spec)
	}
}

// holds wants the proof of a receipt to be of its last event, under a head that the key of the log has signed.
func (v *village) holds(what string, r *apiv1.Receipt) {
	v.t.Helper()
	p, err := transparency.ParseInclusion([]byte(r.GetProof()))
	if err != nil {
		v.t.Errorf("%s: %v (%q, missing %q)", what, err, r.GetProof(), r.GetProofMissing())
		return
	}
	for e, err := range v.store.Read(v.t.Context(), ledger.StreamOf(r.CollectiveId), r.Version-1) {
		fatalIf(v.t, err)
		signed, err := transparency.OpenHead(p.Note, v.config.VerifierKey(p.Head.Origin))
		fatalIf(v.t, err)
		if err := transparency.CheckInclusion(signed.Origin, e.Type, e.Data, r.Version, signed, p.Hashes); err != nil || signed.Size < r.Version {
			v.t.Errorf("%s: %v", what, err)
		}
		return
	}
	v.t.Errorf("%s: there is no event %d", what, r.Version)
}

// TestReceiptsProveThemselves: on request every answer to a command proves that its event is in the log, whichever way it came, also
// when the command is repeated; and only on request.
func TestReceiptsProveThemselves(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	for name, options := range map[string][]connecthttp.Option{"Connect": nil, "gRPC": {connecthttp.WithGRPC()}, "gRPC-Web": {connecthttp.WithGRPCWeb()}} {
		books := apiv1connect.NewBooksServiceClient(connect.NewClient(connecthttp.NewTransport(v.http, v.url, options...), withKey(v.keys["treasurer"]), withReceipt))
		request := income("100.00")
		for _, time := range []string{"first", "again"} {
			answer, err := books.RecordIncome(t.Context(), request)
			fatalIf(t, err)
			v.holds(name+" "+time, answer.Receipt)
		}
		v.must("treasurer", income("1.00"))
		answer, err := books.RecordIncome(t.Context(), request)
		fatalIf(t, err)
		v.holds(name+" in the log of later", answer.Receipt)
	}
	body := jsonOf(t, income("7.00"))
	var plain struct{ Receipt json.RawMessage }
	r := v.post("treasurer", "/mingzhang.api.v1.BooksService/RecordIncome", body, rpc.ReceiptHeader, rpc.ReceiptProof)
	fatalIf(t, json.Unmarshal([]byte(r.body), &plain))
	receipt := new(apiv1.Receipt)
	fatalIf(t, protojson.Unmarshal(plain.Receipt, receipt))
	v.holds("JSON", receipt)
	for _, headers := range [][]string{nil, {rpc.ReceiptHeader, "yes"}} {
		if r := v.post("treasurer", "/mingzhang.api.v1.BooksService/RecordIncome", body, headers...); strings.Contains(r.body, "proof") {
			t.Errorf("with %v: %s", headers, r.body)
		}
	}

	books := apiv1connect.NewBooksServiceClient(connect.NewClient(v.server.InProcess()))
	answer, err := books.RecordIncome(rpc.WithProof(asOperator(t, "treasurer")), income("8.00"))
	fatalIf(t, err)
	v.holds("in process", answer.Receipt)
	batch, err := books.Apply(rpc.WithProof(asOperator(t, "treasurer")), &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{
		lineOf(t, "RecordIncome", "", income("9.00")), lineOf(t, "RecordIncome", "", income("9.01")), lineOf(t, "RecordIncome", "", income("-1")),
	}})
	fatalIf(t, err)
	for i, result := range batch.Results[:2] {
		answered := new(apiv1.RecordIncomeResponse)
		fatalIf(t, protojson.Unmarshal([]byte(result.ResponseJson), answered))
		v.holds("line "+string(rune('1'+i)), answered.Receipt)
	}
	if refused := batch.Results[2]; refused.Refusal == nil {
		t.Errorf("the third line: %v", refused)
	}

	// Many at once share a head, and each proof holds.
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			answer, err := books.RecordIncome(rpc.WithProof(asOperator(t, "treasurer")), income("0.01"))
			if err != nil {
				t.Error(err)
				return
			}
			v.holds("at once", answer.Receipt)
		})
	}
	all.Wait()
}

// TestReceiptWithoutSigner: the command is stored and answered; the proof is missing and says why, and comes with the same id later.
func TestReceiptWithoutSigner(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.signer.away.Store(true)
	books := apiv1connect.NewBooksServiceClient(connect.NewClient(v.server.InProcess()))
	request := income("8.00")
	answer, err := books.RecordIncome(rpc.WithProof(asOperator(t, "treasurer")), request)
	fatalIf(t, err)
	if r := answer.Receipt; r.Proof != "" || r.ProofMissing != "signer_away" || r.Version == 0 {
		t.Errorf("%v", r)
	}
	if _, err := v.inProcess("auditor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}); reasonOf(err) != "signer_away" || connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("the head: %v", err)
	}
	v.signer.away.Store(false)
	answer, err = books.RecordIncome(rpc.WithProof(asOperator(t, "treasurer")), request)
	fatalIf(t, err)
	v.holds("when it is back", answer.Receipt)
}

// served reads a log from the address of a live server.
func (v *village) served(t *testing.T, collective, known string) (*transparency.PublishedLog, error) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", v.server.Handler())
	mux.Handle("GET /log/", v.server.LogHandler())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	address := server.URL
	web, err := transparency.NewWeb(address + "/log/" + collective)
	fatalIf(t, err)
	t.Cleanup(web.Close)
	log, err := transparency.OpenPublished(t.Context(), web, known)
	if err == nil {
		log.Rotation = rotationOf
	}
	return log, err
}

// TestLiveServerIsAPublishedLog: what the server hands out is what a verifier of published directories reads, across a rotation of
// the key too; of a log that is not public there is the checkpoint alone.
func TestLiveServerIsAPublishedLog(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("5.00"))
	log, err := v.served(t, "lmb", "")
	fatalIf(t, err)
	if !log.HeadOnly || log.Head.Size == 0 {
		t.Errorf("a log that is not public: %+v", log.Head)
	}
	if _, err := v.inProcess("treasurer", &apiv1.GetTileRequest{CollectiveId: "lmb", Width: 1}); reasonOf(err) != ledger.RoleMissing {
		t.Errorf("a tile for the treasurer: %v", err)
	}
	tile := v.must("auditor", &apiv1.GetTileRequest{CollectiveId: "lmb", Width: 3}).(*apiv1.GetTileResponse)
	in := v.must("auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: 2}).(*apiv1.ProveInclusionResponse)
	if len(tile.Data) != 3*32 || hex.EncodeToString(tile.Data[32:64]) != in.Leaf {
		t.Errorf("tile %x, leaf %s", tile.Data, in.Leaf)
	}
	entries := v.must("auditor", &apiv1.GetTileRequest{CollectiveId: "lmb", Entries: true, Width: 2}).(*apiv1.GetTileResponse)
	if !strings.Contains(string(entries.Data), "mingzhang/event@v1\norigin ") {
		t.Errorf("entries %q", entries.Data)
	}
	for name, r := range map[string]*apiv1.GetTileRequest{
		"a full one": {CollectiveId: "lmb"}, "a level above": {CollectiveId: "lmb", Level: 1, Width: 1}, "one behind": {CollectiveId: "lmb", N: 1, Width: 1},
		"entries of a level": {CollectiveId: "lmb", Entries: true, Level: 1, Width: 1}, "far behind": {CollectiveId: "lmb", N: 1 << 60, Width: 1},
	} {
		if _, err := v.inProcess("auditor", r); reasonOf(err) != ledger.FieldInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}

	founding := wellFormed(t, (*apiv1.FoundCollectiveRequest)(nil).ProtoReflect().Descriptor()).(*apiv1.FoundCollectiveRequest)
	founding.CollectiveId, founding.PublicLog = "open-village", apiv1.PublicLog_PUBLIC_LOG_FULL
	v.must("chief", founding)
	grant := func(who string, role apiv1.Role) {
		v.must("chief", &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "open-village", Operator: who, Role: role})
	}
	grant("auditor", apiv1.Role_ROLE_AUDITOR)
	grant("treasurer", apiv1.Role_ROLE_TREASURER)
	first := v.must("auditor", &apiv1.GetHeadRequest{CollectiveId: "open-village"}).(*apiv1.GetHeadResponse).VerifierKey
	if _, err := v.inProcess("treasurer", &apiv1.RotateLogKeyRequest{CommandId: id(), CollectiveId: "open-village", Generation: 2}); reasonOf(err) != ledger.RoleMissing {
		t.Errorf("rotated by the treasurer: %v", err)
	}
	if _, err := v.inProcess("chief", &apiv1.RotateLogKeyRequest{CommandId: id(), CollectiveId: "open-village", Generation: 4}); reasonOf(err) != ledger.LogKeyGeneration {
		t.Errorf("rotated to generation 4: %v", err)
	}
	rotation := &apiv1.RotateLogKeyRequest{CommandId: id(), CollectiveId: "open-village", Generation: 2}
	r := v.must("chief", rotation).(*apiv1.RotateLogKeyResponse).Receipt
	if again := v.must("chief", rotation).(*apiv1.RotateLogKeyResponse).Receipt; again.Version != r.Version {
		t.Errorf("rotated again: %v", again)
	}
	check := func(known string) error {
		log, err := v.served(t, "open-village", known)
		if err != nil {
			return err
		}
		return log.Check(t.Context(), func(uint64, string, []byte) error { return nil })
	}
	head := v.must("auditor", &apiv1.GetHeadRequest{CollectiveId: "open-village"}).(*apiv1.GetHeadResponse)
	for _, known := range []string{first, head.VerifierKey, ""} {
		if err := check(known); err != nil {
			t.Errorf("while both sign, from %q: %v", known, err)
		}
	}
	retired := v.must("chief", &apiv1.RetireLogKeyRequest{CollectiveId: "open-village"}).(*apiv1.RetireLogKeyResponse)
	if _, err := transparency.OpenHead([]byte(retired.Note), first); err != nil || retired.Size < r.Version {
		t.Errorf("retired: %v, %v", retired, err)
	}
	if _, err := v.inProcess("chief", &apiv1.RetireLogKeyRequest{CollectiveId: "open-village"}); reasonOf(err) != "log_key_not_signing" {
		t.Errorf("retired again: %v", err)
	}
	grant("board", apiv1.Role_ROLE_BOARD)
	now := v.must("auditor", &apiv1.GetHeadRequest{CollectiveId: "open-village"}).(*apiv1.GetHeadResponse)
	if _, err := transparency.OpenHead([]byte(now.Note), first); err == nil {
		t.Error("the old key still signs")
	}
	waitFor(t, "the next checkpoint", func() bool {
		log, err := v.served(t, "open-village", now.VerifierKey)
		return err == nil && log.Head.Size == now.Size
	})
	for _, known := range []string{first, now.VerifierKey} {
		if err := check(known); err != nil {
			t.Errorf("from %q: %v", known, err)
		}
	}
	other := transparency.LogVerifierKey([]byte(strings.Repeat("x", 32)), strings.Split(now.Note, "\n")[0])
	if err := check(other); err == nil {
		t.Error("a key that never signed leads to the log")
	}
}

// TestWatchHeads: whoever watches sees a signed head for what is stored, without a key, each consistent with the one before.
func TestWatchHeads(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	ctx, end := context.WithTimeout(t.Context(), soon)
	defer end()
	stream, err := apiv1connect.NewAuditServiceClient(v.overHTTP(connecthttp.WithGRPC())).WatchHeads(ctx, &apiv1.WatchHeadsRequest{CollectiveId: "lmb"})
	fatalIf(t, err)
	defer stream.Close()
	next := func() *apiv1.WatchHeadsResponse {
		for {
			m, err := stream.Receive()
			fatalIf(t, err)
			if m.Note != "" {
				return m
			}
		}
	}
	seen := next()
	for i := range 5 {
		want := v.must("treasurer", income("1.00")).(*apiv1.RecordIncomeResponse).Receipt.Version
		for seen.Size < want {
			m := next()
			head, err := transparency.OpenHead([]byte(m.Note), m.VerifierKey)
			fatalIf(t, err)
			if head.Size != m.Size || m.Size <= seen.Size {
				t.Fatalf("round %d: head %v after %d", i, head, seen.Size)
			}
			con := v.must("auditor", &apiv1.ProveConsistencyRequest{CollectiveId: "lmb", OldSize: seen.Size, Size: m.Size}).(*apiv1.ProveConsistencyResponse)
			if con.OldRoot != seen.Root || con.Root != m.Root {
				t.Errorf("round %d: %v does not go on from %v", i, m, seen)
			}
			seen = m
		}
	}
	if _, err := v.inProcess("", &apiv1.GetHeadRequest{CollectiveId: "lmb"}); reasonOf(err) == "" {
		t.Error("GetHead is open to everybody")
	}
}

// TestLiveServerShowsWhatStandsBesideTheLog: editions, witness policies and heads of closed months are at the address of a log, as they are
// in a published directory, whether the log is public or not; what is not there is not found.
func TestLiveServerShowsWhatStandsBesideTheLog(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.everythingPublic()
	handler := v.server.LogHandler()
	get := func(name string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/log/lmb/"+name, nil))
		return w.Code, w.Body.String()
	}
	edition := v.edition(&apiv1.GetEditionRequest{Number: 1})
	august := v.seal(&apiv1.GetSealRequest{Month: "2021-08"})
	policy := v.must("", &apiv1.GetWitnessPolicyRequest{CollectiveId: "lmb"}).(*apiv1.GetWitnessPolicyResponse).InForce.Text
	for name, want := range map[string]string{
		"editions/1.txt": edition.Text, "editions/1.tlog-proof": edition.Proof, "policy": policy, "policy.1": policy,
		transparency.SealFile(august.Seal.Size): august.Note,
	} {
		if code, body := get(name); code != http.StatusOK || body != want || body == "" {
			t.Errorf("%s: %d\n%s\nwant\n%s", name, code, body, want)
		}
	}
	for _, name := range []string{
		"editions/0.txt", "editions/2.txt", "editions/01.txt", "editions/1", "editions/1.json", "editions/4294967297.txt", "policy.0", "policy.2", "policy.01",
		"checkpoint.1", "checkpoint.0", "checkpoint.0" + fmt.Sprint(august.Seal.Size), "checkpoint.x", "tile/0/000.p/1", "events.db",
	} {
		if code, body := get(name); code != http.StatusNotFound {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
}
