package main

import (
	"encoding/csv"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Two programs that know nothing of ours read the exported journal and come to our balance of every account on every day
// on which anything was booked.
func TestOthersRecomputeEveryBalance(t *testing.T) {
	dir := demoDir(t)
	journal := filepath.Join(t.TempDir(), "demo.journal")
	// A reversal and a correction's day of its own must read the same everywhere.
	must(t, "apply", "testdata/gift.jsonl", "--data", dir)
	must(t, "reverse", "收2026-1", "--yes", "--data", dir)
	must(t, "export", "hledger", "-o", journal, "--data", dir)
	days := bookedDays(t, dir)
	if len(days) < 17 {
		t.Fatalf("%d days, fewer than 17", len(days))
	}
	ours := map[string]map[string]string{}
	for _, day := range days {
		ours[day] = ourBalances(t, dir, day)
	}
	for name, balances := range map[string]func(*testing.T, string, string) map[string]string{"hledger": hledgerBalances, "ledger": ledgerBalances} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skipf("NOT TESTED: %s is not installed (apt-get install %s)", name, name)
			}
			for _, day := range days {
				next, err := time.Parse(time.DateOnly, day)
				if err != nil {
					t.Fatal(err)
				}
				theirs := balances(t, journal, next.AddDate(0, 0, 1).Format(time.DateOnly))
				if !maps.Equal(theirs, ours[day]) {
					t.Errorf("%s: %s says %v, we say %v", day, name, theirs, ours[day])
				}
			}
		})
	}
}

func bookedDays(t *testing.T, dir string) []string {
	var days []string
	for _, r := range readCSV(t, must(t, "journal", "--csv", "--data", dir)) {
		days = append(days, r["occurred_on"])
	}
	slices.Sort(days)
	return slices.Compact(days)
}

func readCSV(t *testing.T, text string) []map[string]string {
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
func ourBalances(t *testing.T, dir, day string) map[string]string {
	balances := map[string]string{}
	for _, r := range readCSV(t, must(t, "balance", "--as-of", day, "--csv", "--data", dir)) {
		kind, id, _ := strings.Cut(r["account"], "/")
		amount := r["balance"]
		if kind != "money" && kind != "receivable" { // credit is their own side
			amount = turned(amount)
		}
		if amount != "0.00" {
			balances[kind+":"+id] = amount
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
func outside(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

func hledgerBalances(t *testing.T, journal, before string) map[string]string {
	balances := map[string]string{}
	for _, r := range readCSV(t, outside(t, "hledger", "-f", journal, "balance", "--flat", "-N", "-e", before, "-O", "csv")) {
		balances[r["account"]] = strings.TrimSuffix(r["balance"], " CNY")
	}
	return balances
}

var ledgerLine = regexp.MustCompile(`^\s*(-?[0-9.,]+) CNY\s+(\S+)$`)

func ledgerBalances(t *testing.T, journal, before string) map[string]string {
	balances := map[string]string{}
	for _, line := range strings.Split(outside(t, "ledger", "--args-only", "-f", journal, "balance", "--flat", "--no-total", "-e", before), "\n") {
		if line = strings.TrimRight(line, " "); line == "" {
			continue
		}
		m := ledgerLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("ledger says %q", line)
		}
		balances[m[2]] = strings.ReplaceAll(m[1], ",", "")
	}
	return balances
}
