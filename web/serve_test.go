package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

func TestFrame(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	for _, c := range []struct {
		path   string
		status int
		lang   string
		holds  string
	}{
		{"/", http.StatusFound, "", ""},
		{"/en/", http.StatusFound, "", ""},
		{"/b/nowhere-at-all/nothing", http.StatusNotFound, `lang="zh-Hans"`, "没有这一页"},
		{"/en/b/nowhere-at-all/nothing", http.StatusNotFound, `lang="en"`, "There is no such page"},
		{"/en/b/%3Cscript%3E", http.StatusNotFound, `lang="en"`, "There is no such page"},
	} {
		answer, body := n.get(c.path)
		if answer.StatusCode != c.status || !strings.Contains(body, c.lang) || !strings.Contains(body, c.holds) || strings.Contains(body, "<script>") {
			t.Errorf("%s: %d\n%s", c.path, answer.StatusCode, body)
		}
		if csp := answer.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", c.path, csp)
		}
	}
	if answer, _ := n.get("/en/"); answer.Header.Get("Location") != "/en/b/liminba/" {
		t.Errorf("the first page leads to %q", answer.Header.Get("Location"))
	}
	request, err := http.NewRequest(http.MethodPost, n.url+"/b/liminba/", strings.NewReader("x=1"))
	n.must(err)
	request.Header.Set("Origin", "https://elsewhere.example")
	answer, err := http.DefaultClient.Do(request)
	n.must(err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site was taken: %d", answer.StatusCode)
	}
}

func TestRelative(t *testing.T) {
	for _, c := range [][3]string{
		{"/b/x/", "/b/x/2021/index.html", "2021/index.html"},
		{"/b/x/2021/", "/b/x/index.html", "../index.html"},
		{"/en/b/x/2021/", "/b/x/2021/index.html", "../../../../b/x/2021/index.html"},
		{"/b/x/2021/", "/assets/0011/style.css", "../../../assets/0011/style.css"},
		{"/", "/b/x/index.html", "b/x/index.html"},
		{"/b/x/", "/b/x/index.html", "index.html"},
	} {
		if got := relative(c[0], c[1]); got != c[2] {
			t.Errorf("from %s to %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
