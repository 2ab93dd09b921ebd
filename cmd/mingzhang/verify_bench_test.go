//go:build unix

package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// longLog decides events of a collective that is in use for ten years, until there are so many: of 100 commands 40 are rents that
// are split over four funds, 40 payments (a request and its settlement: two events), 10 deposits of 2,000 lessees, 5 cash drawn, 5
// reversals; every month is closed. Every event was decided by the rules.
func longLog(tb testing.TB, size int) []eventstore.Event {
	tb.Helper()
	books := lt.Liminba(tb)
	state := ledger.NewCollective()
	stored := make([]eventstore.Event, 0, size)
	put := func(events []*eventv1.Event) {
		for _, e := range events {
			data, err := ledger.Encode(e)
			if err != nil {
				tb.Fatal(err)
			}
			state.Evolve(e)
			stored = append(stored, eventstore.Event{Stream: ledger.StreamOf(lt.LiminbaID), Version: e.Version, Type: data.Type, Data: data.Data})
		}
	}
	put(books.Events)
	commands := 1_000_000
	do := func(now time.Time, actor string, c ledger.Command, recalled ...*eventv1.Event) []*eventv1.Event {
		commands++
		m := ledger.Meta{ID: lt.CommandID(commands), Actor: actor, Now: now, Recalled: map[uint64]*eventv1.Event{}}
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
	start := lt.Noon("2020-06-01")
	do(start, lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH, Text: "现金"})
	do(start, lt.Approver, lt.Resolution("2020-06-01", "free", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", ""))
	do(start, lt.Supervisor, &ledger.ConfirmResolution{ID: "free"})
	do(start, lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_PAYMENT}}, Resolution: "free"})
	var last *eventv1.Event
	for i := 0; len(stored) < size; i++ {
		now := start.Add(time.Duration(len(stored)) * (10 * 365 * 24 * time.Hour / time.Duration(size)))
		day := ledger.DayOf(now, lt.China)
		for state.FirstOpenDay().Month() < day.Month() {
			do(now, lt.Treasurer, &ledger.ClosePeriod{Month: state.FirstOpenDay().Month()})
		}
		amount := ledger.Fen(1000 + i*7919%100_000)
		switch k := i * 37 % 100; {
		case k < 40 || last == nil:
			last = do(now, lt.Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: 20 * amount, On: day, Money: "bank", Payer: "org/市场经营公司", Narration: "农贸市场租金"})[0]
		case k < 80:
			do(now, lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: amount/10 + 1, Payee: "org/示例维修部", Narration: fmt.Sprintf("维修 %d", i), Money: "bank", On: day})
		case k < 90:
			do(now, lt.Treasurer, &ledger.ReceiveDeposit{Kind: "lease", Amount: amount, On: day, Money: "bank", Payer: fmt.Sprintf("party/lessee-%d", i%2000), Narration: "押金"})
		case k < 95:
			do(now, lt.Treasurer, &ledger.MoveMoney{From: "bank", To: "cash", Amount: amount / 10, On: day, Narration: "提现"})
		default:
			do(now, lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{ledger.RefOf(last.Vouchers[0].Ref)}}, last)
			last = nil
		}
	}
	return stored[:size]
}

// BenchmarkVerifyPublished verifies a published log of a million events (or MINGZHANG_BENCH_EVENTS) with everything that verify
// does, and says how that compares with reading the same bundles and hashing each entry on one core. It is to be 250,000 events a
// second on two cores.
func BenchmarkVerifyPublished(b *testing.B) {
	b.Cleanup(func(percent int) func() { return func() { debug.SetGCPercent(percent) } }(debug.SetGCPercent(collectorPercent))) // as the program runs
	size := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("MINGZHANG_BENCH_EVENTS")); err == nil && n > 0 {
		size = n
	}
	dir := filepath.Join(b.TempDir(), "log")
	key := publishEvents(b, dir, longLog(b, size))
	floor := hashBundles(b, dir)
	b.ResetTimer()
	best, used := time.Duration(1<<62), time.Duration(1<<62)
	for b.Loop() {
		start, before := time.Now(), cpu(b)
		log, err := transparency.OpenPublished(b.Context(), transparency.Dir(dir), key)
		if err != nil {
			b.Fatal(err)
		}
		r := newReplay(log.Head.Origin, nil)
		if err := r.read(checkedEvents(b.Context(), log)); err != nil {
			b.Fatal(err)
		}
		if r.book.Version() != uint64(size) {
			b.Fatalf("%d events were folded", r.book.Version())
		}
		best, used = min(best, time.Since(start)), min(used, cpu(b)-before)
		floor = min(floor, hashBundles(b, dir))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(size)/best.Seconds(), "events/s")
	b.ReportMetric(float64(used.Nanoseconds())/float64(size), "cpu-ns/event")
	b.ReportMetric(float64(size)/floor.Seconds(), "floor-events/s")
	b.ReportMetric(best.Seconds()/floor.Seconds(), "times-floor")
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		b.Logf("load: %s", strings.TrimSpace(string(load)))
	}
}

// hashBundles is how long it takes to read all bundles and hash their entries one after the other.
func hashBundles(b *testing.B, dir string) time.Duration {
	b.Helper()
	start := time.Now()
	err := filepath.WalkDir(filepath.Join(dir, "tile", "entries"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		bundle, err := os.ReadFile(path)
		for len(bundle) >= 2 {
			n := 2 + int(bundle[0])<<8 + int(bundle[1])
			sha256.Sum256(bundle[2:n])
			bundle = bundle[n:]
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
