package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
)

func TestContract(t *testing.T) {
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Storage {
		path := filepath.Join(t.TempDir(), "events.db")
		return eventstoretest.Storage{
			Open:    func() (eventstore.Store, error) { return Open(path, Options{}) },
			Durable: true,
		}
	})
}

// openTest opens a store that is closed with the test; fatal errors are test failures.
func openTest(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newTest(t *testing.T) *Store {
	t.Helper()
	return openTest(t, filepath.Join(t.TempDir(), "events.db"))
}

func mustAppend(t *testing.T, s *Store, stream string, expected uint64, texts ...string) {
	t.Helper()
	if _, err := s.Append(t.Context(), stream, expected, texted(texts...)); err != nil {
		t.Fatalf("append to %s at version %d: %v", stream, expected, err)
	}
}

func texted(texts ...string) []eventstore.NewEvent {
	events := make([]eventstore.NewEvent, len(texts))
	for i, text := range texts {
		events[i] = eventstore.NewEvent{Type: "noted", Data: []byte(text)}
	}
	return events
}

// readText gives the events of a stream as text, then the error if there is one.
func readText(t *testing.T, s *Store, stream string, after uint64) (string, error) {
	t.Helper()
	var texts []string
	for e, err := range s.Read(t.Context(), stream, after) {
		if err != nil {
			return strings.Join(texts, " "), err
		}
		texts = append(texts, string(e.Data))
	}
	return strings.Join(texts, " "), nil
}

func wantText(t *testing.T, s *Store, stream, want string) {
	t.Helper()
	if got, err := readText(t, s, stream, 0); got != want || err != nil {
		t.Errorf("%s holds %.200q, %v; want %.200q", stream, got, err, want)
	}
}

// raw runs statements on the file as another program would.
func raw(t *testing.T, path string, statements ...string) error {
	t.Helper()
	c, err := openConn(path, false, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return errors.Join(c.script(statements...), c.close())
}

// TestSettings reads back what durability stands on: defaults of the engine and of the driver may change.
func TestSettings(t *testing.T) {
	if sqliteVersion < 3051003 {
		t.Errorf("SQLite is %d, before 3.51.3 the WAL can be damaged by two checkpoints at once", sqliteVersion)
	}
	s := newTest(t)
	reader, err := s.readers.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.readers.put(reader)
	for _, tc := range []struct {
		conn   *conn
		pragma string
		want   int64
	}{
		{s.writer.conn, "synchronous", 2}, // FULL
		{reader, "synchronous", 2},
		{s.writer.conn, "wal_autocheckpoint", 1000},
		{s.writer.conn, "cache_size", -8192},
		{s.writer.conn, "page_size", 4096},
		{s.writer.conn, "secure_delete", 1},
		{s.writer.conn, "user_version", schemaVersion},
		{s.writer.conn, "application_id", applicationID},
	} {
		if got, err := tc.conn.number("PRAGMA " + tc.pragma); err != nil || got != tc.want {
			t.Errorf("%s is %d, %v; want %d", tc.pragma, got, err, tc.want)
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "locking_mode": "normal"} {
		q, err := s.writer.conn.prepare("PRAGMA " + pragma)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Step(); err != nil || q.ColumnText(0) != want {
			t.Errorf("%s is %q, %v; want %q", pragma, q.ColumnText(0), err, want)
		}
		if err := q.Reset(); err != nil {
			t.Error(err)
		}
	}
}

// queue holds the writer back, starts the calls one after the other so that they stand in the queue in this order, and lets
// the writer go. It gives their errors.
func queue(t *testing.T, s *Store, calls ...func() error) []error {
	t.Helper()
	s.writing <- struct{}{}
	errs := make([]chan error, len(calls))
	for i, call := range calls {
		errs[i] = make(chan error, 1)
		go func() { errs[i] <- call() }()
		s.waitQueue(t, i+1)
	}
	<-s.writing
	out := make([]error, len(calls))
	for i := range calls {
		out[i] = <-errs[i]
	}
	return out
}

// waitQueue waits until n requests stand in the queue.
func (s *Store) waitQueue(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Microsecond) {
		s.queueMu.Lock()
		got := len(s.queue)
		s.queueMu.Unlock()
		if got == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests stand in the queue, want %d", got, n)
		}
	}
}

func (s *Store) appendCall(ctx context.Context, stream string, expected uint64, texts ...string) func() error {
	return func() error {
		_, err := s.Append(ctx, stream, expected, texted(texts...))
		return err
	}
}

// TestGroupCommit: what waits is committed once, and what is refused costs the others nothing.
func TestGroupCommit(t *testing.T) {
	s, ctx := newTest(t), t.Context()
	mustAppend(t, s, "old", 0, "o1")
	if err := s.Delete(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	commits, commit := 0, s.writer.commit
	s.writer.commit = func() error { commits++; return commit() }
	errs := queue(t, s,
		s.appendCall(ctx, "a", 0, "a1", "a2"),
		s.appendCall(ctx, "old", 0, "late"),
		s.appendCall(ctx, "b", 0, "b1"),
		s.appendCall(ctx, "gone", 0, "back"),
		s.appendCall(ctx, "a", 0, "second"),
		s.appendCall(ctx, "a", 2, "a3"),
		s.appendCall(ctx, "old", 1, "o2"),
	)
	for i, want := range []error{
		nil,
		&eventstore.ConflictError{Stream: "old", Expected: 0, Actual: 1},
		nil,
		eventstore.ErrDeleted,
		&eventstore.ConflictError{Stream: "a", Expected: 0, Actual: 2},
		nil,
		nil,
	} {
		if fmt.Sprint(errs[i]) != fmt.Sprint(want) {
			t.Errorf("call %d: %v, want %v", i, errs[i], want)
		}
	}
	if commits != 1 {
		t.Errorf("%d commits for one batch", commits)
	}
	wantText(t, s, "a", "a1 a2 a3")
	wantText(t, s, "b", "b1")
	wantText(t, s, "old", "o1 o2")
}

// TestBatchLimits: a batch ends at 512 appends, at 8 MiB and at a deletion, and the rest comes next.
func TestBatchLimits(t *testing.T) {
	s := newTest(t)
	fill := func(n, bytes int, remove bool) {
		for range n {
			s.queue = append(s.queue, &request{bytes: bytes, remove: remove})
		}
	}
	fill(600, 10, false)
	fill(2, 0, true)
	fill(10, 1<<20, false)
	abandon := &request{bytes: 1}
	abandon.stage.Store(abandoned)
	s.queue = append(s.queue, abandon)
	var sizes []int
	for len(s.queue) > 0 {
		sizes = append(sizes, len(s.take()))
	}
	if got, want := fmt.Sprint(sizes), "[512 88 1 1 8 2]"; got != want {
		t.Errorf("batches of %s, want %s", got, want)
	}
}

// TestCancelBeforeWriting: a context that ends while the append waits takes it back.
func TestCancelBeforeWriting(t *testing.T) {
	s := newTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.writing <- struct{}{}
	ended := make(chan error)
	go func() { ended <- s.appendCall(ctx, "a", 0, "taken back")() }()
	s.waitQueue(t, 1)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("append with a context that ended in the queue: %v", err)
	}
	<-s.writing
	mustAppend(t, s, "a", 0, "one")
	wantText(t, s, "a", "one")
}

// TestCancelWhileWriting: a context that ends during the commit changes nothing, the caller learns the outcome.
func TestCancelWhileWriting(t *testing.T) {
	s := newTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	commit := s.writer.commit
	s.writer.commit = func() error { cancel(); return commit() }
	for i, err := range queue(t, s, s.appendCall(ctx, "a", 0, "one"), s.appendCall(ctx, "a", 1, "two")) {
		if err != nil {
			t.Errorf("append %d, whose context ended during the commit: %v", i, err)
		}
	}
	wantText(t, s, "a", "one two")
}

// TestNoSpace: SQLite's own limit of pages stands in for a full disk; TestDiskFull has a real one.
func TestNoSpace(t *testing.T) {
	s, ctx := newTest(t), t.Context()
	mustAppend(t, s, "a", 0, "one")
	if err := s.writer.conn.script("PRAGMA max_page_count=12"); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 20_000)
	errs := queue(t, s,
		s.appendCall(ctx, "a", 1, "two"),
		s.appendCall(ctx, "b", 0, big, big),
		s.appendCall(ctx, "a", 1, "conflicts with two"),
	)
	for i, err := range errs {
		if !errors.Is(err, eventstore.ErrNoSpace) {
			t.Errorf("call %d of a batch that does not fit: %v", i, err)
		}
	}
	wantText(t, s, "a", "one")
	wantText(t, s, "b", "")
	if err := s.Delete(ctx, "none"); err != nil && !errors.Is(err, eventstore.ErrNoSpace) {
		t.Errorf("delete: %v", err)
	}
	mustAppend(t, s, "a", 1, "small fits")
	if err := s.writer.conn.script("PRAGMA max_page_count=1000000"); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "b", 0, big, big)
	wantText(t, s, "a", "one small fits")
	wantText(t, s, "b", big+" "+big)
}

// TestUnknownCommit: a COMMIT that fails otherwise is told to Fatal once and ends all writing; reading goes on.
func TestUnknownCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	var fatal []error
	s, err := Open(path, Options{Fatal: func(err error) { fatal = append(fatal, err) }})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "a", 0, "one")
	broken := errors.New("sync failed")
	commit := s.writer.commit
	s.writer.commit = func() error { return errors.Join(broken, commit()) } // it was stored all the same
	_, err = s.Append(t.Context(), "a", 1, texted("two"))
	if len(fatal) != 1 || !errors.Is(fatal[0], broken) || !errors.Is(err, broken) {
		t.Fatalf("append with a failing sync: %v; fatal %v", err, fatal)
	}
	s.writer.commit = commit
	for range 2 {
		if _, err := s.Append(t.Context(), "a", 1, texted("again")); !errors.Is(err, broken) {
			t.Errorf("append after an unknown commit: %v", err)
		}
		if err := s.Delete(t.Context(), "b"); !errors.Is(err, broken) {
			t.Errorf("delete after an unknown commit: %v", err)
		}
	}
	if len(fatal) != 1 {
		t.Errorf("fatal was called %d times", len(fatal))
	}
	wantText(t, s, "a", "one")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantText(t, openTest(t, path), "a", "one two")
}

// TestForeignWriter: another program that stores events is noticed, one that only reads or checkpoints is not accused.
func TestForeignWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "one", "two")
	if err := raw(t, path, "SELECT * FROM events", "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "a", 2, "three")
	if err := raw(t, path, "CREATE TABLE of_a_backup_tool (n INTEGER)", "INSERT INTO of_a_backup_tool VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "a", 3, "four")

	if err := raw(t, path, "INSERT INTO events VALUES (77, 'b', 1, 'noted', x'00')"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Append(t.Context(), "a", 4, texted("five")); !errors.Is(err, ErrForeignWriter) {
			t.Errorf("append after another program's: %v", err)
		}
	}
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, ErrForeignWriter) {
		t.Errorf("delete after another program's append: %v", err)
	}
	wantText(t, s, "a", "one two three four")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path)
	mustAppend(t, s, "a", 4, "five")
	if position, err := s.Append(t.Context(), "b", 1, texted("b2")); position != 79 || err != nil {
		t.Errorf("append behind the foreign position 77 and our 78: position %d, %v", position, err)
	}
}

// TestEventsNeverChange: the tables themselves refuse what the shell might be asked to do.
func TestEventsNeverChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "one", "two")
	for _, sql := range []string{
		"UPDATE events SET data = x'00' WHERE version = 1",
		"DELETE FROM events WHERE version = 2",
		"DELETE FROM events",
		"INSERT INTO events VALUES (2, 'a', 3, 'noted', x'00')",
		"INSERT INTO events VALUES (99, 'b', 0, 'noted', x'00')",
		"INSERT INTO events VALUES (99, 'b', 1, 'noted', 'text')",
	} {
		if err := raw(t, path, sql); err == nil {
			t.Errorf("%s was carried out", sql)
		}
	}
	wantText(t, s, "a", "one two")
}

// damage removes a row the hard way.
func damage(t *testing.T, path string, stream string, version int) {
	t.Helper()
	if err := raw(t, path, "DROP TRIGGER events_stay", fmt.Sprintf("DELETE FROM events WHERE stream = '%s' AND version = %d", stream, version)); err != nil {
		t.Fatal(err)
	}
}

// TestGap: a stream that lost a row stops loudly at that row; the others live on.
func TestGap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "a1", "a2", "a3", "a4")
	mustAppend(t, s, "b", 0, "b1", "b2")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, path, "a", 3)

	s = openTest(t, path)
	if d := s.Damaged(); len(d) != 1 || d[0].Stream != "a" || d[0].Version != 3 {
		t.Fatalf("damaged streams: %v", d)
	}
	wantDamage := func(err error) {
		t.Helper()
		var corrupt *eventstore.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Stream != "a" || corrupt.Version != 3 {
			t.Errorf("error %v, want a CorruptError of a at version 3", err)
		}
	}
	got, err := readText(t, s, "a", 0)
	if wantDamage(err); got != "a1 a2" {
		t.Errorf("before the gap: %q", got)
	}
	for _, after := range []uint64{2, 3, 4, 9} {
		got, err := readText(t, s, "a", after)
		if wantDamage(err); got != "" {
			t.Errorf("after version %d: %q", after, got)
		}
	}
	_, err = s.Append(t.Context(), "a", 4, texted("a5"))
	wantDamage(err)
	_, err = s.Append(t.Context(), "a", 4, nil)
	wantDamage(err)
	mustAppend(t, s, "b", 2, "b3")
	wantText(t, s, "b", "b1 b2 b3")
	if err := s.Delete(t.Context(), "a"); err != nil || len(s.Damaged()) != 0 {
		t.Errorf("deleting the damaged stream: %v, still damaged: %v", err, s.Damaged())
	}
}

// TestTwice: no index keeps another program from storing a version again. It is noticed before the next append and when the
// store is opened, and the stream is good up to there.
func TestTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "a1", "a2", "a3")
	mustAppend(t, s, "b", 0, "b1")
	if err := raw(t, path, "INSERT INTO events VALUES (99, 'a', 2, 'noted', x'00')", "INSERT INTO events VALUES (100, 'a', 3, 'noted', x'00')"); err != nil {
		t.Fatal(err)
	}
	wantText(t, s, "a", "a1 a2 a3")
	if _, err := s.Append(t.Context(), "b", 1, texted("b2")); !errors.Is(err, ErrForeignWriter) {
		t.Errorf("append after another program's: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path)
	if d := s.Damaged(); len(d) != 1 || d[0].Stream != "a" || d[0].Version != 2 || !strings.Contains(d[0].Reason, "two events") {
		t.Errorf("damaged streams: %v", d)
	}
	var corrupt *eventstore.CorruptError
	if got, err := readText(t, s, "a", 0); got != "a1" || !errors.As(err, &corrupt) || corrupt.Version != 2 {
		t.Errorf("stream with a version twice: %q, %v", got, err)
	}
	if _, err := s.Append(t.Context(), "a", 3, texted("a4")); !errors.As(err, &corrupt) {
		t.Errorf("append to a stream with a version twice: %v", err)
	}
	mustAppend(t, s, "b", 1, "b2")
	wantText(t, s, "b", "b1 b2")
	// A damaged stream is deleted wherever its rows are.
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	for e, err := range s.ReadAll(t.Context(), 0) {
		if err != nil || e.Stream != "b" {
			t.Errorf("after the deletion: %s/%d, %v", e.Stream, e.Version, err)
		}
	}
}

// TestForeignDeletion: another program that deletes a stream as the triggers allow it is noticed, though the last position
// stays.
func TestForeignDeletion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "a1")
	mustAppend(t, s, "b", 0, "b1")
	if err := raw(t, path, "INSERT INTO deleted_streams VALUES ('a', 1)", "DELETE FROM events WHERE stream = 'a'"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "b", 1, texted("b2")); !errors.Is(err, ErrForeignWriter) {
		t.Errorf("append after another program's deletion: %v", err)
	}
}

// TestTurns: streams that take turns in all ways, with one deleted in between, are read from every version on, before and
// after the store is opened again.
func TestTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c", "gone", "a2"}
	want := make(map[string][]string)
	position := uint64(0)
	for range 400 {
		name := names[min(random.IntN(12), 4)] // most are of a2
		texts := make([]string, 1+random.IntN(4)*random.IntN(10))
		for i := range texts {
			position++
			texts[i] = fmt.Sprintf("%s-%d", name, position)
		}
		mustAppend(t, s, name, uint64(len(want[name])), texts...)
		want[name] = append(want[name], texts...)
	}
	if err := s.Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	delete(want, "gone")
	check := func() {
		t.Helper()
		for name, texts := range want {
			for after := 0; after <= len(texts); after += 1 + after/20 {
				n := after
				for e, err := range s.Read(t.Context(), name, uint64(after)) {
					if err != nil || n >= len(texts) || string(e.Data) != texts[n] || e.Stream != name || e.Version != uint64(n)+1 || fmt.Sprintf("%s-%d", name, e.Position) != texts[n] {
						t.Fatalf("%s after %d: event %+v, %v", name, after, e, err)
					}
					n++
				}
				if n != len(texts) {
					t.Fatalf("%s after %d: the read ends at %d of %d", name, after, n, len(texts))
				}
			}
		}
		for e, err := range s.ReadAll(t.Context(), 0) {
			if err != nil || want[e.Stream] == nil {
				t.Fatalf("event of %q, %v", e.Stream, err)
			}
		}
	}
	check()
	learned := s.state
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path)
	check()
	if !reflect.DeepEqual(s.state, learned) {
		t.Error("what an opening learns is not what the appends taught")
	}
}

// TestGapWhileOpen: a row that disappears under an open store ends the read at that row.
func TestGapWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "a1", "a2", "a3")
	mustAppend(t, s, "b", 0, "b1", "b2", "b3")
	damage(t, path, "a", 2)
	damageLast(t, path)
	var corrupt *eventstore.CorruptError
	if got, err := readText(t, s, "a", 0); got != "a1" || !errors.As(err, &corrupt) || corrupt.Version != 2 {
		t.Errorf("stream with a row missing: %q, %v", got, err)
	}
	if got, err := readText(t, s, "b", 0); got != "b1 b2" || !errors.As(err, &corrupt) || corrupt.Version != 3 {
		t.Errorf("stream with the last row missing: %q, %v", got, err)
	}
}

func damageLast(t *testing.T, path string) {
	t.Helper()
	if err := raw(t, path, "DELETE FROM events WHERE stream = 'b' AND version = 3"); err != nil {
		t.Fatal(err)
	}
}

// pageRepeats makes every tenth event of TestBadPages longer than a page.
func pageRepeats(i int) int {
	if i%10 == 9 {
		return 3000
	}
	return 300
}

// TestBadPages overwrites each page of a file in turn, under an open store and before it is opened; the tails of long events,
// whose bytes nobody here checks, are not looked at. An opening is refused. Whatever an open store says, it must say it in
// words, without a crash, and never give out a row that is not one of ours under the name of one that is missing.
func TestBadPages(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.db")
	s := openTest(t, path)
	for i := range 60 {
		mustAppend(t, s, "a", uint64(i), strings.Repeat(fmt.Sprintf("%03d", i), pageRepeats(i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := 0
	for page := range len(good) / 4096 {
		bad := bytes.Clone(good)
		for i := range 4096 {
			bad[page*4096+i] ^= 0x5a
		}
		badPath := filepath.Join(dir, fmt.Sprintf("bad%d.db", page))
		if err := os.WriteFile(badPath, good, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(badPath, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(badPath, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		for e, err := range s.Read(t.Context(), "a", 0) {
			var corrupt *eventstore.CorruptError
			if err != nil {
				if cut++; !errors.Is(err, ErrDamaged) && !(errors.As(err, &corrupt) && corrupt.Reason == "the event is missing") {
					t.Errorf("page %d: read: %v", page, err)
				}
			} else if !strings.HasPrefix(string(e.Data), strings.Repeat(fmt.Sprintf("%03d", e.Version-1), 100)) {
				t.Errorf("page %d: version %d is %.20q…", page, e.Version, e.Data)
			}
		}
		for _, err := range s.ReadAll(t.Context(), 0) {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("page %d: read of all: %v", page, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("page %d: close: %v", page, err)
		}
		if err := os.WriteFile(badPath, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(badPath, Options{}); err == nil {
			t.Errorf("page %d: it was opened", page)
			s.Close()
		} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotStore) {
			t.Errorf("page %d: open: %v", page, err)
		}
	}
	if cut < 10 {
		t.Errorf("only %d reads were cut short", cut)
	}
}

// TestHeaderBits flips each bit of the header of each page of events. Such a bit may leave all events readable and only say
// that there is room where an event lies. Either the store is refused, or an append spoils nothing.
func TestHeaderBits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	var texts []string
	for i := range 40 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("%03d", i), 100))
	}
	mustAppend(t, s, "a", 0, texts...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for page := 1; page < len(good)/4096; page++ {
		if kind := good[page*4096]; kind != 5 && kind != 13 {
			continue
		}
		for bit := range 12 * 8 {
			bad := bytes.Clone(good)
			bad[page*4096+bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, Options{})
			if err != nil {
				if refused++; !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "\n") {
					t.Errorf("page %d, bit %d: open: %v", page, bit, err)
				}
				continue
			}
			mustAppend(t, s, "a", 40, "new")
			wantText(t, s, "a", strings.Join(texts, " ")+" new")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if refused < 200 {
		t.Errorf("only %d files were refused", refused)
	}
}

// TestDamageUnderAppend: pages that go bad under an open store end an append with ErrDamaged, and nothing of it is stored.
func TestDamageUnderAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "one", "two")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path)
	if err := s.sound(t.Context()); err != nil { // the file was good when it was checked
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(bytes.Repeat([]byte{0x5a}, 4096), 4096); err != nil {
		t.Fatal(err)
	}
	if err := s.writer.conn.script("PRAGMA shrink_memory"); err != nil { // so that the page is read again
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "a", 2, texted("three")); !errors.Is(err, ErrDamaged) {
		t.Errorf("append: %v", err)
	}
	if v, err := s.Version(t.Context(), "a"); v != 2 || err != nil {
		t.Errorf("version %d, %v", v, err)
	}
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, ErrDamaged) {
		t.Errorf("delete: %v", err)
	}
}

// TestDeleteLeavesNoBytes: personal data is gone from the file and from the WAL, and its positions are not given again.
func TestDeleteLeavesNoBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	mustAppend(t, s, "a", 0, "kept-needle")
	for i := range 20 {
		mustAppend(t, s, "person-1", uint64(i), strings.Repeat("erased-needle ", 100*(i+1)))
	}
	files := func() (all []byte) {
		// cat, because closing a file here would drop this process's locks on it.
		for _, suffix := range []string{"", "-wal"} {
			out, err := exec.Command("cat", path+suffix).Output()
			if err != nil {
				t.Skipf("reading %s with cat: %v", path+suffix, err)
			}
			all = append(all, out...)
		}
		return all
	}
	if !bytes.Contains(files(), []byte("erased-needle")) {
		t.Fatal("the test does not find what is there")
	}
	if err := s.Delete(t.Context(), "person-1"); err != nil {
		t.Fatal(err)
	}
	if all := files(); bytes.Contains(all, []byte("erased-needle")) || !bytes.Contains(all, []byte("kept-needle")) {
		t.Errorf("after Delete the erased text is there: %t, the other text: %t", bytes.Contains(all, []byte("erased-needle")), bytes.Contains(all, []byte("kept-needle")))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path)
	if position, err := s.Append(t.Context(), "a", 1, texted("next")); position != 22 || err != nil {
		t.Errorf("position after a deletion of the last events: %d, %v; want 22", position, err)
	}
	n := 0
	for e, err := range s.ReadAll(t.Context(), 0) {
		if n++; err != nil || e.Stream != "a" {
			t.Errorf("read all: %s, %v", e.Stream, err)
		}
	}
	if n != 2 {
		t.Errorf("%d events are left, want 2", n)
	}
}

// TestDeleteWhileReading: the read ends with ErrDeleted and not as if the stream were complete.
func TestDeleteWhileReading(t *testing.T) {
	s := newTest(t)
	const total = 200
	for i := range total {
		mustAppend(t, s, "a", uint64(i), fmt.Sprint(i))
	}
	n, last := 0, error(nil)
	for _, err := range s.Read(t.Context(), "a", 0) {
		if last = err; err != nil {
			break
		}
		if n++; n == 1 {
			if err := s.Delete(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(last, eventstore.ErrDeleted) || n >= total {
		t.Errorf("%d events and then %v", n, last)
	}
}

// TestSlowReader: a read and a subscription that stand still do not keep the WAL from being used again.
func TestSlowReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	big := strings.Repeat("x", 30_000)
	for i := range 50 {
		mustAppend(t, s, "a", uint64(i), big)
	}
	n := uint64(50)
	for _, seq := range []func(func(eventstore.Event, error) bool){s.Read(t.Context(), "a", 0), s.Subscribe(t.Context(), 0)} {
		for _, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				mustAppend(t, s, "a", n, big, big, big, big, big, big, big, big, big, big)
				n += 10
			}
			break
		}
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	// 1,000 pages are 4 MB, and a transaction may go beyond; 14 MB were written.
	if info.Size() > 6<<20 {
		t.Errorf("the WAL has %d bytes", info.Size())
	}
}

// TestCloseWhileReading: Close does not wait for a consumer, and the consumer is told.
func TestCloseWhileReading(t *testing.T) {
	s := newTest(t)
	for i := range 100 {
		mustAppend(t, s, "a", uint64(i), fmt.Sprint(i))
	}
	var last error
	for _, err := range s.Read(t.Context(), "a", 0) {
		if last = err; err == nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(last, eventstore.ErrClosed) {
		t.Errorf("the read ends with %v", last)
	}
}

// TestCloseAnswersAll: a request that stands in the queue when Close begins is carried out, also when its caller has not
// come to waiting yet.
func TestCloseAnswersAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := openTest(t, path)
	r := &request{stream: "a", events: texted("one"), done: make(chan struct{}, 1)}
	s.queue = append(s.queue, r)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.done:
	default:
		t.Error("Close left a request without an answer")
	}
	if r.err != nil {
		t.Error(r.err)
	}
	// One that comes to the queue just after Close must not wait for a writer that never comes.
	late := &request{stream: "a", expected: 1, events: texted("two"), done: make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := s.submit(ctx, late); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("a request after Close: %v", err)
	}
	wantText(t, openTest(t, path), "a", "one")
}

// TestManyReaders: more readers than connections take turns.
func TestManyReaders(t *testing.T) {
	s := newTest(t)
	for i := range 100 {
		mustAppend(t, s, "a", uint64(i), fmt.Sprint(i))
	}
	var events atomic.Int64
	done := make(chan bool)
	for range 4 * readersMax {
		go func() {
			for range 20 {
				for _, err := range s.ReadAll(t.Context(), 0) {
					if err != nil {
						t.Error(err)
						break
					}
					events.Add(1)
				}
			}
			done <- true
		}()
	}
	for range 4 * readersMax {
		<-done
	}
	if got := events.Load(); got != 4*readersMax*20*100 {
		t.Errorf("%d events were read", got)
	}
	if len(s.readers.idle) != s.readers.opened || s.readers.opened > readersMax {
		t.Errorf("%d connections are open and %d idle", s.readers.opened, len(s.readers.idle))
	}
}
