package ledger_test

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// FuzzParseShares: shares that are read name each fund once, at most twenty, and sum to exactly one; whatever the nesting,
// it is read or refused at once.
func FuzzParseShares(f *testing.F) {
	for _, s := range []string{"dividend 0.7,reserve 0.1,welfare 0.1,maintenance rest", "a 1/3,b 1/3,c rest", "a rest,b rest", "a 1,a 0", "", "a 0.5,:half 0.5(b 1/2,c rest)",
		":x 1(:x 1(:x 1(:x 1(a 1))))", ":x 1()", "a 1/1000003,b 1/1000033,c rest", "a 2,b -1", "a 1(b 1)", ":" + strings.Repeat("x", 70) + " 1(a 1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		texts, _ := sharesOf(s, 6)
		shares, err := ledger.ParseShares(texts)
		if err != nil {
			var refusal *ledger.Refusal
			if !errors.As(err, &refusal) || strings.ContainsAny(refusal.Chinese()+refusal.English(), "{}") && !strings.ContainsAny(s, "{}") {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		sum, funds := new(big.Rat), map[string]bool{}
		for _, share := range shares {
			if share.Share.Denominator == 0 || funds[share.Fund] {
				t.Fatalf("%q is read as %v", s, shares)
			}
			funds[share.Fund] = true
			sum.Add(sum, new(big.Rat).SetFrac(new(big.Int).SetUint64(share.Share.Numerator), new(big.Int).SetUint64(share.Share.Denominator)))
		}
		if sum.Cmp(big.NewRat(1, 1)) != 0 || len(shares) > 20 {
			t.Fatalf("%q is read as %v, which is %v in %d parts", s, shares, sum, len(shares))
		}
	})
}

// sharesOf reads the notation of the seeds: fund share, or :name share(parts).
func sharesOf(s string, depth int) (texts []ledger.ShareText, rest string) {
	for s != "" && s[0] != ')' && len(texts) < 30 {
		end := strings.IndexAny(s, ",()")
		if end < 0 {
			end = len(s)
		}
		name, share, _ := strings.Cut(s[:end], " ")
		text := ledger.ShareText{Fund: name, Share: share}
		if subtotal, ok := strings.CutPrefix(name, ":"); ok {
			text.Fund, text.Name = "", subtotal
		}
		if s = s[end:]; strings.HasPrefix(s, "(") && depth > 0 {
			text.Parts, s = sharesOf(s[1:], depth-1)
			s = strings.TrimPrefix(s, ")")
		}
		texts = append(texts, text)
		if s != "" {
			s = strings.TrimLeft(s[min(1, len(s)):], " ")
		}
	}
	return texts, s
}

// FuzzDecide fills a command of every kind with bytes and gives it to a collective in which everything happened once: it is
// refused with words, or gives events that are the same when it is decided again, can be stored, read and folded, and leave
// the sides equal.
func FuzzDecide(f *testing.F) {
	b := fullBooks(f)
	for i := range commands {
		f.Add(uint8(i), uint8(i), []byte{})
		f.Add(uint8(i), uint8(1), []byte("\x01\x02\x03\x01\x02\x03\x01\x02\x03\x01\x02\x03"))
		f.Add(uint8(i), uint8(2), []byte("\x05\x00\x04\x07\x03\x00\x09\x01\x00\x02\x11\x31\x00\xff"))
	}
	f.Fuzz(func(t *testing.T, kind, actor uint8, data []byte) {
		c := reflect.New(reflect.TypeOf(commands[int(kind)%len(commands)]).Elem())
		(&filler{data: data}).fill(c.Elem(), 4)
		checkDecision(t, b, c.Interface().(ledger.Command), []string{lt.Treasurer, lt.Approver, lt.Supervisor, lt.Admin, "cashier", "auditor", "", "nobody"}[actor%8])
	})
}

// fullBooks is a collective with one of everything, and open business.
func fullBooks(t testing.TB) *lt.Books {
	b := lt.Demo(t, "2022-12-20")
	b.T = t
	return b
}

func checkDecision(t *testing.T, b *lt.Books, c ledger.Command, actor string) {
	m := ledger.Meta{ID: lt.CommandID(9_999_999), Actor: actor, Now: lt.Noon("2022-12-20")}
	if r, ok := c.(ledger.Recaller); ok {
		m.Recalled = map[uint64]*eventv1.Event{}
		for _, version := range r.Recalls(b.State) {
			m.Recalled[version] = b.Events[version-1]
		}
	}
	events, err := ledger.Decide(b.State, c, m)
	again, err2 := ledger.Decide(b.State, c, m)
	if fmt.Sprint(err) != fmt.Sprint(err2) || !sameEvents(events, again) {
		t.Fatalf("%s %+v is decided as %v, %v and then as %v, %v", c.Name(), c, events, err, again, err2)
	}
	if err != nil {
		var refusal *ledger.Refusal
		if !errors.As(err, &refusal) || refusal.Chinese() == "" || refusal.English() == "" {
			t.Fatalf("%s %+v is refused as %v", c.Name(), c, err)
		}
		return
	}
	next := lt.New(t)
	next.Continue(b)
	for _, e := range events {
		stored, err := ledger.Encode(e)
		if err != nil {
			t.Fatalf("%s %+v gives an event that cannot be stored: %v", c.Name(), c, err)
		}
		read, err := ledger.Decode(eventstore.Event{Stream: "collective-x", Version: e.Version, Type: stored.Type, Data: stored.Data})
		if err != nil || !proto.Equal(read, e) {
			t.Fatalf("%s %+v gives %v, which is read as %v: %v", c.Name(), c, e, read, err)
		}
		next.State.Evolve(read)
	}
	if difference, wrong := next.State.Sums(); difference != 0 || len(wrong) > 0 {
		t.Fatalf("after %s %+v the sides differ by %v; wrong: %v", c.Name(), c, difference, wrong)
	}
}

// filler makes values of bytes. Each byte picks a value that has a meaning in the demonstration, or one at the edge; without
// bytes everything is zero.
type filler struct{ data []byte }

func (f *filler) next() int {
	if len(f.data) == 0 {
		return 0
	}
	b := f.data[0]
	f.data = f.data[1:]
	return int(b)
}

var (
	fuzzTexts = []string{"", "bank", "maintenance", "reserve", "welfare", "dividend", "rent", "repair", "relief", "party/lessee", "member/3", "lights-2022", "dividend-2022",
		"dividend-2021", "relief-2", "scholarship-2", "2022", "2021", "deposit/lease", "fund/welfare", "money/bank", "household_heads", "representatives", "rest", "0.7", "1/3",
		"policy-v1", "\xff\xfe", "a\u202eb", strings.Repeat("长", 300), "12345678901", "{x}", "interest", "treasurer", "approver", "supervisor", "org/a", "../x", "new-id", "bank_line"}
	fuzzNumbers = []int64{0, 1, 2, 3, 19, 100, 5_000_00, 98_000_00, -1, 1<<31 - 1, 1 << 31, 1<<63 - 1, -1 << 63, int64(ledger.AmountMax), int64(ledger.AmountMax) + 1, 2022, 9999}
	fuzzDays    = []ledger.Day{0, 20221220, 20221219, 20221231, 20220915, 20210720, 20200301, 20200229, 20230101, 99991231, 20221301, -1}
	fuzzMonths  = []ledger.Month{0, 202212, 202211, 202003, 202301, 999912, 202213, -5}
)

func (f *filler) fill(v reflect.Value, depth int) {
	if depth < 0 || len(f.data) == 0 && v.Kind() != reflect.Struct && v.Kind() != reflect.Pointer {
		return
	}
	switch v.Interface().(type) {
	case ledger.Day:
		v.Set(reflect.ValueOf(fuzzDays[f.next()%len(fuzzDays)]))
		return
	case ledger.Month:
		v.Set(reflect.ValueOf(fuzzMonths[f.next()%len(fuzzMonths)]))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fuzzTexts[f.next()%len(fuzzTexts)])
	case reflect.Bool:
		v.SetBool(f.next()%2 == 1)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n := fuzzNumbers[f.next()%len(fuzzNumbers)]
		if v.OverflowInt(n) {
			n %= 16
		}
		v.SetInt(n)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		n := uint64(fuzzNumbers[f.next()%len(fuzzNumbers)])
		if v.OverflowUint(n) {
			n %= 256
		}
		v.SetUint(n)
	case reflect.Slice:
		n := f.next() % 8
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n *= 8 // digests have 32 bytes
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), depth-1)
		}
	case reflect.Pointer:
		if _, message := v.Interface().(proto.Message); !message && f.next()%3 == 0 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), depth-1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i), depth)
			}
		}
	}
}

// TestManySharesAreRefusedAtOnce: a policy of as many distinct funds as nesting allows is refused without comparing all with
// all.
func TestManySharesAreRefusedAtOnce(t *testing.T) {
	n := 0
	var level func(depth int) []ledger.ShareText
	level = func(depth int) []ledger.ShareText {
		texts := make([]ledger.ShareText, 20)
		for i := range texts {
			texts[i] = ledger.ShareText{Share: "0.05"}
			if depth == 1 {
				n++
				texts[i].Fund = fmt.Sprintf("fund-%d", n)
			} else {
				texts[i].Name, texts[i].Parts = "part", level(depth-1)
			}
		}
		return texts
	}
	if _, err := ledger.ParseShares(level(4)); !refusedAs(err, ledger.TooMany) {
		t.Errorf("%d shares: %v", n, err)
	}
}
