package witness

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

const (
	testOrigin = "example.org/log/1"
	testText   = testOrigin + "\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
)

var (
	testNow   = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	testTimes = Times{Now: testNow}
)

func seed(i byte) []byte { return bytes.Repeat([]byte{i}, ed25519.SeedSize) }

// logKey is the key of the log of the tests.
func logKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seed(200)) }

func logVerifier(t testing.TB, origin string) signednote.Verifier {
	t.Helper()
	v, err := signednote.NewVerifier(origin, signednote.Ed25519, logKey().Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func witnessKey(t testing.TB, name string, i byte) Key {
	t.Helper()
	k, err := NewKey(name, seed(i))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// cosigned is a note of the log of the tests with cosignatures of these keys.
func cosigned(t testing.TB, text string, at time.Time, keys ...Key) signednote.Note {
	t.Helper()
	s, err := signednote.Sign(testOrigin, logKey(), text)
	if err != nil {
		t.Fatal(err)
	}
	n := signednote.Note{Text: text, Signatures: []signednote.Signature{s}}
	for _, k := range keys {
		c, err := k.Cosign(text, at)
		if err != nil {
			t.Fatal(err)
		}
		n.Signatures = append(n.Signatures, c.Line(k.Verifier()))
	}
	return n
}

// The example of c2sp.org/tlog-cosignature: its keys are not published, so what is compared is how it is framed.
func TestExampleOfTheSpecification(t *testing.T) {
	line := "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
	s, err := signednote.ParseSignature([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCosignature(s.Blob)
	if err != nil || c.Time != 1679315147 {
		t.Fatalf("its time is %d, %v", c.Time, err)
	}
	body := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	if got := string(message(body, c.Time)); got != "cosignature/v1\ntime 1679315147\n"+body {
		t.Errorf("its message is %q", got)
	}
}

// What we sign another implementation verifies, and the other way round.
func TestCosignaturesAgreeWithTheOracle(t *testing.T) {
	k := witnessKey(t, "witness.example.org/一", 1)
	n := cosigned(t, testText, testNow, k)
	v, err := formats.NewVerifierForCosignatureV1(k.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open(n.Bytes(), note.VerifierList(v))
	if err != nil {
		t.Fatalf("the oracle does not verify ours: %v", err)
	}
	if at, err := formats.CoSigV1Timestamp(opened.Sigs[0]); err != nil || !at.Equal(testNow) {
		t.Errorf("the oracle reads the time %v, %v", at, err)
	}

	secret, _, err := note.GenerateKey(bytes.NewReader(seed(2)), "w2")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := formats.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: testText}, signer)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := signednote.Parse(msg)
	if err != nil {
		t.Fatal(err)
	}
	ours := witnessKey(t, "w2", 2)
	now := Times{Now: time.Now()}
	if c, err := Cosigned(theirs, ours.Verifier(), now); err != nil {
		t.Errorf("theirs does not verify here: %+v, %v", c, err)
	}
}

func TestTimesOfCosignatures(t *testing.T) {
	k := witnessKey(t, "w", 1)
	age := Times{Now: testNow, AgeMax: time.Hour}
	for name, c := range map[string]struct {
		at    time.Time
		times Times
		right bool
	}{
		"now":                       {testNow, age, true},
		"an hour ago":               {testNow.Add(-time.Hour), age, true},
		"a second more":             {testNow.Add(-time.Hour - time.Second), age, false},
		"years ago, no limit":       {testNow.AddDate(-40, 0, 0), testTimes, true},
		"the clock is ahead":        {testNow.Add(FutureMax), age, true},
		"a second more ahead":       {testNow.Add(FutureMax + time.Second), age, false},
		"a thousand years ahead":    {testNow.AddDate(1000, 0, 0), testTimes, false},
		"nobody knows what time is": {time.Unix(1<<62, 0), Times{}, false},
	} {
		n := cosigned(t, testText, c.at, k)
		if _, err := Cosigned(n, k.Verifier(), c.times); (err == nil) != c.right || err != nil && !errors.Is(err, ErrTime) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Cosign(testText, time.Unix(0, 0)); err == nil {
		t.Error("cosigned at no time")
	}
	for _, blob := range [][]byte{nil, make([]byte, 64), make([]byte, 72), append([]byte{0x80}, make([]byte, 71)...), make([]byte, 73)} {
		if c, err := ParseCosignature(blob); !errors.Is(err, signednote.ErrForm) {
			t.Errorf("%x is read as %+v, %v", blob, c, err)
		}
	}
}

func TestCosignatureOfAnother(t *testing.T) {
	k := witnessKey(t, "w", 1)
	n := cosigned(t, testText, testNow, k)
	if _, err := Cosigned(n, witnessKey(t, "w", 2).Verifier(), testTimes); !errors.Is(err, ErrNotCosigned) {
		t.Errorf("another key of the name: %v", err)
	}
	c, err := Cosigned(n, k.Verifier(), testTimes)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(witnessKey(t, "w", 2).Verifier(), testText, testTimes); !errors.Is(err, ErrCosignature) {
		t.Errorf("another key: %v", err)
	}
	if err := c.Verify(k.Verifier(), "example.org/log/2"+testText[len(testOrigin):], testTimes); !errors.Is(err, ErrCosignature) {
		t.Errorf("another log: %v", err)
	}
	later := c
	later.Time++
	if err := later.Verify(k.Verifier(), testText, testTimes); !errors.Is(err, ErrCosignature) {
		t.Errorf("another time: %v", err)
	}
	asLog := k.Verifier()
	asLog.Algorithm = signednote.Ed25519
	if err := c.Verify(asLog, testText, testTimes); !errors.Is(err, ErrCosignature) {
		t.Errorf("a log's key: %v", err)
	}
	// A log's signature of the same key over the bare text is no cosignature, nor the other way round.
	bare := Cosignature{Time: testNow.Unix(), Signature: [64]byte(ed25519.Sign(k.private, []byte(testText)))}
	if err := bare.Verify(k.Verifier(), testText, testTimes); !errors.Is(err, ErrCosignature) {
		t.Errorf("a signature over the text alone: %v", err)
	}
}

// Whatever bit of a cosigned note is flipped: it is refused, or it says the same of the same log, or less. Never anything else.
func TestEveryBitOfACosignedNote(t *testing.T) {
	a, b := witnessKey(t, "a", 1), witnessKey(t, "b", 2)
	p, err := NewPolicy([]signednote.Verifier{logVerifier(t, testOrigin)}, []WitnessGroup{{Name: "committee", Threshold: 2,
		Witnesses: []Witness{{Name: "a", Key: a.Verifier()}, {Name: "b", Key: b.Verifier()}}}})
	if err != nil {
		t.Fatal(err)
	}
	msg := cosigned(t, testText, testNow, a, b).Bytes()
	refused := 0
	for i := range len(msg) * 8 {
		flipped := bytes.Clone(msg)
		flipped[i/8] ^= 1 << (i % 8)
		n, err := signednote.Parse(flipped)
		if err != nil {
			refused++
			continue
		}
		seal, err := p.Satisfied(n, testTimes)
		if err != nil {
			refused++
			continue
		}
		if seal.Satisfied {
			t.Errorf("bit %d flipped, and %q is sealed", i, flipped)
		}
		for _, s := range seal.Signed {
			if n.Text != testText || s.Cosignature.Time != testNow.Unix() {
				t.Errorf("bit %d flipped, and %s has signed %q at %d", i, s.Witness.Name, n.Text, s.Cosignature.Time)
			}
		}
	}
	if refused < len(msg) {
		t.Errorf("of %d bits only %d were refused", len(msg)*8, refused)
	}
}

func FuzzCosignature(f *testing.F) {
	k := witnessKey(f, "w", 1)
	n := cosigned(f, testText, testNow, k)
	f.Add(n.Signatures[1].Blob)
	f.Add(make([]byte, 72))
	f.Fuzz(func(t *testing.T, blob []byte) {
		c, err := ParseCosignature(blob)
		if err != nil {
			return
		}
		if again := c.Line(k.Verifier()).Blob; !bytes.Equal(again, blob) {
			t.Fatalf("%x is written as %x", blob, again)
		}
		if c.Verify(k.Verifier(), testText, testTimes) == nil && !bytes.Equal(blob, n.Signatures[1].Blob) {
			t.Fatalf("%x verifies", blob)
		}
	})
}
