package transparency

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// Proofs as they travel: what is here needs no store and no secret.

const (
	proofBytesMax  = 64 << 10
	proofHashesMax = 63 // also the limit of C2SP tlog-witness
	inclusionLine  = "c2sp.org/tlog-proof@v1"
)

// Inclusion (包含证明) says that the log of Head has a certain leaf at Index. It proves nothing by itself: CheckInclusion compares it
// with the event and the head, and who has signed the head says OpenHead.
type Inclusion struct {
	Index  uint64      // of the leaf: the version of the event less one
	Hashes []tlog.Hash // from the leaf's sibling up; RFC 6962, section 2.1.1
	Head   Head        // what Note says
	Note   []byte      // signed head, verbatim
	Extra  []byte      // whatever somebody added; nothing vouches for it
}

// Consistency (一致性证明) says that the log of Head begins with what it was at OldSize. It proves nothing by itself:
// CheckConsistency compares it with both heads.
type Consistency struct {
	OldSize uint64
	Hashes  []tlog.Hash // RFC 6962, section 2.1.2
	Head    Head        // what Note says
	Note    []byte      // signed head, verbatim
}

var (
	// ErrProof says that a proof does not prove what it was asked about: the event, the heads or the proof are not what they
	// were, or belong to different logs or sizes.
	ErrProof = errors.New("proof does not fit")

	errProofForm = errors.New("proof is not written in its one form")
)

// CheckInclusion checks that the event of this version is in the log of a head. origin names the log: it is part of what is hashed,
// and must be the head's. The head itself is to be trusted for a reason of the caller's own: its signature, or a pin that was kept.
func CheckInclusion(origin, eventType string, data []byte, version uint64, head Head, proof []tlog.Hash) error {
	switch err := checkHead(head); {
	case err != nil:
		return err
	case origin != head.Origin:
		return fmt.Errorf("%w: the head is of the log %q, not %q", ErrProof, head.Origin, origin)
	case !typeOK(eventType):
		return fmt.Errorf("check a proof: %q is no type of an event", eventType)
	case len(data) == 0:
		return errors.New("check a proof: the event has no data")
	case version == 0 || version > head.Size:
		return fmt.Errorf("%w: version %d is not in a log of %d events", ErrProof, version, head.Size)
	case len(proof) > proofHashesMax:
		return fmt.Errorf("%w: it has %d hashes, more than %d", ErrProof, len(proof), proofHashesMax)
	}
	leaf := tlog.RecordHash(Entry(origin, eventType, data))
	if tlog.CheckRecord(proof, int64(head.Size), head.Root, int64(version-1), leaf) != nil {
		return fmt.Errorf("%w: event %d is not under the root of the head at %d", ErrProof, version, head.Size)
	}
	return nil
}

// CheckConsistency checks that the log of a head begins with all that it was at an older one. An old head without Origin is a pin:
// its size and root alone were kept. One of no events is refused, for every log begins with it.
func CheckConsistency(old, head Head, proof []tlog.Hash) error {
	if err := checkHead(head); err != nil {
		return err
	}
	switch {
	case old.Origin != "" && old.Origin != head.Origin:
		return fmt.Errorf("%w: the heads are of the logs %q and %q", ErrProof, old.Origin, head.Origin)
	case old.Size == 0 || old.Size > head.Size:
		return fmt.Errorf("%w: size %d is not in a log of %d events", ErrProof, old.Size, head.Size)
	case len(proof) > proofHashesMax:
		return fmt.Errorf("%w: it has %d hashes, more than %d", ErrProof, len(proof), proofHashesMax)
	}
	if tlog.CheckTree(proof, int64(head.Size), head.Root, int64(old.Size), old.Root) != nil {
		return fmt.Errorf("%w: the log at %d does not begin with the log at %d that is known", ErrProof, head.Size, old.Size)
	}
	return nil
}

func checkHead(h Head) error {
	if err := CheckOrigin(h.Origin); err != nil {
		return err
	}
	if h.Size == 0 || h.Size > headSizeMax {
		return fmt.Errorf("head has the size %d, not 1 to %d", h.Size, uint64(headSizeMax))
	}
	return nil
}

// FormatInclusion writes a proof as C2SP tlog-proof:
//
//	c2sp.org/tlog-proof@v1\n
//	extra <base64>\n        only if there is some
//	index <decimal>\n
//	<hash, base64>\n        each
//	\n
//	<signed head>
func FormatInclusion(p Inclusion) []byte {
	b := []byte(inclusionLine + "\n")
	if len(p.Extra) > 0 {
		b = append(b, "extra "+base64.StdEncoding.EncodeToString(p.Extra)+"\n"...)
	}
	b = fmt.Appendf(b, "index %d\n", p.Index)
	return append(appendHashes(b, p.Hashes), p.Note...)
}

// FormatConsistency writes a proof as the request add-checkpoint of C2SP tlog-witness:
//
//	old <decimal>\n
//	<hash, base64>\n   each
//	\n
//	<signed head>
func FormatConsistency(p Consistency) []byte {
	b := fmt.Appendf(nil, "old %d\n", p.OldSize)
	return append(appendHashes(b, p.Hashes), p.Note...)
}

func appendHashes(b []byte, hashes []tlog.Hash) []byte {
	for _, h := range hashes {
		b = append(b, h.String()+"\n"...)
	}
	return append(b, '\n')
}

// IsInclusion says whether a text begins as ParseInclusion demands.
func IsInclusion(text []byte) bool { return bytes.HasPrefix(text, []byte(inclusionLine+"\n")) }

// ParseInclusion reads what FormatInclusion writes, in exactly that form, of 64 KiB and 63 hashes at most. It checks neither the hashes
// nor the signature.
func ParseInclusion(text []byte) (Inclusion, error) {
	var p Inclusion
	lines, err := proofLines(text, &p.Head, &p.Note)
	if err != nil {
		return Inclusion{}, err
	}
	if lines[0] != inclusionLine || len(lines) < 2 {
		return Inclusion{}, errProofForm
	}
	lines = lines[1:]
	if extra, ok := strings.CutPrefix(lines[0], "extra "); ok {
		p.Extra, err = base64.StdEncoding.DecodeString(extra)
		if err != nil || len(lines) < 2 {
			return Inclusion{}, errProofForm
		}
		lines = lines[1:]
	}
	if p.Index, p.Hashes, err = parseProof("index ", lines); err != nil {
		return Inclusion{}, err
	}
	if p.Index >= p.Head.Size || !bytes.Equal(FormatInclusion(p), text) {
		return Inclusion{}, errProofForm
	}
	return p, nil
}

// ParseConsistency reads what FormatConsistency writes, with the same limits as ParseInclusion. It checks neither the hashes nor the
// signature.
func ParseConsistency(text []byte) (Consistency, error) {
	var p Consistency
	lines, err := proofLines(text, &p.Head, &p.Note)
	if err != nil {
		return Consistency{}, err
	}
	if p.OldSize, p.Hashes, err = parseProof("old ", lines); err != nil {
		return Consistency{}, err
	}
	if p.OldSize > p.Head.Size || !bytes.Equal(FormatConsistency(p), text) {
		return Consistency{}, errProofForm
	}
	return p, nil
}

// proofLines are the lines before the first empty one, one at the least; what stands behind it is the signed head.
func proofLines(text []byte, head *Head, signed *[]byte) ([]string, error) {
	if len(text) > proofBytesMax {
		return nil, fmt.Errorf("proof has %d bytes, more than %d", len(text), proofBytesMax)
	}
	first, rest, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return nil, errProofForm
	}
	var err error
	if *head, err = ReadHead(rest); err != nil {
		return nil, err
	}
	*signed = bytes.Clone(rest)
	return strings.Split(string(first), "\n"), nil
}

func parseProof(word string, lines []string) (uint64, []tlog.Hash, error) {
	digits, ok := strings.CutPrefix(lines[0], word)
	if !ok {
		return 0, nil, errProofForm
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, nil, errProofForm
	}
	lines = lines[1:]
	if len(lines) > proofHashesMax {
		return 0, nil, fmt.Errorf("proof has %d hashes, more than %d", len(lines), proofHashesMax)
	}
	var hashes []tlog.Hash
	for _, line := range lines {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return 0, nil, errProofForm
		}
		hashes = append(hashes, h)
	}
	return n, hashes, nil
}

// ReadHead is what a signed head says, in the form that ParseHead demands, without a look at who signed it: OpenHead does that.
func ReadHead(msg []byte) (Head, error) {
	n, err := signednote.Parse(msg)
	if err != nil {
		return Head{}, fmt.Errorf("read head: %w", err)
	}
	return parseBody(n.Text)
}
