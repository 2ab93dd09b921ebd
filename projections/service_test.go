package projections

import (
	"context"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// observed is a service whose events go to a library that reads from it.
func observed(t *testing.T) (*ledger.Service, *Library) {
	late := new(lateSource)
	library := NewLibrary(late)
	late.Service = ledger.NewService(eventstore.NewMemory(), ledger.Options{Observer: library})
	return late.Service, library
}

// lateSource closes the circle: the service needs its observer, the library its source.
type lateSource struct{ *ledger.Service }

// TestTurnoverIsWhatMonthsCloseWith turns a payment back in a month before and holds the trial balance of every month against
// the totals that the month is closed with.
func TestTurnoverIsWhatMonthsCloseWith(t *testing.T) {
	ctx := context.Background()
	service, library := observed(t)
	steps := ledgertest.Demonstration()
	last := steps[len(steps)-1].Date
	steps = append(steps,
		ledgertest.Step{Date: last, Actor: ledgertest.Treasurer, Command: &ledger.RequestCorrection{
			Reverses: []ledger.VoucherRef{ledgertest.Ref("付2022-27")}, On: ledgertest.Day("2022-12-19"), Narration: "重复入账"}},
		ledgertest.Step{Date: last, Actor: ledgertest.Approver, Command: &ledger.ApproveRequest{Number: 10}},
		ledgertest.Step{Date: last, Actor: ledgertest.Treasurer, Command: &ledger.BookCorrection{Number: 10}})
	for m := ledger.Month(202003); m <= 202212; m = m.Next() {
		steps = append(steps, ledgertest.Step{Date: "2023-01-05", Actor: ledgertest.Treasurer, Command: &ledger.ClosePeriod{Month: m}})
	}
	closed := 0
	for n, step := range steps {
		meta := ledger.Meta{ID: ledgertest.CommandID(n + 1), Actor: step.Actor, Now: ledgertest.Noon(step.Date)}
		events, err := service.Do(ctx, ledgertest.LiminbaID, step.Command, meta)
		if err != nil {
			t.Fatalf("step %d, %s: %v", n+1, step.Command.Name(), err)
		}
		f := events[0].GetPeriodClosed()
		if f == nil {
			continue
		}
		closed++
		book, err := library.Book(ctx, ledgertest.LiminbaID, events[0].Version)
		if err != nil {
			t.Fatal(err)
		}
		m := ledger.Month(f.Month)
		lines := map[string]TrialLine{}
		for _, l := range book.TrialBalance(Period{m.First(), m.Last()}, Moment{}).Lines {
			lines[string(l.Account)] = l
		}
		for _, total := range f.Totals {
			want := TrialLine{ledger.Account(total.Account), ledger.Fen(total.OpeningFen), ledger.Fen(total.DebitFen), ledger.Fen(total.CreditFen), ledger.Fen(total.ClosingFen)}
			got := lines[total.Account]
			if got.Account = want.Account; got != want { // an account that moves later only is in the totals with zeros
				t.Errorf("%v: %+v, closed with %+v", m, got, want)
			}
			delete(lines, total.Account)
		}
		if len(lines) > 0 {
			t.Errorf("%v was closed without %v", m, lines)
		}
		if c := book.Collective(ledgertest.Day("2022-12-31"), Moment{}); c.ClosedThrough != m || c.FirstOpenDay != m.Next().First() || c.Members != 3211 || c.Households != 665 {
			t.Errorf("after closing %v: closed through %v, open from %v, %d members in %d households", m, c.ClosedThrough, c.FirstOpenDay, c.Members, c.Households)
		}
	}
	if closed != 34 {
		t.Errorf("%d months closed", closed)
	}
}

// TestBooksOfTheService carries out the demonstration's 132 commands and holds the books against the state that the rules
// use, after every command, and in the end against the vectors and against books read anew from the log.
func TestBooksOfTheService(t *testing.T) {
	ctx := context.Background()
	service, library := observed(t)
	const id = ledgertest.LiminbaID
	for n, step := range ledgertest.Demonstration() {
		meta := ledger.Meta{ID: ledgertest.CommandID(n + 1), Actor: step.Actor, Now: ledgertest.Noon(step.Date)}
		events, err := service.Do(ctx, id, step.Command, meta)
		if err != nil {
			t.Fatalf("step %d, %s on %s: %v", n+1, step.Command.Name(), step.Date, err)
		}
		book, err := library.Book(ctx, id, 0)
		if err != nil || book.Version() != events[len(events)-1].Version {
			t.Fatalf("after step %d the book is at %d, want %d: %v", n+1, book.Version(), events[len(events)-1].Version, err)
		}
		if err := book.CheckInvariant(); err != nil {
			t.Fatal(err)
		}
		err = service.View(ctx, id, func(s *ledger.Collective) error {
			for _, b := range book.Balances(Moment{}) {
				if want := s.Balance(b.Account, ledger.LastDay); b.Balance != want {
					t.Errorf("after step %d %s is %v, the rules say %v", n+1, b.Account, b.Balance, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	book, err := library.Book(ctx, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	for account, want := range map[ledger.Account]string{"fund/dividend": "68620.05", "fund/reserve": "13000.00", "fund/welfare": "28700.00",
		"fund/maintenance": "16445.00", "money/bank": "126765.05", "payable/dividend": "0.00", "payable/grant": "0.00"} {
		if got := book.Balance(account, Moment{}).String(); got != want {
			t.Errorf("%s: %s, want %s", account, got, want)
		}
	}
	vouchers, _ := book.Vouchers(VoucherFilter{}, Cursor{}, PageMax, Moment{})
	runs, _ := book.Dividends(0, 0, Moment{})
	rounds, _ := book.GrantRounds(0, 0, Moment{})
	if len(vouchers) != 56 || len(runs) != 2 || runs[0].Paid != 13717392 || runs[1].Paid != 13720603 || len(rounds) != 4 {
		t.Errorf("%d vouchers, %d runs, %d rounds", len(vouchers), len(runs), len(rounds))
	}
	var students, needy, grants int
	for _, g := range rounds {
		if g.Purpose == "scholarship" {
			students += g.PaidCount
		} else {
			needy += g.PaidCount
		}
		grants += int(g.Paid)
	}
	if students != 14 || needy != 16 || grants != 1470000+560000 {
		t.Errorf("%d students and %d needy got %d fen", students, needy, grants)
	}
	anew, err := NewLibrary(service).Book(ctx, id, book.Version())
	if err != nil {
		t.Fatal(err)
	}
	if anew.Digest() != book.Digest() {
		t.Error("the books read from the log are not those kept while it was written")
	}
}
