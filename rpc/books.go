package rpc

import (
	"context"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// booksService implements BooksService, the treasurer's commands: a request becomes a command, its events a receipt. What
// may be done and what not is the ledger's to say. Apply is in apply.go.
type booksService struct{ *Server }

func (s booksService) RecordIncome(ctx context.Context, r *apiv1.RecordIncomeRequest) (*apiv1.RecordIncomeResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordIncomeResponse{Receipt: receipt}, err
}

func (s booksService) ReceiveDeposit(ctx context.Context, r *apiv1.ReceiveDepositRequest) (*apiv1.ReceiveDepositResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ReceiveDepositResponse{Receipt: receipt}, err
}

func (s booksService) ReceiveGift(ctx context.Context, r *apiv1.ReceiveGiftRequest) (*apiv1.ReceiveGiftResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ReceiveGiftResponse{Receipt: receipt}, err
}

func (s booksService) MoveMoney(ctx context.Context, r *apiv1.MoveMoneyRequest) (*apiv1.MoveMoneyResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.MoveMoneyResponse{Receipt: receipt}, err
}

func (s booksService) ProposeOpening(ctx context.Context, r *apiv1.ProposeOpeningRequest) (*apiv1.ProposeOpeningResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ProposeOpeningResponse{Receipt: receipt}, err
}

func (s booksService) RequestPayment(ctx context.Context, r *apiv1.RequestPaymentRequest) (*apiv1.RequestPaymentResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RequestPaymentResponse{Receipt: receipt}, err
}

func (s booksService) RequestTransfer(ctx context.Context, r *apiv1.RequestTransferRequest) (*apiv1.RequestTransferResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RequestTransferResponse{Receipt: receipt}, err
}

func (s booksService) RequestReversal(ctx context.Context, r *apiv1.RequestReversalRequest) (*apiv1.RequestReversalResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RequestReversalResponse{Receipt: receipt}, err
}

func (s booksService) RequestCorrection(ctx context.Context, r *apiv1.RequestCorrectionRequest) (*apiv1.RequestCorrectionResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RequestCorrectionResponse{Receipt: receipt}, err
}

func (s booksService) RequestDividend(ctx context.Context, r *apiv1.RequestDividendRequest) (*apiv1.RequestDividendResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RequestDividendResponse{Receipt: receipt}, err
}

func (s booksService) WithdrawRequest(ctx context.Context, r *apiv1.WithdrawRequestRequest) (*apiv1.WithdrawRequestResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.WithdrawRequestResponse{Receipt: receipt}, err
}

func (s booksService) SettlePayment(ctx context.Context, r *apiv1.SettlePaymentRequest) (*apiv1.SettlePaymentResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.SettlePaymentResponse{Receipt: receipt}, err
}

func (s booksService) BookTransfer(ctx context.Context, r *apiv1.BookTransferRequest) (*apiv1.BookTransferResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.BookTransferResponse{Receipt: receipt}, err
}

func (s booksService) BookCorrection(ctx context.Context, r *apiv1.BookCorrectionRequest) (*apiv1.BookCorrectionResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.BookCorrectionResponse{Receipt: receipt}, err
}

func (s booksService) OpenGrantRound(ctx context.Context, r *apiv1.OpenGrantRoundRequest) (*apiv1.OpenGrantRoundResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.OpenGrantRoundResponse{Receipt: receipt}, err
}

func (s booksService) AddApplicants(ctx context.Context, r *apiv1.AddApplicantsRequest) (*apiv1.AddApplicantsResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AddApplicantsResponse{Receipt: receipt}, err
}

func (s booksService) PublishGrantNotice(ctx context.Context, r *apiv1.PublishGrantNoticeRequest) (*apiv1.PublishGrantNoticeResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.PublishGrantNoticeResponse{Receipt: receipt}, err
}

func (s booksService) PayGrant(ctx context.Context, r *apiv1.PayGrantRequest) (*apiv1.PayGrantResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.PayGrantResponse{Receipt: receipt}, err
}

func (s booksService) SendDividendFile(ctx context.Context, r *apiv1.SendDividendFileRequest) (*apiv1.SendDividendFileResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.SendDividendFileResponse{Receipt: receipt}, err
}

func (s booksService) RecordDividendResults(ctx context.Context, r *apiv1.RecordDividendResultsRequest) (*apiv1.RecordDividendResultsResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordDividendResultsResponse{Receipt: receipt}, err
}

func (s booksService) RecordRefund(ctx context.Context, r *apiv1.RecordRefundRequest) (*apiv1.RecordRefundResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordRefundResponse{Receipt: receipt}, err
}

func (s booksService) RecordFee(ctx context.Context, r *apiv1.RecordFeeRequest) (*apiv1.RecordFeeResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordFeeResponse{Receipt: receipt}, err
}

func (s booksService) RecordReturnedIncome(ctx context.Context, r *apiv1.RecordReturnedIncomeRequest) (*apiv1.RecordReturnedIncomeResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordReturnedIncomeResponse{Receipt: receipt}, err
}

func (s booksService) CollectReceivable(ctx context.Context, r *apiv1.CollectReceivableRequest) (*apiv1.CollectReceivableResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.CollectReceivableResponse{Receipt: receipt}, err
}

func (s booksService) RecordReturnedDividend(ctx context.Context, r *apiv1.RecordReturnedDividendRequest) (*apiv1.RecordReturnedDividendResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordReturnedDividendResponse{Receipt: receipt}, err
}

func (s booksService) RecordReturnedGrant(ctx context.Context, r *apiv1.RecordReturnedGrantRequest) (*apiv1.RecordReturnedGrantResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RecordReturnedGrantResponse{Receipt: receipt}, err
}

func (s booksService) RequestDepositReturn(ctx context.Context, r *apiv1.RequestDepositReturnRequest) (*apiv1.RequestDepositReturnResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RequestDepositReturnResponse{Receipt: receipt}, err
}

func (s booksService) AgreeGift(ctx context.Context, r *apiv1.AgreeGiftRequest) (*apiv1.AgreeGiftResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AgreeGiftResponse{Receipt: receipt}, err
}

func (s booksService) ChangeGiftPurpose(ctx context.Context, r *apiv1.ChangeGiftPurposeRequest) (*apiv1.ChangeGiftPurposeResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ChangeGiftPurposeResponse{Receipt: receipt}, err
}

func (s booksService) RemoveApplicants(ctx context.Context, r *apiv1.RemoveApplicantsRequest) (*apiv1.RemoveApplicantsResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RemoveApplicantsResponse{Receipt: receipt}, err
}

func (s booksService) BookTrueUp(ctx context.Context, r *apiv1.BookTrueUpRequest) (*apiv1.BookTrueUpResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.BookTrueUpResponse{Receipt: receipt}, err
}

func (s booksService) PublishEdition(ctx context.Context, r *apiv1.PublishEditionRequest) (*apiv1.PublishEditionResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.PublishEditionResponse{Receipt: receipt}, err
}

func (s booksService) DiscloseRound(ctx context.Context, r *apiv1.DiscloseRoundRequest) (*apiv1.DiscloseRoundResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.DiscloseRoundResponse{Receipt: receipt}, err
}
