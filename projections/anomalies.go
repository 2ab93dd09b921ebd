package projections

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file finds what in the books is worth a look (疑点): functions of the books at a moment, never stored. Each rule says what it
// counts and why its threshold is what it is. All of them look at vouchers that stand: what was turned back is put right already, and
// reversals and differences follow their originals.
//
// An anomaly belongs to the business day of the last voucher it is about, and is judged with what had happened by the last day asked for,
// so that a month that was reviewed shows the same again. Clusters that began before the first day asked for are listed with as much of
// them as the rule's own span reaches back.

// Codes of the rules, in the order of lists.
const (
	SplitUnderTier     = "split_under_tier"     // 化整为零
	DuplicateDocument  = "duplicate_document"   // 重复票据
	SamePayee          = "same_payee"           // 收款人集中
	MissingDocument    = "missing_document"     // 缺少票据
	LateEntry          = "late_entry"           // 迟记
	PolicyDrift        = "policy_drift"         // 分配不符
	GrantWithoutNotice = "grant_without_notice" // 公示不足
	RoundNumbers       = "round_numbers"        // 整数扎堆
)

// AnomalyRules are the codes of all rules, in the order of lists.
var AnomalyRules = []string{SplitUnderTier, DuplicateDocument, SamePayee, MissingDocument, LateEntry, PolicyDrift, GrantWithoutNotice, RoundNumbers}

// Forms in which a rule finds something, where it has several.
const (
	SameNumber    = "number"  // of duplicate_document: cited beyond its total
	SameFile      = "file"    // one file under several numbers
	SameBill      = "bill"    // one amount, day and payee under several numbers
	NoPaper       = "paper"   // of missing_document: no paper at all
	NoFile        = "scan"    // papers by their numbers alone
	OtherPolicy   = "policy"  // of policy_drift: not the policy of its day
	OtherShares   = "shares"  // not the shares of its policy
	NoNotice      = "none"    // of grant_without_notice
	ShortNotice   = "short"   // shorter than it has to be
	RoundPayee    = "payee"   // of round_numbers: everything to one payee
	RoundPurpose  = "purpose" // everything for one purpose
	BelowTheLimit = "below"   // just below a line of the spending rule
)

// The thresholds. They are the same for every collective: a list that whoever is watched could tune would watch nobody.
const (
	// SplitDays is how far apart in days bills may lie that could have been one. A week: who is paid weekly shows up, a monthly bill does not.
	SplitDays = 7

	// PaperDays is how far back the same paper is looked for: three years, longer than an invoice waits to be paid.
	PaperDays = 3*365 + 1

	// Of the payments of one fund in a calendar quarter, which is how often books are published (农经发〔2011〕13号), a payee stands out with
	// PayeeCount of them or more and more than half of all.
	PayeeCount = 5

	// NoPaperFrom is the amount from which every payment and income has a paper, fen: 500 yuan, up to which tax law lets a plain receipt
	// stand for an invoice (国家税务总局公告2018年第28号, art. 9).
	NoPaperFrom ledger.Fen = 500_00
	// NoFileFrom is the amount from which a paper's file is kept too, fen: 1,000 yuan, from which villages ask for three signatures.
	NoFileFrom ledger.Fen = 1_000_00

	// LateDays is after how many days an entry is late: ten, the clock within which doubts are answered (四川省村务公开条例).
	LateDays = 10

	// NoticeDays is how long a grant round is on notice before its award, first and last day counted: a week (relief lists are posted seven
	// working days; here calendar days, because holidays are moved by decree and not by rule).
	NoticeDays = 7

	// RoundUnit is what round amounts are multiples of, fen: 100 yuan. RoundCount of them within RoundDays in a row, to one payee or for one
	// purpose and without any other amount between, are a cluster: work and goods seldom come to round sums four times in a month.
	RoundUnit ledger.Fen = 100_00

	RoundCount = 4
	RoundDays  = 30
	// BelowPart says what is just below a line of the spending rule: less than it by at most its 20th part.
	BelowPart = 20

	// concernedMax bounds the vouchers and the requests that an anomaly lists.
	concernedMax = 50
)

// Anomaly (疑点) is something worth a look. Fields that its rule and form do not speak of are zero.
type Anomaly struct {
	Rule, Form   string
	Day          ledger.Day          // business day of the last voucher concerned, or on which the last request was made
	Vouchers     []ledger.VoucherRef // oldest first, the last concernedMax
	VoucherCount int                 // of all
	Requests     []uint32            // open ones, oldest first, the last concernedMax
	RequestCount int                 // of all

	Party, Fund, Purpose string // who was paid, or paid; empty where there are several
	Round, Document      string
	SpendingRule         uint32 // version
	Policy, PolicyDue    uint32 // version that split it, and the one of its day (0: none)
	Threshold, Sum       ledger.Fen
	Count, Of, Days      int
	First                ledger.Day // of a cluster
}

// Anomalies lists what the given rules (all when there are none) find in the vouchers of a period, by day, then by rule. Both ends of the
// period must be given.
func (b *Book) Anomalies(p Period, rules []string, m Moment) []Anomaly {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r := &radar{b: b, w: b.view(m), from: p.From, to: p.To}
	if len(rules) == 0 {
		rules = AnomalyRules
	}
	for _, rule := range AnomalyRules {
		if slices.Contains(rules, rule) {
			r.look(rule)
		}
	}
	slices.SortStableFunc(r.found, func(x, y Anomaly) int { return cmp.Compare(x.Day, y.Day) })
	return r.found
}

// radar looks at a period of a book.
type radar struct {
	b        *Book
	w        view
	from, to ledger.Day
	outlays  []outlay // of the longest span that a rule about payees reaches back, by day
	gathered bool
	below    []limit // outlays by the limits they stay below
	under    map[limit][]outlay
	found    []Anomaly
}

func (r *radar) look(rule string) {
	first := len(r.found)
	switch rule {
	case SplitUnderTier:
		r.splits()
	case DuplicateDocument:
		r.duplicates()
	case SamePayee:
		r.payees()
	case MissingDocument:
		r.papers()
	case LateEntry:
		r.late()
	case PolicyDrift:
		r.policies()
	case GrantWithoutNotice:
		r.notices()
	case RoundNumbers:
		r.rounds()
	}
	for i := range r.found[first:] {
		r.found[first+i].Rule = rule
	}
}

// stands says whether the row counted from 1 is a voucher of its own that nobody turned back.
func (r *radar) stands(place int32, row *row) bool {
	by := r.b.journal.reversed[place]
	return row.reverses == 0 && (by == 0 || !r.b.seen(by, r.w))
}

// difference says whether a row only changes the amount of another.
func (r *radar) difference(row *row) bool {
	by := r.b.journal.reversed[row.corrects]
	return row.corrects != 0 && (by == 0 || !r.b.seen(by, r.w))
}

// walk yields the vouchers of a class (0: all) that stand, from a day to the last day asked for, in order of day, then of the log.
func (r *radar) walk(class ledger.Class, from ledger.Day, yield func(place int32, row *row)) {
	for i := range r.b.journal.days[class].walk(from, r.w.on(r.to), Cursor{}, false) {
		if row := r.b.journal.rows.at(int(i)); r.stands(i+1, row) && !r.difference(row) {
			yield(i+1, row)
		}
	}
}

// anomaly begins an anomaly about some outlays, oldest first.
func (r *radar) anomaly(form string, about ...outlay) Anomaly {
	a := Anomaly{Form: form, Count: len(about), First: about[0].day}
	same := func(into *string, text string, i int) {
		if i == 0 {
			*into = text
		} else if *into != text {
			*into = ""
		}
	}
	for i, o := range about {
		a.Day = max(a.Day, o.day)
		a.Sum += o.amount
		same(&a.Party, o.payee, i)
		same(&a.Fund, o.fund, i)
		same(&a.Purpose, o.purpose, i)
		if o.place == 0 {
			a.Requests = append(a.Requests, o.request)
			continue
		}
		a.Vouchers = append(a.Vouchers, r.b.refAt(o.place))
	}
	a.VoucherCount, a.RequestCount = len(a.Vouchers), len(a.Requests)
	a.Vouchers, a.Requests = lastOf(a.Vouchers), lastOf(a.Requests)
	return a
}

func lastOf[T any](list []T) []T { return list[max(0, len(list)-concernedMax):] }

// outlay is a payment under the spending rule, or one that is asked for: what a line of the rule covers.
type outlay struct {
	place                int32 // row from 1; 0: a request
	request              uint32
	day                  ledger.Day
	at                   int    // the day as a count of days
	version              uint64 // of the event whose spending rule it went by
	amount               ledger.Fen
	payee, fund, purpose string // fund is empty where a gift or the year's income bears it
	cost                 bool   // the year's income bears it
}

// spends gathers the outlays once; what the bank charges on its own is none. Those before the first day asked for are there for clusters that end in the period.
func (r *radar) spends() []outlay {
	if r.gathered {
		return r.outlays
	}
	r.gathered = true
	reach := min(r.from.Add(-RoundDays), quarterOf(r.from))
	r.walk(ledger.Payment, reach, func(place int32, row *row) {
		if row.purpose != 0 && r.b.fact(row.version) != "fee_charged" {
			r.outlays = append(r.outlays, r.paid(place, row))
		}
	})
	for _, q := range r.b.requests.items {
		if q.day < reach || q.day > r.to || q.made.GetPayment() == nil || !r.w.counts(q.mark) || q.state(r.w) != RequestOpen {
			continue
		}
		r.outlays = append(r.outlays, asked(q))
	}
	slices.SortStableFunc(r.outlays, func(x, y outlay) int { return cmp.Compare(x.day, y.day) })
	var day ledger.Day
	at := 0
	for i := range r.outlays {
		if o := &r.outlays[i]; o.day != day {
			day, at = o.day, ledger.FirstDay.DaysTo(o.day)
		}
		r.outlays[i].at = at
	}
	return r.outlays
}

// paid is the outlay of a payment, which went by the rule that was in force when it was asked for. Of another voucher it has no fund.
func (r *radar) paid(place int32, row *row) outlay {
	b := r.b
	o := outlay{place: place, day: row.day, version: row.version, amount: b.amount(row), payee: b.names.texts[row.party], purpose: b.names.texts[row.purpose]}
	for i := row.first; i < row.end && row.purpose != 0; i++ {
		switch a := b.accounts.list[b.journal.postings.at(int(i)).account].name; {
		case a.Kind() == ledger.KindFund && o.fund == "":
			o.fund = a.ID()
		case a == ledger.ReceivableCost:
			o.cost = true
		}
	}
	if row.request != 0 {
		o.version = b.requests.items[row.request-1].version
	}
	return o
}

// asked is the outlay of a request for a payment.
func asked(q *request) outlay {
	p := q.made.GetPayment()
	return outlay{request: q.made.Number, day: q.day, version: q.version, amount: q.amount, payee: p.Payee, fund: p.Fund, purpose: p.Purpose, cost: p.Cost}
}

// quarterOf is the first day of a day's calendar quarter.
func quarterOf(day ledger.Day) ledger.Day {
	month := int32(day) / 100 % 100
	return ledger.Day(int32(day)/10000*10000 + ((month-1)/3*3+1)*100 + 1)
}

// clusters gives the first and the last place of every cluster in a list ordered by day: stretches in which within some span of days, both
// ends counted as apart by at most that many, enough comes together. Stretches that overlap are one.
func clusters(list []outlay, days int, enough func(first, last int) bool, yield func(first, last int)) {
	from, first, last := 0, -1, -1
	for i := range list {
		for list[from].at < list[i].at-days {
			from++
		}
		if !enough(from, i) {
			continue
		}
		if first >= 0 && from > last {
			yield(first, last)
			first = -1
		}
		if first < 0 {
			first = from
		}
		last = i
	}
	if first >= 0 {
		yield(first, last)
	}
}

// limit is a line of the spending rule as a limit that an outlay stays below.
type limit struct {
	payee, fund, purpose string // fund and purpose of the line; empty: every one
	cost                 bool
	from                 ledger.Fen
}

// limits groups the outlays by payee and by every line that would have asked for more than theirs, had the bill reached its amount, in the
// order in which such groups first appear.
func (r *radar) limits() (order []limit, groups map[limit][]outlay) {
	if r.under != nil {
		return r.below, r.under
	}
	groups = map[limit][]outlay{}
	type scope struct {
		rule          *eventv1.SpendingRuleAdopted
		cost          bool
		fund, purpose string
	}
	deciding := map[scope][]*eventv1.Tier{}
	for _, o := range r.spends() {
		s := scope{r.b.ruleAt(o.version), o.cost, o.fund, o.purpose}
		if s.rule == nil || o.payee == "" {
			continue
		}
		op := eventv1.Operation_OPERATION_PAYMENT
		if o.cost {
			op = eventv1.Operation_OPERATION_COST
		}
		lines, known := deciding[s]
		if !known {
			for _, t := range s.rule.Tiers {
				if t.FromFen > 0 && ledger.FindTier(s.rule, false, op, o.fund, o.purpose, ledger.Fen(t.FromFen)) == t {
					lines = append(lines, t)
				}
			}
			deciding[s] = lines
		}
		for _, t := range lines {
			if o.amount >= ledger.Fen(t.FromFen) || !asksMore(t, ledger.FindTier(s.rule, false, op, o.fund, o.purpose, o.amount)) {
				continue
			}
			l := limit{o.payee, t.Fund, t.Purpose, o.cost, ledger.Fen(t.FromFen)}
			if groups[l] == nil {
				order = append(order, l)
			}
			groups[l] = append(groups[l], o)
		}
	}
	r.below, r.under = order, groups
	return order, groups
}

// asksMore says whether a line of the spending rule asks for something that another does not.
func asksMore(t, than *eventv1.Tier) bool {
	return t.Approvals > than.GetApprovals() || t.Review && !than.GetReview() || t.ResolutionBody != "" && t.ResolutionBody != than.GetResolutionBody()
}

// splits finds two or more payments to one payee, at most SplitDays apart, each below the amount from which a line of the spending rule asks
// for more, and together at or above it. The line is one of the rule that each of them went by.
func (r *radar) splits() {
	order, groups := r.limits()
	for _, l := range order {
		list := groups[l]
		sums := make([]ledger.Fen, len(list)+1)
		for i, o := range list {
			sums[i+1] = sums[i] + o.amount
		}
		clusters(list, SplitDays, func(first, last int) bool { return last > first && sums[last+1]-sums[first] >= l.from }, func(first, last int) {
			r.underLimit("", l, list[first:last+1])
		})
	}
}

// underLimit adds a cluster of outlays below a limit.
func (r *radar) underLimit(form string, l limit, about []outlay) {
	if about[len(about)-1].day < r.from {
		return
	}
	a := r.anomaly(form, about...)
	a.Threshold, a.Days = l.from, about[len(about)-1].at-about[0].at
	a.SpendingRule = r.b.ruleAt(about[len(about)-1].version).GetVersion()
	r.found = append(r.found, a)
}

// bill says whether a paper is one that money is paid on: contracts, minutes and lists stand behind many payments.
func bill(d *eventv1.Document) bool {
	return d.Kind != "contract" && d.Kind != "minutes" && d.Kind != "list"
}

// paperName is how an issuer names a paper, whatever kind somebody took it for.
type paperName struct{ issuer, number string }

// citation is a paper as a voucher (place: its row from 1) or an open request cites it.
type citation struct {
	place   int32
	request uint32
	doc     *eventv1.Document
}

// duplicates finds papers that are paid on twice: a number cited beyond its total, which is refused within one kind of paper and possible
// across kinds; one file under several numbers; and bills of one total, day and payee under several numbers.
func (r *radar) duplicates() {
	type sameBill struct {
		day   ledger.Day
		payee string
		total int64
	}
	var names []paperName
	var files []string
	var alike []sameBill
	byName, byFile, byBill := map[paperName][]citation{}, map[string][]citation{}, map[sameBill][]citation{}
	r.papered(r.from, func(c citation) { // what is in the period
		if name := (paperName{c.doc.Issuer, c.doc.Number}); bill(c.doc) {
			if _, noted := byName[name]; !noted {
				names = append(names, name)
				byName[name] = nil
			}
			if o := r.citing(c); o.payee != "" && o.purpose != "" {
				key := sameBill{o.day, o.payee, c.doc.TotalFen}
				if byBill[key] == nil {
					alike = append(alike, key)
				}
				byBill[key] = append(byBill[key], c)
			}
		}
		if _, noted := byFile[string(c.doc.Sha256)]; len(c.doc.Sha256) > 0 && !noted {
			files = append(files, string(c.doc.Sha256))
			byFile[string(c.doc.Sha256)] = nil
		}
	})
	r.papered(r.from.Add(-PaperDays), func(c citation) { // what cites the same, however long ago
		name := paperName{c.doc.Issuer, c.doc.Number}
		if list, noted := byName[name]; noted && bill(c.doc) {
			byName[name] = append(list, c)
		}
		if list, noted := byFile[string(c.doc.Sha256)]; noted {
			byFile[string(c.doc.Sha256)] = append(list, c)
		}
	})
	for _, name := range names {
		r.overCited(name, byName[name])
	}
	for _, file := range files {
		if severalNumbers(byFile[file]) {
			r.cited(SameFile, byFile[file])
		}
	}
	for _, key := range alike {
		if severalNumbers(byBill[key]) {
			if a := r.cited(SameBill, byBill[key]); a != nil {
				a.Threshold = ledger.Fen(key.total)
			}
		}
	}
}

// papered yields every citation from a day on: by vouchers that stand, then by open requests.
func (r *radar) papered(from ledger.Day, yield func(citation)) {
	r.walk(0, from, func(place int32, row *row) {
		if row.papers == 0 {
			return
		}
		for _, d := range r.b.journal.papers[row.papers-1] {
			yield(citation{place: place, doc: d})
		}
	})
	for _, o := range r.spends() {
		if o.place != 0 || o.day < from {
			continue
		}
		for _, d := range r.b.requests.items[o.request-1].made.GetPayment().GetDocuments() {
			yield(citation{request: o.request, doc: d})
		}
	}
}

// citing is the outlay that cites a paper.
func (r *radar) citing(c citation) outlay {
	if c.place != 0 {
		return r.paid(c.place, r.b.journal.rows.at(int(c.place-1)))
	}
	return asked(r.b.requests.items[c.request-1])
}

// severalNumbers says whether papers are cited under different numbers.
func severalNumbers(list []citation) bool {
	return slices.ContainsFunc(list, func(c citation) bool { return c.doc.Issuer != list[0].doc.Issuer || c.doc.Number != list[0].doc.Number })
}

// overCited holds that all that cite a number together cite at most its total, the smallest that was written down. What one voucher cites
// of it under two kinds it cites once.
func (r *radar) overCited(name paperName, list []citation) {
	if len(list) < 2 {
		return
	}
	var sum, total ledger.Fen
	parts := map[citation]ledger.Fen{}
	for i, c := range list {
		key := citation{place: c.place, request: c.request}
		if part := ledger.Fen(c.doc.CitedFen); part > parts[key] {
			sum += part - parts[key]
			parts[key] = part
		}
		if t := ledger.Fen(c.doc.TotalFen); i == 0 || t < total {
			total = t
		}
	}
	if sum <= total {
		return
	}
	if a := r.cited(SameNumber, list); a != nil {
		a.Document, a.Sum, a.Threshold = name.issuer+" "+name.number, sum, total
	}
}

// cited adds an anomaly about those that cite papers, each once; nil when it is one alone.
func (r *radar) cited(form string, list []citation) *Anomaly {
	var about []outlay
	for i, c := range list {
		if !slices.ContainsFunc(list[:i], func(o citation) bool { return o.place == c.place && o.request == c.request }) {
			about = append(about, r.citing(c))
		}
	}
	if len(about) < 2 {
		return nil
	}
	r.found = append(r.found, r.anomaly(form, about...))
	return &r.found[len(r.found)-1]
}

// payees finds who got PayeeCount payments or more of a fund in a calendar quarter, and more than half of all.
func (r *radar) payees() {
	type share struct {
		fund    string
		quarter ledger.Day
		payee   string
	}
	var order []share
	to, all := map[share][]outlay{}, map[share]int{}
	for _, o := range r.spends() {
		if o.place == 0 || o.fund == "" || o.payee == "" {
			continue
		}
		key := share{o.fund, quarterOf(o.day), o.payee}
		if to[key] == nil {
			order = append(order, key)
		}
		to[key] = append(to[key], o)
		all[share{key.fund, key.quarter, ""}]++
	}
	for _, key := range order {
		list, of := to[key], all[share{key.fund, key.quarter, ""}]
		if len(list) < PayeeCount || 2*len(list) <= of || list[len(list)-1].day < r.from || key.quarter < quarterOf(r.from) {
			continue
		}
		a := r.anomaly("", list...)
		a.Of, a.First = of, key.quarter
		r.found = append(r.found, a)
	}
}

// papers finds payments and incomes of NoPaperFrom or more without a paper, and of NoFileFrom or more whose papers have no file.
func (r *radar) papers() {
	b := r.b
	r.walk(0, r.from, func(place int32, row *row) {
		if row.purpose == 0 && row.income == 0 || row.trueUp != 0 {
			return
		}
		amount := b.amount(row)
		form, threshold := "", NoPaperFrom
		switch {
		case row.papers == 0 && amount >= NoPaperFrom:
			form = NoPaper
		case row.papers != 0 && amount >= NoFileFrom && !slices.ContainsFunc(b.journal.papers[row.papers-1], func(d *eventv1.Document) bool { return len(d.Sha256) > 0 }):
			form, threshold = NoFile, NoFileFrom
		default:
			return
		}
		a := r.anomaly(form, r.paid(place, row))
		a.Threshold = threshold
		r.found = append(r.found, a)
	})
}

// late finds vouchers recorded more than LateDays after their business day. Opening balances are of the past by nature, and what corrects
// is late because its original was wrong.
func (r *radar) late() {
	b := r.b
	r.walk(0, r.from, func(place int32, row *row) {
		if row.corrects != 0 || b.fact(row.version) == "opening_confirmed" {
			return
		}
		if days := row.day.DaysTo(b.recordedOn(row.version)); days > LateDays {
			a := r.anomaly("", r.paid(place, row))
			a.Days = days
			r.found = append(r.found, a)
		}
	})
}

// policies finds income that was split by another policy than the one of its day as it is known now, which happens when a policy is adopted
// with effect in the past, and policies whose funds did not get their shares: over all that a policy split in the period, each fund's sum is
// off by less than one fen a split and one more. Rounding by largest fractions is off by less than one each time; rounding by carry by less
// than two in all, but what is turned back later leaves its odd fen behind.
func (r *radar) policies() {
	b := r.b
	type pair struct{ used, due uint32 }
	var pairs []pair
	wrong := map[pair][]outlay{}
	splits := map[uint32][]int32{} // standing rows from 1, by policy
	var used []uint32
	r.walk(0, r.from, func(place int32, row *row) {
		if row.policy == 0 || row.income == 0 || row.trueUp != 0 {
			return
		}
		if splits[row.policy] == nil {
			used = append(used, row.policy)
		}
		splits[row.policy] = append(splits[row.policy], place)
		if due := r.policyOf(b.names.texts[row.income], row.day); due != row.policy {
			key := pair{row.policy, due}
			if wrong[key] == nil {
				pairs = append(pairs, key)
			}
			wrong[key] = append(wrong[key], outlay{place: place, day: row.day, amount: b.amount(row)})
		}
	})
	for _, key := range pairs {
		a := r.anomaly(OtherPolicy, wrong[key]...)
		a.Policy, a.PolicyDue = key.used, key.due
		r.found = append(r.found, a)
	}
	for _, version := range used {
		r.shares(version, splits[version])
	}
}

// policyOf is the version of the policy in force for a kind of income on a day, as known, 0 for none: the latest to take effect, of those
// of one day the latest adopted.
func (r *radar) policyOf(kind string, day ledger.Day) (version uint32) {
	var effective int32
	for _, p := range r.b.charter.policies {
		if p.version <= r.w.version && ledger.Day(p.fact.EffectiveOn) <= day && p.fact.EffectiveOn >= effective && slices.Contains(p.fact.IncomeKinds, kind) {
			version, effective = p.fact.Version, p.fact.EffectiveOn
		}
	}
	return version
}

// shares holds what funds got by a policy against its shares.
func (r *radar) shares(version uint32, rows []int32) {
	b := r.b
	i := slices.IndexFunc(b.charter.policies, func(p adopted[*eventv1.PolicyAdopted]) bool { return p.fact.Version == version })
	if i < 0 {
		return
	}
	var total ledger.Fen
	got := map[string]ledger.Fen{}
	about := make([]outlay, 0, len(rows))
	for _, place := range rows {
		row := b.journal.rows.at(int(place - 1))
		about = append(about, outlay{place: place, day: row.day, amount: b.amount(row)})
		for k := row.first; k < row.end; k++ {
			p := b.journal.postings.at(int(k))
			if a := b.accounts.list[p.account].name; a.Kind() == ledger.KindFund {
				got[a.ID()] -= p.amount
				total -= p.amount
			} else if fund, ok := strings.CutPrefix(b.names.texts[p.party], "fund/"); ok {
				got[fund] -= p.amount // made good what the fund had left pending
				total -= p.amount
			}
		}
	}
	for _, s := range b.charter.policies[i].fact.Shares {
		off := drift(got[s.Fund], total, s.Share)
		if bound := new(big.Int).Mul(big.NewInt(int64(len(rows)+1)), new(big.Int).SetUint64(s.Share.GetDenominator())); off == nil || off.CmpAbs(bound) < 0 {
			continue
		}
		a := r.anomaly(OtherShares, about...)
		a.Policy, a.Fund, a.Of = version, s.Fund, len(rows)
		a.Threshold = ledger.Fen(new(big.Int).Quo(off, new(big.Int).SetUint64(s.Share.Denominator)).Int64())
		a.Sum = got[s.Fund]
		r.found = append(r.found, a)
	}
}

// drift is how far an amount lies above a share of a total, in parts of a fen of the share's denominator; nil for no share.
func drift(got, total ledger.Fen, share *eventv1.Fraction) *big.Int {
	if share.GetDenominator() == 0 {
		return nil
	}
	has := new(big.Int).Mul(big.NewInt(int64(got)), new(big.Int).SetUint64(share.Denominator))
	due := new(big.Int).Mul(big.NewInt(int64(total)), new(big.Int).SetUint64(share.Numerator))
	return has.Sub(has, due)
}

// notices finds awards of the period, not turned back, before which the round was on notice for less than NoticeDays, or not at all. Only
// days before the award count.
func (r *radar) notices() {
	b := r.b
	for _, round := range b.rounds.items {
		award, ok := r.w.last(round.steps)
		if !ok || award.state != RoundAwarded || award.day < r.from || award.day > r.to {
			continue
		}
		form, days := NoNotice, 0
		for _, n := range round.notices {
			if n.version < award.version {
				form, days = ShortNotice, max(ledger.Day(n.fact.NoticeFrom).DaysTo(min(ledger.Day(n.fact.NoticeTo), award.day.Add(-1)))+1, 0)
			}
		}
		if days >= NoticeDays {
			continue
		}
		row := b.journal.rows.at(b.firstRow(award.version))
		a := r.anomaly(form, outlay{place: int32(b.firstRow(award.version) + 1), day: award.day, amount: b.amount(row)})
		a.Round, a.Days, a.Fund, a.Purpose = round.opened.Id, days, round.opened.Fund, round.opened.Purpose
		r.found = append(r.found, a)
	}
}

// rounds finds clusters of round amounts to one payee or for one purpose, and of amounts just below a line of the spending rule to one
// payee. What members get is left out: rules give it, and rules give round amounts.
func (r *radar) rounds() {
	type key struct{ payee, fund, purpose string }
	var order []key
	groups := map[key][]outlay{}
	add := func(k key, o outlay) {
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], o)
	}
	for _, o := range r.spends() {
		if o.place == 0 || o.payee == "" || strings.HasPrefix(o.payee, "member/") {
			continue
		}
		add(key{payee: o.payee}, o)
		add(key{fund: o.fund, purpose: o.purpose}, o)
	}
	for _, k := range order {
		form := RoundPayee
		if k.payee == "" {
			form = RoundPurpose
		}
		r.round(form, groups[k])
	}
	limits, under := r.limits()
	for _, l := range limits {
		near := slices.DeleteFunc(slices.Clone(under[l]), func(o outlay) bool { return o.place == 0 || BelowPart*(l.from-o.amount) > l.from })
		clusters(near, RoundDays, func(first, last int) bool { return last-first+1 >= RoundCount }, func(first, last int) {
			r.underLimit(BelowTheLimit, l, near[first:last+1])
		})
	}
}

// round finds the clusters of round amounts in a list. Those for one purpose go to several payees, or their payee's cluster says it all.
func (r *radar) round(form string, list []outlay) {
	other := make([]int, len(list)+1) // how many amounts before are not round
	for i, o := range list {
		other[i+1] = other[i]
		if o.amount%RoundUnit != 0 {
			other[i+1]++
		}
	}
	clusters(list, RoundDays, func(first, last int) bool { return last-first+1 >= RoundCount && other[first] == other[last+1] }, func(first, last int) {
		about := list[first : last+1]
		several := slices.ContainsFunc(about, func(o outlay) bool { return o.payee != about[0].payee })
		if about[len(about)-1].day < r.from || form == RoundPurpose && !several {
			return
		}
		a := r.anomaly(form, about...)
		a.Days = about[len(about)-1].at - about[0].at
		r.found = append(r.found, a)
	})
}
