package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// witnessing starts mingzhang witness serve on a free port and gives its URL. It has ended, as it should, when the test does.
func witnessing(t *testing.T, dir string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	in, out := io.Pipe()
	ended := make(chan error, 1)
	var logged bytes.Buffer
	go func() {
		err := run(ctx, []string{"witness", "serve", "--dir", dir, "--listen", "127.0.0.1:0"}, strings.NewReader(""), out, &logged)
		out.CloseWithError(io.ErrUnexpectedEOF)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("witness serve ended with %v\n%s", err, &logged)
		}
	})
	url, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// Two servers witness each other: each publishes its log, and signs that of the other as it grows. While it serves, its directory signs
// for nobody else; afterwards it remembers.
func TestServersWitnessEachOther(t *testing.T) {
	type village struct {
		id, data, published, witness string
		key                          signednote.Verifier
		url                          string
		known                        uint64
	}
	dir := t.TempDir()
	villages := [2]*village{{id: "liminba", data: demoDir(t)}, {id: "our-village", data: filepath.Join(dir, "our")}}
	mz(t, "init", "--data", villages[1].data)
	mz(t, "found", filepath.Join("..", "..", "docs", "charter.json"), "--data", villages[1].data)
	publish := func(v *village) *transparency.PublishedLog {
		t.Helper()
		mz(t, "publish", v.published, "--for-auditors", "--data", v.data)
		log, err := transparency.OpenPublished(t.Context(), transparency.Dir(filepath.Join(v.published, v.id)), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Check(t.Context(), func(uint64, string, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		return log
	}
	for _, v := range villages {
		v.published, v.witness = filepath.Join(dir, v.id+"-published"), filepath.Join(dir, v.id+"-witness")
		publish(v)
		key, err := signednote.ParseVerifier(strings.TrimSpace(mz(t, "witness", "init", v.id+".example/witness", "--dir", v.witness)))
		if err != nil {
			t.Fatal(err)
		}
		v.key = key
	}
	for i, v := range villages {
		other := villages[1-i]
		mz(t, "witness", "add-log", filepath.Join(other.published, other.id, "vkey"), "--dir", v.witness)
		v.url = witnessing(t, v.witness)
	}
	ask := func(v, other *village) {
		t.Helper()
		log := publish(v)
		note, err := os.ReadFile(filepath.Join(v.published, v.id, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := witness.Client{}.Ask(t.Context(), other.url, other.key, v.known, func(_ context.Context, old uint64) ([]byte, error) {
			hashes, err := log.Consistency(old, log.Head.Size)
			return transparency.FormatConsistency(transparency.Consistency{OldSize: old, Hashes: hashes, Note: note}), err
		})
		if err != nil {
			t.Fatalf("%s asks %s at %d: %v", v.id, other.id, log.Head.Size, err)
		}
		if err := c.Verify(other.key, log.Head.Text(), witness.Times{Now: time.Now(), AgeMax: time.Minute}); err != nil {
			t.Error(err)
		}
		v.known = log.Head.Size
	}
	ask(villages[0], villages[1])
	ask(villages[1], villages[0])
	mz(t, "receive-gift", "--fund", "welfare", "--amount", "1.00", "--occurred-on", "2023-01-05", "--money-account", "bank",
		"--simulated-at", "2023-01-06T09:00:00+08:00", "--data", villages[0].data, "--yes")
	ask(villages[0], villages[1])
	ask(villages[0], villages[1]) // and the same again
	villages[0].known = 0         // one that forgot is told
	ask(villages[0], villages[1])

	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"witness", "cosign", filepath.Join(villages[0].published, "liminba"), "--dir", villages[1].witness, "--yes", "--lang", "en"},
		strings.NewReader(""), &stdout, &stderr)
	if f := explain(err); err == nil || f.code != exitStorage || !strings.Contains(f.en, "in use by another process") {
		t.Errorf("cosign beside serve: %v", err)
	}
	_, states, err := witness.Read(villages[1].witness)
	if err != nil || len(states) != 1 || states[0].Remembered.Size != villages[0].known {
		t.Errorf("it remembers %+v, %v", states, err)
	}
}

// A member of the committee signs from the address of what is published; the page of the manual is right in what it has her type.
func TestCosignFromTheWeb(t *testing.T) {
	data, published := demoDir(t), filepath.Join(t.TempDir(), "published")
	mz(t, "publish", published, "--for-auditors", "--data", data)
	server := httptest.NewServer(http.FileServer(http.Dir(published)))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "witness")
	mz(t, "witness", "init", "village.example/committee-1", "--dir", dir, "--log", filepath.Join(published, "liminba", "vkey"))
	for _, args := range [][]string{{server.URL + "/liminba"}, {server.URL, "--collective", "liminba"}} {
		if got := mz(t, append([]string{"witness", "cosign", "--yes", "--dir", dir}, args...)...); !strings.HasPrefix(got, "— village.example/committee-1 ") {
			t.Errorf("signed is %q", got)
		}
	}
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"witness", "cosign", server.URL + "/other", "--yes", "--dir", dir}, strings.NewReader(""), &stdout, &stderr)
	if err == nil || explain(err).code != exitVerified || stdout.Len() > 0 {
		t.Errorf("where nothing is published: %v, %s", err, &stdout)
	}
}
