package projections

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// nasty is a history whose public texts try to be something else in a plain-text journal.
func nasty() *chronicle {
	c := newChronicle()
	c.found("abc")
	for _, text := range []string{"; comment", "* cleared", "(code) text", "a  b\tc", "x | y", "[2020-01-01]", "= x", "", "党费, 会费; 其他", "include /etc/passwd", "P 2021-01-01 CNY 5 USD", `say "x" \`, `\"`, `"`} {
		v := voucher(ledger.Receipt, 20210101, text, "money/bank", 100, "deposit/lease|org/"+text, -100)
		v.Party = "org/" + text
		c.add(&eventv1.Event{Fact: &eventv1.Event_DepositReceived{DepositReceived: &eventv1.DepositReceived{Kind: "lease"}}}, v)
	}
	return c
}

// outsider is another program that adds up an exported file.
type outsider struct {
	program string // empty: a few lines below that share nothing with the export
	write   func(io.Writer, *Book, Moment, ...Tag) error
	ask     func(t *testing.T, path string, day ledger.Day) map[string]string // balances up to a day that are not zero, debit positive
	check   [][]string                                                        // command lines that have to end without a word of complaint; FILE is the file
	account func(ledger.Account) string                                       // what it calls our accounts; nil: as we do
}

var outsiders = map[string]outsider{
	"hledger":   {"hledger", WriteHledger, askHledger, [][]string{{"hledger", "-f", "FILE", "check", "--strict", "ordereddates"}}, journalAccount},
	"ledger":    {"ledger", WriteLedger, askLedger, [][]string{{"ledger", "--args-only", "--pedantic", "-f", "FILE", "accounts"}}, journalAccount},
	"beancount": {"bean-query", WriteBeancount, askBeancount, [][]string{{"bean-check", "FILE"}}, BeancountAccount},
	"csv":       {"", writePostings, askCSV, nil, nil},
}

func writePostings(w io.Writer, b *Book, m Moment, tags ...Tag) error {
	return WriteCSV(w, b, m, CSVOptions{Table: CSVPostings, BOM: true}, tags...)
}

// randomBooks is a history of corrections, late entries and reversals, always the same.
func randomBooks(t *testing.T, seed int) *chronicle {
	t.Helper()
	c := rapid.Custom(func(t *rapid.T) *chronicle { return randomHistory(t, 400) }).Example(seed)
	reversals := 0
	for _, e := range c.events {
		for _, v := range e.Vouchers {
			if v.Reverses != nil {
				reversals++
			}
		}
	}
	if len(c.events) < 100 || reversals < 20 {
		t.Fatalf("the history has %d events and %d reversals: take another seed", len(c.events), reversals)
	}
	return c
}

// TestOutsidersGetTheSameBalances gives the exported books to other programs and compares the balance of every account at the
// end of every day on which anything was booked.
func TestOutsidersGetTheSameBalances(t *testing.T) {
	d := newDemo()
	random := randomBooks(t, 1)
	command := Tag{"command", func(v *Voucher) string { return fmt.Sprint("id-", v.Version) }}
	for name, c := range map[string]struct {
		book *Book
		m    Moment
	}{
		"demo":                       {fold(t, d.events), Moment{}},
		"demo before the correction": {fold(t, d.events), Moment{AsKnownAt: d.beforeCorrection}},
		"demo of 2021-06-30":         {fold(t, d.events), Moment{AsOf: 20210630}},
		"nasty":                      {fold(t, nasty().events), Moment{}},
		"random":                     {fold(t, random.events), Moment{}},
		"random, half of it known":   {fold(t, random.events), Moment{AsKnownAt: uint64(len(random.events) / 2)}},
		"random of 2021-01-05":       {fold(t, random.events), Moment{AsOf: 20210105}},
	} {
		for format, o := range outsiders {
			t.Run(name+"/"+format, func(t *testing.T) {
				if _, err := exec.LookPath(o.program); err != nil && o.program != "" {
					t.Skipf("NOT TESTED: %s IS NOT INSTALLED, so the exported books were not recomputed by it", o.program)
				}
				path := filepath.Join(t.TempDir(), "books."+format)
				file, err := os.Create(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(o.write(file, c.book, c.m, command), file.Close()); err != nil {
					t.Fatal(err)
				}
				for _, line := range o.check {
					runProgram(t, line[0], strings.Split(strings.ReplaceAll(strings.Join(line[1:], "\n"), "FILE", path), "\n")...)
				}
				o.compare(t, c.book, c.m, path)
			})
		}
	}
}

// compare compares every account on every day.
func (o outsider) compare(t *testing.T, b *Book, m Moment, path string) {
	t.Helper()
	if o.account == nil {
		o.account = func(a ledger.Account) string { return string(a) }
	}
	for _, day := range b.journal.days[0].days {
		if m.AsOf != 0 && day > m.AsOf {
			break
		}
		want := map[string]string{}
		for _, line := range b.TrialBalance(Period{To: day}, m).Lines {
			if line.Closing != 0 {
				want[o.account(line.Account)] = line.Closing.String()
			}
		}
		compare(t, day, o.ask(t, path, day), want)
	}
}

func compare(t *testing.T, day ledger.Day, got, want map[string]string) {
	t.Helper()
	for account, amount := range want {
		if got[account] != amount {
			t.Errorf("%v %s: %q, want %q", day, account, got[account], amount)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v: %v, want %v", day, got, want)
	}
}

func runProgram(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "LEDGER_FILE=", "LEDGER_INIT=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func askHledger(t *testing.T, path string, day ledger.Day) map[string]string {
	out := runProgram(t, "hledger", "-f", path, "balance", "--flat", "-N", "-O", "csv", "-e", day.Add(1).String())
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, row := range rows[1:] {
		got[row[0]] = strings.TrimSuffix(row[1], " CNY")
	}
	return got
}

func askLedger(t *testing.T, path string, day ledger.Day) map[string]string {
	out := runProgram(t, "ledger", "-f", path, "balance", "--flat", "--no-total", "--format", "%(account)\t%(display_total)\n", "-e", day.Add(1).String())
	got := map[string]string{}
	for line := range strings.Lines(out) {
		account, amount, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got[account] = strings.TrimSuffix(amount, " CNY")
	}
	return got
}

// beanBalances lets Beancount's own library balance every account before the day after each day that has a transaction: a process
// a day would take minutes.
const beanBalances = `
import sys, datetime
from beancount import loader
from beancount.core import data
from beancount.ops import summarize
entries, errors, _ = loader.load_file(sys.argv[1])
assert not errors, errors
for day in sorted({e.date for e in entries if isinstance(e, data.Transaction)}):
    balances, _ = summarize.balance_by_account(entries, day + datetime.timedelta(days=1))
    print(day)
    for account, inventory in balances.items():
        for position in inventory:
            print(day, account, position.units.number)
`

var beanSaid = map[string]map[string]map[string]string{} // by file, day, account

func askBeancount(t *testing.T, path string, day ledger.Day) map[string]string {
	days := beanSaid[path]
	if days == nil {
		days = map[string]map[string]string{}
		for line := range strings.Lines(runProgram(t, beanPython(t), "-c", beanBalances, path)) {
			if words := strings.Fields(line); len(words) == 1 {
				days[words[0]] = map[string]string{}
			} else {
				days[words[0]][words[1]] = words[2]
			}
		}
		beanSaid[path] = days
	}
	got, last := map[string]string{}, ""
	for on, balances := range days {
		if on <= day.String() && on > last { // a day whose vouchers were not known is as the one before
			got, last = balances, on
		}
	}
	return got
}

// beanPython is the interpreter that bean-query runs on, which has its library.
func beanPython(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("bean-query")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	interpreter, ok := strings.CutPrefix(first, "#!")
	if !ok {
		t.Skipf("NOT TESTED: %s is no Python script, so Beancount's library was not found", program)
	}
	return strings.TrimSpace(interpreter)
}

// askCSV sums the lines of a CSV file.
func askCSV(t *testing.T, path string, day ledger.Day) map[string]string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, row := range rows[1:] {
		fen, err := strconv.ParseInt(strings.Replace(row[4], ".", "", 1), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if row[2] <= day.String() {
			sums[row[3]] += fen
		}
	}
	got := map[string]string{}
	for account, fen := range sums {
		sign := ""
		if fen < 0 {
			sign, fen = "-", -fen
		}
		if fen != 0 {
			got[account] = fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
		}
	}
	return got
}

// A text that a spreadsheet would run is a text, and comes back whole.
func TestCSVHasNoFormulas(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	texts := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\u3000=1", "=1", "+", "-", "@", "'quoted", "a=1", "", "\"x\", y\nz", "租金"}
	for _, text := range texts {
		c.add(&eventv1.Event{Fact: &eventv1.Event_DepositReceived{DepositReceived: &eventv1.DepositReceived{Kind: "lease"}}},
			voucher(ledger.Receipt, 20210101, text, "money/bank", 100, "deposit/lease", -100))
	}
	for table, column := range map[string]int{CSVPostings: 7, CSVVouchers: 4} {
		var out bytes.Buffer
		if err := WriteCSV(&out, fold(t, c.events), Moment{}, CSVOptions{Table: table}); err != nil {
			t.Fatal(err)
		}
		if strings.Count(out.String(), "\n") != strings.Count(out.String(), "\r\n") {
			t.Errorf("%s: a line ends without CR", table)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if rows[0][column] != "narration" {
			t.Fatalf("%s: column %d is %s", table, column, rows[0][column])
		}
		lines := (len(rows) - 1) / len(texts)
		for i, want := range texts {
			got := rows[1+i*lines][column]
			if first := strings.TrimSpace(got); first != "" && strings.ContainsRune("=+-@=+-@", []rune(first)[0]) {
				t.Errorf("%s: %q became %q", table, want, got)
			}
			if back := strings.TrimPrefix(got, "'"); back != oneLine(want) {
				t.Errorf("%s: %q came back as %q", table, want, back)
			}
		}
	}
}

func TestCSVBalances(t *testing.T) {
	var out bytes.Buffer
	b := fold(t, newDemo().events)
	if err := WriteCSV(&out, b, Moment{}, CSVOptions{Table: CSVBalances, BOM: true}); err != nil {
		t.Fatal(err)
	}
	text, bom := strings.CutPrefix(out.String(), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !bom {
		t.Fatalf("byte order mark %v, %v", bom, err)
	}
	lines := b.TrialBalance(Period{}, Moment{}).Lines
	if len(rows) != len(lines)+1 {
		t.Fatalf("%d rows for %d accounts", len(rows), len(lines))
	}
	for i, l := range lines {
		want := []string{string(l.Account), rows[i+1][1], l.Debit.String(), l.Credit.String(), l.Closing.String(), b.Balance(l.Account, Moment{}).String()}
		if !slices.Equal(rows[i+1], want) {
			t.Errorf("%v, want %v", rows[i+1], want)
		}
	}
	if err := WriteCSV(io.Discard, b, Moment{}, CSVOptions{Table: "people"}); err == nil {
		t.Error("a table that is not there was written")
	}
}

// The vouchers of a day stand in the order of the log in every format, each with what it says about itself.
func TestExportsKeepTheOrderOfTheLog(t *testing.T) {
	random := randomBooks(t, 1)
	b := fold(t, random.events)
	want := []string{}
	for cursor, more := (Cursor{}), true; more; {
		page, next := b.Vouchers(VoucherFilter{}, cursor, PageMax, Moment{})
		for _, v := range page {
			want = append(want, v.OccurredOn.String()+" "+v.Ref.String())
		}
		cursor, more = next, next != Cursor{}
	}
	for format, pattern := range map[string]string{
		"hledger": `(?m)^(\d{4}-\d\d-\d\d) \((.*?)\)`, "ledger": `(?m)^(\d{4}-\d\d-\d\d) \((.*?)\)`,
		"beancount": `(?m)^(\d{4}-\d\d-\d\d) \* .*\n  voucher: "(.*)"`, "csv": `(?m)^(?:(.)(.*?)),1,`,
	} {
		var out bytes.Buffer
		if err := outsiders[format].write(&out, b, Moment{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(out.String(), -1) {
			if format == "csv" {
				got = append(got, m[1]+m[2])
				continue
			}
			got = append(got, m[1]+" "+m[2])
		}
		list := want
		if format == "csv" {
			list = nil
			for _, w := range want {
				list = append(list, w[len("2021-01-01 "):])
			}
		}
		if !slices.Equal(got, list) {
			t.Errorf("%s: %v, want %v", format, got, list)
		}
	}
}

// The page of exports names every column.
func TestCSVColumnsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "exports.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{CSVPostings, CSVVouchers, CSVBalances} {
		var out bytes.Buffer
		if err := WriteCSV(&out, fold(t, nasty().events), Moment{}, CSVOptions{Table: table}); err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(out.String(), "\r\n")
		for _, column := range strings.Split(head, ",") {
			if !strings.Contains(string(page), "`"+column+"`") {
				t.Errorf("docs/exports.md does not name %s of %s", column, table)
			}
		}
	}
}

func TestBeancountAccounts(t *testing.T) {
	for account, want := range map[ledger.Account]string{
		"money/bank": "Assets:Money:Bank", "fund/welfare": "Equity:Fund:Welfare", "payable/dividend": "Liabilities:Payable:Dividend",
		"deposit/lease": "Liabilities:Deposit:Lease", "gift/roof-2022": "Liabilities:Gift:Roof-2022", "receivable/cost_recovery": "Assets:Receivable:CostUrecovery",
		"project/1_a": "Liabilities:Project:1Ua", "receivable/pending": "Assets:Receivable:Pending",
	} {
		if got := BeancountAccount(account); got != want {
			t.Errorf("%s is %s, want %s", account, got, want)
		}
	}
}

func TestExportIsInOrderOfDayAndLog(t *testing.T) {
	d := newDemo()
	var out bytes.Buffer
	if err := WriteHledger(&out, fold(t, d.events), Moment{}); err != nil {
		t.Fatal(err)
	}
	var heads []string
	for line := range strings.Lines(out.String()) {
		if line[0] >= '0' && line[0] <= '9' {
			heads = append(heads, line[:10])
		}
	}
	if !slices.IsSorted(heads) || len(heads) != 20+3+3 {
		t.Errorf("%d transactions: %v", len(heads), heads)
	}
	if !strings.Contains(out.String(), "\n2021-09-10 (付2021-19) 冲销 付2021-18\n") {
		t.Errorf("the reversal is not there:\n%s", out.String())
	}
}

func TestPlainTextStaysOnItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"; comment": "、 comment", "* cleared": " cleared", "!x": "x", "(code) text": "code) text", "a  b\tc\nd\x7fe": "a b c d e",
		"x | y": "x / y", "[2020-01-01]": "2020-01-01)", "党费, 会费; 其他": "党费、 会费、 其他", "  租金 ": "租金", "": "",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestExportSaysWhenItCannotWrite(t *testing.T) {
	full := errors.New("no space")
	for format, o := range outsiders {
		if err := o.write(brokenWriter{full}, fold(t, nasty().events), Moment{}); !errors.Is(err, full) {
			t.Errorf("%s to a full disk: %v", format, err)
		}
	}
	if err := WriteCSV(brokenWriter{full}, fold(t, nasty().events), Moment{}, CSVOptions{Table: CSVBalances}); !errors.Is(err, full) {
		t.Errorf("balances to a full disk: %v", err)
	}
}
