package transparency

import (
	"bytes"
	"context"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Anchor is the right edge of the tree of a stream's first version events: the roots of its full subtrees, the largest first.
// It tells them from all others, and a copy of what was made of them may carry it: Holds says whether it is still of this
// log. The error says that the log does not go that far, or what keeps the store from telling.
func (s *Store) Anchor(ctx context.Context, stream string, version uint64) ([]byte, error) {
	if err := s.ready(ctx, s.stream(stream)); err != nil {
		return nil, err
	}
	_, now, known := s.stream(stream).snapshot(s.files.nodesPath(stream))
	defer known.close()
	if version == 0 || version > now.size {
		return nil, fmt.Errorf("anchor %s at version %d: the log has %d events", stream, version, now.size)
	}
	if version == now.size {
		return now.encodeEdge(), nil
	}
	then, ok := known.tree(version)
	if !ok || !known.reaches(then.clone(), now) {
		return nil, fmt.Errorf("anchor %s at version %d: the leaf hashes do not fit the head", stream, version)
	}
	return then.encodeEdge(), nil
}

// Holds says whether the log of a stream begins with the events that an anchor was made of. It hashes what came after them,
// from the leaf file, up to the head that this process has checked: no other events could give that root. False may also
// mean that the leaf file is damaged.
func (s *Store) Holds(ctx context.Context, stream string, version uint64, anchor []byte) (bool, error) {
	if err := s.ready(ctx, s.stream(stream)); err != nil {
		return false, err
	}
	_, now, known := s.stream(stream).snapshot(s.files.nodesPath(stream))
	defer known.close()
	then, ok := parseEdge(version, anchor)
	return ok && version > 0 && version <= now.size && known.reaches(then, now), nil
}

// reaches says whether a tree becomes another one by the leaves between.
func (l *leaves) reaches(t, later tree) bool {
	return l.extend(&t, later.size) && t.root() == later.root()
}

func (t *tree) encodeEdge() []byte {
	var b bytes.Buffer
	for i := range t.edge {
		b.Write(t.edge[i][:])
	}
	return b.Bytes()
}

// parseEdge is the tree of a size with this edge; false when the edge has another number of hashes.
func parseEdge(size uint64, edge []byte) (tree, bool) {
	if len(edge) != bits.OnesCount64(size)*tlog.HashSize {
		return tree{}, false
	}
	t := tree{size: size}
	for ; len(edge) > 0; edge = edge[tlog.HashSize:] {
		t.edge = append(t.edge, tlog.Hash(edge))
	}
	return t, true
}
