package eventstore

import (
	"context"
	"time"
)

// StandBack is what a writer does before its attempt number `attempt`, from 0, at an append that another writer was first at:
// nothing before the first, then 1 ms, doubled each time, so that ten attempts outlast half a second of a busy neighbour
// instead of losing ten races within one millisecond. It returns the context's error when that ends first.
func StandBack(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	pause := time.NewTimer(time.Millisecond << min(attempt-1, 9))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
