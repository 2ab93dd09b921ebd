package rpc

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file turns requests into commands. Texts become amounts, days and numbers by the ledger's own parsers, so that a
// mistake is refused with the ledger's words; everything else is copied as it came.

// bookRequest is what the request of every command on books has.
type bookRequest interface {
	proto.Message
	GetCommandId() string
	GetCollectiveId() string
	GetExpectedVersion() uint64
	GetSimulatedAt() string
}

// given is a command ready for the ledger.
type given struct {
	collective string
	order      ledger.Order
	kept       *eventv1.PersonalDataKept // what the command commits to, if it does
	asked      *asked                    // what it asks, if it does
}

// give carries out the command of a request by the caller in the context.
func (s *Server) give(ctx context.Context, r bookRequest) (*apiv1.Receipt, error) {
	g, err := s.prepare(ctx, callerOf(ctx), r)
	if err != nil {
		return nil, err
	}
	if err := s.keep(ctx, g); err != nil {
		return nil, err
	}
	if err := s.keepAsked(ctx, g); err != nil {
		return nil, err
	}
	if err := s.complete(ctx, g); err != nil {
		return nil, err
	}
	events, err := s.config.Ledger.Do(ctx, g.collective, g.order.Command, g.order.Meta)
	if err != nil {
		return nil, err
	}
	receipt := receiptOf(g.collective, events)
	if err := s.addOpening(ctx, g, events, receipt); err != nil {
		return nil, err
	}
	if proofWanted(ctx) {
		s.addProof(ctx, receipt)
	}
	return receipt, nil
}

// prepare makes the command of a request, given by an operator.
func (s *Server) prepare(ctx context.Context, c *caller, r bookRequest) (given, error) {
	command, err := commandOf(r)
	if err != nil {
		return given{}, err
	}
	id, err := parseCommandID(r.GetCommandId())
	if err != nil {
		return given{}, err
	}
	simulated, err := s.simulated(ctx, c, r, command)
	if err != nil {
		return given{}, err
	}
	if rotation, ok := command.(*ledger.RotateLogKey); ok {
		if err := s.nameKeys(ctx, r.GetCollectiveId(), rotation); err != nil {
			return given{}, err
		}
	}
	now, err := s.now(ctx, r, simulated)
	if err != nil {
		return given{}, err
	}
	if err := s.unnamed(ctx, c, r, command, id); err != nil {
		return given{}, err
	}
	meta := ledger.Meta{ID: id, Actor: c.operator.ID, Expected: expectedVersion(r), Now: now}
	g := given{collective: r.GetCollectiveId(), order: ledger.Order{Command: command, Meta: meta}}
	if commits, ok := command.(*ledger.CommitPersonalData); ok {
		g.kept, err = s.record(ctx, c, r.(*apiv1.KeepPersonalDataRequest), commits)
	}
	if asks, ok := command.(*ledger.RaiseInquiry); ok {
		g.asked, err = s.asks(ctx, r.(*apiv1.RaiseInquiryRequest), asks)
	}
	return g, err
}

// simulated says whether the collective of a command runs on a simulated clock, and refuses commands on a collective, or
// roles for an operator, that does not exist.
func (s *Server) simulated(ctx context.Context, c *caller, r bookRequest, command ledger.Command) (bool, error) {
	if founding, ok := command.(*ledger.FoundCollective); ok {
		return founding.Charter.SimulatedClock, nil
	}
	facts, err := s.config.Ledger.Facts(ctx, r.GetCollectiveId())
	if err != nil {
		return false, err
	}
	// Only those who may grant roles learn which operators there are.
	if grant, ok := command.(*ledger.GrantRole); ok && slices.Contains(facts.Roles(c.operator.ID), eventv1.Role_ROLE_ADMIN) {
		if _, err := s.operator(ctx, grant.Operator); err != nil {
			return false, err
		}
	}
	return facts.Charter.GetSimulatedClock(), nil
}

func expectedVersion(r bookRequest) *uint64 {
	m := r.ProtoReflect()
	if !m.Has(m.Descriptor().Fields().ByName("expected_version")) {
		return nil
	}
	return proto.Uint64(r.GetExpectedVersion())
}

// now is when a command is given: by the server's clock, or at simulated_at where the collective runs on a simulated one. A
// simulated clock stands still at the last record until a command moves it: the server's clock would carry the books to a day
// from which no later command could come back.
func (s *Server) now(ctx context.Context, r bookRequest, simulated bool) (time.Time, error) {
	if r.GetSimulatedAt() == "" {
		now := s.config.Clock()
		if facts, err := s.config.Ledger.Facts(ctx, r.GetCollectiveId()); simulated && err == nil {
			return s.lastRecorded(ctx, facts)
		}
		return now, nil
	}
	if !simulated {
		return time.Time{}, refuse(ledger.ClockNotSimulated, "simulated_at")
	}
	return parseInstant("simulated_at", r.GetSimulatedAt())
}

// parseInstant reads an RFC 3339 time with its zone.
func parseInstant(field, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1900 || t.Year() > 9999 {
		return time.Time{}, refuse(ledger.DateInvalid, field, "date", clip(s))
	}
	return t, nil
}

// reader reads the texts of a request and keeps the first refusal.
type reader struct{ err error }

func (p *reader) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *reader) amount(field, s string) ledger.Fen {
	a, err := ledger.ParseAmount(field, s)
	p.keep(err)
	return a
}

// amountOr0 is 0 for an amount left out.
func (p *reader) amountOr0(field, s string) ledger.Fen {
	if s == "" {
		return 0
	}
	return p.amount(field, s)
}

func (p *reader) signed(field, s string) ledger.Fen {
	a, err := ledger.ParseSigned(field, s)
	p.keep(err)
	return a
}

func (p *reader) day(field, s string) ledger.Day {
	d, err := ledger.ParseDay(field, s)
	p.keep(err)
	return d
}

// dayOr0 is 0 for a day left out.
func (p *reader) dayOr0(field, s string) ledger.Day {
	if s == "" {
		return 0
	}
	return p.day(field, s)
}

func (p *reader) month(field, s string) ledger.Month {
	m, err := ledger.ParseMonth(field, s)
	p.keep(err)
	return m
}

func (p *reader) voucher(field, s string) ledger.VoucherRef {
	v, err := ledger.ParseVoucherRef(field, s)
	p.keep(err)
	return v
}

func (p *reader) vouchers(field string, texts []string) []ledger.VoucherRef {
	var all []ledger.VoucherRef
	for _, s := range texts {
		all = append(all, p.voucher(field, s))
	}
	return all
}

func (p *reader) fraction(field, s string) *eventv1.Fraction {
	f, err := ledger.ParseFraction(field, s)
	p.keep(err)
	return f
}

func (p *reader) hex(field, s string) []byte {
	if s == "" {
		return nil
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		p.keep(refuse(ledger.FieldInvalid, field, "problem", "it is not written in hex", problemChinese, "不是十六进制"))
	}
	return b
}

func (p *reader) documents(documents []*apiv1.Document) []ledger.Document {
	var all []ledger.Document
	for _, d := range documents {
		all = append(all, ledger.Document{
			Kind: d.Kind, Issuer: d.Issuer, Number: d.Number,
			Total: p.amountOr0("documents.total", d.Total), Cited: p.amountOr0("documents.cited", d.Cited),
			SHA256: p.hex("documents.sha256", d.Sha256), MediaType: d.MediaType, Size: d.Size, Retention: eventv1.Retention(d.Retention),
		})
	}
	return all
}

// commandOf makes the command a request asks for.
func commandOf(r bookRequest) (ledger.Command, error) {
	p := new(reader)
	var c ledger.Command
	switch r := r.(type) {
	case *apiv1.FoundCollectiveRequest:
		c = &ledger.FoundCollective{Charter: p.charter(r)}
	case *apiv1.GrantRoleRequest:
		c = &ledger.GrantRole{Operator: r.Operator, Role: eventv1.Role(r.Role)}
	case *apiv1.RevokeRoleRequest:
		c = &ledger.RevokeRole{Operator: r.Operator, Role: eventv1.Role(r.Role)}
	case *apiv1.RotateLogKeyRequest:
		c = &ledger.RotateLogKey{Generation: r.Generation}
	case *apiv1.OpenMoneyAccountRequest:
		c = &ledger.OpenMoneyAccount{ID: r.MoneyAccount, Kind: eventv1.MoneyAccountKind(r.Kind), Text: r.Name}
	case *apiv1.EnrolMembersRequest:
		c = &ledger.EnrolMembers{Group: r.Group, Joined: p.day("joined_on", r.JoinedOn), Members: r.Members, Households: r.Households}
	case *apiv1.DepartMembersRequest:
		c = &ledger.DepartMembers{Left: p.day("left_on", r.LeftOn), Members: r.Members}
	default:
		if c = p.governance(r); c == nil {
			c = p.books(r)
		}
		if c == nil {
			if c = p.payouts(r); c == nil {
				c = p.outside(r)
			}
			if c == nil {
				c = p.rounds(r)
			}
			if c == nil {
				c = p.published(r)
			}
			if c == nil {
				c = p.personal(r)
			}
			if c == nil {
				c = p.inquiry(r)
			}
		}
	}
	return c, p.err
}

func (p *reader) charter(r *apiv1.FoundCollectiveRequest) *eventv1.CollectiveFounded {
	f := &eventv1.CollectiveFounded{
		CollectiveId:          r.CollectiveId,
		Name:                  r.Name,
		Currency:              cmp.Or(r.Currency, "CNY"),
		TimeZone:              cmp.Or(r.TimeZone, "Asia/Shanghai"),
		FirstDay:              int32(p.day("first_day", r.FirstDay)),
		PolicyBody:            r.PolicyBody,
		SpendingBody:          r.SpendingBody,
		CharterBody:           r.CharterBody,
		FoundingBody:          r.FoundingBody,
		FoundingMinutesSha256: p.hex("founding_minutes_sha256", r.FoundingMinutesSha256),
		LogOrigin:             cmp.Or(r.LogOrigin, "mingzhang.local/log/"+r.CommandId),
		PublicLog:             eventv1.PublicLog(cmp.Or(r.PublicLog, apiv1.PublicLog_PUBLIC_LOG_COMMITTEE)),
		SimulatedClock:        r.SimulatedClock,
		HorizonDays:           r.HorizonDays,

		BlacklistHoldsDividend: r.BlacklistHoldsDividend,
	}
	for _, b := range r.Bodies {
		f.Bodies = append(f.Bodies, p.body("bodies", b))
	}
	for _, fund := range r.Funds {
		f.Funds = append(f.Funds, storedFund(fund))
	}
	return f
}

func storedFund(f *apiv1.Fund) *eventv1.Fund {
	return &eventv1.Fund{Id: f.GetId(), Name: f.GetName(), Purposes: f.GetPurposes(), Restricted: f.GetRestricted()}
}

// governance makes the commands of the service of that name; nil when the request is of another.
func (p *reader) governance(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.RecordResolutionRequest:
		return &ledger.RecordResolution{Resolution: p.resolution(r)}
	case *apiv1.ConfirmResolutionRequest:
		return &ledger.ConfirmResolution{ID: r.ResolutionId}
	case *apiv1.AdoptPolicyRequest:
		return p.policy(r)
	case *apiv1.AdoptSpendingRuleRequest:
		return p.spendingRule(r)
	case *apiv1.OpenFundRequest:
		return &ledger.OpenFund{Fund: storedFund(r.Fund), Resolution: r.ResolutionId}
	case *apiv1.ConfirmOpeningRequest:
		return &ledger.ConfirmOpening{}
	case *apiv1.ReviewRequestRequest:
		return &ledger.ReviewRequest{Number: r.RequestNumber, Digest: p.hex("digest", r.Digest)}
	case *apiv1.ApproveRequestRequest:
		return &ledger.ApproveRequest{Number: r.RequestNumber, Digest: p.hex("digest", r.Digest)}
	case *apiv1.RejectRequestRequest:
		return &ledger.RejectRequest{Number: r.RequestNumber, Why: r.Reason}
	case *apiv1.ReviewGrantRoundRequest:
		return &ledger.ReviewGrantRound{Round: r.RoundId}
	case *apiv1.AwardGrantsRequest:
		return &ledger.AwardGrants{Round: r.RoundId, On: p.day("occurred_on", r.OccurredOn)}
	case *apiv1.CancelGrantRequest:
		return &ledger.CancelGrant{Round: r.RoundId, Member: r.Member, On: p.day("occurred_on", r.OccurredOn)}
	case *apiv1.DeclareDividendRequest:
		return &ledger.DeclareDividend{Number: r.RequestNumber, On: p.day("occurred_on", r.OccurredOn), Digest: p.hex("digest", r.Digest)}
	case *apiv1.ClosePeriodRequest:
		return &ledger.ClosePeriod{Month: p.month("month", r.Month)}
	}
	return nil
}

func (p *reader) resolution(r *apiv1.RecordResolutionRequest) *eventv1.ResolutionRecorded {
	return &eventv1.ResolutionRecorded{
		Id: r.ResolutionId, Title: r.Title, Body: r.Body,
		DecidedOn:  int32(p.day("decided_on", r.DecidedOn)),
		Electorate: r.Electorate, Present: r.Present, VotesFor: r.VotesFor, VotesAgainst: r.VotesAgainst, Abstained: r.Abstained,
		MinutesSha256: p.hex("minutes_sha256", r.MinutesSha256),
		Matter:        eventv1.Matter(r.Matter), Fund: r.Fund, Purpose: r.Purpose,
		AuthorityFen: int64(p.amountOr0("authority", r.Authority)),
		ValidFrom:    int32(p.dayOr0("valid_from", r.ValidFrom)), ValidUntil: int32(p.dayOr0("valid_until", r.ValidUntil)),
	}
}

func (p *reader) policy(r *apiv1.AdoptPolicyRequest) ledger.Command {
	c := &ledger.AdoptPolicy{
		Effective: p.day("effective_on", r.EffectiveOn), Kinds: r.IncomeKinds,
		Rounding: eventv1.Rounding(r.Rounding), Resolution: r.ResolutionId,
	}
	c.Shares = shareTexts(r.Shares)
	return c
}

func (p *reader) spendingRule(r *apiv1.AdoptSpendingRuleRequest) ledger.Command {
	c := &ledger.AdoptSpendingRule{Resolution: r.ResolutionId, RequestDays: r.RequestDays}
	for _, t := range r.Tiers {
		from := ledger.Fen(0)
		if t.From != "" {
			from = p.signed("tiers.from", t.From)
		}
		c.Tiers = append(c.Tiers, &eventv1.Tier{
			Operation: eventv1.Operation(t.Operation), Fund: t.Fund, Purpose: t.Purpose, FromFen: int64(from),
			Approvals: t.Approvals, Review: t.Review, ResolutionBody: t.ResolutionBody,
			Emergency: t.Emergency, CapFen: int64(p.amountOr0("tiers.cap", t.Cap)), RatifyDays: t.RatifyDays,
		})
	}
	return c
}

// books makes the commands of BooksService; nil when the request is of another service.
func (p *reader) books(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.RecordIncomeRequest:
		return &ledger.RecordIncome{
			Kind: r.Kind, Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn), Money: r.MoneyAccount,
			Payer: r.Payer, Narration: r.Narration, Documents: p.documents(r.Documents), Fund: r.Fund, Resolution: r.ResolutionId,
		}
	case *apiv1.ReceiveDepositRequest:
		return &ledger.ReceiveDeposit{
			Kind: r.Kind, Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn), Money: r.MoneyAccount,
			Payer: r.Payer, Narration: r.Narration, Documents: p.documents(r.Documents),
		}
	case *apiv1.ReceiveGiftRequest:
		return &ledger.ReceiveGift{
			Fund: r.Fund, Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn), Money: r.MoneyAccount,
			Donor: r.Donor, Narration: r.Narration, Documents: p.documents(r.Documents), Gift: r.GiftId,
		}
	case *apiv1.MoveMoneyRequest:
		return &ledger.MoveMoney{
			From: r.From, To: r.To, Amount: p.amount("amount", r.Amount), On: p.day("occurred_on", r.OccurredOn),
			Narration: r.Narration, Documents: p.documents(r.Documents),
		}
	case *apiv1.ProposeOpeningRequest:
		return p.opening(r)
	case *apiv1.OpenGrantRoundRequest:
		return &ledger.OpenGrantRound{
			Round: r.RoundId, Title: r.Title, Fund: r.Fund, Purpose: r.Purpose,
			Budget: p.amount("budget", r.Budget), Resolution: r.ResolutionId,
		}
	case *apiv1.AddApplicantsRequest:
		return p.applicants(r)
	case *apiv1.PublishGrantNoticeRequest:
		return &ledger.PublishGrantNotice{Round: r.RoundId, From: p.day("notice_from", r.NoticeFrom), To: p.day("notice_to", r.NoticeTo)}
	case *apiv1.PayGrantRequest:
		return &ledger.PayGrant{Round: r.RoundId, Member: r.Member, On: p.day("occurred_on", r.OccurredOn), Money: r.MoneyAccount}
	case *apiv1.SendDividendFileRequest:
		return &ledger.SendDividendFile{Run: r.RunId, Money: r.MoneyAccount, Payees: r.Payees}
	case *apiv1.RecordDividendResultsRequest:
		return &ledger.RecordDividendResults{Run: r.RunId, File: r.File, On: p.day("occurred_on", r.OccurredOn), Failed: r.Failed}
	}
	return p.requests(r)
}

// requests makes the commands that ask for an outlay or carry out what was asked for.
func (p *reader) requests(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.RequestPaymentRequest:
		return &ledger.RequestPayment{
			Fund: r.Fund, Purpose: r.Purpose, Amount: p.amount("amount", r.Amount), Payee: r.Payee, Narration: r.Narration,
			Resolution: r.ResolutionId, Documents: p.documents(r.Documents), Money: r.MoneyAccount, On: p.dayOr0("occurred_on", r.OccurredOn),
			Gift: r.GiftId, Cost: r.Cost, Emergency: r.Emergency,
		}
	case *apiv1.BookTrueUpRequest:
		return &ledger.BookTrueUp{Year: int(r.Year), On: p.day("occurred_on", r.OccurredOn), Narration: r.Narration}
	case *apiv1.RequestTransferRequest:
		return &ledger.RequestTransfer{
			From: r.FromFund, To: r.ToFund, Amount: p.amount("amount", r.Amount), Narration: r.Narration, Resolution: r.ResolutionId,
		}
	case *apiv1.RequestReversalRequest:
		return &ledger.RequestCorrection{
			Reverses: p.vouchers("vouchers", r.Vouchers), On: p.dayOr0("occurred_on", r.OccurredOn), Narration: r.Narration,
			Cover: eventv1.Cover(r.Cover), Transfers: p.coverTransfers(r.Transfers),
		}
	case *apiv1.RequestCorrectionRequest:
		return p.correction(r)
	case *apiv1.RequestDividendRequest:
		return &ledger.RequestDividend{
			Run: r.RunId, Fund: r.Fund, Pool: p.amount("pool", r.Pool), Basis: eventv1.DividendBasis(r.Basis),
			Method: eventv1.DividendMethod(r.Method), RecordDate: p.day("record_date", r.RecordDate),
			Resolution: r.ResolutionId, Narration: r.Narration, Supplements: r.Supplements, Only: r.Only,
		}
	case *apiv1.WithdrawRequestRequest:
		return &ledger.WithdrawRequest{Number: r.RequestNumber}
	case *apiv1.SettlePaymentRequest:
		return &ledger.SettlePayment{Number: r.RequestNumber, On: p.day("occurred_on", r.OccurredOn), Money: r.MoneyAccount}
	case *apiv1.BookTransferRequest:
		return &ledger.BookTransfer{Number: r.RequestNumber, On: p.day("occurred_on", r.OccurredOn)}
	case *apiv1.BookCorrectionRequest:
		return &ledger.BookCorrection{Number: r.RequestNumber}
	}
	return nil
}

func (p *reader) opening(r *apiv1.ProposeOpeningRequest) ledger.Command {
	c := &ledger.ProposeOpening{On: p.day("occurred_on", r.OccurredOn)}
	for _, line := range r.Lines {
		c.Lines = append(c.Lines, p.openingLine(line))
	}
	return c
}

func (p *reader) applicants(r *apiv1.AddApplicantsRequest) ledger.Command {
	c := &ledger.AddApplicants{Round: r.RoundId}
	for _, a := range r.Applicants {
		c.Members = append(c.Members, a.Member)
		c.Amounts = append(c.Amounts, p.amount("applicants.amount", a.Amount))
	}
	return c
}

func (p *reader) correction(r *apiv1.RequestCorrectionRequest) ledger.Command {
	c := &ledger.RequestCorrection{
		Reverses: p.vouchers("reverses", r.Reverses), On: p.dayOr0("occurred_on", r.OccurredOn), Narration: r.Narration,
		RightAmount: p.amountOr0("right_amount", r.RightAmount),
		Cover:       eventv1.Cover(r.Cover), Transfers: p.coverTransfers(r.Transfers),
	}
	if r.DifferenceOf != "" {
		c.DifferenceOf = p.voucher("difference_of", r.DifferenceOf)
	}
	for _, replacement := range r.Replacements {
		c.Replacements = append(c.Replacements, p.replacement(replacement))
	}
	return c
}

func (p *reader) replacement(r *apiv1.Replacement) ledger.Replacement {
	c := ledger.Replacement{Corrects: p.voucher("replacements.corrects", r.Corrects)}
	if in := r.GetInflow(); in != nil {
		c.Inflow = &ledger.Inflow{
			As: eventv1.InflowKind(in.Inflow), Kind: in.Kind, Fund: in.Fund, Amount: p.amount("replacements.inflow.amount", in.Amount),
			Money: in.MoneyAccount, Payer: in.Payer, Narration: in.Narration, Resolution: in.ResolutionId, Documents: p.documents(in.Documents),
		}
	}
	if out := r.GetOutflow(); out != nil {
		c.Payment = &ledger.RequestPayment{
			Fund: out.Fund, Purpose: out.Purpose, Amount: p.amount("replacements.outflow.amount", out.Amount), Payee: out.Payee,
			Narration: out.Narration, Resolution: out.ResolutionId, Documents: p.documents(out.Documents), Money: out.MoneyAccount,
		}
	}
	return c
}
