package transparency

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What follows needs no store and no secret: it is for copies of a log that travel.

// Hasher computes the leaf hashes and the root of one log from its events. It is for one goroutine and keeps a few hashes.
type Hasher struct {
	leaf *leafHasher
	tree tree
}

// NewHasher begins a log; CheckOrigin says what its name may be.
func NewHasher(origin string) (*Hasher, error) {
	if err := CheckOrigin(origin); err != nil {
		return nil, err
	}
	return &Hasher{leaf: newLeafHasher(origin)}, nil
}

// Add takes the next event and gives its leaf hash. A type that no event may have is refused and not taken.
func (h *Hasher) Add(eventType string, data []byte) (tlog.Hash, error) {
	if !typeOK(eventType) {
		return tlog.Hash{}, fmt.Errorf("hash an event: %q is no type of an event", eventType)
	}
	leaf := h.leaf.hash(eventType, data)
	h.tree.add(leaf)
	return leaf, nil
}

// Size is the number of events taken.
func (h *Hasher) Size() uint64 { return h.tree.size }

// Root is the root of the events taken.
func (h *Hasher) Root() tlog.Hash { return h.tree.root() }

// OpenHead opens a signed head with the public key of the log as LogVerifierKey gives it. It proves no more than that the
// holder of that key signed it: whose key it is has to be known from elsewhere.
func OpenHead(msg []byte, verifierKey string) (Head, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Head{}, fmt.Errorf("verifier key of a log: %w", err)
	}
	return ParseHead(msg, v)
}

// HeadFile is the name of the file below heads/ in which the head of a stream is remembered.
func HeadFile(stream string) string { return fileName(stream) }

// HeadStream is the stream whose head is remembered in a file of this name; false for a file that is none of ours.
func HeadStream(file string) (string, bool) { return streamName(file) }

// IsTombstone says whether the content of a head file is the note that the stream was deleted on purpose.
func IsTombstone(stream string, content []byte) bool { return isTombstone(stream, content) }
