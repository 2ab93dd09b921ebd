package web

import (
	"net/url"
	"time"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// anomalies is what in the vouchers of a period is worth a look, rule by rule. The period is in the address: a year, a quarter or a month; without
// one it is the last quarter.
func (s *site) anomalies(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "anomalies")
	if err != nil {
		return nil, err
	}
	at, ok := spanOf(v.request.PathValue("period"))
	if !ok {
		return nil, errNotFound
	}
	asked := &apiv1.ListAnomaliesRequest{CollectiveId: f.books.Id, From: at.from, To: at.to, Descending: true, PageSize: 200, PageToken: v.query("page")}
	if rule := v.query("rule"); rule != "" {
		asked.Rules = []string{rule}
	}
	answer, err := s.audit.ListAnomalies(v.ctx, asked)
	if err != nil {
		return nil, err
	}
	return anomaliesPage(f, at.id, answer), nil
}

// spanOf is a year (2021), a quarter (2021-q3) or a month (2021-09); the empty period has no days.
func spanOf(id string) (p period, ok bool) {
	if id == "" {
		return period{}, true
	}
	p, ok = parsePeriod(id)
	return p, ok && p.kind != "all"
}

// called is how people call the period of an id.
func (f *folio) called(id string) string {
	p, _ := spanOf(id)
	return f.periodName(p)
}

// anomaliesOf are those that a rule raised.
func anomaliesOf(list []*apiv1.Anomaly, rule string) []*apiv1.Anomaly {
	var found []*apiv1.Anomaly
	for _, a := range list {
		if a.Rule == rule {
			found = append(found, a)
		}
	}
	return found
}

// periods are the years since the books began, the quarters and the months of the last one.
func (f *folio) periods(today time.Time) []string {
	var list []string
	today = today.In(f.zone)
	first, err := time.Parse(time.DateOnly, f.books.FirstDay)
	if err != nil || first.Year() > today.Year() || today.Year()-first.Year() > 200 {
		return nil
	}
	for year := today.Year(); year >= first.Year(); year-- {
		list = append(list, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006"))
	}
	return list
}

// ruleNamed is what a sentence of a rule begins with, its name, and what it looks for.
func (f *folio) ruleNamed(rule *apiv1.AnomalyRule) (name, looksFor string) {
	return f.atColon(rule.SentenceZh, rule.SentenceEn)
}

// remarkOn is the month's review with a remark on the last voucher of an anomaly begun.
func (f *folio) remarkOn(a *apiv1.Anomaly, rule string) string {
	voucher := a.Vouchers[len(a.Vouchers)-1]
	return search(f.to("months", a.Day[:len("2006-01")]), "voucher", voucher, "remark", rule) + "#item-" + url.PathEscape(voucher)
}
