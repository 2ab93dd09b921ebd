package transparency

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Consistency proves that the first size events of a log that Check found right begin with its first old ones (RFC 6962, section
// 2.1.2). From 0, and from a size to itself, the proof is empty.
func (l *PublishedLog) Consistency(old, size uint64) ([]Hash, error) {
	if l.levels == nil || old > size || size > l.Head.Size {
		return nil, fmt.Errorf("prove consistency of %s from %d to %d: its %d events are not that many, or were not checked", l.Head.Origin, old, size, l.Head.Size)
	}
	if old == 0 || old == size {
		return nil, nil
	}
	return proveConsistency(l.levels[0][:size], old, true), nil
}

// proveConsistency proves that the tree of leaves begins with that of its first old ones. whole says that the verifier knows the
// latter's root.
func proveConsistency(leaves []tlog.Hash, old uint64, whole bool) []Hash {
	size := uint64(len(leaves))
	if old == size {
		if whole {
			return nil
		}
		return []Hash{rootOf(leaves)}
	}
	split := uint64(1) << (bits.Len64(size-1) - 1) // the largest power of two below size
	if old <= split {
		return append(proveConsistency(leaves[:split], old, whole), rootOf(leaves[split:]))
	}
	return append(proveConsistency(leaves[split:], old-split, false), rootOf(leaves[:split]))
}
