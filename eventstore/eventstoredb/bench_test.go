package eventstoredb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// The speed of commands is given beside that of the layer under the adapter: the same bytes appended through the client's stubs on
// the same kind of connection, in the same run. The server is the fake in a process of its own, in memory, so that no disk hides
// what we add; both processes share the machine's cores.

// fake starts the fake server in a process of its own and gives its connection string.
func fake(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "esdbfake")
	if out, err := exec.Command("go", "build", "-o", program, "./esdbtest/esdbfake").CombinedOutput(); err != nil {
		b.Fatalf("build the fake: %v\n%s", err, out)
	}
	cmd := exec.Command(program)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func open(b *testing.B, connection string) *Store {
	b.Helper()
	s, err := Open(connection, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// bare appends through the stubs alone, to streams of its own.
type bare struct {
	m      *member
	stream string
	at     uint64
}

func newBare(b *testing.B, s *Store) *bare {
	b.Helper()
	m, err := s.link.dial(s.link.address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.conn.Close() })
	return &bare{m: m, stream: "bare-" + uuid.NewString()}
}

func (r *bare) append(ctx context.Context, e eventstore.NewEvent) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := appending{stream: r.stream, expected: r.at, request: proposal(r.stream, r.at, []eventstore.NewEvent{e})}
	if _, _, err := a.send(ctx, r.m); err != nil {
		return err
	}
	r.at++
	return nil
}

// node is one node: the whole of the write path below the API, books included.
type node struct {
	*ledger.Service
	books *projections.Library
}

type source struct{ *ledger.Service }

// benchSigner signs heads as a node does.
func benchSigner(b *testing.B) *transparency.LocalSigner {
	b.Helper()
	s, err := transparency.OpenSigner(b.TempDir(), make([]byte, transparency.SecretBytes))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func newNode(b *testing.B, s *Store) *node {
	b.Helper()
	log, err := transparency.Open(noClose{s}, b.TempDir(), benchSigner(b), origin, transparency.Options{Shared: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	var from source
	books := projections.NewLibrary(&from)
	service := ledger.NewService(log, ledger.Options{Shared: true, Observer: books})
	from.Service = service
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { ledger.NewFollower(service, log).Run(ctx) })
	b.Cleanup(func() { stop(); following.Wait() })
	return &node{service, books}
}

type noClose struct{ *Store }

func (noClose) Close() error { return nil }

func origin(stream string, _ eventstore.Event) (string, error) {
	return "example.invalid/" + stream, nil
}

var serial atomic.Int64

// found founds a collective with the rules of the demonstration.
func (n *node) found(b *testing.B, id string) {
	b.Helper()
	for _, step := range lt.Until(lt.Demonstration(), "2020-05-19") {
		if f, ok := step.Command.(*ledger.FoundCollective); ok {
			charter := proto.Clone(f.Charter).(*eventv1.CollectiveFounded)
			charter.CollectiveId = id
			step.Command = &ledger.FoundCollective{Charter: charter}
		}
		m := ledger.Meta{ID: lt.CommandID(int(serial.Add(1))), Actor: step.Actor, Now: lt.Noon(step.Date)}
		if _, err := n.Do(context.Background(), id, step.Command, m); err != nil {
			b.Fatalf("found %s: %v", id, err)
		}
	}
}

// rent records one receipt of rent, split in four.
func (n *node) rent(ctx context.Context, id string) ([]*eventv1.Event, error) {
	c := lt.Rent("2020-06-01", "98.01")
	c.Documents = nil
	return n.Do(ctx, id, c, ledger.Meta{ID: lt.CommandID(1_000_000 + int(serial.Add(1))), Actor: lt.Treasurer, Now: lt.Noon("2020-06-01")})
}

// sample is a stored receipt of rent.
func (n *node) sample(b *testing.B, id string) eventstore.NewEvent {
	b.Helper()
	events, err := n.rent(context.Background(), id)
	if err != nil {
		b.Fatal(err)
	}
	stored, err := ledger.Encode(events[0])
	if err != nil {
		b.Fatal(err)
	}
	return stored
}

// quantile sorts the durations.
func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, int(q*float64(len(d))))]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// BenchmarkOneClient: one client gives one command after another; by turns with bare appends of an event of the same size.
// Target: p50 at most 1.5 times the bare append's.
func BenchmarkOneClient(b *testing.B) {
	s := open(b, fake(b))
	n := newNode(b, s)
	n.found(b, "one-client")
	event, bare := n.sample(b, "one-client"), newBare(b, s)
	ctx := context.Background()
	var commands, appends []time.Duration
	for i := range 400 { // connections, windows and books grow warm
		if _, err := n.rent(ctx, "one-client"); err != nil || bare.append(ctx, event) != nil {
			b.Fatal(i, err)
		}
	}
	for b.Loop() {
		t0 := time.Now()
		if err := bare.append(ctx, event); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		if _, err := n.rent(ctx, "one-client"); err != nil {
			b.Fatal(err)
		}
		appends, commands = append(appends, t1.Sub(t0)), append(commands, time.Since(t1))
	}
	b.ReportMetric(micros(quantile(commands, 0.5)), "µs/p50")
	b.ReportMetric(micros(quantile(appends, 0.5)), "µs/p50-bare")
	b.ReportMetric(float64(quantile(commands, 0.5))/float64(quantile(appends, 0.5)), "x-bare-p50")
	b.ReportMetric(micros(quantile(commands, 0.99)), "µs/p99")
}

// rate runs do on 64 goroutines for a while and gives how often it was done a second.
func rate(b *testing.B, d time.Duration, do func(ctx context.Context, client int) error) float64 {
	b.Helper()
	var done atomic.Int64
	began := time.Now()
	var clients sync.WaitGroup
	for i := range 64 {
		clients.Go(func() {
			for time.Since(began) < d {
				if err := do(context.Background(), i); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	clients.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkManyClients: 64 clients on 64 collectives, by turns with 64 bare clients on 64 streams. Target: 70 % of the bare rate, until
// our own processor time is the bound: that is given as the cores that this process kept busy.
func BenchmarkManyClients(b *testing.B) {
	s := open(b, fake(b))
	n := newNode(b, s)
	ids, bares := make([]string, 64), make([]*bare, 64)
	for i := range ids {
		ids[i] = fmt.Sprintf("village-%d", i)
		n.found(b, ids[i])
		bares[i] = newBare(b, s)
		bares[i].m = bares[0].m // one connection, as the adapter has
	}
	event := n.sample(b, ids[0])
	const turn = time.Second
	var ours, theirs, busy []float64
	for b.Loop() {
		theirs = append(theirs, rate(b, turn, func(ctx context.Context, i int) error { return bares[i].append(ctx, event) }))
		before, began := cpu(), time.Now()
		ours = append(ours, rate(b, turn, func(ctx context.Context, i int) error { _, err := n.rent(ctx, ids[i]); return err }))
		busy = append(busy, float64(cpu()-before)/float64(time.Since(began)))
	}
	b.ReportMetric(median(ours), "commands/s")
	b.ReportMetric(median(theirs), "bare/s")
	b.ReportMetric(median(ours)/median(theirs), "x-bare")
	b.ReportMetric(median(busy), "cores")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkOneCollective: three nodes, 64 clients, one collective. Targets: no command fails; p99 at most 20 times p50.
func BenchmarkOneCollective(b *testing.B) {
	connection := fake(b)
	nodes := make([]*node, 3)
	for i := range nodes {
		nodes[i] = newNode(b, open(b, connection))
	}
	nodes[0].found(b, "one-for-all")
	var mu sync.Mutex
	var took []time.Duration
	var perSecond []float64
	for b.Loop() {
		perSecond = append(perSecond, rate(b, 2*time.Second, func(ctx context.Context, i int) error {
			began := time.Now()
			_, err := nodes[i%3].rent(ctx, "one-for-all")
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
			return err
		}))
	}
	b.ReportMetric(median(perSecond), "commands/s")
	b.ReportMetric(micros(quantile(took, 0.5)), "µs/p50")
	b.ReportMetric(micros(quantile(took, 0.99)), "µs/p99")
	b.ReportMetric(float64(quantile(took, 0.99))/float64(quantile(took, 0.5)), "p99/p50")
	b.ReportMetric(micros(took[len(took)-1]), "µs/worst")
	digests := map[[32]byte]bool{}
	for _, n := range nodes {
		version := uint64(0)
		if err := n.View(context.Background(), "one-for-all", func(c *ledger.Collective) error { version = c.Version(); return nil }); err != nil {
			b.Fatal(err)
		}
		book, err := n.books.Book(context.Background(), "one-for-all", version)
		if err != nil {
			b.Fatal(err)
		}
		digests[book.Digest()] = true
	}
	if len(digests) != 1 {
		b.Errorf("the nodes have %d different books", len(digests))
	}
}

// BenchmarkLoad: the books of one collective are read from the cluster and folded, by turns with a bare read of the stream that
// decodes the client's messages and drops them. Target: 80 % of the bare rate.
func BenchmarkLoad(b *testing.B) {
	const events = 100_000
	s := open(b, fake(b))
	n := newNode(b, s)
	n.found(b, "long-book")
	ctx := context.Background()
	var orders []ledger.Order
	for v := 0; v < events; v += len(orders) {
		orders = orders[:0]
		for range 1000 {
			c := lt.Rent("2020-06-01", "98.01")
			c.Documents = nil
			orders = append(orders, ledger.Order{Command: c, Meta: ledger.Meta{ID: lt.CommandID(1_000_000 + int(serial.Add(1))), Actor: lt.Treasurer, Now: lt.Noon("2020-06-01")}})
		}
		for _, o := range n.DoAll(ctx, "long-book", orders) {
			if o.Err != nil {
				b.Fatal(o.Err)
			}
		}
	}
	r := newBare(b, s)
	var ours, theirs []float64
	for b.Loop() {
		began, read := time.Now(), 0
		request := readStream(ledger.StreamOf("long-book"), streams.ReadReq_Options_Forwards, math.MaxInt64)
		request.Options.GetStream().RevisionOption = &streams.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}}
		call, err := r.m.streams.Read(ctx, request)
		for err == nil {
			_, err = call.Recv()
			read++
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		theirs = append(theirs, float64(read)/time.Since(began).Seconds())
		began = time.Now()
		fresh := ledger.NewService(hashed{b, s}.open(), ledger.Options{})
		book, err := projections.NewLibrary(fresh).Book(ctx, "long-book", 0)
		if err != nil {
			b.Fatal(err)
		}
		ours = append(ours, float64(book.Version())/time.Since(began).Seconds())
	}
	b.ReportMetric(median(ours), "events/s")
	b.ReportMetric(median(theirs), "bare-events/s")
	b.ReportMetric(median(ours)/median(theirs), "x-bare")
}

// hashed is the store as a node reads it, with every byte under its hash.
type hashed struct {
	b *testing.B
	s *Store
}

func (h hashed) open() eventstore.Store {
	log, err := transparency.Open(noClose{h.s}, h.b.TempDir(), benchSigner(h.b), origin, transparency.Options{Shared: true})
	if err != nil {
		h.b.Fatal(err)
	}
	h.b.Cleanup(func() { log.Close() })
	return log
}
