package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){
		"mingzhang": func() { os.Exit(realMain()) },
	})
}

// tidy removes what tests share when all have run.
type tidy struct{ *testing.M }

func (m tidy) Run() int {
	code := m.M.Run()
	if demoMade != "" {
		_ = os.RemoveAll(demoMade) // a leftover in the temporary directory harms nobody
	}
	return code
}

// command runs one command line in this process.
func command(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	err = run(t.Context(), args, strings.NewReader(""), &out, &errOut)
	return out.String(), errOut.String(), err
}

// must runs a command line that has to succeed and gives its standard output.
func must(t testing.TB, args ...string) string {
	t.Helper()
	out, errOut, err := command(t, args...)
	if err != nil {
		t.Fatalf("mingzhang %s: %v\n%s", strings.Join(args, " "), err, errOut)
	}
	return out
}

var demoMade string // directory of madeDemo

// madeDemo is a data directory with the demo, made once; it is copied and never used itself.
var madeDemo = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mingzhang-test-")
	if err != nil {
		return "", err
	}
	demoMade = dir
	var out bytes.Buffer
	path := filepath.Join(dir, "demo")
	if err := run(context.Background(), []string{"demo", "--once", "--data", path}, strings.NewReader(""), &out, &out); err != nil {
		return "", fmt.Errorf("%w: %s", err, out.String())
	}
	return path, nil
})

// copyDemo gives a test a data directory of its own with the demo in it.
func copyDemo(to string) error {
	from, err := madeDemo()
	if err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

func demoDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo")
	if err := copyDemo(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			for _, file := range append(seeds.Demo(), seeds.Microfunds()) {
				if err := os.WriteFile(filepath.Join(e.WorkDir, filepath.Base(file.Name)), file.Data, 0o600); err != nil {
					return err
				}
			}
			return copyDemo(filepath.Join(e.WorkDir, "demo"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "flip": flip, "serving": serving, "stopping": stopping, "lines": lines, "replace": replace,
			"cluster": cluster, "field": field,
		},
	})
}

// exits CODE COMMAND…: the command ends with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if want, err := strconv.Atoi(args[0]); err != nil || code != want {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// flip FILE TEXT: one bit changes in the first byte of the text, wherever it stands first in the file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE TEXT")
	}
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	at := bytes.Index(data, []byte(args[1]))
	if at < 0 {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	data[at] ^= 1
	ts.Check(os.WriteFile(path, data, 0o600))
}

// lines N FILE: the file has so many lines.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if n := strings.Count(ts.ReadFile(args[1]), "\n"); (strconv.Itoa(n) == args[0]) == neg {
		ts.Fatalf("%s has %d lines", args[1], n)
	}
}

// replace FILE OLD NEW: the first OLD in the file becomes NEW.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	if neg || !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// field FILE NAME VARIABLE: the variable becomes a field of the JSON object in the file.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: field FILE NAME VARIABLE")
	}
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &object))
	value, ok := object[args[1]]
	if !ok {
		ts.Fatalf("%s has no %s", args[0], args[1])
	}
	ts.Setenv(args[2], fmt.Sprint(value))
}

// cluster: a fake cluster of the script's own runs, and STORE is its connection string.
func cluster(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: cluster")
	}
	s, err := esdbtest.Start(esdbtest.Options{})
	ts.Check(err)
	ts.Defer(func() { _ = s.Close() })
	ts.Setenv("STORE", s.ConnectionString())
}

// running is the server of each script.
var running sync.Map

// serving DIR: a server runs on the data directory, and URL says where.
func serving(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serving DIR")
	}
	s, err := startServer(ts.MkAbs(args[0]))
	ts.Check(err)
	running.Store(ts, s)
	ts.Defer(s.kill)
	ts.Setenv("URL", s.url)
}

// stopping: the server of serving is told to stop and stops as it should.
func stopping(ts *testscript.TestScript, neg bool, _ []string) {
	found, ok := running.Load(ts)
	if neg || !ok {
		ts.Fatalf("no server runs")
	}
	s := found.(*process)
	ts.Check(s.process.Signal(syscall.SIGTERM))
	if err := s.wait(); err != nil {
		ts.Fatalf("the server stopped with %v", err)
	}
}
