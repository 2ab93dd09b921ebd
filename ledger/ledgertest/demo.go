package ledgertest

import (
	"crypto/sha256"
	"fmt"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// LiminbaID is the id of the collective of this package: 3,211 members in 665 households and five groups, who let a market and
// split its rent 70/10/10/10.
const LiminbaID = "liminba"

// Accounts of the demonstration.
const (
	Dividend    = ledger.Account("fund/dividend")
	Reserve     = ledger.Account("fund/reserve")
	Welfare     = ledger.Account("fund/welfare")
	Maintenance = ledger.Account("fund/maintenance")
	Bank        = ledger.Account("money/bank")
)

// Step is one command of the demonstration.
type Step struct {
	Date, Actor string
	Command     ledger.Command
	Row         int // row of the cash table that is complete after it, 0 for none
}

// Liminba gives the collective with its charter, roles, bank account, members, policy and spending rule, on 2020-05-19.
func Liminba(t testing.TB) *Books {
	t.Helper()
	b := New(t)
	b.Replay(Until(Demonstration(), "2020-05-19"))
	return b
}

// Demo gives the collective after every command of the demonstration up to a date, that date included.
func Demo(t testing.TB, through string) *Books {
	t.Helper()
	b := New(t)
	b.Replay(Until(Demonstration(), through))
	return b
}

// Until cuts steps after a date.
func Until(steps []Step, through string) []Step {
	for i, s := range steps {
		if s.Date > through {
			return steps[:i]
		}
	}
	return steps
}

// After gives the steps after a date.
func After(steps []Step, date string) []Step { return steps[len(Until(steps, date)):] }

// Demonstration is 132 commands from 2020-03-01 to 2022-12-20: sixteen rows of money, fifty-six vouchers, no month closed.
// It is made anew by every call.
func Demonstration() []Step {
	var s script
	s.found()
	s.rules()
	s.income(1, "2020-12-20")
	s.round(round{2, "relief-1", "relief", "2021-01-04", "2021-01-11", "2021-01-20", "2021-01-25", "2,200.00", []count{{2, "500.00"}, {4, "300.00"}}})
	s.resolve("2021-03-08", "daily-2021", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "4,200.00")
	s.pay(3, "2021-03-15", "maintenance", "daily_management", "daily-2021", false, "4,200.00")
	s.income(4, "2021-06-20")
	s.resolve("2021-07-05", "dividend-2021", eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", "137,200.00")
	s.dividend(5, "2021-07-20", "2021", "137,200.00")
	s.round(round{6, "scholarship-1", "scholarship", "2021-08-09", "2021-08-16", "2021-08-25", "2021-09-01", "6,300.00", []count{{3, "1,200.00"}, {3, "900.00"}}})
	s.resolve("2021-09-02", "planting-2021", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
	s.pay(7, "2021-09-10", "maintenance", "planting", "planting-2021", false, "8,355.00")
	s.income(8, "2021-12-20")
	s.round(round{9, "relief-2", "relief", "2021-12-27", "2022-01-04", "2022-01-13", "2022-01-18", "3,400.00", []count{{2, "500.00"}, {8, "300.00"}}})
	s.resolve("2022-03-01", "roof-2022", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "12,000.00")
	s.pay(10, "2022-03-10", "maintenance", "repair", "roof-2022", true, "12,000.00")
	s.income(11, "2022-06-20")
	s.resolve("2022-06-22", "workshop-2022", eventv1.Matter_MATTER_PAYMENT, "representatives", "reserve", "36,000.00")
	s.pay(12, "2022-06-25", "reserve", "development", "workshop-2022", true, "24,000.00", "9,000.00", "3,000.00")
	s.resolve("2022-07-05", "dividend-2022", eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", "137,226.08")
	s.dividend(13, "2022-07-20", "2022", "137,226.08")
	s.round(round{14, "scholarship-2", "scholarship", "2022-08-08", "2022-08-15", "2022-08-24", "2022-09-01", "8,400.00", []count{{4, "1,200.00"}, {4, "900.00"}}})
	s.resolve("2022-09-06", "lights-2022", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "8,000.00")
	s.pay(15, "2022-09-15", "maintenance", "repair", "lights-2022", false, "8,000.00")
	s.income(16, "2022-12-20")
	return s.steps
}

// Charter is the founding of the collective.
func Charter() *eventv1.CollectiveFounded {
	twoThirds := &eventv1.Fraction{Numerator: 2, Denominator: 3}
	return &eventv1.CollectiveFounded{
		CollectiveId: LiminbaID, Name: "利民坝", Currency: "CNY", TimeZone: "Asia/Shanghai", FirstDay: 20200301,
		Bodies: []*eventv1.Body{
			{Id: "household_heads", Name: "户长会", Size: 665, Quorum: twoThirds, Pass: &eventv1.Fraction{Numerator: 1, Denominator: 2},
				PassBase: eventv1.VoteBase_VOTE_BASE_PRESENT, PassStrictly: true},
			{Id: "representatives", Name: "代表会", Size: 60, Quorum: twoThirds, Pass: twoThirds, PassBase: eventv1.VoteBase_VOTE_BASE_ALL},
		},
		Funds: []*eventv1.Fund{
			{Id: "dividend", Name: "分红金"},
			{Id: "reserve", Name: "公积金", Purposes: []string{"development"}},
			{Id: "welfare", Name: "公益金", Purposes: []string{"relief", "scholarship"}},
			{Id: "maintenance", Name: "储备金", Purposes: []string{"daily_management", "planting", "repair"}},
		},
		PolicyBody: "household_heads", SpendingBody: "household_heads", CharterBody: "household_heads", FoundingBody: "household_heads",
		FoundingMinutesSha256: Minutes("founding"), LogOrigin: "example.org/liminba", PublicLog: eventv1.PublicLog_PUBLIC_LOG_COMMITTEE,
		SimulatedClock: true,
	}
}

// Minutes is the digest of invented minutes.
func Minutes(id string) []byte {
	digest := sha256.Sum256([]byte("minutes of " + id))
	return digest[:]
}

// Rule is the spending rule: maintenance by approval and the representatives' resolution, with a review from 10,000 on; the
// reserve with a review from the first fen; welfare by reviewed rounds; dividends by the household heads' resolution.
func Rule() []*eventv1.Tier {
	const (
		payment  = eventv1.Operation_OPERATION_PAYMENT
		grants   = eventv1.Operation_OPERATION_GRANT_ROUND
		dividend = eventv1.Operation_OPERATION_DIVIDEND
	)
	return []*eventv1.Tier{
		{Operation: payment, Fund: "maintenance", Approvals: 1, ResolutionBody: "representatives"},
		{Operation: payment, Fund: "maintenance", FromFen: 10_000_00, Approvals: 1, Review: true, ResolutionBody: "representatives"},
		{Operation: payment, Fund: "reserve", Approvals: 1, Review: true, ResolutionBody: "representatives"},
		{Operation: grants, Fund: "welfare", Approvals: 1, Review: true},
		{Operation: dividend, Fund: "dividend", Approvals: 1, Review: true, ResolutionBody: "household_heads"},
	}
}

// Shares writes an allocation over the four funds in their order.
func Shares(dividend, reserve, welfare, maintenance string) []ledger.ShareText {
	return []ledger.ShareText{{Fund: "dividend", Share: dividend}, {Fund: "reserve", Share: reserve},
		{Fund: "welfare", Share: welfare}, {Fund: "maintenance", Share: maintenance}}
}

// Resolution is a vote that passed: the household heads by 431 of 460 present, the representatives by 45 of 52.
func Resolution(date, id string, matter eventv1.Matter, body, fund, authority string) *ledger.RecordResolution {
	r := &eventv1.ResolutionRecorded{Id: id, Title: "决议 " + id, Body: body, DecidedOn: int32(Day(date)), MinutesSha256: Minutes(id), Matter: matter, Fund: fund}
	if body == "household_heads" {
		r.Electorate, r.Present, r.VotesFor, r.VotesAgainst, r.Abstained = 665, 460, 431, 19, 10
	} else {
		r.Electorate, r.Present, r.VotesFor, r.VotesAgainst, r.Abstained = 60, 52, 45, 5, 2
	}
	if authority != "" {
		r.AuthorityFen = int64(Yuan(authority))
	}
	return &ledger.RecordResolution{Resolution: r}
}

// Resolve records a vote that passed and confirms it.
func (b *Books) Resolve(date, id string, matter eventv1.Matter, body, fund, authority string) {
	b.T.Helper()
	b.Do(date, Approver, Resolution(date, id, matter, body, fund, authority))
	b.Do(date, Supervisor, &ledger.ConfirmResolution{ID: id})
}

// Rent is an income of rent on a day, with its bank line.
func Rent(on, amount string) *ledger.RecordIncome {
	return &ledger.RecordIncome{Kind: "rent", Amount: Yuan(amount), On: Day(on), Money: "bank", Payer: "party/lessee", Narration: "租金",
		Documents: []ledger.Document{{Kind: "bank_line", Issuer: "bank", Number: "rent-" + on}}}
}

// script collects steps.
type script struct {
	steps    []Step
	requests uint32
	member   uint32 // last member who got a grant
}

type (
	round struct {
		row                                 int
		id, purpose, open, from, till, date string
		total                               string
		grants                              []count
	}
	count struct {
		members int
		amount  string
	}
)

func (s *script) add(date, actor string, commands ...ledger.Command) {
	for _, c := range commands {
		s.steps = append(s.steps, Step{Date: date, Actor: actor, Command: c})
	}
}

func (s *script) rowDone(row int) { s.steps[len(s.steps)-1].Row = row }

func (s *script) found() {
	s.add("2020-03-01", Admin,
		&ledger.FoundCollective{Charter: Charter()},
		&ledger.GrantRole{Operator: Treasurer, Role: eventv1.Role_ROLE_TREASURER},
		&ledger.GrantRole{Operator: Approver, Role: eventv1.Role_ROLE_APPROVER},
		&ledger.GrantRole{Operator: Supervisor, Role: eventv1.Role_ROLE_SUPERVISOR})
	s.add("2020-03-01", Treasurer, &ledger.OpenMoneyAccount{ID: "bank", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK, Text: "基本户"})
	next := uint32(1)
	for group := range uint32(5) {
		c := &ledger.EnrolMembers{Group: fmt.Sprintf("group-%d", group+1), Joined: Day("2020-03-01")}
		size := uint32(642)
		if group == 4 {
			size = 643
		}
		for i := range size {
			c.Members = append(c.Members, next)
			c.Households = append(c.Households, group*133+i%133+1)
			next++
		}
		s.add("2020-03-02", Treasurer, c)
	}
}

func (s *script) rules() {
	s.vote("2020-05-18", Resolution("2020-05-18", "policy-v1", eventv1.Matter_MATTER_POLICY, "household_heads", "", ""), 460, 431, 19, 10)
	s.vote("2020-05-18", Resolution("2020-05-18", "spending-rule", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", ""), 460, 440, 12, 8)
	s.add("2020-05-19", Approver,
		&ledger.AdoptPolicy{Effective: Day("2020-05-18"), Kinds: []string{"rent", "interest"}, Shares: Shares("0.7", "0.1", "0.1", "0.1"), Resolution: "policy-v1"},
		&ledger.AdoptSpendingRule{Tiers: Rule(), Resolution: "spending-rule"})
}

func (s *script) vote(date string, c *ledger.RecordResolution, present, votesFor, against, abstained uint32) {
	r := c.Resolution
	r.Present, r.VotesFor, r.VotesAgainst, r.Abstained = present, votesFor, against, abstained
	s.add(date, Approver, c)
	s.add(date, Supervisor, &ledger.ConfirmResolution{ID: r.Id})
}

func (s *script) resolve(date, id string, matter eventv1.Matter, body, fund, authority string) {
	s.add(date, Approver, Resolution(date, id, matter, body, fund, authority))
	s.add(date, Supervisor, &ledger.ConfirmResolution{ID: id})
}

func (s *script) income(row int, date string) {
	s.add(date, Treasurer, Rent(date, "98,000.00"))
	s.rowDone(row)
}

func (s *script) pay(row int, date, fund, purpose, resolution string, review bool, amounts ...string) {
	for i, amount := range amounts {
		s.requests++
		s.add(date, Treasurer, &ledger.RequestPayment{Fund: fund, Purpose: purpose, Amount: Yuan(amount), Payee: "party/supplier", Narration: "支出 " + purpose,
			Resolution: resolution, Documents: []ledger.Document{{Kind: "invoice", Issuer: "supplier", Number: fmt.Sprintf("%s-%d", resolution, i+1)}}})
		if review {
			s.add(date, Supervisor, &ledger.ReviewRequest{Number: s.requests})
		}
		s.add(date, Approver, &ledger.ApproveRequest{Number: s.requests})
		s.add(date, Treasurer, &ledger.SettlePayment{Number: s.requests, On: Day(date), Money: "bank"})
	}
	s.rowDone(row)
}

func (s *script) round(r round) {
	s.add(r.open, Treasurer, &ledger.OpenGrantRound{Round: r.id, Title: "补助 " + r.id, Fund: "welfare", Purpose: r.purpose, Budget: Yuan(r.total)})
	applicants := &ledger.AddApplicants{Round: r.id}
	for _, c := range r.grants {
		for range c.members {
			s.member++
			applicants.Members = append(applicants.Members, s.member)
			applicants.Amounts = append(applicants.Amounts, Yuan(c.amount))
		}
	}
	s.add(r.open, Treasurer, applicants)
	s.add(r.open, Supervisor, &ledger.ReviewGrantRound{Round: r.id})
	s.add(r.open, Treasurer, &ledger.PublishGrantNotice{Round: r.id, From: Day(r.from), To: Day(r.till)})
	s.add(r.date, Approver, &ledger.AwardGrants{Round: r.id, On: Day(r.date)})
	for _, m := range applicants.Members {
		s.add(r.date, Treasurer, &ledger.PayGrant{Round: r.id, Member: m, On: Day(r.date), Money: "bank"})
	}
	s.rowDone(r.row)
}

func (s *script) dividend(row int, date, run, pool string) {
	s.requests++
	s.add(date, Treasurer, &ledger.RequestDividend{Run: run, Fund: "dividend", Pool: Yuan(pool), RecordDate: Day(date), Resolution: "dividend-" + run, Narration: "分红 " + run})
	s.add(date, Supervisor, &ledger.ReviewRequest{Number: s.requests})
	s.add(date, Approver, &ledger.DeclareDividend{Number: s.requests, On: Day(date)})
	for range 4 {
		s.add(date, Treasurer, &ledger.SendDividendFile{Run: run, Money: "bank"})
	}
	for file := range uint32(4) {
		s.add(date, Treasurer, &ledger.RecordDividendResults{Run: run, File: file + 1, On: Day(date)})
	}
	s.rowDone(row)
}
