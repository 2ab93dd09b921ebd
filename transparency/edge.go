package transparency

import (
	"encoding/binary"
	"fmt"
	"os"
)

// This file makes opening a long log cheap. Beside the leaf file lies the right edge of the tree as it was not long ago: with
// the few leaves since it gives the root of the head, or it is wrong and not used. Nothing else proves it and nothing has to.

// edgeDue says whether the edge is written again: when the log has grown by a sixteenth.
func edgeDue(written, size uint64) bool {
	return size > loadWholeMax && size >= written+max(1024, size/16)
}

// writeEdge keeps the edge of a tree. It is not synced: what a crash leaves of it either fits or is not used.
func (f files) writeEdge(stream string, t tree) error {
	b := append(binary.LittleEndian.AppendUint64(nil, t.size), t.encodeEdge()...)
	if err := os.WriteFile(f.nodesPath(stream)+edgeSuffix, b, 0o600); err != nil {
		return fmt.Errorf("write edge of %s: %w", stream, err)
	}
	return nil
}

// readEdge is the tree whose edge was kept; false when there is none.
func (f files) readEdge(stream string) (tree, bool) {
	b, err := os.ReadFile(f.nodesPath(stream) + edgeSuffix)
	if err != nil || len(b) < 8 {
		return tree{}, false
	}
	return parseEdge(binary.LittleEndian.Uint64(b), b[8:])
}

// headTree is the tree of a head: from the edge that was kept and the leaves since, or from all leaves. unproven is how many
// leaves of the file were not looked at.
func (s *Store) headTree(stream string, h Head, known *leaves) (t tree, unproven uint64, ok bool) {
	if t, ok = s.files.readEdge(stream); ok && t.size <= h.Size {
		unproven = t.size
		if known.extend(&t, h.Size) && t.root() == h.Root {
			return t, unproven, true
		}
	}
	t, ok = known.tree(h.Size)
	return t, 0, ok && t.root() == h.Root
}

// extend adds the leaves up to a size.
func (l *leaves) extend(t *tree, size uint64) bool {
	for i := t.size; i < size; i++ {
		leaf, ok := l.at(i)
		if !ok {
			return false
		}
		t.add(leaf)
	}
	return t.size == size
}

// prove looks at the leaves of the file that loading left out, before single events are compared with them: a wrong leaf is
// not to speak for a wrong event. It says whether they are right.
func (st *stream) prove(now tree, known *leaves) bool {
	t, ok := known.tree(now.size)
	if ok = ok && t.root() == now.root(); ok {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.unproven = 0
	}
	return ok
}
