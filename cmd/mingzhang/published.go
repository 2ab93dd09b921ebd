package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// published is the check of a log in files by somebody who has them and nothing else: a directory that publish wrote, the same on
// the web, or a file of export jsonl.
type published struct {
	session     *session
	key         string   // --log-key: the public key, or a file with it; empty: the one that lies beside the log
	pins        []string // --pin SIZE:ROOT
	checkpoints []string // --checkpoint: files with signed heads of before, or directories of such
	version     uint64   // --event-version: this event alone; 0: all
	seals       sealFlags
}

// What a log in files is. The words are for programs and never change.
const (
	kindDirectory = "directory"
	kindWeb       = "web"
	kindExport    = "export"
)

// heldLog is a log in files, and what is known of it when it was checked.
type heldLog struct {
	name, kind string
	id         string // what its directory is called where it was published
	head       transparency.Head
	key        string   // that signed the head; empty: nobody did
	keys       []string // of the log, by its rotations; empty when there were none
	others     int      // files that were not looked at
	unlisted   bool     // whether there are others cannot be told
	headOnly   bool     // there are no events

	files  transparency.Files                          // beside which editions lie; nil for an export
	rootAt func(size uint64) (transparency.Hash, bool) // of the first events
	replay *replay                                     // nil when there are no events
	seals  *sealsFound                                 // nil when they were not looked at
}

// verify checks every collective of a directory, or the one whose log it is.
func (p *published) verify(ctx context.Context, name string) error {
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		return p.conclude(name, p.web(ctx, name))
	}
	info, err := os.Stat(name)
	switch {
	case err != nil && name != "-":
		return cannotOpen(name, err)
	case name == "-" || info.Mode().IsRegular():
		return p.conclude(name, p.export(ctx, name))
	}
	dirs, err := p.dirs(name)
	if err != nil {
		return err
	}
	if len(dirs) > 1 && (p.key != "" || len(p.pins)+len(p.checkpoints) > 0 || p.version > 0 || p.seals.given()) {
		return failed(exitUsage, "--log-key、--pin、--checkpoint、--event-version、--policy、--sealed 只对一个集体;请用 --collective 指明。",
			"--log-key, --pin, --checkpoint, --event-version, --policy and --sealed are for one collective: say which with --collective.")
	}
	var bad error
	for _, one := range dirs {
		err := p.conclude(one, p.directory(ctx, one, one != name))
		if err == nil {
			continue
		}
		if !errors.As(err, new(errSaid)) {
			return err
		}
		bad = err
	}
	return bad
}

// conclude tells what does not verify, so that the next can be checked; any other failure is handed on.
func (p *published) conclude(name string, err error) error {
	if err == nil {
		return nil
	}
	f := explain(notPublished(name, err))
	if f.code != exitVerified {
		return f
	}
	s := p.session
	report(s.stderr, s.lang, f)
	if s.json {
		answer := verdict{Source: name, Problem: f.en}
		if bad := (*transparency.PublishedError)(nil); errors.As(f.cause, &bad) {
			answer.File, answer.FirstBad = bad.File, bad.Version
		}
		if err := answer.write(s.stdout); err != nil {
			return err
		}
	}
	return errSaid{exitVerified}
}

// dirs lists the directories with a checkpoint. One below the directory that has none is somebody's of another kind, unless
// it has a part of a published log.
func (p *published) dirs(dir string) ([]string, error) {
	if one := p.session.collective; one != "" {
		return []string{filepath.Join(dir, one)}, nil
	}
	if _, err := os.Lstat(filepath.Join(dir, transparency.CheckpointFile)); err == nil {
		return []string{dir}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, cannotOpen(dir, err)
	}
	var dirs []string
	for _, e := range entries {
		for _, part := range []string{transparency.CheckpointFile, transparency.VerifierFile, "tile"} {
			if _, err := os.Lstat(filepath.Join(dir, e.Name(), part)); err == nil {
				dirs = append(dirs, filepath.Join(dir, e.Name()))
				break
			}
		}
	}
	if len(dirs) == 0 {
		return nil, failed(exitUsage, "%s 里没有公布的账簿(checkpoint)。", "There is no published log (checkpoint) in %s.", dir)
	}
	return dirs, nil
}

// reasonMissing is what package transparency says of a file that is not there.
const reasonMissing = "it is missing"

// notPublished is what is wrong with a published log.
func notPublished(name string, err error) error {
	var bad *transparency.PublishedError
	if !errors.As(err, &bad) || errors.As(err, new(*failure)) {
		return err
	}
	zh := reasonChinese(bad.Reason)
	f := failed(exitVerified, "%[1]s 核验不符:%[2]s:%[4]s。", "%[1]s does not verify: %[2]s: %[3]s.", name, bad.File, bad.Reason, zh)
	if bad.Version > 0 {
		f = failed(exitVerified, "%[1]s 核验不符:从第 %[2]d 笔起;%[3]s:%[5]s。", "%[1]s does not verify: from event %[2]d on; %[3]s: %[4]s.", name, bad.Version, bad.File, bad.Reason, zh)
	}
	f.cause = bad
	return f
}

// directory checks one collective of a directory. named says that the directory has to be of the collective that it is named after.
func (p *published) directory(ctx context.Context, dir string, named bool) error {
	expect := ""
	if named {
		expect = filepath.Base(dir)
	}
	return p.files(ctx, &heldLog{name: dir, kind: kindDirectory, id: filepath.Base(dir)}, transparency.Dir(dir), expect)
}

// web checks the log of one collective at an address; with --collective the address is that above it.
func (p *published) web(ctx context.Context, address string) error {
	expect := p.session.collective
	if expect != "" {
		address = strings.TrimSuffix(address, "/") + "/" + url.PathEscape(expect)
	}
	web, err := transparency.NewWeb(address)
	if err != nil {
		return failed(exitUsage, "地址不对(%v)。", "The address is wrong (%v).", err)
	}
	defer web.Close()
	err = p.files(ctx, &heldLog{name: address, kind: kindWeb, id: path.Base(address), unlisted: true}, web, expect)
	if bad := (*transparency.PublishedError)(nil); errors.As(err, &bad) && bad.File == transparency.CheckpointFile && bad.Reason == reasonMissing && expect == "" {
		f := failed(exitVerified, "%[1]s 里没有公布的账簿(checkpoint);如果它是上一级的地址,请用 --collective 指明集体。",
			"There is no published log (checkpoint) at %[1]s; if it is the address above, say with --collective which collective it is.", address)
		f.cause = bad
		return f
	}
	return err
}

// files checks a published log, wherever its files lie.
func (p *published) files(ctx context.Context, held *heldLog, files transparency.Files, expect string) error {
	key, err := publicKey(p.key)
	if err != nil {
		return err
	}
	log, err := transparency.OpenPublished(ctx, files, key)
	if err != nil {
		return notRead(held, err)
	}
	log.Rotation = func(e eventstore.Event) (transparency.Rotation, bool) {
		r, ok := rotationOf(e)
		if ok {
			held.keys = append(held.keys, r.OldKey, r.NewKey)
		}
		return r, ok
	}
	held.head, held.key, held.headOnly = log.Head, log.VerifierKey, log.HeadOnly
	held.rootAt = log.RootAt
	p.noteKey(key, held.key)
	kept, err := p.kept(held)
	if err != nil {
		return err
	}
	if p.version > 0 {
		return p.single(ctx, held, log, kept)
	}
	if !held.headOnly {
		held.replay = p.newReplay(held.head)
		if err := held.replay.read(checkedEvents(ctx, log)); err != nil {
			return notRead(held, err)
		}
		held.others = log.Others
		if id := held.replay.book.ID(); expect != "" && id != expect {
			return failed(exitVerified, "%s 里是集体 %s 的账簿。", "%s has the log of the collective %s.", held.name, id)
		}
	}
	held.files = files
	if held.seals, err = p.checkSeals(ctx, held, files); err != nil {
		return notRead(held, err)
	}
	return p.finish(ctx, held, kept)
}

// notRead tells a log on the web that cannot be reached.
func notRead(held *heldLog, err error) error {
	if bad := (*transparency.PublishedError)(nil); held.kind != kindWeb || errors.As(err, &bad) || errors.Is(err, context.Canceled) {
		return err
	}
	return failed(exitStorage, "读不到 %s(%v)。请检查地址和网络,再试一次。", "%s cannot be read (%v): check the address and the network, and try again.", held.name, err)
}

// checkedEvents are the events of a published log, each once its hash is known to be right.
func checkedEvents(ctx context.Context, log *transparency.PublishedLog) iter.Seq2[eventstore.Event, error] {
	errEnough := errors.New("enough")
	return func(yield func(eventstore.Event, error) bool) {
		err := log.Check(ctx, func(version uint64, eventType string, data []byte) error {
			if !yield(eventstore.Event{Version: version, Type: eventType, Data: data}, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, err)
		}
	}
}

func (p *published) newReplay(head transparency.Head) *replay {
	bar := newProgress(p.session, head.Origin, int64(min(head.Size, 1<<40)))
	if bar != nil {
		bar.count = true
	}
	return newReplay(head.Origin, bar)
}

// noteKey says what a key that was not given proves.
func (p *published) noteKey(given, used string) {
	if given == "" && used != "" {
		fmt.Fprint(p.session.stderr, p.session.lang.text("注意:没有用 --log-key 给出公钥,只用了目录自己的 vkey;这只证明目录与自己相符,不证明是谁的。\n",
			"NOTE: no --log-key was given and the vkey of the directory itself is used: this proves that the directory agrees with itself, not whose it is.\n"))
	}
}

// publicKey is what --log-key gives: the key itself, or a file that has it.
func publicKey(given string) (string, error) {
	key, err := keyText(given)
	if err != nil || key == "" {
		return "", err
	}
	if _, err := signednote.ParseVerifier(key); err != nil {
		return "", failed(exitVerified, "--log-key 不是公钥(%v);请照 verifierKey 或 vkey 文件写。", "--log-key is no public key (%v): give the verifierKey, or a file vkey.", err)
	}
	return key, nil
}

// keyText is a public key as it is given, or what a file has of it.
func keyText(given string) (string, error) {
	if given == "" || strings.Contains(given, "+") {
		return given, nil
	}
	file, err := os.Open(given)
	if err != nil {
		return "", cannotOpen(given, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 4<<10))
	if err != nil {
		return "", cannotOpen(given, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// export checks a file of export jsonl, without storing anything.
func (p *published) export(ctx context.Context, name string) error {
	if p.seals.given() {
		return failed(exitUsage, "export 的文件里没有见证签名;--policy 和 --sealed 用于 DIR 或 URL。", "A file of export has no signatures of witnesses: --policy and --sealed are for a DIR or URL.")
	}
	key, err := publicKey(p.key)
	if err != nil {
		return err
	}
	file, err := p.session.openInput(name)
	if err != nil {
		return err
	}
	defer file.Close()
	r := newLogReader(name, file)
	r.verify = true
	if err := r.start(); err != nil {
		return err
	}
	var leaves []transparency.Hash
	held := &heldLog{name: name, kind: kindExport, id: r.header.Collective}
	held.replay = p.newReplay(transparency.Head{Origin: r.header.Origin})
	err = held.replay.read(func(yield func(eventstore.Event, error) bool) {
		for {
			stored, leaf, err := r.nextLeaf()
			if errors.Is(err, io.EOF) {
				return
			}
			leaves = append(leaves, leaf)
			if r, ok := rotationOf(stored); ok && err == nil {
				held.keys = append(held.keys, r.OldKey, r.NewKey)
			}
			if err = errors.Join(err, ctx.Err()); !yield(stored, err) || err != nil {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	held.head = transparency.Head{Origin: r.header.Origin, Size: r.hasher.Size(), Root: r.hasher.Root()}
	held.key = r.head.VerifierKey
	switch {
	case key != "" && r.head.Note == "":
		return failed(exitVerified, "%s 没有签名的根,不能用 --log-key 核对;请用 --pin 或 --checkpoint。",
			"%s has no signed head to check with --log-key: use --pin or --checkpoint.", name)
	case key != "" && key != held.key:
		return failed(exitVerified, "%s 的签名是 %s 的,不是所给的公钥的。", "%s is signed with %s, which is not the key that was given.", name, held.key)
	case key == "" && held.key == "" && len(p.pins)+len(p.checkpoints) == 0:
		fmt.Fprint(p.session.stderr, p.session.lang.text("注意:文件没有签名的根,也没有给出 --pin 或 --checkpoint;这只证明文件与自己相符。\n",
			"NOTE: the file has no signed head, and neither --pin nor --checkpoint was given: this proves that the file agrees with itself.\n"))
	default:
		p.noteKey(key, held.key)
	}
	if id := p.session.collective; id != "" && id != r.header.Collective {
		return failed(exitVerified, "%s 里是集体 %s 的账簿。", "%s has the log of the collective %s.", name, r.header.Collective)
	}
	held.rootAt = func(size uint64) (transparency.Hash, bool) { return transparency.RootOf(leaves, size) }
	kept, err := p.kept(held)
	if err != nil {
		return err
	}
	return p.finish(ctx, held, kept)
}

// finish holds a log whose events are right to what was known of it before, and tells the result.
func (p *published) finish(ctx context.Context, held *heldLog, kept []pinned) error {
	if held.replay != nil {
		if err := held.replay.claimed(held.rootAt); err != nil {
			return err
		}
	}
	for _, pin := range kept {
		root, known := held.rootAt(pin.size)
		if pin.size == held.head.Size {
			root, known = held.head.Root, true
		}
		if err := p.contains(held, pin, root, known); err != nil {
			return err
		}
	}
	if err := p.editions(ctx, held); err != nil {
		return err
	}
	return p.print(held, kept)
}

// pinned is what somebody knows from before: that the first so many events had this root.
type pinned struct {
	size uint64
	root [32]byte
	from string
	log  string // origin, where it names one
	note []byte // of a checkpoint: which keys may have signed it is known when the events are
}

// parsePin reads SIZE:ROOT, the root as hex or base64 of either alphabet, perhaps behind the name of its log and #.
func parsePin(text string) (pinned, error) {
	h, err := transparency.ParsePin(text)
	if err != nil {
		return pinned{}, failed(exitUsage, "--pin 写作 笔数:根(十六进制或 base64),前面可以有 账簿名#,不是“%s”。", "--pin is SIZE:ROOT, the root in hex or base64, perhaps behind the name of its log and #, not \"%s\".", text)
	}
	return pinned{size: h.Size, root: h.Root, from: "--pin", log: h.Origin}, nil
}

// keptMax bounds the checkpoints of a directory.
const keptMax = 10_000

// kept are the pins and checkpoints that the command line names.
func (p *published) kept(held *heldLog) ([]pinned, error) {
	var kept []pinned
	for _, text := range p.pins {
		pin, err := parsePin(text)
		if err != nil {
			return nil, err
		}
		kept = append(kept, pin)
	}
	for _, name := range p.checkpoints {
		files, err := checkpointFiles(name, held.id)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			msg, err := p.session.textOf(file, "note")
			if err != nil {
				return nil, err
			}
			head, err := transparency.ReadHead(msg)
			if err == nil && head.Origin != held.head.Origin && held.head.Origin != "" {
				err = fmt.Errorf("it is of the log %s", head.Origin)
			}
			if err != nil {
				return nil, notSigned(file, held.key, err)
			}
			kept = append(kept, pinned{head.Size, head.Root, file, head.Origin, msg})
		}
	}
	return kept, nil
}

func notSigned(file, key string, err error) error {
	return failed(exitVerified, "%s 不是用 %s 签的 checkpoint(%v)。", "%s is no checkpoint signed with %s (%v).", file, key, err)
}

// checkpointFiles are the files that --checkpoint names: one, those of a directory of them, or of a log that was published before,
// or of the log id among several that were published before.
func checkpointFiles(name, id string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return []string{name}, nil // whoever reads it finds the words
	}
	var all, heads []string
	for _, e := range entries {
		full := filepath.Join(name, e.Name())
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		all = append(all, full)
		if e.Name() == transparency.CheckpointFile || strings.HasPrefix(e.Name(), transparency.CheckpointFile+".") {
			heads = append(heads, full)
		}
	}
	_, err = os.Stat(filepath.Join(name, transparency.CheckpointFile))
	below := filepath.Join(name, id)
	_, belowErr := os.Stat(filepath.Join(below, transparency.CheckpointFile))
	switch {
	case err == nil:
		return heads, nil
	case belowErr == nil && id != "": // beside it lie the page and its list
		return checkpointFiles(below, id)
	case len(all) > keptMax:
		return nil, failed(exitUsage, "目录 %s 里有 %d 个文件,最多 %d 个。", "The directory %s has %d files, %d are the most.", name, len(all), keptMax)
	case len(all) > 0:
		return all, nil
	}
	return nil, failed(exitUsage, "目录 %s 里没有 checkpoint。", "There is no checkpoint in the directory %s.", name)
}

// contains wants the log to begin with what was known of it before.
func (p *published) contains(held *heldLog, pin pinned, root transparency.Hash, known bool) error {
	if pin.note != nil && held.key != "" {
		if err := held.signed(pin.note); err != nil {
			return notSigned(pin.from, held.key, err)
		}
	}
	switch {
	case pin.log != "" && held.head.Origin != "" && pin.log != held.head.Origin:
		return failed(exitVerified, "%s 是 %s 的,%s 里是 %s。", "%s is of the log %s, and %s has %s.", pin.from, pin.log, held.name, held.head.Origin)
	case pin.size > held.head.Size:
		return failed(exitVerified, "%s 有 %d 笔,%s 有 %d 笔:公布的比以前的还少。", "%s has %d events and %s has %d: it is older than what was known before.",
			held.name, held.head.Size, pin.from, pin.size)
	case !known:
		return failed(exitVerified, "%s 只有 checkpoint,没有各笔,看不出是否包含 %s。", "%s has a checkpoint and no events: whether it contains %s cannot be told.", held.name, pin.from)
	case root != pin.root:
		f := failed(exitVerified, "%s 的前 %d 笔与 %s 不符:历史被改过(那时的根 %x,现在的根 %x)。",
			"The first %[2]d events of %[1]s are not those of %[3]s: history was changed (its root %[4]x, the root now %[5]x).", held.name, pin.size, pin.from, pin.root, root[:])
		if pin.note != nil && held.key != "" {
			f.zh += "两个根都有这把公钥的签名:请把两份都保存好,这就是证据。"
			f.en += " Both heads are signed with the key: keep them both, they are the evidence."
		}
		return f
	}
	fmt.Fprintf(p.session.stderr, p.session.lang.text("包含 %s 的 %d 笔,没有改过。\n", "It contains the %[2]d events of %[1]s unchanged.\n"), pin.from, pin.size)
	return nil
}

// verdict is what was found of a log in files, as --json gives it: all that GetBalances answers, and more. Fields are added and
// never change.
type verdict struct {
	OK          bool            `json:"ok"`
	Source      string          `json:"source"`
	Kind        string          `json:"kind,omitempty"` // directory, web or export
	Collective  string          `json:"collective,omitempty"`
	Origin      string          `json:"origin,omitempty"`
	Size        uint64          `json:"size"`
	Root        string          `json:"root"`        // hex; empty when it is not OK
	VerifierKey string          `json:"verifierKey"` // that signed the root; empty: none
	KeyGiven    bool            `json:"keyGiven"`    // with --log-key, from elsewhere than the log
	HeadOnly    bool            `json:"headOnly"`    // only the checkpoint is published
	Digest      string          `json:"digest,omitempty"`
	Contains    []contained     `json:"contains"` // what was given as kept from before
	Others      int             `json:"otherFiles"`
	File        string          `json:"file"`            // the first that is wrong
	FirstBad    uint64          `json:"firstBadVersion"` // the first bad event; 0: none, or not known
	Problem     string          `json:"problem"`         // empty when it is OK
	Seals       *sealsFound     `json:"seals,omitempty"` // absent of a file, and of one event
	Balances    json.RawMessage `json:"balances,omitempty"`
	Version     string          `json:"version,omitempty"` // as GetBalances has it
}

type contained struct {
	Size uint64 `json:"size"`
	Root string `json:"root"`
	From string `json:"from"`
}

// writeIndented writes a value of this program as JSON for people and programs.
func writeIndented(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if err := out.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

func (v *verdict) write(w io.Writer) error {
	if v.Contains == nil {
		v.Contains = []contained{}
	}
	return writeIndented(w, v)
}

// verdictOf is that of a log in which nothing is wrong.
func (p *published) verdictOf(held *heldLog, kept []pinned) *verdict {
	v := &verdict{OK: true, Source: held.name, Kind: held.kind, Origin: held.head.Origin, Size: held.head.Size, Root: hex.EncodeToString(held.head.Root[:]),
		VerifierKey: held.key, KeyGiven: p.key != "", HeadOnly: held.headOnly, Others: held.others, Seals: held.seals}
	for _, pin := range kept {
		v.Contains = append(v.Contains, contained{pin.size, hex.EncodeToString(pin.root[:]), pin.from})
	}
	return v
}

// print gives the balances, and on the other stream what they rest on.
func (p *published) print(held *heldLog, kept []pinned) error {
	s, head := p.session, held.head
	if held.headOnly {
		held.seals.tell(s, true)
		if s.json {
			return p.verdictOf(held, kept).write(s.stdout)
		}
		_, err := fmt.Fprintf(s.stdout, s.lang.text("%s:签名相符,%d 笔,根 %v;只公布了 checkpoint,没有各笔可核。\n",
			"%s: the signature is right, %d events, root %v; only the checkpoint is published, there are no events to check.\n"), head.Origin, head.Size, head.Root)
		return err
	}
	book := held.replay.book
	answer := &apiv1.GetBalancesResponse{Version: book.Version()}
	for _, b := range book.Balances(projections.Moment{}) {
		answer.Balances = append(answer.Balances, &apiv1.AccountBalance{Account: string(b.Account), Balance: b.Balance.String()})
	}
	digest := book.Digest()
	fmt.Fprintf(s.stderr, s.lang.text("%s 相符:%s,%d 笔\n公钥:%s\n根:%v\n账簿摘要:%x\n", "%s is sound: %s, %d events\nkey: %s\nroot: %v\ndigest of the books: %x\n"),
		book.ID(), head.Origin, head.Size, held.key, head.Root, digest)
	if held.others > 0 {
		fmt.Fprintf(s.stderr, s.lang.text("目录里另有 %d 个文件不属于它,没有看。\n", "%d files of the directory do not belong to it and were not looked at.\n"), held.others)
	}
	if held.seals != nil {
		held.seals.tell(s, false)
	}
	if held.unlisted {
		fmt.Fprint(s.stderr, s.lang.text("网上看不到目录里还有什么:只取了核验要用的文件。\n", "What else lies there cannot be seen from here: only the files that the check needs were fetched.\n"))
	}
	if s.json {
		balances, err := balancesJSON(answer)
		if err != nil {
			return err
		}
		v := p.verdictOf(held, kept)
		v.Collective, v.Digest, v.Balances, v.Version = book.ID(), hex.EncodeToString(digest[:]), balances, strconv.FormatUint(answer.Version, 10)
		return v.write(s.stdout)
	}
	return s.show(answer, balanceTable(answer.Balances, bookNames(book, s.lang)), s.moment("", answer.Version))
}

// balancesJSON is the field balances of an answer of GetBalances.
func balancesJSON(answer *apiv1.GetBalancesResponse) (json.RawMessage, error) {
	var text strings.Builder
	if err := writeJSON(&text, answer); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text.String()), &fields); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return fields["balances"], nil
}

// bookNames gives the public names of accounts by the charter in the books themselves.
func bookNames(book *projections.Book, l language) map[string]string {
	c := book.Collective(0, projections.Moment{})
	about := &apiv1.Collective{}
	for _, f := range c.Funds {
		about.Funds = append(about.Funds, &apiv1.Fund{Id: f.Id, Name: f.Name})
	}
	for _, m := range c.MoneyAccounts {
		about.MoneyAccounts = append(about.MoneyAccounts, &apiv1.MoneyAccount{Id: m.Id, Name: m.Name})
	}
	return accountNames(about, l)
}

// single checks one event and what was kept, with the files on their way to the root alone.
func (p *published) single(ctx context.Context, held *heldLog, log *transparency.PublishedLog, kept []pinned) error {
	s := p.session
	if p.version > held.head.Size || held.headOnly {
		return failed(exitVerified, "%s 里没有第 %d 笔:它有 %d 笔。", "%s has no event %d that could be checked: its head is of %d events.", held.name, p.version, held.head.Size)
	}
	var fetched transparency.Fetched
	eventType, data, err := log.Event(ctx, p.version, &fetched)
	if err != nil {
		return notRead(held, err)
	}
	for _, pin := range kept {
		var root transparency.Hash
		if pin.size <= held.head.Size {
			if root, err = log.EarlierRoot(ctx, pin.size, &fetched); err != nil {
				return notRead(held, err)
			}
		}
		if err := p.contains(held, pin, root, true); err != nil {
			return err
		}
	}
	event, err := ledger.Decode(eventstore.Event{Version: p.version, Type: eventType, Data: data})
	if err != nil {
		var damage *eventstore.CorruptError
		if errors.As(err, &damage) {
			return wrongEvent(p.version, "it cannot be read: "+damage.Reason)
		}
		return err
	}
	readable, err := readableEvent(event)
	if err != nil {
		return err
	}
	if s.json {
		return (&singleVerdict{*p.verdictOf(held, kept), p.version, eventType, readable, fetched.Hashes, fetched.Entries}).write(s.stdout)
	}
	_, err = fmt.Fprintf(s.stdout, s.lang.text("已证明:第 %d 笔(%s)在账簿 %s 的 %d 笔之中,根 %v。\n%s\n读了 %d 字节哈希、%d 字节各笔。\n",
		"Proved: event %d (%s) is in the log %s of %d events with the root %v.\n%s\nRead: %d bytes of hashes, %d bytes of events.\n"),
		p.version, eventType, held.head.Origin, held.head.Size, held.head.Root, readable, fetched.Hashes, fetched.Entries)
	return err
}

// singleVerdict is that of one event.
type singleVerdict struct {
	verdict
	EventVersion uint64          `json:"eventVersion"`
	Type         string          `json:"type"`
	Event        json.RawMessage `json:"event"`
	HashBytes    int64           `json:"hashBytes"`  // of tiles that were read
	EntryBytes   int64           `json:"entryBytes"` // of bundles
}

func (v *singleVerdict) write(w io.Writer) error {
	if v.Contains == nil {
		v.Contains = []contained{}
	}
	return writeIndented(w, v)
}
