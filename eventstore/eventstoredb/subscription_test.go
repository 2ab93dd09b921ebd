package eventstoredb_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// somebody is another program with the right to write, which knows nothing of us.
func somebody(t *testing.T, address string) streams.StreamsClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return streams.NewStreamsClient(conn)
}

func streamName(name string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(name)}
}

// write appends an event at any version.
func write(ctx context.Context, c streams.StreamsClient, stream, kind, data string) error {
	call, err := c.Append(ctx)
	if err != nil {
		return err
	}
	id := uuid.New()
	_ = call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: &streams.AppendReq_Options{
		StreamIdentifier: streamName(stream), ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: &shared.Empty{}}}}})
	_ = call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
		Id:       &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}},
		Metadata: map[string]string{"type": kind, "content-type": "application/json"}, Data: []byte(data)}}})
	_, err = call.CloseAndRecv()
	return err
}

// follow gives what a subscription from a position yields, in texts, until there are n of it.
func follow(t *testing.T, s eventstore.Store, after uint64, n int, each func(i int)) (got []string) {
	t.Helper()
	last := after
	for e, err := range s.Subscribe(within(t), after) {
		if err != nil {
			t.Errorf("after %d events: %v", len(got), err)
			break
		}
		if e.Position <= last {
			t.Errorf("position %d comes after %d", e.Position, last)
		}
		last = e.Position
		if got = append(got, fmt.Sprintf("%s %d", e.Stream, e.Version)); len(got) == n {
			break
		}
		if each != nil {
			each(len(got))
		}
	}
	return got
}

// filled has n events in three streams, with events of others between them.
func filled(t *testing.T, server *esdbtest.Server, s *eventstoredb.Store, n int) (want []string) {
	t.Helper()
	other := somebody(t, server.Addr())
	for i := range n {
		if i%4 == 3 {
			if err := write(within(t), other, "$noise", "Noise", `{}`); err != nil {
				t.Fatal(err)
			}
			if err := write(within(t), other, "noise", "Noise", `{}`); err != nil {
				t.Fatal(err)
			}
		}
		stream := fmt.Sprintf("s%d", i%3)
		if _, err := s.Append(within(t), stream, uint64(i/3), noted("%d", i, 1)); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%s %d", stream, i/3+1))
	}
	return want
}

// TestSubscriptionCutAtEveryEvent cuts the connection, or ends the call, before each of the first events.
func TestSubscriptionCutAtEveryEvent(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	want := filled(t, server, s, 60)
	cuts := map[string]func(int) esdbtest.Action{
		"dropped": esdbtest.DropAfter,
		"ended":   func(n int) esdbtest.Action { return esdbtest.EndAfter(n, codes.Unavailable, "Server is shutting down") },
		"too slow": func(n int) esdbtest.Action {
			return esdbtest.EndAfter(n, codes.Aborted, "Operation timed out: Consumer too slow to handle event while live.")
		},
	}
	for name, cut := range cuts {
		for n := range 51 {
			server.FailNext("Subscribe", 1, cut(n))
			same(t, fmt.Sprintf("%s after %d", name, n), follow(t, s, 0, len(want), nil), want)
			server.ClearFaults()
		}
	}
	if n := server.Subscriptions(); n > 1 {
		until(t, "subscriptions end", func() bool { return server.Subscriptions() == 0 })
	}
}

// TestReadsCutAtEveryEvent is the same for the other ways to read.
func TestReadsCutAtEveryEvent(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	want := filled(t, server, s, 60)
	for n := range 51 {
		// What asks for one event alone is not cut but by n = 0.
		server.FailNext("Read", 3, esdbtest.DropAfter(n))
		got, err := events(within(t), s)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("all, cut after %d", n), got, want)
		server.ClearFaults()
		server.FailNext("Read", 3, esdbtest.DropAfter(n))
		if got, err := texts(within(t), s, "s0"); err != nil || len(got) != 20 {
			t.Errorf("stream, cut after %d: %v, %v", n, got, err)
		}
		server.ClearFaults()
	}
}

// servers are those whose subscriptions differ.
func servers() map[string]esdbtest.Options {
	return map[string]esdbtest.Options{
		"24.6":       {},
		"23.6":       {Version: "23.6.0", NoCaughtUp: true, GoingLive: esdbtest.NoCheckpoint, SlowConsumer: esdbtest.DropSlow},
		"25.0":       {GoingLive: esdbtest.PageStart, FellBehind: true},
		"impatient":  {SlowConsumer: esdbtest.DropSlow, LiveBuffer: 1},
		"impatient2": {GoingLive: esdbtest.PageStart, LiveBuffer: 2},
	}
}

// TestSubscriptionAmidFaults: while events of ours and of others come in, connections are cut, subscriptions ended, pushed back and
// given events twice, at random. Every subscriber, from wherever it began, gets what ReadAll gives.
func TestSubscriptionAmidFaults(t *testing.T) {
	for name, o := range servers() {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			rng := seeded(t)
			server := esdbtest.New(t, o)
			s := open(t, server.ConnectionString(), eventstoredb.Options{})
			const total = 200
			began := rng.IntN(total / 2)
			want := filled(t, server, s, began)
			server.SetHook(func(c *esdbtest.Call) *esdbtest.Action {
				if c.Method == "Subscribe" && c.Number%2 == 0 {
					twice := esdbtest.Repeat(2)
					return &twice
				}
				return nil
			})
			var all sync.WaitGroup
			for i := range 4 {
				after := uint64(0)
				skipped := 0
				if i > 0 && began > 0 {
					skipped = rng.IntN(began)
					for e, err := range s.ReadAll(within(t), 0) {
						if err != nil {
							t.Fatal(err)
						}
						if skipped--; skipped < 0 {
							break
						}
						after = e.Position
					}
				}
				all.Go(func() {
					got := follow(t, s, after, total-countUpTo(t, s, after), nil)
					want, err := events(within(t), s)
					if err != nil || len(want) < len(got) {
						t.Errorf("%d events in all: %v", len(want), err)
						return
					}
					same(t, fmt.Sprintf("subscriber %d", i), got, want[len(want)-len(got):])
				})
			}
			other := somebody(t, server.Addr())
			trouble := rand.New(rand.NewPCG(rng.Uint64(), 2))
			stream := map[string]uint64{}
			for _, w := range want {
				var name string
				var v uint64
				_, _ = fmt.Sscanf(w, "%s %d", &name, &v)
				stream[name] = v
			}
			for i := began; i < total; {
				n := min(1+rng.IntN(6), total-i)
				name := fmt.Sprintf("s%d", rng.IntN(3))
				if _, err := s.Append(within(t), name, stream[name], noted("%d", i, n)); err != nil {
					t.Fatal(err)
				}
				stream[name] += uint64(n)
				i += n
				switch trouble.IntN(8) {
				case 0:
					server.ResetConnections()
				case 1:
					server.EndSubscriptions([]codes.Code{codes.Unavailable, codes.Aborted, codes.OK}[trouble.IntN(3)], "the end")
				case 2:
					server.FallBehind()
				case 3:
					for range trouble.IntN(40) {
						if err := write(within(t), other, "$noise", "Noise", `{}`); err != nil && status.Code(err) != codes.Unavailable {
							t.Fatal(err)
						}
					}
				}
			}
			all.Wait()
		})
	}
}

func countUpTo(t *testing.T, s eventstore.Store, position uint64) (n int) {
	for e, err := range s.ReadAll(within(t), 0) {
		if err != nil {
			t.Error(err)
			return 0
		}
		if e.Position > position {
			return n
		}
		n++
	}
	return n
}

// TestSlowConsumer: whoever takes its time is dropped, or sent back to read the log, and misses nothing.
func TestSlowConsumer(t *testing.T) {
	for name, o := range servers() {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			server := esdbtest.New(t, o)
			s := open(t, server.ConnectionString(), eventstoredb.Options{})
			const total, large = 200, 30 << 10
			data := make([]byte, large) // more than fits between the two: the server has to wait for its consumer
			var want []string
			if _, err := s.Append(within(t), "a", 0, noted("%d", 0, 1)); err != nil {
				t.Fatal(err)
			}
			for i := range total {
				want = append(want, fmt.Sprintf("a %d", i+1))
			}
			got := follow(t, s, 0, total, func(i int) {
				if i > 1 {
					return
				}
				until(t, "the subscription is live", func() bool { return server.Subscriptions() == 1 })
				for v := uint64(1); v < total; {
					n := min(7, total-v)
					var batch []eventstore.NewEvent
					for k := range n {
						d := append([]byte(nil), data...)
						binary.BigEndian.PutUint64(d, v+k)
						batch = append(batch, eventstore.NewEvent{Type: "noted", Data: d})
					}
					if _, err := s.Append(within(t), "a", v, batch); err != nil {
						t.Fatal(err)
					}
					v += n
				}
			})
			same(t, "the slow consumer", got, want)
			if o.SlowConsumer == esdbtest.DropSlow && server.Calls("Subscribe") < 2 {
				t.Errorf("it was never dropped")
			}
		})
	}
}

// TestDuplicateDelivery: what the server gives twice is given once, and nodes do nothing twice.
func TestDuplicateDelivery(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{})
	server.Fail("Subscribe", esdbtest.Repeat(1))
	w := newTown(t, server.ConnectionString(), townOptions{})
	w.clients(rng, 8, 20).Wait()
	s := w.nodes[0].store
	want, err := events(within(t), s)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "subscription", follow(t, s, 0, len(want), nil), want)
	w.check()
	server.Fail("Read", esdbtest.OnStream("$all", esdbtest.Repeat(2)))
	got, err := events(within(t), s)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "all", got, want)
}

// scripted is a server of subscriptions that goes by a script, and keeps what it was asked.
type scripted struct {
	streams.UnimplementedStreamsServer
	end uint64 // position of the last record

	mu    sync.Mutex
	steps [][]*streams.ReadResp // what each subscription is sent; the last one goes on for ever
	from  []string              // where each began
}

func (s *scripted) Read(r *streams.ReadReq, out streams.Streams_ReadServer) error {
	o := r.GetOptions()
	if o.GetSubscription() == nil {
		return out.Send(recordAt(s.end, s.end, "other", 1))
	}
	from := "start"
	if p := o.GetAll().GetPosition(); p != nil {
		from = fmt.Sprintf("%d/%d", p.CommitPosition, p.PreparePosition)
	}
	s.mu.Lock()
	s.from = append(s.from, from)
	step := s.steps[0]
	last := len(s.steps) == 1
	if !last {
		s.steps = s.steps[1:]
	}
	n := len(s.from)
	s.mu.Unlock()
	for _, m := range step {
		if err := out.Send(m); err != nil {
			return err
		}
	}
	switch {
	case last:
		<-out.Context().Done()
		return out.Context().Err()
	case n%2 == 0:
		return nil
	}
	return status.Error(codes.Unavailable, "Server is shutting down")
}

func recordAt(commit, prepare uint64, stream string, version uint64) *streams.ReadResp {
	data := []byte("x")
	id := eventstoredb.EventID(stream, version, data)
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{Event: &streams.ReadResp_ReadEvent_RecordedEvent{
		Id: &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
			MostSignificantBits: int64(binary.BigEndian.Uint64(id[:8])), LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:]))}}}, StreamIdentifier: streamName(stream), StreamRevision: version - 1,
		CommitPosition: commit, PreparePosition: prepare, Metadata: map[string]string{"type": "noted", "content-type": "application/octet-stream"}, Data: data}}}}
}

func checkpointAt(commit, prepare uint64) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: commit, PreparePosition: prepare}}}
}

// TestSubscriptionGoesOnFromThePairItWasGiven: both numbers reach the server as they came, also of a checkpoint where they differ;
// the end of the log as a checkpoint, which servers before 25.0 send, is not believed, and nothing leads back.
func TestSubscriptionGoesOnFromThePairItWasGiven(t *testing.T) {
	leavesNothing(t)
	server := &scripted{end: 1000, steps: [][]*streams.ReadResp{
		{checkpointAt(math.MaxUint64, math.MaxUint64)},
		{recordAt(100, 100, "a", 1), checkpointAt(250, 0)},
		{checkpointAt(math.MaxUint64, math.MaxUint64), checkpointAt(math.MaxUint64, 0)},
		{checkpointAt(200, 200), recordAt(100, 100, "a", 1), recordAt(250, 250, "a", 2)},
		{checkpointAt(300, 299)},
		{checkpointAt(300, 0), recordAt(300, 300, "a", 3), recordAt(300, 300, "a", 3)},
		{recordAt(400, 400, "b", 1)},
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	streams.RegisterStreamsServer(g, server)
	served := make(chan error)
	go func() { served <- g.Serve(l) }()
	t.Cleanup(func() {
		g.Stop()
		<-served
	})
	s := open(t, "esdb://"+l.Addr().String()+"?tls=false", eventstoredb.Options{})
	same(t, "events", follow(t, s, 0, 4, nil), []string{"a 1", "a 2", "a 3", "b 1"})
	server.mu.Lock()
	defer server.mu.Unlock()
	same(t, "subscriptions", server.from, []string{"start", "start", "250/0", "250/0", "250/250", "300/299", "300/300"})
}

// TestCheckpointAtTheEndIsNoRewind: a checkpoint can name the place behind the last record. That the store "ends before" it does
// not mean that an older copy took its place.
func TestCheckpointAtTheEndIsNoRewind(t *testing.T) {
	leavesNothing(t)
	const page = 32
	server := esdbtest.New(t, esdbtest.Options{GoingLive: esdbtest.PageStart})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, page)); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		n := 0
		for _, err := range s.Subscribe(within(t), 0) {
			if n++; err != nil || n > page {
				got <- err
				return
			}
		}
	}()
	until(t, "it is live", func() bool { return server.Subscriptions() == 1 })
	for i := range 3 {
		before := server.Calls("Subscribe")
		server.EndSubscriptions(codes.Unavailable, "Server is shutting down")
		until(t, "it subscribes again", func() bool {
			select {
			case err := <-got:
				t.Fatalf("after %d ends: %v", i+1, err)
			default:
			}
			return server.Calls("Subscribe") > before && server.Subscriptions() == 1
		})
	}
	if _, err := s.Append(within(t), "a", page, noted("%d", page, 1)); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestOlderCopy: a store that ends before what it gave says so to a subscription that goes on, and swallows nothing.
func TestOlderCopy(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	filled(t, server, s, 9)
	end, err := s.End(within(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, err := range s.Subscribe(ctx, end+1000) {
		if !errors.Is(err, eventstoredb.ErrRewound) {
			t.Errorf("got %v", err)
		}
	}
}

// TestConsumerLeavesAsItsContextEnds: one that has enough at the moment when its context, or the store, ends is not called again,
// which would end the process.
func TestConsumerLeavesAsItsContextEnds(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	filled(t, server, open(t, server.ConnectionString(), eventstoredb.Options{}), 9)
	ways := map[string]func(eventstore.Store, context.Context) iter.Seq2[eventstore.Event, error]{
		"Read": func(s eventstore.Store, ctx context.Context) iter.Seq2[eventstore.Event, error] {
			return s.Read(ctx, "s0", 0)
		},
		"ReadAll": func(s eventstore.Store, ctx context.Context) iter.Seq2[eventstore.Event, error] {
			return s.ReadAll(ctx, 0)
		},
		"Subscribe": func(s eventstore.Store, ctx context.Context) iter.Seq2[eventstore.Event, error] {
			return s.Subscribe(ctx, 0)
		},
	}
	for name, way := range ways {
		for _, closing := range []bool{false, true} {
			s := open(t, server.ConnectionString(), eventstoredb.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, err := range way(s, ctx) {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				cancel()
				if closing {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
				break
			}
		}
	}
}
