package esdbtest

import (
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
)

// Expected versions as the server numbers them; a revision is itself.
const (
	noStream     int64 = -1
	anyVersion   int64 = -2
	streamExists int64 = -4
)

// proposal is an event that somebody wants to append.
type proposal struct {
	id     uuid.UUID
	kind   string
	json   bool
	data   []byte
	custom []byte
}

// verdict is what the table of appends says.
type verdict int

const (
	toWrite verdict = iota
	alreadyDone
	wrongVersion
	gone
)

// outcome of an append, a delete or a tombstone.
type outcome struct {
	verdict  verdict
	stream   string
	expected int64
	last     int64    // written or found: the last event; wrongVersion: the last there is, -1 for none
	at       position // of that event
}

// append decides and writes under one lock, then waits for the disk.
func (l *Log) append(name string, expected int64, events []proposal, now time.Time) (outcome, error) {
	l.mu.Lock()
	o, deleted := l.decide(name, expected, events)
	if o.verdict != toWrite || len(events) == 0 {
		if o.verdict == toWrite {
			o.verdict, o.at = alreadyDone, position{l.end, l.end}
		}
		l.mu.Unlock()
		return o, nil
	}
	w := l.begin(now)
	first := l.of(name).last() + 1
	for _, e := range events {
		r := w.add(name, e)
		o.last, o.at = r.number, r.position()
	}
	if deleted {
		// The stream was deleted and lives again: its old events stay cut off.
		data := metadataWith(l.of("$$"+name).events, first)
		w.add("$$"+name, proposal{id: uuid.New(), kind: metadataKind, json: true, data: data})
	}
	wait, err := w.commit()
	l.mu.Unlock()
	if err != nil {
		return outcome{}, err
	}
	return o, wait()
}

// decide is the table of appends, in the server's order (IndexWriter.CheckCommit, then StorageWriterService). deleted says that
// the stream was soft-deleted. The caller holds mu.
func (l *Log) decide(name string, expected int64, events []proposal) (o outcome, deleted bool) {
	s := l.of(name)
	cur := s.last()
	o = outcome{stream: name, expected: expected, last: cur}
	owner, isMetadata := strings.CutPrefix(name, "$$")
	if s.tombstone != nil || isMetadata && l.of(owner).tombstone != nil {
		o.verdict = gone
		return o, false
	}
	var metadata []*record
	if !isMetadata {
		metadata = l.of("$$" + name).events
		deleted = metadataOf(metadata).deleted()
	}
	switch {
	case expected == streamExists && deleted:
		o.verdict = gone
	case expected == streamExists && cur < 0 && len(metadata) == 0:
		o.verdict = wrongVersion
	case expected == anyVersion || expected == streamExists:
		o.verdict = l.decideByID(&o, events)
	case expected > cur:
		o.verdict = wrongVersion
	case expected < cur:
		o.verdict = decideByNumber(&o, s, deleted, events)
	}
	return o, deleted
}

// decideByID is for appends at any version: a repeat is known by the ids that the cache still has.
func (l *Log) decideByID(o *outcome, events []proposal) verdict {
	for i, e := range events {
		r := l.known.get(o.stream, e.id)
		switch {
		case r == nil && i == 0:
			return toWrite
		case r == nil:
			return wrongVersion
		}
		if i == len(events)-1 {
			o.last, o.at = r.number, r.position()
			return alreadyDone
		}
	}
	return toWrite // no events at all
}

// decideByNumber is for appends behind the end: a repeat is known by the ids that stand where these events would have gone.
func decideByNumber(o *outcome, s *streamRecords, deleted bool, events []proposal) verdict {
	if len(events) == 0 {
		return wrongVersion
	}
	for i, e := range events {
		number := o.expected + 1 + int64(i)
		switch {
		case number <= s.last() && s.events[number].id == e.id:
		case i == 0 && o.expected == noStream && deleted:
			return toWrite
		default:
			return wrongVersion
		}
	}
	r := s.events[o.expected+int64(len(events))]
	o.last, o.at = r.number, r.position()
	return alreadyDone
}

// Append receives options, then events, and writes when the client has said all.
func (s *service) Append(stream streams.Streams_AppendServer) error {
	first, err := stream.Recv()
	if err != nil {
		return received(err)
	}
	options := first.GetOptions()
	if options == nil {
		return handlerError("Specified argument was out of the range of valid values.")
	}
	name := string(options.GetStreamIdentifier().GetStreamName())
	call, err := s.open(stream.Context(), "Append", name)
	if err != nil {
		return err
	}
	defer call.done()
	expected, err := expectedOf(options.GetExpectedStreamRevision())
	if err != nil {
		return err
	}
	if name == "" {
		return handlerError("Value cannot be null. (Parameter 'streamIdentifier')")
	}
	if err := s.authorize(call, opWrite, name); err != nil {
		return err
	}
	events, err := s.receive(stream)
	if err != nil {
		return err
	}
	if err := call.writable(); err != nil {
		return err
	}
	o, err := s.log.append(name, expected, events, s.now())
	if err != nil {
		return handlerError(err.Error())
	}
	if err := call.after(); err != nil {
		return err
	}
	answer, err := o.appendAnswer()
	if err != nil {
		return err
	}
	return stream.SendAndClose(answer)
}

// receive reads the events of one append. The size is checked with each message: a client that goes on sending finds the call
// closed and may never see why.
func (s *service) receive(stream streams.Streams_AppendServer) ([]proposal, error) {
	var events []proposal
	size := 0
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, received(err)
		}
		p := m.GetProposedMessage()
		if p == nil {
			return nil, handlerError("Specified argument was out of the range of valid values.")
		}
		e, err := newProposal(p.GetId(), p.GetMetadata(), p.GetData(), p.GetCustomMetadata())
		if err != nil {
			return nil, err
		}
		if size += s.sizeOf(e); size > s.options.MaxAppendSize {
			return nil, tooBig(s.options.MaxAppendSize)
		}
		events = append(events, e)
	}
}

func (s *service) sizeOf(e proposal) int {
	if s.options.StrictSize {
		return len(e.data) + len(e.custom) + 2*len(e.kind)
	}
	return len(e.data)
}

// newProposal checks one event as the server does.
func newProposal(id *shared.UUID, metadata map[string]string, data, custom []byte) (proposal, error) {
	kind, ok := metadata["type"]
	if !ok {
		return proposal{}, missingMetadata("type")
	}
	content, ok := metadata["content-type"]
	if !ok {
		return proposal{}, missingMetadata("content-type")
	}
	eventID, ok := decodeID(id)
	if !ok || eventID == uuid.Nil {
		return proposal{}, handlerError("Empty eventId provided.")
	}
	if kind == "" {
		return proposal{}, handlerError("Empty eventType provided.")
	}
	return proposal{id: eventID, kind: kind, json: content == applicationJSON, data: data, custom: custom}, nil
}

// expectedOf reads the expected version of any of the four requests that carry one.
func expectedOf(option any) (int64, error) {
	switch e := option.(type) {
	case *streams.AppendReq_Options_NoStream, *streams.DeleteReq_Options_NoStream, *streams.TombstoneReq_Options_NoStream,
		*streams.BatchAppendReq_Options_NoStream:
		return noStream, nil
	case *streams.AppendReq_Options_Any, *streams.DeleteReq_Options_Any, *streams.TombstoneReq_Options_Any,
		*streams.BatchAppendReq_Options_Any:
		return anyVersion, nil
	case *streams.AppendReq_Options_StreamExists, *streams.DeleteReq_Options_StreamExists, *streams.TombstoneReq_Options_StreamExists,
		*streams.BatchAppendReq_Options_StreamExists:
		return streamExists, nil
	case *streams.AppendReq_Options_Revision:
		return revisionOf(e.Revision)
	case *streams.DeleteReq_Options_Revision:
		return revisionOf(e.Revision)
	case *streams.TombstoneReq_Options_Revision:
		return revisionOf(e.Revision)
	case *streams.BatchAppendReq_Options_StreamPosition:
		return revisionOf(e.StreamPosition)
	}
	return 0, invalidArgument("'None' is not a valid expected stream revision")
}

// revisionOf turns a revision into the server's number; MaxUint64 is no stream.
func revisionOf(revision uint64) (int64, error) {
	if revision > math.MaxInt64 && revision != math.MaxUint64 {
		return 0, handlerError("Specified argument was out of the range of valid values. (Parameter 'value')")
	}
	return int64(revision), nil
}
