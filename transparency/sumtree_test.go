package transparency

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
)

var (
	sumSeed  = sha256.Sum256([]byte("a seed"))
	sumScope = SumScope("example.org/log", "dividend", "2021")
)

func sumLines(n int) []SumLine {
	lines := make([]SumLine, n)
	for i := range lines {
		lines[i] = SumLine{Payee: fmt.Sprintf("member/%d", i+1), Amount: int64(i*i%977 + 1)}
	}
	return lines
}

func sumTree(t testing.TB, lines []SumLine) *SumTree {
	t.Helper()
	tree, err := NewSumTree(sumScope, sumSeed, lines)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestSumTreeOfEverySize proves every line of every tree of 1 to 70 lines, and finds each wrong in every way that it can be.
func TestSumTreeOfEverySize(t *testing.T) {
	for n := 1; n <= 70; n++ {
		lines := sumLines(n)
		tree := sumTree(t, lines)
		root, count := tree.Root(), uint64(n)
		var total int64
		for _, l := range lines {
			total += l.Amount
		}
		if root.Sum != total || tree.Count() != n {
			t.Fatalf("%d lines of %d have the root %v", n, total, root)
		}
		seen := map[uint64]bool{}
		for _, l := range lines {
			p, amount, ok := tree.Prove(l.Payee)
			if !ok || amount != l.Amount || seen[p.Index] || p.Index >= count {
				t.Fatalf("%d lines: %s is proved %v as %d, place %d", n, l.Payee, ok, amount, p.Index)
			}
			seen[p.Index] = true
			if err := CheckSumLine(sumScope, l, p, root, count); err != nil {
				t.Fatalf("%d lines: %s: %v", n, l.Payee, err)
			}
			for what, bad := range wrongSums(l, p, root, count) {
				if err := CheckSumLine(bad.scope, bad.line, bad.path, bad.root, bad.count); !errors.Is(err, ErrProof) {
					t.Fatalf("%d lines: %s with %s: %v", n, l.Payee, what, err)
				}
			}
		}
	}
}

type sumClaim struct {
	scope string
	line  SumLine
	path  SumPath
	root  SumNode
	count uint64
}

// wrongSums are claims that differ from a right one in one thing.
func wrongSums(l SumLine, p SumPath, root SumNode, count uint64) map[string]sumClaim {
	claims := map[string]sumClaim{}
	add := func(what string, change func(*sumClaim)) {
		c := sumClaim{sumScope, l, p, root, count}
		c.path.Beside = append([]SumNode(nil), p.Beside...)
		change(&c)
		claims[what] = c
	}
	add("another amount", func(c *sumClaim) { c.line.Amount++ })
	add("a negative amount", func(c *sumClaim) { c.line.Amount = -c.line.Amount })
	add("no amount", func(c *sumClaim) { c.line.Amount = 0 })
	add("another payee", func(c *sumClaim) { c.line.Payee += "0" })
	add("another round", func(c *sumClaim) { c.scope = SumScope("example.org/log", "grant", "2021") })
	add("another salt", func(c *sumClaim) { c.path.Salt[31] ^= 1 })
	add("another total", func(c *sumClaim) { c.root.Sum++ })
	add("another root", func(c *sumClaim) { c.root.Hash[0] ^= 1 })
	add("a place too far", func(c *sumClaim) { c.path.Index = count })
	add("no lines", func(c *sumClaim) { c.count = 0 })
	add("a node more", func(c *sumClaim) { c.path.Beside = append(c.path.Beside, SumNode{Sum: 1}) })
	for i := range p.Beside {
		add(fmt.Sprintf("sum %d raised", i), func(c *sumClaim) { c.path.Beside[i].Sum++ })
		add(fmt.Sprintf("sum %d negative", i), func(c *sumClaim) { c.path.Beside[i].Sum = -c.path.Beside[i].Sum })
		add(fmt.Sprintf("sum %d zero", i), func(c *sumClaim) { c.path.Beside[i].Sum = 0 })
		add(fmt.Sprintf("sum %d beyond 63 bits", i), func(c *sumClaim) { c.path.Beside[i].Sum = math.MaxInt64 })
		add(fmt.Sprintf("hash %d changed", i), func(c *sumClaim) { c.path.Beside[i].Hash[7] ^= 0x80 })
		add(fmt.Sprintf("cut at %d", i), func(c *sumClaim) { c.path.Beside = c.path.Beside[:i] })
		add(fmt.Sprintf("node %d twice", i), func(c *sumClaim) {
			c.path.Beside = append(c.path.Beside[:i+1:i+1], c.path.Beside[i:]...)
		})
		if i > 0 {
			add(fmt.Sprintf("nodes %d and %d swapped", i-1, i), func(c *sumClaim) {
				c.path.Beside[i-1], c.path.Beside[i] = c.path.Beside[i], c.path.Beside[i-1]
			})
		}
	}
	if len(p.Beside) > 0 { // two nodes that make the same sum together, shifted by one fen
		add("a fen moved", func(c *sumClaim) { c.line.Amount++; c.path.Beside[0].Sum-- })
	}
	return claims
}

// TestSumTreeOfAVillage: 3,211 lines, proofs of at most 12 nodes, and an order that says nothing of whose a line is.
func TestSumTreeOfAVillage(t *testing.T) {
	lines := sumLines(3211)
	tree := sumTree(t, lines)
	inOrder := 0
	var before uint64
	for i := 0; i < len(lines); i += 5 {
		l := lines[i]
		p, amount, ok := tree.Prove(l.Payee)
		if err := CheckSumLine(sumScope, l, p, tree.Root(), 3211); err != nil || !ok || amount != l.Amount {
			t.Fatalf("%s: %v", l.Payee, err)
		}
		if len(p.Beside) > 12 {
			t.Fatalf("%s has %d nodes beside its way", l.Payee, len(p.Beside))
		}
		if p.Index > before {
			inOrder++
		}
		before = p.Index
	}
	if inOrder < 270 || inOrder > 370 {
		t.Errorf("%d of 643 lines follow the one before: the order is not that of the hashes", inOrder)
	}
	if _, _, ok := tree.Prove("member/3212"); ok {
		t.Error("a line that is not there is proved")
	}
}

// TestSumTreeRefusesLines: what no tree may be made of.
func TestSumTreeRefusesLines(t *testing.T) {
	for what, lines := range map[string][]SumLine{
		"none":          {},
		"a zero":        {{Payee: "member/1", Amount: 5}, {Payee: "member/2"}},
		"a negative":    {{Payee: "member/1", Amount: 5}, {Payee: "member/2", Amount: -1}},
		"a lone zero":   {{Payee: "member/1"}},
		"an overflow":   {{Payee: "member/1", Amount: math.MaxInt64}, {Payee: "member/2", Amount: 1}},
		"a payee twice": {{Payee: "member/1", Amount: 5}, {Payee: "member/1", Amount: 6}},
	} {
		if _, err := NewSumTree(sumScope, sumSeed, lines); err == nil {
			t.Errorf("a tree of %s is made", what)
		}
	}
}

// TestSumLeafBytes holds the bytes that are written down in the file's comment, made here by hand.
func TestSumLeafBytes(t *testing.T) {
	tree := sumTree(t, []SumLine{{Payee: "household/17", Amount: 0x0102}})
	p, _, _ := tree.Prove("household/17")
	b := "\x02mingzhang/sumleaf@v1\n" + string(p.Salt[:]) + "\x00\x00\x00\x1dexample.org/log\ndividend\n2021" + "\x00\x00\x00\x0chousehold/17" + "\x00\x00\x00\x00\x00\x00\x01\x02"
	if got := tree.Root().Hash; got != sha256.Sum256([]byte(b)) {
		t.Errorf("the leaf is %v", got)
	}
	two := sumTree(t, sumLines(2))
	a, one, _ := two.Prove("member/1")
	c, other, _ := two.Prove("member/2")
	left, right := c.Beside[0], a.Beside[0] // of member/1 when it is first
	if a.Index == 1 {
		left, right = right, left
		one, other = other, one
	}
	node := "\x03" + string(left.Hash[:]) + fmt.Sprintf("\x00\x00\x00\x00\x00\x00\x00%c", one) + string(right.Hash[:]) + fmt.Sprintf("\x00\x00\x00\x00\x00\x00\x00%c", other)
	if got := two.Root().Hash; got != sha256.Sum256([]byte(node)) {
		t.Errorf("the node is %v", got)
	}
}

// TestSumTreesOfLiars: roots whose hashes are right and which hide something all the same.
func TestSumTreesOfLiars(t *testing.T) {
	one := sumTree(t, sumLines(1))
	line, leaf := sumLines(1)[0], one.Root().Hash
	p, _, _ := one.Prove(line.Payee)
	if err := CheckSumLine(sumScope, line, p, one.Root(), 2); !errors.Is(err, ErrProof) {
		t.Errorf("a tree of one line passes for one of two: %v", err)
	}
	for _, sum := range []int64{-5, 0, math.MinInt64, math.MaxInt64} {
		beside := SumNode{sha256.Sum256([]byte("hidden")), sum}
		b := append([]byte{3}, leaf[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(line.Amount))
		b = binary.BigEndian.AppendUint64(append(b, beside.Hash[:]...), uint64(sum))
		root := SumNode{sha256.Sum256(b), line.Amount + sum}
		path := SumPath{Salt: p.Salt, Beside: []SumNode{beside}}
		if err := CheckSumLine(sumScope, line, path, root, 2); !errors.Is(err, ErrProof) {
			t.Errorf("a sum of %d beside the line passes: %v", sum, err)
		}
		beside.Sum = 7
		b = binary.BigEndian.AppendUint64(append([]byte{3}, leaf[:]...), uint64(line.Amount))
		b = binary.BigEndian.AppendUint64(append(b, beside.Hash[:]...), 7)
		if err := CheckSumLine(sumScope, line, SumPath{Salt: p.Salt, Beside: []SumNode{beside}}, SumNode{sha256.Sum256(b), line.Amount + 7}, 2); err != nil {
			t.Fatalf("an honest root made by hand does not pass: %v", err)
		}
	}
}
