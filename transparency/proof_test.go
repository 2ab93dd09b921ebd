package transparency

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

const provenSizes = 70

// raw is a proof as the other verifier takes it.
func raw(hashes []tlog.Hash) [][]byte {
	var b [][]byte
	for _, h := range hashes {
		b = append(b, h[:])
	}
	return b
}

// eachFlip calls f with every proof that differs from a given one in one bit.
func eachFlip(hashes []tlog.Hash, f func([]tlog.Hash)) {
	wrong := slices.Clone(hashes)
	step := 1
	if testing.Short() {
		step = 37
	}
	for bit := 0; bit < len(hashes)*256; bit += step {
		wrong[bit/256][bit%256/8] ^= 1 << (bit % 8)
		f(wrong)
		wrong[bit/256][bit%256/8] ^= 1 << (bit % 8)
	}
}

// eachReshape calls f with proofs that are longer, shorter or in another order than a given one.
func eachReshape(hashes []tlog.Hash, f func(what string, wrong []tlog.Hash)) {
	f("extended", append(slices.Clone(hashes), tlog.Hash{1}))
	f("extended before", append([]tlog.Hash{{1}}, hashes...))
	f("far too long", make([]tlog.Hash, proofHashesMax+1))
	for i := range hashes {
		f(fmt.Sprintf("without %d", i), slices.Delete(slices.Clone(hashes), i, i+1))
		f(fmt.Sprintf("with %d twice", i), slices.Insert(slices.Clone(hashes), i, hashes[i]))
		if i > 0 {
			wrong := slices.Clone(hashes)
			wrong[i-1], wrong[i] = wrong[i], wrong[i-1]
			f(fmt.Sprintf("%d and %d swapped", i-1, i), wrong)
		}
	}
}

// TestInclusionOfEveryEventAtEverySize: each proof holds, for us and for another verifier; whatever differs from it in one bit, a
// hash more or less, the event, the size or the log does not.
func TestInclusionOfEveryEventAtEverySize(t *testing.T) {
	inner := newFake()
	s := openStore(t, inner, t.TempDir())
	appendMany(t, s, village, 0, provenSizes)
	log := inner.get(village)
	vkey := LogVerifierKey(testSecret, villageLog)
	for size := uint64(1); size <= provenSizes; size++ {
		for version := uint64(1); version <= size; version++ {
			leaf, p, err := s.ProveInclusion(t.Context(), village, version, size)
			if err != nil {
				t.Fatal(err)
			}
			e := log[version-1]
			if p.Head.Root != naiveLogRoot(villageLog, log[:size]) || p.Head.Size != size || p.Index != version-1 {
				t.Fatalf("version %d at %d: head %v, index %d", version, size, p.Head, p.Index)
			}
			if head, err := OpenHead(p.Note, vkey); err != nil || head != p.Head {
				t.Fatalf("version %d at %d: signed head %v, %v", version, size, head, err)
			}
			check := func(e eventstore.Event, version uint64, head Head, hashes []tlog.Hash) error {
				return CheckInclusion(villageLog, e.Type, e.Data, version, head, hashes)
			}
			if err := check(e, version, p.Head, p.Hashes); err != nil {
				t.Fatalf("version %d at %d: %v", version, size, err)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, size, leaf[:], raw(p.Hashes), p.Head.Root[:]); err != nil {
				t.Fatalf("version %d at %d, another verifier: %v", version, size, err)
			}
			text := FormatInclusion(p)
			again, err := ParseInclusion(text)
			if err != nil || !bytes.Equal(FormatInclusion(again), text) || again.Head != p.Head || !slices.Equal(again.Hashes, p.Hashes) {
				t.Fatalf("version %d at %d: parsed %v, %v", version, size, again, err)
			}
			refuse := func(what string, err error) {
				if !errors.Is(err, ErrProof) {
					t.Fatalf("version %d at %d, %s: %v", version, size, what, err)
				}
			}
			eachFlip(p.Hashes, func(wrong []tlog.Hash) { refuse("one bit", check(e, version, p.Head, wrong)) })
			eachReshape(p.Hashes, func(what string, wrong []tlog.Hash) { refuse(what, check(e, version, p.Head, wrong)) })
			refuse("another event", check(log[version%provenSizes], version, p.Head, p.Hashes))
			if size > 1 {
				refuse("another version", check(e, version%size+1, p.Head, p.Hashes))
			}
			refuse("a version behind the log", check(e, size+1, p.Head, p.Hashes))
			refuse("another root", check(e, version, Head{p.Head.Origin, size, tlog.Hash{1}}, p.Hashes))
			refuse("another log", CheckInclusion("example.org/other", e.Type, e.Data, version, p.Head, p.Hashes))
			refuse("another log with a head", CheckInclusion("example.org/other", e.Type, e.Data, version, Head{"example.org/other", size, p.Head.Root}, p.Hashes))
			refuse("another type", CheckInclusion(villageLog, "other", e.Data, version, p.Head, p.Hashes))
		}
	}
}

// TestConsistencyOfEveryPairOfSizes: the same for two sizes.
func TestConsistencyOfEveryPairOfSizes(t *testing.T) {
	inner := newFake()
	s := openStore(t, inner, t.TempDir())
	appendMany(t, s, village, 0, provenSizes)
	log := inner.get(village)
	for size := uint64(1); size <= provenSizes; size++ {
		for oldSize := uint64(1); oldSize <= size; oldSize++ {
			old, p, err := s.ProveConsistency(t.Context(), village, oldSize, size)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Head{villageLog, oldSize, naiveLogRoot(villageLog, log[:oldSize])}); old != want || p.Head.Root != naiveLogRoot(villageLog, log[:size]) || p.OldSize != oldSize {
				t.Fatalf("%d to %d: %v, %v", oldSize, size, old, p)
			}
			pin := Head{Size: old.Size, Root: old.Root}
			if err := errors.Join(CheckConsistency(old, p.Head, p.Hashes), CheckConsistency(pin, p.Head, p.Hashes)); err != nil {
				t.Fatalf("%d to %d: %v", oldSize, size, err)
			}
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, oldSize, size, raw(p.Hashes), old.Root[:], p.Head.Root[:]); err != nil {
				t.Fatalf("%d to %d, another verifier: %v", oldSize, size, err)
			}
			text := FormatConsistency(p)
			again, err := ParseConsistency(text)
			if err != nil || !bytes.Equal(FormatConsistency(again), text) || again.Head != p.Head || !slices.Equal(again.Hashes, p.Hashes) {
				t.Fatalf("%d to %d: parsed %v, %v", oldSize, size, again, err)
			}
			refuse := func(what string, err error) {
				if !errors.Is(err, ErrProof) {
					t.Fatalf("%d to %d, %s: %v", oldSize, size, what, err)
				}
			}
			eachFlip(p.Hashes, func(wrong []tlog.Hash) { refuse("one bit", CheckConsistency(old, p.Head, wrong)) })
			eachReshape(p.Hashes, func(what string, wrong []tlog.Hash) { refuse(what, CheckConsistency(old, p.Head, wrong)) })
			refuse("another old root", CheckConsistency(Head{old.Origin, old.Size, tlog.Hash{1}}, p.Head, p.Hashes))
			refuse("another root", CheckConsistency(old, Head{old.Origin, size, tlog.Hash{1}}, p.Hashes))
			refuse("another log", CheckConsistency(Head{"example.org/other", old.Size, old.Root}, p.Head, p.Hashes))
			refuse("an old head that is larger", CheckConsistency(Head{old.Origin, size + 1, old.Root}, p.Head, p.Hashes))
			refuse("an old head of nothing", CheckConsistency(Head{old.Origin, 0, old.Root}, p.Head, nil))
			if oldSize > 1 {
				refuse("another old size", CheckConsistency(Head{old.Origin, oldSize - 1, old.Root}, p.Head, p.Hashes))
			}
		}
	}
}

// TestChecksRefuseWhatIsNoArgument: before anything is hashed.
func TestChecksRefuseWhatIsNoArgument(t *testing.T) {
	head := Head{villageLog, 1, tlog.RecordHash(Entry(villageLog, "noted", []byte("x")))}
	if err := CheckInclusion(villageLog, "noted", []byte("x"), 1, head, nil); err != nil {
		t.Fatal(err)
	}
	lines := Head{villageLog, 1, tlog.RecordHash(Entry(villageLog, "noted", []byte("x\n\ny")))} // the same entry could be read in two ways
	for what, err := range map[string]error{
		"a type with a line break": CheckInclusion(villageLog, "noted\n\nx", []byte("y"), 1, lines, nil),
		"no data":                  CheckInclusion(villageLog, "noted", nil, 1, head, nil),
		"version 0":                CheckInclusion(villageLog, "noted", []byte("x"), 0, head, nil),
		"no origin":                CheckInclusion("", "noted", []byte("x"), 1, Head{"", 1, head.Root}, nil),
		"a huge log":               CheckInclusion(villageLog, "noted", []byte("x"), 1, Head{villageLog, 1 << 63, head.Root}, nil),
		"an empty log":             CheckInclusion(villageLog, "noted", []byte("x"), 1, Head{villageLog, 0, head.Root}, nil),
		"a huge newer log":         CheckConsistency(head, Head{villageLog, 1 << 63, head.Root}, nil),
		"no newer origin":          CheckConsistency(Head{"", 1, head.Root}, Head{"", 1, head.Root}, nil),
	} {
		if err == nil {
			t.Errorf("%s passes", what)
		}
	}
}

// checkText is what somebody does who has a proof as a text, the key of the log and the event, or the old head.
func checkText(text []byte, vkey string, e eventstore.Event, old Head) error {
	if IsInclusion(text) {
		p, err := ParseInclusion(text)
		if err != nil {
			return err
		}
		head, err := OpenHead(p.Note, vkey)
		if err != nil {
			return err
		}
		return CheckInclusion(head.Origin, e.Type, e.Data, p.Index+1, head, p.Hashes)
	}
	p, err := ParseConsistency(text)
	if err != nil {
		return err
	}
	head, err := OpenHead(p.Note, vkey)
	if err != nil {
		return err
	}
	if p.OldSize != old.Size {
		return ErrProof
	}
	return CheckConsistency(old, head, p.Hashes)
}

// TestEveryBitOfAProofsTextCounts: whoever checks with the key of the log refuses every text that differs in one bit, one byte less or
// one more.
func TestEveryBitOfAProofsTextCounts(t *testing.T) {
	inner, dir := makeLog(t, 11)
	s := openStore(t, inner, dir)
	vkey := LogVerifierKey(testSecret, villageLog)
	_, in, err := s.ProveInclusion(t.Context(), village, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	old, con, err := s.ProveConsistency(t.Context(), village, 6, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := inner.get(village)[6]
	for _, text := range [][]byte{FormatInclusion(in), FormatConsistency(con)} {
		if err := checkText(text, vkey, e, old); err != nil {
			t.Fatal(err)
		}
		for bit := range len(text) * 8 {
			wrong := bytes.Clone(text)
			wrong[bit/8] ^= 1 << (bit % 8)
			if checkText(wrong, vkey, e, old) == nil {
				t.Errorf("bit %d passes:\n%s", bit, wrong)
			}
		}
		for i := range text {
			for what, wrong := range map[string][]byte{
				"without": slices.Delete(bytes.Clone(text), i, i+1), "cut at": text[:i],
				"a line break before": slices.Insert(bytes.Clone(text), i, '\n'), "CR before": slices.Insert(bytes.Clone(text), i, '\r'),
				"0 before": slices.Insert(bytes.Clone(text), i, '0'), "a blank before": slices.Insert(bytes.Clone(text), i, ' '),
			} {
				if checkText(wrong, vkey, e, old) == nil {
					t.Errorf("%s %d passes:\n%s", what, i, wrong)
				}
			}
		}
		if checkText(append(bytes.Clone(text), '\n'), vkey, e, old) == nil {
			t.Error("a line more passes")
		}
	}
}

// TestProofsAreParsedStrictly: forms that say the same in another way are refused, and what is too large.
func TestProofsAreParsedStrictly(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	_, p, err := s.ProveInclusion(t.Context(), village, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Extra = []byte("out of band")
	text := string(FormatInclusion(p))
	if again, err := ParseInclusion([]byte(text)); err != nil || string(again.Extra) != "out of band" {
		t.Fatalf("%v, %v", again, err)
	}
	note := string(p.Note)
	line := tlog.Hash{}.String() + "\n"
	for _, wrong := range []string{
		"", "\n", "\n\n", inclusionLine, inclusionLine + "\n\n" + note, inclusionLine + "\nextra AAAA\n\n" + note,
		strings.Replace(text, "index 1\n", "index 01\n", 1), strings.Replace(text, "index 1\n", "index +1\n", 1), strings.Replace(text, "index 1\n", "index 5\n", 1),
		strings.Replace(text, "index 1\n", "index 18446744073709551616\n", 1), strings.Replace(text, "index 1\n", "index 1\nindex 1\n", 1),
		strings.Replace(text, "extra ", "extra  ", 1), strings.Replace(text, "@v1", "@v2", 1), inclusionLine + "\nextra \nindex 1\n\n" + note,
		strings.ReplaceAll(text, "\n", "\r\n"), " " + text, text + text,
		inclusionLine + "\nindex 1\n" + strings.Repeat(line, proofHashesMax+1) + "\n" + note,
		inclusionLine + "\nextra " + strings.Repeat("AAAA", proofBytesMax/4) + "\nindex 1\n\n" + note,
		inclusionLine + "\nindex 1\n\n" + strings.Split(note, "\n\n")[0] + "\n",
	} {
		if got, err := ParseInclusion([]byte(wrong)); err == nil {
			t.Errorf("%.300q is taken: %v", wrong, got)
		}
	}
	for _, wrong := range []string{
		"", "old 1", "old 1\n", "old 01\n\n" + note, "old 6\n\n" + note, "old -1\n\n" + note, "Old 1\n\n" + note, "old 1\n\n\n" + note,
		"old 1\nAAAA\n\n" + note, "old 1\n" + strings.Repeat(line, proofHashesMax+1) + "\n" + note,
	} {
		if got, err := ParseConsistency([]byte(wrong)); err == nil {
			t.Errorf("%.300q is taken: %v", wrong, got)
		}
	}
	// The last digit of a signature holds bits that mean nothing.
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.LastIndex(text, "=") - 1
	loose := text[:last] + string(digits[strings.IndexByte(digits, text[last])+1]) + text[last+1:]
	if _, err := ParseInclusion([]byte(loose)); err == nil {
		t.Error("a signature written loosely is taken")
	}
	if _, err := ParseInclusion([]byte(inclusionLine + "\nindex 1\n" + strings.Repeat(line, proofHashesMax) + "\n" + note)); err != nil {
		t.Errorf("63 hashes: %v", err)
	}
}

func hashOf(t testing.TB, text string) tlog.Hash {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != tlog.HashSize {
		t.Fatalf("%q is no hash", text)
	}
	return tlog.Hash(b)
}

// TestProofsOfCertificateTransparency: the published test vectors of Certificate Transparency's Merkle tree: eight leaves, the root of
// each size, some paths.
func TestProofsOfCertificateTransparency(t *testing.T) {
	const (
		leaf0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
		leaf1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
		leaf4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
		to2   = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
		to4   = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
		of23  = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		of45  = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
		of67  = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
		of4to = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
	)
	known := new(leaves)
	for _, data := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		b, err := hex.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		known.memory = append(known.memory, tlog.RecordHash(b))
	}
	n := &nodes{known: known}
	for i, want := range []string{
		leaf0, to2, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77", to4,
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	} {
		if got, err := tlog.TreeHash(int64(i)+1, n); err != nil || got != hashOf(t, want) {
			t.Errorf("root of %d: %x, %v", i+1, got, err)
		}
	}
	for _, c := range []struct {
		inclusion bool
		at, size  int64 // leaf from 0, or the old size
		want      []string
	}{
		{true, 0, 1, nil}, {true, 0, 8, []string{leaf1, of23, of4to}}, {true, 5, 8, []string{leaf4, of67, to4}},
		{true, 2, 3, []string{to2}}, {true, 1, 5, []string{leaf0, of23, leaf4}},
		{false, 1, 1, nil}, {false, 1, 8, []string{leaf1, of23, of4to}}, {false, 6, 8, []string{of45, of67, to4}}, {false, 2, 5, []string{of23, leaf4}},
	} {
		var got []tlog.Hash
		var err error
		if c.inclusion {
			got, err = tlog.ProveRecord(c.size, c.at, n)
		} else {
			got, err = tlog.ProveTree(c.size, c.at, n)
		}
		var want []tlog.Hash
		for _, text := range c.want {
			want = append(want, hashOf(t, text))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %x, %v", c, got, err)
		}
	}
}

// TestProofsOfRFC6962: the example of section 2.1.3, a tree of seven leaves, node by node.
func TestProofsOfRFC6962(t *testing.T) {
	known := new(leaves)
	for i := range 7 {
		known.memory = append(known.memory, tlog.RecordHash([]byte{byte(i)}))
	}
	d := known.memory
	a, b, c, e, f, j := d[0], d[1], d[2], d[4], d[5], d[6]
	g, h, i := tlog.NodeHash(a, b), tlog.NodeHash(c, d[3]), tlog.NodeHash(e, f)
	k, l := tlog.NodeHash(g, h), tlog.NodeHash(i, j)
	n := &nodes{known: known}
	if root, err := tlog.TreeHash(7, n); err != nil || root != tlog.NodeHash(k, l) {
		t.Errorf("root %v, %v", root, err)
	}
	for at, want := range map[int64][]tlog.Hash{0: {b, h, l}, 3: {c, g, l}, 4: {f, j, k}, 6: {i, k}} {
		if got, err := tlog.ProveRecord(7, at, n); err != nil || !slices.Equal(got, want) {
			t.Errorf("path of d%d: %v, %v", at, got, err)
		}
	}
	for old, want := range map[int64][]tlog.Hash{3: {c, d[3], g, l}, 4: {l}, 6: {i, j, k}} {
		if got, err := tlog.ProveTree(7, old, n); err != nil || !slices.Equal(got, want) {
			t.Errorf("proof from %d: %v, %v", old, got, err)
		}
	}
}

// TestProofsOfLongLogs: interior hashes that are kept give the same proofs, at sizes around their borders and any others.
func TestProofsOfLongLogs(t *testing.T) {
	const most = 5000
	known := new(leaves)
	var roots []tlog.Hash // by size
	var all tree
	roots = append(roots, all.root())
	for i := range most {
		leaf := tlog.RecordHash(fmt.Append(nil, i))
		known.memory = append(known.memory, leaf)
		all.add(leaf)
		roots = append(roots, all.root())
	}
	n := &nodes{known: known}
	r := rand.New(rand.NewPCG(6, 962))
	sizes := []uint64{1, 1023, 1024, 1025, 2047, 2048, 2049, 3071, 3072, 3073, 4095, 4096, 4097, most}
	for range 40 {
		sizes = append(sizes, 1+r.Uint64N(most))
	}
	for _, size := range sizes {
		for _, old := range sizes {
			if old > size {
				continue
			}
			head := Head{villageLog, size, roots[size]}
			was, p, err := n.prefix(head, old)
			if err != nil || was.Root != roots[old] {
				t.Fatalf("%d to %d: %v, %v", old, size, was, err)
			}
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old, size, raw(p), roots[old][:], roots[size][:]); err != nil {
				t.Fatalf("%d to %d: %v", old, size, err)
			}
			in, err := tlog.ProveRecord(int64(size), int64(old-1), n)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, old-1, size, known.memory[old-1][:], raw(in), roots[size][:]); err != nil {
				t.Fatalf("%d in %d: %v", old, size, err)
			}
		}
	}
	// From the other end: the first group is not among those that a proof of the first leaf needs.
	n = &nodes{known: known}
	for _, index := range []int64{0, 2000} {
		if in, err := tlog.ProveRecord(most, index, n); err != nil || tlog.CheckRecord(in, most, roots[most], index, known.memory[index]) != nil {
			t.Errorf("%d in %d: %v", index, most, err)
		}
	}
	if len(n.groups) != most>>groupLevel {
		t.Errorf("%d interior hashes are kept", len(n.groups))
	}
}

// TestProofsAreRefusedOutOfRange: with what was asked and what there is.
func TestProofsAreRefusedOutOfRange(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	in := func(version, size uint64) error {
		_, _, err := s.ProveInclusion(t.Context(), village, version, size)
		return err
	}
	con := func(old, size uint64) error {
		_, _, err := s.ProveConsistency(t.Context(), village, old, size)
		return err
	}
	for _, c := range []struct {
		err  error
		want RangeError
	}{
		{in(0, 0), RangeError{village, "version", 0, 5}}, {in(6, 0), RangeError{village, "version", 6, 5}}, {in(4, 3), RangeError{village, "version", 4, 3}},
		{in(1, 6), RangeError{village, "size", 6, 5}}, {in(1, 1<<63), RangeError{village, "size", 1 << 63, 5}}, {con(0, 0), RangeError{village, "old size", 0, 5}},
		{con(6, 0), RangeError{village, "old size", 6, 5}}, {con(4, 3), RangeError{village, "old size", 4, 3}}, {con(1, 6), RangeError{village, "size", 6, 5}},
	} {
		var got *RangeError
		if !errors.As(c.err, &got) || *got != c.want {
			t.Errorf("%v, want %v", c.err, &c.want)
		}
	}
	if _, _, err := s.ProveInclusion(t.Context(), "access", 1, 0); !errors.Is(err, ErrNoLog) {
		t.Errorf("a stream without events: %v", err)
	}
	if _, _, err := s.ProveConsistency(t.Context(), "", 1, 0); !errors.Is(err, eventstore.ErrInvalid) {
		t.Errorf("no stream: %v", err)
	}
	if err := s.Delete(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	if err := in(1, 0); !errors.Is(err, ErrNoLog) {
		t.Errorf("a deleted stream: %v", err)
	}
	closeStore(t, s)
	if err := in(1, 0); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestOldHeadIsProvenAfterRestart: whoever kept a head proves that the log that went on contains it; a log put back does not.
func TestOldHeadIsProvenAfterRestart(t *testing.T) {
	inner, dir := makeLog(t, 9)
	s := openStore(t, inner, dir)
	kept, _, err := s.Head(t.Context(), village)
	if err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, village, 9, 21)
	closeStore(t, s)
	s = openStore(t, inner, dir)
	_, p, err := s.ProveConsistency(t.Context(), village, kept.Size, 0)
	if err != nil || p.Head.Size != 21 {
		t.Fatalf("%v, %v", p, err)
	}
	if err := CheckConsistency(kept, p.Head, p.Hashes); err != nil {
		t.Error(err)
	}
	// The owner of secret and store makes another history of the same length.
	other := openStore(t, newFake(), t.TempDir())
	if _, err := other.Append(t.Context(), village, 0, []eventstore.NewEvent{event(1), {Type: "noted", Data: []byte("another history")}}); err != nil {
		t.Fatal(err)
	}
	appendMany(t, other, village, 2, 21)
	was, p, err := other.ProveConsistency(t.Context(), village, kept.Size, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckConsistency(kept, p.Head, p.Hashes); !errors.Is(err, ErrProof) || was.Root == kept.Root {
		t.Errorf("another history: %v", err)
	}
}

// TestProofsOfDamage: wrong leaf hashes are made again from the log, a wrong log is refused.
func TestProofsOfDamage(t *testing.T) {
	const n = loadWholeMax + 300 // loaded from the leaf file
	build := func() (*fake, string) {
		inner, dir := newFake(), t.TempDir()
		s := openStore(t, inner, dir)
		var events []eventstore.NewEvent
		for i := range n {
			events = append(events, event(i+1))
		}
		if _, err := s.Append(t.Context(), village, 0, events); err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
		return inner, dir
	}
	prove := func(s *Store, version uint64) error {
		_, p, err := s.ProveInclusion(t.Context(), village, version, 0)
		if err == nil {
			e := event(int(version))
			err = CheckInclusion(villageLog, e.Type, e.Data, version, p.Head, p.Hashes)
		}
		return err
	}
	inner, dir := build()
	good := readFile(t, nodesPath(dir, village))
	s := openStore(t, inner, dir)
	if err := prove(s, 1500); err != nil {
		t.Fatal(err)
	}
	// The leaf file is damaged while the log is in use; interior hashes are remembered, so the damage shows in its own group.
	wrong := bytes.Clone(good)
	wrong[700*tlog.HashSize] ^= 1
	writeFile(t, nodesPath(dir, village), wrong)
	if err := errors.Join(prove(s, 1500), prove(s, 701), prove(s, 702)); err != nil {
		t.Errorf("wrong leaf file: %v", err)
	}
	closeStore(t, s)
	if !bytes.Equal(readFile(t, nodesPath(dir, village)), good) {
		t.Error("the leaf file is not made again")
	}
	// Without leaf hashes.
	s = openStore(t, inner, dir)
	if err := prove(s, 3); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "nodes", village)); err != nil {
		t.Fatal(err)
	}
	if err := prove(s, 1); err != nil {
		t.Errorf("no leaf file: %v", err)
	}
	// An interior hash that is wrong.
	st := s.stream(village)
	st.mu.Lock()
	st.groups = []tlog.Hash{{1}, {2}}
	st.mu.Unlock()
	if err := errors.Join(prove(s, 3), prove(s, n)); err != nil {
		t.Errorf("wrong interior hashes: %v", err)
	}
	closeStore(t, s)
	// A log that is wrong, without leaf hashes that could tell what it was.
	if err := os.Remove(filepath.Join(dir, "nodes", village)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	inner.set(village, edited(inner.get(village), 100))
	s = openStore(t, inner, dir)
	var damage *eventstore.CorruptError
	if err := prove(s, 3); !errors.As(err, &damage) {
		t.Errorf("a wrong log: %v", err)
	}
	if _, _, err := s.ProveConsistency(t.Context(), village, 3, 0); !errors.As(err, &damage) {
		t.Errorf("a wrong log: %v", err)
	}
}

// TestProofsWhileTheLogGrows: each is of one head, whatever is appended meanwhile.
func TestProofsWhileTheLogGrows(t *testing.T) {
	inner := newFake()
	s := openStore(t, inner, t.TempDir())
	appendMany(t, s, village, 0, 5)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 40 {
				_, p, err := s.ProveInclusion(t.Context(), village, 3, 0)
				if err == nil {
					err = CheckInclusion(villageLog, event(3).Type, event(3).Data, 3, p.Head, p.Hashes)
				}
				old, c, err2 := s.ProveConsistency(t.Context(), village, 5, 0)
				if err2 == nil {
					err2 = CheckConsistency(old, c.Head, c.Hashes)
				}
				if err := errors.Join(err, err2); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	appendMany(t, s, village, 5, 300)
	wg.Wait()
}

func FuzzParseInclusion(f *testing.F) {
	note := "example.org/log\n5\n" + tlog.Hash{1}.String() + "\n\n— example.org/log AAAAAAAA\n"
	f.Add([]byte(inclusionLine + "\nextra AAAA\nindex 3\n" + tlog.Hash{2}.String() + "\n\n" + note))
	f.Add([]byte(inclusionLine + "\nindex 0\n\n" + note))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseInclusion(text)
		if err != nil {
			return
		}
		if !bytes.Equal(FormatInclusion(p), text) || len(p.Hashes) > proofHashesMax || p.Index >= p.Head.Size {
			t.Errorf("%q is read as %v", text, p)
		}
		_ = CheckInclusion(p.Head.Origin, "noted", []byte("x"), p.Index+1, p.Head, p.Hashes)
	})
}

func FuzzParseConsistency(f *testing.F) {
	note := "example.org/log\n5\n" + tlog.Hash{1}.String() + "\n\n— example.org/log AAAAAAAA\n"
	f.Add([]byte("old 3\n" + tlog.Hash{2}.String() + "\n\n" + note))
	f.Add([]byte("old 0\n\n" + note))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseConsistency(text)
		if err != nil {
			return
		}
		if !bytes.Equal(FormatConsistency(p), text) || len(p.Hashes) > proofHashesMax || p.OldSize > p.Head.Size {
			t.Errorf("%q is read as %v", text, p)
		}
		_ = CheckConsistency(Head{Size: p.OldSize}, p.Head, p.Hashes)
	})
}

// BenchmarkProve is a proof, made and checked against the head, from the leaf file of a long log: with the interior hashes that the
// proof before has left, and the first of all.
func BenchmarkProve(b *testing.B) {
	for _, size := range []uint64{100_000, 1_000_000} {
		s := files{b.TempDir()}
		if err := s.makeDirs(); err != nil {
			b.Fatal(err)
		}
		hashes := make([]tlog.Hash, size)
		var t tree
		for i := range hashes {
			hashes[i] = tlog.RecordHash(fmt.Append(nil, i))
			t.add(hashes[i])
		}
		if err := s.writeNodes(village, 0, hashes); err != nil {
			b.Fatal(err)
		}
		head := Head{villageLog, size, t.root()}
		open := func(groups []tlog.Hash) *nodes {
			return &nodes{known: &leaves{path: s.nodesPath(village), stored: size}, groups: groups}
		}
		var kept []tlog.Hash
		inclusion := func(groups []tlog.Hash, index uint64) {
			n := open(groups)
			defer n.known.close()
			leaf, _ := n.known.at(index)
			p, err := tlog.ProveRecord(int64(size), int64(index), n)
			if err != nil || tlog.CheckRecord(p, int64(size), head.Root, int64(index), leaf) != nil {
				b.Fatal(err)
			}
			kept = n.groups
		}
		r := rand.New(rand.NewPCG(1, 1))
		b.Run(fmt.Sprintf("%d/first", size), func(b *testing.B) {
			for b.Loop() {
				inclusion(nil, r.Uint64N(size))
			}
		})
		n := open(nil)
		if _, err := tlog.TreeHash(int64(size), n); err != nil {
			b.Fatal(err)
		}
		kept = n.groups
		n.known.close()
		b.Run(fmt.Sprintf("%d/inclusion", size), func(b *testing.B) {
			for b.Loop() {
				inclusion(kept, r.Uint64N(size))
			}
		})
		b.Run(fmt.Sprintf("%d/consistency", size), func(b *testing.B) {
			for b.Loop() {
				n := open(kept)
				if _, _, err := n.prefix(head, 1+r.Uint64N(size-1)); err != nil {
					b.Fatal(err)
				}
				n.known.close()
			}
		})
	}
}
