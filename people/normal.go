package people

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// FormError says that a value cannot be kept as it is typed, in both languages and without the value.
type FormError struct {
	Field            eventv1.PersonalField
	English, Chinese string
}

func (e *FormError) Error() string { return FieldName(e.Field) + ": " + e.English }

// forms are the values that are written in signs of their own.
var forms = map[eventv1.PersonalField]struct {
	form             *regexp.Regexp
	english, chinese string
}{
	eventv1.PersonalField_PERSONAL_FIELD_ID_NO:        {regexp.MustCompile(`^[0-9A-Z]{6,20}$`), "an identity number has 6 to 20 digits and letters", "证件号为 6 至 20 位数字和字母"},
	eventv1.PersonalField_PERSONAL_FIELD_PHONE:        {regexp.MustCompile(`^\+?[0-9][0-9 -]{3,22}[0-9]$`), "a phone number has 5 to 24 digits, spaces and hyphens", "电话为 5 至 24 位数字、空格和连字符"},
	eventv1.PersonalField_PERSONAL_FIELD_BANK_ACCOUNT: {regexp.MustCompile(`^[0-9][0-9 -]{3,38}[0-9]$`), "a bank account has 5 to 40 digits, spaces and hyphens", "银行账号为 5 至 40 位数字、空格和连字符"},
}

// longest are the most characters of a value that is free text.
var longest = map[eventv1.PersonalField]int{
	eventv1.PersonalField_PERSONAL_FIELD_NAME: 60, eventv1.PersonalField_PERSONAL_FIELD_ADDRESS: 120, eventv1.PersonalField_PERSONAL_FIELD_REASON: 400,
}

// Normalise makes of a value as it was typed the one that is committed to: Unicode normal form C, without spaces around it; the letters
// of an identity number are capitals. The error is a *FormError.
func Normalise(f eventv1.PersonalField, value string) (string, error) {
	value = strings.TrimSpace(norm.NFC.String(value))
	if f == eventv1.PersonalField_PERSONAL_FIELD_ID_NO {
		value = strings.ToUpper(value)
	}
	if value == "" || strings.ContainsFunc(value, unprintable) || !utf8.ValidString(value) {
		return "", &FormError{f, "it is empty or has control or direction characters", "为空,或含有控制字符或方向字符"}
	}
	if w, ok := forms[f]; ok && !w.form.MatchString(value) {
		return "", &FormError{f, w.english, w.chinese}
	}
	if n := longest[f]; n > 0 && utf8.RuneCountInString(value) > n {
		return "", &FormError{f, fmt.Sprintf("it has more than %d characters", n), fmt.Sprintf("超过 %d 个字", n)}
	}
	return value, nil
}

func unprintable(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)
}
