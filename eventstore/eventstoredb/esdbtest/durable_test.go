package esdbtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// all is everything that the log shows: stream, number, position and data.
func all(t *testing.T, c *esdb.Client) string {
	t.Helper()
	r, err := c.ReadAll(deadline(t), esdb.ReadAllOptions{}, 10_000)
	var b strings.Builder
	for _, e := range drain(t, r, err) {
		fmt.Fprintln(&b, e.Event.StreamID, e.Event.EventNumber, e.Event.Position, e.Event.EventID, e.Event.CreatedDate, e.Event.ContentType, string(e.Event.Data), string(e.Event.UserMetadata))
	}
	return b.String()
}

func TestRestartKeepsEverything(t *testing.T) {
	for _, o := range []esdbtest.Options{{}, {Dir: t.TempDir()}, {Dir: t.TempDir(), Sync: true}} {
		s := esdbtest.New(t, o)
		c := connect(t, s.ConnectionString())
		mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 3)...)
		if _, err := c.DeleteStream(deadline(t), "e", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, c, "e", esdb.Any{}, numbered("e", 3, 1)...)
		if _, err := c.TombstoneStream(deadline(t), "x", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
		before, address := all(t, c), s.Addr()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if got := all(t, connect(t, s.ConnectionString())); got != before || s.Addr() != address {
			t.Errorf("%+v: at %s before\n%s\nat %s after\n%s", o, address, before, s.Addr(), got)
		}
		if o.Dir == "" {
			continue
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = esdbtest.New(t, o) // another process, so to speak
		c = connect(t, s.ConnectionString())
		if got := all(t, c); got != before {
			t.Errorf("from the file:\n%s\nwant\n%s", got, before)
		}
		mustAppend(t, c, "e", esdb.Revision(3), numbered("e", 4, 1)...)
	}
}

// One log may have several servers, at once and one after another, and outlives them.
func TestSharedLog(t *testing.T) {
	l, err := esdbtest.OpenLog(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	a, b := esdbtest.New(t, esdbtest.Options{Log: l}), esdbtest.New(t, esdbtest.Options{Log: l})
	mustAppend(t, connect(t, a.ConnectionString()), "e", esdb.NoStream{}, numbered("e", 0, 1)...)
	mustAppend(t, connect(t, b.ConnectionString()), "e", esdb.Revision(0), numbered("e", 1, 1)...)
	before := all(t, connect(t, a.ConnectionString()))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := all(t, connect(t, b.ConnectionString())); got != before || a.Log() != l {
		t.Errorf("%s, then %s", before, got)
	}
	b.Stop()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// However much of the last write is missing, or whichever of its bytes is wrong, the writes before it are there and it is not.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	s := esdbtest.New(t, esdbtest.Options{Dir: dir})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "e", esdb.NoStream{}, numbered("e", 0, 2)...)
	name := filepath.Join(dir, "events.log")
	whole, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	before := all(t, c)
	mustAppend(t, c, "e", esdb.Revision(1), numbered("e", 2, 2)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	full, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	damaged := [][]byte{full[:whole.Size()]}
	for size := whole.Size() + 1; size < int64(len(full)); size += 37 {
		flipped := append([]byte(nil), full...)
		flipped[size] ^= 4
		damaged = append(damaged, full[:size], flipped)
	}
	for i, b := range damaged {
		torn := t.TempDir()
		if err := os.WriteFile(filepath.Join(torn, "events.log"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := esdbtest.Start(esdbtest.Options{Dir: torn})
		if err != nil {
			t.Fatalf("damage %d: %v", i, err)
		}
		c := connect(t, s.ConnectionString())
		if got := all(t, c); got != before {
			t.Errorf("damage %d: %s", i, got)
		}
		mustAppend(t, c, "e", esdb.Revision(1), numbered("e", 2, 2)...)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "esdbfake")
	if out, err := exec.Command("go", "build", "-o", name, "./esdbfake").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return name
}

// start runs the program and returns its connection string.
func start(t *testing.T, program string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

// Killed while eight writers write, the program has every append that it acknowledged when it runs again.
func TestKilledProgramKeepsWhatItAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills a program")
	}
	dir := t.TempDir()
	program := build(t)
	cmd, address := start(t, program, "-dir", dir)
	var acknowledged [8]atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(deadline(t))
	c := connect(t, address)
	for w := range acknowledged {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, err := c.AppendToStream(ctx, fmt.Sprint("w", w), esdb.AppendToStreamOptions{}, numbered(fmt.Sprint(w), n, 1)...)
				if err != nil {
					return
				}
				acknowledged[w].Add(1)
			}
		})
	}
	for acknowledged[0].Load() < 200 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it says
	cmd, address = start(t, program, "-dir", dir, "-listen", strings.TrimSuffix(strings.TrimPrefix(address, "esdb://"), "?tls=false"))
	cancel()
	wg.Wait()
	c = connect(t, address)
	for w := range acknowledged {
		r, err := c.ReadStream(deadline(t), fmt.Sprint("w", w), esdb.ReadStreamOptions{}, 1_000_000)
		if got := int64(len(drain(t, r, err))); got < acknowledged[w].Load() {
			t.Errorf("writer %d was told of %d appends, %d are there", w, acknowledged[w].Load(), got)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
