package esdbtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// dial is the bare protocol, for what the client does not do or does not show.
func dial(t testing.TB, s *esdbtest.Server) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func id(name string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(name)}
}

func stringID() *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}}
}

var (
	empty      = &shared.Empty{}
	properties = map[string]string{"type": "Tested", "content-type": "application/json"}
)

func options(stream string, o *streams.AppendReq_Options) *streams.AppendReq {
	o.StreamIdentifier = id(stream)
	return &streams.AppendReq{Content: &streams.AppendReq_Options_{Options: o}}
}

func anyOptions(stream string) *streams.AppendReq {
	return options(stream, &streams.AppendReq_Options{ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: empty}})
}

func message(m *streams.AppendReq_ProposedMessage) *streams.AppendReq {
	return &streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: m}}
}

func usual() *streams.AppendReq {
	return message(&streams.AppendReq_ProposedMessage{Id: stringID(), Metadata: properties, Data: []byte(`{}`)})
}

// rawAppend sends the requests and returns the answer, the status and the trailers.
func rawAppend(t testing.TB, conn *grpc.ClientConn, requests ...*streams.AppendReq) (*streams.AppendResp, metadata.MD, error) {
	t.Helper()
	stream, err := streams.NewStreamsClient(conn).Append(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if err := stream.Send(r); err != nil {
			break // the server ended it; the status follows
		}
	}
	resp, err := stream.CloseAndRecv()
	return resp, stream.Trailer(), err
}

// trailers are the ones that tell exceptions, as "key=value".
func trailers(md metadata.MD) string {
	var out []string
	for _, k := range []string{"exception", "stream-name", "expected-version", "actual-version", "maximum-append-size",
		"required-metadata-properties", "leader-endpoint-host", "leader-endpoint-port"} {
		for _, v := range md.Get(k) {
			out = append(out, k+"="+v)
		}
	}
	return strings.Join(out, " ")
}

func TestAppendStatuses(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{MaxAppendSize: 1000})
	conn := dial(t, s)
	if _, err := streams.NewStreamsClient(conn).Tombstone(deadline(t), &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
		StreamIdentifier: id("gone"), ExpectedStreamRevision: &streams.TombstoneReq_Options_Any{Any: empty}}}); err != nil {
		t.Fatal(err)
	}
	sized := func(n int) *streams.AppendReq {
		return message(&streams.AppendReq_ProposedMessage{Id: stringID(), Metadata: properties, Data: make([]byte, n), CustomMetadata: make([]byte, 5000)})
	}
	const missing = "exception=missing-required-metadata-property required-metadata-properties=type,content-type"
	for _, row := range []struct {
		name     string
		requests []*streams.AppendReq
		code     codes.Code
		trailers string
	}{
		{"usual", []*streams.AppendReq{anyOptions("a"), usual()}, codes.OK, ""},
		{"no events", []*streams.AppendReq{anyOptions("b")}, codes.OK, ""},
		{"tombstoned", []*streams.AppendReq{anyOptions("gone"), usual()}, codes.FailedPrecondition, "exception=stream-deleted stream-name=gone"},
		{"exactly the limit, metadata not counted", []*streams.AppendReq{anyOptions("a"), sized(400), sized(600)}, codes.OK, ""},
		{"above the limit", []*streams.AppendReq{anyOptions("a"), sized(400), sized(601)}, codes.InvalidArgument,
			"exception=maximum-append-size-exceeded maximum-append-size=1000"},
		{"no type", []*streams.AppendReq{anyOptions("a"), message(&streams.AppendReq_ProposedMessage{Id: stringID(),
			Metadata: map[string]string{"content-type": "x"}})}, codes.InvalidArgument, missing},
		{"no content type", []*streams.AppendReq{anyOptions("a"), message(&streams.AppendReq_ProposedMessage{Id: stringID(),
			Metadata: map[string]string{"type": "x"}})}, codes.InvalidArgument, missing},
		{"no id", []*streams.AppendReq{anyOptions("a"), message(&streams.AppendReq_ProposedMessage{Metadata: properties})}, codes.Unknown, ""},
		{"empty type", []*streams.AppendReq{anyOptions("a"), message(&streams.AppendReq_ProposedMessage{Id: stringID(),
			Metadata: map[string]string{"type": "", "content-type": "x"}})}, codes.Unknown, ""},
		{"no options", []*streams.AppendReq{usual()}, codes.Unknown, ""},
		{"options twice", []*streams.AppendReq{anyOptions("a"), anyOptions("a")}, codes.Unknown, ""},
		{"no name", []*streams.AppendReq{anyOptions(""), usual()}, codes.Unknown, ""},
		{"no expected version", []*streams.AppendReq{options("a", &streams.AppendReq_Options{}), usual()}, codes.InvalidArgument, ""},
		{"revision out of range", []*streams.AppendReq{options("a", &streams.AppendReq_Options{
			ExpectedStreamRevision: &streams.AppendReq_Options_Revision{Revision: math.MaxInt64 + 1}})}, codes.Unknown, ""},
	} {
		_, md, err := rawAppend(t, conn, row.requests...)
		if status.Code(err) != row.code || trailers(md) != row.trailers {
			t.Errorf("%s: %v, trailers %q", row.name, err, trailers(md))
		}
	}
}

func TestStrictSize(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{MaxAppendSize: 1000, StrictSize: true})
	conn := dial(t, s)
	sized := func(custom int) *streams.AppendReq {
		return message(&streams.AppendReq_ProposedMessage{Id: stringID(), Metadata: properties, Data: make([]byte, 500), CustomMetadata: make([]byte, custom)})
	}
	if _, _, err := rawAppend(t, conn, anyOptions("a"), sized(500-2*len("Tested"))); err != nil {
		t.Error(err)
	}
	if _, _, err := rawAppend(t, conn, anyOptions("a"), sized(501-2*len("Tested"))); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
}

func TestMessageLimit(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{MaxAppendSize: 32 << 20})
	conn := dial(t, s)
	sized := func(n int) *streams.AppendReq {
		return message(&streams.AppendReq_ProposedMessage{Id: stringID(), Metadata: properties, Data: make([]byte, n)})
	}
	if _, _, err := rawAppend(t, conn, anyOptions("a"), sized(16<<20-10_200)); err != nil {
		t.Error(err)
	}
	if _, _, err := rawAppend(t, conn, anyOptions("a"), sized(16<<20-9_999)); status.Code(err) != codes.ResourceExhausted {
		t.Error(err)
	}
}

// A wrong version is an answer, not an error, and tells it to two generations of clients.
func TestWrongExpectedVersionFields(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	conn := dial(t, s)
	if _, _, err := rawAppend(t, conn, anyOptions("two"), usual(), usual()); err != nil {
		t.Fatal(err)
	}
	type wrong = streams.AppendResp_WrongExpectedVersion
	for _, row := range []struct {
		name    string
		stream  string
		options *streams.AppendReq_Options
		want    *wrong
	}{
		{"no stream, but one", "two", &streams.AppendReq_Options{ExpectedStreamRevision: &streams.AppendReq_Options_NoStream{NoStream: empty}}, &wrong{
			CurrentRevisionOption_20_6_0:  &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: 1},
			ExpectedRevisionOption_20_6_0: &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: math.MaxUint64},
			CurrentRevisionOption:         &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: 1},
			ExpectedRevisionOption:        &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: empty}}},
		{"a revision, but none", "none", &streams.AppendReq_Options{ExpectedStreamRevision: &streams.AppendReq_Options_Revision{Revision: 5}}, &wrong{
			CurrentRevisionOption_20_6_0:  &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: empty},
			ExpectedRevisionOption_20_6_0: &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: 5},
			CurrentRevisionOption:         &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: empty},
			ExpectedRevisionOption:        &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: 5}}},
		{"exists, but none", "none", &streams.AppendReq_Options{ExpectedStreamRevision: &streams.AppendReq_Options_StreamExists{StreamExists: empty}}, &wrong{
			CurrentRevisionOption_20_6_0:  &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: empty},
			ExpectedRevisionOption_20_6_0: &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: empty},
			CurrentRevisionOption:         &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: empty},
			ExpectedRevisionOption:        &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: empty}}},
	} {
		resp, _, err := rawAppend(t, conn, options(row.stream, row.options), usual())
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if d := cmp.Diff(row.want, resp.GetWrongExpectedVersion(), protocmp.Transform()); d != "" {
			t.Errorf("%s: %s", row.name, d)
		}
	}
}

func TestDeleteStatuses(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	conn := dial(t, s)
	if _, _, err := rawAppend(t, conn, anyOptions("two"), usual(), usual()); err != nil {
		t.Fatal(err)
	}
	var md metadata.MD
	_, err := streams.NewStreamsClient(conn).Delete(deadline(t), &streams.DeleteReq{Options: &streams.DeleteReq_Options{
		StreamIdentifier: id("two"), ExpectedStreamRevision: &streams.DeleteReq_Options_Revision{Revision: 0}}}, grpc.Trailer(&md))
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "WrongExpectedVersion") ||
		trailers(md) != "exception=wrong-expected-version stream-name=two expected-version=0 actual-version=1" {
		t.Errorf("%v, trailers %q", err, trailers(md))
	}
	_, err = streams.NewStreamsClient(conn).Delete(deadline(t), &streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: id("two")}})
	if status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
	_, err = streams.NewStreamsClient(conn).Tombstone(deadline(t), &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{
		StreamIdentifier: id("none"), ExpectedStreamRevision: &streams.TombstoneReq_Options_StreamExists{StreamExists: empty}}}, grpc.Trailer(&md))
	if trailers(md) != "exception=wrong-expected-version stream-name=none expected-version=-4 actual-version=-1" {
		t.Errorf("%v, trailers %q", err, trailers(md))
	}
}

func TestFeaturesAndGossip(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{Version: "24.2.1"})
	conn := dial(t, s)
	methods := func() (string, error) {
		m, err := serverfeatures.NewServerFeaturesClient(conn).GetSupportedMethods(deadline(t), empty)
		var out []string
		for _, x := range m.GetMethods() {
			out = append(out, x.GetServiceName()+"/"+x.GetMethodName())
		}
		return m.GetEventStoreServerVersion() + " " + strings.Join(out, " "), err
	}
	const without = " event_store.client.streams.streams/read event_store.client.streams.streams/append event_store.client.streams.streams/delete" +
		" event_store.client.streams.streams/tombstone"
	const rest = " event_store.client.gossip.gossip/read event_store.client.server_features.serverfeatures/getsupportedmethods"
	if got, err := methods(); got != "24.2.1"+without+" event_store.client.streams.streams/batchappend"+rest {
		t.Errorf("%s, %v", got, err)
	}
	if err := s.Restart(func(o *esdbtest.Options) { o.NoBatchAppend = true }); err != nil {
		t.Fatal(err)
	}
	conn = dial(t, s)
	if got, err := methods(); got != "24.2.1"+without+rest {
		t.Errorf("%s, %v", got, err)
	}
	if err := s.Restart(func(o *esdbtest.Options) { o.NoServerFeatures = true }); err != nil {
		t.Fatal(err)
	}
	conn = dial(t, s)
	if _, err := methods(); status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
	info, err := gossip.NewGossipClient(conn).Read(deadline(t), empty)
	if err != nil {
		t.Fatal(err)
	}
	m := info.GetMembers()[0]
	if at := fmt.Sprintf("%s:%d", m.GetHttpEndPoint().GetAddress(), m.GetHttpEndPoint().GetPort()); at != s.Addr() ||
		m.GetState() != gossip.MemberInfo_Leader || !m.GetIsAlive() || m.GetInstanceId().GetStructured() == nil {
		t.Errorf("member is %v", m)
	}
	if said := time.Unix(0, 100*m.GetTimeStamp()); time.Since(said).Abs() > time.Minute { // 100 ns since 1970
		t.Errorf("member says that it is %v", said)
	}
	mustAppend(t, connect(t, s.ConnectionString()), "a", esdb.NoStream{}, numbered("a", 0, 1)...)
}

// readAllOf sends a ReadReq and returns all answers and the end.
func readAllOf(t testing.TB, conn *grpc.ClientConn, o *streams.ReadReq_Options) ([]*streams.ReadResp, metadata.MD, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	if o.UuidOption == nil {
		o.UuidOption = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: empty}}
	}
	if o.FilterOption == nil {
		o.FilterOption = &streams.ReadReq_Options_NoFilter{NoFilter: empty}
	}
	stream, err := streams.NewStreamsClient(conn).Read(ctx, &streams.ReadReq{Options: o})
	if err != nil {
		t.Fatal(err)
	}
	var got []*streams.ReadResp
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return got, stream.Trailer(), nil
		}
		if err != nil {
			return got, stream.Trailer(), err
		}
		got = append(got, r)
	}
}
