package main

import (
	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

func (s *session) balanceCmd() *cobra.Command {
	r := new(apiv1.GetBalancesRequest)
	cmd := &cobra.Command{
		Use:   "balance [ACCOUNT]",
		Short: s.lang.text("各科目余额", "balances of all accounts, or of one"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.Account = args[0]
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "GetBalances")
				if err != nil {
					return err
				}
				r.CollectiveId = collective
				answer, err := c.audit.GetBalances(ctx, r)
				if err != nil {
					return err
				}
				about, err := c.disclosure.GetCollective(ctx, &apiv1.GetCollectiveRequest{CollectiveId: collective})
				if err != nil {
					return err
				}
				t := balanceTable(answer.Balances, accountNames(about.Collective, s.lang))
				return s.show(answer, t, s.moment(r.AsOf, answer.Version))
			})
		},
	}
	s.momentFlags(cmd, &r.AsOf, &r.AsKnownAt)
	return cmd
}

// momentFlags are the flags of a read at another moment than now.
func (s *session) momentFlags(cmd *cobra.Command, asOf, asKnownAt *string) {
	cmd.Flags().StringVar(asOf, "as-of", "", s.lang.text("截至哪个业务日期,如 2021-09-30", "business day up to which vouchers count, e.g. 2021-09-30"))
	cmd.Flags().StringVar(asKnownAt, "as-known-at", "", s.lang.text("当时所知:第几笔、日期或 RFC 3339 时间", "what was known then: a version, a day or an RFC 3339 time"))
}

func balanceTable(balances []*apiv1.AccountBalance, names map[string]string) *table {
	t := &table{columns: []column{
		{name: "account", zh: "科目", en: "Account"},
		{name: "name", zh: "名称", en: "Name"},
		{name: "balance", zh: "余额", en: "Balance", amount: true},
	}}
	for _, b := range balances {
		t.add(b.Account, names[b.Account], b.Balance)
	}
	return t
}

// accountNames gives the public names of accounts: of funds and money accounts by the charter, of the rest by this program.
func accountNames(c *apiv1.Collective, l language) map[string]string {
	names := map[string]string{
		"payable/dividend":   l.text("应付分红", "dividends owed"),
		"payable/grant":      l.text("应付救助奖学", "grants owed"),
		"receivable/pending": l.text("待补", "pending"),

		"receivable/cost-recovery": l.text("待清算成本", "costs to settle"),
		"receivable/rent":          l.text("应收租金", "rent due"),
		"deposit/lease":            l.text("租赁押金", "lease deposits"),
		"deposit/performance":      l.text("履约押金", "performance deposits"),
	}
	for _, f := range c.GetFunds() {
		names["fund/"+f.Id] = f.Name
	}
	for _, m := range c.GetMoneyAccounts() {
		names["money/"+m.Id] = m.Name
	}
	return names
}
