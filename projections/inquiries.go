package projections

import (
	"fmt"
	"strings"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file has the inquiries: what was asked for, when its clock runs out, and what came of it. What was asked is nowhere in the books.

// States of an inquiry.
const (
	InquiryReceived  = "received"
	InquiryPublished = "published"
	InquiryDeclined  = "declined"
	InquiryAnswered  = "answered"
)

// inquiry is an inquiry and what became of it: published or declined, then answers.
type inquiry struct {
	fact      *eventv1.InquiryReceived
	received  mark
	published *eventv1.InquiryPublished
	declined  *eventv1.InquiryDeclined
	read      mark // of either
	answers   []inquiryAnswer
}

type inquiryAnswer struct {
	fact *eventv1.InquiryAnswered
	mark mark
}

// inquiries are all of a collective, and those about each voucher.
type inquiries struct {
	list      []*inquiry         // by number - 1
	byVoucher map[int32][]uint32 // numbers by row from 1
}

func (b *Book) foldInquiry(e *eventv1.Event, at mark) {
	all := &b.inquiries
	switch f := e.Fact.(type) {
	case *eventv1.Event_InquiryReceived:
		all.list = append(all.list, &inquiry{fact: f.InquiryReceived, received: at})
		if row := b.journal.find(ledger.RefOf(f.InquiryReceived.Voucher)); row != 0 {
			if all.byVoucher == nil {
				all.byVoucher = map[int32][]uint32{}
			}
			all.byVoucher[row] = append(all.byVoucher[row], f.InquiryReceived.Number)
		}
	case *eventv1.Event_InquiryPublished:
		q := all.list[f.InquiryPublished.Number-1]
		q.published, q.read = f.InquiryPublished, at
	case *eventv1.Event_InquiryDeclined:
		q := all.list[f.InquiryDeclined.Number-1]
		q.declined, q.read = f.InquiryDeclined, at
	case *eventv1.Event_InquiryAnswered:
		q := all.list[f.InquiryAnswered.Number-1]
		q.answers = append(q.answers, inquiryAnswer{f.InquiryAnswered, at})
	}
}

// checkInquiry says why an event about an inquiry cannot follow the events before it; empty when it can.
func (b *Book) checkInquiry(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_InquiryReceived:
		c := f.InquiryReceived
		line := c.Kind == eventv1.InquiryKind_INQUIRY_KIND_LINE
		switch {
		case int(c.Number) != len(b.inquiries.list)+1:
			return "it leaves a number of an inquiry out"
		case len(c.Record) != 16 || len(c.Commitment) != 32:
			return "it receives an inquiry without a record or a commitment"
		case line != (c.Voucher != nil) || line && b.journal.find(ledger.RefOf(c.Voucher)) == 0:
			return "it receives an inquiry about an unknown voucher"
		}
	case *eventv1.Event_InquiryPublished:
		return b.checkAsked(f.InquiryPublished.Number, InquiryReceived)
	case *eventv1.Event_InquiryDeclined:
		return b.checkAsked(f.InquiryDeclined.Number, InquiryReceived)
	case *eventv1.Event_InquiryAnswered:
		return b.checkAsked(f.InquiryAnswered.Number, InquiryPublished, InquiryAnswered)
	}
	return ""
}

func (b *Book) checkAsked(number uint32, states ...string) string {
	if number == 0 || int(number) > len(b.inquiries.list) {
		return "it is about an unknown inquiry"
	}
	state := b.inquiries.list[number-1].state(b.view(Moment{}))
	for _, s := range states {
		if s == state {
			return ""
		}
	}
	return fmt.Sprintf("it is about inquiry %d, which is %s and not %s", number, state, strings.Join(states, " or "))
}

func (q *inquiry) state(w view) string {
	switch {
	case len(q.answers) > 0 && w.counts(q.answers[0].mark):
		return InquiryAnswered
	case !w.counts(q.read):
		return InquiryReceived
	case q.declined != nil:
		return InquiryDeclined
	}
	return InquiryPublished
}

// Inquiry (质询) is an inquiry as it stood.
type Inquiry struct {
	*eventv1.InquiryReceived // must not be changed
	State                    string
	Overdue                  bool
	DaysLeft                 int // to its last day while it is open, below 0 past it; 0 when it is not open
	Version                  uint64
	ReceivedOn               ledger.Day
	ReceivedAt               time.Time
	AskedBy                  string                    // operator; empty for somebody without a key
	Published                *eventv1.InquiryPublished // nil until it is
	Declined                 *eventv1.InquiryDeclined  // nil unless it is
	ReadOn                   ledger.Day                // of either; 0 until then
	Answers                  []InquiryAnswer           // the last one counts
}

// InquiryAnswer (答复) is an answer to an inquiry.
type InquiryAnswer struct {
	*eventv1.InquiryAnswered // must not be changed
	On                       ledger.Day
	At                       time.Time
	Version                  uint64
}

// InquiryFilter says which inquiries a list has. The zero one has all.
type InquiryFilter struct {
	Voucher ledger.VoucherRef // only those about it
	Open    bool              // only those that are neither answered nor declined
	Number  uint32            // only this one
}

// InquiryCounts are how many there are, in each state; Overdue ones are received or published.
type InquiryCounts struct{ Total, Received, Published, Answered, Declined, Overdue int }

// Inquiries lists inquiries by number: at most limit of those after the first `after`. Next is where to go on, 0 at the end. Which are
// overdue is said as of a day, for no clock runs in the books.
func (b *Book) Inquiries(f InquiryFilter, day ledger.Day, after, limit int, m Moment) ([]Inquiry, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.inquiries.list, after, limit, func(q *inquiry) (show Inquiry, ok bool) {
		if !w.counts(q.received) || f.Number != 0 && q.fact.Number != f.Number || f.Voucher != (ledger.VoucherRef{}) && ledger.RefOf(q.fact.Voucher) != f.Voucher {
			return show, false
		}
		show = b.showInquiry(q, day, w)
		return show, !f.Open || show.open()
	})
}

// CountInquiries counts the inquiries that had been received by the moment.
func (b *Book) CountInquiries(day ledger.Day, m Moment) (n InquiryCounts) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	for _, q := range b.inquiries.list {
		if !w.counts(q.received) {
			continue
		}
		n.Total++
		state := q.state(w)
		switch state {
		case InquiryReceived:
			n.Received++
		case InquiryPublished:
			n.Published++
		case InquiryAnswered:
			n.Answered++
		case InquiryDeclined:
			n.Declined++
		}
		if (state == InquiryReceived || state == InquiryPublished) && day > ledger.Day(q.fact.DueOn) {
			n.Overdue++
		}
	}
	return n
}

// open says whether its clock is running.
func (q *Inquiry) open() bool { return q.State == InquiryReceived || q.State == InquiryPublished }

func (b *Book) showInquiry(q *inquiry, day ledger.Day, w view) Inquiry {
	show := Inquiry{InquiryReceived: q.fact, State: q.state(w), Version: q.received.version, ReceivedOn: q.received.day}
	show.AskedBy, show.ReceivedAt = b.done(q.received.version)
	if due := ledger.Day(q.fact.DueOn); show.open() {
		show.Overdue, show.DaysLeft = day > due, day.DaysTo(due)
	}
	if w.counts(q.read) {
		show.Published, show.Declined, show.ReadOn = q.published, q.declined, q.read.day
	}
	for _, a := range q.answers {
		if w.counts(a.mark) {
			show.Answers = append(show.Answers, InquiryAnswer{a.fact, a.mark.day, instant(*b.recorded.at(int(a.mark.version - 1))), a.mark.version})
		}
	}
	return show
}

// questions are the numbers of the inquiries about a voucher, by its row from 1: all that are known, also those of later days than the
// view's, for a line of last month is questioned this month.
func (b *Book) questions(row int32, w view) (numbers []uint32) {
	for _, n := range b.inquiries.byVoucher[row] {
		if b.inquiries.list[n-1].received.version <= w.version {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func (d *digester) inquiries(list []inquiry) {
	for _, q := range list {
		d.message(q.fact)
		d.mark(q.received)
		if q.published != nil {
			d.message(q.published)
		}
		if q.declined != nil {
			d.message(q.declined)
		}
		d.mark(q.read)
		d.number(uint64(len(q.answers)))
		for _, a := range q.answers {
			d.message(a.fact)
			d.mark(a.mark)
		}
	}
}
