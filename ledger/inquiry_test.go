package ledger_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

const (
	line        = eventv1.InquiryKind_INQUIRY_KIND_LINE
	topic       = eventv1.InquiryKind_INQUIRY_KIND_TOPIC
	abusive     = eventv1.DeclineReason_DECLINE_REASON_ABUSIVE
	repeated    = eventv1.DeclineReason_DECLINE_REASON_REPEATED
	explained   = eventv1.InquiryOutcome_INQUIRY_OUTCOME_EXPLAINED
	corrected   = eventv1.InquiryOutcome_INQUIRY_OUTCOME_CORRECTED
	willCorrect = eventv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT
)

// question asks about a voucher, or for a topic when there is none; n makes its record.
func question(n int, voucher ledger.VoucherRef) *ledger.RaiseInquiry {
	c := &ledger.RaiseInquiry{Kind: line, Voucher: voucher, Record: recordID(byte(n + 100)), Commitment: lt.Minutes("question")}
	if voucher == (ledger.VoucherRef{}) {
		c.Kind = topic
	}
	return c
}

// roof is the voucher of row 10 of the demonstration.
var roof = lt.Ref("付2022-11")

// roofed is the demonstration up to row 10.
func roofed(t *testing.T) *lt.Books {
	b := lt.Demo(t, "2022-03-10")
	vouchers := b.Vouchers()
	if last := vouchers[len(vouchers)-1]; ledger.RefOf(last.Ref) != roof || ledger.Amount(last) != lt.Yuan("12,000.00") {
		t.Fatalf("row 10 is %v", last)
	}
	return b
}

// inquiryFacts adds the facts about inquiries to the frozen ones.
func inquiryFacts(b *lt.Books) {
	const day = "2020-05-13"
	b.Do(day, "", question(1, lt.Ref("付2020-1")))
	b.Do(day, lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "水管为什么修了两次?", Reworded: true})
	b.Do(day, lt.Approver, &ledger.AnswerInquiry{Number: 1, Text: "第一次只修了一段。", Outcome: corrected, CorrectedBy: lt.Ref("收2020-2")})
	b.Do(day, "", question(2, ledger.VoucherRef{}))
	b.Do(day, lt.Supervisor, &ledger.DeclineInquiry{Number: 2, Reason: repeated, SameAs: 1})
}

// TestInquiry (M22): anybody asks, the clock runs from the day it was received, a supervisor words it, who runs the books answers.
func TestInquiry(t *testing.T) {
	b := roofed(t)
	events := b.Do("2022-03-12", "", question(1, roof))
	f := events[0].GetInquiryReceived()
	if len(events) != 1 || events[0].Actor != "" || f.Number != 1 || f.DueOn != 20220322 || ledger.RefOf(f.Voucher) != roof {
		t.Errorf("received is %v", events)
	}
	if f := b.Do("2022-03-12", lt.Treasurer, question(2, ledger.VoucherRef{}))[0].GetInquiryReceived(); f.Number != 2 || f.Voucher != nil || f.Kind != topic {
		t.Errorf("a topic is %v", f)
	}
	answer := &ledger.AnswerInquiry{Number: 1, Text: "按合同分两期付款。", Outcome: explained}
	b.Refuse("2022-03-13", lt.Approver, answer, ledger.InquiryUnread, "inquiry=1")
	if q, _ := b.State.Inquiry(1); q.State != ledger.InquiryWaiting || !q.ReadAt().IsZero() {
		t.Errorf("it waits as %v", q)
	}
	b.Do("2022-03-13", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "屋顶为什么修了两次?", Reworded: true})
	if q, _ := b.State.InquiryOf(uuid.UUID(f.Record)); q.State != ledger.InquiryPublished || !q.ReadAt().Equal(lt.Noon("2022-03-13")) {
		t.Errorf("published is %v", q)
	}
	b.Refuse("2022-03-14", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "再来"}, ledger.AlreadyDone)
	b.Refuse("2022-03-14", lt.Supervisor, &ledger.DeclineInquiry{Number: 1, Reason: abusive}, ledger.AlreadyDone)
	b.Do("2022-03-25", lt.Approver, answer) // late, and answered all the same
	b.Refuse("2022-03-25", lt.Treasurer, answer, ledger.AlreadyDone)
	b.Do("2022-03-25", lt.Supervisor, &ledger.DeclineInquiry{Number: 2, Reason: abusive})
	b.Refuse("2022-03-25", lt.Treasurer, &ledger.AnswerInquiry{Number: 2, Text: "见公示", Outcome: explained}, ledger.AlreadyDone)
	if version, reason := audited(t, b.Events); version != 0 {
		t.Errorf("the audit stops at %d: %s", version, reason)
	}
}

// TestInquiryRules changes one thing of a good command at a time.
func TestInquiryRules(t *testing.T) {
	b := roofed(t)
	b.Do("2022-03-12", "", question(1, roof))
	b.Do("2022-03-12", "", question(2, roof))
	b.Do("2022-03-12", "", question(3, roof))
	b.Do("2022-03-12", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "屋顶为什么修了两次?"})
	b.Do("2022-03-12", lt.Supervisor, &ledger.DeclineInquiry{Number: 2, Reason: abusive})
	long := strings.Repeat("字", 201)
	raise := func(change func(*ledger.RaiseInquiry)) ledger.Command {
		c := question(9, roof)
		change(c)
		return c
	}
	answer := func(change func(*ledger.AnswerInquiry)) ledger.Command {
		c := &ledger.AnswerInquiry{Number: 1, Text: "好", Outcome: explained}
		change(c)
		return c
	}
	for name, c := range map[string]struct {
		by      string
		command ledger.Command
		reason  ledger.Reason
		field   string
	}{
		"no kind":                   {"", raise(func(c *ledger.RaiseInquiry) { c.Kind = 0 }), ledger.FieldInvalid, "kind"},
		"unknown kind":              {"", raise(func(c *ledger.RaiseInquiry) { c.Kind = 9 }), ledger.FieldInvalid, "kind"},
		"no voucher":                {"", raise(func(c *ledger.RaiseInquiry) { c.Voucher = ledger.VoucherRef{} }), ledger.VoucherUnknown, "voucher"},
		"unknown voucher":           {"", raise(func(c *ledger.RaiseInquiry) { c.Voucher.Number = 900 }), ledger.VoucherUnknown, "voucher"},
		"a topic of a voucher":      {"", raise(func(c *ledger.RaiseInquiry) { c.Kind = topic }), ledger.FieldInvalid, "voucher"},
		"no record":                 {"", raise(func(c *ledger.RaiseInquiry) { c.Record = nil }), ledger.FieldInvalid, "record"},
		"a record again":            {"", raise(func(c *ledger.RaiseInquiry) { c.Record = recordID(101) }), ledger.AlreadyExists, "record"},
		"wording of a stranger":     {"", raise(func(c *ledger.RaiseInquiry) { c.Wording = "为什么?" }), ledger.RoleMissing, "wording"},
		"wording of a treasurer":    {lt.Treasurer, raise(func(c *ledger.RaiseInquiry) { c.Wording = "为什么?" }), ledger.RoleMissing, "wording"},
		"long wording at once":      {lt.Supervisor, raise(func(c *ledger.RaiseInquiry) { c.Wording = long }), ledger.TextInvalid, "wording"},
		"published by nobody":       {"", &ledger.PublishInquiry{Number: 3, Wording: "为什么?"}, ledger.RoleMissing, ""},
		"published as nothing":      {lt.Supervisor, &ledger.PublishInquiry{Number: 3}, ledger.FieldInvalid, "wording"},
		"published too long":        {lt.Supervisor, &ledger.PublishInquiry{Number: 3, Wording: long}, ledger.TextInvalid, "wording"},
		"published with a phone":    {lt.Supervisor, &ledger.PublishInquiry{Number: 3, Wording: "打 13812345678"}, ledger.TextInvalid, "wording"},
		"published unknown":         {lt.Supervisor, &ledger.PublishInquiry{Number: 4, Wording: "为什么?"}, ledger.InquiryUnknown, "inquiry"},
		"declined for nothing":      {lt.Supervisor, &ledger.DeclineInquiry{Number: 3}, ledger.FieldInvalid, "reason"},
		"repeats nothing":           {lt.Supervisor, &ledger.DeclineInquiry{Number: 3, Reason: repeated}, ledger.FieldInvalid, "same_as"},
		"abusive like another":      {lt.Supervisor, &ledger.DeclineInquiry{Number: 3, Reason: abusive, SameAs: 1}, ledger.FieldInvalid, "same_as"},
		"repeats itself":            {lt.Supervisor, &ledger.DeclineInquiry{Number: 3, Reason: repeated, SameAs: 3}, ledger.InquiryUnknown, "same_as"},
		"repeats a declined one":    {lt.Supervisor, &ledger.DeclineInquiry{Number: 3, Reason: repeated, SameAs: 2}, ledger.FieldInvalid, "same_as"},
		"answered by the committee": {lt.Supervisor, answer(func(*ledger.AnswerInquiry) {}), ledger.RoleMissing, ""},
		"answered with nothing":     {lt.Approver, answer(func(c *ledger.AnswerInquiry) { c.Text = "" }), ledger.FieldInvalid, "text"},
		"answered too long":         {lt.Approver, answer(func(c *ledger.AnswerInquiry) { c.Text = strings.Repeat("字", 1001) }), ledger.TextInvalid, "text"},
		"no outcome":                {lt.Approver, answer(func(c *ledger.AnswerInquiry) { c.Outcome = 0 }), ledger.FieldInvalid, "outcome"},
		"corrected by nothing":      {lt.Approver, answer(func(c *ledger.AnswerInquiry) { c.Outcome = corrected }), ledger.FieldInvalid, "corrected_by"},
		"corrected by what is not":  {lt.Approver, answer(func(c *ledger.AnswerInquiry) { c.Outcome, c.CorrectedBy = corrected, lt.Ref("付2022-900") }), ledger.VoucherUnknown, "corrected_by"},
		"explained by a voucher":    {lt.Approver, answer(func(c *ledger.AnswerInquiry) { c.CorrectedBy = roof }), ledger.FieldInvalid, "corrected_by"},
	} {
		t.Run(name, func(t *testing.T) {
			var r *ledger.Refusal
			if _, err := b.Try("2022-03-12", c.by, c.command); !errors.As(err, &r) || r.Reason != c.reason || r.Field != c.field {
				t.Errorf("got %v at %q", err, r.Field)
			}
		})
	}
	b.Do("2022-03-12", lt.Supervisor, &ledger.DeclineInquiry{Number: 3, Reason: repeated, SameAs: 1})
}

// TestSupervisorAsks: who would read it publishes at once, and the flood of others does not keep him from asking.
func TestSupervisorAsks(t *testing.T) {
	b := roofed(t)
	for n := range ledger.InquiriesWaitingMax {
		b.Do("2022-03-12", "", question(n+1, roof))
	}
	b.Refuse("2022-03-12", "", question(60, roof), ledger.InquiriesWaiting, "waiting=50", "max=50")
	b.Refuse("2022-03-12", "passer-by", question(60, roof), ledger.InquiriesWaiting)
	c := question(61, roof)
	c.Wording, c.Reworded = "屋顶为什么修了两次?", true
	events := b.Do("2022-03-12", lt.Supervisor, c)
	if len(events) != 2 || events[1].GetInquiryPublished().GetNumber() != 51 || !events[1].GetInquiryPublished().Reworded {
		t.Errorf("asked and published is %v", events)
	}
	b.Do("2022-03-12", lt.Supervisor, &ledger.DeclineInquiry{Number: 7, Reason: abusive})
	b.Do("2022-03-12", "", question(62, roof)) // there is room for one again
	b.Refuse("2022-03-12", "", question(63, roof), ledger.InquiriesWaiting)
}

// TestPromiseIsFollowedUp: after the promise to correct comes one more answer, and no other answer is followed by one.
func TestPromiseIsFollowedUp(t *testing.T) {
	b := roofed(t)
	b.Do("2022-03-12", "", question(1, roof))
	b.Do("2022-03-12", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "屋顶为什么修了两次?"})
	b.Do("2022-03-12", lt.Treasurer, &ledger.AnswerInquiry{Number: 1, Text: "记错了,下周更正。", Outcome: willCorrect})
	b.Do("2022-03-20", lt.Treasurer, &ledger.AnswerInquiry{Number: 1, Text: "已更正。", Outcome: corrected, CorrectedBy: lt.Ref("收2021-1")})
	b.Refuse("2022-03-21", lt.Treasurer, &ledger.AnswerInquiry{Number: 1, Text: "再说", Outcome: explained}, ledger.AlreadyDone)
}

// TestInquiryIsAskedOnce: the same command gives its first events again, with whatever record it comes.
func TestInquiryIsAskedOnce(t *testing.T) {
	b := roofed(t)
	meta := ledger.Meta{ID: lt.CommandID(9000), Now: lt.Noon("2022-03-12")}
	first, err := b.TryMeta(question(1, roof), meta)
	if err != nil {
		t.Fatal(err)
	}
	var again *ledger.Repeated
	if _, err := b.TryMeta(question(2, roof), meta); !errors.As(err, &again) || again.Version != first[0].Version {
		t.Errorf("the same command again: %v", err)
	}
	if ledger.Digest(question(1, roof), lt.LiminbaID, "") != ledger.Digest(question(2, roof), lt.LiminbaID, "") {
		t.Error("the digest covers the record")
	}
}

// TestAuditOfInquiries: whoever holds the key and writes events about inquiries that the rules could not have made is found.
func TestAuditOfInquiries(t *testing.T) {
	b := roofed(t)
	b.Do("2022-03-12", "", question(1, roof))
	b.Do("2022-03-12", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "屋顶为什么修了两次?"})
	b.Do("2022-03-13", "", question(2, ledger.VoucherRef{}))
	b.Do("2022-03-13", lt.Supervisor, &ledger.DeclineInquiry{Number: 2, Reason: repeated, SameAs: 1})
	b.Do("2022-03-14", lt.Approver, &ledger.AnswerInquiry{Number: 1, Text: "按合同分两期。", Outcome: corrected, CorrectedBy: lt.Ref("收2021-1")})
	received := func(e *eventv1.Event) bool { return e.GetInquiryReceived() != nil }
	second := func(e *eventv1.Event) bool { return e.GetInquiryReceived().GetNumber() == 2 }
	published := func(e *eventv1.Event) bool { return e.GetInquiryPublished() != nil }
	declined := func(e *eventv1.Event) bool { return e.GetInquiryDeclined() != nil }
	answered := func(e *eventv1.Event) bool { return e.GetInquiryAnswered() != nil }
	for name, c := range map[string]struct {
		at    func(*eventv1.Event) bool
		forge func(e *eventv1.Event)
		wants string
	}{
		"a number left out":        {second, func(e *eventv1.Event) { e.GetInquiryReceived().Number = 3 }, "inquiry 3 comes where 2 is due"},
		"a longer clock":           {received, func(e *eventv1.Event) { e.GetInquiryReceived().DueOn++ }, "is due on 2022-03-23 and not on 2022-03-22"},
		"no commitment":            {received, func(e *eventv1.Event) { e.GetInquiryReceived().Commitment = nil }, "has no commitment"},
		"the text of another":      {second, func(e *eventv1.Event) { e.GetInquiryReceived().Record = recordID(101) }, "has the text of another"},
		"a voucher that is not":    {received, func(e *eventv1.Event) { e.GetInquiryReceived().Voucher.Number = 900 }, "no voucher"},
		"a topic about a voucher":  {second, func(e *eventv1.Event) { e.GetInquiryReceived().Voucher = roof.Proto() }, "only a question about a line"},
		"published by nobody":      {published, func(e *eventv1.Event) { e.Actor = "" }, "nobody gave its command"},
		"published by a treasurer": {published, func(e *eventv1.Event) { e.Actor = lt.Treasurer }, "none of the roles"},
		"published out of turn":    {published, func(e *eventv1.Event) { e.GetInquiryPublished().Number = 2 }, "no inquiry 2"},
		"declined again":           {declined, func(e *eventv1.Event) { e.GetInquiryDeclined().Number = 1 }, "done for inquiry 1 before"},
		"declined without reason":  {declined, func(e *eventv1.Event) { e.GetInquiryDeclined().Reason = 0 }, "no such reason"},
		"repeats none":             {declined, func(e *eventv1.Event) { e.GetInquiryDeclined().SameAs = 0 }, "names the one before it"},
		"answered when declined":   {answered, func(e *eventv1.Event) { e.GetInquiryAnswered().Number = 2 }, "done for inquiry 2 before"},
		"answered by a supervisor": {answered, func(e *eventv1.Event) { e.Actor = lt.Supervisor }, "none of the roles"},
		"corrected by nothing":     {answered, func(e *eventv1.Event) { e.GetInquiryAnswered().CorrectedBy = nil }, "names the voucher"},
	} {
		t.Run(name, func(t *testing.T) {
			at := firstOf(t, b.Events, c.at)
			events := slices.Clone(b.Events)
			events[at] = proto.Clone(events[at]).(*eventv1.Event)
			c.forge(events[at])
			if version, reason := audited(t, events); version != uint64(at)+1 || !strings.Contains(reason, c.wants) {
				t.Errorf("found at event %d (%s), it is event %d; want %q", version, reason, at+1, c.wants)
			}
		})
	}
	if version, reason := audited(t, b.Events); version != 0 {
		t.Errorf("what nobody forged stops at %d: %s", version, reason)
	}
}

// TestOnlyQuestionsHaveNoActor: any other command of nobody is refused, and any other event of nobody is damage.
func TestOnlyQuestionsHaveNoActor(t *testing.T) {
	b := roofed(t)
	for _, c := range commands {
		if ledger.MayGive(c.Name(), nil) != (c.Name() == "RaiseInquiry") {
			t.Errorf("%s: may anybody give it: %v", c.Name(), ledger.MayGive(c.Name(), nil))
		}
	}
	for i, e := range b.Events {
		forged := slices.Clone(b.Events[:i+1])
		forged[i] = proto.Clone(e).(*eventv1.Event)
		forged[i].Actor = ""
		if version, reason := audited(t, forged); version != uint64(i)+1 || !strings.Contains(reason, "nobody gave its command") && !strings.Contains(reason, "another than that of the event before") {
			t.Errorf("event %d without an actor: %d %s", i+1, version, reason)
		}
	}
}
