package rpc_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// TestRequestsSayAllThatIsAsked: who is to approve a request reads everything of it, whatever its kind, and one request alone by its number.
func TestRequestsSayAllThatIsAsked(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	paper := &apiv1.Document{Kind: "invoice", Issuer: "nursery", Number: "17", Total: "1200.00", Cited: "1200.00", Retention: apiv1.Retention_RETENTION_THIRTY_YEARS}
	v.must("treasurer", income("98000.00"))
	v.must("treasurer", &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "maintenance", Purpose: "upkeep", Amount: "1200.00",
		Payee: "org/苗圃", Narration: "补种绿化", Documents: []*apiv1.Document{paper}})
	one := func(number uint32) *apiv1.Request {
		t.Helper()
		list := v.must("approver", &apiv1.ListRequestsRequest{CollectiveId: "lmb", Number: number}).(*apiv1.ListRequestsResponse)
		if len(list.Requests) != 1 || list.Requests[0].Number != number || list.NextPageToken != "" {
			t.Fatalf("request %d: %v", number, list)
		}
		return list.Requests[0]
	}
	if got := one(1); got.Payee != "org/苗圃" || got.EndedBy != "" || cmp.Diff([]*apiv1.Document{paper}, got.Documents, protocmp.Transform()) != "" {
		t.Errorf("the payment: %v", got)
	}
	v.must("supervisor", &apiv1.ReviewRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1})
	v.must("approver", &apiv1.ApproveRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1})
	paid := v.must("treasurer", &apiv1.SettlePaymentRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, OccurredOn: "2021-09-20", MoneyAccount: "bank"}).(*apiv1.SettlePaymentResponse).Receipt.Vouchers[0].Number
	v.must("treasurer", &apiv1.RequestCorrectionRequest{CommandId: id(), CollectiveId: "lmb", Reverses: []string{paid}, Narration: "多付了", Replacements: []*apiv1.Replacement{{
		Corrects: paid, Order: &apiv1.Replacement_Outflow{Outflow: &apiv1.Outflow{Fund: "maintenance", Purpose: "upkeep", Amount: "1000.00", Payee: "org/苗圃", MoneyAccount: "bank", Narration: "补种绿化"}},
	}}})
	if got := one(1); got.State != "settled" || got.EndedBy != "treasurer" {
		t.Errorf("settled: %v", got)
	}
	got := one(2)
	if len(got.TurnsBack) != 1 || got.TurnsBack[0] != paid || len(got.Replacements) != 1 {
		t.Fatalf("the correction: %v", got)
	}
	if r := got.Replacements[0]; r.Corrects != paid || r.GetOutflow().GetAmount() != "1000.00" || r.GetOutflow().GetPayee() != "org/苗圃" || r.GetOutflow().GetMoneyAccount() != "bank" {
		t.Errorf("in its place: %v", r)
	}
	v.must("approver", &apiv1.RejectRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 2, Reason: "发票上是 1,200"})
	if got := one(2); got.State != "rejected" || got.EndedBy != "approver" || got.Reason != "发票上是 1,200" {
		t.Errorf("rejected: %v", got)
	}
	if list := v.must("approver", &apiv1.ListRequestsRequest{CollectiveId: "lmb", Number: 3}).(*apiv1.ListRequestsResponse); len(list.Requests) != 0 {
		t.Errorf("there is no third: %v", list)
	}
	if list := v.must("approver", &apiv1.ListRequestsRequest{CollectiveId: "lmb", Number: 2, State: "open"}).(*apiv1.ListRequestsResponse); len(list.Requests) != 0 {
		t.Errorf("the second is not open: %v", list)
	}
	v.refused("stranger", &apiv1.ListRequestsRequest{CollectiveId: "lmb", Number: 1}, ledger.RoleMissing)
}
