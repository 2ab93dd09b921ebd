package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

var update = flag.Bool("update", false, "write docs/verbs.md anew")

func rootOf(l language) *cobra.Command {
	s := &session{config: config{lang: l}, stdout: io.Discard, stderr: io.Discard, stdin: strings.NewReader("")}
	return s.root(nil)
}

// Every method of every service is a command with a flag for each field of its request, also a stream; a name that is taken
// by a command written by hand stays with it.
func TestEveryMethodHasAVerb(t *testing.T) {
	root, made := rootOf(english), 0
	for _, service := range apiServices() {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			cmd, _, err := root.Find([]string{kebab(method.Name())})
			if err != nil || cmd == root || !cmd.Runnable() {
				t.Errorf("%s has no verb: %v", method.FullName(), err)
				continue
			}
			if cmd.GroupID == mainGroup {
				continue
			}
			made++
			if chineseVerbs[string(method.Name())] == "" {
				t.Errorf("%s has no Chinese word", method.Name())
			}
			if cmd.GroupID != string(service.Name()) || cmd.Short == "" {
				t.Errorf("%s stands in the group %q and says %q", cmd.Name(), cmd.GroupID, cmd.Short)
			}
			for j := range method.Input().Fields().Len() {
				field := method.Input().Fields().Get(j)
				f := cmd.Flags().Lookup(kebab(field.Name()))
				if f == nil {
					f = cmd.InheritedFlags().Lookup(strings.TrimSuffix(kebab(field.Name()), "-id"))
				}
				if field.Name() == "page_size" {
					f = cmd.Flags().Lookup("limit")
				}
				if f == nil { // a field whose name is a flag of every command
					f = cmd.Flags().Lookup(kebab(field.Name()) + "-field")
				}
				if f == nil || f.Usage == "" {
					t.Errorf("%s has no flag for %s, or one without a word", cmd.Name(), field.Name())
				}
			}
			if dry := cmd.Flags().Lookup("dry-run") != nil; dry == (verb{method: method}).reads() {
				t.Errorf("%s: reads %v, dry run %v", cmd.Name(), !dry, dry)
			}
		}
	}
	if services := len(apiServices()); services < 5 || made < 60 {
		t.Errorf("%d services, %d verbs", services, made)
	}
}

// comments.tsv has the comment of every method and of every field of a request, and of nothing else.
func TestCommentsAreFresh(t *testing.T) {
	known := map[string]bool{}
	see := func(d protoreflect.Descriptor) {
		known[string(d.Parent().Name())+"."+string(d.Name())] = true
		if commentOf(d) == "" {
			t.Errorf("%s has no comment: make generate", d.FullName())
		}
	}
	for _, v := range verbs() {
		see(v.method)
		for i := range v.method.Input().Fields().Len() {
			see(v.method.Input().Fields().Get(i))
		}
	}
	for name := range comments() {
		if !known[name] {
			t.Errorf("comments.tsv knows %s, the schema does not: make generate", name)
		}
	}
}

// docs/verbs.md lists every verb as it is.
func TestVerbsPageIsFresh(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "verbs.md")
	if *update {
		if err := os.WriteFile(path, verbsPage(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, verbsPage()) {
		t.Errorf("docs/verbs.md is not what the schema says (%v): go test ./cmd/mingzhang -run VerbsPage -update", err)
	}
}

// verbsPage is docs/verbs.md.
func verbsPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# The verbs

Made from the schema of the API; a test keeps it fresh (` + "`go test ./cmd/mingzhang -run VerbsPage -update`" + `). Do not edit.

Every method is a command of ` + "`mingzhang`" + ` with a flag for each field of its request (` + "`mingzhang VERB --help`" + ` says what each
means). Commands show a preview and ask; ` + "`--dry-run`" + ` only shows, ` + "`--yes`" + ` only does. [commands.md](commands.md) shows how they are used.
` + "`apply`" + ` is written by hand and stands for Apply.
`)
	for _, service := range apiServices() {
		fmt.Fprintf(&b, "\n## %s %s\n\n| verb | what it does | 作用 | flags |\n| --- | --- | --- | --- |\n", service.Name(), chineseServices[string(service.Name())])
		for _, v := range verbs() {
			if v.service() == string(service.Name()) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.name, v.about(english), chineseVerbs[string(v.method.Name())], flagsOf(v))
			}
		}
	}
	return b.Bytes()
}

// flagsOf are the flags of a verb's own fields.
func flagsOf(v verb) string {
	if v.name == "apply" {
		return ""
	}
	var names []string
	s := &session{config: config{lang: english}}
	for _, f := range s.fieldFlags(new(cobra.Command), v.method.Input()) {
		names = append(names, "`--"+f.name+"`")
	}
	return strings.Join(names, " ")
}

// Values are read by the kinds of their fields; one that is wrong is told with its flag, in both languages, with exit code 2.
func TestFlagsOfFields(t *testing.T) {
	request := func(verbName string, args ...string) string {
		t.Helper()
		i := slices.IndexFunc(verbs(), func(v verb) bool { return v.name == verbName })
		v, s, a := verbs()[i], &session{config: config{lang: english}, stdin: strings.NewReader("")}, new(asked)
		cmd := new(cobra.Command)
		a.fields = s.fieldFlags(cmd, v.method.Input())
		cmd.Flags().StringVar(&a.request, "request", "", "")
		if err := cmd.ParseFlags(args); err != nil {
			return err.Error()
		}
		m, err := s.requestOf(v, a)
		if err != nil {
			f := explain(err)
			return fmt.Sprintf("%d %s %s", f.code, f.zh, f.en)
		}
		text, err := compactJSON(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	file := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(file, []byte(`{"kind":"rent","amount":"1.00","documents":[{"kind":"list"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ verb, args, want string }{
		{"record-income", "--kind rent --amount 98000.00 --expected-version 7", `{"expectedVersion":"7","kind":"rent","amount":"98000.00"}`},
		{"record-income", "--documents kind=bank_line,number=1 --documents kind=list,size=12", `{"documents":[{"kind":"bank_line","number":"1"},{"kind":"list","size":"12"}]}`},
		{"record-income", `--documents {"kind":"list","issuer":"a,b"}`, `{"documents":[{"kind":"list","issuer":"a,b"}]}`},
		{"record-income", "--request " + file + " --amount 2.00 --documents kind=other", `{"kind":"rent","amount":"2.00","documents":[{"kind":"other"}]}`},
		{"record-resolution", "--matter spending-rule", `{"matter":"MATTER_SPENDING_RULE"}`},
		{"record-resolution", "--matter MATTER_SPENDING_RULE", `{"matter":"MATTER_SPENDING_RULE"}`},
		{"open-fund", "--fund id=education,name=教育,purposes=books,purposes=prizes,restricted=true", `{"fund":{"id":"education","name":"教育","purposes":["books","prizes"],"restricted":true}}`},
		{"enrol-members", "--members 1,2 --members 3 --households 1,1,2", `{"members":[1,2,3],"households":[1,1,2]}`},
		{"request-correction", "--replacements corrects=收2024-2,inflow.kind=rent,inflow.inflow=income", `{"replacements":[{"corrects":"收2024-2","inflow":{"inflow":"INFLOW_KIND_INCOME","kind":"rent"}}]}`},
		{"list-vouchers", "--descending --class receipt", `{"descending":true,"class":"receipt"}`},
		{"preview", "--line method=RecordIncome,as=treasurer,requestJson=x", `{"line":{"method":"RecordIncome","requestJson":"x","as":"treasurer"}}`},

		{"record-resolution", "--matter polcy", "2 选项 --matter 的值“polcy”不对:可用的有 policy,"},
		{"record-resolution", "--matter unspecified", "2 选项 --matter"},
		{"record-resolution", "--electorate many", "2 选项 --electorate 的值“many”不对:应是整数。 The value \"many\" of --electorate is wrong: it is a whole number."},
		{"record-resolution", "--electorate 4294967296", "--electorate is wrong"},
		{"enrol-members", "--members 1,x", "2 选项 --members 的值“1,x”不对"},
		{"record-income", "--documents bank_line", "--documents is wrong: it is key=value,key=value or JSON"},
		{"record-income", "--documents colour=red", "没有 colour,可用的有 kind, issuer,"},
		{"record-income", "--documents kind.of=red", "there is no of in kind"},
		{"record-income", `--documents {"kindd":1}`, `there is no field "kindd"`},
		{"record-income", "--amuont 1.00", "unknown flag: --amuont"},
		{"list-vouchers", "--descending=perhaps", "--descending is wrong: it is true or false"},
		{"record-income", "--request none.json", "2 打不开文件 none.json"},
	} {
		if got := request(c.verb, strings.Fields(c.args)...); got != c.want && (strings.HasPrefix(c.want, "{") || !strings.Contains(got, c.want)) {
			t.Errorf("%s %s\n got %s\nwant %s", c.verb, c.args, got, c.want)
		}
	}
}

// The requests of a stream stand in a file, one a line; flags go over the first.
func TestRequestsOfAStream(t *testing.T) {
	i := slices.IndexFunc(verbs(), func(v verb) bool { return v.name == "record-income" }) // any will do
	v, cmd := verbs()[i], new(cobra.Command)
	for text, want := range map[string]string{
		"{\"kind\":\"a\"}\n\n{\"kind\":\"b\"}": `{"kind":"a","amount":"1.00"}{"kind":"b"}`,
		"":                                     "The file - has no request.",
		"{\"kind\":\"a\"}\n{\"knd\":1}":        `there is no field "knd"`,
	} {
		s := &session{config: config{lang: english}, stdin: strings.NewReader(text)}
		a := &asked{request: "-", fields: s.fieldFlags(cmd, v.method.Input())}
		cmd.ResetFlags()
		for _, f := range a.fields {
			if f.name == "amount" {
				f.given = []string{"1.00"}
			}
		}
		requests, err := s.requestsOf(v, a)
		got := ""
		if err != nil {
			got = explain(err).en
		}
		for _, r := range requests {
			text, err := compactJSON(r)
			if err != nil {
				t.Fatal(err)
			}
			got += string(text)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q gives %s, not %s", text, got, want)
		}
	}
}

// A sample of the demo's commands, drawn anew each time, given as verbs: what --dry-run shows is what is booked afterwards,
// number by number and posting by posting, and the preview itself leaves no trace, not even its command id.
func TestDryRunIsWhatIsBooked(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir, rest := filepath.Join(t.TempDir(), "books"), filepath.Join(t.TempDir(), "rest.jsonl")
	must(t, "init", "--data", dir)
	var before []string // lines that go through apply
	flush := func() {
		if len(before) > 0 {
			if err := os.WriteFile(rest, []byte(strings.Join(before, "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
			must(t, "apply", rest, "--data", dir)
			before = nil
		}
	}
	sampled, vouchers, oneIn := 0, 0, 5
	if testing.Short() {
		oneIn = 20
	}
	for _, file := range seeds.Demo() {
		for _, text := range strings.Split(string(file.Data), "\n") {
			var line struct {
				Method, As string
				Request    json.RawMessage
			}
			if text == "" || text[0] == '#' {
				continue
			}
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			if random.IntN(oneIn) > 0 || line.Method == "CreateOperator" {
				before = append(before, text)
				continue
			}
			flush()
			sampled++
			vouchers += sampleDryRun(t, dir, line.Method, line.As, line.Request)
		}
	}
	flush()
	if got := must(t, "balance", "--csv", "--data", dir); !strings.Contains(got, "\nfund/maintenance,储备金,16445.00\n") {
		t.Errorf("seed %d: the books end with\n%s", seed, got)
	}
	t.Logf("%d commands, %d vouchers", sampled, vouchers)
}

// sampleDryRun previews a command twice, gives it, and says how many vouchers it booked.
func sampleDryRun(t *testing.T, dir, method, as string, request []byte) int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(file, request, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{kebab(protoreflect.Name(method)), "--request", file, "--as", as, "--data", dir, "--json"}
	heads := must(t, "verify", "--csv", "--data", dir)
	foreseen, booked := new(apiv1.PreviewResult), new(apiv1.Receipt)
	first := must(t, append(args, "--dry-run")...)
	if again := must(t, append(args, "--dry-run")...); again != first {
		t.Fatalf("%s: two previews differ:\n%s\n%s", method, first, again)
	}
	if now := must(t, "verify", "--csv", "--data", dir); now != heads {
		t.Fatalf("%s: the preview left a trace:\n%s\n%s", method, heads, now)
	}
	if err := protojson.Unmarshal([]byte(first), foreseen); err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal([]byte(must(t, append(args, "--yes")...)), booked); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(booked, foreseen.Receipt, protocmp.Transform()); diff != "" || foreseen.Repeated {
		t.Fatalf("%s: booked (-), previewed (+):\n%s", method, diff)
	}
	if len(foreseen.Balances) == 0 {
		return len(booked.Vouchers)
	}
	balances := must(t, "balance", "--csv", "--data", dir)
	for _, b := range foreseen.Balances {
		if !strings.Contains(balances, "\n"+b.Account+",") || !strings.Contains(balances, ","+b.After+"\n") {
			t.Errorf("%s: %s was previewed to become %s, the books say\n%s", method, b.Account, b.After, balances)
		}
	}
	return len(booked.Vouchers)
}

// Tables of answers stand in columns also where cells are Chinese, amounts to the right: a wide character takes two columns.
func TestAnswersAreAligned(t *testing.T) {
	dir := demoDir(t)
	for command, want := range map[string]string{
		"get-fund-statement": `
基金
基金         名称    期初        收入        支出       期末
dividend     分红金  0.00  343,000.00  274,379.95  68,620.05
reserve      公积金  0.00   49,000.00   36,000.00  13,000.00
welfare      公益金  0.00   49,000.00   20,300.00  28,700.00
maintenance  储备金  0.00   49,000.00   32,555.00  16,445.00

合计
项目  内容
期初  0.00
收入  490,000.00
支出  363,234.95
期末  126,765.05

资金
科目              余额
money/bank  126,765.05
(到第 172 笔为止)
`,
		"list-receipts-and-payments --limit 2": `
凭证
号码       日期        摘要              分录                                              用途    收入种类  决议          申请号  第几笔  记账时间                          金额  分配办法版本
收2022-2   2022-12-20  2022年下半年租金  money/bank 98000.00; fund/dividend -68600.00; f…          rent                               138  2022-12-20T01:00:00.000000Z  98,000.00             1
付2022-27  2022-09-15  照明和下水维修    fund/maintenance 8000.00; money/bank -8000.00     repair            repairs-2022       9     137  2022-09-15T01:10:00.000000Z   8,000.00

每笔另注
凭证       对方                对方是  凭证张数       收入      支出
收2022-2   利民坝市场经营公司  单位           1  98,000.00      0.00
付2022-27  平安建筑维修队      单位           1       0.00  8,000.00
(到第 172 笔为止)
`,
	} {
		if diff := cmp.Diff(want[1:], must(t, append(strings.Fields(command), "--data", dir, "--lang", "zh")...)); diff != "" {
			t.Errorf("%s: want (-), got (+)\n%s", command, diff)
		}
	}
}

// A list is read to its end over many pages, or up to --limit, which the token then goes on from.
func TestPagesAreFollowed(t *testing.T) {
	dir := demoDir(t)
	all := strings.Count(must(t, "list-entitlements", "--run-id", "dividend-2021", "--csv", "--data", dir), "\n") - 1
	if all != 3211 {
		t.Errorf("%d entitlements, not 3211", all)
	}
	if whole := must(t, "list-entitlements", "--run-id", "dividend-2021", "--json", "--data", dir); !strings.Contains(whole, `"nextPageToken": ""`) {
		t.Error("a list read to its end has a token")
	}
	var page apiv1.ListEntitlementsResponse
	if err := protojson.Unmarshal([]byte(must(t, "list-entitlements", "--run-id", "dividend-2021", "--limit", "1500", "--json", "--data", dir)), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Entitlements) != 1500 || page.NextPageToken == "" {
		t.Errorf("%d entitlements, token %q", len(page.Entitlements), page.NextPageToken)
	}
	rest := must(t, "list-entitlements", "--run-id", "dividend-2021", "--page-token", page.NextPageToken, "--csv", "--data", dir)
	if n := strings.Count(rest, "\n") - 1; n != 1711 {
		t.Errorf("%d entitlements after the first 1500, not 1711", n)
	}
}
