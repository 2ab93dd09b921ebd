package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// heardMax bounds what is kept for a desk that does not take it; the log has it too.
const heardMax = 1024

// heard is what a desk was told of its stream by others than itself. Its methods may be called at once.
type heard struct {
	newest  atomic.Uint64 // version that the stream is known to have at the least
	factsAt atomic.Uint64 // newest version that changed Facts

	mu     sync.Mutex
	events []*eventv1.Event // the last ones, without a gap
}

// reached notes that the stream has a version.
func (h *heard) reached(version uint64) { raise(&h.newest, version) }

func raise(at *atomic.Uint64, version uint64) {
	for known := at.Load(); version > known; known = at.Load() {
		if at.CompareAndSwap(known, version) {
			return
		}
	}
}

// take notes an event. keep says whether somebody may want it.
func (h *heard) take(e *eventv1.Event, keep bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.events); !keep || n >= heardMax || n > 0 && h.events[n-1].Version+1 != e.Version {
		h.events = nil
	}
	if keep {
		h.events = append(h.events, e)
	}
	h.reached(e.Version)
	if changesFacts(e) {
		raise(&h.factsAt, e.Version)
	}
}

// drain gives the kept events and forgets them.
func (h *heard) drain() []*eventv1.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events = nil
	return events
}

// keepUp folds into a state in memory what others have stored, as far as the desk was told. The desk's lock is held.
func (d *desk) keepUp(ctx context.Context) error {
	if d.heard.newest.Load() <= d.state.version {
		return nil
	}
	for _, e := range d.heard.drain() {
		if e.Version == d.state.version+1 {
			if err := d.fold(e); err != nil {
				return err
			}
		}
	}
	if newest := d.heard.newest.Load(); newest > d.state.version {
		for e, err := range d.service.Replay(ctx, d.id, d.state.version) {
			if err == nil {
				err = d.fold(e)
			} else {
				err = unavailable(err)
			}
			if err != nil {
				return err
			}
		}
	}
	d.publish(nil)
	d.grown()
	return nil
}

// fold folds a stored event into the state and the spare one.
func (d *desk) fold(e *eventv1.Event) error {
	err := foldStored(d.state, d.stream, e)
	if err == nil && d.spare != nil {
		err = foldStored(d.spare, d.stream, e)
	}
	if err != nil {
		d.state, d.spare = nil, nil
	} else if changesFacts(e) {
		raise(&d.heard.factsAt, e.Version) // it may have been read before it was heard
	}
	return err
}

// tell takes an event that somebody stored, and tells the observer.
func (s *Service) tell(stored eventstore.Event) error {
	collective, ok := strings.CutPrefix(stored.Stream, StreamPrefix)
	if !ok {
		return nil
	}
	s.mu.Lock()
	d := s.desks[collective]
	s.mu.Unlock()
	e, err := Decode(stored)
	if err != nil {
		if d != nil {
			d.heard.reached(stored.Version) // whoever looks at the state next reads it and says what is wrong
		}
		return err
	}
	if d != nil {
		d.heard.take(e, d.bytes.Load() > 0)
	}
	if s.observer != nil {
		s.observer.Observe(collective, []*eventv1.Event{e})
	}
	return nil
}

// tellNewest tells of the newest event of every collective in use. Nobody was told of what was stored before this, so the facts
// of each are taken for old.
func (s *Service) tellNewest(ctx context.Context) error {
	s.mu.Lock()
	used := slices.Collect(maps.Values(s.desks))
	s.mu.Unlock()
	for _, d := range used {
		version, err := s.store.Version(ctx, d.stream)
		if err == nil && version > 0 {
			raise(&d.heard.factsAt, version)
			err = s.tellFrom(ctx, d.stream, version-1)
		}
		if errors.As(err, new(*eventstore.CorruptError)) || errors.Is(err, eventstore.ErrDeleted) {
			continue // it stops this collective alone, by whoever reads the stream
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", d.stream, err)
		}
	}
	return nil
}

func (s *Service) tellFrom(ctx context.Context, stream string, after uint64) error {
	for stored, err := range s.store.Read(ctx, stream, after) {
		if err != nil {
			return err
		}
		if err := s.tell(stored); err != nil {
			return err
		}
	}
	return nil
}

const (
	lagEvery     = 2 * time.Second // between two looks at how far behind a node is
	lagEventsMax = 1000            // more are not counted
)

// Lag is how far a node is behind the store.
type Lag struct {
	Current time.Time // when the node last had everything that was stored; zero when never yet
	Events  int       // stored and not yet taken, counted when it was last looked at; up to 1,000
	More    bool      // there are more than that
	Err     error     // why it could not be told, or why nothing comes
}

// Followed is a store that other nodes write too and that knows where it ends.
type Followed interface {
	eventstore.Store
	// End is a position at or behind every event stored before it was called.
	End(ctx context.Context) (position uint64, err error)
}

// Follower tells a Service, and by it the books, of what other nodes store. It keeps nothing that is not in the store: books and
// states are read from their streams, and hear from it that there is more.
type Follower struct {
	service *Service
	store   Followed
	begun   atomic.Bool   // it knows from where on it follows
	last    atomic.Uint64 // everything up to this position is taken

	mu  sync.Mutex // guards lag
	lag Lag
}

// NewFollower makes a follower for a service with Options.Shared. What the store gives it is not checked against any hash; what is
// folded of it is checked when the stream is read.
func NewFollower(s *Service, store Followed) *Follower { return &Follower{service: s, store: store} }

// Lag says how far behind the node is.
func (f *Follower) Lag() Lag {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lag
}

// Run follows the store from now on until the context ends. Whatever ends its subscription, it begins another where that one was.
func (f *Follower) Run(ctx context.Context) {
	var looking sync.WaitGroup
	defer looking.Wait()
	looking.Go(func() { f.look(ctx) })
	for ctx.Err() == nil {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		f.service.logger.Error("the store cannot be followed", "error", err)
		f.note(func(l *Lag) { l.Err = err })
		pause := time.NewTimer(lagEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// follow takes events until the subscription ends.
func (f *Follower) follow(ctx context.Context) error {
	if !f.begun.Load() {
		now := time.Now()
		end, err := f.store.End(ctx)
		if err != nil {
			return err
		}
		// What was stored between the reading of a collective and now does not come: a node may have served for a while before its
		// follower reached the store.
		if err := f.service.tellNewest(ctx); err != nil {
			return err
		}
		f.last.Store(end)
		f.begun.Store(true)
		f.note(func(l *Lag) { *l = Lag{Current: now} })
	}
	for stored, err := range f.store.Subscribe(ctx, f.last.Load()) {
		if err != nil {
			return err
		}
		if err := f.service.tell(stored); err != nil {
			// It stops this collective, by whoever reads the stream, and nothing else.
			f.service.logger.Error("an event cannot be read", "stream", stored.Stream, "version", stored.Version, "error", err)
		}
		f.last.Store(stored.Position)
	}
	return errors.New("the subscription has ended")
}

// look asks the store now and then what it has that was not taken yet.
func (f *Follower) look(ctx context.Context) {
	ticker := time.NewTicker(lagEvery)
	defer ticker.Stop()
	for {
		f.Look(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Look asks the store how far behind the node is, now. Before Run has reached the store there is nothing to count from.
func (f *Follower) Look(ctx context.Context) Lag {
	if !f.begun.Load() {
		return f.Lag()
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*lagEvery)
	defer cancel()
	pending, more, err := f.pending(ctx)
	f.note(func(l *Lag) {
		switch {
		case err != nil:
			l.Err = fmt.Errorf("look at the end of the store: %w", err)
		case pending == 0 && !more:
			*l = Lag{Current: began}
		default:
			l.Events, l.More, l.Err = pending, more, nil
		}
	})
	return f.Lag()
}

// pending counts the events that were stored before it was called and are not taken when it returns, up to lagEventsMax; more says
// that there are others.
func (f *Follower) pending(ctx context.Context) (n int, more bool, err error) {
	after := f.last.Load()
	end, err := f.store.End(ctx)
	switch {
	case err != nil:
		return 0, false, err
	case end < after:
		return 0, false, fmt.Errorf("it ends at %d, before %d, which it gave: an older copy took its place", end, after)
	case end == after:
		return 0, false, nil
	}
	var positions []uint64
	for e, err := range f.store.ReadAll(ctx, after) {
		if err != nil {
			return 0, false, err
		}
		if e.Position > end {
			break // stored since: the next look counts it
		}
		if more = len(positions) == lagEventsMax; more {
			break
		}
		positions = append(positions, e.Position)
	}
	taken := f.last.Load() // some while they were counted
	i, _ := slices.BinarySearch(positions, taken+1)
	return len(positions) - i, more, nil
}

func (f *Follower) note(change func(*Lag)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.lag)
}
