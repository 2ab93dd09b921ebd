package rpc_test

import (
	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// rulesOf collects the ids of the rules that a message and what it holds set.
func rulesOf(d protoreflect.MessageDescriptor, rules map[string]bool, done map[protoreflect.FullName]bool) {
	if done[d.FullName()] {
		return
	}
	done[d.FullName()] = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if set, ok := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules); ok && set != nil {
			addRules(set, rules)
		}
		if f.Kind() == protoreflect.MessageKind {
			rulesOf(f.Message(), rules, done)
		}
	}
}

func addRules(set *validate.FieldRules, rules map[string]bool) {
	if set.GetRequired() {
		rules["required"] = true
	}
	kind := set.ProtoReflect().WhichOneof(set.ProtoReflect().Descriptor().Oneofs().ByName("type"))
	if kind == nil {
		return
	}
	if items := set.GetRepeated().GetItems(); items != nil {
		addRules(items, rules)
	}
	var bounds []string
	set.ProtoReflect().Get(kind).Message().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		switch name := string(f.Name()); name {
		case "items":
		case "gte", "lte":
			bounds = append(bounds, name)
		default:
			rules[string(kind.Name())+"."+name] = true
		}
		return true
	})
	switch len(bounds) {
	case 1:
		rules[string(kind.Name())+"."+bounds[0]] = true
	case 2:
		rules[string(kind.Name())+".gte_lte"] = true
	}
}

type enumPair struct{ api, event protoreflect.EnumDescriptor }

// enumPairs are the enums that the API and the events share by name.
func enumPairs() []enumPair {
	var pairs []enumPair
	api := apiv1.File_mingzhang_api_v1_types_proto.Enums()
	for i := range api.Len() {
		for _, file := range []protoreflect.FileDescriptor{
			eventv1.File_mingzhang_event_v1_collective_proto, eventv1.File_mingzhang_event_v1_governance_proto, eventv1.File_mingzhang_event_v1_entry_proto,
			eventv1.File_mingzhang_event_v1_voucher_proto, eventv1.File_mingzhang_event_v1_payout_proto, eventv1.File_mingzhang_event_v1_trust_proto,
		} {
			if event := file.Enums().ByName(api.Get(i).Name()); event != nil {
				pairs = append(pairs, enumPair{api.Get(i), event})
			}
		}
	}
	if len(pairs) != api.Len() {
		panic("an enum of the API has no counterpart in the events")
	}
	return pairs
}
