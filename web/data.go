package web

import (
	"bytes"
	"encoding/xml"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// data is the page about everything that programs and other sites can take from the board: of everything, or of a period.
func (s *site) data(v *visit) (templ.Component, error) {
	about, err := s.about(v, "")
	if err != nil {
		return nil, err
	}
	d := &dataPage{v: v, about: about}
	if id := v.request.PathValue("period"); id != "" {
		if d.at, err = stretchNamed(id); err != nil {
			return nil, err
		}
	} else if d.periods, err = s.periods(v); err != nil {
		return nil, err
	}
	if d.board, err = s.figures(v, d.at); err != nil {
		return nil, err
	}
	return dataOf(d), nil
}

// dataPage is what is offered of everything or of a period.
type dataPage struct {
	v       *visit
	about   *apiv1.Collective
	at      stretch
	board   *apiv1.GetBoardResponse
	periods *apiv1.ListPeriodsResponse // of everything alone
}

// tables are those that are offered here: the lines of longer books by period alone.
func (d *dataPage) tables() []tableKind {
	var kinds []tableKind
	for _, k := range tableKinds {
		if (d.at.id == "" || k.period) && (k.name != "lines" || d.board.Lines <= tableLinesMost) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// file is the address of a table; there is one in all languages.
func (d *dataPage) file(k tableKind, ending string) string {
	to := "/b/" + d.about.Id + "/tables/" + k.name
	if d.at.id != "" {
		to += "/" + d.at.id
	}
	return d.v.address(to+"."+ending, chinese, false)
}

// origin is what stands in front of addresses in examples.
func (d *dataPage) origin() string {
	if d.v.site.config.Origin != "" {
		return d.v.site.config.Origin
	}
	return "https://HOST"
}

// call is the line that asks the API for the same.
func (d *dataPage) call() string {
	return "curl -H 'Content-Type: application/json' -d '{\"collectiveId\":\"" + d.about.Id + "\"}' \\\n  " + d.origin() + "/mingzhang.api.v1.DisclosureService/GetFundStatement"
}

// snippet is the line for another site.
func (d *dataPage) snippet() string {
	path := "/b/" + d.about.Id + "/embed/"
	if d.v.lang == english {
		path = englishPrefix + path
	}
	return `<iframe src="` + d.origin() + path + `" title="` + html.EscapeString(d.about.Name) + `" width="360" height="420" loading="lazy"></iframe>`
}

// embedded is the board in a frame of another site.
type embedded struct {
	v       *visit
	about   *apiv1.Collective
	at      stretch
	board   *apiv1.GetBoardResponse
	edition *apiv1.Edition
}

// embed is the one page that other sites may frame. It is small, and has neither script nor cookie.
func (s *site) embed(v *visit) (templ.Component, error) {
	e := &embedded{v: v}
	var err error
	if e.about, err = s.about(v, ""); err != nil {
		return nil, err
	}
	periods, err := s.periods(v)
	if err != nil {
		return nil, err
	}
	if year, ok := current(periods.Years); ok {
		e.at = stretch{id: year.Id, from: year.From, to: year.To}
	}
	if e.board, err = s.figures(v, e.at); err != nil {
		return nil, err
	}
	editions, err := s.editions(v)
	if err != nil {
		return nil, err
	}
	if n := len(editions); n > 0 {
		e.edition = editions[n-1]
	}
	v.writer.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *")
	return embedPage(e), nil
}

// The feed of editions is Atom (RFC 4287).
type (
	atomFeed struct {
		XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
		Lang     string      `xml:"xml:lang,attr"`
		ID       string      `xml:"id"`
		Title    string      `xml:"title"`
		Subtitle string      `xml:"subtitle,omitempty"`
		Updated  string      `xml:"updated"`
		Links    []atomLink  `xml:"link"`
		Author   atomAuthor  `xml:"author"`
		Entries  []atomEntry `xml:"entry"`
	}
	atomLink struct {
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	}
	atomAuthor struct {
		Name string `xml:"name"`
	}
	atomEntry struct {
		ID        string     `xml:"id"`
		Title     string     `xml:"title"`
		Published string     `xml:"published"`
		Updated   string     `xml:"updated"`
		Links     []atomLink `xml:"link"`
		Content   atomText   `xml:"content"`
	}
	atomText struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	}
)

// feedEntries is how many editions the feed has at most, the newest first.
const feedEntries = 100

// feed tells of editions: what is published, and what a later one corrected.
func (s *site) feed(v *visit) (templ.Component, error) {
	about, err := s.about(v, "")
	if err != nil {
		return nil, err
	}
	editions, err := s.editions(v)
	if err != nil {
		return nil, err
	}
	authority, _, _ := strings.Cut(about.LogOrigin, "/")
	// tag says what a thing is for ever, wherever it is read (RFC 4151): the authority is that of the log's name.
	tag := func(day, rest string) string { return "tag:" + authority + "," + day + ":" + about.Id + "/" + rest }
	feed := atomFeed{
		Lang: v.code(), ID: tag(about.FirstDay, "editions"), Title: about.Name + v.text("资金公示", ": editions of the board"), Updated: about.FirstDay + "T00:00:00Z",
		Links: []atomLink{
			{Rel: "self", Type: "application/atom+xml", Href: v.link("/b/" + about.Id + "/editions.atom")},
			{Rel: "alternate", Type: "text/html", Href: v.link("/b/" + about.Id + "/")},
		},
		Author: atomAuthor{about.Name},
	}
	if about.SimulatedClock {
		feed.Subtitle = v.text("演示:账是虚构的。", "A demonstration: the books are invented.")
	}
	published := map[uint32]string{} // when, by number
	for _, e := range editions {
		published[e.Number] = e.RecordedAt
	}
	for i := len(editions) - 1; i >= 0 && len(feed.Entries) < feedEntries; i-- {
		e := editions[i]
		number := strconv.Itoa(int(e.Number))
		entry := atomEntry{
			ID: tag(e.RecordedAt[:len(time.DateOnly)], "editions/"+number), Title: v.text("第 "+number+" 期公示:", "Edition "+number+": ") + v.named(e.From, e.To),
			Published: e.RecordedAt, Updated: e.RecordedAt,
			Links:   []atomLink{{Rel: "alternate", Type: "text/html", Href: v.link("/b/" + about.Id + "/editions/" + number + "/")}},
			Content: atomText{"text", "SHA-256 " + e.ContentSha256 + "\n" + v.text("印记 ", "Pin ") + e.Pin},
		}
		if e.Corrects != 0 {
			entry.Content.Text += "\n" + v.text("更正第 "+count(e.Corrects)+" 期:", "Corrects edition "+count(e.Corrects)+": ") + e.Reason
		}
		if e.CorrectedBy != 0 {
			entry.Content.Text += "\n" + v.text("已由第 "+count(e.CorrectedBy)+" 期更正。", "Edition "+count(e.CorrectedBy)+" corrects it.")
			entry.Updated = published[e.CorrectedBy]
		}
		feed.Updated = max(feed.Updated, entry.Updated)
		feed.Entries = append(feed.Entries, entry)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	w := xml.NewEncoder(&b)
	w.Indent("", " ")
	if err := w.Encode(feed); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	v.file("application/atom+xml; charset=utf-8", b.Bytes())
	return nil, nil
}

// link is an address in a feed: whole where the origin is known, else relative to the feed.
func (v *visit) link(to string) string {
	if whole := v.atOrigin(to); whole != "" && !v.static {
		return whole
	}
	return v.href(to)
}
