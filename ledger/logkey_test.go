package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// logVerifierKey is a public key of a log; the seed stands for its 32 bytes.
func logVerifierKey(origin string, algorithm, seed byte) string {
	key := append([]byte{algorithm}, bytes.Repeat([]byte{seed}, 32)...)
	sum := sha256.Sum256(append([]byte(origin+"\n"), key...))
	return fmt.Sprintf("%s+%x+%s", origin, sum[:4], base64.StdEncoding.EncodeToString(key))
}

// rotateKeys is the first rotation of the log of the demonstration.
func rotateKeys(b *lt.Books) {
	origin := lt.Charter().LogOrigin
	b.Do("2020-05-12", lt.Admin, &ledger.RotateLogKey{Generation: 2, OldKey: logVerifierKey(origin, 1, 1), NewKey: logVerifierKey(origin, 1, 2)})
}

func TestKeysRotateOneGenerationAtATime(t *testing.T) {
	b := lt.New(t)
	for _, s := range lt.Demonstration()[:5] {
		b.Do(s.Date, s.Actor, s.Command)
	}
	day, origin := lt.Demonstration()[4].Date, lt.Charter().LogOrigin
	key := func(seed byte) string { return logVerifierKey(origin, 1, seed) }
	rotate := func(generation uint32, from, to string) *ledger.RotateLogKey {
		return &ledger.RotateLogKey{Generation: generation, OldKey: from, NewKey: to}
	}
	b.Refuse(day, lt.Treasurer, rotate(2, key(1), key(2)), ledger.RoleMissing)
	for _, generation := range []uint32{0, 1, 3} {
		b.Refuse(day, lt.Admin, rotate(generation, key(1), key(2)), ledger.LogKeyGeneration, "current=1")
	}
	b.Refuse(day, lt.Admin, rotate(2, key(1), key(1)), ledger.FieldInvalid)
	for name, bad := range map[string]string{
		"none": "", "of another log": logVerifierKey("example.org/other", 1, 2), "a witness's": logVerifierKey(origin, 4, 2),
		"another hash": strings.Replace(key(2), "+", "+0", 1)[:len(key(2))], "cut": key(2)[:len(key(2))-4], "loose": strings.Replace(key(2), "I=", "J=", 1) + "\n",
	} {
		if refusal := b.Refuse(day, lt.Admin, rotate(2, key(1), bad), ledger.FieldInvalid); refusal.Field != "new_key" {
			t.Errorf("%s: the refusal is at %q", name, refusal.Field)
		}
		if refusal := b.Refuse(day, lt.Admin, rotate(2, bad, key(2)), ledger.FieldInvalid); refusal.Field != "old_key" {
			t.Errorf("%s: the refusal is at %q", name, refusal.Field)
		}
	}
	b.Do(day, lt.Admin, rotate(2, key(1), key(2)))
	b.Refuse(day, lt.Admin, rotate(2, key(1), key(2)), ledger.LogKeyGeneration, "current=2")
	b.Refuse(day, lt.Admin, rotate(3, key(1), key(3)), ledger.LogKeyOther, "key="+key(2))
	b.Do(day, lt.Admin, rotate(3, key(2), key(3)))
}
