package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// Publication is what is published of one log.
type Publication struct {
	Note        []byte            // the signed head
	VerifierKey string            // of the log
	EarlierKeys []string          // of the log: one of them may be what was published before
	Kept        map[uint64][]byte // by size, the heads that more than one key has signed (Store.KeptHeads)
	HeadOnly    bool              // the head without the events, for a log that not everybody may read
	Private     bool              // files and directories for their owner alone
	Asides      []Aside           // to be written in this order, when the checkpoint is there

	// Read gives the events after a version, at least up to the head. It is called twice.
	Read func(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error]

	// Ahead, when there is one, publishes what stands beside the log, once what is there already was found right. The
	// checkpoint comes after it, so that whoever has that has the files it speaks of.
	Ahead func(s Shelf) error
}

// Published says what Publish did.
type Published struct {
	Head   Head
	Before uint64 // size of the checkpoint that was there; 0 for none
	Files  int    // written, the checkpoint among them
	Bytes  int64  // of these
}

// PublishedError says that a published directory is not what it should be: a file of it was changed, or is of another log or
// of another copy of this one.
type PublishedError struct {
	File    string // below the directory, with slashes
	Version uint64 // of the first wrong event; 0 where that is not known
	Reason  string
}

func (e *PublishedError) Error() string {
	if e.Version > 0 {
		return fmt.Sprintf("%s: event %d: %s", e.File, e.Version, e.Reason)
	}
	return e.File + ": " + e.Reason
}

// Publish brings the published directory of one log up to date with its head. It writes what is not there yet and takes nothing
// back: a directory whose checkpoint the log does not contain, or with a file that is not what the log has, is refused with a
// *PublishedError and left as it is.
//
// Every file is written beside its place, synced and renamed; the checkpoint comes last, when all directories are synced. A
// crash leaves the checkpoint of before, with all it needs, perhaps some files that are ahead of it, and parts under names
// that begin with a dot; the next call goes on from there. Partial tiles are removed when the full one has a checkpoint.
func Publish(ctx context.Context, dir string, p Publication) (Published, error) {
	return (&publisher{dir: dir, Publication: p, changed: map[string]bool{}}).publish(ctx)
}

type publisher struct {
	Publication
	dir string

	// step is called before each change of the disk, with the file that changes; an error of it ends the work there, as a crash
	// would. Nil but in tests.
	step func(what, file string) error

	changed map[string]bool // directories that are not synced yet
	done    Published
}

func (p *publisher) publish(ctx context.Context) (Published, error) {
	v, err := parseVerifier(p.VerifierKey)
	if err != nil {
		return p.done, err
	}
	if p.done.Head, err = ParseHead(p.Note, v); err != nil {
		return p.done, err
	}
	before, err := p.before(v)
	if err != nil {
		return p.done, err
	}
	p.done.Before = before.Size
	leaves, err := p.leaves(ctx, before)
	if err != nil {
		return p.done, err
	}
	asides, err := p.asides()
	if err != nil {
		return p.done, err
	}
	if err := p.events(ctx, leaves); err != nil {
		return p.done, err
	}
	if p.Ahead != nil {
		if err := p.Ahead(Shelf{p}); err != nil {
			return p.done, err
		}
	}
	return p.done, p.finish(before, asides)
}

// before is the head that the directory has, a zero one when it has none: what stands there must be of this log and of its key,
// and no further than the log is.
func (p *publisher) before(v note.Verifier) (Head, error) {
	key, keyErr := readRegular(p.dir, VerifierFile, noteBytesMax)
	msg, err := readRegular(p.dir, CheckpointFile, noteBytesMax)
	switch {
	case errors.Is(keyErr, fs.ErrNotExist) && errors.Is(err, fs.ErrNotExist):
		return Head{}, nil
	case err == nil && !bytes.HasPrefix(msg, []byte(v.Name()+"\n")):
		origin, _, _ := bytes.Cut(msg, []byte("\n"))
		return Head{}, &PublishedError{File: CheckpointFile, Reason: fmt.Sprintf("it is of the log %.*q, this log is %s", originBytesMax, origin, v.Name())}
	case keyErr == nil && string(key) != p.VerifierKey+"\n" && !slices.Contains(p.EarlierKeys, strings.TrimSuffix(string(key), "\n")):
		return Head{}, &PublishedError{File: VerifierFile, Reason: "it is not the key of this log, which is " + p.VerifierKey}
	case keyErr != nil && !errors.Is(keyErr, fs.ErrNotExist):
		return Head{}, keyErr
	case errors.Is(err, fs.ErrNotExist):
		return Head{}, nil // a crash before the first checkpoint
	case err != nil:
		return Head{}, err
	}
	head, err := ParseHead(msg, v)
	for _, earlier := range p.EarlierKeys {
		if err == nil {
			break
		}
		if h, earlierErr := ParseCheckpoint(msg, earlier); earlierErr == nil {
			head, err = h, nil
		}
	}
	if err != nil {
		return Head{}, &PublishedError{File: CheckpointFile, Reason: "the key of this log did not sign it, or it was changed (" + err.Error() + ")"}
	}
	if head.Size > p.done.Head.Size {
		return Head{}, &PublishedError{File: CheckpointFile, Version: p.done.Head.Size + 1,
			Reason: fmt.Sprintf("%d events are published and the log has %d: it is an older copy", head.Size, p.done.Head.Size)}
	}
	return head, nil
}

// leaves hashes the log and wants it to have the root of the head, and to begin with what was published before. All is hashed
// before anything is written.
func (p *publisher) leaves(ctx context.Context, before Head) ([]tlog.Hash, error) {
	head := p.done.Head
	hasher, err := NewHasher(head.Origin)
	if err != nil {
		return nil, err
	}
	leaves := make([]tlog.Hash, 0, min(head.Size, 1<<20))
	if before.Size == 0 && before.Origin != "" && before.Root != hasher.Root() {
		return nil, &PublishedError{File: CheckpointFile, Reason: "it is of no events and has a root of its own"}
	}
	for e, err := range p.upTo(ctx, 0) {
		if err != nil {
			return nil, err
		}
		leaf, err := hasher.Add(e.Type, e.Data)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
		if hasher.Size() == before.Size && hasher.Root() != before.Root {
			return nil, &PublishedError{File: CheckpointFile,
				Reason: fmt.Sprintf("the first %d events have the root %s there and %s in this log: one of them is a fork", before.Size, before.Root, hasher.Root())}
		}
	}
	if hasher.Root() != head.Root {
		return nil, fmt.Errorf("publish %s: the events do not have the root of the signed head at size %d", head.Origin, head.Size)
	}
	return leaves, nil
}

// upTo gives the events after a version up to the head.
func (p *publisher) upTo(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		size := p.done.Head.Size
		if after == size {
			return
		}
		for e, err := range p.Read(ctx, after) {
			if after++; err == nil && e.Version != after {
				err = fmt.Errorf("publish %s: event %d came where %d is due", p.done.Head.Origin, e.Version, after)
			}
			if !yield(e, err) || err != nil || after == size {
				return
			}
		}
		yield(eventstore.Event{}, fmt.Errorf("publish %s: the log ends at event %d, its head says %d", p.done.Head.Origin, after, size))
	}
}

// events writes the bundles and tiles that are not there, and wants those that are to be what the log has.
func (p *publisher) events(ctx context.Context, leaves []tlog.Hash) error {
	if p.HeadOnly {
		if _, err := os.Lstat(filepath.Join(p.dir, tileDir)); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, &PublishedError{File: tileDir, Reason: "events were published here, and now only the checkpoint may be"})
		}
		return nil
	}
	levels := newLevels(leaves)
	var bundles, tiles []tile
	for t := range tilesOf(p.done.Head.Size) {
		there, err := compareTile(p.dir, t, levels)
		switch {
		case err != nil:
			return err
		case !there && t.level == entriesLevel:
			bundles = append(bundles, t)
		case !there:
			tiles = append(tiles, t)
		}
	}
	if err := p.bundles(ctx, bundles, leaves); err != nil {
		return err
	}
	for _, t := range tiles {
		if err := p.write(t.name(), levels.data(t)); err != nil {
			return err
		}
	}
	return nil
}

// compareTile says whether a file is there, and gives a *PublishedError when it is not what these hashes are.
func compareTile(dir string, t tile, levels levels) (there bool, err error) {
	most := int64(t.width * tlog.HashSize)
	if t.level == entriesLevel {
		most = bundleMax
	}
	data, err := readRegular(dir, t.name(), most)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	if t.level != entriesLevel {
		if !bytes.Equal(data, levels.data(t)) {
			return true, &PublishedError{File: t.name(), Reason: "it does not have the hashes of the log"}
		}
		return true, nil
	}
	entries, err := splitBundle(data, t.width)
	if err != nil {
		return true, &PublishedError{File: t.name(), Reason: err.Error()}
	}
	for i, entry := range entries {
		if at := t.n*tileWidth + uint64(i); tlog.RecordHash(entry) != levels[0][at] {
			return true, &PublishedError{File: t.name(), Version: at + 1, Reason: errNotTheLeaf}
		}
	}
	return true, nil
}

const errNotTheLeaf = "it does not have the hash that the log has for it"

// bundles writes the missing bundles, reading the log again from the first of them.
func (p *publisher) bundles(ctx context.Context, missing []tile, leaves []tlog.Hash) error {
	if len(missing) == 0 {
		return nil
	}
	var bundle []byte
	n := 0
	for e, err := range p.upTo(ctx, missing[0].n*tileWidth) {
		if err != nil {
			return err
		}
		t := missing[0]
		if (e.Version-1)/tileWidth != t.n {
			continue
		}
		entry := Entry(p.done.Head.Origin, e.Type, e.Data)
		if tlog.RecordHash(entry) != leaves[e.Version-1] {
			return fmt.Errorf("publish %s: event %d reads otherwise each time", p.done.Head.Origin, e.Version)
		}
		if bundle, err = appendBundled(bundle, entry); err != nil {
			return err
		}
		if n++; n < t.width {
			continue
		}
		if err := p.write(t.name(), bundle); err != nil {
			return err
		}
		if missing = missing[1:]; len(missing) == 0 {
			return nil
		}
		bundle, n = bundle[:0], 0
	}
	return nil
}

// finish puts the checkpoint where all it needs is on disk, and clears away what nobody needs any more.
func (p *publisher) finish(before Head, asides []Aside) error {
	if key, err := readRegular(p.dir, VerifierFile, noteBytesMax); err != nil || string(key) != p.VerifierKey+"\n" {
		if err := p.write(VerifierFile, []byte(p.VerifierKey+"\n")); err != nil {
			return err
		}
	}
	if err := p.kept(); err != nil {
		return err
	}
	if err := p.sync(); err != nil {
		return err
	}
	there, _ := readRegular(p.dir, CheckpointFile, noteBytesMax) // before has read it
	if before != p.done.Head || cosigned(p.Note, there) {        // the one that is there may have signatures of others too
		if err := p.write(CheckpointFile, p.Note); err != nil {
			return err
		}
		if err := p.sync(); err != nil {
			return err
		}
	}
	// What stands beside the tree is about heads that are there.
	for _, a := range asides {
		if err := p.write(a.Name, a.Data); err != nil {
			return err
		}
	}
	if err := p.sync(); err != nil {
		return err
	}
	return p.clear()
}

// kept writes the heads that more than one key has signed, and the list of them. Others may have signed one of them too: their
// signatures stay.
func (p *publisher) kept() error {
	if len(p.Kept) == 0 {
		return nil
	}
	var list []byte
	for _, size := range slices.Sorted(maps.Keys(p.Kept)) {
		list = fmt.Appendf(list, "%d\n", size)
		note, err := signednote.Parse(p.Kept[size])
		if err != nil {
			return fmt.Errorf("publish %s: kept head %d: %w", p.done.Head.Origin, size, err)
		}
		there, err := readRegular(p.dir, KeptHeadFile(size), noteBytesMax)
		if err == nil {
			note = withSignatures(note, there)
		}
		if err == nil && bytes.Equal(note.Bytes(), there) {
			continue
		}
		if err := p.write(KeptHeadFile(size), note.Bytes()); err != nil {
			return err
		}
	}
	if there, err := readRegular(p.dir, KeptFile, noteBytesMax); err == nil && bytes.Equal(there, list) {
		return nil
	}
	return p.write(KeptFile, list)
}

// withSignatures adds the signatures that another note has of the same text.
func withSignatures(note signednote.Note, other []byte) signednote.Note {
	more, err := signednote.Parse(other)
	if err != nil || more.Text != note.Text {
		return note
	}
	all := more.Signatures
	for _, s := range note.Signatures {
		if !slices.ContainsFunc(all, func(had signednote.Signature) bool { return had.Name == s.Name && had.Hash == s.Hash }) {
			all = append(all, s)
		}
	}
	return signednote.Note{Text: note.Text, Signatures: all}
}

// write puts a file in its place, whole or not at all.
func (p *publisher) write(name string, data []byte) (err error) {
	full := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := p.at("mkdir", full); err != nil {
		return err
	}
	dirMode, mode := fs.FileMode(0o755), fs.FileMode(0o644)
	if p.Private {
		dirMode, mode = 0o700, 0o600
	}
	if err := os.MkdirAll(filepath.Dir(full), dirMode); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(full), partPrefix+filepath.Base(full)+".*"+tmpSuffix)
	if err != nil {
		return fmt.Errorf("publish %s: %w", name, err)
	}
	_, err = file.Write(data[:len(data)/2])
	if err == nil {
		err = p.at("write", full)
	}
	if err == nil {
		_, err = file.Write(data[len(data)/2:])
	}
	if err = errors.Join(err, p.at("sync", full)); err == nil {
		err = errors.Join(file.Chmod(mode), file.Sync())
	}
	if err = errors.Join(err, file.Close(), p.at("rename", full)); err == nil {
		err = os.Rename(file.Name(), full)
	}
	if err != nil {
		if p.step == nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
		return fmt.Errorf("publish %s: %w", name, err)
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		p.changed[dir] = true
		if dir == "." {
			break
		}
	}
	p.done.Files++
	p.done.Bytes += int64(len(data))
	return nil
}

const partPrefix = "."

// at is a place where a crash can be tried.
func (p *publisher) at(what, file string) error {
	if p.step == nil {
		return nil
	}
	return p.step(what, file)
}

// sync makes the names of all that was written durable, the name of the directory itself among them.
func (p *publisher) sync() error {
	for dir := range p.changed {
		full := filepath.Join(p.dir, filepath.FromSlash(dir))
		if err := errors.Join(p.at("sync directory", full), syncDir(full)); err != nil {
			return err
		}
		delete(p.changed, dir)
		if dir == "." {
			if err := syncDir(filepath.Dir(p.dir)); err != nil {
				return err
			}
		}
	}
	return nil
}

// clear removes partial tiles that the checkpoint has full, and parts that a crash left.
func (p *publisher) clear() error {
	return filepath.WalkDir(p.dir, func(full string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(p.dir, full)
		if err != nil {
			return err
		}
		t, ok := parseTile(filepath.ToSlash(name))
		superseded := ok && t.width < tileWidth
		if superseded {
			_, superseded = tile{t.level, t.n, tileWidth}.within(p.done.Head.Size)
		}
		if base := d.Name(); !superseded && (!strings.HasPrefix(base, partPrefix) || !strings.HasSuffix(base, tmpSuffix)) {
			return nil
		}
		if err := errors.Join(p.at("remove", full), os.Remove(full)); err != nil {
			return fmt.Errorf("publish: clear away: %w", err)
		}
		if superseded {
			_ = os.Remove(filepath.Dir(full)) // when it was the last one there
		}
		return nil
	})
}

// readRegular reads a plain file of a published directory, with no more than so many bytes; anything else under its name, also
// one that would never end, is refused with a *PublishedError. A file that is not there is fs.ErrNotExist.
func readRegular(dir, name string, most int64) ([]byte, error) {
	return readRegularInto(nil, dir, name, most)
}

// readRegularInto is readRegular into memory that may be used again, where it is enough.
func readRegularInto(buf []byte, dir, name string, most int64) ([]byte, error) {
	full := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, &PublishedError{File: name, Reason: "a directory above it is none"}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &PublishedError{File: name, Reason: "it is no plain file"}
	}
	if info.Size() > most {
		return nil, &PublishedError{File: name, Reason: fmt.Sprintf("it has %d bytes, %d are the most", info.Size(), most)}
	}
	file, err := os.Open(full)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer file.Close()
	data := slices.Grow(buf[:0], int(info.Size()))[:info.Size()]
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}
