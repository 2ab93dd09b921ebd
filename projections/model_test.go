package projections

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file compares the book with a model that knows no columns, indexes or timelines: it goes through all vouchers each time.

var modelAccounts = []string{"money/bank", "money/cash", "fund/reserve", "fund/welfare", "payable/grant", "deposit/lease", "receivable/rent"}

// randomHistory draws vouchers on few days, out of order, some of them reversals or several in one event.
func randomHistory(t *rapid.T, size int) *chronicle {
	c := newChronicle()
	c.found("abc")
	var live []*eventv1.Voucher
	for range rapid.IntRange(1, size).Draw(t, "events") {
		var list []*eventv1.Voucher
		for range rapid.IntRange(1, 3).Draw(t, "vouchers") {
			day := ledger.Day(20210100 + rapid.IntRange(1, 9).Draw(t, "day"))
			if len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "reverse") == 0 {
				i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
				list = append(list, reversal(live[i], day))
				live = slices.Delete(live, i, i+1)
				continue
			}
			from, to := rapid.SampledFrom(modelAccounts).Draw(t, "from"), rapid.SampledFrom(modelAccounts).Draw(t, "to")
			amount := rapid.IntRange(1, 1000).Draw(t, "amount")
			class := ledger.Class(rapid.IntRange(1, 3).Draw(t, "class"))
			list = append(list, voucher(class, day, "x", to, amount, from, -amount))
		}
		c.add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, list...)
		for _, v := range list {
			if v.Reverses == nil {
				live = append(live, v)
			}
		}
	}
	return c
}

type modelVoucher struct {
	*eventv1.Voucher
	version uint64
	row     int
}

// seen lists the vouchers that count at a moment, in the order of the log.
func seen(events []*eventv1.Event, m Moment) (list []modelVoucher) {
	row := 0
	for _, e := range events {
		for _, v := range e.Vouchers {
			row++
			if (m.AsKnownAt == 0 || e.Version <= m.AsKnownAt) && (m.AsOf == 0 || ledger.Day(v.OccurredOn) <= m.AsOf) {
				list = append(list, modelVoucher{v, e.Version, row})
			}
		}
	}
	return list
}

func drawMoment(t *rapid.T, events int) Moment {
	return Moment{rapid.SampledFrom([]ledger.Day{0, 20210101, 20210103, 20210106, 20210109, 20211231}).Draw(t, "as of"),
		uint64(rapid.IntRange(0, events+1).Draw(t, "as known at"))}
}

func TestBalancesAgreeWithTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := randomHistory(t, 40)
		b := NewBook("abc")
		for _, e := range c.events {
			if err := b.Fold(e); err != nil {
				t.Fatal(err)
			}
		}
		m := drawMoment(t, len(c.events))
		p := Period{rapid.SampledFrom([]ledger.Day{0, 20210102, 20210105}).Draw(t, "from"), rapid.SampledFrom([]ledger.Day{0, 20210104, 20210109}).Draw(t, "to")}
		got := b.TrialBalance(p, m)
		want := modelTrial(c.events, p, m)
		if !slices.Equal(got.Lines, want) {
			t.Fatalf("trial balance of %+v at %+v:\n%v\nwant\n%v", p, m, got.Lines, want)
		}
		balances := modelTrial(c.events, Period{}, m)
		if list := b.Balances(m); !slices.EqualFunc(list, balances, func(a AccountBalance, l TrialLine) bool {
			return a.Account == l.Account && a.Balance == l.Account.Sign()*l.Closing && b.Balance(a.Account, m) == a.Balance
		}) {
			t.Fatalf("balances at %+v: %v, want %v", m, list, balances)
		}
	})
}

func modelTrial(events []*eventv1.Event, p Period, m Moment) (list []TrialLine) {
	lines := map[ledger.Account]*TrialLine{}
	for _, v := range seen(events, m) {
		day := ledger.Day(v.OccurredOn)
		if p.To != 0 && day > p.To {
			continue
		}
		for _, posting := range v.Postings {
			name, amount := ledger.Account(posting.Account), ledger.Fen(posting.AmountFen)
			if lines[name] == nil {
				lines[name] = &TrialLine{Account: name}
			}
			l := lines[name]
			l.Closing += amount
			switch {
			case day < p.From:
				l.Opening += amount
			case v.Negative && amount > 0:
				l.Credit -= amount
			case v.Negative:
				l.Debit += amount
			case amount > 0:
				l.Debit += amount
			default:
				l.Credit -= amount
			}
		}
	}
	for _, l := range lines {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b TrialLine) int { return cmp.Compare(a.Account, b.Account) })
	return list
}

func drawFilter(t *rapid.T) VoucherFilter {
	return VoucherFilter{
		Account:    ledger.Account(rapid.SampledFrom(append([]string{"", "fund/none"}, modelAccounts...)).Draw(t, "account")),
		Class:      ledger.Class(rapid.IntRange(0, 4).Draw(t, "filter class")),
		From:       rapid.SampledFrom([]ledger.Day{0, 20210103}).Draw(t, "from"),
		To:         rapid.SampledFrom([]ledger.Day{0, 20210107}).Draw(t, "to"),
		Descending: rapid.Bool().Draw(t, "descending"),
	}
}

// modelVouchers lists what a filter selects, in its order.
func modelVouchers(events []*eventv1.Event, f VoucherFilter, m Moment) (refs []ledger.VoucherRef) {
	list := slices.DeleteFunc(seen(events, m), func(v modelVoucher) bool {
		day := ledger.Day(v.OccurredOn)
		touches := f.Account == "" || slices.ContainsFunc(v.Postings, func(p *eventv1.Posting) bool { return p.Account == string(f.Account) })
		return !touches || f.Class != 0 && v.Ref.Class != f.Class || day < f.From || f.To != 0 && day > f.To
	})
	slices.SortFunc(list, func(a, b modelVoucher) int {
		c := cmp.Or(cmp.Compare(a.OccurredOn, b.OccurredOn), cmp.Compare(a.row, b.row))
		if f.Descending {
			return -c
		}
		return c
	})
	for _, v := range list {
		refs = append(refs, ledger.RefOf(v.Ref))
	}
	return refs
}

// TestPagesAgreeWithTheModelWhileTheBookGrows reads a list page by page while events arrive between the pages. What was
// there when the list began comes exactly once and in order; what arrives may come, but never twice; and a pinned list is
// exactly what it was.
func TestPagesAgreeWithTheModelWhileTheBookGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := randomHistory(t, 30)
		b := NewBook("abc")
		start := rapid.IntRange(2, len(c.events)).Draw(t, "start")
		grow := func(to int) {
			for int(b.Version()) < min(to, len(c.events)) {
				if err := b.Fold(c.events[b.Version()]); err != nil {
					t.Fatal(err)
				}
			}
		}
		grow(start)
		f := drawFilter(t)
		pin := b.Pin(Moment{})
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		perPage := rapid.IntRange(0, 3).Draw(t, "events between pages")
		var open, pinned []ledger.VoucherRef
		for _, list := range []struct {
			m   Moment
			got *[]ledger.VoucherRef
		}{{Moment{}, &open}, {pin, &pinned}} {
			for cursor, more := (Cursor{}), true; more; {
				page, next := b.Vouchers(f, cursor, limit, list.m)
				for _, v := range page {
					*list.got = append(*list.got, v.Ref)
				}
				if len(page) > limit || next != (Cursor{}) && len(page) != limit {
					t.Fatalf("a page of %d with limit %d goes on at %v", len(page), limit, next)
				}
				again, err := ParseCursor(next.String())
				if err != nil || again != next {
					t.Fatalf("cursor %v came back as %v: %v", next, again, err)
				}
				cursor, more = next, next != (Cursor{})
				grow(int(b.Version()) + perPage)
			}
		}
		want := modelVouchers(c.events[:start], f, Moment{})
		if !slices.Equal(pinned, want) {
			t.Fatalf("%+v pinned at %d:\n%v\nwant\n%v", f, start, pinned, want)
		}
		old := slices.DeleteFunc(slices.Clone(open), func(r ledger.VoucherRef) bool { return !slices.Contains(want, r) })
		if !slices.Equal(old, want) {
			t.Fatalf("%+v from %d on:\n%v\nwant all of\n%v", f, start, open, want)
		}
		all := modelVouchers(c.events, f, Moment{})
		if kept := slices.DeleteFunc(slices.Clone(all), func(r ledger.VoucherRef) bool { return !slices.Contains(open, r) }); !slices.Equal(kept, open) {
			t.Fatalf("%+v gave %v, which is out of order or doubled", f, open)
		}
	})
}

// TestLongColumns crosses the ends of chunks, on ordered and on mixed days.
func TestLongColumns(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	for i := range 3*chunkLen + 7 {
		day := ledger.Day(20210101 + i/400)
		if i%5 == 0 && i > 2*chunkLen {
			day = 20210102
		}
		c.add(&eventv1.Event{Fact: &eventv1.Event_IncomeRecorded{IncomeRecorded: &eventv1.IncomeRecorded{}}},
			voucher(ledger.Receipt, day, "x", "money/bank", i+1, "fund/reserve", -i-1))
	}
	b := fold(t, c.events)
	for _, m := range []Moment{{}, {20210101, 0}, {20210103, 0}, {20210103, 2500}, {20210105, 900}, {0, 1026}, {0, 1027}, {20210108, 3000}, {20210101, 3}} {
		if got, want := b.TrialBalance(Period{From: 20210102}, m).Lines, modelTrial(c.events, Period{From: 20210102}, m); !slices.Equal(got, want) {
			t.Errorf("at %+v: %v, want %v", m, got, want)
		}
	}
	var out strings.Builder
	if err := WriteHledger(&out, b, Moment{}); err != nil || strings.Count(out.String(), " (收2021-") != 3*chunkLen+7 {
		t.Errorf("%d vouchers exported, %v", strings.Count(out.String(), " (收2021-"), err)
	}
	if page, next := b.Vouchers(VoucherFilter{}, Cursor{}, PageMax+1, Moment{}); len(page) != PageMax || next == (Cursor{}) {
		t.Errorf("a page of %d, next %v", len(page), next)
	}
	if page, _ := b.Vouchers(VoucherFilter{}, Cursor{}, 0, Moment{}); len(page) != PageDefault {
		t.Errorf("a page of %d without a limit", len(page))
	}
}

func TestParseCursorRefusesWhatStringDoesNotWrite(t *testing.T) {
	for _, s := range []string{"x", "20210101", "20210101-", "20210101-0", "20210101--1", "20210132-1", "0-1", "20210101-1x", " 20210101-1", "20210101-01", "020210101-1"} {
		if c, err := ParseCursor(s); err == nil {
			t.Errorf("%q gave %v", s, c)
		}
	}
}

// TestReadersWhileWriting asks everything while events arrive. Whatever a reader sees is whole: trial balances balance, and
// what is pinned stays as it is.
func TestReadersWhileWriting(t *testing.T) {
	d := newDemo()
	b := NewBook("liminba")
	foldAll := func(events []*eventv1.Event) {
		for _, e := range events {
			if err := b.Fold(e); err != nil {
				t.Error(err)
				return
			}
		}
	}
	foldAll(d.events[:8])
	done := make(chan struct{})
	var readers sync.WaitGroup
	for k := range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for round := 0; ; round++ {
				select {
				case <-done:
					if round > 0 {
						return
					}
				default:
				}
				if err := readAll(b, k); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	foldAll(d.events[8:])
	close(done)
	readers.Wait()
	if got, want := b.Digest(), fold(t, d.events).Digest(); got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
}

// TestDigestWhileWriting takes digests of a book that grows across the ends of chunks, for the race detector to watch, and
// wants the one taken at the end to be that of a book standing still.
func TestDigestWhileWriting(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	for i := range 2*chunkLen + 50 {
		c.add(&eventv1.Event{Fact: &eventv1.Event_IncomeRecorded{IncomeRecorded: &eventv1.IncomeRecorded{}}},
			voucher(ledger.Receipt, ledger.Day(20210101+i%28), "x", "money/bank", i+1, "fund/reserve", -i-1))
	}
	b := NewBook("abc")
	last := make(chan [32]byte)
	go func() {
		for b.Version() < uint64(len(c.events)) {
			b.Digest()
		}
		last <- b.Digest()
	}()
	for _, e := range c.events {
		if err := b.Fold(e); err != nil {
			t.Error(err)
			break
		}
	}
	if got, want := <-last, fold(t, c.events).Digest(); got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
}

func readAll(b *Book, k int) error {
	for _, m := range []Moment{{}, {AsOf: 20210630}, {AsKnownAt: b.Version()/2 + 1}, {20210910, b.Version()}} {
		if t := b.TrialBalance(Period{}, m); t.DebitTotal != t.CreditTotal {
			return fmt.Errorf("trial balance at %+v: %v and %v", m, t.DebitTotal, t.CreditTotal)
		}
		if s := b.FundStatement(Period{From: 20210101}, m); s.Total.Closing != s.Total.Opening+s.Total.Received-s.Total.Spent {
			return fmt.Errorf("statement at %+v: %+v", m, s.Total)
		}
		pin := b.Pin(m)
		if x, y := b.Balances(pin), b.Balances(pin); !slices.Equal(x, y) {
			return fmt.Errorf("pinned at %+v: %v, then %v", pin, x, y)
		}
		b.Vouchers(VoucherFilter{Descending: k == 1, Account: "money/bank"}, Cursor{}, 20, m)
		b.Voucher(ledger.VoucherRef{Class: ledger.Payment, Year: 2021, Number: 1}, m)
		b.Resolutions(0, 10, m)
		b.Requests("", 0, 10, m)
		b.GrantRounds(0, 10, m)
		b.Dividends(0, 10, m)
		b.Entitlements("2021-h1", 20210101, 0, 100, m)
		b.Collective(20210101, m)
		b.Policies(m)
		b.SpendingRule(m)
	}
	if k == 2 {
		b.Digest()
	}
	return b.CheckInvariant()
}
