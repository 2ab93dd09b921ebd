package projections

import (
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// States of a request.
const (
	RequestOpen      = "open"
	RequestSettled   = "settled"
	RequestRejected  = "rejected"
	RequestWithdrawn = "withdrawn"
	RequestExpired   = "expired"
)

// Kinds of requests.
const (
	RequestPayment    = "payment"
	RequestTransfer   = "transfer"
	RequestCorrection = "correction"
	RequestDividend   = "dividend"
	RequestReturn     = "deposit return"
)

// request is an outlay asked for, with every step since.
type request struct {
	made     *eventv1.RequestMade
	mark     // of asking
	amount   ledger.Fen
	steps    []requestStep
	vouchers []int32 // rows from 1
}

type requestStep struct {
	mark
	kind   uint8
	reason string // of a rejection
}

const (
	stepReviewed = iota
	stepApproved
	stepRejected
	stepWithdrawn
	stepSettled
	stepExpired
)

// endings names the steps after which a request is no longer open.
var endings = [...]string{stepRejected: RequestRejected, stepWithdrawn: RequestWithdrawn, stepSettled: RequestSettled, stepExpired: RequestExpired}

func (b *Book) foldRequest(f *eventv1.RequestMade, at mark) {
	q := &request{made: f, mark: at}
	terms := termsOf(f)
	if q.amount = terms.amount; terms.kind == RequestCorrection {
		q.amount = b.corrected(f.GetCorrection())
	}
	b.requests.items = append(b.requests.items, q)
	b.hold(terms.resolution, at, terms.held)
}

// stepRequest adds a step; one that ends the request lets its authority go.
func (b *Book) stepRequest(number uint32, step requestStep) {
	q := b.requests.items[number-1]
	q.steps = append(q.steps, step)
	if step.kind >= stepRejected {
		terms := termsOf(q.made)
		b.hold(terms.resolution, step.notBefore(q.day), -terms.held) // a payment may lie before its request: then nothing was held
	}
}

// corrected is what a correction is about: the difference, or the amount of the vouchers turned back.
func (b *Book) corrected(f *eventv1.CorrectionOrder) ledger.Fen {
	sum := ledger.Fen(f.DifferenceFen)
	for _, ref := range f.Reverses {
		if place := b.journal.find(ledger.RefOf(ref)); place != 0 {
			sum += b.amount(b.journal.rows.at(int(place - 1)))
		}
	}
	return sum
}

// terms are what every kind of order says in its own words. A correction holds no authority: its vouchers give back and draw.
type terms struct {
	kind, fund, purpose, payee, narration, resolution string
	amount, held                                      ledger.Fen // held: of the resolution
}

func termsOf(f *eventv1.RequestMade) terms {
	switch o := f.Order.(type) {
	case *eventv1.RequestMade_Payment:
		p := o.Payment
		return terms{RequestPayment, p.Fund, p.Purpose, p.Payee, p.Narration, p.ResolutionId, ledger.Fen(p.AmountFen), ledger.Fen(p.AmountFen)}
	case *eventv1.RequestMade_Transfer:
		t := o.Transfer
		return terms{RequestTransfer, t.FromFund, "", "", t.Narration, t.ResolutionId, ledger.Fen(t.AmountFen), ledger.Fen(t.AmountFen)}
	case *eventv1.RequestMade_Dividend:
		d := o.Dividend
		return terms{RequestDividend, d.Fund, "", "", d.Narration, d.ResolutionId, ledger.Fen(d.PoolFen), ledger.Fen(d.PoolFen)}
	case *eventv1.RequestMade_DepositReturn:
		d := o.DepositReturn
		return terms{RequestReturn, d.Fund, "", d.Party, d.Narration, d.ResolutionId, ledger.Fen(d.AmountFen), ledger.Fen(d.DeductedFen)}
	}
	return terms{kind: RequestCorrection, narration: f.GetCorrection().GetNarration()}
}

// Request (申请) is an outlay asked for and how far it got.
type Request struct {
	Made         *eventv1.RequestMade // what was asked, the digest that approvals bind to, and what its tier demands; must not be changed
	Kind         string               // RequestPayment, RequestTransfer, RequestCorrection, RequestDividend or RequestReturn
	State        string               // RequestOpen, RequestSettled, RequestRejected, RequestWithdrawn or RequestExpired
	Fund         string               // that bears it, or gets what is kept of a deposit; empty for a correction or a gift
	Purpose      string
	Amount       ledger.Fen // fen; of a correction the difference, or the sum of the vouchers it turns back; of a deposit what is paid out
	Payee        string     // written like a voucher's party
	Narration    string
	ResolutionID string
	RequestedBy  string
	RequestedAt  time.Time // UTC
	ReviewedBy   string    // empty while not reviewed
	ApprovedBy   []string  // in order of approval
	EndedBy      string    // who settled, rejected, withdrew or expired it; empty while open
	Reason       string    // of a rejection
	Vouchers     []ledger.VoucherRef
}

// Requests lists the requests made by the moment, by number, after the given number, and where to go on (0: the end). A
// state other than "" selects the requests in that state.
func (b *Book) Requests(state string, after, limit int, m Moment) ([]Request, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.requests.items, after, limit, func(q *request) (Request, bool) {
		if !b.asked(q, w) || state != "" && q.state(w) != state {
			return Request{}, false
		}
		return b.request(q, w), true
	})
}

// asked says whether a request is seen: it was made by the moment, or one of its vouchers lies before it.
func (b *Book) asked(q *request, w view) bool {
	return w.counts(q.mark) || q.version <= w.version && len(b.refs(q.vouchers, w)) > 0
}

func (q *request) state(w view) string {
	for _, s := range q.steps {
		if s.kind >= stepRejected && w.counts(s.mark) {
			return endings[s.kind]
		}
	}
	return RequestOpen
}

func (b *Book) request(q *request, w view) Request {
	t := termsOf(q.made)
	r := Request{
		Made: q.made, Kind: t.kind, State: q.state(w), Fund: t.fund, Purpose: t.purpose, Amount: q.amount, Payee: t.payee,
		Narration: t.narration, ResolutionID: t.resolution, RequestedBy: b.actor(q.version),
		RequestedAt: instant(*b.recorded.at(int(q.version - 1))), Vouchers: b.refs(q.vouchers, w),
	}
	for _, s := range q.steps {
		if !w.counts(s.mark) {
			continue
		}
		switch actor := b.actor(s.version); s.kind {
		case stepReviewed:
			r.ReviewedBy = actor
		case stepApproved:
			r.ApprovedBy = append(r.ApprovedBy, actor)
		default:
			r.EndedBy, r.Reason = actor, s.reason
		}
	}
	return r
}

// actor is who gave the command of an event.
func (b *Book) actor(version uint64) string { return b.names.texts[*b.actors.at(int(version - 1))] }
