package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// mark says which streams have a head that is up to date: no append of ours can have made their log longer than it. The zero
// value, also what a directory without the file says, is none. A Store's does not change after Open.
type mark struct {
	all bool            // all streams, but …
	but map[string]bool // … these, or none but these
}

const (
	closedFile = "closed"
	closedLine = "mingzhang/closed@v1\n" // all streams but those named behind it
	openLine   = "mingzhang/open@v1\n"   // none but those named behind it
	longerText = "the log is longer than its head although it was closed: somebody else wrote to it"
)

func (m mark) closed(stream string) bool { return m.all != m.but[stream] }

// none says that the mark needs no file.
func (m mark) none() bool { return !m.all && len(m.but) == 0 }

func (m mark) encode() []byte {
	first := openLine
	if m.all {
		first = closedLine
	}
	b := []byte(first)
	for _, name := range slices.Sorted(maps.Keys(m.but)) {
		b = append(append(b, fileName(name)...), '\n')
	}
	return b
}

// readMark takes a file it does not understand for none, as if somebody had removed it.
func (f files) readMark() (mark, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, closedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mark{}, fmt.Errorf("read whether the log was closed: %w", err)
	}
	m := mark{but: make(map[string]bool)}
	names, ok := bytes.CutPrefix(b, []byte(closedLine))
	if m.all = ok; !ok {
		if names, ok = bytes.CutPrefix(b, []byte(openLine)); !ok {
			return mark{}, nil
		}
	}
	for line := range strings.Lines(string(names)) {
		name, ok := streamName(strings.TrimSuffix(line, "\n"))
		if !ok {
			return mark{}, nil
		}
		m.but[name] = true
	}
	return m, nil
}

// writeMark makes the file say this, durably: it is removed when the mark says nothing.
func (f files) writeMark(m mark) error {
	path := filepath.Join(f.dir, closedFile)
	if m.none() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("note that the log is open: %w", err)
		}
		return syncDir(f.dir)
	}
	err := writeSynced(path+tmpSuffix, m.encode())
	if err == nil {
		err = os.Rename(path+tmpSuffix, path)
	}
	if err != nil {
		return fmt.Errorf("note whether the log is closed: %w", err)
	}
	return syncDir(f.dir)
}

// closedNow says whether the log must not go on behind its head: it was closed, and nothing was appended since.
func (s *Store) closedNow(st *stream) bool {
	if !s.mark.closed(st.name) {
		return false
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return !st.begun
}

// unseal is called before an append is handed to the inner store. The first of a process notes that heads may be behind from
// now on. Logs that somebody made longer before that are the exception: the note keeps them apart, or else a crash would make
// them look as if we had done it.
func (s *Store) unseal(ctx context.Context) error {
	if s.unsealed.Load() {
		return nil
	}
	s.markMu.Lock()
	defer s.markMu.Unlock()
	if s.unsealed.Load() {
		return nil
	}
	var foreign map[string]bool
	var err error
	if !s.mark.none() {
		if foreign, err = s.outgrow(ctx, func(name string) bool { return s.mark.closed(name) }); err != nil {
			return err
		}
	}
	// Also where Options.Shared keeps the file from being believed: it must not outlive what it says.
	if err := s.files.writeMark(mark{but: foreign}); err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w: %w", eventstore.ErrNoSpace, err)
		}
		return err
	}
	s.foreign = foreign
	s.unsealed.Store(true)
	return nil
}

// outgrow is those of some streams whose log is longer than the head on disk.
func (s *Store) outgrow(ctx context.Context, among func(stream string) bool) (map[string]bool, error) {
	names, err := s.Streams(ctx)
	if err != nil {
		return nil, err
	}
	longer := make(map[string]bool)
	for _, name := range names {
		if !among(name) {
			continue
		}
		fits, err := s.fits(ctx, name)
		if err != nil {
			return nil, err
		}
		if !fits {
			longer[name] = true
		}
	}
	return longer, nil
}

// adopted takes a stream whose head was made anew out of the note that somebody else wrote to it.
func (s *Store) adopted(name string) error {
	s.markMu.Lock()
	defer s.markMu.Unlock()
	if !s.foreign[name] {
		return nil
	}
	delete(s.foreign, name)
	return s.files.writeMark(mark{but: s.foreign})
}

// seal notes at the end which streams are closed: those that were at the beginning and got no append, whatever their log is
// now, and those whose head on disk has the size of the log.
func (s *Store) seal(ctx context.Context) error {
	if s.opts.Shared || s.mark.all && len(s.mark.but) == 0 && !s.unsealed.Load() {
		return nil
	}
	behind, err := s.outgrow(ctx, func(name string) bool { return !s.closedNow(s.stream(name)) })
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Join(s.files.dir, headsDir)); err != nil {
		return err
	}
	return s.files.writeMark(mark{all: true, but: behind})
}

// fits says whether the log has no more events than its head file says. It does not check the signature, which takes ten
// times as long: a wrong file stops those who use the stream.
func (s *Store) fits(ctx context.Context, name string) (bool, error) {
	version, err := s.inner.Version(ctx, name)
	if err != nil || version == 0 {
		return true, err
	}
	msg, err := s.files.readHead(name)
	if err != nil {
		return false, err
	}
	text, _, _ := strings.Cut(string(msg), "\n\n")
	head, err := parseBody(text + "\n")
	return err == nil && version <= head.Size, nil
}
