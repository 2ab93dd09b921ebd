package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/capitals"
)

// dryLinesMax is how many lines a dry run takes: they are decided in one call on one copy of the books.
const dryLinesMax = 10000

// dryRun shows what files of commands would do, each line after those before it, and stores nothing.
func (a *applier) dryRun(ctx context.Context, names []string) error {
	lines, err := a.readAll(names)
	if err != nil {
		return err
	}
	request := &apiv1.PreviewApplyRequest{StopOnRefusal: a.refusal == "stop"}
	for _, n := range lines {
		if n.bad == nil {
			request.Lines = append(request.Lines, n.line)
		}
	}
	answer := new(apiv1.PreviewApplyResponse)
	if len(request.Lines) > 0 {
		if answer, err = a.client.books.PreviewApply(ctx, request); err != nil {
			return err
		}
	}
	sums := new(balanceSums)
	err = a.foreseen(lines, answer.Results, sums)
	return a.concludeDry(sums, err)
}

// readAll reads the lines of all files, up to the first that ends the work whatever the books say.
func (a *applier) readAll(names []string) ([]numbered, error) {
	var lines []numbered
	for _, name := range names {
		in := a.client.session.stdin
		if name != "-" {
			file, err := os.Open(name)
			if err != nil {
				return nil, cannotOpen(name, err)
			}
			defer file.Close()
			in = file
		}
		for reader, before := newLineReader(name, in), len(lines); ; {
			n, err := reader.next()
			if errors.Is(err, io.EOF) && len(lines) == before {
				return nil, failed(exitRefused, "文件 %s 里没有命令。", "The file %s has no commands.", name)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			if lines = append(lines, n); len(lines) > dryLinesMax {
				return nil, failed(exitUsage, "一次最多预览 %d 行;请分成几个文件。", "A dry run takes at most %d lines: split the files.", dryLinesMax)
			}
			if n.bad != nil && a.refusal != "report" {
				return lines, nil
			}
		}
	}
	return lines, nil
}

// foreseen tells the results in the order of the lines. There are fewer results than lines when the first refusal ended it.
func (a *applier) foreseen(lines []numbered, results []*apiv1.PreviewResult, sums *balanceSums) error {
	for _, n := range lines {
		if n.bad != nil {
			if err := a.refuse(n, n.bad); err != nil {
				return err
			}
			continue
		}
		if len(results) == 0 {
			return nil
		}
		result := results[0]
		results = results[1:]
		if err := a.foreseenLine(n, result); err != nil {
			return err
		}
		sums.add(result)
	}
	return nil
}

func (a *applier) foreseenLine(n numbered, result *apiv1.PreviewResult) error {
	s := a.client.session
	if s.json {
		text, err := compactJSON(result)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.stdout, "{\"place\":%q,\"result\":%s}\n", n.place(), text)
	}
	if result.Code != "" {
		return a.refuse(n, refusedWith(&apiv1.ApplyResult{Code: result.Code, Refusal: result.Refusal, Message: result.Message}))
	}
	a.done++
	if !s.json {
		fmt.Fprintf(s.stdout, "%s: %s\n", n.place(), strings.Join(foreseenWords(n.line.Method, result, s.lang), "; "))
	}
	return nil
}

// foreseenWords say in one line what a command would do.
func foreseenWords(method string, r *apiv1.PreviewResult, l language) []string {
	var words []string
	switch {
	case r.Repeated:
		words = append(words, fmt.Sprintf(l.text("%s 在第 %d 笔办过了", "%s was carried out before, at version %d"), method, r.Receipt.GetVersion()))
	case r.CheckedOnly:
		words = append(words, fmt.Sprintf(l.text("%s 写法和权限没有问题,结果不办看不到", "%s is well formed and permitted; what it does cannot be seen"), method))
	default:
		words = append(words, method)
	}
	for _, v := range r.Receipt.GetVouchers() {
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", v.Number, v.OccurredOn, grouped(v.Amount), capitals.Yuan(v.Amount), narration(v, l))))
	}
	if r.Receipt != nil {
		words = append(words, receiptLines(r.Receipt, l)[1:]...)
	}
	return words
}

// concludeDry prints the balances at the end and how many lines would go through.
func (a *applier) concludeDry(sums *balanceSums, err error) error {
	s := a.client.session
	if !s.json && len(sums.order) > 0 {
		if err := sums.table().print(s.stdout, s.lang); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.stderr, s.lang.text("预览:可以办理 %d 条,拒绝 %d 条;什么也没有写入。\n", "Preview: %d would be done, %d refused; nothing was stored.\n"), a.done, a.refused)
	if err == nil && a.refusal == "report" && a.refused > 0 {
		return errSaid{exitRefused}
	}
	return err
}

// balanceSums are the accounts a dry run touches, with what they hold before its first line and after its last.
type balanceSums struct {
	order   []string
	changes map[string]*apiv1.BalanceChange
	owner   map[string]string // collective of each
}

func (b *balanceSums) add(r *apiv1.PreviewResult) {
	if b.changes == nil {
		b.changes, b.owner = map[string]*apiv1.BalanceChange{}, map[string]string{}
	}
	for _, change := range r.Balances {
		key := r.Receipt.GetCollectiveId() + " " + change.Account
		if known := b.changes[key]; known != nil {
			known.After = change.After
			continue
		}
		b.order = append(b.order, key)
		b.changes[key] = &apiv1.BalanceChange{Account: change.Account, Before: change.Before, After: change.After}
		b.owner[key] = r.Receipt.GetCollectiveId()
	}
}

func (b *balanceSums) table() *table {
	t := &table{columns: []column{
		{zh: "集体", en: "Collective"}, {zh: "余额", en: "Balance"}, {zh: "现在", en: "Now", amount: true}, {zh: "办理后", en: "After", amount: true},
	}}
	for _, key := range b.order {
		t.add(b.owner[key], b.changes[key].Account, b.changes[key].Before, b.changes[key].After)
	}
	return t
}
