package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// TestDemonstration holds what the demonstration comes to: how many commands and vouchers, and the totals people check.
func TestDemonstration(t *testing.T) {
	steps := lt.Demonstration()
	if len(steps) != 132 {
		t.Errorf("it has %d commands, want 132", len(steps))
	}
	b := lt.New(t)
	b.Replay(steps)
	numbers := map[string]uint32{}
	totals := map[string]ledger.Fen{}
	people := map[string]int{}
	for _, v := range b.Vouchers() {
		ref := ledger.RefOf(v.Ref)
		series := strings.TrimSuffix(ref.String(), fmt.Sprintf("-%d", ref.Number))
		if numbers[series]++; numbers[series] != ref.Number {
			t.Errorf("%v follows %s-%d", ref, series, numbers[series]-1)
		}
		kind := v.IncomeKind + v.Purpose + v.GrantRoundId
		if v.DividendRunId != "" {
			kind = "dividend"
		}
		if ref.Class != ledger.Transfer {
			totals[kind] += ledger.Amount(v)
			people[kind]++
		}
	}
	wantNumbers := map[string]uint32{"收2020": 1, "收2021": 2, "付2021": 18, "转2021": 3, "收2022": 2, "付2022": 27, "转2022": 3}
	if fmt.Sprint(numbers) != fmt.Sprint(wantNumbers) || len(b.Vouchers()) != 56 {
		t.Errorf("it has %d vouchers %v, want 56 %v", len(b.Vouchers()), numbers, wantNumbers)
	}
	for _, c := range []struct {
		what, want string
		got        ledger.Fen
	}{
		{"rent", "490,000.00", totals["rent"]},
		{"scholarships", "14,700.00", totals["scholarship-1"] + totals["scholarship-2"]},
		{"relief", "5,600.00", totals["relief-1"] + totals["relief-2"]},
		{"maintenance", "32,555.00", totals["daily_management"] + totals["planting"] + totals["repair"]},
		{"workshop", "36,000.00", totals["development"]},
		{"dividends", "274,379.95", totals["dividend"]},
	} {
		if c.got != lt.Yuan(c.want) {
			t.Errorf("%s comes to %v, want %s", c.what, c.got, c.want)
		}
	}
	if students, needy := people["scholarship-1"]+people["scholarship-2"], people["relief-1"]+people["relief-2"]; students != 14 || needy != 16 {
		t.Errorf("%d students and %d in need, want 14 and 16", students, needy)
	}
	if difference, wrong := b.State.Sums(); difference != 0 || len(wrong) > 0 {
		t.Errorf("the sides differ by %v, on the wrong side: %v", difference, wrong)
	}
}

// TestMicrofunds keeps 27,000.00 with a custodian: five gifts that never touch the split (M8).
func TestMicrofunds(t *testing.T) {
	b := lt.Demo(t, "2022-12-31")
	b.Do("2022-12-31", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "custodian", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CUSTODIAN, Text: "慈善会"})
	for id, amount := range map[string]string{"migrants": "5,000.00", "education": "8,000.00", "hygiene": "3,600.00", "party-members": "4,150.00", "charity": "6,250.00"} {
		b.Resolve("2022-12-31", "microfund-"+id, eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
		b.Do("2022-12-31", lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: id, Name: "微基金", Restricted: true}, Resolution: "microfund-" + id})
		b.Do("2022-12-31", lt.Treasurer, &ledger.ReceiveGift{Fund: id, Amount: lt.Yuan(amount), On: lt.Day("2022-12-31"), Money: "custodian", Donor: "party/donors"})
		if got := b.Balance(ledger.FundAccount(id), "2022-12-31"); got != lt.Yuan(amount) {
			t.Errorf("%s has %v, want %s", id, got, amount)
		}
	}
	bank, kept := b.Balance(lt.Bank, "2022-12-31"), b.Balance("money/custodian", "2022-12-31")
	if bank != lt.Yuan("126,765.05") || kept != lt.Yuan("27,000.00") || bank+kept != lt.Yuan("153,765.05") {
		t.Errorf("the bank has %v, the custodian %v", bank, kept)
	}
}

// TestStatements closes all 34 months and recomputes every trial balance from the vouchers.
func TestStatements(t *testing.T) {
	b := lt.Demo(t, "2022-12-31")
	b.Do("2023-01-05", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2022-2")}, On: lt.Day("2022-12-20")})
	closings := 0
	for m := ledger.Month(202003); m <= 202212; m = m.Next() {
		c := b.Do("2023-01-05", lt.Treasurer, &ledger.ClosePeriod{Month: m})[0].GetPeriodClosed()
		closings++
		checkStatement(t, b, m, c)
	}
	if dump := b.State.Dump(); strings.Contains(dump, "turnover") {
		t.Error("the turnover of closed months is kept")
	}
	if closings != 34 || b.State.ClosedThrough() != 202212 {
		t.Errorf("%d months closed through %v", closings, b.State.ClosedThrough())
	}
}

// checkStatement compares the totals of a closed month with the vouchers. A reversal counts negative in its original's
// column, so that a month with a mistake and its reversal turns over nothing.
func checkStatement(t *testing.T, b *lt.Books, m ledger.Month, c *eventv1.PeriodClosed) {
	t.Helper()
	type sums struct{ opening, debit, credit, closing ledger.Fen }
	want := map[string]*sums{}
	for _, v := range b.Vouchers() {
		for _, p := range v.Postings {
			s := want[p.Account]
			if s == nil {
				s = new(sums)
				want[p.Account] = s
			}
			amount := ledger.Fen(p.AmountFen)
			switch day := ledger.Day(v.OccurredOn); {
			case day < m.First():
				s.opening += amount
			case day > m.Last():
				continue
			case v.Reverses != nil && amount < 0:
				s.debit += amount
			case v.Reverses != nil:
				s.credit -= amount
			case amount > 0:
				s.debit += amount
			default:
				s.credit -= amount
			}
		}
	}
	var closing ledger.Fen
	for _, total := range c.Totals {
		s := want[total.Account]
		s.closing = s.opening + s.debit - s.credit
		got := sums{ledger.Fen(total.OpeningFen), ledger.Fen(total.DebitFen), ledger.Fen(total.CreditFen), ledger.Fen(total.ClosingFen)}
		if got != *s {
			t.Errorf("%v %s has %v, want %v", m, total.Account, got, *s)
		}
		closing += got.closing
		delete(want, total.Account)
	}
	if closing != 0 || len(want) > 0 {
		t.Errorf("%v does not balance: %v; accounts without a line: %v", m, closing, want)
	}
	digest := sha256.Sum256([]byte(ledger.StatementText(lt.LiminbaID, m, c.Totals)))
	if !bytes.Equal(digest[:], c.StatementSha256) {
		t.Errorf("%v has another digest than its text", m)
	}
}

// TestStatementText fixes the text that the digest of a closed month covers.
func TestStatementText(t *testing.T) {
	got := ledger.StatementText("liminba", 202012, []*eventv1.AccountTotal{
		{Account: "fund/dividend", CreditFen: 6_860_000, ClosingFen: -6_860_000},
		{Account: "money/bank", OpeningFen: 5, DebitFen: 9_800_000, CreditFen: 1, ClosingFen: 9_800_004},
	})
	want := "mingzhang/statement@v1\nliminba\n2020-12\nfund/dividend 0.00 0.00 68600.00 -68600.00\nmoney/bank 0.05 98000.00 0.01 98000.04\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTurnoverOfReversal: in the month of a mistake and its reversal, nothing was turned over.
func TestTurnoverOfReversal(t *testing.T) {
	b := turned(t)
	for m := ledger.Month(202003); m < 202006; m = m.Next() {
		b.Do("2020-07-01", lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	for _, total := range b.Do("2020-07-01", lt.Treasurer, &ledger.ClosePeriod{Month: 202006})[0].GetPeriodClosed().Totals {
		if total.DebitFen != 0 || total.CreditFen != 0 || total.ClosingFen != 0 {
			t.Errorf("%s turned over %d and %d, closing %d", total.Account, total.DebitFen, total.CreditFen, total.ClosingFen)
		}
	}
	// A lower amount that is turned back leaves what was turned over first.
	b = lt.Liminba(t)
	b.Do("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "100.00"))
	b.Do("2020-06-01", lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: lt.Ref("收2020-1"), RightAmount: lt.Yuan("60.00")})
	b.Do("2020-06-01", lt.Treasurer, reverses("收2020-2"))
	for m := ledger.Month(202003); m < 202006; m = m.Next() {
		b.Do("2020-07-01", lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	for _, total := range b.Do("2020-07-01", lt.Treasurer, &ledger.ClosePeriod{Month: 202006})[0].GetPeriodClosed().Totals {
		if total.Account == "money/bank" && (ledger.Fen(total.DebitFen) != lt.Yuan("100.00") || total.CreditFen != 0) {
			t.Errorf("the bank turned over %v and %v", ledger.Fen(total.DebitFen), ledger.Fen(total.CreditFen))
		}
	}
}
