package projections

import (
	"fmt"
	"math"
	"sort"
	"sync"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Moment says what a read may see. The zero Moment sees everything.
type Moment struct {
	AsOf      ledger.Day // business day up to which vouchers count; 0: all
	AsKnownAt uint64     // version up to which events count; 0 or a later one than the book has: all
}

// NothingKnown as Moment.AsKnownAt means: before the first event.
const NothingKnown uint64 = math.MaxUint64

// Sizes of a page: what a limit of 0 stands for, and what a larger limit is lowered to.
const (
	PageDefault = 50
	PageMax     = 1000
)

// GapError says that an event was given to a book out of turn. The book did not change.
type GapError struct {
	Have uint64 // version of the book
	Got  uint64 // version of the event; Have+1 was due
}

func (e *GapError) Error() string {
	return fmt.Sprintf("event %d given to a book at version %d", e.Got, e.Have)
}

// Book (账簿) holds all read models of one collective. Its methods may be called at once.
type Book struct {
	id string

	mu sync.RWMutex // guards all that follows

	zone *time.Location // of the collective; UTC before its founding

	version  uint64
	recorded column[int64] // recorded_at of each event, µs
	actors   column[int32] // who gave its command
	headers  headers
	names    names

	journal  journal
	accounts accounts
	charter  charter

	resolutions register[resolution]
	requests    register[request] // place in the list = number - 1
	rounds      register[round]
	runs        register[run]
	holds       []*held // by number - 1
	gifts       register[gift]
	flags       []*flagged // in the order of the log
	reviews     reviews
	roles       []roleHeld
	editions    []*edition               // by number - 1
	disclosures []*disclosure            // in the order of the log
	people      register[personalRecord] // by the bytes of their ids
	erasures    []*erasure               // by number - 1
	inquiries   inquiries
	splits      map[uint32][]int32 // rows that a policy split, by its version
}

// register is a list of items in order of appearance, found by id.
type register[T any] struct {
	items []*T
	byID  map[string]*T
}

func (r *register[T]) add(id string, item *T) {
	if r.byID == nil {
		r.byID = map[string]*T{}
	}
	r.items = append(r.items, item)
	r.byID[id] = item
}

// mark is when something changed: the event, and the business day of its voucher; where none moved money, the day on which
// the event was recorded.
type mark struct {
	version uint64
	day     ledger.Day
}

// NewBook is the empty book of a collective.
func NewBook(collective string) *Book {
	return &Book{id: collective, zone: time.UTC, headers: headers{kinds: newNames()}, names: newNames(), journal: newJournal(), accounts: newAccounts()}
}

// ID is the collective's id.
func (b *Book) ID() string { return b.id }

// Version is the number of events folded.
func (b *Book) Version() uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.version
}

// Pin gives a moment that later events cannot change: one without AsKnownAt gets the version of now. A caller that makes
// several reads, or has to say which version its answer reflects, pins first.
func (b *Book) Pin(m Moment) Moment {
	if v := b.Version(); m.AsKnownAt == 0 || m.AsKnownAt > v && m.AsKnownAt != NothingKnown {
		m.AsKnownAt = v
		if v == 0 {
			m.AsKnownAt = NothingKnown
		}
	}
	return m
}

// VersionAt is the version the book had at an instant: the last event recorded then or before, or NothingKnown.
func (b *Book) VersionAt(t time.Time) uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	µs := t.UnixMicro()
	n := sort.Search(b.recorded.n, func(i int) bool { return *b.recorded.at(i) > µs })
	if n == 0 {
		return NothingKnown
	}
	return uint64(n)
}

// LastRecorded is when the last event was recorded; the zero time for a book without events.
func (b *Book) LastRecorded() time.Time {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.recorded.n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(*b.recorded.at(b.recorded.n - 1))
}

// Fold takes the next event. An event out of turn is a *GapError; one that contradicts the events before it (an unknown
// request, a number left out, postings that do not balance) is a *eventstore.CorruptError. After an error the book is as it
// was. The book keeps parts of the event, which must not be changed afterwards, but none of one that holds a passing fact.
func (b *Book) Fold(e *eventv1.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Version != b.version+1 {
		return &GapError{b.version, e.Version}
	}
	if reason := b.check(e); reason != "" {
		return &eventstore.CorruptError{Stream: ledger.StreamOf(b.id), Version: e.Version, Reason: reason}
	}
	b.version = e.Version
	b.recorded.append(e.RecordedAt)
	b.actors.append(b.names.id(e.Actor))
	b.headers.add(e)
	first := b.journal.rows.n
	for _, v := range e.Vouchers {
		b.post(v)
	}
	b.fold(e, first)
	b.foldRoles(e)
	b.foldSplits(e, first)
	return nil
}

// fold gives the fact to its register. The event's vouchers are in the journal from row first on.
func (b *Book) fold(e *eventv1.Event, first int) {
	at := b.markOf(e)
	switch f := e.Fact.(type) {
	case *eventv1.Event_ResolutionRecorded:
		b.resolutions.add(f.ResolutionRecorded.Id, &resolution{fact: f.ResolutionRecorded,
			recorded: mark{e.Version, ledger.Day(f.ResolutionRecorded.DecidedOn)}})
	case *eventv1.Event_ResolutionConfirmed:
		b.resolutions.byID[f.ResolutionConfirmed.Id].confirmed = at
	case *eventv1.Event_RequestMade:
		b.foldRequest(f.RequestMade, at)
	case *eventv1.Event_RequestReviewed:
		b.stepRequest(f.RequestReviewed.Number, requestStep{mark: at, kind: stepReviewed})
	case *eventv1.Event_RequestApproved:
		b.stepRequest(f.RequestApproved.Number, requestStep{mark: at, kind: stepApproved})
	case *eventv1.Event_RequestRejected:
		b.stepRequest(f.RequestRejected.Number, requestStep{mark: at, kind: stepRejected, reason: f.RequestRejected.Reason})
	case *eventv1.Event_RequestWithdrawn:
		b.stepRequest(f.RequestWithdrawn.Number, requestStep{mark: at, kind: stepWithdrawn})
	case *eventv1.Event_PaymentSettled:
		b.stepRequest(f.PaymentSettled.Number, requestStep{mark: at, kind: stepSettled})
	case *eventv1.Event_TransferMade:
		b.stepRequest(f.TransferMade.Number, requestStep{mark: at, kind: stepSettled})
	case *eventv1.Event_CorrectionMade:
		if f.CorrectionMade.Number != 0 {
			b.stepRequest(f.CorrectionMade.Number, requestStep{mark: at, kind: stepSettled})
		}
	case *eventv1.Event_RequestExpired:
		b.stepRequest(f.RequestExpired.Number, requestStep{mark: at, kind: stepExpired})
	case *eventv1.Event_DepositReturned:
		b.stepRequest(f.DepositReturned.Number, requestStep{mark: at, kind: stepSettled})
	case *eventv1.Event_FlagRatified:
		b.foldRatified(f.FlagRatified, e.Version)
	case *eventv1.Event_EntitlementsListed:
		b.foldEntitlements(f.EntitlementsListed)
	case *eventv1.Event_DividendDeclared:
		b.stepRequest(f.DividendDeclared.RequestNumber, requestStep{mark: at, kind: stepSettled})
		b.foldDeclared(f.DividendDeclared, at)
	case *eventv1.Event_DividendFileSent:
		b.foldFileSent(f.DividendFileSent, at)
	case *eventv1.Event_DividendFileSettled:
		b.foldFileSettled(f.DividendFileSettled, at, first, len(e.Vouchers) > 0)
	case *eventv1.Event_DividendReturned:
		b.foldReturned(f.DividendReturned, at, first)
	default:
		b.foldHold(e)
		b.foldGrant(e, at, first)
		b.foldRound(e, at)
		b.foldReview(e)
		b.foldCharter(e)
		b.foldGift(e)
		b.foldPublished(e, at)
		b.foldPeople(e)
		b.foldInquiry(e, at)
	}
}

func (b *Book) markOf(e *eventv1.Event) mark {
	if f := e.GetCollectiveFounded(); f != nil {
		if zone, err := time.LoadLocation(f.TimeZone); err == nil { // check saw to it
			b.zone = zone
		}
	}
	if len(e.Vouchers) > 0 {
		return mark{e.Version, ledger.Day(e.Vouchers[0].OccurredOn)}
	}
	return mark{e.Version, ledger.DayOf(time.UnixMicro(e.RecordedAt), b.zone)}
}

// notBefore moves a mark to a day at the earliest.
func (m mark) notBefore(day ledger.Day) mark {
	m.day = max(m.day, day)
	return m
}

// view is a Moment resolved against the book as it is.
type view struct {
	asOf    ledger.Day
	version uint64 // events up to here count
	rows    int    // journal rows up to here count, before asOf is looked at
	all     bool   // every event counts
}

func (b *Book) view(m Moment) view {
	switch {
	case m.AsKnownAt == NothingKnown:
		return view{asOf: m.AsOf}
	case m.AsKnownAt == 0 || m.AsKnownAt >= b.version:
		return view{m.AsOf, b.version, b.journal.rows.n, true}
	}
	rows := sort.Search(b.journal.rows.n, func(i int) bool { return b.journal.rows.at(i).version > m.AsKnownAt })
	return view{m.AsOf, m.AsKnownAt, rows, false}
}

// on is the view as of a day, when that is earlier.
func (w view) on(day ledger.Day) view {
	if day != 0 && (w.asOf == 0 || day < w.asOf) {
		w.asOf = day
	}
	return w
}

// counts says whether a change is seen.
func (w view) counts(m mark) bool {
	return m.version != 0 && m.version <= w.version && (w.asOf == 0 || m.day <= w.asOf)
}

// page bounds a limit.
func page(limit int) int {
	if limit <= 0 {
		return PageDefault
	}
	return min(limit, PageMax)
}

// list gives the items after the first `after` of a register that show gives, at most limit. Next is the place to go on
// from, 0 at the end; items are never removed, so nothing is skipped or doubled when more arrive.
func list[T, R any](items []*T, after, limit int, show func(*T) (R, bool)) (found []R, next int) {
	limit = page(limit)
	for i := max(after, 0); i < len(items); i++ {
		r, ok := show(items[i])
		if !ok {
			continue
		}
		if len(found) == limit {
			return found, next
		}
		found = append(found, r)
		next = i + 1
	}
	return found, 0
}

func instant(µs int64) time.Time { return time.UnixMicro(µs).UTC() }
