package browser

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// site is a published directory with one collective, whose events are those of grown.
type site struct {
	t    *testing.T
	root string
}

func newSite(t *testing.T) *site {
	s := &site{t, t.TempDir()}
	for name, data := range map[string][]byte{PageName: Page(), IndexName: []byte("village\n")} {
		s.write(name, data)
	}
	return s
}

func (s *site) write(name string, data []byte) {
	s.t.Helper()
	file := filepath.Join(s.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

// publish makes the log so long, and gives its head.
func (s *site) publish(g *grown, size uint64, signers ...string) (transparency.Head, signednote.Note) {
	s.t.Helper()
	head := transparency.Head{Origin: villageOrigin, Size: size, Root: g.span(0, size)}
	note := signedText(head.Text(), logKey)
	_, err := transparency.Publish(s.t.Context(), filepath.Join(s.root, "village"), transparency.Publication{
		Note: cosigned(note, time.Now().Unix(), signers...).Bytes(), VerifierKey: verifierOf(villageOrigin, signednote.Ed25519, logKey).String(),
		Read: func(_ context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
			return func(yield func(eventstore.Event, error) bool) {
				for i := after; i < size; i++ {
					if !yield(eventstore.Event{Stream: "collective-village", Version: i + 1, Type: eventType, Data: g.data(i)}, nil) {
						return
					}
				}
			}
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return head, note
}

func pinOf(h transparency.Head) string {
	return fmt.Sprintf("%d:%s", h.Size, strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(h.Root.String()), "="))
}

// visit opens the page anew and waits for its verdict, good, bad or unknown.
func visit(t *testing.T, ctx context.Context, url string) (state, text string) {
	t.Helper()
	browsertest.Do(t, ctx, chromedp.Navigate("about:blank"))
	browsertest.Do(t, ctx, chromedp.Navigate(url))
	browsertest.Until(t, ctx, `(() => { const v = document.getElementById('verdict'); return !!v && !v.hidden && !v.textContent.includes('正在核验') })()`)
	state = browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.getElementById('verdict').dataset.state`))
	text = browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.querySelector('main').innerText`))
	shots++
	for _, width := range []int64{390, 1280} {
		browsertest.Picture(t, ctx, fmt.Sprintf("verify-%02d-%s-%d", shots, state, width), width, 844)
	}
	return state, text
}

var shots int

// TestPage opens what is published in a browser: a poster that fits is green, a store that was changed and signed again is red, to who
// has a poster and to who was here before; a witness signs and Go takes the signature, but not of the changed store.
func TestPage(t *testing.T) {
	ctx := browsertest.Browser(t)
	honest, forged := newSite(t), newSite(t)
	var serving atomic.Pointer[site]
	serving.Store(honest)
	var posted, asked atomic.Pointer[string] // what SubmitCosignature got, what GetSeal answers
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(io.LimitReader(r.Body, 1<<17))
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			switch r.URL.Path {
			case "/mingzhang.api.v1.DisclosureService/GetSeal":
				if !strings.Contains(string(body), `"oldSize":"171"`) {
					t.Errorf("GetSeal was asked with %s", body)
				}
				_ = json.NewEncoder(w).Encode(map[string]string{"request": *asked.Load()})
			case "/mingzhang.api.v1.DisclosureService/SubmitCosignature":
				s := string(body)
				posted.Store(&s)
				_, _ = w.Write([]byte("{}"))
			}
			return
		}
		http.FileServer(http.Dir(serving.Load().root)).ServeHTTP(w, r)
	}))
	defer server.Close()
	page := server.URL + "/" + PageName
	want := func(state string, url string, words ...string) {
		t.Helper()
		got, text := visit(t, ctx, url)
		if got != state {
			t.Fatalf("%s is %s, want %s:\n%s", url, got, state, text)
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s does not say %q:\n%s", url, w, text)
			}
		}
	}

	g := newGrown(3, 171)
	honest.write("village/policy", []byte(seatPolicy()))
	old, _ := honest.publish(g, 172, "seat-1", "seat-2", "seat-4")
	want("good", page+"#village:"+pinOf(old), "海报上的 172 笔", "五瓣章齐了", "unchanged")
	want("bad", page+"#village:171:"+hex.EncodeToString(make([]byte, 32)), "海报上的 171 笔", "被改过")
	_, note := honest.publish(g, 300, "seat-1")
	want("good", page+"#village:"+pinOf(old), "上次看到的 172 笔都在", "五瓣章还不齐")
	want("bad", page+"#village:900:"+hex.EncodeToString(make([]byte, 32)), "海报上有 900 笔")
	want("bad", page+"#village:nonsense", "核验不了")
	want("bad", page+"#../village")

	// A witness makes a key and signs.
	visit(t, ctx, page+"#village")
	browsertest.Until(t, ctx, `document.getElementById('witness').open = true`)
	browsertest.Do(t, ctx, chromedp.SetValue("#name", "seat-5"))
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`(document.querySelector('#make button').click(), true)`))
	browsertest.Until(t, ctx, `!!document.getElementById('vkey')`)
	vkey := browsertest.Do(t, ctx, chromedp.Evaluate[string](`document.getElementById('vkey').textContent`))
	key, err := signednote.ParseVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	check := func(n signednote.Note, line string) {
		t.Helper()
		signed, err := signednote.Parse(append(n.Bytes(), line...))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := witness.Cosigned(signed, key, witness.Times{Now: time.Now(), AgeMax: time.Minute}); err != nil {
			t.Fatalf("the signature of the browser: %v", err)
		}
	}
	sealed := transparency.Head{Origin: villageOrigin, Size: 171, Root: g.span(0, 171)}
	sealNote := signedText(sealed.Text(), logKey)
	honest.write("village/checkpoint.171", cosigned(sealNote, time.Now().Unix(), "seat-1", "seat-2", "seat-3").Bytes())
	honest.write(IndexName, []byte("village 171\n"))
	want("good", page+"#village", "五瓣章齐了:前 171 笔")
	browsertest.Until(t, ctx, `document.getElementById('witness').open = true`)
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`(document.querySelector('#sign button').click(), true)`))
	browsertest.Until(t, ctx, `!!document.getElementById('line')`)
	check(sealNote, browsertest.Do(t, ctx, chromedp.Value("#line")))

	// The next one it takes from a server, with the proof, and hands the signature to it.
	request := string(transparency.FormatConsistency(transparency.Consistency{OldSize: 171, Hashes: g.consistency(171, 0, 300, true), Note: note.Bytes()}))
	asked.Store(&request)
	browsertest.Until(t, ctx, fmt.Sprintf(`(document.getElementById('size').value = '', document.getElementById('server').value = %q, true)`, server.URL))
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`(document.querySelector('#sign button').click(), true)`))
	browsertest.Until(t, ctx, `document.getElementById('signed').textContent.includes('服务器收下了')`)
	check(note, browsertest.Do(t, ctx, chromedp.Value("#line")))
	if p := posted.Load(); p == nil || !strings.Contains(*p, `"collectiveId":"village"`) {
		t.Errorf("posted %v", p)
	}

	// History is rewritten and signed with the key of the log itself.
	serving.Store(forged)
	forged.write("village/policy", []byte(seatPolicy()))
	forged.publish(newGrown(3, 100, 171), 310, "seat-1", "seat-2", "seat-3")
	want("bad", page+"#village:"+pinOf(old), "海报上的 172 笔", "被改过", "保存证据", "请保留海报")
	want("bad", page+"#village", "上次看到的 300 笔被改过")
	browsertest.Until(t, ctx, `document.getElementById('witness').open = true`)
	browsertest.Do(t, ctx, chromedp.Evaluate[bool](`(document.querySelector('#sign button').click(), true)`))
	browsertest.Until(t, ctx, `document.getElementById('signed').textContent.includes('两份签名的根都留着')`)

	// Only the checkpoint is published: nobody is told that it is good, or bad.
	serving.Store(honest)
	if err := os.RemoveAll(filepath.Join(honest.root, "village", "tile")); err != nil {
		t.Fatal(err)
	}
	want("unknown", page+"#village:"+pinOf(old), "海报上的 172 笔", "看不出")
	later := transparency.Head{Origin: villageOrigin, Size: 320, Root: g.span(0, 320)}
	honest.write("village/checkpoint", signedText(later.Text(), logKey).Bytes())
	for range 2 { // what cannot be compared does not take the place of what was seen
		want("unknown", page+"#village", "上次看到 300 笔")
	}
}

func seatPolicy() string {
	var b strings.Builder
	fmt.Fprintf(&b, "log %s\n", verifierOf(villageOrigin, signednote.Ed25519, logKey))
	names := ""
	for i := range 5 {
		name := fmt.Sprintf("seat-%d", i+1)
		fmt.Fprintf(&b, "witness %s %s\n", name, witnessKey(name).Verifier())
		names += " " + name
	}
	return b.String() + "group committee 3" + names + "\nquorum committee\n"
}
