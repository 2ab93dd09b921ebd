package ledger

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// This file carries out orders of several collectives up to the first that is not carried out. Collectives know nothing of
// each other, so their orders are decided first, all of them, and stored together: one sync serves them all, and a refusal is
// known before anything after it is stored.

// Addressed is an order and the collective it is for.
type Addressed struct {
	Collective string
	Order
}

// DoInOrder carries out orders of several collectives up to the first that is not carried out, as if one after another; the
// others' outcome is ErrNotTried. Orders and outcomes run in parallel. A founding has to stand alone.
//
// A failure of the store for one collective does not take back what was stored with it for another: then an order before the
// first failed one is done, one after it may be, and its outcome says so.
func (s *Service) DoInOrder(ctx context.Context, orders []Addressed) []Outcome {
	outcomes := make([]Outcome, len(orders))
	for i := range outcomes {
		outcomes[i].Err = ErrNotTried
	}
	for next := 0; next < len(orders); {
		done, stop := s.doRound(ctx, orders, outcomes, next)
		if stop {
			break
		}
		next = done
	}
	return outcomes
}

// share is one collective's part of a round: its jobs, and what its desk decided of them.
type share struct {
	desk    *desk
	places  []int // of its orders, ascending
	jobs    []*job
	decided bool
	batch   batch
	repeats map[*job]Outcome // of commands done before, whose first answers are read
	// reach is the place of the first order that it did not decide, or whose refusal ends everything (refused).
	reach   int
	refused bool
}

// doRound decides as many orders from a place on as it can, stores them, and says where to go on, or to stop.
func (s *Service) doRound(ctx context.Context, orders []Addressed, outcomes []Outcome, from int) (next int, stop bool) {
	shares, end := s.shares(ctx, orders, outcomes, from)
	for _, p := range shares {
		p.desk.mu.Lock()
		defer p.desk.mu.Unlock()
	}
	// What a desk decides beyond the first order that some desk did not carry out must not be stored: it decides again.
	for {
		decideShares(ctx, shares, len(orders))
		cut, refused := end, end < len(orders)
		for _, p := range shares {
			if p.reach < cut || p.reach == cut && p.refused {
				cut, refused = p.reach, p.refused
			}
		}
		if again := trimTo(shares, cut); !again {
			s.storeAll(ctx, shares, outcomes)
			failed := slices.ContainsFunc(outcomes[from:min(cut, len(orders))], func(o Outcome) bool { return o.Err != nil })
			return cut, refused || failed
		}
	}
}

// shares gives each collective its orders, those that cannot even begin excepted: they end the round at their place.
func (s *Service) shares(ctx context.Context, orders []Addressed, outcomes []Outcome, from int) (list []*share, end int) {
	byID := map[string]*share{}
	end = len(orders)
	for i := from; i < len(orders); i++ {
		o := orders[i]
		err := ctx.Err()
		if err == nil {
			err = s.prepare(ctx, o.Collective, &o.Order)
		}
		if err != nil {
			outcomes[i].Err = err
			end = i
			break
		}
		p := byID[o.Collective]
		if p == nil {
			p = &share{desk: s.desk(o.Collective)}
			byID[o.Collective] = p
		}
		p.places = append(p.places, i)
		p.jobs = append(p.jobs, &job{order: o.Order})
	}
	// Always in the same order, so that two callers never wait for each other.
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		list = append(list, byID[id])
	}
	return list, end
}

// decideShares decides what is not decided yet, on as many cores as there are.
func decideShares(ctx context.Context, shares []*share, end int) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range min(len(shares), runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(shares); i = next.Add(1) - 1 {
				if !shares[i].decided {
					shares[i].decide(ctx, end)
				}
			}
		})
	}
	all.Wait()
}

// decide decides the jobs on the desk's state, moved ahead of the log. end is the place behind the last order.
func (p *share) decide(ctx context.Context, end int) {
	p.decided, p.reach, p.refused, p.repeats = true, end, false, map[*job]Outcome{}
	g := &group{done: make(chan struct{}), stop: true}
	g.left.Store(int32(len(p.jobs)) + 1) // nobody waits for done
	for _, j := range p.jobs {
		j.group = g
	}
	err := p.desk.load(ctx)
	if err == nil {
		err = p.desk.prepare()
	}
	if err != nil {
		p.batch = batch{answers: []answer{{job: p.jobs[0], err: unavailable(err), firm: true}}}
		p.reach, p.refused = p.places[0], true
		return
	}
	p.batch = batch{base: p.desk.state.version}
	for rest := p.jobs; len(rest) > 0; {
		part, left := p.desk.decideAll(ctx, rest, p.batch.events)
		for _, a := range part.answers {
			if !p.take(ctx, a, part) {
				return
			}
		}
		if rest = left; len(rest) > 0 && p.batch.bytes > batchBytesMax/2 { // with one more part it still fits into an append
			p.reach = p.places[len(p.batch.answers)]
			return
		}
	}
}

// take adds an answer to the share. It says no when the share ends there: at a refusal, which is its last answer, or before
// a command that repeats one which is not stored yet.
func (p *share) take(ctx context.Context, a answer, part batch) bool {
	place := p.places[len(p.batch.answers)]
	if a.repeated && !a.firm {
		p.reach = place
		return false
	}
	if a.repeated {
		events, err := p.desk.firstAnswer(ctx, a.job)
		p.repeats[a.job] = Outcome{events, err}
		a.err = err
	}
	events, stored := part.events[a.start:a.end], part.stored[a.start:a.end]
	a.start, a.firm = len(p.batch.events), a.firm && len(p.batch.events) == 0
	p.batch.events, p.batch.stored = append(p.batch.events, events...), append(p.batch.stored, stored...)
	for _, e := range stored {
		p.batch.bytes += e.Size()
	}
	a.end = len(p.batch.events)
	p.batch.answers = append(p.batch.answers, a)
	if a.err != nil {
		p.reach, p.refused = place, true
		return false
	}
	return true
}

// trimTo takes from every share what lies behind a place. A desk that decided more has moved its state too far and decides
// anew; again says that one has to.
func trimTo(shares []*share, cut int) (again bool) {
	for _, p := range shares {
		n, _ := slices.BinarySearch(p.places, cut)
		if p.refused && p.reach == cut {
			n++ // the refusal itself is answered
		}
		answers := p.batch.answers
		if n >= len(answers) {
			continue
		}
		p.refused = false
		kept := 0
		if n > 0 {
			kept = answers[n-1].end
		}
		if kept == len(p.batch.events) { // nothing behind the place changed anything
			p.batch.answers, p.reach = answers[:n], cut
			continue
		}
		p.desk.state, p.desk.spare = p.desk.spare, nil // what was evolved ahead will not be stored
		p.places, p.jobs, p.batch, p.reach = p.places[:n], p.jobs[:n], batch{}, cut
		if n > 0 {
			p.decided, again = false, true
		}
	}
	return again
}

// storeAll stores what the shares decided, side by side, and takes the outcomes.
func (s *Service) storeAll(ctx context.Context, shares []*share, outcomes []Outcome) {
	var all sync.WaitGroup
	for _, p := range shares {
		all.Go(func() {
			err := p.store(ctx)
			p.desk.stored(p.batch.events, err)
			for _, a := range p.batch.answers {
				if !a.repeated {
					p.desk.answer(ctx, a, p.batch.events, err)
				}
			}
		})
	}
	all.Wait()
	for _, p := range shares {
		for i, a := range p.batch.answers {
			outcomes[p.places[i]] = a.job.outcome
			if first, ok := p.repeats[a.job]; ok {
				outcomes[p.places[i]] = first
			}
		}
	}
}

// store appends a share. When another process was first the share is decided again, on its own: if an order of it is refused now,
// those behind it are not tried, while other collectives' may be done.
func (p *share) store(ctx context.Context) error {
	p.places, p.jobs = p.places[:len(p.batch.answers)], p.jobs[:len(p.batch.answers)]
	for attempt := range conflictTriesMax {
		err := p.desk.store(ctx, p.batch)
		conflict := (*eventstore.ConflictError)(nil)
		if !errors.As(err, &conflict) {
			return err
		}
		p.desk.lost(conflict)
		if err := eventstore.StandBack(ctx, max(0, attempt+1-contestPatience)); err != nil {
			return err
		}
		for _, j := range p.jobs {
			j.outcome = Outcome{Err: ErrNotTried}
		}
		p.decide(ctx, p.reach)
	}
	return ErrUnavailable
}
