package projections

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// watched is a village with a spending rule of three lines: one approval, three from 1,000.00, a resolution from 10,000.00.
func watched() *chronicle {
	c := newChronicle()
	c.found("lmb")
	c.rule(1, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 1},
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, FromFen: 1_000_00, Approvals: 3},
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, FromFen: 10_000_00, Approvals: 3, ResolutionBody: "household_heads"})
	return c
}

func (c *chronicle) rule(version uint32, tiers ...*eventv1.Tier) {
	c.add(&eventv1.Event{Fact: &eventv1.Event_SpendingRuleAdopted{SpendingRuleAdopted: &eventv1.SpendingRuleAdopted{Version: version, Tiers: tiers}}})
}

// paper is a bill by its number, with a file of its own.
func paper(number string, total int) *eventv1.Document {
	file := make([]byte, 32)
	copy(file, number)
	return &eventv1.Document{Kind: "invoice", Issuer: "shop", Number: number, TotalFen: int64(total), CitedFen: int64(total), Sha256: file}
}

// spend books a payment for repairs on its day; without papers it gets one of its own.
func (c *chronicle) spend(day ledger.Day, payee string, amount int, papers ...*eventv1.Document) *eventv1.Voucher {
	return c.spendFor("repair", day, payee, amount, papers...)
}

func (c *chronicle) spendFor(purpose string, day ledger.Day, payee string, amount int, papers ...*eventv1.Document) *eventv1.Voucher {
	v := voucher(ledger.Payment, day, "维修", "fund/maintenance", amount, "money/bank", -amount)
	v.Purpose, v.Party, v.Documents = purpose, payee, papers
	if len(papers) == 0 {
		v.Documents = []*eventv1.Document{paper(fmt.Sprint("bill ", len(c.events)), amount)}
	}
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_MoneyMoved{MoneyMoved: &eventv1.MoneyMoved{}}}, v)
	return v
}

func (c *chronicle) reverse(v *eventv1.Voucher, day ledger.Day) {
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, reversal(v, day))
}

// shown writes anomalies, one a line: day, rule and form, vouchers, requests, figures that are not zero, party.
func shown(list []Anomaly) string {
	var b strings.Builder
	for _, a := range list {
		fmt.Fprint(&b, a.Day, " ", a.Rule)
		for _, text := range []string{a.Form, fmt.Sprint(a.Vouchers), a.Party, a.Round, a.Document} {
			if text != "" && text != "[]" {
				fmt.Fprint(&b, " ", text)
			}
		}
		if len(a.Requests) > 0 {
			fmt.Fprint(&b, " requests ", a.Requests)
		}
		fmt.Fprintf(&b, " %v/%v", a.Sum, a.Threshold)
		for _, n := range []struct {
			name string
			n    int
		}{{"of", a.Of}, {"days", a.Days}, {"policy", int(a.Policy)}, {"due", int(a.PolicyDue)}, {"rule", int(a.SpendingRule)}} {
			if n.n != 0 {
				fmt.Fprintf(&b, " %s %d", n.name, n.n)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var year = Period{20210101, 20211231}

// radarCase is a history and what one rule finds in it over the year, nothing where that is empty.
type radarCase struct {
	name string
	make func(c *chronicle)
	want string
}

func checkRule(t *testing.T, rule string, cases []radarCase) {
	t.Helper()
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			c := watched()
			one.make(c)
			got := shown(fold(t, c.events).Anomalies(year, []string{rule}, Moment{}))
			if want := strings.TrimLeft(one.want, "\n"); got != want {
				t.Errorf("found\n%swant\n%s", got, want)
			}
		})
	}
}

// TestSplitUnderTier: X5's two bills of 990.00, and what is nearest to them without being a split.
func TestSplitUnderTier(t *testing.T) {
	checkRule(t, SplitUnderTier, []radarCase{
		{"two of 990.00 on one day", func(c *chronicle) { c.spend(20210910, "org/x", 990_00); c.spend(20210910, "org/x", 990_00) },
			"2021-09-10 split_under_tier [付2021-1 付2021-2] org/x 1980.00/1000.00 rule 1\n"},
		{"together just at the line", func(c *chronicle) { c.spend(20210910, "org/x", 990_00); c.spend(20210910, "org/x", 10_00) },
			"2021-09-10 split_under_tier [付2021-1 付2021-2] org/x 1000.00/1000.00 rule 1\n"},
		{"together a fen below", func(c *chronicle) { c.spend(20210910, "org/x", 990_00); c.spend(20210910, "org/x", 9_99) }, ""},
		{"two payees", func(c *chronicle) { c.spend(20210910, "org/x", 990_00); c.spend(20210910, "org/y", 990_00) }, ""},
		{"seven days apart", func(c *chronicle) { c.spend(20210830, "org/x", 990_00); c.spend(20210906, "org/x", 990_00) },
			"2021-09-06 split_under_tier [付2021-1 付2021-2] org/x 1980.00/1000.00 days 7 rule 1\n"},
		{"eight days apart", func(c *chronicle) { c.spend(20210830, "org/x", 990_00); c.spend(20210907, "org/x", 990_00) }, ""},
		{"one at the line", func(c *chronicle) { c.spend(20210910, "org/x", 1_000_00); c.spend(20210910, "org/x", 500_00) }, ""},
		{"one turned back", func(c *chronicle) {
			c.spend(20210910, "org/x", 990_00)
			c.reverse(c.spend(20210910, "org/x", 990_00), 20210911)
		}, ""},
		{"across two lines", func(c *chronicle) { c.spend(20210910, "org/x", 9_900_00); c.spend(20210911, "org/x", 9_900_00) },
			"2021-09-11 split_under_tier [付2021-1 付2021-2] org/x 19800.00/10000.00 days 1 rule 1\n"},
		{"windows that overlap are one", func(c *chronicle) {
			for _, day := range []ledger.Day{20210901, 20210907, 20210913} {
				c.spend(day, "org/x", 600_00)
			}
			c.spend(20210930, "org/x", 600_00)
		}, "2021-09-13 split_under_tier [付2021-1 付2021-2 付2021-3] org/x 1800.00/1000.00 days 12 rule 1\n"},
		{"one paid and one asked for", func(c *chronicle) {
			v := c.spend(20210910, "org/园林公司", 990_00)
			v.Purpose = "repair"
			c.request("repair", "", 990_00)
		}, "2021-09-10 split_under_tier [付2021-1] org/园林公司 requests [1] 1980.00/1000.00 rule 1\n"},
		{"a line that asks for no more", func(c *chronicle) {
			c.rule(2, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 1}, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, FromFen: 1_000_00, Approvals: 1})
			c.spend(20210910, "org/x", 990_00)
			c.spend(20210910, "org/x", 990_00)
		}, ""},
		{"the rule of the day", func(c *chronicle) {
			c.spend(20210910, "org/x", 990_00)
			c.spend(20210910, "org/x", 990_00)
			c.on(20210920).rule(2, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 1})
			c.spend(20210921, "org/x", 990_00)
			c.spend(20210921, "org/x", 990_00)
		}, "2021-09-10 split_under_tier [付2021-1 付2021-2] org/x 1980.00/1000.00 rule 1\n"},
		{"a line of one purpose decides before the general one", func(c *chronicle) {
			c.rule(2, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 1}, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, FromFen: 1_000_00, Approvals: 3},
				&eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Purpose: "repair", Approvals: 1})
			c.spend(20210910, "org/x", 990_00)
			c.spend(20210910, "org/x", 990_00)
		}, ""},
		{"two purposes under a general line", func(c *chronicle) {
			c.spendFor("planting", 20210910, "org/x", 990_00)
			c.spend(20210910, "org/x", 990_00)
		}, "2021-09-10 split_under_tier [付2021-1 付2021-2] org/x 1980.00/1000.00 rule 1\n"},
	})
}

// TestDuplicateDocument: X5's duplicate invoice number, in the forms that the ledger itself cannot refuse.
func TestDuplicateDocument(t *testing.T) {
	as := func(kind string, d *eventv1.Document) *eventv1.Document { d.Kind = kind; return d }
	cites := func(part int, d *eventv1.Document) *eventv1.Document { d.CitedFen = int64(part); return d }
	checkRule(t, DuplicateDocument, []radarCase{
		{"one number as invoice and as receipt", func(c *chronicle) {
			c.spend(20210310, "org/x", 900_00, paper("7", 900_00))
			c.spend(20210910, "org/y", 900_00, as("receipt", paper("7", 900_00)))
		}, `
2021-09-10 duplicate_document number [付2021-1 付2021-2] shop 7 1800.00/900.00
`},
		{"in parts within its total", func(c *chronicle) {
			c.spend(20210310, "org/x", 400_00, cites(400_00, paper("7", 900_00)))
			c.spend(20210910, "org/x", 500_00, cites(500_00, as("receipt", paper("7", 900_00))))
		}, ""},
		{"in parts a fen beyond", func(c *chronicle) {
			c.spend(20210310, "org/x", 400_00, cites(400_00, paper("7", 900_00)))
			c.spend(20210910, "org/x", 500_01, cites(500_01, as("receipt", paper("7", 900_00))))
		}, "2021-09-10 duplicate_document number [付2021-1 付2021-2] org/x shop 7 900.01/900.00\n"},
		{"the same contract twice", func(c *chronicle) {
			c.spend(20210310, "org/x", 900_00, as("contract", paper("7", 900_00)))
			c.spend(20210910, "org/x", 900_00, as("list", paper("7", 900_00)))
		}, ""},
		{"another issuer's number", func(c *chronicle) {
			other := as("receipt", paper("7", 900_00))
			other.Issuer, other.Sha256 = "market", nil
			c.spend(20210310, "org/x", 900_00, paper("7", 900_00))
			c.spend(20210910, "org/x", 900_00, other)
		}, ""},
		{"the first turned back", func(c *chronicle) {
			c.reverse(c.spend(20210310, "org/x", 900_00, paper("7", 900_00)), 20210311)
			c.spend(20210910, "org/x", 900_00, as("receipt", paper("7", 900_00)))
		}, ""},
		{"three years before the period", func(c *chronicle) {
			c.spend(20180101, "org/x", 900_00, paper("7", 900_00))
			c.spend(20210405, "org/x", 900_00, as("receipt", paper("7", 900_00)))
		}, "2021-04-05 duplicate_document number [付2018-1 付2021-1] org/x shop 7 1800.00/900.00\n"},
		{"and a day more", func(c *chronicle) {
			c.spend(20171231, "org/x", 900_00, paper("7", 900_00))
			c.spend(20210405, "org/x", 900_00, as("receipt", paper("7", 900_00)))
		}, ""},
		{"one voucher with invoice and receipt of one number", func(c *chronicle) {
			c.spend(20210310, "org/x", 900_00, paper("7", 900_00), as("receipt", paper("7", 900_00)))
		}, ""},
		{"one file under two numbers", func(c *chronicle) {
			again := paper("8", 500_00)
			again.Sha256 = paper("7", 0).Sha256
			c.spend(20210310, "org/x", 900_00, paper("7", 900_00))
			c.spend(20210910, "org/y", 500_00, again)
		}, "2021-09-10 duplicate_document file [付2021-1 付2021-2] 1400.00/0.00\n"},
		{"one file under one number", func(c *chronicle) {
			c.spend(20210310, "org/x", 400_00, cites(400_00, paper("7", 900_00)))
			c.spend(20210910, "org/x", 500_00, cites(500_00, paper("7", 900_00)))
		}, ""},
		{"one day, payee and total under two numbers", func(c *chronicle) {
			c.spend(20210310, "org/x", 900_00, paper("7", 900_00))
			c.spend(20210310, "org/x", 900_00, paper("8", 900_00))
		}, "2021-03-10 duplicate_document bill [付2021-1 付2021-2] org/x 1800.00/900.00\n"},
		{"the day after", func(c *chronicle) {
			c.spend(20210310, "org/x", 900_00, paper("7", 900_00))
			c.spend(20210311, "org/x", 900_00, paper("8", 900_00))
		}, ""},
		{"one that is only asked for", func(c *chronicle) {
			c.spend(20210310, "org/x", 900_00, paper("7", 900_00))
			c.on(20210312).request("repair", "", 900_00)
			c.events[len(c.events)-2].GetRequestMade().GetPayment().Documents = []*eventv1.Document{as("receipt", paper("7", 900_00))}
		}, "2021-03-12 duplicate_document number [付2021-1] shop 7 requests [1] 1800.00/900.00\n"},
	})
}

// TestSamePayee: five payments and more than half of the fund's in a calendar quarter.
func TestSamePayee(t *testing.T) {
	days := []ledger.Day{20210405, 20210420, 20210505, 20210520, 20210605}
	checkRule(t, SamePayee, []radarCase{
		{"five of nine", func(c *chronicle) {
			for i, day := range days {
				c.spend(day, "org/x", 100_01)
				if i > 0 {
					c.spend(day, fmt.Sprint("org/y", i), 100_01)
				}
			}
		}, "2021-06-05 same_payee [付2021-1 付2021-2 付2021-4 付2021-6 付2021-8] org/x 500.05/0.00 of 9\n"},
		{"five of ten", func(c *chronicle) {
			for i, day := range days {
				c.spend(day, "org/x", 100_01)
				c.spend(day, fmt.Sprint("org/y", i), 100_01)
			}
		}, ""},
		{"five fees of the bank", func(c *chronicle) {
			for _, day := range days {
				c.spend(day, "org/bank", 10_01)
				c.events[len(c.events)-1].Fact = &eventv1.Event_FeeCharged{FeeCharged: &eventv1.FeeCharged{}}
			}
		}, ""},
		{"four of four", func(c *chronicle) {
			for _, day := range days[1:] {
				c.spend(day, "org/x", 100_01)
			}
		}, ""},
		{"five over two quarters", func(c *chronicle) {
			for _, day := range append([]ledger.Day{20210331}, days[1:]...) {
				c.spend(day, "org/x", 100_01)
			}
		}, ""},
	})
}

// TestMissingDocument: from 500.00 a paper, from 1,000.00 its file.
func TestMissingDocument(t *testing.T) {
	bare := func(c *chronicle, amount int) *eventv1.Voucher {
		v := c.spend(20210310, "org/x", amount)
		v.Documents = nil
		return v
	}
	numbered := func(c *chronicle, amount int) {
		c.spend(20210310, "org/x", amount, paper("7", amount)).Documents[0].Sha256 = nil
	}
	checkRule(t, MissingDocument, []radarCase{
		{"500.00 without a paper", func(c *chronicle) { bare(c, 500_00) }, "2021-03-10 missing_document paper [付2021-1] org/x 500.00/500.00\n"},
		{"499.99 without a paper", func(c *chronicle) { bare(c, 499_99) }, ""},
		{"1,000.00 by its number alone", func(c *chronicle) { numbered(c, 1_000_00) }, "2021-03-10 missing_document scan [付2021-1] org/x 1000.00/1000.00\n"},
		{"999.99 by its number alone", func(c *chronicle) { numbered(c, 999_99) }, ""},
		{"turned back", func(c *chronicle) { c.reverse(bare(c, 900_00), 20210311) }, ""},
		{"rent without a file", func(c *chronicle) { c.rent(20210320) }, "2021-03-20 missing_document scan [收2021-1] org/市场经营公司 98000.00/1000.00\n"},
		{"a grant rests on its round", func(c *chronicle) { c.grant("relief", "relief", 20210101, 20210120, 900_00) }, ""},
	})
}

// TestLateEntry: eleven days are late, ten are not.
func TestLateEntry(t *testing.T) {
	at := func(recorded, day ledger.Day) func(c *chronicle) {
		return func(c *chronicle) {
			c.spend(day, "org/x", 100_00)
			c.events[len(c.events)-1].RecordedAt = newChronicle().on(recorded).now.UnixMicro()
		}
	}
	checkRule(t, LateEntry, []radarCase{
		{"eleven days", at(20210321, 20210310), "2021-03-10 late_entry [付2021-1] org/x 100.00/0.00 days 11\n"},
		{"ten days", at(20210320, 20210310), ""},
		{"before its day", at(20210301, 20210310), ""},
		{"opening balances", func(c *chronicle) {
			c.on(20210901).add(&eventv1.Event{Fact: &eventv1.Event_OpeningConfirmed{OpeningConfirmed: &eventv1.OpeningConfirmed{}}}, voucher(ledger.Transfer, 20210101, "期初", "money/bank", 100, "fund/reserve", -100))
		}, ""},
		{"a replacement", func(c *chronicle) {
			wrong := c.spend(20210310, "org/x", 100_00)
			right := voucher(ledger.Payment, 20210310, "维修", "fund/maintenance", 90_00, "money/bank", -90_00)
			right.Purpose, right.Corrects = "repair", wrong.Ref
			c.on(20210601).add(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{}}}, reversal(wrong, 20210310), right)
		}, ""},
	})
}

// adopt adopts a policy for rent of two funds.
func (c *chronicle) adopt(version uint32, effective ledger.Day, dividend, reserve uint64) {
	c.add(&eventv1.Event{Fact: &eventv1.Event_PolicyAdopted{PolicyAdopted: &eventv1.PolicyAdopted{Version: version, EffectiveOn: int32(effective), IncomeKinds: []string{"rent"},
		Shares: []*eventv1.PolicyShare{{Fund: "dividend", Share: &eventv1.Fraction{Numerator: dividend, Denominator: dividend + reserve}},
			{Fund: "reserve", Share: &eventv1.Fraction{Numerator: reserve, Denominator: dividend + reserve}}}}}})
}

// divide books rent divided between the two funds by a policy.
func (c *chronicle) divide(day ledger.Day, policy uint32, dividend, reserve int) *eventv1.Voucher {
	v := voucher(ledger.Receipt, day, "租金", "money/bank", dividend+reserve, "fund/dividend", -dividend, "fund/reserve", -reserve)
	v.IncomeKind, v.PolicyVersion, v.Party = "rent", policy, "org/m"
	c.on(day).add(&eventv1.Event{Fact: &eventv1.Event_IncomeRecorded{IncomeRecorded: &eventv1.IncomeRecorded{Kind: "rent", PolicyVersion: policy}}}, v)
	return v
}

// TestPolicyDrift: another policy than that of the day as known now, and sums off their shares by more than a fen a split.
func TestPolicyDrift(t *testing.T) {
	checkRule(t, PolicyDrift, []radarCase{
		{"a policy adopted with effect in the past", func(c *chronicle) {
			c.adopt(1, 20200301, 7, 3)
			c.divide(20210310, 1, 700, 300)
			c.divide(20210410, 1, 700, 300)
			c.adopt(2, 20210401, 6, 4)
		}, "2021-04-10 policy_drift policy [收2021-2] 10.00/0.00 policy 1 due 2\n"},
		{"adopted for later", func(c *chronicle) {
			c.adopt(1, 20200301, 7, 3)
			c.divide(20210410, 1, 700, 300)
			c.adopt(2, 20210411, 6, 4)
		}, ""},
		{"two fen off in one split", func(c *chronicle) { c.adopt(1, 20200301, 7, 3); c.divide(20210310, 1, 702, 298) },
			`
2021-03-10 policy_drift shares [收2021-1] 7.02/0.02 of 1 policy 1
2021-03-10 policy_drift shares [收2021-1] 2.98/-0.02 of 1 policy 1
`},
		{"one fen off in one split", func(c *chronicle) { c.adopt(1, 20200301, 7, 3); c.divide(20210310, 1, 701, 299) }, ""},
		{"rounded each time", func(c *chronicle) {
			c.adopt(1, 20200301, 2, 1)
			for range 30 {
				c.divide(20210310, 1, 1, 0)
			}
		}, ""},
		{"four fen off in three splits", func(c *chronicle) {
			c.adopt(1, 20200301, 7, 3)
			c.divide(20210310, 1, 702, 298)
			c.divide(20210311, 1, 701, 299)
			c.divide(20210312, 1, 701, 299)
		}, `
2021-03-12 policy_drift shares [收2021-1 收2021-2 收2021-3] 21.04/0.04 of 3 policy 1
2021-03-12 policy_drift shares [收2021-1 收2021-2 收2021-3] 8.96/-0.04 of 3 policy 1
`},
		{"what a fund had left pending is part of it", func(c *chronicle) {
			c.adopt(1, 20200301, 7, 3)
			v := c.divide(20210310, 1, 700, 300)
			v.Postings = lines("money/bank", 1000, "fund/dividend", -600, "receivable/pending|fund/dividend", -100, "fund/reserve", -300)
		}, ""},
	})
}

// TestGrantWithoutNotice: six days are too short, seven are enough, and only days before the award count.
func TestGrantWithoutNotice(t *testing.T) {
	round := func(to, award ledger.Day) func(c *chronicle) {
		return func(c *chronicle) {
			c.grant("relief-1", "relief", 20210111, award, 500_00)
			for _, e := range c.events {
				if n := e.GetGrantNoticePublished(); n != nil {
					n.NoticeTo = int32(to)
				}
			}
		}
	}
	checkRule(t, GrantWithoutNotice, []radarCase{
		{"six days", round(20210116, 20210125), "2021-01-25 grant_without_notice short [转2021-1] relief-1 500.00/0.00 days 6\n"},
		{"seven days", round(20210117, 20210125), ""},
		{"awarded while it ran", round(20210131, 20210117), "2021-01-17 grant_without_notice short [转2021-1] relief-1 500.00/0.00 days 6\n"},
		{"no notice", func(c *chronicle) {
			round(20210117, 20210125)(c)
			for _, e := range c.events {
				if e.GetGrantNoticePublished() != nil {
					e.Fact = &eventv1.Event_GrantRoundReviewed{GrantRoundReviewed: &eventv1.GrantRoundReviewed{RoundId: "relief-1"}}
				}
			}
		}, "2021-01-25 grant_without_notice none [转2021-1] relief-1 500.00/0.00\n"},
		{"the award turned back", func(c *chronicle) {
			c.grant("relief-1", "relief", 20210111, 20210114, 500_00)
			c.events = c.events[:len(c.events)-1] // before its payment
			c.reverse(c.events[len(c.events)-1].Vouchers[0], 20210115)
		}, ""},
	})
}

// TestRoundNumbers: X5's cluster of round amounts, and the nearest that are none.
func TestRoundNumbers(t *testing.T) {
	four := []ledger.Day{20210401, 20210410, 20210420, 20210501}
	each := func(amounts ...int) func(c *chronicle) {
		return func(c *chronicle) {
			for i, amount := range amounts {
				c.spend(four[i], "org/x", amount)
			}
		}
	}
	checkRule(t, RoundNumbers, []radarCase{
		{"four in thirty days", each(100_00, 200_00, 300_00, 1_200_00), "2021-05-01 round_numbers payee [付2021-1 付2021-2 付2021-3 付2021-4] org/x 1800.00/0.00 days 30\n"},
		{"three", each(100_00, 200_00, 300_00), ""},
		{"one of them not round", each(100_00, 200_00, 300_01, 1_200_00), ""},
		{"four in thirty-one days", func(c *chronicle) { each(100_00, 200_00, 300_00)(c); c.spend(20210502, "org/x", 100_00) }, ""},
		{"another amount between", func(c *chronicle) {
			each(100_00, 200_00, 300_00)(c)
			c.spend(20210425, "org/x", 17_35)
			c.spend(20210430, "org/x", 100_00)
		}, ""},
		{"what members get", func(c *chronicle) {
			for _, day := range four {
				c.spend(day, "member/7", 100_00)
			}
		}, ""},
		{"four payees for one purpose", func(c *chronicle) {
			for i, day := range four {
				c.spend(day, fmt.Sprint("org/", i), 100_00)
			}
		}, "2021-05-01 round_numbers purpose [付2021-1 付2021-2 付2021-3 付2021-4] 400.00/0.00 days 30\n"},
		{"four just below a line", each(990_00+1, 999_99, 950_00+1, 960_10), "2021-05-01 round_numbers below [付2021-1 付2021-2 付2021-3 付2021-4] org/x 3900.11/1000.00 days 30 rule 1\n"},
		{"one a fen further below", each(990_00+1, 999_99, 949_99, 960_10), ""},
	})
}

// TestAnomaliesOfAPeriod: an anomaly belongs to the day of its last voucher; a month is judged with what had happened by its end, whatever
// came later, but for what was turned back since.
func TestAnomaliesOfAPeriod(t *testing.T) {
	c := watched()
	c.spend(20210628, "org/x", 600_00)
	c.spend(20210630, "org/x", 600_00)
	last := c.spend(20210702, "org/x", 600_00)
	known := uint64(len(c.events))
	c.reverse(last, 20210703)
	b := fold(t, c.events)
	find := func(from, to ledger.Day, m Moment) string {
		return shown(b.Anomalies(Period{from, to}, []string{SplitUnderTier}, m))
	}
	june := "2021-06-30 split_under_tier [付2021-1 付2021-2] org/x 1200.00/1000.00 days 2 rule 1\n"
	for what, c := range map[string]struct {
		got, want string
	}{
		"june":              {find(20210601, 20210630, Moment{}), june},
		"june before":       {find(20210601, 20210629, Moment{}), ""},
		"july":              {find(20210701, 20210731, Moment{}), ""},
		"july as known":     {find(20210701, 20210731, Moment{AsKnownAt: known}), "2021-07-02 split_under_tier [付2021-1 付2021-2 付2021-3] org/x 1800.00/1000.00 days 4 rule 1\n"},
		"june as known":     {find(20210601, 20210630, Moment{AsKnownAt: known}), june},
		"as of a day":       {find(20210601, 20210731, Moment{AsOf: 20210629}), ""},
		"before everything": {find(20210601, 20210731, Moment{AsKnownAt: NothingKnown}), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: found\n%swant\n%s", what, c.got, c.want)
		}
	}
}

// TestDemoHasOnlyMissingFiles: whoever keeps the demonstration keeps it well. Its papers have numbers, but no files lie beside an invented
// village: the five incomes of 98,000.00 and the seven payments of 1,000.00 and more say so, and nothing else is found in three years. All
// rounds were ten days on notice, what was paid to one contractor went by resolutions, and the three bills of the workshop come to no line.
func TestDemoHasOnlyMissingFiles(t *testing.T) {
	golden(t, "anomalies.txt", func(w io.Writer) {
		b := fold(t, serviceEvents(t))
		for _, p := range []Period{{20200301, 20201231}, {20210101, 20211231}, {20220101, 20221231}} {
			fmt.Fprint(w, shown(b.Anomalies(p, nil, Moment{})))
		}
	})
}

// radarBook is a book of 100,000 vouchers in three years, most of them payments under a spending rule, to 200 payees, each with a bill.
var radarBook = sync.OnceValue(func() *Book {
	c := watched()
	c.adopt(1, 20200301, 7, 3)
	random := rand.New(rand.NewPCG(1, 2))
	const vouchers = 100_000
	for i := range vouchers {
		day := ledger.Day(20200301).Add(i * 1096 / vouchers)
		amount := 1000 + random.IntN(120_000)
		if i%5 == 0 {
			c.divide(day, 1, 7*amount, 3*amount).Documents = []*eventv1.Document{paper(fmt.Sprint("line ", i), 10*amount)}
			continue
		}
		c.spend(day, fmt.Sprint("org/", random.IntN(200)), amount)
	}
	b := NewBook("lmb")
	for _, e := range c.events {
		if err := b.Fold(e); err != nil {
			panic(err)
		}
	}
	return b
})

// BenchmarkAnomalies looks at the last month, quarter and year of 100,000 vouchers. What somebody waits for, a month or a quarter, takes
// 100 ms at most.
func BenchmarkAnomalies(b *testing.B) {
	book := radarBook()
	last := book.LastDay(Moment{})
	for _, span := range []struct {
		name string
		days int
	}{{"month", 30}, {"quarter", 91}, {"year", 365}} {
		b.Run(span.name, func(b *testing.B) {
			found := 0
			for b.Loop() {
				found = len(book.Anomalies(Period{last.Add(-span.days), last}, nil, Moment{}))
			}
			b.ReportMetric(float64(found), "found")
		})
	}
}
