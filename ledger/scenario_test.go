package ledger_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// TestScenarios runs the tables of testdata/scenarios, which an accountant can read and change; their README says how.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d scenario tables: %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) { runScenario(t, name) })
	}
}

func runScenario(t *testing.T, name string) {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &scenario{t: t, name: filepath.Base(name)}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		s.line++
		text, _, _ := strings.Cut(lines.Text(), "#")
		if words := strings.Fields(text); len(words) > 0 {
			s.run(words)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if s.expected == 0 {
		t.Errorf("%s expects nothing", name)
	}
}

// scenario is one table being run.
type scenario struct {
	*ledgertest.Books
	t        *testing.T
	name     string
	line     int
	expected int  // expectations met so far
	seen     int  // vouchers that voucher lines have named
	fixtures int  // names made up for resolutions
	wider    bool // whether the rule knows of costs and transfers
}

func (s *scenario) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.name, s.line, fmt.Sprintf(format, args...))
}

// run carries out one line.
func (s *scenario) run(words []string) {
	s.t.Helper()
	switch words[0] {
	case "start":
		s.Books = ledgertest.Demo(s.t, words[1])
		s.seen = len(s.Vouchers())
		if len(words) > 2 { // from the first voucher
			s.seen = 0
		}
	case "balance":
		s.balances(words[1], words[2:])
	case "drawn":
		s.drawn(words[1], words[2])
	default:
		if _, err := ledger.ParseVoucherRef("", words[0]); err == nil {
			s.voucher(words)
			return
		}
		s.command(words)
	}
}

// names of the columns: the four funds, the bank, and whatever else stands as a path.
var columns = map[string]ledger.Account{"D": ledgertest.Dividend, "R": ledgertest.Reserve, "W": ledgertest.Welfare, "M": ledgertest.Maintenance, "bank": ledgertest.Bank}

func (s *scenario) balances(day string, pairs []string) {
	s.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		account, ok := columns[pairs[i]]
		if !ok {
			account = ledger.Account(pairs[i])
		}
		if got, want := s.Balance(account, day), ledgertest.Yuan(pairs[i+1]); got != want {
			s.fail("%s on %s is %v, want %v", pairs[i], day, got, want)
		}
		s.expected++
	}
}

func (s *scenario) drawn(resolution, want string) {
	s.t.Helper()
	var sum ledger.Fen
	for _, v := range s.Vouchers() {
		if v.ResolutionId == resolution {
			sum += ledger.Fen(v.DrawnFen)
		}
	}
	if sum != ledgertest.Yuan(want) {
		s.fail("%s has drawn %v, want %s", resolution, sum, want)
	}
	s.expected++
}

// voucher compares the next voucher of the log: number, day, amount, and D R W M bank after it.
func (s *scenario) voucher(words []string) {
	s.t.Helper()
	all := s.Vouchers()
	if s.seen == len(all) {
		s.fail("there is no voucher %s", words[0])
	}
	v := all[s.seen]
	s.seen++
	got := fmt.Sprintf("%v %v %v", ledger.RefOf(v.Ref), ledger.Day(v.OccurredOn), ledger.Amount(v))
	if want := fmt.Sprintf("%s %s %v", words[0], words[1], ledgertest.Yuan(words[2])); got != want {
		s.fail("the voucher is %s, want %s", got, want)
	}
	running := map[ledger.Account]ledger.Fen{}
	for _, earlier := range all[:s.seen] {
		for _, p := range earlier.Postings {
			a := ledger.Account(p.Account)
			running[a] += a.Sign() * ledger.Fen(p.AmountFen)
		}
	}
	for i, name := range []string{"D", "R", "W", "M", "bank"} {
		if got, want := running[columns[name]], ledgertest.Yuan(words[3+i]); got != want {
			s.fail("%s after %s is %v, want %v", name, words[0], got, want)
		}
		s.expected++
	}
}

// command carries out a dated line and compares what follows -> or refused.
func (s *scenario) command(words []string) {
	s.t.Helper()
	date, rest := words[0], words[1:]
	var want []string
	refused := false
	for i, w := range rest {
		if w == "->" || w == "refused" {
			rest, want, refused = rest[:i], rest[i+1:], w == "refused"
			break
		}
	}
	before := len(s.Events)
	err := s.give(date, rest)
	switch {
	case refused && err == nil:
		s.fail("accepted, want the refusal %s", want[0])
	case !refused && err != nil:
		s.fail("%v", err)
	case refused:
		r, ok := err.(*ledger.Refusal)
		if !ok || string(r.Reason) != want[0] {
			s.fail("got %v, want the refusal %s", err, want[0])
		}
		for _, figure := range want[1:] {
			name, value, _ := strings.Cut(figure, "=")
			if r.Figure(name) != strings.ReplaceAll(value, ",", "") {
				s.fail("refused with %s %s, want %s", name, r.Figure(name), value)
			}
		}
	case len(want) > 0:
		if got := ledgertest.Refs(s.Events[before:]); got != strings.Join(want, " ") {
			s.fail("booked %s, want %s", got, strings.Join(want, " "))
		}
	}
	s.expected += len(want)
}

// option finds "name value" among words.
func option(words []string, name string) string {
	for i := 0; i+1 < len(words); i++ {
		if words[i] == name {
			return words[i+1]
		}
	}
	return ""
}

func (s *scenario) day(date string, words []string) ledger.Day {
	if on := option(words, "on"); on != "" {
		return ledgertest.Day(on)
	}
	return ledgertest.Day(date)
}

// give turns the words of a line into commands; an outlay runs through request, review, approval and settlement.
func (s *scenario) give(date string, w []string) error {
	on := s.day(date, w)
	treasurer := func(c ledger.Command) error { _, err := s.Try(date, ledgertest.Treasurer, c); return err }
	approver := func(c ledger.Command) error { _, err := s.Try(date, ledgertest.Approver, c); return err }
	switch w[0] {
	case "income":
		return treasurer(&ledger.RecordIncome{Kind: w[1], Amount: ledgertest.Yuan(w[2]), On: on, Money: "bank"})
	case "deposit":
		return treasurer(&ledger.ReceiveDeposit{Kind: w[1], Amount: ledgertest.Yuan(w[2]), On: on, Money: "bank", Payer: "party/lessee"})
	case "policy":
		s.Resolve(date, w[1], eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
		return approver(policyOf(w))
	case "cost":
		return s.cost(date, on, w)
	case "trueup":
		return treasurer(&ledger.BookTrueUp{Year: int(number(w[1])), On: on, Narration: "年终清算"})
	case "resolution":
		matter, body := eventv1.Matter_MATTER_PAYMENT, "representatives"
		if w[2] == "dividend" {
			matter, body = eventv1.Matter_MATTER_DIVIDEND, "household_heads"
		}
		s.Resolve(date, w[1], matter, body, w[2], w[3])
		return nil
	case "pay":
		return s.outlay(date, on, &ledger.RequestPayment{Fund: w[1], Purpose: w[2], Amount: ledgertest.Yuan(w[3]), Payee: "party/supplier", Resolution: option(w, "by")})
	case "request":
		return treasurer(&ledger.RequestPayment{Fund: w[1], Purpose: w[2], Amount: ledgertest.Yuan(w[3]), Payee: "party/supplier", Resolution: option(w, "by")})
	case "dividend":
		return s.dividend(date, on, w)
	case "round":
		return treasurer(&ledger.OpenGrantRound{Round: w[1], Title: "补助", Fund: "welfare", Purpose: w[2], Budget: ledgertest.Yuan(w[3])})
	case "award":
		return approver(&ledger.AwardGrants{Round: w[1], On: on})
	case "grant":
		return treasurer(&ledger.PayGrant{Round: w[1], Member: number(w[2]), On: on, Money: "bank"})
	case "cancel":
		return approver(&ledger.CancelGrant{Round: w[1], Member: number(w[2]), On: on})
	case "reverse":
		return s.correction(date, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{ledgertest.Ref(w[1])}, On: on, Cover: coverOf(w)})
	case "replace":
		return s.replace(date, on, w)
	case "difference":
		return s.correction(date, &ledger.RequestCorrection{DifferenceOf: ledgertest.Ref(w[1]), RightAmount: ledgertest.Yuan(w[2]), On: on})
	case "close":
		month, err := ledger.ParseMonth("month", w[1])
		if err != nil {
			return err
		}
		return treasurer(&ledger.ClosePeriod{Month: month})
	case "hold":
		return approver(hold(number(w[1]), func(*ledger.HoldPayee) {}))
	case "release":
		return approver(&ledger.ReleaseHold{Hold: number(w[1])})
	case "file":
		return s.file(date, on, w[1])
	case "returned":
		c := &ledger.RecordReturnedDividend{Run: w[1], On: on, Money: "bank"}
		for _, payee := range strings.Split(w[2], ",") {
			c.Payees = append(c.Payees, number(payee))
		}
		return treasurer(c)
	}
	s.fail("nobody knows the word %q", w[0])
	return nil
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// agree reviews and approves the last request as far as it asks for.
func (s *scenario) agree(date string) error {
	n := s.Last()
	if _, err := s.Try(date, ledgertest.Supervisor, &ledger.ReviewRequest{Number: n}); err != nil && !refusedAs(err, ledger.ReviewNotNeeded) {
		return err
	}
	if _, err := s.Try(date, ledgertest.Approver, &ledger.ApproveRequest{Number: n}); !refusedAs(err, ledger.AlreadyDone) {
		return err // one that asks for no approval takes none
	}
	return nil
}

func refusedAs(err error, reason ledger.Reason) bool {
	r, ok := err.(*ledger.Refusal)
	return ok && r.Reason == reason
}

func (s *scenario) outlay(date string, on ledger.Day, c *ledger.RequestPayment) error {
	if _, err := s.Try(date, ledgertest.Treasurer, c); err != nil {
		return err
	}
	if err := s.agree(date); err != nil {
		return err
	}
	_, err := s.Try(date, ledgertest.Treasurer, &ledger.SettlePayment{Number: s.Last(), On: on, Money: "bank"})
	return err
}

// correction books at once what needs no approval, and runs through it otherwise.
func (s *scenario) correction(date string, c *ledger.RequestCorrection) error {
	events, err := s.Try(date, ledgertest.Treasurer, c)
	if err != nil || events[0].GetCorrectionMade() != nil {
		return err
	}
	if err := s.agree(date); err != nil {
		return err
	}
	_, err = s.Try(date, ledgertest.Treasurer, &ledger.BookCorrection{Number: s.Last()})
	return err
}

// replace turns a voucher back and books it again: with another amount, or as a deposit.
func (s *scenario) replace(date string, on ledger.Day, w []string) error {
	ref := ledgertest.Ref(w[1])
	var old *eventv1.Voucher
	for _, v := range s.Vouchers() {
		if ledger.RefOf(v.Ref) == ref {
			old = v
		}
	}
	if old == nil {
		s.fail("there is no voucher %s", w[1])
	}
	r := ledger.Replacement{Corrects: ref}
	if kind := option(w, "deposit"); kind != "" {
		r.Inflow = &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_DEPOSIT, Kind: kind, Amount: ledger.Amount(old), Money: "bank", Payer: "party/lessee"}
	} else if amount := ledgertest.Yuan(option(w, "with")); old.IncomeKind != "" {
		r.Inflow = &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_INCOME, Kind: old.IncomeKind, Amount: amount, Money: "bank"}
	} else {
		r.Payment = &ledger.RequestPayment{Fund: "maintenance", Purpose: old.Purpose, Amount: amount, Payee: old.Party, Resolution: old.ResolutionId, Money: "bank"}
	}
	return s.correction(date, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{ref}, Replacements: []ledger.Replacement{r}, On: on,
		Cover: coverOf(w), Transfers: s.transfers(date, w)})
}

func coverOf(w []string) eventv1.Cover {
	if slices.Contains(w, "pending") {
		return eventv1.Cover_COVER_PENDING
	}
	return 0
}

// transfers reads "transfer FROM TO AMOUNT", each by a resolution made up for it.
func (s *scenario) transfers(date string, w []string) (out []ledger.CoverTransfer) {
	for i := 0; i+3 < len(w); i++ {
		if w[i] != "transfer" {
			continue
		}
		s.fixtures++
		s.widerRule(date)
		id := fmt.Sprintf("transfer-%d", s.fixtures)
		s.Resolve(date, id, eventv1.Matter_MATTER_TRANSFER, "household_heads", w[i+1], w[i+3])
		out = append(out, ledger.CoverTransfer{From: w[i+1], To: w[i+2], Amount: ledgertest.Yuan(w[i+3]), Resolution: id})
	}
	return out
}

// policyOf reads "policy ID SHARES from DAY [carry]": four shares of a hundred, or nested: 10/90(25/20/55).
func policyOf(w []string) *ledger.AdoptPolicy {
	c := &ledger.AdoptPolicy{Effective: ledgertest.Day(option(w, "from")), Kinds: []string{"rent", "interest"}, Resolution: w[1]}
	if slices.Contains(w, "carry") {
		c.Rounding = eventv1.Rounding_ROUNDING_CARRY
	}
	if outer, inner, nested := strings.Cut(w[2], "("); nested {
		sh, parts := strings.Split(outer, "/"), strings.Split(strings.TrimSuffix(inner, ")"), "/")
		c.Shares = []ledger.ShareText{{Fund: "dividend", Share: "0." + sh[0]}, {Name: "collective", Share: "rest", Parts: []ledger.ShareText{
			{Fund: "reserve", Share: "0." + parts[0]}, {Fund: "welfare", Share: parts[1] + "/100"}, {Fund: "maintenance", Share: "rest"}}}}
		return c
	}
	sh := strings.Split(w[2], "/")
	c.Shares = ledgertest.Shares("0."+sh[0], "0."+sh[1], "0."+sh[2], "0."+sh[3])
	return c
}

// widerRule adopts, once, a rule that also knows of costs and transfers.
func (s *scenario) widerRule(date string) {
	if s.wider {
		return
	}
	s.wider = true
	s.Resolve(date, "wider-rule", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	s.Do(date, ledgertest.Approver, &ledger.AdoptSpendingRule{Resolution: "wider-rule", Tiers: append(ledgertest.Rule(),
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_COST, Approvals: 1},
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_TRANSFER, Approvals: 1, Review: true})})
}

// cost pays a cost of the year's income.
func (s *scenario) cost(date string, on ledger.Day, w []string) error {
	s.widerRule(date)
	return s.outlay(date, on, &ledger.RequestPayment{Cost: true, Purpose: w[1], Amount: ledgertest.Yuan(w[2]), Payee: "party/supplier"})
}

// file sends the next payout file of a run, of which the bank pays everybody.
func (s *scenario) file(date string, on ledger.Day, run string) error {
	events, err := s.Try(date, ledgertest.Treasurer, &ledger.SendDividendFile{Run: run, Money: "bank"})
	if err != nil {
		return err
	}
	_, err = s.Try(date, ledgertest.Treasurer, &ledger.RecordDividendResults{Run: run, File: events[0].GetDividendFileSent().File, On: on})
	return err
}

// dividend runs from the resolution to the last bank file; "failed" lists payees the bank could not pay.
func (s *scenario) dividend(date string, on ledger.Day, w []string) error {
	run, pool := w[1], w[2]
	s.fixtures++
	resolution := fmt.Sprintf("dividend-%s-%d", run, s.fixtures)
	s.Resolve(date, resolution, eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", pool)
	c := &ledger.RequestDividend{Run: run, Fund: "dividend", Pool: ledgertest.Yuan(pool), RecordDate: on, Resolution: resolution}
	for _, word := range w[3:] {
		switch word {
		case "exact":
			c.Method = eventv1.DividendMethod_DIVIDEND_METHOD_EXACT
		case "household":
			c.Basis = eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD
		}
	}
	if _, err := s.Try(date, ledgertest.Treasurer, c); err != nil {
		return err
	}
	s.Do(date, ledgertest.Supervisor, &ledger.ReviewRequest{Number: s.Last()})
	s.Do(date, ledgertest.Approver, &ledger.DeclareDividend{Number: s.Last(), On: on})
	if option(w, "only") == "declared" {
		return nil
	}
	var files []*eventv1.DividendFileSent
	for {
		events, err := s.Try(date, ledgertest.Treasurer, &ledger.SendDividendFile{Run: run, Money: "bank"})
		if refusedAs(err, ledger.NothingOwed) {
			break
		} else if err != nil {
			return err
		}
		files = append(files, events[0].GetDividendFileSent())
	}
	failed := strings.Split(option(w, "failed"), ",")
	for _, f := range files {
		c := &ledger.RecordDividendResults{Run: run, File: f.File, On: on}
		for _, p := range f.Payees {
			for _, bad := range failed {
				if number(bad) == p {
					c.Failed = append(c.Failed, p)
				}
			}
		}
		if _, err := s.Try(date, ledgertest.Treasurer, c); err != nil {
			return err
		}
	}
	return nil
}
