package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// notOfServer leaves out the server's own streams ($…) but not what it keeps about those of others ($$…), in .NET's regular expressions
// and in Go's.
const notOfServer = `^([^\$]|\$\$[^\$])`

// place is a place in the order of the whole store, as the server counts.
type place struct{ commit, prepare uint64 }

func (p place) before(q place) bool {
	return p.commit < q.commit || p.commit == q.commit && p.prepare < q.prepare
}

func readAll(direction streams.ReadReq_Options_ReadDirection) *streams.ReadReq {
	return &streams.ReadReq{Options: &streams.ReadReq_Options{
		ReadDirection: direction,
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:    structured,
	}}
}

// allFrom names where a reading of all streams begins; the zero place is the beginning.
func allFrom(p place) *streams.ReadReq_Options_All {
	if p == (place{}) {
		return &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}}
	}
	return &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Position{
		Position: &streams.ReadReq_Options_Position{CommitPosition: p.commit, PreparePosition: p.prepare}}}}
}

// filtered lets only streams come that are not the server's own. While nothing comes, a place does after every window.
func filtered(window uint32) *streams.ReadReq_Options_Filter {
	return &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Regex: notOfServer}},
		Window: &streams.ReadReq_Options_FilterOptions_Max{Max: window}, CheckpointIntervalMultiplier: 1,
	}}
}

// head is the place of the last record of the store, the server's own included; the zero place for an empty one.
func (s *Store) head(ctx context.Context) (place, error) {
	var last place
	v, err := s.attempt(ctx, func(ctx context.Context, m *member, _ *patience) (verdict, string, error) {
		request := readAll(streams.ReadReq_Options_Backwards)
		request.Options.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}}}}
		request.Options.CountOption = &streams.ReadReq_Options_Count{Count: 1}
		return receive(ctx, m, request, func(a *answer) (bool, error) {
			if a.event != nil {
				last = a.event.place
			}
			return true, nil
		})
	})
	if err != nil {
		return place{}, fmt.Errorf("end of the store: %w", s.failure(ctx, v, err))
	}
	return last, nil
}

// End is the position of the last record of the store, the server's own included.
func (s *Store) End(ctx context.Context) (uint64, error) {
	if err := s.alive(ctx); err != nil {
		return 0, err
	}
	end, err := s.head(ctx)
	return end.commit, err
}

// ReadAll implements eventstore.Store. Events of deleted streams come too until the cluster is scavenged.
func (s *Store) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		err := s.readAll(ctx, after, func(e *recorded) error {
			if mine, ok := e.recognise(); ok && !yield(mine, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, err)
		}
	}
}

// recognise gives an event of ours, whatever stream it is in.
func (e *recorded) recognise() (eventstore.Event, bool) {
	stream := string(e.stream)
	if eventstore.CheckStream(stream) != nil || !e.ours(stream) {
		return eventstore.Event{}, false
	}
	return e.event(stream), true
}

// readAll hands on the records after a position, up to the one that is last now.
func (s *Store) readAll(ctx context.Context, after uint64, each func(*recorded) error) error {
	if err := s.alive(ctx); err != nil {
		return err
	}
	end, err := s.head(ctx)
	if err != nil {
		return err
	}
	at := place{after, after}
	begin := at
	for at.before(end) {
		before := at
		v, err := s.attempt(ctx, func(tryCtx context.Context, m *member, p *patience) (verdict, string, error) {
			request := readAll(streams.ReadReq_Options_Forwards)
			request.Options.StreamOption = allFrom(begin)
			request.Options.FilterOption = filtered(pageEvents)
			request.Options.CountOption = &streams.ReadReq_Options_Count{Count: math.MaxInt64}
			return receive(tryCtx, m, request, func(a *answer) (bool, error) {
				if a.event == nil {
					return true, nil
				}
				here := a.event.place
				if end.before(here) {
					return false, nil
				}
				if !at.before(here) {
					return true, nil
				}
				if err := s.alive(ctx); err != nil {
					return false, err
				}
				at, begin = here, here
				p.rest()
				defer p.begin()
				return true, each(a.event)
			})
		})
		switch {
		case err == nil:
			return s.reached(ctx, end)
		case v == final && begin != (place{}) && at == before && noRecord(err):
			begin = place{} // the position is none that the server has: what comes before it is passed over
		case at != before && v != final:
			// it got on: its patience begins anew
		default:
			return s.failure(ctx, v, err)
		}
	}
	return nil
}

// reached says that the member that was read last has everything up to a place: what it lacks would be missing without a word.
func (s *Store) reached(ctx context.Context, end place) error {
	now, err := s.head(ctx)
	if err == nil && now.before(end) {
		err = fmt.Errorf("read all streams: %w: it ends at %d, before %d", because(ErrUnreachable, errBehind), now.commit, end.commit)
	}
	return err
}

// noRecord says whether the server refused a position because no record begins there.
func noRecord(err error) bool {
	answer, said := status.FromError(err)
	return said && (answer.Code() == codes.Unknown || answer.Code() == codes.InvalidArgument)
}
