package rpc

import (
	"context"

	"github.com/mingzhang-ledger/mingzhang/access"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// A preview passes the checks of a line of a batch (parseLine, actingAs, authorise, prepare) and the same Decide, so it cannot
// say anything else than the command would. Refusals are results, as in Apply.

// previewMax is how many batches are previewed at once; each folds the logs it touches anew.
const previewMax = 2

// triable are the commands beside those on books that can be carried out on a copy of the log, because the log is all they
// change. Of any other, only form and permission are checked.
var triable = map[string]bool{"CreateOperator": true, "IssueKey": true, "RevokeKey": true, "InviteOperator": true, "SuspendOperator": true, "ReinstateOperator": true}

func (s booksService) Preview(ctx context.Context, r *apiv1.PreviewRequest) (*apiv1.PreviewResponse, error) {
	return &apiv1.PreviewResponse{Result: s.preview(ctx, callerOf(ctx), s.parseLine(r.Line))}, ctx.Err()
}

// PreviewApply previews line after line on one copy of the log, on which each that would be carried out is.
func (s booksService) PreviewApply(ctx context.Context, r *apiv1.PreviewApplyRequest) (*apiv1.PreviewApplyResponse, error) {
	select {
	case s.previewing <- struct{}{}:
		defer func() { <-s.previewing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	scratch, c, answer := s.scratch(), callerOf(ctx), new(apiv1.PreviewApplyResponse)
	for _, given := range r.Lines {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l := s.parseLine(given)
		result := scratch.preview(ctx, c, l)
		answer.Results = append(answer.Results, result)
		if result.Code != "" {
			if r.StopOnRefusal {
				break
			}
			continue
		}
		if !result.CheckedOnly {
			one := &batch{Server: scratch, caller: c, results: make([]*apiv1.ApplyResult, 1)}
			one.take(ctx, 0, l)
			one.flush(ctx)
			one.writing.Wait()
		}
	}
	return answer, nil
}

// preview says what a line would do, or why not.
func (s *Server) preview(ctx context.Context, c *caller, l line) *apiv1.PreviewResult {
	result, err := s.tryPreview(ctx, c, l)
	if err != nil {
		o := s.outcome(ctx, l.procedure(), err)
		return &apiv1.PreviewResult{Code: o.Code, Refusal: o.Refusal, Message: o.Message}
	}
	return result
}

func (s *Server) tryPreview(ctx context.Context, c *caller, l line) (*apiv1.PreviewResult, error) {
	if l.err != nil {
		return nil, l.err
	}
	c, err := s.actingAs(ctx, c, l.as)
	if err != nil {
		return nil, err
	}
	if err := s.authorise(ctx, l.method, c, l.request); err != nil {
		return nil, err
	}
	due := s.confirmDue(l.method, c)
	book, ok := l.request.(bookRequest)
	switch {
	case !ok && triable[l.method.name]:
		_, err := s.scratch().call(ctx, l.method, c, l.request) // its answer may hold a key, which opens nothing
		return &apiv1.PreviewResult{ConfirmNeeded: due}, err
	case !ok:
		return &apiv1.PreviewResult{CheckedOnly: true, ConfirmNeeded: due}, nil
	}
	g, err := s.prepare(ctx, c, book)
	if err != nil {
		return nil, err
	}
	if _, err := s.compute(ctx, g); err != nil {
		return nil, err
	}
	p, err := s.config.Ledger.Preview(ctx, g.collective, g.order)
	if err != nil {
		return nil, err
	}
	result := &apiv1.PreviewResult{Receipt: receiptOf(g.collective, p.Events), Repeated: p.Repeated, ConfirmNeeded: due}
	for _, e := range p.Events {
		if made := e.GetRequestMade(); made != nil {
			result.ApprovalsNeeded, result.ReviewNeeded = made.Approvals, made.Review
		}
		if opened := e.GetGrantRoundOpened(); opened != nil {
			result.ApprovalsNeeded, result.ReviewNeeded = opened.Approvals, opened.Review
		}
	}
	// A cashier may settle, and read no balances; a founding has none.
	if len(p.Balances) > 0 {
		callers := access.Matrix["GetBalances"]
		if s.mayRead(ctx, &callers, c, g.collective) == nil {
			result.Balances = each(p.Balances, balanceChangeOf)
		}
	}
	return result, nil
}

func balanceChangeOf(b ledger.BalanceChange) *apiv1.BalanceChange {
	return &apiv1.BalanceChange{Account: string(b.Account), Before: b.Before.String(), After: b.After.String()}
}
