package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// A fund seen from outside is a number: a gift adds to it, a payment takes 5,000 yuan of it or is refused because less is
// there, which the refusal says to the fen, and a look gives the number. The checker looks for one order of all commands and
// looks, each between its beginning and its end, in which every answer is right.

const (
	linearDay   = "2020-06-01"
	linearSpend = ledger.Fen(5_000_00)
)

type fundInput struct {
	look bool
	add  ledger.Fen // a gift above zero, a payment below
}

type fundOutput struct {
	done bool       // a command that is in the log
	seen ledger.Fen // of a look, and of a refused payment: what was there
}

// fundModel begins with the balance the fund has before the first of them.
func fundModel(balance ledger.Fen) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return balance },
		Step: func(state, input, output any) (bool, any) {
			have, in, out := state.(ledger.Fen), input.(fundInput), output.(fundOutput)
			if out.done {
				return have+in.add >= 0, have + in.add
			}
			return out.seen == have && (in.look || have+in.add < 0), have
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
	}
}

// spender is what one client did.
type spender struct {
	*lt.Office
	client  int
	random  *rand.Rand
	start   time.Time
	history []porcupine.Operation
	given   map[uuid.UUID]*givenUp
	acked   map[uuid.UUID][]*eventv1.Event
	refused map[uuid.UUID]bool
}

// givenUp is a command whose outcome its client never learned.
type givenUp struct {
	in   fundInput
	call int64
}

// TestLinearizableCommands has clients pay 5,000 yuan each from one fund at once, give to it and look at it, on a store that
// fails before and after it stored. A command whose outcome is unknown is sent again under its id; some clients tire of that.
// There is one order in which every answer is right, and what was acknowledged is in the log once.
func TestLinearizableCommands(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	var paid, refused, givenUp int
	for range rounds {
		p, r, g := linearRound(t, uint64(time.Now().UnixNano()))
		paid, refused, givenUp = paid+p, refused+r, givenUp+g
	}
	t.Logf("%d commands done, %d refused, %d never learned of", paid, refused, givenUp)
	if paid == 0 || refused == 0 || givenUp == 0 {
		t.Error("one of these never happened: the test tests less than it says")
	}
}

func linearRound(t *testing.T, seed uint64) (done, refused, unknown int) {
	memory := eventstore.NewMemory()
	o := office(t, memory)
	o.Do("2020-05-20", lt.Approver, lt.Resolution("2020-05-20", "free", eventv1.Matter_MATTER_SPENDING_RULE, "household_heads", "", ""))
	o.Do("2020-05-20", lt.Supervisor, &ledger.ConfirmResolution{ID: "free"})
	o.Do("2020-05-20", lt.Approver, &ledger.AdoptSpendingRule{Tiers: []*eventv1.Tier{{Operation: eventv1.Operation_OPERATION_PAYMENT}}, Resolution: "free"})
	o.Do(linearDay, lt.Treasurer, lt.Rent(linearDay, "98,000.00")) // 9,800 yuan for maintenance: one payment, not two
	before := len(stored(t, memory))

	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(seed, 99))
	store := faulty(t, keepOpen{memory}, func(call eventstoretest.Call) eventstoretest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if n := dice.IntN(100); call.Method == "Append" {
			return [...]eventstoretest.Fault{0: eventstoretest.FailAfter, 1: eventstoretest.FailBefore, 2: eventstoretest.NoSpace, 3: eventstoretest.Pass}[min(n/15, 3)]
		} else if n < 10 {
			return eventstoretest.FailMidway
		}
		return eventstoretest.Pass
	})
	shared := lt.NewOffice(t, store)
	start := time.Now()
	clients := make([]*spender, 6)
	var all sync.WaitGroup
	for i := range clients {
		c := &spender{Office: shared, client: i, random: rand.New(rand.NewPCG(seed, uint64(i))), start: start,
			given: map[uuid.UUID]*givenUp{}, acked: map[uuid.UUID][]*eventv1.Event{}, refused: map[uuid.UUID]bool{}}
		clients[i] = c
		all.Go(func() {
			for n := range 30 {
				c.act(n)
			}
		})
	}
	all.Wait()
	log := byCommand(stored(t, memory)[before:])
	var history []porcupine.Operation
	for _, c := range clients {
		history = append(history, c.settle(log)...)
		done, refused, unknown = done+len(c.acked), refused+len(c.refused), unknown+len(c.given)
	}
	for id := range log {
		t.Errorf("command %v is in the log and was given by nobody", id)
	}
	if result := porcupine.CheckOperationsTimeout(fundModel(lt.Yuan("9,800.00")), history, 10*time.Second); result != porcupine.Ok {
		t.Errorf("%d answers to %d clients (seed %d) have no order in which every one is right: %s", len(history), len(clients), seed, result)
	}
	checkNumbers(t, stored(t, memory))
	return done, refused, unknown
}

func byCommand(events []*eventv1.Event) map[uuid.UUID][]*eventv1.Event {
	log := map[uuid.UUID][]*eventv1.Event{}
	for _, e := range events {
		id := uuid.UUID(e.CommandId)
		log[id] = append(log[id], e)
	}
	return log
}

func (c *spender) now() int64 { return int64(time.Since(c.start)) }

func (c *spender) note(in fundInput, call int64, out fundOutput) {
	c.history = append(c.history, porcupine.Operation{ClientId: c.client, Input: in, Call: call, Output: out, Return: c.now()})
}

// act does one thing: looks, gives or pays.
func (c *spender) act(n int) {
	switch roll := c.random.IntN(10); {
	case roll < 3:
		c.look()
	case roll < 6:
		amount := ledger.Fen(1 + c.random.IntN(int(linearSpend)))
		c.send(n, fundInput{add: amount}, &ledger.ReceiveGift{Fund: "maintenance", Amount: amount, On: lt.Day(linearDay), Money: "bank"})
	default:
		c.send(n, fundInput{add: -linearSpend}, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: linearSpend,
			Payee: "party/roofer", Money: "bank", On: lt.Day(linearDay)})
	}
}

func (c *spender) look() {
	call, out := c.now(), fundOutput{}
	err := c.Service.View(context.Background(), c.Collective, func(s *ledger.Collective) error {
		out.seen = s.Balance(lt.Maintenance, lt.Day(linearDay))
		return nil
	})
	if err == nil {
		c.note(fundInput{look: true}, call, out)
	} else if !errors.Is(err, ledger.ErrUnavailable) {
		c.T.Errorf("client %d looks: %v", c.client, err)
	}
}

// send gives a command until its outcome is known, or until the client is tired of it. The disk being full is an outcome: it
// is not stored.
func (c *spender) send(n int, in fundInput, command ledger.Command) {
	m := ledger.Meta{ID: lt.CommandID(1_000_000*(c.client+1) + n), Actor: lt.Treasurer, Now: lt.Noon(linearDay)}
	call := c.now()
	for range 1 + c.random.IntN(6) {
		events, err := c.Service.Do(context.Background(), c.Collective, command, m)
		var refusal *ledger.Refusal
		switch {
		case err == nil:
			c.acked[m.ID] = events
			c.note(in, call, fundOutput{done: true})
			return
		case refusedAs(err, ledger.FundOverdrawn) && errors.As(err, &refusal):
			c.refused[m.ID] = true
			c.note(in, call, fundOutput{seen: lt.Yuan(refusal.Figure("available"))})
			return
		case !errors.Is(err, ledger.ErrUnavailable) && !errors.Is(err, eventstore.ErrNoSpace):
			c.T.Errorf("client %d, command %d: %v", c.client, n, err)
			return
		}
	}
	c.given[m.ID] = &givenUp{in, call}
}

// settle holds what the client was told against the log, takes its commands out of that, and gives its history. A command it
// gave up is done at any time from its call on when the log has it, and else it never was.
func (c *spender) settle(log map[uuid.UUID][]*eventv1.Event) []porcupine.Operation {
	for id, events := range c.acked {
		if !sameEvents(events, log[id]) || len(lt.Vouchers(log[id])) != 1 {
			c.T.Errorf("client %d, command %v: acknowledged was %v, the log has %v", c.client, id, events, log[id])
		}
		delete(log, id)
	}
	for id := range c.refused {
		if log[id] != nil {
			c.T.Errorf("client %d, command %v: refused, the log has %v", c.client, id, log[id])
		}
		delete(log, id)
	}
	end := c.now()
	for id, g := range c.given {
		if n := len(lt.Vouchers(log[id])); n == 1 {
			c.history = append(c.history, porcupine.Operation{ClientId: c.client + 100*len(c.history), Input: g.in, Call: g.call, Output: fundOutput{done: true}, Return: end})
		} else if n > 1 {
			c.T.Errorf("client %d, command %v: done %d times", c.client, id, n)
		}
		delete(log, id)
	}
	return c.history
}

func sameEvents(a, b []*eventv1.Event) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !proto.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
