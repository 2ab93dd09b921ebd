package web

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

func TestLook(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.publish("2021-07-01", "2021-09-30")
	n.sealed()
	ctx := browsertest.Browser(t)
	for _, path := range strings.Fields(os.Getenv("LOOK")) {
		name := strings.ReplaceAll(strings.Trim(path, "/"), "/", "_")
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+path))
		if strings.Contains(path, "poster/") {
			browsertest.PDF(t, ctx, name)
		} else if strings.Contains(path, "wall") {
			browsertest.Do(t, ctx, chromedp.EmulateViewport(1920, 1080))
			browsertest.Until(t, ctx, `document.getAnimations().every(a => a.playState === 'finished')`)
			browsertest.Picture(t, ctx, name, 1920, 1080)
		} else {
			browsertest.Picture(t, ctx, name, 1280, 900)
		}
	}
}
