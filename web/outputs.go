package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// outputsPages are the forms of the board beside its pages: a screen on the wall, a poster, a text to read aloud, tables, a frame for
// other sites and a feed.
func (s *site) outputsPages() map[string]page {
	return map[string]page{
		"GET /b/{collective}/wall/{$}":                s.wall,
		"GET /b/{collective}/wall/{scene}/{$}":        s.wall,
		"GET /b/{collective}/poster/{$}":              s.public(s.posters),
		"GET /b/{collective}/poster/{of}/{$}":         s.public(s.posterPapers),
		"GET /b/{collective}/poster/{of}/{paper}/{$}": s.public(s.poster),
		"GET /b/{collective}/loudspeaker.txt":         s.public(s.loudspeaker),
		"GET /b/{collective}/loudspeaker/{file}":      s.public(s.loudspeaker),
		"GET /b/{collective}/data/{$}":                s.public(s.data),
		"GET /b/{collective}/data/{period}/{$}":       s.public(s.data),
		"GET /b/{collective}/tables/{file}":           s.public(s.table),
		"GET /b/{collective}/tables/{table}/{file}":   s.public(s.table),
		"GET /b/{collective}/embed/{$}":               s.public(s.embed),
		"GET /b/{collective}/editions.atom":           s.public(s.feed),
	}
}

// stretch is the days that a poster, a text or a table is about.
type stretch struct {
	id       string // in addresses: 2021, 2021-q3 or 2021-09; of an edition its number; empty for everything
	from, to string // first and last business day; empty for everything
	known    string // version that the figures are of; empty for now
	edition  *apiv1.Edition
}

// stretchNamed reads the name of a year, a quarter or a month.
func stretchNamed(id string) (stretch, error) {
	p, ok := parsePeriod(id)
	if !ok || p.kind == "all" {
		return stretch{}, errNotFound
	}
	return stretch{id: p.id, from: p.from, to: p.to}, nil
}

// named writes days as people say them: 2021年第三季度, or 2021年7月1日至2021年9月3日 where they are no year, quarter or month.
func (v *visit) named(from, to string) string {
	if from == "" && to == "" {
		return v.periodName(period{kind: "all"})
	}
	month, err := time.Parse("2006-01", from[:7])
	if err != nil {
		return v.days(from, to)
	}
	for _, id := range []string{from[:4], from[:4] + "-q" + strconv.Itoa((int(month.Month())+2)/3), from[:7]} {
		if p, ok := parsePeriod(id); ok && p.from == from && p.to == to {
			return v.periodName(p)
		}
	}
	return v.days(from, to)
}

// days writes the first and the last of some days.
func (v *visit) days(from, to string) string { return v.day(from) + v.text("至", " to ") + v.day(to) }

// about reads the collective of a page.
func (s *site) about(v *visit, known string) (*apiv1.Collective, error) {
	answer, err := s.disclosure.GetCollective(v.public(), &apiv1.GetCollectiveRequest{CollectiveId: v.collective(), AsKnownAt: known})
	if err != nil {
		return nil, err
	}
	return answer.Collective, nil
}

// pageMost is the largest page that lists are read in.
const pageMost = 1000

// editions reads all editions of a collective, by number.
func (s *site) editions(v *visit) ([]*apiv1.Edition, error) {
	var all []*apiv1.Edition
	r := &apiv1.ListEditionsRequest{CollectiveId: v.collective(), PageSize: pageMost}
	for {
		answer, err := s.disclosure.ListEditions(v.public(), r)
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Editions...)
		if r.PageToken = answer.NextPageToken; r.PageToken == "" {
			return all, nil
		}
	}
}

// resolutionTitles reads the titles of resolutions by their ids, as they were known at a version.
func (s *site) resolutionTitles(v *visit, known string) (map[string]string, error) {
	titles := map[string]string{}
	r := &apiv1.ListResolutionsRequest{CollectiveId: v.collective(), AsKnownAt: known, PageSize: pageMost}
	for {
		answer, err := s.disclosure.ListResolutions(v.public(), r)
		if err != nil {
			return nil, err
		}
		for _, one := range answer.Resolutions {
			titles[one.Id] = one.Title
		}
		if r.PageToken = answer.NextPageToken; r.PageToken == "" {
			return titles, nil
		}
	}
}

// line is a voucher with what everybody may know beside it.
type line struct {
	*apiv1.Voucher
	note *apiv1.LineNote
}

// lines reads the vouchers of some days, oldest first. More than most are refused: whoever wants them takes fewer days.
func (s *site) lines(v *visit, at stretch, most int) ([]line, error) {
	var all []line
	r := &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: v.collective(), From: at.from, To: at.to, AsKnownAt: at.known, PageSize: pageMost, Ascending: true}
	for {
		answer, err := s.disclosure.ListReceiptsAndPayments(v.public(), r)
		if err != nil {
			return nil, err
		}
		withhold(v.static || at.known != "", answer.Notes...)
		for i, one := range answer.Vouchers {
			all = append(all, line{one, answer.Notes[i]})
		}
		if len(all) > most {
			n := strconv.Itoa(most)
			return nil, &problem{status: 400, zh: "这些日子超过 " + n + " 笔,请选短一些的期间。", en: "These days have more than " + n + " lines: choose a shorter period."}
		}
		if r.PageToken = answer.NextPageToken; r.PageToken == "" {
			return all, nil
		}
	}
}

// newest reads the vouchers that were booked last by their business day, the newest first.
func (s *site) newest(v *visit, count uint32) ([]line, error) {
	answer, err := s.disclosure.ListReceiptsAndPayments(v.public(), &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: v.collective(), PageSize: count})
	if err != nil {
		return nil, err
	}
	withhold(v.static, answer.Notes...)
	var all []line
	for i, one := range answer.Vouchers {
		all = append(all, line{one, answer.Notes[i]})
	}
	return all, nil
}

// periods reads the years, quarters and months of the books.
func (s *site) periods(v *visit) (*apiv1.ListPeriodsResponse, error) {
	return s.disclosure.ListPeriods(v.public(), &apiv1.ListPeriodsRequest{CollectiveId: v.collective()})
}

// current is the period of a kind (years, quarters or months) that has the newest line; false while there is none.
func current(kind []*apiv1.BoardPeriod) (*apiv1.BoardPeriod, bool) {
	for _, p := range slices.Backward(kind) {
		if p.Lines > 0 {
			return p, true
		}
	}
	return nil, false
}

// seal reads who has signed a month; nil when it is not closed.
func (s *site) seal(v *visit, month string) (*apiv1.Seal, error) {
	answer, err := s.disclosure.GetSeal(v.public(), &apiv1.GetSealRequest{CollectiveId: v.collective(), Month: month})
	switch {
	case rpc.RefusalOf(err) != nil:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return answer.Seal, nil
}

// fundPart is what a line did to a fund: received positive.
type fundPart struct{ fund, amount string }

// parts are what a line did to funds; none when it touches no fund.
func (l line) parts() []fundPart {
	var parts []fundPart
	for _, p := range l.Postings {
		if id, ok := strings.CutPrefix(p.Account, "fund/"); ok {
			parts = append(parts, fundPart{id, opposite(p.Amount)})
		}
	}
	return parts
}

// opposite turns the sign of an amount: what is posted to the credit of a fund is received.
func opposite(amount string) string {
	if isZero(amount) {
		return amount
	}
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		return rest
	}
	return "-" + amount
}

// accountWord says what kind of account it is, for lines that touch no fund.
func (v *visit) accountWord(account string) string {
	kind, rest, _ := strings.Cut(account, "/")
	switch account {
	case "payable/dividend":
		return v.text("应付分红", "dividend payable")
	case "payable/grant":
		return v.text("应付救助奖学", "grants payable")
	}
	switch kind {
	case "money":
		return v.text("资金账户", "money account")
	case "payable":
		return v.text("应付款", "payable")
	case "receivable":
		return v.text("应收款", "receivable")
	case "deposit":
		return v.text("押金", "deposit")
	case "gift":
		return v.text("定向捐赠", "gift")
	case "project":
		return v.text("项目款", "project")
	}
	return rest
}

// elsewhere is what a line that touches no fund touches beside money.
func (v *visit) elsewhere(l line) string {
	word := v.text("资金账户之间", "between money accounts")
	for _, p := range l.Postings {
		if !strings.HasPrefix(p.Account, "money/") {
			word = v.accountWord(p.Account)
		}
	}
	return word
}

// zone is where the collective's days begin and end.
func zone(c *apiv1.Collective) *time.Location {
	place, err := time.LoadLocation(c.GetTimeZone())
	if err != nil {
		return time.UTC
	}
	return place
}

// clockOf is the moment of the visit in the collective's zone.
func (v *visit) clockOf(c *apiv1.Collective) time.Time { return v.site.config.Clock().In(zone(c)) }

// today is the day of the visit as people say it.
func (v *visit) today(c *apiv1.Collective) string { return v.day(v.clockOf(c).Format(time.DateOnly)) }

// dayOf is the collective's day of an instant of the API.
func (v *visit) dayOf(c *apiv1.Collective, instant string) string {
	t, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		return instant
	}
	return v.day(t.In(zone(c)).Format(time.DateOnly))
}

// inGroups cuts a hash or a pin into groups of four, to be read and compared by eye.
func inGroups(text string) string {
	var b strings.Builder
	for i, r := range text {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// moneyName is the public name of a money account by its path.
func moneyName(c *apiv1.Collective, account string) string {
	for _, m := range c.MoneyAccounts {
		if "money/"+m.Id == account {
			return m.Name
		}
	}
	return account
}

// pinOf is what a verifier takes of an edition's pin: SIZE:ROOT, without the name of the log.
func pinOf(e *apiv1.Edition) string {
	_, pin, ok := strings.Cut(e.Pin, "#")
	if !ok {
		return e.Pin
	}
	return pin
}

// atOrigin is an address that people can type, or empty where nobody said under which the site is reached.
func (v *visit) atOrigin(to string) string {
	if v.site.config.Origin == "" {
		return ""
	}
	if v.lang == english {
		to = englishPrefix + to
	}
	return v.site.config.Origin + to
}
