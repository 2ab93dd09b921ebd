package projections

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Digest is SHA-256 over all columns and registers in the order of the log. Books folded from equal events have equal
// digests, in whatever pieces the events came; a book that lost, doubled or bent anything has another one. Compare digests
// of one build of the program only: messages are hashed as that build encodes them.
func (b *Book) Digest() [32]byte {
	digest, _ := b.digest()
	return digest
}

// digest also says at which version it was taken.
func (b *Book) digest() ([32]byte, uint64) {
	s := b.snapshot()
	d := &digester{hash: sha256.New()}
	d.text("mingzhang/book@v1")
	d.text(b.id)
	d.number(s.version)
	for i := range s.recorded.n {
		d.number(uint64(*s.recorded.at(i)))
		d.number(uint64(*s.actors.at(i)))
		d.number(uint64(*s.headers.facts.at(i)))
		d.buf = append(d.buf, s.headers.commands.at(i)[:]...)
	}
	for _, text := range s.headers.kinds.texts {
		d.text(text)
	}
	for _, text := range s.texts {
		d.text(text)
	}
	d.journal(s)
	for _, a := range s.accounts {
		d.account(a)
	}
	d.charter(&s.charter)
	for _, r := range s.resolutions {
		d.resolution(&r)
	}
	for _, q := range s.requests {
		d.request(&q)
	}
	for _, r := range s.rounds {
		d.round(&r)
	}
	for _, r := range s.runs {
		d.run(&r)
	}
	for _, h := range s.holds {
		d.message(h.fact)
		d.number(h.at)
		d.number(h.released)
	}
	for _, g := range s.gifts {
		d.gift(&g)
	}
	for _, f := range s.flags {
		d.flagged(&f)
	}
	for _, l := range s.links {
		d.numbers(int64(l.place), int64(l.original))
		d.flag(l.refund)
	}
	for _, r := range s.reviews {
		d.message(r.fact)
		d.numbers(int64(r.version), int64(r.actor), int64(r.replaced))
	}
	for _, r := range s.roles {
		d.text(r.operator)
		d.numbers(int64(r.role), int64(r.since), int64(r.revoked))
	}
	d.published(s)
	d.people(s.people, s.erasures)
	d.inquiries(s.inquiries)
	d.flush()
	return [32]byte(d.hash.Sum(nil)), s.version
}

// shot is a book as it is at one version, readable while the book goes on.
type shot struct {
	version     uint64
	recorded    column[int64]
	actors      column[int32]
	headers     headers // without ids of kinds
	texts       []string
	rows        column[row]
	postings    column[posting]
	prose       prose
	papers      [][]*eventv1.Document
	days        []dayIndex
	accounts    []accountShot
	charter     charterShot
	resolutions []resolution
	requests    []request
	rounds      []roundShot
	runs        []runShot
	holds       []held
	gifts       []gift
	flags       []flagged
	links       []link
	reviews     []review
	roles       []roleHeld
	editions    []edition
	disclosures []disclosure
	people      []personalRecord
	erasures    []erasure
	inquiries   []inquiry
}

type (
	accountShot struct {
		name           ledger.Account
		entries        column[entry]
		days           dayIndex
		balance, debit []ledger.Fen // at the end of each booked day
	}
	charterShot struct {
		charter
		members []member
		holders []shareholder
	}
	roundShot struct {
		round
		lines      []line
		objections []objection
	}
	runShot struct {
		run
		files   []file
		returns []payback
	}
)

func (b *Book) snapshot() *shot {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := &shot{
		version: b.version, recorded: b.recorded.snapshot(), actors: b.actors.snapshot(), texts: b.names.texts,
		rows: b.journal.rows.snapshot(), postings: b.journal.postings.snapshot(), prose: prose{slices.Clone(b.journal.prose.blocks)}, papers: b.journal.papers,
		charter: charterShot{b.charter, values(b.charter.members), values(b.charter.holders)}, resolutions: values(b.resolutions.items), requests: values(b.requests.items),
		gifts: values(b.gifts.items), flags: values(b.flags), links: b.journal.links,
		reviews: values(b.reviews.list),
		headers: headers{facts: b.headers.facts.snapshot(), commands: b.headers.commands.snapshot(), kinds: names{texts: b.headers.kinds.texts}},
		roles:   slices.Clone(b.roles), editions: values(b.editions), disclosures: values(b.disclosures),
		people: values(b.people.items), erasures: values(b.erasures), inquiries: values(b.inquiries.list),
	}
	for i := range b.journal.days {
		s.days = append(s.days, b.journal.days[i].snapshot())
	}
	for _, a := range b.accounts.list {
		s.accounts = append(s.accounts, accountShot{a.name, a.entries.column.snapshot(), a.days.snapshot(), ends(&a.balance), ends(&a.debit)})
	}
	for i := range s.resolutions {
		r := &s.resolutions[i]
		r.holds.column, r.draws.column = r.holds.snapshot(), r.draws.snapshot()
	}
	for _, r := range b.rounds.items {
		s.rounds = append(s.rounds, roundShot{*r, values(r.lines), values(r.objections)})
	}
	for _, r := range b.runs.items {
		s.runs = append(s.runs, runShot{*r, values(r.files), values(r.returns)})
	}
	s.holds = values(b.holds)
	return s
}

// values copies items whose fields later events may set; lists inside them only grow and need no copy.
func values[T any](items []*T) []T {
	list := make([]T, len(items))
	for i, item := range items {
		list[i] = *item
	}
	return list
}

func (x *dayIndex) snapshot() dayIndex {
	return dayIndex{slices.Clone(x.days), slices.Clone(x.rows), x.n}
}

func ends(t *ledger.Timeline) []ledger.Fen {
	list := make([]ledger.Fen, 0, len(t.Days()))
	for _, day := range t.Days() {
		list = append(list, t.At(day))
	}
	return list
}

// digester hashes numbers as 8 bytes, texts and messages with their length before them.
type digester struct {
	hash hash.Hash
	buf  []byte
}

func (d *digester) number(n uint64) {
	d.buf = binary.LittleEndian.AppendUint64(d.buf, n)
	if len(d.buf) > 1<<15 {
		d.flush()
	}
}

func (d *digester) numbers(list ...int64) {
	for _, n := range list {
		d.number(uint64(n))
	}
}

func (d *digester) text(s string) {
	d.number(uint64(len(s)))
	d.buf = append(d.buf, s...)
}

// message hashes a part of an event as the deterministic encoding of this program.
func (d *digester) message(m proto.Message) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic("projections: a decoded message does not marshal: " + err.Error())
	}
	d.number(uint64(len(data)))
	d.buf = append(d.buf, data...)
}

func (d *digester) flush() {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

func (d *digester) flag(is bool) {
	if is {
		d.number(1)
	} else {
		d.number(0)
	}
}

func (d *digester) mark(m mark) {
	d.number(m.version)
	d.number(uint64(m.day))
}

func (d *digester) changes(list column[entry]) {
	d.number(uint64(list.n))
	for i := range list.n {
		e := list.at(i)
		d.numbers(int64(e.row), int64(e.day), int64(e.sum))
	}
}

func (d *digester) steps(list []step) {
	d.number(uint64(len(list)))
	for _, s := range list {
		d.mark(s.mark)
		d.text(s.state)
		d.number(uint64(s.voucher))
	}
}

func (d *digester) rows(list []int32) {
	d.number(uint64(len(list)))
	for _, r := range list {
		d.number(uint64(r))
	}
}

func (d *digester) days(x dayIndex) {
	d.number(uint64(len(x.days)))
	for i, day := range x.days {
		d.number(uint64(day))
		d.rows(x.rows[i])
	}
}

func (d *digester) journal(s *shot) {
	for i := range s.rows.n {
		r := s.rows.at(i)
		d.numbers(int64(r.version), int64(r.drawn), int64(r.number), int64(r.year), int64(r.class), int64(r.day),
			int64(r.first), int64(r.end), int64(r.reverses), int64(r.corrects), int64(r.papers), int64(r.party), int64(r.purpose),
			int64(r.income), int64(r.resolution), int64(r.round), int64(r.run), int64(r.file), int64(r.request), int64(r.policy), int64(r.trueUp))
		d.flag(r.negative)
		d.text(s.prose.at(r.narration))
	}
	for i := range s.postings.n {
		p := s.postings.at(i)
		d.numbers(int64(p.amount), int64(p.account), int64(p.party))
	}
	for _, x := range s.days {
		d.days(x)
	}
	for _, papers := range s.papers {
		d.number(uint64(len(papers)))
		for _, paper := range papers {
			d.message(paper)
		}
	}
}

func (d *digester) account(a accountShot) {
	d.text(string(a.name))
	for i := range a.entries.n {
		e := a.entries.at(i)
		d.numbers(int64(e.sum), int64(e.debit), int64(e.row), int64(e.day))
	}
	d.days(a.days)
	for _, balance := range slices.Concat(a.balance, a.debit) {
		d.number(uint64(balance))
	}
}

func (d *digester) charter(c *charterShot) {
	if c.founded != nil {
		d.message(c.founded)
	}
	for _, f := range c.funds {
		d.number(f.version)
		d.message(f.fund)
	}
	for _, a := range c.money {
		d.number(a.version)
		d.message(a.opened)
	}
	for _, p := range c.policies {
		d.number(p.version)
		d.message(p.fact)
	}
	for _, r := range c.rules {
		d.number(r.version)
		d.message(r.fact)
	}
	for _, p := range c.closed {
		d.numbers(int64(p.version), int64(p.month))
		d.text(string(p.statement))
	}
	for _, b := range c.bodies {
		d.number(b.version)
		d.message(b.body)
	}
	for _, f := range c.changed {
		d.number(f.version)
		d.message(f.fund)
	}
	for _, p := range c.witnesses {
		d.number(p.version)
		d.message(p.fact)
	}
	for _, p := range c.opening {
		d.number(p.version)
		d.message(p.fact)
	}
	for _, t := range c.trueUps {
		d.mark(t.mark)
		d.message(t.fact)
		d.rows(t.rows)
	}
	for _, m := range c.members {
		d.numbers(int64(m.number), int64(m.household), int64(m.joined), int64(m.enrolled))
		for _, x := range m.exits {
			d.numbers(int64(x.left), int64(x.version))
		}
	}
	for _, h := range c.holders {
		d.number(uint64(h.member))
		for _, s := range h.steps {
			d.numbers(int64(s.from), int64(s.shares), int64(s.version))
		}
	}
}

func (d *digester) resolution(r *resolution) {
	d.message(r.fact)
	d.mark(r.recorded)
	d.mark(r.confirmed)
	d.changes(r.holds.column)
	d.changes(r.draws.column)
}

func (d *digester) request(q *request) {
	d.message(q.made)
	d.mark(q.mark)
	d.number(uint64(q.amount))
	d.number(uint64(len(q.steps)))
	for _, s := range q.steps {
		d.mark(s.mark)
		d.number(uint64(s.kind))
		d.text(s.reason)
	}
	d.rows(q.vouchers)
}

func (d *digester) round(r *roundShot) {
	d.message(r.opened)
	d.mark(r.mark)
	for _, n := range r.notices {
		d.mark(n.mark)
		d.message(n.fact)
	}
	d.steps(r.steps)
	for _, l := range r.lines {
		d.numbers(int64(l.member), int64(l.amount))
		d.mark(l.mark)
		d.mark(l.struck)
		d.mark(l.removed)
		d.steps(l.steps)
	}
	d.text(r.reason)
	for _, o := range r.objections {
		d.message(o.raised)
		d.numbers(int64(o.version), int64(o.answer), int64(o.raisedBy), int64(o.answerer))
		if o.answered != nil {
			d.message(o.answered)
		}
	}
}

func (d *digester) run(r *runShot) {
	d.flag(r.fact != nil)
	if r.fact != nil {
		d.message(r.fact)
	}
	d.mark(r.declared)
	d.mark(r.cancelled)
	for i, payee := range r.payees {
		d.numbers(int64(payee), r.amounts[i])
	}
	for _, s := range r.files {
		d.mark(s.at)
		d.message(s.sent)
		d.mark(s.when)
		if s.settled != nil {
			d.message(s.settled)
		}
		d.numbers(int64(s.voucher), int64(s.paid))
		d.mark(s.reversed)
	}
	for _, p := range r.returns {
		d.message(p.fact)
		d.mark(p.when)
		d.mark(p.reversed)
		d.number(uint64(p.voucher))
	}
}
