package rpc

import (
	"encoding/hex"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file turns requests about rounds, reviews and the charter into commands, and writes what the books hold of them.

// rounds makes those commands; nil when the request is about something else.
func (p *reader) rounds(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.RemoveApplicantsRequest:
		return &ledger.RemoveApplicants{Round: r.RoundId, Members: r.Members}
	case *apiv1.RecordReturnedGrantRequest:
		return &ledger.RecordReturnedGrant{Round: r.RoundId, Member: r.Member, On: p.day("occurred_on", r.OccurredOn), Money: r.MoneyAccount}
	case *apiv1.CancelGrantRoundRequest:
		return &ledger.CancelGrantRound{Round: r.RoundId, Why: r.Reason}
	case *apiv1.RaiseObjectionRequest:
		return &ledger.RaiseObjection{Round: r.RoundId, Member: r.Member, Text: r.Text}
	case *apiv1.AnswerObjectionRequest:
		return &ledger.AnswerObjection{Round: r.RoundId, Number: r.Objection, Upheld: r.Upheld, Text: r.Text}
	case *apiv1.ReviewPeriodRequest:
		return p.periodReview(r)
	case *apiv1.ChangeBodyRequest:
		return &ledger.ChangeBody{Body: p.body("body", r.Body), Resolution: r.ResolutionId}
	case *apiv1.AdoptWitnessPolicyRequest:
		return adoptWitnessPolicy(r)
	case *apiv1.ChangeFundRequest:
		return &ledger.ChangeFund{Fund: storedFund(r.Fund), Resolution: r.ResolutionId}
	}
	return nil
}

func (p *reader) body(field string, b *apiv1.Body) *eventv1.Body {
	return &eventv1.Body{
		Id: b.GetId(), Name: b.GetName(), Size: b.GetSize(), PassBase: eventv1.VoteBase(b.GetPassBase()), PassStrictly: b.GetPassStrictly(),
		Quorum: p.fraction(field+".quorum", b.GetQuorum()), Pass: p.fraction(field+".pass", b.GetPass()),
	}
}

func (p *reader) periodReview(r *apiv1.ReviewPeriodRequest) ledger.Command {
	c := &ledger.ReviewPeriod{
		Month: p.month("month", r.Month), Verdict: eventv1.Verdict(r.Verdict), Remark: r.Remark,
		Statement: p.hex("statement_sha256", r.StatementSha256),
	}
	for _, item := range r.Items {
		c.Items = append(c.Items, ledger.ReviewItem{
			Voucher: p.voucher("items.voucher", item.Voucher), Verdict: eventv1.Verdict(item.Verdict), Remark: item.Remark,
		})
	}
	return c
}

func (p *reader) openingLine(l *apiv1.OpeningLine) ledger.OpeningLine {
	return ledger.OpeningLine{Account: ledger.Account(l.Account), Amount: p.signed("lines.amount", l.Amount), Party: l.Party}
}

func voucherReviewOf(r projections.VoucherReview) *apiv1.VoucherReview {
	return &apiv1.VoucherReview{Verdict: apiv1.Verdict(r.Verdict), Remark: r.Remark}
}

func objectionOf(o projections.GrantObjection) *apiv1.GrantObjection {
	return &apiv1.GrantObjection{
		Number: o.Number, Member: o.Member, Text: o.Text, RaisedBy: o.RaisedBy, RaisedAt: instant(o.RaisedAt),
		State: o.State, Answer: o.Answer, AnsweredBy: o.AnsweredBy,
	}
}

// periodReviewOf shows a month to everybody: what supervisors say, not who of them says it.
func periodReviewOf(r projections.PeriodReview) *apiv1.PeriodReview {
	return &apiv1.PeriodReview{
		Month: r.Month.String(), StatementSha256: hex.EncodeToString(r.Statement),
		Signed: uint32(r.Signed), Refused: uint32(r.Refused), Remarked: uint32(r.Remarked),
		Reviews: each(r.Reviews, func(s projections.SupervisorReview) *apiv1.SupervisorReview {
			return &apiv1.SupervisorReview{
				Verdict: apiv1.Verdict(s.Verdict), Remark: s.Remark, ReviewedAt: instant(s.ReviewedAt), Version: s.Version,
				Items: each(s.Items, func(i *eventv1.ReviewItem) *apiv1.ReviewItem {
					return &apiv1.ReviewItem{Voucher: ledger.RefOf(i.Voucher).String(), Verdict: apiv1.Verdict(i.Verdict), Remark: i.Remark}
				}),
			}
		}),
	}
}
