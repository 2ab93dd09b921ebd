package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// soon is how long anything in these tests may take.
const soon = 20 * time.Second

type watch = apiv1connect.AuditServiceWatchClientStream

// watchAs opens a watch over HTTP; the test ends it, or end does.
func (v *village) watchAs(who string, after uint64, options ...connecthttp.Option) (w watch, end context.CancelFunc) {
	v.t.Helper()
	ctx, end := context.WithTimeout(v.t.Context(), soon)
	v.t.Cleanup(end)
	client := connect.NewClient(connecthttp.NewTransport(v.http, v.url, options...), withKey(v.keys[who]))
	w, err := apiv1connect.NewAuditServiceClient(client).Watch(ctx, &apiv1.WatchRequest{CollectiveId: "lmb", AfterVersion: after})
	fatalIf(v.t, err)
	return w, end
}

// next is the next event of a watch, past signs of life.
func next(t testing.TB, w watch) *apiv1.WatchResponse {
	t.Helper()
	for {
		m, err := w.Receive()
		fatalIf(t, err)
		if m.Event != nil {
			return m
		}
	}
}

// waitFor asks until something is so.
func waitFor(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// TestWatchHasNoGapAndNoRepeat: a client that loses its connection again and again, and its server once, sees every event
// once, as the log has it, while others write.
func TestWatchHasNoGapAndNoRepeat(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	server := v.listen()
	const written = 200
	done := make(chan error, 1)
	go func() {
		for range written {
			if _, err := v.inProcess("treasurer", income("1.00")); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	begun, err := v.store.Version(t.Context(), ledger.StreamOf("lmb"))
	fatalIf(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	var seen []*apiv1.WatchResponse
	version, breaks := uint64(0), 0
	for version < begun+written/2 { // at least as far; the rest comes below
		w, end := v.watchAs("auditor", version)
		for range random.IntN(20) + 1 {
			m, err := w.Receive()
			fatalIf(t, err)
			if m.Event != nil {
				seen = append(seen, m)
			}
			version = m.Version
		}
		end()
		breaks++
	}
	fatalIf(t, server.Close())
	v.listen()
	fatalIf(t, <-done)
	last, err := v.store.Version(t.Context(), ledger.StreamOf("lmb"))
	fatalIf(t, err)
	for w, _ := v.watchAs("auditor", version); version < last; version = seen[len(seen)-1].Version {
		seen = append(seen, next(t, w))
	}
	if uint64(len(seen)) != last || breaks < 3 {
		t.Fatalf("%d events seen of %d, over %d breaks", len(seen), last, breaks)
	}
	i := 0
	for stored, err := range v.store.Read(t.Context(), ledger.StreamOf("lmb"), 0) {
		fatalIf(t, err)
		if m := seen[i]; m.Version != stored.Version || m.Event.Type != stored.Type || (stored.Type == "income_recorded") != (len(m.Event.Vouchers) == 1) {
			t.Fatalf("%d-th: %v, stored %d %s", i, m, stored.Version, stored.Type)
		}
		i++
	}
	journal := v.must("auditor", &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 1, Descending: true}).(*apiv1.ListVouchersResponse)
	if have, want := jsonOf(t, seen[i-1].Event.Vouchers[0]), jsonOf(t, journal.Vouchers[0]); !sameJSON(have, want) {
		t.Errorf("the last voucher is %s, in the journal %s", have, want)
	}
}

// TestWatchWakes: an event reaches a quiet watch when it is stored, not at the next sign of life.
func TestWatchWakes(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.server.LimitWatches(time.Hour, soon, 10, 10)
	last, err := v.store.Version(t.Context(), ledger.StreamOf("lmb"))
	fatalIf(t, err)
	w, _ := v.watchAs("auditor", last)
	if m, err := w.Receive(); err != nil || m.Event != nil || m.Version != last {
		t.Fatalf("at first: %v, %v", m, err)
	}
	for range 3 {
		v.must("treasurer", income("1.00"))
		if m := next(t, w); m.Version != last+1 || m.Event.Actor != "treasurer" || m.Event.Vouchers[0].Amount != "1.00" {
			t.Errorf("%v", m)
		}
		last++
	}
}

// TestWatchIsAliveByEveryProtocol: a quiet watch outlives the server's time for reading a request, and says where it is.
func TestWatchIsAliveByEveryProtocol(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	v.server.LimitWatches(50*time.Millisecond, soon, 10, 10)
	short := func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond }
	v.listen(short)
	last, err := v.store.Version(t.Context(), ledger.StreamOf("lmb"))
	fatalIf(t, err)
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: h2}
	defer transport.CloseIdleConnections()
	http1 := v.http
	for name, options := range map[string][]connecthttp.Option{"Connect": nil, "gRPC": {connecthttp.WithGRPC()}, "gRPC-Web": {connecthttp.WithGRPCWeb()}} {
		v.http = http1
		if name == "gRPC" {
			v.http = &http.Client{Transport: transport}
		}
		w, end := v.watchAs("auditor", last, options...)
		for range 8 {
			if m, err := w.Receive(); err != nil || m.Event != nil || m.Version != last {
				t.Fatalf("%s: %v, %v", name, m, err)
			}
		}
		end()
	}
}

// TestWatchAsksAgain: a role or a key that is taken away ends the watches it opened.
func TestWatchAsksAgain(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	v.server.LimitWatches(20*time.Millisecond, soon, 10, 10)
	ends := func(w watch) error {
		for {
			if _, err := w.Receive(); err != nil {
				return err
			}
		}
	}
	w, _ := v.watchAs("auditor", 0)
	next(t, w)
	v.must("chief", &apiv1.RevokeRoleRequest{CommandId: id(), CollectiveId: "lmb", Operator: "auditor", Role: apiv1.Role_ROLE_AUDITOR})
	if err := ends(w); reasonOf(err) != ledger.RoleMissing {
		t.Errorf("without the role: %v", err)
	}
	w, _ = v.watchAs("supervisor", 0)
	next(t, w)
	key, _, _ := strings.Cut(strings.TrimPrefix(v.keys["supervisor"], "mz_"), "_")
	v.must("chief", &apiv1.RevokeKeyRequest{CommandId: id(), KeyId: key})
	if err := ends(w); reasonOf(err) != "unauthenticated" {
		t.Errorf("without the key: %v", err)
	}
	for who, want := range map[string]ledger.Reason{"approver": ledger.RoleMissing, "board": ledger.RoleMissing, "cashier": ledger.RoleMissing, "stranger": ledger.RoleMissing} {
		w, _ := v.watchAs(who, 0)
		if err := ends(w); reasonOf(err) != want {
			t.Errorf("as %s: %v", who, err)
		}
	}
}

// TestWatchesAreBounded, in all and for each caller, and a place that is left is free again.
func TestWatchesAreBounded(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	v.server.LimitWatches(time.Hour, soon, 3, 2)
	first, end := v.watchAs("auditor", 0)
	next(t, first)
	second, _ := v.watchAs("auditor", 0)
	next(t, second)
	third, _ := v.watchAs("auditor", 0)
	if _, err := third.Receive(); reasonOf(err) != "watches_too_many" || connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a third watch of one operator: %v", err)
	}
	other, _ := v.watchAs("supervisor", 0)
	next(t, other)
	full, _ := v.watchAs("treasurer", 0)
	if _, err := full.Receive(); reasonOf(err) != "watches_full" || connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a fourth watch in all: %v", err)
	}
	end()
	waitFor(t, "the place of a watch that ended", func() bool { return v.server.Watches() == 2 })
	again, _ := v.watchAs("treasurer", 0)
	next(t, again)
	ahead, _ := v.watchAs("supervisor", 100000)
	if _, err := ahead.Receive(); reasonOf(err) != "watches_full" {
		t.Errorf("full again: %v", err)
	}
}

// TestWatchBeyondTheLogIsRefused: whoever has seen more than there is has seen another log.
func TestWatchBeyondTheLogIsRefused(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	w, _ := v.watchAs("auditor", 100000)
	if _, err := w.Receive(); reasonOf(err) != ledger.VersionStale {
		t.Errorf("beyond the log: %v", err)
	}
}

// TestWatchesEndBeforeTheServer: shutting down does not wait for clients that would watch for ever.
func TestWatchesEndBeforeTheServer(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	server := v.listen()
	w, _ := v.watchAs("auditor", 0)
	next(t, w)
	v.server.EndWatches()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	fatalIf(t, server.Shutdown(ctx))
	for {
		if _, err := w.Receive(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("a watch of a server that stops ends with %v", err)
			}
			return
		}
	}
}

// smallBuffers is a listener whose connections hold little on the way, so that a client that does not read is felt at once.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// TestClientThatDoesNotReadIsCutOff: nothing is kept for it, others go on, and it loses nothing by coming back.
func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	for range 400 {
		v.must("treasurer", income("1.00"))
	}
	v.server.LimitWatches(time.Hour, 100*time.Millisecond, 10, 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatalIf(t, err)
	server := v.listen()
	go func() { _ = server.Serve(smallBuffers{listener}) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	fatalIf(t, err)
	defer conn.Close()
	fatalIf(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	body := `{"collectiveId":"lmb"}`
	fmt.Fprintf(conn, "POST %sWatch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/connect+json\r\nContent-Length: %d\r\n\r\n\x00\x00\x00\x00%c%s",
		audit, v.keys["auditor"], len(body)+5, len(body), body)
	waitFor(t, "the watch", func() bool { return v.server.Watches() == 1 })
	v.must("treasurer", income("1.00")) // nobody waits for it
	waitFor(t, "the end of a watch that is not read", func() bool { return v.server.Watches() == 0 })
	fatalIf(t, conn.SetReadDeadline(time.Now().Add(soon)))
	if got, _ := io.Copy(io.Discard, conn); got > 256<<10 {
		t.Errorf("%d bytes were on their way to a client that does not read", got)
	}
}

// TestHowLongCallsMayTake: a watch a day, what reads a whole log ten minutes, the rest half a minute.
func TestHowLongCallsMayTake(t *testing.T) {
	for method, want := range map[string]time.Duration{"Watch": 24 * time.Hour, "VerifyLog": 10 * time.Minute, "ReadLog": 10 * time.Minute, "RecordIncome": 30 * time.Second} {
		if got := rpc.TimeoutOf(method); got != want {
			t.Errorf("%s: %v, want %v", method, got, want)
		}
	}
}
