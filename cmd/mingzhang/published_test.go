package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// exportOf writes events as export jsonl does, signed by nobody, or with a note.
func exportOf(tb testing.TB, name string, stored []eventstore.Event, note, verifierKey string) {
	tb.Helper()
	file, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	hasher, err := writeLogHeader(file, lt.LiminbaID, stored[0])
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range stored {
		if err := writeLogEvent(file, hasher, e); err != nil { // no event of this program: as the line of somebody who forges it
			leaf, err := hasher.Add(e.Type, e.Data)
			if err != nil {
				tb.Fatal(err)
			}
			if err := writeLine(file, logEvent{e.Version, e.Type, base64.StdEncoding.EncodeToString(e.Data), nil, hex.EncodeToString(leaf[:])}); err != nil {
				tb.Fatal(err)
			}
		}
	}
	root := hasher.Root()
	if err := writeLine(file, logEnd{&logHead{hasher.Size(), hex.EncodeToString(root[:]), note, verifierKey}}); err != nil {
		tb.Fatal(err)
	}
}

func served(tb testing.TB, dir string) string {
	tb.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	tb.Cleanup(server.Close)
	return server.URL
}

func codeOfError(err error) int {
	if err == nil {
		return 0
	}
	var said errSaid
	if errors.As(err, &said) {
		return said.code
	}
	return explain(err).code
}

// verdictOn runs verify with --json. The code is that of the program.
func verdictOn(tb testing.TB, args ...string) (v verdict, stderr string, code int) {
	tb.Helper()
	stdout, stderr, err := command(tb, append([]string{"verify", "--json", "--lang", "en"}, args...)...)
	if stdout != "" {
		if err := json.Unmarshal([]byte(stdout), &v); err != nil {
			tb.Fatalf("%v: %s", err, stdout)
		}
	}
	return v, stderr, codeOfError(err)
}

// The same log in a directory, on the web and as an export has the same verdict, and with names for its funds.
func TestVerifyDirectoryWebAndExport(t *testing.T) {
	b := lt.Demo(t, "2021-12-31")
	stored := storedEvents(t, b.Events)
	dir := t.TempDir()
	secret, key := newKey(t, b.State.Charter().LogOrigin)
	log, old := filepath.Join(dir, lt.LiminbaID), filepath.Join(dir, "before", lt.LiminbaID)
	publishUnder(t, log, secret, key, stored)
	publishUnder(t, old, secret, key, stored[:60])
	note, err := os.ReadFile(filepath.Join(log, transparency.CheckpointFile))
	if err != nil {
		t.Fatal(err)
	}
	export := filepath.Join(dir, "log.jsonl")
	exportOf(t, export, stored, string(note), key)
	web := served(t, dir)
	kept := filepath.Join(dir, "kept")
	if err := os.Mkdir(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 30, 59} {
		at := filepath.Join(t.TempDir(), "at")
		publishUnder(t, at, secret, key, stored[:size])
		if err := os.Rename(filepath.Join(at, transparency.CheckpointFile), filepath.Join(kept, fmt.Sprint(size))); err != nil {
			t.Fatal(err)
		}
	}
	var first verdict
	for _, c := range []struct {
		kind   string
		source []string
	}{{kindDirectory, []string{log}}, {kindWeb, []string{web + "/" + lt.LiminbaID}}, {kindWeb, []string{web, "--collective", lt.LiminbaID}}, {kindExport, []string{export}}} {
		v, stderr, code := verdictOn(t, append(c.source, "--log-key", key, "--checkpoint", old, "--checkpoint", filepath.Dir(old), "--checkpoint", kept,
			"--pin", fmt.Sprintf("%d:%s", len(stored), rootText(t, stored)), "--pin", "60:"+rootText(t, stored[:60]))...)
		if code != 0 || !v.OK || v.Kind != c.kind || v.Size != uint64(len(stored)) || len(v.Contains) != 7 || !v.KeyGiven || v.Version != fmt.Sprint(len(stored)) {
			t.Errorf("%v: exit %d, %+v\n%s", c.source, code, v, stderr)
		}
		if c.kind == kindWeb && !strings.Contains(stderr, "only the files that the check needs were fetched") {
			t.Errorf("%v: %s", c.source, stderr)
		}
		v.Source, v.Kind = "", ""
		if first.Digest == "" {
			first = v
		}
		if string(v.Balances) != string(first.Balances) || v.Digest != first.Digest || v.Root != first.Root || v.Collective != lt.LiminbaID {
			t.Errorf("%v: %+v, the directory said %+v", c.source, v, first)
		}
		table := must(t, append([]string{"verify", "--lang", "en"}, c.source...)...)
		if !strings.Contains(table, "公益金") || !strings.Contains(table, "fund/welfare") {
			t.Errorf("%v: the funds have no names:\n%s", c.source, table)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{log, "--pin", "60:" + rootText(t, stored[:61])}, exitVerified, "history was changed"},
		{[]string{export, "--pin", "60:" + rootText(t, stored[:61])}, exitVerified, "history was changed"},
		{[]string{web + "/" + lt.LiminbaID, "--pin", "60:" + rootText(t, stored[:61]), "--event-version", "8"}, exitVerified, "history was changed"},
		{[]string{old, "--checkpoint", log}, exitVerified, "older than what was known before"},
		{[]string{log, "--checkpoint", filepath.Join(dir, "none")}, exitUsage, "cannot be opened"},
		{[]string{log, "--checkpoint", export}, exitVerified, ""},
		{[]string{filepath.Join(dir, "none")}, exitUsage, "cannot be opened"},
		{[]string{web + "/none"}, exitVerified, "vkey: it is missing"},
		{[]string{"http://127.0.0.1:1/", "--log-key", key}, exitStorage, "cannot be read"},
		{[]string{"http://"}, exitUsage, "address"},
		{[]string{export, "--collective", "other"}, exitVerified, "has the log of the collective liminba"},
		{[]string{web + "/" + lt.LiminbaID, "--log-key", "example.org/x+00000000+AAAA"}, exitVerified, "no public key"},
		{[]string{log, "--event-version", "0"}, exitUsage, "counts from 1"},
		{[]string{log, "--event-version", "900"}, exitVerified, "no event 900"},
	} {
		_, stderr, err := command(t, append([]string{"verify", "--lang", "en"}, c.args...)...)
		if err != nil {
			stderr += explain(err).en
		}
		if code := codeOfError(err); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %s; want %d, %q", c.args, code, stderr, c.code, c.says)
		}
	}
	for _, source := range []string{log, web + "/" + lt.LiminbaID} {
		out := must(t, "verify", source, "--log-key", key, "--event-version", "8", "--pin", "60:"+rootText(t, stored[:60]), "--lang", "en")
		if !strings.Contains(out, "Proved: event 8 (") || !strings.Contains(out, "bytes of hashes") {
			t.Errorf("%s: %s", source, out)
		}
		var one singleVerdict
		if err := json.Unmarshal([]byte(must(t, "verify", source, "--event-version", "8", "--json")), &one); err != nil || !one.OK || one.EventVersion != 8 || one.HashBytes == 0 {
			t.Errorf("%s: %+v, %v", source, one, err)
		}
	}
}

func rootText(tb testing.TB, stored []eventstore.Event) string {
	tb.Helper()
	origin, err := ledger.LogOrigin(stored[0].Stream, stored[0])
	if err != nil {
		tb.Fatal(err)
	}
	hasher, err := transparency.NewHasher(origin)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range stored {
		if _, err := hasher.Add(e.Type, e.Data); err != nil {
			tb.Fatal(err)
		}
	}
	root := hasher.Root()
	return hex.EncodeToString(root[:])
}

// Histories that whoever holds the key wrote and signed: tree, signature and leaf hashes are right, and verify names the first event
// that the rules could not have made, in a directory, on the web and in an export.
func TestVerifyNamesTheFirstForgedEvent(t *testing.T) {
	b := lt.Demo(t, "2021-12-31")
	at := func(fits func(*eventv1.Event) bool) int { return slices.IndexFunc(b.Events, fits) }
	rent := at(func(e *eventv1.Event) bool { return e.GetIncomeRecorded() != nil })
	paid := at(func(e *eventv1.Event) bool { return e.GetPaymentSettled() != nil })
	approved := at(func(e *eventv1.Event) bool { return e.GetRequestApproved() != nil })
	var closed int
	b.Do("2022-01-05", lt.Treasurer, &ledger.ClosePeriod{Month: b.State.FirstOpenDay().Month()})
	closed = len(b.Events) - 1
	edit := func(i int, f func(e *eventv1.Event)) []eventstore.Event {
		events := slices.Clone(b.Events)
		events[i] = proto.Clone(events[i]).(*eventv1.Event)
		f(events[i])
		return storedEvents(t, events)
	}
	plain := storedEvents(t, b.Events)
	change := func(i int, f func(e *eventstore.Event)) []eventstore.Event {
		stored := slices.Clone(plain)
		f(&stored[i])
		return stored
	}
	for name, c := range map[string]struct {
		stored []eventstore.Event
		first  int
		says   string
	}{
		"a wrong voucher number": {edit(paid, func(e *eventv1.Event) { e.Vouchers[0].Ref.Number += 2 }), paid, "is due"},
		"an unbalanced voucher":  {edit(paid, func(e *eventv1.Event) { e.Vouchers[0].Postings[0].AmountFen++ }), paid, "does not balance"},
		"a split that does not follow its policy": {edit(rent, func(e *eventv1.Event) {
			e.Vouchers[0].Postings[1].AmountFen -= 100
			e.Vouchers[0].Postings[2].AmountFen += 100
			e.GetIncomeRecorded().Parts[0].AmountFen += 100
			e.GetIncomeRecorded().Parts[1].AmountFen -= 100
		}), rent, "policy 1 gives"},
		"a wrong digest of a statement":      {edit(closed, func(e *eventv1.Event) { e.GetPeriodClosed().StatementSha256[0] ^= 1 }), closed, "the digest of the statement"},
		"an event of an unknown type":        {change(rent, func(e *eventstore.Event) { e.Type = "gold_found" }), rent, "gold_found"},
		"an event of a fact that is unknown": {change(rent, func(e *eventstore.Event) { e.Data = append(slices.Clone(e.Data[:0]), "\x08\x0c\xba\x3e\x00"...) }), rent, "cannot be read"},
		"no event at all":                    {change(rent, func(e *eventstore.Event) { e.Data = []byte("\xff\xff") }), rent, "cannot be read"},
		"an event of another place":          {change(rent, func(e *eventstore.Event) { *e = plain[paid]; e.Version = uint64(rent) + 1 }), rent, "the bytes say version"},
		"a command given twice":              {edit(rent, func(e *eventv1.Event) { e.CommandId = b.Events[2].CommandId }), rent, "given before"},
		"recorded before the event before":   {edit(rent, func(e *eventv1.Event) { e.RecordedAt = 1 }), rent, "recorded before"},
		"an approval of something else":      {edit(approved, func(e *eventv1.Event) { e.GetRequestApproved().Digest[0] ^= 1 }), approved, "cannot"},
		"more paid than was asked for":       {edit(paid, func(e *eventv1.Event) { e.Vouchers[0].Postings[0].AmountFen++; e.Vouchers[0].Postings[1].AmountFen-- }), paid, "not what was asked for"},
		"a founding of another log":          {edit(0, func(e *eventv1.Event) { e.GetCollectiveFounded().CollectiveId = "Bad Id" }), 0, "does not found a collective"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			key := publishEvents(t, filepath.Join(dir, "log"), c.stored)
			export := filepath.Join(dir, "log.jsonl")
			exportOf(t, export, c.stored, "", "")
			for _, source := range []string{filepath.Join(dir, "log"), served(t, dir) + "/log"} {
				v, stderr, code := verdictOn(t, source, "--log-key", key)
				says := c.says
				if says == "cannot" {
					says = "it does not follow"
				}
				if code != exitVerified || v.OK || v.FirstBad != uint64(c.first)+1 || !strings.Contains(v.Problem, says) {
					t.Errorf("%s: exit %d, first bad %d, want %d: %s\n%s", source, code, v.FirstBad, c.first+1, v.Problem, stderr)
				}
			}
			if v, stderr, code := verdictOn(t, export); code != exitVerified || v.OK || v.FirstBad != uint64(c.first)+1 {
				t.Errorf("export: exit %d, first bad %d, want %d: %s\n%s", code, v.FirstBad, c.first+1, v.Problem, stderr)
			}
		})
	}
}

// Progress is told where it is asked for, a line a second, and never otherwise where there is no terminal.
func TestVerifyProgress(t *testing.T) {
	var out strings.Builder
	s := &session{stderr: &out}
	if newProgress(s, "log", 10) != nil {
		t.Error("progress is shown to a file")
	}
	s.progress = true
	p := newProgress(s, "log", 1000)
	p.count = true
	p.since, p.said = p.since.Add(-2*progressAfter), p.said.Add(-2*progressAfter)
	p.at(250)
	p.at(251)
	p.end()
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "250/1000") || !strings.Contains(text, "25%") || strings.ContainsAny(text, "\r\x1b") {
		t.Errorf("progress is told as %q", text)
	}
}
