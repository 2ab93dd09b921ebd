package projections

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// WriteHledger writes the books at a moment as a plain-text journal that hledger and ledger 3 both read: one transaction a
// voucher, by business day and then in the order of the log; code = number, description = narration, account path money/bank
// = money:bank, amounts in CNY with two decimals, debit positive. Parties and everything else stand in comments as tags, so
// that the balances those programs print are ours with the accounts' own signs turned to debit positive. Equal books and
// moments give equal bytes; events that arrive meanwhile are left out.
func WriteHledger(w io.Writer, b *Book, m Moment) error {
	m = b.Pin(m)
	out := bufio.NewWriter(w)
	writeHead(out, b, m)
	var cursor Cursor
	for {
		page, next := b.Vouchers(VoucherFilter{}, cursor, PageMax, m)
		for i := range page {
			writeTransaction(out, &page[i])
		}
		if next == (Cursor{}) {
			break
		}
		cursor = next
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export the books of %s: %w", b.id, err)
	}
	return nil
}

func writeHead(out *bufio.Writer, b *Book, m Moment) {
	version := m.AsKnownAt
	if version == NothingKnown {
		version = 0
	}
	fmt.Fprintf(out, "; collective: %s\n; version: %d\n", b.id, version)
	if m.AsOf != 0 {
		fmt.Fprintf(out, "; as of: %v\n", m.AsOf)
	}
	out.WriteString("\ncommodity CNY\n  format 1000.00 CNY\n")
}

func writeTransaction(out *bufio.Writer, v *Voucher) {
	fmt.Fprintf(out, "\n%v (%v) %s\n", v.OccurredOn, v.Ref, plain(v.Narration))
	tag(out, "party", plain(v.Party))
	tag(out, "purpose", v.Purpose)
	tag(out, "income", v.IncomeKind)
	tag(out, "resolution", v.ResolutionID)
	tag(out, "reverses", v.Reverses.String())
	tag(out, "corrects", v.Corrects.String())
	tag(out, "round", v.GrantRoundID)
	tag(out, "dividend", v.DividendRunID)
	tag(out, "version", fmt.Sprint(v.Version))
	for _, p := range v.Postings {
		fmt.Fprintf(out, "    %-32s %s CNY", journalAccount(p.Account), p.Amount)
		if p.Party != "" {
			fmt.Fprintf(out, "  ; party: %s", plain(p.Party))
		}
		out.WriteByte('\n')
	}
}

func tag(out *bufio.Writer, name, value string) {
	if value != "" {
		fmt.Fprintf(out, "    ; %s: %s\n", name, value)
	}
}

func journalAccount(a ledger.Account) string { return a.Kind() + ":" + a.ID() }

// plain makes public text safe on a line of a journal: a semicolon begins a comment, a bar splits payee from note, brackets
// in a comment are read as a date, a comma ends a tag, and two blanks end an account. A leading sign would be read as a
// status or a code.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f:
			return ' '
		case r == ';' || r == ',':
			return '、'
		case r == '|':
			return '/'
		case r == '[':
			return '('
		case r == ']':
			return ')'
		}
		return r
	}, text)
	return strings.TrimLeft(strings.Join(strings.Fields(text), " "), "*!(=")
}
