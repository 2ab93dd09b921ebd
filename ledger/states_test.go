package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// TestStatesCanBeCopied fails when a field of a kind that cannot be copied is added to the state.
func TestStatesCanBeCopied(t *testing.T) {
	if _, err := snapshot.NewCodec(new(ledger.Collective)); err != nil {
		t.Error(err)
	}
}

func stateDigest(t *testing.T, s *ledger.Collective) [sha256.Size]byte {
	t.Helper()
	c, err := snapshot.NewCodec(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Settle()
	sum, err := c.Digest(s)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func copyState(t *testing.T, s *ledger.Collective) *ledger.Collective {
	t.Helper()
	c, err := snapshot.NewCodec(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Settle()
	var file bytes.Buffer
	if err := c.Encode(&file, s); err != nil {
		t.Fatal(err)
	}
	into := new(ledger.Collective)
	if err := c.Decode(&file, int64(file.Len()), into); err != nil {
		t.Fatal(err)
	}
	return into
}

func evolve(s *ledger.Collective, events []*eventv1.Event) *ledger.Collective {
	for _, e := range events {
		s.Evolve(e)
	}
	return s
}

// TestStateByEveryRoute copies the state at every version of the demonstration, goes on from the copy, and from copies of
// copies, and demands every field to be as it is from the first event.
func TestStateByEveryRoute(t *testing.T) {
	events := lt.Liminba(t).Events
	want := evolve(ledger.NewCollective(), events)
	digest, dump := stateDigest(t, want), want.Dump()
	step := 1
	if testing.Short() {
		step = 9
	}
	grown := ledger.NewCollective()
	for v := 0; v < len(events); v += step {
		got := evolve(copyState(t, evolve(ledger.NewCollective(), events[:v])), events[v:])
		if stateDigest(t, got) != digest || got.Dump() != dump {
			t.Fatalf("copied at version %d: the state differs", v)
		}
		grown = copyState(t, evolve(grown, events[grown.Version():v]))
	}
	if got := evolve(grown, events[grown.Version():]); stateDigest(t, got) != digest || got.Dump() != dump {
		t.Error("copied again and again: the state differs")
	}
}

// storeLog tells the logs of a store apart by all their bytes.
type storeLog struct{ store eventstore.Store }

func (l storeLog) Anchor(ctx context.Context, collective string, version uint64) ([]byte, error) {
	h := sha256.New()
	for e, err := range l.store.Read(ctx, ledger.StreamOf(collective), 0) {
		if err != nil {
			return nil, err
		}
		h.Write(e.Data)
		if e.Version == version {
			return h.Sum(nil), nil
		}
	}
	return nil, errors.New("shorter")
}

func (l storeLog) Holds(ctx context.Context, collective string, version uint64, anchor []byte) (bool, error) {
	is, err := l.Anchor(ctx, collective, version)
	return err == nil && bytes.Equal(is, anchor), nil
}

func stateCopies(dir string, store eventstore.Store) *snapshot.Store {
	return snapshot.NewStore(snapshot.Options{Dir: dir, Key: []byte("secret"), Build: "test", Log: storeLog{store}})
}

// counted counts the events read.
type counted struct {
	eventstore.Store
	read atomic.Int64
}

func (c *counted) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for e, err := range c.Store.Read(ctx, stream, after) {
			c.read.Add(1)
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestServiceBeginsWithACopy closes a service and opens another: it decides the same, and reads only what came since.
func TestServiceBeginsWithACopy(t *testing.T) {
	dir := t.TempDir()
	memory := incomes(t, 6000)
	head, err := memory.Version(t.Context(), liminba)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (*ledger.Service, *counted) {
		store := &counted{Store: memory}
		return ledger.NewService(store, ledger.Options{Snapshots: stateCopies(dir, memory)}), store
	}
	do := func(s *ledger.Service, n int) error {
		_, err := s.Do(t.Context(), lt.LiminbaID, lt.Rent("2022-12-20", "100.00"), ledger.Meta{ID: lt.CommandID(n), Actor: lt.Treasurer, Now: lt.Noon("2022-12-31")})
		return err
	}
	s, store := open()
	if err := do(s, 900_001); err != nil {
		t.Fatal(err)
	}
	if n := store.read.Load(); n < int64(head) {
		t.Errorf("%d events were read of %d", n, head)
	}
	s.WaitForCopies() // a log this long is copied without being asked
	if _, kept := s.Loaded(lt.LiminbaID); kept < head {
		t.Fatalf("the copy is of version %d, want %d", kept, head)
	}
	s.Close(t.Context())
	s, store = open()
	if err := do(s, 900_001); err != nil {
		t.Errorf("a command done before: %v", err)
	}
	if err := do(s, 900_002); err != nil {
		t.Error(err)
	}
	var refusal *ledger.Refusal
	_, err = s.Do(t.Context(), lt.LiminbaID, lt.Rent("2022-12-20", "7.00"), ledger.Meta{ID: lt.CommandID(900_001), Actor: lt.Treasurer, Now: lt.Noon("2022-12-31")})
	if !errors.As(err, &refusal) || refusal.Reason != ledger.CommandIDReused {
		t.Errorf("another command of the same id: %v", err)
	}
	if n := store.read.Load(); n > 50 {
		t.Errorf("%d events were read beside a copy", n)
	}
	anew := evolve(ledger.NewCollective(), decoded(t, memory))
	err = s.View(t.Context(), lt.LiminbaID, func(c *ledger.Collective) error {
		if stateDigest(t, c) != stateDigest(t, anew) {
			t.Error("the state from a copy differs")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if version, same, err := s.CheckCopy(t.Context(), lt.LiminbaID); err != nil || !same || version != anew.Version() {
		t.Errorf("the check says %d, %v, %v", version, same, err)
	}
	s.Close(t.Context())
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s, store = open()
	if err := do(s, 900_003); err != nil || store.read.Load() < int64(head) {
		t.Errorf("after the directory was deleted: %d events read, %v", store.read.Load(), err)
	}
	s.Close(t.Context())
}

func decoded(t *testing.T, store eventstore.Store) (events []*eventv1.Event) {
	t.Helper()
	for e, err := range store.Read(t.Context(), liminba, 0) {
		if err != nil {
			t.Fatal(err)
		}
		d, err := ledger.Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, d)
	}
	return events
}

// TestCheckCopyFindsAWrongState saves a state that lost a rent: the check tells it, and the next command is decided on the
// log.
func TestCheckCopyFindsAWrongState(t *testing.T) {
	memory := incomes(t, 1500)
	events := decoded(t, memory)
	copies := stateCopies(t.TempDir(), memory)
	wrong := evolve(ledger.NewCollective(), events[:1400])
	wrong.Tamper()
	if err := copies.Save(t.Context(), "state", lt.LiminbaID, 1400, wrong); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	s := ledger.NewService(memory, ledger.Options{Snapshots: copies, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	want := evolve(ledger.NewCollective(), events).Balance("money/bank", ledger.LastDay)
	balance := func() (is ledger.Fen) {
		if err := s.View(t.Context(), lt.LiminbaID, func(c *ledger.Collective) error { is = c.Balance("money/bank", ledger.LastDay); return nil }); err != nil {
			t.Fatal(err)
		}
		return is
	}
	if is := balance(); is == want {
		t.Fatal("the wrong copy is not wrong")
	}
	if version, same, err := s.CheckCopy(t.Context(), lt.LiminbaID); err != nil || same || version != uint64(len(events)) || !strings.Contains(said.String(), "differs") {
		t.Errorf("the check says %d, %v, %v: %s", version, same, err, said.String())
	}
	if is := balance(); is != want {
		t.Errorf("after the check the bank has %v, want %v", is, want)
	}
	if version, same, err := s.CheckCopy(t.Context(), lt.LiminbaID); err != nil || !same || version != 0 {
		t.Errorf("without a copy the check says %d, %v, %v", version, same, err)
	}
	s.Close(t.Context())
}

// TestStatesLeaveMemory gives five collectives the room of one; commands on all of them at once are decided as ever.
func TestStatesLeaveMemory(t *testing.T) {
	store := eventstore.NewMemory()
	s := ledger.NewService(store, ledger.Options{MemoryMax: 1, Snapshots: stateCopies(t.TempDir(), store)})
	const collectives, commands = 5, 40
	var wg sync.WaitGroup
	for i := range collectives {
		id := fmt.Sprintf("place-%d", i)
		wg.Go(func() {
			charter := lt.Charter()
			charter.CollectiveId, charter.LogOrigin = id, "example.org/"+id
			meta := func(n int) ledger.Meta {
				return ledger.Meta{ID: lt.CommandID(i*1000 + n), Actor: "admin", Now: lt.Noon("2020-03-02")}
			}
			if _, err := s.Do(t.Context(), id, &ledger.FoundCollective{Charter: charter}, meta(1)); err != nil {
				t.Error(err)
				return
			}
			for n := range commands {
				if _, err := s.Do(t.Context(), id, &ledger.GrantRole{Operator: fmt.Sprint("auditor-", n), Role: eventv1.Role_ROLE_AUDITOR}, meta(2+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	resident := 0
	for i := range collectives {
		id := fmt.Sprintf("place-%d", i)
		if is, _ := s.Loaded(id); is {
			resident++
		}
		if err := s.View(t.Context(), id, func(c *ledger.Collective) error {
			if c.Version() != 1+commands {
				t.Errorf("%s is at version %d", id, c.Version())
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	if resident == collectives {
		t.Error("all states stayed in memory")
	}
	s.Close(t.Context())
}

func TestCloseCopiesWhatHasGrown(t *testing.T) {
	dir := t.TempDir()
	memory := incomes(t, 1500)
	s := ledger.NewService(memory, ledger.Options{Snapshots: stateCopies(dir, memory)})
	if err := s.View(t.Context(), lt.LiminbaID, func(*ledger.Collective) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "state", lt.LiminbaID)); err == nil {
		t.Error("copied before it pays")
	}
	s.Close(t.Context())
	into := new(ledger.Collective)
	if v := stateCopies(dir, memory).Load(t.Context(), "state", lt.LiminbaID, into); v < 1500 || into.Version() != v {
		t.Errorf("the copy is of version %d", v)
	}
}
