package transparency

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
)

const (
	benchEvents     = 200_000
	benchEventBytes = 277 // the mean of a voucher's event
)

func BenchmarkExtend(b *testing.B) {
	data := bytes.Repeat([]byte{1}, benchEventBytes)
	h := newLeafHasher(villageLog)
	var t tree
	for b.Loop() {
		t.add(h.hash("income_recorded", data))
	}
}

// BenchmarkAppend is what the wrapper costs an append of one event, for the inner store does nothing.
func BenchmarkAppend(b *testing.B) {
	for _, wrapped := range []bool{false, true} {
		b.Run(fmt.Sprintf("wrapped=%v", wrapped), func(b *testing.B) {
			var s eventstore.Store = newFake()
			if wrapped {
				s = openStore(b, s, b.TempDir())
			}
			events := []eventstore.NewEvent{{Type: "income_recorded", Data: bytes.Repeat([]byte{1}, benchEventBytes)}}
			version := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Append(context.Background(), "access", version, events); err != nil {
					b.Fatal(err)
				}
				version++
			}
		})
	}
}

func benchLog(b *testing.B) *fake {
	inner := newFake()
	for i := range benchEvents {
		data := fmt.Appendf(make([]byte, 0, benchEventBytes), "%d", i)
		inner.streams["access"] = append(inner.streams["access"], eventstore.Event{
			Stream: "access", Version: uint64(i) + 1, Type: "income_recorded", Data: data[:benchEventBytes],
		})
	}
	return inner
}

// BenchmarkRead reads 200,000 events. The inner store costs nothing, so the plain read shows only the consumer's work: none,
// or about two microseconds an event, as a decoder takes.
func BenchmarkRead(b *testing.B) {
	inner := benchLog(b)
	s, err := Open(inner, b.TempDir(), testSigner(b, b.TempDir()), StreamOrigin, Options{Shared: true})
	if err != nil {
		b.Fatal(err)
	}
	defer closeStore(b, s)
	if _, _, err := s.Head(b.Context(), "access"); err != nil {
		b.Fatal(err)
	}
	for _, work := range []int{0, 7} {
		run := func(name string, s eventstore.Store, before func(), after uint64) {
			b.Run(fmt.Sprintf("work=%d/%s", work, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					before()
					h := newLeafHasher("o")
					for e, err := range s.Read(context.Background(), "access", after) {
						if err != nil {
							b.Fatal(err)
						}
						for range work {
							h.hash(e.Type, e.Data)
						}
					}
				}
			})
		}
		run("plain", inner, func() {}, 0)
		run("verified", s, func() {}, 0)
		run("verified and loaded", s, s.forget, 0)
		run("tail of 1000", s, func() {}, benchEvents-1000)
	}
}

// BenchmarkLoad is the first use of a long log that is not read from its beginning.
func BenchmarkLoad(b *testing.B) {
	inner := benchLog(b)
	s, err := Open(inner, b.TempDir(), testSigner(b, b.TempDir()), StreamOrigin, Options{Shared: true})
	if err != nil {
		b.Fatal(err)
	}
	defer closeStore(b, s)
	if _, _, err := s.Head(b.Context(), "access"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.forget()
		if err := s.ready(b.Context(), s.stream("access")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteHead(b *testing.B) {
	s := openStore(b, newFake(), b.TempDir())
	appendMany(b, s, "access", 0, 1)
	version := 1
	for b.Loop() {
		appendMany(b, s, "access", version, version+1)
		version++
		if _, _, err := s.Head(b.Context(), "access"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSQLite is one append of one event at a time to the embedded store, whose sync to the disk is nearly all of the
// time, and a read of a long log of it.
func BenchmarkSQLite(b *testing.B) {
	for _, wrapped := range []bool{false, true} {
		dir := b.TempDir()
		inner, err := sqlite.Open(filepath.Join(dir, "log.db"), sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		var s eventstore.Store = inner
		if wrapped {
			if s, err = Open(inner, dir, testSigner(b, dir), StreamOrigin, Options{}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("append/wrapped=%v", wrapped), func(b *testing.B) { benchAppends(b, s) })
		b.Run(fmt.Sprintf("read/wrapped=%v", wrapped), func(b *testing.B) { benchReads(b, s) })
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchAppends(b *testing.B, s eventstore.Store) {
	events := []eventstore.NewEvent{{Type: "income_recorded", Data: bytes.Repeat([]byte{1}, benchEventBytes)}}
	version, err := s.Version(b.Context(), "access")
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		from := time.Now()
		if _, err := s.Append(b.Context(), "access", version, events); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(from))
		version++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func benchReads(b *testing.B, s eventstore.Store) {
	var events []eventstore.NewEvent
	for range 2000 {
		events = append(events, eventstore.NewEvent{Type: "income_recorded", Data: bytes.Repeat([]byte{1}, benchEventBytes)})
	}
	for version := uint64(0); version < benchEvents; version += uint64(len(events)) {
		if _, err := s.Append(b.Context(), "long", version, events); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		h := newLeafHasher("o")
		for e, err := range s.Read(b.Context(), "long", 0) {
			if err != nil {
				b.Fatal(err)
			}
			for range 7 { // about two microseconds an event, as a decoder takes
				h.hash(e.Type, e.Data)
			}
		}
	}
}
