package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the demo says to call works when it is typed as it stands.
func TestDemoInvitesToCallsThatWork(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("NOT TESTED: curl is not installed")
	}
	tmp := t.TempDir()
	cmd := exec.Command("mingzhang", "demo", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Stderr = new(lockedBuffer)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(2*serverTimeout, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	var calls []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "curl ") || strings.HasPrefix(lines.Text(), "mingzhang ") {
			calls = append(calls, lines.Text())
		}
		if strings.HasPrefix(lines.Text(), "mingzhang ") {
			break // it is the last
		}
	}
	want := []string{`"closing":"68620.05"`, `"number":"收2022-2"`, `"account":"fund/maintenance","balance":"7045.00"`, "7,045.00"}
	if len(calls) != len(want) {
		t.Fatalf("the demo invites to %q\n%s", calls, cmd.Stderr)
	}
	for i, call := range calls {
		answer, err := exec.Command("sh", "-c", strings.Replace(call, "curl ", "curl -sf ", 1)).Output()
		if got := strings.ReplaceAll(string(answer), `, "`, `,"`); err != nil || !strings.Contains(got, want[i]) {
			t.Errorf("%s\nanswers %s (%v), without %s", call, answer, err, want[i])
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the demo ended with %v\n%s", err, cmd.Stderr)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}
