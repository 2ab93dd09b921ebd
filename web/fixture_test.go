package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/documents"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/seeds"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// node is a whole server in memory, pages included, with an admin called "admin".
type node struct {
	t      testing.TB
	server *rpc.Server
	access *access.Service
	keys   map[string]string // operator -> bearer key
	url    string
	origin string // the same by name: passkeys want one
	now    time.Time
	logs   *bytes.Buffer
	stop   func() // ends it before the test does
}

// source lets library and vault read from a service that is made after them.
type source struct{ *ledger.Service }

func (s *source) Replay(ctx context.Context, collective string, after uint64) iter.Seq2[*eventv1.Event, error] {
	return s.Service.Replay(ctx, collective, after)
}

type observers []ledger.Observer

func (all observers) Observe(collective string, events []*eventv1.Event) {
	for _, o := range all {
		o.Observe(collective, events)
	}
}

// newNode makes a server over a store (a new one in memory where it is nil). Its clock stands at 10 January 2023, after the demo.
func newNode(t testing.TB, store eventstore.Store) *node { return newNodeIn(t, store, t.TempDir()) }

// newNodeIn is newNode with its files in a directory, so that another can go on with them after stop.
func newNodeIn(t testing.TB, store eventstore.Store, dir string) *node {
	t.Helper()
	if store == nil {
		store = eventstore.NewMemory()
	}
	n := &node{t: t, keys: map[string]string{}, now: time.Date(2023, 1, 10, 2, 0, 0, 0, time.UTC), logs: new(bytes.Buffer)}
	clock := func() time.Time { return n.now }
	logger := slog.New(slog.NewTextHandler(n.logs, nil))
	signer, err := transparency.OpenSigner(filepath.Join(dir, "signer"), bytes.Repeat([]byte{7}, transparency.SecretBytes))
	n.must(err)
	log, err := transparency.Open(store, filepath.Join(dir, "log"), signer, ledger.LogOrigin, transparency.Options{HeadInterval: time.Millisecond})
	n.must(err)
	n.stop = sync.OnceFunc(func() { log.Close(); signer.Close() })
	t.Cleanup(n.stop)
	from := new(source)
	books := projections.NewLibrary(from)
	feed := rpc.NewFeed(books)
	vault := people.NewVault(eventstore.NewMemory(), from, people.Options{Clock: clock, Logger: logger})
	from.Service = ledger.NewService(log, ledger.Options{Clock: clock, Observer: observers{feed, vault}})
	n.access = access.NewService(log, clock)
	papers, err := documents.Open(filepath.Join(dir, "documents"), documents.Options{})
	n.must(err)
	server := httptest.NewUnstartedServer(nil)
	n.origin = "http://localhost:" + strconv.Itoa(server.Listener.Addr().(*net.TCPAddr).Port)
	door, err := access.NewDoor(n.access, access.DoorOptions{Origin: n.origin, Clock: clock, Logger: logger})
	n.must(err)
	n.server = rpc.New(rpc.Config{
		Ledger: from.Service, Access: n.access, Door: door, Books: books, Events: log, Log: log, Clock: clock, Feed: feed, People: vault, Documents: papers,
		Seeds:       rpc.SeedStreams{Store: eventstore.NewMemory()},
		VerifierKey: func(origin string) string { return transparency.VerifierKeyOf(context.Background(), signer, origin) }, Signer: signer,
		Logger: logger, Version: "test", Store: "memory",
	})
	mux := http.NewServeMux()
	mux.Handle("/", n.server.Handler())
	mux.Handle("GET /log/", n.server.LogHandler())
	pages := New(Config{Services: n.server.InProcess(), Origin: n.origin, Clock: clock, Logger: logger})
	for _, prefix := range append(Prefixes, "/{$}") {
		mux.Handle(prefix, pages)
	}
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(server.Close)
	n.url = server.URL
	if _, known, err := n.access.Operator(context.Background(), "admin"); err == nil && known {
		return n // it goes on with another's files
	}
	n.keys["admin"], err = n.access.CreateOperator(context.Background(), access.CreateOperator{Operator: "admin", DisplayName: "管理员", Admin: true, IssueKey: true},
		access.Meta{ID: uuid.New(), Actor: "admin"})
	n.must(err)
	return n
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// as is the context of calls by an operator.
func (n *node) as(operator string) context.Context {
	return rpc.AsOperator(context.Background(), operator)
}

// client is the way to the services in process.
func (n *node) client() *connect.Client { return connect.NewClient(n.server.InProcess()) }

// play carries out files of commands, of which none may be refused.
func (n *node) play(files ...seeds.File) *node {
	n.t.Helper()
	books := apiv1connect.NewBooksServiceClient(n.client())
	for _, file := range files {
		var lines []*apiv1.ApplyLine
		scanner := bufio.NewScanner(bytes.NewReader(file.Data))
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			if len(scanner.Bytes()) == 0 || scanner.Bytes()[0] == '#' {
				continue
			}
			var line struct {
				Method, As string
				Request    json.RawMessage
			}
			n.must(json.Unmarshal(scanner.Bytes(), &line))
			lines = append(lines, &apiv1.ApplyLine{Method: line.Method, As: line.As, RequestJson: string(line.Request)})
		}
		answer, err := books.Apply(n.as("admin"), &apiv1.ApplyRequest{Lines: lines})
		n.must(err)
		for i, r := range answer.Results {
			if r.Code != "" {
				n.t.Fatalf("%s: line %d: %s: %s", file.Name, i+1, lines[i].Method, r.Message)
			}
		}
	}
	return n
}

// get fetches a page and gives its status and text.
func (n *node) get(path string) (*http.Response, string) {
	n.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(n.url + path)
	n.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	n.must(err)
	return answer, string(body)
}
