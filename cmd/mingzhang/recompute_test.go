package main

import (
	"encoding/csv"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// outsiders read an exported file and give every account that is not zero before a day, debit positive, under our path.
var outsiders = map[string]struct {
	program  string
	balances func(t testing.TB, file, before string) map[string]string
}{
	"hledger":   {"hledger", hledgerBalances},
	"ledger":    {"ledger", ledgerBalances},
	"beancount": {"bean-query", beancountBalances},
	"sqlite":    {"sqlite3", sqliteBalances},
	"csv":       {"awk", awkBalances},
}

// Programs that know nothing of ours read the exported books, of the demo and of the page of commands (late entries, reversals
// and corrections on earlier days), and come to our balance of every account on every day on which anything was booked.
func TestOthersRecomputeEveryBalance(t *testing.T) {
	demo := demoDir(t)
	must(t, "apply", "testdata/gift.jsonl", "--data", demo)
	must(t, "reverse", "收2026-1", "--yes", "--data", demo)
	for name, c := range map[string]struct {
		dir  string
		days int
	}{"demo": {demo, 17}, "commands": {commandsDir(t), 10}} {
		days := bookedDays(t, c.dir)
		if len(days) < c.days {
			t.Fatalf("%s: %d days, fewer than %d", name, len(days), c.days)
		}
		ours := map[string]map[string]string{}
		for _, day := range days {
			ours[day] = ourBalances(t, c.dir, day)
		}
		for format, o := range outsiders {
			t.Run(name+"/"+format, func(t *testing.T) {
				if _, err := exec.LookPath(o.program); err != nil {
					t.Skipf("NOT TESTED: %s IS NOT INSTALLED, so nobody recomputed the export as %s", o.program, format)
				}
				file := filepath.Join(t.TempDir(), "books."+format)
				must(t, "export", "--format", format, "--out", file, "--data", c.dir)
				t.Parallel() // from here on the program reads a file of its own
				for _, day := range days {
					next, err := time.Parse(time.DateOnly, day)
					if err != nil {
						t.Fatal(err)
					}
					theirs := o.balances(t, file, next.AddDate(0, 0, 1).Format(time.DateOnly))
					if !maps.Equal(theirs, ours[day]) {
						t.Errorf("%s: %s says %v, we say %v", day, o.program, theirs, ours[day])
					}
				}
			})
		}
	}
}

// commandsDir is a data directory with the village of docs/commands.md.
func commandsDir(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	for _, block := range regexp.MustCompile("(?s)```jsonl\n(.*?)```").FindAllStringSubmatch(page(t, "docs/commands.md"), -1) {
		lines.WriteString(block[1])
	}
	dir, file := filepath.Join(t.TempDir(), "books"), filepath.Join(t.TempDir(), "page.jsonl")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "init", "--data", dir)
	must(t, "apply", file, "--data", dir)
	return dir
}

func bookedDays(t *testing.T, dir string) []string {
	var days []string
	for _, r := range readCSV(t, must(t, "journal", "--csv", "--data", dir)) {
		days = append(days, r["occurred_on"])
	}
	slices.Sort(days)
	return slices.Compact(days)
}

func readCSV(t testing.TB, text string) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, cell := range record {
			row[records[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// ourBalances is every account that is not zero at the end of a day, debit positive, under the name it has in the journal.
func ourBalances(t testing.TB, dir, day string) map[string]string {
	balances := map[string]string{}
	for _, r := range readCSV(t, must(t, "balance", "--as-of", day, "--csv", "--data", dir)) {
		kind, id, _ := strings.Cut(r["account"], "/")
		amount := r["balance"]
		if kind != "money" && kind != "receivable" { // credit is their own side
			amount = turned(amount)
		}
		if amount != "0.00" {
			balances[kind+"/"+id] = amount
		}
	}
	return balances
}

func turned(amount string) string {
	if plain, negative := strings.CutPrefix(amount, "-"); negative {
		return plain
	}
	if amount == "0.00" {
		return amount
	}
	return "-" + amount
}

// outside runs one of the other programs.
func outside(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

// ourPath is our name of an account of theirs.
func ourPath(account string) string { return strings.Replace(account, ":", "/", 1) }

func beancountBalances(t testing.TB, file, before string) map[string]string {
	outside(t, "bean-check", file)
	balances := map[string]string{}
	out := outside(t, "bean-query", "-q", "-f", "csv", file, "SELECT account, sum(number) AS balance WHERE date < "+before+" GROUP BY account")
	for _, r := range readCSV(t, strings.ReplaceAll(out, " ", "")) {
		if account := strings.Split(strings.ToLower(r["account"]), ":"); strings.Trim(r["balance"], "-0.") != "" {
			balances[account[1]+"/"+account[2]] = r["balance"]
		}
	}
	return balances
}

func sqliteBalances(t testing.TB, file, before string) map[string]string {
	balances := map[string]string{}
	out := outside(t, "sqlite3", "-readonly", "-csv", "-header", file, `SELECT account, printf('%.2f', sum(p.amount_fen) / 100.0) AS balance
		FROM postings p JOIN vouchers USING (voucher) WHERE occurred_on < '`+before+`' GROUP BY account HAVING sum(p.amount_fen) <> 0`)
	for _, r := range readCSV(t, out) {
		balances[r["account"]] = r["balance"]
	}
	view := outside(t, "sqlite3", "-readonly", "-csv", "-header", file, `SELECT account, iif(sign = 1, '', '-') || balance AS balance
		FROM balances_by_day JOIN accounts USING (account) WHERE day = (SELECT max(day) FROM balances_by_day WHERE day < '`+before+`') AND balance_fen <> 0`)
	for _, r := range readCSV(t, view) {
		if got := strings.TrimPrefix(r["balance"], "--"); got != balances[r["account"]] {
			t.Errorf("before %s the view has %s of %s, the postings %s", before, got, r["account"], balances[r["account"]])
		}
	}
	return balances
}

// awkBalances looks at the columns before any text: they need no rules of quoting.
func awkBalances(t testing.TB, file, before string) map[string]string {
	balances := map[string]string{}
	out := outside(t, "awk", "-F,", "-v", "before="+before, `NR > 1 && $3 < before { split($5, a, "."); fen = substr($5, 1, 1) == "-" ? a[1] * 100 - a[2] : a[1] * 100 + a[2]; sum[$4] += fen }
		END { for (k in sum) if (sum[k] != 0) { n = sum[k] < 0 ? -sum[k] : sum[k]; printf "%s %s%d.%02d\n", k, sum[k] < 0 ? "-" : "", int(n / 100), n % 100 } }`, file)
	for line := range strings.Lines(out) {
		account, amount, _ := strings.Cut(strings.TrimSpace(line), " ")
		balances[account] = amount
	}
	return balances
}

func hledgerBalances(t testing.TB, journal, before string) map[string]string {
	balances := map[string]string{}
	for _, r := range readCSV(t, outside(t, "hledger", "-f", journal, "balance", "--flat", "-N", "-e", before, "-O", "csv")) {
		balances[ourPath(r["account"])] = strings.TrimSuffix(r["balance"], " CNY")
	}
	return balances
}

var ledgerLine = regexp.MustCompile(`^\s*(-?[0-9.,]+) CNY\s+(\S+)$`)

func ledgerBalances(t testing.TB, journal, before string) map[string]string {
	balances := map[string]string{}
	for _, line := range strings.Split(outside(t, "ledger", "--args-only", "-f", journal, "balance", "--flat", "--no-total", "-e", before), "\n") {
		if line = strings.TrimRight(line, " "); line == "" {
			continue
		}
		m := ledgerLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("ledger says %q", line)
		}
		balances[ourPath(m[2])] = strings.ReplaceAll(m[1], ",", "")
	}
	return balances
}
