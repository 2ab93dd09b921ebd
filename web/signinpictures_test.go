package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// TestSignInPictures shows the pages of signing in, of one's account and of the administrator: none is wider than a phone, everybody can use
// them, and where MINGZHANG_SCREENSHOTS names a directory pictures are kept for looking at them.
func TestSignInPictures(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("admin")
	ctx := browsertest.Browser(t)
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/assets/"))
	browsertest.Do(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.cookie = "mingzhang=%s; path=/"`, p.keys["admin"])))
	for _, path := range []string{"/sign-in/", "/d/", "/account/", "/admin/", "/admin/operator/treasurer/", "/admin/liminba/", "/admin/operators/log/"} {
		for _, language := range []string{"", "/en"} {
			browsertest.Do(t, ctx, chromedp.Navigate(n.url+language+path))
			for _, width := range []int64{360, 1280} {
				browsertest.Do(t, ctx, chromedp.EmulateViewport(width, 800))
				browsertest.Picture(t, ctx, fmt.Sprintf("sign-in%s-%d", strings.ReplaceAll(language+path, "/", "-"), width), width, 800)
				browsertest.Accessible(t, ctx, language+path)
				if over := browsertest.Do(t, ctx, chromedp.Evaluate[float64]("document.documentElement.scrollWidth - innerWidth")); over > 0 {
					t.Errorf("%s%s at %d px is %v px too wide", language, path, width, over)
				}
			}
		}
	}
}
