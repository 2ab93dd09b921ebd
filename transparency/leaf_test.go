package transparency

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// naiveRoot is the Merkle tree hash as RFC 6962, section 2.1, writes it down, sharing nothing with the code under test.
func naiveRoot(entries [][]byte) [32]byte {
	switch n := len(entries); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, entries[0]...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		left, right := naiveRoot(entries[:k]), naiveRoot(entries[k:])
		return sha256.Sum256(bytes.Join([][]byte{{1}, left[:], right[:]}, nil))
	}
}

// naiveEntry is the entry as the package comment writes it down.
func naiveEntry(origin, eventType string, data []byte) []byte {
	return []byte("mingzhang/event@v1\norigin " + origin + "\ntype " + eventType + "\n\n" + string(data))
}

func naiveLogRoot(origin string, log []eventstore.Event) [32]byte {
	var entries [][]byte
	for _, e := range log {
		entries = append(entries, naiveEntry(origin, e.Type, e.Data))
	}
	return naiveRoot(entries)
}

func TestRootOfEverySize(t *testing.T) {
	const origin = "example.org/log"
	var entries [][]byte
	var grown tree
	h := newLeafHasher(origin)
	for n := range 301 {
		want := naiveRoot(entries)
		if grown.size != uint64(n) || grown.root() != want {
			t.Fatalf("root of size %d is %x, not %x", n, grown.root(), want)
		}
		if part := grown.clone(); part.root() != want {
			t.Fatalf("a copy of size %d has another root", n)
		}
		data := fmt.Appendf(nil, "data %d", n)
		entries = append(entries, naiveEntry(origin, "noted", data))
		grown.add(h.hash("noted", data))
	}
}

func TestRootAgainstTlog(t *testing.T) {
	var grown tree
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for n := range int64(300) {
		entry := Entry("o", "noted", fmt.Append(nil, n))
		hashes, err := tlog.StoredHashes(n, entry, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		grown.add(tlog.RecordHash(entry))
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil || grown.root() != want {
			t.Fatalf("root of size %d is %v, not %v (%v)", n+1, grown.root(), want, err)
		}
	}
}

// The leaf is frozen: these values were made with other software from the bytes in the package comment.
func TestLeafIsFrozen(t *testing.T) {
	data := []byte{0, 1, 0xff, '\n'}
	entry := Entry("example.org/log/1", "income_recorded", data)
	if want := "mingzhang/event@v1\norigin example.org/log/1\ntype income_recorded\n\n\x00\x01\xff\n"; string(entry) != want {
		t.Errorf("entry is %q, not %q", entry, want)
	}
	const want = "f5f050fdefbabf8ecba21b9f71a3ec5aecc5379c4a7f110ee1936dc5d067bea7"
	h := newLeafHasher("example.org/log/1")
	for range 2 { // the second time over a used buffer
		if got := h.hash("income_recorded", data); hex.EncodeToString(got[:]) != want {
			t.Errorf("leaf hash is %x, not %s", got, want)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	for _, good := range []string{"a", "example.org/log/01J", "mingzhang/person-%2b", strings.Repeat("x", 200)} {
		if err := CheckOrigin(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a b", "a+b", "a\nb", "a\tb", "村", "\x7f", "a\x00", strings.Repeat("x", 201)} {
		if CheckOrigin(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestStreamOrigin(t *testing.T) {
	for stream, want := range map[string]string{"access": "mingzhang/access", "a+b%": "mingzhang/a%2bb%25", "A/b": "mingzhang/A/b"} {
		if got, err := StreamOrigin(stream, eventstore.Event{}); err != nil || got != want {
			t.Errorf("origin of %s is %q, %v; want %q", stream, got, err, want)
		}
	}
	if _, err := StreamOrigin(strings.Repeat("+", 100), eventstore.Event{}); err == nil {
		t.Error("an origin of 310 bytes was accepted")
	}
}
