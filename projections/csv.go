package projections

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/mingzhang-ledger/mingzhang/internal/spreadsheet"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// The tables that WriteCSV writes.
const (
	CSVPostings = "postings" // one line a posting, with what its voucher says repeated on each
	CSVVouchers = "vouchers" // one line a voucher
	CSVBalances = "balances" // one line an account
)

// CSVOptions say what WriteCSV writes.
type CSVOptions struct {
	Table string // CSVPostings, CSVVouchers or CSVBalances
	// BOM puts a byte order mark in front: without it spreadsheets on a Chinese Windows take UTF-8 for GBK.
	BOM bool
}

// WriteCSV writes one table of the books at a moment: RFC 4180 in UTF-8, a line of column names, lines end with CR LF, days are
// YYYY-MM-DD, times RFC 3339 in UTC, amounts plain yuan with two decimals (a debit positive unless the column says otherwise).
// docs/exports.md lists the columns. The order is that of WriteHledger; balances are in order of the account. A text that a
// spreadsheet would take for a formula gets an apostrophe in front, and so does a text that begins with one: take one leading
// apostrophe away and every text is what it was. It holds a page of vouchers in memory, no more.
func WriteCSV(w io.Writer, b *Book, m Moment, o CSVOptions, tags ...Tag) error {
	m = b.Pin(m)
	if o.BOM {
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return fmt.Errorf("export the books of %s: %w", b.id, err)
		}
	}
	c := csvWriter{csv.NewWriter(w)}
	c.UseCRLF = true
	switch o.Table {
	case CSVPostings:
		c.row(slices.Concat([]string{"voucher", "line", "occurred_on", "account", "amount", "posting_party"}, voucherColumns, tagNames(tags))...)
		return b.eachVoucher(m, c.flush, func(v *Voucher) { c.postings(v, tags) })
	case CSVVouchers:
		c.row(slices.Concat([]string{"voucher", "occurred_on", "amount"}, voucherColumns, tagNames(tags))...)
		return b.eachVoucher(m, c.flush, func(v *Voucher) {
			c.row(append([]string{v.Ref.String(), v.OccurredOn.String(), v.Amount.String()}, voucherCells(v, tags)...)...)
		})
	case CSVBalances:
		c.row("account", "name", "debit", "credit", "closing", "balance")
		c.balances(b, m)
		if err := c.flush(); err != nil {
			return fmt.Errorf("export the books of %s: %w", b.id, err)
		}
		return nil
	}
	return fmt.Errorf("export the books of %s: there is no table %q", b.id, o.Table)
}

// csvWriter writes rows. Its first error is kept and told by flush.
type csvWriter struct{ *csv.Writer }

func (c csvWriter) row(cells ...string) { _ = c.Write(cells) }

func (c csvWriter) flush() error {
	c.Flush()
	return c.Error()
}

// voucherColumns is what a voucher says of itself.
var voucherColumns = []string{"class", "narration", "negative", "party", "purpose", "income_kind", "resolution", "reverses",
	"corrects", "reversed_by", "request", "grant_round", "dividend_run", "dividend_file", "version", "recorded_at", "actor"}

var classNames = map[ledger.Class]string{ledger.Receipt: "receipt", ledger.Payment: "payment", ledger.Transfer: "transfer"}

func voucherCells(v *Voucher, tags []Tag) []string {
	cells := []string{classNames[v.Ref.Class], inert(v.Narration), strconv.FormatBool(v.Negative), inert(v.Party), inert(v.Purpose),
		inert(v.IncomeKind), inert(v.ResolutionID), v.Reverses.String(), v.Corrects.String(), v.ReversedBy.String(), number(uint64(v.RequestNumber)),
		inert(v.GrantRoundID), inert(v.DividendRunID), number(uint64(v.DividendFile)), number(v.Version), v.RecordedAt.Format(time.RFC3339Nano), inert(v.Actor)}
	for _, tag := range tags {
		cells = append(cells, inert(tag.Of(v)))
	}
	return cells
}

func tagNames(tags []Tag) []string {
	names := make([]string, len(tags))
	for i, tag := range tags {
		names[i] = tag.Name
	}
	return names
}

func (c csvWriter) postings(v *Voucher, tags []Tag) {
	rest := voucherCells(v, tags)
	for i, p := range v.Postings {
		c.row(append([]string{v.Ref.String(), strconv.Itoa(i + 1), v.OccurredOn.String(), string(p.Account), p.Amount.String(), inert(p.Party)}, rest...)...)
	}
}

// balances writes every account that moved: its turnover, its closing balance debit positive, and its balance as people call it.
func (c csvWriter) balances(b *Book, m Moment) {
	names := map[ledger.Account]string{}
	collective := b.Collective(0, m)
	for _, f := range collective.Funds {
		names[ledger.FundAccount(f.Id)] = f.Name
	}
	for _, a := range collective.MoneyAccounts {
		names[ledger.MoneyAccount(a.Id)] = a.Name
	}
	for _, l := range b.TrialBalance(Period{}, m).Lines {
		c.row(string(l.Account), inert(names[l.Account]), l.Debit.String(), l.Credit.String(), l.Closing.String(), (l.Account.Sign() * l.Closing).String())
	}
}

// inert is a public text in a cell, on one line.
func inert(text string) string { return spreadsheet.Inert(oneLine(text)) }
