package rpc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/telemetry"
)

// onDisk is a village on SQLite, and the floor of the same disk.
func onDisk(b *testing.B) (*village, *eventstoretest.Floor) {
	b.Helper()
	b.Cleanup(func(percent int) func() { return func() { debug.SetGCPercent(percent) } }(debug.SetGCPercent(300))) // as the program runs
	dir := b.TempDir()
	store, err := sqlite.Open(filepath.Join(dir, "events.db"), sqlite.Options{})
	fatalIf(b, err)
	return newVillage(b, store).open(), eventstoretest.NewFloor(b, dir, 64<<20)
}

// eventBytes is about what one income takes in the log.
const eventBytes = 450

// run calls f from a number of clients at once, b.N times in all, and gives each call's time.
func run(b *testing.B, clients int, f func(client int) error) []time.Duration {
	b.Helper()
	times := make([]time.Duration, b.N)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for c := range clients {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				start := time.Now()
				if err := f(c); err != nil {
					b.Error(err)
					return
				}
				times[i] = time.Since(start)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	return times
}

func report(b *testing.B, times []time.Duration, each int, name string) float64 {
	slices.Sort(times)
	rate := float64(len(times)*each) / b.Elapsed().Seconds()
	b.ReportMetric(rate, name+"/s")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
	return rate
}

// floor measures in the same run how many events a second this disk keeps with that many writers, and reports the ratio.
func floor(b *testing.B, f *eventstoretest.Floor, writers int, bytes int, rate float64, each int) {
	data := make([]byte, bytes)
	n := max(50, min(b.N, 2000))
	start := time.Now()
	var all sync.WaitGroup
	var next atomic.Int64
	for range writers {
		all.Go(func() {
			for next.Add(1) <= int64(n) {
				if err := f.Append(data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(rate/(float64(n*each)/time.Since(start).Seconds()), "of-floor")
}

// wire is a client that costs next to nothing, as far as one can on the server's own cores: a connection of its own, the
// request written with one call, the answer read up to its length. What it measures is the service; the generated client
// beside it takes more than a third of the time of both.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	head string
}

func dial(b *testing.B, v *village, operator string) *wire {
	address := strings.TrimPrefix(v.url, "http://")
	conn, err := net.Dial("tcp", address)
	fatalIf(b, err)
	b.Cleanup(func() { conn.Close() })
	return &wire{conn, bufio.NewReader(conn), " HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: Bearer " + v.keys[operator] +
		"\r\nContent-Type: application/proto\r\nConnect-Protocol-Version: 1\r\nContent-Length: "}
}

func (w *wire) call(procedure string, request proto.Message) error {
	body, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	text := append([]byte("POST "+procedure+w.head+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	if _, err := w.conn.Write(text); err != nil {
		return err
	}
	answer, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %w", procedure, answer.Status, err)
	}
	return nil
}

// BenchmarkRecordIncome is the whole way of a command: HTTP over loopback, key, checks, decision, SQLite, sync, books, answer.
func BenchmarkRecordIncome(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("wire,clients=%d", clients), func(b *testing.B) {
			v, f := onDisk(b)
			wires := make([]*wire, clients)
			for i := range wires {
				wires[i] = dial(b, v, "treasurer")
			}
			times := run(b, clients, func(client int) error {
				return wires[client].call(apiv1connect.BooksServiceRecordIncomeProcedure, income("98000.00"))
			})
			floor(b, f, clients, eventBytes, report(b, times, 1, "commands"), 1)
		})
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			v, f := onDisk(b)
			client := apiv1connect.NewBooksServiceClient(connect.NewClient(connecthttp.NewTransport(v.http, v.url), withKey(v.keys["treasurer"])))
			times := run(b, clients, func(int) error {
				_, err := client.RecordIncome(b.Context(), income("98000.00"))
				return err
			})
			floor(b, f, clients, eventBytes, report(b, times, 1, "commands"), 1)
		})
	}
}

// BenchmarkOneClient compares the median of that way, for one client, with the floor's, and with what no service on this
// machine could be faster than: the floor followed by a call that does nothing. A call right after a sync costs several times
// what it costs by itself, because both cores went idle. They take turns in blocks of 50, so that the disk's mood hits all.
func BenchmarkOneClient(b *testing.B) {
	v, f := onDisk(b)
	caller := connect.NewClient(connecthttp.NewTransport(v.http, v.url), withKey(v.keys["treasurer"]))
	books, disclosure := apiv1connect.NewBooksServiceClient(caller), apiv1connect.NewDisclosureServiceClient(caller)
	data := make([]byte, eventBytes)
	income := func() error { _, err := books.RecordIncome(b.Context(), income("98000.00")); return err }
	sync := func() error { return f.Append(data) }
	nothing := func() error { _, err := disclosure.GetVersion(b.Context(), &apiv1.GetVersionRequest{}); return err }
	ways := []func() error{sync, nothing, func() error { return errors.Join(sync(), nothing()) }, income}
	times := make([][]time.Duration, len(ways))
	for range 60 {
		for i, way := range ways {
			for range 50 {
				start := time.Now()
				fatalIf(b, way())
				times[i] = append(times[i], time.Since(start))
			}
		}
	}
	median := func(way int) float64 {
		settled := times[way][1000:] // the first are of a store that still grows
		slices.Sort(settled)
		return float64(settled[len(settled)/2].Microseconds())
	}
	b.ReportMetric(median(3), "p50-µs")
	b.ReportMetric(median(3)/median(0), "p50/floor")
	b.ReportMetric(median(2)/median(0), "sync+empty-call/floor")
	b.ReportMetric(median(1)/median(0), "empty-call/floor")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkApply is the same in batches of 1,000 lines, over HTTP and in process.
func BenchmarkApply(b *testing.B) {
	const lines = 1000
	for _, way := range []string{"HTTP", "process"} {
		b.Run(way, func(b *testing.B) {
			v, f := onDisk(b)
			transport := v.server.InProcess()
			if way == "HTTP" {
				transport = connecthttp.NewTransport(v.http, v.url)
			}
			client := apiv1connect.NewBooksServiceClient(connect.NewClient(transport, withKey(v.keys["treasurer"])))
			batches := make([]*apiv1.ApplyRequest, b.N)
			for i := range batches {
				batches[i] = new(apiv1.ApplyRequest)
				for range lines {
					text, err := protojson.Marshal(income("98000.00"))
					fatalIf(b, err)
					batches[i].Lines = append(batches[i].Lines, &apiv1.ApplyLine{Method: "RecordIncome", RequestJson: string(text)})
				}
			}
			var next atomic.Int64
			times := run(b, 1, func(int) error {
				answer, err := client.Apply(asOperator(b, "treasurer"), batches[next.Add(1)-1])
				if err == nil && answer.Results[lines-1].Code != "" {
					err = fmt.Errorf("line: %s", answer.Results[lines-1].Message)
				}
				return err
			})
			floor(b, f, 1, lines*eventBytes, report(b, times, lines, "commands"), lines)
		})
	}
}

// BenchmarkRead is a page of fifty vouchers and a fund statement over HTTP.
func BenchmarkRead(b *testing.B) {
	v, _ := onDisk(b)
	for range 20 {
		req := new(apiv1.ApplyRequest)
		for range 100 {
			req.Lines = append(req.Lines, lineOf(b, "RecordIncome", "", income("98000.00")))
		}
		v.must("treasurer", req)
	}
	client := connect.NewClient(connecthttp.NewTransport(v.http, v.url), withKey(v.keys["auditor"]))
	for name, f := range map[string]func() (proto.Message, error){
		"vouchers": func() (proto.Message, error) {
			return apiv1connect.NewAuditServiceClient(client).ListVouchers(b.Context(), &apiv1.ListVouchersRequest{CollectiveId: "lmb", Descending: true})
		},
		"statement": func() (proto.Message, error) {
			return apiv1connect.NewDisclosureServiceClient(client).GetFundStatement(b.Context(), &apiv1.GetFundStatementRequest{CollectiveId: "lmb"})
		},
	} {
		b.Run(name, func(b *testing.B) {
			report(b, run(b, 8, func(int) error { _, err := f(); return err }), 1, "reads")
		})
	}
}

// BenchmarkObserved is what metrics and traces cost a public read over HTTP, as ratios to a server without them. They take
// turns in blocks, so that the machine's mood hits all; "off/off" shows how far that works. The traces go to a collector
// that takes and forgets them.
func BenchmarkObserved(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	tracing, err := telemetry.NewTracing(b.Context(), collector.URL, "test", slog.New(slog.DiscardHandler))
	fatalIf(b, err)
	defer func() { _ = tracing.Close(context.Background()) }()
	v, _ := onDisk(b)
	plain := v.config
	counting := plain
	counting.Meter = telemetry.NewMetrics("test")
	tracingToo := counting
	tracingToo.Around = tracing.Around
	ways := []rpc.Config{plain, plain, counting, tracingToo}
	reads := make([]func() error, len(ways))
	for i, config := range ways {
		v.server = rpc.New(config)
		v.listen()
		client := apiv1connect.NewDisclosureServiceClient(v.overHTTP())
		reads[i] = func() error {
			_, err := client.GetFundStatement(b.Context(), &apiv1.GetFundStatementRequest{CollectiveId: "lmb"})
			return err
		}
	}
	times := make([][]time.Duration, len(ways))
	for range 60 {
		for i, read := range reads {
			for range 100 {
				start := time.Now()
				fatalIf(b, read())
				times[i] = append(times[i], time.Since(start))
			}
		}
	}
	median := func(way int) float64 {
		settled := times[way][1000:]
		slices.Sort(settled)
		return float64(settled[len(settled)/2].Nanoseconds())
	}
	b.ReportMetric(median(0)/1e3, "p50-µs")
	b.ReportMetric(median(1)/median(0), "off/off")
	b.ReportMetric(median(2)/median(0), "metrics/off")
	b.ReportMetric(median(3)/median(0), "traces/off")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkInProcess is what the checks and the conversion cost without network and disk: a public read.
func BenchmarkInProcess(b *testing.B) {
	v, _ := onDisk(b)
	client := apiv1connect.NewDisclosureServiceClient(connect.NewClient(v.server.InProcess()))
	for b.Loop() {
		if _, err := client.GetFundStatement(b.Context(), &apiv1.GetFundStatementRequest{CollectiveId: "lmb"}); err != nil {
			b.Fatal(err)
		}
	}
}
