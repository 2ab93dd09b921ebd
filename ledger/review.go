package ledger

import (
	"bytes"
	"cmp"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about the supervisors' review of a closed month (监督审查).

// reviewItemsMax bounds the vouchers one review speaks of.
const reviewItemsMax = 200

// reviewBytesMax bounds the event of a review, leaving room for its header.
const reviewBytesMax = eventstore.EventBytesMax - 1024

type (
	// ReviewPeriod is a supervisor's word on a closed month and on single vouchers of it. A later one of the same supervisor
	// takes its place. Statement, when not empty, must be the digest the closing stored.
	ReviewPeriod struct {
		Month     Month
		Verdict   eventv1.Verdict
		Remark    string
		Items     []ReviewItem `json:",omitempty"`
		Statement []byte       `json:",omitempty"`
	}
	// ReviewItem is a word on one voucher: refused or remarked.
	ReviewItem struct {
		Voucher VoucherRef
		Verdict eventv1.Verdict
		Remark  string
	}
)

func (*ReviewPeriod) Name() string { return "ReviewPeriod" }

// Recalls asks for the vouchers the review speaks of, whose days the state does not keep.
func (c *ReviewPeriod) Recalls(s *Collective) []uint64 {
	if len(c.Items) > reviewItemsMax || s.statements[c.Month] == nil {
		return nil // refused anyway
	}
	refs := make([]VoucherRef, len(c.Items))
	for i, item := range c.Items {
		refs[i] = item.Voucher
	}
	return s.locateAll(refs)
}

// The month is closed, the statement is the one that was read, and what is said of single vouchers is said of vouchers of that
// month and fits what is said of the whole.
func (c *ReviewPeriod) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	statement := d.s.statements[c.Month]
	switch {
	case statement == nil:
		return refuse(PeriodNotClosed).with("month", c.Month).at("month")
	case len(c.Statement) != 0 && !bytes.Equal(c.Statement, statement):
		return refuse(StatementChanged).with("month", c.Month).at("statement_sha256")
	}
	if err := cmp.Or(c.checkVerdict(), checkText("remark", c.Remark, 200)); err != nil {
		return err
	}
	if n := len(c.Items); n > reviewItemsMax {
		return refuse(TooMany).with("what", "items").with("max", reviewItemsMax).with("count", n).at("items")
	}
	fact := &eventv1.PeriodReviewed{Month: int32(c.Month), StatementSha256: statement, Verdict: c.Verdict, Remark: c.Remark}
	seen := make(map[VoucherRef]bool, len(c.Items))
	for _, item := range c.Items {
		if seen[item.Voucher] {
			return refuse(RepeatedEntry).with("entry", item.Voucher).at("items.voucher")
		}
		seen[item.Voucher] = true
		if err := d.checkReviewItem(c, item); err != nil {
			return err
		}
		fact.Items = append(fact.Items, &eventv1.ReviewItem{Voucher: item.Voucher.Proto(), Verdict: item.Verdict, Remark: item.Remark})
	}
	if size := proto.Size(fact); size > reviewBytesMax {
		return refuse(TooMany).with("what", "bytes").with("max", reviewBytesMax).with("count", size).at("items")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_PeriodReviewed{PeriodReviewed: fact}})
	return nil
}

// checkVerdict admits a signature, or a refusal or remark that says of what: in its own text or in its items.
func (c *ReviewPeriod) checkVerdict() error {
	switch c.Verdict {
	case eventv1.Verdict_VERDICT_SIGNED:
		return nil
	case eventv1.Verdict_VERDICT_REFUSED, eventv1.Verdict_VERDICT_REMARKED:
		if c.Remark == "" && len(c.Items) == 0 {
			return refuse(FieldInvalid).because("a refusal or a remark says of what", "不同意或有意见应写明原因").at("remark")
		}
		return nil
	}
	return refuse(FieldInvalid).because("it is signed, refused or remarked", "应为同意、不同意或有意见").at("verdict")
}

func (d *decision) checkReviewItem(c *ReviewPeriod, item ReviewItem) error {
	switch {
	case item.Verdict != eventv1.Verdict_VERDICT_REFUSED && item.Verdict != eventv1.Verdict_VERDICT_REMARKED:
		return refuse(FieldInvalid).because("a single voucher is refused or remarked", "单张凭证应为不同意或有意见").at("items.verdict")
	case item.Verdict == eventv1.Verdict_VERDICT_REFUSED && c.Verdict == eventv1.Verdict_VERDICT_SIGNED:
		return refuse(FieldInvalid).because("a month with a refused voucher is not signed", "有不同意的凭证,就不能签字同意全月").at("verdict")
	}
	if err := checkReason("items.remark", item.Remark); err != nil {
		return err
	}
	version, ok := d.s.locate(item.Voucher)
	for _, v := range d.m.Recalled[version].GetVouchers() {
		if ok && RefOf(v.Ref) == item.Voucher {
			if on := Day(v.OccurredOn); on.Month() != c.Month {
				return refuse(VoucherOtherMonth).with("voucher", item.Voucher).with("date", on).with("month", c.Month).at("items.voucher")
			}
			return nil
		}
	}
	return refuse(VoucherUnknown).with("voucher", item.Voucher).at("items.voucher")
}
