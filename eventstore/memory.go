package eventstore

import (
	"context"
	"iter"
	"sort"
	"sync"
)

// Memory is a Store in memory, for tests and tools. It keeps every rule of the port but one: closing it, or the end of the
// process, loses everything. The zero value is not usable; make one with NewMemory.
type Memory struct {
	mu      sync.RWMutex
	all     []Event            // in order of position; elements are never changed, so readers keep the slice they saw
	streams map[string][]Event // the same events by stream
	deleted map[string]bool
	last    uint64        // last position given, also to events deleted since
	changed chan struct{} // closed when something is stored or the store closes; nil while nobody waits
	closed  bool
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{streams: make(map[string][]Event), deleted: make(map[string]bool)}
}

// Append implements Store.
func (m *Memory) Append(ctx context.Context, stream string, expected uint64, events []NewEvent) (uint64, error) {
	if err := CheckAppend(stream, events); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, ErrClosed
	}
	if m.deleted[stream] {
		return 0, ErrDeleted
	}
	head := uint64(len(m.streams[stream]))
	if head != expected {
		return 0, &ConflictError{Stream: stream, Expected: expected, Actual: head}
	}
	if len(events) == 0 {
		return 0, nil
	}
	for _, e := range events {
		m.last++
		head++
		stored := Event{Stream: stream, Version: head, Position: m.last, Type: e.Type, Data: e.Data}
		m.all = append(m.all, stored)
		m.streams[stream] = append(m.streams[stream], stored)
	}
	m.wake()
	return m.last, nil
}

// wake tells the subscriptions that wait. The caller holds mu.
func (m *Memory) wake() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// Version implements Store.
func (m *Memory) Version(ctx context.Context, stream string) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return 0, ErrClosed
	}
	return uint64(len(m.streams[stream])), nil
}

// Read implements Store.
func (m *Memory) Read(ctx context.Context, stream string, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		m.mu.RLock()
		events, closed := m.streams[stream], m.closed
		m.mu.RUnlock()
		if closed {
			yield(Event{}, ErrClosed)
			return
		}
		yieldEvents(ctx, events[min(after, uint64(len(events))):], yield)
	}
}

// ReadAll implements Store.
func (m *Memory) ReadAll(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		events, _, err := m.tail(after, false)
		if err != nil {
			yield(Event{}, err)
			return
		}
		yieldEvents(ctx, events, yield)
	}
}

// Subscribe implements Store.
func (m *Memory) Subscribe(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for after := after; ; {
			events, changed, err := m.tail(after, true)
			if err != nil {
				yield(Event{}, err)
				return
			}
			if !yieldEvents(ctx, events, yield) {
				return
			}
			if len(events) > 0 {
				after = events[len(events)-1].Position
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(Event{}, ctx.Err())
				return
			}
		}
	}
}

// End is the last position given, of events deleted since too.
func (m *Memory) End(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return 0, ErrClosed
	}
	return m.last, nil
}

// tail is the events after a position and, for one who wants to wait for more, a channel that is closed when there is more.
func (m *Memory) tail(after uint64, wait bool) (events []Event, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, nil, ErrClosed
	}
	if wait && m.changed == nil {
		m.changed = make(chan struct{})
	}
	first := sort.Search(len(m.all), func(i int) bool { return m.all[i].Position > after })
	return m.all[first:], m.changed, nil
}

// yieldEvents yields the events and then reports whether the consumer wants more.
func yieldEvents(ctx context.Context, events []Event, yield func(Event, error) bool) bool {
	for _, e := range events {
		if err := ctx.Err(); err != nil {
			yield(Event{}, err)
			return false
		}
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, stream string) error {
	if err := CheckStream(stream); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.deleted[stream] = true
	if m.streams[stream] == nil {
		return nil
	}
	delete(m.streams, stream)
	// A new slice, because readers may be walking over the old one.
	kept := make([]Event, 0, len(m.all))
	for _, e := range m.all {
		if e.Stream != stream {
			kept = append(kept, e)
		}
	}
	m.all = kept
	return nil
}

// List implements Lister.
func (m *Memory) List(ctx context.Context) ([]Listing, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, ErrClosed
	}
	list := make([]Listing, 0, len(m.streams)+len(m.deleted))
	for name, events := range m.streams {
		list = append(list, Listing{Stream: name, Version: uint64(len(events))})
	}
	for name := range m.deleted {
		list = append(list, Listing{Stream: name, Deleted: true})
	}
	SortListings(list)
	return list, nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.all, m.streams = nil, nil
		m.wake()
	}
	return nil
}
