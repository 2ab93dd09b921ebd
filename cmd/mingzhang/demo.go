package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// The demo's operators that the program itself acts as.
const (
	demoReader = "supervisor"
	demoEnd    = "2022-12-31"
)

func (s *session) demoCmd() *cobra.Command {
	var once bool
	var listen string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: s.lang.text("演示:利民坝社区两年半的账,然后提供服务", "the demo: two and a half years of one community, then serve them"),
		Long: s.lang.text(`成立一个虚构的集体,按文件办理它的 169 条命令,逐行列出账目,然后在本机提供服务。
不给 --data 时用临时目录,结束时删除;给了就留下,再演示一次不会重复记账。`,
			`Found an invented collective, carry out its 169 commands from files, print its rows, then serve it on this machine.
Without --data a temporary directory is used and removed at the end; with it the books stay, and once more changes nothing.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.server != "" {
				return failed(exitUsage, "demo 在本机演示,不用服务器。", "demo runs on this machine, not on a server.")
			}
			if cmd.Flags().Changed("data") {
				return s.demo(cmd.Context(), s.data, once, listen)
			}
			if s.store != "" {
				return failed(exitUsage, "演示进集群要用 --data 给出节点的目录;只看演示请去掉 --store。", "The demo goes into a cluster from a node's directory, named with --data: leave --store out to only look at it.")
			}
			dir, err := os.MkdirTemp("", "mingzhang-demo-")
			if err != nil {
				return fmt.Errorf("make a directory for the demo: %w", err)
			}
			return errors.Join(s.demo(cmd.Context(), dir, once, listen), os.RemoveAll(dir))
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, s.lang.text("列出账目就结束", "end after printing"))
	cmd.Flags().StringVar(&listen, "listen", listenDefault, s.lang.text("监听的地址", "address to listen on"))
	return cmd
}

func (s *session) demo(ctx context.Context, path string, once bool, listen string) (err error) {
	if _, err := os.Stat(keyPath(path, adminID)); errors.Is(err, fs.ErrNotExist) {
		if _, err := makeDirectory(ctx, path, making{store: s.store}); err != nil {
			return err
		}
	}
	logger := slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	door, err := new(signIn).options(listen, logger)
	if err != nil {
		return err
	}
	dir, err := openDirectory(path, logger, opening{store: s.store, door: door})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	dir.pages.Origin = door.Origin
	c := s.newClient(dir.server.InProcess(), dir)
	if err := c.playDemo(ctx); err != nil {
		return err
	}
	if err := c.printDemo(ctx); err != nil || once {
		return err
	}
	key, err := c.demoKey(ctx)
	if err != nil {
		return err
	}
	secrets, err := c.demoInvitations(ctx)
	if err != nil {
		return err
	}
	return s.serve(ctx, dir, listen, logger, func(url string) {
		s.invite(url, cmp.Or(door.Origin, url), secrets, key)
	})
}

// playDemo applies the seed files like anybody's files.
func (c *client) playDemo(ctx context.Context) error {
	begun := time.Now()
	a := &applier{client: c, refusal: "stop"}
	for _, file := range seeds.Demo() {
		if err := a.lines(rpc.AsOperator(ctx, adminID), newLineReader(file.Name, bytes.NewReader(file.Data))); err != nil {
			return err
		}
	}
	s := c.session
	fmt.Fprintf(s.stderr, s.lang.text("办成 %d 条命令,用时 %v。\n", "%d commands done in %v.\n"), a.done, time.Since(begun).Round(time.Millisecond))
	return nil
}

// The accounts of the demo's table.
var demoAccounts = []column{
	{name: "fund/dividend", zh: "分红金", en: "Dividend", amount: true},
	{name: "fund/reserve", zh: "公积金", en: "Reserve", amount: true},
	{name: "fund/welfare", zh: "公益金", en: "Welfare", amount: true},
	{name: "fund/maintenance", zh: "储备金", en: "Maint.", amount: true},
	{name: demoMoney, zh: "银行存款", en: "Bank", amount: true},
}

const demoMoney = "money/bank"

// printDemo prints the rows and the totals; every figure is asked of the services.
func (c *client) printDemo(ctx context.Context) error {
	s := c.session
	ctx = rpc.AsOperator(ctx, demoReader)
	rows := &table{columns: append([]column{
		{name: "date", zh: "日期", en: "Date"},
		{name: "event", zh: "事项", en: "Event"},
		{name: "amount", zh: "金额", en: "Amount", amount: true},
	}, demoAccounts...)}
	before := ledger.Fen(0)
	for _, row := range seeds.Rows() {
		balances, err := c.balancesOn(ctx, row.Date)
		if err != nil {
			return err
		}
		bank, err := ledger.ParseSigned("balance", balances[demoMoney])
		if err != nil {
			return err
		}
		cells := []string{row.Date, s.lang.text(row.Chinese, row.English), signed(bank - before)}
		for _, account := range demoAccounts {
			cells = append(cells, balances[account.name])
		}
		rows.add(cells...)
		before = bank
	}
	totals, err := c.demoTotals(ctx)
	if err != nil {
		return err
	}
	return s.showDemo(rows, totals)
}

func (s *session) showDemo(rows, totals *table) error {
	switch {
	case s.json:
		out := json.NewEncoder(s.stdout)
		out.SetIndent("", "  ")
		return out.Encode(map[string]any{"rows": rows.objects(), "totals": totals.objects()})
	case s.csv:
		return rows.printCSV(s.stdout)
	}
	fmt.Fprintln(s.stdout, s.lang.text("利民坝社区集体(演示:人和单位都是虚构的;单位:元)\n", "Liminba community (a demo: all people and firms are invented; yuan)\n"))
	if err := rows.print(s.stdout, s.lang); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout)
	return totals.print(s.stdout, s.lang)
}

func signed(amount ledger.Fen) string {
	if amount > 0 {
		return "+" + amount.String()
	}
	return amount.String()
}

// balancesOn gives the balance of every account at the end of a day; accounts that had not moved by then are 0.00.
func (c *client) balancesOn(ctx context.Context, day string) (map[string]string, error) {
	answer, err := c.audit.GetBalances(ctx, &apiv1.GetBalancesRequest{CollectiveId: seeds.Liminba, AsOf: day})
	if err != nil {
		return nil, err
	}
	balances := make(map[string]string)
	for _, account := range demoAccounts {
		balances[account.name] = ledger.Fen(0).String()
	}
	for _, b := range answer.Balances {
		balances[b.Account] = b.Balance
	}
	return balances, nil
}

// demoTotals sums what the demo's rows were for.
func (c *client) demoTotals(ctx context.Context) (*table, error) {
	sums := &sums{amounts: map[string]ledger.Fen{}, people: map[string]uint32{}}
	if err := c.sumVouchers(ctx, sums); err != nil {
		return nil, err
	}
	if err := c.sumPayouts(ctx, sums); err != nil {
		return nil, err
	}
	balances, err := c.balancesOn(ctx, demoEnd)
	if err != nil {
		return nil, err
	}
	t := &table{columns: []column{
		{name: "total", zh: "截至 " + demoEnd, en: "As of " + demoEnd},
		{name: "people", zh: "人次", en: "People", right: true},
		{name: "amount", zh: "金额", en: "Amount", amount: true},
	}}
	l := c.session.lang
	for _, line := range []struct {
		zh, en string
		keys   []string
	}{
		{"租金收入", "Rent", []string{"rent"}},
		{"分红", "Dividends", []string{"dividend"}},
		{"奖学", "Scholarships", []string{"scholarship"}},
		{"救助", "Relief", []string{"relief"}},
		{"日常管理、栽种、维修", "Daily management, planting, repairs", []string{"daily_management", "planting", "repair"}},
		{"工坊", "Workshop", []string{"development"}},
	} {
		var amount ledger.Fen
		people := ""
		for _, key := range line.keys {
			amount += sums.amounts[key]
			if n := sums.people[key]; n > 0 {
				people = fmt.Sprint(n)
			}
		}
		t.add(l.text(line.zh, line.en), people, amount.String())
	}
	t.add(l.text("银行存款", "Bank"), "", balances[demoMoney])
	return t, nil
}

// sums are amounts and payees by kind of income, purpose, or dividend.
type sums struct {
	amounts map[string]ledger.Fen
	people  map[string]uint32
}

func (s *sums) add(key, amount string, people uint32) error {
	a, err := ledger.ParseSigned("amount", amount)
	s.amounts[key] += a
	s.people[key] += people
	return err
}

func (c *client) sumVouchers(ctx context.Context, sums *sums) error {
	r := &apiv1.ListVouchersRequest{CollectiveId: seeds.Liminba, AsOf: demoEnd, PageSize: journalPage}
	for {
		page, err := c.audit.ListVouchers(ctx, r)
		if err != nil {
			return err
		}
		for _, v := range page.Vouchers {
			key := v.IncomeKind
			if key == "" {
				key = v.Purpose
			}
			if key == "" {
				continue
			}
			if err := sums.add(key, v.Amount, 0); err != nil {
				return err
			}
		}
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			return nil
		}
	}
}

func (c *client) sumPayouts(ctx context.Context, sums *sums) error {
	rounds, err := c.audit.ListGrantRounds(ctx, &apiv1.ListGrantRoundsRequest{CollectiveId: seeds.Liminba, AsOf: demoEnd})
	if err != nil {
		return err
	}
	for _, r := range rounds.Rounds {
		if err := sums.add(r.Purpose, r.Paid, r.PaidCount); err != nil {
			return err
		}
	}
	runs, err := c.audit.ListDividends(ctx, &apiv1.ListDividendsRequest{CollectiveId: seeds.Liminba, AsOf: demoEnd})
	if err != nil {
		return err
	}
	for _, r := range runs.Runs {
		if err := sums.add("dividend", r.Paid, r.PaidCount); err != nil {
			return err
		}
	}
	return nil
}

// demoKey is the file with a key of the supervisor, made when there is none.
func (c *client) demoKey(ctx context.Context) (string, error) {
	path := keyPath(c.dir.path, demoReader)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return c.keepKey(demoReader, "", func() (string, error) {
		answer, err := c.registry.IssueKey(rpc.AsOperator(ctx, adminID), &apiv1.IssueKeyRequest{CommandId: commandID(""), Operator: demoReader})
		return answer.GetKey(), err
	})
}

// demoPeople are whom the demo invites to its pages.
var demoPeople = []struct{ operator, zh, en string }{
	{"treasurer", "会计", "treasurer"}, {"approver", "负责人", "approver"}, {demoReader, "监督委员会", "supervisor"},
}

// demoInvitations are the secrets of an invitation for each of the demo's people.
func (c *client) demoInvitations(ctx context.Context) ([]string, error) {
	var secrets []string
	for _, who := range demoPeople {
		answer, err := c.registry.InviteOperator(rpc.AsOperator(ctx, adminID), &apiv1.InviteOperatorRequest{CommandId: commandID(""), Operator: who.operator})
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, answer.Secret)
	}
	return secrets, nil
}

// desks says where each of the demo's people sets a password and is at his desk.
func (s *session) desks(origin string, secrets []string) {
	fmt.Fprint(s.stderr, s.lang.text("\n各人的工作台(链接用一次,设个密码就进去):\n\n", "\nThe desks (each link works once: set a password and you are in):\n\n"))
	for i, who := range demoPeople {
		fmt.Fprintf(s.stderr, "%s%s/invitation/%s/  %s\n", origin, s.lang.text("", "/en"), secrets[i], s.lang.text(who.zh, who.en))
	}
}

// invite says what to open and what to call.
func (s *session) invite(url, origin string, secrets []string, key string) {
	const service = "/mingzhang.api.v1."
	fmt.Fprintf(s.stderr, s.lang.text("\n公示栏在 %s/b/%s/,用浏览器打开;按 Ctrl-C 结束。\n",
		"\nThe board is at %s/en/b/%s/: open it in a browser. Ctrl-C ends it.\n"), origin, seeds.Liminba)
	s.desks(origin, secrets)
	fmt.Fprint(s.stderr, s.lang.text("\n同样的数字也能调用接口读取,不用密钥:\n\n", "\nThe same figures by the API, without a key:\n\n"))
	fmt.Fprintf(s.stdout, "curl '%s%sDisclosureService/GetFundStatement?encoding=json&message=%%7B%%22collectiveId%%22%%3A%%22%s%%22%%7D'\n", url, service, seeds.Liminba)
	fmt.Fprintf(s.stdout, "curl -H 'Content-Type: application/json' -d '{\"collectiveId\":\"%s\",\"pageSize\":5}' %s%sDisclosureService/ListReceiptsAndPayments\n",
		seeds.Liminba, url, service)
	fmt.Fprint(s.stderr, s.lang.text("\n监督委员会凭密钥能看全部:\n\n", "\nThe supervisor may read everything, with a key:\n\n"))
	fmt.Fprintf(s.stdout, "curl -H \"Authorization: Bearer $(cat %s)\" -H 'Content-Type: application/json' -d '{\"collectiveId\":\"%s\",\"asOf\":\"2021-09-30\"}' %s%sAuditService/GetBalances\n",
		key, seeds.Liminba, url, service)
	fmt.Fprintf(s.stdout, "mingzhang balance --server %s --key %s --as-of 2021-09-30\n", url, key)
}
