package web

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
)

// A page of trouble is as usable as any other.
func TestTroubleIsAccessible(t *testing.T) {
	n, ctx := newNode(t, nil), browsertest.Browser(t)
	for _, path := range []string{"/", "/en/b/nowhere/nothing"} {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+path))
		browsertest.Accessible(t, ctx, path)
	}
}
