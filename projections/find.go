package projections

import (
	"iter"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// VoucherFilter selects vouchers that pass all that is set; the zero filter selects all, oldest first.
type VoucherFilter struct {
	Account     ledger.Account // only vouchers that touch it
	Class       ledger.Class   // only this class
	From, To    ledger.Day     // only these business days, both included; 0: no end
	Party       string         // only vouchers of this party, or with a posting of it
	Purpose     string         // only payments for this purpose
	Resolution  string         // only vouchers that draw on it or give back to it
	IncomeKind  string         // only income of this kind that a policy split, and what turns it back
	Request     uint32         // only vouchers that settle it
	Min, Max    ledger.Fen     // only amounts in this range, both included, without their sign; 0: no end
	Text        string         // only narrations that hold it, letter by letter
	Corrections bool           // only reversals, replacements and differences
	Bare        bool           // only vouchers without papers
	Descending  bool           // newest business day first, and within a day the last of the log first
}

// scanMax bounds how many vouchers one page looks at: amounts and narrations have no index. A page that stops there is short,
// perhaps empty, and says where to go on.
const scanMax = 10_000

// enter puts a new row into the indexes by text.
func (j *journal) enter(r *row, place int32) {
	j.parties.add(j, r.party, place)
	for i := r.first; i < r.end; i++ {
		if p := j.postings.at(int(i)); p.party != r.party {
			j.parties.add(j, p.party, place)
		}
	}
	j.purposes.add(j, r.purpose, place)
	j.resolutions.add(j, r.resolution, place)
	j.incomes.add(j, r.income, place)
	if r.reverses != 0 || r.corrects != 0 {
		j.corrections.add(j, place)
	}
}

// Vouchers (日记账) gives a page of vouchers in order of business day, then of the log, and where to go on; a zero Cursor
// is the end. limit is 1 to PageMax, 0 stands for PageDefault. A page may be short, even empty, before the end: it looks at
// scanMax vouchers of the shortest index that holds all the filter selects.
func (b *Book) Vouchers(f VoucherFilter, after Cursor, limit int, m Moment) ([]Voucher, Cursor) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m).on(f.To)
	limit = page(limit)
	q, ok := b.query(f)
	if !ok {
		return nil, Cursor{}
	}
	rows := make([]int32, 0, min(limit, 64))
	lines, looked := 0, 0
	var last int32
	for place := range q.walk(f.From, w, after, f.Descending) {
		if looked == scanMax {
			return b.vouchers(rows, lines, w), b.cursor(last)
		}
		looked++
		last = place
		r := b.journal.rows.at(int(place))
		if !q.keeps(b, r, place) {
			continue
		}
		if len(rows) == limit {
			return b.vouchers(rows, lines, w), b.cursor(rows[limit-1])
		}
		rows = append(rows, place)
		lines += int(r.end - r.first)
	}
	return b.vouchers(rows, lines, w), Cursor{}
}

func (b *Book) cursor(place int32) Cursor {
	return Cursor{b.journal.rows.at(int(place)).day, int(place) + 1}
}

// query is a filter with its texts as numbers, and the index that it goes through.
type query struct {
	VoucherFilter
	account, party, purpose, resolution, income int32 // account: its place, -1 for any

	size int // of the index
	walk func(from ledger.Day, w view, after Cursor, descending bool) iter.Seq[int32]
}

// through takes an index when it is shorter than the one so far.
func (q *query) through(size int, walk func(from ledger.Day, w view, after Cursor, descending bool) iter.Seq[int32]) {
	if q.walk == nil || size < q.size {
		q.size, q.walk = size, walk
	}
}

// query prepares a filter; ok is false when nothing can pass it.
func (b *Book) query(f VoucherFilter) (q *query, ok bool) {
	q = &query{VoucherFilter: f, account: -1}
	if f.Class < 0 || f.Class > ledger.Transfer {
		return nil, false
	}
	q.through(b.journal.days[f.Class].n, b.journal.days[f.Class].walk)
	if f.Account != "" {
		if q.account, ok = b.accounts.ids[string(f.Account)]; !ok {
			return nil, false
		}
		own := &b.accounts.list[q.account].days
		q.through(own.n, own.walk)
	}
	for _, by := range []struct {
		text  string
		into  *int32
		index rowIndexes
	}{{f.Party, &q.party, b.journal.parties}, {f.Purpose, &q.purpose, b.journal.purposes}, {f.Resolution, &q.resolution, b.journal.resolutions},
		{f.IncomeKind, &q.income, b.journal.incomes}} {
		if by.text == "" {
			continue
		}
		*by.into = b.names.ids[by.text]
		index := by.index.of(*by.into)
		if index == nil {
			return nil, false
		}
		q.throughRows(b, index)
	}
	if f.Bare {
		q.through(b.journal.bare.n, b.journal.bare.walk)
	}
	if f.Corrections {
		q.throughRows(b, &b.journal.corrections)
	}
	if f.Request != 0 {
		if int(f.Request) > len(b.requests.items) {
			return nil, false
		}
		q.throughRows(b, b.settling(f.Request))
	}
	return q, true
}

func (q *query) throughRows(b *Book, index *rowIndex) {
	q.through(index.n, func(from ledger.Day, w view, after Cursor, descending bool) iter.Seq[int32] {
		return index.walk(&b.journal, from, w, after, descending)
	})
}

// settling makes an index of the few vouchers of a request.
func (b *Book) settling(number uint32) *rowIndex {
	index := new(rowIndex)
	for _, place := range b.requests.items[number-1].vouchers {
		index.add(&b.journal, place-1)
	}
	return index
}

// keeps says whether a row passes what its index does not see to.
func (q *query) keeps(b *Book, r *row, place int32) bool {
	return (q.Class == 0 || r.class == uint8(q.Class)) &&
		(q.purpose == 0 || r.purpose == q.purpose) &&
		(q.resolution == 0 || r.resolution == q.resolution) &&
		(q.income == 0 || r.income == q.income) &&
		(!q.Bare || r.papers == 0) &&
		(q.Request == 0 || r.request == q.Request) &&
		(!q.Corrections || r.reverses != 0 || r.corrects != 0) &&
		(q.account < 0 && q.party == 0 || b.touches(r, q.account, q.party)) &&
		(q.Min == 0 && q.Max == 0 || q.inRange(b.amount(r))) &&
		(q.Text == "" || b.journal.prose.contains(r.narration, q.Text))
}

func (q *query) inRange(amount ledger.Fen) bool {
	if amount < 0 {
		amount = -amount
	}
	return amount >= q.Min && (q.Max == 0 || amount <= q.Max)
}

// touches says whether a row has a posting on an account (-1: any), and is of a party or has a posting of it (0: any).
func (b *Book) touches(r *row, account, party int32) bool {
	onAccount, ofParty := account < 0, party == 0 || r.party == party
	for i := r.first; i < r.end; i++ {
		p := b.journal.postings.at(int(i))
		onAccount = onAccount || p.account == account
		ofParty = ofParty || p.party == party
	}
	return onAccount && ofParty
}

// putRight names the vouchers that put a row (from 1) right and count.
func (b *Book) putRight(place int32, w view) []ledger.VoucherRef {
	return b.refs(b.journal.righted[place], w)
}
