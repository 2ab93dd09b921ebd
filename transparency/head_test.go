package transparency

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

func testKey(t testing.TB, origin string) *logKey {
	t.Helper()
	k, err := newLogKey(testSecret, origin)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The key and the head are frozen: these values were made with other software from the rules in the package comment.
func TestHeadIsFrozen(t *testing.T) {
	const origin = "example.org/log/1"
	if got, want := LogVerifierKey(testSecret, origin), "example.org/log/1+019b9759+ARQxuJrWSW8UBBaXLdcgXmUInJ/6imMkPgh9ZmnMZo9E"; got != want {
		t.Errorf("verifier key is %s, not %s", got, want)
	}
	var empty tree
	msg, err := testKey(t, origin).sign(Head{Origin: origin, Root: empty.root()})
	if err != nil {
		t.Fatal(err)
	}
	want := "example.org/log/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— example.org/log/1 AZuXWdef/+CY1ZRkxgiicdPRHHYErofktA9m6vjoIELy3gJb1hcXAkL+KHalomYJtX10FLHxicRKGqY5gfAd7DnenQI=\n"
	if string(msg) != want {
		t.Errorf("head is %q, not %q", msg, want)
	}
}

func TestVerifierKeyOfBadInput(t *testing.T) {
	if LogVerifierKey(testSecret[1:], "o") != "" || LogVerifierKey(testSecret, "o o") != "" {
		t.Error("a key was derived from a short secret or for a bad origin")
	}
	if LogVerifierKey(testSecret, "o") == LogVerifierKey(testSecret, "p") {
		t.Error("two logs have one key")
	}
}

func TestHeadOpensWithTheVerifierKey(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s := openStore(t, inner, dir)
	h, msg, err := s.Head(t.Context(), village)
	if err != nil {
		t.Fatal(err)
	}
	if want := naiveLogRoot("example.org/log/shangzhuang", inner.get(village)); h.Root != want || h.Size != 5 || h.Origin != "example.org/log/shangzhuang" {
		t.Errorf("head is %v, want size 5 and root %x", h, want)
	}
	v, err := note.NewVerifier(LogVerifierKey(testSecret, h.Origin))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseHead(msg, v); err != nil || again != h {
		t.Errorf("the note opens as %v, %v; want %v", again, err, h)
	}
	if !bytes.Equal(readFile(t, headPath(dir, village)), msg) {
		t.Error("the head was handed out before it was remembered")
	}
	if _, _, err := s.Head(t.Context(), "nobody"); !errors.Is(err, ErrNoLog) {
		t.Errorf("head of a stream without events: %v", err)
	}
}

func TestParseHeadRefuses(t *testing.T) {
	k := testKey(t, "o")
	root := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	bad := map[string]string{
		"leading zero":     "o\n007\n" + root + "\n",
		"sign":             "o\n+7\n" + root + "\n",
		"negative":         "o\n-7\n" + root + "\n",
		"no size":          "o\n\n" + root + "\n",
		"size too large":   "o\n4611686018427387905\n" + root + "\n",
		"size overflow":    "o\n18446744073709551616\n" + root + "\n",
		"short root":       "o\n7\nAQEB\n",
		"long root":        "o\n7\n" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 33)) + "\n",
		"loose base64":     "o\n7\n" + root[:42] + "F=\n",
		"no padding":       "o\n7\n" + root[:43] + "\n",
		"extension line":   "o\n7\n" + root + "\nmore\n",
		"missing line":     "o\n7\n",
		"origin of others": "p\n7\n" + root + "\n",
		"bad origin":       "o o\n7\n" + root + "\n",
		"empty line":       "\no\n7\n" + root + "\n",
	}
	for name, text := range bad {
		msg, err := note.Sign(&note.Note{Text: text}, k)
		if err != nil {
			t.Fatal(name, err)
		}
		if h, err := ParseHead(msg, k); err == nil {
			t.Errorf("%s: accepted as %v", name, h)
		}
	}
	good := Head{Origin: "o", Size: 7, Root: [32]byte(bytes.Repeat([]byte{1}, 32))}
	msg, err := k.sign(good)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := ParseHead(msg, k); err != nil || h != good {
		t.Errorf("a good head is %v, %v", h, err)
	}
	if _, err := ParseHead(msg, testKey(t, "p")); err == nil {
		t.Error("a head opened with the key of another log")
	}
	witnessed := string(msg)
	for i := range 31 {
		witnessed += fmt.Sprintf("— w%d AAAAAAAA\n", i)
	}
	if h, err := ParseHead([]byte(witnessed), k); err != nil || h != good {
		t.Errorf("a head with 31 signatures more is %v, %v", h, err)
	}
	if _, err := ParseHead([]byte(witnessed+"— w AAAAAAAA\n"), k); err == nil {
		t.Error("a head with 33 signatures was accepted")
	}
	if _, err := ParseHead([]byte(string(msg)+strings.Repeat("— w AAAAAAAA\n", 2)), k); err == nil {
		t.Error("a head with two lines of one key was accepted")
	}
	if _, err := ParseHead([]byte(string(msg)+"— w AAAAAAB=\n"), k); err == nil {
		t.Error("a head with loose base64 was accepted")
	}
	long := string(msg) + strings.Repeat("— "+strings.Repeat("w", 4096)+" AAAAAAAA\n", 16)
	if _, err := ParseHead([]byte(long), k); err == nil {
		t.Error("a head of more than 64 KiB was accepted")
	}
}

// FuzzParseHead signs whatever text there is and demands that what opens is what we would have written.
func FuzzParseHead(f *testing.F) {
	k := testKey(f, "o")
	f.Add([]byte("o\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"))
	f.Add([]byte("o\n07\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if h, k, err := openOwn(testSecret, text); err == nil {
			if again, err := k.sign(h); err != nil || !bytes.Equal(again, text) {
				t.Errorf("%q is not its one form %q (%v)", text, again, err)
			}
		}
		msg, err := note.Sign(&note.Note{Text: string(text)}, k)
		if err != nil {
			return
		}
		if h, err := ParseHead(msg, k); err == nil && (h.body() != string(text) || h.Origin != "o") {
			t.Errorf("%q was read as %v", text, h)
		}
	})
}

func TestFileNames(t *testing.T) {
	seen := make(map[string]string)
	names := []string{"access", "collective-a", "Collective-a", "a.b", "..", ".", "a/b", "a%2fb", "a\\b", "~", "%%", "a_b",
		strings.Repeat("x", 128), strings.Repeat("X", 128), strings.Repeat("/", 67), strings.Repeat("/", 66)}
	for _, name := range names {
		if err := eventstore.CheckStream(name); err != nil {
			t.Fatal(err)
		}
		file := fileName(name)
		if len(file)+len(tmpSuffix) > 255 || strings.Trim(file, "abcdefghijklmnopqrstuvwxyz0123456789-_%") != "" {
			t.Errorf("%q has the file name %q", name, file)
		}
		if other, ok := seen[file]; ok {
			t.Errorf("%q and %q have one file name", name, other)
		}
		seen[file] = name
		if back, ok := streamName(file); !ok || back != name {
			t.Errorf("%q comes back as %q, %v", name, back, ok)
		}
	}
	for _, file := range []string{"a.tmp", "%", "%2", "%zz", "%61", "%%zz", "A", "%%" + strings.Repeat("0", 8)} {
		if name, ok := streamName(file); ok {
			t.Errorf("%q is taken for the stream %q", file, name)
		}
	}
}
