package ledger_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// The commands of TestMatrix about rounds, reviews and the charter.
func init() {
	commands = append(commands, &ledger.RemoveApplicants{}, &ledger.CancelGrantRound{}, &ledger.RaiseObjection{}, &ledger.AnswerObjection{},
		&ledger.RecordReturnedGrant{}, &ledger.ReviewPeriod{}, &ledger.ChangeBody{Body: &eventv1.Body{}}, &ledger.ChangeFund{Fund: &eventv1.Fund{}})
}

// roundFacts goes on from everyFact with one fact of each type about rounds, reviews and the charter.
func roundFacts(b *lt.Books) {
	do := func(date, actor string, commands ...ledger.Command) {
		for _, c := range commands {
			b.Do(date, actor, c)
		}
	}
	do("2020-04-02", lt.Supervisor, &ledger.ReviewPeriod{Month: 202003, Verdict: eventv1.Verdict_VERDICT_REFUSED, Remark: "请补资料",
		Items: []ledger.ReviewItem{{Voucher: lt.Ref("付2020-2"), Verdict: eventv1.Verdict_VERDICT_REFUSED, Remark: "缺验收单"}}})
	do("2020-04-02", lt.Treasurer, &ledger.OpenGrantRound{Round: "relief-2", Title: "救助", Fund: "welfare", Purpose: "relief", Budget: 900_00},
		&ledger.AddApplicants{Round: "relief-2", Members: []uint32{1, 2, 3}, Amounts: []ledger.Fen{300_00, 200_00, 100_00}},
		&ledger.RemoveApplicants{Round: "relief-2", Members: []uint32{3}})
	do("2020-04-02", lt.Supervisor, &ledger.ReviewGrantRound{Round: "relief-2"})
	do("2020-04-02", lt.Treasurer, &ledger.PublishGrantNotice{Round: "relief-2", From: 20200402, To: 20200405})
	do("2020-04-03", lt.Supervisor, &ledger.RaiseObjection{Round: "relief-2", Member: 2, Text: "不符合条件"})
	do("2020-04-04", lt.Approver, &ledger.AnswerObjection{Round: "relief-2", Number: 1, Upheld: true, Text: "属实"})
	do("2020-04-06", lt.Approver, &ledger.AwardGrants{Round: "relief-2", On: 20200406})
	do("2020-04-06", lt.Treasurer, &ledger.PayGrant{Round: "relief-2", Member: 1, On: 20200406, Money: "bank"},
		&ledger.RecordReturnedGrant{Round: "relief-2", Member: 1, On: 20200408, Money: "bank"},
		&ledger.OpenGrantRound{Round: "relief-3", Title: "救助", Fund: "welfare", Purpose: "relief", Budget: 100_00})
	do("2020-04-08", lt.Approver, &ledger.CancelGrantRound{Round: "relief-3", Why: "并入下一轮"})
	b.Resolve("2020-04-09", "amend-1", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Resolve("2020-04-09", "amend-2", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	body := bodyOf(b, "representatives")
	body.Size, body.Name = 48, "成员代表会"
	do("2020-04-09", lt.Approver, &ledger.ChangeBody{Body: body, Resolution: "amend-1"},
		&ledger.ChangeFund{Fund: &eventv1.Fund{Id: "welfare", Name: "公益金", Purposes: []string{"relief", "scholarship", "medical"}}, Resolution: "amend-2"})
}

func bodyOf(b *lt.Books, id string) *eventv1.Body {
	for _, body := range b.State.Charter().Bodies {
		if body.Id == id {
			return proto.CloneOf(body)
		}
	}
	return &eventv1.Body{Id: id}
}

// TestChangeBody: a changed size counts for the votes recorded after it, and the resolution that changed it changes nothing
// else.
func TestChangeBody(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	smaller := bodyOf(b, "representatives")
	smaller.Size = 48
	change := &ledger.ChangeBody{Body: smaller, Resolution: "fewer"}
	b.Refuse("2021-12-20", lt.Approver, change, ledger.ResolutionUnknown)
	b.Resolve("2021-12-20", "by-representatives", eventv1.Matter_MATTER_CHARTER, "representatives", "", "")
	b.Refuse("2021-12-20", lt.Approver, &ledger.ChangeBody{Body: smaller, Resolution: "by-representatives"}, ledger.ResolutionOther)
	b.Resolve("2021-12-20", "other", eventv1.Matter_MATTER_OTHER, "household_heads", "", "")
	b.Refuse("2021-12-20", lt.Approver, &ledger.ChangeBody{Body: smaller, Resolution: "other"}, ledger.ResolutionOther)
	b.Resolve("2021-12-20", "fewer", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	b.Refuse("2021-12-20", lt.Approver, &ledger.ChangeBody{Body: bodyOf(b, "representatives"), Resolution: "fewer"}, ledger.FieldInvalid)
	b.Refuse("2021-12-20", lt.Approver, &ledger.ChangeBody{Body: &eventv1.Body{Id: "elders"}, Resolution: "fewer"}, ledger.BodyUnknown)
	b.Refuse("2021-12-20", lt.Approver, &ledger.ChangeBody{Body: &eventv1.Body{Id: "representatives"}, Resolution: "fewer"}, ledger.FieldInvalid)
	b.Refuse("2021-12-20", lt.Treasurer, change, ledger.RoleMissing)
	b.Do("2021-12-20", lt.Approver, change)
	b.Refuse("2021-12-20", lt.Approver, &ledger.ChangeBody{Body: bodyOf(b, "representatives"), Resolution: "fewer"}, ledger.AlreadyDone)

	vote := lt.Resolution("2021-12-21", "after", eventv1.Matter_MATTER_OTHER, "representatives", "", "")
	b.Refuse("2021-12-21", lt.Approver, vote, ledger.ElectorateWrong, "size=48", "electorate=60")
	r := vote.Resolution // 32 of 48 are the quorum of two thirds, and two thirds of 48 have to agree
	r.Electorate, r.Present, r.VotesFor, r.VotesAgainst, r.Abstained = 48, 32, 32, 0, 0
	if e := b.Do("2021-12-21", lt.Approver, vote)[0]; !e.GetResolutionRecorded().Passed {
		t.Error("32 of 48 present and for did not pass")
	}
	short := proto.CloneOf(r)
	short.Id, short.Present, short.VotesFor = "short", 31, 31
	if e := b.Do("2021-12-21", lt.Approver, &ledger.RecordResolution{Resolution: short})[0]; e.GetResolutionRecorded().Passed {
		t.Error("31 of 48 are a quorum")
	}
	refold(t, b)
}

// TestChangeFund: purposes come and go; what was asked for and opened before goes on.
func TestChangeFund(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
	b.Do("2021-12-20", lt.Treasurer, newPayment())
	asked := b.Last()
	b.Resolve("2021-12-20", "purposes", eventv1.Matter_MATTER_CHARTER, "household_heads", "", "")
	fund := &eventv1.Fund{Id: "maintenance", Name: "储备金", Purposes: []string{"planting", "lighting"}}
	change := func(edit func(*eventv1.Fund)) *ledger.ChangeFund {
		f := proto.CloneOf(fund)
		edit(f)
		return &ledger.ChangeFund{Fund: f, Resolution: "purposes"}
	}
	b.Refuse("2021-12-20", lt.Approver, change(func(f *eventv1.Fund) { f.Id = "lottery" }), ledger.FundUnknown)
	b.Refuse("2021-12-20", lt.Approver, change(func(f *eventv1.Fund) { f.Restricted = true }), ledger.FieldInvalid)
	b.Refuse("2021-12-20", lt.Approver, change(func(f *eventv1.Fund) { f.Purposes = []string{"planting", "planting"} }), ledger.RepeatedEntry)
	b.Do("2021-12-20", lt.Approver, change(func(*eventv1.Fund) {}))
	b.Refuse("2021-12-20", lt.Treasurer, newPayment(), ledger.PurposeNotAllowed, "purpose=repair", "allowed=planting, lighting")
	b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: asked})
	b.Do("2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: asked, On: lt.Day("2021-12-20"), Money: "bank"})
	expect(t, b, "2021-12-20", "fund/maintenance", "15,945.00")
	b.Refuse("2021-12-20", lt.Approver, change(func(f *eventv1.Fund) { f.Name = "维修金" }), ledger.AlreadyDone)
	refold(t, b)
}

// TestReviewPeriod: what a supervisor may say of a closed month.
func TestReviewPeriod(t *testing.T) {
	signed, refused, remarked := eventv1.Verdict_VERDICT_SIGNED, eventv1.Verdict_VERDICT_REFUSED, eventv1.Verdict_VERDICT_REMARKED
	b := lt.Demo(t, "2021-09-10")
	for m := ledger.Month(202003); m <= 202109; m = m.Next() {
		b.Do("2021-10-01", lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	statement := b.Events[len(b.Events)-1].GetPeriodClosed().StatementSha256
	row7 := ledger.ReviewItem{Voucher: lt.Ref("付2021-18"), Verdict: refused, Remark: "没有验收单"}
	review := func(verdict eventv1.Verdict, remark string, items ...ledger.ReviewItem) *ledger.ReviewPeriod {
		return &ledger.ReviewPeriod{Month: 202109, Verdict: verdict, Remark: remark, Items: items, Statement: statement}
	}
	b.Refuse("2021-10-02", lt.Treasurer, review(signed, ""), ledger.RoleMissing)
	b.Refuse("2021-10-02", lt.Supervisor, review(0, ""), ledger.FieldInvalid)
	b.Refuse("2021-10-02", lt.Supervisor, review(refused, ""), ledger.FieldInvalid)
	b.Refuse("2021-10-02", lt.Supervisor, review(signed, "", row7), ledger.FieldInvalid)
	b.Refuse("2021-10-02", lt.Supervisor, review(refused, "", row7, row7), ledger.RepeatedEntry)
	b.Refuse("2021-10-02", lt.Supervisor, review(refused, "", ledger.ReviewItem{Voucher: row7.Voucher, Verdict: refused}), ledger.FieldInvalid)
	b.Refuse("2021-10-02", lt.Supervisor, review(refused, "", ledger.ReviewItem{Voucher: row7.Voucher, Verdict: signed, Remark: "好"}), ledger.FieldInvalid)
	b.Refuse("2021-10-02", lt.Supervisor, review(refused, "", ledger.ReviewItem{Voucher: lt.Ref("付2021-99"), Verdict: refused, Remark: "无"}), ledger.VoucherUnknown)
	b.Refuse("2021-10-02", lt.Supervisor, review(refused, "", ledger.ReviewItem{Voucher: lt.Ref("付2021-7"), Verdict: refused, Remark: "无"}), ledger.VoucherOtherMonth, "date=2021-03-15")
	b.Refuse("2021-10-02", lt.Supervisor, review(refused, "", make([]ledger.ReviewItem, 201)...), ledger.TooMany, "max=200")
	b.Refuse("2021-10-02", lt.Supervisor, review(signed, "电话 13800000000"), ledger.TextInvalid)

	e := b.Do("2021-10-02", lt.Supervisor, review(refused, "", row7))[0].GetPeriodReviewed()
	if e.Month != 202109 || string(e.StatementSha256) != string(statement) || len(e.Items) != 1 || ledger.RefOf(e.Items[0].Voucher) != row7.Voucher {
		t.Errorf("the review says %v", e)
	}
	remark := row7
	remark.Verdict = remarked
	b.Do("2021-10-05", lt.Supervisor, review(signed, "", remark)) // the paper was found: a later review takes the place
	blind := review(signed, "")
	blind.Statement = nil
	e = b.Do("2021-10-05", lt.Supervisor, blind)[0].GetPeriodReviewed()
	if string(e.StatementSha256) != string(statement) {
		t.Error("a review that names no statement is not bound to the stored one")
	}
	refold(t, b)
}

// TestReviewFitsAnEvent: two hundred long remarks are more than one event holds.
func TestReviewFitsAnEvent(t *testing.T) {
	b := lt.Liminba(t)
	c := &ledger.ReviewPeriod{Month: 202006, Verdict: eventv1.Verdict_VERDICT_REMARKED}
	for i := range 200 {
		b.Do("2020-06-01", lt.Treasurer, &ledger.ReceiveGift{Fund: "welfare", Amount: 1, On: 20200601, Money: "bank"})
		c.Items = append(c.Items, ledger.ReviewItem{Voucher: ledger.VoucherRef{Class: ledger.Receipt, Year: 2020, Number: uint32(i + 1)},
			Verdict: eventv1.Verdict_VERDICT_REMARKED, Remark: strings.Repeat("缺", 200)})
	}
	for m := ledger.Month(202003); m <= 202006; m = m.Next() {
		b.Do("2020-07-01", lt.Treasurer, &ledger.ClosePeriod{Month: m})
	}
	b.Refuse("2020-07-01", lt.Supervisor, c, ledger.TooMany, "what=bytes")
	for i := range c.Items {
		c.Items[i].Remark = "缺验收单"
	}
	b.Do("2020-07-01", lt.Supervisor, c)
}

// TestRetention: every paper is kept as long as its kind asks for, or longer.
func TestRetention(t *testing.T) {
	ten, thirty, ever := eventv1.Retention_RETENTION_TEN_YEARS, eventv1.Retention_RETENTION_THIRTY_YEARS, eventv1.Retention_RETENTION_PERMANENT
	for _, c := range []struct {
		kind        string
		asked, kept eventv1.Retention // kept 0: refused
	}{
		{"bank_line", 0, ten}, {"bank_line", ten, ten}, {"bank_line", thirty, thirty}, {"bank_line", ever, ever},
		{"minutes", 0, ever}, {"minutes", thirty, 0}, {"minutes", ever, ever},
		{"invoice", 0, thirty}, {"invoice", ten, 0}, {"receipt", 0, thirty}, {"contract", ever, ever}, {"list", 0, thirty}, {"other", 9, 0},
	} {
		b := lt.Liminba(t)
		income := lt.Rent("2020-06-01", "100.00")
		income.Documents = []ledger.Document{{Kind: c.kind, Issuer: "bank", Number: "1", Retention: c.asked}}
		if c.kept == 0 {
			b.Refuse("2020-06-01", lt.Treasurer, income, ledger.RetentionTooShort, "kind="+c.kind)
			continue
		}
		if got := b.Do("2020-06-01", lt.Treasurer, income)[0].Vouchers[0].Documents[0].Retention; got != c.kept {
			t.Errorf("%s asked for %v is kept %v, want %v", c.kind, c.asked, got, c.kept)
		}
	}
}

// TestOpeningParties: deposits enter with the party they belong to, and are paid back to nobody else (X7).
func TestOpeningParties(t *testing.T) {
	line := func(account ledger.Account, amount, party string) ledger.OpeningLine {
		return ledger.OpeningLine{Account: account, Amount: lt.Yuan(amount), Party: party}
	}
	propose := func(lines ...ledger.OpeningLine) *ledger.ProposeOpening {
		return &ledger.ProposeOpening{On: lt.Day("2020-06-01"), Lines: lines}
	}
	b := lt.Liminba(t)
	bank := line(lt.Bank, "100.00", "")
	b.Refuse("2020-06-01", lt.Treasurer, propose(bank, line("deposit/lease", "-100.00", "")), ledger.PartyInvalid)
	b.Refuse("2020-06-01", lt.Treasurer, propose(bank, line("deposit/lease", "-100.00", "somebody")), ledger.PartyInvalid)
	b.Refuse("2020-06-01", lt.Treasurer, propose(bank, line("fund/reserve", "-100.00", "org/商会")), ledger.FieldInvalid)
	b.Refuse("2020-06-01", lt.Treasurer, propose(bank, line("deposit/lease", "-60.00", "party/aa"), line("deposit/lease", "-40.00", "party/aa")), ledger.RepeatedEntry)
	for _, account := range []ledger.Account{"payable/grant", "gift/library", "project/road"} {
		b.Refuse("2020-06-01", lt.Treasurer, propose(bank, line(account, "-100.00", "party/aa")), ledger.AccountUnknown)
	}
	b.Do("2020-06-01", lt.Treasurer, propose(bank, line("receivable/rent", "20.00", "party/lessee"), line("deposit/lease", "-60.00", "party/aa"),
		line("deposit/lease", "-40.00", "party/bb"), line("fund/reserve", "-20.00", "")))
	v := b.Do("2020-06-01", lt.Supervisor, &ledger.ConfirmOpening{})[0].Vouchers[0]
	if p := v.Postings[3]; p.Account != "deposit/lease" || p.AmountFen != -40_00 || p.Party != "party/bb" {
		t.Errorf("the fourth posting is %v", p)
	}
	expect(t, b, "2020-06-01", "deposit/lease", "100.00", "receivable/rent", "20.00", "fund/reserve", "20.00")
	b.Do("2020-06-02", lt.Treasurer, reverses("转2020-1"))
	b.Do("2020-06-02", lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
	b.Do("2020-06-02", lt.Treasurer, &ledger.BookCorrection{Number: b.Last()})
	expect(t, b, "2020-06-02", "deposit/lease", "0.00")
	refold(t, b)
}

// TestOpeningSuspects: a list that does not balance names the lines that would explain it (X7).
func TestOpeningSuspects(t *testing.T) {
	for name, c := range map[string]struct {
		lines      map[ledger.Account]string
		difference string
		suspects   string
	}{
		"one fen":              {map[ledger.Account]string{"money/bank": "12,345.33", "fund/reserve": "-5,000.00", "fund/welfare": "-7,345.32"}, "0.01", "money/bank 12345.33→12345.32; fund/welfare -7345.32→-7345.33"},
		"swapped digits":       {map[ledger.Account]string{"money/bank": "6,253.00", "fund/reserve": "-1,523.00", "fund/welfare": "-5,000.00"}, "-270.00", "money/bank 6253.00→6523.00; fund/reserve -1523.00→-1253.00"},
		"a line left out":      {map[ledger.Account]string{"money/bank": "100.00", "fund/reserve": "-60.00", "fund/welfare": "-0.00"}, "40.00", ""},
		"the wrong kind":       {map[ledger.Account]string{"money/bank": "100.00", "receivable/rent": "40.00", "fund/reserve": "-60.00"}, "80.00", "receivable/rent 40.00→-40.00"},
		"entered twice":        {map[ledger.Account]string{"money/bank": "100.00", "receivable/rent": "40.00", "fund/reserve": "-100.00"}, "40.00", "receivable/rent 40.00→0.00"},
		"nothing explains it":  {map[ledger.Account]string{"money/bank": "100.00", "fund/reserve": "-60.00"}, "40.00", "—"},
		"a zero moved forward": {map[ledger.Account]string{"money/bank": "1,000.00", "fund/reserve": "-100.00"}, "900.00", "money/bank 1000.00→100.00; fund/reserve -100.00→-1000.00"},
	} {
		proposal := &ledger.ProposeOpening{On: lt.Day("2020-06-01")}
		for _, account := range []ledger.Account{"money/bank", "receivable/rent", "fund/reserve", "fund/welfare"} {
			if amount := c.lines[account]; amount != "" && amount != "-0.00" {
				proposal.Lines = append(proposal.Lines, ledger.OpeningLine{Account: account, Amount: lt.Yuan(amount)})
			}
		}
		t.Run(name, func(t *testing.T) {
			want := c.suspects
			if want == "" {
				want = "—"
			}
			lt.Liminba(t).Refuse("2020-06-01", lt.Treasurer, proposal, ledger.Unbalanced, "difference="+c.difference, "suspects="+want)
		})
	}
	many := &ledger.ProposeOpening{On: lt.Day("2020-06-01"), Lines: []ledger.OpeningLine{{Account: lt.Bank, Amount: 15_05}, {Account: lt.Reserve, Amount: -1}}}
	for i := range 15 {
		many.Lines = append(many.Lines, ledger.OpeningLine{Account: "deposit/lease", Amount: -1_01, Party: "party/tenant-" + string(rune('a'+i))})
	}
	r := lt.Liminba(t).Refuse("2020-06-01", lt.Treasurer, many, ledger.Unbalanced, "difference=-0.11")
	if got := r.Figure("suspects"); strings.Count(got, "→") != 10 || !strings.HasSuffix(got, "; …") || !strings.Contains(got, "deposit/lease party/tenant-a -1.01→-0.90") {
		t.Errorf("many suspects: %s", got)
	}
}

// TestOpeningDiff: two lists of the same book differ where one copyist slipped.
func TestOpeningDiff(t *testing.T) {
	here := []ledger.OpeningLine{{Account: "money/bank", Amount: 100}, {Account: "fund/reserve", Amount: -60}, {Account: "deposit/lease", Amount: -40, Party: "party/aa"}}
	there := []ledger.OpeningLine{{Account: "deposit/lease", Amount: -40, Party: "party/bb"}, {Account: "fund/reserve", Amount: -69}, {Account: "money/bank", Amount: 70}, {Account: "money/bank", Amount: 30}}
	got := ledger.OpeningDiff(here, there)
	want := []ledger.OpeningDifference{{"deposit/lease", "party/aa", -40, 0}, {"deposit/lease", "party/bb", 0, -40}, {"fund/reserve", "", -60, -69}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("the lists differ in %v, want %v", got, want)
	}
	if got := ledger.OpeningDiff(here, here); len(got) != 0 {
		t.Errorf("a list differs from itself in %v", got)
	}
}
