package access_test

import (
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// phone is an authenticator with one passkey, and the browser around it.
type phone struct {
	authenticator virtualwebauthn.Authenticator
	credential    virtualwebauthn.Credential
	party         virtualwebauthn.RelyingParty
}

func newPhone() *phone {
	return &phone{
		authenticator: virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{BackupEligible: true, BackupState: true}),
		credential:    virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2),
		party:         virtualwebauthn.RelyingParty{Name: "明账 mingzhang", ID: "ledger.example", Origin: "https://ledger.example"},
	}
}

// create answers the options of a registration.
func (p *phone) create(t *testing.T, options string) string {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	p.authenticator.Options.UserHandle = []byte(parsed.UserID)
	return virtualwebauthn.CreateAttestationResponse(p.party, p.authenticator, p.credential, *parsed)
}

// get answers the options of a sign-in or a confirmation, with a counter that goes on.
func (p *phone) get(t *testing.T, options string) string {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	p.credential.Counter++
	return virtualwebauthn.CreateAssertionResponse(p.party, p.authenticator, p.credential, *parsed)
}

// register adds the phone's passkey to the operator of a session.
func (h *house) register(t *testing.T, p *phone, n *access.Session) {
	t.Helper()
	id, options, err := h.door.BeginPasskeyRegistration(t.Context(), n.Operator, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"residentKey":"required"`, `"userVerification":"required"`, `"id":"ledger.example"`, `"attestation":"none"`} {
		if !strings.Contains(options, part) {
			t.Errorf("options without %s: %s", part, options)
		}
	}
	if err := h.door.AddPasskey(t.Context(), n, id, p.create(t, options), "手机"); err != nil {
		t.Fatalf("%v\n%s", err, h.logs)
	}
}

func (h *house) passkeySignIn(t *testing.T, p *phone) (access.Started, error) {
	t.Helper()
	id, options, err := h.door.BeginPasskeySignIn("")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(options, "allowCredentials") {
		t.Errorf("who signs in is asked for by name: %s", options)
	}
	return h.door.FinishPasskeySignIn(t.Context(), id, p.get(t, options))
}

func TestPasskeySignsInWithoutAName(t *testing.T) {
	h, p := newHouse(t), newPhone()
	h.register(t, p, h.bearer(t, h.signIn(t).Key).Session)
	started, err := h.passkeySignIn(t, p)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.logs)
	}
	n := h.bearer(t, started.Key).Session
	if started.Operator != "kuaiji" || access.MethodName(n.Method) != "passkey" || n.ConfirmedUntil(h.now).IsZero() {
		t.Errorf("session %+v", n)
	}
	// A node that reads the log knows the passkey too, and its counter.
	other, err := access.NewDoor(h.node(), access.DoorOptions{Origin: "https://ledger.example", Clock: func() time.Time { return h.now }})
	if err != nil {
		t.Fatal(err)
	}
	h.door = other
	if _, err := h.passkeySignIn(t, p); err != nil {
		t.Errorf("on another node: %v", err)
	}
	c, err := h.Credentials(t.Context(), "kuaiji")
	if err != nil || len(c.Passkeys) != 1 || c.Passkeys[0].Name != "手机" || string(c.Passkeys[0].ID) != string(p.credential.ID) {
		t.Errorf("credentials %+v, %v", c, err)
	}
}

// TestPasskeyRefusals bends one thing at a time.
func TestPasskeyRefusals(t *testing.T) {
	for what, bend := range map[string]func(h *house, p *phone){
		"another origin":  func(_ *house, p *phone) { p.party.Origin = "https://ledger.example.evil.example" },
		"another party":   func(_ *house, p *phone) { p.party.ID = "evil.example" },
		"nobody verified": func(_ *house, p *phone) { p.authenticator.Options.UserNotVerified = true },
		"nobody present":  func(_ *house, p *phone) { p.authenticator.Options.UserNotPresent = true },
		"another key": func(_ *house, p *phone) {
			p.credential.Key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2).Key
		},
		"an unknown passkey":       func(_ *house, p *phone) { p.credential.ID = []byte("0123456789abcdef0123456789abcdef") },
		"another's handle":         func(_ *house, p *phone) { p.authenticator.Options.UserHandle = []byte("chief") },
		"a counter that went back": func(_ *house, p *phone) { p.credential.Counter = 0 },
		"a suspended operator": func(h *house, _ *phone) {
			if err := h.Suspend(t.Context(), access.Suspend{Operator: "kuaiji"}, by("chief")); err != nil {
				t.Fatal(err)
			}
		},
		"a removed passkey": func(h *house, p *phone) {
			if err := h.RemovePasskey(t.Context(), "kuaiji", p.credential.ID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			h, p := newHouse(t), newPhone()
			h.register(t, p, h.bearer(t, h.signIn(t).Key).Session)
			for range 3 {
				if _, err := h.passkeySignIn(t, p); err != nil {
					t.Fatal(err)
				}
			}
			bend(h, p)
			before, _ := h.store.Version(t.Context(), ledger.StreamAccess)
			if _, err := h.passkeySignIn(t, p); reason(err) != access.SignInFailed {
				t.Errorf("%v", err)
			}
			if after, _ := h.store.Version(t.Context(), ledger.StreamAccess); after != before {
				t.Errorf("%d facts of a refusal", after-before)
			}
			if !strings.Contains(h.logs.String(), "a passkey was refused") {
				t.Errorf("the log says nothing: %s", h.logs)
			}
		})
	}
}

// TestChallengeIsGoodOnceAndForFiveMinutes, and for what it was made for alone.
func TestChallengeIsGoodOnceAndForFiveMinutes(t *testing.T) {
	h, p := newHouse(t), newPhone()
	n := h.bearer(t, h.signIn(t).Key).Session
	h.register(t, p, n)
	id, options, err := h.door.BeginPasskeySignIn("")
	if err != nil {
		t.Fatal(err)
	}
	answer := p.get(t, options)
	if _, err := h.door.FinishPasskeyConfirm(t.Context(), n, id, answer); reason(err) != access.CeremonyOver {
		t.Errorf("a challenge of signing in, to confirm: %v", err)
	}
	id, options, _ = h.door.BeginPasskeySignIn("")
	answer = p.get(t, options)
	if _, err := h.door.FinishPasskeySignIn(t.Context(), id, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := h.door.FinishPasskeySignIn(t.Context(), id, answer); reason(err) != access.CeremonyOver {
		t.Errorf("used twice: %v", err)
	}
	id, _, _ = h.door.BeginPasskeySignIn("")
	if _, err := h.door.FinishPasskeySignIn(t.Context(), id, answer); reason(err) != access.SignInFailed {
		t.Errorf("the answer to another challenge: %v", err)
	}
	id, options, _ = h.door.BeginPasskeySignIn("")
	h.now = h.now.Add(5 * time.Minute)
	if _, err := h.door.FinishPasskeySignIn(t.Context(), id, p.get(t, options)); reason(err) != access.CeremonyOver {
		t.Errorf("after five minutes: %v", err)
	}
	for _, rubbish := range []string{"{}", "[]", "", strings.Repeat("{", 10_000), `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`} {
		id, _, _ := h.door.BeginPasskeySignIn("")
		if _, err := h.door.FinishPasskeySignIn(t.Context(), id, rubbish); reason(err) != access.SignInFailed {
			t.Errorf("%.20q: %v", rubbish, err)
		}
	}
}

// TestChallengesAreBounded: whoever begins without end drives out his own beginnings, not those of others.
func TestChallengesAreBounded(t *testing.T) {
	h, p := newHouse(t), newPhone()
	h.register(t, p, h.bearer(t, h.signIn(t).Key).Session)
	id, options, err := h.door.BeginPasskeySignIn("192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if _, _, err := h.door.BeginPasskeySignIn("192.0.2.66"); err != nil {
			t.Fatal(err)
		}
	}
	if n := access.CeremoniesKept(h.door); n != 65 {
		t.Errorf("%d challenges are kept", n)
	}
	if _, err := h.door.FinishPasskeySignIn(t.Context(), id, p.get(t, options)); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
}

func TestPasskeyConfirms(t *testing.T) {
	h, p := newHouse(t), newPhone()
	started := h.signIn(t)
	h.register(t, p, h.bearer(t, started.Key).Session)
	h.now = h.now.Add(20 * time.Minute)
	n := h.bearer(t, started.Key).Session
	confirm := func(p *phone) (time.Time, error) {
		id, options, err := h.door.BeginPasskeyConfirm(t.Context(), n, "")
		if err != nil {
			t.Fatal(err)
		}
		return h.door.FinishPasskeyConfirm(t.Context(), n, id, p.get(t, options))
	}
	if _, err := confirm(newPhone()); reason(err) != access.PasskeyRefused {
		t.Errorf("another's phone: %v", err)
	}
	until, err := confirm(p)
	if err != nil || !until.Equal(h.now.Add(5*time.Minute)) {
		t.Fatalf("until %v, %v\n%s", until, err, h.logs)
	}
	n = h.bearer(t, started.Key).Session
	if access.MethodName(n.ConfirmedBy) != "passkey" || n.ConfirmedUntil(h.now).IsZero() {
		t.Errorf("session %+v", n)
	}
	p.credential.Counter = 0
	if _, err := confirm(p); reason(err) != access.PasskeyRefused || !strings.Contains(h.logs.String(), "went back") {
		t.Errorf("a counter that went back: %v", err)
	}
	// Who forgot his password confirms by the passkey and sets another.
	again, err := h.door.SetPassword(t.Context(), n, "", "明月别枝惊鹊,清风半夜鸣蝉", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.RemovePassword(t.Context(), "kuaiji"); err != nil {
		t.Errorf("removing one of two ways: %v", err)
	}
	if _, err := h.Authenticate(t.Context(), again.Key); err == nil {
		t.Error("the session outlives the password")
	}
	if err := h.RemovePasskey(t.Context(), "kuaiji", p.credential.ID); reason(err) != access.LastWay {
		t.Errorf("removing the last way: %v", err)
	}
}

func TestInvitationByPasskey(t *testing.T) {
	h, p := newHouse(t), newPhone()
	h.add(t, "jianshi")
	secret := h.invite(t, "jianshi")
	id, options, err := h.door.BeginPasskeyRegistration(t.Context(), "jianshi", "")
	if err != nil {
		t.Fatal(err)
	}
	started, err := h.door.AcceptInvitationByPasskey(t.Context(), secret, id, p.create(t, options), "手机")
	if err != nil {
		t.Fatalf("%v\n%s", err, h.logs)
	}
	h.bearer(t, started.Key)
	if _, err := h.door.AcceptInvitation(t.Context(), secret, sentence); reason(err) != access.InvitationInvalid {
		t.Errorf("used a second time: %v", err)
	}
	// What was begun for one is not finished for another.
	id, options, _ = h.door.BeginPasskeyRegistration(t.Context(), "jianshi", "")
	if _, err := h.door.AcceptInvitationByPasskey(t.Context(), h.invite(t, "kuaiji"), id, newPhone().create(t, options), "手机"); reason(err) != access.CeremonyOver {
		t.Errorf("a challenge made for another: %v", err)
	}
	// The same passkey twice, a name too long, too many.
	n := h.bearer(t, started.Key).Session
	add := func(p *phone, name string) error {
		id, options, _ := h.door.BeginPasskeyRegistration(t.Context(), "jianshi", "")
		return h.door.AddPasskey(t.Context(), n, id, p.create(t, options), name)
	}
	if err := add(p, "again"); reason(err) != access.PasskeyRefused {
		t.Errorf("the same passkey: %v", err)
	}
	if err := add(newPhone(), strings.Repeat("长", 61)); reason(err) != ledger.TextInvalid {
		t.Errorf("a long name: %v", err)
	}
	for range 19 {
		if err := add(newPhone(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(newPhone(), "x"); reason(err) != ledger.TooMany {
		t.Errorf("the 21st: %v", err)
	}
}

func TestPasskeysNeedAnOrigin(t *testing.T) {
	h := newHouse(t)
	n := h.bearer(t, h.signIn(t).Key).Session
	h.door = h.newDoor(t, access.DoorOptions{})
	for what, err := range map[string]error{
		"signing in":  third(h.door.BeginPasskeySignIn("")),
		"registering": third(h.door.BeginPasskeyRegistration(t.Context(), "kuaiji", "")),
		"confirming":  third(h.door.BeginPasskeyConfirm(t.Context(), n, "")),
		"identities":  third(h.door.BeginIdentity(t.Context(), nil, "")),
	} {
		if reason(err) != access.WayNotSetUp {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func third(_, _ string, err error) error { return err }
