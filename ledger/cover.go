package ledger

import (
	"cmp"
	"errors"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides what happens when money that funds got has to leave them again and they have spent it already: a
// correction with covering transfers, or pending (挂账): each fund bears down to its lowest later balance, and what it lacks
// stands in receivable/pending until its next splits clear it.

// partsOf is what a voucher gives each fund of a policy, in the order of its shares, and their sum: what it credits to the
// fund, and what it makes good of the fund's pending part. A reversal and a true-up take away.
func partsOf(v *eventv1.Voucher, shares []*eventv1.PolicyShare) (parts [policySharesMax]Fen, sum Fen) {
	for _, p := range v.Postings {
		fund := Account(p.Account)
		if fund == ReceivablePending {
			fund = Account(p.Party)
		}
		if fund.Kind() != KindFund {
			continue
		}
		id := fund.ID()
		for i, share := range shares {
			if share.Fund == id {
				parts[i] -= Fen(p.AmountFen)
				sum -= Fen(p.AmountFen)
				break
			}
		}
	}
	return parts, sum
}

// pending is how much of a fund's pending part money of a day may clear: what stands there on that day and every later one.
func (d *decision) pending(fund string, on Day) Fen {
	party := string(FundAccount(fund))
	lowest := d.s.parties[partyAccount{ReceivablePending, party}].lowest(on)
	for _, v := range d.vouchers {
		for _, p := range v.Postings {
			if Account(p.Account) == ReceivablePending && p.Party == party {
				lowest += Fen(p.AmountFen)
			}
		}
	}
	return max(lowest, 0)
}

// giveFund is the postings by which a fund gets a part, of which `cleared` makes good what it left pending.
func giveFund(fund string, part, cleared Fen) (lines []*eventv1.Posting) {
	if part != cleared {
		lines = append(lines, line(FundAccount(fund), cleared-part))
	}
	if cleared != 0 {
		p := line(ReceivablePending, -cleared)
		p.Party = string(FundAccount(fund))
		lines = append(lines, p)
	}
	return lines
}

// lowest is the smallest balance on a day or later, whatever its sign; 0 for an account that does not exist.
func (t *Timeline) lowest(from Day) Fen {
	if t == nil {
		return 0
	}
	i := t.search(from + 1)
	low := t.before(i)
	for ; i < len(t.balances); i++ {
		low = min(low, t.balances[i])
	}
	return low
}

// highest is the largest balance on a day or later.
func (t *Timeline) highest(from Day) Fen {
	if t == nil {
		return 0
	}
	i := t.search(from + 1)
	high := t.before(i)
	for ; i < len(t.balances); i++ {
		high = max(high, t.balances[i])
	}
	return high
}

// spare is what a fund can give on a day without being overdrawn then or later, with the vouchers decided so far; negative
// when they overdraw it.
func (d *decision) spare(fund string, on Day) Fen {
	var spare Fen
	if acc := d.s.accounts[FundAccount(fund)]; acc != nil {
		spare = -acc.highest(on) // funds are credit accounts: their largest debit-positive balance is their lowest
	}
	for _, v := range d.vouchers {
		for _, p := range v.Postings {
			if Account(p.Account) == FundAccount(fund) {
				spare -= Fen(p.AmountFen)
			}
		}
	}
	return spare
}

// coverOrder puts what a correction says about covering into its stored form, and says what that demands: pending takes an
// approver and a supervisor, a transfer what its own tier asks for.
func (d *decision) coverOrder(c *RequestCorrection, order *eventv1.CorrectionOrder) (needs demands, err error) {
	if _, known := eventv1.Cover_name[int32(c.Cover)]; !known {
		return needs, refuse(FieldInvalid).because("there is no such way to cover", "没有这种弥补办法").at("cover")
	}
	if n := len(c.Transfers); n > 20 {
		return needs, refuse(TooMany).with("what", "transfers").with("max", 20).with("count", n).at("transfers")
	}
	if order.Cover = c.Cover; c.Cover == eventv1.Cover_COVER_PENDING {
		needs = demands{approvals: 1, review: true}
	}
	for _, t := range c.Transfers {
		if err := d.checkTransfer(t.From, t.To, t.Amount); err != nil {
			return needs, err
		}
		tier, err := d.tier(eventv1.Operation_OPERATION_TRANSFER, t.From, "", t.Amount)
		if err != nil {
			return needs, err
		}
		needs = needs.and(demandsOf(tier))
		order.Transfers = append(order.Transfers, &eventv1.TransferOrder{FromFund: t.From, ToFund: t.To, AmountFen: int64(t.Amount),
			Narration: c.Narration, ResolutionId: t.Resolution})
	}
	return needs, nil
}

// checkTransfer checks the form of a transfer between funds.
func (d *decision) checkTransfer(from, to string, amount Fen) error {
	if err := checkAmount("amount", amount); err != nil {
		return err
	}
	if _, err := d.fund("from_fund", from); err != nil {
		return err
	}
	if _, err := d.fund("to_fund", to); err != nil {
		return err
	}
	if from == to {
		return refuse(FieldInvalid).because("money has to move from one fund to another", "资金应从一项基金转到另一项基金").at("to_fund")
	}
	return nil
}

// transferAuthority finds the tier of a transfer and checks its resolution. Moving money between funds changes what it is
// for: it always takes a resolution, of the charter body when the tier names none.
func (d *decision) transferAuthority(t *eventv1.TransferOrder, restored Fen) (*eventv1.Tier, error) {
	tier, err := d.tier(eventv1.Operation_OPERATION_TRANSFER, t.FromFund, "", Fen(t.AmountFen))
	if err != nil {
		return nil, err
	}
	body := cmp.Or(tier.ResolutionBody, d.s.charter.CharterBody)
	return tier, d.authority(t.ResolutionId, eventv1.Matter_MATTER_TRANSFER, body, t.FromFund, "", Fen(t.AmountFen), restored)
}

func transferBooking(o *eventv1.TransferOrder) booking {
	return booking{bearer: FundAccount(o.FromFund), other: FundAccount(o.ToFund), amount: Fen(o.AmountFen), drawn: Fen(o.AmountFen), resolution: o.ResolutionId}
}

func transferVoucher(o *eventv1.TransferOrder, request uint32) *eventv1.Voucher {
	v := transferBooking(o).voucher()
	v.Narration, v.RequestNumber = o.Narration, request
	return v
}

// cover books a correction's transfers and what funds leave pending, and judges everything as a whole. A refusal for want of
// money says what would help.
func (d *decision) cover(o *eventv1.CorrectionOrder, on Day, request uint32, restored map[string]Fen) error {
	for _, t := range o.Transfers {
		if _, err := d.transferAuthority(t, restored[t.ResolutionId]); err != nil {
			return err
		}
		restored[t.ResolutionId] -= Fen(t.AmountFen)
		d.book(Transfer, on, transferVoucher(t, request))
	}
	if o.Cover == eventv1.Cover_COVER_PENDING {
		d.bookPending(on, request)
	}
	err := d.sides()
	var short *Refusal
	if errors.As(err, &short) && short.Reason == FundOverdrawn && o.Cover == 0 {
		short.with("ways", "later_day, transfers, cover_pending")
	}
	return err
}

// bookPending books what each fund lacks, in the order of their ids.
func (d *decision) bookPending(on Day, request uint32) {
	v := &eventv1.Voucher{Narration: "挂账待扣", RequestNumber: request}
	for _, fund := range d.touchedFunds() {
		if short := -d.spare(fund, on); short > 0 {
			v.Postings = append(v.Postings, giveFund(fund, 0, -short)...)
		}
	}
	if len(v.Postings) > 0 {
		d.book(Transfer, on, v)
	}
}

func (d *decision) touchedFunds() (funds []string) {
	for _, v := range d.vouchers {
		for _, p := range v.Postings {
			if a := Account(p.Account); a.Kind() == KindFund {
				funds = append(funds, a.ID())
			}
		}
	}
	slices.Sort(funds)
	return slices.Compact(funds)
}
