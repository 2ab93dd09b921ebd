package rpc

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// validate holds a request against the rules in the schema and gives a refusal of the first one it breaks.
func validate(req proto.Message) error {
	err := protovalidate.Validate(req, protovalidate.WithFailFast())
	if err == nil {
		return nil
	}
	broken := (*protovalidate.ValidationError)(nil)
	if !errors.As(err, &broken) || len(broken.Violations) == 0 {
		return fmt.Errorf("validate %s: %w", req.ProtoReflect().Descriptor().FullName(), err)
	}
	return violation(broken.Violations[0])
}

// domain maps the fields whose form the ledger has words of its own for; the figure is what the sentence calls the value.
// Patterns in the schema stand before the ledger's own checks, so the same mistake gives the same reason at either.
var domain = func() map[string]domainField {
	all := make(map[string]domainField)
	for reason, names := range domainFields {
		for _, name := range strings.Fields(names.fields) {
			all[name] = domainField{reason, names.figure}
		}
	}
	return all
}()

type domainField struct {
	reason ledger.Reason
	figure string
}

// domainFields are the names of those fields. A name means the same in every message, but for from and to, which are money
// accounts in MoveMoney, an amount in a tier and days in reads.
var domainFields = map[ledger.Reason]struct{ figure, fields string }{
	ledger.AmountInvalid: {"amount", "amount pool budget right_amount authority total cited Tier.from"},
	ledger.DateInvalid: {"date", "occurred_on first_day joined_on left_on decided_on effective_on notice_from notice_to record_date" +
		" month as_of from to"},
	ledger.VoucherNumberInvalid: {"voucher", "vouchers reverses corrects difference_of number"},
	ledger.PartyInvalid:         {"party", "payer payee donor party"},
	ledger.ShareInvalid:         {"share", "share quorum pass"},
	ledger.IDInvalid: {"id", "collective_id operator kind money_account MoveMoneyRequest.from MoveMoneyRequest.to fund purpose" +
		" resolution_id from_fund to_fund run_id round_id policy_body spending_body charter_body founding_body resolution_body body id" +
		" group income_kinds purposes"},
}

// notDomain are fields that share a name with one above and mean something else.
var notDomain = map[string]bool{"Document.kind": true, "Document.number": true}

func violation(v *protovalidate.Violation) *ledger.Refusal {
	path := protovalidate.FieldPathString(v.Proto.GetField())
	name, qualified := "", ""
	if elements := v.Proto.GetField().GetElements(); len(elements) > 0 {
		name = elements[len(elements)-1].GetFieldName()
	}
	if f := v.FieldDescriptor; f != nil { // none for an entry of a list
		qualified = string(f.Parent().Name()) + "." + name
	}
	d, ok := domain[qualified]
	if !ok {
		d, ok = domain[name]
	}
	if ok && !notDomain[qualified] && v.FieldValue.IsValid() {
		if text, isText := v.FieldValue.Interface().(string); isText {
			return refuse(d.reason, path, d.figure, clip(text))
		}
	}
	english, chinese := problem(v)
	return refuse(ledger.FieldInvalid, path, "problem", english, problemChinese, chinese)
}

// problem says in both languages what a rule of the schema asks for.
func problem(v *protovalidate.Violation) (english, chinese string) {
	p, ok := problems[v.Proto.GetRuleId()]
	if !ok {
		return v.Proto.GetMessage(), v.Proto.GetMessage()
	}
	bound := "?"
	if v.RuleValue.IsValid() {
		bound = fmt.Sprint(v.RuleValue.Interface())
	}
	return strings.ReplaceAll(p[0], "#", bound), strings.ReplaceAll(p[1], "#", bound)
}

// problems has the rules the schema uses; # stands for the rule's bound. A test holds it against the schema.
var problems = map[string][2]string{
	"required":           {"it is missing", "不能缺少"},
	"string.uuid":        {"it is not a UUID", "不是 UUID"},
	"string.uuid_empty":  {"it is empty where a UUID is needed", "缺少 UUID"},
	"string.pattern":     {"it is not written like #", "写法应为 #"},
	"string.min_len":     {"it needs # characters or more", "至少 # 个字"},
	"string.max_len":     {"it has more than # characters", "超过 # 个字"},
	"string.max_bytes":   {"it has more than # bytes", "超过 # 个字节"},
	"bytes.max_len":      {"it has more than # bytes", "超过 # 个字节"},
	"string.in":          {"it is none of the words that are possible", "不是可用的词"},
	"uint64.lte":         {"it is above #", "大于 #"},
	"uint32.gte":         {"it is below #", "小于 #"},
	"uint32.lte":         {"it is above #", "大于 #"},
	"uint32.gte_lte":     {"it is out of range", "超出范围"},
	"enum.defined_only":  {"there is no such value", "没有这个取值"},
	"enum.not_in":        {"it has to be given", "必须填写"},
	"repeated.min_items": {"it needs # entries or more", "至少 # 项"},
	"repeated.max_items": {"it has more than # entries", "超过 # 项"},
	"repeated.unique":    {"an entry stands twice", "有重复的项"},
}
