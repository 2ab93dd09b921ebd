package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Reads run page by page, each page one short statement on a read connection that is given back before the consumer sees the
// first event. So a slow consumer holds no snapshot, which would keep the WAL from being used again, and no connection.

const (
	sqlStreamSpan = "SELECT version, position, type, data FROM events WHERE position BETWEEN ? AND ? AND stream = ? ORDER BY position LIMIT ?"
	sqlAllPage    = "SELECT version, position, type, data, stream FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
)

// Read implements eventstore.Store.
func (s *Store) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		if err := s.readStream(ctx, stream, after, yield); err != nil {
			yield(eventstore.Event{}, err)
		}
	}
}

// errEnough says that the consumer wants no more; it never leaves this file.
var errEnough = errors.New("enough")

func (s *Store) readStream(ctx context.Context, stream string, after uint64, yield func(eventstore.Event, error) bool) error {
	if err := s.alive(ctx); err != nil {
		return err
	}
	var where places
	s.mu.RLock()
	if known := s.state.streams[stream]; known != nil {
		where = *known
	}
	damage := s.state.damaged[stream]
	s.mu.RUnlock()
	if damage != nil {
		where.head = damage.Version - 1
	}
	p := newPage()
	for after < where.head {
		bad := s.fillStream(ctx, p, stream, &where, after)
		for _, e := range p.events {
			if e.Version != after+1 {
				return s.corrupt(stream, after, nil)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(e, nil) {
				return nil
			}
			after++
		}
		if bad != nil || len(p.events) == 0 {
			return s.corrupt(stream, after, bad)
		}
	}
	if damage != nil {
		return damage
	}
	return nil
}

// corrupt names the damage when a stream does not go on after a version: a row is missing (err is nil) or the engine met bad
// bytes, which is ErrDamaged too. Other errors stay what they are.
func (s *Store) corrupt(stream string, after uint64, err error) error {
	if err != nil && !structural(err) {
		return err
	}
	s.mu.RLock()
	deleted := s.state.deleted[stream]
	s.mu.RUnlock()
	switch {
	case deleted:
		return eventstore.ErrDeleted
	case err == nil:
		return &eventstore.CorruptError{Stream: stream, Version: after + 1, Reason: "the event is missing"}
	}
	return fmt.Errorf("%w: %w", explainOpen(s.path, err), &eventstore.CorruptError{Stream: stream, Version: after + 1, Reason: reason(err)})
}

// ReadAll implements eventstore.Store.
func (s *Store) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		err := s.sound(ctx)
		if err == nil {
			last, _ := s.lastPosition(false)
			err = s.readAll(ctx, newPage(), after, last, yield)
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, err)
		}
	}
}

// readAll yields the events with positions after+1 … last, and gives errEnough when the consumer has enough.
func (s *Store) readAll(ctx context.Context, p *page, after, last uint64, yield func(eventstore.Event, error) bool) error {
	for after < last {
		bad := s.fillAll(ctx, p, after, last)
		for _, e := range p.events {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(e, nil) {
				return errEnough
			}
			after = e.Position
		}
		if bad != nil && structural(bad) {
			return explainOpen(s.path, bad)
		}
		if bad != nil || len(p.events) == 0 {
			return bad // nil: the rest was deleted
		}
	}
	return nil
}

// Subscribe implements eventstore.Store.
func (s *Store) Subscribe(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		if err := s.follow(ctx, after, yield); !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, err)
		}
	}
}

// follow ends only with an error.
func (s *Store) follow(ctx context.Context, after uint64, yield func(eventstore.Event, error) bool) error {
	if err := s.sound(ctx); err != nil {
		return err
	}
	p := newPage()
	for {
		if err := s.alive(ctx); err != nil {
			return err
		}
		last, changed := s.lastPosition(true)
		if last > after {
			if err := s.readAll(ctx, p, after, last, yield); err != nil {
				return err
			}
			after = last
			continue
		}
		select {
		case <-changed:
		case <-s.quit:
		case <-ctx.Done():
		}
	}
}

// lastPosition is the last position stored and, for one who wants to wait for more, a channel that is closed when there is
// more.
func (s *Store) lastPosition(wait bool) (last uint64, changed <-chan struct{}) {
	if !wait {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.state.last, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.state.last, s.changed
}

// page is the events read at one go. Data of many events share one block of memory: an allocation for each would cost
// more than reading it. Blocks grow to blockBytes, so that one event kept by a consumer keeps no more than that.
type page struct {
	events   []eventstore.Event
	bytes    int // data of events
	rows     int // most of the next page; few at first, because many readers want only the next few events
	block    []byte
	size     int               // of the next block
	names    map[string]string // names seen, so that equal ones share their bytes
	typeName string            // of the row before
	name     [max(eventstore.StreamNameMax, eventstore.TypeNameMax)]byte
}

const (
	pageEventsMin = 8
	blockBytesMin = 2 << 10
	blockBytes    = 64 << 10
	namesMax      = 4096 // names remembered at a time
)

func newPage() *page {
	return &page{rows: pageEventsMin, size: blockBytesMin, names: make(map[string]string)}
}

// start makes the page empty and gives how many rows it is to have at the most.
func (p *page) start() (rows int) {
	rows = p.rows
	p.events, p.bytes, p.rows = p.events[:0], 0, min(8*p.rows, pageEventsMax)
	return rows
}

// fillAll reads the next page of all events by position. After an error the page has the rows before it.
func (s *Store) fillAll(ctx context.Context, p *page, after, upTo uint64) error {
	rows := p.start()
	c, err := s.readers.get(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	q, err := c.prepare(sqlAllPage)
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	q.BindInt64(1, int64(after))
	q.BindInt64(2, int64(upTo))
	q.BindInt64(3, int64(rows))
	if err := p.load(q, ""); err != nil {
		return fmt.Errorf("read the store after position %d: %w", after, err)
	}
	return nil
}

// fillStream reads the next page of a stream, span by span. After an error, or where a row is missing, the page ends with the
// rows before it.
func (s *Store) fillStream(ctx context.Context, p *page, stream string, where *places, after uint64) error {
	rows := p.start()
	c, err := s.readers.get(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	q, err := c.prepare(sqlStreamSpan)
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	q.BindText(3, stream)
	for after < where.head && len(p.events) < rows && p.bytes < pageBytesMax {
		had := len(p.events)
		sp, events := where.span(after+1, where.head, uint64(rows-had))
		q.BindInt64(1, int64(sp.from))
		q.BindInt64(2, int64(sp.to))
		q.BindInt64(4, int64(events))
		if err := p.load(q, stream); err != nil {
			return fmt.Errorf("read %s after version %d: %w", stream, after, err)
		}
		if after += events; len(p.events)-had != int(events) {
			return nil
		}
	}
	return nil
}

// load adds rows until there are no more or the page has enough bytes.
func (p *page) load(q stmt, stream string) error {
	last := stream
	for p.bytes < pageBytesMax {
		row, err := q.Step()
		if err != nil {
			return err
		}
		if !row {
			break
		}
		p.typeName = p.text(q, 2, p.typeName)
		if stream == "" {
			last = p.text(q, 4, last)
		}
		e := eventstore.Event{
			Stream:   last,
			Version:  uint64(q.ColumnInt64(0)),
			Position: uint64(q.ColumnInt64(1)),
			Type:     p.typeName,
			Data:     p.blob(q, 3),
		}
		p.bytes += len(e.Data)
		p.events = append(p.events, e)
	}
	return q.Reset()
}

// text is a short text column, without an allocation for a name seen before; most often it is that of the row before.
func (p *page) text(q stmt, column int, before string) string {
	n := q.ColumnBytes(column, p.name[:])
	if string(p.name[:n]) == before {
		return before
	}
	if known, ok := p.names[string(p.name[:n])]; ok {
		return known
	}
	if len(p.names) == namesMax {
		clear(p.names)
	}
	name := string(p.name[:n])
	p.names[name] = name
	return name
}

// blob copies a column into the current block.
func (p *page) blob(q stmt, column int) []byte {
	n := q.ColumnLen(column)
	if n > len(p.block) {
		p.block = make([]byte, max(p.size, n))
		p.size = min(2*p.size, blockBytes)
	}
	data := p.block[:n:n]
	p.block = p.block[n:]
	q.ColumnBytes(column, data)
	return data
}

// pool is the read connections. They are opened when needed, up to readersMax, and kept.
type pool struct {
	path string
	quit <-chan struct{}
	idle chan *conn

	mu     sync.Mutex
	opened int
	closed bool
}

func (p *pool) init(path string, quit <-chan struct{}) {
	p.path, p.quit, p.idle = path, quit, make(chan *conn, readersMax)
}

// get gives a connection, waiting for one if it must.
func (p *pool) get(ctx context.Context) (*conn, error) {
	select {
	case <-p.quit:
		return nil, eventstore.ErrClosed
	case c := <-p.idle:
		return c, nil
	default:
	}
	if c, err := p.open(); c != nil || err != nil {
		return c, err
	}
	select {
	case c := <-p.idle:
		return c, nil
	case <-p.quit:
		return nil, eventstore.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) put(c *conn) { p.idle <- c }

// open gives a new connection, or none when there are enough.
func (p *pool) open() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, eventstore.ErrClosed
	}
	if p.opened == readersMax {
		return nil, nil
	}
	c, err := openConn(p.path, true, busyTimeout)
	if err != nil {
		return nil, fmt.Errorf("open a read connection: %w", explainOpen(p.path, err))
	}
	// A reader has nothing to sync; the setting is there so that no connection of ours could ever commit without it.
	if err := c.script("PRAGMA synchronous=FULL", "PRAGMA cache_size=-16384"); err != nil {
		return nil, errors.Join(fmt.Errorf("open a read connection: %w", explainOpen(p.path, err)), c.close())
	}
	p.opened++
	return c, nil
}

// close closes all connections, each after the page it is reading.
func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	var errs []error
	for range p.opened {
		errs = append(errs, (<-p.idle).close())
	}
	return errors.Join(errs...)
}
