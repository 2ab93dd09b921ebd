package rpc

import (
	"context"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// governanceService implements GovernanceService: what is decided and checked.
type governanceService struct{ *Server }

func (s governanceService) RecordResolution(ctx context.Context, r *apiv1.RecordResolutionRequest) (*apiv1.RecordResolutionResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordResolutionResponse{Receipt: receipt}, err
}

func (s governanceService) ConfirmResolution(ctx context.Context, r *apiv1.ConfirmResolutionRequest) (*apiv1.ConfirmResolutionResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ConfirmResolutionResponse{Receipt: receipt}, err
}

func (s governanceService) AdoptPolicy(ctx context.Context, r *apiv1.AdoptPolicyRequest) (*apiv1.AdoptPolicyResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AdoptPolicyResponse{Receipt: receipt}, err
}

func (s governanceService) AdoptSpendingRule(ctx context.Context, r *apiv1.AdoptSpendingRuleRequest) (*apiv1.AdoptSpendingRuleResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AdoptSpendingRuleResponse{Receipt: receipt}, err
}

func (s governanceService) OpenFund(ctx context.Context, r *apiv1.OpenFundRequest) (*apiv1.OpenFundResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.OpenFundResponse{Receipt: receipt}, err
}

func (s governanceService) ConfirmOpening(ctx context.Context, r *apiv1.ConfirmOpeningRequest) (*apiv1.ConfirmOpeningResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ConfirmOpeningResponse{Receipt: receipt}, err
}

func (s governanceService) ReviewRequest(ctx context.Context, r *apiv1.ReviewRequestRequest) (*apiv1.ReviewRequestResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ReviewRequestResponse{Receipt: receipt}, err
}

func (s governanceService) ApproveRequest(ctx context.Context, r *apiv1.ApproveRequestRequest) (*apiv1.ApproveRequestResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ApproveRequestResponse{Receipt: receipt}, err
}

func (s governanceService) RejectRequest(ctx context.Context, r *apiv1.RejectRequestRequest) (*apiv1.RejectRequestResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RejectRequestResponse{Receipt: receipt}, err
}

func (s governanceService) ReviewGrantRound(ctx context.Context, r *apiv1.ReviewGrantRoundRequest) (*apiv1.ReviewGrantRoundResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ReviewGrantRoundResponse{Receipt: receipt}, err
}

func (s governanceService) AwardGrants(ctx context.Context, r *apiv1.AwardGrantsRequest) (*apiv1.AwardGrantsResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AwardGrantsResponse{Receipt: receipt}, err
}

func (s governanceService) CancelGrant(ctx context.Context, r *apiv1.CancelGrantRequest) (*apiv1.CancelGrantResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.CancelGrantResponse{Receipt: receipt}, err
}

func (s governanceService) DeclareDividend(ctx context.Context, r *apiv1.DeclareDividendRequest) (*apiv1.DeclareDividendResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.DeclareDividendResponse{Receipt: receipt}, err
}

func (s governanceService) ClosePeriod(ctx context.Context, r *apiv1.ClosePeriodRequest) (*apiv1.ClosePeriodResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ClosePeriodResponse{Receipt: receipt}, err
}
