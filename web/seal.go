package web

import (
	"strconv"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// petal is one witness of a group, as a petal of the seal (五瓣章).
type petal struct {
	name   string
	signed bool
	turn   string // SVG transform
}

// petals are the witnesses of a group: who has signed first.
func petals(g *apiv1.SealGroup) []petal {
	all := make([]petal, 0, len(g.Signed)+len(g.Missing))
	for _, name := range g.Signed {
		all = append(all, petal{name: name, signed: true})
	}
	for _, name := range g.Missing {
		all = append(all, petal{name: name})
	}
	for i := range all {
		all[i].turn = "rotate(" + strconv.Itoa(360*i/len(all)) + " 50 50)"
	}
	return all
}

// sealLabel says in words what the picture of a group shows.
func (v *visit) sealLabel(g *apiv1.SealGroup) string {
	of, signed := strconv.Itoa(len(g.Signed)+len(g.Missing)), strconv.Itoa(len(g.Signed))
	need := strconv.Itoa(int(g.Threshold))
	return v.text(g.Name+":"+of+" 人中已签 "+signed+" 人,要 "+need+" 人", g.Name+": "+signed+" of "+of+" have signed, "+need+" are needed")
}
