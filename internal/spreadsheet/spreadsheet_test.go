package spreadsheet

import "testing"

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
