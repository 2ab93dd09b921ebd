package rpc_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// committee is a group of invented witnesses.
func committee(threshold uint32, names ...string) *apiv1.WitnessGroup {
	g := &apiv1.WitnessGroup{Name: "committee", Threshold: threshold}
	for _, name := range names {
		g.Witnesses = append(g.Witnesses, &apiv1.Witness{Name: name, Key: lt.WitnessKey(name)})
	}
	return g
}

// cosigned is a signed head with the cosignatures of some witnesses.
func cosigned(t *testing.T, msg string, at time.Time, names ...string) string {
	t.Helper()
	n, err := signednote.Parse([]byte(msg))
	fatalIf(t, err)
	for _, name := range names {
		seed := lt.WitnessSeed(name)
		key, err := witness.NewKey("witness.example/"+name, seed[:])
		fatalIf(t, err)
		c, err := key.Cosign(n.Text, at)
		fatalIf(t, err)
		n.Signatures = append(n.Signatures, c.Line(key.Verifier()))
	}
	return string(n.Bytes())
}

func (v *village) seal(req *apiv1.GetSealRequest) *apiv1.GetSealResponse {
	v.t.Helper()
	req.CollectiveId = "lmb"
	return v.must("", req).(*apiv1.GetSealResponse)
}

// everythingPublic gives every public read something to read: a line, an edition, a witness policy, a closed month, an inquiry.
func (v *village) everythingPublic() {
	v.t.Helper()
	v.must("treasurer", income("98.00"))
	v.must("", &apiv1.RaiseInquiryRequest{CommandId: id(), CollectiveId: "lmb", Kind: apiv1.InquiryKind_INQUIRY_KIND_TOPIC, Text: "请公开市场的租约"})
	v.must("treasurer", september())
	v.resolve("witnesses", apiv1.Matter_MATTER_CHARTER)
	v.must("approver", &apiv1.AdoptWitnessPolicyRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "witnesses", Groups: []*apiv1.WitnessGroup{committee(1, "first")}})
	for _, month := range []string{"2021-07", "2021-08"} {
		v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: month})
	}
}

// TestSeals: a policy, three months, three of five for one of them, without a key and as often as caches want.
func TestSeals(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.at(2)
	v.refused("", &apiv1.GetSealRequest{CollectiveId: "lmb"}, ledger.PeriodNotClosed)
	v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: "2021-07"})
	v.refused("", &apiv1.GetWitnessPolicyRequest{CollectiveId: "lmb"}, witness.PolicyMissing)
	list := v.must("", &apiv1.ListSealsRequest{CollectiveId: "lmb"}).(*apiv1.ListSealsResponse)
	if len(list.Seals) != 1 || list.PolicyVersion != 0 || list.Seals[0].Sealed || list.Seals[0].PolicyVersion != 0 || list.Seals[0].Month != "2021-07" {
		t.Errorf("without a policy: %v", list)
	}
	july := v.seal(&apiv1.GetSealRequest{})
	v.refused("", &apiv1.SubmitCosignatureRequest{CollectiveId: "lmb", Note: cosigned(t, july.Note, v.now, "first")}, witness.PolicyMissing)

	v.resolve("witnesses", apiv1.Matter_MATTER_CHARTER)
	adopt := &apiv1.AdoptWitnessPolicyRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "witnesses", Groups: []*apiv1.WitnessGroup{committee(3, "first", "second", "third", "fourth", "fifth")}}
	v.refused("treasurer", adopt, ledger.RoleMissing)
	v.must("approver", adopt)
	before := v.must("", &apiv1.GetWitnessPolicyRequest{CollectiveId: "lmb"}).(*apiv1.GetWitnessPolicyResponse)
	if p := before.InForce; p.PolicyVersion != 1 || p.State != apiv1.WitnessPolicyState_WITNESS_POLICY_STATE_IN_FORCE || !p.CommitteeOnly || p.ResolutionId != "witnesses" || len(before.Policies) != 1 ||
		p.AdoptedVersion != before.Version || !strings.HasSuffix(p.Text, "group committee 3 first second third fourth fifth\nquorum committee\n") || !strings.HasPrefix(p.Text, "log ") {
		t.Errorf("the policy is %v", before)
	}
	v.refused("", &apiv1.GetWitnessPolicyRequest{CollectiveId: "lmb", AsKnownAt: fmt.Sprint(before.Version - 1)}, witness.PolicyMissing)

	for _, month := range []string{"2021-08", "2021-09"} {
		v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: month})
	}
	august, last := v.seal(&apiv1.GetSealRequest{Month: "2021-08"}), v.seal(&apiv1.GetSealRequest{})
	if last.Seal.Month != "2021-09" || last.Seal.Size != last.Version || v.seal(&apiv1.GetSealRequest{Size: august.Seal.Size}).Seal.Month != "2021-08" {
		t.Errorf("the last month is %v", last.Seal)
	}
	v.refused("", &apiv1.GetSealRequest{CollectiveId: "lmb", Month: "2021-08", Size: 3}, ledger.FieldInvalid)
	v.refused("", &apiv1.GetSealRequest{CollectiveId: "lmb", Month: "2021-10"}, ledger.PeriodNotClosed)
	v.refused("", &apiv1.GetSealRequest{CollectiveId: "lmb", Size: 3}, witness.HeadUnknown)
	v.refused("", &apiv1.GetSealRequest{CollectiveId: "lmb", Month: "2021-08", OldSize: 900}, ledger.FieldInvalid)

	// What a witness is asked with proves the growth of the log.
	asked, err := transparency.ParseConsistency([]byte(v.seal(&apiv1.GetSealRequest{OldSize: august.Seal.Size}).Request))
	fatalIf(t, err)
	old, err := transparency.ReadHead([]byte(august.Note))
	fatalIf(t, err)
	fatalIf(t, transparency.CheckConsistency(old, asked.Head, asked.Hashes))

	// Caches keep an answer until somebody signs.
	get := getURL(t, &apiv1.ListSealsRequest{CollectiveId: "lmb"})
	tag := v.send(http.MethodGet, "", get, nil).header.Get("Etag")
	if again := v.send(http.MethodGet, "", get, nil, "If-None-Match", tag); again.status != http.StatusNotModified {
		t.Errorf("nothing has changed and the answer is %d", again.status)
	}
	submit := func(note string) *apiv1.SubmitCosignatureResponse {
		t.Helper()
		body, err := protojson.Marshal(&apiv1.SubmitCosignatureRequest{CollectiveId: "lmb", Note: note})
		fatalIf(t, err)
		answer := v.post("", disclosure+"SubmitCosignature", string(body))
		res := new(apiv1.SubmitCosignatureResponse)
		if answer.status != http.StatusOK || protojson.Unmarshal([]byte(answer.body), res) != nil {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		return res
	}
	if res := submit(cosigned(t, last.Note, v.now, "first", "third")); res.Added != 2 || res.Seal.Sealed {
		t.Errorf("two of five: %v", res)
	}
	v.now = v.now.Add(2 * time.Second)
	if changed := v.send(http.MethodGet, "", get, nil, "If-None-Match", tag); changed.status != http.StatusOK || !strings.Contains(strings.ReplaceAll(changed.body, " ", ""), `"signed":["first","third"]`) {
		t.Errorf("somebody has signed and the answer is %d %s", changed.status, changed.body)
	}
	if res := submit(cosigned(t, last.Note, v.now, "third")); res.Added != 0 || res.Seal.Sealed {
		t.Errorf("the third again: %v", res)
	}
	v.refused("treasurer", &apiv1.SubmitCosignatureRequest{CollectiveId: "lmb", Note: cosigned(t, last.Note, v.now, "sixth")}, witness.WitnessUnknown)
	if res := submit(cosigned(t, last.Note, v.now, "fifth")); res.Added != 1 || !res.Seal.Sealed || !res.Seal.CommitteeOnly || len(res.Seal.Groups[0].Missing) != 2 {
		t.Errorf("three of five: %v", res)
	}
	policy, err := witness.ParsePolicy([]byte(before.InForce.Text))
	fatalIf(t, err)
	n, err := signednote.Parse([]byte(v.seal(&apiv1.GetSealRequest{}).Note))
	fatalIf(t, err)
	if seal, err := policy.Satisfied(n, witness.Times{Now: v.now}); err != nil || !seal.Satisfied {
		t.Errorf("the note under the text of the policy: %v %+v", err, seal)
	}
	page := v.must("", &apiv1.ListSealsRequest{CollectiveId: "lmb", PageSize: 2}).(*apiv1.ListSealsResponse)
	rest := v.must("", &apiv1.ListSealsRequest{CollectiveId: "lmb", PageSize: 2, PageToken: page.NextPageToken}).(*apiv1.ListSealsResponse)
	if len(page.Seals) != 2 || len(rest.Seals) != 1 || !rest.Seals[0].Sealed || rest.NextPageToken != "" {
		t.Errorf("pages %v and %v", page, rest)
	}

	// The election: pending, then in force.
	v.resolve("election", apiv1.Matter_MATTER_CHARTER)
	v.must("approver", &apiv1.AdoptWitnessPolicyRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "election", Groups: []*apiv1.WitnessGroup{
		committee(2, "second", "sixth"), {Name: "outside", Threshold: 1, Witnesses: []*apiv1.Witness{{Name: "township", Key: lt.WitnessKey("township")}}}}})
	states := func() (said []string) {
		for _, p := range v.must("", &apiv1.GetWitnessPolicyRequest{CollectiveId: "lmb"}).(*apiv1.GetWitnessPolicyResponse).Policies {
			said = append(said, strings.TrimPrefix(p.State.String(), "WITNESS_POLICY_STATE_"), fmt.Sprint(p.CommitteeOnly))
		}
		return said
	}
	if got := fmt.Sprint(states()); got != "[IN_FORCE true PENDING false]" {
		t.Errorf("after the election: %v", got)
	}
	v.now = v.now.AddDate(0, 1, 0)
	v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: "2021-10"})
	submit(cosigned(t, v.seal(&apiv1.GetSealRequest{}).Note, v.now, "first", "second", "third"))
	if got := fmt.Sprint(states()); got != "[REPLACED true IN_FORCE false]" {
		t.Errorf("after the seal: %v", got)
	}
}

// TestForksAreShown: who finds two heads of one size shows them to everybody.
func TestForksAreShown(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.at(2)
	v.must("treasurer", &apiv1.ClosePeriodRequest{CommandId: id(), CollectiveId: "lmb", Month: "2021-07"})
	first := v.seal(&apiv1.GetSealRequest{})
	// The key of the log in other hands: another history under the same origin.
	head, err := transparency.ReadHead([]byte(first.Note))
	fatalIf(t, err)
	signer, err := transparency.OpenSigner(t.TempDir(), bytes.Repeat([]byte{7}, transparency.SecretBytes))
	fatalIf(t, err)
	forged, err := transparency.Open(eventstore.NewMemory(), t.TempDir(), signer,
		func(string, eventstore.Event) (string, error) { return head.Origin, nil }, transparency.Options{})
	fatalIf(t, err)
	defer forged.Close()
	_, err = forged.Append(t.Context(), "forged", 0, slices.Repeat([]eventstore.NewEvent{{Type: "income_recorded", Data: []byte("forged")}}, int(head.Size)))
	fatalIf(t, err)
	_, second, err := forged.Head(t.Context(), "forged")
	fatalIf(t, err)

	v.refused("", &apiv1.ReportForkRequest{CollectiveId: "lmb", First: first.Note, Second: first.Note}, witness.ForkNotProven)
	if r := v.must("", &apiv1.ReportForkRequest{CollectiveId: "lmb", First: first.Note, Second: string(second)}).(*apiv1.ReportForkResponse); !r.Stored {
		t.Error("it is not stored")
	}
	if r := v.must("", &apiv1.ReportForkRequest{CollectiveId: "lmb", First: string(second), Second: first.Note}).(*apiv1.ReportForkResponse); r.Stored {
		t.Error("it is stored twice")
	}
	forks := v.must("", &apiv1.ListForksRequest{CollectiveId: "lmb"}).(*apiv1.ListForksResponse).Forks
	if len(forks) != 1 || forks[0].Number != 1 || !strings.Contains(forks[0].First+forks[0].Second, string(second)) {
		t.Errorf("shown are %v", forks)
	}
	v.refused("", &apiv1.ListForksRequest{CollectiveId: "nowhere"}, ledger.CollectiveUnknown)
}
