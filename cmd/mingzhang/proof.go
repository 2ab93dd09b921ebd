package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// proofFlags are those of mingzhang verify --proof, which needs no server and no data directory: what it takes for true is the proof's
// own arithmetic and what the caller has kept.
type proofFlags struct {
	proof       string   // file: the text of a proof, or the JSON answer of the API
	event       string   // file: a line of export jsonl, the whole export, or the stored bytes
	edition     string   // file: the text of an edition whose event it is
	eventType   string   // type of the event when its file is the stored bytes
	pins        []string // SIZE:ROOT
	checkpoints []string // files: a signed head, or the JSON answer of the API
	logKey      string   // public key of the log

	pin, checkpoint string // the one of these that a proof is held against
}

func (s *session) proofFlags(cmd *cobra.Command, o *proofFlags) {
	f, text := cmd.Flags(), s.lang.text
	f.StringVar(&o.proof, "proof", "", text("离线核对一份证明(prove-inclusion、prove-consistency、open-personal-field 的 JSON 答复或其中的 proof 文本)",
		"check a proof offline: the JSON answer of prove-inclusion, prove-consistency or open-personal-field, or its text"))
	f.StringVar(&o.event, "event", "", text("所证明的记录:export jsonl 的一行或整个文件;有 --type 时为记录的原始字节",
		"the event it is about: a line of export jsonl or the whole file; with --type its stored bytes"))
	f.StringVar(&o.edition, "edition", "", text("公示文本的文件,与所证明的公示对照", "file with the text of the edition that is proved, to be compared"))
	f.StringVar(&o.eventType, "type", "", text("原始字节的记录类型", "type of the event whose stored bytes are given"))
	f.StringArrayVar(&o.pins, "pin", nil, text("保存下来的笔数和根 笔数:根(根为十六进制或 base64);核验账簿时可以多次", "what was kept, SIZE:ROOT (root in hex or base64); of a log as often as you like"))
	f.StringArrayVar(&o.checkpoints, "checkpoint", nil, text("保存下来的签名根的文件;核验账簿时可以多次,也可以是存有它们的目录或以前公布的目录",
		"file with the signed head that was kept; of a log as often as you like, also a directory of them, or one that was published before"))
	f.StringVar(&o.logKey, "log-key", "", text("账簿的公钥或存有公钥的文件,须从别处得知(verifierKey)", "public key of the log, or a file with it, known from elsewhere (verifierKey)"))
}

// given says whether any of them was used.
func (o *proofFlags) given() bool {
	return o.proof+o.event+o.eventType+o.logKey != "" || len(o.pins)+len(o.checkpoints) > 0
}

func (o *proofFlags) check() error {
	switch {
	case o.proof == "":
		return failed(exitUsage, "请用 --proof 给出证明的文件。", "Give the file of the proof with --proof.")
	case len(o.pins)+len(o.checkpoints) > 1:
		return failed(exitUsage, "--pin 和 --checkpoint 只能用一个。", "Use either --pin or --checkpoint.")
	case o.eventType != "" && o.event == "":
		return failed(exitUsage, "--type 要与 --event 一起用。", "--type goes with --event.")
	}
	o.pin, o.checkpoint = strings.Join(o.pins, ""), strings.Join(o.checkpoints, "")
	return nil
}

// proven is what was proved, as --json gives it.
type proven struct {
	OK      bool            `json:"ok"`   // always true: what is not proved is an error
	Kind    string          `json:"kind"` // inclusion, consistency or opening
	Origin  string          `json:"origin"`
	Size    uint64          `json:"size"`
	Root    string          `json:"root"`              // hex
	Signed  bool            `json:"signed"`            // the head has a signature of --log-key
	Kept    bool            `json:"kept"`              // --pin or --checkpoint took part
	Version uint64          `json:"version,omitempty"` // of the event
	Type    string          `json:"type,omitempty"`
	Event   json.RawMessage `json:"event,omitempty"` // as it reads; absent when this program cannot read it
	OldSize uint64          `json:"oldSize,omitempty"`
	OldRoot string          `json:"oldRoot,omitempty"` // hex
	Line    *provenLine     `json:"line,omitempty"`
	Edition *provenText     `json:"edition,omitempty"`
	Record  string          `json:"record,omitempty"` // of personal data
	Field   string          `json:"field,omitempty"`
	Value   string          `json:"value,omitempty"`
}

func (s *session) verifyProof(o *proofFlags) error {
	if err := o.check(); err != nil {
		return err
	}
	key, err := publicKey(o.logKey)
	if err != nil {
		return err
	}
	o.logKey = key
	text, err := s.textOf(o.proof, "proof")
	if err != nil {
		return err
	}
	known, kept, err := s.kept(o)
	if err != nil {
		return err
	}
	var p *proven
	if people.IsOpening(text) {
		p, err = s.checkOpening(o, text, known, kept)
	} else if transparency.IsSumProof(text) {
		p, err = s.checkSum(o, text, known, kept)
	} else if transparency.IsInclusion(text) {
		p, err = s.checkInclusion(o, text, known, kept)
	} else {
		p, err = s.checkConsistency(o, text, known, kept)
	}
	if err != nil {
		return err
	}
	return p.print(s)
}

func (s *session) checkInclusion(o *proofFlags, text []byte, known transparency.Head, kept bool) (*proven, error) {
	p, err := transparency.ParseInclusion(text)
	switch {
	case err != nil:
		return nil, badProof(o.proof, err)
	case o.event == "" && len(p.Extra) == 0:
		return nil, failed(exitUsage, "这是一笔记录的证明:请用 --event 给出那笔记录。", "This proves an event: give it with --event.")
	}
	if err := s.headOf(o, p, known, kept); err != nil {
		return nil, err
	}
	e, err := s.provenEvent(o, p)
	if err != nil {
		return nil, err
	}
	if err := transparency.CheckInclusion(p.Head.Origin, e.Type, e.Data, e.Version, p.Head, p.Hashes); err != nil {
		return nil, notProved("这笔记录不在这个根之下", err)
	}
	answer := provenBy("inclusion", o, p.Head, kept)
	answer.Version, answer.Type = e.Version, e.Type
	event, err := ledger.Decode(e)
	if err == nil {
		answer.Event, _ = readableEvent(event)
	}
	answer.Edition, err = s.textOfEdition(o, p.Head.Origin, event.GetEditionPublished())
	return answer, err
}

// proves holds the head of a proof to what the caller relies on: its signature, and what was kept.
func (o *proofFlags) proves(h transparency.Head, note []byte, known transparency.Head, kept bool) error {
	if err := signedBy(o.logKey, note); err != nil {
		return err
	}
	if kept && (known.Size != h.Size || known.Root != h.Root || known.Origin != "" && known.Origin != h.Origin) {
		return failed(exitVerified, "证明不成立:它是对 %[1]d 笔、根 %[2]x 的,与保存下来的 %[3]d 笔、根 %[4]x 不同。",
			"Not proved: the proof is for %[1]d events with the root %[2]x, what was kept is %[3]d events with the root %[4]x.", h.Size, h.Root[:], known.Size, known.Root[:])
	}
	return nil
}

// checkOpening checks that a field of personal data is what the log is committed to: the field opens the root in the event, and the event is
// in the log.
func (s *session) checkOpening(o *proofFlags, text []byte, known transparency.Head, kept bool) (*proven, error) {
	opening, err := people.ParseOpening(text)
	switch {
	case err != nil || opening.Event == nil:
		return nil, badProof(o.proof, cmp.Or(err, errors.New("it names no event of a log")))
	case o.event != "":
		return nil, failed(exitUsage, "这份证明里已有它的记录,不用 --event。", "This proof has its event in it: it takes no --event.")
	}
	p, err := transparency.ParseInclusion(opening.Proof)
	if err != nil {
		return nil, badProof(o.proof, err)
	}
	if err := s.headOf(o, p, known, kept); err != nil {
		return nil, err
	}
	e := eventstore.Event{Version: p.Index + 1, Type: committedType, Data: opening.Event}
	if err := transparency.CheckInclusion(p.Head.Origin, e.Type, e.Data, e.Version, p.Head, p.Hashes); err != nil {
		return nil, notProved("登记这条个人信息的记录不在这个根之下", err)
	}
	event, err := ledger.Decode(e)
	committed := event.GetPersonalDataCommitted()
	if err != nil || committed == nil || opening.Origin != p.Head.Origin || string(committed.Record) != string(opening.Record[:]) || len(committed.Root) != len(people.Hash{}) {
		return nil, notProved("它是另一本账簿或另一条记录的", people.ErrOpening)
	}
	if err := opening.Check(people.Hash(committed.Root)); err != nil {
		return nil, notProved("这一项与账簿里登记的不符", err)
	}
	answer := provenBy("opening", o, p.Head, kept)
	answer.Version, answer.Type = e.Version, e.Type
	answer.Record, answer.Field, answer.Value = opening.Record.String(), people.FieldName(opening.Field), opening.Value
	return answer, nil
}

// committedType is the type of the events that commit to personal data.
const committedType = "personal_data_committed"

func (s *session) checkConsistency(o *proofFlags, text []byte, old transparency.Head, kept bool) (*proven, error) {
	p, err := transparency.ParseConsistency(text)
	switch {
	case err != nil:
		return nil, badProof(o.proof, err)
	case o.event != "" || o.edition != "":
		return nil, failed(exitUsage, "这份证明是关于两个时点的账簿的,不用 --event 或 --edition。", "This proof is about a log at two times: it takes no --event and no --edition.")
	case !kept:
		return nil, failed(exitUsage, "请用 --pin 或 --checkpoint 给出从前的笔数和根。", "Give what was kept with --pin or --checkpoint.")
	}
	if err := signedBy(o.logKey, p.Note); err != nil {
		return nil, err
	}
	if p.OldSize != old.Size {
		return nil, failed(exitVerified, "证明不成立:它是从 %d 笔起的,保存下来的是 %d 笔。", "Not proved: the proof is from %d events on, what was kept is %d events.", p.OldSize, old.Size)
	}
	if err := transparency.CheckConsistency(old, p.Head, p.Hashes); err != nil {
		return nil, notProved("新的账簿不以保存下来的那些记录开头", err)
	}
	answer := provenBy("consistency", o, p.Head, kept)
	answer.OldSize, answer.OldRoot = old.Size, hex.EncodeToString(old.Root[:])
	return answer, nil
}

func provenBy(kind string, o *proofFlags, h transparency.Head, kept bool) *proven {
	return &proven{OK: true, Kind: kind, Origin: h.Origin, Size: h.Size, Root: hex.EncodeToString(h.Root[:]), Signed: o.logKey != "", Kept: kept}
}

func badProof(name string, err error) error {
	return failed(exitVerified, "文件 %s 不是一份完好的证明(%v)。", "The file %s is not a proof as it was made (%v).", name, err)
}

func notProved(zh string, err error) error {
	return &failure{code: exitVerified, zh: "证明不成立:" + zh + "。", en: "Not proved: " + err.Error() + ".", cause: err}
}

// signedBy checks the signature of a head, if there is a key to check it with.
func signedBy(key string, note []byte) error {
	if key == "" {
		return nil
	}
	if _, err := transparency.OpenHead(note, key); err != nil {
		return notProved("签名不是这把公钥的", err)
	}
	return nil
}

// textOf is the content of a file: the text itself, or a field of the JSON answer of the API. A head may also be the last line of an
// export.
func (s *session) textOf(name, field string) ([]byte, error) {
	text, err := s.readAll(name)
	if err != nil || !bytes.HasPrefix(text, []byte("{")) {
		return text, err
	}
	var answer map[string]json.RawMessage
	var inner string
	err = json.Unmarshal(text, &answer)
	if head, ok := answer["head"]; ok && err == nil {
		answer = nil
		err = json.Unmarshal(head, &answer)
	}
	if err == nil {
		err = json.Unmarshal(answer[field], &inner)
	}
	if err != nil || inner == "" {
		return nil, failed(exitVerified, "文件 %s 里没有 %s。", "The file %s has no %s.", name, field)
	}
	return []byte(inner), nil
}

// kept is the head that the caller has kept, without an origin when it is a pin.
func (s *session) kept(o *proofFlags) (h transparency.Head, ok bool, err error) {
	if o.checkpoint != "" {
		msg, err := s.textOf(o.checkpoint, "note")
		if err != nil {
			return h, false, err
		}
		if h, err = transparency.ReadHead(msg); err != nil {
			return h, false, failed(exitVerified, "文件 %s 不是一个签名根(%v)。", "The file %s is no signed head (%v).", o.checkpoint, err)
		}
		return h, true, signedBy(o.logKey, msg)
	}
	if o.pin == "" {
		return h, false, nil
	}
	if h, err = transparency.ParsePin(o.pin); err != nil {
		return h, false, failed(exitUsage, "--pin 应为 笔数:根,根为 64 位十六进制、44 位 base64 或 43 位 base64url,前面可以有 账簿名#。",
			"--pin is SIZE:ROOT, the root in 64 hex digits, 44 of base64 or 43 of base64url, perhaps behind the name of its log and #.")
	}
	return h, true, nil
}

// provenEvent is the event of the proof's version: what the proof itself holds, the stored bytes, or from a line of export jsonl. Nothing else of the line counts.
func (s *session) provenEvent(o *proofFlags, p transparency.Inclusion) (eventstore.Event, error) {
	version := p.Index + 1
	if o.event == "" {
		eventType, data, err := transparency.ProvenEvent(p)
		if err != nil {
			return eventstore.Event{}, notProved("其中的记录不在这个根之下", err)
		}
		return eventstore.Event{Version: version, Type: eventType, Data: data}, nil
	}
	if o.eventType != "" {
		data, err := s.readBytes(o.event)
		return eventstore.Event{Version: version, Type: o.eventType, Data: data}, err
	}
	file, err := s.openInput(o.event)
	if err != nil {
		return eventstore.Event{}, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, logLineMax)
	for lines.Scan() {
		var line logEvent
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Version != version {
			continue
		}
		data, err := base64.StdEncoding.Strict().DecodeString(line.Data)
		if err != nil {
			break
		}
		return eventstore.Event{Version: version, Type: line.Type, Data: data}, nil
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return eventstore.Event{}, cannotOpen(o.event, err)
	}
	return eventstore.Event{}, failed(exitVerified, "证明不成立:证明的是第 %[2]d 笔,文件 %[1]s 里没有它的一行。",
		"Not proved: the proof is of event %[2]d, and the file %[1]s has no line of it.", o.event, version)
}

func (s *session) openInput(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(s.stdin), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, cannotOpen(name, err)
	}
	return file, nil
}

// readBytes is the content of a file as it is, which readAll does not promise.
func (s *session) readBytes(name string) ([]byte, error) {
	file, err := s.openInput(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, lineBytesMax))
	if err != nil {
		return nil, cannotOpen(name, err)
	}
	return data, nil
}

// print says what was proved, and what was not.
func (p *proven) print(s *session) error {
	if s.json {
		out := json.NewEncoder(s.stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(p); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		return nil
	}
	text := s.lang.text
	say := func(zh, en string, args ...any) { fmt.Fprintf(s.stdout, text(zh, en)+"\n", args...) }
	switch p.Kind {
	case "line":
	case "opening":
		say("已证明:账簿 %[1]s 的第 %[2]d 笔登记了记录 %[3]s,其中%[6]s是:%[5]s", "Proved: event %[2]d of the log %[1]s is committed to the record %[3]s, and its %[4]s is: %[5]s",
			p.Origin, p.Version, p.Record, p.Field, p.Value, fieldChinese(p.Field))
	case "inclusion":
		say("已证明:第 %[1]d 笔(%[2]s)在账簿 %[3]s 的前 %[4]d 笔之中,根 %[5]s。", "Proved: event %d (%s) is in the log %s of %d events with the root %s.",
			p.Version, p.Type, p.Origin, p.Size, p.Root)
		if p.Event != nil {
			say("%s", "%s", p.Event)
		}
	default:
		say("已证明:账簿 %s 的 %d 笔(根 %s)以从前的 %d 笔(根 %s)开头:那些记录没有改动、删去或移位。",
			"Proved: the log %s of %d events with the root %s begins with the %d events of the root %s that was kept: none of them was changed, removed or moved.",
			p.Origin, p.Size, p.Root, p.OldSize, p.OldRoot)
	}
	p.printMore(say)
	switch {
	case p.Signed:
		say("已核对:这个根由所给的公钥签名。", "Checked: the root is signed with the key that was given.")
	case p.Kind != "consistency":
		say("没有核对签名(未给 --log-key):这个根就是保存下来的根。", "Not checked: the signature (no --log-key). The root is the one that was kept.")
	default:
		say("没有核对签名(未给 --log-key):请与今天公布的根对照。", "Not checked: the signature (no --log-key). Compare the root with the one that is published today.")
	}
	say("没有证明:所记的事属实;这是最新的账簿;别人看到的是同一本账簿。",
		"Not proved: that what is recorded is true; that this is the newest state of the log; that others are shown the same log.")
	return nil
}

// fieldChinese is the word for a field of personal data, as openings name it.
func fieldChinese(name string) string {
	if word := chineseEnums["PERSONAL_FIELD_"+strings.ToUpper(name)]; word != "" {
		return word
	}
	return " " + name + " "
}
