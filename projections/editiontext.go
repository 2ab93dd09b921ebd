package projections

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// EditionBytesMax bounds the text of an edition: some ten thousand vouchers.
const EditionBytesMax = 3 << 20

// EditionTooLongError says that the text of an edition would be longer than EditionBytesMax.
type EditionTooLongError struct{ First, Last ledger.Day }

func (e *EditionTooLongError) Error() string {
	return fmt.Sprintf("the edition of %v to %v has more than %d bytes", e.First, e.Last, EditionBytesMax)
}

// EditionText (公示文本) is the board of some business days as of a version of the log, which has to be one of the book's: a text that follows
// from the first so many events alone, whatever came later and whoever writes it. It has nothing in it that DisclosureService does
// not show to everybody. Its digest is what EditionPublished holds; the form is for ever:
//
//	mingzhang/edition@v1
//	origin <origin of the log>
//	collective <id> "<public name>"
//	days <first> <last>                        YYYY-MM-DD
//	version <number of events it is made from>
//	simulated_clock                            only where the books are a demonstration
//	policy <version> <effective on> <rounding> <resolution> <kinds of income, with commas>   each that is in force on the last day
//	share <fund> <numerator>/<denominator>     each of its shares
//	fund <id> "<name>" <opening> <received> <spent> <closing>
//	funds <opening> <received> <spent> <closing>
//	money <account> "<name>" <balance on the last day>
//	voucher <number> <day> <amount> <purpose> <kind of income> <policy> <resolution> <round> <run> "<narration>"   by day, then number of the log
//	posting <account> <amount>                 each of its postings, debit positive
//	turned <number> <turned by>                where it reverses, corrects, refunds or returns another: reverses, corrects, refunds, returns, reversed_by
//	word <number> <verdict> "<remark>"         where a supervisor refuses it or remarks on it
//	vouchers <count> receipt <sum> payment <sum> transfer <sum>
//	flag <number> <day> <kind> <amount> <resolution> <ratify by> <body>   each that is open on the last day
//	review <month> <signed> <refused> <remarked>   each closed month of these days
//	remark <month> <verdict> "<remark>"            each that says something
//	end
//
// Amounts are yuan with two decimals. What is not there is written -. A line ends with \n, its parts are separated by one space. In
// quotes, " and \ have a \ before them, and controls and invisible marks stand as \u{hex}: no text can make a line.
//
// A text beyond EditionBytesMax is a *EditionTooLongError.
func (b *Book) EditionText(first, last ledger.Day, version uint64) (string, error) {
	m := b.Pin(Moment{AsKnownAt: version, AsOf: last})
	if version == 0 || m.AsKnownAt != version {
		return "", &ErrBehind{Have: b.Version(), Want: version}
	}
	w := &editionWriter{book: b, first: first, last: last, at: m}
	w.head()
	w.policies()
	w.funds()
	w.vouchers()
	w.flags()
	w.reviews()
	w.line("end")
	if w.Len() > EditionBytesMax {
		return "", &EditionTooLongError{first, last}
	}
	return w.String(), nil
}

// editionWriter writes a text line by line.
type editionWriter struct {
	strings.Builder
	book        *Book
	first, last ledger.Day
	at          Moment
}

// full says that nothing more needs to be written.
func (w *editionWriter) full() bool { return w.Len() > EditionBytesMax }

// line writes a word and what follows it.
func (w *editionWriter) line(word string, parts ...any) {
	w.WriteString(word)
	for _, p := range parts {
		w.WriteByte(' ')
		fmt.Fprint(w, p)
	}
	w.WriteByte('\n')
}

func (w *editionWriter) head() {
	c := w.book.Collective(w.last, w.at)
	w.line("mingzhang/edition@v1")
	w.line("origin", c.Charter.LogOrigin)
	w.line("collective", c.Charter.CollectiveId, inQuotes(c.Charter.Name))
	w.line("days", w.first, w.last)
	w.line("version", w.at.AsKnownAt)
	if c.Charter.SimulatedClock {
		w.line("simulated_clock")
	}
}

// policies writes those that the last day's income would be split by.
func (w *editionWriter) policies() {
	all := w.book.Policies(w.at)
	inForce := map[string]Policy{} // by kind of income
	for _, p := range all {
		for _, kind := range p.IncomeKinds {
			if best, ok := inForce[kind]; !ok || p.EffectiveOn >= best.EffectiveOn {
				inForce[kind] = p
			}
		}
	}
	for _, p := range all {
		if !slices.ContainsFunc(p.IncomeKinds, func(kind string) bool { return inForce[kind].Version == p.Version }) {
			continue
		}
		kinds := make([]string, len(p.IncomeKinds))
		for i, kind := range p.IncomeKinds {
			kinds[i] = idWord(kind)
		}
		w.line("policy", p.Version, ledger.Day(p.EffectiveOn), enumWord(p.Rounding), idWord(p.ResolutionId), strings.Join(kinds, ","))
		for _, s := range p.Shares {
			w.line("share", idWord(s.Fund), fmt.Sprintf("%d/%d", s.Share.GetNumerator(), s.Share.GetDenominator()))
		}
	}
}

func (w *editionWriter) funds() {
	statement := w.book.FundStatement(Period{w.first, w.last}, w.at)
	for _, f := range statement.Funds {
		w.line("fund", idWord(f.Fund), inQuotes(f.Name), f.Opening, f.Received, f.Spent, f.Closing)
	}
	t := statement.Total
	w.line("funds", t.Opening, t.Received, t.Spent, t.Closing)
	names := map[ledger.Account]string{}
	for _, a := range w.book.Collective(w.last, w.at).MoneyAccounts {
		names[ledger.MoneyAccount(a.Id)] = a.Name
	}
	for _, a := range statement.Money {
		w.line("money", idWord(string(a.Account)), inQuotes(names[a.Account]), a.Balance)
	}
}

func (w *editionWriter) vouchers() {
	var sums [ledger.Transfer + 1]ledger.Fen
	count := 0
	filter := VoucherFilter{From: w.first, To: w.last}
	for after := (Cursor{}); ; {
		list, next := w.book.Vouchers(filter, after, PageMax, w.at)
		for _, v := range list {
			w.voucher(v)
			sums[v.Ref.Class] += v.Amount
			count++
		}
		if after = next; next == (Cursor{}) || w.full() {
			break
		}
	}
	w.line("vouchers", count, "receipt", sums[ledger.Receipt], "payment", sums[ledger.Payment], "transfer", sums[ledger.Transfer])
}

func (w *editionWriter) voucher(v Voucher) {
	policy := "-"
	if v.PolicyVersion != 0 {
		policy = fmt.Sprint(v.PolicyVersion)
	}
	w.line("voucher", v.Ref, v.OccurredOn, v.Amount, idWord(v.Purpose), idWord(v.IncomeKind), policy, idWord(v.ResolutionID),
		idWord(v.GrantRoundID), idWord(v.DividendRunID), inQuotes(v.Narration))
	for _, p := range v.Postings {
		w.line("posting", idWord(string(p.Account)), p.Amount)
	}
	for _, other := range []struct {
		how string
		ref ledger.VoucherRef
	}{{"reverses", v.Reverses}, {"corrects", v.Corrects}, {"refunds", v.Refunds}, {"returns", v.Returns}, {"reversed_by", v.ReversedBy}} {
		if other.ref != (ledger.VoucherRef{}) {
			w.line("turned", v.Ref, other.how, other.ref)
		}
	}
	for _, r := range v.Reviews {
		w.line("word", v.Ref, enumWord(r.Verdict), inQuotes(r.Remark))
	}
}

func (w *editionWriter) flags() {
	for after := 0; ; {
		list, next := w.book.OpenFlags(after, PageMax, w.at)
		for _, f := range list {
			by := "-"
			if f.RatifyBy != 0 {
				by = ledger.Day(f.RatifyBy).String()
			}
			w.line("flag", f.Voucher, f.OccurredOn, enumWord(f.Kind), ledger.Fen(f.AmountFen), idWord(f.ResolutionId), by, idWord(f.Body))
		}
		if after = next; next == 0 || w.full() {
			return
		}
	}
}

func (w *editionWriter) reviews() {
	for after := 0; ; {
		list, next := w.book.PeriodReviews(after, PageMax, w.at)
		for _, p := range list {
			if p.Month < w.first.Month() || p.Month > w.last.Month() {
				continue
			}
			w.line("review", p.Month, p.Signed, p.Refused, p.Remarked)
			for _, r := range p.Reviews {
				if r.Remark != "" {
					w.line("remark", p.Month, enumWord(r.Verdict), inQuotes(r.Remark))
				}
			}
		}
		if after = next; next == 0 || w.full() {
			return
		}
	}
}

// enumWord is the name of a value without that of its type, e.g. largest_fraction.
func enumWord(value protoreflect.Enum) string {
	d := value.Descriptor()
	name := d.Values().ByNumber(value.Number())
	if name == nil {
		return fmt.Sprint(value.Number())
	}
	word := strings.ToLower(string(name.Name()))
	for _, prefix := range []string{"rounding_", "flag_kind_", "verdict_"} {
		word = strings.TrimPrefix(word, prefix)
	}
	return word
}

// idWord writes an id as it is, and anything that is none in quotes.
func idWord(id string) string {
	if id == "" {
		return "-"
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '/' && (c != '-' || i == 0) {
			return inQuotes(id)
		}
	}
	return id
}

// hidden are ranges of characters that a reader would not see, or that turn the direction of others. The list is ours, for a text may not
// depend on the tables of some year.
var hidden = [...][2]rune{{0, 0x1f}, {0x7f, 0xa0}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202f}, {0x2060, 0x206f}, {0xfeff, 0xfeff},
	{0xfff9, 0xfffd}, {0xe0000, 0xe0fff}}

// inQuotes writes a text so that it stays within its quotes and its line, and shows all that is in it.
func inQuotes(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case slices.ContainsFunc(hidden[:], func(h [2]rune) bool { return h[0] <= r && r <= h[1] }):
			fmt.Fprintf(&b, "\\u{%x}", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
