package rpc_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// refused calls a method that has to be refused for a reason.
func (v *village) refused(as string, req proto.Message, want ledger.Reason) {
	v.t.Helper()
	if _, err := v.inProcess(as, req); reasonOf(err) != want {
		v.t.Errorf("%T as %q: %v, want %s", req, as, err, want)
	}
}

// at sets the node's clock to ten in the morning of a day in October 2021.
func (v *village) at(day int) { v.now = time.Date(2021, 10, day, 2, 0, 0, 0, time.UTC) }

// TestRoundWithObjections follows a round from its applicants through an objection to a payment that came back.
func TestRoundWithObjections(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.at(10)
	v.must("treasurer", income("98000.00"))
	v.resolve("spending-2", apiv1.Matter_MATTER_SPENDING_RULE)
	v.must("approver", &apiv1.AdoptSpendingRuleRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "spending-2", Tiers: []*apiv1.Tier{
		{Operation: apiv1.Operation_OPERATION_GRANT_ROUND, Approvals: 1, Review: true}}})
	v.must("treasurer", &apiv1.OpenGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Title: "奖学", Fund: "welfare", Purpose: "student", Budget: "3000.00"})
	v.must("treasurer", &apiv1.EnrolMembersRequest{CommandId: id(), CollectiveId: "lmb", Group: "one", JoinedOn: "2021-07-01", Members: []uint32{1, 2, 3}, Households: []uint32{1, 2, 3}})
	v.must("treasurer", &apiv1.AddApplicantsRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Applicants: []*apiv1.GrantApplicant{
		{Member: 1, Amount: "900.00"}, {Member: 2, Amount: "900.00"}, {Member: 3, Amount: "900.00"}}})
	v.must("treasurer", &apiv1.RemoveApplicantsRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Members: []uint32{3}})
	v.must("supervisor", &apiv1.ReviewGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1"})
	v.must("treasurer", &apiv1.PublishGrantNoticeRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", NoticeFrom: "2021-10-10", NoticeTo: "2021-10-15"})
	v.must("treasurer", &apiv1.PublishGrantNoticeRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", NoticeFrom: "2021-10-10", NoticeTo: "2021-10-17"})
	raised := v.must("supervisor", &apiv1.RaiseObjectionRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Member: 2, Text: "未在校就读"}).(*apiv1.RaiseObjectionResponse)
	if raised.Receipt.Objection != 1 {
		t.Errorf("receipt %v", raised.Receipt)
	}
	v.at(20)
	award := func() *apiv1.AwardGrantsRequest {
		return &apiv1.AwardGrantsRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", OccurredOn: "2021-10-20"}
	}
	v.refused("approver", award(), ledger.ObjectionOpen)
	v.refused("approver", &apiv1.AnswerObjectionRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Objection: 2, Text: "属实"}, ledger.ObjectionUnknown)
	v.must("approver", &apiv1.AnswerObjectionRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Objection: 1, Upheld: true, Text: "属实"})
	v.must("approver", award())
	v.must("treasurer", &apiv1.PayGrantRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Member: 1, OccurredOn: "2021-10-20", MoneyAccount: "bank"})
	back := &apiv1.RecordReturnedGrantRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Member: 1, OccurredOn: "2021-10-20", MoneyAccount: "bank"}
	voucher := v.must("cashier", back).(*apiv1.RecordReturnedGrantResponse).Receipt.Vouchers[0]
	if voucher.Number != "收2021-2" || voucher.Amount != "900.00" || voucher.Postings[0].Amount != "900.00" || voucher.Postings[1].Account != "payable/grant" || voucher.Party != "member/1" {
		t.Errorf("the return is %v", voucher)
	}
	rounds := func(knownAt string) *apiv1.GrantRound {
		return v.must("auditor", &apiv1.ListGrantRoundsRequest{CollectiveId: "lmb", AsKnownAt: knownAt}).(*apiv1.ListGrantRoundsResponse).Rounds[0]
	}
	r := rounds("")
	if r.State != "awarded" || r.Applicants != 1 || r.Total != "900.00" || r.Paid != "0.00" || r.NoticeTo != "2021-10-17" || len(r.Lines) != 2 ||
		r.Lines[0].State != "awarded" || r.Lines[1].State != "struck" || len(r.Objections) != 1 {
		t.Fatalf("the round is %v", r)
	}
	if o := r.Objections[0]; o.State != "upheld" || o.RaisedBy != "supervisor" || o.AnsweredBy != "approver" || o.Answer != "属实" || o.Text != "未在校就读" || o.Member != 2 {
		t.Errorf("the objection is %v", o)
	}
	if r = rounds("2021-10-19"); r.State != "notice" || r.Applicants != 2 || r.Objections[0].State != "open" || r.Objections[0].AnsweredBy != "" {
		t.Errorf("before the answer the round is %v", r)
	}
	v.refused("approver", &apiv1.CancelGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-1", Reason: "重办"}, ledger.RoundState)

	v.must("treasurer", &apiv1.OpenGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-2", Title: "奖学", Fund: "welfare", Purpose: "student", Budget: "1000.00"})
	v.must("approver", &apiv1.CancelGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "student-2", Reason: "并入明年"})
	list := v.must("auditor", &apiv1.ListGrantRoundsRequest{CollectiveId: "lmb"}).(*apiv1.ListGrantRoundsResponse).Rounds
	if list[1].State != "cancelled" || list[1].Reason != "并入明年" {
		t.Errorf("the second round is %v", list[1])
	}
}

// TestPeriodReviewIsPublic: a refused voucher is listed as refused for everybody, until the supervisor says otherwise; who
// said so is not.
func TestPeriodReviewIsPublic(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	review := func(verdict, item apiv1.Verdict, digest string) *apiv1.ReviewPeriodRequest {
		return &apiv1.ReviewPeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: "2021-09", Verdict: verdict, StatementSha256: digest,
			Items: []*apiv1.ReviewItem{{Voucher: "R2021-1", Verdict: item, Remark: "缺合同"}}}
	}
	const signed, refusing, remarked = apiv1.Verdict_VERDICT_SIGNED, apiv1.Verdict_VERDICT_REFUSED, apiv1.Verdict_VERDICT_REMARKED
	v.refused("supervisor", review(refusing, refusing, ""), ledger.PeriodNotClosed)
	v.at(2)
	for _, month := range []string{"2021-07", "2021-08", "2021-09"} {
		v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: month})
	}
	months := func(at string) []*apiv1.PeriodReview {
		return v.must("", &apiv1.ListPeriodReviewsRequest{CollectiveId: "lmb", AsKnownAt: at}).(*apiv1.ListPeriodReviewsResponse).Months
	}
	before := months("")
	if len(before) != 3 || before[2].Month != "2021-09" || len(before[2].Reviews) != 0 || len(before[2].StatementSha256) != 64 {
		t.Fatalf("before the review: %v", before)
	}
	v.refused("supervisor", review(refusing, refusing, strings.Repeat("0", 64)), ledger.StatementChanged)
	v.refused("supervisor", review(signed, refusing, ""), ledger.FieldInvalid)
	v.must("supervisor", review(refusing, refusing, before[2].StatementSha256))
	public := func() []*apiv1.VoucherReview {
		answer := v.must("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb"}).(*apiv1.ListReceiptsAndPaymentsResponse)
		return answer.Vouchers[0].Reviews
	}
	if got := public(); len(got) != 1 || got[0].Verdict != refusing || got[0].Remark != "缺合同" {
		t.Errorf("everybody sees %v", got)
	}
	said := months("")[2]
	if said.Refused != 1 || said.Signed != 0 || len(said.Reviews) != 1 || said.Reviews[0].Items[0].Voucher != "收2021-1" || said.Reviews[0].Verdict != refusing {
		t.Errorf("the month is %v", said)
	}
	if strings.Contains(said.String(), "supervisor") {
		t.Errorf("the operator is shown to everybody: %v", said)
	}
	v.now = v.now.AddDate(0, 0, 3)
	v.must("supervisor", review(signed, remarked, ""))
	if got := public(); len(got) != 1 || got[0].Verdict != remarked {
		t.Errorf("after the second review everybody sees %v", got)
	}
	if m := months("")[2]; m.Signed != 1 || m.Refused != 0 || len(m.Reviews) != 1 {
		t.Errorf("after the second review the month is %v", m)
	}
	if m := months("2021-10-03")[2]; m.Refused != 1 || m.Signed != 0 {
		t.Errorf("as known before it: %v", m)
	}
	page := v.must("", &apiv1.ListPeriodReviewsRequest{CollectiveId: "lmb", PageSize: 2}).(*apiv1.ListPeriodReviewsResponse)
	rest := v.must("", &apiv1.ListPeriodReviewsRequest{CollectiveId: "lmb", PageSize: 2, PageToken: page.NextPageToken}).(*apiv1.ListPeriodReviewsResponse)
	if len(page.Months) != 2 || len(rest.Months) != 1 || rest.Months[0].Month != "2021-09" || rest.NextPageToken != "" {
		t.Errorf("pages %v and %v", page, rest)
	}
}

// TestCharterHistory: a changed body and fund are shown from their change on, and as they were before it.
func TestCharterHistory(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.resolve("amend-1", apiv1.Matter_MATTER_CHARTER)
	v.resolve("amend-2", apiv1.Matter_MATTER_CHARTER)
	v.at(10)
	v.must("treasurer", income("1.00"))
	v.must("approver", &apiv1.ChangeBodyRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "amend-1",
		Body: &apiv1.Body{Id: "heads", Name: "户代表会议", Size: 50, Quorum: "2/3", Pass: "1/2", PassBase: apiv1.VoteBase_VOTE_BASE_PRESENT}})
	v.must("approver", &apiv1.ChangeFundRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "amend-2",
		Fund: &apiv1.Fund{Id: "welfare", Name: "公益金", Purposes: []string{"hardship", "medical"}}})
	at := func(known string) *apiv1.Collective {
		return v.must("", &apiv1.GetCollectiveRequest{CollectiveId: "lmb", AsKnownAt: known}).(*apiv1.GetCollectiveResponse).Collective
	}
	now, before := at(""), at("2")
	if now.Bodies[0].Size != 50 || before.Bodies[0].Size != 60 || len(now.Bodies) != 1 {
		t.Errorf("the body is %v, was %v", now.Bodies, before.Bodies)
	}
	if now.Funds[2].Name != "公益金" || now.Funds[2].Purposes[1] != "medical" || before.Funds[2].Name != "welfare" || before.Funds[2].Purposes[1] != "student" || len(now.Funds) != 4 {
		t.Errorf("the fund is %v, was %v", now.Funds[2], before.Funds[2])
	}
	statement := v.must("", &apiv1.GetFundStatementRequest{CollectiveId: "lmb"}).(*apiv1.GetFundStatementResponse)
	if statement.Funds[2].Name != "公益金" {
		t.Errorf("the statement says %v", statement.Funds[2])
	}
	v.refused("approver", &apiv1.RecordResolutionRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "after", Title: "决议", Body: "heads", DecidedOn: "2021-09-10",
		Electorate: 60, Present: 50, VotesFor: 40, MinutesSha256: strings.Repeat("cd", 32), Matter: apiv1.Matter_MATTER_OTHER}, ledger.ElectorateWrong)
}

// TestCompareOpening: two copies of one handwritten book, and where they differ.
func TestCompareOpening(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	line := func(account, amount, party string) *apiv1.OpeningLine {
		return &apiv1.OpeningLine{Account: account, Amount: amount, Party: party}
	}
	compare := &apiv1.CompareOpeningRequest{CollectiveId: "lmb", Lines: []*apiv1.OpeningLine{line("money/bank", "620.00", ""), line("deposit/lease", "-200.00", "org/市场")}}
	v.refused("auditor", compare, ledger.OpeningMissing)
	propose := func(reserve string) *apiv1.ProposeOpeningRequest {
		return &apiv1.ProposeOpeningRequest{CommandId: id(), CollectiveId: "lmb", OccurredOn: "2021-09-01", Lines: []*apiv1.OpeningLine{
			line("money/bank", "602.00", ""), line("deposit/lease", "-200.00", "org/市场"), line("fund/reserve", reserve, "")}}
	}
	_, err := v.inProcess("treasurer", propose("-402.01"))
	if reasonOf(err) != ledger.Unbalanced || !strings.Contains(err.Error(), "fund/reserve -402.01→-402.00") {
		t.Errorf("unbalanced by one fen: %v", err)
	}
	v.must("treasurer", propose("-402.00"))
	check := func() {
		t.Helper()
		answer := v.must("auditor", compare).(*apiv1.CompareOpeningResponse)
		if d := answer.Differences; len(d) != 2 || d[0].Account != "fund/reserve" || d[0].Proposed != "-402.00" || d[0].Given != "0.00" ||
			d[1].Account != "money/bank" || d[1].Proposed != "602.00" || d[1].Given != "620.00" || answer.OccurredOn != "2021-09-01" {
			t.Errorf("the lists differ in %v", answer)
		}
	}
	check()
	v.must("supervisor", &apiv1.ConfirmOpeningRequest{CommandId: id(), CollectiveId: "lmb"})
	check()
	compare.Lines[0].Amount = "six"
	v.refused("auditor", compare, ledger.AmountInvalid)
}

// TestDrillDown goes from what a fund spent to the vouchers behind it and to their papers (M11), with how long each is kept.
func TestDrillDown(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.at(10)
	v.must("treasurer", income("400000.00"))
	for i, amount := range []string{"4200.00", "8355.00", "12000.00", "8000.00"} {
		v.must("treasurer", &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "maintenance", Purpose: "upkeep", Amount: amount, Payee: "party/supplier",
			Documents: []*apiv1.Document{{Kind: "invoice", Issuer: "supplier", Number: string(rune('A' + i)), Sha256: strings.Repeat("0a", 32), MediaType: "image/jpeg", Size: 1024}}})
		n := uint32(i + 1)
		v.must("supervisor", &apiv1.ReviewRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: n})
		v.must("approver", &apiv1.ApproveRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: n})
		v.must("treasurer", &apiv1.SettlePaymentRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: n, OccurredOn: "2021-09-10", MoneyAccount: "bank"})
	}
	statement := v.must("", &apiv1.GetFundStatementRequest{CollectiveId: "lmb"}).(*apiv1.GetFundStatementResponse)
	if spent := statement.Funds[3].Spent; spent != "32555.00" {
		t.Fatalf("the maintenance fund spent %s", spent)
	}
	lines := v.must("supervisor", &apiv1.ListVouchersRequest{CollectiveId: "lmb", Account: "fund/maintenance", Class: "payment"}).(*apiv1.ListVouchersResponse).Vouchers
	if len(lines) != 4 {
		t.Fatalf("%d vouchers behind it", len(lines))
	}
	for _, one := range lines {
		voucher := v.must("supervisor", &apiv1.GetVoucherRequest{CollectiveId: "lmb", Number: one.Number}).(*apiv1.GetVoucherResponse).Voucher
		if len(voucher.Documents) != 1 || voucher.Documents[0].Sha256 != strings.Repeat("0a", 32) || voucher.Documents[0].Retention != apiv1.Retention_RETENTION_THIRTY_YEARS {
			t.Errorf("%s cites %v", one.Number, voucher.Documents)
		}
	}
}
