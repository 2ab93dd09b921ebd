package web

import "strings"

// spoken writes an amount of the API as it is read aloud in Chinese: 十三万七千一百七十三元九角二分. A two before 千, 万 and 亿 at the beginning is 两.
// What is no amount comes back as it is.
func spoken(amount string) string {
	rest, negative := strings.CutPrefix(amount, "-")
	whole, cents, ok := strings.Cut(rest, ".")
	if !ok || len(cents) != 2 || strings.Trim(whole+cents, "0123456789") != "" || len(whole) > 16 {
		return amount
	}
	text := spokenWhole(strings.TrimLeft(whole, "0"))
	if text != "" {
		text += "元"
	}
	jiao, fen := cents[0]-'0', cents[1]-'0'
	if jiao > 0 {
		text += spokenDigits[jiao] + "角"
	} else if fen > 0 && text != "" {
		text += "零"
	}
	if fen > 0 {
		text += spokenDigits[fen] + "分"
	}
	if text == "" {
		return "零元"
	}
	for _, unit := range []string{"千", "万", "亿", "元", "角", "分"} {
		if after, two := strings.CutPrefix(text, "二"+unit); two {
			text = "两" + unit + after
		}
	}
	if negative {
		return "负" + text
	}
	return text
}

var (
	spokenDigits = [10]string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	spokenPlaces = [4]string{"", "十", "百", "千"}
	spokenGroups = [4]string{"", "万", "亿", "万亿"}
)

// spokenWhole reads whole yuan in groups of four digits; empty for none.
func spokenWhole(digits string) string {
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
			if !(d == 1 && rest%4 == 1 && b.Len() == 0) { // ten at the beginning is 十
				b.WriteString(spokenDigits[d])
			}
			b.WriteString(spokenPlaces[rest%4])
			zero, group = false, true
		}
		if rest%4 == 0 {
			if group {
				b.WriteString(spokenGroups[rest/4])
			}
			group = false
		}
	}
	return b.String()
}

// spokenEnglish writes an amount of the API as it is read aloud in English: one hundred and thirty-seven thousand one hundred and
// seventy-three yuan and ninety-two fen.
func spokenEnglish(amount string) string {
	rest, negative := strings.CutPrefix(amount, "-")
	whole, cents, ok := strings.Cut(rest, ".")
	if !ok || len(cents) != 2 || strings.Trim(whole+cents, "0123456789") != "" || len(whole) > 15 {
		return amount
	}
	var parts []string
	if whole = strings.TrimLeft(whole, "0"); whole != "" {
		parts = append(parts, wholeEnglish(whole)+" yuan")
	}
	if cents != "00" {
		parts = append(parts, hundredsEnglish("0"+cents)+" fen")
	}
	text := strings.Join(parts, " and ")
	switch {
	case text == "":
		return "nothing"
	case negative:
		return "minus " + text
	}
	return text
}

var (
	teens = [20]string{"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
		"sixteen", "seventeen", "eighteen", "nineteen"}
	tens      = [10]string{"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
	thousands = [5]string{"", "thousand", "million", "billion", "trillion"}
)

// wholeEnglish reads digits in groups of three.
func wholeEnglish(digits string) string {
	digits = strings.Repeat("0", (3-len(digits)%3)%3) + digits
	var words []string
	for i := 0; i < len(digits); i += 3 {
		group := digits[i : i+3]
		if group == "000" {
			continue
		}
		left := (len(digits) - i) / 3
		text := hundredsEnglish(group)
		if left == 1 && group[0] == '0' && len(words) > 0 {
			text = "and " + text
		}
		words = append(words, text)
		if left > 1 {
			words = append(words, thousands[left-1])
		}
	}
	return strings.Join(words, " ")
}

// hundredsEnglish reads three digits.
func hundredsEnglish(group string) string {
	h, t, o := group[0]-'0', group[1]-'0', group[2]-'0'
	var small string
	switch n := t*10 + o; {
	case n < 20:
		small = teens[n]
	case o == 0:
		small = tens[t]
	default:
		small = tens[t] + "-" + teens[o]
	}
	switch {
	case h == 0:
		return small
	case small == "":
		return teens[h] + " hundred"
	}
	return teens[h] + " hundred and " + small
}
