package spreadsheet

import (
	"strings"
	"testing"
	"unicode"
)

func TestInert(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "市场房租": "市场房租", "a=b": "a=b", " ": " ", "=1+1": "'=1+1", "+5": "'+5", "-5": "'-5", "@SUM(A1)": "'@SUM(A1)",
		"  =1": "'  =1", "\u3000=1": "'\u3000=1", "\u00a0-1": "'\u00a0-1", "\uff1d1": "'\uff1d1", "\uff0b1": "'\uff0b1", "\uff0d1": "'\uff0d1", "\uff201": "'\uff201",
		"'x": "''x", "\tx": "'\tx", "\rx": "'\rx", "−5": "−5",
	} {
		if got := Inert(text); got != want {
			t.Errorf("%q is %q, not %q", text, got, want)
		}
	}
}

// FuzzInert: no text is a formula afterwards, and each is what it was without the apostrophe.
func FuzzInert(f *testing.F) {
	for _, s := range []string{"=1", " =1", "\uff1d1", "\t=1", "", "-", "a", "\r", "'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := Inert(s)
		if first := strings.TrimLeftFunc(cell, unicode.IsSpace); first != "" && strings.ContainsRune(signs, []rune(first)[0]) {
			t.Fatalf("%q is the cell %q", s, cell)
		}
		if strings.TrimPrefix(cell, "'") != s {
			t.Fatalf("%q is the cell %q, from which it cannot be told", s, cell)
		}
	})
}
