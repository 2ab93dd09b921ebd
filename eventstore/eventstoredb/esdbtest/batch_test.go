package esdbtest_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

func proposed(size int) *streams.BatchAppendReq_ProposedMessage {
	return &streams.BatchAppendReq_ProposedMessage{Id: stringID(), Metadata: properties, Data: make([]byte, size)}
}

func batchOptions(stream string) *streams.BatchAppendReq_Options {
	return &streams.BatchAppendReq_Options{StreamIdentifier: id(stream),
		ExpectedStreamPosition: &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}},
		DeadlineOption:         &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(time.Minute)}}
}

// batchAnswers sends the requests, says that this was all and returns the answers by correlation id.
func batchAnswers(t *testing.T, s *esdbtest.Server, requests ...*streams.BatchAppendReq) (map[string]*streams.BatchAppendResp, error) {
	t.Helper()
	stream, err := streams.NewStreamsClient(dial(t, s)).BatchAppend(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if err := stream.Send(r); err != nil {
			break
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]*streams.BatchAppendResp)
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return answers, nil
		}
		if err != nil {
			return answers, err
		}
		key := r.GetCorrelationId().GetString_()
		if answers[key] != nil {
			t.Errorf("%s is answered twice", key)
		}
		answers[key] = r
	}
}

func TestBatchAppendAnswers(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{MaxAppendSize: 1000})
	if _, _, err := rawAppend(t, dial(t, s), anyOptions("two"), usual(), usual()); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.NewStreamsClient(dial(t, s)).Tombstone(deadline(t), &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
		StreamIdentifier: id("gone"), ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: empty}}}); err != nil {
		t.Fatal(err)
	}
	one := []*streams.BatchAppendReq_ProposedMessage{proposed(10)}
	change := func(stream string, f func(*streams.BatchAppendReq_Options)) *streams.BatchAppendReq_Options {
		o := batchOptions(stream)
		f(o)
		return o
	}
	for _, row := range []struct {
		name    string
		options *streams.BatchAppendReq_Options
		events  []*streams.BatchAppendReq_ProposedMessage
		code    codes.Code
		detail  string // name of the only detail
		last    uint64
	}{
		{"any", batchOptions("two"), one, codes.OK, "", 2},
		{"new", batchOptions("new"), []*streams.BatchAppendReq_ProposedMessage{proposed(500), proposed(500)}, codes.OK, "", 1},
		{"deadline as a time", change("new", func(o *streams.BatchAppendReq_Options) {
			o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline_21_10_0{Deadline_21_10_0: timestamppb.New(time.Now().Add(time.Hour))}
		}), one, codes.OK, "", 2},
		{"wrong version", change("two", func(o *streams.BatchAppendReq_Options) {
			o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
		}), one, codes.AlreadyExists, "event_store.client.WrongExpectedVersion", 0},
		{"tombstoned", batchOptions("gone"), one, codes.NotFound, "event_store.client.StreamDeleted", 0},
		{"too big", batchOptions("new"), []*streams.BatchAppendReq_ProposedMessage{proposed(500), proposed(501)}, codes.InvalidArgument,
			"event_store.client.MaximumAppendSizeExceeded", 0},
		{"no name", change("", func(o *streams.BatchAppendReq_Options) { o.StreamIdentifier = nil }), one, codes.InvalidArgument, "event_store.client.BadRequest", 0},
		{"no type", batchOptions("new"), []*streams.BatchAppendReq_ProposedMessage{{Id: stringID()}}, codes.InvalidArgument, "event_store.client.BadRequest", 0},
		{"no time", change("new", func(o *streams.BatchAppendReq_Options) {
			o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(0)}
		}), one, codes.DeadlineExceeded, "event_store.client.Timeout", 0},
	} {
		correlation := stringID()
		answers, err := batchAnswers(t, s, &streams.BatchAppendReq{CorrelationId: correlation, Options: row.options, ProposedMessages: row.events, IsFinal: true})
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		a := answers[correlation.GetString_()]
		if row.code == codes.OK {
			if a.GetSuccess().GetCurrentRevision() != row.last || a.GetSuccess().GetPosition().GetCommitPosition() == 0 ||
				string(a.GetStreamIdentifier().GetStreamName()) != string(row.options.GetStreamIdentifier().GetStreamName()) {
				t.Errorf("%s: %v", row.name, a)
			}
			continue
		}
		if d := a.GetError().GetDetails(); codes.Code(a.GetError().GetCode()) != row.code || len(d) != 1 || string(d[0].MessageName()) != row.detail {
			t.Errorf("%s: %v", row.name, a)
		}
	}
}

// Requests of several appends may be mixed; those that nobody opened are ignored, and those that nobody finished say nothing when
// the client leaves first.
func TestBatchAppendInPieces(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	a, b, unknown, unfinished := stringID(), stringID(), stringID(), stringID()
	piece := func(c *shared.UUID, o *streams.BatchAppendReq_Options, final bool) *streams.BatchAppendReq {
		return &streams.BatchAppendReq{CorrelationId: c, Options: o, ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{proposed(10)}, IsFinal: final}
	}
	answers, err := batchAnswers(t, s, piece(a, batchOptions("a"), false), piece(b, batchOptions("b"), false), piece(unknown, nil, true),
		piece(unfinished, batchOptions("c"), false), piece(b, nil, false), piece(b, nil, true), piece(a, nil, true), piece(a, nil, true))
	if err != nil || len(answers) != 2 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	if got := answers[a.GetString_()].GetSuccess().GetCurrentRevision(); got != 1 {
		t.Errorf("a ends at %d", got)
	}
	if got := answers[b.GetString_()].GetSuccess().GetCurrentRevision(); got != 2 {
		t.Errorf("b ends at %d", got)
	}
}

func TestBatchAppendExpires(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{WriteTimeout: 10 * time.Millisecond})
	stream, err := streams.NewStreamsClient(dial(t, s)).BatchAppend(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&streams.BatchAppendReq{CorrelationId: stringID(), Options: batchOptions("late")}); err != nil {
		t.Fatal(err)
	}
	r, err := stream.Recv()
	if err != nil || codes.Code(r.GetError().GetCode()) != codes.DeadlineExceeded {
		t.Errorf("%v, %v", r, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestBatchAppendFaults(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	append := func() (*streams.BatchAppendResp, error) {
		c := &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}}
		answers, err := batchAnswers(t, s, &streams.BatchAppendReq{CorrelationId: c, Options: batchOptions("a"), IsFinal: true,
			ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{proposed(1)}})
		return answers[c.GetString_()], err
	}
	s.FailNext("BatchAppend", 1, esdbtest.Unavailable())
	if a, err := append(); err != nil || a.GetError().GetMessage() != "Server Is Not Ready" || a.GetError().GetCode() != 0 {
		t.Errorf("%v, %v", a, err)
	}
	s.FailNext("BatchAppend", 1, esdbtest.TimedOut())
	if a, err := append(); err != nil || codes.Code(a.GetError().GetCode()) != codes.DeadlineExceeded {
		t.Errorf("%v, %v", a, err)
	}
	s.FailNext("BatchAppend", 1, esdbtest.NotLeader("10.0.0.1:2113"))
	if _, err := append(); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	before := s.Log().Len()
	s.FailNext("BatchAppend", 1, esdbtest.CommitThenDrop())
	if _, err := append(); status.Code(err) != codes.Unavailable || s.Log().Len() != before+1 {
		t.Errorf("%v, and %d records after %d", err, s.Log().Len(), before)
	}
}
