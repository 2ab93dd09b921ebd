package snapshot

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

type (
	key  struct{ kind, issuer string }
	pair struct {
		a int64
		b uint64
	}
	gaps struct {
		a uint8
		b uint64
	}
	node struct {
		name string
		next *node
	}
	// zoo has one field of every kind that can be copied.
	zoo struct {
		mu       sync.RWMutex
		is       bool
		small    int8
		big      uint64
		id       [16]byte
		texts    [3]string
		flat     []pair
		gapped   []gaps
		none     []int64
		empty    []int64
		names    []string
		lists    [][]int32
		byID     map[string]*node
		items    []*node
		byNumber map[pair]gaps
		set      map[key]struct{}
		nilMap   map[int]int
		void     map[int]int
		zone     *time.Location
		noZone   *time.Location
		fund     *eventv1.Fund
		noFund   *eventv1.Fund
		funds    map[string]*eventv1.Fund
		list     *[]int32
		newest   [2]struct{ list *[]int32 }
		embedded
	}
	embedded struct {
		deep map[string]map[string][]uint32
	}
)

func fullZoo() *zoo {
	shanghai, _ := time.LoadLocation("Asia/Shanghai")
	z := &zoo{
		is: true, small: -3, big: 1 << 63, id: [16]byte{1, 2, 15: 9}, texts: [3]string{"", "农", strings.Repeat("x", 3*arenaBytes)},
		flat: []pair{{1, 2}, {-1, 4}}, gapped: []gaps{{1, 2}, {3, 4}}, empty: []int64{}, names: []string{"a", "", "b"},
		lists: [][]int32{nil, {}, {1, 2, 3}}, byID: map[string]*node{}, byNumber: map[pair]gaps{{1, 1}: {1, 1}, {0, 9}: {2, 2}},
		set: map[key]struct{}{{"a", "b"}: {}, {"", ""}: {}}, void: map[int]int{}, zone: shanghai,
		fund: &eventv1.Fund{Id: "reserve", Name: "公积金"}, list: &[]int32{7},
		embedded: embedded{map[string]map[string][]uint32{"x": {"y": {1}, "z": nil}, "nil": nil}},
	}
	z.funds = map[string]*eventv1.Fund{"reserve": z.fund, "other": {Id: "other"}}
	z.newest[1].list = z.list
	for i := range 300 {
		n := &node{name: strings.Repeat("节", i%7), next: nil}
		if i > 0 {
			n.next = z.items[0]
		}
		z.items = append(z.items, n)
		z.byID[n.name] = n
	}
	z.items[0].next = z.items[299] // a ring
	for i := range 300_000 {
		z.flat = append(z.flat, pair{int64(i), 1})
	}
	return z
}

func encoded(t testing.TB, v any) (*Codec, []byte) {
	t.Helper()
	c, err := NewCodec(v)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Encode(&out, v); err != nil {
		t.Fatal(err)
	}
	return c, out.Bytes()
}

// dribble gives a few bytes at a time, so that every value is cut somewhere.
type dribble struct {
	r      *bytes.Reader
	random *rand.Rand
}

func (d *dribble) Read(b []byte) (int, error) { return d.r.Read(b[:min(len(b), 1+d.random.IntN(5))]) }

func TestCodecGivesBackWhatItTook(t *testing.T) {
	want := fullZoo()
	c, data := encoded(t, want)
	for name, slow := range map[string]bool{"at once": false, "in pieces": true} {
		var got zoo
		r := &dribble{bytes.NewReader(data), rand.New(rand.NewPCG(1, 2))}
		var err error
		if slow {
			err = c.Decode(r, int64(len(data)), &got)
		} else {
			err = c.Decode(bytes.NewReader(data), int64(len(data)), &got)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !proto.Equal(got.fund, want.fund) || got.funds["reserve"] != got.fund || !proto.Equal(got.funds["other"], want.funds["other"]) {
			t.Errorf("%s: funds %v, %v", name, got.fund, got.funds)
		}
		_, again := encoded(t, &got)
		if !bytes.Equal(data, again) {
			t.Errorf("%s: what came back is written otherwise", name)
		}
		got.fund, got.funds = want.fund, want.funds // messages remember their size
		if !reflect.DeepEqual(want, &got) {
			t.Errorf("%s: not what was written", name)
		}
		if got.items[0].next != got.items[299] || got.byID[""] != got.items[294] || got.newest[1].list != got.list || got.newest[0].list != nil {
			t.Errorf("%s: what pointed to one value points to two", name)
		}
		if got.none != nil || got.nilMap != nil || got.noZone != nil || got.noFund != nil || got.empty == nil || got.void == nil {
			t.Errorf("%s: nil and empty were mixed up", name)
		}
		got.mu.Lock()
	}
	for range 10 { // maps are walked in another order each time
		if _, again := encoded(t, want); !bytes.Equal(data, again) {
			t.Fatal("equal values are written differently")
		}
	}
}

func TestCodecRefusesWhatItCannotCopy(t *testing.T) {
	for want, v := range map[string]any{
		".price is a float64":                      &struct{ price float64 }{},
		".what is a interface":                     &struct{ what any }{},
		".f is a func":                             &struct{ f func() }{},
		".c is a chan":                             &struct{ c chan int }{},
		".a.b[] is a float32":                      &struct{ a struct{ b []float32 } }{},
		".m key is a float64":                      &struct{ m map[float64]int }{},
		".m is a map[*int]int":                     &struct{ m map[*int]int }{},
		".n is a atomic.Int64":                     &struct{ n atomic.Int64 }{},
		".m is a sync.Map":                         &struct{ m sync.Map }{},
		".t is a time.Time":                        &struct{ t time.Time }{},
		".fund is a eventv1.Fund":                  &struct{ fund eventv1.Fund }{},
		".p is a uintptr":                          &struct{ p uintptr }{},
		"not a pointer":                            struct{}{},
		".d[][] is a float64: values of this kind": &struct{ d map[string][]float64 }{},
	} {
		if _, err := NewCodec(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v, want %q", v, err, want)
		}
	}
}

func TestSchemaTellsTypesApart(t *testing.T) {
	seen := map[[32]byte]any{}
	for _, v := range []any{
		&pair{}, &struct{ a, b int64 }{}, &struct{ b, a int64 }{}, &struct{ a, b uint64 }{}, &struct{ a int64 }{}, &struct{ a, b int32 }{},
		&struct{ m map[string]pair }{}, &struct{ m map[string]*pair }{}, &struct{ m map[string][2]int64 }{}, &struct{ m []pair }{}, &struct{ m [1]pair }{},
	} {
		c, err := NewCodec(v)
		if err != nil {
			t.Fatal(err)
		}
		if before := seen[c.Schema()]; before != nil {
			t.Errorf("%T and %T have one schema", before, v)
		}
		seen[c.Schema()] = v
	}
}

// TestDecodeSurvivesAnyBytes cuts and bends what was written: there is a value or an error, never a panic or much memory.
func TestDecodeSurvivesAnyBytes(t *testing.T) {
	z := fullZoo()
	z.flat, z.texts[2], z.items = z.flat[:3], "short", z.items[:5]
	z.items[0].next = nil
	z.byID = map[string]*node{"": z.items[1]}
	c, data := encoded(t, z)
	for n := range data {
		if err := c.Decode(bytes.NewReader(data[:n]), int64(n), new(zoo)); err == nil {
			t.Fatalf("%d of %d bytes gave a value", n, len(data))
		}
		if err := c.Decode(bytes.NewReader(data[:n]), int64(len(data)), new(zoo)); err == nil {
			t.Fatalf("%d bytes that should be %d gave a value", n, len(data))
		}
		for bit := range 8 {
			bent := bytes.Clone(data)
			bent[n] ^= 1 << bit
			_ = c.Decode(bytes.NewReader(bent), int64(len(bent)), new(zoo))
		}
	}
	if err := c.Decode(bytes.NewReader(append(data, 0)), int64(len(data))+1, new(zoo)); err == nil {
		t.Error("a byte too many gave a value")
	}
	if err := c.Decode(bytes.NewReader(data), int64(len(data)), new(node)); err == nil {
		t.Error("decoded into another type")
	}
	if err := c.Encode(&bytes.Buffer{}, new(node)); err == nil {
		t.Error("encoded another type")
	}
}
