package web

import (
	"fmt"
	"strconv"
	"time"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// period is a stretch of business days with an address: a year (2021), a quarter (2021-q3), a month (2021-09), or all days (all).
type period struct {
	id       string
	from, to string // YYYY-MM-DD; empty: without end
	kind     string // year, quarter, month, all
}

// parsePeriod reads a period as addresses write it; ok is false for anything else.
func parsePeriod(id string) (p period, ok bool) {
	if id == "all" {
		return period{id: id, kind: "all"}, true
	}
	if len(id) < 4 {
		return period{}, false
	}
	year, err := strconv.Atoi(id[:4])
	if err != nil || year < 1000 {
		return period{}, false
	}
	first, last := 1, 12
	kind := "year"
	switch rest := id[4:]; {
	case rest == "":
	case len(rest) == 3 && rest[:2] == "-q" && rest[2] >= '1' && rest[2] <= '4':
		kind, last = "quarter", 3*int(rest[2]-'0')
		first = last - 2
	default:
		month, err := time.Parse("2006-01", id)
		if err != nil {
			return period{}, false
		}
		kind, first, last = "month", int(month.Month()), int(month.Month())
	}
	end := time.Date(year, time.Month(last)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return period{id: id, kind: kind, from: fmt.Sprintf("%04d-%02d-01", year, first), to: fmt.Sprintf("%04d-%02d-%02d", year, last, end)}, true
}

// periodName is how people call a period: 2021年第三季度.
func (v *visit) periodName(p period) string {
	if p.kind == "all" {
		return v.text("从建账到现在", "From the first day to now")
	}
	year := p.id[:4]
	switch p.kind {
	case "quarter":
		n := p.id[6] - '1'
		return v.text(year+"年第"+[4]string{"一", "二", "三", "四"}[n]+"季度", [4]string{"First", "Second", "Third", "Fourth"}[n]+" quarter of "+year)
	case "month":
		return v.month(p.id)
	}
	return v.text(year+"年", year)
}

// before and after are the periods of the same kind beside it that the books have; nil for none.
func neighbours(list []*apiv1.BoardPeriod, id string) (this, before, after *apiv1.BoardPeriod) {
	for i, p := range list {
		if p.Id != id {
			continue
		}
		this = p
		if i > 0 {
			before = list[i-1]
		}
		if i+1 < len(list) {
			after = list[i+1]
		}
	}
	return this, before, after
}

// span is a period with what the books say of it, and the way to others.
type span struct {
	period
	periods       *apiv1.ListPeriodsResponse
	books         *apiv1.BoardPeriod // nil for all days
	before, after *apiv1.BoardPeriod
}

// span finds a period in the books. An empty id is the last year with a line. One that the books do not have has no page.
func (b *board) span(id string) (*span, error) {
	periods, err := b.site.disclosure.ListPeriods(b.public(), &apiv1.ListPeriodsRequest{CollectiveId: b.about.Id, AsKnownAt: b.moment})
	if err != nil {
		return nil, err
	}
	if id == "" {
		id = "all"
		for _, y := range periods.Years {
			if y.Lines > 0 {
				id = y.Id
			}
		}
	}
	p, ok := parsePeriod(id)
	if !ok {
		return nil, errNotFound
	}
	s := &span{period: p, periods: periods}
	if p.kind == "all" {
		return s, nil
	}
	list := map[string][]*apiv1.BoardPeriod{"year": periods.Years, "quarter": periods.Quarters, "month": periods.Months}[p.kind]
	if s.books, s.before, s.after = neighbours(list, p.id); s.books == nil {
		return nil, errNotFound
	}
	return s, nil
}

// lastMonth is the month a period ends with, YYYY-MM; empty for all days.
func (s *span) lastMonth() string {
	if s.to == "" {
		return ""
	}
	return s.to[:7]
}

// inYear are the quarters or months of a year.
func inYear(list []*apiv1.BoardPeriod, year string) (in []*apiv1.BoardPeriod) {
	for _, p := range list {
		if p.Id[:4] == year {
			in = append(in, p)
		}
	}
	return in
}
