package rpc

import (
	"context"
	"errors"
	"log/slog"

	"connectrpc.com/connect/v2"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// ReceiptHeader asks, with the value ReceiptProof, for a proof in the receipt of every command that a call gives.
const (
	ReceiptHeader = "Mingzhang-Receipt"
	ReceiptProof  = "proof"
)

type proofKey struct{}

// WithProof asks for proofs in the receipts of calls through InProcess, as the header does over HTTP.
func WithProof(ctx context.Context) context.Context { return context.WithValue(ctx, proofKey{}, true) }

// proofWanted says whether the caller asked for proofs.
func proofWanted(ctx context.Context) bool {
	if wanted, _ := ctx.Value(proofKey{}).(bool); wanted {
		return true
	}
	info, ok := connect.CallInfoForServerContext(ctx)
	return ok && info.RequestHeader().Get(ReceiptHeader) == ReceiptProof
}

// addProof puts the proof of the last event of a command into its receipt, under a head that is signed for it: one sync of the signer,
// shared by all who ask at that moment. The command was stored, so what keeps the proof from being made is no error of the call.
func (s *Server) addProof(ctx context.Context, receipt *apiv1.Receipt) {
	_, proof, err := s.config.Log.ProveInclusion(ctx, ledger.StreamOf(receipt.CollectiveId), receipt.Version, 0)
	if err == nil {
		receipt.Proof = string(transparency.FormatInclusion(proof))
		return
	}
	receipt.ProofMissing = string(signerAway)
	if errors.As(err, new(*eventstore.CorruptError)) {
		receipt.ProofMissing = string(logDamaged)
	}
	s.config.Logger.LogAttrs(ctx, slog.LevelError, "receipt without proof",
		slog.String("collective", receipt.CollectiveId), slog.Uint64("version", receipt.Version), slog.String("error", err.Error()))
}
