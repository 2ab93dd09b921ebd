package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about inquiries (质询): anybody asks about a voucher or for a matter to be disclosed (点题公开), a supervisor gives
// the question its public wording or declines it, who runs the books answers, and a clock runs from the day it was received.
//
// What was asked is not in the log: it is free text of a stranger. The log has a commitment to it, and package people keeps it apart.

const (
	// InquiryDays are the days for an answer, counted from the day of receipt: asked on the 1st, due on the 11th, overdue on the 12th.
	InquiryDays = 10
	// InquiriesWaitingMax bounds the inquiries of a collective that wait to be read, against a flood. Who holds a role is not bounded, so
	// that a resident can always ask through a supervisor.
	InquiriesWaitingMax = 50
	// InquiryTextMax is the most characters of what is asked.
	InquiryTextMax = 500

	wordingRunesMax = 200
	answerRunesMax  = 1000
)

// InquiryState is how far an inquiry has come.
type InquiryState uint8

// The states, in the order an inquiry goes through them; declined and answered are the last.
const (
	InquiryWaiting   InquiryState = iota // received, and not read for personal data yet
	InquiryPublished                     // worded for everybody, and not answered
	InquiryDeclined
	InquiryAnswered
)

// Inquiry is what the log says of an inquiry.
type Inquiry struct {
	Number     uint32
	State      InquiryState
	Record     uuid.UUID // of its text
	Commitment [32]byte
	Outcome    eventv1.InquiryOutcome
	read       int64 // recorded_at of the event that published or declined it, µs
}

// ReadAt is when it was published or declined, UTC; the zero time while it waits.
func (q Inquiry) ReadAt() time.Time {
	if q.read == 0 {
		return time.Time{}
	}
	return time.UnixMicro(q.read).UTC()
}

// inquiries is what the state keeps of them.
type inquiries struct {
	list    []*Inquiry // by number - 1
	waiting int
	records map[uuid.UUID]uint32 // number by record
}

// The commands about inquiries.
type (
	// RaiseInquiry asks; anybody may, with a key or without. Neither the commitment nor the record is part of the command's digest: both
	// are made anew whenever the command is sent.
	RaiseInquiry struct {
		Kind    eventv1.InquiryKind
		Voucher VoucherRef // only for a line
		// Wording publishes it at once; for a supervisor, who would be the one to read it.
		Wording    string `json:",omitempty"`
		Reworded   bool   `json:"-"` // whether the wording is not what was asked
		Commitment []byte `json:"-"`
		Record     []byte `json:"-"`
	}
	// PublishInquiry gives an inquiry its public wording. Whether that is the asker's own is found out, and no part of the digest.
	PublishInquiry struct {
		Number   uint32
		Wording  string
		Reworded bool `json:"-"`
	}
	// DeclineInquiry ends an inquiry that is not published. SameAs names the one that asked the same before; only for a repeated one.
	DeclineInquiry struct {
		Number uint32
		Reason eventv1.DeclineReason
		SameAs uint32 `json:",omitempty"`
	}
	// AnswerInquiry answers a published inquiry. CorrectedBy is the voucher that put it right; only for a corrected one.
	AnswerInquiry struct {
		Number      uint32
		Text        string
		Outcome     eventv1.InquiryOutcome
		CorrectedBy VoucherRef
	}
)

func (*RaiseInquiry) Name() string   { return "RaiseInquiry" }
func (*PublishInquiry) Name() string { return "PublishInquiry" }
func (*DeclineInquiry) Name() string { return "DeclineInquiry" }
func (*AnswerInquiry) Name() string  { return "AnswerInquiry" }

// Anonymous says whether an event may have no actor: that somebody asked.
func Anonymous(e *eventv1.Event) bool { return e.GetInquiryReceived() != nil }

// Inquiries lists the inquiries of the collective by number.
func (s *Collective) Inquiries() []Inquiry {
	list := make([]Inquiry, len(s.inquiries.list))
	for i, q := range s.inquiries.list {
		list[i] = *q
	}
	return list
}

// Inquiry finds an inquiry by its number.
func (s *Collective) Inquiry(number uint32) (Inquiry, bool) {
	q := s.inquiries.of(number)
	if q == nil {
		return Inquiry{}, false
	}
	return *q, true
}

// InquiryOf finds an inquiry by the record of its text.
func (s *Collective) InquiryOf(record uuid.UUID) (Inquiry, bool) {
	return s.Inquiry(s.inquiries.records[record])
}

func (s *Collective) evolveInquiry(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_InquiryReceived:
		q := &Inquiry{Number: f.InquiryReceived.Number, Record: uuid.UUID(f.InquiryReceived.Record), Commitment: [32]byte(f.InquiryReceived.Commitment)}
		s.inquiries.list = append(s.inquiries.list, q)
		s.inquiries.records[q.Record] = q.Number
		s.inquiries.waiting++
	case *eventv1.Event_InquiryPublished:
		s.inquiries.read(f.InquiryPublished.Number, InquiryPublished, e)
	case *eventv1.Event_InquiryDeclined:
		s.inquiries.read(f.InquiryDeclined.Number, InquiryDeclined, e)
	case *eventv1.Event_InquiryAnswered:
		if q := s.inquiries.of(f.InquiryAnswered.Number); q != nil {
			q.State, q.Outcome = InquiryAnswered, f.InquiryAnswered.Outcome
		}
	}
}

func (all *inquiries) of(number uint32) *Inquiry {
	if number == 0 || int(number) > len(all.list) {
		return nil
	}
	return all.list[number-1]
}

func (all *inquiries) read(number uint32, state InquiryState, e *eventv1.Event) {
	if q := all.of(number); q != nil {
		q.State, q.read = state, e.RecordedAt
		all.waiting--
	}
}

// An inquiry, in order: what is asked for; the voucher, which exists; the flood; a wording, if it has one, which takes a supervisor.
func (c *RaiseInquiry) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := d.askable(c.Kind, c.Voucher); err != nil {
		return err
	}
	if n := d.s.inquiries.waiting; n >= InquiriesWaitingMax && len(d.s.roles[d.m.Actor]) == 0 {
		return refuse(InquiriesWaiting).with("waiting", n).with("max", InquiriesWaitingMax)
	}
	if c.Wording != "" {
		if !MayGive("PublishInquiry", d.s.roles[d.m.Actor]) {
			return refuse(RoleMissing).with("operator", d.m.Actor).with("roles", roleNames(Matrix["PublishInquiry"])).at("wording")
		}
		if err := checkWording("wording", c.Wording, wordingRunesMax); err != nil {
			return err
		}
	}
	if len(c.Record) != 16 || uuid.UUID(c.Record) == uuid.Nil || len(c.Commitment) != 32 {
		return refuse(FieldInvalid).because("a record has an id of 16 bytes and a commitment of 32", "记录应有 16 字节的编号和 32 字节的承诺").at("record")
	}
	if d.s.inquiries.records[uuid.UUID(c.Record)] != 0 {
		return refuse(AlreadyExists).with("id", uuid.UUID(c.Record)).at("record")
	}
	number := uint32(len(d.s.inquiries.list)) + 1
	d.emit(&eventv1.Event{Fact: &eventv1.Event_InquiryReceived{InquiryReceived: &eventv1.InquiryReceived{
		Number: number, Kind: c.Kind, Voucher: c.Voucher.stored(), Commitment: c.Commitment, Record: c.Record, DueOn: int32(d.today.Add(InquiryDays))}}})
	if c.Wording != "" {
		d.emit(&eventv1.Event{Fact: &eventv1.Event_InquiryPublished{InquiryPublished: &eventv1.InquiryPublished{
			Number: number, Wording: c.Wording, Reworded: c.Reworded}}})
	}
	return nil
}

// askable holds that a line is a voucher that exists, and that a topic has none.
func (d *decision) askable(kind eventv1.InquiryKind, voucher VoucherRef) error {
	switch kind {
	case eventv1.InquiryKind_INQUIRY_KIND_LINE:
		if _, ok := d.s.locate(voucher); !ok {
			return refuse(VoucherUnknown).with("voucher", voucher).at("voucher")
		}
	case eventv1.InquiryKind_INQUIRY_KIND_TOPIC:
		if voucher != (VoucherRef{}) {
			return refuse(FieldInvalid).because("only a question about a line names a voucher", "只有就一笔收支提问才填凭证号").at("voucher")
		}
	default:
		return refuse(FieldInvalid).because("there is no such kind of inquiry", "没有这种质询").at("kind")
	}
	return nil
}

// stored is the stored form of a voucher that may be left out.
func (r VoucherRef) stored() *eventv1.VoucherRef {
	if r == (VoucherRef{}) {
		return nil
	}
	return r.Proto()
}

// checkWording admits public text that says something.
func checkWording(field, text string, runes int) error {
	if text == "" {
		return refuse(FieldInvalid).because("it is empty", "不能为空").at(field)
	}
	return checkText(field, text, runes)
}

// inquiryIn finds an inquiry, which has to be in one of the states.
func (d *decision) inquiryIn(number uint32, states ...InquiryState) (Inquiry, error) {
	if err := d.founded(); err != nil {
		return Inquiry{}, err
	}
	q, ok := d.s.Inquiry(number)
	switch {
	case !ok:
		return q, refuse(InquiryUnknown).with("inquiry", number).at("inquiry")
	case slices.Contains(states, q.State):
		return q, nil
	case q.State == InquiryWaiting:
		return q, refuse(InquiryUnread).with("inquiry", number).at("inquiry")
	}
	return q, refuse(AlreadyDone).with("subject", subject("inquiry", number)).at("inquiry")
}

// An inquiry is worded once, while it waits.
func (c *PublishInquiry) decide(d *decision) error {
	if _, err := d.inquiryIn(c.Number, InquiryWaiting); err != nil {
		return err
	}
	if err := checkWording("wording", c.Wording, wordingRunesMax); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_InquiryPublished{InquiryPublished: &eventv1.InquiryPublished{
		Number: c.Number, Wording: c.Wording, Reworded: c.Reworded}}})
	return nil
}

// An inquiry is declined while it waits, for a reason. One that repeats another names it: an earlier one that everybody can read.
func (c *DeclineInquiry) decide(d *decision) error {
	if _, err := d.inquiryIn(c.Number, InquiryWaiting); err != nil {
		return err
	}
	_, known := eventv1.DeclineReason_name[int32(c.Reason)]
	repeated := c.Reason == eventv1.DeclineReason_DECLINE_REASON_REPEATED
	switch {
	case !known || c.Reason == 0:
		return refuse(FieldInvalid).because("there is no such reason", "没有这种理由").at("reason")
	case repeated != (c.SameAs != 0):
		return refuse(FieldInvalid).because("a repeated inquiry, and no other, names the one before it", "重复提问才填、也必须填先前那件的编号").at("same_as")
	}
	if repeated {
		before, ok := d.s.Inquiry(c.SameAs)
		if !ok || c.SameAs >= c.Number {
			return refuse(InquiryUnknown).with("inquiry", c.SameAs).at("same_as")
		}
		if before.State != InquiryPublished && before.State != InquiryAnswered {
			return refuse(FieldInvalid).because("that inquiry cannot be read by everybody", "先前那件没有公开,大家看不到").at("same_as")
		}
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_InquiryDeclined{InquiryDeclined: &eventv1.InquiryDeclined{Number: c.Number, Reason: c.Reason, SameAs: c.SameAs}}})
	return nil
}

// An inquiry is answered when everybody can read it, once; after the promise of a correction a second time, when that was made. Corrected
// names the voucher that put it right, which is in the books.
func (c *AnswerInquiry) decide(d *decision) error {
	q, err := d.inquiryIn(c.Number, InquiryPublished, InquiryAnswered)
	if err != nil {
		return err
	}
	if q.State == InquiryAnswered && q.Outcome != eventv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT {
		return refuse(AlreadyDone).with("subject", subject("inquiry", c.Number)).at("inquiry")
	}
	_, known := eventv1.InquiryOutcome_name[int32(c.Outcome)]
	corrected := c.Outcome == eventv1.InquiryOutcome_INQUIRY_OUTCOME_CORRECTED
	switch {
	case !known || c.Outcome == 0:
		return refuse(FieldInvalid).because("there is no such outcome", "没有这种结果").at("outcome")
	case corrected != (c.CorrectedBy != VoucherRef{}):
		return refuse(FieldInvalid).because("a corrected inquiry, and no other, names the voucher that put it right", "已更正才填、也必须填更正的凭证号").at("corrected_by")
	}
	if _, ok := d.s.locate(c.CorrectedBy); corrected && !ok {
		return refuse(VoucherUnknown).with("voucher", c.CorrectedBy).at("corrected_by")
	}
	if err := checkWording("text", c.Text, answerRunesMax); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_InquiryAnswered{InquiryAnswered: &eventv1.InquiryAnswered{
		Number: c.Number, Text: c.Text, Outcome: c.Outcome, CorrectedBy: c.CorrectedBy.stored()}}})
	return nil
}

// examineInquiry holds that inquiries are numbered, about what there is, due when they have to be, worded or declined once, and answered
// after they were worded. Texts are not judged again.
func (d *decision) examineInquiry(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_InquiryReceived:
		c := f.InquiryReceived
		switch number := len(d.s.inquiries.list) + 1; {
		case int64(c.Number) != int64(number):
			return fmt.Sprintf("inquiry %d comes where %d is due", c.Number, number)
		case Day(c.DueOn) != d.today.Add(InquiryDays):
			return fmt.Sprintf("inquiry %d is due on %v and not on %v", c.Number, Day(c.DueOn), d.today.Add(InquiryDays))
		case len(c.Record) != 16 || len(c.Commitment) != 32:
			return fmt.Sprintf("inquiry %d has no commitment", c.Number)
		case d.s.inquiries.records[uuid.UUID(c.Record)] != 0:
			return fmt.Sprintf("inquiry %d has the text of another", c.Number)
		}
		return reasonOf(d.askable(c.Kind, RefOf(c.Voucher)))
	case *eventv1.Event_InquiryPublished:
		_, err := d.inquiryIn(f.InquiryPublished.Number, InquiryWaiting)
		return reasonOf(err)
	case *eventv1.Event_InquiryDeclined:
		c := f.InquiryDeclined
		return reasonOf((&DeclineInquiry{Number: c.Number, Reason: c.Reason, SameAs: c.SameAs}).decide(d))
	case *eventv1.Event_InquiryAnswered:
		c := f.InquiryAnswered
		return reasonOf((&AnswerInquiry{Number: c.Number, Text: "x", Outcome: c.Outcome, CorrectedBy: RefOf(c.CorrectedBy)}).decide(d))
	}
	return ""
}
