package projections

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// payoutBooks is the demonstration before row 5 with a dividend of 137,200.00 declared, member 17 held until 2021-08-09 and 18
// until released.
func payoutBooks(t *testing.T) *lt.Books {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-19", lt.Approver, &ledger.HoldPayee{Payee: 17, Kind: eventv1.HoldKind_HOLD_KIND_ESTATE, Until: 20210809})
	b.Do("2021-07-19", lt.Approver, &ledger.HoldPayee{Payee: 18, Kind: eventv1.HoldKind_HOLD_KIND_COURT})
	b.Do("2021-07-20", lt.Treasurer, &ledger.RequestDividend{Run: "2021", Fund: "dividend", Pool: lt.Yuan("137,200.00"), RecordDate: 20210720, Resolution: "dividend-2021"})
	b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	b.Do("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: 20210720})
	return b
}

func (b *Book) statesOf(run string, on ledger.Day, m Moment, payees ...uint32) string {
	lines, _, _ := b.Entitlements(run, on, 0, 1000, m)
	var list []string
	for _, e := range lines {
		if slices.Contains(payees, e.Payee) {
			list = append(list, fmt.Sprintf("%d %s f%d h%d", e.Payee, e.State, e.File, e.Hold))
		}
	}
	return strings.Join(list, ", ")
}

func TestReturnedAndHeldPayees(t *testing.T) {
	b := payoutBooks(t)
	settle := func(date string, file uint32, failed ...uint32) {
		t.Helper()
		b.Do(date, lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"})
		b.Do(date, lt.Treasurer, &ledger.RecordDividendResults{Run: "2021", File: file, On: lt.Day(date), Failed: failed})
	}
	for file := range uint32(4) {
		settle("2021-07-20", file+1)
	}
	paid := b.State.Version()
	back := lt.Refs(b.Do("2021-07-25", lt.Treasurer, &ledger.RecordReturnedDividend{Run: "2021", Payees: []uint32{5, 6}, On: 20210723, Money: "bank"}))
	returned := b.State.Version()
	b.Do("2021-07-26", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"})
	sent := b.State.Version()
	b.Do("2021-07-28", lt.Treasurer, &ledger.RecordDividendResults{Run: "2021", File: 5, On: 20210728, Failed: []uint32{6}})
	again := b.State.Version()
	b.Do("2021-08-01", lt.Approver, &ledger.ReleaseHold{Hold: 2})
	b.Do("2021-08-01", lt.Treasurer, &ledger.RecordReturnedDividend{Run: "2021", Payees: []uint32{7}, On: 20210801, Money: "bank"})
	b.Do("2021-08-01", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2021-3")}, On: 20210801})
	b.Do("2021-08-01", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	b.Do("2021-08-01", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	b.Do("2021-08-01", lt.Treasurer, &ledger.BookCorrection{Number: b.Last()})
	book := fold(t, b.Events)
	for name, want := range map[string]struct {
		on    ledger.Day
		m     Moment
		lines string
		paid  string
		count int
	}{
		"paid":                {20210720, Moment{AsKnownAt: paid}, "5 paid f1 h0, 6 paid f1 h0, 7 paid f1 h0, 17 held f0 h1, 18 held f0 h2", "137088.48", 3209},
		"returned":            {20210725, Moment{AsKnownAt: returned}, "5 returned f0 h0, 6 returned f0 h0, 7 paid f1 h0, 17 held f0 h1, 18 held f0 h2", "137003.04", 3207},
		"the day before":      {20210722, Moment{AsOf: 20210722}, "5 paid f1 h0, 6 paid f1 h0, 7 paid f1 h0, 17 held f0 h1, 18 owed f0 h0", "137088.48", 3209},
		"sent again":          {20210726, Moment{AsKnownAt: sent}, "5 sent f5 h0, 6 sent f5 h0, 7 paid f1 h0, 17 held f0 h1, 18 held f0 h2", "137003.04", 3207},
		"one failed":          {20210728, Moment{AsKnownAt: again}, "5 paid f5 h0, 6 returned f0 h0, 7 paid f1 h0, 17 held f0 h1, 18 held f0 h2", "137045.76", 3208},
		"expired, released":   {20210810, Moment{}, "5 paid f5 h0, 6 returned f0 h0, 7 paid f1 h0, 17 owed f0 h0, 18 owed f0 h0", "137045.76", 3208},
		"the hold's last day": {20210809, Moment{}, "5 paid f5 h0, 6 returned f0 h0, 7 paid f1 h0, 17 held f0 h1, 18 owed f0 h0", "137045.76", 3208},
	} {
		if got := book.statesOf("2021", want.on, want.m, 5, 6, 7, 17, 18); got != want.lines {
			t.Errorf("%s: %s, want %s", name, got, want.lines)
		}
		runs, _ := book.Dividends(0, 1, want.m)
		if d := runs[0]; d.Paid != lt.Yuan(want.paid) || d.PaidCount != want.count || d.Owed != d.Declared-d.Paid {
			t.Errorf("%s: paid %v to %d, owed %v", name, d.Paid, d.PaidCount, d.Owed)
		}
	}
	runs, _ := book.Dividends(0, 1, Moment{})
	if r := runs[0].Returns; len(r) != 2 || r[0].Voucher.String() != back || r[0].Amount != lt.Yuan("85.44") || r[0].On != 20210723 || r[0].Reversed || !r[1].Reversed {
		t.Errorf("returns: %+v", r)
	}
	if runs, _ := book.Dividends(0, 1, Moment{AsKnownAt: paid}); len(runs[0].Returns) != 0 {
		t.Error("a return was seen before it was recorded")
	}
	var states []string
	for _, on := range []ledger.Day{20210720, 20210809, 20210810} {
		holds, next := book.Holds(on, 0, 0, Moment{AsKnownAt: again})
		states = append(states, fmt.Sprintf("%d %d %s %s %d %d", len(holds), next, holds[0].State, holds[1].State, holds[0].Payee, book.Collective(on, Moment{AsKnownAt: again}).Holds))
	}
	if got := strings.Join(states, "; "); got != "2 0 active active 17 2; 2 0 active active 17 2; 2 0 expired active 17 1" {
		t.Errorf("holds: %s", got)
	}
	holds, _ := book.Holds(20210720, 1, 1, Moment{})
	if h := holds[0]; h.Number != 2 || h.State != HoldReleased || !h.EndedAt.Equal(lt.Noon("2021-08-01")) || !h.HeldAt.Equal(lt.Noon("2021-07-19")) || h.HeldBy != lt.Approver {
		t.Errorf("the second hold: %+v", h)
	}
}

func TestSharesAndMembersAtEveryMoment(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	b.Resolve("2021-07-05", "shares", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	set := func(effective ledger.Day, members []uint32, shares ...uint64) uint64 {
		t.Helper()
		b.Do("2021-07-05", lt.Treasurer, &ledger.SetShares{Effective: effective, Members: members, Shares: shares, Resolution: "shares"})
		return b.State.Version()
	}
	set(20210701, []uint32{2, 1}, 5, 9)
	set(20210701, []uint32{1}, 3) // of one day the last one counts
	first := set(20210710, []uint32{1}, 4)
	later := set(20210705, []uint32{1, 3}, 0, 7) // known later, for days before
	b.Do("2021-07-12", lt.Treasurer, &ledger.DepartMembers{Left: 20210711, Members: []uint32{2}})
	gone := b.State.Version()
	b.Do("2021-07-13", lt.Treasurer, &ledger.ReadmitMembers{Members: []uint32{2}})
	book := fold(t, b.Events)
	for _, c := range []struct {
		on      ledger.Day
		m       Moment
		want    string
		members int
	}{
		{20210630, Moment{}, "[] 0", 3211},
		{20210704, Moment{}, "[{2 5 2021-07-01} {1 3 2021-07-01}] 8", 3211},
		{20210706, Moment{AsKnownAt: first}, "[{2 5 2021-07-01} {1 3 2021-07-01}] 8", 3211},
		{20210706, Moment{AsKnownAt: later}, "[{2 5 2021-07-01} {3 7 2021-07-05}] 12", 3211},
		{20210712, Moment{AsKnownAt: gone}, "[{1 4 2021-07-10} {3 7 2021-07-05}] 11", 3210},
		{20210711, Moment{AsKnownAt: gone}, "[{2 5 2021-07-01} {1 4 2021-07-10} {3 7 2021-07-05}] 16", 3211},
		{20210712, Moment{}, "[{2 5 2021-07-01} {1 4 2021-07-10} {3 7 2021-07-05}] 16", 3211},
	} {
		list, _ := book.Shares(c.on, 0, 0, c.m)
		of := book.Collective(c.on, c.m)
		if got := fmt.Sprint(list, " ", of.Shares); got != c.want || of.Members != c.members {
			t.Errorf("on %v: %s and %d members, want %s", c.on, got, of.Members, c.want)
		}
	}
	if page, next := book.Shares(20210712, 1, 1, Moment{}); len(page) != 1 || page[0].Member != 1 || next != 2 {
		t.Errorf("the second page: %v, %d", page, next)
	}
}

func TestDividendByShareShowsSharesAndSupplements(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	b.Resolve("2021-07-05", "shares", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	set := func(members []uint32, shares ...uint64) {
		b.Do("2021-07-20", lt.Treasurer, &ledger.SetShares{Effective: 20210701, Members: members, Shares: shares, Resolution: "shares"})
	}
	declare := func(c *ledger.RequestDividend) {
		t.Helper()
		c.Fund, c.RecordDate, c.Resolution, c.Basis = "dividend", 20210720, "dividend-2021", eventv1.DividendBasis_DIVIDEND_BASIS_SHARE
		b.Do("2021-07-20", lt.Treasurer, c)
		b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
		b.Do("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: 20210720})
	}
	set([]uint32{1, 2}, 3, 4)
	declare(&ledger.RequestDividend{Run: "2021", Pool: lt.Yuan("100.00")})
	set([]uint32{9}, 2)
	declare(&ledger.RequestDividend{Run: "late", Pool: lt.Yuan("28.56"), Supplements: "2021"})
	book := fold(t, b.Events)
	runs, _ := book.Dividends(0, 2, Moment{})
	if runs[0].Shares != 7 || runs[1].Shares != 2 || runs[1].Supplements != "2021" || runs[1].Declared != lt.Yuan("28.56") {
		t.Errorf("runs: %+v", runs)
	}
	first, _, _ := book.Entitlements("2021", 20210720, 0, 0, Moment{})
	late, _, _ := book.Entitlements("late", 20210720, 0, 0, Moment{})
	if got := fmt.Sprint(first, late); got != "[{1 42.84 owed 0 0 3} {2 57.12 owed 0 0 4}] [{9 28.56 owed 0 0 2}]" {
		t.Errorf("lines: %s", got)
	}
}

// TestDigestCoversPayouts: two histories that differ in one hold, return, share or readmission have different digests.
func TestDigestCoversPayouts(t *testing.T) {
	seen := map[[32]byte]string{}
	for name, give := range map[string]func(b *lt.Books){
		"nothing": func(b *lt.Books) { b.Do("2021-07-21", lt.Approver, &ledger.HoldPayee{Payee: 19, Kind: 1}) },
		"a hold":  func(b *lt.Books) { b.Do("2021-07-21", lt.Approver, &ledger.HoldPayee{Payee: 20, Kind: 1}) },
		"release": func(b *lt.Books) { b.Do("2021-07-21", lt.Approver, &ledger.ReleaseHold{Hold: 1}) },
		"another": func(b *lt.Books) { b.Do("2021-07-21", lt.Approver, &ledger.ReleaseHold{Hold: 2}) },
		"exit": func(b *lt.Books) {
			b.Do("2021-07-21", lt.Treasurer, &ledger.DepartMembers{Left: 20210721, Members: []uint32{9}})
		},
		"exit before": func(b *lt.Books) {
			b.Do("2021-07-21", lt.Treasurer, &ledger.DepartMembers{Left: 20210720, Members: []uint32{9}})
		},
		"two shares": func(b *lt.Books) {
			b.Resolve("2021-07-21", "shares", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
			b.Do("2021-07-21", lt.Treasurer, &ledger.SetShares{Effective: 20210701, Members: []uint32{1}, Shares: []uint64{2}, Resolution: "shares"})
		},
		"back": func(b *lt.Books) {
			b.Do("2021-07-21", lt.Treasurer, &ledger.DepartMembers{Left: 20210721, Members: []uint32{9}})
			b.Do("2021-07-21", lt.Treasurer, &ledger.ReadmitMembers{Members: []uint32{9}})
		},
		"shares": func(b *lt.Books) {
			b.Resolve("2021-07-21", "shares", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
			b.Do("2021-07-21", lt.Treasurer, &ledger.SetShares{Effective: 20210701, Members: []uint32{1}, Shares: []uint64{1}, Resolution: "shares"})
		},
	} {
		b := payoutBooks(t)
		give(b)
		digest := fold(t, b.Events).Digest()
		if other, ok := seen[digest]; ok {
			t.Errorf("%s gives the digest of %s", name, other)
		}
		seen[digest] = name
	}
}

func TestPayoutFactsOutOfPlace(t *testing.T) {
	b := payoutBooks(t)
	voucher := &eventv1.Voucher{Ref: ledger.VoucherRef{Class: ledger.Receipt, Year: 2021, Number: 2}.Proto(), OccurredOn: 20210720, DividendRunId: "2021",
		Postings: []*eventv1.Posting{{Account: "money/bank", AmountFen: 4272}, {Account: "payable/dividend", AmountFen: -4272}}}
	turned := &eventv1.Voucher{Ref: voucher.Ref, OccurredOn: 20210720, DividendRunId: "2021", Reverses: ledger.VoucherRef{Class: ledger.Receipt, Year: 2021, Number: 1}.Proto(),
		Postings: voucher.Postings}
	for name, e := range map[string]*eventv1.Event{
		"hold out of turn":      {Fact: &eventv1.Event_PayeeHeld{PayeeHeld: &eventv1.PayeeHeld{Number: 4}}},
		"release of no hold":    {Fact: &eventv1.Event_PayeeReleased{PayeeReleased: &eventv1.PayeeReleased{Number: 3}}},
		"readmitted stranger":   {Fact: &eventv1.Event_MembersReadmitted{MembersReadmitted: &eventv1.MembersReadmitted{Members: []uint32{9999}}}},
		"shares of a stranger":  {Fact: &eventv1.Event_SharesSet{SharesSet: &eventv1.SharesSet{Members: []uint32{9999}, Shares: []uint64{1}}}},
		"shares uneven":         {Fact: &eventv1.Event_SharesSet{SharesSet: &eventv1.SharesSet{Members: []uint32{1}}}},
		"return of nothing":     {Fact: &eventv1.Event_DividendReturned{DividendReturned: &eventv1.DividendReturned{RunId: "2021", Payees: []uint32{1}}}, Vouchers: []*eventv1.Voucher{voucher}},
		"return of no run":      {Fact: &eventv1.Event_DividendReturned{DividendReturned: &eventv1.DividendReturned{RunId: "2020", Payees: []uint32{1}}}, Vouchers: []*eventv1.Voucher{voucher}},
		"turned return unknown": {Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}, Vouchers: []*eventv1.Voucher{turned}},
	} {
		book := fold(t, b.Events)
		digest := book.Digest()
		e.Version = book.Version() + 1
		if err := book.Fold(e); err == nil || book.Digest() != digest {
			t.Errorf("%s is folded: %v", name, err)
		}
	}
}
