package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
)

// town is nodes in processes of their own on a fake cluster with the demo, and clients that go to any of them.
type town struct {
	t       *testing.T
	cluster *esdbtest.Server
	dirs    []string

	treasurer, supervisor http.Header // what they send

	mu    sync.Mutex // guards nodes
	nodes []*process // nil: stopped
}

func newTown(t *testing.T, n int) *town {
	t.Helper()
	w := &town{t: t, cluster: esdbtest.New(t, esdbtest.Options{Dir: t.TempDir()}), nodes: make([]*process, n)}
	base := t.TempDir()
	for i := range n {
		dir := filepath.Join(base, fmt.Sprint("node", i+1))
		args := []string{"init", "--data", dir, "--store", w.cluster.ConnectionString()}
		if i > 0 {
			args = append(args, "--secret", filepath.Join(w.dirs[0], secretFile))
		}
		must(t, args...)
		w.dirs = append(w.dirs, dir)
		if i == 0 {
			must(t, "demo", "--once", "--data", dir)
		}
	}
	w.treasurer, w.supervisor = w.key("treasurer"), w.key("supervisor")
	for i := range n {
		w.start(i)
	}
	t.Cleanup(func() {
		for _, node := range w.nodes {
			if node != nil {
				node.kill()
			}
		}
	})
	return w
}

// key gives an operator of the demo a key, before the first node is started.
func (w *town) key(operator string) http.Header {
	w.t.Helper()
	must(w.t, "operator", "key", operator, "--data", w.dirs[0])
	key, err := readKey(keyPath(w.dirs[0], operator))
	if err != nil {
		w.t.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + key}}
}

func (w *town) start(i int) {
	w.t.Helper()
	node, err := startServer(w.dirs[i], "--admin", "127.0.0.1:0")
	if err != nil {
		w.t.Fatalf("node %d: %v", i+1, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[i] = node
}

// stop takes a node away, killed or told to stop.
func (w *town) stop(i int, killed bool) {
	w.t.Helper()
	w.mu.Lock()
	node := w.nodes[i]
	w.nodes[i] = nil
	w.mu.Unlock()
	if killed {
		node.kill()
		return
	}
	if err := node.interrupt(); err != nil {
		w.t.Errorf("node %d: %v\n%s", i+1, err, node.log)
	}
}

// interrupt tells a server to stop and waits until it has.
func (s *process) interrupt() error {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.wait()
}

// some is any node that runs.
func (w *town) some() *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if node := w.nodes[rand.IntN(len(w.nodes))]; node != nil {
			return node
		}
	}
}

func clientOf(node *process, who http.Header) *connect.Client {
	return connect.NewClient(connecthttp.NewTransport(keyed{who}, node.url))
}

// income records an income through one node after another until one has done it, and reads it through yet another.
func (w *town) income(ctx context.Context) (uuid.UUID, error) {
	id, request := newIncome()
	var answer *apiv1.RecordIncomeResponse
	var err error
	for answer == nil {
		client := apiv1connect.NewBooksServiceClient(clientOf(w.some(), w.treasurer))
		if answer, err = client.RecordIncome(ctx, request); err == nil {
			break
		}
		answer = nil
		if ctx.Err() != nil {
			return id, ctx.Err()
		}
		if code := connect.CodeOf(err); code == connect.CodeFailedPrecondition || code == connect.CodeInvalidArgument || code == connect.CodeAlreadyExists {
			return id, err
		}
		time.Sleep(time.Millisecond) // a node that is not there refuses at once
	}
	for {
		client := apiv1connect.NewDisclosureServiceClient(clientOf(w.some(), w.treasurer))
		statement, err := client.GetFundStatement(ctx, &apiv1.GetFundStatementRequest{CollectiveId: "liminba", MinVersion: answer.Receipt.Version})
		switch {
		case err == nil && statement.Version < answer.Receipt.Version:
			return id, fmt.Errorf("read at version %d what version %d says", statement.Version, answer.Receipt.Version)
		case err == nil:
			return id, nil
		case ctx.Err() != nil:
			return id, nil // it was acknowledged
		case connect.CodeOf(err) == connect.CodeAborted:
			return id, fmt.Errorf("a node does not find what another acknowledged: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// under runs clients while something happens to the nodes, and gives the commands that were acknowledged.
func (w *town) under(happening func()) []uuid.UUID {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	acked := new(acknowledged)
	var failed atomic.Bool
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for ctx.Err() == nil && !failed.Load() {
				id, err := w.income(ctx)
				if ctx.Err() != nil {
					return // whether it was stored nobody was told
				}
				if err != nil {
					failed.Store(true)
					w.t.Error(err)
					return
				}
				acked.add(id)
			}
		})
	}
	happening()
	stop()
	clients.Wait()
	return acked.ids
}

// more waits until the clients have got some more done.
func (w *town) more(n int) {
	w.t.Helper()
	before := w.cluster.Calls("Append")
	for begun := time.Now(); w.cluster.Calls("Append") < before+n; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > serverTimeout {
			w.t.Fatal("the clients do not get on")
		}
	}
}

// agree wants the same books on all nodes, those of the log, as soon as what clients gave up on has come to its end.
func (w *town) agree() {
	w.t.Helper()
	eventually(w.t, "all nodes have the same books", func() bool {
		same := true
		first := ""
		for i, node := range w.nodes {
			client := apiv1connect.NewAuditServiceClient(clientOf(node, w.supervisor))
			answer, err := client.VerifyLog(context.Background(), &apiv1.VerifyLogRequest{CollectiveId: "liminba"})
			if err != nil {
				w.t.Fatalf("node %d: %v", i+1, err)
			}
			if !answer.Ok {
				w.t.Fatalf("node %d: %v", i+1, answer)
			}
			digest := fmt.Sprint(answer.Events, answer.Root, answer.BookDigest)
			if first == "" {
				first = digest
			}
			same = same && answer.BookOk && digest == first
		}
		return same
	})
}

// health is what a node says of itself.
func (w *town) health(i int) (h struct {
	Sound   bool
	Store   string
	Cluster following
}) {
	w.t.Helper()
	status, text := get(w.t, w.nodes[i].url+"/healthz")
	if err := json.Unmarshal([]byte(text), &h); err != nil || status != http.StatusOK {
		w.t.Fatalf("node %d: %d %s", i+1, status, text)
	}
	return h
}

// statement reads the fund statement of a node as anybody may.
func (w *town) statement(i int) *http.Response {
	w.t.Helper()
	answer, err := http.Get(w.nodes[i].url + "/mingzhang.api.v1.DisclosureService/GetFundStatement?encoding=json&message=" + `%7B%22collectiveId%22%3A%22liminba%22%7D`)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	return answer
}

// TestRollingRestart: three nodes under load are stopped and started one after the other, then one after the other is killed. Every
// acknowledged command is stored once, can be read through every node at once, and all nodes have the same books.
func TestRollingRestart(t *testing.T) {
	w := newTown(t, 3)
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	ids := w.under(func() {
		w.more(20)
		for range rounds {
			for _, killed := range []bool{false, true} {
				for i := range w.nodes {
					w.stop(i, killed)
					w.more(10)
					w.start(i)
					w.more(10)
				}
			}
		}
	})
	t.Logf("%d commands acknowledged", len(ids))
	w.agree()
	for i := range w.nodes {
		if h := w.health(i); !h.Sound || h.Store != engineCluster || h.Cluster.Behind != 0 || h.Cluster.Lost {
			t.Errorf("node %d: %+v", i+1, h)
		}
	}
	for i := range w.nodes {
		w.stop(i, false)
		must(t, "verify", "--data", w.dirs[i])
	}
	countOnce(t, w.dirs[0], ids)
}

// TestNodesOutliveTheCluster: while the cluster is away reads go on and say how old they are, commands are refused as store_unavailable
// and the node says that it wants no calls; when it is back everything goes on.
func TestNodesOutliveTheCluster(t *testing.T) {
	w := newTown(t, 2)
	ids := w.under(func() {
		w.more(20)
		for i, node := range w.nodes { // what a node has never read it cannot show
			if answer := w.statement(i); answer.StatusCode != http.StatusOK {
				t.Fatalf("node %d: %d", i+1, answer.StatusCode)
			}
			must(t, "statement", "--server", node.url)
		}
		w.cluster.Stop()
		eventually(t, "the node says that it has lost touch", func() bool { return w.health(0).Cluster.Lost })
		eventually(t, "answers say how old they are", func() bool {
			answer := w.statement(1)
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("a read while the cluster is away: %d", answer.StatusCode)
			}
			return answer.Header.Get("Mingzhang-Books-Age") != ""
		})
		list, err := apiv1connect.NewDisclosureServiceClient(clientOf(w.nodes[0], nil)).ListCollectives(context.Background(), &apiv1.ListCollectivesRequest{})
		if err != nil || len(list.Collectives) != 1 || list.Collectives[0].Id != "liminba" {
			t.Errorf("the list of collectives while the cluster is away: %v, %v", list, err)
		}
		out, note, err := command(t, "statement", "--server", w.nodes[1].url, "--lang", "en")
		if err != nil || !strings.Contains(out, "reserve") || !strings.Contains(note, "seconds") {
			t.Errorf("the command line while the cluster is away: %v\n%s\n%s", err, out, note)
		}
		client := apiv1connect.NewBooksServiceClient(clientOf(w.nodes[0], w.treasurer))
		_, request := newIncome()
		if _, err := client.RecordIncome(context.Background(), request); connect.CodeOf(err) != connect.CodeUnavailable && connect.CodeOf(err) != connect.CodeDeadlineExceeded {
			t.Errorf("a command while the cluster is away: %v", err)
		}
		m := adminURL.FindStringSubmatch(w.nodes[0].log.String())
		eventually(t, "the node wants no calls", func() bool { status, _ := get(t, m[1]+"/readyz"); return status == http.StatusServiceUnavailable })
		if err := w.cluster.Start(); err != nil {
			t.Fatal(err)
		}
		w.more(20)
		eventually(t, "the node wants calls again", func() bool { status, _ := get(t, m[1]+"/readyz"); return status == http.StatusOK })
	})
	eventually(t, "the node is in touch again", func() bool { c := w.health(0).Cluster; return c.Current && !c.Lost })
	w.agree()
	w.stop(0, false)
	countOnce(t, w.dirs[0], ids)
}

// eventually waits for something that has to come about by itself.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > serverTimeout {
			t.Fatalf("it never came about that %s", what)
		}
	}
}
