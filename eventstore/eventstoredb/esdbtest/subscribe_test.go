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
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// watcher is a subscription over the bare protocol.
type watcher struct {
	t      *testing.T
	stream streams.Streams_ReadClient
	cancel context.CancelFunc
}

func watch(t *testing.T, s *esdbtest.Server, o *streams.ReadReq_Options) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(deadline(t))
	t.Cleanup(cancel)
	o.CountOption = &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	o.UuidOption = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: empty}}
	if o.FilterOption == nil {
		o.FilterOption = &streams.ReadReq_Options_NoFilter{NoFilter: empty}
	}
	stream, err := streams.NewStreamsClient(dial(t, s)).Read(ctx, &streams.ReadReq{Options: o})
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{t, stream, cancel}
}

// next tells one answer: stream/number of an event, cp(commit,prepare) of a checkpoint, the name of another.
func (w *watcher) next() (string, error) {
	r, err := w.stream.Recv()
	if err != nil {
		return "", err
	}
	switch c := r.GetContent().(type) {
	case *streams.ReadResp_Event:
		e := c.Event.GetEvent()
		return fmt.Sprintf("%s/%d", e.GetStreamIdentifier().GetStreamName(), e.GetStreamRevision()), nil
	case *streams.ReadResp_Checkpoint_:
		return fmt.Sprintf("cp(%d,%d)", c.Checkpoint.GetCommitPosition(), c.Checkpoint.GetPreparePosition()), nil
	}
	return kinds([]*streams.ReadResp{r}), nil
}

// until collects answers up to one that is or begins with last.
func (w *watcher) until(last string) string {
	w.t.Helper()
	var out []string
	for {
		s, err := w.next()
		if err != nil {
			w.t.Fatalf("after %v: %v", out, err)
		}
		out = append(out, s)
		if strings.HasPrefix(s, last) {
			return strings.Join(out, " ")
		}
	}
}

func (w *watcher) want(last, want string) {
	w.t.Helper()
	if got := w.until(last); got != want {
		w.t.Errorf("got %s, want %s", got, want)
	}
}

// end is how it ends, with what came before.
func (w *watcher) end() (string, error) {
	var out []string
	for {
		s, err := w.next()
		if err != nil {
			return strings.Join(out, " "), err
		}
		out = append(out, s)
	}
}

func allFrom(commit, prepare uint64) *streams.ReadReq_Options_All {
	return &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Position{
		Position: &streams.ReadReq_Options_Position{CommitPosition: commit, PreparePosition: prepare}}}}
}

func streamStart(name string) *streams.ReadReq_Options_Stream {
	return &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{StreamIdentifier: id(name),
		RevisionOption: &streams.ReadReq_Options_StreamOptions_Start{Start: empty}}}
}

func TestSubscribeToStream(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 3)...)
	for _, row := range []struct {
		name string
		from *streams.ReadReq_Options_Stream
		want string
	}{
		{"start", streamStart("e"), "Confirmation e/0 e/1 e/2 CaughtUp"},
		{"exclusive", streamFrom("e", 1), "Confirmation e/2 CaughtUp"},
		{"end", streamFrom("e", math.MaxUint64), "Confirmation CaughtUp"},
		{"beyond the end", streamFrom("e", 3), "Confirmation CaughtUp"},
	} {
		w := watch(t, s, &streams.ReadReq_Options{StreamOption: row.from})
		if got := w.until("CaughtUp"); got != row.want {
			t.Errorf("%s: %s", row.name, got)
		}
		w.cancel()
	}
	// A stream that comes to be later, watched from its start and from beyond its end.
	w := watch(t, s, &streams.ReadReq_Options{StreamOption: streamFrom("later", 3)})
	w.want("CaughtUp", "Confirmation CaughtUp")
	fresh := watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("later")})
	fresh.want("CaughtUp", "Confirmation CaughtUp")
	mustAppend(t, c, "later", esdb.NoStream{}, numbered("l", 0, 6)...)
	fresh.want("later/5", "later/0 later/1 later/2 later/3 later/4 later/5")
	w.want("later/5", "later/4 later/5")
	if _, err := c.TombstoneStream(deadline(t), "later", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if got, err := fresh.end(); got != fmt.Sprintf("later/%d", int64(math.MaxInt64)) || status.Code(err) != codes.FailedPrecondition ||
		trailers(fresh.stream.Trailer()) != "exception=stream-deleted stream-name=later" {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("later")}).end(); got != "" || status.Code(err) != codes.FailedPrecondition {
		t.Errorf("subscription to a tombstone: %s, %v", got, err)
	}
}

func TestSubscribeToAll(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 3)...)
	r, err := c.ReadStream(deadline(t), "e", esdb.ReadStreamOptions{}, 3)
	events := drain(t, r, err)
	at := events[1].Event.Position.Commit
	last := events[2].Event.Position.Commit
	for _, row := range []struct {
		name string
		from *streams.ReadReq_Options_All
		want string
	}{
		{"start", allFromStart(), "Confirmation $$$scavenges/0 $user-admin/0 $$$user-admin/0 $users/0 e/0 e/1 e/2 CaughtUp"},
		{"exclusive", allFrom(at, at), "Confirmation e/2 CaughtUp"},
		{"before a record, by prepare 0", allFrom(at, 0), "Confirmation e/1 e/2 CaughtUp"},
		{"end", allFrom(math.MaxUint64, math.MaxUint64), "Confirmation CaughtUp"},
		{"last", allFrom(last, last), "Confirmation CaughtUp"},
		{"beyond the end", allFrom(last+1e6, last+1e6), "Confirmation CaughtUp"},
	} {
		w := watch(t, s, &streams.ReadReq_Options{StreamOption: row.from})
		if got := w.until("CaughtUp"); got != row.want {
			t.Errorf("%s: %s", row.name, got)
		}
		w.cancel()
	}
	if got, err := watch(t, s, &streams.ReadReq_Options{StreamOption: allFrom(at+1, at+1)}).end(); got != "Confirmation" || status.Code(err) != codes.InvalidArgument {
		t.Errorf("no record boundary: %s, %v", got, err)
	}
	skips := watch(t, s, &streams.ReadReq_Options{StreamOption: allFrom(last+1e6, last+1e6)})
	live := watch(t, s, &streams.ReadReq_Options{StreamOption: allFrom(last, last)})
	skips.until("CaughtUp")
	live.until("CaughtUp")
	mustAppend(t, c, "e", esdb.Revision(2), numbered("e", 3, 1)...)
	live.want("e/3", "e/3")
	mustAppend(t, c, "far", esdb.NoStream{}, esdb.EventData{EventType: "Far", Data: make([]byte, 1e6)})
	mustAppend(t, c, "far", esdb.Revision(0), esdb.EventData{EventType: "Far"})
	skips.want("far/1", "far/1")
}

// Checkpoints in catching up: after a page once the interval is full, at the last event delivered or where the page began, between
// two records.
func TestCheckpoints(t *testing.T) {
	for _, row := range []struct {
		name    string
		options esdbtest.Options
		prefix  string // that streams must have: "hit-" has 2 events at the end of 100, "none" nothing
		window  uint32
		times   uint32
		want    func(at func(int) uint64) string // up to caught up; at(n) is the position of the nth of the 100 events
	}{
		{"nothing matched and no interval: the end of the log", esdbtest.Options{}, "none", 200, 1,
			func(func(int) uint64) string {
				return fmt.Sprintf("cp(%d,%d) CaughtUp", uint64(math.MaxUint64), uint64(math.MaxUint64))
			}},
		{"none", esdbtest.Options{GoingLive: esdbtest.NoCheckpoint}, "none", 200, 1, func(func(int) uint64) string { return "CaughtUp" }},
		// The four system events and 28 of the hundred make the first page of 32.
		{"page starts", esdbtest.Options{GoingLive: esdbtest.PageStart}, "none", 32, 2, func(at func(int) uint64) string {
			return fmt.Sprintf("cp(%d,0) cp(%d,0) CaughtUp", at(28), at(92))
		}},
		{"page starts, and last delivered", esdbtest.Options{}, "hit-", 32, 2, func(at func(int) uint64) string {
			return fmt.Sprintf("cp(%d,0) hit-/0 hit-/1 cp(%d,%d) CaughtUp", at(28), at(99), at(99))
		}},
		{"no caught up", esdbtest.Options{NoCaughtUp: true}, "hit-", 200, 1, func(at func(int) uint64) string {
			return fmt.Sprintf("hit-/0 hit-/1 cp(%d,%d)", at(99), at(99))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := esdbtest.New(t, row.options)
			c := connect(t, s.ConnectionString())
			mustAppend(t, c, "miss", esdb.NoStream{}, numbered("m", 0, 98)...)
			mustAppend(t, c, "hit-", esdb.NoStream{}, numbered("h", 0, 2)...)
			r, err := c.ReadAll(deadline(t), esdb.ReadAllOptions{}, 200)
			events := drain(t, r, err)[4:]
			at := func(n int) uint64 { return events[n].Event.Position.Commit }
			w := watch(t, s, &streams.ReadReq_Options{StreamOption: allFromStart(), FilterOption: byStream(&expression{Prefix: []string{row.prefix}}, row.window, row.times)})
			want := "Confirmation " + row.want(at)
			fields := strings.Fields(want)
			w.want(fields[len(fields)-1], want)
		})
	}
}

// Live, a checkpoint comes after every interval of events looked at, matching or not.
func TestLiveCheckpoints(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{GoingLive: esdbtest.NoCheckpoint})
	c := connect(t, s.ConnectionString())
	w := watch(t, s, &streams.ReadReq_Options{StreamOption: allFrom(math.MaxUint64, math.MaxUint64), FilterOption: byStream(&expression{Prefix: []string{"e"}}, 2, 2)})
	w.want("CaughtUp", "Confirmation CaughtUp")
	mustAppend(t, c, "other", esdb.NoStream{}, numbered("o", 0, 3)...)
	fourth := mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 1)...)
	w.want("cp", fmt.Sprintf("e/0 cp(%d,%d)", fourth.CommitPosition, fourth.CommitPosition))
	eighth := mustAppend(t, c, "other", esdb.Any{}, numbered("o", 3, 4)...)
	w.want("cp", fmt.Sprintf("cp(%d,%d)", eighth.CommitPosition, eighth.CommitPosition))
}

func TestSlowConsumer(t *testing.T) {
	for _, row := range []struct {
		name    string
		options esdbtest.Options
		want    string
		ends    codes.Code
	}{
		{"returns to catching up", esdbtest.Options{LiveBuffer: 2}, "e/0 e/1 e/2 e/3 e/4 CaughtUp", codes.OK},
		{"says that it fell behind", esdbtest.Options{LiveBuffer: 2, FellBehind: true}, "e/0 e/1 FellBehind e/2 e/3 e/4 CaughtUp", codes.OK},
		{"is dropped", esdbtest.Options{LiveBuffer: 2, SlowConsumer: esdbtest.DropSlow}, "e/0 e/1", codes.Aborted},
	} {
		for _, from := range []*streams.ReadReq_Options{{StreamOption: streamStart("e")}, {StreamOption: allFrom(math.MaxUint64, math.MaxUint64)}} {
			t.Run(row.name, func(t *testing.T) {
				s := esdbtest.New(t, row.options)
				w := watch(t, s, from)
				w.until("CaughtUp")
				mustAppend(t, connect(t, s.ConnectionString()), "e", esdb.NoStream{}, numbered("e", 0, 5)...)
				if row.ends == codes.OK {
					w.want("CaughtUp", row.want)
					return
				}
				if got, err := w.end(); got != row.want || status.Code(err) != row.ends || !strings.Contains(err.Error(), "Consumer too slow") {
					t.Errorf("%s, %v", got, err)
				}
			})
		}
	}
}

func TestFallBehind(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{FellBehind: true})
	w := watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("e")})
	w.want("CaughtUp", "Confirmation CaughtUp")
	s.FallBehind()
	w.want("CaughtUp", "FellBehind CaughtUp")
	mustAppend(t, connect(t, s.ConnectionString()), "e", esdb.NoStream{}, numbered("e", 0, 1)...)
	w.want("e/0", "e/0")
}

// The real client, slow enough that the connection's windows fill: nothing is lost and nothing comes twice.
func TestSlowClientLosesNothing(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	sub, err := c.SubscribeToAll(deadline(t), esdb.SubscribeToAllOptions{From: esdb.Start{},
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"e"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	const n = 400
	big := make([]byte, 10_000)
	next, again := uint64(0), 0
	for next < n || again < 2 { // the second caught_up says that it was too slow in between
		e := sub.Recv()
		switch {
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		case e.CaughtUp != nil:
			if again++; again == 1 {
				for range n {
					mustAppend(t, c, "e", esdb.Any{}, esdb.EventData{EventType: "Big", Data: big})
				}
			}
		case e.EventAppeared != nil:
			if got := e.EventAppeared.Event.EventNumber; got != next {
				t.Fatalf("event %d in the place of %d", got, next)
			}
			next++
		}
	}
}

func TestEndsOfSubscriptions(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	open := func() *watcher {
		w := watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("e")})
		w.until("CaughtUp")
		return w
	}
	w := open()
	if n := s.Subscriptions(); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
	s.EndSubscriptions(codes.Internal, "because")
	if _, err := w.end(); status.Code(err) != codes.Internal {
		t.Error(err)
	}
	w = open()
	s.Shutdown()
	if _, err := w.end(); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	w = open()
	s.Stop()
	if _, err := w.end(); status.Code(err) != codes.Unavailable && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	w = open()
	w.cancel()
	for range 200 {
		if s.Subscriptions() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a subscription outlived its client")
}
