package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// This file reads the operation log: who did what when. Headers come from the books; what was done, and any text to look for, from the
// stored events.

// eventTextMax bounds how many events a page of a search by text looks at: texts have no index. A page that stops there says where to go on.
const eventTextMax = 10_000

func (s auditService) ListEvents(ctx context.Context, r *apiv1.ListEventsRequest) (*apiv1.ListEventsResponse, error) {
	if r.AsOf != "" {
		return nil, refuse(ledger.FieldInvalid, "as_of", "problem", "events have no business day", problemChinese, "记录没有业务日期")
	}
	filter := projections.EventFilter{Actor: r.Actor, Fact: r.Type, Descending: r.Descending}
	if r.CommandId != "" {
		id, err := parseCommandID(r.CommandId)
		if err != nil {
			return nil, err
		}
		filter.CommandID = id
	}
	span, err := period(r.From, r.To)
	if err != nil {
		return nil, err
	}
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	if span.From != 0 {
		filter.From = startOf(span.From, at.facts.Zone)
	}
	if span.To != 0 {
		filter.To = endOf(span.To, at.facts.Zone)
	}
	answer := &apiv1.ListEventsResponse{Version: at.version}
	next := uint64(after)
	if r.Text == "" {
		answer.Events, next, err = s.events(ctx, r.CollectiveId, at, filter, next, pageLimit(r))
	} else {
		answer.Events, next, err = s.searchEvents(ctx, r, at, filter, next)
	}
	answer.NextPageToken = nextNumber(r, at, int(next))
	return answer, err
}

// events is a page of the log after a place, and where to go on. While the store cannot be read the books say who did what kind of thing
// when, and the sentences are left out.
func (s auditService) events(ctx context.Context, collective string, at reading, filter projections.EventFilter, after uint64, limit int) ([]*apiv1.EventHeader, uint64, error) {
	headers, next := at.book.Events(filter, after, limit, at.moment)
	for range emptyPagesMax {
		if len(headers) > 0 || next == 0 || ctx.Err() != nil {
			break
		}
		headers, next = at.book.Events(filter, next, limit, at.moment)
	}
	events, err := s.storedEvents(ctx, collective, headers)
	if damage := (*eventstore.CorruptError)(nil); errors.As(err, &damage) || err != nil && ctx.Err() != nil {
		return nil, 0, err
	}
	list := make([]*apiv1.EventHeader, len(headers))
	for i, h := range headers {
		list[i] = headerOf(h, events[i])
	}
	return list, next, nil
}

// searchEvents is a page of the events that hold a text.
func (s auditService) searchEvents(ctx context.Context, r *apiv1.ListEventsRequest, at reading, filter projections.EventFilter, after uint64) ([]*apiv1.EventHeader, uint64, error) {
	text, limit := strings.ToLower(r.Text), pageLimit(r)
	var found []*apiv1.EventHeader
	for looked := 0; looked < eventTextMax; {
		headers, next := at.book.Events(filter, after, projections.PageMax, at.moment)
		events, err := s.storedEvents(ctx, r.CollectiveId, headers)
		if err != nil {
			return nil, 0, err
		}
		for i, h := range headers {
			shown := headerOf(h, events[i])
			if !holds(shown, events[i], text) {
				continue
			}
			if len(found) == limit {
				return found, found[limit-1].Version, nil
			}
			found = append(found, shown)
		}
		looked += max(len(headers), projections.PageMax) // a page that is short went through as many
		if after = next; next == 0 {
			return found, 0, nil
		}
	}
	return found, after, nil
}

// runGap is how many events between two that are wanted are read with them, instead of beginning anew.
const runGap = 16

// storedEvents reads the events of headers, which are in order of their versions, upward or downward. With an error come those that were
// read, nil in the places of the others.
func (s *Server) storedEvents(ctx context.Context, collective string, headers []projections.EventHeader) ([]*eventv1.Event, error) {
	events := make([]*eventv1.Event, len(headers))
	up := len(headers) < 2 || headers[0].Version < headers[1].Version
	place := func(i int) int {
		if up {
			return i
		}
		return len(headers) - 1 - i
	}
	for first := 0; first < len(headers); {
		last := first
		for last+1 < len(headers) && headers[place(last+1)].Version-headers[place(last)].Version <= runGap {
			last++
		}
		want := first
		for stored, err := range s.config.Events.Read(ctx, ledger.StreamOf(collective), headers[place(first)].Version-1) {
			if err != nil {
				return events, fmt.Errorf("read event %d of %s: %w", headers[place(want)].Version, collective, err)
			}
			if stored.Version != headers[place(want)].Version {
				continue
			}
			if events[place(want)], err = ledger.Decode(stored); err != nil {
				return nil, err
			}
			if want++; want > last {
				break
			}
		}
		if want <= last {
			return nil, &eventstore.CorruptError{Stream: ledger.StreamOf(collective), Version: headers[place(want)].Version, Reason: "the log ends before an event that is in the books"}
		}
		first = last + 1
	}
	return events, nil
}

func headerOf(h projections.EventHeader, e *eventv1.Event) *apiv1.EventHeader {
	var zh, en string
	if e != nil {
		zh, en = summaryOf(e)
	}
	return &apiv1.EventHeader{
		Version: h.Version, Type: h.Fact, RecordedAt: instant(h.RecordedAt), Actor: h.Actor,
		CommandId: uuid.UUID(h.CommandID).String(), Vouchers: each(h.Vouchers, ledger.VoucherRef.String), SummaryZh: zh, SummaryEn: en,
	}
}

// holds says whether an event has a text, in small letters, in its header, in its sentences, with thousands separators or without, in a
// number of a voucher, or in any text of the event itself: nothing there is of a person.
func holds(shown *apiv1.EventHeader, e *eventv1.Event, text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	for _, s := range append([]string{shown.Type, shown.Actor, shown.SummaryZh, shown.SummaryEn, strings.ReplaceAll(shown.SummaryEn, ",", "")}, shown.Vouchers...) {
		if has(s) {
			return true
		}
	}
	return anyText(e.ProtoReflect(), has)
}

// anyText says whether a text of a message passes a test.
func anyText(m protoreflect.Message, has func(string) bool) (found bool) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Kind() != protoreflect.StringKind && f.Message() == nil:
		case f.IsList():
			for i := 0; i < v.List().Len() && !found; i++ {
				found = f.Message() != nil && anyText(v.List().Get(i).Message(), has) || f.Message() == nil && has(v.List().Get(i).String())
			}
		case f.Message() != nil:
			found = anyText(v.Message(), has)
		default:
			found = has(v.String())
		}
		return !found
	})
	return found
}
