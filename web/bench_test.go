package web

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// benchEvents is how many events the collective has whose pages are measured, or as many as the environment's MINGZHANG_BENCH_EVENTS says
// (1000000 is the size that the bound is written for).
const benchEvents = 100_000

// keptOpen is a store that another log goes on with.
type keptOpen struct{ eventstore.Store }

func (keptOpen) Close() error { return nil }

// longNode is a server with one collective that is in use for ten years, its books in memory.
func longNode(b *testing.B) *node {
	size := benchEvents
	if text := os.Getenv("MINGZHANG_BENCH_EVENTS"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	store, dir := eventstore.NewMemory(), b.TempDir()
	signer, err := transparency.OpenSigner(filepath.Join(dir, "signer"), bytes.Repeat([]byte{7}, transparency.SecretBytes))
	if err != nil {
		b.Fatal(err)
	}
	log, err := transparency.Open(keptOpen{store}, filepath.Join(dir, "log"), signer, ledger.LogOrigin, transparency.Options{})
	if err != nil {
		b.Fatal(err)
	}
	reserved, err := ledger.Encode(&eventv1.Event{Version: 1, Fact: &eventv1.Event_NameReserved{NameReserved: &eventv1.NameReserved{CollectiveId: ledgertest.LiminbaID}}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := log.Append(b.Context(), ledger.StreamCollectives, 0, []eventstore.NewEvent{reserved}); err != nil {
		b.Fatal(err)
	}
	for events := range slices.Chunk(ledgertest.LongLog(b, size), 1000) {
		var news []eventstore.NewEvent
		for _, e := range events {
			news = append(news, eventstore.NewEvent{Type: e.Type, Data: e.Data})
		}
		if _, err := log.Append(b.Context(), events[0].Stream, events[0].Version-1, news); err != nil {
			b.Fatal(err)
		}
	}
	log.Close()
	signer.Close()
	n := newNodeIn(b, store, dir)
	n.now = ledgertest.Noon("2030-06-15")
	about, err := apiv1connect.NewDisclosureServiceClient(n.client()).GetCollective(b.Context(), &apiv1.GetCollectiveRequest{CollectiveId: ledgertest.LiminbaID}) // loads the books
	if err != nil || about.Collective.Version != uint64(size) {
		b.Fatalf("the books are at event %d (%v)", about.GetCollective().GetVersion(), err)
	}
	return n
}

// BenchmarkFirstPage is the server's time for what a visitor to the board loads first, over HTTP on loopback: the page made anew, not
// compressed and compressed, a page that the visitor has (304), the page of one month and of all years, and beside them the call for the figures
// alone. At 1,000,000 events each is to be at most 100 ms.
func BenchmarkFirstPage(b *testing.B) {
	n := longNode(b)
	root := n.url + "/b/" + ledgertest.LiminbaID + "/"
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	ask := func(b *testing.B, address string, status int, headers ...string) string {
		request, err := http.NewRequest(http.MethodGet, address, nil)
		n.must(err)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		answer, err := client.Do(request)
		n.must(err)
		defer answer.Body.Close()
		size, err := io.Copy(io.Discard, answer.Body)
		n.must(err)
		if answer.StatusCode != status {
			b.Fatalf("%s: %d", address, answer.StatusCode)
		}
		b.ReportMetric(float64(size), "bytes")
		return answer.Header.Get("ETag")
	}
	tag := ask(b, root, http.StatusOK)
	board := apiv1connect.NewDisclosureServiceClient(connect.NewClient(connecthttp.NewTransport(client, n.url)))
	for _, c := range []struct {
		name string
		ask  func(*testing.B)
	}{
		{"year", func(b *testing.B) { ask(b, root, http.StatusOK) }},
		{"year/gzip", func(b *testing.B) { ask(b, root, http.StatusOK, "Accept-Encoding", "gzip") }},
		{"year/304", func(b *testing.B) { ask(b, root, http.StatusNotModified, "If-None-Match", tag) }},
		{"month", func(b *testing.B) { ask(b, root+"2025-06/", http.StatusOK) }},
		{"all", func(b *testing.B) { ask(b, root+"all/", http.StatusOK) }},
		{"lines", func(b *testing.B) { ask(b, root+"lines/2025/", http.StatusOK) }},
		{"GetBoard", func(b *testing.B) {
			_, err := board.GetBoard(b.Context(), &apiv1.GetBoardRequest{CollectiveId: ledgertest.LiminbaID})
			n.must(err)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				c.ask(b)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
