package rpc

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Meter is told what is called and what becomes of it. Both names come from closed tables (the schema's methods, the
// reasons of refusals and the codes of the protocol), so neither says anything of a person or a collective, and there are
// few of them. Its methods may be called at once and must be quick.
type Meter interface {
	// Called tells of a call that ended: its method, "unknown" for one that does not exist, and its outcome: "ok",
	// "not_modified", the reason of a refusal, or a code of the protocol.
	Called(ctx context.Context, method, outcome string, took time.Duration)
	// Applied tells of a line of a batch that was carried out or refused.
	Applied(method, outcome string)
}

const (
	outcomeOK          = "ok"
	outcomeNotModified = "not_modified"
	methodNone         = "unknown"
)

// begun is when a call began, where anybody measures.
func (s *Server) begun() (at time.Time) {
	if s.config.Meter != nil {
		at = time.Now()
	}
	return at
}

// called measures a call that ended, with the error that the caller is told.
func (s *Server) called(ctx context.Context, m *method, err error, begun time.Time) {
	if s.config.Meter != nil {
		s.config.Meter.Called(ctx, nameOf(m), outcomeOf(err), time.Since(begun))
	}
}

// applied measures a line of a batch.
func (s *Server) applied(method string, err error) {
	if s.config.Meter != nil {
		s.config.Meter.Applied(method, outcomeOf(err))
	}
}

func nameOf(m *method) string {
	if m == nil {
		return methodNone
	}
	return m.name
}

// outcomeOf names an error, before or after it became an error of the protocol.
func outcomeOf(err error) string {
	var refusal *ledger.Refusal
	var coded *connect.Error
	switch {
	case err == nil:
		return outcomeOK
	case connecthttp.IsNotModifiedError(err):
		return outcomeNotModified
	case errors.As(err, &refusal):
		return string(refusal.Reason)
	case errors.As(err, &coded):
		return coded.Code().String()
	}
	r, _ := refusalOf(err)
	return string(r.Reason)
}
