package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// onSmallDisk runs a command line with DISK as a file system of its own with so many KiB of room, mounted where nobody else
// sees it, and gives the exit code, what was said and what is left on the disk.
func onSmallDisk(t *testing.T, kib int, line string) (code int, said, left string) {
	t.Helper()
	disk := t.TempDir()
	script := `mount --make-rprivate / && mount -t tmpfs -o size=` + strconv.Itoa(kib) + `k none "$1" || exit 77
said=$(` + strings.ReplaceAll(line, "DISK", `"$1"`) + ` 2>&1); code=$?; echo "$said"; echo ---; ls -A "$1"; exit $code`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", disk)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("NOT TESTED: a full disk, because mounting a tmpfs is not permitted: %v", err)
	}
	if code = cmd.ProcessState.ExitCode(); code == 77 {
		t.Skipf("NOT TESTED: a full disk, because mounting a tmpfs is not permitted: %s", out)
	}
	said, left, _ = strings.Cut(string(out), "---\n")
	return code, said, left
}

// Whatever writes a file or a directory and finds no room ends with a code and a sentence, and leaves nothing.
func TestFullDiskLeavesNothing(t *testing.T) {
	demo := demoDir(t)
	b, log := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "log.jsonl")
	must(t, "backup", "--data", demo, "--out", b, "--with-secret")
	must(t, "export", "jsonl", "--data", demo, "-o", log)
	for name, line := range map[string]string{
		"jsonl":         "mingzhang export jsonl --data " + demo + " -o DISK/log.jsonl",
		"csv":           "mingzhang export csv --data " + demo + " -o DISK/books.csv",
		"beancount":     "mingzhang export beancount --data " + demo + " -o DISK/books.beancount",
		"sqlite":        "mingzhang export sqlite --data " + demo + " -o DISK/books.db",
		"backup":        "mingzhang backup --data " + demo + " --out DISK/b",
		"backup as tar": "mingzhang backup --data " + demo + " --out DISK/b.tar",
		"restore":       "mingzhang restore " + b + " --data DISK/new",
		"import":        "mingzhang import " + log + " --data DISK/new",
	} {
		t.Run(name, func(t *testing.T) {
			sizes := []int{16, 60, 100}
			if name == "beancount" || name == "csv" {
				sizes = []int{8, 12}
			}
			for _, kib := range sizes {
				code, said, left := onSmallDisk(t, kib, line)
				if code != exitStorage || !strings.Contains(said, "磁盘已满") || left != "" {
					t.Errorf("with %d KiB: exit code %d, %q, left %q", kib, code, said, left)
				}
			}
			if code, said, left := onSmallDisk(t, 8<<10, line); code != 0 || left == "" {
				t.Errorf("with room: exit code %d, %q, left %q", code, said, left)
			}
		})
	}
}
