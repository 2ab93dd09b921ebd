package projections

import (
	"slices"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// returnGrant books that member 1's payment of a round came back.
func (c *chronicle) returnGrant(id string, day ledger.Day, amount int) *eventv1.Voucher {
	v := voucher(ledger.Receipt, day, "退回", "money/bank", amount, "payable/grant", -amount)
	v.GrantRoundId, v.Party = id, "member/1"
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_GrantReturned{GrantReturned: &eventv1.GrantReturned{RoundId: id, Member: 1, MoneyAccount: "bank"}}}, v)
	return v
}

func (c *chronicle) object(id string, number, member uint32) uint64 {
	return c.add(&eventv1.Event{Fact: &eventv1.Event_GrantObjectionRaised{GrantObjectionRaised: &eventv1.GrantObjectionRaised{RoundId: id, Number: number, Member: member, Text: "异议"}}})
}

func (c *chronicle) answer(id string, number uint32, upheld bool) uint64 {
	return c.add(&eventv1.Event{Fact: &eventv1.Event_GrantObjectionAnswered{GrantObjectionAnswered: &eventv1.GrantObjectionAnswered{RoundId: id, Number: number, Upheld: upheld, Text: "答复"}}})
}

// TestReturnedGrantIsOwedAgain: a payment that came back makes the line awarded, its reversal makes it paid by the same voucher.
func TestReturnedGrantIsOwedAgain(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	_, paid := c.grant("g1", "relief", 20210105, 20210120, 50000, 30000)
	start := c.version()
	back := c.returnGrant("g1", 20210124, 50000)
	returned := c.version()
	turned := c.corrected(20210126, reversal(back, 20210126))
	b := fold(t, c.events)
	for name, want := range map[string]struct {
		m       Moment
		state   string
		voucher ledger.VoucherRef
		paid    ledger.Fen
	}{
		"paid":                 {Moment{AsKnownAt: start}, LinePaid, ledger.RefOf(paid[0].Ref), 80000},
		"returned":             {Moment{AsKnownAt: returned}, LineAwarded, ledger.VoucherRef{}, 30000},
		"returned, day before": {Moment{AsKnownAt: returned, AsOf: 20210123}, LinePaid, ledger.RefOf(paid[0].Ref), 80000},
		"turned back":          {Moment{AsKnownAt: turned}, LinePaid, ledger.RefOf(paid[0].Ref), 80000},
		"turned back, before":  {Moment{AsOf: 20210125}, LineAwarded, ledger.VoucherRef{}, 30000},
	} {
		rounds, _ := b.GrantRounds(0, 10, want.m)
		if l := rounds[0].Lines[0]; l.State != want.state || l.Voucher != want.voucher || rounds[0].Paid != want.paid {
			t.Errorf("%s: %+v, paid %v", name, l, rounds[0].Paid)
		}
	}
	if err := b.CheckInvariant(); err != nil {
		t.Error(err)
	}
}

// TestRoundsAtAMoment: who was removed, struck and why a round ended, each as known then; a budget is held until it ends.
func TestRoundsAtAMoment(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	c.resolve("gr", 20210101, eventv1.Matter_MATTER_PAYMENT, "welfare", 500000)
	c.on(20210105).add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundOpened{GrantRoundOpened: &eventv1.GrantRoundOpened{Id: "g1", Fund: "welfare", Purpose: "relief", BudgetFen: 90000, ResolutionId: "gr"}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsAdded{GrantApplicantsAdded: &eventv1.GrantApplicantsAdded{RoundId: "g1", Members: []uint32{1, 2, 3}, AmountsFen: []int64{100, 200, 300}}}})
	added := c.add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundReviewed{GrantRoundReviewed: &eventv1.GrantRoundReviewed{RoundId: "g1"}}})
	removed := c.add(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsRemoved{GrantApplicantsRemoved: &eventv1.GrantApplicantsRemoved{RoundId: "g1", Members: []uint32{3}}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsAdded{GrantApplicantsAdded: &eventv1.GrantApplicantsAdded{RoundId: "g1", Members: []uint32{3}, AmountsFen: []int64{350}}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantNoticePublished{GrantNoticePublished: &eventv1.GrantNoticePublished{RoundId: "g1", NoticeFrom: 20210106, NoticeTo: 20210110}}})
	corrected := c.add(&eventv1.Event{Fact: &eventv1.Event_GrantNoticePublished{GrantNoticePublished: &eventv1.GrantNoticePublished{RoundId: "g1", NoticeFrom: 20210106, NoticeTo: 20210112}}})
	c.object("g1", 1, 2)
	raised := c.object("g1", 2, 0)
	struck := c.answer("g1", 1, true)
	anew := c.answer("g1", 2, true)
	c.object("g1", 3, 2)
	c.answer("g1", 3, true) // she is struck already
	kept := c.answer("g1", c.numbersOf("g1"), false)
	cancelled := c.add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundCancelled{GrantRoundCancelled: &eventv1.GrantRoundCancelled{RoundId: "g1", Reason: "不办了"}}})
	b := fold(t, c.events)
	for name, want := range map[string]struct {
		at         uint64
		state      string
		lines      []string
		total      ledger.Fen
		objections []string
	}{
		"reviewed":  {added, RoundReviewed, []string{LineApplied, LineApplied, LineApplied}, 600, nil},
		"removed":   {removed, RoundOpen, []string{LineApplied, LineApplied}, 300, nil},
		"corrected": {corrected, RoundNotice, []string{LineApplied, LineApplied, LineApplied}, 650, nil},
		"raised":    {raised, RoundNotice, []string{LineApplied, LineApplied, LineApplied}, 650, []string{ObjectionOpen, ObjectionOpen}},
		"struck":    {struck, RoundNotice, []string{LineApplied, LineStruck, LineApplied}, 450, []string{ObjectionUpheld, ObjectionOpen}},
		"anew":      {anew, RoundOpen, []string{LineApplied, LineStruck, LineApplied}, 450, []string{ObjectionUpheld, ObjectionUpheld}},
		"kept":      {kept, RoundOpen, []string{LineApplied, LineStruck, LineApplied}, 450, []string{ObjectionUpheld, ObjectionUpheld, ObjectionUpheld, ObjectionDismissed}},
		"cancelled": {cancelled, RoundCancelled, []string{LineApplied, LineStruck, LineApplied}, 450, []string{ObjectionUpheld, ObjectionUpheld, ObjectionUpheld, ObjectionDismissed}},
	} {
		rounds, _ := b.GrantRounds(0, 10, Moment{AsKnownAt: want.at})
		g := rounds[0]
		var lines, objections []string
		applicants := 0
		for _, l := range g.Lines {
			lines = append(lines, l.State)
			if l.State != LineStruck {
				applicants++
			}
		}
		for _, o := range g.Objections {
			objections = append(objections, o.State)
			if (o.State == ObjectionOpen) != (o.AnsweredBy == "") || o.RaisedBy != "treasurer" {
				t.Errorf("%s: objection %+v", name, o)
			}
		}
		if g.State != want.state || !slices.Equal(lines, want.lines) || g.Total != want.total || g.Applicants != applicants || !slices.Equal(objections, want.objections) {
			t.Errorf("%s: %s %v %v %d %v", name, g.State, lines, g.Total, g.Applicants, objections)
		}
		if (g.Reason == "") != (want.state != RoundCancelled) {
			t.Errorf("%s: the reason is %q", name, g.Reason)
		}
		r, _ := b.Resolutions(0, 10, Moment{AsKnownAt: want.at})
		if held := ledger.Fen(90000); (want.state == RoundCancelled) != (r[0].Reserved == 0) || r[0].Reserved != 0 && r[0].Reserved != held {
			t.Errorf("%s: %v are held", name, r[0].Reserved)
		}
	}
}

// numbersOf raises one more objection about nobody and gives its number.
func (c *chronicle) numbersOf(id string) uint32 {
	number := uint32(1)
	for _, e := range c.events {
		if e.GetGrantObjectionRaised() != nil {
			number++
		}
	}
	c.object(id, number, 0)
	return number
}

// TestReviewsAtAMoment: the latest word of each supervisor stands, for the month and for the voucher.
func TestReviewsAtAMoment(t *testing.T) {
	const signed, refused, remarked = eventv1.Verdict_VERDICT_SIGNED, eventv1.Verdict_VERDICT_REFUSED, eventv1.Verdict_VERDICT_REMARKED
	c := newChronicle()
	c.found("abc")
	rent := c.rent(20201220)
	c.on(20210101).add(&eventv1.Event{Fact: &eventv1.Event_PeriodClosed{PeriodClosed: &eventv1.PeriodClosed{Month: 202012, StatementSha256: []byte("digest")}}})
	say := func(actor string, month, item eventv1.Verdict) uint64 {
		c.actor = actor
		f := &eventv1.PeriodReviewed{Month: 202012, Verdict: month, StatementSha256: []byte("digest")}
		if item != 0 {
			f.Items = []*eventv1.ReviewItem{{Voucher: rent.Ref, Verdict: item, Remark: actor}}
		}
		return c.add(&eventv1.Event{Fact: &eventv1.Event_PeriodReviewed{PeriodReviewed: f}})
	}
	first := say("s1", refused, refused)
	second := say("s2", remarked, remarked)
	third := say("s1", signed, 0)
	b := fold(t, c.events)
	for at, want := range map[uint64]struct {
		signed, refused, remarked int
		words                     []string
	}{
		first - 1: {0, 0, 0, nil}, first: {0, 1, 0, []string{"s1"}}, second: {0, 1, 1, []string{"s1", "s2"}}, third: {1, 0, 1, []string{"s2"}},
	} {
		months, next := b.PeriodReviews(0, 10, Moment{AsKnownAt: at})
		if len(months) != 1 || next != 0 || string(months[0].Statement) != "digest" {
			t.Fatalf("at %d: %v", at, months)
		}
		if p := months[0]; p.Signed != want.signed || p.Refused != want.refused || p.Remarked != want.remarked || len(p.Reviews) != p.Signed+p.Refused+p.Remarked {
			t.Errorf("at %d: %+v", at, p)
		}
		v, _ := b.Voucher(ledger.RefOf(rent.Ref), Moment{AsKnownAt: at})
		var words []string
		for _, r := range v.Reviews {
			words = append(words, r.Remark)
		}
		if !slices.Equal(words, want.words) {
			t.Errorf("at %d everybody reads %v, want %v", at, words, want.words)
		}
	}
	if months, _ := b.PeriodReviews(0, 10, Moment{AsKnownAt: 2}); len(months) != 0 {
		t.Errorf("a month was listed before it was closed: %v", months)
	}
}

// TestFactsOutOfPlaceAreDamage: the new facts are refused where what they are about does not exist, and the book stays as it was.
func TestFactsOutOfPlaceAreDamage(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	rent := c.rent(20201220)
	c.grant("g1", "relief", 20210105, 20210120, 50000)
	c.object("g1", 1, 1)
	c.answer("g1", 1, false)
	b := fold(t, c.events)
	before := b.Digest()
	for name, e := range map[string]*eventv1.Event{
		"removed stranger":    {Fact: &eventv1.Event_GrantApplicantsRemoved{GrantApplicantsRemoved: &eventv1.GrantApplicantsRemoved{RoundId: "g1", Members: []uint32{9}}}},
		"removed nowhere":     {Fact: &eventv1.Event_GrantApplicantsRemoved{GrantApplicantsRemoved: &eventv1.GrantApplicantsRemoved{RoundId: "g2", Members: []uint32{1}}}},
		"cancelled nothing":   {Fact: &eventv1.Event_GrantRoundCancelled{GrantRoundCancelled: &eventv1.GrantRoundCancelled{RoundId: "g2"}}},
		"objection skipped":   {Fact: &eventv1.Event_GrantObjectionRaised{GrantObjectionRaised: &eventv1.GrantObjectionRaised{RoundId: "g1", Number: 3}}},
		"answered twice":      {Fact: &eventv1.Event_GrantObjectionAnswered{GrantObjectionAnswered: &eventv1.GrantObjectionAnswered{RoundId: "g1", Number: 1}}},
		"answered nothing":    {Fact: &eventv1.Event_GrantObjectionAnswered{GrantObjectionAnswered: &eventv1.GrantObjectionAnswered{RoundId: "g1", Number: 2}}},
		"returned by nothing": {Fact: &eventv1.Event_GrantReturned{GrantReturned: &eventv1.GrantReturned{RoundId: "g1", Member: 1}}},
		"reviewed open month": {Fact: &eventv1.Event_PeriodReviewed{PeriodReviewed: &eventv1.PeriodReviewed{Month: 202012, Items: []*eventv1.ReviewItem{{Voucher: rent.Ref}}}}},
		"unknown body":        {Fact: &eventv1.Event_BodyChanged{BodyChanged: &eventv1.BodyChanged{Body: &eventv1.Body{Id: "elders"}}}},
		"no body":             {Fact: &eventv1.Event_BodyChanged{BodyChanged: &eventv1.BodyChanged{}}},
		"policy out of turn":  {Fact: &eventv1.Event_WitnessPolicyAdopted{WitnessPolicyAdopted: &eventv1.WitnessPolicyAdopted{Version: 2}}},
		"unknown fund":        {Fact: &eventv1.Event_FundChanged{FundChanged: &eventv1.FundChanged{Fund: &eventv1.Fund{Id: "lottery"}}}},
	} {
		e.Version = b.Version() + 1
		if err := b.Fold(e); err == nil {
			t.Fatalf("%s was folded", name)
		}
	}
	if b.Digest() != before {
		t.Error("a refused event changed the book")
	}
}

// TestDigestSeesNewFacts: every new fact changes the digest by what it says.
func TestDigestSeesNewFacts(t *testing.T) {
	digest := func(e *eventv1.Event) [32]byte {
		c := newChronicle()
		c.found("abc")
		c.rent(20201220)
		c.on(20210101).add(&eventv1.Event{Fact: &eventv1.Event_PeriodClosed{PeriodClosed: &eventv1.PeriodClosed{Month: 202012}}})
		c.add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundOpened{GrantRoundOpened: &eventv1.GrantRoundOpened{Id: "g1", Fund: "welfare"}}})
		c.add(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsAdded{GrantApplicantsAdded: &eventv1.GrantApplicantsAdded{RoundId: "g1", Members: []uint32{1, 2}, AmountsFen: []int64{1, 1}}}})
		c.object("g1", 1, 1)
		c.add(e)
		return fold(t, c.events).Digest()
	}
	for name, pair := range map[string][2]*eventv1.Event{
		"removed":   {{Fact: &eventv1.Event_GrantApplicantsRemoved{GrantApplicantsRemoved: &eventv1.GrantApplicantsRemoved{RoundId: "g1", Members: []uint32{1}}}}, {Fact: &eventv1.Event_GrantApplicantsRemoved{GrantApplicantsRemoved: &eventv1.GrantApplicantsRemoved{RoundId: "g1", Members: []uint32{2}}}}},
		"cancelled": {{Fact: &eventv1.Event_GrantRoundCancelled{GrantRoundCancelled: &eventv1.GrantRoundCancelled{RoundId: "g1", Reason: "a"}}}, {Fact: &eventv1.Event_GrantRoundCancelled{GrantRoundCancelled: &eventv1.GrantRoundCancelled{RoundId: "g1", Reason: "b"}}}},
		"answered":  {{Fact: &eventv1.Event_GrantObjectionAnswered{GrantObjectionAnswered: &eventv1.GrantObjectionAnswered{RoundId: "g1", Number: 1, Text: "a"}}}, {Fact: &eventv1.Event_GrantObjectionAnswered{GrantObjectionAnswered: &eventv1.GrantObjectionAnswered{RoundId: "g1", Number: 1, Text: "b"}}}},
		"reviewed":  {{Fact: &eventv1.Event_PeriodReviewed{PeriodReviewed: &eventv1.PeriodReviewed{Month: 202012, Remark: "a"}}}, {Fact: &eventv1.Event_PeriodReviewed{PeriodReviewed: &eventv1.PeriodReviewed{Month: 202012, Remark: "b"}}}},
		"body":      {{Fact: &eventv1.Event_BodyChanged{BodyChanged: &eventv1.BodyChanged{Body: &eventv1.Body{Id: "household_heads", Size: 1}}}}, {Fact: &eventv1.Event_BodyChanged{BodyChanged: &eventv1.BodyChanged{Body: &eventv1.Body{Id: "household_heads", Size: 2}}}}},
		"fund":      {{Fact: &eventv1.Event_FundChanged{FundChanged: &eventv1.FundChanged{Fund: &eventv1.Fund{Id: "welfare", Name: "a"}}}}, {Fact: &eventv1.Event_FundChanged{FundChanged: &eventv1.FundChanged{Fund: &eventv1.Fund{Id: "welfare", Name: "b"}}}}},
		"witnesses": {{Fact: &eventv1.Event_WitnessPolicyAdopted{WitnessPolicyAdopted: &eventv1.WitnessPolicyAdopted{Version: 1, Groups: []*eventv1.WitnessGroup{{Threshold: 1}}}}}, {Fact: &eventv1.Event_WitnessPolicyAdopted{WitnessPolicyAdopted: &eventv1.WitnessPolicyAdopted{Version: 1, Groups: []*eventv1.WitnessGroup{{Threshold: 2}}}}}},
		"opening":   {{Fact: &eventv1.Event_OpeningProposed{OpeningProposed: &eventv1.OpeningProposed{OccurredOn: 20200301}}}, {Fact: &eventv1.Event_OpeningProposed{OpeningProposed: &eventv1.OpeningProposed{OccurredOn: 20200302}}}},
	} {
		if digest(pair[0]) == digest(pair[1]) {
			t.Errorf("%s: what it says does not matter to the digest", name)
		}
	}
}
