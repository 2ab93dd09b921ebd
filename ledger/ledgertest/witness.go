package ledgertest

import (
	"crypto/ed25519"
	"crypto/sha256"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// WitnessSeed is the seed of the key of an invented witness.
func WitnessSeed(name string) [32]byte { return sha256.Sum256([]byte("witness " + name)) }

// WitnessKey is the public key of an invented witness.
func WitnessKey(name string) string {
	seed := WitnessSeed(name)
	v, err := signednote.NewVerifier("witness.example/"+name, signednote.Cosignature, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		panic("ledgertest: " + err.Error())
	}
	return v.String()
}

// WitnessGroup is a group of invented witnesses.
func WitnessGroup(name string, threshold uint32, witnesses ...string) *eventv1.WitnessGroup {
	g := &eventv1.WitnessGroup{Name: name, Threshold: threshold}
	for _, w := range witnesses {
		g.Witnesses = append(g.Witnesses, &eventv1.Witness{Name: w, Key: WitnessKey(w)})
	}
	return g
}
