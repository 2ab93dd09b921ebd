package ledger_test

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// audited gives the version of the first event that an audit does not pass, and why; 0 when it passes all.
func audited(t testing.TB, events []*eventv1.Event) (version uint64, reason string) {
	t.Helper()
	audit := ledger.NewAudit()
	for _, e := range events {
		if err := audit.Add(e); err != nil {
			var damage *eventstore.CorruptError
			if !errors.As(err, &damage) {
				t.Fatalf("%v is no damage", err)
			}
			return damage.Version, damage.Reason
		}
	}
	return 0, ""
}

// firstOf is the place of the first event of a fact that a condition holds for.
func firstOf(t testing.TB, events []*eventv1.Event, fits func(*eventv1.Event) bool) int {
	t.Helper()
	i := slices.IndexFunc(events, fits)
	if i < 0 {
		t.Fatal("there is no such event")
	}
	return i
}

// What somebody who holds the key may write and the rules could not have made is found at the first event that is wrong.
func TestAuditNamesTheFirstForgedEvent(t *testing.T) {
	b := lt.Demo(t, "9999")
	month := int32(b.State.FirstOpenDay().Month())
	b.Do("2030-01-05", lt.Treasurer, &ledger.ClosePeriod{Month: ledger.Month(month)})
	rent := func(e *eventv1.Event) bool {
		return e.GetIncomeRecorded().GetPolicyVersion() != 0 && len(e.Vouchers) == 1 && len(e.Vouchers[0].Postings) > 3
	}
	closing := func(e *eventv1.Event) bool { return e.GetPeriodClosed() != nil }
	asked := func(e *eventv1.Event) bool {
		return e.GetRequestMade().GetPayment() != nil && e.GetRequestMade().Approvals > 0
	}
	approved := func(e *eventv1.Event) bool { return e.GetRequestApproved() != nil }
	paid := func(e *eventv1.Event) bool { return e.GetPaymentSettled() != nil }
	for name, c := range map[string]struct {
		at    func(*eventv1.Event) bool
		forge func(e *eventv1.Event)
		wants string
	}{
		"a voucher number left out": {rent, func(e *eventv1.Event) { e.Vouchers[0].Ref.Number++ }, "is due"},
		"a voucher number repeated": {paid, func(e *eventv1.Event) { e.Vouchers[0].Ref.Number = 1 }, ""},
		"a split that favours a fund": {rent, func(e *eventv1.Event) {
			e.Vouchers[0].Postings[1].AmountFen--
			e.Vouchers[0].Postings[2].AmountFen++
			e.GetIncomeRecorded().Parts[0].AmountFen++
			e.GetIncomeRecorded().Parts[1].AmountFen--
		}, "gives"},
		"postings that are not the split": {rent, func(e *eventv1.Event) {
			e.Vouchers[0].Postings[1].AmountFen--
			e.Vouchers[0].Postings[2].AmountFen++
		}, "its postings are not the parts of policy 1"},
		"income kept from the split": {rent, func(e *eventv1.Event) {
			f, v := e.GetIncomeRecorded(), e.Vouchers[0]
			f.PolicyVersion, v.PolicyVersion, v.IncomeKind = 0, 0, ""
			f.Parts = f.Parts[:1]
			f.Parts[0].AmountFen = v.Postings[0].AmountFen
			v.Postings = v.Postings[:2]
			v.Postings[1].AmountFen = -v.Postings[0].AmountFen
		}, "it was not split"},
		"a policy that is not in force":       {rent, func(e *eventv1.Event) { e.GetIncomeRecorded().PolicyVersion = 9 }, "not split by the policy that is in force"},
		"a day to come":                       {rent, func(e *eventv1.Event) { e.Vouchers[0].OccurredOn = 20201231 }, "voucher 收2020-"},
		"a fund that was never opened":        {paid, func(e *eventv1.Event) { e.Vouchers[0].Postings[0].Account = "fund/private" }, "fund/private, which was never opened"},
		"a kind of account that there is not": {paid, func(e *eventv1.Event) { e.Vouchers[0].Postings[0].Account = "secret/box" }, "secret/box, which was never opened"},
		"more than was asked for":             {paid, func(e *eventv1.Event) { e.Vouchers[0].Postings[0].AmountFen++; e.Vouchers[0].Postings[1].AmountFen-- }, "is not what was asked for"},
		"from another fund than was asked":    {paid, func(e *eventv1.Event) { e.Vouchers[0].Postings[0].Account = "fund/reserve" }, ""},
		"more than there is": {paid, func(e *eventv1.Event) {
			e.Vouchers[0].Postings[0].AmountFen += 1 << 50
			e.Vouchers[0].Postings[1].AmountFen -= 1 << 50
		}, ""},
		"a statement of other totals":         {closing, func(e *eventv1.Event) { e.GetPeriodClosed().Totals[0].ClosingFen++ }, "does not have the totals of"},
		"a statement without an account":      {closing, func(e *eventv1.Event) { f := e.GetPeriodClosed(); f.Totals = f.Totals[1:] }, "does not have the totals of"},
		"a statement of another digest":       {closing, func(e *eventv1.Event) { e.GetPeriodClosed().StatementSha256[7] ^= 1 }, "the digest of the statement"},
		"another month closed":                {closing, func(e *eventv1.Event) { e.GetPeriodClosed().Month++ }, "is closed where"},
		"a request of another digest":         {asked, func(e *eventv1.Event) { e.GetRequestMade().Digest[0] ^= 1 }, "the digest of request"},
		"a request changed under its digest":  {asked, func(e *eventv1.Event) { e.GetRequestMade().GetPayment().AmountFen++ }, "the digest of request"},
		"a request number left out":           {asked, func(e *eventv1.Event) { e.GetRequestMade().Number++ }, "is due"},
		"an approval of something else":       {approved, func(e *eventv1.Event) { e.GetRequestApproved().Digest[0] ^= 1 }, ""},
		"an approval of nothing":              {approved, func(e *eventv1.Event) { e.GetRequestApproved().Digest = nil }, "does not say what was seen"},
		"an approval by the treasurer":        {approved, func(e *eventv1.Event) { e.Actor = lt.Treasurer }, "none of the roles"},
		"an approval of no request":           {approved, func(e *eventv1.Event) { e.GetRequestApproved().Number = 4000 }, ""},
		"somebody without a role":             {rent, func(e *eventv1.Event) { e.Actor = "nobody" }, "nobody has none of the roles"},
		"a command given twice":               {rent, func(e *eventv1.Event) { e.CommandId = b.Events[3].CommandId }, "its command was given before"},
		"no command":                          {rent, func(e *eventv1.Event) { e.CommandId = nil }, "it has no command"},
		"no digest of the command":            {rent, func(e *eventv1.Event) { e.CommandDigest = e.CommandDigest[:31] }, "it has no command"},
		"recorded before the event before":    {rent, func(e *eventv1.Event) { e.RecordedAt = b.Events[0].RecordedAt - 1 }, "it was recorded before event"},
		"a second founding":                   {rent, func(e *eventv1.Event) { e.Fact = proto.Clone(b.Events[0]).(*eventv1.Event).Fact }, "founded by its first event"},
		"a payment of a request that is not":  {paid, func(e *eventv1.Event) { e.GetPaymentSettled().Number = 4000 }, "not open"},
		"a reversal of a voucher that is not": {paid, func(e *eventv1.Event) { e.Vouchers[0].Reverses = lt.Ref("付2020-900").Proto() }, "turns back the unknown voucher"},
		"two vouchers where one was asked for": {paid, func(e *eventv1.Event) {
			e.Vouchers = append(e.Vouchers, proto.Clone(e.Vouchers[0]).(*eventv1.Voucher))
			e.Vouchers[1].Ref.Number++
		}, ""},
		"a payment without its voucher": {paid, func(e *eventv1.Event) { e.Vouchers = nil }, "without its voucher"},
		"a fact that names what is not there": {rent, func(e *eventv1.Event) {
			e.Actor, e.Vouchers = lt.Supervisor, nil
			e.Fact = &eventv1.Event_ResolutionConfirmed{ResolutionConfirmed: &eventv1.ResolutionConfirmed{Id: "none"}}
		}, "cannot follow"},
	} {
		t.Run(name, func(t *testing.T) {
			at := firstOf(t, b.Events, c.at)
			events := slices.Clone(b.Events)
			events[at] = proto.Clone(events[at]).(*eventv1.Event)
			c.forge(events[at])
			if version, reason := audited(t, events); version != uint64(at)+1 || !strings.Contains(reason, c.wants) {
				t.Errorf("found at event %d (%s), it is event %d; want %q", version, reason, at+1, c.wants)
			}
		})
	}
	t.Run("a month closed before it is over", func(t *testing.T) {
		early := lt.Liminba(t)
		for _, month := range []ledger.Month{202003, 202004, 202005} {
			early.Do("2020-06-01", lt.Treasurer, &ledger.ClosePeriod{Month: month})
		}
		events := slices.Clone(early.Events)
		for i := range 3 { // recorded a day earlier: two of the months were over
			e := proto.Clone(events[len(events)-3+i]).(*eventv1.Event)
			e.RecordedAt = lt.Noon("2020-05-31").UnixMicro()
			events[len(events)-3+i] = e
		}
		last := events[len(events)-1]
		if version, reason := audited(t, events); version != last.Version || !strings.Contains(reason, "was not over") {
			t.Errorf("found at event %d (%s), it is event %d", version, reason, last.Version)
		}
	})
	t.Run("an approval left out", func(t *testing.T) {
		at := firstOf(t, b.Events, approved)
		events := slices.Delete(slices.Clone(b.Events), at, at+1)
		for i := range events[at:] {
			events[at+i] = proto.Clone(events[at+i]).(*eventv1.Event)
			events[at+i].Version--
		}
		settled := firstOf(t, events[at:], func(e *eventv1.Event) bool { return len(e.Vouchers) > 0 })
		if version, reason := audited(t, events); version != uint64(at+settled)+1 {
			t.Errorf("found at event %d (%s), the money moved at event %d", version, reason, at+settled+1)
		}
	})
	if version, reason := audited(t, b.Events); version != 0 {
		t.Errorf("event %d of the true log: %s", version, reason)
	}
}

// What is written about proof and about personal data is held to the rules as money is: nobody erases alone, nor what has to stay, and a key
// follows on the one before.
func TestAuditFindsForgedProof(t *testing.T) {
	const day = "2021-02-03"
	b := lt.Demo(t, "2021-01-04")
	b.Do(day, lt.Treasurer, committing(1, 9))
	b.Do(day, lt.Supervisor, erasing(erase, ordered, 1, fieldIDNo))
	b.Do(day, lt.Approver, &ledger.ApproveErasure{Number: 1})
	b.Do(day, lt.Treasurer, erasing(erase, ordered, 1, fieldPhone))
	b.Do(day, lt.Approver, &ledger.RejectErasure{Number: 2})
	origin := lt.Charter().LogOrigin
	key := func(seed byte) string { return logVerifierKey(origin, 1, seed) }
	b.Do(day, lt.Admin, &ledger.RotateLogKey{Generation: 2, OldKey: key(1), NewKey: key(2)})
	b.Do(day, lt.Admin, &ledger.RotateLogKey{Generation: 3, OldKey: key(2), NewKey: key(3)})
	edition := &ledger.PublishEdition{First: 20210101, Last: 20210131, Figures: ledger.Figures{Version: 9, Root: sha256.Sum256(nil), Content: sha256.Sum256(nil)}}
	b.Do(day, lt.Treasurer, edition)
	again := *edition
	again.Corrects, again.Reason = 1, "漏记一笔"
	b.Do(day, lt.Treasurer, &again)
	if version, reason := audited(t, b.Events); version != 0 {
		t.Fatalf("event %d of the true log: %s", version, reason)
	}
	last := func(fits func(*eventv1.Event) bool) func(*eventv1.Event) bool {
		var at *eventv1.Event
		for _, e := range b.Events {
			if fits(e) {
				at = e
			}
		}
		return func(e *eventv1.Event) bool { return e == at }
	}
	committed := last(func(e *eventv1.Event) bool { return e.GetPersonalDataCommitted() != nil })
	asked := func(e *eventv1.Event) bool { return e.GetErasureRequested() != nil }
	approved := last(func(e *eventv1.Event) bool { return e.GetErasureApproved() != nil })
	rejected := last(func(e *eventv1.Event) bool { return e.GetErasureRejected() != nil })
	rotated := last(func(e *eventv1.Event) bool { return e.GetLogKeyRotated() != nil })
	published := last(func(e *eventv1.Event) bool { return e.GetEditionPublished() != nil })
	for name, c := range map[string]struct {
		at     func(*eventv1.Event) bool
		change func(*eventv1.Event)
	}{
		"data committed to without a role":     {committed, func(e *eventv1.Event) { e.Actor = lt.Approver }},
		"an erasure that nobody may ask":       {asked, func(e *eventv1.Event) { e.Actor = lt.Approver }},
		"an erasure out of turn":               {asked, func(e *eventv1.Event) { e.GetErasureRequested().Number = 7 }},
		"an erasure of an unknown record":      {asked, func(e *eventv1.Event) { e.GetErasureRequested().Records[0] = recordID(8) }},
		"an erasure that its maker approves":   {approved, func(e *eventv1.Event) { e.Actor = lt.Supervisor }},
		"an erasure that nobody may approve":   {approved, func(e *eventv1.Event) { e.Actor = lt.Treasurer }},
		"an erasure that nobody asked for":     {approved, func(e *eventv1.Event) { e.GetErasureApproved().Number = 2 }},
		"a rejection of what was approved":     {rejected, func(e *eventv1.Event) { e.GetErasureRejected().Number = 1 }},
		"a key from nowhere":                   {rotated, func(e *eventv1.Event) { e.GetLogKeyRotated().OldKey = key(7) }},
		"a generation left out":                {rotated, func(e *eventv1.Event) { e.GetLogKeyRotated().Generation = 4 }},
		"a key of somebody without a role":     {rotated, func(e *eventv1.Event) { e.Actor = lt.Treasurer }},
		"an edition out of turn":               {published, func(e *eventv1.Event) { e.GetEditionPublished().Number = 3 }},
		"an edition corrected in silence":      {published, func(e *eventv1.Event) { e.GetEditionPublished().Corrects, e.GetEditionPublished().Reason = 0, "" }},
		"an edition of what is yet to come":    {published, func(e *eventv1.Event) { e.GetEditionPublished().Version = e.Version }},
		"an edition of days that are not over": {published, func(e *eventv1.Event) { e.GetEditionPublished().LastDay = 20210301 }},
	} {
		t.Run(name, func(t *testing.T) {
			at := firstOf(t, b.Events, c.at)
			events := slices.Clone(b.Events)
			events[at] = proto.Clone(events[at]).(*eventv1.Event)
			c.change(events[at])
			if version, reason := audited(t, events); version != uint64(at)+1 {
				t.Errorf("found at event %d (%s), it is event %d", version, reason, at+1)
			}
		})
	}
	t.Run("an erasure of what has to stay", func(t *testing.T) {
		b := paidGrant(t)
		b.Do(day, lt.Treasurer, erasing(erase, ordered, 1))
		events := slices.Clone(b.Events)
		at := len(events) - 1
		events[at] = proto.Clone(events[at]).(*eventv1.Event)
		events[at].GetErasureRequested().Basis = periodEnded
		if version, reason := audited(t, events); version != uint64(at)+1 {
			t.Errorf("found at event %d (%s), it is event %d", version, reason, at+1)
		}
	})
	t.Run("a record committed to twice", func(t *testing.T) {
		at := firstOf(t, b.Events, committed)
		again := proto.Clone(b.Events[at]).(*eventv1.Event)
		again.Version = b.State.Version() + 1
		again.RecordedAt = b.Events[len(b.Events)-1].RecordedAt
		id := lt.CommandID(6000)
		again.CommandId = id[:]
		if version, reason := audited(t, append(slices.Clone(b.Events), again)); version != again.Version {
			t.Errorf("found at event %d (%s), it is event %d", version, reason, again.Version)
		}
	})
}

// A payment from one fund that its own request asks for, with a digest that fits, and more than the fund has.
func TestAuditFindsAnOverdrawnFund(t *testing.T) {
	b := lt.Liminba(t)
	b.Do("2020-06-01", lt.Treasurer, lt.Rent("2020-06-01", "1000.00"))
	id, digest := lt.CommandID(5000), sha256.Sum256(nil)
	events := append(slices.Clone(b.Events), &eventv1.Event{Version: b.State.Version() + 1, RecordedAt: lt.Noon("2020-06-02").UnixMicro(), Actor: lt.Treasurer, CommandId: id[:], CommandDigest: digest[:],
		Fact: &eventv1.Event_FeeCharged{FeeCharged: &eventv1.FeeCharged{Fund: "reserve"}},
		Vouchers: []*eventv1.Voucher{{Ref: lt.Ref("付2020-1").Proto(), OccurredOn: 20200602, Postings: []*eventv1.Posting{
			{Account: "fund/reserve", AmountFen: 900_00}, {Account: "money/bank", AmountFen: -900_00}}}}})
	if version, reason := audited(t, events); version != uint64(len(events)) || !strings.Contains(reason, "fund/reserve") {
		t.Errorf("found at event %d: %s", version, reason)
	}
	events[len(events)-1].Vouchers[0].Postings[0].AmountFen, events[len(events)-1].Vouchers[0].Postings[1].AmountFen = 1_00, -1_00
	if version, reason := audited(t, events); version != 0 {
		t.Errorf("a payment that the fund covers: event %d: %s", version, reason)
	}
}

// Every fact of a collective is one that somebody with a role gives.
func TestEveryFactHasItsGivers(t *testing.T) {
	without := map[string]bool{"collective_founded": true}
	elsewhere := map[string]bool{"cosignature_added": true, "fork_reported": true, "personal_data_kept": true, "inquiry_text_kept": true} // in streams of their own
	facts := (*eventv1.Event)(nil).ProtoReflect().Descriptor().Oneofs().ByName("fact").Fields()
	for i := range facts.Len() {
		f := facts.Get(i)
		if elsewhere[string(f.Name())] || f.Message().ParentFile().Path() == "mingzhang/event/v1/access.proto" {
			continue
		}
		e := new(eventv1.Event)
		m := e.ProtoReflect()
		m.Set(f, m.NewField(f))
		if known := len(ledger.GiversOf(reflect.TypeOf(e.Fact))) > 0; known == without[string(f.Name())] {
			t.Errorf("%s: somebody gives it: %v", f.Name(), known)
		}
	}
}
