package main

import (
	"path/filepath"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/transparency"
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
