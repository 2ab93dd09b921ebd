package ledger

import (
	"context"
	"errors"
	"maps"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Preview is what a command would do.
type Preview struct {
	// Events are the facts it would store, vouchers numbered; of a repeated command, those it stored the first time.
	Events   []*eventv1.Event
	Repeated bool            // it was accepted before: giving it again stores nothing
	Balances []BalanceChange // of the accounts its vouchers touch, in order of the path; none for a repeated command
}

// BalanceChange is an account's balance over all business days before and after a command, positive on its own side.
type BalanceChange struct {
	Account       Account
	Before, After Fen
}

// Preview decides a command by the same Decide, on the same state and under the same lock as Do would at this moment, and
// stores nothing: its id is not remembered and a name to be founded is not reserved. What comes between a preview and its
// command can still change the outcome; Meta.Expected holds the two together. Errors are those of Do, but that the outcome
// is never unknown.
func (s *Service) Preview(ctx context.Context, collective string, o Order) (Preview, error) {
	if err := ctx.Err(); err != nil {
		return Preview{}, err
	}
	if err := s.complete(ctx, collective, &o); err != nil {
		return Preview{}, err
	}
	d := s.desk(collective)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.catchUp(ctx); err != nil {
		return Preview{}, err
	}
	if d.state.charter == nil {
		defer s.forget(collective)
	}
	return d.preview(ctx, o)
}

// catchUp makes the state that of the log as it is now. A command learns by a conflict that another process appended; a
// preview appends nothing and has to ask.
func (d *desk) catchUp(ctx context.Context) error {
	if d.state != nil {
		version, err := d.service.store.Version(ctx, d.stream)
		if err != nil {
			return unavailable(err)
		}
		if version < d.state.version {
			d.state = nil
		}
		d.heard.reached(version)
	}
	return d.load(ctx)
}

func (d *desk) preview(ctx context.Context, o Order) (Preview, error) {
	b := batch{base: d.state.version} // checks what would be stored, and is dropped
	err := d.decide(ctx, &job{order: o}, &b)
	var repeated *Repeated
	if errors.As(err, &repeated) {
		events, err := d.firstAnswer(ctx, &job{order: o, repeat: repeated.Version, digest: Digest(o.Command, d.id, o.Meta.Actor)})
		return Preview{Events: events, Repeated: true}, err
	}
	if err != nil {
		return Preview{}, err
	}
	return Preview{Events: b.events, Balances: d.state.balancesAfter(b.events)}, nil
}

// balancesAfter says what events that are not folded in would do to the accounts they touch.
func (s *Collective) balancesAfter(events []*eventv1.Event) []BalanceChange {
	sums := map[Account]Fen{}
	for _, e := range events {
		for _, v := range e.Vouchers {
			for _, p := range v.Postings {
				sums[Account(p.Account)] += Fen(p.AmountFen)
			}
		}
	}
	var changes []BalanceChange
	for _, a := range slices.Sorted(maps.Keys(sums)) {
		var before Fen
		if acc := s.accounts[a]; acc != nil {
			before = acc.Now()
		}
		changes = append(changes, BalanceChange{a, a.Sign() * before, a.Sign() * (before + sums[a])})
	}
	return changes
}
