package web

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// asked fetches a page with headers, compressed only where they say so.
func (n *node) asked(path string, headers ...string) (*http.Response, string) {
	n.t.Helper()
	request, err := http.NewRequest(http.MethodGet, n.url+path, nil)
	n.must(err)
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	n.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	n.must(err)
	return answer, string(body)
}

// TestCache: a public page has a tag that changes with the books, the day, the language and who signed, and nothing else; who has the page gets
// 304 without it; a compressed one has a tag of its own; and with a session nothing is kept.
func TestCache(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	const path = "/b/liminba/poster/2022-q4/a4/"
	first, body := n.asked(path)
	tag := first.Header.Get("ETag")
	if first.StatusCode != 200 || tag == "" || first.Header.Get("Cache-Control") != cacheFresh || body == "" {
		t.Fatalf("%s %v", first.Status, first.Header)
	}
	for _, known := range []string{tag, "W/" + tag, `"other", ` + tag} {
		if answer, body := n.asked(path, "If-None-Match", known); answer.StatusCode != http.StatusNotModified || body != "" || answer.Header.Get("ETag") != tag {
			t.Errorf("with %s: %s, tag %s, %d bytes", known, answer.Status, answer.Header.Get("ETag"), len(body))
		}
	}
	squeezed, _ := n.asked(path, "Accept-Encoding", "gzip")
	if got := squeezed.Header.Get("ETag"); got != strings.TrimSuffix(tag, `"`)+`-gzip"` || squeezed.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(squeezed.Header.Get("Vary"), "Accept-Encoding") {
		t.Errorf("compressed: %v", squeezed.Header)
	}
	if answer, _ := n.asked(path, "Accept-Encoding", "gzip", "If-None-Match", squeezed.Header.Get("ETag")); answer.StatusCode != http.StatusNotModified {
		t.Errorf("compressed and known: %s", answer.Status)
	}
	if other, _ := n.asked("/en" + path); other.Header.Get("ETag") == tag {
		t.Error("two languages have one tag")
	}
	if again, _ := n.asked(path); again.Header.Get("ETag") != tag {
		t.Error("the same page has another tag")
	}
	changed := func(what string) {
		t.Helper()
		answer, _ := n.asked(path, "If-None-Match", tag)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("ETag") == tag {
			t.Errorf("after %s: %s", what, answer.Status)
		}
		tag = answer.Header.Get("ETag")
	}
	n.now = n.now.Add(24 * time.Hour)
	changed("a day")
	n.publish("2022-10-01", "2022-12-31")
	changed("an event")
	n.sealed()
	changed("signatures and events")
	n.cosign("fourth")
	changed("a signature, which is no event")
	if answer, _ := n.asked(path, "Cookie", "mingzhang="+n.keys["admin"], "If-None-Match", tag); answer.StatusCode != 200 || answer.Header.Get("Cache-Control") != "private, no-store" || answer.Header.Get("ETag") != "" {
		t.Errorf("with a session: %s %v", answer.Status, answer.Header)
	}
	if answer, _ := n.asked("/b/liminba/poster/nothing/a4/"); answer.StatusCode != 404 || answer.Header.Get("ETag") != "" || answer.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("a page that is not there: %s %v", answer.Status, answer.Header)
	}
	pinned, _ := n.asked("/b/liminba/known/100/2021/")
	if pinned.Header.Get("Cache-Control") != cachePinned || pinned.Header.Get("ETag") == "" {
		t.Errorf("a page of a version: %s %v", pinned.Status, pinned.Header)
	}
	if day, _ := n.asked("/b/liminba/known/2022-01-01/2021/"); day.Header.Get("Cache-Control") != cacheFresh {
		t.Errorf("a page of a day: %v", day.Header)
	}
	if wall, _ := n.asked("/b/liminba/wall/"); wall.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("the wall says when it was made and is kept: %v", wall.Header)
	}
}
