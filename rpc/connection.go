package rpc

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
)

// connection is the HTTP connection that a long call came on. A nil one, of a call in process, has no deadlines to move.
type connection struct{ controller *http.ResponseController }

type connectionKey struct{}

func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// received lets a long call outlive the time for requests, once its request is there. Over HTTP/1.1 the deadline of reading
// would otherwise end the call when it passes.
func (c *connection) received(timeout time.Duration) {
	if c == nil {
		return
	}
	// Best effort: a writer without deadlines has none to move.
	_ = c.controller.SetReadDeadline(time.Time{})
	_ = c.controller.SetWriteDeadline(time.Now().Add(timeout))
}

// writeWithin gives the client that long to take what is written next; then the connection is cut.
func (c *connection) writeWithin(patience time.Duration) {
	if c != nil {
		_ = c.controller.SetWriteDeadline(time.Now().Add(patience))
	}
}

// tooLarge refuses a request by the length it announces, before any of it is read, and closes the connection, so that the
// rest is not read either.
func tooLarge(refusals *connecthttp.ErrorWriter, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Cache-Control", cacheNone)
	_ = refusals.Write(w, r, refusalError(refuse(requestTooLarge, "", "max", strconv.Itoa(requestBytesMax)))) // who left needs no answer
}

// peerOf is the address a call came from; empty in process.
func peerOf(ctx context.Context) string {
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		return info.PeerAddr
	}
	return ""
}

type recheckKey struct{}

// stillAllowed asks again whether the caller of a long call may make it.
func stillAllowed(ctx context.Context, request proto.Message) error {
	recheck, ok := ctx.Value(recheckKey{}).(func(proto.Message) error)
	if !ok {
		return nil
	}
	return recheck(request)
}
