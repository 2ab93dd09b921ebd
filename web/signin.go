package web

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

const (
	// confirmField is the control in which a form of any page brings the password along, to show anew who sends it: the frame confirms the
	// session before the page sees the form.
	confirmField = "confirm_again"

	identityCookieName = "mingzhang-identity"
	sessionSeconds     = 12 * 60 * 60 // as long as a session lives at most
	smallFormMax       = 64 << 10     // bytes of a form of these pages
	formMax            = 4 << 20      // bytes of any form without files
	fieldsMax          = 500          // controls of a form that is kept alive
)

// signInPages are those of signing in, and what they are answered with.
func (s *site) signInPages() map[string]page {
	return map[string]page{
		"GET /sign-in/{$}":              s.signIn,
		"POST /sign-in/{$}":             s.signInByPassword,
		"POST /sign-in/identity/{$}":    s.beginIdentity,
		"GET /sign-in/identity/{$}":     s.finishIdentity,
		"POST /sign-in/passkey/{$}":     s.passkey(s.passkeySignIn),
		"POST /sign-out/{$}":            s.signOut,
		"GET /d/{$}":                    s.desks,
		"GET /invitation/{secret}/{$}":  s.invitation,
		"POST /invitation/{secret}/{$}": s.acceptInvitation,

		"POST /invitation/{secret}/passkey/{$}": s.passkey(s.passkeyOfInvited),
		"POST /confirm/passkey/{$}":             s.passkey(s.passkeyConfirm),
	}
}

// entry is the page of signing in.
type entry struct {
	ways     *apiv1.GetSignInWaysResponse
	next     string // where to go on; empty: to the desks
	operator string // as it was typed
	wrong    string // sentence over the form
}

func (s *site) signIn(v *visit) (templ.Component, error) {
	return s.entryPage(v, &entry{next: v.request.URL.Query().Get("next")})
}

func (s *site) entryPage(v *visit, e *entry) (templ.Component, error) {
	ways, err := s.session.GetSignInWays(v.public(), &apiv1.GetSignInWaysRequest{})
	if err != nil {
		return nil, err
	}
	e.ways, e.next = ways, safeNext(e.next)
	return signInPage(v, e), nil
}

// safeNext is a path of this site, empty for anything else: nobody is sent elsewhere after signing in.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return ""
	}
	return next
}

// next is where to go after signing in.
func (v *visit) next(next string) string {
	if next = safeNext(next); next != "" {
		return next
	}
	return v.href("/d/")
}

func (s *site) signInByPassword(v *visit) (templ.Component, error) {
	if err := v.small(); err != nil {
		return nil, err
	}
	form := v.request.PostForm
	answer, err := s.session.SignIn(v.public(), &apiv1.SignInRequest{Operator: strings.TrimSpace(form.Get("operator")), Password: form.Get("password")})
	if refusal := rpc.RefusalOf(err); refusal != nil {
		page, pageErr := s.entryPage(v, &entry{next: form.Get("next"), operator: form.Get("operator"), wrong: v.sentence(refusal)})
		return v.refused(err, page), pageErr
	}
	if err != nil {
		return nil, err
	}
	return v.enter(answer.Session, form.Get("next"))
}

// sentence is a refusal in the visit's language.
func (v *visit) sentence(r *apiv1.Refusal) string { return v.text(r.SentenceZh, r.SentenceEn) }

// small reads a form of these pages.
func (v *visit) small() error { return v.form(smallFormMax) }

// form reads a form without files, of at most so many bytes.
func (v *visit) form(bytesMax int64) error {
	v.request.Body = http.MaxBytesReader(v.writer, v.request.Body, bytesMax)
	if err := v.request.ParseForm(); err != nil {
		return &problem{http.StatusBadRequest, "表单读不出来,请重新打开页面。", "The form could not be read: open the page again."}
	}
	return nil
}

// refused gives a page with the status of the refusal that it shows.
func (v *visit) refused(err error, page templ.Component) templ.Component {
	return withStatus{page, httpStatusOf(err)}
}

// withStatus is a page with a status of its own.
type withStatus struct {
	templ.Component
	status int
}

// enter keeps the key of a session that began in the browser and goes on.
func (v *visit) enter(session *apiv1.StartedSession, next string) (templ.Component, error) {
	v.keep(session)
	http.Redirect(v.writer, v.request, v.next(next), http.StatusSeeOther)
	return nil, nil
}

// keep keeps the key of a session in the browser: out of reach of scripts, never sent along by a link of another site.
func (v *visit) keep(session *apiv1.StartedSession) {
	v.setCookie(v.site.cookieName(), session.GetKey(), sessionSeconds, http.SameSiteStrictMode)
	v.key = session.GetKey()
}

func (v *visit) setCookie(name, value string, seconds int, site http.SameSite) {
	http.SetCookie(v.writer, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: site,
		Secure: strings.HasPrefix(v.site.config.Origin, "https://"),
	})
}

func (s *site) signOut(v *visit) (templ.Component, error) {
	if v.key != "" {
		if _, err := s.session.SignOut(v.ctx, &apiv1.SignOutRequest{}); err != nil && rpc.RefusalOf(err).GetReason() != reasonSignedOut {
			return nil, err
		}
	}
	v.setCookie(s.cookieName(), "", -1, http.SameSiteStrictMode)
	http.Redirect(v.writer, v.request, v.href("/sign-in/"), http.StatusSeeOther)
	return nil, nil
}

// Reasons that the frame answers with a way on.
const (
	reasonSignedOut = "unauthenticated"
	reasonConfirm   = "confirm_needed"
)

// signedOut answers a page that wants somebody signed in: it leads to signing in and back, and keeps a form that was sent alive.
func (s *site) signedOut(v *visit) (int, templ.Component) {
	if v.key != "" {
		v.setCookie(s.cookieName(), "", -1, http.SameSiteStrictMode)
	}
	here := v.request.URL.RequestURI()
	switch fetched := v.request.Header.Get("Sec-Fetch-Site"); {
	case v.request.Method == http.MethodPost:
		return http.StatusUnauthorized, resendPage(v, v.sent())
	case v.key == "" && (fetched == "cross-site" || fetched == "same-site"):
		// A link of another site brings no cookie along. Asked for by this site itself, the page comes with it.
		return http.StatusOK, onwardPage(v, here)
	}
	http.Redirect(v.writer, v.request, v.href("/sign-in/")+"?next="+url.QueryEscape(here), http.StatusSeeOther)
	return 0, nil
}

// sent is the form that a page was sent, to be sent again: only one without files, without passwords.
func (v *visit) sent() []sentField {
	var all []sentField
	names := make([]string, 0, len(v.request.PostForm))
	for name := range v.request.PostForm {
		if name != confirmField && !strings.Contains(name, "password") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range v.request.PostForm[name] {
			if len(all) < fieldsMax {
				all = append(all, sentField{name, value})
			}
		}
	}
	return all
}

type sentField struct{ name, value string }

// again is the page that asks who is there once more, and sends the form again that was stopped by it.
type again struct {
	who   *apiv1.WhoAmIResponse
	sent  []sentField
	wrong string
}

// confirmAgainPage asks for the password or a passkey before the form that was sent is taken.
func (s *site) confirmAgainPage(v *visit, wrong string) (int, templ.Component) {
	who, err := s.session.WhoAmI(v.ctx, &apiv1.WhoAmIRequest{})
	if err != nil {
		return s.trouble(v, err)
	}
	return http.StatusForbidden, confirmAgainView(v, &again{who, v.sent(), wrong})
}

// confirmFirst confirms the session of a form that brings the password along. It says whether the page may go on, else what to answer.
func (s *site) confirmFirst(v *visit) (status int, instead templ.Component) {
	if media, _, _ := mime.ParseMediaType(v.request.Header.Get("Content-Type")); v.request.Method != http.MethodPost || v.key == "" || media != "application/x-www-form-urlencoded" {
		return 0, nil
	}
	if err := v.form(formMax); err != nil {
		return s.trouble(v, err)
	}
	password := v.request.PostForm.Get(confirmField)
	v.request.PostForm.Del(confirmField)
	v.request.Form.Del(confirmField)
	if password == "" {
		return 0, nil
	}
	_, err := s.session.Confirm(v.ctx, &apiv1.ConfirmRequest{Password: password})
	switch refusal := rpc.RefusalOf(err); {
	case err == nil:
		return 0, nil
	case refusal != nil && refusal.Reason != reasonSignedOut:
		return s.confirmAgainPage(v, v.sentence(refusal))
	}
	return s.trouble(v, err)
}

// desks lists the collectives with the desks that are the visitor's.
func (s *site) desks(v *visit) (templ.Component, error) {
	who, err := s.session.WhoAmI(v.ctx, &apiv1.WhoAmIRequest{})
	if err != nil {
		return nil, err
	}
	listed, err := s.disclosure.ListCollectives(v.public(), &apiv1.ListCollectivesRequest{PageSize: desksMax})
	if err != nil {
		return nil, err
	}
	var desks []deskAt
	for _, c := range listed.Collectives {
		mine, err := s.session.WhoAmI(v.ctx, &apiv1.WhoAmIRequest{CollectiveId: c.Id})
		if err != nil {
			return nil, err
		}
		if len(mine.Roles) > 0 {
			desks = append(desks, deskAt{c, mine.Roles})
		}
	}
	return desksPage(v, who, desks), nil
}

// desksMax is how many collectives are looked through for the desks of one person.
const desksMax = 200

// deskAt is what somebody does in a collective.
type deskAt struct {
	about *apiv1.Collective
	roles []apiv1.Role
}

// ways are the links of a desk, by role.
func (d deskAt) ways(v *visit) []way {
	var all []way
	add := func(zh, en, to string) {
		w := way{v.text(zh, en), v.href(to)}
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	for _, role := range d.roles {
		switch role {
		case apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_CASHIER:
			add("会计桌", "Treasurer's desk", "/d/"+d.about.Id+"/")
		case apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_SUPERVISOR, apiv1.Role_ROLE_AUDITOR:
			add("委员桌", "Committee's desk", "/d/"+d.about.Id+"/committee/")
		case apiv1.Role_ROLE_ADMIN:
			add("岗位", "Roles", "/admin/"+d.about.Id+"/")
		}
	}
	add("公示栏", "Public board", "/b/"+d.about.Id+"/")
	return all
}

type way struct{ text, href string }

// invited is the page of an invitation.
type invited struct {
	whom   *apiv1.OpenInvitationResponse
	ways   *apiv1.GetSignInWaysResponse
	secret string
	wrong  string
}

func (s *site) invitation(v *visit) (templ.Component, error) { return s.invitationPage(v, "") }

func (s *site) invitationPage(v *visit, wrong string) (templ.Component, error) {
	secret := v.request.PathValue("secret")
	whom, err := s.session.OpenInvitation(v.public(), &apiv1.OpenInvitationRequest{Secret: secret})
	if err != nil {
		return nil, err
	}
	ways, err := s.session.GetSignInWays(v.public(), &apiv1.GetSignInWaysRequest{})
	if err != nil {
		return nil, err
	}
	return invitationView(v, &invited{whom, ways, secret, wrong}), nil
}

func (s *site) acceptInvitation(v *visit) (templ.Component, error) {
	if err := v.small(); err != nil {
		return nil, err
	}
	form := v.request.PostForm
	if form.Get("password") != form.Get("password_again") {
		page, err := s.invitationPage(v, v.text("两次输入的密码不一样。", "The two passwords are not the same."))
		return withStatus{page, http.StatusBadRequest}, err
	}
	answer, err := s.session.AcceptInvitation(v.public(), &apiv1.AcceptInvitationRequest{Secret: v.request.PathValue("secret"), Password: form.Get("password")})
	if refusal := rpc.RefusalOf(err); refusal != nil && refusal.Reason == "password_weak" {
		page, pageErr := s.invitationPage(v, v.sentence(refusal))
		return v.refused(err, page), pageErr
	}
	if err != nil {
		return nil, err
	}
	return v.enter(answer.Session, "")
}

// beginIdentity sends the browser to the identity service. The page that does so is of this site, for its policy lets forms lead nowhere else.
func (s *site) beginIdentity(v *visit) (templ.Component, error) {
	if err := v.small(); err != nil {
		return nil, err
	}
	link := v.request.PostForm.Get("link") != ""
	ctx := v.public()
	if link {
		ctx = v.ctx
	}
	begun, err := s.session.BeginIdentitySignIn(ctx, &apiv1.BeginIdentitySignInRequest{Link: link})
	if err != nil {
		return nil, err
	}
	// Lax, for the service's answer comes by a link of another site.
	v.setCookie(identityCookieName, begun.CeremonyId+" "+url.QueryEscape(safeNext(v.request.PostForm.Get("next"))), 600, http.SameSiteLaxMode)
	return onwardPage(v, begun.Url), nil
}

// finishIdentity takes what the identity service sent back. The browser brings no session along on that way; to link, the page asks for itself
// once more from this site.
func (s *site) finishIdentity(v *visit) (templ.Component, error) {
	q := v.request.URL.Query()
	cookie, err := v.request.Cookie(identityCookieName)
	if err != nil || q.Get("code") == "" || q.Get("state") == "" {
		return nil, &problem{http.StatusForbidden, "统一身份认证没有成功,请重试。", "The identity service did not confirm who you are: try again."}
	}
	if fetched := v.request.Header.Get("Sec-Fetch-Site"); fetched == "cross-site" || fetched == "same-site" {
		return onwardPage(v, v.request.URL.RequestURI()), nil
	}
	id, next, _ := strings.Cut(cookie.Value, " ")
	next, _ = url.QueryUnescape(next)
	v.setCookie(identityCookieName, "", -1, http.SameSiteLaxMode)
	answer, err := s.session.FinishIdentitySignIn(v.ctx, &apiv1.FinishIdentitySignInRequest{CeremonyId: id, State: q.Get("state"), Code: q.Get("code")})
	if err != nil {
		return nil, err
	}
	if answer.Linked {
		http.Redirect(v.writer, v.request, v.href("/account/"), http.StatusSeeOther)
		return nil, nil
	}
	return v.enter(answer.Session, next)
}

// ceremony is one half of what a browser does with a passkey: with an empty id it begins, else it finishes.
type ceremony func(v *visit, id, response string) (any, error)

// passkeyAnswer is what the script reads.
type passkeyAnswer struct {
	Ceremony string          `json:"ceremony,omitempty"`
	Options  json.RawMessage `json:"options,omitempty"`
	Go       string          `json:"go,omitempty"`    // where to go on
	Error    string          `json:"error,omitempty"` // one sentence
}

// passkey answers the script of the pages, in JSON.
func (s *site) passkey(do ceremony) page {
	return func(v *visit) (templ.Component, error) {
		var answer any
		err := v.small()
		if err == nil {
			answer, err = do(v, v.request.PostForm.Get("ceremony"), v.request.PostForm.Get("response"))
		}
		status := http.StatusOK
		if err != nil {
			status = httpStatusOf(err)
			sentence := v.text("服务器内部出错,已经记下。", "The server made a mistake; it is in the log.")
			if refusal := rpc.RefusalOf(err); refusal != nil {
				sentence = v.sentence(refusal)
			} else if known := (*problem)(nil); errors.As(err, &known) {
				sentence, status = v.text(known.zh, known.en), known.status
			} else {
				s.config.Logger.ErrorContext(v.request.Context(), "a passkey failed", "error", err)
			}
			answer = passkeyAnswer{Error: sentence}
		}
		v.writer.Header().Set("Content-Type", "application/json")
		v.writer.WriteHeader(status)
		_ = json.NewEncoder(v.writer).Encode(answer) // who left needs no answer
		return nil, nil
	}
}

func (s *site) passkeySignIn(v *visit, id, response string) (any, error) {
	if id == "" {
		begun, err := s.session.BeginPasskeySignIn(v.public(), &apiv1.BeginPasskeySignInRequest{})
		return passkeyAnswer{Ceremony: begun.GetCeremonyId(), Options: json.RawMessage(begun.GetOptionsJson())}, err
	}
	answer, err := s.session.FinishPasskeySignIn(v.public(), &apiv1.FinishPasskeySignInRequest{CeremonyId: id, ResponseJson: response})
	if err != nil {
		return nil, err
	}
	v.keep(answer.Session)
	return passkeyAnswer{Go: v.next(v.request.PostForm.Get("next"))}, nil
}

func (s *site) passkeyConfirm(v *visit, id, response string) (any, error) {
	if id == "" {
		begun, err := s.session.BeginPasskeyConfirm(v.ctx, &apiv1.BeginPasskeyConfirmRequest{})
		return passkeyAnswer{Ceremony: begun.GetCeremonyId(), Options: json.RawMessage(begun.GetOptionsJson())}, err
	}
	_, err := s.session.FinishPasskeyConfirm(v.ctx, &apiv1.FinishPasskeyConfirmRequest{CeremonyId: id, ResponseJson: response})
	return passkeyAnswer{}, err
}

func (s *site) passkeyOfInvited(v *visit, id, response string) (any, error) {
	return s.register(v, v.public(), v.request.PathValue("secret"), id, response)
}

func (s *site) passkeyOfAccount(v *visit, id, response string) (any, error) {
	return s.register(v, v.ctx, "", id, response)
}

func (s *site) register(v *visit, ctx context.Context, secret, id, response string) (any, error) {
	if id == "" {
		begun, err := s.session.BeginPasskeyRegistration(ctx, &apiv1.BeginPasskeyRegistrationRequest{Secret: secret})
		return passkeyAnswer{Ceremony: begun.GetCeremonyId(), Options: json.RawMessage(begun.GetOptionsJson())}, err
	}
	answer, err := s.session.FinishPasskeyRegistration(ctx, &apiv1.FinishPasskeyRegistrationRequest{
		CeremonyId: id, ResponseJson: response, Name: strings.TrimSpace(v.request.PostForm.Get("name")), Secret: secret,
	})
	if err != nil {
		return nil, err
	}
	if answer.Session != nil {
		v.keep(answer.Session)
		return passkeyAnswer{Go: v.next("")}, nil
	}
	return passkeyAnswer{Go: v.href("/account/")}, nil
}

// moment writes a time of the API in China's time, to the minute: sessions and invitations belong to no collective that has a zone.
func (v *visit) moment(instant string) string {
	t, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		return ""
	}
	return t.In(chinaTime).Format("2006-01-02 15:04")
}

var chinaTime = time.FixedZone("UTC+8", 8*60*60)
