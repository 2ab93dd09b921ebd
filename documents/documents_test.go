package documents

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "documents"), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func archiveOf(t *testing.T, names ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "content")
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// left counts the files below a directory of the store.
func (s *Store) left(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, dir), func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKinds: what is kept is known by its bytes, whatever it is called.
func TestKinds(t *testing.T) {
	s := open(t, Options{})
	for name, c := range map[string]struct {
		content []byte
		kind    string // empty: refused
	}{
		"jpeg":        {[]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), JPEG},
		"png":         {[]byte("\x89PNG\r\n\x1a\nrest"), PNG},
		"pdf":         {[]byte("%PDF-1.7\nrest"), PDF},
		"ofd":         {archiveOf(t, "Doc_0/Document.xml", "OFD.xml"), OFD},
		"text":        {[]byte("收据 第一号"), Text},
		"csv":         {[]byte("日期,金额\n2021-09-10,1.00\n"), Text},
		"archive":     {archiveOf(t, "a.exe"), ""},
		"office":      {archiveOf(t, "[Content_Types].xml", "xl/workbook.xml"), ""},
		"no archive":  {[]byte("PK\x03\x04OFD.xml"), ""},
		"html":        {[]byte("  <html><script>alert(1)</script>"), ""},
		"svg":         {[]byte(`<?xml version="1.0"?><svg/>`), ""},
		"gif":         {[]byte("GIF89a"), ""},
		"executable":  {[]byte("\x7fELF\x02\x01\x01\x00"), ""},
		"binary":      {[]byte{0, 1, 2, 3}, ""},
		"postscript":  {[]byte("%!PS-Adobe-3.0"), ""},
		"script":      {[]byte("#!/bin/sh\n"), Text}, // served as a download of plain text
		"large start": {append([]byte("%PDF-1.7\n"), make([]byte, 4096)...), PDF},
	} {
		f, err := s.Put("lmb", Announced{}, bytes.NewReader(c.content))
		if c.kind == "" {
			if !errors.Is(err, ErrType) {
				t.Errorf("%s: %+v, %v", name, f, err)
			}
			continue
		}
		if err != nil || f.MediaType != c.kind || f.Size != int64(len(c.content)) || f.Digest != sha256.Sum256(c.content) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if base := f.Name(); filepath.Ext(base) == "" || strings.ContainsAny(base, "/\\\"; \r\n") {
			t.Errorf("%s is saved as %q", name, base)
		}
	}
	if n := s.left(t, incomingDir); n != 0 {
		t.Errorf("%d files are left of refused uploads", n)
	}
}

// TestPutOpen: bytes come back as they went in, once, for their own collective alone.
func TestPutOpen(t *testing.T) {
	s := open(t, Options{})
	content := []byte("%PDF-1.7\n" + strings.Repeat("x", 100_000))
	first, err := s.Put("lmb", Announced{Size: int64(len(content)), Digest: sha256.Sum256(content)}, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Put("lmb", Announced{}, iotest{bytes.NewReader(content)})
	if err != nil || second != first {
		t.Errorf("again: %+v, %v", second, err)
	}
	if n := s.left(t, "lmb"); n != 1 {
		t.Errorf("%d files for one document", n)
	}
	file, r, err := s.Open("lmb", first.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, content) || file.Size != first.Size || file.MediaType != PDF || file.ReceivedAt.IsZero() {
		t.Errorf("read %d bytes, %+v, %v", len(got), file, err)
	}
	if _, _, err := s.Open("far", first.Digest); !errors.Is(err, ErrUnknown) {
		t.Errorf("another collective reads it: %v", err)
	}
	if info, err := os.Stat(s.path("lmb", first.Digest)); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

// iotest gives a byte or two at a time.
type iotest struct{ r io.Reader }

func (r iotest) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), 3000)]) }

// TestRefusedUploads: too large, empty, cut short, changed, broken: nothing is stored.
func TestRefusedUploads(t *testing.T) {
	s := open(t, Options{BytesMax: 1000})
	text := func(n int) []byte { return bytes.Repeat([]byte("a"), n) }
	broken := errors.New("the line broke")
	for name, c := range map[string]struct {
		announced Announced
		r         io.Reader
		want      error
	}{
		"too large":        {Announced{}, bytes.NewReader(text(1001)), ErrTooLarge},
		"announced large":  {Announced{Size: 1001}, bytes.NewReader(text(1)), ErrTooLarge},
		"empty":            {Announced{}, bytes.NewReader(nil), ErrEmpty},
		"cut short":        {Announced{Size: 11}, bytes.NewReader(text(10)), ErrMismatch},
		"longer":           {Announced{Size: 9}, bytes.NewReader(text(10)), ErrMismatch},
		"changed":          {Announced{Digest: sha256.Sum256(text(11))}, bytes.NewReader(text(10)), ErrMismatch},
		"broken":           {Announced{}, io.MultiReader(bytes.NewReader(text(10)), failing{broken}), broken},
		"broken at once":   {Announced{}, failing{broken}, broken},
		"exactly at limit": {Announced{}, bytes.NewReader(text(1000)), nil},
	} {
		if _, err := s.Put("lmb", c.announced, c.r); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if n := s.left(t, "lmb") + s.left(t, incomingDir); n != 1 {
		t.Errorf("%d files are left, want the one at the limit", n)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// fullFile is a file on a disk that fills up after some bytes, or whose sync fails.
type fullFile struct {
	*os.File
	room int
	sync error
}

func (f *fullFile) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n, _ := f.File.Write(p[:f.room])
		f.room = 0
		return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	f.room -= len(p)
	return f.File.Write(p)
}

func (f *fullFile) Sync() error {
	if f.sync != nil {
		return f.sync
	}
	return f.File.Sync()
}

// TestFullDisk: a disk that fills up refuses the upload and nothing of it is left; with room it goes on.
func TestFullDisk(t *testing.T) {
	s := open(t, Options{})
	create := s.create
	for name, file := range map[string]fullFile{"write": {room: 5}, "sync": {room: 1 << 20, sync: syscall.ENOSPC}} {
		s.create = func(dir string) (incoming, error) {
			in, err := create(dir)
			f := file
			f.File = in.(*os.File)
			return &f, err
		}
		if _, err := s.Put("lmb", Announced{}, strings.NewReader("some plain text")); !errors.Is(err, ErrNoSpace) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.create = func(string) (incoming, error) { return nil, &os.PathError{Op: "open", Path: "x", Err: syscall.ENOSPC} }
	if _, err := s.Put("lmb", Announced{}, strings.NewReader("some plain text")); !errors.Is(err, ErrNoSpace) {
		t.Errorf("create: %v", err)
	}
	if n := s.left(t, "."); n != 0 {
		t.Errorf("%d files are left", n)
	}
	s.create = create
	if _, err := s.Put("lmb", Announced{}, strings.NewReader("some plain text")); err != nil {
		t.Errorf("with room: %v", err)
	}
}

// TestDamage: changed, cut and lost documents are never given out, and the same bytes again mend them.
func TestDamage(t *testing.T) {
	s := open(t, Options{})
	f, err := s.Put("lmb", Announced{}, strings.NewReader("some plain text"))
	if err != nil {
		t.Fatal(err)
	}
	path := s.path("lmb", f.Digest)
	for name, bend := range map[string]func() error{
		"changed": func() error { return os.WriteFile(path, []byte("some plain texu"), 0o600) },
		"cut":     func() error { return os.Truncate(path, 3) },
		"emptied": func() error { return os.Truncate(path, 0) },
	} {
		if err := errors.Join(os.Chmod(path, 0o600), bend()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Open("lmb", f.Digest); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Put("lmb", Announced{}, strings.NewReader("some plain text")); err != nil {
			t.Fatal(err)
		}
		if err := s.Check("lmb", f.Digest); err != nil {
			t.Errorf("%s is not mended: %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Check("lmb", f.Digest); !errors.Is(err, ErrUnknown) {
		t.Errorf("lost: %v", err)
	}
}

// TestOpenSweeps: what a crash left of an upload is gone after a start a day later, documents stay.
func TestOpenSweeps(t *testing.T) {
	s := open(t, Options{})
	f, err := s.Put("lmb", Announced{}, strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(s.incoming(), "upload-1")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if old := time.Now().Add(-incomingAge - time.Minute); os.Chtimes(half, old, old) != nil {
		t.Fatal("the file cannot be made older")
	}
	again, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := again.left(t, incomingDir); n != 0 {
		t.Errorf("%d files are left of the crash", n)
	}
	if err := again.Check("lmb", f.Digest); err != nil {
		t.Error(err)
	}
}

// Nodes share a directory: one starts while the other receives a document, and both keep the same ones at once.
func TestSharedDirectory(t *testing.T) {
	one := open(t, Options{})
	content := strings.Repeat("paper", 100)
	in, out := io.Pipe()
	received := make(chan error, 1)
	go func() {
		_, err := one.Put("lmb", Announced{}, in)
		received <- err
	}()
	if _, err := io.WriteString(out, content[:100]); err != nil { // a part of it lies in .incoming now
		t.Fatal(err)
	}
	two, err := Open(one.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, content[100:]); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if err := <-received; err != nil {
		t.Fatalf("the upload at the other node: %v", err)
	}
	if err := two.Check("lmb", sha256.Sum256([]byte(content))); err != nil {
		t.Errorf("what one node keeps, the other: %v", err)
	}
	var at sync.WaitGroup
	for i := range 8 {
		for _, s := range []*Store{one, two} {
			at.Go(func() {
				f, err := s.Put("lmb", Announced{}, strings.NewReader(strings.Repeat("same", 1+i%4)))
				if err == nil {
					err = two.Check("lmb", f.Digest)
				}
				if err != nil {
					t.Errorf("both at once: %v", err)
				}
			})
		}
	}
	at.Wait()
	if n := one.left(t, incomingDir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// TestGarbage lists what no event names and is old enough, and deletes nothing.
func TestGarbage(t *testing.T) {
	s := open(t, Options{})
	var files []File
	for _, content := range []string{"named", "old", "new"} {
		f, err := s.Put("lmb", Announced{}, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	old := time.Now().Add(-100 * 24 * time.Hour)
	for _, f := range files[:2] {
		if err := os.Chtimes(s.path("lmb", f.Digest), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(s.path("lmb", files[0].Digest)), "stray"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	named := map[Digest]bool{}
	digest := files[0].Digest
	Named(&eventv1.Event{Vouchers: []*eventv1.Voucher{{Documents: []*eventv1.Document{{Sha256: digest[:]}, {Sha256: []byte("short")}}}},
		Fact: &eventv1.Event_ResolutionRecorded{ResolutionRecorded: &eventv1.ResolutionRecorded{MinutesSha256: bytes.Repeat([]byte{9}, 32)}}}, named)
	if len(named) != 2 || !named[digest] || !named[Digest(bytes.Repeat([]byte{9}, 32))] {
		t.Fatalf("the event names %v", named)
	}
	garbage, err := s.Garbage("lmb", named, time.Now().Add(-30*24*time.Hour))
	if err != nil || len(garbage) != 1 || garbage[0].Digest != files[1].Digest || garbage[0].Size != 3 {
		t.Errorf("garbage %v, %v", garbage, err)
	}
	if list, err := s.List("lmb"); err != nil || len(list) != 3 {
		t.Errorf("after looking for garbage there are %v, %v", list, err)
	}
	if list, err := s.List("far"); err != nil || len(list) != 0 {
		t.Errorf("documents of nobody: %v, %v", list, err)
	}
}

// TestTogether: the same and other documents at once.
func TestTogether(t *testing.T) {
	s := open(t, Options{})
	var all sync.WaitGroup
	for i := range 24 {
		all.Add(1)
		go func() {
			defer all.Done()
			content := strings.Repeat(string(rune('a'+i%3)), 50_000)
			f, err := s.Put("lmb", Announced{}, strings.NewReader(content))
			if err == nil {
				err = s.Check("lmb", f.Digest)
			}
			if err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	if n := s.left(t, "lmb") + s.left(t, incomingDir); n != 3 {
		t.Errorf("%d files for three documents", n)
	}
}

func TestParseDigest(t *testing.T) {
	good := strings.Repeat("0a", 32)
	if d, err := ParseDigest(good); err != nil || d.String() != good {
		t.Errorf("%v, %v", d, err)
	}
	for _, s := range []string{"", good[1:], good + "00", strings.ToUpper(good), "../../../../etc/passwd", strings.Repeat("zz", 32)} {
		if _, err := ParseDigest(s); err == nil {
			t.Errorf("%q is a digest", s)
		}
	}
}
