package ledger_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

func TestFen(t *testing.T) {
	for fen, want := range map[ledger.Fen]string{0: "0.00", 1: "0.01", 10: "0.10", -5: "-0.05", 123456: "1234.56", -100: "-1.00",
		math.MaxInt64: "92233720368547758.07", math.MinInt64: "-92233720368547758.08"} {
		if got := fen.String(); got != want {
			t.Errorf("%d is written %s, want %s", int64(fen), got, want)
		}
	}
	for _, c := range []struct {
		a, b ledger.Fen
		ok   bool
	}{{1, 2, true}, {math.MaxInt64, 0, true}, {math.MaxInt64, 1, false}, {math.MinInt64, -1, false}, {math.MinInt64, 0, true}, {math.MaxInt64, math.MinInt64, true}, {5, -5, true}} {
		if _, ok := c.a.Add(c.b); ok != c.ok {
			t.Errorf("%d + %d fits: %v", int64(c.a), int64(c.b), ok)
		}
	}
}

// TestParseAmount reads yuan with exactly two decimals in ASCII digits and nothing else (M2).
func TestParseAmount(t *testing.T) {
	for s, want := range map[string]ledger.Reason{
		"98000.00": "", "0.01": "", "10000000000000.00": "",
		"10000000000000.01": ledger.AmountTooLarge, "99999999999999999999.00": ledger.AmountTooLarge, "0.00": ledger.AmountNotPositive, "-1.00": ledger.AmountNotPositive,
		"12345.332": ledger.AmountInvalid, "1e5": ledger.AmountInvalid, "98000": ledger.AmountInvalid, "1.0": ledger.AmountInvalid, "+1.00": ledger.AmountInvalid, "01.00": ledger.AmountInvalid,
		"1,000.00": ledger.AmountInvalid, ".50": ledger.AmountInvalid, "": ledger.AmountInvalid, " 1.00": ledger.AmountInvalid, "１.００": ledger.AmountInvalid, "١٢.٠٠": ledger.AmountInvalid,
		"--1.00": ledger.AmountInvalid, "0x1.00": ledger.AmountInvalid, "NaN": ledger.AmountInvalid,
	} {
		a, err := ledger.ParseAmount("amount", s)
		if want == "" && (err != nil || a.String() != s) || want != "" && !refusedAs(err, want) {
			t.Errorf("%q: %v, %v", s, a, err)
		}
	}
	if a, err := ledger.ParseSigned("amount", "-12.30"); err != nil || a != -1230 {
		t.Errorf("-12.30 is read as %v: %v", a, err)
	}
	_, err := ledger.ParseAmount("amount", "12\x1b[31m\u202e"+strings.Repeat("9", 100))
	if r := err.(*ledger.Refusal); strings.ContainsAny(r.Error(), "\x1b\u202e") || len([]rune(r.Figure("amount"))) > 41 || r.Field != "amount" {
		t.Errorf("the refusal repeats what it was given: %q", r.Error())
	}
}

func TestDaysAndMonths(t *testing.T) {
	for s, ok := range map[string]bool{"2021-07-20": true, "2020-02-29": true, "1900-02-29": false, "2000-02-29": true, "1899-12-31": false, "2021-7-20": false, "2021-02-30": false, "20210720": false, "２０２１-07-20": false, "": false} {
		d, err := ledger.ParseDay("day", s)
		if (err == nil) != ok || ok && d.String() != s {
			t.Errorf("%q: %v, %v", s, d, err)
		}
	}
	for s, want := range map[string]string{"2020-02": "2020-02-01 2020-02-29 2020-03", "2021-12": "2021-12-01 2021-12-31 2022-01"} {
		m, err := ledger.ParseMonth("month", s)
		if got := fmt.Sprint(m.First(), " ", m.Last(), " ", m.Next()); err != nil || got != want {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"2021-13", "2021-1", "2021-01-01", "2021"} {
		if m, err := ledger.ParseMonth("month", s); !refusedAs(err, ledger.MonthInvalid) {
			t.Errorf("%q: %v, %v", s, m, err)
		}
	}
	if ledger.Day(0).String() != "" || ledger.Month(0).String() != "" || ledger.Day(0).Valid() {
		t.Error("no day is a day")
	}
	if d := ledger.DayOf(time.Date(2021, 7, 19, 16, 0, 0, 0, time.UTC), lt.China); d != 20210720 {
		t.Errorf("midnight in China is %v", d)
	}
}

func TestVoucherRef(t *testing.T) {
	for s, want := range map[string]string{"付2021-19": "付2021-19", "P2021-19": "付2021-19", "R2020-1": "收2020-1", "T2022-3": "转2022-3"} {
		if ref, err := ledger.ParseVoucherRef("voucher", s); err != nil || ref.String() != want || ledger.RefOf(ref.Proto()) != ref {
			t.Errorf("%s: %v, %v", s, ref, err)
		}
	}
	for _, s := range []string{"", "19", "付2021", "付2021-0", "付2021-01", "付21-1", "付2021-x", "款2021-1", "付2021-4294967296", "付 2021-1", "付2021-1 "} {
		if ref, err := ledger.ParseVoucherRef("voucher", s); !refusedAs(err, ledger.VoucherNumberInvalid) {
			t.Errorf("%q: %v, %v", s, ref, err)
		}
	}
	if (ledger.VoucherRef{}).String() != "" || ledger.RefOf(nil) != (ledger.VoucherRef{}) {
		t.Error("no voucher has a number")
	}
}

func TestAccounts(t *testing.T) {
	for a, ok := range map[ledger.Account]bool{"money/bank": true, "fund/reserve": true, "payable/grant": true, "deposit/lease": true, "receivable/rent": true, "gift/school_2": true, "project/road-1": true,
		"money": false, "money/": false, "bank/money": false, "fund/R": false, "fund/a": false, "fund/-ab": false, "fund/ab-": false, "": false} {
		if a.Valid() != ok {
			t.Errorf("%q is valid: %v", a, a.Valid())
		}
	}
	if ledger.Account("money/bank").Sign() != 1 || ledger.Account("receivable/rent").Sign() != 1 || ledger.Account("fund/reserve").Sign() != -1 || ledger.PayableGrant.ID() != "grant" {
		t.Error("the sides of accounts are wrong")
	}
	for id, ok := range map[string]bool{"liminba": true, "li-min-ba2": true, "abc": true, "ab": false, "li_min": false, "Lim": false, "-ab": false, strings.Repeat("a", 40): true, strings.Repeat("a", 41): false} {
		if ledger.ValidCollectiveID(id) != ok {
			t.Errorf("%q is valid: %v", id, ledger.ValidCollectiveID(id))
		}
	}
}

// TestApprovalDigests recomputes what approvals bind to from the layout of docs/events.md.
func TestApprovalDigests(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
	b.Resolve("2021-12-20", "move", eventv1.Matter_MATTER_TRANSFER, "household_heads", "reserve", "800.00")
	b.Resolve("2021-12-20", "dividend-3", eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", "60,000.00")
	b.Resolve("2021-12-20", "rule-v2", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do("2021-12-20", lt.Approver, &ledger.AdoptSpendingRule{Tiers: append(lt.Rule(), &eventv1.Tier{Operation: eventv1.Operation_OPERATION_TRANSFER, Approvals: 1}), Resolution: "rule-v2"})
	pay := newPayment()
	pay.Documents = []ledger.Document{{Kind: "invoice", Issuer: "supplier", Number: "A 1"}, {Kind: "contract", Issuer: "supplier", Number: "C1", SHA256: lt.Minutes("contract")}}
	fix := reverses("付2021-18")
	fix.On = lt.Day("2021-12-20")
	fix.Replacements = []ledger.Replacement{{Corrects: fix.Reverses[0], Payment: &ledger.RequestPayment{Fund: "maintenance", Purpose: "planting", Amount: 100, Payee: "party/supplier", Resolution: "planting-2021", Money: "bank"}},
		{Corrects: fix.Reverses[0], Inflow: &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_GIFT, Fund: "welfare", Amount: 200, Money: "bank", Payer: "party/donor"}}}
	for i, c := range []struct {
		command ledger.Command
		lines   string
	}{
		{pay, "kind payment\nfund maintenance\npurpose repair\namount 900.00\npayee party/supplier\nresolution repair\ndocument invoice supplier A 1\ndocument " + hex.EncodeToString(lt.Minutes("contract")) + "\n"},
		{&ledger.RequestTransfer{From: "reserve", To: "maintenance", Amount: lt.Yuan("500.00"), Resolution: "move"}, "kind transfer\nfrom reserve\nto maintenance\namount 500.00\nresolution move\n"},
		{&ledger.RequestDividend{Run: "3", Fund: "dividend", Pool: 1, Resolution: "dividend-3"}, ""},
		{&ledger.RequestDividend{Run: "2021b", Fund: "dividend", Pool: lt.Yuan("60,000.00"), RecordDate: lt.Day("2021-12-20"), Resolution: "dividend-3"},
			"kind dividend\nrun 2021b\nfund dividend\npool 60000.00\nbasis head\nmethod equal\nrecord_date 2021-12-20\npayees 3211\nrate 18.68\nresolution dividend-3\n"},
		{fix, "kind correction\nreverses 付2021-18\ncorrects 付2021-18\nfund maintenance\npurpose planting\namount 1.00\npayee party/supplier\nresolution planting-2021\nmoney bank\n" +
			"corrects 付2021-18\ninflow gift  welfare\namount 2.00\npayer party/donor\nmoney bank\nresolution \noccurred_on 2021-12-20\n"},
		{&ledger.RequestCorrection{DifferenceOf: lt.Ref("付2021-18"), RightAmount: lt.Yuan("8,535.00")}, "kind correction\ndifference_of 付2021-18\ndifference 180.00\noccurred_on \n"},
	} {
		if c.lines == "" {
			b.Refuse("2021-12-20", lt.Treasurer, c.command, ledger.IDInvalid)
			continue
		}
		r := b.Do("2021-12-20", lt.Treasurer, c.command)[0].GetRequestMade()
		text := fmt.Sprintf("mingzhang/approval@v1\ncollective liminba\nrequest %d\n%s", r.Number, c.lines)
		if want := sha256.Sum256([]byte(text)); !slices.Equal(want[:], r.Digest) {
			t.Errorf("request %d (%d) is not bound to\n%s", r.Number, i, text)
		}
	}
}

// TestCommandDigestLayout pins the digest of one command: its text is stored for ever.
func TestCommandDigestLayout(t *testing.T) {
	c := &ledger.MoveMoney{From: "bank", To: "cash", Amount: 300_00, On: 20201220, Narration: "提取现金"}
	text := "mingzhang/command@v1\nMoveMoney\nliminba\ntreasurer\n" + `{"From":"bank","To":"cash","Amount":30000,"On":20201220,"Narration":"提取现金"}`
	if ledger.Digest(c, "liminba", lt.Treasurer) != sha256.Sum256([]byte(text)) {
		t.Errorf("the digest is not of %s", text)
	}
	fix := &ledger.RequestCorrection{DifferenceOf: lt.Ref("付2021-18"), RightAmount: 1}
	text = "mingzhang/command@v1\nRequestCorrection\nliminba\ntreasurer\n" + `{"Reverses":null,"Replacements":null,"DifferenceOf":"付2021-18","RightAmount":1,"On":0,"Narration":""}`
	if ledger.Digest(fix, "liminba", lt.Treasurer) != sha256.Sum256([]byte(text)) {
		t.Errorf("the digest is not of %s", text)
	}
}

// TestCommandIDs are in order of time.
func TestCommandIDs(t *testing.T) {
	var last uuid.UUID
	for range 1000 {
		id := ledger.NewCommandID()
		if strings.Compare(last.String(), id.String()) >= 0 {
			t.Fatalf("%v after %v", id, last)
		}
		last = id
	}
}

// TestLogOrigin: a collective's tree has the origin of its charter, another stream one made of its name.
func TestLogOrigin(t *testing.T) {
	b := lt.Liminba(t)
	row := func(i int) eventstore.Event {
		stored, err := ledger.Encode(b.Events[i])
		if err != nil {
			t.Fatal(err)
		}
		return eventstore.Event{Stream: liminba, Version: uint64(i) + 1, Type: stored.Type, Data: stored.Data}
	}
	if origin, err := ledger.LogOrigin(liminba, row(0)); err != nil || origin != lt.Charter().LogOrigin {
		t.Errorf("%q, %v", origin, err)
	}
	if origin, err := ledger.LogOrigin(ledger.StreamAccess, row(0)); err != nil || origin != "mingzhang/access" {
		t.Errorf("%q, %v", origin, err)
	}
	if origin, err := ledger.LogOrigin(liminba, row(1)); err == nil {
		t.Errorf("a log that begins with a role has the origin %q", origin)
	}
	if origin, err := ledger.LogOrigin(liminba, eventstore.Event{Version: 1, Data: []byte{0xff}}); err == nil {
		t.Errorf("a log that begins with rubbish has the origin %q", origin)
	}
}

// TestPayoutOrder: a file lists its payees in the order of their lines, whatever order they were asked in; and a day that does
// not exist is named as such before any notice is.
func TestPayoutOrder(t *testing.T) {
	b := lt.Demo(t, "2021-07-05")
	b.Do("2021-07-20", lt.Treasurer, newDividend(func(*ledger.RequestDividend) {}))
	b.Do("2021-07-20", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	b.Do("2021-07-20", lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day("2021-07-20")})
	c := &ledger.SendDividendFile{Run: "2021", Money: "bank", Payees: []uint32{300, 7, 1500}}
	if got := fmt.Sprint(b.Do("2021-07-20", lt.Treasurer, c)[0].GetDividendFileSent().Payees, c.Payees); got != "[7 300 1500] [300 7 1500]" {
		t.Errorf("the file and the command list %s", got)
	}
	lt.Demo(t, "2021-01-04").Refuse("2021-01-25", lt.Approver, &ledger.AwardGrants{Round: "relief-1"}, ledger.DateInvalid)
}
