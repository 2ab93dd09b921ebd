package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func (s *session) explainCmd() *cobra.Command {
	r := new(apiv1.ExplainRequest)
	var limit int
	cmd := &cobra.Command{
		Use:   "explain ACCOUNT | VOUCHER | REASON | dividend RUN [PAYEE]",
		Short: s.lang.text("溯源:一个余额、一张凭证、一次分红或一个拒绝原因从何而来", "why: what a balance, a voucher, a dividend or a refusal rests on"),
		Example: `  mingzhang explain fund/dividend --as-of 2021-07-31
  mingzhang explain 付2021-19
  mingzhang explain dividend 2021 17
  mingzhang explain fund_overdrawn`,
		Args: cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return failed(exitUsage, "--limit 不能为负。", "--limit cannot be negative.")
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "Explain")
				if err != nil {
					return err
				}
				r.CollectiveId = collective
				if err := c.subject(ctx, r, args); err != nil {
					return err
				}
				answer, err := c.explain(ctx, r, limit)
				if err != nil {
					return err
				}
				return s.showExplanation(answer, r)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.From, "from", "", s.lang.text("余额:从哪天起的凭证,之前的合为期初", "of a balance: first business day of its vouchers; before it is the opening"))
	f.IntVar(&limit, "limit", 20, s.lang.text("余额:最多列几张凭证(0:全部)", "of a balance: vouchers at most (0: all)"))
	f.BoolVar(&r.Descending, "newest-first", false, s.lang.text("新的在前", "newest first"))
	s.momentFlags(cmd, &r.AsOf, &r.AsKnownAt)
	return cmd
}

// subject reads what is to be explained from the words of the command line.
func (c *client) subject(ctx context.Context, r *apiv1.ExplainRequest, args []string) error {
	word := args[0]
	if word == "dividend" {
		return c.dividendSubject(ctx, r, args[1:])
	}
	if len(args) > 1 {
		return failed(exitUsage, "一次只能问一件事;分红请写:explain dividend 次别 [户号或人号]。", "Ask about one thing; of a dividend: explain dividend RUN [PAYEE].")
	}
	_, err := ledger.ParseVoucherRef("voucher", word)
	switch {
	case err == nil:
		r.Subject = &apiv1.ExplainRequest_Voucher{Voucher: word}
	case strings.Contains(word, "/"):
		r.Subject = &apiv1.ExplainRequest_Account{Account: word}
	default:
		r.Subject = &apiv1.ExplainRequest_Refusal{Refusal: word}
	}
	return nil
}

// dividendSubject finds the run that a word means: its id, the end of its id, or the year of its declaration.
func (c *client) dividendSubject(ctx context.Context, r *apiv1.ExplainRequest, args []string) error {
	if len(args) == 0 {
		return failed(exitUsage, "请给出哪次分红,如:explain dividend 2021。", "Say which dividend, e.g. explain dividend 2021.")
	}
	var payee uint32
	if len(args) > 1 {
		if n, err := fmt.Sscan(args[1], &payee); n != 1 || err != nil || payee == 0 {
			return failed(exitUsage, "“%s”不是人号或户号。", "\"%s\" is no member or household number.", args[1])
		}
	}
	list := &apiv1.ListDividendsRequest{CollectiveId: r.CollectiveId, AsOf: r.AsOf, AsKnownAt: r.AsKnownAt, PageSize: journalPage}
	var found []string
	for more := true; more; more = list.PageToken != "" {
		page, err := c.audit.ListDividends(ctx, list)
		if err != nil {
			return err
		}
		for _, run := range page.Runs {
			if run.Id == args[0] {
				found = []string{run.Id}
				page.NextPageToken = ""
				break
			}
			if strings.HasSuffix(run.Id, "-"+args[0]) || strings.HasPrefix(run.DeclaredOn, args[0]+"-") {
				found = append(found, run.Id)
			}
		}
		list.PageToken = page.NextPageToken
	}
	if len(found) > 1 {
		return failed(exitUsage, "有几次分红,请写全编号:%s。", "There are several dividends, write the whole id: %s.", strings.Join(found, ", "))
	}
	found = append(found, args[0]) // what is not found is refused by its name
	r.Subject = &apiv1.ExplainRequest_Dividend{Dividend: &apiv1.ExplainDividend{RunId: found[0], Payee: payee}}
	return nil
}

// explain asks for all pages of the vouchers, up to a limit (0: none).
func (c *client) explain(ctx context.Context, r *apiv1.ExplainRequest, limit int) (*apiv1.ExplainResponse, error) {
	var all *apiv1.ExplainResponse
	for {
		r.PageSize = journalPage
		if limit > 0 {
			r.PageSize = uint32(min(journalPage, limit-len(all.GetLines())))
		}
		page, err := c.audit.Explain(ctx, r)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = page
		} else {
			all.Lines = append(all.Lines, page.Lines...)
			all.NextPageToken = page.NextPageToken
		}
		if r.PageToken = page.NextPageToken; r.PageToken == "" || limit > 0 && len(all.Lines) >= limit {
			return all, nil
		}
	}
}

// showExplanation prints the sentences, then the vouchers; as CSV the vouchers of a balance, else the steps.
func (s *session) showExplanation(a *apiv1.ExplainResponse, r *apiv1.ExplainRequest) error {
	if s.json {
		return writeJSON(s.stdout, a)
	}
	lines := explainTable(a.Lines, s.lang)
	if s.csv {
		if r.GetAccount() == "" {
			lines = stepTable(a.Steps, s.lang)
		}
		return lines.printCSV(s.stdout)
	}
	for _, step := range a.Steps {
		if _, err := fmt.Fprintln(s.stdout, s.lang.text(step.SentenceZh, step.SentenceEn)); err != nil {
			return err
		}
	}
	if len(a.Lines) > 0 {
		if _, err := fmt.Fprintln(s.stdout); err != nil {
			return err
		}
		if err := lines.print(s.stdout, s.lang); err != nil {
			return err
		}
	}
	if a.NextPageToken != "" {
		if _, err := fmt.Fprintf(s.stdout, s.lang.text("(只列 %d 张;全部请加 --limit 0)\n", "(%d vouchers only; --limit 0 lists all)\n"), len(a.Lines)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(s.stdout, s.moment(r.AsOf, a.Version))
	return err
}

func explainTable(lines []*apiv1.ExplainLine, l language) *table {
	t := &table{columns: []column{
		{name: "occurred_on", zh: "日期", en: "Date"},
		{name: "voucher", zh: "凭证", en: "Voucher"},
		{name: "narration", zh: "摘要", en: "Narration"},
		{name: "change", zh: "增减", en: "Change", amount: true},
		{name: "balance", zh: "余额", en: "Balance", amount: true},
	}}
	for _, line := range lines {
		text := line.Narration
		if line.Reverses != "" {
			text += l.text(" 冲销 ", " reverses ") + line.Reverses
		}
		t.add(line.OccurredOn, line.Voucher, text, line.Change, line.Balance)
	}
	return t
}

func stepTable(steps []*apiv1.ExplainStep, l language) *table {
	t := &table{columns: []column{{name: "step", zh: "步骤", en: "Step"}, {name: "sentence", zh: "说明", en: "Sentence"}}}
	for _, step := range steps {
		t.add(step.Kind, l.text(step.SentenceZh, step.SentenceEn))
	}
	return t
}

func (s *session) changesCmd() *cobra.Command {
	r := new(apiv1.ListChangesRequest)
	cmd := &cobra.Command{
		Use:     "changes",
		Short:   s.lang.text("变动:两个时点之间,账上哪些数变了", "what changed in the books between two moments"),
		Example: `  mingzhang changes --from 2021-12-04 --to 2021-12-05 --as-of 2021-09-30`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.Since == "" {
				return failed(exitUsage, "请用 --from 给出较早的时点:第几笔、日期或时间。", "Give the earlier moment with --from: a version, a day or a time.")
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "ListChanges")
				if err != nil {
					return err
				}
				r.CollectiveId, r.PageSize = collective, journalPage
				var all *apiv1.ListChangesResponse
				for all == nil || r.PageToken != "" {
					page, err := c.audit.ListChanges(ctx, r)
					if err != nil {
						return err
					}
					if all == nil {
						all = page
					} else {
						all.Vouchers = append(all.Vouchers, page.Vouchers...)
					}
					all.NextPageToken = ""
					r.PageToken = page.NextPageToken
				}
				return s.showChanges(all, r)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Since, "from", "", s.lang.text("较早的时点:第几笔、日期(当天结束)或 RFC 3339 时间", "the earlier moment: a version, a day (its end) or an RFC 3339 time"))
	f.StringVar(&r.AsKnownAt, "to", "", s.lang.text("较晚的时点(默认:现在)", "the later moment (default: now)"))
	f.StringVar(&r.AsOf, "as-of", "", s.lang.text("比较截至哪个业务日期的数,如 2021-09-30", "business day whose figures are compared, e.g. 2021-09-30"))
	return cmd
}

// showChanges prints one table: a line for every balance, voucher and item of a register.
func (s *session) showChanges(a *apiv1.ListChangesResponse, r *apiv1.ListChangesRequest) error {
	t := &table{columns: []column{
		{name: "what", zh: "项目", en: "What"},
		{name: "item", zh: "编号", en: "Item"},
		{name: "note", zh: "说明", en: "Note"},
		{name: "old", zh: "原为", en: "Was", amount: true},
		{name: "new", zh: "现为", en: "Is", amount: true},
		{name: "difference", zh: "增减", en: "Change", amount: true},
	}}
	for _, b := range a.Balances {
		t.add(s.lang.text("余额", "balance"), b.Account, "", b.Old, b.New, b.Difference)
	}
	for _, v := range a.Vouchers {
		note := v.Voucher.OccurredOn + " " + narration(v.Voucher, s.lang)
		if v.DaysLate > 0 {
			note += fmt.Sprintf(s.lang.text("(补记,晚 %d 天)", " (late by %d days)"), v.DaysLate)
		}
		t.add(s.lang.text("凭证", "voucher"), v.Voucher.Number, note, "", "", v.Voucher.Amount)
	}
	for _, c := range a.Registers {
		none := s.lang.text("无", "none")
		was, is := cmp.Or(c.OldState, none), cmp.Or(c.NewState, none)
		note := was + " → " + is
		if was == is {
			note = is
		}
		t.add(c.Register, c.Id, note, c.OldFigure, c.NewFigure, "")
	}
	after := []string{fmt.Sprintf(s.lang.text("(第 %d 笔之后,到第 %d 笔为止%s)", "(after version %d, up to version %d%s)"), a.SinceVersion, a.Version, s.onDay(r.AsOf))}
	if int(a.RegisterCount) > len(a.Registers) {
		after = append(after, fmt.Sprintf(s.lang.text("(登记簿共有 %d 项变动)", "(%d items of registers changed in all)"), a.RegisterCount))
	}
	return s.show(a, t, after...)
}

func (s *session) onDay(asOf string) string {
	if asOf == "" {
		return ""
	}
	return s.lang.text(",截至 ", ", as of ") + asOf
}
