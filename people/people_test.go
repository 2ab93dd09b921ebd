package people

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

const (
	origin  = "example.org/log/one"
	name    = eventv1.PersonalField_PERSONAL_FIELD_NAME
	idNo    = eventv1.PersonalField_PERSONAL_FIELD_ID_NO
	phone   = eventv1.PersonalField_PERSONAL_FIELD_PHONE
	person  = eventv1.PersonalField_PERSONAL_FIELD_PERSON
	maskOf  = eventv1.PersonalField_PERSONAL_FIELD_MASK
	address = eventv1.PersonalField_PERSONAL_FIELD_ADDRESS
)

// some are the values of an invented person; three slots are decoys.
func some() Values {
	return Values{person: "member 17", name: "欧阳晓枫", maskOf: "欧阳*枫", idNo: "11010519491231002X", phone: "13800001234"}
}

// TestCommitment is computed by hand, as the package comment writes it.
func TestCommitment(t *testing.T) {
	var salt [SaltBytes]byte
	for i := range salt {
		salt[i] = byte(i)
	}
	by := "\x00mingzhang/commit@v1\n" + string(salt[:]) + "\x00\x00\x00\x05a/b/c" + "\x00\x00\x00\x04name" + "\x00\x00\x00\x09张小三"
	if got := Commit(salt, "a/b/c", "name", "张小三"); got != sha256.Sum256([]byte(by)) {
		t.Errorf("the commitment is %x", got)
	}
	// Lengths keep fields apart: no two of them make one.
	if Commit(salt, "a/b", "cname", "x") == Commit(salt, "a/bc", "name", "x") {
		t.Error("a letter moved from one part to the next changes nothing")
	}
	kept := New(origin, "lmb", some())
	var leaves []Hash
	for _, s := range kept.Slots {
		leaves = append(leaves, Hash(s.Commitment))
	}
	pair := func(a, b Hash) Hash { return sha256.Sum256([]byte("\x01" + string(a[:]) + string(b[:]))) }
	want := pair(pair(pair(leaves[0], leaves[1]), pair(leaves[2], leaves[3])), pair(pair(leaves[4], leaves[5]), pair(leaves[6], leaves[7])))
	if Root(kept) != want {
		t.Error("the root is not that of an RFC 6962 tree over the commitments")
	}
}

// TestRecordsTellNothing: two equal records have nothing in common, decoys look like commitments, and who has the root and all
// commitments finds no value by guessing.
func TestRecordsTellNothing(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		kept := New(origin, "lmb", some())
		for i, s := range kept.Slots {
			if len(s.Commitment) != 32 || seen[string(s.Commitment)] {
				t.Fatalf("slot %d has the commitment %x, of %d bytes or seen before", i, s.Commitment, len(s.Commitment))
			}
			seen[string(s.Commitment)] = true
			if len(s.Salt) > 0 && seen[string(s.Salt)] {
				t.Fatal("a salt was used before")
			}
			seen[string(s.Salt)] = len(s.Salt) > 0
		}
	}
	kept := without(New(origin, "lmb", some()), func(eventv1.PersonalField) bool { return true })
	found := 0
	for year := range 10_000 { // the value is among the guesses, the salt is not
		guess := fmt.Sprintf("1101051949%04d002X", year)
		for i, s := range kept.Slots {
			for _, salt := range [][SaltBytes]byte{{}, [SaltBytes]byte(s.Commitment), sha256.Sum256(s.Commitment), sha256.Sum256(kept.Record)} {
				if c := Commit(salt, Scope(origin, uuid.UUID(kept.Record)), slots[i], guess); bytes.Equal(c[:], s.Commitment) {
					found++
				}
			}
		}
	}
	if found != 0 {
		t.Errorf("%d values were guessed", found)
	}
}

// TestOpening: every field opens to its value under its root, and no other.
func TestOpening(t *testing.T) {
	kept := New(origin, "lmb", some())
	root := Root(kept)
	for field := range some() {
		o, ok := Open(kept, origin, field)
		if !ok || o.Check(root) != nil {
			t.Fatalf("%s does not open", FieldName(field))
		}
		back, err := ParseOpening(o.Format())
		if err != nil || string(back.Format()) != string(o.Format()) || back.Check(root) != nil {
			t.Errorf("%s is not read back: %v", FieldName(field), err)
		}
		for what, change := range map[string]func(*Opening){
			"value":        func(o *Opening) { o.Value += " " },
			"salt":         func(o *Opening) { o.Salt[31] ^= 1 },
			"another log":  func(o *Opening) { o.Origin = "example.org/log/two" },
			"other record": func(o *Opening) { o.Record = uuid.New() },
			"other field":  func(o *Opening) { o.Field = o.Field%Slots + 1 },
			"path":         func(o *Opening) { o.Path[2][0] ^= 1 },
			"path order":   func(o *Opening) { o.Path[0], o.Path[1] = o.Path[1], o.Path[0] },
		} {
			wrong := o
			change(&wrong)
			if !errors.Is(wrong.Check(root), ErrOpening) {
				t.Errorf("%s opens with another %s", FieldName(field), what)
			}
		}
		if o.Check(Root(New(origin, "lmb", some()))) == nil {
			t.Errorf("%s opens another record of the same values", FieldName(field))
		}
	}
	if _, ok := Open(kept, origin, address); ok {
		t.Error("a decoy opens")
	}
	left := without(kept, func(f eventv1.PersonalField) bool { return f == idNo })
	if _, ok := Open(left, origin, idNo); ok || Root(left) != root {
		t.Error("an erased field opens, or the root has changed")
	}
	if o, ok := Open(left, origin, name); !ok || o.Check(root) != nil {
		t.Error("a field opens no more after another was erased")
	}
}

// TestOpeningForm: an opening has one form, and nothing else is one.
func TestOpeningForm(t *testing.T) {
	o, _ := Open(New(origin, "lmb", some()), origin, name)
	bare := o.Format()
	o.Event, o.Proof = []byte("event"), []byte("proof\nof it\n\nwith a head\n")
	for _, text := range [][]byte{bare, o.Format()} {
		if _, err := ParseOpening(text); err != nil || !IsOpening(text) {
			t.Fatalf("%v of\n%s", err, text)
		}
		for i := range text { // every byte counts: none can be changed without another opening or none
			for _, bit := range []byte{1, 32, 128} {
				wrong := bytes.Clone(text)
				wrong[i] ^= bit
				if p, err := ParseOpening(wrong); err == nil && !bytes.Equal(p.Format(), wrong) {
					t.Fatalf("byte %d changed is read as another text", i)
				}
			}
		}
		for _, wrong := range []string{"", string(text[:len(text)-len(text)/3]), string(text) + "\n", "\n" + string(text), strings.ReplaceAll(string(text), "\n", "\r\n"),
			strings.Replace(string(text), "name\n", "nickname\n", 1), strings.Replace(string(text), "salt ", "salt  ", 1), strings.Replace(string(text), "value ", "value \x07", 1)} {
			if bytes.Equal(text, o.Format()) && strings.HasPrefix(wrong, string(text)) {
				continue // what follows belongs to the proof, which has a form of its own
			}
			if _, err := ParseOpening([]byte(wrong)); err == nil {
				t.Errorf("it is read:\n%q", wrong)
			}
		}
	}
}

// TestCheck: a record is what the log is committed to, or it is refused, whatever bit of it is another.
func TestCheck(t *testing.T) {
	kept := New(origin, "lmb", some())
	record, root := uuid.UUID(kept.Record), Root(kept)
	if err := Check(kept, origin, record, root); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(k *eventv1.PersonalDataKept){
		"value":      func(k *eventv1.PersonalDataKept) { k.Slots[1].Value = "欧阳晓风" },
		"salt":       func(k *eventv1.PersonalDataKept) { k.Slots[1].Salt = bytes.Repeat([]byte{1}, 32) },
		"commitment": func(k *eventv1.PersonalDataKept) { k.Slots[7].Commitment = bytes.Repeat([]byte{1}, 32) },
		"swapped":    func(k *eventv1.PersonalDataKept) { k.Slots[1], k.Slots[2] = k.Slots[2], k.Slots[1] },
		"a slot":     func(k *eventv1.PersonalDataKept) { k.Slots = k.Slots[:7] },
		"id":         func(k *eventv1.PersonalDataKept) { k.Record = bytes.Repeat([]byte{1}, 16) },
		"no salt":    func(k *eventv1.PersonalDataKept) { k.Slots[1].Salt = nil },
	} {
		wrong := without(kept, func(eventv1.PersonalField) bool { return false })
		for i, s := range wrong.Slots {
			wrong.Slots[i] = &eventv1.PersonalSlot{Commitment: s.Commitment, Salt: s.Salt, Value: s.Value}
		}
		change(wrong)
		if err := Check(wrong, origin, record, root); !errors.Is(err, ErrOpening) {
			t.Errorf("another %s: %v", what, err)
		} else if strings.Contains(err.Error(), "欧阳") {
			t.Errorf("the error has a value in it: %v", err)
		}
	}
}

func TestMaskName(t *testing.T) {
	for name, want := range map[string]string{
		"张三": "张*", "张小三": "张*三", "张三丰年": "张*年", "三": "*", "": "*",
		"欧阳娜": "欧阳*", "欧阳娜娜": "欧阳*娜", "司马相如": "司马*如", "欧阳": "欧*", "诸葛孔明生": "诸葛*生",
		"阿木·拉牛": "阿*·*牛", "阿木•拉牛": "阿*·*牛", "阿木·伍呷·拉牛": "阿*·*·*牛", "买买提・吐尔逊": "买*·*逊", "阿·牛": "阿*·*牛",
		"Zhang San": "Z* *n", "𠮷田": "𠮷*", "𠮷小田": "𠮷*田", "阿木·": "阿*",
	} {
		if got := MaskName(name); got != want {
			t.Errorf("%s is masked as %s, want %s", name, got, want)
		}
	}
	for number, want := range map[string]string{
		"11010519491231002X": "*002X", "13800001234": "*1234", "+86 138-0000-1234": "*1234", "6200 0000 0000 4321": "*4321", "1234567": "*", "": "*",
	} {
		if got := MaskNumber(number); got != want {
			t.Errorf("%s is masked as %s, want %s", number, got, want)
		}
	}
}

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		field       eventv1.PersonalField
		value, want string // want is empty where it is refused
	}{
		{name, " 张小三\u3000", "张小三"}, {name, "e\u0301", "é"}, {idNo, " 11010519491231002x ", "11010519491231002X"},
		{name, "张\u0000三", ""}, {name, "张\u202e三", ""}, {name, " ", ""}, {name, strings.Repeat("张", 61), ""}, {name, "\xff", ""},
		{idNo, "1101", ""}, {idNo, "110105 1949", ""}, {phone, "138 0000 1234", "138 0000 1234"}, {phone, "call me", ""}, {address, strings.Repeat("村", 121), ""},
	} {
		got, err := Normalise(c.field, c.value)
		form := (*FormError)(nil)
		if got != c.want || (err == nil) == (c.want == "") || err != nil && (!errors.As(err, &form) || strings.Contains(err.Error(), c.value) && len(c.value) > 1) {
			t.Errorf("%s %q: %q, %v", FieldName(c.field), c.value, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	n := NewNames()
	for _, name := range []string{"欧阳晓枫", "张三", "阿木·拉牛", "Zhang San", "三", "张三"} {
		n.Add(name)
	}
	for text, want := range map[string]bool{
		"付欧阳晓枫工钱": true, "欧 阳-晓·枫": true, "欧阳　晓枫": true, "欧阳、晓枫": true, "给张三": true, "阿木拉牛": true, "阿木 · 拉牛家": true,
		"paid Zhang  San": true, "付给ZHANG-SAN。": true, "ｚｈａｎｇ　ｓａｎ": true, "zhangsanfeng": false, "xzhang san": false,
		"欧阳枫": false, "三个人": false, "": false, "市场租金": false, "张家老三": false,
	} {
		if n.In(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	n.Remove("张三")
	if !n.In("张三") {
		t.Error("a name that two have is forgotten with the first")
	}
	n.Remove("张三")
	if n.In("张三") || n.Len() != 3 {
		t.Errorf("a removed name is found; %d are left", n.Len())
	}
}

func FuzzParseOpening(f *testing.F) {
	o, _ := Open(New(origin, "lmb", some()), origin, name)
	f.Add(o.Format())
	f.Fuzz(func(t *testing.T, text []byte) {
		if o, err := ParseOpening(text); err == nil && !bytes.Equal(o.Format(), text) {
			t.Errorf("%q is written as %q", text, o.Format())
		}
	})
}
