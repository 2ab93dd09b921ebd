package sqlite

import (
	"context"
	"fmt"
	"time"

	zs "zombiezen.com/go/sqlite"
)

// This file is all the package knows of its driver: open, exec, bind, step, column and the few result codes that decide
// something. Another driver of the same engine fits behind it.

// sqliteVersion is the engine's version as X*1000000 + Y*1000 + Z. Before 3.51.3 two connections that checkpoint and reset
// the write-ahead log at the same moment could damage it.
const (
	sqliteVersion    = zs.VersionNumber
	sqliteVersionMin = 3051003
)

type conn struct{ c *zs.Conn }

// stmt is a prepared statement that its connection keeps. Columns count from 0, parameters from 1.
type stmt struct{ *zs.Stmt }

// openConn opens a connection; the file is made when it is absent and the connection may write. Statements that meet a lock
// wait for it as long as busy says.
func openConn(path string, readOnly bool, busy time.Duration) (*conn, error) {
	flags := zs.OpenReadWrite | zs.OpenCreate
	if readOnly {
		flags = zs.OpenReadOnly
	}
	c, err := zs.OpenConn(path, flags)
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(busy)
	return &conn{c}, nil
}

// openURI opens what a file: URI says, for reading.
func openURI(uri string, busy time.Duration) (*conn, error) {
	c, err := zs.OpenConn(uri, zs.OpenReadOnly|zs.OpenURI)
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(busy)
	return &conn{c}, nil
}

// endWith ends a statement that runs when the context ends.
func (c *conn) endWith(ctx context.Context) { c.c.SetInterrupt(ctx.Done()) }

// copyInto writes everything that is not deleted into a new file.
func (c *conn) copyInto(path string) error {
	s, _, err := c.c.PrepareTransient("VACUUM INTO ?")
	if err != nil {
		return err
	}
	s.BindText(1, path)
	err = stmt{s}.run()
	if ferr := s.Finalize(); err == nil {
		err = ferr
	}
	return err
}

func (c *conn) close() error { return c.c.Close() }

func (c *conn) prepare(sql string) (stmt, error) {
	s, err := c.c.Prepare(sql)
	if err != nil {
		return stmt{}, fmt.Errorf("prepare %q: %w", sql, err)
	}
	return stmt{s}, nil
}

// exec runs a statement to its end. Statements that are run again and again stay prepared.
func (c *conn) exec(sql string) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	return s.run()
}

// script runs statements that no one needs prepared.
func (c *conn) script(statements ...string) error {
	for _, sql := range statements {
		s, _, err := c.c.PrepareTransient(sql)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", sql, err)
		}
		err = stmt{s}.run()
		if ferr := s.Finalize(); err == nil {
			err = ferr
		}
		if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// text is the first column of the first row, empty when there is none.
func (c *conn) text(sql string) (string, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return "", err
	}
	row, err := s.Step()
	text := ""
	if row {
		text = s.ColumnText(0)
	}
	if rerr := s.Reset(); err == nil {
		err = rerr
	}
	return text, err
}

// number is the first column of the first row, 0 when there is none.
func (c *conn) number(sql string) (int64, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	row, err := s.Step()
	n := int64(0)
	if row {
		n = s.ColumnInt64(0)
	}
	if rerr := s.Reset(); err == nil {
		err = rerr
	}
	return n, err
}

// inTransaction says whether a transaction is open: a failed COMMIT may have rolled it back or not.
func (c *conn) inTransaction() bool { return !c.c.AutocommitEnabled() }

// run steps to the end and makes the statement ready for the next use.
func (s stmt) run() error {
	for {
		row, err := s.Step()
		if err != nil {
			return err // Step has reset the statement
		}
		if !row {
			return s.Reset()
		}
	}
}

// full says that the disk (or the file, or a quota that reports as a full disk) has no room.
func full(err error) bool { return zs.ErrCode(err).ToPrimary() == zs.ResultFull }

// notDatabase says that the file is something else.
func notDatabase(err error) bool { return zs.ErrCode(err).ToPrimary() == zs.ResultNotADB }

// damaged says that the engine met bytes that break its format.
func damaged(err error) bool {
	code := zs.ErrCode(err)
	return code.ToPrimary() == zs.ResultCorrupt || code == zs.ResultIOErrShortRead
}

// structural says that the file is not what it was: damaged in one place, or no database at all.
func structural(err error) bool { return damaged(err) || notDatabase(err) }

// reason is the engine's own words for an error, without the statement and without the driver's.
func reason(err error) string { return zs.ErrCode(err).Message() }
