package transparency

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Report is the result of checking one stream from its stored bytes.
type Report struct {
	Stream   string
	Origin   string    // empty for a stream without events
	Events   uint64    // events that were hashed, all of them when OK
	Root     tlog.Hash // of those events
	HeadSize uint64    // events that the remembered head covers; those behind it were hashed but not compared
	OK       bool
	FirstBad uint64 // first version known to be wrong; 0 when OK or when only the stream as a whole is known to be wrong
	Reason   string // why it is not OK, a sentence; empty when OK
	LeavesOK bool   // the leaf file covers the head and fits it; false harms nothing, the file is made again
}

// Verify hashes every event of a stream again and compares with the head and leaf files as they are on disk now, whatever
// this process has in memory. Nothing is written. A stream whose name or first event (by the OriginFunc) says that it is none
// of this product is not OK. A stream that is not OK is stopped like one that a read found damaged.
// The error is for what kept it from looking: a failing disk, the end of the context.
func (s *Store) Verify(ctx context.Context, stream string) (Report, error) {
	return s.verify(ctx, stream, nil)
}

func (s *Store) verify(ctx context.Context, stream string, pace func(eventstore.Event) error) (Report, error) {
	if s.isClosed() {
		return Report{}, eventstore.ErrClosed
	}
	report := Report{Stream: stream}
	if err := eventstore.CheckStream(stream); err != nil {
		if version, verr := s.inner.Version(ctx, stream); verr != nil || version == 0 {
			return Report{}, errors.Join(err, verr)
		}
		report.FirstBad, report.Reason = 1, fmt.Sprintf("no stream of this product: %v", err)
		return report, nil
	}
	st := s.stream(stream)
	c, err := s.diskCheck(ctx, st)
	if err == nil {
		defer c.known.close()
		c.all = true
		report.HeadSize = c.head.Size
		err = s.pass(ctx, c, pace)
		report.Events, report.Root = c.tree.size, c.tree.root()
		report.LeavesOK = c.good == c.head.Size
		if c.log != nil {
			report.Origin = c.log.origin()
		}
	}
	var damage *eventstore.CorruptError
	switch {
	case errors.As(err, &damage):
		report.FirstBad, report.Reason = damage.Version, damage.Reason
		_ = st.damaged(damage) // what was found before stays the answer to others
		return report, nil
	case err != nil:
		return report, fmt.Errorf("verify stream %s: %w", stream, err)
	}
	report.OK = true
	s.schedule(st, s.opts.Shared && st.outgrown(report.Events))
	return report, nil
}

func (s *Store) diskCheck(ctx context.Context, st *stream) (*check, error) {
	if err := st.lock(ctx); err != nil {
		return nil, err
	}
	defer st.unlock()
	c, _, err := s.fileCheck(ctx, st)
	return c, err
}

// AdoptHead accepts a log as it is: it signs and writes a head for a stream whose head file is gone. A person decides
// this, after looking into the reason. It refuses as long as there is a head file, right or wrong, and when a leaf file
// still tells that an event is not what it was: those have to be moved away by hand first. The stream is usable again
// after it.
func (s *Store) AdoptHead(ctx context.Context, stream string) (Head, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return Head{}, err
	}
	if err := s.enter(); err != nil {
		return Head{}, err
	}
	defer s.life.RUnlock()
	st := s.stream(stream)
	if err := st.lock(ctx); err != nil {
		return Head{}, err
	}
	defer st.unlock()
	head, err := s.adopt(ctx, st)
	if err != nil {
		return Head{}, fmt.Errorf("adopt head of %s: %w", stream, err)
	}
	return head, nil
}

func (s *Store) adopt(ctx context.Context, st *stream) (Head, error) {
	msg, err := s.files.readHead(st.name)
	if err != nil {
		return Head{}, err
	}
	if msg != nil {
		return Head{}, fmt.Errorf("there is a head in %s", s.files.headPath(st.name))
	}
	c := &check{stream: st.name, key: s.key, known: s.fileLeaves(st.name, 0), examine: s.opts.Check, rotation: s.opts.Rotation}
	defer c.known.close()
	if err := s.pass(ctx, c, nil); err != nil {
		return Head{}, err
	}
	if c.tree.size == 0 {
		return Head{}, ErrNoLog
	}
	if err := s.compareLeaves(c); err != nil {
		return Head{}, err
	}
	head := Head{Origin: c.log.origin(), Size: c.tree.size, Root: c.tree.root()}
	leaves := c.leaves()
	defer leaves.close()
	for _, r := range c.rotations {
		if err := s.signer.Rotate(ctx, head.Origin, r.Generation, r.NewKey); err != nil {
			return Head{}, err
		}
	}
	if msg, err = s.signTree(ctx, st.name, head, c.tree, tree{}, leaves); err != nil {
		var stale *StaleError
		if errors.As(err, &stale) {
			err = missing(st.name, c.tree.size, stale.Last.Size)
		}
		return Head{}, err
	}
	st.files.Lock()
	err = s.files.writeHead(st.name, msg, true)
	st.files.Unlock()
	if err != nil {
		return Head{}, err
	}
	st.mu.Lock()
	st.loaded, st.damage, st.tree, st.ahead, st.behind, st.groups, st.rotations = false, nil, tree{}, nil, false, nil, nil
	st.mu.Unlock()
	c.base, c.rotations = c.tree.clone(), nil
	s.schedule(st, st.install(c, remembered{head: head, note: msg}))
	return head, s.adopted(st.name)
}

// compareLeaves compares the leaves of a check with whatever the leaf file has of them.
func (s *Store) compareLeaves(c *check) error {
	known := s.fileLeaves(c.stream, c.tree.size)
	defer known.close()
	for i, leaf := range c.fresh {
		if old, ok := known.at(uint64(i)); ok && old != leaf {
			return corrupt(c.stream, uint64(i)+1, "the leaf file %s remembers another hash", known.path)
		}
	}
	return nil
}

// known is the streams that have a head file or were used through this Store, sorted.
func (s *Store) known() ([]string, error) {
	names := make(map[string]bool)
	heads, err := s.files.heads()
	if err != nil {
		return nil, err
	}
	for _, name := range heads {
		names[name] = true
	}
	s.mu.Lock()
	for name := range s.streams {
		names[name] = true
	}
	s.mu.Unlock()
	return slices.Sorted(maps.Keys(names)), nil
}

// List implements eventstore.Lister, from the inner store: nothing of it is checked. Where that is no Lister it reads every event,
// and deleted streams are not known.
func (s *Store) List(ctx context.Context) ([]eventstore.Listing, error) {
	if inner, ok := s.inner.(eventstore.Lister); ok {
		return inner.List(ctx)
	}
	versions := make(map[string]uint64)
	for e, err := range s.inner.ReadAll(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("list streams: %w", err)
		}
		versions[e.Stream] = max(versions[e.Stream], e.Version)
	}
	list := make([]eventstore.Listing, 0, len(versions))
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		list = append(list, eventstore.Listing{Stream: name, Version: versions[name]})
	}
	return list, nil
}

// Streams is the names of all streams that have events or a head, sorted: what Verify must be called with to check a whole
// store, a stream that has vanished from it and one of a name that no stream may have included.
func (s *Store) Streams(ctx context.Context) ([]string, error) {
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for _, one := range list {
		if !one.Deleted {
			names[one.Stream] = true
		}
	}
	heads, err := s.files.heads()
	if err != nil {
		return nil, err
	}
	for _, name := range heads {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// AuditReport is the result of one round of the self check.
type AuditReport struct {
	Started  time.Time
	Finished time.Time // zero while it runs or when it was cut short
	Streams  int       // streams checked so far
	Events   uint64    // events hashed so far
	Damaged  []Report  // those that are not OK
	Err      string    // what kept it from looking at a stream; empty when nothing did
}

// The self check works this many events at a time and then rests three times as long as they took.
const (
	auditBatchEvents = 1024
	auditRestFactor  = 3
)

// Audit is the self check: it verifies every stream with a head, and every other that was used, once and slowly, on a
// quarter of one processor at the most. Health shows its progress and, afterwards, its result. It is meant to be called
// again and again by one goroutine in the background, and ends early only with the context or when the heads cannot be
// listed.
func (s *Store) Audit(ctx context.Context) (AuditReport, error) {
	report := AuditReport{Started: s.opts.Now().UTC()}
	names, err := s.known()
	if err != nil {
		return report, err
	}
	pacer := pacer{ctx: ctx, from: time.Now()}
	for _, name := range names {
		one, err := s.verify(ctx, name, pacer.event)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		report.Streams++
		report.Events += one.Events
		if err != nil {
			report.Err = err.Error()
		} else if !one.OK {
			report.Damaged = append(report.Damaged, one)
		}
		s.noteAudit(report)
	}
	report.Finished = s.opts.Now().UTC()
	s.noteAudit(report)
	return report, nil
}

func (s *Store) noteAudit(report AuditReport) {
	report.Damaged = slices.Clone(report.Damaged)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.audit = report
}

// pacer slows a pass over events down.
type pacer struct {
	ctx  context.Context
	from time.Time // when this batch began
	n    int
}

func (p *pacer) event(eventstore.Event) error {
	if p.n++; p.n%auditBatchEvents != 0 {
		return nil
	}
	rest := time.NewTimer(time.Since(p.from) * auditRestFactor)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	p.from = time.Now()
	return nil
}

// Health is what is known without looking again.
type Health struct {
	Audit    AuditReport                // of the last round of Audit, or of the one that runs; zero when there was none
	Damaged  []*eventstore.CorruptError // streams that are stopped, by name
	HeadsErr error                      // why some head could not be written in the last round; the log is safe meanwhile
}

// Health tells the state of the integrity check, cheaply.
func (s *Store) Health() Health {
	s.mu.Lock()
	health := Health{Audit: s.audit, HeadsErr: s.headErr}
	streams := slices.Collect(maps.Values(s.streams))
	s.mu.Unlock()
	for _, st := range streams {
		st.mu.Lock()
		if st.damage != nil {
			health.Damaged = append(health.Damaged, st.damage)
		}
		st.mu.Unlock()
	}
	slices.SortFunc(health.Damaged, func(a, b *eventstore.CorruptError) int { return cmp.Compare(a.Stream, b.Stream) })
	return health
}
