package esdbtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

func TestReadStream(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 100)...)
	for _, row := range []struct {
		name      string
		direction esdb.Direction
		from      esdb.StreamPosition
		count     uint64
		want      string // first, last and number of events
	}{
		{"forwards", esdb.Forwards, esdb.Start{}, 1000, "e-0 e-99 100"},
		{"forwards, some", esdb.Forwards, esdb.Start{}, 33, "e-0 e-32 33"},
		{"forwards, inclusive", esdb.Forwards, esdb.Revision(98), 10, "e-98 e-99 2"},
		{"forwards, beyond the end", esdb.Forwards, esdb.Revision(100), 10, "0"},
		{"backwards", esdb.Backwards, esdb.End{}, 1000, "e-99 e-0 100"},
		{"backwards, inclusive", esdb.Backwards, esdb.Revision(1), 10, "e-1 e-0 2"},
		{"backwards, beyond the end", esdb.Backwards, esdb.Revision(500), 2, "e-99 e-98 2"},
		{"backwards, from the start", esdb.Backwards, esdb.Start{}, 10, "e-0 e-0 1"},
	} {
		r, err := c.ReadStream(deadline(t), "e", esdb.ReadStreamOptions{Direction: row.direction, From: row.from}, row.count)
		if got := ends(names(drain(t, r, err))); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
	r, err := c.ReadStream(deadline(t), "not there", esdb.ReadStreamOptions{}, 1)
	if _, err := tryDrain(r, err); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Error(err)
	}
}

// ends are the first and last name and how many there are.
func ends(names []string) string {
	if len(names) == 0 {
		return "0"
	}
	return fmt.Sprintf("%s %s %d", names[0], names[len(names)-1], len(names))
}

func TestReadAll(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	w := mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 40)...)
	last := esdb.Position{Commit: w.CommitPosition, Prepare: w.PreparePosition}
	for _, row := range []struct {
		name      string
		direction esdb.Direction
		from      esdb.AllPosition
		count     uint64
		want      string
	}{
		{"forwards, inclusive", esdb.Forwards, last, 10, "e-39 e-39 1"},
		{"forwards, between records", esdb.Forwards, esdb.Position{Commit: last.Commit, Prepare: 0}, 10, "e-39 e-39 1"},
		{"forwards, from the end", esdb.Forwards, esdb.End{}, 10, "0"},
		{"forwards, beyond the end", esdb.Forwards, esdb.Position{Commit: last.Commit + 1e6, Prepare: last.Commit + 1e6}, 10, "0"},
		{"backwards", esdb.Backwards, esdb.End{}, 40, "e-39 e-0 40"},
		{"backwards, exclusive", esdb.Backwards, last, 2, "e-38 e-37 2"},
		{"backwards, from the start", esdb.Backwards, esdb.Start{}, 10, "0"},
		{"forwards, all", esdb.Forwards, esdb.Start{}, 1000, "$metadata e-39 44"},
	} {
		r, err := c.ReadAll(deadline(t), esdb.ReadAllOptions{Direction: row.direction, From: row.from}, row.count)
		if got := ends(names(drain(t, r, err))); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
	for _, direction := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
		r, err := c.ReadAll(deadline(t), esdb.ReadAllOptions{Direction: direction, From: esdb.Position{Commit: last.Commit - 1, Prepare: last.Commit - 1}}, 10)
		if _, err := tryDrain(r, err); err == nil || !strings.Contains(err.Error(), "InvalidPosition") {
			t.Errorf("no record boundary: %v", err)
		}
	}
}

func count(n uint64) *streams.ReadReq_Options_Count { return &streams.ReadReq_Options_Count{Count: n} }

func streamFrom(name string, from uint64) *streams.ReadReq_Options_Stream {
	return &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{StreamIdentifier: id(name),
		RevisionOption: &streams.ReadReq_Options_StreamOptions_Revision{Revision: from}}}
}

func allFromStart() *streams.ReadReq_Options_All {
	return &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: empty}}}
}

func byStream(e *streams.ReadReq_Options_FilterOptions_Expression, window, multiplier uint32) *streams.ReadReq_Options_Filter {
	return &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{StreamIdentifier: e},
		Window: &streams.ReadReq_Options_FilterOptions_Max{Max: window}, CheckpointIntervalMultiplier: multiplier}}
}

func byType(e *streams.ReadReq_Options_FilterOptions_Expression) *streams.ReadReq_Options_Filter {
	return &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_EventType{EventType: e},
		Window: &streams.ReadReq_Options_FilterOptions_Count{Count: empty}, CheckpointIntervalMultiplier: 1}}
}

type expression = streams.ReadReq_Options_FilterOptions_Expression

// kinds tells what answers there were: the revision of an event, or the name of another answer.
func kinds(answers []*streams.ReadResp) string {
	var out []string
	for _, a := range answers {
		switch c := a.GetContent().(type) {
		case *streams.ReadResp_Event:
			out = append(out, fmt.Sprint(c.Event.GetEvent().GetStreamRevision()))
		case *streams.ReadResp_LastStreamPosition:
			out = append(out, fmt.Sprint("last=", c.LastStreamPosition))
		case *streams.ReadResp_FirstStreamPosition:
			out = append(out, fmt.Sprint("first=", c.FirstStreamPosition))
		default:
			out = append(out, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", c), "*streams.ReadResp_"), "_"))
		}
	}
	return strings.Join(out, " ")
}

func TestReadOptions(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	conn := dial(t, s)
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "cut", esdb.NoStream{}, numbered("cut", 0, 5)...)
	mustAppend(t, c, "other", esdb.NoStream{}, esdb.EventData{EventType: "Other"})
	m := esdb.StreamMetadata{}
	m.SetTruncateBefore(3)
	if _, err := c.SetStreamMetadata(deadline(t), "cut", esdb.AppendToStreamOptions{}, m); err != nil {
		t.Fatal(err)
	}
	asks := &streams.ReadReq_Options_ControlOption{Compatibility: 1}
	subscription := &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	type o = streams.ReadReq_Options
	for _, row := range []struct {
		name    string
		options *o
		want    string
		code    codes.Code
	}{
		{"ends are not told unasked", &o{StreamOption: streamFrom("cut", 0), CountOption: count(9)}, "3 4", codes.OK},
		{"last is told", &o{StreamOption: streamFrom("cut", 3), CountOption: count(9), ControlOption: asks}, "3 4 last=4", codes.OK},
		{"first and last are told", &o{StreamOption: streamFrom("cut", 9), CountOption: count(9), ControlOption: asks}, "first=3 last=4", codes.OK},
		{"not found", &o{StreamOption: streamFrom("none", 0), CountOption: count(9), ControlOption: asks}, "StreamNotFound", codes.OK},
		{"count 0", &o{StreamOption: streamFrom("cut", 0), CountOption: count(0)}, "", codes.Unknown},
		{"no count", &o{StreamOption: streamFrom("cut", 0)}, "", codes.InvalidArgument},
		{"no stream", &o{CountOption: count(1)}, "", codes.InvalidArgument},
		{"no form of ids", &o{StreamOption: streamFrom("cut", 0), CountOption: count(1), UuidOption: &streams.ReadReq_Options_UUIDOption{}}, "", codes.InvalidArgument},
		{"filter on a stream", &o{StreamOption: streamFrom("cut", 0), CountOption: count(1), FilterOption: byType(&expression{})}, "", codes.InvalidArgument},
		{"backwards subscription", &o{StreamOption: streamFrom("cut", 0), CountOption: subscription, ReadDirection: streams.ReadReq_Options_Backwards}, "", codes.InvalidArgument},
		{"multiplier 0", &o{StreamOption: allFromStart(), CountOption: subscription, FilterOption: byStream(&expression{}, 32, 0)}, "", codes.Unknown},
		{"all by prefix of stream", &o{StreamOption: allFromStart(), CountOption: count(9), FilterOption: byStream(&expression{Prefix: []string{"x", "cu"}}, 1, 1)}, "0 1 2 3 4", codes.OK},
		{"all by regex of stream", &o{StreamOption: allFromStart(), CountOption: count(9), FilterOption: byStream(&expression{Regex: "^o.*r$"}, 32, 1)}, "0", codes.OK},
		{"all by prefix of type", &o{StreamOption: allFromStart(), CountOption: count(2), FilterOption: byType(&expression{Prefix: []string{"Test"}})}, "0 1", codes.OK},
		{"all by regex of type", &o{StreamOption: allFromStart(), CountOption: count(9), FilterOption: byType(&expression{Regex: "^[^$]"})}, "0 1 2 3 4 0", codes.OK},
	} {
		got, _, err := readAllOf(t, conn, row.options)
		if kinds(got) != row.want || status.Code(err) != row.code {
			t.Errorf("%s: %q, %v", row.name, kinds(got), err)
		}
	}
}

// The two encodings of an answer, made by hand and by the library, are one.
func TestAnswersInBothForms(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	conn := dial(t, s)
	mustAppend(t, connect(t, s.ConnectionString()), "e", esdb.NoStream{}, numbered("e", 0, 1)...)
	want := numbered("e", 0, 1)[0]
	for _, form := range []*streams.ReadReq_Options_UUIDOption{
		{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: empty}},
		{Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: empty}},
	} {
		got, _, err := readAllOf(t, conn, &streams.ReadReq_Options{StreamOption: streamFrom("e", 0), CountOption: count(1), UuidOption: form})
		if err != nil {
			t.Fatal(err)
		}
		e := got[0].GetEvent().GetEvent()
		if string(e.GetStreamIdentifier().GetStreamName()) != "e" || string(e.GetData()) != string(want.Data) || string(e.GetCustomMetadata()) != string(want.Metadata) ||
			len(e.GetMetadata()) != 3 || e.GetMetadata()["content-type"] != "application/json" || got[0].GetEvent().GetCommitPosition() != e.GetCommitPosition() {
			t.Errorf("%v", got[0])
		}
		if id := e.GetId().GetString_(); id != "" && id != want.EventID.String() {
			t.Errorf("id %s, want %v", id, want.EventID)
		}
		if half := e.GetId().GetStructured(); half != nil {
			if id, err := esdb.ParseUUIDFromInt64(half.GetMostSignificantBits(), half.GetLeastSignificantBits()); err != nil || id != want.EventID {
				t.Errorf("id %v, %v", id, err)
			}
		}
	}
}

func TestVisibility(t *testing.T) {
	now := time.Date(2025, 7, 1, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := esdbtest.New(t, esdbtest.Options{Now: func() time.Time { return clock() }})
	c := connect(t, s.ConnectionString())
	ctx := deadline(t)
	mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 3)...)
	clock = func() time.Time { return now.Add(time.Hour) }
	mustAppend(t, c, "e", esdb.Revision(2), numbered("e", 3, 2)...)
	for _, row := range []struct{ metadata, want string }{
		{`{"$maxCount":2}`, "e-3 e-4 2"},
		{`{"$tb":1}`, "e-1 e-4 4"},
		{`{"$tb":1,"$maxCount":3}`, "e-2 e-4 3"},
		{`{"$maxAge":1800}`, "e-3 e-4 2"},
		{`{"$maxAge":7200}`, "e-0 e-4 5"},
		{`{"$tb":77}`, "0"},
		{`no json`, "e-0 e-4 5"},
	} {
		mustAppend(t, c, "$$e", esdb.Any{}, esdb.EventData{EventType: "$metadata", Data: []byte(row.metadata)})
		r, err := c.ReadStream(ctx, "e", esdb.ReadStreamOptions{}, 100)
		if got := ends(names(drain(t, r, err))); got != row.want {
			t.Errorf("with %s: %s, want %s", row.metadata, got, row.want)
		}
		r, err = c.ReadStream(ctx, "$$e", esdb.ReadStreamOptions{}, 100)
		if got := drain(t, r, err); len(got) != 1 || string(got[0].Event.Data) != row.metadata {
			t.Errorf("metadata shows %v", got)
		}
	}
	r, err := c.ReadAll(ctx, esdb.ReadAllOptions{}, 100)
	if got := len(drain(t, r, err)); got != 4+5+7 {
		t.Errorf("the log shows %d events", got)
	}
}

func TestLinks(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 2)...)
	for _, target := range []string{"1@e", "9@e", "0@none", "nonsense"} {
		mustAppend(t, c, "links", esdb.Any{}, esdb.EventData{EventType: "$>", Data: []byte(target)})
	}
	r, err := c.ReadStream(deadline(t), "links", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	for i, e := range drain(t, r, err) {
		if e.Link == nil || (e.Event != nil) != (i == 0) || e.OriginalEvent().StreamID != "links" || i == 0 && nameOf(e.Event) != "e-1" {
			t.Errorf("link %d is %+v", i, e)
		}
	}
	r, err = c.ReadStream(deadline(t), "links", esdb.ReadStreamOptions{}, 10)
	if got := drain(t, r, err); got[0].Link != nil || got[0].Event.EventType != "$>" {
		t.Errorf("a link nobody wants resolved is %+v", got[0])
	}
}

// Reading nothing of $all never ends on the server; here it ends with the caller.
func TestCountZeroOfAllHangs(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	stream, err := streams.NewStreamsClient(dial(t, s)).Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{StreamOption: allFromStart(), CountOption: count(0),
		FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: empty}, UuidOption: &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: empty}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
}
