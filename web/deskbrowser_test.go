package web

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/internal/capitals"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// browserOf gives a browser in which somebody is signed in.
func (p *person) browserOf(t *testing.T) context.Context {
	ctx := browsertest.Browser(t)
	browsertest.Do(t, ctx, chromedp.Navigate(p.url+"/assets/"))
	browsertest.Do(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.cookie = "mingzhang=%s; path=/"`, p.keys[p.operator])))
	return ctx
}

// set types into a control as a person does: the page hears of it.
func set(t *testing.T, ctx context.Context, name, value string) {
	t.Helper()
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
		const c = document.querySelector('form[data-form]').elements[%q];
		if (c instanceof RadioNodeList) [...c].find(r => r.value === %q).click(); else c.value = %q;
		(c[0] ?? c).dispatchEvent(new Event('input', {bubbles: true})); return true })()`, name, value, value)))
}

// TestWhatTheDeviceDoes: capitals while typing, the preview under the form, a draft that outlives a reload and goes on under the same id,
// two taps that book once, and nothing left on the device of what was recorded.
func TestWhatTheDeviceDoes(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	before := len(n.vouchers())
	p := n.person("treasurer")
	ctx := p.browserOf(t)
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/d/liminba/form/income/"))
	for _, amount := range []string{"0.00", "0.05", "0.50", "1.00", "10.00", "10.01", "105.00", "1000.10", "1005.00", "10000.00", "10005.06", "100500.00", "98000.00", "137173.92", "100000000.00", "100050000.07", "1000000000000.00", "9007199254740993.99"} {
		set(t, ctx, "amount", amount)
		if got := browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.querySelector('output[for=amount]').value`)); got != capitals.Yuan(amount) {
			t.Errorf("%s: the page says %s, the receipt %s", amount, got, capitals.Yuan(amount))
		}
	}
	for name, value := range rent() {
		set(t, ctx, name, value)
	}
	browsertest.Until(t, ctx, `document.querySelector('#live').textContent.includes('+68,600.00')`)
	id := browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.querySelector('[name=command_id]').value`))
	browsertest.Until(t, ctx, `(localStorage.getItem('draft:/d/liminba/form/income/') ?? '').includes('2022年下半年租金')`)

	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/en/d/liminba/form/income/")) // the line was lost, the page opened anew, in the other language
	browsertest.Until(t, ctx, `!!document.querySelector('.notice button')`)
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`document.querySelector('.notice button').click(); true`))
	browsertest.Until(t, ctx, fmt.Sprintf(`document.querySelector('[name=command_id]').value === %q && document.querySelector('[name=amount]').value === '98000'`, id))

	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`document.querySelector('button.main').click(); true`))
	browsertest.Until(t, ctx, `!!document.querySelector('[value=record]')`)
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`(() => { const b = document.querySelector('[value=record]'); b.click(); b.click(); b.click(); return true })()`))
	browsertest.Until(t, ctx, fmt.Sprintf(`document.querySelector('[data-recorded]')?.dataset.recorded === %q`, id))
	if got := len(n.vouchers()); got != before+1 {
		t.Errorf("three taps booked %d vouchers", got-before)
	}
	browsertest.Until(t, ctx, `localStorage.length === 0`)

	// Personal data leaves nothing on the device.
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/d/liminba/form/personal/"))
	set(t, ctx, "name", "测试甲")
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`setTimeout(() => window.waited = true, 1000); true`)) // longer than a draft takes
	browsertest.Until(t, ctx, `window.waited === true`)
	if got := browsertest.Do(t, ctx, chromedp.Evaluate[float64](`localStorage.length`)); got != 0 {
		t.Errorf("%v drafts are kept", got)
	}
}

// TestWithoutALine: a form that is sent while there is no line waits on the device and goes by itself when it is back.
func TestWithoutALine(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	ctx := p.browserOf(t)
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/d/liminba/form/income/"))
	for name, value := range rent() {
		set(t, ctx, name, value)
	}
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`Object.defineProperty(navigator, 'onLine', {value: false, configurable: true}); document.querySelector('button.main').click(); true`))
	browsertest.Until(t, ctx, `document.querySelector('.notice')?.textContent.includes('网络断了')`)
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`Object.defineProperty(navigator, 'onLine', {value: true, configurable: true}); dispatchEvent(new Event('online')); true`))
	browsertest.Until(t, ctx, `!!document.querySelector('[value=record]')`)
}

// TestPicturesAreMadeSmaller: a photograph of a phone is sent with at most 2,000 pixels a side.
func TestPicturesAreMadeSmaller(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("treasurer")
	ctx := p.browserOf(t)
	browsertest.Do(t, ctx, chromedp.Navigate(n.url+"/d/liminba/form/income/"))
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`(async () => {
		const canvas = Object.assign(document.createElement('canvas'), {width: 4000, height: 3000});
		canvas.getContext('2d').fillRect(0, 0, 100, 100);
		const blob = await new Promise(done => canvas.toBlob(done, 'image/png')), list = new DataTransfer();
		list.items.add(new File([blob], 'paper.png', {type: 'image/png'}));
		const input = document.querySelector('[data-shrink]');
		input.files = list.files; input.dispatchEvent(new Event('change', {bubbles: true}));
	})(); true`))
	browsertest.Until(t, ctx, `document.querySelector('[data-shrink]').files[0]?.name === 'paper.jpg'`)
	size := browsertest.Do(t, ctx, chromedp.Evaluate[string](`window.size = ''; createImageBitmap(document.querySelector('[data-shrink]').files[0]).then(b => window.size = b.width + 'x' + b.height); ''`))
	browsertest.Until(t, ctx, `window.size !== ''`)
	if size = browsertest.Do(t, ctx, chromedp.Evaluate[string](`window.size`)); size != "2000x1500" {
		t.Errorf("it is sent with %s", size)
	}
}
