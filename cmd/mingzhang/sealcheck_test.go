package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// memoryFiles are published files without a disk.
type memoryFiles map[string][]byte

func (m memoryFiles) Read(_ context.Context, name string, _ int64) ([]byte, error) {
	if data, ok := m[name]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
}

// sealedLog is a log of 40 events: policy 1 at 10 (three of five, and the township), months closed at 12, 20 and 30, policy 2 at 18.
type sealedLog struct {
	t       *testing.T
	log     *transparency.Store
	key     string
	books   witness.Books
	files   memoryFiles
	now, at time.Time
	heads   map[uint64][]byte
}

func newSealedLog(t *testing.T) *sealedLog {
	secret := bytes.Repeat([]byte{9}, transparency.SecretBytes)
	l := &sealedLog{t: t, key: transparency.LogVerifierKey(secret, "mingzhang.example/ours"), files: memoryFiles{}, heads: map[uint64][]byte{}, at: lt.Noon("2021-03-02"), now: lt.Noon("2021-03-05")}
	signer, err := transparency.OpenSigner(t.TempDir(), secret)
	if err != nil {
		t.Fatal(err)
	}
	l.log, err = transparency.Open(eventstore.NewMemory(), t.TempDir(), signer, func(string, eventstore.Event) (string, error) { return "mingzhang.example/ours", nil }, transparency.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.log.Close() })
	var events []eventstore.NewEvent
	for i := range 40 {
		events = append(events, eventstore.NewEvent{Type: "income_recorded", Data: fmt.Appendf(nil, "event %d", i)})
	}
	if _, err := l.log.Append(t.Context(), "ours", 0, events); err != nil {
		t.Fatal(err)
	}
	groups := func(first string) []*eventv1.WitnessGroup {
		return []*eventv1.WitnessGroup{lt.WitnessGroup("committee", 3, first, "second", "third", "fourth", "fifth"), lt.WitnessGroup("outside", 1, "township")}
	}
	for i, p := range []struct {
		event uint64
		first string
	}{{10, "first"}, {18, "sixth"}} {
		l.books.Policies = append(l.books.Policies, witness.Adopted{WitnessPolicyAdopted: &eventv1.WitnessPolicyAdopted{Version: uint32(i + 1), Groups: groups(p.first)}, Event: p.event})
	}
	for i, size := range []uint64{5, 12, 20, 30} {
		l.books.Closings = append(l.books.Closings, witness.Closing{Month: ledger.Month(202101 + i), Size: size, At: lt.Noon("2021-03-01")})
	}
	v, err := signednote.ParseVerifier(l.key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.books.Policies {
		text, err := l.books.Policies[i].Text(v)
		if err != nil {
			t.Fatal(err)
		}
		l.files[transparency.PolicyFileOf(uint32(i+1))] = text
		l.files[transparency.PolicyFile] = text
	}
	l.sign(12, "first", "second", "third", "township")
	l.sign(20, "first", "second", "fourth", "township", "sixth")
	l.sign(30, "sixth", "second", "fifth", "township")
	l.files[transparency.CheckpointFile] = l.head(40)
	return l
}

func (l *sealedLog) head(size uint64) []byte {
	if l.heads[size] == nil {
		_, p, err := l.log.ProveInclusion(l.t.Context(), "ours", size, size)
		if err != nil {
			l.t.Fatal(err)
		}
		l.heads[size] = p.Note
	}
	return bytes.Clone(l.heads[size])
}

// sign publishes a head with these signatures.
func (l *sealedLog) sign(size uint64, names ...string) {
	l.files[transparency.SealFile(size)] = l.cosigned(l.head(size), l.at, names...)
}

func (l *sealedLog) cosigned(msg []byte, at time.Time, names ...string) []byte {
	n, err := signednote.Parse(msg)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, name := range names {
		seed := lt.WitnessSeed(name)
		key, err := witness.NewKey("witness.example/"+name, seed[:])
		if err != nil {
			l.t.Fatal(err)
		}
		c, err := key.Cosign(n.Text, at)
		if err != nil {
			l.t.Fatal(err)
		}
		n.Signatures = append(n.Signatures, c.Line(key.Verifier()))
	}
	return n.Bytes()
}

func (l *sealedLog) check() (sealsFound, error) {
	key, err := signednote.ParseVerifier(l.key)
	if err != nil {
		l.t.Fatal(err)
	}
	head, err := transparency.ReadHead(l.head(40))
	if err != nil {
		l.t.Fatal(err)
	}
	c := &sealCheck{files: l.files, head: head, keys: []signednote.Verifier{key}, now: l.now, books: l.books, rootAt: func(size uint64) (transparency.Hash, bool) {
		h, err := transparency.ReadHead(l.head(size))
		return h.Root, err == nil
	}}
	err = c.withEvents(l.t.Context())
	return c.found, err
}

// TestPublishedSeals: what is sealed, by whom, and what is claimed and is not so.
func TestPublishedSeals(t *testing.T) {
	base := newSealedLog(t)
	found, err := base.check()
	if err != nil || found.Sealed != "2021-04" || found.Policy != 2 || found.Pending != 0 || found.CommitteeOnly || len(found.Missing) != 0 {
		t.Fatalf("%v: %+v", err, found)
	}
	for i, want := range []string{"1 first second third township", "1 first second fourth township", "2 sixth second fifth township"} {
		if m := found.Months[i]; fmt.Sprint(m.Policy, " ", strings.Join(m.Signed, " ")) != want || !m.Sealed {
			t.Errorf("%s: %+v, want %s", m.Month, m, want)
		}
	}
	for name, c := range map[string]struct {
		do    func(l *sealedLog)
		wants string
	}{
		"k-1, and the next policy is said to be in force": {func(l *sealedLog) { l.sign(20, "first", "second", "township") }, "policy: by the seals that are published policy 1 is in force"},
		"k-1 in one group": {func(l *sealedLog) { l.sign(20, "first", "second", "fourth") }, "policy: by the seals"},
		"one witness twice": {func(l *sealedLog) {
			m := l.files["checkpoint.20"]
			l.files["checkpoint.20"] = append(m, m[bytes.LastIndex(m, []byte("— ")):]...)
		}, "checkpoint.20"},
		"one witness twice at another time": {func(l *sealedLog) {
			l.files["checkpoint.20"] = append(l.files["checkpoint.20"], l.line(20, l.at.Add(time.Second), "first")...)
		}, "checkpoint.20"},
		"a removed member":                   {func(l *sealedLog) { l.sign(30, "first", "sixth", "second", "fifth", "township") }, "checkpoint.30: first has signed it, who was no witness of it by policy 2"},
		"a member before the policy had him": {func(l *sealedLog) { l.sign(12, "sixth", "first", "second", "third", "township") }, "checkpoint.12: sixth has signed it"},
		"a stranger":                         {func(l *sealedLog) { l.sign(30, "stranger", "sixth", "second", "fifth", "township") }, "is of no witness of this log"},
		"a time to come":                     {func(l *sealedLog) { l.at = l.now.Add(witness.FutureMax + time.Second); l.sign(30, "second") }, "in the future"},
		"a time before the month was closed": {func(l *sealedLog) {
			l.at = lt.Noon("2021-03-01").Add(-witness.FutureMax - time.Second)
			l.sign(30, "second")
		}, "before there was anything to sign"},
		"a signature of another month": {func(l *sealedLog) { l.files["checkpoint.30"] = append(l.head(30), l.line(20, l.at, "second")...) }, "does not verify"},
		"a head that the log has not signed": {func(l *sealedLog) {
			n, _ := signednote.Parse(l.files["checkpoint.30"])
			n.Signatures = n.Signatures[1:]
			l.files["checkpoint.30"] = n.Bytes()
		}, "the log has not signed it"},
		"the head of another month": {func(l *sealedLog) { l.files["checkpoint.30"] = l.files["checkpoint.20"] }, "it is the head of 20 events"},
		"another policy":            {func(l *sealedLog) { l.files["policy.2"] = l.files["policy.1"] }, "policy.2: it is not the witness policy that the log says"},
		"an easier policy": {func(l *sealedLog) {
			l.files["policy.1"] = bytes.Replace(l.files["policy.1"], []byte("committee 3"), []byte("committee 2"), 1)
		}, "policy.1: it is not"},
		"a policy of another log": {func(l *sealedLog) {
			l.files["policy.1"] = bytes.Replace(l.files["policy.1"], []byte("log mingzhang.example/ours"), []byte("log mingzhang.example/theirs"), 1)
		}, "policy.1"},
		"a stranger on the newest head": {func(l *sealedLog) { l.files["checkpoint"] = l.cosigned(l.head(40), l.at, "stranger") }, "checkpoint: the signature of"},
		"a policy that the log has not": {func(l *sealedLog) { l.books.Policies = nil }, "the log has adopted none"},
		"history changed after it was signed": {func(l *sealedLog) {
			l.files["checkpoint.20"] = bytes.Replace(l.files["checkpoint.20"], rootLine(l.head(20)), rootLine(l.head(19)), 1)
		}, "history was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newSealedLog(t)
			c.do(l)
			if _, err := l.check(); err == nil || !strings.Contains(err.Error(), c.wants) {
				t.Errorf("got %v, want %q", err, c.wants)
			}
		})
	}
	// What is told and is no error.
	l := newSealedLog(t)
	l.sign(30, "second", "township")
	delete(l.files, "policy.1")
	if found, err := l.check(); err != nil || found.Sealed != "2021-03" || found.Months[2].Sealed || strings.Join(found.Months[2].Lacking, " ") != "sixth third fourth fifth" || strings.Join(found.Missing, " ") != "policy.1" {
		t.Errorf("%v: %+v", err, found)
	}
}

func rootLine(msg []byte) []byte { return bytes.SplitAfter(msg, []byte("\n"))[2] }

// line is the signature line of one witness under a head.
func (l *sealedLog) line(size uint64, at time.Time, name string) []byte {
	msg := l.cosigned(l.head(size), at, name)
	return msg[bytes.LastIndex(msg, []byte("— ")):]
}

// TestEveryBitOfSeals: no bit of a head, of a signature or of a policy changes unseen.
func TestEveryBitOfSeals(t *testing.T) {
	l := newSealedLog(t)
	for _, name := range []string{"checkpoint.20", "policy.1", "policy"} {
		whole := l.files[name]
		for i := range whole {
			for bit := range 8 {
				bad := bytes.Clone(whole)
				bad[i] ^= 1 << bit
				l.files[name] = bad
				if _, err := l.check(); err == nil {
					t.Fatalf("%s: bit %d of byte %d (%q) is not missed", name, bit, i, whole[max(0, i-10):min(len(whole), i+10)])
				}
			}
		}
		l.files[name] = whole
	}
}
