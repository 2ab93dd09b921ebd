// Package headmemory is the memory of somebody who signs heads of a log: what was signed last is on the disk before anything new is
// signed, so that neither a crash nor a restart makes a signer forget it.
//
// A file holds one log. It has two slots of 4,096 bytes, written in turn, each of exactly this text with zero bytes behind it:
//
//	mingzhang/headmemory@v1\n
//	sequence <decimal>\n          even: the first slot; odd: the second
//	origin <origin>\n
//	size <decimal>\n
//	root <base64>\n
//	generation <decimal>\n        of the signer's key; 0 where there are no generations
//	sha256 <hex of the SHA-256 of the lines above>\n
//
// The memory is the slot with the higher sequence. A slot that is torn is the one that was being written when the power failed:
// nothing had been signed for it, and the other one is what was signed last. When both are damaged, or do not follow one on the
// other, nothing is known, and the file is refused; it is never taken for an empty one.
//
// What this cannot see is a file that was put back to an earlier state as a whole.
package headmemory

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// slotBytes is the length of a slot: a page of the common file systems, so that one that is torn does not touch the other.
const slotBytes = 4096

// OriginBytesMax is the longest origin that can be remembered.
const OriginBytesMax = 255

const firstLine = "mingzhang/headmemory@v1"

var (
	// ErrDamaged says that a file tells nothing that can be relied on. A person has to look into it.
	ErrDamaged = errors.New("memory of signed heads is damaged")
	// ErrBackwards says that somebody wanted to remember less than, or something else than, what is remembered already.
	ErrBackwards = errors.New("memory of signed heads does not go back")
	// ErrBroken says that an earlier write failed, so that it is not known what is on the disk. Opening the file again tells.
	ErrBroken = errors.New("memory of signed heads could not be written")
	// ErrInUse says that another process has the file open.
	ErrInUse = errors.New("memory of signed heads is in use by another process")
)

// Head is what is remembered of a log.
type Head struct {
	Origin     string // 1 to 255 bytes of printable characters without spaces
	Size       uint64 // number of events
	Root       [32]byte
	Generation uint64 // of the key that signs; for the signer's own use
}

// File is the memory of one log. Calls may run at once. One process at a time has it open.
type File struct {
	mu       sync.Mutex
	file     *os.File
	head     Head
	sequence uint64
	broken   error
	sync     func(*os.File) error
}

// Create makes the memory of a log that nothing was signed of yet, or that is to begin with a head that is known. It is on the disk,
// and so is its name, when Create returns. A file that is there already is an error (fs.ErrExist).
func Create(path string, head Head) (*File, error) {
	first, err := encodeSlot(0, head)
	if err != nil {
		return nil, err
	}
	second, err := encodeSlot(1, head)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("create memory %s: %w", path, os.ErrExist)
	}
	// Written beside and renamed, so that a crash leaves the whole file or none.
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create memory: %w", err)
	}
	_, err = file.Write(append(first, second...))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("create memory: %w", err)
	}
	return Open(path)
}

// Open reads the memory of a log. A file that is not there is an error (fs.ErrNotExist), and so is one that is damaged (ErrDamaged)
// or that another process has open (ErrInUse).
func Open(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open memory: %w", err)
	}
	f := &File{file: file, sync: syncData}
	if err := lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("open memory %s: %w", path, err), file.Close())
	}
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open memory %s: %w", path, err), file.Close())
	}
	return f, nil
}

// Read is what the memory in a file says, also while another process has it open. Then it may be one head behind.
func Read(path string) (Head, error) {
	file, err := os.Open(path)
	if err != nil {
		return Head{}, fmt.Errorf("read memory: %w", err)
	}
	defer file.Close()
	f := &File{file: file}
	if err := f.load(); err != nil {
		return Head{}, fmt.Errorf("read memory %s: %w", path, err)
	}
	return f.head, nil
}

func (f *File) load() error {
	// One byte more than there may be, so that a file of another length is noticed.
	b, err := io.ReadAll(io.LimitReader(f.file, 2*slotBytes+1))
	if err != nil {
		return err
	}
	f.sequence, f.head, err = decode(b)
	return err
}

// decode reads a file.
func decode(b []byte) (uint64, Head, error) {
	if len(b) != 2*slotBytes {
		return 0, Head{}, fmt.Errorf("%w: it does not have %d bytes", ErrDamaged, 2*slotBytes)
	}
	even, evenHead, evenOK := decodeSlot(b[:slotBytes])
	odd, oddHead, oddOK := decodeSlot(b[slotBytes:])
	evenOK, oddOK = evenOK && even%2 == 0, oddOK && odd%2 == 1
	switch {
	case !evenOK && !oddOK:
		return 0, Head{}, fmt.Errorf("%w: neither of its slots is whole", ErrDamaged)
	case !oddOK || evenOK && even == odd+1 && follows(oddHead, evenHead) == nil:
		return even, evenHead, nil
	case !evenOK || odd == even+1 && follows(evenHead, oddHead) == nil:
		return odd, oddHead, nil
	}
	return 0, Head{}, fmt.Errorf("%w: its slots do not follow one on the other", ErrDamaged)
}

// follows says whether a head may be remembered after another one.
func follows(old, head Head) error {
	switch {
	case head.Origin != old.Origin:
		return fmt.Errorf("%w: it is of the log %q, not %q", ErrBackwards, old.Origin, head.Origin)
	case head.Size < old.Size:
		return fmt.Errorf("%w: it has the size %d, and %d is smaller", ErrBackwards, old.Size, head.Size)
	case head.Size == old.Size && head.Root != old.Root:
		return fmt.Errorf("%w: at the size %d it has another root", ErrBackwards, head.Size)
	case head.Generation < old.Generation:
		return fmt.Errorf("%w: it has the generation %d, and %d is smaller", ErrBackwards, old.Generation, head.Generation)
	}
	return nil
}

// Head is what is remembered.
func (f *File) Head() Head {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// Advance remembers another head of the same log in place of the one before: it is on the disk when Advance returns nil, and only
// then may it be signed. That it begins with the one before is for the caller to know; a smaller one, one of the same size with
// another root, and an earlier generation are refused (ErrBackwards). The head that is remembered already is no work at all. After a
// failed write nothing is taken any more (ErrBroken): the file has to be opened again.
func (f *File) Advance(head Head) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if head == f.head {
		return nil
	}
	if err := follows(f.head, head); err != nil {
		return err
	}
	slot, err := encodeSlot(f.sequence+1, head)
	if err != nil {
		return err
	}
	_, err = f.file.WriteAt(slot, int64((f.sequence+1)%2)*slotBytes)
	if err == nil {
		err = f.sync(f.file)
	}
	if err != nil {
		f.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return f.broken
	}
	f.sequence, f.head = f.sequence+1, head
	return nil
}

// Close lets go of the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = ErrBroken
	return f.file.Close()
}

func encodeSlot(sequence uint64, h Head) ([]byte, error) {
	if err := checkOrigin(h.Origin); err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, "%s\nsequence %d\norigin %s\nsize %d\nroot %s\ngeneration %d\n", firstLine, sequence, h.Origin, h.Size,
		base64.StdEncoding.EncodeToString(h.Root[:]), h.Generation)
	b = fmt.Appendf(b, "sha256 %x\n", sha256.Sum256(b))
	return append(b, make([]byte, slotBytes-len(b))...), nil
}

func checkOrigin(origin string) error {
	if origin == "" || len(origin) > OriginBytesMax {
		return fmt.Errorf("origin has 1 to %d bytes, not %d", OriginBytesMax, len(origin))
	}
	for _, r := range origin {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("origin has the character %q", r)
		}
	}
	return nil
}

// decodeSlot reads a slot: false unless it is, byte for byte, what encodeSlot writes.
func decodeSlot(slot []byte) (sequence uint64, h Head, ok bool) {
	lines := strings.Split(string(slot), "\n")
	if len(lines) != 8 {
		return 0, Head{}, false
	}
	value := func(i int, word string) string {
		v, _ := strings.CutPrefix(lines[i], word+" ")
		return v
	}
	number := func(i int, word string) uint64 {
		n, _ := strconv.ParseUint(value(i, word), 10, 64) // what is none is not what encodeSlot writes
		return n
	}
	sequence = number(1, "sequence")
	h = Head{Origin: value(2, "origin"), Size: number(3, "size"), Generation: number(5, "generation")}
	root, err := base64.StdEncoding.DecodeString(value(4, "root"))
	if err != nil || len(root) != len(h.Root) {
		return 0, Head{}, false
	}
	h.Root = [32]byte(root)
	again, err := encodeSlot(sequence, h)
	return sequence, h, err == nil && bytes.Equal(again, slot)
}

// syncDir makes the name of a new file durable. Windows has no such call and needs none.
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
