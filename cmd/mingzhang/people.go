package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// peopleFile of a data directory keeps personal data (package people): a store of its own beside the log, so that what is deleted in
// it is gone. A directory whose log is in a cluster has none: personal data is in that cluster too.
const peopleFile = "people.db"

// openPeople opens the store for personal data of a directory; file is nil when it is in the cluster.
func openPeople(dir string, lock *sqlite.DirLock, cluster *eventstoredb.Store) (store listed, file *sqlite.Store, err error) {
	if cluster != nil {
		return cluster, nil, nil
	}
	path := filepath.Join(dir, peopleFile)
	if err := forOwner(path); err != nil {
		return nil, nil, err
	}
	file, err = sqlite.Open(path, sqlite.Options{Lock: lock})
	return file, file, err
}

// forOwner makes a file that nobody but its owner reads, empty when it is new; what SQLite puts beside it is like it.
func forOwner(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return fmt.Errorf("keep %s for its owner: %w", path, err)
	}
	return nil
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

// ReadAll implements eventstore.Store.
func (s booksOnly) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for e, err := range s.Store.ReadAll(ctx, after) {
			if err == nil && people.Kept(e.Stream) {
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
		if !people.Kept(one.Stream) {
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

// lostInquiries looks at what was asked by the inquiries of every collective: how many texts are kept, and of which inquiries the text is not
// there although its time is not over.
func (d *directory) lostInquiries(ctx context.Context) (lost map[string][]string, kept int, err error) {
	collectives, err := d.ledger.Collectives(ctx)
	if err != nil {
		return nil, 0, err
	}
	lost = map[string][]string{}
	var failures []error
	for _, id := range collectives {
		gone, there, err := d.people.LostInquiries(ctx, id)
		failures = append(failures, err)
		kept += there
		for _, q := range gone {
			lost[id] = append(lost[id], strconv.FormatUint(uint64(q.Number), 10))
		}
	}
	return lost, kept, errors.Join(failures...)
}

// copyPeople copies personal data into a backup, after the log; it says whether it did.
func (b *backup) copyPeople(ctx context.Context, dir string) (bool, error) {
	from := filepath.Join(b.session.data, peopleFile)
	if _, err := os.Lstat(from); b.noPeople || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, sqlite.Copy(ctx, from, filepath.Join(dir, peopleFile))
}

// alignCopy carries out in a copy what its log says was erased, and deletes what was asked by inquiries whose time is over, so that no backup
// has what is to be gone, not even one made between an approval and its execution. What the copy then is without is not in its file any more. It says whether anything was ever kept there.
func alignCopy(ctx context.Context, dir string, lock *sqlite.DirLock, log openedLog) (some bool, err error) {
	path := filepath.Join(dir, peopleFile)
	store, err := sqlite.Open(path, sqlite.Options{Lock: lock, MustExist: true})
	if err != nil {
		return false, err
	}
	streams, err := store.List(ctx)
	if err == nil && len(streams) > 0 {
		books := ledger.NewService(log, ledger.Options{Clock: clock})
		vault := people.NewVault(store, books, people.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler)})
		_, swept := vault.Sweep(ctx)
		err = errors.Join(vault.Align(ctx), swept, store.Compact(ctx))
	}
	if err := errors.Join(err, store.Close()); err != nil || len(streams) > 0 {
		return true, err
	}
	return false, os.Remove(path)
}

// replayErasures carries out every erasure that the restored log knows, deletes what inquiries asked whose time is over, and counts what is kept and what is not there.
func (r *restore) replayErasures(ctx context.Context, d *directory) error {
	lost, kept, err := d.lostPeople(ctx)
	for _, gone := range lost {
		r.lost += len(gone)
	}
	_, swept := d.people.Sweep(ctx)
	asked, texts, askedErr := d.lostInquiries(ctx)
	for _, gone := range asked {
		r.lost += len(gone)
	}
	r.persons = kept + texts
	return errors.Join(err, swept, askedErr)
}

// goOn appends to the restored log what a newer copy of it has beyond.
// A file, which may have come from anywhere, has to be signed with a key of the log: of the manifest, or one that signs here when what it has
// is appended, rotations included.
func (r *restore) goOn(ctx context.Context, m *manifest, d *directory) error {
	later := map[string][]eventstore.Event{}
	for e, err := range r.newer(ctx) {
		if err != nil {
			return err
		}
		later[e.Stream] = append(later[e.Stream], e)
	}
	for _, stream := range slices.Sorted(maps.Keys(later)) {
		events := later[stream]
		have, err := d.log.Version(ctx, stream)
		if err != nil {
			return err
		}
		if uint64(len(events)) < have {
			return otherLog(r.later, stream, uint64(len(events))+1)
		}
		for e, err := range d.log.Read(ctx, stream, 0) {
			if err != nil {
				return err
			}
			if !sameEvent(e, events[e.Version-1]) {
				return otherLog(r.later, stream, e.Version)
			}
		}
		for batch := range slices.Chunk(events[have:], goOnEvents) {
			added := make([]eventstore.NewEvent, len(batch))
			for i, e := range batch {
				added[i] = eventstore.NewEvent{Type: e.Type, Data: e.Data}
			}
			if _, err := d.log.Append(ctx, stream, batch[0].Version-1, added); err != nil {
				return err
			}
		}
		if err := r.signedByLog(ctx, m, d, stream); err != nil {
			return err
		}
	}
	return nil
}

// signedByLog holds the signature of the newer log, where it is a file, to the keys of the log.
func (r *restore) signedByLog(ctx context.Context, m *manifest, d *directory, stream string) error {
	if r.laterHead == nil {
		return nil
	}
	head, _, err := d.log.Head(ctx, stream)
	if err != nil {
		return err
	}
	keys, err := d.log.signer.Keys(ctx, head.Origin)
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(keys, func(k transparency.LogKey) bool { return k.VerifierKey == r.laterHead.VerifierKey }) ||
		slices.ContainsFunc(m.Streams, func(s manifestStream) bool { return s.Stream == stream && s.VerifierKey == r.laterHead.VerifierKey })
	if r.laterHead.Note == "" || !known {
		return failed(exitVerified, "%s 不是用 %s 的密钥签名的,谁都可以写出来。没有恢复。", "%s is not signed with a key of %s: anybody could have written it. Nothing was restored.", r.later, head.Origin)
	}
	return nil
}

// goOnEvents are so few that one append of them is below its limit, whatever they hold.
const goOnEvents = 16

func otherLog(name, stream string, version uint64) error {
	return failed(exitVerified, "%s 里的 %s 不以备份里的账簿开头:从第 %d 笔起不同。没有恢复;两份中有一份被改过,请都留好并查明。",
		"In %s the log %s does not begin with the one of the backup: they differ from event %d on. Nothing was restored. One of the two was changed: keep both and find out.", name, stream, version)
}

// newer yields the events of a newer log: of a file of export jsonl, which is checked to its end first, or of a backup or data directory
// that nobody has open.
func (r *restore) newer(ctx context.Context) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		info, err := os.Stat(r.later)
		if err != nil {
			yield(eventstore.Event{}, cannotOpen(r.later, err))
			return
		}
		if info.IsDir() {
			if left, err := os.Stat(filepath.Join(r.later, eventsFile+"-wal")); err == nil && left.Size() > 0 {
				yield(eventstore.Event{}, failed(exitStorage, "%[1]s 还开着,或没有正常关闭,最新的记录可能读不到;请先停下服务,再运行一次 mingzhang verify --data %[1]s。",
					"%[1]s is in use, or was not closed in order, and its newest events might not be read: stop the server and run mingzhang verify --data %[1]s once.", r.later))
				return
			}
			for e, err := range sqlite.Scan(ctx, filepath.Join(r.later, eventsFile)) {
				if err == nil {
					err = checkEvent(e)
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
			return
		}
		events, head, err := readLogFile(r.later)
		r.laterHead = &head
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(eventstore.Event{}, err)
		}
	}
}

// readLogFile reads a file of export jsonl, of which all has to fit. Whose key signed its head is for the caller to judge.
func readLogFile(name string) ([]eventstore.Event, logHead, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, logHead{}, cannotOpen(name, err)
	}
	defer file.Close()
	reader := newLogReader(name, file)
	if err := reader.start(); err != nil {
		return nil, logHead{}, err
	}
	var events []eventstore.Event
	for {
		e, _, err := reader.next()
		if errors.Is(err, io.EOF) {
			return events, reader.head, nil
		}
		if err != nil {
			return nil, logHead{}, err
		}
		events = append(events, e)
	}
}

// people looks whether personal data is there that the log is committed to and no erasure took.
func (v *verification) people(ctx context.Context) error {
	if len(v.bad) > 0 {
		return nil // what a damaged log says of it means nothing
	}
	lost, _, err := v.client.dir.lostPeople(ctx)
	if err != nil {
		return v.failed(ctx, finding{Stream: people.StreamPrefix + "*"}, err)
	}
	for _, id := range slices.Sorted(maps.Keys(lost)) {
		records := make([]string, 0, len(lost[id]))
		for _, r := range lost[id] {
			records = append(records, r.ID.String())
		}
		slices.Sort(records)
		v.note(finding{Stream: ledger.StreamOf(id) + " " + people.StreamPrefix + "*", Result: resultLost,
			Problem: "personal data is missing that no erasure took: " + strings.Join(records[:min(len(records), lostListMax)], ", "), lost: len(records)})
	}
	asked, _, err := v.client.dir.lostInquiries(ctx)
	if err != nil {
		return v.failed(ctx, finding{Stream: people.InquiryPrefix + "*"}, err)
	}
	for _, id := range slices.Sorted(maps.Keys(asked)) {
		gone := asked[id]
		v.note(finding{Stream: ledger.StreamOf(id) + " " + people.InquiryPrefix + "*", Result: resultLost,
			Problem: "what was asked is missing of the inquiries " + strings.Join(gone[:min(len(gone), lostListMax)], ", "), lost: len(gone)})
	}
	return nil
}

// lostListMax is how many missing records a finding lists.
const lostListMax = 20

// copyPeople makes the target's personal data that of the source, before the log that is committed to it. What was deleted in the source
// is deleted in the target, whether it was ever there or not; a record is one event, stored whole or not at all.
func (c *copying) copyPeople(ctx context.Context) error {
	source, err := c.from.people.List(ctx)
	if err != nil {
		return err
	}
	c.persons = 0
	for _, one := range source {
		if !people.Kept(one.Stream) {
			continue
		}
		if one.Deleted {
			if err := c.to.people.Delete(ctx, one.Stream); err != nil {
				return err
			}
			continue
		}
		if err := c.copyRecord(ctx, one.Stream); err != nil {
			return err
		}
		c.persons++
	}
	return nil
}

func (c *copying) copyRecord(ctx context.Context, stream string) error {
	for e, err := range c.from.people.Read(ctx, stream, 0) {
		if err == nil {
			_, err = ledger.Decode(e)
		}
		if err != nil {
			return err
		}
		_, err = c.to.people.Append(ctx, stream, e.Version-1, []eventstore.NewEvent{{Type: e.Type, Data: e.Data}})
		if conflict := (*eventstore.ConflictError)(nil); errors.As(err, &conflict) { // copied before, or something else
			err = nil
			for there, rerr := range c.to.people.Read(ctx, stream, e.Version-1) {
				if err = rerr; err == nil && !sameEvent(e, there) {
					err = c.differs(stream, e.Version, "内容不同", "they differ")
				}
				break
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
