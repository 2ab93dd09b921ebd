package witness_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

const (
	village = "liminba"
	origin  = "mingzhang.example/liminba"
)

var (
	secret = bytes.Repeat([]byte{7}, transparency.SecretBytes)
	five   = []string{"first", "second", "third", "fourth", "fifth"}
	closed = lt.Noon("2021-02-01")
)

func originOf(stream string, first eventstore.Event) (string, error) {
	if stream == ledger.StreamOf(village) {
		return origin, nil
	}
	return ledger.LogOrigin(stream, first)
}

// world is a log of some events and the books of it: policy 1 at event 10, months closed by events 12, 20, 30 and so on.
type world struct {
	t     *testing.T
	store eventstore.Store
	log   *transparency.Store
	books witness.Books
	now   time.Time
}

func newWorld(t *testing.T, store eventstore.Store, content string) *world {
	w := &world{t: t, store: store, now: closed.Add(48 * time.Hour)}
	signer, err := transparency.OpenSigner(t.TempDir(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if w.log, err = transparency.Open(store, t.TempDir(), signer, originOf, transparency.Options{Shared: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.log.Close(); err != nil {
			t.Error(err)
		}
	})
	if n, err := store.Version(t.Context(), ledger.StreamOf(village)); err == nil && n == 0 {
		var events []eventstore.NewEvent
		for i := range 60 {
			events = append(events, eventstore.NewEvent{Type: "income_recorded", Data: fmt.Appendf(nil, "%s %d", content, i)})
		}
		if _, err := w.log.Append(t.Context(), ledger.StreamOf(village), 0, events); err != nil {
			t.Fatal(err)
		}
	}
	w.books = witness.Books{Collective: village, Policies: []witness.Adopted{adopted(1, 10, lt.WitnessGroup("committee", 3, five...))}}
	for i, size := range []uint64{5, 12, 20, 30, 40} {
		w.books.Closings = append(w.books.Closings, witness.Closing{Month: ledger.Month(202101 + i), Size: size, At: closed})
	}
	return w
}

func adopted(version uint32, event uint64, groups ...*eventv1.WitnessGroup) witness.Adopted {
	return witness.Adopted{WitnessPolicyAdopted: &eventv1.WitnessPolicyAdopted{Version: version, Groups: groups}, Event: event}
}

func (w *world) service() *witness.Service {
	return witness.NewService(w.log, w.log, func(origin string) []string { return []string{transparency.LogVerifierKey(secret, origin)} }, func() time.Time { return w.now })
}

// note is the head at a size with the cosignatures of some witnesses.
func (w *world) note(size uint64, at time.Time, names ...string) []byte {
	w.t.Helper()
	_, p, err := w.log.ProveInclusion(w.t.Context(), ledger.StreamOf(village), size, size)
	if err != nil {
		w.t.Fatal(err)
	}
	return cosign(w.t, p.Note, at, names...)
}

func cosign(t *testing.T, msg []byte, at time.Time, names ...string) []byte {
	t.Helper()
	n, err := signednote.Parse(msg)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		seed := lt.WitnessSeed(name)
		key, err := witness.NewKey("witness.example/"+name, seed[:])
		if err != nil {
			t.Fatal(err)
		}
		c, err := key.Cosign(n.Text, at)
		if err != nil {
			t.Fatal(err)
		}
		n.Signatures = append(n.Signatures, c.Line(key.Verifier()))
	}
	return n.Bytes()
}

func (w *world) add(s *witness.Service, note []byte) (witness.Sealing, int) {
	w.t.Helper()
	sealing, added, err := s.Add(w.t.Context(), w.books, origin, note)
	if err != nil {
		w.t.Fatal(err)
	}
	return sealing, added
}

func (w *world) refuse(s *witness.Service, note []byte, reason ledger.Reason) {
	w.t.Helper()
	before, err := w.store.Version(w.t.Context(), ledger.WitnessStreamOf(village))
	if err != nil {
		w.t.Fatal(err)
	}
	var r *ledger.Refusal
	if _, _, err := s.Add(w.t.Context(), w.books, origin, note); !errors.As(err, &r) || r.Reason != reason {
		w.t.Errorf("got %v, want %s", err, reason)
		return
	}
	if info, ok := witness.Reasons[reason]; ok {
		for _, sentence := range []string{r.Fill(info.English), r.FillChinese(info.Chinese)} {
			if strings.ContainsAny(sentence, "{}") {
				w.t.Errorf("the sentence has a figure that nobody gave: %s", sentence)
			}
		}
	}
	if after, _ := w.store.Version(w.t.Context(), ledger.WitnessStreamOf(village)); after != before {
		w.t.Errorf("what was refused with %s was stored", reason)
	}
}

// TestFivePetals: three of five seal a month, two do not; each counts once, whatever is sent again (X2).
func TestFivePetals(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	s := w.service()
	at := closed.Add(time.Hour)
	sealing, added := w.add(s, w.note(12, at, "first", "second"))
	if added != 2 || sealing.Sealed || sealing.Policy.Version != 1 || fmt.Sprint(sealing.Groups[0].Missing) != "[third fourth fifth]" {
		t.Errorf("2 of 5: %d added, %+v", added, sealing.Verdict)
	}
	if sealing, added = w.add(s, w.note(12, at.Add(time.Minute), "second")); added != 0 || sealing.Sealed {
		t.Errorf("the second again: %d added, sealed %v", added, sealing.Sealed)
	}
	w.refuse(s, w.note(12, at, "third", "sixth"), witness.WitnessUnknown) // all or none
	if sealing, added = w.add(s, w.note(12, at, "fourth", "first")); added != 1 || !sealing.Sealed {
		t.Errorf("3 of 5: %d added, %+v", added, sealing.Verdict)
	}
	list, j, err := s.Sealings(t.Context(), w.books)
	if err != nil || len(list) != 5 || j.InForce.Version != 1 || len(j.Pending) != 0 {
		t.Fatalf("%v %+v", err, j)
	}
	if list[0].Policy != nil || list[0].Sealed {
		t.Error("the month before the policy is judged by it")
	}
	if list[1].Month != 202102 || !list[1].Sealed || len(list[1].Cosignatures) != 3 || list[2].Sealed {
		t.Errorf("%+v", list[1].Verdict)
	}

	note, err := s.Note(t.Context(), w.books, list[1])
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := signednote.Parse(note)
	if err != nil || len(parsed.Signatures) != 4 {
		t.Fatalf("%v: %s", err, note)
	}
	text, err := s.PolicyText(&w.books.Policies[0], origin)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := witness.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if seal, err := policy.Satisfied(parsed, witness.Times{Now: w.now}); err != nil || !seal.Satisfied || len(seal.Signed) != 3 {
		t.Errorf("under the policy's text: %v %+v", err, seal)
	}
}

// TestWhatIsNoCosignature: nothing is stored that is not a witness's signature of a closed month of this log.
func TestWhatIsNoCosignature(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	other := newWorld(t, eventstore.NewMemory(), "b")
	s := w.service()
	at := closed.Add(time.Hour)
	w.refuse(s, []byte("nonsense"), ledger.FieldInvalid)
	w.refuse(s, w.note(12, at), ledger.FieldInvalid) // the log alone
	twice := w.note(12, at, "first")
	w.refuse(s, append(twice, twice[bytes.LastIndex(twice, []byte("— ")):]...), ledger.FieldInvalid)
	w.refuse(s, w.note(13, at, "first"), witness.HeadUnknown)
	w.refuse(s, w.note(5, at, "first"), witness.PolicyMissing)
	w.refuse(s, other.note(12, at, "first"), witness.HeadDiffers)
	w.refuse(s, bytes.Replace(w.note(12, at, "first"), []byte(origin+"\n"), []byte("other.example/village\n"), 1), witness.HeadOfOther)
	w.refuse(s, w.note(12, at, "stranger"), witness.WitnessUnknown)
	w.refuse(s, w.note(12, w.now.Add(witness.FutureMax+time.Second), "first"), witness.CosignatureTime)
	w.refuse(s, w.note(12, closed.Add(-witness.FutureMax-time.Second), "first"), witness.CosignatureTime)
	lines := bytes.SplitAfter(w.note(20, at, "first"), []byte("\n"))
	forged := append(bytes.TrimSuffix(w.note(12, at), nil), lines[len(lines)-2]...) // a signature of another month
	w.refuse(s, forged, witness.CosignatureInvalid)
	w.add(s, w.note(12, w.now.Add(witness.FutureMax), "first"))
	w.add(s, w.note(12, closed.Add(-witness.FutureMax), "second"))
	w.books.Simulated = true
	w.add(s, w.note(12, time.Unix(1, 0), "third"))
	w.books.Policies = nil
	w.refuse(s, w.note(12, at, "first"), witness.PolicyMissing)
}

// TestEveryBitOfACosignature: a changed bit of a submitted note is refused, or says nothing about a witness.
func TestEveryBitOfACosignature(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	s := w.service()
	note := w.note(12, closed.Add(time.Hour), "first")
	start := bytes.LastIndex(note, []byte("— "))
	for i := range note {
		for bit := range 8 {
			bad := bytes.Clone(note)
			bad[i] ^= 1 << bit
			if _, _, err := s.Add(t.Context(), w.books, origin, bad); err == nil && (i < bytes.Index(note, []byte("\n\n")) || i >= start) {
				t.Fatalf("bit %d of byte %d is not missed", bit, i)
			}
			if n, _ := w.store.Version(t.Context(), ledger.WitnessStreamOf(village)); n > 1 {
				t.Fatalf("bit %d of byte %d made another cosignature", bit, i)
			}
		}
	}
}

// TestElection: the old committee seals the head that has the new policy; from then on who was removed is refused, and who came counts.
func TestElection(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	s := w.service()
	at := closed.Add(time.Hour)
	w.books.Policies = append(w.books.Policies, adopted(2, 18, lt.WitnessGroup("committee", 3, "sixth", "second", "third", "fourth", "fifth")))
	w.add(s, w.note(12, at, "first", "second", "third"))
	w.refuse(s, w.note(12, at, "sixth"), witness.WitnessUnknown) // the policy is not in that head
	// The new one may sign while the old ones have not sealed, and is not counted.
	if sealing, _ := w.add(s, w.note(20, at, "sixth", "second", "third")); sealing.Sealed || sealing.Policy.Version != 1 {
		t.Errorf("%+v", sealing.Verdict)
	}
	if sealing, _ := w.add(s, w.note(30, at, "sixth", "second", "third")); sealing.Sealed || sealing.Policy.Version != 1 {
		t.Errorf("the new policy counts before the old one has sealed it: %+v", sealing.Verdict)
	}
	if sealing, _ := w.add(s, w.note(20, at, "first")); !sealing.Sealed || sealing.Policy.Version != 1 {
		t.Errorf("%+v", sealing.Verdict)
	}
	list, j, err := s.Sealings(t.Context(), w.books)
	if err != nil || j.InForce.Version != 2 || len(j.Pending) != 0 || !list[3].Sealed || list[3].Policy.Version != 2 {
		t.Errorf("%v: in force %d, %+v", err, j.InForce.Version, list[3].Verdict)
	}
	w.refuse(s, w.note(30, at, "first"), witness.WitnessUnknown)
	w.refuse(s, w.note(40, at, "first"), witness.WitnessUnknown)
	if sealing, _ := w.add(s, w.note(40, at, "second", "third", "fourth")); !sealing.Sealed || sealing.Policy.Version != 2 {
		t.Errorf("%+v", sealing.Verdict)
	}
}

// TestTooLate: a late signature never takes a seal away from a later month.
func TestTooLate(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	s := w.service()
	at := closed.Add(time.Hour)
	w.books.Policies = append(w.books.Policies, adopted(2, 11, lt.WitnessGroup("committee", 3, "sixth", "seventh", "eighth")))
	w.add(s, w.note(12, at, "first"))
	if sealing, _ := w.add(s, w.note(20, at, "first", "second", "third")); !sealing.Sealed || sealing.Policy.Version != 1 {
		t.Fatalf("%+v", sealing.Verdict)
	}
	w.add(s, w.note(12, at, "fourth")) // two of three: nothing changes
	w.refuse(s, w.note(12, at, "fifth"), witness.CosignatureTooLate)
	list, _, err := s.Sealings(t.Context(), w.books)
	if err != nil || list[1].Sealed || !list[2].Sealed {
		t.Errorf("%v %+v", err, list[2].Verdict)
	}
}

// TestLateSeal: a late signature brings the next policy into effect at an earlier month than was thought. Who has signed a later one as
// one of the old witnesses meanwhile was no witness of it, and does not stand on its note.
func TestLateSeal(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	s := w.service()
	at := closed.Add(time.Hour)
	w.books.Policies = append(w.books.Policies, adopted(2, 11, lt.WitnessGroup("committee", 3, "sixth", "second", "third", "fourth", "fifth")))
	w.add(s, w.note(12, at, "first", "second"))
	w.add(s, w.note(20, at, "first", "second"))
	if sealing, _ := w.add(s, w.note(12, at, "third")); !sealing.Sealed {
		t.Fatalf("%+v", sealing.Verdict)
	}
	list, _, err := s.Sealings(t.Context(), w.books)
	if err != nil {
		t.Fatal(err)
	}
	later := list[2]
	msg, err := s.Note(t.Context(), w.books, later)
	if err != nil || later.Size != 20 || later.Policy.Version != 2 || len(later.Cosignatures) != 2 {
		t.Fatalf("%v: %+v", err, later)
	}
	if note, err := signednote.Parse(msg); err != nil || len(note.Signatures) != 2 || note.Signatures[1].Name != "witness.example/second" {
		t.Errorf("%v: the note of %d events is\n%s", err, later.Size, msg)
	}
}

// TestFork: two heads of one size and two roots, or one that is not of this log, are evidence; anything else is not.
func TestFork(t *testing.T) {
	w, forged := newWorld(t, eventstore.NewMemory(), "a"), newWorld(t, eventstore.NewMemory(), "b")
	s := w.service()
	report := func(first, second []byte, want ledger.Reason) bool {
		t.Helper()
		stored, err := s.ReportFork(t.Context(), village, origin, first, second)
		var r *ledger.Refusal
		if errors.As(err, &r) && r.Reason != want || err == nil && want != "" || err != nil && r == nil {
			t.Errorf("got %v, want %q", err, want)
		}
		return stored
	}
	report(w.note(12, w.now), w.note(12, w.now), witness.ForkNotProven)
	report(w.note(12, w.now), w.note(20, w.now), witness.ForkNotProven)
	report(w.note(12, w.now), []byte("no note\n"), ledger.FieldInvalid)
	unsigned, _ := signednote.Parse(forged.note(12, w.now, "first"))
	unsigned.Signatures = unsigned.Signatures[1:]
	report(w.note(12, w.now), unsigned.Bytes(), witness.CosignatureInvalid)
	if !report(w.note(12, w.now, "first"), forged.note(12, w.now), "") {
		t.Error("a fork is not stored")
	}
	if report(forged.note(12, w.now), w.note(12, w.now), "") {
		t.Error("the same fork is stored again")
	}
	if report(forged.note(12, w.now), w.note(40, w.now), "") {
		t.Error("the same wrong head is stored again beside another of this log")
	}
	if !report(w.note(20, w.now), forged.note(13, w.now), "") {
		t.Error("a head that is not of the log is not stored")
	}
	forks, err := w.service().Forks(t.Context(), village)
	if err != nil || len(forks) != 2 {
		t.Fatalf("%v: %d forks", err, len(forks))
	}
	for _, f := range forks {
		for _, msg := range [][]byte{f.First, f.Second} {
			if n, err := signednote.Parse(msg); err != nil || len(n.Signatures) != 1 || n.Signatures[0].Name != origin {
				t.Errorf("%v: %s", err, msg)
			}
		}
	}
}

// twoStores are stores on which two nodes work.
func twoStores(t *testing.T) map[string]eventstore.Store {
	db, err := sqlite.Open(t.TempDir()+"/events.db", sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return map[string]eventstore.Store{"memory": eventstore.NewMemory(), "sqlite": kept{db}}
}

// kept is a store that outlives the logs around it.
type kept struct{ eventstore.Store }

func (kept) Close() error { return nil }

// TestTwoNodes: many witnesses sign at once through two nodes, each twice; every one is stored once, and both nodes say the same, also
// after a restart.
func TestTwoNodes(t *testing.T) {
	for name, store := range twoStores(t) {
		t.Run(name, func(t *testing.T) {
			one, two := newWorld(t, kept{store}, "a"), newWorld(t, kept{store}, "a")
			nodes := []*witness.Service{one.service(), two.service()}
			at := closed.Add(time.Hour)
			var wait sync.WaitGroup
			for i, who := range append(five, five...) {
				note := one.note(12, at, who)
				wait.Go(func() {
					if _, _, err := nodes[i%2].Add(t.Context(), one.books, origin, note); err != nil {
						t.Errorf("%s: %v", who, err)
					}
				})
			}
			wait.Wait()
			if n, err := store.Version(t.Context(), ledger.WitnessStreamOf(village)); err != nil || n != 5 {
				t.Errorf("%v: %d events", err, n)
			}
			one.now, two.now = one.now.Add(time.Hour), two.now.Add(time.Hour)
			for i, s := range append(nodes, two.service()) {
				list, _, err := s.Sealings(t.Context(), one.books)
				if err != nil || !list[1].Sealed || len(list[1].Cosignatures) != 5 {
					t.Errorf("service %d: %v, %+v", i, err, list[1].Verdict)
				}
			}
			if report, err := two.log.Verify(t.Context(), ledger.WitnessStreamOf(village)); err != nil || !report.OK {
				t.Errorf("%v %+v", err, report)
			}
		})
	}
}

// racing lets another node append just before ours, a number of times.
type racing struct {
	eventstore.Store
	before func()
	times  int
}

func (r *racing) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if r.times > 0 {
		r.times--
		r.before()
	}
	return r.Store.Append(ctx, stream, expected, events)
}

func (r *racing) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return r.Store.Read(ctx, stream, after)
}

// TestConflict: who loses a race decides anew on what the winner stored.
func TestConflict(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	at := closed.Add(time.Hour)
	rival := w.service()
	left := []string{"third", "second", "first"}
	r := &racing{Store: w.log, times: 3}
	r.before = func() {
		w.add(rival, w.note(12, at, left[0]))
		left = left[1:]
	}
	s := witness.NewService(r, w.log, func(origin string) []string { return []string{transparency.LogVerifierKey(secret, origin)} }, func() time.Time { return w.now })
	sealing, added, err := s.Add(t.Context(), w.books, origin, w.note(12, at, "first"))
	if err != nil || added != 0 || !sealing.Sealed { // the rival stored the very same in the end
		t.Errorf("%v: %d added, %+v", err, added, sealing.Verdict)
	}
	if n, _ := w.store.Version(t.Context(), ledger.WitnessStreamOf(village)); n != 3 {
		t.Errorf("%d events", n)
	}
}

// TestForeignFact: the stream holds what this package writes.
func TestForeignFact(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	e, err := ledger.Encode(&eventv1.Event{Version: 1, Fact: &eventv1.Event_NameReserved{NameReserved: &eventv1.NameReserved{CollectiveId: village}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.log.Append(t.Context(), ledger.WitnessStreamOf(village), 0, []eventstore.NewEvent{e}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.service().Sealings(t.Context(), w.books); !errors.As(err, new(*eventstore.CorruptError)) {
		t.Errorf("got %v", err)
	}
}

// TestRequest: what a witness is asked with proves the growth of the log from what the witness remembers.
func TestRequest(t *testing.T) {
	w := newWorld(t, eventstore.NewMemory(), "a")
	s := w.service()
	_, p, err := w.log.ProveInclusion(t.Context(), ledger.StreamOf(village), 12, 12)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Request(t.Context(), village, 12, 40)
	if err != nil {
		t.Fatal(err)
	}
	c, err := transparency.ParseConsistency(text)
	if err != nil || transparency.CheckConsistency(p.Head, c.Head, c.Hashes) != nil || c.Head.Size != 40 {
		t.Errorf("%v: %s", err, text)
	}
	text, err = s.Request(t.Context(), village, 0, 40)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := transparency.ParseConsistency(text); err != nil || c.OldSize != 0 || len(c.Hashes) != 0 || c.Head.Size != 40 {
		t.Errorf("%v: %s", err, text)
	}
	if _, err := s.Request(t.Context(), village, 12, 61); !errors.As(err, new(*transparency.RangeError)) {
		t.Errorf("got %v", err)
	}
}
