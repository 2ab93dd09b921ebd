package rpc

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// disclosureService implements DisclosureService. Its answers are the same for everybody, key or not, so that caches may
// keep them; nothing in them names a person.
type disclosureService struct{ *Server }

func (s disclosureService) ListCollectives(ctx context.Context, r *apiv1.ListCollectivesRequest) (*apiv1.ListCollectivesResponse, error) {
	from, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	ids, err := s.config.Ledger.Collectives(ctx)
	away := errors.Is(err, ledger.ErrUnavailable)
	if away { // reads go on with what is in memory
		if ids = s.config.Ledger.CollectivesKnown(); len(ids) > 0 {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	ids = ids[sort.SearchStrings(ids, from.after):]
	answer := new(apiv1.ListCollectivesResponse)
	if limit := pageLimit(r); len(ids) > limit {
		answer.NextPageToken = nextToken(r, 0, ids[limit])
		ids = ids[:limit]
	}
	for _, id := range ids {
		headline, err := s.headline(ctx, id, away)
		if err != nil {
			return nil, err
		}
		answer.Collectives = append(answer.Collectives, headline)
	}
	return answer, nil
}

// headline shows a collective in a list, of its first event alone, so that a list of all loads the books of none. A
// collective whose log is damaged there is shown by its id: it must not hide the others.
//
// While the store is away it is not asked: the version is that of the last list, and who never was in one is shown by its id.
func (s disclosureService) headline(ctx context.Context, id string, away bool) (*apiv1.Collective, error) {
	if away {
		last, ok := s.listed.Load(id)
		if !ok {
			return &apiv1.Collective{Id: id}, nil
		}
		return last.(*apiv1.Collective), nil
	}
	charter, err := s.charter(ctx, id)
	if damaged := (*eventstore.CorruptError)(nil); errors.As(err, &damaged) {
		return &apiv1.Collective{Id: id}, nil
	}
	if err != nil {
		return nil, err
	}
	version, err := s.config.Events.Version(ctx, ledger.StreamOf(id))
	if err != nil {
		return nil, fmt.Errorf("read the version of %s: %w", id, err)
	}
	headline := headlineOf(charter, version)
	s.listed.Store(id, headline)
	return headline, nil
}

func (s disclosureService) charter(ctx context.Context, id string) (*eventv1.CollectiveFounded, error) {
	if known, ok := s.charters.Load(id); ok {
		return known.(*eventv1.CollectiveFounded), nil
	}
	for stored, err := range s.config.Events.Read(ctx, ledger.StreamOf(id), 0) {
		if err != nil {
			return nil, fmt.Errorf("read the founding of %s: %w", id, err)
		}
		e, err := ledger.Decode(stored)
		if err != nil {
			return nil, err
		}
		if founded := e.GetCollectiveFounded(); founded != nil {
			s.charters.Store(id, founded)
			return founded, nil
		}
		break
	}
	return nil, &eventstore.CorruptError{Stream: ledger.StreamOf(id), Version: 1, Reason: "the first event is no founding"}
}

func (s disclosureService) GetCollective(ctx context.Context, r *apiv1.GetCollectiveRequest) (*apiv1.GetCollectiveResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	on := at.moment.AsOf
	if on == 0 {
		on = s.today(at)
	}
	c := at.book.Collective(on, at.moment)
	if c.Charter == nil { // not founded yet at that moment
		return nil, refuse(ledger.CollectiveUnknown, "as_known_at", "collective", r.CollectiveId)
	}
	return &apiv1.GetCollectiveResponse{Collective: collectiveOf(c), Version: at.version}, nil
}

func (s disclosureService) GetFundStatement(ctx context.Context, r *apiv1.GetFundStatementRequest) (*apiv1.GetFundStatementResponse, error) {
	span, err := period(r.From, r.To)
	if err != nil {
		return nil, err
	}
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	statement := at.book.FundStatement(span, at.moment)
	return &apiv1.GetFundStatementResponse{
		Funds: each(statement.Funds, fundLineOf), Total: fundLineOf(statement.Total),
		Money: each(statement.Money, balanceOf), Version: at.version,
	}, nil
}

func (s disclosureService) ListPolicies(ctx context.Context, r *apiv1.ListPoliciesRequest) (*apiv1.ListPoliciesResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	return &apiv1.ListPoliciesResponse{Policies: each(at.book.Policies(at.moment), policyOf), Version: at.version}, nil
}

func (s disclosureService) ListTrueUps(ctx context.Context, r *apiv1.ListTrueUpsRequest) (*apiv1.ListTrueUpsResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	return &apiv1.ListTrueUpsResponse{TrueUps: each(at.book.TrueUps(at.moment), trueUpOf), Version: at.version}, nil
}

func (s disclosureService) GetSpendingRule(ctx context.Context, r *apiv1.GetSpendingRuleRequest) (*apiv1.GetSpendingRuleResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	answer := &apiv1.GetSpendingRuleResponse{Version: at.version}
	if rule := at.book.SpendingRule(at.moment); rule != nil {
		answer.RuleVersion, answer.Tiers, answer.ResolutionId = rule.Version, each(rule.Tiers, tierOf), rule.ResolutionId
		answer.RequestDays = rule.RequestDays
	}
	return answer, nil
}

func (s disclosureService) ListResolutions(ctx context.Context, r *apiv1.ListResolutionsRequest) (*apiv1.ListResolutionsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	resolutions, next := at.book.Resolutions(after, pageLimit(r), at.moment)
	return &apiv1.ListResolutionsResponse{
		Resolutions: each(resolutions, resolutionOf), NextPageToken: nextNumber(r, at, next), Version: at.version,
	}, nil
}

func (s disclosureService) ListFlags(ctx context.Context, r *apiv1.ListFlagsRequest) (*apiv1.ListFlagsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	flags, next := at.book.OpenFlags(after, pageLimit(r), at.moment)
	return &apiv1.ListFlagsResponse{Flags: each(flags, openFlagOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s disclosureService) ListGifts(ctx context.Context, r *apiv1.ListGiftsRequest) (*apiv1.ListGiftsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	gifts, next := at.book.Gifts(after, pageLimit(r), at.moment)
	return &apiv1.ListGiftsResponse{Gifts: each(gifts, publicGift), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s disclosureService) GetVersion(context.Context, *apiv1.GetVersionRequest) (*apiv1.GetVersionResponse, error) {
	return &apiv1.GetVersionResponse{Version: s.config.Version, Store: s.config.Store}, nil
}
