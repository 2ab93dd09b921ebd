package web

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func amountOf(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

func TestFenAndScale(t *testing.T) {
	for amount, want := range map[string]int64{"196000.00": 19600000, "-0.05": -5, "0.00": 0, "": 0, "1.2": 0, "x.00": 0, "92233720368547758.07": 9223372036854775807} {
		if got := fen(amount); got != want {
			t.Errorf("fen(%q) is %d, not %d", amount, got, want)
		}
	}
	for _, c := range [][4]int64{{1, 3, 1000, 333}, {-1, 3, 1000, -333}, {5, 0, 1000, 0}, {9223372036854775807, 9223372036854775807, 10400, 10400}, {4611686018427387904, 9223372036854775807, 10000, 5000}} {
		if got := scale(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("scale(%d, %d, %d) is %d, not %d", c[0], c[1], c[2], got, c[3])
		}
	}
	if px(125) != "12.5" || px(-30) != "-3" || px(-5) != "-0.5" {
		t.Errorf("px: %s %s %s", px(125), px(-30), px(-5))
	}
}

// TestFlowAddsUp: at every node the ribbons that leave lie one below the other without a gap and come to what went out, those that arrive
// likewise, and nodes of a column never overlap, however many and however unequal.
func TestFlowAddsUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var nodes []flowNode
		for c, most := range [3]int{4, 6, 14} {
			for range 1 + random.IntN(most) {
				nodes = append(nodes, flowNode{column: c, name: "x"})
			}
		}
		var flows []ribbon
		for i, a := range nodes {
			for j, b := range nodes {
				if b.column == a.column+1 && random.IntN(2) == 0 {
					flows = append(flows, ribbon{from: i, to: j, amount: amountOf(random.Int64N(1 << (1 + random.IntN(40))))})
				}
			}
		}
		flows = append(flows, ribbon{from: 0, to: len(nodes) - 1, amount: "-5.00"})
		for _, shape := range []flowShape{wideFlow, narrowFlow} {
			p := layFlow(shape, nodes, flows)
			for i, n := range p.nodes {
				if n.y < 0 || n.y+n.h > p.height {
					t.Fatalf("%s: node %d from %d to %d in a picture of %d", shape.name, i, n.y, n.y+n.h, p.height)
				}
				for j, o := range p.nodes[:i] {
					if o.column == n.column && o.y+max(o.h, 15) > n.y {
						t.Fatalf("%s: nodes %d and %d overlap", shape.name, j, i)
					}
				}
				leaves, arrives := n.y, n.y
				for _, r := range p.ribbons {
					if r.from == i {
						if r.fromTop != leaves {
							t.Fatalf("%s: a ribbon leaves node %d at %d, after one that ends at %d", shape.name, i, r.fromTop, leaves)
						}
						leaves = r.fromEnd
					}
					if r.to == i {
						if r.toTop != arrives {
							t.Fatalf("%s: a ribbon reaches node %d at %d, after one that ends at %d", shape.name, i, r.toTop, arrives)
						}
						arrives = r.toEnd
					}
				}
				if got := max(leaves, arrives); got != n.y+n.h {
					t.Fatalf("%s: the ribbons at node %d end at %d, the node at %d", shape.name, i, got, n.y+n.h)
				}
			}
			for _, r := range p.ribbons {
				if strings.HasPrefix(r.amount, "-") {
					t.Fatal("a flow below zero was drawn")
				}
			}
		}
	}
}

// TestBarsStandOnZero: income stands above the line and spending below it, what was turned back on the other side, on one scale.
func TestBarsStandOnZero(t *testing.T) {
	months := []barInput{{in: "98000.00", out: "137173.92"}, {in: "49000.00", out: "0.00"}, {in: "-1000.00", out: "-2000.00"}}
	p := layBars("wide", 10400, 2800, months, func(f int64) string { return amountOf(f) })
	a, b, c := p.bars[0], p.bars[1], p.bars[2]
	if a.inY+a.inHeight != p.zero || a.outY != p.zero || a.inTurned || !a.outTurned {
		t.Errorf("the line of zero is at %d, and the bars at %+v", p.zero, a)
	}
	if c.inY != p.zero || !c.inTurned || c.outY+c.outHigh != p.zero || c.outTurned {
		t.Errorf("what was turned back stands at %+v", c)
	}
	if diff := a.inHeight - 2*b.inHeight; diff < 0 || diff > 1 {
		t.Errorf("twice the money is %d and %d high", a.inHeight, b.inHeight)
	}
	if b.outHigh != 0 || a.outY+a.outHigh > p.bottom || a.inY < p.top {
		t.Errorf("bars leave the picture: %+v", a)
	}
	for i, o := range p.bars[1:] {
		if p.bars[i].x+p.bars[i].width > o.x {
			t.Errorf("bars %d and %d overlap", i, i+1)
		}
	}
	var texts []string
	for _, l := range p.lines {
		texts = append(texts, l.text)
	}
	if got := strings.Join(texts, " "); got != "50000.00 50000.00 100000.00 0.00" && got != "50000.00 50000.00 100000.00 0" {
		t.Errorf("the axis says %s", got)
	}
	if p := layBars("wide", 10400, 2800, months[:0], nil); len(p.bars) != 0 {
		t.Error("bars without months")
	}
	if p := layBars("wide", 10400, 2800, []barInput{{in: "0.00", out: "0.00"}}, nil); p.bars[0].inHeight != 0 || len(p.lines) != 1 {
		t.Errorf("a month of nothing: %+v", p)
	}
}

func TestRoundStep(t *testing.T) {
	for most, want := range map[int64]int64{0: 0, 1: 1, 4: 1, 5: 2, 9: 2, 13717392: 5000000, 9800000: 2000000} {
		if got := roundStep(most); got != want {
			t.Errorf("lines up to %d are %d apart, not %d", most, got, want)
		}
	}
}

// TestStripBeginsAtZero: a balance of nothing lies on the line, the highest at the top, and one below zero beneath the line.
func TestStripBeginsAtZero(t *testing.T) {
	s := layStrip(1000, 640, "0.00", []string{"100.00", "50.00"})
	if s.zero != 630 || s.line != "M0 63H25V2H50H75V32.5H100" && !strings.HasPrefix(s.line, "M0 63H25V2H") {
		t.Errorf("zero at %d: %s", s.zero, s.line)
	}
	if s := layStrip(1000, 640, "0.00", []string{"-100.00"}); s.zero != 20 || !strings.Contains(s.line, "V63") {
		t.Errorf("below zero: %+v", s)
	}
	if s := layStrip(1000, 640, "0.00", []string{"0.00"}); strings.Contains(s.line, "V2") {
		t.Errorf("nothing: %+v", s)
	}
}

func TestParsePeriod(t *testing.T) {
	for id, want := range map[string]string{
		"2021": "2021-01-01 2021-12-31 year", "2021-q3": "2021-07-01 2021-09-30 quarter", "2021-09": "2021-09-01 2021-09-30 month",
		"2024-02": "2024-02-01 2024-02-29 month", "2021-q1": "2021-01-01 2021-03-31 quarter", "all": "  all",
	} {
		p, ok := parsePeriod(id)
		if got := p.from + " " + p.to + " " + p.kind; !ok || got != want {
			t.Errorf("%s is %s, %v", id, got, ok)
		}
	}
	for _, id := range []string{"", "1", "202", "0021", "2021-q5", "2021-q0", "2021-13", "2021-00", "2021-9", "2021-Q3", "+021", "-021", "2021-09-01", "ALL", "20210", "2021-q"} {
		if p, ok := parsePeriod(id); ok {
			t.Errorf("%q is taken for %+v", id, p)
		}
	}
}

func TestTypeset(t *testing.T) {
	for text, want := range map[string]string{
		"收入,支出": "收入\uff0c支出", "共 3 件,已答": "共 3 件\uff0c已答", "1,234.50 元": "1,234.50 元", "收入(零线以上)": "收入\uff08零线以上\uff09",
		"第 1 期:更正": "第 1 期\uff1a更正", "(900.00)": "(900.00)", "余额(含 5.00)": "余额\uff08含 5.00\uff09", "单位: 元": "单位\uff1a元", "12:30": "12:30",
		")": ")", "有疑问?": "有疑问\uff1f",
	} {
		if got := typeset(text); got != want {
			t.Errorf("%s is set as %s, not %s", text, got, want)
		}
	}
}

func TestDifferences(t *testing.T) {
	old, now := "a\nb\nc\nd\n", "a\nc\nX\nd\n"
	var got []string
	for _, d := range differences(old, now) {
		got = append(got, map[bool]string{true: "+", false: "-"}[d.added]+d.line)
	}
	if text := strings.Join(got, " "); text != "-b +X" {
		t.Errorf("differences: %s", text)
	}
	if moved := differences("y\nz\nx\n", "x\ny\nz\n"); len(moved) != 2 { // the longest common run stays
		t.Errorf("a line that moved: %v", moved)
	}
	if len(differences(old, old)) != 0 {
		t.Error("a text differs from itself")
	}
	long := strings.Repeat("x\ny\n", 3000)
	if n := len(differences("s\n"+long, "t\n"+strings.Repeat("y\nx\n", 3000)+"q\n")); n == 0 {
		t.Error("long texts do not differ")
	}
}

func TestSignedAmounts(t *testing.T) {
	for _, c := range [][3]string{{"5.00", "+", "+5.00"}, {"5.00", "−", "−5.00"}, {"-5.00", "+", "−5.00"}, {"-5.00", "−", "+5.00"}, {"0.00", "+", "0.00"}} {
		if got := signed(c[0], c[1]); got != c[2] {
			t.Errorf("%s in the column %s is %s", c[0], c[1], got)
		}
	}
	v := &visit{}
	for fraction, want := range map[string]string{"7/10": "70%", "1/4": "1/4", "1/1": "100%", "33/100": "33%", "1/3": "1/3"} {
		if got := v.share(fraction); got != want {
			t.Errorf("share %s is %s", fraction, got)
		}
	}
}
