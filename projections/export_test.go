package projections

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// nasty is a history whose public texts try to be something else in a plain-text journal.
func nasty() *chronicle {
	c := newChronicle()
	c.found("abc")
	for _, text := range []string{"; comment", "* cleared", "(code) text", "a  b\tc", "x | y", "[2020-01-01]", "= x", "", "党费, 会费; 其他", "include /etc/passwd", "P 2021-01-01 CNY 5 USD"} {
		v := voucher(ledger.Receipt, 20210101, text, "money/bank", 100, "deposit/lease|org/"+text, -100)
		v.Party = "org/" + text
		c.add(&eventv1.Event{Fact: &eventv1.Event_DepositReceived{DepositReceived: &eventv1.DepositReceived{Kind: "lease"}}}, v)
	}
	return c
}

// TestOutsidersGetTheSameBalances gives the exported books to hledger and ledger and compares the balance of every account
// at the end of every day on which anything was booked.
func TestOutsidersGetTheSameBalances(t *testing.T) {
	d := newDemo()
	for name, c := range map[string]struct {
		book *Book
		m    Moment
	}{
		"demo":                       {fold(t, d.events), Moment{}},
		"demo before the correction": {fold(t, d.events), Moment{AsKnownAt: d.beforeCorrection}},
		"demo of 2021-06-30":         {fold(t, d.events), Moment{AsOf: 20210630}},
		"nasty":                      {fold(t, nasty().events), Moment{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "books.journal")
			var out bytes.Buffer
			if err := WriteHledger(&out, c.book, c.m); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			for program, ask := range map[string]func(*testing.T, string, ledger.Day) map[string]string{"hledger": askHledger, "ledger": askLedger} {
				t.Run(program, func(t *testing.T) {
					if _, err := exec.LookPath(program); err != nil {
						t.Skipf("%s IS NOT INSTALLED: the exported journal was not read by it", program)
					}
					days := c.book.journal.days[0].days
					for _, day := range days {
						if c.m.AsOf != 0 && day > c.m.AsOf {
							break
						}
						want := map[string]string{}
						for _, line := range c.book.TrialBalance(Period{To: day}, c.m).Lines {
							if line.Closing != 0 {
								want[journalAccount(line.Account)] = line.Closing.String()
							}
						}
						compare(t, day, ask(t, path, day), want)
					}
				})
			}
		})
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
	if err := WriteHledger(brokenWriter{full}, fold(t, nasty().events), Moment{}); !errors.Is(err, full) {
		t.Errorf("export to a full disk: %v", err)
	}
}
