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
	weights, common := weightsOf(shares)
	return splitByWeights(amount, weights, common)
}

// weightsOf gives the shares as whole weights over their common denominator, which they sum to.
func weightsOf(shares []*eventv1.PolicyShare) (weights []uint64, common uint64) {
	common = commonDenominator(shares)
	weights = make([]uint64, len(shares))
	for i, s := range shares {
		weights[i] = s.Share.Numerator * (common / s.Share.Denominator)
	}
	return weights, common
}

// splitByWeights is splitLargest for weights that sum to total.
func splitByWeights(amount Fen, weights []uint64, total uint64) (parts, odd []Fen) {
	parts, odd = make([]Fen, len(weights)), make([]Fen, len(weights))
	rems := make([]uint64, len(weights))
	left := amount
	for i, w := range weights {
		parts[i], rems[i] = mulDiv(amount, w, total)
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

// carried is what a policy that rounds by carry has split so far: of its own version, reversals taken away again.
type carried struct {
	total Fen
	parts []Fen // in the order of its shares
}

// splitCarry divides an amount so that the parts given so far and the new ones together are the largest-fraction split of
// everything split so far and the amount: no fund ever drifts by a fen (V3). After reversals a part could come out with the
// other sign than the amount; it is then 0, and its fen come from the most over-served part, of equals the last declared.
// A negative amount is what a difference takes away.
func splitCarry(before carried, amount Fen, shares []*eventv1.PolicyShare) []Fen {
	target, _ := splitLargest(before.total+amount, shares)
	sign := Fen(1)
	if amount < 0 {
		sign = -1
	}
	parts := make([]Fen, len(shares))
	var owed Fen // what parts that became 0 would have taken
	for i := range shares {
		parts[i] = target[i] - before.parts[i]
		if sign*parts[i] < 0 {
			owed += parts[i]
			parts[i] = 0
		}
	}
	weights, common := weightsOf(shares)
	for ; owed != 0; owed += sign {
		taker := -1
		for i := range parts {
			if sign*parts[i] > 0 && (taker < 0 || sign*overServed(before, parts, amount, i, taker, weights, common) >= 0) {
				taker = i
			}
		}
		parts[taker] -= sign
	}
	return parts
}

// overServed compares how far two parts, with what was given before, lie above their exact shares of the total: above zero
// when i lies further above than j.
func overServed(before carried, parts []Fen, amount Fen, i, j int, weights []uint64, common uint64) Fen {
	over := func(k int) *big.Int { // given × common − total × weight
		given := new(big.Int).Mul(big.NewInt(int64(before.parts[k]+parts[k])), new(big.Int).SetUint64(common))
		exact := new(big.Int).Mul(big.NewInt(int64(before.total+amount)), new(big.Int).SetUint64(weights[k]))
		return given.Sub(given, exact)
	}
	return Fen(over(i).Cmp(over(j)))
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

// Limits of a policy: its funds, and how deep subtotals may nest.
const (
	policySharesMax = 20
	nestMax         = 4
)

// parseShares reads shares as they were written: decimals (0.7), fractions (7/10), or once a level the word rest, which takes
// what remains. Every level sums to exactly one. A share with parts is a subtotal: its parts divide it. What comes out are
// the funds with their exact parts of the whole, in declared order, with a common denominator of at most denominatorMax; an
// amount is rounded over them once, and a subtotal is the sum of its funds.
func parseShares(texts []ShareText) ([]*eventv1.PolicyShare, error) {
	shares, err := parseLevel(nil, big.NewRat(1, 1), "", texts, 1)
	if err != nil {
		return nil, err
	}
	if n := len(shares); n > policySharesMax {
		return nil, refuse(TooMany).with("what", "shares").with("max", policySharesMax).with("count", n).at("shares")
	}
	for i, s := range shares {
		if slices.ContainsFunc(shares[:i], func(o *eventv1.PolicyShare) bool { return o.Fund == s.Fund }) {
			return nil, refuse(RepeatedEntry).with("entry", s.Fund).at("shares")
		}
	}
	if !commonFits(shares) {
		return nil, refuse(ShareInvalid).with("share", "common denominator").at("shares")
	}
	return shares, nil
}

// parseLevel appends the funds of one level, each a part of whole.
func parseLevel(out []*eventv1.PolicyShare, whole *big.Rat, partOf string, texts []ShareText, depth int) ([]*eventv1.PolicyShare, error) {
	if depth > nestMax || len(texts) > policySharesMax {
		return nil, refuse(TooMany).with("what", "shares").with("max", policySharesMax).with("count", len(texts)).at("shares")
	}
	parts, err := levelParts(texts)
	if err != nil {
		return nil, err
	}
	for i, t := range texts {
		exact := new(big.Rat).Mul(whole, parts[i])
		switch {
		case len(t.Parts) == 0 && t.Name == "":
			if !exact.Denom().IsUint64() || exact.Denom().Uint64() > denominatorMax {
				return nil, refuse(ShareInvalid).with("share", clip(t.Share)).at("shares")
			}
			out = append(out, &eventv1.PolicyShare{Fund: t.Fund, Share: fraction(exact), PartOf: partOf})
		case t.Fund != "" || len(t.Parts) == 0:
			return nil, refuse(FieldInvalid).because("a share is a fund, or a subtotal with a name and parts", "份额要么是一项基金,要么是写明名称和组成的小计").at("shares")
		default:
			if err := checkSlug("shares.name", t.Name); err != nil {
				return nil, err
			}
			if out, err = parseLevel(out, exact, strings.TrimPrefix(partOf+"/"+t.Name, "/"), t.Parts, depth+1); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// levelParts reads the shares of one level, which sum to exactly one.
func levelParts(texts []ShareText) ([]*big.Rat, error) {
	parts := make([]*big.Rat, len(texts))
	sum, rest, one := new(big.Rat), -1, big.NewRat(1, 1)
	for i, t := range texts {
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
		parts[i] = r
		sum.Add(sum, r)
	}
	if rest >= 0 && sum.Cmp(one) < 0 {
		parts[rest] = new(big.Rat).Sub(one, sum)
		sum = one
	}
	if sum.Cmp(one) != 0 || rest >= 0 && parts[rest] == nil {
		return nil, refuse(SharesNotOne).with("sum", sum.RatString()).at("shares")
	}
	return parts, nil
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
