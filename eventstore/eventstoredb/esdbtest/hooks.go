package esdbtest

import (
	"context"
	"errors"
	"net"
	"slices"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// Call is one call under way, as hooks see it.
type Call struct {
	// Method is "Read", "Subscribe" (a Read without end), "Append", "BatchAppend" (once for each append in the stream of them),
	// "Delete", "Tombstone", "Gossip" or "GetSupportedMethods".
	Method string
	// Stream is the stream concerned, "$all" for the log, empty for Gossip and GetSupportedMethods.
	Stream string
	// Number counts the calls of this method from 1.
	Number int
	// Header is what the client sent: authorization, requires-leader, connection-name and gRPC's own.
	Header metadata.MD
	// Context ends with the call: when the client gives up, or the connection or the server ends.
	Context context.Context

	server *Server
	remote net.Addr
}

// Hook sees every call before anything is done and says what is to happen to it; nil is nothing unusual.
type Hook func(*Call) *Action

// recordedMax bounds the headers that are kept for each method.
const recordedMax = 1024

// rule is an action for calls of one method.
type rule struct {
	method string // "" or "*": every one
	left   int    // how many calls it is still for; below 0: without end
	action Action
}

// Fail makes the action happen to every call of the method until ClearFaults. The method "*" is all of them.
func (s *Server) Fail(method string, action Action) { s.FailNext(method, -1, action) }

// FailNext makes the action happen to the next n calls of the method. Rules for one method apply in the order they were made,
// one to a call.
func (s *Server) FailNext(method string, n int, action Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n != 0 {
		s.rules = append(s.rules, &rule{method, n, action})
	}
}

// SetHook replaces the hook, which is asked when no rule of Fail and FailNext applies. Nil removes it.
func (s *Server) SetHook(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
}

// ClearFaults forgets all rules and the hook. Actions under way go on.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules, s.hook = nil, nil
}

// PendingFaults is how many rules still wait for calls.
func (s *Server) PendingFaults() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rules)
}

// Calls is how many calls of the method began; "*" is all of them.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if method != "*" {
		return s.calls[method]
	}
	n := 0
	for _, c := range s.calls {
		n += c
	}
	return n
}

// Headers are those of the calls of the method, the last 1,024 of them, oldest first.
func (s *Server) Headers(method string) []metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.headers[method])
}

// ResetCounts forgets the calls and headers so far.
func (s *Server) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
	clear(s.headers)
}

// call is a Call with the actions that apply to it.
type call struct {
	Call
	action *Action
	life   context.Context // ends with the call or with end
	end    context.CancelCauseFunc
	user   *principal
}

// open counts the call and does what is to be done before it.
func (s *Server) open(ctx context.Context, method, stream string) (*call, error) {
	header, _ := metadata.FromIncomingContext(ctx)
	c := &call{Call: Call{Method: method, Stream: stream, Header: header, Context: ctx, server: s}}
	if p, ok := peer.FromContext(ctx); ok {
		c.remote = p.Addr
	}
	c.life, c.end = context.WithCancelCause(ctx)
	s.mu.Lock()
	s.calls[method]++
	c.Number = s.calls[method]
	s.headers[method] = append(s.headers[method], header)
	if n := len(s.headers[method]); n > 2*recordedMax {
		s.headers[method] = slices.Clone(s.headers[method][n-recordedMax:])
	}
	c.action = s.ruleFor(method)
	hook := s.hook
	s.underway[c] = true
	s.mu.Unlock()
	if c.action == nil && hook != nil {
		c.action = hook(&c.Call)
	}
	if c.action != nil && c.action.Before != nil {
		if err := c.action.Before(&c.Call); err != nil {
			c.done()
			return nil, err
		}
	}
	return c, nil
}

// ruleFor takes the first rule for the method. The caller holds mu.
func (s *Server) ruleFor(method string) *Action {
	for i, r := range s.rules {
		if r.method != method && r.method != "*" && r.method != "" {
			continue
		}
		if r.left > 0 {
			if r.left--; r.left == 0 {
				s.rules = slices.Delete(s.rules, i, i+1)
			}
		}
		return &r.action
	}
	return nil
}

func (c *call) done() {
	c.end(nil)
	c.server.mu.Lock()
	delete(c.server.underway, c)
	c.server.mu.Unlock()
}

// after is between the deed and the answer.
func (c *call) after() error {
	if c.action == nil || c.action.After == nil {
		return nil
	}
	return c.action.After(&c.Call)
}

// event is before the nth event of a read: how often to send it, or how to end.
func (c *call) event(n int) (copies int, err error) {
	if c.action == nil || c.action.Event == nil {
		return 1, nil
	}
	return c.action.Event(&c.Call, n)
}

func (c *call) ended() context.Context { return c.life }

// cause is why the call is to end, nil if it is not.
func (c *call) cause() error {
	if c.life.Err() == nil {
		return nil
	}
	var f *fault
	if errors.As(context.Cause(c.life), &f) {
		return f
	}
	return received(c.Context.Err())
}
