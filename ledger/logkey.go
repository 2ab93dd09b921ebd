package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// RotateLogKey has another key sign the heads of the log. Keys are written as verifiers of signed notes write them.
type RotateLogKey struct {
	Generation     uint32 // of the new key
	OldKey, NewKey string
}

// Name implements Command.
func (*RotateLogKey) Name() string { return "RotateLogKey" }

// logKeyBytes is the length of an encoded key: its algorithm, 1 for Ed25519, and 32 bytes.
const logKeyBytes = 33

// The generation is the next one; both keys are keys of this log; the old key is the one that signs, where the log says which: the
// founding does not, so the first rotation states it, and whoever verifies heads knows it.
func (c *RotateLogKey) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if generation := max(d.s.logKey.generation, 1); c.Generation != generation+1 {
		return refuse(LogKeyGeneration).with("generation", c.Generation).with("current", generation).at("generation")
	}
	origin := d.s.charter.LogOrigin
	if err := cmp.Or(checkLogKey("old_key", origin, c.OldKey), checkLogKey("new_key", origin, c.NewKey)); err != nil {
		return err
	}
	switch {
	case d.s.logKey.key != "" && c.OldKey != d.s.logKey.key:
		return refuse(LogKeyOther).with("key", d.s.logKey.key).at("old_key")
	case c.OldKey == c.NewKey:
		return refuse(FieldInvalid).because("it is the old key", "与原来的公钥相同").at("new_key")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_LogKeyRotated{LogKeyRotated: &eventv1.LogKeyRotated{
		Generation: c.Generation, OldKey: c.OldKey, NewKey: c.NewKey,
	}}})
	return nil
}

// checkLogKey wants an Ed25519 key under the name of the log in its one form: <name>+<hash, 8 hex digits>+<base64>.
func checkLogKey(field, origin, key string) error {
	wrong := refuse(FieldInvalid).because("it is no public key of this log", "不是这本账簿的公钥").at(field)
	rest, ok := strings.CutPrefix(key, origin+"+")
	hash, encoded, found := strings.Cut(rest, "+")
	if !ok || !found {
		return wrong
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) != logKeyBytes || b[0] != 1 || base64.StdEncoding.EncodeToString(b) != encoded {
		return wrong
	}
	sum := sha256.Sum256(append(fmt.Appendf(nil, "%s\n", origin), b...))
	if hex.EncodeToString(sum[:4]) != hash {
		return wrong
	}
	return nil
}

// logKey is the key that signs the heads, as far as the log says: the zero value until the first rotation.
type logKey struct {
	generation uint32
	key        string
}

// evolveLogKey folds a rotation in.
func (s *Collective) evolveLogKey(f *eventv1.LogKeyRotated) {
	s.logKey = logKey{f.Generation, f.NewKey}
}
