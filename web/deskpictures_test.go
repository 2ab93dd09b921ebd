package web

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// TestDeskPictures keeps pictures of the pages of a treasurer for looking at them, where MINGZHANG_SCREENSHOTS names a directory.
func TestDeskPictures(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	ctx := browsertest.Browser(t)
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/assets/"))
	browsertest.Do(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.cookie = "mingzhang=%s; path=/"`, p.keys["treasurer"])))
	p.do("approver", "resolution", map[string]string{"title": "屋面维修", "resolution_id": "roof", "body": "representatives", "decided_on": "2023-01-05", "electorate": "60", "present": "50", "votes_for": "48",
		"votes_against": "1", "abstained": "1", "matter": "MATTER_PAYMENT", "fund": "maintenance", "authority": "5000"}, map[string]file{"minutes_sha256": {"minutes.pdf", []byte("minutes")}})
	paid := p.do("treasurer", "income", rent(), map[string]file{"documents.0.sha256": {"a.png", picture()}})
	for _, shot := range []struct{ name, path string }{
		{"receipt", "/d/liminba/receipt/" + paid.Get("voucher") + "/"}, {"run", "/d/liminba/runs/dividend-2021/"}, {"slips", "/d/liminba/slips/dividend-2021/page/17"}, {"photo", "/d/liminba/photo/"},
		{"done", "/d/liminba/done/income/?id=x&version=" + paid.Get("version") + "&voucher=" + paid.Get("voucher")}, {"form-policy", "/d/liminba/form/grant-open/"},
		{"desk", "/d/liminba/"}, {"desk-en", "/en/d/liminba/"}, {"form-income", "/d/liminba/form/income/?amount=98000&kind=rent"},
		{"form-payment", "/d/liminba/form/payment/"}, {"form-payment-en", "/en/d/liminba/form/payment/"}, {"form-close", "/d/liminba/form/close/?month=2022-12"},
	} {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+shot.path))
		for _, width := range []int64{360, 1280} {
			browsertest.Picture(t, ctx, fmt.Sprintf("%s-%d", shot.name, width), width, 800)
			browsertest.Do(t, ctx, chromedp.EmulateViewport(width, 800))
			browsertest.Accessible(t, ctx, shot.path)
			if over := browsertest.Do(t, ctx, chromedp.Evaluate[float64]("document.documentElement.scrollWidth - innerWidth")); over > 0 {
				t.Errorf("%s at %d px is %v px too wide", shot.path, width, over)
			}
		}
	}
	// The page that asks for the last word, and a form with what is wrong beside its fields.
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/d/liminba/form/income/?amount=98000&kind=rent&documents.0.number=7&documents.0.issuer=bank&narration=租金"))
	for _, shot := range []string{"confirm", "refused"} {
		if shot == "refused" {
			browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/d/liminba/form/income/?amount=98.123&kind=subsidy&documents.0.number=7&occurred_on=2022-12-01"))
		}
		browsertest.Do(t, ctx, chromedp.Evaluate[bool](`document.querySelector('button.main').click(); true`))
		browsertest.Until(t, ctx, map[string]string{"confirm": `!!document.querySelector('[value=record]')`, "refused": `!!document.querySelector('.field .wrong')`}[shot])
		for _, width := range []int64{360, 1280} {
			browsertest.Picture(t, ctx, fmt.Sprintf("%s-%d", shot, width), width, 800)
			browsertest.Accessible(t, ctx, shot)
		}
	}
}
