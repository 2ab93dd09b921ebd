package projections

import (
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// flagged is one flag of a voucher and what became of it.
type flagged struct {
	flag       *eventv1.Flag
	place      int32      // row of its voucher from 1
	ratified   mark       // when; the day is the voucher's, so that both count together
	by         string     // resolution that ratified it; empty while it is open
	drew, gave ledger.Fen // of that resolution, and back to the one that was exceeded
}

// link says which voucher another one gives money of back.
type link struct {
	place, original int32 // rows from 1
	refund          bool  // of a payment; else income the bank took back
}

// linkBack notes what a voucher gives back of which.
func (j *journal) linkBack(v *eventv1.Voucher, place int32) {
	for _, l := range []link{{place, j.find(ledger.RefOf(v.Refunds)), true}, {place, j.find(ledger.RefOf(v.Returns)), false}} {
		if l.original != 0 {
			j.linkOf[place] = len(j.links)
			j.links = append(j.links, l)
		}
	}
}

// givesBack names what a row gives back of; zero for most.
func (b *Book) givesBack(place int32) (refunds, returns ledger.VoucherRef) {
	i, ok := b.journal.linkOf[place]
	if !ok {
		return refunds, returns
	}
	if l := b.journal.links[i]; l.refund {
		refunds = b.refAt(l.original)
	} else {
		returns = b.refAt(l.original)
	}
	return refunds, returns
}

// raiseFlags keeps the flags of a voucher.
func (b *Book) raiseFlags(v *eventv1.Voucher, place int32) {
	for _, f := range v.Flags {
		item := &flagged{flag: &eventv1.Flag{Kind: f.Kind, AmountFen: f.AmountFen, ResolutionId: strings.Clone(f.ResolutionId), RatifyBy: f.RatifyBy,
			Body: strings.Clone(f.Body)}, place: place} // the event's memory may be used again
		b.flags = append(b.flags, item)
		b.journal.flags[place] = append(b.journal.flags[place], item)
	}
}

// lowerFlags undoes what ratifying the flags of a voucher did that is turned back.
func (b *Book) lowerFlags(original int32, at mark) {
	for _, f := range b.journal.flags[original] {
		if f.by == "" {
			continue
		}
		b.resolutions.byID[f.by].draw(at, -f.drew)
		if f.gave != 0 {
			b.resolutions.byID[f.flag.ResolutionId].draw(at, f.gave)
		}
	}
}

// foldRatified is what ledger.RatifyFlag says of it: the ratifying resolution bears what it does not bear already for another
// flag of the voucher, and the one that was exceeded is whole again.
func (b *Book) foldRatified(r *eventv1.FlagRatified, version uint64) {
	f := b.openFlag(r)
	at := mark{version, b.journal.rows.at(int(f.place - 1)).day}
	f.drew = ledger.Fen(f.flag.AmountFen)
	for _, other := range b.journal.flags[f.place] {
		if other.by == r.ResolutionId {
			f.drew -= other.drew
		}
	}
	f.drew = max(f.drew, 0)
	f.ratified, f.by = at, r.ResolutionId
	b.resolutions.byID[f.by].draw(at, f.drew)
	if exceeded := b.resolutions.byID[f.flag.ResolutionId]; exceeded != nil {
		drawn, _ := exceeded.draws.upTo(exceeded.draws.n, 0)
		f.gave = min(ledger.Fen(f.flag.AmountFen), drawn)
		exceeded.draw(at, -f.gave)
	}
}

// openFlag finds the flag a ratification is about, nil when there is none that is open.
func (b *Book) openFlag(r *eventv1.FlagRatified) *flagged {
	place := b.journal.find(ledger.RefOf(r.Voucher))
	for _, f := range b.journal.flags[place] {
		if f.flag.Kind == r.Kind && f.by == "" && b.journal.reversed[place] == 0 {
			return f
		}
	}
	return nil
}

// checkFlags holds that flags and links name what is there.
func (b *Book) checkFlags(v *eventv1.Voucher) string {
	for _, original := range []*eventv1.VoucherRef{v.Refunds, v.Returns} {
		if original != nil && b.journal.find(ledger.RefOf(original)) == 0 {
			return "gives money of an unknown voucher back"
		}
	}
	for _, f := range v.Flags {
		if f.ResolutionId != "" && b.resolutions.byID[f.ResolutionId] == nil {
			return "exceeds the unknown resolution " + f.ResolutionId
		}
	}
	return ""
}

// Flag (公开提示) says what a voucher lacks, or lacked until it was ratified.
type Flag struct {
	*eventv1.Flag        // part of an event: must not be changed
	RatifiedBy    string // resolution; empty while it is open at the moment asked for
}

// flagsOf are the flags of a row from 1 as seen from a view.
func (b *Book) flagsOf(place int32, w view) []Flag {
	var list []Flag
	for _, f := range b.journal.flags[place] {
		list = append(list, f.at(w))
	}
	return list
}

func (f *flagged) at(w view) Flag {
	shown := Flag{Flag: f.flag}
	if w.counts(f.ratified) {
		shown.RatifiedBy = f.by
	}
	return shown
}

// OpenFlag is an open flag with the voucher it is about.
type OpenFlag struct {
	Flag
	Voucher       ledger.VoucherRef
	OccurredOn    ledger.Day
	Fund, Purpose string // Fund is empty when no fund bore the voucher
}

// OpenFlags lists the flags that nobody has ratified by the moment and whose vouchers stand, in the order of the log, after
// the first `after` flags there ever were, and where to go on (0: the end).
func (b *Book) OpenFlags(after, limit int, m Moment) ([]OpenFlag, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.flags, after, limit, func(f *flagged) (OpenFlag, bool) {
		if !b.flagOpen(f, w) {
			return OpenFlag{}, false
		}
		r := b.journal.rows.at(int(f.place - 1))
		return OpenFlag{Flag: f.at(w), Voucher: r.ref(), OccurredOn: r.day, Fund: b.bearer(r), Purpose: b.names.texts[r.purpose]}, true
	})
}

// flagOpen says whether nobody has ratified a flag and its voucher stands.
func (b *Book) flagOpen(f *flagged, w view) bool {
	if !b.seen(f.place, w) || w.counts(f.ratified) {
		return false
	}
	by := b.journal.reversed[f.place]
	return by == 0 || !b.seen(by, w)
}

// bearer is the first fund of a row, empty for none.
func (b *Book) bearer(r *row) string {
	for i := r.first; i < r.end; i++ {
		if a := b.accounts.list[b.journal.postings.at(int(i)).account].name; a.Kind() == ledger.KindFund {
			return a.ID()
		}
	}
	return ""
}

func (d *digester) flagged(f *flagged) {
	d.message(f.flag)
	d.number(uint64(f.place))
	d.mark(f.ratified)
	d.text(f.by)
	d.numbers(int64(f.drew), int64(f.gave))
}
