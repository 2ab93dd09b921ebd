package transparency

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

func corrupt(stream string, version uint64, format string, args ...any) *eventstore.CorruptError {
	return &eventstore.CorruptError{Stream: stream, Version: version, Reason: fmt.Sprintf(format, args...)}
}

// check goes over a log event by event and compares it with what is remembered of it. It is for one goroutine.
type check struct {
	stream string
	key    func(first eventstore.Event) (*logName, error) // asked at version 1 when log is nil
	log    *logName
	head   Head    // what the first head.Size events must give; Size 0 demands nothing
	known  *leaves // leaf hashes up to head.Size; they name the bad version, the root alone decides

	last     Head                                    // what the signer has signed; Size 0 demands nothing
	rotation func(eventstore.Event) (Rotation, bool) // Options.Rotation; may be nil
	refused  func(Head)                              // told of a head that is not the one that was signed; may be nil

	closed  func() bool                  // asked at events behind the head: whether there may be none; may be nil
	examine func(eventstore.Event) error // Options.Check, for events behind the head …
	all     bool                         // … or for all

	hasher    *leafHasher
	tree      tree
	unproven  uint64      // leaves 0 to unproven-1 were taken as good and not looked at
	good      uint64      // leaves 0 to good-1 fit the known ones …
	fresh     []tlog.Hash // … and these are the leaves from there on
	different bool        // a leaf did not fit or was not known, so all later ones go to fresh
	base      tree        // at the size of last
	rotations []Rotation  // among the events
}

// add takes the next event. Its error is a *CorruptError: the event and all after it must not be used.
func (c *check) add(e eventstore.Event) error {
	if err := wellFormed(c.stream, c.tree.size+1, e); err != nil {
		return err
	}
	tail := c.tree.size >= c.head.Size
	if tail && c.closed != nil && c.closed() {
		return corrupt(c.stream, c.tree.size+1, longerText)
	}
	if c.log == nil {
		log, err := c.key(e)
		if err != nil {
			return corrupt(c.stream, 1, "the first event does not tell which log this is: %v", err)
		}
		c.log = log
	}
	if c.hasher == nil {
		c.hasher = newLeafHasher(c.log.origin())
	}
	leaf := c.hasher.hash(e.Type, e.Data)
	if err := c.compare(leaf); err != nil {
		return err
	}
	if c.examine != nil && (tail || c.all) {
		if err := c.examine(e); err != nil {
			return refused(e, err)
		}
	}
	c.tree.add(leaf)
	if c.tree.size == c.head.Size && c.tree.root() != c.head.Root {
		return corrupt(c.stream, 0, "the first %d events do not have the root hash of the head, and no leaf hash that fits the head tells where they differ",
			c.head.Size)
	}
	if c.rotation != nil {
		if r, ok := c.rotation(e); ok {
			c.rotations = append(c.rotations, r)
		}
	}
	return c.compareSigned()
}

// compareSigned compares the tree with what the signer has signed, where it has that size.
func (c *check) compareSigned() error {
	if c.tree.size != c.last.Size || c.last.Size == 0 {
		return nil
	}
	return c.setBase(c.tree.clone())
}

// setBase takes the tree at the size of what was signed, which has to have that root.
func (c *check) setBase(t tree) error {
	if root := t.root(); root != c.last.Root {
		if c.refused != nil {
			c.refused(Head{Origin: c.last.Origin, Size: t.size, Root: root})
		}
		return c.blame()
	}
	c.base = t
	return nil
}

// blame names the first event that is not as it was signed, where the leaf file has what was signed.
func (c *check) blame() error {
	then, now := &leaves{path: c.known.path, stored: c.last.Size}, c.leaves()
	defer then.close()
	defer now.close()
	if t, ok := then.tree(c.last.Size); ok && t.root() == c.last.Root {
		for i := range c.last.Size {
			was, _ := then.at(i)
			if is, ok := now.at(i); ok && is != was {
				return corrupt(c.stream, i+1, "the stored bytes do not have the hash that was remembered")
			}
		}
	}
	return notSigned(c.stream, c.last)
}

// compareEarlier does so for a tree that was not made from its first leaf on. It is only when the signer's memory is older than
// the head, as after a copy of it was put back, that all leaves are needed.
func (c *check) compareEarlier() error {
	if c.last.Size == 0 || c.last.Size >= c.tree.size {
		return c.compareSigned()
	}
	then, ok := c.known.tree(c.last.Size)
	if !ok || !c.known.reaches(then.clone(), c.tree) {
		c.tree, c.good, c.unproven = tree{}, 0, 0 // the leaf file is wrong: the log has to be read from its beginning
		return nil
	}
	return c.setBase(then)
}

func notSigned(stream string, last Head) *eventstore.CorruptError {
	return corrupt(stream, 0, "the first %d events do not have the root that the signer has signed: the log was rewritten", last.Size)
}

func missing(stream string, is, was uint64) *eventstore.CorruptError {
	return corrupt(stream, is+1, "events are missing: the signer has signed %d events and the log has %d, it was put back to an earlier state", was, is)
}

// refused is the damage that Options.Check has found, in its words.
func refused(e eventstore.Event, err error) error {
	var damage *eventstore.CorruptError
	if errors.As(err, &damage) {
		return corrupt(e.Stream, e.Version, "%s", damage.Reason)
	}
	return corrupt(e.Stream, e.Version, "%v", err)
}

// compare takes the next leaf to the known ones. A difference says at once which event is wrong if the known leaves are
// those of the head. If they are not, they are what is wrong or both are, and only the root can tell.
func (c *check) compare(leaf tlog.Hash) error {
	i := c.tree.size
	if !c.different && i < c.head.Size {
		known, ok := c.known.at(i)
		if ok && known == leaf {
			c.good++
			return nil
		}
		if ok && c.known.fit(c.head) {
			return corrupt(c.stream, i+1, "the stored bytes do not have the hash that was remembered")
		}
	}
	c.different = true
	c.fresh = append(c.fresh, leaf)
	return nil
}

// end says that the log has no more events.
func (c *check) end() error {
	if c.tree.size < c.head.Size {
		return shorter(c.stream, c.tree.size, c.head.Size)
	}
	if c.tree.size < c.last.Size {
		return missing(c.stream, c.tree.size, c.last.Size)
	}
	return nil
}

func shorter(stream string, is, was uint64) *eventstore.CorruptError {
	return corrupt(stream, is+1, "the log is shorter than its head: events are missing, it has %d of %d", is, was)
}

// leaves is what is known after the check: all leaves it has seen.
func (c *check) leaves() *leaves {
	return &leaves{path: c.known.path, stored: c.good, memory: c.fresh}
}

// fit says whether the known leaves are those of the head.
func (l *leaves) fit(h Head) bool {
	t, ok := l.tree(h.Size)
	return ok && t.root() == h.Root
}

// wellFormed checks what must hold before an event may be hashed: it stands in its place, and its type cannot be mistaken
// for a part of the entry around it.
func wellFormed(stream string, version uint64, e eventstore.Event) error {
	switch {
	case e.Stream != stream || e.Version != version:
		return corrupt(stream, version, "version %d of %q stands in its place", e.Version, e.Stream)
	case !typeOK(e.Type):
		return corrupt(stream, version, "its type %q is not one", e.Type)
	case len(e.Data) == 0:
		return corrupt(stream, version, "it has no data")
	}
	return nil
}
