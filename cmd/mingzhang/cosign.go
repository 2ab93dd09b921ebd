package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/headmemory"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// cosigning is one run of witness cosign.
type cosigning struct {
	session    *session
	witness    *witness.Cosigner
	dir        string // of the witness
	published  string // DIR: what publish wrote, or an address of it; empty for a file
	month      string // --month: of the server's seals; empty: the one closed last
	proof      string // --proof: a request add-checkpoint, a signed head, or the JSON answer with one
	checkpoint string // --checkpoint: an earlier head of the log in DIR
	out        string // -o; empty: stdout
	yes        bool
}

// offer is a head to be signed.
type offer struct {
	head    transparency.Head
	old     transparency.Head // what is remembered
	request []byte            // add-checkpoint
	book    *projections.Book // when the events were there to be folded
	seal    *apiv1.Seal       // when it comes from a server
	forked  bool              // the events show another history than the one that is remembered
}

func (s *session) witnessCosignCmd(dir *string) *cobra.Command {
	c := cosigning{session: s}
	cmd := &cobra.Command{
		Use:   "cosign [DIR]",
		Short: s.lang.text("核对账簿以上次签过的开头,然后签名", "sign a head, after checking that it begins with the one signed last"),
		Long: s.lang.text(`DIR 是 publish 写的目录(或其中一个集体的),或一本账簿的网址:从哈希自己算出证明;有各笔记录时重做账簿,把余额给您看。
--server 和 --collective 从服务器取得最后结账的月份(或 --month)和证明,签好就交给服务器;不要密钥。
--proof 用文件代替目录:prove-consistency 的答复(从上次签过的笔数起),或者只有签名的根(第一次,或与上次相同)。
先记住,再签名;签名的一行写到标准输出或 -o 的文件,交给集体。历史被改写时不签,保留证据,退出码 4。`,
			`DIR was written by publish, or is that of one of its collectives, or the address of a log: the proof is computed from its hashes, and when
it has the events the books are folded and the balances shown. With --server and --collective the month closed last (or
--month) and the proof come from the server, and the signature goes back there; no key of the server is needed. --proof takes a file instead: the answer of prove-consistency from the size signed last, or a
signed head alone, for the first time or the head signed last.
The head is remembered first and signed then. The signature line goes to standard output, or to the file of -o: it is for the collective.
A history that was rewritten is not signed, the evidence is kept, and the exit code is 4.`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c.dir = *dir
			if len(args) == 1 {
				c.published = args[0]
			}
			switch {
			case s.server != "" && c.published+c.proof+c.checkpoint != "":
				return failed(exitUsage, "用 --server 时不要 DIR、--proof、--checkpoint。", "With --server leave DIR, --proof and --checkpoint out.")
			case s.server == "" && c.month != "":
				return failed(exitUsage, "--month 要与 --server 一起用。", "--month goes with --server.")
			case s.server == "" && (c.published == "") == (c.proof == ""):
				return failed(exitUsage, "请给出公布的目录 DIR 或网址、用 --proof 给出文件,或用 --server 连到服务器,选一样。", "Give a published directory DIR or its address, a file with --proof, or a server with --server, one of them.")
			case c.checkpoint != "" && c.published == "":
				return failed(exitUsage, "--checkpoint 要与 DIR 一起用。", "--checkpoint goes with DIR.")
			case !c.yes && !isTerminal(s.stdin):
				return failed(exitUsage, "这里不是终端,不能询问:核对以后加 --yes 签名。", "There is no terminal to ask on: add --yes to sign without being asked.")
			}
			if c.witness, err = witness.Open(c.dir, time.Now); err != nil {
				return witnessFailed(c.dir, err)
			}
			defer func() { err = errors.Join(err, c.witness.Close()) }()
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.proof, "proof", "", s.lang.text("证明或签名根的文件,代替 DIR", "file with a proof or a signed head, instead of DIR"))
	f.StringVar(&c.month, "month", "", s.lang.text("服务器上要签的月份 YYYY-MM(默认:最后结账的)", "month on the server to be signed, YYYY-MM (default: the one closed last)"))
	f.StringVar(&c.checkpoint, "checkpoint", "", s.lang.text("要签的是 DIR 里账簿较早的这个签名根(如月末的)", "file with an earlier head of the log in DIR to be signed, as that of the month's end"))
	f.StringVarP(&c.out, "output", "o", "", s.lang.text("签名的一行写到这个文件", "file for the signature line"))
	f.BoolVarP(&c.yes, "yes", "y", false, s.lang.text("不询问", "do not ask"))
	return cmd
}

func (c *cosigning) run(ctx context.Context) error {
	o, err := c.offer(ctx)
	if err != nil {
		return err
	}
	c.show(o)
	if !c.yes && !o.forked {
		if err := c.session.ask("记住并签名?", "Remember it and sign?"); err != nil {
			return err
		}
	}
	line, err := c.witness.Cosign(o.request)
	if err != nil {
		return c.refused(o, err)
	}
	if o.seal != nil {
		return c.submit(ctx, o, line)
	}
	return c.print(o, line)
}

func (c *cosigning) offer(ctx context.Context) (*offer, error) {
	if c.published != "" {
		return c.fromPublished(ctx)
	}
	if c.session.server != "" {
		return c.fromServer(ctx)
	}
	return c.fromFile()
}

// fromFile takes a proof, or a head without one.
func (c *cosigning) fromFile() (*offer, error) {
	text, err := c.session.textOf(c.proof, "proof")
	if err != nil { // a head in JSON
		text, err = c.session.textOf(c.proof, "note")
	}
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte("old ")) {
		p, err := transparency.ParseConsistency(text)
		if err != nil {
			return nil, badProof(c.proof, err)
		}
		old, err := c.remembered(p.Head.Origin)
		return &offer{head: p.Head, old: old, request: text}, err
	}
	head, err := transparency.ReadHead(text)
	if err != nil {
		return nil, badProof(c.proof, err)
	}
	return c.bare(head, text)
}

// bare offers a head without a proof: for the first time, or for the head that was signed last.
func (c *cosigning) bare(head transparency.Head, note []byte) (*offer, error) {
	old, err := c.remembered(head.Origin)
	if err != nil {
		return nil, err
	}
	if old.Size > 0 && old.Size < head.Size {
		return nil, failed(exitRefused, "这里只有签名的根,没有证明。请取得从 %[1]d 笔起的证明:mingzhang prove-consistency --old-size %[1]d --json,再用 --proof 给出。",
			"There is a signed head here and no proof. Get one from size %[1]d on with mingzhang prove-consistency --old-size %[1]d --json, and give it with --proof.", old.Size)
	}
	return &offer{head: head, old: old, request: transparency.FormatConsistency(transparency.Consistency{OldSize: min(old.Size, head.Size), Note: note})}, nil
}

func (c *cosigning) remembered(origin string) (transparency.Head, error) {
	old, err := c.witness.Remembered(origin)
	if err != nil {
		return old, c.refused(&offer{head: transparency.Head{Origin: origin}}, err)
	}
	return old, nil
}

// fromPublished checks a published log, with a key that the witness knows, and computes the proof.
func (c *cosigning) fromPublished(ctx context.Context) (*offer, error) {
	name, files, end, err := c.files()
	if err != nil {
		return nil, err
	}
	defer end()
	log, note, err := c.open(ctx, name, files)
	if err != nil {
		return nil, err
	}
	o := &offer{head: log.Head}
	if c.checkpoint != "" {
		if note, err = c.session.textOf(c.checkpoint, "note"); err != nil {
			return nil, err
		}
		if o.head, err = transparency.ParseCheckpoint(note, log.VerifierKey); err != nil {
			return nil, failed(exitVerified, "%s 不是用 %s 签的 checkpoint(%v)。", "%s is no checkpoint signed with %s (%v).", c.checkpoint, log.VerifierKey, err)
		}
	}
	if log.HeadOnly {
		return c.bare(o.head, note)
	}
	p := &published{session: c.session}
	replay := p.newReplay(log.Head)
	err = replay.read(checkedEvents(ctx, log))
	if err == nil {
		err = replay.claimed(log.RootAt)
	}
	if err != nil {
		return nil, c.unread(name, err)
	}
	o.book = replay.book
	if root, ok := log.RootAt(o.head.Size); !ok || root != o.head.Root {
		return nil, failed(exitVerified, "%s 里的账簿不含 %s 的 %d 笔。", "The log in %s does not contain %s of %d events.", name, c.checkpoint, o.head.Size)
	}
	if o.old, err = c.remembered(o.head.Origin); err != nil {
		return nil, err
	}
	root, known := log.RootAt(o.old.Size)
	o.forked = known && root != o.old.Root
	request := transparency.Consistency{OldSize: min(o.old.Size, o.head.Size), Note: note}
	if request.Hashes, err = log.Consistency(request.OldSize, o.head.Size); err != nil {
		return nil, err
	}
	o.request = transparency.FormatConsistency(request)
	return o, nil
}

// files are those of the log that the command line names, in a directory or on the web.
func (c *cosigning) files() (name string, files transparency.Files, end func(), err error) {
	if strings.HasPrefix(c.published, "http://") || strings.HasPrefix(c.published, "https://") {
		address := c.published
		if one := c.session.collective; one != "" {
			address = strings.TrimSuffix(address, "/") + "/" + url.PathEscape(one)
		}
		web, err := transparency.NewWeb(address)
		if err != nil {
			return "", nil, nil, failed(exitUsage, "地址不对(%v)。", "The address is wrong (%v).", err)
		}
		return address, web, web.Close, nil
	}
	dirs, err := (&published{session: c.session}).dirs(c.published)
	if err == nil && len(dirs) > 1 {
		err = failed(exitUsage, "%s 里有 %d 本账簿,一次签一本;请用 --collective 指明。", "There are %[2]d logs in %[1]s, and one is signed at a time: say which with --collective.", c.published, len(dirs))
	}
	if err != nil {
		return "", nil, nil, err
	}
	return dirs[0], transparency.Dir(dirs[0]), func() {}, nil
}

// open opens a published log with the key that the witness knows, and gives its signed head; while a log changes its key there are two.
func (c *cosigning) open(ctx context.Context, name string, files transparency.Files) (*transparency.PublishedLog, []byte, error) {
	text, err := files.Read(ctx, transparency.CheckpointFile, signednote.BytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		err = &transparency.PublishedError{File: transparency.CheckpointFile, Reason: reasonMissing}
	}
	if err != nil {
		return nil, nil, c.unread(name, err)
	}
	head, err := transparency.ReadHead(text)
	if err != nil {
		return nil, nil, notPublished(name, &transparency.PublishedError{File: transparency.CheckpointFile, Reason: err.Error()})
	}
	_, states, err := witness.Read(c.dir)
	if err != nil {
		return nil, nil, witnessFailed(c.dir, err)
	}
	refused := c.refused(&offer{head: head}, fmt.Errorf("%w: %s", witness.ErrUnknownLog, head.Origin))
	for _, state := range states {
		if state.Remembered.Origin != head.Origin {
			continue
		}
		for _, key := range state.Keys {
			log, err := transparency.OpenPublished(ctx, files, key.String())
			if err == nil && log.Succeeds != "" { // perhaps the key after it is known too
				err = &transparency.PublishedError{File: transparency.VerifierFile, Reason: "it is another key than the one that this witness knows: mingzhang witness add-log"}
			}
			if err == nil && log.Head != head {
				err = &transparency.PublishedError{File: transparency.CheckpointFile, Reason: "it was replaced meanwhile: try again"}
			}
			if err == nil {
				return log, text, nil
			}
			refused = c.unread(name, err)
		}
	}
	return nil, nil, refused
}

// unread tells a log that does not verify, or that cannot be reached.
func (c *cosigning) unread(name string, err error) error {
	kind := kindDirectory
	if name != "" && strings.Contains(name, "://") {
		kind = kindWeb
	}
	return notPublished(name, notRead(&heldLog{name: name, kind: kind}, err))
}

// show says what would be signed.
func (c *cosigning) show(o *offer) {
	s := c.session
	say := func(zh, en string, args ...any) { fmt.Fprintf(s.stderr, s.lang.text(zh, en)+"\n", args...) }
	if o.book != nil {
		moment := projections.Moment{AsKnownAt: o.head.Size}
		answer := &apiv1.GetBalancesResponse{}
		for _, b := range o.book.Balances(moment) {
			answer.Balances = append(answer.Balances, &apiv1.AccountBalance{Account: string(b.Account), Balance: b.Balance.String()})
		}
		say("%s 在第 %d 笔时的余额:", "Balances of %s at event %d:", o.book.ID(), o.head.Size)
		_ = balanceTable(answer.Balances, bookNames(o.book, s.lang)).print(s.stderr, s.lang) // what is signed does not depend on it
	}
	if o.seal != nil {
		say("月份 %s,%s 结账", "month  %s, closed at %s", o.seal.Month, o.seal.ClosedAt)
	}
	say("账簿 %s\n笔数 %d\n根   %x", "log    %s\nevents %d\nroot   %x", o.head.Origin, o.head.Size, o.head.Root[:])
	switch {
	case o.forked: // said when it is refused
	case o.old.Size == 0:
		say("注意:还没有为它签过,没有什么可对照:现在看到的就当作真的。请先把笔数和根与公示榜或成立记录对照。",
			"NOTE: nothing of it was signed before, so there is nothing to compare it with: what is seen now is taken for true. Compare events and root with a poster or the minutes first.")
	case o.old.Size == o.head.Size:
		say("与上次签过的相同。", "It is the one that was signed last.")
	default:
		say("上次签到第 %d 笔,以后新增 %d 笔。", "Signed last: %d events; %d are new since.", o.old.Size, o.head.Size-min(o.old.Size, o.head.Size))
	}
	if o.book == nil {
		say("没有各笔记录,没有重做账簿:签的只是“没有改过”。", "Without the events the books were not folded: what is signed is that nothing was changed, no more.")
	}
}

// cosignedAnswer is what was signed, as --json gives it.
type cosignedAnswer struct {
	Origin   string `json:"origin"`
	Size     uint64 `json:"size"`
	Root     string `json:"root"` // hex
	OldSize  uint64 `json:"oldSize"`
	Key      string `json:"key"`
	SignedAt int64  `json:"signedAt"` // seconds since 1970-01-01 UTC
	Line     string `json:"line"`
}

func (c *cosigning) print(o *offer, line signednote.Signature) error {
	s := c.session
	if c.out != "" {
		if err := os.WriteFile(c.out, []byte(line.String()), 0o644); err != nil {
			return cannotWrite(c.out, err)
		}
	}
	if o.seal != nil {
		fmt.Fprintln(s.stderr, s.lang.text("已记住并签名,正交给服务器。", "Remembered and signed; it goes to the server now."))
	} else {
		fmt.Fprintln(s.stderr, s.lang.text("已记住并签名。请把签名的一行交给集体(mingzhang witness submit 收下它)。",
			"Remembered and signed. The signature line is for the collective (mingzhang witness submit takes it)."))
	}
	switch {
	case s.json:
		signed, err := witness.ParseCosignature(line.Blob)
		if err != nil {
			return err
		}
		return s.printJSON(cosignedAnswer{Origin: o.head.Origin, Size: o.head.Size, Root: hex.EncodeToString(o.head.Root[:]), OldSize: o.old.Size,
			Key: c.witness.Verifier().String(), SignedAt: signed.Time, Line: line.String()})
	case c.out == "":
		_, err := fmt.Fprint(s.stdout, line)
		return err
	}
	return nil
}

// refused puts into words why a head was not signed.
func (c *cosigning) refused(o *offer, err error) error {
	var conflict *witness.ConflictError
	var proof *witness.ProofError
	evidence, fork := witness.IsFork(err)
	if errors.As(err, &proof) {
		evidence = proof.Evidence
	}
	switch {
	case fork || o.forked && evidence != "":
		return failed(exitVerified, "历史被改写了:%[1]s 的这个账簿(%[2]d 笔)不以您签过的 %[3]d 笔开头。没有签名。证据在 %[4]s:两份签名都是账簿自己的。请保留它,带给监督委员会和别的见证人。",
			"History was rewritten: this log of %[1]s (%[2]d events) does not begin with the %[3]d events that you have signed. Nothing was signed. The evidence is in %[4]s, both signatures are the log's own: keep it, and take it to the supervisory committee and the other witnesses.",
			o.head.Origin, o.head.Size, o.old.Size, evidence)
	case errors.As(err, &conflict) && o.head.Size < conflict.Size:
		return failed(exitVerified, "这个账簿(%d 笔)比您签过的(%d 笔)旧,没有签名。请取得最新的;一直没有,就是有人把账簿退回去了。",
			"This log (%d events) is older than the one you have signed (%d events), and nothing was signed. Get the newest; if there is none, somebody put the log back.", o.head.Size, conflict.Size)
	case errors.As(err, &conflict):
		return failed(exitRefused, "证明不是从您上次签过的 %[1]d 笔起的。请取得:mingzhang prove-consistency --old-size %[1]d --json。",
			"The proof does not begin with the %[1]d events that you signed last. Get one with mingzhang prove-consistency --old-size %[1]d --json.", conflict.Size)
	case errors.As(err, &proof):
		return failed(exitVerified, "证明不成立:它没有表明新的账簿以您签过的 %[1]d 笔开头(%[2]v)。没有签名。收到的保留在 %[3]s。",
			"Not proved: it does not show that the log begins with the %[1]d events that you have signed (%[2]v). Nothing was signed. What came is kept in %[3]s.", o.old.Size, err, evidence)
	case errors.Is(err, witness.ErrUnknownLog):
		return failed(exitRefused, "这个见证人还不认识账簿 %s。请从可信的地方得到它的公钥,再用 mingzhang witness add-log 公钥。",
			"This witness does not watch the log %s yet. Get its public key from a source to be trusted, then give mingzhang witness add-log VKEY.", o.head.Origin)
	case errors.Is(err, witness.ErrNotSigned):
		return failed(exitVerified, "它没有 %s 的有效签名,没有签(%v)。", "It has no valid signature of %s and was not signed (%v).", o.head.Origin, err)
	case errors.Is(err, headmemory.ErrInUse), errors.Is(err, headmemory.ErrDamaged):
		return witnessFailed(c.dir, err)
	case errors.Is(err, signednote.ErrForm):
		return badProof(c.proof, err)
	}
	return err
}
