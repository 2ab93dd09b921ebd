package projections

import (
	"iter"
	"sort"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// headers are what every event says about itself beside its instant and operator: the operation log (操作日志).
type headers struct {
	facts    column[uint16]   // the fact's name, in kinds
	commands column[[16]byte] // id of the command
	kinds    names
}

func (h *headers) add(e *eventv1.Event) {
	var command [16]byte
	copy(command[:], e.CommandId)
	h.facts.append(uint16(h.kinds.id(ledger.TypeName(e))))
	h.commands.append(command)
}

// EventHeader is one event of the log without its fact.
type EventHeader struct {
	Version    uint64
	Fact       string    // name of the fact, e.g. income_recorded
	RecordedAt time.Time // UTC
	Actor      string    // operator who gave the command
	CommandID  [16]byte
	Vouchers   []ledger.VoucherRef // booked by it
}

// EventFilter selects events of the log; the zero filter selects all, oldest first.
type EventFilter struct {
	Actor      string    // only commands of this operator
	Fact       string    // only facts of this name
	CommandID  [16]byte  // only events of this command; zero: any
	From, To   time.Time // only events recorded in this span, both ends included; zero: no end
	Descending bool      // newest first
}

// eventScanMax bounds how many events one page looks at: a page that stops there is short and says where to go on.
const eventScanMax = 20_000

// Events gives a page of the log's headers after a version (before it when descending; 0: from the start of the list), and
// the version to go on from, 0 at the end. A page may be short, even empty, before the end: it looks at eventScanMax events.
func (b *Book) Events(f EventFilter, after uint64, limit int, m Moment) (list []EventHeader, next uint64) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	limit = page(limit)
	keep := b.keepsEvent(f)
	if keep == nil {
		return nil, 0
	}
	looked := 0
	var last, shown uint64
	for version := range b.versions(f, after, b.view(m).version) {
		if looked == eventScanMax {
			return list, last
		}
		looked++
		last = version
		if !keep(version) {
			continue
		}
		if len(list) == limit {
			return list, shown
		}
		list = append(list, b.header(version))
		shown = version
	}
	return list, 0
}

// keepsEvent makes the test of a filter; nil when no event can pass it.
func (b *Book) keepsEvent(f EventFilter) func(version uint64) bool {
	fact, known := b.headers.kinds.ids[f.Fact]
	actor, acts := b.names.ids[f.Actor]
	if !known || !acts {
		return nil
	}
	anyCommand := f.CommandID == [16]byte{}
	return func(version uint64) bool {
		i := int(version - 1)
		return (actor == 0 || *b.actors.at(i) == actor) && (fact == 0 || int32(*b.headers.facts.at(i)) == fact) &&
			(anyCommand || *b.headers.commands.at(i) == f.CommandID)
	}
}

// versions yields the versions up to a last one that a filter's span of time holds, from a place on.
func (b *Book) versions(f EventFilter, after, last uint64) iter.Seq[uint64] {
	first := uint64(1)
	if !f.From.IsZero() {
		first = b.recordedBefore(f.From) + 1
	}
	if !f.To.IsZero() {
		last = min(last, b.recordedBefore(f.To.Add(time.Microsecond)))
	}
	if after != 0 && f.Descending {
		last = min(last, after-1)
	} else {
		first = max(first, after+1)
	}
	return func(yield func(uint64) bool) {
		for i := uint64(0); first+i <= last; i++ {
			version := first + i
			if f.Descending {
				version = last - i
			}
			if !yield(version) {
				return
			}
		}
	}
}

// recordedBefore counts the events recorded before an instant.
func (b *Book) recordedBefore(t time.Time) uint64 {
	µs := t.UnixMicro()
	return uint64(sort.Search(b.recorded.n, func(i int) bool { return *b.recorded.at(i) >= µs }))
}

func (b *Book) header(version uint64) EventHeader {
	i := int(version - 1)
	h := EventHeader{Version: version, Fact: b.fact(version), RecordedAt: instant(*b.recorded.at(i)), Actor: b.actor(version),
		CommandID: *b.headers.commands.at(i)}
	for row := b.firstRow(version); row < b.journal.rows.n && b.journal.rows.at(row).version == version; row++ {
		h.Vouchers = append(h.Vouchers, b.refAt(int32(row+1)))
	}
	return h
}

// Header gives the header of one event; ok is false when there is none at the moment.
func (b *Book) Header(version uint64, m Moment) (h EventHeader, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if version == 0 || version > b.view(m).version {
		return EventHeader{}, false
	}
	return b.header(version), true
}

// fact names the fact of an event.
func (b *Book) fact(version uint64) string {
	return b.headers.kinds.texts[*b.headers.facts.at(int(version - 1))]
}

// firstRow is the first journal row booked by a version or later.
func (b *Book) firstRow(version uint64) int {
	return sort.Search(b.journal.rows.n, func(i int) bool { return b.journal.rows.at(i).version >= version })
}
