package projections

import (
	"fmt"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// WitnessPolicy (见证章程) is a witness policy as it was adopted. The message is part of an event and must not be changed.
type WitnessPolicy struct {
	*eventv1.WitnessPolicyAdopted
	Event     uint64    // version of the event that adopted it
	AdoptedAt time.Time // when that was recorded, UTC
}

// WitnessPolicies lists the witness policies adopted by the moment, by version. Which of them is in effect follows from the
// signatures of witnesses, which are not in the books: package witness judges it.
func (b *Book) WitnessPolicies(m Moment) []WitnessPolicy {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var list []WitnessPolicy
	for _, p := range b.charter.witnesses {
		if b.recordedBy(p.version, w) {
			list = append(list, WitnessPolicy{p.fact, p.version, instant(*b.recorded.at(int(p.version - 1)))})
		}
	}
	return list
}

func (c *charter) checkWitnessPolicy(f *eventv1.WitnessPolicyAdopted) string {
	if due := len(c.witnesses) + 1; int(f.Version) != due {
		return fmt.Sprintf("it adopts witness policy %d where %d is due", f.Version, due)
	}
	return ""
}
