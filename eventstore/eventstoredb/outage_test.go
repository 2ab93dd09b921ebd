package eventstoredb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// calls are all calls of the port. Each gives the error it ends with.
func calls(s *eventstoredb.Store) map[string]func(context.Context) error {
	drain := func(events func(func(eventstore.Event, error) bool)) (err error) {
		for _, err = range events {
			if err != nil {
				return err
			}
		}
		return nil
	}
	return map[string]func(context.Context) error{
		"Append": func(ctx context.Context) error {
			_, err := s.Append(ctx, "a", 1, noted("never %d", 0, 1))
			return err
		},
		"Append first": func(ctx context.Context) error {
			_, err := s.Append(ctx, "new", 0, noted("never %d", 0, 1))
			return err
		},
		"Version":   func(ctx context.Context) error { _, err := s.Version(ctx, "a"); return err },
		"Read":      func(ctx context.Context) error { return drain(s.Read(ctx, "a", 0)) },
		"ReadAll":   func(ctx context.Context) error { return drain(s.ReadAll(ctx, 0)) },
		"Subscribe": func(ctx context.Context) error { return drain(s.Subscribe(ctx, 0)) },
		"Delete":    func(ctx context.Context) error { return s.Delete(ctx, "b") },
		"End":       func(ctx context.Context) error { _, err := s.End(ctx); return err },
	}
}

// impatient makes every call of the port with a context of 300 ms, all at once and several times, against a store that answers
// nothing: each ends with its context. The slowest is told. How late a call may be is generous, but far from the patience.
func impatient(t *testing.T, s *eventstoredb.Store) {
	t.Helper()
	const patience, late = 300 * time.Millisecond, 5 * time.Second
	var all sync.WaitGroup
	var slowest atomic.Int64
	for name, call := range calls(s) {
		for range 5 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				begun := time.Now()
				err := call(ctx)
				took := time.Since(begun)
				for was := slowest.Load(); int64(took) > was && !slowest.CompareAndSwap(was, int64(took)); was = slowest.Load() {
				}
				if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, eventstoredb.ErrUnknown) {
					t.Errorf("%s ended with %v", name, err)
				}
				if took > late {
					t.Errorf("%s with a context of %v took %v", name, patience, took)
				}
			})
		}
	}
	all.Wait()
	t.Logf("calls with a context of %v took up to %v", patience, time.Duration(slowest.Load()).Round(time.Millisecond))
}

// TestServerGoneAndBack: while the server is away calls end with their contexts, commands fail as unavailable and what is in
// memory is still read; when it is back everything goes on by itself. With -short it is away for two seconds, else for sixty.
func TestServerGoneAndBack(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{})
	away, patience := time.Minute, time.Duration(0)
	if testing.Short() {
		away, patience = 2*time.Second, 700*time.Millisecond
	}
	w := newTown(t, server.ConnectionString(), townOptions{patience: patience})
	alone := open(t, server.ConnectionString(), eventstoredb.Options{Patience: time.Minute})
	if _, err := alone.Append(within(t), "a", 0, noted("%d", 0, 1)); err != nil {
		t.Fatal(err)
	}
	w.clients(rng, 4, 10).Wait()
	w.settle()

	server.Stop()
	gone := time.Now()
	impatient(t, alone)
	n, id := w.nodes[0], w.collectives[0]
	unanswered := w.income()
	var lasting sync.WaitGroup
	for range 5 {
		lasting.Go(func() {
			if err := w.try(context.Background(), n, id, w.income()); !errors.Is(err, ledger.ErrUnavailable) {
				t.Errorf("a command ended with %v", err)
			}
		})
	}
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		begun := time.Now()
		if err := w.try(ctx, n, id, unanswered); !passing(err) {
			t.Errorf("a command with little time ended with %v", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("a command with 300 ms took %v", took)
		}
		if _, err := n.books.Book(ctx, id, 0); err != nil {
			t.Errorf("the books cannot be read: %v", err)
		}
		if _, err := n.service.Facts(ctx, id); err != nil {
			t.Errorf("the roles cannot be read: %v", err)
		}
		cancel()
	}
	lasting.Wait()
	time.Sleep(time.Until(gone.Add(away)))

	// Clients that go on asking, one through each node, and one at the adapter.
	var back atomic.Int64
	var asking sync.WaitGroup
	ask := func(who string, call func(context.Context) error) {
		asking.Go(func() {
			for begun := time.Now(); time.Since(begun) < limit; {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				err := call(ctx)
				cancel()
				if err == nil {
					after := time.Since(time.Unix(0, back.Load()))
					t.Logf("%s: first success %v after the server was back", who, after.Round(time.Millisecond))
					if after > 5*time.Second {
						t.Errorf("%s waited %v after the server was back", who, after)
					}
					return
				}
			}
			t.Errorf("%s never got through", who)
		})
	}
	back.Store(time.Now().Add(time.Hour).UnixNano())
	for i, n := range w.nodes {
		o := w.income()
		ask(fmt.Sprintf("node %d", i), func(ctx context.Context) error { return w.try(ctx, n, id, o) })
	}
	ask("adapter", func(ctx context.Context) error { _, err := alone.Version(ctx, "a"); return err })
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	back.Store(time.Now().UnixNano())
	asking.Wait()
	if err := w.try(within(t), n, id, unanswered); err != nil {
		t.Error(err)
	}
	w.clients(rng, 4, 10).Wait()
	w.check()
	// One connection a store, and those of the checks; more would be left behind at every failure.
	if now, ever := server.Connections(), server.Accepted(); now > 3+len(w.collectives) || ever > 2*(3+len(w.collectives)) {
		t.Errorf("%d connections, %d since the server is back", now, ever)
	}
}

// TestCommandEndsWithItsContext: a client that has little time learns that it is over, though the node goes on with its command.
func TestCommandEndsWithItsContext(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	w := newTown(t, server.ConnectionString(), townOptions{patience: limit})
	server.Stop()
	o := w.income()
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		begun := time.Now()
		err := w.try(ctx, w.nodes[0], w.collectives[0], o)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("a command with 300 ms took %v", took)
		}
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.try(within(t), w.nodes[1], w.collectives[0], o); err != nil {
		t.Error(err)
	}
	w.check()
}

// TestBusyServer: a server that answers but is not ready costs no connections and loses nothing.
func TestBusyServer(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	for i := range 30 {
		server.FailNext("Append", 1, esdbtest.TooBusy())
		server.FailNext("Append", 1, esdbtest.TimedOut())
		server.FailNext("Append", 1, esdbtest.CommitThenTimeOut())
		if _, err := s.Append(within(t), "a", uint64(i), noted("%d", i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Accepted(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
	if n, err := s.Version(within(t), "a"); n != 30 || err != nil {
		t.Errorf("version %d: %v", n, err)
	}
}

// fault is an action that happens to some calls of a method, by chance.
func fault(server *esdbtest.Server, rng *rand.Rand, one int, actions map[string][]esdbtest.Action) {
	var mu sync.Mutex
	rng = rand.New(rand.NewPCG(rng.Uint64(), 3)) // the caller goes on with its own
	server.SetHook(func(c *esdbtest.Call) *esdbtest.Action {
		mu.Lock()
		defer mu.Unlock()
		a := actions[c.Method]
		if len(a) == 0 || rng.IntN(one) != 0 {
			return nil
		}
		return &a[rng.IntN(len(a))]
	})
}

// TestKilledAfterCommit: the connection breaks between the deed and the answer, again and again.
func TestKilledAfterCommit(t *testing.T) {
	for _, checked := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "checked"}[checked], func(t *testing.T) {
			leavesNothing(t)
			rng := seeded(t)
			server := esdbtest.New(t, esdbtest.Options{})
			w := newTown(t, server.ConnectionString(), townOptions{checked: checked})
			fault(server, rng, 4, map[string][]esdbtest.Action{
				"Append": {esdbtest.CommitThenDrop(), esdbtest.CommitThenTimeOut(), esdbtest.Drop()},
				"Read":   {esdbtest.Drop()},
			})
			w.clients(rng, 8, 15).Wait()
			server.ClearFaults()
			w.check()
		})
	}
}

// process is the fake server as a process of its own.
type process struct {
	t          *testing.T
	program    string
	dir        string
	listen     string
	connection string
	running    *exec.Cmd
}

func (p *process) start() {
	p.t.Helper()
	p.running = exec.Command(p.program, "-dir", p.dir, "-listen", p.listen)
	out, err := p.running.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.running.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.t.Fatalf("the server did not start: %v", err)
	}
	p.connection = strings.TrimSpace(line)
	p.listen = strings.TrimPrefix(strings.Split(p.connection, "?")[0], "esdb://")
}

// kill is SIGKILL.
func (p *process) kill() {
	if p.running != nil {
		_ = p.running.Process.Kill()
		_ = p.running.Wait()
		p.running = nil
	}
}

// TestServerProcessKilled: the server's process is killed under load and started again on what it had on disk, several times.
func TestServerProcessKilled(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	p := &process{t: t, program: filepath.Join(t.TempDir(), "esdbfake"), dir: t.TempDir()}
	if out, err := exec.Command("go", "build", "-o", p.program, "./esdbtest/esdbfake").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(p.kill)
	p.start()
	w := newTown(t, p.connection, townOptions{checked: true})
	clients := w.clients(rng, 8, 40)
	for range 4 {
		before := w.acknowledged()
		until(t, "clients get through", func() bool { return w.acknowledged() >= before+10+rng.IntN(20) })
		p.kill()
		p.start()
	}
	clients.Wait()
	w.check()
}

// TestAnswersTooLate: the server does what it was asked and answers after the deadline, or never.
func TestAnswersTooLate(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{})
	const patience = 300 * time.Millisecond
	s := open(t, server.ConnectionString(), eventstoredb.Options{Patience: patience})
	for i, late := range []esdbtest.Action{esdbtest.CommitThenHang(), esdbtest.CommitThenDelay(10 * patience), esdbtest.Delay(10 * patience), esdbtest.Hang()} {
		server.FailNext("Append", 1, late)
		stream := fmt.Sprintf("late-%d", i)
		_, err := s.Append(within(t), stream, 0, noted("%d", 0, 2))
		if !errors.Is(err, eventstoredb.ErrUnknown) {
			t.Errorf("%s: %v", late.Name, err)
		}
		// Asking again with the same is safe and tells.
		if _, err := s.Append(within(t), stream, 0, noted("%d", 0, 2)); err != nil {
			t.Errorf("%s, again: %v", late.Name, err)
		}
		if got, err := texts(within(t), s, stream); err != nil || len(got) != 2 {
			t.Errorf("%s: read %v, %v", late.Name, got, err)
		}
	}
	w := newTown(t, server.ConnectionString(), townOptions{patience: patience, checked: true})
	fault(server, rng, 6, map[string][]esdbtest.Action{
		"Append": {esdbtest.CommitThenHang(), esdbtest.CommitThenDelay(2 * patience), esdbtest.Hang(), esdbtest.Delay(patience / 2)},
		"Read":   {esdbtest.Hang()},
	})
	w.clients(rng, 8, 8).Wait()
	server.ClearFaults()
	w.check()
}

// TestBlackHole: the server takes connections and says nothing; calls end with their contexts, and go on when it speaks again.
func TestBlackHole(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{})
	w := newTown(t, server.ConnectionString(), townOptions{patience: 500 * time.Millisecond})
	alone := open(t, server.ConnectionString(), eventstoredb.Options{Patience: time.Minute})
	if _, err := alone.Append(within(t), "a", 0, noted("%d", 0, 1)); err != nil {
		t.Fatal(err)
	}
	clients := w.clients(rng, 4, 20)
	server.BlackHole(true)
	impatient(t, alone)
	server.BlackHole(false)
	server.Refuse(true)
	impatient(t, alone)
	server.Refuse(false)
	clients.Wait()
	w.check()
}

// TestCloseWhileServerIsAway: Close ends what waits, from several sides at once, and later calls say that it is closed.
func TestCloseWhileServerIsAway(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{})
	for round := range 8 {
		s, err := eventstoredb.Open(server.ConnectionString(), eventstoredb.Options{Patience: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(within(t), "a", uint64(round), noted("%d", round, 1)); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			server.Stop()
		} else {
			server.BlackHole(true)
		}
		var all sync.WaitGroup
		for name, call := range calls(s) {
			all.Go(func() {
				err := call(within(t))
				if !errors.Is(err, eventstore.ErrClosed) && !errors.Is(err, eventstoredb.ErrUnreachable) && !errors.Is(err, eventstoredb.ErrUnknown) {
					t.Errorf("%s ended with %v", name, err)
				}
			})
		}
		for range 4 {
			moment := time.Duration(rng.IntN(100)) * time.Millisecond
			all.Go(func() {
				time.Sleep(moment)
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
		all.Wait()
		for name, call := range calls(s) {
			if err := call(within(t)); !errors.Is(err, eventstore.ErrClosed) {
				t.Errorf("%s after Close ended with %v", name, err)
			}
		}
		server.BlackHole(false)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAppendIsNeverTorn: connections break before and amid the messages of an append, and it is stored whole. gRPC by itself would
// send a piece of it again on another connection and say that this was all.
func TestAppendIsNeverTorn(t *testing.T) {
	leavesNothing(t)
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	const writers, rounds, batch = 8, 60, 5
	var all sync.WaitGroup
	for i := range writers {
		stream := fmt.Sprintf("writer-%d", i)
		all.Go(func() {
			for r := range rounds {
				server.ResetConnections()
				if _, err := s.Append(within(t), stream, uint64(batch*r), noted("%d", batch*r, batch)); err != nil {
					t.Errorf("%s, round %d: %v", stream, r, err)
					return
				}
			}
			if got, err := texts(within(t), s, stream); len(got) != batch*rounds || err != nil {
				t.Errorf("%s has %d events, not %d: %v", stream, len(got), batch*rounds, err)
			}
		})
	}
	all.Wait()
}

// TestContextEndsDuringAppend ends the context at a random moment of an append: what was acknowledged is there, what was cancelled
// is not and does not come later, and anything else says that it is not known.
func TestContextEndsDuringAppend(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	outcomes := map[string]int{}
	for round := range 200 {
		stream := fmt.Sprintf("round-%d", round)
		if round%4 == 3 {
			server.FailNext("Append", 1, esdbtest.Delay(time.Duration(rng.IntN(300))*time.Microsecond))
		}
		ctx, cancel := context.WithCancel(context.Background())
		timer := time.AfterFunc(time.Duration(rng.IntN(1500))*time.Microsecond, cancel)
		_, err := s.Append(ctx, stream, 0, noted("%d", 0, 1+rng.IntN(3)))
		timer.Stop()
		cancel()
		version, readErr := s.Version(within(t), stream)
		if readErr != nil {
			t.Fatal(readErr)
		}
		switch {
		case err == nil:
			outcomes["stored"]++
			if version == 0 {
				t.Errorf("round %d: acknowledged and not there", round)
			}
		case errors.Is(err, context.Canceled):
			outcomes["cancelled"]++
			if version != 0 {
				t.Errorf("round %d: cancelled and there: %v", round, err)
			}
			// Nothing of it is on its way: another append takes the place.
			if _, err := s.Append(within(t), stream, 0, noted("other %d", 0, 1)); err != nil {
				t.Errorf("round %d: after it was cancelled: %v", round, err)
			}
		case errors.Is(err, eventstoredb.ErrUnknown):
			outcomes["unknown"]++
		default:
			t.Errorf("round %d: %v", round, err)
		}
	}
	t.Logf("outcomes: %v", outcomes)
}
