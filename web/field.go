package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// field is one thing that a form asks for.
type field struct {
	// path is the place in the request, its parts joined by points; with + between several that one choice sets together.
	path    string
	label   words
	help    words
	kind    kind
	must    bool // the form is not sent without it
	choices func(*filling) ([]choice, error)
	initial func(*filling) string // what a new form has in it
	// when says for which choices the field is meant: kind=a|b. Without script it is shown always; the help says what it is for.
	when string
	// fields are those of one row of a group, or what each column of a table is.
	fields []*field
	least  int    // rows of a group that are shown at the least
	add    words  // what the button that adds a row says
	mode   string // of the keyboard: decimal, numeric; default: text
	max    int    // characters at most; default: as the services have it
	// alone does not make a row: it says what the row is about, and a row with nothing else is left out.
	alone bool
	// rare fields stand folded behind the others.
	rare bool
	// checked is what a box says when it is ticked; default: true.
	checked string
	// listed lets numbers come in a file as well, the first of each line; a choice is then a list of one.
	listed bool
}

// kind is how a field is typed and how it becomes JSON.
type kind int

const (
	kindText    kind = iota // one line
	kindLong                // several lines
	kindMoney               // yuan: figures as people write them
	kindDay                 // a day
	kindMonth               // a month
	kindShare               // a part of one: 0.7, 7/10, 70% or rest
	kindNumber              // a whole number
	kindNumbers             // whole numbers and ranges: 17, 20-25
	kindNames               // slugs with spaces between them
	kindChoice              // one of a list that drops down
	kindRadio               // one of a list that stands open, with notes
	kindCheck               // yes or no
	kindHidden              // travels only
	kindParty               // an organisation, a member, or a party by its code
	kindFile                // a file that is kept; the fields of a paper go with it
	kindDigest              // a file of which the digest alone is taken
	kindRows                // a group that repeats
	kindTable               // lines pasted from a list, a column for each of fields; see tableRows
)

// choice is one of a list.
type choice struct {
	value string
	label string
	note  string // beside it: what is left
	off   string // why it cannot be taken; empty when it can
	group string // heading it stands under
}

// grouped says whether a field is rows of other fields.
func (d *field) grouped() bool { return d.kind == kindRows }

// rowPrefix begins the names of the controls of one row of a group.
func rowPrefix(name string, row int) string { return name + "." + strconv.Itoa(row) + "." }

// rowsMax is how many rows a form shows of one group; the services have limits of their own below that.
const rowsMax = 200

// countName is the hidden control that says how many rows a group has.
func countName(name string) string { return name + "#" }

// count is how many rows a group has.
func (f *filling) count(d *field, name string) int {
	n, _ := strconv.Atoi(f.values[countName(name)])
	for key := range f.values {
		rest, ok := strings.CutPrefix(key, name+".")
		if !ok {
			continue
		}
		place, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(place); err == nil {
			n = max(n, i+1)
		}
	}
	return min(max(n, d.least), rowsMax)
}

// fieldOf is the field that a control belongs to, whatever row it stands in; nil for none.
func (f *filling) fieldOf(name string) *field { return fieldIn(f.form.fields, name) }

func fieldIn(fields []*field, name string) *field {
	for _, d := range fields {
		if name == d.path {
			return d
		}
		if rest, ok := strings.CutPrefix(name, d.path+"."); ok && d.grouped() {
			if _, inner, ok := strings.Cut(rest, "."); ok {
				return fieldIn(d.fields, inner)
			}
		}
	}
	return nil
}

func (f *filling) addRow(name string) {
	if d := f.fieldOf(name); d != nil && d.grouped() {
		n := f.count(d, name)
		f.values[countName(name)] = strconv.Itoa(min(n+1, rowsMax))
		f.initials(d.fields, rowPrefix(name, n))
	}
}

// dropRow takes away the row NAME.N; those after it move up.
func (f *filling) dropRow(row string) {
	cut := strings.LastIndexByte(row, '.')
	at, err := strconv.Atoi(row[cut+1:])
	if cut < 0 || err != nil || at < 0 {
		return
	}
	name := row[:cut]
	d := f.fieldOf(name)
	if d == nil || !d.grouped() {
		return
	}
	n := f.count(d, name)
	moved := map[string]string{}
	for key, value := range f.values {
		rest, ok := strings.CutPrefix(key, name+".")
		if !ok {
			moved[key] = value
			continue
		}
		place, tail, _ := strings.Cut(rest, ".")
		i, err := strconv.Atoi(place)
		switch {
		case err != nil || i < at:
			moved[key] = value
		case i > at:
			moved[rowPrefix(name, i-1)+tail] = value
		}
	}
	moved[countName(name)] = strconv.Itoa(max(n-1, 0))
	f.values = moved
}

// build writes fields into a part of the request. prefix begins the names of their controls, at the path of that part.
func (f *filling) build(fields []*field, prefix, at string, into map[string]any) {
	for _, d := range fields {
		name := prefix + d.path
		path := at + d.path
		typed := strings.TrimSpace(f.values[name])
		if d.grouped() {
			f.buildRows(d, name, path, into)
			continue
		}
		if d.kind == kindTable {
			f.buildTable(d, name, path, into)
			continue
		}
		if d.kind == kindFile || d.kind == kindDigest {
			typed = f.values[name+digestSuffix]
		}
		for _, one := range strings.Split(d.path, "+") {
			if _, taken := f.where[at+one]; !taken || typed != "" { // two controls may lead to one place; that which says something counts
				f.where[at+one] = name
			}
		}
		if typed == "" {
			if d.must && f.wrong[name] == "" && f.applies(d, prefix) {
				f.wrong[name] = f.missing(d)
			}
			continue
		}
		f.buildOne(d, name, typed, into)
	}
}

// missing is what a form says beside a field that was left empty.
func (f *filling) missing(d *field) string {
	switch d.kind {
	case kindChoice, kindRadio:
		return f.text("请选择。", "Choose one.")
	case kindFile, kindDigest:
		return f.text("请选择文件或拍照。", "Choose a file or take a picture.")
	}
	return f.text("请填写。", "Fill this in.")
}

func (f *filling) buildOne(d *field, name, typed string, into map[string]any) {
	switch d.kind {
	case kindMoney:
		put(into, d.path, normalAmount(typed))
	case kindDay:
		put(into, d.path, normalDay(typed))
	case kindMonth:
		put(into, d.path, normalMonth(typed))
	case kindNumber:
		n, err := strconv.ParseUint(halfWidth(typed), 10, 64)
		if err != nil {
			f.wrong[name] = f.text("请填一个整数。", "This is a whole number.")
			return
		}
		put(into, d.path, strconv.FormatUint(n, 10))
	case kindNumbers:
		numbers, err := parseNumbers(typed)
		if err != nil {
			f.wrong[name] = f.say(*err)
			return
		}
		put(into, d.path, numbers)
	case kindNames:
		put(into, d.path, strings.FieldsFunc(typed, separates))
	case kindShare:
		put(into, d.path, normalShare(typed))
	case kindCheck:
		if d.checked != "" {
			put(into, d.path, d.checked)
		} else {
			put(into, d.path, true)
		}
	case kindParty:
		put(into, d.path, f.party(name, typed))
	case kindFile: // a paper: its kind and number are fields of their own
		paper := strings.TrimSuffix(d.path, "sha256")
		put(into, d.path, typed)
		if size := f.values[name+sizeSuffix]; size != "" {
			put(into, paper+"media_type", f.values[name+mediaSuffix])
			put(into, paper+"size", size)
		}
	default:
		paths := strings.Split(d.path, "+")
		values := strings.SplitN(typed, "+", len(paths))
		if d.listed {
			put(into, d.path, []any{typed})
			return
		}
		for i, path := range paths {
			if i < len(values) && values[i] != "" {
				put(into, path, values[i])
			}
		}
	}
}

func (f *filling) buildRows(d *field, name, path string, into map[string]any) {
	var list []any
	f.where[path] = name
	for i := range f.count(d, name) {
		prefix := rowPrefix(name, i)
		if f.blank(d.fields, prefix) && (i > 0 || !d.must) {
			continue
		}
		row := map[string]any{}
		f.build(d.fields, prefix, fmt.Sprintf("%s[%d].", path, len(list)), row)
		list = append(list, row)
	}
	if len(list) > 0 {
		put(into, d.path, list)
	}
}

// blank says whether a row has nothing in it but choices that a new row has already.
func (f *filling) blank(fields []*field, prefix string) bool {
	for _, d := range fields {
		name := prefix + d.path
		if d.grouped() {
			for i := range f.count(d, name) {
				if !f.blank(d.fields, rowPrefix(name, i)) {
					return false
				}
			}
			continue
		}
		typed := strings.TrimSpace(f.values[name])
		if d.kind == kindFile || d.kind == kindDigest {
			typed = f.values[name+digestSuffix]
		}
		if typed != "" && !d.alone && (d.initial == nil || typed != d.initial(f)) {
			return false
		}
	}
	return true
}

// buildTable reads lines: a paste from a list, one line for each entry, its columns apart by spaces, commas or tabs. With a path of several
// parts (members+households) each column is a list of its own; else each line is an entry with a value for each column.
func (f *filling) buildTable(d *field, name, path string, into map[string]any) {
	paths := strings.Split(d.path, "+")
	for i, p := range paths {
		f.where[strings.TrimSuffix(path, d.path)+p] = name
		if len(paths) == 1 {
			f.where[path+"."+d.fields[i].path] = name
		}
	}
	lists := make([][]any, len(d.fields))
	var entries []any
	for i, line := range strings.Split(f.values[name], "\n") {
		cells := strings.FieldsFunc(line, separatesColumns)
		if len(cells) == 0 {
			continue
		}
		if len(cells) != len(d.fields) {
			f.wrong[name] = fmt.Sprintf(f.text("第 %d 行应有 %d 项,现在有 %d 项。", "Line %d has to have %d entries and has %d."), i+1, len(d.fields), len(cells))
			return
		}
		entry := map[string]any{}
		for k, column := range d.fields {
			value := halfWidth(cells[k])
			switch column.kind {
			case kindMoney:
				value = normalAmount(value)
			case kindNumber:
				if _, err := strconv.ParseUint(value, 10, 64); err != nil {
					f.wrong[name] = fmt.Sprintf(f.text("第 %d 行的“%s”不是整数。", "Line %d: \"%s\" is not a whole number."), i+1, cells[k])
					return
				}
			}
			entry[column.path] = value
			lists[k] = append(lists[k], value)
		}
		entries = append(entries, entry)
		if len(entries) > numbersMax {
			f.wrong[name] = fmt.Sprintf(f.text("一次最多 %d 行。", "At most %d lines at a time."), numbersMax)
			return
		}
	}
	switch {
	case len(entries) == 0 && d.must:
		f.wrong[name] = f.text("请填写。", "Fill this in.")
	case len(entries) == 0:
	case len(paths) == 1:
		put(into, d.path, entries)
	default:
		for k, p := range paths {
			put(into, p, lists[k])
		}
	}
}

// applies says whether a field is meant for what was chosen elsewhere.
func (f *filling) applies(d *field, prefix string) bool {
	if d.when == "" {
		return true
	}
	name, values, _ := strings.Cut(d.when, "=")
	for _, v := range strings.Split(values, "|") {
		if f.values[prefix+name] == v {
			return true
		}
	}
	return false
}

// Names of the controls that go with another.
const (
	partySuffix  = ":who"    // what sort of party it is
	digestSuffix = ".sha256" // of a file that was sent
	mediaSuffix  = ".media_type"
	sizeSuffix   = ".size"
	titleSuffix  = ".name" // of the file, for showing it
)

// party writes who is meant as the services have it. Who types org/… or member/… is understood as well.
func (f *filling) party(name, typed string) string {
	for _, known := range []string{"org/", "member/", "party/"} {
		if strings.HasPrefix(typed, known) {
			return typed
		}
	}
	switch f.values[name+partySuffix] {
	case "member":
		return "member/" + halfWidth(typed)
	case "party":
		return "party/" + typed
	}
	return "org/" + typed
}

// halfWidth makes the figures, letters and signs of a Chinese keyboard those of the services.
func halfWidth(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '\uFF01' && r <= '\uFF5E': // from the full-width ! to the full-width ~
			return r - '\uFF01' + '!'
		case r == '\u3000': // ideographic space
			return ' '
		case r == '\u3002': // 。, beside the 0 on a Chinese keyboard
			return '.'
		}
		return r
	}, text)
}

// normalAmount makes 98000, 98,000.00, ¥98,000 and 98000元 into 98000.00. What it cannot read it gives as it was typed: the
// services say what is wrong. Nothing is rounded.
func normalAmount(typed string) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case r == ',' || r == '、' || r == '\u00A5' || r == '\uFFE5' || r == '元' || unicode.IsSpace(r):
			return -1
		case r == '−' || r == '–':
			return '-'
		}
		return r
	}, halfWidth(typed))
	digits := strings.TrimPrefix(text, "-")
	whole, cents, point := strings.Cut(digits, ".")
	if whole == "" || strings.Trim(whole+cents, "0123456789") != "" || len(cents) > 2 {
		return typed
	}
	if trimmed := strings.TrimLeft(whole, "0"); trimmed != "" {
		whole = trimmed
	} else {
		whole = "0"
	}
	if !point || len(cents) < 2 {
		cents += strings.Repeat("0", 2-len(cents))
	}
	sign := strings.TrimSuffix(text, digits)
	return sign + whole + "." + cents
}

// normalDay makes 2021年7月20日, 2021/7/20, 2021.7.20 and 20210720 into 2021-07-20. What it cannot read stays as it is.
func normalDay(typed string) string {
	text := strings.NewReplacer("年", "-", "月", "-", "日", "", "/", "-", ".", "-").Replace(strings.TrimSpace(halfWidth(typed)))
	if len(text) == 8 && strings.Trim(text, "0123456789") == "" {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	parts := strings.Split(text, "-")
	if len(parts) != 3 || len(parts[0]) != 4 {
		return typed
	}
	return parts[0] + "-" + twoDigits(parts[1]) + "-" + twoDigits(parts[2])
}

// normalMonth does the same for months.
func normalMonth(typed string) string {
	text := strings.NewReplacer("年", "-", "月", "", "/", "-", ".", "-").Replace(strings.TrimSpace(halfWidth(typed)))
	parts := strings.Split(text, "-")
	if len(parts) != 2 || len(parts[0]) != 4 {
		return typed
	}
	return parts[0] + "-" + twoDigits(parts[1])
}

// normalShare writes 70% as 70/100.
func normalShare(typed string) string {
	text := strings.Join(strings.Fields(halfWidth(typed)), "")
	if part, ok := strings.CutSuffix(text, "%"); ok && part != "" && strings.Trim(part, "0123456789") == "" {
		return part + "/100"
	}
	return text
}

func twoDigits(text string) string {
	if len(text) == 1 {
		return "0" + text
	}
	return text
}

// isDay says whether a text is a day that exists.
func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// numbersMax is how many numbers one list may have; the services have limits of their own below that.
const numbersMax = 5000

// separates says what stands between entries of a list.
func separates(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(",;、\uFF0C\uFF1B", r)
}

// separatesColumns is separates for lines of amounts, in which a comma may group digits only where a tab or a space parts the columns.
func separatesColumns(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(",;\uFF0C\uFF1B", r)
}

// parseNumbers reads 17, 20-25 and 30 as nine numbers.
func parseNumbers(typed string) ([]any, *words) {
	var numbers []any
	for _, part := range strings.FieldsFunc(halfWidth(strings.NewReplacer("—", "-", "–", "-", "至", "-", "~", "-", "\uFF5E", "-").Replace(typed)), separates) {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 32)
		to, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil || to < from {
			return nil, &words{"“" + part + "”不是号码,也不是 20-25 这样的一段。", "\"" + part + "\" is neither a number nor a range like 20-25."}
		}
		if to-from >= numbersMax || len(numbers)+int(to-from)+1 > numbersMax {
			return nil, &words{fmt.Sprintf("一次最多 %d 个号码。", numbersMax), fmt.Sprintf("At most %d numbers at a time.", numbersMax)}
		}
		for n := from; n <= to; n++ {
			numbers = append(numbers, strconv.FormatUint(n, 10))
		}
	}
	return numbers, nil
}
