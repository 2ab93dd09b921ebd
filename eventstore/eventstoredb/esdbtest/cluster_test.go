package esdbtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// states is the gossip of a member: what each of them is, "-" after those that are down.
func states(t *testing.T, s *esdbtest.Server) string {
	t.Helper()
	info, err := gossip.NewGossipClient(dial(t, s)).Read(deadline(t), empty)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range info.GetMembers() {
		state := m.GetState().String()
		if !m.GetIsAlive() {
			state += "-"
		}
		out = append(out, state)
	}
	return strings.Join(out, " ")
}

// appendAt appends at one member over the bare protocol, insisting on the leader or not.
func appendAt(t *testing.T, s *esdbtest.Server, insist bool) (codes.Code, string) {
	t.Helper()
	ctx := deadline(t)
	if insist {
		ctx = metadata.AppendToOutgoingContext(ctx, "requires-leader", "true")
	}
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
	md := stream.Trailer()
	return status.Code(err), strings.Join(append(md.Get("leader-endpoint-host"), md.Get("leader-endpoint-port")...), ":")
}

func TestElections(t *testing.T) {
	c := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
	want := func(member int, insist bool, code codes.Code, leader string) {
		t.Helper()
		if got, named := appendAt(t, c.Member(member), insist); got != code || named != leader {
			t.Errorf("append at %d: %v naming %q, want %v naming %q", member, got, named, code, leader)
		}
	}
	gossips := func(want string) {
		t.Helper()
		if got := states(t, c.Member(2)); got != want {
			t.Errorf("gossip says %s, want %s", got, want)
		}
	}
	gossips("Leader Follower Follower")
	want(0, true, codes.OK, "")
	want(1, false, codes.OK, "") // forwarded
	want(1, true, codes.NotFound, c.Member(0).Addr())
	c.BeginElection()
	gossips("Unknown Unknown Unknown")
	for member := range 3 {
		want(member, false, codes.Unavailable, "")
	}
	c.Elect(1)
	gossips("Follower Leader Follower")
	want(0, true, codes.NotFound, c.Member(1).Addr())
	want(1, true, codes.OK, "")
	c.StopMember(1)
	gossips("Unknown Unknown- Unknown")
	want(2, false, codes.Unavailable, "")
	c.Elect(2)
	gossips("Follower Follower- Leader")
	want(0, false, codes.OK, "")
	if err := c.StartMember(1); err != nil {
		t.Fatal(err)
	}
	gossips("Follower Follower Leader")
	want(1, true, codes.NotFound, c.Member(2).Addr())
	c.ElectAfter(0, 5*time.Millisecond)
	if got := c.Leader(); got == 2 {
		t.Error("the old leader still leads")
	}
	for range 1000 {
		if c.Leader() == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	want(0, true, codes.OK, "")
}

// Subscriptions that insist on the leader end when another leads; the rest go on.
func TestElectionEndsSubscriptions(t *testing.T) {
	c := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
	s := c.Member(0)
	insist := func() *watcher {
		t.Helper()
		ctx := metadata.AppendToOutgoingContext(deadline(t), "requires-leader", "true")
		stream, err := streams.NewStreamsClient(dial(t, s)).Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{StreamOption: streamStart("a"),
			CountOption:  &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
			FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: empty},
			UuidOption:   &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: empty}}}})
		if err != nil {
			t.Fatal(err)
		}
		w := &watcher{t: t, stream: stream}
		w.until("CaughtUp")
		return w
	}
	w := insist()
	calm := watch(t, s, &streams.ReadReq_Options{StreamOption: streamStart("a")})
	calm.until("CaughtUp")
	c.BeginElection()
	if _, err := w.end(); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	c.Elect(0)
	w = insist()
	c.Elect(1)
	if _, err := w.end(); status.Code(err) != codes.NotFound || w.stream.Trailer().Get("exception")[0] != "not-leader" {
		t.Errorf("%v, %v", err, w.stream.Trailer())
	}
	if got, _ := appendAt(t, c.Member(1), true); got != codes.OK {
		t.Fatal(got)
	}
	calm.want("a/0", "a/0")
}

func TestLaggingFollower(t *testing.T) {
	c := esdbtest.NewCluster(t, esdbtest.Options{}, 2)
	c.Lag(1, 3)
	follower := connect(t, c.Member(1).ConnectionString())
	mustAppend(t, follower, "e", esdb.NoStream{}, numbered("e", 0, 5)...) // forwarded
	read := func() string {
		r, err := follower.ReadStream(deadline(t), "e", esdb.ReadStreamOptions{}, 10)
		return ends(names(drain(t, r, err)))
	}
	if got := read(); got != "e-0 e-1 2" {
		t.Errorf("the follower sees %s", got)
	}
	w := watch(t, c.Member(1), &streams.ReadReq_Options{StreamOption: streamStart("e")})
	w.want("CaughtUp", "Confirmation e/0 e/1 CaughtUp")
	c.Lag(1, 1)
	w.want("e/3", "e/2 e/3")
	c.Lag(1, 0)
	w.want("e/4", "e/4")
	if got := read(); got != "e-0 e-4 5" {
		t.Errorf("the follower sees %s", got)
	}
	c.Lag(1, 100)
	r, err := follower.ReadStream(deadline(t), "e", esdb.ReadStreamOptions{}, 10)
	if _, err := tryDrain(r, err); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Errorf("the follower knows nothing, and says %v", err)
	}
	c.Elect(1)
	if got := read(); got != "e-0 e-4 5" {
		t.Errorf("the leader sees %s", got)
	}
}

// The real client finds the leader by gossip, over TLS, and finds the next one when it is gone.
func TestClientFollowsTheLeader(t *testing.T) {
	c := esdbtest.NewCluster(t, esdbtest.Options{TLS: true, Users: esdbtest.Admin()}, 3)
	client := connect(t, c.ConnectionString())
	mustAppend(t, client, "e", esdb.NoStream{}, numbered("e", 0, 1)...)
	if n := c.Member(0).Calls("Append"); n != 1 {
		t.Errorf("the leader took %d appends", n)
	}
	c.StopMember(0)
	c.Elect(2)
	for try := range 50 {
		_, err := client.AppendToStream(deadline(t), "e", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(0)}, numbered("e", 1, 1)...)
		if err == nil {
			break
		}
		if try == 49 {
			t.Fatal(err)
		}
	}
	if n := c.Member(2).Calls("Append"); n != 1 {
		t.Errorf("the new leader took %d appends", n)
	}
	if got := fmt.Sprint(c.Leader(), len(strings.Split(c.ConnectionString(), ","))); got != "2 3" {
		t.Error(got)
	}
}

func TestClusterKeepsItsLog(t *testing.T) {
	dir := t.TempDir()
	for n := range 3 {
		c, err := esdbtest.StartCluster(esdbtest.Options{Dir: dir}, 3)
		if err != nil {
			t.Fatal(err)
		}
		expected := esdb.ExpectedRevision(esdb.NoStream{})
		if n > 0 {
			expected = esdb.Revision(uint64(n - 1))
		}
		mustAppend(t, connect(t, c.Member(n).ConnectionString()), "e", expected, numbered("e", n, 1)...)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
