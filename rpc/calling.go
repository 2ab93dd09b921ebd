package rpc

import "context"

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
