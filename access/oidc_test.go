package access_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/access"
)

// idp is an identity service that says what a test wants it to.
type idp struct {
	*httptest.Server
	key     *rsa.PrivateKey
	now     func() time.Time
	subject string
	claims  map[string]any // over the right ones
	signer  *rsa.PrivateKey
	waiting map[string]url.Values // by code
	t       *testing.T
}

func newIDP(t *testing.T, now func() time.Time) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key, signer: key, now: now, subject: "248289761001", waiting: map[string]url.Values{}, t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": encoded(key.N.Bytes()), "e": encoded(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// visit is a browser that signs in there: it gives the code and the state that come back.
func (p *idp) visit(to string) (code, state string) {
	p.t.Helper()
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, p.URL+"/authorize?") {
		p.t.Fatalf("sent to %q, %v", to, err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || q.Get("scope") != "openid" || q.Get("redirect_uri") != "https://ledger.example/sign-in/identity/" || q.Get("nonce") == "" {
		p.t.Errorf("asked with %v", q)
	}
	code = rand.Text()
	p.waiting[code] = q
	return code, q.Get("state")
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	q := p.waiting[r.FormValue("code")]
	delete(p.waiting, r.FormValue("code"))
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if q == nil || id != "mingzhang" || secret != "secret" || encoded(sum[:]) != q.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{"iss": p.URL, "sub": p.subject, "aud": "mingzhang", "nonce": q.Get("nonce"), "iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(),
		"email": "chief@ledger.example"}
	for name, value := range p.claims {
		claims[name] = value
	}
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	signed := encoded([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + encoded(body)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.signer, crypto.SHA256, digest[:])
	if err != nil {
		p.t.Error(err)
	}
	answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": signed + "." + encoded(signature)})
}

// newIdentityHouse is a house with an identity service, to whose identity the operator "kuaiji" is linked.
func newIdentityHouse(t *testing.T) (*house, *idp) {
	t.Helper()
	h := newHouse(t)
	p := newIDP(t, func() time.Time { return h.now })
	h.door = h.newDoor(t, access.DoorOptions{Origin: "https://ledger.example", Identities: &access.IdentityService{Name: "县统一认证", Issuer: p.URL, ClientID: "mingzhang", ClientSecret: "secret"}})
	n := h.bearer(t, h.signIn(t).Key).Session
	id, to, err := h.door.BeginIdentity(t.Context(), n, "")
	if err != nil {
		t.Fatalf("%v\n%s", err, h.logs)
	}
	code, state := p.visit(to)
	if _, linked, err := h.door.FinishIdentity(t.Context(), n, id, state, code); err != nil || !linked {
		t.Fatalf("linked %v, %v\n%s", linked, err, h.logs)
	}
	return h, p
}

func (h *house) identitySignIn(t *testing.T, p *idp) (access.Started, error) {
	t.Helper()
	id, to, err := h.door.BeginIdentity(t.Context(), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	code, state := p.visit(to)
	started, linked, err := h.door.FinishIdentity(t.Context(), nil, id, state, code)
	if linked {
		t.Error("signing in linked something")
	}
	return started, err
}

func TestIdentitySignsIn(t *testing.T) {
	h, p := newIdentityHouse(t)
	started, err := h.identitySignIn(t, p)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.logs)
	}
	n := h.bearer(t, started.Key).Session
	if started.Operator != "kuaiji" || access.MethodName(n.Method) != "oidc" || !n.ConfirmedUntil(h.now).IsZero() {
		t.Errorf("session %+v: the service may not have asked him, so it is not confirmed", n)
	}
	// Nobody is found by his e-mail address, and an identity belongs to one.
	p.subject = "somebody else"
	if _, err := h.identitySignIn(t, p); reason(err) != access.SignInFailed {
		t.Errorf("an identity that is linked to nobody: %v", err)
	}
	p.subject = "248289761001"
	h.add(t, "jianshi")
	other, err := h.door.AcceptInvitation(t.Context(), h.invite(t, "jianshi"), sentence)
	if err != nil {
		t.Fatal(err)
	}
	m := h.bearer(t, other.Key).Session
	id, to, _ := h.door.BeginIdentity(t.Context(), m, "")
	code, state := p.visit(to)
	if _, _, err := h.door.FinishIdentity(t.Context(), m, id, state, code); reason(err) != access.IdentityTaken {
		t.Errorf("an identity that is linked to another: %v", err)
	}
	if err := h.UnlinkIdentity(t.Context(), "jianshi", access.Identity{Issuer: p.URL, Subject: p.subject}); reason(err) != access.IdentityUnknown {
		t.Errorf("unlinking another's: %v", err)
	}
	if err := h.UnlinkIdentity(t.Context(), "kuaiji", access.Identity{Issuer: p.URL, Subject: p.subject}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Authenticate(t.Context(), started.Key); err == nil {
		t.Error("the session outlives the link")
	}
	if _, err := h.identitySignIn(t, p); reason(err) != access.SignInFailed {
		t.Errorf("unlinked: %v", err)
	}
}

// TestIdentityRefusals bends one thing at a time.
func TestIdentityRefusals(t *testing.T) {
	h, p := newIdentityHouse(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for what, bend := range map[string]func(){
		"another nonce":    func() { p.claims = map[string]any{"nonce": "another"} },
		"another audience": func() { p.claims = map[string]any{"aud": "another"} },
		"another issuer":   func() { p.claims = map[string]any{"iss": "https://evil.example"} },
		"over":             func() { p.claims = map[string]any{"exp": h.now.Add(-time.Hour).Unix()} },
		"no subject":       func() { p.claims = map[string]any{"sub": ""} },
		"a long subject":   func() { p.claims = map[string]any{"sub": strings.Repeat("x", 256)} },
		"another key":      func() { p.signer = other },
	} {
		p.claims, p.signer = nil, p.key
		bend()
		if _, err := h.identitySignIn(t, p); reason(err) != access.IdentityFailed {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.claims, p.signer = nil, p.key
	begin := func() (id, code, state string) {
		id, to, err := h.door.BeginIdentity(t.Context(), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		code, state = p.visit(to)
		return id, code, state
	}
	id, code, state := begin()
	if _, _, err := h.door.FinishIdentity(t.Context(), nil, id, "another", code); reason(err) != access.CeremonyOver {
		t.Errorf("another state: %v", err)
	}
	if _, _, err := h.door.FinishIdentity(t.Context(), nil, id, state, code); reason(err) != access.CeremonyOver {
		t.Errorf("after a wrong state: %v", err)
	}
	id, _, state = begin()
	if _, _, err := h.door.FinishIdentity(t.Context(), nil, id, state, "no such code"); reason(err) != access.IdentityFailed {
		t.Errorf("another code: %v", err)
	}
	first, code, _ := begin()
	id, _, state = begin()
	if _, _, err := h.door.FinishIdentity(t.Context(), nil, id, state, code); reason(err) != access.IdentityFailed {
		t.Errorf("the code of %s, of another attempt: %v", first, err)
	}
	id, code, state = begin()
	h.now = h.now.Add(10 * time.Minute)
	if _, _, err := h.door.FinishIdentity(t.Context(), nil, id, state, code); reason(err) != access.CeremonyOver {
		t.Errorf("after ten minutes: %v", err)
	}
	// A link begun by one session is not finished by another, nor without one.
	a, b := h.bearer(t, h.signIn(t).Key).Session, h.bearer(t, h.signIn(t).Key).Session
	for _, n := range []*access.Session{b, nil} {
		id, to, _ := h.door.BeginIdentity(t.Context(), a, "")
		code, state := p.visit(to)
		if _, _, err := h.door.FinishIdentity(t.Context(), n, id, state, code); reason(err) != access.CeremonyOver {
			t.Errorf("by another session: %v", err)
		}
	}
	if _, err := h.identitySignIn(t, p); err != nil {
		t.Errorf("and all right again: %v", err)
	}
}

func TestIdentityServiceAway(t *testing.T) {
	h := newHouse(t)
	p := newIDP(t, func() time.Time { return h.now })
	h.door = h.newDoor(t, access.DoorOptions{Origin: "https://ledger.example", Identities: &access.IdentityService{Issuer: p.URL, ClientID: "mingzhang"}})
	p.Close()
	if _, _, err := h.door.BeginIdentity(t.Context(), nil, ""); reason(err) != access.IdentityFailed || !strings.Contains(h.logs.String(), "connection refused") {
		t.Errorf("%v\n%s", err, h.logs)
	}
	h.signIn(t) // by the password as before
	for _, service := range []access.IdentityService{{Issuer: "https://id.example"}, {ClientID: "x"}, {Issuer: "http://id.example", ClientID: "x"}} {
		if _, err := access.NewDoor(h.Service, access.DoorOptions{Origin: "https://ledger.example", Identities: &service}); err == nil {
			t.Errorf("%s is taken", fmt.Sprint(service))
		}
	}
}
