package transparency

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Options of a Store. The zero value is right for production.
type Options struct {
	// HeadInterval is the shortest time between two rounds of writing heads; 0 means 50 ms. The first append after a
	// quiet time is remembered at once, a stream of appends this often. It is also how much of what was acknowledged
	// could be missing after a crash without being missed.
	HeadInterval time.Duration
	// Shared says that other processes found streams in the inner store too, each with a directory of its own. A log of
	// any length that has no head here is then taken as it is when it is first seen, which also means that a head that
	// was removed is not missed.
	Shared bool
	// Check, if there is one, says what is wrong with an event that was not appended through this Store: nil when it is an
	// event of the product. A head advances over no event that it refuses, and Verify asks it about every event. Its error
	// stops the stream as damaged at that version. It may run in many goroutines at once.
	Check func(eventstore.Event) error
	// Now is the clock of the self check's report; nil means time.Now.
	Now func() time.Time
	// Rotation, if there is one, says whether an event is a rotation of the key of its log, and which: from the first head that
	// covers the event on the new key signs. It may run in many goroutines at once.
	Rotation func(eventstore.Event) (Rotation, bool)
	// Later is the directory of another Store on the same log, whose leaf hashes may go on where the log here ends: that of a copy
	// made while the original goes on. With them a signer that is ahead signs the head of the copy. Empty: there is none.
	Later string
}

const headIntervalDefault = 50 * time.Millisecond

// Store is an event store that keeps a Merkle tree over each stream of the store inside it. The package comment says what
// it checks and what it does not.
//
// A *eventstore.CorruptError from Append, Read, Head, Verify or Audit stops the stream: each later call on it gives the
// same error, until the store is opened again or, where a person may decide, AdoptHead or Delete is called.
//
// Two processes on one inner store need a directory each, and Options.Shared.
type Store struct {
	inner  eventstore.Store
	files  files
	signer Signer
	origin OriginFunc
	opts   Options

	mark     mark        // as it was at Open; none for Options.Shared
	unsealed atomic.Bool // the file says that heads may be behind
	markMu   sync.Mutex  // guards the file and foreign
	foreign  map[string]bool

	// life is held for reading by those who change streams, so that Close can wait for them; it guards closed.
	life   sync.RWMutex
	closed bool

	mu      sync.Mutex // guards all below
	streams map[string]*stream
	queue   []*stream // those with queued set
	headErr error     // of the last round of writing heads
	audit   AuditReport

	wake    chan struct{} // there is something in queue
	stop    chan struct{}
	stopped chan struct{}
}

var _ eventstore.Store = (*Store)(nil)

// ErrNoLog says that a stream has no events, so that there is nothing to have a head.
var ErrNoLog = errors.New("stream has no log")

// Open wraps inner, which from then on must be written through the Store only and is closed with it; the signer is not. dir is
// made when it does not exist; the trust in the log rests on it and on the signer, so both belong on another medium, or the
// signer to another user or machine, than the log where there is one. Streams are loaded when they are first used.
func Open(inner eventstore.Store, dir string, signer Signer, origin OriginFunc, opts Options) (*Store, error) {
	if opts.HeadInterval <= 0 {
		opts.HeadInterval = headIntervalDefault
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{
		inner: inner, files: files{dir}, signer: signer, origin: origin, opts: opts,
		streams: make(map[string]*stream),
		wake:    make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := s.files.makeDirs(); err != nil {
		return nil, err
	}
	if !opts.Shared {
		m, err := s.files.readMark()
		if err != nil {
			return nil, err
		}
		s.mark = m
	}
	go s.writeHeads()
	return s, nil
}

// enter keeps the store open until the caller releases life.
func (s *Store) enter() error {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return eventstore.ErrClosed
	}
	return nil
}

func (s *Store) isClosed() bool {
	s.life.RLock()
	defer s.life.RUnlock()
	return s.closed
}

func (s *Store) stream(name string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[name]
	if st == nil {
		st = &stream{name: name, token: make(chan struct{}, 1)}
		st.unlock()
		s.streams[name] = st
	}
	return st
}

// Append implements eventstore.Store. After the inner store has the events the tree is extended, which takes about a
// microsecond an event and touches no file; only the very first append of a stream writes and syncs a file before, and the
// first of the process removes one and looks at every head (a hundredth of a millisecond for each). The stream's tree is loaded when it is first used: from the leaf file where it fits the head, else from the log.
func (s *Store) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return 0, err
	}
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.life.RUnlock()
	st := s.stream(stream)
	if err := s.ready(ctx, st); err != nil {
		return 0, err
	}
	log, err := s.logOf(ctx, st, expected, events)
	if err != nil {
		return 0, err
	}
	if len(events) > 0 {
		if err := s.unseal(ctx); err != nil {
			return 0, err
		}
	}
	before := st.begin(len(events))
	position, err := s.inner.Append(ctx, stream, expected, events)
	if err != nil {
		late, err := st.failed(before, err)
		s.schedule(st, late)
		return 0, err
	}
	leaves := hashAll(log, events)
	if expected < before && s.holds(st, expected, leaves) {
		before = expected // an append of what stood there already, which a store may answer as if it had stored it
	}
	late, err := st.done(log, before, expected, len(events), leaves, s.rotations(stream, expected, events))
	s.schedule(st, late)
	if err != nil {
		return 0, err
	}
	return position, nil
}

// holds says whether the tree has these leaves after a version.
func (s *Store) holds(st *stream, from uint64, leaves []tlog.Hash) bool {
	_, _, known := st.snapshot(s.files.nodesPath(st.name))
	defer known.close()
	for i, leaf := range leaves {
		if have, ok := known.at(from + uint64(i)); !ok || have != leaf {
			return false
		}
	}
	return len(leaves) > 0
}

func hashAll(log *logName, events []eventstore.NewEvent) []tlog.Hash {
	if log == nil || len(events) == 0 {
		return nil
	}
	h, ok := log.hashers.Get().(*leafHasher)
	if !ok {
		h = newLeafHasher(log.origin())
	}
	defer log.hashers.Put(h)
	leaves := make([]tlog.Hash, len(events))
	for i, e := range events {
		leaves[i] = h.hash(e.Type, e.Data)
	}
	return leaves
}

// logOf is the log that the events will be in, nil when that shows only later. For the first events of a stream it makes
// sure that a head exists before there is a log.
func (s *Store) logOf(ctx context.Context, st *stream, expected uint64, events []eventstore.NewEvent) (*logName, error) {
	st.mu.Lock()
	log, deleted := st.log, st.deleted
	st.mu.Unlock()
	if log != nil || deleted || expected != 0 || len(events) == 0 {
		return log, nil
	}
	if err := eventstore.CheckAppend(st.name, events); err != nil {
		return nil, err
	}
	log, err := s.key(eventstore.Event{Stream: st.name, Version: 1, Type: events[0].Type, Data: events[0].Data})
	if err != nil {
		return nil, err
	}
	if err := s.writeFirstHead(ctx, st, log); err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w: %w", eventstore.ErrNoSpace, err)
		}
		return nil, err
	}
	return log, nil
}

// key is the log that begins with this event.
func (s *Store) key(first eventstore.Event) (*logName, error) {
	origin, err := s.origin(first.Stream, first)
	if err != nil {
		return nil, fmt.Errorf("origin of stream %s: %w", first.Stream, err)
	}
	return newLogName(origin)
}

// writeFirstHead writes a head of size 0, which says only that a log of this name is about to begin. A crash right after
// it leaves a head without a log, which is an empty stream like any other; another first event may still come and replace
// the head.
func (s *Store) writeFirstHead(ctx context.Context, st *stream, log *logName) error {
	if err := st.lock(ctx); err != nil {
		return err
	}
	defer st.unlock()
	st.files.Lock()
	defer st.files.Unlock()
	var empty tree
	first := Head{Origin: log.origin(), Root: empty.root()}
	st.mu.Lock()
	needed := st.loaded && !st.deleted && st.log == nil && st.written != first
	st.mu.Unlock()
	if !needed {
		return nil
	}
	if last, err := s.last(ctx, st.name, log.origin()); err != nil {
		return err
	} else if last.Size > 0 && !s.opts.Shared { // where others write too, the append shows whether the log is empty
		return st.damaged(missing(st.name, 0, last.Size))
	}
	msg, err := s.signer.Sign(ctx, first, 0, nil)
	if err != nil {
		return s.refusedBySigner(st.name, err)
	}
	if err := s.files.writeHead(st.name, msg, true); err != nil {
		return err
	}
	st.mu.Lock()
	st.written = first
	st.mu.Unlock()
	return nil
}

// Version implements eventstore.Store. It is what the inner store says and is not checked.
func (s *Store) Version(ctx context.Context, stream string) (uint64, error) {
	return s.inner.Version(ctx, stream)
}

// ReadAll implements eventstore.Store. The events are handed on as they are stored, without a check.
func (s *Store) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return s.inner.ReadAll(ctx, after)
}

// Subscribe implements eventstore.Store. The events are handed on as they are stored, without a check. With Options.Shared those of
// streams in use extend their trees as they pass, so that the heads follow what other processes append.
func (s *Store) Subscribe(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	if !s.opts.Shared {
		return s.inner.Subscribe(ctx, after)
	}
	return func(yield func(eventstore.Event, error) bool) {
		for e, err := range s.inner.Subscribe(ctx, after) {
			if err == nil {
				s.passing(e)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// passing extends the tree of a loaded stream by an event that follows it. What does not follow, or is none of the product, is left
// to a reading of the stream, which says what is wrong with it.
func (s *Store) passing(e eventstore.Event) {
	s.mu.Lock()
	st := s.streams[e.Stream]
	s.mu.Unlock()
	if st == nil {
		return
	}
	st.mu.Lock()
	log, wanted := st.log, st.loaded && st.damage == nil && !st.deleted && e.Version > st.tree.size
	st.mu.Unlock()
	if !wanted || log == nil {
		return
	}
	good := wellFormed(e.Stream, e.Version, e) == nil && (s.opts.Check == nil || s.opts.Check(e) == nil)
	var leaf []tlog.Hash
	if good {
		leaf = hashAll(log, []eventstore.NewEvent{{Type: e.Type, Data: e.Data}})
	}
	rotated := s.rotations(e.Stream, e.Version-1, []eventstore.NewEvent{{Type: e.Type, Data: e.Data}})
	st.mu.Lock()
	if good && st.loaded && st.log == log && !st.deleted && e.Version == st.tree.size+1 {
		st.rotations = append(st.rotations, rotated...)
		st.place(e.Version-1, leaf)
	} else {
		st.behind = st.behind || e.Version > st.tree.size && st.underway == 0
	}
	st.mu.Unlock()
	s.schedule(st, true)
}

// End is a position at or behind every event stored before it was called, where the inner store tells it.
func (s *Store) End(ctx context.Context) (uint64, error) {
	inner, ok := s.inner.(interface {
		End(context.Context) (uint64, error)
	})
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return inner.End(ctx)
}

// Delete implements eventstore.Store. It works on damaged streams too, and leaves nothing of the stream's hashes: only a
// note in place of the head that the stream was deleted on purpose.
func (s *Store) Delete(ctx context.Context, stream string) error {
	if err := eventstore.CheckStream(stream); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.life.RUnlock()
	st := s.stream(stream)
	if err := st.lock(ctx); err != nil {
		return err
	}
	defer st.unlock()
	if err := s.bury(st); err != nil {
		return fmt.Errorf("delete stream %s: %w", stream, err)
	}
	// A crash from here on leaves a note beside a log. The stream is then refused until it is deleted again.
	if err := s.inner.Delete(context.WithoutCancel(ctx), stream); err != nil {
		return err
	}
	if err := s.files.removeNodes(stream); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.loaded, st.damage = true, nil
	return nil
}

// bury writes the tombstone and forgets the state of the stream.
func (s *Store) bury(st *stream) error {
	st.files.Lock()
	defer st.files.Unlock()
	if err := s.files.writeTombstone(st.name); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.loaded, st.deleted, st.behind = false, true, false
	st.log, st.tree, st.written, st.signed, st.note, st.base, st.rotations = nil, tree{}, Head{}, Head{}, nil, tree{}, nil
	st.stored, st.pending, st.ahead, st.groups = 0, nil, nil, nil
	return nil
}

// Close implements eventstore.Store: it waits for appends, writes and syncs the heads that are due, notes which streams have
// an up to date head, and closes the inner store. The error of a head that could not be written harms nothing but the time
// until it is written again.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return nil
	}
	s.closed = true
	s.life.Unlock()
	close(s.stop)
	<-s.stopped
	s.mu.Lock()
	err := s.headErr
	s.mu.Unlock()
	if errors.Is(err, ErrSignerAway) {
		err = nil // the logs are longer than their heads, and are not noted as closed
	}
	return errors.Join(err, s.seal(context.Background()), s.inner.Close())
}
