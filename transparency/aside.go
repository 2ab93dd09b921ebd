package transparency

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
)

// What is published beside the tree of a log: who its witnesses are, and the heads that they signed.
const (
	PolicyFile = "policy" // the witness policy in force; policy.<n> is each policy by its number
	sealPrefix = CheckpointFile + "."
)

// SealFile is the name of the head of a closed month, which has so many events.
func SealFile(size uint64) string { return sealPrefix + strconv.FormatUint(size, 10) }

// PolicyFileOf is the name of a witness policy by its number.
func PolicyFileOf(version uint32) string { return fmt.Sprintf("%s.%d", PolicyFile, version) }

var asideName = regexp.MustCompile(`^(policy(\.[1-9][0-9]{0,9})?|checkpoint\.[1-9][0-9]{0,18})$`)

// isAside says whether a file may lie beside the tree of a log.
func isAside(name string) bool { return asideName.MatchString(name) }

// Aside is a file that is published beside the tree of a log, and which its publisher may change.
type Aside struct {
	Name string // of SealFile, PolicyFile or PolicyFileOf
	Data []byte
	// Replaces says why the file that is there must not become this one: what it holds is not what was published. Nil when it may.
	Replaces func(there []byte) error
}

// asides are the files beside the tree that are to be written, in their order. One that is there and is not what was published
// before is a *PublishedError.
func (p *publisher) asides() (write []Aside, err error) {
	for _, a := range p.Asides {
		there, err := readRegular(p.dir, a.Name, noteBytesMax)
		switch {
		case err == nil && bytes.Equal(there, a.Data):
			continue
		case err == nil:
			if err := a.Replaces(there); err != nil {
				return nil, &PublishedError{File: a.Name, Reason: err.Error()}
			}
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		write = append(write, a)
	}
	return write, nil
}

// cosigned says whether a signed head has signature lines that another text of the same head has not.
func cosigned(msg, there []byte) bool {
	_, lines, _ := bytes.Cut(msg, []byte("\n\n"))
	_, have, _ := bytes.Cut(there, []byte("\n\n"))
	for line := range bytes.Lines(lines) {
		if !bytes.Contains(append([]byte("\n"), have...), append([]byte("\n"), line...)) {
			return true
		}
	}
	return false
}

// Shelf is where files are put that have to lie beside the log before its checkpoint does.
type Shelf struct{ p *publisher }

// Read gives a file of the directory that is published into, as Dir.Read does.
func (s Shelf) Read(name string, most int64) ([]byte, error) {
	return readRegular(s.p.dir, name, most)
}

// Write puts a file in its place, whole or not at all, and durably before the checkpoint that comes after it.
func (s Shelf) Write(name string, data []byte) error { return s.p.write(name, data) }
