package esdbtest_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

func users() map[string]esdbtest.User {
	u := esdbtest.Admin()
	u["ann"] = esdbtest.User{Password: "a", Groups: []string{"bookkeepers"}}
	u["bob"] = esdbtest.User{Password: "b"}
	return u
}

// appendUntilTold repeats an append for as long as the client says no more than EOF: that is what it makes of a server that ends the
// call while the client still sends.
func appendUntilTold(ctx context.Context, c *esdb.Client, stream string, who *esdb.Credentials) error {
	const tries = 100
	var err error
	for range tries {
		_, err = c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}, Authenticated: who}, numbered(stream, 0, 1)...)
		if !errors.Is(err, io.EOF) {
			break
		}
	}
	return err
}

func TestAccess(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{TLS: true, Users: users()})
	c := connect(t, s.ConnectionString()) // the administrator
	ctx := deadline(t)
	as := func(name, password string) *esdb.Credentials {
		return &esdb.Credentials{Login: name, Password: password}
	}
	ann, bob, wrong := as("ann", "a"), as("bob", "b"), as("ann", "b")
	read := func(stream string) func(*esdb.Credentials) error {
		return func(who *esdb.Credentials) error {
			r, err := c.ReadStream(ctx, stream, esdb.ReadStreamOptions{Authenticated: who}, 1)
			_, err = tryDrain(r, err)
			return err
		}
	}
	write := func(stream string) func(*esdb.Credentials) error {
		return func(who *esdb.Credentials) error {
			return appendUntilTold(ctx, c, stream, who)
		}
	}
	all := func(who *esdb.Credentials) error {
		r, err := c.ReadAll(ctx, esdb.ReadAllOptions{Authenticated: who}, 1)
		_, err = tryDrain(r, err)
		return err
	}
	for _, stream := range []string{"open", "closed"} {
		if err := write(stream)(nil); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, c, "$$closed", esdb.Any{}, esdb.EventData{EventType: "$metadata", Data: []byte(`{"$acl":{"$r":["bookkeepers","carl"],"$w":"bob","$mr":"$all"}}`)})
	const ok, denied = esdb.ErrorCode(-1), esdb.ErrorCodeAccessDenied
	for _, row := range []struct {
		name string
		do   func(*esdb.Credentials) error
		who  *esdb.Credentials
		want esdb.ErrorCode
	}{
		{"anybody with a login reads", read("open"), ann, ok},
		{"anybody with a login writes", write("open"), bob, ok},
		{"a wrong password does not", read("open"), wrong, esdb.ErrorCodeUnauthenticated},
		{"nor write", write("open"), wrong, esdb.ErrorCodeUnauthenticated},
		{"the log is for administrators", all, ann, denied},
		{"who read it", all, nil, ok},
		{"system streams too", read("$users"), ann, denied},
		{"and their metadata", read("$$$users"), ann, denied},
		{"a list lets a group in", read("closed"), ann, ok},
		{"and keeps others out", read("closed"), bob, denied},
		{"a list lets a user in", write("closed"), bob, ok},
		{"and keeps groups out", write("closed"), ann, denied},
		{"metadata has a list", read("$$closed"), bob, ok},
		{"administrators need none", write("closed"), nil, ok},
		{"what a list does not say is the default", write("$$closed"), ann, ok},
	} {
		if err := row.do(row.who); code(err) != row.want {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	// A list for all user streams; the administrator's word is the last event.
	mustAppend(t, c, "$settings", esdb.Any{}, esdb.EventData{EventType: "settings", Data: []byte(`{"$userStreamAcl":{"$r":"$ops"}}`)})
	if err := read("open")(ann); code(err) != denied {
		t.Errorf("with a default of nobody: %v", err)
	}
}

// Whoever loses access loses the subscription with it.
func TestRevokedSubscription(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{TLS: true, Users: users()})
	c := connect(t, s.ConnectionString())
	sub, err := c.SubscribeToStream(deadline(t), "e", esdb.SubscribeToStreamOptions{From: esdb.Start{}, Authenticated: &esdb.Credentials{Login: "bob", Password: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	for sub.Recv().CaughtUp == nil {
	}
	mustAppend(t, c, "$$e", esdb.Any{}, esdb.EventData{EventType: "$metadata", Data: []byte(`{"$acl":{"$r":"ann"}}`)})
	e := sub.Recv()
	if e.SubscriptionDropped == nil || status.Code(e.SubscriptionDropped.Error) != codes.PermissionDenied {
		t.Errorf("%+v", e)
	}
}

// The Go client sends no login without TLS, and features and gossip need none: a call that needs one is turned away.
func TestNoLogin(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{Users: users()})
	c := connect(t, s.ConnectionString())
	if err := appendUntilTold(deadline(t), c, "e", nil); code(err) != esdb.ErrorCodeUnauthenticated {
		t.Error(err)
	}
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Basic YW5uOmE=") // ann:a
	client := streams.NewStreamsClient(dial(t, s))
	_, err := client.Delete(ctx, &streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: id("none"),
		ExpectedStreamRevision: &streams.DeleteReq_Options_Any{Any: empty}}})
	if status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	if h := s.Headers("Delete"); len(h) != 1 || h[0].Get("authorization")[0] != "Basic YW5uOmE=" {
		t.Errorf("headers are %v", h)
	}
}
