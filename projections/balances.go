package projections

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// account is everything posted to one account: in the order of the log (as known then) and by day (as of then).
type account struct {
	name    ledger.Account
	entries entries
	balance ledger.Timeline // by day, of all that is known; debit positive
	debit   ledger.Timeline // the debit column of the turnover, by day; the credit column is debit - balance
	days    dayIndex
	groups  groups // what the entries come to by kind of voucher
	flows   *flows // of a fund: where they came from or went to
}

// accounts are the accounts that ever moved.
type accounts struct {
	list   []*account // in order of their first posting
	ids    map[string]int32
	byPath []int32 // places in list, in order of the path
	recent recent
}

func newAccounts() accounts { return accounts{ids: map[string]int32{}} }

func (a *accounts) id(path string) int32 {
	slot := a.recent.slot(path)
	if slot.text == path {
		return slot.id
	}
	id, ok := a.ids[path]
	if !ok {
		id, path = int32(len(a.list)), strings.Clone(path)
		a.list = append(a.list, newAccount(path))
		a.ids[path] = id
		i, _ := slices.BinarySearchFunc(a.byPath, path, func(id int32, path string) int {
			return strings.Compare(string(a.list[id].name), path)
		})
		a.byPath = slices.Insert(a.byPath, i, id)
	}
	*slot = known{string(a.list[id].name), id}
	return id
}

func newAccount(path string) *account {
	a := &account{name: ledger.Account(path)}
	if a.name.Kind() == ledger.KindFund {
		a.flows = new(flows)
	}
	return a
}

// debitOf is the part of a posting that stands in the debit column of the turnover: all of it or nothing.
func debitOf(amount ledger.Fen, negative bool) ledger.Fen {
	if (amount > 0) != negative {
		return amount
	}
	return 0
}

func (a *account) post(row int32, day ledger.Day, amount ledger.Fen, negative bool, kind uint16) {
	debit := debitOf(amount, negative)
	a.groups.add(a.entries.n, kind, amount)
	a.entries.add(row, day, amount, debit)
	a.balance.Add(day, amount)
	if debit != 0 {
		a.debit.Add(day, debit)
	}
	a.days.add(day, row)
}

// at is the balance and the debit column up to a view, debit positive. moved says whether anything was posted by then.
func (a *account) at(w view) (balance, debit ledger.Fen, moved bool) {
	if w.all && w.asOf != 0 {
		return a.balance.At(w.asOf), a.debit.At(w.asOf), a.entries.n > 0 && a.days.days[0] <= w.asOf
	}
	n := a.entries.n
	if !w.all {
		n = a.entries.before(w.rows)
	}
	balance, debit = a.entries.upTo(n, w.asOf)
	return balance, debit, n > 0 && (w.asOf == 0 || a.movedBy(n, w.asOf))
}

// movedBy says whether one of the first n entries lies on or before a day.
func (a *account) movedBy(n int, day ledger.Day) bool {
	for k := 0; k<<chunkShift < n; k++ {
		if a.entries.spans[k].first > day {
			continue
		}
		chunk := a.entries.chunks[k][:min(chunkLen, n-k<<chunkShift)]
		if slices.ContainsFunc(chunk, func(e entry) bool { return e.day <= day }) {
			return true
		}
	}
	return false
}

// before is the view that ends with the day before a day. For day 0 it sees nothing.
func (w view) before(day ledger.Day) view {
	if day == 0 {
		return view{}
	}
	return w.on(day - 1) // a number below day and not below any earlier day, which is all that comparing needs
}

// AccountBalance is the balance of one account, fen, positive on the account's own side.
type AccountBalance struct {
	Account ledger.Account
	Balance ledger.Fen
}

// Balance is one account's balance, fen, positive on the account's own side; 0 for an account that never moved.
func (b *Book) Balance(a ledger.Account, m Moment) ledger.Fen {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.balance(a, b.view(m))
}

func (b *Book) balance(a ledger.Account, w view) ledger.Fen {
	id, ok := b.accounts.ids[string(a)]
	if !ok {
		return 0
	}
	balance, _, _ := b.accounts.list[id].at(w)
	return a.Sign() * balance
}

// Balances (余额) lists every account that moved by the moment, in order of its path.
func (b *Book) Balances(m Moment) []AccountBalance {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	list := make([]AccountBalance, 0, len(b.accounts.list))
	for _, id := range b.accounts.byPath {
		a := b.accounts.list[id]
		if balance, _, moved := a.at(w); moved {
			list = append(list, AccountBalance{a.name, a.name.Sign() * balance})
		}
	}
	return list
}

// Period is a span of business days, both included. From 0 is the first day of the books, To 0 the moment's AsOf.
type Period struct{ From, To ledger.Day }

// TrialLine is one account of a trial balance, fen. Opening and Closing are debit positive. Debit and Credit are the
// turnover, both positive by nature; a voucher marked negative counts negative in the column of its original.
type TrialLine struct {
	Account                         ledger.Account
	Opening, Debit, Credit, Closing ledger.Fen
}

// TrialBalance (试算平衡表) is the proof that all debits equal all credits.
type TrialBalance struct {
	Lines                   []TrialLine // accounts that moved by the end of the period, in order of the path
	DebitTotal, CreditTotal ledger.Fen  // sums of the closing debits and of the closing credits, both positive; they are equal
}

// TrialBalance gives opening, turnover and closing of every account in a period.
func (b *Book) TrialBalance(p Period, m Moment) TrialBalance {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var t TrialBalance
	for _, id := range b.accounts.byPath {
		line, moved := b.accounts.list[id].line(p, w)
		if !moved {
			continue
		}
		t.Lines = append(t.Lines, line)
		if line.Closing > 0 {
			t.DebitTotal += line.Closing
		} else {
			t.CreditTotal -= line.Closing
		}
	}
	return t
}

func (a *account) line(p Period, w view) (TrialLine, bool) {
	opening, debitBefore, _ := a.at(w.before(p.From))
	closing, debit, moved := a.at(w.on(p.To))
	turned := debit - debitBefore
	return TrialLine{a.name, opening, turned, turned - (closing - opening), closing}, moved
}

// FundLine is one fund of a statement, fen, all positive by nature: Closing = Opening + Received - Spent. A reversal counts
// negative in the column of what it turned back.
type FundLine struct {
	Fund, Name                        string
	Opening, Received, Spent, Closing ledger.Fen
}

// FundStatement (收支表) is what came into every fund and what went out, and where the money lies.
type FundStatement struct {
	Funds []FundLine       // in the order of the charter, then of their opening
	Total FundLine         // their sum, without id and name
	Money []AccountBalance // every money account at the end of the period, in order of its opening
}

// FundStatement gives the statement of a period.
func (b *Book) FundStatement(p Period, m Moment) FundStatement {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.fundStatement(p, b.view(m))
}

func (b *Book) fundStatement(p Period, w view) FundStatement {
	var s FundStatement
	for _, f := range b.charter.funds {
		if f.version > w.version {
			continue
		}
		line := FundLine{Fund: f.fund.Id, Name: b.charter.fundAt(f.fund, w).Name}
		if id, ok := b.accounts.ids[string(ledger.FundAccount(f.fund.Id))]; ok {
			t, _ := b.accounts.list[id].line(p, w)
			line.Opening, line.Received, line.Spent, line.Closing = -t.Opening, t.Credit, t.Debit, -t.Closing
		}
		s.Funds = append(s.Funds, line)
		s.Total.Opening += line.Opening
		s.Total.Received += line.Received
		s.Total.Spent += line.Spent
		s.Total.Closing += line.Closing
	}
	for _, a := range b.charter.money {
		if a.version <= w.version {
			account := ledger.MoneyAccount(a.opened.Id)
			s.Money = append(s.Money, AccountBalance{account, b.balance(account, w.on(p.To))})
		}
	}
	return s
}

// CheckInvariant says what is wrong when what the collective has is not what it holds for somebody or something: Σ money +
// Σ receivable = Σ fund + Σ payable + Σ deposit + Σ project + Σ gift. It holds after every event.
func (b *Book) CheckInvariant() error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var have, hold ledger.Fen
	for _, a := range b.accounts.list {
		if !a.name.Valid() {
			return fmt.Errorf("check the books of %s at version %d: account %q is of no known kind", b.id, b.version, a.name)
		}
		if a.name.Sign() > 0 {
			have += a.balance.Now()
		} else {
			hold -= a.balance.Now()
		}
	}
	if have != hold {
		return fmt.Errorf("check the books of %s at version %d: money and receivables are %v, funds and what is owed %v", b.id, b.version, have, hold)
	}
	return nil
}
