package main

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
)

// peopleFile of a data directory keeps personal data (package people): a store of its own beside the log, so that what is deleted in
// it is gone. A directory whose log is in a cluster has none: personal data is in that cluster too.
const peopleFile = "people.db"

// openPeople opens the store for personal data of a directory; file is nil when it is in the cluster.
func openPeople(dir string, lock *sqlite.DirLock, cluster *eventstoredb.Store) (store listed, file *sqlite.Store, err error) {
	if cluster != nil {
		return cluster, nil, nil
	}
	file, err = sqlite.Open(filepath.Join(dir, peopleFile), sqlite.Options{Lock: lock})
	return file, file, err
}

// closePeople closes the file, if there is one.
func closePeople(file *sqlite.Store) error {
	if file == nil {
		return nil
	}
	return file.Close()
}

// observers tells several of new events, in order.
type observers []ledger.Observer

// Observe implements ledger.Observer.
func (all observers) Observe(collective string, events []*eventv1.Event) {
	for _, o := range all {
		o.Observe(collective, events)
	}
}

// booksOnly is a cluster without the streams of personal data, which stand beside the books there: no tree is made over them, and no check
// of the books looks at them.
type booksOnly struct{ *eventstoredb.Store }

func personalStream(stream string) bool { return strings.HasPrefix(stream, people.StreamPrefix) }

// ReadAll implements eventstore.Store.
func (s booksOnly) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for e, err := range s.Store.ReadAll(ctx, after) {
			if err == nil && personalStream(e.Stream) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// List implements eventstore.Lister.
func (s booksOnly) List(ctx context.Context) ([]eventstore.Listing, error) {
	list, err := s.Store.List(ctx)
	kept := list[:0]
	for _, one := range list {
		if !personalStream(one.Stream) {
			kept = append(kept, one)
		}
	}
	return kept, err
}

// lostPeople looks at the personal data of every collective: how many records are kept, and which are not there although no erasure says
// so.
func (d *directory) lostPeople(ctx context.Context) (lost map[string][]ledger.PersonalRecord, kept int, err error) {
	collectives, err := d.ledger.Collectives(ctx)
	if err != nil {
		return nil, 0, err
	}
	lost = map[string][]ledger.PersonalRecord{}
	var failures []error
	for _, id := range collectives {
		gone, there, err := d.people.Lost(ctx, id)
		failures = append(failures, err)
		kept += there
		if len(gone) > 0 {
			lost[id] = gone
		}
	}
	return lost, kept, errors.Join(failures...)
}
