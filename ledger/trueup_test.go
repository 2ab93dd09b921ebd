package ledger_test

import (
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// payCost adopts a rule that asks nothing of costs and pays one.
func payCost(b *lt.Books, date, amount string) {
	b.Resolve(date, "costs", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do(date, lt.Approver, &ledger.AdoptSpendingRule{Resolution: "costs", Tiers: append(lt.Rule(), &eventv1.Tier{Operation: eventv1.Operation_OPERATION_COST})})
	b.Do(date, lt.Treasurer, &ledger.RequestPayment{Cost: true, Purpose: "insurance", Amount: lt.Yuan(amount), Payee: "party/insurer", Money: "bank"})
}

// TestCost holds a cost to its form and its resolution.
func TestCost(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-21", "costs", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do("2021-12-21", lt.Approver, &ledger.AdoptSpendingRule{Resolution: "costs", Tiers: append(lt.Rule(),
		&eventv1.Tier{Operation: eventv1.Operation_OPERATION_COST, ResolutionBody: "representatives"})})
	ask := func(change func(*ledger.RequestPayment)) *ledger.RequestPayment {
		c := &ledger.RequestPayment{Cost: true, Purpose: "insurance", Amount: lt.Yuan("4,000.00"), Payee: "party/insurer", Resolution: "insurance", Money: "bank"}
		change(c)
		return c
	}
	b.Refuse("2021-12-28", lt.Treasurer, ask(func(c *ledger.RequestPayment) { c.Fund = "welfare" }), ledger.FieldInvalid)
	b.Refuse("2021-12-28", lt.Treasurer, ask(func(c *ledger.RequestPayment) { c.Purpose = "" }), ledger.IDInvalid)
	b.Refuse("2021-12-28", lt.Treasurer, ask(func(c *ledger.RequestPayment) { c.Resolution = "" }), ledger.ResolutionNeeded)
	b.Resolve("2021-12-28", "repairs", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "4,000.00")
	b.Refuse("2021-12-28", lt.Treasurer, ask(func(c *ledger.RequestPayment) { c.Resolution = "repairs" }), ledger.ResolutionOther)
	b.Resolve("2021-12-28", "insurance", eventv1.Matter_MATTER_COST, "representatives", "", "4,000.00")
	b.Refuse("2021-12-28", lt.Treasurer, ask(func(c *ledger.RequestPayment) { c.Amount++ }), ledger.ResolutionExhausted, "short=0.01")
	b.Refuse("2021-12-28", lt.Treasurer, ask(func(c *ledger.RequestPayment) { c.Amount = lt.Yuan("140,000.00") }), ledger.ResolutionExhausted)
	b.Do("2021-12-28", lt.Treasurer, ask(func(*ledger.RequestPayment) {}))
	if got := b.Balance(ledger.ReceivableCost, "2021-12-28"); got != lt.Yuan("4,000.00") {
		t.Errorf("the year's income bears %v", got)
	}
	b.Refuse("2020-12-28", lt.Treasurer, &ledger.BookTrueUp{Year: 2021, On: lt.Day("2020-12-28")}, ledger.ClockBehind)
	b.Refuse("2021-12-31", lt.Treasurer, &ledger.BookTrueUp{Year: 2022, On: lt.Day("2021-12-31")}, ledger.FieldInvalid)
}

// TestTrueUpOverPolicies splits a year under two policies and lets each bear its part of the cost.
func TestTrueUpOverPolicies(t *testing.T) {
	b := lt.Demo(t, "2022-09-15") // 98,000.00 under the first policy in 2022
	b.Resolve("2022-10-01", "v2", eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
	b.Do("2022-10-01", lt.Approver, &ledger.AdoptPolicy{Effective: lt.Day("2022-07-01"), Kinds: []string{"rent"}, Shares: lt.Shares("0.6", "0.15", "0.15", "0.1"), Resolution: "v2"})
	b.Do("2022-12-20", lt.Treasurer, lt.Rent("2022-12-20", "49,000.00"))
	payCost(b, "2022-12-28", "3,000.00")
	events := b.Do("2022-12-31", lt.Treasurer, &ledger.BookTrueUp{Year: 2022, On: lt.Day("2022-12-31")})
	fact := events[0].GetTrueUpBooked()
	if len(fact.Lines) != 2 || fact.Lines[0].CostFen != 200000 || fact.Lines[1].CostFen != 100000 || lt.Refs(events) != "转2022-4 转2022-5" {
		t.Fatalf("%v booked as %s", fact, lt.Refs(events))
	}
	for i, want := range [][]int64{{-140000, -20000, -20000, -20000}, {-60000, -15000, -15000, -10000}} {
		for k, part := range fact.Lines[i].Parts {
			if part.AdjustedFen != want[k] {
				t.Errorf("policy %d adjusts %s by %d, want %d", i+1, part.Fund, part.AdjustedFen, want[k])
			}
		}
	}
	// The dividend fund had 20.05 + 29,400.00 and gives 1,400.00 + 600.00 back.
	if got := b.Balance(lt.Dividend, "2022-12-31"); got != lt.Yuan("27,420.05") {
		t.Errorf("the dividend fund has %v", got)
	}
}

// TestPendingDemands asks an approver and a supervisor before money is left pending, and refuses reversals of vouchers
// whose pending part is cleared.
func TestPendingDemands(t *testing.T) {
	b := lt.Demo(t, "2021-07-20")
	wrong := &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2021-1")}, On: lt.Day("2021-07-31"), Narration: "a deposit",
		Replacements: []ledger.Replacement{{Corrects: lt.Ref("收2021-1"), Inflow: &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_DEPOSIT, Kind: "lease",
			Amount: lt.Yuan("98,000.00"), Money: "bank", Payer: "party/lessee"}}}}
	refused := b.Refuse("2021-07-31", lt.Treasurer, wrong, ledger.FundOverdrawn, "available=26.08", "short=68573.92")
	if refused.Figure("ways") == "" {
		t.Error("the refusal does not say what would help")
	}
	wrong.Cover = eventv1.Cover_COVER_PENDING
	events := b.Do("2021-07-31", lt.Treasurer, wrong)
	made := events[0].GetRequestMade()
	if made == nil || made.Approvals != 1 || !made.Review {
		t.Fatalf("pending money is asked for as %v", events)
	}
	b.Do("2021-07-31", lt.Supervisor, &ledger.ReviewRequest{Number: made.Number})
	b.Do("2021-07-31", lt.Approver, &ledger.ApproveRequest{Number: made.Number})
	booked := b.Do("2021-07-31", lt.Treasurer, &ledger.BookCorrection{Number: made.Number})
	if got := b.Balance(ledger.ReceivablePending, "2021-07-31"); got != lt.Yuan("68,573.92") || b.Balance(lt.Dividend, "2021-07-31") != 0 {
		t.Errorf("pending %v", got)
	}
	b.Do("2021-12-20", lt.Treasurer, lt.Rent("2021-12-20", "98,000.00"))
	if got := b.Balance(lt.Dividend, "2021-12-20"); got != lt.Yuan("26.08") {
		t.Errorf("the dividend fund has %v after its pending part is cleared", got)
	}
	cover := ledger.RefOf(booked[0].Vouchers[2].Ref)
	b.Refuse("2021-12-21", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{cover}, On: lt.Day("2021-12-21")},
		ledger.FundOverdrawn, "available=26.08")
}

// TestCarryProperties holds carry to its promise over any incomes and reversals: parts sum to the amount, none has the other
// sign, and with 70/10/10/10 and no reversals the cumulative parts are the split of the cumulative total (S4).
func TestCarryProperties(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := lt.Liminba(t)
		b.Resolve("2020-06-01", "carry", eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
		shares := rapid.SampledFrom([][4]string{{"0.7", "0.1", "0.1", "0.1"}, {"1/3", "1/3", "rest", "0"}, {"0.001", "0.499", "0.25", "rest"}}).Draw(r, "shares")
		b.Do("2020-06-01", lt.Approver, &ledger.AdoptPolicy{Effective: lt.Day("2020-06-01"), Kinds: []string{"rent"}, Rounding: eventv1.Rounding_ROUNDING_CARRY,
			Shares: lt.Shares(shares[0], shares[1], shares[2], shares[3]), Resolution: "carry"})
		var live []*eventv1.Voucher
		var total ledger.Fen
		reversed := false
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			if len(live) > 0 && rapid.IntRange(0, 3).Draw(r, "kind") == 0 {
				i := rapid.IntRange(0, len(live)-1).Draw(r, "which")
				b.Do("2020-06-02", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{ledger.RefOf(live[i].Ref)}, On: lt.Day("2020-06-02")})
				total -= ledger.Amount(live[i])
				live = append(live[:i], live[i+1:]...)
				reversed = true
				continue
			}
			amount := ledger.Fen(rapid.Int64Range(1, 999).Draw(r, "fen"))
			c := &ledger.RecordIncome{Kind: "rent", Amount: amount, On: lt.Day("2020-06-02"), Money: "bank"}
			events := b.Do("2020-06-02", lt.Treasurer, c)
			total += amount
			var sum ledger.Fen
			for _, p := range events[0].GetIncomeRecorded().Parts {
				if p.AmountFen < 0 {
					r.Fatalf("a part of %d", p.AmountFen)
				}
				sum += ledger.Fen(p.AmountFen)
			}
			if sum != amount {
				r.Fatalf("parts sum to %v of %v", sum, amount)
			}
			live = append(live, events[0].Vouchers[0])
		}
		if reversed || total == 0 || shares[0] != "0.7" {
			return // other shares can need the clamp: the largest fraction of a larger total may give a part less
		}
		once := lt.Liminba(t)
		once.Resolve("2020-06-01", "carry", eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
		once.Do("2020-06-01", lt.Approver, &ledger.AdoptPolicy{Effective: lt.Day("2020-06-01"), Kinds: []string{"rent"},
			Shares: lt.Shares(shares[0], shares[1], shares[2], shares[3]), Resolution: "carry"})
		c := lt.Rent("2020-06-02", "1.00")
		c.Amount = total
		once.Do("2020-06-02", lt.Treasurer, c)
		for _, a := range []ledger.Account{lt.Dividend, lt.Reserve, lt.Welfare, lt.Maintenance} {
			if got, want := b.Balance(a, "2020-06-02"), once.Balance(a, "2020-06-02"); got != want {
				r.Fatalf("%s has %v in pieces and %v at once", a, got, want)
			}
		}
	})
}

// TestNestedForm holds nested shares to their form.
func TestNestedForm(t *testing.T) {
	b := lt.Liminba(t)
	b.Resolve("2020-06-01", "nested", eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
	adopt := func(shares ...ledger.ShareText) *ledger.AdoptPolicy {
		return &ledger.AdoptPolicy{Effective: lt.Day("2020-06-01"), Kinds: []string{"rent"}, Shares: shares, Resolution: "nested"}
	}
	dividend, rest := ledger.ShareText{Fund: "dividend", Share: "0.1"}, func(parts ...ledger.ShareText) ledger.ShareText {
		return ledger.ShareText{Name: "collective", Share: "rest", Parts: parts}
	}
	fund := func(id, share string) ledger.ShareText { return ledger.ShareText{Fund: id, Share: share} }
	for _, c := range []struct {
		what   string
		shares []ledger.ShareText
		want   ledger.Reason
	}{
		{"an inner level below one", []ledger.ShareText{dividend, rest(fund("reserve", "0.5"), fund("welfare", "0.4"))}, ledger.SharesNotOne},
		{"an inner level above one", []ledger.ShareText{dividend, rest(fund("reserve", "0.5"), fund("welfare", "0.6"))}, ledger.SharesNotOne},
		{"rest twice a level", []ledger.ShareText{dividend, rest(fund("reserve", "rest"), fund("welfare", "rest"))}, ledger.RepeatedEntry},
		{"a fund on two levels", []ledger.ShareText{dividend, rest(fund("dividend", "0.5"), fund("welfare", "0.5"))}, ledger.RepeatedEntry},
		{"a subtotal without parts", []ledger.ShareText{dividend, rest()}, ledger.FieldInvalid},
		{"a subtotal that is a fund", []ledger.ShareText{dividend, {Name: "x1", Fund: "reserve", Share: "rest", Parts: []ledger.ShareText{fund("welfare", "1")}}}, ledger.FieldInvalid},
		{"a subtotal without a name", []ledger.ShareText{dividend, {Share: "rest", Parts: []ledger.ShareText{fund("welfare", "1")}}}, ledger.IDInvalid},
		{"five levels", []ledger.ShareText{deep(5)}, ledger.TooMany},
		{"denominators beyond 10^12", []ledger.ShareText{{Name: "xx", Share: "1/1000003", Parts: []ledger.ShareText{fund("welfare", "1/1000033"), fund("reserve", "rest")}}, fund("dividend", "rest")}, ledger.ShareInvalid},
	} {
		t.Run(c.what, func(t *testing.T) {
			if _, err := b.Try("2020-06-01", lt.Approver, adopt(c.shares...)); !refusedAs(err, c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	events := b.Do("2020-06-01", lt.Approver, adopt(dividend, rest(fund("reserve", "0.25"), fund("welfare", "0.20"), fund("maintenance", "rest"))))
	for i, want := range []string{"1/10 ", "9/40 collective", "9/50 collective", "99/200 collective"} {
		if s := events[0].GetPolicyAdopted().Shares[i]; ledger.FormatFraction(s.Share)+" "+s.PartOf != want {
			t.Errorf("%s has %s %s, want %s", s.Fund, ledger.FormatFraction(s.Share), s.PartOf, want)
		}
	}
}

func deep(levels int) ledger.ShareText {
	s := ledger.ShareText{Fund: "dividend", Share: "1"}
	for range levels {
		s = ledger.ShareText{Name: "level", Share: "1", Parts: []ledger.ShareText{s}}
	}
	return s
}
