package eventstoretest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// A stream seen from outside is a counter: an append of n events at version v succeeds only at v and makes it v+n, a refused
// append and Version tell where it stands. The checker looks for one order of all calls, each between its beginning and its
// end, in which every answer is right.

type streamInput struct {
	stream   string
	text     string // of the events: no two calls store the same, which a store may take for one and the same append
	read     bool
	expected uint64
	events   uint64
}

type streamOutput struct {
	stored bool
	actual uint64 // when not stored: the version that was seen
}

var streamModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byStream := make(map[string][]porcupine.Operation)
		for _, op := range history {
			stream := op.Input.(streamInput).stream
			byStream[stream] = append(byStream[stream], op)
		}
		parts := make([][]porcupine.Operation, 0, len(byStream))
		for _, part := range byStream {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return uint64(0) },
	Step: func(state, input, output any) (bool, any) {
		version, in, out := state.(uint64), input.(streamInput), output.(streamOutput)
		if out.stored {
			return !in.read && in.expected == version, version + in.events
		}
		return out.actual == version && (in.read || in.expected != version), version
	},
}

func testLinearizable(t *testing.T, f *fixture) {
	clients, each := 6, 120
	if testing.Short() {
		each = 40
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	seed := uint64(time.Now().UnixNano())
	start := time.Now()
	parallel(clients, func(client int) {
		random := rand.New(rand.NewPCG(seed, uint64(client)))
		known := make(map[string]uint64) // what the client believes, which is often out of date
		for call := range each {
			in := streamInput{stream: f.stream(fmt.Sprint(random.IntN(2))), read: random.IntN(4) == 0, events: uint64(random.IntN(3))}
			in.expected = known[in.stream]
			in.text = fmt.Sprintf("client %d call %d", client, call)
			begin := time.Since(start)
			out, err := f.perform(in)
			end := time.Since(start)
			if err != nil {
				t.Errorf("client %d (seed %d): %v", client, seed, err)
				return
			}
			if known[in.stream] = out.actual; out.stored {
				known[in.stream] = in.expected + in.events
			}
			mu.Lock()
			history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: int64(begin), Output: out, Return: int64(end)})
			mu.Unlock()
		}
	})
	if result := porcupine.CheckOperationsTimeout(streamModel, history, 20*time.Second); result != porcupine.Ok {
		t.Errorf("%d calls of %d clients (seed %d) have no order in which every answer is right: %s", len(history), clients, seed, result)
	}
}

// perform runs one call of the history.
func (f *fixture) perform(in streamInput) (streamOutput, error) {
	if in.read {
		version, err := f.Version(f.ctx, in.stream)
		return streamOutput{actual: version}, err
	}
	_, err := f.Append(f.ctx, in.stream, in.expected, noted(slices.Repeat([]string{in.text}, int(in.events))...))
	var conflict *eventstore.ConflictError
	if errors.As(err, &conflict) {
		return streamOutput{actual: conflict.Actual}, nil
	}
	return streamOutput{stored: err == nil}, err
}
