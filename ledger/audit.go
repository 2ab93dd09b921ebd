package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Audit (查账) folds a log that nobody has to be believed about. Evolve takes facts for facts; an Audit holds each event to what
// Decide promises of it, from the events before it alone, so that whoever has the log's key and writes events of his own is found
// at the first that the rules could not have made:
//
//   - the header: recorded no earlier than the one before, a command that was not given before, by somebody with a role for it;
//   - vouchers: numbered without a gap, in an open month and not in the future, on accounts that exist, none of which is on
//     its wrong side at the end of a day;
//   - income: split as the policy in force on its day says, recomputed to the fen;
//   - requests: numbered, their digest recomputed; reviewed and approved by others than their maker, in that order, for that
//     digest; settled when all are there, for what was asked;
//   - a witness policy: numbered, as well formed as AdoptWitnessPolicy wants it, by a resolution of the charter body;
//   - a rotation of the log's key: the next generation, from the key before; an edition: numbered, correcting one that stands; a
//     disclosure: of all lines of the round, once;
//   - personal data: each record committed to once; an erasure asked for by one and decided by another, once, of what was there and
//     could go;
//   - inquiries: numbered, due ten days after the day of receipt; worded or declined once, and answered after they were worded. They are
//     the only facts that somebody without a key can bring about;
//   - a closed month: the next one, when it is over, with the totals of the books and their digest.
//
// What rests on texts, papers, minutes and members is not judged again: the rules for them may change, and facts stay.
// The zero Audit is of no use; it is for one goroutine.
type Audit struct {
	state    *Collective
	stream   string    // its name, once it is known
	command  uuid.UUID // of the event before
	digest   []byte
	actor    string
	decision decision // used again for each event
}

// NewAudit begins before the first event.
func NewAudit() *Audit { return &Audit{state: NewCollective(), stream: StreamPrefix} }

// State is what the events so far made.
func (a *Audit) State() *Collective { return a.state }

// Balances gives every account that ever moved with its balance, positive on the account's own side, in no order.
func (a *Audit) Balances() iter.Seq2[Account, Fen] {
	return func(yield func(Account, Fen) bool) {
		for name, acc := range a.state.accounts {
			if !yield(name, name.Sign()*acc.Now()) {
				return
			}
		}
	}
}

// Add takes the next event. One that cannot follow those before it is a *eventstore.CorruptError, and the Audit ends there. It
// keeps what Evolve keeps.
func (a *Audit) Add(e *eventv1.Event) error {
	before, first := a.state.accepted.known(), a.command
	reason := a.examine(e)
	if reason == "" {
		if err := foldStored(a.state, a.stream, e); err != nil {
			return err
		}
		// Evolve has looked for the command already: looking twice is what costs most in a log of a million.
		if a.command != first && a.state.accepted.known() == before && e.Version > 1 {
			reason = "its command was given before"
		}
	}
	if a.stream == StreamPrefix {
		a.stream = StreamOf(a.state.charter.GetCollectiveId())
	}
	if reason != "" {
		return &eventstore.CorruptError{Stream: a.stream, Version: e.Version, Reason: reason}
	}
	return nil
}

// examine says in one sentence why an event cannot follow; empty when it can.
func (a *Audit) examine(e *eventv1.Event) (reason string) {
	defer func() {
		if r := recover(); r != nil { // it names what is not there
			reason = fmt.Sprintf("%s cannot follow what stands before it: %v", TypeName(e), r)
		}
	}()
	s := a.state
	if e.Version != s.version+1 {
		return fmt.Sprintf("it is event %d where %d is due", e.Version, s.version+1)
	}
	if (e.GetCollectiveFounded() != nil) != (e.Version == 1) {
		return "a collective is founded by its first event and by no other"
	}
	if e.RecordedAt < s.recorded {
		return fmt.Sprintf("it was recorded before event %d", s.version)
	}
	if reason := a.examineCommand(e); reason != "" {
		return reason
	}
	if e.Version == 1 {
		if len(e.Vouchers) > 0 {
			return "a founding moves no money"
		}
		return ""
	}
	d := &a.decision
	*d = decision{s: s, m: Meta{Actor: e.Actor}, recorded: e.RecordedAt, today: DayOf(time.UnixMicro(e.RecordedAt), s.zone)}
	if reason := s.examineVouchers(d, e); reason != "" {
		return reason
	}
	return s.examineFact(d, e)
}

// examineCommand holds that a command is given once, its events standing together, by somebody who may give it.
func (a *Audit) examineCommand(e *eventv1.Event) string {
	id, err := uuid.FromBytes(e.CommandId)
	if err != nil || len(e.CommandDigest) != sha256.Size {
		return "it has no command"
	}
	if id == uuid.Nil {
		return "it has no command"
	}
	if id != a.command { // whether it was given before Add sees
		a.command, a.digest, a.actor = id, append(a.digest[:0], e.CommandDigest...), strings.Clone(e.Actor)
	} else if !bytes.Equal(e.CommandDigest, a.digest) || e.Actor != a.actor {
		return "its command is another than that of the event before, with the same id"
	}
	if e.Actor == "" && !Anonymous(e) {
		return "nobody gave its command"
	}
	if may := givers[reflect.TypeOf(e.Fact)]; may != nil && a.state.charter != nil {
		if !oneOf(may, a.state.roles[e.Actor]) {
			return fmt.Sprintf("%s has none of the roles for it (%s)", e.Actor, roleNames(may))
		}
	}
	return ""
}

// examineVouchers holds what every voucher of an event must be, beyond what checkVoucher saw to when it was decoded.
func (s *Collective) examineVouchers(d *decision, e *eventv1.Event) string {
	for i, v := range e.Vouchers {
		ref, on := RefOf(v.Ref), Day(v.OccurredOn)
		next := uint32(len(s.vouchers[series{ref.Class, ref.Year}])) + 1
		for _, u := range e.Vouchers[:i] {
			if u.Ref.GetClass() == ref.Class && int(u.Ref.GetYear()) == ref.Year {
				next++
			}
		}
		if ref.Number != next {
			return fmt.Sprintf("voucher %v comes where number %d is due", ref, next)
		}
		if err := d.voucherDay("occurred_on", on); err != nil {
			return fmt.Sprintf("voucher %v: %s", ref, reasonOf(err))
		}
		for _, p := range v.Postings {
			if reason := s.examineAccount(Account(p.Account)); reason != "" {
				return fmt.Sprintf("voucher %v %s", ref, reason)
			}
		}
		if v.Reverses != nil {
			if reason := s.examineReversal(v, e.Vouchers[:i]); reason != "" {
				return fmt.Sprintf("voucher %v %s", ref, reason)
			}
		}
	}
	if s.mayFallShort(e.Vouchers) {
		d.vouchers = e.Vouchers
		err := d.sides()
		d.vouchers = nil
		if err != nil {
			return reasonOf(err)
		}
	}
	return ""
}

// examineAccount knows an account that was booked before, and for another looks whether it was opened.
func (s *Collective) examineAccount(a Account) string {
	if s.accounts[a] != nil {
		return ""
	}
	known := a.Valid()
	switch a.Kind() {
	case KindMoney:
		_, known = s.money[a.ID()]
	case KindFund:
		known = s.funds[a.ID()] != nil
	case KindGift:
		known = s.gifts[a.ID()] != nil
	}
	if !known {
		return fmt.Sprintf("is booked on %s, which was never opened", clip(string(a)))
	}
	return ""
}

// examineReversal holds that a voucher is turned back once, and is no reversal itself.
func (s *Collective) examineReversal(v *eventv1.Voucher, before []*eventv1.Voucher) string {
	original := RefOf(v.Reverses)
	_, known := s.locate(original)
	_, reversal := s.reversals[original]
	switch by, done := s.settled[original]; {
	case !known:
		return "turns back the unknown voucher " + original.String()
	case reversal:
		return fmt.Sprintf("turns back %v, which is a reversal", original)
	case done:
		if _, again := s.reversals[by]; again {
			return fmt.Sprintf("turns back %v, which %v has turned back", original, by)
		}
	case slices.ContainsFunc(before, func(u *eventv1.Voucher) bool { return u.Reverses != nil && RefOf(u.Reverses) == original }):
		return fmt.Sprintf("turns back %v twice", original)
	}
	return ""
}

// mayFallShort says whether sides has to look: cheap for the many vouchers that leave every account on its own side today and
// come after all that is booked.
func (s *Collective) mayFallShort(vouchers []*eventv1.Voucher) bool {
	if len(vouchers) != 1 {
		return len(vouchers) > 0
	}
	v := vouchers[0]
	for i, p := range v.Postings {
		name, amount := Account(p.Account), Fen(p.AmountFen)
		acc := s.accounts[name]
		if acc == nil {
			return true
		}
		if _, fits := acc.gross.Add(amount.abs()); !fits || partyOf(p) != "" {
			return true
		}
		if sign := name.Sign(); sign*amount < 0 && (sign*(acc.Now()+amount) < 0 || acc.Last() > Day(v.OccurredOn)) {
			return true
		}
		for _, q := range v.Postings[:i] {
			if q.Account == p.Account {
				return true
			}
		}
	}
	return false
}

// examineFact recomputes what a fact says of money, and who agreed to it.
func (s *Collective) examineFact(d *decision, e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_IncomeRecorded:
		if len(e.Vouchers) != 1 {
			return "it is an income without its voucher"
		}
		return s.examineSplit(d, e.Vouchers[0], f.IncomeRecorded)
	case *eventv1.Event_CorrectionMade:
		if r := s.requests[f.CorrectionMade.Number]; f.CorrectionMade.Number != 0 {
			if reason := d.examineSettled(r, r.fact.GetCorrection() != nil); reason != "" {
				return reason
			}
		}
		return s.examineIncomes(d, e.Vouchers, f.CorrectionMade.Incomes)
	case *eventv1.Event_PeriodClosed:
		return s.examineClosing(d, f.PeriodClosed)
	case *eventv1.Event_PolicyAdopted:
		if int(f.PolicyAdopted.Version) != len(s.policies)+1 {
			return fmt.Sprintf("policy %d comes where %d is due", f.PolicyAdopted.Version, len(s.policies)+1)
		}
	case *eventv1.Event_WitnessPolicyAdopted:
		return d.examineWitnessPolicy(f.WitnessPolicyAdopted)
	case *eventv1.Event_LogKeyRotated:
		c := f.LogKeyRotated
		return reasonOf((&RotateLogKey{Generation: c.Generation, OldKey: c.OldKey, NewKey: c.NewKey}).decide(d))
	case *eventv1.Event_EditionPublished:
		return d.examineEdition(f.EditionPublished)
	case *eventv1.Event_RoundDisclosed:
		c := f.RoundDisclosed
		tree := SumTree{Root: [sha256.Size]byte(c.Root), Count: c.Count, Total: Fen(c.TotalFen), Record: [16]byte(c.Record)}
		return reasonOf((&DiscloseRound{Kind: c.Kind, Round: c.Id, Tree: tree}).decide(d))
	case *eventv1.Event_PersonalDataCommitted:
		if id := uuid.UUID(f.PersonalDataCommitted.Record); s.personal.records[id] != nil {
			return fmt.Sprintf("the record %v was committed to before", id)
		}
	case *eventv1.Event_ErasureRequested:
		return d.examineErasure(f.ErasureRequested)
	case *eventv1.Event_ErasureApproved:
		return reasonOf((&ApproveErasure{Number: f.ErasureApproved.Number}).decide(d))
	case *eventv1.Event_ErasureRejected:
		return reasonOf((&RejectErasure{Number: f.ErasureRejected.Number}).decide(d))
	case *eventv1.Event_InquiryReceived, *eventv1.Event_InquiryPublished, *eventv1.Event_InquiryDeclined, *eventv1.Event_InquiryAnswered:
		return d.examineInquiry(e)
	case *eventv1.Event_RequestMade:
		return s.examineRequest(f.RequestMade)
	case *eventv1.Event_RequestReviewed:
		return d.examineStep(&ReviewRequest{Number: f.RequestReviewed.Number, Digest: f.RequestReviewed.Digest}, f.RequestReviewed.Digest)
	case *eventv1.Event_RequestApproved:
		return d.examineStep(&ApproveRequest{Number: f.RequestApproved.Number, Digest: f.RequestApproved.Digest}, f.RequestApproved.Digest)
	case *eventv1.Event_RequestWithdrawn:
		return reasonOf((&WithdrawRequest{Number: f.RequestWithdrawn.Number}).decide(d))
	case *eventv1.Event_RequestExpired:
		return reasonOf((&ExpireRequest{Number: f.RequestExpired.Number}).decide(d))
	case *eventv1.Event_RequestRejected:
		_, err := d.open(f.RequestRejected.Number)
		return reasonOf(err)
	case *eventv1.Event_PaymentSettled:
		r := s.requests[f.PaymentSettled.Number]
		if reason := d.examineSettled(r, r != nil && r.fact.GetPayment() != nil); reason != "" {
			return reason
		}
		return examineOrdered(e.Vouchers, paymentBooking(r.fact.GetPayment(), MoneyAccount(f.PaymentSettled.MoneyAccount)))
	case *eventv1.Event_TransferMade:
		r := s.requests[f.TransferMade.Number]
		if reason := d.examineSettled(r, r != nil && r.fact.GetTransfer() != nil); reason != "" {
			return reason
		}
		return examineOrdered(e.Vouchers, transferBooking(r.fact.GetTransfer()))
	case *eventv1.Event_DepositReturned:
		r := s.requests[f.DepositReturned.Number]
		return d.examineSettled(r, r != nil && r.fact.GetDepositReturn() != nil)
	case *eventv1.Event_DividendDeclared:
		r := s.requests[f.DividendDeclared.RequestNumber]
		return d.examineSettled(r, r != nil && r.fact.GetDividend() != nil)
	}
	return ""
}

// examineSplit divides an income again. d.vouchers are those of the same event that come before it.
func (s *Collective) examineSplit(d *decision, v *eventv1.Voucher, f *eventv1.IncomeRecorded) string {
	on := Day(v.OccurredOn)
	amount := Fen(v.Postings[0].AmountFen)
	wrong := func(format string, args ...any) string {
		return fmt.Sprintf("voucher %v: ", RefOf(v.Ref)) + fmt.Sprintf(format, args...)
	}
	policy := s.policyFor(f.Kind, on)
	if amount <= 0 || Account(v.Postings[0].Account).Kind() != KindMoney {
		return wrong("an income begins with the money that came in")
	}
	if f.PolicyVersion == 0 {
		switch {
		case policy != nil:
			return wrong("policy %d splits this kind of income, and it was not split", policy.Version)
		case len(f.Parts) != 1 || len(v.Postings) != 2 || v.Postings[1].Account != string(FundAccount(f.Parts[0].Fund)) || Fen(f.Parts[0].AmountFen) != amount:
			return wrong("its fund has not got what came in")
		}
		return ""
	}
	if policy == nil || policy.Version != f.PolicyVersion || v.PolicyVersion != f.PolicyVersion || v.IncomeKind != f.Kind || f.Rounding != policy.Rounding {
		return wrong("it was not split by the policy that is in force for %s on %v", clip(f.Kind), on)
	}
	parts, odd := d.split(policy, amount)
	if len(f.Parts) != len(parts) {
		return wrong("policy %d has %d parts, not %d", policy.Version, len(parts), len(f.Parts))
	}
	postings := v.Postings[1:]
	for i, share := range policy.Shares {
		var cleared Fen
		if s.accounts[ReceivablePending] != nil || len(d.vouchers) > 0 {
			cleared = min(parts[i], d.pending(share.Fund, on))
		}
		p := f.Parts[i]
		if p.Fund != share.Fund || p.Share.GetNumerator() != share.Share.Numerator || p.Share.GetDenominator() != share.Share.Denominator ||
			Fen(p.AmountFen) != parts[i] || Fen(p.OddFen) != odd[i] || Fen(p.ClearedFen) != cleared {
			return wrong("policy %d gives %v of %v to the fund %s, it says %v to %s", policy.Version, parts[i], amount, share.Fund, Fen(p.AmountFen), clip(p.Fund))
		}
		for _, want := range [2]struct {
			kind, id string
			amount   Fen
		}{{KindFund, share.Fund, cleared - parts[i]}, {KindReceivable, "pending", -cleared}} {
			if want.amount == 0 {
				continue
			}
			if len(postings) == 0 || Fen(postings[0].AmountFen) != want.amount || !isAccount(postings[0].Account, want.kind, want.id) {
				return wrong("its postings are not the parts of policy %d", policy.Version)
			}
			postings = postings[1:]
		}
	}
	if len(postings) > 0 {
		return wrong("its postings are more than the parts of policy %d", policy.Version)
	}
	return ""
}

func isAccount(path, kind, id string) bool {
	return len(path) == len(kind)+1+len(id) && path[:len(kind)] == kind && path[len(kind)] == '/' && path[len(kind)+1:] == id
}

// examineIncomes divides again what a correction booked anew, each income after the vouchers before it.
func (s *Collective) examineIncomes(d *decision, vouchers []*eventv1.Voucher, incomes []*eventv1.IncomeRecorded) string {
	back := map[VoucherRef]bool{}
	defer func() { d.vouchers = nil }()
	for i, v := range vouchers {
		if v.Reverses != nil {
			back[RefOf(v.Reverses)] = true
			continue
		}
		if v.Corrects == nil || !back[RefOf(v.Corrects)] || v.IncomeKind == "" {
			continue
		}
		for len(incomes) > 0 && incomes[0].PolicyVersion == 0 { // of a fund by a resolution: nothing was split
			incomes = incomes[1:]
		}
		if len(incomes) == 0 {
			return fmt.Sprintf("voucher %v does not say how it was split", RefOf(v.Ref))
		}
		d.vouchers = vouchers[:i]
		if reason := s.examineSplit(d, v, incomes[0]); reason != "" {
			return reason
		}
		incomes = incomes[1:]
	}
	return ""
}

// examineClosing holds that months close in order, when they are over, with what the books say.
func (s *Collective) examineClosing(d *decision, f *eventv1.PeriodClosed) string {
	month := Month(f.Month)
	if next := s.FirstOpenDay().Month(); month != next {
		return fmt.Sprintf("month %v is closed where %v is due", month, next)
	}
	if d.today <= month.Last() {
		return fmt.Sprintf("month %v was not over", month)
	}
	totals := s.totals(month)
	same := func(a, b *eventv1.AccountTotal) bool {
		return a.Account == b.Account && a.OpeningFen == b.OpeningFen && a.DebitFen == b.DebitFen && a.CreditFen == b.CreditFen && a.ClosingFen == b.ClosingFen
	}
	for i, t := range totals {
		if i >= len(f.Totals) || !same(t, f.Totals[i]) {
			return fmt.Sprintf("the statement of %v does not have the totals of %s", month, t.Account)
		}
	}
	if len(f.Totals) != len(totals) {
		return fmt.Sprintf("the statement of %v has accounts that never moved", month)
	}
	if digest := sha256.Sum256([]byte(StatementText(s.charter.CollectiveId, month, totals))); !bytes.Equal(digest[:], f.StatementSha256) {
		return fmt.Sprintf("the digest of the statement of %v is not that of its totals", month)
	}
	return ""
}

func (s *Collective) examineRequest(f *eventv1.RequestMade) string {
	if f.Number != s.requested+1 {
		return fmt.Sprintf("request %d comes where %d is due", f.Number, s.requested+1)
	}
	if digest := orderDigest(s.charter.CollectiveId, f); !bytes.Equal(digest[:], f.Digest) {
		return fmt.Sprintf("the digest of request %d is not that of what it asks for", f.Number)
	}
	return ""
}

// examineStep holds that a review or an approval could be given, and names what was seen.
func (d *decision) examineStep(c Command, digest []byte) string {
	if len(digest) == 0 {
		return "it does not say what was seen"
	}
	return reasonOf(c.decide(d))
}

// examineSettled holds that a request is open, of the right kind, and has all it needs.
func (d *decision) examineSettled(r *request, kind bool) string {
	switch {
	case r == nil:
		return "it settles a request that is not open"
	case !kind:
		return fmt.Sprintf("it settles request %d, which asks for something else", r.fact.Number)
	}
	if err := r.ready(len(r.approvedBy)); err != nil {
		return reasonOf(err)
	}
	return ""
}

// examineOrdered holds that what was booked is what was asked for.
func examineOrdered(vouchers []*eventv1.Voucher, want booking) string {
	if len(vouchers) != 1 {
		return "it settles a request without its voucher"
	}
	v := vouchers[0]
	posted := func(i int, on Account, amount Fen) bool {
		return v.Postings[i].Account == string(on) && v.Postings[i].AmountFen == int64(amount)
	}
	same := len(v.Postings) == 2 && posted(0, want.bearer, want.amount) && posted(1, want.other, -want.amount)
	if !same || Fen(v.DrawnFen) != want.drawn || v.ResolutionId != want.resolution || v.Purpose != want.purpose || v.Party != want.party {
		return fmt.Sprintf("voucher %v is not what was asked for", RefOf(v.Ref))
	}
	return ""
}

// reasonOf is why the rules refuse; empty when they do not.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return strings.TrimSuffix(refusal.English(), ".")
	}
	return err.Error()
}

// givers are the roles by which a fact can come about: those of the commands that make it true. A founding has none, and neither
// has a fact that is not named here.
var givers = func() map[reflect.Type][]eventv1.Role {
	m := map[reflect.Type][]eventv1.Role{}
	for _, of := range []struct {
		fact     any
		commands []string
	}{
		{(*eventv1.Event_FundOpened)(nil), []string{"OpenFund"}},
		{(*eventv1.Event_RoleGranted)(nil), []string{"GrantRole"}},
		{(*eventv1.Event_RoleRevoked)(nil), []string{"RevokeRole"}},
		{(*eventv1.Event_MoneyAccountOpened)(nil), []string{"OpenMoneyAccount"}},
		{(*eventv1.Event_MembersEnrolled)(nil), []string{"EnrolMembers"}},
		{(*eventv1.Event_MembersDeparted)(nil), []string{"DepartMembers"}},
		{(*eventv1.Event_MembersReadmitted)(nil), []string{"ReadmitMembers"}},
		{(*eventv1.Event_SharesSet)(nil), []string{"SetShares"}},
		{(*eventv1.Event_BodyChanged)(nil), []string{"ChangeBody"}},
		{(*eventv1.Event_FundChanged)(nil), []string{"ChangeFund"}},
		{(*eventv1.Event_WitnessPolicyAdopted)(nil), []string{"AdoptWitnessPolicy"}},
		{(*eventv1.Event_LogKeyRotated)(nil), []string{"RotateLogKey"}},
		{(*eventv1.Event_EditionPublished)(nil), []string{"PublishEdition"}},
		{(*eventv1.Event_RoundDisclosed)(nil), []string{"DiscloseRound"}},
		{(*eventv1.Event_PersonalDataCommitted)(nil), []string{"KeepPersonalData"}},
		{(*eventv1.Event_ErasureRequested)(nil), []string{"RequestErasure"}},
		{(*eventv1.Event_ErasureApproved)(nil), []string{"ApproveErasure"}},
		{(*eventv1.Event_ErasureRejected)(nil), []string{"RejectErasure"}},
		{(*eventv1.Event_InquiryReceived)(nil), []string{"RaiseInquiry"}},
		{(*eventv1.Event_InquiryPublished)(nil), []string{"PublishInquiry"}},
		{(*eventv1.Event_InquiryDeclined)(nil), []string{"DeclineInquiry"}},
		{(*eventv1.Event_InquiryAnswered)(nil), []string{"AnswerInquiry"}},
		{(*eventv1.Event_ResolutionRecorded)(nil), []string{"RecordResolution"}},
		{(*eventv1.Event_ResolutionConfirmed)(nil), []string{"ConfirmResolution"}},
		{(*eventv1.Event_PolicyAdopted)(nil), []string{"AdoptPolicy"}},
		{(*eventv1.Event_SpendingRuleAdopted)(nil), []string{"AdoptSpendingRule"}},
		{(*eventv1.Event_PeriodClosed)(nil), []string{"ClosePeriod"}},
		{(*eventv1.Event_PeriodReviewed)(nil), []string{"ReviewPeriod"}},
		{(*eventv1.Event_IncomeRecorded)(nil), []string{"RecordIncome"}},
		{(*eventv1.Event_DepositReceived)(nil), []string{"ReceiveDeposit"}},
		{(*eventv1.Event_GiftReceived)(nil), []string{"ReceiveGift"}},
		{(*eventv1.Event_GiftAgreed)(nil), []string{"AgreeGift"}},
		{(*eventv1.Event_GiftPurposeChanged)(nil), []string{"ChangeGiftPurpose"}},
		{(*eventv1.Event_MoneyMoved)(nil), []string{"MoveMoney"}},
		{(*eventv1.Event_OpeningProposed)(nil), []string{"ProposeOpening"}},
		{(*eventv1.Event_OpeningConfirmed)(nil), []string{"ConfirmOpening"}},
		{(*eventv1.Event_RefundReceived)(nil), []string{"RecordRefund"}},
		{(*eventv1.Event_IncomeReturned)(nil), []string{"RecordReturnedIncome"}},
		{(*eventv1.Event_ReceivableCollected)(nil), []string{"CollectReceivable"}},
		{(*eventv1.Event_FeeCharged)(nil), []string{"RecordFee"}},
		{(*eventv1.Event_RequestMade)(nil), []string{"RequestPayment", "RequestTransfer", "RequestCorrection", "RequestDividend", "RequestDepositReturn"}},
		{(*eventv1.Event_RequestReviewed)(nil), []string{"ReviewRequest"}},
		{(*eventv1.Event_RequestApproved)(nil), []string{"ApproveRequest"}},
		{(*eventv1.Event_RequestRejected)(nil), []string{"RejectRequest"}},
		{(*eventv1.Event_RequestWithdrawn)(nil), []string{"WithdrawRequest"}},
		{(*eventv1.Event_RequestExpired)(nil), []string{"ExpireRequest"}},
		{(*eventv1.Event_PaymentSettled)(nil), []string{"SettlePayment", "RequestPayment", "ApproveRequest"}},
		{(*eventv1.Event_TransferMade)(nil), []string{"BookTransfer"}},
		{(*eventv1.Event_CorrectionMade)(nil), []string{"BookCorrection", "RequestCorrection"}},
		{(*eventv1.Event_DepositReturned)(nil), []string{"SettlePayment", "RequestDepositReturn"}},
		{(*eventv1.Event_FlagRatified)(nil), []string{"RatifyFlag"}},
		{(*eventv1.Event_TrueUpBooked)(nil), []string{"BookTrueUp"}},
		{(*eventv1.Event_GrantRoundOpened)(nil), []string{"OpenGrantRound"}},
		{(*eventv1.Event_GrantApplicantsAdded)(nil), []string{"AddApplicants"}},
		{(*eventv1.Event_GrantApplicantsRemoved)(nil), []string{"RemoveApplicants"}},
		{(*eventv1.Event_GrantRoundReviewed)(nil), []string{"ReviewGrantRound"}},
		{(*eventv1.Event_GrantNoticePublished)(nil), []string{"PublishGrantNotice"}},
		{(*eventv1.Event_GrantsAwarded)(nil), []string{"AwardGrants"}},
		{(*eventv1.Event_GrantPaid)(nil), []string{"PayGrant"}},
		{(*eventv1.Event_GrantCancelled)(nil), []string{"CancelGrant"}},
		{(*eventv1.Event_GrantReturned)(nil), []string{"RecordReturnedGrant"}},
		{(*eventv1.Event_GrantRoundCancelled)(nil), []string{"CancelGrantRound"}},
		{(*eventv1.Event_GrantObjectionRaised)(nil), []string{"RaiseObjection"}},
		{(*eventv1.Event_GrantObjectionAnswered)(nil), []string{"AnswerObjection"}},
		{(*eventv1.Event_EntitlementsListed)(nil), []string{"DeclareDividend"}},
		{(*eventv1.Event_DividendDeclared)(nil), []string{"DeclareDividend"}},
		{(*eventv1.Event_DividendFileSent)(nil), []string{"SendDividendFile"}},
		{(*eventv1.Event_DividendFileSettled)(nil), []string{"RecordDividendResults"}},
		{(*eventv1.Event_DividendReturned)(nil), []string{"RecordReturnedDividend"}},
		{(*eventv1.Event_PayeeHeld)(nil), []string{"HoldPayee"}},
		{(*eventv1.Event_PayeeReleased)(nil), []string{"ReleaseHold"}},
	} {
		for _, c := range of.commands {
			m[reflect.TypeOf(of.fact)] = append(m[reflect.TypeOf(of.fact)], Matrix[c]...)
		}
	}
	return m
}()
