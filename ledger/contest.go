package ledger

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
)

// This file is about several processes that write to one collective at the same time (docs/decisions/0008).
//
// Each decides ahead of the log, and the store takes the append of one: the others have to go back. A state cannot be unfolded, so
// while there is a contest a desk keeps a second one that is never ahead of the log. Who lost goes on from it at once, with what
// the winner stored; who won waits for as long as that takes before it takes the next batch, so that one who lost gets through.
// What comes in while it waits is stored in one append with the rest: a contest makes batches larger, not clients fail.

const (
	contestLength   = 64 // batches that nobody disturbed, after which a contest is over
	contestPatience = 8  // races lost in a row before a desk stands back for longer
	turnMax         = 500 * time.Millisecond
)

// contest says whether others are writing to a collective.
type contest struct {
	left atomic.Int32 // batches until it is over
	took atomic.Int64 // nanoseconds from a lost race to the end of the next append, lately
	won  atomic.Int64 // when it stored last, in nanoseconds since begun; 0: there is nobody to wait for
}

// giveWay waits until one who lost the last race had the time to store: as long as this desk took after the last that it lost, and
// a quarter more, counted from when it won. That others do not show is no reason not to wait: who loses every race does not show.
func (c *contest) giveWay() {
	won := c.won.Swap(0)
	if c.left.Load() == 0 || won == 0 {
		return
	}
	took := time.Duration(c.took.Load())
	time.Sleep(min(took+took/4, turnMax) - (time.Since(begun) - time.Duration(won)))
}

// measure notes how long it took to store after a lost race. The newest measure counts for a quarter.
func (c *contest) measure(took time.Duration) {
	before := time.Duration(c.took.Load())
	if before == 0 {
		before = took
	}
	c.took.Store(int64(before + (took-before)/4))
}

// prepare keeps a state to go back to while there is a contest.
func (d *desk) prepare() error {
	if d.contest.left.Load() == 0 || d.spare != nil {
		return nil
	}
	spare, err := d.state.clone()
	d.spare = spare
	return err
}

// lost goes back to the state as committed and notes how far the winner has come. The desk's lock is held.
func (d *desk) lost(conflict *eventstore.ConflictError) {
	d.state, d.spare = d.spare, nil
	if d.state != nil && conflict.Actual < d.state.version {
		d.state = nil // the log is shorter than it was: whoever reads it says what that means
	}
	d.contest.left.Store(contestLength)
	d.contest.won.Store(0)
	d.heard.reached(conflict.Actual)
}

// won folds what was stored into the spare state. The desk's lock is held.
func (d *desk) won(events []*eventv1.Event) {
	if d.contest.left.Load() == 0 {
		return
	}
	d.contest.won.Store(int64(time.Since(begun)))
	if d.contest.left.Add(-1) == 0 {
		d.spare = nil
	}
	if d.spare != nil {
		for _, e := range events {
			d.spare.Evolve(e)
		}
	}
}

// collectiveCodec copies states.
var collectiveCodec = sync.OnceValues(func() (*snapshot.Codec, error) { return snapshot.NewCodec(new(Collective)) })

// clone makes a state that shares nothing with this one but what never changes.
func (s *Collective) clone() (*Collective, error) {
	codec, err := collectiveCodec()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	out := new(Collective)
	if err := codec.Encode(&b, s); err != nil {
		return nil, fmt.Errorf("copy a state: %w", err)
	}
	if err := codec.Decode(&b, int64(b.Len()), out); err != nil {
		return nil, fmt.Errorf("copy a state: %w", err)
	}
	return out, nil
}
