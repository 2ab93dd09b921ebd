package esdbtest

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// position is a place in the log as the server counts: signed, and (-1, -1) before everything, which travels as MaxUint64.
type position struct{ commit, prepare int64 }

// nowhere is before the first record; on the wire it is the end of the log.
var nowhere = position{-1, -1}

func (p position) less(q position) bool {
	return p.commit < q.commit || p.commit == q.commit && p.prepare < q.prepare
}

// deletedNumber is the number of a tombstone and the $tb of a deleted stream.
const deletedNumber = math.MaxInt64

// record is one event of the log. It never changes once the log shows it, so readers share it without a lock.
type record struct {
	id      uuid.UUID
	stream  string
	number  int64
	offset  int64 // where it starts in the log
	next    int64 // where it ends
	kind    string
	json    bool
	created int64 // 100 ns since 1970
	data    []byte
	custom  []byte

	frame []byte // the whole ReadResp with a structured id; data and custom lie in it
	rest  int    // where the part of frame after the id begins
	tail  int    // length of what follows the recorded event in frame

	metadata atomic.Pointer[streamMetadata] // of a $metadata event, once somebody asked
}

func (r *record) position() position { return position{r.offset, r.offset} }

// hidden says that $all never shows this record: bookkeeping of elections and of persistent subscriptions to $all.
func (r *record) hidden() bool {
	if r.stream == "$epoch-information" || r.kind == "$epoch-information" {
		return true
	}
	return strings.HasPrefix(r.stream, "$persistentsubscription-$all::") &&
		(strings.HasSuffix(r.stream, "-checkpoint") || strings.HasSuffix(r.stream, "-parked"))
}

// sizeInLog is what a record would take in the server's log: its fields, the fixed part of a prepare, and both lengths.
func (r *record) sizeInLog() int64 {
	const fixed = 8 + 2 + 8 + 8 + 4 + 8 + 16 + 16 + 8 + 2
	return int64(fixed + len(r.stream) + len(r.kind) + len(r.data) + len(r.custom))
}

// encode builds frame and moves data and custom into it. scratch is room to work in; the room is returned for the next time.
// Encoding once, when the record is written, is what makes a read of a stream little more than handing buffers to gRPC.
func (r *record) encode(scratch []byte) []byte {
	b := scratch[:0]
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(r.stream))))
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendString(b, r.stream)
	for i, v := range [3]int64{r.number, r.offset, r.offset} {
		if v != 0 {
			b = protowire.AppendTag(b, protowire.Number(3+i), protowire.VarintType)
			b = protowire.AppendVarint(b, uint64(v))
		}
	}
	for _, kv := range r.properties() {
		b = protowire.AppendTag(b, 6, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(2+protowire.SizeBytes(len(kv[0]))+protowire.SizeBytes(len(kv[1]))))
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendString(b, kv[0])
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendString(b, kv[1])
	}
	b = protowire.AppendTag(b, 7, protowire.BytesType)
	b = protowire.AppendBytes(b, r.custom)
	customEnd := len(b)
	b = protowire.AppendTag(b, 8, protowire.BytesType)
	b = protowire.AppendBytes(b, r.data)

	var idRoom [32]byte
	id := appendStructured(idRoom[:0], r.id)
	var tailRoom [16]byte
	tail := protowire.AppendTag(tailRoom[:0], 3, protowire.VarintType)
	tail = protowire.AppendVarint(tail, uint64(r.offset))
	frame := appendHead(make([]byte, 0, len(id)+len(b)+len(tail)+24), id, len(b), len(tail))
	r.rest = len(frame)
	r.tail = len(tail)
	frame = append(frame, b...)
	frame = append(frame, tail...)
	end := r.rest + len(b)
	r.data = frame[end-len(r.data) : end : end]
	r.custom = frame[r.rest+customEnd-len(r.custom) : r.rest+customEnd : r.rest+customEnd]
	r.frame = frame
	return b
}

// appendHead opens ReadResp.event and ReadEvent.event and writes the id; rest and tail bytes are to follow.
func appendHead(b, id []byte, rest, tail int) []byte {
	recorded := len(id) + rest
	event := 1 + protowire.SizeVarint(uint64(recorded)) + recorded + tail
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(event))
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(recorded))
	return append(b, id...)
}

// appendStructured writes field 1, a UUID in two halves.
func appendStructured(b []byte, id uuid.UUID) []byte {
	most, least := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var room [24]byte
	halves := room[:0]
	for i, v := range [2]uint64{most, least} {
		if v != 0 {
			halves = protowire.AppendTag(halves, protowire.Number(1+i), protowire.VarintType)
			halves = protowire.AppendVarint(halves, v)
		}
	}
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(halves))))
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	return protowire.AppendBytes(b, halves)
}

// answer is the ReadResp for this record, ready to send.
func (r *record) answer(ids idForm) encoded {
	if ids == structuredID {
		return encoded{mem.SliceBuffer(r.frame)}
	}
	var room [48]byte
	id := protowire.AppendTag(room[:0], 1, protowire.BytesType)
	id = protowire.AppendVarint(id, 38)
	id = protowire.AppendTag(id, 2, protowire.BytesType)
	id = protowire.AppendString(id, r.id.String())
	head := appendHead(make([]byte, 0, len(id)+24), id, len(r.frame)-r.rest-r.tail, r.tail)
	return encoded{mem.SliceBuffer(head), mem.SliceBuffer(r.frame[r.rest:])}
}

func (r *record) properties() [3][2]string {
	content := octetStream
	if r.json {
		content = applicationJSON
	}
	return [3][2]string{{"type", r.kind}, {"created", strconv.FormatInt(r.created, 10)}, {"content-type", content}}
}

// message is the recorded event as a message, for the rare answers that hold two of them.
func (r *record) message(ids idForm) *streams.ReadResp_ReadEvent_RecordedEvent {
	properties := make(map[string]string, 3)
	for _, kv := range r.properties() {
		properties[kv[0]] = kv[1]
	}
	return &streams.ReadResp_ReadEvent_RecordedEvent{
		Id: ids.encode(r.id), StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.stream)},
		StreamRevision: uint64(r.number), PreparePosition: uint64(r.offset), CommitPosition: uint64(r.offset),
		Metadata: properties, CustomMetadata: r.custom, Data: r.data,
	}
}

const (
	applicationJSON = "application/json"
	octetStream     = "application/octet-stream"
)

// ticks are 100 ns since 1970, as the server writes times.
func ticks(t time.Time) int64 { return t.UnixNano() / 100 }

// idForm is how a caller wants ids written.
type idForm int

const (
	structuredID idForm = iota
	stringID
)

func (f idForm) encode(id uuid.UUID) *shared.UUID {
	if f == stringID {
		return &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}}
	}
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// decodeID reads either form; false if there is none or it is no UUID.
func decodeID(u *shared.UUID) (uuid.UUID, bool) {
	switch v := u.GetValue().(type) {
	case *shared.UUID_Structured_:
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[:8], uint64(v.Structured.GetMostSignificantBits()))
		binary.BigEndian.PutUint64(id[8:], uint64(v.Structured.GetLeastSignificantBits()))
		return id, true
	case *shared.UUID_String_:
		id, err := uuid.Parse(v.String_)
		return id, err == nil
	}
	return uuid.UUID{}, false
}
