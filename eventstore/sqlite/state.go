package sqlite

import (
	"fmt"
	"math"
	"sort"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// state is what the store knows by heart: where each event is, but not what it says. It changes only after COMMIT, and only
// the writer changes it.
type state struct {
	streams map[string]*places
	deleted map[string]bool
	damaged map[string]*eventstore.CorruptError
	last    uint64 // last position given
}

// places is where a stream's events are. Runs are never changed, only added, so a copy made under the lock stays right.
type places struct {
	head uint64 // the stream's version
	runs []run
}

// run is a place from which version and position grow together, up to the next run. A stream that is alone in the store has
// one; one that always takes turns with others has one for each event, which costs 16 bytes of memory.
type run struct{ version, position uint64 }

// span is a stretch of positions. Events of other streams may be in it.
type span struct{ from, to uint64 }

// skipMax is how many events of other streams a read passes over rather than begin a new statement behind them.
const skipMax = 16

func (st *state) head(stream string) uint64 {
	if p := st.streams[stream]; p != nil {
		return p.head
	}
	return 0
}

// refusal is why an append at this version cannot be: nil when it can.
func (st *state) refusal(stream string, expected, head uint64) error {
	if st.deleted[stream] {
		return eventstore.ErrDeleted
	}
	if d := st.damaged[stream]; d != nil {
		return d
	}
	if head != expected {
		return &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: head}
	}
	return nil
}

// add notes n events of a stream that follow its last one and stand at this position and those after it.
func (st *state) add(stream string, position, n uint64) {
	p := st.streams[stream]
	if p == nil {
		p = &places{}
		st.streams[stream] = p
	}
	p.add(position, n)
}

func (p *places) add(position, n uint64) {
	if k := len(p.runs) - 1; k < 0 || position-p.runs[k].position != p.head+1-p.runs[k].version {
		p.runs = append(p.runs, run{p.head + 1, position})
	}
	p.head += n
}

// span is where to read for the events from a version on: most of them, at the most, the version upTo the last. It also says
// how many they are.
func (p *places) span(version, upTo, most uint64) (sp span, events uint64) {
	upTo = min(upTo, version+most-1)
	k := sort.Search(len(p.runs), func(k int) bool { return p.runs[k].version > version }) - 1
	at := p.runs[k].position + version - p.runs[k].version
	sp = span{at, at}
	for first := version; ; first = p.runs[k].version {
		end := p.head + 1
		if k+1 < len(p.runs) {
			end = p.runs[k+1].version
		}
		end = min(end, upTo+1)
		sp.to = p.runs[k].position + end - 1 - p.runs[k].version
		events += end - first
		if k++; end > upTo || p.runs[k].position-sp.to > skipMax {
			return sp, events
		}
	}
}

// spans is where all events of a stream are. Of a damaged stream nobody knows, so it is everywhere.
func (st *state) spans(stream string) (all []span) {
	p := st.streams[stream]
	if p == nil {
		return nil
	}
	if st.damaged[stream] != nil {
		return []span{{0, math.MaxInt64}}
	}
	for version := uint64(1); version <= p.head; {
		sp, events := p.span(version, p.head, math.MaxInt64)
		all = append(all, sp)
		version += events
	}
	return all
}

const (
	sqlPlaces       = "SELECT position, version, stream FROM events ORDER BY position"
	sqlDeleted      = "SELECT position, stream FROM deleted_streams"
	sqlDeletedCount = "SELECT count(*) FROM deleted_streams"
	sqlLast         = "SELECT max(ifnull((SELECT max(position) FROM events), 0), ifnull((SELECT max(position) FROM deleted_streams), 0))"
)

// load learns the file by heart. It looks at every row's place, in order of position, and so finds every version that is
// missing or there twice; a million rows of 300 bytes take a quarter of a second when the file is in memory.
func load(c *conn, path string) (state, error) {
	st := newState()
	if err := st.loadPlaces(c); err != nil {
		return state{}, explain(path, fmt.Errorf("after position %d: %w", st.last, err))
	}
	if err := st.loadDeleted(c); err != nil {
		return state{}, explain(path, err)
	}
	return st, nil
}

func (st *state) loadPlaces(c *conn) error {
	q, err := c.prepare(sqlPlaces)
	if err != nil {
		return err
	}
	var name, before [eventstore.StreamNameMax]byte
	var p *places
	same := 0 // bytes of the name in before
	for {
		row, err := q.Step()
		if err != nil {
			return err
		}
		if !row {
			return q.Reset()
		}
		n := q.ColumnBytes(2, name[:])
		if p == nil || string(name[:n]) != string(before[:same]) {
			if p = st.streams[string(name[:n])]; p == nil {
				p = &places{}
				st.streams[string(name[:n])] = p
			}
			same = copy(before[:], name[:n])
		}
		position, version := uint64(q.ColumnInt64(0)), uint64(q.ColumnInt64(1))
		st.last = position
		if version != p.head+1 {
			st.damage(string(name[:n]), version, p.head)
			p.head = max(p.head, version)
			continue
		}
		p.add(position, 1)
	}
}

// damage notes that a version follows the head that should not.
func (st *state) damage(stream string, version, head uint64) {
	d := &eventstore.CorruptError{Stream: stream, Version: head + 1, Reason: "the event is missing, later ones are there"}
	if version <= head {
		d.Version, d.Reason = version, "two events have this version"
	}
	if before := st.damaged[stream]; before == nil || before.Version > d.Version {
		st.damaged[stream] = d
	}
}

func (st *state) loadDeleted(c *conn) error {
	q, err := c.prepare(sqlDeleted)
	if err != nil {
		return err
	}
	for {
		row, err := q.Step()
		if err != nil {
			return err
		}
		if !row {
			return q.Reset()
		}
		st.last = max(st.last, uint64(q.ColumnInt64(0)))
		st.deleted[q.ColumnText(1)] = true
	}
}
