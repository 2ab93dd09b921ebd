package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// This file puts into words what would be a row of values without their names in one cell of a table: who signed of a group, who may, what
// is kept of a person.

// wholeCell says whether a cell is never shortened: its entries have words of their own, or it is to be copied as it is.
func wholeCell(f protoreflect.FieldDescriptor) bool {
	if d := f.Message(); d != nil {
		switch d.Name() {
		case "SealGroup", "Witness", "WitnessGroup", "PersonalFieldState", "InquiryAnswer":
			return true
		}
	}
	return f.Name() == "pin" || sentence(f)
}

// entryWords are the words of one entry in a cell, for people; empty for what has none of its own.
func entryWords(m proto.Message, l language) string {
	switch e := m.(type) {
	case *apiv1.SealGroup:
		text := fmt.Sprintf(l.text("%s 要 %d 人", "%s needs %d"), e.Name, e.Threshold)
		if len(e.Signed) > 0 {
			text += l.text(",已签 ", ", signed ") + strings.Join(e.Signed, " ")
		}
		if len(e.Missing) > 0 {
			text += l.text(",未签 ", ", missing ") + strings.Join(e.Missing, " ")
		}
		return text
	case *apiv1.Witness:
		return e.Name + " " + e.Key
	case *apiv1.WitnessGroup:
		names := make([]string, len(e.Witnesses))
		for i, w := range e.Witnesses {
			names[i] = w.Name
		}
		return fmt.Sprintf(l.text("%s 要 %d 人:%s", "%s needs %d: %s"), e.Name, e.Threshold, strings.Join(names, " "))
	case *apiv1.InquiryAnswer:
		text := e.AnsweredOn + " " + enumText(e.Outcome.Descriptor().Values().ByNumber(e.Outcome.Number()), l)
		if e.CorrectedBy != "" {
			text += " " + e.CorrectedBy
		}
		return text + l.text(":", ": ") + e.Text
	case *apiv1.PersonalFieldState:
		text := enumText(e.Field.Descriptor().Values().ByNumber(e.Field.Number()), l)
		if e.Masked != "" {
			text += " " + e.Masked
		}
		if e.State != apiv1.PersonalDataState_PERSONAL_DATA_STATE_KEPT {
			text += " " + enumText(e.State.Descriptor().Values().ByNumber(e.State.Number()), l)
		}
		if e.Erasure != 0 {
			text += fmt.Sprintf(l.text("(第 %d 号处置)", " (erasure %d)"), e.Erasure)
		}
		return text
	}
	return ""
}

// enumText is the word for an enum's value, for people; empty for one that the schema does not know.
func enumText(v protoreflect.EnumValueDescriptor, l language) string {
	if v == nil {
		return ""
	}
	if word := enumChinese(v); l == chinese && word != "" {
		return word
	}
	return enumWord(v)
}
