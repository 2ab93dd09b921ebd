package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// published is a directory in which the demo is published with one small edition, whole or as a checkpoint alone.
func publishedEdition(t *testing.T, args ...string) string {
	t.Helper()
	data, dir := filepath.Join(t.TempDir(), "demo"), filepath.Join(t.TempDir(), "web")
	if err := copyDemo(data); err != nil {
		t.Fatal(err)
	}
	mz(t, "publish-edition", "--from", "2021-09-10", "--to", "2021-09-10", "--data", data, "--yes")
	mz(t, append([]string{"publish", dir, "--data", data}, args...)...)
	return filepath.Join(dir, "liminba")
}

// heldOf is a published log, its events folded where it has them.
func heldOf(t *testing.T, dir string) *heldLog {
	t.Helper()
	files := transparency.Dir(dir)
	log, err := transparency.OpenPublished(t.Context(), files, "")
	if err != nil {
		t.Fatal(err)
	}
	held := &heldLog{name: dir, kind: kindDirectory, head: log.Head, key: log.VerifierKey, headOnly: log.HeadOnly, files: files, rootAt: log.RootAt}
	if !log.HeadOnly {
		held.replay = newReplay(log.Head.Origin, nil)
		if err := held.replay.read(checkedEvents(t.Context(), log)); err != nil {
			t.Fatal(err)
		}
	}
	return held
}

// TestEveryBitOfAPublishedEditionCounts: a bit turned in the text or in the proof is found, and the edition is named, by whoever has all events
// and by whoever has the checkpoint alone.
func TestEveryBitOfAPublishedEditionCounts(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 13
	}
	for name, args := range map[string][]string{"whole": {"--for-auditors"}, "checkpoint": nil} {
		t.Run(name, func(t *testing.T) {
			dir := publishedEdition(t, args...)
			held := heldOf(t, dir)
			if n, err := checkEditions(t.Context(), held); n != 1 || err != nil {
				t.Fatalf("%d editions: %v", n, err)
			}
			wrong := func(what string) {
				t.Helper()
				_, err := checkEditions(t.Context(), held)
				if bad := (*projections.EditionError)(nil); !errors.As(err, &bad) || bad.Number != 1 {
					t.Fatalf("%s: %v", what, err)
				}
			}
			for _, file := range []string{rpc.EditionTextFile(1), rpc.EditionProofFile(1)} {
				path := filepath.Join(dir, filepath.FromSlash(file))
				right, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				put := func(data []byte) {
					if err := os.WriteFile(path, data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				changed := bytes.Clone(right)
				for bit := 0; bit < len(right)*8; bit += step {
					changed[bit/8] ^= 1 << (bit % 8)
					put(changed)
					wrong("a bit of " + file + " turned: " + string(changed))
					changed[bit/8] ^= 1 << (bit % 8)
				}
				put(right[:len(right)-1])
				wrong(file + " a byte shorter")
				put(append(bytes.Clone(right), '\n'))
				wrong(file + " a byte longer")
				put(nil)
				wrong(file + " empty")
				put(right)
			}
			if _, err := checkEditions(t.Context(), held); err != nil {
				t.Fatalf("put back: %v", err)
			}
		})
	}
}

// TestEditionOfAnotherLogIsRefused: a text with a good proof of another log of the same collective does not pass.
func TestEditionOfAnotherLogIsRefused(t *testing.T) {
	one, other := publishedEdition(t), publishedEdition(t, "--for-auditors")
	held := heldOf(t, other)
	proof, err := os.ReadFile(filepath.Join(one, rpc.EditionProofFile(1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, rpc.EditionProofFile(1)), proof, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := checkEditions(t.Context(), held); err == nil || !strings.Contains(err.Error(), "edition 1: editions/1.tlog-proof") {
		t.Errorf("the proof of another publication gives %v", err)
	}
}

// TestVerificationPageWorks types what docs/verification.md tells a stranger to type, from a poster to its figures.
func TestVerificationPageWorks(t *testing.T) {
	_, text, _ := strings.Cut(page(t, "docs/verification.md"), "## From a poster to its figures")
	text, _, _ = strings.Cut(text, "## What this proves")
	t.Chdir(t.TempDir())
	typed, said := 0, ""
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for _, line := range strings.Split(block[1], "\n") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "   #")
			line, into, _ := strings.Cut(line, " > ")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "./mingzhang" {
				continue
			}
			for i, w := range words {
				if w == "PIN" {
					words[i] = regexp.MustCompile(`mingzhang.example/liminba#172:[A-Za-z0-9_-]{43}`).FindString(said)
				}
			}
			said += mz(t, append(words[1:], "--lang", "en")...)
			typed++
			if into != "" {
				if err := os.WriteFile(into, []byte(mz(t, words[1:]...)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, want := range regexp.MustCompile(`(?m)^> (.*)$`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(said, want[1]) {
			t.Errorf("the page shows %q, it is\n%s", want[1], said)
		}
	}
	if typed < 8 || !strings.Contains(said, "The text that was given is the text of that edition.") {
		t.Errorf("%d commands were typed, which say\n%s", typed, said)
	}
}

// TestEditionAheadOfTheCheckpoint: editions are published before the checkpoint that has them, so one that is ahead of it, as after a crash, is
// nothing wrong; one that nobody has signed is.
func TestEditionAheadOfTheCheckpoint(t *testing.T) {
	for name, args := range map[string][]string{"whole": {"--for-auditors"}, "checkpoint": nil} {
		t.Run(name, func(t *testing.T) {
			data, web := filepath.Join(t.TempDir(), "demo"), filepath.Join(t.TempDir(), "web")
			if err := copyDemo(data); err != nil {
				t.Fatal(err)
			}
			publish := func(day string) {
				t.Helper()
				mz(t, "publish-edition", "--from", day, "--to", day, "--data", data, "--yes")
				mz(t, append([]string{"publish", web, "--data", data}, args...)...)
			}
			publish("2021-09-10")
			checkpoint := filepath.Join(web, "liminba", transparency.CheckpointFile)
			before, err := os.ReadFile(checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			publish("2021-09-11")
			if err := os.WriteFile(checkpoint, before, 0o644); err != nil {
				t.Fatal(err)
			}
			if v, stderr, code := verdictOn(t, web); code != 0 || !v.OK {
				t.Errorf("exit %d: %s", code, stderr)
			}
			proof := filepath.Join(web, "liminba", "editions", "2.tlog-proof")
			text, err := os.ReadFile(proof)
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)-9] ^= 1
			if err := os.WriteFile(proof, text, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, _, code := verdictOn(t, web); code != exitVerified {
				t.Errorf("an edition that nobody has signed: exit %d", code)
			}
		})
	}
}
