package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Options say how a store is reached. The zero value is right for production.
type Options struct {
	// Patience is how long a call goes on trying when its context does not end sooner; 0 means the connection string's
	// defaultDeadline, else ten seconds: an election takes two or three.
	Patience time.Duration
	// Logger is told when the leader changes and when it cannot be reached. Connection strings, which hold a password, never
	// reach it. Nil: nobody is told.
	Logger *slog.Logger
	// Retried is told of every try after the first of a call; it must be quick. Nil: nobody is told.
	Retried func()
}

const (
	patienceDefault = 10 * time.Second
	patienceTried   = time.Second            // when a whole patience has just passed in vain
	pauseMin        = 10 * time.Millisecond  // before the second try …
	pauseMax        = 160 * time.Millisecond // … and, doubled each time, before any other
	silenceMax      = 4 * time.Second        // of one member in one try; the server itself gives a write up after two
)

// Store is an event store in a cluster. Make one with Open.
type Store struct {
	link     *link
	patience time.Duration
	logger   *slog.Logger
	retried  func()

	lost atomic.Bool           // a whole patience has passed in vain, and no call succeeded since
	away atomic.Pointer[error] // why a member was not reached last, since a call succeeded
	seen versions

	hidden sync.Map // by stream: what subscriptions showed to be hidden of it

	life context.Context // ends when Close has waited for the appends
	end  context.CancelFunc

	mu      sync.Mutex // guards closed, and writing while it grows
	closed  bool
	writing sync.WaitGroup // appends and deletions under way
}

var _ eventstore.Store = (*Store)(nil)

// IsConnectionString tells an address of a cluster from a path.
func IsConnectionString(s string) bool {
	u, err := url.Parse(s)
	scheme := ""
	if err == nil {
		scheme = u.Scheme
	} else if i := len("esdb+discover://"); len(s) > i { // several hosts with ports are no URL
		for _, known := range []string{"esdb://", "esdb+discover://"} {
			if len(s) > len(known) && s[:len(known)] == known {
				scheme = known[:len(known)-3]
			}
		}
	}
	return scheme == "esdb" || scheme == "esdb+discover"
}

// Open gives the store at a connection string, "esdb://user:password@host:2113?tls=true" and so on. It does not wait for the
// server: whether it answers shows the first call. Its errors say what is wrong with the connection string and never repeat it.
func Open(connection string, o Options) (*Store, error) {
	conf, err := parse(connection)
	if err != nil {
		return nil, fmt.Errorf("connection string of the event store: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Retried == nil {
		o.Retried = func() {}
	}
	if o.Patience <= 0 {
		o.Patience = patienceDefault
		if conf.DefaultDeadline != nil && *conf.DefaultDeadline > 0 {
			o.Patience = *conf.DefaultDeadline
		}
	}
	if conf.DisableTLS && conf.Username != "" {
		o.Logger.Warn("the login of the event store is not sent, because tls=false")
	}
	dialling, err := dialOptions(conf)
	if err != nil {
		return nil, fmt.Errorf("connection string of the event store: %w", err)
	}
	life, end := context.WithCancel(context.Background())
	return &Store{
		link:     newLink(life, conf, dialling, o.Logger),
		patience: o.Patience, logger: o.Logger, retried: o.Retried,
		life: life, end: end,
	}, nil
}

func parse(connection string) (*esdb.Configuration, error) {
	if err := checkLogin(connection); err != nil {
		return nil, err
	}
	if err := checkSettings(connection); err != nil {
		return nil, err
	}
	conf, err := esdb.ParseConnectionString(connection)
	if err != nil {
		if in := (*url.Error)(nil); errors.As(err, &in) {
			err = in.Err // without the text, which holds a password
		}
		return nil, err
	}
	if err := conf.Validate(); err != nil {
		return nil, err
	}
	if conf.NodePreference != esdb.NodePreferenceLeader {
		return nil, errors.New("nodePreference has to be leader: the others may be behind what was acknowledged")
	}
	return conf, nil
}

// checkLogin refuses a login with special characters that are not escaped. Whoever parses it after that would take a piece of the
// password for a port, a host or a setting, and show it in errors and lines of the log.
func checkLogin(connection string) error {
	_, rest, found := strings.Cut(connection, "://")
	if !found {
		return errors.New("it has to begin with esdb:// or esdb+discover://")
	}
	end := strings.LastIndexByte(rest, '@')
	if end < 0 {
		return nil
	}
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~!$&'()*+;=:%", r)
	}
	if _, err := url.PathUnescape(rest[:end]); err != nil || strings.ContainsFunc(rest[:end], special) {
		return errors.New("special characters of user and password, in front of the last @, have to be written as %2F for / and so on")
	}
	return nil
}

// settings are those that the client knows. Names are compared without regard to case, as it does.
var settings = []string{
	"tls", "tlsCAFile", "tlsVerifyCert", "userCertFile", "userKeyFile", "nodePreference", "defaultDeadline",
	"maxDiscoverAttempts", "discoveryInterval", "gossipTimeout", "keepAliveInterval", "keepAliveTimeout",
}

// checkSettings refuses what the client would pass over: a setting that is misspelt is not what was meant.
func checkSettings(connection string) error {
	_, query, _ := strings.Cut(connection[strings.LastIndexByte(connection, '@')+1:], "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("its settings cannot be read: they are written ?tls=true&tlsCAFile=FILE and so on")
	}
	for name, values := range given {
		if !slices.ContainsFunc(settings, func(known string) bool { return strings.EqualFold(known, name) }) {
			return fmt.Errorf("there is no setting %q; there are %s", name, strings.Join(settings, ", "))
		}
		if _, err := strconv.Atoi(values[0]); err != nil && strings.EqualFold(name, "defaultDeadline") {
			return errors.New("defaultDeadline has to be a number of milliseconds")
		}
	}
	return nil
}

// enter keeps the store open for an append or a deletion, until its caller calls writing.Done.
func (s *Store) enter(ctx context.Context) error {
	if err := s.alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return eventstore.ErrClosed
	}
	s.writing.Add(1)
	return nil
}

// Close implements eventstore.Store. An append under way ends at the latest when its patience does.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.writing.Wait()
	s.end()
	s.link.close()
	return nil
}

// scope is a context for calls on behalf of ctx: it ends with the store too.
func (s *Store) scope(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// alive is the error of a call that must not begin, or go on.
func (s *Store) alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return eventstore.ErrClosed
	}
	return nil
}

// failure is the error of a call other than an append, after its last try.
func (s *Store) failure(ctx context.Context, v verdict, err error) error {
	switch {
	case v == final:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case s.life.Err() != nil:
		return eventstore.ErrClosed
	}
	return because(ErrUnreachable, err)
}

// try is one try of a call at a member. The verdict counts when there is an error.
type try func(ctx context.Context, m *member, p *patience) (v verdict, leader string, err error)

// patience counts what comes of a call, for those who end it when nothing does.
type patience struct {
	steps   atomic.Uint64 // what came
	resting atomic.Bool   // the caller's own consumer is at work: nobody waits for the server
}

// rest and begin stand around what the consumer does with something that came.
func (p *patience) rest()  { p.resting.Store(true) }
func (p *patience) begin() { p.steps.Add(1); p.resting.Store(false) }

// watch calls stop when nothing has come for a time, at the latest after twice that. It ends when done is called.
func (p *patience) watch(limit time.Duration, stop func()) (done func()) {
	var timer *time.Timer
	looked := p.steps.Load()
	timer = time.AfterFunc(math.MaxInt64, func() {
		if steps := p.steps.Load(); steps != looked || p.resting.Load() {
			looked = steps
			timer.Reset(limit)
			return
		}
		stop()
	})
	timer.Reset(limit) // only now may it fire: it uses itself
	return func() { timer.Stop() }
}

// attempt tries a call until its outcome is final or time is up. The error of the last try comes with the worst verdict: after
// unclear something may have been done by one of the tries.
func (s *Store) attempt(ctx context.Context, call try) (verdict, error) {
	p, whole := new(patience), s.patience
	if s.lost.Load() {
		whole = min(whole, patienceTried)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(s.life, func() { stop(eventstore.ErrClosed) })()
	defer p.watch(whole, func() { stop(errImpatient) })()
	worst, start := again, time.Now()
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		v, err := s.once(ctx, call, p)
		if err == nil || v == final {
			s.lost.Store(false)
			s.away.Store(nil)
			return final, err
		}
		worst = max(worst, v)
		if errors.Is(err, errBehind) {
			// It answers, so it is not lost; and what it lacks it has a whole patience to catch up with.
			s.lost.Store(false)
			if time.Since(start) < s.patience-whole {
				p.steps.Add(1)
			}
		}
		switch code := status.Code(err); {
		case code == codes.Unavailable:
			s.away.Store(&err)
		case v == again && (code == codes.Canceled || errors.Is(err, context.Canceled)): // it only says that it was cut off
			if why := s.away.Load(); why != nil {
				err = *why
			}
		}
		// A pause that is not the same for all keeps those who wait from coming back together.
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(context.Cause(ctx), errImpatient) && !errors.Is(err, errBehind) {
				s.lost.Store(true)
			}
			return worst, err
		}
		s.retried()
	}
}

var errImpatient = errors.New("no answer in time")

// once tries a call once, and sees to it that the next try finds the leader.
func (s *Store) once(ctx context.Context, call try, p *patience) (verdict, error) {
	m, err := s.link.member(ctx)
	if err != nil {
		return again, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A leader whose machine has died says nothing, and another may have been elected.
	defer p.watch(silenceMax, cancel)()
	v, leader, err := call(ctx, m, p)
	switch {
	case err == nil:
		s.link.good(m)
	case v == moved:
		s.link.redirect(m, leader)
		v = again
	case errors.Is(err, errBehind):
		s.link.doubt(m)
	case v != final:
		s.link.bad(m, err)
	}
	return v, err
}

// versions remembers the newest version seen of each stream.
type versions struct{ m sync.Map }

// note takes a version that was shown or written, and says whether a newer one was seen before.
func (v *versions) note(stream string, version uint64) (older bool) {
	at, known := v.m.Load(stream)
	if !known && version == 0 {
		return false // made-up names cost no memory
	}
	if !known {
		at, _ = v.m.LoadOrStore(stream, new(atomic.Uint64))
	}
	newest := at.(*atomic.Uint64)
	for {
		known := newest.Load()
		if version <= known {
			return version < known
		}
		if newest.CompareAndSwap(known, version) {
			return false
		}
	}
}

func (v *versions) forget(stream string) { v.m.Delete(stream) }

// Address is where a connection string leads, for people: the host and port, or those of the seeds. The login is not in it.
func Address(connection string) (string, error) {
	conf, err := parse(connection)
	if err != nil {
		return "", fmt.Errorf("connection string of the event store: %w", err)
	}
	seeds := make([]string, 0, len(conf.GossipSeeds))
	for _, seed := range conf.GossipSeeds {
		seeds = append(seeds, net.JoinHostPort(seed.Host, strconv.Itoa(int(seed.Port))))
	}
	if len(seeds) == 0 {
		return conf.Address, nil
	}
	return strings.Join(seeds, ","), nil
}
