package ledger_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

func preview(o *lt.Office, order ledger.Order) (ledger.Preview, error) {
	return o.Service.Preview(context.Background(), o.Collective, order)
}

// noAppends lets nothing be stored while it is shut.
type noAppends struct {
	eventstore.Store
	t    testing.TB
	shut bool
}

func (s *noAppends) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if s.shut {
		s.t.Errorf("append of %d events to %s", len(events), stream)
	}
	return s.Store.Append(ctx, stream, expected, events)
}

// TestPreviewStoresNothing: every step of the demonstration previewed is what it then stores, the reversals and corrections
// among them, which recall stored events; the preview itself appends nothing, no reservation of a name either.
func TestPreviewStoresNothing(t *testing.T) {
	store := &noAppends{Store: eventstore.NewMemory(), t: t}
	o := lt.NewOffice(t, store)
	steps := append(lt.Demonstration(), lt.Step{Date: "2022-12-21", Actor: lt.Treasurer,
		Command: &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2022-2")}, Narration: "录错"}})
	for i, step := range steps {
		order := ledger.Order{Command: step.Command, Meta: ledger.Meta{ID: lt.CommandID(i + 1), Actor: step.Actor, Now: lt.Noon(step.Date)}}
		store.shut = true
		foreseen, err := preview(o, order)
		store.shut = false
		if err != nil {
			t.Fatalf("%s %s: %v", step.Date, step.Command.Name(), err)
		}
		events := o.Do(step.Date, step.Actor, step.Command)
		if len(events) != len(foreseen.Events) || foreseen.Repeated {
			t.Fatalf("%s %s: %d events, previewed %d", step.Date, step.Command.Name(), len(events), len(foreseen.Events))
		}
		for j, e := range events {
			if !proto.Equal(e, foreseen.Events[j]) {
				t.Fatalf("%s %s: previewed %v, stored %v", step.Date, step.Command.Name(), foreseen.Events[j], e)
			}
		}
		checkBalances(t, o, foreseen.Balances, lt.Vouchers(events))
	}
}

// checkBalances wants what was previewed as the balances after the last command, and the difference to be what it posted.
func checkBalances(t *testing.T, o *lt.Office, balances []ledger.BalanceChange, vouchers []*eventv1.Voucher) {
	t.Helper()
	posted := map[ledger.Account]ledger.Fen{}
	for _, v := range vouchers {
		for _, p := range v.Postings {
			a := ledger.Account(p.Account)
			posted[a] += a.Sign() * ledger.Fen(p.AmountFen)
		}
	}
	if len(posted) != len(balances) {
		t.Fatalf("%d accounts previewed, %d posted to", len(balances), len(posted))
	}
	for _, b := range balances {
		if now := o.Balance(b.Account, "2099-12-31"); b.After != now || b.After-b.Before != posted[b.Account] {
			t.Fatalf("%s: previewed %v to %v, posted %v, is %v", b.Account, b.Before, b.After, posted[b.Account], now)
		}
	}
}

// TestPreviewSeesOtherWriters: what another process stored meanwhile counts, and the id of a previewed command is free.
func TestPreviewSeesOtherWriters(t *testing.T) {
	store := eventstore.NewMemory()
	first := office(t, store)
	second := lt.NewOffice(t, store)
	if _, err := preview(second, interest(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := do(first, interest(2)); err != nil {
		t.Fatal(err)
	}
	foreseen, err := preview(second, interest(1))
	if err != nil || lt.Refs(foreseen.Events) != "收2020-2" {
		t.Errorf("previewed %s, %v", lt.Refs(foreseen.Events), err)
	}
	again, err := preview(second, interest(2))
	if err != nil || !again.Repeated || lt.Refs(again.Events) != "收2020-1" {
		t.Errorf("a command done by the other: %+v, %v", again, err)
	}
	if events, err := do(second, interest(1)); err != nil || lt.Refs(events) != "收2020-2" {
		t.Errorf("then booked %s, %v", lt.Refs(events), err)
	}
	if _, err := preview(second, move(3, "9999999.00")); !refusedAs(err, ledger.MoneyAccountUnknown) {
		t.Errorf("to no place: %v", err)
	}
}

// TestPreviewOfNobody: names that are not founded are refused like everywhere, and a founding can be looked at.
func TestPreviewOfNobody(t *testing.T) {
	store := eventstore.NewMemory()
	o := lt.NewOffice(t, store)
	if _, err := preview(o, interest(1)); !refusedAs(err, ledger.CollectiveUnknown) {
		t.Errorf("unknown: %v", err)
	}
	founding := ledger.Order{Command: &ledger.FoundCollective{Charter: lt.Charter()}, Meta: ledger.Meta{ID: lt.CommandID(1), Actor: lt.Admin, Now: lt.Noon("2020-03-01")}}
	if p, err := preview(o, founding); err != nil || len(p.Events) != 1 {
		t.Errorf("a founding: %+v, %v", p, err)
	}
	if _, err := o.Service.Preview(t.Context(), "other", founding); !refusedAs(err, ledger.CollectiveIDInvalid) {
		t.Errorf("under another name: %v", err)
	}
	for e := range store.ReadAll(t.Context(), 0) {
		t.Errorf("stored %s", e.Type)
	}
}
