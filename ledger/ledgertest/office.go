package ledgertest

import (
	"context"
	"sync"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Office is one collective under test behind a ledger.Service.
type Office struct {
	T          testing.TB
	Service    *ledger.Service
	Collective string

	commands int
}

// NewOffice makes a service on a store and looks after the collective of Demonstration, which is not founded yet.
func NewOffice(t testing.TB, store eventstore.Store) *Office {
	return &Office{T: t, Service: ledger.NewService(store, ledger.Options{}), Collective: LiminbaID}
}

// NewNode is NewOffice for one node of several on a store: it follows what the others store until the test ends.
func NewNode(t testing.TB, store ledger.Followed) *Office {
	s := ledger.NewService(store, ledger.Options{Shared: true})
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { ledger.NewFollower(s, store).Run(ctx) })
	t.Cleanup(func() { stop(); following.Wait() })
	return &Office{T: t, Service: s, Collective: LiminbaID}
}

// Try carries a command out.
func (o *Office) Try(date, actor string, c ledger.Command) ([]*eventv1.Event, error) {
	o.commands++
	return o.Service.Do(context.Background(), o.Collective, c, ledger.Meta{ID: CommandID(o.commands), Actor: actor, Now: Noon(date)})
}

// Do carries out a command that has to be accepted.
func (o *Office) Do(date, actor string, c ledger.Command) []*eventv1.Event {
	o.T.Helper()
	events, err := o.Try(date, actor, c)
	if err != nil {
		o.T.Fatalf("%s %s by %s: %v", date, c.Name(), actor, err)
	}
	return events
}

// Refuse carries out a command that has to be refused for a reason, with figures written name=value.
func (o *Office) Refuse(date, actor string, c ledger.Command, reason ledger.Reason, figures ...string) *ledger.Refusal {
	o.T.Helper()
	_, err := o.Try(date, actor, c)
	return checkRefusal(o.T, date, actor, c, err, reason, figures)
}

// Replay carries out steps that all have to be accepted.
func (o *Office) Replay(steps []Step) {
	o.T.Helper()
	for _, s := range steps {
		o.Do(s.Date, s.Actor, s.Command)
	}
}

// Balance is an account's balance at the end of a day, positive on its own side.
func (o *Office) Balance(account ledger.Account, asOf string) (balance ledger.Fen) {
	o.T.Helper()
	err := o.Service.View(context.Background(), o.Collective, func(c *ledger.Collective) error {
		balance = c.Balance(account, Day(asOf))
		return nil
	})
	if err != nil {
		o.T.Fatalf("balance of %s: %v", account, err)
	}
	return balance
}
