package rpc_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

func lineOf(t testing.TB, method, as string, req proto.Message) *apiv1.ApplyLine {
	t.Helper()
	return &apiv1.ApplyLine{Method: method, RequestJson: jsonOf(t, req), As: as}
}

func (v *village) apply(as string, stop bool, lines ...*apiv1.ApplyLine) []*apiv1.ApplyResult {
	v.t.Helper()
	return v.must(as, &apiv1.ApplyRequest{Lines: lines, StopOnRefusal: stop}).(*apiv1.ApplyResponse).Results
}

// TestBatchBuildsAVillage carries out a founding, operators, roles and money in one batch, every line by the operator it
// belongs to and by any of its method's three names, though each line needs the ones before it.
func TestBatchBuildsAVillage(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	founding := wellFormed(t, (*apiv1.FoundCollectiveRequest)(nil).ProtoReflect().Descriptor()).(*apiv1.FoundCollectiveRequest)
	founding.CollectiveId, founding.FirstDay, founding.SimulatedClock, founding.SimulatedAt = "new-village", "2021-01-01", true, "2021-01-01T09:00:00+08:00"
	results := v.apply("chief", true,
		lineOf(t, "FoundCollective", "", founding),
		lineOf(t, "RegistryService/CreateOperator", "", &apiv1.CreateOperatorRequest{CommandId: id(), Operator: "xiao-wang", DisplayName: "会计", IssueKey: true}),
		lineOf(t, "mingzhang.api.v1.RegistryService/GrantRole", "", &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "new-village", Operator: "xiao-wang", Role: apiv1.Role_ROLE_TREASURER, SimulatedAt: "2021-01-01T09:01:00+08:00"}),
		lineOf(t, "OpenMoneyAccount", "xiao-wang", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "new-village", MoneyAccount: "bank", Kind: 1, Name: "b", SimulatedAt: "2021-01-01T09:02:00+08:00"}),
	)
	for i, r := range results {
		if r.Code != "" {
			t.Errorf("line %d: %v", i+1, r)
		}
	}
	created := new(apiv1.CreateOperatorResponse)
	fatalIf(t, protojson.Unmarshal([]byte(results[1].ResponseJson), created))
	if o, err := v.access.Authenticate(t.Context(), created.Key); err != nil || o.ID != "xiao-wang" {
		t.Errorf("the key in the answer: %v, %v", o, err)
	}
	opened := new(apiv1.OpenMoneyAccountResponse)
	fatalIf(t, protojson.Unmarshal([]byte(results[3].ResponseJson), opened))
	if opened.Receipt.Version != 3 || opened.Receipt.RecordedAt != "2021-01-01T01:02:00.000000Z" {
		t.Errorf("receipt %v", opened.Receipt)
	}
}

// TestBatchEqualsCalls: the answers of lines are those of calls, and the same batch again gives them again.
func TestBatchEqualsCalls(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	var lines []*apiv1.ApplyLine
	var reqs []*apiv1.RecordIncomeRequest
	for i := range 300 {
		req := income(fmt.Sprintf("%d.00", i+1))
		reqs = append(reqs, req)
		lines = append(lines, lineOf(t, "RecordIncome", "", req))
	}
	results := v.apply("treasurer", false, lines...)
	for i, r := range results {
		got := new(apiv1.RecordIncomeResponse)
		fatalIf(t, protojson.Unmarshal([]byte(r.ResponseJson), got))
		if want := fmt.Sprintf("收2021-%d", i+1); got.Receipt.Vouchers[0].Number != want {
			t.Fatalf("line %d is %s: lines of one collective keep their order", i+1, got.Receipt.Vouchers[0].Number)
		}
		if i%50 == 0 {
			if call := v.must("treasurer", reqs[i]); !proto.Equal(call, got) {
				t.Errorf("line %d: %v, as a call %v", i+1, got, call)
			}
		}
	}
	for i, r := range v.apply("treasurer", true, lines[:20]...) {
		if !sameJSON(r.ResponseJson, results[i].ResponseJson) {
			t.Errorf("line %d again: %v", i+1, r)
		}
	}
}

// TestBatchAndRefusals: a refused line is a result like others; stop_on_refusal ends the batch at it.
func TestBatchAndRefusals(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	good := func() *apiv1.ApplyLine { return lineOf(t, "RecordIncome", "", income("1.00")) }
	bad := income("1.00")
	bad.Kind = "gold"
	other := income("1.00")
	other.CollectiveId = "far"
	lines := []*apiv1.ApplyLine{
		good(),
		lineOf(t, "RecordIncome", "", bad),
		{Method: "BookService/RecordIncome", RequestJson: "{}"},
		{Method: "Apply", RequestJson: `{"lines":[{"method":"Apply"}]}`},
		{Method: "GetBalances", RequestJson: `{"collectiveId":"lmb"}`},
		lineOf(t, "RecordIncome", "board", income("1.00")),
		lineOf(t, "CreateOperator", "", &apiv1.CreateOperatorRequest{CommandId: id(), Operator: "xx", DisplayName: "x"}),
		{Method: "RecordIncome"},
		lineOf(t, "RecordIncome", "nobody-else", income("1.00")),
		lineOf(t, "RecordIncome", "", other),
		good(),
	}
	want := []ledger.Reason{"", ledger.PolicyMissing, "method_unknown", "method_unknown", "method_unknown", ledger.RoleMissing,
		ledger.RoleMissing, "request_malformed", access.OperatorUnknown, ledger.RoleMissing, ""}
	results := v.apply("treasurer", false, lines...)
	for i, r := range results {
		if ledger.Reason(r.Refusal.GetReason()) != want[i] || (r.Code == "") != (want[i] == "") || (r.ResponseJson == "") == (want[i] == "") {
			t.Errorf("line %d: %v, want %q", i+1, r, want[i])
		}
	}
	if near := results[2].Refusal.Figures["near"]; !strings.Contains(near, "RecordIncome") {
		t.Errorf("names like BookService/RecordIncome: %s", near)
	}
	stopped := v.apply("treasurer", true, good(), lines[1], good())
	if len(stopped) != 2 || stopped[0].Code != "" || stopped[1].Code != "failed_precondition" {
		t.Errorf("stop on refusal: %v", stopped)
	}
	version, err := v.store.Version(t.Context(), ledger.StreamOf("lmb"))
	fatalIf(t, err)
	if receipt := v.must("treasurer", income("1.00")).(*apiv1.RecordIncomeResponse).Receipt; receipt.Version != version+1 || receipt.Vouchers[0].Number != "收2021-4" {
		t.Errorf("a line after the stop was carried out: %v", receipt)
	}
}

// TestBatchOverHTTPNeedsEveryKey: a line acts as an operator whose key is sent along, and as nobody else.
func TestBatchOverHTTPNeedsEveryKey(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	body := jsonOf(t, &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{
		lineOf(t, "ConfirmOpening", "supervisor", &apiv1.ConfirmOpeningRequest{CommandId: id(), CollectiveId: "lmb"}),
		lineOf(t, "RecordIncome", "", income("1.00")),
	}})
	code := func(headers ...string) string {
		reply := v.post("treasurer", books+"Apply", body, headers...)
		answer := new(apiv1.ApplyResponse)
		if err := protojson.Unmarshal([]byte(reply.body), answer); err != nil || len(answer.Results) != 2 {
			_, reason := reply.refusal()
			return reason
		}
		return answer.Results[0].Refusal.GetReason()
	}
	for _, c := range []struct {
		what    string
		headers []string
		want    string
	}{
		{"no other key", nil, "key_not_given"},
		{"the key of another", []string{rpc.KeysHeader, v.keys["board"]}, "key_not_given"},
		{"the supervisor's key", []string{rpc.KeysHeader, v.keys["supervisor"]}, "opening_missing"},
		{"several, by comma", []string{rpc.KeysHeader, v.keys["board"] + ", " + v.keys["supervisor"]}, "opening_missing"},
		{"several, by line", []string{rpc.KeysHeader, v.keys["board"], rpc.KeysHeader, v.keys["supervisor"]}, "opening_missing"},
		{"one that is not valid", []string{rpc.KeysHeader, v.keys["supervisor"] + ",mz_no"}, "unauthenticated"},
		{"too many", []string{rpc.KeysHeader, strings.Repeat(v.keys["supervisor"]+",", 65) + v.keys["supervisor"]}, "unauthenticated"},
	} {
		if got := code(c.headers...); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if reply := v.post("", books+"Apply", body, rpc.KeysHeader, v.keys["supervisor"]); reply.status != 401 {
		t.Errorf("without a key of its own: %d", reply.status)
	}
}

// TestEveryCommandAnswersWithOneReceipt: a batch writes the answers of commands on books without knowing their types.
func TestEveryCommandAnswersWithOneReceipt(t *testing.T) {
	for _, m := range methodDescriptors() {
		if _, ok := ledger.Matrix[commandOf(string(m.Name()))]; !ok {
			continue
		}
		fields := m.Output().Fields()
		if fields.Len() != 1 || fields.Get(0).JSONName() != "receipt" || fields.Get(0).Message().Name() != "Receipt" {
			t.Errorf("%s answers %v", m.Name(), m.Output().FullName())
		}
	}
}

// TestReceiptsAreWrittenLikeProtobufJSON: every field there is, in every state a text can be in.
func TestReceiptsAreWrittenLikeProtobufJSON(t *testing.T) {
	passed := false
	full := new(apiv1.Receipt)
	setAll(full.ProtoReflect(), 3)
	for name, r := range map[string]*apiv1.Receipt{
		"empty": {}, "full": full, "not passed": {Passed: &passed, Facts: []string{"", "a"}},
		"texts": {CollectiveId: "\"\\/\u0000\u001f\b\n\t<>&\u2028\u2029\u007f字𠮷\U0001F600"},
		"large": {Version: 1<<64 - 1, RequestNumber: 1<<32 - 1, Payees: []uint32{0, 1, 1<<32 - 1}, Vouchers: []*apiv1.Voucher{{}, {Postings: []*apiv1.Posting{{}}}}},
	} {
		got := string(rpc.AppendReceipt(nil, r))
		if !sameJSON(got, jsonOf(t, r)) {
			t.Errorf("%s: %s, protojson %s", name, got, jsonOf(t, r))
		}
		back := new(apiv1.Receipt)
		if err := protojson.Unmarshal([]byte(got), back); err != nil || !proto.Equal(back, r) {
			t.Errorf("%s is not read back: %v, %s", name, err, got)
		}
	}
}

// setAll sets every field of a message and of those in it, down to a depth, to something that is not its default.
func setAll(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		value := func(v protoreflect.Value) protoreflect.Value {
			switch f.Kind() {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString("text of " + string(f.Name()))
			case protoreflect.Uint32Kind:
				return protoreflect.ValueOfUint32(7 + uint32(i))
			case protoreflect.Uint64Kind:
				return protoreflect.ValueOfUint64(1<<40 + uint64(i))
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true)
			case protoreflect.EnumKind:
				return protoreflect.ValueOfEnum(protoreflect.EnumNumber(1 + i%2))
			}
			if depth > 0 {
				setAll(v.Message(), depth-1)
			}
			return v
		}
		if f.IsList() {
			elements := m.Mutable(f).List()
			for range 2 {
				elements.Append(value(elements.NewElement()))
			}
			continue
		}
		m.Set(f, value(m.NewField(f)))
	}
}

// TestStoppedBatchAcrossCollectives: with stop_on_refusal nothing after the refused line is carried out, in any collective,
// and nothing before it is left out.
func TestStoppedBatchAcrossCollectives(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("neighbour", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "far", MoneyAccount: "cash", Kind: 2, Name: "c"})
	far := func(account string) *apiv1.ApplyLine {
		return lineOf(t, "OpenMoneyAccount", "neighbour", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "far", MoneyAccount: account, Kind: 2, Name: "c"})
	}
	good := func() *apiv1.ApplyLine { return lineOf(t, "RecordIncome", "", income("1.00")) }
	for i, lines := range [][]*apiv1.ApplyLine{
		{good(), far("safe"), good(), far("cash"), good(), far("box")},
		{good(), far("tin"), good(), {Method: "NoSuch"}, good(), far("box")},
		{good(), far("jar"), good(), {Method: "RecordIncome"}, good(), far("box")},
	} {
		results := v.apply("treasurer", true, lines...)
		if len(results) != 4 || results[3].Code == "" || results[0].Code+results[1].Code+results[2].Code != "" {
			t.Errorf("batch %d: %v", i, results)
		}
	}
	accounts := v.must("", &apiv1.GetCollectiveRequest{CollectiveId: "far"}).(*apiv1.GetCollectiveResponse).Collective.MoneyAccounts
	if len(accounts) != 4 {
		t.Errorf("money accounts %v", accounts)
	}
}
