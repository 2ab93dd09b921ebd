package esdbtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// firstOffset is where a new log begins, as if much had been scavenged before it: far from zero, which user data never has.
const firstOffset = 8192

// Log is the database: all records in order. It is safe for concurrent use and may be served by several servers.
type Log struct {
	mu      sync.RWMutex
	all     []*record // elements never change, so readers keep the slice they saw
	streams map[string]*streamRecords
	end     int64 // offset of the next record
	known   idCache
	changed chan struct{} // closed when something is stored or a waiter is to look again; nil while nobody waits
	scratch []byte

	file *file // nil: memory alone
}

// streamRecords are the records of one stream; the number of an event is its index.
type streamRecords struct {
	events    []*record
	tombstone *record
}

func (s *streamRecords) last() int64 { return int64(len(s.events)) - 1 }

// NewLog makes a database in memory, with the few system events that every server has.
func NewLog() *Log { return newLog(time.Now) }

// OpenLog opens the database in dir, or makes one there. With sync every append waits for the disk.
func OpenLog(dir string, sync bool) (*Log, error) { return openLog(dir, sync, time.Now) }

func newLog(now func() time.Time) *Log {
	l := &Log{streams: make(map[string]*streamRecords), end: firstOffset, known: newIDCache(1)}
	if err := l.seed(now); err != nil {
		panic(err) // memory does not fail
	}
	return l
}

func openLog(dir string, sync bool, now func() time.Time) (*Log, error) {
	l := &Log{streams: make(map[string]*streamRecords), end: firstOffset, known: newIDCache(1)}
	f, err := openFile(dir, sync, l.restore)
	if err != nil {
		return nil, err
	}
	l.file = f
	if len(l.all) == 0 {
		if err := l.seed(now); err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	return l, nil
}

// Close releases the file, if there is one. No server may be running on it.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.close()
	l.file = nil
	return err
}

// Len is how many records there are, those that $all hides among them.
func (l *Log) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.all)
}

// seed writes what a server writes into an empty database.
func (l *Log) seed(now func() time.Time) error {
	for _, e := range []struct{ stream, kind, data string }{
		{"$epoch-information", "$epoch-information", `{"epochNumber":0}`},
		{"$$$scavenges", metadataKind, `{"$maxAge":2592000}`},
		{"$user-admin", "$UserCreated", `{"loginName":"admin","groups":["$admins"]}`},
		{"$$$user-admin", metadataKind, `{"$acl":{"$r":"$admins","$w":"$admins","$d":"$admins","$mr":"$admins","$mw":"$admins"}}`},
		{"$users", "$User", "admin"},
	} {
		if err := l.addSystem(e.stream, e.kind, e.data, now()); err != nil {
			return err
		}
	}
	return nil
}

// addSystem appends one event that nobody sent.
func (l *Log) addSystem(stream, kind, data string, now time.Time) error {
	l.mu.Lock()
	w := l.begin(now)
	w.add(stream, proposal{id: uuid.New(), kind: kind, json: json.Valid([]byte(data)), data: []byte(data)})
	wait, err := w.commit()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return wait()
}

// of is the stream of that name, empty if there is none. The caller holds mu.
func (l *Log) of(name string) *streamRecords {
	if s, ok := l.streams[name]; ok {
		return s
	}
	return &streamRecords{}
}

// write is one transaction: all of its records or none. The caller holds mu from begin to commit.
type write struct {
	log     *Log
	now     int64
	records []*record
	grown   map[string]int64 // how many events this write adds to a stream
}

func (l *Log) begin(now time.Time) *write {
	return &write{log: l, now: ticks(now)}
}

// add gives the event its number and offset. A tombstone takes the last number there is.
func (w *write) add(stream string, p proposal) *record {
	number := int64(deletedNumber)
	if p.kind != tombstoneKind {
		number = int64(len(w.log.of(stream).events)) + w.grown[stream]
		if w.grown == nil {
			w.grown = make(map[string]int64, 1)
		}
		w.grown[stream]++
	}
	r := &record{id: p.id, stream: stream, number: number, kind: p.kind, json: p.json, created: w.now, data: p.data, custom: p.custom}
	r.offset = w.log.end
	if n := len(w.records); n > 0 {
		r.offset = w.records[n-1].next
	}
	r.next = r.offset + r.sizeInLog()
	w.records = append(w.records, r)
	return r
}

// commit stores the records and shows them. The caller calls what it returns after giving up mu: it waits for the disk when the
// log does. A crash before it returns leaves the write whole or absent, and nobody was told that it is there.
func (w *write) commit() (wait func() error, err error) {
	wait = func() error { return nil }
	if f := w.log.file; f != nil {
		if err := f.write(w.records); err != nil {
			return nil, fmt.Errorf("esdbtest: store %d records: %w", len(w.records), err)
		}
		written := f.written
		wait = func() error { return f.wait(written) }
	}
	w.log.show(w.records)
	w.log.wake()
	return wait, nil
}

// show adds records, stored or restored. The caller holds mu.
func (l *Log) show(records []*record) {
	for _, r := range records {
		l.scratch = r.encode(l.scratch)
		s, ok := l.streams[r.stream]
		if !ok {
			s = &streamRecords{}
			l.streams[r.stream] = s
		}
		if r.number == deletedNumber {
			s.tombstone = r
		} else {
			s.events = append(s.events, r)
		}
		l.known.put(r)
		l.all = append(l.all, r)
		l.end = r.next
	}
}

// restore is show for records read from the file, checked: a file that passes its checksums and still does not add up is a
// fault of this package.
func (l *Log) restore(records []*record) error {
	for _, r := range records {
		r.next = r.offset + r.sizeInLog()
		if want := l.of(r.stream).last() + 1; r.number != deletedNumber && r.number != want {
			return fmt.Errorf("esdbtest: event %d of stream %s in the place of %d", r.number, r.stream, want)
		}
		if r.offset < l.end {
			return fmt.Errorf("esdbtest: record at %d after one that ends at %d", r.offset, l.end)
		}
		l.show([]*record{r})
	}
	return nil
}

// wake tells all that wait to look again. The caller holds mu.
func (l *Log) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// wakeAll is wake for those who do not hold mu.
func (l *Log) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake()
}

// view is the log as a reader sees it at one moment: without the last lag records. more is closed when there is something new.
type view struct {
	log  *Log
	all  []*record
	end  int64 // offset behind the last record of all
	more <-chan struct{}
}

func (l *Log) view(lag int) view {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	v := view{log: l, all: l.all, end: l.end, more: l.changed}
	if lag > 0 {
		v.all = l.all[:max(0, len(l.all)-lag)]
		v.end = firstOffset
		if n := len(v.all); n > 0 {
			v.end = v.all[n-1].next
		}
	}
	return v
}

// stream is the stream of that name in this view.
func (v view) stream(name string) streamRecords {
	v.log.mu.RLock()
	s := *v.log.of(name)
	v.log.mu.RUnlock()
	n := len(s.events)
	if n > 0 && s.events[n-1].offset >= v.end {
		s.events = s.events[:sort.Search(n, func(i int) bool { return s.events[i].offset >= v.end })]
	}
	if s.tombstone != nil && s.tombstone.offset >= v.end {
		s.tombstone = nil
	}
	return s
}

// last is the position of the last record, nowhere if there is none.
func (v view) last() position {
	if len(v.all) == 0 {
		return nowhere
	}
	return v.all[len(v.all)-1].position()
}

// after is the index of the first record above p.
func (v view) after(p position) int {
	return sort.Search(len(v.all), func(i int) bool { return p.less(v.all[i].position()) })
}

// boundary says whether a record starts, or the log ends, at the commit of p; only there can the server begin to read.
func (v view) boundary(p position) bool {
	if p.commit <= 0 || p.commit >= v.end {
		return true
	}
	i := sort.Search(len(v.all), func(i int) bool { return v.all[i].offset >= p.commit })
	return i < len(v.all) && v.all[i].offset == p.commit || i > 0 && v.all[i-1].next == p.commit
}

// tombstoned says whether the stream, or the stream that it is the metadata of, is gone for good.
func (v view) tombstoned(name string) bool {
	if v.stream(name).tombstone != nil {
		return true
	}
	owner, ok := strings.CutPrefix(name, "$$")
	return ok && v.stream(owner).tombstone != nil
}
