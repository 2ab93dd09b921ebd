package rpc

import (
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// outside makes the commands about money that moves outside requests, about deposits and gifts, and about what ends a request
// or a flag; nil when the request is of another kind.
func (p *reader) outside(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.RecordRefundRequest:
		return &ledger.RecordRefund{
			Payment: p.voucher("payment", r.Payment), Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn),
			Money: r.MoneyAccount, Narration: r.Narration, Documents: p.documents(r.Documents),
		}
	case *apiv1.RecordFeeRequest:
		return &ledger.RecordFee{
			Fund: r.Fund, Purpose: r.Purpose, Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn),
			Money: r.MoneyAccount, Payee: r.Payee, Narration: r.Narration, Documents: p.documents(r.Documents),
		}
	case *apiv1.RecordReturnedIncomeRequest:
		return &ledger.RecordReturnedIncome{
			Receipt: p.voucher("receipt", r.Receipt), Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn),
			Money: r.MoneyAccount, Narration: r.Narration, Documents: p.documents(r.Documents),
		}
	case *apiv1.CollectReceivableRequest:
		return &ledger.CollectReceivable{
			Kind: r.Kind, Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn),
			Money: r.MoneyAccount, Payer: r.Payer, Narration: r.Narration, Documents: p.documents(r.Documents),
		}
	case *apiv1.RequestDepositReturnRequest:
		return &ledger.RequestDepositReturn{
			Kind: r.Kind, Party: r.Party, Amount: p.wholeOr0("amount", r.Amount), Deducted: p.wholeOr0("deducted", r.Deducted),
			Fund: r.Fund, Resolution: r.ResolutionId, Narration: r.Narration, Documents: p.documents(r.Documents),
		}
	case *apiv1.AgreeGiftRequest:
		return &ledger.AgreeGift{ID: r.GiftId, Donor: r.Donor, Purpose: r.Purpose, Title: r.Title}
	case *apiv1.ChangeGiftPurposeRequest:
		c := &ledger.ChangeGiftPurpose{ID: r.GiftId, Purpose: r.Purpose}
		if r.Consent != nil {
			c.Consent = p.documents([]*apiv1.Document{r.Consent})[0]
		}
		return c
	case *apiv1.RatifyFlagRequest:
		return &ledger.RatifyFlag{Voucher: p.voucher("voucher", r.Voucher), Kind: eventv1.FlagKind(r.Kind), Resolution: r.ResolutionId}
	case *apiv1.ExpireRequestRequest:
		return &ledger.ExpireRequest{Number: r.RequestNumber}
	}
	return nil
}

// wholeOr0 reads an amount that may be 0, also as 0.00 or by being left out.
func (p *reader) wholeOr0(field, s string) ledger.Fen {
	if s == "" {
		return 0
	}
	return p.signed(field, s)
}

func flagOf(f *eventv1.Flag, ratifiedBy string) *apiv1.Flag {
	return &apiv1.Flag{
		Kind: apiv1.FlagKind(f.Kind), Amount: ledger.Fen(f.AmountFen).String(), ResolutionId: f.ResolutionId,
		RatifyBy: dayOrEmpty(f.RatifyBy), Body: f.Body, RatifiedBy: ratifiedBy,
	}
}

func shownFlagOf(f projections.Flag) *apiv1.Flag { return flagOf(f.Flag, f.RatifiedBy) }

// dayOrEmpty writes a stored day; 0 is none.
func dayOrEmpty(day int32) string {
	if day == 0 {
		return ""
	}
	return ledger.Day(day).String()
}

func openFlagOf(f projections.OpenFlag) *apiv1.OpenFlag {
	return &apiv1.OpenFlag{Voucher: f.Voucher.String(), OccurredOn: f.OccurredOn.String(), Fund: f.Fund, Purpose: f.Purpose, Flag: shownFlagOf(f.Flag)}
}

// giftOf is a gift for those who may see its donor.
func giftOf(g projections.Gift) *apiv1.Gift {
	m := publicGift(g)
	m.Donor = g.Donor
	for i, c := range g.Changes {
		m.Changes[i].Consent = documentOf(c.Consent)
	}
	return m
}

// publicGift is a gift for everybody: without donor and papers.
func publicGift(g projections.Gift) *apiv1.Gift {
	return &apiv1.Gift{
		Id: g.Id, Title: g.Title, Purpose: g.PurposeNow, Received: g.Received.String(), Spent: g.Spent.String(), Left: g.Left.String(),
		Changes: each(g.Changes, func(c *eventv1.GiftPurposeChanged) *apiv1.GiftChange { return &apiv1.GiftChange{Purpose: c.Purpose} }),
	}
}
