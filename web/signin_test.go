package web

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

const sentence = "稻花香里说丰年,听取蛙声一片"

// browser is somebody at a browser without script.
type browser struct {
	t      *testing.T
	n      *node
	client *http.Client
}

func (n *node) browser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	n.must(err)
	return &browser{t, n, &http.Client{Jar: jar}}
}

// do asks for a page and follows where it leads; it gives the address it ended at.
func (b *browser) do(method, path string, form url.Values, headers ...string) (status int, at, body string) {
	b.t.Helper()
	r, err := http.NewRequest(method, b.n.url+path, strings.NewReader(form.Encode()))
	b.n.must(err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := b.client.Do(r)
	b.n.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	b.n.must(err)
	if got := answer.Header.Get("Cache-Control"); got != "private, no-store" {
		b.t.Errorf("%s %s may be kept: %q", method, path, got)
	}
	return answer.StatusCode, answer.Request.URL.RequestURI(), string(text)
}

func (b *browser) get(path string) (status int, at, body string) {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, pairs ...string) (status int, at, body string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

// holds fails unless a page is what it should be.
func (b *browser) holds(what string, status, want int, body string, parts ...string) {
	b.t.Helper()
	if status != want {
		b.t.Fatalf("%s: %d, want %d\n%s", what, status, want, body)
	}
	for _, part := range parts {
		if !strings.Contains(body, part) {
			b.t.Fatalf("%s: no %q in\n%s", what, part, body)
		}
	}
}

func (n *node) invite(operator string) string {
	n.t.Helper()
	secret, _, err := n.access.Invite(context.Background(), access.Invite{Operator: operator}, access.Meta{ID: uuid.New(), Actor: "admin"})
	n.must(err)
	return secret
}

// signedIn is a browser of an operator with a password.
func (n *node) signedIn(t *testing.T, operator string) *browser {
	t.Helper()
	b := n.browser(t)
	status, at, body := b.post("/invitation/"+n.invite(operator)+"/", "password", sentence, "password_again", sentence)
	b.holds("accepting an invitation", status, 200, body, "退出")
	if at != "/d/" {
		t.Fatalf("it leads to %s", at)
	}
	return b
}

func TestInvitationPage(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.browser(t)
	secret := n.invite("treasurer")
	status, _, body := b.get("/invitation/" + secret + "/")
	b.holds("the page", status, 200, body, "treasurer", "2023-01-17 10:00", `autocomplete="new-password"`)
	status, _, body = b.post("/invitation/"+secret+"/", "password", sentence, "password_again", "another")
	b.holds("two passwords", status, 400, body, "两次输入的密码不一样")
	status, _, body = b.post("/invitation/"+secret+"/", "password", "1234567890", "password_again", "1234567890")
	b.holds("a weak one", status, 400, body, "最常见的密码", `aria-invalid="true"`)
	status, at, body := b.post("/en/invitation/"+secret+"/", "password", sentence, "password_again", sentence)
	b.holds("a good one", status, 200, body, "Treasurer&#39;s desk")
	if at != "/en/d/" {
		t.Errorf("it leads to %s", at)
	}
	status, _, body = n.browser(t).get("/invitation/" + secret + "/")
	b.holds("used", status, 404, body, "邀请无效")
}

func TestSignInPage(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.signedIn(t, "treasurer")
	b := n.browser(t)
	status, at, body := b.get("/en/account/?x=1")
	b.holds("an account without a session", status, 200, body, "Sign in", `name="next" value="/en/account/?x=1"`)
	if !strings.HasPrefix(at, "/en/sign-in/") {
		t.Errorf("it leads to %s", at)
	}
	wrongStatus, _, wrong := b.post("/sign-in/", "operator", "treasurer", "password", "a wrong password", "next", "/account/")
	b.holds("a wrong password", wrongStatus, 403, wrong, "登录不成功", `value="/account/"`)
	unknownStatus, _, unknown := b.post("/sign-in/", "operator", "nobody-here", "password", "a wrong password", "next", "/account/")
	if unknownStatus != wrongStatus || strings.ReplaceAll(unknown, "nobody-here", "treasurer") != wrong {
		t.Error("the page tells who exists")
	}
	status, at, body = b.post("/sign-in/", "operator", "treasurer", "password", sentence, "next", "/account/")
	b.holds("the right one", status, 200, body, "treasurer", "这里")
	if at != "/account/" {
		t.Errorf("it leads to %s", at)
	}
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", ""} {
		if _, at, _ := b.post("/sign-in/", "operator", "treasurer", "password", sentence, "next", next); at != "/d/" {
			t.Errorf("next %q leads to %s", next, at)
		}
	}
	status, at, _ = b.post("/sign-out/")
	if status != 200 || at != "/sign-in/" {
		t.Errorf("signing out: %d at %s", status, at)
	}
	if _, at, _ := b.get("/account/"); !strings.HasPrefix(at, "/sign-in/") {
		t.Errorf("after it the account is at %s", at)
	}
	for range 6 {
		status, _, body = b.post("/sign-in/", "operator", "treasurer", "password", "a wrong password")
	}
	b.holds("too often", status, 429, body, "秒后再试")
}

// TestCookieIsOutOfReach: of scripts, of links of other sites, and behind TLS of other hosts and of clear text.
func TestCookieIsOutOfReach(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	for origin, want := range map[string][]string{
		"":                       {"mingzhang=mzs_", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"},
		"https://ledger.example": {"__Host-mingzhang=mzs_", "HttpOnly", "SameSite=Strict", "Path=/", "Secure"},
	} {
		pages := New(Config{Services: n.server.InProcess(), Origin: origin, Clock: func() time.Time { return n.now }})
		form := url.Values{"password": {sentence}, "password_again": {sentence}}
		r, err := http.NewRequest(http.MethodPost, "/invitation/"+n.invite("treasurer")+"/", strings.NewReader(form.Encode()))
		n.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		got := w.Header().Get("Set-Cookie")
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%q: cookie %q has no %s", origin, got, part)
			}
		}
		if strings.Contains(got, "Domain") || (origin == "") == strings.Contains(got, "Secure") {
			t.Errorf("%q: cookie %q", origin, got)
		}
	}
}

// TestOtherSitesSendNothing: a form of another site is not taken, and a link of one brings no session along, so that the page is asked for
// once more by this site.
func TestOtherSitesSendNothing(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.signedIn(t, "treasurer")
	for _, path := range []string{"/sign-out/", "/sign-in/", "/account/password/", "/account/end-all/", "/admin/operators/new/", "/confirm/passkey/", "/sign-in/passkey/"} {
		if status, _, _ := doForeign(b, path); status != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, status)
		}
	}
	if status, at, _ := b.get("/account/"); status != 200 || at != "/account/" {
		t.Errorf("still signed in: %d at %s", status, at)
	}
	stranger := n.browser(t)
	status, at, body := stranger.do(http.MethodGet, "/en/account/", nil, "Sec-Fetch-Site", "cross-site")
	stranger.holds("a link of another site", status, 200, body, `http-equiv="refresh" content="0;url=/en/account/"`)
	if at != "/en/account/" {
		t.Errorf("it leads to %s", at)
	}
}

func doForeign(b *browser, path string) (status int, at, body string) {
	r, err := http.NewRequest(http.MethodPost, b.n.url+path, strings.NewReader("operator=treasurer"))
	b.n.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := b.client.Do(r)
	b.n.must(err)
	answer.Body.Close()
	return answer.StatusCode, "", ""
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// TestGraveFormIsKeptAlive: the form of a grave command, sent by a session that was not confirmed of late, comes back with the question for the
// password, and sent with it goes on with the same command.
func TestGraveFormIsKeptAlive(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.signedIn(t, "admin")
	n.now = n.now.Add(6 * time.Minute)
	command := uuid.NewString()
	form := []string{"command_id", command, "operator", "lin-shi", "display_name", `临时 "岗位" <b>`}
	status, _, body := b.post("/admin/operators/new/", form...)
	b.holds("unconfirmed", status, 403, body, "请再次确认是您", command, `action="/admin/operators/new/"`, `临时 &#34;岗位&#34; &lt;b&gt;`)
	if len(hidden.FindAllString(body, -1)) != 3 {
		t.Errorf("hidden fields %v", hidden.FindAllString(body, -1))
	}
	status, _, body = b.post("/admin/operators/new/", append(form, confirmField, "a wrong password")...)
	b.holds("a wrong password", status, 403, body, "密码不对", command)
	if strings.Contains(body, "a wrong password") {
		t.Error("the password comes back in the page")
	}
	status, at, body := b.post("/admin/operators/new/", append(form, confirmField, sentence)...)
	b.holds("the right one", status, 200, body, "lin-shi", "还不能登录")
	if at != "/admin/operator/lin-shi/" {
		t.Errorf("it leads to %s", at)
	}
	// For five minutes nobody asks again; the account page then offers what needs it.
	status, _, body = b.post("/admin/operator/lin-shi/", "command_id", uuid.NewString(), "what", "suspend")
	b.holds("confirmed", status, 200, body, "已停用")
	status, _, body = b.post("/admin/operator/lin-shi/", "command_id", uuid.NewString(), "what", "reinstate")
	b.holds("and back", status, 200, body, "停用")
}

// TestFormSurvivesTheSession: who was signed out meanwhile finds what he sent on the page, without its passwords.
func TestFormSurvivesTheSession(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.signedIn(t, "admin")
	n.now = n.now.Add(31 * time.Minute)
	status, _, body := b.post("/admin/operators/new/", "command_id", uuid.NewString(), "operator", "lin-shi", "display_name", "临时", "old_password", sentence)
	b.holds("signed out", status, 401, body, "请先登录", `name="operator" value="lin-shi"`, `target="_blank"`)
	if strings.Contains(body, sentence) {
		t.Error("a password comes back in the page")
	}
}

func TestAdministration(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.signedIn(t, "admin")
	status, _, body := b.get("/admin/")
	b.holds("operators", status, 200, body, "treasurer", "管理员", "密码")
	status, _, body = b.post("/admin/operators/new/", "command_id", uuid.NewString(), "operator", "treasurer", "display_name", "x")
	b.holds("one that exists", status, 409, body, `role="alert"`, `value="treasurer"`)
	status, _, body = b.post("/admin/operator/treasurer/", "command_id", uuid.NewString(), "what", "invite")
	b.holds("an invitation", status, 200, body, "链接只显示这一次", "/invitation/")
	secret := regexp.MustCompile(`/invitation/([a-z2-7]{26})/`).FindStringSubmatch(body)
	if secret == nil {
		t.Fatal("no link in the page")
	}
	guest := n.browser(t)
	status, _, body = guest.post("/invitation/"+secret[1]+"/", "password", sentence, "password_again", sentence)
	b.holds("the invited", status, 200, body, "会计桌")
	status, _, body = guest.get("/admin/")
	b.holds("administration by a treasurer", status, 403, body, "server-admin")
	command := uuid.NewString()
	status, _, body = b.post("/admin/operator/treasurer/", "command_id", command, "what", "key")
	b.holds("a key", status, 200, body, "密钥只显示这一次", "mz_")
	key := regexp.MustCompile(`mz_([a-z2-7]{16})_`).FindStringSubmatch(body)[1]
	status, _, body = b.post("/admin/operator/treasurer/", "command_id", command, "what", "key")
	b.holds("the same again", status, 200, body, "密钥只显示这一次")
	if strings.Contains(body, "mz_") {
		t.Error("the key is shown twice")
	}
	status, _, body = b.post("/admin/operator/treasurer/", "command_id", uuid.NewString(), "what", "revoke", "key", key)
	b.holds("revoked", status, 200, body, "作废密钥")
	status, _, body = b.post("/admin/operator/treasurer/", "command_id", uuid.NewString(), "what", "end")
	b.holds("ended", status, 200, body, "结束登录")
	if _, at, _ := guest.get("/account/"); !strings.HasPrefix(at, "/sign-in/") {
		t.Errorf("the session that was ended is at %s", at)
	}
	status, _, body = b.post("/admin/operator/admin/", "command_id", uuid.NewString(), "what", "suspend")
	b.holds("the last admin", status, 409, body, "最后一位管理员")
	status, _, body = b.get("/en/admin/operators/log/?operator=treasurer")
	b.holds("who did what", status, 200, body, "signed in (invitation)", "issued a key", key)
	if strings.Contains(body, "argon2") || strings.Contains(body, "mz_") {
		t.Error("the log of facts has a secret")
	}
	for _, path := range []string{"/admin/operator/nobody-here/", "/admin/operators/log/?before=x"} {
		status, _, body = b.get(path)
		b.holds(path, status, 404, body, "没有这一页")
	}
}

func TestRoles(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.signedIn(t, "admin")
	status, _, body := b.get("/admin/liminba/")
	b.holds("roles", status, 200, body, "一人在同一个集体里", "treasurer", "授予 treasurer:会计")
	if _, err := n.access.CreateOperator(context.Background(), access.CreateOperator{Operator: "new-auditor", DisplayName: "审计"}, access.Meta{ID: uuid.New(), Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	status, _, body = b.post("/admin/liminba/", "command_id", uuid.NewString(), "what", "grant", "operator", "treasurer", "role", "ROLE_APPROVER")
	b.holds("two that are apart", status, 403, body, `role="alert"`, `value="treasurer"`, `value="ROLE_APPROVER" required checked`)
	status, _, body = b.post("/admin/liminba/", "command_id", uuid.NewString(), "what", "grant", "operator", "new-auditor", "role", "ROLE_AUDITOR")
	b.holds("granted", status, 200, body, "授予 new-auditor:审计")
	status, _, body = b.post("/en/admin/liminba/", "command_id", uuid.NewString(), "what", "revoke", "operator", "new-auditor", "role", "ROLE_AUDITOR")
	b.holds("revoked", status, 200, body, "admin revoked new-auditor: Auditor")
}

func TestAccount(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	b := n.signedIn(t, "treasurer")
	other := n.browser(t)
	other.post("/sign-in/", "operator", "treasurer", "password", sentence)
	status, _, body := b.get("/account/")
	b.holds("the account", status, 200, body, "登录中", "添加通行密钥")
	session := regexp.MustCompile(`name="session" value="([^"]+)"`).FindStringSubmatch(body)
	if session == nil {
		t.Fatal("the other session is not listed")
	}
	status, _, body = b.post("/account/end/", "session", session[1])
	b.holds("ending the other", status, 200, body, "这里")
	if _, at, _ := other.get("/account/"); !strings.HasPrefix(at, "/sign-in/") {
		t.Errorf("the other is at %s", at)
	}
	const better = "明月别枝惊鹊,清风半夜鸣蝉"
	status, _, body = b.post("/account/password/", "old_password", "a wrong password", "password", better, "password_again", better)
	b.holds("a wrong old password", status, 403, body, "密码不对", "<details open")
	status, at, body := b.post("/account/password/", "old_password", sentence, "password", better, "password_again", better)
	b.holds("a new password", status, 200, body, "treasurer")
	if at != "/account/" {
		t.Errorf("it leads to %s", at)
	}
	status, _, body = b.post("/account/remove-password/")
	b.holds("removing the last way", status, 409, body, "最后的登录方式")
	if _, at, _ := b.post("/account/end-all/"); !strings.HasPrefix(at, "/sign-in/") {
		t.Errorf("all ended, at %s", at)
	}
}
