package esdbtest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// Every action on an append: what the client is told, and what is stored.
func TestActionsOnAppend(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	const short = 300 * time.Millisecond // enough to commit on a busy machine
	for _, row := range []struct {
		action esdbtest.Action
		code   codes.Code
		stored bool
	}{
		{esdbtest.Action{}, codes.OK, true},
		{esdbtest.Unavailable(), codes.Unavailable, false},
		{esdbtest.TooBusy(), codes.Unavailable, false},
		{esdbtest.TimedOut(), codes.Aborted, false},
		{esdbtest.FailWith(codes.Internal, "x"), codes.Internal, false},
		{esdbtest.NotLeader("10.1.2.3:2113"), codes.NotFound, false},
		{esdbtest.Delay(time.Millisecond), codes.OK, true},
		{esdbtest.Delay(time.Hour), codes.DeadlineExceeded, false},
		{esdbtest.Hang(), codes.DeadlineExceeded, false},
		{esdbtest.Drop(), codes.Unavailable, false},
		{esdbtest.CommitThenFail(codes.Unknown, "x"), codes.Unknown, true},
		{esdbtest.CommitThenTimeOut(), codes.Aborted, true},
		{esdbtest.CommitThenDrop(), codes.Unavailable, true},
		{esdbtest.CommitThenHang(), codes.DeadlineExceeded, true},
		{esdbtest.CommitThenDelay(time.Hour), codes.DeadlineExceeded, true},
		{esdbtest.CommitThenDelay(time.Millisecond), codes.OK, true},
		{esdbtest.Then(esdbtest.Delay(time.Millisecond), esdbtest.CommitThenDrop()), codes.Unavailable, true},
		{esdbtest.Then(esdbtest.Drop(), esdbtest.CommitThenDrop()), codes.Unavailable, false},
		{esdbtest.OnStream("other", esdbtest.Drop()), codes.OK, true},
		{esdbtest.OnStream("a", esdbtest.CommitThenDrop()), codes.Unavailable, true},
	} {
		t.Run(row.action.Name, func(t *testing.T) {
			before := s.Log().Len()
			s.FailNext("Append", 1, row.action)
			ctx, cancel := context.WithTimeout(context.Background(), short)
			if row.code != codes.DeadlineExceeded {
				cancel()
				ctx, cancel = context.WithTimeout(context.Background(), limit)
			}
			defer cancel()
			stream, err := streams.NewStreamsClient(dial(t, s)).Append(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range []*streams.AppendReq{anyOptions("a"), usual()} {
				if err := stream.Send(m); err != nil {
					break
				}
			}
			_, err = stream.CloseAndRecv()
			if status.Code(err) != row.code {
				t.Errorf("told %v", err)
			}
			if stored := s.Log().Len() > before; stored != row.stored {
				t.Errorf("stored: %v", stored)
			}
			if s.PendingFaults() != 0 {
				t.Error("the fault still waits")
			}
		})
	}
}

func TestActionsOnReads(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	mustAppend(t, connect(t, s.ConnectionString()), "e", esdb.NoStream{}, numbered("e", 0, 5)...)
	for _, row := range []struct {
		action esdbtest.Action
		want   string
		code   codes.Code
	}{
		{esdbtest.Repeat(2), "0 1 1 2 3 3 4", codes.OK},
		{esdbtest.EndAfter(2, codes.Unavailable, "x"), "0 1", codes.Unavailable},
		{esdbtest.SlowEvents(time.Microsecond), "0 1 2 3 4", codes.OK},
		{esdbtest.Then(esdbtest.Repeat(1), esdbtest.EndAfter(1, codes.Internal, "x")), "0 0", codes.Internal},
		{esdbtest.Unavailable(), "", codes.Unavailable},
		{esdbtest.OnStream("other", esdbtest.Repeat(1)), "0 1 2 3 4", codes.OK},
	} {
		s.FailNext("Read", 1, row.action)
		got, _, err := readAllOf(t, dial(t, s), &streams.ReadReq_Options{StreamOption: streamStart("e"), CountOption: count(9)})
		if kinds(got) != row.want || status.Code(err) != row.code {
			t.Errorf("%s: %s, %v", row.action.Name, kinds(got), err)
		}
	}
	s.FailNext("Read", 1, esdbtest.DropAfter(2))
	if _, _, err := readAllOf(t, dial(t, s), &streams.ReadReq_Options{StreamOption: streamStart("e"), CountOption: count(9)}); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	s.FailNext("Subscribe", 1, esdbtest.StallAfter(3))
	w := watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("e")})
	w.want("e/2", "Confirmation e/0 e/1 e/2")
	w.cancel()
	s.FailNext("Subscribe", 1, esdbtest.Repeat(2))
	watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("e")}).want("CaughtUp", "Confirmation e/0 e/1 e/1 e/2 e/3 e/3 e/4 CaughtUp")
}

func TestRulesHooksAndCounts(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	conn := dial(t, s)
	try := func() codes.Code {
		_, _, err := rawAppend(t, conn, anyOptions("a"), usual())
		return status.Code(err)
	}
	s.FailNext("Append", 2, esdbtest.Unavailable())
	s.FailNext("*", 1, esdbtest.TimedOut())
	s.FailNext("Append", 0, esdbtest.TimedOut())
	s.FailNext("Read", 1, esdbtest.TimedOut())
	var seen []string
	s.SetHook(func(c *esdbtest.Call) *esdbtest.Action {
		seen = append(seen, fmt.Sprint(c.Method, c.Number, c.Stream))
		if c.Number == 5 {
			a := esdbtest.FailWith(codes.DataLoss, "x")
			return &a
		}
		return nil
	})
	for i, want := range []codes.Code{codes.Unavailable, codes.Unavailable, codes.Aborted, codes.OK, codes.DataLoss, codes.OK} {
		if got := try(); got != want {
			t.Errorf("append %d: %v, want %v", i+1, got, want)
		}
	}
	if got := fmt.Sprint(seen); got != "[Append4a Append5a Append6a]" {
		t.Errorf("the hook saw %s", got)
	}
	s.Fail("Append", esdbtest.TooBusy())
	for range 3 {
		if got := try(); got != codes.Unavailable {
			t.Error(got)
		}
	}
	s.ClearFaults()
	if got := try(); got != codes.OK || s.PendingFaults() != 0 {
		t.Errorf("%v with %d rules", got, s.PendingFaults())
	}
	if s.Calls("Append") != 10 || s.Calls("*") != 10 || len(s.Headers("Append")) != 10 {
		t.Errorf("%d appends, %d calls, %d headers", s.Calls("Append"), s.Calls("*"), len(s.Headers("Append")))
	}
	s.ResetCounts()
	if s.Calls("*") != 0 {
		t.Error("counts are not reset")
	}
}

// Headers that the Go client should send and does not; those put into the context do arrive.
func TestHeaderRecorder(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	ctx := metadata.AppendToOutgoingContext(deadline(t), "requires-leader", "true", "connection-name", "test")
	if _, err := c.AppendToStream(ctx, "a", esdb.AppendToStreamOptions{RequiresLeader: true}, numbered("a", 0, 1)...); err != nil {
		t.Fatal(err)
	}
	h := s.Headers("Append")[0]
	if got := fmt.Sprint(h.Get("requires-leader"), h.Get("connection-name")); got != "[true] [test]" {
		t.Error(got)
	}
}

// A commit whose answer is lost is found again by its ids.
func TestRetryAfterCommitThenDrop(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	s.FailNext("Append", 1, esdbtest.CommitThenDrop())
	_, err := c.AppendToStream(deadline(t), "a", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, numbered("a", 0, 2)...)
	if err == nil {
		t.Fatal("an answer came through a cut connection")
	}
	if w := mustAppend(t, c, "a", esdb.NoStream{}, numbered("a", 0, 2)...); w.NextExpectedVersion != 1 {
		t.Errorf("last is %d", w.NextExpectedVersion)
	}
}

// Two servers that each name the other keep a client busy for as long as it cares to ask.
func TestRedirectLoop(t *testing.T) {
	a, b := esdbtest.New(t, esdbtest.Options{}), esdbtest.New(t, esdbtest.Options{})
	a.Fail("Append", esdbtest.NotLeader(b.Addr()))
	b.Fail("Append", esdbtest.NotLeader(a.Addr()))
	for _, s := range []*esdbtest.Server{a, b, a, b} {
		_, md, err := rawAppend(t, dial(t, s), anyOptions("x"), usual())
		other := map[*esdbtest.Server]*esdbtest.Server{a: b, b: a}[s]
		if host := md.Get("leader-endpoint-host"); status.Code(err) != codes.NotFound || host[0]+":"+md.Get("leader-endpoint-port")[0] != other.Addr() {
			t.Errorf("%v, %v", err, md)
		}
	}
}

func TestConnections(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	conn := dial(t, s)
	features := func(d time.Duration) codes.Code {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		_, err := serverfeatures.NewServerFeaturesClient(conn).GetSupportedMethods(ctx, empty)
		return status.Code(err)
	}
	// again waits out the pause that gRPC makes before it dials again.
	again := func(what string) {
		t.Helper()
		conn = dial(t, s)
		if got := features(limit); got != codes.OK {
			t.Errorf("%s: %v", what, got)
		}
	}
	again("at first")
	if s.Connections() == 0 || s.Accepted() == 0 {
		t.Errorf("%d connections, %d accepted", s.Connections(), s.Accepted())
	}
	w := watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("e")})
	w.until("CaughtUp")
	s.ResetConnections()
	if _, err := w.end(); status.Code(err) != codes.Unavailable {
		t.Errorf("reset: %v", err)
	}
	again("after a reset")
	s.BlackHole(true)
	if got := features(50 * time.Millisecond); got != codes.DeadlineExceeded {
		t.Errorf("old connection in a black hole: %v", got)
	}
	conn = dial(t, s)
	if got := features(50 * time.Millisecond); got != codes.DeadlineExceeded {
		t.Errorf("new connection in a black hole: %v", got)
	}
	s.BlackHole(false)
	again("out of the black hole")
	s.Refuse(true)
	conn = dial(t, s)
	if got := features(limit); got != codes.Unavailable {
		t.Errorf("refused: %v", got)
	}
	s.Refuse(false)
	again("let in again")
	s.Stop()
	s.Stop()
	conn = dial(t, s)
	if got := features(limit); got != codes.Unavailable {
		t.Errorf("stopped: %v", got)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	again("started")
}
