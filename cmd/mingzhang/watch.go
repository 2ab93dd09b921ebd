package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// A lost connection is tried again after a wait that doubles, up to a bound; a message makes it short again. A server that
// is there says so every 15 seconds, so one that is silent for longer is not.
const (
	watchWaitFirst = 250 * time.Millisecond
	watchWaitMax   = 30 * time.Second
	watchSilence   = time.Minute
)

func (s *session) watchCmd() *cobra.Command {
	var after uint64
	var limit int
	cmd := &cobra.Command{
		Use:   "watch",
		Short: s.lang.text("跟踪服务器上的账簿:新记一笔,显示一行", "watch the books of a server: a line for every event as it is stored"),
		Long: s.lang.text(`从现在起(或 --after 之后的第一笔起)逐笔显示。连接断开或服务器重启后自动续接,不漏不重。
要有能读日志的密钥(会计、监督、审计),或集体公开了日志。`,
			`Show every event from now on, or after the version of --after. A lost connection and a restart of the server are
gone on from without a gap or a repeat. It takes a key that may read the log (treasurer, supervisor, auditor), or a
collective that made its log public.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.server == "" {
				return failed(exitUsage, "watch 跟踪的是服务器;请用 --server 给出网址。", "watch watches a server: give its URL with --server.")
			}
			if limit < 0 {
				return failed(exitUsage, "--limit 不能为负。", "--limit cannot be negative.")
			}
			return s.with(func(c *client) error {
				w := &watcher{client: c, after: after, limit: limit}
				return w.run(cmd.Context(), cmd.Flags().Changed("after"))
			})
		},
	}
	cmd.Flags().Uint64Var(&after, "after", 0, s.lang.text("从这一笔之后开始(0 为从头;默认从现在起)", "begin after this version (0: from the first; default: from now on)"))
	cmd.Flags().IntVar(&limit, "limit", 0, s.lang.text("显示这么多笔就结束(默认:不结束)", "end after so many events (default: never)"))
	return cmd
}

// watcher prints the events of a collective.
type watcher struct {
	client     *client
	collective string
	after      uint64 // the version printed last
	limit      int    // events to print; 0: no end
	printed    int
	heard      bool // since the last connection was made
}

// errEnough ends a watch that printed what it was to print.
var errEnough = errors.New("printed as many as were asked for")

func (w *watcher) run(ctx context.Context, begun bool) (err error) {
	c := w.client
	if ctx, w.collective, err = c.reading(ctx, "Watch"); err != nil {
		return err
	}
	if !begun {
		now, err := c.disclosure.GetCollective(ctx, &apiv1.GetCollectiveRequest{CollectiveId: w.collective})
		if err != nil {
			return err
		}
		w.after = now.Version
	}
	for wait := watchWaitFirst; ; wait = min(2*wait, watchWaitMax) {
		err := w.once(ctx)
		switch {
		case errors.Is(err, errEnough), ctx.Err() != nil:
			return nil // Ctrl-C is how it ends
		case !passing(err):
			return err
		}
		if w.heard {
			wait = watchWaitFirst
		}
		pause := wait/2 + rand.N(wait/2+1) // so that not all come back at once
		fmt.Fprintf(c.session.stderr, c.session.lang.text("连接断开,%v 后从第 %d 笔之后续接。\n", "The connection is lost; it goes on after version %[2]d in %[1]v.\n"), pause.Round(time.Millisecond), w.after)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// passing says whether an error may be gone the next time; a watch that ended without one was ended by a server that stops.
func passing(err error) bool {
	if err == nil {
		return true
	}
	if errors.As(err, new(*failure)) {
		return false // ours, not the connection's
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnavailable, connect.CodeUnknown, connect.CodeInternal, connect.CodeCanceled, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted:
		return true
	}
	return false
}

// once prints the events of one connection, until it ends.
func (w *watcher) once(ctx context.Context) error {
	w.heard = false
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.client.audit.Watch(ctx, &apiv1.WatchRequest{CollectiveId: w.collective, AfterVersion: w.after})
	if err != nil {
		return err
	}
	defer stream.Close()
	silence := time.AfterFunc(watchSilence, cancel)
	defer silence.Stop()
	for {
		m, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		silence.Reset(watchSilence)
		w.heard = true
		if m.Event != nil {
			if err := w.print(m); err != nil {
				return err
			}
			w.printed++
		}
		w.after = m.Version
		if w.limit > 0 && w.printed == w.limit {
			return errEnough
		}
	}
}

// print writes an event: one line, and one more for each voucher after the first.
func (w *watcher) print(m *apiv1.WatchResponse) error {
	s := w.client.session
	if s.json {
		text, err := protojson.Marshal(m)
		if err != nil {
			return fmt.Errorf("write event %d: %w", m.Version, err)
		}
		var line bytes.Buffer // protojson puts blanks in at random
		if err := json.Compact(&line, text); err != nil {
			return fmt.Errorf("write event %d: %w", m.Version, err)
		}
		return writeWatched(s.stdout, line.String())
	}
	cells := []string{fmt.Sprint(m.Version), m.Event.RecordedAt, m.Event.Actor, m.Event.Type}
	if len(m.Event.Vouchers) == 0 {
		return writeWatched(s.stdout, cells...)
	}
	for _, v := range m.Event.Vouchers {
		if err := writeWatched(s.stdout, append(cells, v.Number, v.OccurredOn, v.Amount, narration(v, s.lang))...); err != nil {
			return err
		}
	}
	return nil
}

// writeWatched writes cells with tabs between them. A line that nobody takes ends the watch.
func writeWatched(out io.Writer, cells ...string) error {
	if _, err := fmt.Fprintln(out, strings.TrimRight(strings.Join(cells, "\t"), "\t")); err != nil {
		return &failure{exitStorage, "", "写不出结果:" + err.Error() + "。", "The answer cannot be written: " + err.Error() + ".", err}
	}
	return nil
}
