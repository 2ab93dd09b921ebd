package main

import (
	"os"
	"strings"
)

// language is the language of what is said to people. Names of columns in CSV, fields in JSON and reason codes have none.
type language string

const (
	chinese language = "zh"
	english language = "en"
)

// text picks one of two.
func (l language) text(zh, en string) string {
	if l == english {
		return en
	}
	return zh
}

// languageOf finds the language before the command line is parsed, because the help that parsing may print has one too:
// --lang, else LC_ALL, else LANG, else Chinese.
func languageOf(args []string) language {
	for i, a := range args {
		if a == "--" {
			break
		}
		value, ok := strings.CutPrefix(a, "--lang=")
		if a == "--lang" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if ok {
			return language(value)
		}
	}
	locale := os.Getenv("LC_ALL")
	if locale == "" {
		locale = os.Getenv("LANG")
	}
	if strings.HasPrefix(locale, "en") {
		return english
	}
	return chinese
}
