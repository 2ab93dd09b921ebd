package transparency

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// A sum tree (合计树) is a Merkle tree in which every node also has the sum of the lines below it, so that one hash and one sum stand for
// all lines of a round, and whoever holds a line can have it proved that it is one of those that make up the total. A proof shows
// sums of neighbours, and never whose they are. With 0x02, 0x03 one byte each, || for concatenation, and numbers big-endian:
//
//	leaf hash = SHA-256(0x02 || "mingzhang/sumleaf@v1\n" || salt, 32 bytes || text(scope) || text(payee) || amount, 8 bytes)
//	node hash = SHA-256(0x03 || left hash || left sum, 8 bytes || right hash || right sum, 8 bytes)
//	text(t)   = length of t, 4 bytes || t
//	scope     = <origin of the log>\n<kind>\n<id of the round>
//	payee     = member/<number> or household/<number>
//	salt      = HMAC-SHA256(seed of the round, "mingzhang/sumsalt@v1\n" || text(scope) || text(payee))
//
// Every amount and every sum is above zero and below 2^63: a sum of another sort is refused wherever it stands, for it could hide a line.
// Leaves stand in ascending order of their hashes, so that a place says nothing; n > 1 of them split at the largest power of two below n
// (RFC 6962, section 2.1).

// SumLine is one line: whose it is, as the leaf has it, and fen.
type SumLine struct {
	Payee  string
	Amount int64
}

// SumNode is a node of a sum tree: its hash, and the sum of the lines below it, fen.
type SumNode struct {
	Hash tlog.Hash
	Sum  int64
}

// SumPath is what proves a line: its salt, its place among the leaves and the nodes beside the way from there to the root.
type SumPath struct {
	Salt   [sha256.Size]byte
	Index  uint64
	Beside []SumNode
}

// sumPathMax is the most nodes beside a way: more than 2^32 lines are none.
const sumPathMax = 32

// SumScope names what the lines of a tree are of: a round of a kind (dividend, grant), in the log of an origin.
func SumScope(origin, kind, id string) string { return origin + "\n" + kind + "\n" + id }

// SumTree is a sum tree with all its lines.
type SumTree struct {
	leaves []sumLeaf // in order
	places map[string]int
	root   SumNode
}

type sumLeaf struct {
	SumNode
	salt  [sha256.Size]byte
	payee string
}

// NewSumTree makes the tree of lines under the salts of a seed. It needs a line; a payee that has two, an amount that is not above zero
// and a total beyond 63 bits are refused.
func NewSumTree(scope string, seed [sha256.Size]byte, lines []SumLine) (*SumTree, error) {
	if len(lines) == 0 {
		return nil, fmt.Errorf("sum tree of %q: there are no lines", scope)
	}
	t := &SumTree{leaves: make([]sumLeaf, len(lines)), places: make(map[string]int, len(lines))}
	for i, l := range lines {
		salt := sumSalt(seed, scope, l.Payee)
		t.leaves[i] = sumLeaf{SumNode{sumLeafHash(salt, scope, l), l.Amount}, salt, l.Payee}
	}
	slices.SortFunc(t.leaves, func(a, b sumLeaf) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	for i, l := range t.leaves {
		t.places[l.payee] = i
	}
	if len(t.places) != len(lines) {
		return nil, fmt.Errorf("sum tree of %q: a payee has two lines", scope)
	}
	var err error
	t.root, err = sumOver(t.leaves)
	return t, err
}

// Root is the hash and the total.
func (t *SumTree) Root() SumNode { return t.root }

// Count is the number of lines.
func (t *SumTree) Count() int { return len(t.leaves) }

// Prove gives the path of a payee's line and its amount; ok is false when there is none. It hashes the whole tree.
func (t *SumTree) Prove(payee string) (p SumPath, amount int64, ok bool) {
	at, ok := t.places[payee]
	if !ok {
		return SumPath{}, 0, false
	}
	p = SumPath{Salt: t.leaves[at].salt, Index: uint64(at)}
	for part := t.leaves; len(part) > 1; {
		k := sumSplit(len(part))
		left, right := part[:k], part[k:]
		if at < k {
			part, left = left, right
		} else {
			part, at = right, at-k
		}
		beside, _ := sumOver(left) // the tree was made: its sums are good
		p.Beside = append(p.Beside, beside)
	}
	slices.Reverse(p.Beside)
	return p, t.leaves[t.places[payee]].Sum, true
}

// sumSplit is the largest power of two below n, of n > 1.
func sumSplit(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

func sumOver(leaves []sumLeaf) (SumNode, error) {
	if len(leaves) == 1 {
		if leaves[0].Sum <= 0 {
			return SumNode{}, errSum(leaves[0].Sum)
		}
		return leaves[0].SumNode, nil
	}
	k := sumSplit(len(leaves))
	left, err := sumOver(leaves[:k])
	if err != nil {
		return SumNode{}, err
	}
	right, err := sumOver(leaves[k:])
	if err != nil {
		return SumNode{}, err
	}
	return sumNode(left, right)
}

func errSum(sum int64) error {
	return fmt.Errorf("%w: a sum of %d fen is not above zero", ErrProof, sum)
}

// sumNode is the node over two others.
func sumNode(left, right SumNode) (SumNode, error) {
	for _, n := range []SumNode{left, right} {
		if n.Sum <= 0 {
			return SumNode{}, errSum(n.Sum)
		}
	}
	sum := left.Sum + right.Sum
	if sum < left.Sum {
		return SumNode{}, fmt.Errorf("%w: its sums overflow", ErrProof)
	}
	b := append([]byte{0x03}, left.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(left.Sum))
	b = append(b, right.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(right.Sum))
	return SumNode{sha256.Sum256(b), sum}, nil
}

func sumLeafHash(salt [sha256.Size]byte, scope string, l SumLine) tlog.Hash {
	b := append([]byte{0x02}, "mingzhang/sumleaf@v1\n"...)
	b = append(b, salt[:]...)
	b = appendSumText(appendSumText(b, scope), l.Payee)
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(l.Amount)))
}

func sumSalt(seed [sha256.Size]byte, scope, payee string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, seed[:])
	mac.Write(appendSumText(appendSumText([]byte("mingzhang/sumsalt@v1\n"), scope), payee))
	return [sha256.Size]byte(mac.Sum(nil))
}

func appendSumText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

// CheckSumLine checks that a line is one of count lines under a root, which make up its total. It needs no other line.
func CheckSumLine(scope string, line SumLine, p SumPath, root SumNode, count uint64) error {
	switch {
	case p.Index >= count:
		return fmt.Errorf("%w: line %d is not among %d", ErrProof, p.Index+1, count)
	case len(p.Beside) > sumPathMax:
		return fmt.Errorf("%w: it has %d nodes, more than %d", ErrProof, len(p.Beside), sumPathMax)
	case line.Amount <= 0:
		return errSum(line.Amount)
	}
	node := SumNode{sumLeafHash(p.Salt, scope, line), line.Amount}
	at, last := p.Index, count-1
	for _, beside := range p.Beside {
		if last == 0 {
			return fmt.Errorf("%w: it has too many nodes for %d lines", ErrProof, count)
		}
		var err error
		if at&1 == 1 || at == last {
			node, err = sumNode(beside, node)
			for at&1 == 0 && at != 0 { // the last of an odd number went up alone
				at, last = at>>1, last>>1
			}
		} else {
			node, err = sumNode(node, beside)
		}
		if err != nil {
			return err
		}
		at, last = at>>1, last>>1
	}
	switch {
	case last != 0:
		return fmt.Errorf("%w: it has too few nodes for %d lines", ErrProof, count)
	case node != root:
		return fmt.Errorf("%w: the line is not under the root of %d lines with the sum %d", ErrProof, count, root.Sum)
	}
	return nil
}
