// Package sqlite is the embedded event store: one SQLite file, one writer, group commit.
//
// # Tables
//
//	events(position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, type TEXT, data BLOB)
//	deleted_streams(stream TEXT PRIMARY KEY, position INTEGER)
//
// There is no index over (stream, version). It would make each append change a second page, and a batch over many streams as
// many pages as streams: twice to five times the time under load. Where the events of a stream are, the store knows by heart:
// it looks at every row's place when it opens, and from then on is the only one that writes. So these four together, and not
// the database, see to it that a version exists once: the lock of the data directory, the one writer, the versions in memory
// and the look at every row when the store is opened. Memory grows by 16 bytes for each time that a stream goes on elsewhere
// than right behind its last event.
//
// Positions are given by the writer, 1, 2, 3 … without a gap but for deleted streams; deleted_streams keeps the last
// position at the time, so that none is given twice. Triggers refuse an UPDATE, and a DELETE of a stream that is not in
// deleted_streams, whoever asks: the shell cannot change the books by mistake. PRAGMA application_id says that the file is
// ours, PRAGMA user_version is the version of these tables. Nothing but the columns of a row carries meaning, so
//
//	sqlite3 -readonly events.db "SELECT version, type, hex(data) FROM events WHERE stream = 'collective-x' ORDER BY version"
//
// is the whole log of a collective, also while the store is open.
//
// # Writing
//
// One at a time writes: of the callers who wait, the one who finds nobody writing takes all that wait, up to 512 appends,
// checks each against the versions held in memory, stores those that fit in one transaction, syncs once and answers all. A
// refused append costs the others nothing.
//
// What each step leaves behind when the process or the machine dies there, and who repairs it (nobody has to):
//
//   - Before COMMIT: nothing, or pages in the write-ahead log (WAL) without a commit mark. SQLite skips them.
//   - During COMMIT: the mark reached the disk whole, with all before it (checksums say so), or the transaction is not
//     there. Nobody was answered yet.
//   - After COMMIT (synchronous=FULL: the WAL is synced before COMMIT returns): everything. The next opening reads the WAL.
//   - During a checkpoint, which copies the WAL into the file: the WAL is kept until the copy is synced, and copied again. A
//     checkpoint that fails for lack of room, or whose sync fails, is done again as a whole, from the WAL, after a later COMMIT.
//   - During Delete: the stream and its mark change together or not at all. The bytes may stay in the WAL until the next
//     checkpoint when the process dies between the two.
//   - While a new file is made: an empty file, or one without tables, or with a rollback journal beside it. The next opening
//     starts again from there.
//
// # Failing
//
// No room: the appends are refused with eventstore.ErrNoSpace, nothing of them is stored, reads go on, and appends succeed
// again once there is room. A COMMIT that fails in any other way (a failed sync above all) has an unknown outcome, and asking
// for the sync again would be answered with a lie by some kernels. So Options.Fatal is called, which by default ends the
// process with ExitStorage; the next start reads what is really there.
//
// Another program that stores events in the file or deletes a stream is noticed before the next append, which is then refused
// with ErrForeignWriter, and so are all after it. A stream that has lost a row in its middle, or has a version twice, is
// noticed when the store is opened: it can be read up to there, its appends are refused with *eventstore.CorruptError, and the
// other streams live on. The structure of every page is looked at before anything is written (see Opening), and the
// store is refused with ErrDamaged when one is wrong: nobody can say which streams had events there, or what an append would
// write over. Pages that go bad while the store is open are noticed when SQLite stumbles over them: whatever it was doing then
// ends with ErrDamaged. A changed byte inside a row's data is not noticed here: that is what the hash tree over the log is for.
//
// # Opening
//
// Two things are done at the same time, each on a connection of its own: learning where each event is, row by row, which finds
// what is missing or there twice; and PRAGMA quick_check, which finds every page whose structure is wrong. Both are done at every
// opening, for the whole file.
//
// Open waits for both, unless the file is as it was when it was last closed in order: the lock file then has its size and the
// time of its last change, and both are still the same. Damage to such a file can only come from a medium that loses bits, or
// from one who sets the time back. Then Open does not wait for quick_check, and until that has ended (less than half a second
// for a million events in memory)
//
//   - Append and Delete wait for it: nothing is ever written to a file that was not looked at as a whole since it was opened;
//   - ReadAll and Subscribe wait for it: nobody checks what they give;
//   - Read does not wait. It gives only rows of the stream, with versions one after the other, and what a row says package
//     transparency compares with its hash; a bad page ends it, as does one that goes bad while the store is open.
//
// When it finds damage, whoever waits gets ErrDamaged, and so does everybody after that; Options.Fatal is called, and the next
// Open waits for everything and refuses the store, for it was not closed in order. So the line in the lock file decides only who
// waits, never what is checked: forged or stale, it lets no damage through.
//
// For both the file is mapped into memory. A page that the medium cannot read is ErrDamaged there too.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// ExitStorage is the code the process ends with when the outcome of a COMMIT is unknown: EX_IOERR of sysexits.h.
const ExitStorage = 74

// Why a store cannot be opened or goes no further. Each comes wrapped in a sentence that names the file.
var (
	ErrNewer         = errors.New("made by a newer version of mingzhang")
	ErrNotStore      = errors.New("not an event store")
	ErrDamaged       = errors.New("event store file is damaged")
	ErrForeignWriter = errors.New("another program wrote to the event store")
)

// Options say how a store is opened. The zero value is right for a store that has a data directory of its own.
type Options struct {
	// MustExist refuses to make a new store when the file is absent or empty: wrong path or lost file, both better said
	// than answered with empty books.
	MustExist bool

	// Lock is the lock of the data directory when the caller has it already, for example because other files in the
	// directory need it too; the caller then releases it after Close. Nil: Open takes the lock and Close releases it.
	Lock *DirLock

	// Fatal is called once, from the writer, when the outcome of a COMMIT is unknown, or when the check that goes on behind
	// Open finds damage. It should end the process. When it returns (in tests), the store refuses every later append, and
	// every later read of a damaged file. Nil: a line on stderr and os.Exit(ExitStorage).
	Fatal func(error)

	// Committed is told of every transaction with appends after its COMMIT: its events, and how long COMMIT took, the sync
	// included. It is called by the writer and must be quick. Nil: nobody is told.
	Committed func(events int, took time.Duration)
}

// How the store runs, see the package comment. The sizes come from measurements: larger transactions gain nothing, larger
// pages of a read keep the WAL from being used again for longer.
const (
	busyTimeout     = 5 * time.Second // another program's lock, e.g. a backup that begins
	batchAppendsMax = 512             // appends in one transaction
	batchBytesMax   = 8 << 20         // data in one transaction, but for one append that is larger on its own
	pageEventsMax   = 1000            // rows of one read statement
	pageBytesMax    = 1 << 20         // data of one read statement, but for the row that goes beyond
	readersMax      = 4               // read connections
)

// Store is an event store in one SQLite file. Make one with Open.
type Store struct {
	path    string
	lock    *DirLock
	ownLock bool // Open took the lock, Close releases it
	fatal   func(error)
	told    func(events int, took time.Duration) // Options.Committed
	writer  writer
	readers pool
	quit    chan struct{} // closed when Close begins
	writing chan struct{} // holding its one token means to be the writer

	queueMu sync.Mutex
	queue   []*request
	closing bool

	mu      sync.RWMutex
	state   state
	changed chan struct{} // closed when something is stored; nil while nobody waits

	check    check
	watching sync.WaitGroup // for the end of the check, until Fatal was told what it found

	closeOnce sync.Once
	closeErr  error
}

// Open opens the store in the file, or makes it when the file does not exist. The directory must exist and must be on a
// local disk.
//
// Errors say in one sentence what is wrong with which file; they wrap *LockedError, ErrNewer, ErrNotStore, ErrDamaged,
// fs.ErrNotExist or fs.ErrPermission where one of them is the reason.
func Open(path string, options Options) (*Store, error) {
	s, err := open(path, options)
	if err != nil {
		return nil, fmt.Errorf("open event store: %w", err)
	}
	return s, nil
}

func open(path string, options Options) (s *Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s = &Store{path: path, lock: options.Lock, fatal: options.Fatal, told: options.Committed, quit: make(chan struct{}), writing: make(chan struct{}, 1),
		state: newState(), check: check{done: make(chan struct{})}}
	if s.fatal == nil {
		s.fatal = exit
	}
	if s.lock == nil {
		s.ownLock = true
		if s.lock, err = Lock(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	left, err := s.lock.claim(path)
	if err != nil {
		return nil, errors.Join(err, s.releaseLock())
	}
	if err := s.openFile(options.MustExist, left); err != nil {
		s.lock.unclaim(path, stamp{})
		return nil, errors.Join(err, s.releaseLock())
	}
	s.readers.init(path, s.quit)
	s.watching.Go(s.watch)
	return s, nil
}

// openFile opens the writing connection and learns the file by heart. left is how the file was when it was last closed in order.
func (s *Store) openFile(mustExist bool, left stamp) error {
	if err := checkFile(s.path, mustExist); err != nil {
		return err
	}
	unchanged := left != stamp{} && left == stampOf(s.path)
	s.writer.remains = !unchanged
	c, made, err := openWriter(s.path)
	if err != nil {
		return err
	}
	// First of all: whatever another program commits from here on is compared with what is learnt.
	if s.writer.dataVersion, err = c.number(sqlDataVersion); err != nil {
		return errors.Join(explain(s.path, err), c.close())
	}
	if made {
		err = s.learn(unchanged)
	} else {
		close(s.check.done)
	}
	if err == nil {
		err = setUp(c, s.path, made)
	}
	if err == nil {
		err = s.writer.prepare(c)
	}
	if err != nil {
		<-s.check.done
		return errors.Join(err, c.close())
	}
	return nil
}

func (s *Store) releaseLock() error {
	if s.ownLock {
		return s.lock.Release()
	}
	return nil
}

// exit is the default of Options.Fatal.
func exit(err error) {
	fmt.Fprintf(os.Stderr, "mingzhang: %v; the process ends because only a new start can tell what is stored\n", err)
	os.Exit(ExitStorage)
}

// Damaged lists the streams that had a gap when the store was opened, by name; none in a sound store. They can be read up to
// the gap and take no more events.
func (s *Store) Damaged() []*eventstore.CorruptError {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*eventstore.CorruptError, 0, len(s.state.damaged))
	for _, d := range s.state.damaged {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *eventstore.CorruptError) int { return strings.Compare(a.Stream, b.Stream) })
	return list
}

// List implements eventstore.Lister. It asks memory, not the disk. What another program put into the file is listed too, under
// whatever name.
func (s *Store) List(ctx context.Context) ([]eventstore.Listing, error) {
	if err := s.alive(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]eventstore.Listing, 0, len(s.state.streams)+len(s.state.deleted))
	for name, p := range s.state.streams {
		if !s.state.deleted[name] {
			list = append(list, eventstore.Listing{Stream: name, Version: p.head})
		}
	}
	for name := range s.state.deleted {
		list = append(list, eventstore.Listing{Stream: name, Deleted: true})
	}
	eventstore.SortListings(list)
	return list, nil
}

// Version implements eventstore.Store. It asks memory, not the disk.
func (s *Store) Version(ctx context.Context, stream string) (uint64, error) {
	if err := s.alive(ctx); err != nil {
		return 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.head(stream), nil
}

// alive is the context's error, ErrClosed once Close has begun, or the damage that a check has found.
func (s *Store) alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.quit:
		return eventstore.ErrClosed
	default:
		return s.check.found()
	}
}

// publish makes a committed state visible and wakes the subscriptions. The change is made under the lock.
func (s *Store) publish(change func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Close implements eventstore.Store. Appends that wait are stored and answered first; reads end with ErrClosed at their next
// page. It waits for the end of the check that Open began, and gives ErrDamaged when that found damage.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.watching.Wait()
		s.queueMu.Lock()
		s.closing = true
		s.queueMu.Unlock()
		close(s.quit)
		s.writing <- struct{}{} // and never given back
		for s.writeBatch() {
		}
		// The writer's connection is closed last: the last one to close checkpoints the WAL and removes it, and readers
		// may not write.
		err := errors.Join(s.check.err, s.readers.close(), s.writer.close())
		left := stamp{}
		if err == nil && s.writer.failed == nil {
			left = stampOf(s.path)
		}
		s.lock.unclaim(s.path, left)
		if err := errors.Join(err, s.releaseLock()); err != nil {
			s.closeErr = fmt.Errorf("close event store %s: %w", s.path, err)
		}
	})
	return s.closeErr
}
