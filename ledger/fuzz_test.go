package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

var (
	amountForm  = regexp.MustCompile(`^(0|[1-9][0-9]*)\.[0-9]{2}$`)
	dayForm     = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	voucherForm = regexp.MustCompile(`^[收付转RPT][1-9][0-9]{3}-[1-9][0-9]*$`)
	shareForm   = regexp.MustCompile(`^[0-9]+(\.[0-9]+|/[0-9]+)?$`)
)

// FuzzParseAmount: what is read has the one form there is, is above zero and within the limit, and is written as it was read.
func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"98000.00", "0.01", "10000000000000.00", "10000000000000.01", "12345.332", "1e5", "98000", "-1.00", "0.00", "+1.00", "01.00", "1,000.00",
		"１.００", "١٢.٠٠", "-0.00", " 1.00", "1.00\n", ".00", "1.", "NaN", "0x1.00", "9223372036854775807.00", strings.Repeat("9", 38) + ".00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ledger.ParseAmount("amount", s)
		if err != nil {
			if !refusedAs(err, ledger.AmountInvalid) && !refusedAs(err, ledger.AmountNotPositive) && !refusedAs(err, ledger.AmountTooLarge) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if !amountForm.MatchString(s) || a <= 0 || a > ledger.AmountMax || a.String() != s {
			t.Fatalf("%q is read as %v", s, a)
		}
	})
}

// FuzzParseDay: what is read exists and is written as it was read.
func FuzzParseDay(f *testing.F) {
	for _, s := range []string{"2021-07-20", "1900-02-29", "2000-02-29", "1899-12-31", "9999-12-31", "2021-7-20", "2021-00-01", "2021-13-01", "20210720", "２０２１-07-20", "0000-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ledger.ParseDay("day", s)
		if err == nil && (!dayForm.MatchString(s) || d.String() != s || !d.Valid() || d.Add(1).Add(-1) != d || d < d.Month().First() || d > d.Month().Last()) {
			t.Fatalf("%q is read as %v", s, d)
		}
		if err != nil && !refusedAs(err, ledger.DateInvalid) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

// FuzzParseVoucherRef: what is read has the form of a number and is read the same when it is written again.
func FuzzParseVoucherRef(f *testing.F) {
	for _, s := range []string{"付2021-19", "P2021-19", "收2020-1", "转9999-4294967295", "T2021-0", "付2021-", "付021-1", "付2021-01", "付2021--1", "付+021-1", "款2021-1", "付2021-4294967296"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ledger.ParseVoucherRef("voucher", s)
		if err != nil {
			if !refusedAs(err, ledger.VoucherNumberInvalid) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := ledger.ParseVoucherRef("voucher", ref.String())
		if err != nil || again != ref || !voucherForm.MatchString(s) || ledger.RefOf(ref.Proto()) != ref {
			t.Fatalf("%q is read as %v, then as %v: %v", s, ref, again, err)
		}
	})
}

// FuzzParseFraction: what is read is from 0 to 1 in lowest terms and is read the same when it is written again.
func FuzzParseFraction(f *testing.F) {
	for _, s := range []string{"0.7", "7/10", "1", "0", "1/3", "0.0000000000001", "1/1000000000000", "2/1", "1/0", "-1/2", "7e-1", "0.1/2", "1/2/3", ".5", "5.", "00.5", strings.Repeat("1", 41)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ledger.ParseFraction("share", s)
		if err != nil {
			if !refusedAs(err, ledger.ShareInvalid) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := ledger.ParseFraction("share", ledger.FormatFraction(r))
		if err != nil || !proto.Equal(r, again) || !shareForm.MatchString(s) || r.Numerator > r.Denominator || r.Denominator == 0 {
			t.Fatalf("%q is read as %v, then as %v: %v", s, r, again, err)
		}
	})
}

// FuzzCheckText: text that is let through has nothing that disturbs a screen and no eleven digits in a row.
func FuzzCheckText(f *testing.F) {
	for _, s := range []string{"租金", "2021-07-20", "138 0000 0000", "a\u202eb", "\xff\xfe", "12345678901"} {
		f.Add(s)
	}
	digits := regexp.MustCompile(`\p{Nd}{11}`)
	f.Fuzz(func(t *testing.T, s string) {
		if err := ledger.CheckText("text", s, 50); err == nil && (digits.MatchString(s) || len([]rune(s)) > 50 || strings.ContainsAny(s, "\x00\n\r\t\u200b\u202e\u2066\uFFFD")) {
			t.Fatalf("%q is let through", s)
		}
	})
}

// FuzzDecode: no bytes bring Decode down; what it lets through has the version and the type of its row and balances.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(frozenDir, "*.binpb"))
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		peek := new(eventv1.Event)
		if proto.Unmarshal(data, peek) == nil {
			f.Add(peek.Version, strings.TrimSuffix(filepath.Base(name), ".binpb"), data)
		}
	}
	for _, v := range badVouchers() { // balanced, but no voucher
		stored, err := ledger.Encode(&eventv1.Event{Version: 1, Vouchers: []*eventv1.Voucher{v}, Fact: &eventv1.Event_GiftReceived{GiftReceived: &eventv1.GiftReceived{}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint64(1), stored.Type, stored.Data)
	}
	f.Fuzz(func(t *testing.T, version uint64, name string, data []byte) {
		stored := eventstore.Event{Stream: "collective-x", Version: version, Type: name, Data: data}
		e, err := ledger.Decode(stored)
		if err != nil {
			_ = err.Error() // says what is wrong, whatever the bytes are
			return
		}
		if e.Version != version || ledger.TypeName(e) != name {
			t.Fatalf("row %d %s holds %d %s", version, name, e.Version, ledger.TypeName(e))
		}
		for _, v := range e.Vouchers {
			var sum int64
			for _, p := range v.Postings {
				sum += p.AmountFen
			}
			if sum != 0 || len(v.Postings) < 2 || ledger.RefOf(v.Ref).String() == "" {
				t.Fatalf("voucher %v", v)
			}
			_ = ledger.Amount(v)
		}
	})
}

// badVouchers have one thing wrong each.
func badVouchers() map[string]*eventv1.Voucher {
	bad := func(change func(*eventv1.Voucher)) *eventv1.Voucher {
		v := &eventv1.Voucher{Ref: lt.Ref("收2020-1").Proto(), OccurredOn: 20200601,
			Postings: []*eventv1.Posting{{Account: "money/bank", AmountFen: 5}, {Account: "fund/reserve", AmountFen: -5}}}
		change(v)
		return v
	}
	return map[string]*eventv1.Voucher{
		"unknown class":  bad(func(v *eventv1.Voucher) { v.Ref.Class = 7 }),
		"negative class": bad(func(v *eventv1.Voucher) { v.Ref.Class = -1 }),
		"no class":       bad(func(v *eventv1.Voucher) { v.Ref.Class = 0 }),
		"no number":      bad(func(v *eventv1.Voucher) { v.Ref.Number = 0 }),
		"no reference":   bad(func(v *eventv1.Voucher) { v.Ref = nil }),
		"other year":     bad(func(v *eventv1.Voucher) { v.Ref.Year = 2021 }),
		"no day":         bad(func(v *eventv1.Voucher) { v.OccurredOn = 20200631 }),
		"one posting":    bad(func(v *eventv1.Voucher) { v.Postings = v.Postings[:1] }),
		"no postings":    bad(func(v *eventv1.Voucher) { v.Postings = nil }),
		"one fen over":   bad(func(v *eventv1.Voucher) { v.Postings[0].AmountFen = 6 }),
		"zero":           bad(func(v *eventv1.Voucher) { v.Postings = append(v.Postings, &eventv1.Posting{Account: "fund/welfare"}) }),
		"wrapped around": bad(func(v *eventv1.Voucher) {
			v.Postings = []*eventv1.Posting{{AmountFen: 1 << 62}, {AmountFen: 1 << 62}, {AmountFen: -1 << 63}}
		}),
	}
}

// TestDecodeRefuses: a stored event that is not what its row says, or whose voucher is none, is damage and is named as such.
func TestDecodeRefuses(t *testing.T) {
	gift := &eventv1.Event_GiftReceived{GiftReceived: &eventv1.GiftReceived{Fund: "reserve"}}
	row := func(e *eventv1.Event) eventstore.Event {
		stored, err := ledger.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		return eventstore.Event{Stream: "collective-x", Version: 9, Type: "gift_received", Data: stored.Data}
	}
	cases := map[string]eventstore.Event{
		"no bytes of an event": {Stream: "collective-x", Version: 9, Type: "gift_received", Data: []byte{0xff}},
		"another version":      row(&eventv1.Event{Version: 8, Fact: gift}),
		"another fact":         row(&eventv1.Event{Version: 9, Fact: &eventv1.Event_OpeningConfirmed{OpeningConfirmed: &eventv1.OpeningConfirmed{}}}),
		"no fact":              row(&eventv1.Event{Version: 9}),
	}
	for name, v := range badVouchers() {
		cases[name] = row(&eventv1.Event{Version: 9, Vouchers: []*eventv1.Voucher{v}, Fact: gift})
	}
	for name, stored := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ledger.Decode(stored)
			var damage *eventstore.CorruptError
			if !errors.As(err, &damage) || damage.Stream != "collective-x" || damage.Version != 9 || strings.Contains(err.Error(), "PANIC") {
				t.Errorf("got %v", err)
			}
		})
	}
}
