package projections

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// serviceEvents is the demonstration as the ledger stores it.
func serviceEvents(t *testing.T) []*eventv1.Event {
	t.Helper()
	service, _ := observed(t)
	for n, step := range ledgertest.Demonstration() {
		meta := ledger.Meta{ID: ledgertest.CommandID(n + 1), Actor: step.Actor, Now: ledgertest.Noon(step.Date)}
		if _, err := service.Do(context.Background(), ledgertest.LiminbaID, step.Command, meta); err != nil {
			t.Fatalf("step %d, %s: %v", n+1, step.Command.Name(), err)
		}
	}
	var events []*eventv1.Event
	for e, err := range service.Events(context.Background(), ledgertest.LiminbaID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// everyRead is every read of a book at a moment, by name.
func everyRead(b *Book, m Moment) map[string]any {
	reads := map[string]any{}
	put := func(name string, answer ...any) { reads[name] = answer }
	requests, next := b.Requests("", 0, PageMax, m)
	put("requests", requests, next)
	open, _ := b.Requests(RequestOpen, 0, PageMax, m)
	put("open requests", open)
	rounds, next := b.GrantRounds(0, PageMax, m)
	put("rounds", rounds, next)
	runs, next := b.Dividends(0, PageMax, m)
	put("runs", runs, next)
	resolutions, next := b.Resolutions(0, PageMax, m)
	put("resolutions", resolutions, next)
	for _, id := range []string{"dividend-2021", "dividend-2022", "2021-h1"} {
		lines, next, ok := b.Entitlements(id, m.AsOf, 0, 20, m)
		put("entitlements "+id, lines, next, ok)
		story, ok := b.ExplainDividend(id, 17, m)
		put("why "+id, story, ok, story.Line)
	}
	put("policies", b.Policies(m))
	put("rule", b.SpendingRule(m))
	put("collective", b.Collective(20211231, m))
	put("roles", b.Roles(false, m), b.Roles(true, m))
	put("trial", b.TrialBalance(Period{}, m), b.TrialBalance(Period{20210101, 20210930}, m))
	put("statement", b.FundStatement(Period{From: 20210401}, m))
	put("balances", b.Balances(m))
	put("board", b.Board(Period{}, m), b.Board(Period{20210301, 20210930}, m))
	put("months", b.Months(m))
	all, next := b.Rounds(0, PageMax, m)
	put("rounds and runs", all, next)
	lines, cursor := b.AccountVouchers(VoucherFilter{Account: "fund/maintenance", Class: ledger.Payment, Descending: true}, Cursor{}, 30, m)
	put("lines", lines, cursor)
	vouchers, cursor := b.Vouchers(VoucherFilter{}, Cursor{}, PageMax, m)
	put("vouchers", vouchers, cursor)
	drawn, _ := b.Vouchers(VoucherFilter{Purpose: "planting", Descending: true}, Cursor{}, PageMax, m)
	put("purpose", drawn)
	for _, v := range vouchers {
		story, ok := b.ExplainVoucher(v.Ref, m)
		put("why "+v.Ref.String(), story, ok)
		put("effects of "+v.Ref.String(), b.FundEffects(v.Ref, m))
	}
	for _, account := range []ledger.Account{"fund/maintenance", "fund/dividend", "money/bank", "payable/grant"} {
		story, next := b.ExplainBalance(account, 20210101, true, Cursor{}, 30, m)
		story.Groups = slices.Clone(story.Groups)
		slices.SortFunc(story.Groups, func(x, y Group) int { return x.Postings - y.Postings + int(x.Sum-y.Sum) })
		put("why "+string(account), story, next)
	}
	events, after := b.Events(EventFilter{Descending: true}, 0, PageMax, m)
	put("events", events, after)
	put("anomalies", b.Anomalies(Period{20210101, 20211231}, nil, m))
	for _, day := range []ledger.Day{20210101, 20210701, 20220101} {
		put(fmt.Sprint("tasks on ", day), b.Tasks(day, m))
	}
	return reads
}

// TestEveryReadIsAsItWasThen asks a whole book for every version of its past and compares with a book that was folded only so
// far, whatever the day asked about.
func TestEveryReadIsAsItWasThen(t *testing.T) {
	for name, events := range map[string][]*eventv1.Event{"by hand": newDemo().events, "by the service": serviceEvents(t)} {
		t.Run(name, func(t *testing.T) {
			whole := fold(t, events)
			then := NewBook(whole.ID())
			if diff := differing(everyRead(whole, Moment{AsKnownAt: NothingKnown}), everyRead(then, Moment{})); diff != "" {
				t.Errorf("before the first event: %s", diff)
			}
			step := 1
			if testing.Short() {
				step = 5
			}
			for i, e := range events {
				if err := then.Fold(e); err != nil {
					t.Fatal(err)
				}
				if i%step != 0 && i < len(events)-3 {
					continue
				}
				for _, day := range []ledger.Day{0, 20200301, 20210630, 20210910, 20211205, 20220701} {
					if diff := differing(everyRead(whole, Moment{day, e.Version}), everyRead(then, Moment{AsOf: day})); diff != "" {
						t.Fatalf("version %d as of %v: %s", e.Version, day, diff)
					}
				}
			}
		})
	}
}

// differing names the first read that differs; nothing and an empty list are the same.
func differing(got, want map[string]any) string {
	for name := range want {
		if reflect.DeepEqual(got[name], want[name]) {
			continue
		}
		if diff := cmp.Diff(want[name], got[name], protocmp.Transform(), cmpopts.EquateEmpty()); diff != "" {
			return name + " (-want +got):\n" + diff
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d reads, not %d", len(got), len(want))
	}
	return ""
}

// What was not recorded by a day is not in the registers as of that day; what a voucher of an earlier day did is.
func TestRegistersAsOfADay(t *testing.T) {
	c := newChronicle()
	c.found("abc")
	c.rent(20201220)
	c.resolve("r1", 20210101, eventv1.Matter_MATTER_PAYMENT, "maintenance", 500000)
	first := c.on(20210110).request("repair", "r1", 200000)
	c.settle(first, 20210112, payment(20210105, "repair", "r1", 200000)) // paid before it was asked for
	second := c.on(20210120).request("repair", "r1", 100000)
	c.on(20210125).add(&eventv1.Event{Fact: &eventv1.Event_RequestRejected{RequestRejected: &eventv1.RequestRejected{Number: second}}})
	c.on(20210126).add(&eventv1.Event{Fact: &eventv1.Event_RoleGranted{RoleGranted: &eventv1.RoleGranted{Operator: "li", Role: eventv1.Role_ROLE_CASHIER}}})
	c.on(20210128).add(&eventv1.Event{Fact: &eventv1.Event_RoleRevoked{RoleRevoked: &eventv1.RoleRevoked{Operator: "li", Role: eventv1.Role_ROLE_CASHIER}}})
	b := fold(t, c.events)
	for day, want := range map[ledger.Day]struct {
		states          []string
		reserved, drawn ledger.Fen
		roles, ever     int
	}{
		20210104: {nil, 0, 0, 1, 1},
		20210105: {[]string{RequestSettled}, 0, 200000, 1, 1},
		20210119: {[]string{RequestSettled}, 0, 200000, 1, 1},
		20210120: {[]string{RequestSettled, RequestOpen}, 100000, 200000, 1, 1},
		20210125: {[]string{RequestSettled, RequestRejected}, 0, 200000, 1, 1},
		20210126: {[]string{RequestSettled, RequestRejected}, 0, 200000, 2, 2},
		20210128: {[]string{RequestSettled, RequestRejected}, 0, 200000, 1, 2},
	} {
		m := Moment{AsOf: day}
		var states []string
		list, _ := b.Requests("", 0, 0, m)
		for _, q := range list {
			states = append(states, q.State)
		}
		r, _ := b.Resolutions(0, 0, m)
		if !slices.Equal(states, want.states) || r[0].Reserved != want.reserved || r[0].Drawn != want.drawn ||
			len(b.Roles(false, m)) != want.roles || len(b.Roles(true, m)) != want.ever {
			t.Errorf("as of %v: %v, reserved %v, drawn %v, roles %v, want %+v", day, states, r[0].Reserved, r[0].Drawn, b.Roles(true, m), want)
		}
	}
	if list, _ := b.Resolutions(0, 0, Moment{AsOf: 20201231}); len(list) != 0 {
		t.Error("a vote is seen before its day")
	}
	held := b.Roles(true, Moment{})
	if held[1].Operator != "li" || held[1].GrantedBy != "treasurer" || held[1].Until.IsZero() || !held[0].Until.IsZero() || held[0].Operator != "admin" {
		t.Errorf("roles: %+v", held)
	}
}

func TestEventsAreFoundByPersonTimeAndFact(t *testing.T) {
	d := newDemo()
	d.events[9].CommandId = []byte("0123456789abcdef")
	b := fold(t, d.events)
	model := func(f EventFilter) (versions []uint64) {
		for _, e := range d.events {
			at := time.UnixMicro(e.RecordedAt)
			if (f.Actor == "" || e.Actor == f.Actor) && (f.Fact == "" || ledger.TypeName(e) == f.Fact) &&
				(f.CommandID == [16]byte{} || string(e.CommandId) == string(f.CommandID[:])) &&
				(f.From.IsZero() || !at.Before(f.From)) && (f.To.IsZero() || !at.After(f.To)) {
				versions = append(versions, e.Version)
			}
		}
		if f.Descending {
			slices.Reverse(versions)
		}
		return versions
	}
	july := time.UnixMicro(d.events[30].RecordedAt)
	for name, f := range map[string]EventFilter{
		"all": {}, "newest first": {Descending: true}, "one person": {Actor: "approver"}, "a stranger": {Actor: "nobody"},
		"one fact": {Fact: "grant_paid", Descending: true}, "no such fact": {Fact: "nothing"}, "since": {From: july}, "until": {To: july, Descending: true},
		"between": {From: july, To: july}, "a command": {CommandID: [16]byte([]byte("0123456789abcdef"))}, "person and time": {Actor: "supervisor", To: july},
	} {
		for _, size := range []int{1, 7, 1000} {
			var got []uint64
			for after := uint64(0); ; {
				page, next := b.Events(f, after, size, Moment{})
				for _, h := range page {
					got = append(got, h.Version)
				}
				if after = next; next == 0 {
					break
				}
			}
			if !slices.Equal(got, model(f)) {
				t.Errorf("%s in pages of %d: %v, want %v", name, size, got, model(f))
			}
		}
	}
	last := uint64(len(d.events)) - 1 // the correction
	h, ok := b.Header(last, Moment{})
	if !ok || h.Fact != "correction_made" || h.Actor != "treasurer" || len(h.Vouchers) != 2 || h.RecordedAt.UnixMicro() != d.events[last-1].RecordedAt {
		t.Errorf("header %+v, %v", h, ok)
	}
	if _, ok := b.Header(last, Moment{AsKnownAt: last - 1}); ok {
		t.Error("an event is seen before it was recorded")
	}
}
