package rpc

import (
	"net/http"
	"net/netip"
	"strings"
)

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
