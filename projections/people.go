package projections

import (
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file has what the log says of personal data: which records it is committed to, and which were restricted or erased. What they
// hold is nowhere in the books.

// PersonalRecord is a record of personal data.
type PersonalRecord struct {
	*eventv1.PersonalDataCommitted // must not be changed
	Version                        uint64
	RecordedAt                     time.Time
	ErasedBy, RestrictedBy         [9]uint32 // by field: number of the first erasure that did it; 0 for none
}

// Erasure is a request for an erasure, and what became of it.
type Erasure struct {
	*eventv1.ErasureRequested        // must not be changed
	State                     string // requested, approved, rejected
	RequestedBy, DecidedBy    string
	RequestedAt, DecidedAt    time.Time // DecidedAt is zero while it is open
}

type (
	personalRecord struct {
		fact     *eventv1.PersonalDataCommitted
		version  uint64
		erasures []*erasure // approved ones, in the order of the log
	}
	erasure struct {
		fact     *eventv1.ErasureRequested
		version  uint64 // of the request
		decided  uint64 // version of the decision; 0 while open
		approved bool
	}
)

func (b *Book) foldPeople(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_PersonalDataCommitted:
		b.people.add(string(f.PersonalDataCommitted.Record), &personalRecord{fact: f.PersonalDataCommitted, version: e.Version})
	case *eventv1.Event_ErasureRequested:
		b.erasures = append(b.erasures, &erasure{fact: f.ErasureRequested, version: e.Version})
	case *eventv1.Event_ErasureApproved:
		q := b.erasures[f.ErasureApproved.Number-1]
		q.decided, q.approved = e.Version, true
		for _, id := range q.fact.Records {
			r := b.people.byID[string(id)]
			r.erasures = append(r.erasures, q)
		}
	case *eventv1.Event_ErasureRejected:
		b.erasures[f.ErasureRejected.Number-1].decided = e.Version
	}
}

// checkPeople says why an event about personal data cannot follow the events before it; empty when it can.
func (b *Book) checkPeople(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_PersonalDataCommitted:
		switch c := f.PersonalDataCommitted; {
		case len(c.Record) != len(uuid.UUID{}) || len(c.Root) != 32:
			return "it commits to a record without an id or a root"
		case b.people.byID[string(c.Record)] != nil:
			return "it commits to a record again"
		}
	case *eventv1.Event_ErasureRequested:
		if int(f.ErasureRequested.Number) != len(b.erasures)+1 {
			return "it leaves a number of an erasure out"
		}
		for _, id := range f.ErasureRequested.Records {
			if b.people.byID[string(id)] == nil {
				return "it asks for the erasure of an unknown record"
			}
		}
	case *eventv1.Event_ErasureApproved:
		return b.checkDecided(f.ErasureApproved.Number, e.Actor)
	case *eventv1.Event_ErasureRejected:
		return b.checkDecided(f.ErasureRejected.Number, e.Actor)
	}
	return ""
}

func (b *Book) checkDecided(number uint32, actor string) string {
	if number == 0 || int(number) > len(b.erasures) {
		return "it decides about an unknown erasure"
	}
	q := b.erasures[number-1]
	switch {
	case q.decided != 0:
		return "it decides about an erasure again"
	case b.names.texts[*b.actors.at(int(q.version - 1))] == actor:
		return "who asked for an erasure decides about it"
	}
	return ""
}

// PersonalRecords lists the records of a member or of a party, or all when both are empty: at most limit of those after the first
// `after`. Next is where to go on, 0 at the end. A moment hides records of later; what became of a record is always as of now.
func (b *Book) PersonalRecords(member uint32, party string, after, limit int, m Moment) ([]PersonalRecord, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.people.items, after, limit, func(r *personalRecord) (PersonalRecord, bool) {
		if r.version > w.version || member != 0 && r.fact.Member != member || party != "" && r.fact.Party != party {
			return PersonalRecord{}, false
		}
		return b.showRecord(r), true
	})
}

// PersonalRecord finds a record.
func (b *Book) PersonalRecord(id uuid.UUID) (PersonalRecord, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if r := b.people.byID[string(id[:])]; r != nil {
		return b.showRecord(r), true
	}
	return PersonalRecord{}, false
}

func (b *Book) showRecord(r *personalRecord) PersonalRecord {
	show := PersonalRecord{PersonalDataCommitted: r.fact, Version: r.version, RecordedAt: instant(*b.recorded.at(int(r.version - 1)))}
	for _, q := range r.erasures {
		by := &show.ErasedBy
		if q.fact.Kind == eventv1.ErasureKind_ERASURE_KIND_RESTRICT {
			by = &show.RestrictedBy
		}
		for f := range by {
			if fields := ledger.PersonalFieldsOf(q.fact.Fields); by[f] == 0 && fields.Has(eventv1.PersonalField(f)) {
				by[f] = q.fact.Number
			}
		}
	}
	return show
}

// Erasures lists requests for erasures by number: at most limit of those after the first `after`. Next is where to go on, 0 at the end.
func (b *Book) Erasures(after, limit int, m Moment) ([]Erasure, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.erasures, after, limit, func(q *erasure) (Erasure, bool) {
		if q.version > w.version {
			return Erasure{}, false
		}
		show := Erasure{ErasureRequested: q.fact, State: "requested"}
		show.RequestedBy, show.RequestedAt = b.done(q.version)
		if q.decided != 0 && q.decided <= w.version {
			show.State = "rejected"
			if q.approved {
				show.State = "approved"
			}
			show.DecidedBy, show.DecidedAt = b.done(q.decided)
		}
		return show, true
	})
}

// done is who gave the command of an event, and when it was recorded.
func (b *Book) done(version uint64) (actor string, at time.Time) {
	i := int(version - 1)
	return b.names.texts[*b.actors.at(i)], instant(*b.recorded.at(i))
}

func (d *digester) people(records []personalRecord, erasures []erasure) {
	for _, r := range records {
		d.message(r.fact)
		d.number(r.version)
		for _, q := range r.erasures {
			d.number(uint64(q.fact.Number))
		}
	}
	for _, q := range erasures {
		d.message(q.fact)
		d.numbers(int64(q.version), int64(q.decided))
		d.flag(q.approved)
	}
}
