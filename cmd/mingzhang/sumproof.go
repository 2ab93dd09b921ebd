package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// provenLine is a line of a disclosed round that was proved, as --json gives it.
type provenLine struct {
	Kind   string `json:"kind"` // dividend or grant
	Round  string `json:"round"`
	Payee  string `json:"payee"`
	Amount string `json:"amount"`
	Lines  uint32 `json:"lines"` // of the round
	Total  string `json:"total"` // of all of them
}

// provenText is an edition that was proved, as --json gives it.
type provenText struct {
	Number        uint32 `json:"number"`
	From          string `json:"from"`
	To            string `json:"to"`
	ContentSHA256 string `json:"contentSha256"`
	Pin           string `json:"pin"`      // what its figures are made from
	Compared      bool   `json:"compared"` // a text was given and is the one
}

// sumKinds are the kinds of rounds in proofs.
var sumKinds = map[string]eventv1.RoundKind{"dividend": eventv1.RoundKind_ROUND_KIND_DIVIDEND, "grant": eventv1.RoundKind_ROUND_KIND_GRANT}

// checkSum checks the proof of a line: its way up to the root in the event, and the event's inclusion in the log.
func (s *session) checkSum(o *proofFlags, text []byte, known transparency.Head, kept bool) (*proven, error) {
	p, err := transparency.ParseSumProof(text)
	switch {
	case err != nil:
		return nil, badProof(o.proof, err)
	case o.event != "" || o.edition != "":
		return nil, failed(exitUsage, "这是一行明细的证明,不用 --event 或 --edition。", "This proves a line of a round: it takes no --event and no --edition.")
	}
	if err := s.headOf(o, p.Inclusion, known, kept); err != nil {
		return nil, err
	}
	event, err := extraEvent(p.Inclusion)
	if err != nil {
		return nil, notProved("其中的记录不在这个根之下", err)
	}
	d := event.GetRoundDisclosed()
	if d == nil || d.Kind != sumKinds[p.Kind] || d.Id != p.Round || len(d.Root) != sha256.Size {
		return nil, failed(exitVerified, "证明不成立:其中的记录不是 %[1]s %[2]s 的公布。", "Not proved: its event does not disclose the %[1]s %[2]s.", p.Kind, p.Round)
	}
	root := transparency.SumNode{Hash: transparency.Hash(d.Root), Sum: d.TotalFen}
	scope := transparency.SumScope(p.Inclusion.Head.Origin, p.Kind, p.Round)
	if err := transparency.CheckSumLine(scope, p.Line, p.Path, root, uint64(d.Count)); err != nil {
		return nil, notProved("这一行不在合计之中", err)
	}
	answer := provenBy("line", o, p.Inclusion.Head, kept)
	answer.Version, answer.Type = event.Version, ledger.TypeName(event)
	answer.Line = &provenLine{Kind: p.Kind, Round: p.Round, Payee: p.Line.Payee, Amount: ledger.Fen(p.Line.Amount).String(), Lines: d.Count, Total: ledger.Fen(d.TotalFen).String()}
	return answer, nil
}

// headOf holds the head of a proof to what the caller knows: the key, what was kept, or both.
func (s *session) headOf(o *proofFlags, p transparency.Inclusion, known transparency.Head, kept bool) error {
	if o.logKey == "" && !kept {
		return failed(exitUsage, "请给出 --log-key、--pin 或 --checkpoint:否则谁都可以做出这样的文件。",
			"Give --log-key, --pin or --checkpoint: without any of them anybody could have made the file.")
	}
	return o.proves(p.Head, p.Note, known, kept)
}

// textOfEdition says what edition a proven event published, and compares the text that was given with its digest.
func (s *session) textOfEdition(o *proofFlags, origin string, e *eventv1.EditionPublished) (*provenText, error) {
	if e == nil {
		if o.edition != "" {
			return nil, failed(exitVerified, "证明不成立:所证明的记录没有公布公示文本。", "Not proved: the event that is proved publishes no edition.")
		}
		return nil, nil
	}
	pin := transparency.Head{Origin: origin, Size: e.Version}
	copy(pin.Root[:], e.Root)
	t := &provenText{Number: e.Number, From: ledger.Day(e.FirstDay).String(), To: ledger.Day(e.LastDay).String(),
		ContentSHA256: hex.EncodeToString(e.ContentSha256), Pin: transparency.FormatPin(pin)}
	if o.edition == "" {
		return t, nil
	}
	text, err := s.readBytes(o.edition)
	if err != nil {
		return nil, err
	}
	if digest := sha256.Sum256(text); !bytes.Equal(digest[:], e.ContentSha256) {
		return nil, failed(exitVerified, "证明不成立:%[2]s 的摘要是 %[3]x,第 %[1]d 期公示的是 %[4]x。",
			"Not proved: %[2]s has the digest %[3]x, edition %[1]d was published with %[4]x.", e.Number, o.edition, digest, e.ContentSha256)
	}
	t.Compared = true
	return t, nil
}

// printMore says what was proved of a line or an edition.
func (p *proven) printMore(say func(zh, en string, args ...any)) {
	if l := p.Line; l != nil {
		say("已证明:%[8]s的 %[2]s 元是%[9]s %[4]s 的 %[5]d 行明细之一,合计 %[6]s 元(第 %[7]d 笔公布)。",
			"Proved: the line of %[1]s, %[2]s, is one of %[5]d that make up %[6]s of the %[3]s %[4]s (disclosed by event %[7]d).",
			l.Payee, grouped(l.Amount), l.Kind, l.Round, l.Lines, grouped(l.Total), p.Version, payeeChinese(l.Payee), chineseEnums[sumKinds[l.Kind].String()])
	}
	if e := p.Edition; e != nil {
		say("第 %d 期公示:%s 至 %s,文本摘要 %s,印记 %s", "Edition %d of %s to %s, digest of its text %s, pin %s", e.Number, e.From, e.To, e.ContentSHA256, e.Pin)
		if e.Compared {
			say("所给的文本就是那一期的文本。", "The text that was given is the text of that edition.")
		}
	}
}

// payeeChinese is a payee of a proof in words: member/17 is 17 号成员.
func payeeChinese(payee string) string {
	for prefix, words := range map[string]string{"member/": " 号成员", "household/": " 号户"} {
		if number, ok := strings.CutPrefix(payee, prefix); ok {
			return number + words
		}
	}
	return payee + " "
}
