package transparency

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// stream is what the store knows of one stream. Locks are taken in the order token, files, mu.
type stream struct {
	name string

	// token holds one value. Who takes it out may load the stream, write its first head, adopt or delete it: steps that
	// look at several things which must not change in between. It is a channel so that a cancelled context ends the wait.
	token chan struct{}

	// files is held while the files of the stream, and stored, change.
	files sync.Mutex
	edged uint64 // size of the tree whose edge was last written by this process; guarded by files

	mu        sync.Mutex // guards all below
	loaded    bool       // what follows is the stream's state
	deleted   bool
	damage    *eventstore.CorruptError // set once, by whoever finds it
	log       *logName                 // nil while the log is empty
	tree      tree                     // of events known to be stored, all of them hashed
	stored    uint64                   // leaves in the leaf file; changes only with files held too
	unproven  uint64                   // the first so many leaves of the file were not compared with the head yet
	pending   []tlog.Hash              // the leaves from stored to tree.size, on their way into the file; elements never change
	written   Head                     // last head written to the file; no Origin when there is none
	signed    Head                     // last head that the signer has signed for this process, or that the file had …
	note      []byte                   // … and its signed note; nil when there is none
	base      tree                     // of the head that the signer is known to have signed last; size 0 when that is not known
	rotations []Rotation               // events that the signer has to be told of before the next head
	headed    chan struct{}            // closed when there is another signed head; nil when nobody waits
	underway  int                      // appends handed to the inner store and not yet back
	ahead     map[uint64][]tlog.Hash   // finished appends by the version before them, waiting for those in front of them
	behind    bool                     // the log is longer than the tree, and no append under way will close the gap
	groups    []tlog.Hash              // interior hashes that proofs are made from; see nodes
	queued    bool                     // waits for the writer of heads
	begun     bool                     // an append of this process may have reached the inner store
}

// lock takes the token.
func (st *stream) lock(ctx context.Context) error {
	select {
	case <-st.token:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for stream %s: %w", st.name, ctx.Err())
	}
}

func (st *stream) unlock() { st.token <- struct{}{} }

// state says whether the stream is loaded, or the damage that stops it.
func (st *stream) state() (loaded bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.damage != nil {
		return false, st.damage
	}
	return st.loaded, nil
}

// snapshot is the state of a loaded stream as a head and its leaves. The log is nil, and the head of size 0, for one
// without events.
func (st *stream) snapshot(path string) (*logName, tree, *leaves) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.log, st.tree.clone(), &leaves{path: path, stored: st.stored, memory: st.pending[:len(st.pending):len(st.pending)]}
}

// damaged remembers an error that says the stored stream is wrong, and returns the error to answer with: what was found
// first. Other errors pass through. A stream that is deleted while somebody looks at it is not damaged, only gone.
func (st *stream) damaged(err error) error {
	var c *eventstore.CorruptError
	if !errors.As(err, &c) {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.deleted {
		return fmt.Errorf("%w: %w", eventstore.ErrDeleted, err)
	}
	if st.damage == nil {
		st.damage = c
	}
	return st.damage
}

// begin is called before an append of some events is handed to the inner store; it returns the version that the log has at
// the least.
func (st *stream) begin(count int) uint64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.begun = st.begun || count > 0
	st.underway++
	return st.tree.size
}

// done takes the leaves of a finished append. before is what begin returned. leaves are nil for an append whose log was
// not known yet. It reports whether the head, or the tree, has to catch up.
func (st *stream) done(log *logName, before, expected uint64, count int, leaves []tlog.Hash, rotated []Rotation) (bool, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.underway--
	switch {
	case expected < before:
		// The log had more events than this append found.
		if st.damage == nil {
			st.damage = shorter(st.name, expected, before)
		}
		return false, st.damage
	case count == 0 || st.deleted:
		return st.gap(), nil
	case log == nil || !st.loaded:
		st.behind = true
		return true, nil
	}
	if st.log == nil {
		st.log = log
	}
	st.rotations = append(st.rotations, rotated...)
	st.place(expected, leaves)
	st.gap()
	return true, nil
}

// failed takes the error of an append. It reports whether the tree has to catch up.
func (st *stream) failed(before uint64, err error) (bool, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.underway--
	var conflict *eventstore.ConflictError
	var damage *eventstore.CorruptError
	switch {
	case errors.As(err, &conflict) && conflict.Actual < before:
		damage = shorter(st.name, conflict.Actual, before)
	case errors.As(err, &conflict):
		// Somebody else appended: another call of ours that is still on its way back, or another process.
		st.behind = st.behind || conflict.Actual > st.tree.size && st.underway == 0
	case errors.As(err, &damage):
	case !settled(err):
		st.behind = true
	}
	if damage != nil && st.damage == nil {
		st.damage = damage
	}
	if damage != nil {
		return false, st.damage
	}
	return st.gap(), err
}

// settled says whether an append's error leaves no doubt that nothing was stored.
func settled(err error) bool {
	for _, known := range []error{eventstore.ErrTooLarge, eventstore.ErrInvalid, eventstore.ErrNoSpace, eventstore.ErrClosed, eventstore.ErrDeleted} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// gap notices finished appends that wait for events which no append under way will bring. It reports whether the tree is
// behind. The caller holds mu.
func (st *stream) gap() bool {
	st.behind = st.behind || len(st.ahead) > 0 && st.underway == 0
	return st.behind
}

// place puts the leaves after the version from. Leaves that are in the tree already are skipped: who caught up by reading
// may have been faster than the append that made them. The caller holds mu.
func (st *stream) place(from uint64, leaves []tlog.Hash) {
	if from > st.tree.size {
		if st.ahead == nil {
			st.ahead = make(map[uint64][]tlog.Hash)
		}
		st.ahead[from] = leaves
		return
	}
	st.extend(from, leaves)
	for again := len(st.ahead) > 0; again; {
		again = false
		for from, leaves := range st.ahead {
			if from <= st.tree.size {
				delete(st.ahead, from)
				st.extend(from, leaves)
				again = true
			}
		}
	}
}

func (st *stream) extend(from uint64, leaves []tlog.Hash) {
	have := st.tree.size - from
	if have >= uint64(len(leaves)) {
		return
	}
	for _, leaf := range leaves[have:] {
		st.tree.add(leaf)
	}
	st.pending = append(st.pending, leaves[have:]...)
}

// install makes a finished check the state of a stream that is not loaded. It does nothing to a loaded one, nor to one that
// was deleted while the check ran. It reports whether the files have to catch up.
func (st *stream) install(c *check, r remembered) bool {
	st.files.Lock()
	defer st.files.Unlock()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.loaded || st.deleted && !r.deleted || c.tree.size < st.tree.size {
		return false
	}
	st.loaded, st.deleted = true, r.deleted
	st.log, st.tree = c.log, c.tree
	st.stored, st.pending, st.unproven = c.good, c.fresh, c.unproven
	st.written, st.signed, st.note = r.head, r.head, r.note
	st.base, st.rotations = c.base, append(st.rotations, c.rotations...)
	return c.tree.size > r.head.Size || len(c.fresh) > 0
}

// repair makes the leaf file of a loaded stream right again after a check that passed and found other leaves in it. It
// reports whether the file has to be written.
func (st *stream) repair(c *check) bool {
	st.files.Lock()
	defer st.files.Unlock()
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.loaded || st.deleted || c.good >= st.stored || uint64(len(c.fresh)) < st.stored-c.good {
		return false
	}
	n := st.stored - c.good
	st.pending = append(c.fresh[:n:n], st.pending...)
	st.stored, st.unproven = c.good, 0
	return true
}
