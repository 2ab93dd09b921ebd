// Package browsertest drives a headless Chromium for tests: a page is opened, waited for, asked and photographed.
//
// Pictures are kept where MINGZHANG_SCREENSHOTS names a directory.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Browser gives a browser with a profile of its own for as long as the test runs, or skips aloud.
func Browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("NOT TESTED: the page in a browser, for there is no chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(390, 844),
		chromedp.Flag("disable-dev-shm-usage", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	Do(t, ctx, chromedp.Navigate("about:blank"))
	return ctx
}

// Do carries out an action and gives what came of it.
func Do[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	got, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Until asks an expression again until it is true, for at most 20 seconds. A page that is just being left gives an error, which is asked
// again too.
func Until(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if ok, err = chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); ok {
			return
		}
	}
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	t.Fatalf("%s: %v:\n%s", expression, err, text)
}

// Picture keeps a picture of the whole page at a width in pixels, where pictures are kept.
func Picture(t *testing.T, ctx context.Context, name string, width, height int64) {
	t.Helper()
	dir := os.Getenv("MINGZHANG_SCREENSHOTS")
	if dir == "" {
		return
	}
	Do(t, ctx, chromedp.EmulateViewport(width, height))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), Do(t, ctx, chromedp.FullScreenshot(100)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// PDF prints the page on the paper that its style names, and gives the name of the file.
func PDF(t *testing.T, ctx context.Context, name string) string {
	t.Helper()
	yes := true
	printed := Do(t, ctx, func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
		answer, err := cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &yes, PrintBackground: &yes})
		if err != nil {
			return nil, err
		}
		return answer.Data, nil
	})
	dir := os.Getenv("MINGZHANG_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	file := filepath.Join(dir, name+".pdf")
	if err := os.WriteFile(file, printed, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
