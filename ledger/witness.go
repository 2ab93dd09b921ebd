package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// This file decides about the witness policy (见证章程): whose signatures seal a month (五瓣章). It takes a resolution of the charter
// body, like any change of the charter. When a policy takes effect is no matter of this stream: package witness judges it by the
// signatures.

// AdoptWitnessPolicy says who the witnesses are from the head on under which the policy before seals it; the first at once.
type AdoptWitnessPolicy struct {
	Groups     []*eventv1.WitnessGroup
	Resolution string
}

func (*AdoptWitnessPolicy) Name() string { return "AdoptWitnessPolicy" }

// Limits of a witness policy. With the lines of the log's own keys all its witnesses fit into one signed note.
const (
	witnessGroupsMax = 8
	witnessesMax     = 15 // of one group
	witnessesAllMax  = signednote.SignaturesMax - 2
)

// StreamWitness is before a collective's id in the name of the stream that keeps what its witnesses signed.
const StreamWitness = "witness-"

// WitnessStreamOf is the stream of what the witnesses of a collective signed.
func WitnessStreamOf(collective string) string { return StreamWitness + collective }

// A policy: groups and witnesses have names of their own, each threshold can be met and needs somebody, no key is listed twice, under
// whatever name; it differs from the one adopted last; then the resolution.
func (c *AdoptWitnessPolicy) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := checkWitnessGroups(c.Groups); err != nil {
		return err
	}
	now := d.s.witnesses
	if err := d.amends("groups", &eventv1.WitnessPolicyAdopted{Groups: now.GetGroups()}, &eventv1.WitnessPolicyAdopted{Groups: c.Groups}, c.Resolution); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_WitnessPolicyAdopted{WitnessPolicyAdopted: &eventv1.WitnessPolicyAdopted{
		Version: now.GetVersion() + 1, Groups: cloneGroups(c.Groups), ResolutionId: c.Resolution}}})
	return nil
}

func cloneGroups(groups []*eventv1.WitnessGroup) (out []*eventv1.WitnessGroup) {
	for _, g := range groups {
		out = append(out, proto.CloneOf(g))
	}
	return out
}

// checkWitnessGroups holds what a policy is made of.
func checkWitnessGroups(groups []*eventv1.WitnessGroup) error {
	if n := len(groups); n == 0 || n > witnessGroupsMax {
		return refuse(TooMany).with("what", "groups").with("max", witnessGroupsMax).with("count", n).at("groups")
	}
	names, keys := map[string]bool{}, map[[32]byte]bool{}
	for _, g := range groups {
		if err := checkWitnessGroup(g, names, keys); err != nil {
			return err
		}
	}
	if n := len(keys); n > witnessesAllMax {
		return refuse(TooMany).with("what", "witnesses").with("max", witnessesAllMax).with("count", n).at("groups")
	}
	return nil
}

// examineWitnessPolicy holds an adopted policy to what AdoptWitnessPolicy promises: whoever checks seals relies on it.
func (d *decision) examineWitnessPolicy(f *eventv1.WitnessPolicyAdopted) string {
	if due := d.s.witnesses.GetVersion() + 1; f.Version != due {
		return fmt.Sprintf("witness policy %d comes where %d is due", f.Version, due)
	}
	err := checkWitnessGroups(f.Groups)
	if err == nil {
		err = d.adopting(f.ResolutionId, eventv1.Matter_MATTER_CHARTER, d.s.charter.CharterBody)
	}
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return fmt.Sprintf("witness policy %d was not to be adopted: %s", f.Version, r.English())
	}
	return ""
}

// checkWitnessGroup adds the names and keys of a group to those that were listed before.
func checkWitnessGroup(g *eventv1.WitnessGroup, names map[string]bool, keys map[[32]byte]bool) error {
	if err := cmp.Or(checkSlug("groups.name", g.GetName()), listedOnce(names, g.GetName(), "groups.name")); err != nil {
		return err
	}
	switch n := len(g.Witnesses); {
	case n == 0 || n > witnessesMax:
		return refuse(TooMany).with("what", "witnesses").with("max", witnessesMax).with("count", n).at("groups.witnesses")
	case g.Threshold == 0 || int64(g.Threshold) > int64(n):
		return refuse(ThresholdInvalid).with("group", g.Name).with("threshold", g.Threshold).with("witnesses", n).at("groups.threshold")
	}
	for _, w := range g.Witnesses {
		if err := cmp.Or(checkSlug("groups.witnesses.name", w.GetName()), listedOnce(names, w.GetName(), "groups.witnesses.name")); err != nil {
			return err
		}
		key, ok := WitnessKey(w.Key)
		if !ok {
			return refuse(WitnessKeyInvalid).with("witness", w.Name).with("key", clip(w.Key)).at("groups.witnesses.key")
		}
		if keys[key] {
			return refuse(RepeatedEntry).with("entry", clip(w.Key)).at("groups.witnesses.key")
		}
		keys[key] = true
	}
	return nil
}

// reservedNames mean something in the text of a policy.
var reservedNames = []string{"none", "all-groups"}

func listedOnce(names map[string]bool, name, field string) error {
	if slices.Contains(reservedNames, name) {
		return refuse(FieldInvalid).because("nothing may be called "+name, "不能取名 "+name).at(field)
	}
	if names[name] {
		return refuse(RepeatedEntry).with("entry", name).at(field)
	}
	names[name] = true
	return nil
}

// WitnessKey reads a public key of cosignatures in its one form (package signednote).
func WitnessKey(text string) (key [32]byte, ok bool) {
	v, err := signednote.ParseVerifier(text)
	if err != nil || v.Algorithm != signednote.Cosignature {
		return key, false
	}
	return v.Key, true
}
