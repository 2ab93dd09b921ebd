package transparency

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// remembered is what the files say of a stream, after a first look at the log beside them.
type remembered struct {
	version uint64 // events in the log, at the least
	deleted bool
	head    Head     // no Origin when there is none
	note    []byte   // of that head
	log     *logName // nil while the log is empty
	last    Head     // what the signer has signed; no Origin when it could not be asked or the log has no name yet
}

// remember reads the head of a stream and applies the rules that need no hashing. Its *CorruptError is not noted yet. The
// caller holds the token: a head that another call writes in between would look as if it were missing.
func (s *Store) remember(ctx context.Context, st *stream) (remembered, error) {
	name := st.name
	msg, err := s.files.readHead(name)
	if err != nil {
		return remembered{}, err
	}
	version, err := s.inner.Version(ctx, name)
	if err != nil {
		return remembered{}, err
	}
	r := remembered{version: version, deleted: isTombstone(name, msg)}
	switch {
	case r.deleted && version > 0:
		return r, corrupt(name, 0, "its deletion was begun and not finished: delete it again")
	case r.deleted:
		return r, nil
	case msg == nil && version > 0 && s.closedNow(st):
		return r, corrupt(name, 1, "no head beside a log that was closed: %s is gone, or somebody else wrote the log; "+
			"if you know why, accept the log as it is with: mingzhang verify --adopt-heads", s.files.headPath(name))
	case msg == nil && version > 1 && !s.opts.Shared:
		return r, corrupt(name, 0, "no head beside an existing log: %s is gone and the log has %d events; "+
			"if you know why, accept the log as it is with: mingzhang verify --adopt-heads", s.files.headPath(name), version)
	case msg == nil && version == 0:
		return r, nil
	}
	if msg != nil {
		if err := s.openHead(ctx, name, msg, &r); err != nil {
			return r, err
		}
	}
	if version == 0 {
		r.log = nil
		switch {
		case r.head.Size > 0:
			return r, shorter(name, 0, r.head.Size)
		case r.last.Size > 0 && !s.opts.Shared:
			return r, missing(name, 0, r.last.Size)
		}
		return r, nil
	}
	if err := s.rememberLog(ctx, name, &r); err != nil {
		return r, err
	}
	if r.last.Origin != r.log.origin() {
		r.last, err = s.last(ctx, name, r.log.origin())
	}
	return r, err
}

// openHead opens the head file, and asks the signer what it has signed of that log.
func (s *Store) openHead(ctx context.Context, name string, msg []byte, r *remembered) error {
	wrong := func(err error) error {
		return corrupt(name, 0, "the head file %s is not valid: %v", s.files.headPath(name), err)
	}
	origin, _, _ := bytes.Cut(msg[:min(len(msg), noteBytesMax)], []byte("\n"))
	if err := CheckOrigin(string(origin)); err != nil {
		return wrong(err)
	}
	keys, err := s.signer.Keys(ctx, string(origin))
	if err != nil {
		return s.refusedBySigner(name, err)
	}
	if r.head, err = openSigned(msg, keys); err != nil {
		return wrong(err)
	}
	r.note = msg
	if r.log, err = newLogName(r.head.Origin); err != nil {
		return wrong(err)
	}
	r.last, err = s.last(ctx, name, r.head.Origin)
	return err
}

// rememberLog asks the first event which log this is and compares it with the head.
func (s *Store) rememberLog(ctx context.Context, name string, r *remembered) error {
	first, err := s.first(ctx, name)
	if err != nil {
		return err
	}
	origin, err := s.origin(name, first)
	switch {
	case err == nil && origin == r.head.Origin:
		return nil
	case r.head.Size == 0:
		// A head of no events binds nothing, so the first event alone says which log this is.
		if err == nil {
			r.log, err = newLogName(origin)
		}
		if err != nil {
			return corrupt(name, 1, "the first event does not tell which log this is: %v", err)
		}
		return nil
	}
	is := fmt.Sprint(err)
	if err == nil {
		is = "it begins the log " + origin
	}
	// Either the head or the first event is wrong. Leaf hashes that fit the head can tell.
	known := s.fileLeaves(name, r.head.Size)
	defer known.close()
	if leaf, ok := known.at(0); ok && known.fit(r.head) && leaf != newLeafHasher(r.head.Origin).hash(first.Type, first.Data) {
		return corrupt(name, 1, "the stored bytes do not have the hash that was remembered (%s)", is)
	}
	return corrupt(name, 0, "the head file %s is of the log %s, but the first event says otherwise: %s", s.files.headPath(name), r.head.Origin, is)
}

func (s *Store) first(ctx context.Context, name string) (eventstore.Event, error) {
	for e, err := range s.inner.Read(ctx, name, 0) {
		if err != nil {
			return e, err
		}
		return e, wellFormed(name, 1, e)
	}
	return eventstore.Event{}, corrupt(name, 1, "it cannot be read, though the stream has events")
}

func (s *Store) fileLeaves(name string, n uint64) *leaves {
	return &leaves{path: s.files.nodesPath(name), stored: n}
}

// ready loads the stream if nobody has, and gives the damage of a damaged one.
func (s *Store) ready(ctx context.Context, st *stream) error {
	if loaded, err := st.state(); loaded || err != nil {
		return err
	}
	if err := st.lock(ctx); err != nil {
		return err
	}
	defer st.unlock()
	if loaded, err := st.state(); loaded || err != nil {
		return err
	}
	return st.damaged(s.load(ctx, st))
}

// Logs up to this length are always read whole when they are loaded: it takes a few milliseconds.
const loadWholeMax = 2048

// load makes the tree of a stream. A long log is not read when the leaf file gives the root of the head: then only what
// stands behind the head is read, and the stored bytes in front of it are left to Read and to the self check.
func (s *Store) load(ctx context.Context, st *stream) error {
	c, r, err := s.fileCheck(ctx, st)
	if err != nil {
		return err
	}
	defer c.known.close()
	if r.head.Size > loadWholeMax && r.version >= r.head.Size {
		if t, unproven, ok := s.headTree(st.name, r.head, c.known); ok {
			c.tree, c.good, c.unproven = t, t.size, unproven
			if err := c.compareEarlier(); err != nil {
				return err
			}
		}
	}
	if r.version > 0 {
		err = s.pass(ctx, c, nil)
	}
	if err != nil {
		return err
	}
	s.schedule(st, st.install(c, r))
	return nil
}

// pass reads the log from where the check stands to its end and hands each event that passed to emit, if there is one.
func (s *Store) pass(ctx context.Context, c *check, emit func(eventstore.Event) error) error {
	for e, err := range s.inner.Read(ctx, c.stream, c.tree.size) {
		if err == nil {
			err = c.add(e)
		}
		if err == nil && emit != nil {
			err = emit(e)
		}
		if err != nil {
			return err
		}
	}
	return c.end()
}

// settle reads the events that others have appended, or that an append of unknown outcome has left.
func (s *Store) settle(ctx context.Context, st *stream) error {
	if err := st.lock(ctx); err != nil {
		return err
	}
	defer st.unlock()
	st.mu.Lock()
	due := st.behind && st.damage == nil && !st.deleted
	if due {
		st.behind = false
		st.loaded = st.loaded && st.log != nil
	}
	loaded := st.loaded
	st.mu.Unlock()
	if !due {
		return nil
	}
	var err error
	if loaded {
		err = s.catchUp(ctx, st)
	} else {
		err = s.load(ctx, st)
	}
	err = st.damaged(err)
	st.mu.Lock()
	st.behind = st.behind || err != nil // to be tried again, unless damage stops it
	late := st.gap()
	st.mu.Unlock()
	s.schedule(st, late && err == nil)
	return err
}

// catchUp extends the tree by the events that stand behind it in the log. Events that an acknowledged append has put there
// before must be among them.
func (s *Store) catchUp(ctx context.Context, st *stream) error {
	st.mu.Lock()
	c := &check{stream: st.name, log: st.log, tree: st.tree.clone(), examine: s.opts.Check, rotation: s.opts.Rotation}
	from, least := c.tree.size, uint64(0)
	for version, leaves := range st.ahead {
		least = max(least, version+uint64(len(leaves)))
	}
	st.mu.Unlock()
	if err := s.pass(ctx, c, nil); err != nil {
		return err
	}
	if c.tree.size < least {
		return shorter(st.name, c.tree.size, least)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.rotations = append(st.rotations, c.rotations...)
	st.place(from, c.fresh)
	return nil
}
