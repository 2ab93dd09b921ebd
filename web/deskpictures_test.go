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
	for _, shot := range []struct{ name, path string }{
		{"desk", "/d/liminba/"}, {"desk-en", "/en/d/liminba/"}, {"form-income", "/d/liminba/form/income/?amount=98000&kind=rent"},
		{"form-payment", "/d/liminba/form/payment/"}, {"form-payment-en", "/en/d/liminba/form/payment/"}, {"form-close", "/d/liminba/form/close/?month=2022-12"},
	} {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+shot.path))
		for _, width := range []int64{360, 1280} {
			browsertest.Picture(t, ctx, fmt.Sprintf("%s-%d", shot.name, width), width, 800)
			browsertest.Do(t, ctx, chromedp.EmulateViewport(width, 800))
			if over := browsertest.Do(t, ctx, chromedp.Evaluate[float64]("document.documentElement.scrollWidth - innerWidth")); over > 0 {
				t.Errorf("%s at %d px is %v px too wide", shot.path, width, over)
			}
		}
	}
}
