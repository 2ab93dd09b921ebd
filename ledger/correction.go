package ledger

import (
	"cmp"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// correctionBytesMax bounds the event of a correction, leaving room for what its booking adds.
const correctionBytesMax = eventstore.EventBytesMax - 1024

// This file decides about putting vouchers right (冲销、更正; 会计基础工作规范 art. 51): a reversal is the opposite voucher naming the
// first, with its recorded postings turned and never computed anew (V4); a correction is reversals and right vouchers booked
// and judged as one; a difference books only what an amount was wrong by. Nothing is ever edited.

// Recalls asks for the vouchers a correction is about.
func (c *RequestCorrection) Recalls(s *Collective) []uint64 {
	return s.locateAll(append(slices.Clone(c.Reverses), s.chain(c.DifferenceOf)...))
}

// Recalls asks for the vouchers an approved correction is about.
func (c *BookCorrection) Recalls(s *Collective) []uint64 {
	r := s.requests[c.Number]
	if r == nil {
		return nil
	}
	var refs []VoucherRef
	for _, ref := range r.fact.GetCorrection().GetReverses() {
		refs = append(refs, RefOf(ref))
	}
	return s.locateAll(append(refs, s.chain(RefOf(r.fact.GetCorrection().GetDifferenceOf()))...))
}

func (s *Collective) locateAll(refs []VoucherRef) []uint64 {
	var versions []uint64
	for _, ref := range refs {
		if v, ok := s.locate(ref); ok {
			versions = append(versions, v)
		}
	}
	return versions
}

// A correction names vouchers that stand, replaces only what it turns back, and passes every check of booking with the day
// it names or today's. It is then a request in the tier of its originals and replacements; when that asks for nothing it is
// booked at once.
func (c *RequestCorrection) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkText("narration", c.Narration, 200)); err != nil {
		return err
	}
	order, needs, err := d.correctionOrder(c)
	if err != nil {
		return err
	}
	if err := d.correct(order, 0); err != nil {
		return err
	}
	fact := &eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{Incomes: d.incomes}}}
	if size := proto.Size(&eventv1.Event{Vouchers: d.vouchers, Fact: fact.Fact}); size > correctionBytesMax {
		return refuse(TooMany).with("what", "bytes").with("max", correctionBytesMax).with("count", size).at("reverses")
	}
	if needs.none() {
		d.emitPosted(fact)
		return nil
	}
	d.vouchers, d.incomes = nil, nil // judged only; they are made again when booked
	d.ask(&eventv1.RequestMade{Order: &eventv1.RequestMade_Correction{Correction: order}}, needs)
	return nil
}

// Booking an approved correction makes its vouchers anew, with every check.
func (c *BookCorrection) decide(d *decision) error {
	r, err := d.acting(c.Number)
	if err != nil {
		return err
	}
	o, ok := r.fact.Order.(*eventv1.RequestMade_Correction)
	if !ok {
		return r.otherKind()
	}
	if err := d.correct(o.Correction, c.Number); err != nil {
		return err
	}
	if err := r.ready(len(r.approvedBy)); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_CorrectionMade{CorrectionMade: &eventv1.CorrectionMade{Number: c.Number, Incomes: d.incomes}}})
	return nil
}

// correctionOrder gives the stored form of a correction and what it demands.
func (d *decision) correctionOrder(c *RequestCorrection) (*eventv1.CorrectionOrder, demands, error) {
	order := &eventv1.CorrectionOrder{OccurredOn: int32(c.On), Narration: c.Narration}
	needs, err := d.coverOrder(c, order)
	if err != nil {
		return nil, needs, err
	}
	if c.DifferenceOf != (VoucherRef{}) {
		if len(c.Reverses) > 0 || len(c.Replacements) > 0 {
			return nil, needs, refuse(FieldInvalid).because("a difference stands alone, without reversals and replacements", "按差额更正不能同时冲销或重记").at("difference_of")
		}
		v, err := d.original("difference_of", c.DifferenceOf)
		if err != nil {
			return nil, needs, err
		}
		if err := checkAmount("right_amount", c.RightAmount); err != nil {
			return nil, needs, err
		}
		order.DifferenceOf, order.DifferenceFen = c.DifferenceOf.Proto(), int64(c.RightAmount-Amount(v))
		demanded, err := d.originalDemands(v, max(c.RightAmount, Amount(v)))
		return order, needs.and(demanded), err
	}
	if len(c.Reverses) == 0 {
		return nil, needs, refuse(CorrectionEmpty)
	}
	if n := max(len(c.Reverses), len(c.Replacements)); n > 20 {
		return nil, needs, refuse(TooMany).with("what", "vouchers").with("max", 20).with("count", n).at("reverses")
	}
	for i, ref := range c.Reverses {
		if slices.Contains(c.Reverses[:i], ref) {
			return nil, needs, refuse(RepeatedEntry).with("entry", ref).at("reverses")
		}
		v, err := d.original("reverses", ref)
		if err != nil {
			return nil, needs, err
		}
		demanded, err := d.originalDemands(v, Amount(v).abs())
		if err != nil {
			return nil, needs, err
		}
		needs = needs.and(demanded)
		order.Reverses = append(order.Reverses, ref.Proto())
	}
	for _, r := range c.Replacements {
		stored, demanded, err := d.replacementOrder(c, r)
		if err != nil {
			return nil, needs, err
		}
		needs = needs.and(demanded)
		order.Replacements = append(order.Replacements, stored)
	}
	return order, needs, nil
}

// original finds a voucher that can be put right: it exists, stands, is no reversal, and nothing rests on it.
func (d *decision) original(field string, ref VoucherRef) (*eventv1.Voucher, error) {
	version, ok := d.s.locate(ref)
	if !ok {
		return nil, refuse(VoucherUnknown).with("voucher", ref).at(field)
	}
	if by, done := d.s.settled[ref]; done {
		if _, reversal := d.s.reversals[by]; reversal {
			return nil, refuse(VoucherReversed).with("voucher", ref).at(field)
		}
		return nil, refuse(VoucherNotReversible).with("voucher", ref).because("it was put right by "+by.String()+"; put that one right", "它已由 "+by.String()+" 更正,请更正后者").at(field)
	}
	if _, reversal := d.s.reversals[ref]; reversal {
		return nil, refuse(VoucherIsReversal).with("voucher", ref).at(field)
	}
	for _, v := range d.m.Recalled[version].GetVouchers() {
		if RefOf(v.Ref) == ref {
			return v, d.nothingRestsOn(field, v)
		}
	}
	return nil, refuse(VoucherUnknown).with("voucher", ref).at(field)
}

// originalDemands is what putting a voucher right asks for: the tier for reversals when the rule has one, else the tier the
// original itself went through. Money in has none.
func (d *decision) originalDemands(v *eventv1.Voucher, amount Fen) (demands, error) {
	var op eventv1.Operation
	fund, purpose := fundOf(v), v.Purpose
	switch {
	case v.GrantRoundId != "": // a grant's payment touches no fund; its round does
		round := d.s.rounds[v.GrantRoundId].fact
		op, fund, purpose = eventv1.Operation_OPERATION_GRANT_ROUND, round.Fund, round.Purpose
	case v.DividendRunId != "":
		op, fund = eventv1.Operation_OPERATION_DIVIDEND, d.s.runs[v.DividendRunId].fund
	case v.Purpose != "" && bearsCost(v):
		op = eventv1.Operation_OPERATION_COST
	case returnsDeposit(v):
		op = eventv1.Operation_OPERATION_DEPOSIT_RETURN
	case v.Purpose != "":
		op = eventv1.Operation_OPERATION_PAYMENT
	case RefOf(v.Ref).Class == Transfer && v.ResolutionId != "":
		op = eventv1.Operation_OPERATION_TRANSFER
	case RefOf(v.Ref).Class == Transfer: // opening balances, which a supervisor confirmed; true-ups; what a fund left pending
		return demands{review: true}, nil
	}
	if needs, found := d.reversalDemands(v, fund, purpose, amount); found || op == 0 {
		return needs, nil
	}
	t, err := d.tier(op, fund, purpose, amount)
	if err != nil && (len(v.Flags) > 0 || v.Refunds != nil) { // booked where no tier speaks of it, and so a supervisor looks at it
		return demands{review: true}, nil
	}
	return demandsOf(t), err
}

// reversalDemands joins what the rule asks of a reversal for the original's fund and for every other fund it touches.
func (d *decision) reversalDemands(v *eventv1.Voucher, fund, purpose string, amount Fen) (needs demands, found bool) {
	funds := []string{fund}
	for _, p := range v.Postings {
		if a := Account(p.Account); a.Kind() == KindFund && a.ID() != fund {
			funds = append(funds, a.ID())
		}
	}
	for _, f := range funds {
		if t := d.s.findTier(eventv1.Operation_OPERATION_REVERSAL, f, purpose, amount); t != nil {
			needs, found = needs.and(demandsOf(t)), true
		}
	}
	return needs, found
}

// fundOf is the first fund a voucher touches, empty for none.
func fundOf(v *eventv1.Voucher) string {
	for _, p := range v.Postings {
		if a := Account(p.Account); a.Kind() == KindFund {
			return a.ID()
		}
	}
	return ""
}

func (d *decision) replacementOrder(c *RequestCorrection, r Replacement) (*eventv1.Replacement, demands, error) {
	if !slices.Contains(c.Reverses, r.Corrects) {
		return nil, demands{}, refuse(FieldInvalid).because("a replacement names one of the vouchers turned back", "重记的凭证必须对应一张被冲销的凭证").at("replacements.corrects")
	}
	stored := &eventv1.Replacement{Corrects: r.Corrects.Proto()}
	switch {
	case r.Inflow != nil && r.Payment == nil:
		in := r.Inflow
		if err := checkInflowForm(in); err != nil {
			return nil, demands{}, err
		}
		documents, err := storedPapers(in.Documents, in.Amount)
		stored.Order = &eventv1.Replacement_Inflow{Inflow: &eventv1.InflowOrder{Inflow: in.As, Kind: in.Kind, Fund: in.Fund, AmountFen: int64(in.Amount),
			Payer: in.Payer, Narration: in.Narration, MoneyAccount: in.Money, ResolutionId: in.Resolution, Documents: documents}}
		return stored, demands{}, err
	case r.Payment != nil && r.Inflow == nil:
		p := r.Payment
		if p.Gift != "" || p.Emergency {
			return nil, demands{}, refuse(FieldInvalid).because("a gift's payment or an emergency is turned back and asked for anew", "定向捐赠的支出和应急支出应先冲销,再重新申请").at("replacements.payment")
		}
		if _, err := d.paymentForm(p); err != nil {
			return nil, demands{}, err
		}
		t, err := d.tier(eventv1.Operation_OPERATION_PAYMENT, p.Fund, p.Purpose, p.Amount)
		if err != nil {
			return nil, demands{}, err
		}
		documents, err := storedPapers(p.Documents, p.Amount)
		stored.MoneyAccount = p.Money
		stored.Order = &eventv1.Replacement_Payment{Payment: &eventv1.PaymentOrder{Fund: p.Fund, Purpose: p.Purpose, AmountFen: int64(p.Amount),
			Payee: p.Payee, Narration: p.Narration, ResolutionId: p.Resolution, Documents: documents}}
		return stored, demandsOf(t), err
	}
	return nil, demands{}, refuse(FieldInvalid).because("a replacement is either money in or money out", "重记的凭证要么是收入,要么是支出").at("replacements")
}

// correct makes the vouchers of a correction and judges them as a whole.
func (d *decision) correct(o *eventv1.CorrectionOrder, request uint32) error {
	on := cmp.Or(Day(o.OccurredOn), d.today)
	if err := d.voucherDay("occurred_on", on); err != nil {
		return err
	}
	if o.DifferenceOf != nil {
		if err := d.bookDifference(o, on, request); err != nil {
			return err
		}
		return d.cover(o, on, request, map[string]Fen{})
	}
	restored := map[string]Fen{}
	for _, r := range o.Reverses {
		v, err := d.original("reverses", RefOf(r))
		if err != nil {
			return err
		}
		if err := notBefore(on, v); err != nil {
			return err
		}
		d.book(RefOf(v.Ref).Class, on, turned(v, o.Narration, request))
		restored[v.ResolutionId] += Fen(v.DrawnFen)
		if round := d.s.rounds[v.GrantRoundId]; round != nil && v.Party == "" {
			restored[v.ResolutionId] -= Fen(round.fact.BudgetFen) // the round holds its budget again
		}
	}
	if err := d.takenAgain(restored); err != nil {
		return err
	}
	for _, r := range o.Replacements {
		if err := d.bookReplacement(r, on, request, restored); err != nil {
			return err
		}
	}
	return d.cover(o, on, request, restored)
}

// takenAgain refuses reversals of what had given authority back (a cancelled grant, a lower amount) when somebody else has
// drawn it meanwhile.
func (d *decision) takenAgain(restored map[string]Fen) error {
	for _, id := range slices.Sorted(maps.Keys(restored)) {
		if r := d.s.resolutions[id]; r != nil && restored[id] < 0 && r.remaining()+restored[id] < 0 {
			return d.exhausted(id, r.left(), -restored[id]).at("reverses")
		}
	}
	return nil
}

func notBefore(on Day, v *eventv1.Voucher) error {
	if on < Day(v.OccurredOn) {
		return refuse(DateBeforeOriginal).with("date", on).with("voucher", RefOf(v.Ref)).with("original", Day(v.OccurredOn)).at("occurred_on")
	}
	return nil
}

// turned is the reversal of a voucher: everything it says, with the sign of every posting and of the authority turned.
func turned(v *eventv1.Voucher, narration string, request uint32) *eventv1.Voucher {
	back := &eventv1.Voucher{Narration: cmp.Or(narration, "冲销 "+RefOf(v.Ref).String()), Party: v.Party, Purpose: v.Purpose, IncomeKind: v.IncomeKind,
		PolicyVersion: v.PolicyVersion, TrueUpYear: v.TrueUpYear,
		ResolutionId: v.ResolutionId, DrawnFen: -v.DrawnFen, Documents: v.Documents, Corrects: v.Corrects, Reverses: v.Ref,
		Refunds: v.Refunds, Returns: v.Returns, GrantRoundId: v.GrantRoundId, DividendRunId: v.DividendRunId, DividendFile: v.DividendFile, RequestNumber: request, Negative: !v.Negative}
	for _, p := range v.Postings {
		back.Postings = append(back.Postings, &eventv1.Posting{Account: p.Account, AmountFen: -p.AmountFen, Party: p.Party})
	}
	return back
}

func (d *decision) bookReplacement(r *eventv1.Replacement, on Day, request uint32, restored map[string]Fen) error {
	var v *eventv1.Voucher
	class := Receipt
	if o := r.GetInflow(); o != nil {
		var err error
		in := &Inflow{As: o.Inflow, Kind: o.Kind, Fund: o.Fund, Amount: Fen(o.AmountFen), Money: o.MoneyAccount, Payer: o.Payer,
			Narration: o.Narration, Resolution: o.ResolutionId}
		var fact *eventv1.Event
		if v, fact, err = d.inflow(in, on); err != nil {
			return err
		}
		if income := fact.GetIncomeRecorded(); income != nil {
			d.incomes = append(d.incomes, income)
		}
		v.Documents = o.Documents
	} else {
		o := r.GetPayment()
		from, err := d.moneyAccount("replacements.money_account", r.MoneyAccount)
		if err != nil {
			return err
		}
		t, err := d.tier(eventv1.Operation_OPERATION_PAYMENT, o.Fund, o.Purpose, Fen(o.AmountFen))
		if err != nil {
			return err
		}
		// The term is judged by the day the money moved, not by the day the record is put right.
		day := on
		if wrong := d.recalled(RefOf(r.Corrects)); wrong != nil {
			day = Day(wrong.OccurredOn)
		}
		if err := d.authorityOn(day, o.ResolutionId, eventv1.Matter_MATTER_PAYMENT, t.ResolutionBody, o.Fund, o.Purpose, Fen(o.AmountFen), restored[o.ResolutionId]); err != nil {
			return err
		}
		restored[o.ResolutionId] -= Fen(o.AmountFen)
		class, v = Payment, paymentVoucher(o, from)
	}
	v.Corrects, v.RequestNumber = r.Corrects, request
	if err := d.stillCitable(v.Documents); err != nil {
		return err
	}
	d.book(class, on, v)
	return nil
}

// bookDifference books what an amount was wrong by, in the original's class. Income is split anew by the policy of its own
// day and each fund gets the difference of its parts; every other voucher has two postings that grow or shrink together.
func (d *decision) bookDifference(o *eventv1.CorrectionOrder, on Day, request uint32) error {
	v, err := d.original("difference_of", RefOf(o.DifferenceOf))
	if err != nil {
		return err
	}
	diff := Fen(o.DifferenceFen)
	switch {
	case diff == 0:
		return refuse(CorrectionEmpty)
	case v.IncomeKind != "" && v.Corrects != nil && d.s.settled[RefOf(v.Corrects)] == RefOf(v.Ref):
		return refuse(VoucherNotReversible).with("voucher", RefOf(v.Ref)).because("it is a difference of a split itself; turn it back instead", "它本身是分配的差额,请改用冲销").at("difference_of")
	case v.Negative:
		return refuse(VoucherNotReversible).with("voucher", RefOf(v.Ref)).because("it lowers an amount itself; turn it back instead", "它本身是调减的差额,请改用冲销").at("difference_of")
	case v.Refunds != nil || v.Returns != nil:
		return refuse(VoucherNotReversible).with("voucher", RefOf(v.Ref)).because("it gives back part of another voucher; turn it back and record it anew", "它是另一凭证的退回,请先冲销再重新登记").at("difference_of")
	case v.GrantRoundId != "" || v.DividendRunId != "" || v.TrueUpYear != 0 || v.IncomeKind == "" && len(v.Postings) != 2:
		return refuse(VoucherNotReversible).with("voucher", RefOf(v.Ref)).because("its amount belongs to a list; turn it back instead", "它的金额来自名单,请改用冲销").at("difference_of")
	}
	if err := notBefore(on, v); err != nil {
		return err
	}
	w := &eventv1.Voucher{Narration: cmp.Or(o.Narration, "更正 "+RefOf(v.Ref).String()), Party: v.Party, Purpose: v.Purpose, IncomeKind: v.IncomeKind, ResolutionId: v.ResolutionId,
		PolicyVersion: v.PolicyVersion, Corrects: v.Ref, RequestNumber: request, Negative: diff < 0}
	if v.DrawnFen != 0 {
		w.DrawnFen = int64(diff)
	}
	if err := d.mayLack(v, w, diff); err != nil {
		return err
	}
	for _, p := range d.differencePostings(v, diff) {
		if p.AmountFen != 0 {
			w.Postings = append(w.Postings, p)
		}
	}
	d.book(RefOf(v.Ref).Class, on, w)
	return nil
}

// mayLack flags what a difference lacks where the bank moved the money; where no money moved, the amount was a decision and
// is refused beyond its authority.
func (d *decision) mayLack(v, w *eventv1.Voucher, diff Fen) error {
	if RefOf(v.Ref).Class == Transfer {
		if r := d.s.resolutions[v.ResolutionId]; r != nil && v.DrawnFen != 0 && diff > r.left() {
			return d.exhausted(v.ResolutionId, r.left(), diff).at("right_amount")
		}
		return nil
	}
	total := diff
	for _, part := range d.s.chain(RefOf(v.Ref)) {
		total += Amount(d.recalled(part))
	}
	w.Flags = d.differenceFlags(v, total, diff)
	return nil
}

func (d *decision) differencePostings(v *eventv1.Voucher, diff Fen) []*eventv1.Posting {
	if v.IncomeKind == "" {
		var out []*eventv1.Posting
		for _, p := range v.Postings {
			amount := diff
			if p.AmountFen < 0 {
				amount = -diff
			}
			out = append(out, &eventv1.Posting{Account: p.Account, AmountFen: int64(amount), Party: p.Party})
		}
		return out
	}
	out := []*eventv1.Posting{}
	for _, p := range v.Postings {
		if Account(p.Account).Kind() == KindMoney {
			out = append(out, line(Account(p.Account), diff))
		}
	}
	policy := d.s.policies[v.PolicyVersion-1]
	for i, part := range d.splitDifference(policy, v, diff) {
		out = append(out, line(FundAccount(policy.Shares[i].Fund), -part))
	}
	return out
}

// nothingRestsOn refuses to turn back what later facts rest on: an award or declaration of which something is paid or sent.
func (d *decision) nothingRestsOn(field string, v *eventv1.Voucher) error {
	rests := refuse(VoucherNotReversible).with("voucher", RefOf(v.Ref))
	if r := d.s.rounds[v.GrantRoundId]; r != nil && RefOf(v.Ref).Class == Transfer && v.Party == "" && r.touched() {
		return rests.because("part of the award is paid or cancelled", "这一轮已有人领取或取消").at(field)
	}
	if d.s.returned[d.s.chain(RefOf(v.Ref))[0]] != 0 {
		return rests.because("part of its money came back or was taken back; turn that back first", "它已有退款或退票,请先冲销退款或退票").at(field)
	}
	if r := d.lastOfLine(v); r != nil {
		return r.at(field)
	}
	return d.dividendRests(field, v)
}

// checkInflowForm refuses fields that mean nothing for the kind of inflow: what is not looked at must not be stored.
func checkInflowForm(in *Inflow) error {
	extra := ""
	switch {
	case in.Gift != "":
		return refuse(FieldInvalid).because("money of a gift with its own purpose is turned back and received anew", "定向捐赠的收款应先冲销,再重新登记").at("replacements.gift_id")
	case in.As == eventv1.InflowKind_INFLOW_KIND_GIFT && (in.Kind != "" || in.Resolution != ""):
		extra = "kind"
	case in.As == eventv1.InflowKind_INFLOW_KIND_DEPOSIT && (in.Fund != "" || in.Resolution != ""):
		extra = "fund"
	case in.As == eventv1.InflowKind_INFLOW_KIND_INCOME && in.Fund == "" && in.Resolution != "":
		extra = "resolution_id"
	}
	if extra != "" {
		return refuse(FieldInvalid).because("it means nothing for this kind of money in", "这种收入不填此项").at("replacements." + extra)
	}
	return nil
}
