package transparency

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mingzhang-ledger/mingzhang/internal/headmemory"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// LocalSigner is a Signer in this process, with its memory in a directory of its own. Of each log that directory has, under the
// name of a file that its origin gives:
//
//	<log>            the head signed last (package headmemory). Precious: without it a fork is not noticed.
//	<log>.keys       the keys from the first rotation on, see formatKeys. Precious.
//	<log>.fork.<n>   a head that was refused, behind the one that was signed: evidence, at most 64 of a log
//
// One process at a time uses the directory.
type LocalSigner struct {
	secrets [][]byte
	dir     string

	mu   sync.Mutex // guards all below
	logs map[string]*signedLog
	open []*signedLog // with an open memory, the one used last at the end
}

// signedLog is what a LocalSigner knows of one log.
type signedLog struct {
	origin string

	mu     sync.Mutex // guards all below, and is held while a head is remembered and signed
	loaded bool
	last   Head
	memory *headmemory.File // nil when it is closed, or when there is none yet
	exists bool             // there is a memory
	keys   []signingKey     // by generation, from 1
}

type signingKey struct {
	LogKey
	secret  int // number of the root secret it is made of, from 1
	private ed25519.PrivateKey
}

const (
	keysSuffix = ".keys"
	forkSuffix = ".fork."
	keysLine   = "mingzhang/keys@v1"

	openMemoriesMax = 256 // open files
	forksMax        = 64
)

// OpenSigner makes a signer from a root secret of SecretBytes bytes, and those that came after it: keys to come are made of the
// last. dir is made when it does not exist: then nothing has been signed yet as far as it knows.
func OpenSigner(dir string, secrets ...[]byte) (*LocalSigner, error) {
	if len(secrets) == 0 {
		return nil, errors.New("open signer: there is no secret")
	}
	for _, secret := range secrets {
		if len(secret) != SecretBytes {
			return nil, fmt.Errorf("open signer: secret has %d bytes, not %d", len(secret), SecretBytes)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of the signer: %w", err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	return &LocalSigner{secrets: slices.Clone(secrets), dir: dir, logs: make(map[string]*signedLog)}, nil
}

// Close closes the files. Nothing is lost without it.
func (s *LocalSigner) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.open {
		errs = append(errs, l.closeMemory())
	}
	s.open = nil
	return errors.Join(errs...)
}

func (l *signedLog) closeMemory() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.memory == nil {
		return nil
	}
	err := l.memory.Close()
	l.memory = nil
	return err
}

// path is the memory of a log. Long origins are named by their hash.
func (s *LocalSigner) path(origin string) string {
	name := fileName(origin)
	if strings.HasPrefix(name, "%%") {
		name = fmt.Sprintf("%%-%x", sha256.Sum256([]byte(origin)))
	}
	return filepath.Join(s.dir, name)
}

// log gives what is known of a log, loaded and locked.
func (s *LocalSigner) log(origin string) (*signedLog, error) {
	if err := CheckOrigin(origin); err != nil {
		return nil, err
	}
	s.mu.Lock()
	l := s.logs[origin]
	if l == nil {
		s.forget()
		l = &signedLog{origin: origin}
		s.logs[origin] = l
	}
	s.mu.Unlock()
	l.mu.Lock()
	if l.loaded {
		return l, nil
	}
	err := s.load(l)
	if err != nil {
		l.mu.Unlock()
		return nil, fmt.Errorf("signer of %s: %w", origin, err)
	}
	return l, nil
}

// logsMax bounds what is known of logs that nothing was signed of: anybody can ask for a name.
const logsMax = 4096

// forget lets go of logs without a memory when there are many. Whoever holds one of them finds out when it is to be remembered. The
// caller holds mu.
func (s *LocalSigner) forget() {
	if len(s.logs)%logsMax != logsMax-1 {
		return
	}
	for origin, l := range s.logs {
		if l.mu.TryLock() {
			if !l.exists {
				delete(s.logs, origin)
			}
			l.mu.Unlock()
		}
	}
}

func (s *LocalSigner) load(l *signedLog) error {
	l.last, l.exists = Head{Origin: l.origin, Root: emptyRoot}, false
	remembered, err := headmemory.Read(s.path(l.origin))
	switch {
	case err == nil && remembered.Origin != l.origin:
		return fmt.Errorf("%s is the memory of another log, %s", s.path(l.origin), remembered.Origin)
	case err == nil:
		l.last, l.exists = Head{Origin: l.origin, Size: remembered.Size, Root: remembered.Root}, true
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if l.keys, err = s.readKeys(l); err != nil {
		return err
	}
	if newest := l.newest(); l.exists && uint64(newest) < remembered.Generation {
		return fmt.Errorf("its key of generation %d is in use, and %s%s says nothing of it", remembered.Generation, s.path(l.origin), keysSuffix)
	}
	l.loaded = true
	return nil
}

// newest is the newest generation.
func (l *signedLog) newest() uint32 { return l.keys[len(l.keys)-1].Generation }

// derive makes the key of a generation from the root secret of a number, from 1. Its state is unused.
func (s *LocalSigner) derive(origin string, generation uint32, secret int) (signingKey, error) {
	if secret < 1 || secret > len(s.secrets) {
		return signingKey{}, fmt.Errorf("the key of generation %d is of root secret %d, and there are %d", generation, secret, len(s.secrets))
	}
	k, err := newGeneration(s.secrets[secret-1], origin, generation)
	if err != nil {
		return signingKey{}, err
	}
	return signingKey{LogKey{generation, k.vkey, KeyUnused}, secret, k.key}, nil
}

// generationsMax bounds the loops over generations: one a day for eleven years.
const generationsMax = 4096

// readKeys reads the file of keys and makes them again: a key that the secrets do not give is not accepted. Without the file there
// is the first key, and it signs: of the first secret for a log that was signed, of the last for a new one.
func (s *LocalSigner) readKeys(l *signedLog) ([]signingKey, error) {
	path := s.path(l.origin) + keysSuffix
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		secret := len(s.secrets)
		if l.exists {
			secret = 1
		}
		first, err := s.derive(l.origin, 1, secret)
		first.State = KeySigning
		return []signingKey{first}, err
	}
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 5 || len(lines)-4 > generationsMax {
		return nil, fmt.Errorf("%s is damaged", path)
	}
	var keys []signingKey
	for i, line := range lines[2 : len(lines)-2] {
		word := strings.Split(line, " ")
		if len(word) != 4 {
			return nil, fmt.Errorf("%s is damaged", path)
		}
		secret, err := strconv.Atoi(word[2])
		if err != nil {
			return nil, fmt.Errorf("%s is damaged", path)
		}
		k, err := s.derive(l.origin, uint32(i)+1, secret)
		if err != nil {
			return nil, err
		}
		if k.VerifierKey != word[3] {
			return nil, fmt.Errorf("the key of generation %d in %s is not the one that the secret gives", i+1, path)
		}
		k.State = KeyState(word[1])
		keys = append(keys, k)
	}
	if !bytes.Equal(formatKeys(l.origin, keys), text) {
		return nil, fmt.Errorf("%s is damaged", path)
	}
	return keys, nil
}

// formatKeys writes the keys of a log, each generation in a line, and a digest against changed bits:
//
//	mingzhang/keys@v1\n
//	<origin>\n
//	<generation> <signing or retired> <number of the root secret, from 1> <verifier key>\n   each
//	<SHA-256 of the lines above, hex>\n
func formatKeys(origin string, keys []signingKey) []byte {
	b := fmt.Appendf(nil, "%s\n%s\n", keysLine, origin)
	for _, k := range keys {
		b = fmt.Appendf(b, "%d %s %d %s\n", k.Generation, k.State, k.secret, k.VerifierKey)
	}
	return fmt.Appendf(b, "%x\n", sha256.Sum256(b))
}

func (s *LocalSigner) writeKeys(origin string, keys []signingKey) error {
	path := s.path(origin) + keysSuffix
	if err := writeSynced(path+tmpSuffix, formatKeys(origin, keys)); err != nil {
		return err
	}
	if err := os.Rename(path+tmpSuffix, path); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// Keys implements Signer.
func (s *LocalSigner) Keys(_ context.Context, origin string) ([]LogKey, error) {
	l, err := s.log(origin)
	if err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	keys := make([]LogKey, len(l.keys))
	for i, k := range l.keys {
		keys[i] = k.LogKey
	}
	return keys, nil
}

// Key implements Signer.
func (s *LocalSigner) Key(_ context.Context, origin string, generation uint32) (LogKey, error) {
	l, err := s.log(origin)
	if err != nil {
		return LogKey{}, err
	}
	defer l.mu.Unlock()
	if generation == 0 || generation > l.newest()+1 || generation > generationsMax {
		return LogKey{}, fmt.Errorf("%w: generation %d of %s, the newest is %d", ErrNoKey, generation, origin, l.newest())
	}
	if generation <= l.newest() {
		return l.keys[generation-1].LogKey, nil
	}
	k, err := s.derive(origin, generation, len(s.secrets))
	return k.LogKey, err
}

// Last implements Signer.
func (s *LocalSigner) Last(_ context.Context, origin string) (Head, error) {
	l, err := s.log(origin)
	if err != nil {
		return Head{}, err
	}
	defer l.mu.Unlock()
	return l.last, nil
}

// Sign implements Signer.
func (s *LocalSigner) Sign(_ context.Context, head Head, old uint64, proof []Hash) ([]byte, error) {
	l, err := s.log(head.Origin)
	if err != nil {
		return nil, err
	}
	msg, err := s.signLocked(l, head, old, proof)
	l.mu.Unlock()
	if err == nil && head.Size > 0 {
		s.used(l)
	}
	return msg, err
}

// signLocked remembers and signs. A crash after the memory was written leaves a head that is remembered and was not signed: whoever
// asks again gets it, for it is the last one then.
func (s *LocalSigner) signLocked(l *signedLog, head Head, old uint64, proof []Hash) ([]byte, error) {
	if head.Size > headSizeMax {
		return nil, errHeadForm
	}
	if old != l.last.Size && head.Size > 0 && head != l.last {
		return nil, &StaleError{l.last}
	}
	if head == l.last {
		proof = nil
	}
	if !checkStep(l.last, head, proof) {
		fork := &ForkError{Signed: l.last, Refused: head}
		return nil, errors.Join(fork, s.keepFork(l, fork))
	}
	if head.Size > l.last.Size {
		if err := s.remember(l, head); err != nil {
			return nil, fmt.Errorf("remember head %d of %s: %w", head.Size, head.Origin, err)
		}
		l.last = head
	}
	return l.sign(head)
}

// sign signs with every key that signs.
func (l *signedLog) sign(head Head) ([]byte, error) {
	n := signednote.Note{Text: head.body()}
	for _, k := range l.keys {
		if k.State != KeySigning {
			continue
		}
		one, err := signednote.Sign(l.origin, k.private, n.Text)
		if err != nil {
			return nil, fmt.Errorf("sign head of %s at size %d: %w", head.Origin, head.Size, err)
		}
		n.Signatures = append(n.Signatures, one)
	}
	return n.Bytes(), nil
}

// remember puts a head into the memory, durably.
func (s *LocalSigner) remember(l *signedLog, head Head) error {
	next := headmemory.Head{Origin: l.origin, Size: head.Size, Root: head.Root, Generation: uint64(l.newest())}
	if !l.exists {
		if len(s.secrets) > 1 { // or else the key would be looked for in the first one
			if err := s.writeKeys(l.origin, l.keys); err != nil {
				return err
			}
		}
		file, err := headmemory.Create(s.path(l.origin), next)
		if err != nil {
			l.loaded = false
			return err
		}
		l.memory, l.exists = file, true
		return nil
	}
	if l.memory == nil {
		file, err := headmemory.Open(s.path(l.origin))
		if err != nil {
			return err
		}
		// It was closed, and another process may have had it meanwhile: then the proof was from another head than the last.
		if now := file.Head(); now.Size != l.last.Size || now.Root != l.last.Root || now.Generation > uint64(l.newest()) {
			l.loaded = false
			return errors.Join(&StaleError{Head{Origin: l.origin, Size: now.Size, Root: now.Root}}, file.Close())
		}
		l.memory = file
	}
	if err := l.memory.Advance(next); err != nil {
		// What is on the disk shows when it is read again.
		err = errors.Join(err, l.memory.Close())
		l.memory, l.loaded = nil, false
		return err
	}
	return nil
}

// used keeps the memories open that are used, and closes the one that was not used for longest when there are many.
func (s *LocalSigner) used(l *signedLog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.open); n > 0 && s.open[n-1] == l {
		return
	}
	if i := slices.Index(s.open, l); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
	s.open = append(s.open, l)
	if len(s.open) > openMemoriesMax {
		_ = s.open[0].closeMemory() // everything in it was synced
		s.open = slices.Delete(s.open, 0, 1)
	}
}

// keepFork writes the evidence: the head that was signed, signed again, and behind a line the one that was refused.
func (s *LocalSigner) keepFork(l *signedLog, fork *ForkError) error {
	signed, err := l.sign(fork.Signed)
	if err != nil {
		return err
	}
	refused := fork.Refused.body()
	text := fmt.Appendf(signed, "\nrefused\n%s", refused)
	sum := sha256.Sum256(text)
	path := s.path(l.origin) + forkSuffix + hex.EncodeToString(sum[:8])
	if _, err := os.Lstat(path); err == nil {
		return nil // the same again
	}
	if kept, err := filepath.Glob(globEscape(s.path(l.origin)) + forkSuffix + "*"); err != nil || len(kept) >= forksMax {
		return err
	}
	if err := writeSynced(path, text); err != nil {
		return fmt.Errorf("keep the evidence of a fork: %w", err)
	}
	return syncDir(s.dir)
}

// globEscape writes a path as a pattern that matches it alone.
func globEscape(path string) string {
	return strings.NewReplacer(`[`, `[[]`, `*`, `[*]`, `?`, `[?]`).Replace(path)
}

// Rotate implements Signer.
func (s *LocalSigner) Rotate(_ context.Context, origin string, generation uint32, newKey string) error {
	l, err := s.log(origin)
	if err != nil {
		return err
	}
	defer l.mu.Unlock()
	if generation <= l.newest() {
		return nil
	}
	if generation != l.newest()+1 || generation > generationsMax {
		return nil // of a log whose earlier keys are not ours either
	}
	k, err := s.derive(origin, generation, len(s.secrets))
	if err != nil {
		return fmt.Errorf("rotate key of %s: %w", origin, err)
	}
	if k.VerifierKey != newKey {
		return nil
	}
	k.State = KeySigning
	keys := append(slices.Clone(l.keys), k)
	if err := s.writeKeys(origin, keys); err != nil {
		return fmt.Errorf("rotate key of %s: %w", origin, err)
	}
	l.keys = keys
	return nil
}

// Retire implements Signer.
func (s *LocalSigner) Retire(_ context.Context, origin string, generation uint32) error {
	l, err := s.log(origin)
	if err != nil {
		return err
	}
	defer l.mu.Unlock()
	if generation > l.newest() {
		return fmt.Errorf("%w: generation %d of %s, the newest is %d", ErrNoKey, generation, origin, l.newest())
	}
	keys := slices.Clone(l.keys)
	for i := range keys {
		if keys[i].Generation < generation {
			keys[i].State = KeyRetired
		}
	}
	if slices.EqualFunc(keys, l.keys, func(a, b signingKey) bool { return a.LogKey == b.LogKey }) {
		return nil
	}
	if err := s.writeKeys(origin, keys); err != nil {
		return fmt.Errorf("retire key of %s: %w", origin, err)
	}
	l.keys = keys
	return nil
}

// Origins are the logs that the directory of a signer remembers something of, sorted.
func (s *LocalSigner) Origins(context.Context) ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list logs of the signer: %w", err)
	}
	var origins []string
	for _, e := range entries {
		if strings.Contains(e.Name(), ".") || !e.Type().IsRegular() {
			continue
		}
		remembered, err := headmemory.Read(filepath.Join(s.dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("list logs of the signer: %w", err)
		}
		origins = append(origins, remembered.Origin)
	}
	slices.SortFunc(origins, cmp.Compare[string])
	return origins, nil
}

var _ Signer = (*LocalSigner)(nil)
