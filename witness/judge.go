package witness

import (
	"cmp"
	"fmt"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// Adopted is a witness policy as the log has it.
type Adopted struct {
	*eventv1.WitnessPolicyAdopted
	Event uint64 // version of the event that adopted it
}

// Candidate is a head that may be a seal, and whose cosignatures of it were found right.
type Candidate struct {
	Size uint64   // its last event closes a month
	Keys []string // public keys, as policies write them
}

// Verdict is what the policies say of a head.
type Verdict struct {
	Size   uint64
	Policy *Adopted       // that judges it; nil: none was adopted by then
	Groups []GroupVerdict // of that policy, in its order
	Sealed bool           // every group is satisfied: the head is a seal (五瓣章)
}

// GroupVerdict is a group of witnesses at one head. Signed and Missing are names, in the order of the policy.
type GroupVerdict struct {
	Name            string
	Threshold       uint32
	Signed, Missing []string
}

// Satisfied says whether enough of its witnesses have signed.
func (g GroupVerdict) Satisfied() bool { return len(g.Signed) >= int(g.Threshold) }

// Judgement is what the policies say of all heads.
type Judgement struct {
	Heads   []Verdict // in order of size
	InForce *Adopted  // that judges the next head; nil: none was adopted
	Pending []Adopted // adopted later and not in effect, by version
}

// Version is the number of the policy in force, 0 when there is none.
func (j Judgement) Version() uint32 {
	if j.InForce == nil {
		return 0
	}
	return j.InForce.Version
}

// Judge walks the heads in order of size and says which are sealed, by whom and under which policy. The first policy takes effect with the
// event that adopts it. Each later one takes effect with the first head that contains it and is sealed under the policy before:
// that head is the last one of the old witnesses, the heads behind it are judged by the new policy, and no head brings two policies into
// effect. It is a function of its arguments alone; the server and whoever checks a published log ask the same one.
func Judge(policies []Adopted, heads []Candidate) Judgement {
	heads = slices.Clone(heads)
	slices.SortFunc(heads, func(a, b Candidate) int { return cmp.Compare(a.Size, b.Size) })
	var j Judgement
	at := 0 // place of the policy in force
	for _, h := range heads {
		if len(policies) == 0 || policies[0].Event > h.Size {
			j.Heads = append(j.Heads, Verdict{Size: h.Size})
			continue
		}
		v := policies[at].judge(h)
		j.Heads = append(j.Heads, v)
		if next := at + 1; v.Sealed && next < len(policies) && policies[next].Event <= h.Size {
			at = next
		}
	}
	if len(policies) > 0 {
		j.InForce, j.Pending = &policies[at], policies[at+1:]
	}
	return j
}

// judge says who of the policy has signed a head. A key counts once.
func (p *Adopted) judge(h Candidate) Verdict {
	v := Verdict{Size: h.Size, Policy: p, Sealed: len(p.Groups) > 0}
	for _, g := range p.Groups {
		group := GroupVerdict{Name: g.Name, Threshold: g.Threshold}
		for _, w := range g.Witnesses {
			if slices.Contains(h.Keys, w.Key) {
				group.Signed = append(group.Signed, w.Name)
			} else {
				group.Missing = append(group.Missing, w.Name)
			}
		}
		v.Groups = append(v.Groups, group)
		v.Sealed = v.Sealed && g.Threshold > 0 && group.Satisfied()
	}
	return v
}

// admitted are the policies whose witnesses may sign a head: the one that judges it, and those that are in it and wait for their turn,
// whose witnesses are counted when the policy before seals an earlier head.
func (v Verdict) admitted(policies []Adopted) (list []Adopted) {
	for _, p := range policies {
		if v.Policy != nil && p.Version >= v.Policy.Version && p.Event <= v.Size {
			list = append(list, p)
		}
	}
	return list
}

// Admits says whether a key is of somebody who may sign a head.
func (v Verdict) Admits(policies []Adopted, key string) bool {
	return slices.ContainsFunc(v.admitted(policies), func(p Adopted) bool {
		_, ok := p.Holder(key)
		return ok
	})
}

// Holder is the name of the witness who has a key.
func (p *Adopted) Holder(key string) (name string, ok bool) {
	for _, g := range p.Groups {
		for _, w := range g.Witnesses {
			if w.Key == key {
				return w.Name, true
			}
		}
	}
	return "", false
}

// CommitteeOnly says that nobody outside has a say: the policy has one group.
func (p *Adopted) CommitteeOnly() bool { return len(p.Groups) == 1 }

// Text is the policy as text (c2sp.org/tlog-policy) with the keys of the log. The error wraps ErrPolicy: a policy that was adopted has none.
func (p *Adopted) Text(logs ...signednote.Verifier) ([]byte, error) {
	var groups []WitnessGroup
	for _, g := range p.Groups {
		group := WitnessGroup{Name: g.Name, Threshold: int(g.Threshold)}
		for _, w := range g.Witnesses {
			key, err := signednote.ParseVerifier(w.Key)
			if err != nil {
				return nil, fmt.Errorf("%w: witness %s: %w", ErrPolicy, w.Name, err)
			}
			group.Witnesses = append(group.Witnesses, Witness{Name: w.Name, Key: key})
		}
		groups = append(groups, group)
	}
	policy, err := NewPolicy(logs, groups)
	if err != nil {
		return nil, err
	}
	return FormatPolicy(policy)
}
