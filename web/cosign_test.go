package web

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// adoptWitnesses has the assembly decide on five seats, three of which seal a month, the first with a key of a browser.
func (n *node) adoptWitnesses(at func(clock string) string, first string) {
	n.command("approver", at("09:00"), "RecordResolution", &apiv1.RecordResolutionRequest{ResolutionId: "witnesses", Title: "见证章程", Body: "household_heads", DecidedOn: at("09:00")[:10], Electorate: 665, Present: 600,
		VotesFor: 590, VotesAgainst: 5, Abstained: 5, MinutesSha256: strings.Repeat("ab", 32), Matter: apiv1.Matter_MATTER_CHARTER})
	n.command("supervisor", at("09:10"), "ConfirmResolution", &apiv1.ConfirmResolutionRequest{ResolutionId: "witnesses"})
	group := &apiv1.WitnessGroup{Name: "committee", Threshold: 3, Witnesses: []*apiv1.Witness{{Name: "first", Key: first}}}
	for i, name := range []string{"second", "third", "fourth", "fifth"} {
		key, err := witness.NewKey("liminba.example/"+name, bytes.Repeat([]byte{byte(i)}, 32))
		n.must(err)
		group.Witnesses = append(group.Witnesses, &apiv1.Witness{Name: name, Key: key.Verifier().String()})
	}
	n.command("approver", at("09:20"), "AdoptWitnessPolicy", &apiv1.AdoptWitnessPolicyRequest{ResolutionId: "witnesses", Groups: []*apiv1.WitnessGroup{group}})
}

// TestCosignInTheBrowser: a supervisor makes a key on the month's page, the collective takes it into its policy, and he signs two months after
// one another: Go takes the signatures, the second after a proof that it continues the first, and the page shows one petal of five.
func TestCosignInTheBrowser(t *testing.T) {
	n := demo(t)
	p := n.person("supervisor")
	ctx := browsertest.Browser(t)
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/assets/"))
	browsertest.Do(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.cookie = "mingzhang=%s; path=/"`, p.keys["supervisor"])))
	click := func(selector string) {
		browsertest.Do(t, ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(document.querySelector(%q).click(), true)`, selector)))
	}
	text := func(selector string) string {
		return browsertest.Do(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).textContent`, selector)))
	}
	at := func(day string) func(string) string {
		return func(clock string) string { return day + "T" + clock + ":00+08:00" }
	}
	page := func(month string) {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/d/liminba/months/"+month+"/"))
		browsertest.Until(t, ctx, `document.getElementById('cosign')?.dataset.ready === ''`)
	}

	// Before there is a policy the page says that nobody is a witness, and makes a key that can be taken into one.
	page("2022-12")
	if s := text("#seal"); !strings.Contains(s, "没有见证章程") || strings.Contains(s, "核对并签") {
		t.Errorf("without a policy: %s", s)
	}
	browsertest.Until(t, ctx, `document.getElementById('make-key').hidden === false`)
	browsertest.Do(t, ctx, chromedp.SetValue("#key-name", "liminba.example/committee-1"))
	click("#make-key button")
	browsertest.Until(t, ctx, `document.getElementById('my-key').textContent !== ''`)
	vkey := text("#my-key")
	key, err := signednote.ParseVerifier(vkey)
	n.must(err)
	n.adoptWitnesses(at("2023-01-12"), vkey)

	n.now = time.Now() // as the browser's clock, which the signatures tell
	disclosure := apiv1connect.NewDisclosureServiceClient(n.client())
	for i, month := range []string{"2023-01", "2023-02"} {
		n.command("treasurer", at([]string{"2023-02-05", "2023-03-05"}[i])("09:00"), "ClosePeriod", &apiv1.ClosePeriodRequest{Month: month})
		page(month)
		browsertest.Until(t, ctx, `document.getElementById('have-key').hidden === false`)
		if first := browsertest.Do(t, ctx, chromedp.Evaluate[bool](`document.getElementById('first').hidden`)); first != (i > 0) {
			t.Errorf("%s: asked to compare the key of the log: %t", month, !first)
		}
		browsertest.Do(t, ctx, chromedp.Evaluate[bool](`(document.getElementById('first-seen').checked = true)`))
		click("#sign-month button")
		browsertest.Until(t, ctx, `document.getElementById('cosign-says').textContent !== '' && !document.querySelector('#sign-month button').disabled`)
		if s := text("#cosign-says"); !strings.Contains(s, "服务器收下了") {
			t.Fatalf("%s: %s", month, s)
		}
		line := browsertest.Do(t, ctx, chromedp.Value("#signature-line"))
		seal, err := disclosure.GetSeal(t.Context(), &apiv1.GetSealRequest{CollectiveId: "liminba", Month: month})
		n.must(err)
		if g := seal.Seal.Groups; len(g) != 1 || len(g[0].Signed) != 1 || g[0].Signed[0] != "first" {
			t.Errorf("%s is signed by %v", month, g)
		}
		if !strings.Contains(seal.Note, line) {
			t.Errorf("%s: the server has\n%s\nand not\n%s", month, seal.Note, line)
		}
		note, err := signednote.Parse([]byte(seal.Note))
		n.must(err)
		if _, err := witness.Cosigned(note, key, witness.Times{Now: time.Now(), AgeMax: time.Minute}); err != nil {
			t.Errorf("the signature of %s: %v", month, err)
		}
		page(month)
		if s := text("#seal"); !strings.Contains(s, "1/5 · 需 3") || !strings.Contains(s, "first 已签") {
			t.Errorf("%s afterwards: %s", month, s)
		}
		if on := browsertest.Do(t, ctx, chromedp.Evaluate[float64](`document.querySelectorAll('.sealed .petal.on').length`)); on != 1 {
			t.Errorf("%s: %v petals are filled", month, on)
		}
		browsertest.Picture(t, ctx, "committee-cosign-"+month, 1280, 800)
		browsertest.Picture(t, ctx, "committee-cosign-360-"+month, 360, 800)
	}

	// He does not sign backwards: an earlier month is not signed again after a later one.
	page("2023-01")
	click("#sign-month button")
	browsertest.Until(t, ctx, `document.getElementById('cosign-says').textContent.includes('不再往回签')`)
}
