package eventstoredb

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// How connections behave. gRPC alone would wait up to two minutes before it tries a server that was away again.
const (
	reconnectMin   = 20 * time.Millisecond
	reconnectMax   = 200 * time.Millisecond
	connectTimeout = 2 * time.Second // for one try to connect, TLS included
	windowBytes    = 1 << 20         // how much of a read is on its way ahead of its reader
	gossipMax      = 2 * time.Second // for one seed to say who is the leader
)

// member is a connection to one member of the cluster.
type member struct {
	address string
	conn    *grpc.ClientConn
	streams streams.StreamsClient
}

// link is the connection to the member that is taken for the leader.
type link struct {
	seeds    []string // to ask who is the leader; none: address is taken as it is
	address  string
	dialling []grpc.DialOption
	logger   *slog.Logger
	life     context.Context // of the store

	mu      sync.Mutex // guards all below
	current *member
	former  *member       // the one before, while the leader is looked for: it may be it again
	finding chan struct{} // closed when the search under way ends; nil when there is none
	found   error         // of the last search
	down    time.Time     // since when no call succeeded; zero when the last one did
	closed  bool
}

func newLink(life context.Context, conf *esdb.Configuration, dialling []grpc.DialOption, logger *slog.Logger) *link {
	l := &link{life: life, address: conf.Address, dialling: dialling, logger: logger}
	for _, seed := range conf.GossipSeeds {
		l.seeds = append(l.seeds, net.JoinHostPort(seed.Host, strconv.Itoa(int(seed.Port))))
	}
	if conf.DnsDiscover && len(l.seeds) == 0 {
		l.seeds = []string{conf.Address} // one name for all members: whoever answers knows the others
	}
	return l
}

// dialOptions say how to connect: encryption, login, keepalive, and what is said with every call.
func dialOptions(conf *esdb.Configuration) ([]grpc.DialOption, error) {
	options := []grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: reconnectMin, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithInitialWindowSize(windowBytes), grpc.WithInitialConnWindowSize(4 * windowBytes),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(17 << 20)),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
			return call(toLeader(ctx), method, request, reply, conn, o...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(toLeader(ctx), d, conn, method, o...)
		}),
	}
	if conf.KeepAliveInterval > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: conf.KeepAliveInterval, Timeout: conf.KeepAliveTimeout, PermitWithoutStream: true,
		}))
	}
	if conf.DisableTLS {
		return append(options, grpc.WithTransportCredentials(insecure.NewCredentials())), nil
	}
	secure := &tls.Config{RootCAs: conf.RootCAs, InsecureSkipVerify: conf.SkipCertificateVerification, MinVersion: tls.VersionTLS12}
	if conf.UserCertFile != "" {
		own, err := tls.LoadX509KeyPair(conf.UserCertFile, conf.UserKeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate of the user: %w", err)
		}
		secure.Certificates = []tls.Certificate{own}
	}
	options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(secure)))
	if conf.Username != "" {
		options = append(options, grpc.WithPerRPCCredentials(login("Basic "+base64.StdEncoding.EncodeToString([]byte(conf.Username+":"+conf.Password)))))
	}
	return options, nil
}

func toLeader(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", "true", "connection-name", "mingzhang")
}

// login is sent with every call, over TLS only.
type login string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (l login) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": string(l)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (login) RequireTransportSecurity() bool { return true }

func (l *link) dial(address string) (*member, error) {
	// passthrough: the name is looked up at every try to connect, not remembered for half a minute.
	conn, err := grpc.NewClient("passthrough:///"+address, l.dialling...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &member{address, conn, streams.NewStreamsClient(conn)}, nil
}

// member gives the leader as far as known. One caller looks for it, the others wait, each no longer than its context.
func (l *link) member(ctx context.Context) (*member, error) {
	for {
		l.mu.Lock()
		switch {
		case l.closed:
			l.mu.Unlock()
			return nil, errLinkClosed
		case l.current != nil:
			defer l.mu.Unlock()
			return l.current, nil
		case len(l.seeds) == 0:
			defer l.mu.Unlock()
			return l.connect(l.address)
		}
		finding := l.finding
		if finding == nil {
			finding = make(chan struct{})
			l.finding = finding
			go l.find(finding)
		}
		l.mu.Unlock()
		select {
		case <-finding:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		l.mu.Lock()
		current, err := l.current, l.found
		l.mu.Unlock()
		if current != nil {
			return current, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

var errLinkClosed = errors.New("the connection was closed")

// connect makes an address the current one, with the connection of before if it is the same. The caller holds mu.
func (l *link) connect(address string) (*member, error) {
	if f := l.former; f != nil && f.address == address {
		l.current, l.former = f, nil
		return f, nil
	}
	m, err := l.dial(address)
	if err != nil {
		return nil, err
	}
	l.current = m
	l.forget()
	return m, nil
}

// forget gives the former member up. Its calls under way end as unclear and are tried again. The caller holds mu.
func (l *link) forget() {
	if l.former != nil {
		go l.former.conn.Close() // it waits for what its calls do
		l.former = nil
	}
}

// drop makes the current member the former one. The caller holds mu.
func (l *link) drop() {
	l.forget()
	l.current, l.former = nil, l.current
}

// find asks all seeds at once for the leader. It does not end with the caller that began it, for others wait for it too.
func (l *link) find(finding chan struct{}) {
	ctx, cancel := context.WithTimeout(l.life, gossipMax)
	defer cancel()
	answers := make(chan gossiped, len(l.seeds))
	for _, seed := range l.seeds {
		go func() { answers <- l.ask(ctx, seed) }()
	}
	var leader string
	var failure error
	for range l.seeds {
		a := <-answers
		switch {
		case a.leader != "" && leader == "":
			leader = a.leader
			cancel() // ends the other questions
		case a.err != nil && leader == "":
			failure = a.err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(finding)
	l.finding = nil
	l.found = fmt.Errorf("no member of the cluster names a leader (%v)", failure)
	if leader == "" || l.current != nil || l.closed {
		return
	}
	var m *member
	if m, l.found = l.connect(leader); l.found == nil {
		l.logger.Info("event store: leader found", "address", m.address)
	}
}

type gossiped struct {
	leader string
	err    error
}

// ask asks one member who is the leader.
func (l *link) ask(ctx context.Context, seed string) gossiped {
	m, err := l.dial(seed)
	if err != nil {
		return gossiped{err: err}
	}
	defer m.conn.Close()
	info, err := gossip.NewGossipClient(m.conn).Read(ctx, &shared.Empty{})
	if err != nil {
		return gossiped{err: fmt.Errorf("ask %s: %w", seed, err)}
	}
	for _, one := range info.GetMembers() {
		if one.GetIsAlive() && one.GetState() == gossip.MemberInfo_Leader {
			at := one.GetHttpEndPoint()
			return gossiped{leader: net.JoinHostPort(at.GetAddress(), strconv.FormatUint(uint64(at.GetPort()), 10))}
		}
	}
	return gossiped{}
}

// good notes that a member did what it was asked.
func (l *link) good(m *member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m == l.current && !l.down.IsZero() {
		l.logger.Info("event store: reached again", "address", m.address, "away", time.Since(l.down).Round(time.Millisecond).String())
		l.down = time.Time{}
	}
}

// bad notes that a member did not do what it was asked. The connection itself is mended by gRPC; where the leader can be found
// anew, it is.
func (l *link) bad(m *member, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m != l.current || l.closed {
		return
	}
	if l.down.IsZero() {
		l.down = time.Now()
		l.logger.Warn("event store: not reached", "address", m.address, "error", err)
	}
	if len(l.seeds) > 0 || m.address != l.address {
		l.drop()
	}
}

// doubt has the leader looked for again where it can be found: a member that is behind may lead no longer.
func (l *link) doubt(m *member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m == l.current && !l.closed && len(l.seeds) > 0 {
		l.drop()
	}
}

// redirect goes to the leader that a member named; empty when it named none.
func (l *link) redirect(m *member, leader string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m != l.current || l.closed {
		return
	}
	l.drop()
	if leader == "" || leader == m.address {
		return
	}
	if _, err := l.connect(leader); err == nil {
		l.logger.Info("event store: another leader", "address", leader)
	}
}

// close ends all connections. The store's life has ended.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	open := []*member{l.current, l.former}
	finding := l.finding
	l.current, l.former = nil, nil
	l.mu.Unlock()
	if finding != nil {
		<-finding
	}
	for _, m := range open {
		if m != nil {
			m.conn.Close()
		}
	}
}
