package rpc

import (
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file reads and writes the messages about splits: nested shares, what covers a correction, true-ups.

// shareTexts reads shares with their parts. The depth is bounded by the ledger, and before it by the size of a request.
func shareTexts(shares []*apiv1.PolicyShare) []ledger.ShareText {
	return each(shares, func(s *apiv1.PolicyShare) ledger.ShareText {
		t := ledger.ShareText{Fund: s.Fund, Share: s.Share, Name: s.Name}
		if len(s.Parts) > 0 {
			t.Parts = shareTexts(s.Parts)
		}
		return t
	})
}

func (p *reader) coverTransfers(transfers []*apiv1.CoverTransfer) (list []ledger.CoverTransfer) {
	for _, t := range transfers {
		list = append(list, ledger.CoverTransfer{From: t.FromFund, To: t.ToFund, Amount: p.amount("transfers.amount", t.Amount), Resolution: t.ResolutionId})
	}
	return list
}

func trueUpOf(t projections.TrueUp) *apiv1.TrueUp {
	return &apiv1.TrueUp{
		Year: t.Year, OccurredOn: t.OccurredOn.String(), Vouchers: each(t.Vouchers, ledger.VoucherRef.String),
		Lines: each(t.Lines, func(l *eventv1.TrueUpLine) *apiv1.TrueUpLine {
			return &apiv1.TrueUpLine{
				PolicyVersion: l.PolicyVersion, Gross: ledger.Fen(l.GrossFen).String(), Cost: ledger.Fen(l.CostFen).String(),
				Parts: each(l.Parts, func(p *eventv1.TrueUpPart) *apiv1.TrueUpPart {
					return &apiv1.TrueUpPart{
						Fund: p.Fund, Final: ledger.Fen(p.FinalFen).String(), Before: ledger.Fen(p.BeforeFen).String(),
						Adjusted: ledger.Fen(p.AdjustedFen).String(), Pending: ledger.Fen(p.PendingFen).String(),
					}
				}),
			}
		}),
	}
}
