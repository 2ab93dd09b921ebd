package eventstoredb

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that requests are written with
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// What a read answers is taken apart here and not by the generated messages: those make a map of every event's metadata, which
// costs more than hashing, decoding and folding the event. The numbers are those of streams.proto and shared.proto.

// answer is one message of a read: an event, a checkpoint, or neither (confirmation, caught up, not found and so on).
type answer struct {
	event      *recorded
	checkpoint *place
}

// recorded is a stored event as the server gives it. What is no number lies in the message and may be kept.
type recorded struct {
	stream   []byte
	revision uint64
	place    place
	id       [2]uint64 // structured; the request asks for it
	kind     []byte    // the property "type"
	data     []byte
}

// answerCodec reads answers and writes requests.
type answerCodec struct{ encoding.CodecV2 }

var answers = answerCodec{encoding.GetCodecV2("proto")}

// Unmarshal implements encoding.CodecV2 for an *answer.
func (c answerCodec) Unmarshal(data mem.BufferSlice, v any) error {
	a, ok := v.(*answer)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	*a = answer{}
	return fields(data.Materialize(), func(number protowire.Number, value []byte) (err error) {
		switch number {
		case 1:
			a.event, err = parseEvent(value)
		case 3:
			a.checkpoint, err = parsePlace(value)
		}
		return err
	}, nil)
}

var errWire = errors.New("the server's answer is no message")

// fields hands on each field of a message: the bytes of one that has a length to text, a varint to number; either may be nil.
func fields(b []byte, text func(protowire.Number, []byte) error, number func(protowire.Number, uint64)) error {
	for len(b) > 0 {
		field, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("%w: %w", errWire, protowire.ParseError(size))
		}
		b = b[size:]
		var value []byte
		var n uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		default:
			size = protowire.ConsumeFieldValue(field, kind, b)
		}
		if size < 0 {
			return fmt.Errorf("%w: %w", errWire, protowire.ParseError(size))
		}
		b = b[size:]
		switch {
		case kind == protowire.BytesType && text != nil:
			if err := text(field, value); err != nil {
				return err
			}
		case kind == protowire.VarintType && number != nil:
			number(field, n)
		}
	}
	return nil
}

// parseEvent reads a ReadEvent. A link is passed over: it is none of ours.
func parseEvent(b []byte) (e *recorded, err error) {
	e = new(recorded)
	return e, fields(b, func(field protowire.Number, value []byte) error {
		if field != 1 {
			return nil
		}
		return fields(value, e.text, e.number)
	}, nil)
}

func (e *recorded) number(field protowire.Number, n uint64) {
	switch field {
	case 3:
		e.revision = n
	case 4:
		e.place.prepare = n
	case 5:
		e.place.commit = n
	}
}

func (e *recorded) text(field protowire.Number, value []byte) error {
	switch field {
	case 1:
		return fields(value, func(field protowire.Number, value []byte) error {
			if field != 1 {
				return nil
			}
			return fields(value, nil, func(field protowire.Number, n uint64) {
				if field == 1 || field == 2 {
					e.id[field-1] = n
				}
			})
		}, nil)
	case 2:
		return fields(value, func(field protowire.Number, value []byte) error {
			if field == 3 {
				e.stream = value
			}
			return nil
		}, nil)
	case 6:
		return e.property(value)
	case 8:
		e.data = value
	}
	return nil
}

func (e *recorded) property(b []byte) error {
	var key, value []byte
	err := fields(b, func(field protowire.Number, text []byte) error {
		switch field {
		case 1:
			key = text
		case 2:
			value = text
		}
		return nil
	}, nil)
	if string(key) == "type" {
		e.kind = value
	}
	return err
}

// parsePlace reads a Checkpoint.
func parsePlace(b []byte) (*place, error) {
	p := new(place)
	return p, fields(b, nil, func(field protowire.Number, n uint64) {
		switch field {
		case 1:
			p.commit = n
		case 2:
			p.prepare = n
		}
	})
}
