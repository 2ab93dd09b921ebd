package esdbtest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
)

// Cluster is several servers on one log: one leads and the others follow. Replication is not played: what is acknowledged is
// seen by all at once, but for members that Lag holds back.
type Cluster struct {
	log     *Log
	servers []*Server
	ownDir  string

	mu      sync.Mutex
	leader  int // -1 while nobody leads
	lags    []int
	down    []bool
	pending *time.Timer // of ElectAfter
}

// NewCluster starts a cluster that ends with the test.
func NewCluster(t testing.TB, o Options, members int) *Cluster {
	t.Helper()
	c, err := StartCluster(o, members)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// StartCluster starts that many servers; member 0 leads. Close must follow. Options.Log and Options.Listen must be empty.
func StartCluster(o Options, members int) (*Cluster, error) {
	if o.Log != nil || o.Listen != "" || members < 1 {
		return nil, errors.New("esdbtest: a cluster makes its own log and chooses its ports")
	}
	o.setDefaults()
	c := &Cluster{lags: make([]int, members), down: make([]bool, members)}
	o.Log = newLog(o.Now)
	if o.Dir != "" {
		var err error
		if o.Log, err = openLog(o.Dir, o.Sync, o.Now); err != nil {
			return nil, err
		}
	}
	c.log = o.Log
	if o.TLS && o.Dir == "" {
		var err error
		if o.Dir, err = os.MkdirTemp("", "esdbtest"); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.ownDir = o.Dir
	}
	for i := range members {
		s, err := newServer(o)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		s.cluster, s.member = c, i
		c.servers = append(c.servers, s)
		if err := s.Start(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Member is the ith server, for its hooks and counters. Start and stop it by StartMember and StopMember.
func (c *Cluster) Member(i int) *Server { return c.servers[i] }

// Leader is the one that leads, -1 if nobody does.
func (c *Cluster) Leader() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader
}

// Log is the database of all members.
func (c *Cluster) Log() *Log { return c.log }

// ConnectionString names all members as seeds.
func (c *Cluster) ConnectionString() string {
	seeds := make([]string, len(c.servers))
	for i, s := range c.servers {
		seeds[i] = s.address
	}
	return fmt.Sprintf("esdb://%s%s?%s", c.servers[0].login(), strings.Join(seeds, ","), c.servers[0].parameters())
}

// BeginElection leaves the cluster without a leader: appends, and reads that require a leader, find no server ready, and those
// reads and subscriptions that are under way end with Unavailable.
func (c *Cluster) BeginElection() {
	c.lead(-1, notReady())
}

// Elect makes member i the leader at once. What required the old leader ends with not-leader, naming the new one.
func (c *Cluster) Elect(i int) {
	c.lead(i, notLeader(c.servers[i].address))
}

// ElectAfter begins an election and makes member i the leader after d.
func (c *Cluster) ElectAfter(i int, d time.Duration) {
	c.BeginElection()
	t := time.AfterFunc(d, func() { c.Elect(i) })
	c.mu.Lock()
	c.pending = t
	c.mu.Unlock()
}

// lead changes the leader and ends what required another.
func (c *Cluster) lead(i int, reason error) {
	c.mu.Lock()
	c.leader = i
	if c.pending != nil {
		c.pending.Stop()
		c.pending = nil
	}
	c.mu.Unlock()
	if i >= 0 {
		s := c.servers[i]
		if err := c.log.addSystem("$epoch-information", "$epoch-information", `{}`, s.now()); err != nil {
			panic(err) // a test on a full disk
		}
	}
	for j, s := range c.servers {
		if j != i {
			s.endCalls(reason, func(call *call) bool { return requiresLeader(&call.Call) })
		}
	}
}

// StopMember stops member i as a crash does. If it led, nobody leads until Elect.
func (c *Cluster) StopMember(i int) {
	c.mu.Lock()
	led := c.leader == i
	c.down[i] = true
	c.mu.Unlock()
	c.servers[i].Stop()
	if led {
		c.BeginElection()
	}
}

// StartMember starts member i again, as a follower.
func (c *Cluster) StartMember(i int) error {
	if err := c.servers[i].Start(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down[i] = false
	return nil
}

// Lag makes member i, while it follows, not see the last n records of the log.
func (c *Cluster) Lag(i, n int) {
	c.mu.Lock()
	c.lags[i] = n
	c.mu.Unlock()
	c.log.wakeAll()
}

// Close stops all members and frees the log.
func (c *Cluster) Close() error {
	c.mu.Lock()
	if c.pending != nil {
		c.pending.Stop()
	}
	c.mu.Unlock()
	var errs []error
	for _, s := range c.servers {
		errs = append(errs, s.Close())
	}
	errs = append(errs, c.log.Close())
	if c.ownDir != "" {
		errs = append(errs, os.RemoveAll(c.ownDir))
	}
	return errors.Join(errs...)
}

// members is what each of them gossips.
func (c *Cluster) members() []*gossip.MemberInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	var infos []*gossip.MemberInfo
	for i, s := range c.servers {
		state := gossip.MemberInfo_Follower
		switch {
		case i == c.leader:
			state = gossip.MemberInfo_Leader
		case c.leader < 0:
			state = gossip.MemberInfo_Unknown
		}
		infos = append(infos, s.memberInfo(state, !c.down[i]))
	}
	return infos
}

func requiresLeader(c *Call) bool {
	h := c.Header.Get("requires-leader")
	return len(h) > 0 && strings.EqualFold(h[0], "true")
}

// writable says whether this server may write: it leads, or it follows a leader to whom it forwards what does not insist on one.
func (c *call) writable() error { return c.server.admit(&c.Call, true) }

func (c *call) readable() error { return c.server.admit(&c.Call, false) }

func (s *Server) admit(c *Call, write bool) error {
	if s.cluster == nil {
		return nil
	}
	leader := s.cluster.Leader()
	switch {
	case leader == s.member:
		return nil
	case leader < 0 && (write || requiresLeader(c)):
		return notReady()
	case requiresLeader(c):
		return notLeader(s.cluster.servers[leader].address)
	}
	return nil
}

// lag is how many records this server does not see yet.
func (s *Server) lag() int {
	if s.cluster == nil {
		return 0
	}
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	if s.cluster.leader == s.member {
		return 0
	}
	return s.cluster.lags[s.member]
}
