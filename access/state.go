package access

import (
	"sort"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// state is the stream "access" folded: who can sign in, with which keys, and which commands were carried out.
type state struct {
	version      uint64
	lastRecorded int64 // microseconds since 1970-01-01 UTC
	operators    map[string]*operator
	keys         map[string]*key
	commands     map[uuid.UUID]*command
}

type operator struct {
	id, displayName string
	admin           bool
	keys            []*key // in order of issue
}

type key struct {
	id       string
	operator *operator
	digest   [32]byte // SHA-256 of the secret
	expires  int64    // microseconds since 1970-01-01 UTC; 0: never
	revoked  bool
}

// live says whether the key opens anything at that moment; the moment it expires it does not.
func (k *key) live(now time.Time) bool {
	return !k.revoked && (k.expires == 0 || now.UnixMicro() < k.expires)
}

// command is what is remembered of a command that was carried out.
type command struct {
	digest  [32]byte
	version uint64 // of its last event
	events  []*eventv1.Event
}

func newState() *state {
	return &state{
		operators: make(map[string]*operator),
		keys:      make(map[string]*key),
		commands:  make(map[uuid.UUID]*command),
	}
}

// evolve folds one event in. Events are facts: nothing is judged here.
func (s *state) evolve(e *eventv1.Event) {
	s.version = e.Version
	s.lastRecorded = e.RecordedAt
	id := uuid.UUID(e.CommandId)
	c := s.commands[id]
	if c == nil {
		c = &command{digest: [32]byte(e.CommandDigest)}
		s.commands[id] = c
	}
	c.version, c.events = e.Version, append(c.events, e)
	switch f := e.Fact.(type) {
	case *eventv1.Event_OperatorCreated:
		o := f.OperatorCreated
		s.operators[o.Id] = &operator{id: o.Id, displayName: o.DisplayName, admin: o.Admin}
	case *eventv1.Event_KeyIssued:
		i := f.KeyIssued
		o := s.operators[i.Operator]
		k := &key{id: i.KeyId, operator: o, digest: [32]byte(i.SecretSha256), expires: i.ExpiresAt}
		s.keys[k.id] = k
		o.keys = append(o.keys, k)
	case *eventv1.Event_KeyRevoked:
		s.keys[f.KeyRevoked.KeyId].revoked = true
	}
}

// check says what is wrong with a stored event that evolve could not fold, empty when nothing is. Only this package writes
// the stream, so anything else is damage.
func (s *state) check(e *eventv1.Event) string {
	if e.Version != s.version+1 {
		return "versions are missing before it"
	}
	if len(e.CommandId) != 16 || len(e.CommandDigest) != 32 {
		return "the header has no command id or digest"
	}
	switch f := e.Fact.(type) {
	case *eventv1.Event_OperatorCreated:
		if s.operators[f.OperatorCreated.Id] != nil {
			return "it creates the operator " + f.OperatorCreated.Id + " again"
		}
	case *eventv1.Event_KeyIssued:
		if s.operators[f.KeyIssued.Operator] == nil || s.keys[f.KeyIssued.KeyId] != nil || len(f.KeyIssued.SecretSha256) != 32 {
			return "it issues a key that cannot be"
		}
	case *eventv1.Event_KeyRevoked:
		if s.keys[f.KeyRevoked.KeyId] == nil {
			return "it revokes a key that was never issued"
		}
	default:
		return "it is no fact about operators or keys"
	}
	return ""
}

// view is the operator as others may see it.
func (o *operator) view(now time.Time) Operator {
	v := Operator{ID: o.id, DisplayName: o.displayName, Admin: o.admin}
	for _, k := range o.keys {
		if k.live(now) {
			v.KeyIDs = append(v.KeyIDs, k.id)
		}
	}
	return v
}

func (s *state) list(now time.Time) []Operator {
	all := make([]Operator, 0, len(s.operators))
	for _, o := range s.operators {
		all = append(all, o.view(now))
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}
