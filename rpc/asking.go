package rpc

import (
	"cmp"
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/time/rate"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file bounds how often one address asks without a key.

const tooOften ledger.Reason = "too_often"

// Asking bounds inquiries without a key, for each remote address; of IPv6, for each /64. The zero one stands for the defaults.
type Asking struct {
	EveryHour int // inquiries an hour in the long run; default 5
	Burst     int // that may come at once; default 3
	// Addresses is how many addresses are told apart; default 10,000. When there are more at one time, the new ones share one bound.
	Addresses int
}

// AskingDefault is what the zero Asking stands for.
var AskingDefault = Asking{EveryHour: 5, Burst: 3, Addresses: 10_000}

type askers struct {
	limit Asking

	mu   sync.Mutex
	each map[string]*rate.Limiter // by address
	rest *rate.Limiter            // of all for whom there is no room
}

func newAskers(limit Asking) *askers {
	limit.EveryHour = cmp.Or(limit.EveryHour, AskingDefault.EveryHour)
	limit.Burst = cmp.Or(limit.Burst, AskingDefault.Burst)
	limit.Addresses = cmp.Or(limit.Addresses, AskingDefault.Addresses)
	a := &askers{limit: limit, each: map[string]*rate.Limiter{}}
	a.rest = a.limiter()
	return a
}

func (a *askers) limiter() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(a.limit.EveryHour)/time.Hour.Seconds()), a.limit.Burst)
}

// take counts one inquiry of an address, or says how long it has to wait. Calls in process that name no address are not bounded: who
// holds the process holds the store.
func (a *askers) take(address string, now time.Time) (wait time.Duration) {
	if address == "" {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.of(address, now).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// of is the limiter of an address. Those that have everything they may take again are forgotten when there is no room.
func (a *askers) of(address string, now time.Time) *rate.Limiter {
	if l := a.each[address]; l != nil {
		return l
	}
	if len(a.each) >= a.limit.Addresses {
		for other, l := range a.each {
			if l.TokensAt(now) >= float64(a.limit.Burst) {
				delete(a.each, other)
			}
		}
	}
	if len(a.each) >= a.limit.Addresses {
		return a.rest
	}
	l := a.limiter()
	a.each[address] = l
	return l
}

// addressOf is whom a call without a key counts for: an IP address, of IPv6 the first half; empty for a call in process that names none.
// Behind a proxy that the server is told to trust it is the last address that the proxy wrote down.
func (s *Server) addressOf(ctx context.Context) string {
	if given, ok := ctx.Value(addressOfCall{}).(string); ok { // only contexts of calls in process come from their callers
		return network(given)
	}
	if callerOf(ctx).local {
		return ""
	}
	address := peerOf(ctx)
	if info, ok := connect.CallInfoForServerContext(ctx); ok && s.config.TrustProxy {
		if list := info.RequestHeader().Values("X-Forwarded-For"); len(list) > 0 {
			hops := strings.Split(list[len(list)-1], ",")
			address = strings.TrimSpace(hops[len(hops)-1])
		}
	}
	return network(address)
}

// network is the part of an address that tells visitors apart. What is no address counts as itself.
func network(address string) string {
	ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if port, portErr := netip.ParseAddrPort(address); err != nil && portErr == nil {
		ip, err = port.Addr(), nil
	}
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64) // 64 fits
		return prefix.String()
	}
	return ip.String()
}
