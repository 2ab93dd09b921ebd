package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
)

// Answers of public reads fetched by GET (or looked at by HEAD) carry a strong tag and may be kept by caches on the way; a
// client that names the tag it has gets 304 Not Modified. Everything else, errors too, is kept nowhere.
//
// The tag of a read of the log alone (logReads) is made of the request, the version of the collective that the answer
// reflects, the build of the program, and how the answer is written (JSON or protobuf, compressed or not). Such an answer
// names its version, so its tag changes exactly when the answer does, and a 304 costs no answer. The tag of any other public
// read is made of its content instead of the version.
const (
	// As long as a board may be behind, and longer while the server is away.
	cacheFresh = "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
	// An answer about a version named in the request never changes; a month, because a later build may add fields to it.
	cachePinned = "public, max-age=2592000, immutable"
	// The same answers for a caller with a key: his own cache may keep them, and asks each time, so that a key that was
	// withdrawn is refused at once.
	cacheOwn  = "private, no-cache"
	cacheNone = "private, no-store"

	// Whether there is a key, to be refused if it is no good, decides the answer too; connecthttp adds the compression.
	varies = "Authorization"
)

// logReads are the public reads whose answers follow from the request and the collective's log alone: no clock, no other
// stream. GetCollective is none, it depends on today; lists of lines are none, for the masks in them can be withdrawn.
var logReads = map[string]bool{
	"GetFundStatement": true, "ListPolicies": true, "GetSpendingRule": true, "ListResolutions": true, "ListEditions": true,
	"GetBoard": true, "ListRounds": true,
}

// cached is a public read by GET on its way: what its tag is made of.
type cached struct {
	header  *connect.Header // of the answer
	known   string          // If-None-Match: the tags the client has
	writing string          // how the answer is written
	own     bool            // the caller sent a key
	request proto.Message
}

// keepNowhere is what every answer says until it is known to be one that may be kept.
func keepNowhere(ctx context.Context) {
	if _, ok := connecthttp.ServerInfoForContext(ctx); ok {
		call, _ := connect.CallInfoForServerContext(ctx)
		call.ResponseHeader().Set("Cache-Control", cacheNone)
	}
}

// cacheOf is what a public read by GET needs to say that its answer may be kept; nil for other calls.
func cacheOf(ctx context.Context, m *method, c *caller) *cached {
	info, ok := connecthttp.ServerInfoForContext(ctx)
	if !ok {
		return nil
	}
	call, _ := connect.CallInfoForServerContext(ctx)
	if info.HTTPMethod() != http.MethodGet || !m.read || m.callers == nil || !m.callers.Public {
		return nil
	}
	query := info.HTTPGetQueryParams()
	coding := "plain"
	if query.Get("compression") == "gzip" || acceptsGzip(call.RequestHeader().Get("Accept-Encoding")) {
		coding = "gzip" // small answers are not compressed all the same: two tags of the same bytes do no harm
	}
	return &cached{
		header: call.ResponseHeader(), known: strings.Join(call.RequestHeader().Values("If-None-Match"), ","),
		writing: query.Get("encoding") + " " + coding, own: !c.anonymous(),
	}
}

// acceptsGzip reads Accept-Encoding as connecthttp does, which knows no weights.
func acceptsGzip(accept string) bool {
	for name := range strings.FieldsFuncSeq(accept, func(r rune) bool { return r == ',' || r == ' ' }) {
		if name == "gzip" {
			return true
		}
	}
	return false
}

// received ends a call whose client has the answer already, before it is made, where that can be told.
func (k *cached) received(ctx context.Context, s *Server, m *method, request proto.Message) error {
	k.request = request
	r, ok := request.(readRequest)
	if !ok || !logReads[m.name] || k.known == "" {
		return nil
	}
	version, err := s.versionOf(ctx, r)
	if err != nil {
		return nil // the method says it better
	}
	return k.answer(k.tag(m, "version", binary.BigEndian.AppendUint64(nil, version)), false)
}

// versionOf is the version that the answer to a read would reflect now.
func (s *Server) versionOf(ctx context.Context, r readRequest) (uint64, error) {
	var from position
	if paged, ok := r.(pagedRequest); ok {
		var err error
		if from, err = pageOf(paged); err != nil {
			return 0, err
		}
	}
	at, err := s.readAt(ctx, r, from.version)
	return at.version, err
}

// sending writes the headers of an answer, or ends the call where the client has it already.
func (k *cached) sending(m *method, answer proto.Message) error {
	if versioned, ok := answer.(interface{ GetVersion() uint64 }); ok && logReads[m.name] {
		return k.answer(k.tag(m, "version", binary.BigEndian.AppendUint64(nil, versioned.GetVersion())), true)
	}
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", m.procedure, err)
	}
	return k.answer(k.tag(m, "content", content), true)
}

// tag is the strong tag of an answer that depends on the request and on what is given.
func (k *cached) tag(m *method, kind string, on []byte) string {
	request, _ := proto.MarshalOptions{Deterministic: true}.Marshal(k.request) // a message that was read can be written
	h := sha256.New()
	for _, part := range [][]byte{build(), []byte(m.procedure), []byte(k.writing), request, []byte(kind), on} {
		writePart(h, part)
	}
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18]) + `"`
}

// writePart hashes a part with its length, so that parts cannot be cut differently.
func writePart(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write(part)
}

// answer sets the headers and gives the 304 when the client has this tag. sure says that there is an answer of this tag;
// otherwise the headers are set only for a 304.
func (k *cached) answer(tag string, sure bool) error {
	matched := matches(k.known, tag, sure)
	if !matched && !sure {
		return nil
	}
	k.header.Set("Etag", tag)
	k.header.Set("Vary", varies)
	switch {
	case k.own:
		k.header.Set("Cache-Control", cacheOwn)
	case pinned(k.request):
		k.header.Set("Cache-Control", cachePinned)
	default:
		k.header.Set("Cache-Control", cacheFresh)
	}
	if matched {
		return connecthttp.NewNotModifiedError()
	}
	return nil
}

// matches compares tags the weak way, as If-None-Match is to be: proxies that compress make tags weak.
func matches(known, tag string, any bool) bool {
	for k := range strings.SplitSeq(known, ",") {
		k = strings.TrimSpace(k)
		if strings.TrimPrefix(k, "W/") == tag || any && k == "*" {
			return true
		}
	}
	return false
}

// pinned says whether a request names the very version its answer reflects: by as_known_at as a version, which is not beyond
// the present when there is an answer, or by the token of a page.
func pinned(request proto.Message) bool {
	if name := string(request.ProtoReflect().Descriptor().Name()); !logReads[strings.TrimSuffix(name, "Request")] {
		return false
	}
	if r, ok := request.(readRequest); ok && r.GetAsKnownAt() != "" && strings.Trim(r.GetAsKnownAt(), "0123456789") == "" {
		return true
	}
	r, ok := request.(pagedRequest)
	return ok && r.GetPageToken() != ""
}

// build tells builds of the program apart, for another one may write the same answer differently: by the revision and the
// version of every module, and where those do not say it all, by the executable.
var build = sync.OnceValue(func() []byte {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	text, known := info.String(), info.Main.Sum != ""
	for _, s := range info.Settings {
		known = known || s.Key == "vcs.modified" && s.Value == "false"
	}
	if path, err := os.Executable(); err == nil && !known {
		if file, err := os.Stat(path); err == nil {
			text += fmt.Sprint(file.Size(), file.ModTime().UnixNano())
		}
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:]
})
