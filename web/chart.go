package web

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// This file lays pictures out: pure functions from amounts of the API to places on a drawing, in whole numbers. Lengths are tenths of a
// unit of the drawing (px writes them). An amount is read as fen for its length alone; the figure beside it is the API's own text.

// fen reads an amount of the API, yuan with two decimals, for the geometry of a picture; 0 for what is none.
func fen(amount string) int64 {
	rest, negative := strings.CutPrefix(amount, "-")
	whole, cents, ok := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(whole+cents, 10, 64)
	if !ok || len(cents) != 2 || err != nil {
		return 0
	}
	if negative {
		return -n
	}
	return n
}

// scale is the part of a length that value is of whole, rounded down; 0 where there is no whole. Values below zero scale as their opposites.
func scale(value, whole, length int64) int64 {
	switch {
	case whole <= 0:
		return 0
	case value < 0:
		return -scale(-value, whole, length)
	}
	hi, lo := bits.Mul64(uint64(value), uint64(length))
	if hi >= uint64(whole) { // more than 64 bits of length: nothing that is drawn
		return length
	}
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(q)
}

// px writes a length in units of the drawing: 125 is 12.5.
func px(tenths int64) string {
	sign := ""
	if tenths < 0 {
		sign, tenths = "-", -tenths
	}
	if tenths%10 == 0 {
		return sign + strconv.FormatInt(tenths/10, 10)
	}
	return sign + strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10)
}

// Flows: from the left column through the funds in the middle to the right one, each node as high as what goes through it.

// flowNode is a place that money comes from, stays in or goes to.
type flowNode struct {
	column int // 0, 1 or 2
	name   string
	amount string // of the API; empty where no single figure is its
	href   string
	class  string // of its colour

	value      int64 // fen
	y, h, slot int64
}

// ribbon is money on its way from one node to another.
type ribbon struct {
	from, to int // places in the nodes
	amount   string
	title    string
	class    string

	path                           string
	fromTop, fromEnd, toTop, toEnd int64 // where it leaves and arrives
}

// flowShape is how a picture of flows is laid out.
type flowShape struct {
	name               string
	width, height      int64 // of the drawing; the height is that of all money, without gaps
	node               int64 // width of a node
	columns            [3]int64
	label, gap, beside int64     // least slot of a node, gap between slots, room for a label above a node
	above              [3]bool   // labels stand above their nodes in this column, not beside
	anchor             [3]string // of the text
}

var (
	wideFlow = flowShape{
		name: "wide", width: 10400, height: 3600, node: 140, columns: [3]int64{1900, 4700, 7900}, label: 420, gap: 100, beside: 260,
		above: [3]bool{false, true, false}, anchor: [3]string{"end", "start", "start"},
	}
	narrowFlow = flowShape{
		name: "narrow", width: 3280, height: 3400, node: 100, columns: [3]int64{0, 1400, 3180}, label: 400, gap: 40, beside: 400,
		above: [3]bool{true, true, true}, anchor: [3]string{"start", "start", "end"},
	}
)

// flowPicture is a picture of flows that is laid out.
type flowPicture struct {
	shape   flowShape
	height  int64
	nodes   []flowNode
	ribbons []ribbon
}

// layFlow lays out flows: the heights of the ribbons at a node come to its height, and no two nodes of a column overlap. Flows of nothing
// and below zero are not drawn.
func layFlow(shape flowShape, nodes []flowNode, flows []ribbon) flowPicture {
	p := flowPicture{shape: shape, nodes: append([]flowNode(nil), nodes...)}
	in, out := make([]int64, len(nodes)), make([]int64, len(nodes))
	for _, r := range flows {
		if n := fen(r.amount); n > 0 {
			out[r.from] += n
			in[r.to] += n
			p.ribbons = append(p.ribbons, r)
		}
	}
	var whole [3]int64
	for i := range p.nodes {
		n := &p.nodes[i]
		n.value = max(in[i], out[i])
		whole[n.column] += n.value
	}
	all := max(whole[0], whole[1], whole[2])
	var heights [3]int64
	for i := range p.nodes {
		n := &p.nodes[i]
		n.h = scale(n.value, all, shape.height)
		n.slot = max(n.h, shape.label)
		if shape.above[n.column] {
			n.slot = max(n.h, 20) + shape.beside
		}
		heights[n.column] += n.slot + shape.gap
	}
	p.height = max(heights[0], heights[1], heights[2])
	var at [3]int64
	for c := range at {
		at[c] = (p.height - heights[c] + shape.gap) / 2
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		n.y = at[n.column] + (n.slot-n.h)/2
		if shape.above[n.column] {
			n.y = at[n.column] + shape.beside
		}
		at[n.column] += n.slot + shape.gap
	}
	goneOut, goneIn := make([]int64, len(nodes)), make([]int64, len(nodes))
	for i := range p.ribbons {
		r := &p.ribbons[i]
		a, b, n := &p.nodes[r.from], &p.nodes[r.to], fen(r.amount)
		r.fromTop, r.fromEnd = a.y+scale(goneOut[r.from], all, shape.height), a.y+scale(goneOut[r.from]+n, all, shape.height)
		r.toTop, r.toEnd = b.y+scale(goneIn[r.to], all, shape.height), b.y+scale(goneIn[r.to]+n, all, shape.height)
		goneOut[r.from] += n
		goneIn[r.to] += n
		x0, x1 := shape.columns[a.column]+shape.node, shape.columns[b.column]
		half := (x0 + x1) / 2
		r.path = fmt.Sprintf("M%s %sC%s %s %s %s %s %sV%sC%s %s %s %s %s %sZ", px(x0), px(r.fromTop), px(half), px(r.fromTop), px(half), px(r.toTop),
			px(x1), px(r.toTop), px(r.toEnd), px(half), px(r.toEnd), px(half), px(r.fromEnd), px(x0), px(r.fromEnd))
	}
	return p
}

// labelX and labelY are where the text of a node begins: its name; its amount stands a line below.
func (p *flowPicture) labelX(n flowNode) int64 {
	x, s := p.shape.columns[n.column], p.shape
	switch {
	case s.above[n.column] && s.anchor[n.column] == "end":
		return x + s.node
	case s.above[n.column]:
		return x
	case s.anchor[n.column] == "end":
		return x - 100
	default:
		return x + s.node + 100
	}
}

func (p *flowPicture) labelY(n flowNode) int64 {
	if p.shape.above[n.column] {
		return n.y - p.shape.beside + 180
	}
	return n.y + n.h/2 - 20
}

// Bars: what came in stands above the line of zero and what went out below it, month by month.

// barInput is one month.
type barInput struct {
	name, short   string // 2021年9月, 9
	in, out, href string
}

// bar is a column of one month that is laid out. Heights below zero are drawn on the other side of the line.
type bar struct {
	barInput
	x, width                     int64
	inY, inHeight, outY, outHigh int64
	inTurned, outTurned          bool
	textX                        int64
}

// gridline is a line across with what it stands for.
type gridline struct {
	y    int64
	text string
}

// barPicture is a picture of bars that is laid out.
type barPicture struct {
	name                      string
	width, height, left, zero int64
	top, bottom               int64
	bars                      []bar
	lines                     []gridline
}

// layBars lays out months side by side on one scale. unit writes a round amount of fen for the axis.
func layBars(name string, width, height int64, months []barInput, unit func(fen int64) string) barPicture {
	p := barPicture{name: name, width: width, height: height, left: 520, top: 120, bottom: height - 260}
	var up, down int64 // the furthest from zero on either side
	for _, m := range months {
		in, out := fen(m.in), fen(m.out)
		up, down = max(up, in, -out), max(down, out, -in)
	}
	room := p.bottom - p.top
	if up+down == 0 {
		p.zero = p.bottom
	} else {
		p.zero = p.top + scale(up, up+down, room)
	}
	slot := (width - p.left) / int64(max(len(months), 1))
	for i, m := range months {
		b := bar{barInput: m, x: p.left + int64(i)*slot + slot/6, width: min(slot*2/3, 400)}
		b.x += (slot*2/3 - b.width) / 2
		b.textX = p.left + int64(i)*slot + slot/2
		b.inY, b.inHeight, b.inTurned = p.side(scale(fen(m.in), up+down, room))
		b.outY, b.outHigh, b.outTurned = p.side(-scale(fen(m.out), up+down, room))
		p.bars = append(p.bars, b)
	}
	step := roundStep(max(up, down))
	for at := step; step > 0 && at <= max(up, down); at += step {
		if at <= up {
			p.lines = append(p.lines, gridline{p.zero - scale(at, up+down, room), unit(at)})
		}
		if at <= down {
			p.lines = append(p.lines, gridline{p.zero + scale(at, up+down, room), unit(at)})
		}
	}
	p.lines = append(p.lines, gridline{p.zero, "0"})
	return p
}

// side gives top and height of a bar that rises by h from the line of zero, and whether it goes down.
func (p *barPicture) side(h int64) (y, height int64, below bool) {
	if h < 0 {
		return p.zero, -h, true
	}
	return p.zero - h, h, false
}

// roundStep is a round distance of lines (1, 2 or 5 times a power of ten) of which most has room for one to four; 0 for nothing.
func roundStep(most int64) int64 {
	if most <= 0 {
		return 0
	}
	for power := int64(1); ; power *= 10 {
		for _, s := range []int64{1, 2, 5} {
			if most/(s*power) <= 4 {
				return s * power
			}
		}
	}
}

// Strips: how a balance ran, as steps from zero.

// strip is the running balance of one fund.
type strip struct {
	width, height int64
	area, line    string // paths
	zero          int64
}

// layStrip lays out balances at the ends of equal spans, after the opening, from zero up.
func layStrip(width, height int64, opening string, closings []string) strip {
	s := strip{width: width, height: height, zero: height - 10}
	most, least := max(fen(opening), 0), min(fen(opening), 0)
	for _, c := range closings {
		most, least = max(most, fen(c)), min(least, fen(c))
	}
	room := height - 30
	if most-least > 0 {
		s.zero = 20 + scale(most, most-least, room)
	}
	level := func(amount string) int64 { return s.zero - scale(fen(amount), most-least, room) }
	var b strings.Builder
	fmt.Fprintf(&b, "M0 %s", px(level(opening)))
	for i, c := range closings {
		from, to := width*int64(i)/int64(len(closings)), width*int64(i+1)/int64(len(closings))
		// The balance changes somewhere in the month; the step stands in its middle.
		fmt.Fprintf(&b, "H%sV%sH%s", px((from+to)/2), px(level(c)), px(to))
	}
	s.line = b.String()
	s.area = s.line + "V" + px(s.zero) + "H0Z"
	return s
}

// fundBar is what a fund had in a period, as parts of the longest of all: spent, then what is left.
type fundBar struct{ spent, left int64 }

// layFundBar lays out a fund's spending and closing. A fund with neither, or below zero, has no bar.
func layFundBar(spent, closing string, most, width int64) fundBar {
	return fundBar{spent: scale(max(fen(spent), 0), most, width), left: scale(max(fen(closing), 0), most, width)}
}
