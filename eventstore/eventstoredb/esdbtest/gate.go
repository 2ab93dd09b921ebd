package esdbtest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// gate stands between the port and gRPC: it knows every connection, can cut them, and can swallow or turn away what comes.
type gate struct {
	net.Listener

	mu       sync.Mutex
	conns    map[*gateConn]bool
	swallow  bool // nothing is read or answered any more
	turnAway bool // new connections are reset
	served   int  // connections ever accepted
}

// listen opens the address; with none a loopback port below those that the system hands out for outgoing connections, which is
// therefore still free after a stop.
func listen(address string) (net.Listener, error) {
	if address != "" {
		return net.Listen("tcp", address)
	}
	const tries = 50
	for range tries {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20000+rand.IntN(12000)))
		if err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		if g.turnAway {
			g.mu.Unlock()
			cut(c)
			continue
		}
		gc := &gateConn{Conn: c, gate: g}
		g.conns[gc] = true
		g.served++
		g.mu.Unlock()
		return gc, nil
	}
}

// reset cuts the connection from that address, or all of them if it is nil.
func (g *gate) reset(remote net.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		if remote == nil || c.RemoteAddr().String() == remote.String() {
			cut(c.Conn)
		}
	}
}

// set changes what happens to connections. Those that were swallowed have lost bytes and are cut.
func (g *gate) set(swallow, turnAway bool) {
	g.mu.Lock()
	was := g.swallow
	g.swallow, g.turnAway = swallow, turnAway
	g.mu.Unlock()
	if turnAway || was && !swallow {
		g.reset(nil)
	}
}

// cut closes a connection as a crash does, by reset and without a goodbye.
func cut(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

type gateConn struct {
	net.Conn
	gate *gate
}

func (c *gateConn) swallowed() bool {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	return c.gate.swallow
}

// Read drops what it reads while the gate swallows, so it returns only when the connection ends.
func (c *gateConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.swallowed() {
			return n, err
		}
	}
}

func (c *gateConn) Write(b []byte) (int, error) {
	if c.swallowed() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *gateConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
