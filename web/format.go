package web

import (
	"strconv"
	"strings"
	"unicode"
)

// grouped writes an amount of the API with a comma before every third digit and a minus sign of its own: −1,234.50.
func grouped(amount string) string {
	rest, negative := strings.CutPrefix(amount, "-")
	whole, cents, ok := strings.Cut(rest, ".")
	var b strings.Builder
	if negative {
		b.WriteString("−")
	}
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if ok {
		b.WriteByte('.')
		b.WriteString(cents)
	}
	return b.String()
}

// isZero says whether an amount of the API is nothing.
func isZero(amount string) bool { return strings.Trim(amount, "-0.") == "" }

// day writes a day of the API, YYYY-MM-DD, in full: 2021年7月20日, 20 July 2021.
func (v *visit) day(day string) string {
	y, m, d, ok := parts(day)
	if !ok {
		return day
	}
	if v.lang == english {
		return strconv.Itoa(d) + " " + monthNames[m-1] + " " + strconv.Itoa(y)
	}
	return strconv.Itoa(y) + "年" + strconv.Itoa(m) + "月" + strconv.Itoa(d) + "日"
}

// month writes a month of the API, YYYY-MM.
func (v *visit) month(month string) string {
	y, m, _, ok := parts(month + "-01")
	if !ok {
		return month
	}
	if v.lang == english {
		return monthNames[m-1] + " " + strconv.Itoa(y)
	}
	return strconv.Itoa(y) + "年" + strconv.Itoa(m) + "月"
}

var monthNames = [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

func parts(day string) (y, m, d int, ok bool) {
	if len(day) != 10 || day[4] != '-' || day[7] != '-' {
		return 0, 0, 0, false
	}
	y, err1 := strconv.Atoi(day[:4])
	m, err2 := strconv.Atoi(day[5:7])
	d, err3 := strconv.Atoi(day[8:])
	return y, m, d, err1 == nil && err2 == nil && err3 == nil && m >= 1 && m <= 12
}

// atColon is the sentence of the visit's language in two, at its first colon.
func (v *visit) atColon(zh, en string) (before, after string) {
	before, after, _ = strings.Cut(zh, ":")
	if v.lang == english {
		before, after, _ = strings.Cut(en, ":")
	}
	after = strings.TrimSpace(after)
	return v.text(before, before), v.text(after, after)
}

// wideMarks are the marks of Chinese text, by those of a keyboard.
var wideMarks = map[rune]rune{',': '\uff0c', ':': '\uff1a', ';': '\uff1b', '?': '\uff1f', '!': '\uff01', '(': '\uff08', ')': '\uff09'}

// typeset gives Chinese text its own marks: , : ; ? ! and brackets beside a Chinese character are set in full width, without the space that
// follows them. Figures keep theirs: 1,234.50.
func typeset(text string) string {
	if !strings.ContainsAny(text, ",:;?!()") {
		return text // as most texts
	}
	runes := []rune(text)
	han := func(i int) bool { return i >= 0 && i < len(runes) && unicode.Is(unicode.Han, runes[i]) }
	var b strings.Builder
	var open []bool // whether each bracket that is open was set in full width
	for i := 0; i < len(runes); i++ {
		r, w := runes[i], wideMarks[runes[i]]
		set := w != 0 && (han(i-1) || han(i+1) || i+2 < len(runes) && runes[i+1] == ' ' && han(i+2))
		switch {
		case r == '(':
			open = append(open, set)
		case r == ')' && len(open) > 0:
			set = open[len(open)-1]
			open = open[:len(open)-1]
		}
		if !set {
			b.WriteRune(r)
			continue
		}
		b.WriteRune(w)
		if r != ')' && i+1 < len(runes) && runes[i+1] == ' ' {
			i++
		}
	}
	return b.String()
}
