package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

var _ = access.Meta{}

func BenchmarkBuild(b *testing.B) {
	n, _ := strconv.Atoi(os.Getenv("MINGZHANG_BENCH_EVENTS"))
	dir := os.Getenv("BENCHDIR")
	if _, err := os.Stat(filepath.Join(dir, "format")); err != nil {
		if err := makeDirectory(b.Context(), dir); err != nil {
			b.Fatal(err)
		}
		d, err := openDirectory(dir, slog.Default())
		if err != nil {
			b.Fatal(err)
		}
		for _, step := range ledgertest.Until(ledgertest.Demonstration(), "2020-05-19") {
			m := ledger.Meta{ID: ledger.NewCommandID(), Actor: step.Actor, Now: ledgertest.Noon(step.Date)}
			if _, err := d.ledger.Do(b.Context(), "liminba", step.Command, m); err != nil {
				b.Fatal(err)
			}
		}
		start := time.Now()
		orders := make([]ledger.Order, 1000)
		for done := 0; done < n; done += len(orders) {
			for i := range orders {
				orders[i] = ledger.Order{Command: theRent(), Meta: ledger.Meta{ID: ledger.NewCommandID(), Actor: ledgertest.Treasurer}}
			}
			for _, o := range d.ledger.DoAll(b.Context(), "liminba", orders) {
				if o.Err != nil {
					b.Fatal(o.Err)
				}
			}
		}
		b.Log("built", time.Since(start))
		d.Close()
	}
	for range 3 {
		start := time.Now()
		d, err := openDirectory(dir, slog.Default())
		if err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		rent(b, d.ledger)
		t2 := time.Now()
		d.books.Book(b.Context(), "liminba", 0)
		t3 := time.Now()
		d.Close()
		b.Log("open", t1.Sub(start), "first", t2.Sub(t1), "book", t3.Sub(t2), "close", time.Since(t3))
	}
}
