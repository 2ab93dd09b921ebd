package web

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
)

// TestCommitteePictures shows every page of the committee's desk in a browser: none is wider than a phone, and where MINGZHANG_SCREENSHOTS names
// a directory pictures are kept for looking at them.
func TestCommitteePictures(t *testing.T) {
	n := demo(t)
	p := n.person("supervisor")
	ctx := browsertest.Browser(t)
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/assets/"))
	browsertest.Do(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.cookie = "mingzhang=%s; path=/"`, p.keys["supervisor"])))
	only := os.Getenv("MINGZHANG_SCREENSHOTS_OF")
	for _, page := range committeePaths {
		path := page.path
		for _, language := range []string{"", "/en"} {
			name := "committee-" + strings.Trim(strings.NewReplacer("/", "-", "?", "-", "&", "-").Replace(path), "-") + strings.ReplaceAll(language, "/", "-")
			if !strings.Contains(name, only) {
				continue
			}
			browsertest.Do(t, ctx, chromedp.Navigate(n.url+language+"/d/liminba/"+path))
			for _, width := range []int64{360, 1280} {
				browsertest.Do(t, ctx, chromedp.EmulateViewport(width, 800))
				browsertest.Picture(t, ctx, fmt.Sprintf("%s-%d", name, width), width, 800)
				if (width == 360) == (language == "") { // each language once: it takes a second a page
					browsertest.Accessible(t, ctx, language+path)
				}
				if over := browsertest.Do(t, ctx, chromedp.Evaluate[float64]("document.documentElement.scrollWidth - innerWidth")); over > 0 {
					t.Errorf("%s%s at %d px is %v px too wide", language, path, width, over)
				}
			}
		}
	}
}
