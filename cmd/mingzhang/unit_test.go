package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
)

func TestTableSetsByDisplayWidth(t *testing.T) {
	table := &table{columns: []column{{name: "name", zh: "名", en: "N"}, {name: "amount", zh: "金额", en: "A", amount: true}}}
	table.add("利民 a", "-1234567.80")
	table.add("b", "")
	var out bytes.Buffer
	if err := table.print(&out, chinese); err != nil {
		t.Fatal(err)
	}
	want := "名               金额\n利民 a  -1,234,567.80\nb\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	table.add("=1+1", "+5.00")
	if err := table.printCSV(&out); err != nil {
		t.Fatal(err)
	}
	if want := "name,amount\n利民 a,-1234567.80\nb,\n'=1+1,+5.00\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestGrouped(t *testing.T) {
	for in, want := range map[string]string{"0.00": "0.00", "999.00": "999.00", "1000.00": "1,000.00", "-100000.01": "-100,000.01", "+1234567.00": "+1,234,567.00", "": "", "x": "x"} {
		if got := grouped(in); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
}

func TestDisplayWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "利民": 4, "(1)": 3, "\uff081\uff09": 5, "付2021-19": 9, "e\u0301": 1, "←↺": 2} {
		if got := displayWidth(s); got != want {
			t.Errorf("%q is %d wide, not %d", s, got, want)
		}
	}
}

const line = `{"method":"M","request":{"a":1}}`

func readLines(t *testing.T, text string) []numbered { return readLinesOf(t, "f", text) }

func readLinesOf(t *testing.T, name, text string) []numbered {
	t.Helper()
	r := newLineReader(name, strings.NewReader(text))
	var all []numbered
	for {
		n, err := r.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
}

func TestLinesAreCountedAndBounded(t *testing.T) {
	long := `{"method":"M","request":{"a":"` + strings.Repeat("x", lineBytesMax) + `"}}`
	fits := `{"method":"M","request":{"a":"` + strings.Repeat("x", lineBytesMax-len(`{"method":"M","request":{"a":""}}`)) + `"}}`
	all := readLines(t, "\n# c\r\n"+line+"\r\n"+long+"\n"+fits+"\n"+line)
	if len(all) != 4 {
		t.Fatalf("%d commands, not 4", len(all))
	}
	for i, want := range []struct {
		number int
		bad    bool
	}{{3, false}, {4, true}, {5, false}, {6, false}} {
		if got := all[i]; got.number != want.number || (got.bad != nil) != want.bad {
			t.Errorf("command %d stands on line %d, bad: %v", i+1, got.number, got.bad)
		}
	}
}

// The id of a line without one depends on its file's base name, its number and its bytes, and on nothing else.
func TestLinesGetLastingCommandIDs(t *testing.T) {
	const id = `"commandId":"9b0dd7e5-4c3b-5f4c-9d2a-000000000000"`
	first, again := readLines(t, line+"\n"+line+"\n"), readLines(t, line+"\n"+line+"\n")
	for i := range first {
		if first[i].line.RequestJson != again[i].line.RequestJson {
			t.Errorf("line %d: %s, then %s", i+1, first[i].line.RequestJson, again[i].line.RequestJson)
		}
	}
	if first[0].line.RequestJson == first[1].line.RequestJson {
		t.Error("two lines have one command id")
	}
	if want := `{"commandId":"02e15bbb-eb9c-5c3a-a8bf-007ae0820ef7","a":1}`; first[0].line.RequestJson != want {
		t.Errorf("the request is %s, not %s: files applied before this would be booked again", first[0].line.RequestJson, want)
	}
	elsewhere, moved := readLinesOf(t, "g", line), readLinesOf(t, "/tmp/f", "\ufeff"+line)
	if elsewhere[0].line.RequestJson == first[0].line.RequestJson {
		t.Error("the same line in two files has one command id")
	}
	if moved[0].line.RequestJson != first[0].line.RequestJson {
		t.Error("the folder of a file, or its byte order mark, changes command ids")
	}
	given := readLines(t, `{"method":"M","request":{`+id+`}}`)
	if want := "{" + id + "}"; given[0].line.RequestJson != want {
		t.Errorf("the request is %s, not %s", given[0].line.RequestJson, want)
	}
	empty := readLines(t, `{"method":"M","request":{}}`)
	if got := empty[0].line.RequestJson; strings.Contains(got, ",") || !strings.HasSuffix(got, `"}`) {
		t.Errorf("the request is %s", got)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(line)
	f.Add(`{"method":"M","as":"x","request":{}}`)
	f.Add(`{"method":"M","request":{"commandId":"x"}} {}`)
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			t.Skip("the reader passes over empty lines")
		}
		parsed, bad := parseLine("f:1", []byte(text))
		if (parsed == nil) == (bad == nil) {
			t.Errorf("%q gives %v and %v", text, parsed, bad)
		}
		if parsed != nil && !strings.Contains(parsed.RequestJson, "command") {
			t.Errorf("%q gives a request without a command id: %s", text, parsed.RequestJson)
		}
	})
}

func TestFailuresAreExplained(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		zh   string
	}{
		{&sqlite.LockedError{Dir: "d", PID: 7, Host: "h"}, exitStorage, "正被主机 h 上的进程 7 使用"},
		{&sqlite.LockedError{Dir: "d"}, exitStorage, "正被另一个进程使用"},
		{fmt.Errorf("x: %w", eventstore.ErrNoSpace), exitStorage, "磁盘已满"},
		{fmt.Errorf("x: %w", syscall.ENOSPC), exitStorage, "磁盘已满"},
		{fmt.Errorf("x: %w", syscall.EROFS), exitStorage, "只读"},
		{fmt.Errorf("x: %w", fs.ErrPermission), exitStorage, "没有写权限"},
		{fmt.Errorf("x: %w", sqlite.ErrDamaged), exitVerified, "损坏"},
		{fmt.Errorf("x: %w", sqlite.ErrNewer), exitStorage, "更新版本"},
		{&eventstore.CorruptError{Stream: "s", Version: 3, Reason: "r"}, exitVerified, "s 从第 3 笔起已损坏:r"},
		{connect.NewError(connect.CodeUnavailable, "refused"), exitStorage, "连不上服务器"},
		{errors.New("list streams: read events: sqlite: step: database disk image is malformed"), exitVerified, "原样保留这个目录"},
		{cannotWrite("/none/x", fmt.Errorf("open: %w", fs.ErrNotExist)), exitStorage, "没有目录 /none"},
		{errors.New("odd"), exitStorage, "odd"},
	} {
		f := explain(c.err)
		if f.code != c.code || !strings.Contains(f.zh, c.zh) || f.en == "" {
			t.Errorf("%v is explained as %d %s", c.err, f.code, f.zh)
		}
	}
}

// A head that finds no room on the way out is no failure of a command that did its work; anything else is.
func TestHeadsThatFindNoRoomFailNothing(t *testing.T) {
	var stderr bytes.Buffer
	s := &session{config: config{lang: english}, stderr: &stderr}
	full := fmt.Errorf("close: %w", syscall.ENOSPC)
	if err := s.closed(nil, full); err != nil || !strings.HasPrefix(stderr.String(), "Note: the disk is full") {
		t.Errorf("%v, and it says %q", err, stderr.String())
	}
	other := errors.New("other")
	if err := s.closed(other, full); !errors.Is(err, other) {
		t.Errorf("the command's own failure became %v", err)
	}
	if err := s.closed(nil, other); !errors.Is(err, other) {
		t.Errorf("the failure to close became %v", err)
	}
}

func TestWrongUseIsSaidInChinese(t *testing.T) {
	for _, args := range []string{"operator role grant a b", "balance a b", "apply", "balance --frob", "balance -z", "balance --as-of",
		"journal --limit x", "export pdf", "balanc", "nothing", "version now"} {
		_, _, err := command(t, append([]string{"--lang=zh"}, strings.Fields(args)...)...)
		f := explain(err)
		if f.code != exitUsage || regexp.MustCompile(`[a-z] [a-z]+ [a-z]`).MatchString(strings.SplitN(f.zh, "请看", 2)[0]) {
			t.Errorf("%s: %d %s", args, f.code, f.zh)
		}
	}
}

// Nothing that is printed glues to what comes after it.
func TestOutputEndsWithANewline(t *testing.T) {
	dir := demoDir(t)
	gift := filepath.Join("testdata", "gift.jsonl")
	for _, args := range [][]string{{"balance"}, {"journal"}, {"statement"}, {"verify"}, {"export", "jsonl"}, {"export", "hledger"}, {"operator", "list"},
		{"operator", "add", "auditor"}, {"operator", "role", "grant", "liminba", "auditor", "auditor"}, {"apply", gift}, {"close", "2023-01", "--dry-run"}, {"close", "2023-01", "--yes"},
		{"close", "2023-02"}, {"reverse", "付2022-27", "--yes"}, {"verbs"}, {"list-requests"}, {"get-collective"}, {"read-log"}, {"apply", gift, "--dry-run"}, {"version"}, {"balance", "--json"}, {"balance", "--csv"}, {"apply", gift, "--json"}, {"balance", "x"}} {
		for _, lang := range []string{"zh", "en"} {
			stdout, stderr, err := command(t, append(args, "--data", dir, "--lang", lang)...)
			var said bytes.Buffer
			report(&said, language(lang), err)
			for _, text := range []string{stdout, stderr, said.String()} {
				if text != "" && !strings.HasSuffix(text, "\n") {
					t.Errorf("%s ends with %q", strings.Join(args, " "), text[max(0, len(text)-20):])
				}
			}
		}
	}
}
