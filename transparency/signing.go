package transparency

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// This file is about a Store and its Signer: what the Store has signed, with which proof, and what it makes of a refusal.

// Rotation is an event that says which key signs from then on.
type Rotation struct {
	Version        uint64 // of the event
	Generation     uint32 // of the new key
	OldKey, NewKey string // as verifiers of signed notes write them
}

// rotations are those among events about to be stored after a version.
func (s *Store) rotations(stream string, after uint64, events []eventstore.NewEvent) []Rotation {
	if s.opts.Rotation == nil {
		return nil
	}
	var found []Rotation
	for i, e := range events {
		if r, ok := s.opts.Rotation(eventstore.Event{Stream: stream, Version: after + uint64(i) + 1, Type: e.Type, Data: e.Data}); ok {
			found = append(found, r)
		}
	}
	return found
}

// last is what the signer has signed of a log. When it is away it has no Origin: the log is then taken as it is until the signer is
// back, which signs no head that does not fit.
func (s *Store) last(ctx context.Context, stream, origin string) (Head, error) {
	last, err := s.signer.Last(ctx, origin)
	if errors.Is(err, ErrSignerAway) {
		return Head{}, nil
	}
	return last, s.refusedBySigner(stream, err)
}

// refusedBySigner makes damage of an error that does not pass by itself.
func (s *Store) refusedBySigner(stream string, err error) error {
	var fork *ForkError
	switch {
	case err == nil || errors.Is(err, ErrSignerAway) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &fork):
		return corrupt(stream, 0, "%v; the signer keeps both as evidence", fork)
	}
	return fmt.Errorf("signer of stream %s: %w", stream, err)
}

// keepEvidence has the signer refuse a head that is not the one it signed at that size, so that it keeps both.
func (s *Store) keepEvidence(ctx context.Context, h Head) {
	_, _ = s.signer.Sign(ctx, h, h.Size, nil) // the stream stops whatever comes of it
}

// signTries bounds how often a signer that others use too is asked again.
const signTries = 4

// sign has the present head of a loaded stream signed, unless it is. The caller holds files.
func (s *Store) sign(ctx context.Context, st *stream) error {
	st.mu.Lock()
	log, t, base, rotations := st.log, st.tree.clone(), st.base, st.rotations
	head := Head{Origin: log.origin(), Size: t.size, Root: t.root()}
	done := st.note != nil && st.signed == head && len(rotations) == 0
	st.mu.Unlock()
	if done {
		return nil
	}
	for _, r := range rotations {
		if err := s.signer.Rotate(ctx, log.origin(), r.Generation, r.NewKey); err != nil {
			return s.refusedBySigner(st.name, err)
		}
	}
	_, _, known := st.snapshot(s.files.nodesPath(st.name))
	defer known.close()
	msg, err := s.signTree(ctx, st.name, head, t, base, known)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.signed, st.note, st.base = head, msg, t
	st.rotations = st.rotations[len(rotations):]
	if st.headed != nil {
		close(st.headed)
		st.headed = nil
	}
	return nil
}

// signTree has the head of a tree signed. base is the tree that the signer is believed to have signed last.
func (s *Store) signTree(ctx context.Context, stream string, head Head, t, base tree, known *leaves) ([]byte, error) {
	for range signTries {
		proof, err := known.step(base, t)
		if err != nil {
			return nil, err
		}
		msg, err := s.signer.Sign(ctx, head, base.size, proof)
		var stale *StaleError
		if !errors.As(err, &stale) {
			return msg, s.refusedBySigner(stream, err)
		}
		if stale.Last.Size > t.size {
			return s.signBehind(ctx, stream, head, t, stale)
		}
		if base, err = known.base(stale.Last, t); err != nil {
			return nil, err
		}
		if base.root() != stale.Last.Root {
			s.keepEvidence(ctx, Head{Origin: head.Origin, Size: base.size, Root: base.root()})
			return nil, notSigned(stream, stale.Last)
		}
	}
	return nil, fmt.Errorf("%w: others had it sign %d times meanwhile", ErrSignerAway, signTries)
}

// signBehind has a head signed that is earlier than what the signer has signed, where the leaves between are known.
func (s *Store) signBehind(ctx context.Context, stream string, head Head, t tree, stale *StaleError) ([]byte, error) {
	if s.opts.Later == "" {
		return nil, stale
	}
	later := &leaves{path: files{s.opts.Later}.nodesPath(stream), stored: stale.Last.Size}
	defer later.close()
	whole := t.clone()
	if !later.extend(&whole, stale.Last.Size) || whole.root() != stale.Last.Root {
		return nil, stale
	}
	proof, err := later.step(t, whole)
	if err != nil {
		return nil, err
	}
	msg, err := s.signer.Sign(ctx, head, stale.Last.Size, proof)
	return msg, s.refusedBySigner(stream, err)
}

// step proves that a tree begins with an earlier one, from the right edge of that and the leaves since.
func (l *leaves) step(base, t tree) ([]Hash, error) {
	if base.size == 0 || base.size == t.size {
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(t.size), int64(base.size), &edgeNodes{base, l})
	if err != nil {
		return nil, err
	}
	if tlog.CheckTree(proof, int64(t.size), t.root(), int64(base.size), base.root()) != nil {
		return nil, errLeaves
	}
	return proof, nil
}

// base is the tree at the size of a head, from the leaves, which have to give the tree at hand as well.
func (l *leaves) base(last Head, t tree) (tree, error) {
	then, ok := l.tree(last.Size)
	if !ok || !l.reaches(then.clone(), t) {
		return tree{}, errLeaves
	}
	return then, nil
}

// edgeNodes gives the hashes that a proof from a tree to a later one is made of: full subtrees that end at the edge of the first,
// and those of the leaves behind it. No leaf in front of the edge is read.
type edgeNodes struct {
	base  tree
	known *leaves
}

// ReadHashes makes edgeNodes a tlog.HashReader.
func (n *edgeNodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return readHashes(indexes, n.subtree)
}

func (n *edgeNodes) subtree(level int, at uint64) (tlog.Hash, bool) {
	if at<<level >= n.base.size {
		return full(level, at, n.known.at)
	}
	from, edge := uint64(0), n.base.edge
	for bit := headSizeBits; bit >= 0; bit-- {
		if n.base.size>>bit&1 == 0 {
			continue
		}
		if bit == level && from == at<<level {
			return edge[0], true
		}
		from, edge = from+1<<bit, edge[1:]
	}
	return tlog.Hash{}, false
}

// headSizeBits is the highest bit that a size has.
const headSizeBits = 62

// NextHead is the head last signed for this process, of size 0 when there is none yet, and a channel that is closed when there is
// another. Heads are signed soon after every append, and when somebody asks for Head.
func (s *Store) NextHead(ctx context.Context, stream string) (Head, []byte, <-chan struct{}, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return Head{}, nil, nil, err
	}
	st := s.stream(stream)
	if err := s.ready(ctx, st); err != nil {
		return Head{}, nil, nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.headed == nil {
		st.headed = make(chan struct{})
	}
	if st.note == nil {
		return Head{}, nil, st.headed, nil
	}
	return st.signed, st.note, st.headed, nil
}
