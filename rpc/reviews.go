package rpc

import (
	"context"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func (s disclosureService) ListPeriodReviews(ctx context.Context, r *apiv1.ListPeriodReviewsRequest) (*apiv1.ListPeriodReviewsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	months, next := at.book.PeriodReviews(after, pageLimit(r), at.moment)
	return &apiv1.ListPeriodReviewsResponse{
		Months: each(months, periodReviewOf), NextPageToken: nextNumber(r, at, next), Version: at.version,
	}, nil
}

func (s auditService) CompareOpening(ctx context.Context, r *apiv1.CompareOpeningRequest) (*apiv1.CompareOpeningResponse, error) {
	p := new(reader)
	given := each(r.Lines, p.openingLine)
	if p.err != nil {
		return nil, p.err
	}
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	opening := at.book.Opening(at.moment)
	if opening == nil {
		return nil, refuse(ledger.OpeningMissing, "")
	}
	proposed := each(opening.Lines, func(l *eventv1.OpeningLine) ledger.OpeningLine {
		return ledger.OpeningLine{Account: ledger.Account(l.Account), Amount: ledger.Fen(l.AmountFen), Party: l.Party}
	})
	return &apiv1.CompareOpeningResponse{
		Differences: each(ledger.OpeningDiff(proposed, given), func(d ledger.OpeningDifference) *apiv1.OpeningDifference {
			return &apiv1.OpeningDifference{Account: string(d.Account), Party: d.Party, Proposed: d.Here.String(), Given: d.There.String()}
		}),
		Version: at.version, OccurredOn: ledger.Day(opening.OccurredOn).String(),
	}, nil
}
