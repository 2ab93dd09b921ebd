// Package access says who may sign in and who may read.
//
// Operators and their keys are events of one stream, "access", folded into memory: operator_created, key_issued, key_revoked,
// in the same Event message and with the same header as the events of a collective. Which role an operator holds in which
// collective is not kept here: roles are events of the collective, so that whoever verifies its log can check them.
//
// A key is a random 256-bit secret; the store keeps its SHA-256 alone, so a stolen store opens nothing. A secret that long
// needs no slow hash. A key may expire and may be revoked; an operator may hold several, so that one can be replaced without
// a gap.
//
// Commands are idempotent by their id, like every command of the ledger: the same id with the same content gives the first
// answer again (without the secret, which nobody has any more), with other content command_id_reused.
//
// Matrix is the table of who may call what beside the commands on books, whose table is ledger.Matrix.
package access

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Operator (操作员) is somebody who can sign in.
type Operator struct {
	ID          string   // slug of 2 to 40 characters, for ever
	DisplayName string   // a post or an invented name
	Admin       bool     // may manage operators and found collectives
	KeyIDs      []string // public parts of the live keys, in order of issue; only in Operators
}

// Meta is what every command carries beside its content.
type Meta struct {
	ID    uuid.UUID // made by the client, not zero; scope is the stream "access"
	Actor string    // operator who gives the command
}

// CreateOperator adds somebody who can sign in.
type CreateOperator struct {
	Operator    string // slug
	DisplayName string // 1 to 60 characters
	Admin       bool
	IssueKey    bool // make a first key
}

// IssueKey gives an operator a key.
type IssueKey struct {
	Operator string
	Expires  time.Time // zero: never
}

// RevokeKey ends a key.
type RevokeKey struct {
	KeyID string // public part
}

// Reasons only this package gives; every other refusal has one of ledger.Reasons.
const (
	OperatorUnknown ledger.Reason = "operator_unknown"
	KeyUnknown      ledger.Reason = "key_unknown"
)

// Reasons describes them.
var Reasons = map[ledger.Reason]ledger.ReasonInfo{
	OperatorUnknown: {Category: ledger.Missing, Chinese: "没有操作员 {operator}。", English: "There is no operator {operator}."},
	KeyUnknown:      {Category: ledger.Missing, Chinese: "没有密钥 {key}。", English: "There is no key {key}."},
}

// refuse makes a refusal of a reason, at a field (or none), with figures as name, value, name, value …
func refuse(reason ledger.Reason, field string, figures ...string) *ledger.Refusal {
	r := &ledger.Refusal{Reason: reason, Field: field}
	for i := 0; i+1 < len(figures); i += 2 {
		r.Figures = append(r.Figures, ledger.Figure{Name: figures[i], Value: figures[i+1]})
	}
	return r
}

// displayNameMax is the longest display name, in characters.
const displayNameMax = 60

func (c CreateOperator) check() error {
	if !ledger.ValidSlug(c.Operator) {
		return refuse(ledger.IDInvalid, "operator", "id", c.Operator)
	}
	switch n := utf8.RuneCountInString(c.DisplayName); {
	case n == 0 || n > displayNameMax:
		return refuse(ledger.TextInvalid, "display_name", "problem", "it needs 1 to 60 characters", "problem_zh", "应为 1 至 60 个字")
	case !utf8.ValidString(c.DisplayName) || hasControl(c.DisplayName):
		return refuse(ledger.TextInvalid, "display_name", "problem", "it has control or direction characters", "problem_zh", "含有控制字符或方向字符")
	}
	return nil
}

// hasControl finds characters that draw nothing or steer the direction of text.
func hasControl(s string) bool {
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			return true
		}
	}
	return false
}
