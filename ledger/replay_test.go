package ledger_test

import (
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// lend decodes an event as Replay does and takes it away again after use: the memory of a passing fact is overwritten.
func lend(t testing.TB, stored eventstore.NewEvent, version uint64, use func(*eventv1.Event)) {
	t.Helper()
	if !ledger.PassingFact(stored.Type) {
		e, err := ledger.Decode(eventstore.Event{Version: version, Type: stored.Type, Data: stored.Data})
		if err != nil {
			t.Fatal(err)
		}
		use(e)
		return
	}
	data := append([]byte(nil), stored.Data...)
	e := new(eventv1.Event)
	if err := e.UnmarshalVTUnsafe(data); err != nil {
		t.Fatal(err)
	}
	use(e)
	for i := range data {
		data[i] = 'x'
	}
	e.ResetVT()
}

// TestPassingFactsAreNotKept folds the demonstration, with papers and corrections, out of memory that is overwritten as soon as it is
// used, and wants the state that ordinary events give.
func TestPassingFactsAreNotKept(t *testing.T) {
	b := lt.Demo(t, "2022-12-31")
	rent := lt.Rent("2022-12-31", "98,000.00")
	rent.Payer, rent.Documents = "org/示例市场", []ledger.Document{{Kind: "bank_line", Issuer: "bank-of-example", Number: "2022-12-31-7"}}
	b.Do("2022-12-31", lt.Treasurer, rent)
	b.Do("2022-12-31", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "lease", Amount: 100, On: lt.Day("2022-12-31"), Money: "bank", Payer: "party/lessee"})
	b.Do("2022-12-31", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{ledger.RefOf(b.Vouchers()[0].Ref)},
		Replacements: []ledger.Replacement{{Corrects: ledger.RefOf(b.Vouchers()[0].Ref), Inflow: &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_INCOME, Kind: "rent", Amount: 98_000_00, Money: "bank"}}},
		On:           lt.Day("2022-12-31")})
	foldLent(t, b)
	foldLent(t, everyFact(t))
}

func foldLent(t *testing.T, b *lt.Books) {
	t.Helper()
	again := ledger.NewCollective()
	passed := 0
	for _, e := range b.Events {
		stored, err := ledger.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if ledger.PassingFact(stored.Type) {
			passed++
		}
		lend(t, stored, e.Version, again.Evolve)
	}
	if passed < 5 {
		t.Fatalf("only %d events hold a passing fact", passed)
	}
	if got, want := again.Dump(), b.State.Dump(); got != want {
		t.Errorf("folded from memory that is used again:\n%s\nwant\n%s", got, want)
	}
}
