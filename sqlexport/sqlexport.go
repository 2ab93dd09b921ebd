// Package sqlexport writes the books of one collective as an SQLite database for those who want SQL.
//
// It is a copy to ask questions of and never a source: nothing reads it back. Amounts are fen (1/100 yuan) in INTEGER columns
// that end in _fen, debit positive where nothing else is said; the views give yuan as text beside them. All tables are STRICT.
// The table docs describes every table, view and column. There is no personal data in it beyond what the log itself has: of the
// members their number alone, of grants and dividends their sums.
package sqlexport

import (
	"errors"
	"fmt"
	"time"

	zs "zombiezen.com/go/sqlite"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Writer fills a new database. It is for one goroutine. Event comes for every event in order, then Finish, once; Close in any
// case.
type Writer struct {
	path    string
	conn    *zs.Conn
	inserts map[string]*zs.Stmt
	err     error // the first failure; later calls give it again
}

// Event is one event of the log, without its content.
type Event struct {
	Version    uint64
	Type       string
	RecordedAt time.Time
	Actor      string
	Command    string // UUID
	Hash       string // leaf hash, hex
}

// Create makes the file, which must not exist or be empty, with its tables and views. The file is whole only after Finish: until
// then it should have a name that nobody takes for it. Its errors wrap eventstore.ErrNoSpace when there is no room.
func Create(path string) (*Writer, error) {
	conn, err := zs.OpenConn(path, zs.OpenReadWrite|zs.OpenCreate)
	if err != nil {
		return nil, fmt.Errorf("make the database %s: %w", path, err)
	}
	w := &Writer{path: path, conn: conn, inserts: map[string]*zs.Stmt{}}
	// A crash leaves a file under a name that nobody uses, so nothing has to be undone or synced on the way.
	w.script("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA user_version=1", "PRAGMA foreign_keys=ON", "BEGIN", "PRAGMA defer_foreign_keys=ON")
	for _, list := range [][]object{{docs}, tables, views} {
		for _, o := range list {
			w.script(o.statement())
			w.describe(o)
		}
	}
	for _, o := range tables {
		w.prepare(o)
	}
	if w.err != nil {
		return nil, errors.Join(w.err, conn.Close())
	}
	return w, nil
}

// Event adds an event.
func (w *Writer) Event(e Event) error {
	w.row("events", e.Version, e.Type, instant(e.RecordedAt), e.Actor, e.Command, e.Hash)
	return w.err
}

// Close gives the file back. Before Finish it leaves something that is of no use.
func (w *Writer) Close() error {
	if err := w.conn.Close(); err != nil {
		return fmt.Errorf("close the database %s: %w", w.path, err)
	}
	return nil
}

func (w *Writer) describe(o object) {
	if w.inserts[docs.name] == nil {
		w.prepare(docs)
	}
	w.row(docs.name, o.name, "", o.about)
	for _, c := range o.columns {
		about := c.about
		if about == "" {
			about = "as it says"
		}
		w.row(docs.name, o.name, unquoted(c.name), about)
	}
}

func (w *Writer) prepare(o object) {
	if w.err != nil {
		return
	}
	stmt, err := w.conn.Prepare(o.insert())
	if err != nil {
		w.fail(err)
		return
	}
	w.inserts[o.name] = stmt
}

// row adds a row; a nil cell is NULL. After a failure it does nothing.
func (w *Writer) row(table string, cells ...any) {
	if w.err != nil {
		return
	}
	stmt := w.inserts[table]
	for i, cell := range cells {
		switch v := cell.(type) {
		case nil:
			stmt.BindNull(i + 1)
		case string:
			stmt.BindText(i+1, v)
		case int64:
			stmt.BindInt64(i+1, v)
		case int:
			stmt.BindInt64(i+1, int64(v))
		case uint64:
			stmt.BindInt64(i+1, int64(v))
		case uint32:
			stmt.BindInt64(i+1, int64(v))
		case bool:
			stmt.BindBool(i+1, v)
		default:
			w.fail(fmt.Errorf("column %d of %s: a %T cannot be stored", i+1, table, cell))
			return
		}
	}
	if _, err := stmt.Step(); err != nil {
		w.fail(err)
		return
	}
	if err := stmt.Reset(); err != nil {
		w.fail(err)
	}
}

func (w *Writer) script(statements ...string) {
	for _, sql := range statements {
		if w.err != nil {
			return
		}
		stmt, _, err := w.conn.PrepareTransient(sql)
		if err != nil {
			w.fail(err)
			return
		}
		for row := true; row && err == nil; {
			row, err = stmt.Step()
		}
		if err = errors.Join(err, stmt.Finalize()); err != nil {
			w.fail(err)
		}
	}
}

func (w *Writer) fail(err error) {
	if zs.ErrCode(err).ToPrimary() == zs.ResultFull {
		err = fmt.Errorf("%w: %w", eventstore.ErrNoSpace, err)
	}
	w.err = fmt.Errorf("write the database %s: %w", w.path, err)
}

// instant is a time as text that sorts like the time.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
