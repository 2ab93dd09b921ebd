package rpc_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func (v *village) preview(as string, line *apiv1.ApplyLine) *apiv1.PreviewResult {
	v.t.Helper()
	return v.must(as, &apiv1.PreviewRequest{Line: line}).(*apiv1.PreviewResponse).Result
}

func (v *village) previewAll(as string, stop bool, lines ...*apiv1.ApplyLine) []*apiv1.PreviewResult {
	v.t.Helper()
	return v.must(as, &apiv1.PreviewApplyRequest{Lines: lines, StopOnRefusal: stop}).(*apiv1.PreviewApplyResponse).Results
}

// versions are how far every stream of the node is.
func (v *village) versions() map[string]uint64 {
	v.t.Helper()
	all := map[string]uint64{}
	for e, err := range v.store.ReadAll(v.t.Context(), 0) {
		fatalIf(v.t, err)
		all[e.Stream] = e.Version
	}
	return all
}

// TestPreviewIsWhatIsBooked: a preview stores nothing, spends no number and no command id, and the command then gives the
// same receipt to the fen.
func TestPreviewIsWhatIsBooked(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("500.00"))
	before, req := v.versions(), income("1000.03")
	line := lineOf(t, "RecordIncome", "", req)
	first := v.preview("treasurer", line)
	if again := v.preview("treasurer", line); !proto.Equal(first, again) {
		t.Errorf("the second preview differs: %s", cmp.Diff(first, again, protocmp.Transform()))
	}
	if diff := cmp.Diff(before, v.versions()); diff != "" {
		t.Fatalf("a preview stored something: %s", diff)
	}
	booked := v.must("treasurer", req).(*apiv1.RecordIncomeResponse).Receipt
	if diff := cmp.Diff(booked, first.Receipt, protocmp.Transform()); diff != "" || first.Repeated {
		t.Errorf("repeated %v, the preview is not what was booked: %s", first.Repeated, diff)
	}
	if booked.Vouchers[0].Number != "收2021-2" {
		t.Errorf("number %s", booked.Vouchers[0].Number)
	}
	want := map[string][2]string{
		"money/bank": {"500.00", "1500.03"}, "fund/dividend": {"350.00", "1050.02"}, "fund/reserve": {"50.00", "150.01"},
		"fund/welfare": {"50.00", "150.00"}, "fund/maintenance": {"50.00", "150.00"},
	}
	got := map[string][2]string{}
	for _, b := range first.Balances {
		got[b.Account] = [2]string{b.Before, b.After}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("balances: %s", diff)
	}
	for _, b := range v.must("auditor", &apiv1.GetBalancesRequest{CollectiveId: "lmb"}).(*apiv1.GetBalancesResponse).Balances {
		if got[b.Account][1] != b.Balance {
			t.Errorf("%s: previewed %s, is %s", b.Account, got[b.Account][1], b.Balance)
		}
	}
	repeated := v.preview("treasurer", line)
	if !repeated.Repeated || !proto.Equal(repeated.Receipt, booked) || len(repeated.Balances) > 0 {
		t.Errorf("a preview of a command given before: %v", repeated)
	}
	req.Amount = "7.00"
	if other := v.preview("treasurer", lineOf(t, "RecordIncome", "", req)); other.Refusal.GetReason() != string(ledger.CommandIDReused) {
		t.Errorf("its id with other content: %v", other)
	}
}

// TestPreviewRefusesAsTheCommandDoes: rules, forms and lines that are none.
func TestPreviewRefusesAsTheCommandDoes(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	noPolicy, unread, nowhere := income("1.00"), income("1.005"), income("1.00")
	noPolicy.Kind, nowhere.CollectiveId = "gold", "no-such"
	lines := []*apiv1.ApplyLine{
		lineOf(t, "RecordIncome", "", noPolicy), lineOf(t, "RecordIncome", "", unread), lineOf(t, "RecordIncome", "", nowhere),
		{Method: "BookService/RecordIncome", RequestJson: "{}"}, {Method: "RecordIncome", RequestJson: `{"amuont":"1.00"}`},
		{Method: "GetBalances", RequestJson: "{}"}, {Method: "Preview", RequestJson: "{}"},
		lineOf(t, "RecordIncome", "nobody-else", income("1.00")),
		lineOf(t, "CreateOperator", "", &apiv1.CreateOperatorRequest{CommandId: id(), Operator: "xx", DisplayName: "x"}),
	}
	batch := v.apply("treasurer", false, lines...)
	chain := v.previewAll("treasurer", false, lines...)
	for i, line := range lines {
		single := v.preview("treasurer", line)
		if batch[i].Code == "" || single.Code != batch[i].Code || single.Message != batch[i].Message || !proto.Equal(single.Refusal, batch[i].Refusal) {
			t.Errorf("line %d: preview %v, command %v", i+1, single, batch[i])
		}
		if !proto.Equal(single, chain[i]) {
			t.Errorf("line %d: alone %v, in a batch %v", i+1, single, chain[i])
		}
	}
	if got := v.previewAll("treasurer", true, lineOf(t, "RecordIncome", "", income("1.00")), lines[0], lines[1]); len(got) != 2 {
		t.Errorf("%d results after a stop at the second", len(got))
	}
}

// TestPreviewBatchIsAChain: each line is decided after what the lines before it would do, founding, operators and roles
// included; nothing of it is stored, no name is reserved, and the batch then gives the same receipts.
func TestPreviewBatchIsAChain(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	before := v.versions()
	founding := wellFormed(t, (*apiv1.FoundCollectiveRequest)(nil).ProtoReflect().Descriptor()).(*apiv1.FoundCollectiveRequest)
	founding.CollectiveId, founding.FirstDay, founding.SimulatedClock, founding.SimulatedAt = "new-village", "2021-01-01", true, "2021-01-01T09:00:00+08:00"
	at := "2021-01-01T09:01:00+08:00"
	lines := []*apiv1.ApplyLine{
		lineOf(t, "FoundCollective", "", founding),
		lineOf(t, "CreateOperator", "", &apiv1.CreateOperatorRequest{CommandId: id(), Operator: "xiao-wang", DisplayName: "会计", IssueKey: true}),
		lineOf(t, "GrantRole", "", &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "new-village", Operator: "xiao-wang", Role: apiv1.Role_ROLE_TREASURER, SimulatedAt: at}),
		lineOf(t, "OpenMoneyAccount", "xiao-wang", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "new-village", MoneyAccount: "bank", Kind: 1, Name: "b", SimulatedAt: at}),
		lineOf(t, "OpenMoneyAccount", "xiao-wang", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "new-village", MoneyAccount: "bank", Kind: 1, Name: "b", SimulatedAt: at}),
	}
	previewed := v.previewAll("chief", false, lines...)
	if diff := cmp.Diff(before, v.versions()); diff != "" {
		t.Fatalf("the preview stored something: %s", diff)
	}
	if alone := v.preview("chief", lines[0]); !proto.Equal(alone.Receipt, previewed[0].Receipt) {
		t.Errorf("the founding alone: %v", alone)
	}
	if got := v.preview("chief", lines[2]); got.Refusal.GetReason() != string(ledger.CollectiveUnknown) {
		t.Errorf("a line after the preview of the founding: %v", got)
	}
	booked := v.apply("chief", false, lines...)
	for i, p := range previewed {
		answer := new(apiv1.OpenMoneyAccountResponse) // the answers of all commands on books have one field
		if booked[i].Code == "" && p.Receipt != nil {
			fatalIf(t, protojson.Unmarshal([]byte(booked[i].ResponseJson), answer))
		}
		if p.Code != booked[i].Code || p.CheckedOnly || !proto.Equal(p.Receipt, answer.Receipt) {
			t.Errorf("line %d: previewed %v, then %v", i+1, p, booked[i])
		}
	}
	if last := previewed[4]; last.Refusal.GetReason() != string(ledger.AlreadyExists) {
		t.Errorf("the same account twice: %v", last)
	}
}

// TestWhoMayPreviewWhat holds the preview of every command, as everybody, against the tables the command itself is judged by.
func TestWhoMayPreviewWhat(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	for _, m := range methodDescriptors() {
		name := string(m.Name())
		if _, reads := access.Matrix[name]; reads && !access.Matrix[name].Admin || name == "ListOperators" || name == "ListAccessFacts" {
			continue
		}
		callers, _ := callersOf(name)
		for _, who := range everybody() {
			want, line := expected(callers, who), lineOf(t, name, "", wellFormed(t, m.Input()))
			if who == "" {
				want = "unauthenticated" // of Preview itself, also where the command is for anybody
			}
			for what, req := range map[string]proto.Message{"Preview": &apiv1.PreviewRequest{Line: line}, "PreviewApply": &apiv1.PreviewApplyRequest{Lines: []*apiv1.ApplyLine{line}}} {
				res, err := v.inProcess(who, req)
				got := reasonOf(err)
				switch r := res.(type) {
				case *apiv1.PreviewResponse:
					got += ledger.Reason(r.GetResult().GetRefusal().GetReason())
				case *apiv1.PreviewApplyResponse:
					for _, one := range r.Results {
						got += ledger.Reason(one.GetRefusal().GetReason())
					}
				}
				if denied := got == "unauthenticated" || got == ledger.RoleMissing; denied != (want != "") || denied && got != want {
					t.Errorf("%s of %s as %q: %q, want %q", what, name, who, got, want)
				}
			}
		}
	}
}

// TestPreviewShowsBalancesToReadersAlone: a cashier settles and reads no balances, previewing or not.
func TestPreviewShowsBalancesToReadersAlone(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("5000.00"))
	v.must("treasurer", &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "reserve", Purpose: "repair", Amount: "90.00",
		Payee: "org/修缮队", Narration: "修理"})
	line := lineOf(t, "SettlePayment", "", &apiv1.SettlePaymentRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, OccurredOn: "2021-09-12", MoneyAccount: "bank"})
	byCashier, byTreasurer := v.preview("cashier", line), v.preview("treasurer", line)
	if byCashier.Code != "" || len(byCashier.Receipt.GetVouchers()) != 1 || len(byCashier.Balances) != 0 {
		t.Errorf("by the cashier: %v", byCashier)
	}
	if byTreasurer.Code != "" || !slices.ContainsFunc(byTreasurer.Balances, func(b *apiv1.BalanceChange) bool {
		return b.Account == "fund/reserve" && b.Before == "500.00" && b.After == "410.00"
	}) {
		t.Errorf("by the treasurer: %v", byTreasurer)
	}
}

// TestPreviewSaysWhoHasToAgree: a request that is only looked at tells what its tier asks for, as the request does once it is made.
func TestPreviewSaysWhoHasToAgree(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	request := &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "welfare", Purpose: "hardship", Amount: "1200.00", Payee: "party/p-17"}
	previewed := v.preview("treasurer", lineOf(t, "RequestPayment", "", request))
	v.must("treasurer", request)
	made := v.must("treasurer", &apiv1.ListRequestsRequest{CollectiveId: "lmb"}).(*apiv1.ListRequestsResponse).Requests[0]
	if previewed.ApprovalsNeeded != made.ApprovalsNeeded || previewed.ReviewNeeded != made.ReviewNeeded || made.ApprovalsNeeded == 0 {
		t.Errorf("previewed %d approvals and review %v, made with %d and %v", previewed.ApprovalsNeeded, previewed.ReviewNeeded, made.ApprovalsNeeded, made.ReviewNeeded)
	}
}
