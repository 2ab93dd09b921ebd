package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

func init() { children["full"] = fullChild }

const exitNotPermitted = 77

// TestDiskFull fills a real, small file system. It is mounted by a child in a mount namespace of its own, so nothing of it
// is left behind whatever happens.
func TestDiskFull(t *testing.T) {
	ballasts := []int{100, 1000}
	if !testing.Short() {
		for kb := 64; kb < 2048; kb += 31 {
			ballasts = append(ballasts, kb)
		}
	}
	for _, kb := range ballasts {
		cmd := child(t, "full", t.TempDir())
		cmd.Env = append(cmd.Env, "BALLAST_KB="+strconv.Itoa(kb))
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		out, err := cmd.Output()
		if errors.Is(err, syscall.EPERM) || cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitNotPermitted {
			t.Skipf("NOT TESTED: a full disk, because mounting a tmpfs is not permitted: %v %s", err, cmd.Stderr)
		}
		if err != nil {
			t.Errorf("with %d KiB of ballast: %v; %s", kb, err, cmd.Stderr)
		}
		t.Logf("with %d KiB of ballast: %s", kb, strings.TrimSpace(string(out)))
	}
}

// fullChild fills the disk, reads, makes room, goes on, and opens again.
func fullChild(dir string) error {
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitNotPermitted)
	}
	kb, err := strconv.Atoi(os.Getenv("BALLAST_KB"))
	if err != nil {
		return err
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, kb<<10), 0o600); err != nil {
		return err
	}
	path := filepath.Join(dir, "events.db")
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	version, err := fillUp(s)
	if err != nil {
		return err
	}
	filled := version
	if err := checkFull(s, version); err != nil {
		return err
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	for range 3 {
		if err := appendFull(s, version, 1); err != nil {
			return fmt.Errorf("append when there is room again: %w", err)
		}
		version++
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = Open(path, Options{MustExist: true}); err != nil {
		return err
	}
	fmt.Printf("full after %d events, %d after there was room again\n", filled, version)
	return errors.Join(checkFull(s, version), s.Close())
}

// fillUp appends until there is no room, in single events of 1 to 4 KiB and every now and then many at once.
func fillUp(s *Store) (version uint64, err error) {
	for refused := 0; refused < 20; {
		n := 1
		if version%10 == 9 {
			n = 20
		}
		err := appendFull(s, version, n)
		switch {
		case err == nil:
			version += uint64(n)
		case errors.Is(err, eventstore.ErrNoSpace):
			refused++
			// Single ones may still fit where many do not.
			if err := appendFull(s, version, 1); err == nil {
				version++
			} else if !errors.Is(err, eventstore.ErrNoSpace) {
				return version, err
			}
		default:
			return version, err
		}
		if version > 10_000 {
			return version, errors.New("the disk does not fill up")
		}
	}
	return version, nil
}

func appendFull(s *Store, version uint64, n int) error {
	events := make([]eventstore.NewEvent, n)
	for i := range events {
		events[i] = eventstore.NewEvent{Type: "noted", Data: fullData(version + uint64(i) + 1)}
	}
	_, err := s.Append(context.Background(), "a", version, events)
	return err
}

func fullData(version uint64) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%08d", version), 128*int(1+version%4)))
}

// checkFull checks that the stream holds what was acknowledged, and nothing of what was refused.
func checkFull(s *Store, version uint64) error {
	n := uint64(0)
	for e, err := range s.Read(context.Background(), "a", 0) {
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n++; string(e.Data) != string(fullData(n)) {
			return fmt.Errorf("version %d has other bytes", n)
		}
	}
	if head, err := s.Version(context.Background(), "a"); n != version || head != version || err != nil {
		return fmt.Errorf("%d events at version %d (%v), acknowledged were %d", n, head, err, version)
	}
	return nil
}

// asNobody runs a function without the right to write everywhere that root has: the test runs as root in many containers.
func asNobody(t *testing.T, do func()) {
	if os.Getuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Skipf("NOT TESTED: files that may not be written, because root cannot become less: %v", err)
		}
		defer syscall.Setfsuid(0)
	}
	do()
}

func TestOpenReadOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.db")
	if err := openTest(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(filepath.Dir(dir), 0o755) // so that nobody comes this far
	chmod(filepath.Join(dir, LockFile), 0o666)
	chmod(dir, 0o777)
	chmod(path, 0o444)
	asNobody(t, func() { wantRefusal(t, path, Options{}, os.ErrPermission, "events.db cannot be written") })
	chmod(dir, 0o555)
	chmod(filepath.Join(dir, LockFile), 0o444)
	asNobody(t, func() {
		wantRefusal(t, path, Options{}, os.ErrPermission, "data directory "+dir+" cannot be written")
		wantRefusal(t, filepath.Join(dir, "new.db"), Options{}, os.ErrPermission, "cannot be written")
	})
	chmod(filepath.Join(dir, LockFile), 0o666)
	asNobody(t, func() { wantRefusal(t, filepath.Join(dir, "new.db"), Options{}, nil, "new.db") })
	chmod(dir, 0o755)
}

// TestFault: a mapped page that cannot be read, as one behind the end of a file that somebody cuts, is damage and not the end of
// the process.
func TestFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	closedTest(t, path)
	err := look(t.Context(), path, func(c *conn) error {
		q, err := c.prepare(sqlPlaces)
		if err != nil {
			return err
		}
		if row, err := q.Step(); !row || err != nil {
			return fmt.Errorf("first row: %v, %w", row, err)
		}
		if err := os.Truncate(path, 4096); err != nil {
			return err
		}
		return q.run()
	})
	if !errors.Is(err, ErrDamaged) || !errors.Is(err, errFault) {
		t.Errorf("a page that is not there: %v", err)
	}
}
