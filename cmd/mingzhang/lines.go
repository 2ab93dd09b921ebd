package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// lineBytesMax is the longest line of a file of commands.
const lineBytesMax = 1 << 20

// lineReader reads a file of commands line by line, however long the file.
//
//	{"method":"RecordIncome","as":"treasurer","request":{…}}
//
// "as" may be left out. Empty lines and lines that begin with # are skipped. A request without a command id gets one made of
// the file's base name (- for standard input), the line's number and its bytes: applying a file again does nothing twice, and the
// same line in two files is two commands. A byte order mark before the first line is no part of it.
type lineReader struct {
	name   string // as it was given
	in     *bufio.Reader
	number int   // of the line read last, from 1
	bytes  int64 // read so far
}

func newLineReader(name string, r io.Reader) *lineReader {
	return &lineReader{name: name, in: bufio.NewReaderSize(r, 64<<10)}
}

// numbered is a command with the place it stands at, or what is wrong with its line.
type numbered struct {
	file   string
	number int
	line   *apiv1.ApplyLine
	bad    *failure
}

func (n numbered) place() string { return n.file + ":" + strconv.Itoa(n.number) }

// next gives the next command. The error is io.EOF at the end, or that of reading.
func (r *lineReader) next() (numbered, error) {
	for {
		text, whole, err := r.readLine()
		if err != nil {
			return numbered{}, err
		}
		text = bytes.TrimSpace(text)
		if whole && (len(text) == 0 || text[0] == '#') {
			continue
		}
		n := numbered{file: r.name, number: r.number}
		switch {
		case !whole:
			n.bad = badLine("一行超过 %d 字节", "it is longer than %d bytes", lineBytesMax)
		default:
			n.line, n.bad = parseLine(filepath.Base(r.name)+":"+strconv.Itoa(r.number), text)
		}
		return n, nil
	}
}

// readLine reads one line of any length and keeps at most lineBytesMax of it; whole is false for a longer one.
func (r *lineReader) readLine() (text []byte, whole bool, err error) {
	whole = true
	for {
		part, err := r.in.ReadSlice('\n')
		r.bytes += int64(len(part))
		if whole = whole && len(text)+len(part) <= lineBytesMax+1; whole {
			text = append(text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil, errors.Is(err, io.EOF) && len(text) > 0:
			if r.number++; r.number == 1 {
				text = bytes.TrimPrefix(text, byteOrderMark)
			}
			return text, whole, nil
		case errors.Is(err, io.EOF):
			return nil, true, io.EOF
		default:
			return nil, false, fmt.Errorf("read %s after line %d: %w", r.name, r.number, err)
		}
	}
}

// lineMalformed is the reason of a line that is no command at all, which no server has seen.
const lineMalformed = "line_malformed"

// byteOrderMark is what some editors put before a text in UTF-8.
var byteOrderMark = []byte("\ufeff")

func badLine(zh, en string, args ...any) *failure {
	f := failed(exitRefused, "这一行写法不对:"+zh+"。", "The line is not well formed: "+en+".", args...)
	f.reason = lineMalformed
	return f
}

// parseLine reads one command that stands at a place, of which its id is made when it has none.
func parseLine(place string, text []byte) (*apiv1.ApplyLine, *failure) {
	var c struct {
		Method  string          `json:"method"`
		As      string          `json:"as"`
		Request json.RawMessage `json:"request"`
	}
	if text[0] != '{' {
		return nil, badLine("每一行应为一个 JSON 对象,如 "+lineExample, "every line is one JSON object like "+lineExample)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, badJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, badLine("一行只能有一个命令", "there is more than one command in it")
	}
	if c.Method == "" {
		return nil, badLine("缺少 method", "it has no method")
	}
	request := bytes.TrimSpace(c.Request)
	if len(request) == 0 || request[0] != '{' {
		return nil, badLine("request 应是一个 JSON 对象", "request has to be a JSON object")
	}
	if !hasCommandID(request) {
		request = withCommandID(request, len(bytes.TrimSpace(request[1:len(request)-1])) > 0, commandIDOf(place, text))
	}
	return &apiv1.ApplyLine{Method: c.Method, As: c.As, RequestJson: string(request)}, nil
}

// hasCommandID says whether a JSON object has a command id. Most have none, which takes no parsing: a key that is nowhere in the
// text is no key.
func hasCommandID(request []byte) bool {
	if !bytes.Contains(request, []byte(`"commandId"`)) && !bytes.Contains(request, []byte(`"command_id"`)) {
		return false
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(request, &fields); err != nil {
		return true // what is wrong with it is said when it is read as a request
	}
	return fields["commandId"] != nil || fields["command_id"] != nil
}

const lineExample = `{"method":"RecordIncome","as":"treasurer","request":{…}}`

// badJSON says what is wrong with the JSON of a line.
func badJSON(err error) *failure {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	name, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badLine("JSON 在行中断开,文件没有写完或被截断", "the JSON ends in the middle, the file may be truncated")
	case errors.As(err, &syntax):
		return badLine("第 %d 个字节处不是合法的 JSON", "there is no valid JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return badLine("%s 应是一段文字", "%s has to be a string", kind.Field)
	case unknown:
		return badLine("没有 %s 这一项;一行只有 method、as、request", "there is no field %s; a line has method, as and request", name)
	}
	return badLine("不是合法的 JSON", "it is no valid JSON")
}

// withCommandID puts a command id in front of the other fields of a JSON object.
func withCommandID(object []byte, more bool, id uuid.UUID) []byte {
	field := `{"commandId":"` + id.String() + `"`
	if more {
		field += ","
	}
	return append([]byte(field), object[1:]...)
}

// commandIDs is the name space of command ids made of content.
var commandIDs = uuid.NewSHA1(uuid.NameSpaceURL, []byte("mingzhang/apply@v1"))

// commandIDOf makes a command id of where a command stands and of its bytes (UUID version 5).
func commandIDOf(place string, text []byte) uuid.UUID {
	return uuid.NewSHA1(commandIDs, append([]byte(place+"\n"), text...))
}
