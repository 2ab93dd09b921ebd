package eventstoredb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// This file shows why the adapter does not use the high-level client of its own module (docs/decisions/0007). Each case plays in a
// process of its own, for one of them ends it. When a case fails after an upgrade of the module, the client was mended: read the
// decision again.

const clientEnv = "MINGZHANG_TEST_CLIENT"

// clientCases print what they saw.
var clientCases = map[string]struct {
	play func(*testing.T, *esdbtest.Server, *esdb.Client)
	want string // in what the process prints
}{
	"dead after a failed discovery, though the server is back": {clientDead, "still closed"},
	"callers hang past their contexts":                         {clientHangs, "callers that wait for ever: true"},
	"Close panics in other callers":                            {clientPanics, "send on closed channel"},
	"connections leak when the server is busy":                 {clientLeaks, "connections left: true"},
	"a preference for the leader is not sent":                  {clientForgets, "requires-leader sent: false"},
}

func TestWhyNotTheClient(t *testing.T) {
	for name, c := range clientCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestClientCase$", "-test.v")
			child.Env = append(os.Environ(), clientEnv+"="+name)
			var out bytes.Buffer
			child.Stdout, child.Stderr = &out, &out
			err := child.Run() // how it ends is not the point, and may be by a panic or a race
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("want %q, got (%v)\n%s", c.want, err, &out)
			}
		})
	}
}

// TestClientCase is the other process.
func TestClientCase(t *testing.T) {
	name := os.Getenv(clientEnv)
	if name == "" {
		t.Skip("TestWhyNotTheClient runs it")
	}
	server := esdbtest.New(t, esdbtest.Options{})
	conf, err := esdb.ParseConnectionString(server.ConnectionString() + "&maxDiscoverAttempts=3&discoveryInterval=50&nodePreference=leader")
	if err != nil {
		t.Fatal(err)
	}
	conf.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	clientCases[name].play(t, server, client)
	os.Exit(0) // without Close: it may hang or panic
}

func clientAppend(client *esdb.Client, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := client.AppendToStream(ctx, "a-stream", esdb.AppendToStreamOptions{}, esdb.EventData{EventType: "something_happened", Data: []byte("1")})
	return err
}

// lose makes the client notice that the server is away.
func lose(t *testing.T, server *esdbtest.Server, client *esdb.Client) {
	if err := clientAppend(client, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := clientAppend(client, 5*time.Second); err == nil {
		t.Fatal("stored by a server that is away")
	}
}

func clientDead(t *testing.T, server *esdbtest.Server, client *esdb.Client) {
	lose(t, server, client)
	_ = clientAppend(client, 5*time.Second) // looks for a server, three times, and finds none
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < time.Second; time.Sleep(50 * time.Millisecond) {
		err := clientAppend(client, time.Second)
		if e := (*esdb.Error)(nil); !errors.As(err, &e) || e.Code() != esdb.ErrorCodeConnectionClosed {
			t.Fatalf("it lives: %v", err)
		}
	}
	fmt.Println("still closed")
}

// waiting gives how many of twenty callers with contexts of 300 ms are not back after three seconds.
func waiting(t *testing.T, server *esdbtest.Server, client *esdb.Client) int {
	lose(t, server, client)
	back := make(chan error, 20)
	for range cap(back) {
		go func() { back <- clientAppend(client, 300*time.Millisecond) }()
	}
	time.Sleep(3 * time.Second)
	return cap(back) - len(back)
}

func clientHangs(t *testing.T, server *esdbtest.Server, client *esdb.Client) {
	n := waiting(t, server, client)
	fmt.Printf("callers that wait for ever: %v (%d of 20)\n", n > 0, n)
}

func clientPanics(t *testing.T, server *esdbtest.Server, client *esdb.Client) {
	waiting(t, server, client)
	_ = client.Close()
	time.Sleep(time.Second) // the panic is in the goroutine of a caller
	fmt.Println("closed in peace")
}

func clientLeaks(t *testing.T, server *esdbtest.Server, client *esdb.Client) {
	const busy = 30
	server.FailNext("Append", busy, esdbtest.TooBusy())
	for range busy {
		if clientAppend(client, 5*time.Second) == nil {
			t.Fatal("stored by a server that is busy")
		}
	}
	if err := clientAppend(client, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	n := server.Connections()
	fmt.Printf("connections left: %v (%d, one is in use)\n", n > busy/2, n)
}

func clientForgets(t *testing.T, server *esdbtest.Server, client *esdb.Client) {
	if err := clientAppend(client, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, h := range server.Headers("Append") {
		fmt.Printf("requires-leader sent: %v\n", len(h.Get("requires-leader")) > 0)
	}
}
