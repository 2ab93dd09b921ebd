package projections

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

var endWords = [...]string{"other", "fund", "income", "gift", "purpose", "dividend", "trueup", "opening", "account"}

func (e FlowEnd) word() string { return strings.TrimSuffix(endWords[e.Kind]+":"+e.ID, ":") }

// shownFlows writes flows as "income:rent > fund:dividend 137200.00", a line each.
func shownFlows(list []Flow) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s > %s %v\n", f.From.word(), f.To.word(), f.Amount)
	}
	return b.String()
}

func shownLine(f FundLine) string {
	return fmt.Sprintf("%v %v %v %v", f.Opening, f.Received, f.Spent, f.Closing)
}

// TestBoardOfTheDemo: the figures that domain and vectors give for 2021, worked out by hand.
func TestBoardOfTheDemo(t *testing.T) {
	b := fold(t, serviceEvents(t))
	board := b.Board(Period{20210101, 20211231}, Moment{})
	want := `income:rent > fund:dividend 137200.00
fund:dividend > dividend 137173.92
income:rent > fund:reserve 19600.00
income:rent > fund:welfare 19600.00
fund:welfare > purpose:relief 2200.00
fund:welfare > purpose:scholarship 6300.00
income:rent > fund:maintenance 19600.00
fund:maintenance > purpose:daily_management 4200.00
fund:maintenance > purpose:planting 8355.00
`
	if got := shownFlows(board.Flows); got != want {
		t.Errorf("flows of 2021:\n%s, not\n%s", got, want)
	}
	for i, line := range []string{"68600.00 137200.00 137173.92 68626.08", "9800.00 19600.00 0.00 29400.00", "9800.00 19600.00 8500.00 20900.00", "9800.00 19600.00 12555.00 16845.00"} {
		if got := shownLine(board.Funds[i]); got != line {
			t.Errorf("%s of 2021: %s, not %s", board.Funds[i].Fund, got, line)
		}
	}
	if got := shownLine(board.Total); got != "98000.00 196000.00 158228.92 135771.08" {
		t.Errorf("2021: %s", got)
	}
	var months []string
	for _, m := range board.Months {
		months = append(months, fmt.Sprint(m.Month, " ", shownLine(m.Total)))
	}
	if len(months) != 12 || months[5] != "2021-06 91600.00 98000.00 0.00 189600.00" || months[6] != "2021-07 189600.00 0.00 137173.92 52426.08" ||
		months[8] != "2021-09 52426.08 0.00 14655.00 37771.08" || months[11] != "2021-12 37771.08 98000.00 0.00 135771.08" {
		t.Errorf("months of 2021: %v", months)
	}
	if got := shownLine(board.Months[8].Funds[3]); got != "15400.00 0.00 8355.00 7045.00" {
		t.Errorf("maintenance in September 2021: %s", got)
	}
	all := b.Board(Period{}, Moment{})
	if all.From != 20201220 || all.To != 20221220 || len(all.Months) != 25 || all.Lines != 56 || all.Money[0].Balance != 12676505 {
		t.Errorf("all: %v to %v, %d months, %d lines, %v", all.From, all.To, len(all.Months), all.Lines, all.Money)
	}
	if got := shownFlows(all.Flows); !strings.Contains(got, "income:rent > fund:dividend 343000.00\nfund:dividend > dividend 274379.95\n") ||
		!strings.Contains(got, "fund:welfare > purpose:scholarship 14700.00\n") || !strings.Contains(got, "fund:reserve > purpose:development 36000.00\n") {
		t.Errorf("all flows:\n%s", got)
	}
}

// TestBoardOfManyYears: the last hundred of them, whatever is asked for, and none left out.
func TestBoardOfManyYears(t *testing.T) {
	b := fold(t, newDemo().events)
	for to, first := range map[ledger.Day]ledger.Month{99991231: 990001, 21001130: 200012, 19001231: 190001} {
		months := b.Board(Period{19000101, to}, Moment{}).Months
		if n := len(months); months[0].Month != first || months[n-1].Month != to.Month() || n != min(1200, 12*(to.Year()-1899)) {
			t.Errorf("to %v: %d months from %v to %v", to, n, months[0].Month, months[n-1].Month)
		}
	}
}

// TestBoardOfALateCorrection (V10): the planting cost more than was booked. As known before it, September stands as it was; as known after,
// the reversal and the replacement of its own day come to the difference.
func TestBoardOfALateCorrection(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	september := Period{20210901, 20210930}
	for known, want := range map[uint64]string{d.beforeCorrection: "15400.00 0.00 8355.00 7045.00", 0: "15400.00 0.00 8535.00 6865.00"} {
		board := b.Board(september, Moment{AsKnownAt: known})
		if got := shownLine(board.Funds[3]); got != want || shownLine(board.Months[0].Funds[3]) != want {
			t.Errorf("known at %d: maintenance %s and in its month %s, not %s", known, got, shownLine(board.Months[0].Funds[3]), want)
		}
		if planting := board.Flows[len(board.Flows)-1]; planting.To.ID != "planting" || planting.Amount != board.Funds[3].Spent {
			t.Errorf("known at %d: %s", known, shownFlows(board.Flows))
		}
	}
}

// flowing is a random history in which money goes every way there is, with late days, reversals, and several vouchers an event.
func flowing(t *rapid.T, size int) *chronicle {
	c := decorated(t, size)
	with := newChronicle()
	for _, e := range c.events {
		if e.GetCorrectionMade() == nil {
			with.add(e, e.Vouchers...)
			continue
		}
		for _, v := range e.Vouchers {
			switch rapid.IntRange(0, 9).Draw(t, "kind of voucher") {
			case 0:
				v.TrueUpYear = 2020
			case 1:
				v.DividendRunId = ""
			case 2, 3, 4:
				v.Purpose, v.IncomeKind = "", "" // a transfer, a gift, or whatever its accounts say
			}
			v.OccurredOn += int32(100 * rapid.IntRange(0, 3).Draw(t, "months later"))
		}
		with.add(e, e.Vouchers...)
	}
	return with
}

// modelEnd says in other words than endOf where a posting on a fund came from or went to.
func modelEnd(v *eventv1.Voucher, own int) string {
	others := slices.Delete(slices.Clone(v.Postings), own, own+1)
	outside := slices.IndexFunc(others, func(p *eventv1.Posting) bool { return !strings.HasPrefix(p.Account, "fund/") })
	switch {
	case v.TrueUpYear != 0:
		return "trueup"
	case v.IncomeKind != "":
		return "income:" + v.IncomeKind
	case v.Purpose != "":
		return "purpose:" + v.Purpose
	case outside < 0 && len(others) == 1:
		return "fund:" + strings.TrimPrefix(others[0].Account, "fund/")
	case !strings.HasPrefix(others[outside].Account, "money/"):
		return "account:" + others[outside].Account
	case v.Ref.Class != ledger.Receipt:
		return "other"
	case v.ResolutionId != "":
		return "income"
	}
	return "gift"
}

// modelFlows adds up the columns of every voucher of a period by its ends.
func modelFlows(events []*eventv1.Event, p Period, m Moment) map[string]ledger.Fen {
	flows := map[string]ledger.Fen{}
	for _, v := range seen(events, m) {
		if ledger.Day(v.OccurredOn) < p.From || p.To != 0 && ledger.Day(v.OccurredOn) > p.To {
			continue
		}
		for i, posting := range v.Postings {
			fund, isFund := strings.CutPrefix(posting.Account, "fund/")
			if !isFund {
				continue
			}
			other, amount := modelEnd(v.Voucher, i), ledger.Fen(posting.AmountFen)
			if (amount > 0) != v.Negative {
				flows["fund:"+fund+" > "+other] += amount
			} else if !strings.HasPrefix(other, "fund:") {
				flows[other+" > fund:"+fund] -= amount
			}
		}
	}
	for key, sum := range flows {
		if sum == 0 {
			delete(flows, key)
		}
	}
	return flows
}

// TestBoardAddsUp: whatever was booked in whatever order, at every version and for every period the flows are those of the model, they and
// the months come to the fund statement, and the balances of all kinds to the money.
func TestBoardAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := flowing(t, 25)
		b := NewBook("abc")
		for _, e := range c.events {
			if err := b.Fold(e); err != nil {
				t.Fatal(err)
			}
		}
		p := Period{rapid.SampledFrom([]ledger.Day{0, 20210102, 20210105, 20210201, 20210304}).Draw(t, "from"),
			rapid.SampledFrom([]ledger.Day{0, 20210105, 20210131, 20210309, 20211231}).Draw(t, "to")}
		if p.To != 0 && p.To < p.From {
			p.To = 0
		}
		asOf := rapid.SampledFrom([]ledger.Day{0, 20210103, 20210205, 20210409}).Draw(t, "as of")
		for known := range uint64(len(c.events) + 1) {
			m := Moment{asOf, known}
			board := b.Board(p, m)
			if diff := addsUp(b, board, p, m); diff != "" {
				t.Fatalf("%+v at %+v: %s", p, m, diff)
			}
			got := map[string]ledger.Fen{}
			for _, f := range board.Flows {
				got[f.From.word()+" > "+f.To.word()] += f.Amount
			}
			if want := modelFlows(c.events, p, m); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("flows of %+v at %+v:\n%v\nwant\n%v", p, m, got, want)
			}
			count, papered := 0, 0
			for _, v := range seen(c.events, m) {
				if day := ledger.Day(v.OccurredOn); day >= p.From && (p.To == 0 || day <= p.To) {
					count++
					if len(v.Documents) > 0 {
						papered++
					}
				}
			}
			if board.Lines != count || board.Papered != papered {
				t.Fatalf("%+v at %+v: %d lines, %d with papers, want %d and %d", p, m, board.Lines, board.Papered, count, papered)
			}
		}
	})
}

// addsUp holds a board against the statement of its period and against itself.
func addsUp(b *Book, board Board, p Period, m Moment) string {
	statement := b.FundStatement(p, m)
	if !slices.Equal(board.Funds, statement.Funds) || board.Total != statement.Total || !slices.Equal(board.Money, statement.Money) {
		return fmt.Sprintf("%v, and the statement %v", board.FundStatement, statement)
	}
	in, out := map[string]ledger.Fen{}, map[string]ledger.Fen{}
	for _, f := range board.Flows {
		if f.From.Kind == EndFund {
			out[f.From.ID] += f.Amount
		}
		if f.To.Kind == EndFund {
			in[f.To.ID] += f.Amount
		}
	}
	for i, f := range statement.Funds {
		if in[f.Fund] != f.Received || out[f.Fund] != f.Spent {
			return fmt.Sprintf("%s: %v flowed in and %v out, received %v and spent %v", f.Fund, in[f.Fund], out[f.Fund], f.Received, f.Spent)
		}
		sum := FundLine{Fund: f.Fund, Name: f.Name, Opening: f.Opening, Closing: f.Opening}
		for _, month := range board.Months {
			line := month.Funds[i]
			if line.Opening != sum.Closing || line.Closing != line.Opening+line.Received-line.Spent {
				return fmt.Sprintf("%s in %v: %+v after %v", f.Fund, month.Month, line, sum.Closing)
			}
			sum.Received, sum.Spent, sum.Closing = sum.Received+line.Received, sum.Spent+line.Spent, line.Closing
		}
		if sum != f {
			return fmt.Sprintf("the months of %s come to %+v, the statement says %+v", f.Fund, sum, f)
		}
	}
	end := Moment{cmp.Or(b.view(m).on(p.To).asOf, m.AsOf), m.AsKnownAt}
	have := -board.Total.Closing
	for _, k := range board.Others {
		if k.Kind == ledger.KindReceivable {
			have += k.Balance
		} else {
			have -= k.Balance
		}
	}
	for _, a := range b.Balances(end) {
		if a.Account.Kind() == ledger.KindMoney {
			have += a.Balance
		}
	}
	if have != 0 {
		return fmt.Sprintf("money and receivables less funds and all else are %v", have)
	}
	return ""
}

// TestFlowsOfALongFund: pieces and parts of pieces, whole and up to a day, late days among them.
func TestFlowsOfALongFund(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	var last *eventv1.Voucher
	for i := range 3*chunkLen + 100 {
		day := ledger.Day(20210101 + i/1200)
		if i%97 == 0 {
			day = 20210101
		}
		v := voucher(ledger.Receipt, day, "x", "money/bank", 100+i, "fund/reserve", -100-i)
		v.IncomeKind = []string{"rent", "interest", ""}[i%3]
		if i%5 == 4 {
			v = reversal(last, day)
		}
		c.add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, v)
		last = v
	}
	b := fold(t, c.events)
	for _, known := range []uint64{0, 2, 3, 500, chunkLen, chunkLen + 2, chunkLen + 3, 2000, 3*chunkLen + 2, uint64(len(c.events))} {
		for _, m := range []Moment{{0, known}, {20210101, known}, {20210102, known}, {20210103, known}} {
			for _, p := range []Period{{}, {20210102, 0}, {20210102, 20210102}} {
				board := b.Board(p, m)
				got := map[string]ledger.Fen{}
				for _, f := range board.Flows {
					got[f.From.word()+" > "+f.To.word()] = f.Amount
				}
				if want := modelFlows(c.events, p, m); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%+v at %+v: %v, want %v", p, m, got, want)
				}
			}
		}
	}
}

// TestEndsOfAFundAreBounded: who makes up more ends than a board can show gets the rest as one, and the sums stay right.
func TestEndsOfAFundAreBounded(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	for i := range endsMax + 50 {
		v := voucher(ledger.Receipt, 20210101, "x", "money/bank", 100, "fund/reserve", -100)
		v.IncomeKind = fmt.Sprintf("kind-%d", i)
		c.add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, v)
	}
	b := fold(t, c.events)
	board := b.Board(Period{}, Moment{})
	if diff := addsUp(b, board, Period{}, Moment{}); diff != "" || len(board.Flows) != endsMax+1 || board.Flows[endsMax].Amount != 50*100 {
		t.Errorf("%d flows, %s: %s", len(board.Flows), shownFlows(board.Flows[endsMax-1:]), diff)
	}
}

// TestAccountVouchersKeepTheBalance: with any other filter, in either order and in pages of any length, every line has the balance that
// the account has after it.
func TestAccountVouchersKeepTheBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := decorated(t, 40)
		b := NewBook("abc")
		for _, e := range c.events {
			if err := b.Fold(e); err != nil {
				t.Fatal(err)
			}
		}
		for range 8 {
			linesAgree(t, b, c.events, drawQuery(t), drawMoment(t, len(c.events)))
		}
	})
}

func linesAgree(t *rapid.T, b *Book, events []*eventv1.Event, f VoucherFilter, m Moment) {
	f.Account = "fund/reserve"
	want := map[ledger.VoucherRef]ledger.Fen{}
	var balance ledger.Fen
	rows := seen(events, Moment{})
	for _, row := range selected(events, VoucherFilter{Account: f.Account}, m) {
		v := rows[row-1]
		for _, p := range v.Postings {
			if p.Account == "fund/reserve" {
				balance -= ledger.Fen(p.AmountFen)
			}
		}
		want[ledger.RefOf(v.Ref)] = balance
	}
	var got []int
	for after := (Cursor{}); ; {
		page, next := b.AccountVouchers(f, after, rapid.IntRange(1, 5).Draw(t, "page"), m)
		for _, line := range page {
			got = append(got, int(b.journal.find(line.Ref)))
			if line.Balance != want[line.Ref] {
				t.Fatalf("%+v at %+v: after %v the balance is %v, not %v", f, m, line.Ref, line.Balance, want[line.Ref])
			}
			effects := b.FundEffects(line.Ref, m)
			if i := slices.IndexFunc(effects, func(e FundEffect) bool { return e.Fund == "reserve" }); i < 0 ||
				effects[i] != (FundEffect{"reserve", line.Balance - line.Change, line.Change, line.Balance}) {
				t.Fatalf("%v at %+v does %+v, not %v to %v", line.Ref, m, effects, line.Change, line.Balance)
			}
		}
		if after = next; next == (Cursor{}) {
			break
		}
	}
	if want := selected(events, f, m); !slices.Equal(got, want) {
		t.Fatalf("%+v at %+v: rows %v, want %v", f, m, got, want)
	}
}

// TestDonorsAreToldFromPayers: what receives a gift is known by itself; income, refunds and deposits are none.
func TestDonorsAreToldFromPayers(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	for ref, want := range map[string]bool{"收2020-1": false, "付2021-9": false, "转2021-1": false} {
		v, ok := b.Voucher(refOf(t, ref), Moment{})
		if !ok || v.Given() != want {
			t.Errorf("%s: found %v, a gift %v", ref, ok, v.Given())
		}
	}
	gift := Voucher{Ref: ledger.VoucherRef{Class: ledger.Receipt}, Party: "org/商会", Postings: []Posting{{Account: "money/bank", Amount: 5}, {Account: "fund/welfare", Amount: -5}}}
	own := gift
	own.Postings = []Posting{{Account: "money/bank", Amount: 5}, {Account: "gift/books", Amount: -5}}
	placed, refund, deposit := gift, gift, gift
	placed.ResolutionID, refund.Purpose = "r1", "repair"
	deposit.Postings = []Posting{{Account: "money/bank", Amount: 5}, {Account: "deposit/lease", Amount: -5}}
	for i, c := range []struct {
		v    Voucher
		want bool
	}{{gift, true}, {own, true}, {placed, false}, {refund, false}, {deposit, false}} {
		if c.v.Given() != c.want {
			t.Errorf("%d: a gift %v", i, c.v.Given())
		}
	}
}

func refOf(t *testing.T, s string) ledger.VoucherRef {
	t.Helper()
	ref, err := ledger.ParseVoucherRef("", s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestMonthsOfTheBooks: quiet months between and closed months at an end are there, at every moment only what was known.
func TestMonthsOfTheBooks(t *testing.T) {
	d := newDemo()
	d.on(20220110).add(&eventv1.Event{Fact: &eventv1.Event_PeriodClosed{PeriodClosed: &eventv1.PeriodClosed{Month: 202003}}})
	b := fold(t, d.events)
	list := b.Months(Moment{})
	if len(list) != 22 || list[0].Month != 202003 || list[0].Closed != b.Version() || list[0].Lines != 0 || list[9].Month != 202012 || list[9].Lines != 1 ||
		list[18].Month != 202109 || list[18].Lines != 10 || list[21].Month != 202112 || list[21].Closed != 0 {
		t.Errorf("months %+v", list)
	}
	if list := b.Months(Moment{AsKnownAt: d.beforeCorrection}); len(list) != 10 || list[0].Month != 202012 || list[9].Lines != 8 {
		t.Errorf("months before the correction %+v", list)
	}
	if list := b.Months(Moment{AsKnownAt: NothingKnown}); list != nil {
		t.Errorf("months of nothing %+v", list)
	}
}

// TestRoundsOfTheDemo: grant rounds and dividends in one list, the last first, page by page.
func TestRoundsOfTheDemo(t *testing.T) {
	b := fold(t, newDemo().events)
	var got []string
	for after := 0; ; {
		page, next := b.Rounds(after, 2, Moment{})
		for _, r := range page {
			if g := r.Grant; g != nil {
				got = append(got, fmt.Sprint(g.Id, " ", g.Applicants, " ", g.Total, " ", g.Paid, " ", r.OpenedOn, " ", r.Voucher))
			} else {
				got = append(got, fmt.Sprint(r.Run.RunId, " ", r.Run.Payees, " ", r.Run.Declared, " ", r.Run.Paid, " ", r.OpenedOn, " ", r.Voucher))
			}
		}
		if after = next; next == 0 {
			break
		}
	}
	want := []string{"scholarship-1 6 6300.00 6300.00 2021-08-16 转2021-3", "2021-h1 3211 137173.92 137173.92 2021-07-20 转2021-2", "relief-1 6 2200.00 2200.00 2021-01-11 转2021-1"}
	if !slices.Equal(got, want) {
		t.Errorf("rounds %q, want %q", got, want)
	}
	c := newChronicle()
	c.found("abc")
	award, _ := c.grant("relief-1", "relief", 20210111, 20210125)
	awarded := c.events[len(c.events)-1].Version
	c.add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, reversal(award, 20210126))
	turned := fold(t, c.events)
	if then, _ := turned.Rounds(0, 0, Moment{AsKnownAt: awarded}); then[0].Voucher != ledger.RefOf(award.Ref) {
		t.Errorf("awarded by %v", then[0].Voucher)
	}
	if now, _ := turned.Rounds(0, 0, Moment{}); now[0].Grant.State != RoundNotice || now[0].Voucher != (ledger.VoucherRef{}) {
		t.Errorf("turned back: %v by %v", now[0].Grant.State, now[0].Voucher)
	}
	if list, next := b.Rounds(0, 0, Moment{AsKnownAt: NothingKnown}); list != nil || next != 0 {
		t.Errorf("rounds of nothing %v", list)
	}
}
