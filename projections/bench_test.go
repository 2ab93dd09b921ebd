package projections

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// benchEvents is the size at which the reads are measured: some hundred years of a village, or as many events as the
// environment's MINGZHANG_BENCH_EVENTS says (1000000 is the size the bounds are written for).
var benchEvents = func() int {
	if n, err := strconv.Atoi(os.Getenv("MINGZHANG_BENCH_EVENTS")); err == nil && n > 0 {
		return n
	}
	return 200_000
}()

// benchHistory makes events like those of a busy collective: rent split over four funds (40 %), payments (40 %), money owed
// paid out (15 %), reversals (5 %), about 3.3 postings each, over three years, one in fifty booked back by up to a month.
var benchHistory = sync.OnceValue(func() []*eventv1.Event {
	c := newChronicle()
	c.found("abc")
	c.resolve("standing", 20200301, eventv1.Matter_MATTER_PAYMENT, "maintenance", 1<<50)
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2020, 3, 1, 4, 0, 0, 0, time.UTC)
	last := voucher(ledger.Receipt, 20200301, "开账", "money/bank", 1<<40, "payable/grant", -(1 << 40))
	c.add(&eventv1.Event{Fact: &eventv1.Event_OpeningConfirmed{OpeningConfirmed: &eventv1.OpeningConfirmed{}}}, last)
	for i := len(c.events); i < benchEvents; i++ {
		c.now = start.Add(time.Duration(i) * (3 * 365 * 24 * time.Hour / time.Duration(benchEvents)))
		back := 0
		if random.IntN(50) == 0 {
			back = random.IntN(30)
		}
		day := max(ledger.DayOf(c.now.AddDate(0, 0, -back), time.UTC), 20200301)
		amount := 1000 + random.IntN(100000)
		switch k := random.IntN(100); {
		case k < 40:
			last = voucher(ledger.Receipt, day, "农贸市场租金", "money/bank", 10*amount, "fund/dividend", -7*amount, "fund/reserve", -amount,
				"fund/welfare", -amount, "fund/maintenance", -amount)
			last.IncomeKind, last.Party = "rent", "org/市场经营公司"
		case k < 80:
			last = payment(day, "repair", "standing", amount)
			last.Narration = fmt.Sprintf("维修 %d", i)
		case k < 95:
			last = voucher(ledger.Payment, day, "发放补助", "payable/grant", amount, "money/bank", -amount)
			last.Party = fmt.Sprintf("member/%d", random.IntN(3211)+1)
		default:
			if last.Negative {
				last = payment(day, "repair", "standing", amount)
			} else {
				last = reversal(last, day)
			}
		}
		c.add(&eventv1.Event{CommandId: make([]byte, 16), CommandDigest: make([]byte, 32),
			Fact: &eventv1.Event_IncomeRecorded{IncomeRecorded: &eventv1.IncomeRecorded{Kind: "rent", PolicyVersion: 1}}}, last)
	}
	return c.events
})

var benchBook = sync.OnceValue(func() *Book {
	b := NewBook("abc")
	for _, e := range benchHistory() {
		if err := b.Fold(e); err != nil {
			panic(err)
		}
	}
	return b
})

func perSecond(b *testing.B, events int) {
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkFoldDecoded(b *testing.B) {
	events := benchHistory()
	b.ReportAllocs()
	for b.Loop() {
		book := NewBook("abc")
		for _, e := range events {
			if err := book.Fold(e); err != nil {
				b.Fatal(err)
			}
		}
	}
	perSecond(b, len(events))
}

func benchStored(b *testing.B) []eventstore.Event {
	var stored []eventstore.Event
	for _, e := range benchHistory() {
		data, err := ledger.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		stored = append(stored, eventstore.Event{Stream: "collective-abc", Version: e.Version, Type: data.Type, Data: data.Data})
	}
	return stored
}

// BenchmarkMemory is what one event of a resident book takes, its narration and papers included.
func BenchmarkMemory(b *testing.B) {
	stored := benchStored(b)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		book := NewBook("abc")
		for e := range decoding(stored).Replay(context.Background(), "abc", 0) {
			if err := book.Fold(e); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(book.Version()), "B/event")
		runtime.KeepAlive(book)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLoad reads stored events into a book through a library. Floors: decoding alone, with the standard decoder
// on one core, and through the service's reading ahead.
func BenchmarkLoad(b *testing.B) {
	stored := benchStored(b)
	b.Run("floor=decode", func(b *testing.B) {
		for b.Loop() {
			for _, s := range stored {
				if err := proto.Unmarshal(s.Data, new(eventv1.Event)); err != nil {
					b.Fatal(err)
				}
			}
		}
		perSecond(b, len(stored))
	})
	store := eventstore.NewMemory()
	for chunk := range slices.Chunk(stored, 1000) {
		var events []eventstore.NewEvent
		for _, s := range chunk {
			events = append(events, eventstore.NewEvent{Type: s.Type, Data: s.Data})
		}
		if _, err := store.Append(context.Background(), "collective-abc", chunk[0].Version-1, events); err != nil {
			b.Fatal(err)
		}
	}
	service := ledger.NewService(store, ledger.Options{})
	b.Run("floor=service", func(b *testing.B) {
		for b.Loop() {
			for _, err := range service.Replay(context.Background(), "abc", 0) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		perSecond(b, len(stored))
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewLibrary(service).Book(context.Background(), "abc", uint64(len(stored))); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b, len(stored))
	})
	b.Run("library,onecore", func(b *testing.B) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		for b.Loop() {
			if _, err := NewLibrary(decoding(stored)).Book(context.Background(), "abc", uint64(len(stored))); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b, len(stored))
	})
}

// decoding is a source that decodes stored events on the goroutine that reads them.
type decoding []eventstore.Event

func (d decoding) Replay(_ context.Context, _ string, after uint64) iter.Seq2[*eventv1.Event, error] {
	return func(yield func(*eventv1.Event, error) bool) {
		for _, s := range d[after:] {
			if e, err := ledger.Decode(s); !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// BenchmarkRead measures reads of a book, each with its 99th percentile. At 1,000,000 events it is to be at most 1 ms, and
// 5 ms for reads as known at an earlier version as of a day.
func BenchmarkRead(b *testing.B) {
	book := benchBook()
	known := uint64(benchEvents / 2)
	half := Moment{AsKnownAt: known}
	both := Moment{20210701, known}
	lastPage := Cursor{20220601, benchEvents * 3 / 4}
	find := func(f VoucherFilter, m Moment) { book.Vouchers(f, Cursor{}, 50, m) }
	paid := ledger.VoucherRef{Class: ledger.Payment, Year: 2021, Number: 9000}
	for _, c := range []struct {
		name string
		read func()
	}{
		{"balance/now", func() { book.Balance("money/bank", Moment{}) }},
		{"balance/asof", func() { book.Balance("money/bank", Moment{AsOf: 20210701}) }},
		{"balance/asknown", func() { book.Balance("money/bank", half) }},
		{"balance/both", func() { book.Balance("money/bank", both) }},
		{"balances/now", func() { book.Balances(Moment{}) }},
		{"balances/both", func() { book.Balances(both) }},
		{"trialbalance/now", func() { book.TrialBalance(Period{20210101, 20211231}, Moment{}) }},
		{"trialbalance/both", func() { book.TrialBalance(Period{20210101, 20211231}, both) }},
		{"fundstatement/now", func() { book.FundStatement(Period{20210101, 20211231}, Moment{}) }},
		{"board/quarter", func() { book.Board(Period{20210401, 20210630}, Moment{}) }},
		{"board/all", func() { book.Board(Period{}, Moment{}) }},
		{"board/asknown", func() { book.Board(Period{20200401, 20200630}, half) }},
		{"board/both", func() { book.Board(Period{}, both) }},
		{"months", func() { book.Months(Moment{}) }},
		{"lines100/fund", func() {
			book.AccountVouchers(VoucherFilter{Account: "fund/welfare", Class: ledger.Receipt, Descending: true}, Cursor{}, 100, Moment{})
		}},
		{"lines100/both", func() {
			book.AccountVouchers(VoucherFilter{Account: "fund/welfare", Descending: true}, Cursor{}, 100, both)
		}},
		{"lines100/rare", func() {
			book.AccountVouchers(VoucherFilter{Account: "fund/welfare", Corrections: true, From: 20210401, To: 20210430}, Cursor{}, 100, Moment{})
		}},
		{"effects", func() { book.FundEffects(paid, Moment{}) }},
		{"page50/kind", func() { find(VoucherFilter{IncomeKind: "rent", Descending: true}, half) }},
		{"page50/bare", func() { find(VoucherFilter{Bare: true, Descending: true}, half) }},
		{"page50/first", func() { book.Vouchers(VoucherFilter{}, Cursor{}, 50, Moment{}) }},
		{"page50/newest", func() { book.Vouchers(VoucherFilter{Descending: true}, Cursor{}, 50, Moment{}) }},
		{"page50/late", func() { book.Vouchers(VoucherFilter{}, lastPage, 50, Moment{}) }},
		{"page50/account", func() { book.Vouchers(VoucherFilter{Account: "fund/welfare"}, lastPage, 50, Moment{}) }},
		{"page50/both", func() { book.Vouchers(VoucherFilter{Descending: true}, Cursor{}, 50, both) }},
		{"page50/nothing", func() {
			book.Vouchers(VoucherFilter{Account: "money/bank", Class: ledger.Transfer}, Cursor{}, 50, Moment{})
		}},
		{"page50/party", func() { find(VoucherFilter{Party: "member/77", Descending: true}, Moment{}) }},
		{"page50/bigparty", func() { find(VoucherFilter{Party: "org/市场经营公司"}, both) }},
		{"page50/partyaccount", func() { find(VoucherFilter{Party: "member/77", Account: "money/bank"}, both) }},
		{"page50/purpose", func() { find(VoucherFilter{Purpose: "repair", Descending: true}, half) }},
		{"page50/resolution", func() { find(VoucherFilter{Resolution: "standing", From: 20210501}, both) }},
		{"page50/corrections", func() { find(VoucherFilter{Corrections: true, Descending: true}, Moment{}) }},
		{"page50/amount", func() { find(VoucherFilter{Min: 5000000}, Moment{}) }},
		{"page50/text", func() { find(VoucherFilter{Text: "不在账上的字"}, Moment{}) }},
		{"voucher", func() { book.Voucher(paid, Moment{}) }},
		{"explain/balance", func() { book.ExplainBalance("money/bank", 0, true, Cursor{}, 50, Moment{}) }},
		{"explain/asof", func() { book.ExplainBalance("fund/maintenance", 20210101, false, lastPage, 50, Moment{AsOf: 20220701}) }},
		{"explain/asknown", func() { book.ExplainBalance("money/bank", 0, true, Cursor{}, 50, half) }},
		{"explain/both", func() { book.ExplainBalance("money/bank", 20210101, true, Cursor{}, 50, both) }},
		{"explain/voucher", func() { book.ExplainVoucher(paid, Moment{}) }},
		{"explain/voucherboth", func() { book.ExplainVoucher(ledger.VoucherRef{Class: ledger.Payment, Year: 2021, Number: 90}, both) }},
		{"events/person", func() { book.Events(EventFilter{Actor: "admin", Descending: true}, 0, 50, Moment{}) }},
		{"changes/balances", func() { book.BalanceChanges(both, Moment{AsOf: 20210701}) }},
		{"changes/vouchers", func() { book.BookedBetween(both, Moment{AsOf: 20210701}, 0, 50) }},
		{"changes/registers", func() { book.RegisterChanges(both, Moment{AsOf: 20210701}, 50) }},
		{"resolutions", func() { book.Resolutions(0, 50, both) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				c.read()
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
		})
	}
}

// BenchmarkDigest is the time of one digest, during which events go on being folded.
func BenchmarkDigest(b *testing.B) {
	book := benchBook()
	for b.Loop() {
		book.Digest()
	}
}
