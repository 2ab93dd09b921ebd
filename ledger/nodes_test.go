package ledger_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// nodes are services on one store, which has the collective founded; each follows the others.
func nodes(t *testing.T, n int) (store *eventstore.Memory, all []*lt.Office) {
	store = eventstore.NewMemory()
	withCash(t, store)
	for range n {
		all = append(all, lt.NewNode(t, store))
	}
	return store, all
}

// withCash has the collective founded, with a cash account.
func withCash(t *testing.T, store eventstore.Store) *lt.Office {
	o := office(t, store)
	o.Do("2020-05-20", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH})
	return o
}

// TestNodesTakeCommandsAtOnce: any node takes any command, also the same one at once; none fails, each is done once, and all nodes
// come to one state.
func TestNodesTakeCommandsAtOnce(t *testing.T) {
	store, all := nodes(t, 3)
	const commands = 300
	var clients sync.WaitGroup
	for i := range commands {
		for k := range 2 {
			clients.Go(func() {
				if _, err := do(all[(i+k)%len(all)], interest(i)); err != nil {
					t.Errorf("command %d: %v", i, err)
				}
			})
		}
	}
	for n := range 60 {
		clients.Go(func() {
			var orders []ledger.Addressed
			for k := range 3 {
				orders = append(orders, ledger.Addressed{Collective: lt.LiminbaID, Order: interest(10_000 + 10*n + k)})
			}
			for _, o := range all[n%len(all)].Service.DoInOrder(context.Background(), orders) {
				if o.Err != nil {
					t.Errorf("batch %d: %v", n, o.Err)
				}
			}
		})
	}
	clients.Wait()
	events := stored(t, store)
	if n := checkNumbers(t, events); n != commands+180 {
		t.Errorf("%d vouchers, want %d", n, commands+180)
	}
	fresh := lt.NewOffice(t, store)
	for i, node := range all {
		// A command that is refused is compared with the log, so the state behind it is that of the log.
		if _, err := do(node, move(20_000+i, "999,999.00")); !refusedAs(err, ledger.AccountOverdrawn) {
			t.Errorf("node %d: %v", i, err)
		}
		if got, want := dump(t, node), dump(t, fresh); got != want {
			t.Errorf("node %d has\n%s\nwant\n%s", i, got, want)
		}
	}
}

func dump(t *testing.T, o *lt.Office) (text string) {
	t.Helper()
	if err := o.Service.View(context.Background(), o.Collective, func(c *ledger.Collective) error {
		text = c.Dump()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return text
}

// deaf hides a store's new events, as a subscription that has fallen behind does.
type deaf struct{ *eventstore.Memory }

func (d deaf) Subscribe(ctx context.Context, _ uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		<-ctx.Done()
		yield(eventstore.Event{}, ctx.Err())
	}
}

// TestNothingIsRefusedOnOldFacts: what was put right on one node is not refused on another that has not heard of it.
func TestNothingIsRefusedOnOldFacts(t *testing.T) {
	store := eventstore.NewMemory()
	first := withCash(t, store)
	second := lt.NewNode(t, deaf{store})
	if _, err := do(second, move(1, "5.00")); !refusedAs(err, ledger.AccountOverdrawn) {
		t.Fatalf("got %v", err)
	}
	for i := range 500 {
		if _, err := do(first, interest(10+i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := do(second, move(1, "5.00")); err != nil {
		t.Errorf("the money is there: %v", err)
	}
}

// TestRolesReachOtherNodes: what every call asks for first follows the log without a command.
func TestRolesReachOtherNodes(t *testing.T) {
	_, all := nodes(t, 2)
	ctx := context.Background()
	if f, err := all[1].Service.Facts(ctx, lt.LiminbaID); err != nil || len(f.Roles("clerk")) != 0 {
		t.Fatalf("before: %v, %v", f, err)
	}
	m := meta(1)
	m.Actor = lt.Admin
	if _, err := all[0].Service.Do(ctx, lt.LiminbaID, &ledger.GrantRole{Operator: "clerk", Role: eventv1.Role_ROLE_BOARD}, m); err != nil {
		t.Fatal(err)
	}
	until(t, "the role is known on the other node", func() bool {
		f, err := all[1].Service.Facts(ctx, lt.LiminbaID)
		return err == nil && len(f.Roles("clerk")) == 1
	})
}

// until waits for something that has to come about by itself.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// TestContestWithFaults: appends whose outcome is not known, in the middle of a contest, lose and double nothing.
func TestContestWithFaults(t *testing.T) {
	memory := eventstore.NewMemory()
	office(t, memory)
	first := lt.NewNode(t, memory)
	second := lt.NewOffice(t, memory)
	second.Service = ledger.NewService(faulty(t, memory, func(c eventstoretest.Call) eventstoretest.Fault {
		switch {
		case c.Method == "Append" && c.Number%7 == 0:
			return eventstoretest.FailAfter
		case c.Method == "Append" && c.Number%5 == 0:
			return eventstoretest.FailBefore
		}
		return eventstoretest.Pass
	}), ledger.Options{Shared: true})
	var clients sync.WaitGroup
	for i := range 200 {
		for _, o := range []*lt.Office{first, second} {
			clients.Go(func() {
				for range 50 {
					_, err := do(o, interest(i))
					if !errors.Is(err, ledger.ErrUnavailable) {
						if err != nil {
							t.Error(err)
						}
						return
					}
				}
				t.Errorf("command %d never got through", i)
			})
		}
	}
	clients.Wait()
	if n := checkNumbers(t, stored(t, memory)); n != 200 {
		t.Errorf("%d vouchers, want 200", n)
	}
	if a, b := dump(t, second), dump(t, lt.NewOffice(t, memory)); a != b {
		t.Errorf("the state is\n%s\nwant\n%s", a, b)
	}
}

// TestTwoNodesFoundOneCollective: both reserve the name, one founds it, the other is told that it exists.
func TestTwoNodesFoundOneCollective(t *testing.T) {
	store := eventstore.NewMemory()
	a, b := lt.NewNode(t, store), lt.NewNode(t, store)
	founding := lt.Demonstration()[0]
	var both sync.WaitGroup
	errs := make([]error, 2)
	for i, o := range []*lt.Office{a, b} {
		both.Go(func() {
			m := meta(i)
			m.Actor, m.Now = founding.Actor, lt.Noon(founding.Date)
			_, errs[i] = o.Service.Do(context.Background(), o.Collective, founding.Command, m)
		})
	}
	both.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !refusedAs(err, ledger.CollectiveExists) {
			t.Errorf("the other one: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of two were first", won)
	}
	for i, o := range []*lt.Office{a, b} {
		if ids, err := o.Service.Collectives(context.Background()); err != nil || len(ids) != 1 {
			t.Errorf("node %d lists %v: %v", i, ids, err)
		}
	}
}

// TestLagIsTold: a node that hears nothing says how far it is behind.
func TestLagIsTold(t *testing.T) {
	store := eventstore.NewMemory()
	o := office(t, store)
	hearing, hard := ledger.NewFollower(o.Service, store), ledger.NewFollower(o.Service, deaf{store})
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	defer following.Wait()
	defer stop()
	for _, f := range []*ledger.Follower{hearing, hard} {
		following.Go(func() { f.Run(ctx) })
		until(t, "it has begun", func() bool { return !f.Lag().Current.IsZero() })
	}
	for i := range 7 {
		if _, err := do(o, interest(i)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the hearing one is at the end", func() bool { l := hearing.Look(ctx); return l.Events == 0 && l.Err == nil })
	if l := hard.Look(ctx); l.Events != 7 || l.More || l.Err != nil {
		t.Errorf("the other one: %+v", l)
	}
	for i := range 1000 {
		if _, err := do(o, interest(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	if l := hard.Look(ctx); l.Events != 1000 || !l.More {
		t.Errorf("a thousand later: %+v", l)
	}
}

// withClock gives a command to a node whose clock is ahead of the store's.
func withClock(t *testing.T, ahead time.Duration) error {
	store := eventstore.NewMemory()
	office(t, store)
	now := lt.Noon("2020-06-01")
	s := ledger.NewService(store, ledger.Options{
		Shared: true, Clock: func() time.Time { return now.Add(ahead) }, StoreClock: func(context.Context) (time.Time, error) { return now, nil },
	})
	order := interest(1)
	order.Meta.Now = time.Time{}
	_, err := s.Do(context.Background(), lt.LiminbaID, order.Command, order.Meta)
	return err
}

// TestNodeWithAWrongClock: what a node recorded two hours ahead would make all others refuse for two hours.
func TestNodeWithAWrongClock(t *testing.T) {
	for _, c := range []struct {
		ahead   time.Duration
		refused bool
	}{{2 * time.Hour, true}, {-2 * time.Hour, true}, {6 * time.Minute, true}, {4 * time.Minute, false}, {-4 * time.Minute, false}, {0, false}} {
		if err := withClock(t, c.ahead); refusedAs(err, ledger.ClockApart) != c.refused || !c.refused && err != nil {
			t.Errorf("%v ahead: %v", c.ahead, err)
		}
	}
}

// roleOf grants or takes the role of a clerk.
func roleOf(t *testing.T, o *lt.Office, n int, c ledger.Command) {
	t.Helper()
	m := meta(n)
	m.Actor = lt.Admin
	if _, err := o.Service.Do(context.Background(), o.Collective, c, m); err != nil {
		t.Fatal(err)
	}
}

var (
	grantClerk  = &ledger.GrantRole{Operator: "clerk", Role: eventv1.Role_ROLE_BOARD}
	revokeClerk = &ledger.RevokeRole{Operator: "clerk", Role: eventv1.Role_ROLE_BOARD}
)

func clerkRoles(t *testing.T, o *lt.Office) int {
	t.Helper()
	f, err := o.Service.Facts(context.Background(), o.Collective)
	if err != nil {
		t.Fatal(err)
	}
	return len(f.Roles("clerk"))
}

// TestRoleLearnedByAConflict: a node that hears nothing has read the end of a role when it lost a race, and then acts on it.
func TestRoleLearnedByAConflict(t *testing.T) {
	store := eventstore.NewMemory()
	first := withCash(t, store)
	roleOf(t, first, 1, grantClerk)
	second := lt.NewNode(t, deaf{store})
	if n := clerkRoles(t, second); n != 1 {
		t.Fatalf("%d roles before", n)
	}
	for i, o := range []*lt.Office{first, second, second} { // a race lost, after which the node keeps a spare state
		if _, err := do(o, interest(10+i)); err != nil {
			t.Fatal(err)
		}
	}
	roleOf(t, first, 2, revokeClerk)
	if _, err := do(second, interest(3)); err != nil {
		t.Fatal(err)
	}
	if n := clerkRoles(t, second); n != 0 {
		t.Errorf("%d roles after", n)
	}
}

// TestStoredBeforeTheFollowerBegan: a node that served before its follower reached the store hears of what was stored in between.
func TestStoredBeforeTheFollowerBegan(t *testing.T) {
	store := eventstore.NewMemory()
	first := withCash(t, store)
	roleOf(t, first, 1, grantClerk)
	told := &lastObserved{}
	second := lt.NewOffice(t, store)
	second.Service = ledger.NewService(store, ledger.Options{Shared: true, Observer: told})
	if n := clerkRoles(t, second); n != 1 {
		t.Fatalf("%d roles before", n)
	}
	roleOf(t, first, 2, revokeClerk)
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { ledger.NewFollower(second.Service, store).Run(ctx) })
	defer func() { stop(); following.Wait() }()
	until(t, "the role is gone", func() bool { return clerkRoles(t, second) == 0 })
	if want := uint64(len(stored(t, store))); told.version.Load() != want {
		t.Errorf("the books were told of version %d, want %d", told.version.Load(), want)
	}
}

// lastObserved is an observer that notes the newest version.
type lastObserved struct{ version atomic.Uint64 }

func (l *lastObserved) Observe(_ string, events []*eventv1.Event) {
	l.version.Store(events[len(events)-1].Version)
}

// TestRefusedWithoutTheLog: a refusal that could not be compared with the log is none.
func TestRefusedWithoutTheLog(t *testing.T) {
	store := &failing{Store: eventstore.NewMemory()}
	withCash(t, store.Store)
	o := lt.NewOffice(t, store)
	o.Service = ledger.NewService(store, ledger.Options{Shared: true})
	if _, err := do(o, move(1, "5.00")); !refusedAs(err, ledger.AccountOverdrawn) {
		t.Fatalf("got %v", err)
	}
	store.stream = ledger.StreamOf(lt.LiminbaID)
	if _, err := do(o, move(1, "5.00")); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// TestBatchOnADamagedLog ends at once, and says what is wrong.
func TestBatchOnADamagedLog(t *testing.T) {
	store := eventstore.NewMemory()
	withCash(t, store)
	version, err := store.Version(t.Context(), ledger.StreamOf(lt.LiminbaID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(t.Context(), ledger.StreamOf(lt.LiminbaID), version, []eventstore.NewEvent{{Type: "nonsense", Data: []byte{1}}}); err != nil {
		t.Fatal(err)
	}
	s := ledger.NewService(store, ledger.Options{Shared: true})
	begun := time.Now()
	out := s.DoInOrder(t.Context(), []ledger.Addressed{{Collective: lt.LiminbaID, Order: interest(1)}})
	var damage *eventstore.CorruptError
	if !errors.As(out[0].Err, &damage) {
		t.Errorf("got %v", out[0].Err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// slowly gives its subscription's events one by one, as the test allows.
type slowly struct {
	*eventstore.Memory
	one chan struct{}
}

func (s slowly) Subscribe(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for e, err := range s.Memory.Subscribe(ctx, after) {
			select {
			case <-s.one:
			case <-ctx.Done():
				yield(eventstore.Event{}, ctx.Err())
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// ReadAll lets one event of the subscription come while it counts.
func (s slowly) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		select {
		case s.one <- struct{}{}:
			select {
			case s.one <- struct{}{}: // taken when the next is asked for
			case <-ctx.Done():
			}
		default:
		}
		s.Memory.ReadAll(ctx, after)(yield)
	}
}

// TestSlowIsNotCurrent: a node that takes an event now and then while hundreds wait is behind.
func TestSlowIsNotCurrent(t *testing.T) {
	store := eventstore.NewMemory()
	o := office(t, store)
	slow := slowly{store, make(chan struct{})}
	f := ledger.NewFollower(o.Service, slow)
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	defer following.Wait()
	defer stop()
	following.Go(func() { f.Run(ctx) })
	until(t, "it has begun", func() bool { return !f.Lag().Current.IsZero() })
	for i := range 300 {
		if _, err := do(o, interest(i)); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if l := f.Look(ctx); l.Events < 200 {
			t.Fatalf("%+v", l)
		}
	}
}

// TestDeletedCollectiveStaysListed: a collective whose stream somebody deleted is damaged, also on a node that never used it; it does
// not vanish from the list.
func TestDeletedCollectiveStaysListed(t *testing.T) {
	store := eventstore.NewMemory()
	withCash(t, store)
	if err := store.Delete(t.Context(), ledger.StreamOf(lt.LiminbaID)); err != nil {
		t.Fatal(err)
	}
	s := ledger.NewService(store, ledger.Options{Shared: true})
	if ids, err := s.Collectives(t.Context()); err != nil || len(ids) != 1 {
		t.Errorf("listed: %v, %v", ids, err)
	}
	var damage *eventstore.CorruptError
	if _, err := s.Facts(t.Context(), lt.LiminbaID); !errors.As(err, &damage) {
		t.Errorf("facts: %v", err)
	}
}

// TestClockIsAskedForAgain: a store that was away when it was first asked for its time is asked again soon, not after half a minute
// of records from the future.
func TestClockIsAskedForAgain(t *testing.T) {
	store := eventstore.NewMemory()
	office(t, store)
	now := lt.Noon("2020-06-01")
	var away atomic.Bool
	away.Store(true)
	s := ledger.NewService(store, ledger.Options{
		Shared: true, Clock: func() time.Time { return now.Add(2 * time.Hour) }, StoreClock: func(context.Context) (time.Time, error) {
			if away.Load() {
				return time.Time{}, errBroken
			}
			return now, nil
		},
	})
	if s.ClockApart(t.Context()) {
		t.Error("nothing is known yet")
	}
	away.Store(false)
	until(t, "the clocks are compared", func() bool { return s.ClockApart(t.Context()) })
}
