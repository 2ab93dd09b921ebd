package web

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// language is that of a page.
type language int

const (
	chinese language = iota
	english
)

// englishPrefix is what the addresses of English pages begin with; largePrefix follows it in those of pages in large print.
const (
	englishPrefix = "/en"
	largePrefix   = "/large"
)

// visit is one request for a page, or one page that is written to a file.
type visit struct {
	site    *site
	request *http.Request
	writer  http.ResponseWriter
	ctx     context.Context // of calls to the services: whose key, from which address
	lang    language
	large   bool   // in large print
	path    string // of the page, without language and print, its parts escaped: /b/liminba/2021/
	key     string // of the session; empty for a visitor without one
	static  bool   // written to a file: addresses are relative, nothing that needs a server
	bare    bool   // inside another site's frame: no head, no foot
}

// newVisit reads what a request says about itself.
func (s *site) newVisit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{site: s, request: r, writer: w, path: canonical(r.URL), static: s.published != nil}
	if rest, ok := strings.CutPrefix(v.path, englishPrefix+"/"); ok {
		v.lang, v.path = english, "/"+rest
	}
	if rest, ok := strings.CutPrefix(v.path, largePrefix+"/"); ok {
		v.large, v.path = true, "/"+rest
	}
	v.ctx = rpc.FromAddress(r.Context(), s.addressOf(r))
	if cookie, err := r.Cookie(s.cookieName()); err == nil && cookie.Value != "" {
		v.key = cookie.Value
		v.ctx = rpc.WithKey(v.ctx, v.key)
	}
	return v
}

// canonical is the path of an address, each part escaped in the one way, so that it can be written into a link: unescaped, a slash in a part
// would lead to another site.
func canonical(u *url.URL) string {
	parts := strings.Split(u.EscapedPath(), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = url.PathEscape(plain)
		}
	}
	return strings.Join(parts, "/")
}

// public is the context of calls that are made as a visitor without a key, so that a public page is the same for everybody.
func (v *visit) public() context.Context {
	return rpc.FromAddress(v.request.Context(), v.site.addressOf(v.request))
}

// signedIn says whether the page is one of somebody who brought the key of a session. Public pages are the same for everybody.
func (v *visit) signedIn() bool {
	return v.key != "" && !v.static && !strings.HasPrefix(v.path, "/b/") && !strings.HasPrefix(v.path, "/sign-in/") && !strings.HasPrefix(v.path, "/invitation/")
}

// collective is the id in the page's address; empty where there is none.
func (v *visit) collective() string { return v.request.PathValue("collective") }

// text picks the one of the visit's language; Chinese gets its own marks.
func (v *visit) text(zh, en string) string {
	if v.lang == english {
		return en
	}
	return typeset(zh)
}

// code is the language as HTML names it.
func (v *visit) code() string { return v.text("zh-Hans", "en") }

// href is the address of a page given without its language: of the visit's language and, in files, relative to the page at hand.
func (v *visit) href(to string) string {
	return v.address(to, v.lang, v.large)
}

// other is the address of this page in the other language.
// On a desk it asks for the same.
func (v *visit) other() string {
	to := v.address(v.path, 1-v.lang, v.large)
	if !v.static && v.request.Method == http.MethodGet && v.request.URL.RawQuery != "" {
		to += "?" + v.request.URL.RawQuery
	}
	return to
}

// resized is the address of this page in the other print.
func (v *visit) resized() string { return v.address(v.path, v.lang, !v.large) }

func (v *visit) address(to string, lang language, large bool) string {
	to, fragment, _ := strings.Cut(to, "#")
	if fragment != "" {
		fragment = "#" + fragment
	}
	if !strings.HasPrefix(to, "/assets/") {
		to = prefixed(to, lang, large)
	}
	if !v.static {
		return to + fragment
	}
	return relative(prefixed(v.path, v.lang, v.large), fileOf(to)) + fragment
}

// prefixed is an address in a language and a print.
func prefixed(to string, lang language, large bool) string {
	if large {
		to = largePrefix + to
	}
	if lang == english {
		to = englishPrefix + to
	}
	return to
}

// fileOf is the file that a page is written to: index.html in the directory of its address.
func fileOf(address string) string {
	if strings.HasSuffix(address, "/") {
		return address + "index.html"
	}
	return address
}

// relative is the way from a page to a file of the same site.
func relative(from, to string) string {
	dir := strings.Split(strings.Trim(path.Dir(fileOf(from)), "/"), "/")
	if dir[0] == "" {
		dir = nil
	}
	parts := strings.Split(strings.TrimPrefix(to, "/"), "/")
	for len(dir) > 0 && len(parts) > 1 && dir[0] == parts[0] {
		dir, parts = dir[1:], parts[1:]
	}
	return strings.Repeat("../", len(dir)) + strings.Join(parts, "/")
}
