package ledger

import (
	"math"
	"slices"
	"sort"
)

// Timeline is a balance over business days: the sum of amounts booked on or before each day, whatever order they were
// booked in. The zero Timeline is an empty account. It is not for concurrent use.
type Timeline struct {
	days     []Day // ascending, days on which something was booked
	balances []Fen // at the end of each of those days
}

// Add books an amount on a day. The sum must fit; the commands' limits see to it.
func (t *Timeline) Add(day Day, amount Fen) {
	i := t.search(day)
	if i == len(t.days) || t.days[i] != day {
		before := t.before(i)
		t.days = slices.Insert(t.days, i, day)
		t.balances = slices.Insert(t.balances, i, before)
	}
	for ; i < len(t.balances); i++ {
		t.balances[i] += amount
	}
}

// At is the balance at the end of a day.
func (t *Timeline) At(day Day) Fen {
	return t.before(t.search(day + 1))
}

// Now is the balance after everything booked.
func (t *Timeline) Now() Fen { return t.before(len(t.days)) }

// Last is the last day on which something was booked, 0 when nothing was.
func (t *Timeline) Last() Day {
	if len(t.days) == 0 {
		return 0
	}
	return t.days[len(t.days)-1]
}

// Days are the days on which something was booked, ascending; the caller must not change them.
func (t *Timeline) Days() []Day { return t.days }

// search gives the index of the first booked day >= day; booking on the last day or later is the usual case.
func (t *Timeline) search(day Day) int {
	n := len(t.days)
	if n == 0 || t.days[n-1] < day {
		return n
	}
	if t.days[n-1] == day {
		return n - 1
	}
	return sort.Search(n, func(i int) bool { return t.days[i] >= day })
}

func (t *Timeline) before(i int) Fen {
	if i == 0 {
		return 0
	}
	return t.balances[i-1]
}

// firstShort finds the first day from `from` on at whose end sign*(balance+change) would be below zero, where change grows
// by the given changes on their days (ascending). It returns the day and sign*balance before the changes; ok is false when
// there is no such day.
func (t *Timeline) firstShort(sign Fen, changes []change) (day Day, available, short Fen, found bool) {
	if len(changes) == 0 {
		return 0, 0, 0, false
	}
	var sum Fen
	next := 0
	i := t.search(changes[0].day)
	for next < len(changes) || i < len(t.days) {
		d := Day(math.MaxInt32)
		if next < len(changes) {
			d = changes[next].day
		}
		if i < len(t.days) && t.days[i] < d {
			d = t.days[i]
		}
		for next < len(changes) && changes[next].day == d {
			sum += changes[next].amount
			next++
		}
		if i < len(t.days) && t.days[i] == d {
			i++
		}
		before := sign * t.before(i)
		if after := before + sign*sum; after < 0 && after < before {
			return d, before, -after, true
		}
	}
	return 0, 0, 0, false
}

// change is an amount about to be booked.
type change struct {
	day    Day
	amount Fen
}
