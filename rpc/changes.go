package rpc

import (
	"context"
	"fmt"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file reads what a committee searches for: vouchers by any of their marks, what changed since, who may.

// voucherFilter reads the filter of a list of vouchers.
func voucherFilter(r *apiv1.ListVouchersRequest) (projections.VoucherFilter, error) {
	p := new(reader)
	f := projections.VoucherFilter{
		Account: ledger.Account(r.Account), Class: classes[r.Class], Party: r.Party, Purpose: r.Purpose, Resolution: r.ResolutionId,
		Request: r.RequestNumber, Min: p.amountOr0("amount_from", r.AmountFrom), Max: p.amountOr0("amount_to", r.AmountTo), Text: r.Text,
		Corrections: r.Corrections, Descending: r.Descending,
	}
	if p.err == nil && f.Max != 0 && f.Max < f.Min {
		p.err = refuse(ledger.FieldInvalid, "amount_to", "problem", "it is below amount_from", problemChinese, "小于 amount_from")
	}
	return f, p.err
}

// registerMax is how many items of registers ListChanges shows.
const registerMax = 1000

func (s auditService) ListChanges(ctx context.Context, r *apiv1.ListChangesRequest) (*apiv1.ListChangesResponse, error) {
	at, from, err := s.place(ctx, r)
	if err != nil {
		return nil, err
	}
	earlier, after := at.moment, 0
	if from == "" {
		if earlier.AsKnownAt, err = knownAt(at.book, at.facts.Zone, "since", r.Since); err != nil {
			return nil, err
		}
	} else if n, err := fmt.Sscanf(from, "%d-%d", &earlier.AsKnownAt, &after); n != 2 || err != nil {
		return nil, refuse(pageTokenInvalid, "page_token")
	}
	if earlier.AsKnownAt != projections.NothingKnown && earlier.AsKnownAt > at.version {
		return nil, refuse(ledger.FieldInvalid, "since", "problem", "it is after as_known_at", problemChinese, "晚于 as_known_at")
	}
	answer := &apiv1.ListChangesResponse{Version: at.version}
	if earlier.AsKnownAt != projections.NothingKnown {
		answer.SinceVersion = earlier.AsKnownAt
	}
	if from == "" {
		answer.Balances = each(at.book.BalanceChanges(earlier, at.moment), balanceDifferenceOf)
		changes, count := at.book.RegisterChanges(earlier, at.moment, registerMax)
		answer.Registers, answer.RegisterCount = each(changes, registerChangeOf), uint32(count)
	}
	booked, next := at.book.BookedBetween(earlier, at.moment, after, pageLimit(r))
	answer.Vouchers = each(booked, func(v projections.Booked) *apiv1.BookedVoucher {
		return &apiv1.BookedVoucher{Voucher: journalVoucher(v.Voucher), DaysLate: uint32(v.DaysLate)}
	})
	if next != 0 {
		answer.NextPageToken = nextToken(r, at.version, fmt.Sprintf("%d-%d", earlier.AsKnownAt, next))
	}
	return answer, nil
}

func balanceDifferenceOf(c projections.BalanceChange) *apiv1.BalanceDifference {
	return &apiv1.BalanceDifference{Account: string(c.Account), Old: c.Old.String(), New: c.New.String(), Difference: (c.New - c.Old).String()}
}

func registerChangeOf(c projections.RegisterChange) *apiv1.RegisterChange {
	return &apiv1.RegisterChange{
		Register: c.Register, Id: c.ID, OldState: c.OldState, NewState: c.NewState,
		OldFigure: c.OldFigure.String(), NewFigure: c.NewFigure.String(),
	}
}

func (s auditService) ListRoles(ctx context.Context, r *apiv1.ListRolesRequest) (*apiv1.ListRolesResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	return &apiv1.ListRolesResponse{Roles: each(at.book.Roles(r.Past, at.moment), roleOf), Version: at.version}, nil
}

func roleOf(h projections.RoleHeld) *apiv1.RoleHolding {
	return &apiv1.RoleHolding{
		Operator: h.Operator, Role: apiv1.Role(h.Role), Since: instant(h.Since), GrantedBy: h.GrantedBy, Version: h.Version,
		Until: instant(h.Until), RevokedBy: h.RevokedBy,
	}
}
