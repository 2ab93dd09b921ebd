//go:build unix

package main

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

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
	key := publishEvents(b, dir, lt.LongLog(b, size))
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
