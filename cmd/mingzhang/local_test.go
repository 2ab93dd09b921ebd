package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

const localDir = "/tmp/prof/data"

func TestLocalBuild(t *testing.T) {
	tuneCollector()
	os.RemoveAll(localDir)
	os.MkdirAll(localDir, 0o700)
	inner, _ := sqlite.Open(filepath.Join(localDir, "events.db"), sqlite.Options{})
	secret := make([]byte, transparency.SecretBytes)
	rand.Read(secret)
	os.WriteFile(localDir+"/secret", secret, 0o600)
	store, err := transparency.Open(inner, localDir, secret, ledger.LogOrigin, transparency.Options{})
	if err != nil {
		t.Fatal(err)
	}
	service := ledger.NewService(store, ledger.Options{})
	for _, step := range ledgertest.Until(ledgertest.Demonstration(), "2020-05-19") {
		m := ledger.Meta{ID: ledger.NewCommandID(), Actor: step.Actor, Now: ledgertest.Noon(step.Date)}
		if _, err := service.Do(t.Context(), "liminba", step.Command, m); err != nil {
			t.Fatal(err)
		}
	}
	orders := make([]ledger.Order, 5000)
	start := time.Now()
	for done := 0; done < 500_000; done += len(orders) {
		for i := range orders {
			orders[i] = ledger.Order{Command: theRent(), Meta: ledger.Meta{ID: ledger.NewCommandID(), Actor: ledgertest.Treasurer}}
		}
		for _, o := range service.DoAll(t.Context(), "liminba", orders) {
			if o.Err != nil {
				t.Fatal(o.Err)
			}
		}
	}
	fmt.Println("built in", time.Since(start))
	store.Close()
}

func TestLocalLoad(t *testing.T) {
	tuneCollector()
	inner, err := sqlite.Open(filepath.Join(localDir, "events.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := os.ReadFile(localDir + "/secret")
	start := time.Now()
	store, err := transparency.Open(inner, localDir, secret, ledger.LogOrigin, transparency.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	fmt.Println("open", time.Since(start))
	f, _ := os.Create("/tmp/prof/l.cpu")
	pprof.StartCPUProfile(f)
	for range 4 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		book, err := projections.NewLibrary(ledger.NewService(store, ledger.Options{})).Book(t.Context(), "liminba", 0)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		runtime.GC()
		runtime.ReadMemStats(&after)
		fmt.Printf("load %.0f/s, %d GCs, %d B/event resident, %d B/event allocated, %.1f allocs/event\n", float64(book.Version())/took.Seconds(), ms.NumGC-before.NumGC,
			(after.HeapAlloc-before.HeapAlloc)/book.Version(), (ms.TotalAlloc-before.TotalAlloc)/book.Version(), float64(ms.Mallocs-before.Mallocs)/float64(book.Version()))
		runtime.KeepAlive(book)
	}
	pprof.StopCPUProfile()
	f.Close()
	n := 0
	start = time.Now()
	for _, err := range inner.Read(t.Context(), ledger.StreamOf("liminba"), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	fmt.Printf("sqlite read alone %.0f/s\n", float64(n)/time.Since(start).Seconds())
	n = 0
	start = time.Now()
	for _, err := range store.Read(t.Context(), ledger.StreamOf("liminba"), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	fmt.Printf("with tree %.0f/s\n", float64(n)/time.Since(start).Seconds())
}
