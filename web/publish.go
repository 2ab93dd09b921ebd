package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Publish writes the public pages of some collectives as files, for any web server and for file:// too: the pages of both languages, and
// whatever they lead to: periods, lines, editions, posters, tables, the feed, style and pictures. write gets each once, its path relative
// to the directory with slashes; an error of it ends the work and comes back.
//
// It follows the site's own links from the first page on, so what is not linked is not written and no link is dead: a link to an address
// without a page is an error that names both. Addresses in the files are relative. What only a server can do (asking, looking at other
// moments, signing in) is left out by the pages themselves. The same log, build and day give the same bytes. The page that checks the log in
// a browser is linked as verify.html in the root of the directory, where mingzhang publish puts it.
//
// The first page lists the collectives named as listed, of which those named as collectives are written now; the pages of the others are
// taken to be there.
func Publish(ctx context.Context, c Config, listed, collectives []string, write func(path string, data []byte) error) error {
	s := newSite(c)
	s.published = listed
	handler := s.routes()
	queue := []string{"/", englishPrefix + "/"}
	for _, id := range collectives {
		queue = append(queue, "/b/"+id+"/", englishPrefix+"/b/"+id+"/")
	}
	from := map[string]string{} // file -> file that leads there first; the crawl's starts lead to themselves
	for _, address := range queue {
		from[fileOf(address)] = address
	}
	for len(queue) > 0 {
		address := queue[0]
		queue = queue[1:]
		if err := ctx.Err(); err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return fmt.Errorf("publish %s: %w", address, err)
		}
		answer := answer{header: http.Header{}}
		handler.ServeHTTP(&answer, request)
		file := fileOf(address)
		if answer.status != http.StatusOK {
			return fmt.Errorf("publish: %s leads to %s, which answers %d", from[file], address, answer.status)
		}
		if err := write(strings.TrimPrefix(file, "/"), answer.body.Bytes()); err != nil {
			return err
		}
		if !strings.HasPrefix(answer.header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, link := range linksOf(answer.body.Bytes()) {
			to, ok := resolve(file, link)
			if !ok || to == verifyFile || from[to] != "" || there(to, listed, collectives) {
				continue
			}
			from[to] = address
			queue = append(queue, strings.TrimSuffix(to, "index.html"))
		}
	}
	return nil
}

// there says whether a file is of a collective whose pages were written before.
func there(file string, listed, collectives []string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(file, englishPrefix), "/b/")
	id, _, _ := strings.Cut(rest, "/")
	return ok && slices.Contains(listed, id) && !slices.Contains(collectives, id)
}

// verifyFile is where a published directory has the page that checks it in a browser.
const verifyFile = "/verify.html"

// answer keeps what a page answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// linksOf are the addresses that a page of ours leads to or loads, as they are written.
func linksOf(page []byte) []string {
	var links []string
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return links // the end: our templates close what they open
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			for _, a := range token.Attr {
				switch a.Key {
				case "href", "src", "action":
					links = append(links, a.Val)
				case "content":
					if _, to, ok := strings.Cut(a.Val, "; url="); ok && token.Data == "meta" {
						links = append(links, to)
					}
				}
			}
		}
	}
}

// resolve gives the file that a relative link leads to; false for one that leaves the site or stays on the page.
func resolve(file, link string) (string, bool) {
	link, _, _ = strings.Cut(link, "#")
	if link == "" || strings.Contains(link, ":") {
		return "", false
	}
	if strings.HasPrefix(link, "/") {
		return fileOf(link), true
	}
	to := path.Join(path.Dir(file), link)
	if strings.HasSuffix(link, "/") {
		to += "/"
	}
	return fileOf(to), true
}
