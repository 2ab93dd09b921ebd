package access_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// bench is a store with one admin, and a clock that only moves by hand.
type bench struct {
	*access.Service
	store eventstore.Store
	now   time.Time
	key   string // of the operator "chief"
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{store: eventstore.NewMemory(), now: time.Date(2021, 7, 1, 8, 0, 0, 0, time.UTC)}
	b.Service = b.node()
	key, err := b.CreateOperator(t.Context(), access.CreateOperator{Operator: "chief", DisplayName: "管理员", Admin: true, IssueKey: true}, by("chief"))
	if err != nil {
		t.Fatal(err)
	}
	b.key = key
	return b
}

func (b *bench) node() *access.Service {
	return access.NewService(b.store, func() time.Time { return b.now })
}

func by(actor string) access.Meta { return access.Meta{ID: uuid.New(), Actor: actor} }

func reason(err error) ledger.Reason {
	var r *ledger.Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

func TestKeyOpensForItsOperatorAlone(t *testing.T) {
	b := newBench(t)
	o, err := b.Authenticate(t.Context(), b.key)
	if err != nil || o.ID != "chief" || !o.Admin {
		t.Fatalf("operator %+v, %v", o, err)
	}
	if len(b.key) != 72 || !strings.HasPrefix(b.key, "mz_") {
		t.Errorf("key %q is not written as documented", b.key)
	}
	// Any one character changed opens nothing, whether or not the checksum is made to fit again.
	for i := range b.key {
		bad := []byte(b.key)
		bad[i] ^= 1
		for _, key := range []string{string(bad), withChecksum(string(bad))} {
			if key == b.key {
				continue
			}
			if _, err := b.Authenticate(t.Context(), key); !errors.Is(err, access.ErrKeyInvalid) {
				t.Fatalf("key with character %d changed: %v", i, err)
			}
		}
	}
	for _, key := range []string{"", "mz_", b.key + "0", b.key[:71], strings.ToUpper(b.key), strings.Repeat("x", 1<<20)} {
		if _, err := b.Authenticate(t.Context(), key); !errors.Is(err, access.ErrKeyInvalid) {
			t.Errorf("key %.20q: %v", key, err)
		}
	}
}

func withChecksum(key string) string {
	body := key[:63]
	return fmt.Sprintf("%s_%08x", body, crc32.ChecksumIEEE([]byte(body)))
}

func TestSecretIsNotStored(t *testing.T) {
	b := newBench(t)
	secret := b.key[20:63]
	digest := sha256.Sum256([]byte(secret))
	for e, err := range b.store.Read(t.Context(), ledger.StreamAccess, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(e.Data), secret) || strings.Contains(string(e.Data), string(digest[:])) {
			t.Errorf("event %d holds the secret's text", e.Version)
		}
	}
}

func TestKeyEndsByExpiryAndRevocation(t *testing.T) {
	b := newBench(t)
	id, key, err := b.IssueKey(t.Context(), access.IssueKey{Operator: "chief", Expires: b.now.Add(time.Hour)}, by("chief"))
	if err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Hour - time.Microsecond)
	if _, err := b.Authenticate(t.Context(), key); err != nil {
		t.Errorf("a moment before its end: %v", err)
	}
	b.now = b.now.Add(time.Microsecond)
	if _, err := b.Authenticate(t.Context(), key); !errors.Is(err, access.ErrKeyInvalid) {
		t.Errorf("at its end: %v", err)
	}
	operators, err := b.Operators(t.Context())
	if err != nil || len(operators) != 1 || len(operators[0].KeyIDs) != 1 || operators[0].KeyIDs[0] == id {
		t.Errorf("operators %+v, %v: only the live key counts", operators, err)
	}
	if err := b.RevokeKey(t.Context(), access.RevokeKey{KeyID: operators[0].KeyIDs[0]}, by("chief")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(t.Context(), b.key); !errors.Is(err, access.ErrKeyInvalid) {
		t.Errorf("a revoked key: %v", err)
	}
}

func TestRevocationReachesOtherNodesWithinASecond(t *testing.T) {
	b := newBench(t)
	other := b.node()
	if _, err := other.Authenticate(t.Context(), b.key); err != nil {
		t.Fatal(err)
	}
	operators, _ := b.Operators(t.Context())
	if err := b.RevokeKey(t.Context(), access.RevokeKey{KeyID: operators[0].KeyIDs[0]}, by("chief")); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Second)
	if _, err := other.Authenticate(t.Context(), b.key); !errors.Is(err, access.ErrKeyInvalid) {
		t.Errorf("a second later on another node: %v", err)
	}
}

func TestRepeatedCommandGivesTheSameAnswerWithoutTheSecret(t *testing.T) {
	b := newBench(t)
	m := by("chief")
	c := access.CreateOperator{Operator: "kuaiji", DisplayName: "会计", IssueKey: true}
	first, err := b.CreateOperator(t.Context(), c, m)
	if err != nil || first == "" {
		t.Fatalf("key %q, %v", first, err)
	}
	again, err := b.CreateOperator(t.Context(), c, m)
	if err != nil || again != "" {
		t.Errorf("repeated: key %q, %v", again, err)
	}
	issue := by("chief")
	id, _, err := b.IssueKey(t.Context(), access.IssueKey{Operator: "kuaiji"}, issue)
	if err != nil {
		t.Fatal(err)
	}
	// A node that only reads the log knows the answer too.
	sameID, key, err := b.node().IssueKey(t.Context(), access.IssueKey{Operator: "kuaiji"}, issue)
	if err != nil || sameID != id || key != "" {
		t.Errorf("repeated on another node: %q %q, %v", sameID, key, err)
	}
	c.DisplayName = "出纳"
	if _, err := b.CreateOperator(t.Context(), c, m); reason(err) != ledger.CommandIDReused {
		t.Errorf("the id with other content: %v", err)
	}
	if _, err := b.CreateOperator(t.Context(), access.CreateOperator{Operator: "kuaiji", DisplayName: "会计"}, by("chief")); reason(err) != ledger.AlreadyExists {
		t.Errorf("the same operator by another command: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	if _, err := b.CreateOperator(t.Context(), access.CreateOperator{Operator: "kuaiji", DisplayName: "会计"}, by("chief")); err != nil {
		t.Fatal(err)
	}
	create := func(c access.CreateOperator, actor string) error {
		_, err := b.CreateOperator(t.Context(), c, by(actor))
		return err
	}
	for _, c := range []struct {
		what string
		err  error
		want ledger.Reason
	}{
		{"a name with a path in it", create(access.CreateOperator{Operator: "../x", DisplayName: "x"}, "chief"), ledger.IDInvalid},
		{"no display name", create(access.CreateOperator{Operator: "xx"}, "chief"), ledger.TextInvalid},
		{"61 characters", create(access.CreateOperator{Operator: "xx", DisplayName: strings.Repeat("账", 61)}, "chief"), ledger.TextInvalid},
		{"a direction character", create(access.CreateOperator{Operator: "xx", DisplayName: "a\u202eb"}, "chief"), ledger.TextInvalid},
		{"an actor who is no admin", create(access.CreateOperator{Operator: "xx", DisplayName: "x"}, "kuaiji"), ledger.RoleMissing},
		{"an actor who does not exist", create(access.CreateOperator{Operator: "xx", DisplayName: "x", Admin: true}, "xx"), ledger.RoleMissing},
		{"no command id", func() error {
			return b.RevokeKey(t.Context(), access.RevokeKey{KeyID: "x"}, access.Meta{Actor: "chief"})
		}(), ledger.FieldInvalid},
		{"an unknown key", b.RevokeKey(t.Context(), access.RevokeKey{KeyID: "x"}, by("chief")), access.KeyUnknown},
		{"an unknown operator", func() error {
			_, _, err := b.IssueKey(t.Context(), access.IssueKey{Operator: "nobody"}, by("chief"))
			return err
		}(), access.OperatorUnknown},
		{"an end that is over", func() error {
			_, _, err := b.IssueKey(t.Context(), access.IssueKey{Operator: "chief", Expires: b.now}, by("chief"))
			return err
		}(), ledger.DateInvalid},
	} {
		if reason(c.err) != c.want {
			t.Errorf("%s: %v, want %s", c.what, c.err, c.want)
		}
	}
	if n, _ := b.store.Version(t.Context(), ledger.StreamAccess); n != 3 {
		t.Errorf("%d events, refusals store nothing", n)
	}
}

func TestFirstOperatorHasToBeAnAdmin(t *testing.T) {
	s := access.NewService(eventstore.NewMemory(), time.Now)
	if exists, err := s.Exists(t.Context()); err != nil || exists {
		t.Fatalf("an empty store: %v, %v", exists, err)
	}
	if _, err := s.CreateOperator(t.Context(), access.CreateOperator{Operator: "chief", DisplayName: "x"}, by("chief")); reason(err) != ledger.RoleMissing {
		t.Errorf("a first operator without the flag: %v", err)
	}
	if _, err := s.CreateOperator(t.Context(), access.CreateOperator{Operator: "chief", DisplayName: "x", Admin: true}, by("chief")); err != nil {
		t.Errorf("a first admin: %v", err)
	}
	if exists, err := s.Exists(t.Context()); err != nil || !exists {
		t.Errorf("after the first: %v, %v", exists, err)
	}
}

// TestWritersOnTwoNodesLoseNothing lets two nodes create operators at once on one store, where each append of one is a
// conflict of the other.
func TestWritersOnTwoNodesLoseNothing(t *testing.T) {
	b := newBench(t)
	const each = 20
	var all sync.WaitGroup
	for n, node := range []*access.Service{b.node(), b.node()} {
		all.Go(func() {
			for i := range each {
				c := access.CreateOperator{Operator: fmt.Sprintf("op-%d-%d", n, i), DisplayName: "x", IssueKey: true}
				if _, err := node.CreateOperator(context.Background(), c, by("chief")); err != nil {
					t.Errorf("node %d, operator %d: %v", n, i, err)
				}
				if _, _, err := node.Operator(context.Background(), "op-0-0"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	operators, err := b.Operators(t.Context())
	if err != nil || len(operators) != 1+2*each {
		t.Errorf("%d operators, %v, want %d", len(operators), err, 1+2*each)
	}
}

// racer is a store on which somebody else is faster: before each of the first `races` appends another one happens.
type racer struct {
	eventstore.Store
	races int
	run   func(n int)
}

func (r *racer) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if n := r.races; n > 0 {
		r.races--
		r.run(n)
	}
	return r.Store.Append(ctx, stream, expected, events)
}

func TestLosingARaceDecidesAnew(t *testing.T) {
	b := newBench(t)
	other := b.node()
	r := &racer{Store: b.store, run: func(n int) {
		if _, err := other.CreateOperator(t.Context(), access.CreateOperator{Operator: fmt.Sprintf("op-%d", n), DisplayName: "x"}, by("chief")); err != nil {
			t.Error(err)
		}
	}}
	slow := access.NewService(r, func() time.Time { return b.now })
	r.races = 9
	if _, err := slow.CreateOperator(t.Context(), access.CreateOperator{Operator: "slow", DisplayName: "x"}, by("chief")); err != nil {
		t.Errorf("after nine lost races: %v", err)
	}
	r.races = 1
	if _, err := slow.CreateOperator(t.Context(), access.CreateOperator{Operator: "op-1", DisplayName: "x"}, by("chief")); reason(err) != ledger.AlreadyExists {
		t.Errorf("an operator that exists already: %v", err)
	}
	r.run = func(n int) { // another name each time, without end
		if _, err := other.CreateOperator(t.Context(), access.CreateOperator{Operator: fmt.Sprintf("more-%d", n), DisplayName: "x"}, by("chief")); err != nil {
			t.Error(err)
		}
	}
	r.races = 100
	if _, err := slow.CreateOperator(t.Context(), access.CreateOperator{Operator: "never", DisplayName: "x"}, by("chief")); err == nil || reason(err) != "" {
		t.Errorf("after races without end: %v", err)
	}
	if r.races < 80 {
		t.Errorf("%d attempts: they are bounded", 100-r.races)
	}
}

func TestDamageIsLoud(t *testing.T) {
	b := newBench(t)
	bad := eventstore.NewEvent{Type: "key_revoked", Data: []byte{1, 2, 3}}
	if _, err := b.store.Append(t.Context(), ledger.StreamAccess, 2, []eventstore.NewEvent{bad}); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Minute)
	var corrupt *eventstore.CorruptError
	if _, err := b.Authenticate(t.Context(), b.key); !errors.As(err, &corrupt) || corrupt.Version != 3 {
		t.Errorf("signing in over a damaged stream: %v", err)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := access.NewService(eventstore.NewMemory(), time.Now)
	key, err := s.CreateOperator(b.Context(), access.CreateOperator{Operator: "chief", DisplayName: "x", Admin: true, IssueKey: true}, by("chief"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Authenticate(b.Context(), key); err != nil {
			b.Fatal(err)
		}
	}
}

// silent is a store that answers no read any more, once it is told so.
type silent struct {
	eventstore.Store
	on    *atomic.Bool
	asked *atomic.Int64
}

func (s silent) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	if !s.on.Load() {
		return s.Store.Read(ctx, stream, after)
	}
	return func(yield func(eventstore.Event, error) bool) {
		s.asked.Add(1)
		<-ctx.Done()
		yield(eventstore.Event{}, ctx.Err())
	}
}

// TestSigningInWhileTheStoreIsAway: who could sign in still can; one call in a while asks the store, for a bounded time, and the
// others do not wait for it.
func TestSigningInWhileTheStoreIsAway(t *testing.T) {
	b := newBench(t)
	s := silent{b.store, new(atomic.Bool), new(atomic.Int64)}
	node := access.NewService(s, func() time.Time { return b.now })
	if _, err := node.Authenticate(t.Context(), b.key); err != nil {
		t.Fatal(err)
	}
	s.on.Store(true)
	for range 2 {
		b.now = b.now.Add(2 * time.Second)
		before := s.asked.Load()
		var calls sync.WaitGroup
		for range 50 {
			calls.Go(func() {
				if _, err := node.Authenticate(t.Context(), b.key); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if n := s.asked.Load() - before; n != 1 {
			t.Errorf("the store was asked %d times, want once", n)
		}
	}
}

// TestNewKeyOpensOnOtherNodesAtOnce: a key that a node does not know makes it look, not more often than every 50 ms.
func TestNewKeyOpensOnOtherNodesAtOnce(t *testing.T) {
	b := newBench(t)
	other := b.node()
	if _, err := other.Authenticate(t.Context(), b.key); err != nil {
		t.Fatal(err)
	}
	_, key, err := b.IssueKey(t.Context(), access.IssueKey{Operator: "chief"}, by("chief"))
	if err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(60 * time.Millisecond)
	if _, err := other.Authenticate(t.Context(), key); err != nil {
		t.Errorf("a key of a moment ago: %v", err)
	}
}
