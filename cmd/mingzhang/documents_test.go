package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mzFails runs a command line that has to fail with an exit code, and gives what it says.
func mzFails(t *testing.T, code int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	if got := report(&stderr, languageOf(args), err); got != code {
		t.Fatalf("mingzhang %s: exit code %d, want %d (%v)", strings.Join(args, " "), got, code, err)
	}
	return stdout.String() + stderr.String()
}

// TestPaperFromFileToVoucherAndBack: attached, cited by a voucher, fetched, and looked for by verify.
func TestPaperFromFileToVoucherAndBack(t *testing.T) {
	dir, files := filepath.Join(t.TempDir(), "books"), t.TempDir()
	at := func(name string) string { return filepath.Join(files, name) }
	write := func(name, content string) string {
		if err := os.WriteFile(at(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	mz(t, "init", "--data", dir)
	mz(t, "found", filepath.Join("..", "..", "docs", "charter.json"), "--data", dir)
	mz(t, "operator", "add", "treasurer", "--name", "会计", "--data", dir)
	mz(t, "operator", "role", "grant", "our-village", "treasurer", "treasurer", "--data", dir)

	scan := "%PDF-1.7\n" + strings.Repeat("scan ", 200_000)
	printed := mz(t, "attach", write("gift.pdf", scan), "--kind", "receipt", "--issuer", "donor", "--number", "1", "--data", dir)
	var paper map[string]any
	if err := json.Unmarshal([]byte(printed), &paper); err != nil || paper["mediaType"] != "application/pdf" || paper["size"] != "1000009" || strings.Count(printed, "\n") != 1 {
		t.Fatalf("attach prints %s, %v", printed, err)
	}
	digest := paper["sha256"].(string)
	mzFails(t, exitRefused, "attach", write("page.html", "<html>"), "--data", dir)
	mzFails(t, exitUsage, "attach", at("nothing"), "--data", dir)

	day := "2024-03-01"
	lines := `{"method":"OpenMoneyAccount","as":"treasurer","request":{"collectiveId":"our-village","moneyAccount":"safe","kind":"MONEY_ACCOUNT_KIND_CASH","name":"保险柜"}}
{"method":"ReceiveGift","as":"treasurer","request":{"collectiveId":"our-village","fund":"FUND","amount":"5.00","occurredOn":"` + day + `","moneyAccount":"safe","documents":[` + strings.TrimSpace(printed) + `]}}
`
	var charter struct {
		Funds    []struct{ ID string }
		FirstDay string
	}
	text := page(t, filepath.Join("docs", "charter.json"))
	if err := json.Unmarshal([]byte(text), &charter); err != nil || len(charter.Funds) == 0 {
		t.Fatal(err)
	}
	lines = strings.NewReplacer("FUND", charter.Funds[0].ID, day, charter.FirstDay).Replace(lines)
	mz(t, "apply", write("gift.jsonl", lines), "--data", dir)

	out := at("back.pdf")
	mz(t, "document", digest, "--out", out, "--data", dir)
	if got, err := os.ReadFile(out); err != nil || string(got) != scan {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	if got := mz(t, "document", digest, "--data", dir); got != scan {
		t.Errorf("%d bytes came to standard output", len(got))
	}
	mzFails(t, exitUsage, "document", "nonsense", "--data", dir)
	missing := strings.Repeat("0a", 32)
	mzFails(t, exitRefused, "document", missing, "--out", at("nothing"), "--data", dir)
	if _, err := os.Stat(at("nothing")); err == nil {
		t.Error("a document that is not kept left a file")
	}

	found := func() (ok bool, p papers) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), []string{"verify", "--json", "--data", dir}, strings.NewReader(""), &stdout, &stderr)
		var report struct{ Streams []finding }
		if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
			t.Fatalf("%v: %s", err, &stdout)
		}
		for _, f := range report.Streams {
			if f.Papers != nil {
				p = *f.Papers
			}
		}
		return err == nil, p
	}
	// The founding minutes and the gift's receipt are named; the minutes are not kept here.
	if ok, p := found(); !ok || p.Named != 2 || len(p.Missing) != 1 || p.Missing[0] == digest || len(p.Damaged) != 0 {
		t.Errorf("verify finds %v, %+v", ok, p)
	}
	if got := mz(t, "verify", "--lang", "en", "--data", dir); !strings.Contains(got, "of 2 documents it names, 1 are not kept here") {
		t.Errorf("verify says\n%s", got)
	}
	stored := filepath.Join(dir, documentsDir, "our-village", digest[:2], digest)
	if err := os.Chmod(stored, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(stored, 1000); err != nil {
		t.Fatal(err)
	}
	if ok, p := found(); ok || len(p.Damaged) != 1 || p.Damaged[0] != digest {
		t.Errorf("with a damaged document verify finds %v, %+v", ok, p)
	}
	mzFails(t, exitVerified, "document", digest, "--out", at("damaged"), "--data", dir)
	if _, err := os.Stat(at("damaged")); err == nil {
		t.Error("a damaged document left a file")
	}
	mz(t, "attach", at("gift.pdf"), "--data", dir)
	if ok, p := found(); !ok || len(p.Damaged) != 0 {
		t.Errorf("after the document came again verify finds %v, %+v", ok, p)
	}
	if err := os.Remove(stored); err != nil {
		t.Fatal(err)
	}
	if ok, p := found(); !ok || len(p.Missing) != 2 {
		t.Errorf("with a lost document verify finds %v, %+v", ok, p)
	}
}
