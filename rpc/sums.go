package rpc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// Seed is what the salts of a round's sum tree are made from. Whoever has it can try payees and amounts against neighbours of a proof: it
// is personal data, kept apart from the log, and can be erased.
type Seed struct {
	Record [16]byte // of the personal data it is kept as, named by the event
	Origin string   // of the log; empty when it is read
	Round  string   // what it is of, e.g. "dividend 2021"
	Value  [sha256.Size]byte
}

// SeedKeeper keeps seeds. Its methods may be called at once.
type SeedKeeper interface {
	// Keep stores the seed of a round of a collective, durably when it returns nil. A record is kept once.
	Keep(ctx context.Context, collective string, seed Seed) error
	// Seed gives what was kept; ErrNoSeed when nothing was, or it is erased.
	Seed(ctx context.Context, record [16]byte) (Seed, error)
}

// ErrNoSeed says that a record holds no seed, or none any more.
var ErrNoSeed = errors.New("no seed is kept under this record")

// kindNames are the kinds of rounds as proofs name them.
var kindNames = map[eventv1.RoundKind]string{eventv1.RoundKind_ROUND_KIND_DIVIDEND: "dividend", eventv1.RoundKind_ROUND_KIND_GRANT: "grant"}

// computeTree makes the tree of a round under a new seed. A round that has no lines is left for Decide to refuse.
func computeTree(facts *ledger.Facts, book *projections.Book, c *ledger.DiscloseRound) (*Seed, error) {
	lines := book.RoundLines(c.Kind, c.Round)
	if len(lines) == 0 {
		return nil, nil
	}
	seed := &Seed{Record: uuid.New(), Origin: facts.Charter.LogOrigin, Round: kindNames[c.Kind] + " " + c.Round}
	_, _ = rand.Read(seed.Value[:]) // never fails
	tree, err := treeOf(facts, c.Kind, c.Round, seed.Value, lines)
	if err != nil {
		return nil, err
	}
	root := tree.Root()
	c.Tree = ledger.SumTree{Root: root.Hash, Count: uint32(tree.Count()), Total: ledger.Fen(root.Sum), Record: seed.Record}
	return seed, nil
}

func treeOf(facts *ledger.Facts, kind eventv1.RoundKind, round string, seed [sha256.Size]byte, lines []projections.DisclosedLine) (*transparency.SumTree, error) {
	scope := transparency.SumScope(facts.Charter.LogOrigin, kindNames[kind], round)
	return transparency.NewSumTree(scope, seed, each(lines, func(l projections.DisclosedLine) transparency.SumLine {
		return transparency.SumLine{Payee: l.Payee, Amount: int64(l.Amount)}
	}))
}

func (s auditService) ProveLine(ctx context.Context, r *apiv1.ProveLineRequest) (*apiv1.ProveLineResponse, error) {
	facts, err := s.config.Ledger.Facts(ctx, r.CollectiveId)
	if err != nil {
		return nil, err
	}
	book, err := s.config.Books.Book(ctx, r.CollectiveId, r.MinVersion)
	if err != nil {
		return nil, err
	}
	kind := eventv1.RoundKind(r.Kind)
	d, ok := book.Disclosure(kind, r.RoundId)
	if !ok {
		return nil, refuse(roundUndisclosed, "round_id", "round", clip(r.RoundId))
	}
	tree, err := s.disclosedTree(ctx, facts, d)
	if err != nil {
		return nil, err
	}
	p := transparency.SumProof{Kind: kindNames[kind], Round: r.RoundId}
	for _, group := range []string{"member/", "household/"} { // a round has payees of one sort
		line := transparency.SumLine{Payee: group + fmt.Sprint(r.Payee)}
		if p.Path, line.Amount, ok = tree.Prove(line.Payee); ok {
			p.Line = line
			break
		}
	}
	if !ok {
		return nil, refuse(lineUnknown, "payee", "payee", fmt.Sprint(r.Payee), "round", r.RoundId)
	}
	if p.Inclusion, err = s.proveEvent(ctx, r.CollectiveId, d.Version, 0); err != nil {
		return nil, err
	}
	return &apiv1.ProveLineResponse{
		Payee: p.Line.Payee, Amount: ledger.Fen(p.Line.Amount).String(), Lines: d.Count, Total: ledger.Fen(d.TotalFen).String(),
		SumRoot: hex.EncodeToString(d.Root), DisclosedAt: d.Version, VerifierKey: s.config.VerifierKey(facts.Charter.LogOrigin),
		Proof: string(transparency.FormatSumProof(p)),
	}, nil
}

// disclosedTree makes the tree of a disclosed round again. A seed that does not give the root of the event is damage.
func (s *Server) disclosedTree(ctx context.Context, facts *ledger.Facts, d projections.Disclosure) (*transparency.SumTree, error) {
	if s.config.Seeds == nil {
		return nil, refuse(seedMissing, "round_id", "round", d.Id)
	}
	seed, err := s.config.Seeds.Seed(ctx, [16]byte(d.Record))
	if errors.Is(err, ErrNoSeed) {
		return nil, refuse(seedMissing, "round_id", "round", d.Id)
	}
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(facts, d.Kind, d.Id, seed.Value, d.Lines)
	if err != nil {
		return nil, err
	}
	if root := tree.Root(); string(root.Hash[:]) != string(d.Root) || root.Sum != d.TotalFen {
		return nil, &eventstore.CorruptError{Stream: "person-" + uuid.UUID(d.Record).String(), Version: 1, Reason: "the seed does not give the root of " + d.Id}
	}
	return tree, nil
}
