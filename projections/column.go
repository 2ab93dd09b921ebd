package projections

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// chunkLen is the number of values in one piece of a column: growing never copies more than one piece.
const (
	chunkShift = 10
	chunkLen   = 1 << chunkShift
)

// column is a list that only grows. What was appended is never changed, so a copy of its headers stays valid without a lock.
type column[T any] struct {
	chunks [][]T
	n      int
}

func (c *column[T]) append(v T) {
	k := c.n >> chunkShift
	if k == len(c.chunks) {
		var chunk []T // the first grows as needed, for collectives with a few events
		if k > 0 {
			chunk = make([]T, 0, chunkLen)
		}
		c.chunks = append(c.chunks, chunk)
	}
	c.chunks[k] = append(c.chunks[k], v)
	c.n++
}

// at points to value i, which the caller must not change.
func (c *column[T]) at(i int) *T { return &c.chunks[i>>chunkShift][i&(chunkLen-1)] }

// snapshot is the column as it is now, readable while the original grows.
func (c *column[T]) snapshot() column[T] { return column[T]{slices.Clone(c.chunks), c.n} }

// prose is a list of texts that only grows, in blocks without pointers: what the collector need not look at.
type prose struct {
	blocks [][]byte
}

// place is where a text stands: block, offset and length. The zero place is the empty text.
type place uint64

const (
	proseBlock = 1 << 16
	proseMax   = 1<<16 - 1 // bytes of one text
)

// add copies a text in; one longer than proseMax is cut there, which no rule lets happen.
func (p *prose) add(text string) place {
	if text == "" {
		return 0
	}
	text = text[:min(len(text), proseMax)]
	last := len(p.blocks) - 1
	if last < 0 || len(p.blocks[last])+len(text) > proseBlock {
		p.blocks = append(p.blocks, nil) // grows as needed, for collectives with a few events
		last++
	}
	offset := len(p.blocks[last])
	p.blocks[last] = append(p.blocks[last], text...)
	return place(last)<<32 | place(offset)<<16 | place(len(text))
}

func (p *prose) at(at place) string { return string(p.bytes(at)) }

// contains says whether a text stands in another, without copying it.
func (p *prose) contains(at place, part string) bool {
	return bytes.Contains(p.bytes(at), []byte(part))
}

func (p *prose) bytes(at place) []byte {
	if at == 0 {
		return nil
	}
	offset := int(at >> 16 & 0xffff)
	return p.blocks[at>>32][offset : offset+int(at&0xffff)]
}

// entry is one posting seen from its account, with the account's running sums in the order of the log.
type entry struct {
	sum, debit ledger.Fen // after this posting: all amounts; the debit column of the turnover
	row        int32      // journal row
	day        ledger.Day
}

// entries are the postings of one account. The span of days of each chunk lets a sum as of a day skip whole chunks.
type entries struct {
	column[entry]
	spans []span // by chunk
}

type span struct{ first, last ledger.Day }

func (s *entries) add(row int32, day ledger.Day, amount, debit ledger.Fen) {
	e := entry{amount, debit, row, day}
	if s.n > 0 {
		last := s.at(s.n - 1)
		e.sum += last.sum
		e.debit += last.debit
	}
	s.append(e)
	if k := (s.n - 1) >> chunkShift; k == len(s.spans) {
		s.spans = append(s.spans, span{day, day})
	} else {
		s.spans[k] = span{min(s.spans[k].first, day), max(s.spans[k].last, day)}
	}
}

// before counts the entries of the journal's first rows.
func (s *entries) before(rows int) int {
	return sort.Search(s.n, func(i int) bool { return int(s.at(i).row) >= rows })
}

// upTo sums the first n entries that lie on or before a day; day 0 takes all of them.
func (s *entries) upTo(n int, day ledger.Day) (sum, debit ledger.Fen) {
	if n == 0 {
		return 0, 0
	}
	if day == 0 {
		last := s.at(n - 1)
		return last.sum, last.debit
	}
	var before entry // running sums at the end of the chunk before
	for k := 0; k<<chunkShift < n; k++ {
		chunk := s.chunks[k][:min(chunkLen, n-k<<chunkShift)]
		end := chunk[len(chunk)-1]
		switch {
		case s.spans[k].last <= day:
			sum += end.sum - before.sum
			debit += end.debit - before.debit
		case s.spans[k].first <= day:
			part, partDebit := sumChunk(chunk, before, day)
			sum += part
			debit += partDebit
		}
		before = end
	}
	return sum, debit
}

func sumChunk(chunk []entry, before entry, day ledger.Day) (sum, debit ledger.Fen) {
	for i := range chunk {
		e := &chunk[i]
		if e.day <= day {
			sum += e.sum - before.sum
			debit += e.debit - before.debit
		}
		before = *e
	}
	return sum, debit
}

// dayIndex finds journal rows by business day, and within a day in the order of the log.
type dayIndex struct {
	days []ledger.Day // ascending
	rows [][]int32    // of each day, ascending
	n    int          // rows in all
}

func (x *dayIndex) add(day ledger.Day, row int32) {
	i := x.search(day)
	if i == len(x.days) || x.days[i] != day {
		x.days = slices.Insert(x.days, i, day)
		x.rows = slices.Insert(x.rows, i, nil)
	}
	if list := x.rows[i]; len(list) == 0 || list[len(list)-1] != row { // a voucher may touch an account twice
		x.rows[i] = append(list, row)
		x.n++
	}
}

// search gives the index of the first day >= day; the last day and later are the usual case.
func (x *dayIndex) search(day ledger.Day) int {
	n := len(x.days)
	if n == 0 || x.days[n-1] < day {
		return n
	}
	if x.days[n-1] == day {
		return n - 1
	}
	return sort.Search(n, func(i int) bool { return x.days[i] >= day })
}

// names gives every text a small number, in order of appearance; the empty text is 0.
type names struct {
	texts  []string
	ids    map[string]int32
	recent recent
}

func newNames() names { return names{texts: []string{""}, ids: map[string]int32{"": 0}} }

func (n *names) id(text string) int32 {
	if text == "" {
		return 0
	}
	slot := n.recent.slot(text)
	if slot.text == text {
		return slot.id
	}
	id, ok := n.ids[text]
	if !ok {
		id, text = int32(len(n.texts)), strings.Clone(text)
		n.texts = append(n.texts, text)
		n.ids[text] = id
	}
	*slot = known{n.texts[id], id}
	return id
}

// recent remembers the numbers of texts by a few of their bytes. The same operators, accounts and purposes come again and
// again, and looking them up in a map would cost a third of folding an event.
type recent [128]known

type known struct {
	text string
	id   int32
}

// slot is where a text of at least one byte is remembered, if it is.
func (r *recent) slot(text string) *known {
	n := len(text)
	h := uint(n) + uint(text[0])*5 + uint(text[n/2])*17 + uint(text[n-1])*31
	return &r[h%uint(len(r))]
}
