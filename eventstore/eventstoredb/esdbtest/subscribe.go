package esdbtest

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// subscription is what the two kinds have in common: it confirms, catches up from the log, says that it caught up, follows live
// through a small buffer, and goes back to catching up when the buffer overflows.
type subscription struct {
	*reader
	behind     int64 // the server's count of forced falls, as last seen
	checked    bool  // a checkpoint was sent, at:
	checkpoint streams.ReadResp_Checkpoint
}

func (r *reader) newSubscription() (*subscription, error) {
	s := &subscription{reader: r, behind: r.service.behind.Load()}
	return s, r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()}}})
}

// wait returns when there is something new, or with the reason to end.
func (s *subscription) wait(v view) error {
	ended := s.call.ended()
	select {
	case <-v.more:
	case <-ended.Done():
		return s.call.cause()
	}
	if err := s.call.cause(); err != nil {
		return err
	}
	return s.service.authorize(s.call, opRead, s.name) // whoever lost access since is shut out
}

// pushedBack says once that a test wants this subscription to have fallen behind.
func (s *subscription) pushedBack() bool {
	was := s.behind
	s.behind = s.service.behind.Load()
	return s.behind != was
}

func (s *subscription) caughtUp() error {
	if s.service.options.NoCaughtUp {
		return nil
	}
	return s.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}})
}

// overflow is what follows when the live buffer was full: nil to go on catching up.
func (s *subscription) overflow() error {
	if s.service.options.SlowConsumer == DropSlow {
		return newFault(codes.Aborted, "Operation timed out: Consumer too slow to handle event while live. Client resubscription required.")
	}
	if s.service.options.FellBehind {
		return s.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_FellBehind_{FellBehind: &streams.ReadResp_FellBehind{}}})
	}
	return nil
}

// mark sends a checkpoint if it is above the one before. The numbers are compared as they travel, so after MaxUint64 none is.
func (s *subscription) mark(p position) error {
	commit, prepare := uint64(p.commit), uint64(p.prepare)
	was := &s.checkpoint
	if s.checked && (commit < was.CommitPosition || commit == was.CommitPosition && prepare <= was.PreparePosition) {
		return nil
	}
	s.checked = true
	was.CommitPosition, was.PreparePosition = commit, prepare
	return s.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{Checkpoint: &streams.ReadResp_Checkpoint{
		CommitPosition: commit, PreparePosition: prepare}}})
}

// allSubscription follows the log.
type allSubscription struct {
	*subscription
	at      position // the last event or checkpoint sent; what comes must be above it
	next    int      // index of the record to look at next
	counted int      // live checkpoints count from the record that was next when the subscription began; this many are counted
	count   int64    // considered since the last live checkpoint
}

func (r *reader) subscribeAll(o *streams.ReadReq_Options_AllOptions) error {
	from, err := allPositionOf(o.GetAllOption())
	if err != nil {
		return err
	}
	if _, start := o.GetAllOption().(*streams.ReadReq_Options_AllOptions_Start); start {
		from = position{math.MinInt64, 0} // below nowhere, which is the end here
	}
	v := r.view()
	sub, err := r.newSubscription()
	if err != nil {
		return err
	}
	s := &allSubscription{subscription: sub, at: from, next: len(v.all), counted: len(v.all)}
	live := false
	switch {
	case from == nowhere:
		s.at, live = v.last(), true
	case from.commit == math.MinInt64:
		s.at = nowhere
	default:
		live = !from.less(v.last())
		if !live && !v.boundary(from) {
			return invalidArgument("Invalid position")
		}
	}
	for {
		if !live {
			if err := s.catchUp(); err != nil {
				return err
			}
		}
		if err := s.follow(); err != nil {
			return err
		}
		live = false
	}
}

// catchUp reads pages until one ends at the end of the log. A page ends after 32 events that match or a window of events looked
// at; the place where the next one starts is between two records, and its prepare is 0.
func (s *allSubscription) catchUp() error {
	page, counter := s.at, int64(0)
	for {
		v := s.view()
		i := v.after(s.at)
		if s.at.less(page) {
			i = v.after(page)
		}
		considered, matched := int64(0), 0
		for ; i < len(v.all) && matched < pageSize && (!s.filter.set || considered < s.filter.window); i++ {
			r := v.all[i]
			if r.hidden() {
				continue
			}
			considered++
			if !s.filter.matches(r) {
				continue
			}
			matched++
			if err := s.event(v, r); err != nil {
				return err
			}
			s.at = r.position()
		}
		if err := s.call.cause(); err != nil {
			return err
		}
		s.next = i
		counter += considered
		if i == len(v.all) && matched < pageSize && (!s.filter.set || considered < s.filter.window) {
			return s.goingLive(page)
		}
		if s.filter.set && counter >= s.filter.interval {
			counter %= s.filter.interval
			if s.at.less(page) {
				s.at = page
			}
			if err := s.mark(s.at); err != nil {
				return err
			}
		}
		page = position{v.all[i-1].next, 0}
	}
}

// goingLive sends the checkpoint of the end of catching up, each release in its own way.
func (s *allSubscription) goingLive(page position) error {
	if !s.filter.set {
		return nil
	}
	switch s.service.options.GoingLive {
	case LastDelivered:
		return s.mark(s.at) // nowhere travels as the end of the log
	case PageStart:
		if s.at.less(page) {
			s.at = page
		}
		if s.at != nowhere {
			return s.mark(s.at)
		}
	}
	return nil
}

// follow sends what is new until the buffer overflows.
func (s *allSubscription) follow() error {
	if err := s.caughtUp(); err != nil {
		return err
	}
	for {
		v := s.view()
		for buffered := 0; s.next < len(v.all); s.next++ {
			r := v.all[s.next]
			if s.filter.matches(r) && s.at.less(r.position()) {
				if buffered++; buffered > s.service.options.LiveBuffer {
					return s.overflow()
				}
				if err := s.event(v, r); err != nil {
					return err
				}
				s.at = r.position()
			}
			if s.interval(v) && !r.position().less(s.at) {
				if err := s.mark(r.position()); err != nil {
					return err
				}
				s.at = r.position()
			}
		}
		if s.pushedBack() {
			return s.overflow()
		}
		if err := s.wait(v); err != nil {
			return err
		}
	}
}

// interval counts records up to the one at next and says whether that one completes an interval.
func (s *allSubscription) interval(v view) (full bool) {
	if !s.filter.set {
		return false
	}
	for ; s.counted <= s.next; s.counted++ {
		full = false
		if v.all[s.counted].hidden() {
			continue
		}
		if s.count++; s.count >= s.filter.interval {
			s.count, full = 0, true
		}
	}
	return full
}
