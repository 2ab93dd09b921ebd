package main

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// place is where a log is, as the commands of store are told: a data directory, or a cluster by itself.
type place struct {
	dir        string // data directory; empty for a cluster by itself
	connection string // of the cluster, as given or as the directory says; empty for events.db
}

// environmentPlace stands for the connection string of --store, so that a password need not be on the command line.
const environmentPlace = "esdb://"

// placeOf reads a PLACE of the command line.
func (s *session) placeOf(word string) (p place, err error) {
	switch {
	case s.server != "":
		return p, failed(exitUsage, "store 要的是数据目录或集群,不用服务器;请去掉 --server。", "store needs a data directory or a cluster, not a server: leave --server out.")
	case word == environmentPlace && s.store == "":
		return p, failed(exitUsage, "esdb:// 指 --store 或环境变量 %s 里的集群;请给出一个。", "esdb:// is the cluster of --store or of the environment's %s: give one.", envStore)
	case word == environmentPlace:
		return place{connection: s.store}, nil
	case eventstoredb.IsConnectionString(word):
		return place{connection: word}, nil
	case strings.Contains(word, "://"): // no directory is called so, and it is not repeated: it may hold a password
		return p, failed(exitUsage, "集群的连接串以 esdb:// 或 esdb+discover:// 开头(kurrentdb:// 也写成 esdb://),数据目录是路径;给出的两样都不是。",
			"A connection string begins with esdb:// or esdb+discover:// (for kurrentdb:// write esdb://), a data directory is a path; what is given is neither.")
	}
	connection, err := storeOf(word, "")
	return place{dir: word, connection: connection}, err
}

// engine names the kind of store.
func (p place) engine() string {
	if p.connection != "" {
		return engineCluster
	}
	return engineSQLite
}

// name is the place in words: nothing of a login is in it.
func (p place) name() string {
	if p.dir != "" {
		return p.dir
	}
	address, err := eventstoredb.Address(p.connection)
	if err != nil {
		return environmentPlace + "…"
	}
	return environmentPlace + address
}

// openedPlace is a log that a command of store has open.
type openedPlace struct {
	place
	log     listed              // compared with the signed heads where there are any
	bare    listed              // the same without the heads
	heads   *transparency.Store // nil for a cluster by itself
	cluster *eventstoredb.Store // nil for events.db
	lock    *sqlite.DirLock     // of the directory
	people  listed              // personal data: a file of the directory, or the cluster
	persons *sqlite.Store       // that file
}

// open opens the log at a place. A directory must be in nobody's use.
func (p place) open(logger *slog.Logger) (*openedPlace, error) {
	if p.dir == "" {
		cluster, err := openCluster(p.connection, logger)
		if err != nil {
			return nil, err
		}
		return &openedPlace{place: p, log: cluster, bare: cluster, cluster: cluster, people: cluster}, nil
	}
	if err := readFormat(p.dir); err != nil {
		return nil, err
	}
	lock, err := sqlite.Lock(p.dir)
	if err != nil {
		return nil, err
	}
	return p.openLocked(lock, true, logger)
}

// openLocked opens the log of a directory that is locked. The lock is given back when it fails.
func (p place) openLocked(lock *sqlite.DirLock, mustExist bool, logger *slog.Logger) (*openedPlace, error) {
	log, err := openStored(p.dir, p.connection, "", sqlite.Options{Lock: lock, MustExist: mustExist}, logger)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	kept, persons, err := openPeople(p.dir, lock, log.cluster)
	if err != nil {
		return nil, errors.Join(err, log.Close(), lock.Release())
	}
	return &openedPlace{place: p, log: log, bare: log.bare, heads: log.Store, cluster: log.cluster, lock: lock, people: kept, persons: persons}, nil
}

func (p *openedPlace) close() error {
	err := errors.Join(p.log.Close(), closePeople(p.persons))
	if p.lock != nil {
		err = errors.Join(err, p.lock.Release())
	}
	return err
}
