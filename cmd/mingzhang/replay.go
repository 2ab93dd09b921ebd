package main

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// replay makes the books of a log that nobody has to be believed about: each event is held to the rules by an audit, and folded
// into books beside it; in the end both have to agree. What does not follow is a *transparency.PublishedError of the first event
// that does not.
type replay struct {
	origin string // the log that the events are of
	bar    *progress

	audit  *ledger.Audit
	book   *projections.Book // nil before the first event
	claims []claim
}

// claim is a root of earlier events that an event states.
type claim struct {
	version uint64 // of the event
	size    uint64
	root    []byte
}

func newReplay(origin string, bar *progress) *replay {
	return &replay{origin: origin, bar: bar, audit: ledger.NewAudit()}
}

// read takes all events, which have to be checked as bytes already.
func (r *replay) read(stored iter.Seq2[eventstore.Event, error]) error {
	defer r.bar.end()
	for events, err := range ledger.Decoded(stored) {
		if err := r.fold(events); err != nil {
			return err
		}
		var damage *eventstore.CorruptError
		if errors.As(err, &damage) {
			return wrongEvent(damage.Version, "it cannot be read: "+damage.Reason)
		}
		if err != nil {
			return err
		}
		if len(events) > 0 {
			r.bar.at(int64(events[len(events)-1].Version))
		}
	}
	if r.book == nil {
		return &transparency.PublishedError{File: transparency.CheckpointFile, Reason: "it is of no events"}
	}
	return r.compare()
}

// fold takes the next events, the audit and the books at once.
func (r *replay) fold(events []*eventv1.Event) error {
	if len(events) == 0 {
		return nil
	}
	if r.book == nil {
		book, err := begin(r.origin, events[0])
		if err != nil {
			return wrongEvent(events[0].Version, err.Error())
		}
		r.book = book
	}
	folded := make(chan error, 1)
	go func() { folded <- foldEach(events, r.book.Fold) }()
	err := foldEach(events, r.audit.Add)
	if other := <-folded; err == nil || other != nil && versionOf(other) < versionOf(err) {
		err = other
	}
	if err != nil {
		return err
	}
	for _, e := range events {
		if f := e.GetEditionPublished(); f != nil {
			if f.Version >= e.Version {
				return wrongEvent(e.Version, fmt.Sprintf("it publishes an edition made from %d events", f.Version))
			}
			r.claims = append(r.claims, claim{e.Version, f.Version, bytes.Clone(f.Root)})
		}
	}
	return nil
}

func foldEach(events []*eventv1.Event, fold func(*eventv1.Event) error) error {
	for _, e := range events {
		if err := fold(e); err != nil {
			reason := err.Error()
			if damage := (*eventstore.CorruptError)(nil); errors.As(err, &damage) {
				reason = damage.Reason
			}
			return wrongEvent(e.Version, "it does not follow from those before it: "+reason)
		}
	}
	return nil
}

func versionOf(err error) uint64 {
	var bad *transparency.PublishedError
	errors.As(err, &bad)
	return bad.Version
}

// compare wants the books to be those of the audit: every balance, both sides of the trial balance, the closed months.
func (r *replay) compare() error {
	wrong := func(format string, args ...any) error {
		return &transparency.PublishedError{File: entriesFile, Reason: fmt.Sprintf(format, args...)}
	}
	if err := r.book.CheckInvariant(); err != nil {
		return wrong("%v", err)
	}
	folded := map[ledger.Account]ledger.Fen{}
	for _, b := range r.book.Balances(projections.Moment{}) {
		folded[b.Account] = b.Balance
	}
	accounts := 0
	for account, balance := range r.audit.Balances() {
		accounts++
		if have, ok := folded[account]; !ok || have != balance {
			return wrong("%s is %v by the rules and %v in the books", account, balance, have)
		}
	}
	if accounts != len(folded) {
		return wrong("the books have %d accounts, by the rules there are %d", len(folded), accounts)
	}
	var closed ledger.Month
	for _, p := range r.book.ClosedPeriods(projections.Moment{}) {
		closed = p.Month
	}
	if closed != r.audit.State().ClosedThrough() {
		return wrong("the books are closed through %v, by the rules through %v", closed, r.audit.State().ClosedThrough())
	}
	return nil
}

// claimed wants the roots that events state to be those of the log.
func (r *replay) claimed(rootAt func(size uint64) (transparency.Hash, bool)) error {
	for _, c := range r.claims {
		if root, ok := rootAt(c.size); !ok || !bytes.Equal(root[:], c.root) {
			return wrongEvent(c.version, fmt.Sprintf("it states a root of the first %d events that they do not have", c.size))
		}
	}
	return nil
}

// entriesFile stands for the bundles, where it is not said in which one an event lies.
const entriesFile = "tile/entries"

func wrongEvent(version uint64, reason string) error {
	return &transparency.PublishedError{File: entriesFile, Version: version, Reason: reason}
}

// begin takes the founding of a collective, in the log that it names.
func begin(origin string, event *eventv1.Event) (*projections.Book, error) {
	f := event.GetCollectiveFounded()
	if id := f.GetCollectiveId(); !ledger.ValidCollectiveID(id) {
		return nil, errors.New("it does not found a collective")
	}
	if f.LogOrigin != origin {
		return nil, fmt.Errorf("it founds the log %s, not %s", f.LogOrigin, origin)
	}
	return projections.NewBook(f.CollectiveId), nil
}
