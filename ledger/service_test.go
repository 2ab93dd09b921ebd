package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

const liminba = ledger.StreamPrefix + lt.LiminbaID

// office has the collective founded with its rules on a store.
func office(t testing.TB, store eventstore.Store) *lt.Office {
	t.Helper()
	o := lt.NewOffice(t, store)
	o.Replay(lt.Until(lt.Demonstration(), "2020-05-19"))
	return o
}

// faulty wraps a memory store with a script and closes it at the end.
func faulty(t testing.TB, store eventstore.Store, script func(eventstoretest.Call) eventstoretest.Fault) *eventstoretest.Faulty {
	f := eventstoretest.NewFaulty(t, store, script)
	t.Cleanup(func() { f.Close() })
	return f
}

// interest is one fen of interest, the n-th command of a test.
func interest(n int) ledger.Order {
	return ledger.Order{Command: &ledger.RecordIncome{Kind: "interest", Amount: 1, On: lt.Day("2020-06-01"), Money: "bank"}, Meta: meta(n)}
}

func move(n int, amount string) ledger.Order {
	return ledger.Order{Command: &ledger.MoveMoney{From: "bank", To: "cash", Amount: lt.Yuan(amount), On: lt.Day("2020-06-01")}, Meta: meta(n)}
}

func meta(n int) ledger.Meta {
	return ledger.Meta{ID: lt.CommandID(1_000_000 + n), Actor: lt.Treasurer, Now: lt.Noon("2020-06-01")}
}

func do(o *lt.Office, order ledger.Order) ([]*eventv1.Event, error) {
	return o.Service.Do(context.Background(), o.Collective, order.Command, order.Meta)
}

// stored decodes a collective's whole log.
func stored(t testing.TB, store eventstore.Store) (out []*eventv1.Event) {
	t.Helper()
	for e, err := range ledger.NewService(store, ledger.Options{}).Events(context.Background(), lt.LiminbaID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// checkNumbers wants the numbers of every class and year without gap or repeat, and gives the number of vouchers.
func checkNumbers(t testing.TB, events []*eventv1.Event) int {
	t.Helper()
	next := map[string]uint32{}
	for i, e := range events {
		if e.Version != uint64(i)+1 {
			t.Fatalf("version %d follows %d", e.Version, i)
		}
		for _, v := range e.Vouchers {
			ref := ledger.RefOf(v.Ref)
			series := fmt.Sprint(ref.Class, ref.Year)
			if next[series]++; next[series] != ref.Number {
				t.Fatalf("%v has the place of number %d", ref, next[series])
			}
		}
	}
	return len(lt.Vouchers(events))
}

// TestServiceDemonstration gives the demonstration to a service, stops it and starts another on the same store: the log has
// the bytes that deciding without a store gives, and the balances are the same before and after.
func TestServiceDemonstration(t *testing.T) {
	defer goleak.VerifyNone(t)
	store := eventstore.NewMemory()
	o := lt.NewOffice(t, store)
	o.Replay(lt.Demonstration())
	b := lt.Demo(t, "2022-12-31")
	version := uint64(0)
	for e, err := range store.Read(context.Background(), liminba, 0) {
		if err != nil {
			t.Fatal(err)
		}
		want, err := ledger.Encode(b.Events[version])
		if err != nil {
			t.Fatal(err)
		}
		if version++; !bytes.Equal(e.Data, want.Data) || e.Type != want.Type {
			t.Fatalf("version %d is stored as %s, decided as %s", version, e.Type, want.Type)
		}
	}
	again := lt.NewOffice(t, store)
	for _, a := range []ledger.Account{lt.Dividend, lt.Reserve, lt.Welfare, lt.Maintenance, lt.Bank} {
		if got, got2, want := o.Balance(a, "2022-12-31"), again.Balance(a, "2022-12-31"), b.Balance(a, "2022-12-31"); got != want || got2 != want {
			t.Errorf("%s is %v, after a restart %v, want %v", a, got, got2, want)
		}
	}
	again.Replay(lt.Demonstration()) // the same ids: the first answers, for ever
	if v, err := store.Version(context.Background(), liminba); err != nil || v != version {
		t.Errorf("the log has grown to %d: %v", v, err)
	}
}

// TestSameID: the same id with the same content gives the first events again, with other content it is refused; the same
// bank line under another id gives the first events too (V16, M7).
func TestSameID(t *testing.T) {
	store := eventstore.NewMemory()
	o := office(t, store)
	m := meta(1)
	m.Now = lt.Noon("2020-12-20")
	first, err := o.Service.Do(context.Background(), o.Collective, lt.Rent("2020-12-20", "98,000.00"), m)
	if err != nil {
		t.Fatal(err)
	}
	other := meta(2)
	other.Now = lt.Noon("2020-12-21")
	for _, s := range []*ledger.Service{o.Service, ledger.NewService(store, ledger.Options{})} {
		for _, m := range []ledger.Meta{m, other} {
			again, err := s.Do(context.Background(), o.Collective, lt.Rent("2020-12-20", "98,000.00"), m)
			if err != nil || len(again) != 1 || !proto.Equal(again[0], first[0]) {
				t.Errorf("again: %v, %v", again, err)
			}
		}
		if _, err := s.Do(context.Background(), o.Collective, lt.Rent("2020-12-20", "98,000.01"), m); !refusedAs(err, ledger.CommandIDReused) {
			t.Errorf("other content: %v", err)
		}
		m := m
		m.Actor = lt.Approver
		if _, err := s.Do(context.Background(), o.Collective, lt.Rent("2020-12-20", "98,000.00"), m); !refusedAs(err, ledger.CommandIDReused) {
			t.Errorf("another actor: %v", err)
		}
	}
	if got := o.Balance(lt.Bank, "2020-12-20"); got != lt.Yuan("98,000.00") {
		t.Errorf("the bank has %v", got)
	}
}

// TestSameIDInOneBatch: a command that comes twice at once is done once.
func TestSameIDInOneBatch(t *testing.T) {
	store := eventstore.NewMemory()
	o := office(t, store)
	before := len(stored(t, store))
	out := o.Service.DoAll(context.Background(), o.Collective, []ledger.Order{interest(1), interest(1), interest(2)})
	if out[0].Err != nil || out[1].Err != nil || out[2].Err != nil || !proto.Equal(out[0].Events[0], out[1].Events[0]) || out[2].Events[0].Version != out[0].Events[0].Version+1 {
		t.Errorf("got %v", out)
	}
	if n := len(stored(t, store)) - before; n != 2 {
		t.Errorf("%d events are stored", n)
	}
}

// TestConcurrentWriters: after 1,000 concurrent commands the numbers are 1 to 1,000, no gap, no repeat (M20).
func TestConcurrentWriters(t *testing.T) {
	defer goleak.VerifyNone(t)
	store := eventstore.NewMemory()
	o := office(t, store)
	var all sync.WaitGroup
	got := make([]uint32, 1000)
	for i := range got {
		all.Go(func() {
			events, err := do(o, interest(i))
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = events[0].Vouchers[0].Ref.Number
		})
	}
	all.Wait()
	slices.Sort(got)
	for i, n := range got {
		if n != uint32(i)+1 {
			t.Fatalf("number %d is missing or given twice: %d", i+1, n)
		}
	}
	if n := checkNumbers(t, stored(t, store)); n != 1000 {
		t.Errorf("%d vouchers", n)
	}
}

// TestTwoServices: two processes on one store take commands at once; conflicts are decided anew, every command is done once.
func TestTwoServices(t *testing.T) {
	defer goleak.VerifyNone(t)
	store := eventstore.NewMemory()
	first := office(t, store)
	second := lt.NewOffice(t, store)
	var all sync.WaitGroup
	for i := range 200 {
		for _, o := range []*lt.Office{first, second} {
			all.Go(func() {
				for range 20 { // beyond ten conflicts in a row a command is unavailable, and is sent again
					if _, err := do(o, interest(i)); !errors.Is(err, ledger.ErrUnavailable) {
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
	all.Wait()
	if n := checkNumbers(t, stored(t, store)); n != 200 {
		t.Errorf("%d vouchers, want 200", n)
	}
	if a, b := first.Balance(lt.Bank, "2020-06-01"), second.Balance(lt.Bank, "2020-06-01"); a > 200 || b > 200 {
		t.Errorf("balances %v and %v", a, b)
	}
}

// TestFailedAppend: whatever an append does, the command sent again gives one voucher, and what was refused stays refused.
func TestFailedAppend(t *testing.T) {
	for name, c := range map[string]struct {
		fault eventstoretest.Fault
		want  error
	}{
		"before storing": {eventstoretest.FailBefore, ledger.ErrUnavailable},
		"after storing":  {eventstoretest.FailAfter, ledger.ErrUnavailable},
		"no space":       {eventstoretest.NoSpace, eventstore.ErrNoSpace},
	} {
		t.Run(name, func(t *testing.T) {
			var broken bool
			memory := eventstore.NewMemory()
			store := faulty(t, memory, func(call eventstoretest.Call) eventstoretest.Fault {
				if broken && call.Method == "Append" {
					return c.fault
				}
				return eventstoretest.Pass
			})
			o := office(t, store)
			before := len(stored(t, memory))
			broken = true
			if events, err := do(o, interest(1)); !errors.Is(err, c.want) || events != nil {
				t.Fatalf("got %v, %v", events, err)
			}
			if n := len(stored(t, memory)) - before; n > 1 || n == 1 != (c.fault == eventstoretest.FailAfter) {
				t.Fatalf("%d events are stored", n)
			}
			broken = false
			events, err := do(o, interest(1))
			if err != nil || lt.Refs(events) != "收2020-1" {
				t.Fatalf("again: %v, %v", events, err)
			}
			if got := o.Balance(lt.Bank, "2020-06-01"); got != 1 {
				t.Errorf("the bank has %v", got)
			}
			checkNumbers(t, stored(t, memory))
		})
	}
}

// TestFailedFounding: a founding interrupted between name and charter can be sent again.
func TestFailedFounding(t *testing.T) {
	for _, fault := range []eventstoretest.Fault{eventstoretest.FailBefore, eventstoretest.FailAfter, eventstoretest.NoSpace} {
		for _, stream := range []string{ledger.StreamCollectives, liminba} {
			broken := true
			store := faulty(t, eventstore.NewMemory(), func(call eventstoretest.Call) eventstoretest.Fault {
				if broken && call.Method == "Append" && call.Stream == stream {
					broken = false
					return fault
				}
				return eventstoretest.Pass
			})
			o := lt.NewOffice(t, store)
			m := ledger.Meta{ID: lt.CommandID(1), Actor: lt.Admin, Now: lt.Noon("2020-03-01")}
			found := func() error {
				_, err := o.Service.Do(context.Background(), o.Collective, &ledger.FoundCollective{Charter: lt.Charter()}, m)
				return err
			}
			if err := found(); err == nil {
				t.Errorf("fault %d of %s is not noticed", fault, stream)
			}
			if err := found(); err != nil {
				t.Errorf("after fault %d of %s: %v", fault, stream, err)
			}
			if ids, err := o.Service.Collectives(context.Background()); err != nil || fmt.Sprint(ids) != "[liminba]" {
				t.Errorf("after fault %d of %s: %v, %v", fault, stream, ids, err)
			}
		}
	}
}

// TestFailedReads: a log that cannot be read is unavailable, at its first event, in its middle or after it, and is read again.
func TestFailedReads(t *testing.T) {
	memory := eventstore.NewMemory()
	office(t, memory)
	for _, fault := range []eventstoretest.Fault{eventstoretest.FailBefore, eventstoretest.FailMidway, eventstoretest.FailAfter} {
		broken := true
		store := faulty(t, keepOpen{memory}, func(call eventstoretest.Call) eventstoretest.Fault {
			if broken && call.Method == "Read" && call.Stream == liminba {
				return fault
			}
			return eventstoretest.Pass
		})
		o := lt.NewOffice(t, store)
		err := o.Service.View(context.Background(), o.Collective, func(*ledger.Collective) error { return nil })
		if !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("fault %d: %v", fault, err)
		}
		if _, err := do(o, interest(int(fault))); !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("fault %d: %v", fault, err)
		}
		broken = false
		if _, err := do(o, interest(int(fault))); err != nil {
			t.Errorf("fault %d, then: %v", fault, err)
		}
	}
}

// keepOpen lets several wrappers share a store.
type keepOpen struct{ eventstore.Store }

func (keepOpen) Close() error { return nil }

// TestRefusedAhead: what is refused because of a command before it in the same append is not refused when that append fails,
// and is decided anew when another process was first.
func TestRefusedAhead(t *testing.T) {
	memory := eventstore.NewMemory()
	var interfere func() eventstoretest.Fault
	store := faulty(t, memory, func(call eventstoretest.Call) eventstoretest.Fault {
		if f := interfere; f != nil && call.Method == "Append" {
			interfere = nil
			return f()
		}
		return eventstoretest.Pass
	})
	o := office(t, store)
	o.Do("2020-06-01", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH})
	o.Do("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "100.00"))

	interfere = func() eventstoretest.Fault { return eventstoretest.FailBefore }
	out := o.Service.DoAll(context.Background(), o.Collective, []ledger.Order{move(1, "60.00"), move(2, "60.00")})
	if !errors.Is(out[0].Err, ledger.ErrUnavailable) || !errors.Is(out[1].Err, ledger.ErrUnavailable) {
		t.Errorf("got %v and %v", out[0].Err, out[1].Err)
	}

	other := lt.NewOffice(t, memory)
	interfere = func() eventstoretest.Fault {
		if _, err := do(other, ledger.Order{Command: lt.Rent("2020-06-01", "20.00"), Meta: meta(10)}); !refusedAs(err, ledger.DocumentDuplicate) {
			t.Error(err)
		}
		c := lt.Rent("2020-06-01", "20.00")
		c.Documents = nil
		if _, err := do(other, ledger.Order{Command: c, Meta: meta(11)}); err != nil {
			t.Error(err)
		}
		return eventstoretest.Pass
	}
	out = o.Service.DoAll(context.Background(), o.Collective, []ledger.Order{move(3, "60.00"), move(4, "60.00"), move(5, "0.01")})
	if out[0].Err != nil || out[1].Err != nil || !refusedAs(out[2].Err, ledger.AccountOverdrawn) {
		t.Errorf("got %v, %v and %v", out[0].Err, out[1].Err, out[2].Err)
	}
	checkNumbers(t, stored(t, memory))
}

// TestUntilRefused carries out orders up to the first refusal, also when another process was first.
func TestUntilRefused(t *testing.T) {
	for _, conflict := range []bool{false, true} {
		memory := eventstore.NewMemory()
		other := lt.NewOffice(t, memory)
		armed := false
		store := faulty(t, memory, func(call eventstoretest.Call) eventstoretest.Fault {
			if armed && call.Method == "Append" {
				armed = false
				if _, err := do(other, interest(99)); err != nil {
					t.Error(err)
				}
			}
			return eventstoretest.Pass
		})
		o := office(t, store)
		armed = conflict
		wrong := interest(3)
		wrong.Command = &ledger.RecordIncome{Kind: "interest", Amount: 0, On: lt.Day("2020-06-01"), Money: "bank"}
		out := o.Service.DoUntilRefused(context.Background(), o.Collective, []ledger.Order{interest(1), interest(2), wrong, interest(4)})
		if out[0].Err != nil || out[1].Err != nil || !refusedAs(out[2].Err, ledger.AmountNotPositive) || !errors.Is(out[3].Err, ledger.ErrNotTried) {
			t.Errorf("with a conflict %v: %v, %v, %v, %v", conflict, out[0].Err, out[1].Err, out[2].Err, out[3].Err)
		}
		again := o.Service.DoUntilRefused(context.Background(), o.Collective, []ledger.Order{interest(1), interest(2), interest(4)})
		for i, a := range again {
			if a.Err != nil || len(a.Events) != 1 {
				t.Errorf("again %d: %v", i, a)
			}
		}
		reused := interest(2)
		reused.Command = &ledger.RecordIncome{Kind: "interest", Amount: 2, On: lt.Day("2020-06-01"), Money: "bank"}
		out = o.Service.DoUntilRefused(context.Background(), o.Collective, []ledger.Order{interest(1), reused, interest(5)})
		if out[0].Err != nil || !refusedAs(out[1].Err, ledger.CommandIDReused) || !errors.Is(out[2].Err, ledger.ErrNotTried) {
			t.Errorf("an id used for something else: %v", out)
		}
	}
}

// TestRecallAhead turns back a voucher that is not stored yet: both stand in one append.
func TestRecallAhead(t *testing.T) {
	store := eventstore.NewMemory()
	o := office(t, store)
	reversal := func(n int) ledger.Order {
		return ledger.Order{Command: reverses(fmt.Sprintf("收2020-%d", n)), Meta: meta(100 + n)}
	}
	out := o.Service.DoAll(context.Background(), o.Collective, []ledger.Order{interest(1), interest(2), reversal(2), reversal(1), reversal(2)})
	for i, want := range []string{"收2020-1", "收2020-2", "收2020-3", "收2020-4"} {
		if out[i].Err != nil || lt.Refs(out[i].Events) != want {
			t.Errorf("order %d: %v", i, out[i])
		}
	}
	if out[4].Err != nil { // the same id and content as order 2
		t.Error(out[4].Err)
	}
	out = o.Service.DoAll(context.Background(), o.Collective, []ledger.Order{{Command: reverses("收2020-2"), Meta: meta(200)}})
	if !refusedAs(out[0].Err, ledger.VoucherReversed) {
		t.Error(out[0].Err)
	}
}

// TestCancelled: a context that has ended gets its error and nothing is begun; one that ends while others work does not wait.
func TestCancelled(t *testing.T) {
	defer goleak.VerifyNone(t)
	memory := eventstore.NewMemory()
	office(t, memory)
	gate := &gate{Store: memory, entered: make(chan struct{}), open: make(chan struct{})}
	o := lt.NewOffice(t, gate)
	before := len(stored(t, memory))

	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := o.Service.Do(over, o.Collective, interest(1).Command, meta(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := len(stored(t, memory)); n != before {
		t.Errorf("%d events were stored", n-before)
	}

	var all sync.WaitGroup
	all.Go(func() {
		if _, err := do(o, interest(2)); err != nil {
			t.Error(err)
		}
	})
	<-gate.entered
	waiting, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := o.Service.Do(waiting, o.Collective, interest(3).Command, meta(3)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(gate.open)
	all.Wait()
	if events, err := do(o, interest(3)); err != nil || len(events) != 1 { // its outcome was unknown; sent again it is done once
		t.Errorf("got %v, %v", events, err)
	}
	if n := checkNumbers(t, stored(t, memory)); n != 2 {
		t.Errorf("%d vouchers", n)
	}
}

// gate is a store whose appends wait.
type gate struct {
	eventstore.Store
	once          sync.Once
	entered, open chan struct{}
}

func (g *gate) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	g.once.Do(func() { close(g.entered) })
	<-g.open
	return g.Store.Append(ctx, stream, expected, events)
}

// TestDamage: bytes that were changed stop their collective, loudly and by name, and no other.
func TestDamage(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, c := range map[string]struct {
		change func(*eventv1.Event)
	}{
		"one fen more":    {func(e *eventv1.Event) { e.Vouchers[0].Postings[0].AmountFen++ }},
		"another version": {func(e *eventv1.Event) { e.Version++ }},
		"a confirmation of nothing": {func(e *eventv1.Event) {
			e.Vouchers = nil
			e.Fact = &eventv1.Event_ResolutionConfirmed{ResolutionConfirmed: &eventv1.ResolutionConfirmed{Id: "unheard-of"}}
		}},
		"households without a number": {func(e *eventv1.Event) {
			e.Vouchers = nil
			e.Fact = &eventv1.Event_MembersEnrolled{MembersEnrolled: &eventv1.MembersEnrolled{Members: []uint32{9999}}}
		}},
		"a fact of which nothing is in": {func(e *eventv1.Event) {
			e.Vouchers = nil
			e.Fact = &eventv1.Event_DividendFileSettled{DividendFileSettled: &eventv1.DividendFileSettled{RunId: "none"}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			memory := eventstore.NewMemory()
			o := office(t, memory)
			o.Do("2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "98,000.00"))
			version, err := memory.Version(context.Background(), liminba)
			if err != nil {
				t.Fatal(err)
			}
			store := &damaged{Store: memory, stream: liminba, version: version, change: c.change}
			service := ledger.NewService(store, ledger.Options{})
			charter := lt.Charter()
			charter.CollectiveId = "xinfeng"
			if _, err := service.Do(context.Background(), "xinfeng", &ledger.FoundCollective{Charter: charter}, ledger.Meta{ID: lt.CommandID(1), Actor: lt.Admin, Now: lt.Noon("2020-03-01")}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := service.Do(context.Background(), lt.LiminbaID, interest(1).Command, meta(1))
				var damage *eventstore.CorruptError
				if !errors.As(err, &damage) || damage.Stream != liminba || damage.Version != version {
					t.Errorf("got %v", err)
				}
				if _, err := service.Facts(context.Background(), "xinfeng"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// damaged changes one event on its way out of the store.
type damaged struct {
	eventstore.Store
	stream  string
	version uint64
	change  func(*eventv1.Event)
}

func (d *damaged) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for stored, err := range d.Store.Read(ctx, stream, after) {
			if err == nil && stored.Stream == d.stream && stored.Version == d.version {
				e := new(eventv1.Event)
				if err := proto.Unmarshal(stored.Data, e); err != nil {
					panic(err)
				}
				d.change(e)
				stored.Type = ledger.TypeName(e)
				stored.Data, _ = proto.Marshal(e)
			}
			if !yield(stored, err) {
				return
			}
		}
	}
}

// TestLargeBatch: commands that do not fit into one append are stored in several, none is lost.
func TestLargeBatch(t *testing.T) {
	store := eventstore.NewMemory()
	o := lt.NewOffice(t, store)
	o.Replay(lt.Until(lt.Demonstration(), "2020-03-01"))
	var orders []ledger.Order
	for i := range 60 {
		orders = append(orders, padded(i))
	}
	for i, out := range o.Service.DoAll(context.Background(), o.Collective, orders) {
		if out.Err != nil {
			t.Fatalf("order %d: %v", i, out.Err)
		}
	}
	checkNumbers(t, stored(t, store))
}

// TestLargeDividend declares to as many as one run may have, behind other commands in the same batch.
func TestLargeDividend(t *testing.T) {
	store := eventstore.NewMemory()
	o := lt.NewOffice(t, store)
	o.Replay(lt.Until(lt.Demonstration(), "2020-03-01"))
	next := uint32(3_900_000)
	for left := ledger.PayeesMax; left > 0; left -= 4000 {
		c := &ledger.EnrolMembers{Group: "all", Joined: lt.Day("2020-03-01")}
		for range 4000 {
			next++
			c.Members, c.Households = append(c.Members, next), append(c.Households, next)
		}
		o.Do("2020-03-02", lt.Treasurer, c)
	}
	for _, s := range lt.Until(lt.After(lt.Demonstration(), "2020-03-02"), "2020-05-19") {
		o.Do(s.Date, s.Actor, s.Command)
	}
	o.Do("2020-06-01", lt.Treasurer, &ledger.ReceiveGift{Fund: "dividend", Amount: ledger.AmountMax, On: lt.Day("2020-06-01"), Money: "bank"})
	pool := ledger.AmountMax.String()
	o.Do("2020-06-01", lt.Approver, lt.Resolution("2020-06-01", "all", eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", pool))
	o.Do("2020-06-01", lt.Supervisor, &ledger.ConfirmResolution{ID: "all"})
	o.Do("2020-06-01", lt.Treasurer, &ledger.RequestDividend{Run: "all", Fund: "dividend", Pool: ledger.AmountMax, RecordDate: lt.Day("2020-05-31"), Resolution: "all"})
	o.Do("2020-06-01", lt.Supervisor, &ledger.ReviewRequest{Number: 1})
	var orders []ledger.Order
	for i := range 16 { // half a mebibyte, and the roster does not fit behind it
		orders = append(orders, padded(i))
	}
	declare := meta(1000)
	declare.Actor = lt.Approver
	orders = append(orders, ledger.Order{Command: &ledger.DeclareDividend{Number: 1, On: lt.Day("2020-06-01")}, Meta: declare}, interest(1001))
	for i, out := range o.Service.DoAll(context.Background(), o.Collective, orders) {
		if out.Err != nil {
			t.Errorf("order %d: %v", i, out.Err)
		}
	}
	checkNumbers(t, stored(t, store))
}

// padded is a command with an event of some 31 KiB.
func padded(n int) ledger.Order {
	c := &ledger.EnrolMembers{Group: "all", Joined: lt.Day("2020-06-01")}
	for j := range uint32(4000) {
		c.Members = append(c.Members, 2_200_000+uint32(n)*4000+j)
		c.Households = append(c.Households, 3_000_000+j)
	}
	return ledger.Order{Command: c, Meta: meta(n)}
}

// TestEventSize: the largest trial balance fits into an event, and a command whose event does not is refused.
func TestEventSize(t *testing.T) {
	closed := &eventv1.PeriodClosed{Month: 202012, StatementSha256: lt.Minutes("statement")}
	for i := range ledger.AccountsMax {
		closed.Totals = append(closed.Totals, &eventv1.AccountTotal{Account: fmt.Sprintf("receivable/%s-%05d", strings.Repeat("x", 34), i), OpeningFen: -1 << 62, DebitFen: -1 << 62, CreditFen: -1 << 62, ClosingFen: -1 << 62})
	}
	id := lt.CommandID(1)
	e, err := ledger.Encode(&eventv1.Event{Version: 1 << 40, RecordedAt: 1 << 52, Actor: strings.Repeat("x", 40), CommandId: id[:], CommandDigest: lt.Minutes("command"),
		Fact: &eventv1.Event_PeriodClosed{PeriodClosed: closed}})
	if err != nil || len(e.Data) > eventstore.EventBytesMax {
		t.Errorf("%d bytes: %v", len(e.Data), err)
	}
	o := lt.NewOffice(t, eventstore.NewMemory())
	charter := lt.Charter()
	for i := range 40 {
		f := &eventv1.Fund{Id: fmt.Sprintf("fund-%d", i), Name: strings.Repeat("金", 60)}
		for j := range 50 {
			f.Purposes = append(f.Purposes, fmt.Sprintf("%s-%d", strings.Repeat("p", 30), j))
		}
		charter.Funds = append(charter.Funds, f)
	}
	o.Refuse("2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: charter}, ledger.TooMany, "what=bytes")
}

// TestObserver is told every event in order and before its command is answered.
func TestObserver(t *testing.T) {
	store := eventstore.NewMemory()
	w := &witness{t: t}
	service := ledger.NewService(store, ledger.Options{Observer: w, Clock: func() time.Time { return lt.Noon("2022-12-31") }})
	w.service = service
	for i, s := range lt.Until(lt.Demonstration(), "2020-05-19") {
		if _, err := service.Do(context.Background(), lt.LiminbaID, s.Command, ledger.Meta{ID: lt.CommandID(i + 1), Actor: s.Actor}); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			events, err := service.Do(context.Background(), lt.LiminbaID, interest(i).Command, ledger.Meta{ID: lt.CommandID(1000 + i), Actor: lt.Treasurer})
			if err != nil {
				t.Error(err)
			} else if got := w.seen(); got < events[0].Version {
				t.Errorf("answered version %d, the observer is at %d", events[0].Version, got)
			}
		})
	}
	all.Wait()
	if got := w.seen(); got != uint64(len(stored(t, store))) {
		t.Errorf("the observer is at %d", got)
	}
	if at := stored(t, store)[0].RecordedAt; at != lt.Noon("2022-12-31").UnixMicro() {
		t.Errorf("a command without a time is recorded at %v", time.UnixMicro(at))
	}
}

// witness is an Observer that wants no gap.
type witness struct {
	t       *testing.T
	service *ledger.Service
	mu      sync.Mutex
	version uint64
}

func (w *witness) Observe(collective string, events []*eventv1.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		if w.version++; e.Version != w.version || collective != lt.LiminbaID {
			w.t.Errorf("told of version %d of %s after %d", e.Version, collective, w.version-1)
		}
	}
}

func (w *witness) seen() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

// TestUnknownCollective: nobody's books are made by asking for them.
func TestUnknownCollective(t *testing.T) {
	defer goleak.VerifyNone(t)
	store := eventstore.NewMemory()
	o := lt.NewOffice(t, store)
	ctx := context.Background()
	o.Refuse("2020-06-01", lt.Treasurer, interest(1).Command, ledger.CollectiveUnknown, "collective=liminba")
	if _, err := o.Service.Facts(ctx, "unheard-of"); !refusedAs(err, ledger.CollectiveUnknown) {
		t.Errorf("facts: %v", err)
	}
	if err := o.Service.View(ctx, "unheard-of", nil); !refusedAs(err, ledger.CollectiveUnknown) {
		t.Errorf("view: %v", err)
	}
	m := ledger.Meta{ID: lt.CommandID(1), Actor: lt.Admin, Now: lt.Noon("2020-03-01")}
	for _, id := range []string{"other", "Liminba", "x", strings.Repeat("x", 41)} {
		if _, err := o.Service.Do(ctx, id, &ledger.FoundCollective{Charter: lt.Charter()}, m); !refusedAs(err, ledger.CollectiveIDInvalid) {
			t.Errorf("founding %s as %s: %v", lt.LiminbaID, id, err)
		}
	}
	if _, err := o.Service.Do(ctx, lt.LiminbaID, &ledger.FoundCollective{}, m); !refusedAs(err, ledger.CollectiveIDInvalid) {
		t.Errorf("founding without a charter: %v", err)
	}
	broken := lt.Charter()
	broken.Currency = "XXX"
	if _, err := o.Service.Do(ctx, lt.LiminbaID, &ledger.FoundCollective{Charter: broken}, m); !refusedAs(err, ledger.FieldInvalid) {
		t.Errorf("a bad charter: %v", err)
	}
	if ids, err := o.Service.Collectives(ctx); err != nil || len(ids) != 0 { // the name is reserved, the collective is not founded
		t.Errorf("collectives %v: %v", ids, err)
	}
	if _, err := o.Service.Do(ctx, lt.LiminbaID, &ledger.FoundCollective{Charter: lt.Charter()}, m); err != nil {
		t.Errorf("founding after all: %v", err)
	}
	facts, err := o.Service.Facts(ctx, lt.LiminbaID)
	if err != nil || facts.Charter.Name != lt.Charter().Name || facts.Zone.String() != "Asia/Shanghai" || fmt.Sprint(facts.Roles(lt.Admin)) != "[ROLE_ADMIN]" || facts.Roles("nobody") != nil {
		t.Errorf("facts %v: %v", facts, err)
	}
	m.ID = lt.CommandID(2)
	if _, err := o.Service.Do(ctx, lt.LiminbaID, &ledger.GrantRole{Operator: lt.Treasurer, Role: eventv1.Role_ROLE_TREASURER}, m); err != nil {
		t.Fatal(err)
	}
	if facts, err := o.Service.Facts(ctx, lt.LiminbaID); err != nil || fmt.Sprint(facts.Roles(lt.Treasurer)) != "[ROLE_TREASURER]" {
		t.Errorf("facts after a grant %v: %v", facts, err)
	}
}

// TestFoundedWhileAskedFor: facts asked for while a collective is being founded are either refused or complete.
func TestFoundedWhileAskedFor(t *testing.T) {
	for i := range 50 {
		o := lt.NewOffice(t, eventstore.NewMemory())
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if facts, err := o.Service.Facts(context.Background(), o.Collective); err == nil && (facts == nil || facts.Charter == nil) {
					t.Error("facts of nothing")
				} else if err != nil && !refusedAs(err, ledger.CollectiveUnknown) {
					t.Error(err)
				}
				if _, err := do(o, interest(i)); !refusedAs(err, ledger.CollectiveUnknown) && !refusedAs(err, ledger.RoleMissing) {
					t.Error(err)
				}
			})
		}
		all.Go(func() { o.Do("2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: lt.Charter()}) })
		all.Wait()
		if _, err := o.Service.Facts(context.Background(), o.Collective); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEvents yields decoded events in order across pieces, stops when the consumer does, and gives an error last.
func TestEvents(t *testing.T) {
	defer goleak.VerifyNone(t)
	store := eventstore.NewMemory()
	o := office(t, store)
	var orders []ledger.Order
	for i := range 3000 {
		orders = append(orders, interest(i))
	}
	for _, out := range o.Service.DoAll(context.Background(), o.Collective, orders) {
		if out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	total, err := store.Version(context.Background(), liminba)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []uint64{0, 1, 255, 256, 257, total - 1, total, total + 5} {
		next := after
		for e, err := range o.Service.Events(context.Background(), o.Collective, after) {
			if next++; err != nil || e.Version != next {
				t.Fatalf("after %d: version %d where %d belongs: %v", after, e.GetVersion(), next, err)
			}
		}
		if next != max(total, after) {
			t.Errorf("after %d the events end at %d of %d", after, next, total)
		}
	}
	for stop := range 5 {
		n := 0
		for range o.Service.Events(context.Background(), o.Collective, 0) {
			if n == stop*300 {
				break
			}
			n++
		}
	}
	over, cancel := context.WithCancel(context.Background())
	n := 0
	for e, err := range o.Service.Events(over, o.Collective, 0) {
		if err != nil {
			if !errors.Is(err, context.Canceled) || e != nil {
				t.Errorf("ended with %v", err)
			}
			break
		}
		if n++; n == 10 {
			cancel()
		}
	}
	cancel()
	if n == 0 || n > int(total) {
		t.Errorf("%d events", n)
	}
}
