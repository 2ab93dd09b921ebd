package rpc_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// TestProofsHoldWithoutTheServer: who kept a head, or has an event, checks today's log with what the API answered and nothing else.
func TestProofsHoldWithoutTheServer(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	kept := v.must("supervisor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse)
	receipt := v.must("treasurer", income("98000.00")).(*apiv1.RecordIncomeResponse).Receipt
	v.must("treasurer", income("10.00"))
	head := v.must("supervisor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse)

	in := v.must("auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: receipt.Version, MinVersion: receipt.Version}).(*apiv1.ProveInclusionResponse)
	if in.Index != receipt.Version-1 || in.Size != head.Size || in.Root != head.Root || in.Note != head.Note || in.VerifierKey != kept.VerifierKey || len(in.Leaf) != 64 {
		t.Errorf("inclusion %v, head %v", in, head)
	}
	p, err := transparency.ParseInclusion([]byte(in.Proof))
	fatalIf(t, err)
	signed, err := transparency.OpenHead(p.Note, kept.VerifierKey)
	fatalIf(t, err)
	var event eventstore.Event
	for e, err := range v.store.Read(t.Context(), ledger.StreamOf("lmb"), receipt.Version-1) {
		fatalIf(t, err)
		event = e
		break
	}
	fatalIf(t, transparency.CheckInclusion(signed.Origin, event.Type, event.Data, receipt.Version, signed, p.Hashes))
	if len(p.Hashes) != len(in.Hashes) || len(in.Hashes) == 0 || in.Hashes[0] != hex.EncodeToString(p.Hashes[0][:]) {
		t.Errorf("hashes %v, in the text %v", in.Hashes, p.Hashes)
	}
	if err := transparency.CheckInclusion(signed.Origin, event.Type, append(event.Data, 0), receipt.Version, signed, p.Hashes); err == nil {
		t.Error("another event passes")
	}

	old, err := transparency.OpenHead([]byte(kept.Note), kept.VerifierKey)
	fatalIf(t, err)
	con := v.must("auditor", &apiv1.ProveConsistencyRequest{CollectiveId: "lmb", OldSize: kept.Size}).(*apiv1.ProveConsistencyResponse)
	if con.OldSize != kept.Size || con.OldRoot != kept.Root || con.Size != head.Size || con.Root != head.Root || con.Note != head.Note {
		t.Errorf("consistency %v, head %v", con, head)
	}
	c, err := transparency.ParseConsistency([]byte(con.Proof))
	fatalIf(t, err)
	signed, err = transparency.OpenHead(c.Note, kept.VerifierKey)
	fatalIf(t, err)
	fatalIf(t, transparency.CheckConsistency(old, signed, c.Hashes))

	// In the log as it was kept: the signed head is that one, byte for byte.
	then := v.must("auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: 1, Size: kept.Size}).(*apiv1.ProveInclusionResponse)
	if then.Note != kept.Note || then.Root != kept.Root || then.Size != kept.Size {
		t.Errorf("inclusion %v, kept %v", then, kept)
	}
	same := v.must("auditor", &apiv1.ProveConsistencyRequest{CollectiveId: "lmb", OldSize: 3, Size: 3}).(*apiv1.ProveConsistencyResponse)
	if same.OldRoot != same.Root || len(same.Hashes) != 0 {
		t.Errorf("a log with itself: %v", same)
	}
}

// TestProofsAreRefused: each refusal names the field, and what there is.
func TestProofsAreRefused(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	size := v.must("supervisor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse).Size
	for _, c := range []struct {
		as     string
		r      proto.Message
		reason ledger.Reason
		says   string
	}{
		{"auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb"}, ledger.FieldInvalid, "version"},
		{"auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: size + 1}, ledger.FieldInvalid, "version"},
		{"auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: 3, Size: 2}, ledger.FieldInvalid, "version"},
		{"auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: 1, Size: size + 1}, ledger.FieldInvalid, "size"},
		{"auditor", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: 1 << 63, Size: 1 << 63}, ledger.FieldInvalid, "size"},
		{"auditor", &apiv1.ProveConsistencyRequest{CollectiveId: "lmb"}, ledger.FieldInvalid, "old_size"},
		{"auditor", &apiv1.ProveConsistencyRequest{CollectiveId: "lmb", OldSize: size + 1}, ledger.FieldInvalid, "old_size"},
		{"auditor", &apiv1.ProveConsistencyRequest{CollectiveId: "lmb", OldSize: 1, Size: size + 1}, ledger.FieldInvalid, "size"},
		{"auditor", &apiv1.ProveInclusionRequest{CollectiveId: "nowhere", Version: 1}, "", ""},
		{"auditor", &apiv1.ProveConsistencyRequest{CollectiveId: "nowhere", OldSize: 1}, "", ""},
		{"treasurer", &apiv1.ProveInclusionRequest{CollectiveId: "lmb", Version: 1}, "role_missing", ""},
		{"approver", &apiv1.ProveConsistencyRequest{CollectiveId: "lmb", OldSize: 1}, "role_missing", ""},
	} {
		_, err := v.inProcess(c.as, c.r)
		if reason := reasonOf(err); err == nil || c.reason != "" && reason != c.reason || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%T %v as %s: %v", c.r, c.r, c.as, err)
		}
	}
}
