package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/sqlexport"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// The formats of an export.
const (
	formatJSONL  = "jsonl"
	formatCSV    = "csv"
	formatSQLite = "sqlite"
)

// journalFormats are the formats for programs that keep accounts in plain text.
var journalFormats = map[string]func(io.Writer, *projections.Book, projections.Moment, ...projections.Tag) error{
	"hledger": projections.WriteHledger, "ledger": projections.WriteLedger, "beancount": projections.WriteBeancount,
}

var exportFormats = []string{formatJSONL, formatCSV, "hledger", "ledger", "beancount", formatSQLite}

// export is one run of the command.
type export struct {
	client           *client
	format, out      string
	asOf, asKnownAt  string
	csv              projections.CSVOptions
	collective       string
	day              ledger.Day
	version          uint64 // up to which the log counts; 0: as far as it goes
	book             *projections.Book
	commands         []uuid.UUID // of each version
	tagged           []projections.Tag
	tableSet, bomSet bool
}

func (s *session) exportCmd() *cobra.Command {
	x := new(export)
	list := strings.Join(exportFormats, "|")
	cmd := &cobra.Command{
		Use:       "export [" + list + "]",
		Short:     s.lang.text("导出:日志,或表格、记账软件、SQL 能读的账", "export the log, or books for spreadsheets, accounting programs and SQL"),
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: exportFormats,
		Long: s.lang.text(`格式写作参数或 --format 都可以:
jsonl:每笔一行,带存下的字节和签名的根;mingzhang import 能读回,一个字节不差。
csv:表格软件能开(默认带 BOM,公式不会执行);--table postings|vouchers|balances。
hledger、ledger、beancount:每张凭证一笔交易。
sqlite:一个数据库,带视图和说明(表 docs);要给 --out。`,
			`The format is the argument or --format:
jsonl: one line an event, with the stored bytes and the signed head; mingzhang import reads it back to the byte.
csv: for spreadsheets (with a byte order mark by default, and no formula runs); --table postings|vouchers|balances.
hledger, ledger, beancount: one transaction a voucher.
sqlite: a database with views and their description (table docs); needs --out.`),
		RunE: func(cmd *cobra.Command, args []string) error {
			x.tableSet, x.bomSet = cmd.Flags().Changed("table"), cmd.Flags().Changed("bom")
			if err := x.check(args); err != nil {
				return err
			}
			return s.with(func(c *client) error {
				x.client = c
				return x.run(cmd.Context())
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&x.format, "format", "", s.lang.text("格式:", "format: ")+list)
	f.StringVarP(&x.out, "out", "o", "", s.lang.text("写到文件(默认:标准输出)", "write to a file (default: standard output)"))
	f.StringVar(&x.csv.Table, "table", projections.CSVPostings, s.lang.text("csv 的哪张表:postings|vouchers|balances", "table of csv: postings|vouchers|balances"))
	f.BoolVar(&x.csv.BOM, "bom", true, s.lang.text("csv 开头带 BOM,供表格软件识别", "csv begins with a byte order mark, for spreadsheets"))
	s.momentFlags(cmd, &x.asOf, &x.asKnownAt)
	return cmd
}

// check refuses flags that do not go together, before anything is opened.
func (x *export) check(args []string) error {
	if len(args) == 1 && x.format != "" && x.format != args[0] {
		return failed(exitUsage, "格式给了两次:%s 和 %s。", "The format is given twice: %s and %s.", args[0], x.format)
	}
	if len(args) == 1 {
		x.format = args[0]
	}
	switch {
	case !slices.Contains(exportFormats, x.format):
		return failed(exitUsage, "--format 要是 %s 之一。", "--format is one of %s.", strings.Join(exportFormats, ", "))
	case x.format != formatCSV && (x.tableSet || x.bomSet):
		return failed(exitUsage, "--table 和 --bom 只用于 csv。", "--table and --bom are for csv.")
	case !slices.Contains([]string{projections.CSVPostings, projections.CSVVouchers, projections.CSVBalances}, x.csv.Table):
		return failed(exitUsage, "--table 要是 postings、vouchers 或 balances。", "--table is postings, vouchers or balances.")
	case x.format == formatJSONL && x.asOf != "":
		return failed(exitUsage, "日志按记入的先后,没有 --as-of;请用 --as-known-at。", "The log is in the order of recording and has no --as-of: use --as-known-at.")
	case x.format == formatSQLite && (x.out == "" || x.out == "-"):
		return failed(exitUsage, "sqlite 要写成一个文件;请用 --out 给出。", "sqlite has to be a file: name it with --out.")
	}
	return nil
}

func (x *export) run(ctx context.Context) error {
	ctx, collective, err := x.client.reading(ctx, "ReadLog")
	if err != nil {
		return err
	}
	x.collective = collective
	if err := x.settle(ctx); err != nil {
		return err
	}
	s := x.client.session
	switch x.format {
	case formatJSONL:
		return s.writeTo(x.out, func(w io.Writer) error { return x.log(ctx, w) })
	case formatSQLite:
		return s.writeFile(x.out, func(path string) error { return x.sqlite(ctx, path) })
	}
	if err := x.fold(ctx); err != nil {
		return err
	}
	return s.writeTo(x.out, func(w io.Writer) error {
		if x.format == formatCSV {
			return projections.WriteCSV(w, x.book, x.moment(), x.csv, x.tagged...)
		}
		return journalFormats[x.format](w, x.book, x.moment(), x.tagged...)
	})
}

// settle lets the services say which version the moment means: they know versions, days and times, and what they refuse.
func (x *export) settle(ctx context.Context) error {
	if x.asOf == "" && x.asKnownAt == "" {
		return nil
	}
	answer, err := x.client.disclosure.GetFundStatement(ctx, &apiv1.GetFundStatementRequest{CollectiveId: x.collective, AsOf: x.asOf, AsKnownAt: x.asKnownAt})
	if err != nil {
		return err
	}
	if x.version = answer.Version; x.version == 0 {
		return failed(exitRefused, "那时还没有任何记录。", "Nothing was recorded by then.")
	}
	if x.asOf != "" {
		x.day, err = ledger.ParseDay("as_of", x.asOf)
	}
	return err
}

// moment is what the book is read at; the log was read no further than its version.
func (x *export) moment() projections.Moment { return projections.Moment{AsOf: x.day} }

// fold makes the books from the log on this side, so that a server needs to know no format.
func (x *export) fold(ctx context.Context) error {
	x.book = projections.NewBook(x.collective)
	x.tagged = []projections.Tag{{Name: "command", Of: func(v *projections.Voucher) string { return x.commands[v.Version-1].String() }}}
	return x.client.readLog(ctx, x.collective, x.version, func(e *apiv1.LogEvent) error {
		event, err := ledger.Decode(storedEvent(x.collective, e))
		if err != nil {
			return err
		}
		x.commands = append(x.commands, commandOf(event))
		return x.book.Fold(event)
	})
}

// commandOf is the id of the command of an event; the store's check of events leaves its length open.
func commandOf(e *eventv1.Event) uuid.UUID {
	id, err := uuid.FromBytes(e.CommandId)
	if err != nil {
		return uuid.Nil
	}
	return id
}

// sqlite writes the database: the events as they are read, then the books.
func (x *export) sqlite(ctx context.Context, path string) error {
	w, err := sqlexport.Create(path)
	if err != nil {
		return err
	}
	x.book = projections.NewBook(x.collective)
	var hasher *transparency.Hasher
	err = x.client.readLog(ctx, x.collective, x.version, func(e *apiv1.LogEvent) error {
		stored := storedEvent(x.collective, e)
		event, err := ledger.Decode(stored)
		if err == nil && hasher == nil {
			hasher, err = hasherOf(stored)
		}
		if err != nil {
			return err
		}
		leaf, err := hasher.Add(e.Type, e.Data)
		if err != nil {
			return err
		}
		row := sqlexport.Event{Version: e.Version, Type: e.Type, RecordedAt: time.UnixMicro(event.RecordedAt), Actor: event.Actor,
			Command: commandOf(event).String(), Hash: hex.EncodeToString(leaf[:])}
		return errors.Join(x.book.Fold(event), w.Event(row))
	})
	if err == nil {
		err = w.Finish(x.book, x.moment())
	}
	return errors.Join(err, w.Close())
}

// hasherOf begins the Merkle log whose first event this is.
func hasherOf(first eventstore.Event) (*transparency.Hasher, error) {
	origin, err := originOf(first.Stream, first)
	if err != nil {
		return nil, err
	}
	return transparency.NewHasher(origin)
}

// readLog hands every stored event up to a version (0: all) to f, in order.
func (c *client) readLog(ctx context.Context, collective string, upTo uint64, f func(*apiv1.LogEvent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.audit.ReadLog(ctx, &apiv1.ReadLogRequest{CollectiveId: collective})
	if err != nil {
		return err
	}
	next := uint64(1)
	for {
		part, err := stream.Receive()
		if errors.Is(err, io.EOF) && upTo >= next {
			return failed(exitVerified, "日志只到第 %d 笔,应有 %d 笔。", "The log ends with version %d, it should have %d.", next-1, upTo)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range part.Events {
			if e.Version != next {
				return damagedAt(ledger.StreamOf(collective), next, fmt.Sprintf("version %d came instead", e.Version))
			}
			if err := f(e); err != nil {
				return err
			}
			if next++; upTo != 0 && next > upTo {
				return nil
			}
		}
	}
}

// storedEvent is an event of ReadLog as a store gives it.
func storedEvent(collective string, e *apiv1.LogEvent) eventstore.Event {
	return eventstore.Event{Stream: ledger.StreamOf(collective), Version: e.Version, Type: e.Type, Data: e.Data}
}

// writeTo writes to a file that replaces the one of that name only when it is whole, or to standard output. A name that is no
// file on disk (a device, a pipe) is written to as it is.
func (s *session) writeTo(path string, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		out := bufio.NewWriter(s.stdout)
		return notWritten(errors.Join(write(out), out.Flush()))
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return writeInto(path, write)
	}
	return s.writeFile(path, func(part string) error { return writeInto(part, write) })
}

func writeInto(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return cannotWrite(path, err)
	}
	out := bufio.NewWriter(file)
	err = errors.Join(write(out), out.Flush())
	if info, statErr := file.Stat(); statErr == nil && info.Mode().IsRegular() {
		err = errors.Join(err, file.Sync())
	}
	return notWritten(errors.Join(err, file.Close()))
}

// writeFile lets write fill a file beside the one of that name, syncs it, and puts it in its place when it is whole. After a
// failure there is nothing under the name that was not there before, and no part is left.
func (s *session) writeFile(path string, write func(part string) error) (err error) {
	if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
		return failed(exitUsage, "%s 不是普通文件,没有改动;请用 --out 另给一个。", "%s is no plain file and was not changed: name another with --out.", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return cannotWrite(path, err)
	}
	part := file.Name()
	defer func() {
		if err != nil {
			err = notWritten(errors.Join(err, removeIfThere(part)))
		}
	}()
	if err := errors.Join(file.Close(), write(part), syncFile(part)); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return cannotWrite(path, err)
	}
	return syncDirectory(filepath.Dir(path))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// notWritten says of a full disk what it means here: there is no file, or the one of before.
func notWritten(err error) error {
	if !noRoom(err) {
		return err
	}
	return &failure{exitStorage, "", "磁盘已满,没有写成;没有留下不完整的文件。请腾出空间后重做。",
		"The disk is full and it was not written; no half file is left. Make room and do it again.", err}
}

// noRoom says whether an error comes of a full disk or a used-up quota.
func noRoom(err error) bool {
	return errors.Is(err, eventstore.ErrNoSpace) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// permissionDenied says whether the services refused because of who asks.
func permissionDenied(err error) bool {
	code := connect.CodeOf(err)
	return err != nil && (code == connect.CodePermissionDenied || code == connect.CodeUnauthenticated)
}
