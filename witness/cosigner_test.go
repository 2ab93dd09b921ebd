package witness

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/internal/headmemory"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// testLog is a log of the tests: it has a tree, and its key signs whatever it is told to.
type testLog struct {
	origin string
	key    ed25519.PrivateKey
	hashes []tlog.Hash
	size   int64
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		hashes[i] = l.hashes[at]
	}
	return hashes, nil
}

// newTestLog is a log of so many events. From the event from on its events are
// those of this word.
func newTestLog(t testing.TB, word string, from, size int64) *testLog {
	t.Helper()
	l := &testLog{origin: testOrigin, key: logKey()}
	for l.size < size {
		data := fmt.Sprintf("event %d", l.size)
		if l.size >= from {
			data += word
		}
		hashes, err := tlog.StoredHashes(l.size, []byte(data), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes, l.size = append(l.hashes, hashes...), l.size+1
	}
	return l
}

func (l *testLog) head(t testing.TB, size int64) transparency.Head {
	t.Helper()
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		t.Fatal(err)
	}
	if size == 0 {
		root = sha256.Sum256(nil)
	}
	return transparency.Head{Origin: l.origin, Size: uint64(size), Root: root}
}

func (l *testLog) note(t testing.TB, size int64) []byte {
	t.Helper()
	text := l.head(t, size).Text()
	s, err := signednote.Sign(l.origin, l.key, text)
	if err != nil {
		t.Fatal(err)
	}
	return signednote.Note{Text: text, Signatures: []signednote.Signature{s}}.Bytes()
}

// request is what an honest log of these events asks.
func (l *testLog) request(t testing.TB, old, size int64) []byte {
	t.Helper()
	p := transparency.Consistency{OldSize: uint64(old), Note: l.note(t, size)}
	if old > 0 && old < size {
		hashes, err := tlog.ProveTree(size, old, l)
		if err != nil {
			t.Fatal(err)
		}
		p.Hashes = hashes
	}
	return transparency.FormatConsistency(p)
}

func clock() time.Time { return testNow }

// newCosigner is a witness that watches the log of the tests.
func newCosigner(t testing.TB) (*Cosigner, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "witness")
	if _, err := Init(dir, "witness.example.org/1", seed(9)); err != nil {
		t.Fatal(err)
	}
	c := reopen(t, dir)
	if err := c.AddLog(logVerifier(t, testOrigin), transparency.Head{}); err != nil {
		t.Fatal(err)
	}
	return c, dir
}

func reopen(t testing.TB, dir string) *Cosigner {
	t.Helper()
	c, err := Open(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// mustCosign demands a cosignature, and that it is one.
func mustCosign(t testing.TB, c *Cosigner, l *testLog, old, size int64) {
	t.Helper()
	s, err := c.Cosign(l.request(t, old, size))
	if err != nil {
		t.Fatalf("from %d to %d: %v", old, size, err)
	}
	n := signednote.Note{Text: l.head(t, size).Text(), Signatures: []signednote.Signature{s}}
	if _, err := Cosigned(n, c.Verifier(), testTimes); err != nil {
		t.Fatalf("from %d to %d: %v", old, size, err)
	}
}

func remembered(t testing.TB, c *Cosigner) transparency.Head {
	t.Helper()
	h, err := c.Remembered(testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func state(t testing.TB, dir string) State {
	t.Helper()
	_, states, err := Read(dir)
	if err != nil || len(states) != 1 {
		t.Fatalf("state is %+v, %v", states, err)
	}
	return states[0]
}

func TestCosignsWhatGrows(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 70)
	old := int64(0)
	for size := int64(0); size <= l.size; size++ {
		mustCosign(t, c, l, old, size)
		mustCosign(t, c, l, size, size) // and again
		if got := remembered(t, c); got != l.head(t, size) || state(t, dir).Remembered != got {
			t.Fatalf("at %d it remembers %+v", size, got)
		}
		old = size
	}
	c.Close()
	c = reopen(t, dir)
	if got := remembered(t, c); got != l.head(t, 70) {
		t.Errorf("opened again it remembers %+v", got)
	}
	mustCosign(t, c, l, 70, 70)
}

func TestEveryPairOfSizes(t *testing.T) {
	l := newTestLog(t, "", 0, 20)
	for old := int64(0); old <= l.size; old++ {
		for size := old; size <= l.size; size++ {
			from := l.head(t, old)
			other := newTestLog(t, "x", max(old-1, 0), size) // differs in the last event that is remembered
			p, err := transparency.ParseConsistency(other.request(t, old, size))
			if err != nil {
				t.Fatal(err)
			}
			got, known := earlierRoot(uint64(old), p.Head, hashesOf(p))
			if want := old > 0 && old < size && old&(old-1) != 0; known != want || known && got != other.head(t, old).Root {
				t.Errorf("from %d to %d: root %x, %v", old, size, got, known)
			}
			if old > 0 && from.Root == other.head(t, old).Root {
				t.Fatal("the two histories are one")
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	l := newTestLog(t, "", 0, 30)
	other := newTestLog(t, "", 0, 30)
	other.origin = "example.org/log/2"
	stranger := newTestLog(t, "", 0, 30)
	stranger.key = ed25519.NewKeyFromSeed(seed(201))
	// A line under the name and hash of the log's key that does not verify, beside one of another key.
	forged := bytes.Replace(l.request(t, 11, 20), []byte("\n20\n"), []byte("\n21\n"), 1)
	longer := l.request(t, 11, 20)
	longer = bytes.Replace(longer, []byte("\n\n"), []byte("\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"), 1)
	size := func(n uint64) func(error) bool {
		return func(err error) bool {
			var conflict *ConflictError
			return errors.As(err, &conflict) && conflict.Size == n && conflict.Evidence == ""
		}
	}
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for name, test := range map[string]struct {
		request []byte
		want    func(error) bool
	}{
		"nothing":              {nil, is(signednote.ErrForm)},
		"no proof":             {l.note(t, 20), is(signednote.ErrForm)},
		"old above its size":   {l.request(t, 21, 20), is(signednote.ErrForm)},
		"unknown log":          {other.request(t, 11, 20), is(ErrUnknownLog)},
		"unknown key":          {stranger.request(t, 11, 20), is(ErrNotSigned)},
		"forged":               {forged, is(ErrNotSigned)},
		"old too small":        {l.request(t, 10, 20), size(11)},
		"old too large":        {l.request(t, 12, 20), size(11)},
		"smaller than before":  {l.request(t, 5, 10), size(11)},
		"the same, old 0":      {l.request(t, 0, 11), size(11)},
		"proof of other sizes": {bytes.Replace(l.request(t, 12, 20), []byte("old 12\n"), []byte("old 11\n"), 1), is(transparency.ErrProof)},
		"no hashes":            {append([]byte("old 11\n\n"), l.note(t, 20)...), is(transparency.ErrProof)},
		"one hash more":        {longer, is(transparency.ErrProof)},
		"hashes for nothing":   {append([]byte("old 11\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"), l.note(t, 11)...), is(transparency.ErrProof)},
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := newCosigner(t)
			mustCosign(t, c, l, 0, 11)
			if s, err := c.Cosign(test.request); err == nil || !test.want(err) {
				t.Errorf("answered with %v, %v", s, err)
			} else if _, fork := IsFork(err); fork {
				t.Errorf("called a fork: %v", err)
			}
			if got := remembered(t, c); got != l.head(t, 11) {
				t.Errorf("it remembers %+v", got)
			}
			if s := state(t, dir); len(s.Forks) > 0 {
				t.Errorf("it keeps %v", s.Forks)
			}
			mustCosign(t, c, l, 11, 20)
		})
	}
}

func TestLogWithoutEventsHasOneRoot(t *testing.T) {
	c, _ := newCosigner(t)
	head := transparency.Head{Origin: testOrigin, Root: tlog.Hash{1}}
	s, err := signednote.Sign(testOrigin, logKey(), head.Text())
	if err != nil {
		t.Fatal(err)
	}
	msg := signednote.Note{Text: head.Text(), Signatures: []signednote.Signature{s}}.Bytes()
	if _, err := c.Cosign(append([]byte("old 0\n\n"), msg...)); !errors.Is(err, transparency.ErrProof) {
		t.Errorf("another root of nothing: %v", err)
	}
}

// A thousand histories rewritten at some event and signed again with the real key of the log, of the size that is remembered and of
// larger ones, with the proofs that the rewriter can make: none is cosigned, and of each the evidence is kept.
func TestRewrittenHistories(t *testing.T) {
	const known, histories = 333, 1000
	c, dir := newCosigner(t)
	honest := newTestLog(t, "", 0, known+50)
	mustCosign(t, c, honest, 0, known)
	for i := range int64(histories) {
		size := int64(known)
		if i%2 == 1 {
			size += 1 + i%50
		}
		forged := newTestLog(t, fmt.Sprint("forged ", i), i%known, size)
		s, err := c.Cosign(forged.request(t, known, size))
		if err == nil {
			t.Fatalf("history %d of size %d was cosigned: %v", i, size, s)
		}
		evidence, fork := IsFork(err)
		if !fork {
			t.Fatalf("history %d of size %d: %v", i, size, err)
		}
		checkEvidence(t, evidence, honest.note(t, known), forged.note(t, size), forged.request(t, known, size))
	}
	if s := state(t, dir); len(s.Forks) != histories || s.Remembered != honest.head(t, known) {
		t.Errorf("%d pieces of evidence are kept, and %+v is remembered", len(s.Forks), s.Remembered)
	}
	mustCosign(t, c, honest, known, known+50)
}

func checkEvidence(t testing.TB, dir string, first, second, request []byte) {
	t.Helper()
	for name, want := range map[string][]byte{firstFile: first, secondFile: second, requestFile: request} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s in %s is %q, %v", name, dir, got, err)
		}
	}
}

// Where the proof leaves it open who lies, the head that the log signed is kept all the same, as long as there is room.
func TestSuspectsAreKept(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 300)
	mustCosign(t, c, l, 0, 64) // a power of two
	for size := int64(65); size < 165; size++ {
		forged := newTestLog(t, "forged", 3, size)
		_, err := c.Cosign(forged.request(t, 64, size))
		var refused *ProofError
		if !errors.As(err, &refused) || refused.Fork || !errors.Is(err, transparency.ErrProof) || (refused.Evidence != "") != (size < 65+suspectsMax) {
			t.Fatalf("size %d: %v, %+v", size, err, refused)
		}
		if refused.Evidence != "" {
			checkEvidence(t, refused.Evidence, l.note(t, 64), forged.note(t, size), forged.request(t, 64, size))
		}
	}
	// Forks find room where suspects do not.
	forged := newTestLog(t, "forged", 3, 64)
	for range 2 { // the second time it is there already
		evidence, fork := IsFork(errorOf(c.Cosign(forged.request(t, 64, 64))))
		if !fork {
			t.Fatal("another root at the same size is no fork")
		}
		checkEvidence(t, evidence, l.note(t, 64), forged.note(t, 64), forged.request(t, 64, 64))
	}
	if s := state(t, dir); len(s.Forks) != 1 || len(s.Suspects) != suspectsMax {
		t.Errorf("%d forks and %d suspects are kept", len(s.Forks), len(s.Suspects))
	}
}

func errorOf(_ signednote.Signature, err error) error { return err }

// Without the head as the log signed it, the evidence begins with what the witness remembers, under its own key.
func TestEvidenceWithoutTheCheckpoint(t *testing.T) {
	c, dir := newCosigner(t)
	l, forged := newTestLog(t, "", 0, 9), newTestLog(t, "forged", 2, 9)
	mustCosign(t, c, l, 0, 9)
	kept := filepath.Join(dir, logsDir, transparency.HeadFile(testOrigin), checkpointFile)
	for _, damage := range []func() error{
		func() error { return os.WriteFile(kept, forged.note(t, 9), 0o600) },
		func() error { return os.WriteFile(kept, []byte("damaged"), 0o600) },
		func() error { return os.Remove(kept) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		evidence, fork := IsFork(errorOf(c.Cosign(forged.request(t, 9, 9))))
		if !fork {
			t.Fatal("it is no fork")
		}
		first, err := os.ReadFile(filepath.Join(evidence, firstFile))
		if err != nil {
			t.Fatal(err)
		}
		n, err := signednote.Parse(first)
		if err != nil || n.Text != l.head(t, 9).Text() {
			t.Fatalf("it begins with %q, %v", first, err)
		}
		if _, err := Cosigned(n, c.Verifier(), testTimes); err != nil {
			t.Errorf("it is not under the witness's key: %v", err)
		}
		if err := os.RemoveAll(evidence); err != nil {
			t.Fatal(err)
		}
	}
	mustCosign(t, c, l, 9, 9)
	if got, err := os.ReadFile(kept); err != nil || !bytes.Equal(got, l.note(t, 9)) {
		t.Errorf("asked again it keeps %q, %v", got, err)
	}
}

// A crash after the head is remembered and before it is signed costs nothing: the witness is asked again and signs.
func TestCrashBetweenMemoryAndSignature(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 20)
	mustCosign(t, c, l, 0, 12)
	c.Close()
	memory, err := headmemory.Open(filepath.Join(dir, logsDir, transparency.HeadFile(testOrigin), memoryFile))
	if err != nil {
		t.Fatal(err)
	}
	h := l.head(t, 17)
	if err := memory.Advance(headmemory.Head{Origin: h.Origin, Size: h.Size, Root: h.Root}); err != nil {
		t.Fatal(err)
	}
	memory.Close()

	c = reopen(t, dir)
	var conflict *ConflictError
	if err := errorOf(c.Cosign(l.request(t, 12, 17))); !errors.As(err, &conflict) || conflict.Size != 17 {
		t.Errorf("asked as before: %v", err)
	}
	mustCosign(t, c, l, 17, 17)
	forged := newTestLog(t, "forged", 15, 17)
	if _, fork := IsFork(errorOf(c.Cosign(forged.request(t, 17, 17)))); !fork {
		t.Error("another root at that size was taken")
	}
}

// What cannot be remembered is not signed, also when it is what was signed before: nobody knows what is on the disk.
func TestNothingIsSignedThatIsNotRemembered(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 20)
	mustCosign(t, c, l, 0, 12)
	if err := c.logs[testOrigin].memory.Close(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{12, 17} {
		if s, err := c.Cosign(l.request(t, 12, size)); !errors.Is(err, headmemory.ErrBroken) {
			t.Errorf("size %d got %v, %v", size, s, err)
		}
	}
	if s := state(t, dir); s.Remembered != l.head(t, 12) {
		t.Errorf("it remembers %+v", s.Remembered)
	}
}

func TestDamagedMemorySignsNothing(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 20)
	mustCosign(t, c, l, 0, 12)
	c.Close()
	path := filepath.Join(dir, logsDir, transparency.HeadFile(testOrigin), memoryFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	elsewhere, err := headmemory.Create(other, headmemory.Head{Origin: "example.org/log/2"})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Close()
	foreign, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"empty": nil, "zeros": make([]byte, len(whole)), "cut": whole[:len(whole)/2], "of another log": foreign} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c = reopen(t, dir)
		if _, err := c.Cosign(l.request(t, 0, 12)); !errors.Is(err, headmemory.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := Read(dir); !errors.Is(err, headmemory.ErrDamaged) {
			t.Errorf("%s: state is %v", name, err)
		}
		c.Close()
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c = reopen(t, dir)
	if _, err := c.Cosign(l.request(t, 0, 12)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
}

// Whoever asks at once: the heads that are signed are one history, and what is remembered is the largest of them.
func TestManyAskAtOnce(t *testing.T) {
	c, _ := newCosigner(t)
	l := newTestLog(t, "", 0, 200)
	requests := make([][]byte, l.size+1)
	for size := range requests {
		requests[size] = l.request(t, 0, int64(size))
	}
	var group sync.WaitGroup
	for worker := range int64(8) {
		group.Go(func() {
			old := int64(0)
			for size := worker; size <= l.size; size += 8 {
				for range 1000 { // until nobody was faster
					p := transparency.Consistency{OldSize: uint64(old), Note: l.note(t, size)}
					if old > size {
						break
					}
					if old > 0 && old < size {
						p.Hashes, _ = tlog.ProveTree(size, old, l)
					}
					_, err := c.Cosign(transparency.FormatConsistency(p))
					var conflict *ConflictError
					if errors.As(err, &conflict) {
						old = int64(conflict.Size)
						continue
					}
					if err != nil {
						t.Errorf("from %d to %d: %v", old, size, err)
					}
					break
				}
			}
		})
	}
	group.Wait()
	if got := remembered(t, c); got != l.head(t, 200) {
		t.Errorf("it remembers %+v", got)
	}
}

func TestOneProcessSigns(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 3)
	mustCosign(t, c, l, 0, 3)
	second := reopen(t, dir)
	if _, err := second.Cosign(l.request(t, 3, 3)); !errors.Is(err, headmemory.ErrInUse) {
		t.Errorf("a second one signs: %v", err)
	}
}

func TestAddLog(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 20)
	first := logVerifier(t, testOrigin)
	rotated := newTestLog(t, "", 0, 20)
	rotated.key = ed25519.NewKeyFromSeed(seed(201))
	second, err := signednote.NewVerifier(testOrigin, signednote.Ed25519, rotated.key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	mustCosign(t, c, l, 0, 5)
	if err := c.AddLog(first, transparency.Head{}); err != nil {
		t.Errorf("added twice: %v", err)
	}
	if err := c.AddLog(second, l.head(t, 7)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a pin for a log that is watched: %v", err)
	}
	if _, err := c.Cosign(rotated.request(t, 5, 9)); !errors.Is(err, ErrNotSigned) {
		t.Errorf("a key that is not known: %v", err)
	}
	if err := reopen(t, dir).AddLog(second, transparency.Head{}); err != nil { // as another process does
		t.Fatal(err)
	}
	mustCosign(t, c, rotated, 5, 9)
	mustCosign(t, c, l, 9, 12)
	if s := state(t, dir); len(s.Keys) != 2 || s.Keys[1] != second {
		t.Errorf("its keys are %v", s.Keys)
	}
	for i := byte(0); i < 3; i++ {
		v := first
		v.Key[0] = i
		if err := c.AddLog(v, transparency.Head{}); (err != nil) != (i == 2) {
			t.Errorf("key %d: %v", i+3, err)
		}
	}
	for _, bad := range []signednote.Verifier{c.Verifier(), {Name: "a b", Algorithm: signednote.Ed25519}, {Name: "一", Algorithm: signednote.Ed25519}} {
		if err := c.AddLog(bad, transparency.Head{}); !errors.Is(err, signednote.ErrForm) {
			t.Errorf("the log %v: %v", bad, err)
		}
	}
}

// A pin is known from elsewhere: a head that does not begin with it is refused from the first one on.
func TestPin(t *testing.T) {
	c, dir := newCosigner(t)
	l := newTestLog(t, "", 0, 20)
	l.origin = "example.org/log/pinned"
	if err := c.AddLog(logVerifier(t, l.origin), l.head(t, 7)); err != nil {
		t.Fatal(err)
	}
	forged := newTestLog(t, "forged", 3, 20)
	forged.origin = l.origin
	if _, err := c.Cosign(forged.request(t, 7, 12)); err == nil {
		t.Error("another history was signed")
	}
	var conflict *ConflictError
	if _, err := c.Cosign(l.request(t, 0, 12)); !errors.As(err, &conflict) || conflict.Size != 7 {
		t.Errorf("asked from 0: %v", err)
	}
	if _, err := c.Cosign(l.request(t, 7, 12)); err != nil {
		t.Error(err)
	}
	_, states, err := Read(dir)
	if err != nil || len(states) != 2 {
		t.Errorf("states are %+v, %v", states, err)
	}
}

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "witness")
	v, err := Init(dir, "witness.example.org/1", seed(9))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir, "other", seed(8)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, keyFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s is %v, %v", path, info, err)
		}
	}
	if c := reopen(t, dir); c.Verifier() != v {
		t.Errorf("it is %s, not %s", c.Verifier(), v)
	}
	if _, err := Init(filepath.Join(dir, "x"), "a b", seed(9)); err == nil {
		t.Error("a name with a space was taken")
	}
	// Whatever bit of the key file is flipped, there is no other witness in it.
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(text) * 8 {
		b := bytes.Clone(text)
		b[i/8] ^= 1 << (i % 8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Open(dir, clock); err == nil {
			t.Fatalf("bit %d flipped, it is %s", i, c.Verifier())
		}
	}
}

// A head that somebody changed on its way is not signed, whatever bit it is.
func TestEveryBitOfARequest(t *testing.T) {
	c, _ := newCosigner(t)
	l := newTestLog(t, "", 0, 20)
	mustCosign(t, c, l, 0, 11)
	request := l.request(t, 11, 20)
	for i := range len(request) * 8 {
		b := bytes.Clone(request)
		b[i/8] ^= 1 << (i % 8)
		if s, err := c.Cosign(b); err == nil {
			t.Fatalf("bit %d flipped, and %q got %v", i, b, s)
		}
	}
	if got := remembered(t, c); got != l.head(t, 11) {
		t.Errorf("it remembers %+v", got)
	}
}

func FuzzRequest(f *testing.F) {
	c, _ := newCosigner(f)
	l := newTestLog(f, "", 0, 40)
	mustCosign(f, c, l, 0, 11)
	f.Add(l.request(f, 11, 11))
	f.Add(l.request(f, 11, 20))
	f.Add(l.request(f, 5, 20))
	f.Add(newTestLog(f, "forged", 3, 20).request(f, 11, 20))
	f.Fuzz(func(t *testing.T, request []byte) {
		s, err := c.Cosign(request)
		if err != nil {
			return
		}
		// What is signed is a head that the log has signed, and it is remembered.
		p, err := transparency.ParseConsistency(request)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := transparency.ParseCheckpoint(p.Note, logVerifier(t, testOrigin).String()); err != nil || h != remembered(t, c) || h != l.head(t, int64(h.Size)) {
			t.Fatalf("%q got %v", request, s)
		}
	})
}
