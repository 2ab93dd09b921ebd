// Package spreadsheet holds what every table of ours does for the spreadsheets that open it.
package spreadsheet

import (
	"strings"
	"unicode"
)

// signs begin a formula: = + - @, and the same in the full width that Chinese keyboards give. Those are escaped: in a source file they
// are easily taken for the others.
const signs = "=+-@\uff1d\uff0b\uff0d\uff20"

// Inert keeps a spreadsheet from taking public text for a formula, also behind blanks of every kind: such a text gets an apostrophe in
// front, and so does one that begins with an apostrophe or with a tab or carriage return, which some spreadsheets drop. Take one leading
// apostrophe away and every text is what it was. Amounts are no text: -5.00 is left to be a number.
func Inert(text string) string {
	first := []rune(strings.TrimLeftFunc(text, unicode.IsSpace) + " ")[0]
	if strings.ContainsRune(signs+"'", first) || strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\r") {
		return "'" + text
	}
	return text
}
