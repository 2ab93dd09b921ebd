package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// This file prints answers of any shape: a list of messages is a table with a column a field; what stands alone is a table of
// names and values.

// section is a part of an answer for people.
type section struct {
	title string // empty for what stands alone
	table *table
	list  bool   // a row an entry, not a row a field
	text  string // of several lines, printed as it is; then there is no table
}

// showAnswer prints an answer: as JSON, as CSV where it is one table, or as tables.
func (s *session) showAnswer(answer proto.Message, asOf string) error {
	if s.json {
		return writeJSON(s.stdout, answer)
	}
	if done, err := s.showEdition(answer); done {
		return err
	}
	sections := sectionsOf(answer.ProtoReflect(), s.lang, !s.csv)
	if s.csv {
		return s.showCSV(sections)
	}
	for i, section := range sections {
		if section.text != "" {
			if _, err := fmt.Fprintf(s.stdout, "\n%s\n%s\n", section.title, strings.TrimSuffix(section.text, "\n")); err != nil {
				return err
			}
			continue
		}
		if len(sections) > 1 && len(section.table.rows) == 0 {
			continue
		}
		section.table.dropEmpty(section.list)
		if len(sections) > 1 && section.title != "" {
			if i > 0 {
				fmt.Fprintln(s.stdout)
			}
			fmt.Fprintf(s.stdout, "%s\n", section.title)
		}
		if err := section.table.print(s.stdout, s.lang); err != nil {
			return err
		}
	}
	if field := answer.ProtoReflect().Descriptor().Fields().ByName("version"); field != nil && field.Kind() == protoreflect.Uint64Kind {
		_, err := fmt.Fprintln(s.stdout, s.moment(asOf, answer.ProtoReflect().Get(field).Uint()))
		return err
	}
	return nil
}

func (s *session) showCSV(sections []section) error {
	var lists []section
	for _, section := range sections {
		if section.list {
			lists = append(lists, section)
		}
	}
	switch {
	case len(lists) == 1:
		return lists[0].table.printCSV(s.stdout)
	case len(lists) == 0 && len(sections) == 1:
		return sections[0].table.printCSV(s.stdout)
	}
	return failed(exitUsage, "这个答复不是一张表,不能输出 CSV;请用 --json。", "This answer is not one table: use --json instead of --csv.")
}

// sectionsOf makes the tables of an answer: of what stands alone, then of each message and each list in it. What only says of
// which version it is or where the next page begins is left out. For people a text of several lines stands by itself, as it is.
func sectionsOf(m protoreflect.Message, l language, people bool) []section {
	all := fieldSections("", m, l, people, "version", "next_page_token")
	if len(all) > 1 && len(all[0].table.rows) == 0 {
		return all[1:]
	}
	return all
}

// fieldSections are the table of a message's own values and the sections of what it holds.
func fieldSections(title string, m protoreflect.Message, l language, people bool, without ...protoreflect.Name) []section {
	own := &table{columns: []column{{name: "field", zh: "项目", en: "Field"}, {name: "value", zh: "内容", en: "Value"}}}
	all := []section{{title: title, table: own}}
	var texts []section
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		name := heading(f, l)
		switch {
		case slices.Contains(without, f.Name()) || people && otherLanguage(f, l):
		case f.IsList() && f.Message() != nil:
			all = append(all, section{title: name, table: listTable(m.Get(f).List(), f.Message(), l, people), list: true})
		case f.Message() != nil && !f.IsMap():
			if m.Has(f) {
				all = append(all, fieldSections(name, m.Get(f).Message(), l, people)...)
			}
		case people && f.Kind() == protoreflect.StringKind && !f.IsList() && strings.Contains(strings.TrimSpace(m.Get(f).String()), "\n"):
			texts = append(texts, section{title: name, table: own, text: m.Get(f).String()})
		default:
			text := cellOf(m.Get(f), f, l, people)
			if isAmount.MatchString(text) {
				text = grouped(text)
			}
			if text != "" {
				own.add(name, text)
			}
		}
	}
	return append(all, texts...)
}

// listTable has a row an entry and a column a field.
func listTable(list protoreflect.List, d protoreflect.MessageDescriptor, l language, people bool) *table {
	t := new(table)
	var fields []protoreflect.FieldDescriptor
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); !people || !otherLanguage(f, l) {
			fields = append(fields, f)
		}
	}
	for _, f := range fields {
		t.columns = append(t.columns, column{
			name: string(f.Name()), zh: heading(f, chinese), en: heading(f, english),
			right: isNumber(f.Kind()) && !f.IsList(), whole: wholeCell(f),
		})
	}
	for i := range list.Len() {
		var row []string
		for _, f := range fields {
			row = append(row, cellOf(list.Get(i).Message().Get(f), f, l, people))
		}
		t.add(row...)
	}
	t.findAmounts()
	return t
}

// heading is a field's name over a column.
func heading(f protoreflect.FieldDescriptor, l language) string {
	if word := fieldWord(f, l); word != "" {
		return word
	}
	name := string(f.Name())
	if sentence(f) {
		name = name[:len(name)-len("_en")]
	}
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// sentence says whether a field is a sentence for people in one of the two languages.
func sentence(f protoreflect.FieldDescriptor) bool {
	name := string(f.Name())
	return f.Kind() == protoreflect.StringKind && (strings.HasSuffix(name, "_zh") || strings.HasSuffix(name, "_en"))
}

// otherLanguage says whether a field is a sentence in the language that is not asked for.
func otherLanguage(f protoreflect.FieldDescriptor, l language) bool {
	return sentence(f) && strings.HasSuffix(string(f.Name()), "_en") == (l == chinese)
}

// cellOf writes a value on one line, or for people one with entries in words of their own on a line an entry. 0, false and nothing are
// empty.
func cellOf(v protoreflect.Value, f protoreflect.FieldDescriptor, l language, people bool) string {
	switch {
	case f.IsMap():
		return ""
	case f.IsList():
		separator := " "
		switch {
		case people && wholeCell(f):
			separator = "\n"
		case f.Message() != nil:
			separator = "; "
		}
		var parts []string
		for i := range v.List().Len() {
			parts = append(parts, oneCell(v.List().Get(i), f, l, people))
		}
		return strings.Join(parts, separator)
	}
	return oneCell(v, f, l, people)
}

func oneCell(v protoreflect.Value, f protoreflect.FieldDescriptor, l language, people bool) string {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		var parts []string
		m := v.Message()
		if people {
			if text := entryWords(m.Interface(), l); text != "" {
				return text
			}
		}
		for i := range m.Descriptor().Fields().Len() {
			inner := m.Descriptor().Fields().Get(i)
			if text := cellOf(m.Get(inner), inner, l, people); text != "" {
				parts = append(parts, text)
			}
		}
		return strings.Join(parts, " ")
	case protoreflect.EnumKind:
		if value := f.Enum().Values().ByNumber(v.Enum()); value != nil && v.Enum() != 0 {
			if people {
				return enumText(value, l)
			}
			return enumWord(value)
		}
		return ""
	case protoreflect.BytesKind:
		if n := len(v.Bytes()); n > 0 {
			return fmt.Sprintf("(%d bytes)", n)
		}
		return ""
	}
	if text := v.String(); text != "0" && text != "false" {
		if word := valueChinese(f, text); people && l == chinese && word != "" {
			return word
		}
		return strings.Join(strings.Fields(text), " ")
	}
	return ""
}

// isAmount is how the API writes yuan.
var isAmount = regexp.MustCompile(`^-?[0-9]+\.[0-9]{2}$`)

// findAmounts sets the columns that hold amounts and nothing else as amounts.
func (t *table) findAmounts() {
	for i := range t.columns {
		filled, amounts := 0, 0
		for _, row := range t.rows {
			if row[i] != "" {
				filled++
			}
			if isAmount.MatchString(row[i]) {
				amounts++
			}
		}
		t.columns[i].amount = filled > 0 && filled == amounts
	}
}

// cellMax is how wide a cell for people is at most, digestMax a digest, which is recognised by its beginning. The rest is in
// --json and --csv.
const (
	cellMax   = 48
	digestMax = 12
)

// isDigest is how the API writes SHA-256.
var isDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// dropEmpty leaves out columns without anything in them, and shortens long cells when told to, for people.
func (t *table) dropEmpty(shorten bool) {
	var kept []int
	for i := range t.columns {
		for _, row := range t.rows {
			if row[i] != "" {
				kept = append(kept, i)
				break
			}
		}
	}
	if len(t.rows) == 0 {
		return
	}
	columns := make([]column, len(kept))
	for j, i := range kept {
		columns[j] = t.columns[i]
	}
	for n, row := range t.rows {
		cells := make([]string, len(kept))
		for j, i := range kept {
			if cells[j] = row[i]; shorten && !t.columns[i].whole {
				cells[j] = shortened(row[i])
			}
		}
		t.rows[n] = cells
	}
	t.columns = columns
}

// shortened cuts a text to cellMax columns of a terminal.
func shortened(text string) string {
	if isDigest.MatchString(text) {
		return text[:digestMax] + "…"
	}
	if displayWidth(text) <= cellMax {
		return text
	}
	width := 0
	for i, r := range text {
		if width += displayWidth(string(r)); width > cellMax-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// showDone prints what a command answered: its receipt, or else the answer and the command's id.
func (c *client) showDone(request, answer proto.Message) error {
	s := c.session
	if receipt := receiptIn(answer); receipt != nil {
		return s.showReceipt(receipt, "已办理。", "Done.", receiptLines(receipt, s.lang)[1:]...)
	}
	if err := c.keepAnsweredKey(request, answer); err != nil {
		return err
	}
	if _, id, ok := textField(request, "command_id"); ok && !s.json {
		fmt.Fprintf(s.stderr, s.lang.text("已办理,命令编号 %s\n", "Done, command %s\n"), id)
	}
	return s.showAnswer(answer, "")
}

// receiptIn is the receipt that the answers of commands on books hold.
func receiptIn(answer proto.Message) *apiv1.Receipt {
	r, ok := answer.(interface{ GetReceipt() *apiv1.Receipt })
	if !ok {
		return nil
	}
	return r.GetReceipt()
}

// keepAnsweredKey puts a key that a command issued into a file, never on the screen.
func (c *client) keepAnsweredKey(request, answer proto.Message) error {
	field, key, ok := textField(answer, "key")
	_, operator, named := textField(request, "operator")
	if !ok || !named || key == "" {
		return nil
	}
	path, err := c.keepKey(operator, "", func() (string, error) { return key, nil })
	if err != nil {
		return fmt.Errorf("keep the key just issued, issue another with mingzhang operator key: %w", err)
	}
	setText(answer, field, "")
	fmt.Fprintf(c.session.stderr, c.session.lang.text("密钥在 %s。\n", "The key is in %s.\n"), path)
	return nil
}

// entries are the messages of a message that is nothing but one list, else the message itself.
func entries(m proto.Message) []proto.Message {
	fields := m.ProtoReflect().Descriptor().Fields()
	if fields.Len() != 1 || !fields.Get(0).IsList() || fields.Get(0).Message() == nil {
		return []proto.Message{m}
	}
	list := m.ProtoReflect().Get(fields.Get(0)).List()
	all := make([]proto.Message, list.Len())
	for i := range all {
		all[i] = list.Get(i).Message().Interface()
	}
	return all
}

// compactJSON is a message as protobuf JSON on one line, always the same bytes.
func compactJSON(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	var b bytes.Buffer // protojson puts blanks in at random
	if err := json.Compact(&b, text); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return b.Bytes(), nil
}
