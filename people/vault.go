package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// StreamPrefix begins the names of the vault's streams.
const StreamPrefix = "person-"

// orphanAge is how old a record has to be that the log does not know before it is swept: by then its command has failed for good.
const orphanAge = 24 * time.Hour

const (
	readersMax = 8                // records looked at together when a collective's vault is opened
	triesMax   = 8                // against erasures that are approved meanwhile
	retryAfter = 30 * time.Second // between two tries of what could not be carried out
	sweepEvery = time.Hour
)

var (
	// ErrUnknown says that the log has no such record.
	ErrUnknown = errors.New("no such record of personal data")
	// ErrBehind says that another node is ahead of this one: what was looked for was moved on. Trying again is safe.
	ErrBehind = errors.New("the vault is ahead of the log that is known here")
	// ErrLost says that what the log is committed to is not there, or is something else, although its time is not over.
	ErrLost = errors.New("what the log is committed to is not there")
)

// Log is what the vault asks of the books; *ledger.Service is one.
type Log interface {
	Collectives(ctx context.Context) ([]string, error)
	View(ctx context.Context, collective string, f func(*ledger.Collective) error) error
}

// Compacter is a store that can make sure that nothing of deleted streams is left in its file. One that others keep (a cluster) is
// scavenged by its operator.
type Compacter interface {
	Compact(ctx context.Context) error
}

// Options of a Vault. The zero value works.
type Options struct {
	Clock  func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default(); it is never given a value
}

// Vault (保管库) keeps records of personal data. What it shows of a collective is in line with the collective's log, as far as this process
// knows that: approved erasures are carried out before anything is shown. Its methods may be called at once.
type Vault struct {
	store  eventstore.Store
	log    Log
	clock  func() time.Time
	logger *slog.Logger
	wake   chan struct{} // holds a token when something was approved

	compacting sync.Mutex  // held while the store is compacted
	remains    atomic.Bool // parts of deleted streams may be in the store's files still

	mu      sync.Mutex
	shelves map[string]*shelf // by collective
}

// shelf is what the vault knows of a collective by heart: no value but names and masks.
type shelf struct {
	// How often the log had more about personal data, and up to which time of these it is in line. Equal: it is in line. A shelf that is
	// being brought in line is not, so that nobody is shown what is just being erased.
	news, settled atomic.Uint64

	mu      sync.Mutex // held while it is brought in line
	records map[uuid.UUID]*place
	origin  string
	names   atomic.Pointer[Names]
	masks   atomic.Pointer[Masks]
}

// stale says whether the log has more about personal data than was looked at.
func (s *shelf) stale() bool { return s.settled.Load() != s.news.Load() }

// place is where a record is.
type place struct {
	ledger.PersonalRecord
	lost       bool // the log does not say that it is erased, and it is not there
	name, mask string
}

// NewVault makes a vault on a store, which stays the caller's to close.
func NewVault(store eventstore.Store, log Log, o Options) *Vault {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Vault{store: store, log: log, clock: o.Clock, logger: o.Logger, wake: make(chan struct{}, 1), shelves: map[string]*shelf{}}
}

// Stream is the name of a record's stream after a number of erasures.
func Stream(record uuid.UUID, erasures uint32) string {
	if erasures == 0 {
		return StreamPrefix + record.String()
	}
	return fmt.Sprintf("%s%v-%d", StreamPrefix, record, erasures)
}

var streamName = regexp.MustCompile(`^` + StreamPrefix + `([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:-[1-9][0-9]{0,9})?$`)

// RecordOf gives the record that a stream is of.
func RecordOf(stream string) (record uuid.UUID, ok bool) {
	m := streamName.FindStringSubmatch(stream)
	if m == nil {
		return uuid.Nil, false
	}
	record, err := uuid.Parse(m[1])
	return record, err == nil
}

// Keep stores a record, before the log is told of it. meta says by whose command.
func (v *Vault) Keep(ctx context.Context, kept *eventv1.PersonalDataKept, meta ledger.Meta) error {
	if meta.Now.IsZero() {
		meta.Now = v.clock()
	}
	return v.append(ctx, Stream(uuid.UUID(kept.Record), 0), personal(kept), meta)
}

func personal(kept *eventv1.PersonalDataKept) *eventv1.Event {
	return &eventv1.Event{Fact: &eventv1.Event_PersonalDataKept{PersonalDataKept: kept}}
}

func (v *Vault) append(ctx context.Context, stream string, e *eventv1.Event, meta ledger.Meta) error {
	e.Version, e.RecordedAt, e.Actor, e.CommandId = 1, meta.Now.UnixMicro(), meta.Actor, meta.ID[:]
	stored, err := ledger.Encode(e)
	if err != nil {
		return fmt.Errorf("keep %s: %w", stream, err)
	}
	if _, err := v.store.Append(ctx, stream, 0, []eventstore.NewEvent{stored}); err != nil {
		return fmt.Errorf("keep %s: %w", stream, err)
	}
	return nil
}

// read gives what a stream keeps, nil when there is none.
func (v *Vault) read(ctx context.Context, stream string) (*eventv1.Event, error) {
	for stored, err := range v.store.Read(ctx, stream, 0) {
		if errors.Is(err, eventstore.ErrDeleted) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", stream, err)
		}
		e, err := ledger.Decode(stored)
		if err == nil && !keeps(e, stream) {
			err = &eventstore.CorruptError{Stream: stream, Version: stored.Version, Reason: "it keeps no personal data"}
		}
		return e, err
	}
	return nil, nil
}

// Observe marks what is known of a collective as old when there is more about personal data. It implements ledger.Observer.
func (v *Vault) Observe(collective string, events []*eventv1.Event) {
	for _, e := range events {
		switch e.Fact.(type) {
		case *eventv1.Event_PersonalDataCommitted:
			v.shelf(collective).news.Add(1)
		case *eventv1.Event_ErasureApproved:
			v.shelf(collective).news.Add(1)
			v.stir()
		}
	}
}

// stir wakes Run.
func (v *Vault) stir() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *Vault) shelf(collective string) *shelf {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.shelves[collective]
	if s == nil {
		s = &shelf{records: map[uuid.UUID]*place{}}
		s.news.Add(1)
		v.shelves[collective] = s
	}
	return s
}

// Entry is a record as the log and the vault have it.
type Entry struct {
	ledger.PersonalRecord
	Origin string                    // of the collective's log
	Kept   *eventv1.PersonalDataKept // nil when everything is erased, or lost
	Lost   bool                      // not there, and the log does not say why: evidence was lost
}

// Entry gives a record, ErrUnknown when the log has none. It reads the store and holds what it reads to the root in the log.
func (v *Vault) Entry(ctx context.Context, collective string, record uuid.UUID) (Entry, error) {
	for range triesMax {
		s, err := v.ready(ctx, collective)
		if err != nil {
			return Entry{}, err
		}
		s.mu.Lock()
		p := s.records[record]
		var e Entry
		if p != nil {
			e = Entry{PersonalRecord: p.PersonalRecord, Origin: s.origin, Lost: p.lost}
		}
		s.mu.Unlock()
		if p == nil {
			return Entry{}, ErrUnknown
		}
		if e.Erased == ledger.AllPersonalFields {
			return e, nil
		}
		kept, err := v.current(ctx, e.Origin, e.PersonalRecord)
		if err != nil {
			return Entry{}, err
		}
		if kept == nil && s.stale() {
			continue // it was erased a moment ago
		}
		e.Kept, e.Lost = kept, kept == nil
		return e, nil
	}
	return Entry{}, fmt.Errorf("record %v: %w", record, ErrBehind)
}

// current is what the stream that counts has of a record; nil when it is not there or is not what the log says.
func (v *Vault) current(ctx context.Context, origin string, r ledger.PersonalRecord) (*eventv1.PersonalDataKept, error) {
	e, err := v.sound(ctx, Stream(r.ID, r.Erasures), origin, r)
	return e.GetPersonalDataKept(), err
}

// sound is what a stream has of a record, if it is what the log is committed to; nil when it is not, or not there.
func (v *Vault) sound(ctx context.Context, stream, origin string, r ledger.PersonalRecord) (*eventv1.Event, error) {
	e, err := v.read(ctx, stream)
	if err == nil && e != nil {
		err = Check(e.GetPersonalDataKept(), origin, r.ID, r.Root)
	}
	if damaged := (*eventstore.CorruptError)(nil); errors.As(err, &damaged) || errors.Is(err, ErrOpening) {
		v.logger.Error("a record of personal data is not what the log is committed to", "stream", stream, "error", err.Error())
		return nil, nil
	}
	return e, err
}

// Names are the names that may not stand in public text of a collective. The set must not be changed.
func (v *Vault) Names(ctx context.Context, collective string) (*Names, error) {
	s, err := v.ready(ctx, collective)
	if err != nil {
		return nil, err
	}
	return s.names.Load(), nil
}

// Masks (掩码) are the masked names that boards print, by the person as vouchers name him: "member/17", "party/shop-3". Somebody of whose name
// or mask anything is restricted or erased, in any record, is not among them.
type Masks map[string]string

// Masks are those of a collective's people. They must not be changed.
func (v *Vault) Masks(ctx context.Context, collective string) (Masks, error) {
	s, err := v.ready(ctx, collective)
	if err != nil {
		return nil, err
	}
	return *s.masks.Load(), nil
}

// Lost lists the records of which the log says that something is kept and that are not there, in no particular order: evidence that
// was lost. It looks at every record again.
func (v *Vault) Lost(ctx context.Context, collective string) (lost []ledger.PersonalRecord, kept int, err error) {
	s := v.shelf(collective)
	s.mu.Lock()
	s.records = map[uuid.UUID]*place{}
	s.news.Add(1)
	s.mu.Unlock()
	if s, err = v.ready(ctx, collective); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.records {
		switch {
		case p.lost:
			lost = append(lost, p.PersonalRecord)
		case p.Erased != ledger.AllPersonalFields:
			kept++
		}
	}
	return lost, kept, nil
}

// keeps says whether an event is what its stream is for.
func keeps(e *eventv1.Event, stream string) bool {
	if _, asked := InquiryRecordOf(stream); asked {
		return e.GetInquiryTextKept() != nil
	}
	return e.GetPersonalDataKept() != nil
}
