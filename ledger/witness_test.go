package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

func init() {
	commands = append(commands, &ledger.AdoptWitnessPolicy{})
	refusals[ledger.ThresholdInvalid] = func(t *testing.T) error {
		return on(lt.Demo(t, "2021-12-20"), "2021-12-20", lt.Approver, &ledger.AdoptWitnessPolicy{Groups: []*eventv1.WitnessGroup{lt.WitnessGroup("committee", 2, "first")}})
	}
	refusals[ledger.WitnessKeyInvalid] = func(t *testing.T) error {
		g := lt.WitnessGroup("committee", 1, "first")
		g.Witnesses[0].Key += "="
		return on(lt.Demo(t, "2021-12-20"), "2021-12-20", lt.Approver, &ledger.AdoptWitnessPolicy{Groups: []*eventv1.WitnessGroup{g}})
	}
}

// witnessFacts goes on with one fact about witnesses.
func witnessFacts(b *lt.Books) {
	b.Resolve("2020-05-12", "witnesses-1", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Do("2020-05-12", lt.Approver, &ledger.AdoptWitnessPolicy{Resolution: "witnesses-1", Groups: []*eventv1.WitnessGroup{
		lt.WitnessGroup("committee", 2, "first", "second", "third"), lt.WitnessGroup("outside", 1, "township")}})
}

// TestAdoptWitnessPolicy: a policy is a change of the charter, numbered from 1; names and keys stand in it once.
func TestAdoptWitnessPolicy(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	five := []string{"first", "second", "third", "fourth", "fifth"}
	adopt := func(resolution string, groups ...*eventv1.WitnessGroup) *ledger.AdoptWitnessPolicy {
		return &ledger.AdoptWitnessPolicy{Groups: groups, Resolution: resolution}
	}
	petals := adopt("seal", lt.WitnessGroup("committee", 3, five...))
	b.Refuse("2021-12-20", lt.Treasurer, petals, ledger.RoleMissing)
	b.Refuse("2021-12-20", lt.Approver, petals, ledger.ResolutionUnknown)
	b.Resolve("2021-12-20", "by-representatives", eventv1.Matter_MATTER_CHARTER, "representatives", "", "")
	b.Refuse("2021-12-20", lt.Approver, adopt("by-representatives", petals.Groups...), ledger.ResolutionOther)
	vote := lt.Resolution("2021-12-20", "seal", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Do("2021-12-20", lt.Approver, vote)
	b.Refuse("2021-12-20", lt.Approver, petals, ledger.ResolutionUnconfirmed)
	b.Do("2021-12-20", lt.Supervisor, &ledger.ConfirmResolution{ID: "seal"})

	refused := func(reason ledger.Reason, groups []*eventv1.WitnessGroup, figures ...string) {
		t.Helper()
		b.Refuse("2021-12-20", lt.Approver, adopt("seal", groups...), reason, figures...)
	}
	one := func(edit func(*eventv1.WitnessGroup)) []*eventv1.WitnessGroup {
		g := lt.WitnessGroup("committee", 3, five...)
		edit(g)
		return []*eventv1.WitnessGroup{g}
	}
	refused(ledger.TooMany, nil, "what=groups", "max=8", "count=0")
	var nine []*eventv1.WitnessGroup
	for i := range 9 {
		nine = append(nine, lt.WitnessGroup(fmt.Sprintf("group-%d", i), 1, fmt.Sprintf("witness-%d", i)))
	}
	refused(ledger.TooMany, nine, "count=9")
	refused(ledger.IDInvalid, one(func(g *eventv1.WitnessGroup) { g.Name = "监督委员会" }))
	refused(ledger.IDInvalid, one(func(g *eventv1.WitnessGroup) { g.Witnesses[1].Name = "A" }))
	refused(ledger.FieldInvalid, one(func(g *eventv1.WitnessGroup) { g.Witnesses[1].Name = "none" }))
	refused(ledger.FieldInvalid, one(func(g *eventv1.WitnessGroup) { g.Name = "all-groups" }))
	refused(ledger.RepeatedEntry, one(func(g *eventv1.WitnessGroup) { g.Witnesses[1].Name = "first" }), "entry=first")
	refused(ledger.RepeatedEntry, one(func(g *eventv1.WitnessGroup) { g.Witnesses[1].Name = "committee" }), "entry=committee")
	refused(ledger.RepeatedEntry, []*eventv1.WitnessGroup{lt.WitnessGroup("committee", 1, "first"), lt.WitnessGroup("committee", 1, "second")}, "entry=committee")
	refused(ledger.RepeatedEntry, one(func(g *eventv1.WitnessGroup) { g.Witnesses[4].Key = g.Witnesses[0].Key }))
	refused(ledger.ThresholdInvalid, one(func(g *eventv1.WitnessGroup) { g.Threshold = 0 }), "group=committee", "threshold=0", "witnesses=5")
	refused(ledger.ThresholdInvalid, one(func(g *eventv1.WitnessGroup) { g.Threshold = 6 }), "threshold=6")
	refused(ledger.TooMany, one(func(g *eventv1.WitnessGroup) { g.Witnesses = nil }), "what=witnesses", "count=0")
	var sixteen []string
	for i := range 16 {
		sixteen = append(sixteen, fmt.Sprintf("witness-%d", i))
	}
	refused(ledger.TooMany, []*eventv1.WitnessGroup{lt.WitnessGroup("committee", 9, sixteen...)}, "max=15", "count=16")
	for _, wrong := range []string{"", "first", strings.ToUpper(lt.WitnessKey("first")), lt.WitnessKey("first") + "\n", strings.Replace(lt.WitnessKey("first"), "first", "fourth", 1),
		// the key of a log signs heads, not cosignatures
		"mingzhang.example/liminba+8b1b4bc3+AaxXb7uVaGPYyMWP9ZJTFPk8CKS3HfVBfbCQ7nLVyWIO"} {
		refused(ledger.WitnessKeyInvalid, one(func(g *eventv1.WitnessGroup) { g.Witnesses[2].Key = wrong }), "witness=third")
	}

	e := b.Do("2021-12-20", lt.Approver, petals)[0]
	if f := e.GetWitnessPolicyAdopted(); f.Version != 1 || f.ResolutionId != "seal" || len(f.Groups[0].Witnesses) != 5 {
		t.Errorf("adopted %v", f)
	}
	refused(ledger.FieldInvalid, petals.Groups)
	refused(ledger.AlreadyDone, []*eventv1.WitnessGroup{lt.WitnessGroup("committee", 2, five...)})
	b.Resolve("2021-12-21", "election", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	e = b.Do("2021-12-21", lt.Approver, adopt("election", lt.WitnessGroup("committee", 3, "sixth", "second", "third", "fourth", "fifth")))[0]
	if f := e.GetWitnessPolicyAdopted(); f.Version != 2 {
		t.Errorf("the second policy has the version %d", f.Version)
	}
	refold(t, b)
}

// TestLargestWitnessPolicy: all witnesses of the largest policy can sign one note.
func TestLargestWitnessPolicy(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	var groups []*eventv1.WitnessGroup
	for i, n := range []int{15, 9, 1, 1, 1, 1, 1, 1} {
		var names []string
		for j := range n {
			names = append(names, fmt.Sprintf("witness-%d-%d", i, j))
		}
		groups = append(groups, lt.WitnessGroup(fmt.Sprintf("group-%d", i), uint32(n), names...))
	}
	b.Resolve("2021-12-20", "large", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	more := append(slices.Clone(groups), lt.WitnessGroup("group-8", 1, "one-more"))
	b.Refuse("2021-12-20", lt.Approver, &ledger.AdoptWitnessPolicy{Groups: more, Resolution: "large"}, ledger.TooMany, "what=groups")
	more = append(slices.Clone(groups[:7]), lt.WitnessGroup("group-7", 1, "one", "more"))
	b.Refuse("2021-12-20", lt.Approver, &ledger.AdoptWitnessPolicy{Groups: more, Resolution: "large"}, ledger.TooMany, "what=witnesses", "max=30", "count=31")
	b.Do("2021-12-20", lt.Approver, &ledger.AdoptWitnessPolicy{Groups: groups, Resolution: "large"})
}

// TestForgedWitnessPolicy: whoever has the key of the log cannot make witnesses of his friends.
func TestForgedWitnessPolicy(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "other", eventv1.Matter_MATTER_OTHER, "household_heads", "", "")
	b.Resolve("2021-12-20", "seal", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Do("2021-12-20", lt.Approver, &ledger.AdoptWitnessPolicy{Groups: []*eventv1.WitnessGroup{lt.WitnessGroup("committee", 1, "first")}, Resolution: "seal"})
	if at, reason := audited(t, b.Events); at != 0 {
		t.Fatalf("event %d: %s", at, reason)
	}
	last := len(b.Events) - 1
	for name, c := range map[string]struct {
		forge func(*eventv1.Event)
		wants string
	}{
		"a number":            {func(e *eventv1.Event) { e.GetWitnessPolicyAdopted().Version = 2 }, "policy 2 comes where 1 is due"},
		"no resolution":       {func(e *eventv1.Event) { e.GetWitnessPolicyAdopted().ResolutionId = "" }, "not to be adopted"},
		"a resolution used":   {func(e *eventv1.Event) { e.GetWitnessPolicyAdopted().ResolutionId = "founding" }, "not to be adopted"},
		"another matter":      {func(e *eventv1.Event) { e.GetWitnessPolicyAdopted().ResolutionId = "other" }, "not to be adopted"},
		"a threshold of none": {func(e *eventv1.Event) { e.GetWitnessPolicyAdopted().Groups[0].Threshold = 0 }, "not to be adopted"},
		"a role":              {func(e *eventv1.Event) { e.Actor = lt.Treasurer }, ""},
	} {
		events := slices.Clone(b.Events)
		events[last] = proto.CloneOf(events[last])
		c.forge(events[last])
		if at, reason := audited(t, events); at != uint64(last+1) || !strings.Contains(reason, c.wants) {
			t.Errorf("%s: event %d: %s", name, at, reason)
		}
	}
}
