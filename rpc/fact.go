package rpc

import (
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// DecodeEvent decodes the bytes of a LogEvent: a mingzhang.event.v1.Event, for clients in this process that show the fields of any fact.
func DecodeEvent(data []byte) (proto.Message, error) {
	event := new(eventv1.Event)
	return event, proto.Unmarshal(data, event)
}
