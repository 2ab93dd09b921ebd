// Package eventstoretest holds what every event store is tested with: the contract as a suite (Run), a spiteful wrapper for
// the tests of those who use a store (Faulty), and the speed limit of the disk for benchmarks (Floor).
package eventstoretest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Storage is a place that holds one store, made afresh for each test.
//
// Other streams may live in it: the suite takes names that nobody else has and looks at nothing else, so that a store
// shared with others (a server) can be tested too.
type Storage struct {
	// Open opens the store that lives here. The suite closes it before it opens it again.
	Open func() (eventstore.Store, error)
	// Durable says that a store opened again holds what was appended before it was closed.
	Durable bool
}

// Run tests a store against the contract of eventstore.Store. With -short the sizes are small.
func Run(t *testing.T, newStorage func(t *testing.T) Storage) {
	tests := []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"Append", testAppend},
		{"Conflict", testConflict},
		{"EmptyAppend", testEmptyAppend},
		{"Limits", testLimits},
		{"AllOrNothing", testAllOrNothing},
		{"ReadAll", testReadAll},
		{"LargeReads", testLargeReads},
		{"ReadAgain", testReadAgain},
		{"CancelRead", testCancelRead},
		{"CancelAppend", testCancelAppend},
		{"AppendWhileReading", testAppendWhileReading},
		{"Reopen", testReopen},
		{"RaceForOneVersion", testRaceForOneVersion},
		{"WritersOnOneStream", testWritersOnOneStream},
		{"WritersOnManyStreams", testWritersOnManyStreams},
		{"Linearizable", testLinearizable},
		{"Subscribe", testSubscribe},
		{"SubscribeEnds", testSubscribeEnds},
		{"Delete", testDelete},
		{"List", testList},
		{"Close", testClose},
		{"CloseUnderLoad", testCloseUnderLoad},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			// Long enough for a slow machine, short enough that a store that hangs fails its own test by name.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			f := &fixture{ctx: ctx, prefix: "t" + strings.ToLower(rand.Text()[:10]) + "-", storage: newStorage(t)}
			f.open(t)
			defer f.close(t)
			tc.test(t, f)
		})
	}
}

// fixture is one opened store, with names of its own.
type fixture struct {
	eventstore.Store
	ctx     context.Context
	prefix  string
	storage Storage
}

func (f *fixture) open(t testing.TB) {
	t.Helper()
	s, err := f.storage.Open()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	f.Store = s
}

func (f *fixture) close(t testing.TB) {
	t.Helper()
	if err := f.Store.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func (f *fixture) stream(name string) string { return f.prefix + name }

// append appends the texts as events of the type "noted".
func (f *fixture) append(t testing.TB, stream string, expected uint64, texts ...string) uint64 {
	t.Helper()
	position, err := f.Append(f.ctx, stream, expected, noted(texts...))
	if err != nil {
		t.Fatalf("append %d events to %s at version %d: %v", len(texts), stream, expected, err)
	}
	return position
}

func (f *fixture) wantVersion(t testing.TB, stream string, want uint64) {
	t.Helper()
	got, err := f.Version(f.ctx, stream)
	if err != nil || got != want {
		t.Errorf("version of %s: %d, %v; want %d", stream, got, err, want)
	}
}

// wantStream checks that the stream holds the texts as versions after+1, after+2, …
func (f *fixture) wantStream(t testing.TB, stream string, after uint64, want ...string) {
	t.Helper()
	var got []string
	version, position := after, uint64(0)
	for e, err := range f.Read(f.ctx, stream, after) {
		if err != nil {
			t.Fatalf("read %s after %d: %v", stream, after, err)
		}
		version++
		if e.Version != version || e.Stream != stream || e.Type != "noted" || e.Position <= position {
			t.Fatalf("read %s after %d: event %s/%d %q at position %d; want version %d, type noted, a position above %d",
				stream, after, e.Stream, e.Version, e.Type, e.Position, version, position)
		}
		position = e.Position
		got = append(got, string(e.Data))
	}
	if !slices.Equal(got, want) {
		t.Errorf("read %s after %d: %d events %.200q; want %d events %.200q", stream, after, len(got), got, len(want), want)
	}
}

// all reads the events of this test's streams after a position, in the store's order.
func (f *fixture) all(t testing.TB, after uint64) []eventstore.Event {
	t.Helper()
	var got []eventstore.Event
	last := after
	for e, err := range f.ReadAll(f.ctx, after) {
		if err != nil {
			t.Fatalf("read all after %d: %v", after, err)
		}
		if e.Position <= last {
			t.Fatalf("read all after %d: position %d comes after %d", after, e.Position, last)
		}
		last = e.Position
		if strings.HasPrefix(e.Stream, f.prefix) {
			got = append(got, e)
		}
	}
	return got
}

func noted(texts ...string) []eventstore.NewEvent {
	events := make([]eventstore.NewEvent, len(texts))
	for i, text := range texts {
		events[i] = eventstore.NewEvent{Type: "noted", Data: []byte(text)}
	}
	return events
}

func numbered(from, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("note %d", from+i)
	}
	return texts
}

func testAppend(t *testing.T, f *fixture) {
	a := f.stream("a")
	f.wantVersion(t, a, 0)
	f.wantStream(t, a, 0)

	p1 := f.append(t, a, 0, "one")
	p3 := f.append(t, a, 1, "two", "three")
	if p1 == 0 || p3 < p1+2 {
		t.Errorf("positions %d after one event and %d after three; want growing from 1", p1, p3)
	}
	f.wantVersion(t, a, 3)
	f.wantStream(t, a, 0, "one", "two", "three")
	f.wantStream(t, a, 2, "three")
	f.wantStream(t, a, 3)
	f.wantStream(t, a, 99)
	last := uint64(0)
	for e := range f.Read(f.ctx, a, 0) {
		last = e.Position
	}
	if last != p3 {
		t.Errorf("append said position %d, read says %d", p3, last)
	}

	// Every byte comes back as it went in.
	odd := make([]byte, eventstore.EventBytesMax)
	for i := range odd {
		odd[i] = byte(i ^ i>>8)
	}
	b := f.stream("b/with:all~the!punctuation")
	if _, err := f.Append(f.ctx, b, 0, []eventstore.NewEvent{{Type: "type_1", Data: odd}, {Type: "t", Data: []byte{0}}}); err != nil {
		t.Fatal(err)
	}
	var got []eventstore.Event
	for e, err := range f.Read(f.ctx, b, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if len(got) != 2 || got[0].Type != "type_1" || !bytes.Equal(got[0].Data, odd) || got[1].Type != "t" || !bytes.Equal(got[1].Data, []byte{0}) {
		t.Error("stored bytes are not the appended bytes")
	}
}

func testConflict(t *testing.T, f *fixture) {
	a := f.stream("a")
	wantConflict := func(expected, actual uint64) {
		t.Helper()
		_, err := f.Append(f.ctx, a, expected, noted("late"))
		var conflict *eventstore.ConflictError
		if !errors.As(err, &conflict) {
			t.Fatalf("append at version %d of %d: error %v, want a ConflictError", expected, actual, err)
		}
		if *conflict != (eventstore.ConflictError{Stream: a, Expected: expected, Actual: actual}) {
			t.Errorf("append at version %d of %d: %+v", expected, actual, *conflict)
		}
	}
	wantConflict(1, 0)
	f.wantVersion(t, a, 0)
	f.append(t, a, 0, "one", "two")
	wantConflict(0, 2)
	wantConflict(1, 2)
	wantConflict(3, 2)
	wantConflict(1<<63, 2)
	wantConflict(1<<64-1, 2)
	f.wantStream(t, a, 0, "one", "two")
	f.append(t, a, 2, "three")
}

func testEmptyAppend(t *testing.T, f *fixture) {
	a := f.stream("a")
	f.append(t, a, 0, "one")
	if position, err := f.Append(f.ctx, a, 1, nil); err != nil || position != 0 {
		t.Errorf("empty append at the right version: %d, %v", position, err)
	}
	var conflict *eventstore.ConflictError
	if _, err := f.Append(f.ctx, a, 0, nil); !errors.As(err, &conflict) || conflict.Expected != 0 || conflict.Actual != 1 {
		t.Errorf("empty append at the wrong version: %v", err)
	}
	if _, err := f.Append(f.ctx, f.stream("none"), 0, nil); err != nil {
		t.Errorf("empty append to an absent stream: %v", err)
	}
	f.wantVersion(t, a, 1)
	f.wantVersion(t, f.stream("none"), 0)
}

func testLimits(t *testing.T, f *fixture) {
	event := func(size int) eventstore.NewEvent {
		return eventstore.NewEvent{Type: "big", Data: bytes.Repeat([]byte{7}, size)}
	}
	// 31 events of 32 KiB and one that is shorter by what the types count and by a byte: the largest append.
	largest := make([]eventstore.NewEvent, 0, 33)
	for range 31 {
		largest = append(largest, event(eventstore.EventBytesMax))
	}
	largest = append(largest, event(eventstore.EventBytesMax-32*2*len("big")-1))
	for _, tc := range []struct {
		name   string
		stream string
		events []eventstore.NewEvent
		want   error
	}{
		{"no name", "", noted("x"), eventstore.ErrInvalid},
		{"a space in the name", "a b", noted("x"), eventstore.ErrInvalid},
		{"a line feed in the name", "a\nb", noted("x"), eventstore.ErrInvalid},
		{"Chinese in the name", "账", noted("x"), eventstore.ErrInvalid},
		{"DEL in the name", "a\x7f", noted("x"), eventstore.ErrInvalid},
		{"a name too long", strings.Repeat("n", eventstore.StreamNameMax+1), noted("x"), eventstore.ErrInvalid},
		{"a bad name and no events", "a b", nil, eventstore.ErrInvalid},
		{"no type", f.stream("a"), []eventstore.NewEvent{{Data: []byte("x")}}, eventstore.ErrInvalid},
		{"capitals in the type", f.stream("a"), []eventstore.NewEvent{{Type: "Noted", Data: []byte("x")}}, eventstore.ErrInvalid},
		{"a type too long", f.stream("a"), []eventstore.NewEvent{{Type: strings.Repeat("t", eventstore.TypeNameMax+1), Data: []byte("x")}}, eventstore.ErrInvalid},
		{"no data", f.stream("a"), []eventstore.NewEvent{{Type: "noted"}}, eventstore.ErrInvalid},
		{"data too large", f.stream("a"), []eventstore.NewEvent{event(eventstore.EventBytesMax + 1)}, eventstore.ErrTooLarge},
		{"append too large", f.stream("a"), append(largest[:32:32], event(1)), eventstore.ErrTooLarge},
	} {
		if _, err := f.Append(f.ctx, tc.stream, 0, tc.events); !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", tc.name, err, tc.want)
		}
	}
	f.wantVersion(t, f.stream("a"), 0)

	long := f.prefix + strings.Repeat("n", eventstore.StreamNameMax-len(f.prefix))
	if _, err := f.Append(f.ctx, long, 0, largest); err != nil {
		t.Errorf("the largest append under the longest name: %v", err)
	}
	f.wantVersion(t, long, 32)
	longest := []eventstore.NewEvent{{Type: strings.Repeat("t", eventstore.TypeNameMax), Data: []byte("x")}}
	if _, err := f.Append(f.ctx, long, 32, longest); err != nil {
		t.Errorf("the longest type: %v", err)
	}
}

func testAllOrNothing(t *testing.T, f *fixture) {
	a := f.stream("a")
	f.append(t, a, 0, "one")
	bad := append(noted("two", "three"), eventstore.NewEvent{Type: "noted"})
	if _, err := f.Append(f.ctx, a, 1, bad); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("append with a bad last event: %v", err)
	}
	f.wantStream(t, a, 0, "one")
	f.append(t, a, 1, "two")
}

func testReadAll(t *testing.T, f *fixture) {
	a, b := f.stream("a"), f.stream("b")
	base := f.append(t, a, 0, "a1")
	f.append(t, b, 0, "b1", "b2")
	middle := f.append(t, a, 1, "a2")
	f.append(t, b, 2, "b3")

	texts := func(events []eventstore.Event) (s string) {
		for _, e := range events {
			s += fmt.Sprintf("%s=%s/%d ", e.Data, strings.TrimPrefix(e.Stream, f.prefix), e.Version)
		}
		return s
	}
	if got, want := texts(f.all(t, base-1)), "a1=a/1 b1=b/1 b2=b/2 a2=a/2 b3=b/3 "; got != want {
		t.Errorf("all events: %q, want %q", got, want)
	}
	if got, want := texts(f.all(t, middle)), "b3=b/3 "; got != want {
		t.Errorf("events after position %d: %q, want %q", middle, got, want)
	}
	all := f.all(t, base-1)
	if rest := f.all(t, all[len(all)-1].Position); len(rest) != 0 {
		t.Errorf("events after the last position: %v", rest)
	}
}

func testLargeReads(t *testing.T, f *fixture) {
	n := 10_000
	if testing.Short() {
		n = 2_500
	}
	a, b := f.stream("a"), f.stream("b")
	base := f.append(t, a, 0, "note 0") - 1
	texts := numbered(0, n)
	for at := 1; at < n; {
		some := min(700, n-at)
		f.append(t, a, uint64(at), texts[at:at+some]...)
		f.append(t, b, uint64(at-1), texts[at-1:at-1+some]...)
		at += some
	}
	f.wantStream(t, a, 0, texts...)
	f.wantStream(t, a, 1234, texts[1234:]...)
	f.wantStream(t, b, 0, texts[:n-1]...)
	next := map[string]uint64{a: 1, b: 1}
	for _, e := range f.all(t, base) {
		if e.Version != next[e.Stream] || string(e.Data) != texts[e.Version-1] {
			t.Fatalf("read all: event %s/%d %q, want version %d", e.Stream, e.Version, e.Data, next[e.Stream])
		}
		next[e.Stream]++
	}
	if next[a] != uint64(n+1) || next[b] != uint64(n) {
		t.Errorf("read all ends at versions %d and %d; want %d and %d", next[a]-1, next[b]-1, n, n-1)
	}
}

func testReadAgain(t *testing.T, f *fixture) {
	a := f.stream("a")
	f.append(t, a, 0, numbered(0, 10)...)
	// Data of an event stays what it is when the read goes on and when another read begins.
	var kept [][]byte
	seq := f.Read(f.ctx, a, 0)
	for range 3 {
		for e, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, e.Data)
			if len(kept)%7 == 0 {
				break // leaving early is no error
			}
		}
	}
	for i, data := range kept {
		// The runs yield 7, 7 and 7 events: each was left at its seventh.
		if want := fmt.Sprintf("note %d", i%7); string(data) != want {
			t.Errorf("kept event %d is %q, want %q", i, data, want)
		}
	}
	if len(kept) != 21 {
		t.Errorf("three runs of one sequence, each left after 7 events, yielded %d", len(kept))
	}
}

func testCancelRead(t *testing.T, f *fixture) {
	a := f.stream("a")
	n := 3000
	for at := 0; at < n; at += 500 {
		f.append(t, a, uint64(at), numbered(at, 500)...)
	}
	for name, read := range map[string]func(context.Context) (int, error){
		"Read": func(ctx context.Context) (n int, last error) {
			for _, err := range f.Read(ctx, a, 0) {
				n, last = n+1, err
				if n == 10 {
					ctx.Value(cancelKey{}).(context.CancelFunc)()
				}
			}
			return n, last
		},
		"ReadAll": func(ctx context.Context) (n int, last error) {
			for _, err := range f.ReadAll(ctx, 0) {
				n, last = n+1, err
				if n == 10 {
					ctx.Value(cancelKey{}).(context.CancelFunc)()
				}
			}
			return n, last
		},
	} {
		ctx, cancel := context.WithCancel(f.ctx)
		got, err := read(context.WithValue(ctx, cancelKey{}, cancel))
		if !errors.Is(err, context.Canceled) || got >= n {
			t.Errorf("%s cancelled after 10 of %d events: yielded %d times, last error %v", name, n, got, err)
		}
		if got, err := read(context.WithValue(ctx, cancelKey{}, cancel)); got != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: yielded %d times, last error %v", name, got, err)
		}
		cancel()
	}
	f.wantVersion(t, a, uint64(n))
}

type cancelKey struct{}

func testCancelAppend(t *testing.T, f *fixture) {
	a := f.stream("a")
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, err := f.Append(ctx, a, 0, noted("one")); !errors.Is(err, context.Canceled) {
		t.Errorf("append with a cancelled context: %v", err)
	}
	f.wantVersion(t, a, 0)

	// Appends whose context ends at any moment: either acknowledged and there, or refused by the context and not there.
	// (An adapter over a network may answer "unknown"; then the stream decides.)
	version := uint64(0)
	for i := range 200 {
		ctx, cancel := context.WithCancel(f.ctx)
		go cancel()
		_, err := f.Append(ctx, a, version, noted(fmt.Sprintf("note %d", i)))
		cancel()
		switch {
		case err == nil:
			version++
			f.wantVersion(t, a, version)
		case errors.Is(err, context.Canceled):
			f.wantVersion(t, a, version)
		default:
			if version, err = f.Version(f.ctx, a); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func testAppendWhileReading(t *testing.T, f *fixture) {
	a := f.stream("a")
	f.append(t, a, 0, numbered(0, 3)...)
	n := 0
	for e, err := range f.Read(f.ctx, a, 0) {
		if err != nil {
			t.Fatal(err)
		}
		f.append(t, a, uint64(3+n), fmt.Sprintf("note %d", 3+n)) // would never end if the read went on to it
		if n++; n > 3 {
			t.Fatalf("read yields version %d, the stream had 3 when it began", e.Version)
		}
	}
	f.wantStream(t, a, 0, numbered(0, 6)...)
}

func testReopen(t *testing.T, f *fixture) {
	if !f.storage.Durable {
		t.Skip("the store does not outlive its closing")
	}
	a, b := f.stream("a"), f.stream("b")
	f.append(t, a, 0, "one", "two")
	f.append(t, b, 0, "gone")
	if err := f.Delete(f.ctx, b); err != nil {
		t.Fatal(err)
	}
	before := f.append(t, a, 2, "three")
	for range 2 {
		f.close(t)
		f.open(t)
		f.wantVersion(t, a, 3)
		f.wantStream(t, a, 0, "one", "two", "three")
		if _, err := f.Append(f.ctx, b, 0, noted("back")); !errors.Is(err, eventstore.ErrDeleted) {
			t.Errorf("append to a stream deleted before the store was opened: %v", err)
		}
	}
	if after := f.append(t, a, 3, "four"); after <= before {
		t.Errorf("position %d after opening again, %d before", after, before)
	}
	f.wantStream(t, a, 0, "one", "two", "three", "four")
}

func testRaceForOneVersion(t *testing.T, f *fixture) {
	a := f.stream("a")
	for round := range uint64(20) {
		var won, lost sync.Map
		parallel(8, func(i int) {
			_, err := f.Append(f.ctx, a, round, noted(fmt.Sprintf("writer %d", i)))
			var conflict *eventstore.ConflictError
			switch {
			case err == nil:
				won.Store(i, true)
			case errors.As(err, &conflict) && conflict.Actual == round+1:
				lost.Store(i, true)
			default:
				t.Errorf("round %d, writer %d: %v", round, i, err)
			}
		})
		if w, l := syncLen(&won), syncLen(&lost); w != 1 || l != 7 {
			t.Fatalf("round %d: %d won and %d lost, want 1 and 7", round, w, l)
		}
	}
	f.wantVersion(t, a, 20)
}

func testWritersOnOneStream(t *testing.T, f *fixture) {
	a, each := f.stream("a"), 30
	parallel(8, func(i int) {
		version := uint64(0)
		for k := 0; k < each; {
			_, err := f.Append(f.ctx, a, version, noted(fmt.Sprintf("writer %d note %d", i, k)))
			var conflict *eventstore.ConflictError
			switch {
			case err == nil:
				version, k = version+1, k+1
			case errors.As(err, &conflict):
				version = conflict.Actual
			default:
				t.Errorf("writer %d: %v", i, err)
				return
			}
		}
	})
	seen := make(map[string]int)
	for e, err := range f.Read(f.ctx, a, 0) {
		if err != nil {
			t.Fatal(err)
		}
		seen[string(e.Data)]++
	}
	for i := range 8 {
		for k := range each {
			if n := seen[fmt.Sprintf("writer %d note %d", i, k)]; n != 1 {
				t.Errorf("writer %d note %d is there %d times", i, k, n)
			}
		}
	}
	f.wantVersion(t, a, uint64(8*each))
}

func testWritersOnManyStreams(t *testing.T, f *fixture) {
	each := 100
	if testing.Short() {
		each = 40
	}
	base := f.append(t, f.stream("base"), 0, "base")
	parallel(16, func(i int) {
		for k := range each {
			if _, err := f.Append(f.ctx, f.stream(fmt.Sprint(i)), uint64(2*k), noted(numbered(2*k, 2)...)); err != nil {
				t.Errorf("writer %d: %v", i, err)
				return
			}
		}
	})
	for i := range 16 {
		f.wantStream(t, f.stream(fmt.Sprint(i)), 0, numbered(0, 2*each)...)
	}
	// The two events of an append stand together in the order of the store as well.
	all := f.all(t, base)
	for i := 0; i+1 < len(all); i += 2 {
		if all[i].Stream != all[i+1].Stream || all[i].Version+1 != all[i+1].Version || all[i].Version%2 != 1 {
			t.Fatalf("%s/%d is followed by %s/%d", all[i].Stream, all[i].Version, all[i+1].Stream, all[i+1].Version)
		}
	}
	if len(all) != 16*2*each {
		t.Errorf("%d events in the store, want %d", len(all), 16*2*each)
	}
}

func testSubscribe(t *testing.T, f *fixture) {
	const old, total = 1500, 1600
	a := f.stream("a")
	base := f.append(t, a, 0, "note 0") - 1
	f.append(t, a, 1, numbered(1, old-1)...)
	var wg, caughtUp sync.WaitGroup
	caughtUp.Add(2)
	for _, from := range []uint64{0, 700, old} {
		wg.Go(func() {
			reached := sync.OnceFunc(caughtUp.Done)
			if from == old {
				reached = func() {} // has nothing old to wait for
			}
			defer reached()
			next, last := from, base
			for e, err := range f.Subscribe(f.ctx, f.positionOf(t, a, from, base)) {
				if err != nil {
					t.Errorf("subscription from %d: %v", from, err)
					return
				}
				if e.Stream != a || e.Position <= last {
					continue // another's stream, or delivered once more
				}
				last = e.Position
				if next++; e.Version != next || string(e.Data) != fmt.Sprintf("note %d", next-1) {
					t.Errorf("subscription from %d: version %d %q, want version %d", from, e.Version, e.Data, next)
					return
				}
				if next == old {
					reached()
				}
				if next == total {
					return
				}
			}
		})
	}
	caughtUp.Wait()
	for at := old; at < total; at += 20 {
		f.append(t, a, uint64(at), numbered(at, 20)...)
	}
	wg.Wait()
}

// positionOf is the position of a version, or base for version 0.
func (f *fixture) positionOf(t testing.TB, stream string, version, base uint64) uint64 {
	if version == 0 {
		return base
	}
	for e, err := range f.Read(f.ctx, stream, version-1) {
		if err != nil {
			t.Error(err)
		}
		return e.Position
	}
	t.Errorf("%s has no version %d", stream, version)
	return base
}

func testSubscribeEnds(t *testing.T, f *fixture) {
	a := f.stream("a")
	base := f.append(t, a, 0, "one") - 1
	follow := func(ctx context.Context) (started chan bool, ended chan error) {
		started, ended = make(chan bool, 1), make(chan error, 1)
		go func() {
			var last error
			for e, err := range f.Subscribe(ctx, base) {
				if last = err; e.Stream == a {
					started <- true
				}
			}
			ended <- last
		}()
		return started, ended
	}
	ctx, cancel := context.WithCancel(f.ctx)
	started, ended := follow(ctx)
	<-started
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("subscription with a cancelled context ends with %v", err)
	}
	started, ended = follow(f.ctx)
	<-started
	f.close(t)
	if err := <-ended; !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("subscription of a closed store ends with %v", err)
	}
}

func testDelete(t *testing.T, f *fixture) {
	a, b, none := f.stream("a"), f.stream("b"), f.stream("none")
	f.append(t, a, 0, "one", "two")
	f.append(t, b, 0, "other")
	for range 2 { // the second time is no error
		if err := f.Delete(f.ctx, a); err != nil {
			t.Fatalf("delete: %v", err)
		}
		if err := f.Delete(f.ctx, none); err != nil {
			t.Fatalf("delete an absent stream: %v", err)
		}
	}
	for _, stream := range []string{a, none} {
		f.wantVersion(t, stream, 0)
		f.wantStream(t, stream, 0)
		for _, expected := range []uint64{0, 2} {
			if _, err := f.Append(f.ctx, stream, expected, noted("back")); !errors.Is(err, eventstore.ErrDeleted) {
				t.Errorf("append at version %d of a deleted stream: %v", expected, err)
			}
			if _, err := f.Append(f.ctx, stream, expected, nil); !errors.Is(err, eventstore.ErrDeleted) {
				t.Errorf("empty append at version %d of a deleted stream: %v", expected, err)
			}
		}
	}
	if err := f.Delete(f.ctx, "a b"); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("delete under a bad name: %v", err)
	}
	f.wantStream(t, b, 0, "other")
	f.append(t, b, 1, "more")
	f.wantStream(t, b, 0, "other", "more")
}

// testList: every stream with events or deleted, in order, each as it is now; one that was asked for in vain is not there.
func testList(t *testing.T, f *fixture) {
	lister, ok := f.Store.(eventstore.Lister)
	if !ok {
		t.Skip("the store does not list its streams")
	}
	list := func() (mine []eventstore.Listing) {
		t.Helper()
		all, err := lister.List(f.ctx)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if !slices.IsSortedFunc(all, func(a, b eventstore.Listing) int { return strings.Compare(a.Stream, b.Stream) }) {
			t.Errorf("not in order of the names: %v", all)
		}
		for _, one := range all {
			if strings.HasPrefix(one.Stream, f.prefix) {
				mine = append(mine, one)
			}
		}
		return mine
	}
	want := func(want ...eventstore.Listing) {
		t.Helper()
		if got := list(); !slices.Equal(got, want) {
			t.Errorf("listed %v, want %v", got, want)
		}
	}
	a, b, gone, never := f.stream("a"), f.stream("b"), f.stream("c-gone"), f.stream("d-never")
	want()
	f.append(t, b, 0, "1", "2")
	f.append(t, gone, 0, "1", "2", "3")
	f.append(t, a, 0, "1")
	f.append(t, b, 2, "3")
	f.wantVersion(t, f.stream("e-asked"), 0)
	want(eventstore.Listing{Stream: a, Version: 1}, eventstore.Listing{Stream: b, Version: 3}, eventstore.Listing{Stream: gone, Version: 3})
	for _, stream := range []string{gone, never} {
		if err := f.Delete(f.ctx, stream); err != nil {
			t.Fatalf("delete %s: %v", stream, err)
		}
	}
	after := []eventstore.Listing{{Stream: a, Version: 1}, {Stream: b, Version: 3}, {Stream: gone, Deleted: true}, {Stream: never, Deleted: true}}
	want(after...)
	if f.storage.Durable {
		f.close(t)
		f.open(t)
		lister = f.Store.(eventstore.Lister)
		want(after...)
	}
}

func testClose(t *testing.T, f *fixture) {
	a := f.stream("a")
	f.append(t, a, 0, "one")
	f.close(t)
	f.close(t)
	if _, err := f.Append(f.ctx, a, 1, noted("two")); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if _, err := f.Append(f.ctx, a, 1, nil); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("empty append after close: %v", err)
	}
	if _, err := f.Version(f.ctx, a); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("version after close: %v", err)
	}
	if err := f.Delete(f.ctx, a); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("delete after close: %v", err)
	}
	for name, seq := range map[string]func(func(eventstore.Event, error) bool){
		"Read": f.Read(f.ctx, a, 0), "ReadAll": f.ReadAll(f.ctx, 0), "Subscribe": f.Subscribe(f.ctx, 0),
	} {
		n := 0
		for _, err := range seq {
			if n++; !errors.Is(err, eventstore.ErrClosed) {
				t.Errorf("%s after close: %v", name, err)
			}
		}
		if n != 1 {
			t.Errorf("%s after close yields %d times, want once", name, n)
		}
	}
}

func testCloseUnderLoad(t *testing.T, f *fixture) {
	var mu sync.Mutex
	acknowledged := make(map[string]uint64)
	warm := make(chan bool, 8)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			stream := f.stream(fmt.Sprint(i))
			for k := uint64(0); ; k++ {
				_, err := f.Append(f.ctx, stream, k, noted(fmt.Sprintf("note %d", k)))
				if errors.Is(err, eventstore.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("writer %d while the store closes: %v", i, err)
					return
				}
				mu.Lock()
				acknowledged[stream] = k + 1
				mu.Unlock()
				if k == 20 {
					warm <- true
				}
			}
		})
	}
	<-warm
	f.close(t)
	wg.Wait()
	f.open(t)
	if f.storage.Durable {
		for stream, version := range acknowledged {
			f.wantVersion(t, stream, version)
			f.wantStream(t, stream, 0, numbered(0, int(version))...)
		}
	}
}

// parallel runs do(0) … do(n-1) at once and waits for them.
func parallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	wg.Wait()
}

func syncLen(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}
