package esdbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// receiveMax is the largest message that the server takes: a chunk's largest record less its overhead.
const receiveMax = 16<<20 - 10_000

// Server is a fake server. Its methods may be called at any time from any goroutine, those that start and stop it one at a time.
type Server struct {
	options Options
	log     *Log
	ownLog  bool // Close closes it
	ownDir  string
	id      uuid.UUID
	address string // host:port, from the first start on
	tls     *certificates
	cluster *Cluster // nil: alone, and leader
	member  int

	behind atomic.Int64 // how often FallBehind was called

	run  sync.Mutex // held while starting or stopping
	grpc *grpc.Server
	gate *gate
	quit chan struct{} // closed when serving ended

	mu       sync.Mutex // guards what follows
	rules    []*rule
	hook     Hook
	calls    map[string]int
	headers  map[string][]metadata.MD
	underway map[*call]bool
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Start starts a server. Close must follow.
func Start(o Options) (*Server, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newServer makes a server that has a log and certificates and does not serve yet.
func newServer(o Options) (*Server, error) {
	o.setDefaults()
	s := &Server{options: o, log: o.Log, id: uuid.New(), address: o.Listen, calls: make(map[string]int),
		headers: make(map[string][]metadata.MD), underway: make(map[*call]bool)}
	if s.log == nil {
		s.ownLog = true
		s.log = newLog(o.Now)
		if o.Dir != "" {
			var err error
			if s.log, err = openLog(o.Dir, o.Sync, o.Now); err != nil {
				return nil, err
			}
		}
	}
	if o.TLS {
		dir := o.Dir
		if dir == "" {
			var err error
			if dir, err = os.MkdirTemp("", "esdbtest"); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			s.ownDir = dir
		}
		var err error
		if s.tls, err = makeCertificates(dir); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Start serves again after Stop, on the same port and with the same log. It does nothing to a server that runs.
func (s *Server) Start() error {
	s.run.Lock()
	defer s.run.Unlock()
	if s.grpc != nil {
		return nil
	}
	var l net.Listener
	var err error
	const tries = 100 // another process may hold the port for a moment
	for i := range tries {
		if l, err = listen(s.address); err == nil {
			break
		}
		if s.address == "" || i == tries-1 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.address = l.Addr().String()
	s.log.restart(s.options.RememberIDs)
	// A server that begins to lead writes an epoch, which $all never shows: the gaps between positions are real ones.
	if s.cluster == nil {
		if err := s.log.addSystem("$epoch-information", "$epoch-information", `{}`, s.now()); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	g := &gate{Listener: l, conns: make(map[*gateConn]bool)}
	server := s.newGRPC()
	quit := make(chan struct{})
	s.mu.Lock()
	s.gate = g
	s.mu.Unlock()
	s.grpc, s.quit = server, quit
	go func() {
		defer close(quit)
		_ = server.Serve(g) // ends when Stop closes it
	}()
	return nil
}

func (s *Server) newGRPC() *grpc.Server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(receiveMax),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			resp, err := handler(ctx, req)
			if md := trailersOf(err); md != nil {
				_ = grpc.SetTrailer(ctx, md)
			}
			return resp, err
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			err := handler(srv, stream)
			if md := trailersOf(err); md != nil {
				stream.SetTrailer(md)
			}
			return err
		}),
	}
	if !s.options.StrictKeepalive {
		options = append(options, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}))
	}
	if s.tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.tls.config)))
	}
	server := grpc.NewServer(options...)
	streams.RegisterStreamsServer(server, &service{Server: s})
	gossip.RegisterGossipServer(server, &gossipService{server: s})
	if !s.options.NoServerFeatures {
		serverfeatures.RegisterServerFeaturesServer(server, &featuresService{server: s})
	}
	return server
}

// Stop ends serving as a crash does: connections are closed and calls end where they are. The log stays.
func (s *Server) Stop() {
	s.run.Lock()
	defer s.run.Unlock()
	if s.grpc == nil {
		return
	}
	s.gate.reset(nil)
	s.grpc.Stop()
	<-s.quit
	s.grpc = nil
}

// Shutdown ends serving as an operator does: reads and subscriptions end with Unavailable, other calls are answered, then it
// stops. It waits at most the server's write time-out for that.
func (s *Server) Shutdown() {
	s.run.Lock()
	defer s.run.Unlock()
	if s.grpc == nil {
		return
	}
	s.EndSubscriptions(codes.Unavailable, "Server is shutting down")
	t := time.AfterFunc(s.options.WriteTimeout, s.grpc.Stop)
	s.grpc.GracefulStop()
	t.Stop()
	<-s.quit
	s.grpc = nil
}

// Restart is Stop, changes of the options if there are any, and Start. Log, Dir, Listen and TLS stay what they were.
func (s *Server) Restart(change ...func(*Options)) error {
	s.Stop()
	for _, f := range change {
		f(&s.options)
	}
	s.options.setDefaults()
	return s.Start()
}

// Close stops the server for good and frees what it made: its log, if the caller gave none, and temporary files.
func (s *Server) Close() error {
	s.Stop()
	var errs []error
	if s.ownLog && s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.ownDir != "" {
		errs = append(errs, os.RemoveAll(s.ownDir))
	}
	return errors.Join(errs...)
}

// Log is the database.
func (s *Server) Log() *Log { return s.log }

// Addr is host:port. It stays the same for the life of the server.
func (s *Server) Addr() string { return s.address }

// ConnectionString is what clients connect with, the administrator's login and the certificate of the authority in it when
// there are such things.
func (s *Server) ConnectionString() string {
	return fmt.Sprintf("esdb://%s%s?%s", s.login(), s.address, s.parameters())
}

// login is "user:password@" for a secure server: an administrator if there is one.
func (s *Server) login() string {
	found := ""
	for name, u := range s.options.Users {
		for _, g := range u.Groups {
			if g == "$admins" {
				return name + ":" + u.Password + "@"
			}
		}
		found = name + ":" + u.Password + "@"
	}
	return found
}

func (s *Server) parameters() string {
	if s.tls == nil {
		return "tls=false"
	}
	return "tls=true&tlsCAFile=" + s.tls.authorityFile
}

func (s *Server) now() time.Time { return s.options.Now() }

// service is the service Streams.
type service struct {
	streams.UnimplementedStreamsServer
	*Server
}
