package ledger

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
)

// Whatever the order in which commands come, each is known by the version it came with first, and no other is known; those in the
// order of their ids need no map.
func TestCommandIDs(t *testing.T) {
	id := func(n int) (id uuid.UUID) {
		binary.BigEndian.PutUint32(id[:], uint32(n))
		return id
	}
	const n = 1000
	shuffled := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for _, order := range []struct {
		name string
		at   func(i int) int
	}{
		{"ascending", func(i int) int { return i }},
		{"descending", func(i int) int { return n - 1 - i }},
		{"shuffled", func(i int) int { return shuffled[i] }},
	} {
		var c commandIDs
		check := func(settled bool) {
			t.Helper()
			if c.known() != n {
				t.Fatalf("%s, settled %v: %d are known", order.name, settled, c.known())
			}
			for i := range n {
				if version, ok := c.get(id(2 * order.at(i))); !ok || version != uint64(i+1) {
					t.Fatalf("%s, settled %v: command %d came with version %d, %v, not %d", order.name, settled, i, version, ok, i+1)
				}
				if version, ok := c.get(id(2*order.at(i) + 1)); ok {
					t.Fatalf("%s, settled %v: a command that never came came with version %d", order.name, settled, version)
				}
			}
		}
		for i := range n {
			c.accept(id(2*order.at(i)), uint64(i+1))
			c.accept(id(2*order.at(i/2)), 1_000_000) // came before
		}
		if order.name == "ascending" && len(c.since) > 0 {
			t.Errorf("%d commands in order are in the map", len(c.since))
		}
		check(false)
		c.settle()
		check(true)
	}
}
