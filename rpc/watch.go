package rpc

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// A watch reads the log from the version its client names and waits for more. Nothing is kept for it in memory: what it is
// owed stands in the log, and a client that takes too long for one message is cut off and comes back with the version it
// saw last. So a watch has no gap and no repeat, whatever ends it: the client, the network, the server, the limits here.
//
// Every round asks anew whether the key is good and the caller may read the log.
//
// There is no public watch of versions: a board asks again by GET with the tag it has, which costs a 304 and holds nothing.

// watchLimits bounds the watches of a Server.
type watchLimits struct {
	heartbeat time.Duration // a sign of life when there is nothing else to send
	patience  time.Duration // for the client to take one message
	all       int           // watches open at once
	each      int           // of one operator, or of one address without a key
}

var watchDefaults = watchLimits{heartbeat: 15 * time.Second, patience: 20 * time.Second, all: 512, each: 16}

// Feed tells watches that a collective has new events. It is a ledger.Observer, and hands on to the next one first, so that
// books are current when a watch wakes. Events stored by another process reach a watch at its next sign of life.
type Feed struct {
	next ledger.Observer

	mu      sync.Mutex
	waiting map[string]chan struct{} // closed when the collective has new events
}

// NewFeed makes a feed in front of the observer of the books.
func NewFeed(next ledger.Observer) *Feed {
	return &Feed{next: next, waiting: map[string]chan struct{}{}}
}

// Observe implements ledger.Observer.
func (f *Feed) Observe(collective string, events []*eventv1.Event) {
	f.next.Observe(collective, events)
	f.mu.Lock()
	defer f.mu.Unlock()
	if changed := f.waiting[collective]; changed != nil {
		close(changed)
		delete(f.waiting, collective)
	}
}

// changed is closed at the next event of a collective that exists; a nil Feed's never is.
func (f *Feed) changed(collective string) <-chan struct{} {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting[collective] == nil {
		f.waiting[collective] = make(chan struct{})
	}
	return f.waiting[collective]
}

// watchers counts the watches that are open.
type watchers struct {
	mu   sync.Mutex
	all  int
	each map[string]int // by operator, or by address

	stop     sync.Once
	stopping chan struct{}
}

// enter takes a place for a watch; leave gives it back.
func (w *watchers) enter(who string, limits watchLimits) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all >= limits.all {
		return nil, refuse(watchesFull, "", "max", strconv.Itoa(limits.all))
	}
	if w.each[who] >= limits.each {
		return nil, refuse(watchesMany, "", "max", strconv.Itoa(limits.each))
	}
	w.all++
	w.each[who]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all--
		if w.each[who]--; w.each[who] == 0 {
			delete(w.each, who)
		}
	}, nil
}

// Watches is how many watches are open.
func (s *Server) Watches() int {
	s.watchers.mu.Lock()
	defer s.watchers.mu.Unlock()
	return s.watchers.all
}

// EndWatches ends every watch, and those to come at once, so that a server can be shut down: http.Server.Shutdown waits for
// calls under way.
func (s *Server) EndWatches() { s.watchers.stop.Do(func() { close(s.watchers.stopping) }) }

// Watch implements AuditService.
func (s auditService) Watch(ctx context.Context, r *apiv1.WatchRequest, stream apiv1connect.AuditServiceWatchServerStream) error {
	leave, err := s.watchers.enter(watcherOf(ctx), s.watching)
	if err != nil {
		return err
	}
	defer leave()
	err = s.watch(ctx, r, stream)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return nil // it ran as long as a watch may; the client goes on with another
	}
	return err
}

// watcherOf is whom a watch counts for.
func watcherOf(ctx context.Context) string {
	c := callerOf(ctx)
	if !c.anonymous() {
		return "operator " + c.operator.ID
	}
	host, _, err := net.SplitHostPort(peerOf(ctx))
	if err != nil {
		host = peerOf(ctx)
	}
	return "address " + host
}

func (s auditService) watch(ctx context.Context, r *apiv1.WatchRequest, stream apiv1connect.AuditServiceWatchServerStream) error {
	version, err := s.config.Events.Version(ctx, ledger.StreamOf(r.CollectiveId))
	if err != nil {
		return err
	}
	if r.AfterVersion > version {
		return &projections.ErrBehind{Have: version, Want: r.AfterVersion}
	}
	seen := r.AfterVersion
	beat := time.NewTimer(0) // a sign of life at once when there is nothing to send
	defer beat.Stop()
	for due := false; ; {
		changed := s.config.Feed.changed(r.CollectiveId) // before reading, so that nothing falls between
		before := seen
		if seen, err = s.sendAfter(ctx, r, seen, stream); err != nil {
			return err
		}
		if due {
			if err := s.sendWatched(ctx, stream, &apiv1.WatchResponse{Version: seen}); err != nil {
				return err
			}
		}
		if due || seen > before {
			beat.Reset(s.watching.heartbeat)
		}
		due = false
		select {
		case <-changed:
		case <-beat.C:
			due = true // after what another process stored in the meantime
		case <-s.watchers.stopping:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// askEvery is how many events of a long way are sent before the caller's permission is asked for again.
const askEvery = 1000

// sendAfter asks whether the caller may still watch, sends the events after a version that are stored now, and gives the last
// version sent.
func (s auditService) sendAfter(ctx context.Context, r *apiv1.WatchRequest, seen uint64, stream apiv1connect.AuditServiceWatchServerStream) (uint64, error) {
	if err := stillAllowed(ctx, r); err != nil {
		return seen, err
	}
	for stored, err := range s.config.Events.Read(ctx, ledger.StreamOf(r.CollectiveId), seen) {
		if err != nil {
			return seen, err
		}
		select {
		case <-s.watchers.stopping:
			return seen, nil
		default:
		}
		if stored.Version%askEvery == 0 {
			if err := stillAllowed(ctx, r); err != nil {
				return seen, err
			}
		}
		message, err := watched(stored)
		if err != nil {
			return seen, err
		}
		if err := s.sendWatched(ctx, stream, message); err != nil {
			return seen, err
		}
		seen = stored.Version
	}
	return seen, nil
}

func (s auditService) sendWatched(ctx context.Context, stream apiv1connect.AuditServiceWatchServerStream, m *apiv1.WatchResponse) error {
	connectionOf(ctx).writeWithin(s.watching.patience)
	return stream.Send(m)
}

// watched is a stored event as a watch shows it.
func watched(stored eventstore.Event) (*apiv1.WatchResponse, error) {
	e, err := ledger.Decode(stored)
	if err != nil {
		return nil, err
	}
	command, _ := uuid.FromBytes(e.CommandId) // zero when it is none, which Decode would have found
	event := &apiv1.WatchedEvent{
		Type: stored.Type, RecordedAt: instant(time.UnixMicro(e.RecordedAt)), Actor: e.Actor, CommandId: command.String(),
	}
	for _, v := range e.Vouchers {
		event.Vouchers = append(event.Vouchers, voucherOf(e, v))
	}
	return &apiv1.WatchResponse{Version: e.Version, Event: event}, nil
}
