package web

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// The screen on the wall shows scenes one after the other, each a page of its own of 1920 by 1080: without script the page leads to the next
// one by itself, with script (assets/wall.js) it stays and only its content changes, so that a screen whose server is away keeps the figures
// it has and says how old they are.
const (
	wallScenes  = 4
	wallSeconds = 20 // of a scene
	wallLines   = 7  // lines of a scene, in the type that can be read from four metres
	wallSearch  = 60 // newest lines among which those of the scene are: the others touch no fund, as when a dividend is paid out
)

// wallFlow is the picture of flows for a screen of 1920 by 1080: 1,840 units wide, a unit is about a pixel. Labels stand beside, their amounts a
// line below.
var wallFlow = flowShape{
	name: "far", width: 18400, height: 4600, node: 240, columns: [3]int64{2700, 8200, 14200}, label: 740, gap: 80, beside: 420,
	above: [3]bool{false, true, false}, anchor: [3]string{"end", "start", "start"},
}

// wall is one scene.
type wall struct {
	*board
	*yearData // the year with the newest line
	scene     int
	lines     []line
	edition   *apiv1.Edition // the newest; nil while there is none
	seal      *apiv1.Seal    // of the month closed last; nil while there is none
	code      *qrCode        // leads to the board, or is the pin
}

func (s *site) wall(v *visit) (templ.Component, error) {
	w := &wall{board: &board{visit: v}, yearData: &yearData{}, scene: 1}
	if n := v.request.PathValue("scene"); n != "" {
		var err error
		if w.scene, err = strconv.Atoi(n); err != nil || w.scene < 2 || w.scene > wallScenes {
			return nil, errNotFound
		}
	}
	var err error
	if w.about, err = s.about(v, ""); err != nil {
		return nil, err
	}
	if w.yearData.span, err = w.board.span(""); err != nil {
		return nil, err
	}
	if w.figures, err = s.figures(v, w.year()); err != nil {
		return nil, err
	}
	nodes, flows := w.flowsOf(w.yearData)
	w.wide = layFlow(wallFlow, nodes, flows)
	newest, err := s.newest(v, wallSearch)
	if err != nil {
		return nil, err
	}
	for _, l := range newest {
		if len(l.parts()) > 0 && len(w.lines) < wallLines {
			w.lines = append(w.lines, l)
		}
	}
	editions, err := s.editions(v)
	if err != nil {
		return nil, err
	}
	if n := len(editions); n > 0 {
		w.edition = editions[n-1]
	}
	if w.seal, err = s.seal(v, ""); err != nil {
		return nil, err
	}
	text := v.atOrigin("/b/" + w.about.Id + "/")
	if text == "" && w.edition != nil {
		text = w.edition.Pin
	}
	if text != "" {
		if w.code, err = newQR(text); err != nil {
			return nil, err
		}
	}
	return wallPage(w), nil
}

// next is the address of the scene that follows.
func (w *wall) next() string {
	to := "/b/" + w.about.Id + "/wall/"
	if w.scene < wallScenes {
		to += strconv.Itoa(w.scene+1) + "/"
	}
	return w.href(to)
}

// refresh leads a browser without script to the next scene.
func (w *wall) refresh() string { return strconv.Itoa(wallSeconds) + "; url=" + w.next() }

// moment says when the figures were read: a screen that is left behind by its server shows by it how old they are.
func (w *wall) moment() string {
	if w.static {
		return w.today(w.about)
	}
	return w.today(w.about) + " " + w.clockOf(w.about).Format("15:04")
}

// signedText says how far the newest closed month is countersigned.
func (w *wall) signedText() string {
	if w.seal == nil {
		return ""
	}
	month := w.month(w.seal.Month)
	if w.seal.Sealed {
		return w.text(month+"已盖五瓣章", month+" is sealed")
	}
	var counts []string
	for _, g := range w.seal.Groups {
		counts = append(counts, strconv.Itoa(len(g.Signed))+"/"+strconv.Itoa(len(g.Signed)+len(g.Missing)))
	}
	if len(counts) == 0 {
		return w.text(month+"已结账", month+" is closed")
	}
	return w.text(month+"会签 "+strings.Join(counts, "、"), month+" signed by "+strings.Join(counts, ", "))
}

// year is the year that the screen shows; everything while there is no line.
func (w *wall) year() stretch { return stretch{from: w.from, to: w.to} }
