// Package capitals writes amounts as notices, posters and receipts do (大写).
package capitals

import "strings"

// Yuan writes an amount in yuan with two decimals, as the API gives it, in capitals: 整 after 元 or 角, none after 分, one 零 for any run
// of zeros inside (会计基础工作规范, article 52), 负 before an amount below zero. A text that is no such amount comes back as it is.
func Yuan(amount string) string {
	amount, negative := strings.CutPrefix(amount, "-")
	whole, cents, ok := strings.Cut(amount, ".")
	if !ok || len(cents) != 2 || strings.Trim(whole+cents, "0123456789") != "" {
		return amount
	}
	text := wholeCapitals(strings.TrimLeft(whole, "0"))
	jiao, fen := cents[0]-'0', cents[1]-'0'
	switch {
	case text == "" && cents == "00":
		return "零元整"
	case text != "":
		text += "元"
	}
	switch {
	case jiao > 0:
		text += digitCapitals[jiao] + "角"
	case fen > 0 && text != "":
		text += "零"
	}
	if fen > 0 {
		text += digitCapitals[fen] + "分"
	} else {
		text += "整"
	}
	if negative {
		return "负" + text
	}
	return text
}

var digitCapitals = [10]string{"零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖"}

var (
	placeCapitals = [4]string{"", "拾", "佰", "仟"}
	groupCapitals = [5]string{"", "万", "亿", "万亿", "亿亿"}
)

// wholeCapitals writes whole yuan in groups of four digits; empty for none.
func wholeCapitals(digits string) string {
	var b strings.Builder
	zero, group := false, false // a zero is due before the next digit; the group under way has a digit
	for i := range len(digits) {
		rest := len(digits) - 1 - i
		if d := digits[i] - '0'; d == 0 {
			zero = true
		} else {
			if zero {
				b.WriteString("零")
			}
			b.WriteString(digitCapitals[d] + placeCapitals[rest%4])
			zero, group = false, true
		}
		if rest%4 == 0 {
			if group {
				b.WriteString(groupCapitals[min(rest/4, len(groupCapitals)-1)])
			}
			group = false
		}
	}
	return b.String()
}
