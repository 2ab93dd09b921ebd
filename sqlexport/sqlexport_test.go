package sqlexport_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/sqlexport"
)

// write folds events into a book and exports it at a moment.
func write(t *testing.T, events []*eventv1.Event, m projections.Moment) (*projections.Book, string) {
	t.Helper()
	b := projections.NewBook(lt.LiminbaID)
	for _, e := range events {
		if err := b.Fold(e); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "books.db")
	w, err := sqlexport.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if m.AsKnownAt != 0 && e.Version > m.AsKnownAt {
			break
		}
		id, _ := uuid.FromBytes(e.CommandId) // events written by hand have none
		if err := w.Event(sqlexport.Event{Version: e.Version, Type: ledger.TypeName(e), Actor: e.Actor, Command: id.String(), Hash: fmt.Sprint("hash of ", e.Version)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Finish(b, m), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b, path
}

// shell asks the sqlite3 program, which shares no code with the driver's Go side or with us.
func shell(t *testing.T, path, sql string) []map[string]string {
	t.Helper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("NOT TESTED: sqlite3 IS NOT INSTALLED, so the exported database was not recomputed by it")
	}
	cmd := exec.CommandContext(t.Context(), "sqlite3", "-readonly", "-csv", "-header", path, sql)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("sqlite3 %s: %v %s", sql, err, complaint.String())
	}
	records, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for i, r := range records {
		if i == 0 {
			continue
		}
		row := map[string]string{}
		for k, cell := range r {
			row[records[0][k]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

func one(t *testing.T, path, sql string) string {
	t.Helper()
	rows := shell(t, path, "SELECT coalesce(("+sql+"), 'NULL') AS x")
	return rows[0]["x"]
}

// history is late entries, reversals and differences at random, by hand.
func history(seed uint64) []*eventv1.Event {
	r := rand.New(rand.NewPCG(seed, 1))
	accounts := []string{"money/bank", "money/cash", "fund/reserve", "fund/welfare", "payable/grant", "deposit/lease", "receivable/rent", "gift/roof_1"}
	events := []*eventv1.Event{{Version: 1, Actor: "treasurer", CommandId: make([]byte, 16), Fact: &eventv1.Event_CollectiveFounded{CollectiveFounded: lt.Charter()}}}
	numbers := map[eventv1.VoucherClass]uint32{}
	var live []*eventv1.Voucher
	for range 300 {
		class := eventv1.VoucherClass(1 + r.IntN(3))
		amount := 1 + r.Int64N(1e9)
		from, to := accounts[r.IntN(len(accounts))], accounts[r.IntN(len(accounts))]
		v := &eventv1.Voucher{OccurredOn: int32(20210101 + 100*r.IntN(4) + r.IntN(9)), Narration: "'; DROP TABLE vouchers; --", Negative: r.IntN(9) == 0,
			Postings: []*eventv1.Posting{{Account: to, AmountFen: amount}, {Account: from, AmountFen: -amount, Party: "org/x"}}}
		if len(live) > 0 && r.IntN(3) == 0 {
			i := r.IntN(len(live))
			old := live[i]
			live = slices.Delete(live, i, i+1)
			class = old.Ref.Class
			v.Reverses, v.Negative, v.Postings = old.Ref, !old.Negative, nil
			for _, p := range old.Postings {
				v.Postings = append(v.Postings, &eventv1.Posting{Account: p.Account, AmountFen: -p.AmountFen, Party: p.Party})
			}
		} else {
			live = append(live, v)
		}
		numbers[class]++
		v.Ref = &eventv1.VoucherRef{Class: class, Year: 2021, Number: numbers[class]}
		events = append(events, &eventv1.Event{Version: uint64(len(events)) + 1, RecordedAt: int64(len(events)), Actor: "treasurer", CommandId: make([]byte, 16),
			Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}, Vouchers: []*eventv1.Voucher{v}})
	}
	return events
}

// TestSqliteComesToTheSameBalances compares every account on every booking day, every month of every fund and every turnover
// with the book.
func TestSqliteComesToTheSameBalances(t *testing.T) {
	demo := lt.Demo(t, "2022-12-31")
	random := history(7)
	for name, c := range map[string]struct {
		events []*eventv1.Event
		m      projections.Moment
	}{
		"demo":                  {demo.Events, projections.Moment{}},
		"demo of 2021-09-01":    {demo.Events, projections.Moment{AsOf: 20210901}},
		"demo at version 60":    {demo.Events, projections.Moment{AsKnownAt: 60}},
		"random":                {random, projections.Moment{}},
		"random of 2021-02-05":  {random, projections.Moment{AsOf: 20210205}},
		"random at version 151": {random, projections.Moment{AsKnownAt: 151}},
	} {
		t.Run(name, func(t *testing.T) {
			b, path := write(t, c.events, c.m)
			if got := one(t, path, "SELECT group_concat(integrity_check) FROM pragma_integrity_check") + one(t, path, "SELECT count(*) FROM pragma_foreign_key_check"); got != "ok0" {
				t.Errorf("the database checks itself as %s", got)
			}
			byDay(t, b, c.m, path)
			byMonth(t, b, c.m, path)
			turnover(t, b, c.m, path)
		})
	}
}

func byDay(t *testing.T, b *projections.Book, m projections.Moment, path string) {
	t.Helper()
	rows := shell(t, path, "SELECT * FROM balances_by_day")
	if len(rows) == 0 {
		t.Fatal("there are no days")
	}
	last := map[string]string{}
	for _, r := range rows {
		day, err := ledger.ParseDay("", r["day"])
		if err != nil {
			t.Fatal(err)
		}
		want := b.Balance(ledger.Account(r["account"]), projections.Moment{AsOf: day, AsKnownAt: m.AsKnownAt})
		if r["balance_fen"] != strconv.FormatInt(int64(want), 10) || r["balance"] != want.String() {
			t.Errorf("%s on %s: %s fen, %s yuan; want %v", r["account"], r["day"], r["balance_fen"], r["balance"], want)
		}
		last[r["account"]] = r["balance"]
	}
	for _, a := range b.Balances(m) {
		if last[string(a.Account)] != a.Balance.String() {
			t.Errorf("%s ends with %s, want %v", a.Account, last[string(a.Account)], a.Balance)
		}
	}
	for _, r := range shell(t, path, "SELECT * FROM balances") {
		if r["balance"] != last[r["account"]] {
			t.Errorf("%s: %s in balances, %s on the last day", r["account"], r["balance"], last[r["account"]])
		}
	}
}

func byMonth(t *testing.T, b *projections.Book, m projections.Moment, path string) {
	t.Helper()
	rows := shell(t, path, "SELECT * FROM fund_statement_by_month")
	for _, r := range rows {
		first, err := ledger.ParseDay("", r["month"]+"-01")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range b.FundStatement(projections.Period{From: first, To: first + 30}, m).Funds {
			if f.Fund != r["fund"] {
				continue
			}
			want := []string{f.Name, f.Opening.String(), f.Received.String(), f.Spent.String(), f.Closing.String()}
			if got := []string{r["name"], r["opening"], r["received"], r["spent"], r["closing"]}; !slices.Equal(got, want) {
				t.Errorf("%s in %s: %v, want %v", r["fund"], r["month"], got, want)
			}
		}
	}
	months, funds := one(t, path, "SELECT count(DISTINCT substr(occurred_on, 1, 7)) FROM vouchers"), len(b.FundStatement(projections.Period{}, m).Funds)
	if n, _ := strconv.Atoi(months); len(rows) != n*funds || n == 0 {
		t.Errorf("%d lines for %d funds in %s months", len(rows), funds, months)
	}
}

func turnover(t *testing.T, b *projections.Book, m projections.Moment, path string) {
	t.Helper()
	trial := b.TrialBalance(projections.Period{}, m)
	rows := shell(t, path, "SELECT * FROM trial_balance")
	if len(rows) != len(trial.Lines) {
		t.Fatalf("%d accounts, want %d", len(rows), len(trial.Lines))
	}
	for i, l := range trial.Lines {
		want := []string{string(l.Account), l.Debit.String(), l.Credit.String(), l.Closing.String()}
		if got := []string{rows[i]["account"], rows[i]["debit"], rows[i]["credit"], rows[i]["closing"]}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if sum := one(t, path, "SELECT sum(closing_fen) FROM trial_balance"); sum != "0" {
		t.Errorf("the trial balance is off by %s fen", sum)
	}
}

// TestRegistersOfTheDemo asks the registers what the demo's README and vectors say.
func TestRegistersOfTheDemo(t *testing.T) {
	b, path := write(t, lt.Demo(t, "2022-12-31").Events, projections.Moment{})
	for sql, want := range map[string]string{
		"SELECT count(*) FROM events":                                              strconv.FormatUint(b.Version(), 10),
		"SELECT hash FROM events WHERE version = 5":                                "hash of 5",
		"SELECT version || id FROM collective":                                     fmt.Sprint(b.Version(), lt.LiminbaID),
		"SELECT members || '/' || households FROM members":                         "3211/665",
		"SELECT group_concat(fund, ' ') FROM (SELECT * FROM funds ORDER BY place)": "dividend reserve welfare maintenance",
		"SELECT sum(paid_fen) FROM grants":                                         "2030000",
		"SELECT group_concat(paid_count) FROM grants":                              "6,6,10,8",
		"SELECT group_concat(paid_fen) FROM dividends":                             "13717392,13720603",
		"SELECT count(*) FROM documents WHERE kind = 'invoice'":                    "7",
		"SELECT count(*) FROM requests WHERE state = 'settled'":                    "9",
		"SELECT balance FROM balances WHERE account = 'money/bank'":                b.Balance("money/bank", projections.Moment{}).String(),
		"SELECT count(*) FROM vouchers WHERE place <> (SELECT count(*) FROM vouchers v WHERE (v.occurred_on, v.version) <= (vouchers.occurred_on, vouchers.version))": "0",
	} {
		if got := one(t, path, sql); got != want {
			t.Errorf("%s is %s, want %s", sql, got, want)
		}
	}
}

// TestEverythingIsDescribed wants a line for every table, view and column, and every table strict.
func TestEverythingIsDescribed(t *testing.T) {
	_, path := write(t, lt.Demo(t, "2020-12-31").Events, projections.Moment{})
	if got := one(t, path, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND strict = 0"); got != "0" {
		t.Errorf("%s tables are not strict", got)
	}
	missing := `SELECT group_concat(l.name || '.' || c.name) FROM pragma_table_list l JOIN pragma_table_xinfo(l.name) c
		LEFT JOIN docs d ON d.object = l.name AND d."column" = c.name WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite_%' AND (d.about IS NULL OR d.about = '')`
	if got := one(t, path, missing); got != "NULL" {
		t.Errorf("not described: %s", got)
	}
	if got := one(t, path, `SELECT count(*) FROM docs WHERE "column" = '' AND length(about) > 10`); got != "18" {
		t.Errorf("%s objects are described", got)
	}
	text, err := os.ReadFile(filepath.Join("..", "docs", "exports.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range shell(t, path, `SELECT object FROM docs WHERE "column" = ''`) {
		if !strings.Contains(string(text), "`"+r["object"]+"`") {
			t.Errorf("docs/exports.md does not name %s", r["object"])
		}
	}
}

func TestCreateRefusesAFileThatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, []byte("something else that is long enough to be looked at as a database header by SQLite ............"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w, err := sqlexport.Create(path); err == nil {
		w.Close()
		t.Error("another file was taken")
	}
	if _, err := sqlexport.Create(filepath.Join(t.TempDir(), "none", "x.db")); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
