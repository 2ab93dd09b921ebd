package rpc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// outsideVillage has 1,000.00 of rent and a rule of 10 days with deposit returns and emergencies.
func outsideVillage(t *testing.T) *village {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("1000.00"))
	v.resolve("rule-2", apiv1.Matter_MATTER_SPENDING_RULE)
	v.must("approver", &apiv1.AdoptSpendingRuleRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "rule-2", RequestDays: 10, Tiers: []*apiv1.Tier{
		{Operation: apiv1.Operation_OPERATION_PAYMENT}, {Operation: apiv1.Operation_OPERATION_DEPOSIT_RETURN},
		{Operation: apiv1.Operation_OPERATION_PAYMENT, Emergency: true, Cap: "90.00", RatifyDays: 7, ResolutionBody: "heads"},
	}})
	return v
}

// authorise records and confirms a resolution that is drawn on.
func (v *village) authorise(resolution string, matter apiv1.Matter, authority, from, until string) {
	v.t.Helper()
	v.must("approver", &apiv1.RecordResolutionRequest{
		CommandId: id(), CollectiveId: "lmb", ResolutionId: resolution, Title: "决议", Body: "heads", DecidedOn: "2021-07-01",
		Electorate: 60, Present: 50, VotesFor: 40, VotesAgainst: 5, Abstained: 5, MinutesSha256: strings.Repeat("cd", 32),
		Matter: matter, Fund: "reserve", Authority: authority, ValidFrom: from, ValidUntil: until,
	})
	v.must("supervisor", &apiv1.ConfirmResolutionRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: resolution})
}

// TestEmergencyFromRequestToRatification runs over the API: everybody sees the flag until it is ratified, and nobody the payee.
func TestEmergencyFromRequestToRatification(t *testing.T) {
	v := outsideVillage(t)
	paid := v.must("treasurer", &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "reserve", Purpose: "repair", Amount: "80.00",
		Payee: "org/电工", MoneyAccount: "bank", OccurredOn: "2021-09-10", Emergency: true}).(*apiv1.RequestPaymentResponse).Receipt
	if n := len(paid.Vouchers); n != 1 || len(paid.Vouchers[0].Flags) != 1 || paid.Vouchers[0].Flags[0].RatifyBy != "2021-09-17" {
		t.Fatalf("the receipt is %v", paid)
	}
	number := paid.Vouchers[0].Number
	flags := func() []*apiv1.OpenFlag {
		return v.must("", &apiv1.ListFlagsRequest{CollectiveId: "lmb"}).(*apiv1.ListFlagsResponse).Flags
	}
	open := flags()
	if len(open) != 1 || open[0].Voucher != number || open[0].Fund != "reserve" || open[0].Flag.Kind != apiv1.FlagKind_FLAG_KIND_EMERGENCY ||
		open[0].Flag.Amount != "80.00" || open[0].Flag.Body != "heads" || open[0].Flag.RatifiedBy != "" {
		t.Fatalf("open flags: %v", open)
	}
	v.authorise("storm", apiv1.Matter_MATTER_PAYMENT, "100.00", "2021-09-01", "2021-12-31")
	v.must("supervisor", &apiv1.RatifyFlagRequest{CommandId: id(), CollectiveId: "lmb", Voucher: number, Kind: apiv1.FlagKind_FLAG_KIND_EMERGENCY, ResolutionId: "storm"})
	if open := flags(); len(open) != 0 {
		t.Errorf("still open: %v", open)
	}
	public := v.must("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb"}).(*apiv1.ListReceiptsAndPaymentsResponse).Vouchers
	journal := v.must("auditor", &apiv1.GetVoucherRequest{CollectiveId: "lmb", Number: number}).(*apiv1.GetVoucherResponse).Voucher
	for _, shown := range []*apiv1.Voucher{public[0], journal} {
		if len(shown.Flags) != 1 || shown.Flags[0].RatifiedBy != "storm" {
			t.Errorf("the voucher is shown as %v", shown)
		}
	}
	if public[0].Party != "" {
		t.Errorf("everybody sees %s", public[0].Party)
	}
	resolutions := v.must("", &apiv1.ListResolutionsRequest{CollectiveId: "lmb"}).(*apiv1.ListResolutionsResponse).Resolutions
	if r := resolutions[len(resolutions)-1]; r.ValidFrom != "2021-09-01" || r.ValidUntil != "2021-12-31" || r.Drawn != "80.00" || r.Remaining != "20.00" {
		t.Errorf("the resolution is %v", r)
	}
	if r := resolutions[0]; r.ValidFrom != "" || r.ValidUntil != "" {
		t.Errorf("a resolution without a term is %v", r)
	}
	rule := v.must("", &apiv1.GetSpendingRuleRequest{CollectiveId: "lmb"}).(*apiv1.GetSpendingRuleResponse)
	if tier := rule.Tiers[2]; rule.RequestDays != 10 || !tier.Emergency || tier.Cap != "90.00" || tier.RatifyDays != 7 || rule.Tiers[0].Cap != "" {
		t.Errorf("the rule is %v", rule)
	}
}

// TestGiftsOverTheAPI: everybody reads what came in, went out and is left; who gave and consented is for those who check.
func TestGiftsOverTheAPI(t *testing.T) {
	v := outsideVillage(t)
	consent := &apiv1.Document{Kind: "other", Issuer: "chamber", Number: "7", Sha256: strings.Repeat("ab", 32)}
	v.must("treasurer", &apiv1.AgreeGiftRequest{CommandId: id(), CollectiveId: "lmb", GiftId: "books", Donor: "org/商会", Purpose: "library", Title: "图书"})
	v.must("treasurer", &apiv1.ReceiveGiftRequest{CommandId: id(), CollectiveId: "lmb", GiftId: "books", Amount: "5000.00", OccurredOn: "2021-09-10", MoneyAccount: "bank"})
	paid := v.must("treasurer", &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", GiftId: "books", Purpose: "library", Amount: "3200.00", Payee: "org/书店",
		MoneyAccount: "bank", OccurredOn: "2021-09-10"}).(*apiv1.RequestPaymentResponse).Receipt
	v.must("treasurer", &apiv1.ChangeGiftPurposeRequest{CommandId: id(), CollectiveId: "lmb", GiftId: "books", Purpose: "school", Consent: consent})
	show := func(g *apiv1.Gift) string {
		return fmt.Sprint(g.Id, " ", g.Purpose, " ", g.Received, " ", g.Spent, " ", g.Left, " ", g.Donor, " ", len(g.Changes), " ", g.Changes[0].Consent.GetNumber())
	}
	public := v.must("", &apiv1.ListGiftsRequest{CollectiveId: "lmb"}).(*apiv1.ListGiftsResponse).Gifts
	if len(public) != 1 || show(public[0]) != "books school 5000.00 3200.00 1800.00  1 " {
		t.Errorf("everybody sees %v", public)
	}
	full := v.must("auditor", &apiv1.ListGiftAgreementsRequest{CollectiveId: "lmb"}).(*apiv1.ListGiftAgreementsResponse).Gifts
	if len(full) != 1 || show(full[0]) != "books school 5000.00 3200.00 1800.00 org/商会 1 7" {
		t.Errorf("an auditor sees %v", full)
	}
	requests := v.must("auditor", &apiv1.ListRequestsRequest{CollectiveId: "lmb", State: "settled"}).(*apiv1.ListRequestsResponse).Requests
	if len(requests) != 1 || requests[0].GiftId != "books" || requests[0].Fund != "" || requests[0].ExpiresOn == "" {
		t.Errorf("the request is %v", requests)
	}
	refund := v.must("treasurer", &apiv1.RecordRefundRequest{CommandId: id(), CollectiveId: "lmb", Payment: paid.Vouchers[0].Number, Amount: "200.00",
		OccurredOn: "2021-09-10", MoneyAccount: "bank"}).(*apiv1.RecordRefundResponse).Receipt
	if refund.Vouchers[0].Refunds != paid.Vouchers[0].Number {
		t.Errorf("the refund is %v", refund.Vouchers[0])
	}
	unknown := `{"commandId":"` + id() + `","collectiveId":"lmb","giftId":"pens","amount":"1.00","occurredOn":"2021-09-10","moneyAccount":"bank"}`
	v.checkRefusal("no such gift", v.post("treasurer", "/mingzhang.api.v1.BooksService/ReceiveGift", unknown), "not_found", ledger.GiftUnknown, "gift_id")
}

// TestDepositReturnOverTheAPI: amounts may be left out or 0.00, and what is kept needs no money account.
func TestDepositReturnOverTheAPI(t *testing.T) {
	v := outsideVillage(t)
	v.must("treasurer", &apiv1.ReceiveDepositRequest{CommandId: id(), CollectiveId: "lmb", Kind: "lease", Amount: "300.00", OccurredOn: "2021-09-10", MoneyAccount: "bank", Payer: "org/市场"})
	v.authorise("keep", apiv1.Matter_MATTER_DEPOSIT, "50.00", "", "")
	ask := func(amount, deducted string) uint32 {
		r := &apiv1.RequestDepositReturnRequest{CommandId: id(), CollectiveId: "lmb", Kind: "lease", Party: "org/市场", Amount: amount, Deducted: deducted}
		if deducted != "" {
			r.Fund, r.ResolutionId = "reserve", "keep"
		}
		return v.must("treasurer", r).(*apiv1.RequestDepositReturnResponse).Receipt.RequestNumber
	}
	first, second := ask("250.00", ""), ask("0.00", "50.00")
	settle := func(number uint32, money string) string {
		var refs []string
		for _, w := range v.must("cashier", &apiv1.SettlePaymentRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: number, OccurredOn: "2021-09-10", MoneyAccount: money}).(*apiv1.SettlePaymentResponse).Receipt.Vouchers {
			refs = append(refs, w.Number)
		}
		return strings.Join(refs, " ")
	}
	if got := settle(first, "bank") + " " + settle(second, ""); got != "付2021-1 转2021-1" {
		t.Errorf("booked %s", got)
	}
	requests := v.must("auditor", &apiv1.ListRequestsRequest{CollectiveId: "lmb"}).(*apiv1.ListRequestsResponse).Requests
	if r := requests[1]; r.Kind != "deposit return" || r.Amount != "0.00" || r.Deducted != "50.00" || r.Fund != "reserve" || r.State != "settled" {
		t.Errorf("the request is %v", r)
	}
	balances := v.must("auditor", &apiv1.GetBalancesRequest{CollectiveId: "lmb", Account: "deposit/lease"}).(*apiv1.GetBalancesResponse).Balances
	if balances[0].Balance != "0.00" {
		t.Errorf("the deposit is %v", balances)
	}
}
