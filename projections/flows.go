package projections

import (
	"math"
	"slices"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// EndKind says what stands at an end of a flow.
type EndKind uint8

// Ends of a flow. What has an ID is said in brackets.
const (
	EndOther    EndKind = iota // none of the others, and every end beyond endsMax of one fund
	EndFund                    // a fund (its id): money moved between two funds
	EndIncome                  // income (its kind; none for income that a resolution put into one fund)
	EndGift                    // gifts to the fund, whoever gave
	EndPurpose                 // a purpose (its slug): payments and grants; back from it what was refunded or not taken
	EndDividend                // dividends
	EndTrueUp                  // the settling of a year
	EndOpening                 // the balances the books began with
	EndAccount                 // another account (its path): a deposit that was kept, what a fund left pending
)

// FlowEnd is one end of a flow.
type FlowEnd struct {
	Kind EndKind
	ID   string
}

// Flow is what went from one end to another in a period, fen. It is below zero where more was turned back in the period than went.
type Flow struct {
	From, To FlowEnd
	Amount   ledger.Fen
}

// endsMax bounds how many ends but funds one fund has by themselves: an answer, and the search for the end of a posting, stay short.
const endsMax = 500

// flows are what the entries of a fund's account come to by where they came from or went to. As in groups, the sums before each piece
// of the entries are kept, so that the sums at any moment come from a few pieces.
type flows struct {
	ends   []end
	places column[uint16] // of each entry, its end's place in ends
	now    []flowSum      // of all entries, by place
	before [][]flowSum    // before each piece
}

// end is the other end of a posting: id is a number into Book.names, or of an account.
type end struct {
	kind EndKind
	id   int32
}

// flowSum is what came in from an end and what went out to it: the two columns of the fund's turnover, so that a reversal counts
// negative in the column, and at the end, of what it turned back.
type flowSum struct{ in, out ledger.Fen }

// add counts entry n of the account, from 0; amount and debit are those of entries.add.
func (f *flows) add(n int, e end, amount, debit ledger.Fen) {
	if n&(chunkLen-1) == 0 {
		f.before = append(f.before, slices.Clone(f.now))
	}
	place := slices.Index(f.ends, e)
	if place < 0 && len(f.ends) >= endsMax && e.kind != EndFund { // what goes to a fund has to be found there again
		e = end{}
		place = slices.Index(f.ends, e)
	}
	if place < 0 {
		place = len(f.ends)
		f.ends = append(f.ends, e)
		f.now = append(f.now, flowSum{})
	}
	f.places.append(uint16(place))
	f.now[place].in += debit - amount
	f.now[place].out += debit
}

// upTo sums the account's first n entries that lie on or before a day, 0 for all, by the places of their ends.
func (f *flows) upTo(own *entries, n int, day ledger.Day) []flowSum {
	total := make([]flowSum, len(f.now))
	first := 0
	if day == 0 && n > 0 { // all but the last piece at once
		first = (n - 1) >> chunkShift
		f.accumulate(total, f.before[first], 1)
	}
	for k := first; k<<chunkShift < n; k++ {
		end := (k + 1) << chunkShift
		switch {
		case day != 0 && own.spans[k].first > day:
		case (day == 0 || own.spans[k].last <= day) && min(end, own.n) <= n:
			f.accumulate(total, f.after(k), 1)
			f.accumulate(total, f.before[k], -1)
		default:
			f.addChunk(total, own, k, min(end, n), day)
		}
	}
	return total
}

// after are the sums after piece k.
func (f *flows) after(k int) []flowSum {
	if k+1 < len(f.before) {
		return f.before[k+1]
	}
	return f.now
}

// accumulate adds sums, or takes them away, place by place: earlier sums are as long or shorter.
func (f *flows) accumulate(total, sums []flowSum, sign ledger.Fen) {
	for i, s := range sums {
		total[i].in += sign * s.in
		total[i].out += sign * s.out
	}
}

// addChunk adds the entries of piece k up to an end that lie on or before a day, one by one.
func (f *flows) addChunk(total []flowSum, own *entries, k, end int, day ledger.Day) {
	var before entry
	if k > 0 {
		before = *own.at(k<<chunkShift - 1)
	}
	for i := k << chunkShift; i < end; i++ {
		e := own.at(i)
		if day == 0 || e.day <= day {
			out := e.debit - before.debit
			t := &total[*f.places.at(i)]
			t.out += out
			t.in += out - (e.sum - before.sum)
		}
		before = *e
	}
}

const fundPath = ledger.KindFund + "/"

// endOf is the other end of what a voucher does to a fund. It looks at nothing but the voucher, and a reversal repeats what
// decides it, so that both have the same end.
func (b *Book) endOf(v *eventv1.Voucher, own *eventv1.Posting) end {
	switch {
	case v.TrueUpYear != 0:
		return end{kind: EndTrueUp}
	case v.IncomeKind != "":
		return end{EndIncome, b.names.id(v.IncomeKind)}
	case v.DividendRunId != "":
		return end{kind: EndDividend}
	case v.GrantRoundId != "":
		if r := b.rounds.byID[v.GrantRoundId]; r != nil {
			return end{EndPurpose, b.names.id(r.opened.Purpose)}
		}
	case v.Purpose != "":
		return end{EndPurpose, b.names.id(v.Purpose)}
	}
	if b.fact(b.version) == "opening_confirmed" {
		return end{kind: EndOpening}
	}
	if len(v.Postings) == 2 {
		if other := v.Postings[0].Account; own == v.Postings[1] && strings.HasPrefix(other, fundPath) {
			return end{EndFund, b.accounts.id(other)}
		} else if other := v.Postings[1].Account; own == v.Postings[0] && strings.HasPrefix(other, fundPath) {
			return end{EndFund, b.accounts.id(other)}
		}
	}
	for _, p := range v.Postings {
		switch {
		case strings.HasPrefix(p.Account, fundPath):
			continue
		case !strings.HasPrefix(p.Account, ledger.KindMoney+"/"):
			return end{EndAccount, b.accounts.id(p.Account)}
		case v.Ref.GetClass() != ledger.Receipt:
			return end{}
		case v.ResolutionId != "":
			return end{kind: EndIncome}
		}
		return end{kind: EndGift}
	}
	return end{}
}

// shown is an end as readers see it.
func (b *Book) shown(e end) FlowEnd {
	switch e.kind {
	case EndFund, EndAccount:
		path := b.accounts.list[e.id].name
		if e.kind == EndFund {
			return FlowEnd{EndFund, path.ID()}
		}
		return FlowEnd{EndAccount, string(path)}
	}
	return FlowEnd{e.kind, b.names.texts[e.id]}
}

// flowsOf lists what went into the funds and out of them in a period, in the order of the funds and then of the first posting ever.
// For every fund the flows to it sum to what it received and the flows from it to what it spent, as the fund statement has them. What
// went from one fund to another is one flow, in both sums.
func (b *Book) flowsOf(p Period, w view) (list []Flow) {
	for _, f := range b.charter.funds {
		id, ok := b.accounts.ids[fundPath+f.fund.Id]
		if !ok || f.version > w.version {
			continue
		}
		a, fund := b.accounts.list[id], FlowEnd{EndFund, f.fund.Id}
		sums := a.flowsIn(p, w)
		for place, s := range sums {
			other := b.shown(a.flows.ends[place])
			if s.in != 0 && other.Kind != EndFund { // what came from a fund stands with that fund
				list = append(list, Flow{other, fund, s.in})
			}
			if s.out != 0 {
				list = append(list, Flow{fund, other, s.out})
			}
		}
	}
	return list
}

// flowsIn are the sums of a period that count in a view.
func (a *account) flowsIn(p Period, w view) []flowSum {
	n := a.entries.n
	if !w.all {
		n = a.entries.before(w.rows)
	}
	sums := a.flows.upTo(&a.entries, n, w.on(p.To).asOf)
	if p.From != 0 {
		a.flows.accumulate(sums, a.flows.upTo(&a.entries, n, w.before(p.From).asOf), -1)
	}
	return sums
}

// yearsMax bounds the months of a board.
const yearsMax = 100

// daysSeen are the first and the last business day with a voucher that counts in a view, 0 for none.
func (b *Book) daysSeen(w view) (first, last ledger.Day) {
	x := &b.journal.days[0]
	to := ledger.Day(math.MaxInt32 - 1)
	if w.asOf != 0 {
		to = w.asOf
	}
	for i := 0; i < len(x.days) && x.days[i] <= to && first == 0; i++ {
		if below(x.rows[i], w.rows) > 0 {
			first = x.days[i]
		}
	}
	for i := x.search(to+1) - 1; i >= 0 && last == 0; i-- {
		if below(x.rows[i], w.rows) > 0 {
			last = x.days[i]
		}
	}
	return first, last
}

// countIn counts the rows of an index in a period that count in a view.
func (x *dayIndex) countIn(p Period, w view) (n int) {
	to := w.on(p.To).asOf
	for i := x.search(p.From); i < len(x.days) && (to == 0 || x.days[i] <= to); i++ {
		n += below(x.rows[i], w.rows)
	}
	return n
}
