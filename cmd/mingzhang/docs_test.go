package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// mz runs one command line and gives what it prints.
func mz(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); err != nil {
		t.Fatalf("mingzhang %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String()
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page of commands shows one for every method, and they work, in order, from founding to the first closed month.
func TestCommandsPageWorks(t *testing.T) {
	text := page(t, "docs/commands.md")
	var lines, record strings.Builder // record: lines about the record that those before them have made
	for _, block := range regexp.MustCompile("(?s)```jsonl( record)?\n(.*?)```").FindAllStringSubmatch(text, -1) {
		into := &lines
		if block[1] != "" {
			into = &record
		}
		into.WriteString(block[2])
	}
	for method := range ledger.Matrix {
		if !strings.Contains(lines.String()+record.String(), `{"method": "`+method+`"`) {
			t.Errorf("docs/commands.md has no example of %s", method)
		}
	}
	dir := filepath.Join(t.TempDir(), "books")
	file := filepath.Join(t.TempDir(), "page.jsonl")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	mz(t, "init", "--data", dir)
	mz(t, "apply", file, "--data", dir)
	id := regexp.MustCompile(`"recordId": *"([0-9a-f-]{36})"`).FindStringSubmatch(mz(t, "list-personal-data", "--as", "treasurer", "--data", dir, "--json"))
	if id == nil {
		t.Fatal("no record of personal data is listed")
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(record.String(), "RECORD", id[1])), 0o600); err != nil {
		t.Fatal(err)
	}
	mz(t, "apply", file, "--data", dir)
	got := mz(t, "balance", "--csv", "--data", dir)
	for account, balance := range map[string]string{"fund/dividend": "0.00", "fund/reserve": "550.00", "fund/welfare": "450.00",
		"fund/maintenance": "5925.00", "fund/education": "0.00", "deposit/lease": "0.00", "gift/books": "180.00", "receivable/rent": "0.00",
		"receivable/pending": "349.96", "money/bank": "6755.04", "money/cash": "0.00"} {
		if !regexp.MustCompile("(?m)^" + account + ",[^,]*," + balance + "$").MatchString(got) {
			t.Errorf("the page ends without %s of %s:\n%s", balance, account, got)
		}
	}
	asked := 0
	for _, typed := range regexp.MustCompile("(?m)^mingzhang (explain|changes|journal|events|roles) [^#\n]*").FindAllString(text, -1) {
		if got := mz(t, append(strings.Fields(typed)[1:], "--data", dir)...); strings.Count(got, "\n") < 2 {
			t.Errorf("%s says only %s", typed, got)
		}
		asked++
	}
	if asked < 9 {
		t.Errorf("the page asks %d questions", asked)
	}
}

// The example charter of the README founds a collective.
func TestCharterPageWorks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "books")
	mz(t, "init", "--data", dir)
	if got := mz(t, "found", filepath.Join("..", "..", "docs", "charter.json"), "--data", dir); !strings.Contains(got, "our-village") {
		t.Errorf("found says: %s", got)
	}
}

// What both READMEs tell a newcomer to type works as it stands, in a directory that has nothing but the page's files.
func TestReadmeForRealWorks(t *testing.T) {
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		t.Run(name, func(t *testing.T) {
			_, rest, _ := strings.Cut(page(t, name), "```sh\ngo build")
			block, rest, _ := strings.Cut(rest, "```")
			for _, later := range regexp.MustCompile("(?s)```sh\n(\\./mingzhang .*?)```").FindAllStringSubmatch(rest, -1) { // about signing in and publishing
				block += later[1]
			}
			dir := t.TempDir()
			if err := os.CopyFS(filepath.Join(dir, "docs"), os.DirFS(filepath.Join("..", "..", "docs"))); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			printed := map[string]string{}
			for _, typed := range strings.Split(block, "\n")[1:] {
				typed, _, _ = strings.Cut(typed, " #")
				words := strings.Fields(typed)
				if len(words) == 0 || words[1] == "serve" {
					continue
				}
				if words[0] != "./mingzhang" {
					t.Fatalf("%s has the line %s", name, typed)
				}
				of := words[1]
				if of == "operator" || of == "verify" && !strings.HasPrefix(words[2], "-") {
					of += " " + words[2]
				}
				printed[of] = mz(t, words[1:]...)
			}
			if got := printed["balance"]; !regexp.MustCompile(`(?m)^fund/dividend +分红金 +68,600\.00$`).MatchString(got) {
				t.Errorf("the books begin with\n%s", got)
			}
			if got := printed["verify"]; !regexp.MustCompile(`(?m)^collective-our-village +\d+ +相符`).MatchString(got) {
				t.Errorf("verify says\n%s", got)
			}
			if !strings.Contains(printed["operator invite"], "http://localhost:8423/invitation/") {
				t.Errorf("the invitation is\n%s", printed["operator invite"])
			}
			if _, err := os.Stat("public/b/our-village/index.html"); err != nil || !strings.Contains(printed["verify public/our-village"], "签名相符") {
				t.Errorf("no published board (%v), or verify says\n%s", err, printed["verify public/our-village"])
			}
			if _, err := os.Stat("books/keys/treasurer.key"); err != nil || printed["statement"] == "" {
				t.Errorf("no key file (%v), or no statement", err)
			}
		})
	}
}

// Both READMEs show what the demo prints.
func TestReadmeShowsTheDemo(t *testing.T) {
	for file, lang := range map[string]string{"README.md": "en", "README.zh-CN.md": "zh"} {
		table, _, _ := strings.Cut(mz(t, "demo", "--once", "--lang", lang), "\n\n"+map[string]string{"en": "As of", "zh": "截至"}[lang])
		if !strings.Contains(page(t, file), strings.TrimSpace(table)) {
			t.Errorf("%s does not show the demo as it is:\n%s", file, table)
		}
	}
}

// Every fact has an entry in the catalogue.
func TestEventCatalogueIsComplete(t *testing.T) {
	text := page(t, "docs/events.md")
	for _, name := range ledger.TypeNames() {
		if !regexp.MustCompile("(?m)^#{3,4} `" + name + "`").MatchString(text) {
			t.Errorf("docs/events.md has no entry for %s", name)
		}
	}
}
