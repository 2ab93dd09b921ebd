package rpc

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Apply carries out the lines of a batch. A line passes the same checks as a call of its own (validate, authorise) and
// becomes the same command (prepare); the only difference is that commands on books are handed to the ledger many at a time,
// so that one sync to disk serves many. A line's refusal is its result; it ends the batch only when stop_on_refusal says so.
//
// Lines of one collective are carried out in the order they stand in; with stop_on_refusal, so are all lines. A founding, a
// command that is made of the books (computed), or one about operators or keys, is carried out after every line before it; a
// founding, and the last of these, before every line after it too.
func (s booksService) Apply(ctx context.Context, r *apiv1.ApplyRequest) (*apiv1.ApplyResponse, error) {
	b := &batch{Server: s.Server, caller: callerOf(ctx), stop: r.StopOnRefusal, results: make([]*apiv1.ApplyResult, len(r.Lines)), proofs: proofWanted(ctx)}
	i := 0
	for lines := range s.parseAhead(r.Lines) {
		for _, l := range lines {
			b.take(ctx, i, l)
			i++
		}
		b.flush(ctx)
	}
	b.writing.Wait()
	for _, collective := range slices.Sorted(maps.Keys(b.erased)) {
		s.settled(ctx, collective)
	}
	if err := ctx.Err(); err != nil {
		return nil, err // what was carried out stays so; the same command ids give its answers
	}
	done := slices.Index(b.results, nil)
	if done < 0 {
		done = len(b.results)
	}
	return &apiv1.ApplyResponse{Results: b.results[:done]}, nil
}

// line is a line of a batch, read and checked as far as it can be without what the lines before it do.
type line struct {
	method  *method
	as      string
	request proto.Message
	err     error
}

// procedure names the line's method for the log; empty when there is none.
func (l line) procedure() string {
	if l.method == nil {
		return ""
	}
	return l.method.procedure
}

// stretch is how many lines are read, carried out and written at a time. While the ledger works on one stretch, the next is
// read and the one before is written on other cores.
const stretch = 1024

// parseAhead reads the lines, stretch by stretch. The channel holds them all, so that nobody waits for a consumer that ended.
func (s *Server) parseAhead(given []*apiv1.ApplyLine) <-chan []line {
	stretches := make(chan []line, len(given)/stretch+1)
	go func() {
		defer close(stretches)
		for part := range slices.Chunk(given, stretch) {
			lines := make([]line, len(part))
			for i, l := range part {
				lines[i] = s.parseLine(l)
			}
			stretches <- lines
		}
	}()
	return stretches
}

func (s *Server) parseLine(given *apiv1.ApplyLine) line {
	m, err := s.registry.command(given.Method)
	if err != nil {
		return line{err: err}
	}
	l := line{method: m, as: given.As, request: m.newRequest()}
	if given.RequestJson == "" {
		l.err = malformed(errors.New("the request is empty; it is at least {}"))
	} else if err := protojson.Unmarshal([]byte(given.RequestJson), l.request); err != nil {
		l.err = m.unquoted(malformed(err))
	} else {
		l.err = m.unechoed(validate(l.request))
	}
	return l
}

// batch is the lines of one Apply under way.
type batch struct {
	*Server
	caller  *caller
	stop    bool // at the first line that is not carried out
	proofs  bool // in the receipts
	stopped bool
	results []*apiv1.ApplyResult // nil for lines not carried out yet, or not at all
	pending []pending            // commands on books, not yet given to the ledger
	erased  map[string]bool      // collectives with erasures that were approved
	writing sync.WaitGroup       // results being written
}

type pending struct {
	line      int
	procedure string
	given     given
}

// take carries out a line, or keeps it for the next flush.
func (b *batch) take(ctx context.Context, i int, l line) {
	if b.stopped {
		return
	}
	if err := b.try(ctx, i, l); err != nil {
		b.flush(ctx)
		if !b.stopped {
			b.applied(nameOf(l.method), err)
			b.results[i] = b.outcome(ctx, l.procedure(), err)
			b.stopped = b.stop
		}
	}
}

func (b *batch) try(ctx context.Context, i int, l line) error {
	if l.err != nil {
		return l.err
	}
	c, err := b.actingAs(ctx, b.caller, l.as)
	if err != nil {
		return err
	}
	if err := b.authorise(ctx, l.method, c, l.request); err != nil {
		return err
	}
	if err := b.confirmed(l.method, c); err != nil {
		return err
	}
	book, ok := l.request.(bookRequest)
	if !ok {
		return b.tryCall(ctx, i, l, c)
	}
	g, err := b.prepare(ctx, c, book)
	if err != nil {
		return err
	}
	_, founding := g.order.Command.(*ledger.FoundCollective)
	if founding || computed(g.order.Command) {
		b.flush(ctx)
	}
	if b.stopped {
		return nil
	}
	if g.kept != nil || g.asked != nil {
		b.flush(ctx) // what it commits to is kept first, and only when it would be accepted
		if b.stopped {
			return nil
		}
		if err := errors.Join(b.keep(ctx, g), b.keepAsked(ctx, g)); err != nil {
			return err
		}
	}
	if err := b.complete(ctx, g); err != nil {
		return err
	}
	b.pending = append(b.pending, pending{i, l.procedure(), g})
	if founding {
		b.flush(ctx)
	}
	return nil
}

// tryCall calls a method that is no command on books.
func (b *batch) tryCall(ctx context.Context, i int, l line, c *caller) error {
	b.flush(ctx)
	if b.stopped {
		return nil
	}
	json, err := b.call(ctx, l.method, c, l.request)
	if err == nil {
		b.applied(l.method.name, nil)
		b.results[i] = &apiv1.ApplyResult{ResponseJson: json}
	}
	return err
}

// flush gives the pending commands to the ledger. Afterwards
// stopped says whether the batch ends here; the results are written on another core.
func (b *batch) flush(ctx context.Context) {
	todo := b.pending
	b.pending = nil
	if len(todo) == 0 {
		return
	}
	outcomes := b.carryOut(ctx, todo)
	b.stopped = b.stop && slices.ContainsFunc(outcomes, func(o ledger.Outcome) bool { return o.Err != nil })
	for k, p := range todo {
		if slices.ContainsFunc(outcomes[k].Events, func(e *eventv1.Event) bool { return e.GetErasureApproved() != nil }) {
			if b.erased == nil {
				b.erased = map[string]bool{}
			}
			b.erased[p.given.collective] = true
		}
	}
	b.writing.Go(func() {
		for k, p := range todo {
			b.results[p.line] = b.result(ctx, p, outcomes[k])
		}
	})
}

// carryOut gives commands to the ledger: in order up to the first refused one, or all of them, each collective's in order.
func (b *batch) carryOut(ctx context.Context, todo []pending) []ledger.Outcome {
	if b.stop {
		orders := make([]ledger.Addressed, len(todo))
		for k, p := range todo {
			orders[k] = ledger.Addressed{Collective: p.given.collective, Order: p.given.order}
		}
		return b.config.Ledger.DoInOrder(ctx, orders)
	}
	byCollective := make(map[string][]int)
	for k, p := range todo {
		byCollective[p.given.collective] = append(byCollective[p.given.collective], k)
	}
	outcomes := make([]ledger.Outcome, len(todo))
	var all sync.WaitGroup
	for collective, places := range byCollective {
		all.Go(func() {
			orders := make([]ledger.Order, len(places))
			for j, k := range places {
				orders[j] = todo[k].given.order
			}
			for j, outcome := range b.config.Ledger.DoAll(ctx, collective, orders) {
				outcomes[places[j]] = outcome
			}
		})
	}
	all.Wait()
	return outcomes
}

// result writes what became of a command on books; nil when it was left alone because the batch stopped before it.
func (b *batch) result(ctx context.Context, p pending, o ledger.Outcome) *apiv1.ApplyResult {
	if errors.Is(o.Err, ledger.ErrNotTried) {
		return nil
	}
	b.applied(nameOf(b.registry.byProcedure[p.procedure]), o.Err)
	if o.Err != nil {
		return b.outcome(ctx, p.procedure, o.Err)
	}
	receipt := receiptOf(p.given.collective, o.Events)
	if err := b.addOpening(ctx, p.given, o.Events, receipt); err != nil {
		return b.outcome(ctx, p.procedure, err)
	}
	if b.proofs {
		b.addProof(ctx, receipt)
	}
	return &apiv1.ApplyResult{ResponseJson: receiptJSON(receipt)}
}

// receiptJSON is the answer to a command on books: the answers of all of them have one field, the receipt.
func receiptJSON(receipt *apiv1.Receipt) string {
	b := append(make([]byte, 0, 1024), `{"receipt":`...)
	b = appendReceipt(b, receipt)
	return string(append(b, '}'))
}

// call calls a method that is no command on books with a request that was admitted, and gives its answer as JSON.
func (s *Server) call(ctx context.Context, m *method, c *caller, request proto.Message) (string, error) {
	stream := &oneStream{request: request}
	if err := s.bare.Call(context.WithValue(ctx, callerKey{}, c), m.procedure, nil, stream); err != nil {
		return "", err
	}
	b, err := protojson.Marshal(stream.answer)
	return string(b), err
}

// oneStream is a call of one request and one answer in memory.
type oneStream struct{ request, answer proto.Message }

// Receive implements connect.ServerStream.
func (st *oneStream) Receive(msg any) error {
	if st.request == nil {
		return io.EOF
	}
	proto.Merge(msg.(proto.Message), st.request)
	st.request = nil
	return nil
}

// SendHeaders implements connect.ServerStream.
func (st *oneStream) SendHeaders() error { return nil }

// Send implements connect.ServerStream.
func (st *oneStream) Send(msg any) error {
	st.answer = msg.(proto.Message)
	return nil
}
