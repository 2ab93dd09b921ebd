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

// headsShare bounds what heads may take from the disk: they are written for at most one part of the time in so many, as long as
// none gets older than a second by that.
const (
	headsShare    = 5
	headsPauseMax = 500 * time.Millisecond
)

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
		case <-time.After(max(s.opts.HeadInterval, min((headsShare-1)*time.Since(start), headsPauseMax))):
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

// writeHead brings one stream's tree up to date with the log, its signed head with the tree, and its files with both.
func (s *Store) writeHead(ctx context.Context, st *stream) error {
	return s.following(ctx, st, s.writeHeadOnce)
}

// following does something that has a head signed. When the signer has signed more than there is here, others share it: then the
// log is read on, and only if it ends before that, events are missing.
func (s *Store) following(ctx context.Context, st *stream, f func(context.Context, *stream) error) error {
	err := f(ctx, st)
	var stale *StaleError
	if !errors.As(err, &stale) {
		return st.damaged(err)
	}
	st.mu.Lock()
	st.behind = true
	st.mu.Unlock()
	if err = f(ctx, st); errors.As(err, &stale) {
		st.mu.Lock()
		size := st.tree.size
		st.mu.Unlock()
		if size < stale.Last.Size {
			err = missing(st.name, size, stale.Last.Size)
		}
	}
	return st.damaged(err)
}

func (s *Store) writeHeadOnce(ctx context.Context, st *stream) error {
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
	if signErr := s.sign(ctx, st); signErr != nil {
		return errors.Join(err, signErr)
	}
	st.mu.Lock()
	head, msg := st.signed, st.note
	st.mu.Unlock()
	if head == written {
		return err
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
// that was acknowledged before the call, and is remembered on disk, by the signer and here, before it is handed out; one that is
// already costs nothing. ErrSignerAway says that nobody can sign now.
func (s *Store) Head(ctx context.Context, stream string) (Head, []byte, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return Head{}, nil, err
	}
	if err := s.enter(); err != nil {
		return Head{}, nil, err
	}
	defer s.life.RUnlock()
	return s.head(ctx, s.stream(stream), s.writeHeadOnce)
}

// head is the head of a stream as it was just signed, by writeHeadOnce, or by signOnce: then the head file follows.
func (s *Store) head(ctx context.Context, st *stream, sign func(context.Context, *stream) error) (Head, []byte, error) {
	if err := s.ready(ctx, st); err != nil {
		return Head{}, nil, err
	}
	if err := s.following(ctx, st, sign); err != nil {
		return Head{}, nil, err
	}
	st.mu.Lock()
	head, msg, damage := st.signed, st.note, st.damage
	due := head != st.written && st.loaded && !st.deleted
	st.mu.Unlock()
	if damage != nil {
		return Head{}, nil, damage
	}
	if msg == nil || head.Size == 0 {
		return Head{}, nil, fmt.Errorf("head of %s: %w", st.name, ErrNoLog)
	}
	s.schedule(st, due)
	return head, msg, nil
}

func (s *Store) signOnce(ctx context.Context, st *stream) error {
	if err := s.settle(ctx, st); err != nil {
		return err
	}
	st.files.Lock()
	defer st.files.Unlock()
	st.mu.Lock()
	skip := !st.loaded || st.deleted || st.damage != nil || st.log == nil
	st.mu.Unlock()
	if skip {
		return nil
	}
	return s.sign(ctx, st)
}
