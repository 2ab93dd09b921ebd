package main

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// TestPublishedWhenTheKeyHasChanged: what was published under a key that has ended since is brought up to date and verifies, by the new
// key and, where the events are, by the old one, and so do the checkpoints that somebody kept.
func TestPublishedWhenTheKeyHasChanged(t *testing.T) {
	data, place := filepath.Join(t.TempDir(), "demo"), t.TempDir()
	if err := copyDemo(data); err != nil {
		t.Fatal(err)
	}
	whole, heads, kept := filepath.Join(place, "whole"), filepath.Join(place, "heads"), filepath.Join(place, "kept")
	publish := func() {
		t.Helper()
		mz(t, "publish", whole, "--for-auditors", "--data", data)
		mz(t, "publish", heads, "--data", data)
	}
	mz(t, "publish-edition", "--from", "2021-09-10", "--to", "2021-09-10", "--data", data, "--yes")
	publish()
	mz(t, "publish", kept, "--data", data)
	before, err := transparency.OpenPublished(t.Context(), transparency.Dir(filepath.Join(kept, "liminba")), "")
	if err != nil {
		t.Fatal(err)
	}
	mz(t, "key", "rotate", "liminba", "--data", data)
	publish()
	mz(t, "key", "retire", "liminba", "--data", data)
	mz(t, "publish-edition", "--from", "2021-09-11", "--to", "2021-09-11", "--data", data, "--yes")
	publish()
	now, err := transparency.OpenPublished(t.Context(), transparency.Dir(filepath.Join(heads, "liminba")), "")
	if err != nil || now.VerifierKey == before.VerifierKey {
		t.Fatal(now, err)
	}
	export := filepath.Join(place, "log.jsonl")
	mz(t, "export", "jsonl", "-o", export, "--data", data)
	for name, args := range map[string][]string{
		"the events, the old key":       {whole, "--log-key", before.VerifierKey},
		"the events, the old key, kept": {whole, "--log-key", before.VerifierKey, "--checkpoint", kept},
		"the events, the new key":       {whole, "--log-key", now.VerifierKey},
		"the events, the new key, kept": {whole, "--log-key", now.VerifierKey, "--checkpoint", kept},
		"the events, no key, kept":      {whole, "--checkpoint", kept},
		"the checkpoint, the new key":   {heads, "--log-key", now.VerifierKey},
		"an export, the new key, kept":  {export, "--log-key", now.VerifierKey, "--checkpoint", kept},
	} {
		t.Run(name, func(t *testing.T) {
			if v, stderr, code := verdictOn(t, args...); code != 0 || !v.OK {
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
}

// TestSealsWhenTheKeyHasChanged: months that were sealed and published under a key that has ended since are published on, and verify; the
// witness that knows both keys goes on signing.
func TestSealsWhenTheKeyHasChanged(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "demo"), t.TempDir()
	if err := copyDemo(data); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	publish := func() (key string) {
		t.Helper()
		mz(t, "publish", at("whole"), "--for-auditors", "--data", data)
		mz(t, "publish", at("heads"), "--data", data)
		log, err := transparency.OpenPublished(t.Context(), transparency.Dir(at("heads/liminba")), "")
		if err != nil {
			t.Fatal(err)
		}
		return log.VerifierKey
	}
	apply := func(lines string) {
		t.Helper()
		if err := os.WriteFile(at("lines.jsonl"), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		mz(t, "apply", at("lines.jsonl"), "--data", data)
	}
	closeMonth := func(month, day string) {
		t.Helper()
		apply(fmt.Sprintf(`{"method": "ClosePeriod", "as": "treasurer", "request": {"collectiveId": "liminba", "simulatedAt": "%sT09:00:00+08:00", "month": "%s"}}`+"\n", day, month))
	}
	publish()
	key := strings.TrimSpace(mz(t, "witness", "init", "township.example/mingzhang", "--dir", at("township"), "--log", at("heads/liminba/vkey")))
	apply(fmt.Sprintf(`{"method": "RecordResolution", "as": "approver", "request": {"collectiveId": "liminba", "simulatedAt": "2023-01-20T09:00:00+08:00", "resolutionId": "witnesses", "title": "见证章程", "body": "household_heads", "decidedOn": "2023-01-19", "electorate": 665, "present": 600, "votesFor": 600, "minutesSha256": "%s", "matter": "MATTER_CHARTER"}}
{"method": "ConfirmResolution", "as": "supervisor", "request": {"collectiveId": "liminba", "simulatedAt": "2023-01-20T09:05:00+08:00", "resolutionId": "witnesses"}}
{"method": "AdoptWitnessPolicy", "as": "approver", "request": {"collectiveId": "liminba", "simulatedAt": "2023-01-20T09:10:00+08:00", "resolutionId": "witnesses", "groups": [{"name": "outside", "threshold": 1, "witnesses": [{"name": "township", "key": "%s"}]}]}}
`, strings.Repeat("ab", 32), key))
	seal := func() {
		t.Helper()
		w, err := witness.Open(at("township"), clock)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(w.Handler(slog.New(slog.DiscardHandler)))
		defer func() { server.Close(); _ = w.Close() }()
		mz(t, "witness", "ask", server.URL, "--witness", "township", "--collective", "liminba", "--data", data)
	}
	closeMonth("2023-01", "2023-02-01")
	seal()
	before := publish()
	mz(t, "key", "rotate", "liminba", "--data", data)
	mz(t, "key", "retire", "liminba", "--data", data)
	now := publish()
	mz(t, "witness", "add-log", now, "--dir", at("township"))
	closeMonth("2023-02", "2023-03-01")
	publish()
	if line := mz(t, "witness", "cosign", at("whole/liminba"), "--dir", at("township"), "--yes"); !strings.HasPrefix(line, "— township.example/mingzhang ") {
		t.Errorf("the witness says %s", line)
	}
	seal()
	publish()
	for name, args := range map[string][]string{
		"the events, the old key":     {at("whole"), "--log-key", before, "--sealed", "2023-01"},
		"the events, the new key":     {at("whole"), "--log-key", now, "--sealed", "2023-02"},
		"the checkpoint, the new key": {at("heads"), "--log-key", now},
	} {
		t.Run(name, func(t *testing.T) {
			if v, stderr, code := verdictOn(t, args...); code != 0 || !v.OK {
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
}
