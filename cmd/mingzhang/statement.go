package main

import (
	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

func (s *session) statementCmd() *cobra.Command {
	r := new(apiv1.GetFundStatementRequest)
	cmd := &cobra.Command{
		Use:   "statement",
		Short: s.lang.text("收支表:各项基金的期初、收入、支出、期末", "the fund statement: opening, received, spent, closing of every fund"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(func(c *client) error {
				ctx := cmd.Context() // it is public
				collective, err := c.theCollective(ctx)
				if err != nil {
					return err
				}
				r.CollectiveId = collective
				answer, err := c.disclosure.GetFundStatement(ctx, r)
				if err != nil {
					return err
				}
				about, err := c.disclosure.GetCollective(ctx, &apiv1.GetCollectiveRequest{CollectiveId: collective})
				if err != nil {
					return err
				}
				return s.show(answer, statementTable(answer, accountNames(about.Collective, s.lang), s.lang), s.moment(r.AsOf, answer.Version))
			})
		},
	}
	cmd.Flags().StringVar(&r.From, "from", "", s.lang.text("从哪天", "first business day"))
	cmd.Flags().StringVar(&r.To, "to", "", s.lang.text("到哪天", "last business day"))
	s.momentFlags(cmd, &r.AsOf, &r.AsKnownAt)
	return cmd
}

// statementTable has a line a fund, their sum, and a line a money account at the end.
func statementTable(a *apiv1.GetFundStatementResponse, names map[string]string, l language) *table {
	t := &table{columns: []column{
		{name: "account", zh: "项目", en: "Account"},
		{name: "name", zh: "名称", en: "Name"},
		{name: "opening", zh: "期初", en: "Opening", amount: true},
		{name: "received", zh: "收入", en: "Received", amount: true},
		{name: "spent", zh: "支出", en: "Spent", amount: true},
		{name: "closing", zh: "期末", en: "Closing", amount: true},
	}}
	for _, f := range a.Funds {
		t.add("fund/"+f.Fund, f.Name, f.Opening, f.Received, f.Spent, f.Closing)
	}
	t.add("total", l.text("基金合计", "all funds"), a.Total.GetOpening(), a.Total.GetReceived(), a.Total.GetSpent(), a.Total.GetClosing())
	for _, m := range a.Money {
		t.add(m.Account, names[m.Account], "", "", "", m.Balance)
	}
	return t
}
