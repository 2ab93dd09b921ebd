package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/web"
)

const (
	listenDefault = "127.0.0.1:8480"
	stopTimeout   = 10 * time.Second // for calls under way when the process is told to stop
	auditPause    = 10 * time.Minute // between two rounds of the self check

	booksMemoryDefault  = projections.BooksMemory >> 20 // MiB
	statesMemoryDefault = ledger.StatesMemory >> 20     // MiB
	memoryMin           = 16                            // MiB, of each
)

func (s *session) serveCmd() *cobra.Command {
	var listen string
	var papers string
	var booksMemory, statesMemory int64
	var asking rpc.Asking
	var trustProxy bool
	var o observation
	var in signIn
	cmd := &cobra.Command{
		Use:   "serve",
		Short: s.lang.text("提供服务:Connect、gRPC、gRPC-Web 和 JSON", "serve the API: Connect, gRPC, gRPC-Web and JSON"),
		Long: s.lang.text(`在一个端口上提供全部接口;GET /healthz 看后台核验的结果。
对外请放在带 TLS 的反向代理后面:密钥随每个请求发送。`,
			`Serve the whole API on one port; GET /healthz shows the result of the self check.
Put it behind a reverse proxy with TLS for the outside: keys travel with every call.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if s.server != "" {
				return failed(exitUsage, "serve 要的是数据目录;请用 --data。", "serve needs a data directory: use --data.")
			}
			if booksMemory < memoryMin {
				return failed(exitUsage, "--books-memory 至少是 %d(MiB)。", "--books-memory is at least %d (MiB).", memoryMin)
			}
			if statesMemory < memoryMin {
				return failed(exitUsage, "--states-memory 至少是 %d(MiB)。", "--states-memory is at least %d (MiB).", memoryMin)
			}
			if asking.EveryHour < 1 || asking.Burst < 1 {
				return failed(exitUsage, "--inquiries-hourly 和 --inquiries-at-once 至少是 1。", "--inquiries-hourly and --inquiries-at-once are at least 1.")
			}
			logger := slog.New(slog.NewJSONHandler(s.stderr, nil))
			seen, err := o.begin(cmd.Context(), logger)
			if err != nil {
				return err
			}
			defer o.end(logger)
			door, err := in.options(listen, logger)
			if err != nil {
				return err
			}
			dir, err := openDirectory(s.data, logger, opening{store: s.store, signer: s.signer, documents: papers, booksMemory: booksMemory << 20, statesMemory: statesMemory << 20,
				asking: asking, trustProxy: trustProxy, seen: seen, door: door})
			if err != nil {
				return err
			}
			dir.pages = web.Config{Origin: door.Origin, TrustProxy: trustProxy}
			defer func() { err = errors.Join(err, dir.Close()) }()
			closeAdmin, err := o.serve(cmd.Context(), dir, logger)
			if err != nil {
				return err
			}
			defer closeAdmin()
			return s.serve(cmd.Context(), dir, listen, logger, func(url string) { fmt.Fprintln(s.stdout, url) })
		},
	}
	cmd.Flags().StringVar(&listen, "listen", listenDefault, s.lang.text("监听的地址", "address to listen on"))
	cmd.Flags().StringVar(&papers, "documents", "", s.lang.text("存放原始凭证文件的目录,几个节点共用一个(默认:数据目录里的 documents)", "directory of the papers, one for all nodes of a store (default: documents in the data directory)"))
	cmd.Flags().Int64Var(&booksMemory, "books-memory", booksMemoryDefault,
		s.lang.text("账簿最多占用的内存(MiB);多出的、最久没有用到的先放下,再用时重读", "memory for books, MiB: beyond it those not used for longest are given up and read again when asked for"))
	cmd.Flags().Int64Var(&statesMemory, "states-memory", statesMemoryDefault,
		s.lang.text("各集体办理业务的状态最多占用的内存(MiB);多出的、最久没有用到的先放下", "memory for the states that commands are decided on, MiB: beyond it those not used for longest are given up"))
	in.flags(cmd, s.lang)
	cmd.Flags().IntVar(&asking.EveryHour, "inquiries-hourly", rpc.AskingDefault.EveryHour, s.lang.text("同一地址不用密钥每小时最多提几件质询", "inquiries that one address may raise in an hour without a key"))
	cmd.Flags().IntVar(&asking.Burst, "inquiries-at-once", rpc.AskingDefault.Burst, s.lang.text("其中一次最多连提几件", "of these, how many at once"))
	cmd.Flags().BoolVar(&trustProxy, "trust-proxy", false, s.lang.text("来访地址以前面的反向代理写在 X-Forwarded-For 末尾的为准;没有代理时不要用,否则人人可以自己写",
		"take a caller's address from the last entry of X-Forwarded-For, which the reverse proxy in front writes; not without one, for anybody could write it"))
	o.flags(cmd, s.lang)
	return cmd
}

// serve answers on an address until the context ends, and checks the log in the background. ready is told the URL.
func (s *session) serve(ctx context.Context, dir *directory, listen string, logger *slog.Logger, ready func(url string)) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return failed(exitStorage, "不能监听 %s(%v);请用 --listen 换一个地址。", "It cannot listen on %s (%v): name another address with --listen.", listen, err)
	}
	if address, ok := listener.Addr().(*net.TCPAddr); ok && !address.IP.IsLoopback() {
		logger.Warn("keys travel in clear text beyond this machine: put a reverse proxy with TLS in front", "listen", listen)
	}
	mux := http.NewServeMux()
	mux.Handle("/", dir.server.Handler())
	mux.HandleFunc("GET /healthz", dir.healthz)
	mux.Handle("GET /log/", dir.server.LogHandler())
	dir.pages.Services, dir.pages.Clock, dir.pages.Logger = dir.server.InProcess(), clock, logger
	pages := web.New(dir.pages)
	for _, prefix := range append(web.Prefixes, "/{$}") {
		mux.Handle(prefix, pages)
	}
	server := rpc.NewHTTPServer(mux, logger)

	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	background.Go(func() { dir.auditAgainAndAgain(ctx, logger) })
	background.Go(func() { dir.people.Run(ctx) })
	if dir.follower != nil {
		background.Go(func() { dir.follower.Run(ctx) })
	}
	failure := make(chan error, 1)
	go func() { failure <- server.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	logger.Info("serving", "url", url, "data", dir.path, "store", dir.engine(), "version", version())
	ready(url)
	select {
	case err := <-failure:
		return fmt.Errorf("serve on %s: %w", listen, err)
	case <-ctx.Done():
	}
	logger.Info("stopping")
	dir.stopping.Store(true)
	dir.server.EndWatches()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		logger.Warn("calls under way were cut off", "error", err)
		_ = server.Close() // nothing is lost: who got no answer repeats the command
	}
	return nil
}

// auditAgainAndAgain hashes the whole log and folds all books anew in the background, slowly, for as long as the process runs.
func (d *directory) auditAgainAndAgain(ctx context.Context, logger *slog.Logger) {
	for {
		report, err := d.log.Audit(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			logger.Error("self check", "error", err)
		case report.Err != "":
			logger.Error("self check", "error", report.Err)
		default:
			logger.Info("self check", "streams", report.Streams, "events", report.Events, "damaged", len(report.Damaged))
		}
		for _, damage := range report.Damaged {
			logger.Error("damaged", "stream", damage.Stream, "version", damage.FirstBad, "reason", damage.Reason)
		}
		d.checkBooks(ctx, logger)
		pause := d.auditPause()
		if err != nil || report.Err != "" {
			pause = auditPause // it has to be done again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// healthz answers whether the log is sound and the books are those of the log, as far as is known, and how far the self check is. Reasons stay in the log of
// the process: they may name files.
func (d *directory) healthz(w http.ResponseWriter, r *http.Request) {
	type damage struct {
		Stream  string `json:"stream"`
		Version uint64 `json:"version,omitempty"`
	}
	type differing struct {
		Collective string   `json:"collective"`
		Version    uint64   `json:"version"`
		What       []string `json:"what"`
	}
	health := d.log.Health()
	answer := struct {
		Sound    bool       `json:"sound"`
		Damaged  []damage   `json:"damaged,omitempty"`
		HeadsDue bool       `json:"headsDue,omitempty"` // heads could not be written of late
		Started  *time.Time `json:"checkStarted,omitempty"`
		Finished *time.Time `json:"checkFinished,omitempty"`
		Failed   bool       `json:"checkFailed,omitempty"` // the last check could not read everything: it says nothing
		Streams  int        `json:"streams"`
		Events   uint64     `json:"events"`

		BooksChecked int         `json:"booksChecked"`          // collectives whose books were folded anew and compared
		BooksOldest  *time.Time  `json:"booksOldest,omitempty"` // when the first of these last results was got
		BooksDiffer  []differing `json:"booksDiffer,omitempty"` // those that were not equal, and are made anew since

		Store   string     `json:"store"`             // the engine
		Cluster *following `json:"cluster,omitempty"` // how far this node is with what others store there
	}{Store: d.engine(), Cluster: d.following(r.Context()), Sound: len(health.Damaged) == 0, HeadsDue: health.HeadsErr != nil, Failed: health.Audit.Err != "", Streams: health.Audit.Streams, Events: health.Audit.Events}
	for _, c := range health.Damaged {
		answer.Damaged = append(answer.Damaged, damage{c.Stream, c.Version})
	}
	for _, c := range d.books.LastChecks() {
		answer.BooksChecked++
		if answer.BooksOldest == nil || c.At.Before(*answer.BooksOldest) {
			answer.BooksOldest = &c.At
		}
		if !c.OK {
			answer.Sound = false
			answer.BooksDiffer = append(answer.BooksDiffer, differing{c.Collective, c.Version, c.Differs})
		}
	}
	if !health.Audit.Started.IsZero() {
		answer.Started = &health.Audit.Started
	}
	if !health.Audit.Finished.IsZero() {
		answer.Finished = &health.Audit.Finished
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.Sound {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer) // who left needs no answer
}
