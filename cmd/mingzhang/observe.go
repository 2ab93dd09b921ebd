package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/telemetry"
)

// observation is how a server may be looked at while it runs: nothing of it costs anything unless it is asked for.
type observation struct {
	admin, otlp    string
	open, profiles bool

	metrics *telemetry.Metrics
	tracing *telemetry.Tracing
}

func (o *observation) flags(cmd *cobra.Command, l language) {
	f := cmd.Flags()
	f.StringVar(&o.admin, "admin", "", l.text("管理地址,提供 /metrics、/healthz、/readyz(默认:不提供)", "admin address that serves /metrics, /healthz, /readyz (default: none)"))
	f.BoolVar(&o.open, "admin-open", false, l.text("允许管理地址在本机之外也能访问;它没有密钥", "let the admin address be reached from beyond this machine; it asks for no key"))
	f.BoolVar(&o.profiles, "pprof", false, l.text("在管理地址上提供 /debug/pprof/", "serve /debug/pprof/ at the admin address"))
	f.StringVar(&o.otlp, "otlp", "", l.text("把调用的踪迹用 OTLP/HTTP 发到这个网址(默认看 OTEL_EXPORTER_OTLP_ENDPOINT)", "send traces of calls to this URL by OTLP/HTTP (default: OTEL_EXPORTER_OTLP_ENDPOINT)"))
}

// instruments are what an open directory is looked at with. The zero value is nothing.
type instruments struct {
	metrics   *telemetry.Metrics
	meter     rpc.Meter
	around    []connect.ServerInterceptor
	committed func(events int, took time.Duration)
}

// store is the log as the services see it.
func (o instruments) store(log eventstore.Store) eventstore.Store {
	if o.metrics == nil {
		return log
	}
	return o.metrics.Store(log)
}

// begin makes what was asked for.
func (o *observation) begin(ctx context.Context, logger *slog.Logger) (seen instruments, err error) {
	if o.profiles && o.admin == "" {
		return seen, failed(exitUsage, "--pprof 要和 --admin 一起用。", "--pprof needs --admin.")
	}
	if o.admin != "" {
		if err := o.checkAdmin(); err != nil {
			return seen, err
		}
		o.metrics = telemetry.NewMetrics(version())
		seen.metrics, seen.meter, seen.committed = o.metrics, o.metrics, o.metrics.Committed
	}
	if o.otlp == "" && !telemetry.TracingWanted() {
		return seen, nil
	}
	if o.tracing, err = telemetry.NewTracing(ctx, o.otlp, version(), logger); err != nil {
		return seen, failed(exitUsage, "不能发送踪迹:%v。", "Traces cannot be sent: %v.", err)
	}
	seen.around = o.tracing.Around
	return seen, nil
}

// checkAdmin refuses an admin address that others can reach, unless that was asked for: it has no keys.
func (o *observation) checkAdmin() error {
	host, _, err := net.SplitHostPort(o.admin)
	if err != nil {
		return failed(exitUsage, "--admin 应是 主机:端口,不是“%s”。", "--admin is host:port, not \"%s\".", o.admin)
	}
	if address := net.ParseIP(host); !o.open && host != "localhost" && (address == nil || !address.IsLoopback()) {
		return failed(exitUsage, "管理地址没有密钥,只能在本机(127.0.0.1:端口);确要对外请加 --admin-open。",
			"The admin address asks for no key and stays on this machine (127.0.0.1:port): add --admin-open to have it otherwise.")
	}
	return nil
}

// serve serves the admin address of an open directory, until it is closed.
func (o *observation) serve(ctx context.Context, dir *directory, logger *slog.Logger) (closeIt func(), err error) {
	if o.admin == "" {
		return func() {}, nil
	}
	o.gauges(dir)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.admin)
	if err != nil {
		return nil, failed(exitStorage, "不能监听 %s(%v);请用 --admin 换一个地址。", "It cannot listen on %s (%v): name another address with --admin.", o.admin, err)
	}
	admin := telemetry.Admin{Metrics: o.metrics, Health: dir.healthz, Ready: dir.unready, Profiles: o.profiles}
	server := &http.Server{
		Handler: admin.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn), // a profile may take its time to write
	}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	logger.Info("serving the admin address", "url", "http://"+listener.Addr().String())
	return func() { _ = server.Close() }, nil
}

// unready is why no calls should be sent here.
func (d *directory) unready() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if d.stopping.Load() {
		return "stopping"
	}
	if _, err := d.log.Version(ctx, ledger.StreamAccess); err != nil {
		return "the log cannot be read"
	}
	return d.behind(ctx)
}

// gauges shows what stands in the open directory.
func (o *observation) gauges(dir *directory) {
	m := o.metrics
	m.Gauge("books_resident", "Books in memory.", func() float64 { return float64(dir.books.Resident()) })
	m.Gauge("watches_open", "Watches open (AuditService.Watch).", func() float64 { return float64(dir.server.Watches()) })
	if dir.follower != nil {
		m.Gauge("books_age_seconds", "How long ago the books were last known to have everything that other nodes stored.", func() float64 { return dir.booksAge().Seconds() })
		m.Gauge("events_behind", "Events of other nodes not yet taken, when it was last looked at; up to 1,000.", func() float64 { return float64(dir.follower.Lag().Events) })
	}
	m.Gauge("damaged_streams", "Streams whose bytes are not what was stored; they are stopped.", func() float64 { return float64(len(dir.log.Health().Damaged)) })
	m.Gauge("heads_due", "1 when signed heads could not be written of late.", func() float64 {
		if dir.log.Health().HeadsErr != nil {
			return 1
		}
		return 0
	})
	m.Gauge("self_check_finished_timestamp_seconds", "When the last round of the self check ended; 0 before the first.", func() float64 {
		if at := dir.log.Health().Audit.Finished; !at.IsZero() {
			return float64(at.Unix())
		}
		return 0
	})
	m.Gauge("self_check_events", "Events hashed by the last round of the self check, or by the one that runs.", func() float64 { return float64(dir.log.Health().Audit.Events) })
}

// end sends what is left of the traces.
func (o *observation) end(logger *slog.Logger) {
	if o.tracing == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := o.tracing.Close(ctx); err != nil {
		logger.Warn("traces", "error", err)
	}
}
