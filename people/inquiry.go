package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file keeps what was asked by inquiries (质询). It is free text of a stranger and may name anybody, so it is treated as personal
// data is: in a stream of its own that can be deleted, under a commitment in the log. It goes by time alone.

const (
	// InquiryPrefix begins the names of the streams with what was asked.
	InquiryPrefix = "inquiry-"
	// InquiryKeptFor is how long a text is kept after it was published or declined: who asked can say in that time that the wording bends it.
	InquiryKeptFor = 30 * 24 * time.Hour

	inquiryField = "inquiry" // in the place of a field's name under the commitment
)

// InquiryStream is the name of the stream with the text of a record.
func InquiryStream(record uuid.UUID) string { return InquiryPrefix + record.String() }

// InquiryRecordOf gives the record whose text a stream has.
func InquiryRecordOf(stream string) (record uuid.UUID, ok bool) {
	name, ok := strings.CutPrefix(stream, InquiryPrefix)
	record, err := uuid.Parse(name)
	return record, ok && err == nil && record.String() == name
}

// Kept says whether a stream is one of the vault's: it is never part of the books, of their tree, of exports and publications.
func Kept(stream string) bool {
	_, person := RecordOf(stream)
	_, inquiry := InquiryRecordOf(stream)
	return person || inquiry
}

// NewInquiry makes the record of a text, under a new salt.
func NewInquiry(collective, text string) (record uuid.UUID, kept *eventv1.InquiryTextKept) {
	return uuid.New(), &eventv1.InquiryTextKept{CollectiveId: collective, Salt: random(), Text: text}
}

// CommitInquiry is the commitment to a text: Commit with "inquiry" in the place of the field. The salt has SaltBytes.
func CommitInquiry(origin string, record uuid.UUID, kept *eventv1.InquiryTextKept) Hash {
	return Commit([SaltBytes]byte(kept.Salt), Scope(origin, record), inquiryField, kept.Text)
}

// CheckInquiryText admits what may be asked: at most ledger.InquiryTextMax characters, lines among them, that are not all blank.
func CheckInquiryText(text string) *FormError {
	switch {
	case strings.TrimSpace(text) == "":
		return &FormError{English: "it is empty", Chinese: "不能为空"}
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unprintable(r) }):
		return &FormError{English: "it has control or direction characters", Chinese: "含有控制字符或方向字符"}
	case utf8.RuneCountInString(text) > ledger.InquiryTextMax:
		return &FormError{English: fmt.Sprintf("it has more than %d characters", ledger.InquiryTextMax), Chinese: fmt.Sprintf("超过 %d 个字", ledger.InquiryTextMax)}
	}
	return nil
}

// KeepInquiry stores a text, before the log is told of it. meta says by whose command.
func (v *Vault) KeepInquiry(ctx context.Context, record uuid.UUID, kept *eventv1.InquiryTextKept, meta ledger.Meta) error {
	if meta.Now.IsZero() {
		meta.Now = v.clock()
	}
	return v.append(ctx, InquiryStream(record), &eventv1.Event{Fact: &eventv1.Event_InquiryTextKept{InquiryTextKept: kept}}, meta)
}

// Inquiry gives what was asked; nil when its time is over. A text that should be there and is not, or is not what the log is committed
// to, is ErrLost.
func (v *Vault) Inquiry(ctx context.Context, collective string, number uint32) (kept *eventv1.InquiryTextKept, err error) {
	var q ledger.Inquiry
	var origin string
	over := false
	err = v.log.View(ctx, collective, func(c *ledger.Collective) error {
		known := false
		if q, known = c.Inquiry(number); !known {
			return ErrUnknown
		}
		origin, over = c.Charter().LogOrigin, v.over(c, q)
		return nil
	})
	if err != nil || over {
		return nil, err
	}
	return v.soundInquiry(ctx, origin, q)
}

func (v *Vault) soundInquiry(ctx context.Context, origin string, q ledger.Inquiry) (*eventv1.InquiryTextKept, error) {
	e, err := v.read(ctx, InquiryStream(q.Record))
	if damaged := (*eventstore.CorruptError)(nil); errors.As(err, &damaged) {
		v.logger.Error("what was asked by an inquiry is damaged", "stream", damaged.Stream, "error", err.Error())
		return nil, ErrLost
	}
	if err != nil {
		return nil, err
	}
	kept := e.GetInquiryTextKept()
	if kept == nil {
		return nil, ErrLost
	}
	if len(kept.Salt) != SaltBytes || CommitInquiry(origin, q.Record, kept) != q.Commitment {
		v.logger.Error("what was asked by an inquiry is not what the log is committed to", "stream", InquiryStream(q.Record))
		return nil, ErrLost
	}
	return kept, nil
}

// over says whether the time of a text is over: by the clock, or by the last record where the collective runs on a simulated one.
func (v *Vault) over(c *ledger.Collective, q ledger.Inquiry) bool {
	read := q.ReadAt()
	return !read.IsZero() && v.now(c).Sub(read) >= InquiryKeptFor
}

// deletedAfter is how much later a text is deleted than it is shown: by then every node's clock says that its time is over, and none takes
// it for lost.
const deletedAfter = time.Hour

func (v *Vault) now(c *ledger.Collective) time.Time {
	if c.Charter().SimulatedClock {
		return c.LastRecorded()
	}
	return v.clock()
}

// spent says whether the text of a stream is to go: its time is over, or no log is committed to it and it is old enough for its command to
// have failed for good. One of a collective that is not there stays: its log may come back.
func (v *Vault) spent(ctx context.Context, stream string, record uuid.UUID) (spent bool, err error) {
	e, err := v.read(ctx, stream)
	if err != nil || e.GetInquiryTextKept() == nil {
		return false, err
	}
	err = v.log.View(ctx, e.GetInquiryTextKept().CollectiveId, func(c *ledger.Collective) error {
		if q, known := c.InquiryOf(record); known {
			spent = v.over(c, q) && v.now(c).Sub(q.ReadAt()) >= InquiryKeptFor+deletedAfter
		} else {
			spent = v.now(c).Sub(time.UnixMicro(e.RecordedAt)) >= orphanAge
		}
		return nil
	})
	if refusal := (*ledger.Refusal)(nil); errors.As(err, &refusal) {
		return false, nil
	}
	return spent, err
}

// LostInquiries lists the inquiries whose text should be there and is not: evidence that was lost. It looks at every one.
func (v *Vault) LostInquiries(ctx context.Context, collective string) (lost []ledger.Inquiry, kept int, err error) {
	var due []ledger.Inquiry
	var origin string
	err = v.log.View(ctx, collective, func(c *ledger.Collective) error {
		origin = c.Charter().LogOrigin
		for _, q := range c.Inquiries() {
			if !v.over(c, q) {
				due = append(due, q)
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for _, q := range due {
		_, err := v.soundInquiry(ctx, origin, q)
		switch {
		case err == nil:
			kept++
		case errors.Is(err, ErrLost):
			lost = append(lost, q)
		default:
			return nil, 0, err
		}
	}
	return lost, kept, nil
}
