package eventstore

import (
	"cmp"
	"context"
	"slices"
)

// Lister is a Store that can name its streams. The stores of this project are; a wrapper around one need not be.
type Lister interface {
	// List gives every stream that has events or was deleted, in order of the names. A store that others share leaves out what
	// has a name that no stream may have; those of other programs may be among the rest.
	List(ctx context.Context) ([]Listing, error)
}

// Listing is one stream of a store.
type Listing struct {
	Stream  string
	Version uint64 // 0 for a deleted one
	Deleted bool
}

// SortListings puts listings in the order of List.
func SortListings(list []Listing) {
	slices.SortFunc(list, func(a, b Listing) int { return cmp.Compare(a.Stream, b.Stream) })
}
