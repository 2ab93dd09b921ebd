package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// This file compares lists of opening balances: a list with itself, to find the line that does not balance, and two lists with
// each other, to find where two people who copied the same handwritten book differ.

// suspectsMax bounds the lines a refusal names.
const suspectsMax = 10

// suspects lists the lines that would explain why debits exceed credits by a difference, each as "account from→to" with the
// amount that would balance the list: lines of exactly the difference (entered twice, or left out once) or of half of it
// (entered on the wrong side), lines in which two neighbouring digits were swapped, and, when only some fen are missing, the
// lines that have fen at all. "—" when no line explains it.
func suspects(lines []OpeningLine, difference Fen) string {
	var found []string
	for _, l := range lines {
		right := l.Amount - difference
		size := difference.abs()
		switch {
		case l.Amount.abs() == size, 2*l.Amount == difference, size%9 == 0 && swapped(l.Amount, right), size < 100 && l.Amount%100 != 0:
			name := string(l.Account)
			if l.Party != "" {
				name += " " + l.Party
			}
			found = append(found, fmt.Sprintf("%s %v→%v", name, l.Amount, right))
		}
	}
	if len(found) > suspectsMax {
		found = append(found[:suspectsMax], "…")
	}
	return cmp.Or(strings.Join(found, "; "), "—")
}

// swapped says whether one amount is the other with two neighbouring digits swapped, the commonest slip of a copyist: it
// changes the amount by a multiple of nine.
func swapped(a, b Fen) bool {
	if (a < 0) != (b < 0) {
		return false
	}
	x, y := fmt.Sprintf("%03d", a.abs()), fmt.Sprintf("%03d", b.abs())
	if n := max(len(x), len(y)); len(x) != len(y) { // a leading zero may have moved
		x, y = fmt.Sprintf("%0*d", n, a.abs()), fmt.Sprintf("%0*d", n, b.abs())
	}
	for i := range len(x) - 1 {
		if x[i] != y[i] {
			return x[i] == y[i+1] && x[i+1] == y[i] && x[i+2:] == y[i+2:]
		}
	}
	return false
}

// OpeningDifference is a line in which two lists of opening balances differ; an amount is 0 where the list has no such line.
type OpeningDifference struct {
	Account     Account
	Party       string
	Here, There Fen // debit positive
}

// OpeningDiff compares two lists of opening balances line by line, whatever their order: lines are the same when account and
// party are. It gives the lines only here, only there, and with different amounts, in order of account and party; a line
// listed several times counts with its sum.
func OpeningDiff(here, there []OpeningLine) []OpeningDifference {
	type key struct {
		account Account
		party   string
	}
	rows := map[key]*OpeningDifference{}
	row := func(l OpeningLine) *OpeningDifference {
		k := key{l.Account, l.Party}
		if rows[k] == nil {
			rows[k] = &OpeningDifference{Account: l.Account, Party: l.Party}
		}
		return rows[k]
	}
	for _, l := range here {
		row(l).Here += l.Amount
	}
	for _, l := range there {
		row(l).There += l.Amount
	}
	var out []OpeningDifference
	for _, r := range rows {
		if r.Here != r.There {
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b OpeningDifference) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Party, b.Party))
	})
	return out
}
