package transparency

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// fake is a store whose bytes a test can edit behind everybody's back. onAppend runs before an append is stored and may
// refuse it, afterAppend when it is stored and may make its outcome unknown or late.
type fake struct {
	*eventstore.Memory // for what the tests below do not touch: Subscribe
	mu                 sync.Mutex
	streams            map[string][]eventstore.Event
	position           uint64
	onAppend           func() error
	afterAppend        func() error
	onRead, onDelete   func() // run first thing in a read, in a deletion
	reading            atomic.Int32
}

func newFake() *fake {
	return &fake{Memory: eventstore.NewMemory(), streams: make(map[string][]eventstore.Event)}
}

func (f *fake) Append(_ context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if f.onAppend != nil {
		if err := f.onAppend(); err != nil {
			return 0, err
		}
	}
	position, err := f.store(stream, expected, events)
	if err == nil && f.afterAppend != nil {
		err = f.afterAppend()
	}
	return position, err
}

func (f *fake) store(stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.streams[stream]
	if n := uint64(len(log)); n != expected {
		return 0, &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: n}
	}
	for i, e := range events {
		f.position++
		log = append(log, eventstore.Event{Stream: stream, Version: expected + uint64(i) + 1, Position: f.position, Type: e.Type, Data: e.Data})
	}
	f.streams[stream] = log
	return f.position, nil
}

func (f *fake) List(context.Context) ([]eventstore.Listing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []eventstore.Listing
	for name, log := range f.streams {
		list = append(list, eventstore.Listing{Stream: name, Version: uint64(len(log))})
	}
	eventstore.SortListings(list)
	return list, nil
}

func (f *fake) Version(_ context.Context, stream string) (uint64, error) {
	return uint64(len(f.get(stream))), nil
}

func (f *fake) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		f.reading.Add(1)
		defer f.reading.Add(-1)
		if f.onRead != nil {
			f.onRead()
		}
		log := f.get(stream)
		for _, e := range log[min(after, uint64(len(log))):] {
			if ctx.Err() != nil {
				yield(eventstore.Event{}, ctx.Err())
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (f *fake) ReadAll(ctx context.Context, _ uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, log := range f.streams {
			for _, e := range log {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func (f *fake) Delete(_ context.Context, stream string) error {
	if f.onDelete != nil {
		f.onDelete()
	}
	f.set(stream, nil)
	return nil
}

func (f *fake) Close() error { return nil }

func (f *fake) get(stream string) []eventstore.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.streams[stream]
}

// set replaces a stream behind everybody's back.
func (f *fake) set(stream string, log []eventstore.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams[stream] = log
}

// crashed makes a closed store's directory what a crash would have left.
func crashed(t testing.TB, dir string) {
	t.Helper()
	removeFile(t, filepath.Join(dir, closedFile))
}

// renumber makes a log look untouched to whoever counts only.
func renumber(log []eventstore.Event) []eventstore.Event {
	for i := range log {
		log[i].Version = uint64(i) + 1
	}
	return log
}

func copyLog(log []eventstore.Event) []eventstore.Event {
	log = slices.Clone(log)
	for i := range log {
		log[i].Data = bytes.Clone(log[i].Data)
	}
	return log
}

var testSecret = bytes.Repeat([]byte{7}, SecretBytes)

const village = "collective-shangzhuang"

// villageOrigin reads the origin from the first line of the first event, as the ledger does from its founding.
func villageOrigin(stream string, first eventstore.Event) (string, error) {
	if stream != village {
		return StreamOrigin(stream, first)
	}
	line, _, ok := bytes.Cut(first.Data, []byte("\n"))
	if !ok {
		return "", fmt.Errorf("founding event %q names no log", first.Data)
	}
	return string(line), nil
}

// testSigner is the signer of a directory, as a process that begins anew has it.
func testSigner(t testing.TB, dir string) *LocalSigner {
	t.Helper()
	s, err := OpenSigner(signerDir(dir), testSecret)
	if err != nil {
		t.Fatal(err)
	}
	if before, ok := testSigners.Swap(dir, s); ok {
		before.(*LocalSigner).Close()
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var testSigners sync.Map // by directory: whose process ended when the next one began

func signerDir(dir string) string { return filepath.Join(dir, "signer") }

// openOwn opens a head file as the store does.
func openOwn(secret, msg []byte) (Head, *logKey, error) {
	origin, _, _ := bytes.Cut(msg, []byte("\n"))
	k, err := newLogKey(secret, string(origin))
	if err != nil {
		return Head{}, nil, err
	}
	h, err := openSigned(msg, []LogKey{{1, k.vkey, KeySigning}})
	return h, k, err
}

func openStore(t testing.TB, inner eventstore.Store, dir string) *Store {
	t.Helper()
	s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{HeadInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// forget makes the store look at its streams as if it were just opened after a crash.
func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark = mark{}
	s.streams = make(map[string]*stream)
	s.queue = nil
}

func event(i int) eventstore.NewEvent {
	if i == 1 {
		return eventstore.NewEvent{Type: "collective_founded", Data: []byte("example.org/log/shangzhuang\nfounded")}
	}
	return eventstore.NewEvent{Type: "noted", Data: fmt.Appendf(nil, "event %d of the village", i)}
}

// appendMany appends events from+1 to to, one at a time.
func appendMany(t testing.TB, s eventstore.Store, stream string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := s.Append(t.Context(), stream, uint64(i), []eventstore.NewEvent{event(i + 1)}); err != nil {
			t.Fatalf("append event %d: %v", i+1, err)
		}
	}
}

// makeLog makes a store directory and a log of n events with a head and leaf hashes of all of them.
func makeLog(t testing.TB, n int) (*fake, string) {
	t.Helper()
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 0, n)
	closeStore(t, s)
	return inner, dir
}

// readAll reads a stream to its end or its error.
func readAll(t testing.TB, s eventstore.Store, stream string, after uint64) ([]eventstore.Event, error) {
	t.Helper()
	var log []eventstore.Event
	for e, err := range s.Read(t.Context(), stream, after) {
		if err != nil {
			return log, err
		}
		log = append(log, e)
	}
	return log, nil
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func removeFile(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func memoryPath(dir, origin string) string { return filepath.Join(signerDir(dir), fileName(origin)) }
func headPath(dir, stream string) string   { return filepath.Join(dir, "heads", stream) }
func nodesPath(dir, stream string) string  { return filepath.Join(dir, "nodes", stream) }
