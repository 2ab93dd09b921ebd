package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

const (
	applicationID = 0x6d7a6c67 // "mzlg"
	schemaVersion = 1
)

// schema makes the tables. It is run in one transaction with the two pragmas that mark the file as ours, so a file either has
// all of it or is still empty.
var schema = []string{
	"PRAGMA page_size=4096",
	"BEGIN IMMEDIATE",
	fmt.Sprintf("PRAGMA application_id=%d", applicationID),
	fmt.Sprintf("PRAGMA user_version=%d", schemaVersion),
	`CREATE TABLE events (
		position INTEGER PRIMARY KEY,
		stream   TEXT    NOT NULL,
		version  INTEGER NOT NULL CHECK (version >= 1),
		type     TEXT    NOT NULL,
		data     BLOB    NOT NULL
	) STRICT`,
	`CREATE TABLE deleted_streams (
		stream   TEXT    NOT NULL PRIMARY KEY,
		position INTEGER NOT NULL
	) STRICT, WITHOUT ROWID`,
	`CREATE TRIGGER events_never_change BEFORE UPDATE ON events BEGIN
		SELECT RAISE(ABORT, 'events are never changed');
	END`,
	`CREATE TRIGGER events_stay BEFORE DELETE ON events
	WHEN NOT EXISTS (SELECT 1 FROM deleted_streams WHERE stream = old.stream) BEGIN
		SELECT RAISE(ABORT, 'events are never removed, but for a stream deleted as a whole');
	END`,
	"COMMIT",
}

// checkFile says in plain words what SQLite would say in codes, or would not say at all: it opens a file it may not write
// read-only. The directory's lock is held, so no other store of this process has the file open; that matters, because closing
// a file drops all of a process's record locks on it.
func checkFile(path string, mustExist bool) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if mustExist {
			return fmt.Errorf("%s does not exist: %w", path, fs.ErrNotExist)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if mustExist && info.Size() == 0 {
		return fmt.Errorf("%s is empty: %w", path, ErrNotStore)
	}
	return nil
}

// openWriter opens the connection that writes. It refuses a file that is not ours before anything in it is changed, and says
// whether it has our tables or is still empty.
func openWriter(path string) (c *conn, made bool, err error) {
	if sqliteVersion < sqliteVersionMin {
		return nil, false, fmt.Errorf("SQLite %d is built in, %d is needed", sqliteVersion, sqliteVersionMin)
	}
	if c, err = openConn(path, false, busyTimeout); err != nil {
		return nil, false, explain(path, err)
	}
	if made, err = checkSchema(c, path); err != nil {
		return nil, false, errors.Join(err, c.close())
	}
	return c, made, nil
}

// setUp makes the tables in an empty file, and makes the connection ready to write.
func setUp(c *conn, path string, made bool) error {
	// FULL before the first transaction: a new file is durable before anyone hears of it.
	if err := c.script("PRAGMA synchronous=FULL", "PRAGMA cache_size=-8192", "PRAGMA temp_store=MEMORY", "PRAGMA secure_delete=ON"); err != nil {
		return explain(path, err)
	}
	if !made {
		if err := c.script(schema...); err != nil {
			return explain(path, err)
		}
	}
	// The journal mode stays in the file. A crash before this line leaves a sound file in rollback mode, and we come here again.
	if err := c.script("PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=1000"); err != nil {
		return explain(path, err)
	}
	return nil
}

// checkSchema says whether the file has our tables; an empty file has none, and any other file is refused.
func checkSchema(c *conn, path string) (made bool, err error) {
	var id, version, tables int64
	for _, q := range []struct {
		sql string
		n   *int64
	}{
		{"PRAGMA application_id", &id},
		{"PRAGMA user_version", &version},
		{"SELECT count(*) FROM sqlite_schema", &tables},
	} {
		if *q.n, err = c.number(q.sql); err != nil {
			return false, explain(path, err)
		}
	}
	switch {
	case id == 0 && version == 0 && tables == 0:
		return false, nil
	case id != applicationID:
		return false, fmt.Errorf("%s is another program's database: %w", path, ErrNotStore)
	case version > schemaVersion:
		return false, fmt.Errorf("%s has schema version %d, this program knows up to %d: %w", path, version, schemaVersion, ErrNewer)
	case version < 1 || tables == 0:
		return false, fmt.Errorf("%s has schema version %d and %d tables: %w", path, version, tables, ErrDamaged)
	}
	return true, nil
}

// checkStructure looks at every page. A wrong bit in a page's own bookkeeping (where its free space begins, say) may spoil
// nothing that is read, and the next append then writes over an event; so no page is trusted before all are looked at. It
// takes less than a tenth of a second for 200,000 events, two fifths for a million, in memory and mapped.
func checkStructure(c *conn, path string) error {
	said, err := c.text("PRAGMA quick_check(1)")
	if err != nil {
		return explain(path, err)
	}
	if said == "ok" {
		return nil
	}
	_, found, ok := strings.Cut(said, "\n") // behind a line that names the database
	if !ok {
		found = said
	}
	first, _, _ := strings.Cut(found, "\n")
	return fmt.Errorf("%s: %w (%s)", path, ErrDamaged, first)
}

// explainOpen is explain for a store that is open: its file was ours, so one that is no database any more is damaged.
func explainOpen(path string, err error) error {
	if notDatabase(err) {
		return fmt.Errorf("%s: %w (%s)", path, ErrDamaged, reason(err))
	}
	return explain(path, err)
}

// explain puts an engine's error into our words.
func explain(path string, err error) error {
	switch {
	case notDatabase(err):
		return fmt.Errorf("%s is no database: %w", path, ErrNotStore)
	case damaged(err):
		return fmt.Errorf("%s: %w (%s)", path, ErrDamaged, reason(err))
	case full(err):
		return fmt.Errorf("%s: %w", path, eventstore.ErrNoSpace)
	}
	return fmt.Errorf("%s: %w", path, err)
}
