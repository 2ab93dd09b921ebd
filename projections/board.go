package projections

import (
	"cmp"
	"slices"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Board (公示栏) is what the first page shows of a period. Everything in it follows from the vouchers that count at the moment: it adds
// up with the fund statement of the same period, to the fen.
type Board struct {
	Period                      // as it was read: the ends that were left open are the first and the last day with a voucher; 0 for none
	FundStatement               // of the period
	Others        []KindBalance // what is no fund and no money, at the end of the period
	Months        []MonthStatement
	Flows         []Flow
	Lines         int // vouchers of the period
	Papered       int // of them, those with papers
	OpenFlags     int // open flags of all vouchers up to the end of the period
}

// KindBalance is the sum of all accounts of a kind (receivable, payable, deposit, project, gift), fen, positive on their own side.
type KindBalance struct {
	Kind    string
	Balance ledger.Fen
}

// MonthStatement is the fund statement of one month, or of the part of it that lies in the period.
type MonthStatement struct {
	Month ledger.Month
	Funds []FundLine // in the order of FundStatement.Funds, without names
	Total FundLine
}

// Board gives the board of a period. Of a period longer than a hundred years the months before the last hundred are left out.
//
// A correction stands where its vouchers stand: a reversal takes off, in the month of its own day, the column of what it turned back, and
// the replacement counts anew. So a month, a fund or a flow may be below zero where the original lies in an earlier month; over any
// period that holds both they come to nothing.
func (b *Book) Board(p Period, m Moment) Board {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	board := Board{FundStatement: b.fundStatement(p, w), Flows: b.flowsOf(p, w), Others: b.others(w.on(p.To))}
	first, last := b.daysSeen(w)
	board.Period = Period{cmp.Or(p.From, first), cmp.Or(w.on(p.To).asOf, last)}
	board.Months = b.months(board.Period, w)
	board.Lines = b.journal.days[0].countIn(p, w)
	board.Papered = board.Lines - b.journal.bare.countIn(p, w)
	for _, f := range b.flags {
		if b.flagOpen(f, w.on(p.To)) {
			board.OpenFlags++
		}
	}
	return board
}

// others sums what the collective is owed, owes or keeps for somebody, by kind; kinds that never moved are left out.
func (b *Book) others(w view) (list []KindBalance) {
	for _, id := range b.accounts.byPath {
		a := b.accounts.list[id]
		kind := a.name.Kind()
		if kind == ledger.KindFund || kind == ledger.KindMoney {
			continue
		}
		balance, _, moved := a.at(w)
		if !moved {
			continue
		}
		if n := len(list); n == 0 || list[n-1].Kind != kind { // in order of the path, so kinds come together
			list = append(list, KindBalance{Kind: kind})
		}
		list[len(list)-1].Balance += a.name.Sign() * balance
	}
	return list
}

// months gives the statement of every month of a period whose ends are days.
func (b *Book) months(p Period, w view) []MonthStatement {
	if p.From == 0 || p.To < p.From {
		return nil
	}
	var list []MonthStatement
	first := max(p.From.Month(), (p.To.Month() - 100*yearsMax).Next())
	for month := first; month <= p.To.Month(); month = month.Next() {
		list = append(list, MonthStatement{Month: month})
	}
	for _, f := range b.charter.funds {
		if f.version > w.version {
			continue
		}
		line := FundLine{Fund: f.fund.Id}
		id, moved := b.accounts.ids[fundPath+f.fund.Id]
		var balance, debit ledger.Fen
		if moved {
			balance, debit, _ = b.accounts.list[id].at(w.before(max(p.From, list[0].Month.First())))
		}
		for i := range list {
			line.Opening, line.Received, line.Spent, line.Closing = -balance, 0, 0, -balance
			if moved {
				closing, turned, _ := b.accounts.list[id].at(w.on(min(p.To, list[i].Month.Last())))
				line.Spent = turned - debit
				line.Received = line.Spent - (closing - balance)
				line.Closing = -closing
				balance, debit = closing, turned
			}
			list[i].add(line)
		}
	}
	return list
}

func (s *MonthStatement) add(f FundLine) {
	s.Funds = append(s.Funds, f)
	s.Total.Opening += f.Opening
	s.Total.Received += f.Received
	s.Total.Spent += f.Spent
	s.Total.Closing += f.Closing
}

// MonthLines says how many vouchers a month has, and whether it is closed.
type MonthLines struct {
	Month  ledger.Month
	Lines  int
	Closed uint64 // version of the event that closed it; 0 while it is open
}

// Months lists every month from the first to the last that has a voucher or is closed, in order; months between them without
// vouchers are listed too.
func (b *Book) Months(m Moment) []MonthLines {
	closed := b.ClosedPeriods(m)
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	lines := map[ledger.Month]int{}
	x := &b.journal.days[0]
	for i, day := range x.days {
		if n := below(x.rows[i], w.rows); n > 0 && (w.asOf == 0 || day <= w.asOf) {
			lines[day.Month()] += n
		}
	}
	first, last := b.daysSeen(w)
	from, to := first.Month(), last.Month()
	for _, c := range closed {
		if from == 0 || c.Month < from {
			from = c.Month
		}
		to = max(to, c.Month)
	}
	var list []MonthLines
	for month := from; month != 0 && month <= to; month = month.Next() {
		one := MonthLines{Month: month, Lines: lines[month]}
		if i := slices.IndexFunc(closed, func(c ClosedPeriod) bool { return c.Month == month }); i >= 0 {
			one.Closed = closed[i].Version
		}
		list = append(list, one)
	}
	return list
}

// FundEffect is what a voucher did to a fund, fen: After = Before + Change, in order of business day, then of the log.
type FundEffect struct {
	Fund                  string
	Before, Change, After ledger.Fen
}

// FundEffects lists what a voucher did to each fund it touches, in the order of its postings; nil when it does not count at the moment.
func (b *Book) FundEffects(ref ledger.VoucherRef, m Moment) (list []FundEffect) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	place := b.journal.find(ref) - 1
	if place < 0 || !b.seen(place+1, w) {
		return nil
	}
	r := b.journal.rows.at(int(place))
	var done []int32
	for i := r.first; i < r.end; i++ {
		id := b.journal.postings.at(int(i)).account
		a := b.accounts.list[id]
		if a.flows == nil || slices.Contains(done, id) {
			continue
		}
		done = append(done, id)
		before, change := -b.balanceBefore(a, place, w), -b.posted(place, id)
		list = append(list, FundEffect{a.name.ID(), before, change, before + change})
	}
	return list
}

// AccountVouchers is Vouchers for a filter with an account, each with what it did to the account and the balance after it in order of
// business day, then of the log, whatever else the filter leaves out between.
func (b *Book) AccountVouchers(f VoucherFilter, after Cursor, limit int, m Moment) (list []Change, next Cursor) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m).on(f.To)
	limit = page(limit)
	q, ok := b.query(f)
	if !ok || q.account < 0 {
		return nil, Cursor{}
	}
	a := b.accounts.list[q.account]
	sign := a.name.Sign()
	var balance ledger.Fen // after the voucher before in order of days, debit positive
	var last, kept int32
	looked := 0
	for place := range a.days.walk(f.From, w, after, f.Descending) {
		if looked == scanMax {
			return list, b.cursor(last)
		}
		change := b.posted(place, q.account)
		if looked == 0 {
			balance = b.balanceBefore(a, place, w)
			if f.Descending {
				balance += change
			}
		}
		if !f.Descending {
			balance += change
		}
		if q.keeps(b, b.journal.rows.at(int(place)), place) {
			if len(list) == limit {
				return list, b.cursor(kept)
			}
			c := Change{Change: sign * change, Balance: sign * balance}
			b.voucher(&c.Voucher, int(place), w, nil)
			list = append(list, c)
			kept = place
		}
		if f.Descending {
			balance -= change
		}
		looked++
		last = place
	}
	return list, Cursor{}
}

// Given says whether a voucher receives a gift, or is about one that did: whoever gave it is left out for the public, which ListGifts
// leaves out too. It is a receipt into funds or gifts that is no income, no refund, and stands on no resolution.
func (v *Voucher) Given() bool {
	if v.Ref.Class != ledger.Receipt || v.IncomeKind != "" || v.Purpose != "" || v.ResolutionID != "" {
		return false
	}
	return slices.ContainsFunc(v.Postings, func(p Posting) bool {
		return p.Account.Kind() == ledger.KindFund || p.Account.Kind() == ledger.KindGift
	})
}
