package esdbtest

import (
	"context"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
)

// remove deletes a stream: softly, by metadata that cuts everything off, or for good, by a tombstone. The table of appends
// decides, with an id that nobody has seen, so a repeat is never recognised.
func (l *Log) remove(name string, expected int64, forGood bool, now time.Time) (outcome, error) {
	l.mu.Lock()
	o, _ := l.decide(name, expected, []proposal{{id: uuid.New()}})
	if o.verdict == toWrite && !forGood && o.last < 0 && len(l.of("$$"+name).events) == 0 {
		o.verdict = wrongVersion
	}
	if o.verdict != toWrite {
		l.mu.Unlock()
		return o, nil
	}
	w := l.begin(now)
	if forGood {
		o.at = w.add(name, proposal{id: uuid.New(), kind: tombstoneKind}).position()
	} else {
		data := metadataWith(nil, deletedNumber) // access lists and the rest are lost, as on the server
		o.at = w.add("$$"+name, proposal{id: uuid.New(), kind: metadataKind, json: true, data: data}).position()
	}
	wait, err := w.commit()
	l.mu.Unlock()
	if err != nil {
		return outcome{}, err
	}
	return o, wait()
}

// Delete deletes softly.
func (s *service) Delete(ctx context.Context, req *streams.DeleteReq) (*streams.DeleteResp, error) {
	options := req.GetOptions()
	at, err := s.remove(ctx, "Delete", string(options.GetStreamIdentifier().GetStreamName()), options.GetExpectedStreamRevision())
	if err != nil {
		return nil, err
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{Position: &streams.DeleteResp_Position{
		CommitPosition: uint64(at.commit), PreparePosition: uint64(at.prepare)}}}, nil
}

// Tombstone deletes for good.
func (s *service) Tombstone(ctx context.Context, req *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	options := req.GetOptions()
	at, err := s.remove(ctx, "Tombstone", string(options.GetStreamIdentifier().GetStreamName()), options.GetExpectedStreamRevision())
	if err != nil {
		return nil, err
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{Position: &streams.TombstoneResp_Position{
		CommitPosition: uint64(at.commit), PreparePosition: uint64(at.prepare)}}}, nil
}

func (s *service) remove(ctx context.Context, method, name string, option any) (position, error) {
	call, err := s.open(ctx, method, name)
	if err != nil {
		return position{}, err
	}
	defer call.done()
	expected, err := expectedOf(option)
	if err != nil {
		return position{}, err
	}
	if name == "" {
		return position{}, handlerError("Value cannot be null. (Parameter 'streamIdentifier')")
	}
	if err := s.authorize(call, opDelete, name); err != nil {
		return position{}, err
	}
	if err := call.writable(); err != nil {
		return position{}, err
	}
	o, err := s.log.remove(name, expected, method == "Tombstone", s.now())
	if err != nil {
		return position{}, handlerError(err.Error())
	}
	if err := call.after(); err != nil {
		return position{}, err
	}
	return o.at, o.failure(method)
}
