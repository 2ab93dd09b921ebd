package esdbtest

import "google.golang.org/grpc/codes"

// ResetConnections cuts every connection of now; new ones are served.
func (s *Server) ResetConnections() {
	if g := s.gateNow(); g != nil {
		g.reset(nil)
	}
}

// BlackHole makes the server accept connections and answer nothing, on old ones as on new, until it is called with false, which
// cuts them all.
func (s *Server) BlackHole(on bool) {
	if g := s.gateNow(); g != nil {
		g.set(on, false)
	}
}

// Refuse cuts all connections and resets every new one at once until it is called with false. To have the port refuse, Stop.
func (s *Server) Refuse(on bool) {
	if g := s.gateNow(); g != nil {
		g.set(false, on)
	}
}

// Connections is how many there are now.
func (s *Server) Connections() int {
	g := s.gateNow()
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// Accepted is how many connections were taken since the last start.
func (s *Server) Accepted() int {
	g := s.gateNow()
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.served
}

func (s *Server) gateNow() *gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gate
}

// Subscriptions is how many are under way.
func (s *Server) Subscriptions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range s.underway {
		if c.Method == "Subscribe" {
			n++
		}
	}
	return n
}

// EndSubscriptions ends every subscription under way with a status.
func (s *Server) EndSubscriptions(code codes.Code, message string) {
	s.endCalls(newFault(code, message), func(c *call) bool { return c.Method == "Subscribe" })
}

// endCalls ends subscriptions, and the waiting of other calls, for a reason.
func (s *Server) endCalls(reason error, which func(*call) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.underway {
		if which(c) {
			c.end(reason)
		}
	}
}

// FallBehind makes every live subscription act as if its buffer had overflowed.
func (s *Server) FallBehind() {
	s.behind.Add(1)
	s.log.wakeAll()
}
