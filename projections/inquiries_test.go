package projections_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// roof is the voucher of row 10 of the demonstration, paid on 2022-03-10.
var roof = lt.Ref("付2022-11")

// inquired are the demonstration's books with five inquiries: about the roof, answered late and after a promise; a topic, declined as
// repeated; about the roof, published; about the roof, received; and a topic that a supervisor published at once.
func inquired(t *testing.T) *lt.Books {
	b := lt.Demo(t, "2022-03-10")
	ask := func(day, by string, n byte, voucher ledger.VoucherRef, wording string) {
		c := &ledger.RaiseInquiry{Kind: eventv1.InquiryKind_INQUIRY_KIND_LINE, Voucher: voucher, Record: bytes.Repeat([]byte{n}, 16), Commitment: bytes.Repeat([]byte{n}, 32), Wording: wording}
		if voucher == (ledger.VoucherRef{}) {
			c.Kind = eventv1.InquiryKind_INQUIRY_KIND_TOPIC
		}
		b.Do(day, by, c)
	}
	ask("2022-03-12", "", 1, roof, "")
	ask("2022-03-12", "", 2, ledger.VoucherRef{}, "")
	b.Do("2022-03-14", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "屋顶为什么修了两次?", Reworded: true})
	b.Do("2022-03-15", lt.Supervisor, &ledger.DeclineInquiry{Number: 2, Reason: eventv1.DeclineReason_DECLINE_REASON_REPEATED, SameAs: 1})
	b.Do("2022-03-24", lt.Treasurer, &ledger.AnswerInquiry{Number: 1, Text: "记错了,会更正。", Outcome: eventv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT})
	ask("2022-03-25", lt.Treasurer, 3, roof, "")
	b.Do("2022-03-25", lt.Supervisor, &ledger.PublishInquiry{Number: 3, Wording: "谁验收的?"})
	ask("2022-03-26", "", 4, roof, "")
	b.Do("2022-03-27", lt.Treasurer, &ledger.AnswerInquiry{Number: 1, Text: "已更正。", Outcome: eventv1.InquiryOutcome_INQUIRY_OUTCOME_CORRECTED, CorrectedBy: lt.Ref("收2021-1")})
	ask("2022-03-28", lt.Supervisor, 5, ledger.VoucherRef{}, "请公开租约")
	return b
}

// states writes the inquiries of a list: number, state, days left, ! when overdue, answers.
func states(list []projections.Inquiry) string {
	var s string
	for _, q := range list {
		s += fmt.Sprintf("%d %s %d", q.Number, q.State, q.DaysLeft)
		if q.Overdue {
			s += "!"
		}
		if len(q.Answers) > 0 {
			s += fmt.Sprintf(" %d", len(q.Answers))
		}
		s += "; "
	}
	return s
}

// TestInquiryClock (M22): a question on row 10 that is unanswered on day 11 shows overdue; the answer appears next to the line.
func TestInquiryClock(t *testing.T) {
	events := inquired(t).Events
	first := slices.IndexFunc(events, func(e *eventv1.Event) bool { return e.GetInquiryAnswered() != nil })
	book := foldPeople(t, events[:first])
	about := projections.InquiryFilter{Voucher: roof}
	for day, want := range map[ledger.Day]string{
		20220312: "1 published 10; ", 20220321: "1 published 1; ", 20220322: "1 published 0; ", 20220323: "1 published -1!; ", 20220402: "1 published -11!; ",
	} {
		if list, _ := book.Inquiries(about, day, 0, 10, projections.Moment{}); states(list) != want {
			t.Errorf("on %v: %s, want %s", day, states(list), want)
		}
	}
	if v, ok := book.Voucher(roof, projections.Moment{}); !ok || !slices.Equal(v.Inquiries, []uint32{1}) {
		t.Errorf("the line has the inquiries %v", v.Inquiries)
	}
	if err := book.Fold(events[first]); err != nil {
		t.Fatal(err)
	}
	list, _ := book.Inquiries(about, 20220324, 0, 10, projections.Moment{})
	if states(list) != "1 answered 0 1; " || list[0].Answers[0].Text != "记错了,会更正。" || list[0].Answers[0].On != 20220324 || list[0].Published.Wording != "屋顶为什么修了两次?" {
		t.Errorf("next to the line stands %s %+v", states(list), list)
	}
}

// TestInquiriesAtAMoment: by filter and page, as of a day, as known at a version, with counts.
func TestInquiriesAtAMoment(t *testing.T) {
	b := inquired(t)
	book := foldPeople(t, b.Events)
	for name, c := range map[string]struct {
		f     projections.InquiryFilter
		day   ledger.Day
		m     projections.Moment
		limit int
		want  string
	}{
		"all":              {day: 20220406, want: "1 answered 0 2; 2 declined 0; 3 published -2!; 4 received -1!; 5 published 1; "},
		"open":             {f: projections.InquiryFilter{Open: true}, day: 20220329, want: "3 published 6; 4 received 7; 5 published 9; "},
		"of the roof":      {f: projections.InquiryFilter{Voucher: roof}, day: 20220329, want: "1 answered 0 2; 3 published 6; 4 received 7; "},
		"of another":       {f: projections.InquiryFilter{Voucher: lt.Ref("收2021-1")}, day: 20220329},
		"one":              {f: projections.InquiryFilter{Number: 4}, day: 20220329, want: "4 received 7; "},
		"as of a day":      {day: 20220314, m: projections.Moment{AsOf: 20220314}, want: "1 published 8; 2 received 8; "},
		"before the first": {day: 20220311, m: projections.Moment{AsOf: 20220311}},
		"as known":         {day: 20220325, m: projections.Moment{AsKnownAt: book.Version() - 4}, want: "1 answered 0 1; 2 declined 0; 3 published 10; "},
		"as known nothing": {day: 20220325, m: projections.Moment{AsKnownAt: projections.NothingKnown}},
		"a page":           {day: 20220329, limit: 1, want: "1 answered 0 2; "},
	} {
		list, _ := book.Inquiries(c.f, c.day, 0, c.limit, c.m)
		if states(list) != c.want {
			t.Errorf("%s: %s, want %s", name, states(list), c.want)
		}
	}
	if n, want := book.CountInquiries(20220406, projections.Moment{}), (projections.InquiryCounts{Total: 5, Received: 1, Published: 2, Answered: 1, Declined: 1, Overdue: 2}); n != want {
		t.Errorf("counted %+v, want %+v", n, want)
	}
	list, next := book.Inquiries(projections.InquiryFilter{}, 20220329, 3, 1, projections.Moment{})
	if states(list) != "4 received 7; " || next != 4 || list[0].AskedBy != "" || list[0].Version == 0 || list[0].ReceivedOn != 20220326 {
		t.Errorf("the fourth page is %+v, next %d", list, next)
	}
	vouchers, _ := book.Vouchers(projections.VoucherFilter{From: 20220310, To: 20220310}, projections.Cursor{}, 10, projections.Moment{})
	if len(vouchers) != 1 || !slices.Equal(vouchers[0].Inquiries, []uint32{1, 3, 4}) {
		t.Errorf("in a list of its day the line has %v", vouchers[0].Inquiries)
	}
	if v, _ := book.Voucher(roof, projections.Moment{AsKnownAt: book.Version() - 4}); !slices.Equal(v.Inquiries, []uint32{1, 3}) {
		t.Errorf("as known then the line has %v", v.Inquiries)
	}
	changes, count := book.RegisterChanges(projections.Moment{AsKnownAt: book.Version() - 4}, projections.Moment{}, 10)
	if count != 2 || changes[0].Register != projections.RegisterInquiry || changes[0].ID != "4" || changes[0].NewState != "received" || changes[1].NewState != "published" {
		t.Errorf("changed are %+v", changes)
	}
}

// TestInquiryDigest: the digest sees every part of what is kept of inquiries.
func TestInquiryDigest(t *testing.T) {
	b := inquired(t)
	whole := foldPeople(t, b.Events).Digest()
	seen := 0
	for i, e := range b.Events {
		changed := proto.CloneOf(e)
		switch f := changed.Fact.(type) {
		case *eventv1.Event_InquiryReceived:
			f.InquiryReceived.Commitment[0] ^= 1
		case *eventv1.Event_InquiryPublished:
			f.InquiryPublished.Reworded = !f.InquiryPublished.Reworded
		case *eventv1.Event_InquiryDeclined:
			f.InquiryDeclined.Reason = eventv1.DeclineReason_DECLINE_REASON_ABUSIVE
		case *eventv1.Event_InquiryAnswered:
			f.InquiryAnswered.Text += "!"
		default:
			continue
		}
		seen++
		events := slices.Clone(b.Events)
		events[i] = changed
		if foldPeople(t, events).Digest() == whole {
			t.Errorf("the digest does not see %s at version %d", ledger.TypeName(e), e.Version)
		}
	}
	if seen != 11 {
		t.Errorf("%d facts were changed, want 11", seen)
	}
}

// TestForgedInquiries: what cannot follow the events before it is damage.
func TestForgedInquiries(t *testing.T) {
	b := inquired(t)
	last := b.Events[len(b.Events)-1]
	next := func(actor string, e *eventv1.Event) *eventv1.Event {
		e.Version, e.RecordedAt, e.Actor, e.CommandId, e.CommandDigest = last.Version+1, last.RecordedAt, actor, last.CommandId, last.CommandDigest
		return e
	}
	received := func(change func(*eventv1.InquiryReceived)) *eventv1.Event {
		f := &eventv1.InquiryReceived{Number: 6, Kind: eventv1.InquiryKind_INQUIRY_KIND_LINE, Voucher: roof.Proto(), Commitment: make([]byte, 32), Record: make([]byte, 16), DueOn: 20220407}
		change(f)
		return next("", &eventv1.Event{Fact: &eventv1.Event_InquiryReceived{InquiryReceived: f}})
	}
	published := func(n uint32) *eventv1.Event {
		return &eventv1.Event{Fact: &eventv1.Event_InquiryPublished{InquiryPublished: &eventv1.InquiryPublished{Number: n, Wording: "?"}}}
	}
	answered := func(n uint32) *eventv1.Event {
		return &eventv1.Event{Fact: &eventv1.Event_InquiryAnswered{InquiryAnswered: &eventv1.InquiryAnswered{Number: n, Text: "!", Outcome: 1}}}
	}
	for what, e := range map[string]*eventv1.Event{
		"number left out":     received(func(f *eventv1.InquiryReceived) { f.Number = 7 }),
		"unknown voucher":     received(func(f *eventv1.InquiryReceived) { f.Voucher.Number = 900 }),
		"no voucher":          received(func(f *eventv1.InquiryReceived) { f.Voucher = nil }),
		"topic of a voucher":  received(func(f *eventv1.InquiryReceived) { f.Kind = eventv1.InquiryKind_INQUIRY_KIND_TOPIC }),
		"no commitment":       received(func(f *eventv1.InquiryReceived) { f.Commitment = nil }),
		"no record":           received(func(f *eventv1.InquiryReceived) { f.Record = f.Record[:15] }),
		"published by nobody": next("", published(4)),
		"published twice":     next(lt.Supervisor, published(3)),
		"published unknown":   next(lt.Supervisor, published(6)),
		"published none":      next(lt.Supervisor, published(0)),
		"declined twice":      next(lt.Supervisor, &eventv1.Event{Fact: &eventv1.Event_InquiryDeclined{InquiryDeclined: &eventv1.InquiryDeclined{Number: 2, Reason: 2}}}),
		"answered unread":     next(lt.Approver, answered(4)),
		"answered declined":   next(lt.Approver, answered(2)),
	} {
		book := foldPeople(t, b.Events)
		digest := book.Digest()
		var damage *eventstore.CorruptError
		if err := book.Fold(e); !errors.As(err, &damage) || book.Digest() != digest {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := foldPeople(t, b.Events).Fold(received(func(*eventv1.InquiryReceived) {})); err != nil {
		t.Error(err)
	}
}
