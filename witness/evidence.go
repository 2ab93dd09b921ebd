package witness

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/internal/headmemory"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// Kinds of evidence, and how many of each are kept of one log: only its key can make forks, and anybody who has seen a head can make a
// proof that is none.
const (
	forkPrefix    = "fork-"
	suspectPrefix = "suspect-"
	forksMax      = 4096
	suspectsMax   = 64
)

// Files of one piece of evidence.
const (
	firstFile   = "first"   // the head that was remembered: as the log signed it, or else as the witness did
	secondFile  = "second"  // the head that was refused, as the log signed it
	requestFile = "request" // the head that was refused, and the proof that came with it
)

// keepEvidence writes what was refused to a directory of its own, durably, and gives its name; nothing when there is no room. The same
// head is kept once.
func (c *Cosigner) keepEvidence(l *watched, prefix string, p transparency.Consistency, request []byte) (string, error) {
	dir := filepath.Join(l.dir, evidenceDir)
	name := filepath.Join(dir, fmt.Sprintf("%s%d-%x", prefix, p.Head.Size, p.Head.Root[:8]))
	if _, err := os.Lstat(name); err == nil {
		return name, nil
	}
	most := suspectsMax
	if prefix == forkPrefix {
		most = forksMax
	}
	if names, err := evidenceOf(l.dir); err != nil {
		return "", err
	} else if count(names, prefix) >= most {
		return "", nil
	}
	first, err := c.rememberedNote(l)
	if err != nil {
		return "", err
	}
	temporary := filepath.Join(dir, ".new")
	if err := os.RemoveAll(temporary); err != nil {
		return "", fmt.Errorf("keep evidence: %w", err)
	}
	err = os.MkdirAll(temporary, 0o700)
	for _, f := range []struct {
		name string
		data []byte
	}{{firstFile, first}, {secondFile, p.Note}, {requestFile, request}} {
		if err == nil {
			err = replaceFile(filepath.Join(temporary, f.name), f.data)
		}
	}
	if err == nil {
		err = syncDir(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, name)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return "", fmt.Errorf("keep evidence: %w", err)
	}
	return name, nil
}

// rememberedNote is the remembered head as the log signed it. When that is lost, or was never seen (a pin), it is the head as this
// witness remembers it, under a signature of its own.
func (c *Cosigner) rememberedNote(l *watched) ([]byte, error) {
	h := l.memory.Head()
	head := transparency.Head{Origin: h.Origin, Size: h.Size, Root: h.Root}
	if kept, err := readSmall(filepath.Join(l.dir, checkpointFile)); err == nil {
		if read, err := transparency.ReadHead(kept); err == nil && read == head {
			return kept, nil
		}
	}
	cosignature, err := c.key.Cosign(head.Text(), c.now())
	if err != nil {
		return nil, err
	}
	return signednote.Note{Text: head.Text(), Signatures: []signednote.Signature{cosignature.Line(c.key.verifier)}}.Bytes(), nil
}

func count(names []string, prefix string) int {
	n := 0
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), prefix) {
			n++
		}
	}
	return n
}

// evidenceOf is the directories with evidence of a log, by name.
func evidenceOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, evidenceDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), forkPrefix) || strings.HasPrefix(e.Name(), suspectPrefix) {
			names = append(names, filepath.Join(dir, evidenceDir, e.Name()))
		}
	}
	return names, nil
}

// State is what a witness knows of one log.
type State struct {
	Keys       []signednote.Verifier
	Remembered transparency.Head // that it signed last or began with; of size 0 for none
	Forks      []string          // directories with evidence that the log has signed two histories
	Suspects   []string          // directories with heads whose proof was none
}

// Read is the public key of the witness of a directory, and what it knows of each log, also while another process signs.
func Read(dir string) (signednote.Verifier, []State, error) {
	c, err := Open(dir, nil)
	if err != nil {
		return signednote.Verifier{}, nil, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, logsDir))
	if err != nil {
		return signednote.Verifier{}, nil, fmt.Errorf("read witness: %w", err)
	}
	var states []State
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".new") { // what a crash left of AddLog
			continue
		}
		one, err := readState(filepath.Join(dir, logsDir, e.Name()))
		if err != nil {
			return signednote.Verifier{}, nil, fmt.Errorf("read witness: %w", err)
		}
		states = append(states, one)
	}
	return c.Verifier(), states, nil
}

func readState(dir string) (s State, err error) {
	if s.Keys, err = readKeys(dir); err != nil {
		return State{}, err
	}
	h, err := headmemory.Read(filepath.Join(dir, memoryFile))
	if err != nil {
		return State{}, err
	}
	if h.Origin != s.Keys[0].Name {
		return State{}, fmt.Errorf("the memory in %s is of %s: %w", dir, h.Origin, headmemory.ErrDamaged)
	}
	s.Remembered = transparency.Head{Origin: h.Origin, Size: h.Size, Root: h.Root}
	names, err := evidenceOf(dir)
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), forkPrefix) {
			s.Forks = append(s.Forks, name)
		} else {
			s.Suspects = append(s.Suspects, name)
		}
	}
	return s, err
}

// readSmall reads a file that has no business to be large.
func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, signednote.BytesMax+1))
	if err == nil && len(b) > signednote.BytesMax {
		err = fmt.Errorf("%s has more than %d bytes", path, signednote.BytesMax)
	}
	return b, err
}

// replaceFile puts a synced file in the place of another: a crash leaves the one or the other.
func replaceFile(path string, data []byte) error {
	temporary := path + ".tmp"
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// syncDir makes renames in a directory durable. Windows has no such call and needs none.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
