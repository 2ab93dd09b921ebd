package transparency

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

const (
	originBytesMax = 200
	typeBytesMax   = 64
)

// Hash is a SHA-256 hash of a tree: a leaf, a node or a root. Its String is standard base64.
type Hash = tlog.Hash

// OriginFunc tells the name of the log that a stream is, from the name of the stream and its first event. It is called
// before the first event is stored and whenever a stream is loaded, must give the same answer each time, and may run in
// many goroutines at once. It must depend on what the first event says only in ways that can never change.
type OriginFunc func(stream string, first eventstore.Event) (string, error)

// StreamOrigin is the OriginFunc for streams whose first event names no log: "mingzhang/" and the name of the stream, in
// which '%' is %25 and '+' is %2b. A name that gets too long that way is refused with eventstore.ErrInvalid.
func StreamOrigin(stream string, _ eventstore.Event) (string, error) {
	origin := []byte("mingzhang/")
	for i := range len(stream) {
		switch c := stream[i]; c {
		case '%', '+':
			origin = fmt.Appendf(origin, "%%%02x", c)
		default:
			origin = append(origin, c)
		}
	}
	if err := CheckOrigin(string(origin)); err != nil {
		return "", fmt.Errorf("%w: stream %s: %w", eventstore.ErrInvalid, stream, err)
	}
	return string(origin), nil
}

var errOrigin = errors.New("origin of a log")

// CheckOrigin says why a text cannot be an origin; nil when it can.
func CheckOrigin(origin string) error {
	if origin == "" || len(origin) > originBytesMax {
		return fmt.Errorf("%w: it has %d bytes, not 1 to %d", errOrigin, len(origin), originBytesMax)
	}
	for i := range len(origin) {
		if c := origin[i]; c <= ' ' || c > '~' || c == '+' {
			return fmt.Errorf("%w: %q has something else than printable ASCII without spaces and '+'", errOrigin, origin)
		}
	}
	return nil
}

// Entry is what the leaf of an event hashes: see the package comment. origin and eventType must be valid, or the entry
// could stand for another event.
func Entry(origin, eventType string, data []byte) []byte {
	return appendEntry([]byte(entryStart(origin)), eventType, data)
}

func entryStart(origin string) string { return "mingzhang/event@v1\norigin " + origin + "\ntype " }

func appendEntry(b []byte, eventType string, data []byte) []byte {
	b = append(b, eventType...)
	b = append(b, "\n\n"...)
	return append(b, data...)
}

// leafHasher makes the leaf hashes of one log. It is for one goroutine.
type leafHasher struct {
	buf   []byte // 0x00, the start of every entry of this log, and room for the rest
	start int    // bytes of buf that are the same for every entry
}

func newLeafHasher(origin string) *leafHasher {
	buf := append([]byte{0}, entryStart(origin)...)
	return &leafHasher{buf: buf, start: len(buf)}
}

func (h *leafHasher) hash(eventType string, data []byte) tlog.Hash {
	h.buf = appendEntry(h.buf[:h.start], eventType, data)
	return sha256.Sum256(h.buf)
}

// logName is the origin of a log, and what hashes its leaves.
type logName struct {
	name    string
	hashers sync.Pool // of *leafHasher, for appends: making one costs more than using it
}

func newLogName(origin string) (*logName, error) {
	if err := CheckOrigin(origin); err != nil {
		return nil, err
	}
	return &logName{name: origin}, nil
}

func (l *logName) origin() string { return l.name }

func typeOK(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= typeBytesMax
}

// tree is the right edge of a Merkle tree: all that is needed to extend it and to tell its root.
type tree struct {
	size uint64
	edge []tlog.Hash // roots of the full subtrees, one for each binary digit 1 of size, the largest first
}

func (t *tree) add(leaf tlog.Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.edge) - 1
		leaf = tlog.NodeHash(t.edge[last], leaf)
		t.edge = t.edge[:last]
	}
	t.edge = append(t.edge, leaf)
	t.size++
}

func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.edge) - 1
	root := t.edge[last]
	for i := last - 1; i >= 0; i-- {
		root = tlog.NodeHash(t.edge[i], root)
	}
	return root
}

func (t *tree) clone() tree {
	return tree{size: t.size, edge: append(make([]tlog.Hash, 0, 64), t.edge...)}
}
