package transparency

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// schedule puts the stream in the queue of the writer of heads, when there is something to do. It never waits.
func (s *Store) schedule(st *stream, due bool) {
	if !due {
		return
	}
	st.mu.Lock()
	queued := st.queued
	st.queued = true
	st.mu.Unlock()
	if queued {
		return
	}
	s.mu.Lock()
	s.queue = append(s.queue, st)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// headsShare bounds what heads may take from the disk: they are written for at most one part of the time in so many.
const headsShare = 5

// writeHeads is the goroutine that brings trees and files up to date, beside the commit path. The appends that come while
// it writes, or in the interval after, share one head. When many streams grow at once the interval is longer, so that their
// heads do not crowd out the appends they are about.
func (s *Store) writeHeads() {
	defer close(s.stopped)
	for {
		var start time.Time
		select {
		case <-s.wake:
			start = time.Now()
			s.writeQueued(false)
		case <-s.stop:
			s.writeQueued(true)
			return
		}
		select {
		case <-time.After(max(s.opts.HeadInterval, (headsShare-1)*time.Since(start))):
		case <-s.stop:
			s.writeQueued(true)
			return
		}
	}
}

// writeQueued writes the heads that are due. A stream whose head could not be written stays in the queue: the log is then
// longer than its head, as after a crash, and the next round tries again.
func (s *Store) writeQueued(closing bool) {
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	var errs []error
	for _, st := range queue {
		st.mu.Lock()
		st.queued = false
		st.mu.Unlock()
		err := s.writeHead(context.Background(), st)
		// Damage is told to those who use the stream.
		if err == nil || errors.As(err, new(*eventstore.CorruptError)) {
			continue
		}
		errs = append(errs, err)
		s.schedule(st, !closing)
	}
	if closing {
		errs = append(errs, syncDir(filepath.Join(s.files.dir, headsDir)))
	}
	s.mu.Lock()
	s.headErr = errors.Join(errs...)
	s.mu.Unlock()
}

// writeHead brings one stream's tree up to date with the log, and its files with the tree.
func (s *Store) writeHead(ctx context.Context, st *stream) error {
	if err := s.settle(ctx, st); err != nil {
		return err
	}
	st.files.Lock()
	defer st.files.Unlock()
	st.mu.Lock()
	log, t, stored, pending, written := st.log, st.tree.clone(), st.stored, st.pending, st.written
	skip := !st.loaded || st.deleted || st.damage != nil || log == nil
	st.mu.Unlock()
	if skip {
		return nil
	}
	// The leaf file comes first, so that it is never behind a head. If it fails the head is still worth writing.
	err := s.writePending(st, stored, pending)
	if edgeDue(st.edged, t.size) {
		st.edged = t.size // an edge that could not be written costs time when the log is loaded, and nothing else
		err = errors.Join(err, s.files.writeEdge(st.name, t))
	}
	head := Head{Origin: log.origin(), Size: t.size, Root: t.root()}
	if head == written {
		return err
	}
	msg, signErr := log.sign(head)
	if signErr != nil {
		return errors.Join(err, signErr)
	}
	if headErr := s.files.writeHead(st.name, msg, false); headErr != nil {
		return errors.Join(err, headErr)
	}
	st.mu.Lock()
	st.written = head
	st.mu.Unlock()
	return err
}

// writePending moves the leaves that were pending into the leaf file. The caller holds files, so stored stands still.
func (s *Store) writePending(st *stream, stored uint64, pending []tlog.Hash) error {
	if len(pending) == 0 {
		return nil
	}
	if err := s.files.writeNodes(st.name, stored, pending); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stored += uint64(len(pending))
	st.pending = append([]tlog.Hash(nil), st.pending[len(pending):]...)
	return nil
}

// Head is the head of a stream and the signed note of it, for a stream with events; ErrNoLog else. It covers every append
// that was acknowledged before the call, and is remembered on disk before it is handed out.
func (s *Store) Head(ctx context.Context, stream string) (Head, []byte, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return Head{}, nil, err
	}
	if err := s.enter(); err != nil {
		return Head{}, nil, err
	}
	defer s.life.RUnlock()
	log, head, err := s.head(ctx, s.stream(stream))
	if err != nil {
		return Head{}, nil, err
	}
	msg, err := log.sign(head)
	return head, msg, err
}

// head is the head of a stream as it was just remembered on disk, and the log that signs it.
func (s *Store) head(ctx context.Context, st *stream) (*logKey, Head, error) {
	if err := s.ready(ctx, st); err != nil {
		return nil, Head{}, err
	}
	if err := s.writeHead(ctx, st); err != nil {
		return nil, Head{}, err
	}
	st.mu.Lock()
	log, head, damage := st.log, st.written, st.damage
	st.mu.Unlock()
	if damage != nil {
		return nil, Head{}, damage
	}
	if log == nil || head.Size == 0 {
		return nil, Head{}, fmt.Errorf("head of %s: %w", st.name, ErrNoLog)
	}
	return log, head, nil
}
