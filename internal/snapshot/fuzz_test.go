package snapshot

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzDecode: any bytes give a value or an error, and a value can be written and read again.
func FuzzDecode(f *testing.F) {
	c, data := encoded(f, &zoo{texts: [3]string{"a", "", "b"}, flat: []pair{{1, 2}}, names: []string{"x", ""}, items: []*node{{"n", nil}, nil}, byID: map[string]*node{"k": {"m", nil}},
		set: map[key]struct{}{{"a", "b"}: {}}})
	f.Add(data)
	f.Add([]byte{})
	f.Add(data[:len(data)/2])
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		read := new(zoo)
		if err := c.Decode(bytes.NewReader(data), int64(len(data)), read); err != nil {
			return
		}
		var once, twice bytes.Buffer
		again := new(zoo)
		if err := c.Encode(&once, read); err != nil {
			t.Fatalf("%x is read and cannot be written: %v", data, err)
		}
		if err := c.Decode(bytes.NewReader(once.Bytes()), int64(once.Len()), again); err != nil {
			t.Fatalf("%x is read and written, and then not read: %v", data, err)
		}
		if err := c.Encode(&twice, again); err != nil || once.Len() != twice.Len() { // maps have no order
			t.Fatalf("%x is written in %d bytes and then in %d: %v", data, once.Len(), twice.Len(), err)
		}
	})
}

// FuzzHeading: a heading that is read is written as it was.
func FuzzHeading(f *testing.F) {
	f.Add((&heading{build: "b", kind: "book", collective: "abc", version: 7, anchor: []byte("x"), payload: 9}).encode())
	f.Add((&heading{}).encode())
	f.Add(make([]byte, 32))
	f.Add(binary.LittleEndian.AppendUint32(make([]byte, 32), 1<<31))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := parseHeading(data); err == nil && !bytes.Equal(h.encode(), data) {
			t.Fatalf("%x is read as %+v", data, h)
		}
	})
}

// FuzzLoad: a file that is not the one that was saved, to the bit, is not used and is removed.
func FuzzLoad(f *testing.F) {
	s := NewStore(Options{Dir: f.TempDir(), Key: []byte("secret"), Build: "one", Log: &fakeLog{text: map[string]string{"abc": "12345678"}}})
	want := shelf{"x", []int64{1, 2, 3}}
	if err := s.Save(f.Context(), "book", "abc", 7, &want); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(s.o.Dir, "book", "abc")
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(magic))
	f.Add(append([]byte(magic), 0xff, 0xff, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var got shelf
		version := s.Load(t.Context(), "book", "abc", &got)
		_, left := os.Lstat(path)
		if used := bytes.Equal(data, whole); used != (version == 7) || used != (left == nil) || used && !reflect.DeepEqual(got, want) {
			t.Fatalf("%x gives version %d and %v; the file: %v", data, version, got, left)
		}
	})
}
