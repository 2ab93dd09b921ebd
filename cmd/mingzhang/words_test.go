package main

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// What the treasurer and the committee read of people and witnesses is Chinese in a Chinese table, every value of it.
func TestEnumsHaveChineseWords(t *testing.T) {
	for _, e := range []protoreflect.EnumDescriptor{
		apiv1.PersonalField(0).Descriptor(), apiv1.ErasureKind(0).Descriptor(), apiv1.ErasureBasis(0).Descriptor(),
		apiv1.PersonalDataState(0).Descriptor(), apiv1.WitnessPolicyState(0).Descriptor(), apiv1.RoundKind(0).Descriptor(),
		apiv1.InquiryKind(0).Descriptor(), apiv1.DeclineReason(0).Descriptor(), apiv1.InquiryOutcome(0).Descriptor(),
	} {
		for i := range e.Values().Len() {
			v := e.Values().Get(i)
			if word := enumChinese(v); v.Number() != 0 && (word == "" || word == enumWord(v)) {
				t.Errorf("%s has no Chinese word", v.Name())
			}
		}
	}
}

// A cell says who signed and who did not, each on a line a group; CSV keeps its one line.
func TestSealTableSaysWhoIsMissing(t *testing.T) {
	answer := &apiv1.ListSealsResponse{Seals: []*apiv1.Seal{{Month: "2023-01", Size: 176, Sealed: true, Groups: []*apiv1.SealGroup{
		{Name: "committee", Threshold: 3, Signed: []string{"m1", "m2", "m3"}, Missing: []string{"m4", "m5"}}, {Name: "outside", Threshold: 1, Signed: []string{"town"}},
	}}}}
	for l, want := range map[language]string{
		chinese: "月份     笔数  已盖章  见证组\n2023-01   176  是      committee 要 3 人,已签 m1 m2 m3,未签 m4 m5\n                       outside 要 1 人,已签 town\n",
		english: "Month    Size  Sealed  Groups\n2023-01   176  true    committee needs 3, signed m1 m2 m3, missing m4 m5\n                       outside needs 1, signed town\n",
	} {
		table := sectionsOf(answer.ProtoReflect(), l, true)[0].table
		table.dropEmpty(true)
		var b strings.Builder
		if err := table.print(&b, l); err != nil || b.String() != want {
			t.Errorf("%v:\n%s\nwant\n%s", err, b.String(), want)
		}
	}
	table := sectionsOf(answer.ProtoReflect(), chinese, false)[0].table
	if cell := table.rows[0][6]; strings.Contains(cell, "\n") || !strings.HasPrefix(cell, "committee 3 m1 m2 m3 m4 m5; ") {
		t.Errorf("CSV has %q", cell)
	}
}

func TestReasonsInChinese(t *testing.T) {
	for reason, want := range map[string]string{
		reasonMissing:             "没有这个文件",
		"it has 12 bytes, not 13": "有 12 字节,应是 13 字节",
		"editions/1.txt is not the text that the log gives": "editions/1.txt 不是账簿得出的文本,被改过",
		"something new": "something new",
	} {
		if have := reasonChinese(reason); have != want {
			t.Errorf("%q is %q in Chinese, want %q", reason, have, want)
		}
	}
}
