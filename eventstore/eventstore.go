// Package eventstore is the port to the log: streams of events, appended at an expected version and never changed.
//
// The event store is the only source of truth. A stream is named by text (for a collective "collective-<id>"), its events
// carry versions 1, 2, 3 … without a gap, and all events of a store share one total order, the position. Nothing but the
// stored bytes carries meaning: an adapter copies Data verbatim, never parses it and never encodes it again.
//
// Implementations: Memory in this package, eventstore/sqlite for the embedded store, eventstore/eventstoredb for a cluster. Each
// must pass the suite in eventstore/eventstoretest, which is this contract as a test.
package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Limits of one append. An adapter refuses more with ErrTooLarge before anything is stored.
const (
	EventBytesMax  = 32 << 10  // 32 KiB, Data of one event
	AppendBytesMax = 1<<20 - 1 // less than 1 MiB, sum of NewEvent.Size of one append
	StreamNameMax  = 128       // bytes of a stream name, printable ASCII without spaces
	TypeNameMax    = 64        // bytes of an event's type, [a-z0-9_]
)

// Event is one stored fact.
type Event struct {
	Stream   string // name of the stream
	Version  uint64 // place in the stream, from 1
	Position uint64 // place in the whole store, from 1, growing; gaps are allowed
	Type     string // name of the fact, e.g. "income_recorded"; a copy for people and filters, Data decides
	Data     []byte // the bytes that were appended; shared, must not be changed; keeping it may keep up to 64 KiB around it
}

// NewEvent is an event on its way into a store.
type NewEvent struct {
	Type string // not empty, at most TypeNameMax bytes of [a-z0-9_]
	Data []byte // not empty, at most EventBytesMax; the store keeps the slice, so the caller must not change it
}

// Store keeps streams of events.
//
// All methods may be called at once from many goroutines. A cancelled context ends a read, and ends an append that has not
// been handed to the storage yet; an append already handed over runs to its end, and its caller then learns the outcome.
type Store interface {
	// Append stores the events as versions expected+1, expected+2, … of the stream, all or none of them, and returns the
	// position of the last. When it returns without error the events survive the loss of power. An append of no events
	// checks the version and returns position 0. A store may answer an append of exactly the events that stand at these versions
	// already as if it had stored them.
	//
	// Errors after which nothing was stored: *ConflictError when the stream's version is not expected; ErrDeleted;
	// ErrTooLarge; ErrInvalid for a bad name or type or empty data; ErrNoSpace when there is no room; ErrClosed;
	// *CorruptError when the stream is known to be damaged; the context's error when it ended before the append was handed
	// over. Any other error means that the outcome is unknown: the events may or may not be there, and the caller has to
	// read the stream before it goes on.
	Append(ctx context.Context, stream string, expected uint64, events []NewEvent) (position uint64, err error)

	// Version is the number of events in the stream: 0 for a stream that does not exist.
	Version(ctx context.Context, stream string) (uint64, error)

	// Read yields the events of the stream with versions after+1, after+2, … up to the version the stream had when the
	// read began, in order and without a gap. It yields an error once, as the last thing. A *CorruptError says that the
	// stored stream breaks its own rules. A stream that is deleted during the read is yielded to its end or ends with
	// ErrDeleted. A sequence may be run again and then reads again.
	Read(ctx context.Context, stream string, after uint64) iter.Seq2[Event, error]

	// ReadAll yields the events of all streams with a position greater than after, in order of position, up to the
	// position that was last when the read began.
	ReadAll(ctx context.Context, after uint64) iter.Seq2[Event, error]

	// Subscribe yields like ReadAll and then goes on with new events as they are stored, until the context ends (its error
	// is yielded last) or the store closes (ErrClosed). Delivery is at least once per subscription and in order. A consumer
	// that falls behind costs the store nothing but the reads it makes later: no event waits for it in memory.
	Subscribe(ctx context.Context, after uint64) iter.Seq2[Event, error]

	// Delete removes a stream for good; its name cannot be used again, even when nothing was ever stored under it (Append
	// gives ErrDeleted, Read yields nothing and Version is 0). It exists for personal data: an append that arrives after the
	// erasure must not bring the person back. Deleting a stream that is absent or deleted is no error.
	Delete(ctx context.Context, stream string) error

	// Close waits for appends under way, then releases the storage. A second call is no error.
	Close() error
}

// What a store can answer besides a plain failure.
var (
	ErrTooLarge = errors.New("append too large")
	ErrInvalid  = errors.New("invalid stream name or event")
	ErrNoSpace  = errors.New("no space left for the log")
	ErrClosed   = errors.New("event store closed")
	ErrDeleted  = errors.New("stream deleted")
)

// ConflictError says that somebody appended first.
type ConflictError struct {
	Stream   string
	Expected uint64 // the version the caller named
	Actual   uint64 // the version the stream has
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("stream %s is at version %d, not %d", e.Stream, e.Actual, e.Expected)
}

// CorruptError says that stored bytes are not what was stored: a gap, a bad row, a hash that does not fit. Nobody repairs
// it in silence; the stream stops here.
type CorruptError struct {
	Stream  string
	Version uint64 // first version known to be wrong; 0 when only the stream as a whole is known to be wrong
	Reason  string
}

func (e *CorruptError) Error() string {
	if e.Version == 0 {
		return fmt.Sprintf("stream %s is damaged: %s", e.Stream, e.Reason)
	}
	return fmt.Sprintf("stream %s is damaged at version %d: %s", e.Stream, e.Version, e.Reason)
}
