package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// request is one append or deletion on its way through the writer.
type request struct {
	stream   string
	expected uint64
	events   []eventstore.NewEvent
	bytes    int
	remove   bool // delete the stream

	stage    atomic.Int32
	position uint64
	err      error
	done     chan struct{} // one token when position and err are set
}

// Stages of a request. The writer moves it from waiting to taken, a caller whose context ended from waiting to abandoned:
// whoever comes second has lost.
const (
	waiting int32 = iota
	taken
	abandoned
)

var requests = sync.Pool{New: func() any { return &request{done: make(chan struct{}, 1)} }}

// Append implements eventstore.Store.
func (s *Store) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if err := eventstore.CheckAppend(stream, events); err != nil {
		return 0, err
	}
	if err := s.alive(ctx); err != nil {
		return 0, err
	}
	if len(events) == 0 {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return 0, s.state.refusal(stream, expected, s.state.head(stream))
	}
	if err := s.sound(ctx); err != nil {
		return 0, err
	}
	r := requests.Get().(*request)
	r.stream, r.expected, r.events, r.remove, r.bytes = stream, expected, events, false, 0
	for _, e := range events {
		r.bytes += len(e.Data)
	}
	return s.submit(ctx, r)
}

// Delete implements eventstore.Store. When it returns without error the stream's bytes have been overwritten in the file and,
// unless another program was reading at that moment, in the WAL; copies and backups are not its business.
func (s *Store) Delete(ctx context.Context, stream string) error {
	if err := eventstore.CheckStream(stream); err != nil {
		return err
	}
	if err := s.sound(ctx); err != nil {
		return err
	}
	r := requests.Get().(*request)
	r.stream, r.expected, r.events, r.remove, r.bytes = stream, 0, nil, true, 0
	_, err := s.submit(ctx, r)
	return err
}

// submit queues a request and waits for the answer. Whoever waits and finds nobody writing becomes the writer for one batch,
// on behalf of all who wait. A goroutine of its own for that would cost two switches between threads on each single append,
// measured at a third of the time a sync takes.
func (s *Store) submit(ctx context.Context, r *request) (uint64, error) {
	r.stage.Store(waiting)
	r.position, r.err = 0, nil
	s.queueMu.Lock()
	if s.closing {
		s.queueMu.Unlock()
		return 0, eventstore.ErrClosed
	}
	s.queue = append(s.queue, r)
	s.queueMu.Unlock()
	for answered := false; !answered; {
		select {
		case <-r.done:
			answered = true
		case s.writing <- struct{}{}:
			s.writeBatch()
			<-s.writing
		case <-ctx.Done():
			if r.stage.CompareAndSwap(waiting, abandoned) {
				return 0, ctx.Err() // it stays in the queue, so it goes to no other call
			}
			<-r.done
			answered = true
		}
	}
	position, err := r.position, r.err
	r.events = nil
	requests.Put(r)
	return position, err
}

func (r *request) answer(position uint64, err error) {
	r.position, r.err = position, err
	r.done <- struct{}{}
}

// writer is what only the holder of the token of writing touches, after Open.
type writer struct {
	conn        *conn
	begin       stmt
	insert      stmt
	commit      func() error // COMMIT; tests put a failing one here
	dataVersion int64        // as of the last look, the first before the file is learnt; it changes when another connection commits
	failed      error        // set once nothing can be written any more
	remains     bool         // parts of deleted streams may be in the file or its WAL still

	batch    []*request
	pending  map[string]uint64 // heads with this batch's appends
	stored   []*request
	unsure   []*request // refused because of an append of the same batch: right only if that is committed
	stream   string     // as bound to insert
	typeName string     // as bound to insert
}

const (
	sqlInsert        = "INSERT INTO events (position, stream, version, type, data) VALUES (?, ?, ?, ?, ?)"
	sqlDataVersion   = "PRAGMA data_version"
	sqlMarkDeleted   = "INSERT INTO deleted_streams (stream, position) VALUES (?, ?)"
	sqlDeleteSpan    = "DELETE FROM events WHERE position BETWEEN ? AND ? AND stream = ?"
	sqlCheckpointAll = "PRAGMA wal_checkpoint(TRUNCATE)"
)

func (w *writer) prepare(c *conn) (err error) {
	w.conn = c
	w.pending = make(map[string]uint64)
	if w.begin, err = c.prepare("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if w.insert, err = c.prepare(sqlInsert); err != nil {
		return err
	}
	commit, err := c.prepare("COMMIT")
	if err != nil {
		return err
	}
	w.commit = commit.run
	return nil
}

func (w *writer) close() error { return w.conn.close() }

// writeBatch takes the next batch and carries it out; it reports whether there was one. The caller holds the token of
// writing.
func (s *Store) writeBatch() bool {
	batch := s.take()
	switch {
	case len(batch) == 0:
		return false
	case batch[0].remove:
		s.deleteStream(batch[0])
	default:
		s.appendBatch(batch)
	}
	return true
}

// take moves the next batch out of the queue: appends up to the limits, or one deletion alone.
func (s *Store) take() []*request {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	batch, n, bytes := s.writer.batch[:0], 0, 0
	for _, r := range s.queue {
		if len(batch) == batchAppendsMax || len(batch) > 0 && (r.remove || batch[0].remove || bytes+r.bytes > batchBytesMax) {
			break
		}
		if n++; r.stage.CompareAndSwap(waiting, taken) {
			batch = append(batch, r)
			bytes += r.bytes
		}
	}
	rest := copy(s.queue, s.queue[n:])
	clear(s.queue[rest:])
	s.queue = s.queue[:rest]
	s.writer.batch = batch
	return batch
}

// appendBatch stores what fits of a batch in one transaction and answers all of it.
func (s *Store) appendBatch(batch []*request) {
	w := &s.writer
	s.plan(batch)
	if len(w.stored) == 0 {
		return
	}
	last, err := s.store(w.stored)
	if err != nil {
		for _, r := range w.stored {
			r.answer(0, err)
		}
		for _, r := range w.unsure {
			r.answer(0, err)
		}
		return
	}
	s.publish(func(st *state) {
		for _, r := range w.stored {
			n := uint64(len(r.events))
			st.add(r.stream, r.position-n+1, n)
		}
		st.last = last
	})
	for _, r := range w.stored {
		r.answer(r.position, nil)
	}
	for _, r := range w.unsure {
		r.answer(0, r.err)
	}
}

// plan sorts a batch into what is to be stored and what is refused. Only the writer changes the state, so it may look at it
// without the lock.
func (s *Store) plan(batch []*request) {
	w := &s.writer
	clear(w.pending)
	w.stored, w.unsure = w.stored[:0], w.unsure[:0]
	for _, r := range batch {
		if w.failed != nil {
			r.answer(0, w.failed)
			continue
		}
		head, ours := w.pending[r.stream]
		if !ours {
			head = s.state.head(r.stream)
		}
		switch err := s.state.refusal(r.stream, r.expected, head); {
		case err == nil:
			w.pending[r.stream] = head + uint64(len(r.events))
			w.stored = append(w.stored, r)
		case ours:
			r.err = err
			w.unsure = append(w.unsure, r)
		default:
			r.answer(0, err)
		}
	}
}

// store writes the appends in one transaction, sets their positions and gives the last one. After an error nothing of it is
// stored, or nothing can be stored any more.
func (s *Store) store(appends []*request) (last uint64, err error) {
	w := &s.writer
	if err := s.begin(); err != nil {
		return 0, err
	}
	last = s.state.last
	for _, r := range appends {
		if err := w.insertEvents(r, last); err != nil {
			return 0, s.rollback(fmt.Errorf("append to %s: %w", r.stream, err))
		}
		last += uint64(len(r.events))
		r.position = last
	}
	if s.told == nil {
		return last, s.commit()
	}
	begun := time.Now()
	err = s.commit()
	if err == nil {
		s.told(int(last-s.state.last), time.Since(begun))
	}
	return last, err
}

// insertEvents adds rows behind a position. The parameters that stay the same from row to row stay bound.
func (w *writer) insertEvents(r *request, position uint64) error {
	if r.stream != w.stream {
		w.insert.BindText(2, r.stream)
		w.stream = r.stream
	}
	for i, e := range r.events {
		if e.Type != w.typeName {
			w.insert.BindText(4, e.Type)
			w.typeName = e.Type
		}
		w.insert.BindInt64(1, int64(position)+int64(i)+1)
		w.insert.BindInt64(3, int64(r.expected)+int64(i)+1)
		w.insert.BindBytes(5, e.Data)
		if err := w.insert.run(); err != nil {
			w.stream, w.typeName = "", ""
			return err
		}
	}
	return nil
}

// begin starts a transaction and makes sure that what we know by heart is still what the file says.
func (s *Store) begin() error {
	w := &s.writer
	if err := w.begin.run(); err != nil {
		return s.rollback(fmt.Errorf("begin a transaction: %w", err))
	}
	version, err := w.conn.number(sqlDataVersion)
	if err != nil {
		return s.rollback(fmt.Errorf("look for other writers: %w", err))
	}
	if version == w.dataVersion {
		return nil
	}
	// Somebody committed, or moved the WAL into the file (a backup tool, the shell). Only the former may have changed what
	// we know by heart, and the file is ours now, so we can compare.
	if err := s.compare(); err != nil {
		if errors.Is(err, ErrForeignWriter) {
			w.failed = err
		}
		return s.rollback(err)
	}
	w.dataVersion = version
	return nil
}

// compare says ErrForeignWriter when the file is not what we know by heart. It looks where the triggers let another program
// change something: behind the last position and at the marks of deleted streams.
func (s *Store) compare() error {
	last, err := s.writer.conn.number(sqlLast)
	if err != nil {
		return fmt.Errorf("compare with the file after another program used it: %w", err)
	}
	deleted, err := s.writer.conn.number(sqlDeletedCount)
	if err != nil {
		return fmt.Errorf("compare with the file after another program used it: %w", err)
	}
	if uint64(last) != s.state.last || int(deleted) != len(s.state.deleted) {
		return fmt.Errorf("%s: %w: it had %d as its last position and %d deleted streams and has %d and %d; nothing is written until the store is opened again",
			s.path, ErrForeignWriter, s.state.last, len(s.state.deleted), last, deleted)
	}
	return nil
}

// commit ends the transaction. A full disk leaves no commit mark in the WAL, so nothing is stored; after any other failure
// nobody knows.
func (s *Store) commit() error {
	err := s.writer.commit()
	if err == nil {
		return nil
	}
	if full(err) {
		return s.rollback(fmt.Errorf("commit: %w", err))
	}
	return s.giveUp(fmt.Errorf("commit: %w", err))
}

// rollback leaves a transaction after an error before its commit mark was written: nothing is stored. It gives the error
// the caller of Append is to see.
func (s *Store) rollback(err error) error {
	if s.writer.conn.inTransaction() {
		if rerr := s.writer.conn.exec("ROLLBACK"); rerr != nil {
			return s.giveUp(fmt.Errorf("roll back after %w: %w", err, rerr))
		}
	}
	if full(err) || structural(err) {
		return explainOpen(s.path, err)
	}
	return err
}

// giveUp ends the process, or at least all writing.
func (s *Store) giveUp(err error) error {
	if structural(err) {
		err = explainOpen(s.path, err)
	}
	err = fmt.Errorf("event store %s: outcome of a write is unknown: %w", s.path, err)
	s.writer.failed = err
	s.fatal(err)
	return err
}

// deleteStream removes a stream in a transaction of its own.
func (s *Store) deleteStream(r *request) {
	w := &s.writer
	if w.failed != nil || s.state.deleted[r.stream] {
		r.answer(0, w.failed)
		return
	}
	if err := s.removeRows(r.stream); err != nil {
		r.answer(0, fmt.Errorf("delete %s: %w", r.stream, err))
		return
	}
	s.publish(func(st *state) {
		delete(st.streams, r.stream)
		delete(st.damaged, r.stream)
		st.deleted[r.stream] = true
	})
	// The rows are gone and overwritten with zeros (secure_delete), but the WAL still has the pages as they were. A reader
	// can keep it from being emptied; then a later checkpoint does it. Nothing is lost by a failure here.
	w.remains = true
	_ = w.conn.exec(sqlCheckpointAll)
	r.answer(0, nil)
}

// removeRows marks the stream as deleted and removes its events: both or neither.
func (s *Store) removeRows(stream string) error {
	w := &s.writer
	if err := s.begin(); err != nil {
		return err
	}
	mark, err := w.conn.prepare(sqlMarkDeleted)
	if err == nil {
		mark.BindText(1, stream)
		mark.BindInt64(2, int64(s.state.last))
		err = mark.run()
	}
	if err != nil {
		return s.rollback(err)
	}
	rows, err := w.conn.prepare(sqlDeleteSpan)
	if err != nil {
		return s.rollback(err)
	}
	rows.BindText(3, stream)
	for _, sp := range s.state.spans(stream) {
		rows.BindInt64(1, int64(sp.from))
		rows.BindInt64(2, int64(sp.to))
		if err := rows.run(); err != nil {
			return s.rollback(err)
		}
	}
	return s.commit()
}
