package access

import (
	"context"
	"strings"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Credentials are what an operator signs in by.
type Credentials struct {
	HasPassword bool
	Passkeys    []Passkey // in order of their addition
	Identities  []Identity
	KeyIDs      []string // public parts of the live bearer keys
}

// Passkey (通行密钥) is one of an operator.
type Passkey struct {
	ID    []byte // the authenticator's id of it
	Name  string
	Added time.Time // UTC
}

// Identity is one of another service, linked to an operator.
type Identity struct{ Issuer, Subject string }

// Credentials lists by what an operator can sign in. Refusal: operator_unknown.
func (s *Service) Credentials(ctx context.Context, operator string) (Credentials, error) {
	if err := s.catchUp(ctx); err != nil {
		return Credentials{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.state.operators[operator]
	if o == nil {
		return Credentials{}, refuse(OperatorUnknown, "operator", "operator", operator)
	}
	c := Credentials{HasPassword: o.password != "", KeyIDs: o.view(s.clock()).KeyIDs}
	for _, p := range o.passkeys {
		c.Passkeys = append(c.Passkeys, Passkey{p.fact.CredentialId, p.fact.Name, time.UnixMicro(p.added).UTC()})
	}
	for _, i := range o.identities {
		c.Identities = append(c.Identities, Identity{i.issuer, i.subject})
	}
	return c, nil
}

// passwordOf finds the operator that was typed as a name, and the hash of his password: both empty when he cannot sign in by one. It
// reads the store whoever it is, so that the time does not tell who exists.
func (s *Service) passwordOf(ctx context.Context, typed string) (operator, hash string, err error) {
	if err := s.catchUp(ctx); err != nil {
		return "", "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.state.operators[strings.ToLower(strings.TrimSpace(typed))]
	if o == nil || o.suspended {
		return "", "", nil
	}
	return o.id, o.password, nil
}

// ways counts by how many ways the operator can sign in by himself. Keys are for machines and do not count.
func (o *operator) ways() int {
	n := len(o.passkeys) + len(o.identities)
	if o.password != "" {
		n++
	}
	return n
}

// RemovePassword takes an operator's own password away and ends his sessions. Refusals: password_wrong for who has none, last_way.
func (s *Service) RemovePassword(ctx context.Context, id string) error {
	return s.remove(ctx, "RemovePassword", id, id, func(_ *state, o *operator) (*eventv1.Event, error) {
		if o.password == "" {
			return nil, refuse(PasswordWrong, "")
		}
		return &eventv1.Event{Fact: &eventv1.Event_PasswordRemoved{PasswordRemoved: &eventv1.PasswordRemoved{Operator: id}}}, nil
	})
}

// RemovePasskey takes one of an operator's own passkeys away and ends the sessions that began with it. Refusals: passkey_unknown, last_way.
func (s *Service) RemovePasskey(ctx context.Context, id string, credential []byte) error {
	return s.remove(ctx, "RemovePasskey", id, credential, func(st *state, o *operator) (*eventv1.Event, error) {
		if p := st.passkeys[string(credential)]; p == nil || p.operator != o {
			return nil, refuse(PasskeyUnknown, "credential_id")
		}
		return &eventv1.Event{Fact: &eventv1.Event_PasskeyRemoved{PasskeyRemoved: &eventv1.PasskeyRemoved{CredentialId: credential}}}, nil
	})
}

// UnlinkIdentity ends signing in by one of an operator's own identities. Refusals: identity_unknown, last_way.
func (s *Service) UnlinkIdentity(ctx context.Context, id string, i Identity) error {
	return s.remove(ctx, "UnlinkIdentity", id, i, func(st *state, o *operator) (*eventv1.Event, error) {
		if st.identities[identity{i.Issuer, i.Subject}] != o {
			return nil, refuse(IdentityUnknown, "subject")
		}
		return &eventv1.Event{Fact: &eventv1.Event_IdentityUnlinked{IdentityUnlinked: &eventv1.IdentityUnlinked{Issuer: i.Issuer, Subject: i.Subject}}}, nil
	})
}

// remove takes a way to sign in away, unless it is the last.
func (s *Service) remove(ctx context.Context, name, id string, what any, decide func(*state, *operator) (*eventv1.Event, error)) error {
	_, err := s.doOnce(ctx, name, what, id, func(st *state) ([]*eventv1.Event, error) {
		o := st.operators[id]
		if o == nil {
			return nil, refuse(OperatorUnknown, "operator", "operator", id)
		}
		fact, err := decide(st, o)
		if err == nil && o.ways() == 1 {
			err = refuse(LastWay, "")
		}
		return []*eventv1.Event{fact}, err
	})
	return err
}

// linkIdentity lets the operator of a session sign in by an identity. Refusals: session_unknown, identity_taken.
func (s *Service) linkIdentity(ctx context.Context, n *Session, i Identity) error {
	_, err := s.doOnce(ctx, "LinkIdentity", i, n.Operator, func(st *state) ([]*eventv1.Event, error) {
		switch {
		case st.sessions[n.ID] == nil:
			return nil, refuse(SessionUnknown, "")
		case st.identities[identity{i.Issuer, i.Subject}] != nil:
			return nil, refuse(IdentityTaken, "")
		}
		return []*eventv1.Event{{Fact: &eventv1.Event_IdentityLinked{IdentityLinked: &eventv1.IdentityLinked{
			Operator: n.Operator, Issuer: i.Issuer, Subject: i.Subject,
		}}}}, nil
	})
	return err
}
