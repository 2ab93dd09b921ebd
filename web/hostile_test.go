package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// TestAddressesLeadNowhereElse: whatever is written into the address of a page, no link and no redirect of it leaves the site.
func TestAddressesLeadNowhereElse(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	links := regexp.MustCompile(`(?:href|action|src)="([^"]*)"`)
	for _, path := range []string{
		"/en/%2Fevil.example/", "/large/%2Fevil.example/", "/en/large/%2fevil.example", "/en/%5Cevil.example/", "/en//evil.example/", "/en/%2F%2Fevil.example/%2E%2E/",
		"/b/liminba/%2F%2Fevil.example", "/b/liminba/%3Fevil.example/", "/d/%2Fevil.example/", "/en/javascript:alert(1)/", "/b/liminba/known/%2Fevil.example/",
	} {
		answer, page := n.get(path)
		to := []string{answer.Header.Get("Location")}
		for _, link := range links.FindAllStringSubmatch(page, -1) {
			to = append(to, strings.ReplaceAll(link[1], "&#43;", "+"))
		}
		for _, link := range to {
			u, err := url.Parse(link)
			if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(link, "//") || strings.HasPrefix(link, `/\`) {
				t.Errorf("%s leads to %q", path, link)
			}
		}
	}
	_, page := n.get("/en/b/a%3Fb%23c/")
	if !strings.Contains(page, `href="/b/a%3Fb%23c/"`) {
		t.Error("the other language of an escaped address is not at it")
	}
}

// TestPlaceIsKept: a missing slash and signing in lose neither the language nor the large print.
func TestPlaceIsKept(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	for path, want := range map[string]string{
		"/en/sign-in":                    "/en/sign-in/",
		"/en/large/account":              "/en/large/account/",
		"/large/b/liminba":               "/large/b/liminba/",
		"/en/b/liminba/poster":           "/en/b/liminba/poster/",
		"/en":                            "/en/",
		"/en/large/account/?x=1":         "/en/large/sign-in/?next=" + url.QueryEscape("/en/large/account/?x=1"),
		"/large/d/liminba/form/income/":  "/large/sign-in/?next=" + url.QueryEscape("/large/d/liminba/form/income/"),
		"/d/liminba/committee/?month=%2": "/sign-in/?next=" + url.QueryEscape("/d/liminba/committee/?month=%2"),
	} {
		if answer, _ := n.get(path); answer.Header.Get("Location") != want {
			t.Errorf("%s: %d leads to %q, not %q", path, answer.StatusCode, answer.Header.Get("Location"), want)
		}
	}
}

// TestFormsOfOldBrowsers: one without Sec-Fetch-Site sends the origin alone. It has to be let in, whatever the proxy in front calls this
// server; so no page with a form may tell the browser to send no referrer, for then the origin is null.
func TestFormsOfOldBrowsers(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	const origin = "https://ledger.example"
	pages := New(Config{Services: n.server.InProcess(), Origin: origin, Clock: func() time.Time { return n.now }})
	at := "/invitation/" + n.invite("treasurer") + "/"
	opened := httptest.NewRecorder()
	pages.ServeHTTP(opened, httptest.NewRequest(http.MethodGet, "http://inner.example:8480"+at, nil))
	if got := opened.Header().Get("Referrer-Policy"); opened.Code != http.StatusOK || got != "same-origin" {
		t.Errorf("the invitation: status %d, referrer policy %q", opened.Code, got)
	}
	for from, want := range map[string]int{origin: http.StatusSeeOther, "https://evil.example": http.StatusForbidden, "null": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodPost, "http://inner.example:8480"+at, strings.NewReader(url.Values{"password": {sentence}, "password_again": {sentence}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", from)
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s: status %d", from, w.Code)
		}
	}
}
