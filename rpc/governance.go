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

func (s governanceService) RatifyFlag(ctx context.Context, r *apiv1.RatifyFlagRequest) (*apiv1.RatifyFlagResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RatifyFlagResponse{Receipt: receipt}, err
}

func (s governanceService) ExpireRequest(ctx context.Context, r *apiv1.ExpireRequestRequest) (*apiv1.ExpireRequestResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ExpireRequestResponse{Receipt: receipt}, err
}

func (s governanceService) CancelGrantRound(ctx context.Context, r *apiv1.CancelGrantRoundRequest) (*apiv1.CancelGrantRoundResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.CancelGrantRoundResponse{Receipt: receipt}, err
}

func (s governanceService) RaiseObjection(ctx context.Context, r *apiv1.RaiseObjectionRequest) (*apiv1.RaiseObjectionResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RaiseObjectionResponse{Receipt: receipt}, err
}

func (s governanceService) AnswerObjection(ctx context.Context, r *apiv1.AnswerObjectionRequest) (*apiv1.AnswerObjectionResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AnswerObjectionResponse{Receipt: receipt}, err
}

func (s governanceService) HoldPayee(ctx context.Context, r *apiv1.HoldPayeeRequest) (*apiv1.HoldPayeeResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.HoldPayeeResponse{Receipt: receipt}, err
}

func (s governanceService) ReleaseHold(ctx context.Context, r *apiv1.ReleaseHoldRequest) (*apiv1.ReleaseHoldResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ReleaseHoldResponse{Receipt: receipt}, err
}

func (s governanceService) ReviewPeriod(ctx context.Context, r *apiv1.ReviewPeriodRequest) (*apiv1.ReviewPeriodResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ReviewPeriodResponse{Receipt: receipt}, err
}

func (s governanceService) ChangeBody(ctx context.Context, r *apiv1.ChangeBodyRequest) (*apiv1.ChangeBodyResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ChangeBodyResponse{Receipt: receipt}, err
}

func (s governanceService) ChangeFund(ctx context.Context, r *apiv1.ChangeFundRequest) (*apiv1.ChangeFundResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ChangeFundResponse{Receipt: receipt}, err
}

func (s governanceService) AdoptWitnessPolicy(ctx context.Context, r *apiv1.AdoptWitnessPolicyRequest) (*apiv1.AdoptWitnessPolicyResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AdoptWitnessPolicyResponse{Receipt: receipt}, err
}
