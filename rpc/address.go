package rpc

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

type addressKey struct{}

// FromAddress makes calls through InProcess calls from an address: the pages pass on that of whoever asked them, host or host:port. Over
// HTTP it means nothing, there the connection tells.
func FromAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// addressOf is the host a call came from, without a port, by which callers are told apart who are not signed in; empty when it is not
// known.
func addressOf(ctx context.Context) string {
	address := peerOf(ctx)
	if given, ok := ctx.Value(addressKey{}).(string); ok && address == "" {
		address = given
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// TrustProxy takes the address of who asks from the last entry of X-Forwarded-For, which the reverse proxy in front has written. Only
// behind such a proxy, for anybody else can write what he likes there.
func TrustProxy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if last, err := netip.ParseAddr(strings.TrimSpace(entries[len(entries)-1])); err == nil {
			r = r.WithContext(r.Context()) // a copy
			r.RemoteAddr = netip.AddrPortFrom(last, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}
