package ledger

import (
	"math/big"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// denominatorMax bounds the common denominator of a policy's shares, so that a split is exact in 128 bits.
const denominatorMax = 1_000_000_000_000

// splitLargest divides an amount by exact shares with the largest fractions (最大余数法): every part first gets its whole fen,
// and the fen left over go one each to the parts with the largest fractions, ties in declared order. The parts sum to the
// amount; a zero share gets nothing. odd says who took a left-over fen. The amount is not negative: a reversal copies
// recorded parts and never splits (V4).
func splitLargest(amount Fen, shares []*eventv1.PolicyShare) (parts, odd []Fen) {
	common := commonDenominator(shares)
	parts, odd = make([]Fen, len(shares)), make([]Fen, len(shares))
	rems := make([]uint64, len(shares))
	left := amount
	for i, s := range shares {
		weight := s.Share.Numerator * (common / s.Share.Denominator)
		parts[i], rems[i] = mulDiv(amount, weight, common)
		left -= parts[i]
	}
	for ; left > 0; left-- {
		taker := 0
		for i := range rems {
			if rems[i] > rems[taker] {
				taker = i
			}
		}
		parts[taker]++
		odd[taker] = 1
		rems[taker] = 0
	}
	return parts, odd
}

// commonDenominator is the least common denominator of checked shares.
func commonDenominator(shares []*eventv1.PolicyShare) uint64 {
	common := uint64(1)
	for _, s := range shares {
		common = common / gcd(common, s.Share.Denominator) * s.Share.Denominator
	}
	return common
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// parseShares reads shares as they were written: decimals (0.7), fractions (7/10), or once the word rest, which takes what
// remains. They must sum to exactly one and have a common denominator of at most denominatorMax.
func parseShares(texts []ShareText) ([]*eventv1.PolicyShare, error) {
	shares := make([]*eventv1.PolicyShare, len(texts))
	sum, rest := new(big.Rat), -1
	for i, t := range texts {
		if slices.ContainsFunc(texts[:i], func(o ShareText) bool { return o.Fund == t.Fund }) {
			return nil, refuse(RepeatedEntry).with("entry", t.Fund).at("shares")
		}
		shares[i] = &eventv1.PolicyShare{Fund: t.Fund}
		if t.Share == "rest" {
			if rest >= 0 {
				return nil, refuse(RepeatedEntry).with("entry", "rest").at("shares")
			}
			rest = i
			continue
		}
		r, err := parseFraction("shares", t.Share)
		if err != nil {
			return nil, err
		}
		sum.Add(sum, r)
		shares[i].Share = fraction(r)
	}
	one := big.NewRat(1, 1)
	if rest >= 0 && sum.Cmp(one) < 0 {
		shares[rest].Share = fraction(new(big.Rat).Sub(one, sum))
		sum = one
	}
	if sum.Cmp(one) != 0 || rest >= 0 && shares[rest].Share == nil {
		return nil, refuse(SharesNotOne).with("sum", sum.RatString()).at("shares")
	}
	if !commonFits(shares) {
		return nil, refuse(ShareInvalid).with("share", "common denominator").at("shares")
	}
	return shares, nil
}

func commonFits(shares []*eventv1.PolicyShare) bool {
	common := big.NewInt(1)
	for _, s := range shares {
		if s.Share == nil || s.Share.Denominator == 0 {
			return false
		}
		d := new(big.Int).SetUint64(s.Share.Denominator)
		common.Div(common, new(big.Int).GCD(nil, nil, common, d)).Mul(common, d)
		if common.Cmp(big.NewInt(denominatorMax)) > 0 {
			return false
		}
	}
	return true
}

// ParseFraction reads an exact part from 0 to 1: a decimal (0.7) or a fraction (2/3) in ASCII digits. It refuses anything
// else as share_invalid.
func ParseFraction(field, s string) (*eventv1.Fraction, error) {
	r, err := parseFraction(field, s)
	if err != nil {
		return nil, err
	}
	return fraction(r), nil
}

func parseFraction(field, s string) (*big.Rat, error) {
	bad := refuse(ShareInvalid).with("share", clip(s)).at(field)
	num, den, isFraction := strings.Cut(s, "/")
	if len(s) > 40 || !digits(strings.Replace(num, ".", "", 1)) || isFraction && (!digits(den) || strings.Contains(num, ".")) {
		return nil, bad
	}
	d, err := decimal.NewFromString(num)
	if err != nil || strings.HasPrefix(num, ".") || strings.HasSuffix(num, ".") {
		return nil, bad
	}
	r := d.Rat()
	if isFraction {
		whole, ok := new(big.Int).SetString(den, 10)
		if !ok || whole.Sign() == 0 {
			return nil, bad
		}
		r.Quo(r, new(big.Rat).SetInt(whole))
	}
	if r.Cmp(big.NewRat(1, 1)) > 0 || !r.Denom().IsUint64() || r.Denom().Uint64() > denominatorMax {
		return nil, bad
	}
	return r, nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func fraction(r *big.Rat) *eventv1.Fraction {
	return &eventv1.Fraction{Numerator: r.Num().Uint64(), Denominator: r.Denom().Uint64()}
}

// FormatFraction writes a fraction as it can be read again: 7/10, or 1.
func FormatFraction(f *eventv1.Fraction) string {
	if f.GetDenominator() == 0 {
		return ""
	}
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(f.Numerator), new(big.Int).SetUint64(f.Denominator)).RatString()
}
