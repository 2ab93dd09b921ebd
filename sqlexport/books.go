package sqlexport

import (
	"encoding/hex"
	"fmt"
	"strings"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// Finish adds the books as they are at a moment and commits. The events given before must be those of the moment: versions 1 to
// AsKnownAt.
func (w *Writer) Finish(b *projections.Book, m projections.Moment) error {
	m = b.Pin(m)
	w.collective(b, m)
	w.vouchers(b, m)
	w.resolutions(b, m)
	w.requests(b, m)
	w.dividends(b, m)
	w.grants(b, m)
	for _, p := range b.ClosedPeriods(m) {
		w.row("periods", fmt.Sprintf("%04d-%02d", p.Month/100, p.Month%100), p.Version, instant(p.ClosedAt))
	}
	w.script("COMMIT")
	return w.err
}

func (w *Writer) collective(b *projections.Book, m projections.Moment) {
	on := m.AsOf
	if on == 0 {
		on = b.LastDay(m)
	}
	c := b.Collective(on, m)
	if c.Charter == nil {
		return
	}
	w.row("collective", c.Charter.CollectiveId, c.Charter.Name, c.Charter.Currency, c.Charter.TimeZone, ledger.Day(c.Charter.FirstDay).String(), c.Charter.LogOrigin,
		c.Charter.SimulatedClock, c.Version, dayOrNull(m.AsOf))
	w.row("members", on.String(), c.Members, c.Households)
	names := map[ledger.Account]string{}
	var accounts []ledger.Account
	for i, f := range c.Funds {
		w.row("funds", f.Id, f.Name, i+1)
		names[ledger.FundAccount(f.Id)] = f.Name
		accounts = append(accounts, ledger.FundAccount(f.Id))
	}
	for _, a := range c.MoneyAccounts {
		names[ledger.MoneyAccount(a.Id)] = a.Name
		accounts = append(accounts, ledger.MoneyAccount(a.Id))
	}
	for _, balance := range b.Balances(m) {
		accounts = append(accounts, balance.Account)
	}
	seen := map[ledger.Account]bool{}
	for _, a := range accounts {
		if !seen[a] {
			w.row("accounts", string(a), a.Kind(), a.ID(), orNull(names[a]), int64(a.Sign()))
		}
		seen[a] = true
	}
}

func (w *Writer) vouchers(b *projections.Book, m projections.Moment) {
	place := 0
	for cursor, more := (projections.Cursor{}), true; more && w.err == nil; {
		page, next := b.Vouchers(projections.VoucherFilter{}, cursor, projections.PageMax, m)
		for i := range page {
			place++
			w.voucher(&page[i], place)
		}
		cursor, more = next, next != projections.Cursor{}
	}
}

var classes = map[ledger.Class]string{ledger.Receipt: "receipt", ledger.Payment: "payment", ledger.Transfer: "transfer"}

func (w *Writer) voucher(v *projections.Voucher, place int) {
	number := v.Ref.String()
	w.row("vouchers", number, place, classes[v.Ref.Class], v.Ref.Year, v.Ref.Number, v.OccurredOn.String(), v.Version, v.Narration, int64(v.Amount), v.Negative,
		orNull(v.Party), orNull(v.Purpose), orNull(v.IncomeKind), orNull(v.ResolutionID), int64(v.Drawn), numberOrNull(v.RequestNumber),
		orNull(v.Reverses.String()), orNull(v.Corrects.String()), orNull(v.ReversedBy.String()),
		orNull(v.GrantRoundID), orNull(v.DividendRunID), numberOrNull(v.DividendFile))
	for i, p := range v.Postings {
		w.row("postings", number, i+1, string(p.Account), int64(p.Amount), orNull(p.Party))
	}
	for i, d := range v.Documents {
		var size any
		if d.Size > 0 {
			size = d.Size
		}
		w.row("documents", number, i+1, d.Kind, d.Issuer, d.Number, d.TotalFen, d.CitedFen, orNull(hex.EncodeToString(d.Sha256)), orNull(d.MediaType), size)
	}
}

func (w *Writer) resolutions(b *projections.Book, m projections.Moment) {
	eachPage(w, func(after int) ([]projections.Resolution, int) { return b.Resolutions(after, projections.PageMax, m) }, func(place int, r projections.Resolution) {
		w.row("resolutions", r.Id, place, r.Title, r.Body, ledger.Day(r.DecidedOn).String(), matter(r.Matter), r.Electorate, r.Present, r.VotesFor, r.VotesAgainst, r.Abstained,
			r.Passed, r.Confirmed, hex.EncodeToString(r.MinutesSha256), orNull(r.Fund), orNull(r.Purpose), r.AuthorityFen, int64(r.Reserved), int64(r.Drawn), int64(r.Remaining))
	})
}

// matter is MATTER_SPENDING_RULE as spending_rule.
func matter(m eventv1.Matter) string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "MATTER_"))
}

func (w *Writer) requests(b *projections.Book, m projections.Moment) {
	eachPage(w, func(after int) ([]projections.Request, int) { return b.Requests("", after, projections.PageMax, m) }, func(_ int, r projections.Request) {
		w.row("requests", r.Made.Number, r.Kind, r.State, orNull(r.Fund), orNull(r.Purpose), int64(r.Amount), orNull(r.Payee), r.Narration, orNull(r.ResolutionID),
			r.RequestedBy, instant(r.RequestedAt), orNull(r.ReviewedBy), orNull(strings.Join(r.ApprovedBy, " ")), orNull(r.EndedBy), orNull(r.Reason))
	})
}

func (w *Writer) dividends(b *projections.Book, m projections.Moment) {
	eachPage(w, func(after int) ([]projections.DividendRun, int) { return b.Dividends(after, projections.PageMax, m) }, func(place int, d projections.DividendRun) {
		w.row("dividends", place, d.RunId, d.State, d.DeclaredOn.String(), d.Order.GetFund(), orNull(d.Order.GetResolutionId()), d.PoolFen, d.RateFen, d.Payees,
			int64(d.Declared), int64(d.Paid), int64(d.Owed), d.PaidCount)
	})
}

func (w *Writer) grants(b *projections.Book, m projections.Moment) {
	eachPage(w, func(after int) ([]projections.GrantRound, int) { return b.GrantRounds(after, projections.PageMax, m) }, func(place int, g projections.GrantRound) {
		w.row("grants", g.Id, place, g.Title, g.Fund, g.Purpose, g.State, dayOrNull(g.NoticeFrom), dayOrNull(g.NoticeTo), orNull(g.ResolutionId), g.BudgetFen,
			int64(g.Total), int64(g.Paid), len(g.Lines), g.PaidCount)
	})
}

// eachPage goes through a register page by page; places count from 1.
func eachPage[T any](w *Writer, page func(after int) ([]T, int), row func(place int, item T)) {
	place := 0
	for after, more := 0, true; more && w.err == nil; {
		items, next := page(after)
		for _, item := range items {
			place++
			row(place, item)
		}
		after, more = next, next != 0
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func numberOrNull(n uint32) any {
	if n == 0 {
		return nil
	}
	return n
}

func dayOrNull(d ledger.Day) any {
	if d == 0 {
		return nil
	}
	return d.String()
}

func unquoted(name string) string { return strings.Trim(name, `"`) }
