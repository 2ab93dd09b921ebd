package projections

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

var (
	someParties   = []string{"", "org/甲", "member/1", "member/2"}
	somePurposes  = []string{"", "repair", "planting"}
	someKinds     = []string{"", "", "rent", "interest"}
	someTexts     = []string{"维修屋顶", "种树", "维修水渠"}
	someDecisions = []string{"", "r1", "r2"}
)

// decorated is a random history whose vouchers have parties, purposes, resolutions, requests and narrations.
func decorated(t *rapid.T, size int) *chronicle {
	c := randomHistory(t, size)
	with := newChronicle()
	with.found("abc")
	with.resolve("r1", 20210101, eventv1.Matter_MATTER_PAYMENT, "maintenance", 1<<40)
	with.resolve("r2", 20210101, eventv1.Matter_MATTER_PAYMENT, "maintenance", 1<<40)
	with.request("repair", "r1", 100)
	with.request("repair", "r1", 100)
	for _, e := range c.events[2:] {
		for _, v := range e.Vouchers {
			v.Party = rapid.SampledFrom(someParties).Draw(t, "party")
			v.Postings[0].Party = rapid.SampledFrom(someParties).Draw(t, "party of a posting")
			v.Purpose = rapid.SampledFrom(somePurposes).Draw(t, "purpose")
			v.IncomeKind = rapid.SampledFrom(someKinds).Draw(t, "income kind")
			if rapid.Bool().Draw(t, "with papers") {
				v.Documents = []*eventv1.Document{{Kind: "receipt"}}
			}
			v.Narration = rapid.SampledFrom(someTexts).Draw(t, "narration")
			v.RequestNumber = uint32(rapid.IntRange(0, 2).Draw(t, "request"))
			if v.ResolutionId = rapid.SampledFrom(someDecisions).Draw(t, "resolution"); v.ResolutionId != "" {
				v.DrawnFen = int64(rapid.IntRange(-50, 50).Draw(t, "drawn"))
			}
		}
		with.add(e, e.Vouchers...)
	}
	return with
}

// drawQuery sets one to three of the conditions, so that something is usually found.
func drawQuery(t *rapid.T) VoucherFilter {
	f := VoucherFilter{Descending: rapid.Bool().Draw(t, "descending")}
	conditions := []func(){
		func() { f.Account = ledger.Account(rapid.SampledFrom(modelAccounts).Draw(t, "account")) },
		func() { f.Class = ledger.Class(rapid.IntRange(1, 3).Draw(t, "of class")) },
		func() { f.Party = rapid.SampledFrom(someParties).Draw(t, "of party") },
		func() { f.Purpose = rapid.SampledFrom(somePurposes).Draw(t, "for purpose") },
		func() { f.Resolution = rapid.SampledFrom(someDecisions).Draw(t, "on resolution") },
		func() { f.Request = uint32(rapid.SampledFrom([]int{1, 2, 9}).Draw(t, "of request")) },
		func() { f.Min, f.Max = 200, ledger.Fen(rapid.SampledFrom([]int{0, 700}).Draw(t, "max")) },
		func() { f.Text = rapid.SampledFrom([]string{"维修", "树"}).Draw(t, "text") },
		func() { f.Corrections = true },
		func() { f.IncomeKind = rapid.SampledFrom(someKinds).Draw(t, "of income kind") },
		func() { f.Bare = true },
		func() { f.From = 20210103 },
		func() { f.To = 20210107 },
	}
	for range rapid.IntRange(1, 3).Draw(t, "conditions") {
		rapid.SampledFrom(conditions).Draw(t, "condition")()
	}
	return f
}

// selected lists the rows a filter selects, by going through all vouchers.
func selected(events []*eventv1.Event, f VoucherFilter, m Moment) (rows []int) {
	list := seen(events, m)
	list = slices.DeleteFunc(list, func(v modelVoucher) bool {
		amount := max(ledger.Amount(v.Voucher), -ledger.Amount(v.Voucher))
		day := ledger.Day(v.OccurredOn)
		on := func(p *eventv1.Posting) bool { return ledger.Account(p.Account) == f.Account }
		of := func(p *eventv1.Posting) bool { return p.Party == f.Party }
		return f.Account != "" && !slices.ContainsFunc(v.Postings, on) ||
			f.Party != "" && v.Party != f.Party && !slices.ContainsFunc(v.Postings, of) ||
			f.Class != 0 && ledger.RefOf(v.Ref).Class != f.Class || f.Purpose != "" && v.Purpose != f.Purpose ||
			f.Resolution != "" && v.ResolutionId != f.Resolution || f.Request != 0 && v.RequestNumber != f.Request ||
			f.IncomeKind != "" && v.IncomeKind != f.IncomeKind || f.Bare && len(v.Documents) > 0 ||
			f.Corrections && v.Reverses == nil && v.Corrects == nil || day < f.From || f.To != 0 && day > f.To ||
			amount < f.Min || f.Max != 0 && amount > f.Max || !strings.Contains(v.Narration, f.Text)
	})
	slices.SortFunc(list, func(x, y modelVoucher) int { return cmp.Or(cmp.Compare(x.OccurredOn, y.OccurredOn), x.row-y.row) })
	for _, v := range list {
		rows = append(rows, v.row)
	}
	if f.Descending {
		slices.Reverse(rows)
	}
	return rows
}

// TestFiltersAgreeWithTheModel reads a list page by page at a pinned moment while the book grows: what is found is what the
// model finds, nothing is skipped or doubled.
func TestFiltersAgreeWithTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := decorated(t, 60)
		b := NewBook("abc")
		half := len(c.events) - rapid.IntRange(0, len(c.events)/2).Draw(t, "later")
		for _, e := range c.events[:half] {
			if err := b.Fold(e); err != nil {
				t.Fatal(err)
			}
		}
		later := c.events[half:]
		for range 4 {
			m := b.Pin(drawMoment(t, int(b.Version())))
			f := drawQuery(t)
			var got []int
			for after := (Cursor{}); ; {
				page, next := b.Vouchers(f, after, rapid.IntRange(1, 5).Draw(t, "page"), m)
				for _, v := range page {
					got = append(got, int(b.journal.find(v.Ref)))
				}
				if after = next; next == (Cursor{}) {
					break
				}
				if len(later) > 0 {
					if err := b.Fold(later[0]); err != nil {
						t.Fatal(err)
					}
					later = later[1:]
				}
			}
			if want := selected(c.events, f, m); !slices.Equal(got, want) {
				t.Fatalf("%+v at %+v: rows %v, want %v", f, m, got, want)
			}
		}
	})
}

// A row index keeps its order and finds its rows however late they come and however many there are.
func TestRowIndexOfManyLateRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3*rowsMax).Draw(t, "rows")
		spread := rapid.IntRange(1, 40).Draw(t, "spread")
		j := newJournal()
		x := new(rowIndex)
		seed := rapid.IntRange(1, 1<<30).Draw(t, "seed")
		for i := range n {
			seed = seed * 1103515245 % (1 << 31)
			day := ledger.Day(20210100 + i*28/n + 1 - seed%spread%(i*28/n+1))
			j.rows.append(row{day: day})
			x.add(&j, int32(i))
			x.add(&j, int32(i)) // a party stands on the voucher and on its posting
		}
		w := view{rows: rapid.IntRange(0, n).Draw(t, "known"), asOf: ledger.Day(rapid.SampledFrom([]int{0, 20210105, 20210120}).Draw(t, "as of"))}
		var want []int32
		for i := range int32(w.rows) {
			if w.asOf == 0 || j.rows.at(int(i)).day <= w.asOf {
				want = append(want, i)
			}
		}
		slices.SortFunc(want, func(a, b int32) int { return cmp.Compare(j.dayRow(a), j.dayRow(b)) })
		from := ledger.Day(rapid.SampledFrom([]int{0, 20210103}).Draw(t, "from"))
		want = slices.DeleteFunc(want, func(i int32) bool { return j.rows.at(int(i)).day < from })
		var after Cursor
		cut := 0
		descending := rapid.Bool().Draw(t, "descending")
		if descending {
			slices.Reverse(want)
		}
		if len(want) > 0 && rapid.Bool().Draw(t, "go on") {
			cut = rapid.IntRange(1, len(want)).Draw(t, "after")
			after = Cursor{j.rows.at(int(want[cut-1])).day, int(want[cut-1]) + 1}
		}
		if got := slices.Collect(x.walk(&j, from, w, after, descending)); !slices.Equal(got, want[cut:]) || x.n != n {
			t.Fatalf("%d rows %v, want %v", x.n, got, want[cut:])
		}
	})
}

// TestBalancesExplainThemselves holds groups, changes and running balances against going through all vouchers.
func TestBalancesExplainThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := randomHistory(t, 60)
		b := NewBook("abc")
		for _, e := range c.events {
			if err := b.Fold(e); err != nil {
				t.Fatal(err)
			}
		}
		m := drawMoment(t, len(c.events))
		account := ledger.Account(rapid.SampledFrom(modelAccounts).Draw(t, "account"))
		from := rapid.SampledFrom([]ledger.Day{0, 20210102, 20210106}).Draw(t, "from")
		descending := rapid.Bool().Draw(t, "descending")
		var changes []Change
		var story BalanceStory
		for after, more := (Cursor{}), true; more; more = after != (Cursor{}) {
			story, after = b.ExplainBalance(account, from, descending, after, rapid.IntRange(1, 6).Draw(t, "page"), m)
			changes = append(changes, story.Changes...)
		}
		if story.Closing != b.Balance(account, m) {
			t.Fatalf("closing %v, balance %v", story.Closing, b.Balance(account, m))
		}
		sum, postings := story.Opening, 0
		for _, g := range story.Groups {
			sum += g.Sum
			postings += g.Postings
		}
		if sum != story.Closing {
			t.Fatalf("%+v do not come to %v", story, story.Closing)
		}
		if descending {
			slices.Reverse(changes)
		}
		want := selected(c.events, VoucherFilter{Account: account, From: from}, m)
		balance := story.Opening
		for i, change := range changes {
			balance += change.Change
			if int(b.journal.find(change.Ref)) != want[i] || change.Balance != balance {
				t.Fatalf("change %d is %v %v to %v, want row %d to %v", i, change.Ref, change.Change, change.Balance, want[i], balance)
			}
		}
		if len(changes) != len(want) || balance != story.Closing || postings < len(want) {
			t.Fatalf("%d changes to %v in %d postings, want %d to %v", len(changes), balance, postings, len(want), story.Closing)
		}
		if reversed := slices.ContainsFunc(story.Groups, func(g Group) bool { return g.Reversal }); reversed != slices.ContainsFunc(changes, func(c Change) bool { return c.Reverses != ledger.VoucherRef{} }) {
			t.Fatalf("reversals are not a group of their own: %+v", story.Groups)
		}
	})
}

// A long account comes to its groups at every moment: whole pieces and parts of pieces, mixed days and reversals.
func TestGroupsOfALongAccount(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	var last *eventv1.Voucher
	for i := range 3*chunkLen + 100 {
		day := ledger.Day(20210101 + i/1200)
		if i%97 == 0 {
			day = 20210101
		}
		v := voucher(ledger.Receipt, day, "x", "money/bank", 100+i, "fund/reserve", -100-i)
		fact := &eventv1.Event{Fact: &eventv1.Event_GiftReceived{GiftReceived: &eventv1.GiftReceived{}}}
		if i%5 == 4 {
			v = reversal(last, day)
			fact = &eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}
		}
		c.add(fact, v)
		last = v
	}
	b := fold(t, c.events)
	for _, known := range []uint64{0, 2, 3, 500, chunkLen, chunkLen + 2, chunkLen + 3, 2000, 3*chunkLen + 2, uint64(len(c.events))} {
		for _, m := range []Moment{{0, known}, {20210101, known}, {20210102, known}, {20210103, known}} {
			for _, from := range []ledger.Day{0, 20210102} {
				want := map[string]Group{}
				for _, v := range seen(c.events, m) {
					if ledger.Day(v.OccurredOn) < from {
						continue
					}
					g := Group{Fact: "gift_received"}
					if v.Reverses != nil {
						g = Group{Fact: "correction_made", Reversal: true}
					}
					old := want[g.Fact]
					g.Postings, g.Sum = old.Postings+1, old.Sum+ledger.Fen(v.Postings[0].AmountFen)
					want[g.Fact] = g
				}
				story, _ := b.ExplainBalance("money/bank", from, false, Cursor{}, 1, m)
				for _, g := range story.Groups {
					if want[g.Fact] != g {
						t.Errorf("from %v at %+v: %+v, want %+v", from, m, g, want[g.Fact])
					}
					delete(want, g.Fact)
				}
				if len(want) > 0 {
					t.Errorf("from %v at %+v: no groups %v", from, m, want)
				}
			}
		}
	}
}

// V10: what the late correction of the planting changed in the figures of September.
func TestChangesOfALateCorrection(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	from := Moment{20210930, d.beforeCorrection}
	to := Moment{20210930, d.beforeCorrection + 1}
	want := []BalanceChange{{"fund/maintenance", 704500, 686500}, {"money/bank", 3777108, 3759108}}
	if got := b.BalanceChanges(from, to); !slices.Equal(got, want) {
		t.Errorf("balances: %+v, want %+v", got, want)
	}
	booked, next := b.BookedBetween(from, to, 0, 0)
	if len(booked) != 2 || next != 0 || booked[0].DaysLate != 86 || booked[1].DaysLate != 86 || booked[0].Amount != -835500 || booked[1].Amount != 853500 {
		t.Errorf("vouchers: %+v", booked)
	}
	first, next := b.BookedBetween(from, to, 0, 1)
	second, end := b.BookedBetween(from, to, next, 1)
	if len(first) != 1 || len(second) != 1 || end != 0 || first[0].Ref != booked[0].Ref || second[0].Ref != booked[1].Ref {
		t.Errorf("pages: %v %v %v", first, second, end)
	}
	registers, count := b.RegisterChanges(from, to, 0)
	if len(registers) != 1 || count != 1 || registers[0] != (RegisterChange{RegisterResolution, "planting-2021", StateConfirmed, StateConfirmed, 835500, 853500}) {
		t.Errorf("registers: %+v", registers)
	}
	if none, _ := b.BookedBetween(Moment{20210909, from.AsKnownAt}, Moment{20210909, to.AsKnownAt}, 0, 0); len(none) != 0 || len(b.BalanceChanges(Moment{20210909, from.AsKnownAt}, Moment{20210909, to.AsKnownAt})) != 0 {
		t.Errorf("the day before, %v changed", none)
	}
	all, count := b.RegisterChanges(Moment{AsKnownAt: NothingKnown}, Moment{}, 3)
	if len(all) != 3 || count != 13 {
		t.Errorf("%d of %d registers: %+v", len(all), count, all)
	}
	if late, _ := b.BookedBetween(Moment{AsKnownAt: NothingKnown}, Moment{}, 0, 0); len(late) != int(b.journal.rows.n) || late[0].DaysLate != 0 {
		t.Errorf("%d vouchers since the beginning", len(late))
	}
	ended, _ := b.RegisterChanges(Moment{AsKnownAt: 30}, Moment{}, 0)
	for _, c := range ended {
		if c.Register == RegisterRequest && c.NewState != RequestSettled {
			t.Errorf("%+v", c)
		}
	}
}
