package eventstore

import (
	"context"
	"math/rand/v2"
	"time"
)

// StandBack is what a writer does before its attempt number `attempt`, from 0, at an append that another writer was first at:
// nothing before the first, then up to 1 ms, doubled each time up to half a second, so that ten attempts outlast half a second of a
// busy neighbour instead of losing ten races within one millisecond. At least half of a pause is waited, how much of the rest is
// left to chance: those who lost together do not come back together. It returns the context's error when that ends first.
func StandBack(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	most := time.Millisecond << min(attempt-1, 9)
	pause := time.NewTimer(most/2 + rand.N(most/2))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
