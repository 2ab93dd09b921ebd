package ledger

import (
	"iter"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// How far decoding runs ahead of folding.
const (
	aheadEvents  = 256 // events of one piece
	aheadPieces  = 8   // pieces waiting to be folded
	aheadWorkers = 2
)

// passingFacts come by the hundred thousand and leave nothing behind but postings, which everybody who folds them copies.
var passingFacts = map[string]bool{
	"income_recorded": true, "payment_settled": true, "grant_paid": true, "deposit_received": true, "gift_received": true, "money_moved": true,
}

// PassingFact says of a stored type that whoever folds such an event keeps no part of it: no message and no list, and no
// text but a copy. Replay uses the memory of these events again.
func PassingFact(typeName string) bool { return passingFacts[typeName] }

// Decoded decodes events of any source as Replay does those of a store, on other goroutines while the consumer folds, and gives
// them in pieces, in order: a few hundred that the consumer may share among goroutines of its own. Events of passing facts are
// valid until the next piece is asked for. The first event that cannot be read is a *eventstore.CorruptError, which comes once,
// with the events before it. The bytes of a stored event are copied before the next is asked for.
func Decoded(stored iter.Seq2[eventstore.Event, error]) iter.Seq2[[]*eventv1.Event, error] {
	return decodePieces(stored, true, true)
}

// decodeAhead decodes stored events on other goroutines while the consumer folds, keeping their order: the reader cuts the
// stream into pieces, workers decode them, and the pieces come out in the order they were cut. With reuse the events of
// passing facts are valid until their piece is used up, and their memory then serves another piece.
func decodeAhead(stored iter.Seq2[eventstore.Event, error], reuse bool) iter.Seq2[*eventv1.Event, error] {
	return func(yield func(*eventv1.Event, error) bool) {
		for events, err := range decodePieces(stored, reuse, false) {
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// decodePieces gives the pieces of decodeAhead; an error comes with the events before it, and is the end. With copies the bytes of a
// stored event need not outlast it.
func decodePieces(stored iter.Seq2[eventstore.Event, error], reuse, copies bool) iter.Seq2[[]*eventv1.Event, error] {
	return func(yield func([]*eventv1.Event, error) bool) {
		a := &ahead{
			stop: make(chan struct{}), work: make(chan *piece, aheadPieces), ordered: make(chan *piece, aheadPieces),
			used: make(chan *piece, 2*aheadPieces+aheadWorkers), reuse: reuse, copies: copies,
		}
		defer close(a.stop)
		for range aheadWorkers {
			go func() {
				for p := range a.work {
					p.decode(reuse)
				}
			}()
		}
		go a.cut(stored)
		for p := range a.ordered {
			<-p.ready
			if !yield(p.events, p.err) || p.err != nil {
				return
			}
			a.recycle(p)
		}
	}
}

// ahead is one read in progress.
type ahead struct {
	stop          chan struct{} // closed when nobody listens any more
	work, ordered chan *piece
	used          chan *piece // pieces to be used again
	reuse, copies bool
}

// piece is a run of consecutive events; err, if any, comes after them.
type piece struct {
	stored []eventstore.Event
	bytes  []byte // copied, of the stored events
	events []*eventv1.Event
	lent   []*eventv1.Event // of passing facts, decoded into memory that is used again
	err    error
	ready  chan struct{}
}

func (p *piece) decode(reuse bool) {
	defer close(p.ready)
	for _, e := range p.lent {
		e.ResetVT()
	}
	passed := 0
	for _, s := range p.stored {
		decode := Decode
		if reuse && passingFacts[s.Type] {
			if passed == len(p.lent) {
				p.lent = append(p.lent, new(eventv1.Event))
			}
			lent := p.lent[passed]
			passed++
			decode = func(s eventstore.Event) (*eventv1.Event, error) { return lent, decodeInto(lent, s) }
		}
		e, err := decode(s)
		if err != nil {
			p.err = err // comes before the error of reading on, if there is one
			return
		}
		p.events = append(p.events, e)
	}
}

// decodeInto decodes into an event whose texts and bytes then are those of the stored one.
func decodeInto(e *eventv1.Event, stored eventstore.Event) error {
	if err := e.UnmarshalVTUnsafe(stored.Data); err != nil {
		return corrupt(stored, "the bytes are no event: "+err.Error())
	}
	return checkEvent(e, stored)
}

// recycle makes a used piece ready for other events.
func (a *ahead) recycle(p *piece) {
	if !a.reuse {
		return
	}
	clear(p.stored) // their bytes are let go
	p.stored, p.bytes, p.events = p.stored[:0], p.bytes[:0], p.events[:0]
	select {
	case a.used <- p:
	default:
	}
}

// empty gives a piece to fill.
func (a *ahead) empty() *piece {
	select {
	case p := <-a.used:
		p.ready = make(chan struct{})
		return p
	default:
		return &piece{ready: make(chan struct{}), events: make([]*eventv1.Event, 0, aheadEvents)}
	}
}

// cut reads the stream into pieces until it ends, fails, or nobody listens any more.
func (a *ahead) cut(stored iter.Seq2[eventstore.Event, error]) {
	defer close(a.ordered)
	defer close(a.work)
	p := a.empty()
	for s, err := range stored {
		if err != nil {
			p.err = err
			break
		}
		if a.copies {
			at := len(p.bytes)
			p.bytes = append(p.bytes, s.Data...)
			s.Data = p.bytes[at:len(p.bytes):len(p.bytes)]
		}
		p.stored = append(p.stored, s)
		if len(p.stored) == aheadEvents {
			if !a.hand(p) {
				return
			}
			p = a.empty()
		}
	}
	if len(p.stored) > 0 || p.err != nil {
		a.hand(p)
	}
}

// hand gives a piece to the workers and to the consumer; false when nobody listens any more.
func (a *ahead) hand(p *piece) bool {
	select {
	case a.work <- p:
	case <-a.stop:
		return false
	}
	select {
	case a.ordered <- p:
	case <-a.stop:
		return false
	}
	return true
}
