// Package rpc is the API of mingzhang: seven services that turn messages into commands of the ledger and reads of the books,
// and what comes of them into answers.
//
//	RegistryService    collectives, members, money accounts, operators and their roles
//	SessionService     how people sign in
//	GovernanceService  what is decided and checked
//	BooksService       the treasurer's commands, and Apply for batches of commands of every service
//	AuditService       everything that can be read, for those who answer for the books or check them
//	DisclosureService  what everybody may read, without a key
//	DocumentsService   the bytes of papers
//
// One Server answers over HTTP (Connect, gRPC, gRPC-Web and plain JSON on one port, HTTP GET for reads) and in process
// (connect.Transport), through the same handlers and the same checks, in this order: who calls, may he call the method at
// all, is the request well formed, may he read this collective. Commands on books are judged by the ledger, which knows the
// roles at the moment it decides. The method, the tables of callers and the checks come from the schema's descriptors, so a
// line of a batch and a call of its own cannot differ.
//
// Nobody is told anything about an error but a refusal: a stable reason, figures, one sentence in Chinese and in English
// (errors.go). What stands behind a failure goes to the log.
//
// Requests are at most 4 MiB, calls end after a time, clients that are too slow are cut off (connection.go), watches are
// bounded (watch.go), unknown fields of JSON are refused by name.
package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	connectv1 "connectrpc.com/connect" // what health and reflection are made with
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"connectrpc.com/connect/v2/connectproto"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/documents"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

const (
	requestBytesMax  = 4 << 20  // one message; also what a compressed one may grow to
	toolBytesMax     = 64 << 10 // of health checks and reflection
	headerBytesMax   = 64 << 10
	envelopeBytes    = 5       // around the message of gRPC and of streams
	compressBytesMin = 1 << 10 // smaller answers are sent as they are

	callTimeout   = 30 * time.Second // of a call without a longer one of its own
	longTimeout   = 10 * time.Minute // of ReadLog and VerifyLog, which read a whole log, and of documents on slow lines
	watchTimeout  = 24 * time.Hour   // of Watch and WatchHeads, which the client goes on with anew
	readTimeout   = time.Minute      // of a request, body included
	writeTimeout  = 2 * time.Minute  // of an answer
	idleTimeout   = 3 * time.Minute
	headerTimeout = 10 * time.Second

	booksAgeMin = 5 * time.Second
)

// BooksAgeHeader says in an answer of a node that is out of touch with the store for how many seconds it has been.
const BooksAgeHeader = "Mingzhang-Books-Age"

// Log gives proof of the log; transparency.Store is one.
type Log interface {
	Head(ctx context.Context, stream string) (transparency.Head, []byte, error)
	ProveInclusion(ctx context.Context, stream string, version, size uint64) (transparency.Hash, transparency.Inclusion, error)
	ProveConsistency(ctx context.Context, stream string, oldSize, size uint64) (transparency.Head, transparency.Consistency, error)
	Verify(ctx context.Context, stream string) (transparency.Report, error)
	Tile(ctx context.Context, stream string, level int, n uint64, width int) ([]byte, error)
	NextHead(ctx context.Context, stream string) (transparency.Head, []byte, <-chan struct{}, error)
	KeptHeads(stream string) (map[uint64][]byte, error)
	Retire(ctx context.Context, stream string, generation uint32) (transparency.Head, []byte, error)
}

// Config is what a Server is made of. Only what says its default may be left out.
type Config struct {
	Ledger *ledger.Service
	Access *access.Service
	// Door is where people sign in; default one that knows no origin: passwords alone.
	Door   *access.Door
	Books  *projections.Library
	Events eventstore.Store // the log as stored, for ReadLog and the list of collectives
	Log    Log
	// Documents keeps the bytes of papers; default none: uploads and downloads are refused as unavailable.
	Documents *documents.Store
	// Seeds keeps the seeds of disclosed rounds; default none: rounds are not disclosed and no line is proved.
	Seeds SeedKeeper
	// People keeps personal data; default none: it is refused, and public text is not compared with names.
	People *people.Vault
	// VerifierKey gives the public key of the log of an origin; default none.
	VerifierKey func(origin string) string
	// Signer tells the keys that a rotation is about; default none, and no key is rotated.
	Signer transparency.Signer
	// Clock is the time of commands without a time of their own; default time.Now.
	Clock func() time.Time
	// Logger takes what callers are not told; default slog.Default().
	Logger *slog.Logger
	// Version and Store are what GetVersion answers: of the program, and the kind of store (memory, sqlite, eventstoredb).
	Version, Store string
	// Serving says whether the health service answers SERVING; default always.
	Serving func() bool
	// BooksAge says how long ago the books were last known to have everything that was stored, where other nodes store too; default: they
	// always have. From five seconds on every answer over HTTP says so in the header Mingzhang-Books-Age, in whole seconds.
	BooksAge func() time.Duration
	// Asking bounds how often one address asks without a key; default 5 an hour, 3 at once.
	Asking Asking
	// TrustProxy takes the address of a caller from the last entry of X-Forwarded-For, which the proxy in front of this server writes. Without
	// such a proxy anybody could write it. Default: the address of the connection.
	TrustProxy bool
	// Feed wakes watches when there are new events; default none, and they look at every sign of life alone.
	Feed *Feed
	// Meter is told of every call; default nobody.
	Meter Meter
	// Around is put around every call over HTTP, outermost first; for tracing. Default none.
	Around []connect.ServerInterceptor
}

// Server answers the seven services. Its methods may be called at once.
type Server struct {
	config   Config
	registry *registry
	seals    *witness.Service
	dry      bool // nothing it does is to last: see scratch

	overHTTP *connect.Server // authenticates by key
	local    *connect.Server // authenticates by the caller's context
	bare     *connect.Server // does not check anything: for lines of a batch, which are checked before

	verifying  chan struct{} // a place for each VerifyLog under way
	previewing chan struct{} // a place for each PreviewApply under way
	listed     sync.Map      // collective id -> *apiv1.Collective as ListCollectives last showed it
	charters   sync.Map      // collective id -> *eventv1.CollectiveFounded, which never changes

	asking   *askers
	watching watchLimits
	watchers watchers
}

// verifyMax is how many logs are hashed anew at once; more callers wait, for a public log lets everybody ask.
const verifyMax = 2

// New makes a Server.
func New(config Config) *Server {
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.VerifierKey == nil {
		config.VerifierKey = func(string) string { return "" }
	}
	if config.BooksAge == nil {
		config.BooksAge = func() time.Duration { return 0 }
	}
	if config.Serving == nil {
		config.Serving = func() bool { return true }
	}
	if config.Door == nil {
		config.Door, _ = access.NewDoor(config.Access, access.DoorOptions{Clock: config.Clock, Logger: config.Logger}) // fails for an origin alone
	}
	s := &Server{config: config, registry: newRegistry(), verifying: make(chan struct{}, verifyMax), previewing: make(chan struct{}, previewMax), watching: watchDefaults}
	s.asking = newAskers(config.Asking)
	s.seals = witness.NewService(config.Events, config.Log, s.logKeys, config.Clock)
	s.watchers.each, s.watchers.stopping = map[string]int{}, make(chan struct{})
	s.overHTTP = s.register(append(slices.Clip(config.Around), s.around(s.byKey))...)
	s.local = s.register(s.around(s.byContext))
	s.bare = s.register()
	return s
}

func (s *Server) register(interceptors ...connect.ServerInterceptor) *connect.Server {
	server := connect.NewServer(interceptors...)
	apiv1connect.RegisterRegistryServiceHandler(server, registryService{s})
	apiv1connect.RegisterSessionServiceHandler(server, sessionService{s})
	apiv1connect.RegisterGovernanceServiceHandler(server, governanceService{s})
	apiv1connect.RegisterBooksServiceHandler(server, booksService{s})
	apiv1connect.RegisterAuditServiceHandler(server, auditService{s})
	apiv1connect.RegisterDisclosureServiceHandler(server, disclosureService{s})
	apiv1connect.RegisterDocumentsServiceHandler(server, documentsService{s})
	server.SetUnknownHandler(func(context.Context, connect.Spec, connect.ServerStream) error { return nil })
	return server
}

// InProcess is the transport for clients in the same process: the pages and the command line. AsOperator or
// WithKey says who calls.
func (s *Server) InProcess() connect.Transport { return connectinprocess.New(s.local) }

// around is the interceptor of every call: it names the caller, bounds the time, checks the request when it is received,
// and turns whatever goes wrong into what the caller may know.
func (s *Server) around(authenticate func(context.Context) (*caller, error)) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) (err error) {
			m := s.registry.byProcedure[spec.Procedure]
			begun := s.begun()
			defer func() {
				if cause := recover(); cause != nil {
					err = s.recovered(ctx, spec.Procedure, cause, debug.Stack())
				} else if err != nil {
					err = s.failure(ctx, spec.Procedure, err)
				}
				s.called(ctx, m, err, begun)
			}()
			if err := ctx.Err(); err != nil {
				return err // nobody waits for it any more
			}
			keepNowhere(ctx)
			if m == nil {
				return unknown(spec.Procedure, s.registry.methods)
			}
			c, err := authenticate(ctx)
			if err != nil {
				return err
			}
			if err := m.mayCall(c); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, callerKey{}, c), m.timeout)
			defer cancel()
			if !m.unary {
				ctx = context.WithValue(ctx, recheckKey{}, func(request proto.Message) error {
					c, err := authenticate(ctx)
					if err != nil {
						return err
					}
					return s.authorise(ctx, m, c, request)
				})
			}
			return next(ctx, spec, &checkedStream{stream, s, ctx, m, c, cacheOf(ctx, m, c)})
		}
	}
}

// checkedStream admits the request as it is received and adds the headers for caches as the answer is sent.
type checkedStream struct {
	connect.ServerStream
	server *Server
	ctx    context.Context
	method *method
	caller *caller
	cached *cached // of a public read by GET
}

// Receive implements connect.ServerStream.
func (st *checkedStream) Receive(msg any) error {
	if err := st.ServerStream.Receive(msg); err != nil {
		return st.method.unquoted(undecodable(err))
	}
	request := msg.(proto.Message)
	if err := validate(request); err != nil {
		return st.method.unechoed(err)
	}
	if err := st.server.authorise(st.ctx, st.method, st.caller, request); err != nil {
		return err
	}
	if err := st.server.confirmed(st.method, st.caller); err != nil {
		return err
	}
	if st.method.timeout > callTimeout {
		connectionOf(st.ctx).received(st.method.timeout)
	}
	if st.cached == nil {
		return nil
	}
	return st.cached.received(st.ctx, st.server, st.method, request)
}

// Send implements connect.ServerStream.
func (st *checkedStream) Send(msg any) error {
	if st.cached != nil {
		if err := st.cached.sending(st.method, msg.(proto.Message)); err != nil {
			return err
		}
	}
	return st.ServerStream.Send(msg)
}

// Handler answers Connect, gRPC, gRPC-Web and JSON, and gRPC's health and reflection services. It needs a server that speaks
// HTTP/2 without TLS for gRPC: NewHTTPServer makes one.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	json := connectproto.NewJSONCodec()
	json.UnmarshalOptions.DiscardUnknown = false // a field we do not know may be a condition we would ignore
	connecthttp.Mount(mux, s.overHTTP,
		connecthttp.WithCodecs(connectproto.NewBinaryCodec(), json),
		connecthttp.WithReadMaxBytes(requestBytesMax),
		connecthttp.WithCompressMinBytes(compressBytesMin),
	)
	limit := connectv1.WithReadMaxBytes(toolBytesMax)
	mux.Handle(grpchealth.NewHandler(checker{s}, limit))
	reflector := grpcreflect.NewStaticReflector(append(serviceNames(), grpchealth.HealthV1ServiceName)...)
	mux.Handle(grpcreflect.NewHandlerV1(reflector, limit))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, limit))
	mux.HandleFunc("GET /openapi.yaml", openAPI)
	refusals := connecthttp.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if age := s.config.BooksAge(); age >= booksAgeMin {
			w.Header().Set(BooksAgeHeader, strconv.Itoa(int(age/time.Second)))
		}
		m := s.registry.byProcedure[r.URL.Path]
		upload := m != nil && m.name == "Upload"
		switch {
		case r.ContentLength > requestBytesMax+envelopeBytes && !upload:
			tooLarge(refusals, w, r)
			return
		case upload: // many messages: the whole of it has the time, not its first message
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(m.timeout))
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(m.timeout))
		case m != nil && m.timeout > callTimeout:
			r = r.WithContext(context.WithValue(r.Context(), connectionKey{}, &connection{http.NewResponseController(w)}))
		}
		if m != nil && m.read && r.Method == http.MethodHead {
			r = r.WithContext(r.Context()) // a copy
			r.Method = http.MethodGet      // net/http sends the headers alone
		}
		mux.ServeHTTP(w, r)
	})
}

func serviceNames() []string {
	var names []string
	for _, service := range services() {
		names = append(names, string(service.FullName()))
	}
	return names
}

// checker answers gRPC's health checks, for the whole and for each service.
type checker struct{ *Server }

// Check implements grpchealth.Checker.
func (c checker) Check(_ context.Context, r *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if r.Service != "" && !slices.Contains(serviceNames(), r.Service) {
		return nil, connectv1.NewError(connectv1.CodeNotFound, errors.New("no such service"))
	}
	status := grpchealth.StatusServing
	if !c.config.Serving() {
		status = grpchealth.StatusNotServing
	}
	return &grpchealth.CheckResponse{Status: status}, nil
}

// NewHTTPServer makes a server with the limits and the protocols (HTTP/1.1 and HTTP/2, with and without TLS) that the
// handler is meant for. The caller sets Addr and runs it.
func NewHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}
