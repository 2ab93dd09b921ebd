package eventstoredb

import (
	"context"
	"fmt"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// tombstoneType is the type of the event by which the server remembers that a stream was deleted for good.
const tombstoneType = "$streamDeleted"

// List implements eventstore.Lister. It reads the whole store, because a cluster has no list of its streams that does not depend
// on a projection being switched on. Whose events they are is not asked: a stream whose first event somebody else wrote is one
// that nobody would look for otherwise. The version is the highest there is, also where metadata hides what is before it.
func (s *Store) List(ctx context.Context) ([]eventstore.Listing, error) {
	known := make(map[string]*eventstore.Listing)
	err := s.readAll(ctx, 0, func(e *recorded) error {
		one := known[string(e.stream)]
		if one == nil {
			if eventstore.CheckStream(string(e.stream)) != nil {
				return nil
			}
			one = &eventstore.Listing{Stream: string(e.stream)}
			known[one.Stream] = one
		}
		if string(e.kind) == tombstoneType {
			one.Version, one.Deleted = 0, true
		} else if !one.Deleted {
			one.Version = max(one.Version, e.revision+1)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	list := make([]eventstore.Listing, 0, len(known))
	for _, one := range known {
		list = append(list, *one)
	}
	eventstore.SortListings(list)
	return list, nil
}
