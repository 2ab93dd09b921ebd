package snapshot

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
)

// Log ties a snapshot to the log it was made of. transparency.Store gives it.
type Log interface {
	// Anchor is what the first version events of a collective's log are told by.
	Anchor(ctx context.Context, collective string, version uint64) ([]byte, error)
	// Holds says whether the log still begins with these very events. It need not look at more of them than come after version.
	Holds(ctx context.Context, collective string, version uint64, anchor []byte) (bool, error)
}

// Options of a Store.
type Options struct {
	Dir    string       // made when something is first saved
	Key    []byte       // from the secret of the data directory
	Build  string       // names the executable
	Log    Log          // of the collectives
	Logger *slog.Logger // is told what is thrown away and why; default none
}

// Store keeps snapshots in a directory. Its methods may be called at once, and take kinds and collectives whose names are
// safe as file names.
type Store struct {
	o Options

	mu     sync.Mutex
	codecs map[reflect.Type]*Codec
	places map[string]*sync.Mutex // one saves at a time to one place
}

// NewStore makes a store. It touches no file.
func NewStore(o Options) *Store {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Store{o: o, codecs: map[reflect.Type]*Codec{}, places: map[string]*sync.Mutex{}}
}

const (
	magic          = "mingzhang/snapshot@v1\n"
	headerBytesMax = 64 << 10
	tmpSuffix      = ".tmp"
)

// heading is what stands in front of the payload.
type heading struct {
	schema           [sha256.Size]byte
	build            string
	kind, collective string
	version          uint64
	anchor           []byte
	payload          uint64 // bytes
}

func (h *heading) encode() []byte {
	b := append([]byte(nil), h.schema[:]...)
	for _, text := range []string{h.build, h.kind, h.collective, string(h.anchor)} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	b = binary.LittleEndian.AppendUint64(b, h.version)
	return binary.LittleEndian.AppendUint64(b, h.payload)
}

// parseHeading reads what encode wrote. It demands equality, so there is one form.
func parseHeading(b []byte) (h heading, err error) {
	whole := b
	if len(b) < len(h.schema) {
		return h, errShape
	}
	b = b[copy(h.schema[:], b):]
	texts := make([]string, 4)
	for i := range texts {
		if len(b) < 4 || uint64(len(b)-4) < uint64(binary.LittleEndian.Uint32(b)) {
			return h, errShape
		}
		n := binary.LittleEndian.Uint32(b)
		texts[i], b = string(b[4:4+n]), b[4+n:]
	}
	if len(b) != 16 {
		return h, errShape
	}
	h.build, h.kind, h.collective, h.anchor = texts[0], texts[1], texts[2], []byte(texts[3])
	h.version, h.payload = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if !bytes.Equal(h.encode(), whole) {
		return h, errShape
	}
	return h, nil
}

var errShape = errors.New("it is no snapshot")

// pieces takes a payload and keeps the digest of each piece of it.
type pieces struct {
	hash  hash.Hash
	n     int // bytes in hash
	total uint64
	sums  []byte
}

func (p *pieces) Write(b []byte) (int, error) {
	p.total += uint64(len(b))
	for rest := b; len(rest) > 0; {
		n := min(len(rest), pieceBytes-p.n)
		p.hash.Write(rest[:n])
		p.n += n
		if rest = rest[n:]; p.n == pieceBytes {
			p.end()
		}
	}
	return len(b), nil
}

// end closes a piece. The last one of a payload is closed though it may be empty.
func (p *pieces) end() {
	p.sums = p.hash.Sum(p.sums)
	p.hash.Reset()
	p.n = 0
}

// seal is the code over a file: over its heading and the digests of the pieces of its payload.
func (s *Store) seal(heading, sums []byte) []byte {
	mac := hmac.New(sha256.New, s.o.Key)
	mac.Write(front(heading))
	mac.Write(sums)
	return mac.Sum(nil)
}

// front is what stands before the payload.
func front(heading []byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(heading))), heading...)
}

func (s *Store) codec(v any) (*Codec, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := reflect.TypeOf(v)
	if c := s.codecs[t]; c != nil {
		return c, nil
	}
	c, err := NewCodec(v)
	if err == nil {
		s.codecs[t] = c
	}
	return c, err
}

func (s *Store) path(kind, collective string) string {
	return filepath.Join(s.o.Dir, kind, collective)
}

// Load fills into, a pointer to a zero value, and gives the version it was saved at: 0 when there is nothing that can be
// used, and into is then useless. What cannot be used is removed and told to the logger.
func (s *Store) Load(ctx context.Context, kind, collective string, into any) (version uint64) {
	version, err := s.load(ctx, kind, collective, into)
	switch {
	case err == nil:
		return version
	case errors.Is(err, fs.ErrNotExist), ctx.Err() != nil:
	default:
		s.o.Logger.Warn("snapshot not used", "kind", kind, "collective", collective, "reason", err.Error())
		s.Drop(kind, collective)
	}
	return 0
}

func (s *Store) load(ctx context.Context, kind, collective string, into any) (uint64, error) {
	codec, err := s.codec(into)
	if err != nil {
		return 0, err
	}
	file, err := os.Open(s.path(kind, collective))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	h, raw, err := readHeading(file)
	if err != nil {
		return 0, err
	}
	switch {
	case h.kind != kind || h.collective != collective:
		return 0, errors.New("it is of something else")
	case h.schema != codec.schema:
		return 0, errors.New("its fields are others")
	case h.build != s.o.Build:
		return 0, errors.New("another build made it")
	}
	// The seal is looked at before the payload is believed; the second reading finds the file in memory.
	if err := s.checkSeal(file, h, raw); err != nil {
		return 0, err
	}
	holds, err := s.o.Log.Holds(ctx, collective, h.version, h.anchor)
	if err != nil {
		return 0, fmt.Errorf("compare it with the log: %w", err)
	}
	if !holds {
		return 0, errors.New("it is of another log")
	}
	if _, err := file.Seek(start(raw), io.SeekStart); err != nil {
		return 0, err
	}
	if err := codec.Decode(file, int64(h.payload), into); err != nil {
		return 0, err
	}
	return h.version, nil
}

// start is where the payload begins.
func start(heading []byte) int64 { return int64(len(front(heading))) }

func readHeading(file *os.File) (h heading, raw []byte, err error) {
	fixed := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(file, fixed); err != nil {
		return h, nil, errShape
	}
	n := binary.LittleEndian.Uint32(fixed[len(magic):])
	if string(fixed[:len(magic)]) != magic || n > headerBytesMax {
		return h, nil, errShape
	}
	raw = make([]byte, n)
	if _, err := io.ReadFull(file, raw); err != nil {
		return h, nil, errShape
	}
	h, err = parseHeading(raw)
	return h, raw, err
}

var errSeal = errors.New("its bytes are not those that were written")

// checkSeal reads the payload and the seal behind it. Pieces are hashed on as many cores as there are.
func (s *Store) checkSeal(file *os.File, h heading, raw []byte) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if uint64(info.Size()) != uint64(start(raw))+h.payload+sha256.Size || h.payload > 1<<40 {
		return errSeal
	}
	count := int(h.payload/pieceBytes) + 1 // the last is what is left, maybe nothing
	sums := make([]byte, count*sha256.Size)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for worker := range errs {
		wg.Go(func() {
			buf := make([]byte, pieceBytes)
			for i := worker; i < count; i += len(errs) {
				at := uint64(i) * pieceBytes
				piece := buf[:min(pieceBytes, h.payload-at)]
				if _, err := file.ReadAt(piece, start(raw)+int64(at)); err != nil {
					errs[worker] = err
					return
				}
				sum := sha256.Sum256(piece)
				copy(sums[i*sha256.Size:], sum[:])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	stored := make([]byte, sha256.Size)
	if _, err := file.ReadAt(stored, start(raw)+int64(h.payload)); err != nil {
		return err
	}
	if !hmac.Equal(stored, s.seal(raw, sums)) {
		return errSeal
	}
	return nil
}

// Save keeps what v points to as it is at a version. Nobody may change it meanwhile. An error leaves the old snapshot.
func (s *Store) Save(ctx context.Context, kind, collective string, version uint64, v any) error {
	if err := s.save(ctx, kind, collective, version, v); err != nil {
		return fmt.Errorf("save snapshot %s of %s: %w", kind, collective, err)
	}
	return nil
}

func (s *Store) save(ctx context.Context, kind, collective string, version uint64, v any) error {
	codec, err := s.codec(v)
	if err != nil {
		return err
	}
	place := s.place(s.path(kind, collective))
	place.Lock()
	defer place.Unlock()
	anchor, err := s.o.Log.Anchor(ctx, collective, version)
	if err != nil {
		return err
	}
	h := heading{schema: codec.schema, build: s.o.Build, kind: kind, collective: collective, version: version, anchor: anchor}
	path := s.path(kind, collective)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path+tmpSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = s.write(file, codec, &h, v)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(path+tmpSuffix, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+tmpSuffix))
	}
	return nil
}

func (s *Store) place(path string) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.places[path] == nil {
		s.places[path] = new(sync.Mutex)
	}
	return s.places[path]
}

// write writes the payload behind a heading whose length field is still open, then the heading, then the seal.
func (s *Store) write(file *os.File, codec *Codec, h *heading, v any) error {
	if _, err := file.Seek(start(h.encode()), io.SeekStart); err != nil {
		return err
	}
	payload := &pieces{hash: sha256.New()}
	if err := codec.Encode(io.MultiWriter(file, payload), v); err != nil {
		return err
	}
	payload.end()
	h.payload = payload.total
	raw := h.encode()
	if _, err := file.Write(s.seal(raw, payload.sums)); err != nil {
		return err
	}
	if _, err := file.WriteAt(front(raw), 0); err != nil {
		return err
	}
	return file.Sync()
}

// Drop removes a snapshot, if there is one.
func (s *Store) Drop(kind, collective string) {
	if err := os.Remove(s.path(kind, collective)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Logger.Warn("snapshot not removed", "kind", kind, "collective", collective, "error", err)
	}
}
