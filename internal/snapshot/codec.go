package snapshot

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"google.golang.org/protobuf/proto"
)

// Codec writes and reads values of one type in memory's own layout where that is possible: a list of numbers is copied in one
// go. It may be used by many goroutines at once.
//
//   - Numbers, booleans, strings, arrays, slices, maps and structs are copied; nil and empty stay apart.
//   - Two pointers to one value point to one value again. A pointer into the middle of another value is not noticed: it
//     becomes a value of its own.
//   - Messages are copied as their deterministic encoding, *time.Location by its name.
//   - sync.Mutex and sync.RWMutex are left alone: they come back unlocked.
//   - Floats, interfaces, channels, functions, other types of sync and map keys with pointers are refused by NewCodec.
type Codec struct {
	root   *plan
	schema [sha256.Size]byte
}

// plan is how values of one type are copied.
type plan struct {
	t      reflect.Type
	flat   bool // memory without pointers and without gaps: copied as it is
	least  int  // bytes at the least, to hold counts against what is left
	encode func(e *encoder, p unsafe.Pointer)
	decode func(d *decoder, p unsafe.Pointer)
}

// NewCodec makes the codec of what v points to. Its error names the field that cannot be copied.
func NewCodec(v any) (*Codec, error) {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("snapshot of %v: not a pointer", t)
	}
	b := &builder{plans: map[reflect.Type]*plan{}}
	root := b.plan(t.Elem(), t.Elem().String())
	if len(b.errs) > 0 {
		return nil, fmt.Errorf("snapshot of %v: %w", t.Elem(), errors.Join(b.errs...))
	}
	fmt.Fprintf(&b.schema, "%s %d", runtime.GOARCH, unsafe.Sizeof(uintptr(0)))
	return &Codec{root, sha256.Sum256([]byte(b.schema.String()))}, nil
}

// builder makes plans, each type once, and writes down the structure it meets.
type builder struct {
	plans  map[reflect.Type]*plan
	schema strings.Builder
	errs   []error
}

var (
	messageType  = reflect.TypeFor[proto.Message]()
	locationType = reflect.TypeFor[*time.Location]()
	timeType     = reflect.TypeFor[time.Time]()
)

func (b *builder) plan(t reflect.Type, path string) *plan {
	fmt.Fprintf(&b.schema, "%s.%v(%v %d);", t.PkgPath(), t, t.Kind(), t.Size())
	if p := b.plans[t]; p != nil {
		return p
	}
	p := &plan{t: t}
	b.plans[t] = p // before its parts are looked at: types may contain themselves
	switch {
	case t.Implements(messageType) && t.Kind() == reflect.Pointer:
		p.message()
	case t == locationType:
		p.location()
	case t == timeType:
		p.refuse(b, path, "keep instants as numbers")
	case t.Kind() == reflect.Struct && (t.PkgPath() == "sync" && (t.Name() == "Mutex" || t.Name() == "RWMutex")):
		p.encode, p.decode = func(*encoder, unsafe.Pointer) {}, func(*decoder, unsafe.Pointer) {}
	case t.Kind() == reflect.Struct && (strings.HasPrefix(t.PkgPath(), "sync") || t.PkgPath() == "unique" || reflect.PointerTo(t).Implements(messageType)):
		p.refuse(b, path, "it must not be copied")
	default:
		b.build(p, path)
	}
	return p
}

func (p *plan) refuse(b *builder, path, why string) {
	b.errs = append(b.errs, fmt.Errorf("%s is a %v: %s", path, p.t, why))
}

func (b *builder) build(p *plan, path string) {
	switch t := p.t; t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.memory()
	case reflect.String:
		p.least = 1
		p.encode = func(e *encoder, at unsafe.Pointer) { e.text(*(*string)(at)) }
		p.decode = func(d *decoder, at unsafe.Pointer) { *(*string)(at) = d.text() }
	case reflect.Array:
		b.array(p, b.plan(t.Elem(), path+"[]"))
	case reflect.Slice:
		b.slice(p, b.plan(t.Elem(), path+"[]"))
	case reflect.Map:
		if holdsPointer(t.Key()) {
			p.refuse(b, path, "its keys hold pointers")
			return
		}
		mapping(p, b.plan(t.Key(), path+" key"), b.plan(t.Elem(), path+"[]"))
	case reflect.Pointer:
		pointer(p, b.plan(t.Elem(), path))
	case reflect.Struct:
		b.structure(p, path)
	default:
		p.refuse(b, path, "values of this kind cannot be copied")
	}
}

// holdsPointer says whether a key is or has a pointer. Texts are compared by what they say and are none.
func holdsPointer(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Chan, reflect.UnsafePointer:
		return true
	case reflect.Array:
		return holdsPointer(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsPointer(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// together copies fields that lie side by side.
func together(size int) *plan {
	p := &plan{}
	p.copies(size)
	return p
}

// memory copies a value of fixed size as it is.
func (p *plan) memory() { p.copies(int(p.t.Size())) }

func (p *plan) copies(size int) {
	p.flat, p.least = true, size
	p.encode = func(e *encoder, at unsafe.Pointer) { e.bytes(unsafe.Slice((*byte)(at), size)) }
	p.decode = func(d *decoder, at unsafe.Pointer) { d.bytes(unsafe.Slice((*byte)(at), size)) }
}

func (b *builder) array(p, elem *plan) {
	if elem.flat {
		p.memory()
		return
	}
	n, size := p.t.Len(), p.t.Elem().Size()
	p.least = n * elem.least
	p.encode = func(e *encoder, at unsafe.Pointer) {
		for i := range n {
			elem.encode(e, unsafe.Add(at, uintptr(i)*size))
		}
	}
	p.decode = func(d *decoder, at unsafe.Pointer) {
		for i := range n {
			elem.decode(d, unsafe.Add(at, uintptr(i)*size))
		}
	}
}

// header is a slice in memory.
type header struct {
	data     unsafe.Pointer
	len, cap int
}

func (b *builder) slice(p, elem *plan) {
	size := p.t.Elem().Size()
	p.least = 1
	p.encode = func(e *encoder, at unsafe.Pointer) {
		h := (*header)(at)
		if !e.count(h.data == nil, h.len) {
			return
		}
		if elem.flat {
			e.bytes(unsafe.Slice((*byte)(h.data), uintptr(h.len)*size))
			return
		}
		for i := range h.len {
			elem.encode(e, unsafe.Add(h.data, uintptr(i)*size))
		}
	}
	p.decode = func(d *decoder, at unsafe.Pointer) {
		n, some := d.count(elem.least)
		if !some {
			*(*header)(at) = header{}
			return
		}
		data := reflect.MakeSlice(p.t, n, n).UnsafePointer()
		*(*header)(at) = header{data, n, n}
		if elem.flat {
			d.bytes(unsafe.Slice((*byte)(data), uintptr(n)*size))
			return
		}
		for i := range n {
			elem.decode(d, unsafe.Add(data, uintptr(i)*size))
		}
	}
}

func (b *builder) structure(p *plan, path string) {
	type part struct {
		*plan
		offset uintptr
	}
	var parts []part
	flat, sum := true, uintptr(0)
	for i := range p.t.NumField() {
		f := p.t.Field(i)
		fmt.Fprintf(&b.schema, "%s@%d ", f.Name, f.Offset)
		inner := b.plan(f.Type, path+"."+f.Name)
		if k := len(parts) - 1; k >= 0 && inner.flat && parts[k].flat && parts[k].offset+uintptr(parts[k].least) == f.Offset {
			parts[k].plan = together(parts[k].least + inner.least) // neighbours are copied in one go
		} else {
			parts = append(parts, part{inner, f.Offset})
		}
		flat = flat && inner.flat && f.Name != "_"
		sum += f.Type.Size()
		p.least += inner.least
	}
	if flat && sum == p.t.Size() {
		p.memory()
		return
	}
	p.encode = func(e *encoder, at unsafe.Pointer) {
		for i := range parts {
			parts[i].encode(e, unsafe.Add(at, parts[i].offset))
		}
	}
	p.decode = func(d *decoder, at unsafe.Pointer) {
		for i := range parts {
			parts[i].decode(d, unsafe.Add(at, parts[i].offset))
		}
	}
}

// object tells apart values at one address: a struct and its first field.
type object struct {
	at   unsafe.Pointer
	plan *plan
}

// pointer writes what it points to where it is met first, and its number from then on.
func pointer(p, elem *plan) {
	p.least = 1
	p.encode = func(e *encoder, at unsafe.Pointer) {
		if target := *(*unsafe.Pointer)(at); e.refer(p, target) {
			elem.encode(e, target)
		}
	}
	p.decode = func(d *decoder, at unsafe.Pointer) {
		target, begun := d.refer(p)
		if begun {
			target = reflect.New(p.t.Elem()).UnsafePointer()
			d.objects = append(d.objects, object{target, p}) // before its parts: they may point back to it
			elem.decode(d, target)
		}
		*(*unsafe.Pointer)(at) = target
	}
}

// message copies a pointer to a message as bytes. Messages are never changed, so a part of one that something else points to
// may become a copy.
func (p *plan) message() {
	p.least = 1
	p.encode = func(e *encoder, at unsafe.Pointer) {
		if target := *(*unsafe.Pointer)(at); e.refer(p, target) {
			e.message(reflect.NewAt(p.t.Elem(), target).Interface().(proto.Message))
		}
	}
	p.decode = func(d *decoder, at unsafe.Pointer) {
		target, begun := d.refer(p)
		if begun {
			m := reflect.New(p.t.Elem())
			target = m.UnsafePointer()
			d.objects = append(d.objects, object{target, p})
			d.message(m.Interface().(proto.Message))
		}
		*(*unsafe.Pointer)(at) = target
	}
}

// location copies a time zone by its name.
func (p *plan) location() {
	p.least = 1
	p.encode = func(e *encoder, at unsafe.Pointer) {
		zone := *(**time.Location)(at)
		if !e.count(zone == nil, 0) {
			return
		}
		e.text(zone.String())
	}
	p.decode = func(d *decoder, at unsafe.Pointer) {
		*(**time.Location)(at) = nil
		if _, some := d.count(0); !some {
			return
		}
		zone, err := time.LoadLocation(d.text())
		if err != nil {
			d.fail(err.Error())
		}
		*(**time.Location)(at) = zone
	}
}

// of is the address of a value of the codec's type.
func (c *Codec) of(v any) (unsafe.Pointer, error) {
	value := reflect.ValueOf(v)
	if value.Kind() != reflect.Pointer || value.Type().Elem() != c.root.t || value.IsNil() {
		return nil, fmt.Errorf("snapshot of %v: got a %T", c.root.t, v)
	}
	return value.UnsafePointer(), nil
}

// Schema is the digest of the type's structure.
func (c *Codec) Schema() [sha256.Size]byte { return c.schema }

// Digest is SHA-256 of what Encode writes: equal for values that are equal in every field.
func (c *Codec) Digest(v any) ([sha256.Size]byte, error) {
	h := sha256.New()
	err := c.Encode(h, v)
	return [sha256.Size]byte(h.Sum(nil)), err
}
