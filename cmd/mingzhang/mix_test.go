package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// mix is the work of many villages: the same for the same numbers, so that peers can be given it too.
type mix struct {
	collectives, commands int
	day                   string // business day of everything
}

// Members of a collective at most, and in one command: a dividend is owed to 80,000 and one command enrols 4,000.
const (
	mixMembersMax = 20_000
	mixEnrolMax   = 4000
)

// setup writes what has to be there before: operators, and for each collective its charter, roles, members, rules, a first
// rent and a declared dividend.
func (m mix) setup(w *bufio.Writer) {
	line := func(as, method, format string, args ...any) {
		fmt.Fprintf(w, "{\"method\":%q,\"as\":%q,\"request\":{%s}}\n", method, as, fmt.Sprintf(format, args...))
	}
	for _, who := range []string{"treasurer", "approver", "supervisor"} {
		line("admin", "CreateOperator", `"operator":%q,"displayName":"岗位"`, who)
	}
	const minutes = `"minutesSha256":"1111111111111111111111111111111111111111111111111111111111111111"`
	for c := range m.collectives {
		id := m.id(c)
		book := func(as, method, format string, args ...any) {
			line(as, method, `"collectiveId":%q,%s`, id, fmt.Sprintf(format, args...))
		}
		resolve := func(name, more string) {
			book("approver", "RecordResolution", `"resolutionId":%q,"title":"决议","body":"assembly","decidedOn":%q,"electorate":200,"present":200,"votesFor":200,%s,%s`, name, m.day, minutes, more)
			book("supervisor", "ConfirmResolution", `"resolutionId":%q`, name)
		}
		book("admin", "FoundCollective", `"name":"示例集体","firstDay":%q,"bodies":[{"id":"assembly","name":"大会","size":200,"quorum":"2/3","pass":"1/2","passBase":"VOTE_BASE_PRESENT"}],`+
			`"funds":[{"id":"dividend","name":"分红金"},{"id":"reserve","name":"公积金","purposes":["development"]},{"id":"welfare","name":"公益金","purposes":["relief"]},{"id":"maintenance","name":"储备金","purposes":["repair"]}],`+
			`"policyBody":"assembly","spendingBody":"assembly","charterBody":"assembly","foundingBody":"assembly","foundingMinutesSha256":"1111111111111111111111111111111111111111111111111111111111111111"`, m.day)
		for _, who := range []string{"treasurer", "approver", "supervisor"} {
			book("admin", "GrantRole", `"operator":%q,"role":"ROLE_%s"`, who, map[string]string{"treasurer": "TREASURER", "approver": "APPROVER", "supervisor": "SUPERVISOR"}[who])
		}
		book("treasurer", "OpenMoneyAccount", `"moneyAccount":"bank","kind":"MONEY_ACCOUNT_KIND_BANK","name":"银行存款"`)
		for first, last := 1, min(m.commands/m.collectives, mixMembersMax); first <= last; first += mixEnrolMax {
			members, households := "", ""
			for n := first; n <= min(last, first+mixEnrolMax-1); n++ {
				if n > first {
					members, households = members+",", households+","
				}
				members += fmt.Sprint(n)
				households += fmt.Sprint((n + 3) / 4)
			}
			book("treasurer", "EnrolMembers", `"group":"one","joinedOn":%q,"members":[%s],"households":[%s]`, m.day, members, households)
		}
		resolve("policy", `"matter":"MATTER_POLICY"`)
		book("approver", "AdoptPolicy", `"effectiveOn":%q,"incomeKinds":["rent"],"shares":[{"fund":"dividend","share":"0.7"},{"fund":"reserve","share":"0.1"},{"fund":"welfare","share":"0.1"},{"fund":"maintenance","share":"rest"}],"resolutionId":"policy"`, m.day)
		resolve("rule", `"matter":"MATTER_SPENDING_RULE"`)
		book("approver", "AdoptSpendingRule", `"tiers":[{"operation":"OPERATION_PAYMENT"},{"operation":"OPERATION_DIVIDEND","approvals":1}],"resolutionId":"rule"`)
		book("treasurer", "RecordIncome", `"kind":"rent","amount":"98000.00","occurredOn":%q,"moneyAccount":"bank"`, m.day)
		resolve("dividend", `"matter":"MATTER_DIVIDEND","fund":"dividend","authority":"68600.00"`)
		book("treasurer", "RequestDividend", `"runId":"first","fund":"dividend","pool":"60000.00","recordDate":%q,"resolutionId":"dividend"`, m.day)
		book("approver", "DeclareDividend", `"requestNumber":1,"occurredOn":%q`, m.day)
	}
}

func (m mix) id(c int) string { return fmt.Sprintf("village-%03d", c) }

// load writes the commands: 40 % rent that is split, 40 % payments, 15 % payout files of one member and their results, 5 %
// reversals of the latest rent.
func (m mix) load(w *bufio.Writer) {
	random := rand.New(rand.NewPCG(1, 2))
	type village struct {
		receipts, latest, file int
		sent                   bool
	}
	villages := make([]village, m.collectives)
	for i := range villages {
		villages[i].receipts = 1
	}
	for n := range m.commands {
		c := n % m.collectives
		v := &villages[c]
		method, request := "RecordIncome", fmt.Sprintf(`"kind":"rent","amount":"%d.%02d","occurredOn":%q,"moneyAccount":"bank","payer":"org/示例市场公司","narration":"租金 %d"`,
			900+random.IntN(200), random.IntN(100), m.day, n)
		switch p := random.IntN(100); {
		case p < 40:
			v.receipts++
			v.latest = v.receipts
		case p < 80:
			method, request = "RequestPayment", fmt.Sprintf(`"fund":"maintenance","purpose":"repair","amount":"%d.%02d","payee":"org/示例维修部","narration":"维修 %d","moneyAccount":"bank","occurredOn":%q`,
				1+random.IntN(9), random.IntN(100), n, m.day)
		case p < 95 && v.sent:
			method, request = "RecordDividendResults", fmt.Sprintf(`"runId":"first","file":%d,"occurredOn":%q`, v.file, m.day)
			v.sent = false
		case p < 95:
			v.file++
			method, request = "SendDividendFile", fmt.Sprintf(`"runId":"first","moneyAccount":"bank","payees":[%d]`, v.file)
			v.sent = true
		case v.latest > 0:
			method, request = "RequestReversal", fmt.Sprintf(`"vouchers":["收%s-%d"],"occurredOn":%q`, m.day[:4], v.latest, m.day)
			v.latest = 0
			v.receipts++
		default:
			v.receipts++
			v.latest = v.receipts
		}
		fmt.Fprintf(w, "{\"method\":%q,\"as\":\"treasurer\",\"request\":{\"collectiveId\":%q,%s}}\n", method, m.id(c), request)
	}
}

// write makes the two files.
func (m mix) write(tb testing.TB, dir string) (setup, load string) {
	tb.Helper()
	for name, fill := range map[string]func(*bufio.Writer){"setup.jsonl": m.setup, "load.jsonl": m.load} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		w := bufio.NewWriter(f)
		fill(w)
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
		if err := f.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return filepath.Join(dir, "setup.jsonl"), filepath.Join(dir, "load.jsonl")
}

// BenchmarkApplyMix carries out a file of 100,000 commands on 100 collectives in a data directory, durable, every rule on: up
// to the first refusal, which there is none, and whatever is refused.
func BenchmarkApplyMix(b *testing.B) {
	tuneCollector()
	m := mix{100, 100_000, time.Now().AddDate(0, 0, -1).Format(time.DateOnly)}
	for _, mode := range []string{"stop", "report"} {
		b.Run("on-refusal="+mode, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				dir := filepath.Join(b.TempDir(), "data")
				setup, load := m.write(b, b.TempDir())
				must(b, "init", "--data", dir)
				must(b, "apply", setup, "--data", dir)
				b.StartTimer()
				start := time.Now()
				must(b, "apply", load, "--data", dir, "--on-refusal", mode)
				b.ReportMetric(float64(m.commands)/time.Since(start).Seconds(), "commands/s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
