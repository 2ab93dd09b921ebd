// Package signednote reads and writes C2SP signed notes and verifier keys, each in its one form alone.
//
// A signed note (签名文本, c2sp.org/signed-note) is a text that ends in a line feed, an empty line, and 1 to 32 signature lines
//
//	— <key name> <base64 of: key hash, 4 bytes big-endian || signature>\n
//
// A verifier key (验证公钥) is the line
//
//	<key name>+<key hash, 8 hex digits>+<base64 of: algorithm, 1 byte || key, 32 bytes>
//
// where the key hash is the first four bytes of SHA-256(<key name> || "\n" || algorithm || key). There are two algorithms:
// 0x01, Ed25519 over the text, with which logs sign; and 0x04, timestamped cosignatures (c2sp.org/tlog-cosignature), with which
// witnesses do.
//
// The readers of others skip what they do not know and forgive loose base64, so that two texts may pass for one note and a changed
// bit for none. Here whatever is read is written again and has to be equal, byte for byte; a note is 64 KiB at the most, valid UTF-8
// without control characters, and names no key twice. The standard library is all this stands on.
package signednote

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	BytesMax      = 64 << 10 // of a signed note
	SignaturesMax = 32       // of a signed note
	NameBytesMax  = 255      // of a key's name
)

// dash begins a signature line.
const dash = "— "

// ErrForm says that a text is no signed note, signature or verifier key in its one form.
var ErrForm = errors.New("not in its one form")

// Note is a signed note. It proves nothing by itself: Signature finds the line of a key, and whoever knows the algorithm checks it.
type Note struct {
	Text       string // ends in a line feed
	Signatures []Signature
}

// Signature is one signature line.
type Signature struct {
	Name string // of the key
	Hash uint32 // of the key
	Blob []byte // what the algorithm of the key makes of the text, 1 byte or more
}

// Parse reads a signed note. The error wraps ErrForm.
func Parse(msg []byte) (Note, error) {
	if len(msg) > BytesMax {
		return Note{}, fmt.Errorf("signed note has %d bytes, more than %d: %w", len(msg), BytesMax, ErrForm)
	}
	if err := checkText(msg); err != nil {
		return Note{}, err
	}
	at := strings.LastIndex(string(msg), "\n\n")
	if at < 0 {
		return Note{}, fmt.Errorf("signed note has no empty line: %w", ErrForm)
	}
	n := Note{Text: string(msg[:at+1])}
	var err error
	if n.Signatures, err = ParseSignatures(msg[at+2:]); err != nil {
		return Note{}, err
	}
	if string(n.Bytes()) != string(msg) {
		return Note{}, fmt.Errorf("signed note: %w", ErrForm)
	}
	return n, nil
}

// checkText finds what no note may have.
func checkText(msg []byte) error {
	if !utf8.Valid(msg) {
		return fmt.Errorf("signed note is not UTF-8: %w", ErrForm)
	}
	for _, c := range msg {
		if c < ' ' && c != '\n' || c == 0x7f {
			return fmt.Errorf("signed note has the control character %#02x: %w", c, ErrForm)
		}
	}
	return nil
}

// ParseSignatures reads signature lines alone, 1 to 32, each ended by a line feed: the end of a note, and what a witness answers. No
// two are of one key. The error wraps ErrForm.
func ParseSignatures(lines []byte) ([]Signature, error) {
	if len(lines) > BytesMax {
		return nil, fmt.Errorf("signature lines have %d bytes, more than %d: %w", len(lines), BytesMax, ErrForm)
	}
	text, ended := strings.CutSuffix(string(lines), "\n")
	if !ended {
		return nil, fmt.Errorf("signature lines do not end in a line feed: %w", ErrForm)
	}
	if n := strings.Count(text, "\n") + 1; n > SignaturesMax {
		return nil, fmt.Errorf("there are %d signature lines, more than %d: %w", n, SignaturesMax, ErrForm)
	}
	type key struct {
		name string
		hash uint32
	}
	var signatures []Signature
	seen := make(map[key]bool)
	for line := range strings.SplitSeq(text, "\n") {
		s, err := parseSignature(line)
		if err != nil {
			return nil, err
		}
		if k := (key{s.Name, s.Hash}); seen[k] {
			return nil, fmt.Errorf("two signature lines are of the key %s+%08x: %w", s.Name, s.Hash, ErrForm)
		} else {
			seen[k] = true
		}
		signatures = append(signatures, s)
	}
	return signatures, nil
}

// ParseSignature reads one signature line with its line feed. The error wraps ErrForm.
func ParseSignature(line []byte) (Signature, error) {
	signatures, err := ParseSignatures(line)
	if err != nil {
		return Signature{}, err
	}
	if len(signatures) != 1 {
		return Signature{}, fmt.Errorf("there are %d signature lines, not one: %w", len(signatures), ErrForm)
	}
	return signatures[0], nil
}

func parseSignature(line string) (Signature, error) {
	rest, ok := strings.CutPrefix(line, dash)
	if !ok {
		return Signature{}, fmt.Errorf("a signature line does not begin with a dash and a space: %w", ErrForm)
	}
	name, encoded, _ := strings.Cut(rest, " ")
	if err := CheckName(name); err != nil {
		return Signature{}, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) < 5 {
		return Signature{}, fmt.Errorf("the signature of %s is not base64 of a key hash and a signature: %w", name, ErrForm)
	}
	s := Signature{Name: name, Hash: binary.BigEndian.Uint32(b), Blob: b[4:]}
	if s.String() != line+"\n" { // base64 skips line breaks
		return Signature{}, fmt.Errorf("the signature of %s: %w", name, ErrForm)
	}
	return s, nil
}

// CheckName refuses names that no key may have: a name is 1 to 255 bytes of valid UTF-8, printable, without spaces and '+'.
func CheckName(name string) error {
	if name == "" || len(name) > NameBytesMax || !utf8.ValidString(name) {
		return fmt.Errorf("the name of a key has 1 to %d bytes of UTF-8: %w", NameBytesMax, ErrForm)
	}
	for _, r := range name {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '+' {
			return fmt.Errorf("the name of a key has the character %q: %w", r, ErrForm)
		}
	}
	return nil
}

// String is the signature line with its line feed.
func (s Signature) String() string {
	b := binary.BigEndian.AppendUint32(nil, s.Hash)
	return dash + s.Name + " " + base64.StdEncoding.EncodeToString(append(b, s.Blob...)) + "\n"
}

// Bytes is the note as Parse reads it.
func (n Note) Bytes() []byte {
	b := append([]byte(n.Text), '\n')
	for _, s := range n.Signatures {
		b = append(b, s.String()...)
	}
	return b
}

// Signature is what stands in the line of a key; false when there is none. It is not checked.
func (n Note) Signature(v Verifier) (Signature, bool) {
	hash := v.Hash()
	for _, s := range n.Signatures {
		if s.Name == v.Name && s.Hash == hash {
			return s, true
		}
	}
	return Signature{}, false
}
