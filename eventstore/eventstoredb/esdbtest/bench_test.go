package esdbtest_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// The fake must not be what a measurement of the adapter measures.
func BenchmarkAppend64Writers(b *testing.B) {
	for _, row := range []struct {
		name    string
		options esdbtest.Options
	}{
		{"memory", esdbtest.Options{}},
		{"file", esdbtest.Options{Dir: b.TempDir()}},
		{"synced", esdbtest.Options{Dir: b.TempDir(), Sync: true}},
	} {
		b.Run(row.name, func(b *testing.B) { benchmarkAppend(b, row.options) })
	}
}

func benchmarkAppend(b *testing.B, o esdbtest.Options) {
	s := esdbtest.New(b, o)
	c := connect(b, s.ConnectionString())
	data := make([]byte, 300)
	var wg sync.WaitGroup
	work := make(chan int)
	for w := range 64 {
		wg.Go(func() {
			stream := fmt.Sprintf("writer-%d", w)
			for range work {
				mustAppend(b, c, stream, esdb.Any{}, esdb.EventData{EventID: uuid.New(), EventType: "Measured", Data: data})
			}
		})
	}
	for i := range b.N {
		work <- i
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

func BenchmarkRead(b *testing.B) {
	s := esdbtest.New(b, esdbtest.Options{})
	c := connect(b, s.ConnectionString())
	const n = 50_000
	data := make([]byte, 300)
	for range n / 500 {
		events := make([]esdb.EventData, 500)
		for i := range events {
			events[i] = esdb.EventData{EventID: uuid.New(), EventType: "Measured", Data: data}
		}
		mustAppend(b, c, "long", esdb.Any{}, events...)
	}
	report := func(b *testing.B) { b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s") }
	b.Run("stream", func(b *testing.B) {
		for b.Loop() {
			r, err := c.ReadStream(deadline(b), "long", esdb.ReadStreamOptions{}, n)
			if got := drain(b, r, err); len(got) != n {
				b.Fatal(len(got))
			}
		}
		report(b)
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			r, err := c.ReadAll(deadline(b), esdb.ReadAllOptions{}, 2*n)
			if got := drain(b, r, err); len(got) < n {
				b.Fatal(len(got))
			}
		}
		report(b)
	})
	b.Run("subscription", func(b *testing.B) {
		for b.Loop() {
			sub, err := c.SubscribeToAll(deadline(b), esdb.SubscribeToAllOptions{From: esdb.Start{},
				Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"long"}}})
			if err != nil {
				b.Fatal(err)
			}
			for seen := 0; seen < n; {
				if sub.Recv().EventAppeared != nil {
					seen++
				}
			}
			if err := sub.Close(); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}
