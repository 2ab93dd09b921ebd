package people

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// compound are the surnames of two characters (复姓) that MaskName shows whole.
var compound = strings.Fields(`欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔
	申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕
	令狐 段干 百里 呼延 东郭 南门 羊舌 微生 公户 公玉 公仪 梁丘 公仲 公上 公门 公山 公坚 左丘 公伯 西门 公祖 第五 公乘 贯丘 公皙 南荣
	东里 东宫 仲长 子书 子桑 即墨 达奚 褚师 纳兰 叱干 淳于 单于 哥舒`)

// dots are what stands between the parts of a name of several: 阿木·拉牛, also as it is typed.
const dots = "·•・‧∙⋅․"

// MaskName is a name as boards print it (掩码), by one rule: what is shown is the surname and the last character, with one * for all
// between, however many.
//
//   - the surname is the first character, or the first two of a compound surname (复姓) in the list when something follows;
//   - of a given name of one character nothing is shown: it would be all of it;
//   - of a name in parts (阿木·拉牛, or words in Latin letters) the first part shows its first character, the last part its last, and
//     a part between them nothing.
//
// So 张三 is 张*, 张小三 is 张*三, 欧阳娜娜 is 欧阳*娜, 欧阳娜 is 欧阳*, 阿木·拉牛 is 阿*·*牛. One character alone is *. The name is
// normalised.
func MaskName(name string) string {
	separator := "·"
	parts := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(dots, r) })
	if len(parts) < 2 {
		separator = " "
		parts = strings.Fields(strings.Join(parts, ""))
	}
	switch len(parts) {
	case 0:
		return "*"
	case 1:
		return maskWhole([]rune(parts[0]))
	}
	masked := make([]string, len(parts))
	for i := range parts {
		masked[i] = "*"
	}
	first, _ := utf8.DecodeRuneInString(parts[0])
	last, _ := utf8.DecodeLastRuneInString(parts[len(parts)-1])
	masked[0] = string(first) + "*"
	masked[len(masked)-1] = "*" + string(last)
	return strings.Join(masked, separator)
}

func maskWhole(name []rune) string {
	surname := 1
	if len(name) > 2 && slices.Contains(compound, string(name[:2])) {
		surname = 2
	}
	switch {
	case len(name) < 2:
		return "*"
	case len(name) == surname+1:
		return string(name[:surname]) + "*"
	}
	return string(name[:surname]) + "*" + string(name[len(name)-1])
}

// tailMin is how many digits and letters a number needs before four of them are shown.
const tailMin = 8

// MaskNumber shows the last four digits and letters of an identity number, a phone or an account: *1234; of a short one nothing.
func MaskNumber(number string) string {
	signs := []rune(strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || unicode.IsLetter(r) {
			return r
		}
		return -1
	}, number))
	if len(signs) < tailMin {
		return "*"
	}
	return "*" + string(signs[len(signs)-4:])
}

// Masked is a value as it is shown to who may not see it whole.
func Masked(f eventv1.PersonalField, value string) string {
	switch f {
	case eventv1.PersonalField_PERSONAL_FIELD_NAME:
		return MaskName(value)
	case eventv1.PersonalField_PERSONAL_FIELD_PERSON, eventv1.PersonalField_PERSONAL_FIELD_MASK:
		return value
	case eventv1.PersonalField_PERSONAL_FIELD_ID_NO, eventv1.PersonalField_PERSONAL_FIELD_PHONE, eventv1.PersonalField_PERSONAL_FIELD_BANK_ACCOUNT:
		return MaskNumber(value)
	}
	return "*"
}
