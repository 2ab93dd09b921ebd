package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// This file has a test for each rule about who gets a dividend or grant and when: shares, supplements, holds, returns.

const (
	byShare = eventv1.DividendBasis_DIVIDEND_BASIS_SHARE
	byHouse = eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD
	exactly = eventv1.DividendMethod_DIVIDEND_METHOD_EXACT
)

// declares asks for a dividend under a resolution of its own, reviews and declares it, all on one day.
func declares(t *testing.T, b *lt.Books, date string, c *ledger.RequestDividend) []*eventv1.Event {
	t.Helper()
	c.Resolution = "for-" + c.Run
	b.Resolve(date, c.Resolution, eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", c.Pool.String())
	b.Do(date, lt.Treasurer, c)
	b.Do(date, lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	return b.Do(date, lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day(date)})
}

// entitlements are the lines of a declaration by payee, and its fact.
func entitlements(events []*eventv1.Event) (lines map[uint32]ledger.Fen, declared *eventv1.DividendDeclared) {
	lines = map[uint32]ledger.Fen{}
	for _, e := range events {
		for i, p := range e.GetEntitlementsListed().GetPayees() {
			lines[p] = ledger.Fen(e.GetEntitlementsListed().AmountsFen[i])
		}
	}
	return lines, events[len(events)-1].GetDividendDeclared()
}

func run2021(pool string, change func(*ledger.RequestDividend)) *ledger.RequestDividend {
	c := &ledger.RequestDividend{Run: "2021", Fund: "dividend", Pool: lt.Yuan(pool), RecordDate: lt.Day("2021-07-20")}
	change(c)
	return c
}

// shareholders is the demonstration before row 5 with a charter resolution that sets shares.
func shareholders(t *testing.T, effective string, shares ...uint64) *lt.Books {
	t.Helper()
	b := lt.Demo(t, "2021-07-05")
	b.Resolve("2021-07-05", "shares", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Do("2021-07-05", lt.Treasurer, setShares(effective, shares...))
	return b
}

// setShares gives members 1, 2, 3 … these shares.
func setShares(effective string, shares ...uint64) *ledger.SetShares {
	c := &ledger.SetShares{Effective: lt.Day(effective), Shares: shares, Resolution: "shares"}
	for i := range shares {
		c.Members = append(c.Members, uint32(i)+1)
	}
	return c
}

// TestSharesByDay: a record date sees the shares in force then, whatever was set for later days, in whatever order.
func TestSharesByDay(t *testing.T) {
	for _, c := range []struct{ record, want string }{
		{"2021-07-20", "[1 50.00 2 50.00] 2 50.00"}, // before the first change: 1 and 1
		{"2021-07-21", "[1 75.00 2 25.00] 4 25.00"}, // 3 and 1
		{"2021-07-22", "[1 75.00 2 25.00] 4 25.00"}, // the same, the day after
		{"2021-07-23", "[2 50.00 3 50.00] 2 50.00"}, // 1 gave up
		{"2021-07-04", "roster_empty"},              // before anybody had shares
		{"2021-07-05", "[1 50.00 2 50.00] 2 50.00"}, // the first day itself
	} {
		b := shareholders(t, "2021-07-23", 0, 1, 1)
		b.Do("2021-07-06", lt.Treasurer, setShares("2021-07-05", 1, 1))
		b.Do("2021-07-06", lt.Treasurer, setShares("2021-07-21", 2, 1))
		b.Do("2021-07-07", lt.Treasurer, setShares("2021-07-21", 3)) // of one day the last one counts
		ask := run2021("100.00", func(r *ledger.RequestDividend) { r.Basis, r.RecordDate = byShare, lt.Day(c.record) })
		if c.want == "roster_empty" {
			ask.Resolution = "dividend-2021"
			b.Refuse("2021-07-25", lt.Treasurer, ask, ledger.RosterEmpty, "date="+c.record)
			continue
		}
		lines, f := entitlements(declares(t, b, "2021-07-25", ask))
		var list []string
		for p := range uint32(3) {
			if lines[p+1] != 0 {
				list = append(list, fmt.Sprint(p+1, " ", lines[p+1]))
			}
		}
		if got := fmt.Sprintf("[%s] %d %v", strings.Join(list, " "), f.Shares, ledger.Fen(f.RateFen)); got != c.want {
			t.Errorf("on %s the dividend is %s, want %s", c.record, got, c.want)
		}
	}
}

// TestDividendByShares deals 100.00 over 1, 2 and 4 shares: equal 14.28 a share with 0.04 left; exact by the largest fraction;
// and the largest numbers there can be, without losing a fen.
func TestDividendByShares(t *testing.T) {
	b := shareholders(t, "2021-07-01", 1, 2, 4)
	ask := func(run, pool string, method eventv1.DividendMethod) (map[uint32]ledger.Fen, *eventv1.DividendDeclared) {
		t.Helper()
		return entitlements(declares(t, b, "2021-07-20", run2021(pool, func(r *ledger.RequestDividend) { r.Run, r.Basis, r.Method = run, byShare, method })))
	}
	lines, f := ask("equal", "100.00", 0)
	if lines[1] != 1428 || lines[2] != 2856 || lines[3] != 5712 || len(lines) != 3 || f.RateFen != 1428 || f.RemainderFen != 4 || f.Shares != 7 || f.Payees != 3 || f.LastTaker != 0 {
		t.Errorf("equal: %v, %v", lines, f)
	}
	// 10,000 / 7 = 1428 4/7, 2857 1/7, 5714 2/7: one fen is left, to the first.
	lines, f = ask("exact", "100.00", exactly)
	if lines[1] != 1429 || lines[2] != 2857 || lines[3] != 5714 || f.RateFen != 1428 || f.RemainderFen != 0 || f.LastTaker != 1 {
		t.Errorf("exact: %v, %v", lines, f)
	}
	expect(t, b, "2021-07-20", "payable/dividend", "199.96", "fund/dividend", "137,000.04")
	b.Refuse("2021-07-20", lt.Treasurer, run2021("0.06", func(r *ledger.RequestDividend) { r.Run, r.Basis, r.Resolution = "small", byShare, "dividend-2021" }),
		ledger.PoolTooSmall, "pool=0.06", "payees=7")
}

// TestLargeShares: a thousand million shares each and a pool of ten fen short of them are dealt in 128 bits.
func TestLargeShares(t *testing.T) {
	b := shareholders(t, "2021-07-01", 1_000_000_000, 999_999_999)
	b.Refuse("2021-07-05", lt.Treasurer, setShares("2021-07-01", 1_000_000_001), ledger.FieldInvalid)
	b.Refuse("2021-07-20", lt.Treasurer, run2021("19,999,999.98", func(r *ledger.RequestDividend) { r.Basis, r.Resolution = byShare, "dividend-2021" }), ledger.PoolTooSmall, "payees=1999999999")
	b.Do("2021-07-20", lt.Treasurer, &ledger.ReceiveGift{Fund: "dividend", Amount: lt.Yuan("9,000,000,000.00"), On: lt.Day("2021-07-20"), Money: "bank"})
	// 9 × 10^11 × 10^9 / 1,999,999,999 = 450,000,000,225 + 225,000,225/1,999,999,999, the other 449,999,999,774 and the rest.
	lines, f := entitlements(declares(t, b, "2021-07-20", run2021("9,000,000,000.00", func(r *ledger.RequestDividend) { r.Basis, r.Method = byShare, exactly })))
	if lines[1] != 450_000_000_225 || lines[2] != 449_999_999_775 || f.RateFen != 450 || f.LastTaker != 2 {
		t.Errorf("%v, %v", lines, f)
	}
}

// TestSetSharesForm: known members once, one number each, by a passed and confirmed resolution about the charter that did
// nothing else.
func TestSetSharesForm(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	set := setShares("2021-07-01", 5, 5)
	refuse := func(reason ledger.Reason, change func(*ledger.SetShares)) {
		t.Helper()
		c := *set
		c.Members, c.Shares = slices.Clone(set.Members), slices.Clone(set.Shares)
		change(&c)
		b.Refuse("2021-07-05", lt.Treasurer, &c, reason)
	}
	refuse(ledger.ResolutionUnknown, func(*ledger.SetShares) {})
	b.Do("2021-07-05", lt.Approver, lt.Resolution("2021-07-05", "shares", eventv1.Matter_MATTER_CHARTER, "household_heads", "", ""))
	refuse(ledger.ResolutionUnconfirmed, func(*ledger.SetShares) {})
	b.Do("2021-07-05", lt.Supervisor, &ledger.ConfirmResolution{ID: "shares"})
	refuse(ledger.ResolutionNeeded, func(c *ledger.SetShares) { c.Resolution = "" })
	refuse(ledger.ResolutionOther, func(c *ledger.SetShares) { c.Resolution = "policy-v1" })
	refuse(ledger.DateInvalid, func(c *ledger.SetShares) { c.Effective = 20210631 })
	refuse(ledger.MemberUnknown, func(c *ledger.SetShares) { c.Members[1] = 9999 })
	refuse(ledger.RepeatedEntry, func(c *ledger.SetShares) { c.Members[1] = 1 })
	refuse(ledger.FieldInvalid, func(c *ledger.SetShares) { c.Shares = c.Shares[:1] })
	refuse(ledger.TooMany, func(c *ledger.SetShares) { c.Members = make([]uint32, 2001) })
	refuse(ledger.TooMany, func(c *ledger.SetShares) { c.Members, c.Shares = nil, nil })
	b.Refuse("2021-07-05", lt.Approver, set, ledger.RoleMissing)
	b.Do("2021-07-05", lt.Treasurer, set)
	b.Do("2021-07-05", lt.Treasurer, &ledger.SetShares{Effective: lt.Day("2021-07-01"), Members: []uint32{3}, Shares: []uint64{5}, Resolution: "shares"}) // the list goes on
	b.Refuse("2021-07-05", lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: "education", Name: "教育基金"}, Resolution: "shares"}, ledger.AlreadyDone)
	b.Resolve("2021-07-05", "fund", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Do("2021-07-05", lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: "education", Name: "教育基金"}, Resolution: "fund"})
	refuse(ledger.AlreadyDone, func(c *ledger.SetShares) { c.Resolution = "fund" })
}

// TestDeclaredSharesStay: the shares a declared dividend was dealt by are not changed afterwards; later days, other members and
// dividends turned back are free.
func TestDeclaredSharesStay(t *testing.T) {
	b := shareholders(t, "2021-07-01", 1, 2, 4)
	declares(t, b, "2021-07-21", run2021("100.00", func(r *ledger.RequestDividend) { r.Basis = byShare }))
	b.Refuse("2021-07-22", lt.Treasurer, setShares("2021-07-20", 1, 3), ledger.SharesDeclared, "member=2", "run=2021", "date=2021-07-20", "shares=2")
	b.Refuse("2021-07-22", lt.Treasurer, setShares("2021-07-20", 1, 2, 3), ledger.SharesDeclared, "member=3", "shares=4")
	b.Do("2021-07-22", lt.Treasurer, setShares("2021-01-01", 9))    // what was set for July stands
	b.Do("2021-07-22", lt.Treasurer, setShares("2021-07-20", 1, 2)) // says what was
	b.Do("2021-07-22", lt.Treasurer, setShares("2021-07-21", 7, 7))
	b.Do("2021-07-22", lt.Treasurer, &ledger.SetShares{Effective: lt.Day("2021-07-01"), Members: []uint32{4}, Shares: []uint64{1}, Resolution: "shares"})
	book(t, b, "2021-07-22", reverses("转2021-2"))
	b.Do("2021-07-22", lt.Treasurer, setShares("2021-07-20", 1, 3))
}

// TestRosterChangedShares: a declaration is refused when shares or members changed since it was asked for, even when their
// number and the rate are the same.
func TestRosterChangedShares(t *testing.T) {
	ask := func(b *lt.Books, basis eventv1.DividendBasis) uint32 {
		b.Do("2021-07-20", lt.Treasurer, newDividend(func(c *ledger.RequestDividend) { c.Basis, c.RecordDate = basis, lt.Day("2021-07-19") }))
		b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
		return b.Last()
	}
	declare := func(n uint32) *ledger.DeclareDividend {
		return &ledger.DeclareDividend{Number: n, On: lt.Day("2021-07-20")}
	}
	b := shareholders(t, "2021-07-01", 1, 2, 4)
	n := ask(b, byShare)
	b.Do("2021-07-20", lt.Treasurer, setShares("2021-07-20", 2, 1)) // the day after the record date: nothing to it
	b.Do("2021-07-20", lt.Treasurer, setShares("2021-07-10", 2, 1)) // the same sum, dealt otherwise
	b.Refuse("2021-07-20", lt.Approver, declare(n), ledger.RosterChanged, "asked=3", "now=3")
	b.Do("2021-07-20", lt.Treasurer, setShares("2021-07-10", 1, 2))
	b.Do("2021-07-20", lt.Approver, declare(n))

	b = lt.Demo(t, "2021-07-05")
	n = ask(b, 0)
	b.Do("2021-07-20", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2021-07-18"), Members: []uint32{17}})
	b.Do("2021-07-20", lt.Treasurer, &ledger.EnrolMembers{Group: "late", Joined: lt.Day("2021-07-01"), Members: []uint32{9001}, Households: []uint32{9001}})
	b.Refuse("2021-07-20", lt.Approver, declare(n), ledger.RosterChanged, "asked=3211", "now=3211")
}

// TestReadmit: a departure by mistake is taken back as if it had never been; only departures are.
func TestReadmit(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	readmit := func(members ...uint32) *ledger.ReadmitMembers { return &ledger.ReadmitMembers{Members: members} }
	b.Refuse("2021-07-05", lt.Treasurer, readmit(17), ledger.FieldInvalid)
	b.Do("2021-07-05", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2021-07-01"), Members: []uint32{17, 18}})
	if members, _ := b.State.Members(lt.Day("2021-07-02")); members != 3209 {
		t.Errorf("%d members are left", members)
	}
	b.Refuse("2021-07-05", lt.Treasurer, readmit(17, 17), ledger.RepeatedEntry)
	b.Refuse("2021-07-05", lt.Treasurer, readmit(9999), ledger.MemberUnknown)
	b.Refuse("2021-07-05", lt.Treasurer, readmit(), ledger.TooMany)
	b.Do("2021-07-05", lt.Treasurer, readmit(18, 17))
	if members, households := b.State.Members(lt.Day("2021-07-02")); members != 3211 || households != 665 {
		t.Errorf("%d members in %d households after readmission", members, households)
	}
	b.Do("2021-07-06", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2021-07-06"), Members: []uint32{17}}) // and may leave again
}

// TestLastTaker: the next exact dividend goes on after the last taker of the newest one that stands.
func TestLastTaker(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	declare := func(run, pool string) uint32 {
		t.Helper()
		_, f := entitlements(declares(t, b, "2021-07-20", run2021(pool, func(r *ledger.RequestDividend) { r.Run, r.Method = run, exactly })))
		return f.LastTaker
	}
	turn := func(ref string) { t.Helper(); book(t, b, "2021-07-20", reverses(ref)) }
	steps := []struct {
		got  uint32
		want uint32
	}{{declare("a0", "32.21"), 10}, {declare("b0", "32.31"), 30}} // 10 and 20 fen over 3,211
	turn("转2021-3") // b0: back to a0's
	steps = append(steps, struct{ got, want uint32 }{declare("c0", "32.16"), 15})
	turn("转2021-2") // a0, not the newest: c0 stands
	steps = append(steps, struct{ got, want uint32 }{declare("d0", "32.12"), 16})
	turn("转2021-" + fmt.Sprint(7)) // d0
	turn("转2021-" + fmt.Sprint(5)) // c0: nothing stands
	steps = append(steps, struct{ got, want uint32 }{declare("e0", "32.13"), 2})
	for i, s := range steps {
		if s.got != s.want {
			t.Errorf("dividend %d ends with %d, want %d", i, s.got, s.want)
		}
	}
}

// TestSupplement: whoever a dividend left out gets the same rate by a run of its own.
func TestSupplement(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-20", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2021-07-10"), Members: []uint32{17, 18, 19}}) // by mistake
	_, first := entitlements(declares(t, b, "2021-07-20", run2021("137,200.00", func(r *ledger.RequestDividend) { r.Method = exactly })))
	b.Do("2021-07-21", lt.Treasurer, &ledger.ReadmitMembers{Members: []uint32{17, 18, 19}})
	b.Do("2021-07-21", lt.Treasurer, &ledger.EnrolMembers{Group: "late", Joined: lt.Day("2021-07-21"), Members: []uint32{9001}, Households: []uint32{9001}}) // after the record date
	b.Do("2021-07-21", lt.Treasurer, &ledger.ReceiveGift{Fund: "dividend", Amount: lt.Yuan("1,000.00"), On: lt.Day("2021-07-21"), Money: "bank"})
	if ledger.Fen(first.RateFen) != lt.Yuan("42.76") || first.Payees != 3208 {
		t.Fatalf("the first run: %v", first)
	}
	b.Resolve("2021-07-22", "late", eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", "128.28")
	supplement := func(change func(*ledger.RequestDividend)) *ledger.RequestDividend {
		return run2021("85.52", func(r *ledger.RequestDividend) {
			r.Run, r.Supplements, r.Only, r.Resolution = "2021-late", "2021", []uint32{18, 17}, "late"
			change(r)
		})
	}
	for i, c := range []struct {
		change  func(*ledger.RequestDividend)
		reason  ledger.Reason
		figures []string
	}{
		{func(r *ledger.RequestDividend) { r.Supplements = "" }, ledger.FieldInvalid, nil},
		{func(r *ledger.RequestDividend) { r.Supplements = "2019" }, ledger.RunUnknown, []string{"run=2019"}},
		{func(r *ledger.RequestDividend) { r.Fund = "reserve" }, ledger.FieldInvalid, nil},
		{func(r *ledger.RequestDividend) { r.Basis = byHouse }, ledger.FieldInvalid, nil},
		{func(r *ledger.RequestDividend) { r.Method = exactly }, ledger.FieldInvalid, nil},
		{func(r *ledger.RequestDividend) { r.RecordDate-- }, ledger.FieldInvalid, nil},
		{func(r *ledger.RequestDividend) { r.Only = []uint32{17, 17} }, ledger.RepeatedEntry, []string{"entry=17"}},
		{func(r *ledger.RequestDividend) { r.Only = make([]uint32, 1001) }, ledger.TooMany, nil},
		{func(r *ledger.RequestDividend) { r.Only = []uint32{17, 20} }, ledger.PayeeHasShare, []string{"payee=20", "run=2021"}},
		{func(r *ledger.RequestDividend) { r.Only = []uint32{17, 9001} }, ledger.PayeeUnknown, []string{"payee=9001", "date=2021-07-20"}},
		{func(r *ledger.RequestDividend) { r.Pool = lt.Yuan("85.53") }, ledger.SupplementPool, []string{"shares=2", "rate=42.76", "due=85.52", "pool=85.53"}},
		{func(r *ledger.RequestDividend) { r.Only = nil }, ledger.SupplementPool, []string{"shares=3", "due=128.28"}},
		{func(r *ledger.RequestDividend) { r.Resolution = "" }, ledger.ResolutionNeeded, nil},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			b.Refuse("2021-07-22", lt.Treasurer, supplement(c.change), c.reason, c.figures...)
		})
	}
	b.Do("2021-07-22", lt.Treasurer, supplement(func(*ledger.RequestDividend) {}))
	n := b.Last()
	b.Do("2021-07-22", lt.Treasurer, supplement(func(r *ledger.RequestDividend) {
		r.Run, r.Only, r.Pool = "2021-too-late", []uint32{18}, lt.Yuan("42.76")
	}))
	again := b.Last()
	b.Do("2021-07-22", lt.Supervisor, &ledger.ReviewRequest{Number: n})
	lines, f := entitlements(b.Do("2021-07-22", lt.Approver, &ledger.DeclareDividend{Number: n, On: lt.Day("2021-07-22")}))
	if fmt.Sprint(lines) != "map[17:42.76 18:42.76]" || f.Supplements != "2021" || f.RemainderFen != 0 || f.LastTaker != 0 {
		t.Errorf("the supplement pays %v, %v", lines, f)
	}
	expect(t, b, "2021-07-22", "payable/dividend", "137,285.52", "fund/dividend", "914.48")
	b.Do("2021-07-22", lt.Supervisor, &ledger.ReviewRequest{Number: again})
	b.Refuse("2021-07-22", lt.Approver, &ledger.DeclareDividend{Number: again, On: lt.Day("2021-07-22")}, ledger.RosterChanged, "asked=1", "now=0")
	b.Do("2021-07-22", lt.Treasurer, &ledger.WithdrawRequest{Number: again})
	b.Refuse("2021-07-22", lt.Treasurer, supplement(func(r *ledger.RequestDividend) { r.Run = "x1" }), ledger.PayeeHasShare, "payee=17")
	b.Refuse("2021-07-22", lt.Treasurer, supplement(func(r *ledger.RequestDividend) { r.Run, r.Supplements = "x1", "2021-late" }), ledger.FieldInvalid)
	// Everybody who is still left out: number 19 alone.
	b.Do("2021-07-22", lt.Treasurer, supplement(func(r *ledger.RequestDividend) { r.Run, r.Only, r.Pool = "2021-last", nil, lt.Yuan("42.76") }))
	b.Do("2021-07-22", lt.Treasurer, &ledger.WithdrawRequest{Number: b.Last()})
	b.Refuse("2021-07-22", lt.Treasurer, reverses("转2021-2"), ledger.VoucherNotReversible)
	b.Do("2021-07-22", lt.Treasurer, &ledger.SendDividendFile{Run: "2021-late", Money: "bank"})
	b.Do("2021-07-22", lt.Treasurer, &ledger.RecordDividendResults{Run: "2021-late", File: 1, On: lt.Day("2021-07-22"), Failed: []uint32{18}})
	expect(t, b, "2021-07-22", "payable/dividend", "137,242.76")
}

// TestSupplementTurnedBack: a supplement turned back leaves its payees out again, and then its run can be turned back too.
func TestSupplementTurnedBack(t *testing.T) {
	b := shareholders(t, "2021-07-01", 1, 2, 4)
	declares(t, b, "2021-07-20", run2021("100.00", func(r *ledger.RequestDividend) { r.Basis = byShare }))
	b.Do("2021-07-21", lt.Treasurer, &ledger.SetShares{Effective: lt.Day("2021-07-01"), Members: []uint32{9}, Shares: []uint64{3}, Resolution: "shares"}) // was forgotten
	late := func(run string) *ledger.RequestDividend {
		return run2021("42.84", func(r *ledger.RequestDividend) { r.Run, r.Supplements = run, "2021" })
	}
	lines, f := entitlements(declares(t, b, "2021-07-21", late("late")))
	if fmt.Sprint(lines) != "map[9:42.84]" || f.Shares != 3 || f.Basis != byShare {
		t.Errorf("%v, %v", lines, f)
	}
	b.Refuse("2021-07-21", lt.Treasurer, reverses("转2021-2"), ledger.VoucherNotReversible)
	book(t, b, "2021-07-21", reverses("转2021-3"))
	declares(t, b, "2021-07-21", late("later"))
	book(t, b, "2021-07-21", reverses("转2021-5"))
	book(t, b, "2021-07-21", reverses("转2021-2"))
	expect(t, b, "2021-07-21", "payable/dividend", "0.00", "fund/dividend", "137,200.00")
	late2 := late("latest")
	late2.Resolution = "dividend-2021"
	b.Refuse("2021-07-21", lt.Treasurer, late2, ledger.RunUnknown, "run=2021")
}

// hold holds a member for a reason that needs no resolution.
func hold(payee uint32, change func(*ledger.HoldPayee)) *ledger.HoldPayee {
	c := &ledger.HoldPayee{Payee: payee, Kind: eventv1.HoldKind_HOLD_KIND_ESTATE, Reason: "继承未定"}
	change(c)
	return c
}

// row5 declares row 5 with members 17 and 18 held.
func row5(t *testing.T) *lt.Books {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-19", lt.Approver, hold(17, func(*ledger.HoldPayee) {}))
	b.Do("2021-07-19", lt.Supervisor, hold(18, func(c *ledger.HoldPayee) {
		c.Kind, c.Benefit = eventv1.HoldKind_HOLD_KIND_NO_ACCOUNT, eventv1.Benefit_BENEFIT_DIVIDEND
	}))
	declares(t, b, "2021-07-20", run2021("137,200.00", func(*ledger.RequestDividend) {}))
	return b
}

func sends(payees ...uint32) *ledger.SendDividendFile {
	return &ledger.SendDividendFile{Run: "2021", Money: "bank", Payees: payees}
}

func results(file uint32, on string, failed ...uint32) *ledger.RecordDividendResults {
	return &ledger.RecordDividendResults{Run: "2021", File: file, On: lt.Day(on), Failed: failed}
}

func returned(on string, payees ...uint32) *ledger.RecordReturnedDividend {
	return &ledger.RecordReturnedDividend{Run: "2021", Payees: payees, On: lt.Day(on), Money: "bank"}
}

// TestRow5WithHolds: two members held keep their place and their money; files go slice by slice; three payments come back, are
// sent again, and one hold is released. D is 26.08 throughout.
func TestRow5WithHolds(t *testing.T) {
	b := row5(t)
	stands := func(day, payable, bank string) {
		t.Helper()
		expect(t, b, day, "fund/dividend", "26.08", "payable/dividend", payable, "money/bank", bank)
	}
	stands("2021-07-20", "137,173.92", "189,600.00")
	b.Refuse("2021-07-20", lt.Treasurer, sends(16, 18, 17), ledger.PayeesHeld, "payees=17, 18", "count=2")
	for file, want := range []struct {
		first, last uint32
		count       int
		payable     string
		bank        string
	}{
		{1, 1000, 998, "94,539.36", "146,965.44"}, {1001, 2000, 1000, "51,819.36", "104,245.44"},
		{2001, 3000, 1000, "9,099.36", "61,525.44"}, {3001, 3211, 211, "85.44", "52,511.52"},
	} {
		f := b.Do("2021-07-20", lt.Treasurer, sends())[0].GetDividendFileSent()
		if n := len(f.Payees); f.Payees[0] != want.first || f.Payees[n-1] != want.last || n != want.count {
			t.Errorf("file %d has %d payees from %d to %d", file+1, n, f.Payees[0], f.Payees[n-1])
		}
		b.Do("2021-07-20", lt.Treasurer, results(uint32(file)+1, "2021-07-20"))
		stands("2021-07-20", want.payable, want.bank)
	}
	b.Refuse("2021-07-20", lt.Treasurer, sends(), ledger.PayeesHeld, "payees=17, 18")
	b.Refuse("2021-07-23", lt.Treasurer, returned("2021-07-23", 17), ledger.PayeeNotPaid, "payee=17", "run=2021")
	back := b.Do("2021-07-23", lt.Treasurer, returned("2021-07-23", 2500, 5, 1500))
	if got := lt.Refs(back); got != "收2021-2" || fmt.Sprint(back[0].GetDividendReturned().Payees) != "[5 1500 2500]" || back[0].Vouchers[0].Narration != "分红 2021 退回" {
		t.Errorf("returned by %s: %v", got, back[0])
	}
	stands("2021-07-23", "213.60", "52,639.68")
	if f := b.Do("2021-07-28", lt.Treasurer, sends())[0].GetDividendFileSent(); fmt.Sprint(f.Payees) != "[5 1500 2500]" {
		t.Errorf("sent again: %v", f.Payees)
	}
	b.Refuse("2021-07-28", lt.Treasurer, results(5, "2021-07-22"), ledger.DateBeforeOriginal, "voucher=收2021-2", "original=2021-07-23")
	b.Do("2021-07-28", lt.Treasurer, results(5, "2021-07-28"))
	stands("2021-07-28", "85.44", "52,511.52")
	b.Do("2021-08-10", lt.Supervisor, &ledger.ReleaseHold{Hold: 1})
	if f := b.Do("2021-08-10", lt.Treasurer, sends())[0].GetDividendFileSent(); fmt.Sprint(f.Payees) != "[17]" {
		t.Errorf("released: %v", f.Payees)
	}
	b.Do("2021-08-10", lt.Treasurer, results(6, "2021-08-10"))
	stands("2021-08-10", "42.72", "52,468.80")
	stands("2021-07-27", "213.60", "52,639.68") // and the days before are what they were
}

// TestHoldsAtTheEdges: who stands at the end of a slice, or all of it, is held without moving anybody else.
func TestHoldsAtTheEdges(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	for p := uint32(1000); p <= 2000; p++ {
		b.Do("2021-07-19", lt.Approver, hold(p, func(*ledger.HoldPayee) {}))
	}
	declares(t, b, "2021-07-20", run2021("137,200.00", func(*ledger.RequestDividend) {}))
	var got []string
	for range 3 {
		f := b.Do("2021-07-20", lt.Treasurer, sends())[0].GetDividendFileSent()
		got = append(got, fmt.Sprint(f.Payees[0], "-", f.Payees[len(f.Payees)-1], " ", len(f.Payees)))
	}
	if want := "[1-999 999 2001-3000 1000 3001-3211 211]"; fmt.Sprint(got) != want {
		t.Errorf("files of %v, want %s", got, want)
	}
	r := b.Refuse("2021-07-20", lt.Treasurer, sends(), ledger.PayeesHeld, "count=1001")
	if list := r.Figure("payees"); !strings.HasPrefix(list, "1000, 1001, ") || !strings.HasSuffix(list, ", 1099, …") {
		t.Errorf("the refusal lists %s", list)
	}
}

// TestHoldForm: what a hold needs; the black list holds a dividend only where the charter says so.
func TestHoldForm(t *testing.T) {
	black, court := eventv1.HoldKind_HOLD_KIND_BLACKLIST, eventv1.HoldKind_HOLD_KIND_COURT
	grants, dividends := eventv1.Benefit_BENEFIT_GRANT, eventv1.Benefit_BENEFIT_DIVIDEND
	b := lt.Demo(t, "2021-07-05")
	const day = "2021-07-05"
	b.Resolve(day, "pause", eventv1.Matter_MATTER_HOLD, "representatives", "", "")
	b.Do(day, lt.Approver, lt.Resolution(day, "unread", eventv1.Matter_MATTER_HOLD, "representatives", "", ""))
	for i, c := range []struct {
		change func(*ledger.HoldPayee)
		reason ledger.Reason
	}{
		{func(c *ledger.HoldPayee) { c.Kind = 0 }, ledger.FieldInvalid},
		{func(c *ledger.HoldPayee) { c.Kind = 9 }, ledger.FieldInvalid},
		{func(c *ledger.HoldPayee) { c.Benefit = 9 }, ledger.FieldInvalid},
		{func(c *ledger.HoldPayee) { c.Payee = 9999 }, ledger.MemberUnknown},
		{func(c *ledger.HoldPayee) { c.Payee, c.Household = 666, true }, ledger.MemberUnknown},
		{func(c *ledger.HoldPayee) { c.Household, c.Benefit = true, grants }, ledger.FieldInvalid},
		{func(c *ledger.HoldPayee) { c.Until = 20210732 }, ledger.DateInvalid},
		{func(c *ledger.HoldPayee) { c.Until = lt.Day("2021-07-04") }, ledger.FieldInvalid},
		{func(c *ledger.HoldPayee) { c.Reason = "tel 13800000000" }, ledger.TextInvalid},
		{func(c *ledger.HoldPayee) { c.Resolution = "pause" }, ledger.FieldInvalid},
		{func(c *ledger.HoldPayee) { c.Kind, c.Resolution = black, "pause" }, ledger.HoldNotAllowed},
		{func(c *ledger.HoldPayee) { c.Kind, c.Resolution, c.Benefit = black, "pause", dividends }, ledger.HoldNotAllowed},
		{func(c *ledger.HoldPayee) { c.Kind, c.Benefit = black, grants }, ledger.ResolutionNeeded},
		{func(c *ledger.HoldPayee) { c.Kind, c.Benefit, c.Resolution = black, grants, "unread" }, ledger.ResolutionUnconfirmed},
		{func(c *ledger.HoldPayee) { c.Kind, c.Benefit, c.Resolution = black, grants, "policy-v1" }, ledger.ResolutionOther},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { b.Refuse(day, lt.Approver, hold(17, c.change), c.reason) })
	}
	b.Refuse(day, lt.Treasurer, hold(17, func(*ledger.HoldPayee) {}), ledger.RoleMissing)
	for i, change := range []func(*ledger.HoldPayee){
		func(c *ledger.HoldPayee) { c.Kind = court },
		func(c *ledger.HoldPayee) { c.Payee, c.Household, c.Until = 665, true, lt.Day(day) },
		func(c *ledger.HoldPayee) { c.Kind, c.Benefit, c.Resolution = black, grants, "pause" },
		func(c *ledger.HoldPayee) { c.Payee, c.Kind, c.Benefit, c.Resolution = 18, black, grants, "pause" }, // one resolution, a list of members
	} {
		if f := b.Do(day, lt.Approver, hold(17, change))[0].GetPayeeHeld(); int(f.Number) != i+1 || f.Benefit == 0 {
			t.Errorf("hold %d: %v", i, f)
		}
	}
	release := func(n uint32) *ledger.ReleaseHold { return &ledger.ReleaseHold{Hold: n} }
	b.Refuse(day, lt.Treasurer, release(1), ledger.RoleMissing)
	b.Refuse(day, lt.Approver, release(0), ledger.HoldUnknown)
	b.Refuse(day, lt.Approver, release(5), ledger.HoldUnknown, "hold=5")
	b.Do(day, lt.Approver, release(1))
	b.Refuse(day, lt.Supervisor, release(1), ledger.AlreadyDone)
}

// TestBlackListAndDividends: under a charter that allows it, a resolution holds a dividend; its 42.72 stays owed.
func TestBlackListAndDividends(t *testing.T) {
	steps := lt.Until(lt.Demonstration(), "2021-07-20")
	charter := lt.Charter()
	charter.BlacklistHoldsDividend = true
	steps[0].Command = &ledger.FoundCollective{Charter: charter}
	b := lt.New(t)
	b.Replay(lt.Until(steps, "2021-07-05"))
	b.Resolve("2021-07-06", "pause", eventv1.Matter_MATTER_HOLD, "household_heads", "", "")
	b.Do("2021-07-06", lt.Approver, hold(3211, func(c *ledger.HoldPayee) { c.Kind, c.Resolution = eventv1.HoldKind_HOLD_KIND_BLACKLIST, "pause" }))
	declares(t, b, "2021-07-20", run2021("137,200.00", func(*ledger.RequestDividend) {}))
	for file := range uint32(4) {
		b.Do("2021-07-20", lt.Treasurer, sends())
		b.Do("2021-07-20", lt.Treasurer, results(file+1, "2021-07-20"))
	}
	expect(t, b, "2021-07-20", "payable/dividend", "42.72", "fund/dividend", "26.08", "money/bank", "52,468.80")
}

// TestHouseholdHolds: a dividend by household looks at holds of households, one by head at those of members.
func TestHouseholdHolds(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-06", lt.Approver, hold(7, func(c *ledger.HoldPayee) { c.Household = true }))
	b.Do("2021-07-06", lt.Approver, hold(8, func(*ledger.HoldPayee) {}))
	declares(t, b, "2021-07-20", run2021("665.00", func(c *ledger.RequestDividend) { c.Run, c.Basis = "houses", byHouse }))
	declares(t, b, "2021-07-20", run2021("3,211.00", func(*ledger.RequestDividend) {}))
	for run, held := range map[string]uint32{"houses": 7, "2021": 8} {
		f := b.Do("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: run, Money: "bank"})[0].GetDividendFileSent()
		for p := uint32(7); p <= 8; p++ {
			if in := slices.Contains(f.Payees, p); in == (p == held) {
				t.Errorf("file of %s holds payee %d: %v", run, p, in)
			}
		}
	}
}

// TestHeldGift is V15: a holiday gift of 50.00 is due to a member whose grants are held. It is payable and not paid, the fund
// stays as it is, nobody takes it away; the release, or the day after the hold's last, pays it.
func TestHeldGift(t *testing.T) {
	for name, until := range map[string]ledger.Day{"released": 0, "expired": lt.Day("2021-12-29")} {
		t.Run(name, func(t *testing.T) {
			const day = "2021-12-20"
			b := lt.Demo(t, day)
			b.Do(day, lt.Treasurer, &ledger.OpenGrantRound{Round: "holiday", Title: "节日慰问", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("100.00")})
			b.Do(day, lt.Treasurer, &ledger.AddApplicants{Round: "holiday", Members: []uint32{17, 18}, Amounts: []ledger.Fen{50_00, 50_00}})
			b.Do(day, lt.Supervisor, &ledger.ReviewGrantRound{Round: "holiday"})
			b.Do(day, lt.Treasurer, &ledger.PublishGrantNotice{Round: "holiday", From: lt.Day(day), To: lt.Day("2021-12-22")})
			b.Resolve(day, "pause", eventv1.Matter_MATTER_HOLD, "representatives", "", "")
			b.Do(day, lt.Approver, hold(17, func(c *ledger.HoldPayee) {
				c.Kind, c.Benefit, c.Resolution, c.Until = eventv1.HoldKind_HOLD_KIND_BLACKLIST, eventv1.Benefit_BENEFIT_GRANT, "pause", until
			}))
			b.Do("2021-12-24", lt.Approver, &ledger.AwardGrants{Round: "holiday", On: lt.Day("2021-12-24")})
			pay := func(member uint32) *ledger.PayGrant {
				return &ledger.PayGrant{Round: "holiday", Member: member, On: lt.Day("2021-12-24"), Money: "bank"}
			}
			stands := func(payable, bank string) {
				t.Helper()
				expect(t, b, "2021-12-31", "fund/welfare", "20,800.00", "payable/grant", payable, "money/bank", bank)
			}
			stands("100.00", "135,771.08")
			b.Refuse("2021-12-24", lt.Treasurer, pay(17), ledger.PayeesHeld, "payees=17", "count=1")
			b.Do("2021-12-24", lt.Treasurer, pay(18))
			b.Refuse("2021-12-29", lt.Treasurer, pay(17), ledger.PayeesHeld)
			b.Refuse("2021-12-29", lt.Approver, &ledger.CancelGrant{Round: "holiday", Member: 17, On: lt.Day("2021-12-29")}, ledger.PayeesHeld)
			stands("50.00", "135,721.08")
			if until == 0 {
				b.Refuse("2021-12-30", lt.Treasurer, pay(17), ledger.PayeesHeld)
				b.Do("2021-12-30", lt.Approver, &ledger.ReleaseHold{Hold: 1})
			}
			b.Do("2021-12-30", lt.Treasurer, pay(17)) // on a day within the hold: the command's own day counts
			stands("0.00", "135,671.08")
		})
	}
}

// TestReturns: only what was paid comes back, not before it was paid, once; turned back, it was paid after all; nothing below
// it is turned back.
func TestReturns(t *testing.T) {
	b := lt.Demo(t, "2021-07-20")
	turn := func(date, ref string) { t.Helper(); book(t, b, date, reverses(ref)) }
	refused := func(date, ref string) {
		t.Helper()
		b.Refuse(date, lt.Treasurer, reverses(ref), ledger.VoucherNotReversible)
	}
	b.Refuse("2021-07-25", lt.Treasurer, returned("2021-07-19", 5), ledger.DateBeforeOriginal, "voucher=付2021-8", "original=2021-07-20")
	b.Refuse("2021-07-25", lt.Treasurer, returned("2021-07-26", 5), ledger.DateInFuture)
	b.Refuse("2021-07-25", lt.Treasurer, returned("2021-07-25", 5, 5), ledger.RepeatedEntry)
	b.Refuse("2021-07-25", lt.Treasurer, returned("2021-07-25"), ledger.TooMany)
	b.Refuse("2021-07-25", lt.Treasurer, returned("2021-07-25", 9999), ledger.PayeeNotPaid)
	b.Refuse("2021-07-25", lt.Treasurer, &ledger.RecordReturnedDividend{Run: "2020", Payees: []uint32{5}, On: lt.Day("2021-07-25"), Money: "bank"}, ledger.RunUnknown)
	b.Refuse("2021-07-25", lt.Treasurer, &ledger.RecordReturnedDividend{Run: "2021", Payees: []uint32{5}, On: lt.Day("2021-07-25"), Money: "purse"}, ledger.MoneyAccountUnknown)
	b.Refuse("2021-07-25", lt.Approver, returned("2021-07-25", 5), ledger.RoleMissing)

	if ref := lt.Refs(b.Do("2021-07-25", lt.Treasurer, returned("2021-07-24", 5, 1500))); ref != "收2021-2" { // a late entry
		t.Fatalf("returned by %s", ref)
	}
	expect(t, b, "2021-07-23", "payable/dividend", "0.00", "money/bank", "52,426.08")
	expect(t, b, "2021-07-24", "payable/dividend", "85.44", "money/bank", "52,511.52")
	b.Refuse("2021-07-25", lt.Treasurer, returned("2021-07-25", 5), ledger.PayeeNotPaid)
	refused("2021-07-25", "付2021-8") // file 1 paid member 5
	refused("2021-07-25", "付2021-9") // file 2 paid member 1500
	refused("2021-07-25", "转2021-2") // the declaration
	turn("2021-07-25", "收2021-2")
	expect(t, b, "2021-07-25", "payable/dividend", "0.00", "money/bank", "52,426.08")
	b.Refuse("2021-07-25", lt.Treasurer, sends(5), ledger.PayeeNotOwed) // paid after all
	turn("2021-07-25", "付2021-9")                                       // nothing rests on it now
	b.Refuse("2021-07-25", lt.Treasurer, returned("2021-07-25", 1500), ledger.PayeeNotPaid)
	expect(t, b, "2021-07-25", "payable/dividend", "42,720.00")

	b.Do("2021-07-26", lt.Treasurer, returned("2021-07-26", 5, 6))
	b.Do("2021-07-26", lt.Treasurer, sends(5))
	refused("2021-07-26", "收2021-4") // 5 is in a file again
	b.Refuse("2021-07-26", lt.Treasurer, returned("2021-07-26", 5), ledger.PayeeNotPaid)
	b.Do("2021-07-27", lt.Treasurer, results(5, "2021-07-27", 5))
	turn("2021-07-27", "收2021-4") // failed: the file paid nobody, so both may be paid after all
	b.Refuse("2021-07-27", lt.Treasurer, sends(6), ledger.PayeeNotOwed)
	b.Do("2021-07-27", lt.Treasurer, returned("2021-07-27", 6))
	for m := ledger.Month(202003); m <= 202107; m = m.Next() {
		b.Do("2021-08-02", lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	b.Refuse("2021-08-02", lt.Treasurer, returned("2021-07-31", 7), ledger.PeriodClosed, "month=2021-07", "first_open=2021-08-01")
	b.Do("2021-08-02", lt.Treasurer, returned("2021-08-01", 7))
	expect(t, b, "2021-08-02", "payable/dividend", "42,805.44", "money/bank", "95,231.52")
}
