package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// TestRandomCommands gives random commands to a small collective and holds after each what must always hold: the sides are
// equal, no account ends a day on its wrong side, no resolution gives more than it has, numbers have no gap, a refusal
// changes nothing, the same input gives the same bytes, a repeated id is found. In the end the stored bytes, folded from
// zero, give the same state.
func TestRandomCommands(t *testing.T) {
	accepted := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		v := newVillage(t, rt)
		for range rapid.IntRange(30, 120).Draw(rt, "commands") {
			v.step(rt, accepted)
		}
		v.refold(rt)
	})
	for _, c := range commands {
		if n := accepted[c.Name()]; n == 0 && c.Name() != "FoundCollective" {
			t.Logf("%s was never accepted", c.Name())
		}
	}
}

// village is a small collective under random commands.
type village struct {
	*lt.Books
	date int // days since 2020-06-01
	dump string
	ids  int
}

var villageRule = []*eventv1.Tier{
	{Operation: eventv1.Operation_OPERATION_PAYMENT},
	{Operation: eventv1.Operation_OPERATION_PAYMENT, FromFen: 50_00, Approvals: 1},
	{Operation: eventv1.Operation_OPERATION_PAYMENT, Fund: "maintenance", FromFen: 200_00, Approvals: 1, Review: true, ResolutionBody: "elders"},
	{Operation: eventv1.Operation_OPERATION_GRANT_ROUND},
	{Operation: eventv1.Operation_OPERATION_TRANSFER},
	{Operation: eventv1.Operation_OPERATION_DIVIDEND, Approvals: 1},
	{Operation: eventv1.Operation_OPERATION_DEPOSIT_RETURN},
	{Operation: eventv1.Operation_OPERATION_PAYMENT, Emergency: true, CapFen: 300_00, RatifyDays: 5, ResolutionBody: "elders"},
}

// newVillage has three households, a rule that lets most things pass, and money.
func newVillage(t *testing.T, rt *rapid.T) *village {
	b := lt.New(t)
	charter := lt.Charter()
	half := &eventv1.Fraction{Numerator: 1, Denominator: 2}
	charter.Bodies = []*eventv1.Body{{Id: "elders", Name: "长者", Size: 3, Quorum: half, Pass: half, PassBase: eventv1.VoteBase_VOTE_BASE_ALL}}
	charter.PolicyBody, charter.SpendingBody, charter.CharterBody, charter.FoundingBody = "elders", "elders", "elders", "elders"
	b.Do("2020-06-01", lt.Admin, &ledger.FoundCollective{Charter: charter})
	for _, s := range lt.Demonstration()[1:5] {
		b.Do("2020-06-01", s.Actor, s.Command)
	}
	b.Do("2020-06-01", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH})
	b.Do("2020-06-01", lt.Treasurer, &ledger.EnrolMembers{Group: "all", Joined: 20200601, Members: []uint32{1, 2, 3, 4, 5}, Households: []uint32{1, 1, 2, 2, 3}})
	v := &village{Books: b, ids: 1 << 20}
	for _, c := range []struct {
		id     string
		matter eventv1.Matter
		adopt  ledger.Command
	}{
		{"policy", eventv1.Matter_MATTER_POLICY, &ledger.AdoptPolicy{Effective: 20200601, Kinds: []string{"rent"}, Shares: lt.Shares("1/2", "1/7", "1/4", "rest"), Resolution: "policy"}},
		{"charter", eventv1.Matter_MATTER_CHARTER, nil},
		{"rule", eventv1.Matter_MATTER_SPENDING_RULE, &ledger.AdoptSpendingRule{Tiers: villageRule, Resolution: "rule", RequestDays: 60}},
	} {
		b.Do("2020-06-01", lt.Approver, elders(c.id, c.matter, "", 0, 20200601))
		b.Do("2020-06-01", lt.Supervisor, &ledger.ConfirmResolution{ID: c.id})
		if c.adopt != nil {
			b.Do("2020-06-01", lt.Approver, c.adopt)
		}
	}
	if evenly(rt, "opening", 4) > 0 { // else the books may begin with opening balances
		b.Do("2020-06-01", lt.Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: 3000_00, On: 20200601, Money: "bank"})
	}
	for i, c := range []struct {
		matter    eventv1.Matter
		fund      string
		authority ledger.Fen
	}{
		{eventv1.Matter_MATTER_PAYMENT, "maintenance", 1000_00}, {eventv1.Matter_MATTER_DIVIDEND, "dividend", 1500_00},
		{eventv1.Matter_MATTER_TRANSFER, "reserve", 500_00}, {eventv1.Matter_MATTER_PAYMENT, "welfare", 400_00},
		{eventv1.Matter_MATTER_DEPOSIT, "welfare", 300_00}, {eventv1.Matter_MATTER_PAYMENT, "maintenance", 1000_00},
	} {
		id := []string{"r0", "r1", "r2", "r3", "kept", "ratifies"}[i]
		b.Do("2020-06-01", lt.Approver, elders(id, c.matter, c.fund, c.authority, 20200601))
		b.Do("2020-06-01", lt.Supervisor, &ledger.ConfirmResolution{ID: id})
	}
	b.Do("2020-06-01", lt.Treasurer, &ledger.AgreeGift{ID: "books", Donor: "party/one", Purpose: "library", Title: "书"})
	v.dump = v.State.Dump()
	return v
}

func elders(id string, matter eventv1.Matter, fund string, authority ledger.Fen, on ledger.Day) *ledger.RecordResolution {
	return &ledger.RecordResolution{Resolution: &eventv1.ResolutionRecorded{Id: id, Title: "决议", Body: "elders", DecidedOn: int32(on), Electorate: 3, Present: 3,
		VotesFor: 2, VotesAgainst: 1, MinutesSha256: lt.Minutes(id), Matter: matter, Fund: fund, AuthorityFen: int64(authority)}}
}

func (v *village) today() ledger.Day { return ledger.Day(20200601).Add(v.date) }

func (v *village) step(rt *rapid.T, accepted map[string]int) {
	if evenly(rt, "time passes", 4) == 0 {
		v.date += 1 + evenly(rt, "days", 20)
	}
	actor, c := v.draw(rt)
	v.ids++
	m := ledger.Meta{ID: lt.CommandID(v.ids), Actor: actor, Now: lt.Noon(v.today().String())}
	first, err := v.decide(c, m)
	second, err2 := v.decide(c, m)
	if fmt.Sprint(err) != fmt.Sprint(err2) || !bytes.Equal(encode(rt, first), encode(rt, second)) {
		rt.Fatalf("%s decides differently the second time: %v, %v", c.Name(), err, err2)
	}
	if dump := v.State.Dump(); dump != v.dump {
		rt.Fatalf("deciding %s changed the state", c.Name())
	}
	if err != nil {
		var r *ledger.Refusal
		var repeated *ledger.Repeated
		if !errors.As(err, &r) && !errors.As(err, &repeated) {
			rt.Fatalf("%s: %v", c.Name(), err)
		}
		return
	}
	accepted[c.Name()]++
	if _, err := v.TryMeta(c, m); err != nil {
		rt.Fatalf("%s: %v", c.Name(), err)
	}
	v.dump = v.State.Dump()
	v.holds(rt, c)
	var repeated *ledger.Repeated
	if _, err := v.TryMeta(c, m); !errors.As(err, &repeated) || repeated.Version != first[0].Version {
		rt.Fatalf("%s again: %v", c.Name(), err)
	}
}

// decide decides without folding.
func (v *village) decide(c ledger.Command, m ledger.Meta) ([]*eventv1.Event, error) {
	if r, ok := c.(ledger.Recaller); ok {
		m.Recalled = map[uint64]*eventv1.Event{}
		for _, version := range r.Recalls(v.State) {
			m.Recalled[version] = v.Events[version-1]
		}
	}
	return ledger.Decide(v.State, c, m)
}

func encode(rt *rapid.T, events []*eventv1.Event) (out []byte) {
	for _, e := range events {
		stored, err := ledger.Encode(e)
		if err != nil {
			rt.Fatal(err)
		}
		out = append(out, stored.Data...)
	}
	return out
}

func (v *village) holds(rt *rapid.T, c ledger.Command) {
	if difference, wrong := v.State.Sums(); difference != 0 || len(wrong) > 0 {
		rt.Fatalf("after %s %+v the sides differ by %v; wrong: %v", c.Name(), c, difference, wrong)
	}
	numbers := map[string]uint32{}
	model := map[ledger.Account]ledger.Fen{}
	day := v.today().Add(-evenly(rt, "as of", 90))
	for _, voucher := range v.Vouchers() {
		ref := ledger.RefOf(voucher.Ref)
		series := fmt.Sprint(ref.Class, ref.Year)
		if numbers[series]++; numbers[series] != ref.Number || ref.Year != ledger.Day(voucher.OccurredOn).Year() {
			rt.Fatalf("after %s: %v of %d is number %d of its series", c.Name(), ref, voucher.OccurredOn, numbers[series])
		}
		for _, p := range voucher.Postings {
			a := ledger.Account(p.Account)
			model[a] += 0
			if ledger.Day(voucher.OccurredOn) <= day {
				model[a] += a.Sign() * ledger.Fen(p.AmountFen)
			}
		}
	}
	for a, want := range model {
		if got := v.State.Balance(a, day); got != want {
			rt.Fatalf("%s on %v has %v, its vouchers sum to %v", a, day, got, want)
		}
	}
}

// refold stores the events as bytes, reads them back and folds them from zero.
func (v *village) refold(rt *rapid.T) {
	s := ledger.NewCollective()
	for i, e := range v.Events {
		stored, err := ledger.Encode(e)
		if err != nil {
			rt.Fatal(err)
		}
		back, err := ledger.Decode(eventstore.Event{Stream: "collective-x", Version: uint64(i) + 1, Type: stored.Type, Data: stored.Data})
		if err != nil {
			rt.Fatal(err)
		}
		s.Evolve(back)
	}
	if got := s.Dump(); got != v.dump {
		rt.Fatalf("folded from zero the state is\n%s\nnot\n%s", got, v.dump)
	}
}

// evenly draws 0 to n-1, each as likely as the others; rapid's own ranges prefer small numbers.
func evenly(rt *rapid.T, label string, n int) (value int) {
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 9, 9).Draw(rt, label) {
		value *= 2
		if bit {
			value++
		}
	}
	return value % n
}

// draw makes a random command, well formed more often than not.
func (v *village) draw(rt *rapid.T) (actor string, c ledger.Command) {
	pick := func(label string, from ...string) string { return from[evenly(rt, label, len(from))] }
	number := func(label string, most int) int { return evenly(rt, label, most+1) }
	amount := func() ledger.Fen { return ledger.Fen(rapid.IntRange(1, 500_00).Draw(rt, "amount")) }
	fund := func() string { return pick("fund", "dividend", "reserve", "welfare", "maintenance") }
	// outlay is a fund with a purpose and a resolution of its own, most of the time.
	outlay := func() (fund, purpose, resolution string) {
		o := [][3]string{{"maintenance", "repair", "r0"}, {"welfare", "relief", "r3"}, {"reserve", "development", ""}, {"maintenance", "planting", "r0"}, {"welfare", "repair", "r1"}}[number("outlay", 4)]
		return o[0], o[1], pick("by", "", o[2], o[2], "r4", "r5")
	}
	money := func() string { return pick("money", "bank", "cash") }
	party := func() string { return pick("party", "party/one", "party/two", "member/3") }
	resolution := func() string { return pick("resolution", "r1", "r2", "r4", "r5") }
	round := func() string { return pick("round", "g0", "g0", "g1") }
	run := func() string { return pick("run", "d0", "d0", "d1") }
	day := func() ledger.Day { return v.today().Add(-number("days ago", 40) * number("back", 1)) }
	request := func() uint32 { return max(v.Last(), 1) - uint32(min(number("request", 3), int(max(v.Last(), 1)-1))) }
	papers := func() []ledger.Document {
		if number("papers", 2) > 0 {
			return nil
		}
		return []ledger.Document{{Kind: pick("kind", "invoice", "bank_line"), Issuer: "bank", Number: pick("paper", "1", "2", "3", "4"), Total: ledger.Fen(number("total", 1) * 600_00)}}
	}
	voucher := func() ledger.VoucherRef {
		all := v.Vouchers()
		if len(all) == 0 {
			return lt.Ref("收2020-1")
		}
		return ledger.RefOf(all[len(all)-1-number("voucher", len(all)-1)].Ref)
	}
	payment := func() *ledger.RequestPayment {
		fund, purpose, resolution := outlay()
		return &ledger.RequestPayment{Fund: fund, Purpose: purpose, Amount: amount(), Payee: party(), Resolution: resolution, Documents: papers(), Money: money(), On: day()}
	}
	kinds := map[string]func() (string, ledger.Command){
		"income": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RecordIncome{Kind: pick("kind", "rent", "rent", "rent", "land"), Amount: amount() * 20, On: day(), Money: money(), Documents: papers()}
		},
		"deposit": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.ReceiveDeposit{Kind: "bid", Amount: amount(), On: day(), Money: money(), Payer: party()}
		},
		"gift": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.ReceiveGift{Fund: fund(), Amount: amount(), On: day(), Money: money()}
		},
		"move": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.MoveMoney{From: money(), To: money(), Amount: amount(), On: day()}
		},
		"resolution": func() (string, ledger.Command) {
			return lt.Approver, elders(resolution(), eventv1.Matter(3+number("matter", 2)), fund(), amount()*3, v.today())
		},
		"policy": func() (string, ledger.Command) {
			return lt.Approver, elders(pick("new", "p1", "p2"), eventv1.Matter_MATTER_POLICY, "", 0, v.today())
		},
		"confirm": func() (string, ledger.Command) {
			return lt.Supervisor, &ledger.ConfirmResolution{ID: pick("id", "r4", "r5", "p1", "p2")}
		},
		"adopt": func() (string, ledger.Command) {
			return lt.Approver, &ledger.AdoptPolicy{Effective: v.today().Add(1 - number("days", 5)), Kinds: []string{"rent"}, Shares: lt.Shares("0.5", "0.2", "rest", "1/7"), Resolution: pick("id", "p1", "p2")}
		},
		"request": func() (string, ledger.Command) { return lt.Treasurer, payment() },
		"transfer": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RequestTransfer{From: pick("from", "reserve", "welfare"), To: fund(), Amount: amount(), Resolution: resolution()}
		},
		"review":  func() (string, ledger.Command) { return lt.Supervisor, &ledger.ReviewRequest{Number: request()} },
		"approve": func() (string, ledger.Command) { return lt.Approver, &ledger.ApproveRequest{Number: request()} },
		"reject": func() (string, ledger.Command) {
			return lt.Supervisor, &ledger.RejectRequest{Number: request(), Why: "不"}
		},
		"withdraw": func() (string, ledger.Command) { return lt.Treasurer, &ledger.WithdrawRequest{Number: request()} },
		"settle": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.SettlePayment{Number: request(), On: day(), Money: money()}
		},
		"book": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.BookTransfer{Number: request(), On: day()}
		},
		"correct": func() (string, ledger.Command) { return lt.Treasurer, &ledger.BookCorrection{Number: request()} },
		"declare": func() (string, ledger.Command) {
			return lt.Approver, &ledger.DeclareDividend{Number: request(), On: day()}
		},
		"dividend": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RequestDividend{Run: run(), Fund: "dividend", Pool: amount(), Basis: eventv1.DividendBasis(number("basis", 3)), Method: eventv1.DividendMethod(number("method", 2)), RecordDate: day(), Resolution: resolution()}
		},
		"send": func() (string, ledger.Command) {
			c := &ledger.SendDividendFile{Run: run(), Money: money()}
			if number("some", 1) == 1 {
				c.Payees = []uint32{uint32(1 + number("payee", 5))}
			}
			return lt.Treasurer, c
		},
		"results": func() (string, ledger.Command) {
			c := &ledger.RecordDividendResults{Run: run(), File: uint32(1 + number("file", 3)), On: day()}
			if number("some", 1) == 1 {
				c.Failed = []uint32{uint32(1 + number("payee", 5))}
			}
			return lt.Treasurer, c
		},
		"reverse": func() (string, ledger.Command) {
			c := &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{voucher()}, On: ledger.Day(number("dated", 1)) * day()}
			if number("two", 2) == 0 {
				c.Reverses = append(c.Reverses, voucher())
			}
			switch number("instead", 2) {
			case 1:
				c.Replacements = []ledger.Replacement{{Corrects: c.Reverses[0], Payment: payment()}}
			case 2:
				c.Replacements = []ledger.Replacement{{Corrects: c.Reverses[0], Inflow: &ledger.Inflow{As: eventv1.InflowKind(1 + number("as", 2)), Kind: "rent", Fund: fund(), Amount: amount() * 20, Money: money(), Payer: party(), Documents: papers()}}}
				if c.Replacements[0].Inflow.As == eventv1.InflowKind_INFLOW_KIND_INCOME {
					c.Replacements[0].Inflow.Fund = ""
				}
			}
			return lt.Treasurer, c
		},
		"difference": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RequestCorrection{DifferenceOf: voucher(), RightAmount: amount(), On: ledger.Day(number("dated", 1)) * day()}
		},
		"round": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.OpenGrantRound{Round: round(), Title: "补助", Fund: "welfare", Purpose: "relief", Budget: amount()/2 + 10_00, Resolution: pick("by", "", "", "r3", "r4")}
		},
		"apply": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.AddApplicants{Round: round(), Members: []uint32{uint32(1 + number("member", 5))}, Amounts: []ledger.Fen{amount()/50 + 1}}
		},
		"check": func() (string, ledger.Command) { return lt.Supervisor, &ledger.ReviewGrantRound{Round: round()} },
		"publish": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.PublishGrantNotice{Round: round(), From: v.today(), To: v.today().Add(number("days", 3))}
		},
		"award": func() (string, ledger.Command) {
			return lt.Approver, &ledger.AwardGrants{Round: round(), On: v.today()}
		},
		"grant": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.PayGrant{Round: round(), Member: uint32(1 + number("member", 5)), On: day(), Money: money()}
		},
		"cancel": func() (string, ledger.Command) {
			return lt.Approver, &ledger.CancelGrant{Round: round(), Member: uint32(1 + number("member", 5)), On: day()}
		},
		"close": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.ClosePeriod{Month: v.State.FirstOpenDay().Month()}
		},
		"enrol": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.EnrolMembers{Group: "all", Joined: day(), Members: []uint32{uint32(1 + number("member", 9))}, Households: []uint32{uint32(1 + number("household", 4))}}
		},
		"depart": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.DepartMembers{Left: day(), Members: []uint32{uint32(1 + number("member", 9))}}
		},
		"shares": func() (string, ledger.Command) {
			c := &ledger.SetShares{Effective: day(), Resolution: "charter"}
			for m := range uint32(1 + number("members", 4)) {
				c.Members, c.Shares = append(c.Members, m+1), append(c.Shares, uint64(number("shares", 7)))
			}
			return lt.Treasurer, c
		},
		"readmit": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.ReadmitMembers{Members: []uint32{uint32(1 + number("member", 9))}}
		},
		"supplement": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RequestDividend{Run: "d2", Supplements: run(), Fund: "dividend", Pool: amount() % 50, RecordDate: day(), Resolution: resolution()}
		},
		"hold": func() (string, ledger.Command) {
			return lt.Approver, &ledger.HoldPayee{Payee: uint32(1 + number("payee", 5)), Household: number("household", 2) == 0, Kind: eventv1.HoldKind(1 + number("kind", 2)), Benefit: eventv1.Benefit(number("benefit", 3)), Until: ledger.Day(number("until", 1)) * v.today().Add(5)}
		},
		"release": func() (string, ledger.Command) {
			return lt.Approver, &ledger.ReleaseHold{Hold: uint32(1 + number("hold", 5))}
		},
		"sent back": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RecordReturnedDividend{Run: run(), Payees: []uint32{uint32(1 + number("payee", 5))}, On: day(), Money: money()}
		},
		"refund": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RecordRefund{Payment: voucher(), Amount: amount() / 2, On: day(), Money: money()}
		},
		"fee": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RecordFee{Fund: fund(), Purpose: pick("purpose", "repair", "bank_fee"), Amount: amount() / 5, On: day(), Money: money()}
		},
		"returned": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RecordReturnedIncome{Receipt: voucher(), Amount: amount(), On: day(), Money: money()}
		},
		"collect": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.CollectReceivable{Kind: "rent", Amount: amount(), On: day(), Money: money(), Payer: party()}
		},
		"return deposit": func() (string, ledger.Command) {
			c := &ledger.RequestDepositReturn{Kind: "bid", Party: party(), Amount: amount() / 4}
			if number("keep", 1) == 1 {
				c.Deducted, c.Fund, c.Resolution = amount()/8, "welfare", "kept"
			}
			return lt.Treasurer, c
		},
		"give": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.ReceiveGift{Gift: "books", Amount: amount(), On: day(), Money: money()}
		},
		"read": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.RequestPayment{Gift: "books", Purpose: pick("purpose", "library", "library", "school"), Amount: amount(), Payee: party(), Money: money(), On: day()}
		},
		"consent": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.ChangeGiftPurpose{ID: "books", Purpose: pick("purpose", "library", "school"), Consent: ledger.Document{Kind: "other", Issuer: "donor", Number: "1", SHA256: lt.Minutes("consent")}}
		},
		"agree": func() (string, ledger.Command) {
			return lt.Treasurer, &ledger.AgreeGift{ID: pick("gift", "books", "pens"), Purpose: "school", Title: "笔"}
		},
		"emergency": func() (string, ledger.Command) {
			c := payment()
			c.Resolution, c.Emergency = "", true
			return lt.Treasurer, c
		},
		"ratify": func() (string, ledger.Command) {
			c := &ledger.RatifyFlag{Voucher: voucher(), Kind: eventv1.FlagKind(1 + number("flag", 4)), Resolution: pick("by", "ratifies", "ratifies", "r3", "r4")}
			for _, w := range v.Vouchers() { // one that has something to ratify, more often than not
				if len(w.Flags) > 0 && number("this one", 2) == 0 {
					c.Voucher, c.Kind = ledger.RefOf(w.Ref), w.Flags[0].Kind
				}
			}
			return lt.Supervisor, c
		},
		"expire":  func() (string, ledger.Command) { return lt.Supervisor, &ledger.ExpireRequest{Number: request()} },
		"opening": func() (string, ledger.Command) { return lt.Treasurer, opening("100.00", "100.00") },
		"opened":  func() (string, ledger.Command) { return lt.Supervisor, &ledger.ConfirmOpening{} },
	}
	order := []string{"income", "income", "income", "income", "gift", "deposit", "move", "resolution", "confirm", "confirm", "policy", "adopt", "request", "request", "request", "transfer", "transfer",
		"review", "review", "approve", "approve", "approve", "reject", "withdraw", "settle", "settle", "book", "book", "correct", "correct", "declare", "declare", "dividend", "dividend", "send", "send",
		"results", "results", "reverse", "reverse", "reverse", "difference", "difference", "round", "round", "apply", "apply", "apply", "check", "publish", "publish", "award", "award", "grant", "grant", "grant",
		"shares", "shares", "readmit", "supplement", "hold", "release", "sent back", "sent back",
		"refund", "refund", "fee", "returned", "collect", "return deposit", "give", "read", "consent", "agree", "emergency", "ratify", "ratify", "expire",
		"cancel", "cancel", "enrol", "depart", "opening", "opened", "close", "send", "results", "results"}
	order = append(order, v.roundKinds(rt, kinds, &round, day, money, voucher)...)
	if open := v.State.OpenRequests(); len(open) > 0 && number("go on", 1) == 0 {
		return v.goOn(open[number("open", len(open)-1)], number("step", 2), day(), money())
	}
	if state := v.State.RoundState("g0"); state != "" && state != "cancelled" && number("go on", 3) == 0 {
		next := map[string][]string{"open": {"apply", "apply", "check", "publish"}, "reviewed": {"publish"}, "notice": {"award", "award", "object", "answer", "answer"}, "awarded": {"grant", "grant", "cancel", "reverse", "back", "back"}}[state]
		round = func() string { return "g0" }
		return kinds[pick("next", next...)]()
	}
	return kinds[pick("command", order...)]()
}

// goOn takes an open request a step further.
func (v *village) goOn(r *eventv1.RequestMade, step int, on ledger.Day, money string) (actor string, c ledger.Command) {
	switch step {
	case 0:
		return lt.Supervisor, &ledger.ReviewRequest{Number: r.Number}
	case 1:
		if r.GetDividend() == nil {
			return lt.Approver, &ledger.ApproveRequest{Number: r.Number}
		}
	}
	switch r.Order.(type) {
	case *eventv1.RequestMade_Payment, *eventv1.RequestMade_DepositReturn:
		return lt.Treasurer, &ledger.SettlePayment{Number: r.Number, On: on, Money: money}
	case *eventv1.RequestMade_Transfer:
		return lt.Treasurer, &ledger.BookTransfer{Number: r.Number, On: on}
	case *eventv1.RequestMade_Correction:
		return lt.Treasurer, &ledger.BookCorrection{Number: r.Number}
	}
	return lt.Approver, &ledger.DeclareDividend{Number: r.Number, On: on}
}

// TestSplitProperties: parts sum to the amount, none is negative, each is within one fen of its exact share, and a zero share
// gets nothing.
func TestSplitProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		amount := ledger.Fen(rapid.Int64Range(1, int64(ledger.AmountMax)).Draw(rt, "amount"))
		n := rapid.IntRange(1, 12).Draw(rt, "funds")
		denominator := rapid.Int64Range(int64(n), 1_000_000_000).Draw(rt, "denominator")
		texts := make([]ledger.ShareText, n)
		left := denominator
		for i := range n {
			part := rapid.Int64Range(0, left).Draw(rt, "part")
			texts[i] = ledger.ShareText{Fund: fmt.Sprintf("fund-%d", i), Share: fmt.Sprintf("%d/%d", part, denominator)}
			left -= part
		}
		texts[rapid.IntRange(0, n-1).Draw(rt, "rest")].Share = "rest"
		shares, err := ledger.ParseShares(texts)
		if refusedAs(err, ledger.SharesNotOne) {
			return // nothing was left for the rest
		} else if err != nil {
			rt.Fatal(err)
		}
		parts, odd := ledger.SplitLargest(amount, shares)
		var sum ledger.Fen
		for i, p := range parts {
			sum += p
			exact := new(big.Rat).SetFrac(new(big.Int).SetUint64(shares[i].Share.Numerator), new(big.Int).SetUint64(shares[i].Share.Denominator))
			exact.Mul(exact, new(big.Rat).SetInt64(int64(amount)))
			off := new(big.Rat).Sub(new(big.Rat).SetInt64(int64(p)), exact)
			if off.Abs(off).Cmp(big.NewRat(1, 1)) >= 0 || p < 0 || odd[i] < 0 || odd[i] > 1 || shares[i].Share.Numerator == 0 && p != 0 {
				rt.Fatalf("part %d of %v is %v, exactly %v", i, amount, p, exact)
			}
		}
		if sum != amount {
			rt.Fatalf("the parts of %v sum to %v", amount, sum)
		}
	})
}

// TestTimelineProperties: a timeline is the sum of what was booked on or before each day, in whatever order it came.
func TestTimelineProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type entry struct {
			Day    ledger.Day
			Amount ledger.Fen
		}
		booked := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) entry {
			return entry{ledger.Day(20200101 + rapid.IntRange(0, 27).Draw(rt, "day")), ledger.Fen(rapid.Int64Range(-100, 100).Draw(rt, "amount"))}
		}), 0, 40).Draw(rt, "booked")
		var line ledger.Timeline
		for _, e := range booked {
			line.Add(e.Day, e.Amount)
		}
		var now ledger.Fen
		for day := ledger.Day(20191231); day <= 20200130; day = day.Add(1) {
			var want ledger.Fen
			for _, e := range booked {
				if e.Day <= day {
					want += e.Amount
				}
			}
			if got := line.At(day); got != want {
				rt.Fatalf("on %v %v, want %v", day, got, want)
			}
			now = want
		}
		if line.Now() != now || len(booked) == 0 != (line.Last() == 0) {
			rt.Fatalf("now %v, want %v; last %v", line.Now(), now, line.Last())
		}
	})
}
