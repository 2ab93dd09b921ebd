package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/capitals"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// posterLinesMost is what a poster shows at most: more than an edition can have. Longer periods are offered no poster.
const posterLinesMost = 20_000

// poster is a printed board: the legal form first (every fund's opening, income, outlay and closing with capitals, every line), what it can be
// checked with, and lines for names and seals.
type poster struct {
	*board
	paper   string // a3 or a4
	of      stretch
	funds   *apiv1.GetFundStatementResponse
	lines   []line
	titles  map[string]string // of resolutions
	seal    *apiv1.Seal       // of the last month; nil while it is open
	code    *qrCode           // nil where there is neither an edition nor an address
	program string            // version
}

// papers are the sizes of sheets.
var papers = map[string]bool{"a3": true, "a4": true}

// posterPapers leads to the larger sheet.
func (s *site) posterPapers(v *visit) (templ.Component, error) {
	http.Redirect(v.writer, v.request, v.href("/b/"+v.collective()+"/poster/"+v.request.PathValue("of")+"/a3/"), http.StatusFound)
	return nil, nil
}

func (s *site) poster(v *visit) (templ.Component, error) {
	p := &poster{board: &board{visit: v}, paper: v.request.PathValue("paper")}
	if !papers[p.paper] {
		return nil, errNotFound
	}
	var err error
	if p.of, err = s.posterOf(v, v.request.PathValue("of")); err != nil {
		return nil, err
	}
	if p.about, err = s.about(v, p.of.known); err != nil {
		return nil, err
	}
	if p.funds, err = s.disclosure.GetFundStatement(v.public(), &apiv1.GetFundStatementRequest{
		CollectiveId: v.collective(), From: p.of.from, To: p.of.to, AsOf: p.of.to, AsKnownAt: p.of.known}); err != nil {
		return nil, err
	}
	if p.lines, err = s.lines(v, p.of, posterLinesMost); err != nil {
		return nil, err
	}
	if p.titles, err = s.resolutionTitles(v, p.of.known); err != nil {
		return nil, err
	}
	if p.seal, err = s.seal(v, p.of.to[:7]); err != nil {
		return nil, err
	}
	version, err := s.disclosure.GetVersion(v.public(), &apiv1.GetVersionRequest{})
	if err != nil {
		return nil, err
	}
	p.program, p.moment = version.Version, p.of.known
	if text := p.codeText(); text != "" {
		if p.code, err = newQR(text); err != nil {
			return nil, err
		}
	}
	return posterPage(p), nil
}

// posterOf reads what a poster is about: a year, a quarter or a month of the books, which has the figures of its newest edition, or of now
// where there is none; or the number of an edition, whose figures are those of its version.
func (s *site) posterOf(v *visit, id string) (stretch, error) {
	periods, err := s.periods(v)
	if err != nil {
		return stretch{}, err
	}
	books, _, _ := neighbours(slices.Concat(periods.Years, periods.Quarters, periods.Months), id)
	number, err := strconv.ParseUint(id, 10, 32)
	switch {
	case books != nil && len(books.Editions) == 0:
		return stretch{id: books.Id, from: books.From, to: books.To}, nil
	case books != nil:
		number = uint64(books.Editions[len(books.Editions)-1])
	case err != nil || number == 0:
		return stretch{}, errNotFound
	}
	answer, err := s.disclosure.GetEdition(v.public(), &apiv1.GetEditionRequest{CollectiveId: v.collective(), Number: uint32(number)})
	switch {
	case rpc.RefusalOf(err) != nil:
		return stretch{}, errNotFound
	case err != nil:
		return stretch{}, err
	}
	return stretchOf(answer.Edition), nil
}

// stretchOf is what an edition is about.
func stretchOf(e *apiv1.Edition) stretch {
	return stretch{id: strconv.Itoa(int(e.Number)), from: e.From, to: e.To, known: strconv.FormatUint(e.FiguresVersion, 10), edition: e}
}

// codeText is what the code of the poster says: the page that checks its pin, where people can reach one; else the pin, which
// mingzhang verify takes; else the board. What stands behind # is never sent to a server.
func (p *poster) codeText() string {
	switch e := p.of.edition; {
	case e == nil:
		return p.atOrigin("/b/" + p.about.Id + "/" + p.of.id + "/")
	case p.site.config.Origin == "":
		return e.Pin
	case p.static:
		return p.site.config.Origin + verifyFile + "#" + p.about.Id + ":" + pinOf(e)
	default:
		return p.atOrigin("/b/"+p.about.Id+"/verify/") + "#" + pinOf(e)
	}
}

// title is the first line.
func (p *poster) title() string {
	return p.about.Name + p.text("资金收支公示", ": receipts and payments")
}

// paperTitle names the sheet in lists of windows and printers.
func (p *poster) paperTitle() string {
	return p.named(p.of.from, p.of.to) + " " + strings.ToUpper(p.paper)
}

// otherPaper is the other size.
func (p *poster) otherPaper() string {
	if p.paper == "a3" {
		return "a4"
	}
	return "a3"
}

// corrections says what became of a line, or of which it is the correction.
func (p *poster) corrections(l line) []string {
	var all []string
	for _, c := range []struct{ number, zh, en string }{
		{l.Reverses, "冲销 ", "reverses "}, {l.Corrects, "更正 ", "corrects "}, {l.Refunds, "退回 ", "gives back "}, {l.Returns, "银行退回 ", "returned by the bank: "},
		{l.ReversedBy, "已被冲销,见 ", "reversed by "},
	} {
		if c.number != "" {
			all = append(all, p.text(c.zh, c.en)+c.number)
		}
	}
	return all
}

// words are an amount in capitals on Chinese posters; English ones have none, for figures say it all there.
func (p *poster) words(amount string) string { return p.text(capitals.Yuan(amount), "") }

// paysOut says whether a line touches no fund, which the poster explains.
func (p *poster) paysOut() bool {
	return slices.ContainsFunc(p.lines, func(l line) bool { return len(l.parts()) == 0 })
}

// posters lists what can be printed.
func (s *site) posters(v *visit) (templ.Component, error) {
	about, err := s.about(v, "")
	if err != nil {
		return nil, err
	}
	editions, err := s.editions(v)
	if err != nil {
		return nil, err
	}
	periods, err := s.periods(v)
	if err != nil {
		return nil, err
	}
	return postersPage(v, about, editions, periods), nil
}
