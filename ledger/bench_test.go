package ledger_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// serial keeps the command ids of benchmarks apart.
var serial atomic.Int64

// BenchmarkDecideIncome decides one income against the demonstration's state.
func BenchmarkDecideIncome(b *testing.B) {
	books := lt.Demo(b, "2022-12-31")
	c := lt.Rent("2022-12-31", "98,000.00")
	b.ReportAllocs()
	for i := range b.N {
		if _, err := ledger.Decide(books.State, c, ledger.Meta{ID: lt.CommandID(1_000_000 + i), Actor: lt.Treasurer, Now: lt.Noon("2022-12-31")}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecideEvolveEncode is what the service does with an income but for the store.
func BenchmarkDecideEvolveEncode(b *testing.B) {
	books := lt.Demo(b, "2022-12-31")
	now := lt.Noon("2022-12-31")
	c := lt.Rent("2022-12-31", "98.00")
	c.Documents = nil
	b.ReportAllocs()
	for i := range b.N {
		events, err := ledger.Decide(books.State, c, ledger.Meta{ID: lt.CommandID(1_000_000 + i), Actor: lt.Treasurer, Now: now})
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range events {
			books.State.Evolve(e)
			if _, err := ledger.Encode(e); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// incomes are n stored events of 2022 behind the founding of the collective, most of them incomes with a bank line.
func incomes(tb testing.TB, n int) *eventstore.Memory {
	tb.Helper()
	books := lt.Liminba(tb)
	store := eventstore.NewMemory()
	var pending []eventstore.NewEvent
	version := uint64(0)
	put := func(events []*eventv1.Event) {
		for _, e := range events {
			data, err := ledger.Encode(e)
			if err != nil {
				tb.Fatal(err)
			}
			pending = append(pending, data)
		}
	}
	flush := func() {
		if _, err := store.Append(context.Background(), liminba, version, pending); err != nil {
			tb.Fatal(err)
		}
		version += uint64(len(pending))
		pending = nil
	}
	name, err := ledger.Encode(&eventv1.Event{Version: 1, Fact: otherFacts()[0].Fact})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := store.Append(context.Background(), ledger.StreamCollectives, 0, []eventstore.NewEvent{name}); err != nil {
		tb.Fatal(err)
	}
	put(books.Events)
	for i := len(books.Events); i < n; i++ {
		day := ledger.Day(20220101).Add(i * 364 / n)
		c := &ledger.RecordIncome{Kind: "rent", Amount: ledger.Fen(1_00 + i%977), On: day, Money: "bank", Payer: "party/lessee", Narration: "租金",
			Documents: []ledger.Document{{Kind: "bank_line", Issuer: "bank", Number: fmt.Sprint("line-", i)}}}
		put(books.Do(day.String(), lt.Treasurer, c))
		if len(pending) >= 1000 {
			flush()
		}
	}
	flush()
	return store
}

// BenchmarkEvolveDecoded folds decoded events.
func BenchmarkEvolveDecoded(b *testing.B) {
	var events []*eventv1.Event
	for e, err := range ledger.NewService(incomes(b, 20_000), ledger.Options{}).Events(context.Background(), lt.LiminbaID, 0) {
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, e)
	}
	b.ReportAllocs()
	b.ResetTimer()
	s := ledger.NewCollective()
	for i := range b.N {
		if i%len(events) == 0 {
			s = ledger.NewCollective()
		}
		s.Evolve(events[i%len(events)])
	}
}

// BenchmarkDecode reads stored events.
func BenchmarkDecode(b *testing.B) {
	var events []eventstore.Event
	for e, err := range incomes(b, 2_000).Read(context.Background(), liminba, 100) {
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, e)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := ledger.Decode(events[i%len(events)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad reads, decodes and folds 200,000 events as a service does at its first command, and the same without decoding
// ahead.
func BenchmarkLoad(b *testing.B) {
	const n = 200_000
	store := incomes(b, n)
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
	}
	b.Run("ahead", func(b *testing.B) {
		for range b.N {
			o := lt.NewOffice(b, store)
			if got := o.Balance(lt.Bank, "2022-12-31"); got == 0 {
				b.Fatal("nothing was loaded")
			}
		}
		report(b)
	})
	b.Run("alone", func(b *testing.B) {
		for range b.N {
			s := ledger.NewCollective()
			for stored, err := range store.Read(context.Background(), liminba, 0) {
				if err != nil {
					b.Fatal(err)
				}
				e, err := ledger.Decode(stored)
				if err != nil {
					b.Fatal(err)
				}
				s.Evolve(e)
			}
		}
		report(b)
	})
}

// BenchmarkSplit compares the split in integers with the same split in decimals.
func BenchmarkSplit(b *testing.B) {
	shares, err := ledger.ParseShares(lt.Shares("0.7", "0.1", "0.1", "0.1"))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("fen", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			ledger.SplitLargest(ledger.Fen(i+1), shares)
		}
	})
	b.Run("shopspring", func(b *testing.B) {
		exact := []decimal.Decimal{decimal.RequireFromString("0.7"), decimal.RequireFromString("0.1"), decimal.RequireFromString("0.1"), decimal.RequireFromString("0.1")}
		b.ReportAllocs()
		for i := range b.N {
			splitDecimal(int64(i+1), exact)
		}
	})
}

// splitDecimal is the largest fraction over decimals.
func splitDecimal(amount int64, shares []decimal.Decimal) []int64 {
	parts, rests := make([]int64, len(shares)), make([]decimal.Decimal, len(shares))
	left, whole := amount, decimal.NewFromInt(amount)
	for i, s := range shares {
		part := whole.Mul(s)
		floor := part.Floor()
		parts[i], rests[i] = floor.IntPart(), part.Sub(floor)
		left -= parts[i]
	}
	for ; left > 0; left-- {
		taker := 0
		for i := range rests {
			if rests[i].GreaterThan(rests[taker]) {
				taker = i
			}
		}
		parts[taker]++
		rests[taker] = decimal.Zero
	}
	return parts
}

// BenchmarkService carries out incomes of many clients at once on a store in memory.
func BenchmarkService(b *testing.B) {
	o := office(b, eventstore.NewMemory())
	b.Run("alone", func(b *testing.B) {
		base := int(serial.Add(1)) * 10_000_000
		for i := range b.N {
			if _, err := do(o, interest(base+i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			base := int(serial.Add(1)) * 10_000_000
			for i := 0; pb.Next(); i++ {
				if _, err := do(o, interest(base+i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
