package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
)

// This file keeps the states of collectives in memory within a bound, and copies of them between runs of the program.

// Snapshots keeps copies of what was folded from the logs of collectives. It is a cache: it may lose a copy at any time, and
// gives none that is not of this log, this build and these fields.
type Snapshots interface {
	// Load fills into, a pointer to a zero value, and gives the version it was saved at; 0 when there is nothing to use, and
	// into is then useless.
	Load(ctx context.Context, kind, collective string, into any) (version uint64)
	// Save keeps what v points to as it is at a version of the collective. Nobody may change it meanwhile.
	Save(ctx context.Context, kind, collective string, version uint64, v any) error
	// Drop removes a copy.
	Drop(kind, collective string)
}

const (
	snapshotKind = "state"

	// StatesMemory is the default of Options.MemoryMax: 512 MiB.
	StatesMemory = 512 << 20
)

// reopen gives a state from a copy, or the state before the first event.
func (s *Service) reopen(ctx context.Context, collective string) *Collective {
	if s.snapshots != nil {
		state := new(Collective)
		if v := s.snapshots.Load(ctx, snapshotKind, collective, state); v != 0 && state.version == v && state.charter.GetCollectiveId() == collective {
			return state
		}
	}
	return NewCollective()
}

// read makes the state of a collective, from a copy where there is one, and gives the version of that copy too. each, if any,
// is called for every event. Damage behind a copy may be the copy's, which is then dropped: the log alone decides.
func (s *Service) read(ctx context.Context, collective string, each func() error) (state *Collective, kept uint64, err error) {
	state = s.reopen(ctx, collective)
	kept = state.version
	err = s.follow(ctx, collective, state, each)
	var damage *eventstore.CorruptError
	if kept > 0 && errors.As(err, &damage) {
		s.logger.Error("copy of the state dropped: the log does not follow it", "collective", collective, "version", kept, "error", err)
		s.snapshots.Drop(snapshotKind, collective)
		state, kept = NewCollective(), 0
		err = s.follow(ctx, collective, state, each)
	}
	return state, kept, err
}

// follow folds the events that a state lacks.
func (s *Service) follow(ctx context.Context, collective string, state *Collective, each func() error) error {
	for e, err := range s.Replay(ctx, collective, state.version) {
		if err != nil {
			return unavailable(err)
		}
		if err := foldStored(state, StreamOf(collective), e); err != nil {
			return err
		}
		if each != nil {
			if err := each(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleIn is called when a state was loaded. The desk's lock is held.
func (d *desk) settleIn(kept uint64) {
	d.kept.Store(kept)
	d.measure()
	d.service.copyIfWorth(d, d.state.version)
	d.service.trim(d)
}

// measure notes how much memory the state takes. The desk's lock is held.
func (d *desk) measure() {
	d.measured = d.state.version
	d.bytes.Store(snapshot.Size(d.state))
}

// grown is called when events were committed. The desk's lock is held.
func (d *desk) grown() {
	if d.bytes.Load() == 0 || d.state.version >= 2*d.measured+64 {
		d.measure()
		d.service.trim(d)
	}
	d.service.copyIfWorth(d, d.state.version)
}

// touch makes a desk the one used last.
func (s *Service) touch(d *desk) { d.used.Store(s.clicks.Add(1)) }

// copyIfWorth has a copy made in the background when enough was committed since the last one. The copy is made of the log, by
// a state of its own, so that no command waits for it.
func (s *Service) copyIfWorth(d *desk, version uint64) {
	if s.snapshots == nil || !snapshot.Worth(d.kept.Load(), version) {
		return
	}
	s.worker.Do(d.id, func(ctx context.Context) {
		if !snapshot.Worth(d.kept.Load(), version) {
			return
		}
		pacer := new(snapshot.Pacer)
		state, _, err := s.read(ctx, d.id, func() error { return pacer.Step(ctx) })
		if err == nil {
			err = s.keep(ctx, d, state)
		}
		if err != nil && ctx.Err() == nil {
			s.logger.Warn("state not copied", "collective", d.id, "error", err)
		}
	})
}

// keep saves a state that nobody else uses.
func (s *Service) keep(ctx context.Context, d *desk, state *Collective) error {
	state.accepted.settle()
	d.kept.Store(state.version) // also when it fails: it is tried again when as much was committed again, not at once
	return s.snapshots.Save(ctx, snapshotKind, d.id, state.version, state)
}

// trim takes the states that were not used for longest out of memory until the others fit. One that is at work, and the one
// given, stay.
func (s *Service) trim(stays *desk) {
	s.mu.Lock()
	var resident []*desk
	var sum int64
	for _, d := range s.desks {
		if n := d.bytes.Load(); n > 0 {
			resident = append(resident, d)
			sum += n
		}
	}
	s.mu.Unlock()
	if s.memoryMax < 0 || sum <= s.memoryMax {
		return
	}
	slices.SortFunc(resident, func(a, b *desk) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	for _, d := range resident {
		if sum <= s.memoryMax {
			return
		}
		if d == stays || !d.mu.TryLock() {
			continue
		}
		sum -= d.bytes.Load()
		state := d.state
		d.state, d.spare = nil, nil
		d.bytes.Store(0)
		d.mu.Unlock()
		s.keepLeaving(d, state)
	}
}

// keepLeaving copies a state that has left memory, in the background, when that pays.
func (s *Service) keepLeaving(d *desk, state *Collective) {
	if s.snapshots == nil || state == nil || !snapshot.WorthAtEnd(d.kept.Load(), state.version) {
		return
	}
	s.worker.Do("leaving "+d.id, func(ctx context.Context) {
		if err := s.keep(ctx, d, state); err != nil && ctx.Err() == nil {
			s.logger.Warn("state not copied", "collective", d.id, "error", err)
		}
	})
}

// Close ends the work in the background and copies the states in memory that have grown. Commands under way are finished
// first; the store is still needed.
func (s *Service) Close(ctx context.Context) {
	s.worker.Close()
	if s.snapshots == nil {
		return
	}
	s.mu.Lock()
	desks := make([]*desk, 0, len(s.desks))
	for _, d := range s.desks {
		desks = append(desks, d)
	}
	s.mu.Unlock()
	for _, d := range desks {
		d.mu.Lock()
		if d.state != nil && snapshot.WorthAtEnd(d.kept.Load(), d.state.version) {
			if err := s.keep(ctx, d, d.state); err != nil {
				s.logger.Warn("state not copied", "collective", d.id, "error", err)
			}
		}
		d.mu.Unlock()
	}
}

// CheckCopy makes a collective's state from the first event on, slowly, and from its copy, and compares every field. The copy
// is dropped when they differ, and the state in memory with it. version is where they were compared, 0 when there is no copy.
func (s *Service) CheckCopy(ctx context.Context, collective string) (version uint64, same bool, err error) {
	if s.snapshots == nil {
		return 0, true, nil
	}
	copied := s.reopen(ctx, collective)
	if copied.version == 0 {
		return 0, true, nil
	}
	if version, same, err = s.compareStates(ctx, collective, copied); err != nil || same {
		return version, same, err
	}
	s.logger.Error("the copy of a state differs from the state folded anew", "collective", collective, "version", version)
	s.snapshots.Drop(snapshotKind, collective)
	d := s.desk(collective)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state, d.spare = nil, nil
	d.bytes.Store(0)
	return version, false, nil
}

func (s *Service) compareStates(ctx context.Context, collective string, copied *Collective) (version uint64, same bool, err error) {
	anew := NewCollective()
	pacer := new(snapshot.Pacer)
	if err := s.follow(ctx, collective, anew, func() error { return pacer.Step(ctx) }); err != nil {
		return 0, false, err
	}
	for e, err := range s.Replay(ctx, collective, copied.version) {
		if err != nil {
			return 0, false, unavailable(err)
		}
		if e.Version > anew.version {
			break
		}
		if err := foldStored(copied, StreamOf(collective), e); err != nil {
			return e.Version, false, nil // what follows from zero does not follow the copy
		}
	}
	anew.accepted.settle()
	copied.accepted.settle()
	codec, err := snapshot.NewCodec(anew)
	if err != nil {
		return 0, false, fmt.Errorf("compare states of %s: %w", collective, err)
	}
	a, errA := codec.Digest(anew)
	b, errB := codec.Digest(copied)
	return anew.version, a == b, errors.Join(errA, errB)
}

// loggerOr is a logger, or one that says nothing.
func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
