package transparency

import (
	"bytes"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A log hashed event by event has the root that the definition gives, at every size.
func TestHasherGivesTheRootOfTheDefinition(t *testing.T) {
	const origin = "example.org/x"
	h, err := NewHasher(origin)
	if err != nil {
		t.Fatal(err)
	}
	var leaves []tlog.Hash
	for n := range 70 {
		data := bytes.Repeat([]byte{byte(n)}, n)
		leaf, err := h.Add("income_recorded", data)
		if err != nil {
			t.Fatal(err)
		}
		if want := tlog.RecordHash(Entry(origin, "income_recorded", data)); leaf != want {
			t.Fatalf("leaf %d is %v, want %v", n, leaf, want)
		}
		leaves = append(leaves, leaf)
		if got, want := h.Root(), defined(leaves); got != want || h.Size() != uint64(n+1) {
			t.Fatalf("root of %d is %v, want %v", h.Size(), got, want)
		}
	}
	before := h.Root()
	if _, err := h.Add("two\nlines", nil); err == nil || h.Root() != before {
		t.Errorf("a type with a line break was taken: %v", err)
	}
	if _, err := NewHasher("a b"); err == nil {
		t.Error("an origin with a blank was taken")
	}
}

// defined is the root by RFC 6962, section 2.1, word by word.
func defined(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(defined(leaves[:k]), defined(leaves[k:]))
}

func TestOpenHeadNeedsTheRightKey(t *testing.T) {
	secret, other := bytes.Repeat([]byte{1}, SecretBytes), bytes.Repeat([]byte{2}, SecretBytes)
	key, err := newLogKey(secret, "example.org/x")
	if err != nil {
		t.Fatal(err)
	}
	head := Head{Origin: "example.org/x", Size: 3, Root: tlog.Hash{7}}
	msg, err := key.sign(head)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenHead(msg, LogVerifierKey(secret, "example.org/x")); err != nil || got != head {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{LogVerifierKey(other, "example.org/x"), LogVerifierKey(secret, "example.org/y"), "", "x"} {
		if _, err := OpenHead(msg, bad); err == nil {
			t.Errorf("opened with %q", bad)
		}
	}
}
