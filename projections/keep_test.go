package projections

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// TestBooksCanBeCopied fails when a field of a kind that cannot be copied is added to the book.
func TestBooksCanBeCopied(t *testing.T) {
	if _, err := snapshot.NewCodec(new(Book)); err != nil {
		t.Error(err)
	}
}

// whole is the digest of every field of a book, those that Digest leaves out included.
func whole(t testing.TB, b *Book) [sha256.Size]byte {
	t.Helper()
	c, err := snapshot.NewCodec(b)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := c.Digest(b)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// copyOf is a book written and read again.
func copyOf(t testing.TB, b *Book) *Book {
	t.Helper()
	c, err := snapshot.NewCodec(b)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := c.Encode(&file, b); err != nil {
		t.Fatal(err)
	}
	into := new(Book)
	if err := c.Decode(&file, int64(file.Len()), into); err != nil {
		t.Fatal(err)
	}
	return into
}

func foldInto(t testing.TB, b *Book, events []*eventv1.Event) *Book {
	t.Helper()
	for _, e := range events {
		if err := b.Fold(e); err != nil {
			t.Fatalf("fold event %d: %v", e.Version, err)
		}
	}
	return b
}

// eventsOf makes n events of a collective: the demonstration's registers, then payments, rents and reversals.
func eventsOf(id string, n int) []*eventv1.Event {
	c := newChronicle()
	c.found(id)
	c.resolve("standing", 20200302, eventv1.Matter_MATTER_PAYMENT, "maintenance", 1<<40)
	c.rent(20200519)
	c.grant("relief", "relief", 20200601, 20200620, 50000, 30000)
	var last *eventv1.Voucher
	for i := len(c.events); i < n; i++ {
		day := ledger.Day(20210101 + i%28 + 100*(i/28%12))
		switch {
		case i%5 == 0:
			last = payment(day, "repair", "standing", 100+i)
			c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_PaymentSettled{PaymentSettled: &eventv1.PaymentSettled{Number: c.ask(i)}}}, last)
		case i%17 == 1 && last != nil:
			c.add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, reversal(last, day))
			last = nil
		default:
			c.rent(day)
		}
	}
	return c.events[:n:n]
}

// ask makes a request, one event before the one that settles it.
func (c *chronicle) ask(amount int) uint32 {
	c.requests++
	c.add(&eventv1.Event{Fact: &eventv1.Event_RequestMade{RequestMade: &eventv1.RequestMade{Number: c.requests,
		Order: &eventv1.RequestMade_Payment{Payment: &eventv1.PaymentOrder{Fund: "maintenance", Purpose: "repair", AmountFen: int64(amount), ResolutionId: "standing"}}}}})
	return c.requests
}

// TestM14ByEveryRoute folds one history on every way there is and demands equal digests: from the first event; from a copy
// taken at any version, and the rest; from a copy of a copy; in pieces through a library; from events that were stored and
// read again; after the book was given up for others.
func TestM14ByEveryRoute(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7
	}
	for name, events := range map[string][]*eventv1.Event{"demonstration": newDemo().events, "long": eventsOf("liminba", 1500)} {
		t.Run(name, func(t *testing.T) {
			step := step
			if len(events) > 1000 {
				step = 100
			}
			want := foldInto(t, NewBook("liminba"), events)
			digest, all := want.Digest(), whole(t, want)
			same := func(route string, b *Book) {
				t.Helper()
				if b.Version() != want.Version() || b.Digest() != digest || whole(t, b) != all {
					t.Errorf("%s: the book differs at version %d", route, b.Version())
				}
				if err := b.CheckInvariant(); err != nil {
					t.Errorf("%s: %v", route, err)
				}
			}
			grown := NewBook("liminba")
			for v := 0; v <= len(events); v += step {
				b := foldInto(t, NewBook("liminba"), events[:v])
				same(fmt.Sprintf("copied at version %d", v), foldInto(t, copyOf(t, b), events[v:]))
				if from := int(grown.Version()); v > from {
					grown = copyOf(t, foldInto(t, grown, events[from:v])) // a copy of a copy of a copy
				}
			}
			same("copied again and again", foldInto(t, grown, events[grown.Version():]))

			var stored []*eventv1.Event
			for _, e := range events {
				data, err := ledger.Encode(e)
				if err != nil {
					t.Fatal(err)
				}
				again := new(eventv1.Event)
				if err := proto.Unmarshal(data.Data, again); err != nil {
					t.Fatal(err)
				}
				stored = append(stored, again)
			}
			same("stored and read again", foldInto(t, NewBook("liminba"), stored))

			source := newSource(events)
			source.store("other", eventsOf("other", 3000))
			l := OpenLibrary(source, LibraryOptions{MemoryMax: 1, Snapshots: testSnapshots(t, t.TempDir(), source)})
			defer l.Close(context.Background())
			for range 3 {
				book, err := l.Book(t.Context(), "liminba", 0)
				if err != nil {
					t.Fatal(err)
				}
				same("after it was given up", book)
				if _, err := l.Book(t.Context(), "other", 0); err != nil {
					t.Fatal(err)
				}
				if s := l.shelf("liminba"); s.book != nil {
					t.Error("two books are in memory for one byte")
				}
				same("held after it was given up", book)
			}
			l.worker.Wait()
			pieces := NewLibrary(newSource(nil))
			random := rand.New(rand.NewPCG(1, 2))
			for from := 0; from < len(events); {
				to := min(len(events), from+1+random.IntN(40))
				pieces.Observe("liminba", events[max(0, from-random.IntN(3)):to])
				from = to
			}
			book, err := pieces.Book(t.Context(), "liminba", 0)
			if err != nil {
				t.Fatal(err)
			}
			same("in pieces", book)
		})
	}
}

// sourceLog tells logs apart by the times and narrations of all their events.
type sourceLog struct{ source *shelfSource }

func (l sourceLog) Anchor(_ context.Context, collective string, version uint64) ([]byte, error) {
	l.source.mu.Lock()
	defer l.source.mu.Unlock()
	events := l.source.streams[collective]
	if uint64(len(events)) < version {
		return nil, errors.New("shorter")
	}
	h := sha256.New()
	for _, e := range events[:version] {
		for _, v := range e.Vouchers {
			h.Write([]byte(v.Narration))
		}
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(e.RecordedAt)))
	}
	return h.Sum(nil), nil
}

func (l sourceLog) Holds(ctx context.Context, collective string, version uint64, anchor []byte) (bool, error) {
	is, err := l.Anchor(ctx, collective, version)
	return err == nil && bytes.Equal(is, anchor), nil
}

func testSnapshots(t testing.TB, dir string, source *shelfSource) *snapshot.Store {
	return snapshot.NewStore(snapshot.Options{Dir: dir, Key: []byte("secret"), Build: "test", Log: sourceLog{source}})
}

// TestLibraryBeginsWithACopy closes a library and opens another: only what came since is folded, and the copy is made anew
// when enough has come.
func TestLibraryBeginsWithACopy(t *testing.T) {
	dir := t.TempDir()
	events := eventsOf("liminba", 7_200)
	source := newSource(events[:1100])
	folded := func(l *Library) (copied uint64) {
		t.Helper()
		copied = l.reopen(t.Context(), "liminba").Version()
		book, err := l.Book(t.Context(), "liminba", 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := foldInto(t, NewBook("liminba"), source.streams["liminba"]); book.Digest() != want.Digest() {
			t.Error("the book is not what its events make")
		}
		return copied
	}
	open := func() *Library { return OpenLibrary(source, LibraryOptions{Snapshots: testSnapshots(t, dir, source)}) }
	for _, c := range []struct {
		events         int
		begins, closes uint64 // version of the copy at the beginning and at the end
	}{{1100, 0, 1100}, {1500, 1100, 1100}, {2100, 1100, 2100}, {7_200, 2100, 7_200}, {7_200, 7_200, 7_200}} {
		source.store("liminba", events[:c.events])
		l := open()
		if kept := folded(l); kept != c.begins {
			t.Errorf("%d events: begins with a copy of version %d, want %d", c.events, kept, c.begins)
		}
		l.worker.Wait() // 7,200 are copied without being asked
		l.Close(t.Context())
		if kept := l.shelf("liminba").kept.Load(); kept != c.closes {
			t.Errorf("%d events: leaves a copy of version %d, want %d", c.events, kept, c.closes)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if kept := folded(open()); kept != 0 {
		t.Errorf("a copy of version %d after the directory was deleted", kept)
	}
}

// TestBusyLibraryCopiesByItself observes events until a copy is due: it is made beside, and is whole.
func TestBusyLibraryCopiesByItself(t *testing.T) {
	events := eventsOf("liminba", 6000)
	source := newSource(nil)
	l := OpenLibrary(source, LibraryOptions{Snapshots: testSnapshots(t, t.TempDir(), source)})
	for n := 0; n < len(events); n += 100 {
		source.store("liminba", events[:n+100])
		l.Observe("liminba", events[n:n+100])
	}
	l.worker.Wait()
	copied := l.reopen(t.Context(), "liminba")
	if v := copied.Version(); v < 5000 {
		t.Fatalf("the copy is of version %d", v)
	}
	if foldInto(t, copied, events[copied.Version():]).Digest() != foldInto(t, NewBook("liminba"), events).Digest() {
		t.Error("the copy is not what its events make")
	}
	l.Close(t.Context())
}

// TestACopyThatIsNotWholeIsNeverUsed damages, swaps and outdates copies; the books are right each time, and read from the
// first event.
func TestACopyThatIsNotWholeIsNeverUsed(t *testing.T) {
	dir := t.TempDir()
	events, others := eventsOf("liminba", 1200), eventsOf("gaopo", 1200)
	source := newSource(events)
	source.store("gaopo", others)
	l := OpenLibrary(source, LibraryOptions{Snapshots: testSnapshots(t, dir, source)})
	for _, id := range []string{"liminba", "gaopo"} {
		if _, err := l.Book(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
	}
	l.Close(t.Context())
	path := filepath.Join(dir, snapshotKind, "liminba")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(dir, snapshotKind, "gaopo"))
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, file []byte, used bool) {
		t.Helper()
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		l := OpenLibrary(source, LibraryOptions{Snapshots: testSnapshots(t, dir, source)})
		book, err := l.Book(t.Context(), "liminba", 0)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := l.shelf("liminba").kept.Load() > 0; got != used {
			t.Errorf("%s: used: %v", what, got)
		}
		if book.Digest() != foldInto(t, NewBook("liminba"), source.streams["liminba"]).Digest() {
			t.Errorf("%s: the book is wrong", what)
		}
	}
	step := 997
	if testing.Short() {
		step = 49_999
	}
	for i := 0; i < len(good); i += step {
		try(fmt.Sprint("cut at ", i), good[:i], false)
		bent := bytes.Clone(good)
		bent[i] ^= 1 << (i % 8)
		try(fmt.Sprint("flipped at ", i), bent, false)
	}
	try("of another collective", other, false)
	try("as it was", good, true)
	rewritten := slices.Clone(events)
	rewritten[700] = proto.Clone(events[700]).(*eventv1.Event)
	rewritten[700].Vouchers[0].Narration = "改写"
	source.store("liminba", rewritten)
	try("of a rewritten log of equal length", good, false)
	source.store("liminba", events[:1100])
	try("of a longer log", good, false)
	source.store("liminba", events)
	try("as it was", good, true)
}

// TestACopyThatTheLogDoesNotFollow is dropped and the book read from the first event; when the log itself is damaged, the
// damage is told.
func TestACopyThatTheLogDoesNotFollow(t *testing.T) {
	events := eventsOf("liminba", 1200)
	source := newSource(events)
	copies := testSnapshots(t, t.TempDir(), source)
	wrong := foldInto(t, NewBook("liminba"), events[:1100])
	wrong.journal.number(ledger.Receipt, 2021, 1) // a number was given twice
	if err := copies.Save(t.Context(), snapshotKind, "liminba", 1100, wrong); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	l := OpenLibrary(source, LibraryOptions{Snapshots: copies, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	book, err := l.Book(t.Context(), "liminba", 0)
	if err != nil || book.Digest() != foldInto(t, NewBook("liminba"), events).Digest() {
		t.Errorf("the book is wrong: %v", err)
	}
	if !strings.Contains(said.String(), "does not follow it") || copies.Load(t.Context(), snapshotKind, "liminba", new(Book)) != 0 {
		t.Errorf("the copy was not dropped: %s", said.String())
	}
}

// TestEvictionUnderReadersAndWriters gives four collectives the room of about one. Writers go on, readers come and go, and
// every book given out has all that was observed, and stays right for who holds it.
func TestEvictionUnderReadersAndWriters(t *testing.T) {
	const n, first = 1600, 1200
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	source := &shelfSource{streams: map[string][]*eventv1.Event{}}
	ids := []string{"c-one", "c-two", "c-three", "c-four"}
	histories := map[string][]*eventv1.Event{}
	for _, id := range ids {
		histories[id] = eventsOf(id, n)
		source.store(id, histories[id][:first])
	}
	room := foldInto(t, NewBook("c-one"), histories["c-one"]).Bytes()
	l := OpenLibrary(source, LibraryOptions{MemoryMax: room, Snapshots: testSnapshots(t, t.TempDir(), source)})
	var observed [4]atomic.Uint64
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			for v := first; v < n; v += 20 {
				source.store(id, histories[id][:v+20])
				l.Observe(id, histories[id][v:v+20])
				observed[i].Store(uint64(v + 20))
			}
		})
	}
	for r := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(r), 1))
			for range rounds {
				i := random.IntN(len(ids))
				due := observed[i].Load()
				book, err := l.Book(t.Context(), ids[i], 0)
				if err != nil || book.Version() < due || book.ID() != ids[i] {
					t.Errorf("%s: version %d was observed, got %v, %v", ids[i], due, book, err)
					return
				}
				if err := book.CheckInvariant(); err != nil {
					t.Error(err)
				}
				book.Vouchers(VoucherFilter{Descending: true}, Cursor{}, 50, Moment{})
			}
		})
	}
	wg.Wait()
	l.worker.Wait()
	for _, id := range ids {
		book, err := l.Book(t.Context(), id, n)
		if err != nil || book.Digest() != foldInto(t, NewBook(id), histories[id]).Digest() {
			t.Errorf("%s: the book is not what its events make: %v", id, err)
		}
	}
	var resident int
	for _, s := range l.shelves {
		if s.book != nil {
			resident++
		}
	}
	if resident > 1 {
		t.Errorf("%d books in memory for one", resident)
	}
	l.Close(t.Context())
}

// TestBytesIsNearTheHeap compares the estimate of a book with what the runtime says, when the book was folded and when it
// came from a copy.
func TestBytesIsNearTheHeap(t *testing.T) {
	for name, events := range map[string][]*eventv1.Event{"rents and payments": eventsOf("liminba", 8_000), "demonstration": newDemo().events} {
		for how, make := range map[string]func() *Book{
			"folded": func() *Book {
				b := NewBook("liminba")
				for _, e := range events { // of their own, as they come from the store
					if err := b.Fold(proto.Clone(e).(*eventv1.Event)); err != nil {
						t.Fatal(err)
					}
				}
				return b
			},
			"copied": func() *Book { return copyOf(t, foldInto(t, NewBook("liminba"), events)) },
		} {
			copies := 1 + 20_000/len(events)/20
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			books := []*Book{}
			for range copies {
				books = append(books, make())
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			heap := float64(after.HeapAlloc-before.HeapAlloc) / float64(copies)
			if ratio := float64(books[0].Bytes()) / heap; ratio < 0.7 || ratio > 1.3 {
				t.Errorf("%s, %s: estimated %d bytes, the heap says %.0f (%.2f)", name, how, books[0].Bytes(), heap, ratio)
			}
			runtime.KeepAlive(books)
		}
	}
	runtime.KeepAlive(t)
}

// TestSelfCheckFindsWhatIsWrong bends a book in use and a copy; the check says which, and both are right afterwards.
func TestSelfCheckFindsWhatIsWrong(t *testing.T) {
	events := eventsOf("liminba", 1200)
	source := newSource(events)
	copies := testSnapshots(t, t.TempDir(), source)
	var said bytes.Buffer
	l := OpenLibrary(source, LibraryOptions{Snapshots: copies, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	check := func(what string, compared, differs []string) {
		t.Helper()
		c, err := l.Check(t.Context(), "liminba")
		if err != nil || c.Version != 1200 || c.OK != (differs == nil) || !slices.Equal(c.Differs, differs) || !slices.Equal(c.Compared, compared) || c.At.IsZero() {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
		if last, ok := l.LastCheck("liminba"); !ok || last.OK != c.OK || len(l.LastChecks()) != 1 {
			t.Errorf("%s: the result is not kept: %+v", what, last)
		}
		if loud := strings.Contains(said.String(), "differ from books folded anew"); loud != (differs != nil) {
			t.Errorf("%s: the log says %q", what, said.String())
		}
		said.Reset()
	}
	if _, ok := l.LastCheck("liminba"); ok {
		t.Error("a result before any check")
	}
	check("nothing in memory", nil, nil)
	book, err := l.Book(t.Context(), "liminba", 0)
	if err != nil {
		t.Fatal(err)
	}
	check("a book in memory", []string{BooksInUse}, nil)
	if err := copies.Save(t.Context(), snapshotKind, "liminba", 1100, foldInto(t, NewBook("liminba"), events[:1100])); err != nil {
		t.Fatal(err)
	}
	check("a copy", []string{BooksCopy, BooksInUse}, nil)

	book.journal.rows.at(10).narration = book.journal.prose.add("改写")
	check("a bent book", []string{BooksCopy, BooksInUse}, []string{BooksInUse})
	again, err := l.Book(t.Context(), "liminba", 0)
	if err != nil || again == book {
		t.Errorf("the bent book is still in use: %v", err)
	}
	check("after it", []string{BooksCopy, BooksInUse}, nil)

	wrong := foldInto(t, NewBook("liminba"), events[:1100])
	wrong.journal.postings.at(3).amount++
	if err := copies.Save(t.Context(), snapshotKind, "liminba", 1100, wrong); err != nil {
		t.Fatal(err)
	}
	check("a bent copy", []string{BooksCopy, BooksInUse}, []string{BooksCopy})
	check("after it", []string{BooksInUse}, nil)

	source.mu.Lock()
	source.fail = &eventstore.CorruptError{Stream: "collective-liminba", Version: 1201, Reason: "flipped"}
	source.mu.Unlock()
	if _, err := l.Check(t.Context(), "liminba"); !errors.As(err, new(*eventstore.CorruptError)) {
		t.Errorf("a damaged log: %v", err)
	}
	if _, err := l.Check(t.Context(), "nowhere"); err == nil {
		t.Error("a check of a collective that does not exist")
	}
}
