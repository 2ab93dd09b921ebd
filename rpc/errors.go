package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// Everything a caller is ever told about an error is a Refusal: a stable reason, its figures, one sentence in Chinese and
// one in English. It stands in the error's details; the error's message is both sentences. What went wrong inside goes to
// the log and to nobody else.

// codes turns what the caller can do about it into the code of the protocol.
var codes = map[ledger.Category]connect.Code{
	ledger.Invalid:      connect.CodeInvalidArgument,
	ledger.Missing:      connect.CodeNotFound,
	ledger.Duplicate:    connect.CodeAlreadyExists,
	ledger.Precondition: connect.CodeFailedPrecondition,
	ledger.Denied:       connect.CodePermissionDenied,
	ledger.Stale:        connect.CodeAborted,
}

// The reasons the services themselves give, beside ledger.Reasons, access.Reasons and witness.Reasons.
const (
	keyNeeded        ledger.Reason = "unauthenticated"
	keyNotGiven      ledger.Reason = "key_not_given"
	methodUnknown    ledger.Reason = "method_unknown"
	requestMalformed ledger.Reason = "request_malformed"
	requestTooLarge  ledger.Reason = "request_too_large"
	fieldUnknown     ledger.Reason = "field_unknown"
	pageTokenInvalid ledger.Reason = "page_token_invalid"
	pointInvalid     ledger.Reason = "as_known_at_invalid"
	logDamaged       ledger.Reason = "log_damaged"
	storeUnavailable ledger.Reason = "store_unavailable"
	storeFull        ledger.Reason = "store_full"
	internalFault    ledger.Reason = "internal"
	callCancelled    ledger.Reason = "canceled"
	deadlinePassed   ledger.Reason = "deadline_exceeded"
	documentTooLarge ledger.Reason = "document_too_large"
	documentEmpty    ledger.Reason = "document_empty"
	documentKind     ledger.Reason = "document_kind"
	documentCut      ledger.Reason = "document_incomplete"
	documentMissing  ledger.Reason = "document_unknown"
	documentDamaged  ledger.Reason = "document_damaged"
	watchesFull      ledger.Reason = "watches_full"
	watchesMany      ledger.Reason = "watches_too_many"
	signerAway       ledger.Reason = "signer_away"
	keyNotSigning    ledger.Reason = "log_key_not_signing"
	editionChanged   ledger.Reason = "edition_not_reproduced"
	editionTooLong   ledger.Reason = "edition_too_long"
	roundUndisclosed ledger.Reason = "round_not_disclosed"
	lineUnknown      ledger.Reason = "line_unknown"
	seedMissing      ledger.Reason = "seed_missing"
)

type sentence struct {
	code             connect.Code
	chinese, english string
}

var sentences = map[ledger.Reason]sentence{
	keyNeeded:        {connect.CodeUnauthenticated, "请先登录:需要一个有效的密钥。", "Sign in first: a valid key is needed."},
	keyNotGiven:      {connect.CodePermissionDenied, "没有随请求给出操作员 {operator} 的密钥。", "The key of the operator {operator} was not sent along."},
	methodUnknown:    {connect.CodeUnimplemented, "没有名为 {method} 的方法;相近的有:{near}。", "There is no method {method}; similar ones are: {near}."},
	requestMalformed: {connect.CodeInvalidArgument, "请求的写法不对:{problem}。", "The request is not well formed: {problem}."},
	requestTooLarge:  {connect.CodeResourceExhausted, "请求超过 {max} 字节的上限。", "The request is above the limit of {max} bytes."},
	fieldUnknown:     {connect.CodeInvalidArgument, "请求里没有名为 {field} 的字段。", "The request has no field {field}."},
	pageTokenInvalid: {connect.CodeInvalidArgument, "翻页标记与本次查询不符,请从第一页开始。", "The page token does not belong to this query: start at the first page."},
	pointInvalid:     {connect.CodeInvalidArgument, "“{point}”既不是第几笔、日期,也不是带时区的时间。", "\"{point}\" is neither a version, a date nor a time with its zone."},
	logDamaged:       {connect.CodeDataLoss, "账簿 {stream} 从第 {version} 笔起已损坏,已停止使用,请通知管理员。", "The log {stream} is damaged from version {version} on and is stopped: tell the administrator."},
	storeUnavailable: {connect.CodeUnavailable, "暂时无法读写账簿,请稍后用同一命令编号重试。", "The books cannot be reached now: try again later with the same command id."},
	storeFull:        {connect.CodeUnavailable, "存储空间已满,暂时只能查看;请通知管理员。", "There is no room left: the books can only be read for now. Tell the administrator."},
	internalFault:    {connect.CodeInternal, "服务器内部出错,已记录。", "The server made a mistake; it is in the log."},
	callCancelled:    {connect.CodeCanceled, "请求已取消。", "The call was cancelled."},
	documentTooLarge: {connect.CodeResourceExhausted, "文件太大,超过服务器的上限。", "The document is larger than this server keeps."},
	documentEmpty:    {connect.CodeInvalidArgument, "文件是空的。", "The document is empty."},
	documentKind:     {connect.CodeInvalidArgument, "这种文件不能保存,只保存:{kinds}(按内容识别)。", "Documents of this kind are not kept, only: {kinds} (known by their content)."},
	documentCut:      {connect.CodeInvalidArgument, "收到的内容与申报的大小或 SHA-256 不符:传输中断或文件已变。", "What came is not of the size or SHA-256 that was announced: it was cut short or has changed."},
	documentMissing:  {connect.CodeNotFound, "没有保存文件 {document}。", "There is no document {document}."},
	documentDamaged:  {connect.CodeDataLoss, "文件 {document} 已损坏,请重新上传原件或从备份恢复。", "The document {document} is damaged: upload it again or restore a backup."},
	watchesFull:      {connect.CodeResourceExhausted, "服务器上的跟踪已满 {max} 个,请稍后再连。", "The server has all {max} watches in use: try again later."},
	watchesMany:      {connect.CodeResourceExhausted, "同一操作员或地址最多同时跟踪 {max} 个,请先结束一些。", "One operator or address has at most {max} watches at once: end some first."},
	signerAway:       {connect.CodeUnavailable, "签名的进程暂时连不上,已写入的都在;请稍后重试。", "The signer cannot be reached now; what was stored is stored. Try again later."},
	keyNotSigning:    {connect.CodeFailedPrecondition, "这一代公钥没有和更早的一起签名,没有可以停用的。", "The key of this generation does not sign beside an earlier one: there is none to end."},
	editionChanged:   {connect.CodeDataLoss, "第 {edition} 期公示无法重现:按账簿重做的文本与公示时的摘要不符,请通知管理员并保留公示的文本。", "The edition {edition} cannot be reproduced: the text made of the log does not have the digest that was published. Tell the administrator, and keep the text that was published."},
	editionTooLong:   {connect.CodeFailedPrecondition, "{from} 至 {to} 的公示文本超过 {max} 字节,请分成几期。", "The text of {from} to {to} has more than {max} bytes: publish it in several editions."},
	roundUndisclosed: {connect.CodeFailedPrecondition, "{round} 的明细还没有公布合计树。", "The lines of {round} are not disclosed under a sum tree yet."},
	lineUnknown:      {connect.CodeNotFound, "{payee} 号在 {round} 里没有明细。", "Payee {payee} has no line in {round}."},
	seedMissing:      {connect.CodeFailedPrecondition, "{round} 的随机种子已删除或不保存在这里,不能出具证明;已出具的仍然有效。", "The seed of {round} is erased, or not kept here, and no line can be proved. Proofs that were given stay good."},
	textNamesPerson:  {connect.CodeInvalidArgument, "这段文字里有在册人员的姓名,不能写进账簿;请写成员号或去掉姓名。", "This text has the name of a person on record, which may not enter the books: write the member's number, or leave the name out."},
	personalNotKept:  {connect.CodeUnimplemented, "这台服务器不保管个人信息。", "This server keeps no personal data."},
	personalEmpty:    {connect.CodeInvalidArgument, "没有要登记的个人信息;至少填写一项。", "There is no personal data in it: give one value at the least."},
	personalErased:   {connect.CodeFailedPrecondition, "记录 {record} 的 {field} 已依法注销(第 {erasure} 号处置)。", "The field {field} of the record {record} was erased by law (erasure {erasure})."},
	personalLimited:  {connect.CodePermissionDenied, "记录 {record} 的 {field} 已限制(第 {erasure} 号处置),只有审计人员能看。", "The field {field} of the record {record} is restricted (erasure {erasure}): auditors alone may see it."},
	personalNotGiven: {connect.CodeFailedPrecondition, "记录 {record} 没有登记 {field}。", "The record {record} was given no {field}."},
	personalLost:     {connect.CodeDataLoss, "记录 {record} 的个人信息不见了,账簿里没有删除它的记载:这是证据缺失,请通知监督委员会。", "The personal data of the record {record} is not there, and no erasure in the books says why: evidence was lost. Tell the supervisory committee."},
	access.TooOften:  {connect.CodeResourceExhausted, "不成功的尝试太多,请 {seconds} 秒后再试。", "Too many attempts failed: try again in {seconds} seconds."},
	tooOften:         {connect.CodeResourceExhausted, "从这个地址提得太频繁了,请过 {minutes} 分钟再提;已提的都在。", "Too many inquiries came from this address: ask again in {minutes} minutes. Those that were received stand."},
	inquiryGone:      {connect.CodeFailedPrecondition, "第 {inquiry} 号质询的原文在公开或不予公开 {days} 天后已按规定删除。", "What was asked by the inquiry {inquiry} was deleted, {days} days after it was published or declined."},
	inquiryLost:      {connect.CodeDataLoss, "第 {inquiry} 号质询的原文不见了,还没到删除的时候:这是证据缺失,请通知监督委员会。", "What was asked by the inquiry {inquiry} is not there, and it was not to be deleted yet: evidence was lost. Tell the supervisory committee."},
	deadlinePassed:   {connect.CodeDeadlineExceeded, "没有在限定时间内完成;请用同一命令编号重试。", "It took longer than it may: try again with the same command id."},
}

// describe finds the code and the sentences of a reason, wherever it is declared.
func describe(reason ledger.Reason) sentence {
	for _, table := range []map[ledger.Reason]ledger.ReasonInfo{ledger.Reasons, access.Reasons, witness.Reasons} {
		if info, ok := table[reason]; ok {
			return sentence{codes[info.Category], info.Chinese, info.English}
		}
	}
	if s, ok := sentences[reason]; ok {
		return s
	}
	return sentence{code: connect.CodeFailedPrecondition, chinese: string(reason), english: string(reason)}
}

// refuse makes a refusal of a reason, at a field (or none), with figures as name, value, name, value …
func refuse(reason ledger.Reason, field string, figures ...string) *ledger.Refusal {
	r := &ledger.Refusal{Reason: reason, Field: field}
	for i := 0; i+1 < len(figures); i += 2 {
		r.Figures = append(r.Figures, ledger.Figure{Name: figures[i], Value: figures[i+1]})
	}
	return r
}

// problemChinese is the figure that stands for {problem} in the Chinese sentence (ledger.Refusal.FillChinese).
const problemChinese = "problem_zh"

// message is the refusal as the API sends it.
func message(r *ledger.Refusal) *apiv1.Refusal {
	s := describe(r.Reason)
	m := &apiv1.Refusal{Reason: string(r.Reason), Field: r.Field, Figures: make(map[string]string, len(r.Figures)),
		SentenceZh: r.FillChinese(s.chinese), SentenceEn: r.Fill(s.english)}
	for _, f := range r.Figures {
		m.Figures[f.Name] = f.Value
	}
	return m
}

// refusalError is the refusal as an error of the protocol.
func refusalError(r *ledger.Refusal) *connect.Error {
	m := message(r)
	err := connect.NewError(describe(r.Reason).code, m.SentenceZh+" / "+m.SentenceEn).WithCause(r)
	if detail, detailErr := connectproto.NewErrorDetail(m); detailErr == nil {
		err = err.WithDetail(detail)
	}
	return err
}

// refusalOf is what a caller is told about an error. known is false when somebody has to look into the log for the cause.
func refusalOf(err error) (r *ledger.Refusal, known bool) {
	var corrupt *eventstore.CorruptError
	var behind *projections.ErrBehind
	switch {
	case errors.As(err, &r):
		return r, true
	case errors.As(err, &behind):
		return refuse(ledger.VersionStale, "", "expected", strconv.FormatUint(behind.Want, 10), "actual", strconv.FormatUint(behind.Have, 10)), true
	case errors.As(err, &corrupt):
		return refuse(logDamaged, "", "stream", corrupt.Stream, "version", strconv.FormatUint(corrupt.Version, 10)), false
	case errors.Is(err, access.ErrKeyInvalid):
		return refuse(keyNeeded, ""), true
	case errors.Is(err, context.Canceled):
		return refuse(callCancelled, ""), true
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(deadlinePassed, ""), false
	case errors.Is(err, eventstore.ErrNoSpace):
		return refuse(storeFull, ""), false
	case errors.Is(err, transparency.ErrSignerAway):
		return refuse(signerAway, ""), false
	}
	return refuse(storeUnavailable, ""), false
}

// failure turns any error of a method into what its caller is told, and logs what the caller is not told. Errors of the
// protocol itself (a codec, a cancelled stream) pass.
func (s *Server) failure(ctx context.Context, procedure string, err error) error {
	if coded := (*connect.Error)(nil); errors.As(err, &coded) {
		return err
	}
	r, known := refusalOf(err)
	if !known {
		s.config.Logger.LogAttrs(ctx, slog.LevelError, "call failed",
			slog.String("procedure", procedure), slog.String("reason", string(r.Reason)), slog.String("error", err.Error()))
	}
	return refusalError(r)
}

// undecodable turns an error of reading a request into a refusal: of its size, of an unknown field, of a value of the wrong
// type, of anything else that is wrong with its form. Other errors pass.
func undecodable(err error) error {
	coded := (*connect.Error)(nil)
	if !errors.As(err, &coded) {
		return err
	}
	switch coded.Code() {
	case connect.CodeResourceExhausted:
		return refuse(requestTooLarge, "", "max", strconv.Itoa(requestBytesMax))
	case connect.CodeInvalidArgument:
		if cause := errors.Unwrap(coded); cause != nil {
			return malformed(cause)
		}
		return malformed(errors.New(coded.Message()))
	}
	return err
}

// Errors of the protobuf JSON parser that name a field; its texts use ordinary and unbreakable spaces at random.
var (
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
	wrongValue   = regexp.MustCompile(`invalid value for (\w+) field (\w+): `)
)

func malformed(err error) *ledger.Refusal {
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	if m := unknownField.FindStringSubmatch(text); m != nil {
		return refuse(fieldUnknown, clip(m[1]))
	}
	if m := wrongValue.FindStringSubmatch(text); m != nil {
		return refuse(ledger.FieldInvalid, snakeCase(m[2]), "problem", "it needs a value of type "+m[1], problemChinese, "类型应为 "+m[1])
	}
	return refuse(requestMalformed, "", "problem", clip(text))
}

// snakeCase is the name in the schema of a field named the JSON way.
func snakeCase(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clipMax is the most characters of a caller's text that an answer repeats.
const clipMax = 80

// clip shortens outside text for an answer and replaces what draws nothing or steers the direction of text.
func clip(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > clipMax {
			b.WriteRune('…')
			break
		}
		if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// outcome is an error as a line of a batch reports it.
func (s *Server) outcome(ctx context.Context, procedure string, err error) *apiv1.ApplyResult {
	failure := s.failure(ctx, procedure, err)
	result := &apiv1.ApplyResult{Code: connect.CodeOf(failure).String()}
	coded := (*connect.Error)(nil)
	if !errors.As(failure, &coded) {
		return result
	}
	result.Message, result.Refusal = coded.Message(), RefusalOf(failure)
	return result
}

// RefusalOf gives the refusal in the details of an error that a client of the services got, nil when there is none.
func RefusalOf(err error) *apiv1.Refusal {
	coded := (*connect.Error)(nil)
	if !errors.As(err, &coded) {
		return nil
	}
	for _, detail := range coded.Details() {
		if m, err := connectproto.UnmarshalErrorDetail(detail); err == nil {
			if r, ok := m.(*apiv1.Refusal); ok {
				return r
			}
		}
	}
	return nil
}

// recovered makes a panic of a method an error that tells the caller nothing.
func (s *Server) recovered(ctx context.Context, procedure string, cause any, stack []byte) error {
	s.config.Logger.LogAttrs(ctx, slog.LevelError, "a method panicked", slog.String("procedure", procedure),
		slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(stack)))
	return refusalError(refuse(internalFault, ""))
}

// ReasonRow is one reason as docs/refusals.md lists it.
type ReasonRow struct {
	Reason           ledger.Reason
	Code             connect.Code
	Chinese, English string
}

// ReasonTable lists every reason the API can give, in order of code, then of reason.
func ReasonTable() []ReasonRow {
	var rows []ReasonRow
	add := func(reason ledger.Reason) {
		s := describe(reason)
		rows = append(rows, ReasonRow{reason, s.code, s.chinese, s.english})
	}
	for reason := range ledger.Reasons {
		add(reason)
	}
	for reason := range access.Reasons {
		add(reason)
	}
	for reason := range witness.Reasons {
		add(reason)
	}
	for reason := range sentences {
		add(reason)
	}
	slices.SortFunc(rows, func(a, b ReasonRow) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Reason, b.Reason))
	})
	return rows
}
