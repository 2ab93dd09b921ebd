package rpc

import (
	"encoding/hex"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file writes what the books hold as messages: amounts as yuan with two decimals, days as YYYY-MM-DD, times as RFC 3339.

// each applies f to every element.
func each[T, M any](list []T, f func(T) M) []M {
	out := make([]M, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// journalVoucher is a voucher for those who may see everything.
func journalVoucher(v projections.Voucher) *apiv1.Voucher {
	m := publicVoucher(v)
	m.Party = v.Party
	m.Actor = v.Actor
	m.Documents = each(v.Documents, documentOf)
	for i, p := range v.Postings {
		m.Postings[i].Party = p.Party
	}
	return m
}

// publicVoucher is a voucher for everybody: without party, papers and operator.
func publicVoucher(v projections.Voucher) *apiv1.Voucher {
	return &apiv1.Voucher{
		Number:     v.Ref.String(),
		OccurredOn: v.OccurredOn.String(),
		Narration:  v.Narration,
		Postings: each(v.Postings, func(p projections.Posting) *apiv1.Posting {
			return &apiv1.Posting{Account: string(p.Account), Amount: p.Amount.String()}
		}),
		Purpose:       v.Purpose,
		IncomeKind:    v.IncomeKind,
		ResolutionId:  v.ResolutionID,
		Reverses:      v.Reverses.String(),
		Corrects:      v.Corrects.String(),
		ReversedBy:    v.ReversedBy.String(),
		RequestNumber: v.RequestNumber,
		Version:       v.Version,
		RecordedAt:    instant(v.RecordedAt),
		GrantRoundId:  v.GrantRoundID,
		DividendRunId: v.DividendRunID,
		Amount:        v.Amount.String(),
		PolicyVersion: v.PolicyVersion,
		TrueUpYear:    uint32(v.TrueUpYear),
		Refunds:       v.Refunds.String(),
		Returns:       v.Returns.String(),
		Flags:         each(v.Flags, shownFlagOf),
		Reviews:       each(v.Reviews, voucherReviewOf),
		Inquiries:     v.Inquiries,
	}
}

func balanceOf(b projections.AccountBalance) *apiv1.AccountBalance {
	return &apiv1.AccountBalance{Account: string(b.Account), Balance: b.Balance.String()}
}

func trialLineOf(l projections.TrialLine) *apiv1.TrialBalanceLine {
	return &apiv1.TrialBalanceLine{
		Account: string(l.Account), Opening: l.Opening.String(), Debit: l.Debit.String(),
		Credit: l.Credit.String(), Closing: l.Closing.String(),
	}
}

func fundLineOf(l projections.FundLine) *apiv1.FundLine {
	return &apiv1.FundLine{
		Fund: l.Fund, Name: l.Name, Opening: l.Opening.String(), Received: l.Received.String(),
		Spent: l.Spent.String(), Closing: l.Closing.String(),
	}
}

func requestOf(q projections.Request) *apiv1.Request {
	m := &apiv1.Request{
		Number: q.Made.Number, Kind: q.Kind, State: q.State, Digest: hex.EncodeToString(q.Made.Digest),
		Fund: q.Fund, Purpose: q.Purpose, Amount: q.Amount.String(), Payee: q.Payee, Narration: q.Narration,
		ResolutionId: q.ResolutionID, RequestedBy: q.RequestedBy, RequestedAt: instant(q.RequestedAt),
		ApprovalsNeeded: q.Made.Approvals, ApprovedBy: q.ApprovedBy, ReviewNeeded: q.Made.Review, ReviewedBy: q.ReviewedBy,
		Vouchers:  each(q.Vouchers, ledger.VoucherRef.String),
		ExpiresOn: dayOrEmpty(q.Made.ExpiresOn), GiftId: q.Made.GetPayment().GetGiftId(), Emergency: q.Made.GetPayment().GetEmergency(),
	}
	m.EndedBy, m.Reason = q.EndedBy, q.Reason
	askedFor(m, q.Made)
	return m
}

// askedFor adds what one kind of request alone asks for.
func askedFor(m *apiv1.Request, made *eventv1.RequestMade) {
	switch order := made.Order.(type) {
	case *eventv1.RequestMade_Payment:
		m.Documents = each(order.Payment.Documents, documentOf)
	case *eventv1.RequestMade_Transfer:
		m.Moves = []*apiv1.FundMove{fundMoveOf(order.Transfer)}
	case *eventv1.RequestMade_Correction:
		c := order.Correction
		m.TurnsBack = each(c.Reverses, storedRef)
		m.Replacements = each(c.Replacements, replacementOf)
		m.DifferenceOf = storedRef(c.DifferenceOf)
		m.OccurredOn = dayOrEmpty(c.OccurredOn)
		m.Pending = c.Cover == eventv1.Cover_COVER_PENDING
		m.Moves = each(c.Transfers, fundMoveOf)
	case *eventv1.RequestMade_Dividend:
		m.DividendRunId, m.Payees, m.Rate = order.Dividend.RunId, order.Dividend.Payees, ledger.Fen(order.Dividend.RateFen).String()
	case *eventv1.RequestMade_DepositReturn:
		d := order.DepositReturn
		m.DepositKind, m.Deducted, m.Documents = d.Kind, ledger.Fen(d.DeductedFen).String(), each(d.Documents, documentOf)
	}
}

func storedRef(r *eventv1.VoucherRef) string { return ledger.RefOf(r).String() }

func fundMoveOf(t *eventv1.TransferOrder) *apiv1.FundMove {
	return &apiv1.FundMove{FromFund: t.FromFund, ToFund: t.ToFund, Amount: ledger.Fen(t.AmountFen).String()}
}

func replacementOf(r *eventv1.Replacement) *apiv1.Replacement {
	m := &apiv1.Replacement{Corrects: storedRef(r.Corrects)}
	switch order := r.Order.(type) {
	case *eventv1.Replacement_Inflow:
		in := order.Inflow
		m.Order = &apiv1.Replacement_Inflow{Inflow: &apiv1.Inflow{
			Inflow: apiv1.InflowKind(in.Inflow), Kind: in.Kind, Fund: in.Fund, Amount: ledger.Fen(in.AmountFen).String(), Payer: in.Payer,
			Narration: in.Narration, MoneyAccount: in.MoneyAccount, ResolutionId: in.ResolutionId, Documents: each(in.Documents, documentOf),
		}}
	case *eventv1.Replacement_Payment:
		out := order.Payment
		m.Order = &apiv1.Replacement_Outflow{Outflow: &apiv1.Outflow{
			Fund: out.Fund, Purpose: out.Purpose, Amount: ledger.Fen(out.AmountFen).String(), Payee: out.Payee,
			Narration: out.Narration, MoneyAccount: r.MoneyAccount, ResolutionId: out.ResolutionId, Documents: each(out.Documents, documentOf),
		}}
	}
	return m
}

func grantRoundOf(g projections.GrantRound) *apiv1.GrantRound {
	return &apiv1.GrantRound{
		Id: g.Id, Title: g.Title, Fund: g.Fund, Purpose: g.Purpose, Budget: ledger.Fen(g.BudgetFen).String(), State: g.State,
		NoticeFrom: g.NoticeFrom.String(), NoticeTo: g.NoticeTo.String(), Applicants: uint32(g.Applicants),
		Total: g.Total.String(), Paid: g.Paid.String(), PaidCount: uint32(g.PaidCount),
		Lines: each(g.Lines, func(l projections.GrantLine) *apiv1.GrantLine {
			return &apiv1.GrantLine{Member: l.Member, Amount: l.Amount.String(), State: l.State, Voucher: l.Voucher.String()}
		}),
		Objections: each(g.Objections, objectionOf), Reason: g.Reason,
	}
}

func dividendOf(d projections.DividendRun) *apiv1.DividendRun {
	return &apiv1.DividendRun{
		Id: d.RunId, Fund: d.Order.GetFund(), Basis: apiv1.DividendBasis(d.Basis), Method: apiv1.DividendMethod(d.Method),
		Pool: ledger.Fen(d.PoolFen).String(), Rate: ledger.Fen(d.RateFen).String(), Payees: d.Payees,
		Declared: d.Declared.String(), Remainder: ledger.Fen(d.RemainderFen).String(),
		RecordDate: ledger.Day(d.Order.GetRecordDate()).String(), DeclaredOn: d.DeclaredOn.String(),
		Paid: d.Paid.String(), PaidCount: uint32(d.PaidCount), Owed: d.Owed.String(),
		Files: each(d.Files, func(f projections.DividendFile) *apiv1.DividendFile {
			return &apiv1.DividendFile{
				File: f.File, MoneyAccount: f.MoneyAccount, Payees: uint32(len(f.Payees)), Total: ledger.Fen(f.TotalFen).String(),
				State: f.State, Paid: f.Paid.String(), Failed: f.Failed, Voucher: f.Voucher.String(),
			}
		}),
		ResolutionId: d.Order.GetResolutionId(), Shares: d.Shares, Supplements: d.Supplements, Returns: each(d.Returns, returnOf),
	}
}

func entitlementOf(e projections.Entitlement) *apiv1.Entitlement {
	return &apiv1.Entitlement{Payee: e.Payee, Amount: e.Amount.String(), State: e.State, File: e.File, Hold: e.Hold, Shares: e.Shares}
}

func resolutionOf(r projections.Resolution) *apiv1.Resolution {
	return &apiv1.Resolution{
		Id: r.Id, Title: r.Title, Body: r.Body, DecidedOn: ledger.Day(r.DecidedOn).String(),
		Electorate: r.Electorate, Present: r.Present, VotesFor: r.VotesFor, VotesAgainst: r.VotesAgainst, Abstained: r.Abstained,
		MinutesSha256: hex.EncodeToString(r.MinutesSha256), Matter: apiv1.Matter(r.Matter), Fund: r.Fund, Purpose: r.Purpose,
		Authority: ledger.Fen(r.AuthorityFen).String(), Reserved: r.Reserved.String(), Drawn: r.Drawn.String(),
		Remaining: r.Remaining.String(), Passed: r.Passed, Confirmed: r.Confirmed,
		ValidFrom: dayOrEmpty(r.ValidFrom), ValidUntil: dayOrEmpty(r.ValidUntil),
	}
}

func policyOf(p projections.Policy) *apiv1.Policy {
	return &apiv1.Policy{
		Version: p.Version, EffectiveOn: ledger.Day(p.EffectiveOn).String(), IncomeKinds: p.IncomeKinds,
		Shares: each(p.Shares, func(s *eventv1.PolicyShare) *apiv1.PolicyShare {
			return &apiv1.PolicyShare{Fund: s.Fund, Share: ledger.FormatFraction(s.Share), PartOf: s.PartOf}
		}),
		Rounding: apiv1.Rounding(p.Rounding), ResolutionId: p.ResolutionId, AdoptedAt: instant(p.AdoptedAt),
	}
}

func tierOf(t *eventv1.Tier) *apiv1.Tier {
	m := &apiv1.Tier{
		Operation: apiv1.Operation(t.Operation), Fund: t.Fund, Purpose: t.Purpose, From: ledger.Fen(t.FromFen).String(),
		Approvals: t.Approvals, Review: t.Review, ResolutionBody: t.ResolutionBody, Emergency: t.Emergency, RatifyDays: t.RatifyDays,
	}
	if t.Emergency {
		m.Cap = ledger.Fen(t.CapFen).String()
	}
	return m
}

// headlineOf is a collective as a list shows it.
func headlineOf(f *eventv1.CollectiveFounded, version uint64) *apiv1.Collective {
	return &apiv1.Collective{
		Id: f.CollectiveId, Name: f.Name, Currency: f.Currency, TimeZone: f.TimeZone, FirstDay: ledger.Day(f.FirstDay).String(),
		PublicLog: apiv1.PublicLog(f.PublicLog), SimulatedClock: f.SimulatedClock, Version: version,
	}
}

// collectiveOf is a collective with its charter and state.
func collectiveOf(c projections.Collective) *apiv1.Collective {
	m := headlineOf(c.Charter, c.Version)
	m.LogOrigin = c.Charter.LogOrigin
	m.Bodies = each(c.Bodies, func(b *eventv1.Body) *apiv1.Body {
		return &apiv1.Body{
			Id: b.Id, Name: b.Name, Size: b.Size, Quorum: ledger.FormatFraction(b.Quorum), Pass: ledger.FormatFraction(b.Pass),
			PassBase: apiv1.VoteBase(b.PassBase), PassStrictly: b.PassStrictly,
		}
	})
	m.Funds = each(c.Funds, func(f *eventv1.Fund) *apiv1.Fund {
		return &apiv1.Fund{Id: f.Id, Name: f.Name, Purposes: f.Purposes, Restricted: f.Restricted}
	})
	m.MoneyAccounts = each(c.MoneyAccounts, func(a *eventv1.MoneyAccountOpened) *apiv1.MoneyAccount {
		return &apiv1.MoneyAccount{Id: a.Id, Kind: apiv1.MoneyAccountKind(a.Kind), Name: a.Name}
	})
	m.ClosedThrough = c.ClosedThrough.String()
	m.Members, m.Households = uint32(c.Members), uint32(c.Households)
	m.FirstOpenDay = c.FirstOpenDay.String()
	m.Holds, m.Shares = uint32(c.Holds), c.Shares
	return m
}
