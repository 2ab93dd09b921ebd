package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/google/uuid"
)

// commandIDs are the accepted commands with the version of their first event. Ids begin with the time, so nearly all come in
// order and stand in a sorted list, which costs less than a map; a million of them come back from a copy in one piece.
type commandIDs struct {
	before []acceptedID         // ascending by id
	since  map[uuid.UUID]uint64 // those that came after a later one
}

type acceptedID struct {
	id      uuid.UUID
	version uint64
}

// get gives the version of a command's first event.
func (c *commandIDs) get(id uuid.UUID) (version uint64, ok bool) {
	if c.latest(id) {
		return 0, false
	}
	if version, ok = c.since[id]; ok {
		return version, true
	}
	n := len(c.before)
	i := sort.Search(n, func(i int) bool { return bytes.Compare(c.before[i].id[:], id[:]) >= 0 })
	if c.before[i].id != id {
		return 0, false
	}
	return c.before[i].version, true
}

// latest says of an id that it is later than all others, and so not among them.
func (c *commandIDs) latest(id uuid.UUID) bool {
	n := len(c.before)
	return n == 0 || bytes.Compare(id[:], c.before[n-1].id[:]) > 0
}

// known is how many there are.
func (c *commandIDs) known() int { return len(c.before) + len(c.since) }

// accept notes a command, unless it was noted before.
func (c *commandIDs) accept(id uuid.UUID, version uint64) {
	if c.latest(id) {
		if n := len(c.before); n == cap(c.before) {
			c.before = slices.Grow(c.before, max(n, 8)) // by as much again: append alone would copy a million five times
		}
		c.before = append(c.before, acceptedID{id, version})
		return
	}
	if _, ok := c.get(id); ok {
		return
	}
	if c.since == nil {
		c.since = map[uuid.UUID]uint64{}
	}
	c.since[id] = version
}

// settle moves all into the list, so that equal sets are equal in every part.
func (c *commandIDs) settle() {
	all := slices.Grow(c.before, len(c.since))
	for id, version := range c.since {
		all = append(all, acceptedID{id, version})
	}
	slices.SortFunc(all, func(a, b acceptedID) int { return bytes.Compare(a.id[:], b.id[:]) })
	c.before, c.since = all, nil
}

// String lists them in order.
func (c commandIDs) String() string {
	all := maps.Clone(c.since)
	if all == nil {
		all = map[uuid.UUID]uint64{}
	}
	for _, a := range c.before {
		all[a.id] = a.version
	}
	lines := make([]string, 0, len(all))
	for id, version := range all {
		lines = append(lines, fmt.Sprint(id, " ", version))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// splitDays are the days of splits by voucher: a list for each class and year, by number-1, 0 for a voucher that is none.
type splitDays map[series][]Day

func (s splitDays) note(ref VoucherRef, day Day) {
	key, place := series{ref.Class, ref.Year}, int(ref.Number)-1
	list := s[key]
	if place >= len(list) {
		list = append(list, make([]Day, place+1-len(list))...)
	}
	list[place] = day
	s[key] = list
}

func (s splitDays) of(ref VoucherRef) (day Day, ok bool) {
	list := s[series{ref.Class, ref.Year}]
	if ref.Number == 0 || int(ref.Number) > len(list) {
		return 0, false
	}
	day = list[ref.Number-1]
	return day, day != 0
}
