package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// villages are collectives on one store, ready to take rent.
func villages(t *testing.T, store eventstore.Store, n int) *ledger.Service {
	t.Helper()
	s := ledger.NewService(store, ledger.Options{})
	for v := range n {
		for i, step := range lt.Until(lt.Demonstration(), "2020-05-19") {
			c := step.Command
			if _, founding := c.(*ledger.FoundCollective); founding {
				charter := lt.Charter()
				charter.CollectiveId, charter.LogOrigin = villageID(v), "example/"+villageID(v)
				c = &ledger.FoundCollective{Charter: charter}
			}
			m := ledger.Meta{ID: lt.CommandID(1000*(v+1) + i), Actor: step.Actor, Now: lt.Noon(step.Date)}
			if _, err := s.Do(t.Context(), villageID(v), c, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func villageID(n int) string { return fmt.Sprintf("village-%d", n) }

// TestDoInOrder gives random orders to several collectives at once and one after another, and wants the same outcomes and
// the same logs: nothing after the first refusal is stored, whoever it belongs to.
func TestDoInOrder(t *testing.T) {
	const count = 3
	rapid.Check(t, func(r *rapid.T) {
		together, apart := villages(t, eventstore.NewMemory(), count), villages(t, eventstore.NewMemory(), count)
		for round := range rapid.IntRange(1, 3).Draw(r, "rounds") {
			var orders []ledger.Addressed
			for i := range rapid.IntRange(1, 12).Draw(r, "orders") {
				rent := &ledger.RecordIncome{Kind: "rent", Amount: ledger.Fen(100 + i), On: lt.Day("2020-06-01"), Money: "bank"}
				id := lt.CommandID(1_000_000 + 100*round + i)
				switch rapid.IntRange(0, 11).Draw(r, "kind") {
				case 0:
					rent.Money = "nowhere" // refused
				case 1:
					id = lt.CommandID(1_000_000 + rapid.IntRange(0, 100*round+i).Draw(r, "again")) // done before, maybe with other content
				case 2:
					id = lt.CommandID(1_000_000 + 100*round + max(0, i-1)) // in the same batch
				}
				orders = append(orders, ledger.Addressed{Collective: villageID(rapid.IntRange(0, count-1).Draw(r, "village")),
					Order: ledger.Order{Command: rent, Meta: ledger.Meta{ID: id, Actor: lt.Treasurer, Now: lt.Noon("2020-06-01")}}})
			}
			got := together.DoInOrder(t.Context(), orders)
			stopped := false
			for i, o := range orders {
				want := ledger.ErrNotTried
				if !stopped {
					events, err := apart.Do(t.Context(), o.Collective, o.Command, o.Meta)
					want, stopped = err, err != nil
					if err == nil && (len(got[i].Events) != len(events) || got[i].Events[0].Version != events[0].Version) {
						r.Fatalf("order %d gave %v, alone %v", i, got[i].Events, events)
					}
				}
				if fmt.Sprint(got[i].Err) != fmt.Sprint(want) {
					r.Fatalf("order %d: %v, one after another %v", i, got[i].Err, want)
				}
			}
			for v := range count {
				if a, b := versionOf(t, together, villageID(v)), versionOf(t, apart, villageID(v)); a != b {
					r.Fatalf("%s is at %d, one after another at %d", villageID(v), a, b)
				}
			}
		}
	})
}

func versionOf(t *testing.T, s *ledger.Service, collective string) (version uint64) {
	t.Helper()
	if err := s.View(t.Context(), collective, func(c *ledger.Collective) error { version = c.Version(); return nil }); err != nil {
		t.Fatal(err)
	}
	return version
}

// failing is a store whose appends to one stream fail.
type failing struct {
	eventstore.Store
	stream string
}

var errBroken = errors.New("broken")

func (f *failing) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if stream == f.stream {
		return 0, errBroken
	}
	return f.Store.Append(ctx, stream, expected, events)
}

// TestDoInOrderStoreFails: one collective's failure is its own, ends the orders, and leaves a desk that goes on.
func TestDoInOrderStoreFails(t *testing.T) {
	store := &failing{Store: eventstore.NewMemory()}
	s := villages(t, store, 2)
	order := func(v, n int) ledger.Addressed {
		return ledger.Addressed{Collective: villageID(v), Order: ledger.Order{Command: lt.Rent("2020-12-20", fmt.Sprintf("%d.00", n)),
			Meta: ledger.Meta{ID: lt.CommandID(2_000_000 + n), Actor: lt.Treasurer, Now: lt.Noon("2020-12-20")}}}
	}
	store.stream = ledger.StreamOf(villageID(1))
	out := s.DoInOrder(t.Context(), []ledger.Addressed{order(0, 1), order(1, 2)})
	if out[0].Err != nil || !errors.Is(out[1].Err, ledger.ErrUnavailable) || !errors.Is(out[1].Err, errBroken) {
		t.Fatalf("%v, %v", out[0].Err, out[1].Err)
	}
	store.stream = ""
	out = s.DoInOrder(t.Context(), []ledger.Addressed{order(0, 1), order(1, 2)})
	if out[0].Err != nil || out[1].Err != nil || len(out[0].Events) != 1 || len(out[1].Events) != 1 {
		t.Fatalf("again: %v, %v", out[0], out[1])
	}
}

// TestDoInOrderRepeatsItself: a batch gives one order twice, and between the two one that was done long ago, whose first answer is
// read from the log in the middle of the batch.
func TestDoInOrderRepeatsItself(t *testing.T) {
	s := villages(t, eventstore.NewMemory(), 1)
	order := func(n int) ledger.Addressed { return ledger.Addressed{Collective: villageID(0), Order: interest(n)} }
	if out := s.DoInOrder(t.Context(), []ledger.Addressed{order(1)}); out[0].Err != nil {
		t.Fatal(out[0].Err)
	}
	out := s.DoInOrder(t.Context(), []ledger.Addressed{order(2), order(1), order(2), order(3)})
	for i, o := range out {
		if o.Err != nil || len(o.Events) != 1 {
			t.Fatalf("order %d: %v, %v", i, o.Events, o.Err)
		}
	}
	if a, b := out[0].Events[0].Version, out[2].Events[0].Version; a != b {
		t.Errorf("the same order gave version %d and then %d", a, b)
	}
}
