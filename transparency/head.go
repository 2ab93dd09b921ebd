package transparency

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// SecretBytes is the length of the root secret from which the key of each log is derived.
const SecretBytes = 32

const (
	noteBytesMax = signednote.BytesMax
	headSizeMax  = 1 << 62 // tlog counts in int64
)

// Head says that the first Size events of the log Origin have the Merkle root Root.
type Head struct {
	Origin string
	Size   uint64
	Root   tlog.Hash
}

// Text is what is signed: the text of the note.
func (h Head) Text() string { return h.body() }

func (h Head) body() string { return fmt.Sprintf("%s\n%d\n%s\n", h.Origin, h.Size, h.Root) }

// ParseHead opens a signed head: one that v has signed, of the log that v is named after, in exactly the form that the
// package comment gives. Signatures of others (witnesses) may stand beside it and are not looked at.
func ParseHead(msg []byte, v note.Verifier) (Head, error) {
	// note.Open forgives loose base64, and skips what it does not know: two texts would pass for one head.
	if _, err := signednote.Parse(msg); err != nil {
		return Head{}, fmt.Errorf("open head of %s: %w", v.Name(), err)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return Head{}, fmt.Errorf("open head of %s: %w", v.Name(), err)
	}
	h, err := parseBody(n.Text)
	if err != nil {
		return Head{}, err
	}
	if h.Origin != v.Name() {
		return Head{}, fmt.Errorf("head is of the log %s, not %s", h.Origin, v.Name())
	}
	return h, nil
}

var errHeadForm = errors.New("head is not origin, size and root in their one form")

func parseBody(text string) (Head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Head{}, errHeadForm
	}
	if err := CheckOrigin(lines[0]); err != nil {
		return Head{}, err
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || size > headSizeMax {
		return Head{}, errHeadForm
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Head{}, errHeadForm
	}
	h := Head{Origin: lines[0], Size: size, Root: root}
	if h.body() != text { // a leading zero, loose base64
		return Head{}, errHeadForm
	}
	return h, nil
}

// logKey is a key that signs the heads of a log.
type logKey struct {
	note.Verifier // its name is the origin
	vkey          string
	key           ed25519.PrivateKey
}

// Sign makes a logKey a note.Signer.
func (k *logKey) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(k.key, msg), nil }

// newLogKey makes the first key of a log.
func newLogKey(secret []byte, origin string) (*logKey, error) {
	return newGeneration(secret, origin, 1)
}

// newGeneration makes the key of a generation.
func newGeneration(secret []byte, origin string, generation uint32) (*logKey, error) {
	if len(secret) != SecretBytes {
		return nil, fmt.Errorf("derive key of log %s: secret has %d bytes, not %d", origin, len(secret), SecretBytes)
	}
	if err := CheckOrigin(origin); err != nil {
		return nil, err
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("mingzhang/logkey@v1\n%s\n%d", origin, generation), ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive key of log %s: %w", origin, err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	vkey, err := note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("verifier key of log %s: %w", origin, err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("verifier key of log %s: %w", origin, err)
	}
	return &logKey{Verifier: v, vkey: vkey, key: key}, nil
}

// LogVerifierKey is the first public key of a log, of generation 1, in the form of note.NewVerifier, "<origin>+<hash>+<key>": what an outsider
// needs to check its heads. It is empty when the secret is not SecretBytes long or CheckOrigin refuses the origin.
func LogVerifierKey(secret []byte, origin string) string {
	k, err := newLogKey(secret, origin)
	if err != nil {
		return ""
	}
	return k.vkey
}

func (k *logKey) sign(h Head) ([]byte, error) {
	msg, err := note.Sign(&note.Note{Text: h.body()}, k)
	if err != nil {
		return nil, fmt.Errorf("sign head of %s at size %d: %w", h.Origin, h.Size, err)
	}
	return msg, nil
}
