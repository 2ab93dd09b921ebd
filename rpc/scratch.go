package rpc

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// scratch is a server on a copy of the log that is thrown away: the same checks and the same rules, and nothing it does is
// stored. It answers methods through call and batches; it serves nobody.
func (s *Server) scratch() *Server {
	store := &scratchStore{base: s.config.Events, streams: map[string]*scratchStream{}}
	config := s.config
	config.Ledger = ledger.NewService(store, ledger.Options{Clock: s.config.Clock})
	config.Access = access.NewService(store, s.config.Clock)
	config.Books = projections.NewLibrary(config.Ledger)
	config.Events = store
	copied := &Server{config: config, registry: s.registry, dry: true, verifying: s.verifying, previewing: s.previewing}
	copied.bare = copied.register()
	return copied
}

// scratchStore shows each stream of a store as it was when it was first looked at, and keeps what is appended in memory. Its
// own events have no position: ReadAll and Subscribe show what is really stored. Nothing it does reaches the store below.
type scratchStore struct {
	base eventstore.Store

	mu      sync.Mutex
	streams map[string]*scratchStream
}

type scratchStream struct {
	stored uint64             // version in the store below when it was first looked at
	added  []eventstore.Event // appended here; elements are never changed
}

func (st *scratchStream) version() uint64 { return st.stored + uint64(len(st.added)) }

// stream finds a stream and fixes its version below. The caller holds mu.
func (s *scratchStore) stream(ctx context.Context, name string) (*scratchStream, error) {
	if st := s.streams[name]; st != nil {
		return st, nil
	}
	version, err := s.base.Version(ctx, name)
	if err != nil {
		return nil, err
	}
	st := &scratchStream{stored: version}
	s.streams[name] = st
	return st, nil
}

// Append implements eventstore.Store, in memory.
func (s *scratchStore) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if err := eventstore.CheckAppend(stream, events); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	if st.version() != expected {
		return 0, &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: st.version()}
	}
	for _, e := range events {
		st.added = append(st.added, eventstore.Event{Stream: stream, Version: st.version() + 1, Type: e.Type, Data: e.Data})
	}
	return 0, nil
}

// Version implements eventstore.Store.
func (s *scratchStore) Version(ctx context.Context, stream string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	return st.version(), nil
}

// Read implements eventstore.Store: what is stored below, then what was appended here.
func (s *scratchStore) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		s.mu.Lock()
		st, err := s.stream(ctx, stream)
		if err != nil {
			s.mu.Unlock()
			yield(eventstore.Event{}, err)
			return
		}
		stored, added := st.stored, st.added
		s.mu.Unlock()
		if after < stored && !s.readStored(ctx, stream, after, stored, yield) {
			return
		}
		for _, e := range added {
			if e.Version > after && !yield(e, nil) {
				return
			}
		}
	}
}

// readStored yields the versions after+1 to last of the store below and says whether to go on.
func (s *scratchStore) readStored(ctx context.Context, stream string, after, last uint64, yield func(eventstore.Event, error) bool) bool {
	for e, err := range s.base.Read(ctx, stream, after) {
		if err != nil {
			yield(eventstore.Event{}, err)
			return false
		}
		if !yield(e, nil) {
			return false
		}
		if e.Version == last {
			break
		}
	}
	return true
}

// ReadAll implements eventstore.Store for what is stored below.
func (s *scratchStore) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return s.base.ReadAll(ctx, after)
}

// Subscribe implements eventstore.Store for what is stored below.
func (s *scratchStore) Subscribe(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return s.base.Subscribe(ctx, after)
}

// Delete implements eventstore.Store by refusing: nothing is deleted for a look.
func (s *scratchStore) Delete(context.Context, string) error { return errors.ErrUnsupported }

// Close implements eventstore.Store; the store below stays open.
func (s *scratchStore) Close() error { return nil }
