package web

import (
	"fmt"
	"strconv"
	"time"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// comparison is what changed in the figures of one day between two moments of knowing.
type comparison struct {
	day, a, b string // as asked for: a business day or empty, and two moments
	*apiv1.ListChangesResponse
	knownA, knownB string           // when the last event of each moment was stored, RFC 3339; empty before the founding
	ends           []*apiv1.Seal    // closed months, whose ends are marks on the slider
	pairs          []correctionPair // corrections among the vouchers of this page
}

// correctionPair is a wrong voucher, by its number, with the one that turns it back and the right ones in its place.
type correctionPair struct {
	wrong    string
	reversal *apiv1.Voucher
	right    []*apiv1.Voucher
}

// compare says what changed between two moments.
func (s *site) compare(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "compare")
	if err != nil {
		return nil, err
	}
	c := &comparison{day: v.query("day"), a: v.query("a"), b: v.query("b")}
	seals, err := s.seals(f)
	if err != nil {
		return nil, err
	}
	c.ends = seals
	if c.a == "" {
		if c.a, err = s.monthAgo(f); err != nil {
			return nil, err
		}
	}
	c.ListChangesResponse, err = s.audit.ListChanges(v.ctx, &apiv1.ListChangesRequest{
		CollectiveId: f.books.Id, AsOf: c.day, Since: c.a, AsKnownAt: c.b, PageSize: 200, PageToken: v.query("page"),
	})
	if err != nil {
		return nil, err
	}
	if c.knownA, err = s.recordedAt(f, c.SinceVersion); err != nil {
		return nil, err
	}
	if c.knownB, err = s.recordedAt(f, c.Version); err != nil {
		return nil, err
	}
	c.pairs = pairsAmong(c.Vouchers)
	return comparePage(f, c), nil
}

// monthAgo is the earlier moment of a comparison for which nobody has chosen one: the end of the day 30 days before the last event.
func (s *site) monthAgo(f *folio) (string, error) {
	last, err := s.recordedAt(f, f.books.Version)
	if err != nil {
		return "", err
	}
	day, err := time.Parse(time.DateOnly, f.dayOf(last))
	if err != nil {
		return "", fmt.Errorf("the day of event %d: %w", f.books.Version, err)
	}
	return day.AddDate(0, 0, -30).Format(time.DateOnly), nil
}

// seals are the closed months, the first closed first; the last 1,000 where there are more.
func (s *site) seals(f *folio) ([]*apiv1.Seal, error) {
	var all []*apiv1.Seal
	for token, page := "", 0; page < sealPages; page++ {
		answer, err := s.disclosure.ListSeals(f.ctx, &apiv1.ListSealsRequest{CollectiveId: f.books.Id, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, answer.Seals...)
		if token = answer.NextPageToken; token == "" {
			break
		}
	}
	return all[max(0, len(all)-1000):], nil
}

// sealPages bounds the months that are gone through: 10,000 are more than 800 years.
const sealPages = 10

// recordedAt is when an event was stored; empty for version 0.
func (s *site) recordedAt(f *folio, version uint64) (string, error) {
	header, err := s.header(f, version)
	return header.GetRecordedAt(), err
}

// header is the head of one event of the log; nil where there is none.
func (s *site) header(f *folio, version uint64) (*apiv1.EventHeader, error) {
	if version == 0 {
		return nil, nil
	}
	answer, err := s.audit.ListEvents(f.ctx, &apiv1.ListEventsRequest{CollectiveId: f.books.Id, AsKnownAt: strconv.FormatUint(version, 10), Descending: true, PageSize: 1})
	if err != nil || len(answer.Events) == 0 || answer.Events[0].Version != version {
		return nil, err
	}
	return answer.Events[0], nil
}

// pairsAmong are the corrections in a list of vouchers, in its order.
func pairsAmong(list []*apiv1.BookedVoucher) []correctionPair {
	var pairs []correctionPair
	at := map[string]int{}
	for _, b := range list {
		if wrong := b.Voucher.Reverses; wrong != "" {
			at[wrong] = len(pairs)
			pairs = append(pairs, correctionPair{wrong: wrong, reversal: b.Voucher})
		}
	}
	for _, b := range list {
		if i, ok := at[b.Voucher.Corrects]; ok && b.Voucher.Corrects != "" && b.Voucher.Reverses == "" {
			pairs[i].right = append(pairs[i].right, b.Voucher)
		}
	}
	return pairs
}

var registerWords = map[string]words{
	"request": {"申请", "Request"}, "resolution": {"决议", "Resolution"}, "grant_round": {"救助奖学", "Grant round"}, "dividend_run": {"分红", "Dividend"},
	"policy": {"分配办法", "Policy"}, "spending_rule": {"支出办法", "Spending rule"}, "month": {"月份", "Month"}, "role": {"岗位", "Role"}, "inquiry": {"质询", "Inquiry"},
}

// itemWords are the states of items of registers.
var itemWords = map[string]words{
	"open": {"待办", "open"}, "settled": {"已办结", "settled"}, "rejected": {"已驳回", "rejected"}, "withdrawn": {"已撤回", "withdrawn"}, "expired": {"已过期", "expired"},
	"reviewed": {"已审核", "reviewed"}, "approved": {"已批准", "approved"}, "notice": {"公示中", "notice"}, "awarded": {"已核准", "awarded"}, "cancelled": {"已取消", "cancelled"},
	"applied": {"申请中", "applied"}, "paid": {"已发放", "paid"}, "struck": {"因异议剔除", "struck"}, "upheld": {"异议成立", "upheld"}, "dismissed": {"异议不成立", "dismissed"},
	"active": {"暂缓中", "active"}, "released": {"已解除", "released"}, "sent": {"已送银行", "sent"}, "reversed": {"已冲销", "reversed"}, "owed": {"应付", "owed"},
	"held": {"暂缓", "held"}, "returned": {"银行退回", "returned"}, "declared": {"已宣布", "declared"}, "closed": {"已结账", "closed"}, "passed": {"通过", "passed"},
	"confirmed": {"已确认", "confirmed"}, "failed": {"未通过", "failed"}, "adopted": {"已通过", "adopted"}, "in_force": {"施行", "in force"}, "recorded": {"已记录", "recorded"},
	"replaced": {"已被取代", "replaced"}, "received": {"已收到", "received"}, "published": {"已公开", "published"}, "declined": {"不予公开", "declined"}, "answered": {"已答复", "answered"},
}

// state is the state of an item of a register in words; "—" where it was not there.
func (f *folio) state(s string) string {
	if s == "" {
		return "—"
	}
	return f.word(itemWords, s)
}
