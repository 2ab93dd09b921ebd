package projections

import (
	"iter"
	"math"
	"slices"
	"sort"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// rowsMax is the most rows in one piece of a rowIndex: entering one late never moves more.
const rowsMax = 512

// rowIndex finds the journal rows of one party, purpose or the like, in order of business day and then of the log. It is
// made for many short lists, where a dayIndex would cost more than its rows.
type rowIndex struct {
	pieces []rowPiece
	n      int
}

type rowPiece struct {
	rows   []int32 // ascending by day, then row
	lowest int32   // of them
}

// dayRow orders rows by business day and then by the log.
func dayRow(day ledger.Day, row int32) int64 { return int64(day)<<32 | int64(row) }

func (j *journal) dayRow(row int32) int64 { return dayRow(j.rows.at(int(row)).day, row) }

// add enters a row that the journal has. Entered twice in a row it stays one.
func (x *rowIndex) add(j *journal, row int32) {
	key := j.dayRow(row)
	if k := len(x.pieces) - 1; k >= 0 { // on the last day or later is the usual case
		if p := &x.pieces[k]; len(p.rows) < rowsMax && j.dayRow(p.last()) < key {
			p.rows = append(p.rows, row)
			p.lowest = min(p.lowest, row)
			x.n++
			return
		}
	}
	k, i := x.search(j, key)
	if k < len(x.pieces) && i < len(x.pieces[k].rows) && x.pieces[k].rows[i] == row {
		return
	}
	x.n++
	if k == len(x.pieces) {
		if k == 0 || len(x.pieces[k-1].rows) == rowsMax {
			x.pieces = append(x.pieces, rowPiece{rows: []int32{row}, lowest: row})
			return
		}
		k, i = k-1, len(x.pieces[k-1].rows)
	}
	p := &x.pieces[k]
	p.rows = slices.Insert(p.rows, i, row)
	p.lowest = min(p.lowest, row)
	if len(p.rows) > rowsMax {
		x.halve(k)
	}
}

func (x *rowIndex) halve(k int) {
	rows := x.pieces[k].rows
	left, right := rows[:rowsMax/2:rowsMax/2], slices.Clone(rows[rowsMax/2:])
	x.pieces[k] = rowPiece{left, slices.Min(left)}
	x.pieces = slices.Insert(x.pieces, k+1, rowPiece{right, slices.Min(right)})
}

// search gives piece and place of the first row whose key is not below; the end is the piece behind the last.
func (x *rowIndex) search(j *journal, key int64) (k, i int) {
	n := len(x.pieces)
	if n == 0 || key > j.dayRow(x.pieces[n-1].last()) {
		return n, 0
	}
	k = sort.Search(n, func(k int) bool { return j.dayRow(x.pieces[k].last()) >= key })
	rows := x.pieces[k].rows
	return k, sort.Search(len(rows), func(i int) bool { return j.dayRow(rows[i]) >= key })
}

func (p *rowPiece) last() int32 { return p.rows[len(p.rows)-1] }

// walk yields the rows from a day on that count in a view, like dayIndex.walk.
func (x *rowIndex) walk(j *journal, from ledger.Day, w view, after Cursor, descending bool) iter.Seq[int32] {
	low, high := dayRow(from, 0), int64(math.MaxInt64)
	if w.asOf != 0 {
		high = dayRow(w.asOf+1, 0)
	}
	switch {
	case after == (Cursor{}):
	case descending:
		high = min(high, dayRow(after.Day, int32(after.Row-1)))
	default:
		low = max(low, dayRow(after.Day, int32(after.Row)))
	}
	if descending {
		return x.down(j, low, high, w.rows)
	}
	return func(yield func(int32) bool) {
		k, i := x.search(j, low)
		for ; k < len(x.pieces); k, i = k+1, 0 {
			if int(x.pieces[k].lowest) >= w.rows {
				continue // nothing in it was known then
			}
			for _, row := range x.pieces[k].rows[i:] {
				if j.dayRow(row) >= high || int(row) < w.rows && !yield(row) {
					return
				}
			}
		}
	}
}

func (x *rowIndex) down(j *journal, low, high int64, rows int) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		k, i := x.search(j, high)
		for ; k >= 0; k-- {
			if k == len(x.pieces) || int(x.pieces[k].lowest) >= rows {
				i = -1
				continue
			}
			if i < 0 {
				i = len(x.pieces[k].rows)
			}
			for _, row := range slices.Backward(x.pieces[k].rows[:i]) {
				if j.dayRow(row) < low || int(row) < rows && !yield(row) {
					return
				}
			}
			i = -1
		}
	}
}

// rowIndexes are row indexes by the number of a text: a list, because looking each up in a map would cost as much as the rest
// of booking a voucher.
type rowIndexes []*rowIndex

// of is the index of a text, nil when no row has it.
func (x rowIndexes) of(text int32) *rowIndex {
	if int(text) >= len(x) {
		return nil
	}
	return x[text]
}

// add enters a row under a text; the empty text has no index.
func (x *rowIndexes) add(j *journal, text, row int32) {
	if text == 0 {
		return
	}
	if missing := int(text) + 1 - len(*x); missing > 0 {
		*x = append(*x, make(rowIndexes, missing)...)
	}
	index := (*x)[text]
	if index == nil {
		index = new(rowIndex)
		(*x)[text] = index
	}
	index.add(j, row)
}
