package eventstoredb

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// FuzzAnswer compares what is read of an answer with the generated messages: whatever they take, and everything of it that is used.
func FuzzAnswer(f *testing.F) {
	recorded := &streams.ReadResp_ReadEvent_RecordedEvent{
		Id: wireID(EventID("s", 1, []byte("data"))), StreamIdentifier: streamID("s"), StreamRevision: 7, PreparePosition: 8, CommitPosition: 9,
		Metadata: map[string]string{"type": "noted", "created": "17", "content-type": "application/octet-stream"}, CustomMetadata: []byte("c"), Data: []byte("data"),
	}
	for _, m := range []*streams.ReadResp{
		{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{Event: recorded, Link: recorded, Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: 9}}}},
		{Content: &streams.ReadResp_Checkpoint_{Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: 5, PreparePosition: 1<<64 - 1}}},
		{Content: &streams.ReadResp_Confirmation{Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: "x"}}},
		{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}},
		{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{StreamIdentifier: streamID("s")}}},
		{},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := new(streams.ReadResp)
		got := new(answer)
		wrong := proto.Unmarshal(b, want)
		err := answers.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, got)
		if wrong != nil {
			return // ours need not notice: it does not read what is not used
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		again, err := proto.Marshal(want)
		if err != nil || len(again) != len(b) {
			return // fields that come twice, or are unknown: servers write none
		}
		if e := want.GetEvent().GetEvent(); e != nil {
			id := e.GetId().GetStructured()
			if got.event == nil || !bytes.Equal(got.event.stream, e.GetStreamIdentifier().GetStreamName()) || got.event.revision != e.GetStreamRevision() ||
				got.event.place != (place{e.GetCommitPosition(), e.GetPreparePosition()}) || string(got.event.kind) != e.GetMetadata()["type"] ||
				!bytes.Equal(got.event.data, e.GetData()) || got.event.id != [2]uint64{uint64(id.GetMostSignificantBits()), uint64(id.GetLeastSignificantBits())} {
				t.Errorf("read %+v of %v", got.event, e)
			}
		}
		if c := want.GetCheckpoint(); c != nil && (got.checkpoint == nil || *got.checkpoint != (place{c.GetCommitPosition(), c.GetPreparePosition()})) {
			t.Errorf("read %v of %v", got.checkpoint, c)
		}
		if want.GetEvent() == nil && got.event != nil || want.GetCheckpoint() == nil && got.checkpoint != nil {
			t.Errorf("read %+v of %v", got, want)
		}
	})
}

// TestEventID fixes what ids are made of: they are in every cluster for ever.
func TestEventID(t *testing.T) {
	if got, want := EventID("collective-liminba", 12, []byte("data")).String(), "1be4a6dd-9a8d-988c-dcd0-3cdb92df8618"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	id := EventID("s", 1, nil)
	wire := wireID(id).GetStructured()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(wire.MostSignificantBits))
	binary.BigEndian.PutUint64(b[8:], uint64(wire.LeastSignificantBits))
	if b != id {
		t.Errorf("%x is sent as %x", id, b)
	}
}
