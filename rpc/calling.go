package rpc

import (
	"context"
	"net"
)

type (
	keyOfCall     struct{}
	addressOfCall struct{}
)

// WithKey makes calls through InProcess be those of whoever holds a bearer key or the key of a session, as if it had come over HTTP: pages call
// so. A key that opens nothing is refused. Over HTTP it means nothing.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyOfCall{}, key)
}

// FromAddress says from which address the person behind a call through InProcess came, for limits by address. Over HTTP it means nothing.
func FromAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressOfCall{}, address)
}

// addressOf is the address that a call came from, without a port; empty where there is none.
func addressOf(ctx context.Context) string {
	if address, ok := ctx.Value(addressOfCall{}).(string); ok {
		return address
	}
	host, _, err := net.SplitHostPort(peerOf(ctx))
	if err != nil {
		return peerOf(ctx)
	}
	return host
}
