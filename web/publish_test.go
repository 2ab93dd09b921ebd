package web

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// files is what Publish writes.
func (n *node) files() map[string][]byte {
	n.t.Helper()
	files := map[string][]byte{}
	n.must(Publish(context.Background(), Config{Services: n.server.InProcess(), Clock: func() time.Time { return n.now }}, []string{"liminba"}, []string{"liminba"}, func(path string, data []byte) error {
		if _, twice := files[path]; twice || strings.HasPrefix(path, "/") || strings.Contains(path, "..") {
			return fmt.Errorf("%q is written twice, or outside", path)
		}
		files[path] = bytes.Clone(data)
		return nil
	}))
	return files
}

// TestPublish: the pages as files are whole: both languages, everything they lead to is there, every address is relative, no page has a form or a
// script or leads to a desk; they have the figures of the API; and the same log gives the same bytes.
func TestPublish(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	n.publish("2021-07-01", "2021-09-30")
	files := n.files()
	for _, want := range []string{
		"index.html", "en/index.html", "b/liminba/index.html", "en/b/liminba/index.html", "b/liminba/2021-q3/index.html", "b/liminba/editions/1/index.html", "b/liminba/poster/1/a3/index.html",
		"b/liminba/poster/2022-12/a4/index.html", "b/liminba/wall/index.html", "b/liminba/wall/4/index.html", "b/liminba/loudspeaker.txt", "b/liminba/loudspeaker/2021-q3.txt", "b/liminba/editions.atom",
		"b/liminba/tables/lines.xlsx", "b/liminba/tables/funds/2021-q3.csv", "b/liminba/v/p2021-18/index.html", "en/b/liminba/v/p2021-18/index.html", "b/liminba/embed/index.html",
	} {
		if files[want] == nil {
			t.Errorf("%s is not written", want)
		}
	}
	for name, data := range files {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		text := string(data)
		for _, not := range []string{"<form", "<script", "/d/", "sign-in", "/known/", "inquiries/new", `href="/`, `src="/`} {
			if strings.Contains(text, not) {
				t.Errorf("%s has %q", name, not)
			}
		}
		for _, link := range linksOf(data) {
			to, ok := resolve("/"+name, link)
			if ok && files[strings.TrimPrefix(to, "/")] == nil && to != verifyFile {
				t.Errorf("%s leads to %s, which is not there", name, link)
			}
		}
	}
	for name, figure := range map[string]string{"b/liminba/index.html": "126,765.05", "en/b/liminba/2021-q3/index.html": "151,828.92", "b/liminba/v/p2021-18/index.html": "8,355.00"} {
		if !bytes.Contains(files[name], []byte(figure)) {
			t.Errorf("%s does not say %s", name, figure)
		}
	}
	if err := xml.Unmarshal(files["b/liminba/editions.atom"], new(struct{ XMLName xml.Name })); err != nil {
		t.Error(err)
	}
	again := n.files()
	for name, data := range files {
		if !bytes.Equal(again[name], data) {
			t.Errorf("%s has other bytes the second time", name)
		}
	}
	if a, b := slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(again)); !slices.Equal(a, b) {
		t.Errorf("%d files, then %d", len(a), len(b))
	}
	t.Logf("%d files", len(files))
}

// TestPublishStops: what goes wrong comes back, and a collective that is not there too.
func TestPublishStops(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	full := fmt.Errorf("no room")
	c := Config{Services: n.server.InProcess(), Clock: func() time.Time { return n.now }}
	if err := Publish(context.Background(), c, []string{"liminba"}, []string{"liminba"}, func(string, []byte) error { return full }); err != full {
		t.Errorf("a disk that is full: %v", err)
	}
	if err := Publish(context.Background(), c, []string{"nobody"}, []string{"nobody"}, func(string, []byte) error { return nil }); err == nil {
		t.Error("a collective that is not there is published")
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if err := Publish(ended, c, []string{"liminba"}, []string{"liminba"}, func(string, []byte) error { return nil }); err == nil {
		t.Error("it goes on after its end")
	}
}

func TestResolve(t *testing.T) {
	for _, c := range [][3]string{
		{"/b/x/index.html", "2021/index.html", "/b/x/2021/index.html"}, {"/b/x/2021/index.html", "../../../assets/1/a.css", "/assets/1/a.css"}, {"/b/x/index.html", "#top", ""},
		{"/b/x/index.html", "https://a.example/", ""}, {"/b/x/index.html", "mailto:a@b.example", ""}, {"/b/x/index.html", "t/a.csv#x", "/b/x/t/a.csv"}, {"/b/x/index.html", "/b/y/", "/b/y/index.html"},
	} {
		if got, ok := resolve(c[0], c[1]); got != c[2] || ok != (c[2] != "") {
			t.Errorf("%s on %s: %q", c[1], c[0], got)
		}
	}
}
