package rpc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// reads are the methods that can be called by GET: those everybody may call, or the others.
func reads(public bool) []protoreflect.MethodDescriptor {
	var list []protoreflect.MethodDescriptor
	for _, m := range methodDescriptors() {
		callers, _ := callersOf(string(m.Name()))
		level := m.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel()
		if level == descriptorpb.MethodOptions_NO_SIDE_EFFECTS && callers.Public == public {
			list = append(list, m)
		}
	}
	return list
}

func getURL(t testing.TB, request proto.Message) string {
	t.Helper()
	body, err := protojson.Marshal(request)
	fatalIf(t, err)
	return procedure(methodOf(request)) + "?encoding=json&message=" + url.QueryEscape(string(body))
}

// tags remembers what each tag stood for: a strong tag stands for one sequence of bytes.
type tags map[string]string

func (tags tags) check(t testing.TB, what string, r reply) string {
	t.Helper()
	tag := r.header.Get("Etag")
	if len(tag) < 20 || tag[0] != '"' {
		t.Fatalf("%s has no strong tag: %d %v %s", what, r.status, r.header, r.body)
	}
	if before, ok := tags[tag]; ok && before != r.body {
		t.Errorf("%s: one tag of two answers:\n%s\n%s", what, before, r.body)
	}
	tags[tag] = r.body
	return tag
}

const fresh = "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"

// TestEveryPublicReadIsCached: with and without a key, by GET and HEAD, every public read has a strong tag, and the tag of
// what the client has makes the answer a 304.
func TestEveryPublicReadIsCached(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.everythingPublic()
	seen := tags{}
	if len(reads(true)) < 8 {
		t.Fatalf("only %d public reads", len(reads(true)))
	}
	for _, m := range reads(true) {
		name, get := string(m.Name()), getURL(t, wellFormed(t, m.Input()))
		for who, caching := range map[string]string{"": fresh, "stranger": "private, no-cache"} {
			answer := v.send(http.MethodGet, who, get, nil, "Accept-Encoding", "identity")
			tag := seen.check(t, name, answer)
			if answer.status != 200 || answer.header.Get("Cache-Control") != caching {
				t.Errorf("%s as %q: %d %v", name, who, answer.status, answer.header)
			}
			if vary := strings.Join(answer.header.Values("Vary"), ", "); vary != "Authorization, Accept-Encoding" {
				t.Errorf("%s varies with %q", name, vary)
			}
			for _, known := range []string{tag, `"x", W/` + tag, "*"} {
				again := v.send(http.MethodGet, who, get, nil, "Accept-Encoding", "identity", "If-None-Match", known)
				if again.status != 304 || again.body != "" || again.header.Get("Etag") != tag || again.header.Get("Cache-Control") != caching {
					t.Errorf("%s as %q with %s: %d %v %s", name, who, known, again.status, again.header, again.body)
				}
			}
			if other := v.send(http.MethodGet, who, get, nil, "If-None-Match", `"`+strings.Repeat("a", 24)+`"`); other.body != answer.body {
				t.Errorf("%s with another tag: %d %s", name, other.status, other.body)
			}
			head := v.send(http.MethodHead, who, get, nil, "Accept-Encoding", "identity")
			if head.status != 200 || head.body != "" || head.header.Get("Etag") != tag || head.header.Get("Content-Type") != "application/json" {
				t.Errorf("HEAD of %s: %d %v %s", name, head.status, head.header, head.body)
			}
		}
		post := v.post("", procedure(m), `{"collectiveId":"lmb"}`)
		if post.header.Get("Etag") != "" || post.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s by POST: %v", name, post.header)
		}
		v.keys["nobody"] = "mz_none"
		if bad := v.send(http.MethodGet, "nobody", get, nil); bad.status != 401 || bad.header.Get("Etag") != "" || bad.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s with a key that is none: %d %v", name, bad.status, bad.header)
		}
	}
}

// TestPrivateReadsAreKeptNowhere, whoever asks and whatever comes of it.
func TestPrivateReadsAreKeptNowhere(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	for _, m := range reads(false) {
		for _, who := range []string{"", "auditor", "chief"} {
			answer := v.send(http.MethodGet, who, getURL(t, wellFormed(t, m.Input())), nil, "If-None-Match", "*")
			if answer.status == 304 || answer.header.Get("Etag") != "" || answer.header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("%s as %q: %d %v", m.Name(), who, answer.status, answer.header)
			}
		}
	}
}

// TestTagChangesWhenTheAnswerDoes: with every event of its collective and with none of another; not at all when the request
// names the version; and with the way the answer is written.
func TestTagChangesWhenTheAnswerDoes(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	seen := tags{}
	tagOf := func(request proto.Message, headers ...string) (tag, caching string) {
		t.Helper()
		answer := v.send(http.MethodGet, "", getURL(t, request), nil, headers...)
		return seen.check(t, string(request.ProtoReflect().Descriptor().Name()), answer), answer.header.Get("Cache-Control")
	}
	requests := []proto.Message{
		&apiv1.GetFundStatementRequest{CollectiveId: "lmb"}, &apiv1.ListPoliciesRequest{CollectiveId: "lmb"},
		&apiv1.GetSpendingRuleRequest{CollectiveId: "lmb"}, &apiv1.ListResolutionsRequest{CollectiveId: "lmb"},
		&apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb"}, &apiv1.GetCollectiveRequest{CollectiveId: "lmb"},
	}
	for _, r := range requests {
		before, _ := tagOf(r)
		v.must("neighbour", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "far", MoneyAccount: "bank-" + id()[30:], Kind: apiv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK, Name: "信用社"})
		if after, _ := tagOf(r); after != before {
			t.Errorf("%T: an event of another collective changed the tag", r)
		}
		v.must("treasurer", income("1.00"))
		if after, _ := tagOf(r); after == before {
			t.Errorf("%T: an event left the tag as it was", r)
		}
	}
	pin := &apiv1.GetFundStatementRequest{CollectiveId: "lmb", AsKnownAt: "12"}
	before, caching := tagOf(pin)
	if caching != "public, max-age=2592000, immutable" {
		t.Errorf("a read at a version: %s", caching)
	}
	v.must("treasurer", income("1.00"))
	if after, _ := tagOf(pin); after != before {
		t.Error("a read at a version got another tag")
	}
	for _, moment := range []string{"2021-09-30", "2021-09-30T00:00:00Z", ""} {
		if _, caching := tagOf(&apiv1.GetFundStatementRequest{CollectiveId: "lmb", AsKnownAt: moment}); caching != fresh {
			t.Errorf("as known at %q, which grows: %s", moment, caching)
		}
	}
	if _, caching := tagOf(&apiv1.GetCollectiveRequest{CollectiveId: "lmb", AsKnownAt: "12"}); caching != fresh {
		t.Errorf("GetCollective depends on today: %s", caching)
	}
	ahead := v.send(http.MethodGet, "", getURL(t, &apiv1.GetFundStatementRequest{CollectiveId: "lmb", AsKnownAt: "100000"}), nil)
	if _, reason := ahead.refusal(); reason != "version_stale" || ahead.header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("a version that is not there yet: %v %s", ahead.header, ahead.body)
	}
	v.resolve("second", apiv1.Matter_MATTER_OTHER)
	first := v.must("", &apiv1.ListResolutionsRequest{CollectiveId: "lmb", PageSize: 1}).(*apiv1.ListResolutionsResponse)
	next := &apiv1.ListResolutionsRequest{CollectiveId: "lmb", PageSize: 1, PageToken: first.NextPageToken}
	before, caching = tagOf(next)
	v.must("treasurer", income("1.00"))
	if after, _ := tagOf(next); after != before || caching != "public, max-age=2592000, immutable" {
		t.Errorf("the second page: %s, tag changed: %v", caching, after != before)
	}
	if same := v.send(http.MethodGet, "", getURL(t, next), nil, "If-None-Match", before); same.status != 304 {
		t.Errorf("the second page again: %d", same.status)
	}
	plain, _ := tagOf(requests[0], "Accept-Encoding", "identity")
	packed, _ := tagOf(requests[0], "Accept-Encoding", "br, gzip")
	binary := v.send(http.MethodGet, "", strings.Replace(getURL(t, requests[0]), "encoding=json&message=%7B%22collectiveId%22%3A%22lmb%22%7D", "encoding=proto&base64=1&message=CgNsbWI", 1), nil)
	if tag := binary.header.Get("Etag"); binary.status != 200 || tag == plain || tag == packed || plain == packed {
		t.Errorf("JSON %s, packed %s, protobuf %d %s", plain, packed, binary.status, tag)
	}
}

// TestDescriptionIsServed: GET /openapi.yaml, whole, packed and not again.
func TestDescriptionIsServed(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	plain := v.send(http.MethodGet, "", "/openapi.yaml", nil, "Accept-Encoding", "identity")
	if plain.status != 200 || plain.header.Get("Content-Type") != "application/yaml" || !strings.HasPrefix(plain.body, "openapi: 3.1.0\n") {
		t.Errorf("%d %v", plain.status, plain.header)
	}
	packed := v.send(http.MethodGet, "", "/openapi.yaml", nil, "Accept-Encoding", "gzip")
	if packed.header.Get("Content-Encoding") != "gzip" || len(packed.body) > len(plain.body)/4 || packed.header.Get("Etag") == plain.header.Get("Etag") {
		t.Errorf("packed: %v, %d bytes", packed.header, len(packed.body))
	}
	if again := v.send(http.MethodGet, "", "/openapi.yaml", nil, "Accept-Encoding", "gzip", "If-None-Match", packed.header.Get("Etag")); again.status != 304 || again.body != "" {
		t.Errorf("again: %d", again.status)
	}
}

// TestAnswersSayHowOldTheyAre: a node that has lost touch with the store goes on answering reads, and says since when.
func TestAnswersSayHowOldTheyAre(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	age := 4 * time.Second
	v.config.BooksAge = func() time.Duration { return age }
	v.server = rpc.New(v.config)
	v.listen()
	for _, c := range []struct {
		age  time.Duration
		want string
	}{{4 * time.Second, ""}, {5 * time.Second, "5"}, {90*time.Second + 1, "90"}} {
		age = c.age
		answer, err := v.http.Get(v.url + getURL(t, &apiv1.GetFundStatementRequest{CollectiveId: "lmb"}))
		fatalIf(t, err)
		answer.Body.Close()
		if got := answer.Header.Get("Mingzhang-Books-Age"); got != c.want || answer.StatusCode != http.StatusOK {
			t.Errorf("%v: %d, %q, want %q", c.age, answer.StatusCode, got, c.want)
		}
	}
}
