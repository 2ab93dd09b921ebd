package ledger

import (
	"fmt"
	"time"
)

// Day is a calendar day in a collective's time zone, as the decimal number yyyymmdd; 0 is no day. Days compare as numbers.
type Day int32

// Days of vouchers lie between FirstDay and LastDay.
const (
	FirstDay Day = 19000101
	LastDay  Day = 99991231
)

// MakeDay gives the day of a date that exists.
func MakeDay(year int, month time.Month, day int) Day {
	return Day(year*10000 + int(month)*100 + day)
}

// DayOf is the day of an instant in a zone.
func DayOf(t time.Time, zone *time.Location) Day {
	return MakeDay(t.In(zone).Date())
}

// ParseDay reads YYYY-MM-DD in ASCII digits and refuses dates that do not exist (1900-02-29) as date_invalid.
func ParseDay(field, s string) (Day, error) {
	t, err := time.Parse("2006-01-02", s)
	d := DayOf(t, time.UTC)
	if err != nil || len(s) != 10 || d < FirstDay {
		return 0, refuse(DateInvalid).with("date", clip(s)).at(field)
	}
	return d, nil
}

// Valid reports whether d is a date that exists between FirstDay and LastDay.
func (d Day) Valid() bool {
	month, day := d/100%100, d%100
	return d >= FirstDay && d <= LastDay && month >= 1 && month <= 12 && day >= 1 && day <= d.daysInMonth()
}

// daysInMonth is the length of the day's month, which must be from 1 to 12.
func (d Day) daysInMonth() Day {
	switch year, month := d/10000, d/100%100; {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// Year is the calendar year.
func (d Day) Year() int { return int(d) / 10000 }

// Month is the calendar month.
func (d Day) Month() Month { return Month(d / 100) }

// Add gives the day n days later.
func (d Day) Add(n int) Day { return DayOf(d.time().AddDate(0, 0, n), time.UTC) }

// DaysTo is how many days another day comes after this one; negative when it comes before.
func (d Day) DaysTo(other Day) int { return int(other.time().Sub(d.time()).Hours() / 24) }

func (d Day) time() time.Time {
	return time.Date(d.Year(), time.Month(d/100%100), int(d%100), 0, 0, 0, 0, time.UTC)
}

// String gives YYYY-MM-DD, and nothing for 0.
func (d Day) String() string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100)
}

// Month is a calendar month (会计期间) as the decimal number yyyymm; 0 is no month.
type Month int32

// ParseMonth reads YYYY-MM.
func ParseMonth(field, s string) (Month, error) {
	d, err := ParseDay(field, s+"-01")
	if err != nil {
		return 0, refuse(MonthInvalid).with("month", clip(s)).at(field)
	}
	return d.Month(), nil
}

// First is the first day of the month.
func (m Month) First() Day { return Day(m)*100 + 1 }

// Last is the last day of the month.
func (m Month) Last() Day { return m.Next().First().Add(-1) }

// Next is the month after.
func (m Month) Next() Month {
	if m%100 == 12 {
		return m + 89
	}
	return m + 1
}

// String gives YYYY-MM, and nothing for 0.
func (m Month) String() string {
	if m == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d", m/100, m%100)
}
