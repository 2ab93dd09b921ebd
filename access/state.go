package access

import (
	"bytes"
	"slices"
	"sort"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// state is the stream "access" folded: who can sign in, by what, who is signed in, and which commands were carried out.
type state struct {
	version      uint64
	lastRecorded int64 // microseconds since 1970-01-01 UTC
	operators    map[string]*operator
	keys         map[string]*key
	sessions     map[string]*session      // by the public part of their key; those that are over are forgotten at the operator's next
	passkeys     map[string]*passkey      // by credential id
	identities   map[identity]*operator   // linked
	invitations  map[[32]byte]*invitation // by SHA-256 of the secret; those that are open
	commands     map[uuid.UUID]*command
}

type operator struct {
	id, displayName  string
	admin, suspended bool
	keys             []*key // in order of issue
	password         string // Argon2id in PHC form; empty: none
	passkeys         []*passkey
	identities       []identity
	sessions         []*session
	invitation       *invitation // nil: none is open
}

type key struct {
	id       string
	operator *operator
	digest   [32]byte // SHA-256 of the secret
	expires  int64    // microseconds since 1970-01-01 UTC; 0: never
	revoked  bool
}

// live says whether the key opens anything at that moment, but for its operator's being suspended; the moment it expires it does
// not.
func (k *key) live(now time.Time) bool {
	return !k.revoked && (k.expires == 0 || now.UnixMicro() < k.expires)
}

type session struct {
	key
	method      eventv1.SignInMethod
	credential  []byte // id of the passkey it began with
	started     int64  // microseconds since 1970-01-01 UTC
	confirmed   int64  // when somebody last showed who he is; 0: not so that it counts
	confirmedBy eventv1.SignInMethod
}

type passkey struct {
	operator *operator
	added    int64                 // microseconds since 1970-01-01 UTC
	count    uint32                // the highest seen
	fact     *eventv1.PasskeyAdded // never changed
}

type identity struct{ issuer, subject string }

type invitation struct {
	operator *operator
	digest   [32]byte
	expires  int64 // microseconds since 1970-01-01 UTC
}

// command is what is remembered of a command that was carried out.
type command struct {
	digest  [32]byte
	version uint64 // of its last event
	events  []*eventv1.Event
}

func newState() *state {
	return &state{
		operators:   make(map[string]*operator),
		keys:        make(map[string]*key),
		sessions:    make(map[string]*session),
		passkeys:    make(map[string]*passkey),
		identities:  make(map[identity]*operator),
		invitations: make(map[[32]byte]*invitation),
		commands:    make(map[uuid.UUID]*command),
	}
}

// evolve folds one event in. Events are facts: nothing is judged here.
func (s *state) evolve(e *eventv1.Event) {
	s.version = e.Version
	s.lastRecorded = e.RecordedAt
	s.remember(e)
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
	case *eventv1.Event_InvitationIssued:
		i := f.InvitationIssued
		o := s.operators[i.Operator]
		s.closeInvitation(o)
		o.invitation = &invitation{operator: o, digest: [32]byte(i.SecretSha256), expires: i.ExpiresAt}
		s.invitations[o.invitation.digest] = o.invitation
	case *eventv1.Event_OperatorSuspended:
		o := s.operators[f.OperatorSuspended.Operator]
		o.suspended = true
		s.endSessions(o, func(*session) bool { return true })
	case *eventv1.Event_OperatorReinstated:
		s.operators[f.OperatorReinstated.Operator].suspended = false
	case *eventv1.Event_SessionStarted:
		s.startSession(f.SessionStarted, e.RecordedAt)
	case *eventv1.Event_SessionConfirmed:
		c := f.SessionConfirmed
		if n := s.sessions[c.KeyId]; n != nil {
			n.confirmed, n.confirmedBy = e.RecordedAt, c.Method
		}
		s.used(c.CredentialId, c.SignCount)
	case *eventv1.Event_SessionEnded:
		if n := s.sessions[f.SessionEnded.KeyId]; n != nil {
			s.endSessions(n.operator, func(other *session) bool { return other == n })
		}
	default:
		s.evolveCredentials(e)
	}
}

// remember keeps a command for its repetition. Those about sessions are made here with an id nobody has, and never repeated.
func (s *state) remember(e *eventv1.Event) {
	switch e.Fact.(type) {
	case *eventv1.Event_SessionStarted, *eventv1.Event_SessionConfirmed, *eventv1.Event_SessionEnded:
		return
	}
	id := uuid.UUID(e.CommandId)
	c := s.commands[id]
	if c == nil {
		c = &command{digest: [32]byte(e.CommandDigest)}
		s.commands[id] = c
	}
	c.version, c.events = e.Version, append(c.events, e)
}

// evolveCredentials folds what operators sign in by.
func (s *state) evolveCredentials(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_PasswordSet:
		o := s.operators[f.PasswordSet.Operator]
		o.password = f.PasswordSet.Hash
		s.closeInvitation(o)
		s.endSessions(o, func(*session) bool { return true })
	case *eventv1.Event_PasswordRemoved:
		o := s.operators[f.PasswordRemoved.Operator]
		o.password = ""
		s.endSessions(o, func(*session) bool { return true })
	case *eventv1.Event_PasskeyAdded:
		o := s.operators[f.PasskeyAdded.Operator]
		p := &passkey{operator: o, added: e.RecordedAt, count: f.PasskeyAdded.SignCount, fact: f.PasskeyAdded}
		s.passkeys[string(p.fact.CredentialId)] = p
		o.passkeys = append(o.passkeys, p)
		s.closeInvitation(o)
	case *eventv1.Event_PasskeyRemoved:
		id := f.PasskeyRemoved.CredentialId
		o := s.passkeys[string(id)].operator
		delete(s.passkeys, string(id))
		o.passkeys = slices.DeleteFunc(o.passkeys, func(p *passkey) bool { return bytes.Equal(p.fact.CredentialId, id) })
		s.endSessions(o, func(n *session) bool { return bytes.Equal(n.credential, id) })
	case *eventv1.Event_IdentityLinked:
		o := s.operators[f.IdentityLinked.Operator]
		i := identity{f.IdentityLinked.Issuer, f.IdentityLinked.Subject}
		s.identities[i] = o
		o.identities = append(o.identities, i)
	case *eventv1.Event_IdentityUnlinked:
		i := identity{f.IdentityUnlinked.Issuer, f.IdentityUnlinked.Subject}
		o := s.identities[i]
		delete(s.identities, i)
		o.identities = slices.DeleteFunc(o.identities, func(other identity) bool { return other == i })
		s.endSessions(o, func(n *session) bool { return n.method == eventv1.SignInMethod_SIGN_IN_METHOD_OIDC })
	}
}

func (s *state) startSession(f *eventv1.SessionStarted, at int64) {
	o := s.operators[f.Operator]
	s.endSessions(o, func(n *session) bool { return n.expires <= at }) // so that they do not pile up for years
	n := &session{
		key:    key{id: f.KeyId, operator: o, digest: [32]byte(f.SecretSha256), expires: f.ExpiresAt},
		method: f.Method, credential: f.CredentialId, started: at,
	}
	if f.Method != eventv1.SignInMethod_SIGN_IN_METHOD_OIDC { // there a service said so that may not have asked him
		n.confirmed, n.confirmedBy = at, f.Method
	}
	s.sessions[n.id] = n
	o.sessions = append(o.sessions, n)
	s.used(f.CredentialId, f.SignCount)
}

// used notes the counter of a passkey.
func (s *state) used(credential []byte, count uint32) {
	if p := s.passkeys[string(credential)]; p != nil {
		p.count = max(p.count, count)
	}
}

func (s *state) endSessions(o *operator, which func(*session) bool) {
	o.sessions = slices.DeleteFunc(o.sessions, func(n *session) bool {
		if !which(n) {
			return false
		}
		delete(s.sessions, n.id)
		return true
	})
}

func (s *state) closeInvitation(o *operator) {
	if o.invitation != nil {
		delete(s.invitations, o.invitation.digest)
		o.invitation = nil
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
		return ""
	case *eventv1.Event_KeyIssued:
		if s.operators[f.KeyIssued.Operator] == nil || s.keys[f.KeyIssued.KeyId] != nil || len(f.KeyIssued.SecretSha256) != 32 {
			return "it issues a key that cannot be"
		}
		return ""
	case *eventv1.Event_KeyRevoked:
		if s.keys[f.KeyRevoked.KeyId] == nil {
			return "it revokes a key that was never issued"
		}
		return ""
	case *eventv1.Event_SessionStarted:
		if s.operators[f.SessionStarted.Operator] == nil || s.sessions[f.SessionStarted.KeyId] != nil || len(f.SessionStarted.SecretSha256) != 32 {
			return "it starts a session that cannot be"
		}
		return ""
	case *eventv1.Event_SessionConfirmed, *eventv1.Event_SessionEnded: // of one that may be over and forgotten
		return ""
	case *eventv1.Event_OperatorSuspended:
		return s.known(f.OperatorSuspended.Operator)
	case *eventv1.Event_OperatorReinstated:
		return s.known(f.OperatorReinstated.Operator)
	}
	return s.checkCredentials(e)
}

// checkCredentials is check for what operators sign in by.
func (s *state) checkCredentials(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_InvitationIssued:
		if len(f.InvitationIssued.SecretSha256) != 32 {
			return "it issues an invitation that cannot be"
		}
		return s.known(f.InvitationIssued.Operator)
	case *eventv1.Event_PasswordSet:
		return s.known(f.PasswordSet.Operator)
	case *eventv1.Event_PasswordRemoved:
		return s.known(f.PasswordRemoved.Operator)
	case *eventv1.Event_PasskeyAdded:
		if s.passkeys[string(f.PasskeyAdded.CredentialId)] != nil {
			return "it adds a passkey again"
		}
		return s.known(f.PasskeyAdded.Operator)
	case *eventv1.Event_PasskeyRemoved:
		if s.passkeys[string(f.PasskeyRemoved.CredentialId)] == nil {
			return "it removes a passkey that was never added"
		}
		return ""
	case *eventv1.Event_IdentityLinked:
		if s.identities[identity{f.IdentityLinked.Issuer, f.IdentityLinked.Subject}] != nil {
			return "it links an identity again"
		}
		return s.known(f.IdentityLinked.Operator)
	case *eventv1.Event_IdentityUnlinked:
		if s.identities[identity{f.IdentityUnlinked.Issuer, f.IdentityUnlinked.Subject}] == nil {
			return "it unlinks an identity that was never linked"
		}
		return ""
	}
	return "it is no fact about operators, keys or sessions"
}

func (s *state) known(operator string) string {
	if s.operators[operator] == nil {
		return "it is about an operator that was never created"
	}
	return ""
}

// shown is the operator without what only lists show.
func (o *operator) shown() Operator {
	return Operator{ID: o.id, DisplayName: o.displayName, Admin: o.admin, Suspended: o.suspended}
}

// view is the operator as others may see it.
func (o *operator) view(now time.Time) Operator {
	v := o.shown()
	v.HasPassword, v.Passkeys, v.Identities = o.password != "", len(o.passkeys), len(o.identities)
	for _, k := range o.keys {
		if k.live(now) {
			v.KeyIDs = append(v.KeyIDs, k.id)
		}
	}
	for _, n := range o.sessions {
		if n.live(now) {
			v.Sessions++
		}
	}
	if o.invitation != nil && now.UnixMicro() < o.invitation.expires {
		v.InvitedUntil = time.UnixMicro(o.invitation.expires).UTC()
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
