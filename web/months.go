package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// closedMonth is a closed month with what supervisors and witnesses say of it.
type closedMonth struct {
	*apiv1.PeriodReview
	seal *apiv1.Seal
}

// months lists the closed months, the last one first.
func (s *site) months(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "months")
	if err != nil {
		return nil, err
	}
	reviews, err := s.reviews(f)
	if err != nil {
		return nil, err
	}
	seals, err := s.seals(f)
	if err != nil {
		return nil, err
	}
	bySeal := map[string]*apiv1.Seal{}
	for _, seal := range seals {
		bySeal[seal.Month] = seal
	}
	list := make([]closedMonth, 0, len(reviews))
	for _, r := range slices.Backward(reviews) {
		list = append(list, closedMonth{r, bySeal[r.Month]})
	}
	return closedMonthsPage(f, list), nil
}

// reviews are the closed months with their reviews, the first closed first.
func (s *site) reviews(f *folio) ([]*apiv1.PeriodReview, error) {
	var all []*apiv1.PeriodReview
	for token, page := "", 0; page < sealPages; page++ {
		answer, err := s.disclosure.ListPeriodReviews(f.ctx, &apiv1.ListPeriodReviewsRequest{CollectiveId: f.books.Id, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Months...)
		if token = answer.NextPageToken; token == "" {
			break
		}
	}
	return all, nil
}

// monthStory is one month: its statement, its vouchers, what is said of them, and who has signed it.
type monthStory struct {
	month     string
	from, to  string
	statement *apiv1.GetFundStatementResponse
	vouchers  []*apiv1.Voucher
	more      bool                // there are more vouchers than one review can speak of
	review    *apiv1.PeriodReview // nil while the month is open
	seal      *apiv1.GetSealResponse
	policy    *apiv1.GetWitnessPolicyResponse // nil where none was adopted
	origin    string                          // of this server, for command lines
	form      *filling                        // the reader's review of it; nil for whoever may not give one
}

// monthVouchersMax is how many vouchers a month's page shows: ten reviews' worth. The journal has the rest.
const monthVouchersMax = 1000

// monthPage is a month to read, review and sign.
func (s *site) monthPage(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "months")
	if err != nil {
		return nil, err
	}
	m, err := s.month(f, v.request.PathValue("month"))
	if err != nil {
		return nil, err
	}
	if m.review == nil {
		return monthView(f, m), nil
	}
	mine, err := s.mineOf(f, m.month, "month_review")
	if err != nil {
		return nil, err
	}
	if v.query("again") != "" {
		if err := s.mayGive(v, deskForms[reviewMonthForm]); err != nil {
			return nil, err
		}
	}
	if len(mine) > 0 || v.query("again") != "" {
		m.form = s.newFilling(v, f.books, deskForms[reviewMonthForm])
		m.form.begin()
		m.fill()
		if err := m.form.loadChoices(m.form.form.fields); err != nil {
			return nil, err
		}
	}
	return monthView(f, m), nil
}

// month gathers a month.
func (s *site) month(f *folio, month string) (*monthStory, error) {
	first, err := time.Parse("2006-01", month)
	if err != nil || len(month) != 7 {
		return nil, errNotFound
	}
	m := &monthStory{month: month, from: month + "-01", to: first.AddDate(0, 1, -1).Format(time.DateOnly), origin: s.originOf(f.visit)}
	vouchers, err := s.audit.ListVouchers(f.ctx, &apiv1.ListVouchersRequest{CollectiveId: f.books.Id, From: m.from, To: m.to, PageSize: monthVouchersMax})
	if err != nil {
		return nil, err
	}
	m.vouchers, m.more = vouchers.Vouchers, vouchers.NextPageToken != ""
	m.statement, err = s.disclosure.GetFundStatement(f.ctx, &apiv1.GetFundStatementRequest{CollectiveId: f.books.Id, From: m.from, To: m.to})
	if err != nil {
		return nil, err
	}
	reviews, err := s.reviews(f)
	if err != nil {
		return nil, err
	}
	for _, r := range reviews {
		if r.Month == month {
			m.review = r
		}
	}
	if m.review == nil {
		return m, nil
	}
	if m.seal, err = s.disclosure.GetSeal(f.ctx, &apiv1.GetSealRequest{CollectiveId: f.books.Id, Month: month}); err != nil {
		return nil, err
	}
	if m.seal.Seal.PolicyVersion > 0 {
		m.policy, err = s.disclosure.GetWitnessPolicy(f.ctx, &apiv1.GetWitnessPolicyRequest{CollectiveId: f.books.Id})
	}
	return m, err
}

// originOf is the address of this server as command lines take it.
func (s *site) originOf(v *visit) string {
	if s.config.Origin != "" {
		return s.config.Origin
	}
	return "http://" + v.request.Host
}

// witnessesOf are the witnesses of a seal in the order of its policy: whether each has signed.
func witnessesOf(seal *apiv1.Seal) []witnessSeat {
	var list []witnessSeat
	for _, g := range seal.GetGroups() {
		for _, name := range g.Signed {
			list = append(list, witnessSeat{name, g.Name, true})
		}
		for _, name := range g.Missing {
			list = append(list, witnessSeat{name, g.Name, false})
		}
	}
	return list
}

type witnessSeat struct {
	name, group string
	signed      bool
}

// sample is ten vouchers of a closed month that nobody chose.
func (s *site) sample(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "months")
	if err != nil {
		return nil, err
	}
	m, err := s.month(f, v.request.PathValue("month"))
	if err != nil {
		return nil, err
	}
	if m.review == nil {
		return nil, &problem{409, "这个月还没有结账,不能抽查:结账以后名单才定得下来。", "This month is not closed: only then is it settled what is drawn from."}
	}
	drawn, err := draw(m.review.StatementSha256, m.vouchers)
	if err != nil {
		return nil, err
	}
	return samplePage(f, m, drawn), nil
}

// sampleSize is how many vouchers are drawn.
const sampleSize = 10

// draw picks the vouchers whose number, behind the digest of the month's statement, has the smallest SHA-256. The digest is fixed when the
// month is closed and hangs on every voucher of it, so that neither who books nor who checks can choose; anybody can draw again.
func draw(digest string, list []*apiv1.Voucher) ([]*apiv1.Voucher, error) {
	seed, err := hex.DecodeString(digest)
	if err != nil {
		return nil, err
	}
	keys := make(map[string][]byte, len(list))
	for _, v := range list {
		sum := sha256.Sum256(append(slices.Clone(seed), v.Number...))
		keys[v.Number] = sum[:]
	}
	drawn := slices.Clone(list)
	slices.SortFunc(drawn, func(a, b *apiv1.Voucher) int { return bytes.Compare(keys[a.Number], keys[b.Number]) })
	drawn = drawn[:min(sampleSize, len(drawn))]
	slices.SortFunc(drawn, func(a, b *apiv1.Voucher) int { return strings.Compare(a.OccurredOn, b.OccurredOn) })
	return drawn, nil
}

// progress says how many of a group have signed, and how many it takes: 2/5 · 需 3.
func (f *folio) progress(g *apiv1.SealGroup) string {
	return number(len(g.Signed)) + "/" + number(len(g.Signed)+len(g.Missing)) + f.text(" · 需 ", " · needs ") + number(g.Threshold)
}

// petalWidth is the half width of one of so many petals.
func petalWidth(petals int) string { return number(min(16, 60/max(petals, 1)+3)) }

// flowerWords say what the petals show.
func (f *folio) flowerWords(seal *apiv1.Seal) string {
	signed := 0
	all := witnessesOf(seal)
	for _, p := range all {
		if p.signed {
			signed++
		}
	}
	return f.text(number(len(all))+" 位见证人,"+number(signed)+" 位已签", number(signed)+" of "+number(len(all))+" witnesses have signed")
}
