package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLogFile: any bytes are a whole log, which is written again as it was, or are refused with a place and a sentence.
func FuzzLogFile(f *testing.F) {
	whole, err := logLines(f)
	if err != nil {
		f.Fatal(err)
	}
	lines := strings.SplitAfter(whole, "\n")
	lines = lines[:len(lines)-1]
	f.Add(whole)
	f.Add(strings.Join(lines[:3], ""))
	f.Add(lines[0] + lines[1] + lines[len(lines)-1])
	f.Add(lines[0])
	f.Add("")
	f.Add(`{"mingzhang":"log","format":1}` + "\n" + `{"head":null}` + "\n")
	f.Add(lines[0] + `{"version":1,"type":"","data":"","leaf":""}` + "\n" + `{"head":{}}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := newLogReader("f", strings.NewReader(text))
		err := r.start()
		n := uint64(0)
		for ; err == nil; n++ {
			if _, _, err = r.next(); err == nil && n > uint64(len(text)) {
				t.Fatalf("%q has more events than bytes", text)
			}
		}
		var bad *failure
		switch {
		case errors.Is(err, io.EOF):
			if r.head.Size == 0 || !strings.HasSuffix(text, "\n") || uint64(strings.Count(text, "\n")) != r.head.Size+2 {
				t.Fatalf("%q is a whole log of %d events", text, r.head.Size)
			}
		case !errors.As(err, &bad) || !strings.HasPrefix(bad.en, "f:") || bad.zh == "":
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// logLines is the demonstration's log file.
func logLines(t testing.TB) (string, error) {
	dir := filepath.Join(t.TempDir(), "demo")
	if err := copyDemo(dir); err != nil {
		return "", err
	}
	return must(t, "export", "jsonl", "--data", dir), nil
}

const fuzzDigest = "0000000000000000000000000000000000000000000000000000000000000000"

func manifestOf(names ...string) string {
	m := &manifest{Mingzhang: manifestKind, Format: manifestFormat, Streams: []manifestStream{{Stream: "s", Version: 1}}}
	for _, name := range append(names, formatFile, eventsFile) {
		m.add(name, 3, fuzzDigest)
	}
	text, err := m.encode()
	if err != nil {
		panic(err)
	}
	return string(text)
}

// FuzzManifest: a manifest that is read is written as it was, and names no file twice and none outside.
func FuzzManifest(f *testing.F) {
	for _, name := range []string{"documents/x/y", "../x", "/etc/passwd", "a/../b", `a\b`, "", ".", "a//b", "format", manifestFile, "C:x", "a\x00b", "NUL", "heads/%2e%2e"} {
		f.Add(manifestOf(name))
	}
	f.Add("{}")
	f.Add(`{"mingzhang":"backup","format":1}`)
	f.Add(strings.Repeat("[", 20_000))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := readManifest(strings.NewReader(text))
		if err != nil {
			var bad *failure
			if !errors.As(err, &bad) || bad.code != exitVerified {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if again, err := m.encode(); err != nil || string(again) != text {
			t.Fatalf("%q is written again as %q: %v", text, again, err)
		}
		seen := map[string]bool{}
		for _, file := range m.Files {
			if to := filepath.Join("/dir", filepath.FromSlash(file.Name)); seen[to] || !strings.HasPrefix(to+"/", "/dir/") {
				t.Fatalf("%q names %q", text, file.Name)
			}
			seen[filepath.Join("/dir", filepath.FromSlash(file.Name))] = true
		}
	})
}

// FuzzTar unpacks a tar file with one entry of any name and kind, which its manifest may name too: nothing is written outside the
// directory, no link is made, and what is there has the size of the manifest.
func FuzzTar(f *testing.F) {
	for _, name := range []string{"documents/x/y", "../x", "/tmp/x", "format", "a/../../x", "", ".", "..", "x/", "a\x00b", manifestFile, strings.Repeat("d/", 60) + "x"} {
		f.Add(name, name, byte(tar.TypeReg), []byte("abc"))
		f.Add(name, "other", byte(tar.TypeReg), []byte("abc"))
		f.Add(name, name, byte(tar.TypeSymlink), []byte{})
		f.Add(name, name, byte(tar.TypeDir), []byte("abcd"))
	}
	f.Fuzz(func(t *testing.T, name, named string, kind byte, content []byte) {
		place := t.TempDir()
		dir, file := filepath.Join(place, "in", "dir"), filepath.Join(place, "b.tar")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		text := manifestOf(named)
		_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: manifestFile, Size: int64(len(text))})
		_, _ = io.WriteString(w, text)
		if w.WriteHeader(&tar.Header{Typeflag: kind, Name: name, Linkname: "/etc/passwd", Size: int64(len(content))}) == nil { // else the file ends here
			_, _ = w.Write(content)
		}
		_ = w.Close()
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := unpackTar(t.Context(), file, dir)
		if (m == nil) == (err == nil) {
			t.Fatalf("%q: %v and %v", name, m, err)
		}
		outside := entriesBelow(t, place, dir)
		if strings.Join(outside, " ") != "b.tar" {
			t.Fatalf("%q named %q: it left %q", name, named, outside)
		}
	})
}

// entriesBelow lists the files below a place but outside dir, and anything in dir that is neither a file nor a directory.
func entriesBelow(t *testing.T, place, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(place, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, dir+"/") && e.Type().IsRegular() {
			return err
		}
		relative, err := filepath.Rel(place, path)
		names = append(names, relative)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// FuzzLines: a file of commands of any bytes gives, line by line, commands and what is wrong, and comes to its end.
func FuzzLines(f *testing.F) {
	f.Add(line + "\n\n# comment\n" + line)
	f.Add("\ufeff" + line)
	f.Add("\n\r\n \t\n")
	f.Add("{\n}")
	f.Fuzz(func(t *testing.T, text string) {
		r := newLineReader("f", strings.NewReader(text))
		for n := 0; ; n++ {
			one, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || (one.line == nil) == (one.bad == nil) || n > strings.Count(text, "\n") {
				t.Fatalf("%q: line %d is %+v: %v", text, n, one, err)
			}
		}
		if r.bytes != int64(len(text)) {
			t.Fatalf("%q: %d of %d bytes are read", text, r.bytes, len(text))
		}
	})
}
