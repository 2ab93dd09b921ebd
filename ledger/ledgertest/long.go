package ledgertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// LongLog decides events of a collective that is in use for ten years, until there are so many: of 100 commands 40 are rents that
// are split over four funds, 40 payments (a request and its settlement: two events), 10 deposits of 2,000 lessees, 5 cash drawn, 5
// reversals; every month is closed. Every event was decided by the rules.
func LongLog(tb testing.TB, size int) []eventstore.Event {
	tb.Helper()
	books := Liminba(tb)
	state := ledger.NewCollective()
	stored := make([]eventstore.Event, 0, size)
	put := func(events []*eventv1.Event) {
		for _, e := range events {
			data, err := ledger.Encode(e)
			if err != nil {
				tb.Fatal(err)
			}
			state.Evolve(e)
			stored = append(stored, eventstore.Event{Stream: ledger.StreamOf(LiminbaID), Version: e.Version, Type: data.Type, Data: data.Data})
		}
	}
	put(books.Events)
	commands := 1_000_000
	do := func(now time.Time, actor string, c ledger.Command, recalled ...*eventv1.Event) []*eventv1.Event {
		commands++
		m := ledger.Meta{ID: CommandID(commands), Actor: actor, Now: now, Recalled: map[uint64]*eventv1.Event{}}
		for _, e := range recalled {
			m.Recalled[e.Version] = e
		}
		events, err := ledger.Decide(state, c, m)
		if err != nil {
			tb.Fatalf("event %d: %v", len(stored)+1, err)
		}
		put(events)
		return events
	}
	start := Noon("2020-06-01")
	do(start, Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH, Text: "现金"})
	do(start, Approver, Resolution("2020-06-01", "free", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", ""))
	do(start, Supervisor, &ledger.ConfirmResolution{ID: "free"})
	do(start, Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_PAYMENT}}, Resolution: "free"})
	var last *eventv1.Event
	for i := 0; len(stored) < size; i++ {
		now := start.Add(time.Duration(len(stored)) * (10 * 365 * 24 * time.Hour / time.Duration(size)))
		day := ledger.DayOf(now, China)
		for state.FirstOpenDay().Month() < day.Month() {
			do(now, Treasurer, &ledger.ClosePeriod{Month: state.FirstOpenDay().Month()})
		}
		amount := ledger.Fen(1000 + i*7919%100_000)
		switch k := i * 37 % 100; {
		case k < 40 || last == nil:
			last = do(now, Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: 20 * amount, On: day, Money: "bank", Payer: "org/市场经营公司", Narration: "农贸市场租金"})[0]
		case k < 80:
			do(now, Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: amount/10 + 1, Payee: "org/示例维修部", Narration: fmt.Sprintf("维修 %d", i), Money: "bank", On: day})
		case k < 90:
			do(now, Treasurer, &ledger.ReceiveDeposit{Kind: "lease", Amount: amount, On: day, Money: "bank", Payer: fmt.Sprintf("party/lessee-%d", i%2000), Narration: "押金"})
		case k < 95:
			do(now, Treasurer, &ledger.MoveMoney{From: "bank", To: "cash", Amount: amount / 10, On: day, Narration: "提现"})
		default:
			do(now, Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{ledger.RefOf(last.Vouchers[0].Ref)}}, last)
			last = nil
		}
	}
	return stored[:size]
}
