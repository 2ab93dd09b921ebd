package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

const sentence = "稻花香里说丰年,听取蛙声一片"

// house is a bench with a door, and the operator "kuaiji" who has the sentence for a password.
type house struct {
	*bench
	door *access.Door
	logs *bytes.Buffer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{bench: newBench(t), logs: new(bytes.Buffer)}
	h.door = h.newDoor(t, access.DoorOptions{Origin: "https://ledger.example"})
	h.add(t, "kuaiji")
	if _, err := h.door.AcceptInvitation(t.Context(), h.invite(t, "kuaiji"), sentence); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) newDoor(t *testing.T, options access.DoorOptions) *access.Door {
	t.Helper()
	options.Clock = func() time.Time { return h.now }
	options.Logger = slog.New(slog.NewTextHandler(h.logs, nil))
	door, err := access.NewDoor(h.Service, options)
	if err != nil {
		t.Fatal(err)
	}
	return door
}

func (h *house) add(t *testing.T, operator string) {
	t.Helper()
	if _, err := h.CreateOperator(t.Context(), access.CreateOperator{Operator: operator, DisplayName: "岗位"}, by("chief")); err != nil {
		t.Fatal(err)
	}
}

func (h *house) invite(t *testing.T, operator string) string {
	t.Helper()
	secret, _, err := h.Invite(t.Context(), access.Invite{Operator: operator}, by("chief"))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (h *house) signIn(t *testing.T) access.Started {
	t.Helper()
	started, err := h.door.SignIn(t.Context(), "kuaiji", sentence, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return started
}

// bearer is who holds a key, which has to be good.
func (h *house) bearer(t *testing.T, key string) access.Bearer {
	t.Helper()
	b, err := h.Authenticate(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPasswordBeginsASession(t *testing.T) {
	h := newHouse(t)
	started := h.signIn(t)
	if len(started.Key) != 73 || !strings.HasPrefix(started.Key, "mzs_") || started.Operator != "kuaiji" || !started.Expires.Equal(h.now.Add(12*time.Hour)) {
		t.Errorf("session %+v", started)
	}
	b := h.bearer(t, started.Key)
	if b.ID != "kuaiji" || b.Session == nil || access.MethodName(b.Session.Method) != "password" || b.Session.ConfirmedUntil(h.now) != h.now.Add(5*time.Minute) {
		t.Errorf("bearer %+v, session %+v", b, b.Session)
	}
	if b := h.bearer(t, h.key); b.Session != nil {
		t.Errorf("a bearer key is no session: %+v", b.Session)
	}
	// The same sentence from a keyboard that writes letters and accents apart, and the id as a phone writes it.
	h.add(t, "jose")
	if _, err := h.door.AcceptInvitation(t.Context(), h.invite(t, "jose"), "una frase de jos\u00e9"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.door.SignIn(t.Context(), " Jose", "una frase de jose\u0301", ""); err != nil {
		t.Errorf("another keyboard: %v", err)
	}
	// Two keys share no part: neither opens what the other does.
	bent := "mz_" + strings.TrimPrefix(started.Key, "mzs_")
	if _, err := h.Authenticate(t.Context(), withChecksum(bent[:63])); !errors.Is(err, access.ErrKeyInvalid) {
		t.Errorf("a session's key as a bearer key: %v", err)
	}
}

func TestSessionEndsByLifeAndRest(t *testing.T) {
	h := newHouse(t)
	started := h.signIn(t)
	for used := time.Duration(0); used+29*time.Minute < 12*time.Hour; used += 29 * time.Minute {
		h.bearer(t, started.Key)
		h.now = h.now.Add(29 * time.Minute)
	}
	h.bearer(t, started.Key)
	h.now = started.Expires.Add(-time.Microsecond)
	h.bearer(t, started.Key)
	h.now = started.Expires
	if _, err := h.Authenticate(t.Context(), started.Key); !errors.Is(err, access.ErrKeyInvalid) {
		t.Errorf("after twelve hours: %v", err)
	}
	started = h.signIn(t)
	h.now = h.now.Add(30 * time.Minute)
	for range 2 { // being refused is no use
		if _, err := h.Authenticate(t.Context(), started.Key); !errors.Is(err, access.ErrKeyInvalid) {
			t.Errorf("after a rest of half an hour: %v", err)
		}
	}
	if sessions, err := h.Sessions(t.Context(), "kuaiji"); err != nil || len(sessions) != 0 {
		t.Errorf("sessions %+v, %v", sessions, err)
	}
}

// TestEndReachesOtherNodesWithinASecond: signing out, suspending and a new password stop what they stop at once here, and within a second
// elsewhere.
func TestEndReachesOtherNodesWithinASecond(t *testing.T) {
	for what, end := range map[string]func(*house, access.Bearer) error{
		"signing out":       func(h *house, b access.Bearer) error { return h.EndSession(t.Context(), b.Session.ID, "kuaiji") },
		"ended by an admin": func(h *house, b access.Bearer) error { return h.EndSession(t.Context(), b.Session.ID, "chief") },
		"all ended": func(h *house, _ access.Bearer) error {
			n, err := h.EndSessions(t.Context(), "kuaiji", "chief")
			if n != 2 {
				err = fmt.Errorf("%d ended, %w", n, err)
			}
			return err
		},
		"suspended": func(h *house, _ access.Bearer) error {
			return h.Suspend(t.Context(), access.Suspend{Operator: "kuaiji"}, by("chief"))
		},
		"a new password": func(h *house, b access.Bearer) error {
			_, err := h.door.SetPassword(t.Context(), b.Session, sentence, "另一句话也要十个字以上", "")
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHouse(t)
			other := h.node()
			started := h.signIn(t)
			b := h.bearer(t, started.Key)
			if _, err := other.Authenticate(t.Context(), started.Key); err != nil {
				t.Fatal(err)
			}
			if err := end(h, b); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Authenticate(t.Context(), started.Key); !errors.Is(err, access.ErrKeyInvalid) {
				t.Errorf("on this node: %v", err)
			}
			h.now = h.now.Add(time.Second)
			if _, err := other.Authenticate(t.Context(), started.Key); !errors.Is(err, access.ErrKeyInvalid) {
				t.Errorf("a second later on another node: %v", err)
			}
		})
	}
}

func TestSuspensionStopsKeysToo(t *testing.T) {
	h := newHouse(t)
	_, key, err := h.IssueKey(t.Context(), access.IssueKey{Operator: "kuaiji"}, by("chief"))
	if err != nil {
		t.Fatal(err)
	}
	secret := h.invite(t, "kuaiji")
	started := h.signIn(t)
	if err := h.Suspend(t.Context(), access.Suspend{Operator: "kuaiji"}, by("chief")); err != nil {
		t.Fatal(err)
	}
	for what, key := range map[string]string{"key": key, "session": started.Key} {
		if _, err := h.Authenticate(t.Context(), key); !errors.Is(err, access.ErrKeyInvalid) {
			t.Errorf("%s of a suspended operator: %v", what, err)
		}
	}
	if _, err := h.door.SignIn(t.Context(), "kuaiji", sentence, ""); reason(err) != access.SignInFailed {
		t.Errorf("signing in: %v", err)
	}
	if _, err := h.door.AcceptInvitation(t.Context(), secret, sentence); reason(err) != access.InvitationInvalid {
		t.Errorf("by an invitation: %v", err)
	}
	if _, _, err := h.Invite(t.Context(), access.Invite{Operator: "kuaiji"}, by("chief")); reason(err) != access.OperatorSuspended {
		t.Errorf("a new invitation: %v", err)
	}
	if err := h.Reinstate(t.Context(), access.Reinstate{Operator: "kuaiji"}, by("chief")); err != nil {
		t.Fatal(err)
	}
	h.bearer(t, key)
	if _, err := h.Authenticate(t.Context(), started.Key); !errors.Is(err, access.ErrKeyInvalid) {
		t.Errorf("a session of before: %v", err)
	}
	h.signIn(t)
}

func TestLastAdminStays(t *testing.T) {
	h := newHouse(t)
	suspend := func(who, by_ string) error {
		return h.Suspend(t.Context(), access.Suspend{Operator: who}, by(by_))
	}
	if err := suspend("chief", "chief"); reason(err) != access.LastAdmin {
		t.Errorf("the last admin: %v", err)
	}
	if _, err := h.CreateOperator(t.Context(), access.CreateOperator{Operator: "second", DisplayName: "x", Admin: true}, by("chief")); err != nil {
		t.Fatal(err)
	}
	if err := suspend("chief", "second"); err != nil {
		t.Errorf("one of two: %v", err)
	}
	for what, c := range map[string]struct {
		err  error
		want ledger.Reason
	}{
		"the one who is left":        {suspend("second", "second"), access.LastAdmin},
		"by a suspended admin":       {suspend("kuaiji", "chief"), ledger.RoleMissing},
		"by nobody special":          {suspend("second", "kuaiji"), ledger.RoleMissing},
		"again":                      {suspend("chief", "second"), ledger.AlreadyDone},
		"nobody":                     {suspend("nobody", "second"), access.OperatorUnknown},
		"reinstating who is not":     {h.Reinstate(t.Context(), access.Reinstate{Operator: "kuaiji"}, by("second")), ledger.AlreadyDone},
		"reinstating oneself":        {h.Reinstate(t.Context(), access.Reinstate{Operator: "chief"}, by("chief")), ledger.RoleMissing},
		"an invitation by no admin":  {second(h.Invite(t.Context(), access.Invite{Operator: "chief"}, by("kuaiji"))), ledger.RoleMissing},
		"an invitation for nobody":   {second(h.Invite(t.Context(), access.Invite{Operator: "nobody"}, by("second"))), access.OperatorUnknown},
		"ending others' sessions":    {endAll(h, "second", "kuaiji"), ledger.RoleMissing},
		"ending an unknown session":  {h.EndSession(t.Context(), "nothing", "second"), access.SessionUnknown},
		"ending nobody's sessions":   {endAll(h, "nobody", "second"), access.OperatorUnknown},
		"another's one, by no admin": {h.EndSession(t.Context(), h.bearer(t, h.signIn(t).Key).Session.ID, "jianshi"), access.SessionUnknown},
	} {
		if reason(c.err) != c.want {
			t.Errorf("%s: %v, want %s", what, c.err, c.want)
		}
	}
}

func second(_ string, _ time.Time, err error) error { return err }

func endAll(h *house, who, actor string) error {
	_, err := h.EndSessions(context.Background(), who, actor)
	return err
}

func TestInvitationIsUsedOnce(t *testing.T) {
	h := newHouse(t)
	h.add(t, "jianshi")
	first := h.invite(t, "jianshi")
	if len(first) != 26 || h.door.InvitationLink(first) != "https://ledger.example/invitation/"+first+"/" {
		t.Errorf("secret %q, link %q", first, h.door.InvitationLink(first))
	}
	secret := h.invite(t, "jianshi")
	if _, _, err := h.OpenInvitation(t.Context(), first); reason(err) != access.InvitationInvalid {
		t.Errorf("the earlier of two: %v", err)
	}
	o, expires, err := h.OpenInvitation(t.Context(), strings.ToUpper(secret)) // as somebody types it
	if err != nil || o.ID != "jianshi" || !expires.Equal(h.now.Add(7*24*time.Hour)) {
		t.Errorf("opened: %+v, %v, %v", o, expires, err)
	}
	if _, err := h.door.AcceptInvitation(t.Context(), secret, "short"); reason(err) != access.PasswordWeak {
		t.Errorf("a weak password: %v", err)
	}
	started, err := h.door.AcceptInvitation(t.Context(), secret, sentence)
	if err != nil {
		t.Fatal(err)
	}
	if n := h.bearer(t, started.Key).Session; access.MethodName(n.Method) != "invitation" || n.ConfirmedUntil(h.now).IsZero() {
		t.Errorf("session %+v", n)
	}
	if _, err := h.door.AcceptInvitation(t.Context(), secret, sentence); reason(err) != access.InvitationInvalid {
		t.Errorf("used a second time: %v", err)
	}
	late := h.invite(t, "jianshi")
	h.now = h.now.Add(7 * 24 * time.Hour)
	if _, err := h.door.AcceptInvitation(t.Context(), late, sentence); reason(err) != access.InvitationInvalid {
		t.Errorf("after seven days: %v", err)
	}
	if _, _, err := h.OpenInvitation(t.Context(), ""); reason(err) != access.InvitationInvalid {
		t.Errorf("no secret: %v", err)
	}
}

// TestInvitationAcceptedOnTwoNodesAtOnce lets many accept one invitation at once: one gets in.
func TestInvitationAcceptedOnTwoNodesAtOnce(t *testing.T) {
	h := newHouse(t)
	h.add(t, "jianshi")
	secret := h.invite(t, "jianshi")
	doors := []*access.Door{h.door}
	other, err := access.NewDoor(h.node(), access.DoorOptions{Clock: func() time.Time { return h.now }})
	if err != nil {
		t.Fatal(err)
	}
	doors = append(doors, other)
	var all sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for i := range 6 {
		all.Go(func() {
			_, err := doors[i%2].AcceptInvitation(context.Background(), secret, sentence)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				in++
			} else if reason(err) != access.InvitationInvalid {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if in != 1 {
		t.Errorf("%d got in by one invitation", in)
	}
}

func TestWeakPasswords(t *testing.T) {
	h := newHouse(t)
	h.add(t, "jianshi")
	secret := h.invite(t, "jianshi")
	for _, password := range []string{
		"", "123456789", "九个字的密码不够长", strings.Repeat("很长", 65), "1234567890", "PassWord123", "jianshijianshi", "Jianshi2021", "aaaaaaaaaaaa",
		"abababababab", "woaini1314520", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5",
	} {
		if _, err := h.door.AcceptInvitation(t.Context(), secret, password); reason(err) != access.PasswordWeak {
			t.Errorf("%.20q: %v", password, err)
		}
	}
	for i, password := range []string{"十个字的句子就可以了", "mountain-rice-1998", strings.Repeat("稻花香里说丰年八", 16)} {
		if i > 0 {
			secret = h.invite(t, "jianshi")
		}
		if _, err := h.door.AcceptInvitation(t.Context(), secret, password); err != nil {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

// TestNobodyLearnsWhoExists: unknown, without a password, suspended and wrong are one answer, at the price of one hash each.
func TestNobodyLearnsWhoExists(t *testing.T) {
	h := newHouse(t)
	h.add(t, "weiyuan")
	h.add(t, "tingyong")
	if _, err := h.door.AcceptInvitation(t.Context(), h.invite(t, "tingyong"), sentence); err != nil {
		t.Fatal(err)
	}
	if err := h.Suspend(t.Context(), access.Suspend{Operator: "tingyong"}, by("chief")); err != nil {
		t.Fatal(err)
	}
	tries := map[string]string{"kuaiji": "a wrong password", "nobody-here": sentence, "weiyuan": sentence, "tingyong": sentence, "' or 1=1 --": sentence}
	answers := map[string]bool{}
	before := access.Hashings(h.door)
	for who, password := range tries {
		_, err := h.door.SignIn(t.Context(), who, password, "")
		if reason(err) != access.SignInFailed {
			t.Errorf("%s: %v", who, err)
		}
		answers[fmt.Sprintf("%#v", *refusalOf(err))] = true
	}
	if len(answers) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
	if n := access.Hashings(h.door) - before; n != uint64(len(tries)) {
		t.Errorf("%d hashes for %d attempts", n, len(tries))
	}
}

func refusalOf(err error) *ledger.Refusal {
	var r *ledger.Refusal
	errors.As(err, &r)
	return r
}

// TestLockout: the fifth failure in a row begins a wait that doubles up to 15 minutes, whether there is such an operator or not; the right
// password does not shorten it, and what comes too soon counts for nothing and costs nothing.
func TestLockout(t *testing.T) {
	for _, who := range []string{"kuaiji", "nobody-here"} {
		h := newHouse(t)
		fail := func(want ledger.Reason) string {
			t.Helper()
			_, err := h.door.SignIn(t.Context(), who, "a wrong password", "")
			if reason(err) != want {
				t.Fatalf("%s: %v, want %s", who, err, want)
			}
			return refusalOf(err).Figure("seconds")
		}
		for range 5 {
			fail(access.SignInFailed)
		}
		for _, wait := range []int{5, 10, 20, 40, 80, 160, 320, 640, 900, 900} {
			before := access.Hashings(h.door)
			for range 10 {
				if got := fail(access.TooOften); got != fmt.Sprint(wait) {
					t.Fatalf("%s: wait %s seconds, want %d", who, got, wait)
				}
			}
			if _, err := h.door.SignIn(t.Context(), strings.ToUpper(who)+" ", sentence, "192.0.2.9"); reason(err) != access.TooOften {
				t.Fatalf("%s, with the right password: %v", who, err)
			}
			if access.Hashings(h.door) != before {
				t.Error("what comes too soon is hashed")
			}
			h.now = h.now.Add(time.Duration(wait) * time.Second)
			fail(access.SignInFailed)
		}
		h.now = h.now.Add(15 * time.Minute)
		if who == "kuaiji" {
			h.signIn(t)
			fail(access.SignInFailed) // and all is forgotten
			fail(access.SignInFailed)
		}
		h.now = h.now.Add(time.Hour)
		fail(access.SignInFailed)
		fail(access.SignInFailed)
	}
}

// TestLockoutByAddress: one address that tries many names waits too, and a right password of one's own does not clear it.
func TestLockoutByAddress(t *testing.T) {
	h := newHouse(t)
	for i := range 20 {
		if _, err := h.door.SignIn(t.Context(), fmt.Sprint("name-", i), "a wrong password", "192.0.2.7"); reason(err) != access.SignInFailed {
			t.Fatalf("attempt %d: %v", i, err)
		}
		if i == 10 {
			if _, err := h.door.SignIn(t.Context(), "kuaiji", sentence, "192.0.2.7"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.door.SignIn(t.Context(), "kuaiji", sentence, "192.0.2.7"); reason(err) != access.TooOften {
		t.Errorf("from there: %v", err)
	}
	h.signIn(t) // from elsewhere
}

// TestStrangersLockNobodyOut: who goes on failing under somebody's name does not keep him out where he has signed in before; there he is
// counted apart, and for 30 days.
func TestStrangersLockNobodyOut(t *testing.T) {
	h := newHouse(t)
	const home, elsewhere = "192.0.2.7", "198.51.100.1"
	try := func(password, address string, want ledger.Reason) {
		t.Helper()
		if _, err := h.door.SignIn(t.Context(), "kuaiji", password, address); reason(err) != want {
			t.Fatalf("from %s: %v, want %q", address, err, want)
		}
	}
	lock := func() {
		t.Helper()
		for range 5 {
			try("a wrong password", elsewhere, access.SignInFailed)
		}
	}
	try(sentence, home, "")
	lock()
	try(sentence, "203.0.113.9", access.TooOften)
	try(sentence, home, "")
	try(sentence, elsewhere, access.TooOften) // his getting in clears nothing for others
	for range 5 {
		try("a wrong password", home, access.SignInFailed)
	}
	try(sentence, home, access.TooOften)
	h.now = h.now.Add(30 * 24 * time.Hour)
	lock()
	try(sentence, home, access.TooOften)
}

// TestLockoutOfManyAtOnce: attempts under way count, so that many at once try no more than one after another.
func TestLockoutOfManyAtOnce(t *testing.T) {
	h := newHouse(t)
	var all sync.WaitGroup
	before := access.Hashings(h.door)
	for range 40 {
		all.Go(func() { _, _ = h.door.SignIn(context.Background(), "kuaiji", "a wrong password", "") })
	}
	all.Wait()
	if n := access.Hashings(h.door) - before; n != 5 {
		t.Errorf("%d passwords were tried", n)
	}
}

// TestAttemptsAreBounded: however many names are tried, so many are remembered, and those that failed last.
func TestAttemptsAreBounded(t *testing.T) {
	now := time.Date(2021, 7, 1, 8, 0, 0, 0, time.UTC)
	remembered, last := access.TryNames(func() time.Time { now = now.Add(time.Millisecond); return now }, 12_000)
	if remembered > 10_000 || !last {
		t.Errorf("%d names are remembered, the last %v", remembered, last)
	}
}

func TestConfirm(t *testing.T) {
	h := newHouse(t)
	started := h.signIn(t)
	h.now = h.now.Add(5 * time.Minute)
	n := h.bearer(t, started.Key).Session
	if !n.ConfirmedUntil(h.now).IsZero() {
		t.Error("five minutes after signing in it still counts as confirmed")
	}
	if _, err := h.door.Confirm(t.Context(), n, "a wrong password", ""); reason(err) != access.PasswordWrong {
		t.Errorf("a wrong password: %v", err)
	}
	until, err := h.door.Confirm(t.Context(), n, sentence, "")
	if err != nil || !until.Equal(h.now.Add(5*time.Minute)) {
		t.Errorf("until %v, %v", until, err)
	}
	if got := h.bearer(t, started.Key).Session.ConfirmedUntil(h.now); !got.Equal(until) {
		t.Errorf("the session says %v", got)
	}
	for range 5 {
		if _, err := h.door.Confirm(t.Context(), n, "a wrong password", ""); reason(err) != access.PasswordWrong {
			t.Fatal(err)
		}
	}
	if _, err := h.door.Confirm(t.Context(), n, sentence, ""); reason(err) != access.TooOften {
		t.Errorf("after five failures: %v", err)
	}
	h.signIn(t) // nobody who holds a session keeps its operator from signing in
	if err := h.EndSession(t.Context(), n.ID, "kuaiji"); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Minute)
	if _, err := h.door.Confirm(t.Context(), n, sentence, ""); reason(err) != access.SessionUnknown {
		t.Errorf("a session that is over: %v", err)
	}
}

func TestSetPassword(t *testing.T) {
	h := newHouse(t)
	b := h.bearer(t, h.signIn(t).Key)
	const other = "明月别枝惊鹊,清风半夜鸣蝉"
	if _, err := h.door.SetPassword(t.Context(), b.Session, "", other, ""); reason(err) != access.PasswordWrong {
		t.Errorf("without the old one: %v", err)
	}
	if _, err := h.door.SetPassword(t.Context(), b.Session, "a wrong password", other, ""); reason(err) != access.PasswordWrong {
		t.Errorf("with a wrong old one: %v", err)
	}
	if _, err := h.door.SetPassword(t.Context(), b.Session, sentence, "kuaiji", ""); reason(err) != access.PasswordWeak {
		t.Errorf("a weak one: %v", err)
	}
	started, err := h.door.SetPassword(t.Context(), b.Session, sentence, other, "")
	if err != nil {
		t.Fatal(err)
	}
	h.bearer(t, started.Key)
	if _, err := h.door.SignIn(t.Context(), "kuaiji", sentence, ""); reason(err) != access.SignInFailed {
		t.Errorf("the password of before: %v", err)
	}
	if _, err := h.door.SignIn(t.Context(), "kuaiji", other, ""); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if err := h.RemovePassword(t.Context(), "kuaiji"); reason(err) != access.LastWay {
		t.Errorf("removing the only way in: %v", err)
	}
}

// TestNoSecretIsStored: neither a password nor the secret of a session or invitation, nor a digest of a password that is quick to make.
func TestNoSecretIsStored(t *testing.T) {
	h := newHouse(t)
	secret := h.invite(t, "kuaiji")
	started := h.signIn(t)
	hidden := []string{sentence, secret, started.Key[21:64]}
	hashes := 0
	for e, err := range h.store.Read(t.Context(), ledger.StreamAccess, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range hidden {
			if strings.Contains(string(e.Data), s) {
				t.Errorf("event %d, %s, holds a secret", e.Version, e.Type)
			}
		}
		if strings.Contains(string(e.Data), "$argon2id$v=19$m=19456,t=2,p=1$") {
			hashes++
		}
	}
	if hashes != 1 {
		t.Errorf("%d hashes", hashes)
	}
}

// TestAccessFoldsAlikeEverywhere: a node that reads the log knows what the node that wrote it knows.
func TestAccessFoldsAlikeEverywhere(t *testing.T) {
	h := newHouse(t)
	h.invite(t, "chief")
	h.signIn(t)
	mine, err := h.Operators(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := h.node().Operators(t.Context())
	if err != nil || fmt.Sprint(mine) != fmt.Sprint(theirs) {
		t.Errorf("%+v\nand\n%+v, %v", mine, theirs, err)
	}
	if o := mine[1]; o.ID != "kuaiji" || !o.HasPassword || o.Sessions != 2 || mine[0].InvitedUntil.IsZero() {
		t.Errorf("operators %+v", mine)
	}
}

// TestSessionsAreForgotten: who signs in every day for years leaves only what is live in memory.
func TestSessionsAreForgotten(t *testing.T) {
	h := newHouse(t)
	for range 30 {
		h.signIn(t)
		h.now = h.now.Add(13 * time.Hour)
	}
	if states, seen := access.SessionsKept(h.Service); states > 1 || seen > 1 {
		t.Errorf("%d sessions and %d of their uses are remembered", states, seen)
	}
	// An end that comes for one that is forgotten is no damage.
	if _, err := h.node().Operators(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFactsTellWhoDidWhat(t *testing.T) {
	h := newHouse(t)
	b := h.bearer(t, h.signIn(t).Key)
	if err := h.EndSession(t.Context(), b.Session.ID, "chief"); err != nil {
		t.Fatal(err)
	}
	var told []string
	for before := uint64(0); ; {
		facts, next, err := h.Facts(t.Context(), "kuaiji", before, 2)
		if err != nil || len(facts) > 2 {
			t.Fatal(facts, err)
		}
		for _, f := range facts {
			told = append(told, strings.TrimSpace(fmt.Sprint(f.Actor, " ", f.Type, " ", f.Operator, " ", access.MethodName(f.Method))))
		}
		if before = next; next == 0 {
			break
		}
	}
	want := []string{"chief session_ended kuaiji", "kuaiji session_started kuaiji password", "kuaiji session_started kuaiji invitation",
		"kuaiji password_set kuaiji", "chief invitation_issued kuaiji", "chief operator_created kuaiji"}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s", strings.Join(told, "\n"))
	}
	if all, next, err := h.Facts(t.Context(), "", 0, 50); err != nil || len(all) != len(want)+2 || next != 0 {
		t.Errorf("%d facts in all, next %d, %v", len(all), next, err)
	}
}

func TestOrigins(t *testing.T) {
	s := access.NewService(eventstore.NewMemory(), time.Now)
	for _, origin := range []string{"ledger.example", "http://ledger.example", "https://ledger.example/", "https://ledger.example/path", "https://", "ftp://ledger.example", "https://user@ledger.example"} {
		if _, err := access.NewDoor(s, access.DoorOptions{Origin: origin}); err == nil {
			t.Errorf("%q is taken for an origin", origin)
		}
	}
	for origin, passkeys := range map[string]bool{"": false, "https://ledger.example": true, "https://ledger.example:8443": true, "http://localhost:8480": true, "http://127.0.0.1:8480": false} {
		door, err := access.NewDoor(s, access.DoorOptions{Origin: origin})
		if err != nil || door.Passkeys() != passkeys {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

func BenchmarkSignIn(b *testing.B) {
	s := access.NewService(eventstore.NewMemory(), time.Now)
	door, err := access.NewDoor(s, access.DoorOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if _, err := door.SignIn(b.Context(), fmt.Sprint("name-", i), "a wrong password", ""); reason(err) != access.SignInFailed {
			b.Fatal(err)
		}
	}
}
