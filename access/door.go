package access

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// DoorOptions say how people sign in. What is left out has the default its comment says.
type DoorOptions struct {
	// Origin of the pages as browsers see it, https://ledger.example or http://localhost:8480; default none: passkeys and identities are
	// refused as not set up, and invitations have no link.
	Origin string
	// Identities is the identity service people may sign in by; default none.
	Identities *IdentityService
	// Clock bounds challenges and attempts; default time.Now.
	Clock func() time.Time
	// Logger takes what whoever signs in is not told; default slog.Default().
	Logger *slog.Logger
}

// Door is where people sign in. What it keeps beside the facts, failed attempts and challenges, is in the memory of this node. Its methods
// may be called at once.
type Door struct {
	access     *Service
	options    DoorOptions
	hasher     *hasher
	attempts   *attempts
	ceremonies *ceremonies
	relying    *webauthn.WebAuthn // nil without an origin
	identities *identities        // nil without a service
}

// NewDoor makes the door to a service's operators. It fails when the origin is none.
func NewDoor(access *Service, options DoorOptions) (*Door, error) {
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	d := &Door{access: access, options: options, hasher: newHasher(), attempts: newAttempts(options.Clock), ceremonies: newCeremonies(options.Clock)}
	if options.Origin == "" {
		if options.Identities != nil {
			return nil, fmt.Errorf("an identity service needs the origin of the pages")
		}
		return d, nil
	}
	host, err := originHost(options.Origin)
	if err != nil {
		return nil, err
	}
	if d.relying, err = relyingParty(host, options.Origin); err != nil {
		return nil, err
	}
	if options.Identities != nil {
		if d.identities, err = newIdentities(*options.Identities, options.Origin, options.Clock); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// originHost is the host of an origin: a scheme, a host and perhaps a port, with TLS unless it is this machine.
func originHost(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin {
		return "", fmt.Errorf("an origin is a scheme, a host and perhaps a port, as https://ledger.example: %q", origin)
	}
	host := u.Hostname()
	if u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && host != "127.0.0.1" && host != "::1") {
		return "", fmt.Errorf("the origin has to begin with https:// unless it is this machine: %q", origin)
	}
	return host, nil
}

// Origin is the origin of the pages, empty when it is not known.
func (d *Door) Origin() string { return d.options.Origin }

// Passkeys says whether passkeys can be used.
func (d *Door) Passkeys() bool { return d.relying != nil }

// IdentityService is the name of the identity service, empty without one.
func (d *Door) IdentityService() string {
	if d.identities == nil {
		return ""
	}
	return d.identities.service.Name
}

// InvitationLink is the address of the page that takes an invitation, empty when the origin is not known.
func (d *Door) InvitationLink(secret string) string {
	if d.options.Origin == "" || secret == "" {
		return ""
	}
	return d.options.Origin + "/invitation/" + secret + "/"
}

// SignIn begins a session by a password. Whether the operator exists, has a password, is suspended: the answer is the same, and so
// is the work. Refusals: sign_in_failed, too_often.
func (d *Door) SignIn(ctx context.Context, typed, password, address string) (Started, error) {
	attempt, err := d.attempts.begin(typed, address)
	if err != nil {
		return Started{}, err
	}
	id, hash, err := d.access.passwordOf(ctx, typed)
	if err != nil {
		attempt.void()
		return Started{}, err
	}
	switch right, err := d.hasher.right(ctx, hash, password); {
	case err != nil:
		attempt.void()
		return Started{}, err
	case !right:
		return Started{}, refuse(SignInFailed, "")
	}
	attempt.admitted()
	f := &eventv1.SessionStarted{Operator: id, Method: eventv1.SignInMethod_SIGN_IN_METHOD_PASSWORD}
	return d.access.start(ctx, f, func(_ *state, o *operator) ([]*eventv1.Event, error) {
		if o.password != hash { // changed in this very moment
			return nil, refuse(SignInFailed, "")
		}
		return nil, nil
	})
}

// Confirm shows by the password that a session is in its operator's hands. Refusals: password_wrong, too_often, session_unknown.
func (d *Door) Confirm(ctx context.Context, n *Session, password, address string) (until time.Time, err error) {
	if err := d.mustKnow(ctx, n, password, address); err != nil {
		return time.Time{}, err
	}
	return d.access.confirm(ctx, &eventv1.SessionConfirmed{KeyId: n.ID, Method: eventv1.SignInMethod_SIGN_IN_METHOD_PASSWORD}, n.Operator)
}

// mustKnow refuses with password_wrong who holds a session and does not know its operator's password. Attempts are counted by session,
// so that nobody outside can keep its holder from confirming.
func (d *Door) mustKnow(ctx context.Context, n *Session, password, address string) error {
	attempt, err := d.attempts.begin("session "+n.ID, address)
	if err != nil {
		return err
	}
	_, hash, err := d.access.passwordOf(ctx, n.Operator)
	if err != nil {
		attempt.void()
		return err
	}
	switch right, err := d.hasher.right(ctx, hash, password); {
	case err != nil:
		attempt.void()
		return err
	case !right:
		return refuse(PasswordWrong, "password")
	}
	attempt.right()
	return nil
}

// AcceptInvitation sets the password of who was invited, which uses the invitation up, and begins a session. Refusals:
// invitation_invalid, password_weak.
func (d *Door) AcceptInvitation(ctx context.Context, secret, password string) (Started, error) {
	o, _, err := d.access.OpenInvitation(ctx, secret)
	if err != nil {
		return Started{}, err
	}
	set, err := d.passwordSet(ctx, o.ID, password)
	if err != nil {
		return Started{}, err
	}
	f := &eventv1.SessionStarted{Operator: o.ID, Method: eventv1.SignInMethod_SIGN_IN_METHOD_INVITATION}
	return d.access.start(ctx, f, func(st *state, o *operator) ([]*eventv1.Event, error) {
		if i, err := d.access.invited(st, secret); err != nil || i.operator != o { // used in this very moment
			return nil, refuse(InvitationInvalid, "secret")
		}
		return []*eventv1.Event{set}, nil
	})
}

// SetPassword gives the operator of a session another password, ends all his sessions and begins a new one. Refusals: password_weak,
// password_wrong, confirm_needed, too_often.
func (d *Door) SetPassword(ctx context.Context, n *Session, old, password, address string) (Started, error) {
	if err := d.maySetPassword(ctx, n, old, address); err != nil {
		return Started{}, err
	}
	set, err := d.passwordSet(ctx, n.Operator, password)
	if err != nil {
		return Started{}, err
	}
	f := &eventv1.SessionStarted{Operator: n.Operator, Method: eventv1.SignInMethod_SIGN_IN_METHOD_PASSWORD}
	return d.access.start(ctx, f, func(st *state, o *operator) ([]*eventv1.Event, error) {
		if st.sessions[n.ID] == nil {
			return nil, refuse(SessionUnknown, "")
		}
		return []*eventv1.Event{set}, nil
	})
}

func (d *Door) maySetPassword(ctx context.Context, n *Session, old, address string) error {
	_, hash, err := d.access.passwordOf(ctx, n.Operator)
	if err != nil {
		return err
	}
	confirmed := !n.ConfirmedUntil(d.options.Clock()).IsZero()
	switch {
	case old != "":
		return d.mustKnow(ctx, n, old, address)
	case hash == "" && confirmed, confirmed && n.ConfirmedBy == eventv1.SignInMethod_SIGN_IN_METHOD_PASSKEY:
		return nil
	case hash == "":
		return refuse(ConfirmNeeded, "")
	}
	return refuse(PasswordWrong, "old_password")
}

func (d *Door) passwordSet(ctx context.Context, operator, password string) (*eventv1.Event, error) {
	if err := checkPassword(operator, password); err != nil {
		return nil, err
	}
	hash, err := d.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	return &eventv1.Event{Fact: &eventv1.Event_PasswordSet{PasswordSet: &eventv1.PasswordSet{Operator: operator, Hash: hash}}}, nil
}
