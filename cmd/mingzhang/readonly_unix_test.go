//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user who owns nothing.
const nobody = 65534

// A directory that its user may read and not write is refused with what to do, and nothing in it changes. Root may write
// anything, so the command then runs as nobody.
func TestDirectoryThatCannotBeWritten(t *testing.T) {
	dir := demoDir(t)
	for path := dir; path != filepath.Dir(path) && os.Geteuid() == 0; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o005 != 0o005 {
			if err := os.Chmod(path, info.Mode().Perm()|0o005); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o555)
		}
		return os.Chmod(path, 0o444)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", dir).Run() })
	program := readableProgram(t)
	for _, args := range [][]string{{"balance"}, {"verify"}, {"serve"}} {
		ctx, stop := context.WithTimeout(t.Context(), serverTimeout) // serve would not end if it began
		defer stop()
		cmd := exec.CommandContext(ctx, program, append(args, "--data", dir)...)
		cmd.Args[0] = "mingzhang"
		cmd.Dir = dir
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); err == nil || code != exitStorage || !strings.Contains(string(out), "没有写权限或目录只读") {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
	}
}

// readableProgram copies the program to where every user may run it.
func readableProgram(t *testing.T) string {
	t.Helper()
	found, err := exec.LookPath("mingzhang")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "mingzhang-program-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "mingzhang")
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o755, program: 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return program
}
