package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/people"
)

// What two invented residents ask.
var askedValues = map[string]string{"name": "欧阳晓枫", "text": "偷偷拿走了三百块钱"}

const askedText = "欧阳晓枫是不是偷偷拿走了三百块钱?"

// raised is the receipt of a raise-inquiry.
func raised(t *testing.T, args ...string) (receipt struct {
	Inquiry        int
	InquiryOpening struct{ RecordID, Salt, Text, Commitment string }
}) {
	t.Helper()
	var answer struct{ Receipt json.RawMessage }
	text := must(t, append([]string{"raise-inquiry", "--yes", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Receipt) == 0 {
		answer.Receipt = json.RawMessage(text)
	}
	if err := json.Unmarshal(answer.Receipt, &receipt); err != nil {
		t.Fatal(err)
	}
	return receipt
}

// later moves the clock of the demo's books.
func later(t *testing.T, dir, when string) {
	t.Helper()
	must(t, "open-money-account", "--yes", "--money-account", "at-"+when[:10], "--kind", "MONEY_ACCOUNT_KIND_BANK", "--name", "另一处", "--simulated-at", when, "--as", "treasurer", "--data", dir)
}

// TestAskedIsGone asks over HTTP without a key, and looks for the words in every file there is: before their time is over they are in people.db
// and nowhere else, afterwards nowhere. The number, the reason and every proof stay.
func TestAskedIsGone(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	server, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.kill)
	first := raised(t, "--kind", "line", "--voucher", "付2022-11", "--text", askedText, "--server", server.url)
	if first.Inquiry != 1 || first.InquiryOpening.Text != askedText {
		t.Fatalf("the receipt is %+v", first)
	}
	server.kill()
	for _, hit := range scan(t, askedValues, map[string]string{"server": server.log.String()}, dir) {
		if !strings.Contains(hit, "/people.db") {
			t.Errorf("while it waits: %s", hit)
		}
	}
	for name, value := range askedValues {
		if hits := scan(t, map[string]string{name: value}, nil, dir); len(hits) == 0 {
			t.Errorf("the look does not find %s, which is there", name)
		}
	}
	before := filepath.Join(place, "before")
	copies(t, dir, before)
	for _, hit := range scan(t, askedValues, nil, before) {
		if !strings.Contains(hit, "/people.db") && !strings.Contains(hit, "/backup.tar") {
			t.Errorf("in a copy: %s", hit)
		}
	}
	if read := must(t, "read-inquiry", "--yes", "--inquiry", "1", "--json", "--as", "supervisor", "--data", dir); !strings.Contains(read, askedText) {
		t.Errorf("the supervisor reads %s", read)
	}
	old := read(t, filepath.Join(before, "backup", peopleFile))

	must(t, "decline-inquiry", "--yes", "--inquiry", "1", "--reason", "personal_data", "--as", "supervisor", "--data", dir)
	later(t, dir, "2023-02-06T12:00:00+08:00")
	must(t, "verify", "--data", dir)
	wantSaid(t, exitRefused, []string{"read-inquiry", "--yes", "--inquiry", "1", "--as", "supervisor", "--data", dir, "--lang", "en"}, "was deleted, 30 days after")
	if server, err = startServer(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.kill)
	for end := time.Now().Add(20 * time.Second); len(scan(t, askedValues, nil, dir)) > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond) // it sweeps beside its serving
	}
	server.kill()
	for _, hit := range scan(t, askedValues, map[string]string{"server": server.log.String()}, dir) {
		t.Errorf("when its time was over: %s", hit)
	}
	after := filepath.Join(place, "after")
	copies(t, dir, after)
	for _, hit := range scan(t, askedValues, nil, after) {
		t.Errorf("in a copy made afterwards: %s", hit)
	}
	if list := must(t, "list-inquiries", "--json", "--data", dir); !strings.Contains(list, "DECLINE_REASON_PERSONAL_DATA") || !strings.Contains(list, first.InquiryOpening.Commitment) {
		t.Errorf("what stays is %s", list)
	}
	must(t, "verify", "--data", dir)

	// A vault of before beside the log of after: no backup and no restored directory has the words.
	if err := os.WriteFile(filepath.Join(dir, peopleFile), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if hits := scan(t, askedValues, nil, dir); len(hits) == 0 {
		t.Error("the old vault has nothing to delete: the look below shows nothing")
	}
	late := filepath.Join(place, "late")
	must(t, "backup", "--data", dir, "--out", late)
	restored := filepath.Join(place, "restored")
	must(t, "restore", filepath.Join(before, "backup"), "--data", restored, "--secret", filepath.Join(dir, secretFile), "--erasures-from", filepath.Join(after, "books.jsonl"))
	for _, hit := range scan(t, askedValues, nil, late, restored) {
		t.Errorf("from a vault of before: %s", hit)
	}
	must(t, "verify", "--data", restored)
}

// TestAskedIsMissed: what was asked and is not there, though its time is not over, is evidence lost.
func TestAskedIsMissed(t *testing.T) {
	dir := demoDir(t)
	raised(t, "--kind", "topic", "--text", askedText, "--data", dir)
	must(t, "verify", "--data", dir)
	for _, name := range []string{peopleFile, peopleFile + "-wal", peopleFile + "-shm"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	wantSaid(t, exitVerified, []string{"verify", "--data", dir, "--lang", "en"}, "EVIDENCE LOST", "inquiries 1")
	bare := filepath.Join(t.TempDir(), "bare")
	must(t, "backup", "--data", dir, "--out", bare, "--without-people")
	wantSaid(t, 0, []string{"restore", bare, "--data", filepath.Join(t.TempDir(), "x"), "--secret", filepath.Join(dir, secretFile), "--lang", "en"}, "1 records of personal data")
}

// TestAskedInACluster: what is asked at one node is read at another, is in no tree, travels with the books, and is deleted for all.
func TestAskedInACluster(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{})
	demo := demoDir(t)
	first := raised(t, "--kind", "topic", "--text", "请公开租约", "--data", demo)
	wantSaid(t, 0, []string{"store", "copy", demo, server.ConnectionString(), "--lang", "en"}, "Both have 1 records of personal data")
	var nodes []string
	for range 2 {
		node := filepath.Join(t.TempDir(), "node")
		must(t, "init", "--data", node, "--store", server.ConnectionString(), "--secret", filepath.Join(demo, secretFile))
		nodes = append(nodes, node)
	}
	second := raised(t, "--kind", "line", "--voucher", "付2022-11", "--text", askedText, "--data", nodes[0])
	for inquiry, text := range map[string]string{"1": "请公开租约", "2": askedText} {
		if read := must(t, "read-inquiry", "--yes", "--inquiry", inquiry, "--as", "supervisor", "--json", "--data", nodes[1]); !strings.Contains(read, text) {
			t.Errorf("the other node reads %s", read)
		}
	}
	must(t, "publish-inquiry", "--yes", "--inquiry", "2", "--wording", "有人拿走了钱吗?", "--as", "supervisor", "--data", nodes[1])
	must(t, "answer-inquiry", "--yes", "--inquiry", "2", "--text", "没有,见银行对账单。", "--outcome", "explained", "--as", "treasurer", "--data", nodes[0])
	for _, node := range nodes {
		must(t, "verify", "--data", node)
		heads, err := headNames(node)
		if err != nil || slices.ContainsFunc(heads, func(name string) bool { return strings.Contains(name, "inquiry") }) {
			t.Errorf("heads %v, %v", heads, err)
		}
	}
	back := filepath.Join(t.TempDir(), "back")
	must(t, "store", "copy", server.ConnectionString(), back, "--secret", filepath.Join(demo, secretFile))
	if read := must(t, "read-inquiry", "--yes", "--inquiry", "2", "--as", "supervisor", "--json", "--data", back); !strings.Contains(read, askedText) {
		t.Errorf("the copy reads %s", read)
	}
	later(t, nodes[0], "2023-02-06T12:00:00+08:00")
	node, err := startServer(nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.kill)
	store := adapter(t, server.ConnectionString())
	gone := func(record string) bool {
		list, err := store.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			if one.Stream == people.InquiryPrefix+record {
				return one.Deleted
			}
		}
		return false
	}
	for end := time.Now().Add(20 * time.Second); !gone(second.InquiryOpening.RecordID) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if !gone(second.InquiryOpening.RecordID) || gone(first.InquiryOpening.RecordID) {
		t.Errorf("gone: the answered one %v, the one that waits %v", gone(second.InquiryOpening.RecordID), gone(first.InquiryOpening.RecordID))
	}
}
