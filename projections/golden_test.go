package projections

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// TestReportsOfTheDemo compares every report of the demonstration with a file an accountant can read, as known now and as
// known before the late correction.
func TestReportsOfTheDemo(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	for name, m := range map[string]Moment{
		"now":        {},
		"before":     {AsKnownAt: d.beforeCorrection},
		"2021-06-30": {AsOf: 20210630},
	} {
		golden(t, "journal-"+name+".txt", func(w io.Writer) { writeJournal(w, b, m) })
		golden(t, "statements-"+name+".txt", func(w io.Writer) { writeStatements(w, b, m) })
		golden(t, "registers-"+name+".txt", func(w io.Writer) { writeRegisters(w, b, m) })
	}
	golden(t, "books.journal", func(w io.Writer) {
		if err := WriteHledger(w, b, Moment{}); err != nil {
			t.Error(err)
		}
	})
}

func golden(t *testing.T, name string, write func(io.Writer)) {
	t.Helper()
	var got bytes.Buffer
	write(&got)
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got; rewrite with go test -update):\n%s", path, diff)
	}
}

func writeJournal(w io.Writer, b *Book, m Moment) {
	for cursor, more := (Cursor{}), true; more; more = cursor != (Cursor{}) {
		var page []Voucher
		page, cursor = b.Vouchers(VoucherFilter{}, cursor, 10, m)
		for _, v := range page {
			fmt.Fprintf(w, "%v %v %v %s %s %s v%d", v.OccurredOn, v.Ref, v.Amount, v.Narration, v.Party, v.Actor, v.Version)
			for _, more := range []struct{ name, value string }{{"purpose", v.Purpose}, {"income", v.IncomeKind}, {"resolution", v.ResolutionID},
				{"reverses", v.Reverses.String()}, {"corrects", v.Corrects.String()}, {"reversed by", v.ReversedBy.String()},
				{"round", v.GrantRoundID}, {"run", v.DividendRunID}} {
				if more.value != "" {
					fmt.Fprintf(w, " %s=%s", more.name, more.value)
				}
			}
			fmt.Fprintln(w)
			for _, p := range v.Postings {
				fmt.Fprintf(w, "    %-20s %14v\n", p.Account, p.Amount)
			}
		}
	}
}

func writeStatements(w io.Writer, b *Book, m Moment) {
	year := Period{20210101, 20211231}
	t := b.TrialBalance(year, m)
	for _, l := range t.Lines {
		fmt.Fprintf(w, "%-20s %14v %14v %14v %14v\n", l.Account, l.Opening, l.Debit, l.Credit, l.Closing)
	}
	fmt.Fprintf(w, "%-20s %59v %14v\n\n", "total", t.DebitTotal, t.CreditTotal)
	s := b.FundStatement(year, m)
	for _, l := range append(s.Funds, s.Total) {
		fmt.Fprintf(w, "%-20s %14v %14v %14v %14v\n", l.Name, l.Opening, l.Received, l.Spent, l.Closing)
	}
	for _, a := range append(s.Money, b.Balances(m)...) {
		fmt.Fprintf(w, "%-20s %14v\n", a.Account, a.Balance)
	}
}

func writeRegisters(w io.Writer, b *Book, m Moment) {
	c := b.Collective(20210701, m)
	fmt.Fprintf(w, "%s: %d members in %d households, open from %v, version %d\n\n", c.Charter.Name, c.Members, c.Households, c.FirstOpenDay, c.Version)
	resolutions, _ := b.Resolutions(0, 0, m)
	for _, r := range resolutions {
		fmt.Fprintf(w, "resolution %s: authority %v = reserved %v + drawn %v + remaining %v\n", r.Id, ledger.Fen(r.AuthorityFen), r.Reserved, r.Drawn, r.Remaining)
	}
	requests, _ := b.Requests("", 0, 0, m)
	for _, q := range requests {
		fmt.Fprintf(w, "request %d: %s of %v, %s, asked by %s, approved by %v, %v\n", q.Made.Number, q.Kind, q.Amount, q.State, q.RequestedBy, q.ApprovedBy, q.Vouchers)
	}
	rounds, _ := b.GrantRounds(0, 0, m)
	for _, g := range rounds {
		fmt.Fprintf(w, "round %s: %s, notice %v to %v, paid %v of %v to %d\n", g.Id, g.State, g.NoticeFrom, g.NoticeTo, g.Paid, g.Total, g.PaidCount)
		for _, l := range g.Lines {
			fmt.Fprintf(w, "    member %d: %v %s %v\n", l.Member, l.Amount, l.State, l.Voucher)
		}
	}
	runs, _ := b.Dividends(0, 0, m)
	for _, r := range runs {
		fmt.Fprintf(w, "dividend %s: %s on %v, %v to %d, paid %v to %d, owed %v\n", r.RunId, r.State, r.DeclaredOn, r.Declared, r.Payees, r.Paid, r.PaidCount, r.Owed)
		for _, f := range r.Files {
			fmt.Fprintf(w, "    file %d: %s, %d payees, paid %v by %v\n", f.File, f.State, len(f.Payees), f.Paid, f.Voucher)
		}
	}
}
