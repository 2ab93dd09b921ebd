package eventstore_test

import (
	"fmt"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
)

func TestMemory(t *testing.T) {
	eventstoretest.Run(t, func(*testing.T) eventstoretest.Storage {
		return eventstoretest.Storage{Open: func() (eventstore.Store, error) { return eventstore.NewMemory(), nil }}
	})
}

// TestMemoryDelete: a reader that has begun is not disturbed, the next one sees nothing of the stream anywhere.
func TestMemoryDelete(t *testing.T) {
	m, ctx := eventstore.NewMemory(), t.Context()
	for i := range uint64(3) {
		for _, stream := range []string{"a", "b"} {
			if _, err := m.Append(ctx, stream, i, []eventstore.NewEvent{{Type: "noted", Data: []byte(stream)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := func() (s string) {
		for e, err := range m.ReadAll(ctx, 0) {
			if err != nil {
				t.Fatal(err)
			}
			s += fmt.Sprintf("%s%d@%d ", e.Data, e.Version, e.Position)
			if err := m.Delete(ctx, "a"); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	if got := all(); got != "a1@1 b1@2 a2@3 b2@4 a3@5 b3@6 " {
		t.Errorf("reader before the deletion: %s", got)
	}
	if got := all(); got != "b1@2 b2@4 b3@6 " {
		t.Errorf("reader after the deletion: %s", got)
	}
	if position, err := m.Append(ctx, "b", 3, []eventstore.NewEvent{{Type: "noted", Data: []byte("b")}}); position != 7 || err != nil {
		t.Errorf("next position: %d, %v", position, err)
	}
}
