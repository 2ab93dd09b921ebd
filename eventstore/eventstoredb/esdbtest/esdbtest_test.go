package esdbtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// The server must leave no goroutine behind. The client does: each rediscovery drops a connection without closing it. Those have
// functions that no server runs.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"),
		goleak.IgnoreAnyFunction("google.golang.org/grpc.(*addrConn).resetTransportAndUnlock"))
}

// limit bounds every test: nothing here should take a second.
const limit = 20 * time.Second

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// connect is the real client on a connection string.
func connect(t testing.TB, address string) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString(address)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = func(esdb.LogLevel, string, ...interface{}) {}
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// numbered are n events named by prefix and number; the same arguments give the same ids.
func numbered(prefix string, from, n int) []esdb.EventData {
	events := make([]esdb.EventData, n)
	for i := range events {
		name := fmt.Sprintf("%s-%d", prefix, from+i)
		events[i] = esdb.EventData{EventID: uuid.NewSHA1(uuid.Nil, []byte(name)), EventType: "Tested", ContentType: esdb.ContentTypeJson,
			Data: []byte(fmt.Sprintf(`{"name":%q}`, name)), Metadata: []byte(`{"by":"test"}`)}
	}
	return events
}

func mustAppend(t testing.TB, c *esdb.Client, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData) *esdb.WriteResult {
	t.Helper()
	w, err := c.AppendToStream(deadline(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	if err != nil {
		t.Fatalf("append to %s: %v", stream, err)
	}
	return w
}

// drain reads to the end and closes.
func drain(t testing.TB, r *esdb.ReadStream, err error) []*esdb.ResolvedEvent {
	t.Helper()
	events, err := tryDrain(r, err)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func tryDrain(r *esdb.ReadStream, err error) ([]*esdb.ResolvedEvent, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var events []*esdb.ResolvedEvent
	for {
		e, err := r.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

// names are the "name" of each event's data, or its type if there is none.
func names(events []*esdb.ResolvedEvent) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, nameOf(e.OriginalEvent()))
	}
	return out
}

func nameOf(e *esdb.RecordedEvent) string {
	var d struct{ Name string }
	if json.Unmarshal(e.Data, &d) != nil || d.Name == "" {
		return e.EventType
	}
	return d.Name
}

// code is the client's code of an error.
func code(err error) esdb.ErrorCode {
	var e *esdb.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return -1
}

func TestUsualDay(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "a", esdb.NoStream{}, numbered("a", 0, 3)...)
	r, err := c.ReadStream(deadline(t), "a", esdb.ReadStreamOptions{}, 100)
	got := drain(t, r, err)
	if fmt.Sprint(names(got)) != "[a-0 a-1 a-2]" {
		t.Errorf("read %v", names(got))
	}
	if e := got[1].Event; e.EventNumber != 1 || e.EventType != "Tested" || e.ContentType != "application/json" ||
		string(e.Data) != `{"name":"a-1"}` || string(e.UserMetadata) != `{"by":"test"}` || e.EventID != numbered("a", 1, 1)[0].EventID ||
		e.Position.Commit == 0 || e.Position.Commit != e.Position.Prepare || time.Since(e.CreatedDate) > time.Minute {
		t.Errorf("event 1 is %+v", e)
	}
	_, err = c.AppendToStream(deadline(t), "a", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(7)}, numbered("b", 0, 1)...)
	if code(err) != esdb.ErrorCodeWrongExpectedVersion {
		t.Errorf("append at a wrong version: %v", err)
	}
	sub, err := c.SubscribeToAll(deadline(t), esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"a"}}})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for len(seen) < 5 {
		e := sub.Recv()
		switch {
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		case e.EventAppeared != nil:
			seen = append(seen, nameOf(e.EventAppeared.OriginalEvent()))
		case e.CaughtUp != nil:
			seen = append(seen, "caught up")
			mustAppend(t, c, "a", esdb.Revision(2), numbered("a", 3, 1)...)
		}
	}
	if fmt.Sprint(seen) != "[a-0 a-1 a-2 caught up a-3]" {
		t.Errorf("subscription saw %v", seen)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	r, err = c.ReadAll(deadline(t), esdb.ReadAllOptions{}, 100)
	if all := names(drain(t, r, err)); fmt.Sprint(all[len(all)-4:]) != "[a-0 a-1 a-2 a-3]" {
		t.Errorf("all is %v", all)
	}
	if _, err := c.TombstoneStream(deadline(t), "a", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(3)}); err != nil {
		t.Error(err)
	}
	r, err = c.ReadStream(deadline(t), "a", esdb.ReadStreamOptions{}, 100)
	if _, err := tryDrain(r, err); code(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("read of a tombstone: %v", err)
	}
}
