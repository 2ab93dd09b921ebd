package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

func (s *session) exportCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:       "export jsonl|hledger",
		Short:     s.lang.text("导出:逐笔事件,或 hledger、ledger 能读的日记账", "export the events, or a journal that hledger and ledger read"),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"jsonl", "hledger"},
		Long: s.lang.text(`jsonl:每笔一行 {"version","type","data","event"};data 是存下的字节(base64),event 是同样内容,便于阅读。
hledger:每张凭证一笔交易,hledger 和 ledger 3 都能读。`,
			`jsonl: one line an event, {"version","type","data","event"}; data is the stored bytes (base64), event the same for reading.
hledger: one transaction a voucher, for hledger and ledger 3.`),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "ReadLog")
				if err != nil {
					return err
				}
				return s.writeTo(out, func(w io.Writer) error {
					if args[0] == "jsonl" {
						return c.exportEvents(ctx, collective, w)
					}
					return c.exportJournal(ctx, collective, w)
				})
			})
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", s.lang.text("写到文件(默认:标准输出)", "write to a file (default: standard output)"))
	return cmd
}

// writeTo writes to a file that replaces the one of that name only when it is whole, or to standard output.
func (s *session) writeTo(path string, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		out := bufio.NewWriter(s.stdout)
		return errors.Join(write(out), out.Flush())
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return cannotWrite(path, err)
	}
	out := bufio.NewWriter(file)
	if err := errors.Join(write(out), out.Flush(), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return errors.Join(cannotWrite(path, err), os.Remove(file.Name()))
	}
	return nil
}

// readLog hands every stored event to f, in order.
func (c *client) readLog(ctx context.Context, collective string, f func(*apiv1.LogEvent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.audit.ReadLog(ctx, &apiv1.ReadLogRequest{CollectiveId: collective})
	if err != nil {
		return err
	}
	for {
		part, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range part.Events {
			if err := f(e); err != nil {
				return err
			}
		}
	}
}

// storedEvent is an event of ReadLog as a store gives it.
func storedEvent(collective string, e *apiv1.LogEvent) eventstore.Event {
	return eventstore.Event{Stream: ledger.StreamOf(collective), Version: e.Version, Type: e.Type, Data: e.Data}
}

func (c *client) exportEvents(ctx context.Context, collective string, w io.Writer) error {
	return c.readLog(ctx, collective, func(e *apiv1.LogEvent) error {
		event, err := ledger.Decode(storedEvent(collective, e))
		if err != nil {
			return err
		}
		text, err := protojson.Marshal(event)
		if err != nil {
			return fmt.Errorf("write event %d: %w", e.Version, err)
		}
		line, err := json.Marshal(struct {
			Version uint64          `json:"version"`
			Type    string          `json:"type"`
			Data    string          `json:"data"`
			Event   json.RawMessage `json:"event"`
		}{e.Version, e.Type, base64.StdEncoding.EncodeToString(e.Data), text})
		if err != nil {
			return fmt.Errorf("write event %d: %w", e.Version, err)
		}
		_, err = w.Write(append(line, '\n'))
		return err
	})
}

// exportJournal folds the books from the log on this side, so that it works against a server too.
func (c *client) exportJournal(ctx context.Context, collective string, w io.Writer) error {
	book := projections.NewBook(collective)
	err := c.readLog(ctx, collective, func(e *apiv1.LogEvent) error {
		event, err := ledger.Decode(storedEvent(collective, e))
		if err != nil {
			return err
		}
		return book.Fold(event)
	})
	if err != nil {
		return err
	}
	return projections.WriteHledger(w, book, projections.Moment{})
}
