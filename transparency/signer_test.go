package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// treeOf is the tree of the first n of a log of invented leaves, and the leaves.
func treeOf(n int, seed byte) (tree, *leaves) {
	var t tree
	l := new(leaves)
	for i := range n {
		leaf := tlog.Hash{seed, byte(i), byte(i >> 8)}
		l.memory = append(l.memory, leaf)
		t.add(leaf)
	}
	return t, l
}

func headOf(t tree) Head { return Head{Origin: villageLog, Size: t.size, Root: t.root()} }

// proofBetween is the proof between two sizes of a log of invented leaves, by tlog itself.
func proofBetween(tb testing.TB, old, size int, seed byte) []Hash {
	tb.Helper()
	if old == 0 || old == size {
		return nil
	}
	_, l := treeOf(size, seed)
	proof, err := tlog.ProveTree(int64(size), int64(old), &nodes{known: l})
	if err != nil {
		tb.Fatal(err)
	}
	return proof
}

func newTestSigner(t testing.TB, dir string) *LocalSigner {
	t.Helper()
	s, err := OpenSigner(dir, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// The proof from the right edge and the leaves since is the one that tlog makes from all leaves, for every pair of sizes.
func TestStepNeedsNoEarlierLeaves(t *testing.T) {
	const most = 70
	for size := 1; size <= most; size++ {
		whole, all := treeOf(size, 1)
		for old := 1; old < size; old++ {
			base, _ := treeOf(old, 1)
			later := &leaves{path: filepath.Join(t.TempDir(), "none"), stored: uint64(old), memory: all.memory[old:]}
			proof, err := later.step(base, whole)
			if err != nil {
				t.Fatalf("from %d to %d: %v", old, size, err)
			}
			if want := proofBetween(t, old, size, 1); fmt.Sprint(proof) != fmt.Sprint(want) {
				t.Fatalf("from %d to %d: %v, not %v", old, size, proof, want)
			}
		}
	}
}

func TestSignerSignsForwardAndBackAndNothingElse(t *testing.T) {
	const most = 12
	for last := 1; last <= most; last++ {
		for size := 1; size <= most; size++ {
			dir := t.TempDir()
			s := newTestSigner(t, dir)
			before, _ := treeOf(last, 1)
			if _, err := s.Sign(t.Context(), headOf(before), 0, nil); err != nil {
				t.Fatal(err)
			}
			small, large := min(last, size), max(last, size)
			good := proofBetween(t, small, large, 1)
			now, _ := treeOf(size, 1)
			other, _ := treeOf(size, 2)
			if _, err := s.Sign(t.Context(), headOf(other), uint64(last), good); !isFork(err, headOf(before), headOf(other)) {
				t.Fatalf("%d after %d, another log: %v", size, last, err)
			}
			if len(good) > 0 {
				for i := range good {
					bad := append([]Hash(nil), good...)
					bad[i][3] ^= 1
					if _, err := s.Sign(t.Context(), headOf(now), uint64(last), bad); !isFork(err, headOf(before), headOf(now)) {
						t.Fatalf("%d after %d, hash %d wrong: %v", size, last, i, err)
					}
				}
				if _, err := s.Sign(t.Context(), headOf(now), uint64(last), good[1:]); !isFork(err, headOf(before), headOf(now)) {
					t.Fatalf("%d after %d without its first hash: %v", size, last, err)
				}
				if _, err := s.Sign(t.Context(), headOf(now), uint64(last), nil); !isFork(err, headOf(before), headOf(now)) {
					t.Fatalf("%d after %d without a proof: %v", size, last, err)
				}
			}
			var stale *StaleError
			if _, err := s.Sign(t.Context(), headOf(now), uint64(last)+1, good); headOf(now) != headOf(before) && (!errors.As(err, &stale) || stale.Last != headOf(before)) {
				t.Fatalf("with another old size: %v", err)
			}
			msg, err := s.Sign(t.Context(), headOf(now), uint64(last), good)
			if err != nil {
				t.Fatalf("%d after %d: %v", size, last, err)
			}
			if h, err := OpenHead(msg, LogVerifierKey(testSecret, villageLog)); err != nil || h != headOf(now) {
				t.Fatalf("%d after %d: %v, %v", size, last, h, err)
			}
			// The memory only goes forward, here and on the disk.
			want, _ := treeOf(large, 1)
			s.Close()
			for _, signer := range []*LocalSigner{s, newTestSigner(t, dir)} {
				if got, err := signer.Last(t.Context(), villageLog); err != nil || got != headOf(want) {
					t.Fatalf("after %d and %d it remembers %v, %v", last, size, got, err)
				}
			}
		}
	}
}

// A memory that another process has moved on meanwhile is what counts, not what this one knew of it: a head that begins with what is known
// here, and not with what is remembered there, is a fork.
func TestMemoryThatAnotherProcessMovedOn(t *testing.T) {
	dir := t.TempDir()
	first, second := newTestSigner(t, dir), newTestSigner(t, dir)
	common, _ := treeOf(5, 1)
	if _, err := first.Sign(t.Context(), headOf(common), 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if last, err := second.Last(t.Context(), villageLog); err != nil || last != headOf(common) {
		t.Fatal(last, err)
	}
	there, _ := treeOf(7, 1)
	if _, err := first.Sign(t.Context(), headOf(there), 5, proofBetween(t, 5, 7, 1)); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	// The same five events, and three others behind them.
	other, all := treeOf(5, 1)
	for i := range 3 {
		leaf := tlog.Hash{2, byte(i)}
		all.memory = append(all.memory, leaf)
		other.add(leaf)
	}
	proof, err := tlog.ProveTree(8, 5, &nodes{known: all})
	if err != nil {
		t.Fatal(err)
	}
	var stale *StaleError
	if _, err := second.Sign(t.Context(), headOf(other), 5, proof); !errors.As(err, &stale) || stale.Last != headOf(there) {
		t.Fatalf("a fork of what another process signed: %v", err)
	}
	if _, err := second.Sign(t.Context(), headOf(other), 7, nil); !isFork(err, headOf(there), headOf(other)) {
		t.Errorf("a fork of what another process signed: %v", err)
	}
	last, _ := treeOf(9, 1)
	if _, err := second.Sign(t.Context(), headOf(last), 7, proofBetween(t, 7, 9, 1)); err != nil {
		t.Error(err)
	}
}

func isFork(err error, signed, refused Head) bool {
	var fork *ForkError
	return errors.As(err, &fork) && fork.Signed == signed && fork.Refused == refused
}

func TestSignerRefusesOddHeads(t *testing.T) {
	s := newTestSigner(t, t.TempDir())
	for name, h := range map[string]Head{
		"no origin": {Size: 1}, "a bad origin": {Origin: "a b", Size: 1}, "too large": {Origin: villageLog, Size: headSizeMax + 1},
		"an empty log with a root": {Origin: villageLog, Root: Hash{1}},
	} {
		if _, err := s.Sign(t.Context(), h, 0, nil); err == nil {
			t.Errorf("%s is signed", name)
		}
	}
	if _, err := s.Sign(t.Context(), Head{Origin: villageLog, Root: emptyRoot}, 0, nil); err != nil {
		t.Errorf("an empty log: %v", err)
	}
	if last, _ := s.Last(t.Context(), villageLog); last.Size != 0 {
		t.Errorf("it remembers %v", last)
	}
	if _, err := OpenSigner(t.TempDir()); err == nil {
		t.Error("a signer without a secret")
	}
}

// The evidence of a fork is the head that was signed, signed again, and the one that was refused; once however often it is asked.
func TestForkEvidence(t *testing.T) {
	dir := t.TempDir()
	s := newTestSigner(t, dir)
	good, _ := treeOf(5, 1)
	bad, _ := treeOf(5, 2)
	if _, err := s.Sign(t.Context(), headOf(good), 0, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Sign(t.Context(), headOf(bad), 5, nil); !isFork(err, headOf(good), headOf(bad)) {
			t.Fatal(err)
		}
	}
	kept := evidence(t, dir)
	if len(kept) != 1 {
		t.Fatalf("%d files of evidence", len(kept))
	}
	signed, refused, ok := bytes.Cut(kept[0], []byte("\nrefused\n"))
	if h, err := OpenHead(signed, LogVerifierKey(testSecret, villageLog)); !ok || err != nil || h != headOf(good) {
		t.Errorf("signed: %v, %v", h, err)
	}
	if h, err := parseBody(string(refused)); err != nil || h != headOf(bad) {
		t.Errorf("refused: %v, %v", h, err)
	}
	for i := range 2 * forksMax {
		_, _ = s.Sign(t.Context(), Head{Origin: villageLog, Size: 5, Root: Hash{9, byte(i)}}, 5, nil)
	}
	if n := len(evidence(t, dir)); n != forksMax {
		t.Errorf("%d files of evidence, not %d", n, forksMax)
	}
}

func evidence(t testing.TB, dir string) (all [][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), forkSuffix) {
			all = append(all, readFile(t, filepath.Join(dir, e.Name())))
		}
	}
	return all
}

// A crash after the memory was written and before the head was signed: the head is asked for again and signed, and no other is.
func TestCrashBetweenMemoryAndSignature(t *testing.T) {
	dir := t.TempDir()
	inner := newFake()
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 0, 7)
	if _, _, err := s.Head(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, memoryPath(dir, villageLog))
	head := readFile(t, headPath(dir, village))
	appendMany(t, s, village, 7, 11)
	if _, _, err := s.Head(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	after := readFile(t, memoryPath(dir, villageLog))
	for _, cut := range []int{0, 1, 4095, 4096, 4097, 5000, len(after)} { // of the slots: nothing, or a part, or all of the new one was written
		torn := append(bytes.Clone(after[:cut]), before[cut:]...)
		writeFile(t, memoryPath(dir, villageLog), torn)
		writeFile(t, headPath(dir, village), head)
		crashed(t, dir)
		again := openStore(t, inner, dir)
		wantHead(t, again, inner, village, villageLog)
		closeStore(t, again)
	}
}

// Putting back the log and the heads together to an older copy is caught by what the signer remembers, however the stream is
// looked at, and so is a history that was rewritten and whose head was taken away or replaced by an earlier one.
func TestSignerRemembersWhatTheDirectoryForgot(t *testing.T) {
	inner, dir := makeLog(t, 6)
	oldHead, oldNodes, old := readFile(t, headPath(dir, village)), readFile(t, nodesPath(dir, village)), copyLog(inner.get(village))
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 6, 12)
	closeStore(t, s)
	long := copyLog(inner.get(village))
	rewritten := copyLog(long)
	rewritten[8].Data[0] ^= 1
	for name, c := range map[string]struct {
		log  []eventstore.Event
		head []byte
		bad  uint64
		fork bool
	}{
		"rolled back":            {old, oldHead, 7, false},
		"gone":                   {nil, firstHead(t), 1, false},
		"rewritten":              {rewritten, oldHead, 9, true},
		"rewritten from nothing": {rewritten, firstHead(t), 9, true},
	} {
		for way, look := range map[string]func(s *Store) error{
			"read": func(s *Store) error { _, err := readAll(t, s, village, 0); return err },
			"head": func(s *Store) error { _, _, err := s.Head(t.Context(), village); return err },
			"append": func(s *Store) error {
				_, err := s.Append(t.Context(), village, uint64(len(c.log)), []eventstore.NewEvent{event(1)})
				return err
			},
			"verify": func(s *Store) error {
				r, err := s.Verify(t.Context(), village)
				if err == nil && !r.OK {
					err = corrupt(village, r.FirstBad, "%s", r.Reason)
				}
				return err
			},
		} {
			for _, leafFile := range []bool{true, false} {
				inner.set(village, copyLog(c.log))
				writeFile(t, headPath(dir, village), c.head)
				_ = os.Remove(nodesPath(dir, village))
				if leafFile {
					writeFile(t, nodesPath(dir, village), oldNodes)
				}
				_ = os.Remove(filepath.Join(dir, closedFile))
				bad := c.bad
				if c.fork {
					bad = 0 // the leaf hashes of what was signed are gone
				}
				s := openStore(t, inner, dir)
				if err := look(s); !isDamage(err, bad) {
					t.Errorf("%s, %s, leaf file %v: %v", name, way, leafFile, err)
				}
				_ = s.Close()
			}
		}
		if kept := len(evidence(t, signerDir(dir))); c.fork && kept == 0 {
			t.Errorf("%s: no evidence was kept", name)
		}
	}
	// With the leaf hashes of what was signed it is the event that is named.
	inner.set(village, copyLog(long))
	writeFile(t, headPath(dir, village), oldHead)
	_ = os.Remove(nodesPath(dir, village))
	_ = os.Remove(filepath.Join(dir, closedFile))
	s = openStore(t, inner, dir)
	wantHead(t, s, inner, village, villageLog)
	closeStore(t, s)
	inner.set(village, rewritten)
	writeFile(t, headPath(dir, village), oldHead)
	crashed(t, dir)
	s = openStore(t, inner, dir)
	if _, err := readAll(t, s, village, 0); !isDamage(err, 9) {
		t.Errorf("with leaf hashes: %v", err)
	}
}

// Without a memory, as in directories of before there was one, a log is taken as its head says, and remembered from then on.
func TestEmptyMemoryBeginsWithTheHead(t *testing.T) {
	inner, dir := makeLog(t, 3000)
	if err := os.RemoveAll(signerDir(dir)); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, inner, dir)
	wantHead(t, s, inner, village, villageLog)
	if last, err := s.signer.Last(t.Context(), villageLog); err != nil || last.Size != 0 {
		t.Errorf("it remembers %v, %v before anything was signed", last, err)
	}
	appendMany(t, s, village, 3000, 3001)
	wantHead(t, s, inner, village, villageLog)
	if last, err := s.signer.Last(t.Context(), villageLog); err != nil || last.Size != 3001 {
		t.Errorf("it remembers %v, %v", last, err)
	}
}

// A memory that is behind the head, as after it alone was put back, is caught up; the log has to have what it remembers.
func TestMemoryBehindTheHead(t *testing.T) {
	inner, dir := makeLog(t, 2500)
	memory := readFile(t, memoryPath(dir, villageLog))
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 2500, 2600)
	closeStore(t, s)
	writeFile(t, memoryPath(dir, villageLog), memory)
	s = openStore(t, inner, dir)
	wantHead(t, s, inner, village, villageLog)
	appendMany(t, s, village, 2600, 2601)
	wantHead(t, s, inner, village, villageLog)
	closeStore(t, s)

	writeFile(t, memoryPath(dir, villageLog), bytes.Repeat([]byte{1}, len(memory)))
	s = openStore(t, inner, dir)
	if _, err := readAll(t, s, village, 0); err == nil {
		t.Error("a damaged memory was taken for none")
	}
}

// rotationTest makes rotations of events of the type rotated: generation, old and new key, by line.
func rotationTest(e eventstore.Event) (Rotation, bool) {
	if e.Type != "rotated" {
		return Rotation{}, false
	}
	r := Rotation{Version: e.Version}
	_, err := fmt.Sscanf(string(e.Data), "%d %s %s", &r.Generation, &r.OldKey, &r.NewKey)
	return r, err == nil
}

func openRotating(t testing.TB, inner eventstore.Store, dir string) *Store {
	t.Helper()
	s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{HeadInterval: time.Millisecond, Rotation: rotationTest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// rotate appends the rotation to a generation.
func rotate(t testing.TB, s *Store, inner *fake, generation uint32) Rotation {
	t.Helper()
	from, err1 := s.signer.Key(t.Context(), villageLog, generation-1)
	to, err2 := s.signer.Key(t.Context(), villageLog, generation)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	e := eventstore.NewEvent{Type: "rotated", Data: fmt.Appendf(nil, "%d %s %s", generation, from.VerifierKey, to.VerifierKey)}
	n := uint64(len(inner.get(village)))
	if _, err := s.Append(t.Context(), village, n, []eventstore.NewEvent{e}); err != nil {
		t.Fatal(err)
	}
	return Rotation{n + 1, generation, from.VerifierKey, to.VerifierKey}
}

func signedBy(msg []byte, keys ...string) (by []bool) {
	for _, k := range keys {
		_, err := ParseCheckpoint(msg, k)
		by = append(by, err == nil)
	}
	return by
}

func TestRotation(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openRotating(t, inner, dir)
	appendMany(t, s, village, 0, 4)
	_, before, err := s.Head(t.Context(), village)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Retire(t.Context(), village, 0); !errors.Is(err, ErrNoKey) {
		t.Errorf("retire the only key: %v", err)
	}
	r := rotate(t, s, inner, 2)
	_, both, err := s.Head(t.Context(), village)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(signedBy(before, r.OldKey, r.NewKey), signedBy(both, r.OldKey, r.NewKey)); got != "[true false] [true true]" {
		t.Errorf("signed before and after by the old and the new key: %s", got)
	}
	// A crash right after the rotation was stored: the first head that covers it has both signatures all the same.
	writeFile(t, headPath(dir, village), before)
	_ = os.Remove(memoryPath(dir, villageLog) + keysSuffix)
	_ = os.Remove(memoryPath(dir, villageLog))
	s2 := openRotating(t, inner, dir)
	if _, msg, err := s2.Head(t.Context(), village); err != nil || fmt.Sprint(signedBy(msg, r.OldKey, r.NewKey)) != "[true true]" {
		t.Errorf("after a crash: %s, %v", msg, err)
	}
	appendMany(t, s2, village, 5, 8)
	head, kept, err := s2.Retire(t.Context(), village, 2)
	if err != nil || head.Size != 8 || fmt.Sprint(signedBy(kept, r.OldKey, r.NewKey)) != "[true true]" {
		t.Fatalf("retire: %v, %s, %v", head, kept, err)
	}
	_, after, err := s2.Head(t.Context(), village)
	if err != nil || fmt.Sprint(signedBy(after, r.OldKey, r.NewKey)) != "[false true]" {
		t.Errorf("after the old key ended: %s, %v", after, err)
	}
	closeStore(t, s2)
	s3 := openRotating(t, inner, dir)
	r3 := rotate(t, s3, inner, 3)
	if r3.OldKey != r.NewKey {
		t.Fatalf("generation 3 comes after %s", r3.OldKey)
	}
	if _, _, err := s3.Retire(t.Context(), village, 0); err != nil {
		t.Fatal(err)
	}
	heads, err := s3.KeptHeads(village)
	if err != nil || len(heads) != 2 {
		t.Fatalf("%d heads are kept, %v", len(heads), err)
	}
	var notes [][]byte
	for _, msg := range heads {
		notes = append(notes, msg)
	}
	log := inner.get(village)
	rootAt := func(size uint64) (Hash, bool) {
		if size > uint64(len(log)) {
			return Hash{}, false
		}
		return naiveLogRoot(villageLog, log[:size]), true
	}
	rotations := []Rotation{r, r3}
	for _, known := range []string{r.OldKey, r.NewKey, r3.NewKey} {
		if key, err := FollowKeys(known, rotations, notes, rootAt); err != nil || key != r3.NewKey {
			t.Errorf("from %s: %s, %v", known, key, err)
		}
	}
	other := LogVerifierKey(bytes.Repeat([]byte{9}, 32), villageLog)
	if key, err := FollowKeys(other, rotations, notes, rootAt); err != nil || key != other {
		t.Errorf("from a key that is not of the log: %s, %v", key, err)
	}
	forged := func(size uint64) (Hash, bool) { return Hash{1}, true }
	for name, f := range map[string]func() (string, error){
		"no heads":            func() (string, error) { return FollowKeys(r.OldKey, rotations, nil, rootAt) },
		"of another log":      func() (string, error) { return FollowKeys(r.OldKey, rotations, notes, forged) },
		"before the rotation": func() (string, error) { return FollowKeys(r.OldKey, rotations, [][]byte{before}, rootAt) },
		"one key alone":       func() (string, error) { return FollowKeys(r.OldKey, rotations, [][]byte{after}, rootAt) },
		"a forged rotation": func() (string, error) {
			return FollowKeys(r.OldKey, []Rotation{{r.Version, 2, r.OldKey, other}}, notes, rootAt)
		},
		"a step left out": func() (string, error) {
			return FollowKeys(r.OldKey, []Rotation{r, {r3.Version, 4, r3.OldKey, r3.NewKey}}, notes, rootAt)
		},
		"another chain": func() (string, error) {
			return FollowKeys(r.OldKey, []Rotation{r, {r3.Version, 3, other, r3.NewKey}}, notes, rootAt)
		},
	} {
		if key, err := f(); err == nil {
			t.Errorf("%s: it leads to %s", name, key)
		}
	}
}

// Every changed bit of a head file with two signatures, and of the file of keys, is noticed.
func TestEveryBitOfTwoSignatures(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openRotating(t, inner, dir)
	appendMany(t, s, village, 0, 3)
	rotate(t, s, inner, 2)
	if _, _, err := s.Head(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	keys, err := s.signer.Keys(t.Context(), villageLog)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v, %v", keys, err)
	}
	closeStore(t, s)
	msg := readFile(t, headPath(dir, village))
	if h, err := openSigned(msg, keys); err != nil || h.Size != 4 {
		t.Fatalf("%v, %v", h, err)
	}
	flips(msg, func(bad []byte) {
		if h, err := openSigned(bad, keys); err == nil {
			t.Fatalf("it is opened as %v: %q", h, bad)
		}
	})
	if _, err := openSigned(append(bytes.Clone(msg), msg[bytes.LastIndex(msg[:len(msg)-1], []byte("\n"))+1:]...), keys); err == nil {
		t.Error("a signature that stands there twice is accepted")
	}
	path := memoryPath(dir, villageLog) + keysSuffix
	good := readFile(t, path)
	flips(good, func(bad []byte) {
		writeFile(t, path, bad)
		if keys, err := newTestSigner(t, signerDir(dir)).Keys(t.Context(), villageLog); err == nil {
			t.Fatalf("keys are read as %v: %q", keys, bad)
		}
	})
	removeFile(t, path)
	if keys, err := newTestSigner(t, signerDir(dir)).Keys(t.Context(), villageLog); err == nil {
		t.Errorf("without the file of keys they are %v", keys)
	}
}

func flips(good []byte, f func(bad []byte)) {
	for at := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			f(bad)
		}
	}
}

// Keys to come are made of the last secret, those there are of theirs.
func TestAnotherSecret(t *testing.T) {
	dir, second := t.TempDir(), bytes.Repeat([]byte{8}, SecretBytes)
	first := newTestSigner(t, dir)
	one, _ := treeOf(1, 1)
	if _, err := first.Sign(t.Context(), headOf(one), 0, nil); err != nil {
		t.Fatal(err)
	}
	first.Close()
	s, err := OpenSigner(dir, testSecret, second)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if k, err := s.Key(t.Context(), villageLog, 1); err != nil || k.VerifierKey != LogVerifierKey(testSecret, villageLog) {
		t.Errorf("the first key is %v, %v", k, err)
	}
	want, err := newGeneration(second, villageLog, 2)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := s.Key(t.Context(), villageLog, 2); err != nil || k.VerifierKey != want.vkey || k.State != KeyUnused {
		t.Errorf("the second key is %v, %v", k, err)
	}
	if err := s.Rotate(t.Context(), villageLog, 2, "another"); err != nil {
		t.Fatal(err)
	}
	if keys, _ := s.Keys(t.Context(), villageLog); len(keys) != 1 {
		t.Errorf("a key of somebody else is in use: %v", keys)
	}
	if err := s.Rotate(t.Context(), villageLog, 2, want.vkey); err != nil {
		t.Fatal(err)
	}
	// A new log begins with the newest secret, and stays with it.
	if _, err := s.Sign(t.Context(), Head{Origin: "example.org/new", Size: 1, Root: Hash{1}}, 0, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	third, err := OpenSigner(dir, testSecret, second, bytes.Repeat([]byte{9}, SecretBytes))
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if k, err := third.Key(t.Context(), "example.org/new", 1); err != nil || k.VerifierKey != LogVerifierKey(second, "example.org/new") {
		t.Errorf("the key of the new log is %v, %v", k, err)
	}
	if _, err := newTestSigner(t, dir).Keys(t.Context(), villageLog); err == nil {
		t.Error("keys of a secret that is not there were made")
	}
}

// serveSigner serves a signer on a socket until the returned function is called.
func serveSigner(t testing.TB, s *LocalSigner, socket string) (stop func()) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ServeSigner(ctx, listener, s, slog.New(slog.DiscardHandler)) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func dial(t testing.TB, socket, cache string) *RemoteSigner {
	t.Helper()
	r, err := DialSigner(socket, cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// socketPath is short: the path of a socket has a hundred bytes at most.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// While the signer is away events are stored and read, heads wait, and proofs say so; when it is back all goes on by itself.
func TestSignerAwayAndBack(t *testing.T) {
	socket, dir, inner := socketPath(t), t.TempDir(), newFake()
	local := newTestSigner(t, t.TempDir())
	stop := serveSigner(t, local, socket)
	cache := filepath.Join(dir, "keys")
	open := func() *Store {
		s, err := Open(inner, dir, dial(t, socket, cache), villageOrigin, Options{HeadInterval: time.Millisecond, Rotation: rotationTest})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	s := open()
	appendMany(t, s, village, 0, 5)
	wantHead(t, s, inner, village, villageLog)
	stop()
	appendMany(t, s, village, 5, 9)
	if _, _, err := s.Head(t.Context(), village); !errors.Is(err, ErrSignerAway) {
		t.Errorf("a head: %v", err)
	}
	if _, _, err := s.ProveInclusion(t.Context(), village, 9, 0); !errors.Is(err, ErrSignerAway) {
		t.Errorf("a proof: %v", err)
	}
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 9 {
		t.Errorf("read: %d events, %v", len(log), err)
	}
	for deadline := time.Now().Add(10 * time.Second); s.Health().HeadsErr == nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := s.Health().HeadsErr; !errors.Is(err, ErrSignerAway) {
		t.Errorf("health says %v", err)
	}
	closeStore(t, s)
	s = open() // also a start needs no signer
	appendMany(t, s, village, 9, 10)
	stop = serveSigner(t, local, socket)
	defer stop()
	var head Head
	for deadline := time.Now().Add(10 * time.Second); head.Size != 10 && time.Now().Before(deadline); {
		_, _, next, err := s.NextHead(t.Context(), village)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-next:
		case <-time.After(time.Second):
		}
		if head, _, _, err = s.NextHead(t.Context(), village); err != nil {
			t.Fatal(err)
		}
	}
	if head.Size != 10 {
		t.Errorf("when the signer was back the head is %v", head)
	}
	wantHead(t, s, inner, village, villageLog)
	r := rotate(t, s, inner, 2)
	if _, msg, err := s.Head(t.Context(), village); err != nil || fmt.Sprint(signedBy(msg, r.OldKey, r.NewKey)) != "[true true]" {
		t.Errorf("rotated: %s, %v", msg, err)
	}
}

// A log that was rewritten while the signer was away is found out when it is back.
func TestRewrittenWhileTheSignerWasAway(t *testing.T) {
	socket, dir, inner := socketPath(t), t.TempDir(), newFake()
	signerDir := t.TempDir()
	local := newTestSigner(t, signerDir)
	stop := serveSigner(t, local, socket)
	cache := filepath.Join(dir, "keys")
	s, err := Open(inner, dir, dial(t, socket, cache), villageOrigin, Options{})
	if err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, village, 0, 5)
	if _, _, err := s.Head(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	old := readFile(t, headPath(dir, village))
	appendMany(t, s, village, 5, 8)
	if _, _, err := s.Head(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	stop()
	log := copyLog(inner.get(village))
	log[6].Data[0] ^= 1
	inner.set(village, log)
	writeFile(t, headPath(dir, village), old)
	_ = os.Remove(nodesPath(dir, village))
	crashed(t, dir)
	if s, err = Open(inner, dir, dial(t, socket, cache), villageOrigin, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	appendMany(t, s, village, 8, 9) // nobody can tell now
	stop = serveSigner(t, local, socket)
	defer stop()
	if _, _, err := s.Head(t.Context(), village); !isDamage(err, 0) {
		t.Errorf("when the signer is back: %v", err)
	}
	if len(evidence(t, signerDir)) == 0 {
		t.Error("no evidence was kept")
	}
}

// Two nodes of one store share a signer: each takes what the other has had signed.
func TestSharedSigner(t *testing.T) {
	inner, socket := newFake(), socketPath(t)
	stop := serveSigner(t, newTestSigner(t, t.TempDir()), socket)
	defer stop()
	node := func() *Store {
		dir := t.TempDir()
		s, err := Open(inner, dir, dial(t, socket, filepath.Join(dir, "keys")), villageOrigin, Options{Shared: true, HeadInterval: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeStore(t, s) })
		return s
	}
	a, b := node(), node()
	for i := range 30 {
		s, other := a, b
		if i%2 == 1 {
			s, other = b, a
		}
		appendMany(t, s, village, i, i+1)
		if h, _, err := s.Head(t.Context(), village); err != nil || h.Size != uint64(i)+1 {
			t.Fatalf("event %d, who stored it: %v, %v", i+1, h, err)
		}
		if i%5 == 0 {
			if h, _, err := other.Head(t.Context(), village); err != nil || h.Size > uint64(i)+1 {
				t.Fatalf("event %d, the other: %v, %v", i+1, h, err)
			}
		}
		if _, p, err := other.ProveInclusion(t.Context(), village, 1, 1); err != nil || p.Head.Size != 1 {
			t.Fatalf("a proof at 1 after event %d: %v", i+1, err)
		}
	}
}

// gated is a signer that can be away.
type gated struct {
	Signer
	away atomic.Bool
}

// Sign implements Signer.
func (g *gated) Sign(ctx context.Context, head Head, old uint64, proof []Hash) ([]byte, error) {
	if g.away.Load() {
		return nil, ErrSignerAway
	}
	return g.Signer.Sign(ctx, head, old, proof)
}

// A node whose tree is behind what another had signed reads on before it asks again; a log that ends before that lost events.
func TestSignerAheadOfTheTree(t *testing.T) {
	inner, local := newFake(), newTestSigner(t, t.TempDir())
	node := func() (*Store, *gated) {
		g := &gated{Signer: local}
		s, err := Open(inner, t.TempDir(), g, villageOrigin, Options{Shared: true, HeadInterval: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s, g
	}
	a, _ := node()
	b, gate := node()
	appendMany(t, b, village, 0, 2)
	gate.away.Store(true)
	appendMany(t, b, village, 2, 3)
	if _, err := readAll(t, a, village, 0); err != nil {
		t.Fatal(err)
	}
	appendMany(t, a, village, 3, 6)
	if h, _, err := a.Head(t.Context(), village); err != nil || h.Size != 6 {
		t.Fatalf("%v, %v", h, err)
	}
	gate.away.Store(false)
	if h, _, err := b.Head(t.Context(), village); err != nil || h.Size != 6 {
		t.Errorf("the node that was behind: %v, %v", h, err)
	}
	gate.away.Store(true)
	appendMany(t, b, village, 6, 7)
	if _, err := readAll(t, a, village, 0); err != nil {
		t.Fatal(err)
	}
	appendMany(t, a, village, 7, 9)
	if h, _, err := a.Head(t.Context(), village); err != nil || h.Size != 9 {
		t.Fatalf("%v, %v", h, err)
	}
	inner.set(village, inner.get(village)[:7])
	gate.away.Store(false)
	if _, _, err := b.Head(t.Context(), village); !isDamage(err, 8) {
		t.Errorf("a log that lost what was signed: %v", err)
	}
}

// What comes over the socket is bounded and in one form, or it is refused.
func TestHostileRequests(t *testing.T) {
	dir := t.TempDir()
	s := newTestSigner(t, dir)
	good, _ := treeOf(3, 1)
	request := string(formatSignRequest(headOf(good), 0, nil))
	for name, text := range map[string]string{
		"empty": "", "no body": "old 0\n\n", "a zero before": strings.Replace(request, "old 0", "old 00", 1), "no size": strings.Replace(request, "\n3\n", "\n\n", 1),
		"huge": request + strings.Repeat("x", 1<<17), "more": request + "x\n", "spaces": strings.Replace(request, "old 0", "old  0", 1),
		"64 hashes":    strings.Replace(request, "old 0\n", "old 0\n"+strings.Repeat(Hash{}.String()+"\n", 64), 1),
		"loose base64": strings.Replace(request, "=\n", "\n", 1), "a name with a space": strings.Replace(request, villageLog, "a b", 1),
	} {
		if _, _, _, err := parseSignRequest([]byte(text)); err == nil {
			t.Errorf("%s is understood", name)
		}
	}
	old, head, proof, err := parseSignRequest([]byte(request))
	if err != nil || old != 0 || head != headOf(good) || len(proof) != 0 {
		t.Errorf("%d, %v, %v, %v", old, head, proof, err)
	}
	for i := range 3 * logsMax {
		if _, err := s.Keys(t.Context(), fmt.Sprintf("example.org/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.logs); n > logsMax {
		t.Errorf("%d logs are kept in memory that nobody signed", n)
	}
}

func FuzzSignRequest(f *testing.F) {
	good, _ := treeOf(3, 1)
	f.Add(formatSignRequest(headOf(good), 2, []Hash{{1}, {2}}))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		old, head, proof, err := parseSignRequest(text)
		if err == nil && !bytes.Equal(formatSignRequest(head, old, proof), text) {
			t.Errorf("%q has another form", text)
		}
	})
}
