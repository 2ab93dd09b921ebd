package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// The tests in this file run a command line whose n-th write to a directory fails, for every n. The kernel asks this process
// about each call that writes, syncs, cuts, renames or makes a directory (seccomp with user notification), so the program runs
// as it is: no file of it is replaced, and what SQLite does is counted too.

// writingCalls are the calls the kernel asks about; descriptor says which argument is the file, -1 that there is only a path.
var writingCalls = []struct{ number, descriptor int }{
	{unix.SYS_WRITE, 0}, {unix.SYS_PWRITE64, 0}, {unix.SYS_WRITEV, 0}, {unix.SYS_PWRITEV, 0}, {unix.SYS_FSYNC, 0}, {unix.SYS_FDATASYNC, 0},
	{unix.SYS_FTRUNCATE, 0}, {unix.SYS_FALLOCATE, 0}, {unix.SYS_COPY_FILE_RANGE, 2}, {unix.SYS_SENDFILE, 0}, {unix.SYS_RENAMEAT, -1},
	{unix.SYS_RENAMEAT2, -1}, {unix.SYS_MKDIRAT, -1}, {unix.SYS_LINKAT, -1},
}

// Two of the kernel's structures and its requests for them (linux/seccomp.h).
type (
	question struct {
		id    uint64
		pid   uint32
		flags uint32
		call  int32
		arch  uint32
		at    uint64
		args  [6]uint64
	}
	reply struct {
		id    uint64
		value int64
		err   int32
		flags uint32
	}
)

const (
	receiveQuestion = 0xc0502100
	sendReply       = 0xc0182101
	carryOn         = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// failing is one run: the n-th write below dir, from 1, gives fault, and the others are carried out; 0 fails none.
type failing struct {
	dir   string
	n     int
	fault syscall.Errno

	writes int      // seen so far
	where  []string // what each was to
}

// run runs the test binary as mingzhang and gives its exit code and what it said.
func (w *failing) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path, err := exec.LookPath("mingzhang")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	listener, started := make(chan int, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread that has the filter ends here
		fd, err := installFilter()
		if err != nil {
			listener <- -1
			started <- err
			return
		}
		listener <- fd
		started <- cmd.Start()
	}()
	fd := <-listener
	if fd < 0 {
		t.Skipf("NOT TESTED: failing writes, because the kernel does not let this process ask about them: %v", <-started)
	}
	over, answered := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(answered)
		w.answer(fd, over)
	}()
	if err = <-started; err == nil {
		err = cmd.Wait()
	}
	close(over)
	<-answered
	unix.Close(fd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("mingzhang %s: %v", strings.Join(args, " "), err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// installFilter sets the filter for this thread and what it starts, and gives the descriptor questions come from.
func installFilter() (int, error) {
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for i, a := range writingCalls {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(writingCalls) - i), K: uint32(a.number)})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// answer answers the kernel's questions until the program has ended.
func (w *failing) answer(fd int, over chan struct{}) {
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, 20); n == 0 || err != nil || poll[0].Revents&unix.POLLIN == 0 {
			select {
			case <-over:
				return
			default:
				continue
			}
		}
		var q question
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), receiveQuestion, uintptr(unsafe.Pointer(&q))); errno != 0 {
			continue // who asked is gone
		}
		r := reply{id: q.id, flags: carryOn}
		if to := w.target(&q); to != "" {
			w.where = append(w.where, to)
			if w.writes++; w.writes == w.n {
				r.flags, r.err = 0, -int32(w.fault)
			}
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), sendReply, uintptr(unsafe.Pointer(&r))) // who asked may be gone
	}
}

// randomPart is what tells one temporary directory from another.
var randomPart = regexp.MustCompile(`-[0-9]+`)

// target is the file below the directory that a call is about; empty for another.
func (w *failing) target(q *question) string {
	i := slices.IndexFunc(writingCalls, func(a struct{ number, descriptor int }) bool { return a.number == int(q.call) })
	if i < 0 {
		return ""
	}
	path := ""
	if d := writingCalls[i].descriptor; d >= 0 {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", q.pid, int32(q.args[d])))
	} else {
		path = textOf(q.pid, q.args[1]) // the first path of each of these calls
	}
	if !strings.HasPrefix(path, w.dir+"/") && path != w.dir {
		return ""
	}
	return fmt.Sprintf("call %d of %s", q.call, randomPart.ReplaceAllString(strings.TrimPrefix(path, w.dir), "-N"))
}

// textOf is a text in the memory of another process.
func textOf(pid uint32, at uint64) string {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return ""
	}
	defer memory.Close()
	buf := make([]byte, 4096)
	n, _ := memory.ReadAt(buf, int64(at))
	text, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(text)
}

// eachWrite runs a command line once to count its writes below a directory that prepare makes, and then with each of them
// failing: with EIO and ENOSPC by turns, with -short six of them. check gets what a run left, and whether it said that all
// is well.
func eachWrite(t *testing.T, prepare func(t *testing.T) (dir string, args []string), check func(t *testing.T, dir string, code int, stdout, said string)) {
	t.Helper()
	dir, args := prepare(t)
	count := &failing{dir: dir}
	if code, _, said := count.run(t, args...); code != 0 || count.writes == 0 {
		t.Fatalf("without a failure: exit code %d, %d writes, %s", code, count.writes, said)
	}
	step := 1 + count.writes/100 // of an import, which has twice as many, every third
	if testing.Short() {
		step = max(1, count.writes/6)
	}
	failures, silent := 0, map[string]bool{}
	for n := 1; n <= count.writes; n += step {
		fault := [...]syscall.Errno{syscall.EIO, syscall.ENOSPC}[n/step%2]
		dir, args := prepare(t)
		w := &failing{dir: dir, n: n, fault: fault}
		code, stdout, said := w.run(t, args...)
		if w.writes < n {
			continue // this run got by with fewer
		}
		if code != 0 {
			failures++
		} else {
			silent[w.where[n-1]] = true
		}
		t.Run(fmt.Sprintf("%d %v %s", n, fault, w.where[n-1]), func(t *testing.T) {
			if strings.Contains(said, "panic:") || code < 0 || code == 2 && strings.Contains(said, "goroutine ") {
				t.Errorf("it came down: exit code %d, %s", code, said)
			}
			check(t, dir, code, stdout, said)
		})
	}
	t.Logf("%d writes, of those tried %d end the command; harmless: %v", count.writes, failures, slices.Sorted(maps.Keys(silent)))
	if failures == 0 && filepath.Base(dir) != snapshotsDir {
		t.Error("no failure was noticed")
	}
}

// TestFailedWritesOfSnapshots: whichever write of a snapshot fails, the command is none the worse, and there is the whole snapshot
// or none.
func TestFailedWritesOfSnapshots(t *testing.T) {
	made := filepath.Join(t.TempDir(), "long")
	longDirectory(t, made, 1500)
	sizes := map[string]int64{}
	for _, kind := range []string{"book", "state"} {
		info, err := os.Stat(filepath.Join(made, snapshotsDir, kind, ledgertest.LiminbaID))
		if err != nil {
			t.Fatal(err)
		}
		sizes[kind] = info.Size()
	}
	want := must(t, "statement", "--data", made, "--json")
	eachWrite(t, func(t *testing.T) (string, []string) {
		dir := filepath.Join(t.TempDir(), "copy")
		if err := errors.Join(os.CopyFS(dir, os.DirFS(made)), os.RemoveAll(filepath.Join(dir, snapshotsDir))); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, snapshotsDir), []string{"statement", "--data", dir, "--json"}
	}, func(t *testing.T, snapshots string, code int, stdout, said string) {
		if code != 0 || stdout != want {
			t.Errorf("exit code %d, %s, %s", code, stdout, said)
		}
		err := filepath.WalkDir(snapshots, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			// Not the bytes: maps are written in no order, and this build is not the one that made the first.
			info, err := e.Info()
			if err == nil && (e.Name() != ledgertest.LiminbaID || info.Size() < sizes[filepath.Base(filepath.Dir(path))]*9/10) {
				t.Errorf("it left %s of %d bytes", path, info.Size())
			}
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		if got := must(t, "statement", "--data", filepath.Dir(snapshots), "--json"); got != want {
			t.Errorf("afterwards: %s", got)
		}
	})
}

func incomes(t *testing.T) (file string, ids []uuid.UUID) {
	t.Helper()
	var text strings.Builder
	for range 3 {
		id := uuid.New()
		ids = append(ids, id)
		fmt.Fprintf(&text, `{"method":"RecordIncome","as":"treasurer","request":{"commandId":"%s","collectiveId":"liminba","simulatedAt":"2023-02-01T10:00:00+08:00","kind":"rent","amount":"100.01","occurredOn":"2023-02-01","moneyAccount":"bank"}}`+"\n", id)
	}
	file = filepath.Join(t.TempDir(), "incomes.jsonl")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, ids
}

// TestFailedWritesOfCommands: whichever write fails while three commands are carried out, what was acknowledged is in the log, the
// books are sound without a repair, and the file applied again has every command in the log once. Heads, leaf files and
// snapshots are written on the way.
func TestFailedWritesOfCommands(t *testing.T) {
	file, ids := incomes(t)
	eachWrite(t, func(t *testing.T) (string, []string) {
		dir := demoDir(t)
		return dir, []string{"apply", file, "--data", dir}
	}, func(t *testing.T, dir string, code int, stdout, said string) {
		must(t, "verify", "--data", dir)
		if code == 0 {
			log := must(t, "export", "jsonl", "--data", dir)
			for _, id := range ids {
				if c, _ := id.MarshalBinary(); !strings.Contains(log, base64.StdEncoding.EncodeToString(c)) {
					t.Errorf("%v was acknowledged and is not in the log: %s", id, said)
				}
			}
		}
		must(t, "apply", file, "--data", dir)
		must(t, "verify", "--data", dir)
		countThese(t, dir, ids)
	})
}

// countThese wants each command in the log, once.
func countThese(t *testing.T, dir string, ids []uuid.UUID) {
	t.Helper()
	log := must(t, "export", "jsonl", "--data", dir)
	for _, id := range ids {
		c, _ := id.MarshalBinary()
		if n := strings.Count(log, base64.StdEncoding.EncodeToString(c)); n != 1 {
			t.Errorf("%v is in the log %d times", id, n)
		}
	}
}

// TestFailedWritesOfDocuments: whichever write fails while a document is attached, there is the whole of it under its digest or
// nothing, and it can be attached again.
func TestFailedWritesOfDocuments(t *testing.T) {
	paper := filepath.Join(t.TempDir(), "paper.txt")
	if err := os.WriteFile(paper, []byte(strings.Repeat("收据 ", 20_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	eachWrite(t, func(t *testing.T) (string, []string) {
		dir := demoDir(t)
		return dir, []string{"attach", paper, "--data", dir, "--as", "treasurer", "--kind", "receipt"}
	}, func(t *testing.T, dir string, code int, stdout, said string) {
		kept := 0
		err := filepath.WalkDir(filepath.Join(dir, documentsDir), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || !documentName.MatchString(e.Name()) {
				return err
			}
			kept++
			_, sum, err := hashFile(path)
			if sum != e.Name() {
				t.Errorf("%s has other bytes", path)
			}
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) || code == 0 && kept == 0 {
			t.Errorf("exit code %d and %d documents: %v", code, kept, err)
		}
		must(t, "verify", "--data", dir)
		must(t, "attach", paper, "--data", dir, "--as", "treasurer", "--kind", "receipt")
	})
}

// TestFailedWritesOfWholeThings: whichever write fails, a backup, a restored or imported directory and an export are there whole
// or not at all, and what they were made of is not touched.
func TestFailedWritesOfWholeThings(t *testing.T) {
	demo := demoDir(t)
	saved, log := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "log.jsonl")
	must(t, "backup", "--data", demo, "--out", saved, "--with-secret")
	must(t, "export", "jsonl", "--data", demo, "-o", log)
	whole := read(t, log)
	for name, c := range map[string]struct {
		args  []string // OUT is what is made
		check func(t *testing.T, out string)
	}{
		"backup":  {[]string{"backup", "--data", demo, "--out", "OUT"}, func(t *testing.T, out string) { must(t, "backup", "--check", out) }},
		"tar":     {[]string{"backup", "--data", demo, "--out", "OUT.tar"}, func(t *testing.T, out string) { must(t, "backup", "--check", out) }},
		"restore": {[]string{"restore", saved, "--data", "OUT"}, func(t *testing.T, out string) { must(t, "verify", "--data", out) }},
		"import":  {[]string{"import", log, "--data", "OUT"}, func(t *testing.T, out string) { must(t, "verify", "--data", out) }},
		"jsonl": {[]string{"export", "jsonl", "--data", demo, "-o", "OUT"}, func(t *testing.T, out string) {
			if read(t, out) != whole {
				t.Error("the file is not the whole log")
			}
		}},
		"sqlite": {[]string{"export", "sqlite", "--data", demo, "-o", "OUT"}, func(t *testing.T, out string) {
			if info, err := os.Stat(out); err != nil || info.Size() < 100_000 {
				t.Errorf("%v: %v", info, err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			eachWrite(t, func(t *testing.T) (string, []string) {
				dir := t.TempDir()
				args := slices.Clone(c.args)
				for i, arg := range args {
					if rest, ok := strings.CutPrefix(arg, "OUT"); ok {
						args[i] = filepath.Join(dir, "out") + rest
					}
				}
				return dir, args
			}, func(t *testing.T, dir string, code int, stdout, said string) {
				made := slices.DeleteFunc(entriesOf(t, dir), func(name string) bool {
					// A store that cannot know what it stored ends the program at once, and leaves what it worked in.
					return strings.HasPrefix(name, ".out.") && code != 0 && strings.Contains(said, "only a new start can tell")
				})
				if len(made) > 1 || len(made) == 1 && !strings.HasPrefix(made[0], "out") || code == 0 && len(made) == 0 {
					t.Errorf("exit code %d, it left %v: %s", code, made, said)
				}
				if len(made) == 1 { // though it failed, at a sync of the directory for one
					c.check(t, filepath.Join(dir, made[0]))
				}
			})
		})
	}
}
