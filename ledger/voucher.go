package ledger

import (
	"fmt"
	"strconv"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Class (凭证类别) is the class a voucher is numbered in.
type Class = eventv1.VoucherClass

// The three classes.
const (
	Receipt  = eventv1.VoucherClass_VOUCHER_CLASS_RECEIPT  // 收
	Payment  = eventv1.VoucherClass_VOUCHER_CLASS_PAYMENT  // 付
	Transfer = eventv1.VoucherClass_VOUCHER_CLASS_TRANSFER // 转
)

// VoucherRef names a voucher: class, year of occurred_on, number. It is comparable and small.
type VoucherRef struct {
	Class  Class
	Year   int
	Number uint32
}

// RefOf converts a stored reference; nil gives the zero VoucherRef.
func RefOf(r *eventv1.VoucherRef) VoucherRef {
	return VoucherRef{r.GetClass(), int(r.GetYear()), r.GetNumber()}
}

// Proto is the stored form.
func (r VoucherRef) Proto() *eventv1.VoucherRef {
	return &eventv1.VoucherRef{Class: r.Class, Year: uint32(r.Year), Number: r.Number}
}

// String gives 付2021-19, and nothing for the zero VoucherRef or an unknown class.
func (r VoucherRef) String() string {
	if r.Class < Receipt || r.Class > Transfer {
		return ""
	}
	return fmt.Sprintf("%s%d-%d", [...]string{Receipt: "收", Payment: "付", Transfer: "转"}[r.Class], r.Year, r.Number)
}

// MarshalText makes String the form in a command's digest.
func (r VoucherRef) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

var classOfPrefix = map[string]Class{"收": Receipt, "付": Payment, "转": Transfer, "R": Receipt, "P": Payment, "T": Transfer}

// ParseVoucherRef reads 付2021-19 or, for keyboards without Chinese, P2021-19 (R 收, P 付, T 转). It refuses anything else
// as voucher_number_invalid.
func ParseVoucherRef(field, s string) (VoucherRef, error) {
	for prefix, class := range classOfPrefix {
		rest, ok := strings.CutPrefix(s, prefix)
		if !ok {
			continue
		}
		year, number, ok := strings.Cut(rest, "-")
		y, err1 := strconv.ParseUint(year, 10, 16)
		n, err2 := strconv.ParseUint(number, 10, 32)
		if ok && err1 == nil && err2 == nil && len(year) == 4 && n > 0 && number[0] != '0' && year[0] != '0' {
			return VoucherRef{class, int(y), uint32(n)}, nil
		}
	}
	return VoucherRef{}, refuse(VoucherNumberInvalid).with("voucher", clip(s)).at(field)
}

// Amount is the sum of a voucher's debits: what people call its amount. A reversal's is negative.
func Amount(v *eventv1.Voucher) Fen {
	var debit Fen
	for _, p := range v.Postings {
		if p.AmountFen > 0 {
			debit += Fen(p.AmountFen)
		}
	}
	if v.Negative {
		return -debit
	}
	return debit
}
