package witness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// This file keeps what witnesses signed: the stream "witness-<id>" of each collective, folded into memory as far as somebody asks.

const (
	// refreshEvery bounds how long a cosignature added on another node is not shown on this one.
	refreshEvery = time.Second
	// refreshWait bounds how long a read waits for a store that does not answer.
	refreshWait = 500 * time.Millisecond
	// attemptsMax bounds how often an append is tried again after somebody else appended first.
	attemptsMax = 10
	// shelvesMax bounds the collectives whose streams are in memory; the others are read again when they are asked for.
	shelvesMax = 256
	// reportsMax bounds the reports that are kept of one log: each takes a fork that the log's key has signed.
	reportsMax = 64
)

// shelf is the stream of one collective as far as it is known here.
type shelf struct {
	mu       sync.Mutex // held by who reads or appends, so that this node never races itself
	stream   string
	version  uint64
	recorded int64                                  // of the last event, µs
	signed   map[uint64][]*eventv1.CosignatureAdded // by size, in the order of the stream
	forks    []*eventv1.ForkReported
	read     time.Time                    // when the store was last asked for more
	roots    map[uint64]transparency.Hash // of the log of the collective, by size; they never change
}

func newShelf(collective string) *shelf {
	return &shelf{stream: ledger.WitnessStreamOf(collective), signed: map[uint64][]*eventv1.CosignatureAdded{}, roots: map[uint64]transparency.Hash{}}
}

// shelf finds the stream of a collective, and gives up another's when there are many.
func (s *Service) shelf(collective string) *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.shelves[collective]; h != nil {
		return h
	}
	for other := range s.shelves {
		if len(s.shelves) < shelvesMax {
			break
		}
		delete(s.shelves, other)
	}
	h := newShelf(collective)
	s.shelves[collective] = h
	return h
}

// catchUp folds what the store has and memory has not. The shelf's lock is held.
func (s *Service) catchUp(ctx context.Context, h *shelf) error {
	now := s.clock()
	for stored, err := range s.store.Read(ctx, h.stream, h.version) {
		if err != nil {
			return fmt.Errorf("read %s after version %d: %w", h.stream, h.version, err)
		}
		e, err := ledger.Decode(stored)
		if err != nil {
			return err
		}
		if problem := h.fold(e); problem != "" {
			return &eventstore.CorruptError{Stream: h.stream, Version: e.Version, Reason: problem}
		}
	}
	h.read = now
	return nil
}

// fresh is catchUp for reads, at most once a second. While the store cannot be reached what is known is shown.
func (s *Service) fresh(ctx context.Context, h *shelf) error {
	switch age := s.clock().Sub(h.read); {
	case h.read.IsZero():
		return s.catchUp(ctx, h)
	case age >= 0 && age < refreshEvery:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, refreshWait)
	defer cancel()
	err := s.catchUp(ctx, h)
	if corrupt := (*eventstore.CorruptError)(nil); errors.As(err, &corrupt) {
		return err
	}
	h.read = s.clock() // not at every call of an outage
	return nil
}

// fold takes the next event. Only this package writes the stream: anything else than it writes is damage, told in words.
func (h *shelf) fold(e *eventv1.Event) string {
	if e.Version != h.version+1 {
		return "versions are missing before it"
	}
	switch f := e.Fact.(type) {
	case *eventv1.Event_CosignatureAdded:
		c := f.CosignatureAdded
		if _, ok := ledger.WitnessKey(c.Key); !ok || len(c.Root) != 32 || len(c.Signature) != 64 || c.Size == 0 || c.SignedAt <= 0 {
			return "it is no cosignature"
		}
		h.signed[c.Size] = append(h.signed[c.Size], c)
	case *eventv1.Event_ForkReported:
		h.forks = append(h.forks, f.ForkReported)
	default:
		return "it is no fact about witnesses"
	}
	h.version, h.recorded = e.Version, e.RecordedAt
	return ""
}

// digest is what a command digest covers: a name, a collective and the rest.
func digest(name, collective, content string) [32]byte {
	return sha256.Sum256([]byte(name + "\n" + collective + "\n" + content))
}

// entry is a fact with the digest of what asked for it.
type entry struct {
	digest [32]byte
	fact   *eventv1.Event // without a header
}

// do appends what decide makes of the stream as it stands; nothing when that is nothing. Somebody else's append in between makes it decide
// anew, a bounded number of times. A crash in the append leaves all of the facts or none.
func (s *Service) do(ctx context.Context, h *shelf, decide func() ([]entry, error)) error {
	for attempt := range attemptsMax {
		if err := eventstore.StandBack(ctx, attempt); err != nil {
			return fmt.Errorf("append to %s: %w", h.stream, err)
		}
		if err := s.catchUp(ctx, h); err != nil {
			return err
		}
		entries, err := decide()
		if err != nil || len(entries) == 0 {
			return err
		}
		err = s.append(ctx, h, entries)
		if err == nil {
			return nil
		}
		if conflict := (*eventstore.ConflictError)(nil); !errors.As(err, &conflict) {
			return err
		}
	}
	return fmt.Errorf("append to %s: somebody else was faster %d times", h.stream, attemptsMax)
}

func (s *Service) append(ctx context.Context, h *shelf, entries []entry) error {
	stored := make([]eventstore.NewEvent, len(entries))
	for i, n := range entries {
		e := n.fact
		e.Version = h.version + uint64(i) + 1
		e.RecordedAt = max(s.clock().UnixMicro(), h.recorded)
		e.CommandId, e.CommandDigest = n.digest[:16], n.digest[:]
		var err error
		if stored[i], err = ledger.Encode(e); err != nil {
			return err
		}
	}
	if _, err := s.store.Append(ctx, h.stream, h.version, stored); err != nil {
		return fmt.Errorf("append to %s at version %d: %w", h.stream, h.version, err)
	}
	for _, n := range entries {
		if problem := h.fold(n.fact); problem != "" {
			return fmt.Errorf("append to %s: %s", h.stream, problem)
		}
	}
	return nil
}
