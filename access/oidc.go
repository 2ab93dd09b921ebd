package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// IdentityCallback is the path of the page that an identity service sends browsers back to, under the origin of the pages.
const IdentityCallback = "/sign-in/identity/"

const (
	identityLife    = 10 * time.Minute // to sign in there
	identityTimeout = 10 * time.Second // of a request to the service
	subjectMax      = 255
)

// IdentityService is a service that says who somebody is (OpenID Connect): code flow with PKCE, nonce and state. Operators are found by
// issuer and subject alone, never by a name or an e-mail address; who signed in otherwise links his own.
type IdentityService struct {
	Name         string // what the page calls it
	Issuer       string // https address
	ClientID     string
	ClientSecret string // empty for a public client
	// Client is what requests to the service are made with; default one with a time limit of 10 seconds.
	Client *http.Client
}

// identities is the service as this node knows it.
type identities struct {
	service IdentityService
	clock   func() time.Time
	config  oauth2.Config

	mu       sync.Mutex
	provider *oidc.Provider // nil until the service told its addresses
}

func newIdentities(service IdentityService, origin string, clock func() time.Time) (*identities, error) {
	if service.Issuer == "" || service.ClientID == "" {
		return nil, fmt.Errorf("an identity service needs an issuer and a client id")
	}
	if _, err := originHost(trimPath(service.Issuer)); err != nil {
		return nil, fmt.Errorf("issuer of the identity service: %w", err)
	}
	if service.Name == "" {
		service.Name = service.Issuer
	}
	if service.Client == nil {
		service.Client = &http.Client{Timeout: identityTimeout}
	}
	return &identities{service: service, clock: clock, config: oauth2.Config{
		ClientID: service.ClientID, ClientSecret: service.ClientSecret,
		RedirectURL: origin + IdentityCallback, Scopes: []string{oidc.ScopeOpenID},
	}}, nil
}

// discovered asks the service for its addresses and keys, once it can be reached.
func (i *identities) discovered(ctx context.Context) (*oidc.Provider, oauth2.Config, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider == nil {
		p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.service.Client), i.service.Issuer)
		if err != nil {
			return nil, oauth2.Config{}, err
		}
		i.provider = p
	}
	config := i.config
	config.Endpoint = i.provider.Endpoint()
	return i.provider, config, nil
}

// identifying is what was begun at the identity service.
type identifying struct {
	state, nonce, verifier string
	link                   string // id of the session to link; empty: to sign in
}

// BeginIdentity makes the address to send a browser to: to sign in or, for a session, to link its operator. It answers the ceremony's id,
// which that browser alone may know: it keeps it in a cookie. Refusals: way_not_set_up, identity_failed.
func (d *Door) BeginIdentity(ctx context.Context, link *Session, address string) (id, to string, err error) {
	if d.identities == nil {
		return "", "", refuse(WayNotSetUp, "")
	}
	_, config, err := d.identities.discovered(ctx)
	if err != nil {
		return "", "", d.refusedIdentity(ctx, err)
	}
	begun := identifying{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	if link != nil {
		begun.link = link.ID
	}
	to = config.AuthCodeURL(begun.state, oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.verifier))
	return d.ceremonies.begin(begun, identityLife, address), to, nil
}

// FinishIdentity takes what the service sent back. It begins a session of the operator linked to that identity, or links the operator of the
// session that began it, and that session alone. Refusals: ceremony_over, identity_failed, sign_in_failed, identity_taken.
func (d *Door) FinishIdentity(ctx context.Context, n *Session, id, returned, code string) (started Started, linked bool, err error) {
	begun, ok := d.ceremonies.take(id).(identifying)
	if !ok || subtle.ConstantTimeCompare([]byte(begun.state), []byte(returned)) != 1 || begun.link != "" && (n == nil || n.ID != begun.link) {
		return Started{}, false, refuse(CeremonyOver, "ceremony_id")
	}
	who, err := d.identities.identity(ctx, begun, code)
	if err != nil {
		return Started{}, false, d.refusedIdentity(ctx, err)
	}
	if begun.link != "" {
		err := d.access.linkIdentity(ctx, n, who)
		return Started{}, err == nil, err
	}
	found, err := d.access.identified(ctx, who)
	if err != nil {
		return Started{}, false, err
	}
	f := &eventv1.SessionStarted{Operator: found, Method: eventv1.SignInMethod_SIGN_IN_METHOD_OIDC}
	started, err = d.access.start(ctx, f, func(st *state, o *operator) ([]*eventv1.Event, error) {
		if st.identities[identity{who.Issuer, who.Subject}] != o { // unlinked in this very moment
			return nil, refuse(SignInFailed, "")
		}
		return nil, nil
	})
	return started, false, err
}

// identity changes a code for a token of the service and reads from it who it is.
func (i *identities) identity(ctx context.Context, begun identifying, code string) (Identity, error) {
	provider, config, err := i.discovered(ctx)
	if err != nil {
		return Identity{}, err
	}
	ctx = oidc.ClientContext(ctx, i.service.Client)
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return Identity{}, fmt.Errorf("change the code for a token: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Identity{}, fmt.Errorf("the service sent no id token")
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: i.service.ClientID, Now: i.clock}).Verify(ctx, raw)
	switch {
	case err != nil:
		return Identity{}, err
	case subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(begun.nonce)) != 1:
		return Identity{}, fmt.Errorf("the nonce of the id token is another")
	case verified.Subject == "" || len(verified.Subject) > subjectMax:
		return Identity{}, fmt.Errorf("a subject of %d bytes", len(verified.Subject))
	}
	return Identity{Issuer: verified.Issuer, Subject: verified.Subject}, nil
}

// identified finds the operator linked to an identity. Refusal: sign_in_failed.
func (s *Service) identified(ctx context.Context, i Identity) (operator string, err error) {
	if err := s.catchUp(ctx); err != nil {
		return "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.state.identities[identity{i.Issuer, i.Subject}]
	if o == nil {
		return "", refuse(SignInFailed, "")
	}
	return o.id, nil
}

// refusedIdentity writes into the log what went wrong, and refuses without a word of that.
func (d *Door) refusedIdentity(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.options.Logger.LogAttrs(ctx, slog.LevelWarn, "signing in by the identity service failed", slog.String("error", err.Error()))
	return refuse(IdentityFailed, "")
}

// trimPath is the origin of an address.
func trimPath(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}
