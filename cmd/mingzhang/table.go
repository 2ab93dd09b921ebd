package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/mingzhang-ledger/mingzhang/internal/spreadsheet"
)

// table is rows of text for people, or the same as CSV for programs.
type table struct {
	columns []column
	rows    [][]string
}

// column says how a column is headed and set.
type column struct {
	name   string // in CSV
	zh, en string
	amount bool // yuan: set right, with thousands separators, in a table; plain in CSV
	right  bool // set right as it is
	whole  bool // never shortened; may have several lines
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the table: columns two blanks apart, as wide as their widest cell; a Han character is two columns wide.
func (t *table) print(w io.Writer, l language) error {
	lines := [][]string{make([]string, len(t.columns))}
	for i, c := range t.columns {
		lines[0][i] = l.text(c.zh, c.en)
	}
	for _, row := range t.rows {
		line := make([]string, len(t.columns))
		for i := range t.columns {
			line[i] = row[i]
			if t.columns[i].amount {
				line[i] = grouped(row[i])
			}
		}
		lines = append(lines, unfolded(line)...)
	}
	widths := make([]int, len(t.columns))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], displayWidth(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(t.line(line, widths), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// unfolded makes lines of a row: as many as its cell with the most.
func unfolded(row []string) [][]string {
	lines := [][]string{make([]string, len(row))}
	for i, cell := range row {
		for n, part := range strings.Split(cell, "\n") {
			if n == len(lines) {
				lines = append(lines, make([]string, len(row)))
			}
			lines[n][i] = part
		}
	}
	return lines
}

func (t *table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", widths[i]-displayWidth(cell))
		if t.columns[i].amount || t.columns[i].right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return b.String()
}

// printCSV writes the rows with a line of column names, amounts plain.
func (t *table) printCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	if err := out.Write(names); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	for _, row := range t.rows {
		for i := range row {
			if !t.columns[i].amount {
				row[i] = spreadsheet.Inert(row[i])
			}
		}
	}
	if err := out.WriteAll(t.rows); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// objects is the rows as objects by the columns' names, amounts plain.
func (t *table) objects() []map[string]string {
	list := make([]map[string]string, len(t.rows))
	for i, row := range t.rows {
		list[i] = make(map[string]string, len(row))
		for j, cell := range row {
			list[i][t.columns[j].name] = cell
		}
	}
	return list
}

// grouped sets thousands separators into an amount in yuan, e.g. -1234.05 to -1,234.05.
func grouped(amount string) string {
	start := 0
	if strings.HasPrefix(amount, "-") || strings.HasPrefix(amount, "+") {
		start = 1
	}
	point := strings.IndexByte(amount, '.')
	if point < 0 {
		return amount
	}
	var b strings.Builder
	b.WriteString(amount[:start])
	for i := start; i < point; i++ {
		if i > start && (point-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(amount[i])
	}
	b.WriteString(amount[point:])
	return b.String()
}

// displayWidth is how many columns of a terminal a text takes: two for wide and full-width characters, none for marks that
// join the one before.
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
