package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// ErrKeyInvalid is what Authenticate answers to every key that opens nothing: misspelled, unknown, revoked or expired. The
// text around it is for the log; an outsider learns no more than that it failed.
var ErrKeyInvalid = errors.New("the key is not valid")

const (
	// refreshEvery bounds how long a key revoked on another node goes on working on this one.
	refreshEvery = time.Second
	// refreshWait bounds how long a call waits for a store that does not answer before it goes on with what is known.
	refreshWait = 500 * time.Millisecond
	// missEvery bounds how often keys that nobody knows make the store be asked.
	missEvery = 50 * time.Millisecond
	// attemptsMax bounds how often an append is tried again after somebody else appended first.
	attemptsMax = 10
)

// Service keeps the operators and their keys. All methods may be called at once.
type Service struct {
	store eventstore.Store
	clock func() time.Time

	writing sync.Mutex // held by a command from its decision to its append, so that this node never races itself
	reading sync.Mutex // held by who reads the store

	mu        sync.RWMutex // guards the rest
	state     *state
	refreshed time.Time // when the store was last asked for more

	seenMu sync.Mutex
	seen   map[string]time.Time // when this node last saw a session, by the public part of its key
}

// NewService keeps operators in the store's stream "access". The clock says when keys are issued and expire.
func NewService(store eventstore.Store, clock func() time.Time) *Service {
	return &Service{store: store, clock: clock, state: newState(), seen: map[string]time.Time{}}
}

// CreateOperator adds an operator, with a first key when IssueKey is set. The very first operator of a store has to be an
// admin and needs no admin to create it: that is how a store begins. It answers the key, which is shown this once: a
// repeated command answers without it. Refusals: id_invalid, text_invalid, already_exists, role_missing, command_id_reused.
func (s *Service) CreateOperator(ctx context.Context, c CreateOperator, m Meta) (text string, err error) {
	text, keyID, digest := newKey(keyPrefix)
	_, repeated, err := s.do(ctx, "CreateOperator", c, m, func(st *state) ([]*eventv1.Event, error) {
		if err := st.mayManage(m.Actor, c.Admin && len(st.operators) == 0); err != nil {
			return nil, err
		}
		if err := c.check(); err != nil {
			return nil, err
		}
		if st.operators[c.Operator] != nil {
			return nil, refuse(ledger.AlreadyExists, "operator", "id", c.Operator)
		}
		facts := []*eventv1.Event{{Fact: &eventv1.Event_OperatorCreated{OperatorCreated: &eventv1.OperatorCreated{
			Id: c.Operator, DisplayName: c.DisplayName, Admin: c.Admin,
		}}}}
		if c.IssueKey {
			facts = append(facts, keyIssued(c.Operator, keyID, digest, time.Time{}))
		}
		return facts, nil
	})
	if err != nil || repeated || !c.IssueKey {
		return "", err
	}
	return text, nil
}

// IssueKey gives an operator a key. It answers the key's public part and the key, which is shown this once: a repeated
// command answers the public part alone. Refusals: operator_unknown, date_invalid for an end that is over, role_missing,
// command_id_reused.
func (s *Service) IssueKey(ctx context.Context, c IssueKey, m Meta) (keyID, text string, err error) {
	text, newID, digest := newKey(keyPrefix)
	events, repeated, err := s.do(ctx, "IssueKey", c, m, func(st *state) ([]*eventv1.Event, error) {
		if err := st.mayManage(m.Actor, false); err != nil {
			return nil, err
		}
		if st.operators[c.Operator] == nil {
			return nil, refuse(OperatorUnknown, "operator", "operator", c.Operator)
		}
		if !c.Expires.IsZero() && !c.Expires.After(s.clock()) {
			return nil, refuse(ledger.DateInvalid, "expires_at", "date", c.Expires.UTC().Format(time.RFC3339))
		}
		return []*eventv1.Event{keyIssued(c.Operator, newID, digest, c.Expires)}, nil
	})
	if err != nil {
		return "", "", err
	}
	if repeated {
		text = ""
	}
	return events[0].GetKeyIssued().GetKeyId(), text, nil
}

func keyIssued(operator, keyID string, digest [32]byte, expires time.Time) *eventv1.Event {
	k := &eventv1.KeyIssued{Operator: operator, KeyId: keyID, SecretSha256: digest[:]}
	if !expires.IsZero() {
		k.ExpiresAt = expires.UnixMicro()
	}
	return &eventv1.Event{Fact: &eventv1.Event_KeyIssued{KeyIssued: k}}
}

// RevokeKey ends a key at once on this node, and within a second on every other. Refusals: key_unknown, already_done,
// role_missing, command_id_reused.
func (s *Service) RevokeKey(ctx context.Context, c RevokeKey, m Meta) error {
	_, _, err := s.do(ctx, "RevokeKey", c, m, func(st *state) ([]*eventv1.Event, error) {
		if err := st.mayManage(m.Actor, false); err != nil {
			return nil, err
		}
		k := st.keys[c.KeyID]
		if k == nil {
			return nil, refuse(KeyUnknown, "key_id", "key", c.KeyID)
		}
		if k.revoked {
			return nil, refuse(ledger.AlreadyDone, "key_id", "subject", c.KeyID)
		}
		return []*eventv1.Event{{Fact: &eventv1.Event_KeyRevoked{KeyRevoked: &eventv1.KeyRevoked{KeyId: c.KeyID}}}}, nil
	})
	return err
}

// mayManage refuses with role_missing unless the actor is an admin of the server, or the store is just beginning.
func (s *state) mayManage(actor string, beginning bool) error {
	if o := s.operators[actor]; beginning || o != nil && o.admin && !o.suspended {
		return nil
	}
	return refuse(ledger.RoleMissing, "", "operator", actor, "roles", ServerAdmin)
}

// do carries out one command: the events it made the first time when it is a repetition, else what decide makes of the
// state, appended. Somebody else's append in between makes it decide anew, a bounded number of times.
func (s *Service) do(ctx context.Context, name string, c any, m Meta, decide func(*state) ([]*eventv1.Event, error)) (events []*eventv1.Event, repeated bool, err error) {
	if m.ID == uuid.Nil {
		return nil, false, refuse(ledger.FieldInvalid, "command_id", "problem", "must be a UUID")
	}
	digest, err := commandDigest(name, c, m.Actor)
	if err != nil {
		return nil, false, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	for attempt := range attemptsMax {
		if err := eventstore.StandBack(ctx, attempt); err != nil {
			return nil, false, fmt.Errorf("append to %s: %w", ledger.StreamAccess, err)
		}
		if err := s.catchUp(ctx); err != nil {
			return nil, false, err
		}
		events, repeated, version, err := s.decide(m, digest, decide)
		if err != nil || repeated {
			return events, repeated, err
		}
		err = s.append(ctx, version, events)
		if err == nil {
			return events, false, nil
		}
		if conflict := (*eventstore.ConflictError)(nil); !errors.As(err, &conflict) {
			return nil, false, err
		}
	}
	return nil, false, fmt.Errorf("append to %s: somebody else was faster %d times", ledger.StreamAccess, attemptsMax)
}

// decide looks at the state as it stands and gives the command's events with their headers, and the version they follow.
func (s *Service) decide(m Meta, digest [32]byte, decide func(*state) ([]*eventv1.Event, error)) (events []*eventv1.Event, repeated bool, version uint64, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if done := s.state.commands[m.ID]; done != nil {
		if done.digest != digest {
			return nil, false, 0, refuse(ledger.CommandIDReused, "command_id", "command_id", m.ID.String(), "version", fmt.Sprint(done.version))
		}
		return done.events, true, 0, nil
	}
	events, err = decide(s.state)
	if err != nil {
		return nil, false, 0, err
	}
	for i, e := range events {
		e.Version = s.state.version + uint64(i) + 1
		e.RecordedAt = max(s.clock().UnixMicro(), s.state.lastRecorded)
		e.Actor, e.CommandId, e.CommandDigest = m.Actor, m.ID[:], digest[:]
	}
	return events, false, s.state.version, nil
}

// append stores the events of one command. A crash here leaves all of them or none.
func (s *Service) append(ctx context.Context, version uint64, events []*eventv1.Event) error {
	stored := make([]eventstore.NewEvent, len(events))
	for i, e := range events {
		var err error
		if stored[i], err = ledger.Encode(e); err != nil {
			return err
		}
	}
	if _, err := s.store.Append(ctx, ledger.StreamAccess, version, stored); err != nil {
		return fmt.Errorf("append to %s at version %d: %w", ledger.StreamAccess, version, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		if e.Version == s.state.version+1 { // else a reader caught up in the meantime
			s.state.evolve(e)
		}
	}
	return nil
}

// commandDigest covers a command's content and its actor, not its id: SHA-256 of "mingzhang/access@v1\n", the method and
// the actor, each followed by a newline, and the command as JSON.
func commandDigest(name string, c any, actor string) ([32]byte, error) {
	content, err := json.Marshal(c)
	if err != nil {
		return [32]byte{}, fmt.Errorf("encode the command %s: %w", name, err)
	}
	return sha256.Sum256(append([]byte("mingzhang/access@v1\n"+name+"\n"+actor+"\n"), content...)), nil
}

// catchUp folds what the store has and the state has not.
func (s *Service) catchUp(ctx context.Context) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	return s.read(ctx)
}

// read is catchUp for who holds reading. Nobody who only looks at the state waits for the store.
func (s *Service) read(ctx context.Context) error {
	s.mu.RLock()
	version := s.state.version
	s.mu.RUnlock()
	now := s.clock()
	for stored, err := range s.store.Read(ctx, ledger.StreamAccess, version) {
		if err != nil {
			return fmt.Errorf("read %s after version %d: %w", ledger.StreamAccess, version, err)
		}
		e, err := ledger.Decode(stored)
		if err == nil {
			err = s.fold(e)
		}
		if err != nil {
			return err
		}
	}
	s.asked(now)
	return nil
}

// fold folds a stored event, unless a command of this node has done it in the meantime.
func (s *Service) fold(e *eventv1.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Version <= s.state.version {
		return nil
	}
	if problem := s.state.check(e); problem != "" {
		return &eventstore.CorruptError{Stream: ledger.StreamAccess, Version: e.Version, Reason: problem}
	}
	s.state.evolve(e)
	return nil
}

func (s *Service) asked(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshed = now
}

// fresh catches up when the state is older than a time. A store that cannot be reached leaves the state as it is: who could sign
// in a moment ago still can, and reads go on.
func (s *Service) fresh(ctx context.Context, than time.Duration) error {
	s.mu.RLock()
	age, first := s.clock().Sub(s.refreshed), s.refreshed.IsZero()
	s.mu.RUnlock()
	switch {
	case first:
		return s.catchUp(ctx)
	case age >= 0 && age < than, !s.reading.TryLock(): // or another call is asking
		return nil
	}
	defer s.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, refreshWait)
	defer cancel()
	err := s.read(ctx)
	if corrupt := (*eventstore.CorruptError)(nil); errors.As(err, &corrupt) {
		return err
	}
	if err != nil {
		s.asked(s.clock()) // not at every call of an outage
	}
	return nil
}

// Bearer is whoever came with a key.
type Bearer struct {
	Operator
	Session *Session // nil for a bearer key
}

// Authenticate gives whose key it is, of a machine or of a session, or an error that wraps ErrKeyInvalid; any other error is the
// store's. The comparison takes the same time whatever differs. It counts as use of a session.
func (s *Service) Authenticate(ctx context.Context, text string) (Bearer, error) {
	prefix, id, digest, err := parseKey(text)
	if err != nil {
		return Bearer{}, err
	}
	if err := s.fresh(ctx, refreshEvery); err != nil {
		return Bearer{}, err
	}
	s.mu.RLock()
	known := s.state.key(prefix, id) != nil
	s.mu.RUnlock()
	if !known { // issued a moment ago on another node
		if err := s.fresh(ctx, missEvery); err != nil {
			return Bearer{}, err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := s.clock()
	switch k := s.state.key(prefix, id); {
	case k == nil:
		return Bearer{}, fmt.Errorf("%w: no key %s was issued here, or it is over", ErrKeyInvalid, id)
	case subtle.ConstantTimeCompare(k.digest[:], digest[:]) != 1:
		return Bearer{}, fmt.Errorf("%w: wrong secret for the key %s", ErrKeyInvalid, id)
	case !k.live(now) || k.operator.suspended:
		return Bearer{}, fmt.Errorf("%w: the key %s is revoked or expired, or its operator is suspended", ErrKeyInvalid, id)
	case prefix == keyPrefix:
		return Bearer{Operator: k.operator.shown()}, nil
	default:
		if !s.use(id, now) {
			return Bearer{}, fmt.Errorf("%w: the session %s rested too long", ErrKeyInvalid, id)
		}
		return Bearer{Operator: k.operator.shown(), Session: s.state.sessions[id].view(now)}, nil
	}
}

// Operators lists every operator with the public parts of the live keys, in order of the ids.
func (s *Service) Operators(ctx context.Context) ([]Operator, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.list(s.clock()), nil
}

// Operator gives one operator, without keys; ok is false when there is none of that id.
func (s *Service) Operator(ctx context.Context, id string) (o Operator, ok bool, err error) {
	if err := s.fresh(ctx, refreshEvery); err != nil {
		return Operator{}, false, err
	}
	if o, ok = s.lookup(id); ok {
		return o, true, nil
	}
	if err := s.catchUp(ctx); err != nil { // created a moment ago on another node
		return Operator{}, false, err
	}
	o, ok = s.lookup(id)
	return o, ok, nil
}

func (s *Service) lookup(id string) (Operator, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.state.operators[id]
	if o == nil {
		return Operator{}, false
	}
	return o.shown(), true
}

// Exists reports whether the store has any operator at all; when not, the next CreateOperator begins it.
func (s *Service) Exists(ctx context.Context) (bool, error) {
	if err := s.catchUp(ctx); err != nil {
		return false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.state.operators) > 0, nil
}
