// Package access says who may sign in and who may read.
//
// Operators, their keys, passwords, passkeys and sessions are events of one stream, "access", folded into memory, in the same
// Event message and with the same header as the events of a collective. Which role an operator holds in which collective is not
// kept here: roles are events of the collective, so that whoever verifies its log can check them.
//
// A key is a random 256-bit secret; the store keeps its SHA-256 alone, so a stolen store opens nothing. A secret that long
// needs no slow hash. A key may expire and may be revoked; an operator may hold several, so that one can be replaced without
// a gap.
//
// Machines hold keys; people sign in at a Door, by password, passkey or an identity of another service, and get a session
// (session.go): a key that lives for hours. What is grave asks for a session that was confirmed a moment ago (stepup.go).
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
	Suspended   bool     // every key and session is stopped
	KeyIDs      []string // public parts of the live keys, in order of issue; only in Operators, and so is the rest

	HasPassword  bool
	Passkeys     int
	Identities   int       // linked, of other services
	Sessions     int       // live
	InvitedUntil time.Time // end of the invitation that is open; zero: none is
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
	OperatorUnknown   ledger.Reason = "operator_unknown"
	KeyUnknown        ledger.Reason = "key_unknown"
	OperatorSuspended ledger.Reason = "operator_suspended"
	LastAdmin         ledger.Reason = "last_admin"
	SignInFailed      ledger.Reason = "sign_in_failed"
	TooOften          ledger.Reason = "sign_in_too_often" // an answer of its own kind: rpc describes it
	PasswordWrong     ledger.Reason = "password_wrong"
	PasswordWeak      ledger.Reason = "password_weak"
	InvitationInvalid ledger.Reason = "invitation_invalid"
	SessionNeeded     ledger.Reason = "session_needed"
	SessionUnknown    ledger.Reason = "session_unknown"
	ConfirmNeeded     ledger.Reason = "confirm_needed"
	CeremonyOver      ledger.Reason = "ceremony_over"
	PasskeyRefused    ledger.Reason = "passkey_refused"
	PasskeyUnknown    ledger.Reason = "passkey_unknown"
	WayNotSetUp       ledger.Reason = "way_not_set_up"
	LastWay           ledger.Reason = "last_way"
	IdentityTaken     ledger.Reason = "identity_taken"
	IdentityUnknown   ledger.Reason = "identity_unknown"
	IdentityFailed    ledger.Reason = "identity_failed"
)

// Reasons describes them.
var Reasons = map[ledger.Reason]ledger.ReasonInfo{
	OperatorSuspended: {Category: ledger.Denied, Chinese: "操作员 {operator} 已停用。", English: "The operator {operator} is suspended."},
	LastAdmin:         {Category: ledger.Precondition, Chinese: "{operator} 是最后一位管理员,不能停用;请先增加一位。", English: "{operator} is the last administrator and cannot be suspended: add another first."},
	SignInFailed:      {Category: ledger.Denied, Chinese: "登录不成功:编号或密码不对,或不能用这种方式登录。", English: "Signing in failed: the id or the password is wrong, or this way is not open to you."},
	PasswordWrong:     {Category: ledger.Denied, Chinese: "密码不对。", English: "The password is wrong."},
	PasswordWeak:      {Category: ledger.Invalid, Chinese: "这个密码不能用:{problem}。", English: "This password cannot be used: {problem}."},
	InvitationInvalid: {Category: ledger.Missing, Chinese: "邀请无效、已用过或已过期;请向管理员要一个新的。", English: "The invitation is not valid, was used or is over: ask an administrator for a new one."},
	SessionNeeded:     {Category: ledger.Precondition, Chinese: "这一步要先登录(密码或通行密钥),只有密钥不行。", English: "This needs a session: sign in by password or passkey; a bearer key is not enough."},
	SessionUnknown:    {Category: ledger.Missing, Chinese: "没有这样的登录,或它已结束。", English: "There is no such session, or it is over."},
	ConfirmNeeded:     {Category: ledger.Precondition, Chinese: "这一步很重要:请再次输入密码或使用通行密钥,5 分钟内有效。", English: "This is grave: show again who you are, by password or passkey; that is good for five minutes."},
	CeremonyOver:      {Category: ledger.Precondition, Chinese: "等得太久或已用过,请重新开始。", English: "It took too long or was used before: begin again."},
	PasskeyRefused:    {Category: ledger.Denied, Chinese: "没有接受这个通行密钥。", English: "The passkey was not accepted."},
	PasskeyUnknown:    {Category: ledger.Missing, Chinese: "您没有这个通行密钥。", English: "You have no such passkey."},
	WayNotSetUp:       {Category: ledger.Precondition, Chinese: "服务器没有设置这种登录方式。", English: "This way of signing in is not set up on this server."},
	LastWay:           {Category: ledger.Precondition, Chinese: "这是您最后的登录方式,去掉就进不来了;请先添加另一种。", English: "This is your last way to sign in: add another first."},
	IdentityTaken:     {Category: ledger.Duplicate, Chinese: "这个身份已经连接到一位操作员。", English: "This identity is linked to an operator already."},
	IdentityUnknown:   {Category: ledger.Missing, Chinese: "您没有连接这个身份。", English: "This identity is not linked to you."},
	IdentityFailed:    {Category: ledger.Denied, Chinese: "统一身份认证没有成功,请重试。", English: "The identity service did not confirm who you are: try again."},

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
	return checkName("display_name", c.DisplayName)
}

// checkName holds what screens show for somebody or something against the rules for it.
func checkName(field, name string) error {
	switch n := utf8.RuneCountInString(name); {
	case n == 0 || n > displayNameMax:
		return refuse(ledger.TextInvalid, field, "problem", "it needs 1 to 60 characters", "problem_zh", "应为 1 至 60 个字")
	case !utf8.ValidString(name) || hasControl(name):
		return refuse(ledger.TextInvalid, field, "problem", "it has control or direction characters", "problem_zh", "含有控制字符或方向字符")
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
