// Package telemetry shows operators how a node does: metrics for Prometheus, traces for OpenTelemetry, and the handler of
// the admin address that serves the first together with health and profiles.
//
// Nothing in it says anything of a person or of a collective. Labels come from closed tables: the methods and the event
// types of the schema, the reasons of refusals, the codes of the protocol, the kinds of store errors. No id of a collective,
// no operator, no party, no text that anybody entered, no address of a caller: a monitoring system is read by others than
// the books are, keeps what it has for years, and breaks when labels grow without bound.
package telemetry

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Metrics counts what a node does. It is a Meter of package rpc. Its methods may be called at once.
type Metrics struct {
	registry *prometheus.Registry

	calls         *prometheus.CounterVec   // method, outcome
	lines         *prometheus.CounterVec   // method, outcome
	callSeconds   *prometheus.HistogramVec // method
	events        *prometheus.CounterVec   // type
	appendEvents  prometheus.Histogram
	appendSeconds prometheus.Histogram
	commitEvents  prometheus.Histogram
	commitSeconds prometheus.Histogram
	storeErrors   *prometheus.CounterVec // operation, kind
}

// seconds are the bounds of times: from a quarter of what a command takes to the longest a call may.
var seconds = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// batches are the bounds of numbers of events.
var batches = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096}

// NewMetrics makes the counters of a node of that version, at zero.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: counters("calls_total", "Calls that ended, by method and outcome: ok, not_modified, the reason of a refusal or a code of the protocol.",
			"method", "outcome"),
		lines:         counters("batch_lines_total", "Lines of batches (Apply) carried out or refused, by method and outcome.", "method", "outcome"),
		callSeconds:   prometheus.NewHistogramVec(histogram("call_seconds", "How long calls took, by method.", seconds), []string{"method"}),
		events:        counters("events_stored_total", "Events stored by this process, by type.", "type"),
		appendEvents:  prometheus.NewHistogram(histogram("append_events", "Events appended to a stream at once: what commands were decided together.", batches)),
		appendSeconds: prometheus.NewHistogram(histogram("append_seconds", "How long an append took, waiting for the writer and the disk included.", seconds)),
		commitEvents:  prometheus.NewHistogram(histogram("commit_events", "Events in one transaction of the embedded store, over all streams.", batches)),
		commitSeconds: prometheus.NewHistogram(histogram("commit_seconds", "How long a commit of the embedded store took: the sync to disk.", seconds)),
		storeErrors: counters("store_errors_total", "Errors of the event store, by operation (append, read, delete) and kind; conflict is somebody having been first.",
			"operation", "kind"),
	}
	m.registry.MustRegister(m.calls, m.lines, m.callSeconds, m.events, m.appendEvents, m.appendSeconds, m.commitEvents, m.commitSeconds, m.storeErrors,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "1, with the version of the program."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(build)
	return m
}

const namespace = "mingzhang"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogram(name, help string, bounds []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: bounds}
}

// Gauge shows a value that is asked for at every scrape, under mingzhang_ and the name. Two of one name panic.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Called implements rpc.Meter.
func (m *Metrics) Called(_ context.Context, method, outcome string, took time.Duration) {
	m.calls.WithLabelValues(method, outcome).Inc()
	m.callSeconds.WithLabelValues(method).Observe(took.Seconds())
}

// Applied implements rpc.Meter.
func (m *Metrics) Applied(method, outcome string) { m.lines.WithLabelValues(method, outcome).Inc() }

// Committed takes a commit of the embedded store, for sqlite.Options.
func (m *Metrics) Committed(events int, took time.Duration) {
	m.commitEvents.Observe(float64(events))
	m.commitSeconds.Observe(took.Seconds())
}

// Store counts what goes through a store.
func (m *Metrics) Store(inner eventstore.Store) eventstore.Store { return &store{inner, m} }

type store struct {
	eventstore.Store
	metrics *Metrics
}

// Append implements eventstore.Store.
func (s *store) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	begun := time.Now()
	position, err := s.Store.Append(ctx, stream, expected, events)
	if err != nil {
		s.failed("append", err)
		return position, err
	}
	if len(events) > 0 {
		s.metrics.appendSeconds.Observe(time.Since(begun).Seconds())
		s.metrics.appendEvents.Observe(float64(len(events)))
		for _, e := range events {
			s.metrics.events.WithLabelValues(e.Type).Inc()
		}
	}
	return position, nil
}

// Delete implements eventstore.Store.
func (s *store) Delete(ctx context.Context, stream string) error {
	err := s.Store.Delete(ctx, stream)
	s.failed("delete", err)
	return err
}

// Read implements eventstore.Store.
func (s *store) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return s.counted(s.Store.Read(ctx, stream, after))
}

// ReadAll implements eventstore.Store.
func (s *store) ReadAll(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
	return s.counted(s.Store.ReadAll(ctx, after))
}

func (s *store) counted(events iter.Seq2[eventstore.Event, error]) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for e, err := range events {
			s.failed("read", err)
			if !yield(e, err) {
				return
			}
		}
	}
}

func (s *store) failed(operation string, err error) {
	if err != nil {
		s.metrics.storeErrors.WithLabelValues(operation, kindOf(err)).Inc()
	}
}

// kindOf names an error of a store.
func kindOf(err error) string {
	var corrupt *eventstore.CorruptError
	var conflict *eventstore.ConflictError
	switch {
	case errors.As(err, &conflict):
		return "conflict"
	case errors.As(err, &corrupt):
		return "damaged"
	case errors.Is(err, eventstore.ErrNoSpace):
		return "no_space"
	case errors.Is(err, eventstore.ErrClosed):
		return "closed"
	case errors.Is(err, eventstore.ErrDeleted):
		return "deleted"
	case errors.Is(err, eventstore.ErrTooLarge), errors.Is(err, eventstore.ErrInvalid):
		return "refused"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	}
	return "other"
}
