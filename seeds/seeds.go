// Package seeds holds an invented run of one collective as files of API commands, applied like any user's.
//
// liminba is a resettlement community that lets a market: 3,211 members in 665 households, five half-years of rent split
// 70/10/10/10, two dividends, four rounds of grants, seven payments. Every person and every firm in it is invented.
//
//	0-operators.jsonl   who signs in; given by the operator admin, who has to exist
//	1-books.jsonl       132 commands from the founding to 2022-12-20
//	2-closes.jsonl      34 months closed in order, on 2023-01-05
//	3-microfunds.jsonl  five microfunds with a gift each, on 2023-01-09 and 10; no part of the demo
//	rows.csv            the 16 days on which money moved, with labels; no figures, they come from the books
//
// A line of a .jsonl file is {"method":…,"as":…,"request":{…}}: the method's name, the operator who gives the command, the
// request in protobuf JSON. Empty lines and lines that begin with # are skipped. Each request carries a fixed command id, so
// that a file can be applied again and changes nothing, and, for a collective, a simulated time.
package seeds

import (
	"embed"
	"encoding/csv"
	"fmt"
	"path"
	"strings"
)

//go:embed liminba
var files embed.FS

// Liminba is the id of the demo's collective.
const Liminba = "liminba"

// File is one file of commands.
type File struct {
	Name string // e.g. liminba/1-books.jsonl
	Data []byte
}

// Demo is the files of the demo, in the order in which they are applied.
func Demo() []File {
	return []File{read("0-operators.jsonl"), read("1-books.jsonl"), read("2-closes.jsonl")}
}

// Microfunds is a file that may be applied after the demo's.
func Microfunds() File { return read("3-microfunds.jsonl") }

func read(name string) File {
	name = path.Join(Liminba, name)
	data, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("seeds: %v", err)) // embedded at build time
	}
	return File{name, data}
}

// Row is a day of the demo on which money moved.
type Row struct {
	Date             string // YYYY-MM-DD
	Chinese, English string // what happened
}

// Rows is the days of the demo in order.
func Rows() []Row {
	records, err := csv.NewReader(strings.NewReader(string(read("rows.csv").Data))).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("seeds: rows.csv: %v", err)) // a test reads it
	}
	rows := make([]Row, 0, len(records))
	for _, r := range records[1:] {
		rows = append(rows, Row{Date: r[1], Chinese: r[2], English: r[3]})
	}
	return rows
}
