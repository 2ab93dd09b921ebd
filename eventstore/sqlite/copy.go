package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Copy writes the events that the file has at this moment into a new file, also while a store has it open, in this process or
// in another: it takes no lock that a writer waits for. What is deleted is not in the copy, not even as free pages. The copy is
// synced; after an error there is none. The errors are those of Open, and eventstore.ErrNoSpace.
func Copy(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil { // SQLite would say it in codes
		return fmt.Errorf("copy event store: %w", err)
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("copy event store to %s: %w", to, errors.Join(fs.ErrExist, err))
	}
	c, err := openConn(from, true, busyTimeout)
	if err != nil {
		return fmt.Errorf("copy event store: %w", explain(from, err))
	}
	defer func() { err = errors.Join(err, c.close()) }()
	c.endWith(ctx)
	made, err := checkSchema(c, from)
	if err == nil && !made {
		err = fmt.Errorf("%s is empty: %w", from, ErrNotStore)
	}
	if err == nil {
		if err = c.copyInto(to); err != nil {
			err = explain(from, err)
		}
	}
	if err == nil {
		err = syncCopy(to)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if rerr := os.Remove(to); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return fmt.Errorf("copy event store: %w", err)
}

func syncCopy(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Scan yields every event of a file that nobody has open, in order of position, and writes nothing, not even beside the file: it
// may lie on a medium that can only be read. The whole structure of the file is checked first. It yields an error once, last;
// ErrDamaged, ErrNotStore and ErrNewer as Open gives them. That versions have no gap is not checked.
func Scan(ctx context.Context, path string) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		if err := scan(ctx, path, yield); err != nil && !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, fmt.Errorf("read event store %s: %w", path, err))
		}
	}
}

func scan(ctx context.Context, path string, yield func(eventstore.Event, error) bool) (err error) {
	c, err := openUnchanging(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	c.endWith(ctx)
	made, err := checkSchema(c, path)
	if err == nil && !made {
		err = ErrNotStore
	}
	if err == nil {
		err = checkStructure(c, path)
	}
	if err != nil {
		return err
	}
	q, err := c.prepare(sqlAllPage)
	if err != nil {
		return explain(path, err)
	}
	p := newPage()
	for after := uint64(0); ; {
		q.BindInt64(1, int64(after))
		q.BindInt64(2, 1<<62)
		q.BindInt64(3, int64(p.start()))
		if err := p.load(q, ""); err != nil {
			return explain(path, err)
		}
		if len(p.events) == 0 {
			return nil
		}
		for _, e := range p.events {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(e, nil) {
				return errEnough
			}
			after = e.Position
		}
	}
}

// openUnchanging opens a file of which the caller knows that nobody writes it.
func openUnchanging(path string) (*conn, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(full); err != nil {
		return nil, err
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(full), RawQuery: "immutable=1"}
	c, err := openURI(uri.String(), busyTimeout)
	if err != nil {
		return nil, explain(path, err)
	}
	return c, nil
}
