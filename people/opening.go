package people

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// openingBytesMax bounds the text of an opening; a committing event has at most 32 KiB, in base64.
const openingBytesMax = 128 << 10

const openingLine = "mingzhang/opening@v1"

// Opening (开示) shows one field of a record to whoever has the record's root. With Event and Proof it shows too that a log has that
// root. Who has been given one can show it for ever: it cannot be called back.
type Opening struct {
	Origin string
	Record uuid.UUID
	Field  eventv1.PersonalField
	Value  string
	Salt   [SaltBytes]byte
	Path   [depth]Hash // from the leaf's sibling up
	Event  []byte      // stored bytes of the event that has the root; none when the root is known otherwise
	Proof  []byte      // C2SP tlog-proof of that event (package transparency); there when Event is
}

// Open opens a field of a record. ok is false when it has no value.
func Open(kept *eventv1.PersonalDataKept, origin string, f eventv1.PersonalField) (o Opening, ok bool) {
	if FieldName(f) == "" || !Given(kept, f) {
		return Opening{}, false
	}
	slot := kept.Slots[f-1]
	o = Opening{Origin: origin, Record: uuid.UUID(kept.Record), Field: f, Value: slot.Value, Salt: [SaltBytes]byte(slot.Salt)}
	levels := tree(kept)
	at := int(f - 1)
	for i := range o.Path {
		o.Path[i] = levels[depth-i][at^1]
		at /= 2
	}
	return o, true
}

// Root is the root that the opening leads to: it has to be the one that the log has for this record.
func (o Opening) Root() Hash {
	h := Commit(o.Salt, Scope(o.Origin, o.Record), FieldName(o.Field), o.Value)
	at := int(o.Field - 1)
	for _, sibling := range o.Path {
		if at%2 == 0 {
			h = node(h, sibling)
		} else {
			h = node(sibling, h)
		}
		at /= 2
	}
	return h
}

// Check holds the opening to a root.
func (o Opening) Check(root Hash) error {
	if o.Root() != root {
		return fmt.Errorf("record %v, field %s: %w", o.Record, FieldName(o.Field), ErrOpening)
	}
	return nil
}

// Format writes an opening:
//
//	mingzhang/opening@v1\n
//	origin <origin of the log>\n
//	record <uuid>\n
//	field <name of the slot>\n
//	value <the value>\n
//	salt <base64>\n
//	<hash, base64>\n        three, from the leaf's sibling up
//	event <base64>\n        only with a proof
//	\n                      only with a proof
//	<tlog-proof>            only with a proof
func (o Opening) Format() []byte {
	b := fmt.Appendf(nil, "%s\norigin %s\nrecord %v\nfield %s\nvalue %s\nsalt %s\n", openingLine, o.Origin, o.Record, FieldName(o.Field), o.Value,
		base64.StdEncoding.EncodeToString(o.Salt[:]))
	for _, h := range o.Path {
		b = append(b, base64.StdEncoding.EncodeToString(h[:])+"\n"...)
	}
	if o.Event != nil {
		b = append(b, "event "+base64.StdEncoding.EncodeToString(o.Event)+"\n\n"...)
		b = append(b, o.Proof...)
	}
	return b
}

// IsOpening says whether a text begins as ParseOpening demands.
func IsOpening(text []byte) bool { return bytes.HasPrefix(text, []byte(openingLine+"\n")) }

var errOpeningForm = errors.New("opening is not written in its one form")

// ParseOpening reads what Format writes, in exactly that form. It checks neither the value nor the proof.
func ParseOpening(text []byte) (o Opening, err error) {
	if len(text) > openingBytesMax || !utf8.Valid(text) {
		return Opening{}, errOpeningForm
	}
	head, proof, proven := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(strings.TrimSuffix(string(head), "\n"), "\n")
	count := 6 + depth
	if proven {
		count++
	}
	if len(lines) != count || lines[0] != openingLine {
		return Opening{}, errOpeningForm
	}
	p := openingParser{lines: lines[1:]}
	o.Origin = p.word("origin ")
	record := p.word("record ")
	field := p.word("field ")
	o.Value = p.word("value ")
	copy(o.Salt[:], p.bytes("salt ", SaltBytes))
	for i := range o.Path {
		copy(o.Path[i][:], p.bytes("", len(Hash{})))
	}
	if proven {
		o.Event, o.Proof = p.bytes("event ", -1), proof
	}
	var known bool
	if o.Record, err = uuid.Parse(record); err != nil || p.bad {
		return Opening{}, errOpeningForm
	}
	if o.Field, known = FieldOf(field); !known || o.Origin == "" || strings.ContainsFunc(o.Value, unicode.IsControl) || !bytes.Equal(o.Format(), text) {
		return Opening{}, errOpeningForm
	}
	return o, nil
}

// openingParser takes the lines of an opening one after another.
type openingParser struct {
	lines []string
	bad   bool
}

func (p *openingParser) word(name string) string {
	s, ok := strings.CutPrefix(p.lines[0], name)
	p.lines, p.bad = p.lines[1:], p.bad || !ok
	return s
}

func (p *openingParser) bytes(name string, n int) []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(p.word(name))
	if err != nil || n >= 0 && len(b) != n || len(b) == 0 {
		p.bad = true
		return nil
	}
	return b
}
