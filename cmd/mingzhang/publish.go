package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

func (s *session) publishCmd() *cobra.Command {
	var forAuditors, pages bool
	cmd := &cobra.Command{
		Use:   "publish DIR",
		Short: s.lang.text("把账簿写成静态文件,谁都能下载核验", "write logs as static files that any web server hands out and anybody can verify"),
		Args:  cobra.ExactArgs(1),
		Long: s.lang.text(`每个集体一个子目录:checkpoint(签名的根)、vkey(公钥)、tile/(哈希和每一笔),格式是 C2SP tlog-tiles。
另有见证章程(policy)和每个已结账月份带见证签名的根(checkpoint.笔数),不论账簿公开与否。
只写新的部分,checkpoint 最后写;中断后重做同一命令即可。用 mingzhang verify DIR 核验。
章程没有公开账簿(public_log 不是 full)的集体只写 checkpoint 和 vkey;--for-auditors 全部写,目录只有本人能读。
目录里已公布的不是这本账簿的前一部分时拒绝,什么也不改。
目录里还有 verify.html:在浏览器里核验、让监督委员签名的一页;它的 SHA-256 打印出来,请印在海报上。
--pages 另把公示栏写成网页(index.html 起),放到任何网站或 U 盘上都能看。`,
			`A directory for each collective: checkpoint (the signed head), vkey (the public key), tile/ (hashes and events), as C2SP tlog-tiles.
Beside it, public in any case: the witness policies (policy) and the head of each closed month with its witnesses' signatures (checkpoint.SIZE).
Only what is new is written, the checkpoint last; after an interruption give the same command again. mingzhang verify DIR checks it.
Of a collective whose charter does not open the log (public_log is not full) only checkpoint and vkey are written; --for-auditors
writes all, into a directory that its owner alone can read.
A directory with something published that the log does not contain is refused and not changed.
Beside them lies verify.html, a page that checks them in a browser and lets witnesses sign; its SHA-256 is printed, for the poster.
--pages writes the public board as well (from index.html on), to be read from any web server or a stick.`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.server != "" {
				return failed(exitUsage, "publish 只用于数据目录;请用 --data。", "publish is for a data directory: use --data.")
			}
			return s.with(func(c *client) error { return c.publish(cmd.Context(), args[0], forAuditors, pages) })
		},
	}
	cmd.Flags().BoolVar(&forAuditors, "for-auditors", false, s.lang.text("不公开的账簿也全部写,目录只有本人能读(0700)",
		"also the events of logs that are not public, in a directory for its owner alone (0700)"))
	cmd.Flags().BoolVar(&pages, "pages", false, s.lang.text("另写公示栏的全部网页(中英文、各期间、每一笔、海报、表格),不用服务器也能看;一笔两个文件",
		"also the pages of the public board, in both languages, with periods, lines, posters and tables, to be read without a server; two files a line"))
	return cmd
}

// publish writes the collectives one after the other. No other stream (access, names, persons) is ever written.
func (c *client) publish(ctx context.Context, dir string, forAuditors, pages bool) error {
	ids, err := c.dir.ledger.Collectives(ctx)
	if err != nil {
		return err
	}
	if one := c.session.collective; one != "" {
		if !slices.Contains(ids, one) {
			return failed(exitRefused, "没有集体 %s。", "There is no collective %s.", one)
		}
		ids = []string{one}
	}
	if len(ids) == 0 {
		return failed(exitRefused, "还没有集体;请先用 mingzhang found 成立一个。", "There is no collective yet: found one with mingzhang found.")
	}
	if err := publishInto(dir, forAuditors); err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.publishOne(ctx, filepath.Join(dir, id), id, forAuditors); err != nil {
			return err
		}
	}
	if pages {
		if err := c.publishBoards(ctx, dir, ids, forAuditors); err != nil {
			return err
		}
	}
	return c.publishPage(dir, forAuditors)
}

// publishInto makes the directory. One that others can read is not made private under their hands, nor filled with what they
// may not read.
func publishInto(dir string, private bool) error {
	mode := fs.FileMode(0o755)
	if private {
		mode = 0o700
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return cannotWrite(dir, err)
	}
	if !private {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	empty, err := emptyOrAbsent(dir)
	if err != nil {
		return err
	}
	if !empty {
		return failed(exitRefused, "别人能读目录 %s,没有改动;给审计的请写到另一个目录。",
			"Others can read the directory %s and it was not changed: publish for auditors into another one.", dir)
	}
	return os.Chmod(dir, mode)
}

func (c *client) publishOne(ctx context.Context, dir, id string, forAuditors bool) error {
	facts, err := c.dir.ledger.Facts(ctx, id)
	if err != nil {
		return err
	}
	stream := ledger.StreamOf(id)
	head, msg, err := c.dir.log.Head(ctx, stream)
	if err != nil {
		return err
	}
	kept, err := c.dir.log.KeptHeads(stream)
	if err != nil {
		return err
	}
	key, earlier := c.dir.log.signer.succession(ctx, head.Origin)
	beside, msg, err := c.sealsOf(ctx, id, head, append([]string{key}, earlier...), msg, kept)
	if err != nil {
		return err
	}
	open := facts.Charter.GetPublicLog() == eventv1.PublicLog_PUBLIC_LOG_FULL
	bar := newProgress(c.session, id, 2*int64(head.Size))
	if bar != nil {
		bar.count = true
	}
	defer bar.end()
	seen := int64(0)
	done, err := transparency.Publish(ctx, dir, transparency.Publication{
		Note: msg, VerifierKey: key, EarlierKeys: earlier, Kept: kept, Asides: beside.asides, HeadOnly: !open && !forAuditors, Private: forAuditors, Ahead: c.editions(ctx, id, head),
		Read: func(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
			return func(yield func(eventstore.Event, error) bool) {
				for e, err := range c.dir.log.Read(ctx, stream, after) {
					seen++
					bar.at(seen)
					if !yield(e, err) {
						return
					}
				}
			}
		},
	})
	var differs *transparency.PublishedError
	switch {
	case errors.As(err, &differs):
		return failed(exitRefused, "%[1]s 里已公布的与这本账簿不符,没有改动:%[3]s:%[4]s。请查明原因,或公布到另一个目录。",
			"What is published in %[1]s does not fit the log and was not changed: %[2]v. Find out why, or publish into another directory.", dir, err, differs.File, reasonChinese(differs.Reason))
	case errors.As(err, new(*fs.PathError)) && !noRoom(err):
		return cannotWrite(dir, err)
	case err != nil:
		return notWritten(err)
	}
	s := c.session
	fmt.Fprintf(s.stdout, s.lang.text("%s:%d 笔(上次 %d 笔),写了 %d 个文件,%d 字节", "%s: %d events (%d before), %d files written, %d bytes"),
		id, done.Head.Size, done.Before, done.Files, done.Bytes)
	if !open && !forAuditors {
		fmt.Fprint(s.stdout, s.lang.text(";章程没有公开账簿,只写了 checkpoint", "; its charter does not open the log: only the checkpoint"))
	}
	switch {
	case len(beside.books.Policies) == 0:
	case beside.sealed.Version == 0:
		fmt.Fprint(s.stdout, s.lang.text(";还没有盖五瓣章的月份", "; no month is sealed yet"))
	default:
		fmt.Fprintf(s.stdout, s.lang.text(";五瓣章盖到 %v", "; sealed up to %v"), beside.sealed.Month)
	}
	_, err = fmt.Fprintln(s.stdout)
	return err
}
