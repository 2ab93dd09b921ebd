package projections

import (
	"slices"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func (c *chronicle) version() uint64 { return uint64(len(c.events)) }

// corrected books a reversal of its own event and gives its version.
func (c *chronicle) corrected(day ledger.Day, v ...*eventv1.Voucher) uint64 {
	return c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, v...)
}

func TestAuthorityIsReservedThenDrawnThenGivenBack(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	c.resolve("r1", 20210101, eventv1.Matter_MATTER_PAYMENT, "maintenance", 500000)
	recorded := c.version()
	first := c.on(20210105).request("repair", "r1", 200000)
	asked := c.version()
	second := c.request("repair", "r1", 100000)
	c.add(&eventv1.Event{Fact: &eventv1.Event_RequestRejected{RequestRejected: &eventv1.RequestRejected{Number: second, Reason: "太贵"}}})
	rejected := c.version()
	paid := payment(20210110, "repair", "r1", 200000)
	c.settle(first, 20210110, paid)
	settled := c.version()
	turned := c.corrected(20210201, reversal(paid, 20210112))
	third := c.on(20210301).request("repair", "r1", 300000)
	c.add(&eventv1.Event{Fact: &eventv1.Event_RequestWithdrawn{RequestWithdrawn: &eventv1.RequestWithdrawn{Number: third}}})
	b := fold(t, c.events)

	for name, want := range map[string]struct {
		m                          Moment
		reserved, drawn, remaining ledger.Fen
	}{
		"recorded":                    {Moment{AsKnownAt: recorded}, 0, 0, 500000},
		"asked":                       {Moment{AsKnownAt: asked}, 200000, 0, 300000},
		"asked again and rejected":    {Moment{AsKnownAt: rejected}, 200000, 0, 300000},
		"paid":                        {Moment{AsKnownAt: settled}, 0, 200000, 300000},
		"paid, the day before":        {Moment{AsKnownAt: settled, AsOf: 20210109}, 200000, 0, 300000},
		"turned back":                 {Moment{AsKnownAt: turned}, 0, 0, 500000},
		"turned back, the day before": {Moment{AsKnownAt: turned, AsOf: 20210111}, 0, 200000, 300000},
		"asked a third time":          {Moment{AsKnownAt: turned + 1}, 300000, 0, 200000},
		"withdrawn":                   {Moment{}, 0, 0, 500000},
	} {
		list, next := b.Resolutions(0, 10, want.m)
		if len(list) != 1 || next != 0 {
			t.Fatalf("%s: %d resolutions, next %d", name, len(list), next)
		}
		r := list[0]
		if r.Id != "r1" || !r.Confirmed || r.Reserved != want.reserved || r.Drawn != want.drawn || r.Remaining != want.remaining {
			t.Errorf("%s: reserved %v drawn %v remaining %v, want %v %v %v", name, r.Reserved, r.Drawn, r.Remaining, want.reserved, want.drawn, want.remaining)
		}
	}
	if list, _ := b.Resolutions(0, 10, Moment{AsKnownAt: recorded - 1}); list[0].Confirmed {
		t.Error("the resolution was confirmed before its confirmation")
	}
	if list, _ := b.Resolutions(0, 10, Moment{AsKnownAt: recorded - 2}); len(list) != 0 {
		t.Error("the resolution was seen before it was recorded")
	}

	for name, want := range map[string]struct {
		m      Moment
		states []string
	}{
		"asked":                {Moment{AsKnownAt: asked}, []string{RequestOpen}},
		"paid":                 {Moment{AsKnownAt: settled}, []string{RequestSettled, RequestRejected}},
		"paid, the day before": {Moment{AsKnownAt: settled, AsOf: 20210109}, []string{RequestOpen, RequestRejected}},
		"withdrawn":            {Moment{}, []string{RequestSettled, RequestRejected, RequestWithdrawn}},
	} {
		list, _ := b.Requests("", 0, 10, want.m)
		var states []string
		for _, q := range list {
			states = append(states, q.State)
		}
		if !slices.Equal(states, want.states) {
			t.Errorf("%s: requests are %v, want %v", name, states, want.states)
		}
		if by := list[0].EndedBy; (by == "") != (states[0] == RequestOpen) {
			t.Errorf("%s: a request that is %s was ended by %q", name, states[0], by)
		}
	}
	list, next := b.Requests(RequestRejected, 0, 1, Moment{})
	if len(list) != 1 || next != 0 || list[0].Reason != "太贵" || list[0].Made.Number != 2 || list[0].Amount != 100000 {
		t.Errorf("rejected requests: %+v, next %d", list, next)
	}
	list, next = b.Requests("", 0, 2, Moment{})
	if len(list) != 2 || next != 2 {
		t.Errorf("first page has %d requests, next %d", len(list), next)
	}
	q := list[0]
	if q.RequestedBy != "treasurer" || !slices.Equal(q.ApprovedBy, []string{"approver"}) || q.EndedBy != "treasurer" || q.Kind != RequestPayment ||
		q.Payee != "org/园林公司" || !slices.Equal(q.Vouchers, []ledger.VoucherRef{{Class: ledger.Payment, Year: 2021, Number: 1}}) {
		t.Errorf("request 1: %+v", q)
	}
	if list, next = b.Requests("", next, 2, Moment{}); len(list) != 1 || next != 0 || list[0].Made.Number != 3 {
		t.Errorf("second page: %+v, next %d", list, next)
	}
}

func TestRequestsOfEveryKind(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	rent := c.rent(20201220)
	c.resolve("tr", 20210101, eventv1.Matter_MATTER_TRANSFER, "reserve", 5000)
	ask := func(order *eventv1.RequestMade) {
		c.add(&eventv1.Event{Fact: &eventv1.Event_RequestMade{RequestMade: order}})
	}
	ask(&eventv1.RequestMade{Number: 1, Order: &eventv1.RequestMade_Transfer{Transfer: &eventv1.TransferOrder{FromFund: "reserve", ToFund: "welfare", AmountFen: 5000, ResolutionId: "tr"}}})
	moved := voucher(ledger.Transfer, 20210102, "调剂", "fund/reserve", 5000, "fund/welfare", -5000)
	moved.ResolutionId, moved.DrawnFen, moved.RequestNumber = "tr", 5000, 1
	c.add(&eventv1.Event{Fact: &eventv1.Event_TransferMade{TransferMade: &eventv1.TransferMade{Number: 1}}}, moved)
	ask(&eventv1.RequestMade{Number: 2, Order: &eventv1.RequestMade_Correction{Correction: &eventv1.CorrectionOrder{
		Reverses: []*eventv1.VoucherRef{rent.Ref}, Narration: "记错"}}})
	ask(&eventv1.RequestMade{Number: 3, Order: &eventv1.RequestMade_Correction{Correction: &eventv1.CorrectionOrder{DifferenceOf: rent.Ref, DifferenceFen: -300}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_RequestReviewed{RequestReviewed: &eventv1.RequestReviewed{Number: 3}}})
	turned := reversal(rent, 20201220)
	turned.RequestNumber = 2
	c.add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{Number: 2}}}, turned)
	list, _ := fold(t, c.events).Requests("", 0, 10, Moment{})
	type brief struct {
		kind, state, fund, narration string
		amount                       ledger.Fen
		vouchers                     int
		reviewed                     string
	}
	want := []brief{{RequestTransfer, RequestSettled, "reserve", "", 5000, 1, ""}, {RequestCorrection, RequestSettled, "", "记错", 9800000, 1, ""},
		{RequestCorrection, RequestOpen, "", "", -300, 0, "treasurer"}}
	for i, q := range list {
		if got := (brief{q.Kind, q.State, q.Fund, q.Narration, q.Amount, len(q.Vouchers), q.ReviewedBy}); got != want[i] {
			t.Errorf("request %d: %+v, want %+v", i+1, got, want[i])
		}
	}
}

func TestGrantRoundFollowsItsVouchers(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	c.resolve("gr", 20210101, eventv1.Matter_MATTER_PAYMENT, "welfare", 500000)
	start := c.version()
	award, paid := c.grant("g1", "relief", 20210105, 20210120, 50000, 30000)
	c.events[start].GetGrantRoundOpened().ResolutionId = "gr"
	award.ResolutionId, award.DrawnFen = "gr", 80000
	allPaid := c.version()
	returned := c.corrected(20210125, reversal(paid[1], 20210124))
	cancelled := voucher(ledger.Transfer, 20210126, "不领", "payable/grant", 30000, "fund/welfare", -30000)
	cancelled.GrantRoundId, cancelled.Party, cancelled.ResolutionId, cancelled.DrawnFen = "g1", "member/2", "gr", -30000
	gone := c.on(20210126).add(&eventv1.Event{Fact: &eventv1.Event_GrantCancelled{GrantCancelled: &eventv1.GrantCancelled{RoundId: "g1", Member: 2}}}, cancelled)
	restored := c.corrected(20210127, reversal(cancelled, 20210127))
	c.corrected(20210128, reversal(paid[0], 20210128))
	back := c.corrected(20210129, reversal(award, 20210129))
	again := voucher(ledger.Transfer, 20210130, "发放 g1", "fund/welfare", 80000, "payable/grant", -80000)
	again.GrantRoundId, again.ResolutionId, again.DrawnFen = "g1", "gr", 80000
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantsAwarded{GrantsAwarded: &eventv1.GrantsAwarded{RoundId: "g1"}}}, again)
	b := fold(t, c.events)

	for name, want := range map[string]struct {
		m        Moment
		state    string
		lines    []string
		paid     ledger.Fen
		reserved ledger.Fen
		drawn    ledger.Fen
	}{
		"opened":                {Moment{AsKnownAt: start + 1}, RoundOpen, nil, 0, 80000, 0},
		"with applicants":       {Moment{AsKnownAt: start + 2}, RoundOpen, []string{LineApplied, LineApplied}, 0, 80000, 0},
		"reviewed":              {Moment{AsKnownAt: start + 3}, RoundReviewed, []string{LineApplied, LineApplied}, 0, 80000, 0},
		"on notice":             {Moment{AsKnownAt: start + 4}, RoundNotice, []string{LineApplied, LineApplied}, 0, 80000, 0},
		"awarded":               {Moment{AsKnownAt: start + 5}, RoundAwarded, []string{LineAwarded, LineAwarded}, 0, 0, 80000},
		"paid":                  {Moment{AsKnownAt: allPaid}, RoundAwarded, []string{LinePaid, LinePaid}, 80000, 0, 80000},
		"paid, the day before":  {Moment{AsKnownAt: allPaid, AsOf: 20210119}, RoundNotice, []string{LineApplied, LineApplied}, 0, 80000, 0},
		"one returned":          {Moment{AsKnownAt: returned}, RoundAwarded, []string{LinePaid, LineAwarded}, 50000, 0, 80000},
		"the return not yet":    {Moment{AsKnownAt: returned, AsOf: 20210123}, RoundAwarded, []string{LinePaid, LinePaid}, 80000, 0, 80000},
		"one cancelled":         {Moment{AsKnownAt: gone}, RoundAwarded, []string{LinePaid, LineCancelled}, 50000, 0, 50000},
		"cancelled turned back": {Moment{AsKnownAt: restored}, RoundAwarded, []string{LinePaid, LineAwarded}, 50000, 0, 80000},
		"award turned back":     {Moment{AsKnownAt: back}, RoundNotice, []string{LineApplied, LineApplied}, 0, 80000, 0},
		"awarded again":         {Moment{}, RoundAwarded, []string{LineAwarded, LineAwarded}, 0, 0, 80000},
	} {
		list, _ := b.GrantRounds(0, 10, want.m)
		if len(list) != 1 {
			t.Fatalf("%s: %d rounds", name, len(list))
		}
		g := list[0]
		var lines []string
		for _, l := range g.Lines {
			lines = append(lines, l.State)
		}
		count := len(slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return s != LinePaid }))
		if g.State != want.state || !slices.Equal(lines, want.lines) || g.Paid != want.paid || g.PaidCount != count || g.Total != ledger.Fen(40000*len(lines)) {
			t.Errorf("%s: %s %v paid %v to %d of %v, want %s %v paid %v", name, g.State, lines, g.Paid, g.PaidCount, g.Total, want.state, want.lines, want.paid)
		}
		r, _ := b.Resolutions(0, 10, want.m)
		if r[0].Reserved != want.reserved || r[0].Drawn != want.drawn {
			t.Errorf("%s: reserved %v drawn %v, want %v %v", name, r[0].Reserved, r[0].Drawn, want.reserved, want.drawn)
		}
	}
	if list, _ := b.GrantRounds(0, 10, Moment{AsKnownAt: allPaid}); list[0].NoticeTo != 20210114 || list[0].Lines[1].Voucher.Number != 2 {
		t.Errorf("paid round: notice to %v, second line paid by %v", list[0].NoticeTo, list[0].Lines[1].Voucher)
	}
	if list, _ := b.GrantRounds(0, 10, Moment{AsKnownAt: start + 3}); list[0].NoticeFrom != 0 || list[0].NoticeTo != 0 {
		t.Errorf("the notice was seen before it was published: %v", list[0].NoticeFrom)
	}
	if list, _ := b.GrantRounds(0, 10, Moment{AsKnownAt: start}); len(list) != 0 {
		t.Error("the round was seen before it was opened")
	}
}

func TestLinesStartAnewWhenARoundIsAwardedAgain(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	award, paid := c.grant("g1", "relief", 20210105, 20210120, 50000)
	c.corrected(20210121, reversal(award, 20210121)) // the money was never asked back: the line's payment belongs to the first award
	again := voucher(ledger.Transfer, 20210122, "发放 g1", "fund/welfare", 50000, "payable/grant", -50000)
	again.GrantRoundId = "g1"
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantsAwarded{GrantsAwarded: &eventv1.GrantsAwarded{RoundId: "g1"}}}, again)
	list, _ := fold(t, c.events).GrantRounds(0, 1, Moment{})
	if want := (GrantLine{Member: 1, Amount: 50000, State: LineAwarded}); list[0].Lines[0] != want || list[0].Paid != 0 {
		t.Errorf("line %+v, want %+v; %v", list[0].Lines[0], want, paid[0].Ref)
	}
}

func TestRoundIsOpenAgainWhenApplicantsAreAddedAfterReview(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundOpened{GrantRoundOpened: &eventv1.GrantRoundOpened{Id: "g1", Fund: "welfare", BudgetFen: 900}}})
	applicants := func(member uint32) {
		c.add(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsAdded{GrantApplicantsAdded: &eventv1.GrantApplicantsAdded{RoundId: "g1", Members: []uint32{member}, AmountsFen: []int64{100}}}})
	}
	applicants(1)
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundReviewed{GrantRoundReviewed: &eventv1.GrantRoundReviewed{RoundId: "g1"}}})
	applicants(2)
	if list, _ := fold(t, c.events).GrantRounds(0, 1, Moment{}); list[0].State != RoundOpen || len(list[0].Lines) != 2 {
		t.Errorf("the round is %s with %d lines", list[0].State, len(list[0].Lines))
	}
}

func TestDividendFollowsItsFiles(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	c.resolve("dr", 20210101, eventv1.Matter_MATTER_DIVIDEND, "dividend", 10000)
	c.declare("d1", "dr", 10000, 6, 1600, 20210110)
	declared := c.version()
	first := c.pay("d1", 1, 1, 4, 1600, 20210115, 3)
	one := c.version()
	c.pay("d1", 2, 3, 6, 1600, 20210120, 3, 4, 5, 6)
	two := c.version()
	back := c.corrected(20210125, reversal(first, 20210125))
	c.pay("d1", 3, 1, 2, 1600, 20210126)
	b := fold(t, c.events)

	for name, want := range map[string]struct {
		m      Moment
		paid   ledger.Fen
		count  int
		owed   ledger.Fen
		states []string // of payees 1 to 6
		files  []string
	}{
		"declared":              {Moment{AsKnownAt: declared}, 0, 0, 9600, []string{"owed", "owed", "owed", "owed", "owed", "owed"}, nil},
		"sent":                  {Moment{AsKnownAt: one - 1}, 0, 0, 9600, []string{"sent", "sent", "sent", "sent", "owed", "owed"}, []string{FileSent}},
		"one failed":            {Moment{AsKnownAt: one}, 4800, 3, 4800, []string{"paid", "paid", "owed", "paid", "owed", "owed"}, []string{FileSettled}},
		"before the file's day": {Moment{AsKnownAt: one, AsOf: 20210114}, 0, 0, 9600, []string{"owed", "owed", "owed", "owed", "owed", "owed"}, nil},
		"all of a file failed":  {Moment{AsKnownAt: two}, 4800, 3, 4800, []string{"paid", "paid", "owed", "paid", "owed", "owed"}, []string{FileSettled, FileSettled}},
		"first file turned":     {Moment{AsKnownAt: back}, 0, 0, 9600, []string{"owed", "owed", "owed", "owed", "owed", "owed"}, []string{FileReversed, FileSettled}},
		"two of them paid anew": {Moment{}, 3200, 2, 6400, []string{"paid", "paid", "owed", "owed", "owed", "owed"}, []string{FileReversed, FileSettled, FileSettled}},
	} {
		list, _ := b.Dividends(0, 10, want.m)
		if len(list) != 1 {
			t.Fatalf("%s: %d runs", name, len(list))
		}
		d := list[0]
		var files []string
		for _, f := range d.Files {
			files = append(files, f.State)
		}
		if d.Paid != want.paid || d.PaidCount != want.count || d.Owed != want.owed || d.Declared != 9600 || d.State != RunDeclared || !slices.Equal(files, want.files) {
			t.Errorf("%s: %+v, want %+v", name, d, want)
		}
		var states []string
		for after, more := 0, true; more; more = after != 0 {
			page, next, ok := b.Entitlements("d1", 20210101, after, 4, want.m)
			if !ok {
				t.Fatalf("%s: no entitlements", name)
			}
			for _, e := range page {
				states = append(states, e.State)
				if e.Amount != 1600 || (e.File == 0) != (e.State == EntitlementOwed) {
					t.Errorf("%s: %+v", name, e)
				}
			}
			after = next
		}
		if !slices.Equal(states, want.states) {
			t.Errorf("%s: payees are %v, want %v", name, states, want.states)
		}
	}
	if _, _, ok := b.Entitlements("d1", 20210101, 0, 4, Moment{AsKnownAt: declared - 1}); ok {
		t.Error("the roster was seen before the declaration")
	}
	if list, _ := b.Dividends(0, 1, Moment{}); list[0].Order.ResolutionId != "dr" || list[0].DeclaredOn != 20210110 || list[0].Files[1].Voucher != (ledger.VoucherRef{}) {
		t.Errorf("run: %+v", list[0])
	}
}

func TestPayeesOfAFileInAnyOrder(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	c.resolve("dr", 20210101, eventv1.Matter_MATTER_DIVIDEND, "dividend", 10000)
	c.declare("d1", "dr", 10000, 6, 1600, 20210110)
	c.add(&eventv1.Event{Fact: &eventv1.Event_DividendFileSent{DividendFileSent: &eventv1.DividendFileSent{RunId: "d1", File: 1, Payees: []uint32{6, 5, 1}, TotalFen: 4800}}})
	page, _, _ := fold(t, c.events).Entitlements("d1", 20210101, 0, 4, Moment{})
	var sent []uint32
	for _, e := range page {
		if e.State == EntitlementSent && e.File == 1 {
			sent = append(sent, e.Payee)
		}
	}
	if !slices.Equal(sent, []uint32{1}) {
		t.Errorf("sent to %v", sent)
	}
}

func TestReversedDeclarationCancelsTheRunAndFreesItsName(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	c.resolve("dr", 20210101, eventv1.Matter_MATTER_DIVIDEND, "dividend", 10000)
	wrong := c.declare("d1", "dr", 10000, 6, 1600, 20210110)
	c.corrected(20210111, reversal(wrong, 20210111))
	cancelled := c.version()
	c.declare("d1", "dr", 6000, 6, 1000, 20210112)
	b := fold(t, c.events)

	list, _ := b.Dividends(0, 10, Moment{})
	if len(list) != 2 || list[0].State != RunCancelled || list[0].Owed != 0 || list[1].State != RunDeclared || list[1].Owed != 6000 {
		t.Errorf("runs: %+v", list)
	}
	page, _, _ := b.Entitlements("d1", 20210101, 0, 2, Moment{AsKnownAt: cancelled})
	if len(page) != 2 || page[0].State != EntitlementCancelled || page[0].Amount != 1600 {
		t.Errorf("cancelled run: %+v", page)
	}
	page, next, _ := b.Entitlements("d1", 20210101, 4, 2, Moment{})
	if len(page) != 2 || next != 0 || page[1] != (Entitlement{Payee: 6, Amount: 1000, State: EntitlementOwed}) {
		t.Errorf("second run: %+v", page)
	}
	r, _ := b.Resolutions(0, 1, Moment{})
	if r[0].Drawn != 6000 || r[0].Remaining != 4000 {
		t.Errorf("drawn %v, remaining %v", r[0].Drawn, r[0].Remaining)
	}
}

func TestCollectiveCountsMembersOnADay(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.add(&eventv1.Event{Fact: &eventv1.Event_MembersEnrolled{MembersEnrolled: &eventv1.MembersEnrolled{Group: "aa", JoinedOn: 20200301,
		Members: []uint32{1, 2, 3}, Households: []uint32{7, 7, 8}}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_MembersDeparted{MembersDeparted: &eventv1.MembersDeparted{LeftOn: 20200601, Members: []uint32{3}}}})
	departed := c.version()
	c.add(&eventv1.Event{Fact: &eventv1.Event_FundOpened{FundOpened: &eventv1.FundOpened{Fund: &eventv1.Fund{Id: "school"}}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_PeriodClosed{PeriodClosed: &eventv1.PeriodClosed{Month: 202012}}})
	b := fold(t, c.events)
	for _, want := range []struct {
		on                  ledger.Day
		m                   Moment
		members, households int
		funds               int
		closed              ledger.Month
		open                ledger.Day
	}{
		{20200229, Moment{}, 0, 0, 5, 202012, 20210101},
		{20200301, Moment{}, 3, 2, 5, 202012, 20210101},
		{20200601, Moment{}, 3, 2, 5, 202012, 20210101},
		{20200602, Moment{}, 2, 1, 5, 202012, 20210101},
		{20200602, Moment{AsKnownAt: departed - 1}, 3, 2, 4, 0, 20200301},
		{20200602, Moment{AsKnownAt: departed}, 2, 1, 4, 0, 20200301},
	} {
		got := b.Collective(want.on, want.m)
		if got.Members != want.members || got.Households != want.households || len(got.Funds) != want.funds || got.ClosedThrough != want.closed ||
			got.FirstOpenDay != want.open || len(got.MoneyAccounts) != 1 || got.Charter.Name != "利民坝社区" {
			t.Errorf("on %v at %+v: %+v", want.on, want.m, got)
		}
		if s := b.FundStatement(Period{}, want.m); len(s.Funds) != want.funds {
			t.Errorf("statement at %+v has %d funds, want %d", want.m, len(s.Funds), want.funds)
		}
	}
	if got := b.Collective(20200602, Moment{AsKnownAt: NothingKnown}); got.Charter != nil || got.Version != 0 {
		t.Errorf("before the founding: %+v", got)
	}
}

func TestPoliciesAndRulesAreKeptByVersion(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	for version := range uint32(2) {
		c.add(&eventv1.Event{Fact: &eventv1.Event_PolicyAdopted{PolicyAdopted: &eventv1.PolicyAdopted{Version: version + 1}}})
		c.add(&eventv1.Event{Fact: &eventv1.Event_SpendingRuleAdopted{SpendingRuleAdopted: &eventv1.SpendingRuleAdopted{Version: version + 1}}})
	}
	b := fold(t, c.events)
	for _, want := range []struct {
		known    uint64
		policies int
		rule     uint32
	}{{2, 0, 0}, {3, 1, 0}, {4, 1, 1}, {5, 2, 1}, {0, 2, 2}} {
		m := Moment{AsKnownAt: want.known}
		if p, r := b.Policies(m), b.SpendingRule(m); len(p) != want.policies || r.GetVersion() != want.rule {
			t.Errorf("known at %d: %d policies, rule %d", want.known, len(p), r.GetVersion())
		}
	}
	if p := b.Policies(Moment{}); p[1].Version != 2 || !p[1].AdoptedAt.Equal(c.now) {
		t.Errorf("policies: %+v", p)
	}
}
