package eventstoredb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// pageEvents is how many events one call reads of a stream; one that is left early costs no more than a window of them.
const pageEvents = 4096

// notOfServer leaves out the server's own streams ($…) but not what it keeps about those of others ($$…), in .NET's regular expressions
// and in Go's.
const notOfServer = `^([^\$]|\$\$[^\$])`

func trailerOf(md *metadata.MD) grpc.CallOption { return grpc.Trailer(md) }

// Version implements eventstore.Store.
func (s *Store) Version(ctx context.Context, stream string) (uint64, error) {
	if err := s.alive(ctx); err != nil {
		return 0, err
	}
	version, _, err := s.version(ctx, stream)
	return version, err
}

// version is the number of events in a stream, and whether it was deleted. What is less than was seen before, and stays it, is
// given as it is: whoever keeps a head of the stream can say what that means.
func (s *Store) version(ctx context.Context, stream string) (version uint64, deleted bool, err error) {
	v, err := s.attempt(ctx, func(ctx context.Context, m *member, _ *patience) (verdict, string, error) {
		version, deleted = 0, false
		last, v, leader, err := readLast(ctx, m, stream)
		if errors.Is(err, eventstore.ErrDeleted) {
			deleted = true
			return final, "", nil
		}
		if err != nil {
			return v, leader, err
		}
		if last != nil {
			version = last.revision + 1
		}
		if s.seen.note(stream, version) {
			// The member may be behind, which passes; what somebody had hidden does not come back.
			if last == nil {
				if hidden, _, _, err := readHidden(ctx, m, stream); err == nil && hidden != "" {
					return final, "", isHidden(stream, hidden)
				}
			}
			return again, "", fmt.Errorf("%w: %s at version %d", errBehind, stream, version)
		}
		return final, "", nil
	})
	if errors.Is(err, errBehind) && ctx.Err() == nil {
		v, err = final, nil
	}
	if err == nil && version == 0 && !deleted {
		err = s.checkAbsent(ctx, stream)
	}
	if err != nil {
		return 0, false, fmt.Errorf("version of stream %s: %w", stream, s.failure(ctx, v, err))
	}
	return version, deleted, nil
}

// readLast reads the last event of a stream, nil when it has none.
func readLast(ctx context.Context, m *member, stream string) (last *recorded, v verdict, leader string, err error) {
	request := readStream(stream, streams.ReadReq_Options_Backwards, 1)
	request.Options.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
	v, leader, err = receive(ctx, m, request, func(a *answer) (bool, error) {
		if a.event != nil {
			last = a.event
		}
		return true, nil
	})
	return last, v, leader, err
}

func readStream(stream string, direction streams.ReadReq_Options_ReadDirection, count uint64) *streams.ReadReq {
	return &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption:  &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{StreamIdentifier: streamID(stream)}},
		ReadDirection: direction,
		CountOption:   &streams.ReadReq_Options_Count{Count: count},
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:    structured,
	}}
}

var structured = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}}}

// receive makes a reading call and hands on what comes until each wants no more or the server has no more. An error of each ends
// it as it is, with the verdict final.
func receive(ctx context.Context, m *member, request *streams.ReadReq, each func(*answer) (more bool, err error)) (verdict, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // whatever happens, the stream is gone
	call, err := m.streams.Read(ctx, request, grpc.ForceCodecV2(answers))
	if err != nil {
		return judge(err, nil)
	}
	for {
		a := new(answer)
		err := call.RecvMsg(a)
		if errors.Is(err, io.EOF) {
			return final, "", nil
		}
		if err != nil {
			return judge(err, call.Trailer())
		}
		more, err := each(a)
		if err != nil || !more {
			return final, "", err
		}
	}
}

// errEnough ends a read whose consumer has enough.
var errEnough = errors.New("enough")

// Read implements eventstore.Store.
func (s *Store) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		if err := s.read(ctx, stream, after, yield); err != nil && !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, err)
		}
	}
}

func (s *Store) read(ctx context.Context, stream string, after uint64, yield func(eventstore.Event, error) bool) error {
	if err := s.alive(ctx); err != nil {
		return err
	}
	end, _, err := s.version(ctx, stream)
	if err != nil {
		return err
	}
	for at := after; at < end; {
		before := at
		v, err := s.attempt(ctx, func(tryCtx context.Context, m *member, p *patience) (verdict, string, error) {
			request := readStream(stream, streams.ReadReq_Options_Forwards, min(end-at, pageEvents))
			request.Options.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_Revision{Revision: at}
			from := at
			v, leader, err := receive(tryCtx, m, request, func(a *answer) (bool, error) {
				if a.event == nil {
					return true, nil
				}
				e, err := eventOf(stream, at+1, a.event)
				if err != nil {
					return false, err
				}
				if err := s.alive(ctx); err != nil {
					return false, err
				}
				at = e.Version
				p.rest()
				defer p.begin()
				if !yield(e, nil) {
					return false, errEnough
				}
				return true, nil
			})
			if err == nil && at == from {
				return again, "", fmt.Errorf("%w: %s at version %d", errBehind, stream, at) // the leader has changed since version was asked
			}
			return v, leader, err
		})
		switch {
		case errors.Is(err, eventstore.ErrDeleted) && v == final:
			return eventstore.ErrDeleted
		case errors.Is(err, errEnough):
			return err
		case err != nil && at > before && v != final:
			continue // it got on: its patience begins anew
		case errors.Is(err, errBehind) && s.alive(ctx) == nil:
			return &eventstore.CorruptError{Stream: stream, Version: at + 1, Reason: fmt.Sprintf("it cannot be read, though the stream has %d events", end)}
		case err != nil:
			return fmt.Errorf("read %s after version %d: %w", stream, at, s.failure(ctx, v, err))
		}
	}
	return nil
}

// eventOf is a stored event, which has to be that version of the stream. Its *eventstore.CorruptError says what it is instead.
func eventOf(stream string, version uint64, e *recorded) (eventstore.Event, error) {
	corrupt := func(format string, args ...any) (eventstore.Event, error) {
		return eventstore.Event{}, &eventstore.CorruptError{Stream: stream, Version: version, Reason: fmt.Sprintf(format, args...)}
	}
	if is := e.revision + 1; is != version {
		return corrupt("the next event has version %d: those before it are missing, or hidden by $tb, $maxCount or $maxAge", is)
	}
	if string(e.stream) != stream {
		return corrupt("an event of %q stands in its place", e.stream)
	}
	if !e.ours(stream) {
		return corrupt("somebody else wrote it: its id is not that of its bytes")
	}
	return e.event(stream), nil
}

func (e *recorded) event(stream string) eventstore.Event {
	return eventstore.Event{Stream: stream, Version: e.revision + 1, Position: e.place.commit, Type: typeName(e.kind), Data: e.data}
}

// ours says whether an event has the id that we give.
func (e *recorded) ours(stream string) bool {
	id := EventID(stream, e.revision+1, e.data)
	if e.idText != nil {
		return string(e.idText) == id.String()
	}
	return e.id == [2]uint64{binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])}
}

// typeNames keeps one text for each of the few types that there are.
var typeNames = struct {
	sync.RWMutex
	m map[string]string
}{m: map[string]string{}}

const typeNamesMax = 1024

func typeName(b []byte) string {
	typeNames.RLock()
	name, ok := typeNames.m[string(b)]
	full := len(typeNames.m) >= typeNamesMax
	typeNames.RUnlock()
	if ok {
		return name
	}
	name = string(b)
	if !full {
		typeNames.Lock()
		typeNames.m[name] = name
		typeNames.Unlock()
	}
	return name
}

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
