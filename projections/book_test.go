package projections

import (
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func TestBalancesAtEveryMoment(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	before := d.beforeCorrection
	for _, c := range []struct {
		account ledger.Account
		m       Moment
		want    ledger.Fen
	}{
		// The rows of the demonstration, at the end of each day.
		{"money/bank", Moment{AsOf: 20201219}, 0},
		{"money/bank", Moment{AsOf: 20201220}, 9800000},
		{"fund/welfare", Moment{AsOf: 20210125}, 760000},
		{"money/bank", Moment{AsOf: 20210125}, 9580000},
		{"fund/maintenance", Moment{AsOf: 20210315}, 560000},
		{"money/bank", Moment{AsOf: 20210719}, 18960000},
		{"fund/dividend", Moment{AsOf: 20210720}, 2608},
		{"money/bank", Moment{AsOf: 20210720}, 5242608},
		{"payable/dividend", Moment{AsOf: 20210720}, 0},
		{"fund/welfare", Moment{AsOf: 20210901}, 1110000},
		{"money/bank", Moment{AsOf: 20210901}, 4612608},
		// V10, September open: what is known now and what was known before 2021-12-05.
		{"fund/maintenance", Moment{AsOf: 20210930}, 686500},
		{"fund/maintenance", Moment{AsOf: 20210930, AsKnownAt: before}, 704500},
		{"fund/maintenance", Moment{AsKnownAt: before}, 704500},
		{"money/bank", Moment{AsOf: 20210930}, 3759108},
		{"money/bank", Moment{AsOf: 20210930, AsKnownAt: before}, 3777108},
		{"fund/maintenance", Moment{}, 686500 + 980000},
		{"fund/maintenance", Moment{AsKnownAt: NothingKnown}, 0},
		{"fund/none", Moment{}, 0},
	} {
		if got := b.Balance(c.account, c.m); got != c.want {
			t.Errorf("%s at %+v: %v, want %v", c.account, c.m, got, c.want)
		}
	}
}

func TestVersionAtAnInstant(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	for _, c := range []struct {
		at   string
		want uint64
	}{
		{"2020-03-01T03:59:59Z", NothingKnown},
		{"2020-03-01T04:00:00Z", 3},
		{"2021-12-05T03:59:59.999999Z", d.beforeCorrection},
		{"2021-12-05T04:00:00Z", d.beforeCorrection + 1},
		{"2030-01-01T00:00:00Z", uint64(len(d.events))},
	} {
		at, err := time.Parse(time.RFC3339Nano, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.VersionAt(at); got != c.want {
			t.Errorf("version at %s: %d, want %d", c.at, got, c.want)
		}
	}
	if m := b.Pin(Moment{}); m.AsKnownAt != b.Version() {
		t.Errorf("pinned at %d, want %d", m.AsKnownAt, b.Version())
	}
	if m := NewBook("x").Pin(Moment{}); m.AsKnownAt != NothingKnown {
		t.Errorf("an empty book pinned at %d", m.AsKnownAt)
	}
}

func TestVoucherShowsWhatBecameOfIt(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	wrong := ledger.VoucherRef{Class: ledger.Payment, Year: 2021, Number: 18}
	turned := ledger.VoucherRef{Class: ledger.Payment, Year: 2021, Number: 19}
	right := ledger.VoucherRef{Class: ledger.Payment, Year: 2021, Number: 20}

	v, ok := b.Voucher(wrong, Moment{})
	if !ok || v.ReversedBy != turned || v.Amount != 835500 || v.Purpose != "planting" || v.Party != "org/园林公司" || v.Actor != "treasurer" {
		t.Errorf("%v: %+v", wrong, v)
	}
	if v, _ := b.Voucher(wrong, Moment{AsKnownAt: d.beforeCorrection}); v.ReversedBy != (ledger.VoucherRef{}) {
		t.Errorf("before the correction %v was reversed by %v", wrong, v.ReversedBy)
	}
	if v, _ := b.Voucher(turned, Moment{}); v.Reverses != wrong || v.Amount != -835500 || !v.Negative || v.Drawn != -835500 {
		t.Errorf("%v: %+v", turned, v)
	}
	if v, _ := b.Voucher(right, Moment{}); v.Corrects != wrong || v.Amount != 853500 || v.Version != d.beforeCorrection+1 {
		t.Errorf("%v: %+v", right, v)
	}
	if _, ok := b.Voucher(right, Moment{AsKnownAt: d.beforeCorrection}); ok {
		t.Errorf("%v was seen before it was booked", right)
	}
	if _, ok := b.Voucher(right, Moment{AsOf: 20210909}); ok {
		t.Errorf("%v was seen before its day", right)
	}
	rent, _ := b.Voucher(ledger.VoucherRef{Class: ledger.Receipt, Year: 2020, Number: 1}, Moment{})
	if len(rent.Documents) != 1 || rent.Documents[0].Number != "2020-12-20" || len(rent.Postings) != 5 || rent.IncomeKind != "rent" {
		t.Errorf("rent: %+v", rent)
	}
}

func TestTurnoverCountsReversalsInTheirColumn(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	line := func(p Period, m Moment, account ledger.Account) TrialLine {
		t.Helper()
		got := b.TrialBalance(p, m)
		if got.DebitTotal != got.CreditTotal {
			t.Errorf("trial balance %+v does not balance: %v, %v", p, got.DebitTotal, got.CreditTotal)
		}
		for _, l := range got.Lines {
			if l.Account == account {
				return l
			}
		}
		return TrialLine{}
	}
	september := Period{20210901, 20210930}
	for _, c := range []struct {
		name string
		m    Moment
		want TrialLine
	}{
		// 8,355.00 - 8,355.00 + 8,535.00 spent, and no credit for the reversal.
		{"now", Moment{}, TrialLine{"fund/maintenance", -1540000, 853500, 0, -686500}},
		{"as known before", Moment{AsKnownAt: d.beforeCorrection}, TrialLine{"fund/maintenance", -1540000, 835500, 0, -704500}},
		{"as of the ninth", Moment{AsOf: 20210909}, TrialLine{"fund/maintenance", -1540000, 0, 0, -1540000}},
	} {
		if got := line(september, c.m, "fund/maintenance"); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	want := TrialLine{"money/bank", 5242608, 0, 630000 + 853500, 3759108}
	if got := line(september, Moment{}, "money/bank"); got != want {
		t.Errorf("bank: %+v, want %+v", got, want)
	}
	if got := line(Period{}, Moment{AsKnownAt: NothingKnown}, "money/bank"); got != (TrialLine{}) {
		t.Errorf("before anything was known: %+v", got)
	}
	s := b.FundStatement(Period{20210101, 20211231}, Moment{})
	wantTotal := FundLine{"", "", 9800000, 19600000, 220000 + 420000 + 13717392 + 630000 + 853500, 13559108}
	if s.Total != wantTotal || len(s.Funds) != 4 || s.Funds[0].Fund != "dividend" || s.Funds[3].Name != "储备金" {
		t.Errorf("statement: %+v", s)
	}
	if want := (AccountBalance{"money/bank", 13559108}); len(s.Money) != 1 || s.Money[0] != want {
		t.Errorf("money: %+v", s.Money)
	}
}

func TestDigestIsTheSameHoweverTheEventsCame(t *testing.T) {
	d := newDemo()
	want := fold(t, d.events).Digest()
	rapid.Check(t, func(t *rapid.T) {
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(d.events)), 0, 3).Draw(t, "cuts")
		slices.Sort(cuts)
		b := NewBook("liminba")
		for _, piece := range slices.Collect(pieces(d.events, cuts)) {
			for _, e := range piece {
				if err := b.Fold(e); err != nil {
					t.Fatal(err)
				}
			}
			b.Digest() // a look between two pieces leaves no mark
			b.TrialBalance(Period{}, Moment{AsKnownAt: 20})
		}
		if got := b.Digest(); got != want {
			t.Fatalf("digest %x after pieces %v, want %x", got, cuts, want)
		}
	})
}

// pieces cuts events at the given places and decodes every other piece anew.
func pieces(events []*eventv1.Event, cuts []int) func(func([]*eventv1.Event) bool) {
	return func(yield func([]*eventv1.Event) bool) {
		from := 0
		for k, to := range append(slices.Clone(cuts), len(events)) {
			piece := events[from:to]
			if k%2 == 1 {
				piece = slices.Clone(piece)
				for i, e := range piece {
					data, err := proto.Marshal(e)
					if err == nil {
						piece[i] = new(eventv1.Event)
						err = proto.Unmarshal(data, piece[i])
					}
					if err != nil {
						panic(err)
					}
				}
			}
			if !yield(piece) {
				return
			}
			from = to
		}
	}
}

// TestDigestCoversEverything changes one thing at a time and wants another digest.
func TestDigestCoversEverything(t *testing.T) {
	seen := map[[32]byte]string{fold(t, newDemo().events).Digest(): "nothing"}
	for name, change := range map[string]func(d *demo){
		"a narration":     func(d *demo) { d.planting.Narration = "x" },
		"a day":           func(d *demo) { d.planting.OccurredOn = 20210911 },
		"an amount":       func(d *demo) { d.relief.Postings[0].AmountFen++; d.relief.Postings[1].AmountFen-- },
		"a party":         func(d *demo) { d.reliefPaid[0].Postings[0].Party = "member/1" },
		"authority drawn": func(d *demo) { d.planting.DrawnFen++ },
		"a paper":         func(d *demo) { d.events[7].Vouchers[0].Documents[0].Number = "1" },
		"an actor":        func(d *demo) { d.events[7].Actor = "somebody" },
		"who acted":       func(d *demo) { d.events[7].Actor = "supervisor" },
		"an instant":      func(d *demo) { d.events[7].RecordedAt++ },
		"a vote":          func(d *demo) { d.events[3].GetResolutionRecorded().VotesFor-- },
		"a member":        func(d *demo) { d.events[2].GetMembersEnrolled().Households[7] = 9999 },
		"a claim": func(d *demo) {
			for _, e := range d.events {
				if f := e.GetEntitlementsListed(); f != nil {
					f.AmountsFen[5]++
				}
			}
		},
	} {
		d := newDemo()
		change(d)
		digest := fold(t, d.events).Digest()
		if other, ok := seen[digest]; ok {
			t.Errorf("changing %s gives the digest of changing %s", name, other)
		}
		seen[digest] = name
	}
}

func TestFoldRefusesWhatCannotFollow(t *testing.T) {
	v := func(class ledger.Class, number uint32, pairs ...any) *eventv1.Voucher {
		v := voucher(class, 20220101, "x", pairs...)
		v.Ref.Year, v.Ref.Number = 2022, number
		return v
	}
	income := &eventv1.Event_IncomeRecorded{IncomeRecorded: &eventv1.IncomeRecorded{Kind: "rent"}}
	good := func() *eventv1.Voucher { return v(ledger.Receipt, 1, "money/bank", 5, "fund/reserve", -5) }
	with := func(change func(*eventv1.Voucher)) *eventv1.Event {
		u := good()
		change(u)
		return &eventv1.Event{Fact: income, Vouchers: []*eventv1.Voucher{u}}
	}
	unknown := &eventv1.VoucherRef{Class: ledger.Receipt, Year: 2022, Number: 9}
	d := newDemo()
	for name, e := range map[string]*eventv1.Event{
		"unbalanced":            {Fact: income, Vouchers: []*eventv1.Voucher{v(ledger.Receipt, 1, "money/bank", 5, "fund/reserve", -4)}},
		"one posting":           {Fact: income, Vouchers: []*eventv1.Voucher{v(ledger.Receipt, 1, "money/bank", 0)}},
		"number left out":       {Fact: income, Vouchers: []*eventv1.Voucher{v(ledger.Receipt, 2, "money/bank", 5, "fund/reserve", -5)}},
		"number twice":          {Fact: income, Vouchers: []*eventv1.Voucher{good(), good()}},
		"no class":              {Fact: income, Vouchers: []*eventv1.Voucher{v(0, 1, "money/bank", 5, "fund/reserve", -5)}},
		"second founding":       {Fact: d.events[0].Fact},
		"reverses unknown":      with(func(u *eventv1.Voucher) { u.Reverses = unknown }),
		"corrects unknown":      with(func(u *eventv1.Voucher) { u.Corrects = unknown }),
		"resolution unknown":    with(func(u *eventv1.Voucher) { u.ResolutionId = "none" }),
		"request unknown":       with(func(u *eventv1.Voucher) { u.RequestNumber = 99 }),
		"turned round unknown":  with(func(u *eventv1.Voucher) { u.Reverses, u.GrantRoundId = d.relief.Ref, "none" }),
		"turned member unknown": with(func(u *eventv1.Voucher) { u.Reverses, u.GrantRoundId, u.Party = d.relief.Ref, "relief-1", "member/99" }),
		"turned run unknown":    with(func(u *eventv1.Voucher) { u.Reverses, u.DividendRunId = d.relief.Ref, "none" }),
		"turned file unknown":   with(func(u *eventv1.Voucher) { u.Reverses, u.DividendRunId, u.DividendFile = d.relief.Ref, "2021-h1", 9 }),
		"confirmed unknown":     {Fact: &eventv1.Event_ResolutionConfirmed{ResolutionConfirmed: &eventv1.ResolutionConfirmed{Id: "none"}}},
		"request out of turn":   {Fact: &eventv1.Event_RequestMade{RequestMade: &eventv1.RequestMade{Number: 9}}},
		"approved unknown":      {Fact: &eventv1.Event_RequestApproved{RequestApproved: &eventv1.RequestApproved{Number: 9}}},
		"settled unknown":       {Fact: &eventv1.Event_PaymentSettled{PaymentSettled: &eventv1.PaymentSettled{}}},
		"members uneven":        {Fact: &eventv1.Event_MembersEnrolled{MembersEnrolled: &eventv1.MembersEnrolled{Members: []uint32{1}}}},
		"departed unknown":      {Fact: &eventv1.Event_MembersDeparted{MembersDeparted: &eventv1.MembersDeparted{Members: []uint32{99999}}}},
		"round unknown":         {Fact: &eventv1.Event_GrantsAwarded{GrantsAwarded: &eventv1.GrantsAwarded{RoundId: "none"}}},
		"paid without voucher":  {Fact: &eventv1.Event_GrantPaid{GrantPaid: &eventv1.GrantPaid{RoundId: "relief-1", Member: 1}}},
		"roster with a hole":    {Fact: &eventv1.Event_EntitlementsListed{EntitlementsListed: &eventv1.EntitlementsListed{RunId: "2022", FirstLine: 2}}},
		"roster out of order": {Fact: &eventv1.Event_EntitlementsListed{EntitlementsListed: &eventv1.EntitlementsListed{RunId: "2022", FirstLine: 1,
			Payees: []uint32{2, 2}, AmountsFen: []int64{1, 1}}}},
		"declared without roster": {Fact: &eventv1.Event_DividendDeclared{DividendDeclared: &eventv1.DividendDeclared{RunId: "2022", RequestNumber: 1}}},
		"file out of turn":        {Fact: &eventv1.Event_DividendFileSent{DividendFileSent: &eventv1.DividendFileSent{RunId: "2021-h1", File: 6}}},
		"file to a stranger":      {Fact: &eventv1.Event_DividendFileSent{DividendFileSent: &eventv1.DividendFileSent{RunId: "2021-h1", File: 5, Payees: []uint32{9999}}}},
		"file settled twice":      {Fact: &eventv1.Event_DividendFileSettled{DividendFileSettled: &eventv1.DividendFileSettled{RunId: "2021-h1", File: 4}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := fold(t, d.events)
			digest := b.Digest()
			e.Version = b.Version() + 1
			err := b.Fold(e)
			var damage *eventstore.CorruptError
			if !errors.As(err, &damage) || damage.Stream != "collective-liminba" || damage.Version != e.Version {
				t.Errorf("fold gave %v, want a CorruptError that names stream and version", err)
			}
			if b.Digest() != digest {
				t.Error("the refused event changed the book")
			}
		})
	}
}

func TestFoldTakesEventsInTurn(t *testing.T) {
	d := newDemo()
	b := NewBook("liminba")
	for i, version := range []int{2, 1, 1, 3, 2} {
		err := b.Fold(d.events[version-1])
		var gap *GapError
		if taken := i == 1 || i == 4; taken != (err == nil) || !taken && !errors.As(err, &gap) {
			t.Errorf("event %d given to a book at version %d: %v", version, b.Version(), err)
		}
	}
	if err := NewBook("other").Fold(d.events[0]); err == nil {
		t.Error("the book of another collective took the founding")
	}
}
