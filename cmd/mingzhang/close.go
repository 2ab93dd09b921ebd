package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

var monthForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}$`)

func (s *session) closeCmd() *cobra.Command {
	var w writing
	cmd := &cobra.Command{
		Use:   "close MONTH",
		Short: s.lang.text("结账:一个月结了就不再开", "close a month for good, e.g. 2021-09"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !monthForm.MatchString(args[0]) {
				return failed(exitRefused, "月份写法不对:“%s”。月份要写成 2020-04 这样。", "\"%s\" is no month: a month is written like 2020-04.", args[0])
			}
			if err := s.mayAsk(w); err != nil {
				return err
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.giving(cmd.Context(), "ClosePeriod")
				if err != nil {
					return err
				}
				r := &apiv1.ClosePeriodRequest{CommandId: commandID(w.id), CollectiveId: collective, Month: args[0]}
				done, err := c.confirm(ctx, w, "ClosePeriod", r, args[0]+" 结账以后不能再开。办理吗?", args[0]+" cannot be opened again. Close it?")
				if done || err != nil {
					return err
				}
				answer, err := c.governance.ClosePeriod(ctx, r)
				if err != nil {
					return repeatable(err, r)
				}
				return s.showReceipt(answer.Receipt, args[0]+" 已结账。", args[0]+" is closed.")
			})
		},
	}
	s.writeFlags(cmd, &w)
	return cmd
}

// showReceipt says what was booked, and more where there is more to say.
func (s *session) showReceipt(r *apiv1.Receipt, zh, en string, more ...string) error {
	if err := s.keepReceipt(r); err != nil {
		return err
	}
	if s.json {
		return writeJSON(s.stdout, r)
	}
	var b strings.Builder
	fmt.Fprintln(&b, s.lang.text(zh, en))
	for _, v := range r.Vouchers {
		fmt.Fprintf(&b, "%s  %s  %s  %s\n", v.Number, v.OccurredOn, grouped(v.Amount), narration(v, s.lang))
	}
	for _, line := range more {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintf(&b, s.lang.text("第 %d 笔,命令编号 %s\n", "version %d, command %s\n"), r.Version, r.CommandId)
	_, err := s.stdout.Write([]byte(b.String()))
	return err
}
