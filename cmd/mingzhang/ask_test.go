package main

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/witness"
)

// TestAskNeighbour: a township's witness seals a month of a village that asks it, and says why when it does not.
func TestAskNeighbour(t *testing.T) {
	data, dir := demoDir(t), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mz(t, "publish", at("web"), "--data", data)
	key := strings.TrimSpace(mz(t, "witness", "init", "township.example/mingzhang", "--dir", at("township")))
	serve := func(dir string) string {
		w, err := witness.Open(dir, clock)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(w.Handler(slog.New(slog.DiscardHandler)))
		t.Cleanup(func() { server.Close(); _ = w.Close() })
		return server.URL
	}
	page := fmt.Sprintf(`{"method": "RecordResolution", "as": "approver", "request": {"collectiveId": "liminba", "simulatedAt": "2023-01-20T09:00:00+08:00", "resolutionId": "witnesses", "title": "见证章程", "body": "household_heads", "decidedOn": "2023-01-19", "electorate": 665, "present": 600, "votesFor": 600, "minutesSha256": "%s", "matter": "MATTER_CHARTER"}}
{"method": "ConfirmResolution", "as": "supervisor", "request": {"collectiveId": "liminba", "simulatedAt": "2023-01-20T09:05:00+08:00", "resolutionId": "witnesses"}}
{"method": "AdoptWitnessPolicy", "as": "approver", "request": {"collectiveId": "liminba", "simulatedAt": "2023-01-20T09:10:00+08:00", "resolutionId": "witnesses", "groups": [{"name": "outside", "threshold": 1, "witnesses": [{"name": "township", "key": "%s"}]}]}}
{"method": "ClosePeriod", "as": "treasurer", "request": {"collectiveId": "liminba", "simulatedAt": "2023-02-01T09:00:00+08:00", "month": "2023-01"}}
`, strings.Repeat("ab", 32), key)
	if err := os.WriteFile(at("adopt.jsonl"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	mz(t, "apply", at("adopt.jsonl"), "--data", data)
	ask := func(url, name string) []string {
		return []string{"witness", "ask", url, "--witness", name, "--collective", "liminba", "--data", data, "--lang", "en"}
	}
	says := func(code int, want string, args ...string) {
		t.Helper()
		if got := mzFails(t, code, args...); !strings.Contains(got, want) {
			t.Errorf("mingzhang %s says\n%s\nwithout %q", strings.Join(args, " "), got, want)
		}
	}
	url := serve(at("township"))
	says(exitUsage, "township", ask(url, "nobody")...)
	says(exitRefused, "does not watch this log yet", ask(url, "township")...)
	mz(t, "witness", "init", "other.example/mingzhang", "--dir", at("other"), "--log", at("web/liminba/vkey"))
	says(exitVerified, "What answers there is not township", ask(serve(at("other")), "township")...)
	mz(t, "witness", "add-log", at("web/liminba/vkey"), "--dir", at("township"))
	says(0, "The month 2023-01 is sealed", ask(url, "township")...)
	says(0, "was there already", ask(url, "township")...)
	if list := mz(t, "list-seals", "--collective", "liminba", "--data", data, "--json"); !strings.Contains(list, `"sealed": true`) {
		t.Errorf("the list of seals says %s", list)
	}
	// The next month is proved from the one that the neighbour remembers, and the one before is not signed again.
	close := `{"method": "ClosePeriod", "as": "treasurer", "request": {"collectiveId": "liminba", "simulatedAt": "2023-03-01T09:00:00+08:00", "month": "2023-02"}}` + "\n"
	if err := os.WriteFile(at("close.jsonl"), []byte(close), 0o600); err != nil {
		t.Fatal(err)
	}
	mz(t, "apply", at("close.jsonl"), "--data", data)
	says(0, "The month 2023-02 is sealed", ask(url, "township")...)
	says(exitRefused, "never signs backwards", append(ask(url, "township"), "--month", "2023-01")...)
}
