package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// collector takes what is sent to it as traces.
type collector struct {
	mu  sync.Mutex
	got bytes.Buffer
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" {
		http.NotFound(w, r)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.Copy(&c.got, r.Body)
}

// personal are the fields of commands whose text is about people or was entered by them.
var personal = map[string]bool{
	"displayName": true, "narration": true, "payer": true, "payee": true, "donor": true, "party": true, "title": true, "name": true, "reason": true,
	"operator": true, "as": true, "number": true, "issuer": true, "minutesSha256": true, "sha256": true,
}

// privateTexts is everything the demo says that must not leave the books, by where it stands.
func privateTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				walk(k, inner)
			}
		case []any:
			for _, inner := range v {
				walk(key, inner)
			}
		case string:
			if personal[key] && len(v) > 2 {
				texts[v] = key
				if words := strings.Fields(v); key == "displayName" && len(words) > 1 {
					texts[words[len(words)-1]] = key
				}
			}
		}
	}
	for _, file := range seeds.Demo() {
		for _, line := range strings.Split(string(file.Data), "\n") {
			var v any
			if strings.HasPrefix(line, "{") {
				if err := json.Unmarshal([]byte(line), &v); err != nil {
					t.Fatal(err)
				}
				walk("", v)
			}
		}
	}
	delete(texts, adminID) // also the name of the address
	return texts
}

// get reads a page.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

var adminURL = regexp.MustCompile(`"serving the admin address","url":"([^"]+)"`)

// watched is a server that is looked at in every way, its admin address, and the keys of the demo's operators.
func watched(t *testing.T, traces string) (server *process, admin, dir string, keys []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	must(t, "init", "--data", dir)
	operators := filepath.Join(t.TempDir(), "operators.jsonl")
	if err := os.WriteFile(operators, seeds.Demo()[0].Data, 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "apply", operators, "--data", dir)
	for _, operator := range []string{"treasurer", "approver", "supervisor"} {
		must(t, "operator", "key", operator, "--data", dir)
		keys = append(keys, keyPath(dir, operator))
	}
	server, err := startServer(dir, "--admin", "127.0.0.1:0", "--otlp", traces, "--pprof")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.kill)
	m := adminURL.FindStringSubmatch(server.log.String())
	if m == nil {
		t.Fatalf("no admin address: %s", server.log)
	}
	return server, m[1], dir, keys
}

// playOver applies the demo's books to a server.
func playOver(t *testing.T, server *process, dir string, keys []string) {
	t.Helper()
	for _, file := range seeds.Demo()[1:] {
		path := filepath.Join(t.TempDir(), filepath.Base(file.Name))
		if err := os.WriteFile(path, file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		must(t, "apply", path, "--server", server.url, "--key", keyPath(dir, adminID), "--keys", strings.Join(keys, ","))
	}
}

// TestNothingThatIsWatchedNamesAnybody: a whole demo, with refusals and mistakes, leaves no name, payer, narration, paper,
// operator or key in the log, the metrics and the traces of its server.
func TestNothingThatIsWatchedNamesAnybody(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM")
	}
	traces := new(collector)
	stub := httptest.NewServer(traces)
	defer stub.Close()
	server, admin, dir, keys := watched(t, stub.URL)
	playOver(t, server, dir, keys)
	supervisor := []string{"--server", server.url, "--key", keyPath(dir, "supervisor")}
	for _, read := range [][]string{{"journal"}, {"balance"}, {"statement"}, {"verify"}, {"export", "jsonl"}, {"watch", "--after", "0", "--limit", "172"}} {
		must(t, append(read, supervisor...)...)
	}
	text := privateTexts(t)
	if len(text) < 40 {
		t.Fatalf("only %d texts to look for: %v", len(text), text)
	}
	for _, path := range keys {
		key, err := readKey(path)
		if err != nil {
			t.Fatal(err)
		}
		text[key], text[key[len(key)/2:]] = "key", "key"
		mistakes(t, server.url, key, "何静")
	}
	status, metrics := get(t, admin+"/metrics")
	if status != 200 {
		t.Fatalf("/metrics: %d %s", status, metrics)
	}
	if err := server.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.wait(); err != nil {
		t.Fatalf("the server ended with %v: %s", err, server.log)
	}
	traces.mu.Lock()
	defer traces.mu.Unlock()
	seen := map[string]string{"metrics": metrics, "log": server.log.String(), "traces": traces.got.String()}
	for where, part := range map[string]string{
		"metrics": `mingzhang_batch_lines_total{method="RecordIncome",outcome="ok"} 5`, "log": `"stopping"`, "traces": "mingzhang.api.v1.AuditService/ListVouchers",
	} {
		if !strings.Contains(seen[where], part) {
			t.Errorf("the %s have no %s:\n%.3000s", where, part, seen[where])
		}
	}
	for where, all := range seen {
		for private, kind := range text {
			if strings.Contains(all, private) {
				t.Errorf("the %s have the %s %q", where, kind, private)
			}
		}
	}
	t.Logf("%d texts looked for in %d bytes of log, %d of metrics, %d of traces", len(text), len(seen["log"]), len(metrics), len(seen["traces"]))
}

// mistakes makes calls that are refused, with a name wherever a caller can put one.
func mistakes(t *testing.T, url, key, name string) {
	t.Helper()
	for path, body := range map[string]string{
		"BooksService/" + name: `{}`,
		name:                   `{}`,
		"BooksService/Apply":   `{"lines":[{"method":"` + name + `","requestJson":"{}"},{"method":"RecordIncome","requestJson":"{\"payer\":\"` + name + `\"}"},{"as":"` + name + `","method":"RecordIncome","requestJson":"{}"}]}`,
		"BooksService/RecordIncome": `{"commandId":"0f033620-08a9-5371-951c-a011a28abc70","collectiveId":"liminba","kind":"rent","amount":"1.00","occurredOn":"2021-01-01","moneyAccount":"` +
			`none","payer":"org/` + name + `","narration":"` + name + `"}`,
		"BooksService/MoveMoney":   `{"` + name + `":1}`,
		"AuditService/GetVoucher":  `{"collectiveId":"` + name + `","number":"` + name + `"}`,
		"AuditService/GetBalances": `{"collectiveId":"liminba","account":"money/` + name + `"`,
	} {
		for _, authorization := range []string{"Bearer " + key, "Bearer " + key + "x", name, ""} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/mingzhang.api.v1."+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("User-Agent", name)
			r.Header.Set("Traceparent", "00-"+strings.Repeat("ab", 16)+"-"+strings.Repeat("cd", 8)+"-01")
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
		}
	}
}

// TestAdminAddressShowsHowItIs: counters that count, health, readiness and profiles, and none of them on the public address.
func TestAdminAddressShowsHowItIs(t *testing.T) {
	stub := httptest.NewServer(new(collector))
	defer stub.Close()
	server, admin, dir, keys := watched(t, stub.URL)
	playOver(t, server, dir, keys)
	must(t, "balance", "--server", server.url, "--key", keyPath(dir, "supervisor"))
	if _, _, err := command(t, "balance", "--server", server.url); err == nil {
		t.Error("a balance without a key")
	}
	_, metrics := get(t, admin+"/metrics")
	for _, line := range []string{
		`mingzhang_calls_total{method="GetBalances",outcome="ok"} 1`,
		`mingzhang_calls_total{method="GetBalances",outcome="unauthenticated"} 1`,
		`mingzhang_call_seconds_count{method="GetBalances"} 2`,
		`mingzhang_batch_lines_total{method="ClosePeriod",outcome="ok"} 34`,
		`mingzhang_events_stored_total{type="income_recorded"} 5`,
		`mingzhang_events_stored_total{type="collective_founded"} 1`,
		`mingzhang_books_resident 1`,
		`mingzhang_watches_open 0`,
		`mingzhang_damaged_streams 0`,
		`mingzhang_heads_due 0`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %s in\n%s", line, metrics)
		}
	}
	stored := 0.0 // whatever was stored went through the services and through a commit, once
	for _, m := range regexp.MustCompile(`(?m)^mingzhang_events_stored_total\{.*\} (\S+)$`).FindAllStringSubmatch(metrics, -1) {
		stored += number(t, m[1])
	}
	for _, name := range []string{"append_events_sum", "commit_events_sum"} {
		m := regexp.MustCompile(`(?m)^mingzhang_` + name + ` (\S+)$`).FindStringSubmatch(metrics)
		if m == nil || number(t, m[1]) != stored || stored < 172 {
			t.Errorf("%s is %v, stored were %v", name, m, stored)
		}
	}
	for path, want := range map[string]string{"/healthz": `"sound":true`, "/readyz": "ready", "/debug/pprof/": "goroutine", "/debug/pprof/heap": ""} {
		if status, body := get(t, admin+path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.300s", path, status, body)
		}
	}
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/"} {
		if status, _ := get(t, server.url+path); status != 404 {
			t.Errorf("%s on the public address: %d", path, status)
		}
	}
	if status, _ := get(t, admin+"/debug/pprof/cmdline"); status != 404 {
		t.Errorf("the command line is shown: %d", status)
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAdminAddressStaysOnTheMachine, unless told.
func TestAdminAddressStaysOnTheMachine(t *testing.T) {
	dir := demoDir(t)
	for _, args := range [][]string{{"--admin", ":9000"}, {"--admin", "0.0.0.0:9000"}, {"--admin", "example.org:9000"}, {"--admin", "9000"}, {"--pprof"}, {"--otlp", "127.0.0.1:4318"}} {
		_, said, err := command(t, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--lang", "en"}, args...)...)
		if code := report(io.Discard, english, err); code != exitUsage {
			t.Errorf("%v: exit %d, %v %s", args, code, err, said)
		}
	}
	server, err := startServer(dir, "--admin", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server.kill()
	if !adminURL.MatchString(server.log.String()) {
		t.Errorf("no admin address on localhost: %s", server.log)
	}
}

// TestWatchOutlivesTheServer: the server is killed and started again on its address; the watch misses nothing, repeats
// nothing, and ends when it has printed what it was asked for.
func TestWatchOutlivesTheServer(t *testing.T) {
	dir := demoDir(t)
	must(t, "operator", "key", "treasurer", "--data", dir)
	must(t, "operator", "key", "supervisor", "--data", dir)
	server, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.kill() }()
	const after, demo = 150, 172 // the demo's last version
	cmd := exec.CommandContext(t.Context(), "mingzhang", "watch", "--server", server.url, "--key", keyPath(dir, "supervisor"), "--after", "150", "--limit", "23", "--json", "--collective", seeds.Liminba)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := new(lockedBuffer)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(serverTimeout, func() { _ = cmd.Process.Kill() })
	defer deadline.Stop()
	lines := bufio.NewScanner(out)
	next := after
	read := func() {
		t.Helper()
		var m struct {
			Version string
			Event   struct{ Type string }
		}
		if !lines.Scan() {
			t.Fatalf("the watch ended after version %d: %s", next, said)
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if next++; m.Version != strconv.Itoa(next) || m.Event.Type == "" {
			t.Fatalf("version %s, not %d: %s", m.Version, next, lines.Text())
		}
	}
	for next < demo {
		read()
	}
	address := strings.TrimPrefix(server.url, "http://")
	server.kill()
	if server, err = startServer(dir, "--listen", address); err != nil {
		t.Fatal(err)
	}
	must(t, "apply", "testdata/gift.jsonl", "--server", server.url, "--key", keyPath(dir, "treasurer"))
	for next < after+23 {
		read()
	}
	if err := cmd.Wait(); err != nil || lines.Scan() {
		t.Errorf("the watch ended with %v: %s", err, said)
	}
	if !strings.Contains(said.String(), "172") {
		t.Errorf("it did not say that it went on: %q", said)
	}
}

// TestManualNamesMetricsThatExist: every metric of docs/operations.md is one of ours.
func TestManualNamesMetricsThatExist(t *testing.T) {
	source := page(t, "telemetry/metrics.go") + page(t, "cmd/mingzhang/observe.go")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`mingzhang_([a-z_]+)`).FindAllStringSubmatch(page(t, "docs/operations.md"), -1) {
		named[strings.TrimSuffix(m[1], "_bucket")] = true
	}
	if len(named) < 15 {
		t.Errorf("only %d metrics in the manual", len(named))
	}
	for name := range named {
		if !strings.Contains(source, `"`+name+`"`) {
			t.Errorf("the manual names mingzhang_%s, which nobody makes", name)
		}
	}
	for _, m := range regexp.MustCompile(`(?:counters|histogram|Gauge)\("([a-z_]+)"`).FindAllStringSubmatch(source, -1) {
		if !named[m[1]] {
			t.Errorf("the manual does not name mingzhang_%s", m[1])
		}
	}
}

// TestApiPageWorks runs the lines of docs/api.md that call the API.
func TestApiPageWorks(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("NOT TESTED: curl is not installed")
	}
	dir := demoDir(t)
	must(t, "operator", "key", "supervisor", "--data", dir)
	key, err := readKey(keyPath(dir, "supervisor"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.kill)
	lines := regexp.MustCompile(`(?m)^curl .*$`).FindAllString(page(t, "docs/api.md"), -1)
	if len(lines) != 7 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = append(os.Environ(), "HOST="+server.url, "KEY="+key, "no_proxy=127.0.0.1")
		if out, err := cmd.Output(); err != nil || len(out) < 100 {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}
