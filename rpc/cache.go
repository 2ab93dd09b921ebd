package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
)

// Public answers may be kept by caches on the way for as long as a board may be behind, and longer when the server is away.
const (
	cachePublic  = "public, max-age=15, stale-while-revalidate=60"
	cachePrivate = "private, no-store"
)

// cacheHeaders says how an answer over HTTP may be kept. A public one fetched by GET carries a tag of its content; a client
// that names the tag it has gets 304 Not Modified, as an error that ends the call.
func cacheHeaders(ctx context.Context, m *method, answer proto.Message) error {
	info, ok := connecthttp.ServerInfoForContext(ctx)
	if !ok {
		return nil
	}
	call, _ := connect.CallInfoForServerContext(ctx)
	headers := call.ResponseHeader()
	if info.HTTPMethod() != http.MethodGet || m.callers == nil || !m.callers.Public {
		headers.Set("Cache-Control", cachePrivate)
		return nil
	}
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", m.procedure, err)
	}
	hash := sha256.Sum256(content)
	tag := `W/"` + hex.EncodeToString(hash[:12]) + `"` // weak: the same content as JSON, protobuf or compressed has one tag
	headers.Set("Cache-Control", cachePublic)
	headers.Set("Etag", tag)
	for _, known := range strings.Split(call.RequestHeader().Get("If-None-Match"), ",") {
		if strings.TrimSpace(known) == tag {
			return connecthttp.NewNotModifiedError()
		}
	}
	return nil
}
