package access

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

const (
	// SessionLife is how long a session lives at most.
	SessionLife = 12 * time.Hour
	// SessionRest is how long a session may go unused. Each node keeps that for itself, in memory: a session that a node has not
	// seen, because it began elsewhere or the node began after it, rests from its first use there. SessionLife bounds it all the same.
	SessionRest = 30 * time.Minute
	// ConfirmedFor is how long a session counts as confirmed after somebody showed who he is.
	ConfirmedFor = 5 * time.Minute
)

// Session (登录) is a session as its operator and admins see it.
type Session struct {
	ID          string // public part of its key
	Operator    string
	Method      eventv1.SignInMethod
	Started     time.Time // UTC
	Expires     time.Time // UTC
	Seen        time.Time // last use on this node; zero: none
	Confirmed   time.Time // when somebody last showed who he is; zero: not so that it counts
	ConfirmedBy eventv1.SignInMethod
}

// ConfirmedUntil is when the session stops counting as confirmed; zero when it does not at that time.
func (n *Session) ConfirmedUntil(now time.Time) time.Time {
	if until := n.Confirmed.Add(ConfirmedFor); !n.Confirmed.IsZero() && now.Before(until) {
		return until
	}
	return time.Time{}
}

func (n *session) view(seen time.Time) *Session {
	v := &Session{
		ID: n.id, Operator: n.operator.id, Method: n.method,
		Started: time.UnixMicro(n.started).UTC(), Expires: time.UnixMicro(n.expires).UTC(), Seen: seen, ConfirmedBy: n.confirmedBy,
	}
	if n.confirmed != 0 {
		v.Confirmed = time.UnixMicro(n.confirmed).UTC()
	}
	return v
}

// key finds a key of either kind.
func (s *state) key(prefix, id string) *key {
	if prefix == keyPrefix {
		return s.keys[id]
	}
	if n := s.sessions[id]; n != nil {
		return &n.key
	}
	return nil
}

// use notes that a session is used now, unless it rested too long before.
func (s *Service) use(id string, now time.Time) bool {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	if last, ok := s.seen[id]; ok && now.Sub(last) >= SessionRest {
		return false
	}
	s.seen[id] = now
	return true
}

// lastSeen is when this node last saw a session, zero when it has not, and whether it rested too long since.
func (s *Service) lastSeen(id string, now time.Time) (last time.Time, over bool) {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	last = s.seen[id]
	return last, !last.IsZero() && now.Sub(last) >= SessionRest
}

// forget drops what is remembered of sessions that are over. The caller holds mu.
func (s *Service) forget() {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	for id := range s.seen {
		if s.state.sessions[id] == nil {
			delete(s.seen, id)
		}
	}
}

// Started is a session that just began. Only now its key is known.
type Started struct {
	Key      string // 73 characters
	Operator string
	Expires  time.Time // UTC
}

// start appends facts and, behind them, the beginning of a session of the operator, in one append. The facts are what before makes
// of the state; it refuses what must not be.
func (s *Service) start(ctx context.Context, f *eventv1.SessionStarted, before func(*state, *operator) ([]*eventv1.Event, error)) (Started, error) {
	text, id, digest := newKey(sessionPrefix)
	f.KeyId, f.SecretSha256 = id, digest[:]
	about := struct{ Operator, Session string }{f.Operator, id} // no secret may enter a digest that is stored
	_, err := s.doOnce(ctx, "StartSession", about, f.Operator, func(st *state) ([]*eventv1.Event, error) {
		o := st.operators[f.Operator]
		if o == nil || o.suspended {
			return nil, refuse(SignInFailed, "")
		}
		facts, err := before(st, o)
		if err != nil {
			return nil, err
		}
		f.ExpiresAt = s.clock().Add(SessionLife).UnixMicro()
		return append(facts, &eventv1.Event{Fact: &eventv1.Event_SessionStarted{SessionStarted: f}}), nil
	})
	if err != nil {
		return Started{}, err
	}
	s.use(id, s.clock())
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.forget()
	return Started{Key: text, Operator: f.Operator, Expires: time.UnixMicro(f.ExpiresAt).UTC()}, nil
}

// doOnce is do for a command without an id of its own: nobody can repeat it.
func (s *Service) doOnce(ctx context.Context, name string, about any, actor string, decide func(*state) ([]*eventv1.Event, error)) ([]*eventv1.Event, error) {
	events, _, err := s.do(ctx, name, about, Meta{ID: uuid.New(), Actor: actor}, decide)
	return events, err
}

// confirm records that who holds a session showed who he is. Refusals: session_unknown, passkey_refused.
func (s *Service) confirm(ctx context.Context, c *eventv1.SessionConfirmed, operator string) (until time.Time, err error) {
	about := struct{ Session string }{c.KeyId}
	events, err := s.doOnce(ctx, "ConfirmSession", about, operator, func(st *state) ([]*eventv1.Event, error) {
		n := st.sessions[c.KeyId]
		if n == nil || n.operator.id != operator || !n.live(s.clock()) {
			return nil, refuse(SessionUnknown, "")
		}
		if err := st.mayUse(n.operator, c.CredentialId, c.SignCount); err != nil {
			return nil, err
		}
		return []*eventv1.Event{{Fact: &eventv1.Event_SessionConfirmed{SessionConfirmed: c}}}, nil
	})
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(events[0].RecordedAt).Add(ConfirmedFor).UTC(), nil
}

// Sessions lists the live sessions of an operator, the newest first.
func (s *Service) Sessions(ctx context.Context, operator string) ([]*Session, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.state.operators[operator]
	if o == nil {
		return nil, refuse(OperatorUnknown, "operator", "operator", operator)
	}
	var all []*Session
	now := s.clock()
	for _, n := range slices.Backward(o.sessions) {
		seen, over := s.lastSeen(n.id, now)
		if n.live(now) && !over {
			all = append(all, n.view(seen))
		}
	}
	return all, nil
}

// EndSession ends a session: one of the actor's own or, for an admin, anybody's. Refusal: session_unknown, also for who may not.
func (s *Service) EndSession(ctx context.Context, id, actor string) error {
	_, err := s.doOnce(ctx, "EndSession", struct{ Session string }{id}, actor, func(st *state) ([]*eventv1.Event, error) {
		n := st.sessions[id]
		if n == nil || !n.live(s.clock()) || n.operator.id != actor && st.mayManage(actor, false) != nil {
			return nil, refuse(SessionUnknown, "session_id")
		}
		return []*eventv1.Event{sessionEnded(id)}, nil
	})
	return err
}

// sessionsMax bounds how many sessions are ended by one append.
const sessionsMax = 1000

// EndSessions ends all live sessions of an operator: one's own or, for an admin, anybody's. Refusals: operator_unknown,
// role_missing.
func (s *Service) EndSessions(ctx context.Context, operator, actor string) (ended int, err error) {
	nothing := refuse(ledger.AlreadyDone, "operator", "subject", operator)
	events, err := s.doOnce(ctx, "EndSessions", struct{ Operator string }{operator}, actor, func(st *state) ([]*eventv1.Event, error) {
		if operator != actor {
			if err := st.mayManage(actor, false); err != nil {
				return nil, err
			}
		}
		o := st.operators[operator]
		if o == nil {
			return nil, refuse(OperatorUnknown, "operator", "operator", operator)
		}
		var facts []*eventv1.Event
		for _, n := range o.sessions {
			if n.live(s.clock()) && len(facts) < sessionsMax {
				facts = append(facts, sessionEnded(n.id))
			}
		}
		if facts == nil {
			return nil, nothing
		}
		return facts, nil
	})
	if err == error(nothing) {
		return 0, nil
	}
	return len(events), err
}

func sessionEnded(id string) *eventv1.Event {
	return &eventv1.Event{Fact: &eventv1.Event_SessionEnded{SessionEnded: &eventv1.SessionEnded{KeyId: id}}}
}
