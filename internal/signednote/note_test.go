package signednote

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// The notes and keys below are those of the specifications (c2sp.org/signed-note, tlog-cosignature, tlog-witness).
const (
	poem = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
		"— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
	sofa = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
		"— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n" +
		"— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
	sofaKey = "example.com/behind-the-sofa+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
	neumann = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	quote   = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
		"— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

func TestNotesOfOthersRead(t *testing.T) {
	for _, msg := range []string{poem, sofa, quote} {
		n, err := Parse([]byte(msg))
		if err != nil {
			t.Errorf("%.20q…: %v", msg, err)
			continue
		}
		if string(n.Bytes()) != msg {
			t.Errorf("%.20q… is written as %q", msg, n.Bytes())
		}
	}
	n, _ := Parse([]byte(sofa))
	if len(n.Signatures) != 2 || n.Signatures[1].Hash != 0x8d66cf3f || len(n.Signatures[1].Blob) != 72 {
		t.Errorf("signatures of the head are %+v", n.Signatures)
	}
	v, err := ParseVerifier(neumann)
	if err != nil {
		t.Fatal(err)
	}
	n, _ = Parse([]byte(quote))
	if s, ok := n.Signature(v); !ok || !v.Verify(n.Text, s) {
		t.Error("the signature of the note in golang.org/x/mod does not verify")
	}
}

// key is a key that two tests in a row agree on.
func key(i byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{i}, ed25519.SeedSize))
}

func signed(t testing.TB, text string, names ...string) []byte {
	t.Helper()
	n := Note{Text: text}
	for i, name := range names {
		s, err := Sign(name, key(byte(i)), text)
		if err != nil {
			t.Fatal(err)
		}
		n.Signatures = append(n.Signatures, s)
	}
	return n.Bytes()
}

func TestSignAgreesWithTheOracle(t *testing.T) {
	msg := signed(t, "a\n\nb\n", "example.org/一", "b")
	for i, name := range []string{"example.org/一", "b"} {
		v, err := NewVerifier(name, Ed25519, key(byte(i)).Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		oracle, err := note.NewVerifier(v.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(msg, note.VerifierList(oracle)); err != nil || oracle.KeyHash() != v.Hash() {
			t.Errorf("%s: %v, hash %08x and %08x", name, err, oracle.KeyHash(), v.Hash())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(signed(t, "text\n", "name"))
	line := strings.TrimPrefix(good, "text\n\n")
	encoded := strings.TrimSuffix(strings.TrimPrefix(line, "— name "), "\n")
	many := "text\n\n"
	for i := range SignaturesMax {
		many += fmt.Sprintf("— n%d AAAAAAA=\n", i)
	}
	if _, err := Parse([]byte(many)); err != nil {
		t.Errorf("a note of %d signatures: %v", SignaturesMax, err)
	}
	for name, msg := range map[string]string{
		"nothing":               "",
		"no signature":          "text\n\n",
		"no empty line":         "text\n" + line,
		"no text":               "\n" + line,
		"no line feed":          strings.TrimSuffix(good, "\n"),
		"line feed behind it":   good + "\n",
		"CR":                    strings.Replace(good, "text\n", "text\r\n", 1),
		"CR in base64":          strings.Replace(good, encoded, encoded[:8]+"\r"+encoded[8:], 1),
		"tab":                   strings.Replace(good, "text", "te\txt", 1),
		"NUL":                   strings.Replace(good, "text", "te\x00xt", 1),
		"DEL":                   strings.Replace(good, "text", "te\x7fxt", 1),
		"no UTF-8":              strings.Replace(good, "text", "te\xffxt", 1),
		"hyphen for a dash":     strings.Replace(good, "—", "-", 1),
		"two spaces":            strings.Replace(good, "name ", "name  ", 1),
		"space behind":          strings.Replace(good, "\n— ", "\n—  ", 1),
		"space at the end":      strings.TrimSuffix(good, "\n") + " \n",
		"no name":               strings.Replace(good, "name ", " ", 1),
		"plus in a name":        strings.Replace(good, "name ", "na+me ", 1),
		"wide space in a name":  strings.Replace(good, "name ", "na　me ", 1),
		"invisible in a name":   strings.Replace(good, "name ", "na\u200bme ", 1),
		"long name":             strings.Replace(good, "name ", strings.Repeat("n", NameBytesMax+1)+" ", 1),
		"no padding":            strings.Replace(good, "=", "", 1),
		"URL alphabet":          "text\n\n— name AAAAAP-_\n",
		"hash alone":            "text\n\n— name AAAAAA==\n",
		"loose bits":            "text\n\n— name AAAAAAB=\n",
		"one key twice":         good + line,
		"other text behind":     good + "more\n",
		"33 signatures":         many + "— more AAAAAAA=\n",
		"65,537 bytes":          strings.Repeat("x", BytesMax+1-len(good)) + good,
		"signature in the text": "text\n" + line + "\n" + strings.TrimSuffix(line, "\n"),
	} {
		n, err := Parse([]byte(msg))
		if err == nil {
			t.Errorf("%s: read as %+v", name, n)
		} else if !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v does not wrap ErrForm", name, err)
		}
	}
	if n, err := Parse([]byte(strings.Repeat("x", BytesMax-len(good)) + good)); err != nil || len(n.Bytes()) != BytesMax {
		t.Errorf("a note of 64 KiB: %v", err)
	}
}

func TestParseSignaturesRefuses(t *testing.T) {
	line := "— name AAAAAAA=\n"
	if got, err := ParseSignatures([]byte(line + "— other AAAAAAA=\n")); err != nil || len(got) != 2 {
		t.Errorf("two lines are %v, %v", got, err)
	}
	for name, text := range map[string]string{
		"nothing":      "",
		"empty line":   "\n",
		"CR at an end": "— name AAAAAAA=\r\n",
		"CR inside":    "— name AAAA\rAAA=\n",
		"loose bits":   "— name AAAAAAB=\n",
		"one key":      line + line,
		"no line feed": line + "— other AAAAAAA=",
		"empty behind": line + "\n",
		"too long":     "— name " + strings.Repeat("AAAA", BytesMax/4) + "\n",
	} {
		if got, err := ParseSignatures([]byte(text)); !errors.Is(err, ErrForm) {
			t.Errorf("%s: read as %v, %v", name, got, err)
		}
	}
	if got, err := ParseSignature([]byte(line + "— other AAAAAAA=\n")); !errors.Is(err, ErrForm) {
		t.Errorf("two lines for one are %v, %v", got, err)
	}
}

// The text ends at the last empty line, so a text that looks like a note is still the text.
func TestTextMayHaveEmptyLines(t *testing.T) {
	inner := string(signed(t, "text\n", "name"))
	n, err := Parse(signed(t, inner, "other"))
	if err != nil || n.Text != inner || len(n.Signatures) != 1 {
		t.Errorf("read as %+v, %v", n, err)
	}
}

func TestVerifierRefuses(t *testing.T) {
	v, err := NewVerifier("name", Cosignature, key(1).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	good := v.String()
	again, err := ParseVerifier(good)
	if err != nil || again != v {
		t.Fatalf("%s is read as %+v, %v", good, again, err)
	}
	upper := strings.Split(good, "+")
	upper[1] = strings.ToUpper(upper[1])
	withAlgorithm := func(b byte) string { // with the hash that such a key has
		w := v
		w.Algorithm = Algorithm(b)
		return w.String()
	}
	short := base64.StdEncoding.EncodeToString(append([]byte{1}, make([]byte, 31)...))
	for name, text := range map[string]string{
		"nothing":       "",
		"one part":      "name",
		"two parts":     "name+00000000",
		"upper case":    strings.Join(upper, "+"),
		"wrong hash":    strings.Replace(good, upper[1][:1], "0", 1) + "x",
		"line feed":     good + "\n",
		"space":         " " + good,
		"other name":    "nane" + good[4:],
		"ECDSA":         withAlgorithm(2),
		"ML-DSA":        withAlgorithm(6),
		"short key":     "name+" + upper[1] + "+" + short,
		"space in name": "na me" + good[4:],
		"too long":      strings.Repeat("n", 400) + good,
	} {
		if v, err := ParseVerifier(text); err == nil {
			t.Errorf("%s: %q is read as %+v", name, text, v)
		} else if !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v does not wrap ErrForm", name, err)
		}
	}
	for i := range len(good) * 8 {
		b := []byte(good)
		b[i/8] ^= 1 << (i % 8)
		if w, err := ParseVerifier(string(b)); err == nil {
			t.Errorf("bit %d flipped: %q is read as %+v", i, b, w)
		}
	}
}

// Whatever bit of a note is flipped: it is refused, or its signature no longer verifies.
func TestEveryBitOfANote(t *testing.T) {
	msg := signed(t, "example.org/log\n5\nAAAA\n", "example.org/log", "other")
	v, err := NewVerifier("example.org/log", Ed25519, key(0).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.LastIndex(msg, []byte("— other"))
	for i := range len(msg) * 8 {
		b := bytes.Clone(msg)
		b[i/8] ^= 1 << (i % 8)
		n, err := Parse(b)
		if err != nil {
			continue
		}
		if s, ok := n.Signature(v); ok && v.Verify(n.Text, s) && (i/8 < other || n.Text != "example.org/log\n5\nAAAA\n") {
			t.Errorf("bit %d flipped, and %q verifies", i, b)
		}
	}
}

func FuzzNote(f *testing.F) {
	for _, seed := range []string{poem, sofa, quote, "text\n\n— name AAAAAAA=\n", "\n\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		n, err := Parse(msg)
		if err != nil {
			return
		}
		if !bytes.Equal(n.Bytes(), msg) {
			t.Fatalf("%q is written as %q", msg, n.Bytes())
		}
		// What is read here the readers of others read too, to the same text.
		var unverified *note.UnverifiedNoteError
		if _, err := note.Open(msg, note.VerifierList()); !errors.As(err, &unverified) || unverified.Note.Text != n.Text ||
			len(unverified.Note.UnverifiedSigs) != len(n.Signatures) {
			t.Fatalf("%q: the oracle says %v", msg, err)
		}
	})
}

func FuzzVerifier(f *testing.F) {
	for _, seed := range []string{sofaKey, neumann, "a+b+c", "++"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVerifier(text)
		if err != nil {
			return
		}
		if v.String() != text {
			t.Fatalf("%q is written as %q", text, v.String())
		}
		if _, err := note.NewVerifier(text); err != nil && v.Algorithm == Ed25519 {
			t.Fatalf("%q: the oracle says %v", text, err)
		}
	})
}
