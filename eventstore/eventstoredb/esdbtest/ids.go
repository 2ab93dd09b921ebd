package esdbtest

import "github.com/google/uuid"

// idCache remembers where the last events went, by id. The server keeps such a cache of 8 MiB and loses it when it ends: that is
// all the idempotence there is for an append that expects no version.
type idCache struct {
	records map[uuid.UUID]*record
	ring    []uuid.UUID
	next    int
}

func newIDCache(size int) idCache {
	return idCache{records: make(map[uuid.UUID]*record), ring: make([]uuid.UUID, size)}
}

func (c *idCache) put(r *record) {
	if old := c.ring[c.next]; c.records[old] != nil {
		delete(c.records, old)
	}
	c.ring[c.next] = r.id
	c.next = (c.next + 1) % len(c.ring)
	c.records[r.id] = r
}

func (c *idCache) get(stream string, id uuid.UUID) *record {
	if r := c.records[id]; r != nil && r.stream == stream {
		return r
	}
	return nil
}

// restart forgets the ids, as a server that ends does, and resizes the cache.
func (l *Log) restart(size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = newIDCache(size)
}
