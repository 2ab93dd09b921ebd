package rpc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// auditService implements AuditService: everything that can be read.
type auditService struct{ *Server }

var classes = map[string]ledger.Class{"receipt": ledger.Receipt, "payment": ledger.Payment, "transfer": ledger.Transfer}

func (s auditService) ListVouchers(ctx context.Context, r *apiv1.ListVouchersRequest) (*apiv1.ListVouchersResponse, error) {
	filter, err := voucherFilter(r)
	if err != nil {
		return nil, err
	}
	vouchers, next, at, err := s.vouchers(ctx, r, filter)
	if err == nil {
		err = checkAccount(at.book, r.Account)
	}
	if err != nil {
		return nil, err
	}
	return &apiv1.ListVouchersResponse{Vouchers: each(vouchers, journalVoucher), NextPageToken: next, Version: at.version}, nil
}

// checkAccount refuses an account the books do not know, which a slip of the pen would otherwise read as zero. An opened fund
// or money account that never moved is known.
func checkAccount(book *projections.Book, account string) error {
	if account != "" && !book.Knows(ledger.Account(account)) {
		return refuse(ledger.AccountUnknown, "account", "account", clip(account))
	}
	return nil
}

func (s auditService) GetVoucher(ctx context.Context, r *apiv1.GetVoucherRequest) (*apiv1.GetVoucherResponse, error) {
	ref, err := ledger.ParseVoucherRef("number", r.Number)
	if err != nil {
		return nil, err
	}
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	v, ok := at.book.Voucher(ref, at.moment)
	if !ok {
		return nil, refuse(ledger.VoucherUnknown, "number", "voucher", ref.String())
	}
	return &apiv1.GetVoucherResponse{Voucher: journalVoucher(v), Version: at.version}, nil
}

func (s auditService) GetBalances(ctx context.Context, r *apiv1.GetBalancesRequest) (*apiv1.GetBalancesResponse, error) {
	at, err := s.read(ctx, r)
	if err == nil {
		err = checkAccount(at.book, r.Account)
	}
	if err != nil {
		return nil, err
	}
	answer := &apiv1.GetBalancesResponse{Version: at.version}
	if r.Account != "" {
		account := ledger.Account(r.Account)
		one := projections.AccountBalance{Account: account, Balance: at.book.Balance(account, at.moment)}
		answer.Balances = []*apiv1.AccountBalance{balanceOf(one)}
		return answer, nil
	}
	answer.Balances = each(at.book.Balances(at.moment), balanceOf)
	return answer, nil
}

func (s auditService) GetTrialBalance(ctx context.Context, r *apiv1.GetTrialBalanceRequest) (*apiv1.GetTrialBalanceResponse, error) {
	span, err := period(r.From, r.To)
	if err != nil {
		return nil, err
	}
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	trial := at.book.TrialBalance(span, at.moment)
	return &apiv1.GetTrialBalanceResponse{
		Lines: each(trial.Lines, trialLineOf), DebitTotal: trial.DebitTotal.String(), CreditTotal: trial.CreditTotal.String(),
		Version: at.version,
	}, nil
}

func (s auditService) ListRequests(ctx context.Context, r *apiv1.ListRequestsRequest) (*apiv1.ListRequestsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	limit := pageLimit(r)
	if r.Number != 0 {
		after, limit = int(r.Number)-1, 1
	}
	requests, next := at.book.Requests(r.State, after, limit, at.moment)
	if r.Number != 0 {
		requests = slices.DeleteFunc(requests, func(q projections.Request) bool { return q.Made.Number != r.Number })
		next = 0
	}
	return &apiv1.ListRequestsResponse{Requests: each(requests, requestOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s auditService) ListGrantRounds(ctx context.Context, r *apiv1.ListGrantRoundsRequest) (*apiv1.ListGrantRoundsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	rounds, next := at.book.GrantRounds(after, pageLimit(r), at.moment)
	return &apiv1.ListGrantRoundsResponse{Rounds: each(rounds, grantRoundOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s auditService) ListDividends(ctx context.Context, r *apiv1.ListDividendsRequest) (*apiv1.ListDividendsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	runs, next := at.book.Dividends(after, pageLimit(r), at.moment)
	return &apiv1.ListDividendsResponse{Runs: each(runs, dividendOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s auditService) ListEntitlements(ctx context.Context, r *apiv1.ListEntitlementsRequest) (*apiv1.ListEntitlementsResponse, error) {
	at, on, after, err := s.pageOn(ctx, r)
	if err != nil {
		return nil, err
	}
	lines, next, ok := at.book.Entitlements(r.RunId, on, after, pageLimit(r), at.moment)
	if !ok {
		return nil, refuse(ledger.RunUnknown, "run_id", "run", r.RunId)
	}
	return &apiv1.ListEntitlementsResponse{Entitlements: each(lines, entitlementOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s auditService) ListGiftAgreements(ctx context.Context, r *apiv1.ListGiftAgreementsRequest) (*apiv1.ListGiftAgreementsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	gifts, next := at.book.Gifts(after, pageLimit(r), at.moment)
	return &apiv1.ListGiftAgreementsResponse{Gifts: each(gifts, giftOf), NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

// logRequest is the request of a read of the log itself.
type logRequest interface {
	GetCollectiveId() string
	GetAsOf() string
	GetAsKnownAt() string
}

// present refuses moments in the past for reads of the log: a head is signed for the present alone.
func present(r logRequest) error {
	for field, value := range map[string]string{"as_of": r.GetAsOf(), "as_known_at": r.GetAsKnownAt()} {
		if value != "" {
			return refuse(ledger.FieldInvalid, field, "problem", "the log is read as it is now", problemChinese, "日志只能按现状读取")
		}
	}
	return nil
}

func (s auditService) GetHead(ctx context.Context, r *apiv1.GetHeadRequest) (*apiv1.GetHeadResponse, error) {
	if err := present(r); err != nil {
		return nil, err
	}
	if _, err := s.read(ctx, r); err != nil { // holds min_version
		return nil, err
	}
	head, note, err := s.config.Log.Head(ctx, ledger.StreamOf(r.CollectiveId))
	if err != nil {
		return nil, err
	}
	return &apiv1.GetHeadResponse{
		Note: string(note), Size: head.Size, Root: hex.EncodeToString(head.Root[:]), VerifierKey: s.config.VerifierKey(head.Origin),
	}, nil
}

func (s auditService) VerifyLog(ctx context.Context, r *apiv1.VerifyLogRequest) (*apiv1.VerifyLogResponse, error) {
	if err := present(r); err != nil {
		return nil, err
	}
	select {
	case s.verifying <- struct{}{}:
		defer func() { <-s.verifying }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	report, err := s.config.Log.Verify(ctx, ledger.StreamOf(r.CollectiveId))
	if err != nil {
		return nil, err
	}
	answer := &apiv1.VerifyLogResponse{
		Ok: report.OK, Events: report.Events, Root: hex.EncodeToString(report.Root[:]),
		FirstBadVersion: report.FirstBad, Problem: report.Reason, SelfCheck: s.selfCheck(r.CollectiveId),
	}
	if !report.OK {
		return answer, nil
	}
	digest, same, err := s.foldAnew(ctx, r)
	if damage := (*eventstore.CorruptError)(nil); errors.As(err, &damage) {
		answer.Ok, answer.FirstBadVersion, answer.Problem = false, damage.Version, damage.Reason
		return answer, nil
	}
	if err != nil {
		return nil, err
	}
	answer.BookDigest, answer.BookOk = hex.EncodeToString(digest[:]), same
	if bad := s.badEdition(ctx, r.CollectiveId); bad != nil && same {
		answer.Ok, answer.FirstBadVersion, answer.Problem = false, bad.Published, bad.Reason
	}
	return answer, nil
}

// selfCheck is the last result of the check in the background, nil when there is none.
func (s auditService) selfCheck(collective string) *apiv1.SelfCheck {
	c, ok := s.config.Books.LastCheck(collective)
	if !ok {
		return nil
	}
	return &apiv1.SelfCheck{At: c.At.Format(time.RFC3339), Version: c.Version, Ok: c.OK, Compared: c.Compared, Differs: c.Differs}
}

// foldTriesMax bounds how often a fresh book runs after a book in use that goes on meanwhile.
const foldTriesMax = 10

// foldAnew folds a book from the log and compares it with the one in use, at a version both have.
func (s auditService) foldAnew(ctx context.Context, r readRequest) (digest [32]byte, same bool, err error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return digest, false, err
	}
	fresh := projections.NewBook(r.GetCollectiveId())
	for range foldTriesMax {
		for e, err := range s.config.Ledger.Events(ctx, r.GetCollectiveId(), fresh.Version()) {
			if err != nil {
				return digest, false, err
			}
			if err := fresh.Fold(e); err != nil {
				return digest, false, fmt.Errorf("fold %s anew: %w", r.GetCollectiveId(), err)
			}
		}
		inUse := at.book.Digest()
		digest = fresh.Digest()
		if at.book.Version() == fresh.Version() {
			return digest, inUse == digest, nil
		}
	}
	return digest, false, fmt.Errorf("compare the books of %s: they changed %d times meanwhile", r.GetCollectiveId(), foldTriesMax)
}

// Limits of one message of ReadLog.
const (
	logEventsMax = 500
	logBytesMax  = 256 << 10
)

func (s auditService) ReadLog(ctx context.Context, r *apiv1.ReadLogRequest, stream apiv1connect.AuditServiceReadLogServerStream) error {
	message, size := new(apiv1.ReadLogResponse), 0
	for e, err := range s.config.Events.Read(ctx, ledger.StreamOf(r.CollectiveId), r.After) {
		if err != nil {
			return err
		}
		message.Events = append(message.Events, &apiv1.LogEvent{Version: e.Version, Type: e.Type, Data: e.Data})
		if size += len(e.Data); size < logBytesMax && len(message.Events) < logEventsMax {
			continue
		}
		if err := stream.Send(message); err != nil {
			return err
		}
		message, size = new(apiv1.ReadLogResponse), 0
	}
	if len(message.Events) == 0 {
		return nil
	}
	return stream.Send(message)
}
