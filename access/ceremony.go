package access

import (
	"crypto/rand"
	"sync"
	"time"
)

const (
	ceremoniesKept = 4096 // under way at most
	perAddress     = 64   // of them from one address
)

// ceremonies keeps what was begun and has to be finished by a second call, in memory of this node: challenges for passkeys, attempts to sign
// in at an identity service. Each is good once and for a time. Where there are too many, those of the address itself or else the oldest
// give way. Its methods may be called at once.
type ceremonies struct {
	clock func() time.Time

	mu    sync.Mutex
	begun map[string]*ceremony
	each  map[string]int // by address
}

type ceremony struct {
	address string
	over    time.Time
	what    any
}

func newCeremonies(clock func() time.Time) *ceremonies {
	return &ceremonies{clock: clock, begun: map[string]*ceremony{}, each: map[string]int{}}
}

// begin keeps something for a time and names it, by 128 random bits.
func (c *ceremonies) begin(what any, life time.Duration, address string) (id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	for id, other := range c.begun {
		if !now.Before(other.over) {
			c.drop(id)
		}
	}
	if address != "" && c.each[address] >= perAddress {
		c.dropOldest(func(other *ceremony) bool { return other.address == address })
	}
	if len(c.begun) >= ceremoniesKept {
		c.dropOldest(func(*ceremony) bool { return true })
	}
	id = rand.Text()
	c.begun[id] = &ceremony{address, now.Add(life), what}
	c.each[address]++
	return id
}

// take gives back what was kept under a name, once and in time, and nil for anything else.
func (c *ceremonies) take(id string) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.begun[id]
	if kept == nil {
		return nil
	}
	c.drop(id)
	if !c.clock().Before(kept.over) {
		return nil
	}
	return kept.what
}

func (c *ceremonies) drop(id string) {
	address := c.begun[id].address
	delete(c.begun, id)
	if c.each[address]--; c.each[address] <= 0 {
		delete(c.each, address)
	}
}

func (c *ceremonies) dropOldest(which func(*ceremony) bool) {
	oldest := ""
	for id, other := range c.begun {
		if which(other) && (oldest == "" || other.over.Before(c.begun[oldest].over)) {
			oldest = id
		}
	}
	if oldest != "" {
		c.drop(oldest)
	}
}
