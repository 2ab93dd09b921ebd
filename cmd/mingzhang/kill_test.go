package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// acknowledged are the commands a server said it had done.
type acknowledged struct {
	mu  sync.Mutex
	ids []uuid.UUID
}

func (a *acknowledged) add(ids ...uuid.UUID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids = append(a.ids, ids...)
}

func (a *acknowledged) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// The process is killed (SIGKILL) under load again and again. Each start needs no repair and finds a sound log; in the end
// every acknowledged command is in the log, once.
func TestKilledUnderLoad(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	dir := demoDir(t)
	must(t, "operator", "key", "treasurer", "--data", dir)
	key := filepath.Join(dir, keysDir, "treasurer.key")
	acked := new(acknowledged)
	for round := range rounds {
		server, err := startServer(dir)
		if err != nil {
			t.Fatalf("start %d: %v", round+1, err)
		}
		before := acked.len()
		load(t, server, key, acked)
		if acked.len() == before {
			t.Errorf("round %d: nothing was acknowledged before the process was killed", round+1)
		}
		must(t, "verify", "--data", dir)
	}
	t.Logf("%d kills, %d commands acknowledged", rounds, acked.len())
	countOnce(t, dir, acked.ids)
}

// load sends commands one at a time and in batches from several clients, and kills the server in the middle.
func load(t *testing.T, server *process, keyFile string, acked *acknowledged) {
	t.Helper()
	key, err := readKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string][]string{"Authorization": {"Bearer " + key}}
	books := apiv1connect.NewBooksServiceClient(connect.NewClient(connecthttp.NewTransport(keyed{header}, server.url)))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil && oneByOne(ctx, books, acked) == nil {
			}
		})
		clients.Go(func() {
			for ctx.Err() == nil && inBatches(ctx, books, acked) == nil {
			}
		})
	}
	for begun, before := time.Now(), acked.len(); acked.len() == before && time.Since(begun) < serverTimeout; {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond)
	server.kill()
	stop()
	clients.Wait()
}

func newIncome() (uuid.UUID, *apiv1.RecordIncomeRequest) {
	id := uuid.New()
	return id, &apiv1.RecordIncomeRequest{CommandId: id.String(), CollectiveId: "liminba", SimulatedAt: "2023-02-01T10:00:00+08:00",
		Kind: "rent", Amount: "100.01", OccurredOn: "2023-02-01", MoneyAccount: "bank"}
}

func oneByOne(ctx context.Context, books apiv1connect.BooksServiceClient, acked *acknowledged) error {
	id, request := newIncome()
	if _, err := books.RecordIncome(ctx, request); err != nil {
		return err
	}
	acked.add(id)
	return nil
}

func inBatches(ctx context.Context, books apiv1connect.BooksServiceClient, acked *acknowledged) error {
	var ids []uuid.UUID
	batch := &apiv1.ApplyRequest{}
	for range 20 {
		id, request := newIncome()
		text, err := protojson.Marshal(request)
		if err != nil {
			return err
		}
		ids = append(ids, id)
		batch.Lines = append(batch.Lines, &apiv1.ApplyLine{Method: "RecordIncome", RequestJson: string(text)})
	}
	answer, err := books.Apply(ctx, batch)
	if err != nil {
		return err
	}
	for i, result := range answer.Results {
		if result.Code != "" {
			return fmt.Errorf("refused: %v", result)
		}
		acked.add(ids[i])
	}
	return nil
}

// countOnce looks for each command in the exported log.
func countOnce(t *testing.T, dir string, ids []uuid.UUID) {
	t.Helper()
	stored := map[uuid.UUID]int{}
	lines := bufio.NewScanner(strings.NewReader(must(t, "export", "jsonl", "--data", dir)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Event json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Event == nil { // the first and the last line
			continue
		}
		event := new(eventv1.Event)
		if err := protojson.Unmarshal(line.Event, event); err != nil {
			t.Fatal(err)
		}
		if event.GetIncomeRecorded() != nil {
			stored[uuid.UUID(event.CommandId)]++
		}
	}
	seen := map[uuid.UUID]bool{}
	for _, id := range ids {
		if n := stored[id]; n != 1 || seen[id] {
			t.Errorf("the acknowledged command %s is stored %d times", id, n)
		}
		seen[id] = true
	}
	for id, n := range stored {
		if n > 1 {
			t.Errorf("the command %s is stored %d times", id, n)
		}
	}
}
