package projections_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// peopled are books with two records: of the first a field is restricted and another erased, of the second everything was asked for and
// rejected.
func peopled(t *testing.T) *lt.Books {
	const day = "2021-02-01"
	b := lt.Demo(t, "2021-01-04")
	id := func(n byte) []byte { return bytes.Repeat([]byte{n}, 16) }
	request := func(kind eventv1.ErasureKind, record byte, fields ...eventv1.PersonalField) {
		b.Do(day, lt.Treasurer, &ledger.RequestErasure{Kind: kind, Basis: eventv1.ErasureBasis_ERASURE_BASIS_ORDER, Records: [][]byte{id(record)}, Fields: fields})
	}
	for n := byte(1); n <= 2; n++ {
		b.Do(day, lt.Treasurer, &ledger.CommitPersonalData{Member: uint32(n), Record: id(n), Root: bytes.Repeat([]byte{n}, 32)})
	}
	request(eventv1.ErasureKind_ERASURE_KIND_RESTRICT, 1, eventv1.PersonalField_PERSONAL_FIELD_PHONE)
	request(eventv1.ErasureKind_ERASURE_KIND_ERASE, 1, eventv1.PersonalField_PERSONAL_FIELD_ID_NO)
	request(eventv1.ErasureKind_ERASURE_KIND_ERASE, 2)
	b.Do(day, lt.Approver, &ledger.ApproveErasure{Number: 1})
	b.Do(day, lt.Supervisor, &ledger.ApproveErasure{Number: 2})
	b.Do(day, lt.Supervisor, &ledger.RejectErasure{Number: 3})
	return b
}

func foldPeople(t *testing.T, events []*eventv1.Event) *projections.Book {
	t.Helper()
	book := projections.NewBook(lt.LiminbaID)
	for _, e := range events {
		if err := book.Fold(e); err != nil {
			t.Fatal(err)
		}
	}
	return book
}

// TestPeople: books made anew show what the log says of personal data: whose record, and which erasure took what.
func TestPeople(t *testing.T) {
	b := peopled(t)
	book := foldPeople(t, b.Events)
	records, next := book.PersonalRecords(0, "", 0, 1, projections.Moment{})
	if len(records) != 1 || next != 1 || records[0].Member != 1 {
		t.Fatalf("the first page is %v, next %d", records, next)
	}
	r := records[0]
	phone, idNo, name := eventv1.PersonalField_PERSONAL_FIELD_PHONE, eventv1.PersonalField_PERSONAL_FIELD_ID_NO, eventv1.PersonalField_PERSONAL_FIELD_NAME
	if r.RestrictedBy[phone] != 1 || r.ErasedBy[idNo] != 2 || r.ErasedBy[name] != 0 || r.ErasedBy[phone] != 0 || r.RestrictedBy[name] != 0 {
		t.Errorf("restricted by %v, erased by %v", r.RestrictedBy, r.ErasedBy)
	}
	if of2, _ := book.PersonalRecords(2, "", 0, 10, projections.Moment{}); len(of2) != 1 || of2[0].ErasedBy[name] != 0 {
		t.Errorf("records of member 2: %v", of2)
	}
	if none, _ := book.PersonalRecords(0, "p-1", 0, 10, projections.Moment{}); len(none) != 0 {
		t.Errorf("records of a party: %v", none)
	}
	if early, _ := book.PersonalRecords(0, "", 0, 10, projections.Moment{AsKnownAt: r.Version}); len(early) != 1 {
		t.Errorf("when the first was kept there were %d", len(early))
	}
	if _, ok := book.PersonalRecord(uuid.New()); ok {
		t.Error("an unknown record is found")
	}
	erasures, _ := book.Erasures(0, 10, projections.Moment{})
	want := []struct{ state, by string }{{"approved", lt.Approver}, {"approved", lt.Supervisor}, {"rejected", lt.Supervisor}}
	for i, w := range want {
		if q := erasures[i]; q.State != w.state || q.DecidedBy != w.by || q.RequestedBy != lt.Treasurer || q.Number != uint32(i+1) || q.DecidedAt.IsZero() {
			t.Errorf("erasure %d: %+v", i+1, q)
		}
	}
	early, _ := book.Erasures(0, 10, projections.Moment{AsKnownAt: book.Version() - 2})
	if len(early) != 3 || early[1].State != "requested" || early[1].DecidedBy != "" || early[0].State != "approved" {
		t.Errorf("two events ago: %+v", early)
	}

	// The digest sees every part of it.
	for i := len(b.Events) - 8; i < len(b.Events); i++ {
		changed := proto.CloneOf(b.Events[i])
		switch f := changed.Fact.(type) {
		case *eventv1.Event_PersonalDataCommitted:
			f.PersonalDataCommitted.Root[0] ^= 1
		case *eventv1.Event_ErasureRequested:
			f.ErasureRequested.Basis = eventv1.ErasureBasis_ERASURE_BASIS_UNLAWFUL
		case *eventv1.Event_ErasureApproved:
			changed.Fact = &eventv1.Event_ErasureRejected{ErasureRejected: &eventv1.ErasureRejected{Number: f.ErasureApproved.Number}}
		case *eventv1.Event_ErasureRejected:
			changed.Fact = &eventv1.Event_ErasureApproved{ErasureApproved: &eventv1.ErasureApproved{Number: f.ErasureRejected.Number}}
		}
		events := append([]*eventv1.Event{}, b.Events...)
		events[i] = changed
		if foldPeople(t, events).Digest() == book.Digest() {
			t.Errorf("the digest does not see %s at version %d", ledger.TypeName(b.Events[i]), b.Events[i].Version)
		}
	}
}

// TestForgedErasures: an erasure that could not have been decided is damage: of an unknown record, decided twice, by who asked.
func TestForgedErasures(t *testing.T) {
	b := peopled(t)
	next := func(actor string, e *eventv1.Event) *eventv1.Event {
		last := b.Events[len(b.Events)-1]
		e.Version, e.RecordedAt, e.Actor, e.CommandId, e.CommandDigest = last.Version+1, last.RecordedAt, actor, last.CommandId, last.CommandDigest
		return e
	}
	known, unknown := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{9}, 16)
	approved := func(n uint32) *eventv1.Event {
		return &eventv1.Event{Fact: &eventv1.Event_ErasureApproved{ErasureApproved: &eventv1.ErasureApproved{Number: n}}}
	}
	requested := func(n uint32, record []byte) *eventv1.Event {
		return &eventv1.Event{Fact: &eventv1.Event_ErasureRequested{ErasureRequested: &eventv1.ErasureRequested{Number: n, Kind: 2, Basis: 5, Records: [][]byte{record}}}}
	}
	for what, e := range map[string]*eventv1.Event{
		"unknown erasure": next(lt.Approver, approved(9)),
		"no erasure":      next(lt.Approver, approved(0)),
		"decided twice":   next(lt.Approver, approved(3)),
		"rejected twice":  next(lt.Approver, &eventv1.Event{Fact: &eventv1.Event_ErasureRejected{ErasureRejected: &eventv1.ErasureRejected{Number: 1}}}),
		"unknown record":  next(lt.Treasurer, requested(4, unknown)),
		"number left out": next(lt.Treasurer, requested(5, known)),
		"known record":    next(lt.Treasurer, &eventv1.Event{Fact: &eventv1.Event_PersonalDataCommitted{PersonalDataCommitted: &eventv1.PersonalDataCommitted{Record: known, Member: 1, Root: make([]byte, 32)}}}),
		"short root":      next(lt.Treasurer, &eventv1.Event{Fact: &eventv1.Event_PersonalDataCommitted{PersonalDataCommitted: &eventv1.PersonalDataCommitted{Record: unknown, Member: 1, Root: make([]byte, 31)}}}),
	} {
		var damage *eventstore.CorruptError
		if err := foldPeople(t, b.Events).Fold(e); !errors.As(err, &damage) {
			t.Errorf("%s: %v", what, err)
		}
	}
	book := foldPeople(t, b.Events)
	if err := book.Fold(next(lt.Treasurer, requested(4, known))); err != nil {
		t.Fatal(err)
	}
	own := next(lt.Treasurer, approved(4))
	own.Version++
	var damage *eventstore.CorruptError
	if err := book.Fold(own); !errors.As(err, &damage) {
		t.Errorf("approved by who asked: %v", err)
	}
}
