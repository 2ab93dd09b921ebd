package eventstoredb_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// meddle is what somebody with the right to write can do to a stream. What he does is seen by the next command where visible is
// set; else by whoever reads the whole stream: a node that starts, and the self check of every node.
type meddle struct {
	do      func(context.Context, streams.StreamsClient, string) error
	visible bool
}

func meddlings() map[string]meddle {
	metadata := func(json string) func(context.Context, streams.StreamsClient, string) error {
		return func(ctx context.Context, c streams.StreamsClient, stream string) error {
			return write(ctx, c, "$$"+stream, "$metadata", json)
		}
	}
	return map[string]meddle{
		"tombstone": {func(ctx context.Context, c streams.StreamsClient, stream string) error {
			_, err := c.Tombstone(ctx, &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
				StreamIdentifier: streamName(stream), ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: &shared.Empty{}}}})
			return err
		}, true},
		"soft deletion": {func(ctx context.Context, c streams.StreamsClient, stream string) error {
			_, err := c.Delete(ctx, &streams.DeleteReq{Options: &streams.DeleteReq_Options{
				StreamIdentifier: streamName(stream), ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: &shared.Empty{}}}})
			return err
		}, false},
		"maxCount":       {metadata(`{"$maxCount":2}`), false},
		"truncateBefore": {metadata(`{"$tb":5}`), false},
		"event": {func(ctx context.Context, c streams.StreamsClient, stream string) error {
			return write(ctx, c, stream, "income_recorded", `{}`)
		}, true},
	}
}

// TestSomebodyMeddles with the stream of one collective: it stops there, as damaged, and the others live.
func TestSomebodyMeddles(t *testing.T) {
	for name, m := range meddlings() {
		for check, checked := range map[string]bool{"plain": false, "checked": true} {
			t.Run(name+"/"+check, func(t *testing.T) {
				leavesNothing(t)
				server := esdbtest.New(t, esdbtest.Options{})
				w := newTown(t, server.ConnectionString(), townOptions{checked: checked})
				hurt, other := w.collectives[0], w.collectives[1]
				w.settle()
				if err := m.do(within(t), somebody(t, server.Addr()), ledger.StreamOf(hurt)); err != nil {
					t.Fatal(err)
				}
				fresh := w.add(len(w.nodes), townOptions{checked: checked})
				for i, n := range w.nodes {
					if m.visible || n == fresh {
						w.stopped(n, hurt)
					}
					if n.checked != nil && n != fresh {
						if r, err := n.checked.Verify(within(t), ledger.StreamOf(hurt)); r.OK || err != nil {
							t.Errorf("node %d: the self check found nothing: %+v, %v", i, r, err)
						}
					}
					if err := w.try(within(t), n, other, w.income()); err != nil {
						t.Errorf("node %d: the other collective: %v", i, err)
					}
				}
				w.checkCollective(other)
			})
		}
	}
}

// TestHiddenIsToldAtOnce: a stream that shows less than was seen may be that of a member that is behind, which is worth waiting for;
// one that somebody has hidden is not.
func TestHiddenIsToldAtOnce(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{Patience: limit})
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, 3)); err != nil {
		t.Fatal(err)
	}
	if err := meddlings()["soft deletion"].do(within(t), somebody(t, server.Addr()), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit/4)
	defer cancel()
	if v, err := s.Version(ctx, "a"); !corrupt(err) {
		t.Errorf("version %d: %v", v, err)
	}
	if got, err := texts(ctx, s, "a"); !corrupt(err) {
		t.Errorf("read %v: %v", got, err)
	}
}

// TestMeddlingIsHeard: a node that has a stream in memory and reads nothing of it again learns from its subscription that somebody hides
// events of it, and appends no more until that is taken back.
func TestMeddlingIsHeard(t *testing.T) {
	for _, name := range []string{"soft deletion", "maxCount", "truncateBefore"} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			server := esdbtest.New(t, esdbtest.Options{})
			s := open(t, server.ConnectionString(), eventstoredb.Options{})
			for _, stream := range []string{"a", "b"} {
				if _, err := s.Append(within(t), stream, 0, noted("%d", 0, 3)); err != nil {
					t.Fatal(err)
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			var listening sync.WaitGroup
			defer listening.Wait()
			defer stop()
			listening.Go(func() {
				for range s.Subscribe(ctx, 0) { // until it is stopped
				}
			})
			until(t, "the subscription is there", func() bool { return server.Subscriptions() == 1 })
			who := somebody(t, server.Addr())
			if err := meddlings()[name].do(within(t), who, "a"); err != nil {
				t.Fatal(err)
			}
			// An append at the right version is what a resident node goes on with.
			var err error
			at := uint64(3)
			until(t, "appends are refused", func() bool {
				if _, err = s.Append(within(t), "a", at, noted("%d", 9, 1)); err == nil {
					at++
				}
				return corrupt(err)
			})
			if _, err := s.Append(within(t), "b", 3, noted("%d", 9, 1)); err != nil {
				t.Errorf("the other stream: %v", err)
			}
			if err := write(within(t), who, "$$a", "$metadata", `{}`); err != nil {
				t.Fatal(err)
			}
			until(t, "appends go on", func() bool {
				_, err = s.Append(within(t), "a", at, noted("%d", 9, 1))
				return err == nil
			})
		})
	}
}

func corrupt(err error) bool {
	var damage *eventstore.CorruptError
	return errors.As(err, &damage)
}

// stopped wants a collective to be stopped as damaged on a node. The first command may learn only that its append was refused.
func (w *town) stopped(n *node, id string) {
	w.t.Helper()
	o := w.income()
	for i := range 3 {
		if err := w.try(within(w.t), n, id, o); !corrupt(err) && !(i == 0 && errors.Is(err, eventstore.ErrDeleted)) {
			w.t.Errorf("command %d ended with %v", i, err)
		}
	}
}

// TestAppendLargerThanTheServerTakes is refused with its reason, nothing of it is stored, and the next one works.
func TestAppendLargerThanTheServerTakes(t *testing.T) {
	for name, strict := range map[string]bool{"data alone": false, "strict": true} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			const most = 64 << 10
			server := esdbtest.New(t, esdbtest.Options{MaxAppendSize: most, StrictSize: strict})
			s := open(t, server.ConnectionString(), eventstoredb.Options{})
			for round := range 30 { // the server may end the call while events are still being sent
				large := make([]eventstore.NewEvent, 3+round)
				for i := range large {
					large[i] = eventstore.NewEvent{Type: "noted", Data: make([]byte, eventstore.EventBytesMax)}
				}
				if round > 27 {
					large = large[:28]
				}
				if _, err := s.Append(within(t), "a", uint64(round), large); !errors.Is(err, eventstore.ErrTooLarge) {
					t.Fatalf("%d events: %v", len(large), err)
				}
				if v, err := s.Version(within(t), "a"); v != uint64(round) || err != nil {
					t.Fatalf("version %d: %v", v, err)
				}
				if _, err := s.Append(within(t), "a", uint64(round), noted("%d", round, 1)); err != nil {
					t.Fatal(err)
				}
			}
			if n := server.Accepted(); n != 1 {
				t.Errorf("%d connections were made", n)
			}
		})
	}
}

// TestLargestAppendOfThePort is taken by the strictest server as it comes.
func TestLargestAppendOfThePort(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{StrictSize: true})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	for i, kind := range []string{"a", strings.Repeat("a", eventstore.TypeNameMax)} {
		var largest []eventstore.NewEvent
		for left := eventstore.AppendBytesMax; left > 2*len(kind); {
			e := eventstore.NewEvent{Type: kind, Data: make([]byte, min(eventstore.EventBytesMax, left-2*len(kind)))}
			left -= e.Size()
			largest = append(largest, e)
		}
		stream := fmt.Sprint("stream-", i)
		if _, err := s.Append(within(t), stream, 0, largest); err != nil {
			t.Errorf("%d events of type %s: %v", len(largest), kind, err)
		}
		more := append(slices.Clone(largest), eventstore.NewEvent{Type: kind, Data: []byte("x")})
		if _, err := s.Append(within(t), stream, uint64(len(largest)), more); !errors.Is(err, eventstore.ErrTooLarge) {
			t.Errorf("one byte more: %v", err)
		}
	}
	if n := server.Calls("Append"); n != 2 {
		t.Errorf("the server got %d appends", n)
	}
}

// TestLoginRevoked while the nodes run, and given back: commands say that they are denied, books are still read, and everything goes
// on by itself.
func TestLoginRevoked(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{TLS: true, Users: esdbtest.Admin()})
	w := newTown(t, server.ConnectionString(), townOptions{checked: true})
	revoked := func(how string, revoke func()) {
		t.Helper()
		w.settle()
		revoke()
		o := w.income()
		n, id := w.nodes[0], w.collectives[0]
		for range 2 {
			err := w.try(within(t), n, id, o)
			if !errors.Is(err, ledger.ErrUnavailable) || !errors.Is(err, eventstoredb.ErrDenied) {
				t.Errorf("%s: a command ended with %v", how, err)
			} else if strings.Contains(err.Error(), "changeit") {
				t.Errorf("%s: the error shows the password: %v", how, err)
			}
		}
		if _, err := n.store.Version(within(t), "a"); !errors.Is(err, eventstoredb.ErrDenied) {
			t.Errorf("%s: a read ended with %v", how, err)
		}
		if _, err := n.books.Book(within(t), id, 0); err != nil {
			t.Errorf("%s: the books cannot be read: %v", how, err)
		}
	}
	for _, denial := range []esdbtest.Action{
		esdbtest.FailWith(codes.Unauthenticated, "Bad gRPC response. HTTP status code: 401"),
		esdbtest.FailWith(codes.PermissionDenied, "Access Denied", "exception", "access-denied"),
	} {
		revoked(denial.Name, func() {
			server.Fail("*", denial)
			server.EndSubscriptions(codes.PermissionDenied, "Access Denied")
		})
		server.ClearFaults()
		w.clients(rng, 4, 5).Wait()
	}
	change := func(password string) {
		t.Helper()
		users := esdbtest.Admin()
		u := users["admin"]
		u.Password = password
		users["admin"] = u
		if err := server.Restart(func(o *esdbtest.Options) { o.Users = users }); err != nil {
			t.Fatal(err)
		}
	}
	revoked("another password", func() { change("another") })
	change("changeit")
	w.clients(rng, 4, 5).Wait()
	// The checks read as the administrator too.
	w.check()
}

// TestNodesFoundOneCollectiveAtOnce: one is first, the others are told that it exists, and everybody lists it.
func TestNodesFoundOneCollectiveAtOnce(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	w := newTown(t, server.ConnectionString(), townOptions{nodes: 3, collectives: 1, checked: true})
	for i := range 15 {
		id := fmt.Sprintf("hamlet-%d", i)
		var all sync.WaitGroup
		errs := make([]error, len(w.nodes))
		for k, n := range w.nodes {
			o := ledger.Order{Command: charter(id), Meta: ledger.Meta{ID: w.newID(), Actor: lt.Admin, Now: lt.Noon("2020-03-01")}}
			all.Go(func() { errs[k] = w.try(within(t), n, id, o) })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			var refusal *ledger.Refusal
			switch {
			case err == nil:
				won++
			case !errors.As(err, &refusal) || refusal.Reason != ledger.CollectiveExists:
				t.Errorf("%s: %v", id, err)
			}
		}
		if won != 1 {
			t.Errorf("%s was founded %d times", id, won)
		}
		w.collectives = append(w.collectives, id)
	}
	for k, n := range w.nodes {
		ids, err := n.service.Collectives(within(t))
		if err != nil || !slices.Equal(ids, slices.Sorted(slices.Values(w.collectives))) {
			t.Errorf("node %d lists %v: %v", k, ids, err)
		}
	}
	w.check()
}

// TestClockTwoHoursOff: a node whose clock is two hours ahead, or behind, carries out nothing and reads on, and the others are not
// held up by it. When its clock is right again it goes on (not with -short: it looks at the store's every half a minute).
func TestClockTwoHoursOff(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{})
	var off [3]atomic.Int64 // nanoseconds
	w := newTown(t, server.ConnectionString(), townOptions{nodes: 3, clock: func(i int) func() time.Time {
		return func() time.Time { return time.Now().Add(time.Duration(off[i%3].Load())) }
	}})
	// Those nodes have not compared yet: they do before their first command.
	off[1].Store(int64(2 * time.Hour))
	off[2].Store(int64(-2 * time.Hour))
	now := func(n *node) error {
		o := w.income()
		o.Meta.Now = time.Time{} // the node's clock
		return w.try(within(t), n, w.collectives[rng.IntN(2)], o)
	}
	for range 20 {
		if err := now(w.nodes[0]); err != nil {
			t.Fatal(err)
		}
		for i, n := range w.nodes[1:] {
			var refusal *ledger.Refusal
			if err := now(n); !errors.As(err, &refusal) || refusal.Reason != ledger.ClockApart {
				t.Errorf("node %d, two hours off: %v", i+1, err)
			}
		}
	}
	w.check()
	if testing.Short() {
		return
	}
	off[1].Store(0)
	off[2].Store(0)
	for _, n := range w.nodes {
		until(t, "the clocks are together again", func() bool { return !n.service.ClockApart(within(t)) })
		if err := now(n); err != nil {
			t.Error(err)
		}
	}
	w.check()
}

// TestStoresSeeEachOther: what one store was told is stored, another sees, at once and in any way of reading.
func TestStoresSeeEachOther(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	cluster := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
	cluster.Lag(1, 5)
	cluster.Lag(2, 5)
	var stores []*eventstoredb.Store
	for range 3 {
		stores = append(stores, open(t, cluster.ConnectionString(), eventstoredb.Options{}))
	}
	var position uint64
	for i := range 100 {
		writer, reader := stores[rng.IntN(3)], stores[rng.IntN(3)]
		p, err := writer.Append(within(t), "a", uint64(i), noted("%d", i, 1))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := reader.Version(within(t), "a"); v != uint64(i)+1 || err != nil {
			t.Fatalf("version %d after %d events: %v", v, i+1, err)
		}
		if got, err := texts(within(t), reader, "a"); len(got) != i+1 || err != nil {
			t.Fatalf("read %d of %d events: %v", len(got), i+1, err)
		}
		var seen []uint64
		for e, err := range reader.ReadAll(within(t), position) {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, e.Position)
		}
		if !slices.Equal(seen, []uint64{p}) {
			t.Fatalf("event %d, at %d: all after %d are %v", i+1, p, position, seen)
		}
		position = p
		var conflict *eventstore.ConflictError
		if _, err := reader.Append(within(t), "a", uint64(i), noted("other %d", i, 1)); !errors.As(err, &conflict) || conflict.Actual != uint64(i)+1 {
			t.Fatalf("append behind it: %v", err)
		}
	}
}

// TestOpenHidesPasswords: an error over a connection string says what is wrong with it, and never what the password is, whatever
// characters are in it; nor do the client's own lines in the log.
func TestOpenHidesPasswords(t *testing.T) {
	var logged strings.Builder
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	templates := []string{
		"esdb://admin:%s@", "esdb://admin:%s@host:2113", "esdb://admin:%s@host:port", "esdb://admin:%s@host:99999", "esdb://admin:%s@host:2113,",
		"esdb://admin:%s@host:2113,other:x", "esdb://admin:%s@h1:2113,h2:2113?tls=false", "esdb://admin:%s@ho st:2113", "esdb://%s@host:2113",
		"esdb://admin:%s@host:2113?tls=perhaps", "esdb://admin:%s@host:2113?nodePreference=follower", "esdb://admin:%s@host:2113?nodePreference=x",
		"esdb://admin:%s@host:2113?tlsCAFile=/no/such/file", "esdb://admin:%s@host:2113?userCertFile=/no/such/file",
		"esdb://admin:%s@host:2113?userCertFile=/no/such/file&userKeyFile=/no/such/file", "esdb://admin:%s@host:2113?defaultDeadline=x",
		"esdb://admin:%s@host:2113?keepAliveInterval=x", "esdb://admin:%s@host:2113?a", "esdb://admin:%s@host:2113/%%zz",
		"esdb+discover://admin:%s@host:port", "esdb+discover://admin:%s@", "esdb:admin:%s@host", "esdb:/admin:%s@host", "http://admin:%s@host:2113",
		"admin:%s@host:2113", "://admin:%s@host", "esdb://admin:%s@host:2113?tls=false",
	}
	for _, template := range templates {
		for c := rune(1); c < 0x100; c++ {
			for _, password := range []string{"geheim" + string(c) + "geheim", "4711" + string(c) + "geheim", string(c) + "geheim"} {
				logged.Reset()
				s, err := eventstoredb.Open(fmt.Sprintf(template, password), eventstoredb.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
				if err == nil {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
				if said := fmt.Sprintf("%v %s", err, &logged); strings.Contains(said, "geh") || strings.Contains(said, "4711") {
					t.Fatalf("%s with the password %q: %s", template, password, said)
				}
			}
		}
	}
}

// TestOpenRefusesWhatTheClientPassesOver: a misspelt setting is refused by its name, and the client's own line is not in the log.
func TestOpenRefusesWhatTheClientPassesOver(t *testing.T) {
	var logged strings.Builder
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	for settings, want := range map[string]string{
		"tlss=false": `no setting "tlss"`, "tls=false&tlsVerifyCrt=false": `no setting "tlsVerifyCrt"`, "TLS=false&NodePreference=leader": "",
		"tls=false&defaultDeadline=5s": "milliseconds", "tls=false;x": "settings", "tls=false&defaultDeadline=500": "",
	} {
		s, err := eventstoredb.Open("esdb://admin:geheim@host:2113?"+settings, eventstoredb.Options{})
		if err == nil {
			err = s.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
	if logged.Len() > 0 {
		t.Errorf("logged: %s", &logged)
	}
}

// TestUnreachableSaysWhy: also when the last try was only cut off.
func TestUnreachableSaysWhy(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	server.Stop()
	s := open(t, server.ConnectionString(), eventstoredb.Options{Patience: 200 * time.Millisecond})
	for range 20 {
		if _, err := s.Version(within(t), "a"); !errors.Is(err, eventstoredb.ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("it says %v", err)
		}
	}
}

// TestLoginIsEscaped: a login whose special characters are escaped is used as it is meant.
func TestLoginIsEscaped(t *testing.T) {
	leavesNothing(t)
	const password = "a/b?c#d@e:f,g%h i&ü"
	server := esdbtest.New(t, esdbtest.Options{TLS: true, Users: map[string]esdbtest.User{"admin": {Password: password, Groups: []string{"$admins"}}}})
	connection := strings.Replace(server.ConnectionString(), password, url.QueryEscape(password), 1)
	connection = strings.Replace(connection, "+", "%20", 1)
	if _, err := open(t, connection, eventstoredb.Options{}).Append(within(t), "a", 0, noted("%d", 0, 1)); err != nil {
		t.Error(err)
	}
}
