package browsertest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Accessible fails the test for everything that axe-core finds wrong with the page at hand by WCAG 2.2 A and AA and by what is held good
// practice. `make packages` installs axe-core; without it the test goes on and says so.
func Accessible(t *testing.T, ctx context.Context, page string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	script, err := os.ReadFile(filepath.Join(filepath.Dir(here), "npm", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Logf("NOT TESTED: accessibility of %s, for axe-core is not installed (make packages)", page)
		return
	}
	Do(t, ctx, chromedp.Evaluate[bool](string(script)+"\n;window.axeDone = ''; true"))
	Do(t, ctx, chromedp.Evaluate[bool](`axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
		.then(r => window.axeDone = JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html.slice(0, 200) + ' | ' + n.failureSummary)}))), e => window.axeDone = 'failed ' + e); true`))
	Until(t, ctx, `window.axeDone !== ''`)
	answer := Do(t, ctx, chromedp.Evaluate[string](`window.axeDone`))
	if strings.HasPrefix(answer, "failed") {
		t.Fatalf("%s: axe-core %s", page, answer)
	}
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(answer), &violations); err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Errorf("%s: %s (%s):\n  %s", page, v.Help, v.ID, strings.Join(v.Nodes, "\n  "))
	}
}
