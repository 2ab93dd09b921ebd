package snapshot

import (
	"bytes"
	"reflect"
	"slices"
	"unsafe"
)

// mapping copies a map in the order of its keys as they are written, so that equal maps give equal bytes.
func mapping(p, key, elem *plan) {
	p.least = 1
	p.encode = func(e *encoder, at unsafe.Pointer) {
		m := reflect.NewAt(p.t, at).Elem()
		if e.count(m.IsNil(), m.Len()) {
			encodeEntries(e, m, key, elem)
		}
	}
	p.decode = func(d *decoder, at unsafe.Pointer) {
		m := reflect.NewAt(p.t, at).Elem()
		n, some := d.count(key.least + elem.least)
		if !some {
			m.SetZero()
			return
		}
		m.Set(reflect.MakeMapWithSize(p.t, n))
		k, v := reflect.New(p.t.Key()), reflect.New(p.t.Elem())
		for range n {
			key.decode(d, k.UnsafePointer())
			v.Elem().SetZero()
			elem.decode(d, v.UnsafePointer())
			m.SetMapIndex(k.Elem(), v.Elem())
		}
		if m.Len() != n {
			d.fail("a map has a key twice")
		}
	}
}

// encodeEntries writes keys and values, both copied out of the map first so that it is walked once.
func encodeEntries(e *encoder, m reflect.Value, key, elem *plan) {
	n := m.Len()
	type entry struct{ from, to, value int }
	entries := make([]entry, 0, n)
	values := reflect.MakeSlice(reflect.SliceOf(elem.t), n, n)
	k := reflect.New(key.t)
	keys := &encoder{}
	for it := m.MapRange(); it.Next(); {
		i, from := len(entries), len(keys.buf)
		k.Elem().SetIterKey(it)
		key.encode(keys, k.UnsafePointer())
		values.Index(i).SetIterValue(it)
		entries = append(entries, entry{from, len(keys.buf), i})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return bytes.Compare(keys.buf[a.from:a.to], keys.buf[b.from:b.to])
	})
	first, size := values.UnsafePointer(), elem.t.Size()
	for _, x := range entries {
		e.bytes(keys.buf[x.from:x.to])
		elem.encode(e, unsafe.Add(first, uintptr(x.value)*size))
	}
}
