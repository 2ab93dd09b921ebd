package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// lateCorrection is the demo up to 2021-12-20 with the planting of 2021-09-10 put right on 2021-12-05: 8,535.00, not 8,355.00.
const lateCorrection = `
{"method":"RequestCorrection","as":"treasurer","request":{"collectiveId":"liminba","simulatedAt":"2021-12-05T09:00:00+08:00","reverses":["付2021-18"],"occurredOn":"2021-09-10","narration":"绿化栽种金额更正","replacements":[{"corrects":"付2021-18","outflow":{"fund":"maintenance","purpose":"planting","amount":"8535.00","payee":"org/青禾苗木合作社","narration":"绿化栽种","moneyAccount":"bank","resolutionId":"planting-2021"}}]}}
{"method":"ApproveRequest","as":"approver","request":{"collectiveId":"liminba","simulatedAt":"2021-12-05T09:05:00+08:00","requestNumber":4}}
{"method":"BookCorrection","as":"treasurer","request":{"collectiveId":"liminba","simulatedAt":"2021-12-05T09:10:00+08:00","requestNumber":4}}
`

func lateBooks(t *testing.T) string {
	t.Helper()
	dir, files := filepath.Join(t.TempDir(), "books"), t.TempDir()
	demo := seeds.Demo()
	lines, _, found := strings.Cut(string(demo[1].Data), `{"method":"RecordIncome","as":"treasurer","request":{"commandId":"9180088b`) // row 8
	if !found {
		t.Fatal("the seeds have no row 8")
	}
	mz(t, "init", "--data", dir)
	for name, content := range map[string]string{"0.jsonl": string(demo[0].Data), "1.jsonl": lines, "2.jsonl": lateCorrection} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"0.jsonl", "1.jsonl", "2.jsonl"} {
		mz(t, "apply", filepath.Join(files, name), "--data", dir)
	}
	return dir
}

func wants(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(got) {
			t.Errorf("no line %s in\n%s", line, got)
		}
	}
}

// V10: the maintenance fund as of 2021-09-30 was 7,045.00 as known on 12-04 and is 6,865.00 as known on 12-05, and the two
// vouchers between say why.
func TestLateCorrectionExplainsItself(t *testing.T) {
	dir := lateBooks(t)
	for known, want := range map[string]string{"2021-12-04": "7045.00", "2021-12-05": "6865.00"} {
		got := mz(t, "balance", "fund/maintenance", "--as-of", "2021-09-30", "--as-known-at", known, "--csv", "--data", dir)
		wants(t, got, "fund/maintenance,储备金,"+want)
	}
	wants(t, mz(t, "changes", "--from", "2021-12-04", "--to", "2021-12-05", "--as-of", "2021-09-30", "--csv", "--lang", "en", "--data", dir),
		"balance,fund/maintenance,,7045.00,6865.00,-180.00",
		"balance,money/bank,,37771.08,37591.08,-180.00",
		`voucher,付2021-19,.*reverses 付2021-18 \(late by 86 days\),,,-8355.00`,
		`voucher,付2021-20,.*corrects 付2021-18 \(late by 86 days\),,,8535.00`,
		"request,4,none → settled,0.00,8355.00,",
		"resolution,planting-2021,confirmed,8355.00,8535.00,")
	if got := mz(t, "changes", "--from", "2021-12-04", "--as-of", "2021-09-09", "--csv", "--lang", "en", "--data", dir); strings.Contains(got, "voucher") || strings.Contains(got, "balance") {
		t.Errorf("the day before, something changed:\n%s", got)
	}
	wants(t, mz(t, "explain", "付2021-19", "--lang", "en", "--data", dir), `It turns back 付2021-18\.`,
		`Authority 9,000\.00: 645\.00 before, -8,355\.00 drawn, 9,000\.00 after\.`, `Request 4 .* was approved by approver at 2021-12-05 09:05\.`,
		`Event \d+, correction_made, booked it: by treasurer at 2021-12-05 09:10, 86 days after its business day\.`)
	wants(t, mz(t, "explain", "付2021-20", "--lang", "en", "--data", dir), `It puts right 付2021-18\.`,
		`Authority 9,000\.00: 9,000\.00 before, 8,535\.00 drawn, 465\.00 after\.`)
	wants(t, mz(t, "explain", "P2021-18", "--data", dir), `已被冲销,见 付2021-19。`, `已被更正,见 付2021-20。`, `依第 1 版支出办法中 0\.00 起的一档:需 1 人批准,不需监督审核,需 representatives 的决议。`)
	wants(t, mz(t, "explain", "fund/maintenance", "--as-of", "2021-09-30", "--lang", "en", "--data", dir),
		`The balance of fund/maintenance as of 2021-09-30 is 6,865\.00, as known at version \d+\.`, `Reversals: 1 postings, 8,355\.00 in all\.`,
		`Right vouchers in place of wrong ones: 1 postings, -8,535\.00 in all\.`, `.* = 6,865\.00\.`, `2021-09-10 +付2021-20 +绿化栽种 +-8,535\.00 +6,865\.00`)
	wants(t, mz(t, "journal", "--corrections", "--csv", "--lang", "en", "--data", dir), `2021-09-10,付2021-20,.*,fund/maintenance,8535.00,`)
	wants(t, mz(t, "journal", "--purpose", "planting", "--text", "栽种", "--amount-from", "8400.00", "--csv", "--lang", "en", "--data", dir), `2021-09-10,付2021-20,.*,money/bank,,8535.00`)
	wants(t, mz(t, "events", "--actor", "approver", "--from", "2021-12-05", "--csv", "--data", dir), `\d+,2021-12-05T01:05:00.000000Z,approver,request_approved,批准第 4 号申请,,[-0-9a-f]{36}`)
}

// X6: why 42.72.
func TestDividendExplainsItself(t *testing.T) {
	dir := lateBooks(t)
	wants(t, mz(t, "explain", "dividend", "2021", "17", "--lang", "en", "--data", dir),
		`137,200\.00 / 3,211 = 42\.72 for every member; 3,211 × 42\.72 = 137,173\.92, and 26\.08 stays in the fund\.`,
		`Number 17 gets 42\.72: paid\.`,
		`Since the dividend before, 2 incomes under policy 1 \(resolution policy-2020\) brought it 137,200\.00, a share of 7/10\.`,
		`Resolution dividend-2021 .*472 of 665 present, 455 for, .*\(needed: 444 present, 237 for\)\.`)
	wants(t, mz(t, "explain", "收2020-1", "--csv", "--lang", "en", "--data", dir), `part,"?fund/dividend: 98,000\.00 × 7/10 = 68,600\.00, booked 68,600\.00, odd fen 0\."?`)
	wants(t, mz(t, "explain", "fund_overdrawn", "--data", dir), `账簿的规则眼下不允许。`)
	if got := mz(t, "explain", "dividend", "dividend-2021", "--json", "--data", dir); !strings.Contains(got, `"addsUp": true`) {
		t.Errorf("it does not add up:\n%s", got)
	}
	wants(t, mz(t, "roles", "--csv", "--data", dir), `treasurer,treasurer,2020-03-01T01:05:00.000000Z,admin,,`)
	for _, bad := range [][]string{{"explain", "dividend", "2021", "9999"}, {"explain", "dividend", "1999"}, {"explain", "no_such_reason"}, {"explain", "付2021-99"},
		{"explain", "fund/nothing"}, {"changes", "--from", "9999"}, {"changes"}, {"explain", "fund/welfare", "付2021-1"}, {"events", "--to", "2021-01-01", "--from", "2021-02-01"}} {
		if out, _, err := command(t, append(bad, "--data", dir)...); err == nil || out != "" {
			t.Errorf("mingzhang %s goes through: %s", strings.Join(bad, " "), out)
		}
	}
}
