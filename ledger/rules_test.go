package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// This file has a test for each rule about who, when and in which order; books_test.go has those about money.

// commands has one of each command, well formed enough for its role to be asked first.
var commands = []ledger.Command{
	&ledger.FoundCollective{Charter: &eventv1.CollectiveFounded{}}, &ledger.OpenFund{Fund: &eventv1.Fund{}}, &ledger.GrantRole{}, &ledger.RevokeRole{}, &ledger.OpenMoneyAccount{},
	&ledger.EnrolMembers{}, &ledger.DepartMembers{}, &ledger.RecordResolution{Resolution: &eventv1.ResolutionRecorded{}}, &ledger.ConfirmResolution{},
	&ledger.AdoptPolicy{}, &ledger.AdoptSpendingRule{}, &ledger.ClosePeriod{}, &ledger.RecordIncome{}, &ledger.ReceiveDeposit{}, &ledger.ReceiveGift{},
	&ledger.MoveMoney{}, &ledger.ProposeOpening{}, &ledger.ConfirmOpening{}, &ledger.RequestPayment{}, &ledger.RequestTransfer{}, &ledger.RequestCorrection{},
	&ledger.RequestDividend{}, &ledger.ReviewRequest{}, &ledger.ApproveRequest{}, &ledger.RejectRequest{}, &ledger.WithdrawRequest{}, &ledger.SettlePayment{},
	&ledger.BookTransfer{}, &ledger.BookCorrection{}, &ledger.DeclareDividend{}, &ledger.OpenGrantRound{}, &ledger.AddApplicants{}, &ledger.ReviewGrantRound{},
	&ledger.PublishGrantNotice{}, &ledger.AwardGrants{}, &ledger.PayGrant{}, &ledger.CancelGrant{}, &ledger.SendDividendFile{}, &ledger.RecordDividendResults{},
	&ledger.BookTrueUp{},
	&ledger.SetShares{}, &ledger.ReadmitMembers{}, &ledger.HoldPayee{}, &ledger.ReleaseHold{}, &ledger.RecordReturnedDividend{},
	&ledger.RecordRefund{}, &ledger.RecordFee{}, &ledger.RecordReturnedIncome{}, &ledger.CollectReceivable{}, &ledger.RequestDepositReturn{},
	&ledger.AgreeGift{}, &ledger.ChangeGiftPurpose{}, &ledger.RatifyFlag{}, &ledger.ExpireRequest{}, &ledger.RotateLogKey{},
	&ledger.CommitPersonalData{}, &ledger.RequestErasure{}, &ledger.ApproveErasure{}, &ledger.RejectErasure{},
	&ledger.RaiseInquiry{}, &ledger.PublishInquiry{}, &ledger.DeclineInquiry{}, &ledger.AnswerInquiry{},
}

// TestMatrix gives every command in every role: only the roles of the matrix get past the question, and no empty command is
// accepted or brings the program down.
func TestMatrix(t *testing.T) {
	if len(commands) != len(ledger.Matrix) {
		t.Errorf("there are %d commands and %d rows of the matrix", len(commands), len(ledger.Matrix))
	}
	b := lt.Liminba(t)
	for number, name := range eventv1.Role_name {
		if number == 0 {
			continue
		}
		operator := "as-" + strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		b.Do("2020-06-01", lt.Admin, &ledger.GrantRole{Operator: operator, Role: eventv1.Role(number)})
		for _, c := range commands {
			roles, known := ledger.Matrix[c.Name()]
			if !known {
				t.Fatalf("%s is not in the matrix", c.Name())
			}
			var r *ledger.Refusal
			if _, err := b.Try("2020-06-01", operator, c); !errors.As(err, &r) {
				t.Errorf("%s of an empty command: %v", c.Name(), err)
				continue
			}
			allowed := roles == nil || ledger.MayGive(c.Name(), []eventv1.Role{eventv1.Role(number)})
			if denied := r.Reason == ledger.RoleMissing; denied == allowed {
				t.Errorf("%s by %s: %v", c.Name(), ledger.RoleName(eventv1.Role(number)), r)
			}
		}
	}
	for _, c := range commands { // nobody may do anything before the founding
		if _, err := lt.New(t).Try("2020-06-01", lt.Admin, c); err == nil {
			t.Errorf("%s is accepted before the founding", c.Name())
		}
	}
}

// TestDuties: of recording, approving, supervising, paying and administering, one operator has one (M16).
func TestDuties(t *testing.T) {
	exclusive := []eventv1.Role{eventv1.Role_ROLE_TREASURER, eventv1.Role_ROLE_APPROVER, eventv1.Role_ROLE_SUPERVISOR, eventv1.Role_ROLE_CASHIER, eventv1.Role_ROLE_ADMIN}
	for i, held := range exclusive {
		b := lt.Liminba(t)
		operator := fmt.Sprintf("operator-%d", i)
		b.Do("2020-06-01", lt.Admin, &ledger.GrantRole{Operator: operator, Role: held})
		for _, wanted := range exclusive {
			if wanted == held {
				b.Refuse("2020-06-01", lt.Admin, &ledger.GrantRole{Operator: operator, Role: wanted}, ledger.AlreadyDone)
				continue
			}
			b.Refuse("2020-06-01", lt.Admin, &ledger.GrantRole{Operator: operator, Role: wanted}, ledger.DutiesConflict, "held="+ledger.RoleName(held))
		}
		b.Do("2020-06-01", lt.Admin, &ledger.GrantRole{Operator: operator, Role: eventv1.Role_ROLE_BOARD})
		b.Do("2020-06-01", lt.Admin, &ledger.GrantRole{Operator: operator, Role: eventv1.Role_ROLE_AUDITOR})
	}
	b := lt.Liminba(t)
	b.Refuse("2020-06-01", lt.Admin, &ledger.RevokeRole{Operator: lt.Admin, Role: eventv1.Role_ROLE_ADMIN}, ledger.FieldInvalid)
	b.Do("2020-06-01", lt.Admin, &ledger.RevokeRole{Operator: lt.Treasurer, Role: eventv1.Role_ROLE_TREASURER})
	b.Refuse("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "1.00"), ledger.RoleMissing)
}

// TestOwnRequest: a treasurer who became approver or supervisor meanwhile neither approves nor reviews what he asked for.
func TestOwnRequest(t *testing.T) {
	for role, c := range map[eventv1.Role]ledger.Command{
		eventv1.Role_ROLE_APPROVER:   &ledger.ApproveRequest{Number: 6},
		eventv1.Role_ROLE_SUPERVISOR: &ledger.ReviewRequest{Number: 6},
	} {
		b := lt.Demo(t, "2022-03-01")
		b.Do("2022-03-01", lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("12,000.00"), Payee: "party/supplier", Resolution: "roof-2022"})
		b.Do("2022-03-01", lt.Admin, &ledger.RevokeRole{Operator: lt.Treasurer, Role: eventv1.Role_ROLE_TREASURER})
		b.Do("2022-03-01", lt.Admin, &ledger.GrantRole{Operator: lt.Treasurer, Role: role})
		switch c := c.(type) {
		case *ledger.ApproveRequest:
			c.Number = b.Last()
		case *ledger.ReviewRequest:
			c.Number = b.Last()
		}
		b.Refuse("2022-03-01", lt.Treasurer, c, ledger.OwnRequest)
	}
}

// TestFounding changes one thing of a good charter at a time.
func TestFounding(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*eventv1.CollectiveFounded)
		want   ledger.Reason
	}{
		"short id":          {func(f *eventv1.CollectiveFounded) { f.CollectiveId = "ab" }, ledger.CollectiveIDInvalid},
		"capital id":        {func(f *eventv1.CollectiveFounded) { f.CollectiveId = "Liminba" }, ledger.CollectiveIDInvalid},
		"underscore":        {func(f *eventv1.CollectiveFounded) { f.CollectiveId = "li_minba" }, ledger.CollectiveIDInvalid},
		"no name":           {func(f *eventv1.CollectiveFounded) { f.Name = "" }, ledger.FieldInvalid},
		"long name":         {func(f *eventv1.CollectiveFounded) { f.Name = strings.Repeat("村", 61) }, ledger.TextInvalid},
		"other currency":    {func(f *eventv1.CollectiveFounded) { f.Currency = "USD" }, ledger.FieldInvalid},
		"no zone":           {func(f *eventv1.CollectiveFounded) { f.TimeZone = "" }, ledger.FieldInvalid},
		"made-up zone":      {func(f *eventv1.CollectiveFounded) { f.TimeZone = "Asia/Liminba" }, ledger.FieldInvalid},
		"the server's zone": {func(f *eventv1.CollectiveFounded) { f.TimeZone = "Local" }, ledger.FieldInvalid},
		"no first day":      {func(f *eventv1.CollectiveFounded) { f.FirstDay = 20200230 }, ledger.DateInvalid},
		"first day to come": {func(f *eventv1.CollectiveFounded) { f.FirstDay = 20200302 }, ledger.DateInFuture},
		"no minutes":        {func(f *eventv1.CollectiveFounded) { f.FoundingMinutesSha256 = []byte("minutes") }, ledger.FieldInvalid},
		"far horizon":       {func(f *eventv1.CollectiveFounded) { f.HorizonDays = 32 }, ledger.FieldInvalid},
		"origin with space": {func(f *eventv1.CollectiveFounded) { f.LogOrigin = "example.org liminba" }, ledger.FieldInvalid},
		"origin with plus":  {func(f *eventv1.CollectiveFounded) { f.LogOrigin = "example.org+liminba" }, ledger.FieldInvalid},
		"no origin":         {func(f *eventv1.CollectiveFounded) { f.LogOrigin = "" }, ledger.FieldInvalid},
		"no bodies":         {func(f *eventv1.CollectiveFounded) { f.Bodies = nil }, ledger.TooMany},
		"body twice":        {func(f *eventv1.CollectiveFounded) { f.Bodies[1].Id = f.Bodies[0].Id }, ledger.RepeatedEntry},
		"empty body":        {func(f *eventv1.CollectiveFounded) { f.Bodies[0].Size = 0 }, ledger.FieldInvalid},
		"quorum above all":  {func(f *eventv1.CollectiveFounded) { f.Bodies[0].Quorum.Numerator = 4 }, ledger.FieldInvalid},
		"no base":           {func(f *eventv1.CollectiveFounded) { f.Bodies[0].PassBase = 0 }, ledger.FieldInvalid},
		"body id":           {func(f *eventv1.CollectiveFounded) { f.Bodies[0].Id = "x" }, ledger.IDInvalid},
		"no such body":      {func(f *eventv1.CollectiveFounded) { f.PolicyBody = "elders" }, ledger.BodyUnknown},
		"no funds":          {func(f *eventv1.CollectiveFounded) { f.Funds = nil }, ledger.TooMany},
		"fund twice":        {func(f *eventv1.CollectiveFounded) { f.Funds[1].Id = f.Funds[0].Id }, ledger.RepeatedEntry},
		"fund id":           {func(f *eventv1.CollectiveFounded) { f.Funds[0].Id = "a b" }, ledger.IDInvalid},
		"purpose twice":     {func(f *eventv1.CollectiveFounded) { f.Funds[2].Purposes[1] = "relief" }, ledger.RepeatedEntry},
		"purpose id":        {func(f *eventv1.CollectiveFounded) { f.Funds[2].Purposes[1] = "Relief" }, ledger.IDInvalid},
		"many purposes":     {func(f *eventv1.CollectiveFounded) { f.Funds[2].Purposes = make([]string, 51) }, ledger.TooMany},
	} {
		t.Run(name, func(t *testing.T) {
			charter := lt.Charter()
			c.change(charter)
			lt.New(t).Refuse("2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: charter}, c.want)
		})
	}
}

// TestSameInputSameRefusal: of several wrong things always the same one is named.
func TestSameInputSameRefusal(t *testing.T) {
	charter := lt.Charter()
	charter.PolicyBody, charter.SpendingBody, charter.CharterBody, charter.FoundingBody = "a1", "b2", "c3", "d4"
	huge := lt.Demo(t, "2020-12-20")
	for range 9223 {
		huge.Do("2020-12-20", lt.Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: ledger.AmountMax, On: lt.Day("2020-12-20"), Money: "bank"})
	}
	first := map[int]string{}
	for range 50 {
		for i, err := range []error{
			on(lt.New(t), "2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: charter}),
			on(huge, "2020-12-20", lt.Treasurer, &ledger.MoveMoney{From: "bank", To: "bank", Amount: 1, On: lt.Day("2020-12-20")}),
			on(huge, "2020-12-20", lt.Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: ledger.AmountMax, On: lt.Day("2020-12-20"), Money: "bank"}),
		} {
			if first[i] == "" {
				first[i] = fmt.Sprint(err)
			}
			if fmt.Sprint(err) != first[i] {
				t.Fatalf("once %v, once %s", err, first[i])
			}
		}
	}
	// M2: sums that would leave 64 bits are refused, not wrapped.
	huge.Refuse("2020-12-20", lt.Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: ledger.AmountMax, On: lt.Day("2020-12-20"), Money: "bank"}, ledger.AmountTooLarge)
}

// TestVotes computes whether a vote passed (M15).
func TestVotes(t *testing.T) {
	for _, c := range []struct {
		body                    string
		present, votes, against uint32
		abstained               uint32
		want                    bool
	}{
		{"household_heads", 443, 443, 0, 0, false}, // two thirds of 665 are 443.33
		{"household_heads", 444, 223, 221, 0, true},
		{"household_heads", 444, 222, 222, 0, false}, // more than half of those present
		{"household_heads", 444, 222, 0, 222, false}, // abstentions are present
		{"household_heads", 444, 223, 0, 221, true},
		{"household_heads", 665, 332, 0, 0, false},
		{"household_heads", 665, 333, 0, 0, true},
		{"representatives", 60, 39, 0, 0, false}, // two thirds of all 60
		{"representatives", 60, 40, 20, 0, true},
		{"representatives", 40, 40, 0, 0, true},
		{"representatives", 39, 39, 0, 0, false},
		{"representatives", 0, 0, 0, 0, false},
	} {
		b := lt.Liminba(t)
		r := lt.Resolution("2020-06-01", "vote", eventv1.Matter_MATTER_OTHER, c.body, "", "")
		r.Resolution.Present, r.Resolution.VotesFor, r.Resolution.VotesAgainst, r.Resolution.Abstained = c.present, c.votes, c.against, c.abstained
		r.Resolution.Passed = !c.want // what the caller says does not matter
		if got := b.Do("2020-06-01", lt.Approver, r)[0].GetResolutionRecorded().Passed; got != c.want {
			t.Errorf("%s with %d present and %d for: passed is %v", c.body, c.present, c.votes, got)
		}
	}
}

// TestResolutionForm refuses records that cannot be true.
func TestResolutionForm(t *testing.T) {
	payment := eventv1.Matter_MATTER_PAYMENT
	for name, c := range map[string]struct {
		change func(*eventv1.ResolutionRecorded)
		want   ledger.Reason
	}{
		"tomorrow":           {func(r *eventv1.ResolutionRecorded) { r.DecidedOn = 20211221 }, ledger.DateInFuture},
		"no day":             {func(r *eventv1.ResolutionRecorded) { r.DecidedOn = 20211131 }, ledger.DateInvalid},
		"more than present":  {func(r *eventv1.ResolutionRecorded) { r.Present = 51 }, ledger.VotesWrong},
		"more than there is": {func(r *eventv1.ResolutionRecorded) { r.Present = 61 }, ledger.VotesWrong},
		"no minutes":         {func(r *eventv1.ResolutionRecorded) { r.MinutesSha256 = nil }, ledger.FieldInvalid},
		"no matter":          {func(r *eventv1.ResolutionRecorded) { r.Matter = 0 }, ledger.FieldInvalid},
		"unknown matter":     {func(r *eventv1.ResolutionRecorded) { r.Matter = 99 }, ledger.FieldInvalid},
		"no authority":       {func(r *eventv1.ResolutionRecorded) { r.AuthorityFen = 0 }, ledger.AmountNotPositive},
		"no fund":            {func(r *eventv1.ResolutionRecorded) { r.Fund = "" }, ledger.FundUnknown},
		"other purpose":      {func(r *eventv1.ResolutionRecorded) { r.Purpose = "relief" }, ledger.PurposeNotAllowed},
		"money for nothing":  {func(r *eventv1.ResolutionRecorded) { r.Matter = eventv1.Matter_MATTER_OTHER }, ledger.FieldInvalid},
		"no such body":       {func(r *eventv1.ResolutionRecorded) { r.Body = "elders" }, ledger.BodyUnknown},
		"id":                 {func(r *eventv1.ResolutionRecorded) { r.Id = "A" }, ledger.IDInvalid},
		"title":              {func(r *eventv1.ResolutionRecorded) { r.Title = strings.Repeat("长", 121) }, ledger.TextInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			r := lt.Resolution("2021-12-20", "new", payment, "representatives", "maintenance", "100.00")
			c.change(r.Resolution)
			lt.Demo(t, "2021-12-20").Refuse("2021-12-20", lt.Approver, r, c.want)
		})
	}
}

// TestCommandsStayUnchanged: a command that is decided twice, as after a conflict, is the same command with the same digest.
func TestCommandsStayUnchanged(t *testing.T) {
	b := lt.New(t)
	for _, s := range lt.Demonstration() {
		before := ledger.Digest(s.Command, lt.LiminbaID, s.Actor)
		events := b.Do(s.Date, s.Actor, s.Command)
		if ledger.Digest(s.Command, lt.LiminbaID, s.Actor) != before {
			t.Fatalf("%s %s was changed by being decided", s.Date, s.Command.Name())
		}
		if !bytes.Equal(events[0].CommandDigest, before[:]) {
			t.Fatalf("%s %s was stored with another digest", s.Date, s.Command.Name())
		}
	}
}

// TestConfirmedOnce: a record is confirmed once, and adopts one thing only.
func TestConfirmedOnce(t *testing.T) {
	b := lt.Liminba(t)
	b.Refuse("2020-06-01", lt.Supervisor, &ledger.ConfirmResolution{ID: "policy-v1"}, ledger.AlreadyDone)
	b.Refuse("2020-06-01", lt.Supervisor, &ledger.ConfirmResolution{ID: "unheard-of"}, ledger.ResolutionUnknown)
	again := newPolicy()
	again.Resolution = "policy-v1"
	b.Refuse("2020-06-01", lt.Approver, again, ledger.AlreadyDone, "subject=policy-v1")
	b.Refuse("2020-06-01", lt.Approver, &ledger.AdoptSpendingRule{Tiers: lt.Rule(), Resolution: "spending-rule"}, ledger.AlreadyDone)
	b.Refuse("2020-06-01", lt.Approver, &ledger.AdoptSpendingRule{Tiers: lt.Rule(), Resolution: "policy-v1"}, ledger.ResolutionOther)
	b.Refuse("2020-06-01", lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: "school", Name: "学"}, Resolution: ""}, ledger.ResolutionNeeded, "body=household_heads")
	b.Resolve("2020-06-01", "by-others", eventv1.Matter_MATTER_CHARTER, "representatives", "", "")
	b.Refuse("2020-06-01", lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: "school", Name: "学"}, Resolution: "by-others"}, ledger.ResolutionOther)
}

// TestAuthority follows the authority of a resolution: held when asked, drawn when paid, free again when rejected, withdrawn
// or turned back.
func TestAuthority(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "1,000.00")
	left := func(want string) {
		t.Helper()
		if got := b.State.Remaining("repair"); got != lt.Yuan(want) {
			t.Fatalf("the resolution has %v left, want %s", got, want)
		}
	}
	ask := func(amount string) uint32 {
		c := newPayment()
		c.Amount = lt.Yuan(amount)
		b.Do("2021-12-20", lt.Treasurer, c)
		return b.Last()
	}
	pay := func(n uint32) string {
		b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: n})
		return lt.Refs(b.Do("2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: n, On: lt.Day("2021-12-20"), Money: "bank"}))
	}
	left("1000.00")
	first := ask("600.00")
	left("400.00")
	c := newPayment()
	c.Amount = lt.Yuan("400.01")
	b.Refuse("2021-12-20", lt.Treasurer, c, ledger.ResolutionExhausted, "remaining=400.00", "short=0.01")
	b.Do("2021-12-20", lt.Supervisor, &ledger.RejectRequest{Number: first, Why: "太贵"})
	left("1000.00")
	second := ask("1,000.00")
	left("0.00")
	b.Do("2021-12-20", lt.Treasurer, &ledger.WithdrawRequest{Number: second})
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.WithdrawRequest{Number: second}, ledger.RequestClosed)
	left("1000.00")
	ref := pay(ask("900.00"))
	left("100.00")
	b.Do("2021-12-20", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref(ref)}})
	left("100.00") // asked, not turned back yet
	b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
	b.Do("2021-12-20", lt.Treasurer, &ledger.BookCorrection{Number: b.Last()})
	left("1000.00")
	pay(ask("1,000.00"))
	left("0.00")
}

// TestAuthorityOfReversedCancellation: turning back what gave authority back takes it again, if it is still there.
func TestAuthorityOfReversedCancellation(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "1,000.00")
	pay := func(amount string) string {
		c := newPayment()
		c.Amount = lt.Yuan(amount)
		b.Do("2021-12-20", lt.Treasurer, c)
		b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
		return lt.Refs(b.Do("2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: lt.Day("2021-12-20"), Money: "bank"}))
	}
	book := func(c *ledger.RequestCorrection) string {
		b.Do("2021-12-20", lt.Treasurer, c)
		b.Do("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last()})
		return lt.Refs(b.Do("2021-12-20", lt.Treasurer, &ledger.BookCorrection{Number: b.Last()}))
	}
	first := pay("1,000.00")
	lower := book(&ledger.RequestCorrection{DifferenceOf: lt.Ref(first), RightAmount: lt.Yuan("400.00")})
	pay("600.00")
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref(lower)}}, ledger.ResolutionExhausted, "remaining=0.00", "short=600.00")
	if _, wrong := b.State.Sums(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// TestApprovalsBindContent: an approval is of what was seen, and everything that is paid is in its digest.
func TestApprovalsBindContent(t *testing.T) {
	digest := func(change func(*ledger.RequestPayment)) []byte {
		b := lt.Demo(t, "2021-12-20")
		b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
		b.Resolve("2021-12-20", "other", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
		c := newPayment()
		c.Documents = []ledger.Document{{Kind: "invoice", Issuer: "supplier", Number: "1", SHA256: lt.Minutes("invoice")}}
		change(c)
		return b.Do("2021-12-20", lt.Treasurer, c)[0].GetRequestMade().Digest
	}
	base := digest(func(*ledger.RequestPayment) {})
	if !bytes.Equal(base, digest(func(*ledger.RequestPayment) {})) {
		t.Error("the same request has two digests")
	}
	for name, change := range map[string]func(*ledger.RequestPayment){
		"amount":     func(c *ledger.RequestPayment) { c.Amount++ },
		"payee":      func(c *ledger.RequestPayment) { c.Payee = "party/other" },
		"purpose":    func(c *ledger.RequestPayment) { c.Purpose = "planting" },
		"resolution": func(c *ledger.RequestPayment) { c.Resolution = "other" },
		"document":   func(c *ledger.RequestPayment) { c.Documents[0].SHA256 = lt.Minutes("another invoice") },
		"no paper":   func(c *ledger.RequestPayment) { c.Documents = nil },
	} {
		if bytes.Equal(base, digest(change)) {
			t.Errorf("the digest does not cover the %s", name)
		}
	}
	b := lt.Demo(t, "2022-03-01")
	b.Do("2022-03-01", lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("12,000.00"), Payee: "party/supplier", Resolution: "roof-2022"})
	n, seen := b.Last(), b.Events[len(b.Events)-1].GetRequestMade().Digest
	b.Refuse("2022-03-01", lt.Supervisor, &ledger.ReviewRequest{Number: n, Digest: base}, ledger.RequestChanged)
	b.Do("2022-03-01", lt.Supervisor, &ledger.ReviewRequest{Number: n, Digest: seen})
	b.Refuse("2022-03-01", lt.Supervisor, &ledger.ReviewRequest{Number: n, Digest: seen}, ledger.AlreadyDone)
	b.Refuse("2022-03-01", lt.Approver, &ledger.ApproveRequest{Number: n, Digest: base}, ledger.RequestChanged)
	approved := b.Do("2022-03-01", lt.Approver, &ledger.ApproveRequest{Number: n, Digest: seen})[0].GetRequestApproved()
	if !bytes.Equal(approved.Digest, seen) {
		t.Error("the approval names another digest")
	}
}

// TestOrderOfChecks: purpose comes before balance, balance before resolution, resolution before approvals.
func TestOrderOfChecks(t *testing.T) {
	b := lt.Demo(t, "2021-12-20")
	b.Resolve("2021-12-20", "repair", eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "9,000.00")
	c := &ledger.RequestPayment{Fund: "maintenance", Purpose: "scholarship", Amount: lt.Yuan("99,999.00"), Payee: "party/supplier", Resolution: "unheard-of"}
	b.Refuse("2021-12-20", lt.Treasurer, c, ledger.PurposeNotAllowed)
	c.Purpose = "repair"
	b.Refuse("2021-12-20", lt.Treasurer, c, ledger.FundOverdrawn)
	c.Amount = lt.Yuan("9,000.00")
	b.Refuse("2021-12-20", lt.Treasurer, c, ledger.ResolutionUnknown)
	c.Resolution = "repair"
	b.Do("2021-12-20", lt.Treasurer, c)
	settle := &ledger.SettlePayment{Number: b.Last(), On: lt.Day("2021-12-01"), Money: "bank"}
	b.Refuse("2021-12-20", lt.Treasurer, settle, ledger.FundOverdrawn, "day=2021-12-01", "available=7045.00")
	settle.On = lt.Day("2021-12-20")
	b.Refuse("2021-12-20", lt.Treasurer, settle, ledger.ApprovalNeeded, "needed=1", "given=0")
}

// TestRepeated: a command id is asked for first, before version, clock and role.
func TestRepeated(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	version := b.State.Version()
	other := uint64(1)
	_, err := b.TryMeta(&ledger.ConfirmOpening{}, ledger.Meta{ID: lt.CommandID(1), Actor: "nobody", Now: time.Time{}, Expected: &other})
	var repeated *ledger.Repeated
	if !errors.As(err, &repeated) || repeated.Version != 1 {
		t.Errorf("got %v", err)
	}
	if _, err := b.TryMeta(lt.Rent("2020-12-20", "1.00"), ledger.Meta{Actor: lt.Treasurer, Now: lt.Noon("2020-12-20")}); !refusedAs(err, ledger.IDInvalid) {
		t.Errorf("a command without an id: %v", err)
	}
	if b.State.Version() != version {
		t.Error("something was stored")
	}
}

// TestRepeatedBankLine: the same bank line with the same content gives the first answer, with other content it is a
// duplicate (V16).
func TestRepeatedBankLine(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	_, err := b.Try("2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "98,000.00"))
	var repeated *ledger.Repeated
	if !errors.As(err, &repeated) || repeated.Version != b.State.Version() {
		t.Errorf("got %v", err)
	}
	b.Refuse("2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "98,000.01"), ledger.DocumentDuplicate, "document=rent-2020-12-20", "cited=98000.00")
	if got := b.Balance(lt.Bank, "2020-12-20"); got != lt.Yuan("98,000.00") {
		t.Errorf("the bank has %v", got)
	}
}

// TestRepeatedBankLineOfPayment: the first answer begins with the first event of the command that cited the line.
func TestRepeatedBankLineOfPayment(t *testing.T) {
	b := lt.Liminba(t)
	b.Resolve("2020-06-01", "rule-v2", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do("2020-06-01", lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_PAYMENT}}, Resolution: "rule-v2"})
	b.Do("2020-12-20", lt.Treasurer, lt.Rent("2020-12-20", "98,000.00"))
	pay := func() (*ledger.RequestPayment, uint64) {
		return &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("10.00"), Payee: "party/supplier", Money: "bank",
			Documents: []ledger.Document{{Kind: "bank_line", Issuer: "bank", Number: "77"}}}, b.State.Version()
	}
	c, before := pay()
	if events := b.Do("2020-12-20", lt.Treasurer, c); len(events) != 2 || lt.Refs(events) != "付2020-1" {
		t.Fatalf("a tier without approvals settles at once: %v", events)
	}
	c, _ = pay()
	_, err := b.Try("2020-12-20", lt.Treasurer, c)
	var repeated *ledger.Repeated
	if !errors.As(err, &repeated) || repeated.Version != before+1 {
		t.Errorf("got %v, want version %d", err, before+1)
	}
}

// TestClock: recorded_at never goes back, and a clock more than ten minutes behind the log refuses everything.
func TestClock(t *testing.T) {
	b := lt.Liminba(t)
	noon := lt.Noon("2020-06-01")
	give := func(n int, now time.Time) (int64, error) {
		events, err := b.TryMeta(&ledger.GrantRole{Operator: fmt.Sprintf("auditor-%d", n), Role: eventv1.Role_ROLE_AUDITOR},
			ledger.Meta{ID: lt.CommandID(1000 + n), Actor: lt.Admin, Now: now})
		if err != nil {
			return 0, err
		}
		return events[0].RecordedAt, nil
	}
	for i, c := range []struct{ now, want time.Time }{
		{noon, noon},
		{noon.Add(-10 * time.Minute), noon},
		{noon.Add(time.Microsecond), noon.Add(time.Microsecond)},
	} {
		if got, err := give(i, c.now); err != nil || got != c.want.UnixMicro() {
			t.Errorf("recorded at %v: %v", time.UnixMicro(got), err)
		}
	}
	if _, err := give(9, noon.Add(-10*time.Minute)); !refusedAs(err, ledger.ClockBehind) {
		t.Errorf("got %v", err)
	}
}

// TestDays: a voucher occurs on a day that exists, from the first day of the books to today, or to the charter's horizon.
func TestDays(t *testing.T) {
	charter := lt.Charter()
	charter.HorizonDays = 2
	b := lt.New(t)
	b.Do("2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: charter})
	for _, s := range lt.Until(lt.Demonstration(), "2020-05-19")[1:] {
		b.Do(s.Date, s.Actor, s.Command)
	}
	for day, want := range map[ledger.Day]ledger.Reason{20200600: ledger.DateInvalid, 0: ledger.DateInvalid, -5: ledger.DateInvalid, 20200229: ledger.DateBeforeFirst,
		20200603: "", 20200604: ledger.DateInFuture, 99999999: ledger.DateInvalid} {
		c := lt.Rent("2020-06-01", "1.00")
		c.On, c.Documents = day, nil
		err := on(b, "2020-06-01", lt.Treasurer, c)
		if accepted := want == ""; accepted != (err == nil) || !accepted && !refusedAs(err, want) {
			t.Errorf("day %d: %v", day, err)
		}
	}
	// Midnight in China is 16:00 the day before in UTC.
	c := lt.Rent("2020-07-01", "1.00")
	c.On = 20200701
	_, err := b.TryMeta(c, ledger.Meta{ID: lt.CommandID(5000), Actor: lt.Treasurer, Now: time.Date(2020, 6, 28, 15, 59, 59, 0, time.UTC)})
	if !refusedAs(err, ledger.DateInFuture) {
		t.Errorf("got %v", err)
	}
	if _, err := b.TryMeta(c, ledger.Meta{ID: lt.CommandID(5001), Actor: lt.Treasurer, Now: time.Date(2020, 6, 28, 16, 0, 0, 0, time.UTC)}); err != nil {
		t.Error(err)
	}
}

// TestNoticeRunsByTheClock: where vouchers may occur some days ahead, a later business day does not shorten a notice.
func TestNoticeRunsByTheClock(t *testing.T) {
	charter := lt.Charter()
	charter.HorizonDays = 3
	b := lt.New(t)
	b.Do("2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: charter})
	b.Replay(lt.Until(lt.Demonstration(), "2021-01-04")[1:])
	b.Refuse("2021-01-20", lt.Approver, &ledger.AwardGrants{Round: "relief-1", On: lt.Day("2021-01-21")}, ledger.NoticeRunning, "today=2021-01-20")
	b.Do("2021-01-21", lt.Approver, &ledger.AwardGrants{Round: "relief-1", On: lt.Day("2021-01-22")})
}

// TestWithdraw: only its maker withdraws a request.
func TestWithdraw(t *testing.T) {
	b := asked(t)
	b.Do("2021-12-20", lt.Admin, &ledger.GrantRole{Operator: "second", Role: eventv1.Role_ROLE_TREASURER})
	b.Refuse("2021-12-20", "second", &ledger.WithdrawRequest{Number: b.Last()}, ledger.RequestOfOther, "maker="+lt.Treasurer)
	b.Do("2021-12-20", lt.Treasurer, &ledger.WithdrawRequest{Number: b.Last()})
	b.Refuse("2021-12-20", lt.Approver, &ledger.ApproveRequest{Number: b.Last()}, ledger.RequestClosed)
}

// TestMembers counts members and households on a day: from the day they join to the day they leave.
func TestMembers(t *testing.T) {
	b := lt.Liminba(t)
	b.Do("2021-01-01", lt.Treasurer, &ledger.DepartMembers{Left: lt.Day("2020-12-31"), Members: []uint32{1, 134}})
	b.Do("2021-01-01", lt.Treasurer, &ledger.EnrolMembers{Group: "group-6", Joined: lt.Day("2021-01-01"), Members: []uint32{3212, 3213}, Households: []uint32{666, 666}})
	for day, want := range map[string]string{"2020-02-29": "0 0", "2020-03-01": "3211 665", "2020-12-31": "3211 665", "2021-01-01": "3211 666"} {
		m, h := b.State.Members(lt.Day(day))
		if got := fmt.Sprint(m, h); got != want {
			t.Errorf("%s: %s members and households, want %s", day, got, want)
		}
	}
	for name, c := range map[string]struct {
		c    ledger.Command
		want ledger.Reason
	}{
		"left before":    {&ledger.DepartMembers{Left: lt.Day("2021-01-01"), Members: []uint32{1}}, ledger.MemberUnknown},
		"before joining": {&ledger.DepartMembers{Left: lt.Day("2020-12-31"), Members: []uint32{3212}}, ledger.MemberUnknown},
		"twice":          {&ledger.DepartMembers{Left: lt.Day("2021-01-01"), Members: []uint32{2, 2}}, ledger.MemberUnknown},
		"nobody":         {&ledger.DepartMembers{Left: lt.Day("2021-01-01")}, ledger.TooMany},
		"number again":   {&ledger.EnrolMembers{Group: "g1", Joined: lt.Day("2021-01-01"), Members: []uint32{1}, Households: []uint32{1}}, ledger.MemberExists},
		"no household":   {&ledger.EnrolMembers{Group: "g1", Joined: lt.Day("2021-01-01"), Members: []uint32{4000}}, ledger.FieldInvalid},
		"number 0":       {&ledger.EnrolMembers{Group: "g1", Joined: lt.Day("2021-01-01"), Members: []uint32{0}, Households: []uint32{1}}, ledger.FieldInvalid},
		"huge number":    {&ledger.EnrolMembers{Group: "g1", Joined: lt.Day("2021-01-01"), Members: []uint32{4_000_001}, Households: []uint32{1}}, ledger.FieldInvalid},
		"no day":         {&ledger.EnrolMembers{Group: "g1", Members: []uint32{4000}, Households: []uint32{1}}, ledger.DateInvalid},
		"4,001":          {&ledger.EnrolMembers{Group: "g1", Joined: lt.Day("2021-01-01"), Members: make([]uint32, 4001), Households: make([]uint32, 4001)}, ledger.TooMany},
	} {
		t.Run(name, func(t *testing.T) { b.Refuse("2021-01-01", lt.Treasurer, c.c, c.want) })
	}
}

// TestSpendingTiers: a tier naming the purpose comes before one naming the fund before one naming neither; among equals the
// highest amount decides.
func TestSpendingTiers(t *testing.T) {
	const payment = eventv1.Operation_OPERATION_PAYMENT
	b := lt.Demo(t, "2020-12-20")
	b.Resolve("2020-12-20", "rule-v2", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do("2020-12-20", lt.Approver, &ledger.AdoptSpendingRule{Resolution: "rule-v2", Tiers: []*eventv1.Tier{
		{Operation: payment, Approvals: 5},
		{Operation: payment, Fund: "maintenance", Approvals: 4},
		{Operation: payment, Fund: "maintenance", FromFen: 100_00, Approvals: 3},
		{Operation: payment, Purpose: "repair", Approvals: 2},
		{Operation: payment, Purpose: "repair", Fund: "maintenance", FromFen: 500_00, Approvals: 1},
		{Operation: payment, Purpose: "planting", Fund: "maintenance"},
	}})
	for _, c := range []struct {
		fund, purpose, amount string
		want                  uint32
	}{
		{"welfare", "relief", "1.00", 5},
		{"maintenance", "daily_management", "99.99", 4},
		{"maintenance", "daily_management", "100.00", 3},
		{"maintenance", "repair", "499.99", 2},
		{"maintenance", "repair", "500.00", 1},
		{"maintenance", "planting", "500.00", 0},
	} {
		events := b.Do("2020-12-20", lt.Treasurer, &ledger.RequestPayment{Fund: c.fund, Purpose: c.purpose, Amount: lt.Yuan(c.amount), Payee: "party/supplier"})
		if got := events[0].GetRequestMade().Approvals; got != c.want {
			t.Errorf("%s for %s of %s needs %d approvals, want %d", c.amount, c.purpose, c.fund, got, c.want)
		}
	}
	for name, tiers := range map[string][]*eventv1.Tier{
		"twice":           {{Operation: payment, Approvals: 1}, {Operation: payment, Approvals: 2}},
		"none":            nil,
		"no operation":    {{Approvals: 1}},
		"6 approvals":     {{Operation: payment, Approvals: 6}},
		"award by two":    {{Operation: eventv1.Operation_OPERATION_GRANT_ROUND, Approvals: 2}},
		"below zero":      {{Operation: payment, FromFen: -1}},
		"other's purpose": {{Operation: payment, Fund: "reserve", Purpose: "repair"}},
		"no such fund":    {{Operation: payment, Fund: "lottery"}},
	} {
		if err := on(b, "2020-12-20", lt.Approver, &ledger.AdoptSpendingRule{Tiers: tiers, Resolution: "rule-v2"}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestSeveralApprovals: a tier of two takes two people.
func TestSeveralApprovals(t *testing.T) {
	b := lt.Demo(t, "2020-12-20")
	b.Do("2020-12-20", lt.Admin, &ledger.GrantRole{Operator: "second", Role: eventv1.Role_ROLE_APPROVER})
	b.Do("2020-12-20", lt.Admin, &ledger.GrantRole{Operator: "cashier", Role: eventv1.Role_ROLE_CASHIER})
	b.Resolve("2020-12-20", "rule-v2", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", "")
	b.Do("2020-12-20", lt.Approver, &ledger.AdoptSpendingRule{Resolution: "rule-v2", Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_PAYMENT, Approvals: 2}}})
	b.Do("2020-12-20", lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("10.00"), Payee: "org/工程队", Money: "bank"})
	n := b.Last()
	settle := &ledger.SettlePayment{Number: n, On: lt.Day("2020-12-20"), Money: "bank"}
	b.Do("2020-12-20", lt.Approver, &ledger.ApproveRequest{Number: n})
	b.Refuse("2020-12-20", "cashier", settle, ledger.ApprovalNeeded, "given=1")
	b.Refuse("2020-12-20", lt.Approver, &ledger.ApproveRequest{Number: n}, ledger.AlreadyDone)
	b.Do("2020-12-20", "second", &ledger.ApproveRequest{Number: n})
	b.Do("2020-12-20", "cashier", settle)
	b.Refuse("2020-12-20", "cashier", settle, ledger.RequestClosed)
}

// TestTextsAndParties: public text names nobody's number, parties are written one of three ways.
func TestTextsAndParties(t *testing.T) {
	for text, ok := range map[string]bool{
		"租金 2020年12月20日": true, "2020-12-20": true, "2020-12-20 2020-12-21": true, "第 1234567890 号": true, "13800000000": false, "138 0000 0000": false, "138-0000-0000": false,
		"999999198506150028": false, "6200 0000 0000 0000": false, "a\nb": false, "a\u202eb": false, "a\u200bb": false, "\xff": false, strings.Repeat("长", 201): false, strings.Repeat("长", 200): true, "": true,
		"１３８００００００００": false,
	} {
		if err := ledger.CheckText("narration", text, 200); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	b := lt.Liminba(t)
	for party, want := range map[string]ledger.Reason{"org/市场承租人": "", "member/3211": "", "party/lessee-1": "", "member/3212": ledger.MemberUnknown, "member/07": ledger.PartyInvalid,
		"member/": ledger.PartyInvalid, "org/": ledger.PartyInvalid, "party/": ledger.PartyInvalid, "someone": ledger.PartyInvalid, "": ledger.PartyInvalid, "org/13800000000": ledger.TextInvalid} {
		err := on(b, "2020-06-01", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "lease", Amount: 1, On: lt.Day("2020-06-01"), Money: "bank", Payer: party})
		if want == "" && err != nil || want != "" && !refusedAs(err, want) {
			t.Errorf("%q: %v", party, err)
		}
	}
}

// TestRequestOtherKind: each kind of request is booked its own way only.
func TestRequestOtherKind(t *testing.T) {
	b := asked(t)
	n, day := b.Last(), lt.Day("2021-12-20")
	for _, c := range []ledger.Command{&ledger.BookTransfer{Number: n, On: day}, &ledger.BookCorrection{Number: n}} {
		b.Refuse("2021-12-20", lt.Treasurer, c, ledger.RequestOtherKind, "kind=payment")
	}
	b.Refuse("2021-12-20", lt.Approver, &ledger.DeclareDividend{Number: n, On: day}, ledger.RequestOtherKind, "kind=payment")
	b.Do("2021-12-20", lt.Treasurer, &ledger.RequestCorrection{Reverses: []ledger.VoucherRef{lt.Ref("付2021-18")}})
	b.Refuse("2021-12-20", lt.Treasurer, &ledger.SettlePayment{Number: b.Last(), On: day, Money: "bank"}, ledger.RequestOtherKind, "kind=correction")
}

// TestDigestOfCommand fixes what a command's digest covers.
func TestDigestOfCommand(t *testing.T) {
	base := ledger.Digest(lt.Rent("2020-12-20", "1.00"), "liminba", lt.Treasurer)
	if got := fmt.Sprintf("%x", base); got != "" && len(got) != 64 {
		t.Error(got)
	}
	for name, other := range map[string][32]byte{
		"actor":      ledger.Digest(lt.Rent("2020-12-20", "1.00"), "liminba", lt.Approver),
		"collective": ledger.Digest(lt.Rent("2020-12-20", "1.00"), "xinfeng", lt.Treasurer),
		"amount":     ledger.Digest(lt.Rent("2020-12-20", "1.01"), "liminba", lt.Treasurer),
		"day":        ledger.Digest(lt.Rent("2020-12-21", "1.00"), "liminba", lt.Treasurer),
	} {
		if other == base {
			t.Errorf("the digest does not cover the %s", name)
		}
	}
	charter := lt.Charter()
	before := ledger.Digest(&ledger.FoundCollective{Charter: charter}, "liminba", lt.Admin)
	if _, err := proto.Marshal(charter); err != nil { // a message that was marshalled carries hidden state
		t.Fatal(err)
	}
	if ledger.Digest(&ledger.FoundCollective{Charter: charter}, "liminba", lt.Admin) != before {
		t.Error("marshalling a message changes the digest of its command")
	}
}
