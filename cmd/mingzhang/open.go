package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/documents"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/web"
)

// clock is the time of commands and keys.
func clock() time.Time { return time.Now() }

// directory is an open data directory: everything that is wired together lives here.
type directory struct {
	path      string
	lock      *sqlite.DirLock
	log       openedLog
	cluster   *eventstoredb.Store // where the log is; nil when it is in the directory's own events.db
	follower  *ledger.Follower    // of what other nodes store there; nil without a cluster
	began     time.Time
	ledger    *ledger.Service
	books     *projections.Library
	access    *access.Service
	documents *documents.Store
	people    *people.Vault
	persons   *sqlite.Store // what people keeps in; nil when it is in the cluster
	server    *rpc.Server

	stopping atomic.Bool // it serves, and takes no more calls
	pages    web.Config  // of a server: what it knows of its pages
}

// opening says how a data directory is opened, where that is not what it says itself. The zero value changes nothing.
type opening struct {
	store        string      // connection string that counts instead of the directory's file store
	documents    string      // directory of the papers; empty: the one in the data directory
	booksMemory  int64       // bytes of books in memory; 0: the default of package projections
	signer       string      // socket of a signer that counts instead of what the directory says
	statesMemory int64       // bytes of states in memory; 0: the default of package ledger
	asking       rpc.Asking  // how often one address may ask without a key
	trustProxy   bool        // whether a caller's address is what the proxy in front wrote down
	seen         instruments // for a process that is looked at while it runs

	door access.DoorOptions // how people sign in, for a process that serves
}

// openDirectory opens a data directory for this process alone. Its errors are explained in one sentence each: missing,
// unfinished, of a newer version, in use, not writable, damaged, full. Logger takes what callers of the services are not told.
func openDirectory(path string, logger *slog.Logger, o opening) (*directory, error) {
	if err := readFormat(path); err != nil {
		return nil, err
	}
	connection, err := storeOf(path, o.store)
	if err != nil {
		return nil, err
	}
	lock, err := sqlite.Lock(path)
	if err != nil {
		return nil, err
	}
	stored, err := openStored(path, connection, o.signer, sqlite.Options{Lock: lock, MustExist: true, Committed: o.seen.committed}, logger)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	log := stored
	if o.documents == "" {
		o.documents = filepath.Join(path, documentsDir)
	}
	papers, err := documents.Open(o.documents, documents.Options{})
	if err != nil {
		return nil, errors.Join(err, log.Close(), lock.Release())
	}
	sealing, err := log.signer.snapshotsSecret(path)
	if err != nil {
		return nil, errors.Join(err, log.Close(), lock.Release())
	}
	kept, persons, err := openPeople(path, lock, stored.cluster)
	if err != nil {
		return nil, errors.Join(err, log.Close(), lock.Release())
	}
	d := &directory{began: time.Now(), path: path, lock: lock, log: log, cluster: stored.cluster, documents: papers, persons: persons}
	var source librarySource
	d.people = people.NewVault(kept, &source, people.Options{Clock: clock, Logger: logger})
	copies := openSnapshots(path, sealing, log.Store, logger)
	keep := projections.LibraryOptions{Snapshots: copies, Logger: logger, Clock: clock, MemoryMax: o.booksMemory}
	d.books = projections.OpenLibrary(&source, keep)
	feed, events := rpc.NewFeed(d.books), o.seen.store(log)
	deciding := ledger.Options{Clock: clock, Observer: observers{feed, d.people}, Snapshots: copies, Logger: logger, MemoryMax: o.statesMemory}
	if d.cluster != nil {
		deciding.Shared, deciding.StoreClock = true, d.cluster.Clock
	}
	d.ledger = ledger.NewService(events, deciding)
	source.Service = d.ledger
	if d.cluster != nil {
		d.follower = ledger.NewFollower(d.ledger, log)
	}
	d.access = access.NewService(events, clock)
	door, err := access.NewDoor(d.access, o.door)
	if err != nil {
		return nil, errors.Join(failed(exitUsage, "登录的设置不对:%v。", "The settings of signing in are wrong: %v.", err), d.Close())
	}
	d.server = rpc.New(rpc.Config{
		Ledger: d.ledger, Access: d.access, Door: door, Books: d.books, Log: log, Events: events, Documents: papers, People: d.people, Seeds: rpc.SeedStreams{Store: kept},
		Asking: o.asking, TrustProxy: o.trustProxy,
		Feed: feed, Meter: o.seen.meter, Around: o.seen.around,
		VerifierKey: log.signer.verifierKey, Signer: log.signer,
		Clock: clock, Logger: logger, Version: version(), Store: d.engine(), Serving: d.serving, BooksAge: d.booksAge,
	})
	return d, nil
}

// librarySource lets the library be made before the service it reads from, which in turn tells the library of new events.
type librarySource struct{ *ledger.Service }

// sound says whether no stream is known to be damaged.
func (d *directory) sound() bool { return len(d.log.Health().Damaged) == 0 }

// Close waits for what is being stored, copies states and books that have grown, writes the last heads and gives the directory
// back.
func (d *directory) Close() error {
	d.ledger.Close(context.Background())
	d.books.Close(context.Background())
	if err := errors.Join(d.log.Close(), closePeople(d.persons), d.lock.Release()); err != nil {
		return fmt.Errorf("close data directory %s: %w", d.path, err)
	}
	return nil
}

// who finds the operators of the directory that may: those with the admin flag, or those with one of the roles of a
// collective, in order of their ids.
func (d *directory) who(ctx context.Context, may func(access.Operator) bool) ([]string, error) {
	operators, err := d.access.Operators(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, o := range operators {
		if may(o) {
			ids = append(ids, o.ID)
		}
	}
	return ids, nil
}
