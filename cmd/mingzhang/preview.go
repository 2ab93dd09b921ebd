package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/capitals"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// writing is how a command that writes is given.
type writing struct {
	yes    bool   // do not ask
	dryRun bool   // show what would happen, and end
	id     string // of the command; empty: a new one
}

// writeFlags are the flags of a command that writes.
func (s *session) writeFlags(cmd *cobra.Command, w *writing) {
	f := cmd.Flags()
	f.BoolVar(&w.dryRun, "dry-run", false, s.lang.text("只预览:会记什么、余额怎样变,或为什么不行;什么也不写入", "only show what would be booked and the balances after it, or the refusal; store nothing"))
	f.BoolVarP(&w.yes, "yes", "y", false, s.lang.text("不询问", "do not ask"))
	f.StringVar(&s.receipt, "receipt-file", "", s.lang.text("把回执(已入账的证明)写到这个新文件;以后用 mingzhang verify --proof 核对", "new file for the receipt, a proof that it is in the log: mingzhang verify --proof checks it later"))
	f.StringVar(&w.id, "command-id", "", s.lang.text("命令编号(UUID);结果不明时用同一编号再办,不会重复", "id of the command (UUID): giving it again with the same id does nothing twice"))
}

// mayAsk refuses a command that nobody can be asked about and that was not said to be wanted all the same.
func (s *session) mayAsk(w writing) error {
	if s.receipt != "" {
		if _, err := os.Lstat(s.receipt); err == nil {
			return failed(exitUsage, "%s 已经存在,没有改动;请用 --receipt-file 另给一个。", "%s exists already and was not changed: name another with --receipt-file.", s.receipt)
		}
	}
	switch {
	case w.yes && w.dryRun:
		return failed(exitUsage, "--yes 和 --dry-run 只能给一个。", "Give --yes or --dry-run, not both.")
	case w.yes || w.dryRun || isTerminal(s.stdin):
		return nil
	}
	return failed(exitUsage, "这里不是终端,不能询问:请加 --yes 直接办理,或加 --dry-run 先预览。",
		"There is no terminal to ask on: add --yes to do it, or --dry-run to see what it would do.")
}

// confirm shows what a command would do. done says that it ends there: it was a dry run. With --yes nothing is shown or
// asked. What was confirmed is what is booked: when the books go on in between, the command is refused as version_stale.
func (c *client) confirm(ctx context.Context, w writing, method string, request proto.Message, zh, en string) (done bool, err error) {
	if w.yes {
		return false, nil
	}
	s := c.session
	result, err := c.foresee(ctx, method, request)
	if callers, _ := rpc.CallersOf(method); callers.Public && !w.dryRun && refusalIn(err).GetReason() == "unauthenticated" {
		return false, s.ask(zh, en) // a command for everybody, by somebody who may not preview
	}
	if err != nil {
		return false, err
	}
	if w.dryRun && s.json {
		err := writeJSON(s.stdout, result)
		return true, errors.Join(err, previewRefusal(result))
	}
	if err := previewRefusal(result); err != nil {
		return false, err
	}
	out := s.stderr
	if w.dryRun {
		out = s.stdout
	}
	if err := s.showPreview(out, result, c.namesFor(ctx, result)); err != nil || w.dryRun {
		return true, err
	}
	expectVersion(request, result)
	return false, s.ask(zh, en)
}

// foresee asks the services what a command would do.
func (c *client) foresee(ctx context.Context, method string, request proto.Message) (*apiv1.PreviewResult, error) {
	text, err := protojson.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	answer, err := c.books.Preview(ctx, &apiv1.PreviewRequest{Line: &apiv1.ApplyLine{Method: method, RequestJson: string(text)}})
	return answer.GetResult(), err
}

// previewRefusal is the failure that the command would end with, nil when it would be carried out.
func previewRefusal(r *apiv1.PreviewResult) error {
	if r.Code == "" {
		return nil
	}
	f := refusedWith(&apiv1.ApplyResult{Code: r.Code, Refusal: r.Refusal, Message: r.Message})
	f.cause = refusedPreview{r.Refusal}
	return f
}

// refusedPreview carries the refusal of a preview below the failure it is told as.
type refusedPreview struct{ refusal *apiv1.Refusal }

func (e refusedPreview) Error() string { return e.refusal.GetReason() }

// expectVersion binds a request to the version its preview was made at, unless the user bound it already.
func expectVersion(request proto.Message, result *apiv1.PreviewResult) {
	m := request.ProtoReflect()
	field := m.Descriptor().Fields().ByName("expected_version")
	if field == nil || m.Has(field) || result.Repeated || result.Receipt == nil {
		return
	}
	if before := result.Receipt.Version - uint64(len(result.Receipt.Facts)); before > 0 { // a founding expects nothing
		m.Set(field, protoreflect.ValueOfUint64(before))
	}
}

// namesFor gives the names of the accounts in a preview; without them it shows the accounts alone.
func (c *client) namesFor(ctx context.Context, result *apiv1.PreviewResult) map[string]string {
	if len(result.Receipt.GetVouchers()) == 0 {
		return nil
	}
	about, err := c.disclosure.GetCollective(ctx, &apiv1.GetCollectiveRequest{CollectiveId: result.Receipt.CollectiveId})
	if err != nil {
		return nil
	}
	return accountNames(about.Collective, c.session.lang)
}

// showPreview prints what a command would do: vouchers with their postings, amounts in figures and in capitals, the balances
// before and after, and the other facts.
func (s *session) showPreview(out io.Writer, r *apiv1.PreviewResult, names map[string]string) error {
	var b strings.Builder
	switch {
	case r.Repeated:
		fmt.Fprintf(&b, s.lang.text("这个命令在第 %d 笔办过了,再办什么也不会写入。那时记的是:\n", "This command was carried out before, at version %d; giving it again stores nothing. It booked:\n"), r.Receipt.GetVersion())
	case r.CheckedOnly:
		b.WriteString(s.lang.text("预览:写法和权限没有问题;这个命令的结果不办就看不到。\n", "Preview: form and permission are right; what this command does cannot be seen without doing it.\n"))
	default:
		b.WriteString(s.lang.text("预览,还没有办理:\n", "Preview, nothing is done yet:\n"))
	}
	for _, v := range r.Receipt.GetVouchers() {
		if err := s.previewVoucher(&b, v, names); err != nil {
			return err
		}
	}
	for _, line := range receiptLines(r.Receipt, s.lang) {
		b.WriteString(line + "\n")
	}
	if len(r.Balances) > 0 {
		t := &table{columns: []column{
			{zh: "余额", en: "Balance"}, {zh: "名称", en: "Name"}, {zh: "现在", en: "Now", amount: true}, {zh: "办理后", en: "After", amount: true},
		}}
		for _, change := range r.Balances {
			t.add(change.Account, names[change.Account], change.Before, change.After)
		}
		if err := t.print(&b, s.lang); err != nil {
			return err
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (s *session) previewVoucher(b *strings.Builder, v *apiv1.Voucher, names map[string]string) error {
	line := strings.Join([]string{v.Number, v.OccurredOn, grouped(v.Amount), capitals.Yuan(v.Amount), narration(v, s.lang)}, "  ")
	b.WriteString(strings.TrimSpace(line) + "\n")
	t := &table{columns: []column{
		{zh: "    科目", en: "    Account"}, {zh: "名称", en: "Name"}, {zh: "借方", en: "Debit", amount: true}, {zh: "贷方", en: "Credit", amount: true},
	}}
	for _, p := range v.Postings {
		debit, credit := columns(p.Amount, strings.HasPrefix(v.Amount, "-"))
		t.add("    "+p.Account, names[p.Account], debit, credit)
	}
	return t.print(b, s.lang)
}

// receiptLines say what a command records beside vouchers.
func receiptLines(r *apiv1.Receipt, l language) []string {
	if r == nil {
		return nil
	}
	lines := []string{fmt.Sprintf(l.text("记录:%s(第 %d 笔)", "facts: %s (version %d)"), strings.Join(r.Facts, ", "), r.Version)}
	add := func(zh, en string, args ...any) { lines = append(lines, fmt.Sprintf(l.text(zh, en), args...)) }
	if r.RequestNumber != 0 {
		add("申请:第 %d 号", "request: %d", r.RequestNumber)
	}
	if r.Passed != nil && *r.Passed {
		add("表决:通过", "vote: passed")
	} else if r.Passed != nil {
		add("表决:未通过", "vote: not passed")
	}
	if r.RuleVersion != 0 {
		add("办法:第 %d 版", "version of the rule: %d", r.RuleVersion)
	}
	if r.File != 0 {
		add("发放文件:第 %d 个", "payout file: %d", r.File)
	}
	if n := len(r.Payees); n > 0 {
		add("收款人:%d 位", "payees: %d", n)
	}
	if r.InquiryDueOn != "" {
		add("质询:第 %d 号,%s 以前答复", "inquiry: %d, due on %s", r.Inquiry, r.InquiryDueOn)
	} else if r.Inquiry != 0 {
		add("质询:第 %d 号", "inquiry: %d", r.Inquiry)
	}
	if o := r.InquiryOpening; o != nil {
		add("凭据(请和原文一起留好,可证明问过什么):记录 %s,盐 %s", "to prove what was asked, keep with its text: record %s, salt %s", o.RecordId, o.Salt)
	}
	if r.Edition != 0 {
		add("公示:第 %d 期,印记 %s", "edition: %d, pin %s", r.Edition, r.Pin)
	}
	return lines
}

// ask asks on a terminal whether to go on.
func (s *session) ask(zh, en string) error {
	fmt.Fprintf(s.stderr, "%s [y/N] ", s.lang.text(zh, en))
	var answer string
	if _, err := fmt.Fscanln(s.stdin, &answer); errors.Is(err, io.EOF) {
		fmt.Fprintln(s.stderr) // the prompt stands alone on its line; no answer is a no
	}
	if strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes") || answer == "是" {
		return nil
	}
	return failed(exitRefused, "没有办理。", "Nothing was done.")
}

// repeatable adds the command's id to a failure that leaves the outcome unknown, so that it can be given again.
func repeatable(err error, request proto.Message) error {
	_, id, ok := textField(request, "command_id")
	f := explain(err)
	if !ok || f.code != exitStorage {
		return err
	}
	said := *f
	said.zh += "命令编号 " + id + ":用 --command-id 给出它再办一次,不会重复。"
	said.en += " The command is " + id + ": give it again with this --command-id, nothing is done twice."
	return &said
}

// refusalIn is the refusal that an error tells of, nil when it is none: one of the services, or one of a preview.
func refusalIn(err error) *apiv1.Refusal {
	if r := rpc.RefusalOf(err); r != nil {
		return r
	}
	var refused refusedPreview
	if errors.As(err, &refused) {
		return refused.refusal
	}
	return nil
}
