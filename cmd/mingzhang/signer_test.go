//go:build unix

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// apart moves the secret and the memory of a data directory to a signer of its own, as docs/operations.md says.
func apart(t *testing.T, dir string) (socket, secret, state string) {
	t.Helper()
	place, err := os.MkdirTemp("", "s") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(place) })
	socket, secret, state = filepath.Join(place, "sock"), filepath.Join(place, "secret"), filepath.Join(place, "state")
	for from, to := range map[string]string{secretFile: secret, signerDir: state} {
		if err := os.Rename(filepath.Join(dir, from), to); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, signerSocketFile), []byte(socket+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return socket, secret, state
}

func startSigner(t *testing.T, socket, secret, state string) *process {
	t.Helper()
	p, err := start("signer", "--socket", socket, "--secret", secret, "--state", state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// The signer is killed (SIGKILL) and started again under load. No command fails for it; receipts come or say that it is away; when it
// is back heads catch up by themselves, and all of it is one log.
func TestSignerKilledUnderLoad(t *testing.T) {
	dir := demoDir(t)
	must(t, "operator", "key", "treasurer", "--data", dir)
	socket, secret, state := apart(t, dir)
	signer := startSigner(t, socket, secret, state)
	server, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer server.kill()
	key, err := readKey(filepath.Join(dir, keysDir, "treasurer.key"))
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Authorization": {"Bearer " + key}, rpc.ReceiptHeader: {rpc.ReceiptProof}}
	books := apiv1connect.NewBooksServiceClient(connect.NewClient(connecthttp.NewTransport(keyed{header}, server.url)))
	gift := func() *apiv1.Receipt {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		answer, err := books.ReceiveGift(ctx, &apiv1.ReceiveGiftRequest{
			CommandId: commandID(""), CollectiveId: "liminba", Fund: "welfare", Amount: "1.00", OccurredOn: "2023-01-05", MoneyAccount: "bank",
			SimulatedAt: "2023-01-06T09:00:00+08:00",
		})
		if err != nil {
			t.Fatalf("a command: %v", err)
		}
		return answer.Receipt
	}
	proved, missing := 0, 0
	for round := range 3 {
		for range 10 {
			r := gift()
			if _, err := transparency.ParseInclusion([]byte(r.Proof)); err != nil {
				t.Fatalf("round %d, with a signer: %v, missing %q", round, err, r.ProofMissing)
			}
			proved++
		}
		go func() { time.Sleep(time.Millisecond); signer.kill() }()
		for range 10 {
			if r := gift(); r.Proof == "" && r.ProofMissing == "signer_away" {
				missing++
			}
		}
		<-signer.done
		if r := gift(); r.ProofMissing != "signer_away" {
			t.Fatalf("round %d, without a signer: %v", round, r)
		}
		waitHeadsDue(t, server, true)
		signer = startSigner(t, socket, secret, state)
		waitHeadsDue(t, server, false)
	}
	if missing == 0 {
		t.Error("no receipt was missing")
	}
	must(t, "backup", "--data", dir, "--out", filepath.Join(t.TempDir(), "b")) // while both run, and the signer is ahead of the copy
	if err := server.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.wait(); err != nil {
		t.Fatal(err)
	}
	if said := must(t, "verify", "--data", dir, "--lang", "en"); strings.Contains(said, "damaged") {
		t.Error(said)
	}
	if err := signer.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := signer.wait(); err != nil {
		t.Errorf("the signer ended with %v", err)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is still there")
	}
}

// waitHeadsDue waits until /healthz says that heads wait, or that they do not.
func waitHeadsDue(t *testing.T, server *process, want bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		answer, err := http.Get(server.url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var health struct{ HeadsDue, Sound bool }
		if err := json.Unmarshal(text, &health); err != nil || !health.Sound {
			t.Fatalf("health: %s, %v", text, err)
		}
		if health.HeadsDue == want {
			return
		}
	}
	t.Fatalf("heads due did not become %v", want)
}

// A data directory that is made for a signer has no secret; two signers are refused, and so is an older backup.
func TestSignerApart(t *testing.T) {
	place, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(place)
	socket, secret, state := filepath.Join(place, "sock"), filepath.Join(place, "secret"), filepath.Join(place, "state")
	must(t, "key", "generate", secret)
	dir := filepath.Join(place, "d")
	if _, _, err := command(t, "init", "--data", dir, "--signer", socket); err == nil {
		t.Error("a directory was made without its signer")
	}
	startSigner(t, socket, secret, state)
	must(t, "init", "--data", dir, "--signer", socket)
	for _, name := range []string{secretFile, signerDir} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("the directory has %s", name)
		}
	}
	must(t, "operator", "add", "treasurer", "--name", "Treasurer", "--data", dir)
	if said := must(t, "key", "show", "--signer", socket); !strings.Contains(said, "mingzhang/access+") {
		t.Errorf("the signer has the keys %s", said)
	}
	refused(t, exitStorage, "in use", "signer", "--socket", filepath.Join(place, "other"), "--secret", secret, "--state", state)
	refused(t, exitStorage, "signs on", "signer", "--socket", socket, "--secret", secret, "--state", filepath.Join(place, "other-state"))
	refused(t, exitUsage, "no socket", "signer", "--socket", secret, "--secret", secret, "--state", filepath.Join(place, "other-state"))

	must(t, "backup", "--data", dir, "--out", filepath.Join(place, "b"))
	must(t, "operator", "add", "approver", "--name", "Approver", "--data", dir)
	refused(t, exitVerified, "events are missing: the signer has signed", "restore", filepath.Join(place, "b"), "--data", filepath.Join(place, "older"), "--signer", socket)
	must(t, "backup", "--data", dir, "--out", filepath.Join(place, "now"))
	must(t, "restore", filepath.Join(place, "now"), "--data", filepath.Join(place, "newer"), "--signer", socket)

	if err := os.WriteFile(filepath.Join(dir, secretFile), []byte(strings.Repeat("00", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, exitUsage, "cannot have another signer as well", "verify", "--data", dir)
}
