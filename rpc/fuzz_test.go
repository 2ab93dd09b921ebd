package rpc

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// FuzzPageToken: a token that is taken says what the one made of it says, and is of this query alone; what it says goes on in
// a register or is refused.
func FuzzPageToken(f *testing.F) {
	query := func(token string) *apiv1.ListVouchersRequest {
		return &apiv1.ListVouchersRequest{CollectiveId: "liminba", From: "2021-01-01", PageToken: token, PageSize: 7}
	}
	for _, after := range []string{"1", "20210910-57", "999999999", "9999999999", "-1", "\x00", strings.Repeat("9", 40)} {
		f.Add(nextToken(query(""), 7, after))
		f.Add(nextToken(&apiv1.ListVouchersRequest{CollectiveId: "other"}, 7, after))
	}
	for _, s := range []string{"", "AAAA", "=", "\xff", base64.RawURLEncoding.EncodeToString(make([]byte, tokenHead)), strings.Repeat("A", 5000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		at, err := pageOf(query(token))
		if err != nil || token == "" {
			if at != (position{}) {
				t.Fatalf("%q is refused and gives %+v", token, at)
			}
			return
		}
		other := query(token)
		other.From = "2021-01-02"
		if _, err := pageOf(other); err == nil {
			t.Fatalf("%q is of two queries", token)
		}
		if again := nextToken(query(""), at.version, at.after); at.after != "" && again != token {
			t.Fatalf("%q is read as %+v, which is %q", token, at, again)
		}
		if n, err := numbered(at.after); err == nil && (n < 0 || n > 999_999_999) {
			t.Fatalf("%q goes on after %d", token, n)
		}
	})
}

// FuzzNumbered: a place in a register that is read is a number that is not negative.
func FuzzNumbered(f *testing.F) {
	for _, s := range []string{"", "0", "12", "999999999", "1000000000", "-1", "+1", "1e3", "１", "0x1", "00000012"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := numbered(s); err == nil && (n < 0 || n > 999_999_999 || strings.Trim(s, "0123456789") != "") {
			t.Fatalf("%q is read as %d", s, n)
		}
	})
}

// FuzzParseInstant: an instant that is read is within the centuries of the books and is read the same when it is written again.
func FuzzParseInstant(f *testing.F) {
	for _, s := range []string{"2021-07-20T10:00:00+08:00", "1900-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2021-02-29T00:00:00Z", "2021-07-20", "2021-07-20T24:00:00Z", "0001-01-01T00:00:00Z", "2021-07-20T10:00:60Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parseInstant("simulated_at", s)
		if err != nil {
			return
		}
		again, err := parseInstant("simulated_at", at.Format(time.RFC3339Nano))
		if err != nil || !again.Equal(at) || at.Year() < 1900 || at.Year() > 9999 {
			t.Fatalf("%q is read as %v, then as %v: %v", s, at, again, err)
		}
	})
}
