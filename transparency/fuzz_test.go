package transparency

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// FuzzFileName: a stream's file name is safe everywhere and leads back to the stream; a name leads to a stream only when it is
// that stream's.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{"collective-liminba", "", ".", "..", "../x", "a/b", `a\b`, "A", "a%41", "%%a", "%", "%4", strings.Repeat("x", 300), "\x00", "利民坝", "x.tmp"} {
		f.Add(s)
	}
	safe := regexp.MustCompile(`^[a-z0-9_%-]*$`)
	f.Fuzz(func(t *testing.T, s string) {
		name := fileName(s)
		if back, ok := streamName(name); !ok || back != s || !safe.MatchString(name) {
			if len(s) <= 120 { // eventstore refuses longer names; theirs may be longer than a file name
				t.Fatalf("%q lies in %q, which leads to %q (%v)", s, name, back, ok)
			}
		}
		if stream, ok := streamName(s); ok && fileName(stream) != s {
			t.Fatalf("the file %q leads to %q, which lies in %q", s, stream, fileName(stream))
		}
	})
}

// FuzzParseEdge: an edge has one hash for each bit of its size and is written as it was read.
func FuzzParseEdge(f *testing.F) {
	f.Add(uint64(0), []byte{})
	f.Add(uint64(3), make([]byte, 64))
	f.Add(uint64(4), make([]byte, 64))
	f.Add(uint64(1)<<63, make([]byte, 31))
	f.Fuzz(func(t *testing.T, size uint64, edge []byte) {
		tree, ok := parseEdge(size, edge)
		if !ok {
			return
		}
		var again []byte
		for _, h := range tree.edge {
			again = append(again, h[:]...)
		}
		if tree.size != size || !bytes.Equal(again, edge) {
			t.Fatalf("size %d, %x is read as %+v", size, edge, tree)
		}
		_ = tree.root()
	})
}
