package projections

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParseCursor: a cursor that is read is written as it was read.
func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "20210910-57", "20210910-0", "20210910--1", "+20210910-1", "20210229-1", "20210910-57x", " 20210910-57", "0-0", "20210910-9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseCursor(s); err == nil && (c.String() != s || s != "" && (!c.Day.Valid() || c.Row < 1)) {
			t.Fatalf("%q is read as %+v", s, c)
		}
	})
}

var fuzzTexts = []string{"", "租金", `say "x" \`, `\"`, `"`, "a\nb", "\x00\x7f\u0085", "=1+1", "\uff1d1", "\uff0b1", "\uff0d1", " \uff201", " \u3000@x", "'x", "''", "-5", "a,b;c|d", "\\", "\ufeff=1", "\u00a0=1", "\xff"}

// FuzzBeancountString: what is quoted is one string on one line, and read by Beancount's rules it is the text again, but for
// control characters, which are blanks.
func FuzzBeancountString(f *testing.F) {
	for _, s := range fuzzTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("public text is UTF-8")
		}
		line := quoted(text)
		if strings.ContainsAny(line, "\n\r") {
			t.Fatalf("%q is more than a line: %q", text, line)
		}
		read, rest, ok := unquoted(line + " 5.00 CNY")
		if !ok || rest != " 5.00 CNY" || read != oneLine(text) {
			t.Fatalf("%q is written %s and read as %q, left %q", text, line, read, rest)
		}
	})
}

// unquoted reads a string of Beancount: a backslash keeps what comes after it, a quotation mark ends the string.
func unquoted(line string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '"':
			return b.String(), line[i+1:], line[0] == '"'
		case '\\':
			i++
		}
		if i < len(line) {
			b.WriteByte(line[i])
		}
	}
	return "", "", false
}

// FuzzCSVCell: a cell holds no formula, stays in its place, and without one leading apostrophe is the text again.
func FuzzCSVCell(f *testing.F) {
	for _, s := range fuzzTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("public text is UTF-8")
		}
		var out bytes.Buffer
		c := csvWriter{csv.NewWriter(&out)}
		c.UseCRLF = true
		c.row("before", inert(text), "after")
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 3 || rows[0][0] != "before" || rows[0][2] != "after" {
			t.Fatalf("%q is read as %q: %v", text, rows, err)
		}
		cell := rows[0][1]
		if begin := strings.TrimSpace(cell); begin != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", []rune(begin)[0]) {
			t.Fatalf("%q is the cell %q, which begins like a formula", text, cell)
		}
		if strings.TrimPrefix(cell, "'") != oneLine(text) {
			t.Fatalf("%q is the cell %q", text, cell)
		}
	})
}

// FuzzJournalText: text in a plain-text journal has none of the signs that mean something there.
func FuzzJournalText(f *testing.F) {
	for _, s := range append(fuzzTexts, "; comment", "* cleared", "(code) text", "a  b\tc", "[2020-01-01]", "! x", "**!x") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("public text is UTF-8")
		}
		got := plain(text)
		if strings.ContainsAny(got, ";,|[]\n\r\t") || strings.Contains(got, "  ") || strings.IndexAny(got, "*!(=") == 0 {
			t.Fatalf("%q is written %q", text, got)
		}
	})
}
