package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// InvitationLife is how long an invitation is good.
const InvitationLife = 7 * 24 * time.Hour

// Invite lets an operator set a first password or passkey, once. A later invitation takes its place.
type Invite struct{ Operator string }

// Suspend stops every key and session of an operator.
type Suspend struct{ Operator string }

// Reinstate lets the keys of an operator work again.
type Reinstate struct{ Operator string }

// newInvitation draws a secret of 128 bits, 26 lower-case letters and digits, and gives what of it may be kept.
func newInvitation() (secret string, digest [32]byte) {
	var random [16]byte
	rand.Read(random[:]) // never fails
	secret = strings.ToLower(idEncoding.EncodeToString(random[:]))
	return secret, sha256.Sum256([]byte(secret))
}

// Invite makes an invitation. It answers the secret, which is shown this once: a repeated command answers the end alone.
// Refusals: operator_unknown, operator_suspended, role_missing, command_id_reused.
func (s *Service) Invite(ctx context.Context, c Invite, m Meta) (secret string, expires time.Time, err error) {
	secret, digest := newInvitation()
	events, repeated, err := s.do(ctx, "Invite", c, m, func(st *state) ([]*eventv1.Event, error) {
		o, err := st.managed(m.Actor, c.Operator)
		if err != nil {
			return nil, err
		}
		if o.suspended {
			return nil, refuse(OperatorSuspended, "operator", "operator", c.Operator)
		}
		return []*eventv1.Event{{Fact: &eventv1.Event_InvitationIssued{InvitationIssued: &eventv1.InvitationIssued{
			Operator: c.Operator, SecretSha256: digest[:], ExpiresAt: s.clock().Add(InvitationLife).UnixMicro(),
		}}}}, nil
	})
	if err != nil {
		return "", time.Time{}, err
	}
	if repeated {
		secret = ""
	}
	return secret, time.UnixMicro(events[0].GetInvitationIssued().GetExpiresAt()).UTC(), nil
}

// Suspend stops an operator at once on this node, and within a second on every other. Refusals: operator_unknown, already_done,
// last_admin, role_missing, command_id_reused.
func (s *Service) Suspend(ctx context.Context, c Suspend, m Meta) error {
	_, _, err := s.do(ctx, "Suspend", c, m, func(st *state) ([]*eventv1.Event, error) {
		o, err := st.managed(m.Actor, c.Operator)
		switch {
		case err != nil:
			return nil, err
		case o.suspended:
			return nil, refuse(ledger.AlreadyDone, "operator", "subject", c.Operator)
		case o.admin && st.admins() == 1:
			return nil, refuse(LastAdmin, "operator", "operator", c.Operator)
		}
		return []*eventv1.Event{{Fact: &eventv1.Event_OperatorSuspended{OperatorSuspended: &eventv1.OperatorSuspended{Operator: c.Operator}}}}, nil
	})
	return err
}

// Reinstate takes a suspension back. Refusals: operator_unknown, already_done, role_missing, command_id_reused.
func (s *Service) Reinstate(ctx context.Context, c Reinstate, m Meta) error {
	_, _, err := s.do(ctx, "Reinstate", c, m, func(st *state) ([]*eventv1.Event, error) {
		o, err := st.managed(m.Actor, c.Operator)
		switch {
		case err != nil:
			return nil, err
		case !o.suspended:
			return nil, refuse(ledger.AlreadyDone, "operator", "subject", c.Operator)
		}
		return []*eventv1.Event{{Fact: &eventv1.Event_OperatorReinstated{OperatorReinstated: &eventv1.OperatorReinstated{Operator: c.Operator}}}}, nil
	})
	return err
}

// managed is the operator that an admin gives a command about.
func (s *state) managed(actor, operator string) (*operator, error) {
	if err := s.mayManage(actor, false); err != nil {
		return nil, err
	}
	o := s.operators[operator]
	if o == nil {
		return nil, refuse(OperatorUnknown, "operator", "operator", operator)
	}
	return o, nil
}

// admins counts those that are not suspended.
func (s *state) admins() (n int) {
	for _, o := range s.operators {
		if o.admin && !o.suspended {
			n++
		}
	}
	return n
}

// invited finds the open invitation of a secret. Refusal: invitation_invalid.
func (s *Service) invited(st *state, secret string) (*invitation, error) {
	i := st.invitations[sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(secret))))]
	if i == nil || s.clock().UnixMicro() >= i.expires || i.operator.suspended {
		return nil, refuse(InvitationInvalid, "secret")
	}
	return i, nil
}

// OpenInvitation tells whom an invitation is for and when it ends. Refusal: invitation_invalid.
func (s *Service) OpenInvitation(ctx context.Context, secret string) (Operator, time.Time, error) {
	if err := s.catchUp(ctx); err != nil {
		return Operator{}, time.Time{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, err := s.invited(s.state, secret)
	if err != nil {
		return Operator{}, time.Time{}, err
	}
	return i.operator.shown(), time.UnixMicro(i.expires).UTC(), nil
}
