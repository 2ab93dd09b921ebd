//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// bulk is how many transactions a peer is given in one of its own when it may.
const bulk = 1000

// durableContests write the mix on 100 collectives so that it survives a power cut: from a file, and by 1, 8 and 64 clients
// that each wait for their answer. Ours has every rule on; the peers' rules are named in their rows.
func durableContests(b *testing.B, commands int) []contest {
	m := mix{100, commands, mixDay()}
	setup, load := m.write(b, b.TempDir())
	fresh := func() string {
		dir := filepath.Join(b.TempDir(), "data")
		must(b, "init", "--data", dir)
		must(b, "apply", setup, "--data", dir)
		return dir
	}
	books := bookedBy(b, m, fresh(), load)
	fmt.Fprintf(os.Stderr, "%d commands book %d vouchers with %.2f postings on average\n", commands, len(books), postingsOf(books))
	files := contest{name: "durable, from a file", rows: []*contender{{
		tool: "mingzhang", what: "apply, every rule", size: commands,
		work: func(int) time.Duration {
			dir := fresh()
			start := time.Now()
			must(b, "apply", load, "--data", dir)
			return time.Since(start)
		},
	}}}

	var contests []contest
	for _, clients := range []int{1, 8, 64} {
		contests = append(contests, contest{name: fmt.Sprintf("durable, clients that wait for each answer: %d", clients), rows: []*contender{{
			tool: "mingzhang", what: "server, JSON over HTTP, every rule", size: commands,
			work: func(int) time.Duration { return overHTTP(b, fresh(), load, m, clients) },
		}}})
	}
	addSQLite(b, &files, books)
	addPostgres(b, &files, contests, books, commands)
	return append([]contest{files}, contests...)
}

func postingsOf(books []booked) float64 {
	n := 0
	for _, t := range books {
		n += len(t.fen)
	}
	return float64(n) / float64(len(books))
}

// bookedBy is every transaction that the file books, in the order of the file as far as one collective goes, and collectives
// taking turns.
func bookedBy(b *testing.B, m mix, dir, load string) []booked {
	csvOf := func(c int) []booked {
		out := filepath.Join(b.TempDir(), "books.csv")
		must(b, "export", "csv", "--bom=false", "--collective", m.id(c), "--out", out, "--data", dir)
		return readPostings(b, out)
	}
	before := make([]int, m.collectives)
	for c := range before {
		before[c] = len(csvOf(c))
	}
	must(b, "apply", load, "--data", dir)
	rows := make([][]booked, m.collectives)
	longest := 0
	for c := range rows {
		rows[c] = csvOf(c)[before[c]:]
		longest = max(longest, len(rows[c]))
	}
	var all []booked
	for i := range longest {
		for c := range rows {
			if i < len(rows[c]) {
				rows[c][i].collective = m.id(c)
				all = append(all, rows[c][i])
			}
		}
	}
	return all
}

// overHTTP gives the lines of the file to a server in a process of its own. The lines of one collective stay in order: a
// client takes a collective, gives its next command, waits for the answer and puts the collective back.
func overHTTP(b *testing.B, dir, load string, m mix, clients int) time.Duration {
	key := filepath.Join(b.TempDir(), "treasurer.key")
	must(b, "operator", "key", "treasurer", "--data", dir, "--out", key)
	bearer, err := readKey(key)
	if err != nil {
		b.Fatal(err)
	}
	server, err := startServer(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer server.kill()
	queue, left := villagesOf(b, load, m)
	poster := &poster{url: server.url, bearer: bearer, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	defer poster.client.CloseIdleConnections()
	var wg sync.WaitGroup
	start := time.Now()
	for range clients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				lines := <-queue
				if err := poster.post(lines[0]); err != nil {
					b.Error(err)
				}
				if len(lines) > 1 {
					queue <- lines[1:]
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// order is one line of a file of commands.
type order struct {
	Method  string
	Request map[string]any
	body    []byte
}

// villagesOf is the file by collective, ready to be sent, and how many lines there are.
func villagesOf(b *testing.B, load string, m mix) (chan []order, *atomic.Int64) {
	f, err := os.Open(load)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	villages, left := map[string][]order{}, new(atomic.Int64)
	for in := bufio.NewScanner(f); in.Scan(); left.Add(1) {
		var o order
		if err := json.Unmarshal(in.Bytes(), &o); err != nil {
			b.Fatal(err)
		}
		o.Request["commandId"] = ledger.NewCommandID()
		if o.body, err = json.Marshal(o.Request); err != nil {
			b.Fatal(err)
		}
		id := o.Request["collectiveId"].(string)
		villages[id] = append(villages[id], o)
	}
	queue := make(chan []order, m.collectives)
	for c := range m.collectives {
		queue <- villages[m.id(c)]
	}
	return queue, left
}

// poster sends commands as JSON.
type poster struct {
	url, bearer string
	client      *http.Client
}

func (p *poster) post(o order) error {
	request, err := http.NewRequest(http.MethodPost, p.url+"/"+apiv1connect.BooksServiceName+"/"+o.Method, bytes.NewReader(o.body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+p.bearer)
	request.Header.Set("Accept-Encoding", "identity")
	answer, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", o.Method, answer.Status, said)
	}
	return err
}

// addSQLite lets the shell of SQLite write two tables by hand, one transaction a time, safe after each.
func addSQLite(b *testing.B, c *contest, books []booked) {
	if missing("sqlite3") {
		return
	}
	var s strings.Builder
	s.WriteString(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE transactions (id INTEGER PRIMARY KEY, collective TEXT NOT NULL, voucher TEXT NOT NULL, day TEXT NOT NULL, narration TEXT NOT NULL);
CREATE TABLE postings (transaction_id INTEGER NOT NULL, line INTEGER NOT NULL, account TEXT NOT NULL, fen INTEGER NOT NULL, PRIMARY KEY (transaction_id, line)) WITHOUT ROWID;
`)
	for n, t := range books {
		fmt.Fprintf(&s, "BEGIN IMMEDIATE;INSERT INTO transactions VALUES (%d,%s,%s,%s,%s);INSERT INTO postings VALUES ", n+1, quoted(t.collective), quoted(t.voucher), quoted(mixDay()), quoted(t.narration))
		rows := make([]string, len(t.fen))
		for i := range rows {
			rows[i] = fmt.Sprintf("(%d,%d,%s,%d)", n+1, i+1, quoted(t.accounts[i]), t.fen[i])
		}
		s.WriteString(strings.Join(rows, ",") + ";COMMIT;\n")
	}
	script := s.String()
	c.rows = append(c.rows, &contender{tool: "sqlite3", what: "two tables, FULL, one by one, no rule", size: len(books), work: func(int) time.Duration {
		return timed(b, script, "sqlite3", filepath.Join(b.TempDir(), "peer.db"))
	}})
}

// quoted is a text as SQL writes it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
