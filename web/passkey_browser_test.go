package web

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// TestPasskeysInABrowser: somebody invited makes a passkey, signs out, signs in by it without a name, and confirms by it what is grave.
func TestPasskeysInABrowser(t *testing.T) {
	n, ctx := newNode(t, nil).play(seeds.Demo()...), browsertest.Browser(t)
	device := func() (remove func()) {
		t.Helper()
		_, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{})
		n.must(err)
		added, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		n.must(err)
		return func() {
			_, err := chromedp.Call(ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams(added))
			n.must(err)
		}
	}
	remove := device()
	click := func(selector string) {
		t.Helper()
		browsertest.Until(t, ctx, `!!document.querySelector('`+selector+`') && !document.querySelector('`+selector+`').closest('[hidden]')`)
		browsertest.Do(t, ctx, chromedp.Evaluate[bool](`document.querySelector('`+selector+`').click(), true`))
	}
	at := func(path string) {
		t.Helper()
		browsertest.Until(t, ctx, `location.pathname === '`+path+`' && document.readyState === 'complete'`)
	}
	look := func(name string) {
		t.Helper()
		browsertest.Accessible(t, ctx, name)
		browsertest.Picture(t, ctx, "signin-"+name, 390, 844)
	}
	browsertest.Do(t, ctx, chromedp.Navigate(n.origin+"/invitation/"+n.invite("admin")+"/"))
	look("invitation")
	click(`form[data-passkey=create] button`)
	at("/d/")
	look("desks")
	browsertest.Do(t, ctx, chromedp.Navigate(n.origin+"/account/"))
	browsertest.Until(t, ctx, `document.body.innerText.includes('我的手机')`)
	look("account")
	click(`.tools form button`)
	at("/sign-in/")
	look("sign-in")
	click(`form[data-passkey=get] button`)
	at("/d/")
	n.now = n.now.Add(6 * time.Minute)
	browsertest.Do(t, ctx, chromedp.Navigate(n.origin+"/admin/"))
	look("admin")
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`document.querySelector('#operator').value = 'lin-shi', document.querySelector('#display_name').value = '临时', true`))
	click(`form[action="/admin/operators/new/"] button`)
	browsertest.Until(t, ctx, `document.querySelector('h1').innerText === '请再次确认是您'`)
	look("confirm")
	click(`form[data-passkey=get] button`)
	at("/admin/operator/lin-shi/")
	click(`form button.main`)
	browsertest.Until(t, ctx, `!!document.querySelector('svg.qr')`)
	look("operator")
	browsertest.Do(t, ctx, chromedp.Navigate(n.origin+"/admin/liminba/"))
	look("roles")
	browsertest.Do(t, ctx, chromedp.Navigate(n.origin+"/en/admin/operators/log/"))
	look("log")
	// A passkey that is gone from the device signs nobody in, and the page says so beside its button.
	remove()
	device()
	browsertest.Do(t, ctx, chromedp.Navigate(n.origin+"/sign-in/"))
	click(`form[data-passkey=get] button`)
	browsertest.Until(t, ctx, `document.querySelector('.said').innerText.includes('没有成功')`)
}
