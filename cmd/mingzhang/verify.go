package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/documents"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

func (s *session) verifyCmd() *cobra.Command {
	var adopt bool
	var proof proofFlags
	var version uint64
	var seals sealFlags
	cmd := &cobra.Command{
		Use:   "verify [DIR|URL|FILE]",
		Short: s.lang.text("核验:每个字节对照签名的根,账簿重做一遍对照", "hash every byte again against the signed heads, and fold the books anew"),
		Args:  cobra.MaximumNArgs(1),
		Long: s.lang.text(`没有参数也没有 --proof:核验数据目录或服务器的账簿。
DIR 是 publish 写的目录(或其中一个集体的),URL 是网上的一个集体的目录(http、https),FILE 是 export jsonl 的文件:
不要密钥、不要服务器,重算每个哈希和根,每一笔按规则重新核对,重做账簿,打印余额;指出第一笔有问题的。
--event-version 只核验一笔:只取它到根的那几个文件。--proof 离线核对一份证明。
都用 --log-key 给出账簿的公钥(或存有公钥的文件),用 --pin 笔数:根 或 --checkpoint 文件 对照以前保存的。
退出码:0 相符,2 用法有误,3 读不到,4 核验不符。`,
			`Without argument and --proof: the logs of the data directory or of a server.
DIR was written by publish, or is that of one of its collectives; URL is that of one collective on the web (http, https); FILE was written
by export jsonl. Without a secret and without a server every hash and the root are computed again, every event is held to the rules, the
books are folded and the balances printed; the first bad event is named. --event-version checks one event, with the few files on its way
to the root. --proof checks a proof offline. All take the log's public key, or a file with it, by --log-key, and compare what was kept:
--pin SIZE:ROOT or --checkpoint FILE. Exit code: 0 it is sound, 2 wrongly used, 3 it cannot be read, 4 it does not verify.`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || proof.given() {
				if adopt || cmd.Flags().Changed("server") || cmd.Flags().Changed("data") {
					return failed(exitUsage, "公布的账簿和证明只按文件核验,不要 --data、--server 或 --adopt-heads。",
						"A published log and a proof are checked by their files alone, without --data, --server or --adopt-heads.")
				}
			}
			if seals.given() && (len(args) == 0 || version > 0) {
				return failed(exitUsage, "--policy 和 --sealed 用于 DIR 或 URL,不与 --event-version 同用。", "--policy and --sealed are for a DIR or URL, without --event-version.")
			}
			if cmd.Flags().Changed("event-version") && (version == 0 || len(args) == 0) {
				return failed(exitUsage, "--event-version 从 1 起,用于 DIR 或 URL。", "--event-version counts from 1 and is for a DIR or URL.")
			}
			switch {
			case len(args) == 1 && proof.proof+proof.event+proof.eventType != "":
				return failed(exitUsage, "账簿和 --proof 一次只核验一样。", "Check either a log or --proof at a time.")
			case len(args) == 1:
				p := &published{session: s, key: proof.logKey, pins: proof.pins, checkpoints: proof.checkpoints, version: version, seals: seals}
				return p.verify(cmd.Context(), args[0])
			case proof.given():
				return s.verifyProof(&proof)
			}
			if adopt && s.server != "" {
				return failed(exitUsage, "--adopt-heads 只用于数据目录。", "--adopt-heads is for a data directory.")
			}
			return s.with(func(c *client) error {
				v := &verification{client: c, found: []finding{}}
				return v.conclude(v.all(cmd.Context(), adopt))
			})
		},
	}
	cmd.Flags().BoolVar(&adopt, "adopt-heads", false, s.lang.text("查明原因以后,为缺少签名根的账簿按现状签一个",
		"after looking into the reason: sign a head for logs that have none, as they are now"))
	cmd.Flags().Uint64Var(&version, "event-version", 0, s.lang.text("只核验这一笔(DIR 或 URL)", "check this event alone (of a DIR or URL)"))
	cmd.Flags().BoolVar(&s.progress, "progress", false, s.lang.text("标准错误不是终端也显示进度,每秒一行", "show progress, a line a second, where standard error is no terminal too"))
	s.proofFlags(cmd, &proof)
	s.sealFlags(cmd, &seals)
	return cmd
}

// What is found of a log. The words are for programs and never change; people read those of resultText.
const (
	resultSound   = "sound"
	resultDamaged = "damaged"               // not what was stored, or no events of this program
	resultForeign = "foreign"               // a stream that this program never writes
	resultDiffer  = "books_differ"          // the books in use are not those folded anew
	resultUnread  = "not_compared"          // something kept it from looking
	resultLost    = "personal_data_missing" // evidence lost: no erasure in the log says why
	resultPapers  = "documents_damaged"     // a document that is kept is not the one the log names
	resultEdition = "edition_differs"       // the log does not give the text or the root of an edition
)

func resultText(l language, result string) string {
	switch result {
	case resultSound:
		return l.text("相符", "sound")
	case resultForeign:
		return l.text("不是本程序的账簿", "FOREIGN")
	case resultDiffer:
		return l.text("账簿与重做的不符", "BOOKS DIFFER")
	case resultUnread:
		return l.text("没有核对完", "NOT COMPARED")
	case resultEdition:
		return l.text("公示无法重现", "EDITION DIFFERS")
	case resultPapers:
		return l.text("原始凭证文件损坏", "DOCUMENTS DAMAGED")
	case resultLost:
		return l.text("个人信息缺失", "EVIDENCE LOST")
	}
	return l.text("损坏", "DAMAGED")
}

// finding is what was found of one log, as --json gives it.
type finding struct {
	Stream   string  `json:"stream"`
	OK       bool    `json:"ok"`
	Result   string  `json:"result"`
	Events   uint64  `json:"events"`
	FirstBad uint64  `json:"firstBadVersion"`     // 0: none, or only the log as a whole is known to be wrong
	Root     string  `json:"root"`                // hex; empty when it is not OK
	Problem  string  `json:"problem"`             // empty when it is OK
	Papers   *papers `json:"documents,omitempty"` // nil when the log names none, or was not looked into

	why  *failure // of resultUnread
	lost int      // records, of resultLost
}

// verification gathers what was found.
type verification struct {
	client *client
	found  []finding
	bad    []*failure // one at least when anything is wrong
}

func (v *verification) all(ctx context.Context, adopt bool) error {
	if v.client.dir == nil {
		return v.server(ctx)
	}
	streams, err := v.client.dir.log.Streams(ctx)
	if err != nil {
		return err
	}
	for _, stream := range streams {
		if v.client.dir.cluster != nil && !ours(stream) {
			continue // a cluster may hold streams of other programs
		}
		if err := v.stream(ctx, stream, adopt); err != nil {
			return err
		}
	}
	if err := v.missing(ctx); err != nil {
		return err
	}
	return v.people(ctx)
}

// stream checks one log of the data directory: the bytes, each an event that can be read (checkEvent), then the books made of them.
func (v *verification) stream(ctx context.Context, stream string, adopt bool) error {
	log, s := v.client.dir.log, v.client.session
	report, err := log.Verify(ctx, stream)
	if adopt && ours(stream) && err == nil && !report.OK {
		head, adoptErr := log.AdoptHead(ctx, stream)
		if adoptErr != nil {
			fmt.Fprintf(s.stderr, s.lang.text("没有为 %s 签名:%v\n", "%s is not signed: %v\n"), stream, adoptErr)
		} else {
			fmt.Fprintf(s.stderr, s.lang.text("已为 %s 按现状签名:%d 笔。\n", "%s is signed as it is: %d events.\n"), stream, head.Size)
		}
		report, err = log.Verify(ctx, stream)
	}
	f := finding{Stream: stream, Result: resultSound, Events: report.Events, Root: hex.EncodeToString(report.Root[:])}
	switch {
	case !ours(stream):
		f.Result, f.Problem = resultForeign, notOurs
	case err != nil:
		return v.failed(ctx, f, err)
	case !report.OK:
		f.Result, f.FirstBad, f.Problem = resultDamaged, report.FirstBad, report.Reason
	default:
		return v.content(ctx, f)
	}
	v.note(f)
	return nil
}

// content looks into a log whose bytes are what was stored and are events.
func (v *verification) content(ctx context.Context, f finding) error {
	if id, ok := strings.CutPrefix(f.Stream, ledger.StreamPrefix); ok && f.Events > 0 {
		named := map[documents.Digest]bool{}
		same, err := v.sameBooks(ctx, id, named)
		if err != nil {
			return v.failed(ctx, f, err)
		}
		if len(named) > 0 {
			if f.Papers, err = v.client.dir.checkPapers(id, named); err != nil {
				return v.failed(ctx, f, err)
			}
		}
		if err := v.editions(ctx, id, &f); same && err != nil {
			return v.failed(ctx, f, err)
		}
		switch {
		case !same:
			f.Result, f.Problem = resultDiffer, "the books in use differ from books folded anew"
		case f.Papers != nil && len(f.Papers.Damaged) > 0:
			f.Result, f.Problem = resultPapers, "damaged documents: "+strings.Join(f.Papers.Damaged, ", ")
		}
	}
	v.note(f)
	return nil
}

// sameBooks compares the books in use with books folded anew, and gathers the documents that events name. Nobody else writes
// meanwhile.
func (v *verification) sameBooks(ctx context.Context, id string, named map[documents.Digest]bool) (bool, error) {
	inUse, err := v.client.dir.books.Book(ctx, id, 0)
	if err != nil {
		return false, err
	}
	fresh := projections.NewBook(id)
	for e, err := range v.client.dir.ledger.Events(ctx, id, 0) {
		if err != nil {
			return false, err
		}
		if err := fresh.Fold(e); err != nil {
			return false, err
		}
		documents.Named(e, named)
	}
	return inUse.Digest() == fresh.Digest(), nil
}

// missing looks for what no single log shows: that operators and names can be read, and that every collective has its log.
func (v *verification) missing(ctx context.Context) error {
	if len(v.bad) > 0 {
		return nil // the logs have told it
	}
	if _, err := v.client.dir.access.Operators(ctx); err != nil {
		return v.failed(ctx, finding{Stream: ledger.StreamAccess}, err)
	}
	collectives, err := v.client.dir.ledger.Collectives(ctx)
	if err != nil {
		return v.failed(ctx, finding{Stream: ledger.StreamCollectives}, err)
	}
	for _, id := range collectives {
		if _, err := v.client.dir.ledger.Facts(ctx, id); err != nil {
			return v.failed(ctx, finding{Stream: ledger.StreamOf(id)}, err)
		}
	}
	return nil
}

// failed notes what kept it from looking at a log. Only the end of the context ends the work.
func (v *verification) failed(ctx context.Context, f finding, err error) error {
	if ctx.Err() != nil {
		return err
	}
	f.why = explain(err)
	f.Result, f.Problem = resultUnread, f.why.en
	if damage := (*eventstore.CorruptError)(nil); errors.As(err, &damage) {
		f.Result, f.FirstBad, f.Problem = resultDamaged, damage.Version, damage.Reason
	}
	v.note(f)
	return nil
}

// note takes what was found of one log.
func (v *verification) note(f finding) {
	f.OK = f.Result == resultSound
	if !f.OK {
		f.Root = ""
		v.bad = append(v.bad, f.failure())
	}
	v.found = append(v.found, f)
}

// failure says what is wrong with a log that is not sound.
func (f finding) failure() *failure {
	switch f.Result {
	case resultForeign:
		return failed(exitVerified, "数据文件里有不是本程序写的账簿 %s。请查明来历,保留这个目录,并从备份恢复。",
			"The data file has a log %s that this program never writes: find out where it comes from, keep the directory, restore a backup.", f.Stream)
	case resultDiffer:
		return failed(exitVerified, "%s 的账簿与重做的不符;请重新启动服务并报告此事。",
			"The books of %s in use differ from books folded anew: start the server again and report this.", f.Stream)
	case resultLost:
		return failed(exitVerified, "%[1]s:有 %[2]d 条个人信息不见了,账簿里没有删除它们的记载(%[3]s)。证据缺失:请通知监督委员会,保留这个目录,从备份找回 people.db。",
			"%[1]s: %[2]d records of personal data are not there, and no erasure in the log says why (%[3]s). Evidence was lost: tell the supervisory committee, keep the directory, get people.db back from a backup.", f.Stream, f.lost, f.Problem)
	case resultPapers:
		return failed(exitVerified, "%s 引用的原始凭证文件已损坏:%s。请重新上传原件或从备份恢复。",
			"Documents that %s names are damaged: %s. Upload them again or restore a backup.", f.Stream, strings.Join(f.Papers.Damaged, ", "))
	case resultEdition:
		return failed(exitVerified, "%s 的公示无法重现(%s)。请保留这个目录,查明原因。", "%s: %s. Keep the directory and find out why.", f.Stream, f.Problem)
	case resultUnread:
		return &failure{code: exitVerified, zh: "账簿 " + f.Stream + " 没有核对完:" + f.why.zh,
			en: "The log " + f.Stream + " is not compared to its end: " + f.why.en}
	}
	return damagedAt(f.Stream, f.FirstBad, f.Problem)
}

// server checks the collectives of a server, or the one of --collective.
func (v *verification) server(ctx context.Context) error {
	ids, err := v.collectives(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		f := finding{Stream: ledger.StreamOf(id), Result: resultSound}
		a, err := v.client.audit.VerifyLog(ctx, &apiv1.VerifyLogRequest{CollectiveId: id})
		switch code := connect.CodeOf(err); {
		case err != nil && (code == connect.CodeInternal || code == connect.CodeUnknown || code == connect.CodeDataLoss):
			if err := v.failed(ctx, f, err); err != nil {
				return err
			}
			continue
		case err != nil: // not reached, or not allowed
			return err
		case !a.Ok:
			f.Result = resultDamaged
		case !a.BookOk:
			f.Result = resultDiffer
		}
		f.Events, f.FirstBad, f.Problem, f.Root = a.Events, a.FirstBadVersion, a.Problem, a.Root
		v.note(f)
	}
	return nil
}

// collectives is those of the server, or the one of --collective.
func (v *verification) collectives(ctx context.Context) ([]string, error) {
	if id := v.client.session.collective; id != "" {
		return []string{id}, nil
	}
	var ids []string
	r := &apiv1.ListCollectivesRequest{PageSize: 1000}
	for {
		answer, err := v.client.disclosure.ListCollectives(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, c := range answer.Collectives {
			ids = append(ids, c.Id)
		}
		if r.PageToken = answer.NextPageToken; r.PageToken == "" {
			return ids, nil
		}
	}
}

// conclude prints what was found and gives the command's error. err is what ended the work early; the logs it did not come
// to are then not listed.
func (v *verification) conclude(err error) error {
	s := v.client.session
	if err != nil && len(v.bad) == 0 && explain(err).code != exitVerified {
		return err
	}
	if err != nil {
		v.bad = append(v.bad, explain(err))
	}
	if err := v.print(s); err != nil {
		return err
	}
	for _, f := range v.bad {
		report(s.stderr, s.lang, f)
	}
	if len(v.bad) > 0 {
		return errSaid{exitVerified}
	}
	return nil
}

func (v *verification) print(s *session) error {
	if s.json {
		out := json.NewEncoder(s.stdout)
		out.SetIndent("", "  ")
		err := out.Encode(struct {
			OK      bool      `json:"ok"`
			Streams []finding `json:"streams"`
		}{len(v.bad) == 0, v.found})
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		return nil
	}
	t := &table{columns: []column{
		{name: "stream", zh: "账簿", en: "Log"},
		{name: "events", zh: "笔数", en: "Events", right: true},
		{name: "result", zh: "结果", en: "Result"},
		{name: "first_bad_version", zh: "从第几笔", en: "From version", right: true},
		{name: "root", zh: "根哈希", en: "Root"},
	}}
	for _, f := range v.found {
		result, bad := f.Result, ""
		if !s.csv {
			result = resultText(s.lang, f.Result)
		}
		if f.FirstBad > 0 {
			bad = fmt.Sprint(f.FirstBad)
		}
		t.add(f.Stream, fmt.Sprint(f.Events), result, bad, f.Root)
	}
	if s.csv {
		return t.printCSV(s.stdout)
	}
	if err := t.print(s.stdout, s.lang); err != nil {
		return err
	}
	for _, f := range v.found {
		if f.Papers != nil && len(f.Papers.Missing) > 0 {
			fmt.Fprintf(s.stdout, s.lang.text("%s:引用了 %d 个文件,其中 %d 个没有保存在这里。\n", "%s: of %d documents it names, %d are not kept here.\n"),
				f.Stream, f.Papers.Named, len(f.Papers.Missing))
		}
	}
	return nil
}

const notOurs = "it is no log of this program"

// collectiveStream is the name of a collective's stream, or of what its witnesses signed.
var collectiveStream = regexp.MustCompile("^(" + ledger.StreamPrefix + "|" + ledger.StreamWitness + ")[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$")

// ours says whether this program writes streams of such a name.
func ours(stream string) bool {
	return stream == ledger.StreamAccess || stream == ledger.StreamCollectives || collectiveStream.MatchString(stream)
}

// originOf is the transparency.OriginFunc of a data directory: it refuses streams that are not ours.
func originOf(stream string, first eventstore.Event) (string, error) {
	if !ours(stream) {
		return "", &eventstore.CorruptError{Stream: stream, Reason: notOurs}
	}
	return ledger.LogOrigin(stream, first)
}

// checkEvent is the check of a data directory: what is stored are events of this program, in streams of this program.
func checkEvent(e eventstore.Event) error {
	if !ours(e.Stream) {
		return &eventstore.CorruptError{Stream: e.Stream, Version: e.Version, Reason: notOurs}
	}
	_, err := ledger.Decode(e)
	return err
}
