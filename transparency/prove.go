package transparency

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// RangeError says that what a proof was asked about is not in the log.
type RangeError struct {
	Stream string
	What   string // "version", "size" or "old size"
	Asked  uint64
	Size   uint64 // of the log it was looked for in; what was asked for has to be 1 to Size
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("prove from %s: %s %d is not in a log of %d events", e.Stream, e.What, e.Asked, e.Size)
}

// ProveInclusion proves that the event of a version is in the log at a size, 0 for the current head, and gives the hash of its leaf. The
// head in the proof is of that size and signed. A version or size that the log does not have is a *RangeError, a stream without
// events ErrNoLog.
//
// No event is read: the proof is of the event that was stored then, whatever the store holds now (Read and Verify tell). It is made
// of the leaf hashes, and given only after it was checked against the current head. It costs some thousand hashes, under a
// millisecond; the first of a long log hashes all leaves, a fifth of a second for a million, and keeps 32 bytes for each 1,024.
func (s *Store) ProveInclusion(ctx context.Context, stream string, version, size uint64) (leaf tlog.Hash, p Inclusion, err error) {
	p.Head, p.Note, err = s.prove(ctx, stream, size, func(head Head, n *nodes) error {
		if version == 0 || version > head.Size {
			return &RangeError{Stream: stream, What: "version", Asked: version, Size: head.Size}
		}
		index := version - 1
		var ok bool
		if leaf, ok = n.known.at(index); !ok {
			return errLeaves
		}
		hashes, err := tlog.ProveRecord(int64(head.Size), int64(index), n)
		if err != nil {
			return err
		}
		p.Index, p.Hashes = index, hashes
		if tlog.CheckRecord(hashes, int64(head.Size), head.Root, int64(index), leaf) != nil {
			return errLeaves
		}
		return nil
	})
	if err != nil {
		return tlog.Hash{}, Inclusion{}, err
	}
	return leaf, p, nil
}

// ProveConsistency proves that the log at a size, 0 for the current head, begins with all that it was at an old size, and gives the
// head of that: who kept one with another root holds the evidence of a changed log. Errors and costs are those of ProveInclusion.
func (s *Store) ProveConsistency(ctx context.Context, stream string, oldSize, size uint64) (old Head, p Consistency, err error) {
	p.Head, p.Note, err = s.prove(ctx, stream, size, func(head Head, n *nodes) error {
		if oldSize == 0 || oldSize > head.Size {
			return &RangeError{Stream: stream, What: "old size", Asked: oldSize, Size: head.Size}
		}
		var err error
		old, p.Hashes, err = n.prefix(head, oldSize)
		return err
	})
	if err != nil {
		return Head{}, Consistency{}, err
	}
	p.OldSize = oldSize
	return old, p, nil
}

// errLeaves says that the leaf hashes do not give the root of the head.
var errLeaves = errors.New("leaf hashes do not give the root of the head")

// prove calls f with the head of a size, under the current head for sure, and the nodes of the tree. When the leaf hashes do not fit
// the whole log is read once more: either it is damaged, or the leaf file is, and f is called again with the right ones.
//
// A head of an earlier size is signed anew: the signer is shown that what it signed last begins with it, and remembers nothing.
func (s *Store) prove(ctx context.Context, stream string, size uint64, f func(Head, *nodes) error) (Head, []byte, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return Head{}, nil, err
	}
	if err := s.enter(); err != nil {
		return Head{}, nil, err
	}
	defer s.life.RUnlock()
	st := s.stream(stream)
	for range signTries {
		head, msg, err := s.proveOnce(ctx, st, size, f)
		if !errors.As(err, new(*StaleError)) {
			return head, msg, s.refusedBySigner(stream, err)
		}
		// Another process has had a later head signed: what is known of the signer is looked at again.
		st.mu.Lock()
		st.behind, st.note = true, nil
		st.mu.Unlock()
	}
	return Head{}, nil, fmt.Errorf("%w: others had it sign %d times meanwhile", ErrSignerAway, signTries)
}

func (s *Store) proveOnce(ctx context.Context, st *stream, size uint64, f func(Head, *nodes) error) (Head, []byte, error) {
	current, msg, err := s.head(ctx, st, s.signOnce)
	if err != nil {
		return Head{}, nil, err
	}
	if size > current.Size {
		return Head{}, nil, &RangeError{Stream: st.name, What: "size", Asked: size, Size: current.Size}
	}
	if size == 0 {
		size = current.Size
	}
	var step []tlog.Hash
	try := func(n *nodes) (head Head, err error) {
		defer n.known.close()
		head, step, err = n.prefix(current, size)
		if err == nil {
			err = f(head, n)
		}
		if err == nil {
			st.keepGroups(n.groups)
		}
		return head, err
	}
	head, err := try(st.nodes(s.files.nodesPath(st.name)))
	if errors.Is(err, errLeaves) {
		st.dropGroups()
		var c *check
		if c, err = s.checkWhole(ctx, st); err != nil {
			return Head{}, nil, st.damaged(err)
		}
		head, err = try(&nodes{known: c.leaves()})
	}
	if err != nil || head == current {
		return head, msg, err
	}
	msg, err = s.signer.Sign(ctx, head, current.Size, step)
	return head, msg, err
}

// groupLevel is the level of the interior hashes that are kept: each stands for 1,024 leaves.
const groupLevel = 10

// nodes gives the hashes of full subtrees, for the functions of tlog. It is for one goroutine.
type nodes struct {
	known  *leaves
	groups []tlog.Hash // roots of the first so many full groups of 1<<groupLevel leaves; elements never change
}

// ReadHashes makes nodes a tlog.HashReader.
func (n *nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return readHashes(indexes, n.subtree)
}

// readHashes gives the hashes of full subtrees by the numbers that tlog has for them.
func readHashes(indexes []int64, subtree func(level int, at uint64) (tlog.Hash, bool)) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, at := tlog.SplitStoredHashIndex(index)
		h, ok := subtree(level, uint64(at))
		if !ok {
			return nil, errLeaves
		}
		hashes[i] = h
	}
	return hashes, nil
}

func (n *nodes) subtree(level int, at uint64) (tlog.Hash, bool) {
	if level >= groupLevel {
		return full(level-groupLevel, at, n.group)
	}
	return full(level, at, n.known.at)
}

func (n *nodes) group(at uint64) (tlog.Hash, bool) {
	for i := uint64(len(n.groups)); i <= at; i++ {
		h, ok := full(groupLevel, i, n.known.at)
		if !ok {
			return tlog.Hash{}, false
		}
		n.groups = append(n.groups, h)
	}
	return n.groups[at], true
}

// full is the root of a full subtree of some level over hashes of another.
func full(level int, at uint64, below func(uint64) (tlog.Hash, bool)) (tlog.Hash, bool) {
	var t tree
	for i := range uint64(1) << level {
		h, ok := below(at<<level + i)
		if !ok {
			return tlog.Hash{}, false
		}
		t.add(h)
	}
	return t.root(), true
}

// prefix is the head of a log at a smaller size, and the proof that the log begins with it, which was checked.
func (n *nodes) prefix(head Head, size uint64) (Head, []tlog.Hash, error) {
	if size == head.Size {
		return head, nil, nil
	}
	root, err := tlog.TreeHash(int64(size), n)
	if err != nil {
		return Head{}, nil, err
	}
	proof, err := tlog.ProveTree(int64(head.Size), int64(size), n)
	if err != nil {
		return Head{}, nil, err
	}
	if tlog.CheckTree(proof, int64(head.Size), head.Root, int64(size), root) != nil {
		return Head{}, nil, errLeaves
	}
	return Head{Origin: head.Origin, Size: size, Root: root}, proof, nil
}

// nodes is what is known of the tree now; at least all that the head last written covers.
func (st *stream) nodes(path string) *nodes {
	_, _, known := st.snapshot(path)
	st.mu.Lock()
	defer st.mu.Unlock()
	return &nodes{known: known, groups: st.groups[:len(st.groups):len(st.groups)]}
}

// keepGroups keeps interior hashes from which a proof was made that fitted the head. One wrong among the others shows in a later
// proof, and then they are dropped.
func (st *stream) keepGroups(groups []tlog.Hash) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.loaded && !st.deleted && len(groups) > len(st.groups) {
		st.groups = groups
	}
}

func (st *stream) dropGroups() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.groups = nil
}
