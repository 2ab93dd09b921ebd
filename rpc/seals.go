package rpc

import (
	"context"
	"errors"
	"fmt"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// This file answers for seals: who has signed which closed month, under which policy.

func adoptWitnessPolicy(r *apiv1.AdoptWitnessPolicyRequest) ledger.Command {
	return &ledger.AdoptWitnessPolicy{Groups: each(r.Groups, storedWitnessGroup), Resolution: r.ResolutionId}
}

func storedWitnessGroup(g *apiv1.WitnessGroup) *eventv1.WitnessGroup {
	return &eventv1.WitnessGroup{Name: g.Name, Threshold: g.Threshold, Witnesses: each(g.Witnesses, func(w *apiv1.Witness) *eventv1.Witness {
		return &eventv1.Witness{Name: w.Name, Key: w.Key}
	})}
}

func witnessGroupOf(g *eventv1.WitnessGroup) *apiv1.WitnessGroup {
	return &apiv1.WitnessGroup{Name: g.Name, Threshold: g.Threshold, Witnesses: each(g.Witnesses, func(w *eventv1.Witness) *apiv1.Witness {
		return &apiv1.Witness{Name: w.Name, Key: w.Key}
	})}
}

// WitnessBooks is what the books of a collective say, as they were known at a moment, that its seals depend on.
func WitnessBooks(collective string, book *projections.Book, m projections.Moment) witness.Books {
	b := witness.Books{Collective: collective}
	for _, p := range book.WitnessPolicies(m) {
		b.Policies = append(b.Policies, witness.Adopted{WitnessPolicyAdopted: p.WitnessPolicyAdopted, Event: p.Event})
	}
	for _, p := range book.ClosedPeriods(m) {
		b.Closings = append(b.Closings, witness.Closing{Month: p.Month, Size: p.Version, At: p.ClosedAt})
	}
	b.Simulated = book.Collective(0, m).Charter.GetSimulatedClock()
	return b
}

// logKeys are the public keys of a log: that which signs its heads first, then those of other generations.
func (s *Server) logKeys(origin string) []string {
	keys := []string{s.config.VerifierKey(origin)}
	if s.config.Signer == nil {
		return keys
	}
	known, err := s.config.Signer.Keys(context.Background(), origin)
	if err != nil {
		return keys // a signer that is away: with the newest key alone less is recognised, and nothing wrongly
	}
	for _, k := range known {
		if k.VerifierKey != keys[0] {
			keys = append(keys, k.VerifierKey)
		}
	}
	return keys
}

// sealings are the closed months at the moment of a read.
func (s disclosureService) sealings(ctx context.Context, collective string, at reading) (witness.Books, []witness.Sealing, witness.Judgement, error) {
	b := WitnessBooks(collective, at.book, at.moment)
	list, judgement, err := s.seals.Sealings(ctx, b)
	return b, list, judgement, err
}

func (s disclosureService) ListSeals(ctx context.Context, r *apiv1.ListSealsRequest) (*apiv1.ListSealsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	_, list, judgement, err := s.sealings(ctx, r.CollectiveId, at)
	if err != nil {
		return nil, err
	}
	list = list[min(after, len(list)):]
	next := 0
	if limit := pageLimit(r); len(list) > limit {
		list, next = list[:limit], after+limit
	}
	return &apiv1.ListSealsResponse{
		Seals: each(list, sealOf), NextPageToken: nextNumber(r, at, next), PolicyVersion: judgement.Version(), Version: at.version,
	}, nil
}

func sealOf(s witness.Sealing) *apiv1.Seal {
	seal := &apiv1.Seal{Month: s.Month.String(), ClosedAt: instant(s.At), Size: s.Size, Root: hexOf(s.Root), Sealed: s.Sealed}
	if s.Policy == nil {
		return seal
	}
	seal.PolicyVersion, seal.CommitteeOnly = s.Policy.Version, s.Policy.CommitteeOnly()
	seal.Groups = each(s.Groups, func(g witness.GroupVerdict) *apiv1.SealGroup {
		return &apiv1.SealGroup{Name: g.Name, Threshold: g.Threshold, Signed: g.Signed, Missing: g.Missing}
	})
	return seal
}

func (s disclosureService) GetSeal(ctx context.Context, r *apiv1.GetSealRequest) (*apiv1.GetSealResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	b, list, _, err := s.sealings(ctx, r.CollectiveId, at)
	if err != nil {
		return nil, err
	}
	one, err := sealAskedFor(r, list)
	if err != nil {
		return nil, err
	}
	note, err := s.seals.Note(ctx, b, one)
	if err != nil {
		return nil, err
	}
	request, err := s.seals.Request(ctx, r.CollectiveId, r.OldSize, one.Size)
	if err != nil {
		return nil, outOfRange(err)
	}
	return &apiv1.GetSealResponse{
		Seal: sealOf(one), Note: string(note), Request: string(request), VerifierKey: s.config.VerifierKey(at.facts.Charter.LogOrigin), Version: at.version,
	}, nil
}

// sealAskedFor finds a closed month by its size, by its name, or the last one.
func sealAskedFor(r *apiv1.GetSealRequest, list []witness.Sealing) (witness.Sealing, error) {
	if r.Month != "" && r.Size != 0 {
		return witness.Sealing{}, refuse(ledger.FieldInvalid, "size", "problem", "either month or size says which", problemChinese, "month 和 size 只能给一个")
	}
	p := new(reader)
	var month ledger.Month
	if r.Month != "" {
		if month = p.month("month", r.Month); p.err != nil {
			return witness.Sealing{}, p.err
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		if one := list[i]; r.Month == "" && r.Size == 0 || month != 0 && one.Month == month || r.Size != 0 && one.Size == r.Size {
			return one, nil
		}
	}
	if r.Size != 0 {
		return witness.Sealing{}, refuse(witness.HeadUnknown, "size", "size", fmt.Sprint(r.Size))
	}
	said := r.Month
	if said == "" {
		said = "—"
	}
	return witness.Sealing{}, refuse(ledger.PeriodNotClosed, "month", "month", said)
}

func (s disclosureService) GetWitnessPolicy(ctx context.Context, r *apiv1.GetWitnessPolicyRequest) (*apiv1.GetWitnessPolicyResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	policies := at.book.WitnessPolicies(at.moment)
	if len(policies) == 0 {
		return nil, refuse(witness.PolicyMissing, "", "collective", r.CollectiveId, "size", fmt.Sprint(at.version))
	}
	b, _, judgement, err := s.sealings(ctx, r.CollectiveId, at)
	if err != nil {
		return nil, err
	}
	answer := &apiv1.GetWitnessPolicyResponse{Version: at.version}
	for i, p := range policies {
		one, err := s.witnessPolicy(&b.Policies[i], p, at.facts.Charter.LogOrigin)
		if err != nil {
			return nil, err
		}
		switch inForce := judgement.Version(); {
		case p.Version == inForce:
			one.State, answer.InForce = apiv1.WitnessPolicyState_WITNESS_POLICY_STATE_IN_FORCE, one
		case p.Version > inForce:
			one.State = apiv1.WitnessPolicyState_WITNESS_POLICY_STATE_PENDING
		default:
			one.State = apiv1.WitnessPolicyState_WITNESS_POLICY_STATE_REPLACED
		}
		answer.Policies = append(answer.Policies, one)
	}
	return answer, nil
}

func (s disclosureService) witnessPolicy(a *witness.Adopted, p projections.WitnessPolicy, origin string) (*apiv1.WitnessPolicy, error) {
	text, err := s.seals.PolicyText(a, origin)
	return &apiv1.WitnessPolicy{
		PolicyVersion: p.Version, AdoptedVersion: p.Event, AdoptedAt: instant(p.AdoptedAt), ResolutionId: p.ResolutionId,
		Groups: each(p.Groups, witnessGroupOf), CommitteeOnly: a.CommitteeOnly(), Text: text,
	}, err
}

func (s disclosureService) ListForks(ctx context.Context, r *apiv1.ListForksRequest) (*apiv1.ListForksResponse, error) {
	if _, err := s.config.Ledger.Facts(ctx, r.CollectiveId); err != nil {
		return nil, err
	}
	forks, err := s.seals.Forks(ctx, r.CollectiveId)
	return &apiv1.ListForksResponse{Forks: each(forks, func(f witness.Fork) *apiv1.Fork {
		return &apiv1.Fork{Number: f.Number, First: string(f.First), Second: string(f.Second)}
	})}, err
}

func (s disclosureService) SubmitCosignature(ctx context.Context, r *apiv1.SubmitCosignatureRequest) (*apiv1.SubmitCosignatureResponse, error) {
	facts, err := s.config.Ledger.Facts(ctx, r.CollectiveId)
	if err != nil {
		return nil, err
	}
	// The head says how far the books have to be: it may have been signed a moment ago on another node.
	var size uint64
	if head, err := transparency.ReadHead([]byte(r.Note)); err == nil && head.Origin == facts.Charter.LogOrigin {
		size = head.Size
	}
	book, err := s.config.Books.Book(ctx, r.CollectiveId, size)
	if behind := (*projections.ErrBehind)(nil); errors.As(err, &behind) {
		return nil, refuse(witness.HeadUnknown, "note", "size", fmt.Sprint(size))
	}
	if err != nil {
		return nil, err
	}
	b := WitnessBooks(r.CollectiveId, book, book.Pin(projections.Moment{}))
	one, added, err := s.seals.Add(ctx, b, facts.Charter.LogOrigin, []byte(r.Note))
	if err != nil {
		return nil, err
	}
	return &apiv1.SubmitCosignatureResponse{Seal: sealOf(one), Added: uint32(added)}, nil
}

func (s disclosureService) ReportFork(ctx context.Context, r *apiv1.ReportForkRequest) (*apiv1.ReportForkResponse, error) {
	facts, err := s.config.Ledger.Facts(ctx, r.CollectiveId)
	if err != nil {
		return nil, err
	}
	stored, err := s.seals.ReportFork(ctx, r.CollectiveId, facts.Charter.LogOrigin, []byte(r.First), []byte(r.Second))
	return &apiv1.ReportForkResponse{Stored: stored}, err
}
