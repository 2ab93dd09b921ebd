package projections

import (
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// resolution is a recorded vote with every change of what became of its authority.
type resolution struct {
	fact                *eventv1.ResolutionRecorded
	recorded, confirmed mark    // recorded: on the day of the vote; confirmed zero: not yet
	holds               entries // authority held by open requests and rounds (+) and let go (-); row is the version
	draws               entries // authority drawn by vouchers, negative when given back; row is the version
}

func (r *resolution) hold(at mark, amount ledger.Fen) {
	r.holds.add(int32(at.version), at.day, amount, 0)
}

func (r *resolution) draw(at mark, amount ledger.Fen) {
	r.draws.add(int32(at.version), at.day, amount, 0)
}

// hold reserves authority of a resolution, or lets it go when amount is negative; no resolution, nothing to reserve.
func (b *Book) hold(id string, at mark, amount ledger.Fen) {
	if r := b.resolutions.byID[id]; r != nil {
		r.hold(at, amount)
	}
}

// sum adds up the changes that count, of entries whose row is a version.
func (w view) sum(changes *entries) ledger.Fen {
	sum, _ := changes.upTo(changes.before(int(w.version)+1), w.asOf)
	return sum
}

// Resolution (决议) is a recorded vote with what became of its authority, fen: Authority = Reserved + Drawn + Remaining.
// Remaining is below zero while the bank paid more than was allowed and no other resolution has ratified it.
type Resolution struct {
	*eventv1.ResolutionRecorded            // part of an event: must not be changed
	Confirmed                   bool       // a supervisor found the record true to the minutes
	Reserved                    ledger.Fen // held by open requests and by grant rounds not yet awarded
	Drawn                       ledger.Fen // spent by vouchers
	Remaining                   ledger.Fen // free; below zero: exceeded
}

// Resolutions lists the resolutions recorded by the moment and decided by its day, in order of recording, after the first
// `after` of them, and where to go on (0: the end).
func (b *Book) Resolutions(after, limit int, m Moment) ([]Resolution, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.resolutions.items, after, limit, func(r *resolution) (Resolution, bool) {
		return resolutionAt(r, w), w.counts(r.recorded)
	})
}

func resolutionAt(r *resolution, w view) Resolution {
	reserved, drawn := w.sum(&r.holds), w.sum(&r.draws)
	return Resolution{
		ResolutionRecorded: r.fact,
		Confirmed:          w.counts(r.confirmed),
		Reserved:           reserved,
		Drawn:              drawn,
		Remaining:          ledger.Fen(r.fact.AuthorityFen) - reserved - drawn,
	}
}
