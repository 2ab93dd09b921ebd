package witness

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mingzhang-ledger/mingzhang/internal/headmemory"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// Files of a witness's directory.
const (
	keyFile        = "key"
	logsDir        = "logs"
	logKeysFile    = "keys"
	memoryFile     = "memory"
	checkpointFile = "checkpoint"
	evidenceDir    = "evidence"
)

const keyFirstLine = "mingzhang/witness@v1"

// LogKeysMax is how many keys one log may have at a time: while one takes the place of another there are two.
const LogKeysMax = 4

var (
	// ErrUnknownLog says that the witness does not watch a log.
	ErrUnknownLog = errors.New("log is not known to the witness")
	// ErrNotSigned says that a head has no signature of a known key of its log, or one that does not verify.
	ErrNotSigned = errors.New("head is not signed by its log")
)

// ConflictError says that a head was not cosigned because of what the witness remembers.
type ConflictError struct {
	Origin   string
	Size     uint64 // of the head that the witness signed last; 0 when it has signed none
	Evidence string // directory with the evidence, when the log was found to have signed two histories; else empty
}

func (e *ConflictError) Error() string {
	if e.Evidence != "" {
		return fmt.Sprintf("%s has signed two histories: the evidence is in %s", e.Origin, e.Evidence)
	}
	return fmt.Sprintf("the head of %s that was signed last has the size %d", e.Origin, e.Size)
}

// ProofError says that a head was not cosigned because its proof is none. It wraps transparency.ErrProof.
type ProofError struct {
	Origin   string
	Evidence string // directory with what was offered; empty when there was no room
	Fork     bool   // the proof itself shows that the log has signed two histories
	err      error
}

func (e *ProofError) Error() string {
	if e.Fork {
		return fmt.Sprintf("%s has signed two histories: the evidence is in %s", e.Origin, e.Evidence)
	}
	return e.err.Error()
}

func (e *ProofError) Unwrap() error { return e.err }

// IsFork says whether an error means that a log was found to have signed two histories, and where the evidence is.
func IsFork(err error) (evidence string, ok bool) {
	var conflict *ConflictError
	var proof *ProofError
	switch {
	case errors.As(err, &conflict):
		return conflict.Evidence, conflict.Evidence != ""
	case errors.As(err, &proof):
		return proof.Evidence, proof.Fork
	}
	return "", false
}

// Cosigner is a witness at work: it signs heads of the logs it knows, each only after the one it has signed before. Calls may run at once; of one log they run
// one after another. While it is open no other process can sign for the logs that it was asked for.
//
// Its directory, for its owner alone, holds
//
//	key                       the name and the seed of its key
//	logs/<origin>/keys        public keys of a log, 1 to 4, one a line
//	logs/<origin>/memory      the head it signed last (internal/headmemory)
//	logs/<origin>/checkpoint  that head as the log signed it; only evidence is the poorer without it
//	logs/<origin>/evidence/   what it refused and a person ought to see, a directory each
//
// where <origin> is written with every byte outside [a-z0-9_-] as %xx.
type Cosigner struct {
	dir string
	key Key
	now func() time.Time

	mu   sync.Mutex
	logs map[string]*watched // by origin, those that were asked for
}

// watched is a log in use.
type watched struct {
	mu     sync.Mutex
	dir    string
	memory *headmemory.File
}

// Init makes the directory of a new witness with a key of this seed, 32 random bytes, and gives the public key. A directory that has a
// key already is refused (fs.ErrExist).
func Init(dir, name string, seed []byte) (signednote.Verifier, error) {
	key, err := NewKey(name, seed)
	if err != nil {
		return signednote.Verifier{}, err
	}
	if err := os.MkdirAll(filepath.Join(dir, logsDir), 0o700); err != nil {
		return signednote.Verifier{}, fmt.Errorf("make directory of witness: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return signednote.Verifier{}, fmt.Errorf("make directory of witness: %w", err)
	}
	text := fmt.Sprintf("%s\n%s\n%s\n", keyFirstLine, key.verifier, base64.StdEncoding.EncodeToString(seed))
	file, err := os.OpenFile(filepath.Join(dir, keyFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return signednote.Verifier{}, fmt.Errorf("write key of witness: %w", err)
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close(), syncDir(dir)); err != nil {
		return signednote.Verifier{}, fmt.Errorf("write key of witness: %w", err)
	}
	return key.verifier, nil
}

// Open opens the directory of a witness. The clock is that of its cosignatures.
func Open(dir string, now func() time.Time) (*Cosigner, error) {
	text, err := readSmall(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("open witness: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	wrong := fmt.Errorf("open witness: %s is no key of a witness: %w", filepath.Join(dir, keyFile), signednote.ErrForm)
	if len(lines) != 4 || lines[0] != keyFirstLine || lines[3] != "" {
		return nil, wrong
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, wrong
	}
	v, err := signednote.ParseVerifier(lines[1])
	if err != nil {
		return nil, wrong
	}
	key, err := NewKey(v.Name, seed)
	if err != nil || key.verifier != v {
		return nil, wrong
	}
	return &Cosigner{dir: dir, key: key, now: now, logs: make(map[string]*watched)}, nil
}

// Verifier is the public key of the witness.
func (c *Cosigner) Verifier() signednote.Verifier { return c.key.verifier }

// Close lets go of the logs.
func (c *Cosigner) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for origin, l := range c.logs {
		errs = append(errs, l.memory.Close())
		delete(c.logs, origin)
	}
	return errors.Join(errs...)
}

func (c *Cosigner) logDir(origin string) string {
	return filepath.Join(c.dir, logsDir, transparency.HeadFile(origin))
}

// AddLog makes the witness watch a log by its public key, from a head that is known to be true; with a size of 0 whatever head comes
// first is taken. For a log that is watched already it takes the key for a further one, and the head has to be of size 0.
func (c *Cosigner) AddLog(key signednote.Verifier, from transparency.Head) error {
	if err := transparency.CheckOrigin(key.Name); err != nil || key.Algorithm != signednote.Ed25519 {
		return fmt.Errorf("add log: %s is no key of a log: %w", key, signednote.ErrForm)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	dir := c.logDir(key.Name)
	keys, err := readKeys(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return newLog(dir, key, from)
	}
	switch {
	case err != nil:
		return fmt.Errorf("add log %s: %w", key.Name, err)
	case from.Size > 0:
		return fmt.Errorf("add log %s: it is watched already, from what was signed last: %w", key.Name, fs.ErrExist)
	case slices.Contains(keys, key):
		return nil
	case len(keys) == LogKeysMax:
		return fmt.Errorf("add log %s: it has %d keys already", key.Name, LogKeysMax)
	}
	return writeKeys(dir, append(keys, key))
}

// newLog makes the directory of a log beside and renames it, so that a crash leaves all of it or nothing.
func newLog(dir string, key signednote.Verifier, from transparency.Head) error {
	if from.Size == 0 {
		from.Root = sha256.Sum256(nil)
	}
	temporary := dir + ".new"
	err := os.RemoveAll(temporary)
	if err == nil {
		err = os.MkdirAll(filepath.Join(temporary, evidenceDir), 0o700)
	}
	if err == nil {
		err = writeKeys(temporary, []signednote.Verifier{key})
	}
	if err == nil {
		var memory *headmemory.File
		memory, err = headmemory.Create(filepath.Join(temporary, memoryFile), headmemory.Head{Origin: key.Name, Size: from.Size, Root: from.Root})
		if err == nil {
			err = memory.Close()
		}
	}
	if err == nil {
		err = os.Rename(temporary, dir)
	}
	if err == nil {
		err = syncDir(filepath.Dir(dir))
	}
	if err != nil {
		return fmt.Errorf("add log %s: %w", key.Name, err)
	}
	return nil
}

func writeKeys(dir string, keys []signednote.Verifier) error {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.String() + "\n")
	}
	if err := replaceFile(filepath.Join(dir, logKeysFile), []byte(b.String())); err != nil {
		return err
	}
	return syncDir(dir)
}

// readKeys are the public keys of the log whose directory it is, 1 to 4 of one name. A file that is not what writeKeys writes is no
// fault of whoever asks, so its error is none of those that Cosign names.
func readKeys(dir string) ([]signednote.Verifier, error) {
	path := filepath.Join(dir, logKeysFile)
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	var keys []signednote.Verifier
	for line := range strings.Lines(string(text)) {
		v, err := signednote.ParseVerifier(strings.TrimSuffix(line, "\n"))
		if err != nil || v.Algorithm != signednote.Ed25519 || transparency.HeadFile(v.Name) != filepath.Base(dir) {
			return nil, fmt.Errorf("%s: a line is no public key of the log", path)
		}
		keys = append(keys, v)
	}
	if len(keys) == 0 || len(keys) > LogKeysMax {
		return nil, fmt.Errorf("%s has %d keys, not 1 to %d", path, len(keys), LogKeysMax)
	}
	return keys, nil
}

// log is a log that the witness watches, opened when it is asked for first.
func (c *Cosigner) log(origin string) (*watched, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.logs[origin]; ok {
		return l, nil
	}
	dir := c.logDir(origin)
	if _, err := os.Stat(filepath.Join(dir, logKeysFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", ErrUnknownLog, origin)
		}
		return nil, fmt.Errorf("open log %s: %w", origin, err)
	}
	memory, err := headmemory.Open(filepath.Join(dir, memoryFile))
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", origin, err)
	}
	if memory.Head().Origin != origin {
		return nil, errors.Join(fmt.Errorf("open log %s: its memory is of %s: %w", origin, memory.Head().Origin, headmemory.ErrDamaged), memory.Close())
	}
	l := &watched{dir: dir, memory: memory}
	c.logs[origin] = l
	return l, nil
}

// Remembered is the head of a log that was signed last, or that the witness began with; its size is 0 when there is none.
func (c *Cosigner) Remembered(origin string) (transparency.Head, error) {
	l, err := c.log(origin)
	if err != nil {
		return transparency.Head{}, err
	}
	h := l.memory.Head()
	return transparency.Head{Origin: h.Origin, Size: h.Size, Root: h.Root}, nil
}

// Cosign takes a request add-checkpoint of C2SP tlog-witness, as transparency.FormatConsistency writes it: a signed head, and the proof
// that its log begins with the one that this witness signed last, whose size it names. It gives the signature line of the witness
// once the head is remembered on the disk. Asking again for the head that was signed last is always answered, with the time of now.
//
// It refuses with signednote.ErrForm, ErrUnknownLog, ErrNotSigned, *ConflictError (another size was signed last, or another root at
// this size) or *ProofError; what it keeps as evidence is on the disk then. Any other error is of the disk, and nothing was signed.
func (c *Cosigner) Cosign(request []byte) (signednote.Signature, error) {
	p, err := transparency.ParseConsistency(request)
	if err != nil {
		return signednote.Signature{}, fmt.Errorf("%w: %w", signednote.ErrForm, err)
	}
	l, err := c.log(p.Head.Origin)
	if err != nil {
		return signednote.Signature{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.signed(p); err != nil {
		return signednote.Signature{}, err
	}
	if err := c.follows(l, p, request); err != nil {
		return signednote.Signature{}, err
	}
	if err := l.memory.Advance(headmemory.Head{Origin: p.Head.Origin, Size: p.Head.Size, Root: p.Head.Root}); err != nil {
		return signednote.Signature{}, err
	}
	if err := l.keepCheckpoint(p); err != nil {
		return signednote.Signature{}, fmt.Errorf("keep the head of %s: %w", p.Head.Origin, err)
	}
	cosignature, err := c.key.Cosign(p.Head.Text(), c.now())
	if err != nil {
		return signednote.Signature{}, err
	}
	return cosignature.Line(c.key.verifier), nil
}

// signed demands the signature of one of the keys of a log, and that none of them has a line that does not verify.
func (l *watched) signed(p transparency.Consistency) error {
	keys, err := readKeys(l.dir)
	if err != nil {
		return err
	}
	n, err := signednote.Parse(p.Note)
	if err != nil {
		return err
	}
	found := false
	for _, v := range keys {
		s, ok := n.Signature(v)
		if !ok {
			continue
		}
		if !v.Verify(n.Text, s) {
			return fmt.Errorf("%w: the signature of %s does not verify", ErrNotSigned, p.Head.Origin)
		}
		found = true
	}
	if !found {
		return fmt.Errorf("%w: it has no signature of a known key of %s", ErrNotSigned, p.Head.Origin)
	}
	return nil
}

// follows demands that a head begins with what is remembered.
func (c *Cosigner) follows(l *watched, p transparency.Consistency, request []byte) error {
	old, head := l.memory.Head(), p.Head
	unproven := func(err error) error { return &ProofError{Origin: head.Origin, err: err} }
	switch {
	case head.Size == 0 && head.Root != sha256.Sum256(nil):
		return unproven(fmt.Errorf("%w: a log without events has another root", transparency.ErrProof))
	case head.Size == old.Size && head.Root != old.Root:
		evidence, err := c.keepEvidence(l, forkPrefix, p, request)
		if err != nil {
			return err
		}
		return &ConflictError{Origin: head.Origin, Size: old.Size, Evidence: evidence}
	case p.OldSize != old.Size:
		return &ConflictError{Origin: head.Origin, Size: old.Size}
	case old.Size == 0 || old.Size == head.Size:
		if len(p.Hashes) > 0 {
			return unproven(fmt.Errorf("%w: from %d to %d none is needed", transparency.ErrProof, old.Size, head.Size))
		}
		return nil
	}
	err := transparency.CheckConsistency(transparency.Head{Origin: old.Origin, Size: old.Size, Root: old.Root}, head, p.Hashes)
	if err == nil {
		return nil
	}
	// A proof that fits the new head, and another history at the old size, is evidence by itself. Any other may be anybody's nonsense;
	// it is kept as long as there is room, for the log has signed the head.
	refused := &ProofError{Origin: head.Origin, err: err}
	prefix := suspectPrefix
	if other, ok := earlierRoot(old.Size, head, hashesOf(p)); ok && other != old.Root {
		prefix, refused.Fork = forkPrefix, true
	}
	if refused.Evidence, err = c.keepEvidence(l, prefix, p, request); err != nil {
		return err
	}
	return refused
}

func hashesOf(p transparency.Consistency) [][32]byte {
	hashes := make([][32]byte, len(p.Hashes))
	for i := range p.Hashes {
		hashes[i] = p.Hashes[i]
	}
	return hashes
}

// earlierRoot is the root that a consistency proof has for the first size events of a log; false when the proof does not lead to the
// head (RFC 9162, section 2.1.4.2), or leaves the root open: of a power of two it is not in the proof.
func earlierRoot(size uint64, head transparency.Head, proof [][32]byte) ([32]byte, bool) {
	if size == 0 || size >= head.Size || size&(size-1) == 0 || len(proof) == 0 {
		return [32]byte{}, false
	}
	first, last := size-1, head.Size-1
	for first&1 == 1 {
		first, last = first>>1, last>>1
	}
	earlier, later := proof[0], proof[0]
	for _, h := range proof[1:] {
		if last == 0 {
			return [32]byte{}, false
		}
		if first&1 == 1 || first == last {
			earlier, later = nodeHash(h, earlier), nodeHash(h, later)
			for first&1 == 0 && first != 0 {
				first, last = first>>1, last>>1
			}
		} else {
			later = nodeHash(later, h)
		}
		first, last = first>>1, last>>1
	}
	return earlier, last == 0 && later == head.Root
}

func nodeHash(left, right [32]byte) [32]byte {
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

// keepCheckpoint keeps the head as the log signed it, once it is remembered.
func (l *watched) keepCheckpoint(p transparency.Consistency) error {
	path := filepath.Join(l.dir, checkpointFile)
	if kept, err := readSmall(path); err == nil {
		if h, err := transparency.ReadHead(kept); err == nil && h == p.Head {
			return nil
		}
	}
	temporary := path + ".tmp" // not synced: what a loss of power takes away, the head's own memory has
	if err := os.WriteFile(temporary, p.Note, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
