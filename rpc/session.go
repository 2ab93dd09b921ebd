package rpc

import (
	"context"
	"encoding/base64"

	"github.com/mingzhang-ledger/mingzhang/access"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// sessionService implements SessionService: how people sign in, and what they keep for it.
type sessionService struct{ *Server }

// sessionOf is the session that a call is made with. Refusal: session_needed, for bearer keys.
func sessionOf(ctx context.Context) (*access.Session, error) {
	if n := callerOf(ctx).session; n != nil {
		return n, nil
	}
	return nil, refuse(access.SessionNeeded, "")
}

func startedOf(started access.Started, err error) (*apiv1.StartedSession, error) {
	if err != nil {
		return nil, err
	}
	return &apiv1.StartedSession{Key: started.Key, Operator: started.Operator, ExpiresAt: instant(started.Expires)}, nil
}

func (s sessionService) GetSignInWays(context.Context, *apiv1.GetSignInWaysRequest) (*apiv1.GetSignInWaysResponse, error) {
	door := s.config.Door
	return &apiv1.GetSignInWaysResponse{Passkeys: door.Passkeys(), IdentityService: door.IdentityService(), Origin: door.Origin()}, nil
}

func (s sessionService) SignIn(ctx context.Context, r *apiv1.SignInRequest) (*apiv1.SignInResponse, error) {
	started, err := startedOf(s.config.Door.SignIn(ctx, r.Operator, r.Password, s.addressOf(ctx)))
	return &apiv1.SignInResponse{Session: started}, err
}

func (s sessionService) BeginPasskeySignIn(ctx context.Context, _ *apiv1.BeginPasskeySignInRequest) (*apiv1.BeginPasskeySignInResponse, error) {
	id, options, err := s.config.Door.BeginPasskeySignIn(s.addressOf(ctx))
	return &apiv1.BeginPasskeySignInResponse{CeremonyId: id, OptionsJson: options}, err
}

func (s sessionService) FinishPasskeySignIn(ctx context.Context, r *apiv1.FinishPasskeySignInRequest) (*apiv1.FinishPasskeySignInResponse, error) {
	started, err := startedOf(s.config.Door.FinishPasskeySignIn(ctx, r.CeremonyId, r.ResponseJson))
	return &apiv1.FinishPasskeySignInResponse{Session: started}, err
}

func (s sessionService) BeginIdentitySignIn(ctx context.Context, r *apiv1.BeginIdentitySignInRequest) (*apiv1.BeginIdentitySignInResponse, error) {
	var link *access.Session
	if r.Link {
		var err error
		if link, err = s.confirmedSession(ctx); err != nil {
			return nil, err
		}
	}
	id, url, err := s.config.Door.BeginIdentity(ctx, link, s.addressOf(ctx))
	return &apiv1.BeginIdentitySignInResponse{CeremonyId: id, Url: url}, err
}

func (s sessionService) FinishIdentitySignIn(ctx context.Context, r *apiv1.FinishIdentitySignInRequest) (*apiv1.FinishIdentitySignInResponse, error) {
	started, linked, err := s.config.Door.FinishIdentity(ctx, callerOf(ctx).session, r.CeremonyId, r.State, r.Code)
	if err != nil || linked {
		return &apiv1.FinishIdentitySignInResponse{Linked: linked}, err
	}
	session, err := startedOf(started, nil)
	return &apiv1.FinishIdentitySignInResponse{Session: session}, err
}

// confirmedSession is the session of a call whose method is grave for some of its requests only.
func (s sessionService) confirmedSession(ctx context.Context) (*access.Session, error) {
	n, err := sessionOf(ctx)
	if err == nil && n.ConfirmedUntil(s.config.Clock()).IsZero() {
		err = refuse(access.ConfirmNeeded, "")
	}
	return n, err
}

func (s sessionService) OpenInvitation(ctx context.Context, r *apiv1.OpenInvitationRequest) (*apiv1.OpenInvitationResponse, error) {
	o, expires, err := s.config.Access.OpenInvitation(ctx, r.Secret)
	return &apiv1.OpenInvitationResponse{Operator: o.ID, DisplayName: o.DisplayName, ExpiresAt: instant(expires)}, err
}

func (s sessionService) AcceptInvitation(ctx context.Context, r *apiv1.AcceptInvitationRequest) (*apiv1.AcceptInvitationResponse, error) {
	started, err := startedOf(s.config.Door.AcceptInvitation(ctx, r.Secret, r.Password))
	return &apiv1.AcceptInvitationResponse{Session: started}, err
}

func (s sessionService) WhoAmI(ctx context.Context, r *apiv1.WhoAmIRequest) (*apiv1.WhoAmIResponse, error) {
	c := callerOf(ctx)
	credentials, err := s.config.Access.Credentials(ctx, c.operator.ID)
	if err != nil {
		return nil, err
	}
	answer := &apiv1.WhoAmIResponse{
		Operator: c.operator.ID, DisplayName: c.operator.DisplayName, Admin: c.operator.Admin,
		HasPassword: credentials.HasPassword, HasPasskey: len(credentials.Passkeys) > 0,
	}
	if c.session != nil {
		answer.Session = sessionMessage(c.session, c.session)
		answer.ConfirmedUntil = instant(c.session.ConfirmedUntil(s.config.Clock()))
	}
	if r.CollectiveId == "" {
		return answer, nil
	}
	facts, err := s.config.Ledger.Facts(ctx, r.CollectiveId)
	if err != nil {
		return nil, err
	}
	for _, role := range facts.Roles(c.operator.ID) {
		answer.Roles = append(answer.Roles, apiv1.Role(role))
	}
	return answer, nil
}

func sessionMessage(n, current *access.Session) *apiv1.Session {
	return &apiv1.Session{
		SessionId: n.ID, Operator: n.Operator, Method: apiv1.SignInMethod(n.Method), StartedAt: instant(n.Started), ExpiresAt: instant(n.Expires),
		SeenAt: instant(n.Seen), Current: current != nil && current.ID == n.ID,
	}
}

func (s sessionService) SignOut(ctx context.Context, _ *apiv1.SignOutRequest) (*apiv1.SignOutResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return &apiv1.SignOutResponse{}, s.config.Access.EndSession(ctx, n.ID, n.Operator)
}

func (s sessionService) Confirm(ctx context.Context, r *apiv1.ConfirmRequest) (*apiv1.ConfirmResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	until, err := s.config.Door.Confirm(ctx, n, r.Password, s.addressOf(ctx))
	return &apiv1.ConfirmResponse{ConfirmedUntil: instant(until)}, err
}

func (s sessionService) BeginPasskeyConfirm(ctx context.Context, _ *apiv1.BeginPasskeyConfirmRequest) (*apiv1.BeginPasskeyConfirmResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	id, options, err := s.config.Door.BeginPasskeyConfirm(ctx, n, s.addressOf(ctx))
	return &apiv1.BeginPasskeyConfirmResponse{CeremonyId: id, OptionsJson: options}, err
}

func (s sessionService) FinishPasskeyConfirm(ctx context.Context, r *apiv1.FinishPasskeyConfirmRequest) (*apiv1.FinishPasskeyConfirmResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	until, err := s.config.Door.FinishPasskeyConfirm(ctx, n, r.CeremonyId, r.ResponseJson)
	return &apiv1.FinishPasskeyConfirmResponse{ConfirmedUntil: instant(until)}, err
}

func (s sessionService) BeginPasskeyRegistration(ctx context.Context, r *apiv1.BeginPasskeyRegistrationRequest) (*apiv1.BeginPasskeyRegistrationResponse, error) {
	var operator string
	if r.Secret != "" {
		o, _, err := s.config.Access.OpenInvitation(ctx, r.Secret)
		if err != nil {
			return nil, err
		}
		operator = o.ID
	} else {
		n, err := s.confirmedSession(ctx)
		if err != nil {
			return nil, err
		}
		operator = n.Operator
	}
	id, options, err := s.config.Door.BeginPasskeyRegistration(ctx, operator, s.addressOf(ctx))
	return &apiv1.BeginPasskeyRegistrationResponse{CeremonyId: id, OptionsJson: options}, err
}

func (s sessionService) FinishPasskeyRegistration(ctx context.Context, r *apiv1.FinishPasskeyRegistrationRequest) (*apiv1.FinishPasskeyRegistrationResponse, error) {
	if r.Secret != "" {
		started, err := startedOf(s.config.Door.AcceptInvitationByPasskey(ctx, r.Secret, r.CeremonyId, r.ResponseJson, r.Name))
		return &apiv1.FinishPasskeyRegistrationResponse{Session: started}, err
	}
	n, err := sessionOf(ctx) // confirmed when it began
	if err != nil {
		return nil, err
	}
	return &apiv1.FinishPasskeyRegistrationResponse{}, s.config.Door.AddPasskey(ctx, n, r.CeremonyId, r.ResponseJson, r.Name)
}

func (s sessionService) SetPassword(ctx context.Context, r *apiv1.SetPasswordRequest) (*apiv1.SetPasswordResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	started, err := startedOf(s.config.Door.SetPassword(ctx, n, r.OldPassword, r.NewPassword, s.addressOf(ctx)))
	return &apiv1.SetPasswordResponse{Session: started}, err
}

func (s sessionService) RemovePassword(ctx context.Context, _ *apiv1.RemovePasswordRequest) (*apiv1.RemovePasswordResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return &apiv1.RemovePasswordResponse{}, s.config.Access.RemovePassword(ctx, n.Operator)
}

func (s sessionService) ListMyCredentials(ctx context.Context, _ *apiv1.ListMyCredentialsRequest) (*apiv1.ListMyCredentialsResponse, error) {
	c, err := s.config.Access.Credentials(ctx, callerOf(ctx).operator.ID)
	if err != nil {
		return nil, err
	}
	return &apiv1.ListMyCredentialsResponse{
		HasPassword: c.HasPassword, KeyIds: c.KeyIDs,
		Passkeys: each(c.Passkeys, func(p access.Passkey) *apiv1.Passkey {
			return &apiv1.Passkey{CredentialId: base64.RawURLEncoding.EncodeToString(p.ID), Name: p.Name, AddedAt: instant(p.Added)}
		}),
		Identities: each(c.Identities, func(i access.Identity) *apiv1.LinkedIdentity {
			return &apiv1.LinkedIdentity{Issuer: i.Issuer, Subject: i.Subject}
		}),
	}, nil
}

func (s sessionService) RemovePasskey(ctx context.Context, r *apiv1.RemovePasskeyRequest) (*apiv1.RemovePasskeyResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	id, err := base64.RawURLEncoding.DecodeString(r.CredentialId)
	if err != nil {
		return nil, refuse(access.PasskeyUnknown, "credential_id")
	}
	return &apiv1.RemovePasskeyResponse{}, s.config.Access.RemovePasskey(ctx, n.Operator, id)
}

func (s sessionService) UnlinkIdentity(ctx context.Context, r *apiv1.UnlinkIdentityRequest) (*apiv1.UnlinkIdentityResponse, error) {
	n, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return &apiv1.UnlinkIdentityResponse{}, s.config.Access.UnlinkIdentity(ctx, n.Operator, access.Identity{Issuer: r.Issuer, Subject: r.Subject})
}

func (s sessionService) ListSessions(ctx context.Context, r *apiv1.ListSessionsRequest) (*apiv1.ListSessionsResponse, error) {
	c := callerOf(ctx)
	operator, err := c.self(r.Operator)
	if err != nil {
		return nil, err
	}
	sessions, err := s.config.Access.Sessions(ctx, operator)
	return &apiv1.ListSessionsResponse{Sessions: each(sessions, func(n *access.Session) *apiv1.Session { return sessionMessage(n, c.session) })}, err
}

// self is the operator a request is about: the caller, or for an admin anybody.
func (c *caller) self(operator string) (string, error) {
	switch {
	case operator == "" || operator == c.operator.ID:
		return c.operator.ID, nil
	case c.operator.Admin:
		return clip(operator), nil
	}
	return "", refuse(access.OperatorUnknown, "operator", "operator", clip(operator))
}

func (s sessionService) EndSession(ctx context.Context, r *apiv1.EndSessionRequest) (*apiv1.EndSessionResponse, error) {
	return &apiv1.EndSessionResponse{}, s.config.Access.EndSession(ctx, r.SessionId, callerOf(ctx).operator.ID)
}

func (s sessionService) EndSessions(ctx context.Context, r *apiv1.EndSessionsRequest) (*apiv1.EndSessionsResponse, error) {
	c := callerOf(ctx)
	operator, err := c.self(r.Operator)
	if err != nil {
		return nil, err
	}
	ended, err := s.config.Access.EndSessions(ctx, operator, c.operator.ID)
	return &apiv1.EndSessionsResponse{Ended: uint32(ended)}, err
}

func operatorOf(o access.Operator) *apiv1.Operator {
	return &apiv1.Operator{
		Id: o.ID, DisplayName: o.DisplayName, Admin: o.Admin, KeyIds: o.KeyIDs, HasPassword: o.HasPassword, Passkeys: uint32(o.Passkeys),
		Identities: uint32(o.Identities), Sessions: uint32(o.Sessions), Suspended: o.Suspended, InvitedUntil: instant(o.InvitedUntil),
	}
}

func (s registryService) InviteOperator(ctx context.Context, r *apiv1.InviteOperatorRequest) (*apiv1.InviteOperatorResponse, error) {
	meta, err := accessMeta(ctx, r.CommandId)
	if err != nil {
		return nil, err
	}
	secret, expires, err := s.config.Access.Invite(ctx, access.Invite{Operator: r.Operator}, meta)
	if err != nil {
		return nil, err
	}
	answer := &apiv1.InviteOperatorResponse{Secret: secret, ExpiresAt: instant(expires)}
	if !s.dry { // there the secret opens nothing
		answer.Link = s.config.Door.InvitationLink(secret)
	}
	return answer, nil
}

func (s registryService) SuspendOperator(ctx context.Context, r *apiv1.SuspendOperatorRequest) (*apiv1.SuspendOperatorResponse, error) {
	meta, err := accessMeta(ctx, r.CommandId)
	if err != nil {
		return nil, err
	}
	return &apiv1.SuspendOperatorResponse{}, s.config.Access.Suspend(ctx, access.Suspend{Operator: r.Operator}, meta)
}

func (s registryService) ReinstateOperator(ctx context.Context, r *apiv1.ReinstateOperatorRequest) (*apiv1.ReinstateOperatorResponse, error) {
	meta, err := accessMeta(ctx, r.CommandId)
	if err != nil {
		return nil, err
	}
	return &apiv1.ReinstateOperatorResponse{}, s.config.Access.Reinstate(ctx, access.Reinstate{Operator: r.Operator}, meta)
}

const (
	accessPage    = 50
	accessPageMax = 1000
)

func (s registryService) ListAccessFacts(ctx context.Context, r *apiv1.ListAccessFactsRequest) (*apiv1.ListAccessFactsResponse, error) {
	most := accessPage
	if r.PageSize > 0 {
		most = min(int(r.PageSize), accessPageMax)
	}
	facts, next, err := s.config.Access.Facts(ctx, r.Operator, r.Before, most)
	if err != nil {
		return nil, err
	}
	return &apiv1.ListAccessFactsResponse{NextBefore: next, Facts: each(facts, func(f access.Fact) *apiv1.AccessFact {
		return &apiv1.AccessFact{
			Version: f.Version, RecordedAt: instant(f.RecordedAt), Actor: f.Actor, Type: f.Type, Operator: f.Operator, KeyId: f.KeyID,
			Method: access.MethodName(f.Method), Name: f.Name,
		}
	})}, nil
}
