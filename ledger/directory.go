package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// directory is the stream of reserved names.
type directory struct {
	store  eventstore.Store
	shared bool // others can delete streams
	mu     sync.Mutex
	names  []string
	seen   uint64
	last   int64           // recorded_at of the last reservation
	live   map[string]bool // those known to be founded, which they stay
}

// reserve adds a name before its collective is founded. A crash after it leaves a name without a founding, which means
// nothing and can be reserved again.
func (n *directory) reserve(ctx context.Context, id string, m Meta) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for attempt := range conflictTriesMax {
		if err := eventstore.StandBack(ctx, attempt); err != nil {
			return err
		}
		if err := n.catchUp(ctx); err != nil {
			return err
		}
		if slices.Contains(n.names, id) {
			return nil
		}
		e := &eventv1.Event{Version: n.seen + 1, RecordedAt: max(m.Now.UnixMicro(), n.last), Actor: m.Actor, CommandId: m.ID[:],
			Fact: &eventv1.Event_NameReserved{NameReserved: &eventv1.NameReserved{CollectiveId: id}}}
		stored, err := Encode(e)
		if err != nil {
			return err
		}
		_, err = n.store.Append(ctx, StreamCollectives, n.seen, []eventstore.NewEvent{stored})
		var conflict *eventstore.ConflictError
		if errors.As(err, &conflict) {
			continue
		}
		if err != nil {
			return unavailable(err)
		}
	}
	return fmt.Errorf("reserve %s: %w", id, ErrUnavailable)
}

// has says whether a name is reserved.
func (n *directory) has(ctx context.Context, id string) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.Contains(n.names, id) {
		return true, nil
	}
	err := n.catchUp(ctx)
	return slices.Contains(n.names, id), err
}

func (n *directory) catchUp(ctx context.Context) error {
	for stored, err := range n.store.Read(ctx, StreamCollectives, n.seen) {
		if err != nil {
			return unavailable(err)
		}
		e, err := Decode(stored)
		if err != nil {
			return err
		}
		n.names = append(n.names, e.GetNameReserved().GetCollectiveId())
		n.seen, n.last = stored.Version, e.RecordedAt
	}
	return nil
}

func (n *directory) founded(ctx context.Context) ([]string, error) {
	n.mu.Lock()
	err := n.catchUp(ctx)
	names := slices.Clone(n.names)
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, id := range names {
		live, err := n.isFounded(ctx, id)
		if err != nil {
			return nil, err
		}
		if live {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// known is founded as far as this process has found out, without a question to the store.
func (n *directory) known() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.live))
}

// isFounded says whether a reserved name was founded. The store is asked until it says yes. One whose stream somebody deleted was: who
// uses it is told.
func (n *directory) isFounded(ctx context.Context, id string) (bool, error) {
	n.mu.Lock()
	live := n.live[id]
	n.mu.Unlock()
	if live {
		return true, nil
	}
	v, err := n.store.Version(ctx, StreamOf(id))
	if err != nil {
		return false, unavailable(err)
	}
	live = v > 0
	if !live && n.shared {
		live, err = wasDeleted(ctx, n.store, StreamOf(id))
		if errors.As(err, new(*eventstore.CorruptError)) {
			live, err = true, nil
		}
		if err != nil {
			return false, err
		}
	}
	if live {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.live == nil {
			n.live = map[string]bool{}
		}
		n.live[id] = true
	}
	return live, nil
}
