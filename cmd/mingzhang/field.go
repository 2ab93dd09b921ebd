package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fieldFlag is a field of a request as a flag. It is a pflag.Value that keeps the texts and reads them when all are known, so
// that a mistake is told in the words of this program.
//
//	string, number     --amount 98000.00
//	true or false      --descending
//	enum               --matter spending-rule
//	list               the flag once for each entry; numbers also as 1,2,3
//	message            --shares fund=dividend,share=0.7, or JSON where a value holds a comma
//	bytes              @FILE, or base64
type fieldFlag struct {
	name  string // of the flag
	field protoreflect.FieldDescriptor
	given []string
}

// taken are the names of flags that every verb has; a field of such a name gets one with -field behind.
var taken = map[string]bool{"data": true, "server": true, "key": true, "collective": true, "as": true, "json": true, "csv": true,
	"lang": true, "help": true, "yes": true, "dry-run": true, "command-id": true, "request": true, "limit": true}

// fieldFlags gives a command a flag for every field that the user fills in. The collective comes from --collective, the
// command's id is made, pages are followed.
func (s *session) fieldFlags(cmd *cobra.Command, request protoreflect.MessageDescriptor) []*fieldFlag {
	var flags []*fieldFlag
	for i := range request.Fields().Len() {
		field := request.Fields().Get(i)
		switch field.Name() {
		case "collective_id", "page_size":
			continue
		case "command_id":
			if request.Fields().ByName("page_size") == nil {
				continue // a command's own; a list is asked for somebody's
			}
		}
		name := kebab(field.Name())
		if taken[name] {
			name += "-field"
		}
		f := &fieldFlag{name: name, field: field}
		flag := cmd.Flags().VarPF(f, name, "", s.fieldUsage(field))
		if field.Kind() == protoreflect.BoolKind && !field.IsList() {
			flag.NoOptDefVal = "true"
		}
		s.completeField(cmd, name, field)
		flags = append(flags, f)
	}
	return flags
}

// fieldUsage is the help of a field: its word, its comment, its possible values.
func (s *session) fieldUsage(field protoreflect.FieldDescriptor) string {
	text := strings.TrimSuffix(strings.ReplaceAll(commentOf(field), "`", ""), ".")
	if word := fieldWord(field, chinese); s.lang == chinese && word != "" {
		text = word + ":" + text
	}
	if field.Enum() != nil {
		text += " (" + strings.Join(enumWords(field.Enum()), ", ") + ")"
	}
	if message := field.Message(); message != nil && !field.IsMap() {
		text += " (" + strings.Join(fieldNames(message), ", ") + ")"
	}
	return text
}

// fieldNames are the fields of a message as they are named in a list of key=value.
func fieldNames(message protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range message.Fields().Len() {
		names = append(names, string(message.Fields().Get(i).Name()))
	}
	return names
}

// String implements pflag.Value.
func (f *fieldFlag) String() string { return strings.Join(f.given, " ") }

// Set implements pflag.Value.
func (f *fieldFlag) Set(text string) error {
	if !f.field.IsList() {
		f.given = nil
	}
	f.given = append(f.given, text)
	return nil
}

// Type implements pflag.Value: what stands for the value in the help.
func (f *fieldFlag) Type() string {
	switch {
	case f.field.IsMap():
		return "JSON"
	case f.field.Message() != nil:
		return "key=value,..." // in ASCII: the help is aligned by bytes
	case f.field.Enum() != nil:
		return "word"
	case f.field.Kind() == protoreflect.BytesKind:
		return "@FILE"
	case f.field.Kind() == protoreflect.StringKind:
		return "text"
	case f.field.Kind() == protoreflect.BoolKind:
		return "bool"
	}
	return "number"
}

// put writes what was given into a request, over what it held. Two fields of which only one can be are refused.
func (f *fieldFlag) put(request protoreflect.Message, by map[protoreflect.Name]string) error {
	if len(f.given) == 0 {
		return nil
	}
	if one := f.field.ContainingOneof(); one != nil && !one.IsSynthetic() {
		if other := by[one.Name()]; other != "" {
			return failed(exitUsage, "--%s 和 --%s 只能给一个。", "Give --%s or --%s, not both.", other, f.name)
		}
		by[one.Name()] = f.name
	}
	request.Clear(f.field)
	for _, text := range f.given {
		if err := setField(request, f.field, text); err != nil {
			return wrongValue("--"+f.name, text, err)
		}
	}
	return nil
}

// expected is what a value should have been, in two languages.
type expected struct{ zh, en string }

func (e expected) Error() string { return e.en }

// wrongValue names a flag whose value is not right.
func wrongValue(flag, text string, err error) *failure {
	want := expected{err.Error(), err.Error()}
	errors.As(err, &want)
	return &failure{exitUsage, "", fmt.Sprintf("选项 %s 的值“%s”不对:%s。", flag, text, want.zh),
		fmt.Sprintf("The value \"%s\" of %s is wrong: %s.", text, flag, want.en), err}
}

// setField reads a text into a field. A list gets one more entry, or several numbers.
func setField(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) error {
	if field.IsMap() {
		return putJSON(m, field, text)
	}
	if !field.IsList() {
		value, err := fieldValue(m.NewField(field), field, text)
		if err == nil {
			m.Set(field, value)
		}
		return err
	}
	parts := []string{text}
	if isNumber(field.Kind()) {
		parts = strings.Split(text, ",")
	}
	list := m.Mutable(field).List()
	for _, part := range parts {
		value, err := fieldValue(list.NewElement(), field, part)
		if err != nil {
			return err
		}
		list.Append(value)
	}
	return nil
}

// putJSON reads a whole field from JSON, as the API takes it.
func putJSON(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) error {
	whole := m.New()
	if err := protojson.Unmarshal([]byte(`{"`+field.JSONName()+`":`+text+`}`), whole.Interface()); err != nil {
		return expected{"应是 JSON", "it should be JSON"}
	}
	proto.Merge(m.Interface(), whole.Interface())
	return nil
}

func isNumber(kind protoreflect.Kind) bool {
	switch kind {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	}
	return true
}

// fieldValue reads one value; empty is a new one of the field's kind.
func fieldValue(empty protoreflect.Value, field protoreflect.FieldDescriptor, text string) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BoolKind:
		is, err := strconv.ParseBool(text)
		if err != nil {
			return empty, expected{"应是 true 或 false", "it is true or false"}
		}
		return protoreflect.ValueOfBool(is), nil
	case protoreflect.EnumKind:
		return enumValue(field.Enum(), text)
	case protoreflect.BytesKind:
		return bytesValue(text)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return empty, setMessage(empty.Message(), text)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), whole(err)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		return protoreflect.ValueOfInt64(n), whole(err)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), whole(err)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		return protoreflect.ValueOfUint64(n), whole(err)
	}
	return empty, fmt.Errorf("a field of kind %s", field.Kind()) // money is never a float
}

func whole(err error) error {
	if err != nil {
		return expected{"应是整数", "it is a whole number"}
	}
	return nil
}

// enumValue finds a value by its short word, or by its name in the schema.
func enumValue(e protoreflect.EnumDescriptor, text string) (protoreflect.Value, error) {
	word := kebab(protoreflect.Name(text))
	for i := range e.Values().Len() {
		if v := e.Values().Get(i); v.Number() != 0 && (enumWord(v) == word || kebab(v.Name()) == word) {
			return protoreflect.ValueOfEnum(v.Number()), nil
		}
	}
	words := strings.Join(enumWords(e), ", ")
	return protoreflect.Value{}, expected{"可用的有 " + words, "it is one of " + words}
}

// fileBytesMax is the most that is read of a file named as a value: what a request may have.
const fileBytesMax = 4 << 20

// bytesValue reads a file named behind @, or base64.
func bytesValue(text string) (protoreflect.Value, error) {
	name, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return protoreflect.Value{}, expected{"应是 @文件 或 base64", "it is @FILE or base64"}
		}
		return protoreflect.ValueOfBytes(content), nil
	}
	file, err := os.Open(name)
	if err != nil {
		zh, en := problemOf(err)
		return protoreflect.Value{}, expected{zh, en}
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, fileBytesMax+1))
	if err != nil {
		zh, en := problemOf(err)
		return protoreflect.Value{}, expected{zh, en}
	}
	if len(content) > fileBytesMax {
		return protoreflect.Value{}, expected{"文件超过 4 MiB", "the file has more than 4 MiB"}
	}
	return protoreflect.ValueOfBytes(content), nil
}

// setMessage reads a message from JSON or from key=value, …; a key is a field's name, with dots into messages within.
func setMessage(m protoreflect.Message, text string) error {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if err := protojson.Unmarshal([]byte(text), m.Interface()); err != nil {
			f := badMessage("JSON", err)
			return expected{strings.TrimSuffix(f.zh, "。"), strings.TrimSuffix(f.en, ".")}
		}
		return nil
	}
	for _, pair := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return expected{"应写成 名=值,名=值,或 JSON", "it is key=value,key=value or JSON"}
		}
		if err := setPath(m, strings.Split(strings.TrimSpace(key), "."), value); err != nil {
			return err
		}
	}
	return nil
}

func setPath(m protoreflect.Message, path []string, value string) error {
	name := protoreflect.Name(strings.ReplaceAll(kebab(protoreflect.Name(path[0])), "-", "_"))
	field := m.Descriptor().Fields().ByName(name)
	switch {
	case field == nil:
		names := strings.Join(fieldNames(m.Descriptor()), ", ")
		return expected{"没有 " + path[0] + ",可用的有 " + names, "there is no " + path[0] + ", but " + names}
	case len(path) == 1:
		return setField(m, field, value)
	case field.Message() == nil || field.IsList() || field.IsMap():
		return expected{path[0] + " 里面没有 " + path[1], "there is no " + path[1] + " in " + path[0]}
	}
	return setPath(m.Mutable(field).Message(), path[1:], value)
}
