package ledger

import (
	"math/bits"
	"strings"

	"github.com/shopspring/decimal"
)

// Fen is an amount of money in 1/100 yuan. Sums of Fen go through Add, which reports overflow; no float ever touches one.
type Fen int64

// AmountMax is the largest amount a single command may name: 10^15 fen, ten trillion yuan.
const AmountMax Fen = 1e15

// Add returns a+b and whether the sum fits.
func (a Fen) Add(b Fen) (sum Fen, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0)
}

// String gives the amount in yuan with two decimals and no grouping: "-1234.05".
func (a Fen) String() string {
	return string(a.Append(nil))
}

// Append appends String to b.
func (a Fen) Append(b []byte) []byte {
	u := uint64(a)
	if a < 0 {
		b = append(b, '-')
		u = -u
	}
	b = appendUint(b, u/100)
	return append(b, '.', byte('0'+u/10%10), byte('0'+u%10))
}

func appendUint(b []byte, u uint64) []byte {
	if u >= 10 {
		b = appendUint(b, u/10)
	}
	return append(b, byte('0'+u%10))
}

// ParseAmount reads an amount a command names: yuan with exactly two decimals in ASCII digits, above zero and at most
// AmountMax. "12345.332", "1e5", "98000", "-1.00", "0.00", "+1.00", "01.00", "1,000.00", full-width and Arabic digits are
// refused as amount_invalid, amount_not_positive or amount_too_large, naming the field.
func ParseAmount(field, s string) (Fen, error) {
	a, err := ParseSigned(field, s)
	if err != nil {
		return 0, err
	}
	if a <= 0 {
		return 0, refuse(AmountNotPositive).with("amount", s).at(field)
	}
	return a, nil
}

// ParseSigned reads an amount that may be zero or negative, with the same rules otherwise.
func ParseSigned(field, s string) (Fen, error) {
	if !wellFormedAmount(s) {
		return 0, refuse(AmountInvalid).with("amount", clip(s)).at(field)
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return 0, refuse(AmountInvalid).with("amount", clip(s)).at(field)
	}
	fen := d.Shift(2)
	if fen.Abs().GreaterThan(decimal.New(int64(AmountMax), 0)) {
		return 0, refuse(AmountTooLarge).with("amount", s).with("max", AmountMax.String()).at(field)
	}
	return Fen(fen.IntPart()), nil
}

// wellFormedAmount admits -?(0|[1-9][0-9]*)\.[0-9]{2} of at most 40 bytes.
func wellFormedAmount(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if len(s) < 4 || len(s) > 40 || s[len(s)-3] != '.' {
		return false
	}
	whole := s[:len(s)-3]
	if len(whole) > 1 && whole[0] == '0' {
		return false
	}
	for _, c := range []byte(whole + s[len(s)-2:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// clip shortens outside text for a refusal and drops what could disturb a screen.
func clip(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i >= 40 {
			b.WriteRune('…')
			break
		}
		if r < ' ' || r == 0x7f || (r >= 0x80 && r <= 0x9f) || isBidi(r) || r == '\uFFFD' {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isBidi says whether r steers the direction of text and could make a line read as something it is not.
func isBidi(r rune) bool {
	return r == 0x061C || (r >= 0x200B && r <= 0x200F) || (r >= 0x202A && r <= 0x202E) || (r >= 0x2060 && r <= 0x206F) || r == 0xFEFF
}

// mulDiv returns floor(a*n/d) and the remainder, exactly, for a >= 0 and n <= d, d > 0.
func mulDiv(a Fen, n, d uint64) (q Fen, rem uint64) {
	hi, lo := bits.Mul64(uint64(a), n)
	quo, rem := bits.Div64(hi, lo, d)
	return Fen(quo), rem
}
