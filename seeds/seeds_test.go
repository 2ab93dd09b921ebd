package seeds_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

type command struct {
	Method  string
	As      string
	Request struct {
		CommandID    string `json:"commandId"`
		CollectiveID string `json:"collectiveId"`
		SimulatedAt  string `json:"simulatedAt"`
		OccurredOn   string `json:"occurredOn"`
	}
}

func parse(t *testing.T, f seeds.File) []command {
	t.Helper()
	if !bytes.HasSuffix(f.Data, []byte("\n")) {
		t.Fatalf("%s does not end with a newline", f.Name)
	}
	var all []command
	lines := bufio.NewScanner(bytes.NewReader(f.Data))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s:%d: %v", f.Name, n, err)
		}
		all = append(all, c)
	}
	return all
}

func TestCommandsAreCountedDatedAndIdentified(t *testing.T) {
	want := map[string]int{"liminba/0-operators.jsonl": 3, "liminba/1-books.jsonl": 132, "liminba/2-closes.jsonl": 34, "liminba/3-microfunds.jsonl": 21}
	seen := map[string]bool{}
	last := time.Time{}
	for _, f := range append(seeds.Demo(), seeds.Microfunds()) {
		commands := parse(t, f)
		if len(commands) != want[f.Name] {
			t.Errorf("%s has %d commands, not %d", f.Name, len(commands), want[f.Name])
		}
		for _, c := range commands {
			r := c.Request
			if err := uuid.Validate(r.CommandID); err != nil || seen[r.CommandID] {
				t.Errorf("%s: %s has the command id %q again or none", f.Name, c.Method, r.CommandID)
			}
			seen[r.CommandID] = true
			if c.Method == "CreateOperator" {
				continue
			}
			at, err := time.Parse(time.RFC3339, r.SimulatedAt)
			if err != nil || at.Before(last) || at.Hour() < 9 || at.Hour() > 17 {
				t.Errorf("%s: %s at %q, after %v", f.Name, c.Method, r.SimulatedAt, last)
			}
			last = at
			if r.CollectiveID != seeds.Liminba || r.OccurredOn != "" && r.OccurredOn != at.Format(time.DateOnly) {
				t.Errorf("%s: %s of %q on %q given at %s", f.Name, c.Method, r.CollectiveID, r.OccurredOn, r.SimulatedAt)
			}
		}
	}
}

func TestRowsAreTheDaysOnWhichMoneyMoved(t *testing.T) {
	days := map[string]bool{}
	for _, c := range parse(t, seeds.Demo()[1]) {
		if c.Request.OccurredOn != "" {
			days[c.Request.OccurredOn] = true
		}
	}
	rows := seeds.Rows()
	if len(rows) != 16 || len(days) != 16 {
		t.Fatalf("%d rows for %d days, not 16", len(rows), len(days))
	}
	for _, r := range rows {
		if !days[r.Date] || r.Chinese == "" || r.English == "" {
			t.Errorf("row %+v", r)
		}
	}
}
