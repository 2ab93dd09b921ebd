package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
)

// Observer is told of new events of a collective, in order and without a gap, before their commands are answered: what it
// keeps is then current at acknowledgement. It must be quick.
type Observer interface {
	Observe(collective string, events []*eventv1.Event)
}

// Options of a Service. The zero value works.
type Options struct {
	Clock     func() time.Time // default time.Now
	Observer  Observer         // default none
	Snapshots Snapshots        // default none: states are folded from the first event whenever they are loaded
	MemoryMax int64            // bytes of all states in memory, about; default StatesMemory, below 0: no bound
	Shared    bool             // other processes append to the store too; a Follower tells of what they store
	// StoreClock is the clock of the machines that hold the store; default none. While Clock is more than five minutes apart from
	// it commands are refused: records from the future would make every other node refuse for as long.
	StoreClock func(context.Context) (time.Time, error)
	Logger     *slog.Logger // default none
}

// Service carries out commands: it loads a collective's state, decides, appends, and tells the observer. Commands of one
// collective are decided in order against state in memory and appended together as they come in, so one sync to disk serves
// many; commands of different collectives run side by side. It is safe for concurrent use.
type Service struct {
	store    eventstore.Store
	clock    func() time.Time
	observer Observer
	names    directory
	apart    apart

	snapshots Snapshots
	memoryMax int64
	shared    bool
	logger    *slog.Logger
	worker    snapshot.Worker
	clicks    atomic.Uint64

	mu    sync.Mutex
	desks map[string]*desk
}

// NewService makes a service on a store, which stays the caller's to close.
func NewService(store eventstore.Store, o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MemoryMax == 0 {
		o.MemoryMax = StatesMemory
	}
	s := &Service{
		store: store, clock: o.Clock, observer: o.Observer, names: directory{store: store, shared: o.Shared}, desks: map[string]*desk{},
		snapshots: o.Snapshots, memoryMax: o.MemoryMax, shared: o.Shared, logger: loggerOr(o.Logger),
	}
	s.apart.ask = o.StoreClock
	return s
}

// ErrUnavailable says that the log could not be read or written. A command that got it may or may not have been stored:
// sending it again with the same id is safe and gives the answer.
var ErrUnavailable = errors.New("the log cannot be reached")

// Do carries out a command and gives its events. A command accepted before, by its id or as the same bank line, gives its
// first events again; the same id with other content is refused. Meta.Now, when zero, is the service's clock.
//
// Errors: *Refusal; *eventstore.CorruptError when the collective's log is damaged; the context's error, after which the
// outcome is unknown; otherwise ErrUnavailable or eventstore.ErrNoSpace, wrapped.
func (s *Service) Do(ctx context.Context, collective string, c Command, m Meta) ([]*eventv1.Event, error) {
	out := s.DoAll(ctx, collective, []Order{{c, m}})
	return out[0].Events, out[0].Err
}

// Order is one command of several.
type Order struct {
	Command Command
	Meta    Meta
}

// Outcome is what became of an Order: events or an error, as Do gives them.
type Outcome struct {
	Events []*eventv1.Event
	Err    error
}

// ErrNotTried says that a command was left alone because one before it in DoUntilRefused was not carried out.
var ErrNotTried = errors.New("not tried: a command before it was not carried out")

// DoAll carries out commands of one collective in order, each on its own: a refused one does not stop the others. Orders and
// outcomes run in parallel.
func (s *Service) DoAll(ctx context.Context, collective string, orders []Order) []Outcome {
	return s.doAll(ctx, collective, orders, false)
}

// DoUntilRefused carries out commands of one collective in order up to the first that is not carried out; the others' outcome
// is ErrNotTried.
func (s *Service) DoUntilRefused(ctx context.Context, collective string, orders []Order) []Outcome {
	return s.doAll(ctx, collective, orders, true)
}

func (s *Service) doAll(ctx context.Context, collective string, orders []Order, stop bool) []Outcome {
	jobs := make([]*job, len(orders))
	outcomes := make([]Outcome, len(orders))
	g := &group{done: make(chan struct{}), stop: stop}
	for i, o := range orders {
		err := ctx.Err() // one that has ended begins nothing
		if err == nil {
			err = s.prepare(ctx, collective, &o)
		}
		if stop && i > 0 && outcomes[i-1].Err != nil {
			err = ErrNotTried
		}
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		jobs[i] = &job{order: o, group: g}
		g.left.Add(1)
	}
	if g.left.Load() == 0 {
		return outcomes
	}
	s.desk(collective).do(jobs, g)
	select {
	case <-g.done:
	case <-ctx.Done():
		select {
		case <-g.done: // both at once: what is known is answered
		default:
			for i, j := range jobs {
				if j != nil {
					outcomes[i].Err = ctx.Err()
				}
			}
			return outcomes
		}
	}
	for i, j := range jobs {
		if j != nil {
			outcomes[i] = j.outcome
		}
	}
	return outcomes
}

// prepare fills what the caller left open and reserves the name of a collective to be founded.
func (s *Service) prepare(ctx context.Context, collective string, o *Order) error {
	if err := s.complete(ctx, collective, o); err != nil {
		return err
	}
	if _, founding := o.Command.(*FoundCollective); founding {
		return s.names.reserve(ctx, collective, o.Meta)
	}
	return nil
}

// complete fills what the caller left open and refuses a founding under a name that cannot be.
func (s *Service) complete(ctx context.Context, collective string, o *Order) error {
	if err := s.apart.check(ctx, s.clock); err != nil {
		return err
	}
	if o.Meta.Now.IsZero() {
		o.Meta.Now = s.clock()
	}
	f, founding := o.Command.(*FoundCollective)
	if founding && (!ValidCollectiveID(collective) || f.Charter.GetCollectiveId() != collective) {
		return refuse(CollectiveIDInvalid).with("id", clip(collective)).at("collective_id")
	}
	return nil
}

// View looks at the committed state of a collective. f must not keep or change it, and must be quick.
func (s *Service) View(ctx context.Context, collective string, f func(*Collective) error) error {
	d := s.desk(collective)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(ctx); err != nil {
		return err
	}
	if d.state.charter == nil {
		s.forget(collective)
		return refuse(CollectiveUnknown).with("collective", clip(collective)).at("collective_id")
	}
	return f(d.state)
}

// Facts are what callers ask of every collective before anything else; they never wait for a command.
type Facts struct {
	Charter *eventv1.CollectiveFounded // must not be changed
	Zone    *time.Location
	roles   map[string][]eventv1.Role
	version uint64 // that they are of
}

// Roles are the roles an operator holds.
func (f *Facts) Roles(operator string) []eventv1.Role { return f.roles[operator] }

// Facts gives charter, zone and roles of a collective, or refuses as collective_unknown.
func (s *Service) Facts(ctx context.Context, collective string) (*Facts, error) {
	d := s.desk(collective)
	if f := d.facts.Load(); f != nil && f.version >= d.heard.factsAt.Load() {
		return f, nil
	}
	var facts *Facts
	err := s.View(ctx, collective, func(c *Collective) error {
		facts = factsOf(c)
		return nil
	})
	return facts, err
}

func factsOf(c *Collective) *Facts {
	roles := make(map[string][]eventv1.Role, len(c.roles))
	for operator, held := range c.roles {
		roles[operator] = slices.Clone(held)
	}
	return &Facts{Charter: c.charter, Zone: c.zone, roles: roles, version: c.version}
}

// Events yields a collective's decoded events with versions greater than after. Decoding runs ahead of the consumer on
// other cores. It yields an error once, last.
func (s *Service) Events(ctx context.Context, collective string, after uint64) iter.Seq2[*eventv1.Event, error] {
	return decodeAhead(s.store.Read(ctx, StreamOf(collective), after), false)
}

// Replay is Events for those who fold: an event of a passing fact (PassingFact) is valid only until the next one is asked
// for, because its memory is used again. Whoever folds one copies what it keeps of it; of every other event parts may be
// kept. It is twice as fast as Events.
func (s *Service) Replay(ctx context.Context, collective string, after uint64) iter.Seq2[*eventv1.Event, error] {
	return decodeAhead(s.store.Read(ctx, StreamOf(collective), after), true)
}

// Collectives lists the ids of founded collectives, sorted.
func (s *Service) Collectives(ctx context.Context) ([]string, error) {
	return s.names.founded(ctx)
}

// CollectivesKnown lists those of Collectives that this process has met, without asking the store: for when it cannot be reached.
func (s *Service) CollectivesKnown() []string { return s.names.known() }

func (s *Service) desk(collective string) *desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.desks[collective]
	if d == nil {
		d = &desk{service: s, id: collective, stream: StreamOf(collective)}
		s.desks[collective] = d
	}
	return d
}

// forget drops the desk of a collective that does not exist, so that made-up names do not fill the memory.
func (s *Service) forget(collective string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.desks, collective)
}

// unavailable marks a failure of the store, but not damage, lack of space, or the end of a context.
func unavailable(err error) error {
	var damage *eventstore.CorruptError
	if errors.As(err, &damage) || errors.Is(err, eventstore.ErrNoSpace) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// NewCommandID makes a command id, ordered by time.
func NewCommandID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
