package ledger_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// elsewhere are the reasons that no decision gives, with the place that does.
var elsewhere = map[ledger.Reason]string{
	ledger.ClockNotSimulated: "rpc, which knows whether a command brought a time",
}

// TestReasons makes every reason happen once, so that none can be added that nothing gives, and none given that nobody
// described.
func TestReasons(t *testing.T) {
	for reason := range ledger.Reasons {
		t.Run(string(reason), func(t *testing.T) {
			produce, ok := refusals[reason]
			if where := elsewhere[reason]; where != "" {
				if ok {
					t.Fatalf("it is said to come from %s, and there is a case", where)
				}
				return
			}
			if !ok {
				t.Fatal("no case gives this reason")
			}
			var r *ledger.Refusal
			if err := produce(t); !errors.As(err, &r) || r.Reason != reason {
				t.Fatalf("got %v", err)
			}
			for _, sentence := range []string{r.English(), r.Chinese()} {
				if strings.ContainsAny(sentence, "{}") || sentence == "" {
					t.Errorf("the sentence has a figure nobody gave: %s", sentence)
				}
			}
		})
	}
	for reason := range refusals {
		if _, ok := ledger.Reasons[reason]; !ok {
			t.Errorf("%s is not described", reason)
		}
	}
}

// TestReasonSentences holds the two languages together: the same figures in both, and a category.
func TestReasonSentences(t *testing.T) {
	figure := regexp.MustCompile(`\{[a-z_]+\}`)
	for reason, info := range ledger.Reasons {
		zh, en := figure.FindAllString(info.Chinese, -1), figure.FindAllString(info.English, -1)
		slices.Sort(zh)
		slices.Sort(en)
		if !slices.Equal(slices.Compact(zh), slices.Compact(en)) {
			t.Errorf("%s names %v in Chinese and %v in English", reason, zh, en)
		}
		if info.Category < ledger.Invalid || info.Category > ledger.Stale {
			t.Errorf("%s has no category", reason)
		}
	}
}

// refusals makes each reason happen.
var refusals = map[ledger.Reason]func(*testing.T) error{
	ledger.InquiryUnknown: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-06-01", lt.Supervisor, &ledger.PublishInquiry{Number: 1, Wording: "为什么?"})
	},
	ledger.InquiryUnread: func(t *testing.T) error {
		b := lt.Demo(t, "2022-03-10")
		b.Do("2022-03-11", "", question(1, lt.Ref("付2022-1")))
		return on(b, "2022-03-11", lt.Approver, &ledger.AnswerInquiry{Number: 1, Text: "见合同", Outcome: explained})
	},
	ledger.InquiriesWaiting: func(t *testing.T) error {
		b := lt.Liminba(t)
		for n := range ledger.InquiriesWaitingMax {
			b.Do("2020-06-01", "", question(n+1, ledger.VoucherRef{}))
		}
		return on(b, "2020-06-01", "", question(100, ledger.VoucherRef{}))
	},
	ledger.LogKeyGeneration: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-12-20"), "2021-12-31", lt.Admin, &ledger.RotateLogKey{Generation: 3})
	},
	ledger.LogKeyOther: func(t *testing.T) error {
		b := lt.Demo(t, "2021-12-20")
		key := func(seed byte) string { return logVerifierKey(lt.Charter().LogOrigin, 1, seed) }
		b.Do("2021-12-31", lt.Admin, &ledger.RotateLogKey{Generation: 2, OldKey: key(1), NewKey: key(2)})
		return on(b, "2021-12-31", lt.Admin, &ledger.RotateLogKey{Generation: 3, OldKey: key(1), NewKey: key(3)})
	},
	ledger.TrueUpEmpty: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-12-20"), "2021-12-31", lt.Treasurer, &ledger.BookTrueUp{Year: 2021, On: lt.Day("2021-12-31")})
	},
	ledger.CostExceedsIncome: func(t *testing.T) error {
		b := lt.Demo(t, "2020-12-20")
		payCost(b, "2021-01-05", "1.00")
		return on(b, "2021-01-05", lt.Treasurer, &ledger.BookTrueUp{Year: 2021, On: lt.Day("2021-01-05")})
	},
	ledger.ResolutionLapsed: func(t *testing.T) error {
		b := lt.Demo(t, "2021-12-20")
		c := lt.Resolution("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
		c.Resolution.ValidUntil = 20211220
		b.Do("2021-12-20", lt.Approver, c)
		b.Do("2021-12-20", lt.Supervisor, &ledger.ConfirmResolution{ID: "repair"})
		return on(b, "2021-12-21", lt.Treasurer, newPayment())
	},
	ledger.EmergencyCap: func(t *testing.T) error {
		b := lt.Demo(t, "2021-12-20")
		adopt(b, "2021-12-20", "emergencies", 0, emergencyTier())
		return on(b, "2021-12-20", lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: 2_000_01, Payee: "org/a", Emergency: true})
	},
	ledger.FlagUnknown: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-12-20"), "2021-12-20", lt.Supervisor, &ledger.RatifyFlag{Voucher: lt.Ref("付2021-18"), Kind: emergency, Resolution: "planting-2021"})
	},
	ledger.RefundExceeds: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-12-20"), "2021-12-20", lt.Treasurer, &ledger.RecordRefund{Payment: lt.Ref("付2021-18"), Amount: 8_355_01, On: 20211220, Money: "bank"})
	},
	ledger.RequestExpired: func(t *testing.T) error {
		b := lt.Demo(t, "2021-12-20")
		adopt(b, "2021-12-20", "days", 1, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 1})
		b.Do("2021-12-20", lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: 1, Payee: "org/a"})
		return on(b, "2021-12-22", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	},
	ledger.RequestRunning: func(t *testing.T) error {
		b := asked(t)
		return on(b, "2021-12-21", lt.Approver, &ledger.ExpireRequest{Number: b.Last()})
	},
	ledger.GiftUnknown: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Treasurer, &ledger.ReceiveGift{Gift: "books", Amount: 1, On: 20201220, Money: "bank"})
	},
	ledger.AmountInvalid: func(*testing.T) error { _, err := ledger.ParseAmount("amount", "12345.332"); return err },
	ledger.DateInvalid:   func(*testing.T) error { _, err := ledger.ParseDay("occurred_on", "2021-02-29"); return err },
	ledger.VoucherNumberInvalid: func(*testing.T) error {
		_, err := ledger.ParseVoucherRef("voucher", "19")
		return err
	},
	ledger.AmountNotPositive: func(t *testing.T) error { return income(t, func(c *ledger.RecordIncome) { c.Amount = 0 }) },
	ledger.AmountTooLarge: func(t *testing.T) error {
		return income(t, func(c *ledger.RecordIncome) { c.Amount = ledger.AmountMax + 1 })
	},
	ledger.TextInvalid: func(t *testing.T) error {
		return income(t, func(c *ledger.RecordIncome) { c.Narration = "tel 13800000000" })
	},
	ledger.PartyInvalid:  func(t *testing.T) error { return income(t, func(c *ledger.RecordIncome) { c.Payer = "somebody" }) },
	ledger.PolicyMissing: func(t *testing.T) error { return income(t, func(c *ledger.RecordIncome) { c.Kind = "land" }) },
	ledger.MoneyAccountUnknown: func(t *testing.T) error {
		return income(t, func(c *ledger.RecordIncome) { c.Money = "purse" })
	},
	ledger.DateInFuture: func(t *testing.T) error {
		return income(t, func(c *ledger.RecordIncome) { c.On = lt.Day("2020-12-21") })
	},
	ledger.DateBeforeFirst: func(t *testing.T) error {
		return income(t, func(c *ledger.RecordIncome) { c.On = lt.Day("2020-02-29") })
	},
	ledger.CommandIDReused: func(t *testing.T) error {
		o := lt.NewOffice(t, eventstore.NewMemory())
		o.Replay(lt.Until(lt.Demonstration(), "2020-05-19"))
		m := ledger.Meta{ID: lt.CommandID(1000), Actor: lt.Treasurer, Now: lt.Noon("2020-12-20")}
		if _, err := o.Service.Do(context.Background(), o.Collective, lt.Rent("2020-12-20", "98,000.00"), m); err != nil {
			return err
		}
		_, err := o.Service.Do(context.Background(), o.Collective, lt.Rent("2020-12-20", "98,000.01"), m)
		return err
	},
	ledger.VersionStale: func(t *testing.T) error {
		b := lt.Liminba(t)
		old := b.State.Version() - 1
		_, err := b.TryMeta(lt.Rent("2020-12-20", "1.00"), ledger.Meta{ID: lt.CommandID(1000), Actor: lt.Treasurer, Now: lt.Noon("2020-12-20"), Expected: &old})
		return err
	},
	ledger.ClockBehind: func(t *testing.T) error {
		_, err := lt.Liminba(t).Try("2020-05-18", lt.Treasurer, lt.Rent("2020-05-18", "1.00"))
		return err
	},
	ledger.ClockApart: func(t *testing.T) error {
		return withClock(t, 2*time.Hour)
	},
	ledger.RoleMissing: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Approver, lt.Rent("2020-12-20", "1.00"))
	},
	ledger.DutiesConflict: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Admin, &ledger.GrantRole{Operator: lt.Treasurer, Role: eventv1.Role_ROLE_APPROVER})
	},
	ledger.OwnRequest: func(t *testing.T) error {
		b := asked(t)
		b.Do("2021-12-21", lt.Admin, &ledger.RevokeRole{Operator: lt.Treasurer, Role: eventv1.Role_ROLE_TREASURER})
		b.Do("2021-12-21", lt.Admin, &ledger.GrantRole{Operator: lt.Treasurer, Role: eventv1.Role_ROLE_APPROVER})
		return on(b, "2021-12-21", lt.Treasurer, &ledger.ApproveRequest{Number: b.Last()})
	},
	ledger.MonthInvalid: func(*testing.T) error {
		_, err := ledger.ParseMonth("month", "2021-07-01")
		return err
	},
	ledger.CollectiveIDInvalid: func(t *testing.T) error {
		c := lt.Charter()
		c.CollectiveId = "li_min_ba"
		return on(lt.New(t), "2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: c})
	},
	ledger.RosterChanged: func(t *testing.T) error {
		b := lt.Demo(t, "2021-07-05")
		b.Do("2021-07-20", lt.Treasurer, newDividend(func(*ledger.RequestDividend) {}))
		b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
		b.Do("2021-07-20", lt.Treasurer, &ledger.EnrolMembers{Group: "late", Joined: lt.Day("2021-07-01"), Members: []uint32{9001}, Households: []uint32{9001}})
		return on(b, "2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day("2021-07-20")})
	},
	ledger.PayeeNotInFile: func(t *testing.T) error {
		b := lt.Demo(t, "2021-07-05")
		b.Do("2021-07-20", lt.Treasurer, newDividend(func(*ledger.RequestDividend) {}))
		b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
		b.Do("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day("2021-07-20")})
		b.Do("2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"})
		return on(b, "2021-07-20", lt.Treasurer, &ledger.RecordDividendResults{Run: "2021", File: 1, On: lt.Day("2021-07-20"), Failed: []uint32{2000}})
	},
	ledger.SharesDeclared: func(t *testing.T) error {
		b := shareholders(t, "2021-07-01", 1, 2)
		declares(t, b, "2021-07-20", run2021("100.00", func(c *ledger.RequestDividend) { c.Basis = byShare }))
		return on(b, "2021-07-20", lt.Treasurer, setShares("2021-07-20", 2))
	},
	ledger.PayeeUnknown:   func(t *testing.T) error { return supplement(t, 9001, "42.72") },
	ledger.PayeeHasShare:  func(t *testing.T) error { return supplement(t, 5, "42.72") },
	ledger.SupplementPool: func(t *testing.T) error { return supplement(t, 17, "42.72") },
	ledger.PayeeNotPaid: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-20"), "2021-07-20", lt.Treasurer, returned("2021-07-20", 9001))
	},
	ledger.PayeesHeld: func(t *testing.T) error { return on(row5(t), "2021-07-20", lt.Treasurer, sends(17)) },
	ledger.HoldNotAllowed: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-06-01", lt.Approver, hold(17, func(c *ledger.HoldPayee) { c.Kind = eventv1.HoldKind_HOLD_KIND_BLACKLIST }))
	},
	ledger.HoldUnknown: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-06-01", lt.Approver, &ledger.ReleaseHold{Hold: 1})
	},
	ledger.RequestOfOther: func(t *testing.T) error {
		b := asked(t)
		b.Do("2021-12-21", lt.Admin, &ledger.GrantRole{Operator: "second", Role: eventv1.Role_ROLE_TREASURER})
		return on(b, "2021-12-21", "second", &ledger.WithdrawRequest{Number: b.Last()})
	},
	ledger.RoleNotHeld: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Admin, &ledger.RevokeRole{Operator: "nobody", Role: eventv1.Role_ROLE_CASHIER})
	},
	ledger.CollectiveUnknown: func(t *testing.T) error {
		return on(lt.New(t), "2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "1.00"))
	},
	ledger.CollectiveExists: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Admin, &ledger.FoundCollective{Charter: lt.Charter()})
	},
	ledger.AlreadyExists: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "bank", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK})
	},
	ledger.IDInvalid: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "Bank", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK})
	},
	ledger.FieldInvalid: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash"})
	},
	ledger.MemberExists: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Treasurer, &ledger.EnrolMembers{Group: "group-1", Joined: lt.Day("2020-12-20"), Members: []uint32{7}, Households: []uint32{7}})
	},
	ledger.MemberUnknown: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-12-20", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2020-12-20"), Members: []uint32{4000}})
	},

	ledger.ShareInvalid: func(t *testing.T) error {
		return policy(t, func(c *ledger.AdoptPolicy) { c.Shares = lt.Shares("7e-1", "0.1", "0.1", "0.1") })
	},
	ledger.SharesNotOne: func(t *testing.T) error {
		return policy(t, func(c *ledger.AdoptPolicy) { c.Shares = lt.Shares("0.7", "0.1", "0.1", "0.11") })
	},
	ledger.RepeatedEntry: func(t *testing.T) error {
		return policy(t, func(c *ledger.AdoptPolicy) { c.Kinds = []string{"rent", "rent"} })
	},
	ledger.TooMany: func(t *testing.T) error {
		return policy(t, func(c *ledger.AdoptPolicy) { c.Kinds = make([]string, 21) })
	},
	ledger.FundUnknown: func(t *testing.T) error {
		return policy(t, func(c *ledger.AdoptPolicy) { c.Shares[0].Fund = "lottery" })
	},
	ledger.FundRestricted: func(t *testing.T) error {
		b := lt.Liminba(t)
		b.Resolve("2020-06-01", "microfund", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
		b.Do("2020-06-01", lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: "education", Name: "教育基金", Restricted: true}, Resolution: "microfund"})
		c := newPolicy()
		c.Shares[0].Fund = "education"
		return on(b, "2020-06-01", lt.Approver, c)
	},
	ledger.PolicyOverlapsSplit: func(t *testing.T) error {
		b := lt.Demo(t, "2020-12-20")
		b.Resolve("2020-12-20", "policy-v2", eventv1.Matter_MATTER_POLICY, "household_heads", "", "")
		return on(b, "2020-12-20", lt.Approver, newPolicy())
	},
	ledger.PurposeUnknown: func(t *testing.T) error {
		return rule(t, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, Purpose: "travel"})
	},
	ledger.BodyUnknown: func(t *testing.T) error {
		return rule(t, &eventv1.Tier{Operation: eventv1.Operation_OPERATION_PAYMENT, ResolutionBody: "elders"})
	},

	ledger.ElectorateWrong:  func(t *testing.T) error { return vote(t, func(r *eventv1.ResolutionRecorded) { r.Electorate = 664 }) },
	ledger.VotesWrong:       func(t *testing.T) error { return vote(t, func(r *eventv1.ResolutionRecorded) { r.VotesFor = 450 }) },
	ledger.ResolutionExists: func(t *testing.T) error { return vote(t, func(r *eventv1.ResolutionRecorded) { r.Id = "policy-v1" }) },
	ledger.ResolutionNeeded: func(t *testing.T) error { return payment(t, func(c *ledger.RequestPayment) { c.Resolution = "" }) },
	ledger.ResolutionUnknown: func(t *testing.T) error {
		return payment(t, func(c *ledger.RequestPayment) { c.Resolution = "unheard-of" })
	},
	ledger.ResolutionOther: func(t *testing.T) error {
		return payment(t, func(c *ledger.RequestPayment) { c.Resolution = "policy-v1" })
	},
	ledger.ResolutionExhausted: func(t *testing.T) error {
		return payment(t, func(c *ledger.RequestPayment) { c.Amount = lt.Yuan("9,000.01") })
	},
	ledger.ResolutionNotPassed: func(t *testing.T) error {
		b := lt.Demo(t, "2021-12-20")
		c := lt.Resolution("2021-12-20", "failed", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
		c.Resolution.VotesFor, c.Resolution.VotesAgainst = 39, 13
		c.Resolution.Abstained = 0
		b.Do("2021-12-20", lt.Approver, c)
		b.Do("2021-12-20", lt.Supervisor, &ledger.ConfirmResolution{ID: "failed"})
		p := newPayment()
		p.Resolution = "failed"
		return on(b, "2021-12-20", lt.Treasurer, p)
	},
	ledger.ResolutionUnconfirmed: func(t *testing.T) error {
		b := lt.Demo(t, "2021-12-20")
		b.Do("2021-12-20", lt.Approver, lt.Resolution("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00"))
		return on(b, "2021-12-20", lt.Treasurer, newPayment())
	},

	ledger.PurposeNotAllowed: func(t *testing.T) error {
		return payment(t, func(c *ledger.RequestPayment) { c.Purpose = "scholarship" })
	},
	ledger.FundOverdrawn: func(t *testing.T) error {
		return payment(t, func(c *ledger.RequestPayment) { c.Amount = lt.Yuan("16,845.01") })
	},
	ledger.TierMissing: func(t *testing.T) error {
		return payment(t, func(c *ledger.RequestPayment) { c.Fund, c.Purpose = "welfare", "relief" })
	},
	ledger.SpendingRuleMissing: func(t *testing.T) error {
		b := lt.Demo(t, "2020-03-02")
		b.Do("2020-03-03", lt.Treasurer, &ledger.ReceiveGift{Fund: "maintenance", Amount: lt.Yuan("10,000.00"), On: lt.Day("2020-03-03"), Money: "bank"})
		return on(b, "2020-03-03", lt.Treasurer, newPayment())
	},
	ledger.AccountOverdrawn: func(t *testing.T) error {
		b := lt.Demo(t, "2020-12-20")
		b.Do("2020-12-20", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH})
		return on(b, "2020-12-20", lt.Treasurer, &ledger.MoveMoney{From: "bank", To: "cash", Amount: lt.Yuan("98,000.01"), On: lt.Day("2020-12-20")})
	},
	ledger.DocumentDuplicate: func(t *testing.T) error {
		b := lt.Demo(t, "2020-12-20")
		return on(b, "2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "98,000.01"))
	},
	ledger.Unbalanced: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-06-01", lt.Treasurer, opening("100.00", "99.99"))
	},
	ledger.AccountUnknown: func(t *testing.T) error {
		c := opening("100.00", "100.00")
		c.Lines[1].Account = "equity/capital"
		return on(lt.Liminba(t), "2020-06-01", lt.Treasurer, c)
	},
	ledger.OpeningLate: func(t *testing.T) error {
		return on(lt.Demo(t, "2020-12-20"), "2020-12-20", lt.Treasurer, opening("100.00", "100.00"))
	},
	ledger.OpeningMissing: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-06-01", lt.Supervisor, &ledger.ConfirmOpening{})
	},

	ledger.RequestUnknown: func(t *testing.T) error {
		return on(asked(t), "2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: 99})
	},
	ledger.RequestClosed: func(t *testing.T) error {
		return on(asked(t), "2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: 1})
	},
	ledger.RequestOtherKind: func(t *testing.T) error {
		b := asked(t)
		return on(b, "2021-12-20", lt.Treasurer, &ledger.BookTransfer{Number: b.Last(), On: lt.Day("2021-12-20")})
	},
	ledger.RequestChanged: func(t *testing.T) error {
		b := asked(t)
		return on(b, "2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last(), Digest: lt.Minutes("another request")})
	},
	ledger.ReviewNotNeeded: func(t *testing.T) error {
		b := asked(t)
		return on(b, "2021-12-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	},
	ledger.ApprovalNeeded: func(t *testing.T) error {
		b := asked(t)
		return on(b, "2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: lt.Day("2021-12-20"), Money: "bank"})
	},
	ledger.AlreadyDone: func(t *testing.T) error {
		b := asked(t)
		b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
		return on(b, "2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	},
	ledger.ReviewNeeded: func(t *testing.T) error {
		b := lt.Demo(t, "2022-03-01")
		b.Do("2022-03-01", lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("12,000.00"), Payee: "party/supplier", Resolution: "roof-2022"})
		return on(b, "2022-03-01", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	},

	ledger.PeriodClosed: func(t *testing.T) error {
		b := closed(t)
		return on(b, "2021-07-01", lt.Treasurer, lt.Rent("2020-03-31", "1.00"))
	},
	ledger.PeriodOutOfOrder: func(t *testing.T) error {
		return on(closed(t), "2021-07-01", lt.Treasurer, &ledger.ClosePeriod{Month: 202005})
	},
	ledger.PeriodNotOver: func(t *testing.T) error {
		return on(lt.Demo(t, "2020-03-02"), "2020-03-31", lt.Treasurer, &ledger.ClosePeriod{Month: 202003})
	},
	ledger.PeriodCorrection: func(t *testing.T) error {
		b := lt.Demo(t, "2021-03-15")
		for m := ledger.Month(202003); m < 202103; m = m.Next() {
			b.Do("2021-04-01", lt.Treasurer, &ledger.ClosePeriod{Month: m})
		}
		b.Do("2021-04-01", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("付2021-7")}, On: lt.Day("2021-03-15")})
		return on(b, "2021-04-01", lt.Treasurer, &ledger.ClosePeriod{Month: 202103})
	},
	ledger.DateBeforeOriginal: func(t *testing.T) error {
		return reversal(t, func(c *ledger.RequestCorrection) { c.On = lt.Day("2021-09-09") })
	},
	ledger.VoucherUnknown: func(t *testing.T) error {
		return reversal(t, func(c *ledger.RequestCorrection) { c.Reverses[0].Number = 19 })
	},
	ledger.CorrectionEmpty: func(t *testing.T) error { return reversal(t, func(c *ledger.RequestCorrection) { c.Reverses = nil }) },
	ledger.VoucherReversed: func(t *testing.T) error {
		return on(turned(t), "2020-06-01", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2020-1")}})
	},
	ledger.VoucherIsReversal: func(t *testing.T) error {
		return on(turned(t), "2020-06-01", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2020-2")}})
	},
	ledger.VoucherNotReversible: func(t *testing.T) error {
		return reversal(t, func(c *ledger.RequestCorrection) { c.Reverses[0] = lt.Ref("转2021-2") })
	},

	ledger.RoundUnknown: func(t *testing.T) error {
		return on(lt.Liminba(t), "2020-06-01", lt.Supervisor, &ledger.ReviewGrantRound{Round: "unheard-of"})
	},
	ledger.RoundState: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-01-04"), "2021-01-05", lt.Supervisor, &ledger.ReviewGrantRound{Round: "relief-1"})
	},
	ledger.RoundEmpty: func(t *testing.T) error {
		b := opened(t)
		return on(b, "2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "gifts"})
	},
	ledger.BudgetExceeded: func(t *testing.T) error {
		return on(opened(t), "2021-01-04", lt.Treasurer, &ledger.AddApplicants{Round: "gifts", Members: []uint32{1}, Amounts: []ledger.Fen{lt.Yuan("1,000.01")}})
	},
	ledger.NoticeInvalid: func(t *testing.T) error {
		b := opened(t)
		b.Do("2021-01-04", lt.Treasurer, &ledger.AddApplicants{Round: "gifts", Members: []uint32{1}, Amounts: []ledger.Fen{lt.Yuan("50.00")}})
		b.Do("2021-01-04", lt.Supervisor, &ledger.ReviewGrantRound{Round: "gifts"})
		return on(b, "2021-01-04", lt.Treasurer, &ledger.PublishGrantNotice{Round: "gifts", From: lt.Day("2021-01-03"), To: lt.Day("2021-01-12")})
	},
	ledger.NoticeRunning: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-01-04"), "2021-01-20", lt.Approver, &ledger.AwardGrants{Round: "relief-1", On: lt.Day("2021-01-20")})
	},
	ledger.GrantNotOwed: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-01-25"), "2021-01-25", lt.Treasurer, &ledger.PayGrant{Round: "relief-1", Member: 1, On: lt.Day("2021-01-25"), Money: "bank"})
	},

	ledger.RunUnknown: func(t *testing.T) error {
		return on(lt.Liminba(t), "2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"})
	},
	ledger.RunExists: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-20"), "2021-07-20", lt.Treasurer, newDividend(func(*ledger.RequestDividend) {}))
	},
	ledger.RosterEmpty: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-05"), "2021-07-20", lt.Treasurer, newDividend(func(c *ledger.RequestDividend) { c.RecordDate = lt.Day("2020-02-28") }))
	},
	ledger.PoolTooSmall: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-05"), "2021-07-20", lt.Treasurer, newDividend(func(c *ledger.RequestDividend) { c.Pool = 3210 }))
	},
	ledger.PayeeNotOwed: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-20"), "2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank", Payees: []uint32{1}})
	},
	ledger.NothingOwed: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-20"), "2021-07-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2021", Money: "bank"})
	},
	ledger.FileUnknown: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-20"), "2021-07-20", lt.Treasurer, &ledger.RecordDividendResults{Run: "2021", File: 5, On: lt.Day("2021-07-20")})
	},
	ledger.FileSettled: func(t *testing.T) error {
		return on(lt.Demo(t, "2021-07-20"), "2021-07-20", lt.Treasurer, &ledger.RecordDividendResults{Run: "2021", File: 4, On: lt.Day("2021-07-20")})
	},
}

// on gives a command and keeps only its answer.
func on(b *lt.Books, date, actor string, c ledger.Command) error {
	_, err := b.Try(date, actor, c)
	return err
}

func income(t *testing.T, change func(*ledger.RecordIncome)) error {
	c := lt.Rent("2020-12-20", "98,000.00")
	change(c)
	return on(lt.Liminba(t), "2020-12-20", lt.Treasurer, c)
}

func newPolicy() *ledger.AdoptPolicy {
	return &ledger.AdoptPolicy{Effective: lt.Day("2020-12-20"), Kinds: []string{"rent"}, Shares: lt.Shares("0.7", "0.1", "0.1", "rest"), Resolution: "policy-v2"}
}

func policy(t *testing.T, change func(*ledger.AdoptPolicy)) error {
	c := newPolicy()
	change(c)
	return on(lt.Liminba(t), "2020-06-01", lt.Approver, c)
}

func rule(t *testing.T, tier *eventv1.Tier) error {
	return on(lt.Liminba(t), "2020-06-01", lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{tier}, Resolution: "rule-v2"})
}

func vote(t *testing.T, change func(*eventv1.ResolutionRecorded)) error {
	c := lt.Resolution("2020-06-01", "new", eventv1.Matter_MATTER_OTHER, "household_heads", "", "")
	change(c.Resolution)
	return on(lt.Liminba(t), "2020-06-01", lt.Approver, c)
}

func newPayment() *ledger.RequestPayment {
	return &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("900.00"), Payee: "party/supplier", Resolution: "repair"}
}

// payment asks for a payment on 2021-12-20 with 16,845.00 in the fund and 9,000.00 authorised.
func payment(t *testing.T, change func(*ledger.RequestPayment)) error {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
	c := newPayment()
	change(c)
	return on(b, "2021-12-20", lt.Treasurer, c)
}

// asked has a payment waiting for one approval on 2021-12-20.
func asked(t *testing.T) *lt.Books {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
	b.Do("2021-12-20", lt.Treasurer, newPayment())
	return b
}

func opening(bank, reserve string) *ledger.ProposeOpening {
	return &ledger.ProposeOpening{On: lt.Day("2020-06-01"), Lines: []ledger.OpeningLine{
		{Account: lt.Bank, Amount: lt.Yuan(bank)}, {Account: lt.Reserve, Amount: -lt.Yuan(reserve)}}}
}

// closed has March 2020 closed.
func closed(t *testing.T) *lt.Books {
	b := lt.Demo(t, "2021-06-20")
	b.Do("2021-06-20", lt.Treasurer, &ledger.ClosePeriod{Month: 202003})
	return b
}

// reversal asks to turn back row 7.
func reversal(t *testing.T, change func(*ledger.RequestCorrection)) error {
	c := &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("付2021-18")}}
	change(c)
	return on(lt.Demo(t, "2021-09-10"), "2021-12-05", lt.Treasurer, c)
}

// turned has 收2020-1 turned back by 收2020-2.
func turned(t *testing.T) *lt.Books {
	b := lt.Liminba(t)
	b.Do("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "100.00"))
	b.Do("2020-06-01", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("收2020-1")}})
	return b
}

// opened has a round of 1,000.00 without applicants.
func opened(t *testing.T) *lt.Books {
	b := lt.Demo(t, "2020-12-20")
	b.Do("2021-01-04", lt.Treasurer, &ledger.OpenGrantRound{Round: "gifts", Title: "补助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("1,000.00")})
	return b
}

// supplement asks for a supplement to a run that left member 17 out, by a mistaken departure, at 42.74.
func supplement(t *testing.T, payee uint32, pool string) error {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-19", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2021-07-19"), Members: []uint32{17}})
	declares(t, b, "2021-07-20", run2021("137,200.00", func(*ledger.RequestDividend) {}))
	b.Do("2021-07-20", lt.Treasurer, &ledger.ReadmitMembers{Members: []uint32{17}})
	return on(b, "2021-07-20", lt.Treasurer, run2021(pool, func(c *ledger.RequestDividend) { c.Run, c.Supplements, c.Only = "late", "2021", []uint32{payee} }))
}

func newDividend(change func(*ledger.RequestDividend)) *ledger.RequestDividend {
	c := &ledger.RequestDividend{Run: "2021", Fund: "dividend", Pool: lt.Yuan("100,000.00"), RecordDate: lt.Day("2021-07-20"), Resolution: "dividend-2021"}
	change(c)
	return c
}
