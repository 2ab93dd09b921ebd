package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// clockSlackMax is how far the last record may be ahead of the clock before commands are refused.
const clockSlackMax = 10 * time.Minute

// accountsMax bounds the accounts of one collective, so that a month's totals fit into one event.
const accountsMax = 320

// Repeated says that the command was accepted before: its events begin at Version. It is an answer, not a refusal; the
// service compares the digests and gives the first answer again.
type Repeated struct{ Version uint64 }

func (r *Repeated) Error() string { return fmt.Sprintf("done before at version %d", r.Version) }

// Decide turns a command into the facts it makes true, or refuses it with a *Refusal, or finds it *Repeated. It looks at
// nothing but its arguments and changes none of them. The facts are consecutive versions of one atomic append; at most one
// of them, the last, moves money.
//
// Checks come in one order: repeated (the same id, or the same bank line with the same content), expected version, clock, role; then the command's own, among which purpose comes
// before balance, balance before resolution, resolution before approvals.
func Decide(s *Collective, c Command, m Meta) ([]*eventv1.Event, error) {
	if m.ID == uuid.Nil {
		return nil, refuse(IDInvalid).with("id", m.ID).at("command_id")
	}
	if v, ok := s.Accepted(m.ID); ok {
		return nil, &Repeated{v}
	}
	digest := Digest(c, collectiveOf(s, c), m.Actor)
	if v, ok := s.sameBankLine(c, digest); ok {
		return nil, &Repeated{v}
	}
	if m.Expected != nil && *m.Expected != s.version {
		return nil, refuse(VersionStale).with("expected", *m.Expected).with("actual", s.version).at("expected_version")
	}
	d := &decision{s: s, m: m, digest: digest, recorded: max(m.Now.UnixMicro(), s.recorded)}
	if s.recorded-m.Now.UnixMicro() > clockSlackMax.Microseconds() {
		return nil, refuse(ClockBehind).with("now", m.Now.In(s.zone).Format(time.DateTime)).with("last", s.LastRecorded().In(s.zone).Format(time.DateTime))
	}
	d.today = DayOf(time.UnixMicro(d.recorded), s.zone)
	if err := d.mayGive(c); err != nil {
		return nil, err
	}
	if err := c.decide(d); err != nil {
		return nil, err
	}
	return d.events, nil
}

// decision is one run of Decide.
type decision struct {
	s        *Collective
	m        Meta
	recorded int64 // recorded_at of the facts, µs
	today    Day   // the day of recorded in the collective's zone
	digest   [32]byte

	vouchers []*eventv1.Voucher        // numbered, for the posting fact
	incomes  []*eventv1.IncomeRecorded // how the incomes among them were split
	events   []*eventv1.Event
}

// collectiveOf is the collective's id, also for the command that founds it.
func collectiveOf(s *Collective, c Command) string {
	if f, ok := c.(*FoundCollective); ok {
		return f.Charter.GetCollectiveId()
	}
	return s.charter.GetCollectiveId()
}

// sameBankLine finds a live voucher made by a command of the same content that cites the same bank line: the line was entered
// before, and this is the same entry again (V16), whatever has happened since.
func (s *Collective) sameBankLine(c Command, digest [32]byte) (version uint64, ok bool) {
	cites, ok := c.(interface{ papers() []Document })
	if !ok {
		return 0, false
	}
	for _, doc := range cites.papers() {
		if p := s.papers[paperKey{doc.Kind, doc.Issuer, doc.Number}]; p != nil && doc.Kind == "bank_line" {
			if version, ok = p.citedBy(string(digest[:])); ok {
				return version, true
			}
		}
	}
	return 0, false
}

func (c *RecordIncome) papers() []Document   { return c.Documents }
func (c *ReceiveDeposit) papers() []Document { return c.Documents }
func (c *ReceiveGift) papers() []Document    { return c.Documents }
func (c *MoveMoney) papers() []Document      { return c.Documents }
func (c *RequestPayment) papers() []Document { return c.Documents }

// mayGive holds the role × command matrix. Founding is for the server's admins, which the caller has checked.
func (d *decision) mayGive(c Command) error {
	roles := Matrix[c.Name()]
	if d.s.charter == nil || roles == nil || MayGive(c.Name(), d.s.roles[d.m.Actor]) {
		return nil
	}
	return refuse(RoleMissing).with("operator", d.m.Actor).with("roles", roleNames(roles))
}

// MayGive says whether somebody who holds these roles, or none, may give a command.
func MayGive(command string, held []eventv1.Role) bool { return oneOf(Matrix[command], held) }

// oneOf says whether one of the roles held is allowed, or everybody is.
func oneOf(allowed, held []eventv1.Role) bool {
	return slices.ContainsFunc(allowed, func(r eventv1.Role) bool { return r == Anybody || slices.Contains(held, r) })
}

// founded refuses every command but the founding before it.
func (d *decision) founded() error {
	if d.s.charter == nil {
		return refuse(CollectiveUnknown).with("collective", "")
	}
	return nil
}

// emit adds a fact without money.
func (d *decision) emit(fact *eventv1.Event) {
	fact.Version = d.s.version + uint64(len(d.events)) + 1
	fact.RecordedAt = d.recorded
	fact.Actor = d.m.Actor
	fact.CommandId = d.m.ID[:]
	fact.CommandDigest = d.digest[:]
	d.events = append(d.events, fact)
}

// emitPosted adds the fact that books all vouchers of the command.
func (d *decision) emitPosted(fact *eventv1.Event) {
	fact.Vouchers = d.vouchers
	d.emit(fact)
}

// voucherDay checks a business day: it exists, lies in an open month, not before the first day and not after today.
func (d *decision) voucherDay(field string, on Day) error {
	charter := d.s.charter
	switch {
	case !on.Valid():
		return refuse(DateInvalid).with("date", on).at(field)
	case on < Day(charter.FirstDay):
		return refuse(DateBeforeFirst).with("date", on).with("first", Day(charter.FirstDay)).at(field)
	case on > d.today.Add(int(charter.HorizonDays)):
		return refuse(DateInFuture).with("date", on).with("today", d.today).at(field)
	case on < d.s.FirstOpenDay():
		return refuse(PeriodClosed).with("month", on.Month()).with("first_open", d.s.FirstOpenDay()).at(field)
	}
	return nil
}

// book numbers a voucher: the next of its class and year, in the order of the log.
func (d *decision) book(class Class, on Day, v *eventv1.Voucher) {
	key := series{class, on.Year()}
	number := uint32(len(d.s.vouchers[key])) + 1
	for _, earlier := range d.vouchers {
		if r := RefOf(earlier.Ref); r.Class == class && r.Year == key.year {
			number++
		}
	}
	v.Ref = VoucherRef{class, key.year, number}.Proto()
	v.OccurredOn = int32(on)
	d.vouchers = append(d.vouchers, v)
}

func line(a Account, amount Fen) *eventv1.Posting {
	return &eventv1.Posting{Account: string(a), AmountFen: int64(amount)}
}

// Matrix says which roles may give each command. FoundCollective is for the server's admins and has no roles here.
var Matrix = map[string][]eventv1.Role{
	"FoundCollective":       nil,
	"GrantRole":             {admin},
	"RevokeRole":            {admin},
	"RotateLogKey":          {admin},
	"OpenFund":              {approver},
	"OpenMoneyAccount":      {treasurer},
	"EnrolMembers":          {treasurer},
	"DepartMembers":         {treasurer},
	"RecordResolution":      {approver},
	"ConfirmResolution":     {supervisor},
	"AdoptPolicy":           {approver},
	"AdoptSpendingRule":     {approver},
	"ClosePeriod":           {treasurer},
	"RecordIncome":          {treasurer},
	"ReceiveDeposit":        {treasurer},
	"ReceiveGift":           {treasurer},
	"MoveMoney":             {treasurer},
	"BookTrueUp":            {treasurer},
	"ProposeOpening":        {treasurer},
	"ConfirmOpening":        {supervisor},
	"RequestPayment":        {treasurer},
	"RequestTransfer":       {treasurer},
	"RequestCorrection":     {treasurer},
	"RequestDividend":       {treasurer},
	"ReviewRequest":         {supervisor},
	"ApproveRequest":        {approver},
	"RejectRequest":         {approver, supervisor},
	"WithdrawRequest":       {treasurer},
	"SettlePayment":         {treasurer, cashier},
	"BookTransfer":          {treasurer},
	"BookCorrection":        {treasurer},
	"DeclareDividend":       {approver},
	"OpenGrantRound":        {treasurer},
	"AddApplicants":         {treasurer},
	"ReviewGrantRound":      {supervisor},
	"PublishGrantNotice":    {treasurer},
	"AwardGrants":           {approver},
	"PayGrant":              {treasurer, cashier},
	"CancelGrant":           {approver},
	"SendDividendFile":      {treasurer, cashier},
	"RecordDividendResults": {treasurer, cashier},

	"SetShares":              {treasurer},
	"ReadmitMembers":         {treasurer},
	"HoldPayee":              {approver, supervisor},
	"ReleaseHold":            {approver, supervisor},
	"RecordReturnedDividend": {treasurer, cashier},
	"RecordRefund":           {treasurer},
	"RecordFee":              {treasurer},
	"RecordReturnedIncome":   {treasurer},
	"CollectReceivable":      {treasurer},
	"RequestDepositReturn":   {treasurer},
	"AgreeGift":              {treasurer},
	"ChangeGiftPurpose":      {treasurer},
	"RatifyFlag":             {supervisor},
	"ExpireRequest":          {treasurer, approver, supervisor},
	"RemoveApplicants":       {treasurer},
	"RecordReturnedGrant":    {treasurer, cashier},
	"CancelGrantRound":       {approver},
	"RaiseObjection":         {supervisor, treasurer},
	"AnswerObjection":        {approver},
	"ReviewPeriod":           {supervisor},
	"ChangeBody":             {approver},
	"ChangeFund":             {approver},
	"PublishEdition":         {treasurer},
	"DiscloseRound":          {treasurer},
	"AdoptWitnessPolicy":     {approver},

	"KeepPersonalData": {treasurer},
	"RequestErasure":   {treasurer, supervisor},
	"ApproveErasure":   {approver, supervisor},
	"RejectErasure":    {approver, supervisor},

	"RaiseInquiry":   {Anybody},
	"PublishInquiry": {supervisor},
	"DeclineInquiry": {supervisor},
	"AnswerInquiry":  {approver, treasurer},
}

// Anybody stands in Matrix for everybody, also without a key: the only commands whose facts have no actor.
const Anybody = eventv1.Role_ROLE_UNSPECIFIED

const (
	treasurer  = eventv1.Role_ROLE_TREASURER
	approver   = eventv1.Role_ROLE_APPROVER
	supervisor = eventv1.Role_ROLE_SUPERVISOR
	cashier    = eventv1.Role_ROLE_CASHIER
	admin      = eventv1.Role_ROLE_ADMIN
)
