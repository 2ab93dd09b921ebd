package projections

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// publish adds an edition of some days, made from a version, to the demonstration.
func (d *demo) publish(b *Book, first, last ledger.Day, version uint64, corrects uint32) *eventv1.EditionPublished {
	text, err := b.EditionText(first, last, version)
	if err != nil {
		panic(err)
	}
	digest, root := sha256.Sum256([]byte(text)), sha256.Sum256([]byte("root"))
	number := uint32(1)
	for _, e := range d.events {
		if e.GetEditionPublished() != nil {
			number++
		}
	}
	f := &eventv1.EditionPublished{Number: number, FirstDay: int32(first), LastDay: int32(last), Version: version, Corrects: corrects, Root: root[:], ContentSha256: digest[:]}
	d.add(&eventv1.Event{Fact: &eventv1.Event_EditionPublished{EditionPublished: f}})
	return f
}

// TestEditionTextsAreForEver compares texts with files that are never written again: their digests stand on paper. A case that is added is
// written with -update.
func TestEditionTextsAreForEver(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	for name, c := range map[string]struct {
		first, last ledger.Day
		version     uint64
	}{
		"2021-09-before.txt": {20210901, 20210930, d.beforeCorrection},
		"2021-09-now.txt":    {20210901, 20210930, uint64(len(d.events))},
		"2021.txt":           {20210101, 20211231, uint64(len(d.events))},
		"founding.txt":       {20200301, 20200301, 1},
	} {
		text, err := b.EditionText(c.first, c.last, c.version)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "editions", name)
		want, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && *update {
			want, err = []byte(text), os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != text {
			t.Errorf("%s is not what it was:\n%s", name, text)
		}
	}
	if _, err := b.EditionText(20210101, 20211231, uint64(len(d.events))+1); err == nil {
		t.Error("a text is made from events that are not there")
	}
	if _, err := b.EditionText(20210101, 20211231, 0); err == nil {
		t.Error("a text is made from nothing")
	}
}

// TestEditionTextFollowsFromItsVersionAlone: a book that goes on gives the text that a book of so many events gives.
func TestEditionTextFollowsFromItsVersionAlone(t *testing.T) {
	d := newDemo()
	all, upTo := fold(t, d.events), NewBook("liminba")
	for i, e := range d.events {
		if err := upTo.Fold(e); err != nil {
			t.Fatal(err)
		}
		if i%3 != 0 && uint64(i) != d.beforeCorrection {
			continue
		}
		for _, days := range [][2]ledger.Day{{20200301, 20201231}, {20210901, 20210930}, {20210910, 20210910}, {20210101, 20211231}} {
			short, err := upTo.EditionText(days[0], days[1], upTo.Version())
			if err != nil {
				t.Fatal(err)
			}
			long, err := all.EditionText(days[0], days[1], upTo.Version())
			if err != nil || long != short {
				t.Fatalf("at version %d, %v: %v\n%s\nwant\n%s", upTo.Version(), days, err, long, short)
			}
		}
	}
}

// TestEditionTextCannotBeFaked: no text of anybody makes a line of its own, ends its quotes or hides what it says.
func TestEditionTextCannotBeFaked(t *testing.T) {
	d := newDemo()
	d.planting.Narration = "栽种\"\nvoucher 付2021-99 2021-09-10 1.00 \\ \u202e反\u200b\u00a0\ufeff"
	text, err := fold(t, d.events).EditionText(20210901, 20210930, d.beforeCorrection)
	if err != nil {
		t.Fatal(err)
	}
	if want := ` "栽种\"\u{a}voucher 付2021-99 2021-09-10 1.00 \\ \u{202e}反\u{200b}\u{a0}\u{feff}"` + "\n"; !strings.Contains(text, want) {
		t.Errorf("it is not written as %s in\n%s", want, text)
	}
	known := []string{"mingzhang/edition@v1", "origin", "collective", "days", "version", "simulated_clock", "policy", "share", "fund", "funds", "money", "voucher", "posting",
		"turned", "word", "vouchers", "flag", "review", "remark", "end"}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		word, _, _ := strings.Cut(line, " ")
		found := false
		for _, k := range known {
			found = found || word == k
		}
		if !found || strings.Contains(line, "  ") || strings.HasSuffix(line, " ") {
			t.Errorf("a line of the text is %q", line)
		}
	}
	for id, want := range map[string]string{"": "-", "bank_line-2": "bank_line-2", "-x": `"-x"`, "a b": `"a b"`, "付": `"付"`, "A": `"A"`} {
		if got := idWord(id); got != want {
			t.Errorf("%q is written %s, want %s", id, got, want)
		}
	}
}

// TestEditionBeyondItsBytes: a text that nobody would print is refused and not cut.
func TestEditionBeyondItsBytes(t *testing.T) {
	d := newDemo()
	for range 60 {
		d.rent(20211221).Narration = strings.Repeat("长", EditionBytesMax/100)
	}
	_, err := fold(t, d.events).EditionText(20211201, 20211231, uint64(len(d.events)))
	if long := (*EditionTooLongError)(nil); !errors.As(err, &long) || long.First != 20211201 {
		t.Errorf("a long text gives %v", err)
	}
}

// TestEditionsOfABook: listed, found, corrected, and checked against what the log gives.
func TestEditionsOfABook(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	d.publish(b, 20210901, 20210930, d.beforeCorrection, 0)
	d.publish(b, 20211201, 20211205, b.Version(), 0)
	forged := d.publish(b, 20210901, 20210930, b.Version(), 1)
	forged.ContentSha256[3] ^= 1
	b = fold(t, d.events)
	list, next := b.Editions(0, 2, Moment{})
	if len(list) != 2 || next != 2 || list[0].CorrectedBy != 3 || list[1].CorrectedBy != 0 || list[0].Published != d.beforeCorrection+3 {
		t.Fatalf("listed are %v, then %d", list, next)
	}
	if then, ok := b.Edition(1, Moment{AsKnownAt: list[1].Published}); !ok || then.CorrectedBy != 0 {
		t.Errorf("before its correction it is %v", then)
	}
	if _, ok := b.Edition(3, Moment{AsKnownAt: list[1].Published}); ok {
		t.Error("an edition is shown before it was published")
	}
	for _, e := range list {
		if _, err := b.CheckEdition(e); err != nil {
			t.Error(err)
		}
	}
	three, _ := b.Edition(3, Moment{})
	if _, err := b.CheckEdition(three); err == nil || !strings.Contains(err.Error(), "edition 3: the text made of the first ") {
		t.Errorf("a forged digest gives %v", err)
	}
	digest := b.Digest()
	d.events[len(d.events)-1].GetEditionPublished().Reason = "x"
	if fold(t, d.events).Digest() == digest {
		t.Error("the digest of the book does not cover editions")
	}
}

// TestFoldRefusesWhatCannotBePublished: what an edition or a disclosure says has to follow from the events before it.
func TestFoldRefusesWhatCannotBePublished(t *testing.T) {
	d := newDemo()
	b := fold(t, d.events)
	d.publish(b, 20210901, 20210930, b.Version(), 0)
	b = fold(t, d.events)
	hash := make([]byte, 32)
	edition := func(change func(*eventv1.EditionPublished)) *eventv1.Event {
		f := &eventv1.EditionPublished{Number: 2, FirstDay: 20210801, LastDay: 20210831, Version: 9, Root: hash, ContentSha256: hash}
		change(f)
		return &eventv1.Event{Actor: "treasurer", Fact: &eventv1.Event_EditionPublished{EditionPublished: f}}
	}
	round := func(change func(*eventv1.RoundDisclosed)) *eventv1.Event {
		f := &eventv1.RoundDisclosed{Kind: eventv1.RoundKind_ROUND_KIND_DIVIDEND, Id: "2021-h1", Count: 3211, TotalFen: 3211 * 4272, Root: hash, Record: hash[:16]}
		change(f)
		return &eventv1.Event{Actor: "treasurer", Fact: &eventv1.Event_RoundDisclosed{RoundDisclosed: f}}
	}
	for name, e := range map[string]*eventv1.Event{
		"number left out":       edition(func(f *eventv1.EditionPublished) { f.Number = 3 }),
		"number again":          edition(func(f *eventv1.EditionPublished) { f.Number = 1 }),
		"days turned":           edition(func(f *eventv1.EditionPublished) { f.LastDay = 20210731 }),
		"no day":                edition(func(f *eventv1.EditionPublished) { f.FirstDay = 20210800 }),
		"of its own event":      edition(func(f *eventv1.EditionPublished) { f.Version = b.Version() + 1 }),
		"of nothing":            edition(func(f *eventv1.EditionPublished) { f.Version = 0 }),
		"short root":            edition(func(f *eventv1.EditionPublished) { f.Root = hash[:31] }),
		"no digest":             edition(func(f *eventv1.EditionPublished) { f.ContentSha256 = nil }),
		"a second of its days":  edition(func(f *eventv1.EditionPublished) { f.FirstDay, f.LastDay = 20210901, 20210930 }),
		"corrects other days":   edition(func(f *eventv1.EditionPublished) { f.Corrects = 1 }),
		"corrects none":         edition(func(f *eventv1.EditionPublished) { f.Corrects = 7 }),
		"corrects itself":       edition(func(f *eventv1.EditionPublished) { f.Corrects = 2 }),
		"a line left out":       round(func(f *eventv1.RoundDisclosed) { f.Count-- }),
		"another total":         round(func(f *eventv1.RoundDisclosed) { f.TotalFen++ }),
		"a negative total":      round(func(f *eventv1.RoundDisclosed) { f.TotalFen = -f.TotalFen }),
		"an unknown run":        round(func(f *eventv1.RoundDisclosed) { f.Id = "2029" }),
		"no kind":               round(func(f *eventv1.RoundDisclosed) { f.Kind = 0 }),
		"a run as a round":      round(func(f *eventv1.RoundDisclosed) { f.Kind = eventv1.RoundKind_ROUND_KIND_GRANT }),
		"no root of the sums":   round(func(f *eventv1.RoundDisclosed) { f.Root = nil }),
		"no record of the seed": round(func(f *eventv1.RoundDisclosed) { f.Record = hash[:15] }),
	} {
		e.Version = b.Version() + 1
		digest := b.Digest()
		if err := b.Fold(e); !errors.As(err, new(*eventstore.CorruptError)) {
			t.Errorf("%s: %v", name, err)
		}
		if b.Digest() != digest {
			t.Errorf("%s: the refused event changed the book", name)
		}
	}
	good := edition(func(*eventv1.EditionPublished) {})
	good.Version = b.Version() + 1
	if err := b.Fold(good); err != nil {
		t.Error(err)
	}
	disclosed := round(func(*eventv1.RoundDisclosed) {})
	disclosed.Version = b.Version() + 1
	if err := b.Fold(disclosed); err != nil {
		t.Error(err)
	}
	x, ok := b.Disclosure(eventv1.RoundKind_ROUND_KIND_DIVIDEND, "2021-h1")
	if !ok || len(x.Lines) != 3211 || x.Lines[16] != (DisclosedLine{"member/17", 4272}) || x.Version != disclosed.Version {
		t.Errorf("disclosed are %d lines at %d", len(x.Lines), x.Version)
	}
	if _, ok := b.Disclosure(eventv1.RoundKind_ROUND_KIND_GRANT, "relief-1"); ok {
		t.Error("a round that is not disclosed is shown as disclosed")
	}
}
