package main

import (
	"strings"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// journalPage is how many vouchers are asked for at a time.
const journalPage = 1000

func (s *session) journalCmd() *cobra.Command {
	r := new(apiv1.ListVouchersRequest)
	var limit int
	cmd := &cobra.Command{
		Use:   "journal",
		Short: s.lang.text("日记账:每张凭证和它的分录", "the journal: every voucher with its postings"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return failed(exitUsage, "--limit 不能为负。", "--limit cannot be negative.")
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "ListVouchers")
				if err != nil {
					return err
				}
				r.CollectiveId = collective
				all := new(apiv1.ListVouchersResponse)
				for {
					r.PageSize = journalPage
					if limit > 0 {
						r.PageSize = uint32(min(journalPage, limit-len(all.Vouchers)))
					}
					page, err := c.audit.ListVouchers(ctx, r)
					if err != nil {
						return err
					}
					all.Version = page.Version
					all.Vouchers = append(all.Vouchers, page.Vouchers...)
					if r.PageToken = page.NextPageToken; r.PageToken == "" || limit > 0 && len(all.Vouchers) >= limit {
						break
					}
				}
				return s.show(all, journalTable(all.Vouchers, s.lang, s.csv), s.moment(r.AsOf, all.Version))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Account, "account", "", s.lang.text("只看用到这个科目的凭证", "only vouchers that touch this account"))
	f.StringVar(&r.From, "from", "", s.lang.text("从哪天", "first business day"))
	f.StringVar(&r.To, "to", "", s.lang.text("到哪天", "last business day"))
	f.StringVar(&r.Class, "class", "", s.lang.text("只看这一类:receipt、payment 或 transfer", "only receipt, payment or transfer"))
	f.StringVar(&r.Party, "party", "", s.lang.text("只看与它有关的,如 member/17", "only vouchers of this party, e.g. member/17"))
	f.StringVar(&r.Purpose, "purpose", "", s.lang.text("只看这一用途", "only payments for this purpose"))
	f.StringVar(&r.ResolutionId, "resolution", "", s.lang.text("只看用到这项决议的", "only vouchers that draw on this resolution"))
	f.Uint32Var(&r.RequestNumber, "request", 0, s.lang.text("只看办结这项申请的", "only vouchers that settle this request"))
	f.StringVar(&r.AmountFrom, "amount-from", "", s.lang.text("金额不小于,如 1000.00", "smallest amount, e.g. 1000.00"))
	f.StringVar(&r.AmountTo, "amount-to", "", s.lang.text("金额不大于", "largest amount"))
	f.StringVar(&r.Text, "text", "", s.lang.text("摘要里有这段文字", "only narrations that hold this text"))
	f.BoolVar(&r.Corrections, "corrections", false, s.lang.text("只看冲销和更正", "only reversals and corrections"))
	f.IntVar(&limit, "limit", 0, s.lang.text("最多几张(默认:全部)", "vouchers at most (default: all)"))
	f.BoolVar(&r.Descending, "newest-first", false, s.lang.text("新的在前", "newest first"))
	s.momentFlags(cmd, &r.AsOf, &r.AsKnownAt)
	return cmd
}

// journalTable has a line a posting. In a table what the lines of a voucher share stands on the first of them alone.
func journalTable(vouchers []*apiv1.Voucher, l language, repeat bool) *table {
	t := &table{columns: []column{
		{name: "occurred_on", zh: "日期", en: "Date"},
		{name: "voucher", zh: "凭证", en: "Voucher"},
		{name: "narration", zh: "摘要", en: "Narration"},
		{name: "account", zh: "科目", en: "Account"},
		{name: "debit", zh: "借方", en: "Debit", amount: true},
		{name: "credit", zh: "贷方", en: "Credit", amount: true},
	}}
	for _, v := range vouchers {
		for i, p := range v.Postings {
			day, number, text := v.OccurredOn, v.Number, narration(v, l)
			if i > 0 && !repeat {
				day, number, text = "", "", ""
			}
			debit, credit := columns(p.Amount, strings.HasPrefix(v.Amount, "-"))
			t.add(day, number, text, p.Account, debit, credit)
		}
	}
	return t
}

// narration is a voucher's text, and the voucher it turns back or puts right.
func narration(v *apiv1.Voucher, l language) string {
	text := v.Narration
	switch {
	case v.Reverses != "":
		text += l.text(" 冲销 ", " reverses ") + v.Reverses
	case v.Corrects != "":
		text += l.text(" 更正 ", " corrects ") + v.Corrects
	case v.Refunds != "":
		text += l.text(" 退款 ", " refunds ") + v.Refunds
	case v.Returns != "":
		text += l.text(" 退票 ", " returns ") + v.Returns
	}
	for _, f := range v.Flags {
		if f.RatifiedBy == "" && v.ReversedBy == "" {
			text += " [" + flagText(f, l) + "]"
		}
	}
	return strings.TrimSpace(text)
}

// flagText says what a voucher lacks: exceeds authority 180.00.
func flagText(f *apiv1.Flag, l language) string {
	switch f.Kind {
	case apiv1.FlagKind_FLAG_KIND_EXCEEDS_AUTHORITY:
		return l.text("超出决议额度 ", "exceeds authority ") + f.Amount
	case apiv1.FlagKind_FLAG_KIND_WITHOUT_RESOLUTION:
		return l.text("没有决议 ", "without resolution ") + f.Amount
	case apiv1.FlagKind_FLAG_KIND_WITHOUT_APPROVAL:
		return l.text("没有审批 ", "without approval ") + f.Amount
	case apiv1.FlagKind_FLAG_KIND_OUTSIDE_PURPOSE:
		return l.text("超出用途 ", "outside purpose ") + f.Amount
	}
	return l.text("应急支出 ", "emergency ") + f.Amount + l.text(",追认期限 ", ", to be ratified by ") + f.RatifyBy
}

// columns puts an amount on its side. A voucher that turns one back counts negative in the column of its original (红字).
func columns(amount string, turned bool) (debit, credit string) {
	plain, negative := strings.CutPrefix(amount, "-")
	switch {
	case negative && turned:
		return amount, ""
	case turned:
		return "", "-" + plain
	case negative:
		return "", plain
	}
	return plain, ""
}
