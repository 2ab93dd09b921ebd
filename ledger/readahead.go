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

// decodeAhead decodes stored events on other goroutines while the consumer folds, keeping their order: the reader cuts the
// stream into pieces, workers decode them, and the pieces come out in the order they were cut.
func decodeAhead(stored iter.Seq2[eventstore.Event, error]) iter.Seq2[*eventv1.Event, error] {
	return func(yield func(*eventv1.Event, error) bool) {
		stop := make(chan struct{})
		defer close(stop)
		work := make(chan *piece, aheadPieces)
		ordered := make(chan *piece, aheadPieces)
		for range aheadWorkers {
			go func() {
				for p := range work {
					p.decode()
				}
			}()
		}
		go cut(stored, work, ordered, stop)
		for p := range ordered {
			<-p.ready
			for _, e := range p.events {
				if !yield(e, nil) {
					return
				}
			}
			if p.err != nil {
				yield(nil, p.err)
				return
			}
		}
	}
}

// piece is a run of consecutive events; err, if any, comes after them.
type piece struct {
	stored []eventstore.Event
	events []*eventv1.Event
	err    error
	ready  chan struct{}
}

func (p *piece) decode() {
	defer close(p.ready)
	p.events = make([]*eventv1.Event, 0, len(p.stored))
	for _, s := range p.stored {
		e, err := Decode(s)
		if err != nil {
			p.err = err
			return
		}
		p.events = append(p.events, e)
	}
}

// cut reads the stream into pieces until it ends, fails, or nobody listens any more.
func cut(stored iter.Seq2[eventstore.Event, error], work, ordered chan<- *piece, stop <-chan struct{}) {
	defer close(ordered)
	defer close(work)
	p := &piece{ready: make(chan struct{})}
	hand := func() bool {
		select {
		case work <- p:
		case <-stop:
			return false
		}
		select {
		case ordered <- p:
		case <-stop:
			return false
		}
		p = &piece{ready: make(chan struct{})}
		return true
	}
	for s, err := range stored {
		if err != nil {
			p.err = err
			break
		}
		p.stored = append(p.stored, s)
		if len(p.stored) == aheadEvents && !hand() {
			return
		}
	}
	if len(p.stored) > 0 || p.err != nil {
		hand()
	}
}
