package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// A batch of Apply: so many lines at most, and so many bytes but for a line that is longer alone. A request has at most 4 MiB.
const (
	applyLinesMax = 4000
	applyBytesMax = 2 << 20
)

func (s *session) applyCmd() *cobra.Command {
	var refusal string
	var keys []string
	var dry bool
	cmd := &cobra.Command{
		Use:   "apply FILE.jsonl…",
		Short: s.lang.text("按文件逐行办理命令;再办一遍不会重复记账", "carry out files of commands; once more changes nothing"),
		Long: s.lang.text(`按顺序办理文件里的命令,每行一个:
  {"method":"RecordIncome","as":"treasurer","request":{…}}
空行和 # 开头的行跳过;文件名为 - 时读标准输入。没有 commandId 的行按文件名、行号和内容生成一个,
所以中断后可以整个重办:办过的不会再办。改了文件名就是另一些命令。`,
			`Carry out the commands of files in order, one a line:
  {"method":"RecordIncome","as":"treasurer","request":{…}}
Empty lines and lines that begin with # are skipped; the file - is standard input. A line without a commandId gets
one made of the file's name, its number and content, so a file may be applied again after an interruption: nothing is
done twice. Under another name its lines are other commands.`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if refusal != "stop" && refusal != "skip" && refusal != "report" {
				return failed(exitUsage, "--on-refusal 只能是 stop、skip 或 report。", "--on-refusal is stop, skip or report.")
			}
			if len(keys) > 0 && s.server == "" {
				return failed(exitUsage, "--keys 只用于服务器。", "--keys is for a server.")
			}
			return s.with(func(c *client) error {
				ctx, err := c.asApplier(cmd.Context())
				if err != nil {
					return err
				}
				a := &applier{client: c, refusal: refusal}
				if dry {
					return a.dryRun(ctx, files)
				}
				err = a.files(ctx, files)
				return a.conclude(err)
			}, keys...)
		},
	}
	cmd.Flags().StringVar(&refusal, "on-refusal", "stop", s.lang.text("遇到拒绝时:stop 停下,skip 跳过,report 逐条报告后继续",
		"at a refusal: stop there, skip it, or report it and go on"))
	cmd.Flags().BoolVar(&dry, "dry-run", false, s.lang.text("只预览:在账簿的副本上逐行试办,什么也不写入", "only show what the lines would do, tried in order on a copy of the books; store nothing"))
	cmd.Flags().StringSliceVar(&keys, "keys", nil, s.lang.text("各行操作员的密钥文件,逗号分隔(用于服务器)", "key files of the lines' operators, separated by commas (for a server)"))
	return cmd
}

// asApplier is who gives the lines that name nobody: --as, else an admin, whose commands on books the rules refuse.
func (c *client) asApplier(ctx context.Context) (context.Context, error) {
	return c.asAdmin(ctx, "Apply")
}

// applier carries out files of commands.
type applier struct {
	client  *client
	refusal string // stop, skip or report
	silent  bool   // no progress, no summary

	done, refused int
	progress      *progress
}

// files carries out files in order. It ends with errStopped at the first refusal when that is how refusals are taken.
func (a *applier) files(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := a.file(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) file(ctx context.Context, name string) error {
	in, size := a.client.session.stdin, int64(-1)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return cannotOpen(name, err)
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		in = file
	}
	if !a.silent {
		a.progress = newProgress(a.client.session, name, size)
		defer a.progress.end()
	}
	before := a.done + a.refused
	if err := a.lines(ctx, newLineReader(name, in)); err != nil {
		return err
	}
	if a.done+a.refused == before {
		return failed(exitRefused, "文件 %s 里没有命令。", "The file %s has no commands.", name)
	}
	return nil
}

// lines reads a file batch by batch, the next one while the one before is carried out.
func (a *applier) lines(ctx context.Context, r *lineReader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type read struct {
		batch []numbered
		bytes int64
		err   error
	}
	ahead := make(chan read, 1)
	go func() {
		defer close(ahead)
		for {
			batch, err := readBatch(r)
			select {
			case ahead <- read{batch, r.bytes, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for next := range ahead {
		if err := a.batch(ctx, next.batch); err != nil {
			return err
		}
		a.progress.at(next.bytes)
		if next.err != nil && !errors.Is(next.err, io.EOF) {
			return next.err
		}
	}
	return ctx.Err()
}

// readBatch reads lines up to the limits of a batch. A bad line ends it. Its error comes with the lines before it.
func readBatch(r *lineReader) (batch []numbered, err error) {
	size := 0
	for len(batch) < applyLinesMax && size < applyBytesMax {
		n, err := r.next()
		if err != nil {
			return batch, err
		}
		batch = append(batch, n)
		if n.bad != nil {
			break
		}
		size += len(n.line.RequestJson)
	}
	return batch, nil
}

// batch carries out one batch, of which only the last line can be bad.
func (a *applier) batch(ctx context.Context, batch []numbered) error {
	var bad *numbered
	if n := len(batch); n > 0 && batch[n-1].bad != nil {
		bad = &batch[n-1]
		batch = batch[:n-1]
	}
	if len(batch) > 0 {
		request := &apiv1.ApplyRequest{StopOnRefusal: a.refusal == "stop"}
		for _, n := range batch {
			request.Lines = append(request.Lines, n.line)
		}
		answer, err := a.client.books.Apply(ctx, request)
		if err != nil {
			return err
		}
		for i, result := range answer.Results {
			if result.Code == "" {
				a.done++
				if err := a.saveKey(batch[i], result); err != nil {
					return err
				}
			} else if err := a.refuse(batch[i], refusedWith(result)); err != nil {
				return err
			}
		}
	}
	if bad != nil {
		return a.refuse(*bad, bad.bad)
	}
	return nil
}

// saveKey puts a key that a line issued into a file: it is answered this once.
func (a *applier) saveKey(n numbered, result *apiv1.ApplyResult) error {
	if !strings.Contains(result.ResponseJson, `"key"`) {
		return nil
	}
	var request struct{ Operator string }
	var answer struct{ Key string }
	if json.Unmarshal([]byte(n.line.RequestJson), &request) != nil || json.Unmarshal([]byte(result.ResponseJson), &answer) != nil || answer.Key == "" {
		return nil // another answer that has the word in it
	}
	path, err := a.client.keepKey(request.Operator, "", func() (string, error) { return answer.Key, nil })
	if err != nil {
		return fmt.Errorf("keep the key issued at %s, issue another with mingzhang operator key: %w", n.place(), err)
	}
	s := a.client.session
	fmt.Fprintf(s.stderr, s.lang.text("%s:密钥在 %s。\n", "%s: the key is in %s.\n"), n.place(), path)
	return nil
}

// refuse takes a refused line as the command was told to. What is no refusal, storage above all, ends the work in any case;
// so does a line that cannot be read when refusals are skipped in silence, for the file may be cut off there.
func (a *applier) refuse(n numbered, f *failure) error {
	stop := a.refusal == "stop" || f.code != exitRefused || a.refusal == "skip" && f.reason == lineMalformed
	if a.refusal != "skip" || stop {
		a.progress.clear()
		s := a.client.session
		fmt.Fprintf(s.stderr, "%s: %s [%s]\n", n.place(), s.lang.text(f.zh, f.en), f.reason)
	}
	a.refused++
	if stop {
		return errSaid{f.code}
	}
	return nil
}

// conclude says how far it went and gives the command's error.
func (a *applier) conclude(err error) error {
	s := a.client.session
	if s.json {
		fmt.Fprintf(s.stdout, "{\"done\":%d,\"refused\":%d}\n", a.done, a.refused)
	} else {
		fmt.Fprintf(s.stderr, s.lang.text("办成 %d 条,拒绝 %d 条。\n", "%d done, %d refused.\n"), a.done, a.refused)
	}
	switch {
	case err != nil && rpc.RefusalOf(err) == nil && !errors.As(err, new(errSaid)) && a.done > 0:
		f := *explain(err)
		f.zh += "已办成的不会丢;请用同一文件再办一次,办过的不会重复。"
		f.en += " What is done stays done: apply the same file again, nothing is done twice."
		return &f
	case err != nil:
		return err
	case a.refusal == "report" && a.refused > 0:
		return errSaid{exitRefused}
	}
	return nil
}

// progress is a bar on a terminal, shown when the work takes longer than a second; elsewhere, where it is asked for, a line each
// second. A nil one shows nothing.
type progress struct {
	name  string
	size  int64 // 0: not known
	count bool  // of events, not bytes
	lines bool  // there is no terminal
	out   io.Writer
	since time.Time
	bar   *progressbar.ProgressBar

	said time.Time // when the last line was written
	lang language
}

const progressAfter = time.Second

func newProgress(s *session, name string, size int64) *progress {
	terminal := isTerminal(s.stderr)
	if !terminal && !s.progress {
		return nil
	}
	return &progress{name: name, size: size, lines: !terminal, out: s.stderr, since: time.Now(), said: time.Now(), lang: s.lang}
}

func (p *progress) at(bytes int64) {
	if p == nil || p.bar == nil && time.Since(p.since) < progressAfter {
		return
	}
	if p.lines {
		p.line(bytes)
		return
	}
	if p.bar == nil {
		options := []progressbar.Option{progressbar.OptionSetWriter(p.out), progressbar.OptionShowBytes(!p.count), progressbar.OptionSetDescription(p.name),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(progressThrottle), progressbar.OptionClearOnFinish()}
		if p.count {
			options = append(options, progressbar.OptionShowIts(), progressbar.OptionShowCount(), progressbar.OptionSetItsString(p.lang.text("笔", "events")))
		}
		p.bar = progressbar.NewOptions64(cmp.Or(p.size, -1), options...)
	}
	_ = p.bar.Set64(bytes) // a bar that cannot be drawn is no reason to stop
}

const progressThrottle = 100 * time.Millisecond

// line tells how far it is, once a second.
func (p *progress) line(done int64) {
	if time.Since(p.said) < progressAfter {
		return
	}
	p.said = time.Now()
	rate := float64(done) / time.Since(p.since).Seconds()
	if p.size == 0 {
		fmt.Fprintf(p.out, p.lang.text("%s:%d 笔,每秒 %.0f 笔\n", "%s: %d events, %.0f events/s\n"), p.name, done, rate)
		return
	}
	fmt.Fprintf(p.out, p.lang.text("%s:%d/%d 笔,%d%%,每秒 %.0f 笔\n", "%s: %d/%d events, %d%%, %.0f events/s\n"), p.name, done, p.size, 100*done/p.size, rate)
}

func (p *progress) clear() {
	if p != nil && p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) end() {
	if p != nil && p.bar != nil {
		_ = p.bar.Finish()
	}
}

// isTerminal says whether a stream of the program is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
