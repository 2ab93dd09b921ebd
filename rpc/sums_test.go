package rpc_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

const (
	dividend = apiv1.RoundKind_ROUND_KIND_DIVIDEND
	grant    = apiv1.RoundKind_ROUND_KIND_GRANT
)

// demonstrated is a node with the demonstration's collective up to a date, and the store of its seeds.
func demonstrated(t *testing.T, through string) (*village, eventstore.Store) {
	t.Helper()
	v := newVillage(t, eventstore.NewMemory())
	for i, s := range lt.Until(lt.Demonstration(), through) {
		meta := ledger.Meta{ID: lt.CommandID(i + 1), Actor: s.Actor, Now: lt.Noon(s.Date)}
		if _, err := v.config.Ledger.Do(t.Context(), lt.LiminbaID, s.Command, meta); err != nil {
			t.Fatalf("%s %s: %v", s.Date, s.Command.Name(), err)
		}
	}
	return v, v.config.Seeds.(rpc.SeedStreams).Store
}

func disclose(kind apiv1.RoundKind, round string) *apiv1.DiscloseRoundRequest {
	return &apiv1.DiscloseRoundRequest{CommandId: id(), CollectiveId: lt.LiminbaID, Kind: kind, RoundId: round}
}

func askLine(kind apiv1.RoundKind, round string, payee uint32) *apiv1.ProveLineRequest {
	return &apiv1.ProveLineRequest{CollectiveId: lt.LiminbaID, Kind: kind, RoundId: round, Payee: payee}
}

// checkLine is all that somebody does who was handed an answer and knows the public key of the log; it gives what is proved.
func checkLine(t *testing.T, a *apiv1.ProveLineResponse, kind string) (transparency.SumProof, *eventv1.RoundDisclosed) {
	t.Helper()
	p, err := transparency.ParseSumProof([]byte(a.Proof))
	fatalIf(t, err)
	head, err := transparency.OpenHead(p.Inclusion.Note, a.VerifierKey)
	fatalIf(t, err)
	eventType, data, err := transparency.ProvenEvent(p.Inclusion)
	fatalIf(t, err)
	event, err := ledger.Decode(eventstore.Event{Version: p.Inclusion.Index + 1, Type: eventType, Data: data})
	fatalIf(t, err)
	d := event.GetRoundDisclosed()
	root := transparency.SumNode{Hash: transparency.Hash(d.Root), Sum: d.TotalFen}
	fatalIf(t, transparency.CheckSumLine(transparency.SumScope(head.Origin, kind, d.Id), p.Line, p.Path, root, uint64(d.Count)))
	return p, d
}

// TestLinesOfTheDemonstration: each of 3,211 members can have the own line of the dividend proved, and of a grant round whoever got one.
func TestLinesOfTheDemonstration(t *testing.T) {
	v, seeds := demonstrated(t, "2021-07-31")
	v.refused("treasurer", disclose(dividend, "2020"), ledger.RunUnknown)
	v.refused("treasurer", disclose(grant, "relief-9"), ledger.RoundUnknown)
	v.refused("supervisor", disclose(dividend, "2021"), ledger.RoleMissing)
	v.refused("treasurer", askLine(dividend, "2021", 17), "round_not_disclosed")
	if n := kept(t, seeds); n != 0 {
		t.Fatalf("%d seeds are kept of what was refused", n)
	}
	first := disclose(dividend, "2021")
	receipt := v.must("treasurer", first).(*apiv1.DiscloseRoundResponse).Receipt
	if again := v.must("treasurer", first).(*apiv1.DiscloseRoundResponse).Receipt; !proto.Equal(again, receipt) || kept(t, seeds) != 1 {
		t.Errorf("given again it answers %v, first %v; %d seeds", again, receipt, kept(t, seeds))
	}
	v.refused("treasurer", disclose(dividend, "2021"), ledger.AlreadyDone)

	var sum, most int
	for payee := uint32(1); payee <= 3211; payee += 321 {
		a := v.must("supervisor", askLine(dividend, "2021", payee)).(*apiv1.ProveLineResponse)
		p, d := checkLine(t, a, "dividend")
		sum++
		most = max(most, len(p.Path.Beside))
		if p.Line.Payee != fmt.Sprint("member/", payee) || a.Payee != p.Line.Payee || ledger.Fen(p.Line.Amount).String() != a.Amount || d.Count != 3211 || a.Lines != 3211 ||
			a.Total != ledger.Fen(d.TotalFen).String() || hex.EncodeToString(d.Root) != a.SumRoot || p.Inclusion.Index+1 != receipt.Version || a.DisclosedAt != receipt.Version {
			t.Fatalf("of %v is proved %v", a, p.Line)
		}
	}
	if most > 12 || most < 10 || sum != 11 {
		t.Errorf("a proof has %d nodes", most)
	}
	v.refused("treasurer", askLine(dividend, "2021", 3212), "line_unknown")
	v.refused("approver", askLine(dividend, "2021", 17), ledger.RoleMissing)
	v.refused("", askLine(dividend, "2021", 17), "unauthenticated")

	v.must("treasurer", disclose(grant, "relief-1"))
	rounds := v.must("supervisor", &apiv1.ListGrantRoundsRequest{CollectiveId: lt.LiminbaID}).(*apiv1.ListGrantRoundsResponse).Rounds
	for _, line := range rounds[0].Lines {
		a := v.must("treasurer", askLine(grant, "relief-1", line.Member)).(*apiv1.ProveLineResponse)
		p, d := checkLine(t, a, "grant")
		if a.Amount != line.Amount || ledger.Fen(p.Line.Amount).String() != line.Amount || d.Count != 6 || a.Total != rounds[0].Total || len(p.Path.Beside) > 3 {
			t.Errorf("of %v is proved %v", line, p.Line)
		}
	}

	// A seed that is gone proves nothing more; another one proves nothing either.
	book, err := v.books.Book(t.Context(), lt.LiminbaID, 0)
	fatalIf(t, err)
	d, _ := book.Disclosure(eventv1.RoundKind_ROUND_KIND_GRANT, "relief-1")
	stream := "person-" + uuid.UUID(d.Record).String()
	fatalIf(t, seeds.Delete(t.Context(), stream))
	v.refused("treasurer", askLine(grant, "relief-1", rounds[0].Lines[0].Member), "seed_missing")
}

// kept counts the records of a store of seeds.
func kept(t *testing.T, seeds eventstore.Store) (n int) {
	for _, err := range seeds.ReadAll(t.Context(), 0) {
		fatalIf(t, err)
		n++
	}
	return n
}

// TestForgedTrees: a tree that leaves a line out, or has another total, is not disclosed; one over other amounts is, for the log cannot see
// salts, and then no line can be proved.
func TestForgedTrees(t *testing.T) {
	v, seeds := demonstrated(t, "2021-07-31")
	give := func(tree ledger.SumTree) error {
		meta := ledger.Meta{ID: ledger.NewCommandID(), Actor: "treasurer", Now: lt.Noon("2021-08-01")}
		_, err := v.config.Ledger.Do(t.Context(), lt.LiminbaID, &ledger.DiscloseRound{Kind: eventv1.RoundKind_ROUND_KIND_DIVIDEND, Round: "2021", Tree: tree}, meta)
		return err
	}
	book, err := v.books.Book(t.Context(), lt.LiminbaID, 0)
	fatalIf(t, err)
	var total ledger.Fen
	for _, l := range book.RoundLines(eventv1.RoundKind_ROUND_KIND_DIVIDEND, "2021") {
		total += l.Amount
	}
	good := ledger.SumTree{Root: [32]byte{1}, Count: 3211, Total: total, Record: uuid.New()}
	for what, wrong := range map[string]func(*ledger.SumTree){
		"a line left out": func(s *ledger.SumTree) { s.Count-- }, "a line too many": func(s *ledger.SumTree) { s.Count++ },
		"a fen more": func(s *ledger.SumTree) { s.Total++ }, "a fen less": func(s *ledger.SumTree) { s.Total-- },
		"a negative total": func(s *ledger.SumTree) { s.Total = -total }, "too much": func(s *ledger.SumTree) { s.Total = math.MaxInt64 },
	} {
		tree := good
		wrong(&tree)
		if err := give(tree); reasonIn(err) != ledger.LinesChanged {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, tree := range []ledger.SumTree{{Count: 3211, Total: total, Record: uuid.New()}, {Root: [32]byte{1}, Count: 3211, Total: total}} {
		if err := give(tree); reasonIn(err) != ledger.FieldInvalid {
			t.Errorf("without root or record: %v", err)
		}
	}
	fatalIf(t, rpc.SeedStreams{Store: seeds}.Keep(t.Context(), lt.LiminbaID, rpc.Seed{Record: good.Record, Round: "dividend 2021", Value: [32]byte{9}}))
	fatalIf(t, give(good))
	if r := answered(t, v, askLine(dividend, "2021", 17)); r != "log_damaged" {
		t.Errorf("a line under a forged root is answered with %s", r)
	}
}

func reasonIn(err error) ledger.Reason {
	if r, ok := err.(*ledger.Refusal); ok {
		return r.Reason
	}
	return ""
}

func answered(t *testing.T, v *village, req proto.Message) ledger.Reason {
	t.Helper()
	_, err := v.inProcess("treasurer", req)
	return reasonOf(err)
}

// TestSeedStreams: what is kept comes back, once; what is no seed is damage.
func TestSeedStreams(t *testing.T) {
	store := eventstore.NewMemory()
	keeper := rpc.SeedStreams{Store: store}
	seed := rpc.Seed{Record: uuid.New(), Origin: "example.org/log", Round: "grant relief-1", Value: [32]byte{1, 2, 3}}
	if _, err := keeper.Seed(t.Context(), seed.Record); err != rpc.ErrNoSeed {
		t.Errorf("before it is kept: %v", err)
	}
	fatalIf(t, keeper.Keep(t.Context(), "lmb", seed))
	if err := keeper.Keep(t.Context(), "lmb", seed); err == nil {
		t.Error("a record is kept twice")
	}
	got, err := keeper.Seed(t.Context(), seed.Record)
	seed.Origin = ""
	if err != nil || got != seed {
		t.Errorf("kept %v, read %v, %v", seed, got, err)
	}
	other := ledger.StreamOf("x")
	stored, err := ledger.Encode(&eventv1.Event{Version: 1, RecordedAt: time.Now().UnixMicro(), Fact: &eventv1.Event_NameReserved{NameReserved: &eventv1.NameReserved{CollectiveId: other}}})
	fatalIf(t, err)
	wrong := uuid.New()
	_, err = store.Append(t.Context(), "person-"+wrong.String(), 0, []eventstore.NewEvent{stored})
	fatalIf(t, err)
	if _, err := keeper.Seed(t.Context(), wrong); err == nil || err == rpc.ErrNoSeed {
		t.Errorf("another fact is read as a seed: %v", err)
	}
}
