package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// stack is what a village runs, without the network: SQLite under its tree, the ledger, the books.
func stack(b *testing.B) (*ledger.Service, *projections.Library, eventstore.Store) {
	b.Helper()
	return stackIn(b, b.TempDir())
}

func stackIn(b *testing.B, dir string) (*ledger.Service, *projections.Library, eventstore.Store) {
	b.Helper()
	tuneCollector() // as the program runs
	inner, err := sqlite.Open(filepath.Join(dir, "events.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	secret := make([]byte, transparency.SecretBytes)
	rand.Read(secret)
	signer, err := transparency.OpenSigner(filepath.Join(dir, signerDir), secret)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { signer.Close() })
	store, err := transparency.Open(inner, dir, signer, ledger.LogOrigin, transparency.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	observer := &observed{}
	service := ledger.NewService(store, ledger.Options{Observer: observer})
	observer.library = projections.NewLibrary(service)
	for _, step := range ledgertest.Until(ledgertest.Demonstration(), "2020-05-19") {
		m := ledger.Meta{ID: ledger.NewCommandID(), Actor: step.Actor, Now: ledgertest.Noon(step.Date)}
		if _, err := service.Do(b.Context(), "liminba", step.Command, m); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := observer.library.Book(b.Context(), "liminba", 0); err != nil {
		b.Fatal(err)
	}
	return service, observer.library, store
}

type observed struct{ library *projections.Library }

func (o *observed) Observe(collective string, events []*eventv1.Event) {
	o.library.Observe(collective, events)
}

func theRent() *ledger.RecordIncome {
	return &ledger.RecordIncome{Kind: "rent", Amount: 98_000_00, On: 20201220, Money: "bank", Payer: "org/示例市场公司", Narration: "下半年租金"}
}

func rent(b testing.TB, s *ledger.Service) time.Duration {
	start := time.Now()
	if _, err := s.Do(context.Background(), "liminba", theRent(), ledger.Meta{ID: ledger.NewCommandID(), Actor: ledgertest.Treasurer}); err != nil {
		b.Error(err)
	}
	return time.Since(start)
}

// BenchmarkInProcess is a durable command with every rule on, books current at acknowledgement, beside the floor: the same
// bytes overwritten in a zero-filled file and synced. The two take turns in small blocks, so the disk's mood hits both.
func BenchmarkInProcess(b *testing.B) {
	service, _, store := stack(b)
	floor := eventstoretest.NewFloor(b, b.TempDir(), 64<<20)
	rent(b, service)
	size := eventBytes(b, store)
	var ours, base []time.Duration
	for len(ours) < 4000 {
		for range 100 {
			ours = append(ours, rent(b, service))
		}
		for range 100 {
			start := time.Now()
			if err := floor.Append(make([]byte, size)); err != nil {
				b.Fatal(err)
			}
			base = append(base, time.Since(start))
		}
	}
	slices.Sort(ours)
	slices.Sort(base)
	report := func(name string, q float64) {
		i := int(q * float64(len(ours)-1))
		b.ReportMetric(float64(ours[i].Microseconds()), name+"-µs")
		b.ReportMetric(float64(ours[i])/float64(base[i]), name+"/floor")
	}
	report("p50", 0.50)
	report("p99", 0.99)
	b.ReportMetric(0, "ns/op")
}

// BenchmarkInProcessClients is the rate of durable commands on one collective by many clients at once.
func BenchmarkInProcessClients(b *testing.B) {
	for _, clients := range []int{8, 64} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			service, _, _ := stack(b)
			rent(b, service)
			var left atomic.Int64
			left.Store(20000)
			took := make([][]time.Duration, clients)
			var wg sync.WaitGroup
			start := time.Now()
			for i := range clients {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						took[i] = append(took[i], rent(b, service))
					}
				})
			}
			wg.Wait()
			all := slices.Concat(took...)
			slices.Sort(all)
			b.ReportMetric(float64(len(all))/time.Since(start).Seconds(), "commands/s")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// loadSizes are the events of the loads: envBenchEvents adds a larger one, e.g. 1000000.
func loadSizes() []int {
	sizes := []int{10_000, 100_000}
	if more, err := strconv.Atoi(os.Getenv(envBenchEvents)); err == nil {
		sizes = append(sizes, more)
	}
	return sizes
}

// BenchmarkLoad reads a collective from zero: from the disk, hashed against the head, decoded, and folded into a book, or into
// the state its rules need. The memory that a book then takes is reported for each event.
func BenchmarkLoad(b *testing.B) {
	for _, events := range loadSizes() {
		service, _, store := stack(b)
		orders := make([]ledger.Order, 1000)
		for done := 0; done < events; done += len(orders) {
			for i := range orders {
				orders[i] = ledger.Order{Command: theRent(), Meta: ledger.Meta{ID: ledger.NewCommandID(), Actor: ledgertest.Treasurer}}
			}
			for _, o := range service.DoAll(b.Context(), "liminba", orders) {
				if o.Err != nil {
					b.Fatal(o.Err)
				}
			}
		}
		book := func(b *testing.B) uint64 {
			book, err := projections.NewLibrary(ledger.NewService(store, ledger.Options{})).Book(b.Context(), "liminba", 0)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(book.Bytes())/float64(book.Version()), "B/event")
			return book.Version()
		}
		state := func(b *testing.B) (version uint64) {
			err := ledger.NewService(store, ledger.Options{}).View(b.Context(), "liminba", func(c *ledger.Collective) error {
				version = c.Version()
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			return version
		}
		for name, load := range map[string]func(*testing.B) uint64{"book": book, "state": state} {
			b.Run(fmt.Sprintf("%s,events=%d", name, events), func(b *testing.B) {
				var rates []float64
				for b.Loop() {
					runtime.GC()
					start := time.Now()
					n := load(b)
					rates = append(rates, float64(n)/time.Since(start).Seconds())
				}
				slices.Sort(rates)
				b.ReportMetric(rates[len(rates)/2], "events/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func eventBytes(b *testing.B, store eventstore.Store) int {
	size := 0
	for e, err := range store.Read(b.Context(), ledger.StreamOf("liminba"), 0) {
		if err != nil {
			b.Fatal(err)
		}
		size = len(e.Data)
	}
	return size
}
