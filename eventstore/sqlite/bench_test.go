package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
)

// The benchmarks measure a fixed amount of work each time, so -benchtime=1x is enough and more only repeats it. Store and
// floor take turns in small blocks: what the disk is doing besides hits both. A benchmark event has 277 bytes, the size of a
// voucher with three postings.

const eventBytes = 277

var payload = bytes.Repeat([]byte("mingzhang"), eventBytes/9+1)[:eventBytes]

func payloads(n int) []eventstore.NewEvent {
	events := make([]eventstore.NewEvent, n)
	for i := range events {
		events[i] = eventstore.NewEvent{Type: "income_recorded", Data: payload}
	}
	return events
}

func openBench(b *testing.B) (*Store, *eventstoretest.Floor) {
	b.Helper()
	dir := b.TempDir()
	s, err := Open(filepath.Join(dir, "events.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s, eventstoretest.NewFloor(b, dir, 64<<20)
}

// BenchmarkAppend measures appends of one event by 1, 8, 64 and 256 writers, each on streams of its own: latencies in µs,
// and the ratio to the floor (latency for one writer: lower is better; rate for more: higher is better).
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, floor := openBench(b)
			versions := make([]uint64, writers)
			event := payloads(1)
			appendOne := func(w int) error {
				_, err := s.Append(b.Context(), fmt.Sprintf("collective-%d", w), versions[w], event)
				versions[w]++
				return err
			}
			keepOne := func(int) error { return floor.Append(payload) }
			each, blocks := 40, 40
			if writers > 1 {
				each, blocks = 4000/writers+20, 20
			}
			// Warm: the WAL grows to the length at which it is used again, which takes 1,000 pages.
			runBlock(b, writers, max(each, 1200/writers), appendOne)
			runBlock(b, writers, each, keepOne)
			var store, base sample
			for b.Loop() {
				for range blocks {
					store.add(runBlock(b, writers, each, appendOne))
					base.add(runBlock(b, writers, each, keepOne))
				}
			}
			b.ReportMetric(store.micros(50), "p50-µs")
			b.ReportMetric(store.micros(99), "p99-µs")
			b.ReportMetric(store.rate(), "events/s")
			if writers == 1 {
				b.ReportMetric(store.micros(50)/base.micros(50), "p50/floor")
				b.ReportMetric(store.micros(99)/base.micros(99), "p99/floor")
			} else {
				b.ReportMetric(store.rate()/base.rate(), "rate/floor")
			}
			b.ReportMetric(0, "ns/op") // the work of an "op" is a block plan, its time says nothing
		})
	}
}

// BenchmarkAppendBatch measures one writer that appends 1,000 events at a time.
func BenchmarkAppendBatch(b *testing.B) {
	s, floor := openBench(b)
	events := payloads(1000)
	data := bytes.Repeat(payload, len(events))
	version := uint64(0)
	var store, base sample
	for b.Loop() {
		for range 50 {
			store.add(runBlock(b, 1, 1, func(int) error {
				_, err := s.Append(b.Context(), "collective-1", version, events)
				version += uint64(len(events))
				return err
			}))
			base.add(runBlock(b, 1, 1, func(int) error { return floor.Append(data) }))
		}
	}
	b.ReportMetric(store.rate()*float64(len(events)), "events/s")
	b.ReportMetric(store.rate()/base.rate(), "rate/floor")
	b.ReportMetric(0, "ns/op")
}

// sample is the latencies of many calls and the time they took together.
type sample struct {
	latencies []time.Duration
	wall      time.Duration
}

func (s *sample) add(o sample) {
	s.latencies = append(s.latencies, o.latencies...)
	s.wall += o.wall
}

func (s *sample) micros(percent int) float64 {
	slices.Sort(s.latencies)
	return float64(s.latencies[len(s.latencies)*percent/100].Nanoseconds()) / 1000
}

func (s *sample) rate() float64 { return float64(len(s.latencies)) / s.wall.Seconds() }

// runBlock lets each writer do its calls, all writers at once.
func runBlock(b *testing.B, writers, each int, do func(writer int) error) sample {
	out := sample{latencies: make([]time.Duration, writers*each)}
	start := time.Now()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			mine := out.latencies[w*each : (w+1)*each]
			for i := range mine {
				began := time.Now()
				if err := do(w); err != nil {
					b.Error(err)
					return
				}
				mine[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	out.wall = time.Since(start)
	return out
}

// loadBench fills a store with events spread over streams, 1,000 at a time.
func loadBench(b *testing.B, s *Store, streams, total int) {
	b.Helper()
	events := payloads(1000)
	for i := 0; i < total/1000; i++ {
		if _, err := s.Append(b.Context(), fmt.Sprintf("collective-%d", i%streams), uint64(i/streams*1000), events); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead measures reading 200,000 events: all, and stream by stream.
func BenchmarkRead(b *testing.B) {
	s, _ := openBench(b)
	const total, streams = 200_000, 20
	loadBench(b, s, streams, total)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for _, err := range s.ReadAll(b.Context(), 0) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != total {
				b.Fatalf("read %d events of %d", n, total)
			}
		}
		b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("stream", func(b *testing.B) {
		i := 0
		for b.Loop() {
			n := 0
			for _, err := range s.Read(b.Context(), fmt.Sprintf("collective-%d", i%streams), 0) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != total/streams {
				b.Fatalf("read %d events of %d", n, total/streams)
			}
			i++
		}
		b.ReportMetric(float64(total/streams)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			for e, err := range s.Read(b.Context(), "collective-1", 4999) {
				if err != nil || e.Version != 5000 {
					b.Fatal(e.Version, err)
				}
				break
			}
		}
	})
}

// BenchmarkOpen measures opening a store, warm: until it answers (open-ms), and until the structure of the file has been looked
// at too and the first append can go ahead (checked-ms). It has 200,000 events, or what MINGZHANG_BENCH_EVENTS says. The file is
// one that was closed in order, or one of which nobody knows that.
func BenchmarkOpen(b *testing.B) {
	total := 200_000
	if n, err := strconv.Atoi(os.Getenv("MINGZHANG_BENCH_EVENTS")); err == nil && n > 0 {
		total = n
	}
	dir := b.TempDir()
	path := filepath.Join(dir, "events.db")
	s, err := Open(path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	loadBench(b, s, 200, total)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for _, inOrder := range []bool{true, false} {
		name := "closed"
		if !inOrder {
			name = "crashed"
		}
		b.Run(name, func(b *testing.B) {
			var opens, checks []time.Duration
			for range 9 {
				if !inOrder {
					if err := os.Truncate(filepath.Join(dir, LockFile), 0); err != nil {
						b.Fatal(err)
					}
				}
				start := time.Now()
				s, err := Open(path, Options{MustExist: true})
				if err != nil {
					b.Fatal(err)
				}
				opens = append(opens, time.Since(start))
				if err := s.sound(b.Context()); err != nil {
					b.Fatal(err)
				}
				checks = append(checks, time.Since(start))
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((&sample{latencies: opens}).micros(50)/1000, "open-ms")
			b.ReportMetric((&sample{latencies: checks}).micros(50)/1000, "checked-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
