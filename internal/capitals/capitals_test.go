package capitals

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Examples of 会计基础工作规范, article 52, of its appendix, and of the notices this is for.
func TestYuan(t *testing.T) {
	for amount, want := range map[string]string{
		"196000.00": "壹拾玖万陆仟元整", "137173.92": "壹拾叁万柒仟壹佰柒拾叁元玖角贰分", "20300.00": "贰万零叁佰元整",
		"32555.00": "叁万贰仟伍佰伍拾伍元整", "42.72": "肆拾贰元柒角贰分", "0.00": "零元整", "0.05": "伍分", "0.50": "伍角整",
		"1409.50": "壹仟肆佰零玖元伍角整", "6007.14": "陆仟零柒元壹角肆分", "107000.53": "壹拾万零柒仟元伍角叁分", "16409.02": "壹万陆仟肆佰零玖元零贰分",
		"325.04": "叁佰贰拾伍元零肆分", "100000000.00": "壹亿元整", "100010001.00": "壹亿零壹万零壹元整", "10.01": "壹拾元零壹分",
		"1000000000000.00": "壹万亿元整", "-8.00": "负捌元整", "126765.05": "壹拾贰万陆仟柒佰陆拾伍元零伍分",
		"1.2": "1.2", "x.00": "x.00", "": "", "1": "1", "1.000": "1.000",
	} {
		if got := Yuan(amount); got != want {
			t.Errorf("%s is %s, not %s", amount, got, want)
		}
	}
}

// read turns capitals back into fen, by the values of the signs alone.
func read(text string) (fen int64) {
	digits := map[rune]int64{'壹': 1, '贰': 2, '叁': 3, '肆': 4, '伍': 5, '陆': 6, '柒': 7, '捌': 8, '玖': 9}
	var whole, group, digit int64
	for _, r := range text {
		switch r {
		case '拾':
			group, digit = group+10*digit, 0
		case '佰':
			group, digit = group+100*digit, 0
		case '仟':
			group, digit = group+1000*digit, 0
		case '万', '亿':
			whole, group, digit = whole+(group+digit)*map[rune]int64{'万': 1e4, '亿': 1e8}[r], 0, 0
		case '元':
			fen, group, digit = 100*(whole+group+digit), 0, 0
		case '角':
			fen, digit = fen+10*digit, 0
		case '分':
			fen, digit = fen+digit, 0
		default:
			if d, ok := digits[r]; ok {
				digit = d
			}
		}
	}
	return fen
}

// TestYuanReadsBack: every amount below a billion yuan reads back as itself, no two 零 stand together and none at an end.
func TestYuanReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fen := rapid.Int64Range(1, 99_999_999_999).Draw(t, "fen")
		if rapid.Bool().Draw(t, "round") {
			fen -= fen % rapid.SampledFrom([]int64{10, 100, 1e4, 1e6, 1e8}).Draw(t, "to")
		}
		text := Yuan(fmt.Sprintf("%d.%02d", fen/100, fen%100))
		if fen > 0 && (read(text) != fen || strings.Contains(text, "零零") || strings.HasPrefix(text, "零") || strings.Contains(text, "零元")) {
			t.Fatalf("%d fen are %s, which reads %d", fen, text, read(text))
		}
	})
}
