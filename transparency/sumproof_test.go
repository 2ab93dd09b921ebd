package transparency

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// sumProof is the proof of one line of seven, disclosed by event 3 of a log of five, and the key of the log.
func sumProof(t testing.TB) (proof []byte, root SumNode, vkey string) {
	t.Helper()
	tree := sumTree(t, sumLines(7))
	inner := newFake()
	s := openStore(t, inner, t.TempDir())
	appendMany(t, s, "collective-a", 0, 2)
	disclosed := tree.Root()
	data := fmt.Appendf(nil, "%x %d", disclosed.Hash[:], disclosed.Sum)
	if _, err := s.Append(t.Context(), "collective-a", 2, []eventstore.NewEvent{{Type: "round_disclosed", Data: data}}); err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, "collective-a", 3, 5)
	_, in, err := s.ProveInclusion(t.Context(), "collective-a", 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	in.Extra = Entry(in.Head.Origin, "round_disclosed", data)
	p := SumProof{Kind: "dividend", Round: "2021", Inclusion: in, Line: sumLines(7)[4]}
	p.Path, _, _ = tree.Prove(p.Line.Payee)
	return FormatSumProof(p), disclosed, VerifierKeyOf(t.Context(), s.signer, in.Head.Origin)
}

// checkSumText is all that somebody does who holds the text of a proof and the key of the log.
func checkSumText(text []byte, vkey string) error {
	p, err := ParseSumProof(text)
	if err != nil {
		return err
	}
	if _, err := OpenHead(p.Inclusion.Note, vkey); err != nil {
		return err
	}
	_, data, err := ProvenEvent(p.Inclusion)
	if err != nil {
		return err
	}
	var root SumNode
	var hash []byte
	if _, err := fmt.Sscanf(string(data), "%x %d", &hash, &root.Sum); err != nil {
		return err
	}
	copy(root.Hash[:], hash)
	return CheckSumLine(SumScope("example.org/log", p.Kind, p.Round), p.Line, p.Path, root, 7)
}

// TestEveryBitOfASumProofCounts: the text proves its line, and none that differs from it in a bit, a byte less or a byte more does.
func TestEveryBitOfASumProofCounts(t *testing.T) {
	text, _, vkey := sumProof(t)
	if err := checkSumText(text, vkey); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	wrong := bytes.Clone(text)
	for bit := range len(text) * 8 {
		wrong[bit/8] ^= 1 << (bit % 8)
		if checkSumText(wrong, vkey) == nil {
			t.Fatalf("it proves the same with bit %d of byte %d turned, in\n%s", bit%8, bit/8, wrong)
		}
		wrong[bit/8] ^= 1 << (bit % 8)
	}
	for n := range text {
		if checkSumText(text[:n], vkey) == nil || checkSumText(append(bytes.Clone(text[:n]), text[n+1:]...), vkey) == nil {
			t.Fatalf("it proves the same without byte %d", n)
		}
	}
	if checkSumText(append(bytes.Clone(text), '\n'), vkey) == nil {
		t.Error("it proves the same with a line more")
	}
}

// TestSumProofsAreParsedStrictly: other ways to write the same are no proofs.
func TestSumProofsAreParsedStrictly(t *testing.T) {
	good, _, _ := sumProof(t)
	text := string(good)
	if _, err := ParseSumProof(good); err != nil || !IsSumProof(good) || IsInclusion(good) {
		t.Fatal(err)
	}
	beside := text[strings.Index(text, "index"):strings.Index(text, "\n\n")]
	for what, wrong := range map[string]string{
		"a sign before the amount": strings.Replace(text, "amount ", "amount +", 1),
		"a zero before the index":  strings.Replace(text, "index ", "index 0", 1),
		"a blank more":             strings.Replace(text, "payee ", "payee  ", 1),
		"CR LF":                    strings.ReplaceAll(text, "\n", "\r\n"),
		"lines swapped":            strings.Replace(text, "\npayee member/5\namount 17", "\namount 17\npayee member/5", 1),
		"a payee of two words":     strings.Replace(text, "payee member/5", "payee member/5 member/6", 1),
		"a round without id":       strings.Replace(text, "dividend 2021", "dividend", 1),
		"no nodes and no event":    text[:strings.Index(text, "\n\n")+2],
		"too many nodes":           strings.Replace(text, beside, beside+strings.Repeat("\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 1", 33), 1),
		"the inclusion alone":      text[strings.Index(text, "\n\n")+2:],
		"too long":                 text + strings.Repeat("x", 64<<10),
	} {
		if wrong == text {
			t.Fatalf("%s: not changed", what)
		}
		if _, err := ParseSumProof([]byte(wrong)); err == nil {
			t.Errorf("a proof with %s is read", what)
		}
	}
}

// TestProvenEventOfAnotherLog: extra data that is no entry of the log, or another event of it, is refused.
func TestProvenEventOfAnotherLog(t *testing.T) {
	good, _, _ := sumProof(t)
	p, err := ParseSumProof(good)
	if err != nil {
		t.Fatal(err)
	}
	for what, extra := range map[string][]byte{
		"none": nil, "text": []byte("round_disclosed"), "another log": Entry("example.org/other", "round_disclosed", []byte("x")),
		"another event": Entry(p.Inclusion.Head.Origin, "round_disclosed", []byte("x")),
	} {
		other := p.Inclusion
		other.Extra = extra
		if _, _, err := ProvenEvent(other); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzParseSumProof: what is read is written again as it was, and no text makes the check panic.
func FuzzParseSumProof(f *testing.F) {
	good, root, _ := sumProof(f)
	f.Add(good)
	f.Add([]byte(sumProofLine + "\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseSumProof(text)
		if err != nil {
			return
		}
		if !bytes.Equal(FormatSumProof(p), text) {
			t.Fatalf("%q is written otherwise", text)
		}
		_ = CheckSumLine(SumScope(p.Inclusion.Head.Origin, p.Kind, p.Round), p.Line, p.Path, root, 7)
	})
}

// TestPins: a pin leads back to its head in every way people write it.
func TestPins(t *testing.T) {
	head := Head{Origin: "example.org/log#2", Size: 84, Root: hashOf(t, strings.Repeat("fb", 31)+"ff")}
	pin := FormatPin(head)
	if want := "example.org/log#2#84:-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_8"; pin != want {
		t.Errorf("the pin is %s, want %s", pin, want)
	}
	bare := strings.TrimPrefix(pin, head.Origin+"#")
	for _, text := range []string{pin, bare, bare + "=", "84:" + strings.Repeat("fb", 31) + "ff", "84:+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/8="} {
		h, err := ParsePin(text)
		if err != nil || h.Size != 84 || h.Root != head.Root || h.Origin != "" && h.Origin != head.Origin {
			t.Errorf("%s is %v, %v", text, h, err)
		}
	}
	for _, text := range []string{"", "84", "84:", "0:" + bare[3:], "-1:" + bare[3:], "84:" + bare[4:], bare + "x", "a b#" + bare, "#" + bare, strings.Replace(pin, "_8", "_9", 1), "84:+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/9=", "99999999999999999999:" + bare[3:]} {
		if h, err := ParsePin(text); err == nil {
			t.Errorf("%q is read as %v", text, h)
		}
	}
}
