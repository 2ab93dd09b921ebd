package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/capitals"
)

func (s *session) reverseCmd() *cobra.Command {
	var w writing
	r := new(apiv1.RequestReversalRequest)
	cmd := &cobra.Command{
		Use:   "reverse VOUCHER…",
		Short: s.lang.text("冲销凭证,如 付2021-18 或 P2021-18", "turn vouchers back whole, e.g. 付2021-18 or P2021-18"),
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, numbers []string) error {
			if err := s.mayAsk(w); err != nil {
				return err
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.giving(cmd.Context(), "RequestCorrection")
				if err != nil {
					return err
				}
				r.CommandId, r.CollectiveId, r.Vouchers = commandID(w.id), collective, numbers
				if err := c.showOriginals(ctx, collective, numbers); err != nil {
					return err
				}
				done, err := c.confirm(ctx, w, "RequestReversal", r, "冲销以上凭证吗?", "Turn these back?")
				if done || err != nil {
					return err
				}
				answer, err := c.books.RequestReversal(ctx, r)
				if err != nil {
					return repeatable(err, r)
				}
				if receipt := answer.Receipt; len(receipt.Vouchers) == 0 {
					return s.showReceipt(receipt, fmt.Sprintf("已提出第 %d 号申请;按支出办法审批以后才会记账(BookCorrection)。", receipt.RequestNumber),
						fmt.Sprintf("Request %d is made; it is booked (BookCorrection) after the approvals that the spending rule asks for.", receipt.RequestNumber))
				}
				return s.showReceipt(answer.Receipt, "已冲销。", "Turned back.")
			})
		},
	}
	cmd.Flags().StringVar(&r.OccurredOn, "on", "", s.lang.text("记在哪天(默认:办理那天)", "business day (default: the day it is booked)"))
	cmd.Flags().StringVar(&r.Narration, "reason", "", s.lang.text("公开的理由", "public text that says why"))
	s.writeFlags(cmd, &w)
	return cmd
}

// showOriginals shows what is about to be turned back, amounts in figures and in words.
func (c *client) showOriginals(ctx context.Context, collective string, numbers []string) error {
	s := c.session
	for _, number := range numbers {
		answer, err := c.audit.GetVoucher(ctx, &apiv1.GetVoucherRequest{CollectiveId: collective, Number: number})
		if err != nil {
			return err
		}
		v := answer.Voucher
		fmt.Fprintf(s.stderr, "%s  %s  %s %s  %s\n", v.Number, v.OccurredOn, grouped(v.Amount), s.lang.text("("+capitals.Yuan(v.Amount)+")", "CNY"), v.Narration)
		for _, p := range v.Postings {
			fmt.Fprintf(s.stderr, "    %-24s %14s\n", p.Account, grouped(p.Amount))
		}
	}
	return nil
}
