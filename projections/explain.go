package projections

import (
	"iter"
	"slices"
	"sort"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file answers "why": what a balance is made of, what stands behind a voucher, where a dividend comes from.

// Group is what the vouchers of one kind did to an account, fen, positive on the account's own side.
type Group struct {
	Fact     string // name of the fact that booked them, e.g. income_recorded
	Reversal bool   // of vouchers that turn one back, whichever fact booked them; the others of the fact are apart
	Postings int
	Sum      ledger.Fen
}

// Change is one voucher in an account: what it did, and the balance after it in order of business day, then of the log.
type Change struct {
	Voucher
	Change, Balance ledger.Fen // positive on the account's own side
}

// BalanceStory explains a balance, fen, positive on the account's own side: Opening + the sums of Groups = Closing.
type BalanceStory struct {
	Account ledger.Account
	Opening ledger.Fen // before the first day; 0 without one
	Groups  []Group    // in order of their first posting ever
	Closing ledger.Fen
	Changes []Change // a page
}

// ExplainBalance says what a balance is made of, from a day on (0: from the first), and gives a page of the vouchers that
// make it, from a cursor on, with where to go on.
func (b *Book) ExplainBalance(name ledger.Account, from ledger.Day, descending bool, after Cursor, limit int, m Moment) (BalanceStory, Cursor) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	story := BalanceStory{Account: name}
	id, ok := b.accounts.ids[string(name)]
	if !ok {
		return story, Cursor{}
	}
	w, a, sign := b.view(m), b.accounts.list[id], name.Sign()
	closing, _, _ := a.at(w)
	if from != 0 {
		opening, _, _ := a.at(w.before(from))
		story.Opening = sign * opening
	}
	story.Closing, story.Groups = sign*closing, b.grouped(a, from, w)
	var next Cursor
	story.Changes, next = b.changes(a, id, VoucherFilter{Account: name, From: from, Descending: descending}, after, page(limit), w)
	return story, next
}

// grouped gives the groups of the entries from a day on that count in a view.
func (b *Book) grouped(a *account, from ledger.Day, w view) []Group {
	n := a.entries.n
	if !w.all {
		n = a.entries.before(w.rows)
	}
	sums := b.groupsUpTo(a, n, w.asOf)
	if from != 0 {
		accumulate(sums, b.groupsUpTo(a, n, w.before(from).asOf), -1)
	}
	list := make([]Group, 0, len(sums))
	for _, s := range sums {
		if s.count != 0 {
			list = append(list, Group{b.headers.kinds.texts[s.kind>>1], s.kind&1 == 1, int(s.count), a.name.Sign() * s.sum})
		}
	}
	return list
}

// changes gives a page of an account's vouchers with the balance after each.
func (b *Book) changes(a *account, id int32, f VoucherFilter, after Cursor, limit int, w view) (list []Change, next Cursor) {
	sign := a.name.Sign()
	var balance ledger.Fen // after the voucher before in order of days, debit positive
	for place := range a.days.walk(f.From, w, after, f.Descending) {
		if len(list) == limit {
			last := list[limit-1]
			return list, b.cursor(b.journal.find(last.Ref) - 1)
		}
		change := b.posted(place, id)
		if len(list) == 0 {
			balance = b.balanceBefore(a, place, w)
			if f.Descending {
				balance += change
			}
		}
		c := Change{Change: sign * change}
		b.voucher(&c.Voucher, int(place), w, nil)
		if f.Descending {
			c.Balance = sign * balance
			balance -= change
		} else {
			balance += change
			c.Balance = sign * balance
		}
		list = append(list, c)
	}
	return list, Cursor{}
}

// posted is what a row did to an account, debit positive.
func (b *Book) posted(place, account int32) (sum ledger.Fen) {
	r := b.journal.rows.at(int(place))
	for i := r.first; i < r.end; i++ {
		if p := b.journal.postings.at(int(i)); p.account == account {
			sum += p.amount
		}
	}
	return sum
}

// balanceBefore is an account's balance just before a row, in order of business day, then of the log; debit positive.
func (b *Book) balanceBefore(a *account, place int32, w view) ledger.Fen {
	day := b.journal.rows.at(int(place)).day
	before, _, _ := a.at(w.before(day))
	n := a.entries.before(int(place))
	through, _ := a.entries.upTo(n, day)
	until, _ := a.entries.upTo(n, day-1) // a number below day and not below any earlier day
	return before + through - until
}

// Step is one step of a request: who did what, and when.
type Step struct {
	Kind    string // StepMade, StepReviewed, StepApproved, or the state that it ended in
	By      string
	At      time.Time // UTC
	Version uint64
}

// Steps of a request that do not end it.
const (
	StepMade     = "made"
	StepReviewed = "reviewed"
	StepApproved = "approved"
)

var stepNames = [...]string{stepReviewed: StepReviewed, stepApproved: StepApproved, stepRejected: RequestRejected,
	stepWithdrawn: RequestWithdrawn, stepSettled: RequestSettled}

// Authority (额度) is a resolution as it stands behind a voucher or a dividend, fen. What is held by open requests is left out:
// Before = DrawnBefore taken from the authority.
type Authority struct {
	Resolution
	Voting      *eventv1.Body // that voted; part of an event, must not be changed; nil when the charter has no such body
	DrawnBefore ledger.Fen    // by the vouchers before it in the log
	Draws       ledger.Fen    // by it; negative when it gives back
}

// VoucherStory is everything the books know about how a voucher came to be.
type VoucherStory struct {
	Voucher
	CorrectedBy []ledger.VoucherRef
	Request     *Request                     // that it settles
	Steps       []Step                       // of that request, or of the grant round's payments none
	Rule        *eventv1.SpendingRuleAdopted // in force when it was asked for; nil for none; must not be changed
	Authority   *Authority
	Round       *GrantRound  // that it awards, pays or turns back
	Run         *DividendRun // that it declares, pays or turns back
}

// ExplainVoucher tells how a voucher came to be; ok is false when it does not count at the moment.
func (b *Book) ExplainVoucher(ref ledger.VoucherRef, m Moment) (story VoucherStory, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	place := b.journal.find(ref)
	if place == 0 || !b.seen(place, w) {
		return story, false
	}
	b.voucher(&story.Voucher, int(place-1), w, nil)
	story.CorrectedBy = b.putRight(place, w)
	if number := story.RequestNumber; number != 0 {
		q := b.requests.items[number-1]
		shown := b.request(q, w)
		story.Request, story.Steps, story.Rule = &shown, b.steps(q, w), b.ruleAt(q.version)
	}
	if r := b.resolutions.byID[story.ResolutionID]; r != nil {
		story.Authority = b.authority(r, w)
		story.Authority.DrawnBefore, story.Authority.Draws = b.drawnBefore(r, place-1), story.Drawn
	}
	if r := b.rounds.byID[story.GrantRoundID]; r != nil {
		shown := b.grantRound(r, w)
		story.Round = &shown
		if story.Rule == nil {
			story.Rule = b.ruleAt(r.version)
		}
	}
	if r := b.runBy(story.DividendRunID, story.Version); r != nil {
		shown := b.dividend(r, w)
		story.Run = &shown
	}
	return story, true
}

// steps lists what happened to a request, in order.
func (b *Book) steps(q *request, w view) []Step {
	step := func(kind string, version uint64) Step {
		return Step{kind, b.actor(version), instant(*b.recorded.at(int(version - 1))), version}
	}
	list := []Step{step(StepMade, q.version)}
	for _, s := range q.steps {
		if w.counts(s.mark) {
			list = append(list, step(stepNames[s.kind], s.version))
		}
	}
	return list
}

// ruleAt is the spending rule in force at a version, nil when there is none.
func (b *Book) ruleAt(version uint64) *eventv1.SpendingRuleAdopted {
	list := b.charter.rules
	n := sort.Search(len(list), func(i int) bool { return list[i].version > version })
	if n == 0 {
		return nil
	}
	return list[n-1].fact
}

func (b *Book) authority(r *resolution, w view) *Authority {
	a := &Authority{Resolution: resolutionAt(r, w)}
	for _, body := range b.charter.founded.GetBodies() {
		if body.Id == r.fact.Body {
			a.Voting = body
		}
	}
	return a
}

// drawnBefore sums what the rows before one in the log drew on a resolution.
func (b *Book) drawnBefore(r *resolution, place int32) (sum ledger.Fen) {
	version := b.journal.rows.at(int(place)).version
	sum, _ = r.draws.upTo(r.draws.before(int(version)), 0)
	of := b.journal.rows.at(int(place)).resolution
	for i := b.firstRow(version); i < int(place); i++ {
		if row := b.journal.rows.at(i); row.resolution == of {
			sum += row.drawn
		}
	}
	return sum
}

// runBy is the dividend run of an id that was last declared by a version; nil when there is none.
func (b *Book) runBy(id string, version uint64) (found *run) {
	if id == "" {
		return nil
	}
	for _, r := range b.runs.items {
		if r.fact != nil && r.fact.RunId == id && r.declared.version <= version {
			found = r
		}
	}
	return found
}

// Inflow is what one policy's splits put into a dividend's fund since the dividend before it.
type Inflow struct {
	Policy   *eventv1.PolicyAdopted // nil when the version was never adopted; must not be changed
	Version  uint32                 // of the policy
	Vouchers int                    // splits that were not turned back by then
	Sum      ledger.Fen             // into the fund, fen
}

// DividendStory is everything the books know about a dividend.
type DividendStory struct {
	DividendRun
	Declaration ledger.VoucherRef // zero when it was turned back before
	Request     Request
	Steps       []Step
	Rule        *eventv1.SpendingRuleAdopted // in force when it was asked for; nil for none; must not be changed
	Authority   *Authority                   // nil without a resolution
	Balance     ledger.Fen                   // of the fund just before the declaration, in the order of the log, fen
	Sources     []Inflow                     // by version of the policy
	Line        *Entitlement                 // of the payee asked for
}

// ExplainDividend tells where a dividend comes from, and what a payee gets (0: nobody's); ok is false when there is no such
// run, or no such payee in it, at the moment.
func (b *Book) ExplainDividend(runID string, payee uint32, m Moment) (story DividendStory, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	r := b.lastRun(runID, w)
	if r == nil {
		return story, false
	}
	if payee != 0 {
		i, found := slices.BinarySearch(r.payees, payee)
		if !found {
			return story, false
		}
		story.Line = &r.entitlements(i, i+1, w)[0]
	}
	q := b.requests.items[r.fact.RequestNumber-1]
	story.DividendRun, story.Request, story.Steps, story.Rule = b.dividend(r, w), b.request(q, w), b.steps(q, w), b.ruleAt(q.version)
	row := b.firstRow(r.declared.version)
	if row < b.journal.rows.n && b.journal.rows.at(row).version == r.declared.version {
		story.Declaration = b.refAt(int32(row + 1))
	}
	if res := b.resolutions.byID[r.order.GetResolutionId()]; res != nil {
		story.Authority = b.authority(res, w)
		story.Authority.DrawnBefore, story.Authority.Draws = b.drawnBefore(res, int32(row)), r.total
	}
	story.Balance, story.Sources = b.fundBefore(r.order.GetFund(), row), b.sources(r, row)
	return story, true
}

// fundBefore is a fund's balance before a row in the order of the log.
func (b *Book) fundBefore(fund string, row int) ledger.Fen {
	id, ok := b.accounts.ids[string(ledger.FundAccount(fund))]
	if !ok {
		return 0
	}
	a := b.accounts.list[id]
	sum, _ := a.entries.upTo(a.entries.before(row), 0)
	return -sum
}

// sources finds the splits that filled a run's fund between the declaration before it and its own, in the order of the log.
func (b *Book) sources(r *run, row int) []Inflow {
	fund, since := r.order.GetFund(), 0
	for _, other := range b.runs.items {
		if other.fact != nil && other.order.GetFund() == fund && other.declared.version < r.declared.version &&
			(other.cancelled.version == 0 || other.cancelled.version > r.declared.version) {
			since = max(since, b.firstRow(other.declared.version))
		}
	}
	id, ok := b.accounts.ids[string(ledger.FundAccount(fund))]
	if !ok {
		return nil
	}
	var list []Inflow
	for version, rows := range b.splits {
		s := Inflow{Version: version}
		for _, p := range b.charter.policies {
			if p.fact.Version == version {
				s.Policy = p.fact
			}
		}
		for _, place := range rows[below(rows, since):below(rows, row)] {
			if by := b.journal.reversed[place+1]; by == 0 || int(by) > row {
				s.Vouchers++
				s.Sum -= b.posted(place, id)
			}
		}
		if s.Vouchers > 0 {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y Inflow) int { return int(x.Version) - int(y.Version) })
	return list
}

// foldSplits notes which rows of an event a policy split. The event's vouchers are in the journal from row first on.
func (b *Book) foldSplits(e *eventv1.Event, first int) {
	for i, f := range splitsOf(e) {
		if f.PolicyVersion == 0 {
			continue
		}
		if b.splits == nil {
			b.splits = map[uint32][]int32{}
		}
		b.splits[f.PolicyVersion] = append(b.splits[f.PolicyVersion], int32(first+i))
	}
}

// SplitOf is how the voucher at a place in an event, from 0, was divided among funds; nil when it was not: no income, or a
// reversal or difference, which follow their original.
func SplitOf(e *eventv1.Event, voucher int) *eventv1.IncomeRecorded {
	for i, f := range splitsOf(e) {
		if i == voucher {
			return f
		}
	}
	return nil
}

// splitsOf yields the incomes of an event with the place of their vouchers. In a correction they stand in the order of the
// vouchers that a policy split; income put into one fund by resolution is none of these.
func splitsOf(e *eventv1.Event) iter.Seq2[int, *eventv1.IncomeRecorded] {
	return func(yield func(int, *eventv1.IncomeRecorded) bool) {
		if f := e.GetIncomeRecorded(); f != nil && len(e.Vouchers) > 0 {
			yield(0, f)
			return
		}
		incomes := e.GetCorrectionMade().GetIncomes()
		for i, v := range e.Vouchers {
			for len(incomes) > 0 && incomes[0].PolicyVersion == 0 {
				incomes = incomes[1:]
			}
			if len(incomes) == 0 {
				return
			}
			if v.IncomeKind == "" || v.Reverses != nil {
				continue
			}
			if !yield(i, incomes[0]) {
				return
			}
			incomes = incomes[1:]
		}
	}
}
