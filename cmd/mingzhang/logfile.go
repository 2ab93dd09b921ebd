package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// A log file is one collective's log for other programs and other places, one JSON object a line:
//
//	{"mingzhang":"log","format":1,"collective":"liminba","origin":"example.org/liminba"}
//	{"version":1,"type":"collective_founded","data":"<stored bytes, base64>","event":{…},"leaf":"<leaf hash, hex>"}
//	…
//	{"head":{"size":172,"root":"<hex>","note":"<signed head>","verifierKey":"<public key of the log>"}}
//
// The bytes decide; "event" is the same for reading and may be left out. note and verifierKey are empty when who exported may
// not read heads, or the file ends before the log does. The last line shows that the file was not cut off.
const (
	logFileKind   = "log"
	logFileFormat = 1

	// logLineMax is the longest line. An event whose readable form would make its line longer is written without that.
	logLineMax = 1 << 20
)

type logHeader struct {
	Mingzhang  string `json:"mingzhang"`
	Format     int    `json:"format"`
	Collective string `json:"collective"`
	Origin     string `json:"origin"`
}

type logEvent struct {
	Version uint64          `json:"version"`
	Type    string          `json:"type"`
	Data    string          `json:"data"`
	Event   json.RawMessage `json:"event,omitempty"`
	Leaf    string          `json:"leaf"`
}

type logEnd struct {
	Head *logHead `json:"head"`
}

type logHead struct {
	Size        uint64 `json:"size"`
	Root        string `json:"root"`
	Note        string `json:"note"`
	VerifierKey string `json:"verifierKey"`
}

// log writes the log up to the version of the export. Where the caller may read heads, and no earlier version is asked for, it
// goes exactly as far as the head that stands in the last line.
func (x *export) log(ctx context.Context, w io.Writer) error {
	head, err := x.client.audit.GetHead(ctx, &apiv1.GetHeadRequest{CollectiveId: x.collective})
	switch {
	case permissionDenied(err):
		head = &apiv1.GetHeadResponse{}
	case err != nil:
		return err
	case x.version == 0:
		x.version = head.Size
	}
	var hasher *transparency.Hasher
	err = x.client.readLog(ctx, x.collective, x.version, func(e *apiv1.LogEvent) error {
		stored := storedEvent(x.collective, e)
		if hasher == nil {
			if hasher, err = writeLogHeader(w, x.collective, stored); err != nil {
				return err
			}
		}
		return writeLogEvent(w, hasher, stored)
	})
	if err != nil {
		return err
	}
	if hasher == nil {
		return failed(exitRefused, "还没有任何记录。", "Nothing is recorded yet.")
	}
	root := hasher.Root()
	end := logHead{Size: hasher.Size(), Root: hex.EncodeToString(root[:])}
	if head.Size == end.Size {
		if head.Root != end.Root {
			return damagedAt(ledger.StreamOf(x.collective), 0, "the events that were sent do not have the root of the signed head")
		}
		end.Note, end.VerifierKey = head.Note, head.VerifierKey
	}
	return writeLine(w, logEnd{&end})
}

func writeLogHeader(w io.Writer, collective string, first eventstore.Event) (*transparency.Hasher, error) {
	origin, err := originOf(first.Stream, first)
	if err != nil {
		return nil, err
	}
	hasher, err := transparency.NewHasher(origin)
	if err != nil {
		return nil, err
	}
	return hasher, writeLine(w, logHeader{logFileKind, logFileFormat, collective, origin})
}

func writeLogEvent(w io.Writer, hasher *transparency.Hasher, stored eventstore.Event) error {
	event, err := ledger.Decode(stored)
	if err != nil {
		return err
	}
	leaf, err := hasher.Add(stored.Type, stored.Data)
	if err != nil {
		return err
	}
	readable, err := readableEvent(event)
	if err != nil {
		return err
	}
	line := logEvent{stored.Version, stored.Type, base64.StdEncoding.EncodeToString(stored.Data), readable, hex.EncodeToString(leaf[:])}
	if len(line.Data)+len(readable)+512 > logLineMax {
		line.Event = nil
	}
	return writeLine(w, line)
}

// readableEvent is an event as JSON, always the same bytes; protojson puts blanks in at random.
func readableEvent(e *eventv1.Event) (json.RawMessage, error) {
	loose, err := protojson.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write event %d: %w", e.Version, err)
	}
	var tight bytes.Buffer
	if err := json.Compact(&tight, loose); err != nil {
		return nil, fmt.Errorf("write event %d: %w", e.Version, err)
	}
	return tight.Bytes(), nil
}

func writeLine(w io.Writer, line any) error {
	text := json.NewEncoder(w)
	text.SetEscapeHTML(false)
	if err := text.Encode(line); err != nil {
		return fmt.Errorf("write a line of the log: %w", err)
	}
	return nil
}

// logReader reads a log file and believes nothing: every line has to follow from the one before, every hash to fit.
type logReader struct {
	name   string
	verify bool // it is read for verify, which imports nothing
	in     *bufio.Reader
	line   int // number of the line read last, from 1
	header logHeader
	hasher *transparency.Hasher
	leaf   transparency.Hash // of the event read last
	head   logHead           // of the last line; Size 0 before it
}

func newLogReader(name string, r io.Reader) *logReader {
	return &logReader{name: name, in: bufio.NewReaderSize(r, 64<<10)}
}

// bad is what is wrong with the line read last.
func (r *logReader) bad(zh, en string, args ...any) *failure {
	if r.verify {
		f := failed(exitVerified, r.place()+":"+zh+"。", r.place()+": "+en+".", args...)
		f.cause = &transparency.PublishedError{File: r.place(), Version: r.due(), Reason: f.en}
		return f
	}
	return failed(exitVerified, r.place()+":"+zh+";什么也没有导入。", r.place()+": "+en+"; nothing was imported.", args...)
}

// due is the version of the event in the line read last; 0 where there is none.
func (r *logReader) due() uint64 {
	if r.hasher == nil {
		return 0
	}
	return uint64(max(r.line-1, 0))
}

func (r *logReader) place() string { return fmt.Sprintf("%s:%d", r.name, max(r.line, 1)) }

// readLine reads one line, no longer than logLineMax; a longer one is refused without reading on.
func (r *logReader) readLine() ([]byte, error) {
	var text []byte
	r.line++
	for {
		part, err := r.in.ReadSlice('\n')
		if len(text)+len(part) > logLineMax {
			return nil, r.bad("这一行超过 %d 字节", "the line is longer than %d bytes", logLineMax)
		}
		text = append(text, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(text, []byte("\n")), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, r.bad("文件在行中断开,没有写完或被截断", "the file ends in the middle of a line, it was cut off")
		default:
			return nil, fmt.Errorf("read %s: %w", r.name, err)
		}
	}
}

// parse reads exactly one object of the known fields, written as we would write it: no byte of the file is without meaning.
func (r *logReader) parse(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return r.bad("这一行写法不对(%v)", "the line is not well formed (%v)", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r.bad("一行应只有一个对象", "there is more than one object in the line")
	}
	var again bytes.Buffer
	if err := writeLine(&again, into); err != nil || !bytes.Equal(bytes.TrimSuffix(again.Bytes(), []byte("\n")), text) {
		return r.bad("这一行不是写下时的样子", "the line is not as it was written")
	}
	return nil
}

// start reads the first line.
func (r *logReader) start() error {
	text, err := r.readLine()
	if errors.Is(err, io.EOF) {
		return r.bad("文件是空的", "the file is empty")
	}
	if err != nil {
		return err
	}
	var kind struct {
		Mingzhang string
		Format    int
	}
	if json.Unmarshal(text, &kind) != nil || kind.Mingzhang != logFileKind {
		return r.bad("这不是 mingzhang export jsonl 写的文件", "the file was not written by mingzhang export jsonl")
	}
	if kind.Format != logFileFormat {
		return r.bad("文件格式是第 %d 版,本程序只认第 %d 版", "the file has format %d, this program knows format %d", kind.Format, logFileFormat)
	}
	if err := r.parse(text, &r.header); err != nil {
		return err
	}
	if !ledger.ValidCollectiveID(r.header.Collective) {
		return r.bad("集体编号 %q 不对", "%q cannot be the id of a collective", r.header.Collective)
	}
	if r.hasher, err = transparency.NewHasher(r.header.Origin); err != nil {
		return r.bad("日志名不对(%v)", "the name of the log is wrong (%v)", err)
	}
	return nil
}

// next gives the next event, or io.EOF when the file has come to its proper end.
func (r *logReader) next() (eventstore.Event, *eventv1.Event, error) {
	text, err := r.readLine()
	if errors.Is(err, io.EOF) {
		return eventstore.Event{}, nil, r.bad("没有最后一行(根),文件被截断", "the last line, with the head, is missing: the file was cut off")
	}
	if err != nil {
		return eventstore.Event{}, nil, err
	}
	if bytes.HasPrefix(text, []byte(`{"head"`)) {
		return eventstore.Event{}, nil, r.end(text)
	}
	return r.event(text)
}

// nextLeaf is next with the leaf hash in place of the event as it is read.
func (r *logReader) nextLeaf() (eventstore.Event, transparency.Hash, error) {
	stored, _, err := r.next()
	return stored, r.leaf, err
}

func (r *logReader) event(text []byte) (stored eventstore.Event, event *eventv1.Event, err error) {
	var line logEvent
	if err := r.parse(text, &line); err != nil {
		return stored, nil, err
	}
	if due := r.hasher.Size() + 1; line.Version != due {
		return stored, nil, r.bad("应是第 %d 笔,却是第 %d 笔", "version %d is due, this is version %d", due, line.Version)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(line.Data)
	if err != nil {
		return stored, nil, r.bad("data 不是 base64", "data is no base64")
	}
	stored = eventstore.Event{Stream: ledger.StreamOf(r.header.Collective), Version: line.Version, Type: line.Type, Data: data}
	if err := eventstore.CheckAppend(stored.Stream, []eventstore.NewEvent{{Type: line.Type, Data: data}}); err != nil {
		return stored, nil, r.bad("这笔不能入库(%v)", "no store takes this event (%v)", err)
	}
	leaf, err := r.hasher.Add(line.Type, data)
	if err != nil || hex.EncodeToString(leaf[:]) != line.Leaf {
		return stored, nil, r.bad("第 %d 笔的内容与它的哈希不符", "version %d does not have the hash that stands beside it", line.Version)
	}
	r.leaf = leaf
	event, err = ledger.Decode(stored)
	if err != nil {
		return stored, nil, r.bad("第 %d 笔读不出来(%v)", "version %d cannot be read (%v)", line.Version, err)
	}
	if !sameReadable(event, line.Event) {
		return stored, nil, r.bad("第 %d 笔供阅读的内容与存下的字节不符", "the readable form of version %d is not what its bytes say", line.Version)
	}
	return stored, event, r.first(stored, event)
}

// first holds the first event to what the header promised.
func (r *logReader) first(stored eventstore.Event, event *eventv1.Event) error {
	if stored.Version != 1 {
		return nil
	}
	origin, err := originOf(stored.Stream, stored)
	if err != nil || origin != r.header.Origin || event.GetCollectiveFounded().GetCollectiveId() != r.header.Collective {
		return r.bad("第一笔不是成立 %s(%s)", "the first event does not found %s (%s)", r.header.Collective, r.header.Origin)
	}
	return nil
}

// sameReadable compares the readable form with the event, value by value; a file may leave it out. It is compared as JSON, for
// as a message it could be written in more than one way.
func sameReadable(event *eventv1.Event, readable json.RawMessage) bool {
	if len(readable) == 0 {
		return true
	}
	ours, err := readableEvent(event)
	if err != nil {
		return false
	}
	if bytes.Equal(ours, readable) {
		return true
	}
	var here, there any // of another version of the library, that orders or spaces otherwise
	return json.Unmarshal(ours, &here) == nil && json.Unmarshal(readable, &there) == nil && reflect.DeepEqual(here, there)
}

// end reads the last line and gives io.EOF when all fits.
func (r *logReader) end(text []byte) error {
	var end logEnd
	if err := r.parse(text, &end); err != nil {
		return err
	}
	root := r.hasher.Root()
	switch {
	case end.Head == nil || end.Head.Size != r.hasher.Size() || end.Head.Size == 0:
		return r.bad("文件里有 %d 笔,最后一行说的不是这个数", "the file has %d events, its last line says otherwise", r.hasher.Size())
	case end.Head.Root != hex.EncodeToString(root[:]):
		return r.bad("这些笔的根与最后一行的不符", "the events do not have the root of the last line")
	}
	if end.Head.Note != "" || end.Head.VerifierKey != "" {
		signed, err := transparency.OpenHead([]byte(end.Head.Note), end.Head.VerifierKey)
		if err != nil || signed != (transparency.Head{Origin: r.header.Origin, Size: end.Head.Size, Root: root}) {
			return r.bad("最后一行的签名不对", "the signature in the last line is wrong")
		}
	}
	if _, err := r.in.Peek(1); !errors.Is(err, io.EOF) {
		return r.bad("最后一行之后还有内容", "there is more after the last line")
	}
	r.head = *end.Head
	return io.EOF
}
