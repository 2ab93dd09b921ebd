package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// The tests in this file run the test binary again as a child process that can be killed, starved of disk or given failing
// syncs. The child prints a line for each append that was acknowledged; what it printed must be there afterwards.

const childEnv = "MINGZHANG_TEST_CHILD"

var children = map[string]func(dir string) error{"load": loadChild, "hold": holdChild}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](os.Getenv(childEnv + "_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child prepares a child process; wrap stands before its command line, for example strace and its arguments.
func child(t *testing.T, name, dir string, wrap ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrap, self)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+name, childEnv+"_DIR="+dir)
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

// loadChild appends from eight writers until it is killed, or for 20 seconds: six with a stream each, two that fight over one.
func loadChild(dir string) error {
	s, err := Open(filepath.Join(dir, "events.db"), Options{})
	if err != nil {
		return err
	}
	failed := make(chan error, 8)
	for w := range 8 {
		stream := fmt.Sprintf("stream-%d", min(w, 6))
		go func() { failed <- loadStream(s, stream) }()
	}
	select {
	case err := <-failed:
		return err
	case <-time.After(20 * time.Second):
		return errors.New("nobody ended this child")
	}
}

func loadStream(s *Store, stream string) error {
	ctx := context.Background()
	version, err := s.Version(ctx, stream)
	for {
		var conflict *eventstore.ConflictError
		if errors.As(err, &conflict) {
			version = conflict.Actual
		} else if err != nil {
			return err
		}
		ids := make([]uint64, 1+rand.IntN(3))
		events := make([]eventstore.NewEvent, len(ids))
		for i := range ids {
			ids[i] = rand.Uint64()
			events[i] = eventstore.NewEvent{Type: "noted", Data: childData(stream, version+uint64(i)+1, ids[i])}
		}
		if _, err = s.Append(ctx, stream, version, events); err != nil {
			continue
		}
		var lines strings.Builder
		for _, id := range ids {
			version++
			fmt.Fprintf(&lines, "%s %d %d\n", stream, version, id)
		}
		if _, err := os.Stdout.WriteString(lines.String()); err != nil {
			return err // the parent is gone
		}
	}
}

// childData is the bytes of an event: anyone can tell from them alone whether they are whole. Sizes vary from a line to more
// than a page.
func childData(stream string, version, id uint64) []byte {
	data := fmt.Appendf(nil, "%s %d %d ", stream, version, id)
	sum := sha256.Sum256(data)
	data = append(data, sum[:]...)
	return append(data, bytes.Repeat(sum[:], int(id%40)*int(id%7))...)
}

type ack struct {
	stream  string
	version uint64
}

// readAcks reads what a child acknowledges until it ends; first is called at the first line.
func readAcks(t *testing.T, cmd *exec.Cmd, acks map[ack]uint64, first func()) error {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var once sync.Once
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break // the end, perhaps in the middle of a line
		}
		var a ack
		var id uint64
		if _, err := fmt.Sscanf(line, "%s %d %d\n", &a.stream, &a.version, &id); err != nil {
			t.Errorf("child prints %q: %v", line, err)
		}
		if was, ok := acks[a]; ok {
			t.Errorf("%s/%d was acknowledged as %d and as %d", a.stream, a.version, was, id)
		}
		acks[a] = id
		once.Do(first)
	}
	return cmd.Wait()
}

// verifyAcks opens the store as any start does and checks that every acknowledged event is there once, every stream is whole
// and every stored byte is right.
func verifyAcks(t *testing.T, dir string, acks map[ack]uint64) (stored int) {
	t.Helper()
	s, err := Open(filepath.Join(dir, "events.db"), Options{MustExist: true})
	if err != nil {
		t.Fatalf("opening after the crash: %v", err)
	}
	defer s.Close()
	if d := s.Damaged(); len(d) != 0 {
		t.Errorf("damaged after the crash: %v", d)
	}
	heads, ids := make(map[string]uint64), make(map[uint64]bool)
	missing := len(acks)
	for e, err := range s.ReadAll(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
		if heads[e.Stream]++; e.Version != heads[e.Stream] || e.Position != uint64(stored) {
			t.Fatalf("event %s/%d at position %d; want version %d at %d", e.Stream, e.Version, e.Position, heads[e.Stream], stored)
		}
		var stream string
		var version, id uint64
		if _, err := fmt.Sscanf(string(e.Data), "%s %d %d ", &stream, &version, &id); err != nil || !bytes.Equal(e.Data, childData(e.Stream, e.Version, id)) {
			t.Fatalf("event %s/%d has other bytes than any that were appended", e.Stream, e.Version)
		}
		if ids[id] {
			t.Errorf("event %d is stored twice", id)
		}
		ids[id] = true
		if want, ok := acks[ack{e.Stream, e.Version}]; ok {
			if missing--; want != id {
				t.Errorf("%s/%d was acknowledged as %d and is %d", e.Stream, e.Version, want, id)
			}
		}
	}
	if missing != 0 {
		t.Errorf("%d of %d acknowledged events are lost", missing, len(acks))
	}
	return stored
}

// TestKill kills a loaded process at random moments. The store is opened again and again by the next child, without anything
// in between, and every few rounds also by us.
func TestKill(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	acks := make(map[ack]uint64)
	for round := range rounds {
		cmd := child(t, "load", dir)
		err := readAcks(t, cmd, acks, func() {
			time.AfterFunc(time.Duration(rand.IntN(120_000))*time.Microsecond, func() { cmd.Process.Kill() })
		})
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("round %d: the child was not killed but ended: %v; %s", round, err, cmd.Stderr)
		}
		if round%3 == 0 || round == rounds-1 {
			stored := verifyAcks(t, dir, acks)
			t.Logf("after %d kills: %d events acknowledged, %d stored", round+1, len(acks), stored)
		}
	}
}

// holdChild opens the store and waits to be killed.
func holdChild(dir string) error {
	if _, err := Open(filepath.Join(dir, "events.db"), Options{}); err != nil {
		return err
	}
	fmt.Println("stream 1 1")
	time.Sleep(20 * time.Second)
	return errors.New("nobody ended this child")
}

// TestLockOfAnotherProcess: the error names the holder, and a killed holder holds nothing.
func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "hold", dir)
	err := readAcks(t, cmd, make(map[ack]uint64), func() {
		var locked *LockedError
		if _, err := Open(filepath.Join(dir, "events.db"), Options{}); !errors.As(err, &locked) || locked.PID != cmd.Process.Pid {
			t.Errorf("opening what process %d holds: %v", cmd.Process.Pid, err)
		}
		cmd.Process.Kill()
	})
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child ended: %v; %s", err, cmd.Stderr)
	}
	openTest(t, filepath.Join(dir, "events.db"))
}

// TestFailedSync lets every sync fail from some moment on. The process must end with ExitStorage, and everything it
// acknowledged before must be there.
func TestFailedSync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("NOT TESTED: failing syncs, because strace is not installed")
	}
	at := []int{8, 31}
	if !testing.Short() {
		for n := 5; n < 400; n += 37 {
			at = append(at, n)
		}
	}
	for _, n := range at {
		dir := t.TempDir()
		if err := openTest(t, filepath.Join(dir, "events.db")).Close(); err != nil {
			t.Fatal(err)
		}
		acks := make(map[ack]uint64)
		cmd := child(t, "load", dir, strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync",
			"-e", fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d+", n))
		err := readAcks(t, cmd, acks, func() {})
		stderr := fmt.Sprint(cmd.Stderr)
		if strings.Contains(stderr, "ptrace") || strings.Contains(stderr, "PTRACE") {
			t.Skipf("NOT TESTED: failing syncs, because strace may not trace here: %s", stderr)
		}
		if code := cmd.ProcessState.ExitCode(); code != ExitStorage || !strings.Contains(stderr, "outcome of a write is unknown") {
			t.Errorf("syncs fail from the %d. on: exit code %d, %v; %s", n, code, err, stderr)
		}
		if stored := verifyAcks(t, dir, acks); stored < len(acks) {
			t.Errorf("syncs fail from the %d. on: %d acknowledged, %d stored", n, len(acks), stored)
		}
	}
}
