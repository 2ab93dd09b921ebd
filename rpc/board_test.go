package rpc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// flowsOf writes the flows of a board as "INCOME rent > FUND dividend 137200.00".
func flowsOf(list []*apiv1.Flow) []string {
	end := func(e *apiv1.FlowEnd) string {
		return strings.TrimSpace(strings.TrimPrefix(e.Kind.String(), "FLOW_END_KIND_") + " " + e.Id)
	}
	return each(list, func(f *apiv1.Flow) string { return end(f.From) + " > " + end(f.To) + " " + f.Amount })
}

// TestBoardOfTheDemonstration: one answer has the figures of 2021 that were worked out by hand, and those of GetFundStatement.
func TestBoardOfTheDemonstration(t *testing.T) {
	v, _ := demonstrated(t, "2022-12-31")
	board := v.must("", &apiv1.GetBoardRequest{CollectiveId: lt.LiminbaID, From: "2021-01-01", To: "2021-12-31"}).(*apiv1.GetBoardResponse)
	statement := v.must("", &apiv1.GetFundStatementRequest{CollectiveId: lt.LiminbaID, From: "2021-01-01", To: "2021-12-31"}).(*apiv1.GetFundStatementResponse)
	if !proto.Equal(board.Total, statement.Total) || !slices.EqualFunc(board.Funds, statement.Funds, func(a, b *apiv1.FundLine) bool { return proto.Equal(a, b) }) || board.Version != statement.Version {
		t.Errorf("the board says %v, the statement %v", board, statement)
	}
	if board.Name != "利民坝" || !board.SimulatedClock || board.From != "2021-01-01" || len(board.Months) != 12 || board.Months[6].Total.Spent != "137173.92" ||
		board.Months[6].Funds[0].Closing != "26.08" || board.Total.Opening != "98000.00" || board.Total.Closing != "135771.08" ||
		board.Money[0].Name == "" || board.Money[0].Kind != apiv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK || board.Money[0].Balance != "135771.08" {
		t.Errorf("the board of 2021 is %v", board)
	}
	want := []string{
		"INCOME rent > FUND dividend 137200.00", "FUND dividend > DIVIDEND 137173.92", "INCOME rent > FUND reserve 19600.00", "INCOME rent > FUND welfare 19600.00",
		"FUND welfare > PURPOSE relief 2200.00", "FUND welfare > PURPOSE scholarship 6300.00", "INCOME rent > FUND maintenance 19600.00",
		"FUND maintenance > PURPOSE daily_management 4200.00", "FUND maintenance > PURPOSE planting 8355.00",
	}
	if got := flowsOf(board.Flows); !slices.Equal(got, want) {
		t.Errorf("flows %q", got)
	}
	v.refused("", &apiv1.GetBoardRequest{CollectiveId: lt.LiminbaID, From: "2021-02-01", To: "2021-01-01"}, ledger.FieldInvalid)

	rounds := v.must("", &apiv1.ListRoundsRequest{CollectiveId: lt.LiminbaID, PageSize: 4}).(*apiv1.ListRoundsResponse)
	rest := v.must("", &apiv1.ListRoundsRequest{CollectiveId: lt.LiminbaID, PageSize: 4, PageToken: rounds.NextPageToken}).(*apiv1.ListRoundsResponse)
	shown := each(append(rounds.Rounds, rest.Rounds...), func(r *apiv1.Round) string {
		return fmt.Sprint(r.Id, " ", r.People, " ", r.Rate, " ", r.Total, " ", r.Paid, " ", r.Remainder, " ", r.NoticeTo)
	})
	if want := []string{"scholarship-2 8  8400.00 8400.00  2022-08-24", "2022 3211 42.73 137206.03 137206.03 20.05 ", "relief-2 10  3400.00 3400.00  2022-01-13",
		"scholarship-1 6  6300.00 6300.00  2021-08-25", "2021 3211 42.72 137173.92 137173.92 26.08 ", "relief-1 6  2200.00 2200.00  2021-01-20"}; !slices.Equal(shown, want) || rest.NextPageToken != "" {
		t.Errorf("rounds %q", shown)
	}
	v.must("treasurer", disclose(dividend, "2021"))
	one := v.must("", &apiv1.ListRoundsRequest{CollectiveId: lt.LiminbaID}).(*apiv1.ListRoundsResponse).Rounds[4]
	if len(one.DisclosedRoot) != 64 || one.DisclosedVersion == 0 || one.Voucher == "" || one.RecordDate == "" || one.Kind != dividend {
		t.Errorf("the disclosed dividend is %v", one)
	}
}

// TestLinesOfABoard: every filter by itself and together, oldest and newest first, page by page, with the balance of the fund.
func TestLinesOfABoard(t *testing.T) {
	v, _ := demonstrated(t, "2022-12-31")
	list := func(r *apiv1.ListReceiptsAndPaymentsRequest) (lines []string) {
		t.Helper()
		r.CollectiveId = lt.LiminbaID
		for {
			page := v.must("", r).(*apiv1.ListReceiptsAndPaymentsResponse)
			if len(page.Notes) != len(page.Vouchers) {
				t.Fatalf("%d vouchers and %d notes", len(page.Vouchers), len(page.Notes))
			}
			for i, one := range page.Vouchers {
				if page.Notes[i].Voucher != one.Number {
					t.Errorf("%s has the note of %s", one.Number, page.Notes[i].Voucher)
				}
				lines = append(lines, strings.TrimSpace(one.Number+" "+one.OccurredOn+" "+page.Notes[i].Change+" "+page.Notes[i].Balance))
			}
			if r.PageToken = page.NextPageToken; r.PageToken == "" {
				return lines
			}
		}
	}
	for name, c := range map[string]struct {
		r    *apiv1.ListReceiptsAndPaymentsRequest
		want []string
	}{
		"a fund, newest first": {&apiv1.ListReceiptsAndPaymentsRequest{Fund: "maintenance", To: "2021-12-31", PageSize: 2},
			[]string{"收2021-2 2021-12-20 9800.00 16845.00", "付2021-18 2021-09-10 -8355.00 7045.00", "收2021-1 2021-06-20 9800.00 15400.00", "付2021-7 2021-03-15 -4200.00 5600.00", "收2020-1 2020-12-20 9800.00 9800.00"}},
		"its payments, oldest first": {&apiv1.ListReceiptsAndPaymentsRequest{Fund: "maintenance", Class: "payment", To: "2021-12-31", Ascending: true},
			[]string{"付2021-7 2021-03-15 -4200.00 5600.00", "付2021-18 2021-09-10 -8355.00 7045.00"}},
		"its month":              {&apiv1.ListReceiptsAndPaymentsRequest{Fund: "dividend", Month: "2021-07"}, []string{"转2021-2 2021-07-20 -137173.92 26.08"}},
		"a month without it":     {&apiv1.ListReceiptsAndPaymentsRequest{Fund: "dividend", Month: "2021-08"}, nil},
		"a month outside":        {&apiv1.ListReceiptsAndPaymentsRequest{Month: "2021-07", From: "2021-08-01"}, nil},
		"a purpose":              {&apiv1.ListReceiptsAndPaymentsRequest{Purpose: "planting"}, []string{"付2021-18 2021-09-10"}},
		"a kind of income":       {&apiv1.ListReceiptsAndPaymentsRequest{IncomeKind: "rent", Month: "2021-06"}, []string{"收2021-1 2021-06-20"}},
		"another kind of income": {&apiv1.ListReceiptsAndPaymentsRequest{IncomeKind: "interest"}, nil},
	} {
		if got := list(c.r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	bare := len(list(&apiv1.ListReceiptsAndPaymentsRequest{WithoutPapers: true}))
	board := v.must("", &apiv1.GetBoardRequest{CollectiveId: lt.LiminbaID}).(*apiv1.GetBoardResponse)
	if board.Lines != 56 || bare != 56-int(board.LinesWithPapers) || bare == 0 || bare == 56 {
		t.Errorf("%d lines, %d with papers, %d without", board.Lines, board.LinesWithPapers, bare)
	}
	v.refused("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: lt.LiminbaID, Fund: "nothing"}, ledger.FundUnknown)
	v.refused("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: lt.LiminbaID, Month: "2021-13"}, ledger.MonthInvalid)
}

// TestCounterpartiesOfABoard: organisations by their public name, people by their kind alone, donors not at all; the papers by their number.
func TestCounterpartiesOfABoard(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	v.must("treasurer", &apiv1.EnrolMembersRequest{CommandId: id(), CollectiveId: "lmb", Group: "one", JoinedOn: "2021-07-01", Members: []uint32{17}, Households: []uint32{1}})
	member := income("10.00")
	member.Payer, member.Documents = "member/17", append(member.Documents, &apiv1.Document{Kind: "receipt", Issuer: "market", Number: id(), Sha256: strings.Repeat("ab", 32), MediaType: "image/jpeg"})
	v.must("treasurer", member)
	party := income("20.00")
	party.Payer, party.Documents = "party/p-17", nil
	v.must("treasurer", party)
	gift := v.must("treasurer", &apiv1.ReceiveGiftRequest{CommandId: id(), CollectiveId: "lmb", Fund: "welfare", Amount: "5.00", OccurredOn: "2021-09-10", MoneyAccount: "bank", Donor: "org/商会"}).(*apiv1.ReceiveGiftResponse).Receipt.Vouchers[0].Number
	v.must("treasurer", &apiv1.RequestReversalRequest{CommandId: id(), CollectiveId: "lmb", Vouchers: []string{gift}, Narration: "录错", OccurredOn: "2021-09-10"})
	v.must("treasurer", &apiv1.ReceiveDepositRequest{CommandId: id(), CollectiveId: "lmb", Kind: "lease", Amount: "8.00", OccurredOn: "2021-09-11", MoneyAccount: "bank", Payer: "org/市场", Narration: "押金"})
	page := v.must("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb", Ascending: true}).(*apiv1.ListReceiptsAndPaymentsResponse)
	got := each(page.Notes, func(n *apiv1.LineNote) string {
		return strings.TrimPrefix(n.CounterpartyKind.String(), "COUNTERPARTY_KIND_") + " " + n.Counterparty + fmt.Sprint(" ", n.Papers, " ", n.PapersWithFile)
	})
	want := []string{"ORGANISATION 市场 1 0", "MEMBER  2 1", "PARTY  0 0", "UNSPECIFIED  0 0", "UNSPECIFIED  0 0", "ORGANISATION 市场 0 0"}
	if !slices.Equal(got, want) {
		t.Errorf("notes %q, want %q", got, want)
	}
	for _, answer := range []reply{v.post("", disclosure+"ListReceiptsAndPayments", `{"collectiveId":"lmb"}`), v.post("", disclosure+"GetLine", `{"collectiveId":"lmb","voucher":"`+gift+`"}`)} {
		if strings.Contains(answer.body, "商会") || strings.Contains(answer.body, "p-17") || strings.Contains(answer.body, "member/17") || answer.status != 200 {
			t.Errorf("somebody is named: %s", answer.body)
		}
	}
	if flows := flowsOf(v.must("", &apiv1.GetBoardRequest{CollectiveId: "lmb"}).(*apiv1.GetBoardResponse).Flows); len(flows) != 4 || slices.ContainsFunc(flows, func(f string) bool { return strings.HasPrefix(f, "GIFT") }) {
		t.Errorf("a gift that was turned back flows: %q", flows)
	}
}

// TestLineTellsHowItCameToBe: funds before and after, the split with its odd fen, who had to approve, what was put right, days late, the
// tree over it and the month that seals it.
func TestLineTellsHowItCameToBe(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	odd := v.must("treasurer", income("98.01")).(*apiv1.RecordIncomeResponse).Receipt
	line := func(number string) *apiv1.GetLineResponse {
		t.Helper()
		return v.must("", &apiv1.GetLineRequest{CollectiveId: "lmb", Voucher: number}).(*apiv1.GetLineResponse)
	}
	split := line(odd.Vouchers[0].Number)
	parts := each(split.Parts, func(p *apiv1.LinePart) string { return p.Fund + " " + p.Share + " " + p.Amount + " " + p.Odd })
	effects := each(split.Effects, func(e *apiv1.FundEffect) string { return e.Fund + " " + e.Before + " " + e.Change + " " + e.After })
	if want := []string{"dividend 7/10 68.61 0.01", "reserve 1/10 9.80 0.00", "welfare 1/10 9.80 0.00", "maintenance 1/10 9.80 0.00"}; !slices.Equal(parts, want) {
		t.Errorf("parts %q", parts)
	}
	if want := []string{"dividend 68600.00 68.61 68668.61", "reserve 9800.00 9.80 9809.80", "welfare 9800.00 9.80 9809.80", "maintenance 9800.00 9.80 9809.80"}; !slices.Equal(effects, want) {
		t.Errorf("effects %q", effects)
	}
	if split.DaysLate != 20 || split.Rounding != apiv1.Rounding_ROUNDING_LARGEST_FRACTION || split.Voucher.PolicyVersion != 1 || split.Fact != "income_recorded" || split.HeadSize < odd.Version ||
		split.SealedBy != "" || split.Version != odd.Version || split.Note.Papers != 1 {
		t.Errorf("the line is %v", split)
	}

	asked := v.must("treasurer", &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "maintenance", Purpose: "upkeep", Amount: "1200.00", Payee: "org/园林公司",
		Narration: "修路", MoneyAccount: "bank"}).(*apiv1.RequestPaymentResponse).Receipt
	v.must("supervisor", &apiv1.ReviewRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, Digest: asked.RequestDigest})
	v.must("approver", &apiv1.ApproveRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, Digest: asked.RequestDigest})
	v.must("cashier", &apiv1.SettlePaymentRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, OccurredOn: "2021-09-30", MoneyAccount: "bank"})
	paid := line("P2021-1")
	if paid.ApprovalsNeeded != 1 || paid.Approvals != 1 || !paid.ReviewNeeded || !paid.Reviewed || len(paid.Parts) != 0 || paid.Note.Counterparty != "园林公司" ||
		paid.Effects[0].After != "8609.80" || paid.DaysLate != 0 {
		t.Errorf("the payment is %v", paid)
	}
	body := v.post("", disclosure+"GetLine", `{"collectiveId":"lmb","voucher":"付2021-1"}`).body
	for _, secret := range []string{"approver", "supervisor", "cashier", "treasurer"} {
		if strings.Contains(body, `"`+secret+`"`) {
			t.Errorf("the line names %s: %s", secret, body)
		}
	}
	v.refused("", &apiv1.GetLineRequest{CollectiveId: "lmb", Voucher: "付2021-9"}, ledger.VoucherUnknown)
	v.refused("", &apiv1.GetLineRequest{CollectiveId: "lmb", Voucher: "付2021-1", AsOf: "2021-09-29"}, ledger.VoucherUnknown)
	v.refused("", &apiv1.GetLineRequest{CollectiveId: "lmb", Voucher: "xyz"}, ledger.VoucherNumberInvalid)

	v.at(2)
	v.resolve("witnesses", apiv1.Matter_MATTER_CHARTER)
	v.must("approver", &apiv1.AdoptWitnessPolicyRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "witnesses", Groups: []*apiv1.WitnessGroup{committee(1, "first")}})
	v.must("treasurer", september())
	july := v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: "2021-07"}).(*apiv1.ClosePeriodResponse).Receipt.Version
	for _, month := range []string{"2021-08", "2021-09"} {
		v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: month})
	}
	august := v.seal(&apiv1.GetSealRequest{Month: "2021-08"})
	v.must("", &apiv1.SubmitCosignatureRequest{CollectiveId: "lmb", Note: cosigned(t, august.Note, v.now, "first")})
	if sealed := line("P2021-1"); sealed.SealedBy != "2021-08" || sealed.HeadSize < sealed.Version {
		t.Errorf("sealed by %s, head of %d at %d", sealed.SealedBy, sealed.HeadSize, sealed.Version)
	}

	periods := v.must("", &apiv1.ListPeriodsRequest{CollectiveId: "lmb"}).(*apiv1.ListPeriodsResponse)
	var shown []string
	for _, p := range slices.Concat(periods.Years, periods.Quarters, periods.Months) {
		shown = append(shown, fmt.Sprint(p.Id, " ", p.From, " ", p.To, " ", p.Lines, " ", p.Closed, " ", p.Sealed, " ", p.Editions))
	}
	if want := []string{"2021 2021-01-01 2021-12-31 3 false false []", "2021-q3 2021-07-01 2021-09-30 3 true false []", "2021-07 2021-07-01 2021-07-31 0 true false []",
		"2021-08 2021-08-01 2021-08-31 0 true true []", "2021-09 2021-09-01 2021-09-30 3 true false [1]"}; !slices.Equal(shown, want) {
		t.Errorf("periods %q", shown)
	}
	if then := v.must("", &apiv1.ListPeriodsRequest{CollectiveId: "lmb", AsKnownAt: fmt.Sprint(july)}).(*apiv1.ListPeriodsResponse); then.Quarters[0].Closed || !then.Months[0].Closed {
		t.Errorf("with July closed alone: %v", then)
	}
	if then := v.must("", &apiv1.ListPeriodsRequest{CollectiveId: "lmb", AsKnownAt: fmt.Sprint(odd.Version)}).(*apiv1.ListPeriodsResponse); len(then.Months) != 1 || then.Months[0].Lines != 2 || then.Months[0].Closed {
		t.Errorf("periods then %v", then)
	}

	back := v.must("treasurer", &apiv1.RequestCorrectionRequest{CommandId: id(), CollectiveId: "lmb", DifferenceOf: odd.Vouchers[0].Number, RightAmount: "99.01", Narration: "少记", OccurredOn: "2021-10-02"}).(*apiv1.RequestCorrectionResponse).Receipt
	if len(back.Vouchers) == 1 {
		if right := line(odd.Vouchers[0].Number); !slices.Equal(right.CorrectedBy, []string{back.Vouchers[0].Number}) {
			t.Errorf("corrected by %v", right.CorrectedBy)
		}
		if difference := line(back.Vouchers[0].Number); difference.Voucher.Corrects != odd.Vouchers[0].Number || len(difference.Parts) != 0 {
			t.Errorf("the difference is %v", difference)
		}
	} else {
		t.Errorf("the difference was not booked at once: %v", back)
	}
}

// TestRoundsNameNobody: applicants, payees, whom an objection is about and who raised it are not public; what an objection says is only
// where the whole log is.
func TestRoundsNameNobody(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.at(10)
	v.must("treasurer", income("98000.00"))
	v.resolve("spending-2", apiv1.Matter_MATTER_SPENDING_RULE)
	v.must("approver", &apiv1.AdoptSpendingRuleRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "spending-2", Tiers: []*apiv1.Tier{
		{Operation: apiv1.Operation_OPERATION_GRANT_ROUND, Approvals: 1, Review: true}}})
	v.must("treasurer", &apiv1.OpenGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Title: "奖学", Fund: "welfare", Purpose: "student", Budget: "3000.00"})
	v.must("treasurer", &apiv1.EnrolMembersRequest{CommandId: id(), CollectiveId: "lmb", Group: "one", JoinedOn: "2021-07-01", Members: []uint32{71, 72}, Households: []uint32{1, 2}})
	v.must("treasurer", &apiv1.AddApplicantsRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Applicants: []*apiv1.GrantApplicant{{Member: 71, Amount: "900.00"}, {Member: 72, Amount: "800.00"}}})
	v.must("supervisor", &apiv1.ReviewGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1"})
	v.must("treasurer", &apiv1.PublishGrantNoticeRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", NoticeFrom: "2021-10-10", NoticeTo: "2021-10-17"})
	v.must("supervisor", &apiv1.RaiseObjectionRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Member: 72, Text: "七十二号未在校就读"})
	v.must("approver", &apiv1.AnswerObjectionRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Objection: 1, Text: "学校证明在读"})

	answer := v.post("", disclosure+"ListRounds", `{"collectiveId":"lmb"}`)
	for _, secret := range []string{"71", "72", "900.00", "800.00", "七十二", "在读", "supervisor", "approver", "member", "lines"} {
		if strings.Contains(answer.body, secret) {
			t.Errorf("a round shows %s: %s", secret, answer.body)
		}
	}
	r := v.must("", &apiv1.ListRoundsRequest{CollectiveId: "lmb"}).(*apiv1.ListRoundsResponse).Rounds[0]
	if r.People != 2 || r.Total != "1700.00" || r.Budget != "3000.00" || r.State != "notice" || r.NoticeTo != "2021-10-17" || r.Purpose != "student" || len(r.Objections) != 1 ||
		r.Objections[0].State != "dismissed" || r.Objections[0].RaisedAt == "" || r.OpenedOn != "2021-10-10" || r.Voucher != "" {
		t.Errorf("the round is %v", r)
	}
	round := projections.Round{Grant: &projections.GrantRound{GrantRoundOpened: &eventv1.GrantRoundOpened{Id: "r1"},
		Objections: []projections.GrantObjection{{GrantObjectionRaised: &eventv1.GrantObjectionRaised{Number: 1, Member: 72, Text: "异议"}, State: "open", Answer: "答复"}}}}
	if open := rpc.PublicRound(round, true).Objections[0]; open.Text != "异议" || open.Answer != "答复" {
		t.Errorf("with the log public it shows %v", open)
	}
	if closed := rpc.PublicRound(round, false).Objections[0]; closed.Text != "" || closed.Answer != "" {
		t.Errorf("with the log for the committee it shows %v", closed)
	}
}
