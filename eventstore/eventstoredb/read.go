package eventstoredb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// pageEvents is how many events one call reads of a stream; one that is left early costs no more than a window of them.
const pageEvents = 4096

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
