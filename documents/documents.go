// Package documents keeps the bytes of papers (原始凭证) under the SHA-256 that the books cite them by.
//
// # Layout
//
//	<dir>/<collective>/<first 2 hex digits>/<SHA-256>   one document, read-only, 0400
//	<dir>/.incoming/<random>                             one being received; removed a day after its last byte came
//
// A document belongs to one collective, because who may read it is decided there. Its name is its digest, so the same bytes
// are kept once, a name can never mean other bytes, and every read is checked against it. Nothing else about a document is
// stored: size and media type are those of its bytes. What a client says of either is compared and never trusted.
//
// Several processes may have one directory open, the nodes of a store on a shared file system for one: a document only ever appears,
// by one rename of a file that no other process writes, and the same name always means the same bytes. What one of them receives the
// others leave alone for a day. The file system has to make a rename seen by all nodes at once; until then a document is unknown.
//
// # Durability
//
// A document is received into .incoming, synced, renamed to its name, and the directories are synced: after Put returned it
// survives a crash; a crash before leaves at most a file in .incoming. Documents are never changed, and never deleted by this
// package: what no event names is listed (Garbage), and people decide.
package documents

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// BytesMax is the largest document by default: a photograph or a scan of some pages.
const BytesMax = 20 << 20

// Digest is the SHA-256 of a document, its only name.
type Digest [sha256.Size]byte

// String is the digest in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads 64 lower-case hex digits.
func ParseDigest(s string) (d Digest, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) || hex.EncodeToString(b) != s {
		return d, fmt.Errorf("%q is not a SHA-256 in lower-case hex", s)
	}
	return Digest(b), nil
}

// The ways in which a document is refused or not found.
var (
	ErrTooLarge = errors.New("the document is larger than the limit")
	ErrEmpty    = errors.New("the document is empty")
	ErrType     = errors.New("the document is of no kind that is kept")
	ErrMismatch = errors.New("the bytes are not those that were announced") // size or digest: cut short or changed on the way
	ErrUnknown  = errors.New("there is no such document")
	ErrDamaged  = errors.New("the stored bytes are not the document")
	ErrNoSpace  = errors.New("no space left for documents")
)

// File is a stored document.
type File struct {
	Digest     Digest
	Size       int64
	MediaType  string    // one of the kinds of kinds.go
	ReceivedAt time.Time // of the last upload of these bytes; not set by Put
}

// Options of a Store. The zero value works.
type Options struct {
	BytesMax int64 // largest document; default BytesMax
}

// Store keeps documents below a directory. Its methods may be called at once, by several processes on one directory too.
type Store struct {
	dir    string
	max    int64
	create func(dir string) (incoming, error)
}

// incoming is a file being received.
type incoming interface {
	io.ReadWriteSeeker
	io.ReaderAt
	io.Closer
	Sync() error
	Name() string
}

const incomingDir = ".incoming"

// incomingAge is how long after its last byte a file that is being received is taken for one that a crash left behind. No upload
// rests for as long; another process's must not be removed.
const incomingAge = 24 * time.Hour

// Open makes the directory where it is missing and removes what uploads cut short by a crash left behind a day ago.
func Open(dir string, o Options) (*Store, error) {
	if o.BytesMax <= 0 {
		o.BytesMax = BytesMax
	}
	s := &Store{dir: dir, max: o.BytesMax, create: func(dir string) (incoming, error) { return os.CreateTemp(dir, "upload-*") }}
	if err := os.MkdirAll(s.incoming(), 0o700); err != nil {
		return nil, fmt.Errorf("open documents %s: %w", dir, full(err))
	}
	if err := s.removeLeft(time.Now().Add(-incomingAge)); err != nil {
		return nil, fmt.Errorf("open documents %s: %w", dir, err)
	}
	return s, nil
}

// removeLeft removes files being received whose last byte came before an instant.
func (s *Store) removeLeft(before time.Time) error {
	entries, err := os.ReadDir(s.incoming())
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.ModTime().Before(before) {
			err = os.Remove(filepath.Join(s.incoming(), e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it came to its end meanwhile, or another process removed it
			return err
		}
	}
	return nil
}

func (s *Store) incoming() string { return filepath.Join(s.dir, incomingDir) }

func (s *Store) path(collective string, d Digest) string {
	name := d.String()
	return filepath.Join(s.dir, collective, name[:2], name)
}

// full names a full disk.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// Announced is what a client says of a document before it sends it; zero fields say nothing.
type Announced struct {
	Digest Digest
	Size   int64
}

// Put stores what r gives, up to its end, as a document of a collective, whose id must be a valid one. The same bytes again
// give the same answer. Errors: ErrTooLarge, ErrEmpty, ErrType, ErrMismatch, ErrNoSpace, wrapped; those of r as they are.
// Nothing is stored then.
func (s *Store) Put(collective string, a Announced, r io.Reader) (file File, err error) {
	if a.Size > s.max {
		return File{}, fmt.Errorf("%w: %d bytes are announced, at most %d are kept", ErrTooLarge, a.Size, s.max)
	}
	in, err := s.create(s.incoming())
	if err != nil {
		return File{}, fmt.Errorf("receive a document: %w", full(err))
	}
	defer func() {
		if closeErr := in.Close(); err == nil && closeErr != nil && !errors.Is(closeErr, os.ErrClosed) {
			err = closeErr
		}
		if err != nil {
			os.Remove(in.Name()) // else a later Open removes it
		}
	}()
	if file, err = s.receive(in, r); err != nil {
		return File{}, fmt.Errorf("receive a document: %w", full(err))
	}
	if a.Size != 0 && a.Size != file.Size || a.Digest != (Digest{}) && a.Digest != file.Digest {
		return File{}, fmt.Errorf("%w: %d bytes of %v came", ErrMismatch, file.Size, file.Digest)
	}
	if err := s.keep(collective, in, file.Digest); err != nil {
		return File{}, fmt.Errorf("store document %v: %w", file.Digest, full(err))
	}
	return file, nil
}

// receive copies and hashes the bytes and looks at what they are.
func (s *Store) receive(in incoming, r io.Reader) (File, error) {
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(in, hash), io.LimitReader(r, s.max+1))
	switch {
	case err != nil:
		return File{}, err
	case size > s.max:
		return File{}, fmt.Errorf("%w of %d bytes", ErrTooLarge, s.max)
	case size == 0:
		return File{}, ErrEmpty
	}
	kind, err := sniff(in, size)
	if err != nil {
		return File{}, err
	}
	return File{Digest: Digest(hash.Sum(nil)), Size: size, MediaType: kind}, nil
}

// keep makes a received file durable under its digest. Where there is one already it is replaced by the same bytes, which
// mends a damaged one.
func (s *Store) keep(collective string, in incoming, d Digest) error {
	if err := in.Sync(); err != nil {
		return err
	}
	if err := in.Close(); err != nil {
		return err
	}
	if err := os.Chmod(in.Name(), 0o400); err != nil {
		return err
	}
	path := s.path(collective, d)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Rename(in.Name(), path); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Join(s.dir, collective), s.dir} {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// Open gives a document's bytes after it compared all of them with the digest. The caller closes the reader. Errors:
// ErrUnknown, ErrDamaged, wrapped.
func (s *Store) Open(collective string, d Digest) (File, io.ReadCloser, error) {
	f, err := os.Open(s.path(collective, d))
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil, fmt.Errorf("read document %v: %w", d, ErrUnknown)
	}
	if err != nil {
		return File{}, nil, fmt.Errorf("read document %v: %w", d, err)
	}
	file, err := s.inspect(f, d)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return File{}, nil, fmt.Errorf("read document %v: %w", d, err)
	}
	return file, f, nil
}

// inspect hashes a stored file and says what it is.
func (s *Store) inspect(f *os.File, d Digest) (File, error) {
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return File{}, err
	}
	if Digest(hash.Sum(nil)) != d {
		return File{}, ErrDamaged
	}
	kind, err := sniff(f, info.Size())
	if err != nil {
		return File{}, err
	}
	return File{d, info.Size(), kind, info.ModTime()}, nil
}

// Check hashes a document anew: nil, or ErrUnknown or ErrDamaged, wrapped.
func (s *Store) Check(collective string, d Digest) error {
	_, r, err := s.Open(collective, d)
	if err != nil {
		return err
	}
	return r.Close()
}

// List gives the documents of a collective in order of their digests, without looking into them: no media types.
func (s *Store) List(collective string) ([]File, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, collective, "[0-9a-f][0-9a-f]", "*"))
	if err != nil {
		return nil, fmt.Errorf("list documents of %s: %w", collective, err)
	}
	slices.Sort(names)
	var list []File
	for _, name := range names {
		d, err := ParseDigest(filepath.Base(name))
		if err != nil {
			continue // somebody else's file
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("list documents of %s: %w", collective, err)
		}
		list = append(list, File{Digest: d, Size: info.Size(), ReceivedAt: info.ModTime()})
	}
	return list, nil
}

// Garbage lists the documents of a collective that no event names and that came before an instant: uploads whose command never
// followed. Nothing is deleted.
func (s *Store) Garbage(collective string, named map[Digest]bool, before time.Time) ([]File, error) {
	list, err := s.List(collective)
	return slices.DeleteFunc(list, func(f File) bool { return named[f.Digest] || !f.ReceivedAt.Before(before) }), err
}
