package rpc

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// This file answers for the public board (公示栏): its first page, its lines and its rounds. Of people it shows masks alone.

func (s disclosureService) GetBoard(ctx context.Context, r *apiv1.GetBoardRequest) (*apiv1.GetBoardResponse, error) {
	span, err := period(r.From, r.To)
	if err != nil {
		return nil, err
	}
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	board := at.book.Board(span, at.moment)
	answer := &apiv1.GetBoardResponse{
		From: board.From.String(), To: board.To.String(), Funds: each(board.Funds, fundLineOf), Total: fundLineOf(board.Total),
		Others: each(board.Others, func(k projections.KindBalance) *apiv1.AccountBalance {
			return &apiv1.AccountBalance{Account: k.Kind, Balance: k.Balance.String()}
		}),
		Months: each(board.Months, func(m projections.MonthStatement) *apiv1.BoardMonth {
			return &apiv1.BoardMonth{Month: m.Month.String(), Funds: each(m.Funds, fundLineOf), Total: fundLineOf(m.Total)}
		}),
		Flows: each(board.Flows, func(f projections.Flow) *apiv1.Flow {
			return &apiv1.Flow{From: flowEndOf(f.From), To: flowEndOf(f.To), Amount: f.Amount.String()}
		}),
		Lines: uint32(board.Lines), LinesWithPapers: uint32(board.Papered), OpenFlags: uint32(board.OpenFlags), Version: at.version,
	}
	c := at.book.Collective(board.To, at.moment)
	answer.Name, answer.SimulatedClock = c.Charter.GetName(), c.Charter.GetSimulatedClock()
	places := map[ledger.Account]*eventv1.MoneyAccountOpened{}
	for _, a := range c.MoneyAccounts {
		places[ledger.MoneyAccount(a.Id)] = a
	}
	for _, a := range board.Money {
		answer.Money = append(answer.Money, &apiv1.BoardMoney{
			Id: a.Account.ID(), Name: places[a.Account].GetName(), Kind: apiv1.MoneyAccountKind(places[a.Account].GetKind()), Balance: a.Balance.String(),
		})
	}
	return answer, nil
}

var endKinds = map[projections.EndKind]apiv1.FlowEndKind{
	projections.EndFund: apiv1.FlowEndKind_FLOW_END_KIND_FUND, projections.EndIncome: apiv1.FlowEndKind_FLOW_END_KIND_INCOME,
	projections.EndGift: apiv1.FlowEndKind_FLOW_END_KIND_GIFT, projections.EndPurpose: apiv1.FlowEndKind_FLOW_END_KIND_PURPOSE,
	projections.EndDividend: apiv1.FlowEndKind_FLOW_END_KIND_DIVIDEND, projections.EndTrueUp: apiv1.FlowEndKind_FLOW_END_KIND_TRUE_UP,
	projections.EndOpening: apiv1.FlowEndKind_FLOW_END_KIND_OPENING, projections.EndAccount: apiv1.FlowEndKind_FLOW_END_KIND_ACCOUNT,
}

func flowEndOf(e projections.FlowEnd) *apiv1.FlowEnd {
	return &apiv1.FlowEnd{Kind: endKinds[e.Kind], Id: e.ID}
}

func (s disclosureService) ListPeriods(ctx context.Context, r *apiv1.ListPeriodsRequest) (*apiv1.ListPeriodsResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	_, seals, _, err := s.sealings(ctx, r.CollectiveId, at)
	if err != nil {
		return nil, err
	}
	sealed := map[ledger.Month]bool{}
	for _, one := range seals {
		sealed[one.Month] = one.Sealed
	}
	editions := map[projections.Period][]uint32{}
	for after := 0; ; {
		list, next := at.book.Editions(after, projections.PageMax, at.moment)
		for _, e := range list {
			days := projections.Period{From: ledger.Day(e.FirstDay), To: ledger.Day(e.LastDay)}
			editions[days] = append(editions[days], e.Number)
		}
		if after = next; next == 0 {
			break
		}
	}
	answer := &apiv1.ListPeriodsResponse{Version: at.version}
	for _, one := range at.book.Months(at.moment) {
		year, quarter := int(one.Month)/100, (int(one.Month)%100+2)/3
		for _, p := range []struct {
			list        *[]*apiv1.BoardPeriod
			id          string
			first, last ledger.Month
		}{
			{&answer.Years, fmt.Sprintf("%04d", year), ledger.Month(year*100 + 1), ledger.Month(year*100 + 12)},
			{&answer.Quarters, fmt.Sprintf("%04d-q%d", year, quarter), ledger.Month(year*100 + 3*quarter - 2), ledger.Month(year*100 + 3*quarter)},
			{&answer.Months, one.Month.String(), one.Month, one.Month},
		} {
			if n := len(*p.list); n == 0 || (*p.list)[n-1].Id != p.id {
				days := projections.Period{From: p.first.First(), To: p.last.Last()}
				*p.list = append(*p.list, &apiv1.BoardPeriod{Id: p.id, From: days.From.String(), To: days.To.String(), Editions: editions[days]})
			}
			shown := (*p.list)[len(*p.list)-1]
			shown.Lines += uint32(one.Lines)
			if one.Month == p.last {
				shown.Closed, shown.Sealed = one.Closed != 0, sealed[one.Month]
			}
		}
	}
	return answer, nil
}

func (s disclosureService) ListReceiptsAndPayments(ctx context.Context, r *apiv1.ListReceiptsAndPaymentsRequest) (*apiv1.ListReceiptsAndPaymentsResponse, error) {
	filter := projections.VoucherFilter{
		Class: classes[r.Class], Purpose: r.Purpose, IncomeKind: r.IncomeKind, Bare: r.WithoutPapers, Descending: !r.Ascending,
	}
	span, err := period(r.From, r.To)
	if err == nil {
		span, err = within(span, r.Month)
	}
	if err != nil {
		return nil, err
	}
	filter.From, filter.To = span.From, span.To
	read := withoutBalance
	if r.Fund != "" {
		filter.Account, read = ledger.FundAccount(r.Fund), (*projections.Book).AccountVouchers
	}
	lines, next, at, err := pageOfVouchers(ctx, s.Server, r, filter, read)
	if err == nil && r.Fund != "" && !at.book.Knows(filter.Account) {
		err = refuse(ledger.FundUnknown, "fund", "fund", r.Fund)
	}
	if err != nil {
		return nil, err
	}
	answer := &apiv1.ListReceiptsAndPaymentsResponse{NextPageToken: next, Version: at.version}
	masks := s.masks(ctx, r.CollectiveId)
	for i := range lines {
		note := noteOf(&lines[i].Voucher, masks)
		if r.Fund != "" {
			note.Change, note.Balance = lines[i].Change.String(), lines[i].Balance.String()
		}
		answer.Vouchers, answer.Notes = append(answer.Vouchers, publicVoucher(lines[i].Voucher)), append(answer.Notes, note)
	}
	return answer, nil
}

// within is the part of a span of days that lies in a month, if one is given.
func within(span projections.Period, month string) (projections.Period, error) {
	if month == "" {
		return span, nil
	}
	m, err := ledger.ParseMonth("month", month)
	span.From = max(span.From, m.First())
	if span.To == 0 || m.Last() < span.To {
		span.To = m.Last()
	}
	return span, err
}

// withoutBalance reads vouchers as AccountVouchers does, where no account is asked for.
func withoutBalance(book *projections.Book, f projections.VoucherFilter, after projections.Cursor, limit int, m projections.Moment) ([]projections.Change, projections.Cursor) {
	vouchers, next := book.Vouchers(f, after, limit, m)
	return each(vouchers, func(v projections.Voucher) projections.Change { return projections.Change{Voucher: v} }), next
}

// noteOf says of a voucher what everybody may know beside it.
func noteOf(v *projections.Voucher, masks people.Masks) *apiv1.LineNote {
	note := &apiv1.LineNote{Voucher: v.Ref.String(), Papers: uint32(len(v.Documents))}
	for _, d := range v.Documents {
		if len(d.Sha256) > 0 {
			note.PapersWithFile++
		}
	}
	note.Counterparty, note.CounterpartyKind = counterpartyOf(v, masks)
	return note
}

// counterpartyOf is who paid or was paid as far as everybody may know: organisations by their public name, people who were paid by their mask,
// other people by their kind alone, and donors not at all.
func counterpartyOf(v *projections.Voucher, masks people.Masks) (name string, kind apiv1.CounterpartyKind) {
	how, who, _ := strings.Cut(v.Party, "/")
	mask := ""
	if v.Ref.Class == eventv1.VoucherClass_VOUCHER_CLASS_PAYMENT {
		mask = masks[v.Party]
	}
	switch {
	case v.Given():
		return "", apiv1.CounterpartyKind_COUNTERPARTY_KIND_UNSPECIFIED
	case how == "org":
		return who, apiv1.CounterpartyKind_COUNTERPARTY_KIND_ORGANISATION
	case how == "member":
		return mask, apiv1.CounterpartyKind_COUNTERPARTY_KIND_MEMBER
	case how == "party":
		return mask, apiv1.CounterpartyKind_COUNTERPARTY_KIND_PARTY
	}
	return "", apiv1.CounterpartyKind_COUNTERPARTY_KIND_UNSPECIFIED
}

// masks are the masked names of a collective's people; none while the vault cannot be asked, so that the board is there all the same.
func (s *Server) masks(ctx context.Context, collective string) people.Masks {
	if s.config.People == nil {
		return nil
	}
	masks, err := s.config.People.Masks(ctx, collective)
	if err != nil {
		s.config.Logger.LogAttrs(ctx, slog.LevelWarn, "the board shows no masks", slog.String("collective", collective), slog.String("error", err.Error()))
	}
	return masks
}

func (s disclosureService) GetLine(ctx context.Context, r *apiv1.GetLineRequest) (*apiv1.GetLineResponse, error) {
	ref, err := ledger.ParseVoucherRef("voucher", r.Voucher)
	if err != nil {
		return nil, err
	}
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	v, ok := at.book.ExplainVoucher(ref, at.moment)
	if !ok {
		return nil, refuse(ledger.VoucherUnknown, "voucher", "voucher", ref.String())
	}
	_, event, err := s.storedEvent(ctx, r.CollectiveId, v.Version)
	if err != nil {
		return nil, err
	}
	_, seals, _, err := s.sealings(ctx, r.CollectiveId, at)
	if err != nil {
		return nil, err
	}
	head, _, err := s.config.Log.Head(ctx, ledger.StreamOf(r.CollectiveId))
	if err != nil {
		return nil, err
	}
	answer := &apiv1.GetLineResponse{
		Voucher: publicVoucher(v.Voucher), Note: noteOf(&v.Voucher, s.masks(ctx, r.CollectiveId)), Fact: v.Fact,
		Effects: each(at.book.FundEffects(ref, at.moment), func(e projections.FundEffect) *apiv1.FundEffect {
			return &apiv1.FundEffect{Fund: e.Fund, Before: e.Before.String(), Change: e.Change.String(), After: e.After.String()}
		}),
		CorrectedBy: each(v.CorrectedBy, ledger.VoucherRef.String), DaysLate: uint32(max(v.OccurredOn.DaysTo(at.book.RecordedOn(v.Version)), 0)),
		HeadSize: head.Size, SealedBy: sealedBy(seals, v.Version), Version: at.version,
	}
	addSplit(answer, splitOf(v, event))
	addAuthority(answer, v)
	return answer, nil
}

// sealedBy is the first month whose sealed head covers a version; empty for none.
func sealedBy(seals []witness.Sealing, version uint64) string {
	for _, one := range seals { // the first closed first
		if one.Sealed && one.Size >= version {
			return one.Month.String()
		}
	}
	return ""
}

// addSplit says how income was divided.
func addSplit(m *apiv1.GetLineResponse, split *eventv1.IncomeRecorded) {
	if split == nil {
		return
	}
	m.Rounding = apiv1.Rounding(split.Rounding)
	m.Parts = each(split.Parts, func(p *eventv1.SplitPart) *apiv1.LinePart {
		return &apiv1.LinePart{
			Fund: p.Fund, Share: ledger.FormatFraction(p.Share), Amount: ledger.Fen(p.AmountFen).String(), Odd: ledger.Fen(p.OddFen).String(),
			Cleared: ledger.Fen(p.ClearedFen).String(),
		}
	})
}

// addAuthority says what a line rests on: its resolution, and how many have approved or reviewed what was asked for.
func addAuthority(m *apiv1.GetLineResponse, v projections.VoucherStory) {
	if v.Authority != nil {
		m.ResolutionTitle = v.Authority.Title
	}
	if q := v.Request; q != nil {
		m.ApprovalsNeeded, m.Approvals = q.Made.Approvals, uint32(len(q.ApprovedBy))
		m.ReviewNeeded, m.Reviewed = q.Made.Review, q.ReviewedBy != ""
	}
}

func (s disclosureService) ListRounds(ctx context.Context, r *apiv1.ListRoundsRequest) (*apiv1.ListRoundsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	rounds, next := at.book.Rounds(after, pageLimit(r), at.moment)
	whole := at.facts.Charter.PublicLog == eventv1.PublicLog_PUBLIC_LOG_FULL
	shown := each(rounds, func(one projections.Round) *apiv1.Round { return publicRound(one, whole) })
	return &apiv1.ListRoundsResponse{Rounds: shown, NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

// publicRound is a round for everybody: no line, no member, no payee. texts says whether its free texts are shown to everybody by the log.
func publicRound(r projections.Round, texts bool) *apiv1.Round {
	m := &apiv1.Round{OpenedOn: r.OpenedOn.String(), Voucher: r.Voucher.String(), DisclosedVersion: r.Published}
	if r.Disclosed != nil {
		m.DisclosedRoot = hex.EncodeToString(r.Disclosed.Root)
	}
	if g := r.Grant; g != nil {
		m.Kind, m.Id, m.Title, m.Fund, m.Purpose = apiv1.RoundKind_ROUND_KIND_GRANT, g.Id, g.Title, g.Fund, g.Purpose
		m.Budget, m.State, m.ResolutionId = ledger.Fen(g.BudgetFen).String(), g.State, g.ResolutionId
		m.People, m.Total, m.Paid, m.PaidCount = uint32(g.Applicants), g.Total.String(), g.Paid.String(), uint32(g.PaidCount)
		m.NoticeFrom, m.NoticeTo = g.NoticeFrom.String(), g.NoticeTo.String()
		for _, o := range g.Objections {
			shown := &apiv1.RoundObjection{Number: o.Number, State: o.State, RaisedAt: instant(o.RaisedAt)}
			if texts {
				shown.Text, shown.Answer = o.Text, o.Answer
			}
			m.Objections = append(m.Objections, shown)
		}
	}
	if d := r.Run; d != nil {
		m.Kind, m.Id, m.Title, m.Fund = apiv1.RoundKind_ROUND_KIND_DIVIDEND, d.RunId, d.Order.GetNarration(), d.Order.GetFund()
		m.Budget, m.State, m.ResolutionId = ledger.Fen(d.PoolFen).String(), d.State, d.Order.GetResolutionId()
		m.People, m.Total, m.Paid, m.PaidCount = d.Payees, d.Declared.String(), d.Paid.String(), uint32(d.PaidCount)
		m.Basis, m.Method = apiv1.DividendBasis(d.Basis), apiv1.DividendMethod(d.Method)
		m.Rate, m.Remainder = ledger.Fen(d.RateFen).String(), ledger.Fen(d.RemainderFen).String()
		m.RecordDate, m.Shares, m.Supplements = ledger.Day(d.Order.GetRecordDate()).String(), d.Shares, d.Supplements
	}
	return m
}
