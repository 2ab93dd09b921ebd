package witness_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// TestJudge: which policy judges which head. A line is the heads in order, "size: who signed", and the verdicts as "size:policy", with
// a ! where it is not sealed.
func TestJudge(t *testing.T) {
	one := adopted(1, 10, lt.WitnessGroup("committee", 2, "a1", "a2", "a3"))
	two := adopted(2, 20, lt.WitnessGroup("committee", 2, "b1", "b2", "b3"), lt.WitnessGroup("outside", 1, "o1"))
	three := adopted(3, 20, lt.WitnessGroup("committee", 1, "c1"))
	for name, c := range map[string]struct {
		policies []witness.Adopted
		heads    string
		want     string
		inForce  uint32
	}{
		"no policy":                        {nil, "5: a1 a2", "5:0!", 0},
		"before the first":                 {[]witness.Adopted{one}, "9: a1 a2, 10: a1 a2", "9:0! 10:1", 1},
		"k-1":                              {[]witness.Adopted{one}, "12: a1", "12:1!", 1},
		"one twice":                        {[]witness.Adopted{one}, "12: a1 a1", "12:1!", 1},
		"strangers":                        {[]witness.Adopted{one}, "12: b1 b2 a1", "12:1!", 1},
		"the second is not in it":          {[]witness.Adopted{one, two}, "19: a1 a2, 25: b1 b2 o1", "19:1 25:1!", 1},
		"the old ones seal":                {[]witness.Adopted{one, two}, "20: a1 a2, 25: b1 b2 o1, 30: a1 a2", "20:1 25:2 30:2!", 2},
		"later than the first head":        {[]witness.Adopted{one, two}, "21: a1, 25: a2 a3, 30: b1 b2 o1", "21:1! 25:1 30:2", 2},
		"every group":                      {[]witness.Adopted{one, two}, "20: a1 a2, 25: b1 b2 b3, 30: b1 o1", "20:1 25:2! 30:2!", 2},
		"one policy a head":                {[]witness.Adopted{one, two, three}, "20: a1 a2 b1 b2 o1 c1, 25: b1 b2 o1, 30: c1", "20:1 25:2 30:3", 3},
		"in whatever order they are given": {[]witness.Adopted{one, two}, "25: b1 b2 o1, 20: a1 a2", "20:1 25:2", 2},
	} {
		t.Run(name, func(t *testing.T) {
			var heads []witness.Candidate
			for head := range strings.SplitSeq(c.heads, ", ") {
				var h witness.Candidate
				size, signed, _ := strings.Cut(head, ": ")
				fmt.Sscan(size, &h.Size)
				for who := range strings.FieldsSeq(signed) {
					h.Keys = append(h.Keys, lt.WitnessKey(who))
				}
				heads = append(heads, h)
			}
			given := slices.Clone(heads)
			j := witness.Judge(c.policies, heads)
			var got []string
			for _, v := range j.Heads {
				one := fmt.Sprintf("%d:0", v.Size)
				if v.Policy != nil {
					one = fmt.Sprintf("%d:%d", v.Size, v.Policy.Version)
				}
				if !v.Sealed {
					one += "!"
				}
				got = append(got, one)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
			var inForce uint32
			if j.InForce != nil {
				inForce = j.InForce.Version
			}
			if inForce != c.inForce || inForce > 0 && len(j.Pending) != len(c.policies)-int(inForce) {
				t.Errorf("in force %d, pending %d", inForce, len(j.Pending))
			}
			for i := range given {
				if given[i].Size != heads[i].Size {
					t.Error("the order of what was given changed")
				}
			}
		})
	}
}
