package rpc

import (
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// receiptOf makes the answer to a command of its events, and of nothing else: a repeated command, which gets its first
// events again, gets the same answer again.
func receiptOf(collective string, events []*eventv1.Event) *apiv1.Receipt {
	r := &apiv1.Receipt{CollectiveId: collective}
	for _, e := range events {
		r.Version = e.Version
		r.RecordedAt = instant(time.UnixMicro(e.RecordedAt))
		r.Facts = append(r.Facts, ledger.TypeName(e))
		for _, v := range e.Vouchers {
			r.Vouchers = append(r.Vouchers, voucherOf(e, v))
		}
		addFact(r, e)
	}
	if len(events) > 0 {
		id, _ := uuid.FromBytes(events[0].CommandId) // zero when it is none, which Decode would have found
		r.CommandId = id.String()
	}
	return r
}

// addFact copies what a caller needs to go on from the fact into the receipt.
func addFact(r *apiv1.Receipt, e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_ResolutionRecorded:
		r.Passed = &f.ResolutionRecorded.Passed
	case *eventv1.Event_PolicyAdopted:
		r.RuleVersion = f.PolicyAdopted.Version
	case *eventv1.Event_SpendingRuleAdopted:
		r.RuleVersion = f.SpendingRuleAdopted.Version
	case *eventv1.Event_RequestMade:
		r.RequestNumber, r.RequestDigest = f.RequestMade.Number, hex.EncodeToString(f.RequestMade.Digest)
	case *eventv1.Event_RequestReviewed:
		r.RequestNumber, r.RequestDigest = f.RequestReviewed.Number, hex.EncodeToString(f.RequestReviewed.Digest)
	case *eventv1.Event_RequestApproved:
		r.RequestNumber, r.RequestDigest = f.RequestApproved.Number, hex.EncodeToString(f.RequestApproved.Digest)
	case *eventv1.Event_RequestRejected:
		r.RequestNumber = f.RequestRejected.Number
	case *eventv1.Event_RequestWithdrawn:
		r.RequestNumber = f.RequestWithdrawn.Number
	case *eventv1.Event_PaymentSettled:
		r.RequestNumber = f.PaymentSettled.Number
	case *eventv1.Event_RequestExpired:
		r.RequestNumber = f.RequestExpired.Number
	case *eventv1.Event_DepositReturned:
		r.RequestNumber = f.DepositReturned.Number
	case *eventv1.Event_TransferMade:
		r.RequestNumber = f.TransferMade.Number
	case *eventv1.Event_CorrectionMade:
		r.RequestNumber = f.CorrectionMade.Number
	case *eventv1.Event_DividendDeclared:
		r.RequestNumber = f.DividendDeclared.RequestNumber
	case *eventv1.Event_DividendFileSent:
		r.File, r.Payees = f.DividendFileSent.File, f.DividendFileSent.Payees
	case *eventv1.Event_DividendFileSettled:
		r.File = f.DividendFileSettled.File
	case *eventv1.Event_PayeeHeld:
		r.Hold = f.PayeeHeld.Number
	case *eventv1.Event_PayeeReleased:
		r.Hold = f.PayeeReleased.Number
	case *eventv1.Event_GrantObjectionRaised:
		r.Objection = f.GrantObjectionRaised.Number
	case *eventv1.Event_PersonalDataCommitted:
		id, _ := uuid.FromBytes(f.PersonalDataCommitted.Record) // zero when it is none, which the books would have found
		r.RecordId = id.String()
	case *eventv1.Event_ErasureRequested:
		r.Erasure = f.ErasureRequested.Number
	case *eventv1.Event_ErasureApproved:
		r.Erasure = f.ErasureApproved.Number
	case *eventv1.Event_ErasureRejected:
		r.Erasure = f.ErasureRejected.Number
	case *eventv1.Event_GrantObjectionAnswered:
		r.Objection = f.GrantObjectionAnswered.Number
	case *eventv1.Event_InquiryReceived:
		r.Inquiry, r.InquiryDueOn = f.InquiryReceived.Number, ledger.Day(f.InquiryReceived.DueOn).String()
	case *eventv1.Event_InquiryPublished:
		r.Inquiry = f.InquiryPublished.Number
	case *eventv1.Event_InquiryDeclined:
		r.Inquiry = f.InquiryDeclined.Number
	case *eventv1.Event_InquiryAnswered:
		r.Inquiry = f.InquiryAnswered.Number
	case *eventv1.Event_EditionPublished:
		r.Edition, r.Pin = f.EditionPublished.Number, pinOf("", f.EditionPublished)
	}
}

// voucherOf is a stored voucher as the API writes it.
func voucherOf(e *eventv1.Event, v *eventv1.Voucher) *apiv1.Voucher {
	m := &apiv1.Voucher{
		Number:        ledger.RefOf(v.Ref).String(),
		OccurredOn:    ledger.Day(v.OccurredOn).String(),
		Narration:     v.Narration,
		Party:         v.Party,
		Purpose:       v.Purpose,
		IncomeKind:    v.IncomeKind,
		ResolutionId:  v.ResolutionId,
		Reverses:      ledger.RefOf(v.Reverses).String(),
		Corrects:      ledger.RefOf(v.Corrects).String(),
		RequestNumber: v.RequestNumber,
		Version:       e.Version,
		RecordedAt:    instant(time.UnixMicro(e.RecordedAt)),
		Actor:         e.Actor,
		GrantRoundId:  v.GrantRoundId,
		DividendRunId: v.DividendRunId,
		Amount:        ledger.Amount(v).String(),
		PolicyVersion: v.PolicyVersion,
		TrueUpYear:    v.TrueUpYear,
		Refunds:       ledger.RefOf(v.Refunds).String(),
		Returns:       ledger.RefOf(v.Returns).String(),
	}
	for _, f := range v.Flags {
		m.Flags = append(m.Flags, flagOf(f, ""))
	}
	for _, p := range v.Postings {
		m.Postings = append(m.Postings, &apiv1.Posting{Account: p.Account, Amount: ledger.Fen(p.AmountFen).String(), Party: p.Party})
	}
	for _, d := range v.Documents {
		m.Documents = append(m.Documents, documentOf(d))
	}
	return m
}

func documentOf(d *eventv1.Document) *apiv1.Document {
	return &apiv1.Document{
		Kind: d.Kind, Issuer: d.Issuer, Number: d.Number,
		Total: ledger.Fen(d.TotalFen).String(), Cited: ledger.Fen(d.CitedFen).String(),
		Sha256: hex.EncodeToString(d.Sha256), MediaType: d.MediaType, Size: d.Size, Retention: apiv1.Retention(d.Retention),
	}
}

// instant writes a time as RFC 3339 in UTC, always with microseconds, so that texts sort like times.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
