package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// What an opening looks at, and who waits for it: see "Opening" in the package comment.

// mapBytes is how much of the file an opening maps into memory rather than copies page by page, which takes half of its time.
// It is more than the engine allows (2 GiB); what lies behind that is copied.
const mapBytes = 1 << 40

// check is the look at the structure of every page.
type check struct {
	done chan struct{} // closed when it has ended
	err  error         // what it found, once done is closed
}

// wait waits for the end of the check, and gives what it found.
func (k *check) wait(ctx context.Context) error {
	select {
	case <-k.done:
		return k.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// found is what an ended check found; nil while it goes on.
func (k *check) found() error {
	select {
	case <-k.done:
		return k.err
	default:
		return nil
	}
}

// learn checks the structure of the file and, at the same time, learns by heart where each event is. When the file is
// unchanged since it was closed in order, it waits only for the latter.
func (s *Store) learn(unchanged bool) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer close(s.check.done)
		if s.check.err = look(context.Background(), s.path, func(c *conn) error { return checkStructure(c, s.path) }); s.check.err != nil {
			cancel() // in a damaged tree the way from row to row may have no end
		}
	}()
	err = look(ctx, s.path, func(c *conn) (err error) {
		s.state, err = load(c, s.path)
		return err
	})
	if unchanged && err == nil {
		return s.check.found()
	}
	<-s.check.done
	if s.check.err != nil {
		return s.check.err
	}
	return err
}

// watch ends the process when a check that goes on behind an open store finds damage.
func (s *Store) watch() {
	if <-s.check.done; s.check.err != nil {
		s.fatal(fmt.Errorf("event store %w", s.check.err))
	}
}

// look gives f a read connection of its own, with the file mapped into memory.
func look(ctx context.Context, path string, f func(*conn) error) error {
	c, err := openConn(path, true, busyTimeout)
	if err != nil {
		return explain(path, err)
	}
	c.endWith(ctx)
	err = mapped(path, func() error {
		if err := c.script(fmt.Sprintf("PRAGMA mmap_size=%d", mapBytes)); err != nil {
			return explain(path, err)
		}
		return f(c)
	})
	if errors.Is(err, errFault) {
		return err // the engine was stopped in the middle: the connection cannot be used, not even closed
	}
	return errors.Join(err, c.close())
}

var errFault = errors.New("a page cannot be read")

// mapped makes an error of what a page of a mapped file that cannot be read would otherwise be: the end of the process.
func mapped(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface {
			runtime.Error
			Addr() uintptr
		}:
			err = fmt.Errorf("%s: %w (%w)", path, ErrDamaged, errFault)
		default:
			panic(r)
		}
	}()
	return f()
}

// sound waits until the structure of the file has been checked, and is the reason when nothing may be written or read any more.
func (s *Store) sound(ctx context.Context) error {
	if err := s.check.wait(ctx); err != nil {
		return err
	}
	return s.alive(ctx)
}

// newState is what there is to know of an empty file.
func newState() state {
	return state{
		streams: make(map[string]*places),
		deleted: make(map[string]bool),
		damaged: make(map[string]*eventstore.CorruptError),
	}
}
