//go:build unix

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/projections"
)

// The settings of BenchmarkPeers, which make bench-peers gives.
const (
	envPeers             = "MINGZHANG_PEERS"              // 1: run it
	envPeersTransactions = "MINGZHANG_PEERS_TRANSACTIONS" // commands of the mix, at least 1,000; default 10,000
)

// peerRounds is how often everything takes its turn; what is reported is the median.
const peerRounds = 3

// BenchmarkPeers gives the work of the mix to programs that others wrote and to ours, on this machine, in turns. Each contest
// has ours in its first row, and every ratio is taken within a round: 2 means that a transaction took twice our time. A
// program that is not installed is missing from the table, and a line says so.
func BenchmarkPeers(b *testing.B) {
	if os.Getenv(envPeers) != "1" {
		b.Skip("peers run by make bench-peers")
	}
	tuneCollector() // as the program runs
	commands := 10_000
	if text := os.Getenv(envPeersTransactions); text != "" {
		var err error
		if commands, err = strconv.Atoi(text); err != nil || commands < 1000 {
			b.Fatalf("%s is %q, not a number from 1000", envPeersTransactions, text)
		}
	}
	var table strings.Builder
	for _, c := range slices.Concat([]contest{coldContest(b, commands)}, durableContests(b, commands)) {
		c.run(b)
		c.print(&table)
		b.Run(c.name, c.report)
	}
	fmt.Fprintf(os.Stdout, "\n%s\n", table.String())
}

// contest is one kind of work and those who do it, ours first.
type contest struct {
	name string
	rows []*contender
}

// contender is one program at one work. Work does it once and says how long it took; it is given the round, from 0.
type contender struct {
	tool, what string
	size       int // transactions
	work       func(round int) time.Duration
	took       []time.Duration
}

func (c *contest) run(b *testing.B) {
	for round := range peerRounds {
		for _, r := range c.rows {
			r.took = append(r.took, r.work(round))
		}
	}
}

// each is the time of one transaction in a round.
func (r *contender) each(round int) float64 { return r.took[round].Seconds() / float64(r.size) }

// ratio is the median of the rounds' ratios to the first row, time for time.
func (c *contest) ratio(r *contender) float64 {
	var ratios []float64
	for round := range r.took {
		ratios = append(ratios, r.each(round)/c.rows[0].each(round))
	}
	return middle(ratios)
}

func (r *contender) seconds() float64 {
	var seconds []float64
	for _, t := range r.took {
		seconds = append(seconds, t.Seconds())
	}
	return middle(seconds)
}

func middle(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func (c *contest) print(to io.Writer) {
	fmt.Fprintf(to, "%s\n", c.name)
	fmt.Fprintf(to, "%-11s %-38s %12s %10s %11s %12s\n", "tool", "work", "transactions", "seconds", "per second", "time / ours")
	for _, r := range c.rows {
		fmt.Fprintf(to, "%-11s %-38s %12d %10.3f %11.0f %12.2f\n", r.tool, r.what, r.size, r.seconds(), float64(r.size)/r.seconds(), c.ratio(r))
	}
	fmt.Fprintln(to)
}

func (c *contest) report(b *testing.B) {
	unit := strings.NewReplacer(" ", "-", ",", "", "(", "", ")", "", "/", "-", ":", "")
	for _, r := range c.rows {
		name := unit.Replace(r.tool + " " + r.what)
		b.ReportMetric(float64(r.size)/r.seconds(), name+"-tx/s")
		b.ReportMetric(c.ratio(r), name+"/ours")
	}
	b.ReportMetric(0, "ns/op")
}

// missing says loudly that a program does not take part.
func missing(program string) bool {
	_, err := exec.LookPath(program)
	if err != nil {
		skipped(program)
	}
	return err != nil
}

func skipped(program string) {
	fmt.Fprintf(os.Stderr, "NOT INSTALLED AND NOT MEASURED: %s\n", program)
}

// timed runs a program, fails the benchmark when it fails, and gives the time from start to end.
func timed(b *testing.B, stdin string, name string, args ...string) time.Duration {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "BEANCOUNT_DISABLE_LOAD_CACHE=1") // else the second run reads a cache of the first
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil {
		b.Fatalf("%s %s: %v\n%.2000s", name, strings.Join(args, " "), err, out)
	}
	return took
}

// mixDay is the business day of the mix.
func mixDay() string { return time.Now().AddDate(0, 0, -1).Format(time.DateOnly) }

// coldContest asks for the balances of all accounts of one collective from files, with nothing in any program's memory and
// every file in the page cache. Before anything is timed each program has to come to our balances.
func coldContest(b *testing.B, commands int) contest {
	m := mix{1, commands, mixDay()}
	dir, files := filepath.Join(b.TempDir(), "data"), b.TempDir()
	setup, load := m.write(b, b.TempDir())
	must(b, "init", "--data", dir)
	must(b, "apply", setup, "--data", dir)
	must(b, "apply", load, "--data", dir)
	file := func(format string) string { return filepath.Join(files, "books."+format) }
	for _, format := range []string{"ledger", "hledger", "beancount", "sqlite"} {
		must(b, "export", format, "--out", file(format), "--data", dir)
	}
	must(b, "export", "csv", "--bom=false", "--out", file("csv"), "--data", dir)
	size := len(readPostings(b, file("csv")))

	ours, tomorrow := ourBalances(b, dir, m.day), time.Now().Format(time.DateOnly)
	c := contest{name: "all balances from files, cold"}
	add := func(tool, what string, work func(int) time.Duration) {
		c.rows = append(c.rows, &contender{tool: tool, what: what, size: size, work: work})
	}
	run := func(tool, what, stdin string, args ...string) {
		add(tool, what, func(int) time.Duration { return timed(b, stdin, args[0], args[1:]...) })
	}
	add("mingzhang", "book from zero out of SQLite, hashed", func(int) time.Duration { return bookFromZero(b, dir, m.id(0)) })
	add("mingzhang", "the same as a process, balance", func(int) time.Duration {
		dropCopies(b, dir)
		return timed(b, "", "mingzhang", "balance", "--data", dir)
	})
	run("mingzhang", "balance, with its copies", "", "mingzhang", "balance", "--data", dir)
	for _, o := range []struct{ format, program string }{{"ledger", "ledger"}, {"hledger", "hledger"}, {"beancount", "bean-query"}, {"sqlite", "sqlite3"}} {
		if missing(o.program) {
			continue
		}
		if theirs := outsiders[o.format].balances(b, file(o.format), tomorrow); !maps.Equal(theirs, ours) {
			b.Fatalf("%s says %v, we say %v", o.program, theirs, ours)
		}
		switch o.format {
		case "ledger":
			run("ledger", "balance", "", "ledger", "--args-only", "-f", file("ledger"), "balance", "--flat", "--no-total")
		case "hledger":
			run("hledger", "balance", "", "hledger", "-f", file("hledger"), "balance", "--flat", "-N")
		case "beancount":
			run("beancount", "bean-check", "", "bean-check", "--no-cache", file("beancount"))
			run("beancount", "bean-query", "", "bean-query", "-q", file("beancount"), "SELECT account, sum(number) GROUP BY account")
		case "sqlite":
			run("sqlite3", "import of CSV, balances", ".import --csv "+file("csv")+" postings\n"+
				"SELECT account, sum(CAST(replace(amount, '.', '') AS INTEGER)) FROM postings GROUP BY account;\n", "sqlite3", ":memory:")
			run("sqlite3", "balances of our export", "", "sqlite3", "-readonly", file("sqlite"), "SELECT account, sum(amount_fen) FROM postings GROUP BY account")
		}
	}
	return c
}

// dropCopies removes the copies of states and books between runs.
func dropCopies(b *testing.B, dir string) {
	if err := os.RemoveAll(filepath.Join(dir, snapshotsDir)); err != nil {
		b.Fatal(err)
	}
}

// bookFromZero is the time of what a running server does for a book that nobody asked for yet: the stream is read, hashed
// against the head, decoded and folded.
func bookFromZero(b *testing.B, dir, collective string) time.Duration {
	dropCopies(b, dir)
	d := openQuietly(b, dir)
	defer closeDirectory(b, d)
	start := time.Now()
	book, err := d.books.Book(b.Context(), collective, 0)
	if err != nil {
		b.Fatal(err)
	}
	if len(book.Balances(projections.Moment{})) == 0 {
		b.Fatal("no balances")
	}
	return time.Since(start)
}

// booked is one transaction as a peer is given it.
type booked struct {
	collective, voucher, narration string
	accounts                       []string
	fen                            []int64
}

// readPostings reads an export as CSV: every voucher with its postings, in its order.
func readPostings(b *testing.B, file string) []booked {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		b.Fatal(err)
	}
	voucher, account, amount, narration := slices.Index(head, "voucher"), slices.Index(head, "account"), slices.Index(head, "amount"), slices.Index(head, "narration")
	var all []booked
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			b.Fatal(err)
		}
		fen, err := strconv.ParseInt(strings.Replace(row[amount], ".", "", 1), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		if len(all) == 0 || all[len(all)-1].voucher != row[voucher] {
			all = append(all, booked{voucher: row[voucher], narration: row[narration]})
		}
		last := &all[len(all)-1]
		last.accounts, last.fen = append(last.accounts, row[account]), append(last.fen, fen)
	}
}
