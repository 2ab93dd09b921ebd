package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// TestJourneyWithoutScript goes the way of one rent through a browser whose scripts are off, on a phone in Chinese and on a desktop in English:
// the treasurer records it, a resident finds it on the board and asks, a supervisor publishes the question, the approver answers, and the
// resident reads the answer beside the line.
func TestJourneyWithoutScript(t *testing.T) {
	for _, c := range []struct {
		name, prefix  string
		width, height int64
	}{{"phone", "", 360, 740}, {"desktop", "/en", 1280, 900}} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t, nil).play(seeds.Demo()...)
			ctx := browsertest.Browser(t)
			browsertest.Do(t, ctx, chromedp.EmulateViewport(c.width, c.height))
			step := 0
			picture := func(what string) {
				step++
				browsertest.Picture(t, ctx, fmt.Sprintf("journey-%s-%d-%s", c.name, step, what), c.width, c.height)
			}
			// become opens a page as an operator, or as nobody, with scripts off.
			become := func(operator, path string) {
				t.Helper()
				browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/assets/"))
				cookie := `mingzhang=; path=/; max-age=0`
				if operator != "" {
					cookie = "mingzhang=" + n.person(operator).keys[operator] + "; path=/"
				}
				browsertest.Do(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.cookie = %q`, cookie)))
				_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
				n.must(err)
				browsertest.Do(t, ctx, chromedp.Navigate(n.url+c.prefix+path))
			}
			press := func(selector string) {
				t.Helper()
				browsertest.Do(t, ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector(%q).click(); true`, selector)))
			}
			record := func(what string, values map[string]string) {
				t.Helper()
				for name, value := range values {
					set(t, ctx, name, value)
				}
				if said := browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.querySelector('output[for=amount]')?.value ?? ''`)); said != "" {
					t.Fatalf("scripts are on: the page says %s", said)
				}
				press(`form[data-form] button.main`)
				browsertest.Until(t, ctx, `!!document.querySelector('[value=record]')`)
				picture(what + "-preview")
				press(`[value=record]`)
				browsertest.Until(t, ctx, `!!document.querySelector('[data-recorded]')`)
				picture(what)
			}
			holds := func(texts ...string) {
				t.Helper()
				page := browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.querySelector('main').innerText`))
				for _, text := range texts {
					if !strings.Contains(page, text) {
						t.Fatalf("%q is not on the page:\n%s", text, page)
					}
				}
			}

			become("treasurer", "/d/liminba/form/income/")
			record("income", rent())

			become("", "/b/liminba/lines/2023-01/")
			holds("98,000.00")
			press(`main a[href*="/v/r2023-"]`)
			browsertest.Until(t, ctx, `!!document.querySelector('a[href*="inquiries/new/"]')`)
			holds("68,600.00", "9,800.00")
			picture("line")
			press(`a[href*="inquiries/new/"]`)
			browsertest.Until(t, ctx, `!!document.querySelector('form.ask textarea')`)
			browsertest.Do(t, ctx, chromedp.Evaluate[bool](`document.querySelector('form.ask textarea').value = '租金为什么晚到了?'; true`))
			press(`form.ask button`)
			browsertest.Until(t, ctx, `!document.querySelector('form.ask textarea')`)
			picture("asked")

			become("supervisor", "/d/liminba/form/inquiry-publish/?number=1&inquiry=1")
			record("publish", map[string]string{"wording": "租金为什么晚到了?"})
			become("approver", "/d/liminba/form/inquiry-answer/?number=1&inquiry=1")
			record("answer", map[string]string{"text": "银行转账慢了几天。", "outcome": "INQUIRY_OUTCOME_EXPLAINED"})

			become("", "/b/liminba/inquiries/1/")
			holds("租金为什么晚到了", "银行转账慢了几天")
			picture("answered")
		})
	}
}
