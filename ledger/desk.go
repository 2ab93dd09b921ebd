package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Limits of one append made of many commands, and of the tries against other writers.
const (
	batchCommandsMax = 512
	batchBytesMax    = eventstore.AppendBytesMax / 2
	conflictTriesMax = 64
)

// desk is where the commands of one collective are decided, one batch at a time.
type desk struct {
	service    *Service
	id, stream string
	facts      atomic.Pointer[Facts] // as of the last commit

	mu    sync.Mutex  // held while a batch is decided and appended
	state *Collective // nil when it has to be loaded; always as committed when mu is free
	spare *Collective // while there is a contest: the state as committed, also during a batch; guarded by mu

	contest contest
	heard   heard

	measured uint64        // version at which bytes was taken; guarded by mu
	bytes    atomic.Int64  // memory of the state, about; 0 when there is none
	used     atomic.Uint64 // when it was used last, in clicks of the service
	kept     atomic.Uint64 // version of the newest copy

	queueMu sync.Mutex
	queue   []*job
	running bool
}

// group is the jobs of one caller.
type group struct {
	left   atomic.Int32  // jobs not finished
	done   chan struct{} // closed when none is left
	stop   bool          // whether an error ends the group
	failed bool          // whether one did; the desk's
}

type job struct {
	order   Order
	group   *group
	outcome Outcome
	repeat  uint64 // version of the first event when the command was done before
	digest  [32]byte
}

// finish answers a job. Only the desk at work calls it.
func (j *job) finish(events []*eventv1.Event, err error) {
	j.outcome = Outcome{events, err}
	j.group.failed = j.group.failed || err != nil
	if j.group.left.Add(-1) == 0 {
		close(j.group.done)
	}
}

// do queues jobs. The caller that finds nobody at work does the work itself, which saves a lone client two changes of
// goroutine; when its own jobs are done it hands what has come in meanwhile to a goroutine. It then waits for the store even
// past its deadline: by then the outcome is the store's, not the caller's. A store that several nodes share can be away for as
// long as its patience lasts, so there a goroutine does the work and the caller is free to leave.
func (d *desk) do(jobs []*job, g *group) {
	d.queueMu.Lock()
	for _, j := range jobs {
		if j != nil {
			d.queue = append(d.queue, j)
		}
	}
	idle := !d.running
	d.running = true
	d.queueMu.Unlock()
	switch {
	case idle && d.service.shared:
		go d.run(nil)
	case idle:
		d.run(g)
	}
}

// run works until the queue is empty, or until g, if any, is finished. It is not bound to a caller's context: a batch serves
// many.
func (d *desk) run(g *group) {
	for {
		d.queueMu.Lock()
		n := min(len(d.queue), batchCommandsMax)
		if n == 0 {
			d.running = false
			d.queueMu.Unlock()
			return
		}
		if g != nil && g.left.Load() == 0 {
			d.queueMu.Unlock()
			go d.run(nil)
			return
		}
		batch := slices.Clone(d.queue[:n])
		d.queue = slices.Delete(d.queue, 0, n)
		d.queueMu.Unlock()
		for len(batch) > 0 {
			d.contest.giveWay()
			batch = d.work(context.Background(), batch)
		}
	}
}

// batch is what one append will store, and the answers that wait for it: what was refused because of a command ahead of the
// log is not refused before that command is stored.
type batch struct {
	base    uint64           // version of the log that it is decided on
	ahead   []*eventv1.Event // decided on that before this batch, and not stored yet
	bytes   int
	stored  []eventstore.NewEvent
	events  []*eventv1.Event
	answers []answer
	failed  map[*group]bool // groups that stop at an error and met one here; nil for none
}

// answer is what a job gets when the batch is stored: its events, or an error, or the first answer of long ago.
type answer struct {
	job        *job
	start, end int // of its events
	err        error
	repeated   bool
	firm       bool // it rests on nothing ahead of the log
}

// work decides as many of the jobs as fit into one append, stores them, answers them, and gives back the rest.
//
// A crash before the append returns leaves all or none of the batch in the log, and nobody was answered. A conflict means
// that another process appended first: what it stored is folded in and the jobs are decided again.
func (d *desk) work(ctx context.Context, jobs []*job) (rest []*job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for attempt := range conflictTriesMax {
		began := time.Now()
		if err := d.again(ctx, attempt); err != nil {
			d.failAll(jobs, err)
			return nil
		}
		b, rest := d.decideAll(ctx, jobs, nil)
		err := d.store(ctx, b)
		if 0 < attempt && attempt <= contestPatience {
			d.contest.measure(time.Since(began))
		}
		if conflict := (*eventstore.ConflictError)(nil); errors.As(err, &conflict) {
			d.lost(conflict)
			continue
		}
		d.stored(b.events, err)
		for _, a := range b.answers {
			d.answer(ctx, a, b.events, err)
		}
		return rest
	}
	d.failAll(jobs, fmt.Errorf("append to %s: other writers were first %d times: %w", d.stream, conflictTriesMax, ErrUnavailable))
	return nil
}

// again makes the state ready for another attempt. Who has just lost a race reads what the winner stored, and that is pause
// enough; who goes on losing stands back for longer and longer.
func (d *desk) again(ctx context.Context, attempt int) error {
	if err := eventstore.StandBack(ctx, max(0, attempt-contestPatience)); err != nil {
		return err
	}
	if err := d.load(ctx); err != nil {
		return err
	}
	return d.prepare()
}

// store appends a batch. One that stores nothing but refuses something is compared with the log where others write too: what it
// was refused for may have been put right on another node a moment ago.
func (d *desk) store(ctx context.Context, b batch) error {
	if len(b.stored) == 0 && !(d.service.shared && b.refuses()) {
		return nil
	}
	_, err := d.service.store.Append(ctx, d.stream, b.base, b.stored)
	return err
}

func (b *batch) refuses() bool {
	return slices.ContainsFunc(b.answers, func(a answer) bool { return errors.As(a.err, new(*Refusal)) })
}

// stored takes the outcome of an append that no other writer was ahead of.
func (d *desk) stored(events []*eventv1.Event, err error) {
	switch {
	case err != nil:
		d.state, d.spare = nil, nil // what was evolved ahead is not committed, or nobody knows
	case len(events) > 0:
		d.won(events)
		d.commit(events)
	}
}

// decideAll decides jobs one after another against the state, which it moves ahead of the log, or further ahead: ahead are the
// events by which it is already.
func (d *desk) decideAll(ctx context.Context, jobs []*job, ahead []*eventv1.Event) (b batch, rest []*job) {
	b.base, b.ahead = d.state.version-uint64(len(ahead)), ahead
	for i, j := range jobs {
		if b.bytes > batchBytesMax {
			return b, jobs[i:]
		}
		a := answer{job: j, start: len(b.events), firm: len(b.events) == 0}
		err := ErrNotTried
		if !j.group.stop || !j.group.failed && !b.failed[j.group] {
			err = d.decide(ctx, j, &b)
		}
		var repeated *Repeated
		switch {
		case errors.Is(err, errBatchFull):
			return b, jobs[i:]
		case errors.As(err, &repeated):
			j.repeat, j.digest = repeated.Version, Digest(j.order.Command, d.id, j.order.Meta.Actor)
			a.repeated, a.firm = true, repeated.Version <= b.base
		case err != nil:
			a.err = err
			a.firm = a.firm && !(d.service.shared && errors.As(err, new(*Refusal))) // it counts when it was compared with the log
			b.fail(j.group)
		}
		for _, e := range b.events[a.start:] {
			d.state.Evolve(e)
		}
		a.end = len(b.events)
		b.answers = append(b.answers, a)
		if a.repeated && j.group.stop {
			return b, jobs[i+1:] // its content may prove to be another, which ends the group
		}
	}
	return b, nil
}

func (b *batch) fail(g *group) {
	if g.stop && b.failed == nil {
		b.failed = make(map[*group]bool)
	}
	if g.stop {
		b.failed[g] = true
	}
}

// answer answers a job after the append of its batch, which failed when err is not nil.
func (d *desk) answer(ctx context.Context, a answer, events []*eventv1.Event, err error) {
	switch {
	case err != nil && !(a.firm && (a.repeated || a.err != nil)):
		a.job.finish(nil, unavailable(err))
	case a.repeated:
		a.job.finish(d.firstAnswer(ctx, a.job))
	case a.err != nil:
		a.job.finish(nil, a.err)
	default:
		a.job.finish(events[a.start:a.end:a.end], nil)
	}
}

// decide decides a job and adds its events to the batch.
func (d *desk) decide(ctx context.Context, j *job, b *batch) error {
	if _, founding := j.order.Command.(*FoundCollective); d.state.charter == nil && !founding {
		d.service.forget(d.id)
		return refuse(CollectiveUnknown).with("collective", clip(d.id)).at("collective_id")
	}
	if r, ok := j.order.Command.(Recaller); ok {
		recalled, err := d.recall(ctx, r.Recalls(d.state), b)
		if err != nil {
			return err
		}
		j.order.Meta.Recalled = recalled
	}
	events, err := decideSafely(d.state, j.order.Command, j.order.Meta)
	if err != nil {
		return err
	}
	return b.add(events)
}

// decideSafely keeps a mistake in one command's rule from ending the desk; Decide changes nothing, so the state stays good.
func decideSafely(s *Collective, c Command, m Meta) (events []*eventv1.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decide %s: panic: %v\n%s", c.Name(), r, debug.Stack())
		}
	}()
	return Decide(s, c, m)
}

// recall reads the stored events a command needs; the newest may still be ahead of the log.
func (d *desk) recall(ctx context.Context, versions []uint64, b *batch) (map[uint64]*eventv1.Event, error) {
	out := make(map[uint64]*eventv1.Event, len(versions))
	for _, v := range versions {
		if e := b.decided(v); e != nil {
			out[v] = e
			continue
		}
		e, err := d.read(ctx, v)
		if err != nil {
			return nil, err
		}
		out[v] = e
	}
	return out, nil
}

// decided is an event that is still ahead of the log, nil when the log has it.
func (b *batch) decided(version uint64) *eventv1.Event {
	if version <= b.base {
		return nil
	}
	i := version - b.base - 1
	if n := uint64(len(b.ahead)); i >= n {
		return b.events[i-n]
	}
	return b.ahead[i]
}

// read reads one stored event.
func (d *desk) read(ctx context.Context, version uint64) (*eventv1.Event, error) {
	for stored, err := range d.service.store.Read(ctx, d.stream, version-1) {
		if err != nil {
			return nil, unavailable(err)
		}
		return Decode(stored)
	}
	return nil, &eventstore.CorruptError{Stream: d.stream, Version: version, Reason: "the event is missing"}
}

// errBatchFull says that a command's events belong into the next append.
var errBatchFull = errors.New("the append is full")

// add encodes events, once, and asserts what must hold of every voucher before it is stored.
func (b *batch) add(events []*eventv1.Event) error {
	size := 0
	stored := make([]eventstore.NewEvent, 0, len(events))
	for _, e := range events {
		for _, v := range e.Vouchers {
			if err := checkVoucher(v); err != nil {
				return fmt.Errorf("decided an invalid voucher: %w", err)
			}
		}
		s, err := Encode(e)
		if err != nil {
			return err
		}
		if len(s.Data) > eventstore.EventBytesMax {
			return refuse(TooMany).with("what", "bytes").with("max", eventstore.EventBytesMax).with("count", len(s.Data))
		}
		stored = append(stored, s)
		size += s.Size()
	}
	if size > eventstore.AppendBytesMax {
		return refuse(TooMany).with("what", "bytes").with("max", eventstore.AppendBytesMax).with("count", size)
	}
	if b.bytes+size > eventstore.AppendBytesMax {
		return errBatchFull
	}
	b.bytes += size
	b.stored = append(b.stored, stored...)
	b.events = append(b.events, events...)
	return nil
}

// commit makes stored events known, before their commands are answered.
func (d *desk) commit(events []*eventv1.Event) {
	d.publish(events)
	if d.service.observer != nil {
		d.service.observer.Observe(d.id, events)
	}
	d.grown()
}

// publish makes new facts visible when they changed.
func (d *desk) publish(events []*eventv1.Event) {
	changed := d.facts.Load() == nil
	for _, e := range events {
		changed = changed || changesFacts(e)
	}
	if f := d.facts.Load(); f != nil && f.version < d.heard.factsAt.Load() {
		changed = true
	}
	if !changed || d.state.charter == nil {
		return
	}
	d.facts.Store(factsOf(d.state))
}

// changesFacts says whether an event changes what Facts are.
func changesFacts(e *eventv1.Event) bool {
	switch e.Fact.(type) {
	case *eventv1.Event_CollectiveFounded, *eventv1.Event_RoleGranted, *eventv1.Event_RoleRevoked:
		return true
	}
	return false
}

func (d *desk) failAll(jobs []*job, err error) {
	for _, j := range jobs {
		j.finish(nil, unavailable(err))
	}
}

// firstAnswer reads the events of a command done before and compares its content.
func (d *desk) firstAnswer(ctx context.Context, j *job) ([]*eventv1.Event, error) {
	var events []*eventv1.Event
	for stored, err := range d.service.store.Read(ctx, d.stream, j.repeat-1) {
		if err != nil {
			return nil, unavailable(err)
		}
		e, err := Decode(stored)
		if err != nil {
			return nil, err
		}
		if len(events) > 0 && !bytes.Equal(e.CommandId, events[0].CommandId) {
			break
		}
		events = append(events, e)
	}
	if len(events) == 0 {
		return nil, &eventstore.CorruptError{Stream: d.stream, Version: j.repeat, Reason: "the event is missing"}
	}
	if !bytes.Equal(events[0].CommandDigest, j.digest[:]) {
		return nil, refuse(CommandIDReused).with("command_id", j.order.Meta.ID).with("version", j.repeat).at("command_id")
	}
	return events, nil
}

// load reads the state from the log when there is none in memory, and folds in what others are known to have stored.
func (d *desk) load(ctx context.Context) error {
	d.service.touch(d)
	if d.state != nil {
		return d.keepUp(ctx)
	}
	d.spare = nil
	known, err := d.service.names.has(ctx, d.id)
	if err != nil {
		return err
	}
	if !known {
		d.state = NewCollective() // nothing is read for a name nobody reserved, so made-up names cost the store nothing
		return nil
	}
	state, kept, err := d.service.read(ctx, d.id, nil)
	if err == nil && state.version == 0 {
		err = d.checkDeleted(ctx)
	}
	if err != nil {
		return err
	}
	d.state = state
	d.facts.Store(nil)
	d.publish(nil)
	d.settleIn(kept)
	return nil
}

// checkDeleted is asked when a known name has no events, in a store that others can reach too: nobody of ours deletes the stream
// of a collective, and one that was deleted must not look like one that never was.
func (d *desk) checkDeleted(ctx context.Context) error {
	if !d.service.shared {
		return nil
	}
	deleted, err := wasDeleted(ctx, d.service.store, d.stream)
	if deleted {
		return &eventstore.CorruptError{Stream: d.stream, Version: 1, Reason: "somebody deleted it from the store"}
	}
	return err
}

// wasDeleted says whether a stream that has no events had some once.
func wasDeleted(ctx context.Context, store eventstore.Store, stream string) (bool, error) {
	_, err := store.Append(ctx, stream, 0, nil)
	switch {
	case errors.Is(err, eventstore.ErrDeleted):
		return true, nil
	case err == nil || errors.As(err, new(*eventstore.ConflictError)): // it is founded at this moment, which the append of its first command shows
		return false, nil
	}
	return false, unavailable(err)
}

// foldStored folds a stored event in. One that names what was never there is damage: it stops this collective, not the process.
func foldStored(state *Collective, stream string, e *eventv1.Event) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &eventstore.CorruptError{Stream: stream, Version: e.Version, Reason: fmt.Sprintf("%s cannot follow what stands before it: %v", TypeName(e), r)}
		}
	}()
	state.Evolve(e)
	return nil
}
