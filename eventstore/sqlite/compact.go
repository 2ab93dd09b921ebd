package sqlite

import (
	"context"
	"fmt"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Compact writes the file anew without what was deleted and empties the write-ahead log, so that nothing of a deleted stream is left in
// either. Deleting overwrites with zeros already; but a process that died right after it leaves pages in the WAL as they were, and
// only this is sure to empty that. It does nothing when nothing was deleted since the file was compacted or closed in order.
//
// A crash on the way leaves the file as it was, or compacted: SQLite does it in one transaction. The next opening sees that it was not closed in
// order, and Compact does it again.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.sound(ctx); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.quit:
		return eventstore.ErrClosed
	}
	defer func() { <-s.writing }()
	w := &s.writer
	switch {
	case w.failed != nil:
		return w.failed
	case !w.remains || len(s.state.deleted) == 0:
		return nil
	}
	err := w.conn.script("VACUUM")
	busy := int64(0)
	if err == nil {
		busy, err = w.conn.number(sqlCheckpointAll)
	}
	if err != nil {
		return fmt.Errorf("compact event store: %w", explainOpen(s.path, err))
	}
	if busy != 0 {
		return fmt.Errorf("compact event store: another program reads %s and keeps its write-ahead log from being emptied", s.path)
	}
	w.remains = false
	return nil
}
