package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// versionMax is more events than any stream of the server can have.
const versionMax = math.MaxInt64 - 1

// Append implements eventstore.Store. An append of exactly the events that stand at these versions already is answered as if it
// had stored them.
//
// A crash of this process before the server answered leaves all of the events or none; whoever reads the stream then sees which,
// unless the request is still on its way.
func (s *Store) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if err := eventstore.CheckAppend(stream, events); err != nil {
		return 0, err
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.writing.Done()
	if len(events) == 0 || expected > versionMax {
		return 0, s.compare(ctx, stream, expected)
	}
	if err := s.checkMeddled(stream); err != nil {
		return 0, err
	}
	if expected == 0 {
		if err := s.checkAbsent(ctx, stream); err != nil {
			return 0, err
		}
	}
	a := appending{stream: stream, expected: expected, request: proposal(stream, expected, events), seen: &s.seen}
	v, err := s.attempt(ctx, a.try)
	switch {
	case err == nil:
		s.seen.note(stream, expected+uint64(len(events)))
		return a.position, nil
	case a.certain(v, err):
		return 0, fmt.Errorf("append %d events to %s at version %d: %w", len(events), stream, expected, err)
	case !a.sent && ctx.Err() != nil:
		return 0, ctx.Err()
	case !a.sent:
		return 0, fmt.Errorf("append to %s at version %d: %w", stream, expected, because(ErrUnreachable, err))
	}
	return 0, fmt.Errorf("append to %s at version %d: %w", stream, expected, because(ErrUnknown, err))
}

// compare is an append of nothing: it says whether the stream is at the version.
func (s *Store) compare(ctx context.Context, stream string, expected uint64) error {
	actual, deleted, err := s.version(ctx, stream)
	switch {
	case err != nil:
		return err
	case deleted:
		return eventstore.ErrDeleted
	case actual != expected:
		return &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: actual}
	}
	return nil
}

// appending is one append and what is known of its outcome.
type appending struct {
	stream   string
	expected uint64
	request  []*streams.AppendReq
	seen     *versions
	sent     bool // some try was handed to the server
	doubt    bool // some try may have been stored
	position uint64
}

// certain says whether the error of the last try leaves no doubt that nothing was stored, by that try or by one before it.
func (a *appending) certain(v verdict, err error) bool {
	var conflict *eventstore.ConflictError
	switch {
	case errors.As(err, &conflict):
		// What stands in the place of our events is not ours. A member that ends before that place may not show yet what another
		// has stored.
		return !a.doubt || conflict.Actual > a.expected
	case v != final:
		return false
	case !a.doubt, errors.Is(err, eventstore.ErrDeleted), errors.Is(err, eventstore.ErrTooLarge), errors.As(err, new(*eventstore.CorruptError)):
		return true
	}
	return false // the login was taken back, say, after a try that got no answer
}

// proposal makes the messages of an append, once for all tries.
func proposal(stream string, expected uint64, events []eventstore.NewEvent) []*streams.AppendReq {
	options := &streams.AppendReq_Options{StreamIdentifier: streamID(stream)}
	if expected == 0 {
		options.ExpectedStreamRevision = &streams.AppendReq_Options_NoStream{NoStream: &shared.Empty{}}
	} else {
		options.ExpectedStreamRevision = &streams.AppendReq_Options_Revision{Revision: expected - 1}
	}
	request := make([]*streams.AppendReq, 0, 1+len(events))
	request = append(request, &streams.AppendReq{Content: &streams.AppendReq_Options_{Options: options}})
	for i, e := range events {
		request = append(request, &streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
			Id:       wireID(EventID(stream, expected+uint64(i)+1, e.Data)),
			Metadata: map[string]string{"type": e.Type, "content-type": "application/octet-stream"},
			Data:     e.Data,
		}}})
	}
	return request
}

func (a *appending) try(ctx context.Context, m *member, _ *patience) (verdict, string, error) {
	response, trailer, err := a.send(ctx, m)
	if err != nil {
		v, leader, err := judge(err, trailer)
		if v == unclear && !a.sent {
			v = again
		}
		a.doubt = a.doubt || v == unclear
		return v, leader, err
	}
	if wrong := response.GetWrongExpectedVersion(); wrong != nil {
		conflict := &eventstore.ConflictError{Stream: a.stream, Expected: a.expected, Actual: actual(wrong)}
		if a.seen.note(a.stream, conflict.Actual) {
			return again, "", fmt.Errorf("%w: %w", errBehind, conflict)
		}
		return final, "", conflict
	}
	success := response.GetSuccess()
	if last := a.expected + uint64(len(a.request)) - 2; success.GetCurrentRevision() != last {
		return final, "", &eventstore.CorruptError{Stream: a.stream, Version: a.expected + 1,
			Reason: fmt.Sprintf("the server counts its events otherwise (the last got the revision %d, not %d): it was truncated behind our back", success.GetCurrentRevision(), last)}
	}
	a.position = success.GetPosition().GetCommitPosition()
	return final, "", nil
}

// send sends the messages and waits for the answer. The caller ends the context then, whatever came of it.
func (a *appending) send(ctx context.Context, m *member) (*streams.AppendResp, metadata.MD, error) {
	call, err := m.streams.Append(ctx)
	if err != nil {
		return nil, nil, err
	}
	// This forbids gRPC to try again by itself (grpc.ClientStream.Context). It would do so when the connection breaks before the
	// call has reached it: Send then says EOF, and the answer that is asked for next makes gRPC repeat what was sent so far as if
	// it were all. The server takes the end of the messages for the end of the append, and stores a piece of it.
	_ = call.Context()
	for _, message := range a.request {
		if err := call.Send(message); errors.Is(err, io.EOF) {
			break // the server has ended the call: its status comes with the answer
		} else if err != nil {
			return nil, call.Trailer(), err
		}
		a.sent = true
	}
	response, err := call.CloseAndRecv()
	if err == nil && response.GetResult() == nil {
		err = status.Error(codes.Internal, "an answer without a result")
	}
	return response, call.Trailer(), err
}

// actual is the version that a stream has according to a refusal.
func actual(w *streams.AppendResp_WrongExpectedVersion) uint64 {
	if r, ok := w.GetCurrentRevisionOption().(*streams.AppendResp_WrongExpectedVersion_CurrentRevision); ok {
		return r.CurrentRevision + 1
	}
	if r, ok := w.GetCurrentRevisionOption_20_6_0().(*streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0); ok {
		return r.CurrentRevision_20_6_0 + 1
	}
	return 0
}

// Delete implements eventstore.Store: it sets a tombstone. The bytes stay in the store's files, and in ReadAll, until the cluster
// is scavenged (docs/operations).
func (s *Store) Delete(ctx context.Context, stream string) error {
	if err := eventstore.CheckStream(stream); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.writing.Done()
	request := &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
		StreamIdentifier:       streamID(stream),
		ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: &shared.Empty{}},
	}}
	v, err := s.attempt(ctx, func(ctx context.Context, m *member, _ *patience) (verdict, string, error) {
		var trailer metadata.MD
		_, err := m.streams.Tombstone(ctx, request, trailerOf(&trailer))
		if err == nil {
			return final, "", nil
		}
		v, leader, err := judge(err, trailer)
		if errors.Is(err, eventstore.ErrDeleted) {
			return final, "", nil
		}
		return v, leader, err
	})
	if err != nil {
		return fmt.Errorf("delete stream %s: %w", stream, s.failure(ctx, v, err))
	}
	s.seen.forget(stream)
	return nil
}
