package projections

import (
	"fmt"
	"testing"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// chronicle writes events by hand, as the ledger would store them: versions without a gap, vouchers numbered by class and year.
type chronicle struct {
	events  []*eventv1.Event
	numbers map[numbering]uint32
	now     time.Time
	actor   string

	requests uint32 // made by ask
}

func newChronicle() *chronicle {
	return &chronicle{numbers: map[numbering]uint32{}, actor: "treasurer"}
}

// on sets the day on which the next events are recorded, at noon in Shanghai.
func (c *chronicle) on(day ledger.Day) *chronicle {
	c.now = time.Date(day.Year(), time.Month(day/100%100), int(day%100), 4, 0, 0, 0, time.UTC)
	return c
}

// add appends one event and gives its version.
func (c *chronicle) add(e *eventv1.Event, vouchers ...*eventv1.Voucher) uint64 {
	e.Version = uint64(len(c.events)) + 1
	e.RecordedAt = c.now.UnixMicro()
	e.Actor = c.actor
	for _, v := range vouchers {
		key := numbering{v.Ref.Class, int(v.OccurredOn / 10000)}
		c.numbers[key]++
		v.Ref.Year, v.Ref.Number = uint32(key.year), c.numbers[key]
	}
	e.Vouchers = vouchers
	c.events = append(c.events, e)
	return e.Version
}

// lines makes postings of account, amount, account, amount …, each account with its party after a bar: "deposit/lease|org/x".
func lines(pairs ...any) []*eventv1.Posting {
	var list []*eventv1.Posting
	for i := 0; i < len(pairs); i += 2 {
		p := &eventv1.Posting{Account: pairs[i].(string), AmountFen: int64(pairs[i+1].(int))}
		for k := range p.Account {
			if p.Account[k] == '|' {
				p.Account, p.Party = p.Account[:k], p.Account[k+1:]
				break
			}
		}
		list = append(list, p)
	}
	return list
}

func voucher(class ledger.Class, day ledger.Day, narration string, pairs ...any) *eventv1.Voucher {
	return &eventv1.Voucher{Ref: &eventv1.VoucherRef{Class: class}, OccurredOn: int32(day), Narration: narration, Postings: lines(pairs...)}
}

// reversal turns a voucher back on a day.
func reversal(v *eventv1.Voucher, day ledger.Day) *eventv1.Voucher {
	r := &eventv1.Voucher{Ref: &eventv1.VoucherRef{Class: v.Ref.Class}, OccurredOn: int32(day), Narration: "冲销 " + ledger.RefOf(v.Ref).String(),
		Documents: v.Documents, Party: v.Party, Purpose: v.Purpose, IncomeKind: v.IncomeKind, ResolutionId: v.ResolutionId, DrawnFen: -v.DrawnFen,
		Reverses: &eventv1.VoucherRef{Class: v.Ref.Class, Year: v.Ref.Year, Number: v.Ref.Number}, GrantRoundId: v.GrantRoundId,
		DividendRunId: v.DividendRunId, DividendFile: v.DividendFile, Negative: true}
	for _, p := range v.Postings {
		r.Postings = append(r.Postings, &eventv1.Posting{Account: p.Account, AmountFen: -p.AmountFen, Party: p.Party})
	}
	return r
}

func (c *chronicle) found(id string) {
	c.actor = "admin"
	c.on(20200301).add(&eventv1.Event{Fact: &eventv1.Event_CollectiveFounded{CollectiveFounded: &eventv1.CollectiveFounded{
		CollectiveId: id, Name: "利民坝社区", Currency: "CNY", TimeZone: "Asia/Shanghai", FirstDay: 20200301, LogOrigin: "example.org/" + id,
		Bodies: []*eventv1.Body{{Id: "household_heads", Name: "户长会", Size: 665}},
		Funds: []*eventv1.Fund{{Id: "dividend", Name: "分红金"}, {Id: "reserve", Name: "公积金", Purposes: []string{"development"}},
			{Id: "welfare", Name: "公益金", Purposes: []string{"relief", "scholarship"}},
			{Id: "maintenance", Name: "储备金", Purposes: []string{"daily_management", "planting", "repair"}}},
	}}})
	c.actor = "treasurer"
	c.add(&eventv1.Event{Fact: &eventv1.Event_MoneyAccountOpened{MoneyAccountOpened: &eventv1.MoneyAccountOpened{
		Id: "bank", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK, Name: "基本户"}}})
}

func (c *chronicle) resolve(id string, day ledger.Day, matter eventv1.Matter, fund string, authority int) {
	c.actor = "approver"
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_ResolutionRecorded{ResolutionRecorded: &eventv1.ResolutionRecorded{
		Id: id, Title: id, Body: "household_heads", DecidedOn: int32(day), Electorate: 665, Present: 452, VotesFor: 440, VotesAgainst: 12,
		Matter: matter, Fund: fund, AuthorityFen: int64(authority), Passed: true}}})
	c.actor = "supervisor"
	c.add(&eventv1.Event{Fact: &eventv1.Event_ResolutionConfirmed{ResolutionConfirmed: &eventv1.ResolutionConfirmed{Id: id}}})
	c.actor = "treasurer"
}

// rent books 98,000.00 split 70/10/10/10.
func (c *chronicle) rent(day ledger.Day) *eventv1.Voucher {
	v := voucher(ledger.Receipt, day, "农贸市场租金", "money/bank", 9800000, "fund/dividend", -6860000, "fund/reserve", -980000,
		"fund/welfare", -980000, "fund/maintenance", -980000)
	v.IncomeKind, v.Party = "rent", "org/市场经营公司"
	v.Documents = []*eventv1.Document{{Kind: "bank_line", Issuer: "bank", Number: fmt.Sprint(day), TotalFen: 9800000, CitedFen: 9800000}}
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_IncomeRecorded{IncomeRecorded: &eventv1.IncomeRecorded{Kind: "rent", PolicyVersion: 1}}}, v)
	return v
}

// grant runs a round to its payments, all on one day, for members 1, 2, ….
func (c *chronicle) grant(id, purpose string, notice, day ledger.Day, amounts ...int) (award *eventv1.Voucher, paid []*eventv1.Voucher) {
	total := 0
	applied := &eventv1.GrantApplicantsAdded{RoundId: id}
	for i, amount := range amounts {
		total += amount
		applied.Members = append(applied.Members, uint32(i+1))
		applied.AmountsFen = append(applied.AmountsFen, int64(amount))
	}
	c.on(notice)
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundOpened{GrantRoundOpened: &eventv1.GrantRoundOpened{Id: id, Fund: "welfare", Purpose: purpose,
		BudgetFen: int64(total), Title: id, Approvals: 1, Review: true}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantApplicantsAdded{GrantApplicantsAdded: applied}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantRoundReviewed{GrantRoundReviewed: &eventv1.GrantRoundReviewed{RoundId: id}}})
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantNoticePublished{GrantNoticePublished: &eventv1.GrantNoticePublished{RoundId: id,
		NoticeFrom: int32(notice), NoticeTo: int32(notice) + 9}}})
	award = voucher(ledger.Transfer, day, "发放 "+id, "fund/welfare", total, "payable/grant", -total)
	award.GrantRoundId = id
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_GrantsAwarded{GrantsAwarded: &eventv1.GrantsAwarded{RoundId: id}}}, award)
	for i, amount := range amounts {
		paid = append(paid, c.payGrant(id, uint32(i+1), day, amount))
	}
	return award, paid
}

func (c *chronicle) payGrant(id string, member uint32, day ledger.Day, amount int) *eventv1.Voucher {
	v := voucher(ledger.Payment, day, "发放 "+id, "payable/grant", amount, "money/bank", -amount)
	v.GrantRoundId, v.Party = id, fmt.Sprintf("member/%d", member)
	c.add(&eventv1.Event{Fact: &eventv1.Event_GrantPaid{GrantPaid: &eventv1.GrantPaid{RoundId: id, Member: member, MoneyAccount: "bank"}}}, v)
	return v
}

// request asks for a payment from the maintenance fund and has it approved; it gives the request's number.
func (c *chronicle) request(purpose, resolution string, amount int) uint32 {
	number := uint32(1)
	for _, e := range c.events {
		if e.GetRequestMade() != nil {
			number++
		}
	}
	c.add(&eventv1.Event{Fact: &eventv1.Event_RequestMade{RequestMade: &eventv1.RequestMade{Number: number, Digest: []byte{byte(number)}, Approvals: 1,
		Order: &eventv1.RequestMade_Payment{Payment: &eventv1.PaymentOrder{Fund: "maintenance", Purpose: purpose, AmountFen: int64(amount),
			Payee: "org/园林公司", Narration: purpose, ResolutionId: resolution}}}}})
	c.actor = "approver"
	c.add(&eventv1.Event{Fact: &eventv1.Event_RequestApproved{RequestApproved: &eventv1.RequestApproved{Number: number, Digest: []byte{byte(number)}}}})
	c.actor = "treasurer"
	return number
}

func payment(day ledger.Day, purpose, resolution string, amount int) *eventv1.Voucher {
	v := voucher(ledger.Payment, day, purpose, "fund/maintenance", amount, "money/bank", -amount)
	v.Purpose, v.ResolutionId, v.DrawnFen, v.Party = purpose, resolution, int64(amount), "org/园林公司"
	return v
}

func (c *chronicle) settle(number uint32, day ledger.Day, v *eventv1.Voucher) {
	v.RequestNumber = number
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_PaymentSettled{PaymentSettled: &eventv1.PaymentSettled{Number: number, MoneyAccount: "bank"}}}, v)
}

// declare requests and declares a dividend of rate fen for members 1 to count out of the pool.
func (c *chronicle) declare(run, resolution string, pool, count, rate int, day ledger.Day) *eventv1.Voucher {
	number := c.request("x", "", 1) // the builder's payment becomes a dividend
	made := c.events[len(c.events)-2].GetRequestMade()
	made.Order = &eventv1.RequestMade_Dividend{Dividend: &eventv1.DividendOrder{RunId: run, Fund: "dividend", PoolFen: int64(pool),
		Basis: eventv1.DividendBasis_DIVIDEND_BASIS_HEAD, Method: eventv1.DividendMethod_DIVIDEND_METHOD_EQUAL,
		RecordDate: 20210630, ResolutionId: resolution, Narration: run}}
	for first := 1; first <= count; first += 2500 {
		chunk := &eventv1.EntitlementsListed{RunId: run, FirstLine: uint32(first)}
		for p := first; p <= min(count, first+2499); p++ {
			chunk.Payees = append(chunk.Payees, uint32(p))
			chunk.AmountsFen = append(chunk.AmountsFen, int64(rate))
		}
		c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_EntitlementsListed{EntitlementsListed: chunk}})
	}
	v := voucher(ledger.Transfer, day, run, "fund/dividend", count*rate, "payable/dividend", -count*rate)
	v.DividendRunId, v.ResolutionId, v.DrawnFen, v.RequestNumber = run, resolution, int64(count*rate), number
	c.add(&eventv1.Event{Fact: &eventv1.Event_DividendDeclared{DividendDeclared: &eventv1.DividendDeclared{RunId: run, RequestNumber: number,
		Basis: eventv1.DividendBasis_DIVIDEND_BASIS_HEAD, Method: eventv1.DividendMethod_DIVIDEND_METHOD_EQUAL, PoolFen: int64(pool),
		RateFen: int64(rate), Payees: uint32(count), RemainderFen: int64(pool - count*rate)}}}, v)
	return v
}

// pay sends a file for payees first to last and records its result.
func (c *chronicle) pay(run string, number uint32, first, last, rate int, day ledger.Day, failed ...uint32) *eventv1.Voucher {
	f := &eventv1.DividendFileSent{RunId: run, File: number, MoneyAccount: "bank", TotalFen: int64((last - first + 1) * rate)}
	for p := first; p <= last; p++ {
		f.Payees = append(f.Payees, uint32(p))
	}
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_DividendFileSent{DividendFileSent: f}})
	paid := (last - first + 1 - len(failed)) * rate
	v := voucher(ledger.Payment, day, fmt.Sprintf("分红 %s 第 %d 个文件", run, number), "payable/dividend", paid, "money/bank", -paid)
	v.DividendRunId, v.DividendFile = run, number
	settled := &eventv1.Event{Fact: &eventv1.Event_DividendFileSettled{DividendFileSettled: &eventv1.DividendFileSettled{RunId: run, File: number, Failed: failed}}}
	if paid == 0 {
		c.add(settled)
		return nil
	}
	c.add(settled, v)
	return v
}

// demo is the demonstration's first two years (rows 1 to 8) and then the late correction of the planting, found on
// 2021-12-05 and booked on its day.
type demo struct {
	*chronicle
	relief, scholarship *eventv1.Voucher // awards
	reliefPaid          []*eventv1.Voucher
	declared            *eventv1.Voucher
	files               []*eventv1.Voucher
	planting            *eventv1.Voucher
	beforeCorrection    uint64
}

func newDemo() *demo {
	d := &demo{chronicle: newChronicle()}
	d.found("liminba")
	enrolled := &eventv1.MembersEnrolled{Group: "yi", JoinedOn: 20200301}
	for n := range uint32(3211) {
		enrolled.Members = append(enrolled.Members, n+1)
		enrolled.Households = append(enrolled.Households, n%665+1)
	}
	d.add(&eventv1.Event{Fact: &eventv1.Event_MembersEnrolled{MembersEnrolled: enrolled}})
	d.resolve("policy-2020", 20200518, eventv1.Matter_MATTER_POLICY, "", 0)
	d.add(&eventv1.Event{Fact: &eventv1.Event_PolicyAdopted{PolicyAdopted: &eventv1.PolicyAdopted{Version: 1, EffectiveOn: 20200518,
		IncomeKinds: []string{"rent", "interest"}, ResolutionId: "policy-2020"}}})
	d.add(&eventv1.Event{Fact: &eventv1.Event_SpendingRuleAdopted{SpendingRuleAdopted: &eventv1.SpendingRuleAdopted{Version: 1, ResolutionId: "policy-2020"}}})

	d.rent(20201220)
	d.relief, d.reliefPaid = d.grant("relief-1", "relief", 20210111, 20210125, 50000, 50000, 30000, 30000, 30000, 30000)
	d.resolve("daily-2021", 20210308, eventv1.Matter_MATTER_PAYMENT, "maintenance", 420000)
	d.settle(d.on(20210310).request("daily_management", "daily-2021", 420000), 20210315, payment(20210315, "daily_management", "daily-2021", 420000))
	d.rent(20210620)
	d.resolve("dividend-2021", 20210705, eventv1.Matter_MATTER_DIVIDEND, "dividend", 13720000)
	d.declared = d.declare("2021-h1", "dividend-2021", 13720000, 3211, 4272, 20210720)
	for i := range 4 {
		d.files = append(d.files, d.pay("2021-h1", uint32(i+1), i*1000+1, min(i*1000+1000, 3211), 4272, 20210720))
	}
	d.scholarship, _ = d.grant("scholarship-1", "scholarship", 20210816, 20210901, 120000, 120000, 120000, 90000, 90000, 90000)
	d.resolve("planting-2021", 20210902, eventv1.Matter_MATTER_PAYMENT, "maintenance", 900000)
	d.planting = payment(20210910, "planting", "planting-2021", 835500)
	d.settle(d.on(20210905).request("planting", "planting-2021", 835500), 20210910, d.planting)

	d.beforeCorrection = uint64(len(d.events))
	right := payment(20210910, "planting", "planting-2021", 853500)
	right.Corrects = &eventv1.VoucherRef{Class: ledger.Payment, Year: 2021, Number: d.planting.Ref.Number}
	d.on(20211205).add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, reversal(d.planting, 20210910), right)
	d.rent(20211220)
	return d
}

// fold makes a book of events and checks the invariant after each.
func fold(t testing.TB, events []*eventv1.Event) *Book {
	t.Helper()
	b := NewBook(events[0].GetCollectiveFounded().GetCollectiveId())
	for _, e := range events {
		if err := b.Fold(e); err != nil {
			t.Fatalf("fold event %d: %v", e.Version, err)
		}
		if err := b.CheckInvariant(); err != nil {
			t.Fatal(err)
		}
	}
	return b
}
