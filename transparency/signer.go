package transparency

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// Signer (签名者) holds the keys of logs and signs their heads. It remembers the last head of each log that it signed, on its own disk
// and before it signs, and signs another only with a proof that one of the two begins with the other: whoever has the log and
// the directory of a Store, and not the signer, cannot have two heads signed that do not fit. Its memory only goes forward.
//
// LocalSigner is one in this process, RemoteSigner one behind a socket. Calls may run at once. Every method may fail with
// ErrSignerAway; the caller goes on without signed heads and asks again.
type Signer interface {
	// Keys are the public keys of a log, by generation, those among them that do not sign any more too; at least one.
	Keys(ctx context.Context, origin string) ([]LogKey, error)
	// Key is the public key of a generation, in use or not: what a rotation is going to be about. ErrNoKey when there is none.
	Key(ctx context.Context, origin string, generation uint32) (LogKey, error)
	// Last is the head of a log that was signed last; one of size 0 when there was none.
	Last(ctx context.Context, origin string) (Head, error)
	// Sign signs a head with every key that signs. proof is between the head and the one signed last, whose size is old (RFC 6962,
	// section 2.1.2; none when one of the sizes is 0, or they are equal). It returns when the head is remembered durably, unless it
	// is an earlier one. A *StaleError says that another head was signed last, and which; a *ForkError that the proof does not hold.
	Sign(ctx context.Context, head Head, old uint64, proof []Hash) ([]byte, error)
	// Rotate has the key of a generation sign from now on, beside those that do. It does nothing when the key does already, and
	// nothing when newKey is not the key that the signer has for that generation: then it has another secret than the log says.
	Rotate(ctx context.Context, origin string, generation uint32, newKey string) error
	// Retire ends the keys of generations below one that signs.
	Retire(ctx context.Context, origin string, generation uint32) error
}

// LogKey is one key of a log.
type LogKey struct {
	Generation  uint32 // from 1
	VerifierKey string // as verifiers of signed notes write it
	State       KeyState
}

// KeyState says what a key does.
type KeyState string

// States of a key. A key goes from one to the next and never back.
const (
	KeyUnused  KeyState = "unused"
	KeySigning KeyState = "signing"
	KeyRetired KeyState = "retired"
)

var (
	// ErrSignerAway says that the signer cannot be asked now. What it was asked for may have been done.
	ErrSignerAway = errors.New("the signer is away")
	// ErrNoKey says that the signer has no key of a generation, or may not retire it.
	ErrNoKey = errors.New("the signer has no such key")
)

// StaleError says that a signer was asked for a head with a proof from another size than it has signed last.
type StaleError struct{ Last Head }

func (e *StaleError) Error() string {
	return fmt.Sprintf("the signer signed the head of %s at %d last", e.Last.Origin, e.Last.Size)
}

// ForkError says that a signer has refused a head which does not fit the one it signed last. It has kept both as evidence.
type ForkError struct{ Signed, Refused Head }

func (e *ForkError) Error() string {
	return fmt.Sprintf("the signer refuses the head %d %s of %s: it signed %d %s, and neither was proved to begin with the other",
		e.Refused.Size, e.Refused.Root, e.Refused.Origin, e.Signed.Size, e.Signed.Root)
}

// VerifierKeyOf is the newest key of a log that signs; empty when the signer cannot be asked.
func VerifierKeyOf(ctx context.Context, s Signer, origin string) string {
	keys, err := s.Keys(ctx, origin)
	if err != nil {
		return ""
	}
	newest := ""
	for _, k := range keys {
		if k.State == KeySigning {
			newest = k.VerifierKey
		}
	}
	return newest
}

// emptyRoot is the root of a log without events.
var emptyRoot = tlog.Hash(sha256.Sum256(nil))

// checkStep says whether a proof holds between a head that was signed and another of the same log, whichever is the earlier one.
func checkStep(last, head Head, proof []Hash) bool {
	switch {
	case head.Origin != last.Origin || len(proof) > proofHashesMax:
		return false
	case head.Size == 0:
		return head.Root == emptyRoot && len(proof) == 0
	case last.Size == 0 || head == last:
		return len(proof) == 0
	case head.Size >= last.Size:
		return tlog.CheckTree(proof, int64(head.Size), head.Root, int64(last.Size), last.Root) == nil
	}
	return tlog.CheckTree(proof, int64(last.Size), last.Root, int64(head.Size), head.Root) == nil
}

// openSigned opens a head that nobody but the signer of the log has signed: in the one form of a note, with at least one
// signature, each of one of the keys. A bit that was changed anywhere makes it something else.
func openSigned(msg []byte, keys []LogKey) (Head, error) {
	n, err := signednote.Parse(msg)
	if err != nil {
		return Head{}, err
	}
	h, err := parseBody(n.Text)
	if err != nil {
		return Head{}, err
	}
	signed := 0
	for _, k := range keys {
		v, err := signednote.ParseVerifier(k.VerifierKey)
		if err != nil {
			return Head{}, err
		}
		if s, ok := n.Signature(v); ok && v.Name == h.Origin {
			if !v.Verify(n.Text, s) {
				return Head{}, fmt.Errorf("the signature of generation %d is wrong", k.Generation)
			}
			signed++
		}
	}
	if signed == 0 || signed != len(n.Signatures) {
		return Head{}, fmt.Errorf("%d of its %d signatures are of keys of the log; it is another secret, or the signer has lost its list of keys", signed, len(n.Signatures))
	}
	return h, nil
}
