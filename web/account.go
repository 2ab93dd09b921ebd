package web

import (
	"net/http"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// accountPages are where somebody looks after what he signs in by.
func (s *site) accountPages() map[string]page {
	return map[string]page{
		"GET /account/{$}":                  s.account,
		"POST /account/password/{$}":        s.setPassword,
		"POST /account/passkey/{$}":         s.passkey(s.passkeyOfAccount),
		"POST /account/confirm/{$}":         s.accountConfirmed,
		"POST /account/remove-password/{$}": s.accountChange(func(v *visit) error { return second(s.session.RemovePassword(v.ctx, &apiv1.RemovePasswordRequest{})) }),
		"POST /account/remove-passkey/{$}": s.accountChange(func(v *visit) error {
			return second(s.session.RemovePasskey(v.ctx, &apiv1.RemovePasskeyRequest{CredentialId: v.posted("credential")}))
		}),
		"POST /account/unlink/{$}": s.accountChange(func(v *visit) error {
			return second(s.session.UnlinkIdentity(v.ctx, &apiv1.UnlinkIdentityRequest{Issuer: v.posted("issuer"), Subject: v.posted("subject")}))
		}),
		"POST /account/end/{$}": s.accountChange(func(v *visit) error {
			return second(s.session.EndSession(v.ctx, &apiv1.EndSessionRequest{SessionId: v.posted("session")}))
		}),
		"POST /account/end-all/{$}": s.accountChange(func(v *visit) error { return second(s.session.EndSessions(v.ctx, &apiv1.EndSessionsRequest{})) }),
	}
}

// second leaves the answer of a call that says no more than that it was done.
func second[T any](_ T, err error) error { return err }

// posted is a control of a small form.
func (v *visit) posted(name string) string { return v.request.PostForm.Get(name) }

// mine is everything on the account page.
type mine struct {
	who         *apiv1.WhoAmIResponse
	ways        *apiv1.GetSignInWaysResponse
	credentials *apiv1.ListMyCredentialsResponse
	sessions    []*apiv1.Session
	wrong       string // sentence over the page
	wrongOld    string // beside the old password
	wrongNew    string // beside the new one
}

func (s *site) account(v *visit) (templ.Component, error) { return s.accountPage(v, new(mine)) }

func (s *site) accountPage(v *visit, m *mine) (_ templ.Component, err error) {
	if m.who, err = s.session.WhoAmI(v.ctx, &apiv1.WhoAmIRequest{}); err != nil {
		return nil, err
	}
	if m.ways, err = s.session.GetSignInWays(v.public(), &apiv1.GetSignInWaysRequest{}); err != nil {
		return nil, err
	}
	if m.credentials, err = s.session.ListMyCredentials(v.ctx, &apiv1.ListMyCredentialsRequest{}); err != nil {
		return nil, err
	}
	sessions, err := s.session.ListSessions(v.ctx, &apiv1.ListSessionsRequest{})
	if err != nil {
		return nil, err
	}
	m.sessions = sessions.Sessions
	return accountView(v, m), nil
}

// accountChange makes a change of an account and shows the account again, with what stood against it.
func (s *site) accountChange(do func(*visit) error) page {
	return func(v *visit) (templ.Component, error) {
		if err := v.small(); err != nil {
			return nil, err
		}
		err := do(v)
		switch refusal := rpc.RefusalOf(err); {
		case err == nil:
			http.Redirect(v.writer, v.request, v.href("/account/"), http.StatusSeeOther)
			return nil, nil
		case refusal == nil, refusal.Reason == reasonSignedOut, refusal.Reason == reasonConfirm:
			return nil, err
		default:
			page, pageErr := s.accountPage(v, &mine{wrong: v.sentence(refusal)})
			return v.refused(err, page), pageErr
		}
	}
}

// accountConfirmed leads back to the account once the session is confirmed: a passkey is added, or an identity linked, by a session that is.
func (s *site) accountConfirmed(v *visit) (templ.Component, error) {
	who, err := s.session.WhoAmI(v.ctx, &apiv1.WhoAmIRequest{})
	if err != nil {
		return nil, err
	}
	if who.ConfirmedUntil == "" {
		status, page := s.confirmAgainPage(v, "")
		return withStatus{page, status}, nil
	}
	http.Redirect(v.writer, v.request, v.href("/account/"), http.StatusSeeOther)
	return nil, nil
}

func (s *site) setPassword(v *visit) (templ.Component, error) {
	if err := v.small(); err != nil {
		return nil, err
	}
	if v.posted("password") != v.posted("password_again") {
		page, err := s.accountPage(v, &mine{wrongNew: v.text("两次输入的密码不一样。", "The two passwords are not the same.")})
		return withStatus{page, http.StatusBadRequest}, err
	}
	answer, err := s.session.SetPassword(v.ctx, &apiv1.SetPasswordRequest{OldPassword: v.posted("old_password"), NewPassword: v.posted("password")})
	switch refusal := rpc.RefusalOf(err); {
	case err == nil:
		return v.enter(answer.Session, v.href("/account/"))
	case refusal == nil, refusal.Reason == reasonSignedOut, refusal.Reason == reasonConfirm:
		return nil, err
	case refusal.Reason == "password_weak":
		page, pageErr := s.accountPage(v, &mine{wrongNew: v.sentence(refusal)})
		return v.refused(err, page), pageErr
	default:
		page, pageErr := s.accountPage(v, &mine{wrongOld: v.sentence(refusal)})
		return v.refused(err, page), pageErr
	}
}
