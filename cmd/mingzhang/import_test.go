package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// look opens a data directory for f.
func look(t testing.TB, dir string, f func(*directory)) {
	t.Helper()
	s := &session{stdout: io.Discard, stderr: io.Discard}
	if err := s.inDirectory(dir, func(d *directory) error { f(d); return nil }); err != nil {
		t.Fatal(err)
	}
}

// logOf is every stored event of a collective, and the digest of its books.
func logOf(t testing.TB, dir, collective string) (events []eventstore.Event, root string, digest [32]byte) {
	t.Helper()
	look(t, dir, func(d *directory) {
		for e, err := range d.log.Read(t.Context(), ledger.StreamOf(collective), 0) {
			if err != nil {
				t.Fatal(err)
			}
			e.Position = 0
			events = append(events, e)
		}
		head, _, err := d.log.Head(t.Context(), ledger.StreamOf(collective))
		if err != nil {
			t.Fatal(err)
		}
		book, err := d.books.Book(t.Context(), collective, 0)
		if err != nil {
			t.Fatal(err)
		}
		root, digest = head.Root.String(), book.Digest()
	})
	return events, root, digest
}

func sameLog(t *testing.T, a, b string) {
	t.Helper()
	events, root, digest := logOf(t, a, "liminba")
	events2, root2, digest2 := logOf(t, b, "liminba")
	if len(events) == 0 || !slices.EqualFunc(events, events2, func(x, y eventstore.Event) bool {
		return x.Version == y.Version && x.Type == y.Type && bytes.Equal(x.Data, y.Data)
	}) {
		t.Errorf("%d events, %d after it, or other bytes", len(events), len(events2))
	}
	if root != root2 || digest != digest2 {
		t.Errorf("root %s and digest %x, after it %s and %x", root, digest, root2, digest2)
	}
}

// An exported log, read into an empty place, is the same log: bytes, versions, root, books (M21), and goes on.
func TestImportGivesTheSameBooks(t *testing.T) {
	from := demoDir(t)
	file, to := filepath.Join(t.TempDir(), "log.jsonl"), filepath.Join(t.TempDir(), "new")
	must(t, "export", "jsonl", "--data", from, "-o", file)
	said := must(t, "import", file, "--data", to, "--lang", "en")
	sameLog(t, from, to)
	if !regexp.MustCompile(`are not here yet: approver supervisor treasurer\b`).MatchString(said) || !strings.Contains(said, "signed by: mingzhang.example/liminba+") {
		t.Errorf("import says\n%s", said)
	}
	must(t, "operator", "add", "treasurer", "--data", to)
	must(t, "operator", "add", "supervisor", "--data", to)
	if got := ourBalances(t, to, "2022-12-31")["money/bank"]; got != "126765.05" {
		t.Errorf("the bank has %s", got)
	}
	must(t, "apply", "testdata/gift.jsonl", "--data", to)
	must(t, "verify", "--data", to)
	again := filepath.Join(t.TempDir(), "again.jsonl")
	must(t, "export", "jsonl", "--data", to, "-o", again)
	before, after := read(t, file), read(t, again)
	before = before[:strings.LastIndex(strings.TrimSpace(before), "\n")] // without the last line
	if !strings.HasPrefix(after, before) || strings.Count(after, "\n") <= strings.Count(before, "\n")+1 {
		t.Error("what was exported is not the beginning of what is exported later")
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Beside other books it works as well, once; a second time it changes nothing.
func TestImportBesideOtherBooks(t *testing.T) {
	file, to := filepath.Join(t.TempDir(), "log.jsonl"), commandsDir(t)
	from := demoDir(t)
	must(t, "export", "jsonl", "--data", from, "-o", file)
	must(t, "import", file, "--data", to)
	sameLog(t, from, to)
	must(t, "verify", "--data", to)
	_, _, err := command(t, "import", file, "--data", to)
	if f := explain(err); err == nil || f.code != exitRefused || !strings.Contains(f.en, "has books of liminba already") {
		t.Errorf("a second import: %v", err)
	}
	sameLog(t, from, to)
}

// An import that stopped in the middle is seen by nobody, and goes on when it is done again; what is not the beginning of the
// file stops it.
func TestImportGoesOn(t *testing.T) {
	from := demoDir(t)
	file := filepath.Join(t.TempDir(), "log.jsonl")
	must(t, "export", "jsonl", "--data", from, "-o", file)
	events, _, _ := logOf(t, from, "liminba")
	begun := func(n int, events []eventstore.Event) string {
		to := commandsDir(t)
		look(t, to, func(d *directory) {
			var list []eventstore.NewEvent
			for _, e := range events[:n] {
				list = append(list, eventstore.NewEvent{Type: e.Type, Data: e.Data})
			}
			if _, err := d.log.Append(t.Context(), "collective-liminba", 0, list); err != nil {
				t.Fatal(err)
			}
		})
		return to
	}
	to := begun(100, events)
	if got := must(t, "statement", "--data", to, "--csv"); strings.Contains(got, "liminba") {
		t.Errorf("half an import is listed:\n%s", got)
	}
	must(t, "import", file, "--data", to)
	sameLog(t, from, to)

	short := filepath.Join(t.TempDir(), "short.jsonl")
	must(t, "export", "jsonl", "--as-known-at", "50", "--data", from, "-o", short)
	if _, _, err := command(t, "import", short, "--data", begun(100, events)); err == nil || explain(err).code != exitRefused {
		t.Errorf("a file shorter than what is there: %v", err)
	}
	other := slices.Clone(events)
	event, err := ledger.Decode(other[19])
	if err != nil {
		t.Fatal(err)
	}
	event.Actor = "somebody"
	made, err := ledger.Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	other[19].Data = made.Data
	if _, _, err := command(t, "import", file, "--data", begun(100, other)); err == nil || explain(err).code != exitRefused || !strings.Contains(explain(err).en, "not the beginning") {
		t.Errorf("onto other unfinished books: %v", err)
	}
}

// Whatever is wrong with a file, it is refused before anything is stored, and nothing is left.
func TestImportRefuses(t *testing.T) {
	demo := demoDir(t)
	whole := must(t, "export", "jsonl", "--data", demo)
	lines := strings.SplitAfter(whole, "\n")
	lines = lines[:len(lines)-1]
	join := func(parts ...[]string) string { return strings.Join(slices.Concat(parts...), "") }
	swap := func(old, with string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("the file has no %s", old)
		}
		return strings.Replace(whole, old, with, 1)
	}
	end := lines[len(lines)-1]
	var head logEnd
	if err := json.Unmarshal([]byte(end), &head); err != nil {
		t.Fatal(err)
	}
	large := base64.StdEncoding.EncodeToString(make([]byte, eventstore.EventBytesMax+1))
	for name, c := range map[string]struct{ text, want string }{
		"nothing":              {"", "file is empty"},
		"another file":         {"{}\n", "not written by mingzhang export"},
		"a newer format":       {swap(`"format":1`, `"format":2`), "format 2"},
		"another id":           {swap(`"collective":"liminba"`, `"collective":"liminbb"`), "does not found liminbb"},
		"another log":          {swap(`"origin":"mingzhang.example/liminba"`, `"origin":"mingzhang.example/liminbb"`), "does not have the hash"},
		"an id that is none":   {swap(`"collective":"liminba"`, `"collective":"../x"`), "cannot be the id"},
		"a gap":                {join(lines[:50], lines[51:]), ":51: version 50 is due, this is version 51"},
		"an event twice":       {join(lines[:51], lines[50:]), ":52: version 51 is due"},
		"two in other order":   {join(lines[:50], lines[51:52], lines[50:51], lines[52:]), ":51: version 50 is due"},
		"no first event":       {join(lines[:1], lines[2:]), ":2: version 1 is due"},
		"a readable lie":       {swap(`"narration":"绿化栽种"`, `"narration":"绿化浇水"`), "the readable form of version"},
		"a leaf":               {strings.Replace(whole, `"leaf":"`, `"leaf":"0`, 1), "does not have the hash"},
		"another type":         {swap(`"type":"collective_founded"`, `"type":"fund_opened"`), "does not have the hash"},
		"data too large":       {join(lines[:2], []string{`{"version":2,"type":"fund_opened","data":"` + large + `","leaf":""}` + "\n"}, lines[3:]), "no store takes this event"},
		"another root":         {swap(head.Head.Root, strings.Repeat("0", 64)), "do not have the root"},
		"another size":         {swap(`"size":172`, `"size":173`), "its last line says otherwise"},
		"another signature":    {strings.Replace(whole, "— mingzhang.example/liminba ", "— mingzhang.example/liminba A", 1), "the signature"},
		"no last line":         {join(lines[:len(lines)-1]), "the file was cut off"},
		"cut off":              {whole[:len(whole)/2], "cut off"},
		"no end of line":       {strings.TrimSuffix(whole, "\n"), "cut off"},
		"more after the end":   {whole + "\n", "more after the last line"},
		"a key in capitals":    {strings.Replace(whole, `"leaf"`, `"Leaf"`, 1), "not as it was written"},
		"an unknown field":     {strings.Replace(whole, `,"leaf"`, `,"x":1,"leaf"`, 1), "not well formed"},
		"two objects":          {join(lines[:1], []string{strings.TrimSpace(lines[1]) + "{}\n"}, lines[2:]), "more than one object"},
		"a very long line":     {join(lines[:9], []string{strings.Repeat("x", 2<<20) + "\n"}, lines[9:]), ":10: the line is longer than 1048576 bytes"},
		"a rule broken by all": {forged(t, demo), "does not follow from those before it"},
	} {
		t.Run(name, func(t *testing.T) {
			place := t.TempDir()
			file := filepath.Join(t.TempDir(), "log.jsonl")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := command(t, "import", file, "--data", filepath.Join(place, "new"))
			if err == nil || explain(err).code != exitVerified || !strings.Contains(explain(err).en, c.want) {
				t.Errorf("%v, want something with %q", err, c.want)
			}
			if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
				t.Errorf("it left %v %v", left, err)
			}
		})
	}
}

// forged is a file all of whose hashes fit, made by somebody who leaves an event out and counts anew.
func forged(t *testing.T, dir string) string {
	t.Helper()
	events, _, _ := logOf(t, dir, "liminba")
	var out bytes.Buffer
	hasher, err := writeLogHeader(&out, "liminba", events[0])
	if err != nil {
		t.Fatal(err)
	}
	version := uint64(0)
	for _, e := range events {
		if e.Type == "request_made" {
			continue
		}
		event, err := ledger.Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		version++
		event.Version = version
		made, err := ledger.Encode(event)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeLogEvent(&out, hasher, eventstore.Event{Stream: e.Stream, Version: version, Type: made.Type, Data: made.Data}); err != nil {
			t.Fatal(err)
		}
	}
	root := hasher.Root()
	if err := writeLine(&out, logEnd{&logHead{Size: version, Root: hexOf(root[:])}}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// No bit of a file can change without being noticed.
func TestImportNoticesEveryFlippedBit(t *testing.T) {
	whole := []byte(must(t, "export", "jsonl", "--as-known-at", "8", "--data", demoDir(t)))
	if _, err := examine(t.Context(), "log", bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 101
	}
	for i := 0; i < len(whole); i += step {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		if _, err := examine(t.Context(), "log", bytes.NewReader(flipped)); err == nil {
			t.Errorf("bit %d of byte %d (%q) was changed and nobody noticed", i%8, i, whole[max(0, i-20):min(len(whole), i+20)])
		}
	}
}

// endless gives bytes of one line for ever and counts them.
type endless struct{ given int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.given += len(p)
	return len(p), nil
}

// A line that is too long is refused after its first megabyte, however long it is.
func TestImportReadsNoEndlessLine(t *testing.T) {
	whole := must(t, "export", "jsonl", "--as-known-at", "2", "--data", demoDir(t))
	first := whole[:strings.Index(whole, "\n")+1]
	rest := new(endless)
	if _, err := examine(t.Context(), "log", io.MultiReader(strings.NewReader(first), rest)); err == nil || rest.given > 2*logLineMax {
		t.Errorf("%d bytes were read: %v", rest.given, err)
	}
}

func TestImportNeedsAFile(t *testing.T) {
	place := t.TempDir()
	for _, args := range [][]string{
		{"import", filepath.Join(place, "none"), "--data", filepath.Join(place, "new")},
		{"import", place, "--data", filepath.Join(place, "new")},
		{"import", "x", "--server", "http://127.0.0.1:1"},
		{"import"},
	} {
		if _, _, err := command(t, args...); err == nil || explain(err).code != exitUsage {
			t.Errorf("%v: %v", args, err)
		}
	}
	file := filepath.Join(place, "log.jsonl")
	must(t, "export", "jsonl", "--data", demoDir(t), "-o", file)
	full := filepath.Join(place, "full")
	if err := os.MkdirAll(filepath.Join(full, "something"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := command(t, "import", file, "--data", full); err == nil || explain(err).code != exitStorage {
		t.Errorf("into a directory with something else: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := examine(ctx, "log", strings.NewReader(read(t, file))); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := os.Stat(filepath.Join(place, "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
}
