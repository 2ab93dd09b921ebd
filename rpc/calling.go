package rpc

import "context"

type keyOfCall struct{}

// WithKey makes calls through InProcess be those of whoever holds a bearer key or the key of a session, as if it had come over HTTP: pages call
// so. A key that opens nothing is refused. Over HTTP it means nothing.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyOfCall{}, key)
}
