package rpc

import (
	"context"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file has the commands and reads about who gets a dividend or grant and when: shares, readmissions, holds, returns.

// payouts makes the commands of this file; nil when the request is of another.
func (p *reader) payouts(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.SetSharesRequest:
		return &ledger.SetShares{Effective: p.day("effective_on", r.EffectiveOn), Members: r.Members, Shares: r.Shares, Resolution: r.ResolutionId}
	case *apiv1.ReadmitMembersRequest:
		return &ledger.ReadmitMembers{Members: r.Members}
	case *apiv1.HoldPayeeRequest:
		return &ledger.HoldPayee{
			Payee: r.Payee, Household: r.Household, Kind: eventv1.HoldKind(r.Kind), Benefit: eventv1.Benefit(r.Benefit),
			Until: p.dayOr0("until", r.Until), Resolution: r.ResolutionId, Reason: r.Reason,
		}
	case *apiv1.ReleaseHoldRequest:
		return &ledger.ReleaseHold{Hold: r.Hold}
	case *apiv1.RecordReturnedDividendRequest:
		return &ledger.RecordReturnedDividend{Run: r.RunId, Payees: r.Payees, On: p.day("occurred_on", r.OccurredOn), Money: r.MoneyAccount}
	}
	return nil
}

func (s auditService) ListHolds(ctx context.Context, r *apiv1.ListHoldsRequest) (*apiv1.ListHoldsResponse, error) {
	at, on, after, err := s.pageOn(ctx, r)
	if err != nil {
		return nil, err
	}
	holds, next := at.book.Holds(on, after, pageLimit(r), at.moment)
	return &apiv1.ListHoldsResponse{Holds: each(holds, holdOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s auditService) ListShares(ctx context.Context, r *apiv1.ListSharesRequest) (*apiv1.ListSharesResponse, error) {
	at, on, after, err := s.pageOn(ctx, r)
	if err != nil {
		return nil, err
	}
	shares, next := at.book.Shares(on, after, pageLimit(r), at.moment)
	return &apiv1.ListSharesResponse{Shares: each(shares, sharesOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func holdOf(h projections.Hold) *apiv1.Hold {
	m := &apiv1.Hold{
		Number: h.Number, Payee: h.Payee, Household: h.Household, Kind: apiv1.HoldKind(h.Kind), Benefit: apiv1.Benefit(h.Benefit),
		Until: ledger.Day(h.Until).String(), ResolutionId: h.ResolutionId, Reason: h.Reason, State: h.State, HeldBy: h.HeldBy, HeldAt: instant(h.HeldAt),
	}
	if !h.EndedAt.IsZero() {
		m.ReleasedAt = instant(h.EndedAt)
	}
	return m
}

func sharesOf(s projections.MemberShares) *apiv1.MemberShares {
	return &apiv1.MemberShares{Member: s.Member, Shares: s.Shares, Since: s.From.String()}
}

func returnOf(r projections.DividendReturn) *apiv1.DividendReturn {
	return &apiv1.DividendReturn{
		Voucher: r.Voucher.String(), OccurredOn: r.On.String(), MoneyAccount: r.MoneyAccount, Amount: r.Amount.String(), Payees: r.Payees, Reversed: r.Reversed,
	}
}
