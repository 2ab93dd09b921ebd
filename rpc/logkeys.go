package rpc

import (
	"context"
	"errors"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// RotateLogKey records which key signs from now on. The signer is told of it by the log itself, before the first head that covers
// the event, so that no crash in between can leave the one without the other.
func (s registryService) RotateLogKey(ctx context.Context, r *apiv1.RotateLogKeyRequest) (*apiv1.RotateLogKeyResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RotateLogKeyResponse{Receipt: receipt}, err
}

func (s registryService) RetireLogKey(ctx context.Context, r *apiv1.RetireLogKeyRequest) (*apiv1.RetireLogKeyResponse, error) {
	if _, err := s.config.Ledger.Facts(ctx, r.CollectiveId); err != nil {
		return nil, err
	}
	head, note, err := s.config.Log.Retire(ctx, ledger.StreamOf(r.CollectiveId), r.Generation)
	if errors.Is(err, transparency.ErrNoKey) {
		return nil, refuse(keyNotSigning, "generation")
	}
	return &apiv1.RetireLogKeyResponse{Note: string(note), Size: head.Size}, err
}

// nameKeys names the keys of a rotation: those that the signer has for its generation and for the one before.
func (s *Server) nameKeys(ctx context.Context, collective string, c *ledger.RotateLogKey) error {
	before, key, err := s.keysOf(ctx, collective, c.Generation)
	if errors.Is(err, transparency.ErrNoKey) {
		return nil // the ledger refuses the generation
	}
	c.OldKey, c.NewKey = before.VerifierKey, key.VerifierKey
	return err
}

// keysOf are the keys of a generation and of the one before.
func (s *Server) keysOf(ctx context.Context, collective string, generation uint32) (before, key transparency.LogKey, err error) {
	facts, err := s.config.Ledger.Facts(ctx, collective)
	if err != nil {
		return before, key, err
	}
	if s.config.Signer == nil {
		return before, key, transparency.ErrSignerAway
	}
	origin := facts.Charter.GetLogOrigin()
	if before, err = s.config.Signer.Key(ctx, origin, generation-1); err != nil {
		return before, key, err
	}
	key, err = s.config.Signer.Key(ctx, origin, generation)
	return before, key, err
}
