package eventstoredb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// windowEvents is after how many records of others a subscription is told how far it is.
const windowEvents = 1024

// Subscribe implements eventstore.Store. It outlives the server: while that is away it waits, for as long as its context lasts.
// ErrRewound ends it when the store no longer has what it gave.
func (s *Store) Subscribe(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		f := following{store: s, last: place{after, after}, yield: yield}
		f.begin, f.given = f.last, f.last
		if err := f.run(ctx); err != nil && !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, err)
		}
	}
}

// following is one subscription of the port, over as many of the server's as it takes.
type following struct {
	store *Store
	yield func(eventstore.Event, error) bool
	begin place // where the next subscription of the server begins; behind last only after a start at no record
	last  place // nothing up to here is given again
	given place // of the last record that is known to have been there: a checkpoint may name a place behind the last one
}

func (f *following) run(ctx context.Context) error {
	s := f.store
	for pause := pauseMin; ; {
		before := f.last
		v, err := f.once(ctx)
		switch {
		case errors.Is(err, errEnough):
			return err // before all else: a consumer that has left must not be called again
		case s.alive(ctx) != nil:
			return s.alive(ctx)
		case v == final && err != nil:
			return err
		}
		if f.last != before {
			pause = pauseMin
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-s.life.Done():
			timer.Stop()
			return eventstore.ErrClosed
		}
		pause = min(2*pause, pauseMax)
		s.retried()
	}
}

// once subscribes once and gives events until that ends.
func (f *following) once(ctx context.Context) (verdict, error) {
	s := f.store
	if err := s.alive(ctx); err != nil {
		return final, err
	}
	// A start behind the end would silently swallow what is stored from now on, up to there.
	end, err := s.head(ctx)
	switch {
	case errors.Is(err, ErrDenied):
		return final, err
	case err != nil:
		return again, err
	case end.before(f.given):
		return final, fmt.Errorf("subscribe after position %d: %w (it ends at %d)", f.given.commit, ErrRewound, end.commit)
	case end.before(f.last):
		// A checkpoint named the place behind the last record; or an older copy has taken the place of what stood in front of
		// it, and then what is stored from now on must not be passed over up to there. From the end on is right for both.
		f.last, f.begin = end, end
	}
	scope, cancel := s.scope(ctx)
	defer cancel()
	m, err := s.link.member(scope)
	if err != nil {
		return again, err
	}
	request := readAll(streams.ReadReq_Options_Forwards)
	request.Options.StreamOption = allFrom(f.begin)
	request.Options.FilterOption = filtered(windowEvents)
	request.Options.CountOption = &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	silent := time.AfterFunc(s.patience, cancel) // a member that says nothing at all is none
	v, leader, err := receive(scope, m, request, func(a *answer) (bool, error) {
		silent.Stop()
		return true, f.take(ctx, a)
	})
	silent.Stop()
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return again, nil // the server has ended it in order, to stop or to be upgraded
	case v == moved:
		s.link.redirect(m, leader)
		return again, err
	case v != final:
		s.link.bad(m, err)
		return again, err
	case f.begin != (place{}) && noRecord(err):
		f.begin = place{} // the position is none that the server has: what comes before it is passed over
		return again, err
	}
	return v, err
}

// take takes one message of the server.
func (f *following) take(ctx context.Context, a *answer) error {
	var here place
	switch {
	case a.event != nil:
		here = a.event.place
	case a.checkpoint != nil && a.checkpoint.commit != math.MaxUint64 && a.checkpoint.prepare != math.MaxUint64:
		here = *a.checkpoint
	default:
		// Nothing to note. Servers before 25.0 give MaxUint64 for a place when nothing came: going on from there would skip everything.
		return nil
	}
	if !f.last.before(here) {
		return nil // given before, or a step back
	}
	if err := f.store.alive(ctx); err != nil {
		return err
	}
	f.last, f.begin = here, here
	if a.event == nil {
		return nil
	}
	f.given = here
	if about, ok := bytes.CutPrefix(a.event.stream, []byte(metaPrefix)); ok {
		f.store.meddled(string(about), a.event)
		return nil
	}
	if e, ok := a.event.recognise(); ok {
		f.store.seen.note(e.Stream, e.Version)
		if !f.yield(e, nil) {
			return errEnough
		}
	}
	return nil
}
