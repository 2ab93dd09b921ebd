package transparency

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Read implements eventstore.Store and checks what it yields, on a goroutine of its own that also reads the inner store, so
// that the consumer's work and the hashing share the time.
//
// From the beginning (after 0) the read ends without an error only if all events up to the remembered head have its root;
// the last thing is a *eventstore.CorruptError otherwise. As long as the leaf file is whole no wrong event is yielded at
// all. Without it the root alone decides, so a wrong event may be yielded and show only when the head's size is reached:
// what was made of the events must not be used before the read has ended. Whoever stops early has checked nothing for sure.
//
// After a version greater than 0 each event is compared with the leaf hash that is kept for it, in a file that fitted the
// head when the stream was loaded or first read so; events before that version are not looked at. Events behind the head at the beginning
// of the read have nothing to be compared with and are taken as they are.
func (s *Store) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		if err := eventstore.CheckStream(stream); err != nil {
			yield(eventstore.Event{}, err)
			return
		}
		if s.isClosed() {
			yield(eventstore.Event{}, eventstore.ErrClosed)
			return
		}
		st := s.stream(stream)
		inBackground(ctx, func(ctx context.Context, emit func(eventstore.Event) error) error {
			if after == 0 {
				return st.damaged(s.readWhole(ctx, st, emit))
			}
			return st.damaged(s.readTail(ctx, st, after, emit))
		}, yield)
	}
}

// readWhole yields and checks the log from its first event. A stream that is not loaded is loaded on the way.
func (s *Store) readWhole(ctx context.Context, st *stream, emit func(eventstore.Event) error) error {
	c, r, err := s.wholeCheck(ctx, st)
	if err != nil {
		return err
	}
	defer c.known.close()
	if err := s.pass(ctx, c, emit); err != nil {
		return err
	}
	s.schedule(st, st.install(c, r) || st.repair(c) || st.outgrown(c.tree.size))
	return nil
}

// wholeCheck prepares the check of a whole log against memory, or against the files if the stream is not loaded.
func (s *Store) wholeCheck(ctx context.Context, st *stream) (*check, remembered, error) {
	if err := st.lock(ctx); err != nil {
		return nil, remembered{}, err
	}
	defer st.unlock()
	loaded, err := st.state()
	if err != nil {
		return nil, remembered{}, err
	}
	if loaded {
		return s.memoryCheck(st), remembered{}, nil
	}
	return s.fileCheck(ctx, st)
}

func (s *Store) memoryCheck(st *stream) *check {
	log, t, known := st.snapshot(s.files.nodesPath(st.name))
	c := &check{stream: st.name, key: s.key, log: log, known: known}
	if log != nil {
		c.head = Head{Origin: log.origin(), Size: t.size, Root: t.root()}
	}
	return c
}

// fileCheck prepares the check of a log against its files. The caller holds the token.
func (s *Store) fileCheck(ctx context.Context, st *stream) (*check, remembered, error) {
	r, err := s.remember(ctx, st)
	if err != nil {
		return nil, r, err
	}
	return &check{
		stream: st.name, key: s.key, log: r.log, head: r.head, known: s.fileLeaves(st.name, r.head.Size),
		closed: func() bool { return s.closedNow(st) }, examine: s.opts.Check, last: r.last, rotation: s.opts.Rotation,
		refused: func(h Head) { s.keepEvidence(ctx, h) },
	}, r, nil
}

// outgrown notes that a log was seen with more events than the tree has. It reports whether the tree is behind.
func (st *stream) outgrown(version uint64) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.behind = st.behind || st.loaded && !st.deleted && version > st.tree.size && st.underway == 0
	return st.behind
}

// readTail yields the events after a version and compares each with its leaf hash. Where one differs, or there is none
// though there should be, the whole log is checked: either it is damaged, or the leaf file is, and then the read goes on
// with the right hashes.
func (s *Store) readTail(ctx context.Context, st *stream, after uint64, emit func(eventstore.Event) error) error {
	if err := s.ready(ctx, st); err != nil {
		return err
	}
	log, tree, known := st.snapshot(s.files.nodesPath(st.name))
	st.mu.Lock()
	unproven := st.unproven
	st.mu.Unlock()
	if after < unproven && !st.prove(tree, known) {
		c, err := s.checkWhole(ctx, st)
		if err != nil {
			return err
		}
		known.close()
		known = c.leaves()
	}
	t := &tailCheck{stream: st.name, log: log, size: tree.size, version: after, known: known}
	defer func() { t.known.close() }()
	err := s.passTail(ctx, t, emit)
	if !errors.Is(err, errSuspect) {
		s.schedule(st, err == nil && s.opts.Shared && st.outgrown(t.version))
		return err
	}
	c, err := s.checkWhole(ctx, st)
	if err != nil {
		return err
	}
	t.known.close()
	t.known = c.leaves()
	if err = s.passTail(ctx, t, emit); errors.Is(err, errSuspect) {
		return corrupt(st.name, t.version+1, "it reads otherwise each time")
	}
	return err
}

// checkWhole checks the whole log of a loaded stream against memory, and repairs the leaf file if it was at fault.
func (s *Store) checkWhole(ctx context.Context, st *stream) (*check, error) {
	c := s.memoryCheck(st)
	defer c.known.close()
	if err := s.pass(ctx, c, nil); err != nil {
		return nil, err
	}
	s.schedule(st, st.repair(c))
	return c, nil
}

var errSuspect = errors.New("event does not have its leaf hash")

// tailCheck compares single events with their leaf hashes.
type tailCheck struct {
	stream  string
	log     *logName
	size    uint64 // events that are in the tree
	version uint64 // of the last event that passed
	known   *leaves
	hasher  *leafHasher
}

func (t *tailCheck) add(e eventstore.Event) error {
	if err := wellFormed(t.stream, t.version+1, e); err != nil {
		return err
	}
	if t.version < t.size {
		if t.hasher == nil {
			t.hasher = newLeafHasher(t.log.origin())
		}
		if leaf, ok := t.known.at(t.version); !ok || leaf != t.hasher.hash(e.Type, e.Data) {
			return errSuspect
		}
	}
	t.version++
	return nil
}

func (s *Store) passTail(ctx context.Context, t *tailCheck, emit func(eventstore.Event) error) error {
	for e, err := range s.inner.Read(ctx, t.stream, t.version) {
		if err == nil {
			err = t.add(e)
		}
		if err == nil {
			err = emit(e)
		}
		if err != nil {
			return err
		}
	}
	if t.version < t.size {
		return shorter(t.stream, t.version, t.size)
	}
	return nil
}

// batchEvents is how many events go to the consumer at once: enough that the channel costs nothing, few enough that the
// first of them come soon. Two more batches than batchesAhead are in memory at the most.
const (
	batchEvents    = 256
	batchEventsMin = 4 // of the first batch
	batchesAhead   = 3
)

type batch struct {
	events []eventstore.Event
	last   bool
	err    error // comes after the events; only of the last batch
}

// inBackground runs produce on a goroutine and yields what it emits, and then its error. The goroutine has ended when inBackground
// returns, however the consumer leaves.
func inBackground(ctx context.Context, produce func(ctx context.Context, emit func(eventstore.Event) error) error, yield func(eventstore.Event, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan batch, batchesAhead)
	more := make(chan struct{}) // closed when the first batch is used up: until then nothing is read ahead
	defer func() {
		cancel()
		for range batches { // until it is closed, which the goroutine does last
		}
	}()
	go func() {
		defer close(batches)
		produceBatches(ctx, produce, batches, more)
	}()
	first := true
	for b := range batches {
		for _, e := range b.events {
			if ctx.Err() != nil {
				yield(eventstore.Event{}, fmt.Errorf("read events: %w", ctx.Err()))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if b.err != nil {
			yield(eventstore.Event{}, b.err)
		}
		if b.last {
			return
		}
		if first {
			close(more)
			first = false
		}
	}
	// The goroutine gave up without a last batch, which it does only when the context has ended.
	yield(eventstore.Event{}, fmt.Errorf("read events: %w", ctx.Err()))
}

func produceBatches(ctx context.Context, produce func(ctx context.Context, emit func(eventstore.Event) error) error, batches chan<- batch, more <-chan struct{}) {
	var events []eventstore.Event
	size := batchEventsMin // grows: whoever wants one event does not wait for hundreds to be read and hashed
	send := func(b batch) error {
		select {
		case batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := produce(ctx, func(e eventstore.Event) error {
		if events == nil {
			events = make([]eventstore.Event, 0, size)
		}
		events = append(events, e)
		if len(events) < size {
			return nil
		}
		full, begun := batch{events: events}, size > batchEventsMin
		events, size = nil, min(4*size, batchEvents)
		if err := send(full); err != nil || begun {
			return err
		}
		select {
		case <-more:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	// When this fails the consumer has gone, or finds the channel closed and the context ended.
	_ = send(batch{events: events, last: true, err: err})
}
