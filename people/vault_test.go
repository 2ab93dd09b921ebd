package people

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// onEach runs a test on every kind of store.
func onEach(t *testing.T, test func(t *testing.T, open func() eventstore.Store)) {
	t.Run("memory", func(t *testing.T) {
		store := eventstore.NewMemory()
		test(t, func() eventstore.Store { return store })
	})
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "people.db")
		var last *sqlite.Store
		open := func() eventstore.Store {
			if last != nil {
				last.Close()
			}
			var err error
			if last, err = sqlite.Open(path, sqlite.Options{}); err != nil {
				t.Fatal(err)
			}
			return last
		}
		t.Cleanup(func() { last.Close() })
		test(t, open)
	})
	t.Run("eventstoredb", func(t *testing.T) {
		server := esdbtest.New(t, esdbtest.Options{})
		store, err := eventstoredb.Open(server.ConnectionString(), eventstoredb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		test(t, func() eventstore.Store { return store })
	})
}

// office is a collective whose personal data is in a vault; its log is in memory, whatever the vault is on.
type office struct {
	*lt.Office
	t     *testing.T
	vault *Vault
	now   time.Time
}

const officeDay = "2021-02-01"

func newOffice(t *testing.T, store eventstore.Store) *office {
	o := &office{Office: lt.NewOffice(t, eventstore.NewMemory()), t: t, now: lt.Noon(officeDay)}
	o.Replay(lt.Until(lt.Demonstration(), "2021-01-04"))
	o.open(store)
	return o
}

// open begins anew on a store, as a process does.
func (o *office) open(store eventstore.Store) {
	o.vault = NewVault(store, o.Service, Options{Clock: func() time.Time { return o.now }, Logger: slog.New(slog.DiscardHandler)})
}

// keep keeps a record of member 9 and commits the log to it.
func (o *office) keep(values Values) uuid.UUID {
	o.t.Helper()
	kept := New(lt.Charter().LogOrigin, o.Collective, values)
	if err := o.vault.Keep(o.t.Context(), kept, ledger.Meta{ID: uuid.New(), Actor: lt.Treasurer}); err != nil {
		o.t.Fatal(err)
	}
	root := Root(kept)
	o.told(o.Do(officeDay, lt.Treasurer, &ledger.CommitPersonalData{Member: 9, Record: kept.Record, Root: root[:]}))
	return uuid.UUID(kept.Record)
}

func (o *office) told(events []*eventv1.Event) { o.vault.Observe(o.Collective, events) }

// approve has an erasure of records approved, and carries nothing out.
func (o *office) approve(records []uuid.UUID, fields ...eventv1.PersonalField) {
	o.t.Helper()
	c := &ledger.RequestErasure{Kind: eventv1.ErasureKind_ERASURE_KIND_ERASE, Basis: eventv1.ErasureBasis_ERASURE_BASIS_ORDER, Fields: fields}
	for _, id := range records {
		c.Records = append(c.Records, id[:])
	}
	number := o.Do(officeDay, lt.Treasurer, c)[0].GetErasureRequested().Number
	o.told(o.Do(officeDay, lt.Approver, &ledger.ApproveErasure{Number: number}))
}

// values are what the vault shows of a record; nil when nothing is left.
func (o *office) values(record uuid.UUID) Values {
	o.t.Helper()
	e, err := o.vault.Entry(o.t.Context(), o.Collective, record)
	if err != nil {
		o.t.Fatal(err)
	}
	if e.Lost {
		o.t.Fatalf("record %v is lost", record)
	}
	var v Values
	for i, s := range e.Kept.GetSlots() {
		if len(s.Salt) > 0 {
			if v == nil {
				v = Values{}
			}
			v[eventv1.PersonalField(i+1)] = s.Value
		}
	}
	return v
}

func (o *office) want(record uuid.UUID, want Values) {
	o.t.Helper()
	if got := o.values(record); fmt.Sprint(got) != fmt.Sprint(want) {
		o.t.Errorf("record %v has %v, want %v", record, got, want)
	}
}

// only are some of the values.
func only(fields ...eventv1.PersonalField) Values {
	v := Values{}
	for _, f := range fields {
		v[f] = some()[f]
	}
	return v
}

// holds says whether a store has a value in any event.
func holds(t *testing.T, store eventstore.Store, value string) bool {
	t.Helper()
	for e, err := range store.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(e.Data, []byte(value)) {
			return true
		}
	}
	return false
}

// TestVault: what is kept is shown; a field goes and the others stay; then all of it goes; and a process that begins anew sees the same.
func TestVault(t *testing.T) {
	onEach(t, func(t *testing.T, open func() eventstore.Store) {
		store := open()
		o := newOffice(t, store)
		one, two := o.keep(some()), o.keep(only(person, name, maskOf))
		o.want(one, some())
		names, err := o.vault.Names(t.Context(), o.Collective)
		if err != nil || !names.In("付欧阳晓枫") || names.Len() != 1 {
			t.Errorf("names: %v", err)
		}
		if !holds(t, store, "11010519491231002X") {
			t.Fatal("the look into the store sees nothing")
		}
		// A cluster keeps events of deleted streams, which no stream shows any more, until its operator scavenges it.
		_, cluster := store.(*eventstoredb.Store)
		o.approve([]uuid.UUID{one}, idNo, phone)
		for range 2 {
			o.want(one, only(person, name, maskOf))
			o.want(two, only(person, name, maskOf))
			store = open()
			if !cluster && (holds(t, store, "11010519491231002X") || holds(t, store, "13800001234")) {
				t.Error("erased values are in the store")
			}
			o.open(store)
		}
		o.approve([]uuid.UUID{one}, name)
		o.approve([]uuid.UUID{one}, maskOf)
		o.want(one, only(person))
		o.approve([]uuid.UUID{one, two})
		for range 2 {
			o.want(one, nil)
			o.want(two, nil)
			store = open()
			if !cluster && holds(t, store, "欧阳") {
				t.Error("an erased name is in the store")
			}
			o.open(store)
		}
		if names, err := o.vault.Names(t.Context(), o.Collective); err != nil || names.Len() != 0 {
			t.Errorf("names after all were erased: %d, %v", names.Len(), err)
		}
		if lost, kept, err := o.vault.Lost(t.Context(), o.Collective); len(lost) != 0 || kept != 0 || err != nil {
			t.Errorf("lost %v, kept %d, %v", lost, kept, err)
		}
		if _, err := o.vault.Entry(t.Context(), o.Collective, uuid.New()); !errors.Is(err, ErrUnknown) {
			t.Errorf("an unknown record: %v", err)
		}
	})
}

// breaking is a store that ends the process, as it were, at its nth change: before it is made, or after it.
type breaking struct {
	eventstore.Store
	after bool

	mu   sync.Mutex
	left int // changes that still succeed
}

var errKilled = errors.New("killed")

func (b *breaking) change(do func() error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 0 {
		return errKilled
	}
	if b.left--; b.left < 0 && !b.after {
		return errKilled
	}
	if err := do(); err != nil || b.left >= 0 {
		return err
	}
	return errKilled
}

func (b *breaking) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (at uint64, err error) {
	err = b.change(func() error { at, err = b.Store.Append(ctx, stream, expected, events); return err })
	return at, err
}

func (b *breaking) Delete(ctx context.Context, stream string) error {
	return b.change(func() error { return b.Store.Delete(ctx, stream) })
}

// slowLog is a log that is looked at only when it is told to go on.
type slowLog struct {
	Log
	asked, goOn chan struct{}
}

func (l slowLog) View(ctx context.Context, collective string, f func(*ledger.Collective) error) error {
	l.asked <- struct{}{}
	<-l.goOn
	return l.Log.View(ctx, collective, f)
}

// TestNobodyReadsAheadOfTheLog: who asks while another is bringing the vault in line waits for that, and is not shown what it was.
func TestNobodyReadsAheadOfTheLog(t *testing.T) {
	store := eventstore.NewMemory()
	o := newOffice(t, store)
	o.keep(Values{eventv1.PersonalField_PERSONAL_FIELD_NAME: "示例甲"})
	log := slowLog{o.Service, make(chan struct{}), make(chan struct{})}
	vault := NewVault(store, log, Options{Clock: func() time.Time { return o.now }, Logger: slog.New(slog.DiscardHandler)})
	names := make(chan *Names, 2)
	ask := func() {
		n, err := vault.Names(t.Context(), o.Collective)
		if err != nil {
			t.Error(err)
		}
		names <- n
	}
	go ask()
	<-log.asked // the first is at the log
	go ask()
	select {
	case n := <-names:
		close(log.goOn)
		t.Fatalf("somebody was answered %v before the log was looked at", n)
	case <-time.After(50 * time.Millisecond):
	}
	close(log.goOn)
	for range 2 {
		if n := <-names; n == nil || n.Len() != 1 {
			t.Errorf("the names are %v", n)
		}
	}
}

// TestErasureIsKilled: wherever an erasure is cut off, nothing of what was approved is shown, and the next start ends it.
func TestErasureIsKilled(t *testing.T) {
	onEach(t, func(t *testing.T, open func() eventstore.Store) {
		points := 0
		for _, after := range []bool{false, true} {
			for step := range 20 {
				store := open()
				o := newOffice(t, store)
				field, whole := o.keep(some()), o.keep(some())
				o.approve([]uuid.UUID{field}, phone)
				o.want(field, only(person, name, maskOf, idNo))

				killed := &breaking{Store: store, left: step, after: after}
				o.open(killed)
				o.approve([]uuid.UUID{field}, idNo)
				o.approve([]uuid.UUID{whole})
				_, err := o.vault.Entry(t.Context(), o.Collective, field)
				if killed.left < 0 {
					points++
					if !errors.Is(err, errKilled) {
						t.Errorf("killed at change %d: the vault goes on: %v", step, err)
					}
				}
				store = open()
				o.open(store)
				o.want(field, only(person, name, maskOf))
				o.want(whole, nil)
				for _, record := range []uuid.UUID{field, whole} {
					for n := range uint32(2) {
						if version, err := store.Version(t.Context(), Stream(record, n)); version != 0 || err != nil {
							t.Errorf("killed at change %d: %s has %d events, %v", step, Stream(record, n), version, err)
						}
					}
				}
				if killed.left >= 0 {
					break // it was never killed: there are no more changes
				}
			}
		}
		if points < 8 {
			t.Errorf("it was killed at %d points only", points)
		}
	})
}

// TestOldVault: a vault of before erasures that the log knows, also several of one record, is brought in line before it shows anything.
func TestOldVault(t *testing.T) {
	store := eventstore.NewMemory()
	o := newOffice(t, store)
	one, two := o.keep(some()), o.keep(some())
	old := eventstore.NewMemory()
	for e, err := range store.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Append(t.Context(), e.Stream, e.Version-1, []eventstore.NewEvent{{Type: e.Type, Data: e.Data}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []eventv1.PersonalField{phone, idNo} {
		o.approve([]uuid.UUID{one}, f)
		o.want(one, only(person, name, maskOf, map[bool]eventv1.PersonalField{true: idNo, false: name}[f == phone]))
	}
	o.approve([]uuid.UUID{two})
	o.want(two, nil)

	o.open(old)
	o.want(one, only(person, name, maskOf))
	o.want(two, nil)
	if holds(t, old, "11010519491231002X") || holds(t, old, "13800001234") {
		t.Error("the old vault has erased values still")
	}
}

// TestLostEvidence: data that is gone, bent or blanked without an erasure in the log is told, and is never taken for erased.
func TestLostEvidence(t *testing.T) {
	for what, damage := range map[string]func(t *testing.T, store *eventstore.Memory, record uuid.UUID, kept *eventv1.PersonalDataKept){
		"deleted": func(t *testing.T, store *eventstore.Memory, record uuid.UUID, _ *eventv1.PersonalDataKept) {},
		"another value": func(t *testing.T, store *eventstore.Memory, record uuid.UUID, kept *eventv1.PersonalDataKept) {
			kept.Slots[name-1].Value = "欧阳晓风"
			forge(t, store, record, kept)
		},
		"name blanked": func(t *testing.T, store *eventstore.Memory, record uuid.UUID, kept *eventv1.PersonalDataKept) {
			forge(t, store, record, without(kept, func(f eventv1.PersonalField) bool { return f == name }))
		},
		"everything blanked": func(t *testing.T, store *eventstore.Memory, record uuid.UUID, kept *eventv1.PersonalDataKept) {
			forge(t, store, record, without(kept, func(f eventv1.PersonalField) bool { return true }))
		},
	} {
		t.Run(what, func(t *testing.T) {
			store := eventstore.NewMemory()
			o := newOffice(t, store)
			record, other := o.keep(some()), o.keep(some())
			entry, err := o.vault.Entry(t.Context(), o.Collective, record)
			if err != nil {
				t.Fatal(err)
			}
			lostStore := eventstore.NewMemory()
			for e, err := range store.ReadAll(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Stream != Stream(record, 0) {
					if _, err := lostStore.Append(t.Context(), e.Stream, 0, []eventstore.NewEvent{{Type: e.Type, Data: e.Data}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			damage(t, lostStore, record, entry.Kept)
			o.open(lostStore)
			lost, kept, err := o.vault.Lost(t.Context(), o.Collective)
			if err != nil || len(lost) != 1 || lost[0].ID != record || kept != 1 {
				t.Errorf("lost %v, kept %d, %v", lost, kept, err)
			}
			o.want(other, some())
		})
	}
}

func forge(t *testing.T, store *eventstore.Memory, record uuid.UUID, kept *eventv1.PersonalDataKept) {
	t.Helper()
	v := NewVault(store, nil, Options{})
	if err := v.Keep(t.Context(), kept, ledger.Meta{ID: uuid.New(), Now: lt.Noon(officeDay)}); err != nil {
		t.Fatal(err)
	}
}

// TestSweep: a record that no log is committed to goes after a day, and none before; one of a collective that is not there stays.
func TestSweep(t *testing.T) {
	store := eventstore.NewMemory()
	o := newOffice(t, store)
	record := o.keep(some())
	orphan, stranger := New("o", o.Collective, some()), New("o", "nowhere", some())
	for _, kept := range []*eventv1.PersonalDataKept{orphan, stranger} {
		if err := o.vault.Keep(t.Context(), kept, ledger.Meta{ID: uuid.New(), Now: o.now}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		later time.Duration
		want  int
	}{{23 * time.Hour, 0}, {25 * time.Hour, 1}, {26 * time.Hour, 0}} {
		o.now = lt.Noon(officeDay).Add(c.later)
		if n, err := o.vault.Sweep(t.Context()); n != c.want || err != nil {
			t.Errorf("after %v: %d swept, %v", c.later, n, err)
		}
	}
	o.want(record, some())
	list, err := store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone := slices.DeleteFunc(list, func(l eventstore.Listing) bool { return !l.Deleted })
	if len(gone) != 1 || gone[0].Stream != Stream(uuid.UUID(orphan.Record), 0) {
		t.Errorf("deleted: %v", gone)
	}
}

// TestTwoNodes: what one node has erased another shows as erased, before and after it has heard of it.
func TestTwoNodes(t *testing.T) {
	store := eventstore.NewMemory()
	o := newOffice(t, store)
	record := o.keep(some())
	other := NewVault(store, o.Service, Options{Logger: slog.New(slog.DiscardHandler)})
	if err := other.Align(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.approve([]uuid.UUID{record}, phone)
	o.want(record, only(person, name, maskOf, idNo))
	entry, err := other.Entry(t.Context(), o.Collective, record) // has not heard
	if err == nil && !entry.Lost {
		t.Errorf("a node that is behind shows %v", entry)
	}
	other.Observe(o.Collective, []*eventv1.Event{{Fact: &eventv1.Event_ErasureApproved{ErasureApproved: &eventv1.ErasureApproved{Number: 1}}}})
	entry, err = other.Entry(t.Context(), o.Collective, record)
	if err != nil || entry.Lost || Given(entry.Kept, phone) || !Given(entry.Kept, idNo) {
		t.Errorf("a node that has heard shows %v, %v", entry, err)
	}
	// Run carries out by itself what it hears of.
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	done := make(chan struct{})
	go func() { other.Run(ctx); close(done) }()
	number := o.Do(officeDay, lt.Treasurer, &ledger.RequestErasure{Kind: eventv1.ErasureKind_ERASURE_KIND_ERASE, Basis: eventv1.ErasureBasis_ERASURE_BASIS_ORDER, Records: [][]byte{record[:]}})[0].GetErasureRequested().Number
	other.Observe(o.Collective, o.Do(officeDay, lt.Approver, &ledger.ApproveErasure{Number: number}))
	for holds(t, store, "欧阳晓枫") && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Error("nobody carried it out")
	}
	stop()
	<-done
}
