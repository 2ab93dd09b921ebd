package documents

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzParseDigest: a digest that is read is written as it was read.
func FuzzParseDigest(f *testing.F) {
	for _, s := range []string{strings.Repeat("0a", 32), strings.Repeat("0A", 32), strings.Repeat("0", 63), "", "../" + strings.Repeat("0", 61), strings.Repeat("é", 32)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDigest(s); err == nil && d.String() != s {
			t.Fatalf("%q is read as %v", s, d)
		}
	})
}

// FuzzPut: any bytes are kept as one of the kinds, under their digest and as they came, or refused with nothing left of them.
// What a browser would run is never kept.
func FuzzPut(f *testing.F) {
	for _, s := range []string{"plain text", "%PDF-1.4\n", "\xff\xd8\xff\xe0", "\x89PNG\r\n\x1a\n", "PK\x03\x04", "PK\x05\x06" + strings.Repeat("\x00", 18), "<html>", " \n<script>", "<svg xmlns=", "\xfe\xff\x00a",
		"\xef\xbb\xbf<!doctype html>", "", "\x00", "GIF89a"} {
		f.Add([]byte(s))
	}
	s, err := Open(f.TempDir(), Options{BytesMax: 1000})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := s.Put("lmb", Announced{}, bytes.NewReader(data))
		path := s.path("lmb", Digest(sha256.Sum256(data)))
		defer os.Remove(path)
		if left, globErr := filepath.Glob(filepath.Join(s.incoming(), "*")); globErr != nil || len(left) > 0 {
			t.Fatalf("%q left %v in .incoming", data, left)
		}
		if err != nil {
			if _, statErr := os.Lstat(path); !errors.Is(statErr, os.ErrNotExist) {
				t.Fatalf("%q is refused (%v) and is there", data, err)
			}
			if !errors.Is(err, ErrEmpty) && !errors.Is(err, ErrType) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		opened, r, err := s.Open("lmb", file.Digest)
		if err != nil {
			t.Fatalf("%q is kept and not given: %v", data, err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, data) || opened.MediaType != file.MediaType || opened.Size != int64(len(data)) || !slices.Contains(Kinds(), file.MediaType) {
			t.Fatalf("%q is kept as %+v, given as %+v: %v", data, file, opened, err)
		}
	})
}
