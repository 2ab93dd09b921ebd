package ledger_test

import (
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// TestValidDays: of all numbers that could be days, those are valid that the calendar has.
func TestValidDays(t *testing.T) {
	for year := 1899; year <= 2101; year++ {
		for month := 0; month <= 13; month++ {
			for day := 0; day <= 32; day++ {
				d := ledger.Day(year*10000 + month*100 + day)
				at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
				want := year >= 1900 && at.Year() == year && int(at.Month()) == month && at.Day() == day
				if d.Valid() != want {
					t.Errorf("%d is valid: %v", d, d.Valid())
				}
			}
		}
	}
}
