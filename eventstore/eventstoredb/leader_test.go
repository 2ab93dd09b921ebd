package eventstoredb_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// TestTwoServersNameEachOther: each says that the other leads. Calls end with their contexts or their patience, ask a bounded number
// of times on a bounded number of connections, and go on when the servers agree.
func TestTwoServersNameEachOther(t *testing.T) {
	leavesNothing(t)
	log := esdbtest.NewLog()
	one, two := esdbtest.New(t, esdbtest.Options{Log: log}), esdbtest.New(t, esdbtest.Options{Log: log})
	const patience = time.Second
	w := newTown(t, one.ConnectionString(), townOptions{patience: patience})
	s := open(t, one.ConnectionString(), eventstoredb.Options{Patience: patience})
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, 1)); err != nil {
		t.Fatal(err)
	}
	one.Fail("*", esdbtest.NotLeader(two.Addr()))
	two.Fail("*", esdbtest.NotLeader(one.Addr()))
	asked, connected := one.Calls("*")+two.Calls("*"), one.Accepted()+two.Accepted()
	begun := time.Now()
	impatient(t, s)
	if _, err := s.Append(within(t), "a", 1, noted("%d", 1, 1)); err == nil {
		t.Error("nobody leads and an append was acknowledged")
	}
	o := w.income()
	if err := w.try(within(t), w.nodes[0], w.collectives[0], o); !passing(err) {
		t.Errorf("a command ended with %v", err)
	}
	took := time.Since(begun)
	asked, connected = one.Calls("*")+two.Calls("*")-asked, one.Accepted()+two.Accepted()-connected
	t.Logf("%v: %d calls, %d connections", took.Round(time.Millisecond), asked, connected)
	// Forty calls at once, then a few, two followers and two looks: none of them more often than every 5 ms.
	if most := 50 * (1 + int(took/(5*time.Millisecond))); asked > most {
		t.Errorf("the servers were asked %d times in %v", asked, took)
	}
	if now := one.Connections() + two.Connections(); now > 4*3 {
		t.Errorf("%d connections are open", now)
	}
	one.ClearFaults() // two goes on naming one
	if err := w.try(within(t), w.nodes[0], w.collectives[0], o); err != nil {
		t.Error(err)
	}
	if n, err := s.Version(within(t), "a"); n != 1 || err != nil {
		t.Errorf("version %d: %v", n, err)
	}
	two.ClearFaults()
	w.check()
}

// TestLeaderChangesUnderLoad: the leader changes back and forth, nobody leads for a second, and the leader's machine dies, while
// clients write.
func TestLeaderChangesUnderLoad(t *testing.T) {
	for name, checked := range map[string]bool{"plain": false, "checked": true} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			rng := seeded(t)
			cluster := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
			w := newTown(t, cluster.ConnectionString(), townOptions{collectives: 3, checked: checked})
			clients := w.clients(rng, 16, 20)
			leads := func() {
				before := w.acknowledged()
				until(t, "clients get through", func() bool { return w.acknowledged() > before+3 || w.acknowledged() == 33+16*20 })
			}
			for range 12 {
				cluster.Elect(rng.IntN(3))
				leads()
			}
			began := time.Now()
			cluster.ElectAfter(rng.IntN(3), time.Second)
			until(t, "somebody leads", func() bool { return cluster.Leader() >= 0 })
			leads()
			t.Logf("a second without a leader: clients got through %v after the election", (time.Since(began) - time.Second).Round(time.Millisecond))
			dead := cluster.Leader()
			cluster.StopMember(dead)
			cluster.Elect((dead + 1) % 3)
			began = time.Now()
			leads()
			t.Logf("the leader stopped: clients got through %v after the election", time.Since(began).Round(time.Millisecond))
			if err := cluster.StartMember(dead); err != nil {
				t.Fatal(err)
			}
			cluster.Elect(dead)
			clients.Wait()
			w.check()
			connections := 0
			for i := range 3 {
				connections += cluster.Member(i).Connections()
			}
			if most := 2 * (2 + len(w.collectives)); connections > most {
				t.Errorf("%d connections are open", connections)
			}
		})
	}
}

// TestSubscriptionOverElections: a subscription goes on over changes of the leader, and misses nothing.
func TestSubscriptionOverElections(t *testing.T) {
	leavesNothing(t)
	rng := seeded(t)
	cluster := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
	s := open(t, cluster.ConnectionString(), eventstoredb.Options{})
	const total = 200
	got := make(chan []string)
	go func() { got <- follow(t, s, 0, total, nil) }()
	for i := range total {
		if rng.IntN(10) == 0 {
			cluster.Elect(rng.IntN(3))
		}
		if _, err := s.Append(within(t), "a", uint64(i), noted("%d", i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := events(within(t), s)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "over elections", <-got, want)
}

// TestLeaderIsBehind: a member that leads and does not show yet what was seen before is asked again until it does; nothing is decided
// on less, and no append finds a place there.
func TestLeaderIsBehind(t *testing.T) {
	leavesNothing(t)
	one, two := esdbtest.New(t, esdbtest.Options{}), esdbtest.New(t, esdbtest.Options{})
	s, behind := open(t, one.ConnectionString(), eventstoredb.Options{}), open(t, two.ConnectionString(), eventstoredb.Options{})
	const all, shown = 10, 6
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, all)); err != nil {
		t.Fatal(err)
	}
	if _, err := behind.Append(within(t), "a", 0, noted("%d", 0, shown)); err != nil {
		t.Fatal(err)
	}
	one.Fail("*", esdbtest.NotLeader(two.Addr()))
	var asking sync.WaitGroup
	asking.Go(func() {
		if v, err := s.Version(within(t), "a"); v < all || err != nil {
			t.Errorf("version %d: %v", v, err)
		}
	})
	asking.Go(func() {
		if got, err := texts(within(t), s, "a"); len(got) < all || err != nil {
			t.Errorf("read %d events: %v", len(got), err)
		}
	})
	asking.Go(func() {
		if _, err := s.Append(within(t), "a", all, noted("%d", all, 1)); err != nil {
			t.Errorf("append: %v", err)
		}
	})
	until(t, "the leader is asked again and again", func() bool { return two.Calls("Read") > 8 && two.Calls("Append") > 3 })
	if _, err := behind.Append(within(t), "a", shown, noted("%d", shown, all-shown)); err != nil {
		t.Fatal(err)
	}
	asking.Wait()
	if got, err := texts(within(t), behind, "a"); len(got) != all+1 || err != nil {
		t.Errorf("in the end there are %d events: %v", len(got), err)
	}
}

// TestLeaderFallsSilent: the leader's machine is there and says nothing any more, and another was elected.
func TestLeaderFallsSilent(t *testing.T) {
	leavesNothing(t)
	cluster := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
	s := open(t, cluster.ConnectionString(), eventstoredb.Options{})
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, 1)); err != nil {
		t.Fatal(err)
	}
	got := make(chan []string, 1)
	go func() { got <- follow(t, s, 0, 2, nil) }()
	until(t, "the subscription is live", func() bool { return cluster.Member(0).Subscriptions() == 1 })
	cluster.Member(0).BlackHole(true)
	cluster.Elect(1)
	began := time.Now()
	if _, err := s.Append(context.Background(), "a", 1, noted("%d", 1, 1)); err != nil {
		t.Error(err)
	}
	t.Logf("an append left the silent leader after %v", time.Since(began).Round(time.Millisecond))
	same(t, "subscription", <-got, []string{"a 1", "a 2"})
	t.Logf("the subscription did after %v", time.Since(began).Round(time.Millisecond))
	if got, err := texts(within(t), s, "a"); err != nil || len(got) != 2 {
		t.Errorf("read %v, %v", got, err)
	}
}

// TestReadGoesOnWithALeaderThatIsBehind: the leader changes in the middle of a read, and the new one shows at first less than the
// stream is known to have. That is no damage: it passes.
func TestReadGoesOnWithALeaderThatIsBehind(t *testing.T) {
	leavesNothing(t)
	one, two := esdbtest.New(t, esdbtest.Options{}), esdbtest.New(t, esdbtest.Options{})
	s, behind := open(t, one.ConnectionString(), eventstoredb.Options{}), open(t, two.ConnectionString(), eventstoredb.Options{})
	const all, shown = 10, 6
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, all)); err != nil {
		t.Fatal(err)
	}
	if _, err := behind.Append(within(t), "a", 0, noted("%d", 0, shown)); err != nil {
		t.Fatal(err)
	}
	var reads atomic.Int32
	one.SetHook(func(c *esdbtest.Call) *esdbtest.Action {
		if c.Method == "Read" && reads.Add(1) == 1 {
			return nil // how many events there are
		}
		moved := esdbtest.NotLeader(two.Addr())
		return &moved
	})
	var reading sync.WaitGroup
	reading.Go(func() {
		if got, err := texts(within(t), s, "a"); len(got) != all || err != nil {
			t.Errorf("read %d events: %v", len(got), err)
		}
	})
	before := two.Calls("Read")
	until(t, "the new leader is asked again", func() bool { return two.Calls("Read") > before+2 })
	if _, err := behind.Append(within(t), "a", shown, noted("%d", shown, all-shown)); err != nil {
		t.Fatal(err)
	}
	reading.Wait()
}

// TestNobodyKnowsTheLeader: a member that is not the leader and does not know who is has done nothing.
func TestNobodyKnowsTheLeader(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{})
	s := open(t, server.ConnectionString(), eventstoredb.Options{})
	server.FailNext("*", 3, esdbtest.NotLeader(""))
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, 1)); err != nil {
		t.Error(err)
	}
	server.FailNext("Read", 2, esdbtest.NotLeader(""))
	if got, err := texts(within(t), s, "a"); len(got) != 1 || err != nil {
		t.Errorf("read %v: %v", got, err)
	}
}

// TestUnclearAndThenRefused: an append that was stored without an answer, and is denied when it is sent again, is not "nothing was
// stored".
func TestUnclearAndThenRefused(t *testing.T) {
	for name, second := range map[string]esdbtest.Action{
		"denied":  esdbtest.FailWith(codes.PermissionDenied, "Access Denied", "exception", "access-denied"),
		"strange": esdbtest.FailWith(codes.Unimplemented, "a proxy that knows better"),
	} {
		t.Run(name, func(t *testing.T) {
			server := esdbtest.New(t, esdbtest.Options{})
			s := open(t, server.ConnectionString(), eventstoredb.Options{})
			server.FailNext("Append", 1, esdbtest.CommitThenTimeOut())
			server.FailNext("Append", 1, second)
			if _, err := s.Append(within(t), "a", 0, noted("%d", 0, 1)); !errors.Is(err, eventstoredb.ErrUnknown) {
				t.Errorf("got %v", err)
			}
			if got, err := texts(within(t), s, "a"); len(got) != 1 || err != nil {
				t.Errorf("read %v: %v", got, err)
			}
		})
	}
}

// TestUnclearAndThenBehind: an append that was stored without an answer meets a leader that is behind, for as long as anybody waits.
func TestUnclearAndThenBehind(t *testing.T) {
	one, two := esdbtest.New(t, esdbtest.Options{}), esdbtest.New(t, esdbtest.Options{})
	s := open(t, one.ConnectionString(), eventstoredb.Options{Patience: 300 * time.Millisecond})
	if _, err := s.Append(within(t), "a", 0, noted("%d", 0, 3)); err != nil {
		t.Fatal(err)
	}
	one.FailNext("Append", 1, esdbtest.CommitThenTimeOut())
	one.Fail("Append", esdbtest.NotLeader(two.Addr()))
	if _, err := s.Append(within(t), "a", 3, noted("%d", 3, 1)); !errors.Is(err, eventstoredb.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
