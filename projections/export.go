package projections

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Tag is one more thing that a written-out voucher says about itself, which the book does not keep: the id of its command.
type Tag struct {
	Name string                // of [a-z_]
	Of   func(*Voucher) string // public text; empty: the voucher has none
}

// WriteHledger writes the books at a moment as a plain-text journal for hledger (1.25 and later, also hledger check --strict):
// one transaction a voucher, by business day and then in the order of the log; code = number, description = narration, account
// path money/bank = money:bank, amounts in CNY with two decimals, debit positive. Every account is declared with its type.
// Parties and everything else stand in comments as tags, so that the balances the program prints are ours with the accounts'
// own signs turned to debit positive. Equal books, moments and tags give equal bytes; events that arrive meanwhile are left
// out. It holds a page of vouchers in memory, no more.
func WriteHledger(w io.Writer, b *Book, m Moment, tags ...Tag) error {
	return writeText(w, b, m, tags, func(out *bufio.Writer, accounts []ledger.Account) {
		for _, a := range accounts {
			fmt.Fprintf(out, "account %s  ; type: %s\n", journalAccount(a), hledgerTypes[a.Kind()])
		}
	})
}

// hledgerTypes are hledger's letters for the kinds of accounts: cash, asset, equity, liability.
var hledgerTypes = map[string]string{
	ledger.KindMoney: "C", ledger.KindReceivable: "A", ledger.KindFund: "E",
	ledger.KindPayable: "L", ledger.KindDeposit: "L", ledger.KindProject: "L", ledger.KindGift: "L",
}

// WriteLedger is WriteHledger for ledger 3.3 (also ledger --pedantic): the same transactions behind declarations in its own
// words.
func WriteLedger(w io.Writer, b *Book, m Moment, tags ...Tag) error {
	return writeText(w, b, m, tags, func(out *bufio.Writer, accounts []ledger.Account) {
		for _, a := range accounts {
			fmt.Fprintf(out, "account %s\n", journalAccount(a))
		}
		for _, tag := range voucherTags(&Voucher{}, tags) {
			fmt.Fprintf(out, "tag %s\n", tag.name)
		}
	})
}

func writeText(w io.Writer, b *Book, m Moment, tags []Tag, declare func(*bufio.Writer, []ledger.Account)) error {
	m = b.Pin(m)
	out := bufio.NewWriter(w)
	writeHead(out, "; ", b, m)
	out.WriteString("\ncommodity CNY\n  format 1000.00 CNY\n\n")
	declare(out, b.moved(m))
	return b.eachVoucher(m, out.Flush, func(v *Voucher) { writeTransaction(out, v, tags) })
}

// eachVoucher writes all vouchers of a pinned moment, flushes after each page, and ends with the first failure of that.
func (b *Book) eachVoucher(m Moment, flush func() error, write func(*Voucher)) error {
	var cursor Cursor
	for {
		page, next := b.Vouchers(VoucherFilter{}, cursor, PageMax, m)
		for i := range page {
			write(&page[i])
		}
		if err := flush(); err != nil {
			return fmt.Errorf("export the books of %s: %w", b.id, err)
		}
		if next == (Cursor{}) {
			return nil
		}
		cursor = next
	}
}

// moved lists the accounts that moved by a moment, in order of the path.
func (b *Book) moved(m Moment) []ledger.Account {
	var accounts []ledger.Account
	for _, balance := range b.Balances(m) {
		accounts = append(accounts, balance.Account)
	}
	return accounts
}

func writeHead(out *bufio.Writer, comment string, b *Book, m Moment) {
	version := m.AsKnownAt
	if version == NothingKnown {
		version = 0
	}
	fmt.Fprintf(out, "%[1]scollective: %[2]s\n%[1]sversion: %[3]d\n", comment, b.id, version)
	if m.AsOf != 0 {
		fmt.Fprintf(out, "%sas of: %v\n", comment, m.AsOf)
	}
}

func writeTransaction(out *bufio.Writer, v *Voucher, tags []Tag) {
	fmt.Fprintf(out, "\n%v (%v) %s\n", v.OccurredOn, v.Ref, plain(v.Narration))
	for _, tag := range voucherTags(v, tags) {
		if tag.value != "" {
			fmt.Fprintf(out, "    ; %s: %s\n", tag.name, plain(tag.value))
		}
	}
	for _, p := range v.Postings {
		fmt.Fprintf(out, "    %-32s %s CNY", journalAccount(p.Account), p.Amount)
		if p.Party != "" {
			fmt.Fprintf(out, "  ; party: %s", plain(p.Party))
		}
		out.WriteByte('\n')
	}
}

// namedText is a tag of one voucher.
type namedText struct{ name, value string }

// voucherTags is what a voucher says about itself beside its number, day, narration and postings: always the same names in the
// same order, empty where it has nothing to say.
func voucherTags(v *Voucher, more []Tag) []namedText {
	tags := []namedText{
		{"party", v.Party}, {"purpose", v.Purpose}, {"income", v.IncomeKind}, {"resolution", v.ResolutionID},
		{"reverses", v.Reverses.String()}, {"corrects", v.Corrects.String()}, {"round", v.GrantRoundID}, {"dividend", v.DividendRunID},
		{"request", number(uint64(v.RequestNumber))}, {"version", number(v.Version)},
	}
	for _, tag := range more {
		value := ""
		if v.Version != 0 {
			value = tag.Of(v)
		}
		tags = append(tags, namedText{tag.Name, value})
	}
	return tags
}

// number is a number as text, empty for 0.
func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func journalAccount(a ledger.Account) string { return a.Kind() + ":" + a.ID() }

// plain makes public text safe on a line of a journal: a semicolon begins a comment, a bar splits payee from note, brackets
// in a comment are read as a date, a comma ends a tag, and two blanks end an account. A leading sign would be read as a
// status or a code.
func plain(text string) string {
	text = strings.NewReplacer(";", "、", ",", "、", "|", "/", "[", "(", "]", ")").Replace(oneLine(text))
	return strings.TrimLeft(strings.Join(strings.Fields(text), " "), "*!(=")
}

// oneLine makes blanks of control characters, which public text should not have.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f {
			return ' '
		}
		return r
	}, text)
}
