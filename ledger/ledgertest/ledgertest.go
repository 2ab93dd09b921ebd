// Package ledgertest tests the rules of a collective as Given events, When command, Then events or refusal.
//
//	b := ledgertest.Demo(t, "2021-12-04")
//	b.Refuse("2021-12-05", ledgertest.Treasurer, &ledger.RecordIncome{...}, ledger.PeriodClosed, "month=2021-09")
//	got := b.Balance("fund/maintenance", "2021-09-30")
//
// Books decides and folds without any store; Office does the same through a ledger.Service. Both run on the dates they are
// given: a date is noon of that day in China, where every collective of this package lives. All figures are invented.
package ledgertest

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Operators of the collectives made here; each holds the role of its name.
const (
	Admin      = "admin"
	Treasurer  = "treasurer"
	Approver   = "approver"
	Supervisor = "supervisor"
)

// China is the zone of the collectives made here; it has no summer time.
var China = time.FixedZone("Asia/Shanghai", 8*60*60)

// Noon is the instant a date stands for.
func Noon(date string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, date, China)
	if err != nil {
		panic("ledgertest: " + err.Error())
	}
	return t.Add(12 * time.Hour)
}

// Day is a date as a business day.
func Day(date string) ledger.Day { return ledger.DayOf(Noon(date), China) }

// Yuan reads an amount as people write it: 1,234.05 or -0.10.
func Yuan(amount string) ledger.Fen {
	a, err := ledger.ParseSigned("", strings.ReplaceAll(amount, ",", ""))
	if err != nil {
		panic("ledgertest: " + err.Error())
	}
	return a
}

// Ref reads a voucher number such as 付2021-19.
func Ref(s string) ledger.VoucherRef {
	ref, err := ledger.ParseVoucherRef("", s)
	if err != nil {
		panic("ledgertest: " + err.Error())
	}
	return ref
}

// CommandID is the n-th command id of a test, from 1.
func CommandID(n int) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// Books is one collective under test, without a store. It keeps the events it folded. It is not for concurrent use.
type Books struct {
	T      testing.TB
	State  *ledger.Collective
	Events []*eventv1.Event

	commands int
}

// New gives books in which nothing has happened. When the test ends, an audit has to pass all that was decided, unless the test
// folded something of its own besides.
func New(t testing.TB) *Books {
	b := &Books{T: t, State: ledger.NewCollective()}
	t.Cleanup(func() {
		audit := ledger.NewAudit()
		if b.State.Version() != uint64(len(b.Events)) {
			return
		}
		for _, e := range b.Events {
			if err := audit.Add(e); err != nil && !t.Failed() {
				t.Errorf("what was decided does not pass an audit: %v", err)
				return
			}
		}
	})
	return b
}

// Continue folds the events of other books into these, which have to be new, and goes on from there without touching them.
func (b *Books) Continue(from *Books) {
	for _, e := range from.Events {
		b.State.Evolve(e)
	}
	b.Events, b.commands = slices.Clone(from.Events), from.commands
}

// Try gives a command and folds what it decides. Its error is what Decide answered.
func (b *Books) Try(date, actor string, c ledger.Command) ([]*eventv1.Event, error) {
	b.commands++
	return b.TryMeta(c, ledger.Meta{ID: CommandID(b.commands), Actor: actor, Now: Noon(date)})
}

// TryMeta is Try with everything in the caller's hands but Meta.Recalled.
func (b *Books) TryMeta(c ledger.Command, m ledger.Meta) ([]*eventv1.Event, error) {
	m.Recalled = b.recall(c)
	events, err := ledger.Decide(b.State, c, m)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		b.State.Evolve(e)
	}
	b.Events = append(b.Events, events...)
	return events, nil
}

// recall hands a command the stored events it asks for, as the service does.
func (b *Books) recall(c ledger.Command) map[uint64]*eventv1.Event {
	r, ok := c.(ledger.Recaller)
	if !ok {
		return nil
	}
	out := make(map[uint64]*eventv1.Event)
	for _, version := range r.Recalls(b.State) {
		out[version] = b.Events[version-1]
	}
	return out
}

// Do gives a command that has to be accepted, and its events.
func (b *Books) Do(date, actor string, c ledger.Command) []*eventv1.Event {
	b.T.Helper()
	events, err := b.Try(date, actor, c)
	if err != nil {
		b.T.Fatalf("%s %s by %s: %v", date, c.Name(), actor, err)
	}
	return events
}

// Refuse gives a command that has to be refused for a reason, with figures written name=value; further figures are not
// looked at.
func (b *Books) Refuse(date, actor string, c ledger.Command, reason ledger.Reason, figures ...string) *ledger.Refusal {
	b.T.Helper()
	_, err := b.Try(date, actor, c)
	return checkRefusal(b.T, date, actor, c, err, reason, figures)
}

func checkRefusal(t testing.TB, date, actor string, c ledger.Command, err error, reason ledger.Reason, figures []string) *ledger.Refusal {
	t.Helper()
	var refusal *ledger.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%s %s by %s: got %v, want the refusal %s", date, c.Name(), actor, err, reason)
	}
	if refusal.Reason != reason {
		t.Fatalf("%s %s by %s: refused as %v, want %s", date, c.Name(), actor, refusal, reason)
	}
	for _, f := range figures {
		name, want, _ := strings.Cut(f, "=")
		if got := refusal.Figure(name); got != want {
			t.Errorf("%s %s by %s: refused with %s %q, want %q (%v)", date, c.Name(), actor, name, got, want, refusal)
		}
	}
	for _, sentence := range []string{refusal.English(), refusal.Chinese()} {
		if strings.ContainsAny(sentence, "{}") {
			t.Errorf("the sentence of %s has a figure nobody gave: %s", reason, sentence)
		}
	}
	return refusal
}

// Balance is an account's balance at the end of a day, positive on its own side.
func (b *Books) Balance(account ledger.Account, asOf string) ledger.Fen {
	return b.State.Balance(account, Day(asOf))
}

// Replay gives steps that all have to be accepted.
func (b *Books) Replay(steps []Step) {
	b.T.Helper()
	for _, s := range steps {
		b.Do(s.Date, s.Actor, s.Command)
	}
}

// Vouchers are all vouchers so far, in the order of the log.
func (b *Books) Vouchers() []*eventv1.Voucher { return Vouchers(b.Events) }

// Vouchers are the vouchers of events.
func Vouchers(events []*eventv1.Event) (out []*eventv1.Voucher) {
	for _, e := range events {
		out = append(out, e.Vouchers...)
	}
	return out
}

// Refs are the numbers of the vouchers of events, separated by spaces.
func Refs(events []*eventv1.Event) string {
	var refs []string
	for _, v := range Vouchers(events) {
		refs = append(refs, ledger.RefOf(v.Ref).String())
	}
	return strings.Join(refs, " ")
}

// Last is the number of the request made last.
func (b *Books) Last() uint32 {
	for i := len(b.Events) - 1; i >= 0; i-- {
		if r := b.Events[i].GetRequestMade(); r != nil {
			return r.Number
		}
	}
	return 0
}
