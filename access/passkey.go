package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

const (
	challengeLife = 5 * time.Minute
	passkeysMax   = 20 // of one operator
	credentialMax = 1023
)

// relyingParty is what authenticators know the pages by: the host of their origin. An address in numbers is none, and then there are no
// passkeys. Every passkey has to verify its user, by finger, face or PIN, and is found without a name typed.
func relyingParty(host, origin string) (*webauthn.WebAuthn, error) {
	if net.ParseIP(host) != nil {
		return nil, nil
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: "明账 mingzhang", RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		// A browser's extension may add to the answer what nobody asked for.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys for %s: %w", origin, err)
	}
	return w, nil
}

// keyHolder is an operator as authenticators know him.
type keyHolder struct {
	operator, displayName string
	passkeys              []*eventv1.PasskeyAdded
	counts                []uint32 // of each
}

// WebAuthnID implements webauthn.User: a digest, so that an authenticator's list does not tell more than the names it shows.
func (h *keyHolder) WebAuthnID() []byte {
	sum := sha256.Sum256([]byte("mingzhang/passkey@v1\n" + h.operator))
	return sum[:]
}

// WebAuthnName implements webauthn.User.
func (h *keyHolder) WebAuthnName() string { return h.operator }

// WebAuthnDisplayName implements webauthn.User.
func (h *keyHolder) WebAuthnDisplayName() string { return h.displayName }

// WebAuthnCredentials implements webauthn.User.
func (h *keyHolder) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(h.passkeys))
	for i, p := range h.passkeys {
		all[i] = webauthn.Credential{
			ID: p.CredentialId, PublicKey: p.PublicKey,
			Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(p.Flags)),
			Authenticator: webauthn.Authenticator{AAGUID: p.Aaguid, SignCount: h.counts[i]},
		}
		for _, t := range p.Transports {
			all[i].Transport = append(all[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return all
}

func (h *keyHolder) descriptors() []protocol.CredentialDescriptor {
	return webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()
}

// keyHolder reads an operator for a ceremony; nil when there is none or he is suspended.
func (s *Service) keyHolder(ctx context.Context, which func(*state) *operator) (*keyHolder, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := which(s.state)
	if o == nil || o.suspended {
		return nil, nil
	}
	h := &keyHolder{operator: o.id, displayName: o.displayName}
	for _, p := range o.passkeys {
		h.passkeys, h.counts = append(h.passkeys, p.fact), append(h.counts, p.count)
	}
	return h, nil
}

func byID(id string) func(*state) *operator {
	return func(st *state) *operator { return st.operators[id] }
}

// What was begun with a passkey.
type (
	signingIn   struct{ data *webauthn.SessionData }
	confirming  struct{ data *webauthn.SessionData }
	registering struct {
		operator string
		data     *webauthn.SessionData
	}
)

// BeginPasskeySignIn makes a challenge for whatever passkey the browser finds. It answers the ceremony's id, good for one finish within
// five minutes on this node, and the browser's options as JSON. Refusal: way_not_set_up.
func (d *Door) BeginPasskeySignIn(address string) (id, options string, err error) {
	if d.relying == nil {
		return "", "", refuse(WayNotSetUp, "")
	}
	assertion, data, err := d.relying.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", "", fmt.Errorf("make a challenge: %w", err)
	}
	return d.begun(assertion, signingIn{data}, address)
}

func (d *Door) begun(options, what any, address string) (id, text string, err error) {
	b, err := json.Marshal(options)
	if err != nil {
		return "", "", fmt.Errorf("write options for a browser: %w", err)
	}
	return d.ceremonies.begin(what, challengeLife, address), string(b), nil
}

// FinishPasskeySignIn begins a session by what the browser answered. Refusals: ceremony_over, sign_in_failed.
func (d *Door) FinishPasskeySignIn(ctx context.Context, id, response string) (Started, error) {
	begun, ok := d.ceremonies.take(id).(signingIn)
	if !ok {
		return Started{}, refuse(CeremonyOver, "ceremony_id")
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return Started{}, d.refusedPasskey(ctx, SignInFailed, err)
	}
	var failure error // of the store
	user, credential, err := d.relying.ValidatePasskeyLogin(func(rawID, _ []byte) (webauthn.User, error) {
		h, err := d.access.keyHolder(ctx, func(st *state) *operator {
			if p := st.passkeys[string(rawID)]; p != nil {
				return p.operator
			}
			return nil
		})
		if err != nil {
			failure = err
		} else if h == nil {
			err = errors.New("nobody has this passkey, or he is suspended")
		}
		return h, err
	}, *begun.data, parsed)
	if failure != nil {
		return Started{}, failure
	}
	if err != nil {
		return Started{}, d.refusedPasskey(ctx, SignInFailed, err)
	}
	f := &eventv1.SessionStarted{
		Operator: user.WebAuthnName(), Method: eventv1.SignInMethod_SIGN_IN_METHOD_PASSKEY,
		CredentialId: credential.ID, SignCount: parsed.Response.AuthenticatorData.Counter,
	}
	started, err := d.access.start(ctx, f, func(st *state, o *operator) ([]*eventv1.Event, error) {
		return nil, st.mayUse(o, f.CredentialId, f.SignCount)
	})
	if isRefusal(err, PasskeyRefused) { // nobody signing in learns why
		err = d.refusedPasskey(ctx, SignInFailed, fmt.Errorf("the counter of a passkey of %s went back to %d: there may be a copy of it", f.Operator, f.SignCount))
	}
	return started, err
}

// refusedPasskey writes into the log what is wrong with an answer, and refuses it without a word of that.
func (d *Door) refusedPasskey(ctx context.Context, reason ledger.Reason, err error) error {
	text := err.Error()
	if detailed := (*protocol.Error)(nil); errors.As(err, &detailed) {
		text = detailed.Details + "; " + detailed.DevInfo
	}
	d.options.Logger.LogAttrs(ctx, slog.LevelWarn, "a passkey was refused", slog.String("reason", string(reason)), slog.String("error", text))
	return refuse(reason, "")
}

func isRefusal(err error, reason ledger.Reason) bool {
	var r *ledger.Refusal
	return errors.As(err, &r) && r.Reason == reason
}

// mayUse refuses a passkey that is not the operator's any more, or whose counter does not go on: there may be a copy of it. Refusal:
// passkey_refused. No passkey at all is fine.
func (s *state) mayUse(o *operator, credential []byte, count uint32) error {
	if len(credential) == 0 {
		return nil
	}
	p := s.passkeys[string(credential)]
	if p == nil || p.operator != o || (count != 0 || p.count != 0) && count <= p.count {
		return refuse(PasskeyRefused, "")
	}
	return nil
}

// BeginPasskeyConfirm makes a challenge for the passkeys of a session's operator. Refusals: way_not_set_up, passkey_unknown.
func (d *Door) BeginPasskeyConfirm(ctx context.Context, n *Session, address string) (id, options string, err error) {
	if d.relying == nil {
		return "", "", refuse(WayNotSetUp, "")
	}
	h, err := d.access.keyHolder(ctx, byID(n.Operator))
	if err != nil {
		return "", "", err
	}
	if h == nil || len(h.passkeys) == 0 {
		return "", "", refuse(PasskeyUnknown, "")
	}
	assertion, data, err := d.relying.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", "", fmt.Errorf("make a challenge: %w", err)
	}
	return d.begun(assertion, confirming{data}, address)
}

// FinishPasskeyConfirm confirms a session by what the browser answered. Refusals: ceremony_over, passkey_refused, session_unknown.
func (d *Door) FinishPasskeyConfirm(ctx context.Context, n *Session, id, response string) (until time.Time, err error) {
	begun, ok := d.ceremonies.take(id).(confirming)
	if !ok {
		return time.Time{}, refuse(CeremonyOver, "ceremony_id")
	}
	h, err := d.access.keyHolder(ctx, byID(n.Operator))
	if err != nil {
		return time.Time{}, err
	}
	if h == nil || !bytes.Equal(h.WebAuthnID(), begun.data.UserID) {
		return time.Time{}, refuse(CeremonyOver, "ceremony_id")
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return time.Time{}, d.refusedPasskey(ctx, PasskeyRefused, err)
	}
	credential, err := d.relying.ValidateLogin(h, *begun.data, parsed)
	if err != nil {
		return time.Time{}, d.refusedPasskey(ctx, PasskeyRefused, err)
	}
	c := &eventv1.SessionConfirmed{
		KeyId: n.ID, Method: eventv1.SignInMethod_SIGN_IN_METHOD_PASSKEY,
		CredentialId: credential.ID, SignCount: parsed.Response.AuthenticatorData.Counter,
	}
	until, err = d.access.confirm(ctx, c, n.Operator)
	if isRefusal(err, PasskeyRefused) {
		err = d.refusedPasskey(ctx, PasskeyRefused, fmt.Errorf("the counter of a passkey of %s went back to %d: there may be a copy of it", n.Operator, c.SignCount))
	}
	return until, err
}

// BeginPasskeyRegistration makes a challenge for a new passkey of an operator. The caller has made sure that it is he who asks, by a
// confirmed session or by an invitation. Refusals: way_not_set_up, operator_unknown.
func (d *Door) BeginPasskeyRegistration(ctx context.Context, operator, address string) (id, options string, err error) {
	if d.relying == nil {
		return "", "", refuse(WayNotSetUp, "")
	}
	h, err := d.access.keyHolder(ctx, byID(operator))
	if err != nil {
		return "", "", err
	}
	if h == nil {
		return "", "", refuse(OperatorUnknown, "operator", "operator", operator)
	}
	creation, data, err := d.relying.BeginRegistration(h, webauthn.WithExclusions(h.descriptors()))
	if err != nil {
		return "", "", fmt.Errorf("make a challenge: %w", err)
	}
	return d.begun(creation, registering{operator, data}, address)
}

// AddPasskey keeps the passkey that the browser made for the operator of a session. Refusals: ceremony_over, passkey_refused,
// text_invalid, too_many.
func (d *Door) AddPasskey(ctx context.Context, n *Session, id, response, name string) error {
	added, err := d.registered(ctx, n.Operator, id, response, name)
	if err != nil {
		return err
	}
	about := struct {
		Operator, Name string
		Credential     []byte
	}{n.Operator, name, added.GetPasskeyAdded().CredentialId}
	_, err = d.access.doOnce(ctx, "AddPasskey", about, n.Operator, func(st *state) ([]*eventv1.Event, error) {
		if st.sessions[n.ID] == nil {
			return nil, refuse(SessionUnknown, "")
		}
		return []*eventv1.Event{added}, st.mayAdd(st.operators[n.Operator], added)
	})
	return err
}

// AcceptInvitationByPasskey keeps the passkey that the browser of who was invited made, which uses the invitation up, and begins a
// session. Refusals: invitation_invalid, ceremony_over, passkey_refused, text_invalid.
func (d *Door) AcceptInvitationByPasskey(ctx context.Context, secret, id, response, name string) (Started, error) {
	o, _, err := d.access.OpenInvitation(ctx, secret)
	if err != nil {
		return Started{}, err
	}
	added, err := d.registered(ctx, o.ID, id, response, name)
	if err != nil {
		return Started{}, err
	}
	f := &eventv1.SessionStarted{Operator: o.ID, Method: eventv1.SignInMethod_SIGN_IN_METHOD_INVITATION}
	return d.access.start(ctx, f, func(st *state, o *operator) ([]*eventv1.Event, error) {
		if i, err := d.access.invited(st, secret); err != nil || i.operator != o { // used in this very moment
			return nil, refuse(InvitationInvalid, "secret")
		}
		return []*eventv1.Event{added}, st.mayAdd(o, added)
	})
}

func (s *state) mayAdd(o *operator, added *eventv1.Event) error {
	switch {
	case s.passkeys[string(added.GetPasskeyAdded().CredentialId)] != nil:
		return refuse(PasskeyRefused, "")
	case len(o.passkeys) >= passkeysMax:
		return refuse(ledger.TooMany, "", "what", "passkeys", "max", fmt.Sprint(passkeysMax), "count", fmt.Sprint(len(o.passkeys)+1))
	}
	return nil
}

// registered is the fact of a passkey that the browser made in answer to a challenge.
func (d *Door) registered(ctx context.Context, operator, id, response, name string) (*eventv1.Event, error) {
	if err := checkName("name", name); err != nil {
		return nil, err
	}
	begun, ok := d.ceremonies.take(id).(registering)
	if !ok || begun.operator != operator {
		return nil, refuse(CeremonyOver, "ceremony_id")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return nil, d.refusedPasskey(ctx, PasskeyRefused, err)
	}
	credential, err := d.relying.CreateCredential(&keyHolder{operator: operator}, *begun.data, parsed)
	if err != nil {
		return nil, d.refusedPasskey(ctx, PasskeyRefused, err)
	}
	if len(credential.ID) == 0 || len(credential.ID) > credentialMax {
		return nil, d.refusedPasskey(ctx, PasskeyRefused, fmt.Errorf("an id of %d bytes", len(credential.ID)))
	}
	f := &eventv1.PasskeyAdded{
		Operator: operator, CredentialId: credential.ID, PublicKey: credential.PublicKey, Name: name,
		Flags:     uint32(parsed.Response.AttestationObject.AuthData.Flags),
		SignCount: credential.Authenticator.SignCount, Aaguid: credential.Authenticator.AAGUID,
	}
	const transportsMax = 8
	for _, t := range credential.Transport[:min(len(credential.Transport), transportsMax)] {
		f.Transports = append(f.Transports, clipped(string(t)))
	}
	return &eventv1.Event{Fact: &eventv1.Event_PasskeyAdded{PasskeyAdded: f}}, nil
}
