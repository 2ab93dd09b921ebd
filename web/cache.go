package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

const (
	// cacheFresh is as long as a public page may be behind, and longer while the server is away.
	cacheFresh = "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
	// cachePinned is of a page whose address names the version it shows; a month, because a later build may show more of it.
	cachePinned = "public, max-age=2592000, immutable"
)

// public makes a page that is the same for everybody one that may be kept: with a tag, by which a browser that has it gets 304 before
// anything is made. A visitor with a session gets it from nowhere but here, for the frame around it may be his own.
//
// The tag is made of what a public page can depend on: the build, the address, the collective's day (a page may say today's), the version of
// its log, and who has signed its months. It is made before the page: a page that is newer than its tag is asked for once more, and one that is
// older there is not.
func (s *site) public(p page) page {
	return func(v *visit) (templ.Component, error) {
		if v.key != "" || v.static {
			return p(v)
		}
		tag, err := s.tag(v)
		if err != nil {
			return nil, noSuch(err) // what is no collective has no page
		}
		return v.kept(tag, cacheFresh, p)
	}
}

// pinned makes a page of an earlier moment one that may be kept: for long where its address names the version it shows, for what was known
// then never changes, and else as other public pages.
func (s *site) pinned(p page) page {
	public := s.public(p)
	return func(v *visit) (templ.Component, error) {
		if v.key != "" || v.static || !version.MatchString(v.request.PathValue("moment")) {
			return public(v)
		}
		return v.kept(tagOf(string(rpc.Build()), v.whole()), cachePinned, p)
	}
}

// kept makes a page under its tag, or says that the visitor has it.
func (v *visit) kept(tag, how string, p page) (templ.Component, error) {
	v.writer.Header().Set("ETag", tag)
	v.writer.Header().Set("Cache-Control", how)
	if matches(v.request.Header.Get("If-None-Match"), tag) {
		v.writer.WriteHeader(http.StatusNotModified)
		return nil, nil
	}
	return p(v)
}

// whole is the address of a page as it was asked for, query included.
func (v *visit) whole() string {
	return prefixed(v.path, v.lang, v.large) + "?" + v.request.URL.RawQuery
}

// tag is that of a public page now.
func (s *site) tag(v *visit) (string, error) {
	about, err := s.about(v, "")
	if err != nil {
		return "", err
	}
	parts := []string{string(rpc.Build()), s.config.Origin, v.whole(), v.clockOf(about).Format(time.DateOnly), fmt.Sprint(about.Version)}
	r := &apiv1.ListSealsRequest{CollectiveId: about.Id, PageSize: pageMost}
	for {
		answer, err := s.disclosure.ListSeals(v.public(), r)
		if err != nil {
			return "", err
		}
		for _, seal := range answer.Seals {
			for _, g := range seal.Groups {
				parts = append(parts, seal.Month, g.Name, strings.Join(g.Signed, " "))
			}
		}
		if r.PageToken = answer.NextPageToken; r.PageToken == "" {
			return tagOf(parts...), nil
		}
	}
}

// tagOf hashes parts with their lengths, so that they cannot be cut differently.
func tagOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d %s", len(part), part)
	}
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18]) + `"`
}

// gzipSuffix is what a tag ends with when the answer is compressed, which is other bytes.
const gzipSuffix = "-gzip"

// matches compares tags the weak way, as If-None-Match is to be: proxies that compress make tags weak, and ours of compressed pages have
// the suffix.
func matches(known, tag string) bool {
	for k := range strings.SplitSeq(known, ",") {
		k = strings.TrimPrefix(strings.TrimSpace(k), "W/")
		if k == tag || strings.TrimSuffix(k, gzipSuffix+`"`)+`"` == tag {
			return true
		}
	}
	return false
}

// file answers with something that is no page: the wrapper of a page may have said how long it may be kept.
func (v *visit) file(contentType string, data []byte) {
	h := v.writer.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	v.writer.WriteHeader(http.StatusOK)
	_, _ = v.writer.Write(data) // who left needs no answer
}
