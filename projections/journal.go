package projections

import (
	"fmt"
	"iter"
	"math"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Voucher (凭证) is one voucher of the journal, as it was booked and with what became of it. A copy, except Documents.
type Voucher struct {
	Ref           ledger.VoucherRef
	OccurredOn    ledger.Day
	Narration     string
	Postings      []Posting
	Documents     []*eventv1.Document // must not be changed
	Party         string
	Purpose       string
	IncomeKind    string
	PolicyVersion uint32 // of the policy that split it or that it trues up; 0 for none
	TrueUpYear    int    // year it trues up; 0 for none
	ResolutionID  string
	Drawn         ledger.Fen // authority drawn, fen; negative when given back
	Reverses      ledger.VoucherRef
	Corrects      ledger.VoucherRef
	ReversedBy    ledger.VoucherRef // zero until the reversal counts at the moment asked for
	Refunds       ledger.VoucherRef // payment it gives back, whole or in part
	Returns       ledger.VoucherRef // receipt whose money the bank took back by it
	Flags         []Flag            // what it lacks or lacked
	GrantRoundID  string
	DividendRunID string
	DividendFile  uint32
	RequestNumber uint32
	Negative      bool
	Amount        ledger.Fen      // sum of the debits, fen; negative when Negative
	Version       uint64          // of the event that booked it
	RecordedAt    time.Time       // UTC
	Actor         string          // operator who booked it
	Fact          string          // name of the event's fact, e.g. income_recorded
	Reviews       []VoucherReview // what supervisors say of it; nil for nothing
	Inquiries     []uint32        // numbers of the inquiries about it; nil for none
}

// Posting (分录) is one line of a voucher: fen, debit positive.
type Posting struct {
	Account ledger.Account
	Amount  ledger.Fen
	Party   string
}

// Cursor is a place in the journal between two vouchers: business day, and row in the order of the log. A list continued
// from a cursor neither skips nor doubles a voucher, whatever was booked in between; vouchers that were booked behind the
// cursor meanwhile do not appear. The zero Cursor is the start of a list and, as an answer, its end.
type Cursor struct {
	Day ledger.Day
	Row int // from 1
}

// String gives 20210910-57, and nothing for the zero Cursor.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d", c.Day, c.Row)
}

// ParseCursor reads what String wrote.
func ParseCursor(s string) (Cursor, error) {
	var c Cursor
	if s == "" {
		return c, nil
	}
	if _, err := fmt.Sscanf(s, "%d-%d", &c.Day, &c.Row); err != nil || c.String() != s || !c.Day.Valid() || c.Row < 1 {
		return Cursor{}, fmt.Errorf("parse cursor %q: it was not made by this program", s)
	}
	return c, nil
}

// row is one voucher in the journal. Texts are numbers into Book.names, the narration a place in journal.prose; reverses and
// corrects are rows counted from 1.
type row struct {
	version            uint64
	drawn              ledger.Fen
	narration          place
	number             uint32
	year               uint16
	class              uint8
	negative           bool
	day                ledger.Day
	first, end         uint32 // its postings
	reverses, corrects int32
	papers             int32 // place in journal.papers from 1; 0: none
	party, purpose     int32
	income, resolution int32
	round, run         int32
	file, request      uint32
	policy             uint32
	trueUp             uint16
}

func (r *row) ref() ledger.VoucherRef {
	return ledger.VoucherRef{Class: ledger.Class(r.class), Year: int(r.year), Number: r.number}
}

// posting is one line: account is a place in accounts.list, party a number into Book.names.
type posting struct {
	amount         ledger.Fen
	account, party int32
}

// journal (日记账) is every voucher in the order of the log, with ways to find them.
type journal struct {
	rows     column[row]
	classes  column[uint8] // of each row, close together for the filter that looks at all of them
	postings column[posting]
	prose    prose // narrations
	papers   [][]*eventv1.Document
	numbers  map[numbering]*[]int32        // rows from 1 of each class and year, by number - 1
	newest   [ledger.Transfer + 1]newest   // of numbers, by class: the year that is asked for most
	reversed map[int32]int32               // row from 1 -> the row that turned it back
	links    []link                        // refunds and returns, in the order of the log
	linkOf   map[int32]int                 // row from 1 -> its place in links
	flags    map[int32][]*flagged          // by row from 1
	righted  map[int32][]int32             // row from 1 -> the rows that put it right, from 1
	days     [ledger.Transfer + 1]dayIndex // by class; 0 holds all
	bare     dayIndex                      // without papers

	parties, purposes, resolutions, incomes rowIndexes
	corrections                             rowIndex // reversals, replacements and differences
}

type numbering struct {
	class ledger.Class
	year  int
}

type newest struct {
	year int
	list *[]int32
}

func newJournal() journal {
	return journal{
		numbers: map[numbering]*[]int32{}, reversed: map[int32]int32{}, righted: map[int32][]int32{},
		linkOf: map[int32]int{}, flags: map[int32][]*flagged{},
	}
}

// numbered lists the vouchers of a class and year, nil when there are none.
func (j *journal) numbered(class ledger.Class, year int) []int32 {
	if n := &j.newest[class]; n.year == year && n.list != nil {
		return *n.list
	}
	if list := j.numbers[numbering{class, year}]; list != nil {
		return *list
	}
	return nil
}

// number enters the row counted from 1 of the next voucher of a class and year.
func (j *journal) number(class ledger.Class, year int, place int32) {
	n := &j.newest[class]
	if n.year != year || n.list == nil {
		key := numbering{class, year}
		if j.numbers[key] == nil {
			j.numbers[key] = new([]int32)
		}
		*n = newest{year, j.numbers[key]}
	}
	*n.list = append(*n.list, place)
}

// find gives the row of a voucher counted from 1, 0 when there is none.
func (j *journal) find(ref ledger.VoucherRef) int32 {
	if ref.Class < ledger.Receipt || ref.Class > ledger.Transfer {
		return 0
	}
	list := j.numbered(ref.Class, ref.Year)
	if ref.Number == 0 || int(ref.Number) > len(list) {
		return 0
	}
	return list[ref.Number-1]
}

// post books one voucher of the event whose version the book just took.
func (b *Book) post(v *eventv1.Voucher) {
	j := &b.journal
	place := int32(j.rows.n)
	ref, day := ledger.RefOf(v.Ref), ledger.Day(v.OccurredOn)
	r := row{
		version: b.version, drawn: ledger.Fen(v.DrawnFen), narration: j.prose.add(v.Narration),
		number: ref.Number, year: uint16(ref.Year), class: uint8(ref.Class), negative: v.Negative, day: day,
		first: uint32(j.postings.n), end: uint32(j.postings.n + len(v.Postings)),
		party: b.names.id(v.Party), purpose: b.names.id(v.Purpose), income: b.names.id(v.IncomeKind),
		resolution: b.names.id(v.ResolutionId), round: b.names.id(v.GrantRoundId), run: b.names.id(v.DividendRunId),
		file: v.DividendFile, request: v.RequestNumber, policy: v.PolicyVersion, trueUp: uint16(v.TrueUpYear),
	}
	if len(v.Documents) > 0 {
		j.papers = append(j.papers, ownPapers(v.Documents))
		r.papers = int32(len(j.papers))
	}
	if v.Corrects != nil {
		r.corrects = j.find(ledger.RefOf(v.Corrects))
		j.righted[r.corrects] = append(j.righted[r.corrects], place+1)
	}
	if v.Reverses != nil {
		r.reverses = j.find(ledger.RefOf(v.Reverses))
		j.reversed[r.reverses] = place + 1
	}
	kind := b.kindOf(b.version, v.Reverses != nil)
	for _, p := range v.Postings {
		account := b.accounts.id(p.Account)
		j.postings.append(posting{ledger.Fen(p.AmountFen), account, b.names.id(p.Party)})
		a := b.accounts.list[account]
		if a.flows != nil {
			a.flows.add(a.entries.n, b.endOf(v, p), ledger.Fen(p.AmountFen), debitOf(ledger.Fen(p.AmountFen), v.Negative))
		}
		a.post(place, day, ledger.Fen(p.AmountFen), v.Negative, kind)
	}
	j.rows.append(r)
	j.classes.append(r.class)
	j.days[0].add(day, place)
	j.days[ref.Class].add(day, place)
	if r.papers == 0 {
		j.bare.add(day, place)
	}
	j.number(ref.Class, ref.Year, place+1)
	j.linkBack(v, place+1)
	b.raiseFlags(v, place+1)
	j.enter(&r, place)
	b.postRegisters(v, mark{b.version, day}, place+1)
}

// ownPapers copies papers out of an event, whose memory may be used again.
func ownPapers(documents []*eventv1.Document) []*eventv1.Document {
	own := make([]*eventv1.Document, len(documents))
	for i, d := range documents {
		own[i] = proto.CloneOf(d)
		own[i].Kind, own[i].Issuer, own[i].Number = strings.Clone(d.Kind), strings.Clone(d.Issuer), strings.Clone(d.Number)
		own[i].MediaType = strings.Clone(d.MediaType)
	}
	return own
}

// postRegisters tells the registers what the voucher says about them.
func (b *Book) postRegisters(v *eventv1.Voucher, at mark, place int32) {
	if v.DrawnFen != 0 && v.ResolutionId != "" {
		b.resolutions.byID[v.ResolutionId].draw(at, ledger.Fen(v.DrawnFen))
	}
	if v.RequestNumber != 0 {
		q := b.requests.items[v.RequestNumber-1]
		q.vouchers = append(q.vouchers, place)
	}
	if v.Reverses == nil {
		return
	}
	b.lowerFlags(b.journal.find(ledger.RefOf(v.Reverses)), at)
	if v.GrantRoundId != "" {
		b.turnBackGrant(v, at)
	}
	if v.DividendRunId != "" {
		b.turnBackDividend(v, at)
	}
}

// Voucher gives one voucher; ok is false when it does not count at the moment.
func (b *Book) Voucher(ref ledger.VoucherRef, m Moment) (v Voucher, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	place := b.journal.find(ref)
	if place == 0 || !b.seen(place, w) {
		return Voucher{}, false
	}
	b.voucher(&v, int(place-1), w, nil)
	return v, true
}

func (b *Book) vouchers(rows []int32, lines int, w view) []Voucher {
	list := make([]Voucher, len(rows))
	postings := make([]Posting, 0, lines)
	for i, place := range rows {
		postings = b.voucher(&list[i], int(place), w, postings)
	}
	return list
}

// seen says whether the row counted from 1 counts.
func (b *Book) seen(place int32, w view) bool {
	return int(place) <= w.rows && (w.asOf == 0 || b.journal.rows.at(int(place-1)).day <= w.asOf)
}

// walk yields the rows from a day on that count in a view, by day and row, both ascending or both descending, strictly after
// the cursor in that order.
func (x *dayIndex) walk(from ledger.Day, w view, after Cursor, descending bool) iter.Seq[int32] {
	to := ledger.Day(math.MaxInt32 - 1)
	if w.asOf != 0 {
		to = w.asOf
	}
	if descending {
		return x.walkDown(from, to, w.rows, after)
	}
	return func(yield func(int32) bool) {
		for i := x.search(max(from, after.Day)); i < len(x.days) && x.days[i] <= to; i++ {
			list := x.rows[i][:below(x.rows[i], w.rows)]
			if x.days[i] == after.Day {
				list = list[below(list, after.Row):]
			}
			for _, place := range list {
				if !yield(place) {
					return
				}
			}
		}
	}
}

func (x *dayIndex) walkDown(from, to ledger.Day, rows int, after Cursor) iter.Seq[int32] {
	if after.Day != 0 {
		to = min(to, after.Day)
	}
	return func(yield func(int32) bool) {
		for i := x.search(to+1) - 1; i >= 0 && x.days[i] >= from; i-- {
			end := rows
			if x.days[i] == after.Day {
				end = min(end, after.Row-1)
			}
			list := x.rows[i]
			for k := below(list, end) - 1; k >= 0; k-- {
				if !yield(list[k]) {
					return
				}
			}
		}
	}
}

// below counts the rows of an ascending list that are below a row.
func below(list []int32, row int) int {
	if n := len(list); n == 0 || int(list[n-1]) < row {
		return n
	}
	return sort.Search(len(list), func(k int) bool { return int(list[k]) >= row })
}

// voucher fills in a row as seen from a view, taking room for its postings from the given slice.
func (b *Book) voucher(v *Voucher, place int, w view, room []Posting) []Posting {
	r := b.journal.rows.at(place)
	text := b.names.texts
	*v = Voucher{
		Ref: r.ref(), OccurredOn: r.day, Narration: b.journal.prose.at(r.narration), Drawn: r.drawn, Negative: r.negative,
		Party: text[r.party], Purpose: text[r.purpose], IncomeKind: text[r.income], ResolutionID: text[r.resolution],
		GrantRoundID: text[r.round], DividendRunID: text[r.run], DividendFile: r.file, RequestNumber: r.request,
		PolicyVersion: r.policy, TrueUpYear: int(r.trueUp), Reverses: b.refAt(r.reverses), Corrects: b.refAt(r.corrects), Amount: b.amount(r),
		Version: r.version, Fact: b.fact(r.version), RecordedAt: instant(*b.recorded.at(int(r.version - 1))), Actor: text[*b.actors.at(int(r.version - 1))],
	}
	if r.papers != 0 {
		v.Documents = b.journal.papers[r.papers-1]
	}
	if by := b.journal.reversed[int32(place+1)]; by != 0 && b.seen(by, w) {
		v.ReversedBy = b.refAt(by)
	}
	v.Refunds, v.Returns = b.givesBack(int32(place + 1))
	v.Flags = b.flagsOf(int32(place+1), w)
	if len(b.reviews.byVoucher) > 0 {
		v.Reviews = b.wordsOn(int32(place+1), w)
	}
	if len(b.inquiries.byVoucher) > 0 {
		v.Inquiries = b.questions(int32(place+1), w)
	}
	start := len(room)
	for i := r.first; i < r.end; i++ {
		p := b.journal.postings.at(int(i))
		room = append(room, Posting{b.accounts.list[p.account].name, p.amount, text[p.party]})
	}
	v.Postings = room[start:len(room):len(room)]
	return room
}

// refAt names the voucher of a row counted from 1; 0 gives the zero VoucherRef.
func (b *Book) refAt(place int32) ledger.VoucherRef {
	if place == 0 {
		return ledger.VoucherRef{}
	}
	return b.journal.rows.at(int(place - 1)).ref()
}

// amount is the sum of a row's debits, negative when it counts negative.
func (b *Book) amount(r *row) ledger.Fen {
	var sum ledger.Fen
	for i := r.first; i < r.end; i++ {
		sum += max(b.journal.postings.at(int(i)).amount, 0)
	}
	if r.negative {
		return -sum
	}
	return sum
}

// refs names the vouchers of rows counted from 1 that count.
func (b *Book) refs(rows []int32, w view) []ledger.VoucherRef {
	var list []ledger.VoucherRef
	for _, place := range rows {
		if b.seen(place, w) {
			list = append(list, b.refAt(place))
		}
	}
	return list
}
