package transparency

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

const sumProofLine = "mingzhang/sumproof@v1"

// SumProof is the proof of one line of a disclosed round as it travels. It proves nothing by itself: CheckSumLine compares it with the
// root and the total in the event that disclosed the round, which Inclusion holds and proves.
type SumProof struct {
	Kind, Round string // dividend or grant; its id
	Line        SumLine
	Path        SumPath
	Inclusion   Inclusion // of the event, which is its extra data
}

// FormatSumProof writes a proof:
//
//	mingzhang/sumproof@v1\n
//	round <kind> <id>\n
//	payee <member/number or household/number>\n
//	amount <fen, decimal>\n
//	salt <base64>\n
//	index <decimal>\n
//	<hash, base64> <sum in fen, decimal>\n   each node beside the way up
//	\n
//	<tlog-proof of the event>
func FormatSumProof(p SumProof) []byte {
	b := fmt.Appendf(nil, "%s\nround %s %s\npayee %s\namount %d\nsalt %s\nindex %d\n", sumProofLine, p.Kind, p.Round, p.Line.Payee, p.Line.Amount,
		base64.StdEncoding.EncodeToString(p.Path.Salt[:]), p.Path.Index)
	for _, n := range p.Path.Beside {
		b = fmt.Appendf(b, "%s %d\n", n.Hash, n.Sum)
	}
	return append(append(b, '\n'), FormatInclusion(p.Inclusion)...)
}

// IsSumProof says whether a text begins as ParseSumProof demands.
func IsSumProof(text []byte) bool { return bytes.HasPrefix(text, []byte(sumProofLine+"\n")) }

// ParseSumProof reads what FormatSumProof writes, in exactly that form, of 64 KiB and 32 nodes at most. It checks no hash and no signature.
func ParseSumProof(text []byte) (SumProof, error) {
	var p SumProof
	if len(text) > proofBytesMax {
		return p, fmt.Errorf("proof has %d bytes, more than %d", len(text), proofBytesMax)
	}
	first, rest, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return p, errProofForm
	}
	lines := strings.Split(string(first), "\n")
	if len(lines) < 6 || len(lines) > 6+sumPathMax || lines[0] != sumProofLine {
		return p, errProofForm
	}
	fields := make([]string, 5)
	for i, word := range []string{"round ", "payee ", "amount ", "salt ", "index "} {
		if fields[i], ok = strings.CutPrefix(lines[i+1], word); !ok {
			return p, errProofForm
		}
	}
	p.Kind, p.Round, _ = strings.Cut(fields[0], " ")
	p.Line.Payee = fields[1]
	salt, err := base64.StdEncoding.DecodeString(fields[3])
	if err != nil || len(salt) != sha256.Size || !plainWords(p.Kind, p.Round, p.Line.Payee) {
		return SumProof{}, errProofForm
	}
	p.Path.Salt = [sha256.Size]byte(salt)
	if p.Line.Amount, err = strconv.ParseInt(fields[2], 10, 64); err == nil {
		p.Path.Index, err = strconv.ParseUint(fields[4], 10, 64)
	}
	if err != nil {
		return SumProof{}, errProofForm
	}
	for _, line := range lines[6:] {
		n, err := parseSumNode(line)
		if err != nil {
			return SumProof{}, err
		}
		p.Path.Beside = append(p.Path.Beside, n)
	}
	if p.Inclusion, err = ParseInclusion(rest); err != nil {
		return SumProof{}, err
	}
	if !bytes.Equal(FormatSumProof(p), text) {
		return SumProof{}, errProofForm
	}
	return p, nil
}

func parseSumNode(line string) (SumNode, error) {
	hash, sum, _ := strings.Cut(line, " ")
	var n SumNode
	b, err := base64.StdEncoding.DecodeString(hash)
	if err != nil || len(b) != len(n.Hash) {
		return SumNode{}, errProofForm
	}
	n.Hash = [sha256.Size]byte(b)
	if n.Sum, err = strconv.ParseInt(sum, 10, 64); err != nil {
		return SumNode{}, errProofForm
	}
	return n, nil
}

// plainWords says whether each is a word of printable ASCII.
func plainWords(words ...string) bool {
	for _, w := range words {
		if w == "" || len(w) > 64 || strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return false
		}
	}
	return true
}

// ProvenEvent gives the event of a proof that has it as its extra data: the entry of its leaf, verbatim. Its hash was found to be under the root
// of the head; what the head is worth is the reader's own to know.
func ProvenEvent(p Inclusion) (eventType string, data []byte, err error) {
	if len(p.Extra) == 0 {
		return "", nil, fmt.Errorf("%w: it does not hold the event", ErrProof)
	}
	if eventType, data, err = ParseEntry(p.Head.Origin, p.Extra); err != nil {
		return "", nil, fmt.Errorf("%w: its extra data is no event of the log: %w", ErrProof, err)
	}
	return eventType, data, CheckInclusion(p.Head.Origin, eventType, data, p.Index+1, p.Head, p.Hashes)
}
