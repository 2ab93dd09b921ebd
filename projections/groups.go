package projections

import (
	"slices"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// groups are what the entries of one account come to by kind of voucher. The sums before each piece of the entries are kept,
// so that the sums at any moment come from a few pieces and not from all entries.
type groups struct {
	now    []groupSum   // of all entries; a kind keeps its place
	before [][]groupSum // before each piece
}

// groupSum is a count of postings and their sum, fen, debit positive.
type groupSum struct {
	kind  uint16
	count int32
	sum   ledger.Fen
}

// kindOf is the kind of a voucher: the fact of its event, and reversals apart.
func (b *Book) kindOf(version uint64, reverses bool) uint16 {
	kind := *b.headers.facts.at(int(version - 1)) << 1
	if reverses {
		kind |= 1
	}
	return kind
}

// add counts entry n of the account, from 0.
func (g *groups) add(n int, kind uint16, amount ledger.Fen) {
	if n&(chunkLen-1) == 0 {
		g.before = append(g.before, slices.Clone(g.now))
	}
	i := placeOf(g.now, kind)
	if i == len(g.now) {
		g.now = append(g.now, groupSum{kind: kind})
	}
	g.now[i].count++
	g.now[i].sum += amount
}

// placeOf is where a kind stands, the length of the list when it does not.
func placeOf(sums []groupSum, kind uint16) int {
	for i := range sums {
		if sums[i].kind == kind {
			return i
		}
	}
	return len(sums)
}

// groupsUpTo gives the groups of the account's first n entries that lie on or before a day, 0 for all, in the order of g.now.
func (b *Book) groupsUpTo(a *account, n int, day ledger.Day) []groupSum {
	g := &a.groups
	total := slices.Clone(g.now)
	for i := range total {
		total[i].count, total[i].sum = 0, 0
	}
	first := 0
	if day == 0 && n > 0 { // all but the last piece at once
		first = (n - 1) >> chunkShift
		accumulate(total, g.before[first], 1)
	}
	for k := first; k<<chunkShift < n; k++ {
		end := (k + 1) << chunkShift
		switch {
		case day != 0 && a.entries.spans[k].first > day:
		case (day == 0 || a.entries.spans[k].last <= day) && end <= n && k+1 < len(g.before):
			accumulate(total, g.before[k+1], 1)
			accumulate(total, g.before[k], -1)
		case (day == 0 || a.entries.spans[k].last <= day) && n == a.entries.n && k+1 == len(g.before):
			accumulate(total, g.now, 1)
			accumulate(total, g.before[k], -1)
		default:
			b.groupChunk(a, k, min(end, n), day, total)
		}
	}
	return total
}

// accumulate adds sums, or takes them away, place by place: earlier sums are as long or shorter.
func accumulate(total, sums []groupSum, sign int) {
	for i, s := range sums {
		total[i].count += int32(sign) * s.count
		total[i].sum += ledger.Fen(sign) * s.sum
	}
}

// groupChunk adds the entries of piece k up to an end that lie on or before a day, one by one.
func (b *Book) groupChunk(a *account, k, end int, day ledger.Day, total []groupSum) {
	for i := k << chunkShift; i < end; i++ {
		e := a.entries.at(i)
		if day != 0 && e.day > day {
			continue
		}
		before := ledger.Fen(0)
		if i > 0 {
			before = a.entries.at(i - 1).sum
		}
		r := b.journal.rows.at(int(e.row))
		kind := b.kindOf(r.version, r.reverses != 0)
		t := &total[placeOf(total, kind)]
		t.count++
		t.sum += e.sum - before
	}
}
