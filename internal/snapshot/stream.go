package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"google.golang.org/protobuf/proto"
)

const (
	pieceBytes = 1 << 20  // what is written, hashed and read at a time
	arenaBytes = 64 << 10 // texts that are read share pieces of memory of this size
	loneBytes  = 4 << 10  // a longer text gets memory of its own
)

// errBad is panicked with inside Encode and Decode and caught by them.
type errBad struct{ error }

// Encode writes what v points to. Nobody may change it meanwhile.
func (c *Codec) Encode(w io.Writer, v any) (err error) {
	at, err := c.of(v)
	if err != nil {
		return err
	}
	e := &encoder{w: w, seen: map[object]uint64{}}
	defer catch(&err, "write")
	c.root.encode(e, at)
	return e.flush(0)
}

// Decode fills what v points to, which must be zero, from exactly length bytes. Any bytes give a value or an error and take
// no more memory than a small multiple of their length; a value is what was written only if the bytes are. After an error
// the value is useless.
func (c *Codec) Decode(r io.Reader, length int64, v any) (err error) {
	at, err := c.of(v)
	if err != nil {
		return err
	}
	d := &decoder{r: r, left: length}
	defer catch(&err, "read")
	c.root.decode(d, at)
	if d.left != 0 {
		return fmt.Errorf("read snapshot: %d bytes too many", d.left)
	}
	return nil
}

func catch(err *error, what string) {
	switch r := recover().(type) {
	case nil:
	case errBad:
		*err = fmt.Errorf("%s snapshot: %w", what, r.error)
	default:
		panic(r)
	}
}

// encoder gathers bytes and hands them on in pieces.
type encoder struct {
	w    io.Writer // nil: all is gathered
	buf  []byte
	seen map[object]uint64 // number of each value pointed to, from 1
}

// flush writes when more than keep bytes are gathered.
func (e *encoder) flush(keep int) error {
	if e.w == nil || len(e.buf) <= keep {
		return nil
	}
	_, err := e.w.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

func (e *encoder) bytes(b []byte) {
	e.buf = append(e.buf, b...)
	if err := e.flush(pieceBytes); err != nil {
		panic(errBad{err})
	}
}

func (e *encoder) number(n uint64) { e.buf = binary.AppendUvarint(e.buf, n) }

// count writes how many there are, and says whether it is not nil.
func (e *encoder) count(isNil bool, n int) bool {
	if isNil {
		e.number(0)
		return false
	}
	e.number(uint64(n) + 1)
	return true
}

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.bytes(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// refer writes 0 for nil, 1 for a value that follows, and for one that was met before its number, from 2 on. It says whether
// the value has to follow.
func (e *encoder) refer(p *plan, target unsafe.Pointer) bool {
	if target == nil {
		e.number(0)
		return false
	}
	key := object{target, p}
	if n := e.seen[key]; n != 0 {
		e.number(n + 1)
		return false
	}
	e.seen[key] = uint64(len(e.seen)) + 1
	e.number(1)
	return true
}

func (e *encoder) message(m proto.Message) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(errBad{err})
	}
	e.number(uint64(len(data)))
	e.bytes(data)
}

// decoder reads what an encoder wrote, and believes none of it.
type decoder struct {
	r       io.Reader
	buf     []byte // read and not used up
	room    []byte // what buf is read into
	left    int64  // bytes not used up, those in buf included
	arena   []byte // room for texts
	objects []object
}

func (d *decoder) fail(why string) { panic(errBad{errors.New(why)}) }

// more makes the next bytes ready when all are used up.
func (d *decoder) more() {
	if d.left <= 0 {
		d.fail("it ends too early")
	}
	if d.room == nil {
		d.room = make([]byte, 64<<10)
	}
	n, err := io.ReadAtLeast(d.r, d.room[:min(int64(len(d.room)), d.left)], 1)
	if err != nil {
		panic(errBad{err})
	}
	d.buf = d.room[:n]
}

func (d *decoder) bytes(to []byte) {
	if int64(len(to)) > d.left {
		d.fail("it ends too early")
	}
	d.left -= int64(len(to))
	n := copy(to, d.buf)
	d.buf = d.buf[n:]
	if n == len(to) {
		return
	}
	// What is wanted is longer than what is left of the buffer: the middle goes straight to its place.
	if to = to[n:]; len(to) >= len(d.room) {
		if _, err := io.ReadFull(d.r, to); err != nil {
			panic(errBad{err})
		}
		return
	}
	d.left += int64(len(to))
	for len(to) > 0 {
		d.more()
		n := copy(to, d.buf)
		d.buf, to = d.buf[n:], to[n:]
		d.left -= int64(n)
	}
}

func (d *decoder) number() uint64 {
	if n, size := binary.Uvarint(d.buf); size > 0 {
		d.buf = d.buf[size:]
		d.left -= int64(size)
		return n
	}
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		if len(d.buf) == 0 {
			d.more()
		}
		b := d.buf[0]
		d.buf = d.buf[1:]
		d.left--
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	d.fail("a number is too long")
	return 0
}

// emptyMax bounds lists of things that take no bytes, which the length of the input does not.
const emptyMax = 1 << 20

// count reads how many there are of what takes least bytes each; some is false for nil.
func (d *decoder) count(least int) (n int, some bool) {
	c := d.number()
	if c == 0 {
		return 0, false
	}
	c--
	if least > 0 && c > uint64(d.left)/uint64(least) || least == 0 && c > emptyMax {
		d.fail("a list is longer than what is left")
	}
	return int(c), true
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(d.left) {
		d.fail("a text is longer than what is left")
	}
	if n == 0 {
		return ""
	}
	if n > loneBytes {
		b := make([]byte, n)
		d.bytes(b)
		return unsafe.String(&b[0], len(b))
	}
	if uint64(len(d.arena)) < n {
		d.arena = make([]byte, arenaBytes)
	}
	b := d.arena[:n:n]
	d.arena = d.arena[n:]
	d.bytes(b)
	return unsafe.String(&b[0], len(b)) // b is never written again
}

// refer reads a pointer: nil, one to a value read before, or begun for one that follows.
func (d *decoder) refer(p *plan) (target unsafe.Pointer, begun bool) {
	switch n := d.number(); {
	case n == 0:
		return nil, false
	case n == 1:
		return nil, true
	case n-2 < uint64(len(d.objects)) && d.objects[n-2].plan == p:
		return d.objects[n-2].at, false
	}
	d.fail("a pointer to nothing of its type")
	return nil, false
}

// message reads a message with the generated decoder where there is one.
func (d *decoder) message(m proto.Message) {
	n := d.number()
	if n > uint64(d.left) {
		d.fail("a message is longer than what is left")
	}
	data := make([]byte, n)
	d.bytes(data)
	var err error
	if fast, ok := m.(interface{ UnmarshalVT([]byte) error }); ok {
		err = fast.UnmarshalVT(data)
	} else {
		err = proto.Unmarshal(data, m)
	}
	if err != nil {
		panic(errBad{err})
	}
}
