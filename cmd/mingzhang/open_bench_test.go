package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// envBenchEvents is how long the log of BenchmarkOpen is; 1000000 is the size that the targets are about.
const envBenchEvents = "MINGZHANG_BENCH_EVENTS"

// BenchmarkOpen opens a data directory with a long log, the files in the page cache, gives one command and reads one
// balance, with the copies of state and books and without: what a restart costs. Open is the store learning its file by
// heart and looking at every page of it; the command waits for the state, the balance for the books.
func BenchmarkOpen(b *testing.B) {
	tuneCollector() // as the program runs
	events := 50_000
	if text := os.Getenv(envBenchEvents); text != "" {
		var err error
		if events, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	dir := filepath.Join(b.TempDir(), "data")
	longDirectory(b, dir, events)
	for _, copies := range []bool{true, false} {
		name := "copies"
		if !copies {
			name = "nocopies"
		}
		b.Run(name, func(b *testing.B) {
			var opens, firsts, balances, sums []time.Duration
			for range 5 {
				if !copies {
					if err := os.RemoveAll(filepath.Join(dir, snapshotsDir)); err != nil {
						b.Fatal(err)
					}
				}
				start := time.Now()
				d := openQuietly(b, dir)
				opened := time.Now()
				rent(b, d.ledger)
				done := time.Now()
				book, err := d.books.Book(b.Context(), ledgertest.LiminbaID, 0)
				if err != nil {
					b.Fatal(err)
				}
				read := time.Now()
				if book.Version() < uint64(events) {
					b.Fatal("the books are too short")
				}
				closeDirectory(b, d)
				opens, firsts = append(opens, opened.Sub(start)), append(firsts, done.Sub(opened))
				balances, sums = append(balances, read.Sub(done)), append(sums, done.Sub(start))
			}
			report := func(name string, took []time.Duration) {
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"-ms")
			}
			report("open", opens)
			report("command", firsts)
			report("open+command", sums)
			report("books", balances)
			b.ReportMetric(0, "ns/op")
		})
	}
}
