package eventstoredb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// The tests of faults give the adapter, and nodes of the whole service on it, a server that fails in one way each. What must hold
// after every one of them is in town.check.

// limit bounds what a test waits for. Nothing here should take a quarter of it.
const limit = 60 * time.Second

// seeded is the chance of a test, the same again with MINGZHANG_TEST_SEED.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("MINGZHANG_TEST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("MINGZHANG_TEST_SEED: %v", err)
		}
	}
	t.Logf("MINGZHANG_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// leavesNothing wants no goroutine left when the test and what it cleans up have ended. It comes first in a test.
func leavesNothing(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
}

// within is a context that ends with the test or after limit.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// until waits for something that has to come about by itself.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > limit {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// open gives a store on a connection string that is closed with the test.
func open(t testing.TB, connection string, o eventstoredb.Options) *eventstoredb.Store {
	t.Helper()
	s, err := eventstoredb.Open(connection, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// noted are events with texts in them.
func noted(format string, from, n int) (events []eventstore.NewEvent) {
	for i := range n {
		events = append(events, eventstore.NewEvent{Type: "noted", Data: fmt.Appendf(nil, format, from+i)})
	}
	return events
}

// texts reads a stream.
func texts(ctx context.Context, s eventstore.Store, stream string) (out []string, err error) {
	for e, err := range s.Read(ctx, stream, 0) {
		if err != nil {
			return out, err
		}
		out = append(out, string(e.Data))
	}
	return out, nil
}

// town is a county's nodes on one store, and what was acknowledged to their clients.
type town struct {
	t           *testing.T
	connection  string
	nodes       []*node
	collectives []string

	commands atomic.Int64 // numbers given to commands
	mu       sync.Mutex   // guards those below
	sent     map[uuid.UUID]bool
	acked    map[string][]uuid.UUID // by collective
}

// node is the whole service of one machine.
type node struct {
	store    *eventstoredb.Store
	log      eventstore.Store // what the service writes to: store, or the integrity check around it
	checked  *transparency.Store
	service  *ledger.Service
	books    *projections.Library
	follower *ledger.Follower
}

type townOptions struct {
	nodes       int           // default 2
	collectives int           // default 2
	patience    time.Duration // default the adapter's
	checked     bool          // with the integrity check around the store
	clock       func(node int) func() time.Time
}

// lateSource closes the circle: the service needs its observer, the library its source.
type lateSource struct{ *ledger.Service }

// newTown starts nodes and founds collectives, before anything fails. Everything ends with the test.
func newTown(t *testing.T, connection string, o townOptions) *town {
	t.Helper()
	if o.nodes == 0 {
		o.nodes = 2
	}
	if o.collectives == 0 {
		o.collectives = 2
	}
	w := &town{t: t, connection: connection, sent: map[uuid.UUID]bool{}, acked: map[string][]uuid.UUID{}}
	for i := range o.nodes {
		w.add(i, o)
	}
	for i := range o.collectives {
		w.found(fmt.Sprintf("village-%d", i))
	}
	for _, id := range w.collectives {
		for _, n := range w.nodes { // everything is resident when the trouble begins
			if _, err := n.books.Book(within(t), id, 1); err != nil {
				t.Fatal(err)
			}
			if _, err := n.service.Facts(within(t), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

// signer signs heads with keys of its own, and remembers them in a directory of its own.
func signer(t testing.TB, seed byte) *transparency.LocalSigner {
	t.Helper()
	s, err := transparency.OpenSigner(t.TempDir(), bytes.Repeat([]byte{seed}, transparency.SecretBytes))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (w *town) add(i int, o townOptions) *node {
	w.t.Helper()
	n := &node{store: open(w.t, w.connection, eventstoredb.Options{Patience: o.patience})}
	n.log = n.store
	if o.checked {
		checked, err := transparency.Open(n.store, w.t.TempDir(), signer(w.t, byte(i+1)), ledger.LogOrigin, transparency.Options{Shared: true})
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() {
			if err := checked.Close(); err != nil {
				w.t.Error(err)
			}
		})
		n.log, n.checked = checked, checked
	}
	source := new(lateSource)
	n.books = projections.NewLibrary(source)
	options := ledger.Options{Observer: n.books, Shared: true}
	if o.clock != nil {
		options.Clock, options.StoreClock = o.clock(i), n.store.Clock
	}
	n.service = ledger.NewService(n.log, options)
	source.Service = n.service
	n.follower = ledger.NewFollower(n.service, n.log.(ledger.Followed))
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { n.follower.Run(ctx) })
	w.t.Cleanup(func() {
		stop()
		following.Wait()
		n.service.Close(context.Background())
	})
	w.nodes = append(w.nodes, n)
	return n
}

// charter is that of the demonstration, for another collective.
func charter(id string) *ledger.FoundCollective {
	c := lt.Charter()
	c.CollectiveId, c.LogOrigin = id, "example.org/"+id
	return &ledger.FoundCollective{Charter: c}
}

// found founds a collective that takes income.
func (w *town) found(id string) {
	w.t.Helper()
	for _, s := range lt.Until(lt.Demonstration(), "2020-05-19") {
		switch s.Command.(type) {
		case *ledger.FoundCollective:
			s.Command = charter(id)
		case *ledger.EnrolMembers:
			continue
		}
		m := ledger.Meta{ID: w.newID(), Actor: s.Actor, Now: lt.Noon(s.Date)}
		if _, err := w.nodes[0].service.Do(within(w.t), id, s.Command, m); err != nil {
			w.t.Fatalf("%s: %s: %v", id, s.Command.Name(), err)
		}
		w.ack(id, m.ID)
	}
	w.collectives = append(w.collectives, id)
}

// settle waits until every node has everything: its books, and what the integrity check remembers.
func (w *town) settle() {
	w.t.Helper()
	for _, id := range w.collectives {
		head, err := w.nodes[0].store.Version(within(w.t), ledger.StreamOf(id))
		if err != nil {
			w.t.Fatal(err)
		}
		for i, n := range w.nodes {
			balances(w.t, n.service, id, head)
			if _, err := n.books.Book(within(w.t), id, head); err != nil {
				w.t.Fatal(err)
			}
			until(w.t, fmt.Sprintf("node %d remembers %s", i, id), func() bool {
				if n.checked == nil {
					return true
				}
				r, err := n.checked.Verify(within(w.t), ledger.StreamOf(id))
				return err == nil && r.OK && r.HeadSize > 0
			})
		}
	}
}

func (w *town) newID() uuid.UUID {
	id := lt.CommandID(int(w.commands.Add(1)))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[id] = true
	return id
}

func (w *town) ack(collective string, id uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[collective] = append(w.acked[collective], id)
}

// income is a new command that any collective takes.
func (w *town) income() ledger.Order {
	id := w.newID()
	return ledger.Order{
		Command: &ledger.RecordIncome{Kind: "interest", Amount: 1 + ledger.Fen(id[15]), On: lt.Day("2020-06-01"), Money: "bank"},
		Meta:    ledger.Meta{ID: id, Actor: lt.Treasurer, Now: lt.Noon("2020-06-01")},
	}
}

// try gives an order to a node once.
func (w *town) try(ctx context.Context, n *node, collective string, o ledger.Order) error {
	_, err := n.service.Do(ctx, collective, o.Command, o.Meta)
	if err == nil {
		w.ack(collective, o.Meta.ID)
	}
	return err
}

// passing says whether a client may send the command again: the store could not be reached, or the client's own time was up.
func passing(err error) bool {
	return errors.Is(err, ledger.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// do sends one new order to one node after another until it is acknowledged, as a client does.
func (w *town) do(rng *rand.Rand, collective string) {
	o := w.income()
	var last error
	for begun := time.Now(); time.Since(begun) < limit; {
		n := w.nodes[rng.IntN(len(w.nodes))]
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(50+rng.IntN(3000))*time.Millisecond)
		last = w.try(ctx, n, collective, o)
		cancel()
		switch {
		case last == nil:
			return
		case !passing(last):
			w.t.Errorf("%s: %v", collective, last)
			return
		}
	}
	w.t.Errorf("%s: the command was not acknowledged in time: %v", collective, last)
}

// clients send commands, each a number of them one after another, to random collectives.
func (w *town) clients(rng *rand.Rand, clients, each int) *sync.WaitGroup {
	var all sync.WaitGroup
	for range clients {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 1))
		all.Go(func() {
			for range each {
				w.do(rng, w.collectives[rng.IntN(len(w.collectives))])
			}
		})
	}
	return &all
}

// check is what must hold when the trouble is over: every acknowledged command is in the log once, voucher numbers have neither gap
// nor repeat, and states and books of every node are those of a fresh replay.
func (w *town) check() {
	w.t.Helper()
	for _, id := range w.collectives {
		w.checkCollective(id)
	}
}

func (w *town) checkCollective(id string) {
	t := w.t
	t.Helper()
	ctx := within(t)
	fresh := ledger.NewService(open(t, w.connection, eventstoredb.Options{}), ledger.Options{})
	events := w.checkLog(ctx, fresh, id)
	head := uint64(len(events))
	book, err := projections.NewLibrary(fresh).Book(ctx, id, head)
	if err != nil {
		t.Fatal(err)
	}
	want := balances(t, fresh, id, head)
	for i, n := range w.nodes {
		if got := balances(t, n.service, id, head); got != want {
			t.Errorf("node %d has of %s\n%s\nwant\n%s", i, id, got, want)
		}
		own, err := n.books.Book(ctx, id, head)
		if err != nil {
			t.Fatalf("books of %s on node %d: %v", id, i, err)
		}
		if own.Version() != head || own.Digest() != book.Digest() {
			t.Errorf("the books of %s on node %d, at version %d, are not those of a replay to %d", id, i, own.Version(), head)
		}
		if n.checked != nil {
			if r, err := n.checked.Verify(ctx, ledger.StreamOf(id)); err != nil || !r.OK {
				t.Errorf("node %d, log of %s: %v (%+v)", i, id, err, r)
			}
		}
	}
}

// checkLog reads the log of a collective and holds it against what was sent and acknowledged.
func (w *town) checkLog(ctx context.Context, fresh *ledger.Service, id string) (events []*eventv1.Event) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	times, numbers := map[uuid.UUID]int{}, map[string]uint32{}
	for e, err := range fresh.Events(ctx, id, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		if events = append(events, e); e.Version != uint64(len(events)) {
			w.t.Fatalf("%s: version %d has the place of %d", id, e.Version, len(events))
		}
		command := uuid.UUID(e.CommandId)
		if times[command]++; !w.sent[command] {
			w.t.Errorf("%s: nobody sent the command of version %d", id, e.Version)
		}
		for _, v := range e.Vouchers {
			ref := ledger.RefOf(v.Ref)
			series := fmt.Sprint(ref.Class, ref.Year)
			if numbers[series]++; numbers[series] != ref.Number {
				w.t.Errorf("%s: %v has the place of number %d", id, ref, numbers[series])
			}
		}
	}
	for _, command := range w.acked[id] {
		if times[command] != 1 {
			w.t.Errorf("%s: the acknowledged command %v is in the log %d times", id, command, times[command])
		}
	}
	for command, n := range times {
		if n != 1 {
			w.t.Errorf("%s: the command %v is in the log %d times", id, command, n)
		}
	}
	return events
}

// balances are those of a service that has come to a version.
func balances(t *testing.T, s *ledger.Service, id string, version uint64) (text string) {
	t.Helper()
	accounts := []ledger.Account{lt.Dividend, lt.Reserve, lt.Welfare, lt.Maintenance, lt.Bank}
	var have uint64
	var err error
	defer func() {
		if t.Failed() {
			t.Logf("%s at version %d of %d: %v", id, have, version, err)
		}
	}()
	until(t, "a node has all of "+id, func() bool {
		err = s.View(t.Context(), id, func(c *ledger.Collective) error {
			have, text = c.Version(), ""
			for _, a := range accounts {
				text += fmt.Sprintln(a, c.Balance(a, lt.Day("2022-12-31")))
			}
			return nil
		})
		return err == nil && have >= version
	})
	return text
}

// acknowledged is how many commands were.
func (w *town) acknowledged() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ids := range w.acked {
		n += len(ids)
	}
	return n
}

// events are all events of a store as a reader of all streams sees them, in texts.
func events(ctx context.Context, s eventstore.Store) (out []string, err error) {
	for e, err := range s.ReadAll(ctx, 0) {
		if err != nil {
			return out, err
		}
		out = append(out, fmt.Sprintf("%s %d", e.Stream, e.Version))
	}
	return out, nil
}

// same wants two lists to be equal and says where they begin to differ.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Errorf("%s: %d of %d are as they should be, then comes %q, not %q", what, i, len(want), got[i:min(i+3, len(got))], want[i:min(i+3, len(want))])
}
