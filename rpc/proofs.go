package rpc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// holdVersion waits until the books have the version that a proof's request asks for, and refuses a collective that is unknown.
func (s auditService) holdVersion(ctx context.Context, collective string, version uint64) error {
	if _, err := s.config.Ledger.Facts(ctx, collective); err != nil {
		return err
	}
	_, err := s.config.Books.Book(ctx, collective, version)
	return err
}

func (s auditService) ProveInclusion(ctx context.Context, r *apiv1.ProveInclusionRequest) (*apiv1.ProveInclusionResponse, error) {
	if err := s.holdVersion(ctx, r.CollectiveId, r.MinVersion); err != nil {
		return nil, err
	}
	leaf, p, err := s.config.Log.ProveInclusion(ctx, ledger.StreamOf(r.CollectiveId), r.Version, r.Size)
	if err != nil {
		return nil, outOfRange(err)
	}
	return &apiv1.ProveInclusionResponse{
		Index: p.Index, Size: p.Head.Size, Root: hexOf(p.Head.Root), Leaf: hexOf(leaf), Hashes: each(p.Hashes, hexOf),
		Note: string(p.Note), VerifierKey: s.config.VerifierKey(p.Head.Origin), Proof: string(transparency.FormatInclusion(p)),
	}, nil
}

func (s auditService) ProveConsistency(ctx context.Context, r *apiv1.ProveConsistencyRequest) (*apiv1.ProveConsistencyResponse, error) {
	if err := s.holdVersion(ctx, r.CollectiveId, r.MinVersion); err != nil {
		return nil, err
	}
	old, p, err := s.config.Log.ProveConsistency(ctx, ledger.StreamOf(r.CollectiveId), r.OldSize, r.Size)
	if err != nil {
		return nil, outOfRange(err)
	}
	return &apiv1.ProveConsistencyResponse{
		OldSize: old.Size, OldRoot: hexOf(old.Root), Size: p.Head.Size, Root: hexOf(p.Head.Root), Hashes: each(p.Hashes, hexOf),
		Note: string(p.Note), VerifierKey: s.config.VerifierKey(p.Head.Origin), Proof: string(transparency.FormatConsistency(p)),
	}, nil
}

func hexOf(h transparency.Hash) string { return hex.EncodeToString(h[:]) }

// rangeFields are the fields of the requests by what transparency calls them.
var rangeFields = map[string]string{"version": "version", "size": "size", "old size": "old_size"}

// outOfRange turns what the log does not have into a refusal at the field that asked for it.
func outOfRange(err error) error {
	var out *transparency.RangeError
	if !errors.As(err, &out) {
		return err
	}
	return refuse(ledger.FieldInvalid, rangeFields[out.What], "problem", fmt.Sprintf("it has to be 1 to %d, the events of that log, and is %d", out.Size, out.Asked),
		problemChinese, fmt.Sprintf("应为 1 到 %d(该账簿的笔数),而不是 %d", out.Size, out.Asked))
}
