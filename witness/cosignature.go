package witness

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// FutureMax is how far the clock of a witness may be ahead of that of the one who checks.
const FutureMax = 10 * time.Minute

// cosignatureBytes is the length of a cosignature in its signature line.
const cosignatureBytes = 8 + ed25519.SignatureSize

var (
	// ErrCosignature says that a cosignature is not what its key signed.
	ErrCosignature = errors.New("cosignature does not verify")
	// ErrTime says that a cosignature is of a time at which it cannot be, or is too old for the purpose.
	ErrTime = errors.New("time of a cosignature")
)

// Times is when cosignatures may have been made.
type Times struct {
	Now    time.Time     // by the clock of the one who checks; a cosignature of more than FutureMax later is refused
	AgeMax time.Duration // one that is older than this is refused; 0 for any age, as seals of years ago need it
}

// check compares a time in seconds since 1970-01-01 UTC.
func (t Times) check(at int64) error {
	now := t.Now.Unix()
	switch {
	case at <= 0:
		return fmt.Errorf("%w: it has none", ErrTime)
	case at > now+int64(FutureMax/time.Second):
		return fmt.Errorf("%w: %s is in the future", ErrTime, utc(at))
	case t.AgeMax > 0 && now-at > int64(t.AgeMax/time.Second):
		return fmt.Errorf("%w: %s is more than %s ago", ErrTime, utc(at), t.AgeMax)
	}
	return nil
}

func utc(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) }

// Cosignature is what a witness signed and when.
type Cosignature struct {
	Time      int64 // seconds since 1970-01-01 UTC by the witness's clock, 1 or more
	Signature [ed25519.SignatureSize]byte
}

// ParseCosignature reads what stands in a signature line of a witness. The error wraps signednote.ErrForm.
func ParseCosignature(blob []byte) (Cosignature, error) {
	if len(blob) != cosignatureBytes {
		return Cosignature{}, fmt.Errorf("cosignature has %d bytes, not %d: %w", len(blob), cosignatureBytes, signednote.ErrForm)
	}
	c := Cosignature{Time: int64(binary.BigEndian.Uint64(blob)), Signature: [ed25519.SignatureSize]byte(blob[8:])}
	if c.Time <= 0 {
		return Cosignature{}, fmt.Errorf("cosignature has no time: %w", signednote.ErrForm)
	}
	return c, nil
}

// Line is the signature line of a witness with this cosignature.
func (c Cosignature) Line(v signednote.Verifier) signednote.Signature {
	blob := binary.BigEndian.AppendUint64(nil, uint64(c.Time))
	return signednote.Signature{Name: v.Name, Hash: v.Hash(), Blob: append(blob, c.Signature[:]...)}
}

// message is what is signed.
func message(text string, at int64) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text)
}

// Verify says whether a witness made this cosignature over the text of a head, at a time that may be. The error wraps ErrCosignature
// or ErrTime.
func (c Cosignature) Verify(v signednote.Verifier, text string, times Times) error {
	if v.Algorithm != signednote.Cosignature || c.Time <= 0 || !ed25519.Verify(v.Key[:], message(text, c.Time), c.Signature[:]) {
		return fmt.Errorf("%w: %s", ErrCosignature, v.Name)
	}
	if err := times.check(c.Time); err != nil {
		return fmt.Errorf("%s: %w", v.Name, err)
	}
	return nil
}

// Cosigned is the cosignature of a witness in a note. ErrNotCosigned says that the witness has no line in it; any other error, that
// the line there is wrong.
func Cosigned(n signednote.Note, v signednote.Verifier, times Times) (Cosignature, error) {
	s, ok := n.Signature(v)
	if !ok {
		return Cosignature{}, ErrNotCosigned
	}
	c, err := ParseCosignature(s.Blob)
	if err != nil {
		return Cosignature{}, fmt.Errorf("%w: %s: %w", ErrCosignature, v.Name, err)
	}
	return c, c.Verify(v, n.Text, times)
}

// ErrNotCosigned says that a note has no signature line of a witness.
var ErrNotCosigned = errors.New("not cosigned")

// Key is the key of a witness.
type Key struct {
	private  ed25519.PrivateKey
	verifier signednote.Verifier
}

// NewKey makes the key of a witness from a seed of 32 random bytes. The name is 1 to 255 printable bytes without spaces and '+'.
func NewKey(name string, seed []byte) (Key, error) {
	if len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("seed of a witness's key has %d bytes, not %d", len(seed), ed25519.SeedSize)
	}
	k := Key{private: ed25519.NewKeyFromSeed(seed)}
	var err error
	k.verifier, err = signednote.NewVerifier(name, signednote.Cosignature, k.private.Public().(ed25519.PublicKey))
	return k, err
}

// Verifier is the public key.
func (k Key) Verifier() signednote.Verifier { return k.verifier }

// Cosign signs the text of a head at a time. Whether it may be signed is for the caller to know: Cosigner.Cosign does.
func (k Key) Cosign(text string, at time.Time) (Cosignature, error) {
	if !strings.HasSuffix(text, "\n") || at.Unix() <= 0 {
		return Cosignature{}, fmt.Errorf("cosign: the text is no head or the clock is before 1970: %w", signednote.ErrForm)
	}
	return Cosignature{
		Time:      at.Unix(),
		Signature: [ed25519.SignatureSize]byte(ed25519.Sign(k.private, message(text, at.Unix()))),
	}, nil
}
