package web

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

func TestBoardPictures(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	ctx := browsertest.Browser(t)
	for name, path := range map[string]string{
		"first": "/b/liminba/2021/", "lines": "/b/liminba/lines/2021/", "line": "/b/liminba/v/r2021-1/", "fund": "/b/liminba/funds/welfare/2021/",
	} {
		for _, lang := range []string{"", "/en"} {
			browsertest.Do(t, ctx, chromedp.Navigate(n.url+lang+path))
			browsertest.Picture(t, ctx, "board-"+name+lang[min(len(lang), 1):]+"-1280", 1280, 900)
			browsertest.Picture(t, ctx, "board-"+name+lang[min(len(lang), 1):]+"-360", 360, 740)
		}
	}
}
