package rpc

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file has the methods on inquiries. What was asked comes in by RaiseInquiry and goes out by ReadInquiry, to supervisors; between them
// it is in the vault alone, as personal data is.

// The reasons of this file.
const (
	inquiryGone ledger.Reason = "inquiry_text_gone"
	inquiryLost ledger.Reason = "inquiry_text_missing"
)

// inquiry makes the commands on inquiries; nil when the request is of another kind.
func (p *reader) inquiry(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.RaiseInquiryRequest:
		return &ledger.RaiseInquiry{Kind: eventv1.InquiryKind(r.Kind), Voucher: p.voucherOrNone("voucher", r.Voucher), Wording: r.Wording}
	case *apiv1.PublishInquiryRequest:
		return &ledger.PublishInquiry{Number: r.Inquiry, Wording: r.Wording}
	case *apiv1.DeclineInquiryRequest:
		return &ledger.DeclineInquiry{Number: r.Inquiry, Reason: eventv1.DeclineReason(r.Reason), SameAs: r.SameAs}
	case *apiv1.AnswerInquiryRequest:
		return &ledger.AnswerInquiry{Number: r.Inquiry, Text: r.Text, Outcome: eventv1.InquiryOutcome(r.Outcome), CorrectedBy: p.voucherOrNone("corrected_by", r.CorrectedBy)}
	}
	return nil
}

// voucherOrNone is the zero one for a voucher left out.
func (p *reader) voucherOrNone(field, s string) ledger.VoucherRef {
	if s == "" {
		return ledger.VoucherRef{}
	}
	return p.voucher(field, s)
}

// asked is what a RaiseInquiry asks, as it is kept.
type asked struct {
	origin string
	record uuid.UUID
	kept   *eventv1.InquiryTextKept
}

// asks makes the record of what is asked, and commits the command to it.
func (s *Server) asks(ctx context.Context, r *apiv1.RaiseInquiryRequest, c *ledger.RaiseInquiry) (*asked, error) {
	facts, err := s.config.Ledger.Facts(ctx, r.CollectiveId)
	if err != nil {
		return nil, err
	}
	if s.config.People == nil {
		return nil, refuse(personalNotKept, "")
	}
	if form := people.CheckInquiryText(r.Text); form != nil {
		return nil, refuse(ledger.FieldInvalid, "text", "problem", form.English, problemChinese, form.Chinese)
	}
	a := &asked{origin: facts.Charter.LogOrigin}
	a.record, a.kept = people.NewInquiry(r.CollectiveId, r.Text)
	commitment := people.CommitInquiry(a.origin, a.record, a.kept)
	c.Record, c.Commitment, c.Reworded = a.record[:], commitment[:], !sameWords(r.Text, r.Wording)
	return a, nil
}

// sameWords compares texts but for the space between their words.
func sameWords(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

// compareWording finds out whether a wording is what was asked. One that nobody can compare any more counts as another.
func (s *Server) compareWording(ctx context.Context, collective string, c *ledger.PublishInquiry) error {
	if s.config.People == nil {
		c.Reworded = true
		return nil
	}
	kept, err := s.config.People.Inquiry(ctx, collective, c.Number)
	if err != nil && !errors.Is(err, people.ErrUnknown) && !errors.Is(err, people.ErrLost) {
		return err
	}
	c.Reworded = !sameWords(kept.GetText(), c.Wording)
	return nil
}

// keepAsked puts what is asked into the vault before the log is told of it. What would be refused is refused before anything is kept;
// what was done before is not kept again.
func (s *Server) keepAsked(ctx context.Context, g given) error {
	if g.asked == nil || s.dry {
		return nil
	}
	p, err := s.config.Ledger.Preview(ctx, g.collective, g.order)
	if err != nil || p.Repeated {
		return err
	}
	return s.config.People.KeepInquiry(ctx, g.asked.record, g.asked.kept, g.order.Meta)
}

// addOpening puts what opens the commitment into the receipt of whoever asked. A command that was accepted before is committed to another
// record: who brings the same text gets that one's, and who brings another is refused, as long as it is kept.
func (s *Server) addOpening(ctx context.Context, g given, events []*eventv1.Event, receipt *apiv1.Receipt) error {
	if g.asked == nil || s.dry || len(events) == 0 || events[0].GetInquiryReceived() == nil {
		return nil
	}
	f, kept := events[0].GetInquiryReceived(), g.asked.kept
	record := uuid.UUID(f.Record)
	if record != g.asked.record {
		first, err := s.config.People.Inquiry(ctx, g.collective, f.Number)
		if first == nil && (err == nil || errors.Is(err, people.ErrLost)) {
			return nil
		}
		if err != nil {
			return err
		}
		if first.Text != kept.Text {
			return refuse(ledger.CommandIDReused, "command_id", "command_id", g.order.Meta.ID.String(), "version", strconv.FormatUint(events[0].Version, 10))
		}
		kept = first
	}
	receipt.InquiryOpening = &apiv1.InquiryOpening{Origin: g.asked.origin, RecordId: record.String(), Salt: hex.EncodeToString(kept.Salt), Text: kept.Text,
		Commitment: hex.EncodeToString(f.Commitment)}
	return nil
}

// RaiseInquiry bounds how often one address asks without a key.
func (s disclosureService) RaiseInquiry(ctx context.Context, r *apiv1.RaiseInquiryRequest) (*apiv1.RaiseInquiryResponse, error) {
	if callerOf(ctx).anonymous() {
		if r.SimulatedAt != "" && s.addressOf(ctx) != "" { // a stranger does not move the clock
			return nil, refuse(keyNeeded, "simulated_at")
		}
		if wait := s.asking.take(s.addressOf(ctx), s.config.Clock()); wait > 0 {
			return nil, refuse(tooOften, "", "minutes", strconv.Itoa(int((wait+time.Minute-1)/time.Minute)))
		}
	}
	receipt, err := s.give(ctx, r)
	return &apiv1.RaiseInquiryResponse{Receipt: receipt}, err
}

func (s governanceService) PublishInquiry(ctx context.Context, r *apiv1.PublishInquiryRequest) (*apiv1.PublishInquiryResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.PublishInquiryResponse{Receipt: receipt}, err
}

func (s governanceService) DeclineInquiry(ctx context.Context, r *apiv1.DeclineInquiryRequest) (*apiv1.DeclineInquiryResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.DeclineInquiryResponse{Receipt: receipt}, err
}

func (s governanceService) AnswerInquiry(ctx context.Context, r *apiv1.AnswerInquiryRequest) (*apiv1.AnswerInquiryResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.AnswerInquiryResponse{Receipt: receipt}, err
}

func (s disclosureService) ListInquiries(ctx context.Context, r *apiv1.ListInquiriesRequest) (*apiv1.ListInquiriesResponse, error) {
	p := new(reader)
	filter := projections.InquiryFilter{Voucher: p.voucherOrNone("voucher", r.Voucher), Open: r.Open, Number: r.Number}
	if p.err != nil {
		return nil, p.err
	}
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	day := s.dayOf(at, r)
	list, next := at.book.Inquiries(filter, day, after, pageLimit(r), at.moment)
	n := at.book.CountInquiries(day, at.moment)
	return &apiv1.ListInquiriesResponse{
		Inquiries: each(list, inquiryOf), NextPageToken: nextNumber(r, at, next), Version: at.version, Day: dayOrEmpty(int32(day)),
		Counts: &apiv1.InquiryCounts{Total: uint32(n.Total), Received: uint32(n.Received), Published: uint32(n.Published), Answered: uint32(n.Answered),
			Declined: uint32(n.Declined), Overdue: uint32(n.Overdue)},
	}, nil
}

// dayOf is the day by which clocks are read: as_of, else that of as_known_at, else today.
func (s *Server) dayOf(at reading, r readRequest) ledger.Day {
	known := r.GetAsKnownAt()
	switch day, err := ledger.ParseDay("", known); {
	case at.moment.AsOf != 0:
		return at.moment.AsOf
	case known == "":
		return s.today(at)
	case err == nil:
		return day
	}
	if t, err := time.Parse(time.RFC3339Nano, known); err == nil {
		return ledger.DayOf(t, at.facts.Zone)
	}
	return at.book.RecordedOn(at.version)
}

func inquiryOf(q projections.Inquiry) *apiv1.Inquiry {
	m := &apiv1.Inquiry{
		Number: q.Number, Kind: apiv1.InquiryKind(q.Kind), Voucher: ledger.RefOf(q.Voucher).String(), State: q.State,
		ReceivedOn: q.ReceivedOn.String(), DueOn: ledger.Day(q.DueOn).String(), Overdue: q.Overdue, DaysLeft: int32(q.DaysLeft),
		Wording: q.Published.GetWording(), Reworded: q.Published.GetReworded(), ReadOn: dayOrEmpty(int32(q.ReadOn)),
		DeclineReason: apiv1.DeclineReason(q.Declined.GetReason()), SameAs: q.Declined.GetSameAs(),
		Commitment: hex.EncodeToString(q.Commitment), RecordId: uuid.UUID(q.Record).String(), ReceivedAt: instant(q.ReceivedAt), Version: q.Version,
	}
	for _, a := range q.Answers {
		m.Answers = append(m.Answers, &apiv1.InquiryAnswer{Text: a.Text, Outcome: apiv1.InquiryOutcome(a.Outcome), CorrectedBy: ledger.RefOf(a.CorrectedBy).String(),
			AnsweredOn: a.On.String(), AnsweredAt: instant(a.At), Version: a.Version})
	}
	return m
}

// ReadInquiry writes into the server's log who looked at which inquiry, and not what was asked.
func (s auditService) ReadInquiry(ctx context.Context, r *apiv1.ReadInquiryRequest) (*apiv1.ReadInquiryResponse, error) {
	if s.config.People == nil {
		return nil, refuse(personalNotKept, "")
	}
	number := strconv.FormatUint(uint64(r.Inquiry), 10)
	kept, err := s.config.People.Inquiry(ctx, r.CollectiveId, r.Inquiry)
	switch {
	case errors.Is(err, people.ErrUnknown):
		return nil, refuse(ledger.InquiryUnknown, "inquiry", "inquiry", number)
	case errors.Is(err, people.ErrLost):
		return nil, refuse(inquiryLost, "inquiry", "inquiry", number)
	case err != nil:
		return nil, err
	case kept == nil:
		return nil, refuse(inquiryGone, "inquiry", "inquiry", number, "days", strconv.Itoa(int(people.InquiryKeptFor/(24*time.Hour))))
	}
	facts, err := s.config.Ledger.Facts(ctx, r.CollectiveId)
	if err != nil {
		return nil, err
	}
	book, err := s.config.Books.Book(ctx, r.CollectiveId, 0)
	if err != nil {
		return nil, err
	}
	list, _ := book.Inquiries(projections.InquiryFilter{Number: r.Inquiry}, s.today(reading{book: book, facts: facts}), 0, 1, projections.Moment{})
	if len(list) == 0 {
		return nil, refuse(ledger.InquiryUnknown, "inquiry", "inquiry", number)
	}
	s.config.Logger.LogAttrs(ctx, slog.LevelInfo, "the text of an inquiry was read", slog.String("operator", callerOf(ctx).operator.ID),
		slog.String("collective", r.CollectiveId), slog.String("inquiry", number))
	return &apiv1.ReadInquiryResponse{Inquiry: inquiryOf(list[0]), Text: kept.Text, AskedBy: list[0].AskedBy}, nil
}
