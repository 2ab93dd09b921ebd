package witness

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	oracle "github.com/transparency-dev/formats/witness"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// witnessesOf makes n witnesses with names and keys from a letter on.
func witnessesOf(t testing.TB, letter byte, n int) ([]Key, []Witness) {
	t.Helper()
	var keys []Key
	var witnesses []Witness
	for i := range n {
		k := witnessKey(t, fmt.Sprintf("%c%d", letter, i+1), letter+byte(i))
		keys = append(keys, k)
		witnesses = append(witnesses, Witness{Name: k.Verifier().Name, Key: k.Verifier()})
	}
	return keys, witnesses
}

// village is a policy of three of five of a committee and one of two from outside.
func village(t testing.TB) (Policy, []Key, []Key) {
	t.Helper()
	committee, inside := witnessesOf(t, 'c', 5)
	outside, others := witnessesOf(t, 'o', 2)
	p, err := NewPolicy([]signednote.Verifier{logVerifier(t, testOrigin)}, []WitnessGroup{
		{Name: "committee", Threshold: 3, Witnesses: inside},
		{Name: "outside", Threshold: 1, Witnesses: others},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, committee, outside
}

func satisfied(t testing.TB, p Policy, n signednote.Note) Seal {
	t.Helper()
	seal, err := p.Satisfied(n, testTimes)
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

func TestQuorum(t *testing.T) {
	p, c, o := village(t)
	for name, test := range map[string]struct {
		keys []Key
		want bool
	}{
		"nobody":               {nil, false},
		"one less":             {[]Key{c[0], c[4], o[1]}, false},
		"enough":               {[]Key{c[0], c[2], c[4], o[1]}, true},
		"all":                  {append(slices.Clone(c), o...), true},
		"a group is missing":   {c, false},
		"the other is missing": {o, false},
		"strangers":            {[]Key{witnessKey(t, "c1", 7), witnessKey(t, "c2", 8), witnessKey(t, "c3", 9), o[0]}, false},
	} {
		n := cosigned(t, testText, testNow, test.keys...)
		seal := satisfied(t, p, n)
		if seal.Satisfied != test.want || !seal.Log {
			t.Errorf("%s: %+v", name, seal)
		}
		if name != "strangers" && (len(seal.Signed) != len(test.keys) || len(seal.Missing) != 7-len(test.keys)) {
			t.Errorf("%s: %d signed, %v missing", name, len(seal.Signed), seal.Missing)
		}
		n.Signatures = n.Signatures[1:]
		if seal := satisfied(t, p, n); seal.Satisfied || seal.Log {
			t.Errorf("%s, without the log: %+v", name, seal)
		}
	}
}

// A line that stands there three times is one witness: of notes that come in the strict reader refuses it, and of one that a program
// has put together it counts once.
func TestDuplicatedCosignerCountsOnce(t *testing.T) {
	p, c, o := village(t)
	n := cosigned(t, testText, testNow, c[0], c[1], c[1], c[1], o[0])
	if seal := satisfied(t, p, n); seal.Satisfied || len(seal.Signed) != 3 {
		t.Errorf("counted as %+v", seal)
	}
	if _, err := signednote.Parse(n.Bytes()); err == nil {
		t.Error("the note was read")
	}
	later, err := c[1].Cosign(testText, testNow.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	n.Signatures = append(cosigned(t, testText, testNow, c[0], c[1], o[0]).Signatures, later.Line(c[1].Verifier()))
	if seal := satisfied(t, p, n); seal.Satisfied {
		t.Errorf("two of another time are counted as %+v", seal)
	}
}

func TestWrongSignatureRefusesTheNote(t *testing.T) {
	p, c, o := village(t)
	for i := range 5 {
		n := cosigned(t, testText, testNow, c[0], c[1], c[2], o[0])
		blob := n.Signatures[i].Blob
		blob[len(blob)-1] ^= 1
		if seal, err := p.Satisfied(n, testTimes); !errors.Is(err, ErrCosignature) {
			t.Errorf("signature %d changed: %+v, %v", i, seal, err)
		}
	}
}

// The key of a log counts for its own log: what it signs of another is nothing to the policy.
func TestLogOfAnotherOrigin(t *testing.T) {
	p, c, o := village(t)
	n := cosigned(t, "example.org/log/2"+testText[len(testOrigin):], testNow, c[0], c[1], c[2], o[0])
	if seal := satisfied(t, p, n); seal.Satisfied || seal.Log || len(seal.Signed) != 4 {
		t.Errorf("counted as %+v", seal)
	}
}

func TestStaleAndFutureDoNotCount(t *testing.T) {
	p, c, o := village(t)
	n := cosigned(t, testText, testNow, c[0], c[1], o[0])
	for _, at := range []time.Time{testNow.Add(-25 * time.Hour), testNow.Add(FutureMax + time.Second)} {
		k := cosigned(t, testText, at, c[2]).Signatures[1]
		m := signednote.Note{Text: n.Text, Signatures: append(slices.Clone(n.Signatures), k)}
		seal, err := p.Satisfied(m, Times{Now: testNow, AgeMax: 24 * time.Hour})
		if err != nil || seal.Satisfied || len(seal.Refused) != 1 || !errors.Is(seal.Refused[0], ErrTime) {
			t.Errorf("at %v: %+v, %v", at, seal, err)
		}
	}
}

func TestFormatIsWhatParseReads(t *testing.T) {
	p, _, _ := village(t)
	one, witnesses := witnessesOf(t, 'x', 1)
	single, err := NewPolicy(nil, []WitnessGroup{{Name: "committee", Threshold: 1, Witnesses: witnesses}})
	if err != nil || single.Quorum != "committee" || len(single.Groups) != 1 {
		t.Fatalf("a policy of one group is %+v, %v", single, err)
	}
	large := Policy{Quorum: "none"}
	for i := range WitnessesMax {
		k := witnessKey(t, fmt.Sprintf("w%d", i), byte(i))
		large.Witnesses = append(large.Witnesses, Witness{Name: k.Verifier().Name, Key: k.Verifier(), URL: "https://example.org/证/" + k.Verifier().Name})
	}
	nested := Policy{
		Logs:      []Log{{Key: logVerifier(t, "example.org/log/1"), URL: "https://example.org/"}},
		Witnesses: append(slices.Clone(witnesses), large.Witnesses[:4]...),
		Groups:    []Group{{"all", 1, []string{"w0", "w1"}}, {"any", 2, []string{"all", "w2", "w3"}}, {"2", 2, []string{"any", "x1"}}},
		Quorum:    "2",
	}
	for name, p := range map[string]Policy{
		"village": p, "single": single, "large": large, "nested": nested,
		"none":    {Quorum: "none"},
		"witness": {Witnesses: []Witness{{Name: "单", Key: one[0].Verifier()}}, Quorum: "单"},
	} {
		text, err := FormatPolicy(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := ParsePolicy(text)
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%s: %s\nis read as %+v, %v\nnot %+v", name, text, again, err, p)
		}
	}
	text, _ := FormatPolicy(p)
	if !bytes.HasSuffix(text, []byte("group committee 3 c1 c2 c3 c4 c5\ngroup outside 1 o1 o2\ngroup all-groups all committee outside\nquorum all-groups\n")) {
		t.Errorf("the village's is written as\n%s", text)
	}
}

func TestNewPolicyRefuses(t *testing.T) {
	_, many := witnessesOf(t, 'm', 40)
	for name, groups := range map[string][]WitnessGroup{
		"none at all":               nil,
		"no witness":                {{Name: "g", Threshold: 0}},
		"threshold 0":               {{Name: "g", Threshold: 0, Witnesses: many[:2]}},
		"threshold 3 of 2":          {{Name: "g", Threshold: 3, Witnesses: many[:2]}},
		"one in two groups":         {{Name: "g", Threshold: 1, Witnesses: many[:2]}, {Name: "h", Threshold: 1, Witnesses: many[1:3]}},
		"two groups of one name":    {{Name: "g", Threshold: 1, Witnesses: many[:2]}, {Name: "g", Threshold: 1, Witnesses: many[2:3]}},
		"a witness named as one":    {{Name: "m1", Threshold: 1, Witnesses: many[:2]}},
		"a group named none":        {{Name: "none", Threshold: 1, Witnesses: many[:2]}},
		"a group named all-groups":  {{Name: "all-groups", Threshold: 1, Witnesses: many[:2]}},
		"a witness of that name":    {{Name: "g", Threshold: 1, Witnesses: []Witness{{Name: "all-groups", Key: many[0].Key}}}},
		"more than a note can hold": {{Name: "g", Threshold: 31, Witnesses: many}},
		"one key under two names":   {{Name: "g", Threshold: 1, Witnesses: []Witness{many[0], {Name: "x", Key: many[0].Key}}}},
		"name with a space":         {{Name: "g g", Threshold: 1, Witnesses: many[:1]}},
	} {
		if p, err := NewPolicy(nil, groups); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := NewPolicy(nil, []WitnessGroup{{Name: "g", Threshold: 30, Witnesses: many}}); err != nil {
		t.Errorf("30 of 40: %v", err)
	}
}

// What the specification forbids, and what we refuse beyond it: a key or a number that is not in its one form.
func TestParsePolicyRefuses(t *testing.T) {
	k := func(name string, i byte) string { return witnessKey(t, name, i).Verifier().String() }
	log := logVerifier(t, "example.org/log/1").String()
	base := "log " + log + "\nwitness a " + k("wa", 1) + "\nwitness b " + k("wb", 2) + "\nwitness c " + k("wc", 3) + "\n"
	same := witnessKey(t, "other", 1).Verifier()
	for name, text := range map[string]string{
		"nothing":                     "",
		"no quorum":                   base,
		"two quorums":                 base + "quorum a\nquorum a\n",
		"quorum of nobody":            base + "quorum d\n",
		"quorum before its witness":   "quorum a\n" + base,
		"quorum of two":               base + "quorum a b\n",
		"quorum without a name":       base + "quorum\n",
		"no line feed at the end":     base + "quorum a",
		"CR":                          strings.ReplaceAll(base+"quorum a\n", "\n", "\r\n"),
		"NUL":                         base + "quorum a\x00\n",
		"form feed":                   base + "quorum\fa\n",
		"DEL":                         base + "# \x7f\nquorum a\n",
		"unknown keyword":             base + "policy a\nquorum a\n",
		"keyword in capitals":         base + "Quorum a\n",
		"same witness twice":          base + "group g 2 a a\nquorum g\n",
		"member of two groups":        base + "group g 1 a b\ngroup h 1 b c\ngroup t 2 g h\nquorum t\n",
		"group in two groups":         base + "group g 1 a\ngroup h 1 g b\ngroup i 1 g c\nquorum i\n",
		"group of itself":             base + "group g 1 g\nquorum g\n",
		"group before its member":     "group g 1 a\n" + base + "quorum g\n",
		"group without a member":      base + "group g 1\nquorum g\n",
		"group without a threshold":   base + "group g\nquorum a\n",
		"all of nobody":               base + "group g all\nquorum a\n",
		"member none":                 base + "group g 1 none\nquorum g\n",
		"threshold 0":                 base + "group g 0 a b\nquorum g\n",
		"threshold 3 of 2":            base + "group g 3 a b\nquorum g\n",
		"threshold 02":                base + "group g 02 a b\nquorum g\n",
		"threshold +2":                base + "group g +2 a b\nquorum g\n",
		"threshold -1":                base + "group g -1 a b\nquorum g\n",
		"threshold 2^64+1":            base + "group g 18446744073709551617 a b\nquorum g\n",
		"threshold most":              base + "group g most a b\nquorum g\n",
		"threshold ALL":               base + "group g ALL a b\nquorum g\n",
		"witness named none":          base + "witness none " + k("wd", 4) + "\nquorum a\n",
		"group named none":            base + "group none 1 a\nquorum none\n",
		"two witnesses of one name":   base + "witness a " + k("wd", 4) + "\nquorum a\n",
		"group of a witness's name":   base + "group a 1 b\nquorum a\n",
		"two witnesses of one key":    base + "witness d " + k("wa", 1) + "\nquorum a\n",
		"one key under another name":  base + "witness d " + same.String() + "\nquorum a\n",
		"two logs of one key":         base + "log " + logVerifier(t, "example.org/log/2").String() + "\nquorum a\n",
		"a log's key for a witness":   base + "witness d " + log + "\nquorum a\n",
		"a witness's key for a log":   "log " + k("wd", 4) + "\nquorum none\n",
		"a key with a wrong hash":     base + "witness d x" + k("wd", 4) + "\nquorum a\n",
		"witness without a key":       base + "witness d\nquorum a\n",
		"words behind the URL":        base + "witness d " + k("wd", 4) + " https://example.org/ x\nquorum a\n",
		"words behind the log's URL":  "log " + log + " https://example.org/ x\nquorum none\n",
		"comment behind the line":     base + "quorum a # why\n",
		"65,537 bytes":                base + "quorum a\n#" + strings.Repeat("x", PolicyBytesMax) + "\n",
		"more witnesses than allowed": manyWitnesses(t, WitnessesMax+1) + "quorum none\n",
	} {
		p, err := ParsePolicy([]byte(text))
		if err == nil {
			t.Errorf("%s: read as %+v", name, p)
		} else if !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v does not wrap ErrPolicy", name, err)
		}
	}
}

func manyWitnesses(t *testing.T, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "witness w%d %s\n", i, witnessKey(t, "k", byte(i)).Verifier())
	}
	return b.String()
}

// What the specification allows: spaces and tabs, comments, any order of logs and witnesses, names that are keywords elsewhere.
func TestParsePolicyReads(t *testing.T) {
	k := func(name string, i byte) string { return witnessKey(t, name, i).Verifier().String() }
	text := "# of the village\n\n \t\n  witness\tall   " + k("wa", 1) + "\thttps://example.org/\xff \t\nwitness 2 " + k("wb", 2) +
		"\n\t# more\ngroup quorum any all 2\nlog " + logVerifier(t, "example.org/log/1").String() + "\nwitness c " + k("wc", 3) +
		"\ngroup group 2 quorum c\n quorum group\n"
	p, err := ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Group{{"quorum", 1, []string{"all", "2"}}, {"group", 2, []string{"quorum", "c"}}}
	if !reflect.DeepEqual(p.Groups, want) || p.Quorum != "group" || p.Witnesses[0].URL != "https://example.org/\xff" || len(p.Logs) != 1 {
		t.Errorf("read as %+v", p)
	}
	if p, err := ParsePolicy([]byte("quorum none\n")); err != nil || !satisfied(t, p, cosigned(t, testText, testNow)).Satisfied {
		t.Errorf("quorum none is %+v, %v", p, err)
	}
}

// The reader of another implementation takes "2 of the same two", and one signature then satisfies it. Ours does not.
func TestTheOraclesTrap(t *testing.T) {
	k := witnessKey(t, "w", 1)
	text := []byte("witness w " + k.Verifier().String() + " https://example.org/\ngroup g 2 w w\nquorum g\n")
	theirs, err := oracle.ParsePolicy(text)
	if err != nil || !theirs.Satisfied(cosigned(t, testText, testNow, k).Bytes()) {
		t.Logf("the trap is gone from the other implementation: %v", err)
	}
	if p, err := ParsePolicy(text); err == nil {
		t.Errorf("read as %+v", p)
	}
}

// On policies that both read the two agree, whoever has signed.
func TestQuorumAgreesWithTheOracle(t *testing.T) {
	p, c, o := village(t)
	for i := range p.Witnesses {
		p.Witnesses[i].URL = "https://example.org/" + p.Witnesses[i].Name
	}
	p.Logs = nil
	text, err := FormatPolicy(p)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := oracle.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	keys := append(slices.Clone(c), o...)
	for subset := range 1 << len(keys) {
		var signers []Key
		for i := range keys {
			if subset&(1<<i) != 0 {
				signers = append(signers, keys[i])
			}
		}
		n := cosigned(t, testText, testNow, signers...)
		if ours, their := satisfied(t, p, n).Satisfied, theirs.Satisfied(n.Bytes()); ours != their {
			t.Errorf("signed by %b: %v here, %v there", subset, ours, their)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	p, _, _ := village(f)
	text, err := FormatPolicy(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("quorum none\n"))
	f.Add([]byte("# x\nwitness a " + witnessKey(f, "a", 1).Verifier().String() + "\ngroup g any a\nquorum g\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
		if err != nil {
			return
		}
		written, err := FormatPolicy(p)
		if err != nil {
			if len(written) == 0 && len(text) > PolicyBytesMax/2 {
				return // keywords are written longer than they may have been read
			}
			t.Fatalf("%q is not written: %v", text, err)
		}
		again, err := ParsePolicy(written)
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%q\nis written as %q\nand read as %+v, %v", text, written, again, err)
		}
	})
}
