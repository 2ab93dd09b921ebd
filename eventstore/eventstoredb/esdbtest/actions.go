package esdbtest

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// Action is something that happens to a call. Each part may be nil. The parts may run for several calls at once.
type Action struct {
	// Name is for messages of tests.
	Name string
	// Before runs before anything is done; an error ends the call and nothing is done.
	Before func(*Call) error
	// After runs when the deed is done and stored, before the answer; an error is sent instead of the answer. It runs for
	// appends, batch appends, deletes and tombstones.
	After func(*Call) error
	// Event runs before the nth event of a read or subscription is sent, n from 1, and says how many times to send it; an error
	// ends the read there.
	Event func(c *Call, n int) (copies int, err error)
}

// Then is one action after another: the first error ends them, and the counts of copies multiply.
func Then(first, second Action) Action {
	both := func(a, b func(*Call) error) func(*Call) error {
		if a == nil || b == nil {
			if a == nil {
				return b
			}
			return a
		}
		return func(c *Call) error {
			if err := a(c); err != nil {
				return err
			}
			return b(c)
		}
	}
	a := Action{Name: first.Name + ", " + second.Name, Before: both(first.Before, second.Before), After: both(first.After, second.After)}
	switch {
	case first.Event == nil:
		a.Event = second.Event
	case second.Event == nil:
		a.Event = first.Event
	default:
		a.Event = func(c *Call, n int) (int, error) {
			m, err := first.Event(c, n)
			if err != nil {
				return 0, err
			}
			k, err := second.Event(c, n)
			return m * k, err
		}
	}
	return a
}

// FailWith ends the call with a status and trailers (key, value, ...) and does nothing.
func FailWith(code codes.Code, message string, trailers ...string) Action {
	return Action{Name: "fail with " + code.String(), Before: func(*Call) error { return newFault(code, message, trailers...) }}
}

// Unavailable is a server that is not ready; nothing is done.
func Unavailable() Action { return FailWith(codes.Unavailable, "Server Is Not Ready") }

// TooBusy is a server whose queues are full; nothing is done.
func TooBusy() Action { return FailWith(codes.Unavailable, "Server Is Too Busy") }

// TimedOut is the server's own time-out, from which nobody can tell what was done. Here nothing was.
func TimedOut() Action { return FailWith(codes.Aborted, "Operation timed out: Prepare timeout") }

// NotLeader names another server, host:port, as the leader, whatever the client asked for; nothing is done.
func NotLeader(address string) Action {
	return Action{Name: "not leader", Before: func(*Call) error { return notLeader(address) }}
}

// Delay waits before the call is carried out. A client that gives up meanwhile has nothing done.
func Delay(d time.Duration) Action {
	return Action{Name: "delay", Before: func(c *Call) error { return c.sleep(d) }}
}

// Hang never answers and does nothing; it ends when the client, the connection or the server does.
func Hang() Action {
	return Action{Name: "hang", Before: (*Call).hang}
}

// Drop cuts the connection of the call before anything is done.
func Drop() Action { return Action{Name: "drop", Before: (*Call).drop} }

// CommitThenFail does what was asked and answers with a status.
func CommitThenFail(code codes.Code, message string) Action {
	return Action{Name: "commit, fail with " + code.String(), After: func(*Call) error { return newFault(code, message) }}
}

// CommitThenTimeOut does what was asked and then says that it timed out, as the server does when replicas are slow.
func CommitThenTimeOut() Action {
	return CommitThenFail(codes.Aborted, "Operation timed out: Commit timeout")
}

// CommitThenDrop does what was asked and cuts the connection in the place of an answer.
func CommitThenDrop() Action { return Action{Name: "commit, drop", After: (*Call).drop} }

// CommitThenHang does what was asked and never answers.
func CommitThenHang() Action { return Action{Name: "commit, hang", After: (*Call).hang} }

// CommitThenDelay does what was asked and answers later, past the client's deadline if d says so.
func CommitThenDelay(d time.Duration) Action {
	return Action{Name: "commit, delay", After: func(c *Call) error { return c.sleep(d) }}
}

// Repeat sends every kth event of a read or subscription twice.
func Repeat(k int) Action {
	return Action{Name: "repeat", Event: func(_ *Call, n int) (int, error) {
		if n%k == 0 {
			return 2, nil
		}
		return 1, nil
	}}
}

// EndAfter ends a read or subscription with a status after n events.
func EndAfter(n int, code codes.Code, message string) Action {
	return Action{Name: "end after events", Event: func(_ *Call, i int) (int, error) {
		if i > n {
			return 0, newFault(code, message)
		}
		return 1, nil
	}}
}

// DropAfter cuts the connection of a read or subscription after n events.
func DropAfter(n int) Action {
	return Action{Name: "drop after events", Event: func(c *Call, i int) (int, error) {
		if i > n {
			return 0, c.drop()
		}
		return 1, nil
	}}
}

// StallAfter falls silent after n events of a read or subscription.
func StallAfter(n int) Action {
	return Action{Name: "stall after events", Event: func(c *Call, i int) (int, error) {
		if i > n {
			return 0, c.hang()
		}
		return 1, nil
	}}
}

// SlowEvents waits before each event of a read or subscription.
func SlowEvents(d time.Duration) Action {
	return Action{Name: "slow events", Event: func(c *Call, _ int) (int, error) { return 1, c.sleep(d) }}
}

// OnStream limits an action to calls that concern streams whose name begins so.
func OnStream(prefix string, a Action) Action {
	limited := func(f func(*Call) error) func(*Call) error {
		if f == nil {
			return nil
		}
		return func(c *Call) error {
			if !strings.HasPrefix(c.Stream, prefix) {
				return nil
			}
			return f(c)
		}
	}
	b := Action{Name: a.Name + " on " + prefix, Before: limited(a.Before), After: limited(a.After)}
	if a.Event != nil {
		b.Event = func(c *Call, n int) (int, error) {
			if !strings.HasPrefix(c.Stream, prefix) {
				return 1, nil
			}
			return a.Event(c, n)
		}
	}
	return b
}

func (c *Call) sleep(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.Context.Done():
		return received(context.Cause(c.Context))
	}
}

func (c *Call) hang() error {
	<-c.Context.Done()
	return received(context.Cause(c.Context))
}

func (c *Call) drop() error {
	if g := c.server.gateNow(); g != nil {
		g.reset(c.remote)
	}
	return newFault(codes.Unavailable, "connection dropped")
}
